-- examples/apps, each called as its first lines say.

local fal = require "fal"
local serve = require "spec.support.serve"

local server, picture


local function call(id, input, other)
  local answer = (other or server):post("/" .. id, fal.json.encode(input))
  return answer.status, fal.json.decode(answer.body), answer
end


local function size_of(image)
  local info = assert(fal.image.info(server:get(image.url).body))
  return {info.width, info.height}
end


setup(function()
  server = serve.start("--workers 1 --apps examples/apps")
  picture = fal.image.new(64, 48, "#ffffff"):data_uri()
end)

teardown(function() server:stop() end)


describe("the example", function()
  it("poster", function()
    local _, result = call("local/poster", {title = "Regatta", seed = 4})
    assert.equal(4, result.seed)
    assert.same({1024, 768}, size_of(result.images[1]))
    assert.equal(422, (call("local/poster", {})))
  end)

  it("text to image", function()
    local input = {prompt = "evening by the sea", seed = 3, num_images = 2, image_size = {width = 96, height = 64}}
    local _, result, answer = call("local/text-to-image", input)
    assert.equal("2", answer.headers["x-fal-billable-units"])
    assert.same({96, 64}, size_of(result.images[2]))
    local _, again = call("local/text-to-image", input)
    assert.equal(result.images[1].url, again.images[1].url)
    assert.not_equal(result.images[1].url, result.images[2].url)
    input.num_images = 1
    local stream = server:post("/local/text-to-image/stream", fal.json.encode(input)).body
    local _, events = stream:gsub("data: ", "")
    assert.equal(4, events)
    assert.matches('"seed":3', stream)
  end)

  it("batch", function()
    local status, result, answer = call("local/batch", {
      model = "local/text-to-image", prompts = {"night", "dawn", "noon"}, seed = 1,
    })
    assert.equal(200, status, answer.body)
    assert.equal("3", answer.headers["x-fal-billable-units"])
    assert.equal("noon", result.results[3].prompt)
    for _, one in ipairs(result.results) do assert.same({768, 512}, size_of(one.images[1])) end
    local _, refused = call("local/batch", {prompts = {"", "a"}})
    assert.same({"body", "prompts", 0}, refused.detail[1].loc)
  end)

  it("image to image", function()
    local _, result = call("local/duotone", {image_url = picture})
    assert.same({64, 48}, size_of(result.image))
    local status, refused = call("local/duotone", {image_url = fal.image.new(8, 8):data_uri()})
    assert.same({422, "image_too_small"}, {status, refused.detail[1].type})
  end)

  it("router", function()
    local rows = {
      {{prompt = "a landscape"}, "local/text-to-image"},
      {{prompt = "a kite"}, "fal-ai/flux/schnell"},
      {{prompt = ("a kite "):rep(30)}, "fal-ai/flux/dev"},
      {{prompt = "a kite", quality = "good"}, "fal-ai/flux/dev"},
    }
    for _, row in ipairs(rows) do
      local status, result, answer = call("local/router", row[1])
      assert.equal(200, status, answer.body)
      assert.equal(row[2], result.model)
      assert.is_string(result.images[1].url)
    end
  end)

  it("external", function()
    local status, result, answer = call("local/charcoal", {image_url = picture})
    assert.equal(200, status, answer.body)
    assert.same({64, 48}, size_of(result.image))
    assert.equal(422, (call("local/charcoal", {image_url = "data:,no picture"})))
  end)

  it("generate", function()
    for _, input in ipairs {{x = 1}, {prompt = ""}, {prompt = 7}} do
      local status, result = call("generate", input)
      assert.same({400, {error = "Prompt missing"}}, {status, result})
    end
    local _, result = call("generate", {prompt = "a kite"})
    local image = fal.image.decode(require("fal.core").unbase64(result.image_base64))
    assert.same({512, 512}, {image.width, image.height})
  end)

  -- The server plays fal for another one, which has a key and its address.
  it("forward", function()
    local forwards = serve.start("--workers 1 --apps examples/apps",
                                 {FAL_KEY = "id:secret", FAL_BASE_URL = server.url})
    local status, result, answer = call("local/forward", {prompt = "a kite", seed = 5}, forwards)
    assert.equal(200, status, answer.body)
    assert.equal(5, result.seed)
    assert.equal("1", answer.headers["x-fal-billable-units"])
    assert.equal(server.url, result.images[1].url:match("^(.*)/files/"))
    assert.equal(422, (call("local/forward", {prompt = ""}, forwards)))
    forwards:stop()
    local keyless = serve.start("--workers 1 --apps examples/apps", {FAL_KEY = false, FAL_KEY_ID = false})
    status, result = call("local/forward", {prompt = "a kite"}, keyless)
    assert.same({500, "downstream_service_unavailable"}, {status, result.detail[1].type})
    assert.matches("set FAL_KEY", result.detail[1].msg)
    keyless:stop()
  end)
end)


