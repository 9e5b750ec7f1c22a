-- The queue of `falua serve`, as its callers see it. What it keeps when it is
-- killed is in serve_durable_spec.lua.

local fal = require "fal"
local serve = require "spec.support.serve"

local UUID = "^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$"
local QUEUE = "/queue/local/job"

local APP = [[
local app = fal.app "local/job"
app.limits = { time = 50 }

local function append(path, s)
  local f = assert(io.open(path, "a"))
  f:write(s)
  f:close()
end

local function size(path)
  local f = io.open(path)
  local n = f and f:seek "end" or 0
  if f then f:close() end
  return n
end

local function wait_for(path, context)
  while not io.open(path) do
    if context.canceled() then return nil, context.fail(499, "stopped") end
    fal.sleep(0.01)
  end
  return true
end

function app.run(input, context)
  if input.tally then append(input.tally, "x") end
  for _, line in ipairs(input.lines or {}) do context.log(line) end
  if input.gate then
    local ok, err = wait_for(input.gate, context)
    if not ok and input.dies then os.execute "kill -9 $PPID" end
    if not ok then return nil, err end
  end
  for _, line in ipairs(input.more or {}) do context.log(line) end
  local n = input.tally and size(input.tally)
  if input.crashes and n <= input.crashes then
    os.execute "kill -9 $PPID"
  end
  if input.failures and n <= input.failures then
    return nil, context.fail(input.status, "as asked", {retry = input.retry})
  end
  return { name = input.name, tries = n, bytes = ("x"):rep(input.bytes or 0), id = context.request_id,
           kind = context.kind, endpoint = context.endpoint, hint = context.headers["x-fal-runner-hint"] }
end

local other = fal.app "local/other/with/path"
function other.run(input) return input end
return app
]]

local dir, server


local function sh(command)
  local p = assert(io.popen(command))
  local out = p:read("*a")
  p:close()
  return (out:gsub("%s+$", ""))
end


local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end


-- A path that no file has yet, in the folder that goes at the end.
local fresh
do
  local n = 0
  function fresh()
    n = n + 1
    return dir .. "/file" .. n
  end
end


local function open(path) write(path, "") end


local function json(answer)
  assert.equal("application/json", answer.headers["content-type"])
  return assert(fal.json.decode(answer.body))
end


local function start(options)
  return serve.start("--workers 1 --apps " .. dir .. "/apps " .. (options or ""))
end


local function submit(input, options, path)
  local answer = server:post(path or QUEUE, fal.json.encode(input or {}), options)
  assert.equal(200, answer.status, answer.body)
  return json(answer)
end


local function status(id, query, form)
  local answer = server:get((form or "/queue/local/job/requests/%s/status"):format(id) .. (query or ""))
  return json(answer), answer
end


-- Asks until 'good(status)'; bounded only against hanging.
local function wait_until(id, good)
  local limit = os.time() + 40
  while true do
    local s = status(id, "?logs=1")
    if good(s) then return s end
    assert(os.time() < limit, "still " .. s.status)
  end
end


local function is(word)
  return function(s) return s.status == word end
end


local function result(id)
  return server:get("/queue/local/job/requests/" .. id)
end


local function finished(id)
  local s = wait_until(id, is "COMPLETED")
  return json(result(id)), s
end


local function cancel(id, form)
  local answer = server:request((form or "/queue/local/job/requests/%s/cancel"):format(id), {method = "PUT"})
  return answer.status, json(answer)
end


-- The events of a status stream that goes on while other calls are made.
local function follow(id, query)
  local p = assert(io.popen(("curl -sN --max-time 60 '%s/queue/local/job/requests/%s/status/stream%s'"):format(
    server.url, id, query or "")))
  return function()
    for line in p:lines() do
      local data = line:match "^data: (.*)$"
      if data then return assert(fal.json.decode(data)) end
    end
    p:close()
  end
end


setup(function()
  dir = sh "mktemp -d"
  os.execute("mkdir " .. dir .. "/apps")
  write(dir .. "/apps/job.lua", APP)
  server = start()
end)

teardown(function()
  if server then server:stop() end
  os.execute("rm -rf " .. dir)
end)


