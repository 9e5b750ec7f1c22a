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
end)
