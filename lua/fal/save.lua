-- Saving the files of a result under names made from a template.
--
-- A file is fetched to a temporary name in the template's fixed folder, then
-- named (its hash, type and size are known by then) and moved. PNGs are copied
-- on the way, with what made them in their text chunks, pixels untouched. No
-- file is ever in memory as a whole, except for the small ones of a batch,
-- which are written once, there and then.

local core = require "fal.core"
local made = require "fal.made"
local options = require "fal.options"
local tasks = require "fal.tasks"
local types = require "fal.types"

local save = {}

save.OPTIONS = {
  overwrite = "boolean", index = "number", prompt = "string", seed = "number|string",
  model = "string", request_id = "string", input = "table", meta = "table", timeout = "number", text = "table",
  job = "boolean",
}

local HEAD = 262144  -- bytes of a file that tell its type and size
local SMALL = 65536  -- bytes of a file that stays in memory until it is written

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


-- Adds the file objects in a table to 'found'.
local function walk(value, found, seen)
  if seen[value] then return end
  seen[value] = true
  if type(value.url) == "string" then
    found[#found + 1] = value
    return
  end
  if value[1] ~= nil then
    for i = 1, #value do
      if type(value[i]) == "table" then walk(value[i], found, seen) end
    end
    return
  end
  local first, names   -- most results have one list, and no names to be sorted
  for name, member in pairs(value) do
    if type(name) == "string" and type(member) == "table" then
      if not first then first = name
      else
        names = names or { first }
        names[#names + 1] = name
      end
    end
  end
  if not names then return first and walk(value[first], found, seen) end
  table.sort(names)
  for _, name in ipairs(names) do walk(value[name], found, seen) end
end


-- The file objects of a result, in a stable order: any table with a string
-- 'url', lists by index, members by name.
function save.list(result)
  local found = {}
  if type(result) == "table" then walk(result, found, {}) end
  return found
end


-- What a field of a template stands for, of what is known of one file; only
-- those that the template has are made.
local VALUES = {
  slug = function (known) return save.slug(known.prompt or "") end,
  prompt = function (known) return clean(known.prompt or "") end,
  seed = function (known) return known.seed and clean(made.digits(known.seed)) end,
  index = function (_, file) return file.index end,
  hash = function (_, file) return file.hash:sub(1, 16) end,
  model = function (known) return known.model and clean((known.model:gsub("/", "-"))) end,
  request_id = function (known) return known.request_id and clean(known.request_id) end,
  width = function (_, file) return file.width and made.digits(file.width) end,
  height = function (_, file) return file.height and made.digits(file.height) end,
  ext = function (_, file) return file.ext end,
  date = function () return os.date "%Y-%m-%d" end,
}


local last = { text = false }   -- the template that was read last: a batch has one


-- A template, read: what stands before each of its fields and after the last,
-- their names, whether {hash} is one, and the folder of its fixed beginning,
-- where temporary files go.
function save.template(text, level)
  if last.text == text then return last end
  local t, from = { text = text, before = {}, names = {}, hashed = false }, 1
  for at, name, after in text:gmatch "(){(.-)}()" do
    if not VALUES[name] then
      local near = options.nearest(name, VALUES)
      error(("the template has no field {%s}%s"):format(name, near and (": did you mean {" .. near .. "}?") or ""),
        level + 1)
    end
    t.before[#t.before + 1], t.names[#t.names + 1] = text:sub(from, at - 1), name
    t.hashed, from = t.hashed or name == "hash", after
  end
  t.rest = text:sub(from)
  t.folder = text:match "^[^{]*" :match "^(.*/)" or ""
  last = t
  return t
end


local function extension(kind, url)
  local known = kind and types.extension(kind)
  if known and known ~= "bin" then return known end
  local ext = not url:find "^data:" and url:match "^[^?#]*%.(%w%w?%w?%w?%w?)$"
    or url:match "^[^?#]*%.(%w%w?%w?%w?%w?)[?#]"
  return ext and ext:lower() or "bin"
end


local function expand(template, known, file)
  local path = ""
  for i, name in ipairs(template.names) do
    local v = VALUES[name](known, file)
    if v == nil or v == "" then v = "unknown" end
    path = path .. template.before[i] .. tostring(v)
  end
  return path .. template.rest
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


-- A file's digest: hex | nil, err.
local function hash_of(path)
  local op, id = tasks.engine():digest("sha256", path)
  if not op then return nil, id end
  local ok, why = tasks.wait_op(op, id)
  local seen = ok and op:result()
  op:close()
  if not seen then return nil, why end
  return seen.digest
end


-- The same of a fetched file.
local function hash_of_fetched(got)
  if got.bytes then return core.digest("sha256", got.bytes) end
  return hash_of(got.temp)
end


-- The text chunks of a PNG: what made it, and what the caller wants there.
local function texts_of(job, index, width, height)
  local known = job.known
  known.index, known.width, known.height = index, width, height
  local list = made.texts(known)
  if not job.text then return list end
  local names = {}
  for key in pairs(job.text) do names[#names + 1] = key end
  table.sort(names)
  for _, key in ipairs(names) do
    list[#list + 1] = key
    list[#list + 1] = tostring(job.text[key])
  end
  return list
end


-- Whether what is at 'path' is the fetched file: of the same request, or the
-- same bytes.
local function is_same(job, got, path, texts)
  if texts then
    local info = require("fal.image").info(path)
    return job.known.request_id and info and info.text and info.text.request_id == job.known.request_id
  end
  return hash_of_fetched(got) == hash_of(path)
end


-- A fetched file under a name: true | nil, err.
local function put(job, got, name, texts)
  if got.bytes and texts then return core.image.put_retext(got.bytes, name, texts, job.overwrite) end
  if got.bytes then return core.write(name, got.bytes, job.overwrite) end
  if texts then return tasks.work(core.image.retext, got.temp, name, texts, job.overwrite) end
  return core.move(got.temp, name, job.overwrite)
end


-- Moves a fetched file to its name: path | nil, err. For a job of a batch a
-- name that is taken is no failure: the file is there already, or it gets
-- another name.
local function settle(job, got, path, texts)
  local name = path
  while true do
    local ok, err = put(job, got, name, texts)
    if ok then return name end
    if not job.is_job or err.code ~= "file" or not core.engine.head(name, 0) then return nil, err end
    if is_same(job, got, name, texts) then return name end
    name = unused(path, job.taken)
  end
end


-- Names and places one fetched file: path | nil, err.
local function place(job, got, file, index)
  local head, err = got.bytes, nil
  if not head then head, err = core.engine.head(got.temp, HEAD) end
  if not head then return nil, err end
  local kind = types.of_bytes(head) or (file.content_type or got.kind or ""):match "^[^;%s]+"
  local _, width, height = core.probe(head)
  local hash
  if job.template.hashed then
    hash, err = hash_of_fetched(got)
    if not hash then return nil, err end
  end
  if type(width) ~= "number" then width, height = file.width, file.height end
  local path = unused(expand(job.template, job.known, {
    index = index, hash = hash, width = width, height = height, ext = extension(kind, file.url),
  }), job.taken)
  local texts = kind == "image/png" and texts_of(job, index, width, height)
  return settle(job, got, path, texts)
end


-- Names that no other run of any process has: this process's, and a count.
local tag, counter = nil, 0


-- One file, to a temporary name or as bytes: { temp =, bytes =, kind = } | nil,
-- err.
local function fetch(job, file)
  tag = tag or core.digest("md5", tostring(job) .. core.now()):sub(1, 12)
  counter = counter + 1
  local temp = ("%s.fal-%s-%d.part"):format(job.template.folder, tag, counter)
  local ok, info, bytes = job.client:fetch(file.url, temp, {
    timeout = job.timeout, overwrite = true, temporary = true, keep = job.is_job and SMALL or nil,
  })
  if not ok then return nil, info end
  if not bytes then job.temps[#job.temps + 1] = temp end
  return { temp = temp, bytes = bytes, kind = info.content_type }
end


-- All of them, at most four at once: outcomes as those of fal.gather | nil, err.
local function fetch_all(job, files)
  if #files == 1 then
    local got, err = fetch(job, files[1])
    return { { ok = got ~= nil, result = got, err = err } }
  end
  local calls = {}
  for i, file in ipairs(files) do
    calls[i] = function () return fetch(job, file) end
  end
  return tasks.gather(calls, { limit = 4 })
end


-- What a field of the result or, where it has none, of the input says.
local function said(result, input, name, kind)
  local value = result[name]
  if value == nil or value == "" or value == core.json.null then value = input[name] end
  return type(value) == kind and value or nil
end


-- What is known of how the result came about.
local function known_of(result, opt, meta, input)
  meta, input = opt.meta or meta, opt.input or input
  local fields = type(input) == "table" and input or {}
  return {
    prompt = opt.prompt or said(result, fields, "prompt", "string"),
    negative_prompt = said(fields, fields, "negative_prompt", "string"),
    seed = opt.seed or said(result, fields, "seed", "number"),
    model = opt.model or meta.endpoint_id, request_id = opt.request_id or meta.request_id,
    cost = opt.cost or meta.cost, input = input, index = nil, width = nil, height = nil,   -- room for these
  }
end


-- See Client:save. 'meta' and 'input' are what is remembered of the result;
-- 'files' is what save.list says of it.
function save.files(client, result, template, opt, meta, input, files)
  template = save.template(template, 4)
  files = files or save.list(result)
  if #files == 0 then
    return nil, core.error { code = "protocol", message = "the result has no files in it", retryable = false,
      hint = "a file is a table with a url in it, such as result.images[1]" }
  end
  local job = {
    client = client, template = template, overwrite = opt.overwrite, timeout = opt.timeout, text = opt.text,
    is_job = opt.job, taken = {}, temps = {}, known = known_of(result, opt, meta, input),
  }
  local outcomes, why = fetch_all(job, files)
  local paths = {}
  for i, outcome in ipairs(outcomes or {}) do  -- in order: names must not depend on which came first
    local path, err = nil, outcome.err
    if outcome.ok then
      local index = (opt.index or 1) + (opt.job and 0 or i - 1)
      path, err = place(job, outcome.result, files[i], index)
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
