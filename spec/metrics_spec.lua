-- GET /metrics of `falua serve`, as Prometheus' own promtool reads it.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"

local SCHNELL = "/fal-ai/flux/schnell"


-- The samples by their names with labels.
local function samples(text)
  local all = {}
  for name, value in text:gmatch "\n([%a_][^\n# ]*) ([^\n]+)" do all[name] = tonumber(value) end
  return all
end


describe("/metrics", function ()
  local server

  setup(function () server = serve.start() end)
  teardown(function () server:stop() end)

  local function read()
    local answer = server:get "/metrics"
    assert.equal(200, answer.status)
    assert.matches("^text/plain; version=0%.0%.4", answer.headers["content-type"])
    return answer.body, samples("\n" .. answer.body)
  end

  it("is there before anything has happened", function ()
    local _, m = read()
    assert.equal(0, m.average_latency_seconds)
    assert.equal(0, m.falua_calls_waiting)
    assert.equal(1, m.falua_http_requests_active)
    assert.is_true(math.abs(m.process_start_time_seconds - os.time()) < 600)
    assert.is_true(m.process_resident_memory_bytes > 1e6)
  end)

  it("counts calls by endpoint, kind and status", function ()
    local input = fal.json.encode { prompt = "a kite", image_size = { width = 64, height = 64 } }
    for _ = 1, 3 do assert.equal(200, server:post(SCHNELL, input).status) end
    assert.equal(422, server:post(SCHNELL, "{}").status)
    assert.equal(200, server:post(SCHNELL .. "/stream", input).status)
    assert.equal(404, server:post("/acme/nothing", "{}").status)
    local text, m = read()
    local label = '{endpoint="fal-ai/flux/schnell",kind="%s",status="%s"}'
    assert.equal(3, m["inference_requests_total" .. label:format("run", "2xx")])
    assert.equal(1, m["inference_requests_total" .. label:format("run", "4xx")])
    assert.equal(1, m["inference_requests_total" .. label:format("stream", "2xx")])
    assert.is_nil(text:find("acme", 1, true))
    assert.is_true(m.average_latency_seconds > 0)
    assert.equal(5, m['inference_duration_seconds_count{endpoint="fal-ai/flux/schnell"}'])
    assert.equal(5, m['inference_duration_seconds_bucket{endpoint="fal-ai/flux/schnell",le="+Inf"}'])
    assert.is_true(m['falua_http_responses_total{status="4xx"}'] >= 2)
    assert.is_true(m.falua_workers >= 1)
  end)

  it("passes promtool", function ()
    local path = os.tmpname()
    local f = assert(io.open(path, "wb"))
    f:write((read()))
    f:close()
    local out, code = child.sh("promtool check metrics < " .. path)
    os.remove(path)
    assert.equal(0, code, out)
    assert.equal("", (out:gsub("%s", "")))
  end)
end)
