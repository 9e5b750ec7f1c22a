-- What made a picture, as text chunks of its PNG: written and read.
--
-- Three times the same, for three kinds of readers: one chunk for each thing
-- (prompt, seed, model...), 'parameters' in the form that Stable Diffusion's
-- web UIs write and parse, and 'fal', which is JSON and has all of it. What two
-- calls alike would differ in, the request id, is in its own chunk alone.

local core = require "fal.core"

local json = core.json
local floor, format = math.floor, string.format
local made = {}

local MAX_INPUT = 65536  -- bytes of an input that is written down
local SORTED = { sorted = true }
local NOTHING = {}
local SOFTWARE = "fal for Lua " .. core.version

-- Names of fields that fal's models use for what the web UIs know.
local STEPS = { "num_inference_steps", "steps" }
local SCALE = { "guidance_scale", "cfg_scale", "guidance" }
local SAMPLER = { "scheduler", "sampler", "sampler_name" }
local STRENGTH = { "strength" }


local function first_of(input, names)
  for i = 1, #names do
    local value = input[names[i]]
    if value ~= nil and (type(value) == "number" or type(value) == "string") then return value end
  end
end


-- A number as digits, whole ones without a fraction; anything else as it is.
function made.digits(value)
  if type(value) ~= "number" then return value and tostring(value) end
  if value ~= floor(value) or value >= 2 ^ 63 or value < -2 ^ 63 then return json.encode(value) end
  return format("%d", value)
end


---- Writing ------------------------------------------------------------

