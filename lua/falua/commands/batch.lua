-- falua batch: many jobs of one endpoint from a file, each paid once.

local collect = require "falua.collect"
local command = require "falua.command"
local host = require "falua.host"
local inputs = require "falua.inputs"
local preview = require "falua.preview"
local progress = require "falua.progress"

local batch = { summary = "run the jobs of a file, each paid once", needs_fal = true }

local EXAMPLE = [[
JOBS is CSV with a header (prompt,seed,...), JSON Lines, JSON, or text with a
prompt on each line. Interrupted, killed or stopped, the same command goes on
where it was; what is done is in the journal.

  falua --local batch fal-ai/flux/schnell prompts.txt -o 'out/{index}-{slug}.{ext}'

exit codes: 0 all done, 1 nothing could be begun, 2 misuse, 3 some jobs are not
done, 130 interrupted with everything kept]]


local function number(option)
  return function (text)
    local n = tonumber(text)
    if n and n > 0 and n < 1e9 then return n end
    return nil, option .. " takes a number above 0, not '" .. text .. "'"
  end
end


local function amount(text)
  local n = require("fal.decimal").of(text:gsub("^%$", "", 1))
  if n and not n.negative then return tostring(n) end
  return nil, "--budget takes an amount such as 2.50, not '" .. text .. "'"
end


function batch.parser()
  local p = require "argparse"("falua batch", "Runs the jobs of a file with one endpoint, each paid once.")
    :epilog(EXAMPLE)
  p:argument("endpoint", "Such as fal-ai/flux/schnell."):argname "ID"
  p:argument("jobs", "The file of the jobs."):argname "JOBS"
  p:argument("field", "For every job, where it has none of its own. " .. inputs.HELP):args "*":argname "KEY=VALUE"
  p:option("-o --out", "Names for the files, such as 'out/{index}-{slug}-{seed}.{ext}'."):argname "TEMPLATE"
  p:option("--limit", "Jobs at once (otherwise from 2 up, as the queue allows).")
    :argname "N":convert(command.whole("--limit", 1, 9999))
  p:option("--budget", "In USD: stops before the call that would pass it."):argname "AMOUNT":convert(amount)
  p:option("--journal", "Where it is kept what is done (otherwise 'batch.journal' beside the files)."):argname "FILE"
  p:flag("--resume", "Go on where the journal ends; this is so anyway.")
  p:flag("--no-resume", "Make every job, whatever the journal says.")
  p:flag("--retry-errors", "Make jobs again that failed.")
  p:flag("--dry-run", "Say what would be done and cost; do nothing.")
  p:option("--cache", "Answer jobs that were made before from this folder."):argname "DIR"
  p:flag("--fresh", "Do not look into the cache.")
  p:option("--report", "Write a report; FILE ends in .html, .json or .txt."):argname "FILE":count "*"
  p:option("--timeout", "For each job, from its submit to its result."):argname "SECONDS":convert(number "--timeout")
  p:option("--format", "Of JOBS: csv, tsv, jsonl, json, txt (otherwise by its name).")
    :argname "FORMAT":choices { "csv", "tsv", "jsonl", "json", "txt" }
  p:flag("--json", "Print the report as JSON.")
  progress.option(p)
  preview.option(p, "none")
  return p
end


local function complain(text, status)
  command.complain("batch: " .. text)
  return status
end


-- The journal that goes with a template: in the folder of its fixed beginning.
local function journal_of(options)
  if options.journal then return options.journal end
  return ((options.out or ""):match "^[^{]*":match "^(.*/)" or "") .. "batch.journal"
end


-- What a template, a format or an endpoint that is wrong raises is misuse.
local function attempt(f, ...)
  local result = table.pack(pcall(f, ...))
  if result[1] then return table.unpack(result, 2, result.n) end
  local err = result[2]
  if type(err) ~= "string" then error(err, 0) end
  return nil, err:gsub("^[^:]*:%d+: ", ""), command.MISUSE
