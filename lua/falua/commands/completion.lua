-- falua completion: what shells need to complete falua's commands, made from
-- the parsers of the commands.

local command = require "falua.command"

local completion = { summary = "print completions for a shell" }


function completion.parser()
  local p = require "argparse"("falua completion", "Prints what a shell needs to complete the commands of falua.")
  p:argument("shell", "bash, zsh or fish."):argname "SHELL":choices { "bash", "zsh", "fish" }
  p:epilog "example:\n  falua completion bash > ~/.local/share/bash-completion/completions/falua"
  return p
end


-- One parser with every command in it.
local function whole()
  local p = require "argparse"("falua", "Lua with fal inside.")
  p:flag("--local", "Use a local fal in this process.")
  p:flag("-v --version", "Print versions.")
  for _, name in ipairs(command.names()) do
    local found = command.find(name)
    local own, sub = found.parser(), p:command(name, found.summary)
    sub._options, sub._arguments = own._options, own._arguments
    if own._add_help ~= nil then sub:add_help(own._add_help) end
  end
  return p
end


function completion.run(args)
  local options, misuse = command.parse("completion", completion.parser(), args)
  if not options then return misuse end
  local p = whole()
  io.stdout:write(p["get_" .. options.shell .. "_complete"](p))
  return command.OK
end


return completion
