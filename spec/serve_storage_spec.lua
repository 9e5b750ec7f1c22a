-- `falua serve` as a storage: what the official clients send, from initiate to
-- download, and what nobody should be able to do.

local fal = require "fal"
local serve = require "spec.support.serve"

local MB = 1048576
local INITIATE = "/rest/storage/upload/initiate?storage_type=fal-cdn-v3"
local MULTIPART = "/rest/storage/upload/initiate-multipart?storage_type=fal-cdn-v3"

local server

setup(function () server = serve.start "--verbose --max-upload 40M" end)
teardown(function () server:stop() end)


local function json(answer, status)
  assert.equal(status or 200, answer.status, answer.body)
  assert.equal("application/json", answer.headers["content-type"])
  return assert(fal.json.decode(answer.body))
end


local function initiate(ask, headers, path, at)
  local answer = (at or server):post(path or INITIATE, fal.json.encode(ask), { headers = headers })
  local addresses = json(answer)
  return addresses.upload_url, addresses.file_url
end


local function put(url, bytes, headers, at)
  return (at or server):request(url, { method = "PUT", body = bytes, headers = headers })
end


-- Uploads bytes, checks nothing but that it went well: the URL.
local function upload(bytes, ask, headers, at)
  local address, url = initiate(ask or { file_name = "a.bin", content_type = "application/octet-stream" }, headers,
    nil, at)
  assert.equal(200, put(address, bytes, nil, at).status)
  return url
end


local function complete(address, parts, at)
  return (at or server):post(address .. "/complete", fal.json.encode { parts = fal.array(parts) })
end


