-- Many prompts in one request: "local/batch" has another endpoint of this
-- server paint them, a few at a time, and answers for each of them.

local fal = require "fal"

local app = fal.app "local/batch"

app.description = "Several prompts, one request."
app.limits = { time = 300 }

app.input = {
  prompts = { type = "array", required = true, min = 1, max = 32, items = { type = "string", min = 1, max = 1000 } },
  model = { type = "string", enum = { "fal-ai/flux/schnell", "fal-ai/flux/dev", "local/text-to-image" },
            default = "fal-ai/flux/schnell" },
  seed = { type = "integer", nullable = true },
}


-- Each picture costs what it would cost alone.
function app.units(_, result)
  return result.units
end


function app.run(input, context)
  local done, calls = 0, {}
  for i, prompt in ipairs(input.prompts) do
    calls[i] = function ()
      local result, meta = context.run(input.model, { input = { prompt = prompt, seed = input.seed } })
      done = done + 1
      context.progress(done / #input.prompts)
      if not result then context.log(("%q failed: %s"):format(prompt, tostring(meta))) end
      return result, meta
    end
  end
  local results, units = {}, 0
  for i, outcome in ipairs(fal.gather(calls, { limit = 2 })) do
    local result, meta = outcome.result, outcome.meta
    if result then
      units = units + (meta.billable_units or 0)
      results[i] = { prompt = input.prompts[i], images = result.images, seed = result.seed }
    else
      results[i] = { prompt = input.prompts[i], error = tostring(outcome.err) }
    end
  end
  return { results = results, units = units }
end

return app
