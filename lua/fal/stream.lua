-- A model's own events as they come:
--
--   local stream = fal.check(fal.stream("fal-ai/x", { input = ... }))
--   for event in stream do ... end
--   local final, err = stream:done()

local core = require "fal.core"
local calls = require "fal.calls"
local options = require "fal.options"

local Stream = {}
Stream.__name = "fal.Stream"

local OPTIONS = calls.with { idle_timeout = "number" }

local methods = {}


function Stream.__index(_, key)
  return methods[key]
end


-- Takes events until one is for the caller: event | nil (it ended).
local function next_event(stream)
  if stream.ended then return nil end
  local event, found
  local function on_event(kind, value)
    if kind ~= "data" and kind ~= "bytes" then return true end
    event, found = value, true
    return nil, stream  -- stop here: one at a time
  end
  local ok, why = calls.wait(stream.client, stream.id, stream.op, stream.op_id, on_event)
  if found then
    stream.last = event
    return event
  end
  stream.ended = true
  if not ok then
    stream.err = why
  else
    local meta, err = stream.op:saved()
    if meta then
      meta.endpoint_id = stream.id
      stream.meta = stream.client:classify(meta)
    else
      stream.err = err
    end
  end
  if stream.err then calls.named(stream.err, stream.id) end
  calls.spent(stream.client, stream.id, stream.hold, stream.meta, stream.err, stream.input)
  stream.op:close()
  return nil
end


-- for event in stream do ... end. Falsy events (false, JSON null is fal.null)
-- end no loop: only the end of the stream does, for nil alone is none.
function Stream.__call(stream)
  return next_event(stream)
end


-- Reads to the end: the last event, meta | nil, err.
function methods.done(stream)
  while next_event(stream) ~= nil do end  -- luacheck: ignore
  if stream.err then return nil, stream.err end
  if stream.last == nil then
    return calls.named(core.error {
      code = "protocol", message = "the stream ended without an event", retryable = false,
    }, stream.id)
  end
  return stream.last, stream.meta
end


-- Ends it now, and its connection. Nothing happens when it has ended.
function methods.close(stream)
  if stream.ended then return end
  stream.ended = true
  stream.err = core.error { code = "canceled", message = "the stream was closed", retryable = false }
  calls.named(stream.err, stream.id)
  stream.op:close()
  calls.spent(stream.client, stream.id, stream.hold, nil, stream.err, stream.input)
end

Stream.__close = methods.close


-- stream | nil, err. HTTP errors show when the first event is asked for.
return function (client, id, opt)
  calls.check_id(id, 2)
  opt = options.check("stream", opt, OPTIONS, 2)
  opt = calls.prepared(client, opt)
  local op, op_id, sent, hold = calls.start(client, "stream", id, opt)
  if not op then return nil, op_id end
  return setmetatable({
    client = client, id = id, op = op, op_id = op_id, input = sent, hold = hold, ended = false,
  }, Stream)
end
