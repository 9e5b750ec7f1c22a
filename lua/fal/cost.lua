-- What calls cost: units that the server billed times the price of a unit.
--
-- An amount is exact (billed units, a price of today), estimated (an old
-- price, or units guessed from the input) or unknown; the kinds are never
-- added up. All arithmetic is decimal.

local core = require "fal.core"
local decimal = require "fal.decimal"
local prices = require "fal.prices"

local Cost = { __name = "fal.Cost" }
Cost.__index = Cost

local cost = {}


-- "$0.025", "0.02 EUR"
function cost.money(amount, currency)
  local text = amount:fixed(2)
  if currency and currency ~= "USD" then return text .. " " .. currency end
  return amount.negative and "-$" .. text:sub(2) or "$" .. text
end


function Cost.__tostring(c)
  if c.kind == "unknown" then return "unknown" end
  return (c.kind == "estimated" and "about " or "") .. cost.money(c.amount, c.currency)
end


-- A cost: { kind =, amount = decimal, units =, unit =, unit_price =, currency
-- =, priced_at =, why = }. amount is nil when it is unknown.
local function new(kind, units, price, why)
  local c = { kind = kind, units = units, why = why }
  if price then
    c.unit, c.unit_price, c.currency, c.priced_at = price.unit, price.unit_price, price.currency, price.at
    if units then c.amount = units * price.unit_price end
  end
  if not c.amount then c.kind = "unknown" end
  return setmetatable(c, Cost)
end


function cost.nothing()
  return setmetatable({ kind = "exact", amount = decimal.zero, units = decimal.zero, currency = "USD" }, Cost)
end


---- Units of an input --------------------------------------------------

-- Width times height by name (protocol 13.1).
local SIZES = {
  square_hd = { 1024, 1024 }, square = { 512, 512 }, portrait_4_3 = { 768, 1024 }, portrait_16_9 = { 576, 1024 },
  landscape_4_3 = { 1024, 768 }, landscape_16_9 = { 1024, 576 },
}

-- What the platform's names of units count.
local UNITS = {
  image = "images", picture = "images", megapixel = "megapixels", second = "seconds", video = "calls",
  request = "calls", call = "calls", generation = "calls", inference = "calls", run = "calls",
}


local function whole(value, otherwise)
  value = tonumber(value)
  return value and value >= 1 and value < 1e9 and value or otherwise
end


-- What an input asks for, in the units that prices are in. A picture without
-- a size counts as one megapixel; parts of a megapixel count as a whole one.
local function quantities(input)
  if type(input) ~= "table" then input = {} end
  local images = whole(input.num_images, 1)
  local size = input.image_size
  if type(size) == "string" then size = SIZES[size] end
  size = type(size) == "table" and size or {}
  local width, height = whole(size.width or size[1]), whole(size.height or size[2])
  local each = width and height and math.ceil(width * height / 1048576) or 1
  return { calls = 1, images = images, megapixels = images * each, seconds = whole(input.duration) }
end


-- How many units of a price those are, or nil.
local function count(price, q)
  local word = price.unit:lower():match "^%s*(%a+)%s*$"
  local what = word and (UNITS[word] or UNITS[word:gsub("s$", "")])
  return what and q[what] and decimal.of(q[what])
end


-- What a call will cost, as far as its input tells.
function cost.estimate(client, id, input)
  local price, old = prices.book(client):price(client, id)
  if not price then return new("unknown", nil, nil, old) end
  local units = count(price, quantities(input))
  return new("estimated", units, price, not units and core.error {
    code = "protocol", retryable = false, endpoint_id = id,
    message = "the input does not tell how many " .. price.unit .. " it takes",
  } or nil)
end


-- What a call did cost: meta.cost.
function cost.of(client, meta)
  if meta.cached then return cost.nothing() end
  local price, old = prices.book(client):known(meta.endpoint_id)
  local units = meta.billable_units and decimal.of(meta.billable_units)
  if not price then return new("unknown", units, nil, old) end
  return new(old and "estimated" or "exact", units, price)
end


---- The ledger ---------------------------------------------------------

-- What was spent, by book and endpoint: see calls.spent, which fills it.
local function row_of(client, id, entry, fetch)
  local book = prices.book(client)
  local price, old
  if fetch and not client.closed then price, old = book:price(client, id) else price, old = book:known(id) end
  local row = {
    endpoint_id = id, calls = entry.calls, cached = entry.cached, failed = entry.failed, units = decimal.zero,
    exact = decimal.zero, estimated = decimal.zero, unknown = 0, currency = price and price.currency or "USD",
    unit = price and price.unit, unit_price = price and price.unit_price, priced_at = price and price.at,
  }
  for units, times in pairs(entry.units) do
    local sum = decimal.of(units) * times
    row.units = row.units + sum
    if price and old then row.estimated = row.estimated + sum * price.unit_price
    elseif price then row.exact = row.exact + sum * price.unit_price
    elseif units ~= 0 then row.unknown = row.unknown + times end
  end
  for _, input in ipairs(entry.unsure) do
    local n = price and count(price, quantities(input))
    if n then row.estimated = row.estimated + n * price.unit_price
    else row.unknown = row.unknown + 1 end
  end
  row.unknown = row.unknown + entry.lost
  return row
end


local Report = { __name = "fal.CostReport" }
Report.__index = Report


-- The three kinds of a sum as one text.
function cost.sums(t)
  local parts = {}
  if not t.exact:iszero() or t.estimated:iszero() and t.unknown == 0 then parts[1] = cost.money(t.exact, t.currency) end
  if not t.estimated:iszero() then parts[#parts + 1] = "about " .. cost.money(t.estimated, t.currency) end
  if t.unknown > 0 then
    parts[#parts + 1] = ("%d call%s of unknown cost"):format(t.unknown, t.unknown == 1 and "" or "s")
  end
  return table.concat(parts, " + ")
end


local function line(row)
  local about = ("%s: %d call%s"):format(row.endpoint_id, row.calls, row.calls == 1 and "" or "s")
  if row.unit_price then
    about = about .. (", %s %s at %s"):format(tostring(row.units), row.unit, cost.money(row.unit_price, row.currency))
    if row.priced_at then about = about .. os.date(" (%Y-%m-%d)", row.priced_at) end
  end
  if row.cached > 0 then about = about .. (", %d cached"):format(row.cached) end
  return about .. " = " .. cost.sums(row)
end


-- A line for each endpoint, and the sum.
function Report.__tostring(report)
  local lines = {}
  for i, row in ipairs(report.models) do lines[i] = line(row) end
  lines[#lines + 1] = "total: " .. cost.sums(report)
  return table.concat(lines, "\n")
end


-- The ledger as a report. With 'fetch' prices that are not known are asked for.
-- Sums are those in dollars; other currencies are unknown to them.
function cost.report(ledgers, fetch)
  local report = setmetatable({
    models = {}, calls = 0, exact = decimal.zero, estimated = decimal.zero, unknown = 0, currency = "USD",
  }, Report)
  for _, ledger in ipairs(ledgers) do
    for id, entry in pairs(ledger.rows) do
      local row = row_of(ledger.client, id, entry, fetch)
      report.models[#report.models + 1] = row
      report.calls = report.calls + row.calls
      if row.currency == "USD" then
        report.exact, report.estimated = report.exact + row.exact, report.estimated + row.estimated
        report.unknown = report.unknown + row.unknown
      else report.unknown = report.unknown + row.calls end
    end
  end
  table.sort(report.models, function (a, b) return a.endpoint_id < b.endpoint_id end)
  return report
end


return cost
