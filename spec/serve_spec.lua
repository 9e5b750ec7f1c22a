-- `falua serve` as its callers see it: run endpoints, their refusals, media.

local fal = require "fal"
local serve = require "spec.support.serve"

local DEV = "/fal-ai/flux/dev"
local SCHNELL = "/fal-ai/flux/schnell"
local UUID = "^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$"

local server

setup(function() server = serve.start() end)
teardown(function() server:stop() end)


local function json(answer)
  assert.equal("application/json", answer.headers["content-type"])
  return assert(fal.json.decode(answer.body))
end


-- Posts an input that is fine, small unless it says otherwise.
local function run(input, path)
  input.image_size = input.image_size or {width = 96, height = 64}
  local answer = server:post(path or DEV, fal.json.encode(input))
  assert.equal(200, answer.status, answer.body)
  return json(answer), answer
end


-- The flaws of a refused input by the last part of their place.
local function refused(body, path)
  local answer = server:post(path or DEV, body)
  assert.equal(422, answer.status, answer.body)
  assert.equal("0", answer.headers["x-fal-billable-units"])
  local by_name = {}
  for _, flaw in ipairs(json(answer).detail) do
    assert.is_string(flaw.msg)
    assert.equal("body", flaw.loc[1])
    by_name[flaw.loc[#flaw.loc]] = flaw
  end
  return by_name
end


local function size_of(image)
  local info = assert(fal.image.info(server:get(image.url).body))
  return info.width, info.height
end


describe("a run", function()
  it("answers as fal does", function()
    local result, answer = run {prompt = "a red kite", seed = 7}
    assert.equal("OK", answer.reason)
    assert.matches(UUID, answer.headers["x-fal-request-id"])
    assert.equal("1", answer.headers["x-fal-billable-units"])
    assert.equal("falua-preview", answer.headers["x-fal-served-from"])
    assert.equal("*", answer.headers["access-control-allow-origin"])
    assert.equal(7, result.seed)
    assert.equal("a red kite", result.prompt)
    assert.same({false}, result.has_nsfw_concepts)
    assert.is_true(result.timings.inference > 0)
    assert.equal(1, #result.images)
    local image = result.images[1]
    assert.equal("image/png", image.content_type)
    assert.equal(96, image.width)
    assert.equal(64, image.height)
    assert.matches("^" .. ("%x"):rep(32) .. "%.png$", image.file_name)
    assert.equal(server.url .. "/files/" .. image.file_name, image.url)
    local png = server:get(image.url).body
    assert.equal(image.file_size, #png)
    assert.equal(image.file_name:sub(1, 32),
                 fal.digest("sha256", png):sub(1, 32))
  end)

  it("paints every preset in its size, and landscape_4_3 by default", function()
    local presets = {
      square_hd = {1024, 1024}, square = {512, 512},
      portrait_4_3 = {768, 1024}, portrait_16_9 = {576, 1024},
      landscape_4_3 = {1024, 768}, landscape_16_9 = {1024, 576},
    }
    for name, size in pairs(presets) do
      local image = run({prompt = "a", image_size = name}, SCHNELL).images[1]
      assert.same(size, {image.width, image.height}, name)
      assert.same(size, {size_of(image)}, name)
    end
    local image = json(server:post(DEV, '{"prompt":"a"}')).images[1]
    assert.same({1024, 768}, {image.width, image.height})
  end)

  it("takes 512 for a side that is left out", function()
    local image = run({prompt = "a", image_size = {width = 40}}).images[1]
    assert.same({40, 512}, {size_of(image)})
  end)

  it("gives picture k of several the seed plus k", function()
    local several = run {prompt = "two kites", seed = 10, num_images = 3}
    assert.equal(3, #several.images)
    assert.same({false, false, false}, several.has_nsfw_concepts)
    assert.equal(10, several.seed)
    local third = run {prompt = "two kites", seed = 12}
    assert.equal(third.images[1].file_name, several.images[3].file_name)
    assert.not_equal(several.images[1].file_name, several.images[2].file_name)
  end)

  it("draws a seed when none is given, and tells it", function()
    local first = run {prompt = "a kite"}
    local second = run {prompt = "a kite", seed = fal.null}
    assert.not_equal(first.seed, second.seed)
    local again = run {prompt = "a kite", seed = first.seed}
    assert.equal(first.images[1].file_name, again.images[1].file_name)
  end)

  it("puts the picture into the answer with sync_mode", function()
    local image = run {prompt = "a kite", seed = 3}.images[1]
    local inline = run {prompt = "a kite", seed = 3, sync_mode = true}.images[1]
    assert.equal(image.file_name, inline.file_name)
    assert.equal("data:image/png;base64,", inline.url:sub(1, 22))
    local folder = server.dir .. "/inline.png"
    local p = assert(io.popen("base64 -d >" .. folder, "w"))
    p:write((inline.url:sub(23)))
    p:close()
    local f = assert(io.open(folder, "rb"))
    assert.equal(server:get(image.url).body, f:read("*a"))
    f:close()
  end)

  it("says in the file what it is", function()
    local image = run {prompt = "çiçek", seed = 5}.images[1]
    local text = fal.image.info(server:get(image.url).body).text
    assert.equal("çiçek", text.prompt)
    assert.equal("5", text.seed)
    assert.equal("fal-ai/flux/dev", text.model)
    assert.matches("^falua ", text.Software)
    assert.matches("not made by a diffusion model", text.Comment)
  end)

  it("ignores members it does not know and reads numbers in strings", function()
    local result = run {prompt = "a", seed = "12", strange = {1, 2}}
    assert.equal(12, result.seed)
  end)

  it("bills each picture by the megapixel, rounded up", function()
    local _, answer = run {prompt = "a", num_images = 2,
                           image_size = {width = 1200, height = 1000}}
    assert.equal("4", answer.headers["x-fal-billable-units"])
    _, answer = run {prompt = "a", image_size = "square_hd"}
    assert.equal("1", answer.headers["x-fal-billable-units"])
  end)

  it("builds URLs on the name it was called by, if that is one", function()
    local function url_for(...)
      local body = '{"prompt":"a","image_size":{"width":16,"height":16}}'
      local answer = server:post(DEV, body, {headers = {...}})
      return json(answer).images[1].url
    end
    assert.matches("^http://fal%.run/files/", url_for("Host: fal.run"))
    assert.matches("^https://fal%.run/files/",
                   url_for("Host: fal.run", "X-Forwarded-Proto: https"))
    assert.matches("^http://localhost:99/files/", url_for("Host: localhost:99"))
    for _, bad in ipairs {"a/b", "a@b", "a b", "[::1", "x:1:2", "a?b"} do
      assert.equal(server.url,
                   url_for("Host: " .. bad):match("^(.*)/files/"), bad)
    end
  end)
end)


describe("the same prompt, seed and size", function()
  it("give the same bytes, also from another server", function()
    local input = {prompt = "harbour at dawn", seed = 77,
                   image_size = {width = 200, height = 120}}
    local here = run(input).images[1]
    assert.equal(here.file_name, run(input).images[1].file_name)
    local bytes = server:get(here.url).body
    local other = serve.start("--workers 1")
    local answer = json(other:post(DEV, fal.json.encode(input)))
    assert.equal(here.file_name, answer.images[1].file_name)
    assert.is_true(bytes == other:get(answer.images[1].url).body)
    assert.equal(0, other:stop())
  end)
end)


describe("a refused input", function()
  it("names everything that is wrong with it at once", function()
    local flaws = refused [[{"num_images": 9, "seed": "x",
      "image_size": "big", "num_inference_steps": 0, "sync_mode": 7,
      "acceleration": "warp", "guidance_scale": "much"}]]
    assert.equal("missing", flaws.prompt.type)
    assert.equal("Field required", flaws.prompt.msg)
    assert.equal(9, flaws.prompt.input.num_images)
    assert.equal("less_than_equal", flaws.num_images.type)
    assert.same({le = 4}, flaws.num_images.ctx)
    assert.equal(9, flaws.num_images.input)
    assert.equal("int_parsing", flaws.seed.type)
    assert.equal("literal_error", flaws.image_size.type)
    assert.equal("greater_than_equal", flaws.num_inference_steps.type)
    assert.same({ge = 1}, flaws.num_inference_steps.ctx)
    assert.equal("Input should be greater than or equal to 1",
                 flaws.num_inference_steps.msg)
    assert.equal("bool_parsing", flaws.sync_mode.type)
    assert.equal("Input should be 'none', 'regular' or 'high'",
                 flaws.acceleration.msg)
    assert.equal("float_parsing", flaws.guidance_scale.type)
  end)

  it("has the type that fits", function()
    local rows = {
      {'{"prompt": 3}', "prompt", "string_type"},
      {'{"prompt": null}', "prompt", "string_type"},
      {'{"prompt": "a", "seed": 1.5}', "seed", "int_from_float"},
      {'{"prompt": "a", "seed": []}', "seed", "int_type"},
      {'{"prompt": "a", "seed": 1e30}', "seed", "int_parsing_size"},
      {'{"prompt": "a", "num_images": 0}', "num_images", "greater_than_equal"},
      {'{"prompt": "a", "num_images": null}', "num_images", "int_type"},
      {'{"prompt": "a", "sync_mode": {}}', "sync_mode", "bool_type"},
      {'{"prompt": "a", "image_size": 3}', "image_size", "string_type"},
      {'{"prompt": "a", "image_size": {"width": 0}}', "width", "greater_than"},
      {'{"prompt": "a", "image_size": {"height": 14143}}', "height",
       "less_than_equal"},
      {'{"prompt": "a", "image_size": {"width": 15}}', "image_size",
       "image_too_small"},
      {'{"prompt": "a", "image_size": {"width": 9000, "height": 9000}}',
       "image_size", "image_too_large"},
      {'{"prompt": "a", "num_inference_steps": 51}', "num_inference_steps",
       "less_than_equal"},
      {'[]', "body", "model_attributes_type"},
      {'"text"', "body", "model_attributes_type"},
      {'null', "body", "model_attributes_type"},
      {'', "body", "missing"},
    }
    for _, row in ipairs(rows) do
      local flaw = refused(row[1])[row[2]]
      assert.equal(row[3], flaw and flaw.type, row[1])
    end
  end)

  it("says which formats there are when asked for another", function()
    local flaw = refused('{"prompt":"a","output_format":"webp"}').output_format
    assert.equal("one_of", flaw.type)
    assert.same({"png", "jpeg"}, flaw.ctx.expected)
    assert.matches("PNG and JPEG", flaw.msg)
  end)

  it("allows schnell 12 steps", function()
    local flaws = refused('{"prompt":"a","num_inference_steps":13}', SCHNELL)
    assert.same({le = 12}, flaws.num_inference_steps.ctx)
  end)

  it("points at the place where JSON ends", function()
    local flaws = refused('{"prompt": nope}')
    assert.equal("json_invalid", flaws[11].type)
    assert.is_string(flaws[11].ctx.error)
  end)

  it("does not send long texts back", function()
    local long = ("é"):rep(5000)
    local flaw = refused('{"num_images":"' .. long .. '"}').num_images
    assert.is_true(#flaw.input < 600)
  end)
end)


describe("an address", function()
  it("that is no endpoint is a 404 that names those there are", function()
    local answer = server:post("/fal-ai/nothing", "{}")
    assert.equal(404, answer.status)
    assert.equal("Not Found", answer.reason)
    assert.matches(UUID, answer.headers["x-fal-request-id"])
    assert.matches("fal%-ai/flux/dev", json(answer).detail)
    for _, path in ipairs {"/", "//", "/%00", "/%ff%fe", "/favicon.ico"} do
      assert.is_string(json(server:get(path)).detail, path)
    end
  end)

  it("of an endpoint takes POST only", function()
    local answer = server:get(DEV)
    assert.equal(405, answer.status)
    assert.matches("POST", answer.headers.allow)
    assert.equal("Method Not Allowed", json(answer).detail)
  end)

  it("may end in a slash", function()
    local answer = server:post(DEV .. "/", "{}")
    assert.equal(422, answer.status)
  end)

  it("of health says so, also to HEAD", function()
    local answer = server:get("/health")
    assert.equal(200, answer.status)
    assert.is_string(json(answer).version)
    assert.equal(200, server:request("/health", {method = "HEAD"}).status)
  end)

  it("of a role that is not served is a 404", function()
    for _, path in ipairs {"/rest/storage/upload"} do
      local answer = server:post(path, "{}")
      assert.equal(404, answer.status, path)
      assert.matches("not served", json(answer).detail, path)
    end
  end)

  it("plays the role of the host it is called by", function()
    local function status(host, path)
      return server:post(path or DEV, "{}", {headers = {"Host: " .. host}})
             .status
    end
    assert.equal(422, status "fal.run")
    assert.equal(422, status "FAL.RUN:443")
    assert.equal(422, status "[::1]:8787")
    assert.equal(200, status "queue.fal.run")
    assert.equal(200, status "Queue.example:80")
    assert.equal(404, status "rest.fal.ai")
    assert.equal(426, status "ws.fal.run")
    assert.equal(404, status "v3.fal.media")
    assert.equal(404, status "b.fal.media")
  end)

  it("can be asked for from a browser", function()
    local answer = server:request(DEV, {method = "OPTIONS", headers = {
      "Origin: http://localhost:3000", "Access-Control-Request-Method: POST",
      "Access-Control-Request-Headers: authorization,x-fal-anything"}})
    assert.equal(204, answer.status)
    assert.equal("*", answer.headers["access-control-allow-origin"])
    assert.equal("authorization,x-fal-anything",
                 answer.headers["access-control-allow-headers"])
    assert.matches("POST", answer.headers["access-control-allow-methods"])
    assert.matches("x%-fal%-request%-id",
                   answer.headers["access-control-expose-headers"])
  end)
end)


describe("a body", function()
  local function post_large(curl)
    return server:post(DEV, (" "):rep(33 * 1024 * 1024), {curl = curl})
  end

  it("that is too large is a 413, however it comes", function()
    for _, curl in ipairs {"", "-H 'Expect:'",
                           "-H 'Transfer-Encoding: chunked'"} do
      local answer = post_large(curl)
      assert.equal(413, answer.status, curl)
      assert.matches("larger than", json(answer).detail)
    end
  end)

  it("may be large", function()
    local answer = server:post(DEV, (" "):rep(8 * 1024 * 1024) .. "{}")
    assert.equal(422, answer.status)
  end)
end)


describe("a file", function()
  local url, png

  setup(function()
    local image = run {prompt = "a file", seed = 1}.images[1]
    url, png = image.url, server:get(image.url).body
  end)

  local function get(headers, method)
    return server:request(url, {headers = headers, method = method})
  end

  it("comes with its type, its tag, and leave to keep it", function()
    local answer = get()
    assert.equal(200, answer.status)
    assert.equal("image/png", answer.headers["content-type"])
    assert.equal(tostring(#png), answer.headers["content-length"])
    assert.equal('"' .. url:match("(%x+)%.png$") .. '"', answer.headers.etag)
    assert.matches("immutable", answer.headers["cache-control"])
    assert.equal("bytes", answer.headers["accept-ranges"])
  end)

  it("is described by HEAD", function()
    local answer = get(nil, "HEAD")
    assert.equal(200, answer.status)
    assert.equal(tostring(#png), answer.headers["content-length"])
    assert.equal("image/png", answer.headers["content-type"])
  end)

  it("comes in part", function()
    local n = #png
    local rows = {
      {"bytes=0-7", 1, 8}, {"bytes=8-8", 9, 9},
      {"bytes=10-", 11, n}, {"bytes=-5", n - 4, n},
      {"bytes=3-99999999", 4, n}, {"bytes=-99999999", 1, n},
    }
    for _, row in ipairs(rows) do
      local answer = get {"Range: " .. row[1]}
      assert.equal(206, answer.status, row[1])
      assert.is_true(png:sub(row[2], row[3]) == answer.body, row[1])
      assert.equal(("bytes %d-%d/%d"):format(row[2] - 1, row[3] - 1, n),
                   answer.headers["content-range"])
    end
  end)

  it("comes whole when the range is none, or of another file", function()
    for _, range in ipairs {"bytes=a-b", "bytes=5-2", "bytes=0-1,4-5",
                            "items=0-1", "bytes=-", "bytes="} do
      assert.equal(200, get({"Range: " .. range}).status, range)
    end
    assert.equal(200, get({"Range: bytes=0-1", 'If-Range: "x"'}).status)
  end)

  it("has no bytes past its end", function()
    for _, range in ipairs {"bytes=99999999-", "bytes=-0"} do
      local answer = get {"Range: " .. range}
      assert.equal(416, answer.status, range)
      assert.equal("bytes */" .. #png, answer.headers["content-range"])
    end
  end)

  it("is not sent again to who has it", function()
    local tag = get().headers.etag
    assert.equal(304, get({"If-None-Match: " .. tag}).status)
  end)

  it("is found at the name of the media host too", function()
    local answer = server:get(url, {headers = {"Host: v3.fal.media"}})
    assert.is_true(answer.body == png)
  end)

  it("cannot be written", function()
    assert.equal(405, server:post(url, "x").status)
  end)

  it("is never one outside its folder", function()
    local name = url:match("[^/]+$")
    for _, path in ipairs {
      "../../etc/passwd", "..%2f..%2fetc%2fpasswd", ".", "", "%2e%2e/x",
      name:upper(), name .. "/", name .. "%00", "./" .. name, name:sub(2),
      ("0"):rep(32) .. ".png", ("0"):rep(32) .. "./../x",
    } do
      local answer = server:get("/files/" .. path)
      if path ~= name .. "%00" then  -- the NUL ends it: the name as such
        assert.equal(404, answer.status, path)
        assert.is_string(json(answer).detail, path)
      end
    end
  end)
end)


describe("the server", function()
  it("outlives an input that takes all of a worker's memory", function()
    local other = serve.start("--workers 1")
    local nested = '{"prompt":[' .. ("[],"):rep(6000000) .. "[]]}"
    local answer = other:post(DEV, nested)
    assert.equal(500, answer.status)
    assert.same({detail = "Internal Server Error",
                 error_type = "runner_server_error"}, json(answer))
    assert.equal("runner_server_error", answer.headers["x-fal-error-type"])
    assert.equal(422, other:post(DEV, "{}").status)
    assert.matches("not enough memory", other:log())
    assert.equal(0, other:stop())
  end)

  it("does not start what its caller wanted to start before", function()
    for _, name in ipairs {"X-Fal-Request-Start-Timeout",
                           "X-Fal-Request-Timeout"} do
      local answer = server:post(DEV, "{}", {headers = {name .. ": 1e-9"}})
      assert.equal(504, answer.status)
      assert.equal("user", answer.headers["x-fal-request-timeout-type"])
      assert.equal("request_timeout", json(answer).error_type)
      assert.equal(422, server:post(DEV, "{}",
                                    {headers = {name .. ": 30.0"}}).status)
    end
  end)

  it("stops painting for a caller who has left", function()
    local other = serve.start("--workers 1 --verbose")
    other:post(DEV, '{"prompt":"left","num_images":4,"image_size":' ..
               '{"width":4096,"height":4096}}', {curl = "-m 1"})
    assert.equal(422, other:post(DEV, "{}").status)
    assert.equal(0, other:stop())
    assert.matches("flux/dev 499 [%d.]+ms", other.err)
  end)

  it("logs each request without its key or its query", function()
    local other = serve.start("--workers 1 --verbose")
    local answer = other:post(DEV .. "?fal_jwt_token=s3cret", "{}",
                              {headers = {"Authorization: Key s3:cret"}})
    other:stop()
    local log = other.err
    local id = answer.headers["x-fal-request-id"]:gsub("%-", "%%-")
    assert.matches(id .. " POST /fal%-ai/flux/dev 422 [%d.]+ms", log)
    assert.is_nil(log:find("cret", 1, true))
  end)

  it("keeps files in --data, over a restart", function()
    local dir = server.dir .. "/data/deep"
    local first = serve.start("--data " .. dir)
    local image = json(first:post(DEV, '{"prompt":"kept","image_size":' ..
                                  '{"width":32,"height":32}}')).images[1]
    local png = first:get(image.url).body
    assert.equal(0, first:stop())
    local second = serve.start("--data " .. dir)
    assert.is_true(png == second:get("/files/" .. image.file_name).body)
    assert.equal(0, second:stop())
  end)

  -- curl tells when the server has the headers ("100 Continue"); the body
  -- comes after the server was told to end.
  it("lets a request finish when it is told to end", function()
    local other = serve.start("--workers 1")
    local p = assert(io.popen(([[
      cd %s && mkfifo body trace && exec 4<>body
      curl -s -v -X POST -T body -H 'Expect: 100-continue' \
        --expect100-timeout 30 -w '%%{http_code}' -o /dev/null %s \
        2>trace 4>&- &
      { grep -q -m1 '100 Continue'
        kill %s
        printf '{"prompt":"late","image_size":"square"}' >&4
        exec 4>&-
        cat >/dev/null
      } <trace
      wait]]):format(other.dir, other.url .. DEV, other.pid)))
    assert.equal("200", p:read("*a"))
    p:close()
    assert.equal(0, other:stop("wait"))
  end)

  it("says what is wrong with an address", function()
    local function why(at)
      local p = assert(io.popen(serve.falua .. " serve --listen " .. at ..
                                " 2>&1 </dev/null; echo $?"))
      local out = p:read("*a")
      p:close()
      assert.not_matches("\n0\n$", "\n" .. out)
      return out
    end
    assert.matches("in use", why((server.url:gsub("^http://", ""))))
    assert.matches("no address to listen on", why("nonsense"))
    assert.matches("no address to listen on", why("127.0.0.1:99999"))
    assert.matches("other machines", why("0.0.0.0:0"))
  end)
end)
