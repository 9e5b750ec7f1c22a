-- Clients: settings, and the calls made with them.

local core = require "fal.core"
local options = require "fal.options"
local tasks = require "fal.tasks"

local Client = {}
Client.__index = Client
Client.__name = "fal.Client"

local CONFIG = {
  credentials = "string|function", base_url = "string", hosts = "table", timeout = "number",
  start_timeout = "number", headers = "table", user_agent = "string", ca_file = "string",
  http_proxy = "string", max_connections = "number", max_response = "number",
}

local HOSTS = { run = "string", queue = "string", rest = "string", cdn = "string", realtime = "string" }

local RUN = {
  input = true, timeout = "number", start_timeout = "number", hint = "string", priority = "string",
  headers = "table", path = "string", method = "string", storage_settings = "table",
}

local DOWNLOAD = { overwrite = "boolean", timeout = "number", max_bytes = "number" }

local STORAGE = { expires_in = "string|number", initial_acl = "table" }

-- Lifetimes by name, in seconds (protocol 8.5; "immediate" is a minute,
-- because 0 would mean for ever).
local LIFETIMES = {
  never = false, immediate = 60, ["1h"] = 3600, ["1d"] = 86400, ["7d"] = 604800,
  ["30d"] = 2592000, ["1y"] = 31536000,
}

-- Where a result came from: result -> { meta =, endpoint_id =, input = }.
local origins = setmetatable({}, { __mode = "k" })


-- { ["X-Name"] = "value" } as a list of header lines.
local function header_lines(headers, level)
  if not headers then return nil end
  local lines = {}
  for name, value in pairs(headers) do
    if type(name) ~= "string" or not name:find "^[%w!#$%%&'*+.^_`|~-]+$" then
      error(("'%s' is not the name of a header"):format(tostring(name)), level + 1)
    end
    if type(value) ~= "string" and type(value) ~= "number" then
      error(("header '%s' must be a string, not a %s"):format(name, type(value)), level + 1)
    end
    local key = name:lower()
    if key == "authorization" then
      error("the key is set with the option 'credentials', not with a header", level + 1)
    end
    lines[#lines + 1] = name .. ": " .. value
  end
  table.sort(lines)
  return lines
end


-- An independent client. nil, err when its addresses or its key are no good.
function Client.new(given, what)
  local opt = options.check(what, given, CONFIG, 3)
  options.check("hosts", opt.hosts, HOSTS, 3)
  local fields = {}
  for name, value in pairs(opt) do fields[name] = value end
  fields.headers = header_lines(opt.headers, 3)
  if type(opt.credentials) == "function" then fields.credentials = "" end
  local box, err = core.engine.client(fields)
  if not box then return nil, err end
  if opt.max_connections then tasks.engine():max_connections(opt.max_connections) end
  return setmetatable({
    box = box,
    credentials = type(opt.credentials) == "function" and opt.credentials or nil,
    start_timeout = opt.start_timeout,
  }, Client)
end


-- The key for one call: nil means the client's own.
local function key_of(client)
  local f = client.credentials
  if not f then return nil end
  local key, err = f()
  if type(key) ~= "string" then
    return nil, core.error {
      code = "auth", retryable = false,
      message = "the credentials function returned " .. type(key) .. ", not a key"
        .. (err and ": " .. tostring(err) or ""),
    }
  end
  return key
end


local function lifecycle_of(settings)
  options.check("storage_settings", settings, STORAGE, 4)
  local life = { initial_acl = settings.initial_acl }
  local seconds = settings.expires_in
  if type(seconds) == "string" then
    if LIFETIMES[seconds] == nil then
      error("expires_in must be seconds, or one of never, immediate, 1h, 1d, 7d, 30d, 1y", 4)
    end
    seconds = LIFETIMES[seconds]
  end
  if seconds then life.expiration_duration_seconds = seconds end
  return next(life) and core.json.encode(life) or nil
end


-- A flat table as a query string, names sorted.
local function query_of(input)
  local parts = {}
  local function escape(s)
    return (tostring(s):gsub("[^%w%-._~]", function (c) return ("%%%02X"):format(c:byte()) end))
  end
  for name, value in pairs(input) do
    if type(value) == "table" then
      error("input." .. tostring(name) .. " is a table: a GET call takes plain values", 4)
    end
    parts[#parts + 1] = escape(name) .. "=" .. escape(value)
  end
  table.sort(parts)
  return table.concat(parts, "&")
end


-- The options that need work before the core takes them, in a copy.
local function prepared(client, opt)
  local patience = opt.start_timeout
  if patience and not (patience > 0 and patience < math.huge) then
    error("start_timeout must be seconds above 0", 4)
  end
  local p = {
    input = opt.input, timeout = opt.timeout, start_timeout = opt.start_timeout or client.start_timeout,
    hint = opt.hint, priority = opt.priority, path = opt.path, method = opt.method,
    headers = header_lines(opt.headers, 4),
  }
  if opt.priority and opt.priority ~= "normal" and opt.priority ~= "low" then
    error("priority must be 'normal' or 'low', not '" .. opt.priority .. "'", 4)
  end
  if opt.method then
    p.method = opt.method:upper()
    if not p.method:find "^%u+$" then error("'" .. opt.method .. "' is not an HTTP method", 4) end
    if p.method == "GET" and opt.input then
      p.query, p.input = query_of(opt.input), nil
    end
  end
  if opt.storage_settings then p.lifecycle = lifecycle_of(opt.storage_settings) end
  return p
end


local function named(err, id)
  if not err.endpoint_id then err.endpoint_id = id end
  return nil, err
end


-- Calls an endpoint and waits for its result: result, meta | nil, err.
function Client:run(id, opt)
  if type(id) ~= "string" then
    error("the endpoint id must be a string such as 'fal-ai/flux/dev', not a " .. type(id), 2)
  end
  opt = options.check("run", opt, RUN, 2)
  if opt.headers or opt.method or opt.priority or opt.storage_settings or opt.start_timeout or self.start_timeout then
    opt = prepared(self, opt)
  end
  local refused = tasks.refused()
  if refused then return named(refused, id) end
  local key, err = key_of(self)
  if err then return named(err, id) end
  local op, op_id = tasks.engine():run(self.box, id, opt, key)
  if not op then return named(op_id, id) end
  local ok, why = tasks.wait_op(op, op_id)
  if not ok then return named(why, id) end
  local result, meta = op:result()
  op:close()
  if result == nil then return named(meta, id) end
  meta.endpoint_id = id
  if type(result) == "table" then
    origins[result] = { meta = meta, input = opt.input }
  end
  return result, meta
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
  local refused = tasks.refused()
  if refused then return nil, refused end
  local op, id = tasks.engine():download(self.box, url, path, {
    overwrite = opt.overwrite ~= false, timeout = opt.timeout, max_bytes = opt.max_bytes,
  })
  if not op then return nil, id end
  local ok, why = tasks.wait_op(op, id)
  if not ok then return nil, why end
  local info, err = op:saved()
  op:close()
  if not info then return nil, err end
  return path, info
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
  return save.files(self, result, template, opt, origins[result])
end


-- Is this delivery from fal? true, event | nil, err.
function Client:webhook_verify(headers, raw_body, opt)
  return require("fal.webhook").verify(self, headers, raw_body, opt)
end


-- Calls in flight end by themselves; the client makes no new ones.
function Client:close()
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
