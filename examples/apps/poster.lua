-- The shortest app there is: endpoint "local/poster", a plain sheet.
--
--   falua serve --apps examples/apps
--   curl -X POST http://127.0.0.1:8787/local/poster -d '{"title": "Regatta"}'

local fal = require "fal"

local app = fal.app "local/poster"

app.input = {
  title = { type = "string", required = true, max = 200 },
  seed = { type = "integer" },
}

function app.run(input, context)
  context.log("laying out")
  context.progress(0.5)
  return {
    images = { context.image(fal.image.new(1024, 768, "#204060"), { text = { title = input.title } }) },
    seed = input.seed,
  }
end

return app
