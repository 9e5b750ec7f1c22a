-- Webhooks: what is taken for fal's, what is not, and when keys are fetched.
-- The signer is OpenSSL's command.

local fal = require "fal"
local server = require "spec.support.server"

local NOW = 1700000000
local BODY = '{"request_id":"r-1","gateway_request_id":"g-1","status":"OK","payload":{"seed":7},"error":null}'

local dir


local function run(command)
  local p = assert(io.popen(command .. " && echo done"))
  local out = p:read "*a"
  p:close()
  assert(out:sub(-5) == "done\n", command)
  return out:sub(1, -6)
end


local function write(path, bytes)
  local f = assert(io.open(path, "wb"))
  f:write(bytes)
  f:close()
end


local function hex(bytes)
  return (bytes:gsub(".", function (c) return ("%02x"):format(c:byte()) end))
end


-- A key pair: { path =, public = 32 bytes, x = their base64url }.
local function new_key(name)
  local key = { path = dir .. "/" .. name .. ".pem" }
  run("openssl genpkey -algorithm ed25519 -out " .. key.path)
  key.public = run("openssl pkey -in " .. key.path .. " -pubout -outform DER | tail -c 32")
  key.x = run("openssl pkey -in " .. key.path .. " -pubout -outform DER | tail -c 32 | openssl base64 -A")
    :gsub("%+", "-"):gsub("/", "_"):gsub("=", "")
  return key
end


local function message(request, user, timestamp, body)
  write(dir .. "/body", body)
  local sha = run("openssl dgst -sha256 -r " .. dir .. "/body"):match "^%x+"
  return table.concat({ request, user, timestamp, sha }, "\n")
end


-- The headers fal would send with a body.
local function signed(key, body, change)
  local h = { request = "r-1", user = "u-1", timestamp = tostring(NOW) }
  for name, value in pairs(change or {}) do h[name] = value end
  write(dir .. "/message", message(h.request, h.user, h.timestamp, body))
  local signature = run("openssl pkeyutl -sign -rawin -inkey " .. key.path .. " -in " .. dir .. "/message")
  return {
    ["X-Fal-Webhook-Request-Id"] = h.request, ["X-Fal-Webhook-User-Id"] = h.user,
    ["X-Fal-Webhook-Timestamp"] = h.timestamp, ["X-Fal-Webhook-Signature"] = hex(signature),
  }
end


local function jwks(...)
  local list = {}
  for i, key in ipairs { ... } do list[i] = { kty = "OKP", crv = "Ed25519", x = key.x, kid = tostring(i) } end
  return { keys = list }
end


local function copy(t, changes)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  for k, v in pairs(changes or {}) do c[k] = v end
  return c
end


