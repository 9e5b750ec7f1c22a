-- How far calls are, on standard error.
--
--   local p = progress.new { mode = "auto", total = 40 }
--   local job = p:job "a red kite"
--   job:update { status = "IN_QUEUE", queue_position = 3 }   -- or log =, fraction =
--   job:finish { ok = true, text = "kite.png" }
--   p:print "kite.png"           -- a line on standard output, above the display
--   p:summary { cost = "$0.30" } -- what the line for all of them says too
--   p:close()
--
-- Modes: "bar" draws one display again and again (a terminal), "plain" writes
-- a line for each change, "kv" and "jsonl" do so for programs, "none" is
-- silent. "auto" is bar on a terminal and plain elsewhere. Nothing is drawn
-- over what is printed through 'print'.

local fal = require "fal"
local host = require "falua.host"
local now = require "fal.core".now
local text = require "falua.text"

local progress = { MODES = { "auto", "bar", "plain", "kv", "jsonl", "none" } }

local INTERVAL = 0.08    -- seconds between two drawings at least
local TICK = 0.25        -- and at most, for the clocks in it
local SHOWN = 8          -- lines for jobs
local NAME = 34          -- columns for a job's name

local SPINNER = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }

local Progress, Job = {}, {}
Progress.__index, Job.__index = Progress, Job


-- For a parser of argparse.
function progress.option(parser)
  parser:option("--progress",
    "How far it is: bar (on a terminal), plain lines, kv or jsonl for programs, none.", "auto")
    :argname "MODE":choices(progress.MODES)
end


---- Lines for programs ---------------------------------------------------

local function kv_value(v)
  if type(v) == "string" and (v == "" or v:find '[%s"=]') then
    return '"' .. v:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"'
  end
  return type(v) == "number" and ("%.14g"):format(v) or tostring(v)
end


local writers = {}


