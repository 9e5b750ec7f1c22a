-- What all calls to endpoints share: their options, the key, and waiting for
-- an operation that has something to say before it ends.

local core = require "fal.core"
local options = require "fal.options"
local tasks = require "fal.tasks"

local loaded = package.loaded

local calls = {}

-- The options of every call that has an input.
calls.RUN = {
  input = true, timeout = "number", start_timeout = "number", hint = "string", priority = "string",
  headers = "table", path = "string", method = "string", storage_settings = "table",
  fresh = "boolean",
}

local STORAGE = { expires_in = "string|number", initial_acl = "table" }

-- Lifetimes by name, in seconds (protocol 8.5; "immediate" is a minute,
-- because 0 would mean for ever).
local LIFETIMES = {
  never = false, immediate = 60, ["1h"] = 3600, ["1d"] = 86400, ["7d"] = 604800,
  ["30d"] = 2592000, ["1y"] = 31536000,
}


-- What takes the place of the engine while calls are recorded or played: see
-- record.lua.
calls.recorder = nil


-- Who makes calls.
function calls.engine()
  return calls.recorder or tasks.engine()
end


-- Those options and more.
function calls.with(more)
  local all = {}
  for name, kind in pairs(calls.RUN) do all[name] = kind end
  for name, kind in pairs(more) do all[name] = kind end
  return all
end


