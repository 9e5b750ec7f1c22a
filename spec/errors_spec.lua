-- What the world can do to a call: each time nil, an error that says what
-- happened, nothing half written, and the key nowhere.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local KEY = "id:secret-key-value"
local SECRET = "secret-key-value"


local function client(opt)
  opt = opt or {}
  opt.base_url = opt.base_url or server.url
  opt.credentials = opt.credentials or KEY
  opt.retry = false
  return fal.client(opt)
end


local function has_secret(value, seen)
  seen = seen or {}
  if type(value) == "string" then return value:find(SECRET, 1, true) ~= nil end
  if type(value) ~= "table" or seen[value] then return false end
  seen[value] = true
  for k, v in pairs(value) do
    if has_secret(k, seen) or has_secret(v, seen) then return true end
  end
  return false
end


-- Checks a failure: its code, and each of the texts in what people read.
local function failed(value, err, code, ...)
  assert.is_nil(value)
  assert.is_table(err)
  local text = tostring(err)
  assert.equal(code, err.code, text)
  for _, part in ipairs { ... } do
    assert.truthy(text:find(part, 1, true), ("no '%s' in: %s"):format(part, text))
  end
  assert.is_false(has_secret(err), text)
  assert.is_false(has_secret(text), text)
  return err
end


local function refused(path, code, ...)
  local value, err = client():run("fault/" .. path, { input = { prompt = "a" } })
  return failed(value, err, code, "fault/" .. path, ...)
end


local function lines(s)
  return select(2, s:gsub("\n", "\n")) + 1
end


describe("before anything is sent", function ()
  it("a missing key is told, with the ways to get on", function ()
    local c = fal.client { credentials = "", base_url = "https://fal.run" }
    local value, err = c:run("fal-ai/flux/dev", { input = {} })
    failed(value, err, "auth", "no key", "FAL_KEY", "--local")
  end)

  for _, id in ipairs { "flux", "", "fal-ai/", "fal-ai//dev", "fal-ai/../dev", "https://fal.run/fal-ai/flux",
                        "fal-ai/flux dev", "fal-ai/flux\r\nX-Evil: 1" } do
    it(("%q is not an endpoint id"):format(id), function ()
      server.forget()
      local value, err = client():run(id, { input = {} })
      failed(value, err, "validation", "endpoint id")
      assert.equal(0, server.stats().requests)
    end)
  end

  it("a key with a line break is refused, unseen", function ()
    local ok, err = pcall(client, { credentials = KEY .. "\r\nX-Evil: 1" })
    assert.is_false(ok)
    failed(nil, err, "auth", "line break")
  end)

  it("so is one from a function", function ()
    server.forget()
    local value, err = client({ credentials = function () return KEY .. "\n" end }):run("fault/echo", {})
    failed(value, err, "auth", "line break")
    assert.equal(0, server.stats().requests)
  end)

  it("a header with a line break never leaves", function ()
    server.forget()
    local value, err = client():run("fault/echo", { headers = { ["X-One"] = "1\r\nX-Evil: 1" } })
    failed(value, err, "validation", "X-One", "line break")
    value, err = client():run("fault/echo", { hint = "1\r\nX-Evil: 1" })
    failed(value, err, "validation", "X-Fal-Runner-Hint", "line break")
    assert.has_error(function () client():run("fault/echo", { headers = { ["X-Evil: 1\r\nX"] = "1" } }) end)
    assert.equal(0, server.stats().requests)
  end)

  it("an input that is no JSON is named by its place", function ()
    local value, err = client():run("fault/echo", { input = { list = { 1, print } } })
    failed(value, err, "validation", "input.list", "function")
    value, err = client():run("fault/echo", { input = { x = 0 / 0 } })
    failed(value, err, "validation", "input.x")
  end)
end)


