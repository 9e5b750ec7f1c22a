-- One prompt, several seeds: variations to choose from. The same seed gives
-- the same picture again.
--
--   falua --local examples/seeds/seed_sweep.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

for _, seed in ipairs { 42, 123, 456 } do
  local result = fal.check(fal.run("fal-ai/flux/dev", { input = {
    prompt = "a desk by the window, soft light", image_size = "square", num_inference_steps = 4, seed = seed,
  } }))
  print(seed, fal.check(fal.save(result, out .. "/desk-{seed}.{ext}", { overwrite = true }))[1])
end
