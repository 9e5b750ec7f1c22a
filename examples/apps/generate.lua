-- A web endpoint of one's own shape: POST /generate takes {"prompt": "..."}
-- and answers {"image_base64": "..."}, or 400 {"error": "Prompt missing"}.
-- Without app.input nothing is checked beforehand, and an answer may look as
-- it likes.

local fal = require "fal"

local app = fal.app "generate"

app.description = "A picture as base64, for a page that wants just that."


function app.run(input, context)
  if type(input.prompt) ~= "string" or input.prompt == "" then
    return nil, context.fail(400, { error = "Prompt missing" })
  end
  local result, err = context.run("fal-ai/flux/schnell", {
    input = { prompt = input.prompt, image_size = { width = 512, height = 512 }, sync_mode = true },
  })
  if not result then return nil, err end
  return { image_base64 = result.images[1].url:match "^data:[^,]*,(.*)$" }
end

return app
