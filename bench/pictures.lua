-- pictures.lua -- the tables of pictures: PNGs against libpng, libspng and
-- ImageMagick, what is done with pixels against ImageMagick and
-- stb_image_resize

local kit = require "kit"

local pictures = {}


local function png_row(line)
  local picture, name, encode, size, decode, plain = line:match "^(.-)\t(.-)\t(%S+)\t(%d+)\t(%S+)\t(%S+)$"
  return picture, { name = name, encode = tonumber(encode), size = tonumber(size), decode = tonumber(decode),
                    plain = tonumber(plain) }
end


-- One program does all rounds (png.c); a table for each picture.
function pictures.png()
  local libs = ("%s/libpaint.a %s/libfal.a $(pkg-config --cflags --libs libpng zlib libdeflate spng) -ldl -lm")
    :format(kit.build, kit.build)
  if not kit.compile("png", libs) then
    return kit.say "PNG is left out: bench/png.c does not compile (libspng-dev?)"
  end
  kit.say("PNG, %d rounds", kit.rounds)
  local last, base
  for line in (kit.output(kit.on_cpu(0, ("%s/png %d"):format(kit.bin, kit.rounds))) or ""):gmatch "[^\n]+" do
    local picture, row = png_row(line)
    if picture ~= last then
      last, base = picture, row
      print(("\n**PNG, 1024 x 1024 RGB: %s**\n\n| | encode, CPU ms | %s ÷ it | bytes | × %s | decode, CPU ms "
        .. "| × libpng on the same file |\n|---|---:|---:|---:|---:|---:|---:|"):format(picture, base.name, base.name))
    end
    print(("| %s | %.1f | %.2f | %d | %.3f | %.1f | %.2f |"):format(row.name, row.encode, base.encode / row.encode,
      row.size, row.size / base.size, row.decode, row.decode / row.plain))
    kit.log("what", "png " .. picture, "name", row.name, "encode_ms", row.encode, "decode_ms", row.decode,
      "libpng_ms", row.plain, "bytes", row.size)
  end
end


-- The same for operations on pixels (pixels.c): one table.
function pictures.pixels()
  local libs = ("%s/libfal.a $(pkg-config --libs libpng zlib libdeflate) -ldl -lm"):format(kit.build)
  if not kit.compile("pixels", "-DSTB -w " .. libs) and not kit.compile("pixels", libs) then
    return kit.say "pixels are left out: bench/pixels.c does not compile"
  end
  kit.say("pixels, %d rounds", kit.rounds)
  print "\n**Operations on pixels, CPU ms**\n\n| | ImageMagick | stb_image_resize | fal | ImageMagick ÷ fal |"
  print "|---|---:|---:|---:|---:|"
  local function cell(ms) return ms > 0 and ("%.1f"):format(ms) or "" end
  for line in (kit.output(kit.on_cpu(0, ("%s/pixels %d"):format(kit.bin, kit.rounds))) or ""):gmatch "[^\n]+" do
    local name, magick, stb, fal = line:match "^(.-)\t(%S+)\t(%S+)\t(%S+)$"
    magick, stb, fal = tonumber(magick), tonumber(stb), tonumber(fal)
    print(("| %s | %s | %s | %.1f | %s |"):format(name, cell(magick), cell(stb), fal,
      magick > 0 and ("%.2f"):format(magick / fal) or ""))
    kit.log("what", name, "magick_ms", magick, "stb_ms", stb, "fal_ms", fal)
  end
end


return pictures
