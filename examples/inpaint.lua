-- inpaint.lua -- a part of a picture painted anew, the rest left alone
--
--   falua --local examples/inpaint.lua
--   falua --local examples/inpaint.lua photo.png "a red sailing boat" --box 60,55,25,20
--
-- The mask is drawn here (fal.image): white is what the model may paint. The
-- answer is laid over the original by the same mask with a soft edge, so that
-- nothing outside of it can have changed, whatever the model does. With --local
-- the pictures are procedural previews; with FAL_KEY and without --local they
-- are the real model's, which costs.

local fal = require "fal"
local argparse = require "argparse"

local MODEL = "fal-ai/flux-lora/inpainting"
local FIRST = { model = "fal-ai/flux/schnell", prompt = "a calm sea under a wide evening sky", seed = 5 }


-- "60,55,25,20": where and how large, in percent of the picture.
local function box(text)
  local x, y, w, h = text:match "^(%d+),(%d+),(%d+),(%d+)$"
  if not x then return nil, "--box takes X,Y,WIDTH,HEIGHT in percent, such as 60,55,25,20" end
  return { tonumber(x), tonumber(y), tonumber(w), tonumber(h) }
end


local parser = argparse("inpaint", "Paints a part of a picture anew.")
parser:argument("photo", "A PNG (otherwise one is made first)."):args "?"
parser:argument("prompt", "What is to be there.", "a lighthouse at night, dark sky, stars")
parser:option("-o --output", "Where the files go.", "inpaint")
parser:option("--box", "The part: X,Y,WIDTH,HEIGHT in percent.", "55,15,35,60"):convert(box)
parser:option("--seed", "Seed.", "21"):convert(math.tointeger)
local args = parser:parse()


local function photo()
  if args.photo then return fal.check(fal.image.open(args.photo)) end
  local result = fal.check(fal.run(FIRST.model, { input = {
    prompt = FIRST.prompt, seed = FIRST.seed, image_size = "landscape_4_3", output_format = "png",
  } }))
  local path = fal.check(fal.save(result, args.output .. "/photo.{ext}", { overwrite = true }))[1]
  return fal.check(fal.image.open(path))
end


local before = photo()
local function part(percent, of) return of * percent // 100 end
local mask = fal.check(before:mask {
  shape = "ellipse", x = part(args.box[1], before.width), y = part(args.box[2], before.height),
  width = part(args.box[3], before.width), height = part(args.box[4], before.height),
})
local result = fal.check(fal.run(MODEL, { input = {
  prompt = args.prompt, image_url = fal.check(before:data_uri()), mask_url = fal.check(mask:data_uri()),
  seed = args.seed, output_format = "png", image_size = { width = before.width, height = before.height },
} }))
local painted = fal.check(fal.image.open(
  fal.check(fal.save(result, args.output .. "/painted.{ext}", { overwrite = true }))[1]))

local soft = fal.check(mask:blur(before.width / 100))
local after = fal.check(before:blend(painted, soft))
fal.check(after:save(args.output .. "/picture.png", { text = { Title = args.prompt } }))
fal.check(mask:save(args.output .. "/mask.png"))

local sheet = fal.check(fal.image.sheet({ before, mask, after }, {
  columns = 3, cell = { 400, 300 }, captions = { args.photo or FIRST.prompt, "what may be painted", args.prompt },
}))
print((fal.check(sheet:save(args.output .. "/sheet.png"))))
