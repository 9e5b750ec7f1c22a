-- LÖVE: calls in tasks, stepped once a frame; the frames are the ticks.

local fal = require "fal"
local fal_love = require "fal.love"

local done, frames = 0, 0

function love.load()
  for _ = 1, 50 do
    fal.async(function ()
      local result = fal.check(fal.run("fault/together/50/100", { timeout = 30 }))
      if result.together then done = done + 1 end
    end)
  end
end

function love.update()
  frames = frames + 1
  if fal_love.update() == 0 then
    print(("calls=%d ticks=%d"):format(done, frames))
    love.event.quit(0)
  end
end
