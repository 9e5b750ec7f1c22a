-- Newer models: flux-2, Z-Image, Qwen-Image, Nano Banana, Stable Diffusion 3.5.

local fal = require "fal"
local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local RATIOS = {"auto", "21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5",
                "3:4", "2:3", "9:16"}
local PIXELS = {["0.5K"] = 512 * 512, ["1K"] = 1024 * 1024,
                ["2K"] = 2048 * 2048, ["4K"] = 4096 * 4096}


local function inputs(steps, max_steps, more)
  return fields.with(fields.open, {
    prompt = fields.text(), image_size = fields.size "landscape_4_3",
    num_inference_steps = fields.steps(steps, max_steps),
    acceleration = fields.one_of("regular", {"none", "regular", "high"}),
    enable_prompt_expansion = fields.flag(false),
  }, more)
end


local qwen = inputs(30, 250, {
  negative_prompt = fields.text " ", guidance_scale = fields.guidance(2.5, 0),
  loras = fields.loras, use_turbo = fields.flag(false),
  enable_prompt_expansion = false,
})


---- Nano Banana ----------------------------------------------------------

local banana = fields.with(fields.output, {
  prompt = fields.text(), aspect_ratio = fields.ratio("auto", RATIOS),
  resolution = fields.one_of("1K", {"0.5K", "1K", "2K", "4K"}),
  safety_tolerance = fields.one_of("4", {"1", "2", "3", "4", "5", "6"}),
  limit_generations = fields.flag(true), enable_web_search = fields.flag(false),
})


-- "auto" is square, or as the first picture is.
local function banana_size(r, input)
  local ratio = input.aspect_ratio
  if ratio == "auto" then
    ratio = r.input and r.width .. ":" .. r.height or "1:1"
  end
  -- the largest of them would pass what is painted here
  local size = fields.of_ratio(ratio, PIXELS[input.resolution or "1K"], 16)
  while size.width * size.height > 4096 * 4096 do
    size = {width = size.width - 16, height = size.height - 16}
  end
  r.width, r.height = size.width, size.height
end


local function imagine(_, r, input)
  banana_size(r, input)
end


-- Of several pictures the first is edited.
local function edit(context, r, input)
  local first, flaw = studio.open(context, input.image_urls[1],
                                  {"image_urls", 0})
  if not first then return false, flaw end
  r.input, r.strength = first, 0.5
  r.width, r.height = first.width, first.height
  banana_size(r, input)
  r.input = studio.fitted(first, r.width, r.height)
end


-- This family answers with pictures and a description only.
local function shorten(result)
  result.seed, result.timings, result.prompt = nil, nil, nil
  result.has_nsfw_concepts = nil
  result.description = ""
end


local function nano(id)
  return studio.endpoint {
    id = id, input = banana, prepare = imagine, finish = shorten,
    unit = "images", title = "Nano Banana",
  }, studio.endpoint {
    id = id .. "/edit", prepare = edit, finish = shorten, unit = "images",
    category = "image-to-image", title = "Nano Banana, edit",
    input = fields.with(banana, {
      image_urls = {type = "array", required = true, min = 1, max = 14,
                    items = fields.picture()},
    }),
  }
end


local endpoints = {
  studio.endpoint {
    id = "fal-ai/flux-2", guidance = 2.5, title = "FLUX.2 [dev]",
    input = inputs(28, 50, {guidance_scale = fields.guidance(2.5, 0)}),
  },
  studio.endpoint {
    id = "fal-ai/flux-2-pro", title = "FLUX.2 [pro]",
    input = fields.with(fields.pro, {
      prompt = fields.text(), image_size = fields.size "landscape_4_3",
    }),
  },
  studio.endpoint {
    id = "fal-ai/z-image/turbo", input = inputs(8, 8),
    title = "Z-Image turbo",
  },
  studio.endpoint {
    id = "fal-ai/qwen-image", input = qwen, guidance = 2.5,
    title = "Qwen-Image",
  },
  studio.endpoint {
    id = "fal-ai/qwen-image-edit", guidance = 4, title = "Qwen-Image edit",
    category = "image-to-image", input = fields.with(qwen, {
      image_size = fields.size(), image_url = fields.picture(),
      guidance_scale = fields.guidance(4, 0),
    }), prepare = function(_, r) r.strength = 0.5 end,
  },
  studio.endpoint {
    id = "fal-ai/stable-diffusion-v35-large", guidance = 3.5,
    title = "Stable Diffusion 3.5 large",
    input = inputs(28, 50, {
      negative_prompt = fields.text "", loras = fields.loras,
      guidance_scale = fields.guidance(3.5, 0), acceleration = false,
      enable_prompt_expansion = false,
      controlnet = {type = "any", nullable = true},
    }),
  },
  studio.endpoint {
    id = "fal-ai/stable-diffusion-v35-medium", guidance = 4.5,
    title = "Stable Diffusion 3.5 medium",
    input = inputs(40, 50, {
      negative_prompt = fields.text "", guidance_scale = fields.guidance(4.5, 0),
      acceleration = false, enable_prompt_expansion = false,
    }),
  },
}

for _, id in ipairs {"fal-ai/nano-banana", "fal-ai/nano-banana-2",
                     "fal-ai/nano-banana-pro"} do
  table.move({nano(id)}, 1, 2, #endpoints + 1, endpoints)
end

return fal.array(endpoints)
