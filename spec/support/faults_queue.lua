--- The queue of the fault server, and models that stream.
--
-- An endpoint q/PLAY is submitted at /queue/q/PLAY; what its request goes
-- through is in 'plays', where a number at the end of PLAY is an argument
-- (stream-cut-40); or PLAY is STAGE-always-FAULT or STAGE-once-FAULT, where
-- STAGE is one of the calls and FAULT is in faults_world.lua. /fault/sse/PLAY/stream streams; see 'streams'.
--
-- The log has 'kind' (submit, status, stream, result, cancel) and 'at'
-- (seconds) of each request; the kinds are counted, and 'sent' counts the
-- bytes of what was answered after the submit.

local cqueues = require "cqueues"
local cjson = require "cjson"

local requests, made = {}, 0
local faults   -- the table that this is added to


-- ---- statuses ----

local function line(i)
  return { message = "line " .. i, level = "INFO", source = "USER",
           timestamp = ("2026-01-05T10:20:%02d.5Z"):format(i) }
end


local function lines(list)
  local out = cjson.decode "[]"
  for i, n in ipairs(list or {}) do out[i] = line(n) end
  return out
end


local function queued(position) return { status = "IN_QUEUE", queue_position = position } end
local function running(...) return { status = "IN_PROGRESS", logs = lines { ... } } end
local function done(...)
  return { status = "COMPLETED", logs = lines { ... }, metrics = { inference_time = 0.5 } }
end

local function failed(kind)
  return { status = "COMPLETED", logs = lines {}, metrics = cjson.decode "{}", error = "it did not work",
           error_type = kind }
end


-- ---- answers ----

local HTML = "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center>" ..
  "nginx</center></body></html>\r\n"

local function ingress(c, status)
  return c:answer(status, { "Content-Type: text/html", "Server: nginx" }, HTML)
end


local function detail(c, status, text, more)
  return c:json(status, { detail = text, error_type = more }, more and { "X-Fal-Error-Type: " .. more })
end


local function field(c, status, kind)
  return c:json(status, { detail = { { loc = { "body", "prompt" }, msg = "it is not a good one", type = kind } } },
                { "X-Fal-Billable-Units: 0" })
end


-- "come again in n seconds"
local function busy(c, n, as_date)
  local when = as_date and os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + n) or n
  return c:json(429, { detail = "Too many requests" }, { "Retry-After: " .. when })
end


