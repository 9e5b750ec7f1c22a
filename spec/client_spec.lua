-- Settings and plain calls: what is sent, what comes back.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"


local function client(opt)
  opt = opt or {}
  opt.base_url = opt.base_url or server.url
  opt.credentials = opt.credentials or "id:secret"
  return fal.client(opt)
end


-- What the server saw of a call.
local function sent(opt, settings, id)
  fal.check(client(settings):run(id or "fault/echo", opt))
  return server.last()
end


-- Checks that f raises misuse where it was called, saying all of the texts.
local function misused(f, ...)
  local ok, err = pcall(f)
  assert.is_false(ok)
  err = tostring(err)
  for _, text in ipairs { ... } do
    assert.truthy(err:find(text, 1, true), ("no '%s' in: %s"):format(text, err))
  end
  return err
end


describe("options", function ()
  it("that are unknown raise and name the nearest", function ()
    misused(function () fal.config { credentals = "a:b" } end, "fal.config", "credentals", "'credentials'")
    misused(function () fal.client { time_out = 1 } end, "fal.client", "time_out", "'timeout'")
    misused(function () client({ hosts = { rum = "https://a" } }) end, "hosts", "rum", "'run'")
    misused(function () client():run("a/b", { inptu = {} }) end, "run", "inptu", "'input'")
    misused(function () client():download("http://a/b", "/tmp/x", { overwite = true }) end, "'overwrite'")
    misused(function () client():save({}, "{index}", { overwriet = true }) end, "'overwrite'")
  end)

  it("that are like nothing known list what there is", function ()
    misused(function () client():run("a/b", { zzzzzzzz = 1 }) end, "zzzzzzzz", "it has", "storage_settings")
  end)

  it("of the wrong type raise", function ()
    misused(function () client { timeout = "5" } end, "timeout", "number", "string")
    misused(function () client():run("a/b", { headers = "X: y" }) end, "headers", "table")
    misused(function () client():run("a/b", "prompt") end, "table of options")
    misused(function () client():run(nil) end, "endpoint id")
    misused(function () client():run("a/b", { priority = "high" }) end, "'normal' or 'low'")
    misused(function () client():run("a/b", { start_timeout = 0 }) end, "start_timeout")
    misused(function () client():run("a/b", { storage_settings = { expires_in = "soon" } }) end, "expires_in", "1h")
    misused(function () client():run("a/b", { headers = { Authorization = "Key x" } }) end, "credentials")
  end)

  it("are blamed on the line that gave them", function ()
    local err = misused(function () client():run("a/b", { inptu = {} }) end)
    assert.truthy(err:find("client_spec.lua", 1, true), err)
    err = misused(function () fal.config { credentals = "a:b" } end)
    assert.truthy(err:find("client_spec.lua", 1, true), err)
  end)

  it("that are no addresses raise", function ()
    for _, url in ipairs { "127.0.0.1:80", "ftp://a", "http://user@a", "http://a/?b" } do
      misused(function () client { base_url = url } end, "not the address of a host")
    end
  end)
end)


