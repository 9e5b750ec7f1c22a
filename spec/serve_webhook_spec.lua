-- Webhooks of `falua serve`: what is delivered, signed and again when it was
-- not taken. The receiver is a server of Node's; our own verifier checks.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local SCHNELL = "fal-ai/flux/schnell"
local SMALL = { prompt = "a kite", image_size = { width = 64, height = 48 }, seed = 7 }


-- { url =, next() }: a receiver.
local function receiver()
  local dir = server.folder()
  assert(child.sh("mkfifo " .. dir .. "/out"))
  local process = assert(io.popen("exec env -u LD_PRELOAD node spec/support/hookd.mjs >" .. dir .. "/out", "w"))
  local out = assert(io.open(dir .. "/out", "r"))
  local self = { url = assert(out:read "*l") }
  function self.next() return assert(fal.json.decode(assert(out:read "*l"))) end
  function self.stop()
    process:close()
    out:close()
    server.remove_folder(dir)
  end
  return self
end


describe("a webhook", function ()
  local local_fal, client, hooks

  setup(function ()
    hooks = receiver()
    local_fal = serve.start("--webhook-delay 0.02")
    client = fal.client { base_url = local_fal.url, credentials = "a:b", retry = false }
  end)

  teardown(function ()
    assert.equal(0, local_fal:stop(), local_fal.err)   -- under a sanitizer: nothing was lost
    hooks.stop()
  end)

  local function submit(path, input)
    return fal.check(client.queue.submit(SCHNELL, { input = input or SMALL, webhook_url = hooks.url .. path }))
  end

  it("brings the result, signed with a key that the server publishes", function ()
    local handle = submit "/ok"
    local seen = hooks.next()
    local ok, event = client:webhook_verify(seen.headers, seen.body)
    assert.is_true(ok, tostring(event))
    local body = fal.json.decode(seen.body)
    assert.equal(handle.request_id, body.request_id)
    assert.equal(handle.request_id, body.gateway_request_id)
    assert.equal("OK", body.status)
    fal.check(handle:get())
    local result = local_fal:get("/queue/fal-ai/flux/requests/" .. handle.request_id).body
    assert.is_truthy(seen.body:find('"payload":' .. result .. "}", 1, true), "the payload is the result, byte by byte")
    assert.equal("application/json", seen.headers["content-type"])
    assert.is_nil(seen.headers.authorization)
  end)

  it("does not verify when a byte of it was changed", function ()
    submit "/ok"
    local seen = hooks.next()
    local ok, err = client:webhook_verify(seen.headers, (seen.body:gsub('"OK"', '"KO"')))
    assert.is_nil(ok)
    assert.equal("auth", err.code)
  end)

  it("tells of a refusal as the result does", function ()
    submit("/ok", { num_images = 99 })
    local seen = hooks.next()
    assert.is_true(client:webhook_verify(seen.headers, seen.body))
    local body = fal.json.decode(seen.body)
    assert.equal("ERROR", body.status)
    assert.equal("Invalid status code: 422", body.error)
    assert.equal("body", body.payload.detail[1].loc[1])
  end)

  it("comes again until it is taken", function ()
    local handle = submit "/flaky/3"
    for times = 1, 4 do
      local seen = hooks.next()
      assert.equal(handle.request_id, seen.headers["x-fal-webhook-request-id"])
      assert.equal(times, seen.times)
      assert.equal(times < 4 and 503 or 200, seen.status)
      assert.is_true(client:webhook_verify(seen.headers, seen.body, { allow_replay = true }))
    end
  end)

  it("is not sent again while its receiver takes its time", function ()
    local function delivered()
      return tonumber(local_fal:get("/metrics").body:match 'deliveries_total{outcome="delivered"} (%d+)')
    end
    local before, limit = delivered(), os.time() + 20
    submit "/slow/400"
    assert.equal(1, hooks.next().times)
    repeat until delivered() > before or os.time() > limit
    submit "/ok"
    assert.equal("/ok", hooks.next().path)
  end)

  it("is given up after ten attempts", function ()
    submit "/status/500"
    for times = 1, 10 do assert.equal(times, hooks.next().times) end
    submit "/ok"
    assert.equal("/ok", hooks.next().path)
    local limit = os.time() + 20
    repeat
      local metrics = local_fal:get("/metrics").body
      local counted = metrics:match 'deliveries_total{outcome="abandoned"} (%d+)'
    until counted == "1" or os.time() > limit
    assert.matches("webhook given up after 10 attempts: the receiver answered 500", local_fal:log(), 1, true)
  end)

  it("stays on this machine", function ()
    local handle = fal.check(client.queue.submit(SCHNELL, { input = SMALL, webhook_url = "http://192.0.2.1/hook" }))
    fal.check(handle:get())
    local limit = os.time() + 20
    repeat
      local log = local_fal:log()
    until log:find "it leads away from this machine" or os.time() > limit
    assert.matches(handle.request_id .. " webhook given up after 1 attempt: it leads away", local_fal:log(), 1, true)
  end)

  it("is given up also when there are more than are sent at once", function ()
    local data, slow, COUNT = server.folder(), receiver(), 20
    local url = slow.url:gsub("127%.0%.0%.1", "0.0.0.0") .. "/slow/60000"   -- another name for it, but no loopback address
    local first = serve.start("--webhooks-anywhere --webhook-delay 0.02 --data " .. data)
    local of_first = fal.client { base_url = first.url, credentials = "a:b", retry = false }
    local handles = {}
    for i = 1, COUNT do
      handles[i] = fal.check(of_first.queue.submit(SCHNELL, { input = SMALL, webhook_url = url }))
    end
    for i = 1, COUNT do fal.check(handles[i]:get()) end
    child.sh("kill -9 " .. first.pid)
    first:stop "wait"
    slow.stop()
    local second = serve.start("--data " .. data)
    local limit = os.time() + 20
    local count
    repeat
      count = select(2, second:log():gsub("webhook given up after %d+ attempts?: it leads away", ""))
    until count == COUNT or os.time() > limit
    assert.equal(COUNT, count)
    second:stop()
    server.remove_folder(data)
  end)

  it("outlives the server that owes it", function ()
    local data = server.folder()
    local closed = receiver()
    closed.stop()   -- nobody listens there any more
    local first = serve.start("--webhook-delay 0.02 --data " .. data)
    local of_first = fal.client { base_url = first.url, credentials = "a:b", retry = false }
    local handle = fal.check(of_first.queue.submit(SCHNELL, { input = SMALL, webhook_url = hooks.url .. "/flaky/1" }))
    assert.equal(503, hooks.next().status)
    child.sh("kill -9 " .. first.pid)
    first:stop "wait"
    local second = serve.start("--data " .. data)
    local seen = hooks.next()
    assert.equal(handle.request_id, seen.headers["x-fal-webhook-request-id"])
    assert.equal(2, seen.times)
    local of_second = fal.client { base_url = second.url, credentials = "a:b", retry = false }
    assert.is_true(of_second:webhook_verify(seen.headers, seen.body))
    second:stop()
    server.remove_folder(data)
  end)
end)
