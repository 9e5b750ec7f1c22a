-- A batch against falua serve, killed at twenty moments: every job is run once
-- there, and every picture is here, whole.

local fal = require "fal"
local child = require "spec.support.child"
local core = require "fal.core"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local N = 60


describe("a batch against falua serve", function ()
  local folder, daemon

  setup(function ()
    folder = server.folder()
    daemon = serve.start("--data " .. folder .. "/data")
  end)

  teardown(function ()
    daemon:stop()
    server.remove_folder(folder)
  end)

  -- The runs of endpoints.
  local function count(name)
    local sum = 0
    for value in daemon:get("/metrics").body:gmatch("\n" .. name .. "{[^}\n]*} (%d+)") do sum = sum + tonumber(value) end
    return sum
  end

  it("submits again under the same name without paying again", function ()
    local body, headers = '{"prompt":"x"}', { "Idempotency-Key: 01234567-89ab-4def-8123-456789abcdef" }
    local path = "/queue/fal-ai/flux/schnell"
    local first = daemon:post(path, body, { headers = headers })
    assert.equal(200, first.status)
    assert.truthy(first.body:find("01234567-89ab-4def-8123-456789abcdef", 1, true))
    local second = daemon:post(path, body, { headers = headers })
    assert.equal(200, second.status)
    assert.equal(fal.json.decode(first.body).request_id, fal.json.decode(second.body).request_id)
    local other = daemon:post(path, body, { headers = { "Idempotency-Key: nonsense" } })
    assert.is_nil(other.body:find("nonsense", 1, true))
    local c = fal.client { base_url = daemon.url }
    assert(c.queue.handle("fal-ai/flux/schnell", "01234567-89ab-4def-8123-456789abcdef"):get { poll_interval = 0.1 })
    assert(c.queue.handle("fal-ai/flux/schnell", fal.json.decode(other.body).request_id):get { poll_interval = 0.1 })
    assert.equal(2, count "inference_requests_total")
  end)

  it("is paid once for each job, wherever it is killed", function ()
    local before = count "inference_requests_total"
    local rows = { "prompt,seed,image_size" }
    for i = 1, N do rows[#rows + 1] = ("a boat and the number %d,%d,square"):format(i, i) end
    assert(core.write(folder .. "/jobs.csv", table.concat(rows, "\n"), true))
    assert(core.write(folder .. "/run.lua", ([[
      local fal = require "fal"
      io.stdout:setvbuf "no"
      print((io.open("/proc/self/stat"):read "*n"))
      local report = fal.check(fal.batch {
        endpoint = "fal-ai/flux/schnell", jobs = "%s/jobs.csv", out = "%s/out/{index}.png", journal = "%s/j",
        poll_interval = 0.1, limit = 4, on_progress = function (p) print(p.event) end,
      })
      print(report)
      print(("end %%d %%d"):format(report.done + report.skipped, report.total))
    ]]):format(folder, folder, folder), true))
    local command = ("env FAL_BASE_URL=%s XDG_CACHE_HOME=%s/cache %s %s/run.lua"):format(daemon.url, folder, child.lua, folder)
    local seed, kills = 7, 0
    local function random(k)
      seed = (seed * 16807) % 2147483647
      return seed % k + 1
    end
    for i = 1, 20 do
      local p = assert(io.popen("exec " .. command))
      local pid, last = p:read "*n", nil
      p:read "*l"
      -- the first one goes on until an answer has shown that names are taken
      for _ = 1, i == 1 and 12 or random(30) do last = p:read "*l" or last end
      if not (last or ""):find "^end %d" then kills = kills + 1 end
      os.execute(("kill -9 %d 2>/dev/null"):format(pid))
      p:close()
    end
    assert.is_true(kills >= 10)
    local out = child.sh(command)
    assert.truthy(out:find(("end %d %d"):format(N, N), 1, true), out)
    assert.equal(N, count "inference_requests_total" - before)
    local names = {}
    for _, name in ipairs(server.list(folder .. "/out")) do
      if not name:find "^%." then names[#names + 1] = name end
    end
    assert.equal(N, #names)
    for i = 1, N do
      local image = assert(fal.image.open(("%s/out/%d.png"):format(folder, i)))
      assert.equal(("a boat and the number %d"):format(i), image.text.prompt)
      assert.equal(512, image.width)
    end
  end)
end)
