-- falua's commands for single calls, as they are typed, against a local fal.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"
local SCHNELL = "fal-ai/flux/schnell"

local dir

setup(function () dir = server.folder() end)
teardown(function () server.remove_folder(dir) end)


-- Runs 'falua --local WORDS' in the folder: what it printed, its exit status,
-- what it said on standard error.
local function falua(words, before)
  local program = FALUA:sub(1, 1) == "/" and FALUA or os.getenv "PWD" .. "/" .. FALUA
  local out, code = child.sh(("cd %s && %s env -u FAL_KEY HOME=%s %s --local %s 2>err </dev/null"):format(
    dir, before or "", dir, child.quoted(program), words))
  return out, code, server.read(dir .. "/err")
end


local function info(name)
  return assert(fal.image.info(dir .. "/" .. name))
end


describe("falua run", function ()
  local small = SCHNELL .. " prompt='a red kite' image_size:='{\"width\":64,\"height\":48}' seed=7 --sync "

  it("saves what was made and prints the names", function ()
    local out, code = falua("run " .. small)
    assert.equal(0, code)
    assert.equal("a-red-kite-7.png\n", out)
    assert.equal(64, info("a-red-kite-7.png").width)
    assert.equal("a red kite", info("a-red-kite-7.png").text.prompt)
  end)

  it("does not overwrite, and says where the picture is", function ()
    local out, code, err = falua("run " .. small)
    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("a%-red%-kite%-7%.png", err)
    assert.matches("it is at http", err)
    assert.equal(0, (select(2, falua("run --overwrite " .. small))))
  end)

  it("takes a template, and makes its folders", function ()
    local out = falua("run -o 'made/{model}-{width}.{ext}' " .. small)
    assert.matches("^made/.*%-64%.png\n$", out)
  end)

  it("prints the result alone with --json", function ()
    local out, code = falua("run --json --progress=none " .. small)
    assert.equal(0, code)
    assert.equal(7, fal.json.decode(out).seed)
  end)

  it("takes its input from a file, and words over it", function ()
    child.sh(("echo '{\"prompt\": \"a blue kite\", \"seed\": 1, \"image_size\": \"square\"}' > %s/in.json"):format(dir))
    local out = falua("run --json --sync --input in.json " .. SCHNELL .. " seed=2")
    local result = fal.json.decode(out)
    assert.equal("a blue kite", result.prompt)
    assert.equal(2, result.seed)
    assert.equal(512, result.images[1].width)
  end)

  it("says what is wrong before anything is sent", function ()
    for words, why in pairs {
      ["run"] = "which endpoint", ["run nonsense"] = "'nonsense' is no endpoint", ["run a/b c"] = "'c' is not key=value",
      ["run a/b x=@missing.png"] = "there is no file 'missing.png'", ["run a/b --frobnicate"] = "frobnicate",
      ["run a/b --input missing.json"] = "missing.json",
    } do
      local out, code, err = falua(words)
      assert.equal(2, code, words)
      assert.equal("", out)
      assert.matches(why, err, 1, true)
    end
  end)

  it("fails with the endpoint's own words", function ()
    local _, code, err = falua("run --no-check --sync " .. SCHNELL .. " prompt=a num_images=99")
    assert.equal(1, code)
    assert.matches("num_images: Input should be less than or equal to 4", err, 1, true)
  end)

  it("tells how far it is in lines for programs", function ()
    local _, _, err = falua("run --overwrite --progress=kv " .. small)
    assert.matches('job="a red kite" index=1 status=done ok=true seconds=', err, 1, true)
    _, _, err = falua("run --overwrite --progress=jsonl " .. small)
    local event = fal.json.decode(err:match "[^\n]+")
    assert.equal("a red kite", event.job)
    assert.is_true(event.ok)
    assert.equal("", (select(3, falua("run --overwrite --progress=none " .. small))))
  end)
end)


describe("falua upload", function ()
  it("prints a URL for each file", function ()
    local out, code = falua("upload --progress=none in.json a-red-kite-7.png")
    assert.equal(0, code)
    assert.matches("^http://127%.0%.0%.1:%d+/files/%S+/in%.json\nhttp://%S+/a%-red%-kite%-7%.png\n$", out)
    out = falua "upload --progress=none --json in.json"
    assert.equal("in.json", fal.json.decode(out).file)
  end)

  it("goes on after a file that is not there, and fails", function ()
    local out, code, err = falua("upload --progress=none missing.png in.json")
    assert.equal(1, code)
    assert.matches("in%.json\n$", out)
    assert.matches("missing.png", err, 1, true)
  end)
end)


describe("progress", function ()
  it("draws nothing on a terminal that is left behind", function ()
    local command = ("cd %s && script -qec %s /dev/null </dev/null"):format(dir, child.quoted(
      "stty cols 60; HOME=" .. dir .. " " .. (FALUA:sub(1, 1) == "/" and FALUA or os.getenv "PWD" .. "/" .. FALUA) ..
      " --local run --overwrite --sync " .. SCHNELL .. " seed=7 prompt='a red kite over the sea'"))
    local out = child.sh(command)
    assert.matches("a red kite", out, 1, true)
    -- what comes after the last erasing is the name alone
    assert.matches("^a%-red%-kite%-over%-the%-sea%-7%.png\r\n$", out:match ".*\27%[J(.*)$")
  end)
end)


describe("falua --help", function ()
  it("shows a command that works with each command", function ()
    local out = falua "--help"
    local seen = 0
    for name in out:match("\ncommands:\n(.-)\n  %("):gmatch "\n?  (%l+)  " do
      local help, code = falua(name .. " --help")
      assert.equal(0, code, name)
      assert.matches("Usage: falua " .. name, help, 1, true)
      seen = seen + 1
    end
    assert.is_true(seen >= 8)
  end)
end)
