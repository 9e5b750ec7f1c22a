-- What falua draws on a terminal, as it is seen in one: tmux is the terminal,
-- its pane is read back. The endpoint goes on when a file is there.

local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"
local LIMIT = 30   -- seconds for what is waited for to be seen

local APP = [[
  local held = fal.app "local/held"
  held.input = { prompt = { type = "string" } }
  held.limits = { concurrency = 2 }
  function held.run(input, context)
    context.log "step 3/10 of many, and they are all much alike"
    local gate
    repeat
      fal.sleep(0.01)
      gate = io.open("FOLDER/" .. input.prompt:match "%a+$")
    until gate or context.canceled()
    if gate then gate:close() end
    return { images = { context.image(fal.image.new(8, 8, 3, "red")) } }
  end
  return held]]


describe("a terminal", function ()
  local folder, daemon, tmux

  local function write(name, text)
    local f = assert(io.open(folder .. "/" .. name, "wb"))
    f:write(text)
    f:close()
  end

  setup(function ()
    folder = server.folder()
    assert(os.execute("mkdir " .. folder .. "/apps"))
    write("apps/held.lua", (APP:gsub("FOLDER", folder)))
    tmux = ("env LC_ALL=C.UTF-8 tmux -u -f /dev/null -S %s/tmux "):format(folder)
  end)

  teardown(function () server.remove_folder(folder) end)

  before_each(function ()
    write("jobs.txt", "a harbour in fog, one\na harbour in fog, two\na harbour in fog, 船 three\na hill, four\n")
    os.execute(("cd %s && rm -rf one two three four out tmux"):format(folder))
    daemon = serve.start("--apps " .. folder .. "/apps")
  end)

  after_each(function ()
    os.execute(tmux .. "kill-server 2>/dev/null")
    daemon:stop()
  end)

  -- Runs a command in a pane of so many columns.
  local function run(words, columns, env)
    local falua = child.quoted(FALUA:find "^/" and FALUA or os.getenv "PWD" .. "/" .. FALUA)
    write("run.sh", ("trap : INT\ncd %s\nseq 30; echo before\n%s FAL_BASE_URL=%s FAL_KEY=a:b HOME=%s %s %s\n"
      .. "echo \"status $?\"\nsleep 300\n"):format(folder, env or "", daemon.url, folder, falua, words))
    local out, code = child.sh(("env -u NO_COLOR -u TMUX TERM=xterm-256color %s new-session -d -x %d -y 20 "
      .. "'sh %s/run.sh'"):format(tmux, columns, folder))
    assert.equal(0, code, out)
  end

  local function pane(flags)
    return (child.sh(tmux .. "capture-pane -p " .. (flags or "")):gsub(" +\n", "\n"):gsub("\n+$", "\n"))
  end

  -- Waits until the pane shows all of the patterns: what it shows.
  local function see(...)
    local deadline = os.time() + LIMIT
    while true do
      local shown, missing = pane(), nil
      for _, pattern in ipairs { ... } do
        if not shown:find(pattern) then missing = pattern end
      end
      if not missing then return shown end
      assert(os.time() < deadline, ("'%s' is not seen in:\n%s"):format(tostring(missing), shown))
      os.execute "sleep 0.05"
    end
  end

  -- The lines below "before", which has to be there and above it the last number.
  local function below(shown)
    local lines = {}
    for line in assert(shown:match "\n30\nbefore\n(.*)$", shown):gmatch "[^\n]+" do lines[#lines + 1] = line end
    return lines
  end

  local function resize(columns)
    assert.equal(0, (select(2, child.sh(("%s resize-window -x %d"):format(tmux, columns)))))
  end

  it("shows how a batch goes, as wide as it is", function ()
    run("batch local/held jobs.txt --limit 3 -o 'out/{index}.png'", 100)
    local lines = below(see("running.-step 3/10.-running", "queued #1", "0/4"))
    assert.equal(4, #lines)
    assert.matches("^%S+ 1 a harbour in fog, one", lines[1])
    assert.matches("█.*░ step 3/10 of many, and they …$", lines[1])
    assert.matches("^░.*  0/4  %$0.00", lines[4])
    assert.matches("\27%[36m", pane "-e", nil, "colors")
    resize(30)
    lines = below(see("running  0:%d%d\n", "queued #1  0:%d%d\n", "\n0/4  %$0.00\n"))
    assert.equal(4, #lines, table.concat(lines, "\n"))
    write("one", "")
    see("\n1/4  0:%d%d left  %$0.00\n", " 4 a hill")
    resize(80)
    lines = below(see("█.-░  1/4  0:%d%d left  %$0.00  %d"))
    assert.equal(4, #lines, table.concat(lines, "\n"))
    for _, name in ipairs { "two", "three", "four" } do write(name, "") end
    lines = below(see "status 0")
    assert.same({ "4 of 4 done", "status 0" }, { lines[1], lines[3] })
    assert.equal(3, #lines, "nothing of the display is left")
  end)

  it("has a call on one line, and nothing of it at the end", function ()
    run("run local/held prompt='a lighthouse in fog, one' -o out/1.png --no-check", 90)
    local lines = below(see "running.-step 3/10")
    assert.equal(1, #lines)
    resize(30)
    lines = below(see "\n%S+ a lig.-running  0:%d%d\n")
    assert.equal(1, #lines, table.concat(lines, "\n"))
    write("one", "")
    assert.same({ "out/1.png", "status 0" }, below(see "status 0"))
  end)

  it("gets no color that NO_COLOR forbids", function ()
    run("batch local/held jobs.txt -o 'out/{index}.png'", 90, "NO_COLOR=1")
    see("running", "0/4")
    assert.is_nil(pane("-e"):find("\27%[%d*m"))
  end)

  it("interrupts by Ctrl-C, and keeps what was said", function ()
    run("batch local/held jobs.txt --limit 3 -o 'out/{index}.png'", 90)
    see("running.-running", "queued #1")
    child.sh(tmux .. "send-keys C-c")
    local lines = below(see "status 130")
    assert.equal("falua: batch: canceling what waits (Ctrl-C again: leave at once)", lines[1]:gsub("^%^C", ""))
    assert.truthy(table.concat(lines, "\n"):find("0 of 4 done, 2 still pending, 2 not started\n", 1, true))
    assert.equal("falua: batch: interrupted; the same command goes on where it was", lines[#lines - 1])
  end)
end)
