-- What README.md and docs/ say is so: every ```lua and ```sh block runs, in
-- the order of its page, in a folder of the page's own, against a server of
-- its own; every name they use exists.
--
-- A comment before a block says what else to do with it:
--   <!-- not run: why -->      it is only parsed, and the reason printed
--   <!-- needs: MODULE -->     it runs where that module is installed
--   <!-- file: NAME -->        it is written to the page's folder
-- A Lua block that begins with '-- NAME.lua' is a file too. REQUEST_ID is that
-- of a request which the server has; 'falua serve' is ended once it listens,
-- 'falua listen' soon.

local fal = require "fal"
local child = require "spec.support.child"
local serve = require "spec.support.serve"
local server = require "spec.support.server"

local load = loadstring or load   -- luacheck: ignore
local HERE = os.getenv "PWD"
local META = server.read "lua/meta/fal.lua"


local function absolute(path)
  return path:sub(1, 1) == "/" and path or HERE .. "/" .. path
end


local FALUA = absolute(serve.falua)


local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end


---- Reading pages ------------------------------------------------------

-- The blocks of a page: { kind =, text =, line =, note =, value = }; note and
-- value are of the comment before. And the page with no more than its code.
local function read_page(path)
  local blocks, code, open, note, value, number = {}, {}, nil, nil, nil, 0
  for line in (server.read(path) .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local fence = line:match "^```(.*)$"
    if open and fence then
      open.text = table.concat(open, "\n") .. "\n"
      code[#code + 1] = open.text
      open, note, value = nil, nil, nil
    elseif open then
      open[#open + 1] = line
    elseif fence then
      open = { kind = fence, line = number, note = note, value = value }
      blocks[#blocks + 1] = open
    elseif line ~= "" then
      note, value = line:match "^<!%-%- ([%l ]+): (.-) %-%->$"
      for span in line:gmatch "`([^`]+)`" do code[#code + 1] = span end
    end
  end
  assert(not open, path .. ": a block without an end")
  return blocks, table.concat(code, "\n")
end


local function pages()
  local list = { "README.md" }
  for _, name in ipairs(server.list "docs") do
    if name:find "%.md$" then list[#list + 1] = "docs/" .. name end
  end
  return list
end


---- Running blocks -----------------------------------------------------

local WRAPPER = [[#!/bin/sh
# falua, but 'falua serve' takes a free port and ends once it listens, and
# 'falua listen' does so when nothing has come; 'falua doctor' does not hear of
# the module of the Lua that runs this.
for word; do case $word in -h|--help) exec %s "$@";; esac; done
[ "$1" != listen ] || exec %s "$@" --listen 127.0.0.1:0 --timeout 0.2
case " $* " in *" doctor "*) unset LUA_CPATH;; esac
[ "$1" = serve ] || exec %s "$@"
fifo=$(mktemp -u ./listening.XXXXXX) && mkfifo $fifo
%s "$@" --listen 127.0.0.1:0 >$fifo & pid=$!
read -r line <$fifo; rm $fifo
kill $pid; wait $pid; status=$?
case $line in "listening on http://127.0.0.1:"*) exit $status;; esac
echo "did not listen: $line"; exit 1
]]

local FIXTURES = {
  ["prompts.csv"] = "prompt,seed:integer\nspring in the hills,1\nsummer in the hills,2\n",
  ["words.txt"] = "forbidden\n~doubtful\n",
  ["keys.txt"] = "ann ann-id:ann-secret rate=10/s images=1000/day\n",
  ["my-post.md"] = "---\ntitle: A post\n---\nText.\n",
}


-- A folder with what the pages take for granted, and its server.
local function start()
  local place = { dir = server.folder() }
  local dir, q = place.dir, child.quoted(FALUA)
  assert(os.execute(("mkdir %s/bin %s/build %s/apps %s/home"):format(dir, dir, dir, dir)))
  os.execute(("ln -s %s %s/examples"):format(child.quoted(HERE .. "/examples"), dir))
  write(dir .. "/bin/falua", WRAPPER:format(q, q, q, q))
  os.execute(("chmod +x %s/bin/falua && ln -s ../bin/falua %s/build/falua"):format(dir, dir))
  for name, text in pairs(FIXTURES) do write(dir .. "/" .. name, text) end
  fal.check(fal.check(fal.image.new(320, 240, "#c06020")):save(dir .. "/photo.png"))
  place.server = serve.start("--apps " .. dir .. "/apps --webhook-delay 0.02")
  local client = fal.client { base_url = place.server.url, journal = dir .. "/setup.journal" }
  local input = { prompt = "a picture", image_size = { width = 64, height = 48 }, seed = 3, output_format = "png" }
  fal.check(client:save(fal.check(client:run("fal-ai/flux/schnell", { input = input })), dir .. "/picture.png"))
  place.request_id = fal.check(client.queue.submit("fal-ai/flux/dev", { input = input })).request_id
  return place
end


local function stop(place)
  place.server:stop()
  server.remove_folder(place.dir)
end


local function environment(place)
  local cpath = (os.getenv "LUA_CPATH" or ";;"):gsub("^([^/;])", HERE .. "/%1")
  return ("env -u FAL_KEY -u FAL_KEY_ID -u FAL_KEY_SECRET FAL_BASE_URL=%s HOME=%s/home PATH=%s/bin:\"$PATH\" LUA_CPATH=%s")
    :format(place.server.url, place.dir, place.dir, child.quoted(cpath))
end


local PROGRAM = { lua = "%s -e 'fal = require \"fal\"' %s", sh = "%s -eu %s" }

local function run(place, block)
  local name = place.dir .. "/block." .. block.kind
  write(name, (block.text:gsub("REQUEST_ID", place.request_id)))
  local lua = child.lua:find "/" and absolute(child.lua) or child.lua
  local program = PROGRAM[block.kind]:format(block.kind == "lua" and lua or "sh", name)
  local out, code = child.sh(("cd %s && %s timeout 120 %s </dev/null"):format(place.dir, environment(place), program))
  assert(code == 0, ("line %d, exit status %d:\n%s"):format(block.line, code, out))
end


local function file_name(block)
  return block.note == "file" and block.value or block.kind == "lua" and block.text:match "^%-%- ([%w_/]+%.lua)\n"
end


local function store(place, name, block)
  local folder = name:match "^(.*)/"
  if folder then os.execute(("mkdir -p %s/%s"):format(place.dir, folder)) end
  write(place.dir .. "/" .. name, block.text)
  local id = folder == "apps" and block.text:match 'fal%.app "([^"]+)"'
  if not id then return end
  for _ = 1, 2000 do     -- a new file shows with one of the next calls
    if place.server:post("/" .. id, "{}").status ~= 404 then return end
  end
  error(id .. " does not show")
end


local function installed(module)
  local _, code = child.sh(("%s -e 'require \"%s\"'"):format(child.lua, module))
  return code == 0
end


-- The C of a page compiles as it stands.
local function compile(place, block)
  write(place.dir .. "/block.c", block.text)
  local out, code = child.sh(("cc -std=c99 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -Isrc/core %s/block.c"):format(place.dir))
  assert(code == 0, ("line %d:\n%s"):format(block.line, out))
end


-- What a test does with a block, or nil and why there is none.
local function action(block)
  local name = file_name(block)
  if block.note == "not run" then return nil, block.value end
  if name then return function (place) store(place, name, block) end end
  if block.note == "needs" and not installed(block.value) then
    return nil, block.value .. " is not installed for " .. child.lua
  end
  if block.kind == "c" then return function (place) compile(place, block) end end
  if PROGRAM[block.kind] then return function (place) run(place, block) end end
  return nil
end


for _, path in ipairs(pages()) do
  describe(path, function ()
    local place

    setup(function () place = start() end)
    teardown(function () stop(place) end)

    for _, block in ipairs((read_page(path))) do
      local act, why = action(block)
      local title = ("line %d (%s)"):format(block.line, block.kind)
      if block.kind == "lua" then
        it(title .. " is Lua", function () assert(load(block.text)) end)
      end
      if act then
        it(title .. " does what it should", function () act(place) end)
      elseif why then
        pending(title .. " is not run: " .. why)
      end
    end
  end)
end


---- Names --------------------------------------------------------------

-- What looks like a name of the module and is none: hosts, files. Methods of
-- others.
local OTHERS = { ai = true, h = true, so = true, lua = true, media = true }
local METHODS = { wrap = true, loop = true }


local function exists(name)
  local value = fal
  for word in name:gmatch "[%w_]+" do
    value = type(value) == "table" and value[word]
  end
  return value or io.open("lua/fal/" .. name .. ".lua") ~= nil
    or META:find("@class fal." .. name .. "%f[^%w_]")
    or META:find("function fal." .. name .. "%f[^%w_]")
    or META:find("function " .. name .. "%f[^%w_]")
end


-- Options and commands that 'falua --help' and its commands' tell of.
local function help()
  local text = child.sh(FALUA .. " --help")
  local all, commands = { text }, {}
  for name in text:match("\ncommands:\n(.-)\n  %("):gmatch "  (%l+) +[^\n]+" do
    commands[name] = true
    all[#all + 1] = child.sh(FALUA .. " " .. name .. " --help")
  end
  return table.concat(all, "\n"), commands
end


describe("what README.md and docs/ name", function ()
  local codes = {}
  for _, path in ipairs(pages()) do
    local _, code = read_page(path)
    codes[path] = code
  end

  -- What check says is missing of what a pattern finds, by page.
  local function missing(pattern, known)
    local list, seen = {}, 0
    for path, code in pairs(codes) do
      for name in code:gmatch(pattern) do
        seen = seen + 1
        if not known(name) then list[#list + 1] = path .. ": " .. name end
      end
    end
    assert.is_true(seen > 5)
    table.sort(list)
    assert.same({}, list)
  end

  it("is in the module", function ()
    missing("%f[%w_%.%-/]fal%.([%a_][%w_%.]*)", function (name)
      name = name:gsub("%.+$", "")
      return OTHERS[name:match "^[%w_]+"] or exists(name)
    end)
  end)

  it("is a method that is documented", function ()
    missing("[%w_%)]:([%a_][%w_]*) ?[%({\"]", function (name)
      return META:find("[%w_]:" .. name .. "%(") or META:find("function [%w_.]*%." .. name .. "%(")
        or string[name] or io.stdout[name] or METHODS[name]
    end)
  end)

  it("is an option or a command of falua", function ()
    local text, commands = help()
    missing("%f[%w]falua ([^\n|;#]*)", function (words)
      for option in words:gmatch "%f[^%s%z]%-%-[%l][%l%-]+" do
        if not text:find(option:gsub("%-", "%%-") .. "%f[^%w%-]") then return false end
      end
      local word = words:gsub("^%-%-local ", ""):match "^(%l+)%f[%s%z]"
      return not word or commands[word]
    end)
  end)

  it("is a page that is there", function ()
    for _, path in ipairs(pages()) do
      local folder = path:match "^(.*/)" or ""
      for target in server.read(path):gmatch "%]%(([^%)#]+)[^%)]*%)" do
        if not target:find "^https?:" then assert.equal("", (child.sh("ls -d " .. folder .. target .. " >/dev/null"))) end
      end
    end
  end)
end)
