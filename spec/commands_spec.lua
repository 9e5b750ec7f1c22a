-- falua's commands for single calls, as they are typed, against a local fal.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"
local SCHNELL = "fal-ai/flux/schnell"

local dir

setup(function () dir = server.folder() end)
teardown(function () server.remove_folder(dir) end)


-- Runs 'falua --local WORDS' in the folder: what it printed, its exit status,
-- what it said on standard error.
local function falua(words, before)
  local program = FALUA:sub(1, 1) == "/" and FALUA or os.getenv "PWD" .. "/" .. FALUA
  local out, code = child.sh(("cd %s && %s env -u FAL_KEY HOME=%s %s --local %s 2>err </dev/null"):format(
    dir, before or "", dir, child.quoted(program), words))
  return out, code, server.read(dir .. "/err")
end


local function info(name)
  return assert(fal.image.info(dir .. "/" .. name))
end


describe("falua run", function ()
  local small = SCHNELL .. " prompt='a red kite' image_size:='{\"width\":64,\"height\":48}' seed=7 --sync "

  it("saves what was made and prints the names", function ()
    local out, code = falua("run " .. small)
    assert.equal(0, code)
    assert.equal("a-red-kite-7.png\n", out)
    assert.equal(64, info("a-red-kite-7.png").width)
    assert.equal("a red kite", info("a-red-kite-7.png").text.prompt)
  end)

  it("does not overwrite, and says where the picture is", function ()
    local out, code, err = falua("run " .. small)
    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("a%-red%-kite%-7%.png", err)
    assert.matches("it is at http", err)
    assert.equal(0, (select(2, falua("run --overwrite " .. small))))
  end)

  it("takes a template, and makes its folders", function ()
    local out = falua("run -o 'made/{model}-{width}.{ext}' " .. small)
    assert.matches("^made/.*%-64%.png\n$", out)
  end)

  it("prints the result alone with --json", function ()
    local out, code = falua("run --json --progress=none " .. small)
    assert.equal(0, code)
    assert.equal(7, fal.json.decode(out).seed)
  end)

  it("takes its input from a file, and words over it", function ()
    child.sh(("echo '{\"prompt\": \"a blue kite\", \"seed\": 1, \"image_size\": \"square\"}' > %s/in.json"):format(dir))
    local out = falua("run --json --sync --input in.json " .. SCHNELL .. " seed=2")
    local result = fal.json.decode(out)
    assert.equal("a blue kite", result.prompt)
    assert.equal(2, result.seed)
    assert.equal(512, result.images[1].width)
  end)

  it("says what is wrong before anything is sent", function ()
    for words, why in pairs {
      ["run"] = "which endpoint", ["run nonsense"] = "'nonsense' is no endpoint", ["run a/b c"] = "'c' is not key=value",
      ["run a/b x=@missing.png"] = "there is no file 'missing.png'", ["run a/b --frobnicate"] = "frobnicate",
      ["run a/b --input missing.json"] = "missing.json",
    } do
      local out, code, err = falua(words)
      assert.equal(2, code, words)
      assert.equal("", out)
      assert.matches(why, err, 1, true)
    end
  end)

  it("fails with the endpoint's own words", function ()
    local _, code, err = falua("run --no-check --sync " .. SCHNELL .. " prompt=a num_images=99")
    assert.equal(1, code)
    assert.matches("num_images: Input should be less than or equal to 4", err, 1, true)
  end)

  it("says at its end what it has cost, when it was anything", function ()
    child.sh(([[echo '{"prices": [{"endpoint_id": "%s", "unit_price": 0.003, "unit": "megapixels",
      "currency": "USD"}]}' > %s/prices.json]]):format(SCHNELL, dir))
    local _, _, err = falua("run --overwrite --progress=none " .. small, "FAL_PRICES=prices.json")
    assert.equal("fal-ai/flux/schnell: 1 call, 1 megapixels at $0.003 = $0.003\ntotal: $0.003\n", err)
    assert.equal("", (select(3, falua("run --overwrite --progress=none " .. small))))
  end)

  it("goes through the queue, and tells of it", function ()
    local queued = small:gsub("%-%-sync ", "")
    local out, code, err = falua("run --overwrite " .. queued)
    assert.equal(0, code)
    assert.equal("a-red-kite-7.png\n", out)
    assert.matches("a red kite: COMPLETED", err, 1, true)
    local made = fal.json.decode(info("a-red-kite-7.png").text.fal)
    assert.equal("a red kite", made.input.prompt)
    assert.equal(SCHNELL, made.model)
  end)

  it("finds mistakes by the schema, and sends nothing", function ()
    local _, code, err = falua("run " .. SCHNELL .. " promt=x num_images=99 output_format=jpg")
    assert.equal(2, code)
    for _, why in ipairs {
      "prompt is required", "promt is no field of this endpoint: did you mean prompt?", "num_images is at most 4",
      "output_format is one of png|jpeg: did you mean jpeg?",
    } do assert.matches(why, err, 1, true) end
  end)

  it("shows what an endpoint takes", function ()
    local out, code = falua("run " .. SCHNELL .. " --help")
    assert.equal(0, code)
    assert.matches("prompt%s+string  %(required%)", out)
    assert.matches("num_images%s+integer 1..4  %(otherwise 1%)", out)
  end)

  it("tells how far it is in lines for programs", function ()
    local _, _, err = falua("run --overwrite --progress=kv " .. small)
    assert.matches('job="a red kite" index=1 status=done ok=true seconds=', err, 1, true)
    _, _, err = falua("run --overwrite --progress=jsonl " .. small)
    local event = fal.json.decode(err:match "[^\n]+")
    assert.equal("a red kite", event.job)
    assert.is_true(event.ok)
    assert.equal("", (select(3, falua("run --overwrite --progress=none " .. small))))
  end)
end)


-- Three processes and a server of their own: submit, look, collect.
describe("falua status, result, cancel and resume", function ()
  local serve = require "spec.support.serve"
  local local_fal, env

  setup(function ()
    local_fal = serve.start()
    env = "FAL_BASE_URL=" .. local_fal.url .. " FAL_KEY=a:b"
  end)
  teardown(function () local_fal:stop() end)

  local function falua_there(words)
    local program = FALUA:sub(1, 1) == "/" and FALUA or os.getenv "PWD" .. "/" .. FALUA
    return child.sh(("cd %s && HOME=%s %s %s %s 2>&1 </dev/null"):format(dir, dir, env, child.quoted(program), words))
  end

  local function submit()
    local out, code = falua_there(([[-e 'fal.config { journal = "jobs" };
      print(fal.check(fal.queue.submit("%s", { input = { prompt = "late", seed = 5, image_size = "square" } })).request_id)'
      ]]):format(SCHNELL))
    assert.equal(0, code, out)
    return out:match "%S+"
  end

  it("take an id from another process", function ()
    local id = submit()
    local out, code = falua_there("status " .. SCHNELL .. " " .. id)
    assert.equal(0, code, out)
    assert.matches("^[CI][ON]", out)
    out, code = falua_there("result --progress=none --preview=none -o late.png " .. SCHNELL .. " " .. id)
    assert.equal(0, code, out)
    assert.equal("late.png\n", out)
    assert.equal(512, info("late.png").width)
    out, code = falua_there("cancel " .. SCHNELL .. " " .. id)
    assert.equal(1, code)
    assert.matches("ALREADY_COMPLETED", out)
    assert.equal(1, (select(2, falua_there("status " .. SCHNELL .. " 00000000-0000-4000-8000-000000000000"))))
  end)

  it("collect what a journal has open", function ()
    local id = submit()
    assert.matches(id, falua_there "resume jobs --list", 1, true)
    local out, code = falua_there "resume jobs --progress=none -o 'again-{request_id}.{ext}'"
    assert.equal(0, code, out)
    assert.matches("again-" .. id .. ".png", out, 1, true)
    assert.matches("nothing is open in jobs", falua_there "resume jobs", 1, true)
  end)
end)


-- Ctrl-C at a moment that the program's own progress tells of.
describe("falua run, interrupted,", function ()
  local serve = require "spec.support.serve"
  local local_fal

  setup(function () local_fal = serve.start "--apps spec/interop/official/apps" end)
  teardown(function () local_fal:stop() end)

  -- Runs 'falua run ID', interrupts it once it says 'state': what it said after
  -- that, its exit status.
  local function interrupted(id, state)
    local program = FALUA:sub(1, 1) == "/" and FALUA or os.getenv "PWD" .. "/" .. FALUA
    return child.sh(([[cd %s && rm -f said && mkfifo said
      HOME=%s FAL_BASE_URL=%s FAL_KEY=a:b %s run %s --no-check --progress=kv --journal jobs.%s 2>said </dev/null & pid=$!
      exec 3<said
      while read -r line <&3; do case $line in *status=%s*) kill -INT $pid; break;; esac; done
      cat <&3; wait $pid]]):format(dir, dir, local_fal.url, child.quoted(program), id, state, state))
  end

  it("leaves what runs alone and says how to go on", function ()
    local out, code = interrupted("local/waits", "IN_PROGRESS")
    assert.equal(130, code, out)
    local id = out:match "it goes on at the server: falua result local/waits (%S+)"
    assert.is_string(id, out)
    local client = fal.client { base_url = local_fal.url, credentials = "a:b" }
    local handle = client.queue.handle("local/waits", id)
    assert.equal("IN_PROGRESS", fal.check(handle:status()).status)
    assert.matches(id, server.read(dir .. "/jobs.IN_PROGRESS"), 1, true)
    fal.check(handle:cancel())
  end)

  it("cancels what waits", function ()
    local client = fal.client { base_url = local_fal.url, credentials = "a:b" }
    local first = fal.check(client.queue.submit("local/alone", { input = {} }))
    for event in first:events() do
      if event.status == "IN_PROGRESS" then break end
    end
    local out, code = interrupted("local/alone", "IN_QUEUE")
    assert.equal(130, code, out)
    local id = out:match "request (%S+) was canceled"
    assert.is_string(id, out)
    local status = fal.check(client.queue.status("local/alone", { request_id = id }))
    assert.equal("client_cancelled", status.error_type)
    fal.check(first:cancel())
  end)
end)


