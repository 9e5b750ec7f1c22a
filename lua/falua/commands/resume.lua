-- falua resume: collects what an earlier process was waiting for.

local collect = require "falua.collect"
local command = require "falua.command"
local host = require "falua.host"
local progress = require "falua.progress"

local resume = { summary = "collect results that an earlier run left behind", needs_fal = true }

local LIMIT = 8   -- requests followed at once


function resume.parser()
  local p = require "argparse"("falua resume",
    "Waits for the requests that a journal has open and saves what they made.")
  p:argument("journal", "The journal (otherwise the one that 'falua run' keeps)."):args "?":argname "JOURNAL"
  collect.options(p)
  p:flag("--list", "Print what is open and do nothing.")
  p:epilog "example:\n  falua resume --out 'late/{request_id}.{ext}'"
  return p
end


local function complain(...)
  command.complain("resume: " .. table.concat { ... })
end


-- One request to its end: whether its result was saved.
local function one(handle, options, display)
  local job = display:job(handle.endpoint_id .. " " .. handle.request_id)
  local value, err = collect.follow(handle, job, {}, {})
  job:finish { ok = value ~= nil, text = value == nil and err.message or nil }
  if value == nil then
    display:complain("falua: resume: " .. host.message(err))
    return false
  end
  return collect.deliver(value, options, display) == command.OK
end


local function all(handles, options, display)
  local calls = {}
  for i, handle in ipairs(handles) do
    calls[i] = function () return one(handle, options, display) end
  end
  local failed = 0
  for _, outcome in ipairs(fal.gather(calls, { limit = LIMIT })) do
    if not (outcome.ok and outcome.result) then failed = failed + 1 end
  end
  return failed
end


function resume.run(args)
  local options, misuse = command.parse("resume", resume.parser(), args)
  if not options then return misuse end
  options.out_given = true
  local path = options.journal or collect.journal()
  if not path then
    complain "there is no HOME to have a journal in: name it"
    return command.MISUSE
  end
  local book, err = fal.journal.open(path)
  if not book then
    complain(host.message(err))
    return command.FAILED
  end
  local handles = book:pending()
  if options.list or #handles == 0 then
    for _, handle in ipairs(handles) do print(handle.endpoint_id .. " " .. handle.request_id) end
    if #handles == 0 then complain("nothing is open in ", path) end
    return command.OK
  end
  local display = progress.new { mode = options.progress, total = #handles, several = true }
  local done, failed = command.interruptible(all, handles, options, display)
  display:close()
  if not done then
    complain "interrupted; what is open stays in the journal: falua resume"
    return command.INTERRUPTED
  end
  return failed == 0 and command.OK or failed < #handles and command.PARTLY or command.FAILED
end


return resume
