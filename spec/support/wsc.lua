--- Talks to a server over a WebSocket by Node's `ws` (wsc.mjs).

local fal = require "fal"
local child = require "spec.support.child"

local MODULES = os.getenv "NODE_MODULES" or "build/node/node_modules"

local wsc = {}


--- Carries out steps (see wsc.mjs) at an http(s) URL; what happened, as a list
--- of tables.
function wsc.talk(url, steps, authorization)
  local lines, events = {}, {}
  for i, step in ipairs(steps) do lines[i] = fal.json.encode(step) .. "\n" end
  local modules = MODULES:sub(1, 1) == "/" and MODULES or os.getenv "PWD" .. "/" .. MODULES
  local out = child.sh(("printf %%s %s | env -u LD_PRELOAD timeout 60 node spec/support/wsc.mjs %s %s %s"):format(
    child.quoted(table.concat(lines)), child.quoted(modules), child.quoted((url:gsub("^http", "ws"))),
    child.quoted(authorization or "")))
  for line in out:gmatch "[^\n]+" do events[#events + 1] = assert(fal.json.decode(line)) end
  return events
end


return wsc
