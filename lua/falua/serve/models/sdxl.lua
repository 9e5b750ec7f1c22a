-- Stable Diffusion XL and its kin, with and without control images; the older
-- names that samples use for ControlNet.

local control = require "falua.serve.models.control"
local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local base = fields.with(fields.sdxl, {
  prompt = fields.text(), image_size = fields.size "square_hd",
  num_inference_steps = fields.steps(25),
})

local from_picture = fields.with(base, {
  image_size = fields.size "square", image_url = fields.picture(),
  strength = fields.number(0.95, 0, 1), crop_output = fields.flag(false),
  preserve_aspect_ratio = fields.flag(false),
})


local function endpoint(id, input, more)
  local t = {id = id, input = input, guidance = 7.5, unit = "seconds"}
  for name, value in pairs(more or {}) do t[name] = value end
  return studio.endpoint(t)
end


---- ControlNets of SDXL --------------------------------------------------

local UNION = {"canny", "depth", "normal", "openpose", "segmentation", "teed"}


local function one_control(kind)
  return function(context, r, input)
    return control.add(context, r, input.control_image_url,
                       "control_image_url", kind,
                       input.controlnet_conditioning_scale)
  end
end


local function union(context, r, input)
  for _, kind in ipairs(UNION) do
    local name = kind .. "_image_url"
    if input[name] then
      local ok, flaw = control.add(context, r, input[name], name, kind,
                                   input.controlnet_conditioning_scale)
      if not ok then return false, flaw end
    end
  end
end


local controlled = fields.with(base, {
  num_inference_steps = fields.steps(35, 70),
  controlnet_conditioning_scale = fields.number(0.5, 0, 2),
})

local canny = fields.with(controlled, {control_image_url = fields.picture()})

local unions = fields.with(controlled)
for _, kind in ipairs(UNION) do
  unions[kind .. "_image_url"] = fields.picture(true)
  unions[kind .. "_preprocess"] = fields.flag(true)
end


---- fal-ai/controlnet/... ------------------------------------------------

local named = fields.with(fields.open, {
  prompt = fields.text(), negative_prompt = fields.text "",
  image_size = fields.size "landscape_4_3",
  num_inference_steps = fields.steps(28, 70),
  guidance_scale = fields.guidance(7.5, 0, 20),
  control_image = fields.picture(true), control_image_url = fields.picture(true),
  conditioning_scale = fields.number(0.8, 0, 2), loras = fields.loras,
  scheduler = fields.optional(),
})


local function by_name(kind)
  local function prepare(context, r, input)
    local name = input.control_image and "control_image" or "control_image_url"
    if not input[name] then
      return false, context.flaw("control_image", "missing", "Field required")
    end
    return control.add(context, r, input[name], name, kind,
                       input.conditioning_scale)
  end
  return endpoint("fal-ai/controlnet/" .. kind, named, {
    prepare = prepare, title = "ControlNet " .. kind, unit = "megapixels",
  })
end


---- Small and fast ones --------------------------------------------------

local function quick(steps, max, guidance, inline)
  return fields.with(base, {
    num_inference_steps = fields.steps(steps, max),
    guidance_scale = fields.guidance(guidance, 0, 20),
    image_size = fields.size "square_hd", sync_mode = fields.flag(inline),
  })
end


local lcm = fields.with(quick(6, 32, 1.5, true), {
  model_name = fields.optional(),
})
local square = fields.size "square"

local FROM = {category = "image-to-image"}

local endpoints = {
  endpoint("fal-ai/fast-sdxl", base),
  endpoint("fal-ai/fast-sdxl/image-to-image", from_picture, FROM),
  endpoint("fal-ai/fast-sdxl/inpainting", fields.with(from_picture, {
    mask_url = fields.picture()}), FROM),
  endpoint("fal-ai/fast-sdxl-controlnet-canny", canny,
           {prepare = one_control "canny"}),
  endpoint("fal-ai/fast-sdxl-controlnet-canny/image-to-image",
           fields.with(canny, {image_url = fields.picture(),
                               image_size = fields.size(),
                               strength = fields.number(0.95, 0, 1)}),
           {prepare = one_control "canny", category = "image-to-image"}),
  endpoint("fal-ai/sdxl-controlnet-union", unions, {prepare = union}),
  endpoint("fal-ai/sdxl-controlnet-union/image-to-image",
           fields.with(unions, {image_url = fields.picture(),
                                image_size = fields.size(),
                                strength = fields.number(0.95, 0, 1)}),
           {prepare = union, category = "image-to-image"}),
  endpoint("fal-ai/fast-lightning-sdxl", quick(4, 8, 7.5, false)),
  endpoint("fal-ai/hyper-sdxl", quick(1, 4, 7.5, false)),
  endpoint("fal-ai/fast-turbo-diffusion",
           fields.with(quick(2, 12, 1, true), {image_size = square}),
           {guidance = 1}),
  endpoint("fal-ai/fast-lcm-diffusion", lcm, {guidance = 1.5}),
  endpoint("fal-ai/fast-lcm-diffusion/image-to-image", fields.with(lcm, {
    image_url = fields.picture(), image_size = square,
    strength = fields.number(0.95, 0, 1),
  }), {guidance = 1.5, category = "image-to-image"}),
  by_name "scribble", by_name "canny", by_name "depth", by_name "pose",
}

return endpoints
