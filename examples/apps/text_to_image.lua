-- Text to image, in Lua alone: "local/text-to-image" draws a landscape whose
-- hours, colours and hills follow from prompt and seed. It is a drawing, not
-- diffusion. Called as a stream it shows the picture getting sharper:
--
--   curl -N -X POST http://127.0.0.1:8787/local/text-to-image/stream -d '{"prompt": "evening by the sea"}'

local fal = require "fal"

local app = fal.app "local/text-to-image"

app.description = "A landscape drawn from the words of the prompt."
app.category = "text-to-image"

app.input = {
  prompt = { type = "string", required = true, min = 1, max = 1000, order = 1 },
  image_size = {
    type = "object", order = 2, default = { width = 768, height = 512 }, fields = {
      width = { type = "integer", min = 64, max = 2048, default = 768 },
      height = { type = "integer", min = 64, max = 2048, default = 512 },
    },
  },
  num_images = { type = "integer", min = 1, max = 4, default = 1, order = 3 },
  seed = { type = "integer", nullable = true, order = 4 },
}

app.output = {
  images = { type = "array", items = { type = "object" } },
  seed = { type = "integer" },
  prompt = { type = "string" },
}

-- Words that set the sky, from its top to the horizon.
local SKIES = {
  { "evening sunset dusk autumn", "#2b2350", "#f08a4b" },
  { "morning dawn sunrise spring", "#7fb2e5", "#ffd9b0" },
  { "night moon star winter", "#060a1e", "#26365f" },
  { "sea lake harbour river", "#2f7fb8", "#d5ecf2" },
  { "", "#5aa0d8", "#e8f1f5" },
}


local function sky_of(prompt)
  local words = prompt:lower()
  for _, sky in ipairs(SKIES) do
    if sky[1] == "" then return sky end
    for word in sky[1]:gmatch "%a+" do
      if words:find(word, 1, true) then return sky end
    end
  end
end


-- A sequence of numbers from 0 to 1 that depends on text and seed alone.
local function dice(text, seed)
  local state = tonumber(fal.digest("sha256", text .. "\0" .. seed):sub(1, 8), 16)
  return function ()
    state = (state * 1664525 + 1013904223) % 2^32
    return state / 2^32
  end
end


-- Where a range of hills begins, for each column: three waves that the dice
-- have chosen.
local function ridge(roll, base, height, width)
  local waves, tops = {}, {}
  for i = 1, 3 do waves[i] = { roll() * 6.28, (1 + roll()) * i * 3, height / i } end
  for x = 0, width - 1 do
    local y = base
    for _, w in ipairs(waves) do y = y - w[3] * math.sin(w[1] + w[2] * x / width) end
    tops[x] = y
  end
  return tops
end


-- Two rows of colour, made large, are a gradient.
local function gradient(width, height, top, bottom)
  local rows = fal.check(fal.image.new(1, 2, top))
  rows:pixel(0, 1, bottom)
  return fal.check(rows:resize(width, height, { filter = "triangle" }))
end


local function draw(prompt, seed, width, height)
  local roll, sky = dice(prompt, seed), sky_of(prompt)
  local picture = gradient(width, height, sky[2], sky[3])
  local size = height * (0.10 + 0.08 * roll())
  local sun = { x = width * roll() - size / 2, y = height * (0.15 + 0.3 * roll()), width = size, height = size,
                shape = "ellipse", feather = 2 }
  local light = fal.check(fal.image.new(width, height, "#fff4d6"))
  picture = fal.check(picture:blend(light, fal.check(picture:mask(sun))))
  for layer = 1, 3 do
    local tops = ridge(roll, (0.45 + 0.15 * layer) * height, (0.05 + 0.05 * roll()) * height, width)
    local shade = 96 - 26 * layer
    local ground = fal.check(fal.image.new(width, height, { shade, shade + 20, shade + 24 }))
    local mask = fal.check(picture:mask(function (x, y) return y > tops[x] end))
    picture = fal.check(picture:blend(ground, mask))
  end
  return picture
end


-- The same picture as if seen through fog, for those who watch.
local function show_partly(picture, context, sharpness)
  if context.kind ~= "stream" then return end
  local blurred = fal.check(picture:blur(picture.width / 20 * (1 - sharpness)))
  context.emit { images = { context.image(blurred, { sync = true }) }, progress = sharpness }
end


-- As fal bills: megapixels, each picture rounded up.
function app.units(input)
  local size = input.image_size
  return input.num_images * math.ceil(size.width * size.height / 1e6)
end


function app.run(input, context)
  local seed = input.seed or math.random(0, 2^31)
  local size, images = input.image_size, {}
  for i = 1, input.num_images do
    if context.canceled() then return nil, context.fail(499, "canceled") end
    local picture = draw(input.prompt, seed + i - 1, size.width, size.height)
    for step = 1, 3 do show_partly(picture, context, step / 4) end
    images[i] = context.image(picture, { text = { prompt = input.prompt, seed = tostring(seed + i - 1),
                                                  Comment = "a drawing made by arithmetic, not by diffusion" } })
    context.progress(i / input.num_images)
  end
  return { images = images, seed = seed, prompt = input.prompt }
end

return app
