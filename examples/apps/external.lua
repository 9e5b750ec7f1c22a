-- Wraps a program: "local/charcoal" gives a picture to ImageMagick. Apps have
-- all of Lua's standard library; a program that hangs is killed with the call.

local fal = require "fal"

local app = fal.app "local/charcoal"

app.description = "A charcoal drawing of a picture, by ImageMagick."
app.category = "image-to-image"
app.limits = { time = 30 }

app.input = {
  image_url = { type = "file", required = true },
  radius = { type = "number", min = 0, max = 10, default = 2 },
}


-- Is there such a program?
local function find(program)
  local p = io.popen("command -v " .. program .. " 2>/dev/null")
  local path = p:read "l"
  p:close()
  return path
end


-- Runs 'command' with %s for the names of two files: the bytes given, and those
-- it has to write.
local function filter(command, bytes)
  local before, after = os.tmpname(), os.tmpname()
  local f = assert(io.open(before, "wb"))
  f:write(bytes)
  f:close()
  local p = io.popen(command:format(before, after) .. " 2>&1")
  local said = p:read "a"
  local ok = p:close()
  f = io.open(after, "rb")
  local result = f:read "a"
  f:close()
  os.remove(before)
  os.remove(after)
  if not ok or result == "" then return nil, said end
  return result
end


function app.run(input, context)
  local convert = find "magick" or find "convert"
  if not convert then
    return nil, context.fail("feature_not_supported", "ImageMagick is not installed here")
  end
  local image, flaw = context.open_image(input.image_url, "image_url")   -- a picture, and no other file
  if not image then return nil, flaw end
  local command = ("%s 'png:%%s' -charcoal %g 'png:%%s'"):format(convert, input.radius)
  local png, said = filter(command, fal.check(image:png()))
  if not png then
    context.log(said)
    return nil, context.fail("internal_server_error", "ImageMagick could not do it")
  end
  return { image = context.image(png) }
end

return app
