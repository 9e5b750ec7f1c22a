-- The file of a recording: calls as JSON that people can read, what is large
-- or no text in files beside it, named by their digest, and no key anywhere.
--
--   { "version": 1, "calls": [ { "call": "run", "request": {...}, ... } ] }
--
-- Values are as they were decoded: strings that are long or not UTF-8 become
-- {"$file": name} or {"$bytes": base64}; a name of a field that begins with "$"
-- gets one more.

local core = require "fal.core"

local cassette = {}

local VERSION = 1
local LONG = 4096          -- bytes of a string that stays in the text
local MAX = 256 * 1048576

-- Headers of answers that are somebody's secret, or nothing to anybody.
local SECRET = {
  ["set-cookie"] = true, ["authorization"] = true, ["x-fal-cdn-token"] = true, ["proxy-authorization"] = true,
  ["date"] = true,
}


---- Values -------------------------------------------------------------

-- A value in a form that is JSON, without secrets. keep(bytes) -> the name of a
-- file, clean(text) -> text.
local function pack(value, keep, clean)
  if type(value) == "string" then
    value = clean(value)
    if #value > LONG then return { ["$file"] = keep(value) } end
    if value:find "[\128-\255]" and not core.json.encode(value) then return { ["$bytes"] = core.base64(value) } end
    return value
  elseif type(value) ~= "table" then return value end
  local copy = {}
  for k, v in next, value do
    if type(k) == "string" and k:sub(1, 1) == "$" then k = "$" .. k end
    copy[k] = pack(v, keep, clean)
  end
  local mt = getmetatable(value)
  if type(mt) == "table" and mt == getmetatable(core.json.array {}) then setmetatable(copy, mt) end
  return copy
end


-- The value that 'pack' was given.
local function unpack_value(value, fetch)
  if type(value) ~= "table" then return value end
  if type(value["$file"]) == "string" then return fetch(value["$file"]) end
  if type(value["$bytes"]) == "string" then return core.unbase64(value["$bytes"]) end
  local copy = {}
  for k, v in next, value do
    if type(k) == "string" and k:sub(1, 2) == "$$" then k = k:sub(2) end
    local got, err = unpack_value(v, fetch)
    if err then return nil, err end
    copy[k] = got
  end
  local mt = getmetatable(value)
  if mt then setmetatable(copy, mt) end
  return copy
end


---- Files --------------------------------------------------------------

local Cassette = {}
Cassette.__index = Cassette


-- The folder for what is beside it.
local function folder_of(path)
  return (path:gsub("%.json$", "")) .. ".files"
end


function Cassette:path_of(name)
  return self.folder .. "/" .. name
end


-- Text without what is secret: keys that calls were made with.
function Cassette:clean(text)
  for scrub in pairs(self.scrubs) do text = scrub(text) end
  return text
end


local function keep(self, bytes)
  local name = core.digest("sha256", bytes):sub(1, 32) .. ".bin"
  local ok, err = core.write(self:path_of(name), bytes, true)
  if not ok then error(err, 0) end
  return name
end


local function fetch(self, name)
  if not name:find "^%w+%.%w+$" then name = "" end
  return core.read(self:path_of(name), MAX)
end


-- A value as it goes into an entry, and back: value | nil, err.
function Cassette:pack(value)
  return pack(value, function (bytes) return keep(self, bytes) end, function (text) return self:clean(text) end)
end


function Cassette:unpack(value)
  return unpack_value(value, function (name) return fetch(self, name) end)
end


-- Copies a file beside the recording: its name | nil, err.
function Cassette:keep_file(path)
  local bytes, err = core.read(path, MAX)
  if not bytes then return nil, err end
  local extension = path:match "%.(%w+)$" or "bin"
  local name = core.digest("sha256", bytes):sub(1, 32) .. "." .. (extension == "part" and "bin" or extension)
  local ok
  ok, err = core.write(self:path_of(name), bytes, true)
  return ok and name, err
end


-- The meta of an answer as a plain table.
function cassette.meta(meta)
  local copy, headers = {}, {}
  for name, value in pairs(meta) do
    if type(name) == "string" and type(value) ~= "table" and type(value) ~= "userdata" then copy[name] = value end
  end
  for name, value in pairs(meta.headers or {}) do
    if not SECRET[name] then headers[name] = value end
  end
  copy.headers = headers
  return copy
end


-- Signatures in a URL are secrets, and never twice the same.
function cassette.url(url)
  return (url:gsub("([?&][^=&#]*)=([^&#]*)", function (name, value)
    local word = name:lower()
    if word:find "sign" or word:find "token" or word:find "key" or word:find "^[?&]x%-" or word:find "expires" then
      value = "-"
    end
    return name .. "=" .. value
  end))
end


-- What tells calls apart, as text that sorts.
function Cassette:mark(call, request)
  return call .. " " .. (core.json.encode(self:pack(request), { sorted = true }) or "?")
end


---- Reading and writing ------------------------------------------------

local function bad(path, what)
  return core.error {
    code = "file", retryable = false, message = path .. " is no recording: " .. what,
    hint = "record it anew: remove it, or use the mode 'all'",
  }
end


-- The recording at 'path', with no calls when there is none: it, was it there
-- | nil, err
function cassette.open(path, anew)
  local self = setmetatable({ path = path, folder = folder_of(path), calls = {}, scrubs = {} }, Cassette)
  local probe = io.open(path, "rb")
  if not probe then return self, false end
  probe:close()
  if anew then return self, false end
  local text, err = core.read(path, MAX)
  if not text then return nil, err end
  local document
  document, err = core.json.decode(text)
  if type(document) ~= "table" or type(document.calls) ~= "table" then
    return nil, bad(path, err and err.message or "it has no list of calls")
  end
  if document.version ~= VERSION then return nil, bad(path, "of version " .. tostring(document.version)) end
  for i, call in ipairs(document.calls) do
    if type(call) ~= "table" or type(call.call) ~= "string" or type(call.request) ~= "table" then
      return nil, bad(path, "call " .. i .. " has no name and request")
    end
    self.calls[i] = call
  end
  return self, true
end


-- Writes all calls: true | nil, err.
function Cassette:save()
  local list = {}
  for _, call in ipairs(self.calls) do
    if not call.open then list[#list + 1] = call end
  end
  local text, err = core.json.encode({
    version = VERSION, made_by = "fal for Lua", calls = core.json.array(list),
  }, { sorted = true, pretty = true })
  if not text then return nil, err end
  return core.write(self.path, text .. "\n", true)
end


return cassette
