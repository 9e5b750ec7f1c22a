--- The storage of the fault server: a REST host and a host for the bytes.
--
-- A client's hosts.rest is ADDRESS/PLAY, where PLAY says how it goes, words
-- with commas between them:
--
--   etag=json|header|none   where the tag of a part is (both)
--   fail=N                  part N fails (1: also a whole PUT) ...
--   times=N                 ... so often (1)
--   how=STATUS|reset        ... in this way (503)
--   refuse=STATUS           initiate for fal-cdn-v3 is refused
--   refuse_all=STATUS       initiate is refused whatever the storage
--   token=STATUS            there is no token for the CDN
--   expires=TEXT            when it expires: N seconds from now (an hour), said
--                           with Z when a "z" follows; or any other text
--   stale=N                 the CDN takes none of the first N tokens
--   cdn=STATUS              the CDN refuses a file
--   base=elsewhere, access=elsewhere   names another host
--   id=odd                  an upload id that would change the address
--   redirect=STATUS         the REST host redirects to another host
--   echo=STATUS             it repeats the caller's headers
--   urls=WORD               an answer without good addresses: none, ftp, odd
--   together=N              PUTs are answered when N are here
--   nosum                   no digests: for what is very large
--   pause                   reads the rest of a PUT after 'release'
--
-- The log has 'sha256' and 'size' of each PUT.

local condition = require "cqueues.condition"
local digest = require "openssl.digest"
local cjson = require "cjson"

local faults   -- the table that this is added to
local uploads, here, all_here = {}, 0, condition.new()


local function play_of(r)
  local play = {}
  for word in r.path:match("^/([^/]+)"):gmatch("[^,]+") do
    local name, value = word:match("^([^=]+)=?(.*)$")
    play[name] = tonumber(value) or value
  end
  return play
end


local function hex(bytes)
  return (bytes:gsub(".", function (x) return ("%02x"):format(x:byte()) end))
end


--- Reads the body in blocks: false when it does not come.
local function take(c, r, play)
  local sum, left = digest.new("sha256"), tonumber(r.headers["content-length"]) or 0
  r.size = 0
  while left > 0 do
    local block = c.sock:read(math.min(left, 65536))
    if not block then
      r.state = "hungup"
      return false
    end
    if not play.nosum then sum:update(block) end
    left, r.size = left - #block, r.size + #block
    if play.pause and not c:wait(nil, c.released) then return false end
    play.pause = nil
  end
  r.sha256 = hex(sum:final())
  return true
end


local bad_urls = {
  none = function () return { status = "fine" } end,
  ftp = function () return { upload_url = "ftp://127.0.0.1/x", file_url = "https://v3.fal.media/files/x/y" } end,
  odd = function (upload) return { upload_url = upload, file_url = "javascript:alert(1)" } end,
}


--- The server's other port, which counts as another host.
local function elsewhere(c)
  return c.address == faults.http and faults.https or faults.http
end


--- Answers as 'redirect' and 'echo' say; nil when they do not.
local function astray(c, r, play)
  if play.redirect then
    return c:answer(play.redirect, { "Location: " .. elsewhere(c) .. r.path }, "")
  end
  if play.echo then return c:json(play.echo, { detail = cjson.encode(r.headers) }) end
end


