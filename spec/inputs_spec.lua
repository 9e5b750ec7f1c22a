-- Inputs from the words of a command line (lua/falua/inputs.lua), asked of
-- falua itself.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"

-- Prints what the words become on top of the JSON given first.
local SCRIPT = [[
  local inputs = require "falua.inputs"
  local words = { table.unpack(arg, 2) }
  local input, problem = inputs.apply(fal.json.decode(arg[1]), words)
  if not input then print("no: " .. problem) os.exit(0) end
  for name, value in pairs(input) do
    if tostring(value):find "^fal.File" or getmetatable(value) == getmetatable(fal.file "x") then
      input[name] = "the file " .. value.path
    end
  end
  print((fal.json.encode(input, { sorted = true })))
]]

local dir


local function apply(base, ...)
  local words = { FALUA, dir .. "/apply.lua", child.quoted(base) }
  for i = 1, select("#", ...) do words[#words + 1] = child.quoted((select(i, ...))) end
  local out, code = child.sh(table.concat(words, " "))
  assert.equal(0, code, out)
  return (out:gsub("\n$", ""))
end


local function write(name, text)
  local f = assert(io.open(dir .. "/" .. name, "wb"))
  f:write(text)
  f:close()
  return dir .. "/" .. name
end


describe("words of a command line", function ()
  setup(function ()
    dir = server.folder()
    write("apply.lua", SCRIPT)
  end)

  teardown(function () server.remove_folder(dir) end)

  it("are what they look like", function ()
    assert.equal('{"a":"x y","b":3,"c":-0.5,"d":1e3,"e":true,"f":false,"g":"","h":"007","i":"1.","j":"a=b:=c"}',
      (apply("{}", "a=x y", "b=3", "c=-0.5", "d=1e3", "e=true", "f=false", "g=", "h=007", "i=1.", "j=a=b:=c")
        :gsub("1000.0", "1e3")))
    assert.equal('{"seed":9223372036854775807}', apply("{}", "seed=9223372036854775807"))
  end)

  it("are text where text is meant", function ()
    assert.equal('{"caption":"7","negative_prompt":"true","prompt":"2024"}',
      apply("{}", "prompt=2024", "negative_prompt=true", "caption=7"))
    assert.equal('{"image_size":"512"}', apply('{"image_size":"square"}', "image_size=512"))
  end)

  it("are JSON after :=", function ()
    assert.equal('{"a":{"b":[1,2]},"c":null,"d":"42","e":[]}', apply("{}", 'a:={"b":[1,2]}', "c:=null", 'd:="42"', "e:=[]"))
    local path = write("size.json", '{"width":64}')
    assert.equal('{"image_size":{"width":64}}', apply("{}", "image_size:=@" .. path))
    assert.matches("^no: a: no JSON: ", apply("{}", "a:={"))
    assert.matches("^no: a: .*nowhere", apply("{}", "a:=@/nowhere"))
  end)

  it("are files after @", function ()
    local path = write("a.png", "x")
    assert.equal('{"image_url":"the file ' .. path .. '"}', apply("{}", "image_url=@" .. path))
    assert.equal('{"text":"@home"}', apply("{}", "text=@@home"))
    assert.matches("^no: image_url: there is no file '/nowhere'", apply("{}", "image_url=@/nowhere"))
    assert.matches("^no: image_url: there is no file", apply("{}", "image_url=@" .. dir))
  end)

  it("reach into objects and lists", function ()
    assert.equal('{"image_size":{"height":2,"width":1}}', apply("{}", "image_size.width=1", "image_size.height=2"))
    assert.equal('{"image_size":{"height":2,"width":1}}', apply('{"image_size":{"width":5,"height":2}}', "image_size.width=1"))
    assert.equal('{"urls":["a","b"]}', apply('{"urls":["old"]}', "urls[]=a", "urls[]=b"))
    assert.equal("no: a.b: 'a' is no object", apply('{"a":"text"}', "a.b=1"))
  end)

  it("are refused when they are none, or there twice", function ()
    for _, word in ipairs { "a", "=x", ":=1", "1a=2", "a..b=1", "a.=1", "-x=1", "" } do
      assert.equal(("no: '%s' is not key=value"):format(word), apply("{}", word))
    end
    assert.equal("no: a is given twice", apply("{}", "a=1", "a=2"))
    assert.equal("no: a is given twice", apply("{}", "a=1", "a[]=2"))
  end)

  it("change what was there, and nothing else", function ()
    assert.equal('{"a":1,"b":"new","c":[1]}', apply('{"a":1,"b":"old","c":[1]}', "b=new"))
    assert.same({ a = 1 }, fal.json.decode(apply('{"a":1}')))
  end)
end)