end


---- Showing how it goes ------------------------------------------------

local function name_of(job)
  local prompt = type(job.input) == "table" and job.input.prompt
  return type(prompt) == "string" and prompt or "job " .. job.index
end


local ENDED = { done = true, cached = true, skipped = true, failed = true, pending = true }


local function finish(job, p, options, display)
  local files = p.files or {}
  job:finish {
    ok = p.event ~= "failed" and p.event ~= "pending", status = p.event, former = p.job.settled ~= nil,
    text = p.err and p.err.message or p.event ~= "skipped" and files[1] and table.concat(files, " ") or nil,
  }
  if options.json or p.event ~= "done" and p.event ~= "cached" then return end
  for _, path in ipairs(files) do
    if display:picture(path, options.preview) then display:print(path) end
  end
end


-- on_progress of the batch. Of its jobs those that are under way are kept. What
-- it is called with is left in 'handle'.
local function watcher(options, display, handle)
  local jobs = {}
  return function (p)
    handle.batch = p
    display:summary { total = p.total > 0 and p.total or nil, cost = p.cost }
    if not p.job then return end
    local job = jobs[p.job] or display:job(name_of(p.job), p.index)
    jobs[p.job] = job
    if p.event == "submitted" then job:update { status = "IN_QUEUE" }
    elseif p.event == "status" then job:update { status = p.status, queue_position = p.position }
    elseif p.event == "log" then collect.show_log(job, p.log)
    elseif ENDED[p.event] then
      jobs[p.job] = nil
      finish(job, p, options, display)
    elseif p.event == "left" or p.event == "again" then
      jobs[p.job] = nil
      job:leave()
    end
  end
end


---- Running ------------------------------------------------------------

-- The report, whether it was interrupted | nil, err, exit status.
local function run(options, display)
  local fields, problem = inputs.apply({}, options.field)
  if not fields then return nil, problem, command.MISUSE end
  local rows, err, status = attempt(fal.rows, options.jobs, { format = options.format })
  if not rows then return nil, err, status or command.FAILED end
  local handle = {}
  local task = fal.async(attempt, fal.batch, {
    endpoint = options.endpoint, jobs = rows, out = options.out, input = next(fields) and fields or nil,
    limit = options.limit, budget = options.budget, journal = journal_of(options), resume = not options.no_resume,
    retry_errors = options.retry_errors, dry_run = options.dry_run, cache = options.cache, fresh = options.fresh,
    report = options.report, timeout = options.timeout, logs = options.progress ~= "none",
    on_progress = watcher(options, display, handle),
  })
  local interrupted, report
  interrupted, report, err, status = command.until_done(task, function ()
    display:complain "falua: batch: canceling what waits (Ctrl-C again: leave at once)"
    if handle.batch then handle.batch.leave() else task:cancel() end
  end)
  if report then return report, interrupted end
  return nil, err, interrupted and command.INTERRUPTED or status
end


-- How it ended, as an exit status.
local function status_of(report, interrupted)
  if interrupted then
    return complain("interrupted; the same command goes on where it was", command.INTERRUPTED)
  elseif report.dry_run then return command.OK end
  return report.failed + report.pending + report.left > 0 and command.PARTLY or command.OK
end


function batch.run(args)
  local options, status = command.parse("batch", batch.parser(), args)
  if not options then return status end
  if not options.out and not options.dry_run then
    return complain("say where the files go: -o 'out/{index}-{slug}.{ext}'", command.MISUSE)
  end
  local display = progress.new { mode = options.dry_run and "none" or options.progress, several = true }
  local report, why, code = run(options, display)
  display:close()
  if not report then return complain(host.message(why), code or command.FAILED) end
  io.stdout:write(options.json and report:json() or tostring(report) .. "\n")
  return status_of(report, why)
end


return batch
