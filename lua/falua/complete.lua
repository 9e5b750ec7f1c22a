-- What a word at the prompt may become: globals, fields, methods, keywords.
-- Looks without calling anything: no __index function runs.

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in
    local nil not or repeat return then true until while]]):gmatch "%a+" do
  KEYWORDS[word] = true
end


-- The tables in which a value's fields are looked for, nearest first.
local function scopes(value)
  local list = {}
  for _ = 1, 10 do
    if type(value) == "table" then list[#list + 1] = value end
    local mt = debug.getmetatable(value)
    value = type(mt) == "table" and rawget(mt, "__index")
    if type(value) ~= "table" then break end
  end
  return list
end


local function field(value, name)
  for _, t in ipairs(scopes(value)) do
    local v = rawget(t, name)
    if v ~= nil then return v end
  end
end


return function (text)
  local path, prefix = text:match "^(.-)([%w_]*)$"
  local value, rest = _G, path
  while rest ~= "" do
    local name, tail = rest:match "^([%a_][%w_]*)[.:](.*)$"
    if not name then return {} end
    value, rest = field(value, name), tail
  end
  local found, list = {}, {}
  local tables = scopes(value)
  if path == "" then tables[#tables + 1] = KEYWORDS end
  for _, t in ipairs(tables) do
    for k in next, t do
      if type(k) == "string" and k:find "^[%a_][%w_]*$" and k:sub(1, #prefix) == prefix and not found[k] then
        found[k] = true
        list[#list + 1] = path .. k
      end
    end
  end
  table.sort(list)
  return list
end
