-- The least an endpoint in Lua can do: what a call costs besides.

local fal = require "fal"

local app = fal.app "bench/fixed"

app.input = { prompt = { type = "string" }, seed = { type = "integer" } }

local result = {
  images = { { url = "https://v3.fal.media/files/b/panda/Vq8tXn2LrZ0cJmW5aHs7K_9d41e6.jpeg", width = 1024,
               height = 768, content_type = "image/jpeg" } },
  timings = { inference = 0.7421 }, seed = 7411903, has_nsfw_concepts = { false },
  prompt = "a lighthouse on a cliff above the sea at dawn, long exposure, soft light",
}

function app.run()
  return result
end

return app
