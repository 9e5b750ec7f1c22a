-- The journal of a batch: what became of each job, on disk before anybody
-- relies on it.
--
-- JSON lines, only ever appended to; 'key' is the job's (its endpoint and
-- input, and which of equal ones it is):
--
--   {"key":K,"job":7,"try":"uuid"}     it is about to be submitted, under a name
--   {"key":K,"job":7,"id":"..."}       it was: the request's id
--   {"key":K,"job":7,"done":{...}}     its files are on disk
--   {"key":K,"job":7,"failed":{...}}   it will never succeed
--   {"key":K,"job":7,"reset":true}     it was not made, and can be
--
-- The last line of a key counts; a line that is cut off is skipped. Lines that
-- come in one turn of the engine are written, and flushed to disk, together.

local core = require "fal.core"
local tasks = require "fal.tasks"

local BLOCK = 65536

local Log = {}
Log.__index = Log

local batchlog = {}


-- What a line says of its key: a state, or nil when nothing is left of it. A
-- string is a request's id, or a try's name after a "?"; a number the place of
-- the line: above 0 done, below failed.
local function state_of(entry, place)
  if type(entry.done) == "table" then return place end
  if type(entry.failed) == "table" then return -place end
  if type(entry.id) == "string" then return entry.id end
  if type(entry.try) == "string" then return "?" .. entry.try end
end


local function read_line(self, line, place)
  local entry = line ~= "" and core.json.decode(line)
  if type(entry) ~= "table" or type(entry.key) ~= "string" then return end
  local state = state_of(entry, place)
  if type(state) == "string" and self.states[entry.key] == "?" .. state then self.named = true end
  self.states[entry.key] = state
  local ended = entry.done or entry.failed
  if type(ended) == "table" and self.on_cost then self.on_cost(ended) end
end


-- Reads the file in blocks; places count from 1.
local function load(self, file)
  local rest, place = "", 1
  while true do
    local block = file:read(BLOCK)
    if not block then break end
    rest = rest .. block
    local from = 1
    while true do
      local at = rest:find("\n", from, true)
      if not at then break end
      read_line(self, rest:sub(from, at - 1), place)
      place, from = place + at - from + 1, at + 1
    end
    rest = rest:sub(from)
  end
  return rest == ""
end


-- Opens the journal at 'path' (nil: there is none) or begins one, unless it is
-- only read: log | nil, err. log.named: the server has taken the name of a try
-- for the id. on_cost(ended) is told what former runs have ended.
function batchlog.open(path, on_cost, only_read)
  local self = { path = path, states = {}, lines = {}, on_cost = on_cost, named = false }
  setmetatable(self, Log)
  if not path then return self end
  local err
  if not only_read then
    self.lock, err = core.lock(path)   -- two at once would pay twice
    if not self.lock then return nil, err end
  end
  local file, whole = io.open(path, "rb"), true
  if file then
    whole = load(self, file)
    file:close()
  end
  if only_read then return self end
  local ok
  ok, err = core.append(path, whole and "" or "\n")   -- ends a cut line; and can it be written?
  if not ok then return nil, err end
  return self
end


-- The last word on a key: "new" | "try", name | "id", id | "done", place |
-- "failed", place
function Log:state(key)
  local state = self.states[key]
  if state == nil then return "new" end
  if type(state) == "string" then
    local name = state:match "^%?(.*)$"
    if name then return "try", name end
    return "id", state
  end
  return state > 0 and "done" or "failed", math.abs(state)
end


-- The line at a place, decoded | nil.
function Log:at(place)
  local file = self.path and io.open(self.path, "rb")
  if not file then return nil end
  file:seek("set", place - 1)
  local line = file:read "*l"
  file:close()
  local entry = line and core.json.decode(line)
  return type(entry) == "table" and entry or nil
end


-- Whether a request is one of those that jobs here are waiting for or got.
function Log:has_request(id)
  local file = io.open(self.path, "rb")
  local found = false
  for line in file:lines() do
    if line:find(id, 1, true) then found = true end
  end
  file:close()
  return found
end


local function flush(self)
  tasks.sleep(0)   -- what else comes in this turn goes with it
  local text, turn = table.concat(self.lines), self.turn
  self.lines, self.turn = {}, nil
  local ok, err = core.append(self.path, text)
  if not ok then self.err = err end
  turn.fire()
end


-- Adds a line about a job: what is new of it, the value as JSON. It is on disk
-- after the next 'sync'.
function Log:note(job, name, value)
  if not self.path then return end
  local lines = self.lines
  lines[#lines + 1] = job.line .. name .. '":' .. value .. "}\n"
  if not self.turn then
    self.turn = tasks.event()
    tasks.async(flush, self)
  end
end


-- Waits until all lines are on disk: true | nil, err.
function Log:sync()
  local turn = self.turn
  if turn then
    local ok, err = turn.wait()
    if not ok then return nil, err end
  end
  if self.err then return nil, self.err end
  return true
end


function Log:close()
  if self.lock then self.lock:close() end
end


return batchlog
