-- fal.image: pictures made, encoded, read, and files that are not right.
-- (Every kind of PNG and every broken one is in spec/c/test_image.c.)

local fal = require "fal"
local pngs = require "spec.support.pngs"
local image = fal.image


local SIGNATURE, END = pngs.SIGNATURE, pngs.END
local header, idat = pngs.header, pngs.idat
local JPEG = "\255\216\255\192\0\17\8\2\0\3\0\3\0\0\0\0\0\0\0"


local function gray(...)
  return SIGNATURE .. header(select("#", ...), 1, 0) .. idat("\0" .. string.char(...)) .. END
end


local function refused(code, pattern, v, err)
  assert.is_nil(v)
  assert.equal(code, err.code)
  assert.matches(pattern, err.message)
end


local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, tostring(message))
end


describe("image.new", function ()
  it("makes transparent black when no color is given", function ()
    local im = image.new(3, 2)
    assert.equal(3, im.width)
    assert.equal(2, im.height)
    assert.equal(4, im.channels)
    assert.same({ 0, 0, 0, 0 }, { im:pixel(2, 1) })
  end)

  it("understands every way to write a color", function ()
    for _, row in ipairs {
      { "#f80", 3, 255, 136, 0, 255 },
      { "#FF8000", 3, 255, 128, 0, 255 },
      { "#ff800040", 4, 255, 128, 0, 64 },
      { { 1, 2, 3 }, 3, 1, 2, 3, 255 },
      { { 1, 2, 3, 4 }, 4, 1, 2, 3, 4 },
      { 128, 3, 128, 128, 128, 255 },
    } do
      local im = image.new(2, 2, row[1])
      assert.equal(row[2], im.channels)
      assert.same({ row[3], row[4], row[5], row[6] }, { im:pixel(1, 1) })
    end
  end)

  it("raises for what is no color", function ()
    for _, color in ipairs { "red", "#12", "#12345g", "#1234", {}, { 1, 2 }, { 1, 2, 256 }, -1, 256, true } do
      raises("a color is", image.new, 1, 1, color)
    end
  end)

  it("raises for a size that no picture has", function ()
    raises("must be from 1 to", image.new, 0, 1)
    raises("must be from 1 to", image.new, 1, -1)
    raises("new: width must be a whole number, not a table", image.new, {}, 1)
    raises("new: height must be a whole number, not 1.5", image.new, 1, 1.5)
  end)

  it("refuses a picture over the limits", function ()
    refused("toobig", "20000 x 20000 pixels: at most 100000000", image.new(20000, 20000))
  end)
end)


