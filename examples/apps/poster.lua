-- apps/poster.lua: endpoint "local/poster"
local fal = require "fal"
local app = fal.app "local/poster"
app.input = { title = { type = "string", required = true, max = 200 }, seed = { type = "integer" } }
function app.run(input, context)
  context.log("laying out"); context.progress(0.5)
  return { images = { context.image(fal.image.new(1024, 768, "#204060")) }, seed = input.seed }
end
return app
