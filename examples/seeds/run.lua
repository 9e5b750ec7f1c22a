-- One call that waits for its result, and the file it leaves.
--
--   falua --local examples/seeds/run.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local result, meta = fal.check(fal.run("fal-ai/flux/schnell", { input = {
  prompt = "a bright office with one large window, architecture photo",
  image_size = "landscape_4_3", num_inference_steps = 4,
} }))
local paths = fal.check(fal.save(result, out .. "/{slug}.{ext}", { overwrite = true }))
print("picture", paths[1])
print("seed", result.seed)
print("seconds", ("%.2f in all, %.2f at the model"):format(meta.seconds, result.timings.inference))
