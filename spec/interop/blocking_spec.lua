-- The module in the stand-alone interpreters.

local host = require "spec.interop.host"

describe("a plain script", function ()
  for _, lua in ipairs { "lua5.4", "luajit", "lua5.1" } do
    host.spec(it, pending, "under " .. lua, lua, lua .. " spec/interop/hosts/plain.lua")
  end
end)