describe("an image", function ()
  it("gives and takes pixels, counted from 0 at the top left", function ()
    local im = image.new(3, 2, "#000")
    im:pixel(2, 0, "#010203")
    im:pixel(0, 1, { 9, 9, 9, 9 })
    assert.same({ 1, 2, 3, 255 }, { im:pixel(2, 0) })
    assert.same({ 9, 9, 9, 255 }, { im:pixel(0, 1) })
    raises("must be from 0 to 2", im.pixel, im, 3, 0)
    raises("must be from 0 to 1", im.pixel, im, 0, -1)
  end)

  it("of one channel turns colors into grays", function ()
    local im = fal.check(image.decode(gray(10, 20)))
    assert.equal(1, im.channels)
    assert.same({ 20, 20, 20, 255 }, { im:pixel(1, 0) })
    im:pixel(1, 0, "#ff0000")
    assert.same({ 76, 76, 76, 255 }, { im:pixel(1, 0) })
  end)

  it("can be cropped", function ()
    local im = image.new(4, 4, "#000")
    im:pixel(2, 3, "#fff")
    local part = im:crop(1, 2, 3, 2)
    assert.equal(3, part.width)
    assert.equal(2, part.height)
    assert.same({ 255, 255, 255, 255 }, { part:pixel(1, 1) })
    assert.same({ 0, 0, 0, 255 }, { part:pixel(0, 1) })
    raises("must be from 1 to 2", im.crop, im, 2, 0, 3, 1)
    raises("must be from 0 to 3", im.crop, im, 0, 4, 1, 1)
  end)

  it("is of no use once closed, but can be closed again", function ()
    local im = image.new(1, 1)
    im:close()
    im:close()
    assert.equal("fal.image (closed)", tostring(im))
    raises("image is closed", im.pixel, im, 0, 0)
    raises("image is closed", im.png, im)
    raises("image is closed", function () return im.width end)
  end)

  it("says what it is", function ()
    assert.equal("fal.image (3 x 2, 4 channels)", tostring(image.new(3, 2)))
  end)

  it("has no metamethods to call, and only its text can be set", function ()
    local im = image.new(1, 1)
    assert.is_nil(im.__gc)
    assert.is_nil(im.nonsense)
    raises("only 'text' can be set", function () im.width = 3 end)
    raises("must be a table, not a string", function () im.text = "x" end)
  end)

  it("survives being closed while it is used", function ()
    local im = image.new(8, 8)
    local trap = setmetatable({}, { __index = function () im:close() end })
    raises("image is closed", im.png, im, trap)
  end)

  it("is collected soon, pixels and all", function ()
    local alive, most = setmetatable({}, { __mode = "k" }), 0
    for _ = 1, 60 do
      alive[image.new(1000, 1000)] = true
      local n = 0
      for im in pairs(alive) do
        if tostring(im) ~= "fal.image (closed)" then n = n + 1 end
      end
      most = math.max(most, n)
    end
    assert.is_true(most < 20, most .. " pictures of 4 MB were alive at once")
  end)
end)


describe("a PNG", function ()
  local TEXTS = { prompt = "bir kıyı kasabası", seed = "42", Author = "René", cat = "\240\159\144\136" }

  local function picture()
    local im = image.new(20, 10, "#204060")
    for i = 0, 9 do im:pixel(i, i, { i, 2 * i, 3 * i }) end
    for name, value in pairs(TEXTS) do im.text[name] = value end
    return im
  end

  it("has the pixels and the texts of the image", function ()
    local im = picture()
    for level = -1, 9 do
      local back = fal.check(image.decode(fal.check(im:png { level = level })))
      assert.equal(20, back.width)
      assert.equal(10, back.height)
      assert.equal(3, back.channels)
      for y = 0, 9 do
        for x = 0, 19 do assert.same({ im:pixel(x, y) }, { back:pixel(x, y) }) end
      end
      assert.same(TEXTS, back.text)
    end
  end)

  it("keeps alpha", function ()
    local back = fal.check(image.decode(image.new(2, 2, "#01020304"):png()))
    assert.equal(4, back.channels)
    assert.same({ 1, 2, 3, 4 }, { back:pixel(0, 0) })
  end)

  it("is the same for the same image, whatever the order of its texts", function ()
    local a, b = image.new(5, 5), image.new(5, 5)
    for i = 1, 20 do a.text["key" .. i] = "v" .. i end
    for i = 20, 1, -1 do b.text["key" .. i] = "v" .. i end
    assert.equal(a:png(), b:png())
    assert.equal(a:png(), fal.check(image.decode(a:png())):png())
    assert.is_nil(a:png():find("tIME", 1, true))
  end)

  it("has Latin-1 as tEXt, the rest as iTXt", function ()
    local bytes = image.new(1, 1):png { text = { a = "René\n", b = "ş" } }
    assert.truthy(bytes:find("tEXta\0Ren\233\n", 1, true))
    assert.truthy(bytes:find("iTXtb\0\0\0\0\0ş", 1, true))
  end)

  it("takes texts as an option without changing the image", function ()
    local im = image.new(1, 1)
    im.text.a, im.text.b = "1", "2"
    local text = fal.check(image.decode(im:png { text = { b = "two", c = "3" } })).text
    assert.same({ a = "1", b = "two", c = "3" }, text)
    assert.same({ a = "1", b = "2" }, im.text)
  end)

  it("follows what is done to the texts", function ()
    local im = fal.check(image.decode(picture():png()))
    im.text.prompt = nil
    im.text.seed = 43
    im.text.new = "x"
    local text = fal.check(image.decode(im:png())).text
    assert.same({ seed = "43", new = "x", Author = TEXTS.Author, cat = TEXTS.cat }, text)
    im.text = { only = "this" }
    assert.same({ only = "this" }, fal.check(image.decode(im:png())).text)
  end)

  it("cannot have just any text", function ()
    local im = image.new(1, 1)
    refused("validation", "not UTF%-8", im:png { text = { a = "\255" } })
    refused("validation", "zero byte", im:png { text = { a = "a\0b" } })
    refused("validation", "no keyword", im:png { text = { ["ı"] = "x" } })
    refused("validation", "no keyword", im:png { text = { [("k"):rep(80)] = "x" } })
    raises("text.a must be a string, not a table", im.png, im, { text = { a = {} } })
    raises("names must be strings", im.png, im, { text = { "a" } })
    raises("a zero byte in the name", im.png, im, { text = { ["a\0b"] = "x" } })
    im.text.a = true
    raises("text.a must be a string, not a boolean", im.png, im)
  end)

  it("raises for options that it does not have", function ()
    local im = image.new(1, 1)
    raises("no option 'lvel': did you mean 'level'", im.png, im, { lvel = 1 })
    raises("no option 'tetx': did you mean 'text'", im.save, im, "x.png", { tetx = {} })
    raises("no option 'max_pixel': did you mean 'max_pixels'", image.decode, "", { max_pixel = 1 })
    raises("option 'max_text' is negative", image.decode, "", { max_text = -1 })
    raises("from 0 to 9", im.png, im, { level = 10 })
    raises("option 'text' of image:png must be a table", im.png, im, { text = "x" })
  end)

  it("can be a data: URI", function ()
    local uri = image.new(2, 2):data_uri { text = { a = "b" } }
    assert.matches("^data:image/png;base64,iVBORw0KGgo[%w+/]+=*$", uri)
  end)
end)


