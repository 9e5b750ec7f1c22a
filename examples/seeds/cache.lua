-- Prompts that come again are answered from a folder, by a hash of endpoint
-- and input, until they are too old.
--
--   falua --local examples/seeds/cache.lua [FOLDER [SECONDS]]

local fal = require "fal"
local out, ttl = arg[1] or "out", tonumber(arg[2]) or 3600

fal.config { cache = { dir = out .. "/cache", ttl = ttl } }

for _, prompt in ipairs { "a fox in the snow", "a heron at dawn", "a fox in the snow" } do
  local result, meta = fal.check(fal.run("fal-ai/flux/schnell", { input = { prompt = prompt, image_size = "square" } }))
  fal.check(fal.save(result, out .. "/{slug}.{ext}", { overwrite = true }))
  print(meta.cached and "cached" or "made", prompt)
end