describe("the list of models", function()
  local function get(path)
    local answer = server:get("/api/" .. path)
    return answer.status, fal.json.decode(answer.body)
  end

  -- The ids of all models, by pages of a size; and how many pages there were.
  local function ids_of(size)
    local ids, cursor, pages = {}, nil, 0
    repeat
      local _, page = get(("v1/models?limit=%d"):format(size) .. (cursor and "&cursor=" .. cursor or ""))
      for _, model in ipairs(page.models) do ids[#ids + 1] = model.endpoint_id end
      cursor = page.has_more and page.next_cursor
      pages = pages + 1
    until not cursor
    return ids, pages
  end

  it("has every endpoint, by pages", function()
    local all, some_pages = ids_of(50)
    local same, more_pages = ids_of(7)
    assert.same(all, same)
    assert.is_true(more_pages > some_pages)
    local seen = {}
    for _, id in ipairs(all) do seen[id] = true end
    for _, id in ipairs {"local/poster", "local/text-to-image", "fal-ai/flux/dev"} do assert.is_true(seen[id], id) end
    local _, some = get "v1/models?q=TEXT-to"
    assert.equal("local/text-to-image", some.models[1].endpoint_id)
    assert.equal("text-to-image", some.models[1].metadata.category)
  end)

  it("leaves out what there is not", function()
    local _, result = get "v1/models?endpoint_id=local/none&endpoint_id=generate"
    assert.equal(1, #result.models)
    assert.is_nil(result.models[1].openapi)
    assert.equal(404, (get "openapi/queue/openapi.json?endpoint_id=local/none"))
    assert.equal(400, (get "openapi/queue/openapi.json"))
  end)

  it("is what fal.models asks", function()
    local client = fal.client {base_url = server.url, credentials = "a:b"}
    local doc = assert(client.models.schema("local/text-to-image", {fresh = true}))
    local same = server:get("/api/openapi/queue/openapi.json?endpoint_id=local/text-to-image").body
    assert.equal(same, (fal.json.encode(doc, {sorted = true})))
    assert.equal("local/text-to-image", client.models.info("local/text-to-image").endpoint_id)
  end)

  it("has documents that describe the input", function()
    local _, doc = get "openapi/queue/openapi.json?endpoint_id=local/text-to-image"
    assert.equal("3.0.4", doc.openapi)
    assert.equal("local/text-to-image", doc.info["x-fal-metadata"].endpointId)
    assert.equal(server.url .. "/queue", doc.servers[1].url)
    for _, path in ipairs {"", "/requests/{request_id}", "/requests/{request_id}/status",
                           "/requests/{request_id}/cancel"} do
      assert.is_table(doc.paths["/local/text-to-image" .. path], path)
    end
    local ref = doc.paths["/local/text-to-image"].post.requestBody.content["application/json"].schema["$ref"]
    local input = doc.components.schemas[ref:match "[^/]*$"]
    assert.same({"prompt", "image_size", "num_images", "seed"}, input["x-fal-order-properties"])
    assert.same({"prompt"}, input.required)
    assert.same({type = "integer", title = "Num Images", minimum = 1, maximum = 4, default = 1},
                input.properties.num_images)
    assert.same({type = "integer", title = "Seed", nullable = true}, input.properties.seed)
    assert.equal(2048, input.properties.image_size.properties.width.maximum)
    assert.equal("array", doc.components.schemas.TextToImageOutput.properties.images.type)
    assert.same({"status", "request_id"}, doc.components.schemas.QueueStatus.required)
  end)
end)
