-- Calls at the same time: tasks, what they wait for, and who else may run.

local fal = require "fal"
local server = require "spec.support.server"

local PUC51 = _VERSION == "Lua 5.1" and not jit


local function reach(name, n)
  server.step_until(fal.step, name, n)
end


-- Starts n calls that the server holds until server.release().
local function held(n)
  local tasks = {}
  for i = 1, n do tasks[i] = fal.async(fal.run, "fault/hold", { input = { n = i } }) end
  reach("open", n)
  return tasks
end


describe("tasks", function ()
  before_each(function ()
    fal.config { base_url = server.url, credentials = "" }
    server.forget()
  end)

  it("await gives what the call gives", function ()
    local task = fal.async(fal.run, "fault/mirror", { input = { a = 1 } })
    assert.equal("running", task.status)
    local result, meta = task:await()
    assert.same({ a = 1 }, result)
    assert.equal(200, meta.status)
    assert.equal("done", task.status)
    assert.equal(result, (task:await()))
  end)

  it("await gives nil and the error of a call that failed", function ()
    local task = fal.async(fal.run, "fault/status/404", {})
    local result, err = task:await()
    assert.is_nil(result)
    assert.equal(404, err.status)
    assert.equal("failed", task.status)
  end)

  it("await raises what the task raised, as it was", function ()
    local thrown = { "anything" }
    local task = fal.async(function ()
      fal.sleep(0)
      error(thrown)
    end)
    local ok, err = pcall(task.await, task)
    assert.is_false(ok)
    assert.equal(thrown, err)
    assert.equal("failed", task.status)
  end)

  it("pass arguments in and values out, nils too", function ()
    local task = fal.async(function (...)
      fal.sleep(0)
      return select("#", ...), ...
    end, nil, 2, nil)
    local values = { n = select("#", task:await()), task:await() }
    assert.equal(4, values.n)
    assert.equal(3, values[1])
    assert.equal(2, values[3])
  end)

  it("run at the same time", function ()
    local tasks = held(2)
    assert.equal(2, server.stats().peak)
    server.release()
    assert.is_true(tasks[1]:await().held)
    assert.is_true(tasks[2]:await().held)
  end)

  it("run while a plain call waits", function ()
    local ticks, go = 0, true
    local ticker = fal.async(function ()
      while go do
        fal.sleep(0.001)
        ticks = ticks + 1
      end
    end)
    assert(fal.run("fault/delay/50", {}))
    go = false
    ticker:await()
    assert.is_true(ticks > 3)
  end)

  it("two hundred at once", function ()
    local tasks = held(200)
    server.release()
    for _, task in ipairs(tasks) do assert.is_true(task:await().held) end
    assert.equal(200, server.stats().peak)
  end)

  it("can be awaited by several others", function ()
    local one = held(1)[1]
    local others = {}
    for i = 1, 3 do
      others[i] = fal.async(function () return i, (one:await()) end)
    end
    server.release()
    for i = 1, 3 do
      local n, result = others[i]:await()
      assert.equal(i, n)
      assert.equal(one:await(), result)
    end
  end)

  it("start tasks of their own", function ()
    local outer = fal.async(function ()
      local inner = {}
      for i = 1, 5 do
        inner[i] = fal.async(function ()
          return fal.check(fal.run("fault/mirror", { input = { n = i } })).n
        end)
      end
      local sum = 0
      for _, task in ipairs(inner) do sum = sum + task:await() end
      return sum
    end)
    assert.equal(15, (outer:await()))
  end)

  it("live until they end, referred to or not", function ()
    local got
    fal.async(function () got = fal.run("fault/mirror", { input = { a = 1 } }) end)
    collectgarbage()
    collectgarbage()
    while not got do fal.step(1) end
    assert.same({ a = 1 }, got)
  end)

  it("let others go first when they yield by themselves", function ()
    local order = {}
    local a = fal.async(function ()
      coroutine.yield()
      order[#order + 1] = "a"
    end)
    local b = fal.async(function () order[#order + 1] = "b" end)
    a:await()
    b:await()
    assert.same({ "b", "a" }, order)
  end)

  it("can be driven step by step", function ()
    local task = fal.async(fal.run, "fault/delay/20", {})
    local steps = 0
    while task.status == "running" and steps < 100000 do
      fal.step(0.01)
      steps = steps + 1
    end
    assert.equal("done", task.status)
    assert.equal(0, fal.step(0))
  end)

  it("protect calls with pcall where Lua can", function ()
    local task = fal.async(function ()
      return pcall(fal.run, "fault/mirror", { input = { a = 1 } })
    end)
    local ok, result = task:await()
    if PUC51 then  -- Lua 5.1 cannot yield across pcall, and says so
      assert.is_false(ok)
      assert.truthy(tostring(result):find("yield", 1, true))
    else
      assert.is_true(ok)
      assert.same({ a = 1 }, result)
    end
  end)

  it("wakes who sleeps outside of a task though the collector runs meanwhile", function ()
    local collector = fal.async(function ()
      for _ = 1, 5 do
        fal.sleep(0.005)
        collectgarbage()
        collectgarbage()
      end
    end)
    assert.is_true(fal.sleep(0.2))
    collector:await()
  end)

  it("say what is wrong with their use", function ()
    assert.has_error(function () fal.async("fal-ai/flux") end)
    assert.has_error(function () fal.async() end)
    assert.has_error(function () fal.sleep("long") end)
    local task
    task = fal.async(function ()
      fal.sleep(0)
      return pcall(task.await, task)
    end)
    local ok, err = task:await()
    assert.is_false(ok)
    assert.truthy(err:find("itself", 1, true))
  end)
end)


describe("cancel", function ()
  before_each(function ()
    fal.config { base_url = server.url, credentials = "" }
    server.forget()
  end)

  it("ends the call and closes its connection", function ()
    local task = held(1)[1]
    task:cancel()
    local result, err = task:await()
    assert.is_nil(result)
    assert.equal("canceled", err.code)
    assert.equal("canceled", task.status)
    assert.equal(1, server.wait("hungup", 1).hungup)
  end)

  it("leaves the others alone", function ()
    local tasks = held(3)
    tasks[2]:cancel()
    assert.equal(1, server.wait("hungup", 1).hungup)
    server.release()
    assert.is_true(tasks[1]:await().held)
    assert.is_true(tasks[3]:await().held)
    assert.equal(1, server.stats().hungup)
  end)

  it("ends a sleep", function ()
    local task = fal.async(function () return fal.sleep(1000) end)
    task:cancel()
    local _, err = task:await()
    assert.equal("canceled", err.code)
  end)

  it("means nothing to a task that has ended", function ()
    local task = fal.async(fal.run, "fault/mirror", { input = { a = 1 } })
    local result = task:await()
    task:cancel()
    assert.equal("done", task.status)
    assert.equal(result, (task:await()))
    task:cancel()
  end)

  it("reaches what a task waits for in gather", function ()
    local task = fal.async(function ()
      local calls = {}
      for i = 1, 4 do calls[i] = function () return fal.run("fault/hold", {}) end end
      return fal.gather(calls)
    end)
    reach("open", 4)
    task:cancel()
    local _, err = task:await()
    assert.equal("canceled", err.code)
    assert.equal(4, server.wait("hungup", 4).hungup)
  end)

  it("wakes who awaits it", function ()
    local task = held(1)[1]
    local other = fal.async(function () return task:await() end)
    task:cancel()
    local result, err = other:await()
    assert.is_nil(result)
    assert.equal("canceled", err.code)
  end)

  it("lets the task put things in order, but not go on calling", function ()
    local tidy, calls = false, 0
    local task = fal.async(function ()
      local _, err = fal.run("fault/hold", {})
      tidy = err.code == "canceled"
      while true do
        calls = calls + 1
        fal.run("fault/mirror", { input = {} })
      end
    end)
    reach("open", 1)
    task:cancel()
    assert.is_nil((task:await()))
    assert.is_true(tidy)
    assert.equal("canceled", task.status)
    assert.is_true(calls < 3)
    assert.equal(1, server.stats().requests)
  end)
end)


describe("gather", function ()
  before_each(function ()
    fal.config { base_url = server.url, credentials = "" }
    server.forget()
  end)

  it("gives the outcomes in order", function ()
    local list = {}
    for i, ms in ipairs { 30, 1, 15 } do
      list[i] = fal.async(fal.run, "fault/delay/" .. ms, {})
    end
    list[4] = fal.async(fal.run, "fault/status/500", {})
    list[5] = function () error("thrown", 0) end
    local all = fal.gather(list)
    assert.equal(5, #all)
    assert.equal(30, all[1].result.waited)
    assert.equal(1, all[2].result.waited)
    assert.equal(15, all[3].result.waited)
    assert.is_true(all[1].ok)
    assert.equal(200, all[1].meta.status)
    assert.is_false(all[4].ok)
    assert.equal(500, all[4].err.status)
    assert.is_false(all[5].ok)
    assert.equal("thrown", all[5].err)
  end)

  it("keeps to its limit, and uses it", function ()
    local list = {}
    for i = 1, 20 do
      list[i] = function () return fal.run("fault/delay/5", {}) end
    end
    local all = fal.gather(list, { limit = 4 })
    assert.equal(20, #all)
    for i = 1, 20 do assert.is_true(all[i].ok) end
    assert.equal(20, server.stats().requests)
    assert.equal(4, server.stats().peak)
  end)

  it("takes the limit inside the list too", function ()
    local list = { limit = 2 }
    for i = 1, 6 do list[i] = function () return fal.run("fault/delay/5", {}) end end
    fal.gather(list)
    assert.equal(2, server.stats().peak)
  end)

  it("of nothing is nothing", function ()
    assert.same({}, fal.gather {})
  end)

  it("says what is wrong with its list", function ()
    assert.has_error(function () fal.gather { 1 } end)
    assert.has_error(function () fal.gather() end)
    assert.has_error(function () fal.gather({}, { limit = 0 }) end)
  end)
end)


describe("sleep", function ()
  it("lasts as long as it should, and lets the shorter one win", function ()
    local order = {}
    local list = {}
    for i, seconds in ipairs { 0.03, 0.01, 0.02, 0 } do
      list[i] = fal.async(function ()
        fal.sleep(seconds)
        order[#order + 1] = seconds
      end)
    end
    fal.gather(list)
    assert.same({ 0, 0.01, 0.02, 0.03 }, order)
  end)

  it("works outside of tasks", function ()
    assert.is_true(fal.sleep(0.001))
  end)
end)


-- A coroutine that we did not make is never yielded: its values are its own.
describe("a stranger's coroutine", function ()
  local function generator()
    return coroutine.wrap(function ()
      for i = 1, 3 do
        local result = fal.check(fal.run("fault/mirror", { input = { n = i } }))
        fal.sleep(0.001)
        coroutine.yield(result.n)
      end
    end)
  end

  local function values()
    local list = {}
    for n in generator() do list[#list + 1] = n end
    return list
  end

  before_each(function ()
    fal.config { base_url = server.url, credentials = "" }
    server.forget()
  end)

  it("yields its own values only", function ()
    assert.same({ 1, 2, 3 }, values())
  end)

  it("also inside a task", function ()
    assert.same({ 1, 2, 3 }, (fal.async(values):await()))
  end)

  it("lets tasks run while it waits", function ()
    local task = held(1)[1]
    local results = coroutine.wrap(function ()
      local other = fal.async(fal.run, "fault/mirror", { input = { a = 1 } })
      server.release()
      coroutine.yield((task:await()))
      coroutine.yield((other:await()))
    end)
    assert.same({ held = true }, results())
    assert.same({ a = 1 }, results())
  end)
end)
