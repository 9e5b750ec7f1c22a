-- What the commands of falua share. A command is a file in lua/falua/commands:
-- a table with 'summary' (half a line for 'falua --help') and run(args), which
-- returns an exit status. It may also have 'needs_fal': then the options before
-- it (--local) are carried out and the global 'fal' is there. parser() makes
-- its argparse parser: completion and the manual are made from it.

local host = require "falua.host"

local command = {
  OK = 0, FAILED = 1, MISUSE = 2, PARTLY = 3, INTERRUPTED = 130,
}

local PREFIX = "falua.commands."
local TURN = 0.2   -- seconds in which a Ctrl-C that fell between two waits is seen


-- A line on standard error, after what standard output still holds.
function command.complain(text)
  io.stdout:flush()
  io.stderr:write("falua: ", text, "\n")
end


-- Options of 'falua NAME' from args, by the parser given: the table, or nil
-- and MISUSE after saying what is wrong.
function command.parse(name, parser, args)
  local ok, options = parser:pparse(args)
  if ok then return options end
  command.complain(("%s: %s ('falua %s --help' says more)"):format(name, options, name))
  return nil, command.MISUSE
end


-- A converter for argparse: a whole number from low to high.
function command.whole(option, low, high)
  return function (text)
    local n = math.tointeger(tonumber(text))
    if n and n >= low and n <= high then return n end
    return nil, ("%s takes a whole number from %d to %d, not '%s'"):format(option, low, high, text)
  end
end


local UNITS = { [""] = 1, K = 2 ^ 10, M = 2 ^ 20, G = 2 ^ 30, T = 2 ^ 40 }

-- The same for a number of bytes: 1048576, 512K, 100M, 2G.
function command.bytes(option)
  return function (text)
    local n, unit = text:upper():match "^(%d+%.?%d*)([KMGT]?)I?B?$"
    n = n and math.tointeger(tonumber(n) * UNITS[unit] // 1)
    if n and n > 0 and n <= 2 ^ 50 then return n end
    return nil, ("%s takes a number of bytes, such as 500M or 2G, not '%s'"):format(option, text)
  end
end


-- Calls f so that the first Ctrl-C ends it: true and what it returned, or
-- false. The second one ends the process. Other errors are raised.
function command.interruptible(f, ...)
  host.catch "main"
  local results = table.pack(pcall(f, ...))
  host.catch(false)
  if results[1] then return table.unpack(results, 1, results.n) end
  if results[2] ~= "interrupted" then error(results[2], 0) end
  return false
end


-- Waits for a task that knows how to end early: at the first Ctrl-C 'stop' is
-- called, once, and the task goes on to its end. The second one ends the
-- process. Whether there was one, and what the task returned; what it raised is
-- raised.
function command.until_done(task, stop)
  local interrupted = false
  host.catch "note"
  while task.status == "running" and not interrupted do
    fal.step(TURN)
    interrupted = host.interrupted()
  end
  host.catch(false)
  if interrupted then stop() end
  return interrupted, task:await()
end


-- One HTTP exchange with the settings of a client (see exchange.c): its answer |
-- nil, err.
function command.exchange(client, options)
  local tasks = require "fal.tasks"
  local op, id = host.exchange.start(tasks.engine(), client.box, options)
  if not op then return nil, id end
  local ok, why = tasks.wait_op(op, id)
  if not ok then return nil, why end
  local answer, err = host.exchange.result(op)
  op:close()
  return answer, err
end


-- The folder for what is kept from one run to the next; nil when there is no
-- place for it.
function command.state()
  local state = os.getenv "XDG_STATE_HOME"
  if not state or state == "" then
    local home = os.getenv "HOME"
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return state .. "/falua"
end


-- Names of all commands, sorted. They are compiled in, so package.preload has
-- them.
function command.names()
  local names = {}
  for module in pairs(package.preload) do
    if module:sub(1, #PREFIX) == PREFIX then names[#names + 1] = module:sub(#PREFIX + 1) end
  end
  table.sort(names)
  return names
end


-- The command of that name, or nil.
function command.find(name)
  if name and package.preload[PREFIX .. name] then return require(PREFIX .. name) end
end


return command
