-- The inputs that fal's image models have in common, as fields for schema.lua,
-- and how lists of them are put together.

local fal = require "fal"
local schema = require "falua.serve.schema"
local sizes = require "falua.serve.sizes"

local fields = {}

local GOES = {png = "png", jpeg = "jpeg", jpg = "jpeg"}


-- A list with others put in or in place of its own; false takes one out.
function fields.with(list, ...)
  local all = {}
  for name, field in pairs(list) do all[name] = field end
  for _, more in ipairs {...} do
    for name, field in pairs(more) do all[name] = field or nil end
  end
  return all
end


---- Kinds of fields ------------------------------------------------------

function fields.text(default)
  return {type = "string", default = default, required = default == nil}
end


function fields.optional(kind)
  return {type = kind or "string", nullable = true}
end


function fields.integer(default, min, max)
  return {type = "integer", default = default, min = min, max = max}
end


function fields.number(default, min, max)
  return {type = "number", default = default, min = min, max = max}
end


function fields.flag(default)
  return {type = "boolean", default = default or false}
end


function fields.one_of(default, list)
  return {type = "string", default = default, enum = list}
end


-- A picture: a URL, a data: URI, {url =} or {base64 =, media_type =}.
function fields.picture(optional)
  return {type = "file", required = not optional, nullable = optional or nil}
end


-- output_format: "webp" and what else real models offer is told apart from
-- what nobody offers.
local function format(v, loc, flaws)
  local found = GOES[v]
  if found then return found end
  flaws[#flaws + 1] = sizes.model_flaw(loc, "one_of",
    "The local preview makes PNG and JPEG: leave output_format out or ask " ..
    "for 'png' or 'jpeg'", v, {expected = fal.array {"png", "jpeg"}})
end


-- Real flux makes JPEG unless asked otherwise. The preview makes PNG, because
-- that can say in itself what it is, and without loss.
function fields.format()
  return {type = format, default = "png", openapi = {
    type = "string", enum = fal.array {"png", "jpeg"}, default = "png"}}
end


function fields.size(preset)
  return {type = sizes.type, nullable = true, openapi = sizes.openapi,
          default = preset and sizes.preset(preset) or nil}
end


function fields.steps(default, max)
  return fields.integer(default, 1, max or 50)
end


function fields.guidance(default, min, max)
  return fields.number(default, min or 1, max or 20)
end


-- Weights to add: by URL or by name.
fields.loras = {
  type = "array", max = 20, default = fal.array {}, nullable = true, items = {
    type = "object", fields = {
      path = {type = "string", required = true, min = 1},
      scale = fields.number(1, 0, 4), weight_name = fields.optional(),
    },
  },
}


---- Lists that many models begin with ------------------------------------

-- What the caller wants back.
fields.output = {
  num_images = fields.integer(1, 1, 4),
  seed = fields.optional "integer",
  sync_mode = fields.flag(false),
  output_format = fields.format(),
  request_id = fields.optional(),
}

-- Of models with open weights.
fields.open = fields.with(fields.output, {
  enable_safety_checker = fields.flag(true),
  acceleration = fields.one_of("none", {"none", "regular", "high"}),
})

-- Of the commercial ones.
fields.pro = fields.with(fields.output, {
  safety_tolerance = fields.one_of("2", {"1", "2", "3", "4", "5", "6"}),
  enhance_prompt = fields.flag(false),
})

-- Of the older ones, which call their format 'format'.
fields.sdxl = fields.with(fields.output, {
  output_format = false, format = fields.format(),
  negative_prompt = fields.text "", num_images = fields.integer(1, 1, 8),
  guidance_scale = fields.guidance(7.5, 0, 20), loras = fields.loras,
  embeddings = {type = "array", default = fal.array {}, items = {
    type = "object", fields = {path = {type = "string", required = true}}}},
  expand_prompt = fields.flag(false),
  enable_safety_checker = fields.flag(true),
  safety_checker_version = fields.one_of("v1", {"v1", "v2"}),
  scheduler = fields.optional(),
})


---- Aspect ratios --------------------------------------------------------

-- A field for one of the ratios, 'default' or none.
function fields.ratio(default, list, optional)
  return {type = "string", default = default, enum = list,
          nullable = optional or nil}
end


-- The size of about 'pixels' pixels that has the ratio "w:h", in steps of 'k'.
function fields.of_ratio(ratio, pixels, k)
  local w, h = ratio:match "^(%d+):(%d+)$"
  local unit = (pixels / (w * h)) ^ 0.5
  local function side(n) return math.max(k, (n * unit / k + 0.5) // 1 * k) end
  return {width = math.tointeger(side(w)), height = math.tointeger(side(h))}
end


fields.is_object = schema.is_object

return fields
