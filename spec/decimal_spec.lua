-- Decimal numbers are exact, whatever Lua counts with.

require "fal"
local decimal = require "fal.decimal"

local of = decimal.of


describe("decimal numbers", function ()
  local texts = {
    ["0"] = "0", ["-0"] = "0", ["007"] = "7", [".5"] = "0.5", ["5."] = "5", ["1.50"] = "1.5", ["-12.0340"] = "-12.034",
    ["1e3"] = "1000", ["2.5E-3"] = "0.0025", [" 3 "] = "3", ["+4"] = "4", ["0.000000000000000001"] = "0.000000000000000001",
    ["123456789012345678901234567890"] = "123456789012345678901234567890", ["10000000"] = "10000000",
  }
  for text, shown in pairs(texts) do
    it("reads " .. text, function () assert.equal(shown, tostring(of(text))) end)
  end

  for _, text in ipairs { "", ".", "-", "1.2.3", "1e", "0x10", "nan", "1,5", "e5", "1e999", "$3" } do
    it("does not read '" .. text .. "'", function () assert.is_nil(of(text)) end)
  end

  it("takes a number by its shortest text", function ()
    assert.equal("0.1", tostring(of(0.1)))
    assert.equal("0.025", tostring(of(0.025)))
    assert.equal("3", tostring(of(3)))
    assert.equal("0.30000000000000004", tostring(of(0.1 + 0.2)))
    assert.is_nil(of(0 / 0))
    assert.is_nil(of(1 / 0))
    assert.is_nil(of({}))
    assert.equal(of "2.5", of(of "2.5"))
  end)

  it("adds up to what people add up to", function ()
    local sum = decimal.zero
    for _ = 1, 1000 do sum = sum + 0.003 end
    assert.equal("3", tostring(sum))
    assert.equal(of "0.3", of "0.1" + of "0.2")
    assert.equal("0.05", tostring(of "2.5" - "2.45"))
    assert.equal("-0.05", tostring(of "2.45" - "2.5"))
    assert.equal("0", tostring(of "1" - 1))
    assert.equal("-3", tostring(-of "3"))
    assert.equal("10000000", tostring(of "9999999" + 1))
    assert.equal("1.0000001", tostring(of "0.0000001" + 1))
  end)

  it("multiplies exactly", function ()
    assert.equal("0.013125", tostring(of "1.05" * "0.0125"))
    assert.equal("121932631356500531347203169112635269", tostring(of "123456789123456789" * of "987654321987654321"))
    assert.equal("0", tostring(of "-3" * 0))
    assert.equal("-0.0625", tostring(of "0.25" * of "-0.25"))
  end)

  it("is in order", function ()
    assert.is_true(of "2.50" == of "2.5")
    assert.is_true(of "2.4999" < of "2.5")
    assert.is_true(of "-1" < of "0.1")
    assert.is_true(of "-2" < of "-1")
    assert.is_true(of "2.5" <= of "2.50")
    assert.is_false(of "10" < of "9.99")
  end)

  it("rounds, and shows money", function ()
    assert.equal("0.13", tostring(of "0.125":round(2)))
    assert.equal("-0.13", tostring(of "-0.125":round(2)))
    assert.equal("0", tostring(of "0.004":round(2)))
    assert.equal("1", tostring(of "0.999":round(2)))
    assert.equal("2.50", of "2.5":fixed(2))
    assert.equal("3.00", of "3":fixed(2))
    assert.equal("0.003", of "0.003":fixed(2))
    assert.equal(0.003, of "0.003":number())
    assert.is_true((of "1" - 1):iszero())
  end)

  it("agrees with whole numbers", function ()
    local seed = 7
    local function random() seed = (seed * 16807) % 2147483647 return seed % 2000001 - 1000000 end
    for _ = 1, 500 do
      local a, b = random(), random()
      local function same(want, got)
        local text = ("%.0f"):format(want)
        assert.equal(text == "-0" and "0" or text, tostring(got))
      end
      same(a + b, of(a) + b)
      same(a - b, of(a) - b)
      same(a * b, of(a) * b)
      assert.equal(a < b, of(a) < of(b))
    end
  end)
end)
