-- One address for several models: "local/router" looks at the prompt, and at
-- how much time the caller has, and passes it on.

local fal = require "fal"

local app = fal.app "local/router"

app.description = "Sends a prompt to the model that suits it."

app.input = {
  prompt = { type = "string", required = true, min = 1, max = 2000 },
  quality = { type = "string", enum = { "draft", "good", "auto" }, default = "auto" },
  seed = { type = "integer", nullable = true },
}

local DRAFT, GOOD, DRAWING = "fal-ai/flux/schnell", "fal-ai/flux/dev", "local/text-to-image"

-- Tried in order: the first that has something to say decides.
local RULES = {
  function (input) if input.quality == "draft" then return DRAFT, "a draft is asked for" end end,
  function (input) if input.quality == "good" then return GOOD, "quality is asked for" end end,
  function (input)
    if input.prompt:lower():find "landscape" then return DRAWING, "it draws landscapes" end
  end,
  function (input) if #input.prompt > 120 then return GOOD, "the prompt goes into detail" end end,
  function () return DRAFT, "nothing speaks against the fastest" end,
}


local function choose(input)
  for _, rule in ipairs(RULES) do
    local model, reason = rule(input)
    if model then return model, reason end
  end
end


function app.units(_, result) return result.units end


function app.run(input, context)
  local model, reason = choose(input)
  context.log(("%s: %s"):format(model, reason))
  local result, meta = context.run(model, { input = { prompt = input.prompt, seed = input.seed } })
  if not result then return nil, meta end
  result.model, result.reason = model, reason
  result.units = meta.billable_units or 0
  return result
end

return app
