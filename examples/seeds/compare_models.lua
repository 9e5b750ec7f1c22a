-- Four models, one prompt: how long each took, what it cost, and their
-- pictures side by side.
--
--   falua --local examples/seeds/compare_models.lua [FOLDER]
--   FAL_PRICES=examples/seeds/prices.json falua --local examples/seeds/compare_models.lua
--
-- Prices are the platform's; a local preview costs nothing and takes no
-- model's time. prices.json has those of an article, for a look at the table.

local fal = require "fal"
local out = arg[1] or "out"

local MODELS = { "fal-ai/flux/schnell", "fal-ai/flux/dev", "fal-ai/flux-pro/v1.1", "fal-ai/flux-pro/v1.1-ultra" }
local PROMPT = "a red lighthouse on a cliff, clear morning"

local pictures, captions = {}, {}
print(("%-28s %8s  %s"):format("model", "seconds", "cost"))
for i, model in ipairs(MODELS) do
  local result, meta = fal.check(fal.run(model, { input = { prompt = PROMPT, seed = 42, output_format = "png" } }))
  local path = fal.check(fal.save(result, ("%s/%d.{ext}"):format(out, i), { overwrite = true }))[1]
  pictures[i], captions[i] = fal.check(fal.check(fal.image.open(path)):resize(320)), model
  print(("%-28s %8.2f  %s"):format(model, meta.seconds, tostring(meta.cost)))
end

local sheet = fal.check(fal.image.sheet(pictures, { columns = 2, cell = { 320, 240 }, captions = captions }))
print("sheet", (fal.check(sheet:save(out .. "/models.png"))))
