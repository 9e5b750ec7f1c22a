-- Webhooks: is a delivery from fal, and what does it say?
--
-- The signature is checked in C (core.webhook). Here: headers as servers
-- give them, the keys and when to fetch them again, and request ids that come
-- twice.

local core = require "fal.core"
local options = require "fal.options"
local tasks = require "fal.tasks"

local webhook = {}

local VERIFY = {
  keys = "table", jwks = "string|table", fetch = "function", max_age = "number",
  tolerance = "number", now = "number", allow_replay = "boolean",
}

local HEADERS = {
  ["x-fal-webhook-request-id"] = "request_id", ["x-fal-webhook-user-id"] = "user_id",
  ["x-fal-webhook-timestamp"] = "timestamp", ["x-fal-webhook-signature"] = "signature",
}

local PATH = "/.well-known/jwks.json"
local DAY = 86400         -- keys are kept no longer
local MINUTE = 60         -- between two fetches, whatever is sent to us
local AFTER_FAILURE = 5   -- the same when the last one failed and there are no keys
local TOLERANCE = 300
local MAX_SEEN = 10000    -- request ids remembered

-- What is known for each client: { keys, fetched, tried, err, task; seen,
-- queue, first, last }.
local states = setmetatable({}, { __mode = "k" })


local function state_of(client)
  local state = states[client]
  if not state then
    state = { seen = {}, queue = {}, first = 1, last = 0 }
    states[client] = state
  end
  return state
end


local function refusal(type, message, hint)
  return core.error { code = "auth", type = type, message = message, hint = hint, retryable = false }
end


---- Headers ------------------------------------------------------------

-- Notes one header line. nil, err when it was there with another value.
local function note(found, name, value)
  local field = HEADERS[name:lower()]
  if not field then return true end
  if type(value) == "table" then
    for _, v in ipairs(value) do
      local ok, err = note(found, name, v)
      if not ok then return nil, err end
    end
    return true
  end
  if type(value) == "number" then value = ("%.0f"):format(value) end
  if type(value) ~= "string" then
    error(("header '%s' must be a string, not a %s"):format(name, type(value)), 4)
  end
  value = value:match "^[ \t]*(.-)[ \t]*$"
  if found[field] and found[field] ~= value then
    return nil, refusal("webhook_bad_header", "the header " .. name .. " came twice, with different values")
  end
  found[field] = value
  return true
end


-- The four headers, from { name = value }, { name = { value, ... } } or
-- { { name, value }, ... }; names in any case.
local function read_headers(headers)
  local found = {}
  for name, value in pairs(headers) do
    if type(name) == "number" and type(value) == "table" then name, value = value[1], value[2] end
    if type(name) == "string" then
      local ok, err = note(found, name, value)
      if not ok then return nil, err end
    end
  end
  return found
end


---- Keys ---------------------------------------------------------------

-- A JWKS document, as text or decoded: keys | nil, err.
local function parse(jwks)
  if type(jwks) == "table" then
    local text, err = core.json.encode(jwks)
    if not text then return nil, err end
    jwks = text
  end
  return core.webhook.jwks(jwks)
end


