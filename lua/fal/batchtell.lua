-- What a batch tells while it runs: events for on_progress, records for the
-- report and the journal.

local core = require "fal.core"
local report = require "fal.report"

local batchtell = {}

local PROMPT = 300           -- bytes of a prompt in a record
local SORTED = { sorted = true }


-- on_progress gets one table, filled anew for each call.
function batchtell.event(b, event, job, more)
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


-- The record of a job that has ended, for report and journal, as JSON.
function batchtell.record(job, state)
  return core.json.encode({
    index = job.index, state = state, prompt = prompt_of(job.input), request_id = job.request_id, files = job.files,
    cost = job.cost and job.cost.amount and tostring(job.cost.amount), cost_kind = job.cost and job.cost.kind,
    seconds = job.began and core.now() - job.began, seed = job.seed, result = job.result, cached = job.cached,
    error = job.err and plain_error(job.err),
  }, SORTED) or "{}"
end


function batchtell.ended(b, job, state)
  local r, name = b.report, state == "cached" and "done" or state
  r[name] = r[name] + 1
  if state == "cached" then r.cached = r.cached + 1 end
  report.record(r, job.record or batchtell.record(job, state))
  if b.on_progress then batchtell.event(b, state, job, { files = job.files, err = job.err }) end
end


return batchtell
