-- fal-ai/flux/schnell and fal-ai/flux/dev: the fields, limits and answers of
-- the real ones, the pictures drawn by arithmetic.
--
-- One difference: real flux answers JPEG unless asked otherwise. The preview
-- makes PNG only, so that is its default here, and output_format = "jpeg" is
-- refused rather than answered with something else.

local fal = require "fal"
local core = require "falua.serve.core"
local base64 = require "fal.core".base64
local now = require "fal.core".now
local sizes = require "falua.serve.sizes"

local NOTE = "A procedural preview: drawn by arithmetic from prompt and " ..
             "seed, not made by a diffusion model."


-- output_format, a type for schema.lua.
local function format(v, loc, flaws)
  if v == "png" then return v end
  flaws[#flaws + 1] = sizes.model_flaw(loc, "one_of",
    "The local preview makes PNG only: leave output_format out or ask for " ..
    "'png'", v, {expected = fal.array {"png"}})
end


local function inputs(steps, max_steps)
  return {
    prompt = {type = "string", required = true},
    image_size = {type = sizes.type, nullable = true,
                  default = sizes.preset "landscape_4_3"},
    num_inference_steps = {type = "integer", default = steps, min = 1,
                           max = max_steps},
    guidance_scale = {type = "number", default = 3.5, min = 1, max = 20},
    num_images = {type = "integer", default = 1, min = 1, max = 4},
    seed = {type = "integer", nullable = true},
    sync_mode = {type = "boolean", default = false},
    enable_safety_checker = {type = "boolean", default = true},
    output_format = {type = format, default = "png"},
    acceleration = {type = "string", default = "none",
                    enum = {"none", "regular", "high"}},
  }
end


-- One picture as PNG. It says in itself what it is.
local function paint(id, input, seed)
  local image, err = core.paint {
    prompt = input.prompt, seed = seed, model = id,
    width = input.image_size.width, height = input.image_size.height,
    steps = input.num_inference_steps,
  }
  if not image then return nil, err end
  local png
  png, err = image:png {text = {
    Software = "falua " .. fal.version, Comment = NOTE, model = id,
    prompt = input.prompt, seed = tostring(seed),
  }}
  image:close()
  return png, err
end


-- Puts the bytes where they can be fetched, or right into the answer.
local function publish(png, input, context)
  local image = {
    content_type = "image/png", file_size = #png,
    width = input.image_size.width, height = input.image_size.height,
  }
  if input.sync_mode then
    image.url = "data:image/png;base64," .. base64(png)
    image.file_name = fal.digest("sha256", png):sub(1, 32) .. ".png"
    return image
  end
  local rest, name = core.put(png, "png", {})
  if not rest then return nil, name end
  image.url = context.base_url .. "/files/" .. rest
  image.file_name = name
  return image
end


-- fal bills flux by the megapixel, each picture rounded up.
local function units(input)
  local size = input.image_size
  return input.num_images * math.ceil(size.width * size.height / 1000000)
end


local function run(id, input, context)
  local seed = input.seed or core.random()
  local images, flagged, began = {}, {}, now()
  for k = 1, input.num_images do
    local png, err = paint(id, input, seed + k - 1)
    if not png then return nil, err end
    images[k], err = publish(png, input, context)
    if not images[k] then return nil, err end
    flagged[k] = false
  end
  return {
    images = fal.array(images), seed = seed, prompt = input.prompt,
    has_nsfw_concepts = fal.array(flagged),
    timings = {inference = now() - began},
  }
end


local function endpoint(id, steps, max_steps)
  return {
    id = id,
    input = inputs(steps, max_steps),
    run = function(input, context) return run(id, input, context) end,
    units = units,
  }
end


return {
  endpoint("fal-ai/flux/schnell", 4, 12),
  endpoint("fal-ai/flux/dev", 28, 50),
}