describe("the network", function ()
  it("a refused connection names the server", function ()
    local value, err = client({ base_url = "http://127.0.0.1:1" }):run("fault/echo", {})
    err = failed(value, err, "network", "127.0.0.1:1")
    assert.is_true(err.retryable)
    assert.is_nil(err.status)
  end)

  it("a name that does not exist is told", function ()
    local value, err = client({ base_url = "http://nowhere.invalid" }):run("fault/echo", {})
    failed(value, err, "network", "nowhere.invalid")
  end)

  it("a connection closed before the answer", function ()
    refused("hangup", "network", "127.0.0.1")
  end)

  it("a reset before the headers", function ()
    local value, err = client():run("fault/reset", { input = { prompt = ("x"):rep(4000000) } })
    failed(value, err, "network", "fault/reset")
  end)

  it("a reset in the middle of the body", function ()
    local value, err = client():run("fault/reset-body", { input = { prompt = ("x"):rep(4000000) } })
    failed(value, err, "network", "fault/reset-body")
  end)

  it("a body cut short is not taken for the whole", function ()
    local err = refused("cut", "network", "too early")
    assert.is_true(err.retryable)
  end)

  it("a server that says nothing runs into the timeout", function ()
    server.forget()
    local value, err = client():run("fault/stall", { timeout = 0.1 })
    failed(value, err, "timeout", "0.1 seconds")
    assert.equal(1, server.wait("hungup", 1).hungup)
  end)

  it("headers byte by byte are an answer all the same", function ()
    assert.same({ slowly = true }, (assert(client():run("fault/drip", {}))))
  end)
end)


describe("TLS", function ()
  it("does not talk to a server whose certificate it cannot verify", function ()
    server.forget()
    local value, err = client({ base_url = server.tls_url }):run("fault/echo", {})
    failed(value, err, "network", "certificate", "127.0.0.1", "ca_file")
    assert.equal(0, server.stats().requests)
  end)

  it("does once the authority is named", function ()
    local c = client { base_url = server.tls_url, ca_file = server.ca_file }
    assert.equal("POST", assert(c:run("fault/echo", {})).method)
  end)

  it("does not pass one client's authority on to another", function ()
    assert(client({ base_url = server.tls_url, ca_file = server.ca_file }):run("fault/echo", {}))
    local value, err = client({ base_url = server.tls_url }):run("fault/echo", {})
    failed(value, err, "network", "certificate")
  end)

  it("does not accept a certificate for another name", function ()
    local url = server.tls_url:gsub("127%.0%.0%.1", "localhost")
    local value, err = client({ base_url = url, ca_file = server.ca_file }):run("fault/echo", {})
    failed(value, err, "network", "certificate", "localhost")
  end)

  it("takes SSL_CERT_FILE for the authority too", function ()
    local out = child.run([[
      local fal = require "fal"
      print(fal.client({ credentials = "a:b" }):run("fault/echo", {}))
    ]], { SSL_CERT_FILE = server.ca_file, FAL_BASE_URL = server.tls_url })
    assert.truthy(out:find("^table"), out)
  end)

  it("says when the file of the authority is not there", function ()
    local value, err = client({ base_url = server.tls_url, ca_file = "/nowhere/ca.pem" }):run("fault/echo", {})
    failed(value, err, "network", "ca")
  end)
end)


