-- A file of --apps: run once in a Lua state of its own, it makes endpoints
-- with fal.app. It may have several, and require modules beside it.

local fal = require "fal"
local endpoint = require "falua.serve.endpoint"

local apps = {}

local by_id, list = {}, {}     -- of the file that was opened
local lines = {}               -- where each was made
local modules = {}             -- paths of modules that it required


_G.fal = fal                   -- as in every script of falua


function fal.app(id)
  endpoint.check_id(id, 2)
  if by_id[id] then
    error("there is an app '" .. id .. "' in this file already", 2)
  end
  local app = {id = id}
  by_id[id] = app
  list[#list + 1] = app
  lines[app] = debug.getinfo(2, "l").currentline
  return app
end


-- Modules in the folder of the file come before others.
local function search_beside(folder)
  local path = folder .. "/?.lua;" .. folder .. "/?/init.lua"
  package.path = path .. ";" .. package.path
  package.cpath = folder .. "/?.so;" .. package.cpath
  table.insert(package.searchers, 2, function(name)
    local found, tried = package.searchpath(name, path)
    if not found then return tried end
    modules[#modules + 1] = found
    local chunk, err = loadfile(found)
    if not chunk then
      error(("error loading module '%s' from file '%s':\n\t%s"):format(name,
            found, err), 0)
    end
    return chunk, found
  end)
end


local function verify(path)
  for _, app in ipairs(list) do
    local ok, why = pcall(endpoint.verify, app)
    if not ok then
      error(("%s:%d: %s: %s"):format(path, lines[app], app.id, why), 0)
    end
  end
end


local function run(path)
  search_beside(path:match "^(.*)/[^/]*$" or ".")
  local chunk, why = loadfile(path)
  if not chunk then error(why, 0) end
  chunk()
  verify(path)
end


-- As the file has them, though it could not be run.
local function guess(path)
  local f = io.open(path, "rb")
  local text = f and f:read "a" or ""
  if f then f:close() end
  local ids = {}
  for id in text:gmatch "fal%.app%s*%(?%s*[\"']([%w%._%-/]+)[\"']" do
    ids[#ids + 1] = endpoint.line {id = id}
  end
  return table.concat(ids)
end


-- Runs the file, once: lines for the server; or nil, what is wrong, and lines
-- of what endpoints it seems to have.
function apps.open(path)
  local ok, why = xpcall(run, function(e)
    local text = tostring(e)
    return type(e) == "string" and e:find("^[^\n]*:%d+:") and text or
           debug.traceback(text, 2)
  end, path)
  if not ok then
    return nil, why, guess(path)
  end
  local out = {}
  for _, app in ipairs(list) do out[#out + 1] = endpoint.line(app) end
  for _, found in ipairs(modules) do
    out[#out + 1] = "module\t" .. found .. "\n"
  end
  return table.concat(out)
end


function apps.find(id)
  return by_id[id]
end


return apps
