-- The file of a recording: calls as JSON that people can read, what is large
-- or no text in files beside it, named by their digest, and no key anywhere.
--
--   { "version": 1, "calls": [ { "call": "run", "request": {...}, ... } ] }
--
-- A call that has neither result nor meta nor error was given up. Values are as
-- they were decoded: strings that are long or not UTF-8 become {"$file": name} or
-- {"$bytes": base64}; a name of a field that begins with "$" gets one more.

local core = require "fal.core"

local cassette = {}

local VERSION = 1
local LONG = 4096          -- bytes of a string that stays in the text
local MAX = 256 * 1048576
local DIGITS = 32          -- of a digest, in the name of a file
local NAME = "^" .. ("%x"):rep(DIGITS) .. "%.%w+$"

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


local function bad(path, what)
  return core.error {
    code = "file", retryable = false, message = path .. " is no recording: " .. what,
    hint = "record it anew: remove it, or use the mode 'all'",
  }
end


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


local function name_of(bytes, extension)
  return core.digest("sha256", bytes):sub(1, DIGITS) .. "." .. (extension or "bin")
end


-- A file beside the recording, by a name in it: its bytes | nil, err.
function Cassette:fetch(name)
  if not name:find(NAME) then
    return nil, bad(self.path, ("'%s' is no name of a file beside it"):format(name))
  end
  local bytes, err = core.read(self:path_of(name), MAX)
  if not bytes then return nil, err end
  if name_of(bytes) ~= name:sub(1, DIGITS) .. ".bin" then return nil, bad(self:path_of(name), "it is damaged") end
  return bytes
end


-- A value as it goes into an entry, and back: value | nil, err.
function Cassette:pack(value)
  return pack(value, function (bytes)
    local name = name_of(bytes)
    local ok, err = core.write(self:path_of(name), bytes, true)
    if not ok then error(err, 0) end
    return name
  end, function (text) return self:clean(text) end)
end


function Cassette:unpack(value)
  return unpack_value(value, function (name) return self:fetch(name) end)
end


-- Copies a file beside the recording: its name | nil, err.
function Cassette:keep_file(path)
  local bytes, err = core.read(path, MAX)
  if not bytes then return nil, err end
  local extension = path:match "%.(%w+)$"
  local name = name_of(bytes, extension ~= "part" and extension or nil)
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


-- What fields of a query are called whose values are secrets, or are never twice
-- the same.
local SECRETS = {
  "^x%-", "^sig", "signature", "^expires$", "^policy$", "key$", "token$", "secret", "passw", "^pass$", "^auth$",
  "^authorization$", "credential",
}


local function is_secret(name)
  name = name:lower()
  for _, pattern in ipairs(SECRETS) do
    if name:find(pattern) then return true end
  end
end


-- A query without those.
function cassette.query(text)
  return (text:gsub("([^=&#]+)=([^&#]*)", function (name, value)
    return name .. "=" .. (is_secret(name) and "-" or value)
  end))
end


-- The same in a URL, and who it is asked as.
function cassette.url(url)
  url = url:gsub("^(%a[%w+.-]*://)[^/?#@]*@", "%1-@")
  local head, query = url:match "^([^?]*%?)(.*)$"
  return head and head .. cassette.query(query) or url
end


-- What tells calls apart, as text that sorts. Nothing is written.
function Cassette:mark(call, request)
  local packed = pack(request, name_of, function (text) return self:clean(text) end)
  return call .. " " .. (core.json.encode(packed, { sorted = true }) or "?")
end


---- Reading and writing ------------------------------------------------

-- The calls in a file: a list | nil, err.
local function read(path)
  local text, err = core.read(path, MAX)
  if not text then return nil, err end
  local document
  document, err = core.json.decode(text)
  if type(document) ~= "table" or type(document.calls) ~= "table" then
    return nil, bad(path, err and err.message or "it has no list of calls")
  end
  local version = document.version
  if type(version) == "number" and version > VERSION then
    return nil, bad(path, ("a later fal has written it (version %d)"):format(version))
  elseif version ~= VERSION then return nil, bad(path, "of version " .. tostring(version)) end
  local list = {}
  for i, call in ipairs(document.calls) do
    if type(call) ~= "table" or type(call.call) ~= "string" or type(call.request) ~= "table"
       or call.events ~= nil and type(call.events) ~= "table" then
      return nil, bad(path, "call " .. i .. " is damaged")
    end
    list[i] = call
  end
  return list
end


-- Adds the names of the files beside it that a value names.
local function names_in(value, names)
  if type(value) ~= "table" then return names end
  if type(value["$file"]) == "string" then names[value["$file"]] = true end
  if value.call and type(value.file) == "string" then names[value.file] = true end
  for _, v in next, value do names_in(v, names) end
  return names
end


-- The recording at 'path', with no calls when there is none, or when it is to be
-- made anew: it, was it there | nil, err. All that it needs is there.
function cassette.open(path, anew)
  local self = setmetatable({ path = path, folder = folder_of(path), calls = {}, scrubs = {}, former = {} }, Cassette)
  local probe = io.open(path, "rb")
  if not probe then return self, false end
  probe:close()
  local list, err = read(path)
  self.former = names_in(list, {})
  if anew then return self, false end
  if not list then return nil, err end
  for name in pairs(self.former) do
    if not name:find(NAME) or not core.engine.head(self:path_of(name), 0) then
      return nil, bad(path, ("'%s' is not beside it"):format(name))
    end
  end
  self.calls = list
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


-- Removes the files beside it that only its former contents named.
function Cassette:tidy()
  local names = names_in(self.calls, {})
  for name in pairs(self.former) do
    if not names[name] and name:find(NAME) then os.remove(self:path_of(name)) end
  end
end


return cassette
