-- falua cancel: a request is not wanted any more.

local command = require "falua.command"
local host = require "falua.host"

local cancel = { summary = "cancel a request", needs_fal = true }


local function parser()
  local p = require "argparse"("falua cancel", "Cancels a request that waits; asks one that runs to stop.")
  p:argument("id", "The endpoint it was sent to."):argname "ID"
  p:argument("request_id", "Its id."):argname "REQUEST_ID"
  p:epilog "example:\n  falua cancel fal-ai/flux/dev 0b5c9d3e-1f0a-4d87-8a6e-7c1f2f5f4d11"
  return p
end


function cancel.run(args)
  local options, misuse = command.parse("cancel", parser(), args)
  if not options then return misuse end
  local answer, err = fal.queue.cancel(options.id, { request_id = options.request_id })
  if not answer then
    command.complain("cancel: " .. host.message(err))
    return command.FAILED
  end
  print(type(answer) == "table" and answer.status or "OK")
  return command.OK
end


return cancel
