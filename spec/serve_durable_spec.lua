-- What the queue of `falua serve` has accepted outlives the server: killed
-- again and again, told to stop, out of disk.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"

local KILLS = 10

-- Every run of this has a result of its own, so a second one would show.
local APP = [[
local app = fal.app "local/gated"
local runs = 0

local function pid()
  local f = assert(io.open "/proc/self/stat")
  local n = f:read "n"
  f:close()
  return n
end

function app.run(input, context)
  local function count(what)
    local f = assert(io.open(input.tally, "a"))
    f:write(what)
    f:close()
  end
  runs = runs + 1
  if input.tally then count "x" end
  context.log("run", runs)
  if input.work then fal.sleep(input.work) end
  while input.gate and not io.open(input.gate) do
    if context.canceled() then
      count "c"
      return nil, context.fail(499, "stopped")
    end
    fal.sleep(0.01)
  end
  return { name = input.name, run = pid() .. "." .. runs .. "." .. os.clock(), bytes = ("x"):rep(input.bytes or 0) }
end
return app
]]

-- Submits and looks until the server is gone. What it was told goes to files,
-- a line each: "ID NAME" of what was accepted, "ID RUN" of what was seen
-- completed; and what must not be.
local LOAD = [[
package.path = "./?.lua;" .. package.path
local fal = require "fal"
local url, dir, seed = %q, %q, %d
local client = fal.client { base_url = url, credentials = "a:b", retry = false, timeout = 30 }
math.randomseed(seed)

local ids, seen = {}, {}
local function read(name, each)
  local f = io.open(dir .. "/" .. name)
  for line in f and f:lines() or function() end do each(line:match "^(%%S+) (%%S+)$") end
  if f then f:close() end
end
read("accepted", function(id) ids[#ids + 1] = id end)
read("seen", function(id, run) seen[id] = run end)

local function tell(name, ...)
  local f = assert(io.open(dir .. "/" .. name, "a"))
  f:write(table.concat({...}, " "), "\n")
  f:close()
end

local over = false
local function submitter(k)
  local n = 0
  while not over do
    n = n + 1
    local name = seed .. "." .. k .. "." .. n
    local handle, err = client.queue.submit("local/gated", { input = {
      name = name, work = math.random() < 0.5 and math.random() / 20 or nil,
      bytes = math.random() < 0.1 and 200000 or nil, padding = math.random() < 0.1 and ("p"):rep(100000) or nil,
    } })
    if handle then
      ids[#ids + 1] = handle.request_id
      tell("accepted", handle.request_id, name)
    elseif err.status then
      tell("wrong", name, "submit", tostring(err):gsub("\n", " "))
    else
      over = true
    end
  end
end

local function observer()
  while not over do
    local id = ids[math.random(math.max(1, #ids))]
    local status, err
    if id then status, err = client.queue.status("local/gated", { request_id = id }) else fal.sleep(0.01) end
    if status and status.status == "COMPLETED" then
      local result, why = client.queue.result("local/gated", { request_id = id })
      if not result and why.status then tell("wrong", id, "result", tostring(why):gsub("\n", " ")) end
      if result and seen[id] and seen[id] ~= result.run then tell("wrong", id, "has another result") end
      if result and not seen[id] then
        seen[id] = result.run
        tell("seen", id, result.run)
      end
    elseif status and seen[id] then
      tell("wrong", id, "went back to", status.status)
    elseif id and not status and err.status then
      tell("wrong", id, "status", tostring(err):gsub("\n", " "))
    elseif id and not status then
      over = true
    end
  end
end

local tasks = {}
for k = 1, 6 do tasks[#tasks + 1] = fal.async(submitter, k) end
for _ = 1, 3 do tasks[#tasks + 1] = fal.async(observer) end
for _, t in ipairs(tasks) do t:await() end
]]

local dir


local function sh(command)
  local p = assert(io.popen(command))
  local out = p:read("*a")
  p:close()
  return (out:gsub("%s+$", ""))
end


local function slurp(path)
  local f = io.open(path, "rb")
  local s = f and f:read("*a") or ""
  if f then f:close() end
  return s
end


local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end


local function lines(name)
  local list = {}
  for line in slurp(dir .. "/" .. name):gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end


local function start(options)
  return serve.start("--workers 2 --data " .. dir .. "/data --apps " .. dir .. "/apps " .. (options or ""))
end


local function json(answer) return assert(fal.json.decode(answer.body)) end


local function submit(server, input)
  local answer = server:post("/queue/local/gated", fal.json.encode(input))
  assert.equal(200, answer.status, answer.body)
  return json(answer).request_id
end


local function status(server, id)
  return json(server:get("/queue/local/gated/requests/" .. id .. "/status")).status
end


local function finish(server, id)
  local limit = os.time() + 60
  while status(server, id) ~= "COMPLETED" do assert(os.time() < limit, id .. " does not complete") end
  return json(server:get("/queue/local/gated/requests/" .. id))
end


-- Waits for a condition that others bring about; bounded only against hanging.
local function wait(what, good)
  local limit = os.time() + 60
  while not good() do
    assert(os.time() < limit, what)
    os.execute "sleep 0.01"
  end
end


before_each(function()
  dir = sh "mktemp -d"
  os.execute("mkdir " .. dir .. "/apps")
  write(dir .. "/apps/gated.lua", APP)
end)

after_each(function() os.execute("rm -rf " .. dir) end)


describe("a queue", function()
  it("that is killed ten times under load loses nothing, and does nothing twice", function()
    local dice = 12345   -- a generator of our own: the same on every Lua
    for kill = 1, KILLS do
      local server = start()
      write(dir .. "/load.lua", LOAD:format(server.url, dir, kill))
      local load = assert(io.popen(child.lua .. " " .. dir .. "/load.lua 2>&1; echo ended"))
      dice = (dice * 1103515245 + 12345) % 2147483648
      local target = #lines "accepted" + 3 + math.floor(dice / 65536) % 60
      wait("nothing is accepted", function() return #lines "accepted" >= target end)
      os.execute("kill -9 " .. server.pid)
      server:stop "wait"
      assert.equal("ended\n", load:read "*a")
      load:close()
    end
    local server = start()
    local names = {}
    for _, line in ipairs(lines "accepted") do
      local id, name = line:match "^(%S+) (%S+)$"
      names[id] = name
    end
    local seen = {}
    for _, line in ipairs(lines "seen") do
      local id, run = line:match "^(%S+) (%S+)$"
      assert.is_true(seen[id] == nil or seen[id] == run, id)
      seen[id] = run
    end
    local n = 0
    local client = fal.client {base_url = server.url, credentials = "a:b"}
    for id, name in pairs(names) do
      local handle = client.queue.handle("local/gated", id)
      local result = fal.check(handle:get {timeout = 60})
      n = n + 1
      assert.equal(name, result.name)
      assert.same(result, fal.check(handle:get {timeout = 60}))
      if seen[id] then assert.equal(seen[id], result.run, id) end
    end
    assert.same({}, lines "wrong")
    assert.is_true(n >= 3 * KILLS)
    assert.equal(n, #lines "accepted")
    client:close()
    server:stop()
  end)

  it("puts back what runs when it is told to stop", function()
    local server = start()
    local gate, tally = dir .. "/gate", dir .. "/tally"
    local running = submit(server, {gate = gate, tally = tally, name = "running"})
    wait("it does not run", function() return slurp(tally) == "x" end)
    assert.equal(0, server:stop())
    server = start()
    wait("it does not run again", function() return slurp(tally) == "xx" end)
    assert.equal("IN_PROGRESS", status(server, running))
    write(gate, "")
    assert.equal("running", finish(server, running).name)
    server:stop()
  end)

  it("can still be told to cancel what runs when it ends", function()
    local server = start()
    local gate, tally = dir .. "/gate", dir .. "/tally"
    local client = fal.client {base_url = server.url, credentials = "a:b", retry = false}
    local handle = fal.check(client.queue.submit("local/gated", {input = {gate = gate, tally = tally, name = "a"}}))
    wait("it does not run", function() return slurp(tally) == "x" and handle:status().status == "IN_PROGRESS" end)
    os.execute("kill " .. server.pid)
    wait("it does not end", function() return sh("curl -s " .. server.url .. "/health; echo $?") == "7" end)
    -- by the connection there was
    assert.equal("CANCELLATION_REQUESTED", fal.check(handle:cancel()).status)
    assert.equal(0, server:stop "wait")
    client:close()
    server = start()
    local answer = json(server:get("/queue/local/gated/requests/" .. handle.request_id .. "/status"))
    assert.same({"COMPLETED", "client_cancelled"}, {answer.status, answer.error_type})
    assert.equal("xc", slurp(tally))
    server:stop()
  end)

  it("is one server's alone", function()
    local server = start()
    assert.has_error(start)
    server:stop()
  end)

  it("refuses with 507 what does not fit on the disk, and keeps the rest", function()
    local wrapper = dir .. "/falua"
    write(wrapper, "#!/bin/sh\nulimit -f 6000\nexec " .. serve.falua .. ' "$@"\n')
    os.execute("chmod +x " .. wrapper)
    local falua = serve.falua
    serve.falua = wrapper
    local server = start "--workers 1"
    serve.falua = falua
    local gate = dir .. "/gate"
    local ids, answer = {submit(server, {gate = gate, name = 1})}, nil
    for n = 2, 200 do
      answer = server:post("/queue/local/gated", fal.json.encode {name = n, padding = ("p"):rep(60000)})
      if answer.status ~= 200 then break end
      ids[n] = json(answer).request_id
    end
    assert.equal(507, answer.status)
    assert.matches("disk", json(answer).detail)
    assert.is_true(#ids > 5)
    assert.equal("IN_QUEUE", status(server, ids[#ids]))
    server:stop()
    server = start()
    write(gate, "")
    for n, id in ipairs(ids) do assert.equal(n, finish(server, id).name) end
    server:stop()
  end)
end)
