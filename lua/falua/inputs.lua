-- Inputs of a call as words of a command line.
--
--   key=value      text; numbers, true and false are what they look like
--   key:=json      any JSON
--   key=@file      a file, uploaded when the call is made
--   key:=@file     JSON from a file
--   a.b=value      a field of an object; a[]=value one more for a list
--
-- What is the prompt or some other text stays text, whatever it looks like; so
-- does a field that is text already. key=@@x is the text "@x".

local inputs = {}

local MAX_FILE = 16777216  -- bytes of JSON from a file

-- Fields that are text even when somebody's prompt is "2024".
local TEXTS = { "prompt$", "^text$", "_text$", "^title$", "^caption$", "^lyrics$", "^query$", "^message$" }


local function is_text(name, old)
  if type(old) == "string" then return true end
  for _, pattern in ipairs(TEXTS) do
    if name:find(pattern) then return true end
  end
  return false
end


local function is_number(text)
  local whole, rest = text:match "^%-?(%d+)(.*)$"
  if not whole or whole:find "^0%d" then return false end
  return rest == "" or rest:find "^%.%d+$" or rest:find "^[eE][+-]?%d+$" or rest:find "^%.%d+[eE][+-]?%d+$"
end


local function plain(name, text, old)
  if is_text(name, old) then return text end
  if text == "true" or text == "false" then return text == "true" end
  if is_number(text) then return fal.json.decode(text) end
  return text
end


local function exists(path)
  local f = io.open(path, "rb")
  if not f then return false end
  local readable = f:read(0) ~= nil or f:seek "end" == 0
  f:close()
  return readable
end


local function decoded(name, text)
  local path = text:match "^@(.+)$"
  local err
  if path then
    text, err = require("fal.core").read(path, MAX_FILE)
    if not text then return nil, name .. ": " .. err.message end
  end
  local value
  value, err = fal.json.decode(text)
  if value == nil then return nil, ("%s: no JSON: %s"):format(name, err.message) end
  return value
end


-- The value a word stands for, or nil and what is wrong.
local function value_of(name, kind, text, old)
  if kind == ":=" then return decoded(name, text) end
  local path = text:match "^@(.*)$"
  if not path then return plain(name, text, old) end
  if path:sub(1, 1) == "@" then return path end
  if not exists(path) then return nil, ("%s: there is no file '%s' to upload (@@ is an @)"):format(name, path) end
  return fal.file(path)
end


-- The table in which the last name of a path is, made on the way; nil when
-- something else stands there.
local function parent_of(input, path)
  local t, names = input, {}
  for name in path:gmatch "[^.]+" do names[#names + 1] = name end
  for i = 1, #names - 1 do
    local next_one = rawget(t, names[i])
    if next_one == nil then
      next_one = {}
      t[names[i]] = next_one
    elseif type(next_one) ~= "table" then
      return nil, ("%s: '%s' is no object"):format(path, table.concat(names, ".", 1, i))
    end
    t = next_one
  end
  return t, names[#names]
end


local function set(input, word, given)
  local path, kind, text = word:match "^([%a_][%w_.%-]*)(:?=)(.*)$"
  local list = false
  if not path then
    path, kind, text = word:match "^([%a_][%w_.%-]*)%[%](:?=)(.*)$"
    list = true
  end
  if not path or path:find "%.%." or path:find "%.$" then
    return nil, ("'%s' is not key=value"):format(word)
  end
  if given[path] and not (list and given[path] == "list") then return nil, path .. " is given twice" end
  local t, name = parent_of(input, path)
  if not t then return nil, name end
  if list and not given[path] then t[name] = fal.array {} end
  given[path] = list and "list" or "value"
  local value, problem = value_of(name, kind, text, t[name])
  if value == nil then return nil, problem end
  if list then table.insert(t[name], value) else t[name] = value end
  return true
end


-- Sets in the table 'input' what the words say: input, or nil and what is
-- wrong with which word.
function inputs.apply(input, words)
  local given = {}
  for _, word in ipairs(words) do
    local ok, problem = set(input, word, given)
    if not ok then return nil, problem end
  end
  return input
end


-- The same without anything to begin with.
function inputs.parse(words)
  return inputs.apply({}, words)
end


-- For the help of a command that takes them.
inputs.HELP = [==[
key=value is text, a number, true or false; key:=JSON anything else;
key=@FILE uploads a file; a.b=value sets a field of an object, a[]=value adds
to a list.]==]


return inputs
