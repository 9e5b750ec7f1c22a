-- luv: calls in tasks, driven by libuv's loop. The loop ends by itself when
-- nothing is in flight. The calls have no timeout, whose timer would start
-- them: libcurl's own has to.

local uv = require "luv"
local fal = require "fal"
require("fal.luv").attach(uv)

local done, ticks = 0, 0

local timer = uv.new_timer()
timer:start(0, 5, function () ticks = ticks + 1 end)

for _ = 1, 50 do
  fal.async(function ()
    local result = fal.check(fal.run("fault/together/50/100"))
    if result.together then done = done + 1 end
    if done == 50 then timer:close() end
  end)
end

uv.run()
print(("calls=%d ticks=%d"):format(done, ticks))
