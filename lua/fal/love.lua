-- fal in LÖVE, or in any host that comes by once a frame.
--
--   local fal_love = require "fal.love"
--   function love.update() fal_love.update() end
--
-- Calls go into tasks (fal.async); update does what is due and never waits.

local fal = require "fal"

local M = {}


-- Once a frame. Returns how many operations are in flight.
function M.update()
  return fal.step(0)
end


return M
