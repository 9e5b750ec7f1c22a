-- Pictures in the terminal: by kitty's or iTerm2's protocol from the file's own
-- bytes, as sixels, or as half blocks in 24-bit colors.
--
--   io.stdout:write(preview.text("kite.png", "auto") or "")
--
-- "auto" finds out what the terminal can do by its name, and shows nothing when
-- standard output is no terminal.

local fal = require "fal"
local core = require "fal.core"
local host = require "falua.host"

local preview = { MODES = { "auto", "kitty", "iterm", "sixel", "blocks", "none" } }

local COLUMNS = 60        -- the widest that a preview is
local LINES = 20          -- and the tallest
local MAX = 33554432      -- bytes of a file that is shown
local CHUNK = 4096        -- of base64 in one of kitty's messages


-- For a parser of argparse.
function preview.option(parser, default)
  parser:option("--preview", "Show pictures in the terminal: auto, kitty, iterm, sixel, blocks, none.",
    default or "auto")
    :argname "MODE":choices(preview.MODES)
end


local function env(name)
  return os.getenv(name) or ""
end


-- How "auto" shows pictures on the terminal of standard output.
function preview.detect()
  if not host.columns(1) or env "TERM" == "dumb" or env "TERM" == "" then return "none" end
  local program, term = env "TERM_PROGRAM", env "TERM"
  if env "TMUX" == "" and not term:find "^screen" then
    if env "KITTY_WINDOW_ID" ~= "" or term:find "kitty" or term:find "ghostty" then return "kitty" end
    if program == "iTerm.app" or env "LC_TERMINAL" == "iTerm2" or program == "WezTerm" then return "iterm" end
    if term:find "sixel" or term:find "mlterm" or term:find "^foot" or program == "mintty" then return "sixel" end
  end
  local color = env "COLORTERM"
  if env "NO_COLOR" ~= "" then return "none" end
  return (color == "truecolor" or color == "24bit" or term:find "direct") and "blocks" or "none"
end


-- Columns and lines for a picture; a line is as tall as two columns are wide.
local function cells(width, height)
  local columns, lines = host.columns(1)
  columns, lines = math.min(COLUMNS, (columns or 80) - 1), math.min(LINES, (lines or 24) - 4)
  local scale = math.min(columns / width, 2 * lines / height)
  return math.max(1, math.floor(width * scale)), math.max(1, math.floor(height * scale / 2))
end


local writers = {}


function writers.kitty(bytes, columns, lines)
  local data, parts = core.base64(bytes), {}
  for at = 1, #data, CHUNK do
    local more = at + CHUNK <= #data and 1 or 0
    local head = at == 1 and ("f=100,a=T,q=2,c=%d,r=%d,m=%d"):format(columns, lines, more) or "m=" .. more
    parts[#parts + 1] = ("\27_G%s;%s\27\\"):format(head, data:sub(at, at + CHUNK - 1))
  end
  return table.concat(parts) .. "\n"
end


function writers.iterm(bytes, columns, lines)
  return ("\27]1337;File=inline=1;size=%d;width=%d;height=%d;preserveAspectRatio=1:%s\7\n"):format(
    #bytes, columns, lines, core.base64(bytes))
end


-- Two pixels in one character: the upper one in its color, the lower one as
-- its background.
function writers.blocks(image, columns, lines)
  local small = fal.check(image:resize(columns, lines * 2))
  local rows = {}
  for y = 0, lines - 1 do
    local row, before = {}, nil
    for x = 0, columns - 1 do
      local r1, g1, b1 = small:pixel(x, 2 * y)
      local r2, g2, b2 = small:pixel(x, 2 * y + 1)
      local color = ("\27[38;2;%d;%d;%d;48;2;%d;%d;%dm"):format(r1, g1 or r1, b1 or r1, r2, g2 or r2, b2 or r2)
      row[#row + 1] = (color ~= before and color or "") .. "▀"
      before = color
    end
    rows[#rows + 1] = table.concat(row) .. "\27[0m\n"
  end
  small:close()
  return table.concat(rows)
end


-- A color as a number below 216, dithered by where it is.
local BAYER = { [0] = { [0] = 0, 8, 2, 10 }, { [0] = 12, 4, 14, 6 }, { [0] = 3, 11, 1, 9 }, { [0] = 15, 7, 13, 5 } }

local function color_of(x, y, r, g, b)
  local d = (BAYER[y % 4][x % 4] + 0.5) / 16 - 0.5
  local function level(v) return math.max(0, math.min(5, math.floor(v / 51 + d + 0.5))) end
  return level(r) * 36 + level(g) * 6 + level(b)
end


-- One band of six rows: for each color a line of sixels, runs written short.
local function band(indexes, width, rows)
  local bits = {}
  for dy = 0, rows - 1 do
    for x = 0, width - 1 do
      local c = indexes[dy][x]
      bits[c] = bits[c] or {}
      bits[c][x] = (bits[c][x] or 0) | 1 << dy
    end
  end
  local colors, out = {}, {}
  for c in pairs(bits) do colors[#colors + 1] = c end
  table.sort(colors)
  for _, c in ipairs(colors) do
    local line, x = { "#" .. c }, 0
    while x < width do
      local v, n = bits[c][x] or 0, 1
      while x + n < width and (bits[c][x + n] or 0) == v do n = n + 1 end
      local ch = string.char(63 + v)
      line[#line + 1] = n > 3 and ("!%d%s"):format(n, ch) or ch:rep(n)
      x = x + n
    end
    out[#out + 1] = table.concat(line)
  end
  return table.concat(out, "$")
end


function writers.sixel(image, columns, lines)
  local width, height = math.min(image.width, columns * 8), math.min(image.height, lines * 16)
  local scale = math.min(width / image.width, height / image.height)
  width, height = math.max(1, math.floor(image.width * scale)), math.max(1, math.floor(image.height * scale))
  local small = fal.check(image:resize(width, height))
  local out = { ('\27P0;1q"1;1;%d;%d'):format(width, height) }
  for c = 0, 215 do
    out[#out + 1] = ("#%d;2;%d;%d;%d"):format(c, c // 36 * 20, c // 6 % 6 * 20, c % 6 * 20)
  end
  for y = 0, height - 1, 6 do
    local indexes, rows = {}, math.min(6, height - y)
    for dy = 0, rows - 1 do
      indexes[dy] = {}
      for x = 0, width - 1 do
        local r, g, b = small:pixel(x, y + dy)
        indexes[dy][x] = color_of(x, y + dy, r, g or r, b or r)
      end
    end
    out[#out + 1] = band(indexes, width, rows) .. "-"
  end
  small:close()
  return table.concat(out) .. "\27\\\n"
end


-- The text that shows a picture; nil when there is nothing to show, or nil and
-- an error.
function preview.text(path, mode)
  if mode == "auto" then mode = preview.detect() end
  local write = writers[mode]
  if not write then return nil end
  local info, err = fal.image.info(path)
  if not info then return nil, err end
  if info.type ~= "image/png" and mode ~= "iterm" then return nil end
  local columns, lines = cells(info.width, info.height)
  if mode == "kitty" or mode == "iterm" then
    local bytes
    bytes, err = core.read(path, MAX)
    if not bytes then return nil, err end
    return write(bytes, columns, lines)
  end
  local image
  image, err = fal.image.open(path)
  if not image then return nil, err end
  local text = write(image, columns, lines)
  image:close()
  return text
end


return preview
