-- serve.lua -- the tables of 'falua serve': against nginx and a bare server on
-- Node. The server is on CPU 1 with all its processes, who asks on CPU 0; what
-- counts is the CPU of the server.

local kit = require "kit"

local serve = {}

local SECONDS = 2


---- servers ---------------------------------------------------------------

local function field(path, pattern)
  local f = io.open(path)
  local text = f and f:read "a" or ""
  if f then f:close() end
  return text:match(pattern)
end


-- A process and those it started: their ids.
local function family(pid, list)
  list = list or {}
  list[#list + 1] = pid
  local children = kit.output(("cat /proc/%d/task/*/children 2>/dev/null"):format(pid)) or ""
  for child in children:gmatch "%d+" do family(tonumber(child), list) end
  return list
end


-- Their CPU seconds so far.
local function cpu_of(pid)
  local ticks = 0
  for _, one in ipairs(family(pid)) do
    local user, system = field(("/proc/%d/stat"):format(one), "%)%s+%S" .. ("%s+%S+"):rep(10) .. "%s+(%d+)%s+(%d+)")
    ticks = ticks + (user or 0) + (system or 0)
  end
  return ticks / 100
end


-- In megabytes: what it holds now, and the most it ever held.
local function memory_of(pid)
  local path = ("/proc/%d/status"):format(pid)
  return (field(path, "VmRSS:%s*(%d+)") or 0) / 1024, (field(path, "VmHWM:%s*(%d+)") or 0) / 1024
end


-- Starts a command that says on its output where it listens: { pid =, url = }.
local function start(command, pattern)
  local p = io.popen(("echo $$; exec %s 2>/dev/null"):format(kit.on_cpu(1, command)))
  local pid = p:read "n"
  local line
  repeat
    line = p:read "l"
    local where = line and line:match(pattern)
    if where then return { pid = pid, pipe = p, url = where:find "^http" and where or "http://127.0.0.1:" .. where } end
  until not line
  kit.say("%s does not start", command)
end


local function stop(server)
  kit.works("kill " .. server.pid)
  server.pipe:close()
end


local function falua(options)
  local path, why = kit.falua()
  if not path then return kit.say("falua is left out: %s", why) end
  return start(("%s serve --listen 127.0.0.1:0 --apps bench/apps %s"):format(path, options or ""),
    "^listening on (http://%S+)")
end


local function node()
  local folder, why = kit.node()
  if not folder then return kit.say("Node is left out: %s", why) end
  return start(("env FAL_BENCH_NODE=$(cd %s && pwd) node bench/peer.mjs"):format(folder), "^(%d+)$")
end


local NGINX = [[
daemon off;
user root;
worker_processes 1;
pid %s/nginx.pid;
error_log %s/nginx.log;
events { worker_connections 2048; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path %s/nginx-body;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:%d;
    location / { default_type application/json; return 200 '%s'; }
    location /files/ { root %s; dav_methods PUT; create_full_put_path on; }
  }
}
]]

-- nginx cannot pick a port: one that is free now.
local function free_port()
  local p = io.popen(kit.bin .. "/upstream")
  local port = p:read "n"
  p:close()
  return port
end


local function nginx(body)
  if not kit.works "command -v nginx" then return kit.say "nginx is left out: it is not installed" end
  local folder, port = kit.output("cd " .. kit.bin .. " && pwd"), free_port()
  local f = assert(io.open(folder .. "/nginx.conf", "w"))
  f:write(NGINX:format(folder, folder, folder, port, body or "{}", folder))
  f:close()
  local command = ("sh -c 'echo %d; exec nginx -e %s/nginx.log -c %s/nginx.conf'"):format(port, folder, folder)
  local server = start(command, "^(%d+)$")
  for _ = 1, 200 do
    if server and kit.works("curl -s -o /dev/null " .. server.url) then return server end
    kit.works "sleep 0.05"
  end
  if server then stop(server) end
  kit.say "nginx is left out: it does not answer (build/bench/nginx.log)"
end


---- short calls -----------------------------------------------------------

-- One run of wrk: requests, CPU seconds of the server, seconds; nil when one
-- failed.
local function wrk(server, path, connections)
  local before = cpu_of(server.pid)
  local text = kit.output(kit.on_cpu(0, ("wrk -t1 -c%d -d%ds -s bench/post.lua %s%s")
    :format(connections, SECONDS, server.url, path))) or ""
  local n, errors, us = text:match "requests=(%d+) errors=(%d+) us=(%d+)"
  if errors ~= "0" or n == "0" then return nil end
  return tonumber(n), cpu_of(server.pid) - before, us / 1e6
end


