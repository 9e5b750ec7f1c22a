-- blog_hero.lua -- a hero image for every post of a blog
--
--   falua --local examples/blog_hero.lua post.md [more.md ...]
--
-- Reads title and excerpt from a Markdown post's front matter, asks a model
-- for a picture, saves it as hero-<md5 of the title>.png in the assets folder
-- and writes its path into the front matter. Nothing else in the post
-- changes, and a post is replaced only once its picture is on disk. With
-- --local everything happens here, with no key: the picture is then a
-- procedural preview. With FAL_KEY and without --local it is the real model.

local fal = require "fal"
local argparse = require "argparse"

local MODEL = "fal-ai/flux/dev"
local STYLE = "Cinematic lighting, professional photography, 8K"
local MAX_PROMPT = 500   -- characters


---- Front matter ---------------------------------------------------------

local function unquote(value)
  local inner = value:match '^"(.*)"$'
  if inner then
    return (inner:gsub("\\(.)", { n = "\n", t = "\t", ['"'] = '"', ["\\"] = "\\" }))
  end
  inner = value:match "^'(.*)'$"
  if inner then return (inner:gsub("''", "'")) end
  return (value:gsub("%s+#.*$", ""))
end


-- Splits a post: { fields =, first =, last = } where bytes first..last are the
-- lines between the two '---', or nil and the reason.
local function front_matter(text)
  local _, open = text:find "^\239?\187?\191?%-%-%-[ \t]*\r?\n"
  if not open then return nil, "it has no front matter (a first line ---)" end
  local fields, at, block = {}, open + 1, nil
  while at <= #text do
    local stop = text:find("\n", at, true) or #text
    local line = text:sub(at, stop):gsub("[\r\n]+$", "")
    if line:find "^%-%-%-%s*$" or line:find "^%.%.%.%s*$" then
      return { fields = fields, first = open + 1, last = at - 1 }
    end
    local key, value = line:match "^([%w_-]+):%s*(.-)%s*$"
    if key then
      block = value:find "^[>|][+-]?$" and key or nil
      fields[key] = block and "" or unquote(value)
    elseif block and line:find "^%s+%S" then
      local more = line:match "^%s*(.-)%s*$"
      fields[block] = fields[block] == "" and more or fields[block] .. " " .. more
    end
    at = stop + 1
  end
  return nil, "its front matter is never closed (a second line ---)"
end


local function yaml(value)
  if value:find "^[%w_./~-]+$" then return value end
  return '"' .. value:gsub('[\\"]', "\\%0") .. '"'
end


-- The post with 'key: value' in its front matter, in place of such a line or
-- as its last one.
local function with_field(text, matter, key, value)
  local inside = text:sub(matter.first, matter.last)
  local newline = text:sub(1, matter.first - 1):match "\r?\n$"
  local line = key .. ": " .. yaml(value)
  local at, stop = ("\n" .. inside):find("\n" .. key:gsub("%-", "%%-") .. ":[^\r\n]*")
  if at then
    inside = inside:sub(1, at - 1) .. line .. inside:sub(stop)
  else
    inside = inside .. line .. newline
  end
  return text:sub(1, matter.first - 1) .. inside .. text:sub(matter.last + 1)
end


---- Files ----------------------------------------------------------------

local function read(path)
  local f, err = io.open(path, "rb")
  if not f then return nil, err end
  local text = f:read "*a"
  f:close()
  if not text then return nil, path .. ": cannot be read" end
  return text
end


-- Written aside, then renamed: the post is there whole at any moment.
local function replace(path, text)
  local aside = path .. ".new"
  local f, err = io.open(aside, "wb")
  if not f then return nil, err end
  local ok, why = f:write(text)
  local closed, late = f:close()
  if ok and closed then
    ok, why = os.rename(aside, path)
    if ok then return true end
  end
  os.remove(aside)
  return nil, why or late
end


local function folder(path)
  return path:match "^(.*)/[^/]*$" or "."
