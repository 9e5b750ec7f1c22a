-- Product pictures for a shop from a list of prompts: numbered files, and a
-- journal by which a second run makes only what is missing.
--
--   falua --local examples/seeds/products.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local report = fal.check(fal.batch {
  endpoint = "fal-ai/flux/schnell",
  jobs = {
    "a black smartwatch on marble, studio light",
    "a red running shoe on white, product photo",
    "an office chair from above, soft shadows",
  },
  input = { image_size = "square" },
  out = out .. "/product_{index}.{ext}",
  journal = out .. "/products.journal",
  report = out .. "/products.html",
})
for record in report:each() do
  print(record.index, record.state, record.files and record.files[1] or record.error.message)
end
print(report)
os.exit(report.failed == 0 and 0 or 1, true)
