-- What an endpoint is, whoever made it: a table with
--
--   id           "owner/name"
--   input        fields, see schema.lua; without them any object is taken
--   output       fields of the result, for documents only
--   run(input, context)       -> result; or nil and an error: a text, an error
--                object of 'fal', or one made by context.flaw or context.fail,
--                which may be raised too
--   stream(input, context)    what comes with context.emit is sent as it
--                comes, the result last; 'run' when there is none
--   realtime(input, context)  the same for each message of a connection
--   cancel(context)           called when a call that ran was canceled
--   units        what a call costs: a number, or a function of input and
--                result; one, when there is none
--   limits       {time = seconds, memory = bytes, concurrency = calls}
--   description, title, category, thumbnail   for people

local options = require "fal.options"
local schema = require "falua.serve.schema"

local endpoint = {}

local words = {
  id = "string", input = "table", output = "table", run = "function",
  stream = "function", realtime = "function", cancel = "function",
  units = "number|function", limits = "table", description = "string",
  title = "string", category = "string", thumbnail = "string",
}

local limits = {time = "number", memory = "number", concurrency = "number"}

-- First parts of paths that mean something else.
local reserved = {
  queue = true, rest = true, ws = true, api = true, files = true,
  metrics = true, health = true,
}

local NO_PLACE = 100


-- Raises for what no endpoint can be called.
function endpoint.check_id(id, level)
  if type(id) ~= "string" then
    error("an endpoint's id is a string, not a " .. type(id), level + 1)
  end
  local first = id:match "^[^/]*"
  if #id > 200 or not (id .. "/"):match "^[%w][%w%._%-]*/[%w%._%-/]*$" or
     id:find("//", 1, true) or id:sub(-1) == "/" or
     ("/" .. id .. "/"):find("/%.+/") then
    error("'" .. id .. "' is no endpoint's id: it looks like 'local/poster'",
          level + 1)
  elseif reserved[first] then
    error("an endpoint's id cannot begin with '" .. first .. "/', which is " ..
          "the server's own", level + 1)
  end
end


local function check_limits(given)
  options.check("limits", given, limits, NO_PLACE)
  for name, value in pairs(given) do
    if value ~= value or value <= 0 or value == math.huge then
      error("limits." .. name .. " must be above 0", 0)
    end
  end
  if given.memory and given.memory < 4 * 2^20 then
    error("limits.memory is in bytes, and at least 4 * 2^20", 0)
  end
end


-- Raises a text when an endpoint makes no sense. Names that are near to one
-- of ours are taken for slips of the finger; others are the author's own.
function endpoint.verify(e)
  for name, value in pairs(e) do
    local near = not words[name] and type(name) == "string" and
                 options.nearest(name, words)
    if near then
      error(("an endpoint has no '%s': did you mean '%s'?"):format(name, near),
            0)
    elseif words[name] then
      options.check("an endpoint", {[name] = value}, words, NO_PLACE)
    end
  end
  if not (e.run or e.stream or e.realtime) then
    error("an endpoint needs a function 'run'", 0)
  end
  if e.input then schema.verify("input", e.input) end
  if e.output then schema.verify("output", e.output) end
  if e.limits then check_limits(e.limits) end
end


-- A line that the server reads (pool.h, catalog_loaded).
function endpoint.line(e)
  local l = e.limits or {}
  return ("endpoint\t%s\t%.17g\t%d\t%d\n"):format(e.id, l.time or 0,
    math.floor(l.memory or 0), math.ceil(l.concurrency or 0))
end


return endpoint
