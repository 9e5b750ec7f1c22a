-- PNGs as others write them: every kind, made by ImageMagick, which also says
-- what the pixels are; the same files broken; and ten thousand by chance.

local fal = require "fal"
local child = require "spec.support.child"
local pngs = require "spec.support.pngs"
local server = require "spec.support.server"
local image = fal.image

local MAGICK = child.sh "command -v convert" ~= ""
local LEAK = 64 * 1024   -- KB that memory may grow by in ten thousand files

local dir


-- Sources, and what makes a kind of file of them. The numbers are what
-- image.info must say: channels in the file, depth.
local GRAY, COLOR = "-seed 7 -size %s plasma:fractal -colorspace Gray", "-seed 7 -size %s plasma:fractal"
local ALPHA = " -alpha set -channel A -sparse-color Barycentric '0,0 white %%[fx:w-1],%%[fx:h-1] black' +channel"
local KINDS = {
  { "gray1", GRAY, 0, 1, 1 }, { "gray2", GRAY, 0, 2, 1 }, { "gray4", GRAY, 0, 4, 1 }, { "gray8", GRAY, 0, 8, 1 },
  { "gray16", GRAY, 0, 16, 1 }, { "rgb8", COLOR, 2, 8, 3 }, { "rgb16", COLOR, 2, 16, 3 },
  { "palette1", COLOR .. " +dither -colors 2", 3, 1, 1 }, { "palette2", COLOR .. " +dither -colors 4", 3, 2, 1 },
  { "palette4", COLOR .. " +dither -colors 16", 3, 4, 1 }, { "palette8", COLOR .. " +dither -colors 200", 3, 8, 1 },
  { "graya8", GRAY .. ALPHA, 4, 8, 2 }, { "graya16", GRAY .. ALPHA, 4, 16, 2 },
  { "rgba8", COLOR .. ALPHA, 6, 8, 4 }, { "rgba16", COLOR .. ALPHA, 6, 16, 4 },
}


local function sh(command)
  local out, code = child.sh(command)
  assert(code == 0, command .. "\n" .. out)
  return out
end


local function file(name)
  return dir .. "/" .. name .. ".png"
end


local function write(name, bytes)
  local f = assert(io.open(file(name), "wb"))
  f:write(bytes)
  f:close()
end


-- Makes one file: its name.
local function make(list, name, source, size, color, depth, more)
  local how = color == 3 and "-define png:bit-depth=%d %s PNG8:%s"
    or "-define png:color-type=" .. color .. " -define png:bit-depth=%d %s PNG:%s"
  list[#list + 1] = ("convert %s -depth %d " .. how):format(source:format(size), math.max(depth, 8), depth,
    more or "", file(name))
  return name
end


