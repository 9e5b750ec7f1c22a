-- falua trigger: a signed webhook, as fal sends it, to try a handler with.

local command = require "falua.command"
local fal = require "fal"
local host = require "falua.host"
local safe = require "falua.text".line
local signing = require "falua.signing"

local trigger = { summary = "send a signed test webhook", needs_fal = true }

local PATIENCE = 15        -- seconds that fal gives a handler at first
local USER = "falua-trigger"
local TAMPER = { "body", "timestamp", "signature" }

local EXAMPLE = [[
The key is this machine's own (made when it is first needed, in the state
folder, mode 0600). 'falua listen' here accepts it as it is; other verifiers
take the document that --jwks prints.

example:
  falua trigger http://127.0.0.1:8788/
  falua trigger http://127.0.0.1:8788/ --status ERROR --replay
  falua trigger http://127.0.0.1:8788/ --tamper body || echo refused]]


local function seconds(option)
  return function (text)
    local n = tonumber(text)
    if n and n > 0 and n < 1e9 then return n end
    return nil, option .. " takes seconds, not '" .. text .. "'"
  end
end


function trigger.parser()
  local p = require "argparse"("falua trigger", "Sends a signed webhook, shaped as fal's, and prints the answer.")
    :epilog(EXAMPLE)
  p:argument("url", "Where the handler is."):argname "URL":args "?"
  p:option("--request-id", "Of the request that it tells of (otherwise a new one)."):argname "ID"
  p:option("--status", "OK or ERROR.", "OK"):argname "STATUS":choices { "OK", "ERROR" }
  p:option("--payload", "JSON, or @FILE with it (otherwise a result with a small picture)."):argname "JSON"
  p:option("--user", "The user id that it is signed for.", USER):argname "ID"
  p:mutex(
    p:option("--key-file", "Sign with this key: Ed25519, PKCS #8 in PEM."):argname "FILE",
    p:option("--data", "Sign with the key of the 'falua serve' that has this folder."):argname "DIR")
  p:flag("--jwks", "Print the JWKS document of the key; send nothing.")
  p:option("--tamper", "Change the body, the timestamp or the signature after it was signed.")
    :argname "WHAT":choices(TAMPER)
  p:option("--old", "Sign it as of so many seconds ago."):argname "SECONDS":convert(seconds "--old")
  p:flag("--replay", "Send the same twice.")
  p:option("--timeout", "Seconds to wait for each answer.", tostring(PATIENCE))
    :argname "SECONDS":convert(seconds "--timeout")
  return p
end


local function complain(text, status)
  command.complain("trigger: " .. text)
  return status
end


---- What is sent --------------------------------------------------------

local function key_of(options)
  if options.key_file then return signing.read(options.key_file) end
  if options.data then return signing.of_server(options.data) end
  return signing.own()
end


-- The picture is in the payload itself, so that nobody has to serve it.
local function sample(status)
  if status == "ERROR" then
    return { detail = { { loc = { "body", "prompt" }, msg = "field required", type = "missing" } } }
  end
  local image = fal.check(fal.image.new(64, 48, "#c06020"))
  return {
    images = { { url = fal.check(image:data_uri()), width = 64, height = 48, content_type = "image/png" } },
    seed = 7, prompt = "a test picture", has_nsfw_concepts = { false }, timings = fal.json.decode "{}",
  }
end


-- The payload as JSON text | nil, why.
local function payload_of(options)
  local text = options.payload
  if not text then return fal.json.encode(sample(options.status), { sorted = true }) end
  if text:sub(1, 1) == "@" then
    local bytes, err = require "fal.core".read(text:sub(2))
    if not bytes then return nil, host.message(err) end
    text = bytes
  end
  local _, err = fal.json.decode(text)
  if err then return nil, "--payload is not JSON: " .. err.message .. " (@FILE reads a file)" end
  return text
end


local function body_of(options, payload)
  local id = fal.json.encode(options.request_id)
  local error = options.status == "ERROR" and '"error":"Invalid status code: 422",' or ""
  return ('{"request_id":%s,"gateway_request_id":%s,"status":"%s",%s"payload":%s}'):format(
    id, id, options.status, error, payload)
end


local tampers = {}

function tampers.body(letter)
  letter.body = letter.body:gsub('"request_id":"', "%0x", 1)
end

function tampers.timestamp(letter)
  letter.timestamp = ("%d"):format(letter.timestamp + 1)
end

function tampers.signature(letter)
  local first = letter.signature:sub(1, 1)
  letter.signature = (first == "0" and "1" or "0") .. letter.signature:sub(2)
end


local function letter_of(options, key, payload)
  local letter = {
    body = body_of(options, payload),
    timestamp = ("%d"):format(os.time() - (options.old or 0) // 1),
  }
  letter.signature = host.hook.sign(key, options.request_id, options.user, letter.timestamp, letter.body)
  if options.tamper then tampers[options.tamper](letter) end
  return letter
end


---- Sending -------------------------------------------------------------

-- An address without what a server never sees | nil.
local function address(text)
  local url = text:match "^[^#]*"
  return url:find "^https?://[^/?]" and not url:find "[%s%c]" and url or nil
end


local function headers_of(options, letter)
  return {
    "Content-Type: application/json", "User-Agent: falua/" .. fal.version, "Expect:",
    "X-Fal-Webhook-Request-Id: " .. options.request_id, "X-Fal-Webhook-User-Id: " .. options.user,
    "X-Fal-Webhook-Timestamp: " .. letter.timestamp, "X-Fal-Webhook-Signature: " .. letter.signature,
  }
end


local function report(options, answer)
  local line = ("request %s: answered %d in %.3f s"):format(options.request_id, answer.status, answer.seconds)
  local said = safe(answer.body):sub(1, 300)
  print(said ~= "" and line .. ": " .. said or line)
end


local function deliver(options, letter)
  local client = fal.client { credentials = "" }
  local status = command.OK
  for _ = 1, options.replay and 2 or 1 do
    local answer, err = command.exchange(client, {
      url = address(options.url), headers = headers_of(options, letter), body = letter.body, timeout = options.timeout,
    })
    if not answer then return complain(host.message(err), command.FAILED) end
    report(options, answer)
    if answer.status < 200 or answer.status > 299 then status = command.FAILED end
  end
  return status
end


local function good_id(text)
  return #text > 0 and #text <= 128 and not text:find "[%c%s]"
end


-- What is wrong with the options, or nil.
local function mistake(options)
  if not good_id(options.request_id) then return "--request-id is no id: 1 to 128 characters without blanks" end
  if not good_id(options.user) then return "--user is no id: 1 to 128 characters without blanks" end
  if not options.url then return "where to? (such as http://127.0.0.1:8788/, as 'falua listen' prints it)" end
  if not address(options.url) then
    return "'" .. safe(options.url) .. "' is no address: it looks like http://127.0.0.1:8788/"
  end
end


function trigger.run(args)
  local options, misuse = command.parse("trigger", trigger.parser(), args)
  if not options then return misuse end
  options.request_id = options.request_id or host.hook.uuid()
  local wrong = not options.jwks and mistake(options)
  if wrong then return complain(wrong, command.MISUSE) end
  local key, why = key_of(options)
  if not key then return complain(why, command.FAILED) end
  if options.jwks then
    print(host.hook.jwks(key))
    return command.OK
  end
  local payload, problem = payload_of(options)
  if not payload then return complain(problem, command.MISUSE) end
  return deliver(options, letter_of(options, key, payload))
end


return trigger
