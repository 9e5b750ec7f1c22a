-- What commands do with requests and their results: follow them, save them,
-- say where they are.

local command = require "falua.command"
local fal = require "fal"
local host = require "falua.host"
local preview = require "falua.preview"

local collect = {}

local PATIENCE = 10   -- seconds that a request is given to be canceled


-- The journal that commands keep when nobody names one; nil when there is no
-- place for it.
function collect.journal()
  local state = command.state()
  return state and state .. "/journal"
end


-- Options of the commands that end in a result.
function collect.options(p)
  p:option("-o --out", "Names for the files, such as 'out/{slug}-{seed}.{ext}'.", "{slug}-{seed}.{ext}")
    :argname "TEMPLATE"
  p:flag("--overwrite", "Replace files that are there.")
  p:flag("--json", "Print the result as JSON; files are saved only with --out.")
  require("falua.progress").option(p)
  preview.option(p)
end


-- How far a log line says it is: "3/28", "14%|##", as progress bars write.
local function fraction(line)
  local percent = line:match "(%d+)%%|"
  if percent then return math.min(1, tonumber(percent) / 100) end
  local a, b = line:match "%f[%d](%d+)/(%d+)%f[^%d]"
  a, b = tonumber(a), tonumber(b)
  if a and b > 0 and a <= b then return a / b end
end


-- Shows a line of a request's log.
function collect.show_log(job, message)
  job:update { log = message, fraction = fraction(tostring(message)) }
end


-- Shows what is new of a request.
function collect.show(job, status)
  job:update { status = status.status, queue_position = status.queue_position }
  for _, line in ipairs(type(status.logs) == "table" and status.logs or {}) do
    collect.show_log(job, line.message)
  end
end


-- Waits for a request: result, meta | nil, err. 'seen' (a table) has the last
-- status, should somebody interrupt.
function collect.follow(handle, job, seen, options)
  for event in handle:events(options) do
    seen.status = event.status
    collect.show(job, event)
    if event.result ~= nil then return event.result, event.meta end
    if event.err then return nil, event.err end
  end
  return nil, require "fal.core".error { code = "protocol", retryable = true, message = "the statuses ended early" }
end


-- The files of a result, and where they are. true when all is well.
local function save(result, options, display, made)
  local paths, err = fal.save(result, options.out, {
    overwrite = options.overwrite, input = made and made.input, meta = made and made.meta,
  })
  for _, path in ipairs(paths or {}) do
    if options.preview and not options.json then display:picture(path, options.preview) end
    display:print(path)
  end
  if paths then return true, paths end
  display:complain("falua: " .. host.message(err))
  for _, file in ipairs(require "fal.save".list(result)) do
    if not file.url:find "^data:" then display:complain("  it is at " .. file.url) end
  end
  return false
end


-- Prints a result, or saves its files and prints their names: exit status, and
-- the names. 'made' has the input and the meta of the call, where they are known.
function collect.deliver(result, options, display, made)
  local has_files = type(result) == "table" and #require "fal.save".list(result) > 0
  local ok, paths = true, nil
  if has_files and (not options.json or options.out_given) then
    ok, paths = save(result, options, display, made)
  end
  if options.json or not has_files then
    display:print((fal.json.encode(result, { sorted = true, pretty = not options.json or nil })))
  end
  return ok and command.OK or command.FAILED, paths
end


-- How to go on with a request that runs.
function collect.way_on(id, request_id)
  return ("it goes on at the server: falua result %s %s"):format(id, request_id)
end


-- After Ctrl-C: what waits is canceled, what runs is left alone and named.
function collect.interrupted(handle, seen, complain)
  if not handle then
    complain "interrupted before the request was accepted"
  elseif seen.status == "IN_PROGRESS" then
    complain("interrupted: " .. collect.way_on(handle.endpoint_id, handle.request_id))
  else
    local answer, err = handle.client.queue.cancel(handle.endpoint_id,
                                                   { request_id = handle.request_id, timeout = PATIENCE })
    if answer then complain("interrupted: request " .. handle.request_id .. " was canceled")
    else
      complain("interrupted; " .. host.message(err))
      complain(collect.way_on(handle.endpoint_id, handle.request_id))
    end
  end
  return command.INTERRUPTED
end


return collect
