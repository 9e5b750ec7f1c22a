-- Two models against each other by changing one string: the same prompt and
-- seed, and both pictures on one sheet.
--
--   falua --local examples/seeds/ab.lua [FOLDER [MODEL MODEL]]

local fal = require "fal"
local out = arg[1] or "out"
local MODELS = { arg[2] or "fal-ai/flux/schnell", arg[3] or "fal-ai/fast-sdxl" }

local pictures = {}
for i, model in ipairs(MODELS) do
  local result, meta = fal.check(fal.run(model, { input = {
    prompt = "a wooden barrel, stylized game art", image_size = "square", seed = 1,
  } }))
  local path = fal.check(fal.save(result, ("%s/%s.{ext}"):format(out, i == 1 and "a" or "b"), { overwrite = true }))[1]
  pictures[i] = fal.check(fal.image.open(path))
  print(model, ("%.2f s"):format(meta.seconds), path)
end
local sheet = fal.check(fal.image.sheet(pictures, { columns = 2, cell = 512, captions = MODELS }))
print("sheet", (fal.check(sheet:save(out .. "/ab.png"))))
