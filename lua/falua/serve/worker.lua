-- What a worker process calls: worker.load to learn what endpoints a file has,
-- worker.describe for the document of one, worker.run for each request. They
-- return an HTTP status, the answer (a value that becomes JSON, or a string
-- that goes out as it is), headers, and units that it costs. Raising is for
-- bugs, ours and those of endpoints: the caller then gets a plain 500, the log
-- a traceback. A short call should cost next to nothing here.

local fal = require "fal"
local core = require "falua.serve.core"
local endpoint = require "falua.serve.endpoint"
local failure = require "falua.serve.failure"
local new_context = require "falua.serve.context"
local schema = require "falua.serve.schema"

local REALTIME, STREAM = 3, 2

local worker = {}

local source         -- endpoints or apps: what this state was made for
local broken         -- why its file cannot be run


---- Files ----------------------------------------------------------------

local function builtin_lines()
  local endpoints = require "falua.serve.endpoints"
  local lines = {}
  for i, id in ipairs(endpoints.ids()) do
    endpoint.verify(endpoints.find(id))
    lines[i] = endpoint.line(endpoints.find(id))
  end
  return table.concat(lines)
end


-- Makes the state ready for its file: lines for the server, or nil and the
-- lines of what the file seems to have.
local function open()
  local file = core.call "file"
  if file == "" then
    source = require "falua.serve.endpoints"
    return builtin_lines()
  end
  source = require "falua.serve.apps"
  local lines, why, guessed = source.open(file)
  broken = why
  return lines, guessed
end


function worker.load()
  local lines, guessed = open()
  if lines then return 200, lines end
  core.log("error", broken)
  return 500, guessed
end


-- The endpoint; or nil and an answer.
local function find(id)
  if not source then open() end
  local e = source.find(id)
  if e and not broken then return e end
  if broken then
    core.log("error", broken)
    return nil, failure.refuse(500, core.call "file":match "[^/]*$" ..
      " does not load: the log of the server says why", "internal_error")
  end
  return nil, failure.refuse(404, "There is no such endpoint any more")
end


-- What the platform would say of an endpoint: its document, its entry in the
-- list of models, or that with the document, as the body asks.
function worker.describe(id)
  local e, status, answer, headers = find(id)
  if not e then return status, answer, headers end
  local openapi = require "falua.serve.openapi"
  local what, base = core.body(), core.call "base_url"
  if what == "document" then return 200, openapi.document(e, base) end
  return 200, openapi.model(e, base, what == "full")
end


---- Input ----------------------------------------------------------------

local function read_msgpack()
  local input, err = fal.msgpack.decode(core.body())
  if err == nil then return input end
  return nil, {schema.flaw({"body"}, "msgpack_invalid", err.message, {})}
end


-- The value in the body; or nil and the flaws.
local function read(binary)
  if binary then return read_msgpack() end
  local input, err = core.input()
  if err == nil then return input end
  local offset, what = core.flaw(core.body())
  return nil, {schema.flaw({"body", offset}, "json_invalid",
                           "JSON decode error", {},
                           {error = what or err.message})}
end


local function checked(e, binary)
  local input, flaws = read(binary)
  if flaws then return nil, flaws end
  return schema.check(e.input or false, input)
end


-- No POST, or no body.
local function not_plain()
  if core.call "method" ~= "POST" then
    local status, answer, headers = failure.refuse(405, "Method Not Allowed")
    headers.allow = "POST, OPTIONS"
    return status, answer, headers
  end
  return failure.refuse_input {schema.flaw({"body"}, "missing",
                                           "Field required")}
end


---- Output ---------------------------------------------------------------

local function units(e, input, result)
  local u = e.units
  if u == nil then return 1 end
  if type(u) == "function" then
    u = u(input, result)
    if u == nil then return 1 end
  end
  if type(u) ~= "number" or u ~= u or u < 0 then
    error("the units of " .. e.id .. " are no number of 0 or more", 0)
  end
  return u
end


local function succeeded(e, binary, input, result)
  local cost = units(e, input, result)
  if binary then
    local bytes, err = fal.msgpack.encode(result)
    if not bytes then error(tostring(err), 0) end
    return 200, bytes, {["content-type"] = "application/msgpack"}, cost
  elseif type(result) == "string" then  -- else it would go out as it is
    return 200, fal.json.encode(result),
           {["content-type"] = "application/json"}, cost
  end
  return 200, result, nil, cost
end


local function failed(err)
  local log = getmetatable(err) == nil or err.code ~= nil
  if log and not core.canceled() then core.log("error", tostring(err)) end
  return failure.answer(err)
end


---- Running --------------------------------------------------------------

local function chosen(e, kind)
  return kind == STREAM and e.stream or kind == REALTIME and e.realtime or
         e.run
end


-- What may be raised on purpose stays as it is, all else gets a traceback.
local function on_error(err)
  if failure.known(err) then return err end
  return debug.traceback(tostring(err), 2)
end


local function canceled(e, context)
  if e.cancel then e.cancel(context) end
  return failure.refuse(499, "The request was cancelled", "client_cancelled")
end


-- What an endpoint made of it, when that is no result.
local function fruitless(e, context, kind, ok, result, err)
  if not ok and not failure.known(result) then
    error(result, 0)
  elseif not ok then
    return failed(result)
  elseif core.canceled() then
    return canceled(e, context)
  elseif err ~= nil then
    return failed(err)
  elseif kind == STREAM and e.stream then
    return 200, "", {["content-type"] = "application/json"}
  end
  error(e.id .. " returned no result", 0)
end


function worker.run(id, kind)
  local e, status, answer, headers = find(id)
  if not e then return status, answer, headers end
  if not core.plain() then return not_plain() end
  local f = chosen(e, kind)
  if not f then
    return failure.refuse(404, "This endpoint cannot be called like this")
  end
  local context = new_context(id, kind)
  local binary = kind == REALTIME and context.binary
  local input, flaws = checked(e, binary)
  if flaws then return failure.refuse_input(flaws) end
  local ok, result, err = xpcall(f, on_error, input, context)
  if ok and result ~= nil then return succeeded(e, binary, input, result) end
  return fruitless(e, context, kind, ok, result, err)
end


return worker
