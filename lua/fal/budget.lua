-- A budget: calls that would pass it are not made.
--
-- Before a call its estimate is held; when it ends the hold becomes what it
-- did cost. A call that failed after it may have been charged keeps its
-- estimate. Where the input does not tell the units, the most that a call of
-- this endpoint has cost is held, and one unit for the first.

local core = require "fal.core"
local cost = require "fal.cost"
local decimal = require "fal.decimal"
local prices = require "fal.prices"

local Budget = { __name = "fal.Budget" }
Budget.__index = Budget

local budget = {}


-- 'limit': 2.5 or "2.50". nil when it is no amount.
function budget.new(limit)
  local amount = decimal.of(limit)
  if not amount or amount.negative then return nil end
  return setmetatable({ limit = amount, spent = decimal.zero, held = decimal.zero, most = {}, requests = {} }, Budget)
end


local function refusal(id, message, hint)
  return core.error { code = "budget", retryable = false, endpoint_id = id, message = message, hint = hint }
end


-- What a call is held for: decimal | nil, err.
local function amount_for(self, client, id, input)
  local estimate = cost.estimate(client, id, input)
  if estimate.amount and estimate.currency == "USD" then return estimate.amount end
  if estimate.unit_price and estimate.currency == "USD" then return self.most[id] or estimate.unit_price end
  local why = estimate.why
  if why and why.code == "canceled" then return nil, why end
  return nil, refusal(id, "what the call costs is not known, and there is a budget"
    .. (why and " (" .. why.message .. ")" or ", in USD"), why and why.hint)
end


-- Holds what a call may cost: hold | nil, err.
function Budget:reserve(client, id, input)
  local amount, err = amount_for(self, client, id, input)
  if not amount then return nil, err end
  if self.spent + self.held + amount > self.limit then
    local text = "the budget of %s would be passed: %s spent, %s held for calls under way, about %s for this one"
    return nil, refusal(id, text:format(cost.money(self.limit), cost.money(self.spent), cost.money(self.held),
      cost.money(amount)),
      "nothing was sent; raise 'budget' to go on")
  end
  self.held = self.held + amount
  return { budget = self, id = id, amount = amount }
end


-- The request that a call has submitted: whoever gets its result ends the hold.
function budget.submitted(hold, request_id)
  hold.request_id = request_id
  hold.budget.requests[request_id] = hold
end


-- The call has ended: 'units' were billed, or nil: nobody knows, and the
-- estimate stands.
function budget.settle(hold, client, units)
  local self = hold.budget
  if not self then return end
  hold.budget = nil
  if hold.request_id then self.requests[hold.request_id] = nil end
  self.held = self.held - hold.amount
  local amount = hold.amount
  local price = units and prices.book(client):known(hold.id)
  if price then
    amount = decimal.of(units) * price.unit_price
    if not self.most[hold.id] or amount > self.most[hold.id] then self.most[hold.id] = amount end
  end
  self.spent = self.spent + amount
end


return budget
