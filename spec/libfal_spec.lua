-- libfal without Lua: the C example, driven frame by frame.

local child = require "spec.support.child"
local serve = require "spec.support.serve"

local FRAMES = (os.getenv "FALUA" or "build/falua"):gsub("falua$", "frames")


describe("examples/c/frames.c", function ()
  it("gets a result between its frames", function ()
    local server = serve.start()
    local out, code = child.sh("FAL_BASE_URL=" .. server.url .. " " .. FRAMES)
    server:stop()
    assert.equal(0, code, out)
    assert.is_truthy(out:find '^%d+ frames: {.*"url":"http', out)
  end)

  it("says what is missing without a key", function ()
    local out, code = child.sh("env -u FAL_KEY -u FAL_BASE_URL " .. FRAMES)
    assert.equal(1, code)
    assert.is_truthy(out:find("no key for fal.run", 1, true))
  end)
end)