describe("an answer that is no success", function ()
  it("401 is about the key", function ()
    local err = refused("status/401", "auth", "Invalid key", "FAL_KEY")
    assert.equal(401, err.status)
    assert.is_false(err.retryable)
    assert.equal("Invalid key", err.detail)
    assert.truthy(err.request_id:find("^00000000%-"))
  end)

  it("a server that repeats the key does not get it into the error", function ()
    refused("status/401-echo", "auth")
  end)

  it("403 is about what the key may do", function ()
    assert.equal(403, refused("status/403", "auth", "Exhausted balance").status)
  end)

  it("404 names the endpoint", function ()
    assert.equal(404, refused("status/404", "http", "not found").status)
  end)

  it("422 names every bad field, the reason and the request", function ()
    local err = refused("status/422", "validation", "prompt: field required (missing)",
                        "images.0.url: The file could not be fetched. (file_download_error)")
    assert.equal(422, err.status)
    assert.equal("missing", err.type)
    assert.equal("see https://docs.fal.ai/errors/#missing", err.hint)
    assert.equal("prompt", err.detail[1].loc[2])
    assert.equal(2, #err.detail)
    assert.truthy(tostring(err):find(err.request_id, 1, true))
    assert.is_true(lines(tostring(err)) <= 4, tostring(err))
  end)

  it("422 does not pour out the picture that was sent", function ()
    local err = refused("status/422-base64", "validation", "image_url: Failed to load", "seed:")
    assert.is_true(#tostring(err) < 1000)
    assert.is_nil(tostring(err):find(("[%w+/]"):rep(81)), tostring(err))
  end)

  it("429 may be tried again", function ()
    local err = refused("status/429", "http", "Too many requests")
    assert.equal("concurrent_requests_limit", err.type)
    assert.is_true(err.retryable)
  end)

  it("500 with a text", function ()
    local err = refused("status/500", "http", "Internal Server Error")
    assert.equal(500, err.status)
    assert.is_false(err.retryable)
  end)

  it("500 with a list is the model's own", function ()
    local err = refused("status/500-model", "model", "The model ran out of memory")
    assert.equal("internal_server_error", err.type)
  end)

  it("502 from something in between says so", function ()
    local err = refused("status/502", "http", "502", "text/html")
    assert.is_nil(tostring(err):find("<", 1, true))
    assert.is_nil(err.request_id)
    assert.is_true(err.retryable)
  end)

  it("503 of the platform has its type", function ()
    assert.equal("runner_connection_refused", refused("status/503", "http", "connection refused").type)
  end)

  it("504 because of the start timeout is a timeout, not to be tried again", function ()
    local err = refused("status/504", "timeout", "timed out")
    assert.is_false(err.retryable)
  end)

  it("a redirect is not followed with a key", function ()
    server.forget()
    local err = refused("redirect", "http", "307", "redirects are not followed")
    assert.equal(307, err.status)
    assert.equal(1, server.stats().requests)
  end)
end)


describe("an answer that is not what fal answers", function ()
  for path, text in pairs { ["not-json"] = "JSON", truncated = "JSON", empty = "empty answer",
                            html = "web page" } do
    it(path, function () refused(path, "protocol", text) end)
  end

  it("bytes that are no HTTP", function () refused("garbage", "protocol") end)

  for _, name in ipairs { "gzip", "br", "zstd", "deflate", "X-Odd" } do
    it("in the encoding " .. name .. " is named, with the host", function ()
      local err = refused("encoded/" .. name, "protocol", "(" .. name .. ")", server.url:match "//(.*)",
                          "Accept-Encoding")
      assert.equal("5e0f-encoded", err.request_id)
      assert.is_nil(err.status)
      assert.is_false(err.retryable)
      err = refused("encoded/" .. name .. "/502", "http", "HTTP 502", "compressed: " .. name)
      assert.is_true(err.retryable)
      assert.is_nil(tostring(err):find "%c%c")
    end)
  end

  it("in the encoding 'identity' is as it is", function ()
    assert.same({ plain = true }, (client():run("fault/encoded/Identity")))
  end)

  it("a stream in an encoding is no stream", function ()
    local events = 0
    local stream = assert(client():stream("fault/encoded/gzip", { path = "" }))
    for _ in stream do events = events + 1 end
    local value, err = stream:done()
    failed(value, err, "protocol", "(gzip)")
    assert.equal(0, events)
  end)

  for _, path in ipairs { "huge/20000000", "huge-announced/20000000" } do
    it(path .. " stops at the ceiling", function ()
      server.forget()
      local value, err = client({ max_response = 100000 }):run("fault/" .. path, {})
      failed(value, err, "toobig", "100000", "max_response")
    end)
  end

  it("headers without end stop at theirs", function ()
    refused("header/200000", "toobig")
  end)
end)


describe("saving", function ()
  local dir

  before_each(function () dir = server.folder() end)
  after_each(function () server.remove_folder(dir) end)

  it("leaves nothing of a file that was cut short", function ()
    local value, err = client():download(server.url .. "/fault/file-cut/a.png", dir .. "/a.png")
    failed(value, err, "network", "too early")
    assert.same({}, server.list(dir))
  end)

  it("leaves nothing of a file that is not there", function ()
    local value, err = client():download(server.url .. "/fault/status/404", dir .. "/a.png")
    assert.equal(404, failed(value, err, "http", "404").status)
    assert.same({}, server.list(dir))
  end)

  it("leaves nothing when the wait is over", function ()
    local value, err = client():download(server.url .. "/fault/stall", dir .. "/a.png", { timeout = 0.1 })
    failed(value, err, "timeout")
    assert.same({}, server.list(dir))
  end)

  it("leaves nothing of a file over the ceiling", function ()
    local value, err = client():download(server.url .. "/fault/bytes/300000", dir .. "/a", { max_bytes = 100000 })
    failed(value, err, "toobig", "100000")
    assert.same({}, server.list(dir))
  end)

  it("keeps the file that was there when the new one fails", function ()
    local f = assert(io.open(dir .. "/a.png", "w"))
    f:write("old")
    f:close()
    local value, err = client():download(server.url .. "/fault/file-cut/a.png", dir .. "/a.png", { overwrite = true })
    failed(value, err, "network")
    assert.same({ "a.png" }, server.list(dir))
    assert.equal("old", server.read(dir .. "/a.png"))
  end)

  it("names a folder it may not write to", function ()
    local value, err = client():download(server.url .. "/fault/file/a.png", "/proc/nowhere/a.png")
    failed(value, err, "file", "/proc/nowhere/a.png")
  end)

  it("names a path that is a folder", function ()
    local value, err = client():download(server.url .. "/fault/file/a.png", dir .. "/")
    failed(value, err, "file", dir)
  end)

  local program = [[
    local fal = require "fal"
    local c = fal.client { base_url = URL, credentials = "id:secret-key-value" }
    local function show(value, err) print(value, err and err.code, err) end
    show(c:download(URL .. "/fault/bytes/300000", DIR .. "/new.bin"))
    show(c:download("data:," .. ("x"):rep(300000), DIR .. "/data.bin"))
    local result = fal.check(c:run("fault/pictures/2", { input = { prompt = ("x"):rep(100000) } }))
    show(c:save(result, DIR .. "/sub/{index}.{ext}"))
  ]]

  local function failing_disk(wrap, folder, reason)
    local out = child.run((program:gsub("URL", ("%q"):format(server.url)):gsub("DIR", ("%q"):format(folder))), {}, wrap)
    assert.truthy(out:find("nil\tfile\tcannot write " .. folder .. "/new.bin: " .. reason, 1, true), out)
    assert.truthy(out:find("nil\tfile\tcannot write " .. folder .. "/data.bin: " .. reason, 1, true), out)
    assert.is_nil(out:find(SECRET, 1, true))
    return out
  end

  it("a file that may not grow is told and removed", function ()
    failing_disk("trap '' XFSZ; ulimit -f 200; %s", dir, "File too large")
    for _, name in ipairs(server.list(dir)) do assert.equal("sub", name) end
    for _, name in ipairs(server.list(dir .. "/sub")) do assert.truthy(name:find("^%d%.png$"), name) end
  end)

  it("a full disk is told, and left as it was", function ()
    local mount = "mount -t tmpfs -o size=64k none " .. dir
    local enter
    for _, way in ipairs { "unshare -m sh -c ", "unshare -rm sh -c " } do
      if select(2, child.sh(way .. child.quoted(mount))) == 0 then enter = way break end
    end
    if not enter then
      local why = "nobody here may mount a small file system (neither root nor user namespaces)"
      if os.getenv "CI" == "true" then error(why) end
      return pending(why)
    end
    local out = failing_disk(enter .. '"' .. mount .. " && %s; find " .. dir .. ' -type f"', dir, "No space left on device")
    assert.truthy(out:find("make room", 1, true), out)
    for path in out:gmatch("\n(" .. dir .. "[^\n]*)") do assert.truthy(path:find("/sub/%d%.png$"), path) end
  end)
end)
