-- falua show: what made these pictures.

local command = require "falua.command"
local host = require "falua.host"
local safe = require "falua.text".safe

local show = { summary = "print what made a picture", needs_fal = true }

-- Texts that 'made' has told already.
local TOLD = {
  fal = true, input = true, parameters = true, prompt = true, negative_prompt = true, seed = true, model = true,
  request_id = true, cost = true, Software = true,
}


function show.parser()
  local p = require "argparse"("falua show", "Prints what made a picture, as far as it tells.")
  p:argument("image", "Pictures: PNGs have it in them; of JPEG, WebP and GIF there is size and type.")
    :args "+":argname "IMAGE"
  p:flag("--json", "A line of JSON for each, with all text chunks.")
  return p
end


local function by_name(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  local i = 0
  return function ()
    i = i + 1
    return names[i], t[names[i]]
  end
end


local function line(name, value)
  if value == nil or value == "" then return end
  local text = safe(value):gsub("\n", "\n" .. (" "):rep(23))
  print(("  %-20s %s"):format(safe(name), text))
end


local function value_text(value)
  return type(value) == "string" and value or fal.json.encode(value, { sorted = true })
end


local function print_found(found, text)
  line("model", found.model)
  line("prompt", found.prompt)
  line("negative prompt", found.negative_prompt)
  line("seed", require("fal.made").digits(found.seed))
  for name, value in by_name(found.input or {}) do
    if not TOLD[name] then line(name, value_text(value)) end
  end
  line("request id", found.request_id)
  line("cost", found.cost)
  line("made by", found.software)
  for name, value in by_name(text) do
    if not TOLD[name] then line(name, value) end
  end
end


local function print_info(path, info)
  local found = require("fal.made").read(info.text)
  print(("%s: %s, %d x %d"):format(safe(path), info.type, info.width, info.height))
  if found then print_found(found, info.text)
  else
    print "  what made it is not written in it"
    for name, value in by_name(info.text) do line(name, value) end
  end
end


local function print_json(path, info)
  local found = require("fal.made").read(info.text)
  print(fal.json.encode({
    file = path, type = info.type, width = info.width, height = info.height, made = found,
    text = next(info.text) and info.text or nil,
  }, { sorted = true }))
end


function show.run(args)
  local options, misuse = command.parse("show", show.parser(), args)
  if not options then return misuse end
  local status = command.OK
  for i, path in ipairs(options.image) do
    local info, err = fal.image.info(path)
    if not info then
      command.complain("show: " .. host.message(err))
      status = command.FAILED
    elseif options.json then print_json(path, info)
    else
      if i > 1 then print() end
      print_info(path, info)
    end
  end
  return status
end


return show
