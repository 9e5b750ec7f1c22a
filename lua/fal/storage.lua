-- Storage: bytes, files and pictures to fal, and files named in an input.

local core = require "fal.core"
local calls = require "fal.calls"
local options = require "fal.options"
local tasks = require "fal.tasks"
local types = require "fal.types"

local storage = {}

local UPLOAD = {
  content_type = "string", file_name = "string", lifecycle = "table", on_progress = "function", timeout = "number",
  multipart_threshold = "number", part_size = "number", parallel = "number", repository = "string|table",
}

local IMAGE = { format = "string", level = "number", text = "table" }
for name, kind in pairs(UPLOAD) do IMAGE[name] = kind end

local FILE = { content_type = "string", lifecycle = "table", repository = "string|table" }

-- Repositories by name, as the core calls them; and the order in which they are
-- tried.
local REPOSITORIES = { signed = "address", fal_v3 = "cdn", cdn = "cdn", fal = "gcs" }
local ORDER = { "signed", "fal_v3", "fal" }

local TOKEN = "storage/auth/token?storage_type=fal-cdn-v3"
local TOKEN_TIMEOUT = 30
local HOUR = 3600     -- a URL is used again for so long
local MAX_KNOWN = 10000
local PARALLEL = 4    -- files of one input at once
local BINARY = "application/octet-stream"

local File = { __name = "fal.File" }

-- What was uploaded for each client: urls[key] = { url =, expires = } (n of them), and
-- what is on its way: flights[key] = { task =, waiters = }; tokens for the CDN by
-- the digest of the key: tokens[mark] = { base =, authorization =, expires = }.
local states = setmetatable({}, { __mode = "k" })


local function state_of(client)
  local state = states[client]
  if not state then
    state = { urls = {}, n = 0, flights = {}, tokens = {} }
    states[client] = state
  end
  return state
end


-- What f(...) comes to, run once for all who ask for it meanwhile: value, err,
-- when it began.
local function shared(flights, key, f, ...)
  local flight = flights[key]
  if not flight then
    flight = { waiters = 0, started = core.now() }
    flights[key] = flight
    flight.task = tasks.async(f, ...)
  end
  flight.waiters = flight.waiters + 1
  local value, err = flight.task:await()
  flight.waiters = flight.waiters - 1
  if flights[key] == flight and (flight.task.status ~= "running" or flight.waiters == 0) then
    flights[key] = nil
  end
  if flight.waiters == 0 then flight.task:cancel() end  -- nobody wants it any more
  return value, err, flight.started
end


local function file_error(message, hint)
  return core.error { code = "file", message = message, hint = hint, retryable = false }
end


---- Uploads ------------------------------------------------------------

