-- What an endpoint gets besides its input: who asks, and ways to tell, to
-- keep and to fetch things. Its functions are called with a dot.

local fal = require "fal"
local tools = require "fal.core"
local options = require "fal.options"
local types = require "fal.types"
local core = require "falua.serve.core"
local open = require "falua.serve.paint".open
local failure = require "falua.serve.failure"

local kinds = {[0] = "run", "queue", "stream", "realtime"}

local FETCH_MAX = 64 * 2^20
local FETCH_SECONDS = 60

-- The functions, which serve the call that runs: a worker has one at a time.
local call = {}
local current              -- its context


---- Telling --------------------------------------------------------------

-- log(...): a line in the log of the request, as print would have it.
function call.log(...)
  local texts = table.pack(...)
  for i = 1, texts.n do texts[i] = tostring(texts[i]) end
  core.log("info", table.concat(texts, "\t"))
end


-- progress(x): how much is done, from 0 to 1.
function call.progress(x)
  if type(x) ~= "number" or x ~= x then
    error("progress takes a number from 0 to 1", 2)
  end
  core.progress(math.max(0, math.min(1, x)))
end


local function encoded(value)
  if current.binary then return fal.msgpack.encode(value) end
  return fal.json.encode(value)
end


-- emit(value): a partial result, for callers who stream. Whether there is one.
function call.emit(value)
  if current.kind ~= "stream" and current.kind ~= "realtime" then
    return false
  end
  local bytes, err = encoded(value)
  if not bytes then error("emit: " .. tostring(err), 2) end
  core.emit(bytes)
  return true
end


-- canceled(): nobody waits for the result any more.
call.canceled = core.canceled

call.flaw = failure.flaw
call.fail = failure.fail


---- Keeping --------------------------------------------------------------

-- How long it is kept and who may have it is the caller's to say.
local function keep(bytes, content_type, o)
  local rest, name = core.put(bytes, types.extension(content_type), {
    name = o.name, type = content_type,
    lifecycle = current.headers["x-fal-object-lifecycle-preference"],
  })
  if not rest then return nil, name end
  return {
    url = current.base_url .. "/files/" .. rest, content_type = content_type,
    file_name = name, file_size = #bytes,
  }
end


local function inline(bytes, content_type, o)
  return {
    url = "data:" .. content_type .. ";base64," .. tools.base64(bytes),
    content_type = content_type, file_size = #bytes,
    file_name = o.name or tools.digest("sha256", bytes):sub(1, 32) .. "." ..
                types.extension(content_type),
  }
end


local FILE = {name = "string", content_type = "string", sync = "boolean"}


-- file(bytes, {name =, content_type =, sync =}) -> a file for the result | nil,
-- err. With 'sync' its URL has the bytes in itself.
function call.file(bytes, o)
  if type(bytes) ~= "string" then
    error("context.file takes bytes, not a " .. type(bytes), 2)
  end
  o = options.check("context.file", o, FILE, 2)
  local kind = o.content_type or o.name and types.of_name(o.name) or
               types.of_bytes(bytes:sub(1, 64)) or "application/octet-stream"
  return (o.sync and inline or keep)(bytes, kind, o)
end


local IMAGE = {
  name = "string", content_type = "string", sync = "boolean", text = "table",
  level = "number", width = "number", height = "number",
}


-- image(picture_or_bytes, {sync =, text =, level =, ...}) -> an image for the
-- result | nil, err. A picture becomes a PNG with the texts given.
function call.image(image, o)
  o = options.check("context.image", o, IMAGE, 2)
  local bytes, width, height = image, o.width, o.height
  if type(image) == "userdata" then
    local err
    width, height = image.width, image.height
    bytes, err = image:png {text = o.text, level = o.level}
    if not bytes then return nil, err end
  elseif type(image) ~= "string" then
    error("context.image takes a picture or the bytes of one, not a " ..
          type(image), 2)
  elseif not width then
    local info = fal.image.info(image)
    if info then width, height = info.width, info.height end
  end
  local kind = o.content_type or types.of_bytes(bytes:sub(1, 64)) or
               "application/octet-stream"
  local file, err = (o.sync and inline or keep)(bytes, kind, o)
  if not file then return nil, err end
  file.width, file.height = width, height
  return file
end


---- Fetching -------------------------------------------------------------

local function problem(code, message)
  return nil, tools.error {code = code, message = message, retryable = false}
end


local function too_large(limit)
  return problem("toobig", ("the file is larger than %d bytes"):format(limit))
end


local function from_base64(text, kind, limit)
  if #text > limit * 4 // 3 + 4 then return too_large(limit) end
  local bytes = tools.unbase64(text)
  if not bytes then return problem("protocol", "this is no base64") end
  if #bytes > limit then return too_large(limit) end
  return bytes, kind ~= "" and kind or types.of_bytes(bytes:sub(1, 64)) or
                "application/octet-stream"
end


