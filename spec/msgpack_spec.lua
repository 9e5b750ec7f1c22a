-- MessagePack: every kind of value there and back, and garbage.

local fal = require "fal"

local mp = fal.msgpack
local integers = math.type ~= nil


local function hex(s)
  return (s:gsub(".", function (c) return ("%02x"):format(c:byte()) end))
end


local function bytes(h)
  return (h:gsub("%x%x", function (d) return string.char(tonumber(d, 16)) end))
end


describe("MessagePack", function ()
  it("is written as the specification says", function ()
    local rows = {
      { fal.null, "c0" }, { true, "c3" }, { false, "c2" },
      { 0, "00" }, { 127, "7f" }, { 128, "cc80" }, { 255, "ccff" }, { 256, "cd0100" }, { 65536, "ce00010000" },
      { -1, "ff" }, { -32, "e0" }, { -33, "d0df" }, { -129, "d1ff7f" }, { -32769, "d2ffff7fff" },
      { 0.5, "cb3fe0000000000000" },
      { "", "a0" }, { "abc", "a3616263" }, { "é", "a2c3a9" }, { ("x"):rep(32), "d920" .. ("78"):rep(32) },
      { "\255", "c401ff" }, { fal.bytes "abc", "c403616263" }, { fal.bytes "", "c400" },
      { fal.array {}, "90" }, { fal.empty_array, "90" }, { {}, "80" },
      { { 1, 2, 3 }, "93010203" }, { { a = 1 }, "81a16101" },
    }
    for i, row in ipairs(rows) do
      assert.equal(row[2], hex(fal.check(mp.encode(row[1]))), "row " .. i)
    end
    if integers then
      assert.equal("cf7fffffffffffffff", hex(mp.encode(math.maxinteger)))
      assert.equal("d38000000000000000", hex(mp.encode(math.mininteger)))
      assert.equal("cb3ff0000000000000", hex(mp.encode(1.0)))
    end
  end)

  it("is read as the specification says", function ()
    local rows = {
      { "c0", fal.null }, { "c3", true }, { "c2", false }, { "7f", 127 }, { "e0", -32 },
      { "cc80", 128 }, { "cdffff", 65535 }, { "ceffffffff", 4294967295 }, { "cf0000000100000000", 4294967296 },
      { "d080", -128 }, { "d18000", -32768 }, { "d280000000", -2147483648 }, { "d3ffffffff00000000", -4294967296 },
      { "ca3f000000", 0.5 }, { "cb3fe0000000000000", 0.5 },
      { "a0", "" }, { "a3616263", "abc" }, { "d903616263", "abc" }, { "da0003616263", "abc" },
      { "db00000003616263", "abc" }, { "d900", "" }, { "da0000", "" }, { "db00000000", "" },
      { "c403616263", "abc" }, { "c50003616263", "abc" }, { "c600000003616263", "abc" }, { "c400", "" },
      { "90", {} }, { "dc0000", {} }, { "dd00000000", {} }, { "80", {} }, { "de0000", {} }, { "df00000000", {} },
      { "93010203", { 1, 2, 3 } }, { "dc0001c3", { true } }, { "81a16101", { a = 1 } }, { "8101a161", { "a" } },
      { "82a16101a16102", { a = 2 } },
      { "d6ff00000001", 1 }, { "d7ff0000000000000001", 1 }, { "c70cff000000000000000000000001", 1 },
      { "d40507", { ext = 5, data = "\7" } }, { "c703ee010203", { ext = -18, data = "\1\2\3" } },
    }
    for i, row in ipairs(rows) do
      local value, err = mp.decode(bytes(row[1]))
      assert.same(row[2], value, "row " .. i .. ": " .. tostring(err))
    end
    assert.equal(2 ^ 64, mp.decode(bytes "cfffffffffffffffff"))
    if integers then
      assert.equal(math.maxinteger, mp.decode(bytes "cf7fffffffffffffff"))
      assert.equal(math.mininteger, mp.decode(bytes "d38000000000000000"))
      assert.equal("float", math.type(mp.decode(bytes "cb3ff0000000000000")))
    end
  end)

  it("keeps an empty array one, and null", function ()
    local value = fal.check(mp.decode(mp.encode { list = fal.array {}, map = {}, none = fal.null }))
    assert.equal('{"list":[],"map":{},"none":null}', fal.json.encode(value, { sorted = true }))
  end)

  it("refuses what it cannot say, and names it", function ()
    local rows = {
      { { a = { print } }, "a[1]: a function cannot be sent" },
      { { loras = { {}, { path = io.stdout } } }, "loras[2].path: a userdata cannot be sent" },
      { { 1, 2, x = 3 }, "a table cannot have items 1..n and other keys too" },
      { { [true] = 1 }, "a key must be a string, or one of 1..n" },
      { print, "a function cannot be sent" },
    }
    for _, row in ipairs(rows) do
      local s, err = mp.encode(row[1])
      assert.is_nil(s)
      assert.equal("validation", err.code)
      assert.equal(row[2], err.message)
    end
    local loop = {}
    loop.loop = loop
    local s, err = mp.encode(loop)
    assert.is_nil(s)
    assert.truthy(err.message:find("nested too deeply", 1, true))
  end)

  it("refuses what is none", function ()
    local rows = {
      "", "c1", "a3616", "a36162", "c4", "c405", "91", "dd00000002c0", "82a16101", "c0c0", "01ff",
      "dfffffffff", "ddffffffff", "c9ffffffff05", "c700", "c70005", "81c001", "819001", "81cb7ff800000000000001",
    }
    for i, row in ipairs(rows) do
      local value, err = mp.decode(bytes(row))
      assert.is_nil(value, "row " .. i .. " " .. row)
      assert.equal("protocol", err.code)
    end
  end)

  it("has a ceiling for nesting", function ()
    assert.is_table(fal.check(mp.decode(("\145"):rep(511) .. "\192")))
    local value, err = mp.decode(("\145"):rep(100000))
    assert.is_nil(value)
    assert.truthy(err.message:find("nested too deeply", 1, true))
    local deep = 1
    for _ = 1, 500 do deep = { deep } end
    assert.is_table(fal.check(mp.decode(fal.check(mp.encode(deep)))))
  end)

  it("survives garbage", function ()
    local seed = fal.check(mp.encode {
      text = "abc", bytes = "\255\254", list = { 1, 2.5, -3, { deep = fal.array {} } }, yes = true, none = fal.null,
    }) .. bytes "d6ff00000001"
    local state = 12345
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n
    end
    local good = 0
    for _ = 1, 20000 do
      local s = seed
      for _ = 0, random(4) do
        local at = random(#s) + 1
        local kind = random(3)
        if kind == 0 then s = s:sub(1, at - 1) .. string.char(random(256)) .. s:sub(at + 1)
        elseif kind == 1 then s = s:sub(1, at - 1) .. s:sub(at + 1 + random(4))
        else s = s:sub(1, at) .. string.char(192 + random(32)) .. s:sub(at + 1) end
      end
      local value, err = mp.decode(s)
      if value == nil then assert.equal("protocol", err.code)
      else
        good = good + 1
        mp.encode(value)
      end
    end
    assert.is_true(good < 20000)
  end)

  it("shows what bytes are in it", function ()
    local b = fal.bytes "\0\1\2"
    assert.equal(3, #b)
    assert.equal("\0\1\2", tostring(b))
    assert.has_error(function () fal.bytes() end)
    local s, err = fal.json.encode { b }
    assert.is_nil(s)
    assert.equal("validation", err.code)
  end)
end)
