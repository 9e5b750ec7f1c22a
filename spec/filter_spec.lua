-- The content filter of `falua serve`: a list of words, and an app that is
-- asked.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"
local wsc = require "spec.support.wsc"

local SCHNELL = "/fal-ai/flux/schnell"
local SMALL = { width = 64, height = 48 }

local WORDS = [[
# what is not drawn here
gore
Red Herring     # a phrase
çirkin
~swimsuit
]]

local APP = [[
local filter = fal.app "falua/filter"

function filter.run(input)
  local prompt = input.input.prompt or ""
  if prompt:find "explode" then error "the filter itself is broken" end
  return { allowed = not prompt:find "politician", reason = "No politicians here", flagged = prompt:find "beach" ~= nil }
end

return filter
]]


local function write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end


describe("the content filter", function ()
  local dir, local_fal

  setup(function ()
    dir = server.folder()
    write(dir .. "/words", WORDS)
    assert(child.sh("mkdir " .. dir .. "/apps"))
    write(dir .. "/apps/filter.lua", APP)
    local_fal = serve.start("--filter " .. dir .. "/words --apps " .. dir .. "/apps")
  end)

  teardown(function ()
    local_fal:stop()
    server.remove_folder(dir)
  end)

  local function post(prompt, path, more)
    local input = { prompt = prompt, image_size = SMALL, seed = 7 }
    for k, v in pairs(more or {}) do input[k] = v end
    local answer = local_fal:post(path or SCHNELL, fal.json.encode(input))
    return answer.status, fal.json.decode(answer.body), answer
  end

  local function refused(...)
    local status, body, answer = post(...)
    assert.equal(422, status)
    assert.equal("content_policy_violation", body.detail[1].type)
    assert.same({ "body", "prompt" }, body.detail[1].loc)
    assert.equal("0", answer.headers["x-fal-billable-units"])
    return body.detail[1].msg
  end

  it("refuses whole words of its list, in any case", function ()
    refused "a scene of GORE at dusk"
    refused "Gore"
    refused "a red herring, on ice"
    refused "ÇİRKİN çirkin ev"
    assert.equal(200, (post "Gorehill in the morning"))
    assert.equal(200, (post "a red kite and a herring"))
  end)

  it("stands before the queue and the streams too", function ()
    refused("gore", "/queue" .. SCHNELL)
    refused("gore", SCHNELL .. "/stream")
    assert.equal(200, (post("a kite", "/queue" .. SCHNELL)))
  end)

  it("blackens what is only flagged, and says so", function ()
    local status, body = post "a swimsuit on a chair"
    assert.equal(200, status)
    assert.same({ true }, body.has_nsfw_concepts)
    local bytes = local_fal:get(body.images[1].url).body
    local image = fal.check(fal.image.decode(bytes))
    assert.same({ 0, 0, 0, 255 }, { image:pixel(20, 20) })
    status, body = post("a swimsuit on a chair", SCHNELL, { enable_safety_checker = false })
    assert.equal(200, status)
    assert.same({ false }, body.has_nsfw_concepts)
    assert.same({ false }, select(2, post "a chair").has_nsfw_concepts)
  end)

  it("asks the app falua/filter, whose word counts", function ()
    assert.equal("No politicians here", refused "a politician with a kite")
    assert.equal("No politicians here", refused("a politician with a kite", "/queue" .. SCHNELL))
    assert.same({ true }, select(2, post "a day at the beach").has_nsfw_concepts)
    assert.equal(503, (post "explode"))
  end)

  it("listens to realtime connections", function ()
    local client = fal.client { base_url = local_fal.url, credentials = "a:b", retry = false }
    local conn = fal.check(client.realtime.connect("fal-ai/flux/schnell", { throttle_interval = 0 }))
    conn:send { prompt = "much gore", image_size = SMALL }
    local result, err = conn:recv(30)
    assert.is_nil(result)
    assert.matches("words that this server does not serve", tostring(err))
    conn:close()
  end)

  it("reads escapes in messages", function ()
    for _, path in ipairs { "/ws" .. SCHNELL, SCHNELL .. "/realtime" } do
      local said = wsc.talk(local_fal.url .. path, {
        { send = [[{"prompt":"\u00e7irkin, a kite","image_size":{"width":64,"height":48}}]] }, { want = 1 },
        { close = 1000 },
      }, "Key a:b")[1].text
      assert.truthy(said:find('"status":422', 1, true) or said:find("INVALID_INPUT", 1, true), said)
    end
  end)

  it("is counted", function ()
    assert.matches("falua_filtered_requests_total [1-9]", local_fal:get("/metrics").body)
  end)

  it("has to be there when it is asked for", function ()
    local out, code = child.sh(serve.falua .. " serve --listen 127.0.0.1:0 --filter " .. dir .. "/none")
    assert.equal(1, code)
    assert.matches(dir .. "/none", out, 1, true)
  end)
end)
