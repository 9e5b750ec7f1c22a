-- What was paid for is never lost: not by kill -9, not by a broken disk.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local KEY = "id:secret-key-value"
local RETRY = { max = 2, base_delay = 0.01, max_delay = 0.05 }


local folder

local function client(opt)
  opt = opt or {}
  opt.base_url, opt.credentials, opt.retry = server.url, KEY, RETRY
  return fal.client(opt)
end


-- Ids that wait in the journal at 'path', as another process would see them.
local function pending(path)
  local ids = {}
  for i, handle in ipairs(client({ journal = path }).journal:pending()) do ids[i] = handle.request_id end
  return ids
end


describe("the journal", function ()
  local path

  before_each(function ()
    server.forget()
    folder = server.folder()
    path = folder .. "/deep/jobs.journal"
  end)

  after_each(function () server.remove_folder(folder) end)

  it("has an id before anybody is told of it, and drops it with the result", function ()
    local c, told = client { journal = path }, nil
    local _, meta = assert(c:subscribe("q/quick", { input = {}, on_enqueue = function (id)
      told = id
      assert.same({ id }, pending(path))
    end }))
    assert.equal(meta.request_id, told)
    assert.same({}, pending(path))
  end)

  it("gives submitted requests back as handles", function ()
    local c = client { journal = path }
    local first = assert(c.queue.submit("q/normal", { input = { n = 1 } }))
    local second = assert(c.queue.submit("q/quick/path", { input = { n = 2 } }))
    local list = client({ journal = path }).journal:pending()
    assert.equal(2, #list)
    assert.equal(first.request_id, list[1].request_id)
    assert.equal("q/quick/path", list[2].endpoint_id)
    assert.equal(2, list[2]:get().input.n)
    assert.same({ first.request_id }, pending(path))
    assert.equal(1, first:get({ poll_interval = 0.1 }).input.n)
    assert.same({}, pending(path))
    assert.equal(second.request_id, list[2].request_id)
  end)

  it("is opened by fal.journal.open, with the default client", function ()
    fal.config { base_url = server.url, credentials = KEY, journal = path }
    local handle = assert(fal.queue.submit("q/quick", { input = {} }))
    fal.config { base_url = server.url, credentials = KEY }
    local list = fal.check(fal.journal.open(path)):pending()
    assert.equal(handle.request_id, list[1].request_id)
    for event in list[1]:events() do
      if event.status == "COMPLETED" then assert.is_table(event.result) end
    end
    assert.same({}, pending(path))
  end)

  it("has the ids of run_iterator too", function ()
    local c = client { journal = path }
    for event in c:run_iterator("q/normal", { input = {}, poll_interval = 0.1 }) do
      assert.equal(event.status == "COMPLETED" and 0 or 1, #pending(path))
    end
  end)

  -- what ends a request, and what does not
  local rows = {
    ["fails-422"] = 0, ["fails-500"] = 0, ["fails-503"] = 0, gone = 0, unknown = 0,
    ["status-401"] = 1, ["status-502"] = 1, ["status-json"] = 1, ["status-redirect"] = 1, ["result-stall"] = 1, never = 1,
  }
  for play, left in pairs(rows) do
    it((left == 0 and "drops" or "keeps") .. " a request that ended so: " .. play, function ()
      local c = client { journal = path }
      local value, err = c:subscribe("q/" .. play, { input = {}, timeout = 0.4, poll_interval = 0.1 })
      assert.is_nil(value)
      local ids = pending(path)
      assert.equal(left, #ids, tostring(err))
      if left == 1 then assert.equal(err.request_id, ids[1]) end
    end)
  end

  it("keeps a request whose submit only seemed to fail", function ()
    local c = client { journal = path }
    assert.is_nil((c.queue.submit("q/submit-app", { input = {} })))
    assert.same({}, pending(path))
  end)

  it("skips a line that was cut off, and goes on below it", function ()
    local c = client { journal = path }
    local first = assert(c.queue.submit("q/quick", { input = {} }))
    local f = assert(io.open(path, "ab"))
    f:write('{"submitted":"5e0f', '')
    f:close()
    assert.same({ first.request_id }, pending(path))
    c = client { journal = path }
    local second = assert(c.queue.submit("q/quick", { input = {} }))
    assert.same({ first.request_id, second.request_id }, pending(path))
    f = assert(io.open(path, "ab"))
    f:write("\0\255 nonsense\n[1]\n{\"submitted\":1,\"id\":2}\n\n{}\n\"x\"\n{\"ended\":[]}\n")
    f:close()
    assert.same({ first.request_id, second.request_id }, pending(path))
  end)

  it("that cannot be written is told at once, not after the first submit", function ()
    for _, bad in ipairs { "/proc/nowhere/jobs.journal", folder } do
      local ok, err = pcall(client, { journal = bad })
      assert.is_false(ok, bad)
      assert.equal("file", err.code)
    end
    assert.equal(0, server.stats().requests)
  end)

  it("that cannot be written later ends the call, with the id", function ()
    local c = client { journal = path }
    os.remove(path)
    assert(os.execute("mkdir " .. child.quoted(path)))
    local value, err = c:subscribe("q/never", { input = {}, timeout = 5 })
    assert.is_nil(value)
    assert.equal("file", err.code)
    assert.is_string(err.request_id)
    server.step_until(fal.step, "cancel", 1)
    value, err = c.queue.submit("q/never", { input = {} })
    assert.is_nil(value)
    assert.equal("file", err.code)
    assert.is_string(err.request_id)
  end)

  it("never has the key or the input", function ()
    local c = client { journal = path }
    assert(c:subscribe("q/quick", { input = { prompt = "a private thing" } }))
    local text = server.read(path)
    assert.is_nil(text:find("secret", 1, true))
    assert.is_nil(text:find("private", 1, true))
  end)
end)


-- The server kills the process after a number of bytes answered since the
-- submit: in the middle of a status, between two of them, in the result.
describe("kill -9", function ()
  local SUBSCRIBE = [[
    local fal = require "fal"
    fal.config { base_url = %q, credentials = %q, journal = %q }
    local pid = tonumber(io.open "/proc/self/stat":read "*a":match "^%%d+")
    local result, meta = fal.subscribe("q/kill-%d", { input = { pid = pid }, mode = %q, logs = true, poll_interval = 0.1 })
    print("collected", meta.request_id)
  ]]

  local COLLECT = [[
    local fal = require "fal"
    fal.config { base_url = %q, credentials = %q }
    for _, handle in ipairs(fal.check(fal.journal.open(%q)):pending()) do
      local result, meta = assert(handle:get { mode = %q })
      print("collected", meta.request_id)
    end
  ]]

  local function subscribe(path, mode, bytes)
    return child.run(SUBSCRIBE:format(server.url, KEY, path, bytes, mode))
  end

  for _, mode in ipairs { "polling", "streaming" } do
    it("at ten random moments, " .. mode .. ": each result is collected once", function ()
      folder = server.folder()
      local path = folder .. "/jobs.journal"
      server.forget()
      assert.truthy(subscribe(path, mode, 1000000):find("collected", 1, true))
      local total = server.stats().sent
      assert.is_true(total > 600)
      local seed = os.time()
      math.randomseed(seed)
      server.forget()
      local ids, said, early = {}, {}, {}
      for i = 1, 10 do
        local bytes = i == 1 and 0 or math.random(0, total - 1)
        local out, code = subscribe(path, mode, bytes)
        said[i] = ("seed %d, %d of %d bytes: [%s] %s"):format(seed, bytes, total, tostring(code), out)
        -- how often it polls varies: late moments may never come
        early[#early + 1] = out:match "collected\t(%S+)"
        assert.equal(i, server.stats().submit)
      end
      for _, r in ipairs(server.log()) do
        if r.kind == "submit" then ids[r.rid] = 0 end
      end
      assert.is_true(#early < 5, table.concat(said, "\n"))
      for _, id in ipairs(early) do ids[id] = ids[id] + 1 end
      for _ = 1, 2 do  -- the second time there is nothing left
        local out = child.run(COLLECT:format(server.url, KEY, path, mode))
        for id in out:gmatch "collected\t(%S+)" do
          assert.is_number(ids[id])
          ids[id] = ids[id] + 1
        end
        assert.is_nil(out:find("error", 1, true), out)
      end
      local n = 0
      for id, times in pairs(ids) do
        n = n + 1
        assert.equal(1, times, id .. "\n" .. table.concat(said, "\n"))
      end
      assert.equal(10, n)
      assert.equal(10, server.stats().submit)
      assert.is_nil(server.stats().cancel)
      server.remove_folder(folder)
    end)
  end
end)
