-- The preview models of `falua serve` as their callers see them: each family
-- does with its inputs what the real one does, as far as a drawing can.

local fal = require "fal"
local serve = require "spec.support.serve"

local server, dir

setup(function()
  server = serve.start()
  dir = server.dir
end)
teardown(function() server:stop() end)


---- Pictures to send ----------------------------------------------------------

local function uri(image)
  return assert(image:data_uri())
end


-- A picture of w x h whose pixels are what f(x, y) says.
local function picture(w, h, f)
  local image = fal.image.new(w, h, "#000")
  for y = 0, h - 1 do
    for x = 0, w - 1 do image:pixel(x, y, f(x, y)) end
  end
  return image
end


local function photo(w, h)
  return picture(w or 96, h or 64, function (x, y)
    return {(x * 7) % 256, (y * 5) % 256, (x * y) % 256}
  end)
end


-- White where something is to be done.
local function mask(w, h, x0, y0, x1, y1)
  return picture(w, h, function (x, y)
    return x >= x0 and x < x1 and y >= y0 and y < y1 and "#fff" or "#000"
  end)
end


-- A house as a child draws it: black lines on white.
local function sketch()
  return picture(128, 96, function (x, y)
    local wall = x >= 40 and x <= 88 and y >= 40 and y <= 80 and
                 (x < 43 or x > 85 or y < 43 or y > 77)
    local roof = y >= 20 and y <= 40 and
                 math.abs(math.abs(x - 64) - (y - 20) * 1.3) < 2
    return (wall or roof) and "#000" or "#fff"
  end)
end


---- Calls ---------------------------------------------------------------------

local function post(id, input)
  return server:post("/" .. id, fal.json.encode(input))
end


-- The answer to an input that is fine.
local function run(id, input)
  local answer = post(id, input)
  assert.equal(200, answer.status, id .. ": " .. answer.body)
  return assert(fal.json.decode(answer.body)), answer
end


local function bytes_of(image)
  local at = image.url:find "base64,"
  if not at then return server:get(image.url).body end
  local path = dir .. "/inline"
  local p = assert(io.popen("base64 -d >" .. path, "w"))
  p:write((image.url:sub(at + 7)))
  p:close()
  local f = assert(io.open(path, "rb"))
  local s = f:read("*a")
  f:close()
  return s
end


local function decoded(image)
  return assert(fal.image.decode(bytes_of(image)))
end


-- The first picture that an input makes.
local function made(id, input)
  input.seed = input.seed or 7
  local result = run(id, input)
  return decoded(result.images and result.images[1] or result.image), result
end