describe("fal.webhook.verify", function ()
  local key, other, good, client

  setup(function ()
    dir = server.folder()
    key, other = new_key "key", new_key "other"
    good = signed(key, BODY)
  end)

  teardown(function () server.remove_folder(dir) end)

  before_each(function ()
    client = fal.client { credentials = "", base_url = "http://127.0.0.1:9" }
  end)

  local function verify(headers, body, opt)
    return client:webhook_verify(headers, body, copy({ jwks = jwks(other, key), now = NOW }, opt))
  end

  local function refused(type, headers, body, opt)
    local ok, err = verify(headers, body, opt)
    assert.is_nil(ok)
    assert.equal(type, err.type)
    assert.equal("auth", err.code)
    assert.is_false(err.retryable)
    return err
  end


  it("gives the delivery that fal signed", function ()
    local ok, event = fal.check(verify(good, BODY))
    assert.is_true(ok)
    assert.same({
      request_id = "r-1", gateway_request_id = "g-1", status = "OK", payload = { seed = 7 },
      user_id = "u-1", timestamp = NOW,
    }, event)
  end)

  it("is there for the default client", function ()
    assert.is_true(fal.check(fal.webhook.verify(good, BODY, { jwks = jwks(key), now = NOW })))
  end)

  it("takes failures and what could not be serialised", function ()
    local body = '{"request_id":"r-1","status":"ERROR","error":"Invalid status code: 422","payload":{"detail":[]}}'
    local _, event = fal.check(verify(signed(key, body), body))
    assert.equal("Invalid status code: 422", event.error)
    body = '{"request_id":"r-2","status":"OK","payload":null,"payload_error":"output is not valid JSON"}'
    _, event = fal.check(verify(signed(key, body, { request = "r-2" }), body))
    assert.is_nil(event.payload)
    assert.equal("output is not valid JSON", event.payload_error)
  end)

  it("takes headers as servers give them", function ()
    local lower, lists, pairs_, upper = {}, {}, {}, {}
    for name, value in pairs(good) do
      lower[name:lower()] = value
      upper[name:upper()] = " " .. value .. "\t"
      lists[name] = { value }
      pairs_[#pairs_ + 1] = { name, value }
    end
    pairs_[#pairs_ + 1] = { "Content-Type", "application/json" }
    lower["x-fal-webhook-timestamp"] = NOW
    for _, headers in ipairs { lower, upper, lists, pairs_ } do
      assert.is_true(fal.check(verify(headers, BODY, { allow_replay = true })))
    end
  end)

  it("takes keys in any form", function ()
    local text = fal.json.encode(jwks(other, key))
    for _, opt in ipairs { { keys = { key.public } }, { keys = { other.x, key.x } }, { jwks = text } } do
      opt.now, opt.allow_replay = NOW, true
      assert.is_true(fal.check(client:webhook_verify(good, BODY, opt)))
    end
  end)

  it("refuses what is wrong by one", function ()
    refused("webhook_no_match", good, (BODY:gsub("7", "8")))
    refused("webhook_no_match", good, BODY .. "\n")
    refused("webhook_no_match", good, "")
    refused("webhook_no_match", copy(good, { ["X-Fal-Webhook-Timestamp"] = tostring(NOW + 1) }), BODY)
    refused("webhook_no_match", copy(good, { ["X-Fal-Webhook-User-Id"] = "u-2" }), BODY)
    local theirs = signed(key, BODY, { request = "r-2" })["X-Fal-Webhook-Signature"]
    refused("webhook_no_match", copy(good, { ["X-Fal-Webhook-Signature"] = theirs }), BODY)
    refused("webhook_no_match", good, BODY, { jwks = jwks(other) })
    refused("webhook_no_keys", good, BODY, { jwks = { keys = fal.array {} } })
    refused("webhook_no_keys", good, BODY, { keys = {} })
  end)

  it("refuses a MAC made with the public key", function ()
    write(dir .. "/message", message("r-1", "u-1", tostring(NOW), BODY))
    local mac = run(("openssl dgst -sha512 -mac hmac -macopt hexkey:%s -binary %s/message"):format(hex(key.public), dir))
    assert.equal(64, #mac)
    refused("webhook_no_match", copy(good, { ["X-Fal-Webhook-Signature"] = hex(mac) }), BODY)
  end)

  it("refuses signatures that are none", function ()
    local s = good["X-Fal-Webhook-Signature"]
    for _, bad in ipairs { "zz", s:sub(1, -2), s:sub(1, -3), s .. "0", s .. "00", s:rep(1000), s:sub(1, -2) .. "x" } do
      refused("webhook_bad_signature", copy(good, { ["X-Fal-Webhook-Signature"] = bad }), BODY)
    end
  end)

  it("names the header that is missing", function ()
    for name in pairs(good) do
      local headers = copy(good)
      headers[name] = nil
      local err = refused("webhook_missing_header", headers, BODY)
      assert.truthy(err.message:find(name, 1, true), err.message)
      assert.truthy(err.hint)
      headers[name] = ""
      refused("webhook_missing_header", headers, BODY)
    end
  end)

  it("refuses headers that contradict themselves", function ()
    refused("webhook_bad_header", copy(good, { ["x-fal-webhook-user-id"] = "u-2" }), BODY)
    refused("webhook_bad_header", copy(good, { ["X-Fal-Webhook-Signature"] = { ("0"):rep(128), ("1"):rep(128) } }), BODY)
    refused("webhook_bad_header", copy(good, { ["X-Fal-Webhook-User-Id"] = "u\n1" }), BODY)
  end)

  it("keeps to 300 seconds, or what it is told", function ()
    for _, off in ipairs { -300, 300 } do
      assert.is_true(fal.check(verify(good, BODY, { now = NOW + off, allow_replay = true })))
    end
    refused("webhook_too_old", good, BODY, { now = NOW + 301 })
    refused("webhook_in_future", good, BODY, { now = NOW - 301 })
    refused("webhook_too_old", good, BODY, { now = NOW + 11, tolerance = 10 })
    refused("webhook_bad_timestamp", copy(good, { ["X-Fal-Webhook-Timestamp"] = "yesterday" }), BODY)
    refused("webhook_too_old", good, BODY, { now = os.time() })
  end)

  it("goes by the clock when it is not told the time", function ()
    local headers = signed(key, BODY, { timestamp = tostring(os.time()) })
    assert.is_true(fal.check(client:webhook_verify(headers, BODY, { jwks = jwks(key) })))
  end)

  it("says when what was signed is not a delivery", function ()
    for _, body in ipairs { "", "hello", "[]", "null", '{"status":"OK"}', '{"request_id":"r-1"' } do
      local ok, err = verify(signed(key, body), body)
      assert.is_nil(ok)
      assert.equal("protocol", err.code)
      assert.equal("webhook_body", err.type)
    end
  end)

  it("says what is wrong with keys by hand", function ()
    local ok, err = verify(good, BODY, { jwks = "<html>" })
    assert.is_nil(ok)
    assert.equal("webhook_jwks", err.type)
    local many = {}
    for i = 1, 65 do many[i] = key end
    ok, err = verify(good, BODY, { jwks = jwks((table.unpack or unpack)(many)) })   -- luacheck: ignore
    assert.is_nil(ok)
    assert.equal("toobig", err.code)
  end)

  it("raises on misuse", function ()
    local function misused(text, ...)
      local ok, err = pcall(client.webhook_verify, client, ...)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(text, 1, true), tostring(err))
    end
    misused("headers", nil, BODY)
    misused("as it was received", good, { request_id = "r-1" })
    misused("'tolerance'", good, BODY, { tolerence = 1 })
    misused("tolerance", good, BODY, { tolerance = -1 })
    misused("max_age", good, BODY, { max_age = 100000 })
    misused("key 1", good, BODY, { keys = { "short" } })
    misused("must be a string", copy(good, { ["X-Fal-Webhook-User-Id"] = true }), BODY)
  end)


  describe("a delivery that comes again", function ()
    it("is reported", function ()
      fal.check(verify(good, BODY))
      local ok, err = verify(good, BODY, { now = NOW + 300 })
      assert.is_nil(ok)
      assert.equal("validation", err.code)
      assert.equal("webhook_replayed", err.type)
      assert.equal("r-1", err.request_id)
      assert.truthy(err.hint)
    end)

    it("is given, and marked, when that is wanted", function ()
      local _, event = fal.check(verify(good, BODY))
      assert.is_nil(event.replayed)
      _, event = fal.check(verify(good, BODY, { allow_replay = true }))
      assert.is_true(event.replayed)
    end)

    it("is reported with another timestamp too, and by each client for itself", function ()
      fal.check(verify(good, BODY))
      local later = signed(key, BODY, { timestamp = tostring(NOW + 250) })
      local ok, err = verify(later, BODY, { now = NOW + 300 })
      assert.is_nil(ok)
      assert.equal("webhook_replayed", err.type)
      assert.is_true(fal.check(fal.client({ credentials = "" }):webhook_verify(good, BODY,
        { jwks = jwks(key), now = NOW })))
    end)

    it("is not remembered when it was never accepted", function ()
      refused("webhook_no_match", good, BODY .. " ")
      refused("webhook_too_old", good, BODY, { now = NOW + 400 })
      assert.is_true(fal.check(verify(good, BODY)))
    end)

    it("is forgotten with its window", function ()
      fal.check(verify(good, BODY))
      local later = signed(key, BODY, { timestamp = tostring(NOW + 600) })
      assert.is_true(fal.check(verify(later, BODY, { now = NOW + 600 })))
    end)
  end)


  describe("the keys", function ()
    local fetches, answer

    before_each(function () fetches, answer = 0, jwks(key) end)

    local function fetch()
      fetches = fetches + 1
      if answer == nil then
        return nil, fal.check(select(2, fal.json.decode "{"))
      end
      return answer
    end

    -- Verifies a delivery made at that time.
    local function at(seconds, by, opt)
      local headers = signed(by or key, BODY, { timestamp = ("%.0f"):format(NOW + seconds) })
      return client:webhook_verify(headers, BODY, copy({ now = NOW + seconds, fetch = fetch, allow_replay = true }, opt))
    end

    it("come from the rest host", function ()
      client = fal.client { credentials = "", hosts = { rest = server.url .. "/fault/jwks/" .. key.x } }
      server.forget()
      for _ = 1, 2 do assert.is_true(fal.check(client:webhook_verify(good, BODY, { now = NOW, allow_replay = true }))) end
      local log = server.log()
      assert.equal(1, #log)
      assert.equal("GET", log[1].method)
      assert.equal("/fault/jwks/" .. key.x .. "/.well-known/jwks.json", log[1].path)
    end)

    it("that the rest host does not have are its error", function ()
      client = fal.client { credentials = "", hosts = { rest = server.url .. "/fault/status/404" } }
      local ok, err = client:webhook_verify(good, BODY, { now = NOW })
      assert.is_nil(ok)
      assert.equal("http", err.code)
      assert.equal(404, err.status)
    end)

    it("are fetched once, and again after a day", function ()
      fal.check(at(0))
      fal.check(at(1))
      fal.check(at(86399))
      assert.equal(1, fetches)
      fal.check(at(86400))
      assert.equal(2, fetches)
    end)

    it("are fetched again sooner when that is wanted", function ()
      fal.check(at(0))
      fal.check(at(600, key, { max_age = 600 }))
      assert.equal(2, fetches)
    end)

    it("are fetched again when none fits", function ()
      fal.check(at(0))
      answer = jwks(key, other)
      fal.check(at(60, other))
      assert.equal(2, fetches)
      fal.check(at(61, key))
      assert.equal(2, fetches)
    end)

    it("are not fetched more than once a minute", function ()
      for i = 0, 59 do
        local ok, err = at(i, other)
        assert.is_nil(ok)
        assert.equal("webhook_no_match", err.type)
      end
      assert.equal(1, fetches)
      at(60, other)
      assert.equal(2, fetches)
    end)

    it("are not fetched for what cannot be right", function ()
      local function with(change, opt)
        client:webhook_verify(copy(good, change), BODY, copy({ now = NOW, fetch = fetch }, opt))
      end
      with { ["X-Fal-Webhook-Signature"] = "00" }
      with { ["X-Fal-Webhook-Timestamp"] = "x" }
      with({}, { now = NOW + 400 })
      client:webhook_verify({}, BODY, { fetch = fetch })
      assert.equal(0, fetches)
    end)

    it("that could not be fetched are asked for again after five seconds", function ()
      answer = nil
      for i = 0, 4 do
        local ok, err = at(i)
        assert.is_nil(ok)
        assert.not_equal("auth", err.code)
      end
      assert.equal(1, fetches)
      answer = jwks(key)
      fal.check(at(5))
      assert.equal(2, fetches)
    end)

    it("that were fetched serve on while the server is away, for a day", function ()
      fal.check(at(0))
      answer = nil
      local ok, err = at(60, other)
      assert.is_nil(ok)
      assert.equal("webhook_no_match", err.type)
      fal.check(at(61))
      ok, err = at(86400)
      assert.is_nil(ok)
      assert.not_equal("auth", err.code)
    end)

    it("that are no keys are refused", function ()
      for _, bad in ipairs { "<html>", { keys = 1 }, {} } do
        client = fal.client { credentials = "" }
        answer = bad
        local ok, err = at(0)
        assert.is_nil(ok)
        assert.equal("protocol", err.code)
        assert.equal("webhook_jwks", err.type)
      end
    end)

    it("are fetched once for all who wait for them", function ()
      local headers = signed(key, BODY)
      local list = {}
      for i = 1, 20 do
        list[i] = function ()
          return client:webhook_verify(headers, BODY, {
            now = NOW, allow_replay = true,
            fetch = function ()
              fal.sleep(0.01)
              return fetch()
            end,
          })
        end
      end
      for _, outcome in ipairs(fal.check(fal.gather(list))) do assert.is_true(outcome.result) end
      assert.equal(1, fetches)
    end)

    it("are fetched anew after a fetch that raised", function ()
      local headers = signed(key, BODY)
      local ok, err = pcall(client.webhook_verify, client, headers, BODY,
        { now = NOW, fetch = function () error("no disk", 0) end })
      assert.is_false(ok)
      assert.equal("no disk", err)
      assert.is_true(fal.check(client:webhook_verify(headers, BODY, { now = NOW, fetch = fetch })))
    end)
  end)
end)
