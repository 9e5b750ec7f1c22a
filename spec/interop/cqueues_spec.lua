-- The module in cqueues.

local host = require "spec.interop.host"

describe("cqueues", function ()
  for _, lua in ipairs { "lua5.4", "luajit", "lua5.1" } do
    host.spec(it, pending, "under " .. lua, lua, lua .. " spec/interop/hosts/cqueues.lua",
              lua .. " -e 'require [[cqueues]]'")
  end
end)
