-- A webhook: verified, then its pictures downloaded and stored. A CGI program,
-- which any web server runs: the headers come as HTTP_... variables, the body on
-- standard input.
--
--   falua examples/seeds/webhook.lua submit URL     asks for a picture, to be told at URL
--   falua examples/seeds/webhook.lua                one delivery, as CGI
--
-- WEBHOOK_FOLDER (otherwise "out") keeps the requests that are ours, as
-- ID.wanted, then ID.done, and the pictures. What has no good signature is
-- refused; so is what we never asked for, since anybody with an account can
-- have deliveries signed. A delivery that comes twice is stored once.

local fal = require "fal"
local folder = os.getenv "WEBHOOK_FOLDER" or "out"


local function path_of(request_id, state)
  return ("%s/%s.%s"):format(folder, request_id, state)
end


local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end


local function submit(url)
  local handle = fal.check(fal.queue.submit("fal-ai/flux/schnell", {
    input = { prompt = "a postbox at a crossroads", image_size = "square" }, webhook_url = url,
  }))
  assert(assert(io.open(path_of(handle.request_id, "wanted"), "w")):close())
  print(handle.request_id)
end


-- The status to answer with, and a word on it.
local function receive(headers, body)
  local genuine, event = fal.webhook.verify(headers, body)
  if not genuine then return "401 Unauthorized", tostring(event) end
  local id = event.request_id
  if not id:find "^[%w-]+$" then return "400 Bad Request", "no request id" end
  if exists(path_of(id, "done")) then return "200 OK", "known" end
  -- It may be here before 'submit' has written the id: it is delivered again.
  if not exists(path_of(id, "wanted")) then return "404 Not Found", "not ours" end
  if event.status == "OK" then
    local saved, err = fal.save(event.payload, folder .. "/{request_id}-{index}.{ext}",
                                { request_id = id, overwrite = true })
    if not saved then return "503 Service Unavailable", tostring(err) end
  end
  assert(os.rename(path_of(id, "wanted"), path_of(id, "done")))
  return "200 OK", event.status == "OK" and "stored" or "failed: " .. tostring(event.error)
end


if arg[1] == "submit" then return submit(arg[2]) end

local headers = {}
for _, name in ipairs { "request-id", "user-id", "timestamp", "signature" } do
  headers["x-fal-webhook-" .. name] = os.getenv("HTTP_X_FAL_WEBHOOK_" .. name:upper():gsub("-", "_"))
end
local status, word = receive(headers, io.read "a")
io.write("Status: ", status, "\r\nContent-Type: text/plain\r\n\r\n", word, "\n")
