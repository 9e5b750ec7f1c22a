-- The picture inside the answer, as base64, instead of a URL: sync_mode.
-- Nothing stays on the server's storage; fal.save takes either.
--
--   falua --local examples/seeds/base64_landscape.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local result = fal.check(fal.run("fal-ai/flux/dev", { input = {
  prompt = "a mountain lake at sunrise, photo", image_size = { width = 1024, height = 768 },
  num_inference_steps = 30, guidance_scale = 7.5, sync_mode = true, output_format = "png",
} }))
print("inside", result.images[1].url:match "^data:[^,]*,", #result.images[1].url .. " characters")
print("saved", fal.check(fal.save(result, out .. "/mountain_lake.{ext}", { overwrite = true }))[1])
