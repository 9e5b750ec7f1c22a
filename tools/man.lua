-- man.lua -- the manual page, from what falua's --help says
--
--   lua5.4 tools/man.lua build/falua > falua.1

local falua = arg[1]


local function output(words)
  local p = assert(io.popen(falua .. " " .. words))
  local text = p:read "*a"
  assert(p:close(), "'falua " .. words .. "' failed")
  return text
end


-- Text as roff takes it literally.
local function escaped(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("%f[^\n%z]([.'])", "\\&%1"))
end


local function as_is(text)
  io.write(".nf\n", escaped(text:gsub("%s+$", "")), "\n.fi\n")
end


local function section(title, text)
  io.write(".SH ", title, "\n")
  as_is(text)
end


local help = output "--help"
local usage, head, options, commands, tail =
  help:match "^(usage:.-)\n\n(.-)\n\noptions:\n(.-)\ncommands:\n(.-)\n  %b()\n\n(.*)$"
local version = output("--version"):match "%d+%.%d+%.%d+"

io.write('.TH FALUA 1 "" "fal ', version, '" "User Commands"\n.SH NAME\nfalua \\- Lua with fal inside\n')
section("SYNOPSIS", (usage:gsub("usage: ", ""):gsub("\n +", "\n")))
io.write(".SH DESCRIPTION\n", escaped(head), "\n")
section("OPTIONS", options)
io.write ".SH COMMANDS\n"
for name in commands:gmatch "%f[^\n%z]  (%l+) " do
  io.write(".SS ", name, "\n")
  as_is((output(name .. " --help"):gsub("^Usage: ", "")))
end
section("ENVIRONMENT", (tail:match "^environment:\n(.-)\n\n"))
io.write(".SH EXIT STATUS\n", escaped(tail:match "exit codes: (.*)$"))
io.write(".SH SEE ALSO\n", escaped "README.md and docs/ of fal for Lua; https://fal.ai/docs", "\n")