-- The repositories to try: those that are named, or all that can do what the
-- lifecycle asks for (the older storage knows no ACL).
local function order_of(opt, level)
  local list = opt.repository or ORDER
  if type(list) == "string" then list = { list } end
  local order, acl = {}, opt.lifecycle and opt.lifecycle.initial_acl
  for _, name in ipairs(list) do
    if not REPOSITORIES[name] then
      error(("there is no repository '%s'; there are signed, fal_v3 and fal"):format(tostring(name)), level + 1)
    end
    if not (acl and name == "fal") then order[#order + 1] = REPOSITORIES[name] end
  end
  if #order == 0 then error("repository names none that could take the file", level + 1) end
  return order
end


-- What the caller said of an upload, checked, as the core takes it.
local function fields_of(opt, level)
  for _, name in ipairs { "multipart_threshold", "part_size", "parallel" } do
    local n = opt[name]
    if n and not (n >= 1 and n < 2 ^ 53) then error(name .. " must be a number from 1 on", level + 1) end
  end
  local fields = {
    content_type = opt.content_type, file_name = opt.file_name, timeout = opt.timeout, parallel = opt.parallel,
    multipart_threshold = opt.multipart_threshold, part_size = opt.part_size, progress = opt.on_progress ~= nil,
    order = order_of(opt, level + 1),
  }
  if opt.lifecycle then fields.lifecycle = calls.lifecycle_of(opt.lifecycle, "lifecycle", level + 1) end
  return fields
end


-- Waits for an operation: what it came to, meta | nil, err, may it be tried
-- elsewhere.
local function finish(client, op, id, on_event)
  local ok, err = calls.wait(client, nil, op, id, on_event)
  if not ok then return nil, err end
  local result, meta = op:result()
  local refused = result == nil and op:refused()
  op:close()
  return result, meta, refused
end


-- Sends the bytes one way: url, info | nil, err, may they be sent elsewhere.
local function send_to(client, fields, on_progress, key)
  local op, id = calls.start(client, "upload", nil, fields, key)
  if not op then return nil, id end
  local function on_event(kind, value)
    if kind == "progress" then on_progress(value[1], value[2]) end
    return true
  end
  local result, meta, refused = finish(client, op, id, on_progress and on_event)
  if not result then return nil, meta, refused end
  return result.file_url, {
    bytes = result.bytes, mtime = result.mtime, content_type = fields.content_type,
    seconds = meta.seconds, attempts = meta.attempts,
  }
end


-- "2026-01-05T11:20:30.5+00:00" or with a Z, in seconds since 1970; nil when it
-- is no such time.
local function time_of(text)
  local year, month, day, hour, min, sec, zone = tostring(text):match
    "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)[%.%d]*([Zz+-].*)$"
  if not year then return nil end
  local sign, h, m = zone:match "^([+-])(%d%d):?(%d%d)$"
  if not (sign or zone:lower() == "z") then return nil end
  -- days from civil: years begin in March, so that leap days end them
  local y, mon = tonumber(year), tonumber(month)
  if mon <= 2 then y, mon = y - 1, mon + 12 end
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((153 * (mon - 3) + 2) / 5) + tonumber(day) - 1 - 719468
  local offset = sign and (tonumber(h) * 60 + tonumber(m)) * (sign == "-" and -60 or 60) or 0
  return days * 86400 + tonumber(hour) * 3600 + tonumber(min) * 60 + tonumber(sec) - offset
end


-- Asks for a token: { base =, authorization =, expires = } | nil, err.
local function fetch_token(client, key)
  local op, id = calls.engine():post(client.box, "rest", TOKEN, "{}", key, TOKEN_TIMEOUT)
  if not op then return nil, id end
  local said, meta = finish(client, op, id)
  if said == nil then return nil, meta end
  local base = type(said) == "table" and said.base_url
  if type(base) ~= "string" or type(said.token) ~= "string" or type(said.token_type) ~= "string" then
    return nil, core.error {
      code = "protocol", message = "the storage gave no token: no token, token_type and base_url", retryable = false,
    }
  end
  local now = os.time()
  local expires = time_of(said.expires_at) or now
  return {
    base = base:gsub("/+$", ""), authorization = said.token_type .. " " .. said.token,
    expires = expires - math.min(60, (expires - now) / 10),
  }
end


-- The token of a key: known, on its way, or asked for now.
local function token_of(client, key)
  local state = state_of(client)
  local mark = core.digest("sha256", key or "")
  local known = state.tokens[mark]
  if known and os.time() < known.expires then return known end
  local token, err = shared(state.flights, "token " .. mark, fetch_token, client, key)
  if not token then return nil, err end
  state.tokens[mark] = token
  return token
end


-- By the CDN itself. A token that is not taken any more is fetched once more.
local function send_by_token(client, fields, on_progress)
  local before
  while true do
    local key, err = calls.key_of(client)
    if err then return nil, err end
    local token
    token, err = token_of(client, key)
    if not token then return nil, err, err.status and err.code ~= "auth" end
    fields.cdn_base, fields.cdn_authorization = token.base, token.authorization
    local url, info, refused = send_to(client, fields, on_progress, key)
    if url or info.code ~= "auth" or before then return url, info, refused end
    before, token.expires = true, 0
  end
end


-- Uploads what 'fields' say: url, info | nil, err. What one repository refuses
-- another may take; when none does, the first refusal is what is told.
local function send(client, fields, on_progress)
  local first
  local deadline = fields.timeout and core.now() + fields.timeout
  for _, repository in ipairs(fields.order) do
    fields.repository = repository
    fields.timeout = deadline and math.max(0.001, deadline - core.now())
    local by = repository == "cdn" and send_by_token or send_to
    local url, info, refused = by(client, fields, on_progress)
    if url then return url, info end
    if not (first and info.status) then first = info end
    if not refused then break end
  end
  return nil, first
end


-- The type of a file: by its name, else by how it begins.
local function type_of_file(path)
  local kind = types.of_name(path)
  if kind then return kind end
  local head = core.engine.head(path, 32)
  return head and types.of_bytes(head) or BINARY
end


function storage.upload(client, bytes, opt)
  if type(bytes) ~= "string" then
    error("upload takes bytes (a string), not a " .. type(bytes) .. "; for a file there is upload_file", 2)
  end
  opt = options.check("upload", opt, UPLOAD, 2)
  local fields = fields_of(opt, 2)
  fields.bytes = bytes
  fields.content_type = opt.content_type or opt.file_name and types.of_name(opt.file_name)
    or types.of_bytes(bytes:sub(1, 32)) or BINARY
  fields.file_name = opt.file_name or "upload." .. types.extension(fields.content_type)
  return send(client, fields, opt.on_progress)
end


function storage.upload_file(client, path, opt)
  if type(path) ~= "string" or path == "" then
    error("upload_file takes the path of a file, not a " .. type(path), 2)
  end
  opt = options.check("upload_file", opt, UPLOAD, 2)
  local fields = fields_of(opt, 2)
  fields.path = path
  fields.content_type = opt.content_type or type_of_file(path)
  return send(client, fields, opt.on_progress)
end


local function png_of(image) return image.png end


function storage.upload_image(client, image, opt)
  local is, png = pcall(png_of, image)
  if type(image) ~= "userdata" or not is or not png then
    error("upload_image takes a picture (fal.image), not a " .. type(image), 2)
  end
  opt = options.check("upload_image", opt, IMAGE, 2)
  if opt.format and opt.format ~= "png" then
    error("pictures are uploaded as 'png', not as '" .. opt.format .. "'", 2)
  end
  local fields = fields_of(opt, 2)
  local bytes, err = png(image, { level = opt.level, text = opt.text })
  if not bytes then return nil, err end
  fields.bytes = bytes
  fields.content_type = opt.content_type or "image/png"
  fields.file_name = opt.file_name or "image.png"
  return send(client, fields, opt.on_progress)
end


-- client.storage.upload(...) and so on.
function storage.bind(client)
  local bound = {}
  for _, name in ipairs { "upload", "upload_file", "upload_image" } do
    bound[name] = function (what, opt) return storage[name](client, what, opt) end
  end
  return bound
end


---- Files in an input --------------------------------------------------

-- A file here, as an input value. Nothing is read before the call is made.
function storage.file(path, opt)
  if type(path) ~= "string" or path == "" then
    error("fal.file takes the path of a file, not a " .. type(path), 2)
  end
  opt = options.check("fal.file", opt, FILE, 2)
  local lifecycle, seconds
  if opt.lifecycle then lifecycle, seconds = calls.lifecycle_of(opt.lifecycle, "lifecycle", 2) end
  return setmetatable({
    path = path, content_type = opt.content_type, lifecycle = lifecycle, seconds = seconds,
    order = order_of(opt, 2),
  }, File)
end


function File.__tostring(file)
  return "fal.file: " .. file.path
end


-- Collects the files of an input, each once, with where it was found first.
local function find(t, place, found, seen)
  if seen[t] then return end
  seen[t] = true
  if getmetatable(t) == File then
    found[#found + 1] = { file = t, place = place }
    return
  end
  for key, value in next, t do
    if type(value) == "table" then
      find(value, place .. (type(key) == "number" and "[%d]" or ".%s"):format(key), found, seen)
    end
  end
end


-- The input with URLs in place of files; tables without any are not copied.
local function replace(t, urls, done)
  if done[t] ~= nil then return done[t] end
  if urls[t] then return urls[t] end
  done[t] = t  -- a circle ends here, and the encoder names it
  local copy
  for key, value in next, t do
    if type(value) == "table" then
      local new = replace(value, urls, done)
      if new ~= value then
        if not copy then
          copy = {}
          for k, v in next, t do copy[k] = v end
        end
        copy[key] = new
      end
    end
  end
  if copy then
    local mt = getmetatable(t)
    if type(mt) == "table" then setmetatable(copy, mt) end
    done[t] = copy
  end
  return done[t]
end


-- What the file is now: { digest =, bytes =, mtime = } | nil, err.
local function digest(path)
  local refused = tasks.refused()
  if refused then return nil, refused end
  local op, id = tasks.engine():digest("sha256", path)
  if not op then return nil, id end
  local ok, err = tasks.wait_op(op, id)
  if not ok then return nil, err end
  local result, meta = op:take()
  if not result then return nil, meta end
  return result
end


-- Uploads a file that should still be what was digested.
local function send_file(client, file, seen)
  local url, info = send(client, {
    path = file.path, content_type = file.content_type or type_of_file(file.path), lifecycle = file.lifecycle,
    order = file.order,
  })
  if not url then return nil, info end
  if info.bytes ~= seen.bytes or info.mtime ~= seen.mtime then
    return nil, file_error(file.path .. " changed while it was being uploaded",
      "try again when nothing writes to it any more")
  end
  return url
end


-- The URL of a content: known, on its way, or uploaded now.
local function url_of(client, file, seen)
  local state = state_of(client)
  local key = table.concat({ seen.digest, file.content_type or types.of_name(file.path) or "", file.lifecycle or "" },
    "\n")
  local known = state.urls[key]
  if known and core.now() < known.expires then return known.url end
  local url, err, started = shared(state.flights, key, send_file, client, file, seen)
  if not url then return nil, err end
  -- a file that ends soon is not given out in its last minutes
  local lasts = math.min(HOUR, (file.seconds or math.huge) * 0.5)
  if state.n >= MAX_KNOWN then state.urls, state.n = {}, 0 end
  state.urls[key], state.n = { url = url, expires = started + lasts }, state.n + 1
  return url
end


-- f(i) for each of 'list', some at once: a list of results | nil, err, the
-- error's message naming the place.
local function each(list, f)
  local jobs = {}
  for i = 1, #list do
    jobs[i] = function () return f(list[i]) end
  end
  local outcomes, err = tasks.gather(jobs, { limit = PARALLEL })
  if not outcomes then return nil, err end
  local results = {}
  for i, outcome in ipairs(outcomes) do
    if not outcome.ok then
      err = outcome.err
      if core.iserror(err) then
        local copy = {}
        for name, value in pairs(err) do copy[name] = value end
        copy.message = list[i].place .. ": " .. err.message
        err = core.error(copy)
      end
      return nil, err
    end
    results[i] = outcome.result
  end
  return results
end


-- The input with every fal.file uploaded and replaced by its URL: the same
-- table when there is none, else a copy | nil, err.
function storage.resolve(client, input)
  if type(input) ~= "table" then return input end
  local found = {}
  find(input, "input", found, {})
  if #found == 0 then return input end
  local seen, err = each(found, function (entry) return digest(entry.file.path) end)
  if not seen then return nil, err end
  for i = 1, #found do found[i].seen = seen[i] end
  local urls
  urls, err = each(found, function (entry) return url_of(client, entry.file, entry.seen) end)
  if not urls then return nil, err end
  local by_file = {}
  for i = 1, #found do by_file[found[i].file] = urls[i] end
  return replace(input, by_file, {})
end


---- Data URIs ----------------------------------------------------------

-- data:TYPE;base64,... of a file or of bytes: a fal.file is a file; a string
-- is bytes when it begins like a known format, else a path when there is such
-- a file, else bytes, which then need a type.
function storage.data_uri(what, kind)
  local path
  if getmetatable(what) == File then
    path, kind = what.path, kind or what.content_type
  elseif type(what) ~= "string" then
    error("fal.data_uri takes bytes or a path, not a " .. type(what), 2)
  end
  if kind ~= nil and (type(kind) ~= "string" or not kind:find "^[%w.+-]+/[%w.+-]+[%w.+;= -]*$") then
    error("the type of a data URI is written like 'image/png', not " .. tostring(kind), 2)
  end
  local begins = not path and types.of_bytes(what:sub(1, 32))
  if not path and not begins and #what < 4096 and not what:find("%z") then
    if core.engine.head(what, 0) then
      path = what
    elseif not kind then
      return nil, file_error("there is no file '" .. what:sub(1, 200):gsub("%c", "?") .. "'",
        "bytes need a type: fal.data_uri(bytes, \"text/plain\")")
    end
  end
  if path then
    local err
    what, err = core.read(path)
    if not what then return nil, err end
    kind = kind or types.of_name(path)
  end
  kind = kind or begins or types.of_bytes(what:sub(1, 32)) or BINARY
  return "data:" .. kind .. ";base64," .. core.base64(what)
end


return storage
