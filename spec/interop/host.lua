-- Runs a program of another kind with our module in it, and reads what it
-- says of itself: a line "calls=50 ticks=19".
--
-- In each host fifty calls go to a server that answers none of them before
-- all fifty are there, and then takes 100 ms. So they were in flight at once,
-- or nothing comes back at all; and the host's own timer has had that long to
-- tick, if nobody stood in its way.

local assert = require "luassert"
local child = require "spec.support.child"
local server = require "spec.support.server"

local host = {}

host.CALLS = 50
host.KINDS = { "epoll", "poll" }   -- both kinds of poll set


-- What keeps 'program' from being started here, or nil.
local function missing(program)
  if select(2, child.sh("command -v " .. program)) ~= 0 then
    return program .. " is not installed"
  end
end


-- LUA_CPATH with the module for another Lua in it, or nil and the reason.
local function cpath(lua)
  local path = (os.getenv "LUA_CPATH" or ""):gsub("lua5%.4/", lua .. "/")
  local file = path:match "^[^;]*":gsub("%?", "fal")
  local f = io.open(file)
  if not f then return nil, "the module is not built for " .. lua .. " (" .. file .. ")" end
  f:close()
  return path
end


-- Declares a spec: 'name' is what it is called, 'lua' the Lua inside the
-- program, 'command' how to run it, 'needs' a command that must succeed (busted
-- gives 'it' and 'pending' to spec files only).
function host.spec(it, pending, name, lua, command, needs)
  for _, kind in ipairs(host.KINDS) do
    it(("%s, %s"):format(name, kind), function ()
      local path, why = cpath(lua)
      why = why or missing(command:match "^%S+")
      if not why and needs then
        local out, code = child.sh(needs)
        if code ~= 0 then why = needs .. ": " .. out end
      end
      if why then
        if os.getenv "CI" == "true" then error(why, 0) end
        return pending(why)
      end
      server.forget()
      local env = ("env FAL_BASE_URL=%s FAL_POLLSET=%s LUA_CPATH=%s timeout -k 5 20 "):format(
        server.url, kind, child.quoted(path))
      local out, code = child.sh(env .. command)
      assert.equal(0, code, out)
      local calls, ticks = out:match "calls=(%d+) ticks=(%d+)"
      assert.equal(host.CALLS, tonumber(calls), out)
      assert.is_true(tonumber(ticks) >= 5, out)
      assert.equal(host.CALLS, server.stats().peak)
    end)
  end
end


return host
