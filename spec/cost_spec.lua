-- What calls cost: exact, estimated and unknown stay apart, and a budget
-- stops before the call that would pass it.

local fal = require "fal"
local child = require "spec.support.child"
local decimal = require "fal.decimal"
local server = require "spec.support.server"

-- The fault server by a name that is not this machine's own: what that says is
-- kept on disk. libcurl sends *.localhost to 127.0.0.1 itself.
local NAMED = server.url:gsub("127%.0%.0%.1", "prices.localhost")

local PRICES = {
  ["fault/bill/1"] = { unit_price = "0.025", unit = "images" },
  ["fault/bill/none"] = { unit_price = 0.25, unit = "image" },
  ["fault/bill/none/500"] = 0.25,
  ["fault/bill/0/422"] = 0.25,
  ["fault/bill/3"] = 0.1,
  ["fault/hold"] = { unit_price = 1, unit = "requests" },
  ["q/quick"] = { unit_price = 0.5, unit = "requests" },
  ["q/fails-422"] = { unit_price = 0.5, unit = "requests" },
  ["q/fails-500"] = { unit_price = 0.5, unit = "requests" },
}


-- A table of prices is a source of its own, with a ledger of its own.
local function client(opt)
  local prices = {}
  for id, price in pairs(PRICES) do prices[id] = price end
  opt = opt or {}
  opt.base_url, opt.credentials, opt.retry = server.url, "id:secret", false
  opt.prices = opt.prices or prices
  return fal.client(opt)
end


local function row(id)
  for _, r in ipairs(fal.cost({ fetch = false }).models) do
    if r.endpoint_id == id then return r end
  end
end


-- The report of one client alone.
local function ledger(c)
  return require("fal.cost").report({ c.ledger }, true)
end


describe("meta.cost", function ()
  it("is units times price, exactly", function ()
    local c = client()
    local _, meta = assert(c:run("fault/bill/3", { input = {} }))
    assert.equal(3, meta.billable_units)
    assert.equal("exact", meta.cost.kind)
    assert.equal("0.3", tostring(meta.cost.amount))
    assert.equal("$0.30", tostring(meta.cost))
    assert.equal("0.1", tostring(meta.cost.unit_price))
    assert.equal("application/json", meta.headers["content-type"])
  end)

  it("is unknown without a price, and asks nobody for it", function ()
    server.forget()
    local c = client { prices = server.folder() .. "/none.json" }
    local _, meta = assert(c:run("fault/bill/1", { input = {} }))
    assert.equal("unknown", meta.cost.kind)
    assert.is_nil(meta.cost.amount)
    assert.equal("unknown", tostring(meta.cost))
    assert.equal("file", meta.cost.why.code)
    assert.equal(1, server.stats().requests)
  end)

  it("is unknown when nothing was said of units", function ()
    local _, meta = assert(client():run("fault/bill/none", { input = {} }))
    assert.equal("unknown", meta.cost.kind)
  end)

  it("is there for the queue and for streams", function ()
    local c = client { prices = { ["q/quick"] = 0.2, ["fault/sse/plain"] = 0.01 } }
    local _, meta = assert(c:subscribe("q/quick", { input = {}, poll_interval = 0.1 }))
    assert.equal("$0.25", tostring(meta.cost))
    local stream = assert(c:stream("fault/sse/plain", { input = {} }))
    local _, last = assert(stream:done())
    assert.equal("$0.03", tostring(last.cost))
    assert.equal("0.28", tostring(ledger(c).exact))
  end)
end)


