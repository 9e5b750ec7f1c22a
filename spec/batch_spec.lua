-- Batches: every job once, whatever happens meanwhile.

local fal = require "fal"
local child = require "spec.support.child"
local core = require "fal.core"
local server = require "spec.support.server"

local RETRY = { max = 2, base_delay = 0.01, max_delay = 0.05 }


describe("fal.batch", function ()
  local folder

  local function client(opt)
    opt = opt or {}
    opt.base_url, opt.credentials, opt.retry = server.url, "id:secret", RETRY
    opt.prices = opt.prices or {
      ["q/picture"] = { unit_price = 0.01, unit = "images" }, ["q/mixed"] = { unit_price = 0.25, unit = "images" },
      ["q/quick"] = 1,
    }
    return fal.client(opt)
  end

  -- A batch of q/picture, its files in 'folder'.
  local function options(more)
    local opt = {
      endpoint = "q/picture", jobs = { { prompt = "a kite" }, { prompt = "a boat" }, { prompt = "a hill" } },
      out = folder .. "/out/{index}-{slug}.png", journal = folder .. "/batch.journal", poll_interval = 0.1,
    }
    for name, value in pairs(more or {}) do opt[name] = value ~= "none" and value or nil end
    if more and more.resume == false then opt.resume = false end
    return opt
  end

  local function run(more, c) return assert((c or client()):batch(options(more))) end

  local function submits()
    local by_prompt, n = {}, 0
    for _, r in ipairs(server.log()) do
      if r.kind == "submit" and r.rid then
        local prompt = fal.json.decode(r.body).prompt
        by_prompt[prompt] = (by_prompt[prompt] or 0) + 1
        n = n + 1
      end
    end
    return n, by_prompt
  end

  before_each(function ()
    server.forget()
    folder = server.folder()
  end)
  after_each(function () server.remove_folder(folder) end)

  local ALL = { "1-a-kite.png", "2-a-boat.png", "3-a-hill.png" }

  it("makes every picture, and tells what it cost", function ()
    local report = run()
    assert.equal(3, report.done)
    assert.equal(3, report.total)
    assert.equal(0, report.failed + report.skipped + report.cached + report.pending + report.left)
    assert.equal("$0.03", tostring(report.cost))
    assert.equal("0.03", tostring(report.cost.exact))
    assert.same(ALL, server.list(folder .. "/out"))
    for i, job in ipairs(report.jobs) do
      assert.equal(i, job.index)
      assert.equal("done", job.state)
      assert.same({ folder .. "/out/" .. ALL[i] }, job.files)
      assert.equal("0.01", job.cost)
      assert.equal(7, job.seed)
    end
    assert.equal("a boat", fal.image.info(folder .. "/out/2-a-boat.png").text.prompt)
    assert.truthy(tostring(report):find("3 of 3 done\ncost $0.03 in", 1, true), tostring(report))
  end)

  it("started again does nothing", function ()
    run()
    server.forget()
    local report = run()
    assert.equal(3, report.skipped)
    assert.equal(0, report.done)
    assert.equal(0, (submits()))
    assert.equal("skipped", report.jobs[2].state)
    assert.same({ folder .. "/out/2-a-boat.png" }, report.jobs[2].files)
    assert.truthy(tostring(report):find("3 of 3 done, 3 before", 1, true))
    assert.equal(3, run({ resume = false }).done)
    assert.equal(3, (submits()))
  end)

  it("knows jobs by what they are, not by where they stand", function ()
    run()
    server.forget()
    local report = run { jobs = { { prompt = "new" }, { prompt = "a boat" }, { prompt = "a kite" }, { prompt = "a boat" } } }
    assert.equal(2, report.skipped)
    assert.equal(2, report.done)
    local _, by = submits()
    assert.same({ new = 1, ["a boat"] = 1 }, by)   -- the second boat is one more
    assert.equal("4-a-boat.png", server.list(folder .. "/out")[5])
  end)

  it("fetches again what somebody has removed, without paying", function ()
    run()
    os.remove(folder .. "/out/2-a-boat.png")
    server.forget()
    local report = run()
    assert.equal(1, report.done)
    assert.equal(2, report.skipped)
    assert.equal(0, (submits()))
    assert.same(ALL, server.list(folder .. "/out"))
  end)

  it("overwrites nothing: a name that is taken gets a number", function ()
    run { out = folder .. "/out/x.png", jobs = { { prompt = "a" }, { prompt = "b" }, { prompt = "c" } } }
    assert.same({ "x-2.png", "x-3.png", "x.png" }, server.list(folder .. "/out"))
  end)

  it("takes rows of files, functions and plain prompts", function ()
    assert(core.write(folder .. "/p.csv", "prompt,seed\na,1\nb,2\n", true))
    assert.equal(2, run({ jobs = fal.check(fal.rows(folder .. "/p.csv")), journal = "none" }).done)
    assert.equal(2, run({ jobs = folder .. "/p.csv", journal = "none" }).done)
    assert.equal(2, run({ jobs = { "c", "d" }, journal = "none" }).done)
    local n = 0
    local report = run { journal = "none", jobs = function ()
      n = n + 1
      if n <= 3 then return { prompt = "f" .. n } end
    end }
    assert.equal(3, report.done)
    assert.equal(3, report.total)
  end)

  it("puts the batch's input under the row's, and maps rows", function ()
    run { endpoint = "q/quick", out = "none", input = { steps = 4, prompt = "x" }, jobs = { { prompt = "a" }, { steps = 8 } },
          map = function (row, i) row.n = i return row end, on_result = function (result, meta, job)
            local input = result.input
            assert.equal(job.index, input.n)
            assert.equal(job.index == 1 and "a" or "x", input.prompt)
            assert.equal(job.index == 1 and 4 or 8, input.steps)
            assert.equal(job.request_id, meta.request_id)
          end }
    assert.equal(2, (submits()))
  end)

  it("checks all rows before the first is paid", function ()
    assert(core.write(folder .. "/p.csv", 'prompt\na\n"b\n', true))
    local report, err = client():batch(options { jobs = folder .. "/p.csv" })
    assert.is_nil(report)
    assert.equal("file", err.code)
    report, err = client():batch(options { jobs = { { prompt = "a" }, { prompt = "\255" } } })
    assert.is_nil(report)
    assert.truthy(tostring(err):find("job 2", 1, true), tostring(err))
    report, err = client():batch(options { jobs = { { prompt = "a" }, { image_url = fal.file(folder .. "/none.png") } } })
    assert.is_nil(report)
    assert.truthy(tostring(err):find("job 2", 1, true), tostring(err))
    assert.equal(0, (submits()))
  end)

  it("goes on when jobs fail, and leaves them alone until told", function ()
    local jobs = { { prompt = "a" }, { prompt = "b", fails = 422 }, { prompt = "c", fails = 500 }, { prompt = "d" } }
    local report = run { endpoint = "q/mixed", jobs = jobs }
    assert.equal(2, report.done)
    assert.equal(2, report.failed)
    assert.equal("validation", report.jobs[2].error.code)
    assert.equal("0.625", tostring(report.cost.exact))   -- 422 is billed nothing
    assert.equal("0.25", tostring(report.cost.estimated))   -- 500 may be
    assert.truthy(tostring(report):find("job 3: ", 1, true))
    server.forget()
    report = run { endpoint = "q/mixed", jobs = jobs }
    assert.equal(2, report.failed)
    assert.equal(2, report.skipped)
    assert.equal(0, (submits()))
    report = run { endpoint = "q/mixed", jobs = jobs, retry_errors = true }
    assert.equal(2, report.failed)
    assert.equal(2, (submits()))
  end)

  it("stops before it passes the budget, and counts what was spent before", function ()
    local report = run { budget = 0.02 }
    assert.equal(2, report.done)
    assert.equal(1, report.left)
    assert.equal("budget", report.stopped.code)
    assert.equal(2, (submits()))
    assert.truthy(tostring(report):find("1 not started", 1, true))
    report = run { budget = "0.02" }
    assert.equal(2, report.skipped)
    assert.equal(1, report.left)
    assert.equal(2, (submits()))
    assert.equal(1, run({ budget = 0.03 }).done)
  end)

  it("does not go on with a key that is refused", function ()
    local jobs = {}
    for i = 1, 9 do jobs[i] = { prompt = "p" .. i, fails = i > 1 and 401 or nil } end
    local report = run { endpoint = "q/mixed", jobs = jobs, limit = 1 }
    assert.equal(1, report.done)
    assert.equal("auth", report.stopped.code)
    assert.equal(8, report.left)
    for i = 2, 9 do jobs[i].fails = nil end
  end)

  it("says what it would do", function ()
    run { jobs = { { prompt = "a kite" } } }
    server.forget()
    local report = run { dry_run = true }
    assert.equal(1, report.skipped)
    assert.equal(2, report.left)
    assert.equal("0.02", tostring(report.cost.estimated))
    assert.equal(0, (submits()))
    assert.truthy(tostring(report):find("3 jobs: 2 to do, 1 done before, 0 from the cache\nwould cost about $0.02", 1, true))
  end)

  it("takes what the cache has", function ()
    local cache = folder .. "/cache"
    run { cache = cache, journal = "none" }
    server.forget()
    local report = run { cache = cache, journal = "none", out = folder .. "/again/{index}.png" }
    assert.equal(3, report.cached)
    assert.equal(3, report.done)
    assert.equal("$0.00", tostring(report.cost))
    assert.equal(0, server.stats().requests)
    assert.equal(3, run({ cache = cache, fresh = true, journal = "none", out = folder .. "/fresh/{index}.png" }).done)
    assert.equal(3, (submits()))
  end)

  it("keeps to its limit", function ()
    local jobs, most = {}, 0
    for i = 1, 20 do jobs[i] = { prompt = "p" .. i } end
    run { jobs = jobs, limit = 3, on_progress = function (p) most = math.max(most, p.running) end }
    assert.equal(3, most)
  end)

  it("begins with two, widens, and narrows when it is told 429", function ()
    local jobs, widths, first = {}, {}, nil
    for i = 1, 40 do jobs[i] = { prompt = "p" .. i } end
    jobs[30].fails = "busy"
    local narrowed
    run { endpoint = "q/mixed", jobs = jobs, journal = "none", out = "none", on_progress = function (p)
      first = first or p.width
      if #widths > 0 and p.width < widths[#widths] then narrowed = true end
      widths[#widths + 1] = p.width
    end }
    assert.equal(2, first)
    assert.is_true(math.max((table.unpack or unpack)(widths)) > 4)
    assert.is_true(narrowed)
  end)

  it("puts off what is told 429, and gives up in the end", function ()
    local seen = {}
    local report = run { endpoint = "q/submit-429", jobs = { { prompt = "a" }, { prompt = "b" } }, limit = 1,
                         on_progress = function (p) seen[#seen + 1] = p.event .. (p.index or "") end }
    assert.equal("start1 again1 start2 again2 start1 again1 start2 again2 start1 again1 start2 again2 start1 again1 "
      .. "start2 again2 start1 failed1 start2 failed2 end", table.concat(seen, " "))
    assert.equal(2, report.failed)
    assert.equal(3, run({ endpoint = "q/submit-429", limit = 5 }).failed)
    assert.equal(2, run({ endpoint = "q/submit-429", jobs = { { prompt = "a" }, { prompt = "b" } } }).failed,
      "not for good: the next run tries them")
    report = run { endpoint = "q/submit-429", journal = "none", on_progress = function (p)
      if p.event == "again" then p.stop() end
    end }
    assert.equal(3, report.left)
  end)

  it("tells how it goes", function ()
    local seen, last = {}, nil
    run { on_progress = function (p)
      seen[p.event] = (seen[p.event] or 0) + 1
      if p.event == "done" then
        assert.is_string(p.files[1])
        assert.is_number(p.rate)
      end
      if p.event == "submitted" then assert.is_string(p.job.request_id) end
      last = { p.event, p.total, p.done, tostring(p.cost) }
    end }
    assert.equal(3, seen.start)
    assert.equal(3, seen.submitted)
    assert.equal(3, seen.done)
    assert.is_true(seen.status >= 3)
    assert.same({ "end", 3, 3, "$0.03" }, last)
  end)

  it("stops when its callback asks, and goes on later", function ()
    local jobs = {}
    for i = 1, 10 do jobs[i] = { prompt = "p" .. i } end
    local report = run { jobs = jobs, limit = 1, on_progress = function (p) if p.done == 2 then p.stop() end end }
    assert.equal(2, report.done)
    assert.equal(8, report.left)
    assert.equal(8, run({ jobs = jobs }).done)
    assert.equal(10, (submits()))
  end)

  it("that is canceled leaves a journal to go on with", function ()
    local c = client()
    local task = fal.async(c.batch, c, options { endpoint = "q/never" })
    server.step_until(fal.step, "status", 4)
    task:cancel()
    local report, err = task:await()
    assert.is_nil(report)
    assert.equal("canceled", err.code)
  end)

  it("passes on what a callback raises", function ()
    local ok, err = pcall(client().batch, client(), options { on_progress = function () error("mine", 0) end })
    assert.is_false(ok)
    assert.equal("mine", err)
    assert.same({}, require "fal.tasks".unobserved(), "nothing is left to be told of")
  end)

  it("follows what was submitted when it was killed", function ()
    local kite, boat
    run { jobs = { { prompt = "a kite" }, { prompt = "a boat" } }, on_progress = function (p)
      if p.event == "submitted" then
        if p.index == 1 then kite = p.job.key else boat = p.job.key end
      end
    end }
    -- a journal as it is when only the ids are known
    local lines = {}
    for line in server.read(folder .. "/batch.journal"):gmatch "[^\n]+\n" do
      if not line:find '"done"' then lines[#lines + 1] = line end
    end
    assert.is_truthy(kite and boat)
    assert(core.write(folder .. "/batch.journal", table.concat(lines), true))
    server.forget()
    local report = run()
    assert.equal(3, report.done)
    local _, by = submits()
    assert.same({ ["a hill"] = 1 }, by)
    assert.same(ALL, server.list(folder .. "/out"))   -- the kite is the same file, not a second one
  end)

  it("makes anew what a server on this machine no longer knows", function ()
    run { jobs = { { prompt = "a kite" } } }
    local journal = server.read(folder .. "/batch.journal"):gsub("[^\n]+\n", function (line)
      return line:find '"done"' and "" or nil
    end)
    journal = journal:gsub('"id":"[^"]+"', '"id":"5e0f7a52-0000-4000-8000-00000000dead"')
    assert(core.write(folder .. "/batch.journal", journal, true))
    server.forget()
    local report = run { jobs = { { prompt = "a kite" } } }
    assert.equal(1, report.done, tostring(report))
    assert.equal(1, (submits()))
  end)

  it("has its journal to itself", function ()
    local held = assert(core.lock(folder .. "/batch.journal"))
    local report, err = client():batch(options())
    assert.is_nil(report)
    assert.equal("locked", err.type)
    held:close()
    assert.equal(3, run().done)
  end)

  describe("of a job that may or may not have been submitted", function ()
    local function tried()
      run { jobs = { { prompt = "a kite" }, { prompt = "a boat" } } }
      local lines = {}
      for line in server.read(folder .. "/batch.journal"):gmatch "[^\n]+\n" do
        if line:find '"try"' then lines[#lines + 1] = line end
      end
      lines[#lines + 1] = '{"key":"half a li'
      assert(core.write(folder .. "/batch.journal", table.concat(lines), true))
      os.execute("rm -r " .. folder .. "/out")
    end

    it("asks the platform, and pays no second time", function ()
      tried()
      local report = run()
      assert.equal(3, report.done)
      local n, by = submits()
      assert.equal(3, n)
      assert.same({ ["a kite"] = 1, ["a boat"] = 1, ["a hill"] = 1 }, by)
      assert.same(ALL, server.list(folder .. "/out"))
      assert.is_true(server.stats().listed > 1)
    end)

    it("makes it when the platform has no such request", function ()
      tried()
      server.forget()
      assert.equal(3, run().done)
      assert.equal(3, (submits()))
    end)

    it("leaves it alone when nobody can tell", function ()
      tried()
      server.forget()
      local c = client { hosts = { api = server.url .. "/fault/status/404" } }
      local report = run(nil, c)
      assert.equal(1, report.done)
      assert.equal(2, report.failed)
      assert.truthy(tostring(report):find("cannot be told", 1, true), tostring(report))
      assert.equal(1, (submits()))
      assert.equal(2, run({ retry_errors = true }, c).done)
      assert.equal(3, (submits()))
    end)
  end)

  it("killed at twenty moments pays nothing twice and loses nothing", function ()
    local n = 60
    local rows = { "prompt" }
    for i = 1, n do rows[#rows + 1] = "picture number " .. i end
    assert(core.write(folder .. "/p.csv", table.concat(rows, "\n"), true))
    assert(core.write(folder .. "/run.lua", ([[
      local fal = require "fal"
      io.stdout:setvbuf "no"
      local p = io.open("/proc/self/stat")
      print(p:read "*n")
      local report = fal.check(fal.batch {
        endpoint = "q/picture", jobs = "%s/p.csv", out = "%s/out/{index}.png", journal = "%s/j", poll_interval = 0.1,
        limit = 4, on_progress = function (p) print(p.event) end,
      })
      print(("end %%d %%d"):format(report.done + report.skipped, report.total))
    ]]):format(folder, folder, folder), true))
    local command = ("env FAL_BASE_URL=%s FAL_KEY=a:b %s %s/run.lua"):format(server.url, child.lua, folder)
    local seed, kills = 42, 0
    local function random(k)
      seed = (seed * 16807) % 2147483647
      return seed % k + 1
    end
    for _ = 1, 20 do
      local p = assert(io.popen("exec " .. command))
      local pid = p:read "*n"
      p:read "*l"
      local last
      for _ = 1, random(30) do
        last = p:read "*l" or last
      end
      if not (last or ""):find "^end %d" then kills = kills + 1 end
      os.execute(("kill -9 %d 2>/dev/null"):format(pid))
      p:close()
    end
    assert.is_true(kills >= 10)
    local out = child.sh(command)
    assert.truthy(out:find(("end %d %d"):format(n, n), 1, true), out)
    local total, by = submits()
    for prompt, times in pairs(by) do assert.equal(1, times, prompt .. " was paid " .. times .. " times") end
    assert.equal(n, total)
    for i = 1, n do
      local image = assert(fal.image.open(("%s/out/%d.png"):format(folder, i)))
      assert.equal("picture number " .. i, image.text.prompt)
    end
    local whole = 0
    for _, name in ipairs(server.list(folder .. "/out")) do
      if not name:find "^%." then whole = whole + 1 end
    end
    assert.equal(n, whole)
  end)

  it("writes reports as text, JSON and a page", function ()
    run { jobs = { { prompt = "<b>&\"a\" kite" } },
          report = { folder .. "/r.txt", folder .. "/r.json", folder .. "/out/r.html" } }
    assert.truthy(server.read(folder .. "/r.txt"):find("1 of 1 done", 1, true))
    local json = fal.json.decode(server.read(folder .. "/r.json"))
    assert.equal(1, json.done)
    assert.equal("0.01", json.cost.exact)
    assert.equal("done", json.jobs[1].state)
    local page = server.read(folder .. "/out/r.html")
    assert.truthy(page:find('<p class="small">1 of 1 done</p>', 1, true), page)
    assert.truthy(page:find("&lt;b&gt;&amp;&quot;a&quot; kite", 1, true))
    assert.is_nil(page:find("<b>", 1, true))
    assert.truthy(page:find('href="1-b-a-kite.png"', 1, true), page)
    assert.truthy(page:find('src="data:image/png;base64,', 1, true))
    assert.is_nil(page:find "https?://")
  end)

  it("is misused with an explanation", function ()
    local rows_ = {
      { { endpoint = "none" }, "endpoint" }, { { jobs = "none" }, "jobs" }, { { jobs = 7 }, "jobs" }, { { limit = 0 }, "limit" },
      { { out = "{slgu}.png" }, "{slug}" }, { { endpiont = "x" }, "'endpoint'" }, { { budget = "much" }, "budget" },
      { { endpoint = "no id" }, "no id" }, { { jobs = "prompts" }, "format" },
    }
    for _, r in ipairs(rows_) do
      local ok, err = pcall(client().batch, client(), options(r[1]))
      assert.is_false(ok, r[2])
      assert.truthy(tostring(err):find(r[2], 1, true), tostring(err))
    end
  end)
end)