-- { ["X-Name"] = "value" } as a list of header lines.
function calls.header_lines(headers, level)
  if not headers then return nil end
  local lines = {}
  for name, value in pairs(headers) do
    if type(name) ~= "string" or not name:find "^[%w!#$%%&'*+.^_`|~-]+$" then
      error(("'%s' is not the name of a header"):format(tostring(name)), level + 1)
    end
    if type(value) ~= "string" and type(value) ~= "number" then
      error(("header '%s' must be a string, not a %s"):format(name, type(value)), level + 1)
    end
    local key = name:lower()
    if key == "authorization" then
      error("the key is set with the option 'credentials', not with a header", level + 1)
    end
    lines[#lines + 1] = name .. ": " .. value
  end
  table.sort(lines)
  return lines
end


-- The key for one call: nil means the client's own.
function calls.key_of(client)
  local f = client.credentials
  if not f then return nil end
  local key, err = f()
  if type(key) ~= "string" then
    return nil, core.error {
      code = "auth", retryable = false,
      message = "the credentials function returned " .. type(key) .. ", not a key"
        .. (err and ": " .. tostring(err) or ""),
    }
  end
  return key
end


-- Lifecycle settings as JSON for a header (nil when they say nothing), and
-- the seconds in them. 'what' names the option, 'level' is that of error.
function calls.lifecycle_of(settings, what, level)
  options.check(what, settings, STORAGE, level + 1)
  local life = { initial_acl = settings.initial_acl }
  local seconds = settings.expires_in
  if type(seconds) == "string" then
    if LIFETIMES[seconds] == nil then
      error("expires_in must be seconds, or one of never, immediate, 1h, 1d, 7d, 30d, 1y", level + 1)
    end
    seconds = LIFETIMES[seconds]
  elseif seconds and not (seconds > 0 and seconds < 2 ^ 53 and seconds % 1 == 0) then
    error("expires_in must be whole seconds above 0", level + 1)
  end
  if seconds then life.expiration_duration_seconds = seconds end
  return next(life) and core.json.encode(life) or nil, seconds or nil
end


-- A flat table as a query string, names sorted.
local function query_of(input)
  local parts = {}
  local function escape(s)
    return (tostring(s):gsub("[^%w%-._~]", function (c) return ("%%%02X"):format(c:byte()) end))
  end
  for name, value in pairs(input) do
    if type(value) == "table" then
      error("input." .. tostring(name) .. " is a table: a GET call takes plain values", 4)
    end
    parts[#parts + 1] = escape(name) .. "=" .. escape(value)
  end
  table.sort(parts)
  return table.concat(parts, "&")
end


-- The options that need work before the core takes them, in a copy.
function calls.prepared(client, opt)
  local patience = opt.start_timeout
  if patience and not (patience > 0 and patience < math.huge) then
    error("start_timeout must be seconds above 0", 4)
  end
  local p = {}
  for name, value in pairs(opt) do p[name] = value end
  p.start_timeout = opt.start_timeout or client.start_timeout or nil
  p.headers = calls.header_lines(opt.headers, 4)
  if opt.priority and opt.priority ~= "normal" and opt.priority ~= "low" then
    error("priority must be 'normal' or 'low', not '" .. opt.priority .. "'", 4)
  end
  if opt.method then
    p.method = opt.method:upper()
    if not p.method:find "^%u+$" then error("'" .. opt.method .. "' is not an HTTP method", 4) end
    if p.method == "GET" and opt.input then
      p.query, p.input = query_of(opt.input), nil
    end
  end
  if opt.storage_settings then p.lifecycle = calls.lifecycle_of(opt.storage_settings, "storage_settings", 3) end
  return p
end


function calls.named(err, id)
  if not err.endpoint_id then err.endpoint_id = id end
  return nil, err
end


function calls.check_id(id, level)
  if type(id) ~= "string" then
    error("the endpoint id must be a string such as 'fal-ai/flux/dev', not a " .. type(id), level + 1)
  end
end


-- One event that is for us, not for the caller.
local function serve(client, id, op, kind, value)
  if kind == "key" then
    local key, err = calls.key_of(client)
    if not key then
      op:close()
      return nil, err
    end
    op:give_key(key)
  elseif kind == "attempt" and client.on_response then
    client.on_response {
      endpoint_id = id, attempt = value.attempt, status = value.status ~= 0 and value.status or nil,
      code = value.code ~= "ok" and value.code or nil, delay = value.delay >= 0 and value.delay / 1000 or nil,
    }
  end
  return true
end


-- Waits until an operation is done, handing its events (all but our own) to
-- 'on_event': true | nil, err.
function calls.wait(client, id, op, op_id, on_event)
  if not (client.credentials or client.on_response or on_event) then
    return tasks.wait_op(op, op_id)
  end
  while true do
    local kind, value, flags = op:event()
    while kind do
      local ok, err
      if kind == "key" or kind == "attempt" then ok, err = serve(client, id, op, kind, value)
      elseif on_event then ok, err = on_event(kind, value, flags)
      else ok = true end
      if not ok then return nil, err end
      kind, value, flags = op:event()
    end
    if op:done() then return true end
    local ok, err = tasks.wait_op(op, op_id)
    if not ok then return nil, err end
  end
end


-- The options with every fal.file of the input uploaded: the same ones when
-- there is none | nil, err.
function calls.with_files(client, opt)
  local storage = loaded["fal.storage"]  -- it makes them: loaded, or there are none
  if not storage or type(opt.input) ~= "table" then return opt end
  local input, err = storage.resolve(client, opt.input)
  if err then return nil, err end
  if input == opt.input then return opt end
  local copy = {}
  for name, value in pairs(opt) do copy[name] = value end
  copy.input = input
  return copy
end


---- What was spent -----------------------------------------------------

local ledgers = {}      -- a list of { client =, rows = { endpoint = row } }, one for each source of prices
local by_source = {}
local UNSURE = 1000     -- inputs kept for estimates, of an endpoint


local function ledger_of(client)
  local ledger = client.ledger
  if not ledger then
    ledger = by_source[client.prices]
    if not ledger then
      ledger = { client = client, rows = {} }
      by_source[client.prices] = ledger
      ledgers[#ledgers + 1] = ledger
    end
    client.ledger = ledger
  end
  return ledger
end


local function row_of(client, id)
  local rows = ledger_of(client).rows
  local row = rows[id]
  if not row then
    row = { calls = 0, failed = 0, cached = 0, units = {}, unsure = {}, lost = 0 }
    rows[id] = row
  end
  return row
end


function calls.ledgers()
  return ledgers
end


-- Whether a call that failed so may be on the bill.
function calls.may_be_charged(err)
  local code, status = err.code, err.status
  if code == "auth" or code == "validation" or code == "budget" or code == "file" then return false end
  return not (status and status >= 400 and status < 499)
end


-- A call has ended: notes what it was billed, for fal.cost and the budget.
-- Amounts come later; here is only counted.
function calls.spent(client, id, hold, meta, err, input)
  local ledger = client.ledger
  local row = ledger and ledger.rows[id] or row_of(client, id)
  row.calls = row.calls + 1
  local units = (meta or err).billable_units
  if err then
    row.failed = row.failed + 1
    if not units and not calls.may_be_charged(err) then units = 0 end
  end
  if units then
    row.units[units] = (row.units[units] or 0) + 1
  elseif #row.unsure < UNSURE then
    local shape = type(input) == "table" and input or {}
    row.unsure[#row.unsure + 1] = {
      num_images = shape.num_images, image_size = shape.image_size, duration = shape.duration,
    }
  else
    row.lost = row.lost + 1
  end
  if hold then require("fal.budget").settle(hold, client, units) end
end


-- A call was answered from the cache.
function calls.saved(client, id)
  local row = row_of(client, id)
  row.cached = row.cached + 1
end


-- What costs money when it is started.
local COSTS = { run = true, submit = true, subscribe = true, stream = true }


-- Starts engine:<what>(...) for an endpoint, with the key that is given or the
-- client's: operation, its id, the input as it was sent, what the budget holds
-- for it | nil, err.
function calls.start(client, what, id, opt, key)
  local refused = tasks.refused()
  if refused then return calls.named(refused, id) end
  local err
  if loaded["fal.storage"] then
    opt, err = calls.with_files(client, opt)
    if err then return calls.named(err, id) end
  end
  if not key and client.credentials then
    key, err = calls.key_of(client)
    if err then return calls.named(err, id) end
  end
  local hold
  if client.budget and COSTS[what] and not opt.request_id then
    hold, err = client.budget:reserve(client, id, opt.input)
    if not hold then return calls.named(err, id) end
  end
  if client.on_request then client.on_request { endpoint_id = id, call = what, input = opt.input } end
  local engine = calls.recorder or tasks.engine()
  local op, op_id = engine[what](engine, client.box, id, opt, key, client.on_response ~= false)
  if not op then
    if hold then require("fal.budget").settle(hold, client, 0) end
    return calls.named(op_id, id)
  end
  return op, op_id, opt.input, hold
end


return calls
