-- fal-ai/flux: schnell and dev, dev from a picture, redux.

local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local function inputs(steps, max_steps, guidance)
  return fields.with(fields.open, {
    prompt = fields.text(),
    image_size = fields.size "landscape_4_3",
    num_inference_steps = fields.steps(steps, max_steps),
    guidance_scale = fields.guidance(guidance),
  })
end

local dev = inputs(28, 50, 3.5)


-- Redux has no prompt: it makes variations.
local function vary(_, r)
  r.prompt = ""
  r.strength = 0.45
end


local function variation_size(context, r, input)
  vary(context, r)
  local size = input.image_size
  r.width, r.height = size.width, size.height
end


return {
  studio.endpoint {
    id = "fal-ai/flux/schnell", input = inputs(4, 12, 3.5), guidance = 3.5,
    title = "FLUX.1 [schnell]",
  },
  studio.endpoint {
    id = "fal-ai/flux/dev", input = dev, guidance = 3.5,
    title = "FLUX.1 [dev]",
  },
  studio.endpoint {
    id = "fal-ai/flux/krea", input = fields.with(dev, {
      guidance_scale = fields.guidance(4.5),
    }), guidance = 4.5, title = "FLUX.1 Krea [dev]",
  },
  studio.endpoint {
    id = "fal-ai/flux/dev/image-to-image", guidance = 3.5,
    input = fields.with(dev, {
      image_size = false, image_url = fields.picture(),
      strength = fields.number(0.95, 0, 1),
      num_inference_steps = fields.steps(40),
    }),
    category = "image-to-image", title = "FLUX.1 [dev] image to image",
  },
  studio.endpoint {
    id = "fal-ai/flux/dev/redux", guidance = 3.5, prepare = variation_size,
    input = fields.with(dev, {prompt = false, image_url = fields.picture()}),
    category = "image-to-image", title = "FLUX.1 [dev] redux",
  },
  studio.endpoint {
    id = "fal-ai/flux/schnell/redux", guidance = 3.5, prepare = variation_size,
    input = fields.with(inputs(4, 12, 3.5), {
      prompt = false, image_url = fields.picture(),
    }),
    category = "image-to-image", title = "FLUX.1 [schnell] redux",
  },
}
