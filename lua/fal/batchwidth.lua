-- How many jobs of a batch are under way: 'limit', or from 2 up as long as
-- nothing says to stop. A 429 halves it, and it does not grow while requests wait
-- behind others in the queue.

local cache = require "fal.cache"

local batchwidth = {}

local WIDEST = 64            -- without a limit


local function congested(b)
  if b.limit or b.started_at_cut and b.finished < b.started_at_cut then return end  -- the last cut is not felt yet
  b.width = math.max(1, math.floor(b.width / 2))
  b.careful, b.credit, b.started_at_cut = true, 0, b.started
end


-- A job went through: one more while it is new, then one more for each round.
function batchwidth.widen(b)
  if b.limit or b.width >= WIDEST then return end
  if b.position and b.position * 2 > b.width then
    b.careful = true
    return
  end
  b.credit = b.credit + 1
  if not b.careful or b.credit >= b.width then
    b.width, b.credit = b.width + 1, 0
  end
end


-- A client like the caller's, that tells us of every 429 and has the batch's
-- budget and cache.
function batchwidth.client(b, client, opt)
  local own = setmetatable({}, { __index = client })
  for name, value in pairs(client) do own[name] = value end   -- to be found without a detour
  own.journal = false
  if not b.limit then
    own.on_response = function (r)
      if r.status == 429 then congested(b) end
      if client.on_response then client.on_response(r) end
    end
  end
  if opt.budget then
    own.budget = require("fal.budget").new(opt.budget)
    if not own.budget then error("budget must be an amount such as 2.5 or '2.50', not " .. tostring(opt.budget), 4) end
  end
  if opt.cache then own.cache = cache.new(opt.cache, 4) end
  return own
end


return batchwidth