end


-- 'path' as seen from the folder 'from'.
local function relative(path, from)
  path, from = path:gsub("^%./", ""), from == "." and "" or from:gsub("^%./", "") .. "/"
  if from ~= "" and path:sub(1, #from) == from then return path:sub(#from + 1) end
  return path
end


---- The pipeline ---------------------------------------------------------

-- The first n characters of UTF-8 text.
local function cut(s, n)
  local at = utf8 and utf8.len(s) and utf8.offset(s, n + 1)
  if utf8 and utf8.len(s) then return at and s:sub(1, at - 1) or s end
  local count = 0
  for i = 1, #s do
    local byte = s:byte(i)
    if byte < 128 or byte >= 192 then count = count + 1 end
    if count > n then return s:sub(1, i - 1) end
  end
  return s
end


local function prompt_of(fields, style)
  local parts = { fields.title, fields.excerpt, style }
  if not fields.excerpt or fields.excerpt == "" then table.remove(parts, 2) end
  return cut(table.concat(parts, ". "), MAX_PROMPT)
end


local function cost_of(meta)
  if (meta.headers["x-fal-served-from"] or ""):find "preview" then return "preview, no cost" end
  if meta.billable_units then return ("%g billable units"):format(meta.billable_units) end
  return "unknown (the server named no units)"
end


-- One post: a report to print, or nil and the reason.
local function illustrate(path, args)
  local text, err = read(path)
  if not text then return nil, err end
  local matter, why = front_matter(text)
  if not matter then return nil, path .. ": " .. why end
  local title = matter.fields.title
  if not title or title == "" then return nil, path .. ": its front matter has no title" end
  local prompt = prompt_of(matter.fields, args.style)
  local assets = args.assets or folder(path) .. "/assets"
  local image = ("%s/hero-%s.png"):format(assets:gsub("/+$", ""), fal.digest("md5", title):sub(1, 12))
  if args.dry_run then
    return { file = image, prompt = prompt, seconds = 0, cost = "none, dry run" }
  end

  local result, meta = fal.run(args.model, { input = {
    prompt = prompt, image_size = "landscape_4_3", num_inference_steps = 4, guidance_scale = 3.5,
    output_format = "png", seed = args.seed,
  } })
  if not result then return nil, path .. ": " .. tostring(meta) end
  local saved, failed = fal.save(result, image, { overwrite = true })
  if not saved then return nil, path .. ": " .. tostring(failed) end
  local ok, trouble = replace(path, with_field(text, matter, args.field, relative(image, folder(path))))
  if not ok then return nil, path .. ": " .. tostring(trouble) end
  return { file = image, prompt = prompt, seconds = meta.seconds, cost = cost_of(meta) }
end


local parser = argparse("blog_hero", "Makes a hero image for each Markdown post.")
parser:argument("posts", "Markdown files with a front matter that has a title."):args "+"
parser:option("--style", "Ends every prompt.", STYLE)
parser:option("--model", "Endpoint id.", MODEL)
parser:option("--seed", "The same seed, the same picture."):convert(math.tointeger or tonumber)
parser:option("--assets", "Folder for the pictures (default: assets beside the post).")
parser:option("--field", "Name of the line in the front matter.", "image")
parser:flag("--dry-run", "Say what would be asked for, and change nothing.")
local args = parser:parse()

local calls = {}
for i, path in ipairs(args.posts) do
  calls[i] = function () return illustrate(path, args) end
end

local failures = 0
for _, outcome in ipairs(fal.gather(calls, { limit = 4 })) do
  if outcome.ok then
    local r = outcome.result
    print(("%s\n  prompt   %s\n  seconds  %.2f\n  cost     %s"):format(r.file, r.prompt, r.seconds, r.cost))
  else
    failures = failures + 1
    io.stderr:write(tostring(outcome.err), "\n")
  end
end
os.exit(failures == 0 and 0 or 1, true)
