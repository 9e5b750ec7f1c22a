-- fal in LÖVE, or in any host that comes by once a frame.
--
--   local fal_love = require "fal.love"
--   function love.update() fal_love.update() end
--
-- Calls go into tasks (fal.async); update does what is due and never waits.

local fal = require "fal"
local tasks = require "fal.tasks"

local M = {}


-- Once a frame. Returns how many operations are in flight. Raises when a task
-- has raised and nobody waits for it, so that the game shows the mistake.
function M.update()
  local pending = fal.step(0)
  local failure = tasks.unobserved()[1]
  if failure then error(tostring(failure.err) .. "\n" .. failure.traceback, 0) end
  return pending
end


return M
