-- What an endpoint takes: checks an input against a table of fields and fills
-- in defaults. All that is wrong is found at once and told in fal's own
-- words, which are those of Pydantic.
--
--   schema.check({
--     prompt = {type = "string", required = true, max = 4000},
--     steps  = {type = "integer", default = 28, min = 1, max = 50},
--     style  = {type = "string", enum = {"ink", "oil"}, nullable = true},
--     loras  = {type = "array", max = 4, items = {type = "object", fields = {
--       path = {type = "string", required = true}, scale = {type = "number"},
--     }}},
--   }, input)  -->  the checked input, or nil and a list of flaws
--
-- A field has
--   type      "string" (unless said otherwise), "integer", "number", "boolean",
--             "array", "object", "file" (a URL, a data: URI, {url =}, or
--             {base64 =, media_type =}: what context.fetch takes), "any", or a
--             function (see 'value')
--   required; default; nullable (null counts as left out)
--   min, max  of a number, of a string's characters, of an array's length
--   above, below (exclusive), multiple_of   of a number
--   enum      a list of strings or numbers
--   pattern   a Lua pattern that a string must match
--   items     a field: what an array's entries are
--   fields    of an object, without which any object will do
--   title, description, examples, order (its place), openapi (what the document
--             says of it)   for people and documents only
-- Members that no field is named after are dropped.

local fal = require "fal"
local core = require "falua.serve.core"
local options = require "fal.options"

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


