-- What falua doctor looks at: each check is told as { name =, status = "ok" |
-- "warning" | "problem", text =, hint = what to do }.

local command = require "falua.command"
local fal = require "fal"
local core = require "fal.core"
local host = require "falua.host"

local checkup = {}

local SKEW = 300        -- seconds that webhooks and tokens bear
local DRIFT = 30        -- seconds that are worth a word
local FILES = 256       -- open files below which it gets narrow
local KEYS = "https://fal.ai/dashboard/keys"

local ROLES = { "run", "queue", "rest", "api" }


local function env(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end


---- The key ------------------------------------------------------------

-- The beginning of a key's id, when it has one, in brackets: never a part of the
-- secret.
local function name_of(key)
  local id = key:match "^([%w_%-]+):." or ""
  return #id > 1 and (" (%s...)"):format(id:sub(1, math.min(8, #id // 2))) or ""
end


-- What is wrong with a key at first sight: text, hint | nil.
local function mistake_of(key)
  local again = "copy it again from " .. KEYS
  if key:find "%c" then
    return "has a line break or another control character in it", "FAL_KEY=$(cat file) drops the last line break"
  elseif key:find "^%s" or key:find "%s$" then return "begins or ends with a blank", again
  elseif key:find "^[\"'`]" or key:find "[\"'`]$" then
    return "has quotes around it", "in the shell they belong around it, in a file of variables mostly not at all"
  elseif key:find "^[Kk]ey[ =]" then return "begins with the word 'Key'", "the key alone is needed: id:secret"
  elseif key:find "^Bearer " then return nil
  elseif key:find "%s" then return "has a blank in it", again
  elseif key:find "[^\33-\126]" then return "has characters in it that keys have not", again
  elseif not key:find ":" then return "has no colon: a key has two parts, id:secret", again
  elseif key:find "^:" or key:find ":$" then return "lacks one of its two parts, id:secret", again end
end


-- The key of the environment and where it is from | nil.
local function env_key()
  if env "FAL_FORCE_AUTH_BY_USER" == "1" then return nil end
  if env "FAL_KEY" then return env "FAL_KEY", "FAL_KEY" end
  local id, secret = env "FAL_KEY_ID", env "FAL_KEY_SECRET"
  if id and secret then return id .. ":" .. secret, "FAL_KEY_ID and FAL_KEY_SECRET" end
end


local function check_login(expiry, tell)
  local when = expiry > 0 and os.date("%Y-%m-%d %H:%M", expiry // 1)
  if when and expiry <= os.time() then
    return tell("problem", "the stored login expired at " .. when, "log in again ('fal auth login'), or set FAL_KEY")
  end
  tell("ok", "the stored login" .. (when and ", good until " .. when or ""))
end


local function check_no_key(client, tell)
  local half = env "FAL_KEY_ID" and "FAL_KEY_SECRET" or env "FAL_KEY_SECRET" and "FAL_KEY_ID"
  if env "FAL_FORCE_AUTH_BY_USER" == "1" then
    tell("problem", "FAL_FORCE_AUTH_BY_USER is set, and no login is stored", "'fal auth login' makes one")
  elseif half then
    tell("problem", "one half of a key alone: " .. half .. " is not set", "set it, or FAL_KEY with both: id:secret")
  elseif command.is_local then tell("ok", "none, and none is needed: --local")
  elseif client and not checkup.is_fals(client.box:host "run") then
    tell("ok", "none; " .. client.box:host "run" .. " may want none")
  else
    tell("problem", "none: fal.ai is not called without one",
      "set FAL_KEY (" .. KEYS .. " makes one), or work offline: falua --local")
  end
end


local function check_key(client, tell)
  local key, from = env_key()
  local expiry = not key and client and client.box:login()
  if expiry then return check_login(expiry, tell) end
  if not key then return check_no_key(client, tell) end
  local wrong, hint = mistake_of(key)
  if wrong then return tell("problem", ("%s%s %s"):format(from, name_of(key), wrong), hint) end
  local pair = env "FAL_KEY_ID" and env "FAL_KEY_SECRET"
  if from == "FAL_KEY" and pair and env "FAL_KEY_ID" .. ":" .. pair ~= key then
    return tell("warning", ("FAL_KEY%s; FAL_KEY_ID and FAL_KEY_SECRET say another"):format(name_of(key)),
      "FAL_KEY wins: unset what is old")
  end
  tell("ok", from .. (key:find "^Bearer " and " (a token)" or name_of(key)))
end


---- Hosts and certificates -----------------------------------------------

function checkup.is_fals(url)
  local name = url:match "^https://([%w.%-]+)"
  return name ~= nil and (name == "fal.run" or name == "fal.ai" or name:find "%.fal%.run$" or name:find "%.fal%.ai$")
    ~= nil
end


local function check_hosts(client, tell)
  local from, parts = {}, {}
  for _, name in ipairs { "FAL_BASE_URL", "FAL_RUN_HOST", "FAL_QUEUE_RUN_HOST" } do
    if env(name) then from[#from + 1] = name end
  end
  if from[1] == "FAL_BASE_URL" then return tell("ok", client.box:host "run" .. " (FAL_BASE_URL), for everything") end
  for _, role in ipairs(ROLES) do parts[#parts + 1] = client.box:host(role) end
  tell("ok", table.concat(parts, ", ") .. (#from > 0 and " (" .. table.concat(from, ", ") .. ")" or ""))
end


local function check_certificates(client, tell)
  local path = client.box:certificates()
  local from = env "SSL_CERT_FILE" and "SSL_CERT_FILE" or "the system's"
  if not path then return tell("ok", "libcurl's own") end
  local f, why = io.open(path, "rb")
  if not f then
    return tell("problem", ("%s, %s"):format(from, why), env "SSL_CERT_FILE"
      and "name a file of certificates in PEM, or unset SSL_CERT_FILE" or "install the package ca-certificates")
  end
  f:close()
  tell("ok", ("%s (%s)"):format(path, from))
end


---- Network --------------------------------------------------------------

-- What is asked for at each place, and by what name: the REST host has a public
-- document, of the others any answer will do.
local function targets(client)
  local list, seen = {}, {}
  for _, role in ipairs { "rest", "run", "queue", "api" } do
    local base = client.box:host(role)
    local origin = base:match "^%a+://[^/]+" or base
    if not seen[origin] then
      seen[origin] = true
      list[#list + 1] = { origin = origin, rest = role == "rest", url = base .. (role == "rest"
        and "/.well-known/jwks.json" or "/") }
    end
  end
  return list
end


-- "https_proxy == 'http://user:word@host:3128'" as "https_proxy (http://host:3128)".
local function proxy_name(words)
  local name, url = words:match "^(%S+) == '(.*)'?$"
  if not name then return "a proxy" end
  return ("%s (%s)"):format(name, (url:gsub("'.*$", ""):gsub("//[^/]*@", "//"):gsub("^[^/]*@", "")))
end


local PROXIES = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY" }

local function proxy_words(answer)
  if answer.proxy then return ", by the proxy of " .. proxy_name(answer.proxy) end
  for _, name in ipairs(PROXIES) do
    if env(name) then return ", past the proxy" end
  end
  return ""
end


local function check_answer(target, answer, tell)
  local text = ("%s: %d from %s in %.2f s%s%s%s"):format(target.origin, answer.status, answer.ip or "?", answer.seconds,
    answer.http and ", " .. answer.http or "", answer.tls and ", " .. answer.tls or "", proxy_words(answer))
  if answer.status == 407 then
    tell("problem", text, "the proxy wants a name and a password: http://name:password@host:port")
  elseif answer.status >= 500 then tell("warning", text, "the host has trouble of its own: try again later")
  else tell("ok", text) end
end


-- What is known of every target: it has 'answer' or 'err' then.
local function ask_all(client, list, timeout)
  local calls = {}
  for i, target in ipairs(list) do
    calls[i] = function ()
      target.answer, target.err = command.exchange(client, {
        url = target.url, timeout = timeout, headers = { "User-Agent: falua/" .. fal.version },
      })
      target.at = os.time()
    end
  end
  fal.gather(calls)
end


local function check_network(list, tell)
  for _, target in ipairs(list) do
    if target.answer then check_answer(target, target.answer, tell)
    else
      local err = target.err
      local hint = err.hint or err.code == "timeout" and "is a firewall or a proxy (HTTPS_PROXY) in the way?"
        or "is the network up, the name right, a proxy (HTTPS_PROXY) needed?"
      tell("problem", target.origin .. ": " .. err.message:gsub("^cannot reach [^ ]+: ", ""), hint)
    end
  end
end


local function check_webhooks(list, tell)
  for _, target in ipairs(list) do
    if target.rest and target.answer then
      local keys = target.answer.status == 200 and core.webhook.jwks(target.answer.body)
      if keys then return tell("ok", "the keys that sign webhooks are published at " .. target.url) end
      return tell("warning", ("no keys to verify webhooks with at %s (%d)"):format(target.url, target.answer.status),
        "give fal.webhook.verify keys or jwks, if you use webhooks")
    end
  end
end


-- Asks for a request that does not exist: whoever may ask is told so.
local function check_accepted(client, timeout, tell)
  if not client.box:has_key() then return end
  local at = client.box:host "queue"
  local _, err = client.queue.status("fal-ai/flux/schnell", { request_id = host.hook.uuid(), timeout = timeout })
  if err and err.code == "auth" then
    return tell("problem", ("the key is refused by %s: %s"):format(at, err.message), err.hint or
      "is it revoked, or another account's? " .. KEYS)
  end
  if err and not err.status then return end   -- the network has its own lines
  if err and err.status >= 500 then
    return tell("warning", ("%s answers %d: whether it takes the key is not known"):format(at, err.status))
  end
  tell("ok", "the key is accepted by " .. at)
end


---- The clock ------------------------------------------------------------

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11,
  Dec = 12 }

-- "Thu, 26 Nov 2026 07:12:27 GMT" in seconds since 1970 | nil.
function checkup.time_of(date)
  local day, name, year, h, m, s = date:match "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$"
  local month = MONTHS[name]
  if not month then return nil end
  year, day = math.tointeger(year), math.tointeger(day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1 - 719468
  return days * 86400 + h * 3600 + m * 60 + s
end


local function duration(n)
  if n < 120 then return n .. " s" end
  if n < 7200 then return ("%d min"):format(n // 60) end
  return n < 172800 and ("%d h"):format(n // 3600) or ("%d days"):format(n // 86400)
end


local function check_clock(list, tell)
  for _, target in ipairs(list) do
    local date = target.answer and target.answer.date
    local theirs = date and checkup.time_of(date)
    if theirs then
      local off = target.at - theirs
      local text = ("%s %s of %s"):format(duration(math.abs(off)), off < 0 and "behind" or "ahead", target.origin)
      if math.abs(off) > SKEW then
        return tell("problem", text, "set it: webhooks are refused beyond 300 s, tokens expire at the wrong time")
      elseif math.abs(off) > DRIFT then return tell("warning", text, "set it before it is 300 s off") end
      return tell("ok", math.abs(off) <= 2 and "agrees with " .. target.origin or text)
    end
  end
  tell("warning", "no host told the time: it was not compared")
end


---- This machine ---------------------------------------------------------

local function check_versions(tell)
  local v = host.facts.libraries()
  local text = ("falua %s, Lua %s, libcurl %s (%s, %s), libpng %s, SQLite %s, libmicrohttpd %s"):format(v.fal,
    v.lua:match "[%d.]+", v.libcurl, v.tls or "no TLS", v.http2 and "HTTP/2" or "no HTTP/2", v.libpng, v.sqlite,
    v.microhttpd)
  if not v.tls then return tell("problem", text, "fal.ai speaks TLS alone: build with a libcurl that has it") end
  if not v.http2 then return tell("warning", text, "many calls at once are faster with a libcurl that has HTTP/2") end
  tell("ok", text)
end


local PROBE = [[local ok, m = pcall(require, "fal") io.write(_VERSION, jit and " (" .. jit.version .. ")" or "", "\n",
  tostring(ok), "\n", ok and m.version or tostring(m))]]

local function output(line)
  local p = io.popen(line .. " </dev/null 2>&1")
  local text = p and p:read "a" or ""
  if p then p:close() end
  return text
end


local function check_lua(name, tell)
  if output("command -v " .. name) == "" then return false end
  local text = output(("%s -e '%s'"):format(name, PROBE))
  local version, ok, rest = text:match "^(Lua[^\n]*)\n(%a+)\n(.*)$"
  if not version then tell("warning", name .. " does not run: " .. text:sub(1, 200))
  elseif ok == "true" and rest == fal.version then tell("ok", ("%s: require \"fal\" gives %s"):format(version, rest))
  elseif ok == "true" then
    tell("warning", ("%s: require \"fal\" gives %s, falua is %s"):format(version, rest, fal.version),
      "install the same version of both")
  elseif rest:find "module 'fal' not found" then
    tell("ok", version .. ": no module 'fal' (LUA_CPATH says where it is; falua itself needs none)")
  else
    tell("problem", ("%s: the module 'fal' that it finds does not load: %s"):format(version, rest:match "[^\n]*"),
      ("it is built for another Lua, or its libraries are missing: 'make LUA=%s'"):format(name))
  end
  return true
end


local function check_luas(tell_as)
  for _, name in ipairs { "lua5.4", "luajit", "lua5.1" } do check_lua(name, tell_as(name)) end
end


local function check_folder(path, what, tell)
  if not path then return tell("warning", "none: neither HOME nor XDG_STATE_HOME is set", what) end
  local ok, why = host.facts.writable(path)
  if ok then return tell("ok", path) end
  tell("problem", ("%s cannot be written to: %s"):format(path, why), what)
end


local function check_files(tell)
  local n, most = host.facts.files()
  if not n then return end
  local text = n == math.huge and "any number" or ("%d, a call takes one (over HTTP/2 eight carry them all)"):format(n)
  if n >= FILES then return tell("ok", text) end
  tell("warning", text, ("ulimit -n %d, or max_connections = %d in fal.config"):format(math.min(most, 1024), n // 2))
end


local function check_terminal(tell)
  local columns, lines = host.columns(1)
  if not columns then return tell("ok", "standard output is none: no colors, no pictures, progress in lines") end
  local locale = env "LC_ALL" or env "LC_CTYPE" or env "LANG" or ""
  local utf8 = locale:lower():find "utf%-?8" ~= nil
  local colors = env "NO_COLOR" and "no colors (NO_COLOR)" or env "COLORTERM" and "colors: " .. env "COLORTERM"
    or "plain colors"
  local text = ("%s, %d x %d, %s, %s, pictures: %s"):format(env "TERM" or "TERM is not set", columns, lines,
    utf8 and "UTF-8" or "no UTF-8", colors, require "falua.preview".detect())
  if utf8 then return tell("ok", text) end
  tell("warning", text, "names and progress have other letters than ASCII: LC_ALL=C.UTF-8")
end


---- All of it ------------------------------------------------------------

-- The client that calls would be made with | nil, err. A key that no header can
-- hold is told elsewhere; the rest is looked at without it.
local function client_of()
  local made, client = pcall(fal.client, { retry = false })
  if not made and env_key() and mistake_of(env_key()) then
    made, client = pcall(fal.client, { retry = false, credentials = "" })
  end
  if made then return client end
  return nil, client
end


-- Looks at everything; tell(check) is called for each thing as it is known.
function checkup.run(options, tell)
  local function tell_as(name)
    return function (status, text, hint) tell { name = name, status = status, text = text, hint = hint } end
  end
  check_versions(tell_as "versions")
  local client, err = client_of()
  check_key(client, tell_as "key")
  if client then
    check_hosts(client, tell_as "hosts")
    check_certificates(client, tell_as "certificates")
  else tell_as "hosts"("problem", err.message or tostring(err), err.hint) end
  if client and not options.offline then
    local list = targets(client)
    ask_all(client, list, options.timeout)
    check_network(list, tell_as "network")
    check_accepted(client, options.timeout, tell_as "access")
    check_clock(list, tell_as "clock")
    check_webhooks(list, tell_as "webhooks")
  end
  check_luas(tell_as)
  check_folder(command.state(), "falua run keeps the ids of requests there: set XDG_STATE_HOME", tell_as "state")
  check_folder(env "TMPDIR" or "/tmp", "falua serve and falua listen need it: set TMPDIR", tell_as "temporary")
  check_terminal(tell_as "terminal")
  check_files(tell_as "open files")
end


return checkup
