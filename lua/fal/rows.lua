-- Rows of a file, one at a time: inputs for a batch.
--
--   local rows = fal.check(fal.rows "prompts.csv")
--   for row in rows do ... end        -- rows.err when it ended early
--   rows:rewind()                     -- from the start once more
--
-- CSV and TSV have a header: a name for each column, as name or name:type with
-- the types string, integer, number, boolean, json, file. Without a type a cell
-- that is written like a number, true or false is one, except in columns of
-- text (prompt, *_prompt, text, *_url...). Empty cells are left out; a name with
-- dots (image_size.width) makes tables. JSON Lines have an object on each line,
-- JSON a list of them, text files a prompt on each line.
--
-- The file is read in blocks, and only the row at hand is in memory (JSON: all).

local core = require "fal.core"

local Rows = { __name = "fal.Rows" }
local methods = {}
Rows.__index = methods

local rows = {}

local BLOCK = 65536
local MAX_ROW = 16 * 1048576   -- bytes

local TYPES = { string = true, integer = true, number = true, boolean = true, json = true, file = true }

local TEXTS = {
  prompt = true, text = true, caption = true, title = true, name = true, slug = true, style = true,
  safety_tolerance = true,
}


local function failed(self, message)
  return core.error {
    code = "file", retryable = false, message = ("%s, %s %d: %s"):format(self.path, self.unit, self.line, message),
  }
end


---- Lines --------------------------------------------------------------

