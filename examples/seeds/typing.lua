-- A picture that follows the prompt while somebody types it, over one realtime
-- connection. Debounced: only a pause sends what is there so far.
--
--   falua --local examples/seeds/typing.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local PROMPT = "a cat wearing a top hat"
local KEY, PAUSE, DEBOUNCE = 0.01, 0.3, 0.12   -- seconds

local connection = fal.check(fal.realtime.connect("fal-ai/flux/schnell", { throttle_interval = 0 }))


-- f, but only once nobody has called it for so many seconds.
local function debounced(seconds, f)
  local waiting
  return function (...)
    if waiting then waiting:cancel() end
    waiting = fal.async(function (...)
      if fal.sleep(seconds) then f(...) end
    end, ...)
  end
end


local sent = 0
local changed = debounced(DEBOUNCE, function (text)
  sent = sent + 1
  print("sent", text)
  fal.check(connection:send { prompt = text, image_size = "square", num_images = 1, sync_mode = true, seed = 3 })
end)

-- Shows what comes until the whole prompt has its picture.
local screen = fal.async(function ()
  local result
  repeat
    result = fal.check(connection:recv(60))
    print("shown", result.prompt)
  until result.prompt == PROMPT
  return result
end)

for i = 1, #PROMPT do
  changed(PROMPT:sub(1, i))
  fal.sleep(PROMPT:find("^ ", i) and PAUSE or KEY)
end
local result = screen:await()
connection:close()
print(("%d keys, %d sent"):format(#PROMPT, sent))
print(fal.check(fal.save(result, out .. "/cat.{ext}", { overwrite = true }))[1])
