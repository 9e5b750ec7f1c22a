-- Clients: settings, and the calls made with them.

local core = require "fal.core"
local calls = require "fal.calls"
local options = require "fal.options"
local tasks = require "fal.tasks"

local loaded = package.loaded

local Client = {}
Client.__index = Client
Client.__name = "fal.Client"

local CONFIG = {
  credentials = "string|function", base_url = "string", hosts = "table", timeout = "number",
  start_timeout = "number", headers = "table", user_agent = "string", ca_file = "string",
  http_proxy = "string", max_connections = "number", max_response = "number", retry = "table|boolean",
  proxy_url = "string", on_request = "function", on_response = "function", journal = "string",
  budget = "number|string", prices = "string|table", cache = "string|table",
}

local RETRY = { max = "number", base_delay = "number", max_delay = "number" }

local HOSTS = { run = "string", queue = "string", rest = "string", cdn = "string", realtime = "string", api = "string" }

local DOWNLOAD = { overwrite = "boolean", timeout = "number", max_bytes = "number" }

-- Where a result came from: result -> its meta, which has the input as well.
local origins = setmetatable({}, { __mode = "k" })
local INPUT = {}


-- What a part binds to a client, loaded when it is first asked for: reading
-- all parts would be a good share of the time to a first answer.
local function when_used(client, part)
  return setmetatable({}, { __index = function (t, name)
    local bound = require(part).bind(client)
    setmetatable(t, { __index = bound })
    return bound[name]
  end })
end


-- The class of the metas of a client's calls: what they cost is looked up when
-- it is asked for.
local function meta_class(client, plain)
  return {
    __name = "fal.Meta",
    __index = function (meta, key)
      if key == "cost" then return (loaded["fal.cost"] or require "fal.cost").of(client, meta) end
      if key == "headers" then return plain and plain.__index(meta, key) end
    end,
  }
end


local function set_budget(client, limit)
  client.budget = require("fal.budget").new(limit)
  if not client.budget then error("budget must be an amount such as 2.5 or '2.50', not " .. tostring(limit), 4) end
end


-- An independent client. nil, err when its addresses or its key are no good.
function Client.new(given, what)
  local opt = options.check(what, given, CONFIG, 3)
  options.check("hosts", opt.hosts, HOSTS, 3)
  local fields = {}
  for name, value in pairs(opt) do fields[name] = value end
  fields.headers = calls.header_lines(opt.headers, 3)
  if opt.retry == false then
    fields.retry_max = 0
  elseif type(opt.retry) == "table" then
    options.check("retry", opt.retry, RETRY, 3)
    fields.retry_max, fields.retry_base_delay, fields.retry_max_delay =
      opt.retry.max, opt.retry.base_delay, opt.retry.max_delay
  end
  if type(opt.credentials) == "function" then fields.credentials = "" end
  local box, err = core.engine.client(fields)
  if not box then return nil, err end
  if opt.max_connections then tasks.engine():max_connections(opt.max_connections) end
  local client = setmetatable({
    box = box,
    credentials = type(opt.credentials) == "function" and opt.credentials,
    start_timeout = opt.start_timeout or false,  -- false is found here, nil is looked for in the class as well
    on_request = opt.on_request or false, on_response = opt.on_response or false,
    prices = opt.prices or os.getenv "FAL_PRICES" or box:host "api",
    ledger = false, budget = false, meta_class = false, cache = false,
  }, Client)
  client.queue = when_used(client, "fal.queue")
  client.storage = when_used(client, "fal.storage")
  client.realtime = when_used(client, "fal.realtime")
  client.models = when_used(client, "fal.models")
  if opt.budget then set_budget(client, opt.budget) end
  if opt.cache then client.cache = require("fal.cache").new(opt.cache, 3) end
  if opt.journal then
    client.journal, err = require("fal.journal").open(opt.journal, client)
    if not client.journal then return nil, err end
  end
  return client
end


local function run(self, id, opt)
  local op, op_id, sent, hold = calls.start(self, "run", id, opt)
  if not op then return nil, op_id end
  local ok, why = calls.wait(self, id, op, op_id)
  local result, meta
  if ok then
    result, meta = op:take()
    if result == nil then why = meta end
  end
  calls.spent(self, id, hold, meta, why, sent)
  if result == nil then return calls.named(why, id) end
  return self:remember(id, sent, result, meta)
end


-- Calls an endpoint and waits for its result: result, meta | nil, err.
function Client:run(id, opt)
  calls.check_id(id, 2)
  opt = options.check("run", opt, calls.RUN, 2)
  if opt.headers or opt.method or opt.priority or opt.storage_settings or opt.start_timeout or self.start_timeout then
    opt = calls.prepared(self, opt)
  end
  if self.cache then return self.cache:call(self, id, opt, run) end
  return run(self, id, opt)
end


