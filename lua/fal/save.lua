-- Saving the files of a result under names made from a template.
--
-- A file is fetched to a temporary name in the template's fixed folder, then
-- named (its hash, type and size are known by then) and moved. PNGs get what
-- made them written into their text chunks, pixels untouched.

local core = require "fal.core"
local options = require "fal.options"
local tasks = require "fal.tasks"

local save = {}

save.OPTIONS = {
  overwrite = "boolean", index = "number", prompt = "string", seed = "number|string",
  model = "string", request_id = "string", meta = "table", timeout = "number",
}

local FIELDS = {
  slug = true, prompt = true, seed = true, index = true, model = true, request_id = true,
  hash = true, width = true, height = true, ext = true, date = true,
}

local EXTENSIONS = {
  ["image/png"] = "png", ["image/jpeg"] = "jpg", ["image/webp"] = "webp", ["image/gif"] = "gif",
  ["image/svg+xml"] = "svg", ["video/mp4"] = "mp4", ["video/webm"] = "webm", ["video/quicktime"] = "mov",
  ["audio/mpeg"] = "mp3", ["audio/wav"] = "wav", ["audio/x-wav"] = "wav", ["audio/ogg"] = "ogg",
  ["audio/flac"] = "flac", ["model/gltf-binary"] = "glb", ["application/json"] = "json",
  ["application/zip"] = "zip", ["application/pdf"] = "pdf", ["text/plain"] = "txt",
}

-- First bytes that tell a type more truly than a header does.
local MAGIC = {
  { "^\137PNG\r\n\26\n", "image/png" }, { "^\255\216\255", "image/jpeg" },
  { "^RIFF....WEBP", "image/webp" }, { "^GIF8[79]a", "image/gif" },
  { "^....ftyp", "video/mp4" }, { "^\26\69\223\163", "video/webm" }, { "^glTF", "model/gltf-binary" },
}

-- Letters with a mark, without it: for file names.
local PLAIN = {
  a = "àáâãäåāăąǎạảấầẩẫậắằẳẵặ", c = "çćĉċč", d = "ďđð", e = "èéêëēĕėęěẹẻẽếềểễệ", g = "ĝğġģ", h = "ĥħ",
  i = "ìíîïĩīĭįıỉị", j = "ĵ", k = "ķ", l = "ĺļľŀł", n = "ñńņňŋ", o = "òóôõöøōŏőơọỏốồổỗộớờởỡợ",
  r = "ŕŗř", s = "śŝşšș", t = "ţťŧțþ", u = "ùúûüũūŭůűųưụủứừửữự", w = "ŵ", y = "ýÿŷỳỵỷỹ", z = "źżž",
  A = "ÀÁÂÃÄÅĀĂĄ", C = "ÇĆĈĊČ", D = "ĎĐÐ", E = "ÈÉÊËĒĔĖĘĚ", G = "ĜĞĠĢ", H = "ĤĦ", I = "ÌÍÎÏĨĪĬĮİ",
  J = "Ĵ", K = "Ķ", L = "ĹĻĽĿŁ", N = "ÑŃŅŇŊ", O = "ÒÓÔÕÖØŌŎŐƠ", R = "ŔŖŘ", S = "ŚŜŞŠȘ", T = "ŢŤŦȚÞ",
  U = "ÙÚÛÜŨŪŬŮŰŲƯ", W = "Ŵ", Y = "ÝŸŶ", Z = "ŹŻŽ",
}

local CHARACTER = "[%z\1-\127\194-\244][\128-\191]*"

local folded = {}
for plain, letters in pairs(PLAIN) do
  for letter in letters:gmatch(CHARACTER) do folded[letter] = plain end
end


-- At most n bytes of s, cut between characters.
local function cut(s, n)
  if #s <= n then return s end
  while n > 0 and (s:byte(n + 1) or 0) >= 128 and (s:byte(n + 1) or 0) < 192 do n = n - 1 end
  return s:sub(1, n)
end