function writers.kv(event, order)
  local words = {}
  for _, name in ipairs(order) do
    if event[name] ~= nil then words[#words + 1] = name .. "=" .. kv_value(event[name]) end
  end
  return table.concat(words, " ")
end


function writers.jsonl(event)
  return fal.json.encode(event, { sorted = true })
end


function writers.plain(event)
  local words = { event.job .. ":" }
  if event.status then words[#words + 1] = event.status end
  if event.queue_position then words[#words + 1] = "position " .. event.queue_position end
  if event.fraction then words[#words + 1] = ("%d %%"):format(event.fraction * 100) end
  if event.log then words[#words + 1] = event.log end
  if event.text then words[#words + 1] = event.text end
  return table.concat(words, " ")
end


local ORDER = { "job", "index", "status", "queue_position", "fraction", "log", "ok", "text", "seconds" }


-- One change of a job as a line.
function Progress:line(job, change)
  local event = { job = job.name, index = job.index, seconds = math.floor((now() - job.began) * 1000) / 1000 }
  for k, v in pairs(change) do event[k] = type(v) == "string" and text.line(v) or v end
  io.stdout:flush()
  io.stderr:write(writers[self.mode](event, ORDER), "\n")
end


---- The display ----------------------------------------------------------

local function paint(self, code, s)
  return self.color and ("\27[%sm%s\27[0m"):format(code, s) or s
end


local function bar(fraction, width)
  local full = math.floor(fraction * width + 0.5)
  return ("█"):rep(full) .. ("░"):rep(width - full)
end


local STATUS = { IN_QUEUE = "queued", IN_PROGRESS = "running", COMPLETED = "fetching" }


local function job_line(self, job, width)
  local state = STATUS[job.status] or job.status or "starting"
  if job.queue_position then state = state .. " #" .. job.queue_position + 1 end
  local spin = SPINNER[math.floor(now() * 10) % #SPINNER + 1]
  local name = text.fit(job.name, math.min(NAME, width // 3))
  local head = ("%s %s  %-12s %6s  "):format(spin, name, state, text.clock(now() - job.began))
  local room = width - text.width(head)
  local tail = job.log or ""
  if job.fraction then tail = bar(job.fraction, 12) .. " " .. tail end
  return { head .. text.cut(tail, room), paint(self, "36", head) .. text.cut(tail, room) }
end


-- Jobs, how long they take, what they cost: one line for all of them.
local function summary_line(self, width)
  local done, elapsed = self.done, now() - self.began
  local words = {}
  if self.total then
    local fraction = self.total > 0 and done / self.total or 1
    local room = math.max(0, math.min(24, width - 50))
    words[1] = (room > 4 and bar(fraction, room) .. " " or "") .. ("%d/%d"):format(done, self.total)
  else
    words[1] = ("%d done"):format(done)
  end
  if self.failed > 0 then words[#words + 1] = self.failed .. " failed" end
  if done > 0 and elapsed > 0.5 then
    local rate = done / elapsed
    words[#words + 1] = rate >= 1 and ("%.1f/s"):format(rate) or ("%.1f/min"):format(rate * 60)
    if self.total and done < self.total then words[#words + 1] = text.clock((self.total - done) / rate) .. " left" end
  end
  if self.said.cost then words[#words + 1] = self.said.cost end
  if self.said.note then words[#words + 1] = text.line(self.said.note) end
  local line = text.cut(table.concat(words, "  "), width)
  return { line, paint(self, self.failed > 0 and "33" or "32", line) }
end


-- Rows that what is drawn takes now: the terminal may have become narrower.
local function rows(self, columns)
  local n = 0
  for _, width in ipairs(self.drawn) do n = n + math.max(1, (width + columns - 1) // columns) end
  return n
end


local function erase(self)
  if #self.drawn == 0 then return end
  local n = rows(self, host.columns() or 80)
  io.stderr:write("\r", n > 1 and ("\27[%dA"):format(n - 1) or "", "\27[J")
  self.drawn = {}
end


local function draw(self)
  local columns, lines = host.columns()
  local width = (columns or 80) - 1
  local list, shown = {}, math.min(SHOWN, math.max(1, (lines or 24) - 3))
  for _, job in ipairs(self.running) do
    if #list >= shown then break end
    list[#list + 1] = job_line(self, job, width)
  end
  if self.several then list[#list + 1] = summary_line(self, width) end
  erase(self)
  for i, line in ipairs(list) do
    io.stderr:write(i > 1 and "\n" or "", line[2])
    self.drawn[i] = text.width(line[1])
  end
  io.stderr:flush()
  self.drew = now()
end


local function touch(self)
  if self.mode == "bar" and now() - self.drew >= INTERVAL then draw(self) end
end


local function tick(self)
  while true do
    fal.sleep(TICK)
    draw(self)
  end
end


---- Jobs -----------------------------------------------------------------

-- A job begins. The name is shown; it need not be different from others.
function Progress:job(name)
  self.begun = self.begun + 1
  self.several = self.several or self.begun > 1
  local job = setmetatable({ progress = self, name = text.line(name), index = self.begun, began = now() }, Job)
  self.running[#self.running + 1] = job
  touch(self)
  return job
end


-- What is new: status, queue_position, log (a line), fraction (0 to 1).
function Job:update(change)
  local p = self.progress
  local news = change.log ~= nil or change.fraction ~= nil
  if change.status then
    news = news or change.status ~= self.status or change.queue_position ~= self.queue_position
    self.status, self.queue_position = change.status, change.queue_position
  end
  if change.log then self.log = text.line(change.log) end
  if change.fraction then self.fraction = change.fraction end
  if not news or self.finished then return end
  if writers[p.mode] then p:line(self, change) else touch(p) end
end


-- It is over: ok, text (a file's name, what went wrong).
function Job:finish(how)
  local p = self.progress
  if self.finished then return end
  self.finished = true
  for i, job in ipairs(p.running) do
    if job == self then
      table.remove(p.running, i)
      break
    end
  end
  p.done = p.done + 1
  if not how.ok then p.failed = p.failed + 1 end
  if writers[p.mode] then
    p:line(self, { ok = how.ok, text = how.text, status = how.ok and "done" or "failed" })
  else touch(p) end
end


---- All of it ------------------------------------------------------------

-- options: mode, total (of jobs; nil when it is not known), several (there
-- will be more than one).
function progress.new(options)
  local mode = options.mode or "auto"
  if mode == "auto" then mode = host.columns() and os.getenv "TERM" ~= "dumb" and "bar" or "plain" end
  local no_color = os.getenv "NO_COLOR"
  local self = setmetatable({
    mode = mode, total = options.total, several = options.several or (options.total or 0) > 1, running = {}, drawn = {},
    said = {}, done = 0, failed = 0, begun = 0, began = now(), drew = 0, color = no_color == nil or no_color == "",
  }, Progress)
  if mode == "bar" then self.ticker = fal.async(tick, self) end
  return self
end


-- A line on standard output.
function Progress:print(line)
  erase(self)
  io.stdout:write(line, "\n")
  io.stdout:flush()
  if self.mode == "bar" and self.ticker then draw(self) end
end


-- The same on standard error.
function Progress:complain(line)
  erase(self)
  io.stdout:flush()
  io.stderr:write(line, "\n")
  if self.mode == "bar" and self.ticker then draw(self) end
end


-- For the line for all: cost, note; total, done and failed when somebody else
-- counts them.
function Progress:summary(what)
  for _, name in ipairs { "total", "done", "failed" } do
    if what[name] then self[name] = what[name] end
  end
  for _, name in ipairs { "cost", "note" } do
    if what[name] then self.said[name] = what[name] end
  end
  touch(self)
end


-- Takes the display away. Closing twice is fine.
function Progress:close()
  if self.ticker then
    self.ticker:cancel()
    self.ticker = nil
  end
  erase(self)
  io.stderr:flush()
end


return progress
