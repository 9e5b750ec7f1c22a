-- Tenants of `falua serve --keys`: who may call, how much, and that nobody
-- comes at what is another's.

local fal = require "fal"
local serve = require "spec.support.serve"
local wsc = require "spec.support.wsc"

local DEV = "/fal-ai/flux/dev"
local SMALL = '{"prompt":"a kite","seed":7,"image_size":{"width":32,"height":32}}'
local INITIATE = "/rest/storage/upload/initiate"

local ANN, BOB = "Authorization: Key ann-id:ann-secret", "Authorization: Key bob-id:bob-secret"

local server, dir


local function run(command)
  local p = assert(io.popen(command))
  local out = p:read "*a"
  p:close()
  return (out:gsub("%s+$", ""))
end


local function write(name, text)
  local f = assert(io.open(dir .. "/" .. name, "w"))
  f:write(text)
  f:close()
  return dir .. "/" .. name
end


local function json(answer, status)
  assert.equal(status or 200, answer.status, answer.body)
  assert.equal("application/json", answer.headers["content-type"])
  return assert(fal.json.decode(answer.body))
end


local function call(who, path, body, at)
  return (at or server):post(path or DEV, body or SMALL, { headers = { who } })
end


local function start(keys, more)
  return serve.start("--keys " .. write("keys", keys) .. " " .. (more or ""))
end


-- Asks until 'f' is true, for 30 seconds at most.
local function eventually(what, f)
  local limit = os.time() + 30
  while not f() do assert(os.time() < limit, what) end
end


setup(function ()
  dir = run "mktemp -d"
  local keys = write("all", "# who may call\n\nann ann-id:ann-secret   # plain\nbob sha256:" ..
    fal.digest("sha256", "bob-id:bob-secret") .. "\nbob bob-id:another-secret\n")
  os.execute("chmod 600 " .. keys)
  server = serve.start("--verbose --keys " .. keys)
end)

teardown(function ()
  server:stop()
  os.execute("rm -rf " .. dir)
end)


