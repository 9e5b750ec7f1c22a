-- require "fal": the public table.

local core = require "fal.core"
local tasks = require "fal.tasks"
local Client = require "fal.client"

local fal = {
  version = core.version,
  json = core.json,
  null = core.json.null,
  array = core.json.array,
  empty_array = core.json.empty_array,
  msgpack = { encode = core.msgpack.encode, decode = core.msgpack.decode },
  bytes = core.msgpack.bytes,
  async = tasks.async,
  gather = tasks.gather,
  sleep = tasks.sleep,
  digest = core.digest,
}

-- Pictures are read when they are used, whatever of them is used first.
fal.image = setmetatable({}, { __index = function (_, name) return require("fal.image")[name] end })
setmetatable(core.image.methods, { __index = function (methods, name)
  require "fal.image"
  return rawget(methods, name)
end })


local default


-- The default client, made from the environment when nobody configured it.
local function client()
  if not default then
    local c, err = Client.new(nil, "fal.config")
    if not c then error(err, 0) end
    default = c
  end
  return default
end


-- Sets up the client behind fal.run and friends, and returns it. Raises when
-- the options are no good.
function fal.config(options)
  local c, err = Client.new(options, "fal.config")
  if not c then error(err, 2) end
  default = c
  return c
end


-- An endpoint. The server has a function of its own in place of this one.
function fal.app()
  error("fal.app makes endpoints in files of a folder that 'falua serve --apps DIR' serves", 2)
end


-- An independent client with the same methods.
function fal.client(options)
  local c, err = Client.new(options, "fal.client")
  if not c then error(err, 2) end
  return c
end


function fal.run(id, options)
  return (default or client()):run(id, options)
end


function fal.subscribe(id, options)
  return client():subscribe(id, options)
end


function fal.run_iterator(id, options)
  return client():run_iterator(id, options)
end


function fal.stream(id, options)
  return client():stream(id, options)
end


-- The queue of the default client.
fal.queue = setmetatable({}, { __index = function (_, name) return client().queue[name] end })


fal.journal = {}


-- A journal of submitted requests: its pending() are handles | nil, err.
function fal.journal.open(path)
  return require("fal.journal").open(path, client())
end


fal.storage = setmetatable({}, { __index = function (_, name) return client().storage[name] end })


fal.realtime = setmetatable({}, { __index = function (_, name) return client().realtime[name] end })


-- A file here, as a value of an input: uploaded when the call is made.
function fal.file(path, options)
  return require("fal.storage").file(path, options)
end


-- A file or bytes as data:TYPE;base64,... for an input.
function fal.data_uri(bytes_or_path, content_type)
  return require("fal.storage").data_uri(bytes_or_path, content_type)
end


function fal.download(file, path, options)
  return client():download(file, path, options)
end


function fal.save(result, template, options)
  return client():save(result, template, options)
end


-- Records calls to a file, or plays them from it: recorder | nil, err.
function fal.record(path, mode)
  return require("fal.record").start(path, mode)
end


-- Many jobs of one endpoint, each paid once: report | nil, err.
function fal.batch(options)
  return require("fal.batch").run(type(options) == "table" and options.client or client(), options)
end


-- Rows of a CSV, JSON Lines, JSON or text file: an iterator | nil, err.
function fal.rows(path, options)
  return require("fal.rows").open(path, options)
end


fal.cache = {}


-- A folder as a store for the option 'cache'.
function fal.cache.dir(folder)
  return require("fal.cache").dir(folder)
end


fal.models = setmetatable({}, { __index = function (_, name) return client().models[name] end })


-- What this process has spent: a report (tostring shows it). Prices that are
-- not known are asked for unless opt.fetch is false.
function fal.cost(opt)
  local list = require("fal.calls").ledgers()
  return require("fal.cost").report(list, not (opt and opt.fetch == false))
end


fal.webhook = {}


-- Is this delivery from fal? true, event | nil, err.
function fal.webhook.verify(headers, raw_body, options)
  return client():webhook_verify(headers, raw_body, options)
end


-- Its arguments, or raises the second one when the first is nil or false.
function fal.check(value, err, ...)
  if not value then
    if err == nil then err = "check failed" end
    error(err, type(err) == "string" and 2 or 0)
  end
  return value, err, ...
end


fal.pollfd = Client.pollfd
fal.events = Client.events
fal.timeout = Client.timeout
fal.step = Client.step

return fal
