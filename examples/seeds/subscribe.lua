-- Submit, follow and fetch in one call, with the model's log lines as they
-- come. Half a second between two looks is the default, and enough.
--
--   falua --local examples/seeds/subscribe.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local seen
local result = fal.check(fal.subscribe("fal-ai/flux/dev", {
  input = { prompt = "a harbour in fog, first light", image_size = "square_hd", num_inference_steps = 28 },
  logs = true, timeout = 300,
  on_enqueue = function (request_id) print("submitted", request_id) end,
  on_queue_update = function (status)
    if status.status ~= seen then print("status", status.status) end
    seen = status.status
    for _, line in ipairs(status.logs or {}) do print("log", line.message) end
  end,
}))
print("picture", fal.check(fal.save(result, out .. "/{slug}.{ext}", { overwrite = true }))[1])
