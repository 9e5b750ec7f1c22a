-- client.lua -- the tables of the client: against raw libcurl in C, the curl
-- command and the official client, at one fixed server

local kit = require "kit"

local client = {}


-- A table: every contestant does n of what 'mode' says, 'figure' of it counts.
local function bench(title, first, mode, n, in_flight, unit, scale, env)
  local list = kit.contestants { first, kit.lua54, kit.luajit, kit.js }
  local best = kit.compare(title, list, function (c)
    return ("env %s %s %s %d %d %s"):format(env or "", c.command, mode, n, in_flight, client.url)
  end)
  kit.report(title, list, best, "rawcurl", unit, scale, "cpu")
end


function client.run()
  for _, t in ipairs {
    { "run", 1, "one at a time" }, { "run", 100, "100 in flight" }, { "run", 1000, "1,000 in flight" },
    { "wait", 1000, "1,000 in flight, the server takes 100 ms" },
  } do
    bench(("%d calls, %s"):format(kit.ops, t[3]), kit.rawcurl, t[1], kit.ops, t[2], "CPU µs/call", 1e6)
  end
end


local function falua()
  local path, why = kit.falua()
  if not path then return nil, why end
  return path .. [[ -e 'local fal = require "fal"; fal.config { base_url = "%s", credentials = "a:b" };]]
    .. [[ fal.check(fal.run("fal-ai/bench", { input = { prompt = "x" } }))']]
end


local function curl()
  if not kit.works "curl --version" then return nil, "the curl command is not installed" end
  return [[curl -s -o /dev/null -H 'Content-Type: application/json' -H 'Authorization: Key a:b' ]]
    .. [[-d '{"prompt":"x"}' %s/fal-ai/bench]]
end


function client.start()
  local list = kit.contestants {
    { name = "curl", make = curl }, { name = "falua", make = falua }, kit.rawcurl, kit.lua54, kit.luajit, kit.js,
  }
  local best = kit.compare("start-up", list, function (c)
    local command = c.command:find "%%s" and c.command:format(client.url) or c.command .. " once 1 1 " .. client.url
    return ("%s/measure %d %s"):format(kit.bin, kit.starts, command)
  end)
  for _, m in pairs(best) do m.cpu, m.wall = m.cpu * kit.starts, m.wall * kit.starts end
  kit.report("Start-up to first answer, from exec to exit", list, best, "curl", "CPU ms", 1e3, "cpu")
  kit.report("The same by the clock", list, best, "curl", "ms", 1e3, "wall")
end


-- How many requests one job takes.
local function requests_per_job(c, mode, jobs)
  local function count() return tonumber(kit.output("curl -s " .. client.url .. "/count")) end
  local before = count()
  kit.works(("ulimit -n 8192; env %s %s %s %d %d %s"):format(c.env, c.command, mode, jobs, jobs, client.url))
  return ("%s %.2f"):format(c.name, (count() - 1 - before) / jobs)
end


-- Cold, as a script is that makes its jobs and ends.
function client.subscribe()
  local jobs = 1000
  for _, t in ipairs { { "subscribe", "status every 100 ms" }, { "follow", "status stream" } } do
    bench(("%d jobs at once, cold: submit, %s, result"):format(jobs, t[2]), kit.rawcurl, t[1], jobs, jobs,
      "CPU µs/job", 1e6)
    local counts = {}
    for i, c in ipairs(kit.contestants { kit.rawcurl, kit.lua54, kit.js }) do
      counts[i] = requests_per_job(c, t[1], jobs)
    end
    print("\nRequests for one job: " .. table.concat(counts, ", ") .. ".")
  end
end


-- The parser alone, from memory: millions of events a second.
local function parser()
  local made = kit.compile("sse", ("-Isrc/core %s/libfal.a $(pkg-config --libs libcurl) -lcrypto"):format(kit.build))
  local best = 0
  for _ = 1, made and kit.rounds or 0 do
    local rate = tonumber(kit.output(kit.on_cpu(0, kit.bin .. "/sse")))
    best = math.max(best, rate or 0)
  end
  if best == 0 then return kit.say "the parser of events is left out: bench/sse.c does not compile" end
  kit.log("what", "sse parser", "name", "libfal", "events_per_s", best * 1e6)
  print(("\nThe parser of libfal alone (`sse.c`), from memory: %.1f million events per CPU second."):format(best))
end


function client.events()
  local n = kit.ops * 100 // 512 * 512
  bench(("%d events of one stream, as fast as they come"):format(n), kit.rawone, "events", n, 1, "CPU µs/event", 1e6)
  parser()
end


function client.socket()
  bench(("%d round trips over a WebSocket, one after the other"):format(kit.ops), kit.rawone, "socket", kit.ops, 1,
    "CPU µs/round trip", 1e6)
end


function client.picture()
  local folder = kit.works "test -w /dev/shm" and "/dev/shm" or kit.bin
  bench(("%d results with 1 MiB inline, each decoded to a file"):format(kit.ops // 50), kit.rawone, "picture",
    kit.ops // 50, 1, "CPU ms/result", 1e3, ("BENCH_OUT=%s/fal-bench-picture"):format(folder))
  os.remove(folder .. "/fal-bench-picture")
end


-- A file of 1 GiB, made of nothing; it stays in the page cache.
function client.upload()
  local file = kit.bin .. "/upload.bin"
  local function once()
    return ("%s/measure 1 curl -s -o /dev/null -H Expect: -H 'Content-Type: application/octet-stream' -T %s %s/put")
      :format(kit.bin, file, client.url)
  end
  if not kit.works("head -c 1073741824 /dev/zero > " .. file) then
    return kit.say "upload is left out: the disk is full"
  end
  local title = "Upload of 1 GiB"
  local list = kit.contestants { { name = "curl -T", make = once }, kit.lua54, kit.luajit, kit.js }
  local best = kit.compare(title, list, function (c)
    if c.name == "curl -T" then return c.command end
    return ("env BENCH_FILE=%s %s upload 1 1 %s"):format(file, c.command, client.url)
  end)
  os.remove(file)
  kit.report(title .. ", by the clock", list, best, "curl -T", "s", 1, "wall")
  kit.report(title .. ", CPU", list, best, "curl -T", "s", 1, "cpu")
end


-- Jobs from a file, each submitted, waited for and fetched, its picture to a
-- file; what is kept besides by us is in brackets.
function client.batch()
  local folder = kit.works "test -w /dev/shm" and "/dev/shm" or kit.bin
  local rows, out = kit.bin .. "/jobs.jsonl", folder .. "/fal-bench-batch"
  local function jobs(n)
    local f = assert(io.open(rows, "w"))
    for i = 1, n do f:write(('{"prompt":"a lighthouse, picture %d of many","seed":%d}\n'):format(i, i)) end
    f:close()
  end
  for _, n in ipairs { kit.ops // 10, kit.ops } do
    jobs(n)
    local list = {}
    local function add(who, kept)
      local ours = kit.contestants({ who })[1]
      if ours then
        list[#list + 1] = {
          name = kept == "" and ours.name or ("%s (%s)"):format(ours.name, kept), command = ours.command,
          env = ("BENCH_KEEP='%s' %s"):format(kept, ours.env), every = 1,
        }
      end
    end
    for _, kept in ipairs { "", "journal", "journal, cache" } do add(kit.lua54, kept) end
    add(kit.luajit, "journal")
    list[#list + 1] = kit.contestants({ kit.js })[1]
    local title = ("A batch of %d jobs, 64 in flight"):format(n)
    local best = kit.compare(title, list, function (c)
      return ("sh -c 'rm -rf %s; mkdir %s; BENCH_FILE=%s BENCH_OUT=%s exec %s batch %d 64 %s'"):format(out, out, rows,
        out, c.command, n, client.url)
    end)
    kit.report(title, list, best, kit.js.name, "CPU ms/job", 1e3, "cpu")
    print ""
    for _, c in ipairs(list) do
      if best[c.name] then print(("%s: %.0f jobs a second."):format(c.name, 1 / best[c.name].wall)) end
    end
  end
  kit.works(("rm -rf %s %s"):format(out, rows))
end


return client
