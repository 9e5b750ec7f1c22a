-- Realtime connections, against Node's `ws` with fal's token endpoint.

local fal = require "fal"
local tasks = require "fal.tasks"
local wsd = require "spec.support.wsd"

local ID = "acme/thing"


describe("a realtime connection", function ()
  local client
  local why = wsd.missing()

  if why then
    it("has its server", function ()
      if os.getenv "CI" == "true" then error(why, 0) end
      pending(why)
    end)
    return
  end

  before_each(function ()
    wsd.clear()
    client = fal.client { base_url = wsd.url, credentials = "id-of-key:secret-of-key", retry = false }
  end)

  local function connect(options)
    options = options or {}
    options.throttle_interval = options.throttle_interval or 0
    return fal.check(client.realtime.connect(ID, options))
  end

  it("opens nothing before there is something to send", function ()
    local conn = connect()
    tasks.step(0)
    assert.equal(0, #wsd.stats().tokens)
    fal.check(conn:send { n = 1 })
    assert.same({ echo = { n = 1 } }, fal.check(conn:recv(10)))
    local stats = wsd.stats()
    assert.equal(1, stats.sockets)
    assert.same({ { authorization = "Key id-of-key:secret-of-key",
                    body = { allowed_apps = { "thing" }, token_expiration = 120 } } }, stats.tokens)
    conn:close()
  end)

  it("addresses the app with a token, and says what it may keep", function ()
    local conn = connect { max_buffering = 7, token_expiration = 30 }
    fal.check(conn:send { ["do"] = "url" })
    local seen = fal.check(conn:recv(10))
    assert.equal("/acme/thing/realtime?fal_jwt_token=token%2Fof%2B1&max_buffering=7", seen.url)
    assert.is_nil(seen.headers.authorization)
    assert.equal(30, wsd.stats().tokens[1].body.token_expiration)
    conn:close()
    conn = fal.check(client.realtime.connect("acme/thing/realtime", { path = "/other/way" }))
    fal.check(conn:send { ["do"] = "url" })
    assert.equal("/acme/thing/realtime/other/way?fal_jwt_token=token%2Fof%2B2", fal.check(conn:recv(10)).url)
    conn:close()
  end)

  it("keeps bytes bytes, in both directions", function ()
    local conn = connect()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    all = table.concat(all)
    fal.check(conn:send { image = all, text = "Grüße", forced = fal.bytes "plain" })
    local echo = fal.check(conn:recv(10)).echo
    assert.equal(all, echo.image)
    assert.equal("Grüße", echo.text)
    assert.equal("plain", echo.forced)
    conn:close()
  end)

  it("sends what was sent before it was open, in order", function ()
    local conn = connect()
    for i = 1, 20 do fal.check(conn:send { i = i }) end
    for i = 1, 20 do assert.equal(i, fal.check(conn:recv(10)).echo.i) end
    conn:close()
  end)

  it("throttles, keeping the newest", function ()
    local conn = connect { throttle_interval = 0.05 }
    fal.check(conn:send { i = 0 })
    fal.check(conn:recv(10))
    for i = 1, 100 do fal.check(conn:send { i = i }) end
    local last
    repeat last = fal.check(conn:recv(10)).echo.i until last == 100
    assert.is_true(#wsd.stats().inputs < 60, "throttled")
    conn:close()
  end)

  it("is an iterator that ends when the server closes it", function ()
    local conn = connect()
    for i = 1, 3 do fal.check(conn:send { i = i }) end
    fal.check(conn:send { ["do"] = "close", code = 1000, reason = "enough" })
    local got = {}
    for result in conn do got[#got + 1] = result.echo.i end
    assert.same({ 1, 2, 3 }, got)
    assert.is_nil(conn.err)
    assert.equal(1000, conn.code)
    assert.equal("enough", conn.reason)
    assert.is_nil((conn:recv(10)))
  end)

  it("is opened again by the next send, with the token it has", function ()
    local conn = connect()
    for i = 1, 3 do
      fal.check(conn:send { i = i })
      assert.equal(i, fal.check(conn:recv(10)).echo.i)
      fal.check(conn:send { ["do"] = "close", code = 1000 })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.is_nil(err)
    end
    local stats = wsd.stats()
    assert.equal(3, stats.sockets)
    assert.equal(1, #stats.tokens)
    conn:close()
  end)

  it("asks for another token when the old one is too old", function ()
    local conn = connect { token_expiration = 1e-6 }
    for _ = 1, 2 do
      fal.check(conn:send { ["do"] = "close", code = 1000 })
      assert.is_nil((conn:recv(10)))
    end
    assert.equal(2, #wsd.stats().tokens)
    conn:close()
  end)

  it("sees that it was closed while nobody looked", function ()
    local conn = connect()
    fal.check(conn:send { ["do"] = "close", code = 1000 })
    wsd.step_until(tasks.step, function (s) return #s.closes == 1 end)  -- we have answered it
    fal.check(conn:send { n = 2 })
    assert.same({ echo = { n = 2 } }, fal.check(conn:recv(10)))
    assert.equal(2, wsd.stats().sockets)
    conn:close()
  end)

  it("tells codes that are no good news", function ()
    for code, word in pairs { [1008] = "auth", [1011] = "model", [1012] = "network", [4001] = "model" } do
      local conn = connect()
      fal.check(conn:send { ["do"] = "close", code = code, reason = "because" })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal(word, err.code)
      assert.equal(code, err.status)
      assert.truthy(tostring(err):find("because", 1, true))
      assert.equal(ID, err.endpoint_id)
      conn:close()
    end
    local conn = connect()
    fal.check(conn:send { ["do"] = "cut" })
    local _, err = conn:recv(10)
    assert.equal("network", err.code)
    assert.is_true(err.retryable)
    conn:close()
  end)

  it("knows control messages from results", function ()
    local conn = connect()
    local function text(value) fal.check(conn:send { ["do"] = "text", text = fal.json.encode(value) }) end
    text { type = "x-fal-message", action = "timings", timing = 0.1 }
    text { type = "x-fal-error", error = "INTERNAL_ERROR", reason = "model crashed" }
    text { seed = 7 }
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("model", err.code)
    assert.equal("INTERNAL_ERROR", err.type)
    assert.equal("INTERNAL_ERROR: model crashed", err.message)
    assert.same({ seed = 7 }, fal.check(conn:recv(10)))
    fal.check(conn:send { ["do"] = "packed", value = { type = "x-fal-message" } })
    fal.check(conn:send { ["do"] = "packed", value = { type = "x-fal-error", error = "E", reason = "r" } })
    result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("E: r", err.message)
    fal.check(conn:send { ["do"] = "text", text = "no JSON" })
    result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("protocol", err.code)
    conn:close()
  end)

  it("goes idle when the app timed out, silently", function ()
    local conn = connect()
    fal.check(conn:send { ["do"] = "text", text = [[{"type":"x-fal-error","error":"TIMEOUT","reason":"no input"}]] })
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.is_nil(err)
    fal.check(conn:send { n = 2 })
    assert.same({ echo = { n = 2 } }, fal.check(conn:recv(10)))
    assert.equal(2, wsd.stats().sockets)
    conn:close()
  end)

  it("forgets a token that is not accepted any more", function ()
    local conn = connect()
    fal.check(conn:send { ["do"] = "text", text = [[{"status":"error","error":"Unauthorized"}]] })
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("auth", err.code)
    assert.is_nil((conn:recv(10)))
    wsd.control { status = 403, once = true }
    fal.check(conn:send { n = 2 })
    result, err = conn:recv(10)
    assert.is_nil(result)       -- that token was new: no other one is tried
    assert.equal("auth", err.code)
    assert.equal(403, err.status)
    assert.is_nil((conn:recv(10)))
    fal.check(conn:send { n = 3 })
    assert.same({ echo = { n = 3 } }, fal.check(conn:recv(10)))
    fal.check(conn:send { ["do"] = "close", code = 1000 })
    assert.is_nil((conn:recv(10)))
    wsd.control { status = 401, once = true }
    fal.check(conn:send { n = 4 })
    assert.same({ echo = { n = 4 } }, fal.check(conn:recv(10)))   -- that one was not
    assert.equal(4, #wsd.stats().tokens)
    conn:close()
  end)

  it("tells why a handshake was refused, without the token", function ()
    for _, chunked in ipairs { false, true } do
      wsd.control { status = 404, chunked = chunked, token = "very-secret-token" }
      local conn = connect()
      fal.check(conn:send { n = 1 })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal("http", err.code)
      assert.equal(404, err.status)
      assert.truthy(err.message:find("no: /acme/thing/realtime", 1, true), err.message)
      assert.is_nil(tostring(err):find("very-secret", 1, true))
      conn:close()
    end
  end)

  it("tells why there is no token", function ()
    local rows = {
      { { token = { detail = "balance exhausted" } }, "auth", "balance exhausted" },
      { { token = { detail = "who are you" }, token_status = 401 }, "auth", "who are you" },
      { { token = { wrong = true } }, "protocol", "no realtime token" },
      { { token = "" }, "protocol", "empty" },
    }
    for _, row in ipairs(rows) do
      wsd.control(row[1])
      local conn = connect()
      fal.check(conn:send { n = 1 })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal(row[2], err.code)
      assert.truthy(tostring(err):find(row[3], 1, true), tostring(err))
      assert.is_nil(tostring(err):find("secret-of-key", 1, true))
      conn:close()
    end
    wsd.control { token = { token = "in an object" } }
    local conn = connect()
    fal.check(conn:send { n = 1 })
    assert.same({ echo = { n = 1 } }, fal.check(conn:recv(10)))
    conn:close()
  end)

  it("refuses an answer that is no handshake", function ()
    local rows = {
      "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
      "HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\n\r\n",
      "SSH-2.0-whatever\r\n\r\n",
      "HTTP/1.1 101 Yes\r\nX: " .. ("x"):rep(70000) .. "\r\n",
    }
    for i, answer in ipairs(rows) do
      wsd.control { answer = answer }
      local conn = connect()
      fal.check(conn:send { n = 1 })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal(i < 4 and "protocol" or "toobig", err.code)
      conn:close()
    end
  end)

  it("has results and errors for functions", function ()
    local results, errors = {}, {}
    local conn
    conn = connect {
      on_result = function (r)
        results[#results + 1] = r.echo.i
        if r.echo.i == 3 then conn:send { ["do"] = "close", code = 1011 } end
      end,
      on_error = function (e) errors[#errors + 1] = e.code end,
    }
    assert.has_error(function () conn:recv(1) end)
    for i = 1, 3 do fal.check(conn:send { i = i }) end
    tasks.drain()
    assert.same({ 1, 2, 3 }, results)
    assert.same({ "model" }, errors)
    fal.check(conn:send { i = 4 })
    wsd.step_until(tasks.step, function () return #results == 4 end)
    conn:close()
    tasks.drain()
    assert.same({}, tasks.unobserved())
  end)

  it("says that a result did not come in time", function ()
    local conn = connect()
    fal.check(conn:send { ["do"] = "mute" })
    local result, err = conn:recv(0.02)
    assert.is_nil(result)
    assert.equal("timeout", err.code)
    assert.equal(ID, err.endpoint_id)
    conn:close()
  end)

  it("lets other tasks work, and wakes who waits when it is closed", function ()
    local conn = connect()
    fal.check(conn:send { n = 1 })
    fal.check(conn:recv(10))
    local waiter = fal.async(function () return "ended", conn:recv() end)
    local busy = fal.async(function () return fal.sleep(0.01) end)
    assert.is_true(busy:await())
    assert.equal("running", waiter.status)
    conn:close()
    conn:close()
    assert.same({ "ended" }, { waiter:await() })
    assert.equal("canceled", select(2, conn:send { n = 2 }).code)
    local stats = wsd.step_until(tasks.step, function (s) return #s.closes == 1 end)
    assert.same({ 1000, "" }, stats.closes[1])
  end)

  it("lets a waiting task be canceled", function ()
    local conn = connect()
    local task = fal.async(function () return conn:recv() end)
    task:cancel()
    local result, err = task:await()
    assert.is_nil(result)
    assert.equal("canceled", err.code)
    conn:close()
  end)

  it("sends what waits before it closes", function ()
    local conn = connect()
    for i = 1, 5 do fal.check(conn:send { i = i }) end
    conn:close()
    local stats = wsd.step_until(tasks.step, function (s) return #s.closes == 1 end)
    assert.equal(5, #stats.inputs)
    assert.same({ 1000, "" }, stats.closes[1])
    wsd.step_until(tasks.step, function () return tasks.engine():pending() == 0 end)
  end)

  it("is closed when nobody has it any more", function ()
    local conn = connect()
    fal.check(conn:send { n = 1 })
    fal.check(conn:recv(10))
    conn = nil  -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    local stats = wsd.step_until(tasks.step, function (s) return #s.closes == 1 end)
    assert.same({ 1000, "" }, stats.closes[1])
  end)

  it("notices a server that is dead", function ()
    local conn = connect { ping_interval = 0.05 }
    fal.check(conn:send { n = 1 })
    fal.check(conn:recv(10))
    wsd.step_until(tasks.step, function (s) return s.pings >= 2 end)
    fal.check(conn:send { ["do"] = "mute" })
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("network", err.code)
    assert.truthy(err.message:find("ping", 1, true))
    conn:close()
  end)

  it("has ceilings", function ()
    local conn = connect { max_message = 1000 }
    fal.check(conn:send { ["do"] = "binary", size = 2000 })
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("toobig", err.code)
    conn:close()
  end)

  it("takes other encodings", function ()
    local conn = connect { encode = fal.json.encode, decode = fal.json.decode }
    fal.check(conn:send { text = "Grüße" })
    assert.same({ echo = { text = "Grüße" } }, fal.check(conn:recv(10)))
    conn:close()
    conn = connect { decode = function (bytes) return #bytes end }
    fal.check(conn:send { n = 1 })
    assert.equal(#fal.check(fal.msgpack.encode { echo = { n = 1 } }), fal.check(conn:recv(10)))
    conn:close()
  end)

  it("asks a function for the key of each token", function ()
    local n = 0
    client = fal.client { base_url = wsd.url, credentials = function () n = n + 1; return "id:key" .. n end }
    local conn = connect { token_expiration = 1e-6 }
    for _ = 1, 2 do
      fal.check(conn:send { ["do"] = "close", code = 1000 })
      assert.is_nil((conn:recv(10)))
    end
    conn:close()
    local tokens = wsd.stats().tokens
    assert.equal("Key id:key1", tokens[1].authorization)
    assert.equal("Key id:key2", tokens[2].authorization)
  end)

  it("raises for misuse, and fails for what cannot be sent", function ()
    assert.has_error(function () client.realtime.connect(ID, { max_bufering = 3 }) end)
    assert.has_error(function () client.realtime.connect(ID, { max_buffering = 61 }) end)
    assert.has_error(function () client.realtime.connect(7) end)
    local none, err = client.realtime.connect("no slash")
    assert.is_nil(none)
    assert.equal("validation", err.code)
    local conn = connect()
    none, err = conn:send { a = { b = { print } } }
    assert.is_nil(none)
    assert.equal("validation", err.code)
    assert.truthy(err.message:find("input.a.b[1]: a function", 1, true), err.message)
    conn:close()
  end)

  it("needs no key where there is none", function ()
    client = fal.client { base_url = wsd.url, credentials = "" }
    local conn = connect()
    fal.check(conn:send { n = 1 })
    fal.check(conn:recv(10))
    assert.is_nil(wsd.stats().tokens[1].authorization)
    conn:close()
    client = fal.client { hosts = { realtime = wsd.url }, credentials = "", base_url = "https://fal.run" }
    conn = connect()
    local ok, err = conn:send { n = 1 }
    assert.is_nil(ok)
    assert.equal("auth", err.code)
    conn:close()
  end)

  it("tells that there is no server", function ()
    client = fal.client { hosts = { rest = wsd.url, realtime = "ws://127.0.0.1:1" }, credentials = "a:b" }
    local conn = connect()
    fal.check(conn:send { n = 1 })
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.equal("network", err.code)
    conn:close()
  end)
end)
