-- Record and replay: what calls came to, for tests that need no server.
--
--   local recorder = fal.check(fal.record("spec/cassettes/hero.json"))
--   ...                      -- any calls of any client
--   fal.check(recorder:stop())
--
-- Every call of the engine that goes over the network passes here while a
-- recorder is there (calls.engine), and nowhere else. What it is given instead of
-- an operation is in recordop.lua, instead of a socket in recordsocket.lua; the
-- file is cassette.lua's.
--
-- A call is known by what was asked: its kind, endpoint, input and the options
-- that change the answer. The same call asked twice gets the first answer
-- first. Without a recorder all this costs one look at a variable.

local core = require "fal.core"
local calls = require "fal.calls"
local cassette = require "fal.cassette"
local recordop = require "fal.recordop"
local recordsocket = require "fal.recordsocket"
local tasks = require "fal.tasks"

local record = {}

local MODES = { once = true, none = true, new = true, all = true }

-- Options that make another call of it.
local ASKED = {
  "path", "method", "query", "request_id", "logs", "statuses", "no_result", "mode", "webhook_url",
}

-- What is looked up may be looked up again.
local REPEATED = { get = true, post = true }

local Recorder = { __name = "fal.Recorder" }
Recorder.__index = Recorder


---- Finding and making entries -----------------------------------------

