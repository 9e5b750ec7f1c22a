-- What an endpoint takes, from its OpenAPI document: for help, and to find
-- mistakes before they cost anything.

local fal = require "fal"
local options = require "fal.options"
local text = require "falua.text"

local openapi = {}


---- Reading the document --------------------------------------------------

-- The schema a "$ref" stands for; itself when it is none.
local function resolve(doc, schema)
  for _ = 1, 8 do
    local ref = type(schema) == "table" and schema["$ref"]
    if type(ref) ~= "string" then break end
    schema = doc
    for name in ref:gmatch "[^#/]+" do
      schema = type(schema) == "table" and schema[(name:gsub("~1", "/"):gsub("~0", "~"))] or nil
    end
  end
  return type(schema) == "table" and schema or {}
end


local function dig(t, ...)
  for _, name in ipairs { ... } do
    t = type(t) == "table" and t[name] or nil
  end
  return t
end


-- The schema of what is posted to the endpoint, or nil.
local function input_schema(doc, id)
  local paths = type(doc.paths) == "table" and doc.paths or {}
  local post = dig(paths, "/" .. id, "post")
  for _, path in pairs(paths) do
    post = post or dig(path, "post")
  end
  local schema = dig(post, "requestBody", "content", "application/json", "schema")
  return schema and resolve(doc, schema)
end


-- What a value may be: a list of { type =, enum =, minimum =, ... }, one for
-- each alternative.
local function alternatives(doc, schema)
  schema = resolve(doc, schema)
  local list = {}
  for _, one in ipairs(schema.anyOf or schema.oneOf or schema.allOf or {}) do
    for _, a in ipairs(alternatives(doc, one)) do list[#list + 1] = a end
  end
  if #list == 0 then list[1] = schema end
  return list
end


-- The fields of the input in their order: { name =, required =, default =,
-- about =, kinds = alternatives }; nil when the document does not say.
function openapi.fields(doc, id)
  local schema = type(doc) == "table" and input_schema(doc, id)
  if not (schema and type(schema.properties) == "table") then return nil end
  local required, names, seen = {}, {}, {}
  for _, name in ipairs(schema.required or {}) do required[name] = true end
  for _, name in ipairs(schema["x-fal-order-properties"] or {}) do
    if schema.properties[name] and not seen[name] then
      names[#names + 1], seen[name] = name, true
    end
  end
  local rest = {}
  for name in pairs(schema.properties) do
    if not seen[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  for _, name in ipairs(rest) do names[#names + 1] = name end
  local fields = { open = schema.additionalProperties == true }
  for i, name in ipairs(names) do
    local property = schema.properties[name]
    local whole = resolve(doc, property)
    fields[i] = {
      name = name, required = required[name] or false, default = property.default, kinds = alternatives(doc, property),
      about = property.description or whole.description or property.title,
    }
  end
  return fields
end


---- Help -----------------------------------------------------------------

local function shown(value)
  if type(value) == "string" then return value end
  return value == fal.null and "null" or fal.json.encode(value, { sorted = true })
end


local function kind_text(kind)
  if type(kind.enum) == "table" then
    local words = {}
    for i, v in ipairs(kind.enum) do words[i] = shown(v) end
    return table.concat(words, "|")
  end
  local low, high = kind.minimum or kind.exclusiveMinimum, kind.maximum or kind.exclusiveMaximum
  local name = tostring(kind.type or (kind.properties and "object") or "any")
  if low or high then name = ("%s %s..%s"):format(name, low or "", high or "") end
  return name
end


-- Lines about the fields.
function openapi.help(fields)
  local lines = {}
  for _, field in ipairs(fields) do
    local kinds = {}
    for _, kind in ipairs(field.kinds) do
      if kind.type ~= "null" then kinds[#kinds + 1] = kind_text(kind) end
    end
    local line = ("  %-22s %s"):format(field.name, table.concat(kinds, " or "))
    if field.required then line = line .. "  (required)"
    elseif field.default ~= nil and field.default ~= fal.null then
      line = line .. "  (otherwise " .. shown(field.default) .. ")"
    end
    lines[#lines + 1] = line
    if field.about then lines[#lines + 1] = (" "):rep(25) .. text.cut(text.line(field.about), 90) end
  end
  return lines
end


---- Checking -------------------------------------------------------------

local function is_array(v)
  return getmetatable(v) == getmetatable(fal.array {}) or #v > 0 or v == fal.empty_array
end


local is = {}
-- A file of fal.file becomes a URL when the call is made.
function is.string(v) return type(v) == "string" or getmetatable(v) ~= nil and not is.array(v) end
function is.number(v) return type(v) == "number" end
function is.integer(v) return math.tointeger(v) ~= nil end
function is.boolean(v) return type(v) == "boolean" end
function is.array(v) return type(v) == "table" and (next(v) == nil or is_array(v)) end
function is.object(v) return type(v) == "table" and #v == 0 end
function is.null(v) return v == fal.null end


-- Why 'value' is not of this kind; nil when it is.
local function mismatch(kind, value)
  local check = is[kind.type]
  if check and not check(value) then
    return ("takes a%s %s"):format(kind.type:find "^[aeiou]" and "n" or "", kind.type)
  end
  if type(kind.enum) == "table" and type(value) ~= "table" then
    local names = {}
    for _, v in ipairs(kind.enum) do
      if v == value then return nil end
      names[tostring(v)] = true
    end
    local near = options.nearest(tostring(value), names)
    return ("is one of %s%s"):format(kind_text(kind), near and (": did you mean %s?"):format(near) or "")
  end
  if type(value) ~= "number" then return nil end
  local low, high = kind.minimum, kind.maximum
  local above, below = tonumber(kind.exclusiveMinimum), tonumber(kind.exclusiveMaximum)
  if low and value < low or above and value <= above then return ("is at least %s"):format(low or above) end
  if high and value > high or below and value >= below then return ("is at most %s"):format(high or below) end
end


-- What is wrong with an input: a list of lines, empty when nothing is that the
-- document tells of.
function openapi.check(fields, input)
  local problems, names = {}, {}
  for _, field in ipairs(fields) do
    local value, why = input[field.name], nil
    names[field.name] = true
    if value == nil then
      why = field.required and "is required"
    else
      for _, kind in ipairs(field.kinds) do
        why = mismatch(kind, value)
        if not why then break end
      end
    end
    if why then problems[#problems + 1] = field.name .. " " .. why end
  end
  local given = {}
  for name in pairs(input) do given[#given + 1] = name end
  table.sort(given)
  for _, name in ipairs(given) do
    if not names[name] and not fields.open then
      local near = options.nearest(name, names)
      problems[#problems + 1] = ("%s is no field of this endpoint%s"):format(name,
        near and (": did you mean %s?"):format(near) or "")
    end
  end
  return problems
end


return openapi
