-- Neovim: calls in tasks, driven by its own loop. What they bring is written
-- into a buffer, which only works where Neovim's API may be called.

local uv = vim.loop
local fal = require "fal"
require("fal.luv").attach(uv)

local done, ticks = 0, 0

local timer = uv.new_timer()
timer:start(0, 5, function () ticks = ticks + 1 end)

local function quit()
  timer:close()
  local lines = vim.api.nvim_buf_get_lines(0, 0, -1, false)
  io.write(("calls=%d ticks=%d\n"):format(#lines - 1, ticks))
  vim.cmd "qall!"
end

for i = 1, 50 do
  fal.async(function ()
    local result, err = fal.run("fault/together/50/100", { timeout = 30 })
    done = done + 1
    if result and result.together then
      vim.api.nvim_buf_set_lines(0, 0, 0, false, { "call " .. i })
    else
      io.write(tostring(err), "\n")
    end
    if done == 50 then quit() end
  end)
end