describe("falua upload", function ()
  it("prints a URL for each file", function ()
    local out, code = falua("upload --progress=none in.json a-red-kite-7.png")
    assert.equal(0, code)
    assert.matches("^http://127%.0%.0%.1:%d+/files/%S+/in%.json\nhttp://%S+/a%-red%-kite%-7%.png\n$", out)
    out = falua "upload --progress=none --json in.json"
    assert.equal("in.json", fal.json.decode(out).file)
  end)

  it("goes on after a file that is not there, and fails", function ()
    local out, code, err = falua("upload --progress=none missing.png in.json")
    assert.equal(1, code)
    assert.matches("in%.json\n$", out)
    assert.matches("missing.png", err, 1, true)
  end)
end)


describe("progress", function ()
  it("draws nothing on a terminal that is left behind", function ()
    local command = ("cd %s && script -qec %s /dev/null </dev/null"):format(dir, child.quoted(
      "stty cols 60; HOME=" .. dir .. " " .. (FALUA:sub(1, 1) == "/" and FALUA or os.getenv "PWD" .. "/" .. FALUA) ..
      " --local run --overwrite --sync " .. SCHNELL .. " seed=7 prompt='a red kite over the sea'"))
    local out = child.sh(command)
    assert.matches("a red kite", out, 1, true)
    -- what comes after the last erasing is the name alone
    assert.matches("^a%-red%-kite%-over%-the%-sea%-7%.png\r\n$", out:match ".*\27%[J(.*)$")
  end)
end)


describe("falua --help", function ()
  it("shows a command that works with each command", function ()
    local out = falua "--help"
    local seen = 0
    for name in out:match("\ncommands:\n(.-)\n  %("):gmatch "\n?  (%l+)  " do
      local help, code = falua(name .. " --help")
      assert.equal(0, code, name)
      assert.matches("Usage: falua " .. name, help, 1, true)
      seen = seen + 1
    end
    assert.is_true(seen >= 8)
  end)
end)