-- The flaw of a refused input, by the last part of its place.
local function refused(id, input, name)
  local answer = post(id, input)
  assert.equal(422, answer.status, id .. ": " .. answer.body)
  for _, flaw in ipairs(fal.json.decode(answer.body).detail) do
    if flaw.loc[#flaw.loc] == name then return flaw end
  end
  error("no flaw at " .. name .. ": " .. answer.body)
end


-- Mean difference of two pictures of one size, 0 to 255, above a row.
local function difference(a, b, rows)
  assert.same({a.width, a.height}, {b.width, b.height})
  local sum, n = 0, 0
  for y = 0, (rows or a.height) - 1, 2 do
    for x = 0, a.width - 1, 2 do
      local r, g, bl = a:pixel(x, y)
      local r2, g2, b2 = b:pixel(x, y)
      sum = sum + math.abs(r - r2) + math.abs(g - g2) + math.abs(bl - b2)
      n = n + 3
    end
  end
  return sum / n
end


local SMALL = {width = 128, height = 96}


---- Every one of them ---------------------------------------------------------

local function known()
  local detail = fal.json.decode(post("fal-ai/none", {}).body).detail
  local ids = {}
  for id in detail:gmatch "fal%-ai/[%w%./_%-]+[%w]" do
    if id ~= "fal-ai/none" then ids[#ids + 1] = id end
  end
  return ids
end


describe("every preview model", function ()
  it("answers its required inputs with pictures that say what they are", function ()
    local ids = known()
    assert.is_true(#ids > 50)
    local image = uri(photo())
    for _, id in ipairs(ids) do
      local result = run(id, {
        prompt = "a lighthouse", image_url = image, image_urls = {image},
        mask_url = uri(mask(96, 64, 10, 10, 60, 50)),
        control_image_url = image, change_map_image_url = image, seed = 3,
        image_size = SMALL, aspect_ratio = id:find "banana" and "1:1" or nil,
        resolution = id:find "banana" and "0.5K" or nil,
      })
      local first = result.images and result.images[1] or result.image
      if first then
        local info = assert(fal.image.info(bytes_of(first)))
        assert.same({info.width, info.height}, {first.width, first.height}, id)
        assert.equal(first.content_type, info.type)
        assert.equal(id, info.text.model, id)
        assert.matches("preview", info.text.Comment, id)
      end
    end
  end)

  it("refuses an input without what it requires, naming it", function ()
    for _, id in ipairs(known()) do
      local answer = post(id, {})
      assert.equal(422, answer.status, id)
      local flaw = fal.json.decode(answer.body).detail[1]
      assert.equal("missing", flaw.type, id)
    end
  end)

  it("makes the same bytes for the same request", function ()
    local image = uri(photo())
    for _, id in ipairs {"fal-ai/flux-lora", "fal-ai/flux/dev/image-to-image",
                         "fal-ai/controlnet/depth", "fal-ai/birefnet",
                         "fal-ai/fast-sdxl"} do
      local input = {
        prompt = "a fox", image_url = image, control_image_url = image,
        seed = 5, image_size = SMALL, loras = {{path = "x/ink"}},
      }
      local a, b = run(id, input), run(id, input)
      a, b = a.images and a.images[1] or a.image, b.images and b.images[1] or b.image
      assert.equal(a.url, b.url, id)
    end
  end)
end)


describe("a model that makes video or sound", function ()
  it("is not here, and the answer says how to go on", function ()
    for _, id in ipairs {"fal-ai/veo3.1", "fal-ai/wan-t2v", "fal-ai/ltx-video",
                         "fal-ai/kling-video/v2.1/master/image-to-video",
                         "fal-ai/minimax/hailuo-02/standard/image-to-video",
                         "fal-ai/hunyuan-video", "fal-ai/kokoro/american-english",
                         "fal-ai/stable-audio", "fal-ai/minimax/speech-02-hd"} do
      for _, path in ipairs {"/", "/queue/"} do
        local answer = server:post(path .. id, '{"prompt":"a"}')
        assert.equal(404, answer.status, id)
        local detail = fal.json.decode(answer.body).detail
        assert.matches("no local preview for '" .. id:gsub("%p", "%%%0") .. "'", detail)
        assert.matches("FAL_KEY", detail)
        assert.equal("0", answer.headers["x-fal-billable-units"])
      end
    end
  end)

  it("is told apart from pictures that have no preview", function ()
    for _, id in ipairs {"fal-ai/swan", "fal-ai/taiwan/image", "fal-ai/ideogram/v3"} do
      local detail = fal.json.decode(post(id, {prompt = "a"}).body).detail
      assert.matches("^There is no endpoint '", detail)
    end
  end)
end)


---- Text to image -------------------------------------------------------------

describe("text to image", function ()
  it("has the sizes of ultra's ratios", function ()
    local result = run("fal-ai/flux-pro/v1.1-ultra", {prompt = "a", seed = 1})
    local image = result.images[1]
    assert.same({2752, 1536}, {image.width, image.height})
    local flaw = refused("fal-ai/flux-pro/v1.1-ultra",
                         {prompt = "a", aspect_ratio = "5:1"}, "aspect_ratio")
    assert.equal("literal_error", flaw.type)
  end)

  it("takes the older names and the other families", function ()
    for _, id in ipairs {"fal-ai/flux-pro-ultra", "fal-ai/flux/pro",
                         "fal-ai/z-image/turbo", "fal-ai/qwen-image"} do
      run(id, {prompt = "a", image_size = SMALL})
    end
  end)

  it("keeps out what the negative prompt names", function ()
    local input = {prompt = "lake with pine trees at noon", image_size = SMALL}
    local with = made("fal-ai/fast-sdxl", input)
    input.negative_prompt = "trees"
    local without = made("fal-ai/fast-sdxl", input)
    assert.is_true(difference(with, without) > 1)
    local never = made("fal-ai/fast-sdxl", {
      prompt = "lake with pine trees at noon", image_size = SMALL,
      negative_prompt = "blurry, low quality, watermark",
    })
    assert.equal(0, difference(with, never))
  end)

  it("draws otherwise with another guidance and another scheduler", function ()
    local usual = made("fal-ai/fast-sdxl", {prompt = "a fox", image_size = SMALL})
    for name, value in pairs {guidance_scale = 18, scheduler = "DPM++ 2M"} do
      local other = made("fal-ai/fast-sdxl", {
        prompt = "a fox", image_size = SMALL, [name] = value,
      })
      assert.is_true(difference(usual, other) > 0.5, name)
    end
    local same = made("fal-ai/fast-sdxl", {
      prompt = "a fox", image_size = SMALL, guidance_scale = 7.5,
    })
    assert.equal(0, difference(usual, same))
  end)

  it("answers nano-banana with pictures and a description alone", function ()
    local result = run("fal-ai/nano-banana-2", {prompt = "a", resolution = "0.5K"})
    assert.equal("", result.description)
    assert.is_nil(result.seed)
    assert.equal(1, #result.images)
  end)

  it("has sync_mode by default where the real one has", function ()
    local result = run("fal-ai/fast-lcm-diffusion",
                       {prompt = "a", image_size = SMALL, request_id = "r1"})
    assert.matches("^data:image/png;base64,", result.images[1].url)
    assert.equal("r1", result.request_id)
  end)

  it("makes JPEG when asked to, saying in a comment what it is", function ()
    for _, name in ipairs {"jpeg", "jpg"} do
      local image = run("fal-ai/flux/dev", {
        prompt = "a fox", seed = 1, image_size = SMALL, output_format = name,
      }).images[1]
      assert.equal("image/jpeg", image.content_type)
      assert.matches("%.jpg$", image.file_name)
      local bytes = server:get(image.url).body
      assert.equal("\255\216\255", bytes:sub(1, 3))
      assert.truthy(bytes:find("not made by a diffusion model", 1, true))
      local info = fal.image.info(bytes)
      assert.same({"image/jpeg", 128, 96}, {info.type, info.width, info.height})
    end
    local sdxl = run("fal-ai/fast-sdxl", {prompt = "a", image_size = SMALL,
                                          format = "jpeg"}).images[1]
    assert.equal("image/jpeg", sdxl.content_type)
  end)
end)


---- LoRAs ---------------------------------------------------------------------

describe("a LoRA", function ()
  local plain

  setup(function ()
    plain = made("fal-ai/flux-lora", {prompt = "a fox in snow", image_size = SMALL})
  end)

  it("changes the picture, the more the larger its scale", function ()
    local before = 0
    for _, scale in ipairs {0.2, 0.6, 1} do
      local styled = made("fal-ai/flux-lora", {
        prompt = "a fox in snow", image_size = SMALL,
        loras = {{path = "https://huggingface.co/x/papercut-lora/resolve/main/p.safetensors",
                  scale = scale}},
      })
      local d = difference(plain, styled, 70)
      assert.is_true(d > before + 1, ("%g: %g"):format(scale, d))
      before = d
    end
  end)

  it("of scale 0 changes nothing above the caption", function ()
    local styled = made("fal-ai/flux-lora", {
      prompt = "a fox in snow", image_size = SMALL,
      loras = {{path = "x/papercut", scale = 0}},
    })
    assert.equal(0, difference(plain, styled, 60))
  end)

  it("is heard in lora_url and in the prompt, which is echoed whole", function ()
    local prompt = "a fox in snow <lora:moments-papercut-style:0.9>"
    local tagged, result = made("fal-ai/flux-lora", {prompt = prompt, image_size = SMALL})
    assert.equal(prompt, result.prompt)
    assert.is_true(difference(plain, tagged, 70) > 2)
    local by_url = made("fal-ai/flux-lora", {
      prompt = "a fox in snow", image_size = SMALL,
      lora_url = "https://storage.googleapis.com/fal-lora/cyberpunk.safetensors",
    })
    assert.is_true(difference(plain, by_url, 70) > 2)
    assert.is_true(difference(tagged, by_url, 70) > 2)
  end)

  it("is refused beyond fal's scale, naming its place", function ()
    local input = {prompt = "a", loras = {{path = "a"}, {path = "b", scale = 5}}}
    local flaw = refused("fal-ai/flux-lora", input, "scale")
    assert.same({"body", "loras", 1, "scale"}, flaw.loc)
    assert.equal("less_than_equal", flaw.type)
    flaw = refused("fal-ai/flux-lora", {prompt = "a", loras = {{scale = 1}}}, "path")
    assert.equal("missing", flaw.type)
  end)
end)


---- Control images ------------------------------------------------------------

-- How much darker or lighter the picture is along the lines of the sketch
-- than two pixels beside them.
local function along_lines(image)
  local lines = sketch()
  local sum, n = 0, 0
  for y = 2, 81 do
    for x = 2, 125 do
      if lines:pixel(x, y) == 0 and lines:pixel(x - 1, y) ~= 0 then
        local a, b = image:pixel(x + 1, y), image:pixel(x - 4, y)
        sum, n = sum + math.abs(a - b), n + 1
      end
    end
  end
  return sum / n
end


describe("a control image", function ()
  it("has its edges in the picture, the stronger the larger the scale", function ()
    local before = along_lines(made("fal-ai/controlnet/scribble", {
      prompt = "a forest", image_size = SMALL, control_image = uri(sketch()),
      conditioning_scale = 0,
    }))
    for _, scale in ipairs {0.3, 0.8} do
      local now = along_lines(made("fal-ai/controlnet/scribble", {
        prompt = "a forest", image_size = SMALL, control_image = uri(sketch()),
        conditioning_scale = scale,
      }))
      assert.is_true(now > before + 5, ("%g: %g"):format(scale, now))
      before = now
    end
  end)

  it("comes as a data: URI, as base64 with a type, as a URL of this server", function ()
    local whole = uri(sketch())
    local kept = run("fal-ai/esrgan", {image_url = whole, scale = 1}).image.url
    local forms = {
      whole, {base64 = whole:match ",(.*)$", media_type = "image/png"},
      {url = whole},
    }
    local first
    for i, form in ipairs(forms) do
      local image = made("fal-ai/controlnet/canny", {
        prompt = "a hill", image_size = SMALL, control_image = form,
      })
      first = first or image
      assert.equal(0, difference(first, image), i)
    end
    made("fal-ai/controlnet/canny", {prompt = "a hill", image_size = SMALL,
                                     control_image_url = kept})
  end)

  it("shapes by depth and by pose too", function ()
    local plain = made("fal-ai/flux/dev", {prompt = "a hill", image_size = SMALL})
    local near = picture(64, 48, function (x, y)
      return (x - 32) ^ 2 + (y - 24) ^ 2 < 200 and "#fff" or "#222"
    end)
    local pose = picture(64, 48, function (x, y)
      if x == 32 and y > 8 and y < 16 then return "#0000ff" end
      if x > 30 and x < 34 and y >= 16 and y < 30 then return "#00ff00" end
      if x == 28 + math.floor((y - 30) / 4) and y >= 30 and y < 44 then return "#00ff55" end
      return "#000"
    end)
    for kind, control in pairs {depth = near, pose = pose} do
      local shaped = made("fal-ai/controlnet/" .. kind, {
        prompt = "a hill", image_size = SMALL, control_image = uri(control),
        conditioning_scale = 1,
      })
      assert.is_true(difference(plain, shaped, 70) > 2, kind)
    end
  end)

  it("works in SDXL's unions and flux-general's lists", function ()
    local lines = uri(sketch())
    local plain = made("fal-ai/flux-general", {prompt = "a hill", image_size = SMALL})
    local inputs = {
      {controlnets = {{path = "x/canny", control_image_url = lines}}},
      {controlnet_unions = {{path = "x", controls = {
        {control_image_url = lines, control_mode = "canny"}}}}},
      {control_loras = {{path = "x", control_image_url = lines, preprocess = "canny"}}},
    }
    for i, input in ipairs(inputs) do
      input.prompt, input.image_size = "a hill", SMALL
      local shaped = made("fal-ai/flux-general", input)
      assert.is_true(difference(plain, shaped) > 2, i)
    end
    local union = {prompt = "a hill", image_size = SMALL}
    local before = made("fal-ai/sdxl-controlnet-union", union)
    union.canny_image_url = lines
    local after = made("fal-ai/sdxl-controlnet-union", union)
    assert.is_true(difference(before, after) > 1)
  end)

  it("is missed and refused in fal's words", function ()
    assert.equal("missing", refused("fal-ai/controlnet/depth", {prompt = "a"},
                                    "control_image").type)
    local flaw = refused("fal-ai/controlnet/depth", {
      prompt = "a", control_image = uri(sketch()), conditioning_scale = 2.5,
    }, "conditioning_scale")
    assert.equal("less_than_equal", flaw.type)
    local broken = {prompt = "a", controlnets = {{path = "x",
      control_image_url = "data:image/png;base64,AAAA"}}}
    flaw = refused("fal-ai/flux-general", broken, "control_image_url")
    assert.equal("image_load_error", flaw.type)
    assert.same({"body", "controlnets", 0, "control_image_url"}, flaw.loc)
    broken.controlnets[1].control_image_url = server.url .. "/files/" .. ("0"):rep(32) .. ".png"
    assert.equal("file_download_error",
                 refused("fal-ai/flux-general", broken, "control_image_url").type)
  end)
end)


---- From a picture ------------------------------------------------------------

describe("image to image", function ()
  local ID = "fal-ai/flux/dev/image-to-image"
  local input

  setup(function ()
    input = picture(160, 120, function (x, y)
      return {200 - y, 90 + math.floor(x / 2), (math.floor(x / 20) + math.floor(y / 20)) % 2 * 120}
    end)
  end)


  local function at(strength)
    return (made(ID, {prompt = "the sea at night", image_url = uri(input),
                      strength = strength}))
  end

  it("of strength 0 is the input, but for the caption", function ()
    assert.equal(0, difference(input, at(0), 60))
  end)

  it("of strength 1 is the prompt's picture", function ()
    local prompt = made("fal-ai/flux/dev", {
      prompt = "the sea at night", image_size = {width = 160, height = 120},
      num_inference_steps = 40,
    })
    assert.equal(0, difference(prompt, at(1), 60))
  end)

  it("moves from one to the other", function ()
    local last = -1
    for _, strength in ipairs {0.2, 0.5, 0.8, 1} do
      local d = difference(input, at(strength), 60)
      assert.is_true(d > last, ("%g: %g"):format(strength, d))
      last = d
    end
  end)

  it("reads JPEG, and says what it cannot read", function ()
    local jpeg = run("fal-ai/flux/dev", {prompt = "a", image_size = SMALL,
                                         output_format = "jpeg"}).images[1].url
    local image = made(ID, {prompt = "a", image_url = jpeg})
    assert.same({128, 96}, {image.width, image.height})
    local bytes = server:get(jpeg).body
    local cut = dir .. "/cut.jpg"
    local f = assert(io.open(cut, "wb"))
    f:write((bytes:sub(1, math.floor(#bytes / 2))))
    f:close()
    local p = assert(io.popen("base64 -w0 " .. cut))
    local text = p:read("*a")
    p:close()
    local flaw = refused(ID, {prompt = "a", image_url = "data:image/jpeg;base64," .. text},
                         "image_url")
    assert.equal("image_load_error", flaw.type)
    assert.equal("image_too_small", refused(ID, {prompt = "a",
      image_url = uri(fal.image.new(8, 8, "#fff"))}, "image_url").type)
    flaw = refused(ID, {prompt = "a", image_url = "ftp://x/y.png"}, "image_url")
    assert.equal("body", flaw.loc[1])
  end)
end)


describe("inpainting", function ()
  it("repaints where the mask is white and nothing else", function ()
    local before = photo(160, 120)
    local white = mask(160, 120, 30, 20, 130, 100)
    for _, id in ipairs {"fal-ai/flux-pro/v1/fill", "fal-ai/flux-lora/inpainting",
                         "fal-ai/flux-general/inpainting"} do
      local after = made(id, {prompt = "a red balloon", image_url = uri(before),
                              mask_url = uri(white)})
      local changed = 0
      for y = 0, 119 do
        for x = 0, 159 do
          local r, g, b = before:pixel(x, y)
          local r2, g2, b2 = after:pixel(x, y)
          local same = r == r2 and g == g2 and b == b2
          if white:pixel(x, y) == 0 then
            assert(same, ("%s changed %d,%d"):format(id, x, y))
          elseif not same then
            changed = changed + 1
          end
        end
      end
      assert.is_true(changed > 7000, id .. ": " .. changed)
    end
  end)

  it("leaves everything with a mask that is black", function ()
    local before = photo()
    local after = made("fal-ai/flux-pro/v1/fill", {
      prompt = "a", image_url = uri(before), mask_url = uri(mask(96, 64, 0, 0, 0, 0)),
    })
    assert.equal(0, difference(before, after))
  end)
end)


---- Utilities -----------------------------------------------------------------

describe("an upscaler", function ()
  it("resizes by its factor, as Lanczos does", function ()
    local small = photo(40, 30)
    local rows = {
      {"fal-ai/clarity-upscaler", {upscale_factor = 3}, 3},
      {"fal-ai/esrgan", {scale = 2}, 2}, {"fal-ai/aura-sr", {}, 4},
      {"fal-ai/ccsr", {}, 2}, {"fal-ai/drct-super-resolution", {}, 4},
      {"fal-ai/seedvr/upscale/image", {upscale_factor = 2}, 2},
      {"fal-ai/topaz/upscale/image", {upscale_factor = 1.5}, 1.5},
      {"fal-ai/recraft/upscale/crisp", {}, 4},
    }
    for _, row in ipairs(rows) do
      row[2].image_url = uri(small)
      local image = made(row[1], row[2])
      local expected = small:resize(math.floor(40 * row[3]), math.floor(30 * row[3]),
                                    {filter = "lanczos"})
      assert.is_true(difference(expected, image, math.floor(image.height / 3)) < 0.01, row[1])
    end
    local target = made("fal-ai/seedvr/upscale/image", {
      image_url = uri(small), upscale_mode = "target", target_resolution = "720p",
    })
    assert.same({960, 720}, {target.width, target.height})
  end)

  it("keeps to its limits", function ()
    local image = uri(photo())
    assert.equal("less_than_equal", refused("fal-ai/clarity-upscaler",
      {image_url = image, upscale_factor = 9}, "upscale_factor").type)
    assert.equal("literal_error", refused("fal-ai/aura-sr",
      {image_url = image, upscale_factor = 3}, "upscale_factor").type)
    local flaw = refused("fal-ai/seedvr/upscale/image", {
      image_url = uri(fal.image.new(2048, 2048, "#345")), upscale_factor = 10,
    }, "image_url")
    assert.equal("image_too_large", flaw.type)
  end)
end)


describe("tools", function ()
  it("find Canny's edges, for real", function ()
    local image = photo(80, 60)
    local edges = made("fal-ai/image-preprocessors/canny", {image_url = uri(image)})
    assert.equal(0, difference(image:blur(1):canny {low = 100, high = 200}, edges))
    assert.equal("less_than_equal", refused("fal-ai/image-preprocessors/canny",
      {image_url = uri(image), low_threshold = 300}, "low_threshold").type)
  end)

  it("cut a thing from a plain ground, with soft borders", function ()
    local image = picture(120, 90, function (x, y)
      return (x - 60) ^ 2 + (y - 45) ^ 2 < 700 and {200, 40 + x, 30} or {225, 228, 230}
    end)
    for _, id in ipairs {"fal-ai/birefnet/v2", "fal-ai/imageutils/rembg",
                         "fal-ai/bria/background/remove"} do
      local cut = made(id, {image_url = uri(image)})
      assert.equal(4, cut.channels, id)
      assert.equal(255, (select(4, cut:pixel(60, 45))), id)
      assert.equal(0, (select(4, cut:pixel(3, 3))), id)
    end
    local boxed = made("fal-ai/imageutils/rembg", {image_url = uri(image), crop_to_bbox = true})
    assert.is_true(boxed.width < 70 and boxed.width > 45)
    local _, result = made("fal-ai/birefnet", {image_url = uri(image), output_mask = true})
    assert.equal(1, decoded(result.mask_image).channels)
  end)

  it("guess depth, near below", function ()
    local depth = made("fal-ai/imageutils/depth", {image_url = uri(photo())})
    assert.equal(1, depth.channels)
    local above, below = 0, 0
    for x = 0, 95 do
      above, below = above + depth:pixel(x, 4), below + depth:pixel(x, 60)
    end
    assert.is_true(below > above)
  end)

  it("count skin colours and call it no more than that", function ()
    local function probability(color)
      return run("fal-ai/imageutils/nsfw",
                 {image_url = uri(fal.image.new(32, 32, color))}).nsfw_probability
    end
    assert.equal(0, probability "#2040c0")
    assert.is_true(probability "#d8a078" > 0.9)
  end)
end)


---- Streams and bills -----------------------------------------------------------

describe("a stream", function ()
  it("shows sharper and sharper pictures, the last one whole", function ()
    local answer = server:post("/fal-ai/flux/dev/stream", fal.json.encode {
      prompt = "a fox in snow", seed = 7, image_size = {width = 256, height = 192},
    })
    assert.equal(200, answer.status, answer.body)
    local events = {}
    for data in answer.body:gmatch "data: ([^\n]*)\n\n" do
      events[#events + 1] = assert(fal.json.decode(data))
    end
    assert.equal(5, #events)
    for k = 1, 4 do
      assert.matches("^data:image/jpeg;base64,", events[k].images[1].url)
      assert.is_true(events[k].progress < events[k + 1].progress)
    end
    local result = run("fal-ai/flux/dev", {
      prompt = "a fox in snow", seed = 7, image_size = {width = 256, height = 192},
    })
    assert.equal(result.images[1].url, events[5].images[1].url)
  end)
end)


describe("a bill", function ()
  it("is in the real model's units", function ()
    local function units(id, input)
      local _, answer = run(id, input)
      return answer.headers["x-fal-billable-units"]
    end
    local image = uri(photo(64, 64))
    assert.equal("4", units("fal-ai/flux/dev", {
      prompt = "a", num_images = 2, image_size = {width = 1200, height = 1000}}))
    assert.equal("1", units("fal-ai/flux-pro/v1.1-ultra", {prompt = "a"}))
    assert.equal("2", units("fal-ai/flux-pro/kontext", {
      prompt = "a", image_url = image, num_images = 2}))
    assert.is_true(tonumber(units("fal-ai/fast-sdxl", {
      prompt = "a", image_size = SMALL})) > 0)
  end)
end)
