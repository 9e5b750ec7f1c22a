-- What an endpoint takes: checks an input against a table of fields and fills
-- in defaults. All that is wrong is found at once and told in fal's own
-- words, which are those of Pydantic.
--
--   schema.check({
--     prompt = {type = "string", required = true, max = 4000},
--     steps  = {type = "integer", default = 28, min = 1, max = 50},
--   }, input)  -->  the checked input, or nil and a list of flaws
--
-- A field has: type ("string", "integer", "number", "boolean", "any", or a
-- function, see 'value'); required; default; nullable (null counts as left
-- out); min, max (of a number, or of a string's characters), above, below
-- (exclusive); enum (a list of strings). Unknown members are dropped.

local fal = require "fal"

local null = fal.null
local array_mark = getmetatable(fal.array {})

local schema = {}

local INPUT_SHOWN = 512   -- bytes of a string that are echoed in a flaw


-- What of an input is shown again in a flaw: long strings are cut, so that an
-- answer is never larger than the question.
local function shown(v)
  if type(v) == "string" and #v > INPUT_SHOWN then
    local n = INPUT_SHOWN
    while n > 0 and v:byte(n + 1) & 0xC0 == 0x80 do n = n - 1 end
    return v:sub(1, n) .. "..."
  elseif type(v) ~= "table" then
    return v
  end
  local copy = setmetatable({}, getmetatable(v))
  for k, x in pairs(v) do copy[k] = shown(x) end
  return copy
end


-- One entry of fal's 'detail'. 'loc' is a list.
function schema.flaw(loc, kind, msg, input, ctx)
  return {loc = fal.array(loc), type = kind, msg = msg,
          input = shown(input == nil and null or input), ctx = ctx}
end


-- "'a', 'b' or 'c'"
local function alternatives(list)
  local quoted = {}
  for i, v in ipairs(list) do quoted[i] = "'" .. v .. "'" end
  local last = table.remove(quoted)
  if #quoted == 0 then return last end
  return table.concat(quoted, ", ") .. " or " .. last
end


-- Each of these takes a value and returns it as its type, or nil, kind and
-- message. Pydantic takes "7" for 7 and 7.0 for 7, and so do we.
local types = {}


function types.any(v)
  return v
end


function types.string(v)
  if type(v) == "string" then return v end
  return nil, "string_type", "Input should be a valid string"
end


local function whole(v)
  local i = math.tointeger(v)
  if i then return i end
  if math.abs(v) >= 2^63 then
    return nil, "int_parsing_size", "Unable to parse input string as an " ..
           "integer, exceeded maximum size"
  end
  return nil, "int_from_float", "Input should be a valid integer, got a " ..
         "number with a fractional part"
end


function types.integer(v)
  if type(v) == "boolean" then return v and 1 or 0 end
  if type(v) == "number" then return whole(v) end
  if type(v) ~= "string" then
    return nil, "int_type", "Input should be a valid integer"
  end
  if v:match("^%s*[+-]?%d+%s*$") or v:match("^%s*[+-]?%d+%.0+%s*$") then
    return whole(tonumber((v:gsub("%+", ""))))
  end
  return nil, "int_parsing", "Input should be a valid integer, unable to " ..
         "parse string as an integer"
end


function types.number(v)
  if type(v) == "boolean" then return v and 1 or 0 end
  if type(v) == "number" then return v end
  if type(v) ~= "string" then
    return nil, "float_type", "Input should be a valid number"
  end
  local n = v:match("^%s*[+-]?[%d.]+[eE]?[+-]?%d*%s*$") and
            tonumber((v:gsub("^(%s*)%+", "%1")))
  if n then return n end
  return nil, "float_parsing", "Input should be a valid number, unable to " ..
         "parse string as a number"
end


local booleans = {
  ["1"] = true, t = true, ["true"] = true, y = true, yes = true, on = true,
  ["0"] = false, f = false, ["false"] = false, n = false, no = false,
  off = false,
}


function types.boolean(v)
  if type(v) == "boolean" then return v end
  if type(v) == "table" or v == null then
    return nil, "bool_type", "Input should be a valid boolean"
  end
  local b = booleans[type(v) == "string" and v:lower() or
                     tostring(math.tointeger(v))]
  if b ~= nil then return b end
  return nil, "bool_parsing",
         "Input should be a valid boolean, unable to interpret input"
end


local limits = {
  {"min", "greater_than_equal", "ge", "greater than or equal to",
   function(v, limit) return v >= limit end},
  {"above", "greater_than", "gt", "greater than",
   function(v, limit) return v > limit end},
  {"max", "less_than_equal", "le", "less than or equal to",
   function(v, limit) return v <= limit end},
  {"below", "less_than", "lt", "less than",
   function(v, limit) return v < limit end},
}


local function check_number(v, field)
  for _, l in ipairs(limits) do
    local limit = field[l[1]]
    if limit and not l[5](v, limit) then
      return nil, l[2], ("Input should be %s %s"):format(l[4], limit),
             {[l[3]] = limit}
    end
  end
  return v
end


local function plural(n)
  return n == 1 and "character" or "characters"
end


local function check_string(v, field)
  local n = utf8.len(v) or #v
  if field.min and n < field.min then
    return nil, "string_too_short", ("String should have at least %d %s")
           :format(field.min, plural(field.min)), {min_length = field.min}
  elseif field.max and n > field.max then
    return nil, "string_too_long", ("String should have at most %d %s")
           :format(field.max, plural(field.max)), {max_length = field.max}
  end
  for _, allowed in ipairs(field.enum or {}) do
    if v == allowed then return v end
  end
  if not field.enum then return v end
  local expected = alternatives(field.enum)
  return nil, "literal_error", "Input should be " .. expected,
         {expected = expected}
end


-- Checks one value that is there: the value as its type, or nil with its
-- flaws added to the list. A type that is a function is called with the
-- value, the place and the list, and does the same.
function schema.value(v, field, loc, flaws)
  if type(field.type) == "function" then
    return field.type(v, loc, flaws)
  end
  local kind, msg, ctx
  local checked
  checked, kind, msg = types[field.type or "any"](v)
  if kind == nil and type(checked) == "number" then
    checked, kind, msg, ctx = check_number(checked, field)
  elseif kind == nil and type(checked) == "string" then
    checked, kind, msg, ctx = check_string(checked, field)
  end
  if kind then
    flaws[#flaws + 1] = schema.flaw(loc, kind, msg, v, ctx)
    return nil
  end
  return checked
end


local function sorted_names(fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return names
end


local function appended(loc, name)
  local longer = table.move(loc, 1, #loc, 1, {})
  longer[#longer + 1] = name
  return longer
end


-- Checks the members of an object at 'loc', adding to the list of flaws.
function schema.object(fields, input, loc, flaws)
  local checked = {}
  for _, name in ipairs(sorted_names(fields)) do
    local field, v = fields[name], input[name]
    if v == null and field.nullable then v = nil end
    if v ~= nil then
      checked[name] = schema.value(v, field, appended(loc, name), flaws)
    elseif field.required then
      flaws[#flaws + 1] = schema.flaw(appended(loc, name), "missing",
                                      "Field required", input)
    else
      checked[name] = field.default
    end
  end
  return checked
end


-- Whether a value from JSON is an object.
function schema.is_object(v)
  return type(v) == "table" and getmetatable(v) ~= array_mark
end


-- The whole input.
function schema.check(fields, input)
  if not schema.is_object(input) then
    return nil, {schema.flaw({"body"}, "model_attributes_type", "Input " ..
      "should be a valid dictionary or object to extract fields from", input)}
  end
  local flaws = {}
  local checked = schema.object(fields, input, {"body"}, flaws)
  if #flaws > 0 then return nil, flaws end
  return checked
end


return schema
