-- falua again: the call that made a picture, with changes.

local command = require "falua.command"
local host = require "falua.host"
local inputs = require "falua.inputs"

local again = { summary = "make a picture again, with changes", needs_fal = true }


function again.parser()
  local p = require "argparse"("falua again", "Makes the call again that made a picture, with changes.")
  p:argument("image", "A PNG that tells what made it ('falua show' prints it).")
    :argname "IMAGE"
  p:argument("change", inputs.HELP .. " key:=null leaves a field out.")
    :args "*":argname "KEY=VALUE"
  p:option("-o --out", "Names for the files, such as 'out/{slug}-{seed}.{ext}' (otherwise beside IMAGE).")
    :argname "TEMPLATE"
  p:option("--model", "Endpoint to call instead of the one that made it.")
    :argname "ID"
  p:flag("--new-seed", "Leave the seed out: another picture of the same.")
  p:flag("--overwrite", "Replace files that are there.")
  p:flag("--dry-run", "Print the call as JSON; make none.")
  p:flag("--json", "Print the result as JSON, not the names of its files.")
  return p
end


local function complain(...)
  command.complain("again: " .. table.concat({ ... }))
end


-- A copy without what is JSON null at the top.
local function without_nulls(input)
  local copy = {}
  for name, value in pairs(input) do
    if value ~= fal.null then copy[name] = value end
  end
  return copy
end


-- Fields whose data were not kept, such as a picture inline.
local function lost(value, name)
  if type(value) == "string" then return value:find "^data:.* bytes, not kept%)$" and name end
  if type(value) ~= "table" then return nil end
  for k, v in pairs(value) do
    local found = lost(v, name and ("%s.%s"):format(name, k) or tostring(k))
    if found then return found end
  end
end


-- What to call, and with what: id, input | nil, what is wrong, status.
local function recipe(path, options)
  local info, err = fal.image.info(path)
  if not info then return nil, host.message(err), command.FAILED end
  local found = require("fal.made").read(info.text)
  if not found then return nil, path .. ": what made it is not written in it", command.FAILED end
  local id = options.model or found.model
  if not id or not require("fal.core").endpoint(id) then
    return nil, ("%s: %s: say which to call with --model"):format(path,
      id and ("'%s' is no endpoint of fal"):format(id) or "the model is not written in it"), command.FAILED
  end
  local input = found.input or { prompt = found.prompt, negative_prompt = found.negative_prompt }
  if options.new_seed then input.seed = nil
  elseif found.seed then input.seed = found.seed end
  local problem
  input, problem = inputs.apply(input, options.change)
  if not input then return nil, problem, command.MISUSE end
  input = without_nulls(input)
  local name = lost(input)
  if name then
    return nil, ("%s: the data of '%s' were not kept: give them again with %s=@FILE"):format(path, name, name),
      command.MISUSE
  end
  return id, input
end


local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end


-- A name beside the picture that nothing has yet, for whatever comes.
local function beside(path)
  local stem = path:match "^(.+)%.%w+$" or path
  stem = stem:gsub("[{}]", "-")
  local name, k = stem .. "-again", 1
  while exists(name .. ".png") or exists(name .. ".jpg") or exists(name .. ".webp") do
    k = k + 1
    name = ("%s-again%d"):format(stem, k)
  end
  return name .. ".{ext}"
end


local function print_json(value)
  print((fal.json.encode(value, { sorted = true })))
end


-- The files of a result to disk; where they are when that fails.
local function save(result, options)
  local paths, err = fal.save(result, options.out or beside(options.image), { overwrite = options.overwrite })
  if paths then return paths end
  complain(host.message(err))
  for _, file in ipairs(require "fal.save".list(result)) do
    if not file.url:find "^data:" then io.stderr:write("  it is at ", file.url, "\n") end
  end
end


function again.run(args)
  local options, misuse = command.parse("again", again.parser(), args)
  if not options then return misuse end
  local id, input, status = recipe(options.image, options)
  if not id then
    complain(input)
    return status
  end
  if options.dry_run then
    print_json { model = id, input = input }
    return command.OK
  end
  local result, err = fal.run(id, { input = input })
  if not result then
    complain(host.message(err))
    return command.FAILED
  end
  local paths = save(result, options)
  if options.json then print_json(result)
  else
    for _, path in ipairs(paths or {}) do print(path) end
  end
  return paths and command.OK or command.FAILED
end


return again
