-- What made a picture, as text chunks of its PNG: written and read.
--
-- Three times the same, for three kinds of readers: one chunk for each thing
-- (prompt, seed, model...), 'parameters' in the form that Stable Diffusion's
-- web UIs write and parse, and 'fal', which is JSON and has all of it. What two
-- calls alike would differ in, the request id, is in its own chunk alone.

local core = require "fal.core"

local json = core.json
local made = {}

local MAX_INPUT = 65536  -- bytes of an input that is written down

-- Names of fields that fal's models use for what the web UIs know.
local STEPS = { "num_inference_steps", "steps" }
local SCALE = { "guidance_scale", "cfg_scale", "guidance" }
local SAMPLER = { "scheduler", "sampler", "sampler_name" }


local function first_of(input, names)
  for _, name in ipairs(names) do
    local value = input[name]
    if type(value) == "number" or type(value) == "string" then return value end
  end
end


-- A number as digits, whole ones without a fraction; anything else as it is.
function made.digits(value)
  if type(value) ~= "number" then return value and tostring(value) end
  if value ~= math.floor(value) or value >= 2 ^ 63 or value < -2 ^ 63 then return json.encode(value) end
  return (("%d"):format(value))
end


---- Writing ------------------------------------------------------------

-- A copy of an input for writing down: data: URIs are named, not kept.
local function without_data(value)
  if type(value) == "string" and #value > 1024 and value:find "^data:" then
    return ("%s (%d bytes, not kept)"):format(value:match "^[^,]*" :sub(1, 100), #value)
  elseif type(value) ~= "table" then return value end
  local copy = setmetatable({}, getmetatable(value))
  for k, v in next, value do copy[k] = without_data(v) end
  return copy
end


-- The input as JSON and as a value, both nil when it is too long.
local function input_of(known)
  if type(known.input) ~= "table" then return nil end
  local kept = without_data(known.input)
  local text = json.encode(kept, { sorted = true })
  if text and #text <= MAX_INPUT then return text, kept end
end


-- As the web UIs do: what would end a field is put in quotes.
local function quoted(value)
  value = made.digits(value)
  return value:find "[,:\n]" and json.encode(value) or value
end


-- "prompt\nNegative prompt: ...\nSteps: 4, ..., Model: ...", of what is known.
function made.parameters(known)
  local input = type(known.input) == "table" and known.input or {}
  local fields = {}
  local function add(name, value)
    if value then fields[#fields + 1] = name .. ": " .. quoted(value) end
  end
  add("Steps", first_of(input, STEPS))
  add("Sampler", first_of(input, SAMPLER))
  add("CFG scale", first_of(input, SCALE))
  add("Seed", known.seed)
  if known.width and known.height then
    add("Size", ("%sx%s"):format(made.digits(known.width), made.digits(known.height)))
  end
  add("Denoising strength", first_of(input, { "strength" }))
  add("Model", known.model)
  local lines = {}
  if known.prompt and known.prompt ~= "" then lines[1] = known.prompt end
  if known.negative_prompt and known.negative_prompt ~= "" then
    lines[#lines + 1] = "Negative prompt: " .. known.negative_prompt
  end
  if #fields > 0 then lines[#lines + 1] = table.concat(fields, ", ") end
  return table.concat(lines, "\n")
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


-- The text chunks of one picture: key, value, key, value... of what is known,
-- always in this order. 'known': prompt, negative_prompt, seed, model,
-- request_id, cost, input, index, width, height.
function made.texts(known)
  local input_text, input = input_of(known)
  local cost = cost_of(known.cost)
  local list = {}
  local function add(key, value)
    if value and value ~= "" then  -- a text chunk cannot hold a zero byte
      list[#list + 1] = key
      list[#list + 1] = (tostring(value):gsub("%z", ""))
    end
  end
  local software = "fal for Lua " .. core.version
  add("parameters", made.parameters(known))
  add("prompt", known.prompt)
  add("negative_prompt", known.negative_prompt)
  add("seed", made.digits(known.seed))
  add("model", known.model)
  add("request_id", known.request_id)
  add("cost", cost and cost.text)
  add("input", input_text)
  add("fal", json.encode({
    version = 1, software = software, model = known.model, input = input, prompt = known.prompt,
    negative_prompt = known.negative_prompt, seed = known.seed, index = known.index, cost = cost,
  }, { sorted = true }))
  add("Software", software)
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
