-- Values as text for the prompt: on one line when they fit, never endless.

local null = require "fal".null

local WIDTH, DEPTH, ITEMS, BYTES, RAW = 78, 4, 40, 300, 8000

local escapes = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }


local function escape(byte)
  return escapes[byte] or ("\\x%02X"):format(byte:byte())
end


-- A quoted string, cut when long; bytes that are no text are escaped.
local function quote(s)
  local cut = s
  if #s > BYTES then
    cut = s:sub(1, (utf8.offset(s, 0, BYTES + 1) or BYTES + 1) - 1)
  end
  local text = cut:gsub('[%c"\\]', escape)
  if not utf8.len(cut) then text = text:gsub("[\128-\255]", escape) end
  return '"' .. text .. '"' .. (cut ~= s and ("... (%d bytes)"):format(#s) or "")
end


local function custom(value)
  local mt = debug.getmetatable(value)
  return type(mt) == "table" and rawget(mt, "__tostring")
end


local function before(a, b)
  if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
  return type(a) < type(b)
end


-- The keys after the list part, in a steady order.
local function keys_of(t, n)
  local keys = {}
  for k in next, t do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then keys[#keys + 1] = k end
  end
  table.sort(keys, before)
  return keys
end


local render


local function key_text(k)
  if type(k) == "string" and k:find "^[%a_][%w_]*$" then return k end
  return "[" .. (type(k) == "string" and quote(k) or tostring(k)) .. "]"
end


local function entries(t, indent, seen)
  local n, list = rawlen(t), {}
  local keys = keys_of(t, n)
  for i = 1, n + #keys do
    if i > ITEMS then
      list[i] = ("... (%d more)"):format(n + #keys - ITEMS)
      break
    end
    local k = keys[i - n]
    local value = rawget(t, i <= n and i or k)
    list[i] = (i <= n and "" or key_text(k) .. " = ") .. render(value, indent .. "  ", seen)
  end
  return list
end


local function table_text(t, indent, seen)
  if seen[t] then return "<this table again>" end
  if next(t) == nil then return "{}" end
  if #indent >= 2 * DEPTH then return "{...}" end
  seen[t] = true
  local list = entries(t, indent, seen)
  seen[t] = nil
  local text = "{ " .. table.concat(list, ", ") .. " }"
  if #text + #indent <= WIDTH and not text:find "\n" then return text end
  return "{\n" .. indent .. "  " .. table.concat(list, ",\n" .. indent .. "  ") .. "\n" .. indent .. "}"
end


function render(value, indent, seen)
  if type(value) == "string" then return quote(value) end
  if type(value) == "table" and not custom(value) then return table_text(value, indent, seen) end
  return value == null and "fal.null" or tostring(value)
end


local function top(value)
  if type(value) == "string" and #value <= RAW and utf8.len(value) and not value:find "[^%C\n\t]" then
    return value
  end
  return render(value, "", {})
end


-- pretty(values, n): the values 1 to n, side by side or below each other.
return function (values, n)
  local texts, separator = {}, "\t"
  for i = 1, n do
    texts[i] = top(values[i])
    if texts[i]:find "\n" then separator = "\n" end
  end
  return table.concat(texts, separator)
end
