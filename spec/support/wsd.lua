--- Starts the realtime server (wsd.mjs) for the specs: once, when it is first
-- asked for. It ends with this process, because its standard input does.
--
--   local wsd = require "spec.support.wsd"
--   wsd.missing()        why it cannot be started here, or nil
--   wsd.url  wsd.tls_url  wsd.proxy_url  wsd.ca_file
--   wsd.stats()  wsd.clear()  wsd.control { status = 403 }

local child = require "spec.support.child"
local server = require "spec.support.server"

local M = {}

local KEY = "the specs' realtime server"   -- where busted's isolation does not reach
local registry = debug.getregistry()
local MODULES = os.getenv "NODE_MODULES" or "build/node/node_modules"


function M.missing()
  local out, code = child.sh("env -u LD_PRELOAD node --version && test -d '" .. MODULES .. "/ws' && test -d '" .. MODULES ..
                             "/@msgpack/msgpack'")
  if code ~= 0 then return "no node with ws and @msgpack/msgpack: " .. out end
end


local function start()
  local dir = server.folder()
  assert(child.sh("mkfifo " .. dir .. "/out"))
  local modules = MODULES:sub(1, 1) == "/" and MODULES or os.getenv "PWD" .. "/" .. MODULES
  local d = { dir = dir }
  local command = "exec env -u LD_PRELOAD node spec/support/wsd.mjs '%s' %s >%s/out"
  d.process = assert(io.popen(command:format(modules, dir, dir), "w"))
  local out = assert(io.open(dir .. "/out", "r"))
  local line = out:read "*l" or "nothing was said"
  d.url, d.tls_url, d.proxy_url, d.ca_file = line:match "^listening on (%S+) (%S+) (%S+) ca=(%S+)$"
  if not d.url then error("the realtime server did not start: " .. line) end
  registry[KEY] = d
  return d
end


local function daemon()
  return registry[KEY] or start()
end


local function ask(path, body)
  local fal = require "fal"
  local data = child.quoted(fal.json.encode(body or {}))
  local out = child.sh(("env -u LD_PRELOAD curl -s -d %s %s%s"):format(data, daemon().url, path))
  return assert(fal.json.decode(out))
end


function M.stats() return ask "/stats" end

--- Forgets what happened, and what 'control' said.
function M.clear() return ask "/clear" end

function M.control(what) return ask("/control", what) end

--- Calls 'step' until pick(stats) is true.
function M.step_until(step, pick)
  local limit = os.time() + 20
  local stats = M.stats()
  while not pick(stats) do
    step(0.01)
    stats = M.stats()
    assert(os.time() < limit, "it does not happen: " .. require("fal").json.encode(stats))
  end
  return stats
end


return setmetatable(M, {
  __index = function (_, k)
    return daemon()[k]
  end
})
