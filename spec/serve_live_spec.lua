-- `falua serve` over sockets and event streams: tokens, realtime, HTTP over
-- WebSocket, streams. Its counterparts are our own client and Node's `ws`.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local wsc = require "spec.support.wsc"
local wsd = require "spec.support.wsd"

local ID = "fal-ai/flux/schnell"
local SMALL = { width = 64, height = 48 }

local server, client

setup(function ()
  server = serve.start()
  client = fal.client { base_url = server.url, credentials = "a:b", retry = false }
end)

teardown(function () server:stop() end)


local function input(more)
  local all = { prompt = "a kite", image_size = SMALL, sync_mode = true, seed = 7 }
  for k, v in pairs(more or {}) do all[k] = v end
  return all
end


local function talk(path, steps, authorization)
  return wsc.talk(server.url .. path, steps, authorization)
end


describe("tokens", function ()
  local function token(body, path)
    return server:post(path or "/rest/tokens/", fal.json.encode(body))
  end

  it("are a bare string, or an object at the newer address", function ()
    local answer = token { allowed_apps = { "flux" }, token_expiration = 120 }
    assert.equal(200, answer.status)
    assert.matches("^\"[%w_%-]+%.%x+\"$", answer.body)
    answer = token({ allowed_apps = { "fal-ai/flux/schnell/realtime" }, duration = 60 }, "/rest/tokens/realtime")
    assert.is_string(fal.json.decode(answer.body).token)
    assert.equal(200, token({ app = "flux" }).status)
  end)

  it("need an app and a time to live", function ()
    for field, body in pairs {
      allowed_apps = { token_expiration = 120 }, token_expiration = { allowed_apps = { "flux" }, token_expiration = 0 },
    } do
      local answer = token(body)
      assert.equal(422, answer.status)
      assert.same({ "body", field }, fal.json.decode(answer.body).detail[1].loc)
    end
    assert.equal(422, token({ allowed_apps = { 7 } }).status)
    assert.equal(405, server:get("/rest/tokens/").status)
  end)

  it("open the app they are for, and no other", function ()
    local path = "/" .. ID .. "/realtime?fal_jwt_token="
    local function opens(t) return talk(path .. t, { { close = 1000 } })[1] end
    assert.equal(1000, opens(fal.json.decode(token({ allowed_apps = { "flux" } }).body)).closed)
    local other = opens(fal.json.decode(token({ allowed_apps = { "fast-sdxl" } }).body))
    assert.equal(401, other.refused)
    assert.matches("not for this app", other.body)
    assert.equal(401, opens("made.up.token").refused)
    local good = fal.json.decode(token({ allowed_apps = { "flux" } }).body)
    assert.equal(401, opens((good:gsub("%.(.)", function (c) return "." .. (c == "A" and "B" or "A") end, 1))).refused)
  end)
end)


describe("a realtime connection", function ()
  it("answers JSON in kind, then says how long it took", function ()
    local events = talk("/" .. ID .. "/realtime", {
      { send = fal.json.encode(input()) }, { want = 2 }, { close = fal.null },
    }, "Key a:b")
    local result = fal.json.decode(events[1].text)
    assert.equal(7, result.seed)
    assert.matches("^data:image/png;base64,", result.images[1].url)
    local timings = fal.json.decode(events[2].text)
    assert.equal("x-fal-message", timings.type)
    assert.equal("timings", timings.action)
    assert.is_number(timings.timing)
    assert.equal(1000, events[3].closed, "a close without a code is answered with 1000")
  end)

  it("tells what is wrong with an input and goes on", function ()
    local events = talk("/" .. ID .. "/realtime", {
      { send = fal.json.encode { prompt = "a", num_images = 99, seed = "x" } }, { want = 1 },
      { send = fal.json.encode(input()) }, { want = 1 }, { close = 1000 },
    })
    local err = fal.json.decode(events[1].text)
    assert.equal("x-fal-error", err.type)
    assert.equal("INVALID_INPUT", err.error)
    assert.matches("num_images: Input should be less than or equal to 4", err.reason, 1, true)
    assert.matches("seed: ", err.reason, 1, true)
    assert.equal(7, fal.json.decode(events[2].text).seed)
  end)

  it("is refused for what is not there, with a status", function ()
    assert.equal(404, talk("/acme/nothing/realtime", {})[1].refused)
    assert.equal(400, talk("/" .. ID .. "/realtime?max_buffering=61", {})[1].refused)
    local answer = server:get("/" .. ID .. "/realtime",
      { headers = { "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8" } })
    assert.equal(426, answer.status)
    assert.equal("13", answer.headers["sec-websocket-version"])
  end)

  it("serves our own client, in JSON", function ()
    local conn = fal.check(client.realtime.connect(ID, { throttle_interval = 0, encode = fal.json.encode }))
    for seed = 1, 5 do
      conn:send(input { seed = seed })
      assert.equal(seed, fal.check(conn:recv(30)).seed)
    end
    conn:close()
  end)

  it("is closed as going away when the server ends", function ()
    local mine = serve.start()
    local conn = fal.check(fal.client { base_url = mine.url, credentials = "a:b", retry = false }.realtime.connect(ID,
      { throttle_interval = 0, encode = fal.json.encode }))
    conn:send(input())
    assert.equal(7, fal.check(conn:recv(30)).seed)
    assert.equal(0, mine:stop())
    local _, err = conn:recv(30)
    assert.matches("1001", tostring(err))
    conn:close()
  end)
end)


