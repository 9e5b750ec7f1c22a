--- A certificate authority that lives as long as a test run, and one server
-- certificate of it. The certificate is for the address 127.0.0.1 and no
-- name, so that "https://localhost:..." is a server with a wrong name.

local altname = require "openssl.x509.altname"
local extension = require "openssl.x509.extension"
local name = require "openssl.x509.name"
local pkey = require "openssl.pkey"
local ssl = require "openssl.ssl"
local context = require "openssl.ssl.context"
local x509 = require "openssl.x509"

local M = {}


local function named(common_name)
  local n = name.new()
  n:add("CN", common_name)
  return n
end


local function certificate(subject, key, issuer, serial)
  local c = x509.new()
  c:setVersion(3)
  c:setSerial(serial)
  c:setSubject(named(subject))
  c:setIssuer(named(issuer))
  c:setLifetime(os.time() - 3600, os.time() + 86400)
  c:setPublicKey(key)
  return c
end


local function new_key()
  return pkey.new { type = "EC", curve = "prime256v1" }
end


--- Returns a server's TLS context and the authority's certificate as PEM.
function M.make()
  local ca_key, key = new_key(), new_key()
  local ca = certificate("fault server's authority", ca_key,
                         "fault server's authority", 1)
  ca:addExtension(extension.new("basicConstraints", "critical,CA:TRUE"))
  ca:addExtension(extension.new("keyUsage", "critical,keyCertSign,cRLSign"))
  ca:sign(ca_key)

  local cert = certificate("fault server", key, "fault server's authority", 2)
  local names = altname.new()
  names:add("IP", "127.0.0.1")
  cert:setSubjectAlt(names)
  cert:sign(ca_key)

  local ctx = context.new("TLS", true)
  ctx:setOptions(ssl.OP_NO_SSLv3)
  ctx:setCertificate(cert)
  ctx:setPrivateKey(key)
  return ctx, ca:toPEM()
end


return M