describe("prices", function ()
  local folder, env

  before_each(function ()
    server.forget()
    folder = server.folder()
    env = { XDG_CACHE_HOME = folder .. "/cache", FAL_BASE_URL = NAMED, FAL_KEY = "id:secret" }
  end)

  after_each(function () server.remove_folder(folder) end)

  local CALL = [[
    local fal = require "fal"
    local _, meta = assert(fal.run("fault/bill/1", { input = {} }))
    print(meta.cost, meta.cost.kind)
    print(fal.cost())
    print(meta.cost, meta.cost.kind)
    print(fal.models.price("fault/bill/1").source)
  ]]

  it("come from the platform when they are asked for, and stay on disk", function ()
    local today = os.date "%Y-%m-%d"
    local report = "fault/bill/1: 1 call, 1 images at $0.025 (" .. today .. ") = $0.025\ntotal: $0.025\n"
    assert.equal("unknown\tunknown\n" .. report .. "$0.025\texact\nplatform\n", (child.run(CALL, env)))
    assert.equal(1, server.stats().pricing)
    assert.equal("$0.025\texact\n" .. report .. "$0.025\texact\nplatform\n", (child.run(CALL, env)))
    assert.equal(1, server.stats().pricing)
    local asked
    for _, r in ipairs(server.log()) do
      if r.path == "/api/v1/models/pricing" then asked = r end
    end
    assert.equal("endpoint_id=fault%2Fbill%2F1", asked.query)
    assert.equal("Key id:secret", asked.headers.authorization)
  end)

  it("that are old are asked for again, and only estimate when nobody answers", function ()
    child.run(CALL, env)
    local path = folder .. "/cache/fal/prices.json"
    local text = server.read(path):gsub('"at": %d+', '"at": ' .. os.time() - 200000)
    assert.is_true(require("fal.core").write(path, text, true))
    local out = child.run(CALL:gsub("print%(fal.cost%(%)%)", 'print(fal.cost { fetch = false })'), env)
    assert.truthy(out:find("about $0.025\testimated", 1, true), out)
    assert.is_nil(server.read(path):find(tostring(os.time() - 200000):sub(1, 6), 1, true), out)  -- by fal.models.price
    out = child.run(CALL, env)
    assert.truthy(out:find("$0.025\texact", 1, true), out)
  end)

  it("of a server on this machine are not kept: its port may be another's tomorrow", function ()
    for _, url in ipairs { server.url, (server.url:gsub("127%.0%.0%.1", "localhost")) } do
      env.FAL_BASE_URL = url
      assert.truthy(child.run(CALL, env):find("$0.025\texact", 1, true))
      child.run([[assert(require "fal".models.schema "q/quick")]], env)
    end
    assert.is_nil(io.open(folder .. "/cache/fal/prices.json"))
    assert.equal("", (child.sh("ls " .. folder .. " 2>&1")))
  end)

  it("survive a damaged file", function ()
    os.execute("mkdir -p " .. folder .. "/cache/fal")
    for _, text in ipairs { "", "{", '{"hosts":7}', '{"hosts":{"' .. NAMED .. '/api":[1]}}', "\255" } do
      assert.is_true(require("fal.core").write(folder .. "/cache/fal/prices.json", text, true))
      local out = child.run(CALL, env)
      assert.truthy(out:find("$0.025\texact", 1, true), out)
    end
  end)

  it("come from a file instead, when there is one", function ()
    local path = folder .. "/prices.json"
    local core = require "fal.core"
    assert.is_true(core.write(path, '{"prices":[{"endpoint_id":"fault/bill/1","unit_price":0.5,"unit":"images"}]}', true))
    env.FAL_PRICES = path
    local out = child.run(CALL, env)
    assert.truthy(out:find("$0.50\texact", 1, true), out)
    assert.truthy(out:find("file\n", 1, true), out)
    assert.is_nil(server.stats().pricing)
    assert.is_true(core.write(path, '{"fault/bill/1": "0.125"}', true))
    out = child.run(CALL, env)
    assert.truthy(out:find("$0.125\texact", 1, true), out)
  end)

  for text, what in pairs {
    ["{"] = "prices", ["[]7"] = "prices", ['{"a/b": -1}'] = "'a/b'", ['{"a/b": {"unit_price": "x"}}'] = "'a/b'",
    ['{"prices": [{"unit_price": 1}]}'] = "'prices[1]'",
  } do
    it("are refused when a file has them so: " .. text, function ()
      assert.is_true(require("fal.core").write(folder .. "/p.json", text, true))
      local price, err = client({ prices = folder .. "/p.json" }).models.price("a/b")
      assert.is_nil(price)
      assert.equal("file", err.code)
      assert.truthy(tostring(err):find(what, 1, true), tostring(err))
    end)
  end

  it("that nobody knows say how to give one", function ()
    local _, err = fal.client({ base_url = server.url, credentials = "a:b" }).models.price "fault/nowhere"
    assert.truthy(tostring(err):find("FAL_PRICES", 1, true), tostring(err))
  end)
end)


