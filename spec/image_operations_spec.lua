-- What pictures can be asked for: what comes of it, and what is refused.
-- (Pixels are compared with ImageMagick's in image_magick_spec.lua and with
-- cases computed by hand in spec/c/test_pixels.c.)

local fal = require "fal"
local image = fal.image


local function refused(code, pattern, v, err)
  assert.is_nil(v)
  assert.equal(code, err.code)
  assert.matches(pattern, err.message)
end


-- Raises where it was called: here, in this file.
local function raises(pattern, f, ...)
  local args, n = { ... }, select("#", ...)
  local ok, message = pcall(function () local r = f((table.unpack or unpack)(args, 1, n)) return r end)
  assert.is_false(ok)
  assert.matches(pattern, tostring(message))
  assert.matches("image_operations_spec", tostring(message))
end


local function size(im, width, height, channels)
  assert.same({ width, height, channels }, { im.width, im.height, im.channels })
end


local function picture()
  local im = image.new(8, 6, "#204060")
  im:pixel(3, 2, "#ffffff")
  im.text.prompt = "bir kıyı"
  return im
end


describe("a picture made from another", function ()
  it("leaves that one as it is and has its texts", function ()
    local im = picture()
    local before, other = im:png(), image.new(8, 6, "#ffffff88")
    local mask = im:mask { 1, 1, 3, 3 }
    for name, made in pairs {
      resize = im:resize(4, 3), crop = im:crop(0, 0, 4, 3), border = im:border(2), pad = im:pad(1),
      gray = im:gray(), invert = im:invert(), blur = im:blur(1), canny = im:canny(),
      paste = im:paste(other), blend = im:blend(other, mask), cut = im:blend(mask), flood = im:flood(0, 0, "#f00"),
    } do
      assert.same({ prompt = "bir kıyı" }, made.text, name)
      made.text.prompt = "other"
      made:pixel(0, 0, "#123")
    end
    assert.equal(before, im:png())
    assert.same({}, mask.text)
    assert.same({}, image.sheet({ im }).text)
  end)

  it("may be one of a kind", function ()
    local im = image.new(1, 1, "#123")
    size(im:resize(5, 4), 5, 4, 3)
    size(im:canny(), 1, 1, 1)
    size(im:blur(50), 1, 1, 3)
    assert.same({ 17, 34, 51, 255 }, { im:resize(9, 9):pixel(8, 8) })
  end)
end)


describe("image:resize", function ()
  it("keeps proportions when one side is not said", function ()
    local im = image.new(400, 300, "#000")
    size(im:resize(100), 100, 75, 3)
    size(im:resize(nil, 30), 40, 30, 3)
    size(image.new(1000, 1, "#000"):resize(10), 10, 1, 3)
  end)

  it("refuses sizes and filters that there are not", function ()
    local im = picture()
    raises("neither a width nor a height", im.resize, im)
    raises("width must be from 1 to 2147483647, not 0", im.resize, im, 0, 1)
    raises("height must be a whole number, not 1.5", im.resize, im, 1, 1.5)
    raises("width must be a whole number, not a string", im.resize, im, "big", 1)
    raises("'filter' cannot be 'lancos': did you mean 'lanczos'", im.resize, im, 1, 1, { filter = "lancos" })
    raises("no option 'fliter': did you mean 'filter'", im.resize, im, 1, 1, { fliter = "box" })
    raises("an image was due, not a table", im.resize, {}, 1, 1)
    refused("toobig", "100000000", im:resize(20000, 20000))
    refused("toobig", "memory to compute", im:resize(90000000, 1))
  end)

  it("raises for a closed picture", function ()
    local im = picture()
    im:close()
    for _, name in ipairs { "resize", "crop", "gray", "blur", "canny", "mask", "png", "save", "flood" } do
      raises("the image is closed", im[name], im, 1, 1, 1, 1)
    end
  end)
end)


describe("image:crop", function ()
  it("stays inside", function ()
    local im = picture()
    raises("crop: width must be from 1 to 5, not 6", im.crop, im, 3, 0, 6, 1)
    raises("crop: y must be from 0 to 5, not 6", im.crop, im, 0, 6, 1, 1)
  end)
end)


