-- The queue: submit now, look later; and subscribe, which does all of it.

local core = require "fal.core"
local calls = require "fal.calls"
local options = require "fal.options"
local tasks = require "fal.tasks"

local queue = {}

local SUBMIT = calls.with { webhook_url = "string" }
local SUBSCRIBE = calls.with {
  webhook_url = "string", logs = "boolean", mode = "string", poll_interval = "number", idle_timeout = "number",
  on_enqueue = "function", on_queue_update = "function",
}
local ABOUT = { request_id = "string", logs = "boolean", timeout = "number" }
local WAIT = { timeout = "number", mode = "string", poll_interval = "number", idle_timeout = "number" }
local FOLLOW = {
  request_id = "string", logs = "boolean", timeout = "number", mode = "string", poll_interval = "number",
  idle_timeout = "number", on_queue_update = "function",
}


-- Log lines not seen before. They are told apart by time and text: a server
-- may send all of them, the new ones, or the latest ones, in any order.
local function new_lines(seen, logs)
  local fresh = {}
  if type(logs) ~= "table" then return fresh end
  for _, line in ipairs(logs) do
    if type(line) == "table" then
      local key = tostring(line.timestamp) .. "\0" .. tostring(line.message)
      if not seen[key] then
        seen[key] = true
        fresh[#fresh + 1] = line
      end
    end
  end
  return fresh
end


local function check_mode(opt, level)
  if opt.mode ~= nil and opt.mode ~= "streaming" and opt.mode ~= "polling" then
    error("mode must be 'streaming' or 'polling', not '" .. opt.mode .. "'", level + 1)
  end
  if opt.poll_interval and (opt.poll_interval <= 0 or opt.poll_interval ~= opt.poll_interval) then
    error("poll_interval must be seconds above 0 (0.1 is the least that is used)", level + 1)
  end
end


local function check_request(what, opt, level)
  if type(opt) ~= "table" or type(opt.request_id) ~= "string" then
    error(what .. " takes { request_id = ... }: submit returns it", level + 1)
  end
end


-- Starts to follow a request, a new one or opt.request_id. 'opt' is what the
-- engine takes, 'see' what the caller wants to see: on_enqueue(request_id),
-- on_queue_update(status). nil, err when it cannot even start.
local function follow(client, id, opt, see, book)
  book = book or client.journal
  opt.statuses = opt.statuses or see.on_queue_update ~= nil
  local op, op_id, sent, hold = calls.start(client, "subscribe", id, opt)
  if not op then return nil, op_id end
  local holds = client.budget and client.budget.requests
  return {
    hold = hold or holds and holds[opt.request_id], followed = opt.request_id ~= nil,
    client = client, id = id, op = op, op_id = op_id, input = sent, no_result = opt.no_result,
    request_id = opt.request_id, book = book, see = see, seen = {}, logs = {}, last = nil,
  }
end


-- The answer to the submit: the id goes to disk before anybody waits.
local function submitted(f, answer)
  f.request_id = type(answer) == "table" and answer.request_id or answer:match '"request_id"%s*:%s*"([^"]*)"'
  if f.book then
    local ok, err = f.book:submitted(f.id, f.request_id)
    if not ok then return nil, err end
  end
  if f.see.on_enqueue then f.see.on_enqueue(f.request_id) end
  return true
end


local function updated(f, status)
  local fresh = new_lines(f.seen, status.logs)
  for i = 1, #fresh do f.logs[#f.logs + 1] = fresh[i] end
  status.logs = fresh
  f.last = status
  if f.see.on_queue_update then f.see.on_queue_update(status) end
end


-- Waits until the request has ended, or until stop(status) says that this one
-- is wanted: true | nil (stopped) | nil, err.
local function await(f, stop)
  local function on_event(kind, value, flags)
    if kind ~= "status" then return true end
    if flags == 1 then return submitted(f, value) end
    if type(value) == "table" then
      updated(f, value)
      if stop and stop(value) then return nil end
    end
    return true
  end
  local ok, why = calls.wait(f.client, f.id, f.op, f.op_id, on_event)
  if ok or why == nil then return ok end
  f.op:close()  -- ends it at the server too
  if not f.followed then calls.spent(f.client, f.id, f.hold, nil, why, f.input) end
  why.request_id = why.request_id or f.request_id
  return calls.named(why, f.id)
end


-- Whether nothing more will ever come of a request. What the network did, a
-- wait given up or a key refused is not the end of it.
local function is_final(f, err)
  if err.code == "expired" then return true end
  local last = f.last
  if not (last and last.status == "COMPLETED" and err.status) then return false end
  return type(last.error) == "string" or not err.retryable and err.code ~= "auth"
end


-- What a request that has ended came to: result, meta | nil, err; the last
-- status when it was followed without its result.
local function outcome(f)
  local result, meta
  if f.no_result then result, meta = f.op:saved() f.op:close()
  else result, meta = f.op:take() end
  f.op = nil
  if result == nil then
    meta.request_id = meta.request_id or f.request_id
    local final = is_final(f, meta)
    if final and f.book then f.book:ended(f.request_id) end
    if not f.no_result and (final or not f.followed) then calls.spent(f.client, f.id, f.hold, nil, meta, f.input) end
    return calls.named(meta, f.id)
  end
  if f.no_result then return f.last end
  calls.spent(f.client, f.id, f.hold, meta, nil, f.input)
  if f.book then f.book:ended(f.request_id) end
  meta.request_id, meta.logs = f.request_id, f.logs
  return f.client:remember(f.id, f.input, result, meta)
end


local function run_to_end(client, id, opt, see, book)
  local f, err = follow(client, id, opt, see, book)
  if not f then return nil, err end
  local ok, why = await(f)
  if not ok then return nil, why end
  return outcome(f)
end
queue.run_to_end = run_to_end  -- for batches, whose book is one for each job


-- The events of a request as a generator: each status as it changes, the last
-- one COMPLETED with its result, meta or err.
local function iterate(client, id, opt, see, book)
  local f, err = follow(client, id, opt, see, book)
  local before, done = nil, false
  local function changed(status)
    local mark = tostring(status.status) .. tostring(status.queue_position)
    if status.status == "COMPLETED" or mark == before and #status.logs == 0 then return false end
    before = mark
    return true
  end
  return function ()
    if done then return nil end
    local ok, why = nil, err
    if f then
      ok, why = await(f, changed)
      if not ok and why == nil then return f.last end
    end
    done = true
    local final = f and f.last
    if not (final and final.status == "COMPLETED") then final = { status = "COMPLETED", logs = {} } end
    local result, meta = nil, why
    if ok then result, meta = outcome(f) end
    if result == nil then final.err = meta
    elseif not f.no_result then final.result, final.meta = result, meta end
    return final
  end
end


---- Handles -------------------------------------------------------------

local Handle = {}
Handle.__index = Handle
Handle.__name = "fal.Handle"


local function new_handle(client, id, request_id, more, book)
  return setmetatable({
    client = client, endpoint_id = id, request_id = request_id, status_url = more and more.status_url,
    response_url = more and more.response_url, cancel_url = more and more.cancel_url,
    queue_position = more and more.queue_position, journal = book,
  }, Handle)
end


-- One look: status | nil, err.
function Handle:status(opt)
  opt = options.check("status", opt, { logs = "boolean", timeout = "number" }, 2)
  return self.client.queue.status(self.endpoint_id,
                                  { request_id = self.request_id, logs = opt.logs, timeout = opt.timeout })
end


-- What follows the request of a handle is given as for subscribe_to_status.
local function following(handle, what, given, more)
  local opt = options.check(what, given, WAIT, 3)
  check_mode(opt, 3)
  more.request_id, more.timeout, more.idle_timeout = handle.request_id, opt.timeout, opt.idle_timeout
  more.mode, more.poll_interval = opt.mode or more.mode, opt.poll_interval
  return more
end


-- Waits for the result: result, meta | nil, err. Giving up leaves the request
-- as it is.
function Handle:get(opt)
  return run_to_end(self.client, self.endpoint_id, following(self, "get", opt, {}), {}, self.journal)
end


function Handle:cancel()
  return self.client.queue.cancel(self.endpoint_id, { request_id = self.request_id })
end


-- for event in handle:events() do ... end: each status as it changes, the
-- last one COMPLETED with event.result (or event.err).
function Handle:events(opt)
  opt = following(self, "events", opt, { logs = true, mode = "streaming", statuses = true })
  return iterate(self.client, self.endpoint_id, opt, {}, self.journal)
end


---- The calls of one client ----------------------------------------------

-- status, result and cancel
local function about(client, what, id, opt, name)
  calls.check_id(id, 3)
  check_request(name, opt, 3)
  opt = options.check(name, opt, ABOUT, 3)
  local refused = tasks.refused()
  if refused then return calls.named(refused, id) end
  local key, err = calls.key_of(client)
  if err then return calls.named(err, id) end
  if client.on_request then client.on_request { endpoint_id = id, call = what, request_id = opt.request_id } end
  local op, op_id = calls.engine():about(client.box, what, id, opt.request_id, opt, key, client.on_response ~= false)
  if not op then return calls.named(op_id, id) end
  local ok, why = calls.wait(client, id, op, op_id)
  if not ok then return calls.named(why, id) end
  local value, meta = op:take()
  if value == nil then
    meta.request_id = meta.request_id or opt.request_id
    return calls.named(meta, id)
  end
  meta.endpoint_id = id
  return value, meta
end


-- What client.queue is. Functions, not methods, as in the official clients.
function queue.bind(client)
  local q = {}

  -- handle, meta | nil, err
  function q.submit(id, opt)
    calls.check_id(id, 2)
    opt = calls.prepared(client, options.check("submit", opt, SUBMIT, 2))
    local op, op_id, sent, hold = calls.start(client, "submit", id, opt)
    if not op then return nil, op_id end
    local ok, why = calls.wait(client, id, op, op_id)
    local answer, meta
    if ok then
      answer, meta = op:take()
      if answer == nil then why = meta end
    end
    if answer == nil then
      calls.spent(client, id, hold, nil, why, sent)
      return calls.named(why, id)
    end
    if type(answer) ~= "table" or type(answer.request_id) ~= "string" then
      return calls.named(core.error {
        code = "protocol", message = "the queue's answer names no request_id", retryable = false,
      }, id)
    end
    if hold then require("fal.budget").submitted(hold, answer.request_id) end
    if client.journal then
      local written, err = client.journal:submitted(id, answer.request_id)
      if not written then
        err.request_id = answer.request_id
        return calls.named(err, id)
      end
    end
    meta.endpoint_id, meta.request_id = id, answer.request_id
    return new_handle(client, id, answer.request_id, answer, client.journal), meta
  end

  function q.handle(id, request_id, book)
    calls.check_id(id, 2)
    if type(request_id) ~= "string" then error("handle takes an endpoint id and a request id", 2) end
    return new_handle(client, id, request_id, nil, book)
  end

  function q.status(id, opt) return about(client, "status", id, opt, "status") end

  function q.cancel(id, opt) return about(client, "cancel", id, opt, "cancel") end

  function q.result(id, opt)
    local result, meta = about(client, "result", id, opt, "result")
    if result == nil then
      if meta.status == 404 or meta.status == 410 then
        meta.code = "expired"
        meta.hint = "no such request, or its result is gone: results are kept for a limited time"
      end
      return nil, meta
    end
    calls.spent(client, id, client.budget and client.budget.requests[opt.request_id], meta)
    return client:remember(id, nil, result, meta)
  end

  -- Follows a request to its end without fetching the result: the last
  -- status | nil, err.
  function q.subscribe_to_status(id, opt)
    calls.check_id(id, 2)
    check_request("subscribe_to_status", opt, 2)
    opt = options.check("subscribe_to_status", opt, FOLLOW, 2)
    check_mode(opt, 2)
    return run_to_end(client, id, {
      request_id = opt.request_id, logs = opt.logs, timeout = opt.timeout, mode = opt.mode,
      poll_interval = opt.poll_interval, idle_timeout = opt.idle_timeout, statuses = true, no_result = true,
    }, opt)
  end

  -- for status in queue.stream_status(id, { request_id = ... }) do ... end
  function q.stream_status(id, opt)
    calls.check_id(id, 2)
    check_request("stream_status", opt, 2)
    opt = options.check("stream_status", opt, FOLLOW, 2)
    check_mode(opt, 2)
    return iterate(client, id, {
      request_id = opt.request_id, logs = opt.logs, timeout = opt.timeout, mode = opt.mode or "streaming",
      poll_interval = opt.poll_interval, idle_timeout = opt.idle_timeout, statuses = true, no_result = true,
    }, opt)
  end

  return q
end


local function subscription(client, what, opt, level)
  opt = options.check(what, opt, SUBSCRIBE, level + 1)
  check_mode(opt, level + 1)
  local p = calls.prepared(client, opt)
  p.statuses = opt.on_queue_update ~= nil or opt.logs == true
  return p, opt
end


-- result, meta | nil, err
function queue.subscribe(client, id, given)
  calls.check_id(id, 2)
  local p, opt = subscription(client, "subscribe", given, 2)
  if client.cache then
    return client.cache:call(client, id, p, function () return run_to_end(client, id, p, opt) end)
  end
  return run_to_end(client, id, p, opt)
end


function queue.run_iterator(client, id, given)
  calls.check_id(id, 2)
  local p, opt = subscription(client, "run_iterator", given, 2)
  p.statuses, p.logs, p.mode = true, true, p.mode or "streaming"
  return iterate(client, id, p, opt)
end


return queue
