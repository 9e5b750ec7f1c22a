-- Tests that are recorded once and then need no server:
--
--   local taped = require "fal.busted" "spec/cassettes"
--
--   it("paints a hero", taped("hero", function ()
--     local result = fal.check(fal.run("fal-ai/flux/dev", { input = ... }))
--     assert.equal(1, #result.images)
--   end))
--
-- The first run records spec/cassettes/hero.json, later ones play it. FAL_RECORD
-- is the mode (once, none, new, all): "none" where nothing may be recorded, as
-- on a build server.

local record = require "fal.record"

local function go_on(recorder, ok, ...)
  local stopped, err = recorder:stop()
  if not ok then error((...), 0) end
  if not stopped then error(err, 0) end
  return ...
end


-- taped(name, f) for recordings in a folder.
return function (folder)
  return function (name, f)
    return function (...)
      local recorder, err = record.start(("%s/%s.json"):format(folder, name), os.getenv "FAL_RECORD")
      if not recorder then error(err, 0) end
      return go_on(recorder, pcall(f, ...))
    end
  end
end
