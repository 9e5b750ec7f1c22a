-- Deliveries of webhooks: are they from whom they should be, what do they say,
-- how are they shown.
--
-- A delivery is a table that has what its body has (request_id, status,
-- payload, error...), and 'verified', 'signed_by', 'replayed', 'user_id',
-- 'timestamp', 'answered' (a status of HTTP), 'refusal' ({ type =, message = }).

local fal = require "fal"
local core = require "fal.core"
local safe = require "falua.text".line
local signing = require "falua.signing"

local delivery = {}

local WIDTH = 100     -- of a value that is shown
local FIELDS = 8      -- of a payload that are shown
local HERE = "this machine's own key"

local MEMBERS = { "request_id", "gateway_request_id", "status", "payload", "error", "payload_error", "user_id",
  "timestamp", "replayed" }


---- Verifying ----------------------------------------------------------

-- "name: value" lines as a list for fal.webhook.verify.
function delivery.headers(head)
  local list = {}
  for name, value in head:gmatch "([^:\r\n]+): ([^\r\n]*)" do list[#list + 1] = { name, value } end
  return list
end


-- The address of a JWKS document as a function that fetches it.
local function fetcher(url)
  local base, path = url:match "^(https?://[^/?#]+)([^#]*)"
  if not base then return nil end
  local client = fal.client { base_url = base, hosts = { rest = base }, credentials = "" }
  return function () return client:get("rest", path) end
end


-- A function headers, body -> true, event, who signed it | nil, err. 'jwks' is
-- the address of a document or a file; without it the keys of the configured
-- host count, and this machine's own key (it is asked for first: that takes no
-- network). nil, why when there is no such file.
function delivery.verifier(jwks)
  local verify = fal.webhook.verify
  if not jwks then
    local host = fal.client { credentials = "" }.box:host "rest"
    return function (headers, body)
      local own = signing.own_jwks()
      if own then
        local ok, event = verify(headers, body, { jwks = own, allow_replay = true })
        if ok or event.type ~= "webhook_no_match" then return ok, event, HERE end
      end
      local ok, event = verify(headers, body, { allow_replay = true })
      return ok, event, "a key of " .. host
    end
  end
  local options = { allow_replay = true, fetch = fetcher(jwks) }
  if not options.fetch then
    local text, err = core.read(jwks, 65536)
    if not text then return nil, tostring(err) end
    local keys
    keys, err = core.webhook.jwks(text)
    if not keys then return nil, jwks .. ": " .. tostring(err) end
    options.jwks = text
  end
  return function (headers, body)
    local ok, event = verify(headers, body, options)
    return ok, event, "a key of " .. jwks
  end
end


-- What an error of 'verify' is answered with: a refusal for good, or one that
-- says to come again, when it is us who could not verify.
local function status_of(err)
  if err.code == "auth" then return 401 end
  return err.type == "webhook_body" and 400 or 503
end


local function claimed_id(headers)
  for _, header in ipairs(headers) do
    if header[1]:lower() == "x-fal-webhook-request-id" then return safe(header[2]):sub(1, WIDTH) end
  end
end


-- What there is to say of a delivery. 'accept' (may be nil) takes an event and
-- returns why it is refused all the same; 'insecure' takes what is not verified.
function delivery.read(head, body, verify, insecure, accept)
  local headers = delivery.headers(head)
  local ok, event, by = verify(headers, body)
  local d = { verified = ok == true, answered = 200 }
  if ok then
    d.signed_by = by
    local why = accept and accept(event)
    if why then d.answered, d.refusal = 403, { type = "webhook_not_ours", message = why } end
  else
    local err = event
    d.request_id = err.request_id or claimed_id(headers)
    d.refusal = { type = err.type, message = err.message, hint = err.hint }
    d.answered = status_of(err)
    if not insecure then return d end
    event = fal.json.decode(body)
    d.answered = type(event) == "table" and 200 or 400
    if d.answered == 400 then return d end
  end
  for _, name in ipairs(MEMBERS) do
    if event[name] ~= fal.null then d[name] = event[name] end
  end
  return d
end


---- Showing ------------------------------------------------------------

local function line(name, value)
  return ("  %-10s %s"):format(name, value)
end


local function shown(value)
  local text = type(value) == "string" and value or fal.json.encode(value, { sorted = true })
  text = safe(text)
  return #text <= WIDTH and text or text:sub(1, (utf8.offset(text, 0, WIDTH) or WIDTH) - 1) .. "..."
end


local function file_line(file)
  local url = type(file.url) == "string" and file.url or ""
  local head = url:match "^data:[^,]*"
  return line("file", head and ("%s, %d bytes in the payload"):format(shown(head), #url) or shown(url))
end


-- A payload in a few lines: its files, and its other members as far as they are
-- short.
local function payload_lines(lines, payload)
  if type(payload) ~= "table" then
    if payload ~= nil then lines[#lines + 1] = line("payload", shown(payload)) end
    return
  end
  local names, files = {}, {}
  for _, file in ipairs(require "fal.save".list(payload)) do files[#files + 1] = file end
  for i = 1, math.min(#files, FIELDS) do lines[#lines + 1] = file_line(files[i]) end
  if #files > FIELDS then lines[#lines + 1] = line("", ("and %d more files"):format(#files - FIELDS)) end
  for name, value in pairs(payload) do
    if type(value) ~= "table" or name == "detail" then names[#names + 1] = tostring(name) end
  end
  table.sort(names)
  for i = 1, math.min(#names, FIELDS) do
    lines[#lines + 1] = line(shown(names[i]), shown(payload[names[i]] == nil and "" or payload[names[i]]))
  end
end


-- A delivery as a block for people.
function delivery.text(d)
  local taken = d.answered == 200
  local lines = { ("request %s: %s"):format(safe(d.request_id or "(no id)"),
    taken and safe(d.status or "(no status)") or "refused with " .. d.answered) }
  if d.verified then lines[2] = line("verified", "by " .. safe(d.signed_by))
  else lines[2] = line("unverified", safe(d.refusal.message)) end
  if d.verified and d.refusal then lines[3] = line("refused", safe(d.refusal.message)) end
  if not taken then
    local hint = d.refusal.type ~= "webhook_no_match" and d.refusal.hint   -- which is for who writes a handler
    if hint then lines[#lines + 1] = line("", safe(hint)) end
    return table.concat(lines, "\n")
  end
  if d.replayed then lines[#lines + 1] = line("replayed", "this request was delivered before") end
  if d.error ~= nil then lines[#lines + 1] = line("error", shown(d.error)) end
  if d.payload_error ~= nil then lines[#lines + 1] = line("error", shown(d.payload_error)) end
  payload_lines(lines, d.payload)
  return table.concat(lines, "\n")
end


return delivery