-- The caller's own keys: 32 bytes each, or their base64 (the "x" of a JWK).
local function keys_of(list)
  local raw = {}
  for i, key in ipairs(list) do
    local bytes = type(key) == "string" and (#key == 32 and key or core.unbase64(key))
    if not bytes or #bytes ~= 32 then
      error(("key %d is not an Ed25519 key: 32 bytes, or their base64"):format(i), 3)
    end
    raw[i] = bytes
  end
  if #raw > 64 then error("there may be at most 64 keys", 3) end
  return core.webhook.keys(raw)
end


local function fetch(client)
  return client:get("rest", PATH)
end


-- Fetches the keys anew, once for all who ask meanwhile.
local function refetch(client, state, now, get)
  local refused = tasks.refused()
  if refused then return nil, refused end
  local task = state.task
  if not task or task.status ~= "running" then
    state.tried = now
    task = tasks.async(function ()
      local jwks, err = get(client)
      local keys
      if jwks ~= nil then keys, err = parse(jwks) end
      state.err = err
      if keys then state.keys, state.fetched, state.err = keys, now, nil end
      return keys, err
    end)
    state.task = task
  end
  return task:await()
end


-- Whether 'seconds' have passed since 'before'; also after a clock was set
-- back.
local function passed(before, now, seconds)
  return before == nil or now < before or now - before >= seconds
end


-- Checks the signature with the keys at hand, and with fetched ones when
-- those do not do. 'check' is a function of keys.
local function verify_fetched(client, check, now, opt)
  local state = state_of(client)
  local keys = not passed(state.fetched, now, opt.max_age or DAY) and state.keys or nil
  local ok, err = check(keys or core.webhook.keys {})
  if ok or not (err.type == "webhook_no_match" or err.type == "webhook_no_keys") then return ok, err end
  local running = state.task and state.task.status == "running"
  local pause = keys and MINUTE or state.err and AFTER_FAILURE or 0
  if running or passed(state.tried, now, pause) then
    local fetched, why = refetch(client, state, now, opt.fetch or fetch)
    if fetched then return check(fetched) end
    return nil, keys and why.code ~= "canceled" and err or why
  end
  return nil, keys and err or state.err
end


---- Request ids seen before ---------------------------------------------

-- Forgets ids whose delivery is too old to be accepted again, and the oldest
-- when there are too many.
local function forget(state, now)
  while state.first <= state.last do
    local id = state.queue[state.first]
    local full = state.last - state.first + 1 >= MAX_SEEN
    if not full and state.seen[id] >= now then return end
    state.seen[id] = nil
    state.queue[state.first] = nil
    state.first = state.first + 1
  end
end


-- Notes an id until 'expiry'; true when it was there.
local function seen_before(state, id, now, expiry)
  local known = state.seen[id]
  if known then
    state.seen[id] = math.max(known, expiry)
    return known >= now
  end
  forget(state, now)
  state.last = state.last + 1
  state.queue[state.last] = id
  state.seen[id] = expiry
  return false
end


---- Verify --------------------------------------------------------------

-- What a verified body says. Members that are null are left out.
local function decode(body, found)
  local event, err = core.json.decode(body)
  if type(event) ~= "table" or type(event.request_id) ~= "string" then
    return nil, core.error {
      code = "protocol", type = "webhook_body", retryable = false, request_id = found.request_id,
      message = "the webhook is signed, but its body is not a delivery"
        .. (event == nil and err and ": " .. err.message or ""),
    }
  end
  for _, name in ipairs { "gateway_request_id", "status", "payload", "error", "payload_error" } do
    if event[name] == core.json.null then event[name] = nil end
  end
  event.user_id, event.timestamp = found.user_id, tonumber(found.timestamp)
  return event
end


local function check_options(opt)
  opt = options.check("webhook.verify", opt, VERIFY, 3)
  if opt.tolerance and not (opt.tolerance >= 0 and opt.tolerance < math.huge) then
    error("tolerance must be seconds, 0 or more", 3)
  end
  if opt.max_age and not (opt.max_age >= MINUTE and opt.max_age <= DAY) then
    error("max_age must be seconds from a minute to a day", 3)
  end
  return opt
end


-- Checks a delivery: true, event | nil, err. 'raw_body' is the body as it was
-- received, before anything decodes it.
function webhook.verify(client, headers, raw_body, opt)
  if type(headers) ~= "table" then
    error("webhook.verify takes the request's headers, not a " .. type(headers), 2)
  end
  if type(raw_body) ~= "string" then
    error("webhook.verify takes the body as it was received, a string, not a " .. type(raw_body), 2)
  end
  opt = check_options(opt)
  local now, tolerance = opt.now or os.time(), opt.tolerance or TOLERANCE
  local found, err = read_headers(headers)
  if not found then return nil, err end
  local function check(keys)
    return core.webhook.verify(found.request_id, found.user_id, found.timestamp, found.signature,
      raw_body, keys, now, tolerance)
  end
  local ok, event
  if opt.keys or opt.jwks then
    local keys
    if opt.keys then keys = keys_of(opt.keys) else keys, err = parse(opt.jwks) end
    if not keys then return nil, err end
    ok, err = check(keys)
  else
    ok, err = verify_fetched(client, check, now, opt)
  end
  if not ok then return nil, err end
  event, err = decode(raw_body, found)
  if not event then return nil, err end
  if seen_before(state_of(client), found.request_id, now, event.timestamp + tolerance) then
    if not opt.allow_replay then
      return nil, core.error {
        code = "validation", type = "webhook_replayed", retryable = false, request_id = found.request_id,
        message = "the webhook of this request was delivered before",
        hint = "answer 200 when it was handled then; allow_replay = true gives it again, as event.replayed",
      }
    end
    event.replayed = true
  end
  return true, event
end


return webhook