describe("image:border and image:pad", function ()
  it("make room of a color, or black, or nothing", function ()
    local im = picture()
    size(im:border(2), 12, 10, 3)
    assert.same({ 0, 0, 0, 255 }, { im:border(2):pixel(0, 0) })
    local some = im:border({ left = 3, bottom = 1 }, "#ff000080")
    size(some, 11, 7, 4)
    assert.same({ 255, 0, 0, 128 }, { some:pixel(2, 6) })
    assert.same({ 32, 64, 96, 255 }, { some:pixel(3, 0) })
    assert.same({ 0, 0, 0, 0 }, { image.new(2, 2):border(1):pixel(0, 0) })
  end)

  it("pad to an aspect", function ()
    local im = picture()
    size(im:pad(1), 8, 8, 3)
    size(im:pad(8 / 6), 8, 6, 3)
    size(im:pad("16:9", "#fff"), 11, 6, 3)
    assert.same({ 255, 255, 255, 255 }, { im:pad("1:2", "#fff"):pixel(0, 0) })
  end)

  it("refuse what is no room", function ()
    local im = picture()
    raises("a color is", im.border, im, 1, "red")
    raises("border: left must be from 0", im.border, im, -1)
    raises("has no option 'lft': did you mean 'left'", im.border, im, { lft = 1 })
    raises("'wide' is no aspect", im.pad, im, "wide")
    raises("'1:0' is no aspect", im.pad, im, "1:0")
    raises("aspect must be from", im.pad, im, 0)
    raises("aspect must be a number, not a nil", im.pad, im)
    refused("toobig", "a picture of", im:border(20000))
    refused("toobig", "too", im:pad(1e6):pad(1e-6))
  end)
end)


describe("image:gray and image:invert", function ()
  it("keep alpha", function ()
    size(image.new(2, 2, "#123"):gray(), 2, 2, 1)
    size(image.new(2, 2, "#11223344"):gray(), 2, 2, 2)
    assert.same({ 238, 221, 204, 68 }, { image.new(1, 1, "#11223344"):invert():pixel(0, 0) })
  end)
end)


describe("image:blur and image:canny", function ()
  local function step()
    return image.new(20, 20, "#000"):paste(image.new(10, 20, "#c8c8c8"), 10, 0)
  end

  it("take thresholds by place or by name", function ()
    local im = step()
    for _, opt in ipairs { { 100, 200 }, { low = 100, high = 200 }, {}, { low = 300 }, { blur = 0.5 } } do
      local edges, n = im:canny(opt), 0
      size(edges, 20, 20, 1)
      for x = 0, 19 do n = n + (edges:pixel(x, 10) == 255 and 1 or 0) end
      assert.equal(1, n)
    end
    assert.equal(im:canny():png(), im:canny { 100, 200 }:png())
    assert.equal(0, (im:canny { 100, 800 }:pixel(9, 5)))
  end)

  it("refuse what makes no sense", function ()
    local im = step()
    raises("high must be from 200 to", im.canny, im, { 200, 100 })
    raises("low must be from 0", im.canny, im, { low = -1 })
    raises("has no option 'hihg': did you mean 'high'", im.canny, im, { hihg = 1 })
    raises("sigma must be from 0 to 1000, not %-1", im.blur, im, -1)
    raises("sigma must be from 0 to 1000", im.blur, im, 0 / 0)
    raises("sigma must be a number, not a nil", im.blur, im)
  end)
end)


