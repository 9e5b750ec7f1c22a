-- What was typed at the prompt, kept from one session to the next. Each line
-- is added to the file at once, so sessions side by side share it.

local command = require "falua.command"
local terminal = require "falua.host".terminal

local LINES = 1000

local history = {}
local last


local function path()
  local state = command.state()
  return state and state .. "/history"
end


local function read(name)
  local lines = {}
  local f = io.open(name, "r")
  if f then
    for line in f:lines() do lines[#lines + 1] = line end
    f:close()
  end
  return lines
end


function history.load()
  local name = path()
  for _, line in ipairs(name and read(name) or {}) do terminal.remember(line) end
end


-- A line that begins with a space is nobody's business and is not kept, nor is
-- one that sets a key. A file that cannot be written is no reason to stop
-- anybody from typing.
function history.add(line)
  if line == last or not line:find "^%S" or line:find("credentials", 1, true) then return end
  last = line
  terminal.remember(line)
  local name = path()
  if not name then return end
  local lines = read(name)
  lines[#lines + 1] = line
  terminal.save(name, table.concat(lines, "\n", math.max(1, #lines - LINES + 1)) .. "\n")
end


return history
