-- The login that fal's own tools store, used at fal's own names: a CONNECT proxy
-- finds them here, and an authority of our own speaks for them.

local child = require "spec.support.child"
local server = require "spec.support.server"
local wsd = require "spec.support.wsd"


describe("a stored login", function ()
  local why = wsd.missing()

  if why then
    it("has its server", function ()
      if os.getenv "CI" == "true" then error(why, 0) end
      pending(why)
    end)
    return
  end

  local dir

  setup(function () dir = server.folder() end)
  teardown(function () server.remove_folder(dir) end)
  before_each(function () wsd.clear() end)

  -- A JWT that expires in so many seconds.
  local function login(seconds)
    local payload = require("fal").data_uri(('{"exp":%d}'):format(os.time() + seconds), "text/plain"):match ",(.*)$"
    local token = "head." .. payload:gsub("=", "") .. ".signature"
    local f = assert(io.open(dir .. "/auth0_token", "w"))
    f:write("the refresh token\n", token, "\n")
    f:close()
    return token
  end

  local function run(code, more)
    local env = {
      FAL_HOME_DIR = dir, HTTPS_PROXY = wsd.proxy_url, ALL_PROXY = wsd.proxy_url, SSL_CERT_FILE = wsd.ca_file,
      no_proxy = "127.0.0.1", NO_PROXY = "127.0.0.1",
    }
    for name, value in pairs(more or {}) do env[name] = value end
    return child.run("local fal = require 'fal'\n" .. code, env)
  end

  local CONNECT = [[
    local conn = fal.check(fal.realtime.connect("acme/thing", { throttle_interval = 0 }))
    print(conn:send { n = 1 })
    local result, err = conn:recv(20)
    print(result and result.echo.n, err and err.code, err)
    conn:close()
  ]]

  it("is the key at fal's own names", function ()
    local token = login(3600)
    assert.equal("true\n1\tnil\tnil\n", (run(CONNECT)))
    local stats = wsd.stats()
    assert.equal("Bearer " .. token, stats.tokens[1].authorization)
    assert.same({ "rest.fal.ai:443", "fal.run:443" }, stats.connects)
  end)

  it("gives way to a key, unless it is forced", function ()
    local token = login(3600)
    run(CONNECT, { FAL_KEY = "a:b" })
    assert.equal("Key a:b", wsd.stats().tokens[1].authorization)
    run(CONNECT, { FAL_KEY = "a:b", FAL_FORCE_AUTH_BY_USER = "1" })
    assert.equal("Bearer " .. token, wsd.stats().tokens[2].authorization)
  end)

  it("that has expired is told, and not sent", function ()
    login(-1)
    local out = run [[print(select(2, fal.run("fal-ai/flux/dev", {})))]]
    assert.truthy(out:find("has expired", 1, true), out)
    assert.truthy(out:find("fal auth login", 1, true), out)
    assert.same({}, wsd.stats().connects)
  end)

  it("does not leave fal's own hosts", function ()
    login(3600)
    for _, config in ipairs { "base_url = URL", "hosts = { queue = URL }", "proxy_url = URL" } do
      server.forget()
      local out = run(([[
        local URL = %q
        local c = fal.client { %s }
        print(c:run("fault/echo", { input = {}, timeout = 20 }))
        print(c.queue.submit("q/quick", { input = {}, timeout = 20 }))
      ]]):format(server.url, config))
      for _, r in ipairs(server.log()) do assert.is_nil(r.headers.authorization, config) end
      assert.is_nil(out:find("signature", 1, true), out)
    end
  end)

  it("that is forced and not there is told", function ()
    os.remove(dir .. "/auth0_token")
    local out = run([[print(select(2, fal.run("fal-ai/flux/dev", {})))]], { FAL_FORCE_AUTH_BY_USER = "1", FAL_KEY = "a:b" })
    assert.truthy(out:find("no login is stored", 1, true), out)
  end)
end)
