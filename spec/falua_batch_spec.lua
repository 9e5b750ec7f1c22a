-- falua batch, from outside: options, output, exit codes, Ctrl-C.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"


describe("falua batch", function ()
  local folder

  local function write(name, text)
    local f = assert(io.open(folder .. "/" .. name, "wb"))
    f:write(text)
    f:close()
  end

  -- Output and exit code of falua batch, in 'folder', against the fault server.
  local function batch(args)
    local falua = FALUA:find "^/" and FALUA or '"$OLDPWD"/' .. FALUA
    if not args:find "%-%-progress" then args = args .. " --progress=none" end
    return child.sh(("cd %s && env -u FAL_LOCAL FAL_BASE_URL=%s FAL_KEY=a:b XDG_CACHE_HOME=%s/cache %s batch %s")
      :format(folder, server.url, folder, falua, args))
  end

  before_each(function ()
    server.forget()
    folder = server.folder()
    write("prompts.txt", "a kite\na boat\n")
  end)
  after_each(function () server.remove_folder(folder) end)

  it("makes the pictures of a file, and nothing the second time", function ()
    local out, code = batch "q/picture prompts.txt -o 'out/{index}-{slug}.png' --report out/sheet.html"
    assert.equal(0, code, out)
    assert.truthy(out:find "^2 of 2 done\ncost %$0.02 in ", out)
    assert.same({ "1-a-kite.png", "2-a-boat.png", "batch.journal", "sheet.html" }, server.list(folder .. "/out"))
    assert.equal(2, server.stats().submit)
    out, code = batch "q/picture prompts.txt -o 'out/{index}-{slug}.png' --json"
    assert.equal(0, code)
    assert.equal(2, fal.json.decode(out).skipped)
    assert.equal(2, server.stats().submit)
    assert.equal(0, select(2, batch "q/picture prompts.txt -o 'out/{index}-{slug}.png' --no-resume --limit 1"))
    assert.equal(4, server.stats().submit)
  end)

  it("gives every job the fields of the command line", function ()
    write("jobs.jsonl", '{"prompt":"a"}\n{"prompt":"b","fails":422}\n')
    local out, code = batch "q/mixed jobs.jsonl fails=500 -o 'out/{index}.png'"
    assert.equal(3, code, out)
    assert.truthy(out:find("0 of 2 done, 2 failed", 1, true), out)
    assert.equal(2, server.stats().submit)
    assert.equal(3, select(2, batch "q/mixed jobs.jsonl -o 'out/{index}.png' fails=500"))
    assert.equal(2, server.stats().submit)
    assert.equal(3, select(2, batch "q/mixed jobs.jsonl -o 'out/{index}.png' fails=500 --retry-errors"))
    assert.equal(4, server.stats().submit)
  end)

  it("says what it would do, and keeps to its budget", function ()
    local out, code = batch "q/picture prompts.txt --dry-run"
    assert.equal(0, code, out)
    assert.truthy(out:find("2 jobs: 2 to do", 1, true), out)
    assert.truthy(out:find("would cost about $0.02", 1, true), out)
    assert.same({ "prompts.txt" }, server.list(folder), "nothing is written")
    out, code = batch "q/picture prompts.txt -o 'out/{index}.png' --budget '$0.015'"
    assert.equal(3, code, out)
    assert.truthy(out:find("1 not started", 1, true), out)
    assert.truthy(out:find("stopped: ", 1, true), out)
    assert.equal(1, server.stats().submit)
  end)

  it("tells how far it is: lines for people, and for programs", function ()
    local command = "q/picture prompts.txt -o 'out/{index}.png' --limit 1 --progress="
    local out, code = batch(command .. "plain")
    assert.equal(0, code, out)
    assert.truthy(out:find("a kite: IN_QUEUE\n", 1, true), out)
    assert.truthy(out:find("a kite: done out/1.png (1 of 2)\n", 1, true), out)
    assert.truthy(out:find("a boat: done out/2.png (2 of 2)\n2 of 2 done\n", 1, true), out)
    write("prompts.txt", "a kite\na boat\na hill\n")
    out = batch(command .. "plain")
    assert.is_nil(out:find("a kite", 1, true), "what was done before is a number")
    out = batch(command .. "jsonl 2>&1 >report")
    local last
    for line in out:gmatch "[^\n]+" do
      local event, err = fal.json.decode(line)
      if line:sub(1, 1) == "{" then last = assert(event, tostring(err)) end
    end
    assert.same({ "a hill", 3, "skipped", true, 0, 3, 3, 3 }, {
      last.job, last.index, last.status, last.ok, last.done, last.skipped, last.ended, last.total,
    })
    os.remove(folder .. "/out/batch.journal")
    out = batch(command .. "kv --budget 0.015")
    assert.truthy(out:find('job="a kite" index=1 status=done ok=true text=out/1%-2%.png seconds=%S+ done=1 failed=0 '
      .. "skipped=0 cached=0 pending=0 ended=1 total=3 cost=$0.01\n"), out)
  end)

  it("shows pictures above its display", function ()
    local out, code = batch("q/picture prompts.txt -o 'out/{index}.png' --preview=blocks --limit 1 --progress=plain")
    assert.equal(0, code, out)
    assert.truthy(out:find("\27%[38;2;[^\n]*▀[^\n]*\n[^\27]*out/1.png\n"), out)
  end)

  local rows = {
    { "q/picture prompts.txt", 2, "-o" }, { "q/picture", 2, "missing argument 'jobs'" },
    { "q/picture prompts.txt -o '{slgu}.png'", 2, "{slug}" }, { "q/picture prompts -o x.png", 2, "format" },
    { "q/picture nothing.csv -o x.png", 1, "nothing.csv" }, { "q/picture prompts.txt -o x.png --budget much", 2, "--budget" },
    { "'no id' prompts.txt -o x.png", 2, "no id" }, { "q/picture prompts.txt -o x.png =1", 2, "=1" },
  }
  for _, r in ipairs(rows) do
    it("ends with " .. r[2] .. " for: " .. r[1], function ()
      local out, code = batch(r[1])
      assert.equal(r[2], code, out)
      assert.truthy(out:find(r[4] or r[3], 1, true), out)
    end)
  end
end)


