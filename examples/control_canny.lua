-- control_canny.lua -- a photo's edges, and a new picture that keeps to them
--
--   falua --local examples/control_canny.lua
--   falua --local examples/control_canny.lua photo.png "the same, as a watercolour" --low 20 --high 80
--
-- Photo -> edges (fal.image, here) -> ControlNet -> picture. Without a photo a
-- picture is asked for first. What is saved: the edges, and the picture made
-- from them, beside each other on a sheet too. With --local the pictures are
-- procedural previews, shaped by the edges all the same; with FAL_KEY and
-- without --local they are the real model's, which costs.

local fal = require "fal"
local argparse = require "argparse"

local MODEL = "fal-ai/fast-sdxl-controlnet-canny"
local FIRST = { model = "fal-ai/flux/schnell", prompt = "a lighthouse on an island at noon, clear sky", seed = 3 }

local parser = argparse("control_canny", "Keeps the edges of a picture and paints the rest anew.")
parser:argument("photo", "A PNG (otherwise one is made first)."):args "?"
parser:argument("prompt", "What to paint.", "a lighthouse on an island at night, under a full moon")
parser:option("-o --output", "Where the files go.", "control-canny")
parser:option("--low", "Edges weaker than this are none (0 to 255).", "40"):convert(tonumber)
parser:option("--high", "Edges stronger than this always are.", "120"):convert(tonumber)
parser:option("--scale", "How much the edges matter, 0 to 2.", "0.9"):convert(tonumber)
parser:option("--seed", "Seed.", "11"):convert(math.tointeger)
local args = parser:parse()


-- The picture to begin with.
local function photo()
  if args.photo then return fal.check(fal.image.open(args.photo)) end
  local result = fal.check(fal.run(FIRST.model, { input = {
    prompt = FIRST.prompt, seed = FIRST.seed, image_size = "landscape_4_3", output_format = "png",
  } }))
  local path = fal.check(fal.save(result, args.output .. "/photo.{ext}", { overwrite = true }))[1]
  return fal.check(fal.image.open(path))
end


local before = photo()
local edges = fal.check(before:canny { low = args.low, high = args.high })
local result = fal.check(fal.run(MODEL, { input = {
  prompt = args.prompt, control_image_url = fal.check(edges:data_uri()), seed = args.seed, format = "png",
  controlnet_conditioning_scale = args.scale, image_size = { width = before.width, height = before.height },
} }))
local path = fal.check(fal.save(result, args.output .. "/picture.{ext}", { overwrite = true }))[1]
fal.check(edges:save(args.output .. "/edges.png"))

local sheet = fal.check(fal.image.sheet({ before, edges, fal.check(fal.image.open(path)) }, {
  columns = 3, cell = { 400, 300 }, captions = { args.photo or FIRST.prompt, "its edges", args.prompt },
}))
print((fal.check(sheet:save(args.output .. "/sheet.png"))))
