-- Calls made before are answered from the cache: without a network, and only
-- when all of it is what it was.

local fal = require "fal"
local core = require "fal.core"
local server = require "spec.support.server"


local function write(path, text) assert(core.write(path, text, true)) end


local function text(result) return fal.json.encode(result, { sorted = true }) end


describe("the cache", function ()
  local folder

  local function client(cache, more)
    local opt = { base_url = server.url, credentials = "id:secret", retry = false, cache = cache or folder .. "/cache" }
    for name, value in pairs(more or {}) do opt[name] = value end
    return fal.client(opt)
  end

  -- Requests that were made meanwhile.
  local function requests(f)
    server.forget()
    f()
    return server.stats().requests
  end

  local function files(pattern)
    local command = "mkdir -p %s; find %s -type f -name '%s' | sort"
    local list, p = {}, assert(io.popen(command:format(folder .. "/cache", folder .. "/cache", pattern)))
    for line in p:lines() do list[#list + 1] = line end
    p:close()
    return list
  end

  before_each(function () folder = server.folder() end)
  after_each(function () server.remove_folder(folder) end)

  local INPUT = { prompt = "a red kite", nested = { 1, 2, { x = fal.null } } }

  it("answers the second call, with its pictures, from the folder", function ()
    local first, meta = assert(client():run("fault/pictures/2", { input = INPUT }))
    assert.is_nil(meta.cached)
    assert.is_nil(meta.cache_error)
    assert.equal(2, #files "*.json" + #files "*.png")   -- one content, one file
    local second, again
    assert.equal(0, requests(function ()
      local c = client()
      second, again = assert(c:run("fault/pictures/2", { input = INPUT }))
      assert.same({ folder .. "/out/a-red-kite-1.png", folder .. "/out/a-red-kite-2.png" },
                  assert(c:save(second, folder .. "/out/{slug}-{index}.png")))
    end))
    assert.equal(text(first), text(second))
    assert.is_true(again.cached)
    assert.equal(meta.request_id, again.request_id)
    assert.equal("fault/pictures/2", again.endpoint_id)
    assert.equal("exact", again.cost.kind)
    assert.equal("0", tostring(again.cost.amount))
    assert.equal("a red kite", fal.image.info(folder .. "/out/a-red-kite-1.png").text.prompt)
  end)

  it("is for subscribe as well, and the same for both", function ()
    assert(client():subscribe("q/quick", { input = INPUT }))
    assert.equal(0, requests(function ()
      local result, meta = assert(client():subscribe("q/quick", { input = INPUT }))
      assert.is_true(meta.cached)
      assert.equal("a red kite", result.input.prompt)
      assert(client():run("q/quick", { input = INPUT }))
    end))
  end)

  it("tells inputs and endpoints apart, and knows them whatever their order", function ()
    local c = client()
    assert(c:run("fault/bill/1", { input = { a = 1, b = { c = 2 } } }))
    local rows = {
      { "fault/bill/1", { b = { c = 2 }, a = 1 }, 0 }, { "fault/bill/1", { a = 1, b = { c = 3 } }, 1 },
      { "fault/bill/2", { a = 1, b = { c = 2 } }, 1 }, { "fault/bill/1", { a = "1", b = { c = 2 } }, 1 },
      { "fault/bill/1", {}, 1 }, { "fault/bill/1", nil, 1 },
    }
    for _, row in ipairs(rows) do
      assert.equal(row[3], requests(function () assert(c:run(row[1], { input = row[2] })) end))
    end
    assert.equal(1, requests(function () assert(c:run("fault/bill/1", { input = { a = 1, b = { c = 2 } }, path = "x" })) end))
  end)

  it("knows files by their content", function ()
    local c = client()
    local function call(path) return requests(function ()
      assert(c:run("fault/bill/1", { input = { image_url = fal.file(path) } }))
    end) end
    write(folder .. "/a.png", "one")
    write(folder .. "/b.png", "one")
    assert.is_true(call(folder .. "/a.png") > 1)   -- uploads it, too
    assert.equal(0, call(folder .. "/b.png"))
    write(folder .. "/b.png", "two")
    assert.is_true(call(folder .. "/b.png") > 0)
  end)

  it("asks anew when told to, and keeps what came", function ()
    local c = client()
    assert(c:run("fault/bill/1", { input = INPUT }))
    assert.equal(1, requests(function ()
      local _, meta = assert(c:run("fault/bill/1", { input = INPUT, fresh = true }))
      assert.is_nil(meta.cached)
      local _, kept = assert(c:run("fault/bill/1", { input = INPUT }))
      assert.equal(meta.request_id, kept.request_id)
    end))
  end)

  it("forgets what is older than its ttl", function ()
    local c = client { dir = folder .. "/cache", ttl = 3600 }
    assert(c:run("fault/bill/1", { input = INPUT }))
    assert.equal(0, requests(function () assert(c:run("fault/bill/1", { input = INPUT })) end))
    local path = files "*.json"[1]
    local body = server.read(path):match "\n(.*)$":gsub('"at":%d+', '"at":' .. os.time() - 3600)
    write(path, core.digest("sha256", body) .. "\n" .. body)
    assert.equal(1, requests(function () assert(c:run("fault/bill/1", { input = INPUT })) end))
    assert.equal(0, requests(function () assert(client():run("fault/bill/1", { input = INPUT })) end))
  end)

  it("keeps no failures", function ()
    local c = client()
    for _ = 1, 2 do
      assert.equal(1, requests(function () assert.is_nil((c:run("fault/status/500", { input = INPUT }))) end))
    end
    assert.same({}, files "*")
  end)

  it("keeps a result with its pictures inside", function ()
    local first = assert(client():run("fault/inline", { input = INPUT }))
    assert.equal(0, requests(function () assert.equal(text(first), text(client():run("fault/inline", { input = INPUT }))) end))
  end)

  describe("takes for a miss", function ()
    local function spoiled(spoil)
      assert(client():run("fault/pictures/1", { input = INPUT }))
      spoil(files "*.json"[1], files "*.png"[1])
      assert.is_true(requests(function ()
        local c = client()
        local result, meta = assert(c:run("fault/pictures/1", { input = INPUT }))
        assert.is_nil(meta.cached)
        assert.is_nil(meta.cache_error)
        assert(c:save(result, folder .. "/out/{index}.png"))
      end) > 0)
      assert.equal(0, requests(function () assert(client():run("fault/pictures/1", { input = INPUT })) end))
    end

    it("an entry that is cut", function () spoiled(function (entry) write(entry, server.read(entry):sub(1, -9)) end) end)
    it("an empty entry", function () spoiled(function (entry) write(entry, "") end) end)
    it("an entry with another letter in it", function ()
      spoiled(function (entry) write(entry, (server.read(entry):gsub("red kite", "rad kite"))) end)
    end)
    it("an entry of another call", function ()
      spoiled(function (entry)
        local body = server.read(entry):match "\n(.*)$":gsub('"key":"..', '"key":"00')
        write(entry, core.digest("sha256", body) .. "\n" .. body)
      end)
    end)
    it("one whose picture is gone", function () spoiled(function (_, picture) os.remove(picture) end) end)
    it("one whose picture has changed", function ()
      spoiled(function (_, picture) write(picture, server.read(picture) .. "x") end)
    end)
    it("one that names a file elsewhere", function ()
      spoiled(function (entry)
        local body = server.read(entry):match "\n(.*)$":gsub('"name":"[^"]*"', '"name":"../../../../etc/passwd"')
        write(entry, core.digest("sha256", body) .. "\n" .. body)
      end)
    end)
  end)

  it("does not fail a call that went well when it cannot keep it", function ()
    write(folder .. "/cache", "a file, not a folder")
    local _, meta = assert(client():run("fault/bill/1", { input = INPUT }))
    assert.equal("file", meta.cache_error.code)
  end)

  it("works on a store of the user's", function ()
    local kept, calls = {}, {}
    local dir = fal.cache.dir(folder .. "/files")
    local store = {
      get = function (_, key) calls[#calls + 1] = "get" return kept[key] end,
      put = function (_, key, entry) calls[#calls + 1] = "put" kept[key] = entry return true end,
      temp = function () return dir:temp() end,
      keep = function (_, name, path) calls[#calls + 1] = "keep" return dir:keep(name, path) end,
      file = function (_, name) return dir:file(name) end,
    }
    local c = client(store)
    assert(c:run("fault/pictures/1", { input = INPUT }))
    local _, meta = assert(c:run("fault/pictures/1", { input = INPUT }))
    assert.is_true(meta.cached)
    assert.same({ "get", "keep", "put", "get" }, calls)
  end)

  it("is counted by fal.cost, and free for a budget", function ()
    local c = client(nil, { prices = { ["fault/bill/1"] = 1 }, budget = 1 })
    assert(c:run("fault/bill/1", { input = INPUT }))
    assert(c:run("fault/bill/1", { input = INPUT }))
    local row = require("fal.cost").report({ c.ledger }, false).models[1]
    assert.equal(1, row.calls)
    assert.equal(1, row.cached)
    assert.equal("1", tostring(row.exact))
  end)

  it("of nonsense is misuse", function ()
    for _, bad in ipairs { {}, { ttl = 5 }, { dir = "x", ttl = 0 }, { dir = "x", tll = 5 }, { store = {} }, { dir = 5 } } do
      local ok, err = pcall(client, bad)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("cache", 1, true), tostring(err))
    end
  end)
end)
