-- All preview models, family by family.

local families = {"flux", "flux_pro", "flux_lora", "flux_general", "sdxl",
                  "others", "upscale", "tools"}

local all = {}

for _, family in ipairs(families) do
  local endpoints = require("falua.serve.models." .. family)
  table.move(endpoints, 1, #endpoints, #all + 1, all)
end

return all