-- What the shell makes at once.
local function make_all()
  local commands, names = { "cd " .. dir }, {}
  for _, k in ipairs(KINDS) do
    for _, way in ipairs { "None", "PNG" } do
      names[#names + 1] = make(commands, k[1] .. way, k[2], "33x31", k[3], k[4], "-interlace " .. way)
    end
  end
  for size = 1, 9 do  -- passes of interlacing that have no pixels
    for _, way in ipairs { "None", "PNG" } do
      local pair = ("%dx%d"):format(size, 10 - size)
      names[#names + 1] = make(commands, "size" .. pair .. way, COLOR .. " +dither -colors 9", pair, 3, 4, "-interlace " .. way)
      names[#names + 1] = make(commands, "gray" .. pair .. way, GRAY, pair, 0, 1, "-interlace " .. way)
    end
  end
  for filter = 0, 5 do
    names[#names + 1] = make(commands, "filter" .. filter, COLOR, "40x30", 2, 8,
      "-define png:compression-filter=" .. filter)
  end
  for _, level in ipairs { 0, 1, 9 } do
    names[#names + 1] = make(commands, "level" .. level, COLOR, "40x30", 2, 8,
      "-define png:compression-level=" .. level)
  end
  sh(table.concat(commands, "\n"))
  return names
end


local function insert_before(png, kind, new)
  local list = pngs.split(png)
  for i, c in ipairs(list) do
    if c.kind == kind then
      table.insert(list, i, new)
      return pngs.join(list)
    end
  end
end


-- Files whose transparency stands in a chunk tRNS: that of the first colors of
-- a palette, or one color without any other.
local function make_transparent()
  local names = {}
  for _, kind in ipairs { "palette1", "palette2", "palette4", "palette8" } do
    for _, way in ipairs { "None", "PNG" } do
      local trns = { kind = "tRNS", data = ("\0\100\200"):sub(1, kind == "palette1" and 1 or 3) }
      write(kind .. "t" .. way, insert_before(server.read(file(kind .. way)), "IDAT", trns))
      names[#names + 1] = kind .. "t" .. way
    end
  end
  for _, kind in ipairs { "gray1", "gray2", "gray4", "gray8", "rgb8" } do
    local name = kind .. "None"
    local png = server.read(file(name))
    local im = fal.check(image.decode(png))
    local r, g, b = im:pixel(5, 7)
    local depth = tonumber(kind:match "%d+")
    if depth < 8 then r = r / 255 * (2 ^ depth - 1) end
    local color = kind:find "^rgb" and string.char(0, r, 0, g, 0, b) or string.char(0, r)
    write(kind .. "t", insert_before(png, "IDAT", { kind = "tRNS", data = color }))
    names[#names + 1] = kind .. "t"
  end
  return names
end


-- All pixels of a picture as RGBA bytes.
local function rgba(im)
  local parts = {}
  for y = 0, im.height - 1 do
    for x = 0, im.width - 1 do parts[#parts + 1] = string.char(im:pixel(x, y)) end
  end
  return table.concat(parts)
end


-- What ImageMagick decodes the files to, in order, as RGBA bytes. It is asked
-- for 16 bits and rounded here: it would cut them to 8.
local function theirs(names)
  local files, bytes = {}, {}
  for i, name in ipairs(names) do files[i] = file(name) end
  sh(("convert %s -depth 16 -endian MSB RGBA:%s/all"):format(table.concat(files, " "), dir))
  for high, low in server.read(dir .. "/all"):gmatch "(.)(.)" do
    bytes[#bytes + 1] = string.char(math.floor((high:byte() * 256 + low:byte()) / 257 + 0.5))
  end
  return table.concat(bytes)
end


local function refused(pattern, bytes, limits)
  local im, err = image.decode(bytes, limits)
  assert.is_nil(im)
  assert.matches(pattern, err.message)
  return err
end


describe("PNGs of ImageMagick", function ()
  if not MAGICK then
    pending "ImageMagick is not installed: nothing to compare with"
    return
  end

  local names

  setup(function ()
    dir = server.folder()
    names = make_all()
    for _, name in ipairs(make_transparent()) do names[#names + 1] = name end
  end)

  teardown(function () server.remove_folder(dir) end)

  it("are of the kinds that they were to be", function ()
    for _, k in ipairs(KINDS) do
      for _, way in ipairs { "None", "PNG" } do
        local info = fal.check(image.info(file(k[1] .. way)))
        assert.same({ k[5], k[4], k[3] == 3, way == "PNG" },
          { info.channels, info.depth, info.palette, info.interlaced }, k[1])
      end
    end
  end)

  it("decode to the same pixels", function ()
    local all, at = theirs(names), 1
    for _, name in ipairs(names) do
      local im = fal.check(image.open(file(name)))
      local mine = rgba(im)
      assert.is_true(mine == all:sub(at, at + #mine - 1), name .. " is different")
      at = at + #mine
    end
    assert.equal(#all, at - 1)
  end)

  it("come back from us the same, as ImageMagick sees it", function ()
    local again = {}
    for i, name in ipairs(names) do
      again[i] = name .. "-again"
      fal.check(fal.check(image.open(file(name))):save(file(again[i]), { level = i % 11 - 1 }))
    end
    assert.is_true(theirs(names) == theirs(again))
  end)

  it("have alpha when one color is transparent", function ()
    local im = fal.check(image.open(file "gray4t"))
    assert.equal(2, im.channels)
    assert.equal(0, select(4, im:pixel(5, 7)))
    im = fal.check(image.open(file "rgb8t"))
    assert.equal(4, im.channels)
    assert.equal(0, select(4, im:pixel(5, 7)))
  end)

  it("are the same whatever their gamma, profile or place on paper", function ()
    local png = server.read(file "rgb8None")
    local plain = rgba(image.decode(png))
    for _, c in ipairs {
      { kind = "gAMA", data = pngs.be32(100000) }, { kind = "gAMA", data = pngs.be32(1) },
      { kind = "sRGB", data = "\0" }, { kind = "iCCP", data = "broken" }, { kind = "cHRM", data = ("\0"):rep(32) },
      { kind = "pHYs", data = pngs.be32(1) .. pngs.be32(9) .. "\0" }, { kind = "bKGD", data = "\0\1\0\2\0\3" },
      { kind = "sBIT", data = "\5\6\5" }, { kind = "tIME", data = "\7\230\1\1\0\0\0" }, { kind = "eXIf", data = "II*\0" },
    } do
      local list = pngs.split(png)
      for i = #list, 1, -1 do
        if list[i].kind == c.kind then table.remove(list, i) end
      end
      table.insert(list, 2, c)
      assert.is_true(plain == rgba(fal.check(image.decode(pngs.join(list)))), c.kind)
    end
  end)

  it("may have their pixels in many chunks, some of them empty", function ()
    local list, split = pngs.split(server.read(file "rgb8PNG")), {}
    for _, c in ipairs(list) do
      if c.kind ~= "IDAT" then split[#split + 1] = c
      else
        for i = 1, #c.data, 100 do
          split[#split + 1] = { kind = "IDAT", data = c.data:sub(i, i + 99) }
          split[#split + 1] = { kind = "IDAT", data = "" }
        end
      end
    end
    assert.is_true(rgba(fal.check(image.decode(pngs.join(split)))) == rgba(image.open(file "rgb8PNG")))
  end)

  it("keep what is safe to copy when they are saved", function ()
    local png = insert_before(server.read(file "rgb8None"), "IDAT", { kind = "prVt", data = "ours" })
    local im = fal.check(image.decode(png))
    im:pixel(0, 0, "#fff")
    local kinds = {}
    for _, c in ipairs(pngs.split(im:png())) do kinds[c.kind] = c.data end
    assert.equal("ours", kinds.prVt)
    assert.truthy(kinds.gAMA)
    assert.is_nil(kinds.tIME)
    assert.is_nil(im:crop(0, 0, 2, 2):png():find("prVt", 1, true))
  end)

  it("can be cut nowhere", function ()
    for _, name in ipairs { "gray1PNG", "palette8tNone", "rgba16None" } do
      local png = server.read(file(name))
      for n = 0, #png - 1, 7 do refused(n == 0 and "empty" or "cut short after " .. n .. " bytes", png:sub(1, n)) end
    end
  end)

  it("show a wrong checksum in any chunk", function ()
    for _, name in ipairs { "palette8tNone", "rgb8None" } do
      for i, c in ipairs(pngs.split(server.read(file(name)))) do
        local list = pngs.split(server.read(file(name)))
        list[i].crc = "\1\2\3\4"
        refused("bad CRC in the chunk " .. c.kind, pngs.join(list))
      end
    end
  end)

  it("show chunks that are missing, twice, or in the wrong place", function ()
    local function changed(name, change)
      local list = pngs.split(server.read(file(name)))
      local at = {}
      for i, c in ipairs(list) do at[c.kind] = at[c.kind] or i end
      change(list, at)
      return pngs.join(list)
    end
    local function without(kind) return function (list, at) table.remove(list, at[kind]) end end
    local function twice(kind) return function (list, at) table.insert(list, at[kind], list[at[kind]]) end end
    local function last(kind)
      return function (list, at)
        local c = table.remove(list, at[kind])
        table.insert(list, #list, c)
      end
    end
    for _, row in ipairs {
      { "palette8tNone", without "IHDR", "begins with a chunk" },
      { "palette8None", without "PLTE", "PLTE" },
      { "palette8tNone", without "IDAT", "no picture %(IDAT%)" },
      { "palette8tNone", without "IEND", "cut short" },
      { "palette8tNone", twice "IHDR", "IHDR" },
      { "palette8tNone", twice "PLTE", "PLTE" },
      { "palette8tNone", twice "tRNS", "tRNS" },
      { "palette8None", last "PLTE", "PLTE" },
      { "palette8tNone", last "tRNS", "tRNS" },
      { "rgb8None", last "IHDR", "begins with" },
      { "palette8None", function (list, at) list[at.PLTE].data = "\1\2" end, "PLTE" },
      { "palette8None", function (list, at) list[at.PLTE].data = ("\1"):rep(771) end, "PLTE" },
      { "palette8tNone", function (list, at) list[at.tRNS].data = ("\1"):rep(257) end, "tRNS" },
      { "rgb8None", function (list, at) list[at.IDAT].data = list[at.IDAT].data:sub(1, 9) end, "Not enough image data" },
      { "rgb8None", function (list, at) list[at.IDAT].data = "nonsense" end, "header" },
      { "rgb8None", function (list, at) table.insert(list, at.IDAT, { kind = "ABCD", data = "" }) end, "ABCD" },
    } do
      refused(row[3], changed(row[1], row[2]))
    end
  end)

  it("show a header that is none", function ()
    local png = server.read(file "gray8None")
    local function with(width, height, depth, color)
      local list = pngs.split(png)
      list[1].data = pngs.be32(width) .. pngs.be32(height) .. string.char(depth, color, 0, 0, 0)
      return pngs.join(list)
    end
    refused("no picture is 0 x 31", with(0, 31, 8, 0))
    refused("no picture is 33 x 0", with(33, 0, 8, 0))
    refused("no picture is 2147483648 x 31", with(2147483648, 31, 8, 0))
    refused("2147483647 x 31 pixels: at most", with(2147483647, 31, 8, 0))
    refused("color type 1", with(33, 31, 8, 1))
    refused("color type 5", with(33, 31, 8, 5))
    refused("depth 0", with(33, 31, 0, 0))
    refused("depth 3", with(33, 31, 3, 0))
    refused("depth 99", with(33, 31, 99, 2))
    refused("it says 33 x 32", with(33, 32, 8, 0))
    refused("it says 33 x 30", with(33, 30, 8, 0))
    refused("not a PNG", (png:gsub("^.", "\138")))
    refused("not a PNG", (png:gsub("\r\n", "\n", 1)))
  end)
end)


describe("pictures of other types", function ()
  if not MAGICK then
    pending "ImageMagick is not installed: nothing to make them with"
    return
  end

  it("are known by type and size", function ()
    dir = server.folder()
    local source = "convert -seed 7 -size 123x45 plasma:fractal "
    local webp = child.sh("convert -list format"):find "WEBP%* WEBP +rw"
    for _, row in ipairs {
      { "jpeg", "-quality 80 JPEG" }, { "jpeg", "-interlace JPEG JPEG" }, { "jpeg", "-colorspace Gray JPEG" },
      { "jpeg", "-colorspace CMYK JPEG" }, { "jpeg", "-comment '" .. ("c"):rep(60000) .. "' JPEG" },
      { "gif", "GIF" }, { "gif", "GIF87" }, { "webp", "WEBP" }, { "webp", "-define webp:lossless=true WEBP" },
      { "webp", "-alpha set -channel A -evaluate set 50% +channel WEBP" },
      { "webp", "-alpha set -channel A -evaluate set 50% +channel -define webp:lossless=true WEBP" },
    } do
      if row[1] ~= "webp" or webp then
        sh(source .. row[2] .. ":" .. dir .. "/x")
        local info = fal.check(image.info(dir .. "/x"))
        assert.same({ type = "image/" .. row[1], width = 123, height = 45, text = {} }, info, row[2])
        local im, err = image.open(dir .. "/x")
        assert.is_nil(im)
        assert.matches("image/" .. row[1] .. ": only PNG is decoded here", err.message)
      else print "  (ImageMagick has no WebP here: that is left out)" end
    end
    server.remove_folder(dir)
  end)
end)


describe("ten thousand files by chance", function ()
  local function read(path)
    local f = io.open(path)
    local text = f and f:read "*a" or ""
    if f then f:close() end
    return text
  end

  -- Kilobytes that this process takes; nil, and why, when that says nothing.
  local function memory()
    if read("/proc/self/maps"):find "libasan" then return nil, "ASan keeps what was freed, and looks for leaks itself" end
    return tonumber(read("/proc/self/status"):match "VmRSS:%s*(%d+)"), "there is no /proc"
  end

  local state = 1
  local function random(n)
    state = (state * 16807) % 2147483647
    return state % n
  end

  -- A file with some bytes changed, left out, or put in twice.
  local function mutated(png)
    for _ = 0, random(4) do
      local at, n = 1 + random(#png + 1), random(6)
      local way = random(4)
      if way == 0 then png = png:sub(1, at - 1) .. png:sub(at + n)
      elseif way == 1 then png = png:sub(1, at) .. png:sub(at - n > 0 and at - n or 1)
      elseif way == 2 then png = png:sub(1, at - 1) .. string.char(random(256)) .. png:sub(at + 1)
      else png = png:sub(1, at - 1) .. string.char(random(2) * 255):rep(n) .. png:sub(at + n) end
    end
    return png
  end

  -- Everything that takes bytes; an answer, or an error with a reason.
  local function try(png)
    local im, err = image.decode(png, { max_pixels = 65536, max_bytes = 1048576, max_text = 4096 })
    if im then
      fal.check(im:png())
      im:close()
    else assert.is_true(#err.message > 0) end
    local info
    info, err = image.info(png, { max_text = 4096 })
    assert.is_true(info ~= nil or #err.message > 0)
    return im ~= nil
  end

  it("are pictures or errors, and leave nothing in memory", function ()
    local text = { prompt = "bir kıyı", long = ("text "):rep(2000) }
    local seeds = {
      image.new(9, 7, "#a04020"):png { level = 0, text = text }, image.new(16, 16, "#a0402080"):png { text = text },
      pngs.SIGNATURE .. pngs.header(3, 1, 0) .. pngs.idat "\0\1\2\3" .. pngs.END,
      "\255\216\255\192\0\17\8\0\3\0\4\3\0\0\0\0\0\0\0", "GIF89a\64\1\240\0",
      "RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\63\1\0\239\0\0",
    }
    local good = 0
    for i = 1, 2000 do try(mutated(seeds[i % #seeds + 1])) end  -- what is needed once is there now
    collectgarbage()
    local before, why = memory()
    for i = 1, 10000 do
      if try(mutated(seeds[i % #seeds + 1])) then good = good + 1 end
    end
    collectgarbage()
    assert.is_true(good > 0)  -- chance may also spare a file
    local after = memory()
    if before then assert.is_true(after - before < LEAK, ("%d KB more"):format(after - before))
    else print("  (memory is not looked at: " .. why .. ")") end
  end)
end)
