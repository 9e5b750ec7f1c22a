-- The blog hero pipeline, run as a user runs it: falua --local, real posts.

local fal = require "fal"

local FALUA = os.getenv "FALUA" or "build/falua"


local function sh(command)
  local p = assert(io.popen("(" .. command .. ") 2>&1; echo \"exit $?\""))
  local out = p:read "*a"
  p:close()
  local text, code = out:match "^(.*)exit (%d+)\n$"
  return text, tonumber(code)
end


local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local s = f:read "*a"
  f:close()
  return s
end


local function write(path, s)
  local f = assert(io.open(path, "wb"))
  f:write(s)
  f:close()
end


describe("blog_hero", function ()
  local dir

  local function hero(arguments)
    return sh(("%s --local examples/blog_hero.lua %s"):format(FALUA, arguments))
  end

  local function name_of(title)
    return "hero-" .. fal.digest("md5", title):sub(1, 12) .. ".png"
  end

  before_each(function ()
    dir = os.tmpname()
    os.remove(dir)
    assert(sh("mkdir " .. dir))
  end)

  after_each(function ()
    sh("rm -rf " .. dir)
  end)

  it("illustrates the posts it comes with, in one run", function ()
    sh("cp examples/posts/*.md " .. dir)
    local out, code = hero(dir .. "/*.md")
    assert.equal(0, code, out)
    local title = "Boğaz'da Sabah: Şehir Hatları Vapuruna Bir Aşk Mektubu"
    local path = dir .. "/assets/" .. name_of(title)
    assert.is_truthy(out:find(path, 1, true))
    assert.is_truthy(out:find("preview, no cost", 1, true))
    local info = fal.check(fal.image.info(path))
    assert.equal(1024, info.width)
    assert.equal(768, info.height)
    assert.is_truthy(info.text.prompt:find(title, 1, true))
    local before, after = read "examples/posts/bogazda-sabah.md", read(dir .. "/bogazda-sabah.md")
    local added = "image: assets/" .. name_of(title) .. "\n"
    local at = after:find(added, 1, true)
    assert.is_truthy(at)
    assert.equal(before, after:sub(1, at - 1) .. after:sub(at + #added))
    hero(dir .. "/*.md")
    assert.equal(after, read(dir .. "/bogazda-sabah.md"))
    local left = sh("ls " .. dir .. " " .. dir .. "/assets")
    assert.is_nil(left:find "part")
    assert.is_nil(left:find "%.new")
  end)

  it("replaces the line that is there and keeps line ends", function ()
    write(dir .. "/a.md", "---\r\ntitle: A: b\r\nimage: old.png\r\nmore: 1\r\n---\r\ntext\r\nimage: not this\r\n")
    local out, code = hero(dir .. "/a.md")
    assert.equal(0, code, out)
    assert.equal("---\r\ntitle: A: b\r\nimage: assets/" .. name_of "A: b"
      .. "\r\nmore: 1\r\n---\r\ntext\r\nimage: not this\r\n", read(dir .. "/a.md"))
  end)

  it("cuts the prompt at 500 characters, never inside one", function ()
    write(dir .. "/a.md", "---\ntitle: T\nexcerpt: " .. ("ş€"):rep(400) .. "\n---\n")
    local out = hero("--dry-run " .. dir .. "/a.md")
    local prompt = out:match "prompt   ([^\n]*)"
    local _, count = prompt:gsub("[^\128-\191]", "")
    assert.equal(500, count)
    assert.equal("T. " .. ("ş€"):rep(248) .. "ş", prompt)
  end)

  it("changes nothing in a dry run", function ()
    write(dir .. "/a.md", "---\ntitle: T\n---\n")
    local _, code = hero("--dry-run " .. dir .. "/a.md")
    assert.equal(0, code)
    assert.equal("---\ntitle: T\n---\n", read(dir .. "/a.md"))
    assert.equal("a.md\n", sh("ls " .. dir))
  end)

  it("makes the same bytes from the same seed", function ()
    write(dir .. "/a.md", "---\ntitle: Same\n---\n")
    hero("--seed 7 --assets " .. dir .. "/one " .. dir .. "/a.md")
    hero("--seed 7 --assets " .. dir .. "/two " .. dir .. "/a.md")
    local one = fal.check(fal.image.open(dir .. "/one/" .. name_of "Same"))
    local two = fal.check(fal.image.open(dir .. "/two/" .. name_of "Same"))
    one.text.request_id, two.text.request_id = nil, nil
    assert.is_true(one:png() == two:png())
    assert.is_truthy(read(dir .. "/a.md"):find("image: two/" .. name_of "Same", 1, true))
  end)

  it("does the others when one post is no good, and says which", function ()
    write(dir .. "/good.md", "---\ntitle: Good\n---\n")
    write(dir .. "/bad.md", "no front matter\n")
    local out, code = hero(dir .. "/bad.md " .. dir .. "/good.md " .. dir .. "/none.md")
    assert.equal(1, code)
    assert.is_truthy(out:find("bad.md: it has no front matter", 1, true))
    assert.is_truthy(out:find("none.md", 1, true))
    assert.is_truthy(read(dir .. "/assets/" .. name_of "Good"))
  end)
end)
