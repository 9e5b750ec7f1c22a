-- The contact sheet of a batch: one HTML file, small pictures inside, each a
-- link to the full one. No script, nothing is fetched.

local core = require "fal.core"

local sheet = {}

local WIDTH = 240             -- of a small picture
local INLINE = 16 * 1024      -- bytes of a picture that is small already
local MAX_INSIDE = 500        -- pictures in one page; more are links to their files
local MAX_PIXELS = 64 * 1048576

local STYLE = [[
:root{color-scheme:light dark}
body{font:14px/1.4 system-ui,sans-serif;margin:2em}
h1{font-size:1.3em;margin:0 0 .2em}
ul{list-style:none;padding:0;display:grid;align-items:start;
grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:16px}
li{border:1px solid #8886;border-radius:6px;overflow:hidden;padding:0 0 8px}
li img{width:100%;display:block;background:#8883}
li p{margin:6px 10px 0;overflow-wrap:anywhere}
p{white-space:pre-line}
.small{opacity:.7;font-size:12px}
.failed{border-color:#c33}
.failed p:first-child{color:#c33}]]


local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function escape(s)
  return (tostring(s):gsub("[&<>\"']", ENTITIES):gsub("[%z\1-\9\11-\31\127]", " "))
end


-- A path as a link from a page in 'folder': what is below it without it.
local function link(path, folder)
  if folder ~= "" and path:sub(1, #folder) == folder then path = path:sub(#folder + 1)
  elseif folder ~= "" and path:sub(1, 1) ~= "/" and folder:sub(1, 1) ~= "/" then
    path = folder:gsub("%./", ""):gsub("[^/]+/", "../") .. path
  end
  path = path:gsub("[^%w/._~-]", function (c) return ("%%%02X"):format(c:byte()) end)
  return path:find "^/" and "file://" .. path or path
end


-- A PNG made small, as bytes | nil.
local function small(path)
  local pictures = require "fal.image"
  local info = pictures.info(path)
  if not info or info.type ~= "image/png" then return nil end
  local image = pictures.open(path, { max_pixels = MAX_PIXELS })
  if not image then return nil end
  local width = math.min(WIDTH, image.width)
  local made = image:resize(width, math.max(1, math.floor(image.height * width / image.width + 0.5)))
  local bytes = made and made:png()
  image:close()
  if made then made:close() end
  return bytes
end


-- The source of an <img> for a file: bytes inside the page, or a link.
local function source(path, folder, left)
  local head = core.engine.head(path, 32)
  local kind = head and require("fal.types").of_bytes(head)
  if not kind or not kind:find "^image/" then return nil end
  local bytes = left > 0 and (core.read(path, INLINE) or small(path))
  if not bytes then return link(path, folder) end
  kind = require("fal.types").of_bytes(bytes:sub(1, 32)) or kind
  return "data:" .. kind .. ";base64," .. core.base64(bytes)
end


local function about(job)
  local parts = { "#" .. ("%d"):format(job.index), job.state }
  if job.seed then parts[#parts + 1] = "seed " .. core.json.encode(job.seed) end
  if job.cost then parts[#parts + 1] = "$" .. job.cost end
  if job.seconds then parts[#parts + 1] = ("%.1f s"):format(job.seconds) end
  return table.concat(parts, " · ")
end


local function cell(job, folder, counts)
  local out = { job.error and '<li class="failed">' or "<li>" }
  for _, path in ipairs(job.files or {}) do
    local src = source(path, folder, counts.left)
    counts.left = counts.left - 1
    local to = escape(link(path, folder))
    if src then
      out[#out + 1] = ('<a href="%s"><img src="%s" alt="%s" loading="lazy"></a>'):format(to, escape(src),
        escape(job.prompt or path))
    else out[#out + 1] = ('<p><a href="%s">%s</a></p>'):format(to, escape(path)) end
  end
  if job.error then out[#out + 1] = "<p>" .. escape(job.error.message) .. "</p>" end
  if job.prompt then out[#out + 1] = "<p>" .. escape(job.prompt) .. "</p>" end
  out[#out + 1] = '<p class="small">' .. escape(about(job)) .. "</p></li>\n"
  return table.concat(out)
end


-- The page for a report that will be in 'folder' ("" or with a slash).
function sheet.page(report, folder)
  folder = folder or ""
  local parts = {
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n',
    '<meta name="viewport" content="width=device-width">\n<title>', escape(report.endpoint), "</title>\n<style>",
    STYLE, "</style></head>\n<body><h1>", escape(report.endpoint), "</h1>\n",
  }
  for _, line in ipairs(require("fal.report").sums(report)) do
    parts[#parts + 1] = '<p class="small">' .. escape(line) .. "</p>\n"
  end
  parts[#parts + 1] = "<ul>\n"
  local counts = { left = MAX_INSIDE }
  for _, job in ipairs(report.jobs) do parts[#parts + 1] = cell(job, folder, counts) end
  parts[#parts + 1] = "</ul></body></html>\n"
  return table.concat(parts)
end


return sheet
