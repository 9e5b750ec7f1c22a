-- falua listen: webhooks come in here, are verified, shown, saved, handed to a
-- command.
--
-- A delivery is answered once it is verified; what is done with it follows, one
-- after the other, in the order in which they came.

local command = require "falua.command"
local fal = require "fal"
local delivery = require "falua.delivery"
local host = require "falua.host"
local now = require "fal.core".now

local listen = { summary = "receive webhooks on this machine", needs_fal = true }

local MAX_JOBS = 1000       -- deliveries that wait for what is done with them
local LOOK = 0.02           -- seconds between two looks at a command that runs
local SAVING = 600          -- seconds that the files of one delivery may take

local EXAMPLE = [==[
Deliveries are verified with the keys of the host that is configured
(FAL_BASE_URL), and with this machine's own key, by which 'falua trigger' signs.
One that is not verified is answered 401 and nothing else is done with it. A
request that was delivered before is answered and shown, and no more.
Anybody with an account can have fal sign deliveries: with --exec or --save on
an address that others can reach, give --user.

example:
  falua listen --save 'hooks/{request_id}-{index}.{ext}'
  falua listen --json --once > event.json
  falua listen --exec 'jq -r .payload.seed >> seeds.txt'

exit codes: 0 all well, 1 a delivery was refused or something failed, or
--timeout came before --count, 2 misuse, 130 interrupted]==]


local function seconds(text)
  local n = tonumber(text)
  if n and n > 0 and n < 1e9 then return n end
  return nil, "--timeout takes seconds, not '" .. text .. "'"
end


function listen.parser()
  local p = require "argparse"("falua listen", "Receives webhooks: verifies them, shows them, saves their files.")
    :epilog(EXAMPLE)
  p:option("--listen", "Address and port; port 0 picks a free one.", "127.0.0.1:8788"):argname "ADDR:PORT"
  p:option("--path", "The path of deliveries (otherwise any)."):argname "PATH"
  p:option("--save", "Save the files of results by a template such as 'hooks/{request_id}-{index}.{ext}'.")
    :argname "TEMPLATE"
  p:flag("--overwrite", "Replace files that are there.")
  p:option("--exec", "Run this by the shell for each, with the event as JSON on its standard input.")
    :argname "COMMAND"
  p:flag("--json", "A line of JSON for each, when all is done with it; the address goes to standard error.")
  p:mutex(
    p:flag("--once", "End after one delivery."),
    p:option("--count", "End after N deliveries, refused ones among them.")
      :argname "N":convert(command.whole("--count", 1, 1000000000)))
  p:option("--timeout", "End after so many seconds."):argname "SECONDS":convert(seconds)
  p:option("--user", "Accept deliveries for this user id alone (others are answered 403)."):argname "ID"
  p:option("--jwks", "Verify with the keys of this document alone."):argname "URL|FILE"
  p:flag("--insecure", "Take what is not verified too. On this machine only.")
  p:option("--max-body", "The largest body that is taken.", "32M"):argname "SIZE":convert(command.bytes("--max-body"))
  return p
end


local function complain(text, status)
  command.complain("listen: " .. text)
  return status
end


---- What is done with a delivery ----------------------------------------

local Listener = {}
Listener.__index = Listener


function Listener:failed(text)
  complain(text)
  self.status = command.FAILED
end


local function put(text)
  io.stdout:write(text, "\n")
  io.stdout:flush()
end


function Listener:save(d)
  if d.status ~= "OK" or type(d.payload) ~= "table" or #require "fal.save".list(d.payload) == 0 then return end
  local paths, err = fal.save(d.payload, self.options.save, {
    request_id = d.request_id, overwrite = self.options.overwrite, timeout = SAVING,
  })
  d.files = paths or err.paths
  if not paths then
    d.save_error = err.message
    self:failed(("request %s: %s"):format(d.request_id, host.message(err)))
  end
  for _, path in ipairs(not self.options.json and paths or {}) do
    put(("request %s: saved %s"):format(d.request_id, path))
  end
end


function Listener:exec(d)
  local event = fal.json.encode(d, { sorted = true })
  local pid, why = host.child.start(self.options.exec, event .. "\n", self.options.json)
  if not pid then return self:failed("the command cannot be started: " .. why) end
  repeat
    d.exec = host.child.ended(pid)
  until d.exec or not fal.sleep(LOOK)
  if d.exec ~= 0 then
    self:failed(("request %s: the command ended with status %d"):format(d.request_id, d.exec))
  end
end


function Listener:work(d)
  local new = d.answered == 200 and not d.replayed
  if new and self.options.save then self:save(d) end
  if new and self.options.exec then self:exec(d) end
  if self.options.json then put(fal.json.encode(d, { sorted = true })) end
