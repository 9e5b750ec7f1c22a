--- busted --helper: runs the specs with the collector never at rest, so that
-- what is not kept alive is gone at the first chance.

collectgarbage("setpause", 0)
collectgarbage("setstepmul", 10000)

-- and a whole collection now and then between any two lines of Lua
debug.sethook(function () collectgarbage() end, "", 20000)
