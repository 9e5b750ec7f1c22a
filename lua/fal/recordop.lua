-- An operation of the engine, recorded or played: what was taken from it (events,
-- result, error, file), or what the recording has of it.

local core = require "fal.core"
local cassette = require "fal.cassette"

local recordop = {}


-- A call that is not in the recording.
function recordop.missing(call, request)
  local what = request.id and " of " .. request.id or request.url and " of " .. request.url or ""
  return core.error {
    code = "protocol", retryable = false, endpoint_id = request.id,
    message = ("the recording has no such %s%s"):format(call, what),
    hint = "what is asked has changed: record it with the mode 'new', or all of it anew with 'all'",
  }
end


-- The entry is whole: it may be written.
function recordop.closed(self)
  if self.entry.open then
    self.entry.open = nil
    self.recorder:changed()
  end
end


function recordop.plain_error(err)
  local copy = {}
  for name, value in pairs(err) do
    if type(name) == "string" then copy[name] = value end
  end
  return copy
end


---- Recorded -----------------------------------------------------------

local Taped = {}
Taped.__index = Taped


function Taped:done() return self.op:done() end


function Taped:event()
  local kind, value, flags = self.op:event()
  if kind and kind ~= "key" then
    local tape = self.tape
    table.insert(self.entry.events, { kind = kind, value = tape:pack(value), flags = flags ~= 0 and flags or nil })
  end
  return kind, value, flags
end


function Taped:give_key(key)
  self.recorder:hide(key)
  self.op:give_key(key)
end


-- Notes how it ended, and passes that on.
local function ended(self, value, meta)
  local entry, tape = self.entry, self.tape
  if value == nil then entry.error = tape:pack(recordop.plain_error(meta))
  else
    entry.result, entry.meta = tape:pack(value), meta and tape:pack(cassette.meta(meta))
  end
  return value, meta
end


function Taped:result()
  return ended(self, self.op:result())
end


function Taped:saved()
  local meta, err = self.op:saved()
  if meta == nil then
    ended(self, nil, err)
    return nil, err
  end
  self.entry.meta = self.tape:pack(cassette.meta(meta))
  if self.path then
    local name, why = self.tape:keep_file(self.path)
    if not name then return nil, why end
    self.entry.file = name
  end
  return meta
end


-- See Recorder:download.
function Taped.kept() end


function Taped:refused()
  local refused = self.op:refused()
  self.entry.refused = refused or nil
  return refused
end


function Taped:take()
  local value, meta = self:result()
  self:close()
  return value, meta
end


function Taped:close()
  self.op:close()
  recordop.closed(self)
end


function Taped:cancel() self.op:cancel() end


---- The same, played ---------------------------------------------------

local Played = {}
Played.__index = Played


function Played.done() return true end


-- A value of the recording, which is never changed itself. What cannot be read
-- is how the call ends.
local function value_of(self, packed)
  local value, err = self.tape:unpack(packed)
  if err then self.err = self.err or err end
  return value
end


function Played:event()
  local event = not self.err and self.entry.events and self.entry.events[self.at]
  if not event then return nil end
  self.at = self.at + 1
  local value = value_of(self, event.value)
  if self.err then return nil end
  return event.kind, value, event.flags or 0
end


-- Why the call has failed, or nil.
local function failure(self)
  local entry = self.entry
  if entry.error then return core.error(value_of(self, entry.error)) end
  if entry.result == nil and entry.meta == nil then
    return core.error {
      code = "canceled", retryable = false, message = "when this was recorded, the call was given up before its end",
    }
  end
end


function Played:result()
  local value, meta = value_of(self, self.entry.result), value_of(self, self.entry.meta)
  local err = failure(self)
  if self.err or err then return nil, self.err or err end
  if type(value) == "table" and self.seen then value.bytes, value.mtime = self.seen.bytes, self.seen.mtime end
  return value, meta
end


function Played:saved()
  local meta, err = value_of(self, self.entry.meta), failure(self)
  if self.err or err then return nil, self.err or err end
  if self.entry.file then
    local ok, why = core.copy(self.tape:path_of(self.entry.file), self.path, self.overwrite)
    if not ok then return nil, why end
  end
  return meta
end


function Played:refused() return self.entry.refused end


function Played:take() return self:result() end


function Played.close() end
Played.cancel, Played.give_key, Played.kept = Played.close, Played.close, Played.close


---- Both ---------------------------------------------------------------

-- self has recorder, tape, entry, and the real operation (op); a download its
-- path and overwrite, an upload what its file is (seen).
function recordop.taped(self)
  return setmetatable(self, Taped)
end


-- The same without an operation.
function recordop.played(self)
  self.at = 1
  return setmetatable(self, Played)
end


return recordop
