-- Endpoints that people write: `falua serve --apps DIR`.

local fal = require "fal"
local serve = require "spec.support.serve"

local dir, server


local function write(name, text)
  local f = assert(io.open(dir .. "/" .. name .. ".new", "wb"))
  f:write(text)
  f:close()
  assert(os.rename(dir .. "/" .. name .. ".new", dir .. "/" .. name))
end


local function sh(command)
  local p = assert(io.popen(command))
  local out = p:read("*a")
  p:close()
  return out
end


local function json(answer)
  assert.equal("application/json", answer.headers["content-type"])
  return assert(fal.json.decode(answer.body))
end


local function call(id, input, options)
  local answer = server:post("/local/" .. id, fal.json.encode(input or {}), options)
  return answer.status, answer.body ~= "" and json(answer) or nil, answer
end


-- A call that goes on while others are made: collect it with the function.
local function begin(id, input)
  local p = assert(io.popen(("curl -s --max-time 60 -w '\n%%{http_code}' -X POST -d '%s' %s/local/%s"):format(
    fal.json.encode(input or {}), server.url, id)))
  return function()
    local out = p:read("*a")
    p:close()
    local body, status = out:match("^(.*)\n(%d+)$")
    return tonumber(status), fal.json.decode(body)
  end
end


-- Others answer, now.
local function others_serve()
  assert.equal(200, (call("poster", {title = "meanwhile"})))
  assert.equal(422, server:post("/fal-ai/flux/schnell", "{}").status)
end


local function start(options)
  server = serve.start("--apps " .. dir .. " " .. (options or ""))
end


local POSTER = [[
local app = fal.app "local/poster"
app.input = { title = { type = "string", required = true, max = 200 }, seed = { type = "integer" } }
function app.run(input, context)
  context.log("laying out"); context.progress(0.5)
  return { images = { context.image(fal.image.new(1024, 768, "#204060")) }, seed = input.seed }
end
return app
]]


setup(function()
  dir = sh("mktemp -d"):gsub("%s+$", "")
  write("poster.lua", POSTER)
end)

teardown(function()
  if server then server:stop() end
  os.execute("rm -rf " .. dir)
end)