-- "A red kite, at dusk" as "a-red-kite-at-dusk".
function save.slug(s)
  s = s:gsub(CHARACTER, folded):lower():gsub("[^a-z0-9]+", "-"):gsub("^%-+", "")
  s = s:sub(1, 60):gsub("%-[^%-]*$", function (tail) return #s > 60 and "" or tail end):gsub("%-+$", "")
  return s ~= "" and s or "untitled"
end


-- Text that may be part of a file name.
local function clean(s)
  s = cut(tostring(s), 100):gsub("[%c/\\:*?\"<>|]+", "-"):gsub("^[%s.]+", ""):gsub("%s+$", "")
  return s ~= "" and s or "untitled"
end


-- The file objects of a result, in a stable order: any table with a string
-- 'url', lists by index, members by name.
function save.list(result)
  local found, seen = {}, {}
  local function walk(value)
    if type(value) ~= "table" or seen[value] then return end
    seen[value] = true
    if type(value.url) == "string" then
      found[#found + 1] = value
      return
    end
    if value[1] ~= nil then
      for i = 1, #value do walk(value[i]) end
      return
    end
    local names = {}
    for name in pairs(value) do
      if type(name) == "string" then names[#names + 1] = name end
    end
    table.sort(names)
    for _, name in ipairs(names) do walk(value[name]) end
  end
  walk(result)
  return found
end


local function check_template(template, level)
  for name in template:gmatch "{(.-)}" do
    if not FIELDS[name] then
      local near = options.nearest(name, FIELDS)
      error(("the template has no field {%s}%s"):format(name, near and (": did you mean {" .. near .. "}?") or ""),
        level + 1)
    end
  end
end


-- Where temporary files go: the folder of the template's fixed beginning.
local function folder_of(template)
  local fixed = template:match "^[^{]*"
  return fixed:match "^(.*/)" or ""
end


local function type_of(head, declared)
  for _, magic in ipairs(MAGIC) do
    if head:find(magic[1]) then return magic[2] end
  end
  return declared and declared:match "^[^;%s]+" or nil
end


local function extension(kind, url)
  if EXTENSIONS[kind] then return EXTENSIONS[kind] end
  local ext = not url:find "^data:" and url:match "^[^?#]*%.(%w%w?%w?%w?%w?)$"
    or url:match "^[^?#]*%.(%w%w?%w?%w?%w?)[?#]"
  return ext and ext:lower() or "bin"
end


-- What made a picture, for its text chunks: key, value, key, value... of what
-- is known, always in this order.
local function chunks(known, input)
  local json = input ~= nil and core.json.encode(input, { sorted = true })
  local list = {}
  local function add(key, value)
    if value then  -- a text chunk cannot hold a zero byte
      list[#list + 1] = key
      list[#list + 1] = (tostring(value):gsub("%z", ""))
    end
  end
  add("prompt", known.prompt)
  add("seed", known.seed)
  add("model", known.model)
  add("request_id", known.request_id)
  add("input", json and #json <= 65536 and json)
  add("Software", "fal for Lua " .. core.version)
  return list
end


local function expand(template, values)
  return (template:gsub("{(.-)}", function (name)
    local v = values[name]
    if v == nil or v == "" then return "unknown" end
    return tostring(v)
  end))
end


-- The second file that wants a name gets "-2" before its extension.
local function unused(path, taken)
  local name, k = path, 1
  while taken[name] do
    k = k + 1
    local stem, ext = path:match "^(.*)(%.[^./]*)$"
    name = stem and ("%s-%d%s"):format(stem, k, ext) or ("%s-%d"):format(path, k)
  end
  taken[name] = true
  return name
end


-- Names and places one fetched file: path | nil, err.
local function place(job, temp, file, index, kind)
  local bytes, err = core.read(temp)
  if not bytes then return nil, err end
  kind = type_of(bytes:sub(1, 16), file.content_type or kind)
  local known = job.known
  local info = kind == "image/png" and core.image.info(bytes) or nil
  local path = unused(expand(job.template, {
    slug = save.slug(known.prompt or ""), prompt = clean(known.prompt or ""), seed = known.seed and clean(known.seed),
    index = index, model = known.model and clean((known.model:gsub("/", "-"))),
    request_id = known.request_id and clean(known.request_id), hash = core.digest("sha256", bytes):sub(1, 16),
    width = file.width or info and info.width, height = file.height or info and info.height,
    ext = extension(kind, file.url), date = os.date "%Y-%m-%d",
  }), job.taken)
  if info then
    bytes, err = core.retext(bytes, chunks(known, job.input))
    if not bytes then return nil, err end
  end
  local ok
  ok, err = core.write(path, bytes, job.overwrite)
  if not ok then return nil, err end
  return path
end


local counter = 0


-- One file to a temporary name: { temp =, kind = } | nil, err.
local function fetch(job, file)
  counter = counter + 1
  local temp = ("%s.fal-%s-%d.part"):format(job.folder, job.tag, counter)
  job.temps[#job.temps + 1] = temp
  local ok, info = job.client:download(file.url, temp, { timeout = job.timeout, overwrite = false })
  if not ok then return nil, info end
  return { temp = temp, kind = info.content_type }
end


-- See Client:save.
function save.files(client, result, template, opt, origin)
  check_template(template, 4)
  local files = save.list(result)
  if #files == 0 then
    return nil, core.error { code = "protocol", message = "the result has no files in it", retryable = false,
      hint = "a file is a table with a url in it, such as result.images[1]" }
  end
  local meta, input = opt.meta or origin and origin.meta or {}, origin and origin.input
  local prompt, seed = result.prompt, result.seed
  if type(input) == "table" then
    if type(prompt) ~= "string" or prompt == "" then prompt = input.prompt end
    if seed == nil or seed == core.json.null then seed = input.seed end
  end
  if type(prompt) ~= "string" then prompt = nil end
  if type(seed) ~= "number" then seed = nil end
  if seed and seed == math.floor(seed) then seed = ("%.0f"):format(seed):gsub("%.0$", "") end
  local job = {
    client = client, template = template, overwrite = opt.overwrite, timeout = opt.timeout, taken = {}, temps = {},
    folder = folder_of(template), tag = core.digest("md5", tostring(result) .. core.now()):sub(1, 12), input = input,
    known = {
      prompt = opt.prompt or prompt, seed = opt.seed or seed, model = opt.model or meta.endpoint_id,
      request_id = opt.request_id or meta.request_id,
    },
  }
  local calls = {}
  for i, file in ipairs(files) do
    calls[i] = function () return fetch(job, file) end
  end
  local outcomes, why = tasks.gather(calls, { limit = 4 })
  local paths = {}
  for i, outcome in ipairs(outcomes or {}) do  -- in order: names must not depend on which came first
    local path, err = nil, outcome.err
    if outcome.ok then
      path, err = place(job, outcome.result.temp, files[i], (opt.index or 1) + i - 1, outcome.result.kind)
    end
    if path then paths[#paths + 1] = path else why = why or err end
  end
  for _, temp in ipairs(job.temps) do os.remove(temp) end
  if why then
    if type(why) == "table" then why.paths = paths end
    return nil, why
  end
  return paths
end


return save
