-- What a worker process calls: worker.load to learn what endpoints there are,
-- worker.run for each request, which finds the endpoint, reads and checks the
-- input, runs it. They return an HTTP status, the answer (a value that becomes
-- JSON, or a string that goes out as it is) and headers. Raising is for bugs:
-- the caller then gets a plain 500.

local fal = require "fal"
local core = require "falua.serve.core"
local endpoints = require "falua.serve.endpoints"
local schema = require "falua.serve.schema"

-- Statuses for errors of the world that an endpoint may return.
local statuses = {
  canceled = {499, "client_disconnected"},
  file = {507, "internal_error"},
  toobig = {413, "bad_request"},
}


local function headers(units)
  return {
    ["x-fal-billable-units"] = tostring(units or 0),
    ["x-fal-served-from"] = "falua-preview",
  }
end


local function refuse(status, detail, error_type)
  local h = headers()
  h["x-fal-error-type"] = error_type
  return status, {detail = detail, error_type = error_type}, h
end


-- 422 with a list of what is wrong. Trying again will not help.
local function refuse_input(flaws)
  local h = headers()
  h["x-fal-needs-retry"] = "0"
  h["x-fal-retryable"] = "false"
  return 422, {detail = fal.array(flaws)}, h
end


-- The JSON in the body; or nil and the flaws.
local function read(body)
  if body == "" then
    return nil, {schema.flaw({"body"}, "missing", "Field required")}
  end
  local input, err = fal.json.decode(body)
  if err == nil then return input end
  local offset, what = core.flaw(body)
  return nil, {schema.flaw({"body", offset}, "json_invalid",
                           "JSON decode error", {},
                           {error = what or err.message})}
end


local function failed(err)
  local s = statuses[err.code] or {500, "internal_error"}
  if err.code ~= "canceled" then core.log("error", tostring(err)) end
  return refuse(s[1], err.message, s[2])
end


local worker = {}


-- Lines that the server reads (pool.h, catalog_loaded).
function worker.load()
  local lines = {}
  for i, id in ipairs(endpoints.ids()) do
    local limits = endpoints.find(id).limits or {}
    lines[i] = ("endpoint\t%s\t%s\t%s\t%s\n"):format(id, limits.time or 0,
      limits.memory or 0, limits.concurrency or 0)
  end
  return 200, table.concat(lines)
end


function worker.run(request)
  local endpoint = endpoints.find(request.endpoint)
  if not endpoint then
    return refuse(404, "There is no such endpoint any more")
  elseif request.method ~= "POST" then
    local status, answer, h = refuse(405, "Method Not Allowed")
    h.allow = "POST, OPTIONS"
    return status, answer, h
  end
  local input, flaws = read(request.body)
  if not flaws then
    input, flaws = schema.check(endpoint.input, input)
  end
  if flaws then return refuse_input(flaws) end
  local result, more = endpoint.run(input, request)
  if result == nil then return failed(more) end
  return 200, result, headers(more)
end


return worker
