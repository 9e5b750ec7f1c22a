-- fal.lua -- this module as a contestant; runs on any of its Luas
--
--   lua fal.lua MODE N IN_FLIGHT BASE_URL
--
-- MODE: run (answered at once), wait (after 100 ms), once (one call, cold),
-- subscribe (jobs, status every 100 ms; cold), follow (the same by the status
-- stream), events (N of one stream, decoded), socket (N messages there and back
-- over realtime), picture (N results with 1 MiB inline, saved to BENCH_OUT),
-- upload (BENCH_FILE, N times), batch (N jobs of BENCH_FILE, their pictures to
-- BENCH_OUT; BENCH_KEEP: what is kept besides, of "journal" and "cache").

local mode, n, in_flight, base = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]
local fal = require "fal"
local core = require "fal.core"

fal.config { base_url = base, credentials = "a:b" }

local input = {
  prompt = "a lighthouse on a cliff above the sea at dawn, long exposure, soft light",
  num_images = 1, seed = 7411903,
}


local function good(result)
  if result.images[1].width ~= 1024 then error "a wrong answer" end
end


local function run_at(endpoint)
  return function () good(fal.check(fal.run(endpoint, { input = input }))) end
end


local function subscribe(mode_)
  return function ()
    good(fal.check(fal.subscribe("fal-ai/bench", { input = input, mode = mode_, poll_interval = 0.1 })))
  end
end


-- 'count' calls of f, in_flight of them at once.
local function calls(f, count)
  if in_flight == 1 then
    for _ = 1, count do f() end
    return
  end
  local list = {}
  for i = 1, count do list[i] = f end
  for _, r in ipairs(fal.gather(list, { limit = in_flight })) do
    if r.err then error(r.err, 0) end
  end
end


local function hwm()
  local f = io.open "/proc/self/status"
  local text = f and f:read "*a" or ""
  if f then f:close() end
  return tonumber(text:match "VmHWM:%s*(%d+)") or 0
end


-- Does the work once to warm up, when 'warm' is more than none, then to measure.
local function measure(warm, f)
  if warm > 0 then f(warm) end
  local wall, spent = core.now(), os.clock()
  f(n)
  print(("ops=%d wall=%.6f cpu=%.6f hwm=%d"):format(n, core.now() - wall, os.clock() - spent, hwm()))
end


local function measure_calls(f, cold)
  measure(cold and 0 or math.max(math.floor(n / 5), in_flight), function (count) calls(f, count) end)
end


local modes = {}

function modes.run() measure_calls(run_at "fal-ai/bench") end
function modes.wait() measure_calls(run_at "fal-ai/wait") end
function modes.once() measure(0, run_at "fal-ai/bench") end
function modes.subscribe() measure_calls(subscribe "polling", true) end
function modes.follow() measure_calls(subscribe "streaming", true) end


function modes.events()
  measure(math.floor(n / 4 / 512) * 512, function (count)
    local got = 0
    local stream = fal.check(fal.stream(("fal-ai/events/%d"):format(count), { input = input }))
    for event in stream do
      if event.index == 41 then got = got + 1 end
    end
    fal.check(stream:done())
    if got ~= count then error "events are missing" end
  end)
end


function modes.socket()
  local connection = fal.check(fal.realtime.connect(os.getenv "BENCH_APP" or "fal-ai/bench", { throttle_interval = 0 }))
  local message = { prompt = ("x"):rep(60), seed = 42, request_id = "r1" }
  measure(math.floor(n / 5), function (count)
    for _ = 1, count do
      fal.check(connection:send(message))
      if fal.check(connection:recv(5)).seed ~= 42 then error "a wrong message" end
    end
  end)
  connection:close()
end


function modes.picture()
  local out = os.getenv "BENCH_OUT"
  measure(math.floor(n / 5) + 1, function (count)
    for _ = 1, count do
      local result = fal.check(fal.run("fal-ai/big", { input = input }))
      good(result)
      fal.check(fal.download(result.images[1].url, out, { overwrite = true }))
    end
  end)
end


function modes.upload()
  measure(0, function (count)
    for _ = 1, count do fal.check(fal.storage.upload_file(os.getenv "BENCH_FILE")) end
  end)
end


function modes.batch()
  local out, kept = os.getenv "BENCH_OUT", os.getenv "BENCH_KEEP" or ""
  measure(0, function (count)
    local report = fal.check(fal.batch {
      endpoint = "fal-ai/quick", jobs = fal.check(fal.rows(os.getenv "BENCH_FILE")), limit = in_flight,
      out = out .. "/{index}.png", journal = kept:find "journal" and out .. "/batch.journal" or nil,
      cache = kept:find "cache" and out .. "/cache" or nil,
    })
    if report.done ~= count then error(tostring(report)) end
  end)
end


modes[mode]()
