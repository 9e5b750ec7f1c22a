-- What a batch has come to: numbers, a record of each job, and both as text,
-- JSON or a page.
--
-- Records wait in a temporary file, so that a report of many jobs is small in
-- memory until report.jobs is asked for.

local core = require "fal.core"
local cost = require "fal.cost"
local decimal = require "fal.decimal"

local methods = {}
local Report = { __name = "fal.BatchReport" }

local report = {}

local NUMBERS = { "total", "done", "failed", "skipped", "cached", "pending", "left" }


-- What the jobs of a run cost; "$0.30 + about $0.10 + 2 calls of unknown cost"
local Sum = { __name = "fal.CostSum" }
Sum.__index = Sum

Sum.__tostring = cost.sums


function report.new(fields)
  local r = { spool = io.tmpfile(), cost = report.sum() }
  for _, name in ipairs(NUMBERS) do r[name] = 0 end
  for name, value in pairs(fields) do r[name] = value end
  return setmetatable(r, Report)
end


function report.sum()
  return setmetatable({ exact = decimal.zero, estimated = decimal.zero, unknown = 0, currency = "USD" }, Sum)
end


-- Adds a cost (see fal.cost) to a sum.
function report.add_cost(sum, c)
  if c.kind == "unknown" or c.currency ~= "USD" then sum.unknown = sum.unknown + 1
  else sum[c.kind] = sum[c.kind] + c.amount end
end


-- Takes the record of one job, as JSON.
function report.record(self, text)
  self.spool:write(text, "\n")
end


-- The records in the order in which the jobs ended.
function methods.each(self)
  self.spool:flush()
  local place = 0
  return function ()
    self.spool:seek("set", place)
    local line = self.spool:read "*l"
    place = self.spool:seek()
    if line then return core.json.decode(line) end
    self.spool:seek "end"
  end
end


-- All records by number, made when they are asked for.
local function jobs(self)
  local list = {}
  for job in methods.each(self) do list[#list + 1] = job end
  table.sort(list, function (a, b) return a.index < b.index end)
  return list
end


function Report.__index(self, key)
  if key == "jobs" then
    local list = jobs(self)
    if self.ended then rawset(self, "jobs", list) end
    return list
  end
  return methods[key]
end


---- As text ------------------------------------------------------------

local function duration(seconds)
  if seconds < 60 then return ("%.1f s"):format(seconds) end
  return ("%d min %d s"):format(math.floor(seconds / 60), math.floor(seconds % 60))
end


local function summary(self)
  local parts = { ("%d of %d done"):format(self.done + self.skipped, self.total) }
  local function add(n, what) if n > 0 then parts[#parts + 1] = ("%d %s"):format(n, what) end end
  add(self.skipped, "before")
  add(self.cached, "from the cache")
  add(self.failed, "failed")
  add(self.pending, "still pending")
  add(self.left, "not started")
  return table.concat(parts, ", ")
end


-- Numbers, cost, and why it has stopped: a list of texts.
function report.sums(self)
  local lines
  if self.dry_run then
    local failed = self.failed > 0 and (", %d failed before"):format(self.failed) or ""
    lines = {
      ("%d jobs: %d to do, %d done before%s, %d from the cache"):format(self.total, self.left, self.skipped, failed,
        self.cached), "would cost " .. tostring(self.cost),
    }
  else lines = { summary(self), ("cost %s in %s"):format(tostring(self.cost), duration(self.seconds or 0)) } end
  if self.stopped then lines[3] = "stopped: " .. tostring(self.stopped) end
  return lines
end


-- The failures, and the sums.
function Report.__tostring(self)
  local lines, more = {}, 0
  for job in methods.each(self) do
    local told = job.error and job.error.code ~= "canceled"   -- what was left to the next run is no failure
    if told and #lines < 20 then
      lines[#lines + 1] = ("job %d: %s"):format(job.index, job.error.message)
    elseif told then more = more + 1 end
  end
  if more > 0 then lines[#lines + 1] = ("and %d more"):format(more) end
  for _, line in ipairs(report.sums(self)) do lines[#lines + 1] = line end
  return table.concat(lines, "\n")
end


-- The report as JSON.
function methods.json(self)
  local whole = {
    endpoint = self.endpoint, seconds = self.seconds, dry_run = self.dry_run, jobs = core.json.array(self.jobs),
    stopped = self.stopped and { code = self.stopped.code, message = self.stopped.message } or nil,
    cost = {
      exact = tostring(self.cost.exact), estimated = tostring(self.cost.estimated), unknown = self.cost.unknown,
      currency = "USD",
    },
  }
  for _, name in ipairs(NUMBERS) do whole[name] = self[name] end
  return core.json.encode(whole, { sorted = true, pretty = true }) .. "\n"
end


-- The report as a page that needs no other file but the full pictures.
function methods.html(self, folder)
  return require("fal.sheet").page(self, folder)
end


-- Writes it, as the name's end says (.html, .json, else text): path | nil, err.
function methods.save(self, path)
  if type(path) ~= "string" or path == "" then error("save takes the path of a file to write", 2) end
  local text
  if path:find "%.html?$" then text = methods.html(self, path:match "^(.*/)" or "")
  elseif path:find "%.json$" then text = methods.json(self)
  else text = tostring(self) .. "\n" end
  local ok, err = core.write(path, text, true)
  if not ok then return nil, err end
  return path
end


return report
