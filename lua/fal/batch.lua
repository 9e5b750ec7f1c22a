-- Batches: many jobs of one endpoint, their pictures on disk, each paid once.
--
-- A job is journalled before it is submitted, when its request has an id, and
-- when its files are on disk (batchlog.lua). Killed anywhere and started again,
-- a batch follows the requests it has ids for, and leaves alone what is done. A
-- job of which only the first line is there may have been submitted or not. It
-- has been given a name, sent as Idempotency-Key: a server that makes it the id
-- of the request (falua serve does) gives the same request for it again. Where
-- that is not known the job is looked for among the platform's requests.
--
-- Jobs come one at a time from a file, a list or a function. How many are under
-- way is 'limit', or grows from 2 as long as nothing says to stop: a 429 halves
-- it, and it does not grow while requests wait behind others in the queue.

local core = require "fal.core"
local batchlog = require "fal.batchlog"
local cache = require "fal.cache"
local calls = require "fal.calls"
local cost = require "fal.cost"
local options = require "fal.options"
local prices = require "fal.prices"
local queue = require "fal.queue"
local report = require "fal.report"
local rows = require "fal.rows"
local save = require "fal.save"
local tasks = require "fal.tasks"

local batch = {}

local OPTIONS = {
  endpoint = "string", jobs = true, out = "string", input = "table", map = "function", limit = "number",
  budget = "number|string", journal = "string", resume = "boolean", retry_errors = "boolean", dry_run = "boolean",
  fresh = "boolean", cache = "string|table", report = "string|table", on_progress = "function",
  on_result = "function", timeout = "number", start_timeout = "number", priority = "string", hint = "string",
  mode = "string", poll_interval = "number", logs = "boolean", client = "table",
}

local WIDEST = 64            -- without a limit
local TRIES = 4              -- of following or fetching, when the network fails
local GIVE_UP = 20           -- jobs that fail in a row because of the network
local PROMPT = 300           -- bytes of a prompt in a record
local RESULT = 65536         -- of a result without files that is written down
local PATIENCE = 10          -- seconds for a request to be canceled


---- Jobs ---------------------------------------------------------------

-- The jobs as a function: row | nil | nil, err; and one that starts over, where
-- that can be done. Both nil, err when there is no such file.
local function source_of(given, level)
  if type(given) == "string" then
    local err
    given, err = rows.open(given)
    if not given then return nil, nil, err end
  end
  if rows.is(given) then
    return given, function () return given:rewind() end
  elseif type(given) == "table" then
    local i = 0
    return function () i = i + 1 return given[i] end, function () i = 0 return true end
  elseif type(given) == "function" then
    return given
  end
  error("jobs of a batch are fal.rows, the path of a file, a list of inputs or a function, not a " .. type(given),
    level + 1)
end


-- The input of a row: the batch's own under the row's.
local function input_of(b, row, index)
  if b.map then row = b.map(row, index) end
  if type(row) == "string" then row = { prompt = row } end
  if type(row) ~= "table" then
    return nil, core.error {
      code = "validation", retryable = false, message = ("job %d is a %s, not a table"):format(index, type(row)),
    }
  end
  if not b.input then return row end
  local input = {}
  for name, value in pairs(b.input) do input[name] = value end
  for name, value in pairs(row) do input[name] = value end
  return input
end


-- The next job: { index =, key =, input = } | nil | nil, err.
local function next_job(b)
  local row, err = b.source()
  if row == nil then return nil, err end
  local index = b.index + 1
  b.index = index
  local input
  input, err = input_of(b, row, index)
  if not input then return nil, err end
  local long
  long, err = cache.key(b.endpoint, { input = input })
  if not long then
    if not err then err = select(2, core.json.encode(input)) end
    err.message = ("job %d: %s"):format(index, err.message)
    return nil, err
  end
  local base = long:sub(1, 16)
  local nth = (b.seen[base] or 0) + 1
  b.seen[base] = nth
  return { index = index, key = nth == 1 and base or base .. "-" .. nth, long = long, input = input }
end


-- Goes through all jobs before any costs money: true | nil, err.
local function check_all(b, start_over)
  if not start_over then return true end
  local job, err
  repeat job, err = next_job(b) until not job
  if err then return nil, err end
  b.report.total, b.index, b.seen = b.index, 0, {}
  local ok
  ok, err = start_over()
  return ok and true, err
end


---- How many at once ---------------------------------------------------

