-- Pictures: fal.image and the methods of its pictures.
--
-- Arguments are checked here, pixels are worked on in C. A method that makes
-- a picture leaves its own as it is, and the new one has the texts of the old
-- one. What takes long is done by another thread while the task that asked
-- waits and others go on; where nobody else is there to go on it is simply
-- done. Read when it is first used.

local core = require "fal.core"
local options = require "fal.options"
local tasks = require "fal.tasks"

local raw = core.image
local methods = raw.methods
local go = tasks.work
local image = {}

local MOST = 2147483647
local COLOR = [[a color is "#rgb", "#rrggbb", "#rrggbbaa", {r, g, b[, a]} or a gray, in numbers from 0 to 255]]
local FILTERS = {
  auto = true, nearest = true, box = true, triangle = true, catmull = true, mitchell = true, lanczos = true,
}
local SHAPES = { rectangle = true, ellipse = true, flood = true }


---- What was given ---------------------------------------------------------

-- Each raises for the caller of the method that asks.

local function picture(value, what)
  local kind = raw.kind(value)
  if kind == "open" then return value end
  error(what .. (kind and ": the image is closed" or ": an image was due, not a " .. type(value)), 3)
end


local function number(value, what, least, most)
  if type(value) ~= "number" then error(what .. " must be a number, not a " .. type(value), 3) end
  if not (value >= least and value <= most) then
    error(("%s must be from %g to %g, not %g"):format(what, least, most, value), 3)
  end
  return value
end


local function whole(value, what, least, most)
  if type(value) ~= "number" or value % 1 ~= 0 then
    error(("%s must be a whole number, not %s"):format(what,
      type(value) == "number" and ("%g"):format(value) or "a " .. type(value)), 3)
  end
  if value < least or value > most then
    error(("%s must be from %d to %d, not %.0f"):format(what, least, most, value), 3)
  end
  return value
end


local function color(value, what)
  if raw.color(value) then return value end
  error(what .. ": " .. COLOR, 3)
end


local function one_of(value, what, known)
  if known[value] then return value end
  local near = type(value) == "string" and options.nearest(value, known)
  error(("%s cannot be '%s'%s"):format(what, tostring(value), near and ": did you mean '" .. near .. "'?" or ""), 3)
end


-- { max_pixels =, max_bytes =, max_text = } as three values.
local function limits(what, opt)
  opt = options.check(what, opt, { max_pixels = "number", max_bytes = "number", max_text = "number" }, 3)
  for name, value in pairs(opt) do
    if value < 0 or value ~= value then error(("option '%s' is negative"):format(name), 3) end
  end
  return opt.max_pixels, opt.max_bytes, opt.max_text
end


-- What is around a picture when nothing is said: nothing, or black.
local function background(im)
  return im.channels % 2 == 0 and "#00000000" or "#000"
end


-- The texts of a picture, as they are now.
local function texts(im)
  local copy = {}
  for name, value in pairs(im.text) do copy[name] = value end
  return copy
end


local function with_texts(text, im, err)
  if not im then return nil, err end
  im.text = text
  return im
end


---- Making, reading, writing -----------------------------------------------

-- A picture of one color; without one, of nothing.
function image.new(width, height, fill)
  whole(width, "new: width", 1, MOST)
  whole(height, "new: height", 1, MOST)
  if fill ~= nil then color(fill, "new") end
  return raw.new(width, height, fill)
end


local function source(value, what)
  if type(value) == "string" then return value end
  error(what .. " takes a string, not a " .. type(value), 3)
end


function image.open(path_or_bytes, opt)
  return go(raw.open, source(path_or_bytes, "image.open"), limits("image.open", opt))
end


function image.decode(bytes, opt)
  return go(raw.decode, source(bytes, "image.decode"), limits("image.decode", opt))
end


-- What a picture is, without decoding it.
function image.info(path_or_bytes, opt)
  return raw.info(nil, source(path_or_bytes, "image.info"), limits("image.info", opt))
end


-- What made a picture, from its texts: see made.read.
function image.made(path_or_bytes, opt)
  local info, err = raw.info(nil, source(path_or_bytes, "image.made"), limits("image.made", opt))
  if not info then return nil, err end
  local found = require("fal.made").read(info.text)
  if found then return found end
  return nil, core.error { code = "protocol", retryable = false, message = "what made it is not written in it" }
end


local PNG = { level = "number", text = "table" }
local SAVE = { level = "number", text = "table", overwrite = "boolean" }


local function level_of(opt)
  local level = opt.level
  if level and (level % 1 ~= 0 or level < -1 or level > 9) then
    error("option 'level' must be from 0 to 9", 3)
  end
  return level
end


function methods:png(opt)
  picture(self, "png")
  opt = options.check("image:png", opt, PNG, 2)
  return go(raw.png, self, level_of(opt), opt.text)
end


function methods:data_uri(opt)
  picture(self, "data_uri")
  opt = options.check("image:data_uri", opt, PNG, 2)
  return go(raw.data_uri, self, level_of(opt), opt.text)
end


