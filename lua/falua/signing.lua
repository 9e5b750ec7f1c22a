-- Keys that sign webhooks: this machine's own, which is made when it is first
-- needed, that of a server's data folder, or one in a file.
--
-- A key is 32 bytes, the private half of an Ed25519 pair. Files have it as
-- other tools do: PKCS #8 in PEM, as 'openssl genpkey -algorithm ed25519'
-- writes it.

require "fal"
local command = require "falua.command"
local core = require "fal.core"
local hook = require "falua.host".hook

local signing = {}

local MAX = 65536   -- bytes of a key file
local PEM = "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n"

-- What PKCS #8 has before the 32 bytes.
local HEAD = ("302e020100300506032b657004220420"):gsub("%x%x", function (h) return string.char(tonumber(h, 16)) end)


-- The file of this machine's own key; nil when there is no place for it.
function signing.path()
  local state = command.state()
  return state and state .. "/webhook.pem"
end


-- The key in a file | nil, why.
function signing.read(path)
  local text, err = core.read(path, MAX)
  if not text then return nil, tostring(err) end
  local der = core.unbase64(text:match "%-%-%-%-%-BEGIN PRIVATE KEY%-%-%-%-%-(.-)%-%-%-%-%-END" or "")
  if der and #der == #HEAD + 32 and der:sub(1, #HEAD) == HEAD then return der:sub(-32) end
  return nil, path .. " has no Ed25519 key: 'openssl genpkey -algorithm ed25519' makes one"
end


-- The key by which the server signs that has its data in 'folder' | nil, why.
function signing.of_server(folder)
  local path = folder .. "/secret"
  local text = core.read(path, MAX)
  local hex = text and text:match "^(%x+)\n?$"
  if not hex or #hex ~= 64 then return nil, "no server has had its data in " .. folder .. ": it has no 'secret'" end
  return hook.derive((hex:gsub("%x%x", function (h) return string.char(tonumber(h, 16)) end)))
end


local function random()
  local f, err = io.open("/dev/urandom", "rb")
  if not f then return nil, err end
  f:setvbuf "no"
  local bytes = f:read(32)
  f:close()
  return bytes
end


-- This machine's own key, made when it is not there | nil, why. What two
-- processes append at once has two keys in it: the first one counts. One that
-- finds the other's file still empty appends, too.
function signing.own()
  local path = signing.path()
  if not path then return nil, "there is no place for a key: neither HOME nor XDG_STATE_HOME is set" end
  local f = io.open(path, "rb")
  local begun = f and f:read(1)
  if f then f:close() end
  if begun then return signing.read(path) end
  local bytes, why = random()
  if not bytes then return nil, why end
  local ok, err = core.append(path, PEM:format(core.base64(HEAD .. bytes)))
  if not ok then return nil, tostring(err) end
  return signing.read(path)
end


-- The document with this machine's own key, when it has one.
function signing.own_jwks()
  local path = signing.path()
  local key = path and signing.read(path)
  return key and hook.jwks(key)
end


return signing