describe("estimates", function ()
  local rows = {
    { "images", {}, "0.1" }, { "image", { num_images = 3 }, "0.3" },
    { "megapixels", { image_size = "square" }, "0.1" }, { "megapixels", { image_size = "square_hd", num_images = 2 }, "0.2" },
    { "megapixel", { image_size = { width = 2048, height = 1024 } }, "0.2" }, { "megapixels", {}, "0.1" },
    { "megapixels", { image_size = { width = 1025, height = 1024 } }, "0.2" },
    { "seconds", { duration = "5" }, "0.5" }, { "seconds", {}, nil }, { "videos", {}, "0.1" }, { "requests", {}, "0.1" },
    { "compute seconds", {}, nil }, { "1000 tokens", {}, nil },
  }
  for _, r in ipairs(rows) do
    it("of " .. r[1] .. " for " .. fal.json.encode(r[2]), function ()
      local c = client { prices = { ["a/b"] = { unit_price = 0.1, unit = r[1] } } }
      local estimate = c.models.estimate("a/b", r[2])
      assert.equal(r[3] and "estimated" or "unknown", estimate.kind)
      assert.equal(r[3], estimate.amount and tostring(estimate.amount))
      assert.equal(r[3] and "about $" .. decimal.of(r[3]):fixed(2) or "unknown", tostring(estimate))
    end)
  end
end)


describe("the ledger", function ()
  it("keeps exact, estimated and unknown apart", function ()
    local c = client()
    for _ = 1, 3 do assert(c:run("fault/bill/1", { input = {} })) end
    assert(c:run("fault/bill/none", { input = { num_images = 2 } }))
    assert.is_nil((c:run("fault/bill/none/500", { input = {} })))
    assert.is_nil((c:run("fault/bill/0/422", { input = {} })))
    assert(c:run("fault/bill/7", { input = {} }))
    local report = ledger(c)
    assert.equal(7, report.calls)
    assert.equal("0.075", tostring(report.exact))
    assert.equal("0.5", tostring(report.estimated))
    assert.equal(2, report.unknown)   -- no unit to count by, and no price
    assert.truthy(tostring(report):find("total: $0.075 + about $0.50 + 2 calls of unknown cost", 1, true))
  end)

  it("does not count what is followed twice", function ()
    local c = client()
    local handle = assert(c.queue.submit("q/quick", { input = {} }))
    assert(handle:get())
    assert.equal(1, ledger(c).calls)
    assert.equal("0.625", tostring(ledger(c).exact))
  end)

  it("is fal.cost for all clients of the process", function ()
    local c = client { prices = { ["fault/bill/4"] = 0.1 } }
    assert(c:run("fault/bill/4", { input = {} }))
    assert.equal("0.4", tostring(row("fault/bill/4").exact))
    c:close()
    assert.equal("0.4", tostring(row("fault/bill/4").exact))
  end)
end)


