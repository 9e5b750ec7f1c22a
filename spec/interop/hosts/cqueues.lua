-- cqueues: calls in coroutines of its controller.

local cqueues = require "cqueues"
local fal = require "fal"
require "fal.cqueues"

local cq = cqueues.new()
local done, ticks = 0, 0

for _ = 1, 50 do
  cq:wrap(function ()
    local result = fal.check(fal.run("fault/together/50/100", { timeout = 30 }))
    if result.together then done = done + 1 end
  end)
end

cq:wrap(function ()
  while done < 50 do
    cqueues.sleep(0.005)
    ticks = ticks + 1
  end
end)

assert(cq:loop())
print(("calls=%d ticks=%d"):format(done, ticks))
