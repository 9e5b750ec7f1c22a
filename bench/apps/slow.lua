-- Takes as long as the measurement: its requests wait, their statuses are idle.

local fal = require "fal"

local app = fal.app "bench/slow"

app.limits = { time = 600, concurrency = 1 }
app.input = { prompt = { type = "string" } }

function app.run(_, context)
  while not context.canceled() do fal.sleep(0.2) end
  return {}
end

return app