describe("files", function ()
  local dir

  local function read(path)
    local f = io.open(path, "rb")
    if not f then return nil end
    local s = f:read("*a")
    f:close()
    return s
  end

  local function names()
    local p = io.popen("ls -A '" .. dir .. "'")
    local s = p:read("*a")
    p:close()
    return s
  end

  before_each(function ()
    dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir '" .. dir .. "'"))
  end)

  after_each(function ()
    os.execute("rm -r '" .. dir .. "'")
  end)

  it("are saved whole, with nothing beside them", function ()
    local im = image.new(9, 9, "#fff")
    local path = dir .. "/a.png"
    assert.equal(path, im:save(path, { text = { prompt = "kedi" } }))
    assert.equal(read(path), im:png { text = { prompt = "kedi" } })
    assert.equal("a.png\n", names())
    assert.equal("kedi", fal.check(image.open(path)).text.prompt)
  end)

  it("are overwritten unless that is refused", function ()
    local path = dir .. "/a.png"
    fal.check(image.new(1, 1):save(path))
    fal.check(image.new(2, 2):save(path))
    local before = read(path)
    refused("file", "a%.png", image.new(3, 3):save(path, { overwrite = false }))
    assert.equal(before, read(path))
    assert.equal("a.png\n", names())
  end)

  it("that cannot be written are an error", function ()
    refused("file", "/proc/nowhere/a%.png", image.new(1, 1):save("/proc/nowhere/a.png"))
  end)

  it("are named by errors", function ()
    refused("file", "/nowhere%.png", image.open(dir .. "/nowhere.png"))
    refused("file", dir:gsub("%p", "%%%0"), image.info(dir))
    local path = dir .. "/text.png"
    local f = io.open(path, "wb")
    f:write("no picture at all")
    f:close()
    refused("protocol", "/text%.png: not a PNG", image.open(path))
    refused("protocol", "/text%.png: not a picture", image.info(path))
  end)

  it("are told from bytes by how these begin", function ()
    local path = dir .. "/a.png"
    local im = image.new(4, 4, "#123")
    im:save(path)
    assert.equal(4, fal.check(image.open(path)).width)
    assert.equal(4, fal.check(image.open(im:png())).width)
    assert.equal(4, fal.check(image.info(path)).width)
    refused("protocol", "^image/jpeg: only PNG is decoded here", image.open(JPEG))
    assert.matches("output_format", select(2, image.open(JPEG)).hint)
  end)
end)


