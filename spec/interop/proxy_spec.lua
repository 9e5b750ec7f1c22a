-- Calls through the official @fal-ai/server-proxy on Express, unmodified. It
-- adds the key; we have none. It answers 200 whatever fal answered, so errors
-- have to be known by what they say.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local MODULES = os.getenv "NODE_MODULES" or "build/node/node_modules"


local function absolute(path)
  return path:sub(1, 1) == "/" and path or (os.getenv "PWD" .. "/" .. path)
end


-- What keeps the proxy from being started here, or nil.
local function missing()
  local out, code = child.sh("node --version && test -d '" .. MODULES .. "/@fal-ai/server-proxy'")
  if code ~= 0 then return "no node with @fal-ai/server-proxy: " .. out end
end


describe("the official proxy", function ()
  local proxy, client
  local why = missing()

  if why then
    it("is there", function ()
      if os.getenv "CI" == "true" then error(why, 0) end
      pending(why)
    end)
    return
  end

  setup(function ()
    local dir = server.folder()
    assert(child.sh("mkfifo " .. dir .. "/out"))
    proxy = io.popen(("FAL_KEY=proxy:secret-of-the-proxy exec node spec/support/proxyd.mjs '%s' %s >%s/out 2>/dev/null")
      :format(absolute(MODULES), server.url, dir), "w")
    local out = assert(io.open(dir .. "/out", "r"))
    local url
    repeat
      local line = assert(out:read "*l", "the proxy did not start")
      url = line:match "^listening on (%S+)$"
    until url
    server.remove_folder(dir)
    client = fal.client { proxy_url = url, retry = false }
  end)

  teardown(function ()
    proxy:close()  -- its standard input ends, and so does it
  end)

  it("passes a call on, with its own key", function ()
    local seen, meta = client:run("fault/echo", { input = { prompt = "a kite", seed = 2 ^ 40 } })
    assert.is_table(seen, tostring(meta))
    assert.equal("POST", seen.method)
    assert.equal("Key proxy:secret-of-the-proxy", seen.headers.authorization)
    assert.equal("https://fal.run/fault/echo", seen.headers["x-fal-target-url"])
    assert.same({ prompt = "a kite", seed = 2 ^ 40 }, fal.json.decode(seen.body))
  end)

  it("passes a subscription on, however it is followed", function ()
    for _, mode in ipairs { "polling", "streaming" } do
      server.forget()
      local statuses = {}
      local result, meta = client:subscribe("q/normal", {
        input = { prompt = "a kite" }, mode = mode, logs = true, poll_interval = 0.1,
        on_queue_update = function (s) statuses[#statuses + 1] = s.status end,
      })
      assert.is_table(result, tostring(meta))
      assert.same({ prompt = "a kite" }, result.input)
      assert.equal(2, #meta.logs)
      assert.same({ "IN_QUEUE", "IN_PROGRESS", "COMPLETED" }, statuses)
      for _, r in ipairs(server.log()) do assert.equal("Key proxy:secret-of-the-proxy", r.headers.authorization) end
      assert.equal(1, server.stats().submit)
    end
  end)

  it("passes handles on: submit, look, cancel, result", function ()
    local handle = assert(client.queue.submit("q/never", { input = {} }))
    assert.equal("IN_QUEUE", assert(handle:status()).status)
    assert.equal("CANCELLATION_REQUESTED", assert(handle:cancel()).status)
    handle = assert(client.queue.submit("q/quick", { input = { n = 1 } }))
    assert.same({ n = 1 }, assert(handle:get { poll_interval = 0.1 }).input)
  end)

  it("cancels at the deadline", function ()
    server.forget()
    local value, err = client:subscribe("q/never", { input = {}, timeout = 0.3 })
    assert.is_nil(value)
    assert.equal("timeout", err.code)
    assert.is_string(err.request_id)
    server.step_until(fal.step, "cancel", 1)
  end)

  it("passes a stream on", function ()
    local events = {}
    local stream = assert(client:stream("fault/sse/plain", { input = {} }))
    for event in stream do events[#events + 1] = event.n end
    assert.same({ 1, 2, 3 }, events)
    assert.is_nil(stream.err)
  end)

  it("asks for the addresses of uploads; the bytes go there themselves", function ()
    server.forget()
    assert.matches("^https://v3%.fal%.media/", (assert(client.storage.upload("abc"))))
    local log = server.log()
    assert.equal(2, #log)
    assert.equal("Key proxy:secret-of-the-proxy", log[1].headers.authorization)
    assert.equal("PUT", log[2].method)
    assert.is_nil(log[2].headers["x-fal-target-url"])
  end)

  it("hides no error", function ()
    local result, err = client:run("fault/status/422")
    assert.is_nil(result)
    assert.equal("validation", err.code)
    assert.is_table(err.detail)
    result, err = client:run("fault/status/404")
    assert.is_nil(result)
    assert.equal("http", err.code)
  end)
end)