-- All names below a folder of the server's.
local function list(folder)
  local names = {}
  local p = assert(io.popen("cd '" .. folder .. "' && find . -type f | sort"))
  for name in p:lines() do names[#names + 1] = name:sub(3) end
  p:close()
  return names
end


-- Asks until 'f' is true, for 30 seconds at most.
local function eventually(what, f)
  local limit = os.time() + 30
  while not f() do assert(os.time() < limit, what) end
end


describe("an upload in one piece", function ()
  local BYTES = "\0\1\2 bytes \r\n\255"

  it("goes where initiate says and comes back as it was", function ()
    local address, url = initiate { file_name = "cat.png", content_type = "image/png" }
    assert.matches("^" .. server.url .. "/files/upload/[%w_-]+%.%x+$", address)
    assert.matches("^" .. server.url .. "/files/" .. ("%x"):rep(32) .. "/cat%.png$", url)
    assert.equal(404, server:get(url).status)
    assert.is_table(json(put(address, BYTES, { "Content-Type: image/png" })))
    local answer = server:get(url)
    assert.equal(200, answer.status)
    assert.equal(BYTES, answer.body)
    assert.equal("image/png", answer.headers["content-type"])
    assert.equal("inline; filename*=UTF-8''cat.png", answer.headers["content-disposition"])
    assert.equal("nosniff", answer.headers["x-content-type-options"])
    assert.equal("*", answer.headers["access-control-allow-origin"])
  end)

  it("may be for the gcs storage too, as the Python client falls back to", function ()
    local address, url = initiate({ file_name = "cat.png", content_type = "image/png" }, nil,
      "/rest/storage/upload/initiate?storage_type=gcs")
    assert.equal(200, put(address, BYTES, { "Authorization: Key a:b" }).status)
    assert.equal(BYTES, server:get(url).body)
  end)

  it("may be empty", function ()
    local answer = server:get(upload "")
    assert.equal(200, answer.status)
    assert.equal("", answer.body)
    assert.equal("0", answer.headers["content-length"])
  end)

  it("is sent by the kernel, in large pieces", function ()
    local function reads()
      local f = io.open(("/proc/%s/io"):format(server.pid))
      local n = f and f:read("*a"):match "syscr: (%d+)"
      if f then f:close() end
      return tonumber(n)
    end
    if not reads() then return pending "there is no /proc/PID/io to look at" end
    local bytes = ("0123456789abcdef"):rep(2 ^ 20)   -- 16 MB
    local url = upload(bytes)
    local before = reads()
    assert.is_true(server:get(url).body == bytes)
    assert.is_true(reads() - before < 1000, reads() - before .. " reads")
  end)

  it("comes in part, is described by HEAD, and not sent twice", function ()
    local bytes = ("0123456789"):rep(1000)
    local url = upload(bytes)
    local answer = server:get(url, { headers = { "Range: bytes=9995-" } })
    assert.equal(206, answer.status)
    assert.equal("56789", answer.body)
    assert.equal("bytes 9995-9999/10000", answer.headers["content-range"])
    answer = server:request(url, { method = "HEAD" })
    assert.equal("10000", answer.headers["content-length"])
    local tag = assert(answer.headers.etag)
    assert.equal(304, server:get(url, { headers = { "If-None-Match: " .. tag } }).status)
    assert.equal(206, server:get(url, { headers = { "Range: bytes=0-1", "If-Range: " .. tag } }).status)
    assert.equal(416, server:get(url, { headers = { "Range: bytes=10000-" } }).status)
  end)

  it("can be sent again when the answer was lost", function ()
    local address, url = initiate { file_name = "a.txt", content_type = "text/plain" }
    assert.equal(200, put(address, "first").status)
    local tag = server:get(url).headers.etag
    assert.equal(200, put(address, "second").status)
    local answer = server:get(url, { headers = { "If-None-Match: " .. tag } })
    assert.equal("second", answer.body)
  end)

  it("has the address that its caller reaches the server by", function ()
    local _, url = initiate({}, { "Host: rest.fal.ai", "X-Forwarded-Proto: https" }, "/storage/upload/initiate")
    assert.matches("^https://rest%.fal%.ai/files/%x+/upload%.bin$", url)
    _, url = initiate({}, { "Host: localhost:99" })
    assert.matches("^http://localhost:99/files/", url)
    local path = upload("media"):match "/files/.*"
    assert.equal("media", server:get(path, { headers = { "Host: v3.fal.media" } }).body)
  end)

  it("of what a browser would run is not run here", function ()
    for _, kind in ipairs { "text/html", "image/svg+xml" } do
      local url = upload("<script>", { file_name = "a", content_type = kind })
      assert.equal("sandbox", server:get(url).headers["content-security-policy"])
    end
  end)
end)


describe("a file's name", function ()
  for given, kept in pairs {
    ["über cat.png"] = "%C3%BCber%20cat.png", ["日本語.png"] = "%E6%97%A5%E6%9C%AC%E8%AA%9E.png",
    ["../../etc/passwd"] = "passwd", ["C:\\evil\\a.png"] = "a.png", [".."] = "upload.png", ["."] = "upload.png",
    [""] = "upload.png", ["a/"] = "upload.png", ["a?b#c&d"] = "a%3Fb%23c%26d", ["100%.png"] = "100_.png",
    ['say "hi"\r\nX: y.png'] = "say%20_hi___X%3A%20y.png", ["\0a"] = "_a",
    [("x"):rep(500) .. ".jpeg"] = ("x"):rep(195) .. ".jpeg",
    [("ü"):rep(300) .. ".jpeg"] = ("%C3%BC"):rep(97) .. ".jpeg",
  } do
    it(("is kept as far as a URL can: %q"):format(given:sub(1, 20)), function ()
      local url = upload("bytes", { file_name = given, content_type = "image/png" })
      assert.equal(kept, url:match "[^/]+$")
      local answer = server:get(url)
      assert.equal("bytes", answer.body)
      assert.equal("inline; filename*=UTF-8''" .. kept, answer.headers["content-disposition"])
    end)
  end

  it("is part of its address", function ()
    local url = upload("bytes", { file_name = "a.png" })
    assert.equal(404, server:get((url:gsub("a%.png", "b.png"))).status)
    assert.equal(404, server:get((url:gsub("/a%.png", ""))).status)
    assert.equal(404, server:get(url .. "/x").status)
  end)

  it("gives its type when none is told; a bad type is none", function ()
    for name, kind in pairs {
      ["a.png"] = "image/png", ["b.JPG"] = "image/jpeg", ["c"] = "application/octet-stream",
      ["d.safetensors"] = "application/octet-stream", ["e.mp4"] = "video/mp4",
    } do
      assert.equal(kind, server:get(upload("x", { file_name = name })).headers["content-type"])
      local url = upload("x", { file_name = name, content_type = "image/\r\nX-Evil: 1" })
      local answer = server:get(url)
      assert.equal(kind, answer.headers["content-type"])
      assert.is_nil(answer.headers["x-evil"])
    end
  end)
end)


describe("what is not asked for properly", function ()
  it("is refused in fal's shape", function ()
    for _, body in ipairs { "", "[]", "{", '"text"' } do
      assert.is_string(json(server:post(INITIATE, body), 422).detail)
    end
    for _, cycle in ipairs { "soon", '{"expiration_duration_seconds":-1}', '{"expiration_duration_seconds":"1h"}',
                             '{"initial_acl":{"default":"maybe"}}' } do
      local answer = server:post(INITIATE, "{}", { headers = { "X-Fal-Object-Lifecycle: " .. cycle } })
      assert.is_string(json(answer, 400).detail)
    end
    assert.equal(404, server:get(INITIATE).status)
  end)

  it("has no address that could be guessed or altered", function ()
    local address = initiate { file_name = "a.png" }
    local other = initiate { file_name = "a.png" }
    assert.not_equal(address, other)
    local claims, seal = address:match "upload/([^.]+)%.(%x+)$"
    local base = server.url .. "/files/upload/"
    for _, bad in ipairs {
      claims .. "." .. seal:reverse(), claims .. "." .. seal:sub(2), claims .. ".", "." .. seal, claims,
      claims:sub(1, -2) .. "." .. seal, "x" .. claims .. "." .. seal, "..", "../secret", "x.y",
      claims .. "." .. ("0"):rep(32), other:match "upload/([^.]+)" .. "." .. seal, ("A"):rep(3000) .. ".x",
    } do
      local status = put(base .. bad, "bytes").status
      assert.is_true(status == 403 or status == 404 or status == 405, bad .. ": " .. status)
    end
    assert.equal(405, server:get(address).status)
    assert.equal(403, put(address .. "/1", "bytes").status)  -- a whole file's is not one for parts
    local parts = initiate({}, nil, MULTIPART)
    assert.equal(403, put(parts, "bytes").status)
  end)
end)


describe("an upload in parts", function ()
  local PARTS = { ("a"):rep(MB), ("b"):rep(MB), "c" }

  -- As @fal-ai/client does: tags from the JSON, one part after another.
  it("goes as the JavaScript client sends it", function ()
    local address, url = initiate({ file_name = "big.bin", content_type = "application/x-big" }, nil, MULTIPART)
    local parts = {}
    for n, bytes in ipairs(PARTS) do
      local answer = put(address .. "/" .. n, bytes)
      local part = json(answer)
      assert.equal(n, part.partNumber)
      assert.equal(answer.headers.etag, part.etag)
      parts[n] = { partNumber = n, etag = part.etag }
    end
    assert.equal(404, server:get(url).status)
    json(complete(address, parts))
    local answer = server:get(url)
    assert.is_true(table.concat(PARTS) == answer.body)
    assert.equal("application/x-big", answer.headers["content-type"])
    json(complete(address, parts))  -- once more, because the answer was lost
  end)

  -- As fal_client does: a token, tags from the header, the list unsorted.
  it("goes as the Python client sends it", function ()
    local token = json(server:post("/rest/storage/auth/token?storage_type=fal-cdn-v3", "{}"))
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+%+00:00$", token.expires_at)
    assert.equal("Bearer", token.token_type)
    assert.equal(server.url, token.base_url)
    local auth = "Authorization: Bearer " .. token.token
    local begun = json(server:post(token.base_url .. "/files/upload/multipart", "", {
      headers = { auth, "Content-Type: image/x-big", "X-Fal-File-Name: groß.bin", "Accept: application/json" },
    }))
    local base = begun.access_url .. "/multipart/" .. begun.uploadId
    local parts = {}
    for _, n in ipairs { 2, 3, 1 } do
      local answer = put(base .. "/" .. n, PARTS[n], { auth })
      parts[#parts + 1] = { partNumber = n, etag = assert(answer.headers.etag) }
    end
    json(complete(base, parts))
    local answer = server:get(begun.access_url)
    assert.is_true(table.concat(PARTS) == answer.body)
    assert.matches("/gro%%C3%%9F%.bin$", begun.access_url)
    assert.equal("image/x-big", answer.headers["content-type"])
  end)

  it("may be announced part by part, with tags without quotes", function ()
    local address, url = initiate({}, nil, MULTIPART)
    local at = json(server:post(address .. "/1", "")).upload_url
    local tag = put(at, "bytes").headers.etag
    json(server:post(address .. "/complete", fal.json.encode {
      parts = { { part_number = 1, etag = tag:gsub('"', "") } },
    }))
    assert.equal("bytes", server:get(url).body)
  end)

  it("takes the last of what was sent for a part", function ()
    local address, url = initiate({}, nil, MULTIPART)
    local old = put(address .. "/1", "older").headers.etag
    local new = put(address .. "/1", "newer!").headers.etag
    assert.equal(400, complete(address, { { partNumber = 1, etag = old } }).status)
    json(complete(address, { { partNumber = 1, etag = new } }))
    assert.equal("newer!", server:get(url).body)
  end)

  it("is not completed by what it has not", function ()
    local address, url = initiate({}, nil, MULTIPART)
    local tag = put(address .. "/1", "bytes").headers.etag
    local one = { partNumber = 1, etag = tag }
    assert.equal(400, complete(address, { one, { partNumber = 2, etag = tag } }).status)
    for _, bad in ipairs { {}, { one, one }, { { partNumber = 1 } }, { { etag = tag } }, { { partNumber = 0, etag = tag } },
                           { { partNumber = 20000, etag = tag } }, { { partNumber = "1", etag = tag } }, { 1 } } do
      assert.equal(422, complete(address, bad).status)
    end
    for _, body in ipairs { "", "{}", "[]", '{"parts":3}', '{"parts":[' } do
      assert.equal(422, server:post(address .. "/complete", body).status)
    end
    for _, part in ipairs { "0", "10001", "x", "1/2", "-1", "", "%2e%2e", "9999999999" } do
      assert.equal(404, put(address .. "/" .. part, "x").status, part)
    end
    assert.equal(404, server:get(url).status)
    json(complete(address, { one }))
    assert.equal("bytes", server:get(url).body)
  end)
end)


describe("the CDN", function ()
  it("takes a file at once", function ()
    local answer = server:post("/files/upload", "bytes", {
      headers = { "Content-Type: image/webp", "X-Fal-File-Name: a.webp", "Host: v3.fal.media" },
    })
    local url = json(answer).access_url
    assert.matches("^http://v3%.fal%.media/files/%x+/a%.webp$", url)
    answer = server:get(url:match "/files/.*")
    assert.equal("bytes", answer.body)
    assert.equal("image/webp", answer.headers["content-type"])
  end)

  it("names a file by its type when it has no name", function ()
    local answer = server:post("/files/upload", "bytes", { headers = { "Content-Type: audio/mpeg" } })
    assert.matches("/upload%.mp3$", json(answer).access_url)
  end)
end)


describe("a lifecycle", function ()
  it("ends a file in its time", function ()
    local url = upload("bytes", nil, { 'X-Fal-Object-Lifecycle: {"expiration_duration_seconds":2}' })
    local kept = upload("bytes", nil, { 'X-Fal-Object-Lifecycle: {"expiration_duration_seconds":3600}' })
    eventually("the file stays", function () return server:get(url).status == 404 end)
    assert.equal("bytes", server:get(kept).body)
    assert.matches("^public, max%-age=3%d%d%d$", server:get(kept).headers["cache-control"])
  end)

  it("takes it from the disk too", function ()
    local other = serve.start("--data " .. server.dir .. "/ending")
    local url = upload("bytes", nil, { 'X-Fal-Object-Lifecycle: {"expiration_duration_seconds":1}' }, other)
    local function left(folder) return #list(server.dir .. "/ending/" .. folder) end
    eventually("files stay", function () return left "files" == 0 and left "expires" == 0 end)
    assert.equal(404, other:get(url).status)
    other:stop()
  end)

  it("keeps a file from who has no key", function ()
    for default, status in pairs { forbid = 403, hide = 404 } do
      local url = upload("secret", nil, {
        'X-Fal-Object-Lifecycle: {"initial_acl":{"default":"' .. default .. '","rules":[]}}' })
      local answer = server:get(url)
      assert.equal(status, answer.status)
      assert.is_string(json(answer, status).detail)
      local beside = url:match "^.*/files/%x+"
      assert.equal(404, server:get(beside .. ".meta").status)
      answer = server:get(url, { headers = { "Authorization: Key a:b" } })
      assert.equal("secret", answer.body)
      assert.matches("private", answer.headers["cache-control"])
    end
    assert.equal("open", server:get(upload("open", nil, {
      'X-Fal-Object-Lifecycle-Preference: {"initial_acl":{"default":"allow"}}' })).body)
  end)
end)


describe("a file that is too large", function ()
  it("is a 413, however it comes", function ()
    local bytes = (" "):rep(41 * MB)
    for _, curl in ipairs { "", "-H 'Expect:'", "-H 'Transfer-Encoding: chunked'" } do
      local answer = server:request(initiate {}, { method = "PUT", body = bytes, curl = curl })
      assert.matches("larger than 41943040", json(answer, 413).detail)
    end
    assert.equal(413, server:post("/files/upload", bytes).status)
  end)

  it("is one in parts too", function ()
    local address, url = initiate({}, nil, MULTIPART)
    local parts, bytes = {}, (" "):rep(15 * MB)
    for n = 1, 3 do parts[n] = { partNumber = n, etag = put(address .. "/" .. n, bytes).headers.etag } end
    assert.equal(413, complete(address, parts).status)
    assert.equal(404, server:get(url).status)
    table.remove(parts)
    json(complete(address, parts))
    assert.equal(30 * MB, #server:get(url).body)
  end)
end)


describe("an upload that is cut off", function ()
  it("leaves nothing", function ()
    local data = server.dir .. "/cut"
    local other = serve.start("--data " .. data)
    local address, url = initiate({ file_name = "a" }, nil, nil, other)
    other:request(address, { method = "PUT", body = (" "):rep(10 * MB), curl = "--limit-rate 1M -m 1" })
    eventually("something stays", function () return #list(data .. "/files") == 0 end)
    assert.equal(404, other:get(url).status)
    other:stop()
  end)

  it("leaves nothing when the server is killed, and can be done again", function ()
    local data = server.dir .. "/killed"
    local other = serve.start("--data " .. data)
    local address, url = initiate({ file_name = "a" }, nil, nil, other)
    local parts_at, parts_url = initiate({ file_name = "b" }, nil, MULTIPART, other)
    local tag = put(parts_at .. "/1", "part one, ", nil, other).headers.etag
    local p = io.popen(("head -c 3000000 /dev/zero | curl -s --limit-rate 1M -T - '%s' 2>&1"):format(address))
    eventually("no file comes", function () return (list(data .. "/files")[1] or ""):find "%.part$" end)
    os.execute("kill -9 " .. other.pid)
    p:close()
    other:stop "wait"
    local again = serve.start("--data " .. data)
    assert.same({}, list(data .. "/files"))
    local function here(s) return (s:gsub("^http://[^/]+", again.url)) end
    assert.equal(200, put(here(address), "bytes", nil, again).status)
    assert.equal("bytes", again:get(here(url)).body)
    local tag2 = put(here(parts_at) .. "/2", "part two", nil, again).headers.etag
    json(complete(here(parts_at), { { partNumber = 1, etag = tag }, { partNumber = 2, etag = tag2 } }, again))
    assert.equal("part one, part two", again:get(here(parts_url)).body)
    assert.equal(0, again:stop())
  end)
end)


it("a full disk is a 507", function ()
  local folder = server.dir .. "/small"
  os.execute("mkdir " .. folder)
  os.execute("mount -t tmpfs -o size=80M none " .. folder .. " 2>/dev/null")
  local mounted = os.execute("mountpoint -q " .. folder)
  if mounted ~= true and mounted ~= 0 then
    return pending "no right to mount a small file system here"
  end
  finally(function () os.execute("umount -l " .. folder) end)
  local other = serve.start("--data " .. folder .. "/data")
  local bytes = (" "):rep(90 * MB)
  for _, curl in ipairs { "", "-H 'Transfer-Encoding: chunked'" } do
    local answer = other:request(initiate({}, nil, nil, other), { method = "PUT", body = bytes, curl = curl })
    assert.equal("internal_error", json(answer, 507).error_type)
    assert.matches("disk is full", json(answer, 507).detail)
  end
  assert.same({}, list(folder .. "/data/files"))
  assert.equal("small", other:get(upload("small", nil, nil, other)).body)
  other:stop()
end)


it("two servers do not share a folder", function ()
  local other = serve.start("--data " .. server.dir .. "/shared")
  local ok, err = pcall(serve.start, "--data " .. server.dir .. "/shared")
  assert.is_false(ok)
  assert.matches("another server uses the folder", err)
  other:stop()
end)


it("the log has no token and no whole address of a file", function ()
  local address, url = initiate { file_name = "logged.png" }
  put(address, "bytes")
  server:get(url)
  server:get(server.url .. "/files/" .. url:match "/files/(.*)" .. "?token=s3cret")
  local log = server:log()
  assert.matches("PUT /files/upload/%w+%.%.%. 200", log)
  for _, secret in ipairs { address:match "upload/(.*)$", url:match "/files/(%x+)/", "s3cret" } do
    assert.is_nil(log:find(secret, 1, true))
  end
end)


describe("our own client", function ()
  local client

  setup(function () client = fal.client { credentials = "a:b", base_url = server.url } end)

  it("uploads bytes and files, in parts when they are large", function ()
    local bytes = ("0123456789abcdef"):rep(MB / 4)
    local path = server.dir .. "/file.dat"
    local f = assert(io.open(path, "wb"))
    f:write(bytes)
    f:close()
    local url = assert(client.storage.upload("small", { file_name = "s.txt", lifecycle = { expires_in = 3600 } }))
    assert.equal("small", server:get(url).body)
    url = assert(client.storage.upload_file(path, { multipart_threshold = 1, part_size = MB }))
    assert.matches("/file%.dat$", url)
    local saved = assert(client:download(url, server.dir .. "/back"))
    f = assert(io.open(saved, "rb"))
    assert.is_true(bytes == f:read "*a")
    f:close()
    url = assert(client.storage.upload_image(fal.image.new(4, 4, "#ff0000")))
    assert.equal(4, fal.image.info(server:get(url).body).width)
  end)
end)
