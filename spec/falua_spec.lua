-- The program falua, from outside: arguments, exit codes, signals, the prompt.
-- Interrupts are sent when the program has said that it is about to wait; a
-- FIFO carries that. The prompt gets a terminal from script(1) of util-linux.

local FALUA = os.getenv "FALUA" or "build/falua"
local LONG = 30      -- seconds; nothing here may take that long

local dir


local function write(name, text)
  local f = assert(io.open(dir .. "/" .. name, "w"))
  f:write(text)
  f:close()
  return dir .. "/" .. name
end


local function read(name)
  local f = assert(io.open(dir .. "/" .. name))
  local text = f:read "*a"
  f:close()
  return text
end


local function quote(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end


-- A shell script in which $FALUA is the program: exit code, output, errors.
local function shell(script)
  write("script.sh", "cd " .. quote(dir) .. "\n" .. script .. "\n")
  os.execute(("env -u FAL_KEY -u FAL_KEY_ID -u FAL_KEY_SECRET -u FAL_BASE_URL -u FAL_LOCAL -u FALUA_TRACE FAL_HOME_DIR=/nowhere "
    .. "FALUA=%s sh %s/script.sh > %s/out 2> %s/err < /dev/null; echo $? > %s/code")
    :format(quote(FALUA), dir, dir, dir, dir))
  return tonumber(read "code"), read "out", read "err"
end


-- falua with arguments, each quoted.
local function falua(...)
  local words = { '"$FALUA"' }
  for i = 1, select("#", ...) do words[i + 1] = quote((select(i, ...))) end
  return shell(table.concat(words, " "))
end


-- Runs falua with 'args', waits for its first line and sends a signal. That
-- line is the output.
local function signalled(signal, args)
  return shell(([[
    rm -f line && mkfifo line
    "$FALUA" %s > line &
    read text < line
    kill -%s $!
    wait $!
    code=$?
    echo "$text"
    exit $code
  ]]):format(args, signal))
end


setup(function ()
  dir = os.tmpname()
  os.remove(dir)
  os.execute("mkdir " .. dir)
  if FALUA:sub(1, 1) ~= "/" then
    local pwd = io.popen "pwd"
    FALUA = pwd:read "*l" .. "/" .. FALUA
    pwd:close()
  end
end)

teardown(function ()
  os.execute("rm -rf " .. dir)
end)


describe("falua", function ()
  it("gives a script its arguments as lua does", function ()
    write("args.lua", "print(arg[-1] == nil, arg[0], arg[1], arg[2], #arg, ...)")
    local code, out, err = shell '"$FALUA" -e "x = 1" args.lua one "two three"'
    assert.equal("", err)
    assert.equal("false\targs.lua\tone\ttwo three\t2\tone\ttwo three\n", out)
    assert.equal(0, code)
  end)

  it("leaves the options after a script to the script", function ()
    write("args.lua", "print(...)")
    local _, out = shell '"$FALUA" -- args.lua --local -e -v'
    assert.equal("--local\t-e\t-v\n", out)
  end)

  it("runs -e, with fal there", function ()
    local code, out = falua("-e", "print(fal.null ~= nil, fal == require 'fal')")
    assert.equal("true\ttrue\n", out)
    assert.equal(0, code)
  end)

  it("runs several -e in one state, then the script", function ()
    write("last.lua", "print(x, y)")
    local _, out = shell '"$FALUA" -e "x = 1" -e "y = x + 1" last.lua'
    assert.equal("1\t2\n", out)
  end)

  it("requires modules with -l", function ()
    write("mod.lua", "return { name = ... }")
    local _, out = shell '"$FALUA" -l mod -lm=mod -e "print(mod.name, m == mod)"'
    assert.equal("mod\ttrue\n", out)
  end)

  it("runs standard input", function ()
    local outputs = {}
    for i, line in ipairs { [[echo 'print("in", ...)' | "$FALUA" - a]], [[echo 'print("piped")' | "$FALUA"]] } do
      outputs[i] = select(2, shell(line))
    end
    assert.same({ "in\ta\n", "piped\n" }, outputs)
  end)

  it("loads C modules for Lua 5.4, such as cjson", function ()
    local code, out, err = falua("-e", "print(require 'cjson'.encode { 1 })")
    assert.equal("", err)
    assert.equal("[1]\n", out)
    assert.equal(0, code)
  end)

  it("prints versions and help", function ()
    for _, option in ipairs { "-v", "--version" } do
      local code, out = falua(option)
      assert.truthy(out:find "^fal %d+%.%d+%.%d+, Lua 5%.4%.%d+, libcurl %d+%.%d+")
      assert.equal(0, code)
    end
    for _, option in ipairs { "-h", "--help" } do
      local code, out = falua(option)
      assert.truthy(out:find "\n  serve ")
      assert.equal(0, code)
    end
  end)

  it("makes os.exit the exit code", function ()
    assert.equal(3, (falua("-e", "os.exit(3)")))
    assert.equal(0, (falua("-e", "os.exit(true)")))
  end)

  it("runs tasks to their end after the script", function ()
    local code, out = falua("-e", "fal.async(function () fal.sleep(0.01) print 'late' end) print 'first'")
    assert.equal("first\nlate\n", out)
    assert.equal(0, code)
  end)

  it("collects everything at the end", function ()
    local _, out = falua("-e", "keep = setmetatable({}, { __gc = function () print 'collected' end })")
    assert.equal("collected\n", out)
  end)

  it("keeps coroutine.wrap and resume what they are", function ()
    local code, out, err = falua("-e", [[
      local f = coroutine.wrap(function (...) local x = coroutine.yield(...) error({ x }) end)
      print(f(1, nil, 3))
      local ok, e = pcall(f, "thrown")
      print(ok, e[1], select(2, pcall(f)))
      local closed
      local g = coroutine.wrap(function ()
        local c <close> = setmetatable({}, { __close = function () closed = true end })
        error "x"
      end)
      print(pcall(g) == false, closed)
      print(coroutine.resume(coroutine.create(function (...) return ... end), 1, nil))
      print(pcall(coroutine.resume, 1), pcall(coroutine.wrap, 1))
    ]])
    assert.equal("", err)
    assert.truthy(out:find("1\tnil\t3\nfalse\tthrown\tcannot resume dead coroutine\ntrue\ttrue\ntrue\t1\tnil\nfalse", 1, true))
    assert.equal(0, code)
  end)
end)


describe("falua's errors", function ()
  it("are printed without a traceback", function ()
    write("fails.lua", "\nerror 'broken'")
    local code, out, err = falua(dir .. "/fails.lua")
    assert.equal("falua: " .. dir .. "/fails.lua:2: broken\n", err)
    assert.equal("", out)
    assert.equal(1, code)
  end)

  it("go through __tostring", function ()
    local code, _, err = falua("-e", "error(setmetatable({}, { __tostring = function () return 'mine' end }))")
    assert.equal("falua: mine\n", err)
    assert.equal(1, code)
  end)

  it("say what they are when they are no text", function ()
    local _, _, err = falua("-e", "error {}")
    assert.equal("falua: (error object is a table value)\n", err)
  end)

  it("have a traceback under FALUA_TRACE=1", function ()
    local code, _, err = shell [[FALUA_TRACE=1 "$FALUA" -e "local function deep() error 'x' end deep() print()"]]
    assert.truthy(err:find("stack traceback:", 1, true))
    assert.truthy(err:find("'deep'", 1, true))
    assert.equal(1, code)
  end)

  it("are failures when the text does not compile", function ()
    local code, _, err = falua("-e", "x = = 1")
    assert.truthy(err:find "^falua: %(command line%):1: ")
    assert.equal(1, code)
  end)

  it("of a task that nobody awaits are told", function ()
    local code, _, err = falua("-e", "fal.async(function () fal.sleep(0) error 'alone' end)")
    assert.truthy(err:find "^falua: in a task: .*alone\n$")
    assert.equal(1, code)
  end)

  it("of calls without a key are errors of their own", function ()
    local code, out = falua("-e", [[
      local result, err = fal.run("fal-ai/flux/dev", { input = { prompt = "x" } })
      print(result, err.code, err.hint:find("--local", 1, true) ~= nil)
    ]])
    assert.equal("nil\tauth\ttrue\n", out)
    assert.equal(0, code)
  end)

  it("of fal.check come with the way out", function ()
    local code, _, err = falua("-e", "fal.check(fal.run('fal-ai/flux/dev', { input = { prompt = 'x' } }))")
    assert.truthy(err:find("FAL_KEY", 1, true) and err:find("--local", 1, true))
    assert.equal(1, code)
  end)

  it("are misuse when the command line is wrong", function ()
    local rows = {
      { "'frobnicate' is neither a file nor a command", "frobnicate" },
      { "'missing.lua' is neither a file nor a command", "missing.lua" },
      { "unknown option '-z'", "-z" },
      { "-e needs a value", "-e" },
      { "-l needs a value", "-l" },
      { "-i needs a terminal", "-i" },
      { "--workers takes a whole number", "serve", "--workers", "none" },
      { "too many arguments", "serve", "more" },
      { "unknown option '--port'", "serve", "--port", "1" },
    }
    for _, row in ipairs(rows) do
      local code, out, err = falua((unpack or table.unpack)(row, 2))
      assert.truthy(err:find("^falua: ") and err:find(row[1], 1, true), row[1] .. " / " .. err)
      assert.equal("", out)
      assert.equal(2, code)
    end
  end)
end)


describe("falua interrupted", function ()
  local SAY = "io.stdout:setvbuf 'no' print 'ready' "

  local function interrupted(code, first)
    local start = os.time()
    local status, out, err = signalled("INT", "-e " .. quote((first or "") .. SAY .. code:gsub("LONG", LONG)))
    assert.equal("ready\n", out)
    assert.equal("falua: interrupted\n", err)
    assert.equal(130, status)
    assert.is_true(os.time() - start < LONG / 2)
  end

  it("ends a wait", function ()
    interrupted "fal.sleep(LONG)"
  end)

  it("ends a wait of tasks", function ()
    interrupted "fal.gather { function () fal.sleep(LONG) end, function () fal.sleep(LONG) end }"
  end)

  it("ends code that never waits", function ()
    interrupted "local t = os.time() while os.time() < t + LONG do end"
  end)

  it("ends a coroutine that never waits", function ()
    interrupted "coroutine.wrap(function () local t = os.time() while os.time() < t + LONG do end end)()"
    interrupted "fal.async(function () local t = os.time() while os.time() < t + LONG do end end)"
  end)

  it("cannot be caught", function ()
    interrupted "local t = os.time() while os.time() < t + LONG do pcall(fal.sleep, LONG) end"
  end)

  it("runs the finalizers", function ()
    local path = dir .. "/finalized"
    interrupted("fal.sleep(LONG)",
      "local x = setmetatable({}, { __gc = function () io.open('" .. path .. "', 'w'):close() end }) ")
    assert.equal("", read "finalized")
  end)

  it("ends as quietly as lua when nobody reads its output", function ()
    local out, err = select(2, shell [[{ "$FALUA" -e "for _ = 1, 1000000 do print 'x' end"; echo $? > status; } | head -n 1]])
    assert.equal("x\n", out)
    assert.equal("", err)
    assert.equal("141\n", read "status")
  end)

  it("goes on when another pipe breaks", function ()
    local code, out = falua("-e", [[
      local p, ok = io.popen("exec true", "w"), true
      for _ = 1, 10000 do ok = ok and p:write(("x"):rep(100)) and p:flush() end
      print(ok)
    ]])
    assert.equal("nil\n", out)
    assert.equal(0, code)
  end)
end)


describe("falua with a server", function ()
  it("serves until it is told to stop", function ()
    for _, signal in ipairs { "TERM", "INT" } do
      local code, out, err = signalled(signal, "serve --listen 127.0.0.1:0")
      assert.equal("", err)
      assert.truthy(out:find "^listening on http://127%.0%.0%.1:%d+\n$")
      assert.equal(0, code)
    end
  end)

  it("says why it cannot serve", function ()
    local code, out, err = falua("serve", "--listen", "nonsense")
    assert.truthy(err:find "^falua: serve: ")
    assert.equal("", out)
    assert.equal(1, code)
  end)

  it("answers --local and FAL_LOCAL itself", function ()
    local show = quote "print(os.getenv 'FAL_BASE_URL', os.getenv 'FAL_KEY', os.getenv 'FAL_RUN_HOST')"
    for _, line in ipairs { '"$FALUA" --local -e ', 'FAL_LOCAL=1 "$FALUA" -e ' } do
      local code, out, err = shell("export FAL_KEY=a:b FAL_RUN_HOST=x.example\n" .. line .. show)
      assert.equal("", err)
      assert.truthy(out:find "^http://127%.0%.0%.1:%d+\tnil\tnil\n$")
      assert.equal(0, code)
    end
  end)
end)


describe("falua's prompt", function ()
  local session, keyboard

  -- Everything up to and with 'text', which must come.
  local function expect(text)
    local seen = {}
    repeat
      local c = session:read(1)
      seen[#seen + 1] = c
      local all = table.concat(seen)
      if all:find(text, 1, true) then return all end
    until not c
    error(("'%s' did not come, but: %s"):format(text, table.concat(seen)), 2)
  end

  local function send(text)
    keyboard:write(text)
    keyboard:flush()
  end

  before_each(function ()
    local keys = dir .. "/keys"
    os.execute("rm -f " .. keys .. " && mkfifo " .. keys)
    session = io.popen(("TERM=xterm XDG_STATE_HOME=%s/state FALUA_TRACE= timeout %d script -qefc %s /dev/null < %s 2>&1")
      :format(dir, LONG, quote(FALUA), keys))
    keyboard = assert(io.open(keys, "w"))
    expect "\n> "
  end)

  after_each(function ()
    keyboard:close()
    session:close()
  end)

  it("prints values", function ()
    send "40 + 2, 'four' .. 'teen'\n"
    expect "42\tfourteen\r\n> "
    send "{ 1, { a = 'b\\n' } }\n"
    expect '{ 1, { a = "b\\n" } }'
    send "_[2].a == 'b\\n'\n"
    expect "true\r\n> "
  end)

  it("goes on over several lines", function ()
    send "for i = 6, 7 do\n"
    expect ">> "
    send "print('<' .. i .. '>') end\n"
    expect "<6>\r\n<7>\r\n> "
  end)

  it("shows errors and goes on", function ()
    send "error(setmetatable({}, { __tostring = function () return 'mi' .. 'ne' end }))\n"
    expect "mine\r\n> "
    send "x = = 1\n"
    expect "unexpected symbol"
    send "'still' .. ' here'\n"
    expect "still here"
  end)

  it("is not frozen by a call", function ()
    send(("fal.sleep(%d)\n"):format(LONG))
    expect "(1) > "
    send "'still' .. ' here'\n"
    expect "still here"
    expect "(1) > "
  end)

  it("prints the values of a call when they arrive", function ()
    send "(function () while not go do fal.sleep(0.01) end return 'arr' .. 'ived' end)()\n"
    expect "(1) > "
    send "go = true\n"
    expect "arrived\r\n> "
  end)

  it("keeps the output of tasks out of what is being typed", function ()
    send(("fal.async(function () while not io.open('%s/go') do fal.sleep(0.01) end print('ta' .. 'sk') end)\n")
      :format(dir))
    expect "fal.Task: running\r\n> "
    send "'typed' .. ' before'"
    expect "'typed' .. ' before'"
    write("go", "")
    expect "task\r\n> 'typed' .. ' before'"
    send "\n"
    expect "typed before"
  end)

  it("lets Ctrl-C take back a line", function ()
    send "garbage("
    expect "garbage("
    send "\3"
    expect "^C\r\n"
    expect "> "
    send "'as' .. ' new'\n"
    expect "as new"
  end)

  it("lets Ctrl-C end what is being evaluated", function ()
    send "print('bu' .. 'sy') while true do end\n"
    expect "busy"
    send "\3"
    expect "interrupted"
    expect "> "
    send(("fal.sleep(%d)\n"):format(LONG))
    expect "(1) > "
    send "\3"
    expect "canceled"
    expect "> "
  end)

  it("completes names", function ()
    send "fal.json.enc\t"
    expect "ode"
    send "({ 1 })\n"
    expect "[1]"
  end)

  it("remembers what was typed, for its owner only", function ()
    send "'kept' .. ' line'\n"
    expect "kept line"
    expect "> "
    send "type { credentials = 'id:secret' }\n"
    expect "table"
    expect "> "
    send "\4"
    assert.is_nil(session:read "*a":find "kept")
    local f = io.popen("ls -l " .. dir .. "/state/falua/history")
    assert.truthy(f:read "*a":find "^%-rw%-%-%-%-%-%-%-")
    f:close()
    assert.truthy(read "state/falua/history":find("'kept' .. ' line'\n", 1, true))
    assert.is_nil(read "state/falua/history":find("secret", 1, true))
  end)

  it("offers what was typed before", function ()
    send "\27[A"
    expect "'kept' .. ' line'"
    send "\n"
    expect "kept line"
  end)
end)
