-- `falua serve` as a server proxy: what it is asked for is in a header.

local fal = require "fal"
local serve = require "spec.support.serve"

local SMALL = '{"prompt":"a kite","image_size":{"width":32,"height":32}}'

local server

setup(function () server = serve.start "--verbose" end)
teardown(function () server:stop() end)


-- A request through the proxy, as the official clients send it.
local function via(target, options)
  options = options or {}
  local headers = { "x-fal-target-url: " .. target, "Content-Type: " .. (options.type or "application/json") }
  for _, line in ipairs(options.headers or {}) do headers[#headers + 1] = line end
  return server:request(options.path or "/api/fal/proxy", {
    method = options.method or "POST", body = options.body, headers = headers, curl = options.curl,
  })
end


local function json(answer, status)
  assert.equal(status or 200, answer.status, answer.body)
  assert.equal("application/json", answer.headers["content-type"])
  assert.equal("*", answer.headers["access-control-allow-origin"])
  return assert(fal.json.decode(answer.body))
end


describe("a proxied request", function ()
  it("is answered by the role of its host", function ()
    local image = json(via("https://fal.run/fal-ai/flux/schnell", { body = SMALL })).images[1]
    assert.matches("^" .. server.url .. "/files/", image.url)
    assert.equal(200, server:get(image.url).status)
    local answer = via("https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3", {
      body = '{"file_name":"a.png"}' })
    assert.matches("^" .. server.url .. "/files/upload/", json(answer).upload_url)
    assert.is_string(json(via("https://rest.alpha.fal.ai/storage/auth/token?storage_type=fal-cdn-v3", {
      body = "{}" })).token)
    assert.is_string(json(via("https://rest.fal.ai/tokens/", { body = '{"allowed_apps":["flux"]}' })))
    answer = via("https://v3.fal.media/files/upload", { body = "bytes", type = "text/plain" })
    assert.equal("bytes", via((json(answer).access_url:gsub("^http://[^/]+", "https://v3b.fal.media")),
                              { method = "GET" }).body)
  end)

  it("has errors as its host would have", function ()
    assert.is_table(json(via("https://fal.run/fal-ai/flux/schnell", { body = "{}" }), 422).detail)
    assert.is_string(json(via("https://fal.run/fal-ai/nothing", { body = "{}" }), 404).detail)
    assert.is_string(json(via("https://api.fal.ai/nothing", { method = "GET" }), 404).detail)
    assert.is_string(json(via("https://fal.run/fal-ai/flux/schnell", { method = "PUT" }), 405).detail)
  end)

  it("has the arguments of its target, unescaped", function ()
    local ids = {}
    for _, price in ipairs(json(via("https://api.fal.ai/v1/models/pricing?endpoint_id=fal-ai%2Fflux%2Fdev&" ..
      "endpoint_id=fal-ai/flux/schnell", { method = "GET" })).prices) do
      ids[price.endpoint_id] = true
    end
    assert.same({ ["fal-ai/flux/dev"] = true, ["fal-ai/flux/schnell"] = true }, ids)
  end)

  it("streams", function ()
    local answer = via("https://fal.run/fal-ai/flux/schnell/stream", { body = SMALL })
    assert.matches("^text/event%-stream", answer.headers["content-type"])
    assert.matches("data: .*images", answer.body)
  end)

  it("may mean this server by the name it has for its caller", function ()
    assert.equal(200, via(server.url .. "/fal-ai/flux/schnell", { body = SMALL }).status)
    assert.is_string(json(via(server.url .. "/rest/storage/upload/initiate", { body = "{}" })).file_url)
    assert.equal(200, via("http://localhost:1/fal-ai/flux/schnell", { body = SMALL }).status)
  end)

  it("builds addresses on the name its caller uses", function ()
    local answer = via("https://rest.fal.ai/storage/upload/initiate", {
      body = "{}", headers = { "Host: studio.example:99", "X-Forwarded-Proto: https" } })
    assert.matches("^https://studio%.example:99/files/", json(answer).file_url)
  end)

  it("is asked for by browsers first", function ()
    local answer = server:request("/api/fal/proxy", { method = "OPTIONS", headers = {
      "Origin: http://localhost:3000", "Access-Control-Request-Method: PUT",
      "Access-Control-Request-Headers: x-fal-target-url,content-type" } })
    assert.equal(204, answer.status)
    assert.equal("x-fal-target-url,content-type", answer.headers["access-control-allow-headers"])
    assert.matches("PUT", answer.headers["access-control-allow-methods"])
  end)
end)


describe("the proxy refuses", function ()
  it("what has no target", function ()
    assert.matches("x%-fal%-target%-url", json(server:post("/api/fal/proxy", "{}"), 400).detail)
  end)

  it("what is not one of fal's hosts", function ()
    for _, target in ipairs {
      "https://example.com/fal-ai/flux/dev", "https://evilfal.run/fal-ai/flux/dev", "https://fal.run.evil.com/x",
      "https://user@fal.run/x", "fal.run/fal-ai/flux/dev", "/fal-ai/flux/dev", "ftp://fal.run/x", "nonsense",
      "https://fal.run/%00", "https://fal.run/%zz", "https://" .. ("a"):rep(300) .. ".fal.run/x",
      "https://fal.run/a b", server.url .. "/api/fal/proxy",
    } do
      assert.is_string(json(via(target, { body = "{}" }), 412).detail, target)
    end
  end)

  it("a POST that is not JSON", function ()
    assert.is_string(json(via("https://fal.run/fal-ai/flux/dev", { body = "{}", type = "text/plain" }), 415).detail)
  end)
end)


it("the log tells the target's path and no query", function ()
  via("https://fal.run/fal-ai/nothing?fal_jwt_token=s3cret", { body = "{}" })
  local log = server:log()
  assert.matches("POST %(proxied%) /fal%-ai/nothing 404", log)
  assert.is_nil(log:find("s3cret", 1, true))
end)


it("our own client works through it", function ()
  local client = fal.client { credentials = "a:b", proxy_url = server.url .. "/api/fal/proxy" }
  local result = assert(client:run("fal-ai/flux/schnell", { input = fal.json.decode(SMALL) }))
  assert.equal(200, server:get(result.images[1].url).status)
  local url = assert(client.storage.upload("bytes", { file_name = "a.txt" }))
  assert.equal("bytes", server:get(url).body)
end)
