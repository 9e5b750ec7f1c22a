-- ControlNet from a sketch: a house of a few lines, drawn here, becomes a
-- picture that keeps to them. conditioning_scale says how strictly.
--
--   falua --local examples/seeds/scribble.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local WIDTH, HEIGHT = 512, 384

-- White lines on black, by their ends: walls, roof, door.
local LINES = {
  { 140, 190, 140, 320 }, { 372, 190, 372, 320 }, { 140, 320, 372, 320 }, { 140, 190, 372, 190 },
  { 120, 190, 256, 90 }, { 256, 90, 392, 190 }, { 230, 320, 230, 250 }, { 282, 320, 282, 250 }, { 230, 250, 282, 250 },
}

local sketch = fal.check(fal.image.new(WIDTH, HEIGHT, "#000"))
local dot = fal.check(fal.image.new(4, 4, "#fff"))
for _, line in ipairs(LINES) do
  local x, y, x2, y2 = table.unpack(line)
  local steps = math.max(math.abs(x2 - x), math.abs(y2 - y)) // 2
  for i = 0, steps do
    local t = i / steps
    sketch = fal.check(sketch:paste(dot, math.floor(x + (x2 - x) * t), math.floor(y + (y2 - y) * t)))
  end
end
fal.check(sketch:save(out .. "/sketch.png"))

-- A picture goes into the input as a data: URI, or as base64 with its type.
local uri = fal.check(sketch:data_uri())
local forms = { house = uri, ["house-base64"] = { base64 = uri:match ",(.*)", media_type = "image/png" } }
for name, control_image in pairs(forms) do
  local result = fal.check(fal.run("fal-ai/controlnet/scribble", { input = {
    prompt = "a timber house in a forest, architecture photo", seed = 5,
    control_image = control_image, conditioning_scale = 0.8,
    image_size = { width = WIDTH, height = HEIGHT },
  } }))
  print(fal.check(fal.save(result, out .. "/" .. name .. ".{ext}", { overwrite = true }))[1])
end
