-- What was recorded against a server is played without one, to the byte; no
-- key is in it.

local fal = require "fal"
local child = require "spec.support.child"
local core = require "fal.core"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local ID = "fal-ai/flux/schnell"
local KEY = "the-id-of-a-key:the-secret-of-the-key"
local INPUT = { prompt = "a boat", seed = 7, image_size = "square", num_inference_steps = 2 }


-- What JSON can tell of a value; bytes by their digest.
local function plain(value)
  if type(value) == "string" and not fal.json.encode(value) then return core.digest("sha256", value) end
  if type(value) ~= "table" then return value end
  local copy = {}
  for k, v in next, value do
    if type(k) == "string" or type(k) == "number" then copy[k] = plain(v) end
  end
  return copy
end


local function text(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = fal.json.encode(plain((select(i, ...))), { sorted = true }) end
  return table.concat(parts, " ")
end


local function meta_of(meta)
  return { meta.status, meta.request_id, meta.seconds, meta.attempts, meta.billable_units,
           meta.headers["content-type"] }
end


describe("fal.record", function ()
  local folder, tape

  before_each(function ()
    folder = server.folder()
    tape = folder .. "/tapes/story.json"
  end)
  after_each(function () server.remove_folder(folder) end)

  -- Everything a client can do; what came of it, as text.
  local function story(client, name)
    local told = {}
    local function tell(...) told[#told + 1] = text(...) end
    local result, meta = client:run(ID, { input = INPUT })
    tell(result, meta_of(meta))
    local paths = assert(client:save(result, folder .. "/" .. name .. "/{index}-{seed}.{ext}"))
    told[#told + 1] = core.digest("sha256", server.read(paths[1]))
    local inline = assert(client:run(ID, { input = { prompt = "b", seed = 8, image_size = "square", sync_mode = true } }))
    tell(core.digest("sha256", inline.images[1].url), #inline.images[1].url > 4096)
    local _, err = client:run(ID, { input = { prompt = 7 } })
    tell(err.code, err.message, err.status, err.detail, err.request_id, tostring(err))
    result, meta = client:subscribe(ID, {
      input = INPUT, logs = true, poll_interval = 0.1,
      on_enqueue = function (id) tell("enqueued", id) end, on_queue_update = function (status) tell(status) end,
    })
    tell(result, meta_of(meta), meta.logs)
    local handle = assert(client.queue.submit(ID, { input = INPUT }))
    tell(handle.request_id, handle.status_url)
    result, meta = handle:get { poll_interval = 0.1 }
    tell(result, meta_of(meta))
    tell((handle:status()))
    tell((client.queue.cancel(ID, { request_id = handle.request_id })))
    for event in client:run_iterator(ID, { input = INPUT }) do tell(event.status, event.result, event.logs) end
    local stream = assert(client:stream(ID, { input = INPUT }))
    for event in stream do tell(event) end
    tell((stream:done()))
    local url, info = client.storage.upload("some bytes \0\255", { content_type = "application/octet-stream" })
    tell(url, info)
    url = assert(client.storage.upload_file(paths[1]))
    tell(url)
    local conn = assert(client.realtime.connect(ID, { throttle_interval = 0 }))
    for i = 1, 2 do
      assert(conn:send { prompt = "a boat", seed = i, image_size = "square", num_inference_steps = 1 })
      result = assert(conn:recv(20))
      tell(result)
    end
    conn:close()
    return table.concat(told, "\n")
  end

  local function client(url) return fal.client { base_url = url, credentials = KEY, retry = false } end

  local function files()
    return child.sh("cd " .. folder .. "/tapes && find . -type f | sort")
  end

  it("plays all of it without a server, and has no key in it", function ()
    local daemon = serve.start()
    local recorder = assert(fal.record(tape))
    local c = client(daemon.url)
    local first = story(c, "recorded")
    assert.is_true(recorder:stop())
    daemon:stop()
    assert.truthy(first:find("enqueued", 1, true))
    local out, code = child.sh(("grep -rlaF -e the-secret-of-the-key -e the-id-of-a-key %s/tapes"):format(folder))
    assert.equal(1, code, out)
    assert.truthy(files():find "story%.files/%x+%.bin")
    local before = server.read(tape)

    recorder = assert(fal.record(tape, "none"))
    local second = story(client(daemon.url), "played")
    assert.is_true(recorder:stop())
    local next_line = second:gmatch "[^\n]*"
    for line in first:gmatch "[^\n]*" do
      local got = next_line()
      assert.is_true(line == got, "recorded: " .. line:sub(1, 300) .. "\nplayed:   " .. tostring(got):sub(1, 300))
    end
    assert.equal(#first, #second)
    assert.equal(before, server.read(tape))

    local _, err = client(daemon.url):run(ID, { input = INPUT })
    assert.equal("network", err.code)   -- and nobody is there
  end)

  describe("with the fault server", function ()
    local function call(n) return client(server.url):run("fault/bill/1", { input = { n = n } }) end

    before_each(function () server.forget() end)

    local function recorded(mode, ...)
      local recorder, err = fal.record(tape, mode)
      if not recorder then return nil, err end
      local results = {}
      for i, n in ipairs { ... } do
        local result, why = call(n)
        results[i] = result and "ok" or why.code
      end
      assert(recorder:stop())
      return table.concat(results, " ")
    end

    it("records once, then only plays", function ()
      assert.equal("ok ok", recorded("once", 1, 2))
      assert.equal(2, server.stats().requests)
      assert.equal("ok ok protocol", recorded("once", 2, 1, 3))
      assert.equal("ok protocol", recorded(nil, 1, 1))   -- it was asked once
      assert.equal(2, server.stats().requests)
    end)

    it("none: plays, and wants a file", function ()
      local recorder, err = recorded("none", 1)
      assert.is_nil(recorder)
      assert.equal("file", err.code)
      recorded("once", 1)
      assert.equal("ok protocol", recorded("none", 1, 2))
      assert.equal(1, server.stats().requests)
    end)

    it("new: plays what it knows and records the rest", function ()
      recorded("once", 1)
      assert.equal("ok ok", recorded("new", 1, 2))
      assert.equal(2, server.stats().requests)
      assert.equal("ok ok", recorded("none", 1, 2))
    end)

    it("all: records anew", function ()
      recorded("once", 1, 2)
      assert.equal("ok", recorded("all", 3))
      assert.equal(3, server.stats().requests)
      assert.equal("protocol ok", recorded("none", 1, 3))
    end)

    it("plays failures as failures, and keeps the order of equal calls", function ()
      local function both(f)
        local recorder = assert(fal.record(tape))
        local a = { f() }
        assert(recorder:stop())
        return a
      end
      local function f()
        local c = client(server.url)
        local one, two = select(2, c:run("fault/status/500")), assert(c.queue.submit("q/normal", { input = {} }))
        local seen = {}
        for i = 1, 3 do seen[i] = two:status().status end
        return tostring(one), one.status, one.retryable, table.concat(seen, " ")
      end
      local first = both(f)
      server.forget()
      assert.same(first, both(f))
      assert.equal("IN_QUEUE IN_PROGRESS COMPLETED", first[4])
      assert.equal(0, server.stats().requests)
    end)

    it("hides the key of a credentials function, and one that an answer echoes", function ()
      local recorder = assert(fal.record(tape))
      local c = fal.client { base_url = server.url, credentials = function () return "fn-id:fn-secret-value" end }
      local echo = assert(c:run("fault/echo", { input = { prompt = "my key is fn-secret-value" } }))
      assert.equal("Key fn-id:fn-secret-value", echo.headers.authorization)
      echo = assert(client(server.url):run("fault/echo", { input = {} }))
      assert.equal("Key " .. KEY, echo.headers.authorization)
      assert(recorder:stop())
      assert.is_nil(server.read(tape):find("secret", 1, true))
      assert.truthy(server.read(tape):find("Key KEY", 1, true))
    end)

    it("is readable, stable JSON", function ()
      recorded("once", 1)
      local first = server.read(tape)
      assert.truthy(first:find('\n      "call": "run",\n', 1, true), first)
      recorded("new", 1)
      assert.equal(first, server.read(tape))
    end)

    it("keeps names of fields with a $, numbers, nulls and empty lists", function ()
      local value = { ["$file"] = "x", ["$$bytes"] = { 1, 2.5, fal.null }, list = fal.array {}, big = 9007199254740991 }
      local recorder = assert(fal.record(tape))
      local first = assert(client(server.url):run("fault/mirror", { input = value }))
      assert(recorder:stop())
      recorder = assert(fal.record(tape, "none"))
      local second = assert(client(server.url):run("fault/mirror", { input = value }))
      assert(recorder:stop())
      assert.equal(fal.json.encode(first, { sorted = true }), fal.json.encode(second, { sorted = true }))
    end)

    for what, content in pairs { cut = '{"version":1,"calls":[', other = '{"version":7,"calls":[]}', list = '[]',
                                 odd = '{"version":1,"calls":[7]}' } do
      it("refuses a file that is none: " .. what, function ()
        assert(core.write(tape, content, true))
        local recorder, err = fal.record(tape)
        assert.is_nil(recorder)
        assert.equal("file", err.code)
      end)
    end

    it("is misused with an explanation", function ()
      assert.is_false((pcall(fal.record, 7)))
      assert.is_false((pcall(fal.record, tape, "often")))
      local recorder = assert(fal.record(tape))
      assert.is_false((pcall(fal.record, tape)))
      assert(recorder:stop())
      assert(recorder:stop())
    end)

    it("has a helper for busted", function ()
      local taped = require "fal.busted"(folder .. "/tapes")
      local test = taped("helper", function () assert.equal(1, select(2, assert(call(1))).billable_units) end)
      test()
      test()
      assert.equal(1, server.stats().requests)
      local failing = taped("helper", function () error("mine", 0) end)
      local ok, err = pcall(failing)
      assert.is_false(ok)
      assert.equal("mine", err)
      test()   -- and the recorder is gone
    end)
  end)
end)
