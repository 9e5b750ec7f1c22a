-- A LoRA, asked for in both ways that are around: as a list with paths and
-- scales, which is what fal-ai/flux-lora documents, and as lora_url with a
-- <lora:name> tag in the prompt, which some articles use.
--
--   falua --local examples/seeds/lora.lua [FOLDER]
--
-- A local preview takes no weights from there: the name alone sets its style.

local fal = require "fal"
local out = arg[1] or "out"

local WEIGHTS = "https://example.com/loras/papercut.safetensors"
local PROMPT = "a person reading in an armchair"

local INPUTS = {
  plain = { prompt = PROMPT },
  list = { prompt = PROMPT, loras = { { path = WEIGHTS, scale = 1 } } },
  tag = { prompt = PROMPT .. " <lora:papercut>", lora_url = WEIGHTS },
}

for _, name in ipairs { "plain", "list", "tag" } do
  local input = INPUTS[name]
  input.seed, input.image_size = 7, "square"
  local result = fal.check(fal.run("fal-ai/flux-lora", { input = input }))
  print(name, fal.check(fal.save(result, out .. "/" .. name .. ".{ext}", { overwrite = true }))[1])
end
