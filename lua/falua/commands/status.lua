-- falua status: one look at a request.

local command = require "falua.command"
local host = require "falua.host"
local text = require "falua.text"

local status = { summary = "look at a request", needs_fal = true }


function status.parser()
  local p = require "argparse"("falua status",
    "Prints how far a request is. Exit status 0 also when it failed: that it did is what was asked.")
  p:argument("id", "The endpoint it was sent to."):argname "ID"
  p:argument("request_id", "Its id."):argname "REQUEST_ID"
  p:flag("--logs", "Print its log too.")
  p:flag("--json", "Print the status as JSON.")
  p:epilog "example:\n  falua status fal-ai/flux/dev 0b5c9d3e-1f0a-4d87-8a6e-7c1f2f5f4d11 --logs"
  return p
end


local function show(s)
  local line = s.status
  if type(s.queue_position) == "number" then line = line .. ", position " .. s.queue_position end
  local seconds = type(s.metrics) == "table" and tonumber(s.metrics.inference_time)
  if seconds then line = line .. (", %.2f s"):format(seconds) end
  if type(s.error) == "string" then
    line = line .. (": %s (%s)"):format(text.line(s.error), text.line(s.error_type))
  end
  print(line)
  for _, entry in ipairs(type(s.logs) == "table" and s.logs or {}) do print("  " .. text.line(entry.message)) end
end


function status.run(args)
  local options, misuse = command.parse("status", status.parser(), args)
  if not options then return misuse end
  local s, err = fal.queue.status(options.id, { request_id = options.request_id, logs = options.logs })
  if not s then
    command.complain("status: " .. host.message(err))
    return command.FAILED
  end
  if options.json then print((fal.json.encode(s, { sorted = true }))) else show(s) end
  return command.OK
end


return status
