-- Decimal numbers, exact: for money, where 0.1 + 0.2 is 0.3.
--
-- A number is sign * digits / 10^scale; the digits are limbs of seven, the
-- least first. Values are never changed. What is made of them is exact, except
-- by round.

local Decimal = { __name = "fal.Decimal" }
Decimal.__index = Decimal

local decimal = {}

local WIDTH, BASE = 7, 10 ^ 7
local MAX_SCALE, MAX_DIGITS = 60, 400   -- of what is read: no number of people's has more

local floor = math.floor


local function make(negative, limbs, scale)
  while #limbs > 0 and limbs[#limbs] == 0 do limbs[#limbs] = nil end
  return setmetatable({ negative = negative and #limbs > 0, limbs = limbs, scale = scale }, Decimal)
end


local function limbs_of(digits)
  local limbs = {}
  for last = #digits, 1, -WIDTH do
    limbs[#limbs + 1] = tonumber(digits:sub(math.max(1, last - WIDTH + 1), last))
  end
  return limbs
end


local function digits_of(limbs)
  local parts = {}
  for i = #limbs, 1, -1 do parts[#parts + 1] = ("%07d"):format(limbs[i]) end
  local digits = table.concat(parts):gsub("^0+", "")
  return digits
end


-- The shortest text that is this number.
local function text_of(x)
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(x)
    if tonumber(text) == x then return text end
  end
end


local function parse(text)
  local sign, whole, fraction, rest = text:match "^%s*([+-]?)(%d*)%.?(%d*)(.-)%s*$"
  if not sign or whole .. fraction == "" then return nil end
  local exponent = 0
  if rest ~= "" then
    exponent = tonumber(rest:match "^[eE]([+-]?%d%d?%d?)$")
    if not exponent then return nil end
  end
  local digits, scale = whole .. fraction, #fraction - exponent
  if scale < 0 then digits, scale = digits .. ("0"):rep(-scale), 0 end
  if scale > MAX_SCALE or #digits > MAX_DIGITS then return nil end
  return make(sign == "-", limbs_of(digits), scale)
end


-- A number, a text such as "0.0025" or "1e-3", or a decimal as a decimal; nil
-- when it is none.
function decimal.of(value)
  if getmetatable(value) == Decimal then return value end
  if type(value) == "number" then
    if value ~= value or value == math.huge or value == -math.huge then return nil end
    value = text_of(value)
  end
  return type(value) == "string" and parse(value) or nil
end


-- For the operators, where one side may be a plain number.
local function operand(value)
  return decimal.of(value) or error("not a decimal number: " .. tostring(value), 3)
end


---- Digits without a sign ----------------------------------------------

local function compare(a, b)
  if #a ~= #b then return #a < #b and -1 or 1 end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  return 0
end


local function plus(a, b)
  local sum, carry = {}, 0
  for i = 1, math.max(#a, #b) do
    local v = (a[i] or 0) + (b[i] or 0) + carry
    carry = v >= BASE and 1 or 0
    sum[i] = v - carry * BASE
  end
  if carry > 0 then sum[#sum + 1] = carry end
  return sum
end


-- a is not less than b.
local function minus(a, b)
  local left, borrow = {}, 0
  for i = 1, #a do
    local v = a[i] - (b[i] or 0) - borrow
    borrow = v < 0 and 1 or 0
    left[i] = v + borrow * BASE
  end
  while #left > 0 and left[#left] == 0 do left[#left] = nil end
  return left
end


local function times(a, b)
  local product = {}
  for i = 1, #a + #b do product[i] = 0 end
  for i = 1, #a do
    local carry = 0
    for j = 1, #b do
      local v = product[i + j - 1] + a[i] * b[j] + carry
      carry = floor(v / BASE)
      product[i + j - 1] = v - carry * BASE
    end
    product[i + #b] = product[i + #b] + carry
  end
  return product
end


-- The limbs of both at the larger of their scales.
local function align(a, b)
  local function at(x, scale)
    return scale == x.scale and x.limbs or limbs_of(digits_of(x.limbs) .. ("0"):rep(scale - x.scale))
  end
  local scale = math.max(a.scale, b.scale)
  local x, y = make(false, at(a, scale), scale), make(false, at(b, scale), scale)
  return x.limbs, y.limbs, scale
end


---- Operators ----------------------------------------------------------

local function add(a, b, flip)
  local x, y, scale = align(a, b)
  local negative = b.negative ~= flip
  if a.negative == negative then return make(a.negative, plus(x, y), scale) end
  if compare(x, y) >= 0 then return make(a.negative, minus(x, y), scale) end
  return make(negative, minus(y, x), scale)
end


function Decimal.__add(a, b) return add(operand(a), operand(b), false) end


function Decimal.__sub(a, b) return add(operand(a), operand(b), true) end


function Decimal.__unm(a) return make(not a.negative, a.limbs, a.scale) end


function Decimal.__mul(a, b)
  a, b = operand(a), operand(b)
  return make(a.negative ~= b.negative, times(a.limbs, b.limbs), a.scale + b.scale)
end


-- Negative, 0 or positive, as a is less than, equal to or more than b.
local function order(a, b)
  if a.negative ~= b.negative then return a.negative and -1 or 1 end
  local x, y = align(a, b)
  return compare(x, y) * (a.negative and -1 or 1)
end


function Decimal.__eq(a, b) return order(a, b) == 0 end


function Decimal.__lt(a, b) return order(operand(a), operand(b)) < 0 end


function Decimal.__le(a, b) return order(operand(a), operand(b)) <= 0 end


-- All its digits, without zeros at the end of the fraction.
function Decimal.__tostring(a)
  local digits = digits_of(a.limbs)
  if #digits <= a.scale then digits = ("0"):rep(a.scale - #digits + 1) .. digits end
  local text = digits
  if a.scale > 0 then
    local fraction = digits:sub(-a.scale):gsub("0+$", "")
    text = digits:sub(1, -a.scale - 1) .. (fraction ~= "" and "." .. fraction or "")
  end
  return (a.negative and "-" or "") .. text
end


-- The nearest number of Lua's.
function Decimal.number(a)
  return tonumber(tostring(a))
end


function Decimal.iszero(a)
  return #a.limbs == 0
end


-- The nearest with so many places, a half away from zero.
function Decimal.round(a, places)
  if a.scale <= places then return a end
  local drop = a.scale - places
  local half = make(false, limbs_of("5" .. ("0"):rep(drop - 1)), 0)
  local digits = digits_of(plus(a.limbs, half.limbs))
  return make(a.negative, limbs_of(digits:sub(1, math.max(0, #digits - drop))), places)
end


-- With at least so many places: for money, "2.50".
function Decimal.fixed(a, places)
  local text = tostring(a)
  local fraction = text:match "%.(%d+)$"
  if not fraction then return places > 0 and text .. "." .. ("0"):rep(places) or text end
  return text .. ("0"):rep(places - #fraction)
end


decimal.zero = make(false, {}, 0)

return decimal
