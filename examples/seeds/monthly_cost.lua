-- What a plan costs in a month: pictures a day of each model, at today's
-- prices. Nothing is made, nothing spent.
--
--   falua --local examples/seeds/monthly_cost.lua
--   FAL_PRICES=examples/seeds/prices.json falua --local examples/seeds/monthly_cost.lua
--
-- With a key and without --local the prices are the platform's. prices.json has
-- those of an article; a local preview costs nothing.

local fal = require "fal"

local DAYS = 30
local PLAN = {
  { "fal-ai/flux/schnell", 30 },
  { "fal-ai/flux/dev", 30 },
  { "fal-ai/flux-pro/v1.1", 10 },
  { "fal-ai/flux-lora", 5 },
}
local INPUT = { prompt = "a picture for a post", image_size = "landscape_4_3" }

local LINE = "%-24s %8s %8s %10s"
local images, total = 0, nil
print(LINE:format("model", "a day", "a month", "cost"))
for _, row in ipairs(PLAN) do
  local model, a_day = row[1], row[2]
  local each = fal.models.estimate(model, INPUT)
  if not each.amount then error(("%s: its price is not known: %s"):format(model, tostring(each.why)), 0) end
  local month = each.amount * (a_day * DAYS)
  images, total = images + a_day * DAYS, total and total + month or month
  print(LINE:format(model, a_day, a_day * DAYS, "$" .. month:fixed(2)))
end
print(LINE:format("total", "", images, "$" .. total:fixed(2)))
