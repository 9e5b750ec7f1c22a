-- The module in luv, libuv for Lua.

local host = require "spec.interop.host"

describe("luv", function ()
  for _, lua in ipairs { "lua5.4", "luajit", "lua5.1" } do
    host.spec(it, pending, "under " .. lua, lua, lua .. " spec/interop/hosts/luv.lua",
              lua .. " -e 'require [[luv]]'")
  end
end)
