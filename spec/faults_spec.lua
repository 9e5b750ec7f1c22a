-- Everything that may happen to an answer, to each call of a subscription in
-- turn: what the caller sees, how often each call was made, and that what was
-- submitted is one request, whatever else it is.

local fal = require "fal"
local secrets = require "spec.support.secrets"
local server = require "spec.support.server"

local LIMIT = 1000000   -- bytes of an answer


local function client()
  return fal.client {
    base_url = server.url, credentials = secrets.KEY, max_response = LIMIT,
    retry = { max = 3, base_delay = 0.001, max_delay = 0.01 },
  }
end


local function calls()
  local stats, list = server.stats(), {}
  for _, kind in ipairs { "submit", "stream", "status", "result", "cancel" } do list[kind] = stats[kind] end
  return list
end


-- fault -> what comes of it in each stage: a code ("ok" is a result), how often
-- that call is made, a status. A submit is made again only when it did not get
-- in, looks and results when it may help. 'or_more': once more where libcurl
-- itself repeats what a connection that was in use lost, which it may not do
-- with a submit.
local faults = {
  { "reset", submit = { "network", 1 }, status = { "network", 4, or_more = true },
    result = { "network", 4, or_more = true } },
  { "cut", submit = { "network", 1 }, status = { "network", 4 }, result = { "network", 4 } },
  { "drip", submit = { "ok", 1 }, status = { "ok", 2 }, result = { "ok", 1 } },
  { "stall", submit = { "timeout", 1 }, status = { "timeout", 1, cancels = 1 }, result = { "timeout", 1 } },
  { "busy", submit = { "http", 4, 429 }, status = { "http", 4, 429 }, result = { "http", 4, 429 } },
  { "not-found", submit = { "http", 1, 404 }, status = { "expired", 1, 404 }, result = { "expired", 1, 404 } },
  { "ingress-502", submit = { "http", 4, 502 }, status = { "http", 4, 502 }, result = { "http", 4, 502 } },
  { "ingress-503", submit = { "http", 4, 503 }, status = { "http", 4, 503 }, result = { "http", 4, 503 } },
  { "ingress-504", submit = { "http", 4, 504 }, status = { "http", 4, 504 }, result = { "http", 4, 504 } },
  { "fal-502", submit = { "http", 1, 502 }, status = { "http", 4, 502 }, result = { "http", 1, 502 } },
  { "half-json", submit = { "protocol", 1 }, status = { "protocol", 1 }, result = { "protocol", 1 } },
  { "html", submit = { "protocol", 1 }, status = { "protocol", 1 }, result = { "protocol", 1 } },
  -- what is not said to be JSON is the model's own business
  { "text", submit = { "ok", 1 }, status = { "ok", 2 }, result = { "ok", 1 } },
  { "huge", submit = { "toobig", 1 }, status = { "toobig", 1 }, result = { "toobig", 1 } },
  { "gzip", submit = { "protocol", 1 }, status = { "protocol", 1 }, result = { "protocol", 1 } },
  { "gzip-bomb", submit = { "protocol", 1 }, status = { "protocol", 1 }, result = { "protocol", 1 } },
  { "redirect", submit = { "http", 1, 307 }, status = { "http", 1, 307 }, result = { "http", 1, 307 } },
  { "loop", submit = { "http", 1, 302 }, status = { "http", 1, 302 }, result = { "http", 1, 302 } },
}


for _, row in ipairs(faults) do
  local fault = row[1]
  describe("an answer with the fault '" .. fault .. "'", function ()
    before_each(function () server.forget() end)

    for _, stage in ipairs { "submit", "status", "result" } do
      local code, made, status = row[stage][1], row[stage][2], row[stage][3]
      it("to " .. stage .. (code == "ok" and " is an answer" or " is an error"), function ()
        local enqueued
        local result, err = client():subscribe("q/" .. stage .. "-always-" .. fault, {
          input = { n = 1 }, poll_interval = 0.1, on_enqueue = function (id) enqueued = id end,
          timeout = fault == "stall" and 0.3 or 60,
        })
        if row[stage].cancels then server.step_until(fal.step, "cancel", 1) end
        local seen = calls()
        assert.is_true(seen[stage] == made or row[stage].or_more and seen[stage] == made + 1, seen[stage])
        assert.equal(stage == "submit" and made or 1, seen.submit)
        assert.equal(row[stage].cancels, seen.cancel)
        if code == "ok" then
          assert.is_true(type(result) == (stage == "result" and fault == "text" and "string" or "table"))
          return
        end
        assert.is_nil(result)
        assert.equal(code, err.code, tostring(err))
        assert.equal(status, err.status)
        assert.is_nil(secrets.find(err))
        if stage ~= "submit" then
          assert.is_string(enqueued)
          assert.equal(enqueued, err.request_id)
        end
      end)
    end

    it("to the status stream makes no difference but polling", function ()
      local result, meta = client():subscribe("q/stream-always-" .. fault, {
        input = { n = 1 }, mode = "streaming", logs = true, poll_interval = 0.1, idle_timeout = 0.2, timeout = 60,
      })
      assert.is_table(result, tostring(meta))
      assert.equal(2, #meta.logs)
      local fine = fault == "drip" or fault == "text"
      local seen = calls()
      if row.status.or_more then seen.stream = math.min(seen.stream, 1) end
      assert.same({ submit = 1, stream = 1, status = not fine and 2 or nil, result = 1 }, seen)
    end)

    it("to the first look or the first fetch of a result is outlived, when it may be", function ()
      for _, stage in ipairs { "status", "result" } do
        server.forget()
        local again = row[stage][2] > 1 or row[stage][1] == "ok"
        local result = client():subscribe("q/" .. stage .. "-once-" .. fault, {
          input = { n = 1 }, poll_interval = 0.1, timeout = fault == "stall" and 0.3 or 60,
        })
        assert.equal(again, result ~= nil, stage)
        assert.equal(1, calls().submit)
      end
    end)
  end)
end


describe("what unpacks to a hundred megabytes", function ()
  it("is not unpacked", function ()
    local function peak()
      local f = io.open "/proc/self/status"
      local text = f and f:read "*a" or ""
      if f then f:close() end
      return tonumber(text:match "VmHWM:%s*(%d+) kB")
    end
    if not peak() then return pending "no /proc/self/status here" end
    client():subscribe("q/result-always-gzip", { input = {}, poll_interval = 0.1 })
    local before = peak()
    local _, err = client():subscribe("q/result-always-gzip-bomb", { input = {}, poll_interval = 0.1 })
    assert.equal("protocol", err.code)
    assert.truthy(err.message:find("(gzip)", 1, true), err.message)
    assert.is_true(peak() - before < 20000, peak() - before)
  end)
end)
