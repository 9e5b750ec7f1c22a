-- fal in a libuv loop: luv, or Neovim's vim.loop.
--
--   require("fal.luv").attach(vim.loop)
--   fal.async(function ()
--     local result, err = fal.run("fal-ai/flux/dev", { input = { prompt = "..." } })
--     ...
--   end)
--
-- The loop watches the engine's one descriptor and nothing else. In Neovim
-- tasks are resumed where its API may be called (vim.schedule).

local fal = require "fal"
local tasks = require "fal.tasks"

local M = {}


local function schedule_of(uv)
  local vim = rawget(_G, "vim")
  if vim and vim.schedule and (uv == vim.loop or uv == vim.uv) then return vim.schedule end
end


-- Where there is no descriptor: look every few milliseconds.
local function by_timer(uv, work)
  local timer = uv.new_timer()
  local schedule = schedule_of(uv)
  timer:start(0, 10, schedule and function () schedule(work) end or work)
  return timer
end


local function by_descriptor(uv, fd, work)
  local poll = uv.new_poll(fd)
  local schedule = schedule_of(uv)
  local watch
  local function turn()
    if poll:is_closing() then return end
    work()
    watch()
  end
  function watch()
    if poll:is_closing() then return end
    poll:start("r", function ()
      if not schedule then return work() end
      poll:stop()  -- it stays readable until the work is done
      schedule(turn)
    end)
  end
  watch()
  return poll
end


-- Tells of tasks that raised while nobody waits for them: otherwise a mistake
-- in one would pass in silence.
local function complain(failure)
  local text = "fal: " .. tostring(failure.err) .. "\n" .. failure.traceback
  local vim = rawget(_G, "vim")
  if vim and vim.notify then vim.notify(text, vim.log.levels.ERROR)
  else io.stderr:write(text, "\n") end
end


-- Lets the loop 'uv' drive the engine. Returns a function that takes it out
-- again. The loop is kept alive only while something is in flight.
function M.attach(uv)
  if type(uv) ~= "table" or not uv.new_poll then
    error("attach takes the luv module (in Neovim: vim.loop)", 2)
  end
  local handle
  local function work()
    if handle:is_closing() then return end
    local pending = fal.step(0)
    for _, failure in ipairs(tasks.unobserved()) do complain(failure) end
    if pending == 0 and not handle:is_closing() then handle:unref() end
  end
  local fd = fal.pollfd()
  handle = fd and by_descriptor(uv, fd, work) or by_timer(uv, work)
  if tasks.engine():pending() == 0 then handle:unref() end
  local function keep()
    if not handle:is_closing() then handle:ref() end
  end
  tasks.on_wait = keep
  return function ()
    if tasks.on_wait == keep then tasks.on_wait = nil end
    if not handle:is_closing() then handle:close() end
  end
end


return M
