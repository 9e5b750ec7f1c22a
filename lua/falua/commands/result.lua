-- falua result: the result of a request, waited for when it is not there yet.

local collect = require "falua.collect"
local command = require "falua.command"
local host = require "falua.host"
local progress = require "falua.progress"

local result = { summary = "fetch the result of a request", needs_fal = true }

local TEMPLATE = "{slug}-{seed}.{ext}"


function result.parser()
  local p = require "argparse"("falua result", "Waits for a request and saves what it made.")
  p:argument("id", "The endpoint it was sent to."):argname "ID"
  p:argument("request_id", "Its id."):argname "REQUEST_ID"
  collect.options(p)
  p:option("--timeout", "Seconds to wait; the request goes on after that."):argname "SECONDS":convert(tonumber)
  p:epilog "example:\n  falua result fal-ai/flux/dev 0b5c9d3e-1f0a-4d87-8a6e-7c1f2f5f4d11 -o kite.png"
  return p
end


function result.run(args)
  local options, misuse = command.parse("result", result.parser(), args)
  if not options then return misuse end
  options.out_given = options.out ~= TEMPLATE
  local handle = fal.queue.handle(options.id, options.request_id)
  local display = progress.new { mode = options.progress }
  local job = display:job(options.id)
  local done, value, err = command.interruptible(collect.follow, handle, job, {}, { timeout = options.timeout })
  job:finish { ok = done and value ~= nil, text = done and value == nil and err.message or nil }
  display:close()
  if not done then
    command.complain("result: interrupted; " .. collect.way_on(options.id, options.request_id))
    return command.INTERRUPTED
  elseif value == nil then
    command.complain("result: " .. host.message(err))
    return command.FAILED
  end
  return (collect.deliver(value, options, display))
end


return result
