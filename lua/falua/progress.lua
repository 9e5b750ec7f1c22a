-- How far calls are, on standard error.
--
--   local p = progress.new { mode = "auto", total = 40 }
--   local job = p:job "a red kite"
--   job:update { status = "IN_QUEUE", queue_position = 3 }   -- or log =, fraction =
--   job:finish { ok = true, text = "kite.png" }
--   p:print "kite.png"           -- a line on standard output, above the display
--   p:summary { cost = sum }     -- what the line for all of them says too
--   p:close()
--
-- Modes: "bar" draws one display again and again (a terminal), "plain" writes
-- a line for each change, "kv" and "jsonl" do so for programs, "none" is
-- silent. "auto" is bar on a terminal and plain elsewhere. Nothing is drawn
-- over what is printed through 'print'. Of jobs that have ended only numbers
-- are kept.

local fal = require "fal"
local host = require "falua.host"
local now = require "fal.core".now
local preview = require "falua.preview"
local text = require "falua.text"

local progress = { MODES = { "auto", "bar", "plain", "kv", "jsonl", "none" } }

local INTERVAL = 0.1     -- seconds between two drawings at least
local TICK = 0.3         -- and at most, for the clocks in it
local SHOWN = 8          -- lines for jobs
local NAME = 34          -- columns for a job's name
local STATE = 12         -- and for how it is
local NARROW = 60        -- columns of a terminal that leaves no room for a log line
local LAST = 128         -- jobs that the rate is made of

local SPINNER = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }

