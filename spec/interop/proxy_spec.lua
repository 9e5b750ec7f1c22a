-- Calls through the official @fal-ai/server-proxy on Express, unmodified. It
-- adds the key; we have none. It answers 200 whatever fal answered, so errors
-- have to be known by what they say.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local MODULES = os.getenv "NODE_MODULES" or "build/node/node_modules"


local function absolute(path)
  return path:sub(1, 1) == "/" and path or (os.getenv "PWD" .. "/" .. path)
end


-- What keeps the proxy from being started here, or nil.
local function missing()
  local out, code = child.sh("node --version && test -d '" .. MODULES .. "/@fal-ai/server-proxy'")
  if code ~= 0 then return "no node with @fal-ai/server-proxy: " .. out end
end


describe("the official proxy", function ()
  local proxy, client
  local why = missing()

  if why then
    it("is there", function ()
      if os.getenv "CI" == "true" then error(why, 0) end
      pending(why)
    end)
    return
  end

  setup(function ()
    local dir = server.folder()
    assert(child.sh("mkfifo " .. dir .. "/out"))
    proxy = io.popen(("FAL_KEY=proxy:secret-of-the-proxy exec node spec/support/proxyd.mjs '%s' %s >%s/out 2>/dev/null")
      :format(absolute(MODULES), server.url, dir), "w")
    local out = assert(io.open(dir .. "/out", "r"))
    local url
    repeat
      local line = assert(out:read "*l", "the proxy did not start")
      url = line:match "^listening on (%S+)$"
    until url
    server.remove_folder(dir)
    client = fal.client { proxy_url = url, retry = false }
  end)

  teardown(function ()
    proxy:close()  -- its standard input ends, and so does it
  end)

  it("passes a call on, with its own key", function ()
    local seen, meta = client:run("fault/echo", { input = { prompt = "a kite", seed = 2 ^ 40 } })
    assert.is_table(seen, tostring(meta))
    assert.equal("POST", seen.method)
    assert.equal("Key proxy:secret-of-the-proxy", seen.headers.authorization)
    assert.equal("https://fal.run/fault/echo", seen.headers["x-fal-target-url"])
    assert.same({ prompt = "a kite", seed = 2 ^ 40 }, fal.json.decode(seen.body))
  end)

  it("hides no error", function ()
    local result, err = client:run("fault/status/422")
    assert.is_nil(result)
    assert.equal("validation", err.code)
    assert.is_table(err.detail)
    result, err = client:run("fault/status/404")
    assert.is_nil(result)
    assert.equal("http", err.code)
  end)
end)
