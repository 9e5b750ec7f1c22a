-- What made a picture: the texts that are written, and what is read from any.

local fal = require "fal"
local made = require "fal.made"


local function texts(known)
  local list, by_key = made.texts(known), {}
  for i = 1, #list, 2 do by_key[list[i]] = list[i + 1] end
  return by_key
end


local KNOWN = {
  prompt = "a red kite", negative_prompt = "blur, grain", seed = 42, model = "fal-ai/flux/dev",
  request_id = "r-1", index = 2, width = 1024, height = 768,
  input = { prompt = "a red kite", negative_prompt = "blur, grain", num_inference_steps = 4, guidance_scale = 3.5 },
}


describe("the texts of a picture", function ()
  it("have everything once for each kind of reader", function ()
    local t = texts(KNOWN)
    assert.equal("a red kite", t.prompt)
    assert.equal("blur, grain", t.negative_prompt)
    assert.equal("42", t.seed)
    assert.equal("fal-ai/flux/dev", t.model)
    assert.equal("r-1", t.request_id)
    assert.equal("fal for Lua " .. fal.version, t.Software)
    assert.same(KNOWN.input, fal.json.decode(t.input))
    local whole = fal.json.decode(t.fal)
    assert.same(KNOWN.input, whole.input)
    assert.equal(2, whole.index)
    assert.equal(42, whole.seed)
    assert.is_nil(whole.request_id)
    assert.is_nil(t.cost)
  end)

  it("have parameters exactly as the web UIs write them", function ()
    assert.equal("a red kite\nNegative prompt: blur, grain\n" ..
      "Steps: 4, CFG scale: 3.5, Seed: 42, Size: 1024x768, Model: fal-ai/flux/dev", made.parameters(KNOWN))
    assert.equal("p\nSteps: 20, Sampler: \"a, b: c\", Seed: 1, Model: m",
      made.parameters { prompt = "p", seed = 1, model = "m", input = { num_inference_steps = 20, scheduler = "a, b: c" } })
    assert.equal("Seed: 1, Model: m", made.parameters { seed = 1, model = "m" })
    assert.equal("", made.parameters {})
  end)

  it("tell what is not known by leaving it out", function ()
    assert.same({ "fal", "Software" }, { made.texts({})[1], made.texts({})[3] })
  end)

  it("keep seeds whole", function ()
    assert.equal("1.5", made.digits(1.5))
    assert.equal("3", made.digits(3.0))
    assert.equal("4294967295", texts { seed = 4294967295 }.seed)
    if math.maxinteger then
      assert.equal("9223372036854775807", texts { seed = math.maxinteger }.seed)
      assert.equal(math.maxinteger, made.read(texts { seed = math.maxinteger }).seed)
    end
  end)

  it("name inline data without keeping it", function ()
    local uri = "data:image/png;base64," .. ("A"):rep(5000)
    local t = texts { input = { image_url = uri, list = fal.array { uri, "short" } } }
    assert.is_true(#t.fal < 1000)
    assert.same({ image_url = "data:image/png;base64 (5022 bytes, not kept)",
      list = { "data:image/png;base64 (5022 bytes, not kept)", "short" } }, fal.json.decode(t.input))
  end)

  it("leave an input out that is too long", function ()
    local t = texts { prompt = "x", input = { notes = ("n"):rep(70000) } }
    assert.is_nil(t.input)
    assert.is_nil(fal.json.decode(t.fal).input)
    assert.equal("x", t.prompt)
  end)

  it("have the cost when it is known", function ()
    local money = setmetatable({ amount = "0.025", currency = "USD", kind = "exact", units = "1", unit = "image" },
      { __tostring = function () return "$0.025" end })
    local t = texts { cost = money }
    assert.equal("$0.025", t.cost)
    assert.equal("0.025", fal.json.decode(t.fal).cost.amount)
    assert.equal("0.5", texts { cost = 0.5 }.cost)
    assert.is_nil(texts { cost = { kind = "unknown" } }.cost)
  end)

  it("come back through a PNG, in any language", function ()
    local known = { prompt = "bir kıyı kasabası 🐈\nikinci satır", seed = 7, model = "a/b", input = { prompt = "ş" } }
    local png = fal.image.new(1, 1):png { text = texts(known) }
    local found = made.read(fal.check(fal.image.info(png)).text)
    assert.equal(known.prompt, found.prompt)
    assert.equal(7, found.seed)
    assert.equal("a/b", found.model)
    assert.same({ prompt = "ş" }, found.input)
    assert.equal("fal", found.by)
  end)
end)


describe("parameters of a web UI", function ()
  it("are read as they are written elsewhere", function ()
    local found = made.parse("masterpiece, (cat:1.2), <lora:x:0.8>\nsecond line\nNegative prompt: blurry\nand more\n" ..
      "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 2965, Size: 512x768, Model hash: 6ce0161689, " ..
      "Model: v1-5, Lora hashes: \"x: 1a2b, y: \\\"q\\\"\", Version: v1.6.0")
    assert.equal("masterpiece, (cat:1.2), <lora:x:0.8>\nsecond line", found.prompt)
    assert.equal("blurry\nand more", found.negative_prompt)
    assert.same({ Steps = "20", Sampler = "DPM++ 2M Karras", ["CFG scale"] = "7", Seed = "2965", Size = "512x768",
      ["Model hash"] = "6ce0161689", Model = "v1-5", ["Lora hashes"] = "x: 1a2b, y: \"q\"", Version = "v1.6.0" },
      found.fields)
  end)

  it("need not have a last line of fields", function ()
    local found = made.parse "just a prompt: with, colons"
    assert.equal("just a prompt: with, colons", found.prompt)
    assert.same({}, found.fields)
    assert.is_nil(found.negative_prompt)
    assert.equal("", made.parse("").prompt)
  end)

  it("are what we write", function ()
    local found = made.parse(made.parameters(KNOWN))
    assert.equal(KNOWN.prompt, found.prompt)
    assert.equal(KNOWN.negative_prompt, found.negative_prompt)
    assert.equal("fal-ai/flux/dev", found.fields.Model)
  end)

  it("become an input", function ()
    local found = made.read { parameters = "cat\nSteps: 20, CFG scale: 7.5, Seed: 5, Size: 512x768, Model: v1-5" }
    assert.equal("parameters", found.by)
    assert.equal("v1-5", found.model)
    assert.equal(5, found.seed)
    assert.same({ prompt = "cat", seed = 5, num_inference_steps = 20, guidance_scale = 7.5,
      image_size = { width = 512, height = 768 } }, found.input)
  end)

  it("may be anything without harm", function ()
    for _, text in ipairs { "\"", "a: \"", "a: \"\\", "a: \", b: \"\\\", c: d", ": : :", ",,,", "a:b,c:d,e:f,", "\n\n\n",
                            "Negative prompt:", "a: " .. ("\\"):rep(99) } do
      assert.is_table(made.parse(text))
      made.read { parameters = text, fal = text, input = text, seed = text }
    end
  end)
end)


describe("image.made", function ()
  it("says what made a picture", function ()
    local png = fal.image.new(1, 1):png { text = texts(KNOWN) }
    local found = fal.check(fal.image.made(png))
    assert.equal("fal-ai/flux/dev", found.model)
    assert.same(KNOWN.input, found.input)
    assert.equal(42, found.seed)
    assert.equal("r-1", found.request_id)
    assert.equal(2, found.index)
  end)

  it("or that it does not tell, or is none", function ()
    local found, err = fal.image.made(fal.image.new(1, 1):png())
    assert.is_nil(found)
    assert.matches("not written in it", err.message)
    found, err = fal.image.made "/nowhere.png"
    assert.is_nil(found)
    assert.equal("file", err.code)
    assert.has_error(function () fal.image.made(7) end)
  end)
end)


describe("reading texts", function ()
  it("takes single chunks where there is no JSON", function ()
    local found = made.read { prompt = "p", model = "a/b", seed = "9", input = '{"prompt":"p"}' }
    assert.equal("texts", found.by)
    assert.equal(9, found.seed)
    assert.same({ prompt = "p" }, found.input)
    assert.equal("p", made.read({ prompt = "p", fal = "no JSON" }).prompt)
    assert.equal("p", made.read({ prompt = "p", fal = '{"prompt":{"a":1},"model":7}' }).prompt)
  end)

  it("says when they do not tell", function ()
    assert.is_nil(made.read {})
    assert.is_nil(made.read { Author = "René", fal = "[1]" })
  end)
end)
