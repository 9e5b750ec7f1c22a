-- Endpoints that the official client is tried on.

local steps = fal.app "local/steps"
steps.input = { steps = { type = "integer", default = 2, min = 1, max = 50 } }

function steps.run(input, context)
  for i = 1, input.steps do
    context.log("step " .. i)
    context.emit { step = i }
  end
  return { steps = input.steps }
end


local fails = fal.app "local/fails"

function fails.run()
  error "an inner secret"
end


-- Says nothing for longer than the comments of an event stream are apart.
local silent = fal.app "local/silent"

function silent.run(_, context)
  context.emit { step = 1 }
  fal.sleep(3)
  return { step = 2 }
end


-- Goes on until somebody cancels it; then there is no result.
local waits = fal.app "local/waits"

function waits.run(_, context)
  while not context.canceled() do fal.sleep(0.01) end
end


-- The same, one at a time.
local alone = fal.app "local/alone"
alone.limits = { concurrency = 1 }
alone.run = waits.run


local echo = fal.app "local/echo"

function echo.run(input)
  return { input = input }
end


return { steps, fails, silent, waits, alone, echo }
