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
    return child.sh("cd " .. folder .. " && find tapes -type f 2>/dev/null | sort")
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

    it("gives back every number and string as it was", function ()
      local value = {
        n = { 1, -7, 0.1, 1e300, 5e-324, 123456789012345 }, zero = "a\0b", long = ("long "):rep(2000), emoji = "\240\159\154\162",
      }
      local function mirror(mode)
        local recorder = assert(fal.record(tape, mode))
        local result, err = client(server.url):run("fault/mirror", { input = value })
        assert(recorder:stop())
        return fal.json.encode(assert(result, tostring(err)), { sorted = true })
      end
      local first = mirror "once"
      local before = files()
      assert.equal(first, mirror "none")
      value.long = ("other "):rep(2000)
      assert.is_false((pcall(mirror, "none")))
      assert.equal(before, files(), "what is only looked for is not written")
      assert.equal(1, server.stats().requests)
    end)

    it("plays equal calls by the order of their starts, others in any order", function ()
      local function gather(mode, ...)
        local recorder = assert(fal.record(tape, mode))
        local list = {}
        for i, n in ipairs { ... } do
          list[i] = function ()
            return fal.check(client(server.url).queue.submit("q/normal", { input = { n = n } })).request_id
          end
        end
        local got = {}
        for i, outcome in ipairs(fal.gather(list)) do got[i] = outcome.result end
        assert(recorder:stop())
        return got
      end
      local first = gather("once", 1, 1, 2, 1)
      assert.same({ first[3], first[1], first[2], first[4] }, gather("none", 2, 1, 1, 1))
    end)

    it("plays a call that was given up as one that was given up", function ()
      local function give_up(mode)
        local recorder = assert(fal.record(tape, mode))
        local task = fal.async(function () return client(server.url):run("fault/mirror", { input = { a = 1 } }) end)
        task:cancel()
        local result, err = task:await()
        assert(recorder:stop())
        assert.is_nil(result)
        return err.code
      end
      assert.equal("canceled", give_up "once")
      assert.equal("canceled", give_up "none")
    end)

    it("hides secrets in the URLs of webhooks and in queries", function ()
      local function ask(mode)
        local recorder = assert(fal.record(tape, mode))
        local c = client(server.url)
        local handle = assert(c.queue.submit("q/normal", {
          input = {}, webhook_url = "https://me:hidden1@example.com/done?token=hidden2&job=5&client_secret=hidden3",
        }))
        c:run("fault/status/400", { method = "GET", input = { api_key = "hidden4", n = 5 } })
        assert(recorder:stop())
        return handle.request_id
      end
      local id = ask "once"
      assert.equal(id, ask "none")
      local kept = server.read(tape)
      assert.is_nil(kept:find("hidden", 1, true), kept)
      assert.truthy(kept:find("job=5", 1, true))
      assert.truthy(kept:find("n=5", 1, true))
    end)

    it("says what is missing or damaged beside it", function ()
      local long = { prompt = ("x"):rep(9000) }
      local function mirror(mode)
        local recorder, err = fal.record(tape, mode)
        if not recorder then return nil, err end
        local result, why = client(server.url):run("fault/mirror", { input = long })
        assert(recorder:stop())
        return result, why
      end
      assert(mirror "once")
      local name = folder .. "/tapes/story.files/" .. server.list(folder .. "/tapes/story.files")[1]
      assert(core.write(name, "something else", true))
      local result, err = mirror "none"
      assert.is_nil(result)
      assert.equal("file", err.code)
      assert.truthy(err.message:find("damaged", 1, true), err.message)
      os.remove(name)
      result, err = mirror "none"
      assert.is_nil(result)
      assert.truthy(err.message:find("is not beside it", 1, true), err.message)
      long.prompt = ("y"):rep(9000)
      assert(mirror "all")
      assert.equal(1, #server.list(folder .. "/tapes/story.files"))
      long.prompt = ("z"):rep(9000)
      assert(mirror "all")   -- the former one's files go
      assert.equal(1, #server.list(folder .. "/tapes/story.files"))
      assert(mirror "none")
    end)

    it("keeps no price on disk that was only played", function ()
      local code = [[
        local fal = require "fal"
        local recorder = fal.check(fal.record("%s"))
        print(fal.check(fal.client(%s).models.price "fault/bill/2.5").unit_price)
        fal.check(recorder:stop())]]
      local env = { XDG_CACHE_HOME = folder .. "/cache" }
      local first = child.run(code:format(tape, ("{ base_url = %q, credentials = 'a:b' }"):format(server.url)), env)
      assert.matches("^%d+%.%d+\n$", first)
      assert.equal(first, (child.run(code:format(tape, "{ credentials = 'a:b' }"), env)))
      assert.equal("", child.sh("ls " .. folder .. "/cache 2>/dev/null; true"))
    end)

    it("reads no file that is elsewhere", function ()
      assert(core.write(folder .. "/outside.bin", "secret", true))
      for _, place in ipairs { '"result":{"$file":"../../outside.bin"}', '"file":"../../outside.bin","meta":{}' } do
        assert(core.write(tape, '{"version":1,"calls":[{"call":"run","request":{"id":"a/b"},' .. place .. "}]}", true))
        local recorder, err = fal.record(tape)
        assert.is_nil(recorder)
        assert.truthy(err.message:find("is not beside it", 1, true), err.message)
      end
    end)

    it("leaves no file when nothing was asked, and the one there when nothing is new", function ()
      assert.equal("", recorded "once")
      assert.equal("", files())
      recorded("once", 1)
      local spaced = server.read(tape) .. "\n"
      assert(core.write(tape, spaced, true))
      recorded("new", 1)
      assert.equal(spaced, server.read(tape))
    end)

    it("tells of a file that a later fal has written", function ()
      assert(core.write(tape, '{"version":7,"calls":[]}', true))
      local _, err = fal.record(tape)
      assert.truthy(err.message:find("a later fal has written it", 1, true), err.message)
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
