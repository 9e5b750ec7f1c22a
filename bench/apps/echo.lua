-- What came goes back: for realtime connections.

local fal = require "fal"

local app = fal.app "bench/echo"

app.input = { prompt = { type = "string" }, seed = { type = "integer" }, request_id = { type = "string" } }

function app.run(input)
  return input
end

return app
