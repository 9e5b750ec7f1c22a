-- The cache: a call made before is answered without a network.
--
-- The key of a call is the digest of its endpoint and its input as sorted
-- JSON, where files here (fal.file) stand as the digests of their contents.
-- An input without a seed is a key like any other: it gets the picture of last
-- time; the option 'fresh' asks anew.
--
-- An entry is the result as it came, with the names of its files, which are
-- fetched at once and kept as they are, under the digest of their contents. A
-- result from the cache has its old URLs; fal.save and fal.download take the
-- kept files for them. Whatever does not fit is a miss: an entry that is cut,
-- damaged or too old, a file that is missing or changed.
--
-- Where entries are kept is a store, a table of functions:
--
--   get(store, key) -> text | nil              put(store, key, text) -> true | nil, err
--   temp(store) -> a path for a file on its way into the store
--   keep(store, name, path) -> true | nil, err   takes over the file at 'path'
--   file(store, name) -> the path of a kept file here | nil
--
-- cache.dir(folder) makes one of a folder; nothing else here knows of folders.

local core = require "fal.core"
local calls = require "fal.calls"
local options = require "fal.options"
local save = require "fal.save"
local tasks = require "fal.tasks"
local types = require "fal.types"

local cache = {}

local VERSION = 1
local MAX_ENTRY = 64 * 1048576   -- bytes of one
local MAX_URLS = 5000            -- of files that were given out lately, twice

local SORTED = { sorted = true }

local STORE = { "get", "put", "temp", "keep", "file" }


---- A store in a folder ------------------------------------------------

local Dir = {}
Dir.__index = Dir

local count = 0


function Dir:get(key)
  return core.read(("%s/entries/%s/%s.json"):format(self.folder, key:sub(1, 2), key), MAX_ENTRY)
end


function Dir:put(key, text)
  return core.write(("%s/entries/%s/%s.json"):format(self.folder, key:sub(1, 2), key), text, true)
end


function Dir:temp()
  count = count + 1
  return ("%s/files/.fal-%s-%d.part"):format(self.folder, self.tag, count)
end


function Dir:keep(name, path)
  return core.move(path, self:file(name), true)
end


function Dir:file(name)
  return ("%s/files/%s/%s"):format(self.folder, name:sub(1, 2), name)
end


-- A store in a folder, which is made when it is needed.
function cache.dir(folder)
  if type(folder) ~= "string" or folder == "" then
    error("a cache takes the path of a folder, not a " .. type(folder), 2)
  end
  local tag = core.digest("md5", tostring({}) .. core.now() .. os.time()):sub(1, 12)
  return setmetatable({ folder = (folder:gsub("(.)/+$", "%1")), tag = tag }, Dir)
end


---- Keys ---------------------------------------------------------------

-- A file's digest: hex | nil, err.
local function digest_file(path)
  local op, id = tasks.engine():digest("sha256", path)
  if not op then return nil, id end
  local ok, why = tasks.wait_op(op, id)
  if not ok then return nil, why end
  local seen, err = op:take()
  if not seen then return nil, err end
  return seen.digest, seen.bytes
end


-- The input with files as digests of their contents | nil, err.
local function plain(value, depth)
  if type(value) ~= "table" or depth > 100 then return value end
  local mt = getmetatable(value)
  if type(mt) == "table" and mt.__name == "fal.File" then
    local digest, err = digest_file(value.path)
    if not digest then return nil, err end
    return { ["$file"] = digest, content_type = value.content_type }
  end
  local copy
  for k, v in next, value do
    local new, err = v, nil
    if type(v) == "table" then new, err = plain(v, depth + 1) end
    if err then return nil, err end
    if new ~= v then
      if not copy then
        copy = type(mt) == "table" and setmetatable({}, mt) or {}
        for name, old in next, value do copy[name] = old end
      end
      copy[k] = new
    end
  end
  return copy or value
end


-- What the key of a call is the digest of | nil (it cannot be cached), and why
-- when it is a file.
function cache.text(id, opt)
  local input, err = plain(opt.input, 0)
  if err then return nil, err end
  return (core.json.encode({
    v = VERSION, endpoint = id, input = input, path = opt.path, method = opt.method, query = opt.query,
  }, SORTED))
end


-- The key of a call | nil, as above.
function cache.key(id, opt)
  local text, err = cache.text(id, opt)
  if not text then return nil, err end
  return core.digest("sha256", text)
end


---- Entries ------------------------------------------------------------

local Cache = {}
Cache.__index = Cache


-- Where the file of a URL that this cache gave out is, or nil.
function Cache:path_of(url)
  return self.urls[url] or self.older[url]
end


local function remember(self, url, path)
  if self.n >= MAX_URLS then self.urls, self.older, self.n = {}, self.urls, 0 end
  self.urls[url], self.n = path, self.n + 1
end


-- The paths of an entry's files, when all of them are what they were.
local function files_of(self, entry)
  local paths = {}
  for i, file in ipairs(type(entry.files) == "table" and entry.files or {}) do
    if type(file) ~= "table" or type(file.url) ~= "string" or type(file.name) ~= "string"
       or not file.name:find "^%x+%.%w+$" then
      return nil
    end
    local path = self.store:file(file.name)
    if not path or digest_file(path) ~= file.name:match "^%x+" then return nil end
    paths[i] = path
  end
  return paths