-- How a job ends, in the order in which they are told; what it is called on
-- the display.
local ENDS = { "done", "failed", "skipped", "cached", "pending" }
local CALLED = { failed = "failed", skipped = "before", cached = "cached", pending = "pending" }

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
  if event.total then words[#words + 1] = ("(%d of %d)"):format(event.ended, event.total) end
  return table.concat(words, " ")
end


local ORDER = {
  "job", "index", "status", "queue_position", "fraction", "log", "ok", "text", "seconds", "done", "failed", "skipped",
  "cached", "pending", "ended", "total", "cost",
}


-- One change of a job as a line.
function Progress:line(job, change)
  local event = { job = job.name, index = job.index, seconds = math.floor((now() - job.began) * 1000) / 1000 }
  for k, v in pairs(change) do event[k] = type(v) == "string" and text.line(v) or v end
  if change.ok ~= nil and self.several then
    for _, name in ipairs(ENDS) do event[name] = self.counts[name] end
    event.ended, event.total, event.cost = self.ended, self.total, self.said.cost and tostring(self.said.cost)
  end
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
  local narrow = width < NARROW
  local state = STATUS[job.status] or job.status or "starting"
  if job.queue_position then state = state .. " #" .. job.queue_position + 1 end
  local head = ("%s %5s"):format(narrow and state or text.fit(state, STATE), text.clock(now() - job.began))
  local room = narrow and width - 4 - text.width(head) or math.min(NAME, width // 3)
  local spin = SPINNER[math.floor(now() * 10) % #SPINNER + 1]
  local name = self.several and job.index .. " " .. job.name or job.name
  head = text.cut(spin .. " " .. text.fit(name, room) .. "  " .. head, width)
  local tail = job.log or ""
  if job.fraction then tail = bar(job.fraction, 12) .. " " .. tail end
  tail = text.cut(tail, width - text.width(head) - 2)
  if tail ~= "" then tail = "  " .. tail end   -- blanks at an end would wrap when the terminal becomes narrower
  return { head .. tail, paint(self, "36", head) .. tail }
end


-- Jobs a second, by the last ones that were made; nil when it is too early.
local function rate_of(self)
  local n = math.min(self.made, LAST)
  local since = now() - (self.made > LAST and self.times[self.made % LAST + 1] or self.began)
  return n > 0 and since > 0.5 and n / since or nil
end


-- What there is to say of all of them, the more important things first.
local function facts(self, hidden)
  local rate, list = rate_of(self), { ("%d done"):format(self.ended) }
  local function add(fact) list[#list + 1] = fact end
  if self.total then list[1] = ("%d/%d"):format(self.ended, self.total) end
  for _, name in ipairs(ENDS) do
    if CALLED[name] and self.counts[name] > 0 then add(self.counts[name] .. " " .. CALLED[name]) end
  end
  if rate and self.total and self.ended < self.total then
    add(text.clock((self.total - self.ended) / rate) .. " left")
  end
  if self.said.cost then add(tostring(self.said.cost)) end
  if rate then add(rate >= 1 and ("%.1f/s"):format(rate) or ("%.1f/min"):format(rate * 60)) end
  if hidden > 0 then add(("and %d more at once"):format(hidden)) end
  if self.said.note then add(text.line(self.said.note)) end
  return list
end


-- As much of it as one line takes.
local function summary_line(self, width, hidden)
  local line, room = "", math.min(24, width - 50)
  if self.total and room > 4 then line = bar(self.total > 0 and self.ended / self.total or 1, room) end
  for _, fact in ipairs(facts(self, hidden)) do
    local longer = line == "" and fact or line .. "  " .. fact
    if text.width(longer) <= width then line = longer end
  end
  return { line, paint(self, self.counts.failed > 0 and "33" or "32", line) }
end


-- Rows that what is drawn takes now: the terminal may have become narrower.
local function rows(self, columns)
  local n = 0
  for _, width in ipairs(self.drawn) do n = n + math.max(1, (width + columns - 1) // columns) end
  return n
end


-- What takes the display away.
local function eraser(self)
  if #self.drawn == 0 then return "" end
  local n = rows(self, host.columns() or 80)
  self.drawn = {}
  return "\r" .. (n > 1 and ("\27[%dA"):format(n - 1) or "") .. "\27[J"
end


local function erase(self)
  io.stderr:write(eraser(self))
end


local function draw(self)
  local columns, lines = host.columns()
  local width = (columns or 80) - 1
  local list, shown = {}, math.min(SHOWN, math.max(1, (lines or 24) - 3))
  local job = self.jobs.after
  while job and #list < shown do
    list[#list + 1] = job_line(self, job, width)
    job = job.after
  end
  if self.several then list[#list + 1] = summary_line(self, width, self.running - #list) end
  local out = { eraser(self) }   -- one write: nobody sees it half drawn
  for i, line in ipairs(list) do
    out[#out + 1] = (i > 1 and "\n" or "") .. line[2]
    self.drawn[i] = text.width(line[1])
  end
  io.stderr:write(table.concat(out))
  self.drew, self.dirty, self.columns = now(), false, columns
end


local function touch(self)
  self.dirty = true
  if self.ticker and now() - self.drew >= INTERVAL then draw(self) end
end


local function tick(self)
  while true do
    fal.sleep(INTERVAL)
    local since = now() - self.drew
    if since >= TICK or since >= INTERVAL and (self.dirty or host.columns() ~= self.columns) then draw(self) end
  end
end


---- Jobs -----------------------------------------------------------------

-- A job begins. The name is shown; it need not be different from others. The
-- index is its number, unless given which one it is.
function Progress:job(name, index)
  self.begun, self.running = self.begun + 1, self.running + 1
  self.several = self.several or self.begun > 1
  local last = self.jobs.before or self.jobs
  local job = setmetatable({
    progress = self, name = text.line(name), index = index or self.begun, began = now(), before = last,
  }, Job)
  last.after, self.jobs.before = job, job
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


local function forget(job)
  local p = job.progress
  job.before.after = job.after
  if job.after then job.after.before = job.before
  else p.jobs.before = job.before ~= p.jobs and job.before or nil end
  p.running = p.running - 1
end


local function count(p, status, former)
  p.counts[status] = p.counts[status] + 1
  p.ended = p.ended + 1
  if status == "cached" then p.counts.done = p.counts.done + 1
  elseif not former then
    p.made = p.made + 1
    p.times[(p.made - 1) % LAST + 1] = now()
  end
end


-- It is over: ok, text (a file's name, what went wrong), status (one of ENDS,
-- when ok does not say it), former (it was so before: no time was taken).
function Job:finish(how)
  local p = self.progress
  if self.finished then return end
  self.finished = true
  local status = how.status or how.ok and "done" or "failed"
  forget(self)
  count(p, status, how.former)
  if not writers[p.mode] then touch(p)
  elseif not (p.mode == "plain" and status == "skipped") then   -- a line for each would bury the others
    p:line(self, { ok = how.ok, text = how.text, status = status })
  end
end


-- It does not go on here, and has not ended.
function Job:leave()
  if self.finished then return end
  self.finished = true
  forget(self)
  touch(self.progress)
end


---- All of it ------------------------------------------------------------

-- options: mode, total (of jobs; nil when it is not known), several (there
-- will be more than one).
function progress.new(options)
  local mode = options.mode or "auto"
  if mode == "auto" then mode = host.columns() and os.getenv "TERM" ~= "dumb" and "bar" or "plain" end
  local no_color = os.getenv "NO_COLOR"
  local self = setmetatable({
    mode = mode, total = options.total, several = options.several or (options.total or 0) > 1, jobs = {}, drawn = {},
    said = {}, counts = {}, times = {}, running = 0, made = 0, ended = 0, begun = 0, began = now(), drew = 0,
    color = no_color == nil or no_color == "",
  }, Progress)
  for _, name in ipairs(ENDS) do self.counts[name] = 0 end
  if mode == "bar" then self.ticker = fal.async(tick, self) end
  return self
end


-- Writes above the display, which is drawn again below.
local function above(self, file, ...)
  erase(self)
  io.stdout:flush()
  file:write(...)
  file:flush()
  if self.ticker then draw(self) end
end


-- A line on standard output.
function Progress:print(line)
  above(self, io.stdout, line, "\n")
end


-- The same on standard error.
function Progress:complain(line)
  above(self, io.stderr, line, "\n")
end


-- A picture on standard output, if that is possible (see falua.preview): whether
-- it is. One that cannot be shown is no failure of anything.
function Progress:picture(path, mode)
  local shown = preview.text(path, mode)
  if shown then above(self, io.stdout, shown) end
  return shown ~= nil
end


-- For the line for all: total, cost (anything that tostring takes), note.
function Progress:summary(what)
  if what.total then self.total = what.total end
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
