-- Storage: what is sent where, in which pieces, and what happens when a piece
-- fails; files in inputs.

local fal = require "fal"
local child = require "spec.support.child"
local server = require "spec.support.server"

local KEY = "id:secret-key-value"
local MB = 1048576

local dir


-- A client whose storage plays 'play' (see faults_storage.lua).
local function client(play, more)
  local opt = { credentials = KEY, hosts = { run = server.url, rest = server.url .. "/" .. (play or "plain") },
                retry = { max = 3, base_delay = 0.01 } }
  for name, value in pairs(more or {}) do opt[name] = value end
  return fal.client(opt)
end


local function write(name, bytes)
  local f = assert(io.open(dir .. "/" .. name, "wb"))
  f:write(bytes)
  f:close()
  return dir .. "/" .. name
end


-- n megabytes, no two of them alike.
local function megabytes(n)
  local list = {}
  for i = 1, n do list[i] = ("%08d"):format(i):rep(MB / 8) end
  return table.concat(list)
end


-- The requests whose path has 'part' in it.
local function requests(part)
  local list = {}
  for _, r in ipairs(server.log()) do
    if r.path:find(part, 1, true) then list[#list + 1] = r end
  end
  return list
end


-- Checks a failure, and that neither the key nor the address shows in it.
local function failed(value, err, code, ...)
  assert.is_nil(value)
  assert.is_table(err)
  local text = tostring(err)
  assert.equal(code, err.code, text)
  for _, part in ipairs { ... } do
    assert.truthy(text:find(part, 1, true), ("no '%s' in: %s"):format(part, text))
  end
  for _, secret in ipairs { "secret%-key", "s3cret" } do
    assert.is_nil(text:find(secret))
    assert.is_nil((err.body or ""):find(secret))
  end
  return err
end


setup(function () dir = server.folder() end)
teardown(function () server.remove_folder(dir) end)
before_each(function () server.forget() end)


describe("an upload", function ()
  it("asks for an address with the key and puts the bytes there without it", function ()
    local bytes = "\0\1\2 bytes \255"
    local url, info = client("plain", { headers = { ["X-Team"] = "ours" } }).storage.upload(bytes, {
      file_name = "a.png", content_type = "image/x-test",
    })
    assert.matches("^https://v3%.fal%.media/files/%d+/a%.png$", url)
    assert.equal(#bytes, info.bytes)
    assert.equal(2, info.attempts)
    local log = server.log()
    assert.equal(2, #log)
    local ask, put = log[1], log[2]
    assert.equal("POST /plain/storage/upload/initiate storage_type=fal-cdn-v3",
      ask.method .. " " .. ask.path .. " " .. ask.query)
    assert.equal("Key " .. KEY, ask.headers.authorization)
    assert.same({ content_type = "image/x-test", file_name = "a.png" }, fal.json.decode(ask.body))
    assert.is_nil(ask.headers["x-fal-object-lifecycle"])
    assert.equal("PUT", put.method)
    assert.equal(#bytes, put.size)
    assert.equal(fal.digest("sha256", bytes), put.sha256)
    assert.equal("image/x-test", put.headers["content-type"])
    assert.is_nil(put.headers.authorization)
    assert.is_nil(put.headers["x-team"])
    assert.is_nil(put.headers.expect)
    assert.is_nil(put.headers["transfer-encoding"])
  end)

  it("may be empty", function ()
    assert.is_string(client().storage.upload(""))
    assert.equal(0, requests("/put/")[1].size)
    assert.is_string(client().storage.upload_file(write("empty", "")))
    assert.equal(0, requests("/put/")[2].size)
  end)

  for given, told in pairs {
    ["\137PNG\r\n\26\n0000"] = "image/png upload.png", ["GIF89a"] = "image/gif upload.gif",
    ["%PDF-1.4"] = "application/pdf upload.pdf", ["what?"] = "application/octet-stream upload.bin",
  } do
    it("knows " .. told .. " by its bytes", function ()
      assert.is_string(client().storage.upload(given))
      local body = fal.json.decode(server.log()[1].body)
      assert.equal(told, body.content_type .. " " .. body.file_name)
    end)
  end

  it("of a file has its name, and its type by the name or the bytes", function ()
    local c = client()
    assert.is_string(c.storage.upload_file(write("song.mp3", "bytes")))
    assert.is_string(c.storage.upload_file(write("nameless", "GIF89a...")))
    assert.is_string(c.storage.upload_file(write("odd\255name.jpg", "bytes")))
    local asked = requests("/initiate")
    assert.same({ content_type = "audio/mpeg", file_name = "song.mp3" }, fal.json.decode(asked[1].body))
    assert.same({ content_type = "image/gif", file_name = "nameless" }, fal.json.decode(asked[2].body))
    assert.same({ content_type = "image/jpeg", file_name = "odd_name.jpg" }, fal.json.decode(asked[3].body))
    assert.equal(fal.digest("sha256", "bytes"), requests("/put/")[1].sha256)
  end)

  it("of what is no file fails before anything is sent", function ()
    local c = client()
    os.execute("mkfifo " .. dir .. "/pipe")
    for path, why in pairs { ["/nowhere"] = "No such file", [""] = "not an ordinary file",
                             ["/pipe"] = "not an ordinary file" } do
      local value, err = c.storage.upload_file(dir .. path)
      failed(value, err, "file", why)
    end
    assert.equal(0, server.stats().requests)
  end)

  it("of a picture is a PNG", function ()
    local image = fal.image.new(4, 2, "#ff0000")
    assert.is_string(client().storage.upload_image(image, { text = { Title = "red" } }))
    local body = fal.json.decode(server.log()[1].body)
    assert.same({ content_type = "image/png", file_name = "image.png" }, body)
    assert.equal(fal.digest("sha256", image:png { text = { Title = "red" } }), requests("/put/")[1].sha256)
    assert.has_error(function () client().storage.upload_image(image, { format = "jpeg" }) end)
    assert.has_error(function () client().storage.upload_image("image") end)
  end)

  it("is misuse of anything else", function ()
    local c = client()
    local function message(f, ...) return select(2, pcall(f, ...)) end
    assert.matches("upload_file", message(c.storage.upload, {}))
    assert.matches("did you mean 'file_name'", message(c.storage.upload, "x", { filename = "x" }))
    assert.matches("part_size", message(c.storage.upload, "x", { part_size = 0 }))
    assert.matches("parallel", message(c.storage.upload, "x", { parallel = 0 / 0 }))
    assert.matches("expires_in", message(c.storage.upload, "x", { lifecycle = { expires_in = "2h" } }))
    assert.matches("expires_in", message(c.storage.upload, "x", { lifecycle = { expires_in = 0 } }))
    assert.matches("path", message(c.storage.upload_file, nil))
    assert.equal(0, server.stats().requests)
  end)

  it("says how long to keep the file and who may see it", function ()
    local c = client()
    assert.is_string(c.storage.upload("x", { lifecycle = { expires_in = "1h", initial_acl = { default = "forbid" } } }))
    assert.is_string(c.storage.upload("x", { lifecycle = { expires_in = "immediate" } }))
    assert.is_string(c.storage.upload("x", { lifecycle = { expires_in = "never" } }))
    local asked = requests("/initiate")
    assert.same({ expiration_duration_seconds = 3600, initial_acl = { default = "forbid" } },
      fal.json.decode(asked[1].headers["x-fal-object-lifecycle"]))
    assert.same({ expiration_duration_seconds = 60 }, fal.json.decode(asked[2].headers["x-fal-object-lifecycle"]))
    assert.is_nil(asked[3].headers["x-fal-object-lifecycle"])
    for _, r in ipairs(asked) do assert.equal("Key " .. KEY, r.headers.authorization) end
  end)

  it("works over TLS", function ()
    local c = client("plain", { ca_file = server.ca_file, hosts = { rest = server.tls_url .. "/plain" } })
    local bytes = megabytes(3)
    assert.is_string(c.storage.upload(bytes))
    assert.is_string(c.storage.upload(bytes, { multipart_threshold = MB, part_size = MB }))
    assert.equal(fal.digest("sha256", bytes), requests("/put/")[1].sha256)
    assert.equal(5, #requests("/put/"))
  end)
end)


describe("a large file", function ()
  local path, bytes, n

  setup(function ()
    bytes = megabytes(7) .. "and a bit"
    n = 8
    path = write("large.bin", bytes)
  end)

  local function upload(play, more)
    local opt = { multipart_threshold = MB, part_size = MB }
    for name, value in pairs(more or {}) do opt[name] = value end
    return client(play).storage.upload_file(path, opt)
  end

  it("goes in parts of exact sizes, four at once, and is completed in order", function ()
    local url, info = upload("plain,together=4")
    assert.matches("/large%.bin$", url)
    assert.equal(#bytes, info.bytes)
    assert.equal(2 + n, info.attempts)
    assert.equal(4, server.stats().peak)
    assert.matches("/storage/upload/initiate%-multipart$", server.log()[1].path)
    local seen = {}
    for _, r in ipairs(requests("/put/")) do
      local part = tonumber(r.path:match("/(%d+)$"))
      assert.is_nil(r.headers.authorization)
      assert.equal("signature=s3cret", r.query)
      if part then
        local slice = bytes:sub((part - 1) * MB + 1, part * MB)
        assert.equal(#slice, r.size)
        assert.equal(fal.digest("sha256", slice), r.sha256)
        assert.is_nil(seen[part])
        assert.is_nil(r.headers["content-type"])
        seen[part] = true
      end
    end
    assert.equal(n, #seen)
    assert.matches("/complete$", server.last().path)
    assert.equal("application/json", server.last().headers["content-type"])
  end)

  it("is sent as it is up to the threshold", function ()
    assert.is_string(upload("plain", { multipart_threshold = #bytes }))
    assert.matches("/initiate$", server.log()[1].path)
    assert.is_string(upload("plain", { multipart_threshold = #bytes - 1 }))
    assert.equal(1 + n + 1, #requests("/put/"))
  end)

  it("may be bytes", function ()
    assert.is_string(client().storage.upload(bytes, { multipart_threshold = MB, part_size = MB }))
    assert.equal(n + 1, #requests("/put/"))
  end)

  it("takes the tag of a part from the body or the header", function ()
    assert.is_string(upload("etag=json"))
    assert.is_string(upload("etag=header"))
    failed((function () return upload("etag=none") end)(), select(2, upload("etag=none")), "protocol", "etag")
  end)

  for how, name in pairs { ["503"] = "refused", reset = "cut off" } do
    it("has only the part sent again that was " .. name, function ()
      local url, info = upload("fail=3,times=2,how=" .. how)
      assert.is_string(url)
      -- libcurl itself repeats what a connection lost before anything was sent
      assert.is_true(info.attempts == 2 + n + 2 or how == "reset" and info.attempts >= 2 + n)
      local tries = {}
      -- what was given up before may still arrive: only those of this upload
      local id = url:match "files/(%d+)/"
      for _, r in ipairs(requests("/put/" .. id .. "/")) do
        local part = r.path:match("/(%w+)$")
        tries[part] = (tries[part] or 0) + 1
      end
      for part, made in pairs(tries) do
        if part ~= "3" then assert.equal(1, made)
        elseif how == "reset" then assert.is_true(made >= 3)  -- libcurl's own repetition included
        else assert.equal(3, made) end
      end
    end)
  end

  it("is given up when a part fails for good", function ()
    local value, err = upload("fail=2,times=99,how=403")
    err = failed(value, err, "http", "large.bin", "part 2 of 8", "start again")
    assert.equal(403, err.status)
    assert.equal(0, #requests("/complete"))
    value, err = upload("fail=2,times=99,how=503")
    failed(value, err, "http", "part 2 of 8", "not now")
    local tries = 0
    for _, r in ipairs(requests("/2")) do tries = tries + (r.path:find("/2$") and 1 or 0) end
    assert.equal(1 + 4, tries)
  end)

  it("is sent again by nobody who does not want it", function ()
    local c = client("fail=1,how=503", { retry = false })
    local value, err = c.storage.upload_file(path)
    failed(value, err, "http", "not now")
    assert.equal(1, #requests("/put/"))
    assert.is_string(client("fail=1,how=503").storage.upload_file(path))
  end)

  it("tells how far it is, in the coroutine of the caller", function ()
    local told, inside = {}, nil
    local task = fal.async(function ()
      inside = coroutine.running()
      return upload("plain", { on_progress = function (done, total)
        assert.equal(inside, coroutine.running())
        assert.equal(#bytes, total)
        told[#told + 1] = done
        fal.sleep(0.001)
      end })
    end)
    assert.is_string(task:await())
    for i = 2, #told do assert.is_true(told[i] > told[i - 1]) end
    assert.equal(#bytes, told[#told])
  end)

  it("ends with its task, or at its time", function ()
    server.forget()
    local task = fal.async(upload, "together=99")
    server.step_until(fal.step, "open", 4)
    task:cancel()
    local value, err = task:await()
    failed(value, err, "canceled")
    fal.step(0)
    server.wait("hungup", 4)
    value, err = upload("together=99", { timeout = 0.2 })
    failed(value, err, "timeout", "0.2 seconds")
  end)
end)


describe("a file that is written to meanwhile", function ()
  local changes = {
    ["became shorter"] = function (path) write(path, "short") end,
    ["grew"] = function (path)
      local f = io.open(dir .. "/" .. path, "ab")
      f:write("more")
      f:close()
    end,
    ["was written anew"] = function (path)
      local f = io.open(dir .. "/" .. path, "r+b")
      f:write("other")
      f:close()
    end,
  }

  for name, change in pairs(changes) do
    for size, threshold in pairs { whole = 99 * MB, parts = MB } do
      it(("is refused when it %s (%s)"):format(name, size), function ()
        write("moving", megabytes(48))
        server.forget()
        local task = fal.async(client("pause").storage.upload_file, dir .. "/moving", { multipart_threshold = threshold })
        server.step_until(fal.step, "requests", 2)
        change("moving")
        while task.status == "running" do
          server.release()
          fal.step(0.01)
        end
        local value, err = task:await()
        failed(value, err, "file", "moving", "changed while it was being")
        assert.equal(0, #requests("/complete"))
      end)
    end
  end
end)


describe("a storage", function ()
  it("that refuses is replaced by the CDN itself", function ()
    for _, refusal in ipairs { 404, 503 } do
      server.forget()
      local c = client("refuse=" .. refusal, { retry = { max = 1, base_delay = 0.001 } })
      assert.matches("^https://v3%.fal%.media/files/%d+/upload%.bin$", (assert(c.storage.upload("abc"))))
      assert.equal(refusal == 404 and 1 or 2, #requests("/initiate"))
      assert.equal(1, #requests("/storage/auth/token"))
      assert.equal(1, #requests("/files/upload"))
    end
  end)

  it("and then by the older one", function ()
    for _, refusal in ipairs { 404, 503 } do
      server.forget()
      local c = client("token=404,refuse=" .. refusal, { retry = { max = 1, base_delay = 0.001 } })
      assert.is_string(c.storage.upload("abc", { lifecycle = { expires_in = 60 } }))
      local asked = requests("/initiate")
      assert.equal("storage_type=gcs", asked[#asked].query)
      assert.equal("Key " .. KEY, asked[#asked].headers.authorization)
      assert.is_string(asked[#asked].headers["x-fal-object-lifecycle"])
      assert.equal(refusal == 404 and 2 or 3, #asked)
      assert.equal(1, #requests("/put/"))
    end
  end)

  it("gets a large file in one piece then", function ()
    local path = write("large", megabytes(3))
    assert.is_string(client("refuse=404,cdn=503").storage.upload_file(path, { multipart_threshold = MB }))
    assert.matches("/initiate$", requests("/initiate")[2].path)
    assert.equal(3 * MB, requests("/put/")[1].size)
  end)

  it("is not, when the key is refused or the file is not for all", function ()
    local value, err = client("refuse=401").storage.upload("abc")
    failed(value, err, "auth", "401")
    assert.equal(1, server.stats().requests)
    value, err = client("refuse=404,token=404").storage.upload("abc", {
      lifecycle = { initial_acl = { default = "forbid" } },
    })
    failed(value, err, "http", "404", "no storage today")
    assert.equal(3, server.stats().requests)
  end)

  it("may refuse for good", function ()
    local value, err = client("refuse_all=404,token=500", { retry = false }).storage.upload("abc")
    failed(value, err, "http", "no storage today")
    assert.equal(3, server.stats().requests)
  end)

  for _, play in ipairs { "none", "ftp", "odd" } do
    it("that gives no good address is not followed (" .. play .. ")", function ()
      local value, err = client("urls=" .. play).storage.upload("abc")
      failed(value, err, "protocol", "upload_url")
      assert.equal(1, server.stats().requests)
    end)
  end

  it("is asked with a new key after each refusal", function ()
    local n = 0
    local c = client("refuse_all=503,token=404", { retry = { max = 2, base_delay = 0.001 }, credentials = function ()
      n = n + 1
      return "id:secret-key-" .. n
    end })
    failed(c.storage.upload("abc"), select(2, c.storage.upload("abc")), "http", "503")
    local first, second = requests("/initiate")[1], requests("/initiate")[2]
    assert.equal("Key id:secret-key-1", first.headers.authorization)
    assert.equal("Key id:secret-key-2", second.headers.authorization)
  end)

  it("needs a key when it is fal's", function ()
    local c = fal.client { credentials = "", base_url = "https://fal.run" }
    local value, err = c.storage.upload("abc")
    failed(value, err, "auth", "no key")
  end)
end)


describe("the CDN itself", function ()
  local BY_TOKEN = { repository = "fal_v3" }

  local function with(more)
    local opt = { repository = "cdn" }
    for name, value in pairs(more) do opt[name] = value end
    return opt
  end

  it("takes a file with its own token, and never sees the key", function ()
    local bytes = "\0\1\2 bytes \255"
    local url, info = client().storage.upload(bytes, with {
      file_name = "Gr\195\188\195\159e.png", content_type = "image/x-test",
      lifecycle = { expires_in = 60, initial_acl = { default = "forbid" } },
    })
    assert.matches("^https://v3%.fal%.media/files/%d+/Gr\195\188\195\159e%.png$", url)
    assert.equal(#bytes, info.bytes)
    local ask, post = server.log()[1], server.log()[2]
    assert.equal("POST /plain/storage/auth/token storage_type=fal-cdn-v3", ask.method .. " " .. ask.path .. " " .. ask.query)
    assert.equal("Key " .. KEY, ask.headers.authorization)
    assert.equal("{}", ask.body)
    assert.equal("POST /plain/files/upload", post.method .. " " .. post.path)
    assert.equal("Bearer t0ken-1", post.headers.authorization)
    assert.equal("image/x-test", post.headers["content-type"])
    assert.equal("Gr\195\188\195\159e.png", post.headers["x-fal-file-name"])
    for _, name in ipairs { "x-fal-object-lifecycle", "x-fal-object-lifecycle-preference" } do
      assert.equal(60, fal.json.decode(post.headers[name]).expiration_duration_seconds)
    end
    assert.is_nil(post.headers["transfer-encoding"])
    assert.is_nil(post.headers.expect)
    assert.equal(fal.digest("sha256", bytes), post.sha256)
  end)

  it("gets a large file in parts, each tagged", function ()
    local path = write("parts", megabytes(3))
    local url, info = client("etag=header").storage.upload_file(path, with { multipart_threshold = MB, part_size = MB })
    assert.matches("/plain/files/%d+$", (url:gsub("etag=header", "plain")))
    assert.equal(3 * MB, info.bytes)
    assert.equal(1 + 3 + 1, info.attempts)
    for i, r in ipairs(server.log()) do
      assert.equal(i == 1 and "Key " .. KEY or "Bearer t0ken-1", r.headers.authorization)
    end
    local begin, complete = server.log()[2], server.last()
    assert.equal(0, tonumber(begin.headers["content-length"]))
    assert.equal("parts", begin.headers["x-fal-file-name"])
    assert.matches("/multipart/up%-%d+/complete$", complete.path)
    assert.equal(3, #fal.json.decode(complete.body).parts)
    local sizes = {}
    for _, r in ipairs(requests("/multipart/up-")) do sizes[#sizes + 1] = r.size end
    assert.same({ MB, MB, MB }, sizes)
  end)

  it("has only the part sent again that was refused", function ()
    local path = write("parts", megabytes(3))
    local opt = with { multipart_threshold = MB, part_size = MB }
    assert.is_string(client("fail=2,times=2").storage.upload_file(path, opt))
    assert.equal(5, #requests("/multipart/up-") - #requests("/complete"))
    local value, err = client("fail=2,times=99").storage.upload_file(path, opt)
    failed(value, err, "http", "part 2 of 3", "not now")
  end)

  it("is asked for a token once, until it expires", function ()
    local c = client()
    for _ = 1, 3 do assert.is_string(c.storage.upload("abc", BY_TOKEN)) end
    assert.equal(1, server.stats().tokens)
    server.forget()
    local jobs = {}
    c = client()
    for i = 1, 20 do jobs[i] = function () return c.storage.upload("abc" .. i, BY_TOKEN) end end
    for _, r in ipairs(fal.gather(jobs)) do assert.is_true(r.ok, tostring(r.err)) end
    assert.equal(1, server.stats().tokens)
    assert.equal(20, #requests("/files/upload"))
    for expires, n in pairs { ["3600z"] = 1, ["86400"] = 1, ["0"] = 3, ["-5z"] = 3, ["soon"] = 3 } do
      server.forget()
      c = client("expires=" .. expires)
      for _ = 1, 3 do assert.is_string(c.storage.upload("abc", BY_TOKEN)) end
      assert.equal(n, server.stats().tokens, expires)
    end
  end)

  it("is asked for a token of each key", function ()
    local key = "id:secret-key-1"
    local c = client("plain", { credentials = function () return key end })
    for _, now in ipairs { "id:secret-key-1", "id:secret-key-2", "id:secret-key-1" } do
      key = now
      assert.is_string(c.storage.upload("abc", BY_TOKEN))
    end
    assert.equal(2, server.stats().tokens)
  end)

  it("gets another token when the one that is known is not taken any more", function ()
    local c = client("stale=1")
    assert.is_string(c.storage.upload("abc", BY_TOKEN))
    assert.equal(2, server.stats().tokens)
    assert.is_string(c.storage.upload("abc", BY_TOKEN))
    assert.equal(2, server.stats().tokens)
    server.forget()
    local value, err = client("stale=99").storage.upload("abc", BY_TOKEN)
    failed(value, err, "auth", "401")
    assert.is_nil(tostring(err):find("t0ken", 1, true), tostring(err))
    assert.is_nil(err.body:find("t0ken", 1, true))
    assert.equal(2, server.stats().tokens)
  end)

  it("does not get the token to a host that is not its own", function ()
    local value, err = client("base=elsewhere").storage.upload("abc", BY_TOKEN)
    failed(value, err, "protocol", "none of this client's hosts")
    assert.equal(1, server.stats().requests)
    value, err = client("access=elsewhere").storage.upload("abc", with { multipart_threshold = 1 })
    failed(value, err, "protocol", "access_url")
    value, err = client("id=odd").storage.upload("abc", with { multipart_threshold = 1 })
    failed(value, err, "protocol", "uploadId")
    assert.equal(0, #requests("/multipart/"))
  end)

  it("is the first, the last or the only one as 'repository' says", function ()
    local rows = {
      { "signed", "plain", "initiate put" }, { "fal_v3", "plain", "token files" }, { "fal", "plain", "initiate put" },
      { { "fal_v3", "signed" }, "cdn=503", "token files initiate put" },
      { { "fal", "fal_v3" }, "refuse_all=404", "initiate token files" },
      { "fal_v3", "token=404", "token", "no token today" }, { "signed", "refuse=503", "initiate", "no storage today" },
    }
    for i, row in ipairs(rows) do
      server.forget()
      local url, err = client(row[2], { retry = false }).storage.upload("abc", { repository = row[1] })
      local seen = {}
      for _, r in ipairs(server.log()) do
        seen[#seen + 1] = r.path:match "/(initiate)$" or r.path:match "/(token)$" or r.path:match "^/[^/]+/(%w+)/"
      end
      assert.equal(row[3], table.concat(seen, " "), "row " .. i)
      if row[4] then failed(url, err, "http", row[4]) else assert.is_string(url) end
    end
    local c = client()
    for _, wrong in ipairs { "gcs", "" } do
      assert.has_error(function () c.storage.upload("abc", { repository = wrong }) end)
    end
    assert.has_error(function () c.storage.upload("abc", { repository = {} }) end)
    assert.has_error(function ()
      c.storage.upload("abc", { repository = "fal", lifecycle = { initial_acl = { default = "forbid" } } })
    end)
  end)

  it("serves files of an input", function ()
    local c = client()
    assert(c:run("fault/mirror", { input = { a = fal.file(write("a.png", "aaa"), { repository = "fal_v3" }) } }))
    assert.equal(1, #requests("/files/upload"))
    assert.equal(0, #requests("/initiate"))
  end)
end)


describe("a file in an input", function ()
  it("is a URL when the call is made, at any depth, and the input stays as it was", function ()
    local a, b = fal.file(write("a.png", "aaa")), fal.file(write("b.jpg", "bbb"))
    local list = fal.array { b, 1 }
    local input = { image_url = a, deep = { { { x = a }, "text" } }, list = list, plain = { 1, 2 }, null = fal.null,
                    inline = { base64 = "AAAA", media_type = "image/png" } }
    local got = fal.check(client():run("fault/mirror", { input = input }))
    assert.matches("^https://v3%.fal%.media/files/%d+/a%.png$", got.image_url)
    assert.equal(got.image_url, got.deep[1][1].x)
    assert.matches("/b%.jpg$", got.list[1])
    assert.equal(1, got.list[2])
    assert.same({ 1, 2 }, { got.plain[1], got.plain[2] })
    assert.same({ base64 = "AAAA", media_type = "image/png" }, got.inline)
    assert.equal(a, input.image_url)
    assert.equal(a, input.deep[1][1].x)
    assert.equal(b, list[1])
    assert.equal(2, #requests("/put/"))
  end)

  it("is uploaded once for each content", function ()
    local c = client()
    local first = fal.check(c:run("fault/mirror", { input = { a = fal.file(write("one.txt", "same")) } }))
    local again = fal.check(c:run("fault/mirror", {
      input = { a = fal.file(write("two.txt", "same")), b = fal.file(dir .. "/one.txt") },
    }))
    assert.equal(first.a, again.a)
    assert.equal(first.a, again.b)
    assert.equal(1, #requests("/put/"))
    local other = fal.check(c:run("fault/mirror", { input = { a = fal.file(write("one.txt", "else")) } }))
    assert.not_equal(first.a, other.a)
    fal.check(c:run("fault/mirror", { input = { a = fal.file(dir .. "/two.txt", { content_type = "text/x" }) } }))
    fal.check(client():run("fault/mirror", { input = { a = fal.file(dir .. "/two.txt") } }))
    assert.equal(4, #requests("/put/"))
  end)

  it("is uploaded once for calls that are made together", function ()
    local c, path = client("together=1"), write("shared.txt", "shared")
    local function call() return c:run("fault/mirror", { input = { a = fal.file(path) } }) end
    local all = fal.gather { call, call, call, call, call, call }
    for i = 1, 6 do assert.equal(fal.check(all[1].result).a, fal.check(all[i].result, all[i].err).a) end
    assert.equal(1, #requests("/put/"))
    assert.equal(6, #requests("/mirror"))
  end)

  it("outlives one of the calls that wait for it, not the last", function ()
    local c, path = client("pause"), write("shared.txt", "held" .. os.time())
    local function call() return c:run("fault/mirror", { input = { a = fal.file(path) } }) end
    local first, second = fal.async(call), fal.async(call)
    server.step_until(fal.step, "requests", 2)
    first:cancel()
    failed(nil, select(2, first:await()), "canceled")
    while second.status == "running" do
      server.release()
      fal.step(0.01)
    end
    assert.is_string(fal.check(second:await()).a)
    assert.equal(1, #requests("/put/"))
    server.forget()
    path = write("shared.txt", "held again" .. os.time())
    first = fal.async(call)
    server.step_until(fal.step, "requests", 2)
    first:cancel()
    fal.step(0)
    server.wait("hungup", 1)
    assert.equal(1, server.stats().hungup)
  end)

  it("that is missing is told by its place, and nothing is sent", function ()
    local value, err = client():run("fault/mirror", {
      input = { images = { fal.file(write("a.png", "new" .. os.time())), { url = fal.file(dir .. "/none.png") } } },
    })
    failed(value, err, "file", "input.images[2].url", "none.png", "No such file")
    assert.equal(0, server.stats().requests)
  end)

  it("has its own lifetime and type", function ()
    local file = fal.file(write("a.txt", "mine"), { content_type = "text/x", lifecycle = { expires_in = "1d" } })
    fal.check(client():run("fault/mirror", { input = { a = file } }))
    local ask = requests("/initiate")[1]
    assert.same({ expiration_duration_seconds = 86400 }, fal.json.decode(ask.headers["x-fal-object-lifecycle"]))
    assert.equal("text/x", fal.json.decode(ask.body).content_type)
    assert.has_error(function () fal.file() end)
    assert.has_error(function () fal.file("a", { kind = "x" }) end)
  end)

  it("ends the call when the storage fails", function ()
    local value, err = client("refuse_all=404,token=404"):run("fault/mirror", { input = { a = fal.file(write("a.txt", "abc")) } })
    err = failed(value, err, "http", "input.a", "no storage today")
    assert.equal("fault/mirror", err.endpoint_id)
    assert.equal(0, #requests("/mirror"))
  end)

  it("in a circle is the encoder's to refuse", function ()
    local input = { a = fal.file(write("a.txt", "abc")) }
    input.input = input
    local value, err = client():run("fault/mirror", { input = input })
    failed(value, err, "validation", "input")
  end)
end)


describe("a data URI", function ()
  local PNG = "\137PNG\r\n\26\n\0\0"

  it("is made of bytes, of a file, or of a fal.file", function ()
    local path = write("dot.png", PNG)
    local expected = "data:image/png;base64,iVBORw0KGgoAAA=="
    assert.equal(expected, fal.data_uri(PNG))
    assert.equal(expected, fal.data_uri(path))
    assert.equal(expected, fal.data_uri(path, "image/png"))
    assert.equal(expected, fal.data_uri(fal.file(path)))
    assert.equal("data:text/plain;base64,aGk=", fal.data_uri("hi", "text/plain"))
    assert.equal("data:text/plain;charset=utf-8;base64,", fal.data_uri("", "text/plain;charset=utf-8"))
    assert.equal("data:application/octet-stream;base64,aGk=", fal.data_uri(write("no-extension", "hi")))
  end)

  it("of something unknown needs a type", function ()
    local value, err = fal.data_uri("neither")
    failed(value, err, "file", "no file 'neither'", "type")
    value, err = fal.data_uri(fal.file(dir .. "/none.png"))
    failed(value, err, "file", "No such file")
    assert.has_error(function () fal.data_uri({}) end)
    assert.has_error(function () fal.data_uri("x", "text/plain,x") end)
  end)
end)


describe("the memory of an upload", function ()
  it("of 1 GiB is small, however it is sent", function ()
    os.execute("truncate -s 1G " .. dir .. "/giant.bin")
    for _, threshold in ipairs { 2 ^ 40, 2 ^ 20 } do
      local out = child.run(([[
        local fal = require "fal"
        local function peak()
          for line in io.lines "/proc/self/status" do
            local kb = line:match "^VmHWM:%%s*(%%d+)"
            if kb then return tonumber(kb) end
          end
        end
        local storage = fal.client{ credentials = "a:b", hosts = { rest = %q } }.storage
        fal.check(storage.upload("warm"))
        local before = peak()
        local url, info = fal.check(storage.upload_file(%q, { multipart_threshold = %.0f }))
        print(info.bytes, peak() - before)
      ]]):format(server.url .. "/nosum", dir .. "/giant.bin", threshold))
      local bytes, kb = out:match("^(%d+)%S*%s+(%d+)")
      assert.equal("1073741824", bytes, out)
      assert.is_true(tonumber(kb) < 24 * 1024, out)
    end
  end)
end)
