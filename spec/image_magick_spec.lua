-- What is done with pictures, compared with what ImageMagick does. All
-- say how much a channel may differ, of 255.

local fal = require "fal"
local magick = require "spec.support.magick"

local photo, run, difference = magick.photo, magick.run, magick.difference
local OPAQUE = photo(97, 64)
local ALPHA = photo(61, 70, true)


-- 'most' is what one channel of one pixel may differ by, 'mean' all together.
local function close(most, mean, ours, theirs)
  local d, m = difference(ours, theirs)
  assert.is_true(d <= most and m <= mean,
    ("differ by %d (%.4f in the mean), not by at most %d (%.4f)"):format(d, m, most, mean))
end


describe("as in ImageMagick", function ()
  it("pictures are resized", function ()
    for _, row in ipairs {
      { 40, 30 }, { 20, 5 }, { 200, 150 }, { 97, 20 },
      { 40, 30, "triangle", "Triangle" }, { 200, 150, "catmull", "Catrom" }, { 150, 100, "lanczos", "Lanczos" },
      { 50, 32, "mitchell", "Mitchell" }, { 20, 16, "box", "Box" },
    } do
      local w, h, filter, theirs = row[1], row[2], row[3], row[4] and "-filter " .. row[4] or ""
      -- (it cuts what is darker than black between its two passes)
      close(6, 0.06, OPAQUE:resize(w, h, { filter = filter }),
        run(("%%1 %s -resize %dx%d!"):format(theirs, w, h), OPAQUE))
    end
  end)

  it("pictures with alpha are resized", function ()
    for _, row in ipairs {
      { 30, 35, "lanczos", "Lanczos" }, { 122, 140, "mitchell", "Mitchell" }, { 10, 10, "triangle", "Triangle" },
    } do
      close(2, 0.02, ALPHA:resize(row[1], row[2], { filter = row[3] }),
        run(("%%1 -filter %s -resize %dx%d!"):format(row[4], row[1], row[2]), ALPHA))
    end
  end)

  it("pictures are enlarged without mixing", function ()
    close(0, 0, OPAQUE:resize(291, 192, { filter = "nearest" }), run("%1 -sample 291x192!", OPAQUE))
  end)

  it("parts are taken", function ()
    close(0, 0, OPAQUE:crop(13, 7, 50, 40), run("%1 -crop 50x40+13+7 +repage", OPAQUE))
    close(0, 0, ALPHA:crop(0, 69, 61, 1), run("%1 -crop 61x1+0+69 +repage", ALPHA))
  end)

  it("pictures get borders", function ()
    close(0, 0, OPAQUE:border(5, "#ff8000"), run("%1 -bordercolor '#ff8000' -border 5x5", OPAQUE))
    close(0, 0, OPAQUE:pad("115:64", "#123456"), run("%1 -background '#123456' -gravity center -extent 115x64", OPAQUE))
    close(0, 0, ALPHA:pad(141 / 70), run("%1 -background none -gravity center -extent 141x70", ALPHA))
  end)

  it("colors are dropped and inverted", function ()
    close(1, 0.5, OPAQUE:gray(), run("%1 -grayscale Rec601Luma", OPAQUE))
    close(0, 0, OPAQUE:invert(), run("%1 -channel RGB -negate", OPAQUE))
    close(0, 0, ALPHA:invert(), run("%1 -channel RGB -negate", ALPHA))
  end)

  it("pictures are blurred", function ()
    for _, sigma in ipairs { 0.5, 1, 2.5, 8 } do
      close(1, 0.2, OPAQUE:blur(sigma), run("%1 -gaussian-blur 0x" .. sigma, OPAQUE))
    end
    close(2, 0.4, OPAQUE:blur(20), run("%1 -gaussian-blur 0x20", OPAQUE))
    close(4, 0.1, ALPHA:blur(2), run("%1 -gaussian-blur 0x2", ALPHA))
  end)

  it("pictures are pasted", function ()
    close(1, 0.5, OPAQUE:paste(ALPHA, 30, -10), run("%1 %2 -geometry +30-10 -composite", OPAQUE, ALPHA))
    close(2, 0.5, ALPHA:paste(ALPHA:crop(5, 5, 40, 40), 7, 20),
      run("%1 %2 -geometry +7+20 -composite", ALPHA, ALPHA:crop(5, 5, 40, 40)))
    close(1, 0.5, OPAQUE:paste(OPAQUE:invert(), 0, 0, { opacity = 0.4 }),
      run("%1 %2 -define compose:args=40 -compose blend -composite", OPAQUE, OPAQUE:invert()))
  end)

  it("pictures are blended by masks", function ()
    local mask = OPAQUE:mask { 20, 10, 50, 40, shape = "ellipse", feather = 4 }
    close(1, 0.5, OPAQUE:blend(OPAQUE:invert(), mask), run("%1 %2 %3 -composite", OPAQUE, OPAQUE:invert(), mask))
    close(0, 0, OPAQUE:blend(mask), run("%1 %2 -alpha off -compose CopyOpacity -composite", OPAQUE, mask))
  end)

  it("masks are drawn", function ()
    close(0, 0, OPAQUE:mask { 10, 20, 30, 25 },
      run("-size 97x64 xc:black -fill white -draw 'rectangle 10,20 39,44'"))
    -- (its edges lie half a pixel farther out)
    close(64, 0.8, OPAQUE:mask { 10, 12, 60, 40, shape = "ellipse" },
      run("-size 97x64 xc:black -fill white -draw 'ellipse 39.5,31.5 29.5,19.5 0,360'"))
  end)

  it("regions are filled", function ()
    local shapes = OPAQUE:mask { 10, 20, 30, 25 }:paste(fal.image.new(9, 9, "#888"), 35, 40)
    for _, at in ipairs { { 0, 0 }, { 12, 22 }, { 36, 41 } } do
      local x, y = at[1], at[2]
      close(0, 0, shapes:flood(x, y, "#f00"), run(("%%1 -fill red -draw 'color %d,%d floodfill'"):format(x, y), shapes))
    end
  end)
end)


describe("edges", function ()
  -- The farthest a white pixel of one picture is from the nearest of another.
  local function farthest(a, b)
    local most = 0
    for y = 0, a.height - 1 do
      for x = 0, a.width - 1 do
        if a:pixel(x, y) == 255 then
          local least = math.huge
          for j = math.max(0, y - 6), math.min(a.height - 1, y + 6) do
            for i = math.max(0, x - 6), math.min(a.width - 1, x + 6) do
              if b:pixel(i, j) == 255 then least = math.min(least, math.max(math.abs(i - x), math.abs(j - y))) end
            end
          end
          most = math.max(most, least)
        end
      end
    end
    return most
  end

  it("are where ImageMagick finds them", function ()
    local shapes = fal.image.new(120, 90, "#30343c")
      :blend(fal.image.new(120, 90, "#e0c060"), fal.image.new(120, 90):mask { 12, 10, 50, 60, shape = "ellipse" })
      :blend(fal.image.new(120, 90, "#a03020"), fal.image.new(120, 90):mask { 70, 20, 40, 50 })
    local ours = shapes:canny { 100, 200, blur = 1 }
    local theirs = run("%1 -colorspace Gray -canny 0x1+10%+30% -threshold 50%", shapes)
    assert.is_true(farthest(ours, theirs) <= 2)
    assert.is_true(farthest(theirs, ours) <= 2)
  end)
end)