-- An input for writing down: data: URIs are named, not kept. A copy when it has
-- any.
local function without_data(value)
  if type(value) == "string" and #value > 1024 and value:find "^data:" then
    return ("%s (%d bytes, not kept)"):format(value:match "^[^,]*" :sub(1, 100), #value)
  elseif type(value) ~= "table" then return value end
  local copy
  for k, v in next, value do
    local kept = without_data(v)
    if kept ~= v then
      if not copy then
        copy = setmetatable({}, getmetatable(value))
        for name, old in next, value do copy[name] = old end
      end
      copy[k] = kept
    end
  end
  return copy or value
end


-- The input as JSON, nil when it is too long.
local function input_of(known)
  if type(known.input) ~= "table" then return nil end
  local text = json.encode(without_data(known.input), SORTED)
  return text and #text <= MAX_INPUT and text or nil
end


-- As the web UIs do: what would end a field is put in quotes.
local function quoted(value)
  value = made.digits(value)
  return value:find "[,:\n]" and json.encode(value) or value
end


-- 'name' and its value after the other fields of a line.
local function field(line, name, value)
  if not value then return line end
  return (line ~= "" and line .. ", " or "") .. name .. ": " .. quoted(value)
end


-- "prompt\nNegative prompt: ...\nSteps: 4, ..., Model: ...", of what is known.
function made.parameters(known)
  local input = type(known.input) == "table" and known.input or NOTHING
  local width, height, line, text = known.width, known.height, "", ""
  line = field(line, "Steps", first_of(input, STEPS))
  line = field(line, "Sampler", first_of(input, SAMPLER))
  line = field(line, "CFG scale", first_of(input, SCALE))
  line = field(line, "Seed", known.seed)
  line = field(line, "Size", width and height and made.digits(width) .. "x" .. made.digits(height))
  line = field(line, "Denoising strength", first_of(input, STRENGTH))
  line = field(line, "Model", known.model)
  if known.prompt and known.prompt ~= "" then text = known.prompt .. "\n" end
  if known.negative_prompt and known.negative_prompt ~= "" then
    text = text .. "Negative prompt: " .. known.negative_prompt .. "\n"
  end
  return line ~= "" and text .. line or text:sub(1, -2)
end


-- A cost (meta.cost) in texts: { amount = "0.025", text = "$0.025", ... }, nil
-- when it is not known.
local function cost_of(cost)
  if type(cost) == "number" then cost = { amount = made.digits(cost) } end
  if type(cost) ~= "table" or not cost.amount then return nil end
  local amount, mt = tostring(cost.amount), getmetatable(cost)
  return {
    amount = amount, currency = cost.currency, kind = cost.kind, unit = cost.unit,
    units = cost.units and tostring(cost.units), text = mt and mt.__tostring and tostring(cost) or amount,
  }
end


-- All that is known as one JSON object, its members sorted: cost, index and the
-- input, which is JSON already, come before "model". nil when it cannot be JSON.
local function whole_of(known, cost, input)
  local text = json.encode({
    version = 1, software = SOFTWARE, model = known.model, prompt = known.prompt,
    negative_prompt = known.negative_prompt, seed = known.seed,
  }, SORTED)
  if not text then return nil end
  return "{" .. (cost and '"cost":' .. json.encode(cost, SORTED) .. "," or "")
    .. (known.index and '"index":' .. json.encode(known.index) .. "," or "")
    .. (input and '"input":' .. input .. "," or "") .. text:sub(2)
end


-- One text, n entries being there before it: how many are there now.
local function add(list, n, key, value)
  if not value or value == "" then return n end
  list[n + 1], list[n + 2] = key, value
  return n + 2
end


-- The same of what others have written: a text chunk cannot hold a zero byte.
local function add_clean(list, n, key, value)
  if not value then return n end
  value = tostring(value)
  if value:find("\0", 1, true) then value = value:gsub("%z", "") end
  return add(list, n, key, value)
end


-- The text chunks of one picture: key, value, key, value... of what is known,
-- always in this order. 'known': prompt, negative_prompt, seed, model,
-- request_id, cost, input, index, width, height.
function made.texts(known)
  local input, cost = input_of(known), cost_of(known.cost)
  local list = { nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil }   -- room for most
  local n = add_clean(list, 0, "parameters", made.parameters(known))
  n = add_clean(list, n, "prompt", known.prompt)
  n = add_clean(list, n, "negative_prompt", known.negative_prompt)
  n = add_clean(list, n, "seed", made.digits(known.seed))
  n = add_clean(list, n, "model", known.model)
  n = add_clean(list, n, "request_id", known.request_id)
  n = add(list, n, "cost", cost and cost.text)
  n = add(list, n, "input", input)
  n = add(list, n, "fal", whole_of(known, cost, input))
  add(list, n, "Software", SOFTWARE)
  return list
end


---- Reading ------------------------------------------------------------

local function number(text)
  return text and text:find "^%-?%d+%.?%d*$" and json.decode(text) or nil
end


-- The fields of the last line of 'parameters', nil when it is no such line.
local function fields_of(line)
  local fields, count = {}, 0
  local at = 1
  while at <= #line do
    local name, next_at = line:match("^%s*([%w_][%w_ /%-]*):%s*()", at)
    if not name then break end
    local value, rest = line:match('^("[^"\\]*")%s*,?()', next_at)
    if not value and line:find('^"', next_at) then  -- with escapes in it
      local e = next_at + 1
      while e <= #line and line:sub(e, e) ~= '"' do e = e + (line:sub(e, e) == "\\" and 2 or 1) end
      value, rest = line:sub(next_at, e), line:match("^%s*,?()", e + 1) or #line + 1
    elseif not value then
      value, rest = line:match("^([^,]*),?()", next_at)
    end
    local plain = value:find '^"' and json.decode(value)
    fields[name] = type(plain) == "string" and plain or (value:gsub("%s+$", ""))
    count, at = count + 1, rest
  end
  if count >= 3 then return fields end  -- fewer are a line of the prompt
end


-- The 'parameters' of a web UI: { prompt =, negative_prompt =, fields = {} }.
function made.parse(text)
  local lines, found = {}, { fields = {} }
  for line in (text:gsub("%s+$", "") .. "\n"):gmatch "(.-)\r?\n" do lines[#lines + 1] = line end
  local fields = fields_of(lines[#lines] or "")
  if fields then
    found.fields = fields
    lines[#lines] = nil
  end
  local part, parts = "prompt", { prompt = {}, negative_prompt = {} }
  for _, line in ipairs(lines) do
    line = line:gsub("^%s+", ""):gsub("%s+$", "")
    local negative = line:match "^Negative prompt:%s*(.*)$"
    if negative then part, line = "negative_prompt", negative end
    table.insert(parts[part], line)
  end
  found.prompt = table.concat(parts.prompt, "\n")
  if part == "negative_prompt" then found.negative_prompt = table.concat(parts.negative_prompt, "\n") end
  return found
end


-- What a web UI knows as an input of fal's: the usual names of its fields.
local function input_from(found)
  local fields = found.fields
  local width, height = (fields.Size or ""):match "^(%d+)x(%d+)$"
  return {
    prompt = found.prompt ~= "" and found.prompt or nil, negative_prompt = found.negative_prompt,
    seed = number(fields.Seed), num_inference_steps = number(fields.Steps),
    guidance_scale = number(fields["CFG scale"]),
    strength = number(fields["Denoising strength"]),
    image_size = width and { width = number(width), height = number(height) } or nil,
  }
end


local function object(text)
  local value = text and json.decode(text)
  return type(value) == "table" and value[1] == nil and value or nil
end


local function text_of(value)
  return type(value) == "string" and value or nil
end


-- Text chunks { key = value } -> what made the picture, nil when they do not
-- tell: { by = "fal" | "texts" | "parameters", model, prompt, negative_prompt,
-- seed, request_id, input, index, cost (a text), software }.
function made.read(text)
  local whole = object(text.fal)
  local parsed = text.parameters and made.parse(text.parameters)
  if not (whole or parsed or text.prompt or text.model) then return nil end
  local from = whole or {}
  local found = {
    by = whole and "fal" or not text.model and parsed and "parameters" or "texts",
    model = text_of(from.model) or text.model or parsed and parsed.fields.Model,
    request_id = text.request_id,
    prompt = text_of(from.prompt) or text.prompt or parsed and parsed.prompt,
    negative_prompt = text_of(from.negative_prompt) or text.negative_prompt
      or parsed and parsed.negative_prompt,
    seed = from.seed, index = from.index, cost = text.cost,
    input = type(from.input) == "table" and from.input or object(text.input),
    software = text_of(from.software) or text.Software,
  }
  if type(found.seed) ~= "number" and type(found.seed) ~= "string" then
    found.seed = number(text.seed) or parsed and number(parsed.fields.Seed)
  end
  if not found.input and parsed and not whole then found.input = input_from(parsed) end
  return found
end


return made
