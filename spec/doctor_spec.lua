-- falua doctor: what it finds, and that the key shows nowhere.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local SECRET = "5e0f7a52c0ffee5e0f7a52c0ffee"
local KEY = "0a1b2c3d-1111-2222-3333-444455556666:" .. SECRET

local UNSET = { "FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET", "FAL_BASE_URL", "FAL_RUN_HOST", "FAL_QUEUE_RUN_HOST",
  "FAL_FORCE_AUTH_BY_USER", "LUA_CPATH", "LUA_PATH", "SSL_CERT_FILE", "http_proxy", "https_proxy", "HTTPS_PROXY",
  "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" }

local dir


-- Runs it with variables: what it printed, its exit status.
local function doctor(words, variables)
  local parts = { "env" }
  for _, name in ipairs(UNSET) do parts[#parts + 1] = "-u " .. name end
  parts[#parts + 1] = "FAL_HOME_DIR=/nowhere XDG_STATE_HOME=" .. dir .. "/state"
  for name, value in pairs(variables or {}) do parts[#parts + 1] = child.quoted(name .. "=" .. value) end
  local out, code = child.sh(table.concat(parts, " ") .. " " .. child.quoted(serve.falua) .. " " .. words)
  assert.is_nil(out:find(SECRET, 1, true), "the key shows")
  assert.is_nil(out:find("traceback", 1, true), out)
  return out, code
end


-- The same as JSON: what was found by name (the first one, others in order),
-- exit status, all of it.
local function found(words, variables)
  local out, code = doctor(words .. " --json", variables)
  local all = assert(fal.json.decode(out))
  local by_name = {}
  for _, check in ipairs(all.checks) do
    by_name[check.name] = by_name[check.name] or check
  end
  return by_name, code, all
end


setup(function () dir = server.folder() end)
teardown(function () server.remove_folder(dir) end)


describe("falua doctor", function ()
  it("finds all well with a local server", function ()
    local out, code = doctor "--local doctor"
    assert.equal(0, code, out)
    for _, name in ipairs { "versions", "key", "hosts", "certificates", "network", "clock", "webhooks", "state",
                            "temporary", "terminal", "open files" } do
      assert.is_truthy(("\n" .. out):find("\nok        " .. name .. " ", 1, true), name .. ": " .. out)
    end
    local checks, status, all = found "--local doctor"
    assert.equal(0, status)
    assert.equal("ok", all.status)
    assert.matches("libcurl %d+%.%d+", checks.versions.text)
    assert.matches("agrees with http://127.0.0.1", checks.clock.text, 1, true)
  end)

  it("works without a key and without a network", function ()
    local out, code = doctor("doctor", { FAL_BASE_URL = "http://127.0.0.1:1" })
    assert.equal(1, code)
    assert.matches("problem   network       http://127.0.0.1:1: ", out, 1, true)
    assert.matches("no host told the time", out, 1, true)
    local checks
    checks, code = found "doctor --offline"
    assert.equal(1, code)
    assert.equal("problem", checks.key.status)
    assert.matches("falua --local", checks.key.hint, 1, true)
    assert.is_nil(checks.network)
  end)

  it("ends although nobody answers", function ()
    local checks, code = found("doctor --timeout 0.2", { FAL_BASE_URL = server.url .. "/fault/stall", FAL_KEY = KEY })
    assert.equal(1, code)
    assert.equal("problem", checks.network.status)
    assert.matches("no answer in 0.2", checks.network.text, 1, true)
    assert.is_nil(checks.access)
  end)

  it("tells a key that is refused from one that is not", function ()
    local f = assert(io.open(dir .. "/keys.txt", "w"))
    f:write("ann ", KEY, "\n")
    f:close()
    local guarded = serve.start("--keys " .. dir .. "/keys.txt")
    local checks, code = found("doctor", { FAL_BASE_URL = guarded.url, FAL_KEY = KEY })
    assert.equal(0, code)
    assert.equal("FAL_KEY (0a1b2c3d...)", checks.key.text)
    assert.equal("the key is accepted by " .. guarded.url .. "/queue", checks.access.text)
    checks, code = found("doctor", { FAL_BASE_URL = guarded.url, FAL_KEY = KEY .. "x" })
    assert.equal(1, code)
    assert.equal("problem", checks.access.status)
    assert.matches("the key is refused by " .. guarded.url, checks.access.text, 1, true)
    guarded:stop()
  end)

  it("sees common mistakes in a key", function ()
    local id, secret = KEY:match "^(.-):(.*)$"
    for key, said in pairs {
      [KEY .. "\n"] = "a line break", [" " .. KEY] = "a blank", [KEY .. " "] = "a blank", ['"' .. KEY .. '"'] = "quotes",
      ["Key " .. KEY] = "the word 'Key'", [id] = "no colon", [secret] = "no colon", [id .. ":"] = "lacks one",
      [":" .. secret] = "lacks one", [id .. ": " .. secret] = "a blank in it", [id .. ":…" .. secret] = "characters",
    } do
      local checks, code = found("doctor --offline", { FAL_KEY = key })
      assert.equal(1, code, key)
      assert.equal("problem", checks.key.status)
      assert.matches(said, checks.key.text, 1, true)
      assert.equal("ok", checks.hosts.status)
    end
    local checks = found("doctor --offline", { FAL_KEY_ID = id })
    assert.matches("FAL_KEY_SECRET is not set", checks.key.text, 1, true)
    checks = found("doctor --offline", { FAL_KEY_ID = id, FAL_KEY_SECRET = secret })
    assert.equal("FAL_KEY_ID and FAL_KEY_SECRET (0a1b2c3d...)", checks.key.text)
    checks = found("doctor --offline", { FAL_KEY_ID = id, FAL_KEY_SECRET = secret, FAL_KEY = "other:key" })
    assert.equal("warning", checks.key.status)
  end)

  it("knows the stored login and its end", function ()
    local function login(expiry)
      local function part(s) return (require "fal.core".base64(s):gsub("=+$", ""):gsub("%+", "-"):gsub("/", "_")) end
      local f = assert(io.open(dir .. "/auth0_token", "w"))
      f:write("refresh\n", part '{"alg":"none"}', ".", part(('{"exp":%d}'):format(expiry)), ".x", SECRET, "\n")
      f:close()
      return found("doctor --offline", { FAL_HOME_DIR = dir })
    end
    local checks, code = login(os.time() + 3600)
    assert.equal(0, code)
    assert.matches("the stored login, good until ", checks.key.text, 1, true)
    checks, code = login(os.time() - 60)
    assert.equal(1, code)
    assert.matches("the stored login expired at ", checks.key.text, 1, true)
    assert.matches("fal auth login", checks.key.hint, 1, true)
  end)

  it("compares the clock with the server's", function ()
    for seconds, status in pairs { [0] = "ok", [-100] = "warning", [400] = "problem", [-90000] = "problem" } do
      local checks, code = found("doctor", { FAL_BASE_URL = server.url .. "/fault/dated/" .. seconds })
      assert.equal(status, checks.clock.status, checks.clock.text)
      assert.equal(status == "problem" and 1 or 0, code)
      if seconds ~= 0 then assert.matches(seconds < 0 and "ahead of" or "behind", checks.clock.text) end
    end
  end)

  it("tells what is wrong with TLS", function ()
    local variables = { FAL_BASE_URL = server.tls_url .. "/fault/echo" }
    local checks, code = found("doctor", variables)
    assert.equal(1, code)
    assert.matches("does not verify", checks.network.text, 1, true)
    assert.matches("SSL_CERT_FILE", checks.network.hint, 1, true)
    variables.SSL_CERT_FILE = server.ca_file
    checks, code = found("doctor", variables)
    assert.equal(0, code)
    assert.equal(server.ca_file .. " (SSL_CERT_FILE)", checks.certificates.text)
    assert.matches("200 from 127%.0%.0%.1 in .*, TLSv1%.", checks.network.text)
    variables.SSL_CERT_FILE = "/nowhere/ca.pem"
    checks, code = found("doctor --offline", variables)
    assert.equal(1, code)
    assert.equal("problem", checks.certificates.status)
  end)

  it("tells by which proxy it goes, without its password", function ()
    local proxy = server.url:gsub("//", "//name:" .. SECRET .. "@")
    local checks = found("doctor", { FAL_BASE_URL = "http://fal.test", http_proxy = proxy })
    assert.matches(", by the proxy of http_proxy (" .. server.url .. ")", checks.network.text, 1, true)
    checks = found("doctor", { FAL_BASE_URL = server.url .. "/fault/echo", http_proxy = "http://127.0.0.1:1" })
    assert.matches(", past the proxy", checks.network.text, 1, true)
  end)

  it("says what is wrong with an address", function ()
    local checks, code = found("doctor", { FAL_BASE_URL = "fal.ai" })
    assert.equal(1, code)
    assert.matches("'fal.ai' is not the address of a host", checks.hosts.text, 1, true)
  end)

  it("tells whether Lua's module fits", function ()
    local place = os.getenv "PWD" .. "/build/lua5.4/?.so"
    local checks = found("doctor --offline", { FAL_KEY = KEY, LUA_CPATH = place })
    assert.equal("Lua 5.4: require \"fal\" gives " .. fal.version, checks["lua5.4"].text)
    if checks.luajit then   -- which finds a module that is not its own
      assert.equal("problem", checks.luajit.status)
      assert.matches("make LUA=luajit", checks.luajit.hint, 1, true)
    end
    checks = found("doctor --offline", { FAL_KEY = KEY })
    assert.matches("no module 'fal'", checks["lua5.4"].text, 1, true)
    assert.equal("ok", checks["lua5.4"].status)
  end)

  it("finds folders that cannot be written to", function ()
    local checks, code = found("doctor --offline", { FAL_KEY = KEY, XDG_STATE_HOME = "/dev/null/state", TMPDIR = "/proc/x" })
    assert.equal(1, code)
    assert.equal("problem", checks.state.status)
    assert.matches("/dev/null/state/falua cannot be written to", checks.state.text, 1, true)
    checks = found("doctor --offline", { FAL_KEY = KEY })
    assert.equal("ok", checks.state.status)
    assert.is_nil(io.open(dir .. "/state"), "looking makes nothing")
  end)

  it("warns when few files may be open", function ()
    local out = child.sh("ulimit -n 100; " .. child.quoted(serve.falua) .. " doctor --offline")
    assert.matches("warning   open files    100", out, 1, true)
  end)

  it("says what is wrong with its options", function ()
    local out, code = doctor "doctor --timeout 0"
    assert.equal(2, code)
    assert.matches("--timeout takes seconds", out, 1, true)
  end)
end)
