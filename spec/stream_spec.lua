-- A model's own events, however they come and however they end.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local KEY = "id:secret-key-value"
local PUC51 = _VERSION == "Lua 5.1" and not jit


local function client(opt)
  opt = opt or {}
  opt.base_url, opt.credentials = server.url, opt.credentials or KEY
  opt.retry = { max = 3, base_delay = 0.01, max_delay = 0.05 }
  return fal.client(opt)
end


local function open(play, opt, c)
  return assert((c or client()):stream("fault/sse/" .. play, opt or { input = {} }))
end


local function all(stream)
  local list = {}
  for event in stream do list[#list + 1] = event end
  return list
end


-- Whether the server saw the client leave the first request of its log.
local function left()
  for n = 1, 9 do
    local stats = server.wait("hungup", n)
    if server.log()[1].state == "hungup" then return true end
    if stats.hungup < n then return false end
  end
end


local THREE = { { n = 1, text = "a" }, { n = 2, text = "\195\169\226\130\172\240\159\142\168" }, { n = 3, text = "c" } }


describe("fal.stream", function ()
  before_each(function () server.forget() end)

  it("posts the input and accepts events", function ()
    local stream = open("plain", { input = { a = 1 }, headers = { ["X-Mine"] = "1" }, hint = "warm", start_timeout = 9 })
    assert.same(THREE, all(stream))
    local r = server.last()
    assert.equal("POST", r.method)
    assert.equal("/fault/sse/plain/stream", r.path)
    assert.equal('{"a":1}', r.body)
    assert.equal("text/event-stream", r.headers.accept)
    assert.equal("Key " .. KEY, r.headers.authorization)
    assert.equal("1", r.headers["x-mine"])
    assert.equal("warm", r.headers["x-fal-runner-hint"])
    assert.equal("9", (r.headers["x-fal-request-timeout"]:gsub("%.0$", "")))
  end)

  it("puts /stream after the id once, or the path that is given", function ()
    assert(open("plain/stream"):done())
    assert.equal("/fault/sse/plain/stream", server.last().path)
    assert(open("plain", { path = "/events" }):done())
    assert.equal("/fault/sse/plain/events", server.last().path)
    assert(open("plain/upstream"):done())
    assert.equal("/fault/sse/plain/upstream/stream", server.last().path)
  end)

  for _, play in ipairs { "bytewise", "crlf", "cr" } do
    it("events byte by byte: " .. play, function () assert.same(THREE, all(open(play))) end)
  end

  it("events in two pieces, wherever they part", function ()
    local c, list = client(), {}
    for n = 1, 110 do
      list[n] = function () return all(open("split/" .. n, nil, c)) end
      if PUC51 then list[n] = function () return open("split/" .. n, nil, c):done() end end
    end
    for n, r in ipairs(fal.gather(list, { limit = 10 })) do
      assert.is_true(r.ok, tostring(r.err))
      assert.same(PUC51 and THREE[3] or THREE, r.result, "split at " .. n)
    end
  end)

  it("data of several lines is one event", function () assert.same({ { a = { 1, 2 } } }, all(open "multi")) end)
  it("comments and other fields are passed over", function () assert.same({ 1, 2 }, all(open "comments")) end)
  it("data that is no JSON comes as text", function ()
    assert.same({ "not JSON", '{"ok":tru', 3 }, all(open "text"))
  end)
  it("false, 0, \"\" and null are events", function ()
    local list = all(open "values")
    assert.equal(6, #list)
    assert.equal(0, list[1])
    assert.is_false(list[2])
    assert.equal("", list[3])
    assert.equal(fal.null, list[4])
    assert.same({}, list[5])
    assert.equal("end", list[6])
  end)
  it("an event that was never ended is none", function () assert.same({ 1 }, all(open "untidy")) end)
  it("anything else comes as bytes", function ()
    assert.equal("\0\1\2data: 1\n\n" .. ("\255"):rep(100), table.concat(all(open "binary")))
  end)

  it("ten thousand events in order", function ()
    local n = 0
    for event in open "many/10000" do
      n = n + 1
      assert.equal(n, event.n)
    end
    assert.equal(10000, n)
  end)

  it("works in a task while others run", function ()
    local c, ticks, go = client(), 0, true
    local ticker = fal.async(function ()
      while go do
        fal.sleep(0.005)
        ticks = ticks + 1
      end
    end)
    local task = fal.async(function () return open("slow/5", nil, c):done() end)
    assert.equal(5, task:await())
    go = false
    ticker:await()
    assert.is_true(ticks > 3)
  end)
end)


describe("stream:done", function ()
  it("gives the last event and the meta", function ()
    local last, meta = open("plain"):done()
    assert.same(THREE[3], last)
    assert.equal(200, meta.status)
    assert.equal(3, meta.billable_units)
    assert.equal("fault/sse/plain", meta.endpoint_id)
    assert.equal(1, meta.attempts)
    assert.equal("text/event-stream", meta.headers["content-type"])
  end)

  it("gives the same after the events were read, and again", function ()
    local stream = open "plain"
    all(stream)
    assert.same(THREE[3], (stream:done()))
    assert.same(THREE[3], (stream:done()))
    assert.same({}, all(stream))
  end)

  it("after some of them", function ()
    local stream = open "plain"
    assert.equal(1, stream().n)
    assert.equal(3, stream:done().n)
  end)

  it("of a stream without events is an error", function ()
    local last, err = open("none"):done()
    assert.is_nil(last)
    assert.equal("protocol", err.code)
    assert.equal("fault/sse/none", err.endpoint_id)
  end)
end)


describe("a stream that fails", function ()
  before_each(function () server.forget() end)

  local rows = {
    { "error/422", "validation", 422, text = "prompt: it is not a good one (missing)" },
    { "error/401", "auth", 401 }, { "error/404", "http", 404 }, { "error/500", "http", 500 },
    { "error/503", "http", 503 },
  }
  for _, row in ipairs(rows) do
    it("HTTP " .. row[3] .. " surfaces, and is asked for once", function ()
      local stream = open(row[1])
      assert.is_nil(stream())
      local value, err = stream:done()
      assert.is_nil(value)
      assert.equal(row[2], err.code)
      assert.equal(row[3], err.status)
      assert.equal("fault/sse/" .. row[1], err.endpoint_id)
      assert.is_string(err.request_id)
      if row.text then assert.truthy(tostring(err):find(row.text, 1, true)) end
      assert.equal(1, server.stats().requests)
    end)
  end

  it("429 is tried again, with headers as they were and another key", function ()
    local n, seen = 0, {}
    local c = client { credentials = function () n = n + 1 return "id:key-number-" .. n end,
                       on_response = function (r) seen[#seen + 1] = r.status end }
    local stream = open("busy", { input = { a = 1 } }, c)
    assert.same(THREE, all(stream))
    assert.equal(2, select(2, stream:done()).attempts)
    assert.same({ 429, 200 }, seen)
    for i, r in ipairs(server.log()) do
      assert.equal("text/event-stream", r.headers.accept)
      assert.equal("Key id:key-number-" .. i, r.headers.authorization)
      assert.equal('{"a":1}', r.body)
    end
  end)

  it("one that breaks off gives what came, then the error; and is not begun again", function ()
    for _, opt in ipairs { {}, { method = "GET" } } do
      server.forget()
      local stream = open("cut", opt)
      assert.same({ 1 }, all(stream))
      local value, err = stream:done()
      assert.is_nil(value)
      assert.equal("network", err.code)
      assert.equal(1, server.stats().requests)
    end
  end)

  it("a server that is not there", function ()
    local c = fal.client { base_url = "http://127.0.0.1:1", credentials = KEY, retry = false }
    local value, err = assert(c:stream("fault/sse/plain", {})):done()
    assert.is_nil(value)
    assert.equal("network", err.code)
  end)

  it("an id that is none, and options that are none", function ()
    local value, err = client():stream("no id", {})
    assert.is_nil(value)
    assert.equal("validation", err.code)
    assert.has_error(function () client():stream("fault/sse/plain", { idle = 1 }) end)
    assert.equal(0, server.stats().requests)
  end)

  it("an event without end stops at the ceiling", function ()
    local value, err = open("huge"):done()
    assert.is_nil(value)
    assert.equal("toobig", err.code)
  end)
end)


describe("time", function ()
  before_each(function () server.forget() end)

  it("idle_timeout fires when nothing comes", function ()
    for _, play in ipairs { "stall", "mute" } do
      server.forget()
      local stream = open(play, { input = {}, idle_timeout = 0.1, timeout = 5 })
      local value, err = stream:done()
      assert.is_nil(value)
      assert.equal("timeout", err.code)
      assert.truthy(tostring(err):find("idle_timeout", 1, true))
      assert.equal("fault/sse/" .. play, err.endpoint_id)
      assert.is_true(left())
      assert.equal(1, server.stats().requests)
    end
  end)

  it("idle_timeout does not fire while something comes", function ()
    assert.equal(12, (open("slow/12", { idle_timeout = 0.15 }):done()))
  end)

  it("timeout ends it even so", function ()
    local value, err = open("alive", { timeout = 0.2, idle_timeout = 0.15 }):done()
    assert.is_nil(value)
    assert.equal("timeout", err.code)
    assert.truthy(tostring(err):find("0.2 seconds", 1, true))
  end)
end)


describe("leaving a stream early", function ()
  before_each(function () server.forget() end)

  it("close ends the connection", function ()
    local stream = open "stall"
    assert.equal(1, stream())
    stream:close()
    assert.is_true(left())
    assert.is_nil(stream())
    local value, err = stream:done()
    assert.is_nil(value)
    assert.equal("canceled", err.code)
    stream:close()
  end)

  it("so does forgetting it", function ()
    do
      local stream = open "stall"
      assert.equal(1, stream())
    end
    for _ = 1, 3 do collectgarbage() end
    assert.is_true(left())
  end)

  it("so does task:cancel()", function ()
    local c = client()
    local task = fal.async(function () return open("stall", nil, c):done() end)
    server.step_until(fal.step, "open", 1)
    task:cancel()
    local value, err = task:await()
    assert.is_nil(value)
    assert.equal("canceled", err.code)
    assert.is_true(left())
  end)

  it("close after the end is nothing", function ()
    local stream = open "plain"
    assert(stream:done())
    stream:close()
    assert(stream:done())
  end)

  if _VERSION >= "Lua 5.4" then
    it("a variable to be closed closes it", function ()
      local code = child.run(([[
        local fal = require "fal"
        fal.config { base_url = %q, credentials = "" }
        do
          local s <close> = assert(fal.stream("fault/sse/stall", {}))
          print(s())
        end
        print(fal.run("fault/echo", {}) ~= nil)
      ]]):format(server.url))
      assert.equal("1\ntrue\n", code)
      assert.is_true(left())
    end)
  end
end)
