-- Text from strangers, cleaned before it is sent: no control characters, no
-- <lora:...> tags, no words from a list, at most 200 characters. What is empty
-- after that is not sent. (The platform's own safety checker stays on: a list of
-- words is no substitute.)
--
--   falua --local examples/seeds/sanitise.lua [FOLDER]

local fal = require "fal"
local out = arg[1] or "out"

local BANNED = { gore = true, nude = true, weapon = true }
local LONGEST = 200   -- characters

local WILD = {
  "a quiet  garden\27[31m\n with roses",
  "a knight with a WEAPON, <lora:somebody-elses-style> gore",
  "nude!",
  ("ş"):rep(300),
  "broken \255 text",
}


-- The prompt to send, or nil and why there is none.
local function sanitised(text)
  if not utf8.len(text) then return nil, "not UTF-8" end
  text = text:gsub("\27%[[%d;]*%a", ""):gsub("%c", " "):gsub("<[^<>]*>", "")
  text = text:gsub("%a+", function (word) return BANNED[word:lower()] and "" end)
  text = text:gsub("%s+", " "):gsub(" ([,.!])", "%1"):gsub("^[%s%p]+", ""):gsub("[%s,]+$", "")
  if text == "" then return nil, "nothing is left" end
  return text:sub(1, (utf8.offset(text, LONGEST + 1) or #text + 1) - 1)
end


for i, text in ipairs(WILD) do
  local prompt, why = sanitised(text)
  if prompt then
    local result = fal.check(fal.run("fal-ai/flux/schnell", { input = {
      prompt = prompt, image_size = { width = 128, height = 128 }, enable_safety_checker = true,
    } }))
    fal.check(fal.save(result, ("%s/%d.{ext}"):format(out, i), { overwrite = true }))
    print(i, "sent", prompt)
  else
    print(i, "refused", why)
  end
end