describe("an app", function()
  setup(function()
    write("several.lua", [[
      local greet = require "tools.greet"
      local one = fal.app "local/one"
      one.input = {
        name = {default = "you"},
        loud = {type = "boolean", default = false},
        size = {type = "integer", min = 1, max = 9, default = 3},
        half = {type = "number", multiple_of = 0.5, nullable = true},
        style = {enum = {"ink", "oil"}, default = "ink"},
        code = {pattern = "^%u%u%d$", default = "AB1"},
        tags = {type = "array", min = 1, max = 3, items = {max = 5}, default = fal.array {"a"}},
        loras = {type = "array", items = {type = "object", fields = {
          path = {required = true}, scale = {type = "number", above = 0, below = 4, default = 1},
        }}},
        picture = {type = "file"},
      }
      one.units = function(input) return input.size / 2 end
      function one.run(input, context)
        input.tags[#input.tags + 1] = greet(input.name)
        return input
      end
      local two = fal.app "local/two"
      function two.run(input, context)
        return {id = context.request_id, kind = context.kind, base = context.base_url,
                endpoint = context.endpoint, input = input, left = context.canceled(),
                hint = context.headers["x-fal-runner-hint"], key = context.headers.authorization}
      end
      local three = fal.app "local/three"
      function three.run() return "just text" end
      three.units = 0.25
    ]])
    write("twins.lua", [[
      local function twin(id, more)
        local app = fal.app(id)
        app.input = {
          text = {required = true}, short = {min = 3, max = 6}, count = {type = "integer", min = -2, max = 9},
          share = {type = "number", above = 0, below = 1}, big = {type = "number"}, whole = {type = "integer"},
          loud = {type = "boolean", default = false}, size = {type = "integer", default = 4},
          style = {enum = {"ink", "oil"}, default = "ink", nullable = true}, step = {type = "integer", enum = {1, 2}},
          some = {type = "any"}, nothing = {type = "any", nullable = true}, more = more,
        }
        function app.run(input) return input end
        return app
      end
      return {twin "local/plain", twin("local/slow", {type = function(v) return v end})}
    ]])
    os.execute("mkdir -p " .. dir .. "/tools")
    write("tools/greet.lua", "return function(name) return 'hello ' .. name end")
    write("notes.lua", "return {'a module, no app'}")
    start("--workers 1 --verbose")
  end)

  teardown(function()
    server:stop()
    server = nil
  end)

  it("is called as any endpoint is", function()
    local status, result, answer = call("poster", {title = "a", seed = 2^53})
    assert.equal(200, status)
    assert.equal("1", answer.headers["x-fal-billable-units"])
    assert.equal(2^53, result.seed)
    local image = result.images[1]
    assert.equal(1024, image.width)
    assert.equal("image/png", image.content_type)
    local info = fal.image.info(server:get(image.url).body)
    assert.same({1024, 768}, {info.width, info.height})
    assert.equal(200, server:post("/local/poster/", '{"title":"a"}').status)
  end)

  it("may have company in its file, and modules beside it", function()
    local status, result, answer = call("one", {name = "kite"})
    assert.equal(200, status)
    assert.same({"a", "hello kite"}, result.tags)
    assert.equal("1.5", answer.headers["x-fal-billable-units"])
    assert.same({"a", "hello you"}, select(2, call "one").tags)   -- not ours
    local text
    status, text, answer = call "three"
    assert.same({200, "just text", "0.25"}, {status, text, answer.headers["x-fal-billable-units"]})
  end)

  it("knows who calls", function()
    local _, result, answer = call("two", {a = 1}, {headers = {"X-Fal-Runner-Hint: here", "Authorization: Key s3:cret"}})
    assert.same({
      id = answer.headers["x-fal-request-id"], kind = "run", base = server.url,
      endpoint = "local/two", input = {a = 1}, left = false, hint = "here",
    }, result)
  end)

  it("gets no input that is wrong", function()
    local rows = {
      {{name = 1}, {"name"}, "string_type"},
      {{loud = "maybe"}, {"loud"}, "bool_parsing"},
      {{size = 0}, {"size"}, "greater_than_equal"},
      {{size = 1.5}, {"size"}, "int_from_float"},
      {{half = 0.75}, {"half"}, "multiple_of"},
      {{style = "pen"}, {"style"}, "literal_error"},
      {{code = "ab1"}, {"code"}, "string_pattern_mismatch"},
      {{tags = "a"}, {"tags"}, "list_type"},
      {{tags = fal.empty_array}, {"tags"}, "too_short"},
      {{tags = {"a", "b", "c", "d"}}, {"tags"}, "too_long"},
      {{tags = {"a", "longer"}}, {"tags", 1}, "string_too_long"},
      {{loras = {{path = "a"}, {scale = 1}}}, {"loras", 1, "path"}, "missing"},
      {{loras = {{path = "a", scale = 4}}}, {"loras", 0, "scale"}, "less_than"},
      {{loras = {3}}, {"loras", 0}, "dict_type"},
      {{picture = "file:///etc/passwd"}, {"picture"}, "url_parsing"},
      {{picture = {base64 = 1}}, {"picture"}, "string_type"},
    }
    for _, row in ipairs(rows) do
      local status, result, answer = call("one", row[1])
      assert.equal(422, status, answer.body)
      local flaw = result.detail[1]
      assert.equal(1, #result.detail, answer.body)
      assert.same({"body", table.unpack(row[2])}, flaw.loc)
      assert.equal(row[3], flaw.type)
      assert.equal("0", answer.headers["x-fal-billable-units"])
    end
    local _, result = call("poster", {seed = "x"})
    assert.equal(2, #result.detail)
    assert.equal(200, (call("one", {half = fal.null, loras = {{path = "a"}}, picture = "data:,x"})))
  end)

  -- Flat inputs are looked at in C first, which leaves to Lua what is not
  -- plainly right; a field whose type is a function has Lua look at them all.
  it("gets the same input from C and from Lua", function()
    local values = {
      text = {"", "a", 7, fal.null, "\u{e9}\u{e9}"},
      short = {"ab", "abc", "abcdef", "abcdefg", "\u{e9}\u{e9}", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", "\u{1f3d4}"},
      count = {-3, -2, 9, 10, 2.0, 2.5, "7", true, {}}, share = {0, 1e-9, 0.5, 1, 2, "0.5"},
      big = {-2^53, 1e300, 7}, whole = {2^53, -2^53 - 2, 2^62, 1e30},
      loud = {true, false, "yes", 1, 2, fal.null}, size = {0, fal.null}, style = {"oil", "pen", fal.null, 1},
      step = {1, 2.0, 3}, some = {1, fal.null, {a = 1}, "x"}, nothing = {fal.null, {1, 2}}, other = {1},
    }
    local inputs = {{}, {text = "a"}}
    for name, list in pairs(values) do
      for _, v in ipairs(list) do
        local input = {text = "a"}
        input[name] = v
        inputs[#inputs + 1] = input
      end
    end
    local right = 0
    for _, input in ipairs(inputs) do
      local body = fal.json.encode(input)
      local plain, slow = server:post("/local/plain", body), server:post("/local/slow", body)
      assert.equal(slow.status, plain.status, body)
      assert.equal(slow.body, plain.body, body)
      right = right + (plain.status == 200 and 1 or 0)
    end
    assert.is_true(right > 20 and right < #inputs - 15, right)
  end)

  it("logs with the id of the request", function()
    local _, _, answer = call("poster", {title = "a"})
    local id = answer.headers["x-fal-request-id"]:gsub("%-", "%%-")
    assert.matches(id .. " local/poster: laying out", server:log())
  end)
end)


describe("what an endpoint is given", function()
  setup(function()
    write("tools.lua", [[
      local app = fal.app "local/tools"
      local tests = {}
      function tests.image(input, context)
        local png = assert(fal.image.new(20, 10, "#ff0000"):png())
        return {
          picture = context.image(fal.image.new(20, 10, "#ff0000"), {text = {who = "me"}}),
          bytes = context.image(png), inline = context.image(png, {sync = true}),
        }
      end
      function tests.file(input, context)
        return context.file("a,b\n", {name = "table.csv", content_type = "text/csv"})
      end
      function tests.fetch(input, context)
        local bytes, kind = context.fetch(input.what, {max_bytes = input.limit})
        if not bytes then return nil, kind end
        return {bytes = bytes, kind = kind}
      end
      function tests.open(input, context)
        local image, flaw = context.open_image(input.what, "picture")
        if not image then return nil, flaw end
        return {width = image.width}
      end
      function tests.emit(input, context)
        return {emitted = context.emit {a = 1}}
      end
      function app.run(input, context) return tests[input.test](input, context) end
    ]])
    start("--workers 1")
  end)

  teardown(function()
    server:stop()
    server = nil
    os.remove(dir .. "/tools.lua")
  end)

  local function tool(name, input)
    input = input or {}
    input.test = name
    return call("tools", input)
  end

  it("keeps pictures", function()
    local status, result = tool "image"
    assert.equal(200, status)
    for name, image in pairs(result) do
      assert.same({20, 10, "image/png"}, {image.width, image.height, image.content_type}, name)
      assert.matches("^%x+%.png$", image.file_name)
    end
    assert.equal("me", fal.image.info(server:get(result.picture.url).body).text.who)
    assert.equal(result.bytes.file_size, #server:get(result.bytes.url).body)
    assert.matches("^data:image/png;base64,", result.inline.url)
  end)

  it("keeps files", function()
    local _, file = tool "file"
    assert.same({"table.csv", "text/csv", 4}, {file.file_name, file.content_type, file.file_size})
    assert.equal("a,b\n", server:get(file.url).body)
  end)

  it("fetches URLs, data: URIs and base64", function()
    local _, file = tool "file"
    local rows = {
      {file.url, "a,b\n", "text/csv"},
      {{url = file.url}, "a,b\n", "text/csv"},
      {"data:text/x;base64,aGk=", "hi", "text/x"},
      {"data:,a%20b", "a b", "text/plain"},
      {{base64 = "aGk=", media_type = "text/y"}, "hi", "text/y"},
    }
    for _, row in ipairs(rows) do
      local status, result, answer = tool("fetch", {what = row[1]})
      assert.equal(200, status, answer.body)
      assert.same({row[2], row[3]}, {result.bytes, result.kind})
    end
    local other = serve.start("--workers 1")
    local health = other.url .. "/health"
    local _, result = tool("fetch", {what = health})
    assert.matches('"status":"ok"', result.bytes)
    assert.equal("application/json", result.kind)
    assert.equal(413, (tool("fetch", {what = health, limit = 5})))
    other:stop()
    local status, gone = tool("fetch", {what = health})
    assert.same({500, "downstream_service_unavailable"}, {status, gone.detail[1].type})
  end)

  it("fetches nothing else", function()
    for _, what in ipairs {"file:///etc/passwd", "/etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1", 7, {}} do
      local status, result = tool("fetch", {what = what})
      assert.equal(500, status)
      assert.equal("downstream_service_error", result.detail[1].type)
    end
    for _, what in ipairs {"data:;base64,?", {base64 = ("a"):rep(100)}} do
      assert.not_equal(200, (tool("fetch", {what = what, limit = 10})))
    end
  end)

  it("opens pictures, and says in fal's words when it cannot", function()
    local uri = fal.image.new(5, 5):data_uri()
    local _, opened = tool("open", {what = uri})
    assert.same({width = 5}, opened)
    local rows = {{"data:,no picture", "image_load_error"}, {"http://127.0.0.1:1/a.png", "file_download_error"},
                  {"nonsense", "file_download_error"}}
    for _, row in ipairs(rows) do
      local status, result = tool("open", {what = row[1]})
      assert.equal(422, status)
      assert.equal(row[2], result.detail[1].type)
      assert.same({"body", "picture"}, result.detail[1].loc)
      assert.equal("https://docs.fal.ai/errors/#" .. row[2], result.detail[1].url)
    end
  end)

  it("emits for those who stream only", function()
    local _, result = tool "emit"
    assert.same({emitted = false}, result)
  end)
end)


describe("an endpoint's error", function()
  setup(function()
    write("errors.lua", [[
      local app = fal.app "local/errors"
      local ways = {}
      function ways.raise() local x = nil; return x.field end
      function ways.raise_table() error({code = 1}) end
      function ways.text() return nil, "no paper left" end
      function ways.nothing() end
      function ways.no_json() return {f = print} end
      function ways.flaw(c) return nil, c.flaw("title", "value_error", "not this one", 7, {error = "x"}) end
      function ways.raise_flaw(c) error(c.flaw({"list", 0}, "value_error", "not this one")) end
      function ways.flaws(c) return nil, {c.flaw("a", "x", "1"), c.flaw("b", "y", "2")} end
      function ways.policy(c) error(c.fail("content_policy_violation", "not here")) end
      function ways.status(c) return nil, c.fail(404, "no such poster") end
      function ways.own(c) return nil, c.fail(400, {error = "Prompt missing"}) end
      function ways.busy(c) return nil, c.fail(503, "later", {retry = true}) end
      function ways.units() return {}, 1 end
      function app.run(input, context) return ways[input.way](context) end
      function app.units(input) if input.way == "units" then return "many" end return 1 end
    ]])
    start("--workers 1")
  end)

  teardown(function()
    server:stop()
    server = nil
    os.remove(dir .. "/errors.lua")
  end)

  local INTERNAL = {detail = {{
    loc = {"body"}, msg = "Internal server error", type = "internal_server_error",
    url = "https://docs.fal.ai/errors/#internal_server_error",
  }}}

  it("is the model's, and its traceback stays in the log", function()
    for way, trace in pairs {
      raise = "errors%.lua:3: attempt to index a nil value", raise_table = "stack traceback",
      nothing = "returned no result", no_json = "answer%.f", units = "no number",
    } do
      local status, result, answer = call("errors", {way = way})
      assert.same({500, INTERNAL}, {status, result}, way)
      assert.is_nil(answer.body:find("lua", 1, true))
      local id = answer.headers["x-fal-request-id"]:gsub("%-", "%%-")
      assert.matches(id .. " local/errors: .*" .. trace, server:log())
    end
  end)

  it("may be one of fal's own", function()
    local rows = {
      {"text", 500, "internal_server_error", "no paper left"},
      {"flaw", 422, "value_error", "not this one"},
      {"raise_flaw", 422, "value_error", "not this one"},
      {"policy", 422, "content_policy_violation", "not here"},
    }
    for _, row in ipairs(rows) do
      local status, result, answer = call("errors", {way = row[1]})
      assert.same({row[2], row[3], row[4]}, {status, result.detail[1].type, result.detail[1].msg}, row[1])
      assert.equal("0", answer.headers["x-fal-billable-units"])
      assert.equal("false", answer.headers["x-fal-retryable"])
    end
    local _, result = call("errors", {way = "flaw"})
    assert.same({"body", "title"}, result.detail[1].loc)
    assert.same({7, {error = "x"}}, {result.detail[1].input, result.detail[1].ctx})
    _, result = call("errors", {way = "raise_flaw"})
    assert.same({"body", "list", 0}, result.detail[1].loc)
    _, result = call("errors", {way = "flaws"})
    assert.equal("y", result.detail[2].type)
  end)

  it("may be any status, with a text or an answer of its own", function()
    local status, result = call("errors", {way = "status"})
    assert.same({404, {detail = "no such poster"}}, {status, result})
    status, result = call("errors", {way = "own"})
    assert.same({400, {error = "Prompt missing"}}, {status, result})
    local _, _, answer = call("errors", {way = "busy"})
    assert.same({503, "1"}, {answer.status, answer.headers["x-fal-needs-retry"]})
  end)
end)


describe("an endpoint that misbehaves", function()
  setup(function()
    write("broken.c", "int luaopen_broken (void *L) { (void)L; *(volatile int *)8 = 1; return 0; }")
    assert(os.execute(("cc -shared -fPIC -o %s/broken.so %s/broken.c"):format(dir, dir)))
    write("bad.lua", [[
      local app = fal.app "local/bad"
      app.limits = {time = 1, memory = 64 * 2^20, concurrency = 1}
      local ways = {}
      function ways.loop() while true do end end
      function ways.pcall_loop() while true do pcall(function() while true do end end) end end
      function ways.coroutine_loop() coroutine.wrap(function() while true do end end)() end
      function ways.hidden_loop()
        local co = coroutine.create(function() while true do pcall(string.rep, "x", 100) end end)
        while true do coroutine.resume(co) end
      end
      function ways.pattern() return (("a"):rep(1000):find((".-"):rep(40) .. "b")) end
      function ways.sleep() os.execute("sleep 300") end
      function ways.rep() return {n = #(("x"):rep(10 * 2^30))} end
      function ways.gigabyte() return {n = #(("x"):rep(2^30))} end
      function ways.answer()
        local s, t = ("x"):rep(2^20), {}
        for i = 1, 100 do t[i] = s end
        return t
      end
      function ways.strings() local t = {} while true do t[#t + 1] = ("x"):rep(2^20) .. #t end end
      function ways.pcall_strings()
        local t = {}
        while true do pcall(function() t[#t + 1] = ("x"):rep(2^16) .. #t end) end
      end
      function ways.exit() os.exit(0) end
      function ways.crash() require "broken" end
      function ways.kill() os.execute("kill -9 $PPID") end
      function ways.close_all() for fd = 3, 20 do os.execute("true") end return {fine = true} end
      function ways.gated_kill(input)
        io.open(input.gate .. ".in", "w"):close()
        repeat fal.sleep(0.02) until os.remove(input.gate)
        ways.kill()
      end
      function app.run(input) return ways[input.way](input) or {} end
      local greedy = fal.app "local/greedy"   -- however slow the machine is, memory ends first
      greedy.limits = {time = 120, memory = 64 * 2^20, concurrency = 1}
      greedy.run = app.run
      local brief = fal.app "local/brief"
      brief.limits = {time = 0.0001}
      brief.run = app.run
    ]])
    start("--workers 1")
  end)

  teardown(function()
    server:stop()
    server = nil
    os.execute("rm -f " .. dir .. "/bad.lua " .. dir .. "/broken.*")
  end)

  for _, way in ipairs {"loop", "pcall_loop", "coroutine_loop", "hidden_loop", "pattern", "sleep", "pcall_strings"} do
    it("takes its time only: " .. way, function()
      local ended = begin("bad", {way = way})
      others_serve()
      local status, result = ended()
      assert.same({504, "generation_timeout"}, {status, result.detail[1].type})
      others_serve()
      assert.equal(200, (call("bad", {way = "close_all"})))
    end)
  end

  it("takes its time only, however little that is", function()
    assert.equal(504, (call("brief", {way = "loop"})))
  end)

  for _, way in ipairs {"gigabyte", "strings"} do
    it("takes its memory only: " .. way, function()
      local ended = begin("greedy", {way = way})
      others_serve()
      local status, result = ended()
      assert.same({500, "runner_server_error"}, {status, result.error_type})
      assert.matches("not enough memory", server:log())
      assert.equal(200, (call("greedy", {way = "close_all"})))
    end)
  end

  it("may not answer with more than its memory", function()
    assert.equal(500, (call("greedy", {way = "answer"})))
    assert.matches("the JSON would pass 67108864 bytes", server:log(), 1, true)
    assert.equal(200, (call("greedy", {way = "close_all"})))
  end)

  it("may not even ask for 10 GB", function()
    local status, result = call("bad", {way = "rep"})
    assert.same({500, "internal_server_error"}, {status, result.detail[1].type})
    assert.matches("resulting string too large", server:log())
  end)

  for way, how in pairs {exit = "ended with status 0", crash = "signal 11", kill = "signal 9"} do
    it("takes its worker only: " .. way, function()
      local ended = begin("bad", {way = way})
      others_serve()
      local status, result = ended()
      assert.same({503, "runner_disconnected"}, {status, result.error_type})
      local log = server:log()   -- where a sanitizer ends the process, it is that
      if log:find "Sanitizer" then how = "ended with status 1" end
      assert.matches("local/bad: its worker .*" .. how, log)
      assert.equal(200, (call("bad", {way = "close_all"})))
    end)
  end

  it("leaves its place to a request in the queue", function()
    server:stop()
    start("--workers 1")
    local gate = dir .. "/gate"
    local ended = begin("greedy", {way = "gated_kill", gate = gate})
    repeat fal.sleep(0.02) until os.remove(gate .. ".in")
    local sent = json(server:post("/queue/local/greedy", '{"way": "close_all"}'))
    assert.equal("IN_QUEUE", json(server:get("/queue/local/greedy/requests/" .. sent.request_id .. "/status")).status)
    io.open(gate, "w"):close()
    assert.equal(503, (ended()))
    local limit = os.time() + 10
    local result
    repeat result = server:get("/queue/local/greedy/requests/" .. sent.request_id) until result.status == 200 or os.time() > limit
    assert.equal(200, result.status)
  end)
end)


describe("many callers of an endpoint that takes long", function()
  it("leave room for others, and one at a time when it says so", function()
    write("gate.lua", [[
      local app = fal.app "local/gate"
      function app.run(input, context)
        local f
        repeat f = io.open(input.gate, "r") fal.sleep(0.02) until f or context.canceled()
        if f then f:close() end
        return {through = f ~= nil}
      end
      local alone = fal.app "local/alone"
      alone.limits = {concurrency = 1}
      local inside = 0
      function alone.run(input)
        local f = io.open(input.lock, "r")
        if f then return nil, "not alone" end
        io.open(input.lock, "w"):close()
        fal.sleep(0.05)
        os.remove(input.lock)
        return {}
      end
    ]])
    start("--workers 2")
    local gate = dir .. "/opened"
    local waiting = {}
    for i = 1, 6 do waiting[i] = begin("gate", {gate = gate}) end
    for _ = 1, 3 do others_serve() end
    io.open(gate, "w"):close()
    for i = 1, 6 do
      local status, result = waiting[i]()
      assert.same({200, {through = true}}, {status, result})
    end
    local one_by_one = {}
    for i = 1, 5 do one_by_one[i] = begin("alone", {lock = dir .. "/lock"}) end
    for i = 1, 5 do assert.equal(200, (one_by_one[i]())) end
    server:stop()
    server = nil
    os.remove(dir .. "/gate.lua")
  end)
end)


describe("a file that changes", function()
  setup(function() start("--workers 1") end)
  teardown(function()
    server:stop()
    server = nil
  end)

  local function app(answer, before)
    return ("%s\nlocal app = fal.app 'local/hot'\nfunction app.run(input, context) return {answer = %s} end")
      :format(before or "", answer)
  end

  -- Asks until it is as expected: a change shows with one of the next calls.
  local function becomes(id, status, answer)
    local got, result
    for _ = 1, 100 do
      got, result = call(id)
      if got == status and (answer == nil or result.answer == answer) then return result end
      fal.sleep(0.1)
    end
    assert.same({status, answer}, {got, result.answer or result})
  end

  it("is read again, when it is new, mended, or gone", function()
    assert.equal(404, (call "hot"))
    write("hot.lua", app "1")
    becomes("hot", 200, 1)
    write("hot.lua", app "2")
    becomes("hot", 200, 2)
    write("hot.lua", app("3") .. "\n)")
    local result = becomes("hot", 500)
    assert.equal("hot.lua does not load: the log of the server says why", result.detail)
    assert.matches("loading .-hot%.lua: .-hot%.lua:4: ", server:log())
    others_serve()
    write("hot.lua", app "4")
    becomes("hot", 200, 4)
    os.remove(dir .. "/hot.lua")
    becomes("hot", 404)
  end)

  it("is read again when a module of it has changed", function()
    write("tools/number.lua", "return 1")
    write("hot.lua", app("number", "local number = require 'tools.number'"))
    becomes("hot", 200, 1)
    write("tools/number.lua", "return 2")
    becomes("hot", 200, 2)
    write("tools/number.lua", "return (")
    becomes("hot", 500)
    assert.matches("error loading module 'tools%.number'.-number%.lua:1:", server:log())
    write("tools/number.lua", "return 3")
    becomes("hot", 200, 3)
  end)

  it("says what is wrong with it, and where", function()
    local rows = {
      {"app.input = {a = {typ = 'string'}}", "hot%.lua:2: local/hot: field 'a' of input has no option 'typ': " ..
       "did you mean 'type'%?"},
      {"app.input = {a = {type = 'strnig'}}", "has no type 'strnig': did you mean 'string'%?"},
      {"app.input = {a = {min = 'x'}}", "option 'min' of field 'a' of input must be a number"},
      {"app.input = {a = {type = 'integer', items = {}}}", "of type 'integer', which has no 'items'"},
      {"app.input = {a = {type = 'integer', min = 3, default = 1}}", "the default of field 'a' .- greater than or equal"},
      {"app.input = {a = {type = 'array', items = {maxx = 1}}}", "field 'a' of input's items has no option 'maxx'"},
      {"app.input = {a = {type = 'object', fields = {b = {requird = true}}}}", "did you mean 'required'"},
      {"app.imput = {}", "no 'imput': did you mean 'input'%?"},
      {"app.limits = {tme = 1}", "limits has no option 'tme': did you mean 'time'"},
      {"app.limits = {time = 0}", "limits.time must be above 0"},
      {"app.run = 7", "option 'run' of an endpoint must be a function"},
      {"app.run = nil", "needs a function 'run'"},
      {"error 'at once'", "hot%.lua:4: at once"},
      {"fal.app 'local/hot'", "an app 'local/hot' in this file already"},
      {"fal.app 'queue/hot'", "cannot begin with 'queue/'"},
      {"fal.app '../hot'", "is no endpoint's id"},
    }
    for i, row in ipairs(rows) do
      write("hot.lua", app("1") .. "\n" .. row[1])
      becomes("hot", 500)
      assert.matches(row[2], server:log(), row[1])
      write("hot.lua", app(tostring(i)))
      becomes("hot", 200, i)
    end
  end)

  it("that never ends, or crashes, leaves the others", function()
    write("hot.lua", app("1") .. "\nos.execute('kill -9 $PPID')")
    becomes("hot", 500)
    assert.matches("hot%.lua: its worker was ended by signal 9", server:log())
    others_serve()
    write("hot.lua", app "2")
    becomes("hot", 200, 2)
  end)

  it("that takes long to load keeps nobody waiting", function()
    local gate = dir .. "/gate"
    write("hot.lua", app("'late'", ([[
      io.open("%s.in", "w"):close()
      repeat local f = io.open("%s") fal.sleep(0.02) until f]]):format(gate, gate)))
    repeat others_serve() until os.remove(gate .. ".in")
    local unknown = begin("nowhere/at/all")
    for _ = 1, 40 do others_serve() end
    assert.is_true(tonumber(server:get("/metrics").body:match "\nfalua_workers (%d+)") <= 3)
    io.open(gate, "w"):close()
    assert.equal(404, (unknown()))
    becomes("hot", 200, "late")   -- not stopped after ten seconds
    os.remove(gate)
  end)

  it("may have another name during a call, or be copied", function()
    local gate = dir .. "/gate"
    write("hot.lua", ([[local app = fal.app "local/hot"
      app.limits = {concurrency = 1}
      function app.run(input)
        if not input.n then return {answer = "ready"} end
        local gate = "%s" .. input.n
        io.open(gate .. ".in", "w"):close()
        repeat local f = io.open(gate) fal.sleep(0.02) until f
        return {answer = input.n}
      end
      local same = fal.app "local/same"
      function same.run(_, context) return {answer = context.endpoint} end]]):format(gate))
    local function inside(n)
      local limit = os.time() + 20
      repeat fal.sleep(0.01) until os.remove(gate .. n .. ".in") or os.time() > limit
    end
    local function open(n) io.open(gate .. n, "w"):close() end
    server:stop()
    start("--workers 1")
    becomes("hot", 200, "ready")
    local first = begin("hot", {n = 1})
    inside(1)
    assert(os.rename(dir .. "/hot.lua", dir .. "/hotter.lua"))
    local second = begin("hot", {n = 2})
    inside(2)
    open(1)
    assert.equal(200, (first()))
    local third = begin("hot", {n = 3})
    local waits
    repeat
      waits = server:get("/metrics").body:match "\nfalua_calls_waiting (%d+)" == "1"
      assert.is_nil(io.open(gate .. "3.in"))
    until waits
    for _ = 1, 20 do others_serve() end
    assert.is_nil(io.open(gate .. "3.in"))
    open(2)
    assert.equal(200, (second()))
    open(3)
    assert.equal(200, (third()))
    assert(os.execute(("cp %s/hotter.lua %s/hot.lua"):format(dir, dir)))
    repeat assert.equal(200, (call "same")) until server:log():find "there is an endpoint 'local/hot' already"
    os.remove(dir .. "/hotter.lua")
    write("seen.lua", "local app = fal.app 'local/seen'\nfunction app.run() return {} end")
    becomes("seen", 200)   -- so it has looked
    assert.equal(200, (call "same"))
    os.remove(dir .. "/seen.lua")
    for n = 1, 3 do os.remove(gate .. n) end
  end)

  it("finishes the calls it has with the code they began with", function()
    local gate = dir .. "/gate"
    write("hot.lua", ([[local app = fal.app "local/hot"
      function app.run(input)
        if not input.wait then return {answer = "there"} end
        repeat local f = io.open("%s") fal.sleep(0.02) until f
        return {answer = "old"}
      end]]):format(gate))
    becomes("hot", 200, "there")
    local old = begin("hot", {wait = true})
    others_serve()
    write("hot.lua", app "'new'")
    becomes("hot", 200, "new")
    io.open(gate, "w"):close()
    local status, result = old()
    assert.same({200, {answer = "old"}}, {status, result})
    os.remove(dir .. "/hot.lua")
  end)
end)


describe("the folder of apps", function()
  it("has to be there", function()
    local out = sh(serve.falua .. " serve --listen 127.0.0.1:0 --apps " .. dir .. "/none 2>&1; echo $?")
    assert.matches("cannot read the folder of endpoints .-/none: No such file.*\n1\n$", out)
  end)

  it("may have an endpoint's id twice: the first keeps it", function()
    write("poster2.lua", POSTER)
    start("--workers 1")
    others_serve()
    assert.matches("there is an endpoint 'local/poster' already, in ", server:log())
    server:stop()
    server = nil
    os.remove(dir .. "/poster2.lua")
  end)
end)