describe("a call", function ()
  it("needs a key that is known", function ()
    for _, who in ipairs { "Authorization: Key ann-id:wrong", "Authorization: Key ann-id", "Authorization: Key ",
                           "Authorization: ann-id:ann-secret", "Authorization: Basic ann-id:ann-secret",
                           "Authorization: Key ann-id:ann-secretx", "Authorization: Key undefined",
                           "Authorization: Key falua:x", "X-Nothing: 1" } do
      local answer = call(who)
      assert.is_string(json(answer, 401).detail, who)
      assert.equal("*", answer.headers["access-control-allow-origin"])
    end
    for _, who in ipairs { ANN, BOB, "authorization: key ann-id:ann-secret", "Authorization: Bearer ann-id:ann-secret",
                           "Authorization: Key bob-id:another-secret" } do
      assert.equal(200, call(who).status, who)
    end
  end)

  it("needs it for each role", function ()
    for path, method in pairs {
      [DEV] = "POST", ["/queue" .. DEV] = "POST", ["/queue/fal-ai/flux/requests/x/status"] = "GET",
      [INITIATE] = "POST", ["/rest/storage/auth/token"] = "POST", ["/rest/tokens/"] = "POST", ["/metrics"] = "GET",
      ["/files/upload"] = "POST", ["/files/upload/multipart"] = "POST", [DEV .. "/stream"] = "POST",
      ["/v1/models/pricing"] = "GET", ["/queue/x/.well-known/requests/y"] = "GET", ["/x/.well-known/y"] = "POST",
    } do
      local answer = server:request(path, { method = method, body = method == "POST" and "{}" or nil })
      assert.equal(401, answer.status, path)
    end
    assert.equal(401, wsc.talk(server.url .. "/ws/x/.well-known/y", { { hold = true } })[1].refused)
    assert.equal(200, server:get("/rest/.well-known/jwks.json").status)
    assert.equal(200, server:get("/health").status)
    assert.equal(204, server:request(DEV, { method = "OPTIONS" }).status)
  end)

  it("through the proxy needs it too", function ()
    local target = "x-fal-target-url: https://fal.run" .. DEV
    local kind = "Content-Type: application/json"
    assert.equal(401, server:post("/api/fal/proxy", SMALL, { headers = { target, kind } }).status)
    assert.equal(200, server:post("/api/fal/proxy", SMALL, { headers = { target, kind, ANN } }).status)
  end)

  it("by a token is its owner's as long as the file has him", function ()
    local bob, data = "bob bob-id:bob-secret\n", "--data " .. dir .. "/gone"
    local other = start("ann ann-id:ann-secret\n" .. bob, data)
    local body = '{"allowed_apps":["flux"],"token_expiration":3600}'
    local token = json(call(BOB, "/rest/tokens/", body, other))
    local function status() return other:post(DEV .. "?fal_jwt_token=" .. token, SMALL).status end
    assert.equal(200, status())
    other:stop()
    other = start("ann ann-id:ann-secret\n", data)
    assert.equal(401, status())
    other:stop()
  end)

  it("on an open connection is refused when the file has him no more", function ()
    local bob = "bob bob-id:bob-secret\n"
    local other = start("ann ann-id:ann-secret\n" .. bob)
    local asked = ("curl -s -o /dev/null -w '%%{http_code}' -H 'Authorization: Key bob-id:bob-secret' -d '%s' %s%s")
      :format(SMALL, other.url, DEV)
    local gone = ([[sed -i.was /^bob/d %s/keys; while [ "$(%s)" != 401 ]; do sleep 0.1; done]]):format(dir, asked)
    local events = wsc.talk(other.url .. DEV .. "/realtime", { { send = SMALL }, { want = 2 }, { shell = gone },
      { send = SMALL }, { want = 1 }, { close = 1000 } }, "Key bob-id:bob-secret")
    assert.equal(1, #fal.json.decode(events[1].text).images)
    local no = fal.json.decode(events[3].text)
    assert.same({ "x-fal-error", "UNAUTHORIZED" }, { no.type, no.error })
    other:stop()
  end)

  it("may come with a token for the app instead", function ()
    local token = json(call(ANN, "/rest/tokens/", '{"allowed_apps":["flux"],"token_expiration":60}'))
    local function with(path, t) return server:post(path .. "?fal_jwt_token=" .. t, SMALL) end
    local image = json(with(DEV, token)).images[1]
    assert.equal(200, server:get(image.url, { headers = { ANN } }).status)
    assert.equal(404, server:get(image.url, { headers = { BOB } }).status)
    assert.equal(401, with(DEV, "x" .. token).status)
    assert.equal(401, with("/fal-ai/other/dev", token).status)
    assert.equal(401, with(INITIATE, token).status)
  end)
end)


describe("a queued request", function ()
  it("is its owner's alone", function ()
    local handle = json(call(ANN, "/queue" .. DEV))
    local function as(who, url, method) return server:request(url, { method = method, headers = { who } }).status end
    assert.equal(404, as(BOB, handle.status_url))
    assert.equal(404, as(BOB, handle.status_url .. "/stream"))
    assert.equal(404, as(BOB, handle.cancel_url, "PUT"))
    assert.equal(404, as(BOB, handle.response_url))
    eventually("it does not end", function () return as(ANN, handle.status_url) == 200 end)
    assert.equal(404, as(BOB, handle.response_url))
    assert.equal(401, as("X-No: key", handle.response_url))
    local answer = server:get(handle.response_url, { headers = { ANN } })
    local url = json(answer).images[1].url
    assert.equal(404, server:get(url, { headers = { BOB } }).status)
  end)
end)


describe("a file", function ()
  local function upload(who, cycle)
    local answer = server:post(INITIATE, '{"file_name":"a.txt"}', { headers = { who, cycle } })
    local addresses = json(answer)
    assert.equal(200, server:request(addresses.upload_url, { method = "PUT", body = "bytes" }).status)
    return addresses.file_url
  end

  it("is its owner's, and anybody's who knows where it is, but no other key's", function ()
    local urls = { upload(ANN), json(call(ANN)).images[1].url }
    for _, url in ipairs(urls) do
      assert.matches("/files/k" .. ("%x"):rep(31) .. "/%x+[/.]", url)
      assert.equal(200, server:get(url).status)
      assert.equal(200, server:get(url, { headers = { ANN } }).status)
      assert.equal(404, server:get(url, { headers = { BOB } }).status)
      assert.equal(401, server:get(url, { headers = { "Authorization: Key x:y" } }).status)
      assert.equal(404, server:get((url:gsub("/k%x+", ""))).status)
    end
  end)

  it("of the same bytes is not the same for another", function ()
    local ann, bob = json(call(ANN)).images[1].url, json(call(BOB)).images[1].url
    assert.equal(ann:match "[^/]+$", bob:match "[^/]+$")
    assert.not_equal(ann:match "/(k%x+)/", bob:match "/(k%x+)/")
  end)

  it("can be kept from all but its owner", function ()
    local url = upload(ANN, 'X-Fal-Object-Lifecycle: {"initial_acl":{"default":"forbid"}}')
    assert.equal(403, server:get(url).status)
    assert.equal(404, server:get(url, { headers = { BOB } }).status)
    assert.equal("bytes", server:get(url, { headers = { ANN } }).body)
  end)

  it("can be given to some by name", function ()
    local function rules(list) return 'X-Fal-Object-Lifecycle: {"initial_acl":' .. list .. "}" end
    local function status(url, who) return server:get(url, { headers = { who } }).status end
    local shared = upload(ANN, rules('{"default":"hide","rules":[{"user":"cat","decision":"forbid"},' ..
      '{"user":"bob","decision":"allow"},{"user":"no/tenant","decision":"allow"}]}'))
    assert.same({ 200, 200, 404 }, { status(shared, ANN), status(shared, BOB), status(shared) })
    assert.matches("private", server:get(shared, { headers = { BOB } }).headers["cache-control"])
    local kept = upload(ANN, rules '{"rules":[{"user":"bob","decision":"forbid"}]}')
    assert.same({ 200, 403, 200 }, { status(kept, ANN), status(kept, BOB), status(kept) })
    local hidden = upload(ANN, rules '{"default":"forbid","rules":[{"user":"bob","decision":"hide"}]}')
    assert.same({ 200, 404, 403 }, { status(hidden, ANN), status(hidden, BOB), status(hidden) })
    for _, bad in ipairs { '{"rules":{}}', '{"rules":[1]}', '{"rules":[{"user":"bob"}]}',
                           '{"rules":[{"user":"bob","decision":"maybe"}]}',
                           '{"rules":[' .. ('{"user":"somebody","decision":"allow"},'):rep(60):sub(1, -2) .. "]}" } do
      assert.equal(400, server:post(INITIATE, "{}", { headers = { ANN, rules(bad) } }).status, bad)
    end
  end)

  it("that is made can be kept from others, and given to some", function ()
    local function made(acl)
      local answer = server:post(DEV, SMALL, { headers = { ANN,
        'X-Fal-Object-Lifecycle-Preference: {"initial_acl":' .. acl .. "}" } })
      return json(answer).images[1].url
    end
    local url = made '{"default":"forbid","rules":[{"user":"bob","decision":"allow"}]}'
    assert.equal(403, server:get(url).status)
    local answer = server:get(url, { headers = { BOB } })
    assert.equal(200, answer.status)
    assert.equal("image/png", answer.headers["content-type"])
    -- and what another endpoint is given of it
    local edit = '{"prompt":"a","image_url":"%s","image_size":{"width":32,"height":32}}'
    local path = "/fal-ai/flux/dev/image-to-image"
    assert.equal(200, call(BOB, path, edit:format(url)).status)
    assert.equal(422, call(BOB, path, edit:format(made '{"default":"forbid"}')).status)
  end)

  it("comes by the CDN's token to who has it", function ()
    local token = json(call(ANN, "/rest/storage/auth/token", "{}"))
    local auth = token.token_type .. " " .. token.token
    local url = json(server:post("/files/upload", "bytes", { headers = { "Authorization: " .. auth } })).access_url
    assert.equal(200, server:get(url, { headers = { ANN } }).status)
    assert.equal(404, server:get(url, { headers = { BOB } }).status)
    assert.equal(401, call("Authorization: " .. auth).status)  -- it is for files alone
  end)
end)


describe("limits", function ()
  local function refused(answer, kind, again)
    assert.equal(kind, json(answer, 429).error_type)
    assert.equal(kind, answer.headers["x-fal-error-type"])
    assert.equal(again and "1" or "0", answer.headers["x-fal-needs-retry"])
    assert.equal(tostring(again), answer.headers["x-fal-retryable"])
    return assert(tonumber(answer.headers["retry-after"]))
  end

  it("of the rate count calls, not polls", function ()
    local other = start "ann ann-id:ann-secret rate=3/h\nbob bob-id:bob-secret"
    for _ = 1, 3 do assert.equal(200, call(ANN, nil, nil, other).status) end
    local after = refused(call(ANN, nil, nil, other), "rate_limited", true)
    assert.is_true(after > 1000 and after <= 1200)
    refused(call(ANN, INITIATE, "{}", other), "rate_limited", true)
    assert.equal(404, other:get("/queue/fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/status",
                                { headers = { ANN } }).status)
    assert.equal(200, call(BOB, nil, nil, other).status)
    other:stop()
  end)

  it("of pictures are those made today, over a restart", function ()
    local keys = "ann ann-id:ann-secret images=4/day\nbob bob-id:bob-secret images=1000/day"
    local data = "--data " .. dir .. "/quota"
    local two = '{"prompt":"a","num_images":2,"image_size":{"width":32,"height":32}}'
    local other = start(keys, data)
    assert.equal(422, call(ANN, nil, '{"num_images":3}', other).status)  -- makes none
    assert.equal(404, call(ANN, "/fal-ai/none", '{"num_images":3}', other).status)
    assert.equal(200, call(ANN, nil, two, other).status)
    assert.equal(200, call(ANN, nil, nil, other).status)
    assert.is_true(refused(call(ANN, nil, two, other), "quota_exceeded", false) <= 86400)
    other:stop()
    other = start(keys, data)
    refused(call(ANN, nil, two, other), "quota_exceeded", false)
    refused(call(ANN, nil, (two:gsub("2,", "2.0,", 1)), other), "quota_exceeded", false)
    assert.equal(200, call(ANN, nil, nil, other).status)
    refused(call(ANN, nil, nil, other), "quota_exceeded", false)
    assert.equal(200, call(BOB, nil, two, other).status)
    assert.equal(200, other:get("/health", { headers = { ANN } }).status)
    other:stop()
  end)

  it("of pictures hold for the inputs of a realtime connection", function ()
    local other = start "ann ann-id:ann-secret images=2/day\nbob bob-id:bob-secret"
    local steps = {}
    for _ = 1, 3 do
      steps[#steps + 1] = { send = SMALL }
      steps[#steps + 1] = { want = 2 }
    end
    steps[6] = { want = 1 }
    steps[7] = { close = 1000 }
    local events = wsc.talk(other.url .. DEV .. "/realtime", steps, "Key ann-id:ann-secret")
    for i = 1, 3, 2 do assert.equal(1, #fal.json.decode(events[i].text).images) end
    local no = fal.json.decode(events[5].text)
    assert.same({ "x-fal-error", "TOO_MANY_REQUESTS" }, { no.type, no.error })
    assert.matches("has had its pictures for today: try again in %d+ s", no.reason)
    refused(call(ANN, nil, nil, other), "quota_exceeded", false)
    events = wsc.talk(other.url .. DEV .. "/realtime", steps, "Key bob-id:bob-secret")
    assert.equal(1, #fal.json.decode(events[5].text).images)
    other:stop()
  end)

  it("hold for HTTP over WebSocket", function ()
    local other = start "ann ann-id:ann-secret images=3/day\nbob bob-id:bob-secret rate=3/h"
    local two = '{"prompt":"a","num_images":2,"image_size":{"width":32,"height":32}}'
    local function talk(key, ...)
      local steps = {}
      for _, body in ipairs { ... } do
        steps[#steps + 1] = { send = body }
        steps[#steps + 1] = { want = 3 }
      end
      steps[#steps + 1] = { close = 1000 }
      local starts, bodies = {}, {}
      for i, event in ipairs(wsc.talk(other.url .. "/ws" .. DEV, steps, "Key " .. key)) do
        if i % 3 == 0 then assert.is_true(fal.json.decode(event.text).time_to_first_byte_seconds < 60) end
        if i % 3 == 1 and event.text then starts[#starts + 1] = fal.json.decode(event.text) end
        if i % 3 == 2 and event.text then bodies[#bodies + 1] = fal.json.decode(event.text) end
      end
      return starts, bodies
    end
    local starts, bodies = talk("ann-id:ann-secret", two, "{}", two, SMALL, SMALL)
    local statuses = {}
    for i, s in ipairs(starts) do statuses[i] = s.status end
    assert.same({ 200, 422, 429, 200, 429 }, statuses)
    assert.equal("quota_exceeded", bodies[3].error_type)
    assert.equal("quota_exceeded", starts[5].headers["x-fal-error-type"])
    assert.equal("0", starts[5].headers["x-fal-needs-retry"])
    assert.is_true(tonumber(starts[5].headers["retry-after"]) <= 86400)
    assert.equal(429, talk("ann-id:ann-secret", SMALL)[1].status)
    starts, bodies = talk("bob-id:bob-secret", SMALL, SMALL, SMALL)  -- to connect is one, too
    assert.same({ 200, 200, 429 }, { starts[1].status, starts[2].status, starts[3].status })
    assert.equal("rate_limited", bodies[3].error_type)
    assert.equal("1", starts[3].headers["x-fal-needs-retry"])
    other:stop()
  end)

  it("of pictures let a submit that was accepted be sent again", function ()
    local other = start "ann ann-id:ann-secret images=1/day\nbob bob-id:bob-secret"
    local function submit(who, id)
      return other:post("/queue" .. DEV, SMALL, { headers = { who, id and "Idempotency-Key: " .. id } })
    end
    local mine, new = "01234567-89ab-4def-8123-456789abcdef", "01234567-89ab-4def-8123-456789abcdee"
    assert.equal(mine, json(submit(ANN, mine)).request_id)
    for _ = 1, 2 do assert.equal(mine, json(submit(ANN, mine)).request_id) end
    assert.is_true(refused(submit(ANN, new), "quota_exceeded", false) <= 86400)
    refused(submit(ANN, "no UUID"), "quota_exceeded", false)
    refused(submit(ANN), "quota_exceeded", false)
    assert.equal(409, submit(BOB, mine).status)
    assert.equal(new, json(submit(BOB, new)).request_id)
    other:stop()
  end)

  it("of pictures do not count questions", function ()
    local other = start "ann ann-id:ann-secret images=1/day"
    for _ = 1, 3 do
      local answer = other:get("/api/openapi/queue/openapi.json?endpoint_id=fal-ai/flux/dev", { headers = { ANN } })
      assert.equal(200, answer.status, answer.body)
      assert.equal(200, other:get("/api/v1/models?endpoint_id=fal-ai/flux/dev", { headers = { ANN } }).status)
    end
    assert.equal(200, call(ANN, nil, nil, other).status)
    other:stop()
  end)

  it("of pictures count what is queued, too", function ()
    local other = start "ann ann-id:ann-secret images=4/day"
    local function submit(body) return call(ANN, "/queue" .. DEV, body, other) end
    local two = '{"prompt":"a","num_images":2,"image_size":{"width":32,"height":32}}'
    local first = json(submit(two))
    local bad = json(submit '{"num_images":2}')   -- has no prompt: makes none
    for _, handle in ipairs { first, bad } do
      eventually("it does not end", function ()
        return other:get(handle.status_url, { headers = { ANN } }).status == 200
      end)
    end
    eventually("nothing is given back", function () return submit(two).status == 200 end)
    refused(submit(), "quota_exceeded", false)
    refused(call(ANN, nil, nil, other), "quota_exceeded", false)
    other:stop()
  end)

  describe("of pictures give back what was not made", function ()
    local other, apps
    local LIMIT = 20

    -- An endpoint that makes 'made' pictures, or fails, crashes or waits.
    -- 'app' is one more endpoint.
    local function start_making(more, app)
      apps = dir .. "/making"
      os.execute(("rm -rf %s %s/making-*; mkdir %s"):format(apps, dir, apps))
      if app then write("making/more.lua", app) end
      write("making/make.lua", ([[
        local fal = require "fal"
        local app = fal.app "local/make"
        app.input = { how = { type = "string", default = "make" }, made = { type = "integer", default = 0 },
                      num_images = { type = "integer", default = 1 } }
        function app.run(input, context)
          assert(io.open("%s/making-" .. input.how, "w")):close()
          if input.how == "die" then os.exit(1) end
          if input.how == "fail" then error "no" end
          while input.how == "wait" and not context.canceled() do fal.sleep(0.02) end
          local images = {}
          for i = 1, input.made do images[i] = { url = "data:," } end
          return { images = fal.array(images) }
        end
        return app]]):format(dir))
      other = start("ann ann-id:ann-secret images=" .. LIMIT .. "/day", "--apps " .. apps .. " " .. (more or ""))
    end

    local function input(how, asked, made)
      return ('{"how":"%s","num_images":%d,"made":%d}'):format(how, asked, made or 0)
    end

    local function make(...) return call(ANN, "/local/make", input(...), other) end

    local function submit(...) return json(call(ANN, "/queue/local/make", input(...), other)) end

    local function is_at(how)
      eventually("nothing is made", function ()
        local f = io.open(dir .. "/making-" .. how)
        return f and f:close()
      end)
    end

    local function cancel(handle)
      return other:request(handle.cancel_url, { method = "PUT", headers = { ANN } }).status
    end

    -- So many may be asked for and no more; a call that fails tells, for free.
    local function are_left(n)
      eventually(n .. " are not left", function () return make("fail", n).status == 500 end)
      assert.equal(429, make("fail", n + 1).status)
    end

    local function ends(handle)
      eventually("it does not end", function ()
        return other:get(handle.status_url, { headers = { ANN } }).status == 200
      end)
    end

    after_each(function () other:stop() end)

    it("by direct calls", function ()
      start_making()
      are_left(LIMIT)
      assert.equal(200, make("make", 5, 2).status)
      are_left(18)
      assert.equal(200, make("make", 1, 3).status)   -- more than it said
      are_left(15)
      assert.equal(503, make("die", 4).status)
      are_left(15)
      local p = io.popen(("echo $$; exec curl -s -H '%s' %s/local/make -d '%s'"):format(ANN, other.url,
        input("wait", 4)))
      local pid = p:read "*l"
      is_at "wait"
      os.execute("kill " .. pid)
      p:close()
      are_left(15)
    end)

    it("by queued calls, however they end", function ()
      start_making()
      ends(submit("make", 5, 2))
      are_left(18)
      ends(submit("fail", 6))
      are_left(18)
      local handle = json(other:post("/queue/local/make", input("die", 7), { headers = { ANN, "X-Fal-No-Retry: 1" } }))
      ends(handle)
      are_left(18)
      handle = submit("wait", 8)
      is_at "wait"
      assert.equal(202, cancel(handle))
      ends(handle)
      are_left(18)
    end)

    it("by those that are cancelled, or too late, before they begin", function ()
      start_making("--workers 1", ([[
        local fal = require "fal"
        local app = fal.app "local/only"
        app.input = {}
        app.limits = { concurrency = 1 }
        function app.run(_, context)
          assert(io.open("%s/making-only", "w")):close()
          while not context.canceled() do fal.sleep(0.02) end
          return { images = fal.array {} }
        end
        return app]]):format(dir))
      local function only(asked, header)
        return json(other:post("/queue/local/only", ('{"num_images":%d}'):format(asked), { headers = { ANN, header } }))
      end
      local first = only(1)
      is_at "only"
      local waits, late = only(6), only(7, "X-Fal-Request-Timeout: 1")
      assert.equal(429, make("fail", 7).status)
      ends(late)
      are_left(LIMIT - 7)
      assert.equal(200, cancel(waits))
      assert.equal(400, cancel(waits))
      are_left(LIMIT - 1)
      assert.equal(202, cancel(first))
      are_left(LIMIT)
    end)

    it("once, over a restart", function ()
      local data = "--data " .. dir .. "/quota-data"
      start_making(data)
      assert.equal(200, make("make", 2, 2).status)
      local handle = submit("wait", 8)
      is_at "wait"
      other:stop()   -- what it did is lost: it waits for the next start
      start_making(data)
      is_at "wait"
      are_left(LIMIT - 2 - 8)
      handle.status_url = handle.status_url:gsub("^http://[^/]+", other.url)
      handle.cancel_url = handle.cancel_url:gsub("^http://[^/]+", other.url)
      assert.equal(202, cancel(handle))
      ends(handle)
      are_left(LIMIT - 2)
      other:stop()
      start_making(data)
      are_left(LIMIT - 2)
    end)

    it("and take nothing for the filter's own call", function ()
      start_making("", [[
        local fal = require "fal"
        local app = fal.app "falua/filter"
        function app.run() return { allowed = true } end
        return app]])
      assert.equal(200, make("make", 5, 5).status)
      are_left(LIMIT - 5)
    end)
  end)

  describe("of what runs at once", function ()
    local other

    -- An endpoint that says when it begins and ends when it may, both by files.
    local function start_waiting(keys, more)
      local apps = dir .. "/apps"
      os.execute(("mkdir -p %s; rm -f %s/started-* %s/go-*"):format(apps, dir, dir))
      write("apps/wait.lua", ([[
        local fal = require "fal"
        local app = fal.app "local/wait"
        app.input = { name = { type = "string" } }
        app.limits = { concurrency = 8 }
        function app.run(input, context)
          local f = assert(io.open("%s/started-" .. input.name, "w"))
          f:close()
          while not io.open("%s/go-" .. input.name) do
            if context.canceled() then return nil, "canceled" end
            fal.sleep(0.02)
          end
          return { name = input.name }
        end
        local deaf = fal.app "local/deaf"   -- goes on when nobody listens
        function deaf.run(input, context)
          context.emit { begun = true }
          while not io.open("%s/go-" .. input.name) do fal.sleep(0.02) end
          return { name = input.name }
        end
        return { app, deaf }]]):format(dir, dir, dir))
      other = start(keys, "--apps " .. apps .. (more or ""))
    end

    local function input(name) return ('{"name":"%s"}'):format(name) end

    local function has_started(name)
      local f = io.open(dir .. "/started-" .. name)
      return f and f:close()
    end

    local function starts(name)
      eventually(name .. " does not start", function () return has_started(name) end)
    end

    local function go(name) write("go-" .. name, "") end

    local function direct(name)
      local p = io.popen(("curl -s -m 60 -H '%s' %s/local/wait -d '%s'"):format(ANN, other.url, input(name)))
      starts(name)
      return p
    end

    local function submit(who, name)
      local handle = json(call(who, "/queue/local/wait", input(name), other))
      handle.who = who
      return handle
    end

    local function status(handle)
      return fal.json.decode(other:get(handle.status_url, { headers = { handle.who } }).body)
    end

    local function ends(handle)
      eventually("it does not end", function () return status(handle).status == "COMPLETED" end)
    end

    local function waits(handle, position)
      local st = status(handle)
      assert.equal("IN_QUEUE", st.status)
      assert.equal(position, st.queue_position)
    end

    after_each(function ()
      other:stop()
    end)

    it("refuse direct calls", function ()
      start_waiting "ann ann-id:ann-secret concurrency=2\nbob bob-id:bob-secret"
      local one, two = direct "one", direct "two"
      refused(call(ANN, nil, nil, other), "concurrent_requests_limit", true)
      assert.equal(200, call(BOB, nil, nil, other).status)
      go "one"
      go "two"
      assert.matches("one", one:read "*a")
      assert.matches("two", two:read "*a")
      one:close()
      two:close()
      assert.equal(200, call(ANN, nil, nil, other).status)
    end)

    it("do not count callers who have left", function ()
      start_waiting "ann ann-id:ann-secret concurrency=8\nbob bob-id:bob-secret"
      assert.equal("left", run(("node spec/support/leave.mjs %s %s 'Key ann-id:ann-secret' '%s' 400")
        :format(other.url:match "%d+$", DEV, SMALL)))
      eventually("somebody stays", function ()
        local answer = other:get("/metrics", { headers = { ANN } })
        return answer.body:find("\nfalua_http_requests_active 1\n", 1, true)
      end)
      local all = {}
      for i = 1, 8 do all[i] = direct(tostring(i)) end
      refused(call(ANN, nil, nil, other), "concurrent_requests_limit", true)
      for i, p in ipairs(all) do
        go(i)
        assert.matches("name", p:read "*a")
        p:close()
      end
    end)

    it("count what goes on after its caller has hung up", function ()
      start_waiting "ann ann-id:ann-secret concurrency=1\nbob bob-id:bob-secret"
      assert.matches("begun", run(("curl -sN -m 1 -H '%s' %s/local/deaf/stream -d '%s'")
        :format(ANN, other.url, input "stream")))
      eventually("the caller stays", function ()
        local answer = other:get("/metrics", { headers = { ANN } })
        return answer.body:find("\nfalua_http_requests_active 1\n", 1, true)
      end)
      refused(call(ANN, nil, nil, other), "concurrent_requests_limit", true)
      go "stream"
      eventually("it goes on", function () return call(ANN, nil, nil, other).status == 200 end)
      local key = "Key ann-id:ann-secret"
      wsc.talk(other.url .. "/ws/local/deaf", { { send = input "socket" }, { want = 0 }, { close = 1000 } }, key)
      go "socket"
      eventually("it goes on", function () return call(ANN, nil, nil, other).status == 200 end)
    end)

    it("let what is queued wait, and others pass it by", function ()
      start_waiting "ann ann-id:ann-secret concurrency=1\nbob bob-id:bob-secret"
      local first, second, third = submit(ANN, "first"), submit(ANN, "second"), submit(ANN, "third")
      starts "first"
      local bobs = submit(BOB, "bobs")
      starts "bobs"
      waits(second, 0)
      waits(third, 1)
      assert.is_falsy(has_started "second")
      refused(call(ANN, nil, nil, other), "concurrent_requests_limit", true)
      go "first"
      ends(first)
      starts "second"
      waits(third, 0)
      assert.is_falsy(has_started "third")
      assert.equal(202, other:request(second.cancel_url, { method = "PUT", headers = { ANN } }).status)
      starts "third"
      ends(second)
      go "third"
      go "bobs"
      ends(third)
      ends(bobs)
    end)

    it("count direct calls and those that are queued together", function ()
      start_waiting "ann ann-id:ann-secret concurrency=2\nbob bob-id:bob-secret"
      local one = direct "one"
      local first, second = submit(ANN, "first"), submit(ANN, "second")
      starts "first"
      local bobs = submit(BOB, "bobs")
      starts "bobs"
      waits(second, 0)
      go "one"
      assert.matches("one", one:read "*a")
      one:close()
      starts "second"
      for _, name in ipairs { "first", "second", "bobs" } do go(name) end
      for _, handle in ipairs { first, second, bobs } do ends(handle) end
    end)

    it("are what the file says now", function ()
      start_waiting "ann ann-id:ann-secret concurrency=1\nbob bob-id:bob-secret"
      local first, second = submit(ANN, "first"), submit(ANN, "second")
      starts "first"
      waits(second, 0)
      write("keys", "ann ann-id:ann-secret concurrency=2\nbob bob-id:bob-secret")
      starts "second"
      go "first"
      go "second"
      ends(first)
      ends(second)
    end)

    it("hold after a restart", function ()
      local keys = "ann ann-id:ann-secret concurrency=1\nbob bob-id:bob-secret"
      local data = " --workers 8 --data " .. dir .. "/again"
      start_waiting(keys, data)
      local first, second = submit(ANN, "first"), submit(ANN, "second")
      starts "first"
      os.execute("kill -9 " .. other.pid)
      other:stop "wait"
      start_waiting(keys, data)
      starts "first"
      local port = other.url:match "%d+$"
      for _, handle in ipairs { first, second } do
        handle.status_url = handle.status_url:gsub("127.0.0.1:%d+", "127.0.0.1:" .. port)
      end
      local bobs = submit(BOB, "bobs")
      starts "bobs"
      waits(second, 0)
      assert.is_falsy(has_started "second")
      go "bobs"
      go "first"
      starts "second"
      go "second"
      ends(bobs)
      ends(first)
      ends(second)
    end)

    it("let many wait without holding up anybody", function ()
      start_waiting "ann ann-id:ann-secret concurrency=1\nbob bob-id:bob-secret"
      local first = submit(ANN, "first")
      starts "first"
      assert.equal("", run(("curl -s -f -H '%s' '%s/queue/local/wait?[1-300]' -d '%s' -o /dev/null")
        :format(ANN, other.url, input "many")))
      local last = submit(ANN, "last")
      waits(last, 300)
      local bobs = submit(BOB, "bobs")
      starts "bobs"
      assert.is_falsy(has_started "many")
      go "bobs"
      ends(bobs)
      go "many"
      go "first"
      starts "last"
      go "last"
      ends(last)
      ends(first)
    end)
  end)

  it("do not keep an endpoint from calling another for its caller", function ()
    local apps = dir .. "/router"
    os.execute("mkdir -p " .. apps)
    write("router/route.lua", [[
      local fal = require "fal"
      local app = fal.app "local/route"
      app.input = { prompt = { type = "string" } }
      function app.run(input, context)
        local result, err = context.run("fal-ai/flux/schnell", {
          input = { prompt = input.prompt, image_size = { width = 32, height = 32 } } })
        if not result then return nil, err end
        return result
      end
      return app]])
    local other = start("ann ann-id:ann-secret concurrency=1 images=2/day rate=2/h", "--apps " .. apps)
    local image = json(call(ANN, "/local/route", '{"prompt":"a"}', other)).images[1]
    assert.equal(200, other:get(image.url, { headers = { ANN } }).status)
    assert.equal(200, call(ANN, "/local/route", '{"prompt":"b"}', other).status)
    refused(call(ANN, "/local/route", '{"prompt":"c"}', other), "rate_limited", true)
    other:stop()
  end)

  it("do not keep an endpoint from waiting for what it queued for its caller", function ()
    local apps = dir .. "/queueing"
    os.execute("mkdir -p " .. apps)
    write("queueing/queue.lua", [[
      local fal = require "fal"
      local app = fal.app "local/queue"
      app.input = { prompt = { type = "string" } }
      function app.run(input, context)
        local result, err = context.client():subscribe("fal-ai/flux/schnell", {
          input = { prompt = input.prompt, num_images = 2, image_size = { width = 32, height = 32 } } })
        if not result then return nil, err end
        return { images = { result.images[1] } }
      end
      return app]])
    local other = start("ann ann-id:ann-secret concurrency=1 images=2/day", "--apps " .. apps)
    for _ = 1, 2 do assert.equal(200, call(ANN, "/local/queue", '{"prompt":"a"}', other).status) end
    refused(call(ANN, "/local/queue", '{"prompt":"a"}', other), "quota_exceeded", false)
    other:stop()
  end)
end)


describe("the file", function ()
  it("is read again when it changes, if it can be", function ()
    local path = write("changing", "ann ann-id:ann-secret")
    local other = serve.start("--keys " .. path)
    assert.equal(401, call(BOB, nil, nil, other).status)
    write("changing", "ann ann-id:ann-secret\nbob bob-id:bob-secret")
    eventually("the file is not read", function () return call(BOB, nil, nil, other).status == 200 end)
    write("changing", "bob bob-id:bob-secret rate=often")
    eventually("nothing is said", function () return other:log():find "is not taken" end)
    assert.equal(200, call(ANN, nil, nil, other).status)
    write("changing", "bob bob-id:bob-secret")
    eventually("the key stays", function () return call(ANN, nil, nil, other).status == 401 end)
    other:stop()
  end)

  for text, why in pairs {
    ["ann"] = "line 1 .*there is no key", ["ann ann-id"] = "there is no key", ["\n\nann :x"] = "line 3 .*no key",
    ["ann a:b rate=10"] = "no limit", ["ann a:b rate=0/s"] = "no limit", ["ann a:b size=3"] = "no limit",
    ["ann a:b images=5/h"] = "no limit", ["ann a:b concurrency=x"] = "no limit", ["an/n a:b"] = "no name",
    ["ann a:b\nbob a:b"] = "line 2 .*there already", ["ann a:b\nann c:d rate=1/s"] = "first line",
    ["ann sha256:12"] = "there is no key", ["# nobody"] = "has no keys", [("x"):rep(70) .. " a:b"] = "no name",
  } do
    it("with a mistake is refused: " .. text:gsub("\n", " / "):sub(1, 30), function ()
      local ok, err = pcall(start, text)
      assert.is_false(ok)
      assert.matches(why, err)
    end)
  end

  it("that is not there is said so", function ()
    local ok, err = pcall(serve.start, "--keys " .. dir .. "/nowhere")
    assert.is_false(ok)
    assert.matches("No such file", err)
  end)

  it("lets the server be reached from other machines", function ()
    local keys = write("keys", "ann ann-id:ann-secret")
    local p = assert(io.popen(("echo $$; exec %s serve --listen 0.0.0.0:0 --keys %s 2>/dev/null </dev/null")
      :format(serve.falua, keys)))
    local pid, line = p:read "*l", p:read "*l"
    os.execute("kill " .. pid)
    p:close()
    assert.matches("^listening on http://0%.0%.0%.0:%d+$", line)
  end)
end)


it("no key, and no part of one, is in the log", function ()
  call(ANN)
  call("Authorization: Key bob-id:wrong-secret")
  call(ANN, DEV .. "?fal_key=ann-secret")
  local log = server:log()
  assert.matches("flux/dev 200", log)
  for _, secret in ipairs { "ann%-secret", "bob%-secret", "another%-secret", "wrong%-secret", "ann%-id" } do
    assert.is_nil(log:find(secret), secret)
  end
end)
