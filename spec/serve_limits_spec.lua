-- `falua serve` and callers who send too much, or too slowly.

local fal = require "fal"
local serve = require "spec.support.serve"

local DEV = "/fal-ai/flux/dev"

local server

setup(function () server = serve.start("--head-timeout 1 --body-timeout 1 --verbose") end)
teardown(function () server:stop() end)


local function detail(answer)
  assert.equal("application/json", answer.headers["content-type"])
  assert.equal("*", answer.headers["access-control-allow-origin"])
  return assert(fal.json.decode(answer.body)).detail
end


-- What comes back to who says 'script' on a connection (descriptor 3) and
-- listens until it is closed: the bytes, and "closed" or "still open".
local function talk(script)
  local port = server.url:match "%d+$"
  local p = assert(io.popen(([[
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s
    { %s; } 2>/dev/null &
    timeout 60 cat <&3 && echo closed || echo still open' 2>&1]]):format(port, script)))
  local out = p:read "*a"
  p:close()
  return out:match "^(.-)(%l[%l ]+)\n$"
end


describe("a head", function ()
  it("that is too large is a 431, an address a 414", function ()
    local answer = server:post(DEV, "{}", { headers = { "X-Long: " .. ("x"):rep(10300) } })
    assert.equal(431, answer.status)
    assert.matches("headers are too large", detail(answer))
    answer = server:get("/" .. ("x"):rep(10300))
    assert.equal(414, answer.status)
    assert.matches("address is too long", detail(answer))
    answer = server:post(DEV, "{}", { headers = { "X-Long: " .. ("x"):rep(14000) } })
    assert.equal(431, answer.status)
    assert.matches("headers are too large", detail(answer))
    answer = server:get("/" .. ("x"):rep(14000))
    assert.equal(414, answer.status)
    assert.matches("address is too long", detail(answer))
  end)

  it("that is far too large is refused too", function ()
    for _, n in ipairs { 20000, 100000, 1000000 } do
      local path = server.dir .. "/lines"
      local f = assert(io.open(path, "w"))
      f:write("X-Long: ", ("x"):rep(n))
      f:close()
      local status = server:request(DEV, { curl = "-H @" .. path }).status
      assert.is_true(status == 431 or status == nil, tostring(status))
    end
    assert.equal(200, server:get("/health").status)
  end)

  it("that does not come to its end is hung up on", function ()
    local said, how = talk "printf \"GET /health HTTP/1.1\\r\\nHost: a\\r\\n\" >&3"
    assert.equal("closed", how)
    assert.equal("", said)
    said, how = talk "while printf a >&3; do sleep 0.1; done"
    assert.equal("closed", how)
    assert.equal("", said)
  end)
end)


describe("a body", function ()
  it("that comes in drops is hung up on", function ()
    local head = "printf \"POST " .. DEV .. " HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 9999\\r\\n\\r\\n\" >&3; "
    local said, how = talk(head .. "while printf a >&3; do sleep 0.1; done")
    assert.equal("closed", how)
    assert.equal("", said)
  end)

  it("that is announced as too large is not listened to", function ()
    local said, how = talk("printf \"POST " .. DEV ..
      " HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 99999999999\\r\\n\\r\\n\" >&3")
    assert.equal("closed", how)
    assert.matches("^HTTP/1.1 413 ", said)
    assert.matches("larger than", said)
  end)
end)


it("a caller who waits for us is waited for", function ()
  local answer = server:post(DEV, '{"prompt":"slow","num_images":2,"image_size":{"width":1500,"height":1500}}')
  assert.equal(200, answer.status)
end)