describe("image.info", function ()
  it("knows a PNG without decoding it", function ()
    local im = image.new(30, 20, "#fff")
    im.text.prompt = "ağaç"
    local info = fal.check(image.info(im:png()))
    assert.same({ type = "image/png", width = 30, height = 20, channels = 3, depth = 8,
      palette = false, interlaced = false, text = { prompt = "ağaç" } }, info)
  end)

  it("knows other types by their header", function ()
    local info = fal.check(image.info(JPEG))
    assert.same({ type = "image/jpeg", width = 768, height = 512, text = {} }, info)
    info = fal.check(image.info("GIF89a\64\1\240\0"))
    assert.same({ type = "image/gif", width = 320, height = 240, text = {} }, info)
  end)

  it("says when a header is not whole", function ()
    refused("protocol", "image/jpeg: its header is cut short", image.info(JPEG:sub(1, 8)))
    refused("protocol", "PNG: the file is cut short after 20 bytes", image.info(image.new(1, 1):png():sub(1, 20)))
  end)
end)


describe("a broken file", function ()
  local good = image.new(6, 5, "#a04020"):png { level = 0, text = { a = "b" } }

  it("is an error wherever it is cut", function ()
    refused("protocol", "it is empty", image.decode(""))
    for n = 1, #good - 1 do
      refused("protocol", "cut short after " .. n .. " bytes", image.decode(good:sub(1, n)))
    end
  end)

  it("is an error wherever a byte is changed", function ()
    for i = 1, #good do
      local other = string.char((good:byte(i) + 1) % 256)
      local im, err = image.decode(good:sub(1, i - 1) .. other .. good:sub(i + 1))
      assert.is_nil(im)
      assert.equal("protocol", err.code)
    end
    local at = good:find("IDAT", 1, true) + 12
    refused("protocol", "bad CRC in the chunk IDAT",
      image.decode(good:sub(1, at - 1) .. "\77" .. good:sub(at + 1)))
  end)

  it("may lie about its size", function ()
    local function lying(width, height)
      return SIGNATURE .. header(width, height, 0) .. idat("\0\1\2") .. END
    end
    assert.equal(2, fal.check(image.decode(lying(2, 1))).width)
    refused("protocol", "header %(IHDR%) lies: it says 2 x 2", image.decode(lying(2, 2)))
    refused("protocol", "header %(IHDR%) lies: it says 1 x 1", image.decode(lying(1, 1)))
    refused("protocol", "header %(IHDR%) lies: no picture is 0 x 1", image.decode(lying(0, 1)))
    refused("protocol", "header %(IHDR%) lies: no picture is 2147483648 x 1", image.decode(lying(2147483648, 1)))
    refused("toobig", "2147483647 x 1 pixels: at most", image.decode(lying(2147483647, 1)))
  end)

  it("may have no picture in it, or not be one", function ()
    refused("protocol", "no picture %(IDAT%)", image.decode(SIGNATURE .. header(1, 1, 0) .. END))
    refused("protocol", "not a PNG", image.decode("<html>Not found</html>"))
  end)

  it("may be larger than allowed", function ()
    refused("toobig", "6 x 5 pixels: at most 29 pixels", image.decode(good, { max_pixels = 29 }))
    refused("toobig", "more than 80 bytes", image.decode(good, { max_bytes = 80 }))
    local long = image.new(1, 1):png { text = { a = ("x"):rep(1001) } }
    refused("toobig", "larger than allowed", image.decode(long, { max_text = 1000 }))
    refused("toobig", "larger than allowed", image.info(long, { max_text = 1000 }))
    assert.truthy(image.decode(long, { max_text = 1001 }))
  end)
end)
