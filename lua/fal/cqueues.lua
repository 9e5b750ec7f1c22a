-- fal in cqueues: once this is loaded, calls made inside a cqueues coroutine
-- yield to its controller.
--
--   require "fal.cqueues"
--   cq:wrap(function () local result = fal.run(...) end)
--
-- Of the coroutines that wait, one at a time (the leader) polls the engine's
-- descriptor and steps it; the others sleep on a condition of their own.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local fal = require "fal"
local tasks = require "fal.tasks"

local M = {}

local leader = false
local followers = {}   -- condition -> true


local function pass_on()
  local c = next(followers)
  if c then
    followers[c] = nil
    c:signal()
  end
end


local function lead(event)
  leader = true
  while not event.done do
    cqueues.poll(fal)
    local ok, err = pcall(fal.step, 0)
    if not ok then
      leader = false
      pass_on()
      error(err, 0)
    end
  end
  leader = false
end


local function wait(event, subscribe)
  local c = condition.new()
  subscribe(event, function () c:signal() end)
  while not event.done do
    if not leader then
      lead(event)
    else
      followers[c] = true
      c:wait()
      followers[c] = nil
    end
  end
  if not leader then pass_on() end  -- who was to lead next may be done as well
end


local function inside()
  local _, here = cqueues.running()
  return here == true
end


tasks.adapter = { inside = inside, wait = wait }


-- Drives tasks (fal.async) that no cqueues coroutine waits for, until none is
-- left.
function M.drain(cq)
  cq:wrap(tasks.drain)
end


return M