local function congested(b)
  if b.limit or b.started_at_cut and b.finished < b.started_at_cut then return end  -- the last cut is not felt yet
  b.width = math.max(1, math.floor(b.width / 2))
  b.careful, b.credit, b.started_at_cut = true, 0, b.started
end


-- A job went through: one more while it is new, then one more for each round.
local function widen(b)
  if b.limit or b.width >= WIDEST then return end
  if b.position and b.position * 2 > b.width then
    b.careful = true
    return
  end
  b.credit = b.credit + 1
  if not b.careful or b.credit >= b.width then
    b.width, b.credit = b.width + 1, 0
  end
end


-- A client like the caller's, that tells us of every 429 and has the batch's
-- budget and cache.
local function own_client(b, client, opt)
  local own = setmetatable({ journal = false }, { __index = client })
  if not b.limit then
    own.on_response = function (r)
      if r.status == 429 then congested(b) end
      if client.on_response then client.on_response(r) end
    end
  end
  if opt.budget then
    own.budget = require("fal.budget").new(opt.budget)
    if not own.budget then error("budget must be an amount such as 2.5 or '2.50', not " .. tostring(opt.budget), 4) end
  end
  if opt.cache then own.cache = cache.new(opt.cache, 4) end
  return own
end


---- Telling ------------------------------------------------------------

-- on_progress gets one table, filled anew for each call.
local function tell(b, event, job, more)
  local f = b.on_progress
  if not f then return end
  local p, r = b.progress, b.report
  p.event, p.index, p.job = event, job and job.index, job
  p.status, p.position, p.log, p.files, p.err = nil, nil, nil, nil, nil
  for name, value in pairs(more or {}) do p[name] = value end
  p.total, p.done, p.failed, p.skipped, p.cached, p.pending = r.total, r.done, r.failed, r.skipped, r.cached, r.pending
  p.running, p.width, p.cost, p.seconds = b.active, b.width, r.cost, core.now() - b.began
  local ended = r.done + r.failed
  p.rate = ended > 0 and p.seconds > 0 and ended / p.seconds or nil
  p.eta = p.rate and r.total > 0 and (r.total - ended - r.skipped) / p.rate or nil
  f(p)
end


local function plain_error(err)
  return {
    code = err.code, message = err.message, status = err.status, type = err.type, request_id = err.request_id,
  }
end


local function prompt_of(input)
  local prompt = type(input.prompt) == "string" and input.prompt or nil
  if not prompt or #prompt <= PROMPT then return prompt end
  return prompt:sub(1, PROMPT):gsub("[\192-\255]?[\128-\191]*$", "") .. "..."
end


-- The record of a job that has ended, for report and journal.
local function record_of(job, state)
  return {
    index = job.index, state = state, prompt = prompt_of(job.input), request_id = job.request_id, files = job.files,
    cost = job.cost and job.cost.amount and tostring(job.cost.amount), cost_kind = job.cost and job.cost.kind,
    seconds = job.began and core.now() - job.began, seed = job.seed, result = job.result, cached = job.cached,
    error = job.err and plain_error(job.err),
  }
end


local function ended(b, job, state)
  b.report[state == "cached" and "done" or state] = b.report[state == "cached" and "done" or state] + 1
  if state == "cached" then b.report.cached = b.report.cached + 1 end
  report.record(b.report, job.record or record_of(job, state))
  tell(b, state, job, { files = job.files, err = job.err })
end


---- One job ------------------------------------------------------------

