-- fal-ai/flux-pro: the commercial ones.

local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local RATIOS = {"21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16",
                "9:21"}

local pro = fields.with(fields.pro, {
  prompt = fields.text(), image_size = fields.size "landscape_4_3",
})

local v1 = fields.with(pro, {
  num_inference_steps = fields.steps(28), guidance_scale = fields.guidance(3.5),
})

local ultra = fields.with(fields.pro, {
  prompt = fields.text(), aspect_ratio = fields.ratio("16:9", RATIOS),
  raw = fields.flag(false), image_url = fields.picture(true),
  image_prompt_strength = fields.number(0.1, 0, 1),
  enable_safety_checker = fields.flag(true),
})

local kontext = fields.with(fields.pro, {
  prompt = fields.text(), image_url = fields.picture(),
  aspect_ratio = fields.ratio(nil, RATIOS, true),
  guidance_scale = fields.guidance(3.5),
})


-- Four megapixels of the ratio that is wanted. A picture given is a hint.
local function large(_, r, input)
  local size = fields.of_ratio(input.aspect_ratio, 2048 * 2048, 64)
  r.width, r.height = size.width, size.height
  if r.input then
    r.input = studio.fitted(r.input, r.width, r.height)
    r.strength = 1 - input.image_prompt_strength
  end
end


-- An edit keeps most of its picture.
local function edit(_, r, input)
  if input.aspect_ratio then
    local size = fields.of_ratio(input.aspect_ratio, 1024 * 1024, 16)
    r.width, r.height = size.width, size.height
    r.input = studio.fitted(r.input, r.width, r.height)
  end
  r.strength = 0.55
end


local function ultra_endpoint(id)
  return studio.endpoint {
    id = id, input = ultra, prepare = large, unit = "images",
    title = "FLUX1.1 [pro] ultra",
  }
end


local function edit_endpoint(id, title)
  return studio.endpoint {
    id = id, input = kontext, prepare = edit, unit = "images",
    guidance = 3.5, category = "image-to-image", title = title,
  }
end


return {
  studio.endpoint {
    id = "fal-ai/flux-pro", input = v1, guidance = 3.5, title = "FLUX.1 [pro]",
  },
  studio.endpoint {
    id = "fal-ai/flux-pro/new", input = v1, guidance = 3.5,
    title = "FLUX.1 [pro]",
  },
  studio.endpoint {
    id = "fal-ai/flux/pro", input = v1, guidance = 3.5, title = "FLUX.1 [pro]",
  },
  studio.endpoint {
    id = "fal-ai/flux-pro/v1.1", input = pro, title = "FLUX1.1 [pro]",
  },
  ultra_endpoint "fal-ai/flux-pro/v1.1-ultra",
  ultra_endpoint "fal-ai/flux-pro-ultra",
  studio.endpoint {
    id = "fal-ai/flux-pro/v1/fill", category = "image-to-image",
    title = "FLUX.1 [pro] fill", input = fields.with(fields.pro, {
      prompt = fields.text(), image_url = fields.picture(),
      mask_url = fields.picture(),
    }),
  },
  edit_endpoint("fal-ai/flux-pro/kontext", "FLUX.1 Kontext [pro]"),
  edit_endpoint("fal-ai/flux-pro/kontext/max", "FLUX.1 Kontext [max]"),
}
