-- The module in Neovim.

local host = require "spec.interop.host"

describe("Neovim", function ()
  host.spec(it, pending, "headless", "luajit",
            "nvim --headless -u NONE -i NONE -c 'luafile spec/interop/hosts/nvim.lua'")
end)
