-- One job of a batch, from its beginning to its end: named, submitted, followed,
-- its files on disk. Each step is in the journal before the next one is made.

local core = require "fal.core"
local batchtell = require "fal.batchtell"
local calls = require "fal.calls"
local cost = require "fal.cost"
local prices = require "fal.prices"
local queue = require "fal.queue"
local save = require "fal.save"
local tasks = require "fal.tasks"

local batchjob = {}

local TRIES = 4              -- of following or fetching, when the network fails
local RESULT = 65536         -- of a result without files that is written down
local PATIENCE = 10          -- seconds for a request to be canceled


-- A name for one try: a UUID, its last part a count.
local function new_name(b)
  if not b.tag then
    local hex = core.digest("sha256", tostring(b) .. core.now() .. os.time() .. b.endpoint .. tostring(b.log.path))
    b.tag = ("%s-%s-4%s-8%s-"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), hex:sub(18, 20))
    b.named = tonumber(hex:sub(21, 28), 16)
  end
  b.named = b.named + 1
  return ("%s%012x"):format(b.tag, b.named)
end


-- Gives a request up: while it waits in the queue it is canceled, when it runs
-- it goes on and the journal's next run gets it. Its id stays in the journal in
-- any case, in case the cancel comes too late.
function batchjob.withdraw(b, job)
  local task, about = b.running[job], { request_id = job.request_id, timeout = PATIENCE }
  local status = b.client.queue.status(b.endpoint, about)
  job.withdrawn = status and status.status == "IN_QUEUE"
  task:cancel()
  if job.withdrawn then b.client.queue.cancel(b.endpoint, about) end
end


-- What queue.lua tells of a request: its id, and that it has ended for good.
local Book = {}
Book.__index = Book


function Book:submitted(_, request_id)
  local b, job = self.b, self.job
  job.request_id = request_id
  b.log:note(job, "id", core.json.encode(request_id))
  batchtell.event(b, "submitted", job)
  local ok, err = b.log:sync()
  if b.leaving then b.leaving[#b.leaving + 1] = tasks.async(batchjob.withdraw, b, job) end
  return ok, err
end


function Book:ended() self.job.final = true end


local BLIND = {}


local function eyes_of(b, job)
  if b.limit and not b.on_progress then return BLIND end
  return { on_queue_update = function (status)
    b.position = status.status == "IN_QUEUE" and status.queue_position or nil
    batchtell.event(b, "status", job, { status = status.status, position = status.queue_position })
    for _, log in ipairs(status.logs or {}) do batchtell.event(b, "log", job, { log = log.message }) end
  end }
end


-- Follows a request that has an id, or makes one: result, meta | nil, err.
local function follow(b, job)
  local given = b.opt
  b.prepared = b.prepared or calls.prepared(b.client, {
    timeout = given.timeout, start_timeout = given.start_timeout, priority = given.priority, hint = given.hint,
  })
  local p = b.prepared
  return queue.run_to_end(b.client, b.endpoint, {
    input = not job.request_id and job.input or nil, request_id = job.request_id, timeout = p.timeout,
    start_timeout = p.start_timeout, priority = p.priority, hint = p.hint, mode = given.mode,
    poll_interval = given.poll_interval, logs = given.logs, keep = b.log.path ~= nil, statuses = given.logs,
    headers = job.name and { "Idempotency-Key: " .. job.name },
  }, eyes_of(b, job), setmetatable({ b = b, job = job }, Book))
end


-- f(...) again while the network fails: what it returns.
local function patiently(f, is_over, ...)
  local pause = 1
  for try = 1, TRIES do
    local result, err = f(...)
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
  return patiently(follow, function (err) return job.final or err.code == "canceled" end, b, job)
end


-- Submits a job and follows it: result, meta | nil, err.
local function submit(b, job)
  local unsure = job.name ~= nil
  job.name = job.name or new_name(b)
  if not b.leaving then b.log:note(job, "try", core.json.encode(job.name)) end
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


local function save_files(b, job, result, meta, charge, files)
  local opt = { index = job.index, job = true, cost = charge }
  return save.files(b.client, result, b.opt.out, opt, meta, job.input, files)
end


-- Whether there is no use in saving once more.
local function is_hopeless(err)
  return err.code == "file" or err.code == "canceled"
end


-- Its files to disk: true | nil, err.
local function keep(b, job, result, meta, charge)
  job.seed = type(result) == "table" and type(result.seed) == "number" and result.seed or nil
  local files = b.opt.out and save.list(result)
  if not files or #files == 0 then
    local text = core.json.encode(result)
    job.files, job.result = core.json.array {}, text and #text <= RESULT and result or nil
    return true
  end
  local paths, err = patiently(save_files, is_hopeless, b, job, result, meta, charge, files)
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
    b.log:note(job, "reset", "true")
    return "again"
  end
  if job.request_id and not job.final and code ~= "timeout" and code ~= "expired" then
    if b.leaving and code == "canceled" then err.message = "left to the next run" end
    return "pending"
  end
  if not job.request_id and (code == "network" or code == "canceled") then return "unsure" end
  job.cost = cost_of_failure(b, job, err)
  job.record = batchtell.record(job, "failed")
  b.log:note(job, "failed", job.record)
  return "failed"
end


local function succeed(b, job, result, meta)
  local charge = meta.cost
  local ok, err = keep(b, job, result, meta, charge)
  if not ok then
    job.final = false
    return failure(b, job, err)
  end
  local state = job.cached and "cached" or "done"
  job.cost = charge
  if b.opt.on_result then b.opt.on_result(result, meta, job) end
  job.record = batchtell.record(job, state)
  b.log:note(job, "done", job.record)
  return state
end


-- A job from its beginning to its end: how it ended, as above or "done".
function batchjob.run(b, job)
  job.began = core.now()
  batchtell.event(b, "start", job)
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


return batchjob