-- Six jobs, five of them at once, of an endpoint that runs two at a time, each
-- until a file is there. It notes whom it has run.
describe("falua batch, interrupted,", function ()
  local folder, daemon

  local APP = [[
    local gated = fal.app "local/gated"
    gated.input = { prompt = { type = "string" } }
    gated.limits = { concurrency = 2 }
    function gated.run(input, context)
      local runs = io.open("FOLDER/runs", "a")
      runs:write(input.prompt .. "\n")
      runs:close()
      local gate
      repeat
        fal.sleep(0.01)
        gate = io.open "FOLDER/gate"
      until gate or context.canceled()
      if not gate then return nil, context.fail(499, "canceled") end
      gate:close()
      return { images = { context.image(fal.image.new(8, 8, 3, "red")) } }
    end
    return gated]]

  local function write(name, text)
    local f = assert(io.open(folder .. "/" .. name, "wb"))
    f:write(text)
    f:close()
  end

  local function command(more)
    return ("cd %s && exec env -u FAL_LOCAL FAL_BASE_URL=%s FAL_KEY=a:b %s batch local/gated jobs.txt --limit 5 "
      .. "-o 'out/{index}.png' %s"):format(folder, daemon.url, child.quoted(FALUA:find "^/" and FALUA
      or os.getenv "PWD" .. "/" .. FALUA), more)
  end

  -- Starts it and reads its lines until two jobs run and three wait: the pipe
  -- (its last line is the exit status), its process.
  local function started()
    local p = assert(io.popen("{ sh -c " .. child.quoted("echo $$; " .. command "--progress=kv 2>&1")
      .. "; echo \"[$?]\"; }"))
    local pid, state, n = p:read "*l", {}, { IN_QUEUE = 0, IN_PROGRESS = 0 }
    repeat
      local line = assert(p:read "*l", "it ended early")
      local index, status, more = line:match "index=(%d+) status=(%u+_%u+)( ?%S*)"
      if index and (status == "IN_PROGRESS" or more:find "position") then
        if state[index] then n[state[index]] = n[state[index]] - 1 end
        state[index], n[status] = status, n[status] + 1
      end
    until n.IN_PROGRESS == 2 and n.IN_QUEUE == 3
    return p, pid
  end

  local function signal(pid, name) assert(os.execute(("kill -%s %s"):format(name, pid))) end

  before_each(function ()
    folder = server.folder()
    assert(os.execute("mkdir " .. folder .. "/apps"))
    write("apps/gated.lua", (APP:gsub("FOLDER", folder)))
    write("jobs.txt", "one\ntwo\nthree\nfour\nfive\nsix\n")
    daemon = serve.start("--apps " .. folder .. "/apps --data " .. folder .. "/data")
  end)

  after_each(function ()
    daemon:stop()
    server.remove_folder(folder)
  end)

  -- Run again with the gate open: every picture is there, every job was run once.
  local function finishes()
    write("gate", "")
    local out, code = child.sh("(" .. command "--progress=none" .. ")")
    assert.equal(0, code, out)
    assert.truthy(out:find("^6 of 6 done\n"), out)
    assert.same({ "1.png", "2.png", "3.png", "4.png", "5.png", "6.png", "batch.journal" }, server.list(folder .. "/out"))
    local runs = {}
    for prompt in server.read(folder .. "/runs"):gmatch "%a+" do runs[prompt] = (runs[prompt] or 0) + 1 end
    assert.same({ one = 1, two = 1, three = 1, four = 1, five = 1, six = 1 }, runs)
  end

  it("cancels what waits, leaves what runs to the next one", function ()
    local p, pid = started()
    signal(pid, "INT")
    local out = p:read "*a"
    p:close()
    assert.truthy(out:find("\n0 of 6 done, 2 still pending, 4 not started\n", 1, true), out)
    assert.is_nil(out:find("\njob %d+: "), "no failures are listed")
    assert.truthy(out:find("interrupted; the same command goes on where it was\n[130]\n", 1, true), out)
    finishes()
  end)

  it("leaves at once the second time", function ()
    local p, pid = started()
    signal(daemon.pid, "STOP")   -- nobody answers whether a job waits
    signal(pid, "INT")
    local line
    repeat line = assert(p:read "*l", "it has not waited") until line:find "canceling what waits"
    signal(pid, "INT")
    assert.equal("falua: interrupted\n[130]\n", (p:read "*a"))
    p:close()
    signal(daemon.pid, "CONT")
    finishes()
  end)
end)
