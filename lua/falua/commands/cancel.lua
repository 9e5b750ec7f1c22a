-- falua cancel: a request is not wanted any more.

local command = require "falua.command"
local host = require "falua.host"

local cancel = { summary = "cancel a request", needs_fal = true }


function cancel.parser()
  local p = require "argparse"("falua cancel", "Cancels a request that waits; asks one that runs to stop.")
  p:argument("id", "The endpoint it was sent to."):argname "ID"
  p:argument("request_id", "Its id."):argname "REQUEST_ID"
  p:epilog "example:\n  falua cancel fal-ai/flux/dev 0b5c9d3e-1f0a-4d87-8a6e-7c1f2f5f4d11"
  return p
end


-- What the queue says of a request that it does not cancel, or nil.
local function word_of(err)
  local body = type(err.body) == "string" and fal.json.decode(err.body)
  return type(body) == "table" and type(body.status) == "string" and body.status or nil
end


function cancel.run(args)
  local options, misuse = command.parse("cancel", cancel.parser(), args)
  if not options then return misuse end
  local answer, err = fal.queue.cancel(options.id, { request_id = options.request_id })
  if not answer then
    command.complain("cancel: " .. (word_of(err) or host.message(err)))
    return command.FAILED
  end
  print(type(answer) == "table" and answer.status or "OK")
  return command.OK
end


return cancel
