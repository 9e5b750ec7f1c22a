-- Realtime connections over everything a WebSocket may meet, against Node's
-- `ws` and @msgpack/msgpack.

local fal = require "fal"
local wsd = require "spec.support.wsd"

local ID = "acme/thing"


describe("a realtime connection to `ws`", function ()
  local why = wsd.missing()

  if why then
    it("has its server", function ()
      if os.getenv "CI" == "true" then error(why, 0) end
      pending(why)
    end)
    return
  end

  local plain, tls

  setup(function ()
    plain = fal.client { base_url = wsd.url, credentials = "a:b", retry = false }
    tls = fal.client { base_url = wsd.tls_url, credentials = "a:b", ca_file = wsd.ca_file, retry = false }
  end)

  before_each(function () wsd.clear() end)

  local function connect(client, options)
    options = options or {}
    options.throttle_interval = 0
    return fal.check(client.realtime.connect(ID, options))
  end

  local function both(f)
    for name, client in pairs { plain = plain, tls = tls } do
      local conn = connect(client)
      f(conn, name)
      conn:close()
    end
  end

  it("echoes, in the clear and with a private authority", function ()
    both(function (conn, name)
      fal.check(conn:send { hello = name })
      assert.same({ echo = { hello = name } }, fal.check(conn:recv(10)))
    end)
  end)

  it("speaks HTTP/1.1 to a server that prefers HTTP/2", function ()
    local conn = connect(tls)
    fal.check(conn:send { n = 1 })
    fal.check(conn:recv(10))
    assert.same({ "http/1.1" }, wsd.stats().alpn)
    conn:close()
  end)

  it("refuses an authority it does not know, and a wrong name", function ()
    local socket = wsd.tls_url:gsub("^http", "ws")
    local wrong = socket:gsub("127%.0%.0%.1", "localhost")
    for _, row in ipairs { { socket }, { wrong, wsd.ca_file } } do
      local client = fal.client {
        hosts = { rest = wsd.url, realtime = row[1] }, credentials = "a:b", ca_file = row[2],
      }
      local conn = connect(client)
      fal.check(conn:send { n = 1 })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal("network", err.code)
      assert.truthy(err.message:find("certificate", 1, true), err.message)
      conn:close()
    end
    assert.equal(0, wsd.stats().sockets)
  end)

  it("goes through a CONNECT proxy", function ()
    local port = wsd.tls_url:match ":(%d+)$"
    local client = fal.client {
      base_url = "https://realtime.test:" .. port, credentials = "a:b", ca_file = wsd.ca_file,
      http_proxy = wsd.proxy_url,
    }
    local conn = connect(client)
    fal.check(conn:send { n = 1 })
    assert.same({ echo = { n = 1 } }, fal.check(conn:recv(10)))
    conn:close()
    assert.same({ "realtime.test:" .. port, "realtime.test:" .. port }, wsd.stats().connects)

    port = wsd.url:match ":(%d+)$"
    client = fal.client {
      hosts = { rest = wsd.url, realtime = "ws://realtime.test:" .. port }, credentials = "a:b",
      http_proxy = wsd.proxy_url,
    }
    conn = connect(client)
    fal.check(conn:send { n = 2 })
    assert.same({ echo = { n = 2 } }, fal.check(conn:recv(10)))
    conn:close()
    assert.equal("realtime.test:" .. port, wsd.stats().connects[3])
  end)

  it("says when the proxy is none", function ()
    for _, proxy in ipairs { wsd.url, "http://127.0.0.1:1" } do
      local client = fal.client {
        hosts = { rest = wsd.url, realtime = "wss://realtime.test:1" }, credentials = "a:b", http_proxy = proxy,
      }
      local conn = connect(client)
      fal.check(conn:send { n = 1 })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal("network", err.code)
      conn:close()
    end
    assert.equal(0, wsd.stats().sockets)
  end)

  it("puts fragments together, answering pings between them", function ()
    both(function (conn)
      fal.check(conn:send { ["do"] = "parts", n = 7, size = 1000 })
      assert.equal(("x"):rep(7000), fal.check(conn:recv(10)).parts)
      assert.same({ pongs = 6 }, fal.check(conn:recv(10)))
    end)
  end)

  it("moves a megabyte of bytes each way", function ()
    local all = {}
    for i = 0, 250 do all[i + 1] = string.char(i) end
    local megabyte = table.concat(all):rep(4178):sub(1, 1048576)
    both(function (conn)
      fal.check(conn:send { image = megabyte })
      assert.is_true(fal.check(conn:recv(10)).echo.image == megabyte)
      fal.check(conn:send { ["do"] = "binary", size = 1048576 })
      assert.is_true(fal.check(conn:recv(10)).bytes == megabyte)
    end)
  end)

  it("moves more than the socket takes at once", function ()
    local input = { image = ("\255\0\1"):rep(1000000) }
    both(function (conn)
      for _ = 1, 5 do fal.check(conn:send(input)) end
      for _ = 1, 5 do assert.is_true(fal.check(conn:recv(20)).echo.image == input.image) end
    end)
  end)

  it("gives and gets every close code", function ()
    for _, code in ipairs { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999 } do
      local conn = connect(plain)
      fal.check(conn:send { ["do"] = "close", code = code, reason = "é" .. code })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      if code == 1000 then
        assert.is_nil(err)
      else
        assert.equal(code, err.status)
        assert.is_nil((conn:recv(10)))
      end
      assert.equal(code, conn.code)
      assert.equal("é" .. code, conn.reason)
      conn:close()
    end
    local conn = connect(plain)
    fal.check(conn:send { ["do"] = "close" })
    local result, err = conn:recv(10)
    assert.is_nil(result)
    assert.is_nil(err)
    assert.equal(1005, conn.code)
    conn:close()
  end)

  it("refuses frames that are none", function ()
    local rows = {
      { "8301ff", "protocol" },                  -- an opcode that is not in use
      { "c100", "protocol" },                    -- a reserved bit
      { "8180000000ff", "protocol" },            -- masked by a server
      { "090000", "protocol" },                  -- a ping in fragments
      { "8000", "protocol" },                    -- goes on with nothing
      { "8102fffe", "protocol" },                -- text that is not UTF-8
      { "827f7fffffffffffffff00", "toobig" },    -- 2^63 bytes to come
      { "827fffffffffffffffff00", "protocol" },  -- a length above that
      { "8801ff", "protocol" },                  -- half a close code
    }
    for i, row in ipairs(rows) do
      local conn = connect(plain)
      fal.check(conn:send { ["do"] = "frames", hex = row[1] })
      local result, err = conn:recv(10)
      assert.is_nil(result)
      assert.equal(row[2], err.code, "row " .. i .. ": " .. tostring(err))
      conn:close()
    end
  end)

  it("understands the other MessagePack, and is understood", function ()
    local values = {
      fal.null, true, false, 0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 2 ^ 53,
      -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -2 ^ 53, 0.5, -1e300, 1e-300,
      "", "abc", "Grüße, 世界", ("x"):rep(31), ("x"):rep(32), ("x"):rep(255), ("x"):rep(256), ("x"):rep(65536),
      "\255", ("\200"):rep(255), ("\200"):rep(256), ("\200"):rep(65536),
      fal.array {}, { 1, 2, 3 }, { fal.array {}, { a = fal.null } }, { a = { b = { c = { 1.5 } } } },
    }
    local sixteen, many, names = {}, {}, {}
    for i = 1, 16 do sixteen[i] = i end
    for i = 1, 70000 do many[i] = i % 7 end
    for i = 1, 70000 do names["key" .. i] = i end
    values[#values + 1], values[#values + 2], values[#values + 3] = sixteen, many, names
    local conn = connect(plain)
    for i, value in ipairs(values) do
      fal.check(conn:send { ["do"] = "packed", value = { value = value } })
      assert.same({ value = value }, fal.check(conn:recv(10)), "value " .. i)
    end
    conn:close()
  end)

  it("takes 64 bits of integers", function ()
    if not math.type then return pending "this Lua has none" end
    local conn = connect(plain)
    for _, seed in ipairs { math.maxinteger, math.mininteger, 9007199254740993 } do
      fal.check(conn:send { ["do"] = "raw", bytes = fal.check(fal.msgpack.encode { seed = seed }) })
      assert.equal(seed, fal.check(conn:recv(10)).seed)
    end
    conn:close()
  end)

  it("is twenty at once, in tasks", function ()
    local list = {}
    for i = 1, 20 do
      list[i] = function ()
        local conn = connect(i % 2 == 0 and plain or tls)
        for k = 1, 10 do
          fal.check(conn:send { i = i, k = k })
          assert(fal.check(conn:recv(20)).echo.k == k)
        end
        conn:close()
        return i
      end
    end
    for i, one in ipairs(fal.check(fal.gather(list))) do
      assert.equal(i, one.result, tostring(one.err))
    end
    assert.equal(20, wsd.stats().sockets)
  end)
end)
