--- PNG files put together from chunks, and taken apart.

local M = {}

M.SIGNATURE = "\137PNG\r\n\26\n"


-- Exclusive or of two bytes by way of their halves: Lua 5.1 has no bits.
local HALVES = {}
for a = 0, 15 do
  HALVES[a] = {}
  for b = 0, 15 do
    local r, bit, x, y = 0, 1, a, b
    for _ = 1, 4 do
      if x % 2 ~= y % 2 then r = r + bit end
      x, y, bit = math.floor(x / 2), math.floor(y / 2), bit * 2
    end
    HALVES[a][b] = r
  end
end


local function xor8(a, b)
  local al, bl = a % 16, b % 16
  return HALVES[(a - al) / 16][(b - bl) / 16] * 16 + HALVES[al][bl]
end


local function xor32(a, b)
  local r, unit = 0, 1
  for _ = 1, 4 do
    local x, y = a % 256, b % 256
    r, unit = r + xor8(x, y) * unit, unit * 256
    a, b = (a - x) / 256, (b - y) / 256
  end
  return r
end


local CRC = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do
    local low = c % 2
    c = (c - low) / 2
    if low == 1 then c = xor32(c, 3988292384) end
  end
  CRC[i] = c
end


function M.crc32(s)
  local crc = 4294967295
  for i = 1, #s do
    local low = crc % 256
    crc = xor32((crc - low) / 256, CRC[xor8(low, s:byte(i))])
  end
  return xor32(crc, 4294967295)
end


function M.be32(n)
  return string.char(math.floor(n / 16777216) % 256, math.floor(n / 65536) % 256,
    math.floor(n / 256) % 256, n % 256)
end


function M.chunk(kind, data)
  return M.be32(#data) .. kind .. data .. M.be32(M.crc32(kind .. data))
end


function M.header(width, height, color, depth)
  return M.chunk("IHDR", M.be32(width) .. M.be32(height) .. string.char(depth or 8, color, 0, 0, 0))
end


--- Rows as zlib has them, stored.
function M.idat(rows)
  local a, b = 1, 0
  for i = 1, #rows do
    a = (a + rows:byte(i)) % 65521
    b = (b + a) % 65521
  end
  local low, high = #rows % 256, math.floor(#rows / 256)
  return M.chunk("IDAT", "\120\1\1" .. string.char(low, high, 255 - low, 255 - high) .. rows ..
    M.be32(b * 65536 + a))
end


M.END = M.chunk("IEND", "")


--- The chunks of a file: a list of { kind =, data = }.
function M.split(png)
  local list, at = {}, #M.SIGNATURE + 1
  while at < #png do
    local a, b, c, d = png:byte(at, at + 3)
    local n = ((a * 256 + b) * 256 + c) * 256 + d
    list[#list + 1] = { kind = png:sub(at + 4, at + 7), data = png:sub(at + 8, at + 7 + n) }
    at = at + 12 + n
  end
  return list
end


--- A file of chunks. One with 'crc' has that for its checksum.
function M.join(list)
  local parts = { M.SIGNATURE }
  for i, c in ipairs(list) do
    parts[i + 1] = M.chunk(c.kind, c.data)
    if c.crc then parts[i + 1] = parts[i + 1]:sub(1, -5) .. c.crc end
  end
  return table.concat(parts)
end


return M