end


-- The entry of a key, when it is whole and young enough.
local function find(self, key)
  local text = self.store:get(key)
  if type(text) ~= "string" then return nil end
  local sum, body = text:match "^(%x+)\n(.*)$"
  if not sum or core.digest("sha256", body) ~= sum then return nil end
  local entry = core.json.decode(body)
  if type(entry) ~= "table" or entry.key ~= key or entry.v ~= VERSION or type(entry.at) ~= "number" then return nil end
  if self.ttl and os.time() - entry.at >= self.ttl then return nil end
  return entry
end


-- What is kept for a key: result, meta | nil.
function Cache:get(client, id, key, input)
  local entry = find(self, key)
  local paths = entry and files_of(self, entry)
  if not paths then return nil end
  for i, file in ipairs(entry.files) do remember(self, file.url, paths[i]) end
  calls.saved(client, id)
  local meta = entry.meta
  meta.cached, meta.seconds, meta.attempts, meta.headers, meta.logs = true, 0, 0, {}, {}
  return client:remember(id, input, entry.result, meta)
end


-- Fetches one file into the store: its name there | nil, err.
local function keep(self, client, file)
  local temp = self.store:temp()
  local ok, info = client:download(file.url, temp, { overwrite = true })
  if not ok then return nil, info end
  local digest, err = digest_file(temp)
  if not digest then return nil, err end
  local head = core.engine.head(temp, 32)
  local kind = head and types.of_bytes(head) or file.content_type or info.content_type or ""
  local name = digest .. "." .. types.extension(tostring(kind))
  ok, err = self.store:keep(name, temp)
  os.remove(temp)   -- where 'keep' has copied it
  if not ok then return nil, err end
  return name
end


-- Files with a URL, each once; data: URIs are in the result itself.
local function remote_files(result)
  local list, seen = {}, {}
  for _, file in ipairs(type(result) == "table" and save.list(result) or {}) do
    if not file.url:find "^data:" and not seen[file.url] then
      seen[file.url] = true
      list[#list + 1] = file
    end
  end
  return list
end


-- Keeps a result under a key: true | nil, err.
function Cache:put(client, key, result, meta)
  local files = remote_files(result)
  local jobs, entry_files = {}, core.json.array {}
  for i, file in ipairs(files) do
    jobs[i] = function () return keep(self, client, file) end
  end
  local outcomes, err = tasks.gather(jobs, { limit = 4 })
  if not outcomes then return nil, err end
  for i, outcome in ipairs(outcomes) do
    if not outcome.ok then return nil, outcome.err end
    entry_files[i] = { url = files[i].url, name = outcome.result }
  end
  local body
  body, err = core.json.encode({
    v = VERSION, key = key, at = os.time(), result = result, files = entry_files,
    meta = {
      status = meta.status, request_id = meta.request_id, endpoint_id = meta.endpoint_id,
      billable_units = meta.billable_units,
    },
  }, { sorted = true })
  if not body then return nil, err end
  local ok
  ok, err = self.store:put(key, core.digest("sha256", body) .. "\n" .. body)
  if not ok then return nil, err end
  for i, file in ipairs(files) do remember(self, file.url, self.store:file(entry_files[i].name)) end
  return true
end


-- Makes a call through the cache: f(client, id, opt) when there is no entry.
function Cache:call(client, id, opt, f)
  local key = cache.key(id, opt)
  if not key then return f(client, id, opt) end
  if not opt.fresh then
    local result, meta = self:get(client, id, key, opt.input)
    if result ~= nil then return result, meta end
  end
  local result, meta = f(client, id, opt)
  if result ~= nil then
    local ok, err = self:put(client, key, result, meta)
    if not ok then meta.cache_error = err end   -- the call went well: it is told, no more
  end
  return result, meta
end


---- From options -------------------------------------------------------

local function is_store(t)
  for _, name in ipairs(STORE) do
    if type(t[name]) ~= "function" then return false end
  end
  return true
end


-- A cache from the option: a folder, { dir = , ttl = }, { store = , ttl = } or
-- a store. 'level' is that of error.
function cache.new(given, level)
  local opt = given
  if type(given) == "string" then opt = { dir = given }
  elseif is_store(given) then opt = { store = given } end
  options.check("cache", opt, { dir = "string", store = "table", ttl = "number" }, level + 1)
  if opt.store and not is_store(opt.store) then
    error("a store for the cache has the functions " .. table.concat(STORE, ", "), level + 1)
  end
  if not opt.store and not opt.dir then error("cache needs a folder: cache = 'dir'", level + 1) end
  if opt.ttl and (opt.ttl <= 0 or opt.ttl ~= opt.ttl) then error("ttl of the cache must be seconds above 0", level) end
  return setmetatable({
    store = opt.store or cache.dir(opt.dir), ttl = opt.ttl, urls = {}, older = {}, n = 0,
  }, Cache)
end


return cache
