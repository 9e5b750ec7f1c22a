-- A script without any loop: one call that blocks, then fifty at once while
-- a task keeps time.

local fal = require "fal"

assert(fal.check(fal.run("fault/mirror", { input = { alone = true } })).alone)

local ticks, over = 0, false
local clock = fal.async(function ()
  while not over do
    fal.sleep(0.005)
    ticks = ticks + 1
  end
end)

local calls = {}
for i = 1, 50 do
  calls[i] = function () return fal.run("fault/together/50/100", { timeout = 30 }) end
end
local done = 0
for _, outcome in ipairs(fal.gather(calls)) do
  if outcome.ok and outcome.result.together then done = done + 1 end
end
over = true
clock:await()

print(("calls=%d ticks=%d"):format(done, ticks))