-- The class of this client's metas, made with the first of them.
local function class_of(self, meta)
  local class = self.meta_class
  if not class then
    class = meta_class(self, getmetatable(meta))
    if getmetatable(meta) then self.meta_class = class end  -- what is played from a recording has none
  end
  return class
end


-- Makes a meta of a paid call tell its cost.
function Client:classify(meta)
  return setmetatable(meta, class_of(self, meta))
end


-- Notes where a result came from, for save.
function Client:remember(id, input, result, meta)
  meta.endpoint_id = id
  setmetatable(meta, self.meta_class or class_of(self, meta))
  if type(result) == "table" then
    meta[INPUT] = input
    origins[result] = meta
  end
  return result, meta
end


-- Submits, follows, fetches: result, meta | nil, err.
function Client:subscribe(id, opt)
  return require("fal.queue").subscribe(self, id, opt)
end


-- for event in client:run_iterator(id, {...}) do ... end
function Client:run_iterator(id, opt)
  return require("fal.queue").run_iterator(self, id, opt)
end


-- The model's own events: stream | nil, err.
function Client:stream(id, opt)
  return require("fal.stream")(self, id, opt)
end


-- GET of a document at a role's host, without a key: value, meta | nil, err.
function Client:get(role, path, opt)
  local refused = tasks.refused()
  if refused then return nil, refused end
  local op, id = calls.engine():get(self.box, role, path, nil, opt and opt.timeout or 0)
  if not op then return nil, id end
  local ok, why = tasks.wait_op(op, id)
  if not ok then return nil, why end
  local value, meta = op:take()
  return value, meta
end


-- A file of the cache to a path: the same as a download.
local function copied(kept, path, overwrite)
  local ok, err = core.copy(kept, path, overwrite)
  if not ok then return nil, err end
  local f = io.open(kept, "rb")
  local bytes = f and f:seek "end" or 0
  if f then f:close() end
  return path, { bytes = bytes, content_type = require("fal.types").of_name(kept), seconds = 0, headers = {} }
end


-- A URL to a file: path, info | nil, err. 'opt': overwrite, timeout, max_bytes;
-- temporary (it need not outlive a power cut); keep (what has no more bytes
-- becomes no file, but is returned as the third).
function Client:fetch(url, path, opt)
  local refused = tasks.refused()
  if refused then return nil, refused end
  local kept = self.cache and self.cache:path_of(url)
  if kept then return copied(kept, path, opt.overwrite) end
  local op, id = calls.engine():download(self.box, url, path, opt)
  if not op then return nil, id end
  local ok, why = tasks.wait_op(op, id)
  if not ok then return nil, why end
  local info, err = op:saved()
  local bytes = opt.keep and info and op:kept()
  op:close()
  if not info then return nil, err end
  return path, info, bytes
end


-- A file of a result, a URL or a data: URI to a file here: path, info | nil,
-- err. info: bytes, content_type, seconds.
function Client:download(file, path, opt)
  local url = type(file) == "table" and file.url or file
  if type(url) ~= "string" then
    error("download takes a URL or a file of a result, not a " .. type(url), 2)
  end
  if type(path) ~= "string" or path == "" then
    error("download takes the path of the file to write", 2)
  end
  opt = options.check("download", opt, DOWNLOAD, 2)
  return self:fetch(url, path, {
    overwrite = opt.overwrite ~= false, timeout = opt.timeout, max_bytes = opt.max_bytes,
  })
end


-- Every file of a result to disk: list of paths | nil, err.
function Client:save(result, template, opt)
  if type(result) ~= "table" then
    error("save takes a result, not a " .. type(result), 2)
  end
  if type(template) ~= "string" or template == "" then
    error("save takes a template such as 'out/{slug}-{seed}.{ext}'", 2)
  end
  local save = require "fal.save"  -- a third of our start-up, for those who save
  opt = options.check("save", opt, save.OPTIONS, 2)
  local meta = origins[result] or {}
  return save.files(self, result, template, opt, meta, meta[INPUT])
end


-- Many jobs of one endpoint, each paid once: report | nil, err.
function Client:batch(opt)
  return require("fal.batch").run(self, opt)
end


-- Is this delivery from fal? true, event | nil, err.
function Client:webhook_verify(headers, raw_body, opt)
  return require("fal.webhook").verify(self, headers, raw_body, opt)
end


-- Calls in flight end by themselves; the client makes no new ones.
function Client:close()
  self.closed = true
  self.box:close()
end


-- What a foreign loop asks: the engine is one for all clients.
function Client.pollfd()
  return tasks.engine():pollfd()
end


function Client.events()
  return "r"
end


-- nil where the descriptor wakes for timers too.
function Client.timeout()
  if tasks.engine():pollfd() then return nil end
  return tasks.engine():timeout()
end


function Client.step(...)
  local seconds = ...
  if type(seconds) ~= "number" then seconds = select(2, ...) end
  tasks.step(seconds or 0)
  return tasks.engine():pending()
end


return Client
