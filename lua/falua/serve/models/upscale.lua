-- Upscalers: the picture in another size, by Lanczos. Real ones invent detail;
-- this one adds none.

local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local MAX_PIXELS = 8192 * 4096    -- of the result

local TARGETS = {["720p"] = 720, ["1080p"] = 1080, ["1440p"] = 1440,
                 ["2160p"] = 2160}

local url = {image_url = fields.picture(), sync_mode = fields.flag(false)}


local function enlarged(context, image, factor, name)
  local w = math.tointeger((image.width * factor + 0.5) // 1)
  local h = math.tointeger((image.height * factor + 0.5) // 1)
  if w * h > MAX_PIXELS then
    local side = math.tointeger((MAX_PIXELS / factor ^ 2) ^ 0.5 // 1)
    return nil, context.flaw("image_url", "image_too_large",
      ("The local preview makes at most %d pixels: with a %s of %g the " ..
       "picture may have about %d x %d"):format(MAX_PIXELS, name, factor,
       side, side), nil, {max_width = side, max_height = side})
  end
  return studio.fitted(image, math.max(w, 1), math.max(h, 1), "lanczos")
end


-- By a factor that the field 'name' has; 'fixed' when there is no such field.
local function by_factor(name, fixed)
  return function(context, image, input)
    return enlarged(context, image, name and input[name] or fixed,
                    name or "factor")
  end
end


-- The shorter side to so many lines.
local function to_target(context, image, input)
  if input.upscale_mode == "factor" then
    return enlarged(context, image, input.upscale_factor, "upscale_factor")
  end
  return enlarged(context, image, TARGETS[input.target_resolution] /
                  math.min(image.width, image.height), "target_resolution")
end


local function upscaler(t)
  t.input = fields.with(url, t.input)
  t.description = "Lanczos, which adds no detail"
  return studio.utility(t)
end


local seed = fields.optional "integer"

return {
  upscaler {
    id = "fal-ai/clarity-upscaler", title = "Clarity", unit = "megapixels",
    seeded = true, timed = true, make = by_factor "upscale_factor", input = {
      prompt = fields.text "masterpiece, best quality, highres",
      upscale_factor = fields.number(2, 1, 4),
      negative_prompt = fields.text "(worst quality, low quality, normal quality:2)",
      creativity = fields.number(0.35, 0, 1),
      resemblance = fields.number(0.6, 0, 1),
      guidance_scale = fields.number(4, 0, 20),
      num_inference_steps = fields.integer(18, 4, 50), seed = seed,
      enable_safety_checker = fields.flag(true),
    },
  },
  upscaler {
    id = "fal-ai/esrgan", title = "ESRGAN", make = by_factor "scale", input = {
      scale = fields.number(2, 1, 8), face = fields.flag(false),
      tile = fields.integer(0, 0), output_format = fields.format(),
      model = fields.one_of("RealESRGAN_x4plus", {
        "RealESRGAN_x4plus", "RealESRGAN_x2plus",
        "RealESRGAN_x4plus_anime_6B", "RealESRGAN_x4_v3",
        "RealESRGAN_x4_wdn_v3", "RealESRGAN_x4_anime_v3"}),
    },
  },
  upscaler {
    id = "fal-ai/aura-sr", title = "AuraSR", timed = true,
    make = by_factor "upscale_factor", input = {
      upscale_factor = {type = "integer", default = 4, enum = {4}},
      overlapping_tiles = fields.flag(false),
      checkpoint = fields.one_of("v1", {"v1", "v2"}),
    },
  },
  upscaler {
    id = "fal-ai/seedvr/upscale/image", title = "SeedVR2",
    unit = "megapixels", seeded = true, make = to_target, input = {
      upscale_mode = fields.one_of("factor", {"factor", "target"}),
      upscale_factor = fields.number(2, 1, 10),
      target_resolution = fields.one_of("1080p", {"720p", "1080p", "1440p",
                                                  "2160p"}),
      noise_scale = fields.number(0.1, 0, 1), seed = seed,
      output_format = fields.format(),
    },
  },
  upscaler {
    id = "fal-ai/ccsr", title = "CCSR", seeded = true,
    make = by_factor "scale", input = {
      scale = fields.number(2, 1, 4), steps = fields.integer(50, 10, 100),
      tile_diffusion = fields.one_of("none", {"none", "mix", "gaussian"}),
      tile_diffusion_size = fields.integer(1024, 256, 2048),
      tile_diffusion_stride = fields.integer(512, 128, 1024),
      tile_vae = fields.flag(false), seed = seed,
      t_max = fields.number(0.6667, 0, 1), t_min = fields.number(0.3333, 0, 1),
      color_fix_type = fields.one_of("adain", {"none", "wavelet", "adain"}),
    },
  },
  upscaler {
    id = "fal-ai/drct-super-resolution", title = "DRCT",
    make = by_factor "upscale_factor",
    input = {upscale_factor = {type = "integer", default = 4, enum = {4}}},
  },
  upscaler {
    id = "fal-ai/topaz/upscale/image", title = "Topaz",
    make = by_factor "upscale_factor", input = {
      upscale_factor = fields.number(2, 1, 4), output_format = fields.format(),
      model = fields.one_of("Standard V2", {
        "Low Resolution V2", "Standard V2", "CGI", "High Fidelity V2",
        "Text Refine", "Recovery", "Redefine", "Recovery V2"}),
      crop_to_fill = fields.flag(false),
      subject_detection = fields.one_of("All", {"All", "Foreground",
                                                "Background"}),
      face_enhancement = fields.flag(true),
      face_enhancement_creativity = fields.number(0, 0, 1),
      face_enhancement_strength = fields.number(0.8, 0, 1),
    },
  },
  upscaler {
    id = "fal-ai/recraft/upscale/crisp", title = "Recraft crisp upscale",
    make = by_factor(nil, 4), input = {enable_safety_checker = fields.flag(false)},
  },
  upscaler {
    id = "fal-ai/recraft/upscale/creative",
    title = "Recraft creative upscale", make = by_factor(nil, 4),
    input = {enable_safety_checker = fields.flag(false)},
  },
}
