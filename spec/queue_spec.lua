-- The queue's calls against a server that fails on request: what the caller
-- sees, what was sent, and that nothing is submitted twice.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local KEY = "id:secret-key-value"
local RETRY = { max = 3, base_delay = 0.01, max_delay = 0.05 }


local function client(opt)
  opt = opt or {}
  opt.base_url, opt.credentials = server.url, opt.credentials or KEY
  if opt.retry == nil then opt.retry = RETRY end
  return fal.client(opt)
end


local function kinds(kind)
  local list = {}
  for _, r in ipairs(server.log()) do
    if r.kind == kind then list[#list + 1] = r end
  end
  return list
end


local function sent(expected)
  local stats, got = server.stats(), {}
  for _, kind in ipairs { "submit", "status", "stream", "result", "cancel" } do
    if stats[kind] then got[kind] = stats[kind] end
  end
  assert.same(expected, got)
end


describe("queue.submit", function ()
  before_each(function () server.forget() end)

  it("gives a handle with what the queue said", function ()
    local handle, meta = client().queue.submit("q/normal/with/path", { input = { prompt = "a" } })
    assert.truthy(handle.request_id:find "^5e0f7a52")
    assert.equal("q/normal/with/path", handle.endpoint_id)
    assert.equal(server.url .. "/queue/q/normal/requests/" .. handle.request_id .. "/status", handle.status_url)
    assert.equal(handle.status_url:gsub("status$", "cancel"), handle.cancel_url)
    assert.equal(handle.status_url:gsub("/status$", ""), handle.response_url)
    assert.equal(0, handle.queue_position)
    assert.equal(handle.request_id, meta.request_id)
    assert.equal(1, meta.attempts)
    local r = server.last()
    assert.equal("/queue/q/normal/with/path", r.path)
    assert.equal('{"prompt":"a"}', r.body)
    assert.equal("Key " .. KEY, r.headers.authorization)
  end)

  it("sends every option", function ()
    assert(client().queue.submit("q/normal", {
      input = {}, path = "/deep", webhook_url = "https://me.example/hook?a=1&b=\195\169 +", priority = "low", hint = "warm",
      start_timeout = 2.5, headers = { ["X-Mine"] = "yes", ["X-Fal-No-Retry"] = 1 },
      storage_settings = { expires_in = "1h", initial_acl = { default = "forbid" } },
    }))
    local r = server.last()
    assert.equal("/queue/q/normal/deep", r.path)
    assert.equal("fal_webhook=https%3A%2F%2Fme.example%2Fhook%3Fa%3D1%26b%3D%C3%A9%20%2B", r.query)
    assert.equal("low", r.headers["x-fal-queue-priority"])
    assert.equal("warm", r.headers["x-fal-runner-hint"])
    assert.equal(2.5, tonumber(r.headers["x-fal-request-timeout"]))
    assert.equal("yes", r.headers["x-mine"])
    assert.equal("1", r.headers["x-fal-no-retry"])
    assert.same({ expiration_duration_seconds = 3600, initial_acl = { default = "forbid" } },
                fal.json.decode(r.headers["x-fal-object-lifecycle-preference"]))
  end)

  it("a GET call submits its input as a query, beside the webhook", function ()
    assert(client().queue.submit("q/normal", { method = "get", input = { b = 2, a = "x y" }, webhook_url = "https://h/" }))
    assert.equal("GET", server.last().method)
    assert.equal("a=x%20y&b=2&fal_webhook=https%3A%2F%2Fh%2F", server.last().query)
  end)

  it("the start timeout of the client is every call's", function ()
    assert(client({ start_timeout = 30 }).queue.submit("q/normal", { input = {} }))
    assert.equal(30, tonumber(server.last().headers["x-fal-request-timeout"]))
  end)

  it("raises on misuse, before anything is sent", function ()
    local c = client()
    for _, opt in ipairs {
      { inputs = {} }, { priority = "high" }, { start_timeout = 0 }, { webhook_url = 1 }, { logs = true },
      { headers = { Authorization = "Key x:y" } }, { storage_settings = { expires_in = "2d" } },
    } do
      assert.has_error(function () c.queue.submit("q/normal", opt) end)
    end
    assert.has_error(function () c.queue.submit({}, {}) end)
    assert.has_error(function () c.queue.status("q/normal", {}) end)
    assert.has_error(function () c.queue.status("q/normal", "5e0f") end)
    assert.has_error(function () c.queue.handle("q/normal") end)
    assert.has_error(function () c.queue.handle("q/normal", "5e0f"):status { log = true } end)
    assert.has_error(function () c.queue.handle("q/normal", "5e0f"):get { mode = "stream" } end)
    assert.has_error(function () c.queue.handle("q/normal", "5e0f"):events { poll_interval = 0 } end)
    sent {}
  end)

  it("a request id that is none never becomes an address", function ()
    for _, rid in ipairs { "../../x", "a/b", "", "a b", "a?b", ("x"):rep(200) } do
      local value, err = client().queue.status("q/normal", { request_id = rid })
      assert.is_nil(value)
      assert.equal("validation", err.code)
    end
    sent {}
  end)
end)


-- What a submit sees, how often it was sent, and on a connection of its own
-- and on one that is in use already.
describe("a submit that fails", function ()
  local rows = {
    { "ingress", "q/submit-ingress-2", ok = true, sent = 3 },
    { "an ingress that stays", "q/submit-ingress-9", code = "http", status = 503, sent = 4 },
    { "fal itself, which may have taken it", "q/submit-app", code = "http", status = 503, sent = 1 },
    { "a connection closed after the request", "q/submit-reset", code = "network", sent = 1 },
    { "429 that stays", "q/submit-429", code = "http", status = 429, sent = 4 },
    { "429 and fal's word not to", "q/submit-told-no", code = "http", status = 429, sent = 1 },
    { "500 and fal's word to", "q/submit-told-yes", ok = true, sent = 2 },
    { "an answer without a request id", "q/submit-nothing", code = "protocol", sent = 1 },
    { "a web page", "q/submit-html", code = "protocol", sent = 1 },
    { "a redirect", "q/submit-redirect", code = "http", status = 307, sent = 1 },
    { "an unknown endpoint", "q/nothing", code = "http", status = 404, sent = 1 },
  }
  for _, row in ipairs(rows) do
    for _, used in ipairs { false, true } do
      for _, call in ipairs { "submit", "subscribe" } do
        it(row[1] .. (used and ", reused" or "") .. ", " .. call, function ()
          local c = client()
          if used then assert(c:run("fault/echo", { input = {} })) end
          server.forget()
          local f = call == "submit" and c.queue.submit or function (...) return c:subscribe(...) end
          local value, err = f(row[2], { input = {} })
          local submits = 0
          for _, r in ipairs(server.log()) do
            if r.method == "POST" and r.path:find "^/queue/q/" then submits = submits + 1 end
            assert.is_nil(r.path:find "echo")
          end
          assert.equal(row.sent, submits)
          if row.ok then
            assert.is_table(value)
            assert.equal(row.sent, err.attempts)
          else
            assert.is_nil(value)
            assert.equal(row.code, err.code, tostring(err))
            assert.equal(row.status, err.status)
            assert.equal(row[2], err.endpoint_id)
          end
        end)
      end
    end
  end

  for _, how in ipairs { "seconds", "date" } do
    it("429 waits as long as Retry-After says, in " .. how, function ()
      server.forget()
      local c = client()
      local _, meta = assert(c.queue.submit("q/submit-" .. how, { input = {} }))
      assert.equal(2, meta.attempts)
      local log = kinds "submit"
      assert.equal(2, #log)
      assert.is_true(log[2].at - log[1].at > 0.9, "after " .. log[2].at - log[1].at)
      assert.is_true(log[2].at - log[1].at < 3.5)
    end)
  end

  it("no connection at all is tried again, for nothing was sent", function ()
    local seen = {}
    local c = fal.client { base_url = "http://127.0.0.1:1", credentials = KEY, retry = RETRY,
                           on_response = function (r) seen[#seen + 1] = r end }
    local value, err = c.queue.submit("q/normal", { input = {} })
    assert.is_nil(value)
    assert.equal("network", err.code)
    assert.equal(4, #seen)
    assert.equal("network", seen[4].code)
    assert.is_nil(seen[4].delay)
    assert.is_number(seen[3].delay)
    assert.is_nil(seen[1].status)
  end)

  it("retry = false makes one attempt of everything", function ()
    server.forget()
    local c = client { retry = false }
    assert.equal(503, select(2, c.queue.submit("q/submit-ingress", { input = {} })).status)
    assert.equal(429, select(2, c:subscribe("q/submit-429", { input = {} })).status)
    sent { submit = 2 }
    assert.equal(429, select(2, c:run("fault/status/429", { input = {} })).status)
    assert.equal(3, server.stats().requests)
  end)

  it("retry.max is how many attempts follow the first", function ()
    server.forget()
    local c = client { retry = { max = 1, base_delay = 0.01 } }
    assert.equal(429, select(2, c.queue.submit("q/submit-429", { input = {} })).status)
    sent { submit = 2 }
    assert.has_error(function () client { retry = { max = "2" } } end)
    assert.has_error(function () client { retry = { maximum = 2 } } end)
  end)

  for what, row in pairs {
    ["more than a minute"] = { 86400, 7200, "24 h" }, ["more than there is time for"] = { 30, 30, "30 s", timeout = 10 },
  } do
    for _, how in ipairs { "wait", "wait-until" } do
      it("is not parked for " .. what .. " (" .. how .. "): the error tells for how long", function ()
        local c = client()
        for call, f in pairs { submit = c.queue.submit, subscribe = function (...) return c:subscribe(...) end } do
          server.forget()
          local value, err = f("q/submit-" .. how .. "-" .. row[1], { input = {}, timeout = row.timeout })
          assert.is_nil(value, call)
          assert.equal("http", err.code)
          assert.equal(429, err.status)
          assert.is_true(err.retryable)
          assert.is_true(err.retry_after > row[1] - 5 and err.retry_after <= row[1], err.retry_after)
          assert.truthy(tostring(err):find("asks to wait", 1, true), tostring(err))
          if how == "wait" then assert.truthy(tostring(err):find(row[3], 1, true), tostring(err)) end
          sent { submit = 1 }
        end
      end)
    end
  end

  it("a wait that is too long ends the looks and the result too, with the id", function ()
    local c = client()
    for _, play in ipairs { "status-wait-86400", "result-wait-86400" } do
      server.forget()
      local value, err = c:subscribe("q/" .. play, { input = {} })
      assert.is_nil(value)
      assert.equal(429, err.status)
      assert.equal(86400, err.retry_after)
      assert.is_true(err.retryable)
      assert.is_string(err.request_id)
      assert.is_nil(server.stats().cancel)
    end
  end)

  it("a deadline in a pause tells of the failure before it", function ()
    server.forget()
    local c = client { retry = { max = 3, base_delay = 1000, max_delay = 1000 } }
    local value, err = c.queue.submit("q/submit-429", { input = {}, timeout = 0.1 })
    assert.is_nil(value)
    assert.equal("timeout", err.code)
    assert.truthy(tostring(err):find("429", 1, true), tostring(err))
    sent { submit = 1 }
  end)

  it("a run may be sent twice no more than a submit", function ()
    server.forget()
    local c = client()
    assert(c:run("fault/echo", { input = {} }))
    local _, err = c:run("fault/hangup", { input = {} })
    assert.equal("network", err.code)
    assert.equal(2, server.stats().requests)
  end)
end)


describe("retries", function ()
  before_each(function () server.forget() end)

  it("are seen by on_response and counted in meta", function ()
    local seen, asked = {}, {}
    local c = client { on_response = function (r) seen[#seen + 1] = r end,
                       on_request = function (r) asked[#asked + 1] = r end }
    local _, meta = assert(c.queue.submit("q/submit-ingress-2", { input = { a = 1 } }))
    assert.equal(3, meta.attempts)
    assert.equal(1, #asked)
    assert.equal("submit", asked[1].call)
    assert.equal("q/submit-ingress-2", asked[1].endpoint_id)
    assert.same({ a = 1 }, asked[1].input)
    assert.equal(3, #seen)
    for i, r in ipairs(seen) do
      assert.equal(i, r.attempt)
      assert.equal("q/submit-ingress-2", r.endpoint_id)
      assert.equal(i < 3 and 503 or 200, r.status)
      assert.equal(i < 3 and "http" or nil, r.code)
      assert.equal(i < 3, r.delay ~= nil)
    end
  end)

  it("ask a credentials function for each attempt", function ()
    local n = 0
    local c = client { credentials = function () n = n + 1 return "id:key-number-" .. n end }
    assert(c.queue.submit("q/submit-ingress-2", { input = {}, headers = { ["X-Mine"] = "1" } }))
    for i, r in ipairs(kinds "submit") do
      assert.equal("Key id:key-number-" .. i, r.headers.authorization)
      assert.equal("1", r.headers["x-mine"])
      assert.equal("application/json", r.headers["content-type"])
    end
    assert.equal(3, n)
  end)

  it("end when the credentials function fails", function ()
    local n = 0
    local c = client { credentials = function () n = n + 1 if n < 2 then return KEY end return nil, "no login" end }
    local value, err = c.queue.submit("q/submit-ingress-2", { input = {} })
    assert.is_nil(value)
    assert.equal("auth", err.code)
    assert.truthy(tostring(err):find("no login", 1, true))
    sent { submit = 1 }
  end)

  it("never send a later key with a line break in it", function ()
    local n = 0
    local c = client { credentials = function () n = n + 1 return n < 2 and KEY or KEY .. "\r\nX-Evil: 1" end }
    local value, err = c.queue.submit("q/submit-ingress-2", { input = {} })
    assert.is_nil(value)
    assert.equal("auth", err.code)
    assert.is_nil(tostring(err):find("secret-key-value", 1, true))
    sent { submit = 1 }
  end)

  it("of looks go through more: 500, a closed connection", function ()
    local c = client()
    for _, play in ipairs { "status-500", "status-reset" } do
      local handle = assert(c.queue.submit("q/" .. play, { input = {} }))
      assert.equal("COMPLETED", assert(handle:status()).status)
    end
    sent { submit = 2, status = 5 }
  end)
end)


describe("a handle", function ()
  before_each(function () server.forget() end)

  it("looks, waits and fetches", function ()
    local handle = assert(client().queue.submit("q/normal", { input = { prompt = "a" } }))
    local status = assert(handle:status())
    assert.equal("IN_QUEUE", status.status)
    assert.equal(0, status.queue_position)
    assert.equal("", server.last().query)
    assert.is_nil(server.last().headers["content-type"])
    status = assert(handle:status { logs = true })
    assert.equal("IN_PROGRESS", status.status)
    assert.equal("line 1", status.logs[1].message)
    assert.equal("logs=1", server.last().query)
    local result, meta = handle:get { poll_interval = 0.1 }
    assert.same({ prompt = "a" }, result.input)
    assert.equal(handle.request_id, meta.request_id)
    assert.equal("q/normal", meta.endpoint_id)
    assert.equal(1.25, meta.billable_units)
    assert.is_true(meta.attempts >= 1)
    sent { submit = 1, status = 3, result = 1 }
  end)

  it("is remade from its ids, in another process", function ()
    local handle = assert(client().queue.submit("q/normal/path", { input = { prompt = "b" } }))
    local out = child.run(([[
      local fal = require "fal"
      fal.config { base_url = %q, credentials = %q }
      local handle = fal.queue.handle(%q, %q)
      local result, meta = assert(handle:get { mode = "streaming" })
      print(result.input.prompt, meta.request_id)
    ]]):format(server.url, KEY, handle.endpoint_id, handle.request_id))
    assert.equal("b\t" .. handle.request_id .. "\n", out)
    sent { submit = 1, stream = 1, result = 1 }
  end)

  it("get waits no longer than its timeout, and leaves the request alone", function ()
    for _, mode in ipairs { "polling", "streaming" } do
      server.forget()
      local handle = assert(client().queue.submit("q/never", { input = {} }))
      local value, err = handle:get { timeout = 0.05, mode = mode }
      assert.is_nil(value)
      assert.equal("timeout", err.code)
      assert.is_true(err.retryable)
      assert.equal(handle.request_id, err.request_id)
      assert(client():run("fault/echo", { input = {} }))
      assert.is_nil(server.stats().cancel)
    end
  end)

  it("cancel asks the server to end it", function ()
    local c = client()
    local handle = assert(c.queue.submit("q/never", { input = {} }))
    assert.equal("CANCELLATION_REQUESTED", assert(handle:cancel()).status)
    assert.equal("PUT", server.last().method)
    local status = assert(handle:status())
    assert.equal("COMPLETED", status.status)
    assert.equal("client_cancelled", status.error_type)
    local value, err = handle:get()
    assert.is_nil(value)
    assert.equal("canceled", err.code)
    assert.equal("client_cancelled", err.type)
    assert.equal(499, err.status)
  end)

  it("events tell each change, then the result", function ()
    for _, mode in ipairs { "polling", "streaming" } do
      local handle = assert(client().queue.submit("q/positions", { input = { n = 1 } }))
      local seen = {}
      for event in handle:events { mode = mode, poll_interval = 0.1 } do
        seen[#seen + 1] = event.status .. (event.queue_position or "")
        if event.status == "COMPLETED" then
          assert.same({ n = 1 }, event.result.input)
          assert.equal(handle.request_id, event.meta.request_id)
          assert.is_nil(event.err)
        end
      end
      assert.same({ "IN_QUEUE2", "IN_QUEUE1", "IN_QUEUE0", "IN_PROGRESS", "COMPLETED" }, seen)
    end
  end)

  it("leaving its events early leaves the request alone", function ()
    local handle = assert(client().queue.submit("q/never", { input = {} }))
    do
      local next_event = handle:events()
      assert.equal("IN_QUEUE", next_event().status)
    end
    for _ = 1, 3 do collectgarbage() end
    assert(client():run("fault/echo", { input = {} }))
    server.wait("hungup", 1)
    assert.is_nil(server.stats().cancel)
  end)
end)


describe("what becomes of a result", function ()
  before_each(function () server.forget() end)

  local function ended(play, code, status, results)
    server.forget()
    local c = client()
    local handle = assert(c.queue.submit("q/" .. play, { input = {} }))
    local value, err = handle:get { poll_interval = 0.1 }
    assert.is_nil(value)
    assert.equal(code, err.code, tostring(err))
    assert.equal(status, err.status)
    assert.equal(handle.request_id, err.request_id)
    assert.equal("q/" .. play, err.endpoint_id)
    assert.equal(results, server.stats().result or 0)
    return err
  end

  it("the model's refusal is told as its own, and asked for once", function ()
    local err = ended("fails-422", "validation", 422, 1)
    assert.truthy(tostring(err):find("prompt: it is not a good one (value_error)", 1, true))
    assert.equal("model", ended("fails-500", "model", 500, 1).code)
  end)
  it("so is the platform's", function ()
    assert.equal("runner_disconnected", ended("fails-503", "http", 503, 1).type)
  end)
  it("a model's own 404 is not an expired result", function () ended("fails-404", "http", 404, 1) end)
  it("a result that is gone is expired", function ()
    assert.truthy(tostring(ended("gone", "expired", 404, 1)):find("limited time", 1, true))
  end)
  it("a request that is unknown is expired", function () ended("unknown", "expired", 404, 0) end)
  it("so it is by queue.result", function ()
    local value, err = client().queue.result("q/gone", { request_id = "nobody" })
    assert.is_nil(value)
    assert.equal("expired", err.code)
  end)
  it("an ingress in between is asked again", function ()
    local handle = assert(client().queue.submit("q/result-502", { input = {} }))
    assert(handle:get())
    sent { submit = 1, status = 1, result = 2 }
  end)
  it("a body that is cut is fetched again", function ()
    local handle = assert(client().queue.submit("q/result-cut", { input = {} }))
    assert(handle:get())
    sent { submit = 1, status = 1, result = 2 }
  end)
  it("a body without end stops at max_response", function ()
    for _, play in ipairs { "result-huge", "status-huge" } do
      local c = client { max_response = 100000 }
      local handle = assert(c.queue.submit("q/" .. play, { input = {} }))
      local value, err = handle:get()
      assert.is_nil(value)
      assert.equal("toobig", err.code)
      assert.equal(handle.request_id, err.request_id)
    end
    sent { submit = 2, status = 2, result = 1 }
  end)
  it("a status that is none is told", function ()
    local err = ended("status-json", "protocol", nil, 0)
    assert.equal("protocol", err.code)
  end)
  it("a redirect is not followed with the key", function ()
    ended("status-redirect", "http", 302, 0)
    for _, r in ipairs(server.log()) do assert.is_nil(r.path:find "echo") end
  end)
  it("a refused key is told", function () ended("status-401", "auth", 401, 0) end)
end)


describe("following", function ()
  before_each(function () server.forget() end)

  it("subscribe_to_status tells each status, and returns the last", function ()
    for _, mode in ipairs { "polling", "streaming" } do
      server.forget()
      local c, seen = client(), {}
      local handle = assert(c.queue.submit("q/normal", { input = {} }))
      local last = assert(c.queue.subscribe_to_status("q/normal", {
        request_id = handle.request_id, logs = true, mode = mode, poll_interval = 0.1,
        on_queue_update = function (s) seen[#seen + 1] = s.status .. #s.logs end,
      }))
      assert.equal("COMPLETED", last.status)
      assert.equal(0.5, last.metrics.inference_time)
      assert.same({ "IN_QUEUE0", "IN_PROGRESS1", "COMPLETED1" }, seen)
      assert.is_nil(server.stats().result)
    end
  end)

  it("stream_status is a loop over them", function ()
    local c, seen = client(), {}
    local handle = assert(c.queue.submit("q/normal", { input = {} }))
    for s in c.queue.stream_status("q/normal", { request_id = handle.request_id, logs = true }) do
      seen[#seen + 1] = s.status
      assert.is_nil(s.result)
      assert.is_nil(s.err)
    end
    assert.same({ "IN_QUEUE", "IN_PROGRESS", "COMPLETED" }, seen)
    sent { submit = 1, stream = 1 }
  end)

  it("gives the error of a request that is not there", function ()
    local c = client()
    local last, err = c.queue.subscribe_to_status("q/normal", { request_id = "nobody" })
    assert.is_nil(last)
    assert.equal("expired", err.code)
    local events = {}
    for event in c.queue.stream_status("q/normal", { request_id = "nobody" }) do events[#events + 1] = event end
    assert.equal(1, #events)
    assert.equal("expired", events[1].err.code)
    assert.equal("nobody", events[1].err.request_id)
  end)
end)
