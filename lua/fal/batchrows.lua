-- The jobs of a batch, one at a time: from a file, a list or a function, each
-- with its key, which is what it takes (endpoint and input), not where it stands.

local core = require "fal.core"
local cache = require "fal.cache"
local rows = require "fal.rows"

local batchrows = {}


-- The jobs as a function: row | nil | nil, err; and one that starts over, where
-- that can be done. Both nil, err when there is no such file.
function batchrows.source(given, level)
  if type(given) == "string" then
    local err
    given, err = rows.open(given)
    if not given then return nil, nil, err end
  end
  if rows.is(given) then
    return given, function () return given:rewind() end
  elseif type(given) == "table" then
    local i = 0
    return function () i = i + 1 return given[i] end, function () i = 0 return true end
  elseif type(given) == "function" then
    return given
  end
  error("jobs of a batch are fal.rows, the path of a file, a list of inputs or a function, not a " .. type(given),
    level + 1)
end


-- The input of a row: the batch's own under the row's.
local function input_of(b, row, index)
  if b.map then row = b.map(row, index) end
  if type(row) == "string" then row = { prompt = row } end
  if type(row) ~= "table" then
    return nil, core.error {
      code = "validation", retryable = false, message = ("job %d is a %s, not a table"):format(index, type(row)),
    }
  end
  if not b.input then return row end
  local input = {}
  for name, value in pairs(b.input) do input[name] = value end
  for name, value in pairs(row) do input[name] = value end
  return input
end


-- The next input, and what its key is made of | nil | nil, err.
local function next_input(b)
  local row, err = b.source()
  if row == nil then return nil, err end
  local index = b.index + 1
  b.index = index
  local input
  input, err = input_of(b, row, index)
  if not input then return nil, err end
  b.asked.input = input
  local text
  text, err = cache.text(b.endpoint, b.asked)
  if text then return input, text end
  if not err then err = select(2, core.json.encode(input)) end
  err.message = ("job %d: %s"):format(index, err.message)
  return nil, err
end


-- The next job: { index =, key =, input =, line = how its lines in the journal
-- begin } | nil | nil, err.
function batchrows.next(b)
  local input, text = next_input(b)
  if not input then return nil, text end
  local long = core.digest("sha256", text)
  local base = long:sub(1, 16)
  local nth = (b.seen[base] or 0) + 1
  b.seen[base] = nth
  local index, key = b.index, nth == 1 and base or base .. "-" .. nth
  return {
    index = index, key = key, long = long, input = input, line = ('{"key":"%s","job":%d,"'):format(key, index),
    began = nil, name = nil, request_id = nil, final = nil, files = nil, cost = nil, record = nil,   -- room for these
  }
end


-- Goes through all jobs before any costs money: true | nil, err.
function batchrows.check(b, start_over)
  if not start_over then return true end
  local input, err
  repeat input, err = next_input(b) until not input
  if err then return nil, err end
  b.report.total, b.index = b.index, 0
  local ok
  ok, err = start_over()
  return ok and true, err
end


return batchrows