describe("image:paste and image:blend", function ()
  it("lay one on another", function ()
    local im, top = image.new(4, 4, "#000"), image.new(2, 2, "#ffffff80")
    assert.same({ 128, 128, 128, 255 }, { im:paste(top, 3, 3):pixel(3, 3) })
    assert.same({ 64, 64, 64, 255 }, { im:paste(top, -1, -1, { opacity = 0.5 }):pixel(0, 0) })
    assert.same({ 0, 0, 0, 255 }, { im:paste(top, 100, 100):pixel(3, 3) })
    size(im:gray():paste(image.new(1, 1, "#f00")), 4, 4, 3)
  end)

  it("mix two by a mask or a number", function ()
    local a, b = image.new(4, 1, "#000"), image.new(4, 1, "#c86432")
    local mask = a:mask(function (x) return x * 85 end)
    local mixed = a:blend(b, mask)
    assert.same({ 0, 0, 0, 255 }, { mixed:pixel(0, 0) })
    assert.same({ 67, 33, 17, 255 }, { mixed:pixel(1, 0) })
    assert.same({ 200, 100, 50, 255 }, { mixed:pixel(3, 0) })
    assert.same({ 100, 50, 25, 255 }, { a:blend(b, 0.5):pixel(2, 0) })
  end)

  it("cut out by a mask alone", function ()
    local cut = image.new(4, 1, "#c86432"):blend(image.new(4, 1):mask { 1, 0, 2, 1 })
    size(cut, 4, 1, 4)
    assert.same({ 200, 100, 50, 0 }, { cut:pixel(0, 0) })
    assert.same({ 200, 100, 50, 255 }, { cut:pixel(1, 0) })
  end)

  it("refuse what does not fit", function ()
    local im = picture()
    refused("validation", "a mask of 2 x 2 for a picture of 8 x 6", im:blend(im, image.new(2, 2)))
    refused("validation", "a second picture of 2 x 2", im:blend(image.new(2, 2), image.new(2, 2)))
    raises("an image was due, not a string", im.paste, im, "x")
    raises("an image was due, not a boolean", im.blend, im, im, true)
    raises("opacity must be from 0 to 1, not 2", im.paste, im, im, 0, 0, { opacity = 2 })
    raises("x must be a whole number, not 0.5", im.paste, im, im, 0.5, 0)
  end)
end)


