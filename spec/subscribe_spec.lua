-- From submit to result: by polling and by the status stream, whatever
-- happens to either.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local KEY = "id:secret-key-value"
local RETRY = { max = 3, base_delay = 0.01, max_delay = 0.05 }
local PUC51 = _VERSION == "Lua 5.1" and not jit


local function client(opt)
  opt = opt or {}
  opt.base_url, opt.credentials, opt.retry = server.url, opt.credentials or KEY, RETRY
  return fal.client(opt)
end


local function sent(expected)
  local stats, got = server.stats(), {}
  for _, kind in ipairs { "submit", "status", "stream", "result", "cancel" } do got[kind] = stats[kind] end
  assert.same(expected, got)
end


local function messages(logs)
  local list = {}
  for i, line in ipairs(logs) do list[i] = line.message:match "%d+" end
  return table.concat(list, " ")
end


local function both(f)
  for _, mode in ipairs { "polling", "streaming" } do
    server.forget()
    f(mode)
  end
end


describe("subscribe", function ()
  before_each(function () server.forget() end)

  it("submits, follows and fetches", function ()
    both(function (mode)
      local statuses, enqueued, logs = {}, {}, {}
      local result, meta = client():subscribe("q/normal", {
        input = { prompt = "a" }, logs = true, mode = mode, poll_interval = 0.1,
        on_enqueue = function (...) enqueued[#enqueued + 1] = { ... } end,
        on_queue_update = function (s)
          assert.equal(1, #enqueued)
          statuses[#statuses + 1] = s.status
          logs[#logs + 1] = messages(s.logs)
        end,
      })
      assert.same({ prompt = "a" }, result.input)
      assert.same({ "IN_QUEUE", "IN_PROGRESS", "COMPLETED" }, statuses)
      assert.same({ "", "1", "2" }, logs)
      assert.same({ { meta.request_id } }, enqueued)
      assert.equal("1 2", messages(meta.logs))
      assert.equal("q/normal", meta.endpoint_id)
      assert.equal(200, meta.status)
      assert.equal(1, meta.attempts)
      assert.equal(1.25, meta.billable_units)
      sent(mode == "polling" and { submit = 1, status = 3, result = 1 } or { submit = 1, stream = 1, result = 1 })
    end)
  end)

  it("polls by default, the first time at once, then every half second", function ()
    assert(client():subscribe("q/normal", { input = {} }))
    local log, at = server.log(), {}
    for _, r in ipairs(log) do
      if r.kind == "status" then at[#at + 1] = r.at end
    end
    assert.equal(3, #at)
    assert.is_true(at[1] - log[1].at < 0.4)
    assert.is_true(at[2] - at[1] > 0.45, at[2] - at[1])
    assert.equal("", log[2].query)
  end)

  it("never polls more often than ten times a second", function ()
    assert(client():subscribe("q/positions", { input = {}, poll_interval = 0.001 }))
    local last
    for _, r in ipairs(server.log()) do
      if r.kind == "status" then
        assert.is_true(not last or r.at - last > 0.095, last and r.at - last)
        last = r.at
      end
    end
    assert.equal(6, server.stats().status)
  end)

  it("sends every option with the submit", function ()
    both(function (mode)
      assert(client():subscribe("q/quick", {
        input = {}, mode = mode, webhook_url = "https://me.example/hook", priority = "low", hint = "warm",
        start_timeout = 20, headers = { ["X-Mine"] = "yes" }, storage_settings = { expires_in = "1d" }, path = "deep",
      }))
      local r = server.log()[1]
      assert.equal("/queue/q/quick/deep", r.path)
      assert.equal("fal_webhook=https%3A%2F%2Fme.example%2Fhook", r.query)
      assert.equal("low", r.headers["x-fal-queue-priority"])
      assert.equal("warm", r.headers["x-fal-runner-hint"])
      assert.equal(20, tonumber(r.headers["x-fal-request-timeout"]))
      assert.equal("yes", r.headers["x-mine"])
      assert.truthy(r.headers["x-fal-object-lifecycle-preference"]:find("86400", 1, true))
      assert.is_nil(server.log()[2].headers["x-mine"])
    end)
  end)

  it("refuses what it does not know", function ()
    local c = client()
    for _, opt in ipairs {
      { mode = "stream" }, { poll_interval = 0 }, { poll_interval = 0 / 0 }, { on_update = print }, { logs = 1 },
    } do
      assert.has_error(function () c:subscribe("q/quick", opt) end)
      assert.has_error(function () c:run_iterator("q/quick", opt) end)
    end
    sent {}
  end)

  it("the callbacks run where the caller is, and may call", function ()
    both(function (mode)
      local c = client()
      local where, looked
      local function body()
        return c:subscribe("q/normal", {
          input = {}, mode = mode, poll_interval = 0.1,
          on_enqueue = function (id)
            where = { coroutine.running() }
            looked = assert(c:run("fault/mirror", { input = { id } }))
          end,
          on_queue_update = function ()
            assert.equal(where[1], (coroutine.running()))
            looked = assert(c:run("fault/mirror", { input = { 2 } }))
            assert(fal.sleep(0.001))
          end,
        })
      end
      assert(body())
      assert.same({ 2 }, looked)
      local task = fal.async(body)
      assert(task:await())
      assert.is_not_nil(where[1])
    end)
  end)

  it("an error in a callback is the caller's", function ()
    both(function (mode)
      local thrown = { "mine" }
      local ok, err = pcall(client().subscribe, client(), "q/never", {
        input = {}, mode = mode, poll_interval = 0.1, on_queue_update = function () error(thrown) end,
      })
      assert.is_false(ok)
      assert.equal(thrown, err)
      -- what it leaves behind ends at the server when it is collected
      for _ = 1, 3 do collectgarbage() end
      server.step_until(fal.step, "cancel", 1)
    end)
  end)

  it("asks a credentials function for each call", function ()
    both(function (mode)
      local n = 0
      local c = client { credentials = function () n = n + 1 return "id:key-number-" .. n end }
      assert(c:subscribe("q/submit-ingress", { input = {}, mode = mode }))
      local log = server.log()
      assert.equal(4, #log)
      for i, r in ipairs(log) do assert.equal("Key id:key-number-" .. i, r.headers.authorization) end
      assert.equal(mode == "streaming" and "text/event-stream" or "application/json", log[3].headers.accept)
    end)
  end)
end)


describe("log lines", function ()
  it("of a window that slides, repeats and mixes come once each", function ()
    both(function (mode)
      local seen = {}
      local _, meta = client():subscribe("q/logs-window", {
        input = {}, mode = mode, logs = true, poll_interval = 0.1,
        on_queue_update = function (s) seen[#seen + 1] = messages(s.logs) end,
      })
      assert.equal("1 2 3 4 5 6", messages(meta.logs))
      assert.same({ "1 2 3", "4", "5", "6" }, seen)
    end)
  end)

  it("are neither lost nor repeated, wherever the stream breaks off", function ()
    local c = client()
    assert(c:subscribe("q/stream-cut-1", { input = {}, logs = true, mode = "streaming", poll_interval = 0.1 }))
    local total = server.stats().stream_bytes
    assert.is_true(total > 500, "the stream has " .. total .. " bytes")
    server.forget()
    local list = {}
    for n = 0, total do
      list[#list + 1] = function ()
        local seen = {}
        local result, meta = c:subscribe("q/stream-cut-" .. n, {
          input = { n = n }, logs = true, mode = "streaming", poll_interval = 0.1,
          on_queue_update = function (s)
            for _, line in ipairs(s.logs) do seen[#seen + 1] = line end
          end,
        })
        return result and { n = result.input.n, all = messages(meta.logs), seen = messages(seen) }, meta
      end
    end
    for i, r in ipairs(fal.gather(list, { limit = 50 })) do
      assert.is_true(r.ok, tostring(r.err))
      assert.same({ n = i - 1, all = "1 2 3 4", seen = "1 2 3 4" }, r.result)
    end
    local stats = server.stats()
    assert.equal(total + 1, stats.submit)
    assert.equal(total + 1, stats.stream)
    assert.equal(total + 1, stats.result)
    assert.is_nil(stats.cancel)
  end)
end)


describe("a status stream", function ()
  before_each(function () server.forget() end)

  for _, play in ipairs { "refused-404", "refused-405", "refused-500", "refused-401", "json" } do
    it("that is " .. play .. " gives way to polling", function ()
      local _, meta = assert(client():subscribe("q/stream-" .. play, {
        input = {}, logs = true, mode = "streaming", poll_interval = 0.1,
      }))
      assert.equal("1 2", messages(meta.logs))
      sent { submit = 1, stream = 1, status = 2, result = 1 }
    end)
  end

  it("that stays open after COMPLETED is not waited for", function ()
    local before = os.time()
    local _, meta = assert(client():subscribe("q/stream-hangs-open", { input = {}, logs = true, mode = "streaming" }))
    assert.equal("1 2", messages(meta.logs))
    assert.is_true(os.time() - before < 5)
    sent { submit = 1, stream = 1, result = 1 }
    assert.is_true(server.wait("hungup", 1).hungup >= 1)
  end)

  for _, play in ipairs { "silent", "mute" } do
    it("that is " .. play .. " gives way to polling", function ()
      local _, meta = assert(client():subscribe("q/stream-" .. play, {
        input = {}, logs = true, mode = "streaming", poll_interval = 0.1, idle_timeout = 0.05, timeout = 5,
      }))
      assert.equal("1 2", messages(meta.logs))
      sent { submit = 1, stream = 1, status = 2, result = 1 }
    end)
  end
end)


describe("a subscription that fails", function ()
  before_each(function () server.forget() end)

  local rows = {
    { "fails-422", "validation", 422 }, { "fails-500", "model", 500 }, { "fails-503", "http", 503 },
    { "fails-404", "http", 404 }, { "gone", "expired", 404 },
    { "status-502", "http", 502, polls = 4 }, { "status-401", "auth", 401, polls = 1 },
    { "unknown", "expired", 404, polls = 1 }, { "status-json", "protocol", nil, polls = 1 },
    { "status-redirect", "http", 302, polls = 1 },
  }
  for _, row in ipairs(rows) do
    it("names the request: " .. row[1], function ()
      local enqueued
      local value, err = client():subscribe("q/" .. row[1], {
        input = {}, poll_interval = 0.1, on_enqueue = function (id) enqueued = id end,
      })
      assert.is_nil(value)
      assert.equal(row[2], err.code, tostring(err))
      assert.equal(row[3], err.status)
      assert.equal(enqueued, err.request_id)
      assert.equal("q/" .. row[1], err.endpoint_id)
      assert.is_nil(tostring(err):find("secret-key-value", 1, true))
      local stats = server.stats()
      assert.equal(1, stats.submit)
      if row.polls then assert.equal(row.polls, stats.status)
      else assert.equal(1, stats.result) end
    end)
  end

  it("tells the failure in the last status", function ()
    local last
    client():subscribe("q/fails", { input = {}, on_queue_update = function (s) last = s end, poll_interval = 0.1 })
    assert.equal("it did not work", last.error)
  end)
end)


describe("one deadline", function ()
  before_each(function () server.forget() end)

  it("covers everything; when it passes the request is canceled and named", function ()
    both(function (mode)
      local enqueued
      local c = client()
      local value, err = c:subscribe("q/never", {
        input = {}, mode = mode, timeout = 0.15, on_enqueue = function (id) enqueued = id end,
      })
      assert.is_nil(value)
      assert.equal("timeout", err.code)
      assert.equal(enqueued, err.request_id)
      assert.truthy(tostring(err):find("canceled", 1, true))
      server.step_until(fal.step, "cancel", 1)
      local log = server.log()
      assert.equal("PUT", log[#log].method)
      assert.truthy(log[#log].path:find(enqueued .. "/cancel", 1, true))
      assert.equal(1, server.stats().submit)
    end)
  end)

  it("the cancellation leaves even if nobody steps the engine again", function ()
    local c = client()
    assert(c:run("fault/echo", { input = {} }))
    local _, err = c:subscribe("q/never", { input = {}, timeout = 0.15 })
    assert.equal("timeout", err.code)
    assert.equal(1, server.wait("cancel", 1).cancel)
  end)

  it("and when the process ends at once", function ()
    local out = child.run(([[
      local fal = require "fal"
      fal.config { base_url = %q, credentials = %q }
      local value, err = fal.subscribe("q/never", { input = {}, mode = "streaming", timeout = 0.05 })
      print(err.code, err.request_id ~= nil)
    ]]):format(server.url, KEY))
    assert.equal("timeout\ttrue\n", out)
    assert.equal(1, server.wait("cancel", 1).cancel)
  end)

  it("of the client holds too", function ()
    local _, err = client({ timeout = 0.1 }):subscribe("q/never", { input = {} })
    assert.equal("timeout", err.code)
    assert.is_string(err.request_id)
    server.step_until(fal.step, "cancel", 1)
  end)

  it("that passes in the submit gives the answer a moment more, for the id", function ()
    both(function (mode)
      local told
      local value, err = client():subscribe("q/submit-late-200", {
        input = {}, mode = mode, timeout = 0.1, on_enqueue = function (id) told = id end,
      })
      assert.is_nil(value)
      assert.equal("timeout", err.code)
      assert.is_string(err.request_id)
      assert.equal(told, err.request_id)
      assert.truthy(tostring(err):find("after 0.1 seconds; the request was canceled", 1, true), tostring(err))
      server.step_until(fal.step, "cancel", 1)
      sent { submit = 1, cancel = 1 }
      assert.truthy(server.last().path:find(told .. "/cancel", 1, true))
    end)
  end)

  it("an id that comes later still is canceled, and nothing is submitted again", function ()
    local c = client()
    for _, call in ipairs { "subscribe", "submit" } do
      server.forget()
      local f = call == "submit" and c.queue.submit or function (...) return c:subscribe(...) end
      local value, err = f("q/submit-hold", { input = {}, timeout = 0.05 })
      assert.is_nil(value)
      assert.equal("timeout", err.code)
      assert.is_nil(err.request_id)
      assert.equal(1, server.stats().submit)
      server.release()
      server.step_until(fal.step, "cancel", 1)
      sent { submit = 1, cancel = 1 }
    end
  end)

  it("task:cancel() in the submit cancels the request once it has an id", function ()
    local c = client()
    for _, call in ipairs { "subscribe", "submit" } do
      server.forget()
      local f = call == "submit" and c.queue.submit or function (...) return c:subscribe(...) end
      local task = fal.async(f, "q/submit-hold", { input = {} })
      server.step_until(fal.step, "submit", 1)
      task:cancel()
      assert.equal("canceled", task.status)
      server.release()
      server.step_until(fal.step, "cancel", 1)
      sent { submit = 1, cancel = 1 }
    end
  end)

  it("so does a process that ends in the submit", function ()
    local out = child.run(([[
      local fal = require "fal"
      local c = fal.client { base_url = %q, credentials = %q }
      local task = fal.async(c.subscribe, c, "q/submit-late-500", { input = {} })
      repeat local seen = c:get("run", "__count?path=/queue/q/submit-late-500") until seen.count == 1
      task:cancel()
      print(task.status)
    ]]):format(server.url, KEY))
    assert.equal("canceled\n", out)
    assert.equal(1, server.wait("cancel", 1).cancel)
    sent { submit = 1, cancel = 1 }
  end)

  it("a submit that was refused late is told as that", function ()
    local value, err = client():subscribe("q/submit-late-app", { input = {}, timeout = 0.1 })
    assert.is_nil(value)
    assert.equal("http", err.code)
    assert.equal(503, err.status)
    sent { submit = 1 }
  end)

  it("while the result is fetched cancels nothing: it is there", function ()
    local _, err = client():subscribe("q/result-stall", { input = {}, timeout = 0.15 })
    assert.equal("timeout", err.code)
    assert.is_string(err.request_id)
    assert.is_true(err.retryable)
    assert.truthy(tostring(err):find("has completed", 1, true))
    server.step_until(fal.step, "hungup", 1)
    sent { submit = 1, status = 1, result = 1 }
  end)

  it("task:cancel() ends the request at the server", function ()
    both(function (mode)
      local enqueued
      local c = client()
      local task = fal.async(function ()
        return c:subscribe("q/never", { input = {}, mode = mode, on_enqueue = function (id) enqueued = id end })
      end)
      server.step_until(fal.step, mode == "polling" and "status" or "stream", 1)
      task:cancel()
      assert.equal("canceled", task.status)
      local value, err = task:await()
      assert.is_nil(value)
      assert.equal("canceled", err.code)
      assert.equal(enqueued, err.request_id)
      server.step_until(fal.step, "cancel", 1)
    end)
  end)

  it("a subscription that is forgotten ends at the server too", function ()
    local c = client()
    do
      local next_event = c:run_iterator("q/never", { input = {} })
      assert.equal("IN_QUEUE", next_event().status)
    end
    for _ = 1, 3 do collectgarbage() end
    server.step_until(fal.step, "cancel", 1)
  end)
end)


-- The cancellation at a deadline, and a submit that was given up: they have five
-- seconds, and two when the process ends.
describe("what nobody waits for", function ()
  before_each(function () server.forget() end)
  after_each(function () fal.client { base_url = server.url, max_connections = 0 } end)

  local function late(c, play, more)
    local opt = { input = {}, timeout = 1, mode = "polling", poll_interval = 30 }   -- submitted by then, not done
    for name, value in pairs(more or {}) do opt[name] = value end
    local value, err = c:subscribe("q/" .. play, opt)
    assert.is_nil(value)
    assert.equal("timeout", err.code)
  end

  it("is given up when it is never answered, or cannot even be sent", function ()
    local holders = {}
    finally(function ()
      for _, task in ipairs(holders) do task:cancel() end
    end)
    local crowded = fal.client {
      base_url = server.tls_url, ca_file = server.ca_file, credentials = KEY, max_connections = 2,
    }
    local all = {   -- at once, so that their five seconds begin together
      fal.async(late, crowded, "never", { timeout = 3, on_enqueue = function ()
        for i = 1, 2 do holders[i] = fal.async(crowded.run, crowded, "fault/stall") end
      end }),
      fal.async(late, client(), "cancel-always-stall", { timeout = 3 }),
      fal.async(late, client(), "submit-stall", { timeout = 3 }),
    }
    for _, task in ipairs(all) do task:await() end
    local pending = fal.step(0)
    assert.equal(2 + 3, pending)
    server.step_until(fal.step, "hungup", 2)
    local limit = os.time() + 20
    repeat
      pending = fal.step(0.01)
      assert(os.time() < limit, pending .. " operations stay")
    until pending == 2
    sent { submit = 3, cancel = 1, status = server.stats().status }
    for i = 1, 2 do
      assert.equal("running", holders[i].status)
      holders[i]:cancel()
    end
    server.step_until(fal.step, "hungup", 4)
    sent { submit = 3, cancel = 1, status = server.stats().status }
  end)

  it("does not keep a process that ends", function ()
    local out, code = child.run(([[
      local fal = require "fal"
      local c = fal.client { base_url = %q, credentials = %q }
      for _, play in ipairs { "cancel-always-stall", "submit-stall" } do
        local value, err = c:subscribe("q/" .. play, { input = {}, timeout = 1, mode = "polling", poll_interval = 30 })
        print(err.code)
      end
    ]]):format(server.url, KEY), {}, "timeout -k 5 60 %s")
    assert.equal("timeout\ntimeout\n", out)
    assert.equal(0, code)
    assert.equal(2, server.wait("hungup", 2).hungup)
    sent { submit = 2, cancel = 1, status = server.stats().status }
  end)
end)


describe("run_iterator", function ()
  before_each(function () server.forget() end)

  it("tells positions, new logs and the result", function ()
    both(function (mode)
      local seen, updates, enqueued = {}, 0, nil
      for event in client():run_iterator("q/positions", {
        input = { prompt = "a" }, mode = mode, poll_interval = 0.1,
        on_enqueue = function (id) enqueued = id end, on_queue_update = function () updates = updates + 1 end,
      }) do
        seen[#seen + 1] = event.status .. (event.queue_position or "")
        if event.status == "COMPLETED" then
          assert.same({ prompt = "a" }, event.result.input)
          assert.equal(enqueued, event.meta.request_id)
        else
          assert.is_nil(event.result)
        end
      end
      assert.same({ "IN_QUEUE2", "IN_QUEUE1", "IN_QUEUE0", "IN_PROGRESS", "COMPLETED" }, seen)
      assert.equal(6, updates)
    end)
  end)

  it("gives new log lines with each event, the last ones too", function ()
    both(function (mode)
      local seen = {}
      for event in client():run_iterator("q/normal", { input = {}, mode = mode, poll_interval = 0.1 }) do
        seen[#seen + 1] = event.status .. messages(event.logs)
      end
      assert.same({ "IN_QUEUE", "IN_PROGRESS1", "COMPLETED2" }, seen)
    end)
  end)

  it("ends with the error", function ()
    for play, code in pairs { ["fails-422"] = "validation", ["submit-app"] = "http", gone = "expired", nothing = "http" } do
      local last, n = nil, 0
      for event in client():run_iterator("q/" .. play, { input = {} }) do last, n = event, n + 1 end
      assert.equal("COMPLETED", last.status)
      assert.equal(code, last.err.code)
      assert.equal("q/" .. play, last.err.endpoint_id)
      assert.equal(play == "gone" and "1 2" or "", messages(last.logs))
      assert.is_nil(last.result)
    end
    local events = {}
    for event in client():run_iterator("not an id", {}) do events[#events + 1] = event end
    assert.equal(1, #events)
    assert.equal("validation", events[1].err.code)
  end)

  it("ends with the deadline", function ()
    local last
    for event in client():run_iterator("q/never", { input = {}, timeout = 0.1 }) do last = event end
    assert.equal("timeout", last.err.code)
    assert.is_string(last.err.request_id)
    server.step_until(fal.step, "cancel", 1)
  end)

  -- PUC Lua 5.1 cannot yield in the iterator of a for
  it("works in tasks", function ()
    local task = fal.async(function ()
      local n, next_event = 0, client():run_iterator("q/normal", { input = {} })
      if PUC51 then
        while next_event() do n = n + 1 end
      else
        for _ in next_event do n = n + 1 end
      end
      return n
    end)
    assert.equal(3, task:await())
  end)
end)


describe("many at once", function ()
  after_each(function () fal.client { base_url = server.url, max_connections = 0 } end)

  it("two thousand subscriptions in one process", function ()
    server.forget()
    local c, tasks, updates = client { max_connections = 100 }, {}, 0
    for i = 1, 2000 do
      tasks[i] = fal.async(c.subscribe, c, "q/normal", {
        input = { i = i }, mode = i % 2 == 0 and "streaming" or "polling", poll_interval = 0.1, logs = true,
        on_queue_update = function () updates = updates + 1 end,
      })
    end
    local ids = {}
    for i, r in ipairs(fal.gather(tasks)) do
      assert.is_true(r.ok, tostring(r.err))
      assert.equal(i, r.result.input.i)
      assert.equal("1 2", messages(r.meta.logs))
      assert.is_nil(ids[r.meta.request_id])
      ids[r.meta.request_id] = true
    end
    assert.equal(6000, updates)
    sent { submit = 2000, status = 3000, stream = 1000, result = 2000 }
  end)
end)
