--- The platform's API of the fault server (/api/v1/...), and calls that are
-- billed as they ask for.
--
-- /fault/bill/UNITS answers 200 and bills UNITS ("none": says nothing of it);
-- /fault/bill/UNITS/STATUS answers with that status. What endpoints cost is in
-- 'prices'.

local cjson = require "cjson"

local prices = {
  ["fault/bill/1"] = { unit_price = 0.025, unit = "images" },
  ["fault/bill/2.5"] = { unit_price = 0.1, unit = "megapixels" },
  ["fault/bill/none"] = { unit_price = 0.25, unit = "images" },
  ["fault/bill/none/500"] = { unit_price = 0.25, unit = "images" },
  ["fault/bill/0/422"] = { unit_price = 0.25, unit = "images" },
  ["fault/bill/0.001"] = { unit_price = 3, unit = "compute seconds" },
  ["fault/bill/7"] = { unit_price = 1, unit = "images", currency = "EUR" },
  ["q/picture"] = { unit_price = 0.01, unit = "images" },
  ["q/mixed"] = { unit_price = 0.25, unit = "images" },
  ["q/quick"] = { unit_price = 0.5, unit = "requests" },
  ["q/normal"] = { unit_price = 0.5, unit = "requests" },
}


local function bill(c, r, units, status)
  local headers = units ~= "none" and { "X-Fal-Billable-Units: " .. units } or nil
  local code = math.tointeger(tonumber(status))
  if code then return c:json(code, { detail = "status " .. code }, headers) end
  return c:json(200, { seed = 1, echo = r.body }, headers)
end


local function ids(query)
  local list = {}
  for value in query:gmatch "endpoint_id=([^&]*)" do
    list[#list + 1] = value:gsub("%%(%x%x)", function (x) return string.char(tonumber(x, 16)) end)
  end
  return list
end


local function pricing(c, r)
  c.count("pricing", 1)
  local found = cjson.decode "[]"
  for _, id in ipairs(ids(r.query)) do
    local p = prices[id]
    if p then
      found[#found + 1] = { endpoint_id = id, unit_price = p.unit_price, unit = p.unit, currency = p.currency or "USD" }
    end
  end
  return c:json(200, { prices = found, next_cursor = cjson.null, has_more = false })
end


local function models(c, r)
  c.count("models", 1)
  local found = cjson.decode "[]"
  for _, id in ipairs(ids(r.query)) do
    if prices[id] then
      found[#found + 1] = {
        endpoint_id = id, metadata = { display_name = "The " .. id },
        openapi = r.query:find("expand=openapi-3.0", 1, true) and { openapi = "3.0.4", paths = { ["/" .. id] = {} } }
          or nil,
      }
    end
  end
  return c:json(200, { models = found, has_more = false })
end


-- The requests of an endpoint that the queue has accepted, one a page.
local function requests(c, r)
  c.count("listed", 1)
  local id, at = ids(r.query)[1], tonumber(r.query:match "cursor=(%d+)") or 0
  local items, n = cjson.decode "[]", 0
  for _, seen in ipairs(c.log()) do
    if seen.rid and seen.kind == "submit" and seen.path:match "^/queue/(.*)$" == id then
      n = n + 1
      if n > at and #items < 1 then
        items[#items + 1] = { request_id = seen.rid, endpoint_id = id, json_input = cjson.decode(seen.body) }
      end
    end
  end
  local more = at + #items < n
  return c:json(200, { items = items, has_more = more, next_cursor = more and tostring(at + #items) or cjson.null })
end


return function (all)
  all.list.bill = bill
  all.list.v1 = function (c, r, ...)
    local path = table.concat({ ... }, "/")
    if path == "models/pricing" then return pricing(c, r) end
    if path == "models" then return models(c, r) end
    if path == "models/requests/by-endpoint" then return requests(c, r) end
    return c:json(404, { detail = "Not Found" })
  end
end
