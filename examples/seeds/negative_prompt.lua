-- What should not be in the picture: the same prompt and seed without and with
-- a negative prompt. FLUX takes none; SDXL does.
--
--   falua --local examples/seeds/negative_prompt.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

for _, negative in ipairs { "", "boat, people, text, watermark" } do
  local result = fal.check(fal.run("fal-ai/fast-sdxl", { input = {
    prompt = "a calm lake with a boat at sunset", negative_prompt = negative,
    image_size = "square", seed = 11, format = "png",
  } }))
  local name = negative == "" and "with-boat" or "without-boat"
  print(name, fal.check(fal.save(result, ("%s/%s.{ext}"):format(out, name), { overwrite = true }))[1])
end
