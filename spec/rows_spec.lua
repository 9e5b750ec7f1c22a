-- Rows of CSV, JSON Lines, JSON and text files.

local fal = require "fal"
local core = require "fal.core"
local server = require "spec.support.server"


describe("fal.rows", function ()
  local folder

  before_each(function () folder = server.folder() end)
  after_each(function () server.remove_folder(folder) end)

  local function open(text, name, opt)
    local path = folder .. "/" .. (name or "rows.csv")
    assert(core.write(path, text, true))
    return fal.rows(path, opt)
  end

  local function read(text, name, opt)
    local rows, list = assert(open(text, name, opt)), {}
    for row in rows do list[#list + 1] = row end
    return fal.json.encode(list, { sorted = true }), rows.err
  end

  local function same(want, text, name, opt)
    local got, err = read(text, name, opt)
    assert.is_nil(err)
    assert.equal(want, got)
  end

  it("reads CSV as people write it", function ()
    same('[{"a":"x","prompt":"one"},{"a":"y","prompt":"two"}]', "prompt,a\none,x\ntwo,y\n")
    same('[{"prompt":"a, b"},{"prompt":"say \\"hi\\""}]', 'prompt\n"a, b"\n"say ""hi"""')
    same('[{"a":"z","prompt":"first\\n\\nthird"}]', 'prompt,a\n"first\n\nthird",z\n')
    same('[{"a":"z","prompt":"first\\r\\nsecond"}]', 'prompt,a\r\n"first\r\nsecond",z\r\n')
    same('[{"prompt":"5\\" disk"}]', 'prompt\n5" disk\n')
    same('[{"a":"b"}]', "prompt,a,\n,b,\n")
    same('[{"prompt":"x"}]', "prompt\n\n  \nx\n\n")
    same('[{"prompt":"é日本🎨"}]', "\239\187\191prompt\né日本🎨\n")
    same('[{"a":"x;y","prompt":"p"}]', 'prompt;a\np;"x;y"\n')
    same('[{"a":"x,y","prompt":"p"}]', "prompt\ta\np\tx,y\n", "rows.tsv")
    same('[{"a":"1|2","prompt":"p"}]', 'prompt|a\np|"1|2"\n', nil, { separator = "|" })
    same("{}", "prompt\n")
  end)

  it("knows numbers and booleans by their looks, but not in texts", function ()
    same('[{"b":true,"f":1.5,"i":7,"n":-3,"prompt":"1984","s":"007","v":"1.2.3"}]',
         "prompt,i,f,b,s,v,n\n1984,7,1.5,TRUE,007,1.2.3,-3\n")
    same('[{"negative_prompt":"3","seed":9007199254740991}]', "seed,negative_prompt\n9007199254740991,3\n")
  end)

  it("has types in the header", function ()
    same('[{"a":"7","b":false,"i":12,"j":[1,{"x":null}],"n":12.5}]',
         'a:string,i:integer,n:number,b:boolean,j:json\n7,012,1.25e1,false,"[1,{""x"":null}]"\n')
    local rows = assert(open "image_url:file\npicture.png\n")
    assert.equal("fal.file: picture.png", tostring(rows().image_url))
  end)

  it("makes tables of dotted names", function ()
    same('[{"image_size":{"height":512,"width":768},"prompt":"x"}]',
         "prompt,image_size.width,image_size.height\nx,768,512\n")
  end)

  local bad = {
    { 'prompt\n"never', "line 2", "never closed" }, { 'prompt\n"a"b\n', "line 2", "closing quote" },
    { "prompt,prompt\nx,y\n", "two columns 'prompt'" }, { "a:float\n1\n", "types are" }, { "", "no header" },
    { "prompt\nok\nx,y\n", "line 3", "2 cells, but 1 columns" }, { "i:integer\n1.5\n", "'i'", "'1.5' is no integer" },
    { "j:json\n{\n", "no json" }, { "prompt\nna\239ve\n", "line 2", "'prompt' is not UTF-8" }, { ",\n", "no column" },
    { 'prompt\n"a\nb"\n"c\nd\n', "line 4" },
  }
  for _, row in ipairs(bad) do
    it("says what is wrong with " .. fal.json.encode((row[1]:gsub("\239", "?"))), function ()
      local _, err = read(row[1])
      assert.is_truthy(err)
      assert.equal("file", err.code)
      for i = 2, #row do assert.truthy(tostring(err):find(row[i], 1, true), tostring(err)) end
    end)
  end

  it("refuses UTF-16 and files that are not there", function ()
    local rows, err = open "\255\254p\0r\0"
    assert.is_nil(rows)
    assert.truthy(tostring(err):find("UTF-16", 1, true))
    rows, err = fal.rows(folder .. "/nothing.csv")
    assert.is_nil(rows)
    assert.equal("file", err.code)
  end)

  it("reads JSON Lines, JSON and plain prompts", function ()
    same('[{"prompt":"a"},{"prompt":"b","seed":4294967296}]',
         '{"prompt":"a"}\r\n\n{"prompt":"b","seed":4294967296}', "rows.jsonl")
    same('[{"a":1},{"b":[]}]', '[{"a":1},{"b":[]}]', "rows.json")
    same('[{"prompt":"a red kite"},{"prompt":"a, b"}]', "a red kite\n\n  \na, b\r\n", "rows.txt")
    local _, err = read('{"a":1}\n{"a":\n', "rows.jsonl")
    assert.truthy(tostring(err):find("line 2", 1, true))
    _, err = read('{"a":1}\n7\n', "rows.ndjson")
    assert.truthy(tostring(err):find("line 2", 1, true))
    _, err = read("{", "rows.json")
    assert.is_truthy(err)
    _, err = read('[{"a":1},7]', "rows.json")
    assert.truthy(tostring(err):find("entry 2", 1, true))
  end)

  it("can start over", function ()
    local rows = assert(open "prompt\na\nb\n")
    assert.equal("a", rows().prompt)
    assert(rows:rewind())
    assert.equal("a", rows().prompt)
    assert.equal("b", rows().prompt)
    assert.is_nil(rows())
    assert.is_nil(rows())
    assert.equal("a", rows:rewind()().prompt)
  end)

  it("reads rows across blocks, and long ones", function ()
    local parts, n = { "prompt,i\n" }, 3000
    for i = 1, n do parts[#parts + 1] = ('"%s\n""%d""",%d\n'):format(("x"):rep(i % 97), i, i) end
    parts[#parts + 1] = '"' .. ("y"):rep(300000) .. '",0\n'
    local rows = assert(open(table.concat(parts)))
    for i = 1, n do
      local row = assert(rows())
      assert.equal(i, row.i)
      assert.equal(("x"):rep(i % 97) .. '\n"' .. i .. '"', row.prompt)
    end
    assert.equal(300000, #rows().prompt)
    assert.is_nil(rows())
    assert.is_nil(rows.err)
  end)

  it("does not take rows without an end into memory", function ()
    local _, err = read("prompt\n" .. ("x"):rep(17 * 1048576) .. "\nok\n")
    assert.truthy(tostring(err):find("16 MB", 1, true))
  end)

  it("wants to know what it reads", function ()
    local ok, err = pcall(fal.rows, "prompts")
    assert.is_false(ok)
    assert.truthy(err:find("format", 1, true))
    assert.is_false((pcall(fal.rows, 7)))
    assert.is_false((pcall(fal.rows, "a.csv", { seperator = ";" })))
  end)
end)
