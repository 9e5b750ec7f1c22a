-- falua listen and falua trigger, against each other, `falua serve` and curl.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local SMALL = { prompt = "a kite", image_size = { width = 64, height = 48 }, seed = 7 }

local dir, local_fal


-- A shell command that runs falua in our folder, with a state folder there.
local function command(words, base_url)
  return ("cd %s && env -u FAL_KEY -u FAL_KEY_ID -u FAL_KEY_SECRET FAL_HOME_DIR=/nowhere XDG_STATE_HOME=%s/state " ..
          "FAL_BASE_URL=%s %s %s"):format(dir, dir, base_url or local_fal.url,
                                        child.quoted(serve.falua:gsub("^build/", os.getenv "PWD" .. "/build/")), words)
end


local function trigger(words)
  return child.sh(command("trigger " .. words))
end


-- { url =, ended() }: a listener on a port of its own. ended() waits until it
-- ends by itself: all it had to say, its exit status, and the lines of JSON in
-- it, decoded.
local function listen(words, base_url)
  local line = command("listen --listen 127.0.0.1:0 --timeout 60 " .. words, base_url)
  local pipe = assert(io.popen("sh -c " .. child.quoted("echo $$; exec sh -c " ..
    child.quoted(line:gsub("&& env", "&& exec env") .. " 2>&1")) .. "; echo \"[$?]\""))
  local self = { pid = pipe:read "*l" }
  local first = pipe:read "*l" or ""
  self.address = first:match "^listening on (http://127%.0%.0%.1:%d+)$"
  if not self.address then error("falua listen did not start: " .. first .. (pipe:read "*a")) end
  self.url = (pipe:read "*l"):match "^webhook_url: (http://127%.0%.0%.1:%d+/.*)$"
  function self.ended()
    local text, code = pipe:read "*a":match "^(.*)%[(%d+)%]\n$"
    pipe:close()
    local events = {}
    for object in text:gmatch "[^\n]+" do
      if object:sub(1, 1) == "{" then events[#events + 1] = assert(fal.json.decode(object)) end
    end
    return text, tonumber(code), events
  end
  return self
end


local function curl(words)
  return child.sh("curl -s --max-time 30 -o " .. dir .. "/answer -w '%{http_code}' " .. words)
end


setup(function ()
  dir = server.folder()
  local_fal = serve.start("--webhook-delay 0.02 --data " .. dir .. "/data")
end)


teardown(function ()
  assert.equal(0, local_fal:stop(), local_fal.err)
  server.remove_folder(dir)
end)


describe("falua listen", function ()
  it("verifies, shows and saves what falua serve delivers", function ()
    local client = fal.client { base_url = local_fal.url, credentials = "a:b" }
    local here = listen "--once --save 'real/{request_id}-{index}.{ext}'"
    local handle = fal.check(client.queue.submit("fal-ai/flux/schnell", { input = SMALL, webhook_url = here.url }))
    local out, code = here.ended()
    assert.equal(0, code, out)
    assert.matches("request " .. handle.request_id .. ": OK", out, 1, true)
    assert.matches("verified   by a key of " .. local_fal.url .. "/rest", out, 1, true)
    assert.matches("prompt     a kite", out, 1, true)
    local path = ("%s/real/%s-1.jpg"):format(dir, handle.request_id)
    local info = fal.image.info(path) or fal.image.info((path:gsub("jpg$", "png")))
    assert.equal(64, info.width)
  end)

  it("gives a line of JSON for each", function ()
    local here = listen "--count 2 --json --path /hook"
    assert.equal(here.address .. "/hook", here.url)
    assert.equal(0, select(2, trigger(here.url .. " --request-id one")))
    assert.equal(0, select(2, trigger(here.url .. " --request-id two --status ERROR --payload '[1]'")))
    local out, code, events = here.ended()
    assert.equal(0, code, out)
    assert.equal(2, #events)
    assert.is_true(events[1].verified)
    assert.equal("one", events[1].request_id)
    assert.equal("one", events[1].gateway_request_id)
    assert.equal("OK", events[1].status)
    assert.equal(7, events[1].payload.seed)
    assert.equal("falua-trigger", events[1].user_id)
    assert.equal("ERROR", events[2].status)
    assert.equal("Invalid status code: 422", events[2].error)
    assert.same({ 1 }, events[2].payload)
  end)

  it("refuses what was tampered with", function ()
    local here = listen "--count 4 --json --save 'bad/{index}.{ext}' --exec 'touch executed'"
    for _, words in ipairs { "--tamper body", "--tamper timestamp", "--tamper signature", "--old 301" } do
      local out, code = trigger(here.url .. " " .. words)
      assert.equal(1, code, words)
      assert.matches("answered 401", out)
    end
    local out, code, events = here.ended()
    assert.equal(1, code, out)
    for i = 1, 4 do
      assert.is_false(events[i].verified)
      assert.equal(401, events[i].answered)
      assert.equal(i == 4 and "webhook_too_old" or "webhook_no_match", events[i].refusal.type)
      assert.is_nil(events[i].payload)
    end
    assert.is_nil(io.open(dir .. "/executed"))
    assert.is_nil(io.open(dir .. "/bad"))
  end)

  it("tells what comes twice, and does nothing more with it", function ()
    local here = listen "--count 2 --json --exec 'cat >> twice'"
    local out, code = trigger(here.url .. " --replay")
    assert.equal(0, code, out)
    assert.matches("received before", out)
    local _, status, events = here.ended()
    assert.equal(0, status)
    assert.is_nil(events[1].replayed)
    assert.is_true(events[2].replayed)
    assert.equal(0, events[1].exec)
    assert.is_nil(events[2].exec)
    local _, lines = server.read(dir .. "/twice"):gsub("\n", "")
    assert.equal(1, lines)
  end)

  it("hands the event to a command by its standard input alone", function ()
    local here = listen "--once --exec 'cat > event.json'"
    local f = assert(io.open(dir .. "/payload.json", "w"))
    f:write [[{"prompt": "$(touch injected) `touch injected` '; touch injected; \" \u0000 ü"}]]
    f:close()
    assert.equal(0, select(2, trigger(here.url .. " --payload @payload.json")))
    local out, code = here.ended()
    assert.equal(0, code, out)
    local event = assert(fal.json.decode(server.read(dir .. "/event.json")))
    assert.equal("$(touch injected) `touch injected` '; touch injected; \" \0 ü", event.payload.prompt)
    assert.is_nil(io.open(dir .. "/injected"))
  end)

  it("says when the command fails, and when files cannot be saved", function ()
    local here = listen "--once --exec 'exit 3' --save /proc/no/such/{index}.{ext}"
    assert.equal(0, select(2, trigger(here.url)))
    local out, code = here.ended()
    assert.equal(1, code)
    assert.matches("the command ended with status 3", out, 1, true)
    assert.matches("/proc/no", out, 1, true)
  end)

  it("does not wait for a command before it answers the next", function ()
    local here = listen "--count 2 --exec 'while [ ! -e go ]; do sleep 0.02; done'"
    assert.equal(0, select(2, trigger(here.url)))
    assert.equal(0, select(2, trigger(here.url)))
    assert.equal(0, select(2, child.sh("touch " .. dir .. "/go")))
    assert.equal(0, select(2, here.ended()))
  end)

  it("takes POSTs to its path, up to a size", function ()
    local here = listen "--path /hook --max-body 1K --count 1"
    assert.equal("404", curl(here.address .. "/other -d '{}'"))
    assert.equal("405", curl(here.url))
    assert.equal("413", curl(here.url .. " -d '" .. ("x"):rep(2000) .. "'"))
    assert.equal("401", curl(here.url .. " -d '{}'"))
    local out, code = here.ended()
    assert.equal(1, code)
    assert.matches("the header X-Fal-Webhook-Request-Id is missing", out, 1, true)
  end)

  it("takes what is not verified with --insecure, on this machine", function ()
    local here = listen "--count 3 --json --insecure"
    assert.equal(0, select(2, trigger(here.url .. " --tamper signature")))
    assert.equal("200", curl(here.url .. [[ -d '{"request_id": "x", "status": "OK", "payload": null}']]))
    assert.equal("400", curl(here.url .. " -d nonsense"))
    local _, code, events = here.ended()
    assert.equal(1, code)
    assert.is_false(events[1].verified)
    assert.equal("webhook_no_match", events[1].refusal.type)
    assert.equal(7, events[1].payload.seed)
    assert.equal("x", events[2].request_id)
    local out, status = child.sh(command "listen --listen 0.0.0.0:0 --insecure --timeout 1")
    assert.equal(1, status)
    assert.matches("can be reached from other machines", out, 1, true)
  end)

  it("takes one user's deliveries when it is told whose", function ()
    local here = listen "--count 2 --user me"
    assert.equal(0, select(2, trigger(here.url .. " --user me")))
    assert.matches("answered 403", (trigger(here.url .. " --user somebody")))
    assert.matches("it is signed for another user", (here.ended()), 1, true)
  end)

  it("asks to come again when the keys cannot be had", function ()
    child.sh("openssl genpkey -algorithm ed25519 -out " .. dir .. "/other.pem")
    local here = listen("--once", "http://127.0.0.1:1")
    assert.matches("answered 503", (trigger(here.url .. " --key-file other.pem")))
    assert.equal(1, select(2, here.ended()))
  end)

  it("takes the keys of a document alone when one is given", function ()
    child.sh("openssl genpkey -algorithm ed25519 -out " .. dir .. "/mine.pem")
    assert.equal(0, select(2, child.sh(command "trigger --key-file mine.pem --jwks > mine.json")))
    local here = listen "--count 2 --jwks mine.json"
    assert.equal(0, select(2, trigger(here.url .. " --key-file mine.pem")))
    assert.matches("answered 401", (trigger(here.url)))
    here.ended()
    here = listen("--count 2 --jwks " .. local_fal.url .. "/rest/.well-known/jwks.json", "http://127.0.0.1:1")
    assert.equal(0, select(2, trigger(here.url .. " --data data")))
    assert.matches("answered 401", (trigger(here.url .. " --key-file mine.pem")))
    here.ended()
  end)

  it("fails when time is up before all is there", function ()
    local out, code = child.sh(command "listen --listen 127.0.0.1:0 --count 2 --timeout 0.1")
    assert.equal(1, code)
    assert.matches("0 of 2 deliveries came in 0.1 s", out, 1, true)
    assert.equal(0, select(2, child.sh(command "listen --listen 127.0.0.1:0 --timeout 0.1")))
  end)

  it("ends at Ctrl-C", function ()
    local here = listen ""
    child.sh("kill -INT " .. here.pid)
    local out, code = here.ended()
    assert.equal(130, code, out)
    assert.matches("interrupted", out)
  end)

  it("says what is wrong with its options", function ()
    for words, said in pairs {
      ["--save '{nonsense}'"] = "no field {nonsense}", ["--path hook"] = "begins with a slash",
      ["--once --count 2"] = "can not be used together", ["--timeout soon"] = "takes seconds",
    } do
      local out, code = child.sh(command("listen --listen 127.0.0.1:0 " .. words))
      assert.equal(2, code, words)
      assert.matches(said, out, 1, true)
    end
  end)
end)


describe("falua trigger", function ()
  it("signs with the key of a local server", function ()
    local here = listen "--once --json"
    local out, code = trigger(here.url .. " --data data")
    assert.equal(0, code, out)
    local _, _, events = here.ended()
    assert.equal("a key of " .. local_fal.url .. "/rest", events[1].signed_by)
  end)

  it("makes one key, for nobody else's eyes", function ()
    child.sh("rm -rf " .. dir .. "/state")
    local out, code = child.sh(("for i in 1 2 3 4 5 6; do %s & done; wait"):format(command "trigger --jwks"))
    assert.equal(0, code, out)
    local first = out:match "[^\n]+"
    assert.equal((first .. "\n"):rep(6), out)
    assert.equal("600\n", (child.sh("stat -c %a " .. dir .. "/state/falua/webhook.pem 2>/dev/null || stat -f %Lp " ..
                                    dir .. "/state/falua/webhook.pem")))
    assert.is_truthy(fal.json.decode(first).keys[1].x)
  end)

  it("makes it where another has only just begun to", function ()
    child.sh(("rm -rf %s/state && mkdir -p %s/state/falua && : > %s/state/falua/webhook.pem"):format(dir, dir, dir))
    local out, code = child.sh(command "trigger --jwks")
    assert.equal(0, code, out)
    assert.is_truthy(fal.json.decode(out).keys[1].x)
  end)

  it("tells what was answered", function ()
    local out, code = trigger(server.url .. "/fault/status/500")
    assert.equal(1, code)
    assert.matches("answered 500 in %d+%.%d+ s: .*Internal", out)
    out, code = trigger(server.url .. "/fault/empty")
    assert.equal(0, code, out)
    out, code = trigger(server.url .. "/fault/redirect/302")
    assert.equal(1, code)
    assert.matches("answered 302", out)
    out, code = trigger(server.url .. "/fault/stall --timeout 0.1")
    assert.equal(1, code)
    assert.matches("no answer in", out)
    out, code = trigger "http://127.0.0.1:1/"
    assert.equal(1, code)
    assert.matches("cannot reach 127.0.0.1:1", out, 1, true)
  end)

  it("sends what fal sends, and no key", function ()
    server.forget()
    local out, code = child.sh("env FAL_KEY=aaaa:bbbb " .. command("trigger " .. server.url .. "/fault/echo --status ERROR")
                                                             :gsub("^cd %S+ && env %-u FAL_KEY ", "env "))
    assert.equal(0, code, out)
    local seen = server.last()
    assert.equal("POST", seen.method)
    assert.is_nil(seen.headers.authorization)
    assert.equal("application/json", seen.headers["content-type"])
    local id = seen.headers["x-fal-webhook-request-id"]
    assert.equal(('{"request_id":"%s","gateway_request_id":"%s","status":"ERROR",'):format(id, id) ..
      '"error":"Invalid status code: 422","payload":{"detail":[{"loc":["body","prompt"],"msg":"field required",' ..
      '"type":"missing"}]}}', seen.body)
  end)

  it("says what is wrong with its options", function ()
    for words, said in pairs {
      [""] = "where to?", ["here"] = "'here' is no address", ["http://h/ --payload {"] = "is not JSON",
      ["http://h/ --tamper head"] = "tamper", ["http://h/ --request-id 'a b'"] = "--request-id is no id",
    } do
      local out, code = trigger(words)
      assert.equal(2, code, words .. ": " .. out)
      assert.matches(said, out, 1, true)
    end
    local out, code = trigger "http://h/ --data nowhere"
    assert.equal(1, code)
    assert.matches("no server has had its data in nowhere", out, 1, true)
  end)
end)
