-- The key: where it goes, and that it shows nowhere else.

local fal = require "fal"
local child = require "spec.support.child"
local secrets = require "spec.support.secrets"
local server = require "spec.support.server"

local KEY = secrets.KEY
local FALUA = os.getenv "FALUA" or "build/falua"


-- A client of the fault server whose REST host plays 'play', and whose queue
-- is the server itself when 'queue' is "".
local function client(play, more, queue)
  local opt = {
    credentials = KEY, base_url = server.url,
    hosts = { rest = server.url .. "/" .. (play or "plain"), queue = server.url .. (queue or "/queue") },
    retry = { max = 1, base_delay = 0.001 }, ca_file = server.ca_file,
  }
  for name, value in pairs(more or {}) do opt[name] = value end
  return assert(fal.client(opt))
end


local function authority(url) return url:match "://(.*)$" end


-- Those that the REST host is asked for.
local at_rest = { upload = true, parts = true, token = true, realtime = true }

-- Calls of every kind about an endpoint, each with a client of its own.
local calls = {
  run = function (c, id) return c:run(id, { input = {} }) end,
  submit = function (c, id) return c.queue.submit(id, { input = {} }) end,
  subscribe = function (c, id) return c:subscribe(id, { input = {}, poll_interval = 0.1 }) end,
  streaming = function (c, id) return c:subscribe(id, { input = {}, mode = "streaming", poll_interval = 0.1 }) end,
  stream = function (c, id)
    local stream, err = c:stream(id, { input = {} })
    if not stream then return nil, err end
    return stream:done()
  end,
  status = function (c, id) return c.queue.status(id, { request_id = "5e0f" }) end,
  result = function (c, id) return c.queue.result(id, { request_id = "5e0f" }) end,
  cancel = function (c, id) return c.queue.cancel(id, { request_id = "5e0f" }) end,
  upload = function (c) return c.storage.upload("bytes", { file_name = "a.bin" }) end,
  parts = function (c) return c.storage.upload("bytes", { file_name = "a.bin", multipart_threshold = 1, part_size = 2 }) end,
  token = function (c) return c.storage.upload("bytes", { repository = "fal_v3" }) end,
  realtime = function (c, id)
    local conn, err = c.realtime.connect(id, {})
    if not conn then return nil, err end
    local ok, why = conn:send {}
    if ok then ok, why = conn:recv(10) end
    conn:close()
    return ok, why
  end,
}


describe("the key goes", function ()
  before_each(function () server.forget() end)

  -- Every request was for this host, and 'n' of them at least had the key.
  local function stayed(n)
    local keys = 0
    for _, r in ipairs(server.log()) do
      assert.equal(authority(server.url), r.headers.host, r.method .. " " .. r.path)
      if r.headers.authorization then
        assert.equal("Key " .. KEY, r.headers.authorization)
        keys = keys + 1
      end
    end
    assert.is_true(keys >= n, keys .. " requests with the key")
  end

  it("nowhere that an answer names", function ()
    for _, mode in ipairs { "polling", "streaming" } do
      local c = client()
      assert(c:subscribe("q/addresses", { input = {}, mode = mode, poll_interval = 0.1 }))
      local handle = assert(c.queue.submit("q/addresses", { input = {} }))
      assert.truthy(handle.status_url:find(authority(server.tls_url), 1, true))
      assert(handle:status())
      assert(handle:get { mode = mode, poll_interval = 0.1 })
      assert(handle:cancel())
    end
    stayed(10)
  end)

  for name, call in pairs(calls) do
    it("nowhere that " .. name .. " is redirected to", function ()
      for _, status in ipairs(at_rest[name] and { 301, 307 } or { 307 }) do
        server.forget()
        local value, err = call(client("redirect=" .. status, nil, ""), "fault/redirect/" .. status)
        assert.is_nil(value)
        assert.equal(status, err.status, tostring(err))
        stayed(1)
      end
    end)
  end

  for _, play in ipairs { "submit-redirect", "status-redirect", "result-redirect" } do
    it("nowhere when the queue redirects: " .. play, function ()
      local value, err = client():subscribe("q/" .. play, { input = {} })
      assert.is_nil(value)
      assert.is_true(err.status == 302 or err.status == 307, tostring(err))
      stayed(1)
    end)
  end

  it("nowhere with a file: neither where bytes are put nor where they are fetched", function ()
    local dir = server.folder()
    local c = client()
    assert(c.storage.upload("bytes", {}))
    assert(c.storage.upload("many bytes", { multipart_threshold = 1, part_size = 4 }))
    assert(c:download(server.url .. "/fault/file/a.png", dir .. "/a.png"))
    assert(c:download(server.url .. "/fault/redirect/302", dir .. "/b"))
    for _, r in ipairs(server.log()) do
      if not r.path:find("initiate", 1, true) then assert.is_nil(r.headers.authorization, r.path) end
    end
    server.remove_folder(dir)
  end)

  it("to no host that only looks like fal's", function ()
    for _, id in ipairs { "https://evilfal.run/a/b", "https://fal.run.evil.com/a/b", "http://fal.run/a/b", "//evil.com/a" } do
      local value, err = fal.client({ credentials = KEY }):run(id, { input = {} })
      assert.is_nil(value)
      assert.equal("validation", err.code)
    end
    -- and a name that is not fal's is not asked for fal's key
    for host, named in pairs { ["https://queue.fal.run"] = true, ["https://fal.run"] = true, ["https://x.fal.ai"] = true,
                               ["https://evilfal.run"] = false, ["https://fal.run.invalid"] = false } do
      local c = fal.client { credentials = "", hosts = { run = host }, http_proxy = "http://127.0.0.1:1", retry = false }
      local value, err = c:run("a/b", { input = {}, timeout = 20 })
      assert.is_nil(value)
      assert.equal(named and "auth" or "network", err.code, host)
    end
  end)

  it("to fal itself only by TLS", function ()
    for role, url in pairs { run = "http://fal.run", queue = "http://queue.fal.run", rest = "http://REST.fal.ai",
                             realtime = "ws://fal.run" } do
      local ok, err = pcall(fal.client, { credentials = KEY, hosts = { [role] = url } })
      if ok then ok, err = fal.client { credentials = KEY, hosts = { [role] = url } } end
      assert.is_falsy(ok)
      assert.truthy(tostring(err):find("in the clear", 1, true), tostring(err))
    end
  end)

  it("not where the option 'headers' would put it", function ()
    for _, name in ipairs { "Authorization", "authorization", "AUTHORIZATION" } do
      assert.has_error(function () fal.client { headers = { [name] = "Key " .. KEY } } end)
      assert.has_error(function () client():run("fault/echo", { input = {}, headers = { [name] = "Key " .. KEY } }) end)
    end
    assert.equal(0, server.stats().requests)
  end)
end)


