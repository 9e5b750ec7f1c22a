-- The prompt. Each line is evaluated in a task of its own, so the prompt is
-- back as soon as the line waits for something; its values are printed when
-- they arrive. Ctrl-C takes back what is being typed, or else ends what is
-- being evaluated.

local host = require "falua.host"
local pretty = require "falua.pretty"
local complete = require "falua.complete"
local history = require "falua.history"
local fal = require "fal"
local tasks = require "fal.tasks"

local terminal = host.terminal
local print, stderr = print, io.stderr

local evaluating = {}   -- tasks that have not printed their values yet
local text = ""         -- lines of a statement that is not complete


local function prompt()
  if text ~= "" then return ">> " end
  local n = 0
  for _ in pairs(evaluating) do n = n + 1 end
  return n == 0 and "> " or ("(%d) > "):format(n)
end


local function complain(message)
  terminal.hide()
  io.stdout:flush()
  stderr:write(message, "\n")
end


-- What a line's function did: its values are shown, the first one kept in _.
local function report(ok, ...)
  local n = select("#", ...)
  if not ok then
    complain((...))
  elseif n > 0 then
    _G._ = (...)
    terminal.hide()
    local good, shown = pcall(pretty, { ... }, n)
    print(good and shown or "(a value that cannot be shown: " .. tostring(shown) .. ")")
  end
end


local function evaluate(f)
  local task, over
  task = fal.async(function ()
    report(xpcall(f, host.message))
    over = true
    if task then
      evaluating[task] = nil
      terminal.hide()  -- the prompt counts
    end
  end)
  if not over then evaluating[task] = true end
end


-- A function, or nil and an error, which is nil when more is to come.
local function compile(chunk)
  local f = load("return " .. chunk, "=stdin", "t")
  if f then return f end
  local err
  f, err = load(chunk, "=stdin", "t")
  if not f and err:find "<eof>$" then err = nil end
  return f, err
end


local function entered(line)
  history.add(line)
  text = text == "" and line or text .. "\n" .. line
  local f, err = compile(text)
  if f or err then text = "" end
  if f then evaluate(f) elseif err then complain(err) end
end


local function interrupted()
  print "^C"
  if not terminal.typed() and text == "" then
    for task in pairs(evaluating) do task:cancel() end
  end
  text = ""
end


local function report_failures()
  for _, failure in ipairs(tasks.unobserved()) do
    complain("in a task: " .. host.message(failure.err))
  end
end


-- Waits for a key or for work, and deals with it. True at the end of input.
local function turn()
  local fd = fal.pollfd()
  local what, value = terminal.wait(fd, not fd and 0.02 or nil)
  if what == "line" then entered(value)
  elseif what == "interrupt" then interrupted()
  elseif what == "end" then return true end
  fal.step(0)
  report_failures()
  if what then terminal.prompt(prompt()) else terminal.show(prompt()) end
end


-- Output from tasks must not end up in the middle of what is being typed.
local function guard(library, name)
  local f = library[name]
  library[name] = function (...)
    terminal.hide()
    return f(...)
  end
end


return function ()
  print(host.versions())
  print "Ctrl-D leaves. The last value is kept in _."
  terminal.open(complete)
  history.load()
  guard(_G, "print")
  guard(io, "write")
  host.catch(true)
  terminal.prompt(prompt())
  while true do
    local ok, value = pcall(turn)
    if ok and value then break end
    if not ok then
      if value == "interrupted" then interrupted() else complain(host.message(value)) end
      terminal.prompt(prompt())
    end
  end
  host.catch(false)
  print()
  return 0
end
