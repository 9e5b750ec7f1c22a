-- What is known of endpoints, from the platform (protocol 13.5): fal.models.

local core = require "fal.core"
local calls = require "fal.calls"
local cost = require "fal.cost"
local prices = require "fal.prices"

local models = {}

local DAY = 86400


local function escape(s)
  return (s:gsub("[^%w%-._~]", function (c) return ("%%%02X"):format(c:byte()) end))
end


local function fetch(client, id, expand)
  local answer, err = client:get("api", "v1/models?endpoint_id=" .. escape(id) .. (expand or ""), { timeout = 30 })
  if answer == nil then return calls.named(err, id) end
  for _, model in ipairs(type(answer) == "table" and type(answer.models) == "table" and answer.models or {}) do
    if type(model) == "table" and model.endpoint_id == id then return model end
  end
  return calls.named(core.error {
    code = "protocol", retryable = false, message = "the platform does not know this endpoint",
    hint = "https://fal.ai/models lists them",
  }, id)
end


-- Where a schema is kept for a day, or nil.
local function schema_file(client, id)
  local host = client.box:host "api"
  local folder = prices.folder(host)
  return folder and ("%s/schemas/%s.json"):format(folder, core.digest("sha256", host .. "\n" .. id))
end


local function kept_schema(path)
  local bytes = path and core.read(path, 16 * 1048576)
  local kept = bytes and core.json.decode(bytes)
  if type(kept) == "table" and type(kept.at) == "number" and os.time() - kept.at < DAY
     and type(kept.openapi) == "table" then
    return kept.openapi
  end
end


-- The functions of client.models.
function models.bind(client)
  local bound = {}

  -- { endpoint_id =, metadata = { display_name =, category =, ... } } | nil, err
  function bound.info(id)
    calls.check_id(id, 2)
    return fetch(client, id)
  end

  -- The OpenAPI document of an endpoint, kept on disk for a day | nil, err
  function bound.schema(id, opt)
    calls.check_id(id, 2)
    local path = schema_file(client, id)
    local openapi = not (opt and opt.fresh) and kept_schema(path)
    if openapi then return openapi end
    local model, err = fetch(client, id, "&expand=openapi-3.0")
    if not model then return nil, err end
    openapi = model.openapi
    if type(openapi) ~= "table" then
      return calls.named(core.error {
        code = "protocol", retryable = false, message = "the platform has no schema of this endpoint",
      }, id)
    end
    if path then core.write(path, core.json.encode { at = os.time(), openapi = openapi }, true) end
    return openapi
  end

  -- { endpoint_id =, unit_price =, unit =, currency =, at =, source = }, is it
  -- old | nil, err
  function bound.price(id)
    calls.check_id(id, 2)
    local price, old = prices.book(client):price(client, id)
    if not price then return calls.named(old, id) end
    return price, old
  end

  -- What a call with this input will cost: a cost, estimated or unknown
  function bound.estimate(id, input)
    calls.check_id(id, 2)
    return cost.estimate(client, id, input)
  end

  return bound
end


return models
