-- Option tables: unknown names raise and name the nearest known one.

local options = {}


-- Edits to get from a to b (insert, delete, replace, swap neighbours).
local function distance(a, b)
  local rows = {}
  for i = 0, #a do rows[i] = { [0] = i } end
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local d = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = math.min(d, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = d
    end
  end
  return rows[#a][#b]
end


-- The known name nearest to 'name', or nil when none is near.
function options.nearest(name, known)
  local best, least = nil, math.max(2, math.floor(#name / 2))
  for candidate in pairs(known) do
    local d = type(candidate) == "string" and distance(name:lower(), candidate:lower()) or math.huge
    if d < least or d == least and (not best or candidate < best) then
      best, least = candidate, d
    end
  end
  return best
end


local function names(known)
  local list = {}
  for name in pairs(known) do
    if type(name) == "string" then list[#list + 1] = name end
  end
  table.sort(list)
  return table.concat(list, ", ")
end


local function refuse(what, name, known, level)
  local near = type(name) == "string" and options.nearest(name, known)
  error(("%s has no option '%s'%s"):format(what, tostring(name),
    near and (": did you mean '" .. near .. "'?") or "; it has " .. names(known)), level)
end


-- Raises unless every name in 'given' is known and of its type. 'known' maps
-- names to a type ("string", "number", ...), a list of types by '|', or true
-- for any. 'level' is that of error.
function options.check(what, given, known, level)
  level = (level or 1) + 1
  if given == nil then return {} end
  if type(given) ~= "table" then
    error(("%s takes a table of options, not a %s"):format(what, type(given)), level)
  end
  for name, value in next, given do
    local want = known[name]
    if not want then refuse(what, name, known, level + 1) end
    if want ~= true and type(value) ~= want and
       not ("|" .. want .. "|"):find("|" .. type(value) .. "|", 1, true) then
      local wanted = want:gsub("|", " or a ")
      error(("option '%s' of %s must be a %s, not a %s"):format(name, what, wanted, type(value)), level)
    end
  end
  return given
end


return options
