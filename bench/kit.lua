-- kit.lua -- what the tables share: contestants, rounds, the reports
--
-- Every table is a function over what is here. A contestant is { name =, make =
-- a function that returns a command (or nil and why not) and its environment,
-- every = in which rounds it takes part }.

local kit = {
  build = (os.getenv "B" or "build"),
  flags = "-std=c99 -D_GNU_SOURCE -O2 -Wall -Wextra",
  rounds = 10, ops = 10000, starts = 40,
}
kit.bin = kit.build .. "/bench"

local NODE_CLIENT = "@fal-ai/client@1.10.1"

local wanted_names = {}
local log


function kit.say(...)
  io.stderr:write(string.format(...), "\n")
end


function kit.die(...)
  kit.say(...)
  os.exit(1)
end


-- What a shell command prints, without the last line break; nil when it fails.
function kit.output(command)
  local p = io.popen(command)
  local text = p:read "a"
  return p:close() and (text:gsub("%s+$", "")) or nil
end


function kit.works(command)
  return os.execute("(" .. command .. ") >/dev/null 2>&1") == true
end


function kit.exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end


-- Compiles bench/NAME.c with what the compiler is to be told besides.
function kit.compile(name, libs)
  return kit.works(("cc %s -o %s/%s bench/%s.c %s"):format(kit.flags, kit.bin, name, name, libs or ""))
end


function kit.start(names)
  for _, name in ipairs(names) do wanted_names[name] = true end
  if not kit.works("mkdir -p " .. kit.bin .. " bench/results") then kit.die("cannot make %s", kit.bin) end
  local curl = "$(pkg-config --cflags --libs libcurl)"
  for name, libs in pairs { upstream = "-lcrypto", measure = "", rawcurl = curl, rawone = curl } do
    if not kit.compile(name, libs) then kit.die("bench/%s.c does not compile", name) end
  end
  log = assert(io.open(os.date "bench/results/%Y-%m-%d-%H%M%S.jsonl", "w"))
end


-- A measurement as a line of JSON: pairs of a key and a value.
function kit.log(...)
  local parts = {}
  for i = 1, select("#", ...), 2 do
    local key, value = select(i, ...)
    parts[#parts + 1] = ('"%s":%s'):format(key,
      type(value) == "string" and '"' .. value .. '"' or ("%.9g"):format(value))
  end
  log:write("{", table.concat(parts, ","), "}\n")
  log:flush()
end


---- contestants ----------------------------------------------------------

local function lua(name)
  local module = kit.build .. "/" .. name
  if not kit.works(name .. " -v") then return nil, name .. " is not installed" end
  if not kit.exists(module .. "/fal.so") then return nil, "not built: make module LUA=" .. name end
  return name .. " bench/fal.lua", ("LUA_CPATH='%s/?.so' LUA_PATH="):format(module)
end


-- The folder that has the official client, installed when it is not there.
function kit.node()
  local folder = kit.bin .. "/node"
  if not kit.works "node --version" then return nil, "node is not installed" end
  local install = ("mkdir -p %s && cd %s && echo '{\"private\":true}' > package.json"):format(folder, folder)
    .. " && npm install --no-audit --no-fund ws@8.18.3 " .. NODE_CLIENT
  if not kit.exists(folder .. "/node_modules/@fal-ai/client/package.json") and not kit.works(install) then
    return nil, "npm could not install " .. NODE_CLIENT
  end
  return folder
end


local function js()
  local folder, why = kit.node()
  if not folder then return nil, why end
  return "node bench/js.mjs", ("FAL_BENCH_NODE=$(cd %s && pwd)"):format(folder)
end


function kit.falua()
  local path = kit.build .. "/falua"
  if not kit.exists(path) then return nil, "not built: make" end
  return path
end


kit.rawcurl = { name = "rawcurl", make = function () return kit.bin .. "/rawcurl" end }
kit.rawone = { name = "rawcurl", make = function () return kit.bin .. "/rawone" end }
kit.lua54 = { name = "lua5.4", make = function () return lua "lua5.4" end }
kit.luajit = { name = "luajit", make = function () return lua "luajit" end }
kit.js = { name = "@fal-ai/client", make = js, every = 2 }