describe("image:mask", function ()
  local function drawn(mask)
    local rows = {}
    size(mask, mask.width, mask.height, 1)
    for y = 0, mask.height - 1 do
      local row = {}
      for x = 0, mask.width - 1 do
        local v = mask:pixel(x, y)
        row[#row + 1] = v == 255 and "#" or v == 0 and "." or "+"
      end
      rows[#rows + 1] = table.concat(row)
    end
    return table.concat(rows, "\n")
  end

  it("is a rectangle, by place or by name", function ()
    local im = image.new(5, 3)
    local expected = ".....\n..##.\n..##."
    assert.equal(expected, drawn(im:mask { 2, 1, 2, 2 }))
    assert.equal(expected, drawn(im:mask { x = 2, y = 1, width = 2, height = 2 }))
    assert.equal("##.##\n##.##\n##.##", drawn(im:mask { 2, 0, 1, 3, invert = true }))
    assert.equal("..###\n..###\n..###", drawn(im:mask { x = 2 }))
    assert.equal(".....\n.....\n.....", drawn(im:mask { 9, 9, 1, 1 }))
    assert.equal("+....\n.....\n.....", drawn(im:mask { 0, 0, 0.5, 0.5 }))
  end)

  it("is an ellipse", function ()
    assert.equal("+++\n+#+\n+++", drawn(image.new(3, 3):mask { 0, 0, 3, 3, shape = "ellipse" }))
  end)

  it("is what is connected and alike", function ()
    local im = image.new(5, 2, "#000")
    im:pixel(2, 0, "#fff")
    im:pixel(2, 1, "#0a0a0a")
    assert.equal("##...\n##...", drawn(im:mask { 0, 0, shape = "flood" }))
    assert.equal("##.##\n#####", drawn(im:mask { x = 4, y = 1, shape = "flood", tolerance = 10 }))
  end)

  it("is what a function says", function ()
    local im = image.new(4, 2, "#000")
    im:pixel(3, 1, "#0000ff80")
    assert.equal("#...\n.#..", drawn(im:mask(function (x, y) return x == y end)))
    assert.equal("....\n...#", drawn(im:mask(function (_, _, _, _, b) return b > 100 end)))
    assert.equal(".+##\n.+##", drawn(im:mask(function (x) return x * 128 end)))
    local seen = {}
    im:mask(function (...) seen[#seen + 1] = table.concat({ ... }, " ") end)
    assert.equal("3 1 0 0 255 255", seen[8])
  end)

  it("can have a soft edge", function ()
    local mask = image.new(40, 40):mask { 10, 10, 20, 20, feather = 2 }
    local edge = mask:pixel(10, 20)
    assert.is_true(edge > 130 and edge < 160)
    assert.equal(255, (mask:pixel(20, 20)))
    assert.equal(0, (mask:pixel(1, 20)))
  end)

  it("is refused when it makes no sense", function ()
    local im = picture()
    raises("takes a table of options, not a string", im.mask, im, "all")
    raises("'shape' cannot be 'elipse': did you mean 'ellipse'", im.mask, im, { shape = "elipse" })
    raises("width must be from 0", im.mask, im, { 0, 0, -1, 1 })
    raises("x must be from 0 to 7, not 8", im.mask, im, { 8, 0, shape = "flood" })
    raises("no option 'featther'", im.mask, im, { featther = 1 })
    raises("at work", im.mask, im, function () error "at work" end)
  end)

  it("survives a function that closes the picture", function ()
    local im = picture()
    local ok, message = pcall(im.mask, im, function () im:close() end)
    assert.is_false(ok)
    assert.matches("image is closed", message)
  end)
end)


describe("image:flood", function ()
  it("paints over what is connected and alike", function ()
    local im = image.new(3, 1, "#000"):paste(image.new(1, 1, "#fff"), 1, 0)
    local red = im:flood(0, 0, "#f00")
    assert.same({ 255, 0, 0, 255 }, { red:pixel(0, 0) })
    assert.same({ 0, 0, 0, 255 }, { red:pixel(2, 0) })
    assert.same({ 255, 0, 0, 255 }, { im:flood(0, 0, "#f00", { tolerance = 255 }):pixel(2, 0) })
    size(im:flood(0, 0, "#ff000000"), 3, 1, 4)
    raises("x must be from 0 to 2, not 3", im.flood, im, 3, 0, "#f00")
    raises("a color is", im.flood, im, 0, 0)
    raises("tolerance must be from 0 to 255, not 256", im.flood, im, 0, 0, 0, { tolerance = 256 })
  end)
end)


describe("image.sheet", function ()
  local reds = {}
  for i = 1, 5 do
    reds[i] = image.new(20, 10, { 50 * i, 0, 0 })
    reds[i].text.prompt = "a picture of the number " .. i .. ", red all over and nothing else on it"
  end

  -- Pixels that are not the background, in rows from y on.
  local function ink(im, y, h)
    local n = 0
    for j = y, y + h - 1 do
      for x = 0, im.width - 1 do n = n + (im:pixel(x, j) < 200 and 1 or 0) end
    end
    return n
  end

  it("has as many columns as rows unless told", function ()
    local sheet = image.sheet(reds, { cell = { 20, 10 }, gap = 2 })
    size(sheet, 3 * 22 + 2, 2 * 12 + 2, 3)
    assert.same({ 100, 0, 0, 255 }, { sheet:pixel(24, 2) })
    assert.same({ 250, 0, 0, 255 }, { sheet:pixel(24, 14) })
    assert.same({ 255, 255, 255, 255 }, { sheet:pixel(46, 14) })
    size(image.sheet(reds, { cell = 20, gap = 0, columns = 5 }), 100, 20, 3)
    size(image.sheet(reds, { cell = 20, gap = 0, columns = 50 }), 100, 20, 3)
    size(image.sheet { reds[1] }, 256 + 32, 256 + 32, 3)
  end)

  it("has captions", function ()
    local plain = image.sheet(reds, { cell = 80, columns = 5 })
    local sheet = image.sheet(reds, { cell = 80, columns = 5, captions = { "one", nil, "three" } })
    local named = image.sheet(reds, { cell = 80, columns = 5, captions = "prompt" })
    assert.is_true(sheet.height > plain.height)
    assert.is_true(named.height > sheet.height, "two lines")
    assert.is_true(ink(sheet, 97, 15) > 40)
    assert.equal(sheet:png(), image.sheet(reds, { cell = 80, columns = 5, captions = { "one", "", "three" } }):png())
    image.sheet(reds, { captions = { "zero\0byte", ("W"):rep(5000), " ", "çok uzun", "\255" } })
  end)

  it("has colors", function ()
    local sheet = image.sheet(reds, { background = "#00000000", captions = "prompt", color = "#0f0" })
    size(sheet, sheet.width, sheet.height, 4)
    assert.equal(0, (select(4, sheet:pixel(0, 0))))
  end)

  it("is refused when it makes no sense", function ()
    raises("takes a list of images, not a nil", image.sheet)
    raises("there is no image in the list", image.sheet, {})
    raises("entry 2: an image was due, not a string", image.sheet, { reds[1], "x" })
    raises("no option 'column': did you mean 'columns'", image.sheet, reds, { column = 1 })
    raises("width of a cell must be from 1", image.sheet, reds, { cell = 0 })
    raises("columns must be from 1", image.sheet, reds, { columns = 0 })
    refused("toobig", "100000000", image.sheet(reds, { cell = 30000 }))
  end)
end)