-- The next recorded call with this mark, or nil.
function Recorder:find(mark)
  local list = self.known[mark]
  if not list then return nil end
  local entry = list[list.at]
  if entry then list.at = list.at + 1
  elseif REPEATED[list[1].call] then entry = list[#list] end
  return entry
end


-- An operation: played when it is known, else the real one | nil, err.
-- more: fields of the operation's wrapper.
function Recorder:operation(call, request, more, start)
  local mark = self.tape:mark(call, request)
  local entry = self:find(mark)
  local wrapper = more or {}
  wrapper.recorder, wrapper.tape, wrapper.entry = self, self.tape, entry
  if entry then return recordop.played(wrapper), 0 end
  if not self.records then return nil, recordop.missing(call, request) end
  local op, id = start()
  if not op then return nil, id end
  wrapper.op = op
  wrapper.entry = { call = call, request = self.tape:pack(request), events = core.json.array {}, open = true }
  table.insert(self.tape.calls, wrapper.entry)
  return recordop.taped(wrapper), id
end


local function replace(text, secret)
  local parts, from = {}, 1
  while true do
    local at, last = text:find(secret, from, true)
    if not at then return table.concat(parts) .. text:sub(from) end
    parts[#parts + 1] = text:sub(from, at - 1) .. "KEY"
    from = last + 1
  end
end


-- Whoever holds a key has it hidden: in all that is written from now on.
function Recorder:hide(key, box)
  local scrubs = self.tape.scrubs
  if box and not self.boxes[box] then
    self.boxes[box] = true
    scrubs[function (text)   -- a client that is closed makes no calls
      local open, clean = pcall(box.scrub, box, text)
      return open and clean or text
    end] = true
  end
  if type(key) == "string" and key ~= "" and not self.keys[key] then
    self.keys[key] = true
    local secret = key:match ":(.+)$"
    scrubs[function (text)
      text = replace(text, key)
      return secret and #secret >= 8 and replace(text, secret) or text
    end] = true
  end
end


---- What the engine does -----------------------------------------------

-- The input as it is sent: nil, err when it cannot be.
local function sent(input)
  if input == nil then return nil end
  local text, err = core.json.encode(input)
  if not text then return nil, err end
  return core.json.decode(text)
end


local function call_of(name)
  Recorder[name] = function (self, box, id, opt, key, tell)
    self:hide(key, box)
    local input, err = sent(opt.input)
    if err then return nil, err end
    local request = { id = id, input = input }
    for _, field in ipairs(ASKED) do request[field] = opt[field] end
    if opt.webhook_url then request.webhook_url = cassette.url(opt.webhook_url) end
    if opt.query then request.query = cassette.query(opt.query) end
    return self:operation(name, request, nil, function ()
      local engine = tasks.engine()
      return engine[name](engine, box, id, opt, key, tell)
    end)
  end
end

for _, name in ipairs { "run", "submit", "subscribe", "stream" } do call_of(name) end


function Recorder:about(box, what, id, request_id, opt, key, tell)
  self:hide(key, box)
  return self:operation(what, { id = id, request_id = request_id, logs = opt.logs }, nil, function ()
    return tasks.engine():about(box, what, id, request_id, opt, key, tell)
  end)
end


function Recorder:get(box, role, path, key, timeout)
  self:hide(key, box)
  return self:operation("get", { role = role, path = cassette.url(path) }, nil, function ()
    return tasks.engine():get(box, role, path, key, timeout)
  end)
end


-- The token of a storage is the only thing that is asked for so: it stays
-- out of the recording, and is not needed to play it.
function Recorder:post(box, role, path, json, key, timeout)
  self:hide(key, box)
  local op, id = self:operation("post", { role = role, path = path }, nil, function ()
    return tasks.engine():post(box, role, path, json, key, timeout)
  end)
  if op and op.op then
    local real = op.op
    op.op = setmetatable({ result = function ()
      local value, meta = real:result()
      if type(value) == "table" and type(value.token) == "string" then self:hide(value.token) end
      return value, meta
    end }, { __index = function (_, name) return function (_, ...) return real[name](real, ...) end end })
  end
  return op, id
end


function Recorder:download(box, url, path, opt)
  if url:find "^data:" then return tasks.engine():download(box, url, path, opt) end
  self:hide(nil, box)
  opt.keep = nil   -- what is recorded is a file
  return self:operation("download", { url = cassette.url(url) }, { path = path, overwrite = opt.overwrite }, function ()
    return tasks.engine():download(box, url, path, opt)
  end)
end


-- What a file is: { digest =, bytes =, mtime = } | nil, err.
local function look_at(path)
  local op, id = tasks.engine():digest("sha256", path)
  if not op then return nil, id end
  local ok, err = tasks.wait_op(op, id)
  if not ok then return nil, err end
  local seen, why = op:result()
  op:close()
  if not seen then return nil, why end
  return seen
end


function Recorder:upload(box, _, what, key, tell)
  self:hide(key, box)
  local seen, err
  if what.path then
    seen, err = look_at(what.path)
    if not seen then return nil, err end
  end
  return self:operation("upload", {
    sha256 = seen and seen.digest or core.digest("sha256", what.bytes), content_type = what.content_type,
    file_name = what.file_name, repository = what.repository, lifecycle = what.lifecycle,
  }, { seen = seen }, function () return tasks.engine():upload(box, nil, what, key, tell) end)
end


---- Sockets ------------------------------------------------------------

function Recorder:realtime(box, id, opt)
  self:hide(nil, box)
  local request = { id = id, path = opt.path }
  local entry = self:find(self.tape:mark("realtime", request))
  if entry then
    local events = {}
    for i, event in ipairs(entry.events or {}) do events[i] = event end
    self.sockets = self.sockets + 1
    return recordsocket.played {
      recorder = self, tape = self.tape, entry = { events = events, request = request }, id = -self.sockets,
    }, -self.sockets
  end
  if not self.records then return nil, recordop.missing("realtime connection", request) end
  local op, op_id = core.realtime.new(tasks.engine(), box, id, opt)
  if not op then return nil, op_id end
  entry = { call = "realtime", request = self.tape:pack(request), events = core.json.array {}, open = true }
  table.insert(self.tape.calls, entry)
  return recordsocket.taped { recorder = self, tape = self.tape, entry = entry, op = op }, op_id
end


---- The recorder -------------------------------------------------------

-- Writes now and then: a recording of n calls is not written n times.
function Recorder:changed()
  self.unsaved = self.unsaved + 1
  if self.unsaved * 8 < #self.tape.calls and #self.tape.calls > 16 then return end
  self.unsaved = 0
  local ok, err = self.tape:save()
  if not ok then self.err = self.err or err end
end


-- Ends recording or playing: true | nil, err (it could not be written). A file
-- is written when there was something to record.
function Recorder:stop()
  if calls.recorder == self then calls.recorder = nil end
  if self.stopped or not self.records then return true end
  self.stopped = true
  if #self.tape.calls == self.played and not self.anew then return true end
  for _, entry in ipairs(self.tape.calls) do entry.open = nil end   -- sockets nobody has closed
  local ok, err = self.tape:save()
  if not ok then return nil, err end
  if self.anew then self.tape:tidy() end
  if self.err then return nil, self.err end
  return true
end


-- Begins to record to, or play, the file at 'path': recorder | nil, err. Mode:
-- "once" (plays what is there, records when there is no file), "none" (plays),
-- "new" (plays what it knows, records the rest), "all" (records anew).
function record.start(path, mode)
  if type(path) ~= "string" or path == "" then error("fal.record takes the path of a file, not a " .. type(path), 2) end
  mode = mode or "once"
  if not MODES[mode] then
    error("fal.record has the modes once, none, new and all, not '" .. tostring(mode) .. "'", 2)
  end
  if calls.recorder then error("there is a recording already: stop it first", 2) end
  local tape, there = cassette.open(path, mode == "all")
  if not tape then return nil, there end
  if mode == "none" and not there then
    return nil, core.error {
      code = "file", retryable = false, message = path .. " is not there, and the mode is 'none'",
      hint = "record it once with the mode 'once'",
    }
  end
  local self = setmetatable({
    tape = tape, records = mode == "all" or mode == "new" or mode == "once" and not there, known = {}, unsaved = 0,
    keys = {}, boxes = {}, sockets = 0, err = false, stopped = false, anew = mode == "all", played = #tape.calls,
  }, Recorder)
  for _, entry in ipairs(tape.calls) do
    local mark = entry.call .. " " .. core.json.encode(entry.request, { sorted = true })
    local list = self.known[mark] or { at = 1 }
    self.known[mark] = list
    list[#list + 1] = entry
  end
  calls.recorder = self
  return self
end


return record