describe("the key shows", function ()
  local shown = {}   -- what on_request and on_response were told
  local dir

  setup(function () dir = server.folder() end)
  teardown(function () server.remove_folder(dir) end)
  before_each(function () server.forget() end)

  local function watched(play, queue)
    local function see(t) shown[#shown + 1] = t end
    return client(play, { on_request = see, on_response = see, journal = dir .. "/journal", max_response = 1000000 },
                  queue)
  end

  -- Has what the server said the key in it? Then it is worth something that
  -- what we say has not.
  local failures = {
    run = { "echo-401", "status/422", "status/500", "status/502", "redirect", "hangup", "cut", "not-json",
            "html", "garbage", "huge/2000000", "header/200000" },
    stream = { "echo-401", "sse/error/422", "sse/cut", "hangup" },
    status = { "echo-401" }, result = { "echo-401" }, cancel = { "echo-401" },
    submit = { "q/submit-app", "q/submit-reset", "q/submit-429", "q/submit-html", "q/submit-echo" },
    subscribe = { "q/quick", "q/fails-422", "q/gone", "q/status-401", "q/status-502", "q/result-cut", "q/submit-echo" },
    streaming = { "q/quick", "q/stream-refused-401", "q/fails-500" },
    upload = { "plain", "refuse_all=401", "echo=401", "echo=200", "urls=none", "fail=1,times=9", "redirect=307" },
    parts = { "plain", "echo=500", "fail=1,times=9,how=403" },
    token = { "plain", "stale=99", "cdn=500", "base=elsewhere" },
    realtime = { "echo=401", "echo=200", "redirect=307" },
  }

  for name, plays in pairs(failures) do
    it("in nothing that comes of " .. name, function ()
      for _, play in ipairs(plays) do
        local rest = at_rest[name]
        local c = watched(rest and play or "plain", not play:find "^q/" and "" or nil)
        local value, err = calls[name](c, play:find "^q/" and play or rest and "fault/x" or "fault/" .. play)
        assert.is_nil(secrets.find(value), play)
        assert.is_nil(secrets.find(err), play .. ": " .. tostring(secrets.find(err)))
        assert.is_nil(secrets.find(c), play)
      end
    end)
  end

  it("in nothing of requests that were given up", function ()
    local c = watched()
    local _, err = c:subscribe("q/never", { input = {}, timeout = 0.1 })
    assert.equal("timeout", err.code)
    assert.is_nil(secrets.find(err))
    local task = fal.async(c.subscribe, c, "q/never", { input = {} })
    task:cancel()
    assert.is_nil(secrets.find { task:await() })
    assert.is_nil(secrets.find(c.journal:pending()))
  end)

  it("in nothing that the hooks were told, nor in the journal", function ()
    assert.is_true(#shown > 50, #shown)
    assert.is_nil(secrets.find(shown))
    assert.is_true(#server.read(dir .. "/journal") > 0)
    assert.is_nil(secrets.find_in_folder(dir))
  end)

  it("in no complaint about it, or about what was given with it", function ()
    local wrong = {
      { credentials = KEY .. "\n" }, { credentials = { KEY } }, { credentails = KEY },
      { base_url = "https://" .. KEY .. "@fal.run" }, { hosts = { run = "https://" .. KEY .. "@fal.run" } },
      { proxy_url = "https://" .. KEY .. "@me.example/proxy" }, { headers = { Authorization = KEY } },
      { headers = { ["X-Key"] = KEY .. "\r\nX-Evil: 1" } }, { user_agent = KEY .. "\r\nX-Evil: 1" },
    }
    for i, opt in ipairs(wrong) do
      local ok, err = pcall(fal.client, opt)
      if ok then ok, err = fal.client(opt) end
      assert.is_falsy(ok, "row " .. i)
      assert.is_nil(secrets.find(err), "row " .. i)
    end
    local c = client(nil, { http_proxy = "http://" .. KEY:gsub("%W", ":", 1) .. " @127.0.0.1:1", base_url = "https://a.invalid" })
    local _, err = c:run("a/b", { input = {}, timeout = 20 })
    assert.is_nil(secrets.find(err), tostring(err))
    assert.is_nil(secrets.find { c:download("https://me:" .. KEY .. "@127.0.0.1/x", dir .. "/x") })
    _, err = client(nil, { credentials = function () return nil, "no" end }):run("a/b", { input = {} })
    assert.is_nil(secrets.find(err))
  end)

  it("in nothing that falua prints", function ()
    local script = ([[
      local c = fal.client { base_url = %q, retry = false }
      print(c, c.queue, c.storage, fal.config)
      print(c:run("fault/echo-401", { input = {} }))
      print(select(2, c:subscribe("q/status-401", { input = {} })))
      fal.check(c:run("fault/echo-401", { input = {} }))
    ]]):format(server.url)
    local f = assert(io.open(dir .. "/script.lua", "w"))
    f:write(script)
    f:close()
    for _, command in ipairs { FALUA .. " " .. dir .. "/script.lua", "FALUA_TRACE=1 " .. FALUA .. " " .. dir .. "/script.lua" } do
      local out = child.sh("env FAL_KEY=" .. child.quoted(KEY) .. " sh -c " .. child.quoted(command))
      assert.truthy(out:find("401", 1, true), out)
      assert.is_nil(secrets.in_text(out), out)
    end
  end)

  it("in no memory image of a table: not in a client, a handle, a stream, a connection", function ()
    local c = client()
    local conn = assert(c.realtime.connect("fault/x", {}))
    local stream = assert(c:stream("fault/sse/plain", { input = {} }))
    local things = { c, c.queue, c.storage, c.realtime, conn, stream, assert(c.queue.submit("q/quick", { input = {} })),
                     fal.file(dir .. "/script.lua") }
    for i, thing in ipairs(things) do assert.is_nil(secrets.find(thing), "thing " .. i) end
    stream:close()
    conn:close()
  end)
end)


describe("what looks for keys", function ()
  it("finds each of their forms", function ()
    local secret = KEY:match ":(.*)$"
    local hex = secret:gsub(".", function (c) return ("%02x"):format(c:byte()) end)
    local urls = KEY:gsub(":", "%%3A")
    for _, text in ipairs { KEY, "x" .. secret .. "y", urls, hex } do assert.is_string(secrets.in_text(text)) end
    for pad = 0, 5 do
      local uri = assert(fal.data_uri(("x"):rep(pad) .. "Key " .. KEY .. " and more", "text/plain"))
      assert.is_string(secrets.in_text(uri), "offset " .. pad)
    end
    assert.is_nil(secrets.in_text("nothing of " .. KEY:sub(1, 20)))
    assert.equal("it.a.1", secrets.find { a = { secret } })
    assert.equal("it's metatable.__index.k", secrets.find(setmetatable({}, { __index = { k = KEY } })))
    assert.equal("tostring(it)", secrets.find(setmetatable({}, { __tostring = function () return KEY end })))
    assert.is_nil(secrets.find { 1, true, print, "no" })
  end)
end)
