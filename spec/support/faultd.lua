#!/usr/bin/env lua5.4
--- A server that misbehaves on request, for the specs. It knows nothing of
-- the client under test: HTTP/1.1 is read and written by hand here, what goes
-- wrong is in faults.lua.
--
--   lua5.4 spec/support/faultd.lua
--   listening on http://127.0.0.1:PORT https://127.0.0.1:PORT ca=FILE
--
-- It ends when its standard input does, or on SIGTERM. Lines read there are
-- commands; each is answered by one line, a table as Lua source:
--
--   log           the requests so far, each with its headers and body
--   forget        starts the log and the counts anew
--   stats         the counts: requests, open, peak (most open at once),
--                 hungup (left by the client before the answer), connections
--   wait NAME N   the same, once count NAME is N or more (or ten seconds later)
--   release       lets the requests held by /fault/hold be answered
--
-- GET /__log and GET /__count?path=... tell others the same as JSON.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local signal = require "cqueues.signal"
local socket = require "cqueues.socket"
local cjson = require "cjson"
local certs = require "certs"
local faults = require "faults"

local MAX_KEPT = 64 * 1024   -- of a body, in the log

local loop = cqueues.new()
local changed = condition.new()   -- signalled whenever a count changes
local released = condition.new()  -- what /fault/hold waits for
local log, stats


local function forget()
  log = cjson.decode("[]")
  local open = stats and stats.open or 0
  stats = { requests = 0, open = open, peak = open, hungup = 0,
            connections = 0 }
end


local function count(what, by)
  stats[what] = (stats[what] or 0) + by
  if stats.open > stats.peak then stats.peak = stats.open end
  changed:signal()
end


-- ---- reading a request ----

local function line(sock)
  local s = sock:read("*l")
  return s and s:gsub("\r$", "")
end


local function read_head(sock)
  local first = line(sock)
  if not first then return nil end
  local method, target = first:match("^(%S+) (%S+) HTTP/1%.[01]$")
  if not method then return nil end
  local path, query = target:match("^([^?]*)%??(.*)$")
  local r = { method = method, path = path, query = query, headers = {},
              state = "open" }
  for l in function () return line(sock) end do
    if l == "" then return r end
    local name, value = l:match("^([^:]+):%s*(.-)%s*$")
    if name then
      name = name:lower()
      local before = r.headers[name]
      r.headers[name] = before and before .. ", " .. value or value
    end
  end
end


