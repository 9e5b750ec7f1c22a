-- Pictures in tasks: what takes long is done by another thread, others go on
-- meanwhile, and whatever happens to a picture then, no harm is done.

local fal = require "fal"
local child = require "spec.support.child"
local image = fal.image

local SIZE = 1200   -- large enough for anything to go to another thread


local function large(fill)
  local im = image.new(SIZE, SIZE, fill or "#204060")
  for i = 0, SIZE - 1, 7 do
    im:pixel(i, i, "#f0a030")
    im:pixel(SIZE - 1 - i, i, "#ffffff")
  end
  return im
end


-- Runs f in a task, and what it does is also done here, where nobody is there
-- to go on and so no other thread is needed.
local function in_task(f, ...)
  return fal.check(fal.async(f, ...):await())
end


describe("a long operation in a task", function ()
  it("lets other tasks go on", function ()
    local im, ticks, done = large(), 0, false
    local ticker = fal.async(function ()
      while not done do
        fal.sleep(0)
        ticks = ticks + 1
      end
    end)
    local first, last = in_task(function ()
      local before = ticks
      for size = 600, 620 do fal.check(im:resize(size, size)) end
      return before, ticks
    end)
    done = true
    ticker:await()
    assert.is_true(last - first >= 20, "only " .. last - first .. " ticks")
  end)

  it("lets them go on when the main program waits for it too", function ()
    local im, ticks, done = large(), 0, false
    local ticker = fal.async(function ()
      while not done do
        fal.sleep(0)
        ticks = ticks + 1
      end
    end)
    for size = 600, 610 do fal.check(im:resize(size, size)) end
    done = true
    ticker:await()
    assert.is_true(ticks >= 10)
  end)

  it("makes what it makes elsewhere", function ()
    local im, top, mask = large(), image.new(SIZE, SIZE, "#ff000080"), image.new(SIZE, SIZE):mask { 0, 0, 700, 900 }
    for name, f in pairs {
      resize = function () return im:resize(500, 400) end,
      gray = function () return im:resize(2000, 2000):gray() end,
      invert = function () return im:resize(2000, 2000):invert() end,
      blur = function () return im:blur(3) end,
      canny = function () return im:canny() end,
      crop = function () return im:resize(4000, 3000):crop(1, 2, 3990, 2990) end,
      border = function () return im:resize(2000, 2000):border(3, "#f00") end,
      pad = function () return im:resize(2000, 2000):pad(2) end,
      paste = function () return im:paste(top, 5, 5) end,
      blend = function () return im:blend(top, mask) end,
      cut = function () return im:blend(mask) end,
      flood = function () return im:flood(600, 0, "#0f0") end,
      region = function () return im:mask { 600, 0, shape = "flood" } end,
      shape = function () return image.new(3000, 3000):mask { 0, 0, 1000, 2000, shape = "ellipse" } end,
      sheet = function () return image.sheet({ im, top }, { captions = { "one", "two" }, cell = 400 }) end,
    } do
      assert.equal(fal.check(f()):png(), in_task(f):png(), name)
    end
  end)

  it("reads and writes files", function ()
    local im, dir = large(), child.sh "mktemp -d":match "[^\n]+"
    im.text.prompt = "kıyı"
    local bytes, uri = fal.check(im:png()), fal.check(im:data_uri())
    in_task(function ()
      assert.equal(bytes, im:png())
      assert.equal(uri, im:data_uri())
      assert.equal(bytes, fal.check(image.decode(bytes)):png())
      local path = dir .. "/a.png"
      assert.equal(path, im:save(path, { text = { seed = "7" } }))
      assert.same({ prompt = "kıyı", seed = "7" }, fal.check(image.open(path)).text)
      local nothing, err = im:save(path, { overwrite = false })
      assert.is_nil(nothing)
      assert.equal("file", err.code)
      assert.same({ prompt = "kıyı" }, im.text)
      return true
    end)
    child.sh("rm -r " .. dir)
  end)

  it("fails as it does elsewhere", function ()
    local bytes = fal.check(large():png())
    local broken = bytes:sub(1, #bytes - 200)
    local _, here = image.decode(broken)
    local _, there = fal.async(image.decode, broken):await()
    assert.equal("protocol", there.code)
    assert.equal(here.message, there.message)
    local im, small = large(), image.new(2, 2)
    _, there = fal.async(im.blend, im, im, small):await()
    assert.equal("validation", there.code)
  end)

  it("works on the picture as it was when it was called", function ()
    local im = large()
    local expected = fal.check(im:resize(600, 600)):png()
    local calls = {
      function (it) it:pixel(0, 0, "#f00") end,
      function (it) it:close() end,
      function (it) it.text.prompt = "new" end,
    }
    for _, change in ipairs(calls) do
      im = large()
      local task = fal.async(im.resize, im, 600, 600)
      change(im)
      assert.equal(expected, fal.check(task:await()):png())
    end
    im = large()
    local task = fal.async(im.resize, im, 600, 600)
    im = nil  -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal(expected, fal.check(task:await()):png())
  end)

  it("can be written to again afterwards", function ()
    local im = large()
    local png = fal.async(im.png, im)
    im:pixel(3, 4, "#010203")
    assert.same({ 1, 2, 3, 255 }, { im:pixel(3, 4) })
    local before = fal.check(image.decode(fal.check(png:await())))
    assert.same({ 32, 64, 96, 255 }, { before:pixel(3, 4) })
    assert.same({ 1, 2, 3, 255 }, { fal.check(image.decode(im:png())):pixel(3, 4) })
  end)

  it("can be canceled", function ()
    local im = large()
    for _ = 1, 8 do
      local told
      local task = fal.async(function ()
        local result, err = im:blur(9)
        told = err
        return result, err
      end)
      task:cancel()
      assert.equal("canceled", task.status)
      assert.equal("canceled", told.code)
    end
    assert.equal(600, fal.check(fal.async(im.resize, im, 600, 600):await()).width)
  end)

  it("is refused in a task that is canceled", function ()
    local im, task = large(), nil
    task = fal.async(function ()
      fal.sleep(0)
      task:cancel()
      return im:resize(600, 600)
    end)
    local _, err = task:await()
    assert.equal("canceled", err.code)
    assert.equal("canceled", task.status)
  end)

  it("may be one of many", function ()
    local im, list = large(), {}
    for i = 1, 40 do list[i] = function () return im:resize(500 + i, 500) end end
    for i, r in ipairs(fal.gather(list, { limit = 20 })) do
      assert.is_true(r.ok)
      assert.equal(500 + i, r.result.width)
    end
  end)
end)


describe("threads", function ()
  local function threads(code)
    return child.run([[
      local fal = require "fal"
      local function count()
        local p = assert(io.popen("ls /proc/" .. io.open("/proc/self/stat"):read("*n") .. "/task"))
        local _, n = p:read("*a"):gsub("\n", "")
        p:close()
        return n
      end
    ]] .. code)
  end

  local linux = io.open "/proc/self/stat"
  if linux then linux:close() end

  it("are started only when there is something long to do in company", function ()
    if not linux then return print "no /proc here: threads are not counted" end
    assert.equal("1 1 1 2\n", (threads [[
      local im = fal.image.new(1500, 1500, "#123")
      local counts = { count() }
      fal.check(im:resize(700, 700))
      fal.check(im:png())
      counts[2] = count()
      fal.async(function ()
        local small = im:crop(0, 0, 100, 100)
        for i = 1, 100 do fal.check(small:resize(i, i)) end
        counts[3] = count()
        fal.check(im:resize(700, 700))
        counts[4] = count()
      end):await()
      print(table.concat(counts, " "))
    ]]))
  end)

  it("do not keep a program from ending", function ()
    local out, code = child.run [[
      local fal = require "fal"
      local im = fal.image.new(2000, 2000, "#123")
      for i = 1, 6 do fal.async(im.blur, im, 11) end
      print "bye"
    ]]
    assert.equal("bye\n", out)
    assert.equal(0, code)
  end)
end)
