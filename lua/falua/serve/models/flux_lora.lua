-- fal-ai/flux-lora: dev with weights of one's own.

local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local input = fields.with(fields.open, {
  prompt = fields.text(),
  image_size = fields.size "landscape_4_3",
  num_inference_steps = fields.steps(28),
  guidance_scale = fields.guidance(3.5, 0, 35),
  loras = fields.loras,
  lora_url = fields.optional(),      -- how older samples have it
  lora_scale = fields.number(1, 0, 4),
  acceleration = fields.one_of("none", {"none", "regular"}),
})

local from_picture = fields.with(input, {
  image_size = fields.size(), image_url = fields.picture(),
  strength = fields.number(0.85, 0, 1),
})


local function endpoint(id, fields_, category, title)
  return studio.endpoint {
    id = id, input = fields_, category = category, title = title,
    guidance = 3.5,
  }
end


return {
  endpoint("fal-ai/flux-lora", input, "text-to-image",
           "FLUX.1 [dev] with LoRAs"),
  endpoint("fal-ai/flux-lora/image-to-image", from_picture, "image-to-image",
           "FLUX.1 [dev] with LoRAs, image to image"),
  endpoint("fal-ai/flux-lora/inpainting", fields.with(from_picture, {
    mask_url = fields.picture(),
  }), "image-to-image", "FLUX.1 [dev] with LoRAs, inpainting"),
}