-- A round for each server by turns, f(server) -> operations, CPU seconds of the
-- server, seconds; the best of the rounds counts.
local function rounds(what, servers, f)
  local best = {}
  for round = 1, kit.rounds do
    kit.say("%s, round %d", what, round)
    for _, s in ipairs(servers) do
      local n, cpu, wall = f(s)
      if n then
        kit.log("what", what, "name", s.name, "ops", n, "cpu_s", cpu, "wall_s", wall)
        local b = best[s.name] or { cpu = math.huge, rate = 0 }
        best[s.name] = { cpu = math.min(b.cpu, cpu / n), rate = math.max(b.rate, n / wall) }
      else
        kit.say("%s failed at: %s", s.name, what)
      end
    end
  end
  return best
end


local function table_of(title, unit, servers, best, base)
  print(("\n**%s**\n\n| | server's CPU, µs/%s | × %s | %ss/s | memory, MB |\n|---|---:|---:|---:|---:|")
    :format(title, unit, base, unit))
  for _, s in ipairs(servers) do
    local m, b = best[s.name], best[base]
    if m then
      local _, most = memory_of(s.pid)
      print(("| %s | %.1f | %s | %.0f | %.1f |"):format(s.name, m.cpu * 1e6,
        b and ("%.2f"):format(m.cpu / b.cpu) or "-", m.rate, most))
    end
  end
end


