-- The endpoints that are built in, by id; endpoint.lua says what one is.

local endpoints = {}

local by_id, ids = {}, {}


function endpoints.add(endpoint)
  if not by_id[endpoint.id] then
    ids[#ids + 1] = endpoint.id
    table.sort(ids)
  end
  by_id[endpoint.id] = endpoint
end


function endpoints.find(id)
  return by_id[id]
end


-- All ids, sorted. Not to be changed.
function endpoints.ids()
  return ids
end


for _, endpoint in ipairs(require "falua.serve.models.all") do
  endpoints.add(endpoint)
end

return endpoints
