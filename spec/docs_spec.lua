-- What is registered in C, and what the module offers, is documented.

local function read(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read "*a"
  f:close()
  return s
end


local function lines(command)
  local p = assert(io.popen(command))
  local list = {}
  for line in p:lines() do list[#list + 1] = line end
  p:close()
  return list
end


describe("the ---@meta file", function ()
  local meta = read "lua/meta/fal.lua"

  local function documented(name)
    return meta:find("function [%w_.]*[.:]" .. name .. "%(") ~= nil
  end

  it("has every function of every luaL_Reg", function ()
    local seen, missing = 0, {}
    for _, path in ipairs(lines "ls src/*/*.c") do
      for body in read(path):gmatch "luaL_Reg [%w_]+%[%] = (%b{});" do
        for name in body:gmatch '{"([%w_]+)",' do
          seen = seen + 1
          if not name:find "^__" and not documented(name) then missing[#missing + 1] = path .. ": " .. name end
        end
      end
    end
    assert.is_true(seen > 40)
    assert.same({}, missing)
  end)

  it("has every public name of the module", function ()
    local fal, missing = require "fal", {}
    local function check(t, prefix)
      for name, value in pairs(t) do
        local known = documented(name) or meta:find("@field " .. name .. "[ ?]")
          or meta:find(prefix .. name .. " = {}", 1, true)
        if type(name) == "string" and not known then missing[#missing + 1] = prefix .. name end
        if type(value) == "table" and name == "json" then check(value, prefix .. name .. ".") end
      end
    end
    check(fal, "fal.")
    check(require "fal.image", "fal.image.")
    for name in pairs(require("fal.core").image.methods) do
      if not meta:find("function Image:" .. name .. "(", 1, true) then missing[#missing + 1] = "Image:" .. name end
    end
    assert.same({}, missing)
  end)
end)
