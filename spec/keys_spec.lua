-- Tenants of `falua serve --keys`: who may call, how much, and that nobody
-- comes at what is another's.

local fal = require "fal"
local serve = require "spec.support.serve"

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
      ["/v1/models/pricing"] = "GET",
    } do
      local answer = server:request(path, { method = method, body = method == "POST" and "{}" or nil })
      assert.equal(401, answer.status, path)
    end
    assert.equal(200, server:get("/health").status)
    assert.equal(204, server:request(DEV, { method = "OPTIONS" }).status)
  end)

  it("through the proxy needs it too", function ()
    local target = "x-fal-target-url: https://fal.run" .. DEV
    local kind = "Content-Type: application/json"
    assert.equal(401, server:post("/api/fal/proxy", SMALL, { headers = { target, kind } }).status)
    assert.equal(200, server:post("/api/fal/proxy", SMALL, { headers = { target, kind, ANN } }).status)
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
    assert.equal(200, call(ANN, nil, nil, other).status)
    refused(call(ANN, nil, nil, other), "quota_exceeded", false)
    assert.equal(200, call(BOB, nil, two, other).status)
    assert.equal(200, other:get("/health", { headers = { ANN } }).status)
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

  it("of what runs at once are for direct calls", function ()
    local apps = dir .. "/apps"
    os.execute("mkdir -p " .. apps)
    write("apps/wait.lua", ([[
      local fal = require "fal"
      local app = fal.app "local/wait"
      app.input = { name = { type = "string" } }
      app.limits = { concurrency = 8 }
      function app.run(input)
        local f = assert(io.open("%s/started-" .. input.name, "w"))
        f:close()
        while not io.open("%s/go") do fal.sleep(0.02) end
        return { name = input.name }
      end
      return app]]):format(dir, dir))
    local other = start("ann ann-id:ann-secret concurrency=2\nbob bob-id:bob-secret", "--apps " .. apps)
    local function wait(name)
      local p = io.popen(("curl -s -m 60 -H '%s' %s/local/wait -d '{\"name\":\"%s\"}'"):format(ANN, other.url, name))
      eventually(name .. " does not start", function () return io.open(dir .. "/started-" .. name) end)
      return p
    end
    local one, two = wait "one", wait "two"
    refused(call(ANN, nil, nil, other), "concurrent_requests_limit", true)
    assert.equal(200, call(BOB, nil, nil, other).status)
    write("go", "")
    assert.matches("one", one:read "*a")
    assert.matches("two", two:read "*a")
    one:close()
    two:close()
    assert.equal(200, call(ANN, nil, nil, other).status)
    other:stop()
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
