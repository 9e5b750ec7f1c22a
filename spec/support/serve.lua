--- Starts `falua serve` for the specs and talks to it with curl.
--
--   local server = serve.start()          -- options as on the command line; a
--                                         -- table of variables, false unsets
--   local answer = server:post("/fal-ai/flux/dev", '{"prompt": "a"}')
--   answer.status, answer.reason, answer.headers["content-type"], answer.body
--   server:stop()                         -- SIGTERM; returns its exit status
--   server.err                            -- then: all it had to say
--
-- A server that nobody stops ends with this process, however it ends, because
-- the shell beside it sees its standard input close.

local M = {}
M.__index = M

M.falua = os.getenv("FALUA") or "build/falua"


local function quote(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end


local function run(command)
  local p = assert(io.popen(command))
  local out = p:read("*a")
  p:close()
  return (out:gsub("%s+$", ""))
end


local function slurp(path)
  local f = io.open(path, "rb")
  local s = f and f:read("*a") or ""
  if f then f:close() end
  return s
end


local function spit(path, s)
  local f = assert(io.open(path, "wb"))
  f:write(s)
  f:close()
end


local COMMAND = [[exec 3>%s/out
%s %s serve --listen 127.0.0.1:0 %s >&3 2>%s/err </dev/null & echo $! >&3
exec 3>&-; read -r word; [ "$word" = wait ] || kill $! 2>/dev/null
{ wait $!; } 2>/dev/null; echo $? >%s/status]]


local function environment(variables)
  local words = {"env"}
  for name, value in pairs(variables or {}) do
    words[#words + 1] = value and quote(name .. "=" .. value) or "-u " .. name
  end
  return table.concat(words, " ")
end


function M.start(arguments, variables)
  local dir = run("mktemp -d")
  assert(run("mkfifo " .. dir .. "/out && echo made") == "made")
  local shell = assert(io.popen(COMMAND:format(dir, environment(variables), quote(M.falua),
                                               arguments or "", dir, dir), "w"))
  local out = assert(io.open(dir .. "/out", "r"))
  local self = setmetatable({dir = dir, shell = shell, out = out}, M)
  self.pid = out:read("*l")
  self.line = out:read("*l") or ""
  self.url = self.line:match("^listening on (http://127%.0%.0%.1:%d+)$")
  if not self.url then
    self:stop()
    error("falua serve did not start: " .. self.line .. self.err)
  end
  return self
end


function M:log()
  return slurp(self.dir .. "/err")
end


-- Ends it with SIGTERM; or with "wait", waits until it ends because somebody
-- else told it to.
function M:stop(how)
  if not self.shell then return end
  if how then self.shell:write(how, "\n") end
  self.shell:close()
  self.shell = nil
  self.out:close()
  self.err = self:log()
  local status = tonumber(slurp(self.dir .. "/status"))
  os.execute("rm -rf " .. self.dir)
  return status
end


local function parse(head)
  local answer = {headers = {}}
  head = head:match("(HTTP/%S+ [2-5].*)$") or head   -- after "100 Continue"
  local reason
  answer.status, reason = head:match("^HTTP/%S+ (%d+) ?([^\r\n]*)")
  answer.status, answer.reason = tonumber(answer.status), reason
  for name, value in head:gmatch("\n([^:\r\n]+): *([^\r\n]*)") do
    answer.headers[name:lower()] = value
  end
  return answer
end


--- Any request. 'path' may be a whole URL; options: method, body, headers (a
-- list of lines), curl (more of its arguments).
function M:request(path, options)
  options = options or {}
  local url = path:match("^http") and path or self.url .. path
  local command = {"curl -s --path-as-is --max-time 60", options.curl or "",
                   "-D", self.dir .. "/head", "-o", self.dir .. "/body"}
  if options.method == "HEAD" then
    command[#command + 1] = "-I"
  elseif options.method then
    command[#command + 1] = "-X " .. options.method
  end
  if options.body then
    spit(self.dir .. "/sent", options.body)
    command[#command + 1] = "--data-binary @" .. self.dir .. "/sent"
  end
  for _, line in ipairs(options.headers or {}) do
    command[#command + 1] = "-H " .. quote(line)
  end
  command[#command + 1] = quote(url)
  os.remove(self.dir .. "/head")
  os.remove(self.dir .. "/body")
  os.execute(table.concat(command, " "))
  local answer = parse(slurp(self.dir .. "/head"))
  answer.body = options.method == "HEAD" and "" or slurp(self.dir .. "/body")
  return answer
end


function M:get(path, options)
  return self:request(path, options)
end


function M:post(path, body, options)
  options = options or {}
  options.method, options.body = "POST", body
  return self:request(path, options)
end


return M
