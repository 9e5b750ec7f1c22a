-- falua doctor: key, clock, TLS, proxy, Lua ABI, terminal. A line for each thing
-- that is looked at; for what is wrong, what to do.
--
-- Nothing here costs anything, and the key is shown nowhere.

local command = require "falua.command"
local fal = require "fal"
local safe = require "falua.text".line

local doctor = { summary = "look for what is wrong here", needs_fal = true }

local EXAMPLE = [[
Looks at the key, the hosts, the network on the way to them (names, proxy, TLS,
clock), Lua's modules, folders, the terminal. No call of it costs anything.

example:
  falua doctor
  falua doctor --offline --json
  falua --local doctor

exit codes: 0 nothing is a problem, 1 something is, 2 misuse]]


local function seconds(text)
  local n = tonumber(text)
  if n and n > 0 and n <= 60 then return n end
  return nil, "--timeout takes seconds, 60 at most, not '" .. text .. "'"
end


function doctor.parser()
  local p = require "argparse"("falua doctor", "Looks for what is wrong with key, network, clock, Lua and terminal.")
    :epilog(EXAMPLE)
  p:flag("--offline", "Leave out what needs the network.")
  p:option("--timeout", "Seconds that a host has for its answer.", "5"):argname "SECONDS":convert(seconds)
  p:flag("--json", "One JSON object: status, and checks with name, status, text, hint.")
  return p
end


local RANK = { ok = 1, warning = 2, problem = 3 }

local function worst(checks)
  local found = "ok"
  for _, check in ipairs(checks) do
    if RANK[check.status] > RANK[found] then found = check.status end
  end
  return found
end


-- A hint is told once for all that it is for.
local function print_check(check, before)
  print(("%-8s  %-12s  %s"):format(check.status, check.name, safe(check.text)))
  if check.hint and not (before and before.hint == check.hint) then print((" "):rep(24) .. safe(check.hint)) end
end


function doctor.run(args)
  local options, misuse = command.parse("doctor", doctor.parser(), args)
  if not options then return misuse end
  local checks = {}
  require "falua.checkup".run(options, function (check)
    checks[#checks + 1] = check
    if not options.json then print_check(check, checks[#checks - 1]) end
  end)
  local status = worst(checks)
  if options.json then print(fal.json.encode({ status = status, checks = checks }, { sorted = true })) end
  return status == "problem" and command.FAILED or command.OK
end


return doctor
