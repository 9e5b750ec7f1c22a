-- `falua serve --chaos`: the platform's known failures, by dice that fall the
-- same way each time.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"

local ID = "fal-ai/flux/schnell"
local INPUT = { prompt = "a kite", image_size = { width = 64, height = 48 }, seed = 7 }
local BODY = fal.json.encode(INPUT)


local function with(plan, f)
  local server = serve.start("--chaos " .. plan)
  local ok, err = pcall(f, server)
  server:stop()
  if not ok then error(err, 0) end
  return server
end


-- Statuses of n calls, as text.
local function statuses(plan, n)
  local list = {}
  with(plan, function (server)
    for i = 1, n do list[i] = server:post("/" .. ID, BODY).status end
  end)
  return table.concat(list, " ")
end


describe("chaos", function ()
  it("falls the same way for the same seed, another for another", function ()
    local plan = "429=0.2,502=0.2,504=0.2,seed="
    local first = statuses(plan .. 1, 24)
    assert.equal(first, statuses(plan .. 1, 24))
    assert.not_equal(first, statuses(plan .. 2, 24))
    for _, status in ipairs { 200, 429, 502, 504 } do assert.matches(tostring(status), first) end
  end)

  it("has each trouble look as the platform's", function ()
    with("429=1", function (server)
      local answer = server:post("/" .. ID, BODY)
      assert.equal(429, answer.status)
      assert.equal("1", answer.headers["retry-after"])
      assert.equal("concurrent_requests_limit", answer.headers["x-fal-error-type"])
      assert.equal(200, server:get("/health").status)
    end)
    with("502=1", function (server)
      local answer = server:post("/" .. ID, BODY)
      assert.equal(502, answer.status)
      assert.equal("text/html", answer.headers["content-type"])
      assert.is_nil(answer.headers["x-fal-request-id"])
      assert.matches("nginx", answer.body)
    end)
    with("504=1", function (server)
      local answer = server:post("/" .. ID, BODY)
      assert.equal(504, answer.status)
      assert.equal("user", answer.headers["x-fal-request-timeout-type"])
    end)
    with("type=1", function (server)
      local answer = server:post("/" .. ID, BODY)
      assert.equal(200, answer.status)
      assert.equal("text/html", answer.headers["content-type"])
      assert.equal(7, fal.json.decode(answer.body).seed)
    end)
  end)

  it("cuts streams off behind their first event", function ()
    with("cut=1", function (server)
      local client = fal.client { base_url = server.url, credentials = "a:b", retry = false }
      local result, err = fal.check(client:stream(ID, { input = INPUT })):done()
      assert.is_nil(result)
      assert.equal("network", err.code)
    end)
  end)

  it("answers late, and rightly, when it is slow", function ()
    with("slow=1,delay=0.05", function (server)
      assert.equal(200, server:post("/" .. ID, BODY).status)
    end)
  end)

  it("is what a careful client gets through", function ()
    local server = with("429=0.2,502=0.2,slow=0.2,delay=0.01,seed=3", function (s)
      local client = fal.client { base_url = s.url, credentials = "a:b",
                                  retry = { max = 12, base_delay = 0.01, max_delay = 0.02 } }
      local attempts = 0
      for seed = 1, 6 do
        INPUT.seed = seed
        local result, meta = client:run(ID, { input = INPUT })
        assert.equal(seed, fal.check(result, meta).seed)
        attempts = attempts + meta.attempts
      end
      INPUT.seed = 7
      assert.is_true(attempts > 6)
    end)
    assert.matches("chaos: 429", server.err)
  end)

  it("refuses a plan that is none, and says why", function ()
    for plan, why in pairs {
      ["tsunami=0.5"] = "no trouble is called 'tsunami'", ["429=2"] = "2 is no probability",
      ["429=much"] = "'much' is not a number",
    } do
      local out, code = child.sh(serve.falua .. " serve --listen 127.0.0.1:0 --chaos " .. plan .. " 2>&1")
      assert.equal(1, code)
      assert.matches(why, out, 1, true)
    end
  end)
end)
