-- A picture made from another one: strength is how far it may go from it.
--
--   falua --local examples/seeds/image_to_image.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local first = fal.check(fal.run("fal-ai/flux/schnell", { input = {
  prompt = "a stone bridge over a river, summer", image_size = "square", seed = 4,
} }))
print("first", fal.check(fal.save(first, out .. "/summer.{ext}", { overwrite = true }))[1])

for _, strength in ipairs { 0.3, 0.75 } do
  local result = fal.check(fal.run("fal-ai/flux/dev/image-to-image", { input = {
    image_url = first.images[1].url, prompt = "a stone bridge over a river, deep winter, snow", strength = strength,
    seed = 4,
  } }))
  print(strength, fal.check(fal.save(result, ("%s/winter-%g.{ext}"):format(out, strength), { overwrite = true }))[1])
end
