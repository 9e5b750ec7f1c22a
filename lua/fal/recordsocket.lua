-- A realtime connection, recorded as what was sent and what came, in that order.
-- Played again, what came after a message waits for that message.

local core = require "fal.core"
local recordop = require "fal.recordop"
local tasks = require "fal.tasks"

local recordsocket = {}

local TapedSocket, PlayedSocket = {}, {}
TapedSocket.__index, PlayedSocket.__index = TapedSocket, PlayedSocket


-- A message as MessagePack would carry it: marks of bytes are gone.
local function message_of(input)
  local bytes, err = core.msgpack.encode(input)
  if not bytes then return nil, err end
  return core.msgpack.decode(bytes)
end


local function note(self, event)
  table.insert(self.entry.events, event)
end


function TapedSocket:pack(input)
  local ok, err = self.op:pack(input)
  if ok then note(self, { sent = self.tape:pack(message_of(input)) }) end
  return ok, err
end


function TapedSocket:send(bytes, text)
  local ok, err = self.op:send(bytes, text)
  if ok then note(self, { sent = self.tape:pack(bytes) }) end
  return ok, err
end


function TapedSocket:event(raw)
  local kind, value, more = self.op:event(raw)
  if kind then
    local tape = self.tape
    local packed = value
    if kind == "error" then packed = recordop.plain_error(value) end
    note(self, {
      kind = kind, value = tape:pack(packed), more = more ~= nil and tape:pack(more) or nil,
      alive = self.op:alive() and true or false,
    })
  end
  return kind, value, more
end


function TapedSocket:hangup()
  self.op:hangup()
  recordop.closed(self)
end


function TapedSocket:give_key(key)
  self.recorder:hide(key)
  self.op:give_key(key)
end


function TapedSocket:open() return self.op:open() end
function TapedSocket:alive() return self.op:alive() end
function TapedSocket:wake_in(seconds) return self.op:wake_in(seconds) end
function TapedSocket:needs_key() return self.op:needs_key() end
function TapedSocket:reset(forget) self.op:reset(forget) end


-- Whether a message of the recording is this one.
local function same(tape, packed, message)
  local value, err = tape:unpack(packed)
  return not err and tape:mark("sent", { value }) == tape:mark("sent", { message })
end


-- Takes a message that is sent off the recording.
local function expect(self, message)
  local events = self.entry.events
  local at = self.at
  while events[at] and events[at].sent == nil do at = at + 1 end   -- what came may be taken later
  local event = events[at]
  local tape = self.tape
  if not event or not same(tape, event.sent, message) then
    return nil, recordop.missing("message sent", { id = self.entry.request.id })
  end
  table.remove(events, at)
  self.is_alive = true
  tasks.wake(self.id)
  return true
end


function PlayedSocket:pack(input)
  local message, err = message_of(input)
  if err then return nil, err end
  return expect(self, message)
end


function PlayedSocket:send(bytes) return expect(self, bytes) end


function PlayedSocket:event()
  local event = self.entry.events[self.at]
  if not event or event.sent ~= nil then return nil end
  self.at, self.is_alive = self.at + 1, event.alive
  local value, err = self.tape:unpack(event.value)
  local more, why = self.tape:unpack(event.more)
  if err or why then
    self.at, self.is_alive = #self.entry.events + 1, false
    return "error", err or why
  end
  if event.kind == "error" then value = core.error(value) end
  return event.kind, value, more
end


function PlayedSocket:alive() return self.is_alive end
function PlayedSocket.wake_in() return false end
function PlayedSocket.open() return true end
function PlayedSocket.needs_key() return false end
function PlayedSocket.give_key() end
PlayedSocket.reset, PlayedSocket.hangup = PlayedSocket.give_key, PlayedSocket.give_key


-- self has recorder, tape, entry and the real socket (op).
function recordsocket.taped(self)
  return setmetatable(self, TapedSocket)
end


-- self has recorder, tape, an entry of its own (events are taken off it) and the
-- id of an operation.
function recordsocket.played(self)
  self.at, self.is_alive = 1, true
  return setmetatable(self, PlayedSocket)
end


return recordsocket
