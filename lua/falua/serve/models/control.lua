-- Control images: which an input has, and of what kind each is.

local paint = require "falua.serve.paint"
local studio = require "falua.serve.models.studio"

local control = {}


-- What a path such as "InstantX/FLUX.1-dev-Controlnet-Canny" or a mode such
-- as "depth" speaks of; edges when it says nothing.
function control.kind(...)
  for _, word in ipairs {...} do
    word = word:lower()
    if paint.is_guide(word) then return word end
  end
  return "canny"
end


-- Opens a control image and adds it to the recipe. true; or false and a flaw.
function control.add(context, r, value, loc, kind, scale)
  local image, flaw = studio.open(context, value, loc)
  if not image then return false, flaw end
  r.guides[#r.guides + 1] = {image = image, kind = kind, scale = scale}
  return true
end


return control