local function chunk(c, s) return c:send(("%x\r\n%s\r\n"):format(#s, s)) end


local function begin(c, kind, ...)
  return c:answer(200, { "Content-Type: " .. kind, "Transfer-Encoding: chunked", ... }, "", false)
end


-- the server's other port, which counts as another host
local function elsewhere(c)
  return c.address == faults.http and faults.https or faults.http
end


-- n bytes of JSON where little was due
local function flood(c, n)
  if not begin(c, "application/json") then return false end
  local block = ("0123456789abcdef"):rep(4096)
  for _ = 1, n // #block do
    if not chunk(c, block) then return false end
  end
  return c:send "0\r\n\r\n"
end


-- ---- what a request goes through ----
--
-- steps     the statuses, one for each look; the last one stays. 'whole': of
--           each only the new lines are here, polls show every line so far
-- submit    functions (c, q, n): answers to the first, second... submit;
--           nil: the usual one. The last one stays when 'always' is set.
-- status, stream, result   functions (c, q, n) instead of the usual answers;
--           'n' counts the calls of the kind. What they return as nil means
--           the usual answer after all.

local function times(n, f)
  return function (c, q, k) if k <= n then return f(c, q) end end
end


local QUICK = { done(1, 2) }

local plays = {
  normal = { steps = { queued(0), running(1), done(1, 2) } },
  positions = { steps = { queued(2), queued(1), queued(1), queued(0), running(), done() } },
  ["logs-window"] = { steps = { running(1, 2, 3), running(2, 3, 4), running(4, 3, 5, 4), done(5, 6) } },
  quick = { steps = QUICK },
  never = { steps = { queued(0), running(1) },
            stream = function (c, q) q.keep = true return q.usual_stream(c) end },
  -- the first look waits for the command 'release'
  hold = { steps = QUICK, status = function (c) if not c:wait(nil, c.released) then return false end end,
           stream = function (c) if not c:wait(nil, c.released) then return false end end },

  fails = {
    steps = { queued(0), failed() },
    result = function (c, q)
      if q.n == 503 then return detail(c, 503, "Runner disconnected", "runner_disconnected") end
      if q.n == 404 then return detail(c, 404, "Path /nothing not found") end
      return field(c, q.n or 422, q.n == 500 and "internal_server_error" or "value_error")
    end,
  },
  -- every address in its answers is one of another host
  addresses = { steps = { queued(0), running(1), done(1, 2) }, elsewhere = true },
  gone = { steps = QUICK, result = function (c) return detail(c, 404, "Request not found") end },
  unknown = { steps = QUICK, status = function (c) return c:json(404, { status = "NOT_FOUND" }) end },

  -- N ingress errors before the queue is reached
  ["submit-ingress"] = { steps = QUICK, submit = function (c, q, k)
    if k <= (q.n or 1) then return ingress(c, 503) end
  end },
  -- from fal itself: it may have got in
  ["submit-app"] = { steps = QUICK, submit = function (c) return detail(c, 503, "Runner scheduling failure") end },
  ["submit-reset"] = { steps = QUICK, submit = function () return false end },
  ["submit-stall"] = { steps = QUICK, submit = function (c) c:wait() return false end },
  -- answers N ms late, or when 'release' comes
  ["submit-late"] = { steps = { queued(0) }, submit = function (c, q)
    if not c:wait((q.n or 0) / 1000) then return false end
  end },
  ["submit-late-app"] = { steps = QUICK, submit = function (c)
    if not c:wait(0.2) then return false end
    return detail(c, 503, "Runner scheduling failure")
  end },
  ["submit-hold"] = { steps = { queued(0) }, submit = function (c)
    if not c:wait(nil, c.released) then return false end
  end },
  ["submit-seconds"] = { steps = QUICK, submit = times(1, function (c) return busy(c, 1) end) },
  ["submit-date"] = { steps = QUICK, submit = times(1, function (c) return busy(c, 2, true) end) },
  -- to be left alone for N seconds, said as a number or as a date
  ["submit-wait"] = { steps = QUICK, submit = function (c, q) return busy(c, q.n) end },
  ["submit-wait-until"] = { steps = QUICK, submit = function (c, q) return busy(c, q.n, true) end },
  ["status-wait"] = { steps = QUICK, status = function (c, q) return busy(c, q.n) end },
  ["result-wait"] = { steps = QUICK, result = function (c, q) return busy(c, q.n) end },
  ["submit-429"] = { steps = QUICK, submit = function (c) return c:json(429, { detail = "Too many requests" }) end },
  ["submit-told-no"] = { steps = QUICK, submit = function (c)
    return c:json(429, { detail = "Not today" }, { "X-Fal-Needs-Retry: 0" })
  end },
  ["submit-told-yes"] = { steps = QUICK, submit = times(1, function (c)
    return c:json(500, { detail = "Once more" }, { "X-Fal-Needs-Retry: 1" })
  end) },
  ["submit-nothing"] = { steps = QUICK, submit = function (c) return c:json(200, {}) end },
  ["submit-echo"] = { steps = QUICK, submit = function (c)
    return c:json(401, { detail = cjson.encode(c.request.headers) })
  end },
  ["submit-html"] = { steps = QUICK, submit = function (c) return ingress(c, 200) end },
  ["submit-redirect"] = { steps = QUICK, submit = function (c)
    return c:answer(307, { "Location: " .. elsewhere(c) .. "/fault/echo" }, "")
  end },

  ["status-500"] = { steps = QUICK, status = times(2, function (c) return detail(c, 500, "Internal Server Error") end) },
  ["status-502"] = { steps = QUICK, status = function (c) return ingress(c, 502) end },
  ["status-401"] = { steps = QUICK, status = function (c) return detail(c, 401, "Invalid key") end },
  ["status-json"] = { steps = QUICK, status = function (c) return c:json(200, '{"stat') end },
  ["status-huge"] = { steps = QUICK, status = function (c) return flood(c, 100 << 20) end },
  ["status-reset"] = { steps = QUICK, status = times(1, function () return false end) },
  ["status-redirect"] = { steps = QUICK, status = function (c)
    return c:answer(302, { "Location: " .. elsewhere(c) .. "/fault/echo" }, "")
  end },

  ["result-redirect"] = { steps = QUICK, result = function (c)
    return c:answer(302, { "Location: " .. elsewhere(c) .. "/fault/echo" }, "")
  end },
  ["result-huge"] = { steps = QUICK, result = function (c) return flood(c, 100 << 20) end },
  ["result-502"] = { steps = QUICK, result = times(1, function (c) return ingress(c, 502) end) },
  ["result-stall"] = { steps = QUICK, result = function (c) c:wait() return false end },
  ["result-cut"] = { steps = QUICK, result = times(1, function (c)
    c:answer(200, { "Content-Type: application/json" }, '{"half":', 1000)
    return false
  end) },

  -- the status stream
  ["stream-cut"] = {
    steps = { queued(0), running(1), running(2, 3), done(4) }, whole = true,
    stream = function (c, q)
      q.cut = q.n
      q.usual_stream(c)
      return false
    end,
  },
  ["stream-refused"] = { steps = { running(1), done(1, 2) }, stream = function (c, q)
    return detail(c, q.n or 404, "Not here")
  end },
  ["stream-json"] = { steps = { running(1), done(1, 2) }, stream = function (c) return c:json(200, running(1)) end },
  ["stream-hangs-open"] = { steps = { running(1), done(2) }, stream = function (c, q)
    q.keep = true
    return q.usual_stream(c)
  end },
  ["stream-silent"] = { steps = { running(1), done(1, 2) }, stream = function (c)
    begin(c, "text/event-stream")
    chunk(c, "data: " .. cjson.encode(queued(0)) .. "\n\n")
    c:wait()
    return false
  end },
  ["stream-mute"] = { steps = { running(1), done(1, 2) }, stream = function (c) c:wait() return false end },

  -- kills the process input.pid once N bytes were answered after the submit
  kill = { steps = { queued(0), running(1), done(1, 2) } },

  -- a picture that is here
  picture = { steps = { queued(0), running(1), done(1, 2) }, result = function (c, q)
    return c:json(200, { images = { { url = c.address .. "/fault/file/x.png", width = 2, height = 2,
                                      content_type = "image/png" } }, seed = 7, prompt = q.input.prompt },
                  { "X-Fal-Billable-Units: 1" })
  end },
  -- what input.fails says: 401 (the submit), 422, 500, or nothing; "busy" is 429 once
  mixed = { steps = QUICK, submit = function (c, q)
    local kind = q.input.fails
    if kind == 401 then return detail(c, 401, "Invalid key") end
    if kind ~= "busy" or c.stats["busy " .. q.input.prompt] then return nil end
    c.stats["busy " .. q.input.prompt] = 1
    return c:json(429, { detail = "Too many requests" }, { "Retry-After: 0" })
  end, result = function (c, q)
    if q.input.fails == 422 then return field(c, 422, "missing") end
    if q.input.fails == 500 then return detail(c, 500, "it broke") end
  end },
}


-- ---- the calls of the queue ----

local function completed(q)
  local v = failed "client_cancelled"
  v.request_id = q.id
  return v
end


-- Where to ask about a request: response_url, status_url, cancel_url.
local function addresses(q)
  local base = q.base .. "/requests/" .. q.id
  return base, base .. "/status", base .. "/cancel"
end


-- The status at step i of the request.
local function status_at(q, i)
  if q.canceled then return completed(q) end
  local steps = q.play.steps
  local s = {}
  for k, v in pairs(steps[math.min(i, #steps)]) do s[k] = v end
  s.request_id = q.id
  s.response_url, s.status_url, s.cancel_url = addresses(q)
  return s
end


local function all_lines(q)
  local all = cjson.decode "[]"
  for _, s in ipairs(q.play.steps) do
    for _, l in ipairs(s.logs or {}) do all[#all + 1] = l end
  end
  return all
end


local function status(c, q)
  q.looks = (q.looks or 0) + 1
  local s = status_at(q, q.looks)
  if q.play.whole and s.status ~= "IN_QUEUE" then
    s.logs = all_lines(q)  -- and those that the stream has shown already
  end
  if s.logs and not c.request.query:match "logs=1" then s.logs = cjson.null end
  return c:json(s.status == "COMPLETED" and 200 or 202, s)
end


-- The status stream. It ends the connection when the client has gone.
local function stream(c, q)
  local seen = {}
  local text = {}
  for i = 1, #q.play.steps do
    local s = status_at(q, i)
    if s.logs then  -- new lines only
      local fresh = cjson.decode "[]"
      for _, l in ipairs(s.logs) do
        if not seen[l.message] then fresh[#fresh + 1] = l end
        seen[l.message] = true
      end
      s.logs = fresh
    end
    text[i] = "data: " .. cjson.encode(s) .. "\n\n"
    if i == 1 then text[i] = text[i] .. ": keep-alive\n\n" end
  end
  if not begin(c, "text/event-stream") then return false end
  if q.cut then
    local all = table.concat(text)
    c.stats.stream_bytes = #all
    if q.cut > 0 then chunk(c, all:sub(1, q.cut)) end
    return false
  end
  for _, t in ipairs(text) do
    if not chunk(c, t) then return false end
  end
  if q.keep then c:wait() return false end
  return c:send "0\r\n\r\n"
end


local function result(c, q)
  if q.canceled then return detail(c, 499, "Request was cancelled", "client_cancelled") end
  return c:json(200, { request_id = q.id, input = q.input, seed = 7 }, { "X-Fal-Billable-Units: 1.25" })
end


local function cancel(c, q)
  q.canceled = true
  return c:json(202, { status = "CANCELLATION_REQUESTED" })
end


local usual = { status = status, stream = stream, result = result, cancel = cancel }


-- From now on each byte answered counts, and the one after the n-th is not
-- sent: the client is killed instead.
local function count_bytes(c, q)
  local plain = getmetatable(c).send
  c.send = function (self, s)
    if q.killed or not q.kill then
      c.count("sent", #s)
      return plain(self, s)
    end
    local part = s:sub(1, q.kill)
    q.kill = q.kill - #part
    c.count("sent", #part)
    if part ~= "" and not plain(self, part) then return false end
    if #part == #s then return true end
    q.killed = true
    os.execute("kill -9 " .. math.tointeger(q.input.pid))
    return false
  end
end


local function submit(c, r, play, name, n)
  local ok, input = pcall(cjson.decode, r.body)
  play.submits = (play.submits or 0) + 1
  local q = { play = play, n = n, input = ok and input or cjson.null, kill = name == "kill" and n or nil }
  local kept = play.submit and play.submit(c, q, play.submits)
  if kept ~= nil then return kept end
  made = made + 1
  q.id = ("5e0f7a52-0000-4000-8000-%012d"):format(made)
  q.usual_stream = function (c_) return stream(c_, q) end
  requests[q.id] = q
  r.id, r.rid = q.id, q.id
  q.base = (play.elsewhere and elsewhere(c) or c.address) .. r.path:match "^/[^/]+/q/[^/]+"
  local response_url, status_url, cancel_url = addresses(q)
  return c:json(200, { status = "IN_QUEUE", request_id = q.id, queue_position = 0, response_url = response_url,
                       status_url = status_url, cancel_url = cancel_url })
end


local function about(c, r, kind, id)
  local q = requests[id]
  r.id, r.rid = id, id
  if not q then return c:json(404, { status = "NOT_FOUND" }) end
  count_bytes(c, q)
  q.calls = q.calls or {}
  q.calls[kind] = (q.calls[kind] or 0) + 1
  local f, kept = q.play[kind], nil
  if f then kept = f(c, q, q.calls[kind]) end
  if kept == nil then kept = usual[kind](c, q) end
  return kept
end


local KINDS = {
  ["GET status"] = "status", ["GET status/stream"] = "stream", ["GET "] = "result", ["PUT cancel"] = "cancel",
}


local function play_of(alias)
  if plays[alias] then return plays[alias], alias end
  local stage, often, fault = alias:match "^(%l+)%-(%l+)%-(.+)$"
  local f = (often == "always" or often == "once") and faults.world[fault]
  if f then
    plays[alias] = { steps = { running(1), done(1, 2) }, [stage] = times(often == "once" and 1 or math.huge, f) }
    return plays[alias], alias
  end
  local name, n = alias:match "^(.-)%-(%d+)$"
  return plays[name or ""], name, math.tointeger(tonumber(n))
end


local function serve(c, r, alias, word, id, ...)
  local play, name, n = play_of(alias)
  if not play then return c:json(404, { detail = "no such play" }) end
  r.at = cqueues.monotime()
  if word ~= "requests" then
    r.kind = "submit"
    c.count("submit", 1)
    if c.stats.submit == 1 then play.submits = nil end  -- after 'forget'
    return submit(c, r, play, name, n)
  end
  r.kind = KINDS[r.method .. " " .. table.concat({ ... }, "/")]
  if not r.kind then return c:json(405, { detail = "no such call" }) end
  c.count(r.kind, 1)
  return about(c, r, r.kind, id)
end


local function queue(c, ...)
  local kept = serve(c, ...)
  c.send, c.answer = nil, nil   -- what a fault has changed
  return kept
end


-- ---- models that stream ----

local EVENTS = { '{"n":1,"text":"a"}', '{"n":2,"text":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xa8"}', '{"n":3,"text":"c"}' }


-- Sends a list of pieces as an event stream.
local function pieces(c, list)
  if not begin(c, "text/event-stream", "X-Fal-Billable-Units: 3") then return false end
  for _, s in ipairs(list) do
    if not chunk(c, s) then return false end
  end
  return c:send "0\r\n\r\n"
end


local function events(eol, list)
  local out = {}
  for _, s in ipairs(list or EVENTS) do out[#out + 1] = "data: " .. s .. eol .. eol end
  return table.concat(out)
end


local function bytewise(s)
  local out = {}
  for i = 1, #s do out[i] = s:sub(i, i) end
  return out
end


local streams = {
  plain = function (c) return pieces(c, { events "\n" }) end,
  bytewise = function (c) return pieces(c, bytewise(events "\n")) end,
  crlf = function (c) return pieces(c, bytewise(events "\r\n")) end,
  cr = function (c) return pieces(c, bytewise(events "\r")) end,
  -- two pieces, cut after N bytes
  split = function (c, n)
    local all = events "\r\n"
    return pieces(c, n > 0 and n < #all and { all:sub(1, n), all:sub(n + 1) } or { all })
  end,
  multi = function (c) return pieces(c, { 'data: {"a":\ndata:  [1,\ndata:2]}\n\n' }) end,
  comments = function (c)
    return pieces(c, { ": one\n\n:\n\nevent: x\nid: 7\nretry: 10\n: two\ndata: 1\n\nid: 8\n\ndata:2\n\n" })
  end,
  text = function (c) return pieces(c, { "data: not JSON\n\ndata: {\"ok\":tru\n\ndata: 3\n\n" }) end,
  values = function (c) return pieces(c, { events("\n", { "0", "false", '""', "null", "[]", '"end"' }) }) end,
  many = function (c, n)
    local list = {}
    for i = 1, n do list[i] = '{"n":' .. i .. "}" end
    return pieces(c, { events("\n", list) })
  end,
  untidy = function (c) return pieces(c, { events("\n", { "1" }) .. "data: 2\n" }) end,
  none = function (c) return pieces(c, {}) end,
  cut = function (c)
    if begin(c, "text/event-stream") then chunk(c, "data: 1\n\ndata: 2") end
    return false
  end,
  -- one event, then nothing
  stall = function (c)
    if begin(c, "text/event-stream") then chunk(c, "data: 1\n\n") end
    c:wait()
    return false
  end,
  -- comments for ever, but no event
  alive = function (c)
    if not begin(c, "text/event-stream") then return false end
    repeat
      if not chunk(c, ": alive\n\n") then return false end
    until not c:wait(0.02)
    return false
  end,
  -- an event every 20 ms, N of them
  slow = function (c, n)
    if not begin(c, "text/event-stream") then return false end
    for i = 1, n do
      if not chunk(c, "data: " .. i .. "\n\n") or not c:wait(0.02) then return false end
    end
    return c:send "0\r\n\r\n"
  end,
  mute = function (c) c:wait() return false end,
  binary = function (c)
    if not begin(c, "audio/mpeg") then return false end
    for _, s in ipairs { "\0\1\2", "data: 1\n\n", ("\255"):rep(100) } do
      if not chunk(c, s) then return false end
    end
    return c:send "0\r\n\r\n"
  end,
  error = function (c, n)
    if n == 422 then return field(c, 422, "missing") end
    return detail(c, n, "status " .. n)
  end,
  -- 429 once, then the stream
  busy = function (c)
    c.count("busy", 1)
    if c.stats.busy == 1 then return c:json(429, { detail = "Too many requests" }) end
    return pieces(c, { events "\n" })
  end,
  huge = function (c)
    if not begin(c, "text/event-stream") or not chunk(c, "data: ") then return false end
    local block = ("x"):rep(1 << 20)
    for _ = 1, 80 do
      if not chunk(c, block) then return false end
    end
    return c:send "0\r\n\r\n"
  end,
}


local function sse(c, _, name, arg)
  local f = streams[name or ""]
  if not f then return c:json(404, { detail = "no such stream" }) end
  return f(c, math.tointeger(tonumber(arg)) or 0)
end


return function (all)
  faults = all
  faults.list.q = queue
  faults.list.sse = sse
end