local function from_data_uri(uri, limit)
  local comma = uri:find(",", 1, true)
  if not comma then return problem("protocol", "a data: URI has a comma") end
  local head = uri:sub(6, comma - 1)
  local kind = head:match "^[^;]*"
  if head:find ";base64$" then
    return from_base64(uri:sub(comma + 1), kind, limit)
  end
  if #uri > 3 * limit then return too_large(limit) end
  local text = uri:sub(comma + 1):gsub("%%(%x%x)", function(x)
    return string.char(tonumber(x, 16))
  end)
  return text, kind ~= "" and kind or "text/plain"
end


-- A client of ours for files of strangers: it has no key to lose.
local function visitor()
  return fal.client {credentials = "", retry = {max = 1}}
end

local fetcher


local function from_network(url, limit, seconds)
  fetcher = fetcher or visitor()
  local path = core.scratch()
  local ok, info = fetcher:download(url, path, {
    max_bytes = limit, timeout = seconds, overwrite = true,
  })
  local bytes, err = nil, info
  if ok then bytes, err = tools.read(path, limit) end
  os.remove(path)
  if not bytes then return nil, err end
  return bytes, info.content_type or types.of_bytes(bytes:sub(1, 64)) or
                "application/octet-stream"
end


-- A file of this server, from the disk; nil when it is none.
local function from_here(url, limit)
  local path, kind = core.path(url)
  if not path then return nil end
  local bytes, err = tools.read(path, limit)
  if not bytes then return nil, err end
  return bytes, kind
end


local FETCH = {max_bytes = "number", timeout = "number"}


-- fetch(url_or_value, {max_bytes =, timeout =}) -> bytes, content type | nil,
-- err. Takes an http(s) URL, a data: URI, {url =}, {base64 =, media_type =}.
function call.fetch(what, o)
  o = options.check("context.fetch", o, FETCH, 2)
  local limit = math.floor(o.max_bytes or FETCH_MAX)
  local url = type(what) == "table" and what.url or what
  if type(what) == "table" and type(what.base64) == "string" then
    return from_base64(what.base64, what.media_type or what.content_type or "",
                       limit)
  elseif type(url) ~= "string" then
    return problem("validation", "this is no file and no URL of one")
  elseif url:find "^data:" then
    return from_data_uri(url, limit)
  elseif not url:find "^[Hh][Tt][Tt][Pp][Ss]?://[^/]" then
    return problem("validation", "only http(s) URLs and data: URIs are " ..
                                 "fetched")
  end
  local bytes, kind = from_here(url, limit)
  if bytes or kind then return bytes, kind end
  return from_network(url, limit, o.timeout or FETCH_SECONDS)
end


local OPEN = {max_bytes = "number", timeout = "number", max_pixels = "number"}


-- open_image(value, loc, options) -> picture | nil, flaw: the value of the
-- field at 'loc' ("image_url") as a picture: PNG or JPEG. What is wrong with
-- it is told in fal's words: 'return nil, flaw'.
function call.open_image(value, loc, o)
  o = options.check("context.open_image", o, OPEN, 2)
  local shown = type(value) == "string" and value or nil
  local bytes, err = call.fetch(value, {max_bytes = o.max_bytes,
                                        timeout = o.timeout})
  if not bytes then
    if err.code == "toobig" then
      return nil, failure.flaw(loc, "file_too_large", "The file is too large",
                               shown, {max_size = o.max_bytes or FETCH_MAX})
    end
    return nil, failure.flaw(loc, "file_download_error",
                             "The file could not be fetched: " .. err.message,
                             shown)
  end
  local image
  image, err = open(bytes, o.max_pixels)
  if image then return image end
  return nil, failure.flaw(loc, "image_load_error",
                           "The image could not be read: " .. err.message,
                           shown)
end


---- Calling --------------------------------------------------------------

local server


-- A client of this very server.
function call.client()
  server = server or fal.client {base_url = core.url(), credentials = core.key}
  return server
end


-- run(id, {input =}) -> result, meta | nil, err: another endpoint of this
-- server.
function call.run(id, o)
  return call.client():run(id, o)
end


---- Who asks ---------------------------------------------------------------

-- Most endpoints want to know none of it: it is asked for when it is used.
local lazy = {}

for _, name in ipairs {"request_id", "base_url", "owner"} do
  lazy[name] = function() return core.call(name) end
end


-- The caller's x-fal-... headers, by lower-case name.
function lazy.headers()
  local headers = {}
  for name, value in core.call "head":gmatch "([^:\r\n]+): *([^\r\n]*)" do
    headers[name:lower()] = value
  end
  return headers
end


-- Realtime: are messages MessagePack?
function lazy.binary(self)
  return self.kind == "realtime" and
         (self.headers["content-type"] or ""):find("msgpack", 1, true) ~= nil
end


local Context = {}


function Context.__index(self, name)
  local f = call[name]
  if f then return f end
  if lazy[name] then
    local v = lazy[name](self)
    rawset(self, name, v)
    return v
  end
end


-- The context of a call, which lasts as long as the call.
return function(endpoint, kind)
  current = setmetatable({endpoint = endpoint, kind = kinds[kind]}, Context)
  return current
end
