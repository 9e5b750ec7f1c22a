-- examples/seeds, each run as its first lines say: what it prints, what files
-- it leaves.

local fal = require "fal"
local child = require "spec.support.child"
local files = require "spec.support.server"
local serve = require "spec.support.serve"

local FALUA = os.getenv "FALUA" or "build/falua"


describe("the example", function ()
  local dir

  before_each(function () dir = files.folder() end)

  after_each(function () files.remove_folder(dir) end)

  -- What it printed; it has to end well.
  local function run(name, more, env)
    local out, code = child.sh(("env %s %s --local examples/seeds/%s.lua %s %s 2>%s/err </dev/null"):format(
      env or "", FALUA, name, dir, more or "", dir))
    assert.equal(0, code, out .. files.read(dir .. "/err"))
    os.remove(dir .. "/err")
    return (out:gsub(dir, "DIR"))
  end

  local function open(name)
    return fal.check(fal.image.open(dir .. "/" .. name))
  end

  local function size_of(name)
    local image = open(name)
    return { image.width, image.height }
  end

  -- Some of its pixels, whatever texts it has.
  local function pixels(name)
    local image, list = open(name), {}
    for y = 0, image.height - 1, 7 do
      for x = 0, image.width - 1, 7 do list[#list + 1] = table.concat({ image:pixel(x, y) }, ",") end
    end
    return table.concat(list, " ")
  end

  it("run.lua calls once and saves", function ()
    local out = run "run"
    local name, seed = out:match "^picture\tDIR/(%S+)\nseed\t(%d+)\nseconds\t[%d.]+ in all, [%d.]+ at the model\n$"
    assert.same({ 1024, 768 }, size_of(name))
    assert.equal(seed, open(name).text.seed)
  end)

  it("parallel.lua makes three, in order", function ()
    local out = run "parallel"
    local names = {}
    for n, name in out:gmatch "(%d)\tDIR/(%S+)\n" do names[tonumber(n)] = name end
    assert.equal(3, #names)
    assert.matches("^a%-castle.*%.png$", names[1])
    assert.matches("^a%-long%-breakfast.*%.png$", names[3])
    for _, name in ipairs(names) do assert.same({ 768, 1024 }, size_of(name)) end
  end)

  it("queue_events.lua tells of place, log and end", function ()
    local out = run "queue_events"
    assert.matches("log\t%S", out)
    assert.is_string(open(out:match "done\tDIR/(%S+)\n$").text.prompt)
  end)

  it("compare_models.lua lists times and prices of four", function ()
    local out = run("compare_models", nil, "FAL_PRICES=examples/seeds/prices.json")
    local costs = {}
    for model, cost in out:gmatch "(fal%-ai/%S+) +[%d.]+  (%S+)\n" do costs[model] = cost end
    assert.same({
      ["fal-ai/flux/schnell"] = "$0.002", ["fal-ai/flux/dev"] = "$0.003",
      ["fal-ai/flux-pro/v1.1"] = "$0.005", ["fal-ai/flux-pro/v1.1-ultra"] = "$0.008",
    }, costs)
    assert.is_true(open("models.png").width > 640)
  end)

  it("seed_sweep.lua makes another picture of each seed, the same again", function ()
    run "seed_sweep"
    assert.same({ "desk-123.png", "desk-42.png", "desk-456.png" }, files.list(dir))
    local before = pixels "desk-42.png"
    assert.not_equal(before, pixels "desk-123.png")
    run "seed_sweep"
    assert.equal(before, pixels "desk-42.png")
  end)

  it("lora.lua asks in both ways for the same", function ()
    run "lora"
    assert.not_equal(pixels "plain.png", pixels "list.png")
    assert.equal(pixels "list.png", pixels "tag.png")
  end)

  it("scribble.lua keeps to its sketch", function ()
    run "scribble"
    assert.same({ 512, 384 }, size_of "sketch.png")
    assert.same({ 512, 384 }, size_of "house.png")
    assert.equal(pixels "house.png", pixels "house-base64.png")
    local sketch, house = open "sketch.png", open "house.png"
    local edges = fal.check(fal.check(house:canny { low = 20, high = 60 }):blur(1.5))
    local on, off, n_on, n_off = 0, 0, 0, 0
    for y = 10, 340, 3 do
      for x = 10, 500, 3 do
        if sketch:pixel(x, y) > 0 then on, n_on = on + edges:pixel(x, y), n_on + 1
        else off, n_off = off + edges:pixel(x, y), n_off + 1 end
      end
    end
    assert.is_true(on / n_on > 2 * off / n_off, ("%f on the lines, %f elsewhere"):format(on / n_on, off / n_off))
  end)

  it("negative_prompt.lua keeps something out", function ()
    run "negative_prompt"
    assert.not_equal(pixels "with-boat.png", pixels "without-boat.png")
    assert.equal("boat, people, text, watermark", open("without-boat.png").text.negative_prompt)
  end)

  it("base64_landscape.lua gets the picture with the answer", function ()
    local out = run "base64_landscape"
    assert.matches("^inside\tdata:image/png;base64,\t%d+ characters\n", out)
    assert.same({ 1024, 768 }, size_of "mountain_lake.png")
  end)

  it("products.lua makes each once", function ()
    local out = run "products"
    for i = 1, 3 do assert.same({ 512, 512 }, size_of("product_" .. i .. ".png")) end
    assert.matches("3 of 3 done", out)
    assert.matches("<html", files.read(dir .. "/products.html"))
    assert.matches("3\tskipped\tDIR/product_3.png\n", run "products")
  end)

  it("animation.lua makes frames of one seed", function ()
    run "animation"
    for i = 1, 6 do
      local name = ("frame-%02d.png"):format(i)
      assert.same({ 256, 192 }, size_of(name))
      assert.equal("2024", open(name).text.seed)
    end
    assert.not_equal(pixels "frame-01.png", pixels "frame-06.png")
    assert.is_true(open("strip.png").width >= 6 * 256)
  end)

  it("subscribe.lua shows the log", function ()
    local out = run "subscribe"
    assert.matches("^submitted\t%x+%-[%x-]+\n", out)
    assert.matches("status\tCOMPLETED\n", out)
    assert.matches("log\t%S", out)
    assert.same({ 1024, 1024 }, size_of(out:match "picture\tDIR/(%S+)\n$"))
  end)

  -- How many of the keys are sent depends on the machine; the last one is.
  it("typing.lua ends with the whole prompt's picture", function ()
    local out = run "typing"
    local sent = tonumber(out:match "23 keys, (%d+) sent\n")
    assert.is_true(sent >= 1 and sent <= 23)
    local _, lines = out:gsub("sent\ta", "")
    assert.equal(sent, lines)
    assert.matches("shown\ta cat wearing a top hat\n23 keys", out)
    assert.equal("a cat wearing a top hat", open("cat.png").text.prompt)
  end)

  it("image_to_image.lua goes further with more strength", function ()
    run "image_to_image"
    local first, weak, strong = open "summer.png", open "winter-0.3.png", open "winter-0.75.png"
    local function distance(image)
      local sum = 0
      for y = 0, 511, 9 do
        for x = 0, 511, 9 do
          local r, g, b = first:pixel(x, y)
          local r2, g2, b2 = image:pixel(x, y)
          sum = sum + math.abs(r - r2) + math.abs(g - g2) + math.abs(b - b2)
        end
      end
      return sum
    end
    assert.is_true(0 < distance(weak) and distance(weak) < distance(strong))
  end)

  it("upload.lua uploads its photo, or ours", function ()
    local out = run "upload"
    assert.matches("^uploaded\t%d+\thttp%S+\n", out)
    assert.same({ 256, 256 }, size_of "painting.png")
    fal.check(fal.check(fal.image.new(96, 64, "#336699")):save(dir .. "/mine.png"))
    run("upload", dir .. "/mine.png")
    assert.same({ 96, 64 }, size_of "painting.png")
  end)

  it("cache.lua answers again until that is too old", function ()
    assert.equal("made\ta fox in the snow\nmade\ta heron at dawn\ncached\ta fox in the snow\n", run "cache")
    local _, cached = run("cache"):gsub("cached\t", "")
    assert.equal(3, cached)
    -- An hour and more passes: too much for the hour it keeps, not for a day.
    for path in child.sh("find " .. dir .. "/cache/entries -type f"):gmatch "[^\n]+" do
      local body, n = files.read(path):match "\n(.*)$":gsub('"at":(%d+)', function (at)
        return ('"at":%d'):format(at - 3601)
      end)
      assert.equal(1, n)
      local f = assert(io.open(path, "wb"))
      f:write(fal.digest("sha256", body), "\n", body)
      f:close()
    end
    _, cached = run("cache", "86400"):gsub("cached\t", "")
    assert.equal(3, cached)
    assert.equal("made\ta fox in the snow\nmade\ta heron at dawn\ncached\ta fox in the snow\n", run "cache")
  end)

  it("monthly_cost.lua adds up a plan", function ()
    local out = run("monthly_cost", nil, "FAL_PRICES=examples/seeds/prices.json")
    local sums = {}
    for month, cost in out:gmatch " (%d+) +(%$[%d.]+)\n" do sums[#sums + 1] = month .. " " .. cost end
    assert.same({ "900 $1.80", "900 $2.70", "300 $1.50", "150 $0.45", "2250 $6.45" }, sums)
  end)

  it("sanitise.lua sends what is left, and nothing of nothing", function ()
    local out = run "sanitise"
    assert.equal("1\tsent\ta quiet garden with roses\n2\tsent\ta knight with a\n3\trefused\tnothing is left\n4\tsent\t"
      .. ("ş"):rep(200) .. "\n5\trefused\tnot UTF-8\n", out)
    assert.same({ "1.png", "2.png", "4.png" }, files.list(dir))
    assert.equal("a quiet garden with roses", open("1.png").text.prompt)
  end)

  it("ab.lua changes one string", function ()
    local out = run "ab"
    assert.matches("^fal%-ai/flux/schnell\t[^\n]+\nfal%-ai/fast%-sdxl\t", out)
    assert.equal("fal-ai/flux/schnell", open("a.png").text.model)
    assert.equal("fal-ai/fast-sdxl", open("b.png").text.model)
    run("ab", "fal-ai/flux/dev fal-ai/qwen-image")
    assert.equal("fal-ai/qwen-image", open("b.png").text.model)
    assert.is_true(open("ab.png").width > 1024)
  end)

  describe("with a server of its own,", function ()
    local server

    setup(function () server = serve.start("--workers 1 --apps examples/apps --webhook-delay 0.02") end)

    teardown(function () server:stop() end)

    local function sh(command, env)
      return child.sh(("env -u FAL_KEY FALUA=%s FAL_BASE_URL=%s %s %s"):format(FALUA, server.url, env or "", command))
    end

    it("curl.sh calls once", function ()
      local out, code = sh "examples/seeds/curl.sh"
      assert.equal(0, code, out)
      local result = fal.check(fal.json.decode(out))
      local info = fal.check(fal.image.info(server:get(result.images[1].url).body))
      assert.same({ 1024, 768 }, { info.width, info.height })
      assert.equal(0, select(2, sh("examples/seeds/curl.sh", "FAL_KEY=id:secret")))
    end)

    it("generate.sh is refused without a prompt, then gets its picture", function ()
      local out, code = sh("examples/seeds/generate.sh " .. dir)
      assert.equal(0, code, out)
      assert.equal("400\n200\n" .. dir .. "/boat.png\n", out)
      assert.same({ error = "Prompt missing" }, fal.json.decode(files.read(dir .. "/refused.json")))
      assert.same({ 512, 512 }, size_of "boat.png")
    end)

    it("queue.sh is three processes with one id", function ()
      local out, code = sh("examples/seeds/queue.sh " .. dir)
      assert.equal(0, code, out)
      local id = out:match "^submitted (%S+)\n"
      assert.matches("\n" .. dir:gsub("%p", "%%%0") .. "/tram.png\n$", out)
      assert.equal(id, open("tram.png").text.request_id)
    end)

    describe("webhook.lua", function ()
      local hooks, process

      setup(function ()
        local folder = files.folder()
        assert(child.sh("mkfifo " .. folder .. "/out"))
        process = assert(io.popen("exec env -u LD_PRELOAD node spec/support/hookd.mjs >" .. folder .. "/out", "w"))
        local out = assert(io.open(folder .. "/out", "r"))
        hooks = { file = out, url = assert(out:read "*l"), folder = folder }
      end)

      teardown(function ()
        process:close()
        hooks.file:close()
        files.remove_folder(hooks.folder)
      end)

      -- Asks for a picture: the request's id and its delivery.
      local function delivered()
        local out, code = sh(("%s examples/seeds/webhook.lua submit %s/ok"):format(FALUA, hooks.url),
                             "WEBHOOK_FOLDER=" .. dir)
        assert.equal(0, code, out)
        return out:match "^(%S+)\n$", assert(fal.json.decode(assert(hooks.file:read "*l")))
      end

      -- Hands a delivery to it as a web server would: the status, the word.
      local function handle(headers, body)
        local words = { "WEBHOOK_FOLDER=" .. dir }
        for name, value in pairs(headers) do
          if name:find "^x%-fal%-webhook" then
            words[#words + 1] = child.quoted("HTTP_" .. name:upper():gsub("-", "_") .. "=" .. value)
          end
        end
        local f = assert(io.open(dir .. "/body", "wb"))
        f:write(body)
        f:close()
        local out, code = sh(("%s examples/seeds/webhook.lua <%s/body"):format(FALUA, dir), table.concat(words, " "))
        assert.equal(0, code, out)
        return tonumber(out:match "^Status: (%d+) "), out:match "\r\n\r\n(.*)\n$"
      end

      it("verifies, downloads and stores, once", function ()
        local id, seen = delivered()
        assert.same({ 200, "stored" }, { handle(seen.headers, seen.body) })
        assert.equal(id, open(id .. "-1.png").text.request_id)
        assert.same({ 512, 512 }, size_of(id .. "-1.png"))
        os.remove(dir .. "/" .. id .. "-1.png")
        assert.same({ 200, "known" }, { handle(seen.headers, seen.body) })
        assert.is_nil(io.open(dir .. "/" .. id .. "-1.png"))
      end)

      it("refuses what was changed, and what is not ours", function ()
        local id, seen = delivered()
        assert.equal(401, (handle(seen.headers, (seen.body:gsub('"OK"', '"KO"')))))
        assert.equal(401, (handle({}, seen.body)))
        os.remove(dir .. "/" .. id .. ".wanted")
        assert.same({ 404, "not ours" }, { handle(seen.headers, seen.body) })
        assert.is_nil(io.open(dir .. "/" .. id .. "-1.png"))
      end)
    end)
  end)

  it("is there for every file of examples/seeds", function ()
    local spec = files.read "spec/seeds_spec.lua"
    for _, name in ipairs(files.list "examples/seeds") do
      assert.is_truthy(spec:find(name, 1, true), name .. " is not run here")
    end
  end)
end)