describe("HTTP over WebSocket", function ()
  it("has one exchange after another", function ()
    local events = talk("/ws/" .. ID, {
      { send = fal.json.encode(input()) }, { want = 3 }, { send = "{}" }, { want = 3 }, { close = 1000 },
    }, "Key a:b")
    local start, finish = fal.json.decode(events[1].text), fal.json.decode(events[3].text)
    assert.equal("start", start.type)
    assert.equal(200, start.status)
    assert.equal("application/json", start.headers["content-type"])
    assert.equal("1", start.headers["x-fal-billable-units"])
    assert.equal(7, fal.json.decode(events[2].text).seed)
    assert.equal("end", finish.type)
    assert.equal(start.request_id, finish.request_id)
    assert.is_number(finish.time_to_first_byte_seconds)
    start = fal.json.decode(events[4].text)
    assert.equal(422, start.status)
    assert.equal("missing", fal.json.decode(events[5].text).detail[1].type)
    assert.not_equal(finish.request_id, start.request_id)
  end)

  it("takes text alone", function ()
    assert.equal(1003, talk("/ws/" .. ID, { { pack = { prompt = "a" } }, { hold = true } })[1].closed)
  end)
end)


describe("a stream", function ()
  it("ends with the result, in ASCII", function ()
    local answer = server:post("/" .. ID .. "/stream", fal.json.encode(input { prompt = "kırmızı uçurtma 🪁" }))
    assert.equal(200, answer.status)
    assert.matches("^text/event%-stream", answer.headers["content-type"])
    assert.matches("^data: {.*}\n\n$", answer.body)
    assert.is_nil(answer.body:find "[\128-\255]")
    local events = {}
    for line in answer.body:gmatch "data: ([^\n]+)\n\n" do events[#events + 1] = fal.json.decode(line) end
    assert.equal("kırmızı uçurtma 🪁", events[#events].prompt)
  end)

  it("is refused with a status before it begins", function ()
    local answer = server:post("/" .. ID .. "/stream", "{}")
    assert.equal(422, answer.status)
    assert.equal("application/json", answer.headers["content-type"])
    assert.equal(404, server:post("/acme/nothing/stream", "{}").status)
  end)

  it("serves our own client", function ()
    local stream = fal.check(client:stream(ID, { input = input() }))
    assert.equal(7, fal.check(stream:done()).seed)
  end)
end)


describe("a stream on which nothing comes", function ()
  local QUIET = [[
    local fal = require "fal"
    local app = fal.app "local/quiet"
    app.input = { gate = { type = "string" } }
    function app.run(input, context)
      context.emit { step = 1 }
      while not io.open(input.gate) do
        if context.canceled() then return nil, "canceled" end
        fal.sleep(0.01)
      end
      return { step = 2 }
    end
    return app]]
  local other, dir

  setup(function ()
    dir = child.sh("mktemp -d"):gsub("%s+$", "")
    local f = assert(io.open(dir .. "/quiet.lua", "w"))
    f:write(QUIET)
    f:close()
    other = serve.start("--keep-alive 1 --apps " .. dir)
  end)

  teardown(function ()
    other:stop()
    os.execute("rm -rf " .. dir)
  end)

  -- What 'command' prints; the endpoint goes on once there was a comment.
  local function listen(gate, command)
    local p = assert(io.popen("curl -sN --max-time 60 " .. command))
    local text, comments = {}, 0
    for line in p:lines() do
      text[#text + 1] = line
      if line == ": keep-alive" then
        comments = comments + 1
        assert(io.open(gate, "w")):close()
      end
    end
    p:close()
    assert.is_true(comments > 0)
    return table.concat(text, "\n")
  end

  it("gets comments between its events", function ()
    local gate = dir .. "/stream"
    local text = listen(gate, ("%s/local/quiet/stream -d '{\"gate\":\"%s\"}'"):format(other.url, gate))
    assert.matches('^data: {"step":1}\n\n: keep%-alive\n\n.*data: {"step":2}\n$', text)
  end)

  it("gets them as a status stream", function ()
    local gate = dir .. "/status"
    local answer = other:post("/queue/local/quiet", fal.json.encode { gate = gate })
    local text = listen(gate, fal.json.decode(answer.body).status_url .. "/stream")
    assert.matches('"IN_PROGRESS"[^\n]+\n\n: keep%-alive\n\n.*data: [^\n]+"COMPLETED"[^\n]+\n$', text)
  end)
end)


-- The specs above need node for their WebSockets.
local why = wsd.missing()
if why then error(why, 0) end
