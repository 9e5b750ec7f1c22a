-- falua run: one call, with progress, its files saved.

local collect = require "falua.collect"
local command = require "falua.command"
local host = require "falua.host"
local inputs = require "falua.inputs"

local run = { summary = "call an endpoint, save what it makes", needs_fal = true }

local EXAMPLE = [==[
example:
  falua run fal-ai/flux/schnell prompt="a red kite" image_size=square -o kite.png]==]


function run.parser()
  local p = require "argparse"("falua run", "Calls an endpoint, shows how far it is, saves the files it makes.")
  p:add_help(false)
  p:argument("id", "The endpoint, such as fal-ai/flux/schnell."):argname "ID":args "?"
  p:argument("words", inputs.HELP):args "*":argname "KEY=VALUE"
  p:option("--input", "The input as JSON from a file ('-': standard input); words change it."):argname "FILE"
  collect.options(p)
  p:option("--timeout", "Seconds for everything; then the request is canceled."):argname "SECONDS":convert(tonumber)
  p:option("--start-timeout", "Seconds that it may wait for a runner."):argname "SECONDS":convert(tonumber)
  p:option("--priority", "normal or low."):choices { "normal", "low" }
  p:option("--budget", "Stop before a call that would pass this, in dollars."):argname "AMOUNT"
  p:option("--cache", "Folder of results to answer from."):argname "DIR"
  p:flag("--fresh", "Call although the cache has it.")
  p:option("--journal", "File that keeps the ids of requests (otherwise one of your own; '-': none).")
    :argname "FILE"
  p:flag("--sync", "By one synchronous call instead of through the queue.")
  p:flag("--no-check", "Do not look at the endpoint's schema first.")
  p:flag("-h --help", "This; with an ID, what the endpoint takes.")
  p:epilog(EXAMPLE)
  return p
end


local function complain(...)
  command.complain("run: " .. table.concat { ... })
end


-- What the endpoint takes, or nil, err.
local function fields_of(id)
  local doc, err = fal.models.schema(id)
  if not doc then return nil, err end
  return require "falua.openapi".fields(doc, id)
end


local function help(p, id)
  print(p:get_help())
  if not id then return command.OK end
  local fields, err = fields_of(id)
  if not fields then
    complain("what ", id, " takes is not known: ", err and host.message(err) or "its schema does not say")
    return command.FAILED
  end
  print("\n" .. id .. " takes:")
  for _, line in ipairs(require "falua.openapi".help(fields)) do print(line) end
  return command.OK
end


local function read_input(options)
  local input = {}
  if options.input then
    local bytes, err
    if options.input == "-" then bytes = io.read "a" else bytes, err = require "fal.core".read(options.input) end
    if not bytes then return nil, host.message(err) end
    input, err = fal.json.decode(bytes)
    if type(input) ~= "table" then
      return nil, ("%s: %s"):format(options.input, err and err.message or "the input is not an object")
    end
  end
  return inputs.apply(input, options.words)
end


-- Mistakes that the schema shows: true when there are none, or it is not known.
local function checked(options, input)
  if options.no_check then return true end
  local fields = fields_of(options.id)
  local problems = fields and require "falua.openapi".check(fields, input) or {}
  for _, problem in ipairs(problems) do complain(options.id, ": ", problem) end
  if #problems > 0 then
    complain("'falua run ", options.id, " --help' lists its fields; --no-check sends it as it is")
  end
  return #problems == 0
end


local function configure(options)
  local journal = options.journal or not (os.getenv "FAL_LOCAL" == "1" or command.is_local) and collect.journal() or "-"
  fal.config {
    journal = journal ~= "-" and journal or nil, budget = tonumber(options.budget), cache = options.cache,
  }
end


-- By one call that answers with the result.
local function direct(options, input, job)
  local call = options.sync and fal.run or fal.subscribe
  local opt = {
    input = input, timeout = options.timeout, start_timeout = options.start_timeout, priority = options.priority,
    fresh = options.fresh or nil,
  }
  if not options.sync then
    opt.logs = true
    function opt.on_queue_update(status) collect.show(job, status) end
  end
  return call(options.id, opt)
end


-- Through the queue, so that whoever stops waiting does not lose it.
local function queued(options, input, job, seen)
  local handle, err = fal.queue.submit(options.id, {
    input = input, start_timeout = options.start_timeout, priority = options.priority,
  })
  if not handle then return nil, err end
  seen.handle = handle
  job:update { status = "IN_QUEUE", queue_position = handle.queue_position }
  local result, meta = collect.follow(handle, job, seen, { timeout = options.timeout })
  if result == nil and meta.code == "timeout" then handle:cancel() end
  return result, meta
end


local function call(options, input, display)
  local job = display:job(type(input.prompt) == "string" and input.prompt or options.id)
  local seen = {}
  local how = (options.sync or options.cache) and direct or queued
  local done, result, meta = command.interruptible(how, options, input, job, seen)
  if not done then
    display:close()
    return collect.interrupted(seen.handle, seen, complain)
  end
  if result == nil then
    job:finish { ok = false, text = meta.message }
    display:close()
    complain(host.message(meta))
    return command.FAILED
  end
  job:finish { ok = true }
  display:close()
  return (collect.deliver(result, options, display, { input = input, meta = meta }))
end


function run.run(args)
  local p = run.parser()
  local options, misuse = command.parse("run", p, args)
  if not options then return misuse end
  if options.help then return help(p, options.id) end
  if not options.id or not require "fal.core".endpoint(options.id) then
    complain(options.id and ("'%s' is no endpoint of fal"):format(options.id) or "which endpoint?",
             " ('falua run --help' says more)")
    return command.MISUSE
  end
  options.out_given = options.out ~= "{slug}-{seed}.{ext}"
  local input, problem = read_input(options)
  if not input then
    complain(problem)
    return command.MISUSE
  end
  configure(options)
  if not checked(options, input) then return command.MISUSE end
  return call(options, input, require "falua.progress".new { mode = options.progress })
end


return run