function methods:save(path, opt)
  picture(self, "save")
  if type(path) ~= "string" then error("save takes the path of a file, not a " .. type(path), 2) end
  opt = options.check("image:save", opt, SAVE, 2)
  return go(raw.save, self, level_of(opt), opt.text, path, opt.overwrite)
end


---- Size -------------------------------------------------------------------

-- To a size in pixels. Of width and height one may be nil: proportions stay.
function methods:resize(width, height, opt)
  picture(self, "resize")
  opt = options.check("image:resize", opt, { filter = "string" }, 2)
  if width == nil and height == nil then error("resize: neither a width nor a height", 2) end
  if width ~= nil then whole(width, "resize: width", 1, MOST) end
  if height ~= nil then whole(height, "resize: height", 1, MOST) end
  local w, h = self.width, self.height
  width = width or math.min(MOST, math.max(1, math.floor(w * height / h + 0.5)))
  height = height or math.min(MOST, math.max(1, math.floor(h * width / w + 0.5)))
  local filter = one_of(opt.filter or "auto", "option 'filter'", FILTERS)
  return with_texts(texts(self), go(raw.resize, self, width, height, filter))
end


-- A part, all of it inside.
function methods:crop(x, y, width, height)
  picture(self, "crop")
  whole(x, "crop: x", 0, self.width - 1)
  whole(y, "crop: y", 0, self.height - 1)
  whole(width, "crop: width", 1, self.width - x)
  whole(height, "crop: height", 1, self.height - y)
  return with_texts(texts(self), go(raw.crop, self, x, y, width, height))
end


-- Room around it: so many pixels, or { left =, top =, right =, bottom = }.
function methods:border(sides, fill)
  picture(self, "border")
  if type(sides) == "number" then
    sides = { left = sides, top = sides, right = sides, bottom = sides }
  end
  options.check("image:border", sides, { left = "number", top = "number", right = "number", bottom = "number" }, 2)
  local left = whole(sides.left or 0, "border: left", 0, MOST)
  local top = whole(sides.top or 0, "border: top", 0, MOST)
  local right = whole(sides.right or 0, "border: right", 0, MOST)
  local bottom = whole(sides.bottom or 0, "border: bottom", 0, MOST)
  fill = fill == nil and background(self) or color(fill, "border")
  return with_texts(texts(self), go(raw.border, self, fill, left, top, right, bottom))
end


-- Room that gives it an aspect: width / height, or "16:9".
function methods:pad(aspect, fill)
  picture(self, "pad")
  if type(aspect) == "string" then
    local w, h = aspect:match "^(%d+%.?%d*)[:/](%d+%.?%d*)$"
    if not w or tonumber(w) == 0 or tonumber(h) == 0 then
      error("pad: '" .. aspect .. "' is no aspect such as \"16:9\"", 2)
    end
    aspect = w / h
  end
  number(aspect, "pad: aspect", 1e-6, 1e6)
  fill = fill == nil and background(self) or color(fill, "pad")
  return with_texts(texts(self), go(raw.pad, self, fill, aspect))
end


---- Color ------------------------------------------------------------------

-- Without colors: one channel, and alpha if there was one.
function methods:gray()
  picture(self, "gray")
  return with_texts(texts(self), go(raw.gray, self))
end


-- The complement of colors; alpha stays.
function methods:invert()
  picture(self, "invert")
  return with_texts(texts(self), go(raw.invert, self))
end


-- Gaussian blur, 'sigma' in pixels.
function methods:blur(sigma)
  picture(self, "blur")
  number(sigma, "blur: sigma", 0, 1000)
  return with_texts(texts(self), go(raw.blur, self, sigma))
end


local CANNY = { "number", "number", low = "number", high = "number", blur = "number" }


-- Edges, white on black: { low = 100, high = 200, blur = 0 } or { 100, 200 }.
function methods:canny(opt)
  picture(self, "canny")
  opt = options.check("image:canny", opt, CANNY, 2)
  local low = number(opt.low or opt[1] or 100, "canny: low", 0, 1e6)
  local high = number(opt.high or opt[2] or math.max(200, low), "canny: high", low, 1e6)
  local blur = number(opt.blur or 0, "canny: blur", 0, 1000)
  local text, im, err = texts(self), self, nil
  if blur > 0 then im, err = go(raw.blur, self, blur) end
  if not im then return nil, err end
  return with_texts(text, go(raw.canny, im, low, high))
end


---- Together ---------------------------------------------------------------

-- Another picture on it, its top left at (x, y), wherever that is.
function methods:paste(top, x, y, opt)
  picture(self, "paste")
  picture(top, "paste")
  opt = options.check("image:paste", opt, { opacity = "number" }, 2)
  x = whole(x or 0, "paste: x", -MOST, MOST)
  y = whole(y or 0, "paste: y", -MOST, MOST)
  local opacity = number(opt.opacity or 1, "paste: opacity", 0, 1)
  return with_texts(texts(self), go(raw.paste, self, top, x, y, opacity))
end


