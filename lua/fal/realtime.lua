-- Realtime connections:
--
--   local conn = fal.check(fal.realtime.connect("fal-ai/x", { throttle_interval = 0 }))
--   conn:send { prompt = "..." }
--   local result, err = conn:recv(10)
--   for result in conn do ... end      -- until the server closes it
--   conn:close()
--
-- Nothing is opened before the first send (or recv); what the server closed is
-- opened again by the next send. With on_result a task of the connection hands
-- the results out as they come.

local core = require "fal.core"
local calls = require "fal.calls"
local options = require "fal.options"
local tasks = require "fal.tasks"

local realtime = {}

local OPTIONS = {
  on_result = "function", on_error = "function", max_buffering = "number", throttle_interval = "number",
  token_expiration = "number", path = "string", encode = "function", decode = "function",
  max_message = "number", ping_interval = "number",
}

local THROTTLE = 0.128   -- as the official clients do

local methods = {}
local Connection = { __index = methods, __name = "fal.Connection" }


local function failed(conn, code, message, more)
  local err = more or {}
  err.code, err.message, err.retryable = code, message, code == "timeout"
  return calls.named(core.error(err), conn.id)
end


-- Opening may need a key that has changed meanwhile.
local function renew_key(conn)
  if conn.client.credentials and conn.op:needs_key() then
    local key, err = calls.key_of(conn.client)
    if not key then return calls.named(err, conn.id) end
    conn.op:give_key(key)
  end
  return true
end


-- What a decoded message is: true (a result), false (not for the caller), or
-- nil and an error. (The core has seen to those that came as text.)
local function classify(conn, value)
  if type(value) ~= "table" then return true end
  local kind, why = value.type, tostring(value.error)
  if kind == "x-fal-message" then return false end
  if kind ~= "x-fal-error" and value.status ~= "error" then return true end
  if kind == "x-fal-error" and why == "TIMEOUT" then
    conn.op:reset(false)
    return false
  end
  local denied = kind ~= "x-fal-error" and why == "Unauthorized"
  if denied then conn.op:reset(true) end
  local reason = value.reason or value.message
  return failed(conn, denied and "auth" or "model", reason and why .. ": " .. tostring(reason) or why,
                { type = why, detail = value })
end


-- A message's value: true, value | false | nil, err
local function opened(conn, value)
  if conn.decode then
    local err
    value, err = conn.decode(value)
    if value == nil and err ~= nil then return nil, err end
    if value == nil then return false end
  end
  local result, err = classify(conn, value)
  if result then return true, value end
  return result, err
end


-- Takes what has come: true, value | nil, err | false (closed) | nothing.
local function take(conn)
  local op, raw = conn.op, conn.decode ~= nil
  local kind, value, more = op:event(raw)
  while kind do
    if kind == "message" then
      local result, it = opened(conn, value)
      if result or result == nil then return result, it end
    elseif kind == "error" then
      return calls.named(value, conn.id)
    elseif kind == "closed" then
      conn.code, conn.reason = value, more
      if not op:alive() then return false end  -- else a later send has opened it again
    end
    if conn.closed then return false end  -- by decode
    kind, value, more = op:event(raw)
  end
end


-- The next result | nil, err | nil: the connection is closed.
local function next_result(conn, deadline)
  local waited = false
  while not conn.closed do
    local result, value = take(conn)
    if result then return value end
    if result == false then return nil end
    if value then return nil, value end
    if not conn.op:alive() then return nil end
    local left = deadline and deadline - core.now()
    if left and left <= 0 and waited then
      return failed(conn, "timeout", "no result in time")
    end
    local wakes = left and conn.op:wake_in(left > 0 and left or 0)
    local ok, err = tasks.wait_news(conn.op_id, not wakes and left or nil)
    if not ok then return calls.named(err, conn.id) end
    waited = true
  end
end


-- What the task of a connection with on_result does, until it is closed.
local function follow(conn)
  while true do
    local result, err = next_result(conn)
    if result ~= nil then conn.on_result(result)
    elseif not err then return
    elseif conn.on_error then conn.on_error(err)
    else error(err, 0) end
  end
end


local function check_connection(conn, name)
  if getmetatable(conn) ~= Connection then
    error("call it as connection:" .. name .. "()", 3)
  end
