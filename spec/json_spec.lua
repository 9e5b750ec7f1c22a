-- JSON as Lua sees it: fal.json, fal.null, fal.array, fal.empty_array
local fal = require "fal"
local cjson = require "cjson"
local json = fal.json

local integers = math.type ~= nil   -- does this Lua have them?
local table_unpack = table.unpack or unpack  -- luacheck: ignore

local function decode (text)
  local value, err = json.decode(text)
  assert(err == nil, err and err.message)
  return value
end

local function encode (value, options)
  local text, err = json.encode(value, options)
  assert(err == nil, err and err.message)
  return text
end

local function nested (n, open, close)
  return string.rep(open, n) .. string.rep(close, n)
end

local function same_type (expected, value)
  assert.equal(expected, value)
  if integers then
    assert.equal(math.type(expected), math.type(value))
  end
end


describe("json.decode", function ()
  it("reads every kind of value", function ()
    assert.equal(fal.null, decode "null")
    assert.is_true(decode " true ")
    assert.is_false(decode "false")
    assert.equal(12, decode "12")
    assert.equal("a\n", decode [["a\n"]])
    assert.same({ 1, { 2 }, {} }, decode "[1,[2],{}]")
    assert.same({ a = 1, b = { c = "d" } }, decode [[{"a":1,"b":{"c":"d"}}]])
    assert.same({ [""] = "" }, decode [[{"":""}]])
  end)

  it("keeps the last of two members with one name", function ()
    assert.same({ a = 2 }, decode [[{"a":1,"a":2}]])
  end)

  it("reads strings of any bytes that JSON can say", function ()
    assert.equal("a\0b", decode [["a\u0000b"]])
    assert.equal("\240\159\144\136", decode [["\ud83d\udc08"]])
    assert.equal("\195\167", decode "\"\195\167\"")
    local long = string.rep("0123456789\n", 20000)
    assert.equal(long, decode('"' .. long:gsub("\n", "\\n") .. '"'))
  end)

  it("keeps integers integers and floats floats", function ()
    same_type(1024, decode "1024")
    same_type(1024.0, decode "1024.0")
    same_type(1e3, decode "1e3")
    same_type(-7, decode "-7")
    same_type(9007199254740991, decode "9007199254740991")
    if integers then
      assert.equal(math.maxinteger, decode "9223372036854775807")
      assert.equal(math.mininteger, decode "-9223372036854775808")
    end
    assert.equal(2^63, decode "9223372036854775808")
    assert.equal(2^53, decode "9007199254740992")
    assert.equal(0.1, decode "0.1")
    assert.equal(1 / decode "-0.0", -math.huge)
  end)

  it("marks arrays, the empty one too", function ()
    assert.equal(json.array_mt, getmetatable(decode "[1]"))
    assert.equal(json.array_mt, getmetatable(decode "[]"))
    assert.equal(json.array_mt, getmetatable(decode [[{"a":[]}]].a))
    assert.is_nil(getmetatable(decode "{}"))
    assert.is_true(decode "[]" == fal.empty_array)
    assert.is_true(fal.empty_array == decode "[]")
    assert.is_true(decode "[]" == decode "[]")
    assert.is_false(decode "[1]" == decode "[1]")
    assert.is_false(decode "[1]" == fal.empty_array)
    assert.is_false(decode "{}" == fal.empty_array)
  end)

  it("says what is wrong, on which line and in which column", function ()
    local value, err = json.decode '{\n  "a": [1, 2,]\n}'
    assert.is_nil(value)
    assert.equal("protocol", err.code)
    assert.equal("not JSON: not a value (line 2, column 14)", err.message)
  end)

  it("refuses what is not JSON", function ()
    for _, text in ipairs {
      "", " ", "nul", "tru", "NaN", "-Infinity", "[1,]", "[", "{", '{"a"}',
      '{"a":1,}', "{a:1}", "{1:2}", "'a'", '"a', '"\t"', '"\\x"', '"\\ud800"',
      '"\\udc00\\ud800"', "01", "1.", ".5", "+1", "1e", "1e999", "[1] 2",
      "// a\n1", "\239\187\191{}", '"\255"', '"\192\128"', '"\237\160\128"',
      "[1}", "nullnull", "1\0"
    } do
      local value, err = json.decode(text)
      assert.is_nil(value, text)
      assert.equal("protocol", err.code, text)
    end
  end)

  it("does not nest without end", function ()
    assert.is_table(decode(nested(512, "[", "]")))
    assert.is_table(decode(nested(512, '{"a":', "}"):gsub(":}", ":1}")))
    for _, n in ipairs { 513, 200000 } do
      local value, err = json.decode(nested(n, "[", "]"))
      assert.is_nil(value)
      assert.matches("nested too deeply", err.message)
      assert.matches("column 513", err.message)
    end
    assert.is_table(json.decode("[[1]]", { max_depth = 2 }))
    assert.is_nil(json.decode("[[[1]]]", { max_depth = 2 }))
  end)

  it("reads what is long and wide", function ()
    local list = {}
    for i = 1, 20000 do list[i] = '{"i":' .. i .. ',"s":"x' .. i .. '"}' end
    local value = decode("[" .. table.concat(list, ",") .. "]")
    assert.equal(20000, #value)
    assert.same({ i = 20000, s = "x20000" }, value[20000])
  end)

  it("works in a coroutine, and after it failed", function ()
    local co = coroutine.wrap(function () return decode "[[[1]]]" end)
    assert.same({ { { 1 } } }, co())
    for _ = 1, 100 do
      json.decode '["\\u0041\\x'
    end
    assert.same({ "A" }, decode '["\\u0041"]')
  end)

  it("raises for misuse", function ()
    assert.error_matches(function () json.decode() end, "string expected")
    assert.error_matches(function () json.decode({}) end, "string expected")
    assert.error_matches(function () json.decode("1", { depth = 1 }) end,
                         "unknown option 'depth'")
    assert.error_matches(function () json.decode("1", { max_depth = 0 }) end,
                         "max_depth")
    assert.error_matches(function () json.decode("1", { max_depth = 513 }) end,
                         "max_depth")
    assert.error_matches(function () json.decode("1", 5) end, "table expected")
  end)
end)


describe("json.encode", function ()
  local function refused (value, ...)
    local text, err = json.encode(value)
    assert.is_nil(text)
    assert.equal("validation", err.code)
    for _, words in ipairs { ... } do
      assert.truthy(err.message:find(words, 1, true),
                    ("%q in %q"):format(words, err.message))
    end
    return err
  end

  it("writes every kind of value", function ()
    assert.equal("null", encode(fal.null))
    assert.equal("true", encode(true))
    assert.equal("false", encode(false))
    assert.equal('"a\\"\\\\\\n\\u0001/"', encode "a\"\\\n\1/")
    assert.equal('"\195\167\127"', encode "\195\167\127")
    assert.equal("[1,[2],[]]", encode { 1, { 2 }, fal.empty_array })
    assert.equal('{"a":{"b":[true]}}', encode { a = { b = { true } } })
    assert.equal("{}", encode {})
    assert.equal("[]", encode(fal.empty_array))
    assert.equal("[]", encode(fal.array {}))
    assert.equal("[]", encode(fal.array()))
    assert.equal("[]", encode(decode "[]"))
    assert.equal("{}", encode(decode "{}"))
  end)

  it("writes numbers that read back the same", function ()
    assert.equal("1024", encode(1024))
    assert.equal("-1", encode(-1))
    assert.equal("0.1", encode(0.1))
    assert.equal("3.5", encode(3.5))
    assert.equal("0.30000000000000004", encode(0.1 + 0.2))
    assert.equal("1e300", encode(1e300))
    assert.equal("9007199254740991", encode(9007199254740991))
    assert.equal(integers and "1024.0" or "1024", encode(1024.0))
    for _, x in ipairs { 1e14, 123456789012345, 1e15, 2^53, 2^60, 1 / 3, 5e-324,
                         1.7976931348623157e308, -2^-1074, 1e-5, 1e22 } do
      same_type(x, decode(encode(x)))
    end
    if integers then
      for _, i in ipairs { math.maxinteger, math.mininteger,
                           9007199254740993 } do
        assert.equal(tostring(i), encode(i))
      end
    end
  end)

  it("can sort members, and indent", function ()
    local value = { b = 1, a = { 2, { d = 3, c = fal.null } }, ["a\0"] = "x",
                    [""] = {}, e = fal.empty_array }
    assert.equal('{"":{},"a":[2,{"c":null,"d":3}],"a\\u0000":"x","b":1,"e":[]}',
                 encode(value, { sorted = true }))
    assert.equal([[
{
  "": {},
  "a": [
    2,
    {
      "c": null,
      "d": 3
    }
  ],
  "a\u0000": "x",
  "b": 1,
  "e": []
}]], encode(value, { sorted = true, pretty = true }))
    assert.equal("[]", encode(fal.array {}, { pretty = true }))
    local many = {}
    for i = 1, 300 do many[("%03d"):format(i * 7 % 300)] = i end
    local names = {}
    for name in encode(many, { sorted = true }):gmatch '"(%d+)"' do
      names[#names + 1] = name
    end
    assert.equal(300, #names)
    for i = 2, #names do assert.is_true(names[i - 1] < names[i]) end
  end)

  it("sorts few members and many alike, and as deep as JSON may be", function ()
    for n = 14, 18 do
      local object, parts = {}, {}
      for i = 1, n do object[("%02d"):format(i * 5 % 19)] = i end
      for name, i in pairs(object) do parts[#parts + 1] = ('"%s":%d'):format(name, i) end
      table.sort(parts)
      assert.equal("{" .. table.concat(parts, ",") .. "}", encode(object, { sorted = true }))
    end
    local deep = {}
    for _ = 1, 511 do
      deep = { deep = deep }
      for i = 1, 15 do deep["m" .. i] = i end
    end
    assert.equal(511, select(2, encode(deep, { sorted = true }):gsub('{"deep":', "")))
  end)

  it("names the place of what cannot be JSON", function ()
    refused({ input = { loras = { { path = "x" }, { path = print } } } },
            "input.loras[2].path: a function cannot be JSON")
    refused(print, "a function cannot be JSON")
    refused({ a = coroutine.create(function () end) },
            "a: a thread cannot be JSON")
    refused({ a = io.stdout }, "a: a userdata cannot be JSON")
    refused({ a = 0 / 0 }, "a: NaN")
    refused({ 1, math.huge }, "[2]: NaN and infinities")
    refused({ -math.huge }, "[1]: NaN and infinities")
  end)

  it("refuses bytes that are no text, and says how to send them", function ()
    local err = refused({ image_url = "\137PNG\r\n" },
                        "image_url: a string that is not UTF-8")
    assert.matches("fal.data_uri", err.hint)
    refused({ ["\255"] = 1 }, "a name that is not UTF-8")
    refused({ "\237\160\128" }, "[1]: a string")
  end)

  it("refuses tables that are neither arrays nor objects", function ()
    refused({ a = { 1, 2, x = 3 } }, "a.x: a table cannot have")
    refused({ a = { x = 3, [5] = 1 } }, "a[5]: an array cannot have holes")
    refused({ a = { [2] = 1 } }, "a[2]: an array cannot have holes")
    refused({ a = { 1, 2, [9] = 1 } }, "a[9]: an array cannot have holes")
    refused({ a = { 1, nil, 3 } }, "a[")
    refused({ a = { [0] = 1 } }, "a: a key")
    refused({ a = { [-1] = 1 } }, "a: a key")
    refused({ a = { [1.5] = 1 } }, "a: a key")
    refused({ a = { [true] = 1 } }, "a: a key")
    refused({ a = { 1, [true] = 1 } }, "a: a key")
    refused({ a = { 1, 2, [1.5] = 1 } }, "a: a key")
    refused(fal.array { 1, x = 2 }, "x: a table cannot have")
    refused(fal.array { x = 2 }, "x: a table cannot have")
    refused({ [fal.null] = 1 }, "a key")
  end)

  it("refuses the same when members are sorted", function ()
    local text, err = json.encode({ a = { x = 3, [5] = 1 } }, { sorted = true })
    assert.is_nil(text)
    assert.matches("a%[5%]: an array cannot have holes", err.message)
  end)

  it("refuses what contains itself or is too deep", function ()
    local loop = {}
    loop.loop = loop
    local err = refused(loop, "loop.loop.loop", "within itself")
    assert.is_true(#err.message < 400)
    local list = {}
    list[1] = { list }
    refused(list, "[1][1][1]", "within itself")
    local function tower (n)
      local t = {}
      for _ = 2, n do t = { t } end
      return t
    end
    assert.equal(nested(511, "[", "]"):gsub("%[%]", "[{}]"),
                 encode(tower(512)))
    refused(tower(513), "nested too deeply")
  end)

  it("looks at tables raw", function ()
    local t = setmetatable({ a = 1 }, {
      __index = function () return 1 end, __len = function () return 9 end,
      __pairs = function () error "called" end
    })
    assert.equal('{"a":1}', encode(t))
  end)

  it("leaves what it encodes as it was, numbers as keys too", function ()
    local t = { 1, 2, 3 }
    encode(t)
    assert.same({ 1, 2, 3 }, t)
    json.encode { [2] = 1 }
    local u = { [2] = 1 }
    json.encode(u)
    assert.equal(2, next(u))
  end)

  it("raises for misuse", function ()
    assert.error_matches(function () json.encode() end, "value expected")
    assert.error_matches(function () json.encode(1, { sort = true }) end,
                         "unknown option 'sort'; known: pretty, sorted")
    assert.error_matches(function () json.encode(1, { true }) end,
                         "unknown option")
    assert.error_matches(function () json.encode(1, "x") end, "table expected")
    local text, err = json.encode(nil)
    assert.is_nil(text)
    assert.matches("a nil cannot be JSON", err.message)
  end)
end)


describe("arrays", function ()
  it("are marked by fal.array, which returns its table", function ()
    local t = { 1 }
    assert.equal(t, fal.array(t))
    assert.equal(json.array_mt, getmetatable(t))
    assert.error_matches(function () fal.array(1) end, "table expected")
    assert.equal(fal.array, json.array)
    assert.equal(fal.null, json.null)
    assert.is_true(rawequal(fal.empty_array, json.empty_array))
  end)

  it("that are empty are equal, and only those", function ()
    assert.is_true(fal.array {} == fal.empty_array)
    assert.is_true(fal.array {} == fal.array {})
    assert.is_false(fal.array { 1 } == fal.array { 1 })
    assert.is_false(fal.array { 1 } == fal.empty_array)
    local t = fal.array { 1 }
    assert.is_true(t == t)
  end)

  it("fal.empty_array stays empty", function ()
    assert.error_matches(function () fal.empty_array[1] = 1 end,
                         "stays empty")
    assert.equal("fal.empty_array", getmetatable(fal.empty_array))
    assert.equal("[]", encode(fal.empty_array))
  end)
end)


describe("beside lua-cjson", function ()
  -- What both can say must mean the same to both.
  local documents = {
    "null", "true", "[]", "{}", "0", "-1", "1.5", "1e3", '""', '"a"',
    "[1,2,3]", '{"a":1}', '{"a":[{"b":null},{"c":[]}]}',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e7\\ud83d\\udc08"',
    '[0.1,0.25,100.75,-0.5,12345.678]', " [ 1 , { \"a\" : false } ] ",
    '{"images":[{"url":"https://v3.fal.media/files/x.png","width":1024,' ..
    '"height":768,"content_type":"image/png"}],"seed":123456789,' ..
    '"has_nsfw_concepts":[false],"prompt":"a cat"}',
  }

  it("reads the same", function ()
    assert.equal(cjson.null, fal.null)
    for _, text in ipairs(documents) do
      assert.same(cjson.decode(text), decode(text), text)
    end
  end)

  it("reads what the other wrote", function ()
    for _, text in ipairs(documents) do
      local value = cjson.decode(text)
      assert.same(value, decode(cjson.encode(value)), text)
      assert.same(value, cjson.decode(encode(value)), text)
    end
  end)

  it("refuses what it refuses", function ()
    for _, text in ipairs {
      "", "[1,]", "[1", "{", '{"a":}', '{"a"', "{,}", "nope", '"\\x"',
      '"a', "[1 2]", "1 2", '{"a":1 "b":2}', '"\\ud800"', "[}"
    } do
      assert.is_false(pcall(cjson.decode, text), text)
      assert.is_nil(json.decode(text), text)
    end
  end)

  it("takes its marks for arrays where it has them", function ()
    local had = { cjson.array_mt, cjson.empty_array_mt, cjson.empty_array }
    cjson.array_mt = cjson.array_mt or {}
    cjson.empty_array_mt = cjson.empty_array_mt or {}
    cjson.empty_array = cjson.empty_array or setmetatable({}, cjson.array_mt)
    local a = encode(setmetatable({}, cjson.array_mt))
    local b = encode(setmetatable({}, cjson.empty_array_mt))
    local c = encode { a = cjson.empty_array }
    local d = encode(setmetatable({ x = 1 }, cjson.empty_array_mt))
    cjson.array_mt, cjson.empty_array_mt, cjson.empty_array =
      table_unpack(had, 1, 3)
    assert.equal("[]", a)
    assert.equal("[]", b)
    assert.equal('{"a":[]}', c)
    assert.equal('{"x":1}', d)
    assert.equal("{}", encode(setmetatable({}, {})))
  end)
end)
