--- What the fault server can do wrong. A fault is asked for by a path that
-- looks like an endpoint: /fault/NAME[/ARGUMENT...].
--
-- Each is a function (c, request, ...): 'c' has answer, json, send and wait
-- (see faultd.lua); what it returns as false ends the connection.

local condition = require "cqueues.condition"
local cjson = require "cjson"

local M = {
  http = nil, https = nil,   -- the addresses, once they are known
  reasons = {
    [200] = "OK", [302] = "Found", [307] = "Temporary Redirect",
    [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
    [422] = "Unprocessable Entity", [429] = "Too Many Requests",
    [500] = "Internal Server Error", [502] = "Bad Gateway",
    [503] = "Service Unavailable", [504] = "Gateway Timeout",
  },
  -- Their body is left unread: closing then resets the connection, when the
  -- body is larger than what came with the head (send a megabyte).
  unread = { reset = true, ["reset-body"] = true },
}

local HTML = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n" ..
  "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" ..
  "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

-- two by two pixels
local PNG = ("89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd4" ..
  "9a730000001649444154789c633811a0712240834123e08446c00900230e0501cc9c32d1" ..
  "0000000049454e44ae426082"):gsub("%x%x", function (h)
    return string.char(tonumber(h, 16))
  end)

local PNG_URI = "data:image/png;base64," ..
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGM4" ..
  "EaBxIkCDQSPghEbACQAjDgUBzJwy0QAAAABJRU5ErkJggg=="

local BLOCK = ("0123456789abcdef"):rep(4096)   -- 64 KiB


local gathered, all_here = 0, condition.new()   -- for 'together'


local function number(s, otherwise)
  return math.tointeger(tonumber(s or otherwise)) or otherwise
end


-- ---- answers that are not a success ----

local function field(loc, msg, kind, input)
  return { loc = loc, msg = msg, type = kind, input = input,
           url = "https://docs.fal.ai/errors/#" .. kind }
end

local status = {
  ["401"] = function (c) return c:json(401, { detail = "Invalid key" }) end,
  ["401-echo"] = function (c, r)
    return c:json(401, { detail = "Cannot accept '" ..
                         (r.headers.authorization or "") .. "'" })
  end,
  ["403"] = function (c)
    return c:json(403, { detail = "User is locked. Reason: Exhausted " ..
                         "balance." })
  end,
  ["404"] = function (c)
    return c:json(404, { detail = "Application 'status' not found" })
  end,
  ["422"] = function (c)
    return c:json(422, { detail = {
      field({ "body", "prompt" }, "field required", "missing"),
      field({ "body", "images", 0, "url" }, "The file could not be fetched.",
            "file_download_error", "https://example.com/missing.png"),
    } }, { "X-Fal-Billable-Units: 0" })
  end,
  ["422-base64"] = function (c)
    local uri = "data:image/png;base64," .. ("iVBORw0KGgoAAAAN"):rep(65536)
    return c:json(422, { detail = {
      field({ "body", "image_url" }, "Failed to load " .. uri,
            "image_load_error", uri),
      field({ "body", "seed" }, "value is not a valid integer", "int_parsing",
            "abc"),
    } })
  end,
  ["429"] = function (c)
    return c:json(429, { detail = "Too many requests", error_type =
                         "concurrent_requests_limit" },
                  { "Retry-After: 1", "X-Fal-Needs-Retry: 1" })
  end,
  ["500"] = function (c)
    return c:json(500, { detail = "Internal Server Error" })
  end,
  ["500-model"] = function (c)
    return c:json(500, { detail = {
      field({ "body" }, "The model ran out of memory", "internal_server_error")
    } })
  end,
  ["502"] = function (c)
    return c:answer(502, { "Server: nginx", "Content-Type: text/html" }, HTML)
  end,
  ["503"] = function (c)
    return c:json(503, { detail = "Runner connection refused", error_type =
                         "runner_connection_refused" },
                  { "X-Fal-Error-Type: runner_connection_refused" })
  end,
  ["504"] = function (c)
    return c:json(504, { detail = "Request timed out", error_type =
                         "startup_timeout" },
                  { "X-Fal-Request-Timeout-Type: user" })
  end,
}


M.list = {
  -- a key set with one Ed25519 key
  jwks = function (c, _, x)
    return c:json(200, { keys = { { kty = "OKP", crv = "Ed25519", x = x } } })
  end,

  status = function (c, r, code)
    local f = status[code or ""]
    if f then return f(c, r) end
    return c:json(number(code, 500), { detail = "status " .. tostring(code) })
  end,


  ["echo-401"] = status["401-echo"],   -- also for what is asked of a request


  -- ---- answers that are right, at their own pace ----

  echo = function (c, r)
    return c:json(200, { method = r.method, path = r.path, query = r.query,
                         headers = r.headers, body = r.body },
                  { "X-Fal-Billable-Units: 1.5" })
  end,

  -- by a clock that is so many seconds off
  dated = function (c, _, seconds)
    return c:json(200, { dated = true }, {
      "Date: " .. os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + number(seconds, 0)),
    })
  end,

  -- what was sent, byte for byte
  mirror = function (c, r) return c:json(200, r.whole()) end,

  delay = function (c, _, ms)
    if not c:wait(number(ms, 100) / 1000) then return false end
    return c:json(200, { waited = number(ms, 100) })
  end,

  -- answers when told to by the command 'release'
  hold = function (c)
    if not c:wait(nil, c.released) then return false end
    return c:json(200, { held = true })
  end,

  -- waits until n of these are here, then ms more, and answers them all: who
  -- cannot have n calls in flight never gets an answer
  together = function (c, _, n, ms)
    gathered = gathered + 1
    if gathered == number(n, 2) then
      gathered = 0
      all_here:signal()
    elseif not c:wait(nil, all_here) then
      gathered = math.max(0, gathered - 1)
      return false
    end
    if not c:wait(number(ms, 0) / 1000) then return false end
    return c:json(200, { together = true })
  end,

  stall = function (c) c:wait() return false end,

  drip = function (c)
    local head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" ..
                 "Content-Length: 15\r\n\r\n"
    for i = 1, #head do
      if not c:send(head:sub(i, i)) then return false end
    end
    return c:send('{"slowly":true}')
  end,

  bytes = function (c, _, n)
    n = number(n, 256)
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    all = table.concat(all)
    return c:answer(200, { "Content-Type: application/octet-stream" },
                    all:rep(n // 256) .. all:sub(1, n % 256))
  end,

  header = function (c, _, n)
    local lines = {}
    for i = 1, number(n, 1000) // 100 do
      lines[i] = ("X-Filler-%04d: "):format(i) .. ("f"):rep(83)
    end
    return c:json(200, { ok = true }, lines)
  end,


  -- ---- answers that break off ----

  reset = function () return false end,

  ["reset-body"] = function (c)
    c:answer(200, { "Content-Type: application/json" }, '{"half":', 1000)
    return false
  end,

  cut = function (c)
    c:answer(200, { "Content-Type: application/json" }, '{"half":', 1000)
    return false
  end,

  hangup = function () return false end,


  -- ---- answers that are not what they should be ----

  ["not-json"] = function (c) return c:json(200, "<oops, not JSON>") end,
  truncated = function (c) return c:json(200, '{"images":[{"url":"htt') end,
  empty = function (c) return c:json(200, "") end,
  html = function (c) return c:answer(200, { "Content-Type: text/html" }, HTML)
  end,
  text = function (c)
    return c:answer(200, { "Content-Type: text/plain" }, '{"plain":"text"}')
  end,
  untyped = function (c) return c:answer(200, {}, '{"typed":false}') end,
  garbage = function (c) c:send("SSH-2.0-OpenSSH_9.2\r\n") return false end,

  -- bytes that nobody can read, said to be text in the encoding NAME; JSON
  -- in the one that is none
  encoded = function (c, _, name, code)
    local plain = name:lower() == "identity"
    return c:answer(number(code, 200), { "content-encoding:  " .. name .. " ", "x-fal-request-id: 5e0f-encoded",
                    "Content-Type: " .. (plain and "application/json" or "text/plain") },
                    plain and '{"plain":true}' or "\31\139\8\0" .. ("\1"):rep(60))
  end,

  -- n bytes of JSON; 'huge-announced' says so before
  huge = function (c, _, n)
    if not c:answer(200, { "Content-Type: application/json",
                           "Transfer-Encoding: chunked" }, "", false) then
      return false
    end
    for _ = 1, number(n, 1 << 20) // #BLOCK do
      if not c:send(("%x\r\n%s\r\n"):format(#BLOCK, BLOCK)) then
        return false
      end
    end
    return c:send("0\r\n\r\n")
  end,

  ["huge-announced"] = function (c, _, n)
    n = number(n, 1 << 20)
    if not c:answer(200, { "Content-Type: application/json" }, "", n) then
      return false
    end
    while n > 0 do
      if not c:send(BLOCK:sub(1, n)) then return false end
      n = n - #BLOCK
    end
  end,


  -- ---- somewhere else ----

  -- to the same path on the server's other port, which counts as another host
  redirect = function (c, _, code)
    local there = c.address == M.http and M.https or M.http
    return c:answer(number(code, 307), { "Location: " .. there ..
                                         "/fault/echo" }, "")
  end,

  -- to PATH on this server
  moved = function (c, r)
    return c:answer(302, { "Location: " .. r.path:gsub("/moved/", "/", 1) },
                    "")
  end,

  loop = function (c, r) return c:answer(302, { "Location: " .. r.path }, "") end,

  ["to-file"] = function (c)
    return c:answer(302, { "Location: file:///etc/hostname" }, "")
  end,


  -- ---- files ----

  file = function (c)
    return c:answer(200, { "Content-Type: image/png" }, PNG)
  end,

  ["file-chunked"] = function (c)
    return c:answer(200, { "Content-Type: image/png",
                           "Transfer-Encoding: chunked" },
                    ("%x\r\n%s\r\n0\r\n\r\n"):format(#PNG, PNG), false)
  end,

  ["file-cut"] = function (c)
    c:answer(200, { "Content-Type: image/png" }, PNG:sub(1, 40), #PNG)
    return false
  end,

  -- a model's result with n pictures at this server, and the input's seed
  pictures = function (c, r, n)
    local ok, input = pcall(cjson.decode, r.body)
    local images = {}
    for i = 1, number(n, 1) do
      images[i] = { url = c.address .. "/fault/file/" .. i .. ".png",
                    width = 2, height = 2, content_type = "image/png" }
    end
    return c:json(200, { images = images, seed = 42, prompt = ok and
                         type(input) == "table" and input.prompt or nil,
                         timings = { inference = 0.25 } },
                  { "X-Fal-Billable-Units: 0.5" })
  end,

  -- the same with the picture in the answer
  inline = function (c)
    return c:json(200, { images = { { url = PNG_URI, width = 2, height = 2,
                                      content_type = "image/png" } } })
  end,
}


function M.unknown(c)
  return c:json(404, { detail = "Not Found" })
end


require "faults_storage"(M)
require "faults_queue"(M)
require "faults_world"(M)
require "faults_platform"(M)

return M
