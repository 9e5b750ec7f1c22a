-- The examples with pictures in and pictures out, run as a user runs them.

local fal = require "fal"
local child = require "spec.support.child"

local FALUA = os.getenv "FALUA" or "build/falua"


describe("the example", function ()
  local dir

  local function run(arguments)
    return child.sh(("%s --local examples/%s"):format(FALUA, arguments:gsub("DIR", dir)))
  end

  before_each(function ()
    dir = child.sh "mktemp -d":match "[^\n]+"
  end)

  after_each(function ()
    child.sh("rm -r " .. dir)
  end)

  it("contact_sheet.lua lays out every prompt with every seed", function ()
    local out, code = run "contact_sheet.lua -o DIR/a.png --seeds 2 --cell 80 'a red boat' 'a cat, asleep'"
    assert.equal(0, code, out)
    assert.equal(dir .. "/a.png\n", out)
    local sheet = fal.check(fal.image.open(dir .. "/a.png"))
    assert.equal(2 * 96 + 16, sheet.width)
    assert.equal("a red boat / a cat, asleep", sheet.text.Title)
    local _, n = child.sh("ls " .. dir .. "/a"):gsub("%.png", "")
    assert.equal(4, n)
    local one = fal.check(fal.image.open(dir .. "/a/a-cat-asleep-2.png"))
    assert.equal("2", one.text.seed)
    -- The last picture is in the last cell: no pixel there is the background.
    local x, y = sheet.width - 16 - 40, sheet.height - 16 - 60
    assert.not_same({ 255, 255, 255, 255 }, { sheet:pixel(x, y) })
  end)

  it("contact_sheet.lua says what failed and leaves its place", function ()
    local out, code = run "contact_sheet.lua -o DIR/a.png --seeds 1 --cell 80 --model no/such-model x"
    assert.equal(1, code)
    assert.matches("x %(1%): .*no/such%-model", out)
    assert.same({ 221, 221, 221, 255 }, { fal.check(fal.image.open(dir .. "/a.png")):pixel(20, 20) })
  end)

  it("control_canny.lua keeps the edges of a picture in another one", function ()
    local out, code = run "control_canny.lua -o DIR/c"
    assert.equal(0, code, out)
    assert.equal(dir .. "/c/sheet.png\n", out)
    local edges = fal.check(fal.image.open(dir .. "/c/edges.png"))
    local picture = fal.check(fal.image.open(dir .. "/c/picture.png"))
    assert.same({ edges.width, edges.height }, { picture.width, picture.height })
    assert.equal("fal-ai/fast-sdxl-controlnet-canny", picture.text.model)
    -- Where the control has an edge the picture has one nearby, far more often
    -- than anywhere else.
    local found = fal.check(fal.check(picture:canny { low = 20, high = 60 }):blur(1.5))
    local on, off, n_on, n_off = 0, 0, 0, 0
    for y = 10, math.floor(edges.height * 0.9), 3 do
      for x = 10, edges.width - 10, 3 do
        if edges:pixel(x, y) > 0 then on, n_on = on + found:pixel(x, y), n_on + 1
        else off, n_off = off + found:pixel(x, y), n_off + 1 end
      end
    end
    assert.is_true(on / n_on > 3 * off / n_off, ("%f on edges, %f elsewhere"):format(on / n_on, off / n_off))
  end)

  it("inpaint.lua changes what is in the mask and nothing else", function ()
    local out, code = run "inpaint.lua -o DIR/i --box 60,10,30,50"
    assert.equal(0, code, out)
    local before = fal.check(fal.image.open(dir .. "/i/photo.png"))
    local after = fal.check(fal.image.open(dir .. "/i/picture.png"))
    local function at(image, x, y)
      return { image:pixel(math.floor(image.width * x / 100), math.floor(image.height * y / 100)) }
    end
    for _, place in ipairs { { 5, 5 }, { 30, 50 }, { 50, 90 }, { 96, 40 } } do
      assert.same(at(before, place[1], place[2]), at(after, place[1], place[2]))
    end
    assert.not_same(at(before, 75, 35), at(after, 75, 35))
  end)
end)