-- The next line without its end | nil | nil, err.
local function next_line(self)
  local at = self.block:find("\n", self.at, true)
  if at then   -- nearly all of them
    local line = self.block:sub(self.at, at - 1)
    self.at = at + 1
    return line
  end
  local parts, size = {}, 0
  while true do
    at = self.block:find("\n", self.at, true)
    local part = self.block:sub(self.at, at and at - 1)
    parts[#parts + 1], size = part, size + #part
    if size > MAX_ROW then return nil, failed(self, "a row of more than 16 MB") end
    if at then
      self.at = at + 1
      break
    end
    local block, err = self.file:read(BLOCK)
    if err then return nil, failed(self, err) end
    self.block, self.at = block or "", 1
    if not block then
      if size == 0 then return nil end
      break
    end
  end
  return table.concat(parts)
end


-- Numbers and text must be what JSON can carry.
local function is_utf8(s)
  return not s:find "[\128-\255]" or core.json.encode(s) ~= nil
end


---- CSV ----------------------------------------------------------------

-- The cells of a record; nil when a quoted one goes on in the next line; nil,
-- what is wrong.
local function split(record, sep)
  local cells, at = {}, 1
  while true do
    local cell
    if record:byte(at) == 34 then
      local from, parts = at + 1, {}
      while true do
        local quote = record:find('"', from, true)
        if not quote then return nil end
        parts[#parts + 1] = record:sub(from, quote - 1)
        at, from = quote + 1, quote + 2
        if record:byte(at) ~= 34 then break end   -- "" is a quote
      end
      cell = table.concat(parts, '"')
      if at <= #record and record:sub(at, at) ~= sep then return nil, "something follows a closing quote" end
    else
      local stop = record:find(sep, at, true) or #record + 1
      cell, at = record:sub(at, stop - 1), stop
    end
    cells[#cells + 1] = cell
    if at > #record then return cells end
    at = at + 1
    if at > #record then
      cells[#cells + 1] = ""
      return cells
    end
  end
end


-- A record: cells | nil | nil, err. Empty lines are no records.
local function next_record(self)
  local line, err
  repeat
    line, err = next_line(self)
    if not line then return nil, err end
    self.line = self.line + 1
  until line:find "[^%s]"
  local record, more = line, 0
  while true do
    local cells, wrong = split((record:gsub("\r$", "")), self.separator or ",")
    if cells then
      self.line = self.line + more   -- it is named by its last line
      return cells, record
    end
    if wrong then return nil, failed(self, wrong) end
    line, err = next_line(self)
    if err then return nil, err end
    if not line then return nil, failed(self, "a quote is never closed") end
    record, more = record .. "\n" .. line, more + 1
    if #record > MAX_ROW then return nil, failed(self, "a quote is not closed within 16 MB") end
  end
end


-- Of , ; and tab the one that a header without quotes has most of.
local function separator_of(header)
  local best, most = ",", 0
  for _, sep in ipairs { ",", ";", "\t" } do
    local _, n = header:gsub(sep, "")
    if n > most then best, most = sep, n end
  end
  return best
end


local function is_text(name)
  name = name:match "[^.]*$"
  return TEXTS[name] or name:find "_prompt$" or name:find "_url$" or name:find "_text$"
end


local function column(self, head, seen)
  local name, kind = head:match "^%s*(.-)%s*$", nil
  local before, after = name:match "^(.*):(%a+)$"
  if before then
    if not TYPES[after] then
      return nil, failed(self, ("column '%s': the types are string, integer, number, boolean, json, file"):format(name))
    end
    name, kind = before, after
  end
  if name == "" then return false end   -- a column without a name is not used
  if seen[name] then return nil, failed(self, "there are two columns '" .. name .. "'") end
  seen[name] = true
  return { name = name, kind = kind or is_text(name) and "string" or nil }
end


local function read_header(self)
  self.unit = "line"
  local line, err = next_line(self)
  if not line then return nil, err or failed(self, "the file is empty: there is no header") end
  self.line = 1
  if not is_utf8(line) then return nil, failed(self, "it is not UTF-8: save it as UTF-8") end
  self.separator = self.separator or separator_of(line)
  local cells, wrong = split((line:gsub("\r$", "")), self.separator)
  if not cells then return nil, failed(self, wrong or "a quote is never closed") end
  local columns, seen = {}, {}
  for i, cell in ipairs(cells) do
    local c, why = column(self, cell, seen)
    if c == nil then return nil, why end
    columns[i] = c
  end
  if not next(seen) then return nil, failed(self, "the header names no column") end
  self.columns = columns
  return true
end


local BOOLEANS = { ["true"] = true, ["false"] = false, TRUE = true, FALSE = false, True = true, False = false }

-- What a cell is by its looks.
local function guess(cell)
  if BOOLEANS[cell] ~= nil then return BOOLEANS[cell] end
  if cell:find "^-?%d+$" and not cell:find "^-?0%d" or cell:find "^-?%d+%.%d+$" then
    return core.json.decode(cell)
  end
  return cell
end


local readers = {
  string = function (cell) return cell end,
  integer = function (cell)
    return cell:find "^-?%d+$" and core.json.decode((cell:gsub("^(-?)0+(%d)", "%1%2"))) or nil
  end,
  number = function (cell) return cell:find "^[-+.%d][-+.%deE]*$" and tonumber(cell) or nil end,
  boolean = function (cell) return BOOLEANS[cell] end,
  json = function (cell) return (core.json.decode(cell)) end,
  file = function (cell) return require("fal.storage").file(cell) end,
}


-- Puts a value at a name with dots.
local function place(row, name, value)
  local t = row
  for part, rest in name:gmatch "([^.]+)(%.?)" do
    if rest == "" then t[part] = value
    else
      if type(t[part]) ~= "table" then t[part] = {} end
      t = t[part]
    end
  end
end


local function row_of(self, cells)
  local row = {}
  for i, cell in ipairs(cells) do
    local c = self.columns[i]
    if c == nil and cell ~= "" then
      return nil, failed(self, ("%d cells, but %d columns"):format(#cells, #self.columns))
    end
    if c and cell ~= "" then
      if not is_utf8(cell) then
        return nil, failed(self, "column '" .. c.name .. "' is not UTF-8: save the file as UTF-8")
      end
      local value = (readers[c.kind] or guess)(cell)
      if value == nil then
        return nil, failed(self, ("column '%s': '%s' is no %s"):format(c.name, cell:sub(1, 60), c.kind))
      end
      place(row, c.name, value)
    end
  end
  return row
end


local function next_csv(self)
  if not self.columns then
    local ok, err = read_header(self)
    if not ok then return nil, err end
  end
  local cells, err = next_record(self)
  if not cells then return nil, err end
  return row_of(self, cells)
end


---- Others -------------------------------------------------------------

-- The next line with something in it.
local function next_text(self)
  local line, err
  repeat
    line, err = next_line(self)
    if not line then return nil, err end
    self.line = self.line + 1
    if (line:byte(-1) or 0) <= 32 then line = line:gsub("%s+$", "") end
  until line ~= ""
  return line
end


local function next_jsonl(self)
  local line, err = next_text(self)
  if not line then return nil, err end
  local row
  row, err = core.json.decode(line)
  if type(row) ~= "table" then
    return nil, failed(self, err and err.message or "an object is due on each line, not a " .. type(row))
  end
  return row
end


local function next_prompt(self)
  local line, err = next_text(self)
  if not line then return nil, err end
  if not is_utf8(line) then return nil, failed(self, "it is not UTF-8: save it as UTF-8") end
  return { prompt = line }
end


local function next_json(self)
  if not self.list then
    self.unit, self.line = "entry", 0
    local bytes, err = core.read(self.path)
    if not bytes then return nil, err end
    self.list, err = core.json.decode((bytes:gsub("^\239\187\191", "")))
    if type(self.list) ~= "table" then
      self.list = {}
      return nil, failed(self, err and err.message or "a list of objects is due")
    end
  end
  self.line = self.line + 1
  local row = self.list[self.line]
  if row ~= nil and type(row) ~= "table" then return nil, failed(self, "an object is due, not a " .. type(row)) end
  return row
end


local FORMATS = {
  csv = next_csv, tsv = next_csv, jsonl = next_jsonl, ndjson = next_jsonl, json = next_json, txt = next_prompt,
}


---- Rows ---------------------------------------------------------------

-- The next row | nil | nil, err (also in rows.err).
function Rows.__call(self)
  if self.err or self.ended then return nil, self.err end
  local row, err = self.next(self)
  if row == nil then
    self.err, self.ended = err, true
    methods.close(self)
  end
  return row, err
end


local function open(self)
  local file, why = io.open(self.path, "rb")
  if not file then
    return nil, core.error { code = "file", retryable = false, message = "cannot read " .. tostring(why) }
  end
  file:setvbuf "no"   -- we take blocks
  self.file, self.line, self.at, self.columns, self.list = file, 0, 1, nil, nil
  self.err, self.ended, self.unit = nil, false, "line"
  local block, err = file:read(BLOCK)
  if err then
    file:close()
    return nil, failed(self, err)
  end
  self.block = (block or ""):gsub("^\239\187\191", "")
  if self.block:find "^\255\254" or self.block:find "^\254\255" then
    file:close()
    return nil, failed(self, "it is UTF-16: save it as UTF-8")
  end
  return self
end


-- From the start once more: rows | nil, err.
function methods:rewind()
  methods.close(self)
  return open(self)
end


function methods:close()
  if self.file then self.file:close() end
  self.file = nil
end


-- Rows of a file. opt: format (by the name's end otherwise), separator.
-- rows | nil, err.
function rows.open(path, opt)
  if type(path) ~= "string" or path == "" then error("fal.rows takes the path of a file, not a " .. type(path), 2) end
  opt = require("fal.options").check("fal.rows", opt, { format = "string", separator = "string" }, 2)
  local format = opt.format or (path:match "%.(%w+)$" or ""):lower()
  if not FORMATS[format] then
    error(("the rows of %s: give format = 'csv', 'tsv', 'jsonl', 'json' or 'txt'"):format(path), 2)
  end
  if opt.separator and #opt.separator ~= 1 then error("separator is one character", 2) end
  return open(setmetatable({
    path = path, next = FORMATS[format], separator = opt.separator or format == "tsv" and "\t" or nil,
  }, Rows))
end


function rows.is(value)
  return getmetatable(value) == Rows
end


return rows
