-- A request on its way through the queue, event by event: its place in the
-- line, what the model logs, how it ended.
--
--   falua --local examples/seeds/queue_events.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local show = {}

function show.IN_QUEUE(event)
  print("waiting", event.queue_position or "-")
end

function show.IN_PROGRESS(event)
  for _, line in ipairs(event.logs or {}) do print("log", line.message) end
end

function show.COMPLETED(event)
  local result = fal.check(event.result, event.err)
  print("done", fal.check(fal.save(result, out .. "/{slug}.{ext}", { overwrite = true }))[1])
end

for event in fal.run_iterator("fal-ai/flux-pro/v1.1-ultra", {
  logs = true,
  input = { prompt = "a graph of glowing nodes on black", aspect_ratio = "4:3" },
}) do
  show[event.status](event)
end
