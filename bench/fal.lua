-- fal.lua -- this module as a contestant; runs on any of its Luas
--
--   lua fal.lua MODE N IN_FLIGHT BASE_URL
--
-- MODE: run (answered at once), wait (after 100 ms), once (one call, cold).

local mode, n, in_flight, base = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]
local fal = require "fal"

fal.config { base_url = base, credentials = "a:b" }

local endpoint = mode == "wait" and "fal-ai/wait" or "fal-ai/bench"
local input = {
  prompt = "a lighthouse on a cliff above the sea at dawn, long exposure, soft light",
  num_images = 1, seed = 7411903,
}


local function call()
  local result = fal.check(fal.run(endpoint, { input = input }))
  if result.images[1].width ~= 1024 then error "a wrong answer" end
end


local function calls(count)
  if in_flight == 1 then
    for _ = 1, count do call() end
    return
  end
  local list = {}
  for i = 1, count do list[i] = call end
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


if mode ~= "once" then calls(math.max(math.floor(n / 5), in_flight)) end
local spent = os.clock()
calls(n)
print(("ops=%d wall=0 cpu=%.6f hwm=%d"):format(n, os.clock() - spent, hwm()))
