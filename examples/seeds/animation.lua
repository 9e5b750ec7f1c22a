-- Frames of an animation: the seed stays, the words move on, so that one style
-- holds while the scene changes. The frames also make a strip.
--
--   falua --local examples/seeds/animation.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local HOURS = { "dawn", "morning", "noon", "evening", "dusk", "night" }

local frames = {}
for i, hour in ipairs(HOURS) do
  local result = fal.check(fal.run("fal-ai/flux/schnell", { input = {
    prompt = "a village under a mountain at " .. hour, seed = 2024,
    image_size = { width = 256, height = 192 }, output_format = "png",
  } }))
  local path = fal.check(fal.save(result, ("%s/frame-%02d.{ext}"):format(out, i), { overwrite = true }))[1]
  frames[i] = fal.check(fal.image.open(path))
  print(hour, path)
end

local strip = fal.check(fal.image.sheet(frames, { columns = #frames, cell = { 256, 192 }, gap = 0 }))
print("strip", (fal.check(strip:save(out .. "/strip.png"))))
