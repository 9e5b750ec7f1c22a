-- ImageMagick, as what our operations on pictures are compared with.

local fal = require "fal"
local child = require "spec.support.child"

local magick = {}

-- Version 7 has one program; of version 6 'convert' is the one we need.
local PROGRAM = child.sh "command -v magick || command -v convert":match "[^\n]+"


-- A picture with what pictures have: slopes, edges, fine detail and, when
-- asked for, transparency.
function magick.photo(width, height, alpha)
  local im = fal.image.new(width, height, alpha and "#00000000" or "#000")
  for y = 0, height - 1 do
    for x = 0, width - 1 do
      local u, v = x / width, y / height
      local wave = math.sin(40 * u * v + 9 * u) * 50
      local disc = (u - 0.6) ^ 2 + (v - 0.4) ^ 2 < 0.05 and 90 or 0
      local fine = (x + y) % 7 == 0 and 30 or 0
      local function byte(t) return math.floor(math.max(0, math.min(255, t)) + 0.5) end
      im:pixel(x, y, {
        byte(200 * u + wave + fine), byte(120 + wave - disc), byte(220 * v + disc),
        alpha and byte(300 * (1 - u) + disc - 20) or 255,
      })
    end
  end
  return im
end


-- Runs ImageMagick on pictures: in the command %1, %2... are theirs. Returns
-- the picture it makes.
function magick.run(command, ...)
  assert(PROGRAM, "ImageMagick is not here: tools/deps test installs it")
  local dir = child.sh "mktemp -d":match "[^\n]+"
  local files = { ... }
  for i, im in ipairs(files) do fal.check(im:save(dir .. "/" .. i .. ".png")) end
  local line = command:gsub("%%(%d)", function (i) return dir .. "/" .. i .. ".png" end)
  local out, code = child.sh(PROGRAM .. " " .. line .. " -depth 16 " .. dir .. "/out.png")
  assert(code == 0, out)
  local im = fal.check(fal.image.open(dir .. "/out.png"))
  child.sh("rm -r " .. dir)
  return im
end


-- The largest and the mean difference of two pictures of one size. What is
-- (nearly) transparent in both has no color to differ in.
function magick.difference(a, b)
  assert(a.width == b.width and a.height == b.height,
    ("%d x %d is not %d x %d"):format(a.width, a.height, b.width, b.height))
  local most, sum, n = 0, 0, 0
  for y = 0, a.height - 1 do
    for x = 0, a.width - 1 do
      local p, q = { a:pixel(x, y) }, { b:pixel(x, y) }
      for c = p[4] < 16 and q[4] < 16 and 4 or 1, 4 do
        local d = math.abs(p[c] - q[c])
        most, sum, n = math.max(most, d), sum + d, n + 1
      end
    end
  end
  return most, sum / n
end


return magick