local function read_chunks(sock)
  local parts = {}
  while true do
    local n = tonumber((line(sock) or ""):match("^%x+"), 16)
    if not n then return nil end
    if n > 0 then
      local s = sock:read(n)
      if not s then return nil end
      parts[#parts + 1] = s
    end
    line(sock)
    if n == 0 then return table.concat(parts) end
  end
end


local function read_body(sock, r)
  if r.headers.expect then
    sock:write("HTTP/1.1 100 Continue\r\n\r\n")
    sock:flush()
  end
  if r.headers["transfer-encoding"] then return read_chunks(sock) end
  local n = tonumber(r.headers["content-length"]) or 0
  if n == 0 then return "" end
  return sock:read(n)
end


-- ---- answering ----

local Connection = {}
Connection.__index = Connection


--- Writes bytes now. False once the client has gone.
function Connection:send(s)
  return self.sock:write(s) and self.sock:flush() and true or false
end


--- A whole answer. 'headers' is a list of lines; Content-Length is added
-- unless 'length' is false.
function Connection:answer(status, headers, body, length)
  local out = { "HTTP/1.1 " .. status .. " " .. (faults.reasons[status] or
                "Status") }
  for _, h in ipairs(headers or {}) do out[#out + 1] = h end
  if length ~= false then
    out[#out + 1] = "Content-Length: " .. (length or #body)
  end
  return self:send(table.concat(out, "\r\n") .. "\r\n\r\n" .. body)
end


function Connection:json(status, value, headers)
  local h = { "Content-Type: application/json" }
  if self.request.id then
    h[#h + 1] = "x-fal-request-id: " .. self.request.id
  end
  for _, l in ipairs(headers or {}) do h[#h + 1] = l end
  return self:answer(status, h, type(value) == "string" and value or
                     cjson.encode(value))
end


--- Waits 'seconds' (nil: without limit), or until the client hangs up, or
-- until 'cond' is signalled. False when the client hung up.
function Connection:wait(seconds, cond)
  local sock, deadline = self.sock, seconds and cqueues.monotime() + seconds
  local watch = { pollfd = sock:pollfd(), events = "r" }
  while true do
    local left = deadline and deadline - cqueues.monotime()
    if left and left <= 0 then return true end
    local ready = { cqueues.poll(watch, cond, left) }
    for _, what in ipairs(ready) do
      if cond and what == cond then return true end
      if what == watch then
        -- nobody sends a second request before the first is answered
        if not sock:fill(1, 0) then
          self.request.state = "hungup"
          count("hungup", 1)
          return false
        end
        watch = nil   -- it did: then a hang-up cannot be told
      end
    end
  end
end


-- ---- what is asked for ----

local function introspect(r)
  local body
  if r.path == "/__log" then
    body = log
  else
    local path = r.query:match("path=([^&]*)")
    local n = 0
    for _, seen in ipairs(log) do
      if not path or seen.path == path then n = n + 1 end
    end
    body = { count = n }
  end
  return body
end


local function serve(sock, address)
  local c = setmetatable({ sock = sock, address = address,
                           released = released, count = count,
                           log = function () return log end }, Connection)
  while true do
    local r = read_head(sock)
    if not r then break end
    local name, rest = r.path:match("^/[^/]+/([^/]+)/?(.*)$")
    c.request, c.stats = r, stats
    if r.path:match("^/__") then
      if not c:json(200, introspect(r)) then break end
    else
      local fault = faults.list[name or ""]
      local args = {}
      for a in (rest or ""):gmatch("[^/]+") do args[#args + 1] = a end
      log[#log + 1] = r
      r.id = ("00000000-0000-4000-8000-%012d"):format(#log)
      local body = faults.unread[name or ""] and "" or read_body(sock, r)
      if not body then break end
      r.body, r.body_n = body:sub(1, MAX_KEPT), #body
      r.whole = function () return body end
      count("requests", 1)
      count("open", 1)
      local keep = (fault or faults.unknown)(c, r, table.unpack(args))
      if r.state == "open" then r.state = "answered" end
      r.whole = nil
      count("open", -1)
      if keep == false then break end
    end
  end
  sock:close()
end


local function listen(ctx)
  local server = assert(socket.listen { host = "127.0.0.1", port = 0 })
  assert(server:listen())
  local _, _, port = server:localname()
  local address = (ctx and "https" or "http") .. "://127.0.0.1:" .. port
  loop:wrap(function ()
    for sock in server:clients() do
      loop:wrap(function ()
        sock:onerror(function (_, _, why) return why end)
        sock:setmode("b", "bf")
        sock:setbufsiz(nil, 65536)
        count("connections", 1)
        if not ctx or sock:starttls(ctx) then
          serve(sock, address)
        else
          sock:close()
        end
      end)
    end
  end)
  return address
end


-- ---- commands ----

--- A value as Lua source, on one line.
local function source(v)
  if type(v) == "table" then
    local out = {}
    for k, x in pairs(v) do
      if type(x) ~= "function" and type(x) ~= "userdata" then
        out[#out + 1] = "[" .. source(k) .. "]=" .. source(x)
      end
    end
    return "{" .. table.concat(out, ",") .. "}"
  elseif type(v) == "string" then
    return '"' .. v:gsub('[%c"\\\128-\255]', function (c)
      return ("\\%03d"):format(c:byte())
    end) .. '"'
  end
  return tostring(v)
end


local commands = {
  log = function () return log end,
  stats = function () return stats end,
  forget = function () forget() return stats end,
  release = function () released:signal() return stats end,
  wait = function (what, n)
    local deadline = cqueues.monotime() + 10
    while (stats[what] or 0) < tonumber(n) do
      local left = deadline - cqueues.monotime()
      if left <= 0 then break end
      changed:wait(left)
    end
    return stats
  end,
}


local function obey()
  while true do
    cqueues.poll { pollfd = 0, events = "r" }
    local s = io.read("l")
    if not s then return end
    local words = {}
    for w in s:gmatch("%S+") do words[#words + 1] = w end
    local f = commands[words[1] or ""]
    print(source(f and f(words[2], words[3]) or { error = "no such command" }))
  end
end


-- ---- start and end ----

local stopping = false

local function stop_on_signal()
  signal.ignore(signal.SIGPIPE)
  signal.block(signal.SIGTERM, signal.SIGINT)
  local listener = signal.listen(signal.SIGTERM, signal.SIGINT)
  loop:wrap(function ()
    listener:wait()
    stopping = true
  end)
end


local function main()
  local pipe = assert(io.popen("mktemp -d"))
  local dir = pipe:read("l")
  pipe:close()
  local ctx, pem = certs.make()
  local ca = assert(io.open(dir .. "/ca.pem", "w"))
  ca:write(pem)
  ca:close()

  io.stdout:setvbuf("line")
    forget()
  stop_on_signal()
  faults.http = listen(nil)
  faults.https = listen(ctx)
  loop:wrap(function () obey() stopping = true end)
  print(("listening on %s %s ca=%s/ca.pem"):format(faults.http, faults.https,
                                                  dir))
  local ok, why = true, nil
  while ok and not stopping do ok, why = loop:step() end
  os.remove(dir .. "/ca.pem")
  os.remove(dir)
  return assert(ok, why)
end


main()
