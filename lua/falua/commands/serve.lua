-- falua serve: the local fal, until it is told to stop.

local command = require "falua.command"
local host = require "falua.host"

local serve = { summary = "run a local fal" }


function serve.parser()
  local p = require "argparse"("falua serve",
    "A local fal: the same protocol, preview models, no key, no network.")
  p:option("--listen", "Address and port; port 0 picks a free one.", "127.0.0.1:8787")
    :argname "ADDR:PORT"
  p:option("--data", "Folder for files (otherwise a temporary one).")
    :argname "DIR"
  p:option("--apps", "Folder of endpoints in Lua: each file is read again when it changes.")
    :argname "DIR"
  p:option("--workers", "Processes that run endpoints (otherwise one a core).")
    :argname "N"
    :convert(command.whole("--workers", 1, 64))
  p:option("--keys", "Who may call, and how much: a line for each key, 'name key_id:key_secret rate=10/s " ..
    "concurrency=4 images=1000/day', the key perhaps as sha256:HEX. Without it any key will do, on loopback only.")
    :argname "FILE"
  p:option("--max-upload", "Size of the largest file taken (otherwise 16G).")
    :argname "SIZE"
    :convert(command.bytes("--max-upload"))
  p:option("--head-timeout", "Seconds that a caller has for the head of a request (otherwise 20).")
    :argname "SECONDS"
    :convert(command.whole("--head-timeout", 1, 3600))
  p:option("--body-timeout", "Seconds until a body must have come with 1 KB/s (otherwise 30).")
    :argname "SECONDS"
    :convert(command.whole("--body-timeout", 1, 3600))
  p:option("--keep-alive", "Seconds of silence after which event streams get a comment (otherwise 15).")
    :argname "SECONDS"
    :convert(command.whole("--keep-alive", 1, 3600))
  p:option("--filter", "File of words, one a line: prompts with one are refused; with one behind a '~', flagged.")
    :argname "FILE"
  p:flag("--webhooks-anywhere", "Deliver webhooks to other machines too, not to this one alone.")
  p:option("--webhook-delay", "Seconds before a webhook that was not taken is delivered again (otherwise 15).")
    :argname "SECONDS":convert(tonumber)
  p:option("--chaos", "Failures on purpose, by probability: of 429, 502, 504, cut, slow, expired, type; " ..
                      "'seed' makes other dice, 'delay' is the seconds of slow. A number alone is for each of them.")
    :argname "429=0.1,slow=0.2,seed=7"
  p:option("--time-limit", "Seconds that a call may take, where the endpoint does not say (otherwise 60).")
    :argname "SECONDS"
    :convert(command.whole("--time-limit", 1, 86400))
  p:option("--memory-limit", "What an endpoint's Lua may have, where it does not say (otherwise 256M).")
    :argname "SIZE"
    :convert(command.bytes("--memory-limit"))
  p:option("--keep", "Seconds that results of queued requests are kept (otherwise 3600).")
    :argname "SECONDS"
    :convert(command.whole("--keep", 1, 31536000))
  p:option("--keep-big", "The same for results of 10 KB and more (otherwise 360).")
    :argname "SECONDS"
    :convert(command.whole("--keep-big", 1, 31536000))
  p:flag("--verbose", "A line for each request.")
  return p
end


function serve.run(args)
  local options, status = command.parse("serve", serve.parser(), args)
  if not options then return status end
  local done, err = host.server.serve(options)
  if done then return command.OK end
  command.complain("serve: " .. err)
  return command.FAILED
end


return serve
