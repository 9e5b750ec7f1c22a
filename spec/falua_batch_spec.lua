-- falua batch, from outside: options, output, exit codes.

local fal = require "fal"
local child = require "spec.support.child"
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