describe("a budget", function ()
  it("stops before the call that would pass it", function ()
    server.forget()
    local c = client { budget = 0.1 }
    for _ = 1, 4 do assert(c:run("fault/bill/1", { input = {} })) end
    local result, err = c:run("fault/bill/1", { input = {} })
    assert.is_nil(result)
    assert.equal("budget", err.code)
    assert.truthy(tostring(err):find("$0.10", 1, true), tostring(err))
    assert.equal(4, server.stats().requests)
    assert.equal("0.1", tostring(c.budget.spent))
  end)

  it("counts what the server billed, not what was guessed", function ()
    local c = client { budget = "0.65", prices = { ["fault/bill/3"] = { unit_price = "0.1", unit = "images" } } }
    assert(c:run("fault/bill/3", { input = {} }))
    assert(c:run("fault/bill/3", { input = {} }))
    assert.equal("0.6", tostring(c.budget.spent))
    local _, err = c:run("fault/bill/3", { input = {} })
    assert.equal("budget", err and err.code)
  end)

  it("holds estimates of calls under way", function ()
    server.forget()
    local c = client { budget = 2 }
    local first, second = fal.async(c.run, c, "fault/hold", { input = {} }), fal.async(c.run, c, "fault/hold", { input = {} })
    server.step_until(fal.step, "open", 2)
    local _, err = c:run("fault/hold", { input = {} })
    assert.equal("budget", err.code)
    server.release()
    first:cancel()
    second:await()
    assert.is_true(c.budget.held:iszero())
  end)

  it("counts calls that failed and may be charged, and no others", function ()
    local c = client { budget = 0.6 }
    assert.is_nil((c:run("fault/bill/0/422", { input = {} })))
    assert.equal("0", tostring(c.budget.spent))
    assert.is_nil((c:run("fault/bill/none/500", { input = {} })))
    assert.is_nil((c:run("fault/bill/none/500", { input = {} })))
    assert.equal("0.5", tostring(c.budget.spent))
    local _, err = c:run("fault/bill/none/500", { input = {} })
    assert.equal("budget", err.code)
  end)

  it("covers the queue: what is submitted is held until its result", function ()
    local c = client { budget = 1.2 }
    local handle = assert(c.queue.submit("q/quick", { input = {} }))
    local _, err = c:subscribe("q/quick", { input = {} })
    assert.is_nil(err.code)   -- there is room for two
    _, err = c.queue.submit("q/quick", { input = {} })
    assert.equal("budget", err.code)
    assert(handle:get())
    assert.equal("1.25", tostring(c.budget.spent))   -- 1.25 units each: more than the estimate
    assert.is_nil((c:subscribe("q/fails-422", { input = {} })))
  end)

  it("refuses calls of unknown price", function ()
    server.forget()
    local c = client { budget = 5, prices = { ["a/b"] = 1 } }
    local _, err = c:run("fault/bill/1", { input = {} })
    assert.equal("budget", err.code)
    assert.truthy(tostring(err):find("prices", 1, true))
    assert.equal(0, server.stats().requests)
  end)

  it("of nonsense is misuse", function ()
    for _, bad in ipairs { -1, "much", "-3" } do
      local ok, err = pcall(client, { budget = bad })
      assert.is_false(ok)
      assert.truthy(tostring(err):find("budget", 1, true))
    end
  end)
end)


describe("fal.models", function ()
  it("tells what the platform knows", function ()
    server.forget()
    local c = client()
    local info = assert(c.models.info "q/quick")
    assert.equal("The q/quick", info.metadata.display_name)
    assert.equal(3, #{ c.models.info "q/nothing", "" , "" })
    local _, err = c.models.info "q/nothing"
    assert.equal("protocol", err.code)
    assert.equal("q/nothing", err.endpoint_id)
  end)

  it("keeps schemas on disk", function ()
    server.forget()
    local folder = server.folder()
    local env = { XDG_CACHE_HOME = folder, FAL_BASE_URL = NAMED, FAL_KEY = "id:secret" }
    local code = [[print(assert(require "fal".models.schema "q/quick").paths["/q/quick"])]]
    for _ = 1, 2 do assert.truthy(child.run(code, env):find "^table") end
    assert.equal(1, server.stats().models)
    server.remove_folder(folder)
  end)
end)
