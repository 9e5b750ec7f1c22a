-- Text for terminals: nothing that steers them, and how wide it is.

local text = {}

-- Code points that take two columns, and that take none.
local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F },
  { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F900, 0x1FAFF },
  { 0x20000, 0x3FFFD },
}
local NONE = { { 0x300, 0x36F }, { 0x200B, 0x200F }, { 0x20D0, 0x20FF }, { 0xFE00, 0xFE0F } }


local function within(ranges, c)
  for _, r in ipairs(ranges) do
    if c < r[1] then return false end
    if c <= r[2] then return true end
  end
  return false
end


local function columns(c)
  if c < 0x300 then return 1 end
  return within(NONE, c) and 0 or within(WIDE, c) and 2 or 1
end


-- Text from elsewhere made harmless: control characters are shown, not sent.
function text.safe(value)
  local s = tostring(value)
  if not utf8.len(s) then s = s:gsub("[\128-\255]", "?") end
  s = s:gsub("\r\n?", "\n"):gsub("\194[\128-\159]", "?")
  return (s:gsub("%c", function (c) return c ~= "\n" and ("\\%d"):format(c:byte()) or nil end))
end


-- The same on one line.
function text.line(value)
  return (text.safe(value):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end


-- Columns that a line of safe text takes.
function text.width(s)
  local n = 0
  for _, c in utf8.codes(s) do n = n + columns(c) end
  return n
end


-- A line of safe text, cut to so many columns; a cut one ends in "…".
function text.cut(s, width)
  if width <= 0 then return "" end
  local n, last = 0, 1
  for at, c in utf8.codes(s) do
    local w = columns(c)
    if n + w > width then return s:sub(1, last - 1) .. "…" end
    n = n + w
    if n <= width - 1 then last = utf8.offset(s, 2, at) end
  end
  return s
end


-- The same, filled up with spaces.
function text.fit(s, width)
  s = text.cut(s, width)
  return s .. (" "):rep(width - text.width(s))
end


-- "0:07", "12:30", "1:02:03"
function text.clock(seconds)
  local s = math.floor(seconds + 0.5)
  if s < 3600 then return ("%d:%02d"):format(s // 60, s % 60) end
  return ("%d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60)
end


return text