describe("a request in the queue", function()
  it("is accepted, followed and answered as fal does", function()
    local answer = server:post(QUEUE, '{"name":"a"}', {headers = {"x-fal-runner-hint: h"}})
    local sent = json(answer)
    assert.equal(200, answer.status)
    assert.matches(UUID, sent.request_id)
    assert.equal(sent.request_id, answer.headers["x-fal-request-id"])
    local base = server.url .. "/queue/local/job/requests/" .. sent.request_id
    assert.same({status = "IN_QUEUE", request_id = sent.request_id, queue_position = 0, response_url = base,
                 status_url = base .. "/status", cancel_url = base .. "/cancel"}, sent)
    local s = wait_until(sent.request_id, is "COMPLETED")
    assert.is_number(s.metrics.inference_time)
    assert.is_nil(s.error)
    assert.is_nil(s.queue_position)
    assert.equal(sent.response_url, s.response_url)
    local _, raw = status(sent.request_id)
    assert.equal(200, raw.status)
    local first, second = result(sent.request_id), result(sent.request_id)
    assert.equal(200, first.status)
    assert.equal("1", first.headers["x-fal-billable-units"])
    assert.equal(sent.request_id, first.headers["x-fal-request-id"])
    assert.equal(first.body, second.body)
    local r = json(first)
    assert.same({"a", "queue", "local/job", "h", sent.request_id}, {r.name, r.kind, r.endpoint, r.hint, r.id})
  end)

  it("is 202 while it waits or runs, with its position or its logs", function()
    local gate = fresh()
    local a = submit {gate = gate, lines = {"one", "çift"}}
    local b = submit {name = "b"}
    local s, raw = status(b.request_id)
    assert.equal(202, raw.status)
    assert.equal("IN_QUEUE", s.status)
    assert.equal(0, s.queue_position)
    assert.equal(fal.null, s.logs)
    local c = submit {name = "c"}
    assert.equal(1, c.queue_position)
    s = wait_until(a.request_id, function(x) return #x.logs == 2 end)
    assert.equal("IN_PROGRESS", s.status)
    assert.equal("çift", s.logs[2].message)
    assert.same({"INFO", "USER"}, {s.logs[1].level, s.logs[1].source})
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$", s.logs[1].timestamp)
    assert.is_true(s.logs[1].timestamp < s.logs[2].timestamp)
    for query, n in pairs {["?logs=true"] = 2, ["?logs=1"] = 2, ["?logs=0"] = 0, ["?logs=false"] = 0, [""] = 0} do
      s, raw = status(a.request_id, query)
      assert.equal(202, raw.status)
      assert.equal(n, s.logs == fal.null and 0 or #s.logs, query)
    end
    local early = result(a.request_id)
    assert.equal(400, early.status)
    assert.matches("in progress", json(early).detail)
    open(gate)
    finished(a.request_id)
    assert.equal("b", finished(b.request_id).name)
    finished(c.request_id)
  end)

  it("is found by its id alone, however it is asked for", function()
    local sent = submit({a = 1}, nil, "/queue/local/other/with/path/")
    assert.equal(server.url .. "/queue/local/other/requests/" .. sent.request_id, sent.response_url)
    wait_until(sent.request_id, is "COMPLETED")
    for _, form in ipairs {"local/other", "local/other/with/path", "workflows/some/thing", "anything"} do
      for _, last in ipairs {"/status", "/status/"} do
        local s = status(sent.request_id, nil, "/queue/" .. form .. "/requests/%s" .. last)
        assert.equal("COMPLETED", s.status)
        assert.equal(sent.response_url, s.response_url)
      end
      for _, last in ipairs {"", "/", "/response", "/response/"} do
        local answer = server:get("/queue/" .. form .. "/requests/" .. sent.request_id .. last)
        assert.equal('{"a":1}', answer.body)
      end
    end
  end)

  it("is there for callers of fal's own host names", function()
    local headers = {"Host: queue.fal.run", "X-Forwarded-Proto: https"}
    local sent = submit({}, {headers = headers}, "/local/job")
    local base = "https://queue.fal.run/local/job/requests/" .. sent.request_id
    assert.same({base, base .. "/status", base .. "/cancel"}, {sent.response_url, sent.status_url, sent.cancel_url})
    local s = json(server:get("/local/job/requests/" .. sent.request_id .. "/status?logs=1", {headers = headers}))
    assert.equal(base .. "/status", s.status_url)
  end)

  it("keeps what is big", function()
    local sent = submit {name = ("n"):rep(300000), bytes = 200000}
    local r = finished(sent.request_id)
    assert.equal(300000, #r.name)
    assert.equal(200000, #r.bytes)
    assert.equal(200, server:request("/queue/local/job/requests/" .. sent.request_id, {method = "HEAD"}).status)
  end)

  it("answers for the model, whatever that said", function()
    local sent = submit({}, nil, "/queue/fal-ai/flux/dev")
    local r, s = finished(sent.request_id)
    assert.equal("missing", r.detail[1].type)
    assert.equal("Invalid status code: 422", s.error)
    local answer = result(sent.request_id)
    assert.equal(422, answer.status)
    assert.equal("0", answer.headers["x-fal-billable-units"])
    sent = submit {failures = 1, status = 418, tally = fresh()}
    r, s = finished(sent.request_id)
    assert.equal("as asked", r.detail)
    assert.equal("as asked", s.error)
    assert.equal(418, result(sent.request_id).status)
  end)
end)


describe("the queue refuses", function()
  it("endpoints that it does not have", function()
    local answer = server:post("/queue/no/such", "{}")
    assert.equal(404, answer.status)
    assert.matches("no/such", json(answer).detail)
    assert.equal(404, server:post("/queue/", "{}").status)
    assert.equal(404, server:post("/queue/job", "{}").status)
  end)

  it("ids that it does not know", function()
    for _, id in ipairs {"00000000-0000-4000-8000-000000000000", "x", "..", ("a"):rep(300)} do
      for _, last in ipairs {"", "/status", "/status/stream"} do
        local answer = server:get("/queue/local/job/requests/" .. id .. last)
        assert.equal(404, answer.status, id .. last)
        assert.equal("NOT_FOUND", json(answer).status)
      end
      assert.same({404, {status = "NOT_FOUND"}}, {cancel(id)})
    end
  end)

  it("methods that are not meant", function()
    local id = submit({}).request_id
    for _, row in ipairs {{"PUT", "/status"}, {"DELETE", ""}, {"POST", "/cancel"}, {"GET", "/cancel"}} do
      local answer = server:request("/queue/local/job/requests/" .. id .. row[2], {method = row[1]})
      assert.equal(405, answer.status, row[1] .. row[2])
    end
    assert.equal(405, server:get(QUEUE).status)
  end)

  it("webhooks that are no URL", function()
    for _, url in ipairs {"nonsense", "ftp%3A%2F%2Fa", "file:///etc/passwd"} do
      local answer = server:post(QUEUE .. "?fal_webhook=" .. url, "{}")
      assert.equal(400, answer.status)
      assert.equal("bad_request", json(answer).error_type)
    end
  end)

  it("more than the caller wants to wait behind", function()
    local gate = fresh()
    local first = submit {gate = gate}
    wait_until(first.request_id, is "IN_PROGRESS")
    local last = submit({}, nil, QUEUE .. "?fal_max_queue_length=1")
    local answer = server:post(QUEUE .. "?fal_max_queue_length=1", "{}")
    assert.equal(429, answer.status)
    assert.equal("1", answer.headers["retry-after"])
    open(gate)
    finished(last.request_id)
  end)
end)


describe("order", function()
  it("is of arrival, low priority last", function()
    local gate, tally = fresh(), fresh()
    local first = submit {gate = gate}
    wait_until(first.request_id, is "IN_PROGRESS")
    local low = submit({name = "low"}, {headers = {"x-fal-queue-priority: low"}})
    local a = submit({name = "a", gate = tally}, {headers = {"x-fal-queue-priority: urgent"}})
    local b = submit({name = "b"}, {headers = {"x-fal-queue-priority: normal"}})
    assert.same({0, 0, 1}, {low.queue_position, a.queue_position, b.queue_position})
    assert.equal(2, status(low.request_id).queue_position)
    assert.equal(0, status(a.request_id).queue_position)
    open(gate)
    wait_until(a.request_id, is "IN_PROGRESS")
    assert.equal(0, status(b.request_id).queue_position)
    assert.equal(1, status(low.request_id).queue_position)
    open(tally)
    finished(low.request_id)
    assert.equal("COMPLETED", status(b.request_id).status)
  end)

  it("lets callers who wait in between", function()
    local ids = {}
    for i = 1, 20 do ids[i] = submit({name = i}).request_id end
    for i = 1, 5 do
      local answer = server:post("/local/job", fal.json.encode {name = i})
      assert.equal(200, answer.status)
      assert.equal("run", json(answer).kind)
    end
    for i = 1, 20 do assert.equal(i, finished(ids[i]).name) end
  end)
end)


describe("cancel", function()
  it("takes out what waits, stops what runs, and comes too late", function()
    local gate = fresh()
    local running = submit {gate = gate}
    wait_until(running.request_id, is "IN_PROGRESS")
    local waiting = submit {tally = gate .. "never"}
    assert.same({200, {status = "OK"}}, {cancel(waiting.request_id)})
    assert.same({400, {status = "ALREADY_COMPLETED"}}, {cancel(waiting.request_id)})
    assert.same({202, {status = "CANCELLATION_REQUESTED"}}, {cancel(running.request_id, "/queue/a/b/requests/%s/cancel/")})
    for _, id in ipairs {waiting.request_id, running.request_id} do
      local r, s = finished(id)
      assert.equal("client_cancelled", s.error_type)
      assert.is_string(s.error)
      assert.is_string(r.detail)
      local answer = result(id)
      assert.equal(499, answer.status)
      assert.equal("client_cancelled", answer.headers["x-fal-error-type"])
    end
    assert.is_nil(io.open(gate .. "never"))
    assert.same({400, {status = "ALREADY_COMPLETED"}}, {cancel(running.request_id)})
  end)

  it("is what came of a request whose worker died of it", function()
    local running = submit {gate = fresh(), dies = true}
    wait_until(running.request_id, is "IN_PROGRESS")
    assert.equal(202, (cancel(running.request_id)))
    local _, s = finished(running.request_id)
    assert.equal("client_cancelled", s.error_type)
    assert.equal(499, result(running.request_id).status)
  end)
end)


describe("a start timeout", function()
  it("ends what has not begun, and nothing else", function()
    local gate = fresh()
    local running = submit({gate = gate}, {headers = {"x-fal-request-timeout: 1.5"}})
    wait_until(running.request_id, is "IN_PROGRESS")
    local late = submit({}, {headers = {"x-fal-request-start-timeout: 0.2", "x-fal-request-timeout: 100"}})
    local r, s = finished(late.request_id)
    assert.equal("request_timeout", s.error_type)
    assert.equal("request_timeout", r.error_type)
    local answer = result(late.request_id)
    assert.equal(504, answer.status)
    assert.equal("user", answer.headers["x-fal-request-timeout-type"])
    assert.equal("IN_PROGRESS", status(running.request_id).status)
    open(gate)
    finished(running.request_id)
    assert.equal(200, result(running.request_id).status)
  end)
end)


describe("what fails", function()
  local function tried(input, headers)
    input.tally = fresh()
    local sent = submit(input, {headers = headers})
    local r, s = finished(sent.request_id)
    local f = assert(io.open(input.tally))
    local n = #f:read "*a"
    f:close()
    return n, r, s, result(sent.request_id).status
  end

  it("runs again when it said 503 or 504, or its worker died", function()
    for _, input in ipairs {{status = 503, failures = 2}, {status = 504, failures = 1}, {crashes = 2},
                            {status = 500, failures = 1, retry = true}} do
      local n, r, s, code = tried(input)
      assert.equal((input.failures or input.crashes) + 1, n)
      assert.equal(n, r.tries)
      assert.is_nil(s.error)
      assert.equal(200, code)
    end
  end)

  it("does not when it said something else, or that it should not", function()
    for _, input in ipairs {{status = 500, failures = 9}, {status = 502, failures = 9},
                            {status = 503, failures = 9, retry = false}} do
      local n, _, s, code = tried(input)
      assert.equal(1, n)
      assert.equal("as asked", s.error)
      assert.equal(input.status, code)
    end
  end)

  it("does not run again when the caller does not want it", function()
    local n, _, _, code = tried({status = 503, failures = 9}, {"x-fal-no-retry: true"})
    assert.same({1, 503}, {n, code})
    n, _, _, code = tried({status = 503, failures = 9}, {'x-fal-retry-config: {"server_error":{"retries":2}}'})
    assert.same({3, 503}, {n, code})
    local s
    n, _, s, code = tried({crashes = 9}, {'x-fal-retry-config: {"connection_error":{"retries":1}}'})
    assert.same({2, 503, "runner_disconnected"}, {n, code, s.error_type})
  end)
end)


describe("a status stream", function()
  it("tells each change once, and ends with the request", function()
    local gate, second = fresh(), fresh()
    local before = submit {gate = gate}
    wait_until(before.request_id, is "IN_PROGRESS")
    local sent = submit {gate = second, lines = {"one", "ı"}, more = {"three"}}
    local next_event = follow(sent.request_id, "?logs=1")
    local e = next_event()
    assert.same({"IN_QUEUE", 0}, {e.status, e.queue_position})
    open(gate)
    local lines, states = {}, {}
    repeat
      e = next_event()
      if e and e.status ~= states[#states] then states[#states + 1] = e.status end
      for _, l in ipairs(e and e.logs or {}) do lines[#lines + 1] = l.message end
      if #lines == 2 then open(second) end
    until not e
    assert.same({"IN_PROGRESS", "COMPLETED"}, states)
    assert.same({"one", "ı", "three"}, lines)
  end)

  it("is pure ASCII, and without logs when nobody asked", function()
    local sent = submit {lines = {"ığüş"}}
    wait_until(sent.request_id, is "COMPLETED")
    local path = "/queue/local/job/requests/" .. sent.request_id .. "/status/stream"
    local answer = server:get(path .. "?logs=true")
    assert.matches("^text/event%-stream", answer.headers["content-type"])
    assert.matches("^data: {[^\n]*}\n\n$", answer.body)
    assert.is_nil(answer.body:find "[\128-\255]")
    assert.equal("ığüş", fal.json.decode(answer.body:sub(7)).logs[1].message)
    assert.matches('"logs":null', server:get(path).body)
  end)
end)


describe("our own client", function()
  local client

  setup(function()
    client = fal.client {base_url = server.url, credentials = "a:b", journal = dir .. "/journal"}
  end)

  teardown(function() client:close() end)

  it("subscribes in both modes", function()
    for _, mode in ipairs {"polling", "streaming"} do
      local last, lines, enqueued = nil, {}, nil
      local r, meta = client:subscribe("local/job", {
        input = {name = mode, lines = {"a", "a", "b"}}, mode = mode, logs = true,
        on_enqueue = function(id) enqueued = id end,
        on_queue_update = function(s)
          last = s.status
          for _, l in ipairs(s.logs or {}) do lines[#lines + 1] = l.message end
        end,
      })
      assert(r, meta)
      assert.equal(mode, r.name)
      assert.equal(enqueued, meta.request_id)
      assert.equal("COMPLETED", last)
      assert.same({"a", "a", "b"}, lines)
    end
  end)

  it("submits, looks, cancels and iterates", function()
    local gate = fresh()
    local handle = fal.check(client.queue.submit("local/job", {input = {gate = gate}}))
    assert.is_string(fal.check(handle:status()).status)
    assert(handle:cancel())
    local r, err = handle:get()
    assert.is_nil(r)
    assert.equal("client_cancelled", err.type)
    local seen
    for e in client:run_iterator("local/job", {input = {name = "i"}}) do seen = e end
    assert.equal("i", seen.result.name)
  end)

  it("finds in the journal what another process left", function()
    local handle = fal.check(client.queue.submit("local/job", {input = {name = "left"}}))
    local found
    for _, p in ipairs(fal.journal.open(dir .. "/journal"):pending()) do
      found = found or p.request_id == handle.request_id
    end
    assert.is_true(found)
    local again = client.queue.handle("local/job", handle.request_id)
    assert.equal("left", fal.check(again:get()).name)
  end)
end)


describe("a result", function()
  it("expires, which is not the same as never having been", function()
    local short = start "--keep 1 --keep-big 1"
    local before = server
    server = short
    local sent = submit {name = "a"}
    wait_until(sent.request_id, is "COMPLETED")
    local answer
    repeat answer = result(sent.request_id) until answer.status ~= 200
    assert.equal(410, answer.status)
    assert.matches("expired", json(answer).detail)
    assert.equal("COMPLETED", status(sent.request_id).status)
    local r, err = fal.client {base_url = short.url, credentials = "a:b"}.queue.result("local/job",
      {request_id = sent.request_id})
    assert.is_nil(r)
    assert.equal(410, err.status)
    short:stop()
    server = before
  end)
end)
