--- Finds a key where none may be.
--
--   local secrets = require "spec.support.secrets"
--   assert.is_nil(secrets.find(err))            in a value, however deep
--   assert.is_nil(secrets.find_in_folder(dir))  in the files of a folder
--
-- What is returned tells where it was found. A key counts as found in any of
-- its forms: whole, the secret half alone, with the colon escaped, in hex, in
-- base64 at any offset.

require "fal"   -- it brings fal.core
local core = require "fal.core"
local child = require "spec.support.child"

local M = {}

--- A key for tests, like one of fal's.
M.KEY = "0d6b3f52-7a51-4c0e-9d53-key-id:5ecre7-Ha1f-of-7he-key-0123456789"


--- What base64 makes of the middle of 's', for each offset it may stand at.
local function in_base64(s, forms)
  for pad = 0, 2 do
    local text = core.base64(("\0"):rep(pad) .. s)
    -- the first and last groups depend on what stands beside them
    forms[#forms + 1] = text:sub(pad == 0 and 1 or 5, -5):gsub("=", "")
  end
end


local function forms_of(key)
  local id, secret = key:match "^(.-):(.+)$"
  local forms = { key }
  if secret then
    forms[#forms + 1] = secret
    forms[#forms + 1] = id .. "%3A" .. secret
  end
  forms[#forms + 1] = ((secret or key):gsub(".", function (c) return ("%02x"):format(c:byte()) end))
  in_base64(secret or key, forms)
  return forms
end


local known = {}

--- The form of the key that is in a text, or nil.
function M.in_text(text, key)
  key = key or M.KEY
  known[key] = known[key] or forms_of(key)
  for _, form in ipairs(known[key]) do
    if text:find(form, 1, true) then return form end
  end
end


local function walk(value, key, place, seen)
  if type(value) == "string" then return M.in_text(value, key) and place end
  if type(value) == "number" or type(value) == "boolean" or value == nil or seen[value] then return nil end
  seen[value] = true
  local ok, text = pcall(tostring, value)
  if ok and M.in_text(text, key) then return "tostring(" .. place .. ")" end
  if type(value) == "table" then
    for k, v in next, value do
      local name = place .. "." .. tostring(k)
      local found = walk(k, key, name .. " (the name)", seen) or walk(v, key, name, seen)
      if found then return found end
    end
    return walk(getmetatable(value), key, place .. "'s metatable", seen)
  end
end


--- Where the key is in a value: its texts, tables, their metatables, and what
-- tostring makes of each. nil when it is nowhere.
function M.find(value, key)
  return walk(value, key, "it", {})
end


--- The file below a folder that has the key in it, or in its name.
function M.find_in_folder(dir, key)
  for path in child.sh("find " .. child.quoted(dir) .. " -type f"):gmatch "[^\n]+" do
    local f = assert(io.open(path, "rb"))
    local text = f:read "*a"
    f:close()
    if M.in_text(path, key) or M.in_text(text, key) then return path end
  end
end


return M