local function initiate(c, r, play, what)
  local kept = astray(c, r, play)
  if kept ~= nil then return kept end
  local storage = r.query:match("storage_type=([^&]*)")
  local refusal = play.refuse_all or storage == "fal-cdn-v3" and play.refuse
  if refusal then return c:json(refusal, { detail = "no storage today" }) end
  local ask = cjson.decode(r.body)
  uploads[#uploads + 1] = { tries = {}, etags = {}, multipart = what == "initiate-multipart" }
  local upload = ("%s/%s/put/%d?signature=s3cret"):format(c.address, r.path:match("^/([^/]+)"), #uploads)
  local bad = bad_urls[play.urls]
  return c:json(200, bad and bad(upload) or {
    upload_url = upload, file_url = ("https://v3.fal.media/files/%d/%s"):format(#uploads, ask.file_name),
  })
end


--- Is it what a store would take: every part once, in order, its tag?
local function whole(upload, body)
  local ok, said = pcall(cjson.decode, body)
  if not ok or type(said.parts) ~= "table" or #said.parts ~= #upload.etags then return false end
  for i, part in ipairs(said.parts) do
    if part.partNumber ~= i or part.etag ~= upload.etags[i] then return false end
  end
  return true
end


local function put(c, r, upload, play, n)
  upload.tries[n] = (upload.tries[n] or 0) + 1
  local failing = play.fail == n and upload.tries[n] <= (play.times or 1)
  if failing and play.how == "reset" then return false end
  if not take(c, r, play) then return false end
  if play.together then
    here = here + 1
    if here % play.together == 0 then all_here:signal()
    elseif not c:wait(nil, all_here) then return false end
  end
  if failing then return c:json(play.how or 503, { detail = "not now" }) end
  if not upload.multipart then return c:answer(200, {}, "") end
  upload.etags[n] = ('"%d-%s"'):format(n, r.sha256:sub(1, 8))
  local headers = play.etag ~= "json" and play.etag ~= "none" and { "ETag: " .. upload.etags[n] } or {}
  if play.etag == "header" or play.etag == "none" then return c:answer(200, headers, "") end
  return c:json(200, { partNumber = n, etag = upload.etags[n] }, headers)
end


---- the CDN itself: a token, then files by POST ----

local tokens = 0


local function expiry(text)
  local n, z = tostring(text or 3600):match "^(-?%d+)(z?)$"
  if not n then return text end
  -- two hours east of Greenwich, in whose time it is said
  return z == "z" and os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + n)
    or os.date("!%Y-%m-%dT%H:%M:%S.250000+02:00", os.time() + n + 7200)
end


local function token(c, play)
  local kept = astray(c, c.request, play)
  if kept ~= nil then return kept end
  if play.token then return c:json(play.token, { detail = "no token today" }) end
  tokens = c.stats.tokens or 0
  c.count("tokens", 1)
  local address = play.base == "elsewhere" and elsewhere(c) or c.address
  return c:json(200, {
    token = "t0ken-" .. tokens + 1, token_type = "Bearer", expires_at = expiry(play.expires),
    base_url = address .. c.request.path:match "^/[^/]+",
  })
end


--- Was a token given that is still taken?
local function admitted(r, play)
  local n = tonumber((r.headers.authorization or ""):match "^Bearer t0ken%-(%d+)$")
  return n and n > (play.stale or 0)
end


--- /PLAY/files/upload[/multipart] and /PLAY/files/ID/multipart/UPLOADID/PART|complete
local function files(c, r, id, what, _, part)
  local play = play_of(r)
  if not admitted(r, play) then return c:json(401, { detail = "bad token " .. tostring(r.headers.authorization) }) end
  if id == "upload" and play.cdn then return c:json(play.cdn, { detail = "no file today" }) end
  if id ~= "upload" then
    local upload = uploads[tonumber(id)]
    if part ~= "complete" then return put(c, r, upload, play, tonumber(part)) end
    r.body = c.sock:read(tonumber(r.headers["content-length"]))
    return c:json(whole(upload, r.body) and 200 or 400, { detail = "InvalidPart" })
  end
  local upload = { tries = {}, etags = {}, multipart = what == "multipart" }
  uploads[#uploads + 1] = upload
  if not upload.multipart then
    if not take(c, r, play) then return false end
    return c:json(200, { access_url = ("https://v3.fal.media/files/%d/%s"):format(#uploads, r.headers["x-fal-file-name"]) })
  end
  local address = (play.access == "elsewhere" and elsewhere(c) or c.address) .. r.path:match "^/[^/]+"
  return c:json(200, { access_url = ("%s/files/%d"):format(address, #uploads),
                       uploadId = play.id == "odd" and "a/../../b?c" or "up-" .. #uploads })
end


return function (all)
  faults = all
  function faults.list.storage(c, r, _, what)
    if what == "token" then return token(c, play_of(r)) end
    return initiate(c, r, play_of(r), what)
  end

  --- /PLAY/put/ID[/PART|/complete]
  function faults.list.put(c, r, id, part)
    local upload = uploads[tonumber(id)]
    if not upload or r.query ~= "signature=s3cret" then return c:json(403, { detail = "bad signature" }) end
    if part ~= "complete" then return put(c, r, upload, play_of(r), tonumber(part or 1)) end
    r.body = c.sock:read(tonumber(r.headers["content-length"]))
    if not whole(upload, r.body) then return c:json(400, { detail = "InvalidPart" }) end
    return c:json(200, { ok = true })
  end

  --- A realtime token, when it is not to go wrong.
  function faults.list.tokens(c, r)
    local kept = astray(c, r, play_of(r))
    if kept ~= nil then return kept end
    return c:json(200, '"token"')
  end

  faults.list.files = files
  faults.unread.files = true
  faults.unread.put = true
end
