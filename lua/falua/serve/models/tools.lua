-- Preprocessors and tools: edges (real), depth and background (guesses), the
-- share of skin colours.

local paint = require "falua.serve.paint"
local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"

local url = {image_url = fields.picture(), sync_mode = fields.flag(false)}


---- Background -----------------------------------------------------------

-- The picture with what is behind made transparent, and the mask.
local function cut(image)
  local mask, err = paint.cutout(image)
  if not mask then return nil, err end
  local out
  out, err = image:blend(mask)
  if not out then return nil, err end
  return out, mask
end


local function to_box(image, mask)
  local x, y, w, h = paint.bounds(mask)
  return x and image:crop(x, y, w, h) or image
end


local function remove(_, image, input)
  local out, mask = cut(image)
  if not out then return nil, mask end
  return input.crop_to_bbox and to_box(out, mask) or out
end


local function remove_with_mask(context, image, input)
  local out, mask = cut(image)
  if not out then return nil, mask end
  if not input.output_mask then return out end
  local shown, err = studio.single(context, mask, {
    model = "fal-ai/birefnet", inline = input.sync_mode, format = "png"})
  if not shown then return nil, err end
  return out, {mask_image = shown}
end


local birefnet = fields.with(url, {
  model = fields.one_of("General Use (Light)", {
    "General Use (Light)", "General Use (Light 2K)", "General Use (Heavy)",
    "General Use (Dynamic)", "Matting", "Portrait"}),
  operating_resolution = fields.one_of("1024x1024", {"1024x1024",
                                                     "2048x2048", "2304x2304"}),
  output_format = fields.format(), output_mask = fields.flag(false),
  refine_foreground = fields.flag(true),
})


---- Edges, depth ---------------------------------------------------------

local function edges(context, image, input)
  if input.low_threshold > input.high_threshold then
    return nil, context.flaw("low_threshold", "less_than_equal",
      "Input should be less than or equal to high_threshold",
      input.low_threshold, {le = input.high_threshold})
  end
  local soft = image:blur(1)
  return soft:canny {low = input.low_threshold, high = input.high_threshold}
end


local function depth(_, image)
  return paint.depth(image)
end


---- Skin -----------------------------------------------------------------

local function skin(input, context)
  local image, flaw = studio.open(context, input.image_url, "image_url")
  if not image then return nil, flaw end
  context.log "a count of skin colours, which knows nothing of what is shown"
  local share = paint.skin(image)
  return {nsfw_probability = math.max(0, math.min(1, (share - 0.4) / 0.6))}
end


local function background(id, input, make, title)
  return studio.utility {
    id = id, input = input, make = make, bare = true, title = title,
    description = "What is like the border of the picture is taken away",
  }
end


local thresholds = fields.with(url, {
  low_threshold = fields.integer(100, 0, 2040),
  high_threshold = fields.integer(200, 0, 2040),
})

local guess = fields.with(url, {
  a = fields.number(6.28), bg_th = fields.number(0.1),
  depth_and_normal = fields.flag(false),
})


local function preprocessor(id, input, make, title)
  return studio.utility {id = id, input = input, make = make, bare = true,
                         title = title}
end


return {
  background("fal-ai/birefnet", birefnet, remove_with_mask, "BiRefNet"),
  background("fal-ai/birefnet/v2", birefnet, remove_with_mask, "BiRefNet v2"),
  background("fal-ai/imageutils/rembg",
             fields.with(url, {crop_to_bbox = fields.flag(false)}), remove,
             "Remove background"),
  background("fal-ai/bria/background/remove", url, remove,
             "Bria background removal"),
  preprocessor("fal-ai/image-preprocessors/canny", thresholds, edges,
               "Canny's edges"),
  preprocessor("fal-ai/imageutils/canny", thresholds, edges, "Canny's edges"),
  preprocessor("fal-ai/image-preprocessors/depth-anything/v2", url, depth,
               "Depth, guessed"),
  preprocessor("fal-ai/image-preprocessors/midas", guess, depth,
               "Depth, guessed"),
  preprocessor("fal-ai/imageutils/depth", guess, depth, "Depth, guessed"),
  {
    id = "fal-ai/imageutils/nsfw", input = {image_url = fields.picture()},
    run = skin, category = "vision", units = 1, title = "Skin colours",
  },
}
