-- Forwards to real fal: "local/forward" is one of a few models there, paid by
-- the key in FAL_KEY of who runs this server. Its callers never see the key.

local fal = require "fal"

local app = fal.app "local/forward"

app.description = "A call of real fal, by way of this server."
app.limits = { time = 600, concurrency = 8 }   -- it only waits

app.input = {
  model = { type = "string", enum = { "fal-ai/flux/schnell", "fal-ai/flux/dev" }, default = "fal-ai/flux/schnell" },
  prompt = { type = "string", required = true, min = 1, max = 2000 },
  seed = { type = "integer", nullable = true },
}


local function has_key()
  return os.getenv "FAL_KEY" or (os.getenv "FAL_KEY_ID" and os.getenv "FAL_KEY_SECRET")
end


function app.units(_, result) return result.units end


function app.run(input, context)
  if not has_key() then
    return nil, context.fail("downstream_service_unavailable",
      "This server has no key for fal: set FAL_KEY before 'falua serve' is started")
  end
  context.log("asking " .. input.model)
  local result, meta = fal.run(input.model, {
    input = { prompt = input.prompt, seed = input.seed }, timeout = 500,
  })
  if not result then return nil, meta end
  result.units = meta.billable_units or 0
  return result
end

return app