-- Servers that run, with names; all are stopped in the end.
local function with(list, f)
  local servers = {}
  for _, s in ipairs(list) do
    if s.server then
      s.server.name, s.server.path = s.name, s.path
      servers[#servers + 1] = s.server
    end
  end
  f(servers)
  for _, server in ipairs(servers) do stop(server) end
end


local function fixed_body(server)
  return kit.output(([[curl -s -X POST -H 'Content-Type: application/json' -H 'Authorization: Key a:b' -d '{}' ]]
    .. "%s/bench/fixed"):format(server.url))
end


function serve.sync()
  if not kit.works "command -v wrk" then return kit.say "short calls are left out: wrk is not installed" end
  local ours = falua()
  if not ours then return end
  local list = {
    { name = "nginx return 200", path = "/", server = nginx(fixed_body(ours)) },
    { name = "Node http", path = "/", server = node() },
    { name = "falua serve, an endpoint in Lua", path = "/bench/fixed", server = ours },
  }
  with(list, function (servers)
    local best = rounds("calls by 64 connections", servers, function (s) return wrk(s, s.path, 64) end)
    table_of("Calls by 64 connections (wrk), a fixed result", "request", servers, best, "nginx return 200")
  end)
end


---- the queue -------------------------------------------------------------

local function drive(server, mode, n, in_flight)
  local before = cpu_of(server.pid)
  local text = kit.output(("ulimit -n 8192; %s"):format(kit.on_cpu(0, ("%s/rawcurl %s %d %d %s bench/fixed")
    :format(kit.bin, mode, n, in_flight, server.url)))) or ""
  local ops, wall = text:match "ops=(%d+) wall=(%S+)"
  return tonumber(ops or 0), tonumber(wall or 1), cpu_of(server.pid) - before
end


function serve.queue()
  local data = kit.bin .. "/queue-data"
  kit.works("rm -rf " .. data)
  local server = falua("--data " .. data)
  if not server then return end
  print "\n**The queue, durable (`--data` on a disk), an endpoint in Lua behind it**\n"
  print "| | a second | server's CPU, µs each |\n|---|---:|---:|"
  for _, t in ipairs {
    { "submits, 256 in flight, while they are run", "submit", 256 },
    { "jobs (submit, status every 100 ms, result), 500 in flight", "subscribe", 500 },
  } do
    local rate, cost = 0, math.huge
    for round = 1, kit.rounds do
      kit.say("%s, round %d", t[1], round)
      local n, wall, cpu = drive(server, t[2], kit.ops, t[3])
      if n > 0 then
        kit.log("what", t[1], "name", "falua serve", "ops", n, "wall_s", wall, "cpu_s", cpu)
        rate, cost = math.max(rate, n / wall), math.min(cost, cpu / n)
      end
    end
    print(("| %s | %.0f | %.1f |"):format(t[1], rate, cost * 1e6))
  end
  stop(server)
  kit.works("rm -rf " .. data)
end


local IDLE = [[
local fal = require "fal"
fal.config { base_url = "%s", credentials = "a:b", max_connections = 2000 }
local h = fal.check(fal.queue.submit("bench/slow", { input = {} }))
local other = fal.check(fal.queue.submit("bench/slow", { input = {} }))
local seen = 0
for i = 1, %d do
  fal.async(function ()
    local first = true
    for event in other:events { timeout = 600 } do
      if first then seen, first = seen + 1, false end
    end
  end)
end
while seen < %d do fal.sleep(0.05) end
print "ready"
io.stdout:flush()
fal.sleep(600)
]]

-- What a status stream costs that has nothing to say.
function serve.idle()
  local n = 1000
  local server = falua()
  if not server then return end
  kit.works("curl -s -o /dev/null " .. server.url)
  local script = kit.bin .. "/idle.lua"
  local f = assert(io.open(script, "w"))
  f:write(IDLE:format(server.url, n, n))
  f:close()
  local before = memory_of(server.pid)
  local client = start(("sh -c 'ulimit -n 8192; exec %s %s'"):format(kit.falua(), script), "^(ready)$")
  if client then
    local after = memory_of(server.pid)
    kit.log("what", "idle status streams", "name", "falua serve", "streams", n, "kb", (after - before) * 1024)
    print(("\n%d idle status streams: %.1f KB of the server's memory each."):format(n, (after - before) * 1024 / n))
    stop(client)
  end
  stop(server)
end


---- files -----------------------------------------------------------------

local function timed(command, server)
  local before = cpu_of(server.pid)
  local text = kit.output(("%s/measure 1 %s"):format(kit.bin, kit.on_cpu(0, command))) or ""
  return tonumber(text:match "wall=(%S+)" or 0), cpu_of(server.pid) - before
end


-- Where a file may be put, and where it is then.
local function place(server)
  if server.name == "nginx" then return server.url .. "/files/big", server.url .. "/files/big" end
  local text = kit.output(([[curl -s -X POST -H 'Authorization: Key a:b' -H 'Content-Type: application/json' ]]
    .. [[-d '{"content_type":"application/octet-stream","file_name":"big.bin"}' ]]
    .. [['%s/rest/storage/upload/initiate?storage_type=fal-cdn-v3']]):format(server.url))
  return text:match '"upload_url":"([^"]*)"', text:match '"file_url":"([^"]*)"'
end


function serve.files()
  local file, data = kit.bin .. "/upload.bin", kit.bin .. "/file-data"
  if not kit.works("rm -rf " .. data .. "; head -c 1073741824 /dev/zero > " .. file) then
    return kit.say "files are left out: the disk is full"
  end
  local list = { { name = "nginx", server = nginx() }, { name = "falua serve", server = falua("--data " .. data) } }
  with(list, function (servers)
    local best = {}
    for round = 1, math.max(1, kit.rounds // 4) do
      kit.say("files of 1 GiB, round %d", round)
      for _, s in ipairs(servers) do
        local put, get = place(s)
        local b = best[s.name] or { up = math.huge, down = math.huge, up_cpu = math.huge, down_cpu = math.huge }
        best[s.name] = b
        local wall, cpu = timed(("curl -sf -o /dev/null -H Expect: -H 'Content-Type: application/octet-stream' "
          .. "-T %s '%s'"):format(file, put), s)
        b.up, b.up_cpu = math.min(b.up, wall), math.min(b.up_cpu, cpu)
        wall, cpu = timed(("curl -sf -o /dev/null '%s'"):format(get), s)
        b.down, b.down_cpu = math.min(b.down, wall), math.min(b.down_cpu, cpu)
        kit.log("what", "1 GiB", "name", s.name, "up_s", b.up, "down_s", b.down)
        kit.works("rm -rf " .. kit.bin .. "/files")
      end
    end
    print "\n**A file of 1 GiB, by curl**\n"
    print "| | up, s | server's CPU, s | down, s | server's CPU, s | memory, MB |\n|---|---:|---:|---:|---:|---:|"
    for _, s in ipairs(servers) do
      local b, _, most = best[s.name], memory_of(s.pid)
      print(("| %s | %.2f | %.2f | %.2f | %.2f | %.1f |"):format(s.name, b.up, b.up_cpu, b.down, b.down_cpu, most))
    end
  end)
  os.remove(file)
  kit.works("rm -rf " .. data)
end


---- realtime, pictures ----------------------------------------------------

function serve.realtime()
  local list = {
    { name = "Node ws", path = "bench/echo", server = node() },
    { name = "falua serve, an endpoint in Lua", path = "bench/echo", server = falua() },
  }
  with(list, function (servers)
    local best = rounds("round trips over realtime", servers, function (s)
      local before = cpu_of(s.pid)
      local text = kit.output(("LUA_CPATH='%s/lua5.4/?.so' BENCH_APP=%s %s"):format(kit.build, s.path,
        kit.on_cpu(0, ("lua5.4 bench/fal.lua socket %d 1 %s"):format(kit.ops, s.url)))) or ""
      local n, wall = text:match "ops=(%d+) wall=(%S+)"
      if not n then return nil end
      return n * 1.2, cpu_of(s.pid) - before, wall * 1.2  -- with what warms it up
    end)
    table_of("Round trips over realtime, MessagePack, one after the other", "round trip", servers, best, "Node ws")
  end)
end


-- Pictures of a preview model, PNG and all, one after the other.
function serve.previews()
  local server = falua "--workers 1"
  if not server then return end
  local best = 0
  for round = 1, kit.rounds do
    kit.say("previews, round %d", round)
    local n, cpu = wrk(server, "/fal-ai/flux/schnell", 2)
    if n then
      kit.log("what", "previews 1024 x 768", "name", "falua serve", "ops", n, "cpu_s", cpu)
      best = math.max(best, n / cpu)
    end
  end
  print(("\nPictures of a preview model, 1024 x 768 as PNG (`fal-ai/flux/schnell`): %.1f a CPU second."):format(best))
  stop(server)
end


return serve
