-- Three pictures at once: the time of the slowest, not of all together. They
-- come back in the order they were asked for.
--
--   falua --local examples/seeds/parallel.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local PROMPTS = {
  "a castle above the bay at sunset",
  "a yacht in shallow turquoise water, from above",
  "a long breakfast table, tea and olives",
}

local calls = {}
for i, prompt in ipairs(PROMPTS) do
  calls[i] = function ()
    local result, err = fal.run("fal-ai/flux/schnell", { input = { prompt = prompt, image_size = "portrait_4_3" } })
    if not result then return nil, err end
    return fal.save(result, out .. "/{slug}.{ext}", { overwrite = true })
  end
end

local failed = 0
for i, outcome in ipairs(fal.check(fal.gather(calls))) do
  if not outcome.ok then failed = failed + 1 end
  print(i, outcome.ok and outcome.result[1] or outcome.err)
end
os.exit(failed == 0 and 0 or 1, true)
