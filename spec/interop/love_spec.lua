-- The module in LÖVE.

local host = require "spec.interop.host"

describe("LÖVE", function ()
  host.spec(it, pending, "without a screen", "luajit", "love spec/interop/hosts/love")
end)