end


-- Does what there is to do, until there is no more.
function Listener:work_on()
  while self.jobs[1] do
    local d = self.jobs[1]
    self:work(d)
    table.remove(self.jobs, 1)
  end
  self.worker = nil
end


---- Deliveries ----------------------------------------------------------

local WORDS = { [200] = "received" }

function Listener:receive(id, head, body)
  local d = delivery.read(head, body, self.verify, self.options.insecure, self.accept)
  if #self.jobs >= MAX_JOBS and d.answered == 200 then
    d.answered, d.refusal = 503, { type = "busy", message = "too many deliveries wait here" }
  end
  self.box:answer(id, d.answered, d.replayed and "received before" or WORDS[d.answered] or d.refusal.message)
  if d.answered ~= 200 then self.status = command.FAILED end
  if not self.options.json then put(delivery.text(d)) end
  self.jobs[#self.jobs + 1] = d
  self.verifying = self.verifying - 1
  if not self.worker then
    self.worker = true
    fal.async(self.work_on, self)
  end
end


-- Takes what has come, as far as it counts.
function Listener:take()
  while not self.count or self.taken < self.count do
    local id, head, body = self.box:next()
    if not id then return end
    self.taken, self.verifying = self.taken + 1, self.verifying + 1
    fal.async(self.receive, self, id, head, body)
  end
end


local function report_failures()
  for _, failure in ipairs(require "fal.tasks".unobserved()) do error(failure.err, 0) end
end


-- Waits for something to happen and deals with it.
function Listener:turn()
  local fd = fal.pollfd()
  local pause = self.deadline and math.max(0, self.deadline - now())
  if not fd then pause = math.min(pause or LOOK, LOOK) end
  local what = host.wait(self.box:pollfd(), fd, pause)
  if what then error("interrupted", 0) end
  fal.step(0)
  self:take()
  report_failures()
end


-- Until all deliveries are there or time is up; true, or false when Ctrl-C ended
-- it.
function Listener:run()
  return command.interruptible(function ()
    while self.count ~= self.taken and not (self.deadline and now() >= self.deadline) do self:turn() end
    return true
  end)
end


-- What has been taken is answered, and then done.
function Listener:finish()
  while self.verifying > 0 do
    fal.step(LOOK)
    report_failures()
  end
  self.box:close()
  while self.worker do
    fal.step(LOOK)
    report_failures()
  end
end


---- Starting ------------------------------------------------------------

-- What is wrong with the options, or nil.
local function mistake(options)
  if options.path and options.path:sub(1, 1) ~= "/" then return "--path begins with a slash" end
  if options.save then
    local ok, err = pcall(require "fal.save".template, options.save, 0)
    if not ok then return "--save: " .. tostring(err) end
  end
end


local function announce(self)
  local url, out = self.box:url(), self.options.json and io.stderr or io.stdout
  local rest = fal.client { credentials = "" }.box:host "rest"
  out:write("listening on ", url, "\n", "webhook_url: ", url, self.options.path or "/", "\n")
  out:flush()
  if rest:find "^https://[%w.]*fal%.ai" and url:find "^http://127%." then
    complain("fal.ai cannot reach this address: give it the public one of a tunnel that leads here")
  end
end


local function start(options)
  local verify, why = delivery.verifier(options.jwks)
  if not verify then return nil, why end
  local box, err = host.hook.listen {
    listen = options.listen, path = options.path, max_body = options.max_body, insecure = options.insecure,
  }
  if not box then return nil, host.message(err) end
  return setmetatable({
    options = options, box = box, verify = verify, count = options.once and 1 or options.count, taken = 0,
    verifying = 0, jobs = {}, status = command.OK, deadline = options.timeout and now() + options.timeout,
    accept = options.user and function (event)
      if event.user_id ~= options.user then return "it is signed for another user" end
    end,
  }, Listener)
end


function listen.run(args)
  local options, misuse = command.parse("listen", listen.parser(), args)
  if not options then return misuse end
  local wrong = mistake(options)
  if wrong then return complain(wrong, command.MISUSE) end
  fal.config { credentials = "" }   -- nothing here needs a key
  local self, why = start(options)
  if not self then return complain(why, command.FAILED) end
  announce(self)
  local whole = self:run()
  if not whole then complain "interrupted: what has come is dealt with; Ctrl-C again ends at once" end
  self:finish()
  if not whole then return command.INTERRUPTED end
  if self.count and self.taken < self.count then
    local text = "%d of %d deliveries came in %g s"
    return complain(text:format(self.taken, self.count, options.timeout), command.FAILED)
  end
  return self.status
end


return listen