describe("a call", function ()
  before_each(function () server.forget() end)

  it("posts its input as JSON to the endpoint", function ()
    local r = sent { input = { prompt = "k\195\188\231\129\175", n = 2 } }
    assert.equal("POST", r.method)
    assert.equal("/fault/echo", r.path)
    assert.equal("application/json", r.headers["content-type"])
    assert.equal("application/json", r.headers.accept)
    assert.equal("fal-lua/" .. fal.version, r.headers["user-agent"])
    assert.is_nil(r.headers.expect)
    assert.same({ prompt = "k\195\188\231\129\175", n = 2 }, fal.json.decode(r.body))
  end)

  it("sends an empty object when there is no input", function ()
    assert.equal("{}", sent({}).body)
  end)

  it("sends what fal's headers are for", function ()
    local h = sent({ input = {}, start_timeout = 30, hint = "runner-1", priority = "low",
                     storage_settings = { expires_in = "1h" }, headers = { ["X-My"] = "own", ["X-N"] = 5 } }).headers
    assert.equal("30", h["x-fal-request-timeout"])
    assert.equal("runner-1", h["x-fal-runner-hint"])
    assert.equal("low", h["x-fal-queue-priority"])
    assert.same({ expiration_duration_seconds = 3600 }, fal.json.decode(h["x-fal-object-lifecycle-preference"]))
    assert.equal("own", h["x-my"])
    assert.equal("5", h["x-n"])
  end)

  it("sends none of them when nothing was asked", function ()
    for name in pairs(sent({ input = {} }).headers) do
      assert.is_nil(name:find("^x%-"), name)
    end
  end)

  it("has the client's settings under its own", function ()
    local settings = { headers = { ["X-All"] = "1" }, user_agent = "mine/1", start_timeout = 5 }
    local h = sent({ input = {} }, settings).headers
    assert.equal("1", h["x-all"])
    assert.equal("mine/1", h["user-agent"])
    assert.equal("5", h["x-fal-request-timeout"])
    assert.equal("7", sent({ start_timeout = 7 }, settings).headers["x-fal-request-timeout"])
  end)

  it("appends a path", function ()
    assert.equal("/fault/echo/one/two", sent({ path = "one/two" }).path)
    assert.equal("/fault/echo/one", sent({ path = "/one" }).path)
  end)

  it("with GET makes the input a query and sends no body", function ()
    local r = sent { method = "get", input = { b = "x y&z=\195\188", a = 1, c = true } }
    assert.equal("GET", r.method)
    assert.equal("a=1&b=x%20y%26z%3D%C3%BC&c=true", r.query)
    assert.equal(0, r.body_n)
    assert.is_nil(r.headers["content-length"])
    misused(function () client():run("fault/echo", { method = "GET", input = { a = {} } }) end, "input.a")
  end)

  it("can have any other method", function ()
    assert.equal("PUT", sent({ method = "PUT", input = { a = 1 } }).method)
    assert.equal("POST", sent({ input = { a = 1 } }).method)
  end)

  it("returns the result and its meta", function ()
    local result, meta = client():run("fault/pictures/2", { input = { prompt = "a kite" } })
    assert.equal(2, #result.images)
    assert.equal("a kite", result.prompt)
    assert.equal(200, meta.status)
    assert.truthy(meta.request_id:find("^00000000%-"))
    assert.equal(meta.request_id, meta.headers["x-fal-request-id"])
    assert.equal("application/json", meta.headers["content-type"])
    assert.equal(0.5, meta.billable_units)
    assert.equal(1, meta.attempts)
    assert.is_true(meta.seconds >= 0 and meta.seconds < 60)
  end)

  it("keeps whole numbers whole", function ()
    local seed = math.maxinteger or 2 ^ 53
    local text = math.maxinteger and "9223372036854775807" or "9007199254740992"
    local result = client():run("fault/mirror", { input = { seed = seed, width = 1024 } })
    assert.equal(seed, result.seed)
    local body = server.last().body
    assert.truthy(body:find('"seed":' .. text, 1, true), body)
    assert.truthy(body:find('"width":1024[,}]'), body)
    if math.type then
      assert.equal("integer", math.type(result.seed))
      assert.equal("integer", math.type(result.width))
    end
  end)

  it("keeps null, empty arrays and empty objects apart", function ()
    local c = client()
    local result = c:run("fault/mirror", { input = { a = fal.null, b = fal.empty_array, c = {}, d = fal.array {} } })
    local body = server.last().body
    for _, part in ipairs { '"a":null', '"b":[]', '"c":{}', '"d":[]' } do
      assert.truthy(body:find(part, 1, true), body)
    end
    assert.equal(fal.null, result.a)
    c:run("fault/mirror", { input = result })  -- and what came in goes out the same
    for _, part in ipairs { '"a":null', '"b":[]', '"c":{}', '"d":[]' } do
      assert.truthy(server.last().body:find(part, 1, true), server.last().body)
    end
  end)

  it("gives bytes as a string", function ()
    local bytes, meta = client():run("fault/bytes/300", {})
    assert.equal(300, #bytes)
    assert.equal("\0\1\2", bytes:sub(1, 3))
    assert.equal("application/octet-stream", meta.headers["content-type"])
  end)

  it("takes an answer without a type for JSON", function ()
    assert.same({ typed = false }, (client():run("fault/untyped", {})))
  end)

  it("ends at its timeout, not the client's", function ()
    local result, err = client({ timeout = 100 }):run("fault/stall", { timeout = 0.05 })
    assert.is_nil(result)
    assert.equal("timeout", err.code)
    assert.equal("fault/stall", err.endpoint_id)
    result, err = client({ timeout = 0.05 }):run("fault/stall", {})
    assert.is_nil(result)
    assert.equal("timeout", err.code)
    assert.equal(2, server.wait("hungup", 2).hungup)
  end)
end)


describe("the key", function ()
  before_each(function () server.forget() end)

  local function authorization(credentials)
    return sent({ input = {} }, { credentials = credentials }).headers.authorization
  end

  it("is a string", function ()
    assert.equal("Key id:secret", authorization("id:secret"))
  end)

  it("may be a login token", function ()
    assert.equal("Bearer token", authorization("Bearer token"))
  end)

  it("may be left out for a server that wants none", function ()
    assert.is_nil(authorization(""))
  end)

  it("from a function is asked for anew for each call", function ()
    local n = 0
    local c = client { credentials = function ()
      n = n + 1
      return "id:" .. n
    end }
    for i = 1, 3 do
      assert(c:run("fault/echo", {}))
      assert.equal("Key id:" .. i, server.last().headers.authorization)
    end
  end)

  it("that a function does not return is an error", function ()
    local result, err = client({ credentials = function () return nil, "the vault is shut" end }):run("fault/echo", {})
    assert.is_nil(result)
    assert.equal("auth", err.code)
    assert.truthy(err.message:find("the vault is shut", 1, true))
    assert.equal(0, server.stats().requests)
  end)

  local program = [[
    local fal = require "fal"
    local r, err = fal.run("fault/echo", {})
    print(r and r.headers.authorization or err)
  ]]

  it("comes from FAL_KEY", function ()
    assert.equal("Key a:b\n", (child.run(program, { FAL_BASE_URL = server.url, FAL_KEY = "a:b" })))
  end)

  it("comes from FAL_KEY_ID and FAL_KEY_SECRET", function ()
    local env = { FAL_BASE_URL = server.url, FAL_KEY_ID = "i", FAL_KEY_SECRET = "s" }
    assert.equal("Key i:s\n", (child.run(program, env)))
    env.FAL_KEY = ""  -- which counts as none
    assert.equal("Key i:s\n", (child.run(program, env)))
    env.FAL_KEY = "a:b"
    assert.equal("Key a:b\n", (child.run(program, env)))
  end)

  it("is given by fal.config over the environment", function ()
    local out = child.run('require("fal").config { credentials = "c:d" }\n' .. program,
                          { FAL_BASE_URL = server.url, FAL_KEY = "a:b" })
    assert.equal("Key c:d\n", out)
  end)
end)


describe("the address", function ()
  before_each(function () server.forget() end)

  local program = [[
    local fal = require "fal"
    print(fal.check(fal.run("fault/echo", {})).path)
  ]]

  it("comes from FAL_BASE_URL", function ()
    assert.equal("/fault/echo\n", (child.run(program, { FAL_BASE_URL = server.url .. "/" })))
  end)

  it("comes from FAL_RUN_HOST", function ()
    assert.equal("/fault/echo\n", (child.run(program, { FAL_RUN_HOST = server.url, FAL_KEY = "a:b" })))
  end)

  it("of a role wins over the common one", function ()
    local c = client { base_url = "http://127.0.0.1:1", hosts = { run = server.url } }
    assert.equal("/fault/echo", fal.check(c:run("fault/echo", {})).path)
  end)

  it("may have a path of its own", function ()
    assert.equal("/fault/echo/x/y", fal.check(client({ base_url = server.url .. "/fault/echo/" }):run("x/y", {})).path)
  end)
end)


describe("clients", function ()
  it("are independent", function ()
    local one, two = client { credentials = "one:1" }, client { credentials = "two:2" }
    fal.config { base_url = server.url, credentials = "default:0" }
    assert.equal("Key one:1", fal.check(one:run("fault/echo", {})).headers.authorization)
    assert.equal("Key two:2", fal.check(two:run("fault/echo", {})).headers.authorization)
    assert.equal("Key default:0", fal.check(fal.run("fault/echo", {})).headers.authorization)
    assert.equal("Key one:1", fal.check(one:run("fault/echo", {})).headers.authorization)
  end)

  it("say so when they are closed, and let their calls end", function ()
    local c = client()
    server.forget()
    local task = fal.async(c.run, c, "fault/hold", {})
    server.step_until(fal.step, "open", 1)
    c:close()
    c:close()
    misused(function () c:run("fault/echo", {}) end, "closed")
    server.release()
    assert.is_true(task:await().held)
  end)
end)


describe("check", function ()
  it("returns what it was given", function ()
    assert.same({ 1, 2, 3 }, { fal.check(1, 2, 3) })
  end)

  it("raises the error itself", function ()
    local err = { code = "any" }
    local ok, raised = pcall(fal.check, nil, err)
    assert.is_false(ok)
    assert.equal(err, raised)
    misused(function () fal.check(false, "text") end, "text")
    misused(function () fal.check(nil) end, "failed")
  end)
end)


-- LuaJIT's compiler gets loops over pairs() wrong now and then, so the module's
-- own Lua is kept from it (src/binding/lfal.c).
describe("LuaJIT", function ()
  it("compiles a user's functions, none of the module's", function ()
    if not jit then return pending "needs LuaJIT, this is another Lua" end
    local seen = {}
    local function on_trace(what, _, f)
      if what == "start" and f then
        local source = require("jit.util").funcinfo(f).source
        seen[source:match "^=fal%.?" or "others"] = source
      end
    end
    jit.on()
    jit.attach(on_trace, "trace")
    local calls = client()
    for i = 1, 200 do
      fal.check(calls:run("fault/echo", { input = { a = i, b = "b" } }))
      for _, r in ipairs(fal.gather { function () return fal.json.encode { i, i, i } end }) do assert(r.ok) end
    end
    jit.attach(on_trace)
    assert.is_nil(seen["=fal."])
    assert.is_nil(seen["=fal"])
    assert.truthy(seen.others)
  end)
end)
