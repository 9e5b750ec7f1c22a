-- image_size: a preset's name, or {width=, height=}.

local schema = require "falua.serve.schema"

local sizes = {}

local MAX_SIDE = 14142          -- as fal has it
local MIN_SIDE = 16             -- less is no picture
local MAX_PIXELS = 4096 * 4096  -- more takes this machine too long

local presets = {
  square_hd = {1024, 1024},
  square = {512, 512},
  portrait_4_3 = {768, 1024},
  portrait_16_9 = {576, 1024},
  landscape_4_3 = {1024, 768},
  landscape_16_9 = {1024, 576},
}

local names = {"square_hd", "square", "portrait_4_3", "portrait_16_9",
               "landscape_4_3", "landscape_16_9"}

local side = {type = "integer", above = 0, max = MAX_SIDE, default = 512}
local fields = {width = side, height = side}


-- fal's own kinds of flaw have a page each.
function sizes.model_flaw(loc, kind, msg, input, ctx)
  local flaw = schema.flaw(loc, kind, msg, input, ctx)
  flaw.url = "https://docs.fal.ai/errors/#" .. kind
  return flaw
end


local function check_area(size, v, loc, flaws)
  if size.width < MIN_SIDE or size.height < MIN_SIDE then
    flaws[#flaws + 1] = sizes.model_flaw(loc, "image_too_small",
      ("The local preview needs at least %d pixels on each side")
      :format(MIN_SIDE), v, {min_width = MIN_SIDE, min_height = MIN_SIDE})
  elseif size.width * size.height > MAX_PIXELS then
    flaws[#flaws + 1] = sizes.model_flaw(loc, "image_too_large",
      ("The local preview paints at most %d pixels, such as 4096 x 4096")
      :format(MAX_PIXELS), v, {max_width = 4096, max_height = 4096})
  else
    return size
  end
end


-- A type for schema.lua: {width=, height=}.
function sizes.type(v, loc, flaws)
  if schema.is_object(v) then
    local before = #flaws
    local size = schema.object(fields, v, loc, flaws)
    return #flaws == before and check_area(size, v, loc, flaws) or nil
  end
  local name = schema.value(v, {type = "string", enum = names}, loc, flaws)
  return name and {width = presets[name][1], height = presets[name][2]}
end


-- The size of a preset, for defaults.
function sizes.preset(name)
  return {width = presets[name][1], height = presets[name][2]}
end


return sizes