-- blend(top, mask): 'top' where the mask is white. blend(mask): nothing where
-- the mask is black.
function methods:blend(top, mask)
  picture(self, "blend")
  picture(top, "blend")
  if mask == nil then return with_texts(texts(self), go(raw.cut, self, top)) end
  if type(mask) == "number" then
    number(mask, "blend: share", 0, 1)
    mask = raw.new(1, 1, math.floor(mask * 255 + 0.5))
    local err
    mask, err = go(raw.resize, mask, self.width, self.height, "nearest")
    if not mask then return nil, err end
  end
  picture(mask, "blend")
  return with_texts(texts(self), go(raw.blend, self, top, mask))
end


local MASK = {
  "number", "number", "number", "number", x = "number", y = "number", width = "number", height = "number",
  shape = "string", tolerance = "number", feather = "number", invert = "boolean",
}


-- A mask of the picture's size, white where it is in. A function says so of
-- each pixel: f(x, y, r, g, b, a) -> true, false, or 0 to 255. A table is
-- { x, y, width, height } or with names; shape = "rectangle" | "ellipse", or
-- "flood": what is connected to (x, y) and of its color, within a tolerance;
-- feather = sigma makes its edge soft, invert = true turns it around.
function methods:mask(what)
  picture(self, "mask")
  if type(what) == "function" then return raw.mask(nil, self, what) end
  local opt = options.check("image:mask", what, MASK, 2)
  local shape = one_of(opt.shape or "rectangle", "option 'shape'", SHAPES)
  local x, y = opt.x or opt[1] or 0, opt.y or opt[2] or 0
  local feather = number(opt.feather or 0, "mask: feather", 0, 1000)
  local mask, err
  if shape == "flood" then
    whole(x, "mask: x", 0, self.width - 1)
    whole(y, "mask: y", 0, self.height - 1)
    mask, err = go(raw.flood, self, x, y, whole(opt.tolerance or 0, "mask: tolerance", 0, 255))
  else
    number(x, "mask: x", -1e9, 1e9)
    number(y, "mask: y", -1e9, 1e9)
    local width = number(opt.width or opt[3] or math.max(0, self.width - x), "mask: width", 0, 1e9)
    local height = number(opt.height or opt[4] or math.max(0, self.height - y), "mask: height", 0, 1e9)
    mask, err = go(raw.shape, self, shape, x, y, width, height)
  end
  if mask and feather > 0 then mask, err = go(raw.blur, mask, feather) end
  if mask and opt.invert then mask, err = go(raw.invert, mask) end
  return mask, err
end


-- A color over what is connected to (x, y) and of its color.
function methods:flood(x, y, fill, opt)
  picture(self, "flood")
  whole(x, "flood: x", 0, self.width - 1)
  whole(y, "flood: y", 0, self.height - 1)
  color(fill, "flood")
  opt = options.check("image:flood", opt, { tolerance = "number" }, 2)
  local tolerance = whole(opt.tolerance or 0, "flood: tolerance", 0, 255)
  return with_texts(texts(self), go(raw.flood, self, x, y, tolerance, fill))
end


---- Contact sheets ---------------------------------------------------------

local SHEET = {
  columns = "number", cell = "number|table", captions = "table|string", gap = "number",
  caption_size = "number", background = true, color = true,
}


-- Captions as one string, each ending with a zero byte. A string names the
-- text of each picture to take.
local function captions_of(images, captions)
  local list = {}
  for i, im in ipairs(images) do
    local s
    if type(captions) == "string" then s = im.text[captions]
    elseif captions then s = captions[i] end
    list[i] = tostring(s or ""):gsub("%z", " ")
  end
  return table.concat(list, "\0") .. "\0"
end


-- Pictures in rows, each in a cell of { width, height } (or a square), with
-- captions below: strings, or the name of a text that the pictures have.
function image.sheet(images, opt)
  if type(images) ~= "table" then
    error("image.sheet takes a list of images, not a " .. type(images), 2)
  end
  if #images == 0 then error("image.sheet: there is no image in the list", 2) end
  for i = 1, #images do picture(images[i], "image.sheet: entry " .. i) end
  opt = options.check("image.sheet", opt, SHEET, 2)
  local cell = opt.cell or 256
  local w = type(cell) == "table" and (cell[1] or cell.width) or cell
  local h = type(cell) == "table" and (cell[2] or cell.height) or cell
  whole(w, "image.sheet: width of a cell", 1, MOST)
  whole(h, "image.sheet: height of a cell", 1, MOST)
  if opt.columns then whole(opt.columns, "image.sheet: columns", 1, MOST) end
  if opt.gap then whole(opt.gap, "image.sheet: gap", 0, MOST) end
  if opt.caption_size then number(opt.caption_size, "image.sheet: caption_size", 1, 1000) end
  if opt.background ~= nil then color(opt.background, "image.sheet: background") end
  if opt.color ~= nil then color(opt.color, "image.sheet: color") end
  return go(raw.sheet, images, captions_of(images, opt.captions), opt.columns, w, h, opt.gap, opt.caption_size,
    opt.background, opt.color)
end


setmetatable(methods, nil)   -- they are here now (see fal.module)
return image
