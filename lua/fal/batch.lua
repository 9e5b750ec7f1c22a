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
-- Here is the run: what starts, ends, stops. The jobs come from batchrows.lua,
-- one of them is in batchjob.lua, what former runs have left in batchpast.lua, how
-- many are under way in batchwidth.lua, what is told in batchtell.lua.

local core = require "fal.core"
local batchjob = require "fal.batchjob"
local batchlog = require "fal.batchlog"
local batchpast = require "fal.batchpast"
local batchrows = require "fal.batchrows"
local batchtell = require "fal.batchtell"
local batchwidth = require "fal.batchwidth"
local cost = require "fal.cost"
local options = require "fal.options"
local prices = require "fal.prices"
local report = require "fal.report"
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

local GIVE_UP = 20           -- jobs that fail in a row because of the network
local PUT_OFF = 4            -- times that a job is put off because of a 429


-- Whether a job that was refused for now comes once more, after all others.
local function put_off(b, job)
  if not job.err.retryable or not b.stopping and (job.put_off or 0) >= PUT_OFF then return false end
  job.put_off, job.name = (job.put_off or 0) + 1, nil
  b.later[#b.later + 1] = job
  batchtell.event(b, "again", job, { err = job.err })
  job.err = nil
  return true
end


-- Counts how a job ended, and whether the batch should.
local function account(b, job, how)
  local r = b.report
  b.finished = b.finished + 1
  if job.cost then report.add_cost(r.cost, job.cost) end
  if b.leaving and (job.unsent or job.withdrawn and how == "pending") then
    r.left = r.left + 1
    batchtell.event(b, "left", job)
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
  if how == "again" and put_off(b, job) then return end
  b.failures = (how == "unsure" or how == "pending") and job.err.code == "network" and b.failures + 1 or 0
  if b.failures >= GIVE_UP then r.stopped = job.err end
  if how == "again" or how == "unsure" then how = "failed" end
  if how == "done" then batchwidth.widen(b) end
  batchtell.ended(b, job, how)
end


-- A job's task. What it counts at last is that nothing has raised.
local function run_job(b, job)
  local how
  local known, why = true, nil
  if job.unsure then known, why = batchpast.look_for(b, job) end
  if known then how = batchjob.run(b, job)
  else job.err, how = why, "unsure" end
  b.active = b.active - 1
  account(b, job, how)
  b.running[job], b.well = nil, b.well + 1
end


local function start(b, job)
  b.active, b.started = b.active + 1, b.started + 1
  local task = tasks.async(run_job, b, job)
  if task.status ~= "done" then b.running[job] = task end
  tasks.when(task, b.on_end)
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
  for i, job in ipairs(b.leaving) do b.leaving[i] = tasks.async(batchjob.withdraw, b, job) end
end


local function cancel_all(b)
  leave(b)
  for _, task in pairs(b.running) do task:cancel() end
end


-- Takes tasks that have not ended well off the list, and raises what a callback
-- of the caller's has raised in one. When it did so in several, the first one
-- counts.
local function tidy(b)
  if b.ended == b.well then return end
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
  local ok, err = true, nil
  if b.started - b.ended >= b.active then   -- else one has raised already
    b.waiter = tasks.event()
    ok, err = b.waiter.wait()
    b.waiter = nil
  end
  tidy(b)
  return ok, err
end


-- The next job that there is something to do for | nil | nil, err.
local function next_to_do(b)
  while true do
    local job, err = batchrows.next(b)
    if not job then
      if err then return nil, err end
      job = b.later[b.late]
      if job then b.late = b.late + 1 end   -- else one may still be put off
      return job
    end
    if b.resume and batchpast.settles(b, job) then batchtell.ended(b, job, job.settled)
    elseif job.unsure then b.later[#b.later + 1] = job   -- last: by then the platform knows of it
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


-- Whether there is nothing left to wait for or to start.
local function is_over(b)
  return b.active == 0 and not b.draining and (b.report.stopped or b.stopping or not b.later[b.late])
end


local function run_all(b)
  local ok, err = true, nil
  repeat
    local more = fill(b)
    if b.active > 0 then ok, err = wait(b) end
  until not ok or not more and is_over(b)
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
    local job, err = batchrows.next(b)
    if not job then
      if err or r.total == 0 then r.total = math.max(r.total, b.index) end
      break
    end
    if b.resume and batchpast.settles(b, job) then batchtell.ended(b, job, job.settled) else r.left = r.left + 1 end
  end
  r.left = r.left + math.max(0, #b.later - b.late + 1)
end


-- What would be done, without doing it.
local function dry(b)
  local r = b.report
  while true do
    local job, err = batchrows.next(b)
    if not job then return not err or nil, err end
    local kept = b.client.cache
    if b.resume and batchpast.settles(b, job) then batchtell.ended(b, job, job.settled)
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
  if opt.out then save.template(opt.out, level + 1) end
  return opt
end


-- Runs a batch: report | nil, err (nothing was begun, or its task was canceled).
function batch.run(client, opt)
  check(opt, 3)
  local b = {
    opt = opt, endpoint = opt.endpoint, input = opt.input, map = opt.map, limit = opt.limit, width = opt.limit or 2,
    resume = opt.resume ~= false, on_progress = opt.on_progress, index = 0, seen = {}, asked = {}, active = 0,
    started = 0, ended = 0, well = 0,
    finished = 0, credit = 0, failures = 0, later = {}, late = 1, running = {}, began = core.now(),
  }
  b.report = report.new { endpoint = opt.endpoint, dry_run = opt.dry_run or nil }
  b.on_end = function ()
    b.ended = b.ended + 1
    if b.waiter then b.waiter.fire() end
  end
  b.progress = { stop = function () b.stopping = true end, leave = function () leave(b) end }
  b.client = batchwidth.client(b, client, opt)
  local start_over, err
  b.source, start_over, err = batchrows.source(opt.jobs, 3)
  if not b.source then return nil, err end
  local ok
  ok, err = batchrows.check(b, start_over)
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
  batchtell.event(b, "end")
  ok, err = write_reports(b)
  if not ok then return nil, err end
  return r
end


return batch