-- A name for one try: a UUID.
local function new_name(job)
  local hex = core.digest("md5", job.key .. tostring({}) .. core.now() .. os.time())
  return ("%s-%s-4%s-8%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), hex:sub(18, 20), hex:sub(21, 32))
end


local function line(b, job, name, value)
  b.log:add { key = job.key, job = job.index, [name] = value }
end


-- Gives a request up: while it waits in the queue it is canceled, when it runs
-- it goes on and the journal's next run gets it. Its id stays in the journal in
-- any case, in case the cancel comes too late.
local function withdraw(b, job)
  local task, about = b.running[job], { request_id = job.request_id, timeout = PATIENCE }
  local status = b.client.queue.status(b.endpoint, about)
  job.withdrawn = status and status.status == "IN_QUEUE"
  task:cancel()
  if job.withdrawn then b.client.queue.cancel(b.endpoint, about) end
end


-- Begins to give up what is under way. A submit whose answer is still to come is
-- waited for, and so are files of a result.
local function leave(b)
  if b.leaving then return end
  b.leaving, b.stopping = {}, true
  for job, task in pairs(b.running) do
    if not b.log.path then task:cancel()   -- nobody would find them again: canceled there, too
    elseif job.request_id and not job.final then b.leaving[#b.leaving + 1] = job end
  end
  for i, job in ipairs(b.leaving) do b.leaving[i] = tasks.async(withdraw, b, job) end
end


-- What queue.lua tells of a request: its id, and that it has ended for good.
local function book_of(b, job)
  return {
    submitted = function (_, _, request_id)
      job.request_id = request_id
      line(b, job, "id", request_id)
      tell(b, "submitted", job)
      local ok, err = b.log:sync()
      if b.leaving then b.leaving[#b.leaving + 1] = tasks.async(withdraw, b, job) end
      return ok, err
    end,
    ended = function () job.final = true end,
  }
end


local function eyes_of(b, job)
  if b.limit and not b.on_progress then return {} end
  return { on_queue_update = function (status)
    b.position = status.status == "IN_QUEUE" and status.queue_position or nil
    tell(b, "status", job, { status = status.status, position = status.queue_position })
    for _, log in ipairs(status.logs or {}) do tell(b, "log", job, { log = log.message }) end
  end }
end


-- Follows a request that has an id, or makes one: result, meta | nil, err.
local function follow(b, job)
  local opt = calls.prepared(b.client, {
    input = not job.request_id and job.input or nil, timeout = b.opt.timeout, start_timeout = b.opt.start_timeout,
    priority = b.opt.priority, hint = b.opt.hint, headers = job.name and { ["Idempotency-Key"] = job.name },
  })
  opt.request_id, opt.mode, opt.poll_interval, opt.logs = job.request_id, b.opt.mode, b.opt.poll_interval, b.opt.logs
  opt.keep = b.log.path ~= nil
  return queue.run_to_end(b.client, b.endpoint, opt, eyes_of(b, job), book_of(b, job))
end


-- f() again while the network fails: what it returns.
local function patiently(f, is_over)
  local pause = 1
  for try = 1, TRIES do
    local result, err = f()
    if result ~= nil or try == TRIES or is_over(err) then return result, err end
    local ok, why = tasks.sleep(pause)
    if not ok then return nil, why end
    pause = pause * 2
  end
end


-- Whether nothing will come of a request that a former run has made, and nothing
-- was paid for it: an interrupted run has canceled it, or the server on this
-- machine that had it is gone ('falua --local').
local function is_void(b, err)
  return err.type == "client_cancelled" or err.status == 499
    or err.code == "expired" and prices.is_here(b.client.box:host "queue")
end


-- The same for a request that was submitted, through what the network does.
local function follow_patiently(b, job)
  return patiently(function () return follow(b, job) end, function (err)
    return job.final or err.code == "canceled"
  end)
end


-- Submits a job and follows it: result, meta | nil, err.
local function submit(b, job)
  local unsure = job.name ~= nil
  job.name = job.name or new_name(job)
  if not b.leaving then line(b, job, "try", job.name) end
  local ok, err = b.log:sync()
  if not ok then return nil, err end
  if b.leaving then
    job.unsent = not unsure
    return nil, core.error { code = "canceled", message = "canceled", retryable = false }
  end
  local result, meta = follow(b, job)
  if result ~= nil or not job.request_id or job.final or meta.code == "timeout" or meta.code == "canceled" then
    return result, meta
  end
  return follow_patiently(b, job)
end


-- The result of a job that may have been submitted already.
local function result_of(b, job)
  local former = job.request_id or job.name
  local result, meta = (job.request_id and follow_patiently or submit)(b, job)
  if result ~= nil or not former or not is_void(b, meta) then return result, meta end
  job.request_id, job.final, job.name = nil, nil, nil
  return submit(b, job)
end


-- Its files to disk: true | nil, err.
local function keep(b, job, result, meta)
  job.seed = type(result) == "table" and type(result.seed) == "number" and result.seed or nil
  if not b.opt.out or type(result) ~= "table" or #save.list(result) == 0 then
    local text = core.json.encode(result)
    job.files, job.result = core.json.array {}, text and #text <= RESULT and result or nil
    return true
  end
  local paths, err = patiently(function ()
    return b.client:save(result, b.opt.out, { index = job.index, job = true, meta = meta, input = job.input })
  end, function (e) return e.code == "file" or e.code == "canceled" end)
  if not paths then return nil, err end
  job.files = core.json.array(paths)
  return true
end


-- What a failed job may have cost.
local function cost_of_failure(b, job, err)
  if err.billable_units or not calls.may_be_charged(err) then
    return cost.of(b.client, { billable_units = err.billable_units or 0, endpoint_id = b.endpoint })
  end
  if not prices.book(b.client):known(b.endpoint) then return { kind = "unknown" } end
  return cost.estimate(b.client, b.endpoint, job.input)
end


-- How a job failed: "failed" (for good), "pending" (its request goes on, or its
-- files could not be fetched), "again" (it was not made).
local function failure(b, job, err)
  job.err = err
  local code = err.code
  if code == "budget" or job.unsent or not job.request_id and (code == "auth" or err.status == 429) then
    line(b, job, "reset", true)
    return "again"
  end
  if job.request_id and not job.final and code ~= "timeout" and code ~= "expired" then
    if b.leaving and code == "canceled" then err.message = "left to the next run" end
    return "pending"
  end
  if not job.request_id and (code == "network" or code == "canceled") then return "unsure" end
  job.cost = cost_of_failure(b, job, err)
  line(b, job, "failed", record_of(job, "failed"))
  return "failed"
end


local function succeed(b, job, result, meta)
  local ok, err = keep(b, job, result, meta)
  if not ok then
    job.final = false
    return failure(b, job, err)
  end
  job.cost = meta.cost
  if b.opt.on_result then b.opt.on_result(result, meta, job) end
  line(b, job, "done", record_of(job, meta.cached and "cached" or "done"))
  return meta.cached and "cached" or "done"
end


-- A job from its beginning to its end: how it ended, as above or "done".
local function run_job(b, job)
  job.began = core.now()
  tell(b, "start", job)
  local kept = b.client.cache
  if kept and not job.request_id and not b.opt.fresh then
    local result, meta = kept:get(b.client, b.endpoint, job.long, job.input)
    if result ~= nil then
      job.cached = true
      return succeed(b, job, result, meta)
    end
  end
  local result, meta = result_of(b, job)
  if result == nil then return failure(b, job, meta) end
  if kept then
    local ok, err = kept:put(b.client, job.long, result, meta)
    if not ok then meta.cache_error = err end
  end
  b.client:remember(b.endpoint, job.input, result, meta)
  return succeed(b, job, result, meta)
end


---- What former runs have left ------------------------------------------

local function are_there(files)
  for _, path in ipairs(type(files) == "table" and files or {}) do
    if not core.engine.head(path, 0) then return false end
  end
  return true
end


-- Whether a former run has ended this job; else notes what it left.
local function is_settled(b, job)
  local state, value = b.log:state(job.key)
  if state == "new" or state == "failed" and b.opt.retry_errors then return false end
  if state == "id" then
    job.request_id = value
    return false
  elseif state == "try" then
    job.unsure, job.name = not b.opt.retry_errors, value
    return false
  end
  local entry = b.log:at(value)
  local record = entry and (entry.done or entry.failed)
  if type(record) ~= "table" or state == "done" and not are_there(record.files) then
    job.request_id = record and type(record.request_id) == "string" and record.request_id or nil
    return false   -- its files are gone: fetched again when the server still has them
  end
  record.index = job.index
  if state == "done" then record.state = "skipped" end
  job.record, job.files, job.settled = record, record.files, state == "done" and "skipped" or "failed"
  return true
end


-- Requests of this endpoint that the platform has, by their input | nil, err.
local function requests_by_input(b)
  local id = b.endpoint:gsub("[^%w%-._~]", function (c) return ("%%%02X"):format(c:byte()) end)
  local found, cursor = {}, ""
  repeat
    local answer, err = b.client:get("api", "v1/models/requests/by-endpoint?limit=100&endpoint_id=" .. id .. cursor,
      { timeout = 30 })
    if not answer then return nil, err end
    for _, item in ipairs(type(answer) == "table" and type(answer.items) == "table" and answer.items or {}) do
      local text = type(item.json_input) == "table" and core.json.encode(item.json_input, { sorted = true })
        or type(item.json_input) == "string" and item.json_input
      if text and type(item.request_id) == "string" then
        found[text] = found[text] or {}
        table.insert(found[text], item.request_id)
      end
    end
    cursor = type(answer.next_cursor) == "string" and answer.next_cursor ~= "" and answer.has_more
      and "&cursor=" .. answer.next_cursor or nil
  until not cursor
  return found
end


-- A job that was being submitted when a former run ended: its request when the
-- platform has one, or nothing, and it is new | nil, err: nobody knows.
local function look_for(b, job)
  if b.log.named then return true end   -- its name makes it the same request
  if b.client.queue.status(b.endpoint, { request_id = job.name }) then
    job.request_id = job.name
    return true
  end
  if not b.requests then
    local found, err = requests_by_input(b)
    if not found then
      return nil, core.error {
        code = "network", retryable = true, message = "a former run ended while it submitted this job, and whether "
          .. "the request arrived cannot be told (" .. err.message .. ")",
        hint = "it may have been paid for; retry_errors makes it again",
      }
    end
    b.requests = found
  end
  local list = b.requests[core.json.encode(job.input, { sorted = true })] or {}
  while #list > 0 do
    local id = table.remove(list)
    if not b.log:has_request(id) then
      job.request_id = id
      line(b, job, "id", id)
      return b.log:sync()
    end
  end
  return true
end


---- All of them --------------------------------------------------------

-- Counts how a job ended, and whether the batch should.
local function account(b, job, how)
  local r = b.report
  b.finished = b.finished + 1
  if job.cost then report.add_cost(r.cost, job.cost) end
  if b.leaving and (job.unsent or job.withdrawn and how == "pending") then
    r.left = r.left + 1
    tell(b, "left", job)
    return
  end
  if how == "again" and job.err.code == "budget" then
    if not job.alone then   -- what is held for others may come free
      b.refused, b.draining = job, true
      return
    end
    r.stopped = job.err
  elseif how == "again" and job.err.code == "auth" then r.stopped = job.err end
  if r.stopped then
    r.left = r.left + 1
    return
  end
  b.failures = (how == "unsure" or how == "pending") and job.err.code == "network" and b.failures + 1 or 0
  if b.failures >= GIVE_UP then r.stopped = job.err end
  if how == "again" or how == "unsure" then how = "failed" end
  if how == "done" then widen(b) end
  ended(b, job, how)
end


local function start(b, job)
  b.active, b.started = b.active + 1, b.started + 1
  local task = tasks.async(function ()
    local how
    local known, why = true, nil
    if job.unsure then known, why = look_for(b, job) end
    if known then how = run_job(b, job)
    else job.err, how = why, "unsure" end
    b.active = b.active - 1
    account(b, job, how)
  end)
  b.running[job] = task
  tasks.when(task, function () if b.waiter then b.waiter.fire() end end)
end


local function cancel_all(b)
  leave(b)
  for _, task in pairs(b.running) do task:cancel() end
end


-- Takes tasks that have ended off the list, and raises what a callback of the
-- caller's has raised in one. When it did so in several, the first one counts.
local function tidy(b)
  local raised
  for job, task in pairs(b.running) do
    if task.status ~= "running" then b.running[job] = nil end
    if task.status == "failed" then
      if raised then pcall(task.await, task) else raised = task end
    end
  end
  if raised then
    cancel_all(b)
    raised:await()
  end
end


-- Waits until one more job has ended: true | nil, err.
local function wait(b)
  local n = 0
  for _, task in pairs(b.running) do
    if task.status == "running" then n = n + 1 end
  end
  if n < b.active then n = 0 end   -- one has raised already
  b.waiter = tasks.event()
  local ok, err = true, nil
  if n > 0 then ok, err = b.waiter.wait() end
  b.waiter = nil
  tidy(b)
  return ok, err
end


-- The next job that there is something to do for | nil | nil, err.
local function next_to_do(b)
  while true do
    local job, err = next_job(b)
    if not job then
      if err then return nil, err end
      b.late = b.late or 1
      job = b.unsure[b.late]
      b.late = b.late + 1
      return job
    end
    if b.resume and is_settled(b, job) then ended(b, job, job.settled)
    elseif job.unsure then b.unsure[#b.unsure + 1] = job   -- last: by then the platform knows of it
    else return job end
  end
end


-- Starts jobs as long as there is room. nil when there is nothing to start any
-- more.
local function fill(b)
  while b.active < b.width do
    if b.draining then
      if b.active > 0 then return true end
      b.draining, b.refused.alone = false, true
      start(b, b.refused)
    elseif b.report.stopped or b.stopping then return nil
    else
      local job, err = next_to_do(b)
      if err then b.report.stopped = err end
      if not job then return nil end
      start(b, job)
    end
  end
  return true
end


local function run_all(b)
  local ok, err = true, nil
  repeat
    local more = fill(b)
    if b.active > 0 then ok, err = wait(b) end
  until not ok or not more and b.active == 0 and not b.draining
  if not ok then
    cancel_all(b)
    return nil, err
  end
  for _, task in ipairs(b.leaving or {}) do task:await() end
  return true
end


-- Jobs that were never begun.
local function count_left(b)
  local r = b.report
  if not (r.stopped or b.stopping) then return end
  while true do
    local job, err = next_job(b)
    if not job then
      if err or r.total == 0 then r.total = math.max(r.total, b.index) end
      break
    end
    if b.resume and is_settled(b, job) then ended(b, job, job.settled) else r.left = r.left + 1 end
  end
  r.left = r.left + math.max(0, #b.unsure - (b.late or 1) + 1)
end


-- What would be done, without doing it.
local function dry(b)
  local r = b.report
  while true do
    local job, err = next_job(b)
    if not job then return not err or nil, err end
    local kept = b.client.cache
    if b.resume and is_settled(b, job) then ended(b, job, job.settled)
    elseif not job.request_id then
      r.left = r.left + 1
      if kept and not b.opt.fresh and kept:get(b.client, b.endpoint, job.long, job.input) then
        r.cached, r.left = r.cached + 1, r.left - 1
      else report.add_cost(r.cost, cost.estimate(b.client, b.endpoint, job.input)) end
    else r.left = r.left + 1 end
  end
end


local function write_reports(b)
  local list = b.opt.report
  if type(list) == "string" then list = { list } end
  for _, path in ipairs(list or {}) do
    local ok, err = b.report:save(path)
    if not ok then return nil, err end
  end
  return true
end


local function check(opt, level)
  options.check("fal.batch", opt, OPTIONS, level + 1)
  if not opt.endpoint then error("fal.batch needs the endpoint: endpoint = 'fal-ai/flux/schnell'", level + 1) end
  if opt.jobs == nil then error("fal.batch needs jobs: fal.rows 'prompts.csv', or a list of inputs", level + 1) end
  local ok, err = core.endpoint(opt.endpoint)
  if not ok then error(err.message, level + 1) end
  if opt.limit and not (opt.limit >= 1 and opt.limit < 10000 and opt.limit % 1 == 0) then
    error("limit must be a whole number from 1 on", level + 1)
  end
  if opt.out then save.check_template(opt.out, level + 1) end
  return opt
end


-- Runs a batch: report | nil, err (nothing was begun, or its task was canceled).
function batch.run(client, opt)
  check(opt, 3)
  local b = {
    opt = opt, endpoint = opt.endpoint, input = opt.input, map = opt.map, limit = opt.limit, width = opt.limit or 2,
    resume = opt.resume ~= false, on_progress = opt.on_progress, index = 0, seen = {}, active = 0, started = 0,
    finished = 0, credit = 0, failures = 0, unsure = {}, running = {}, began = core.now(),
  }
  b.report = report.new { endpoint = opt.endpoint, dry_run = opt.dry_run or nil }
  b.progress = { stop = function () b.stopping = true end, leave = function () leave(b) end }
  b.client = own_client(b, client, opt)
  local start_over, err
  b.source, start_over, err = source_of(opt.jobs, 3)
  if not b.source then return nil, err end
  local ok
  ok, err = check_all(b, start_over)
  if not ok then return nil, err end
  b.log, err = batchlog.open(opt.journal, function (record)
    local amount = b.resume and opt.budget and require("fal.decimal").of(record.cost)
    if amount then b.client.budget.spent = b.client.budget.spent + amount end
  end, opt.dry_run)
  if not b.log then return nil, err end
  prices.book(b.client):price(b.client, b.endpoint)   -- for the report; without it the cost is unknown
  if opt.dry_run then ok, err = dry(b) else ok, err = run_all(b) end
  if ok and not opt.dry_run then
    count_left(b)
    ok, err = b.log:sync()
  end
  b.log:close()
  if not ok then return nil, err end
  local r = b.report
  if r.total == 0 then r.total = b.index end
  r.seconds, r.ended = core.now() - b.began, true
  tell(b, "end")
  ok, err = write_reports(b)
  if not ok then return nil, err end
  return r
end


return batch