-- One entry of fal's 'detail'. 'loc' is a list, of which it keeps a copy.
function schema.flaw(loc, kind, msg, input, ctx)
  return {loc = fal.array(table.move(loc, 1, #loc, 1, {})), type = kind,
          msg = msg, input = shown(input == nil and null or input), ctx = ctx}
end


-- "'a', 'b' or 'c'"
local function alternatives(list)
  local quoted = {}
  for i, v in ipairs(list) do
    quoted[i] = type(v) == "string" and "'" .. v .. "'" or tostring(v)
  end
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


function types.array(v)
  if type(v) == "table" and getmetatable(v) == array_mark then return v end
  return nil, "list_type", "Input should be a valid list"
end


function types.object(v)
  if type(v) == "table" and getmetatable(v) ~= array_mark then return v end
  return nil, "dict_type", "Input should be a valid dictionary"
end


-- As a URL, or as the table that context.fetch takes.
function types.file(v)
  if type(v) == "string" and
     (v:match "^https?://." or v:match "^data:[^,]*,") then
    return v
  elseif type(v) == "string" then
    return nil, "url_parsing", "Input should be an http(s) URL or a data: URI"
  elseif type(v) == "table" and (type(v.base64) == "string" or
         type(v.url) == "string" and types.file(v.url)) then
    return v
  end
  return nil, "string_type", "Input should be a URL, a data: URI or a file"
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
  {"multiple_of", "multiple_of", "multiple_of", "a multiple of",
   function(v, limit) return v % limit == 0 end},
}


local function check_enum(v, field)
  for _, allowed in ipairs(field.enum) do
    if v == allowed then return v end
  end
  local expected = alternatives(field.enum)
  return nil, "literal_error", "Input should be " .. expected,
         {expected = expected}
end


local function check_number(v, field)
  if v ~= v or v == math.huge or v == -math.huge then
    return nil, "finite_number", "Input should be a finite number"
  end
  for i = 1, #limits do
    local l = limits[i]
    local limit = field[l[1]]
    if limit and not l[5](v, limit) then
      return nil, l[2], ("Input should be %s %s"):format(l[4], limit),
             {[l[3]] = limit}
    end
  end
  return v
end


local function plural(n, what)
  return n == 1 and what or what .. "s"
end


local function check_string(v, field)
  if not field.min and not field.max and not field.pattern then return v end
  local n = utf8.len(v) or #v
  if field.min and n < field.min then
    return nil, "string_too_short", ("String should have at least %d %s")
           :format(field.min, plural(field.min, "character")),
           {min_length = field.min}
  elseif field.max and n > field.max then
    return nil, "string_too_long", ("String should have at most %d %s")
           :format(field.max, plural(field.max, "character")),
           {max_length = field.max}
  elseif field.pattern and not v:find(field.pattern) then
    return nil, "string_pattern_mismatch", ("String should match pattern " ..
           "'%s'"):format(field.pattern), {pattern = field.pattern}
  end
  return v
end


local function check_length(v, field)
  local n = #v
  local kind, msg, limit
  if field.min and n < field.min then
    kind, msg, limit = "too_short", "at least", field.min
  elseif field.max and n > field.max then
    kind, msg, limit = "too_long", "at most", field.max
  else
    return v
  end
  return nil, kind, ("List should have %s %d %s after validation, not %d")
         :format(msg, limit, plural(limit, "item"), n),
         {field_type = "List", actual_length = n,
          [kind == "too_short" and "min_length" or "max_length"] = limit}
end


local checks = {
  string = check_string, integer = check_number, number = check_number,
  array = check_length,
}


local function check_items(v, field, loc, flaws)
  local checked = fal.array {}
  local depth = #loc + 1
  for i = 1, #v do
    loc[depth] = i - 1
    checked[i] = schema.value(v[i], field.items, loc, flaws)
  end
  loc[depth] = nil
  return checked
end


-- Checks one value that is there: the value as its type, or nil with its
-- flaws added to the list. A type that is a function is called with the
-- value, a list that is its place, and the list of flaws, and does the same.
function schema.value(v, field, loc, flaws)
  local name = field.type or "string"
  local of_type = types[name]
  if not of_type then return name(v, table.move(loc, 1, #loc, 1, {}), flaws) end
  local checked, kind, msg, ctx = of_type(v)
  if kind == nil and field.enum then
    checked, kind, msg, ctx = check_enum(checked, field)
  end
  local check = checks[name]
  if kind == nil and check then
    checked, kind, msg, ctx = check(checked, field)
  end
  if kind then
    flaws[#flaws + 1] = schema.flaw(loc, kind, msg, v, ctx)
    return nil
  elseif field.items then
    return check_items(checked, field, loc, flaws)
  elseif field.fields then
    return schema.object(field.fields, checked, loc, flaws)
  end
  return checked
end


-- Required fields first, then as their 'order' and their names say.
local function before(a, b)
  local x, y = a.field, b.field
  local i, j = x.order or math.huge, y.order or math.huge
  if i ~= j then return i < j end
  if (x.required or false) ~= (y.required or false) then
    return x.required or false
  end
  return a.name < b.name
end


local lists = setmetatable({}, {__mode = "k"})


-- The fields of an object as a list of {name =, field =}, in their order. Not
-- to be changed. Its 'plain' is what core.plainly takes, if that can help.
function schema.list(fields)
  local list = lists[fields]
  if list then return list end
  list = {}
  for name, field in pairs(fields) do
    list[#list + 1] = {name = name, field = field}
  end
  table.sort(list, before)
  list.plain = core.fields(list)
  lists[fields] = list
  return list
end


-- A default of its own for each input, so that nobody changes ours.
local function copied(v)
  if type(v) ~= "table" then return v end
  local copy = setmetatable({}, getmetatable(v))
  for k, x in pairs(v) do copy[k] = copied(x) end
  return copy
end


-- Checks the members of an object at 'loc', adding to the list of flaws. The
-- list 'loc' is longer meanwhile: so nobody makes one for each field.
function schema.object(fields, input, loc, flaws)
  local list = schema.list(fields)
  local checked = {}
  local depth = #loc + 1
  for i = 1, #list do
    local entry = list[i]
    local name, field = entry.name, entry.field
    local v = input[name]
    loc[depth] = name
    if v == null and field.nullable then v = nil end
    if v ~= nil then
      checked[name] = schema.value(v, field, loc, flaws)
    elseif field.required then
      flaws[#flaws + 1] = schema.flaw(loc, "missing", "Field required", input)
    elseif field.default ~= nil then
      checked[name] = copied(field.default)
    end
  end
  loc[depth] = nil
  return checked
end


-- Whether a value from JSON is an object.
function schema.is_object(v)
  return type(v) == "table" and getmetatable(v) ~= array_mark
end


-- The whole input. Without fields any object is fine.
function schema.check(fields, input)
  local list = fields and (lists[fields] or schema.list(fields))
  if list and list.plain then
    local checked = core.plainly(list.plain, input)
    if checked then return checked end
  end
  if not schema.is_object(input) then
    return nil, {schema.flaw({"body"}, "model_attributes_type", "Input " ..
      "should be a valid dictionary or object to extract fields from", input)}
  end
  if not fields then return input end
  local flaws = {}
  local checked = schema.object(fields, input, {"body"}, flaws)
  if #flaws > 0 then return nil, flaws end
  return checked
end


---- Is a schema itself right? ------------------------------------------

local words = {
  type = "string|function", required = "boolean", default = true,
  nullable = "boolean", min = "number", max = "number", above = "number",
  below = "number", multiple_of = "number", enum = "table",
  pattern = "string", items = "table", fields = "table", title = "string",
  description = "string", examples = "table", order = "number",
  openapi = "table",
}

local NO_PLACE = 100   -- a level of error that adds no file and line

local type_names = {}
for name in pairs(types) do type_names[name] = true end


-- Words that only some types have.
local belongs = {
  items = {array = true}, fields = {object = true},
  pattern = {string = true}, above = {integer = true, number = true},
  below = {integer = true, number = true},
  multiple_of = {integer = true, number = true},
}


local function check_type(where, field)
  local name = field.type or "string"
  if type(name) == "function" then return end
  if not type_names[name] then
    local near = options.nearest(name, type_names)
    error(("%s has no type '%s'%s"):format(where, name, near and
          (": did you mean '" .. near .. "'?") or ""), 0)
  end
  for word, owners in pairs(belongs) do
    if field[word] ~= nil and not owners[name] then
      error(("%s is of type '%s', which has no '%s'"):format(where, name,
                                                              word), 0)
    end
  end
end


local function check_default(where, field)
  if field.default == nil or type(field.type) == "function" then return end
  local flaws = {}
  schema.value(field.default, field, {where}, flaws)
  if flaws[1] then
    error(("the default of %s is not one of its values: %s"):format(where,
          flaws[1].msg), 0)
  end
end


local function verify_field(where, field)
  if type(field) ~= "table" then
    error(("%s must be a table such as {type = \"string\"}, not a %s")
          :format(where, type(field)), 0)
  end
  options.check(where, field, words, NO_PLACE)
  check_type(where, field)
  if field.items then verify_field(where .. "'s items", field.items) end
  if field.fields then schema.verify(where, field.fields) end
  check_default(where, field)
end


-- Raises a text when a table of fields makes no sense, naming the field.
function schema.verify(what, fields)
  if type(fields) ~= "table" then
    error(what .. " must be a table of fields, not a " .. type(fields), 0)
  end
  for name, field in pairs(fields) do
    if type(name) ~= "string" then
      error(what .. " must have fields by name: title = {type = ...}", 0)
    end
    verify_field("field '" .. name .. "' of " .. what, field)
  end
end


return schema