-- Those that are there and wanted, with their commands.
function kit.contestants(list)
  local found = {}
  for _, c in ipairs(list) do
    if next(wanted_names) == nil or wanted_names[c.name] then
      local command, note = c.make()
      if command then found[#found + 1] = { name = c.name, command = command, env = note or "", every = c.every or 1 }
      else kit.say("%s is left out: %s", c.name, note) end
    end
  end
  return found
end


---- measuring ------------------------------------------------------------

kit.pinned = kit.works "taskset -c 0 true && taskset -c 1 true"


function kit.on_cpu(n, command)
  return kit.pinned and ("taskset -c %d %s"):format(n, command) or command
end


-- Runs one driver; nil when it failed.
local function measure(what, name, env, command)
  local text = kit.output(("ulimit -n 8192 2>/dev/null; %s %s"):format(env, kit.on_cpu(0, command))) or ""
  local n, wall, cpu, hwm = text:match "ops=(%d+) wall=(%S+) cpu=(%S+) hwm=(%d+)"
  if not n then
    kit.say("%s failed at: %s", name, what)
    return nil
  end
  kit.log("what", what, "name", name, "ops", tonumber(n), "wall_s", tonumber(wall), "cpu_s", tonumber(cpu),
    "hwm_kb", tonumber(hwm))
  return { wall = wall / n, cpu = cpu / n, hwm = hwm / 1024 }
end


-- Round robin, so that a noisy moment hits everybody; the least of the rounds
-- counts, and the most memory. Who is slow takes part in every second.
function kit.compare(what, list, command_of)
  local best = {}
  for round = 1, #list > 0 and kit.rounds or 0 do
    kit.say("%s, round %d of %d", what, round, kit.rounds)
    for _, c in ipairs(list) do
      local m = (round - 1) % c.every == 0 and measure(what, c.name, c.env, command_of(c))
      local b = best[c.name]
      if m and b then
        b.cpu, b.wall, b.hwm = math.min(b.cpu, m.cpu), math.min(b.wall, m.wall), math.max(b.hwm, m.hwm)
      elseif m then best[c.name] = m end
    end
  end
  return best
end


-- A table of 'figure' (cpu or wall) in units of 1/scale seconds, beside the
-- contestant 'base'.
function kit.report(title, list, best, base, unit, scale, figure)
  if #list == 0 then return end
  print(("\n**%s**\n\n| | %s | × %s | memory, MB |\n|---|---:|---:|---:|"):format(title, unit, base))
  for _, c in ipairs(list) do
    local m, b = best[c.name], best[base]
    if m then
      print(("| %s | %.2f | %s | %.1f |"):format(c.name, m[figure] * scale,
        b and ("%.2f"):format(m[figure] / b[figure]) or "-", m.hwm))
    end
  end
end


-- The fixed server: its URL, and what keeps it alive until it is closed.
function kit.upstream()
  local p = io.popen("exec " .. kit.on_cpu(1, kit.bin .. "/upstream"))
  local port = p:read "n"
  if not port then kit.die "the upstream does not start" end
  return ("http://127.0.0.1:%d"):format(port), p
end


-- The line that says where and with what.
function kit.machine()
  local cpu = kit.output "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1" or "?"
  local versions = {}
  for _, command in ipairs { "curl --version | cut -d' ' -f1-4 | head -n 1", "lua5.4 -v 2>&1 | cut -d' ' -f1-2",
                             "luajit -v 2>&1 | cut -d' ' -f1-2", "echo node $(node --version)" } do
    versions[#versions + 1] = kit.output(command)
  end
  print(("%s; %s, %s CPUs; %s; client %s"):format(os.date "%Y-%m-%d", cpu, kit.output "nproc" or "?",
    table.concat(versions, ", "), kit.pinned and "on CPU 0, server on CPU 1" or "not pinned"))
end


return kit
