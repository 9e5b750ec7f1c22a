--- Starts the fault server (faultd.lua) for the specs: once, when it is first
-- asked for. It ends with this process, however this process ends, because
-- its standard input does.
--
--   local server = require "spec.support.server"
--   server.url, server.tls_url, server.ca_file
--   server.log()  server.stats()  server.wait("open", 50)  ...

local M = {}

-- { commands =, answers =, url =, ... }: what faultd reads and writes. It is
-- kept where busted's isolation of files does not reach.
local KEY = "the specs' fault server"
local registry = debug.getregistry()
local LUA = os.getenv "FAULTD_LUA" or "lua5.4"

local load_source = loadstring or load   -- luacheck: ignore


local function run(command)
  local p = assert(io.popen(command))
  local out = p:read("*a")
  p:close()
  return (out:gsub("%s+$", ""))
end


--- Makes a folder that is removed by remove_folder.
function M.folder()
  return run("mktemp -d")
end


function M.remove_folder(path)
  assert(path:match("^/tmp/") or path:match("/tmp%."))
  os.execute("rm -rf '" .. path .. "'")
end


--- Names of the files in a folder, sorted.
function M.list(path)
  local names = {}
  for name in run("ls -A '" .. path .. "'"):gmatch("[^\n]+") do
    names[#names + 1] = name
  end
  return names
end


function M.read(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read("*a")
  f:close()
  return s
end


local function here()
  return (debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")) or "."
end


local function start()
  local dir = M.folder()
  local fifo = dir .. "/answers"
  assert(run("mkfifo " .. fifo .. " && echo made") == "made")
  local d = {}
  d.commands = assert(io.popen("exec " .. LUA .. " " .. here() .. "/faultd.lua >" ..
                               fifo, "w"))
  d.answers = assert(io.open(fifo, "r"))
  local line = d.answers:read("*l") or "nothing was said"
  M.remove_folder(dir)
  d.url, d.tls_url, d.ca_file = line:match(
    "^listening on (%S+) (%S+) ca=(%S+)$")
  if not d.url then error("the fault server did not start: " .. line) end
  registry[KEY] = d
  return d
end


local function daemon()
  return registry[KEY] or start()
end


local function ask(command)
  local d = daemon()
  d.commands:write(command, "\n")
  d.commands:flush()
  return assert(load_source("return " .. assert(d.answers:read("*l"),
                            "the fault server has ended")))()
end


--- The requests since the last 'forget', in order.
function M.log() return ask("log") end

function M.last()
  local log = M.log()
  return log[#log]
end

--- Counts since then: requests, open, peak, hungup, connections.
function M.stats() return ask("stats") end

function M.forget() return ask("forget") end

--- Waits at the server until a count is n or more, ten seconds at most.
function M.wait(name, n) return ask("wait " .. name .. " " .. n) end

--- The same where it is this process that has to go on for the count to
-- rise: calls 'step' until it has.
function M.step_until(step, name, n)
  local limit = os.time() + 20
  while (M.stats()[name] or 0) < n do
    step(0.005)
    assert(os.time() < limit, "the server's count of " .. name .. " stays at " ..
           (M.stats()[name] or 0))
  end
end

--- Lets what /fault/hold holds be answered.
function M.release() return ask("release") end


return setmetatable(M, {
  __index = function (_, k)
    if k == "url" or k == "tls_url" or k == "ca_file" then
      return daemon()[k]
    end
  end
})
