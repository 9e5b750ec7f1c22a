-- Image to image with fal.image: "local/duotone" keeps the shapes of a picture
-- and gives it two colours; 'strength' says how much of the original is gone.
-- The image is a URL, a data: URI, or {base64 =, media_type =}.

local fal = require "fal"

local app = fal.app "local/duotone"

app.description = "A picture in two colours, with its edges drawn."
app.category = "image-to-image"

app.input = {
  image_url = { type = "file", required = true },
  dark = { type = "string", pattern = "^#%x%x%x%x%x%x$", default = "#1b2440" },
  light = { type = "string", pattern = "^#%x%x%x%x%x%x$", default = "#ffe9c9" },
  strength = { type = "number", min = 0, max = 1, default = 0.85 },
  edges = { type = "boolean", default = true },
}


function app.run(input, context)
  local image, flaw = context.open_image(input.image_url, "image_url", { max_pixels = 16e6 })
  if not image then return nil, flaw end
  if image.width < 16 or image.height < 16 then
    return nil, context.flaw("image_url", "image_too_small", "At least 16 pixels on each side, please", nil,
                             { min_width = 16, min_height = 16 })
  end
  context.log(("%d x %d"):format(image.width, image.height))
  local gray = fal.check(image:gray())
  local dark = fal.check(fal.image.new(image.width, image.height, input.dark))
  local light = fal.check(fal.image.new(image.width, image.height, input.light))
  local picture = fal.check(dark:blend(light, gray))
  if input.edges then
    context.progress(0.5)
    picture = fal.check(picture:blend(dark, fal.check(image:canny { blur = 1.5 })))
  end
  if input.strength < 1 then picture = fal.check(image:blend(picture, input.strength)) end
  return { image = context.image(picture) }
end

return app
