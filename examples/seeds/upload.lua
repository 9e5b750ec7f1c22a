-- A file of one's own as input: uploaded first, then named by its URL. (Or
-- say image_url = fal.file "photo.png": then the call uploads it by itself.)
--
--   falua --local examples/seeds/upload.lua [FOLDER [PHOTO]]

local fal = require "fal"
local out, photo = arg[1] or "out", arg[2]

if not photo then
  local sheet = fal.check(fal.image.new(256, 256, "#88bbee"))
  local sun = fal.check(fal.image.new(256, 256, "#ffdd55"))
  local disc = fal.check(sheet:mask { x = 88, y = 40, width = 80, height = 80, shape = "ellipse", feather = 2 })
  photo = fal.check(fal.check(sheet:blend(sun, disc)):save(out .. "/photo.png"))
end

local url, sent = fal.check(fal.storage.upload_file(photo))
print("uploaded", sent.bytes, url)
local result = fal.check(fal.run("fal-ai/flux/dev/image-to-image", { input = {
  image_url = url, prompt = "the same sun over the sea, oil painting", strength = 0.75, seed = 9,
} }))
print("picture", fal.check(fal.save(result, out .. "/painting.{ext}", { overwrite = true }))[1])
