-- The official @fal-ai/client from npm, unmodified, against `falua serve`: by
-- the proxy contract, and with nothing configured at all, by fal's own names
-- behind a TLS terminator. The cases are in official/cases.mjs.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local MODULES = os.getenv "NODE_MODULES" or "build/node/node_modules"
local OFFICIAL = "spec/interop/official"


local function absolute(path)
  return path:sub(1, 1) == "/" and path or os.getenv "PWD" .. "/" .. path
end


-- What keeps a command from being run here, or nil.
local function missing(test, what)
  local out, code = child.sh(test)
  if code ~= 0 then return what .. ": " .. out end
end


-- Makes a test of each case that 'output' tells of.
local function cases(output)
  local seen = 0
  for line in output:gmatch "[^\n]+" do
    local case = line:sub(1, 9) == '{"case":"' and fal.json.decode(line)
    if case then
      seen = seen + 1
      it(case.case, function ()
        if case.error then error(case.error, 0) end
      end)
    end
  end
  it("ran to its end", function () assert.equal(tostring(seen), output:match '{"ran":(%d+)}', output) end)
end


local function try(name, why, run)
  describe("the official client, " .. name .. ",", function ()
    if not why then
      cases(run())
      return
    end
    it("is there", function ()
      if os.getenv "CI" == "true" then error(why, 0) end
      pending(why)
    end)
  end)
end


local no_client = missing("node --version && test -d '" .. MODULES .. "/@fal-ai/client'", "no node with @fal-ai/client")

try("through the proxy contract", no_client, function ()
  local local_fal = serve.start("--keep-alive 1 --apps " .. OFFICIAL .. "/apps")
  local out = child.sh(("timeout 600 node %s/cases.mjs %s %s proxy"):format(OFFICIAL, child.quoted(absolute(MODULES)),
                                                                             local_fal.url))
  local_fal:stop()
  return out
end)

try("as it is, by fal's names over TLS", no_client or missing("command -v nginx && command -v ip && unshare -m -n true",
                                                              "no nginx, ip or namespaces"), function ()
  local dir = server.folder()
  local out = child.sh(("timeout 600 unshare -m -n sh %s/native.sh %s %s %s"):format(OFFICIAL,
    child.quoted(absolute(serve.falua)), child.quoted(absolute(MODULES)), dir))
  server.remove_folder(dir)
  return out
end)
