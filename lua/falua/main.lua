-- The command line of falua: options, scripts, commands, exit codes.

local command = require "falua.command"
local host = require "falua.host"

local complain = command.complain
local OK, FAILED, MISUSE = command.OK, command.FAILED, command.MISUSE

local HELP = [==[
usage: falua [options] [script [args]]
       falua [options] command [args]

Lua 5.4 with fal inside: 'fal' is there without a require.

options:
  -e CODE        run CODE, then the script when there is one
  -l NAME        require NAME into a global (-l g=NAME calls it g)
  -i             go on at the prompt after the script
  -              run standard input
  --             end of options
  --local        use a local fal in this process: no key, no network
  -v, --version  print versions
  -h, --help     print this

Without anything to run: a prompt, or standard input when it is no terminal.

commands:
{commands}
  ('falua COMMAND --help' says more)

environment:
  FAL_KEY        the key, or FAL_KEY_ID with FAL_KEY_SECRET
  FAL_BASE_URL   one address in place of all of fal's hosts
  FAL_LOCAL=1    the same as --local
  FALUA_TRACE=1  errors come with a traceback

exit codes: 0 all well, 1 something failed, 2 misuse, 3 some jobs of a batch
are not done, 130 interrupted]==]


local function help()
  local lines = {}
  for i, name in ipairs(command.names()) do
    lines[i] = ("  %-13s  %s"):format(name, command.find(name).summary)
  end
  return (HELP:gsub("{commands}", (table.concat(lines, "\n"):gsub("%%", "%%%%"))))
end


---- Options ------------------------------------------------------------

local with_value = { e = true, l = true }

local flags = {
  ["-i"] = "interactive", ["--local"] = "local_server",
  ["-v"] = "version", ["--version"] = "version",
  ["-h"] = "help", ["--help"] = "help",
}


-- Options up to the first word: a table with 'first', the index of that word
-- in argv, or nil and what is wrong.
local function parse(argv)
  local options = { chunks = {}, local_server = os.getenv "FAL_LOCAL" == "1" }
  local i = 1
  while argv[i] do
    local word = argv[i]
    local letter, value = word:match "^%-([el])(.*)$"
    if word == "--" then
      i = i + 1
      break
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      break
    elseif flags[word] then
      options[flags[word]] = true
    elseif letter and with_value[letter] then
      if value == "" then
        i = i + 1
        value = argv[i]
        if not value then return nil, "-" .. letter .. " needs a value" end
      end
      table.insert(options.chunks, { letter, value })
    else
      return nil, "unknown option '" .. word .. "' ('falua --help' lists them)"
    end
    i = i + 1
  end
  options.first = i
  return options
end


-- As in lua: the script at 0, its arguments from 1 on, what came before at
-- negative places. Without a script the program itself is at 0.
local function set_arg(argv, script)
  arg = {}
  for i = 0, #argv do arg[i - script] = argv[i] end
end


---- Running ------------------------------------------------------------

local function run_chunk(kind, text)
  if kind == "e" then
    local f, err = load(text, "=(command line)")
    if not f then error(err, 0) end
    f()
  else
    local name, module = text:match "^([%a_][%w_]*)=(.+)$"
    _G[name or text] = require(module or text)
  end
end


local function exists(path)
  local f = io.open(path, "r")
  if f then f:close() end
  return f ~= nil
end


local function run_script(name)
  local f, err
  if name == "-" then f, err = loadfile() else f, err = loadfile(name) end
  if not f then error(err, 0) end
  f(table.unpack(arg))
end


-- Sets the environment up for a server of our own, whatever it was before.
local function start_local()
  for _, name in ipairs { "FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET", "FAL_RUN_HOST", "FAL_QUEUE_RUN_HOST" } do
    host.setenv(name, nil)
  end
  local url, err = host.server.start { listen = "127.0.0.1:0" }
  if not url then error("--local: " .. err, 0) end
  host.setenv("FAL_BASE_URL", url)
end


-- Tasks of the script that still run are run to their end; one that raised
-- with nobody awaiting it is a failure.
local function finish(status)
  local tasks = require "fal.tasks"
  tasks.drain()
  status = status or OK
  for _, failure in ipairs(tasks.unobserved()) do
    local trace = os.getenv "FALUA_TRACE" == "1" and "\n" .. failure.traceback or ""
    complain("in a task: " .. host.message(failure.err) .. trace)
    if status == OK then status = FAILED end
  end
  return status
end


local function run(options, argv)
  local script = argv[options.first]
  local prompt = options.interactive
  if not script and #options.chunks == 0 and not prompt then
    if host.isterminal() then prompt = true else script = "-" end
  end
  if prompt and not host.isterminal() then
    complain "-i needs a terminal"
    return MISUSE
  end
  if options.local_server then start_local() end
  set_arg(argv, argv[options.first] and options.first or 0)
  fal = require "fal"
  for _, chunk in ipairs(options.chunks) do run_chunk(chunk[1], chunk[2]) end
  if script then run_script(script) end
  if prompt then return require "falua.repl"() end
  return finish()
end


-- What a command has spent, by endpoint, when it was anything.
local function tell_cost()
  local report = fal.cost()
  if report.exact:iszero() and report.estimated:iszero() and report.unknown == 0 then return end
  io.stdout:flush()
  io.stderr:write(tostring(report), "\n")
end


local function run_command(found, options, argv)
  if found.needs_fal then
    if options.local_server then start_local() end
    command.is_local = options.local_server
    fal = require "fal"
  end
  local status = found.run(table.move(argv, options.first + 1, #argv, 1, {}))
  if not found.needs_fal then return status end
  status = finish(status)
  tell_cost()
  return status
end


-- argv, with the program's name at 0 -> exit status. Errors of scripts are
-- raised.
return function (argv)
  local options, problem = parse(argv)
  local word = options and argv[options.first]
  if problem then
    complain(problem)
    return MISUSE
  elseif options.help then
    print(help())
    return OK
  elseif options.version then
    print(host.versions())
    return OK
  elseif command.find(word) then
    return run_command(command.find(word), options, argv)
  elseif word and word ~= "-" and not exists(word) then
    complain("'" .. word .. "' is neither a file nor a command ('falua --help' lists them)")
    return MISUSE
  end
  return run(options, argv)
end