end


-- Sends an input once the connection is open: true | nil, err. Of inputs that
-- follow faster than throttle_interval the newest is sent.
function methods.send(conn, input)
  check_connection(conn, "send")
  if input == nil then error("send takes an input", 2) end
  if conn.closed then return failed(conn, "canceled", "the connection was closed here") end
  local err = tasks.refused()
  if err then return calls.named(err, conn.id) end
  local ok
  ok, err = renew_key(conn)
  if not ok then return nil, err end
  if conn.encode then
    local bytes, text = conn.encode(input)
    if bytes == nil then return nil, text end
    if type(bytes) ~= "string" then error("encode returned a " .. type(bytes) .. ", not a string", 2) end
    ok, err = conn.op:send(bytes, text or conn.encode == core.json.encode)
  else
    ok, err = conn.op:pack(input)
  end
  if not ok then return calls.named(err, conn.id) end
  conn.used = true
  if conn.on_result and not (conn.task and conn.task.status == "running") then
    conn.task = tasks.async(follow, conn)
  end
  return true
end


-- Opens what was never used.
local function ready(conn)
  if conn.on_result then error("the results of this connection go to on_result", 3) end
  local refused = tasks.refused()
  if refused then return calls.named(refused, conn.id) end
  if conn.used or conn.closed then return true end
  conn.used = true
  local ok, err = renew_key(conn)
  if ok then ok, err = conn.op:open() end
  if not ok then return calls.named(err, conn.id) end
  return true
end


-- The next result | nil, err ("timeout" after so many seconds) | nil alone:
-- the connection is closed, here or by the server with code 1000.
function methods.recv(conn, timeout)
  check_connection(conn, "recv")
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    error("recv takes seconds, not " .. tostring(timeout), 2)
  end
  local ok, err = ready(conn)
  if not ok then return nil, err end
  return next_result(conn, timeout and core.now() + timeout)
end


-- for result in conn do ... end. An error goes to on_error, or ends the loop
-- and is conn.err.
function Connection.__call(conn)
  conn.err = nil
  local ok, why = ready(conn)
  while ok do
    local result, err = next_result(conn)
    if result ~= nil then return result end
    why = err
    if not err or not conn.on_error then break end
    conn.on_error(err)
  end
  conn.err = why
  return nil
end


-- Sends what still waits and closes the connection, without waiting for it.
-- Nothing happens when it is closed.
function methods.close(conn)
  check_connection(conn, "close")
  if conn.closed then return end
  conn.closed = true
  conn.op:hangup()
  tasks.wake(conn.op_id)
end

Connection.__close = methods.close


local function check_numbers(opt, level)
  local n = opt.max_buffering
  if n and not (n >= 1 and n <= 60 and n % 1 == 0) then
    error("max_buffering must be from 1 to 60", level + 1)
  end
  for _, name in ipairs { "throttle_interval", "token_expiration", "max_message", "ping_interval" } do
    local v = opt[name]
    if v and not (v >= 0 and v < math.huge) then error(name .. " must be 0 or more", level + 1) end
  end
end


-- connection | nil, err
local function connect(client, id, opt)
  calls.check_id(id, 2)
  opt = options.check("realtime.connect", opt, OPTIONS, 2)
  check_numbers(opt, 2)
  local fields = {
    path = opt.path, max_buffering = opt.max_buffering, token_expiration = opt.token_expiration,
    throttle_interval = opt.throttle_interval or THROTTLE, max_message = opt.max_message,
    ping_interval = opt.ping_interval,
  }
  local op, op_id
  if calls.recorder then op, op_id = calls.recorder:realtime(client.box, id, fields)
  else op, op_id = core.realtime.new(tasks.engine(), client.box, id, fields) end
  if not op then return calls.named(op_id, id) end
  return setmetatable({
    client = client, id = id, op = op, op_id = op_id, closed = false, used = false, task = false,
    on_result = opt.on_result, on_error = opt.on_error, encode = opt.encode, decode = opt.decode,
  }, Connection)
end


-- The functions of client.realtime.
function realtime.bind(client)
  return { connect = function (id, opt) return connect(client, id, opt) end }
end


return realtime
