--- Runs Lua code in a process of its own, under the same Lua as the specs.

local server = require "spec.support.server"

local M = {}

--- What the Lua that runs here is called.
M.lua = os.getenv "SPEC_LUA" or jit and "luajit" or _VERSION:lower():gsub(" ", "")


function M.quoted(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end


--- Runs a shell command: its whole output (both kinds) and its exit status.
function M.sh(command)
  local p = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \"[$?]\""))
  local out = p:read("*a")
  p:close()
  local text, code = out:match("^(.*)%[(%d+)%]\n$")
  return text, tonumber(code)
end


--- Runs 'code'. 'env' has variables to set (false: to unset); 'wrap' is a
-- command to run it by, with %s where the program goes.
function M.run(code, env, wrap)
  local dir = server.folder()
  local f = assert(io.open(dir .. "/child.lua", "w"))
  f:write(code)
  f:close()
  local words = { "env", "-u", "FAL_KEY", "-u", "FAL_KEY_ID", "-u",
                  "FAL_KEY_SECRET", "-u", "FAL_BASE_URL", "-u", "FAL_RUN_HOST", "FAL_HOME_DIR=/nowhere" }
  for name, value in pairs(env or {}) do
    words[#words + 1] = M.quoted(name .. "=" .. value)
  end
  words[#words + 1] = M.lua .. " " .. dir .. "/child.lua"
  local program = table.concat(words, " ")
  local out, code_ = M.sh(wrap and wrap:gsub("%%s", (program:gsub("%%", "%%%%")))
                          or program)
  server.remove_folder(dir)
  return out, code_
end


return M
