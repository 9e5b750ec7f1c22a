--- What may become of any answer on its way. Each is a function (c) that
-- answers in its own way and returns whether the connection stays, or nil
-- when the usual answer is to follow, which it may have prepared c for.

local cjson = require "cjson"

local faults   -- the table that this is added to
local packed = {}


local function gzip(command)
  if not packed[command] then
    local p = assert(io.popen(command .. " | gzip -9"))
    packed[command] = p:read "a"
    p:close()
  end
  return packed[command]
end


local function compressed(c, command)
  return c:answer(200, { "Content-Type: application/json", "Content-Encoding: gzip" }, gzip(command))
end


local function ingress(c, status)
  return c:answer(status, { "Content-Type: text/html", "Server: nginx" },
                  "<html><head><title>" .. status .. "</title></head><body><center>nginx</center></body></html>\r\n")
end


-- the server's other port, which counts as another host
local function elsewhere(c)
  return c.address == faults.http and faults.https or faults.http
end


local BLOCK = ("0123456789abcdef"):rep(4096)

local world = {
  reset = function () return false end,

  -- the body ends too early
  cut = function (c)
    c:answer(200, { "Content-Type: application/json" }, '{"half":', 1000)
    return false
  end,

  -- byte by byte, headers too
  drip = function (c)
    local plain = c.send
    c.send = function (self, s)
      for i = 1, #s do
        if not plain(self, s:sub(i, i)) then return false end
      end
      return true
    end
  end,

  stall = function (c) c:wait() return false end,

  busy = function (c) return c:json(429, { detail = "Too many requests" }) end,
  ["not-found"] = function (c) return c:json(404, { detail = "Request not found" }) end,

  -- from something before fal, and from fal itself
  ["ingress-502"] = function (c) return ingress(c, 502) end,
  ["ingress-503"] = function (c) return ingress(c, 503) end,
  ["ingress-504"] = function (c) return ingress(c, 504) end,
  ["fal-502"] = function (c)
    c.request.id = c.request.id or "5e0f7a52"
    return c:json(502, { detail = "Runner sent half an answer", error_type = "runner_incomplete_response" })
  end,

  ["half-json"] = function (c) return c:json(200, '{"stat') end,
  html = function (c) return ingress(c, 200) end,

  -- the right answer, said to be text
  text = function (c)
    local plain = c.answer
    c.answer = function (self, status, headers, ...)
      for i, line in ipairs(headers) do
        if line:find "^Content%-Type" then headers[i] = "Content-Type: text/plain" end
      end
      return plain(self, status, headers, ...)
    end
  end,

  -- a hundred megabytes of JSON where a little was due
  huge = function (c)
    if not c:answer(200, { "Content-Type: application/json", "Transfer-Encoding: chunked" }, '8\r\n{"status\r\n', false) then
      return false
    end
    for _ = 1, (100 << 20) // #BLOCK do
      if not c:send(("%x\r\n%s\r\n"):format(#BLOCK, BLOCK)) then return false end
    end
    return c:send "0\r\n\r\n"
  end,

  -- nobody asked for this
  gzip = function (c) return compressed(c, "printf '" .. cjson.encode { status = "COMPLETED" } .. "'") end,
  -- a hundred megabytes once it is unpacked
  ["gzip-bomb"] = function (c) return compressed(c, "{ printf '{\"status\":\"'; head -c 104857600 /dev/zero; }") end,

  redirect = function (c) return c:answer(307, { "Location: " .. elsewhere(c) .. "/fault/echo" }, "") end,
  loop = function (c) return c:answer(302, { "Location: " .. c.request.path }, "") end,
}


return function (all)
  faults = all
  faults.world = world
end
