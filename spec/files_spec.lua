-- Results to disk: fal.download and fal.save.

local fal = require "fal"
local pngs = require "spec.support.pngs"
local server = require "spec.support.server"

local PNG_SIZE = 79
local PNG_HASH = 16   -- characters of {hash}
local dir


local function setup_client()
  fal.config { base_url = server.url, credentials = "id:secret" }
  server.forget()
  dir = server.folder()
end


local function remove_files()
  server.remove_folder(dir)
end


local function url(path)
  return server.url .. "/fault/" .. path
end


describe("download", function ()
  before_each(setup_client)
  after_each(remove_files)

  it("writes the file and tells about it", function ()
    local path, info = fal.download(url "file/a.png", dir .. "/a.png")
    assert.equal(dir .. "/a.png", path)
    assert.equal(PNG_SIZE, info.bytes)
    assert.equal("image/png", info.content_type)
    assert.equal(PNG_SIZE, #server.read(path))
    local asked = server.last().headers
    assert.equal("fal-lua/" .. fal.version, asked["user-agent"])
    assert.equal("*/*", asked.accept)
    assert.is_nil(asked.authorization)
    assert.is_nil(asked["content-type"])
    assert.same({ "a.png" }, server.list(dir))
  end)

  it("takes a file of a result", function ()
    local result = fal.check(fal.run("fault/pictures/1", {}))
    assert(fal.download(result.images[1], dir .. "/a.png"))
    assert.equal("\137PNG", server.read(dir .. "/a.png"):sub(1, 4))
  end)

  it("needs no length", function ()
    assert(fal.download(url "file-chunked/a.png", dir .. "/a.png"))
    assert.equal(PNG_SIZE, #server.read(dir .. "/a.png"))
  end)

  it("streams what is larger than memory should hold", function ()
    local _, info = fal.download(url "huge/8388608", dir .. "/large")
    assert.equal(8388608, info.bytes)
    assert.equal(8388608, #server.read(dir .. "/large"))
  end)

  it("never sends the key", function ()
    assert(fal.download(url "file/a.png", dir .. "/a.png"))
    assert.is_nil(server.last().headers.authorization)
  end)

  it("makes the folders on the way", function ()
    assert(fal.download(url "file/a.png", dir .. "/x/y/a.png"))
    assert.same({ "a.png" }, server.list(dir .. "/x/y"))
  end)

  it("follows redirects", function ()
    assert(fal.download(url "moved/file/a.png", dir .. "/a.png"))
    assert.equal(PNG_SIZE, #server.read(dir .. "/a.png"))
    assert.equal(2, server.stats().requests)
  end)

  it("but not in circles, and not off the web", function ()
    local path, err = fal.download(url "loop", dir .. "/a")
    assert.is_nil(path)
    assert.equal("protocol", err.code)
    path, err = fal.download(url "to-file", dir .. "/a")
    assert.is_nil(path)
    assert.equal("protocol", err.code)
    assert.same({}, server.list(dir))
  end)

  it("decodes data: URIs", function ()
    local path, info = fal.download("data:text/plain;base64,aGVsbG8=", dir .. "/a.txt")
    assert.equal("hello", server.read(path))
    assert.equal(5, info.bytes)
    assert.equal("text/plain", info.content_type)
    assert(fal.download("data:,a%20b", dir .. "/b.txt"))
    assert.equal("a b", server.read(dir .. "/b.txt"))
    local nothing, err = fal.download("data:text/plain;base64,!!!", dir .. "/c.txt")
    assert.is_nil(nothing)
    assert.equal("protocol", err.code)
    assert.same({ "a.txt", "b.txt" }, server.list(dir))
    assert.equal(0, server.stats().requests)
  end)

  it("decodes long data: URIs, broken into lines or not, and no half of one", function ()
    local base64 = require("fal.core").base64
    local function saved(text)
      local path, err = fal.download("data:application/octet-stream;base64," .. text, dir .. "/a.bin", { overwrite = true })
      return path and server.read(path), err
    end
    for _, n in ipairs { 24575, 24576, 24577, 49152, 100001 } do
      local bytes = {}
      for i = 1, n do bytes[i] = string.char((i * i + n) % 256) end
      bytes = table.concat(bytes)
      local text = base64(bytes)
      assert.is_true(bytes == saved(text))
      assert.is_true(bytes == saved((text:gsub(("."):rep(76), "%0\r\n"))))
      assert.is_true(bytes == saved((text:gsub("=", ""))))
      assert.is_true(bytes == saved(text:sub(1, 32770) .. "\n" .. text:sub(32771)))
    end
    os.remove(dir .. "/a.bin")
    local nothing, err = saved(("QUJD"):rep(10000) .. "!" .. ("QUJD"):rep(20000))
    assert.is_nil(nothing)
    assert.equal("protocol", err.code)
    assert.same({}, server.list(dir))
  end)

  it("leaves a file that is there alone when asked to", function ()
    assert(fal.download("data:,old", dir .. "/a"))
    local path, err = fal.download(url "file/a.png", dir .. "/a", { overwrite = false })
    assert.is_nil(path)
    assert.equal("file", err.code)
    assert.truthy(tostring(err):find(dir .. "/a", 1, true))
    assert.equal("old", server.read(dir .. "/a"))
    assert(fal.download(url "file/a.png", dir .. "/a", { overwrite = true }))
    assert.equal(PNG_SIZE, #server.read(dir .. "/a"))
  end)

  it("says what is wrong with its use", function ()
    assert.has_error(function () fal.download(nil, "x") end)
    assert.has_error(function () fal.download({}, "x") end)
    assert.has_error(function () fal.download(url "file/a", nil) end)
    local path, err = fal.download("/etc/hostname", dir .. "/a")
    assert.is_nil(path)
    assert.equal("validation", err.code)
  end)
end)


describe("save", function ()
  before_each(setup_client)
  after_each(remove_files)

  local function result(prompt, n)
    return fal.check(fal.run("fault/pictures/" .. (n or 1), { input = { prompt = prompt } }))
  end

  local function names(paths)
    for i, path in ipairs(paths) do
      assert.equal(dir .. "/", path:sub(1, #dir + 1))
      paths[i] = path:sub(#dir + 2)
    end
    return paths
  end

  local function saved(value, template, opt)
    return names(fal.check(fal.save(value, dir .. "/" .. template, opt)))
  end

  it("fills every field of its template", function ()
    local value, meta = fal.run("fault/pictures/1", { input = { prompt = "A red kite" } })
    local cases = {
      ["{slug}"] = "^a%-red%-kite$", ["{prompt}"] = "^A red kite$", ["{seed}"] = "^42$", ["{index}"] = "^1$",
      ["{model}"] = "^fault%-pictures%-1$", ["{request_id}"] = "^" .. meta.request_id:gsub("%-", "%%-") .. "$",
      ["{hash}"] = "^" .. ("%x"):rep(PNG_HASH) .. "$", ["{width}x{height}"] = "^2x2$", ["a.{ext}"] = "^a%.png$",
      ["{date}"] = "^%d%d%d%d%-%d%d%-%d%d$",
    }
    for template, expected in pairs(cases) do
      local name = saved(value, template)[1]
      assert.truthy(name:find(expected), template .. " became " .. name)
    end
  end)

  it("refuses a field it does not have", function ()
    local ok, err = pcall(fal.save, result("a"), dir .. "/{sede}.png")
    assert.is_false(ok)
    assert.truthy(tostring(err):find("{seed}", 1, true), tostring(err))
  end)

  it("saves every file of a result, in order", function ()
    assert.same({ "1.png", "2.png", "3.png" }, saved(result("a", 3), "{index}.{ext}"))
    assert.same({ "1.png", "2.png", "3.png" }, server.list(dir))
  end)

  it("gives files that want the same name different ones", function ()
    assert.same({ "42.png", "42-2.png" }, saved(result("a", 2), "{seed}.{ext}"))
  end)

  it("takes pictures that are in the answer itself", function ()
    local value = fal.check(fal.run("fault/inline", { input = { prompt = "b" } }))
    assert.same({ "b.png" }, saved(value, "{slug}.{ext}"))
    assert.equal("\137PNG", server.read(dir .. "/b.png"):sub(1, 4))
  end)

  it("makes folders", function ()
    assert.same({ "x/fault-pictures-1/42.png" }, saved(result("a"), "x/{model}/{seed}.{ext}"))
  end)

  it("does not overwrite, unless told to", function ()
    local value = result("a")
    saved(value, "{seed}.png")
    local before = server.read(dir .. "/42.png")
    local paths, err = fal.save(result("another"), dir .. "/{seed}.png")
    assert.is_nil(paths)
    assert.equal("file", err.code)
    assert.truthy(tostring(err):find("42.png", 1, true))
    assert.equal(before, server.read(dir .. "/42.png"))
    assert.same({ "42.png" }, server.list(dir))
    saved(result("another"), "{seed}.png", { overwrite = true })
    assert.are_not.equal(before, server.read(dir .. "/42.png"))
  end)

  it("writes what made a PNG into it, and leaves its pixels", function ()
    local value, meta = fal.run("fault/pictures/1", { input = { prompt = "k\195\188\195\167\195\188k kay\196\177k" } })
    saved(value, "a.png")
    local info = fal.check(fal.image.info(server.read(dir .. "/a.png")))
    assert.equal(2, info.width)
    assert.equal("k\195\188\195\167\195\188k kay\196\177k", info.text.prompt)
    assert.equal("42", info.text.seed)
    assert.equal("fault/pictures/1", info.text.model)
    assert.equal(meta.request_id, info.text.request_id)
    assert.same({ prompt = "k\195\188\195\167\195\188k kay\196\177k" }, fal.json.decode(info.text.input))
    assert(fal.download(value.images[1], dir .. "/plain.png"))
    local a, b = fal.image.open(dir .. "/a.png"), fal.image.open(dir .. "/plain.png")
    for y = 0, 1 do
      for x = 0, 1 do
        assert.same({ b:pixel(x, y) }, { a:pixel(x, y) })
      end
    end
  end)

  it("gives readers of other tools theirs", function ()
    local value, meta = fal.run("fault/pictures/1", { input = { prompt = "p", negative_prompt = "n", steps = 4 } })
    saved(value, "a.png", { text = { Copyright = "me" } })
    local text = fal.check(fal.image.info(dir .. "/a.png")).text
    assert.equal("p\nNegative prompt: n\nSteps: 4, Seed: 42, Size: 2x2, Model: fault/pictures/1", text.parameters)
    assert.equal("n", text.negative_prompt)
    assert.equal("me", text.Copyright)
    local whole = fal.json.decode(text.fal)
    assert.equal(meta.request_id, text.request_id)
    assert.same({ prompt = "p", negative_prompt = "n", steps = 4 }, whole.input)
  end)

  it("does not touch a file but for its texts", function ()
    local value = result("a")
    saved(value, "a.png")
    assert(fal.download(value.images[1], dir .. "/plain.png"))
    local from, to = server.read(dir .. "/plain.png"), server.read(dir .. "/a.png")
    local pixels = from:sub(from:find("IDAT", 1, true) - 4, -1)
    assert.equal(pixels, to:sub(-#pixels))
    assert.equal(from:sub(1, 33), to:sub(1, 33))
  end)

  it("leaves other files as they came, and names them by what they are", function ()
    local jpeg = "\255\216\255\192\0\17\8\0\3\0\4\3\0\0\0\0\0\0\0"
    local value = { { url = "data:image/png;base64," .. require "fal.core".base64(jpeg) },
                    { url = "data:text/plain,hello" } }
    assert.same({ "1-4x3.jpg", "2-unknownxunknown.txt" }, saved(value, "{index}-{width}x{height}.{ext}"))
    assert.equal(jpeg, server.read(dir .. "/1-4x3.jpg"))
    assert.equal("hello", server.read(dir .. "/2-unknownxunknown.txt"))
  end)

  it("works in tasks, side by side", function ()
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = fal.async(function ()
        local value = fal.check(fal.run("fault/pictures/2", { input = { prompt = "task " .. i } }))
        return fal.check(fal.save(value, dir .. "/{slug}-{index}.png"))
      end)
    end
    for i = 1, 5 do
      assert.same({ dir .. "/task-" .. i .. "-1.png", dir .. "/task-" .. i .. "-2.png" }, tasks[i]:await())
      assert.equal("task " .. i, fal.check(fal.image.info(dir .. "/task-" .. i .. "-2.png")).text.prompt)
    end
    assert.equal(10, #server.list(dir))
  end)

  it("says when a PNG is damaged, and leaves nothing", function ()
    local bytes = fal.image.new(3, 3):png()
    local value = { { url = "data:image/png;base64," .. require "fal.core".base64(bytes:sub(1, -30)) } }
    local paths, err = fal.save(value, dir .. "/a.png")
    assert.is_nil(paths)
    assert.equal("protocol", err.code)
    assert.matches("cut short", err.message)
    assert.same({}, server.list(dir))
  end)

  it("makes names of any prompt that stay in their folder", function ()
    assert.same({ "gun-batimi-kiz-kulesi-istanbul.png" },
                saved(result "G\195\188n bat\196\177m\196\177: K\196\177z Kulesi, \196\176stanbul!", "{slug}.png"))
    assert.same({ "etc-passwd.png" }, saved(result "../../etc/passwd", "{slug}.png"))
    local name = saved(result "../../etc/passwd\0\n\"x\"", "{prompt}.png")[1]
    assert.is_nil(name:find("[/%c\"]"), name)
    name = saved(result(("\195\188"):rep(500)), "{prompt}.png")[1]
    assert.is_true(#name <= 110)
    assert.equal(("\195\188"):rep((#name - 4) / 2) .. ".png", name)
    assert.same({ "untitled.png" }, saved(result "!!!", "{slug}.png"))
  end)

  it("says when there is nothing to save", function ()
    local paths, err = fal.save({ text = "hello" }, dir .. "/{index}")
    assert.is_nil(paths)
    assert.equal("protocol", err.code)
  end)

  it("keeps what came when one file does not, and leaves no rest", function ()
    local value = { { url = url "file/1.png" }, { url = url "status/404" }, { url = url "file-cut/3.png" } }
    local paths, err = fal.save(value, dir .. "/{index}.png")
    assert.is_nil(paths)
    assert.truthy(err.code == "http" or err.code == "network")
    assert.same({ dir .. "/1.png" }, err.paths)
    assert.same({ "1.png" }, server.list(dir))
  end)
end)


-- Jobs of a batch keep small files in memory; larger ones go the way of save.
describe("the files of a job", function ()
  before_each(setup_client)
  after_each(remove_files)

  local core = require "fal.core"
  local KEPT = 65536   -- bytes that stay in memory

  -- A PNG of n bytes: a chunk that nobody knows fills it up.
  local function png(n)
    local bytes = fal.check(fal.image.new(3, 2, "#123456"):png())
    return bytes:sub(1, 33) .. pngs.chunk("abCd", ("x"):rep(n - #bytes - 12)) .. bytes:sub(34)
  end

  local function of(bytes, kind)
    return { images = { { url = "data:" .. (kind or "image/png") .. ";base64," .. core.base64(bytes) } } }
  end

  local function save(value, name, job, opt)
    opt = opt or {}
    opt.job, opt.prompt, opt.seed, opt.model, opt.request_id = job, "a k\195\188te", 7, "q/picture", opt.request_id or "r-1"
    opt.input = { prompt = "a k\195\188te", steps = 4 }
    return fal.save(value, dir .. "/" .. name, opt)
  end

  it("are the same bytes either way, whatever their size", function ()
    for i, n in ipairs { 200, KEPT - 1, KEPT, KEPT + 1, 300000 } do
      local bytes = png(n)
      assert.equal(n, #bytes)
      assert.same({ dir .. "/job.png" }, fal.check(save(of(bytes), "job.png", true)))
      fal.check(save(of(bytes), "save.png"))
      local got = server.read(dir .. "/job.png")
      assert.equal(server.read(dir .. "/save.png"), got, i)
      assert.equal("a k\195\188te", fal.check(fal.image.info(got)).text.prompt)
      assert.same({ "job.png", "save.png" }, server.list(dir))
      server.remove_folder(dir)
    end
  end)

  it("are so over the network too, and when they are no PNGs", function ()
    for _, path in ipairs { "file/a.png", "file-chunked/a.png", "huge/4096", "huge/131072" } do
      local value = { images = { { url = url(path) } } }
      fal.check(save(value, "job-{hash}.{ext}", true))
      fal.check(save(value, "save-{hash}.{ext}"))
      local names = server.list(dir)
      assert.equal(2, #names)
      assert.equal(names[2]:sub(6), names[1]:sub(5))
      assert.equal(server.read(dir .. "/" .. names[2]), server.read(dir .. "/" .. names[1]))
      server.remove_folder(dir)
    end
    assert.same({ dir .. "/none" }, fal.check(save({ { url = "data:text/plain," } }, "none", true)))
    assert.equal("", server.read(dir .. "/none"))
  end)

  it("are found again under their name, and take another when it is somebody else's", function ()
    for _, n in ipairs { 200, KEPT + 1 } do
      local bytes = png(n)
      assert.same({ dir .. "/a.png" }, fal.check(save(of(bytes), "a.png", true)))
      local before = server.read(dir .. "/a.png")
      assert.same({ dir .. "/a.png" }, fal.check(save(of(bytes), "a.png", true)))
      assert.same({ dir .. "/a-2.png" }, fal.check(save(of(bytes), "a.png", true, { request_id = "r-2" })))
      assert.equal(before, server.read(dir .. "/a.png"))
      local text = of(("t"):rep(n), "text/plain")
      assert.same({ dir .. "/t" }, fal.check(save(text, "t", true)))
      assert.same({ dir .. "/t" }, fal.check(save(text, "t", true)))
      assert.same({ dir .. "/t-2" }, fal.check(save(of(("u"):rep(n), "text/plain"), "t", true)))
      assert.same({ "a-2.png", "a.png", "t", "t-2" }, server.list(dir))
      server.remove_folder(dir)
    end
  end)

  it("are named by their size, however late a JPEG says it", function ()
    local jpeg = "\255\216\255\225\7\210" .. ("x"):rep(2000) ..
      "\255\192\0\17\8\0\40\0\60\3\1\34\0\2\17\1\3\17\1\255\217"
    for _, job in ipairs { true, false } do
      local paths = fal.check(save(of(jpeg, "image/jpeg"), "{width}x{height}.{ext}", job, { overwrite = true }))
      assert.same({ dir .. "/60x40.jpg" }, paths)
    end
  end)

  it("leave nothing when they are damaged, or cannot be written", function ()
    for _, n in ipairs { 200, KEPT + 1 } do
      local paths, err = save(of(png(n):sub(1, -20)), "a.png", true)
      assert.is_nil(paths)
      assert.equal("protocol", err.code)
      assert.same({}, server.list(dir))
      fal.check(core.write(dir .. "/file", "", true))
      paths, err = save(of(png(n)), "file/a.png", true)
      assert.is_nil(paths)
      assert.equal("file", err.code)
      assert.truthy(err.message:find(dir .. "/file/", 1, true), err.message)
      assert.same({ "file" }, server.list(dir))
      os.remove(dir .. "/file")
    end
    local paths, err = save({ { url = url "file-cut/3.png" } }, "a.png", true)
    assert.is_nil(paths)
    assert.equal("network", err.code)
    assert.same({}, server.list(dir))
  end)
end)
