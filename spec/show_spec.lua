-- falua show and falua again: what made a picture, and making it again.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"
local NOBODY = "env -u FAL_KEY -u FAL_KEY_ID -u FAL_KEY_SECRET -u FAL_BASE_URL -u FAL_LOCAL FAL_HOME_DIR=/nowhere "

local dir


local function falua(...)
  local words = { NOBODY .. FALUA }
  for i = 1, select("#", ...) do words[i + 1] = child.quoted((select(i, ...))) end
  return child.sh(table.concat(words, " "))
end


-- A picture as fal.save leaves it, with what made it.
local function picture(name, texts)
  local path = dir .. "/" .. name
  fal.check(fal.image.new(8, 4, "#246"):save(path, { text = texts }))
  return path
end


local function recipe(input, more)
  local fields = { version = 1, model = "fal-ai/flux/schnell", input = input, prompt = input.prompt, seed = input.seed }
  for k, v in pairs(more or {}) do fields[k] = v end
  return { fal = fal.json.encode(fields), request_id = "r-1", Software = "fal for Lua" }
end


local INPUT = { prompt = "a red kite", seed = 42, num_inference_steps = 4, image_size = { width = 32, height = 16 } }


local function setup_folder() dir = server.folder() end
local function remove_folder() server.remove_folder(dir) end


describe("falua show", function ()
  before_each(setup_folder)
  after_each(remove_folder)

  it("prints what made a picture", function ()
    local out, code = falua("show", picture("a.png", recipe(INPUT)))
    assert.equal(0, code)
    assert.equal(([[
%s/a.png: image/png, 8 x 4
  model                fal-ai/flux/schnell
  prompt               a red kite
  seed                 42
  image_size           {"height":16,"width":32}
  num_inference_steps  4
  request id           r-1
  made by              fal for Lua
]]):format(dir), out)
  end)

  it("prints several, and says which it cannot", function ()
    local a = picture("a.png", { Author = "René", parameters = "cat\nSteps: 5, Seed: 7, Model: v1" })
    local b = picture("b.png")
    local out, code = falua("show", a, dir .. "/nowhere.png", b)
    assert.equal(1, code)
    assert.matches("prompt +cat\n", out)
    assert.matches("seed +7\n", out)
    assert.matches("Author +René\n", out)
    assert.matches("nowhere.png", out)
    assert.matches("b.png: image/png, 8 x 4\n  what made it is not written in it", out)
  end)

  it("prints JSON, a line for each", function ()
    local out, code = falua("show", "--json", picture("a.png", recipe(INPUT)), picture("b.png"))
    assert.equal(0, code)
    local a, b = out:match "^(.-)\n(.-)\n$"
    a, b = fal.json.decode(a), fal.json.decode(b)
    assert.same(INPUT, a.made.input)
    assert.equal("fal-ai/flux/schnell", a.made.model)
    assert.equal("r-1", a.made.request_id)
    assert.equal("r-1", a.text.request_id)
    assert.same({ file = dir .. "/b.png", type = "image/png", width = 8, height = 4 }, b)
  end)

  it("sends no control characters from a file to the terminal", function ()
    local out = falua("show", picture("a.png", { prompt = "a\27[2Jb\194\155c\127\r\nd" }))
    assert.matches("a\\27%[2Jb%?c\\127\n +d\n", out)
  end)

  it("wants to know which picture", function ()
    local _, code = falua("show")
    assert.equal(2, code)
  end)
end)


describe("falua again", function ()
  before_each(setup_folder)
  after_each(remove_folder)

  it("makes the same call, with changes", function ()
    local path = picture("a.png", recipe(INPUT, { index = 1 }))
    local out, code = falua("--local", "again", path, "num_inference_steps=2", "image_size.width=48")
    assert.equal(0, code, out)
    assert.equal(dir .. "/a-again.png\n", out)
    local info = fal.check(fal.image.info(dir .. "/a-again.png"))
    assert.equal(48, info.width)
    assert.equal("42", info.text.seed)
    assert.same({ prompt = "a red kite", seed = 42, num_inference_steps = 2, image_size = { width = 48, height = 16 } },
      fal.json.decode(info.text.fal).input)
    out = falua("--local", "again", path)
    assert.equal(dir .. "/a-again2.png\n", out)
  end)

  it("makes the same picture of the same call", function ()
    local path = picture("a.png", recipe(INPUT))
    falua("--local", "again", path, "-o", dir .. "/one.png")
    falua("--local", "again", dir .. "/one.png", "-o", dir .. "/two.png")
    local one, two = fal.image.open(dir .. "/one.png"), fal.image.open(dir .. "/two.png")
    one.text.request_id, two.text.request_id = nil, nil
    assert.is_true(one:png() == two:png())
  end)

  it("takes a template, and does not replace what is there", function ()
    local path = picture("a.png", recipe(INPUT))
    local out, code = falua("--local", "again", path, "-o", dir .. "/{slug}-{seed}.{ext}")
    assert.equal(0, code)
    assert.equal(dir .. "/a-red-kite-42.png\n", out)
    local before = server.read(path)
    out, code = falua("--local", "again", path, "-o", path)
    assert.equal(1, code)
    assert.matches("a%.png", out)
    assert.matches("it is at http://127%.0%.0%.1", out)
    assert.equal(before, server.read(path))
    out, code = falua("--local", "again", path, "-o", path, "--overwrite")
    assert.equal(0, code, out)
  end)

  it("shows the call without making it", function ()
    local path = picture("a.png", recipe(INPUT))
    local out, code = falua("again", path, "--dry-run", "--new-seed", "num_inference_steps:=null", "prompt=7")
    assert.equal(0, code)
    assert.same({ model = "fal-ai/flux/schnell", input = { prompt = "7", image_size = { width = 32, height = 16 } } },
      fal.json.decode(out))
  end)

  it("takes pictures of other tools when told which model", function ()
    local path = picture("a.png", { parameters = "cat\nSteps: 5, CFG scale: 2, Seed: 7, Size: 64x32, Model: v1-5" })
    local out, code = falua("again", path, "--dry-run")
    assert.equal(1, code)
    assert.matches("'v1%-5' is no endpoint of fal: say which to call with %-%-model", out)
    out, code = falua("again", path, "--dry-run", "--model", "fal-ai/flux/dev")
    assert.equal(0, code)
    assert.same({ model = "fal-ai/flux/dev", input = { prompt = "cat", seed = 7, num_inference_steps = 5,
      guidance_scale = 2, image_size = { width = 64, height = 32 } } }, fal.json.decode(out))
  end)

  it("says what it cannot do", function ()
    local out, code = falua("again", picture("a.png"))
    assert.equal(1, code)
    assert.matches("what made it is not written in it", out)
    local path = picture("b.png", recipe { prompt = "p", image_url = "data:image/png;base64 (5022 bytes, not kept)" })
    out, code = falua("again", path, "--dry-run")
    assert.equal(2, code)
    assert.matches("the data of 'image_url' were not kept: give them again with image_url=@FILE", out)
    code = select(2, falua("again", path, "--dry-run", "image_url=@" .. path))
    assert.equal(0, code)
    out, code = falua("again", path, "nonsense")
    assert.equal(2, code)
    assert.matches("'nonsense' is not key=value", out)
    out, code = falua("again", picture("c.png", recipe(INPUT)))
    assert.equal(1, code)
    assert.matches("FAL_KEY", out)
  end)
end)
