-- contact_sheet.lua -- several prompts, several seeds, one sheet to choose from
--
--   falua --local examples/contact_sheet.lua
--   falua --local examples/contact_sheet.lua -o sheet.png --seeds 4 "a lighthouse at dusk" "a harbour in fog"
--
-- Asks for every prompt with every seed, four at a time, saves the pictures
-- beside the sheet, and lays them out: a row for each prompt, a column for
-- each seed, captions below. A picture that fails leaves its place gray and
-- its reason on standard error. With --local everything happens here, with no
-- key: the pictures are then procedural previews. With FAL_KEY and without
-- --local it is the real model, which costs.

local fal = require "fal"
local argparse = require "argparse"

local MODEL = "fal-ai/flux/schnell"
local PROMPTS = {
  "a lighthouse on a cliff at dusk, storm coming",
  "a harbour in fog, fishing boats, muted colors",
  "a mountain lake at sunrise, pine trees",
}

local parser = argparse("contact_sheet", "Several prompts on one contact sheet.")
parser:argument("prompts", "What to paint (default: three landscapes)."):args "*"
parser:option("-o --output", "The sheet.", "contact-sheet.png")
parser:option("--seeds", "Pictures of each prompt.", "3"):convert(math.tointeger)
parser:option("--model", "Endpoint id.", MODEL)
parser:option("--cell", "Width of a picture on the sheet, in pixels.", "320"):convert(math.tointeger)
local args = parser:parse()

local prompts = #args.prompts > 0 and args.prompts or PROMPTS
local stem = args.output:gsub("%.png$", "")


-- One picture, saved: its path, or nil and the reason.
local function paint(prompt, seed)
  local result, err = fal.run(args.model, { input = {
    prompt = prompt, seed = seed, image_size = "landscape_4_3", output_format = "png",
  } })
  if not result then return nil, err end
  local paths, failed = fal.save(result, stem .. "/{slug}-{seed}.{ext}", { overwrite = true })
  if not paths then return nil, failed end
  return paths[1]
end


local calls, captions = {}, {}
for _, prompt in ipairs(prompts) do
  for seed = 1, args.seeds do
    calls[#calls + 1] = function () return paint(prompt, seed) end
    captions[#captions + 1] = ("%s (%d)"):format(prompt, seed)
  end
end

local height = math.max(1, args.cell * 3 // 4)
local pictures, failures = {}, 0
for i, outcome in ipairs(fal.gather(calls, { limit = 4 })) do
  local picture, err
  if outcome.ok then picture, err = fal.image.open(outcome.result) else err = outcome.err end
  if not picture then
    failures = failures + 1
    io.stderr:write(captions[i], ": ", tostring(err), "\n")
    picture = fal.image.new(args.cell, height, "#ddd")
  end
  pictures[i] = fal.check(picture:resize(args.cell))  -- the large one may go
end

local sheet = fal.check(fal.image.sheet(pictures, {
  columns = args.seeds, cell = { args.cell, height }, captions = captions,
}))
print((fal.check(sheet:save(args.output, { text = { Title = table.concat(prompts, " / ") } }))))
os.exit(failures == 0 and 0 or 1, true)
