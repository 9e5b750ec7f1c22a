-- What former runs of a batch have left: jobs that are done, requests that go on,
-- and submits of which nobody knows whether they arrived.

local core = require "fal.core"

local batchpast = {}


local function are_there(files)
  for _, path in ipairs(type(files) == "table" and files or {}) do
    if not core.engine.head(path, 0) then return false end
  end
  return true
end


-- Whether a former run has ended this job; else notes what it left.
function batchpast.settles(b, job)
  local state, value = b.log:state(job.key)
  if state == "new" or state == "failed" and b.opt.retry_errors then return false end
  if state == "id" then
    job.request_id = value
    return false
  elseif state == "try" then
    job.unsure, job.name = not b.opt.retry_errors, value
    return false
  end
  local entry = b.log:at(value)
  local record = entry and (entry.done or entry.failed)
  if type(record) ~= "table" or state == "done" and not are_there(record.files) then
    job.request_id = record and type(record.request_id) == "string" and record.request_id or nil
    return false   -- its files are gone: fetched again when the server still has them
  end
  record.index = job.index
  if state == "done" then record.state = "skipped" end
  job.record = core.json.encode(record, { sorted = true }) or "{}"
  job.files, job.settled = record.files, state == "done" and "skipped" or "failed"
  return true
end


-- Requests of this endpoint that the platform has, by their input | nil, err.
local function requests_by_input(b)
  local id = b.endpoint:gsub("[^%w%-._~]", function (c) return ("%%%02X"):format(c:byte()) end)
  local found, cursor = {}, ""
  repeat
    local answer, err = b.client:get("api", "v1/models/requests/by-endpoint?limit=100&endpoint_id=" .. id .. cursor,
      { timeout = 30 })
    if not answer then return nil, err end
    for _, item in ipairs(type(answer) == "table" and type(answer.items) == "table" and answer.items or {}) do
      local text = type(item.json_input) == "table" and core.json.encode(item.json_input, { sorted = true })
        or type(item.json_input) == "string" and item.json_input
      if text and type(item.request_id) == "string" then
        found[text] = found[text] or {}
        table.insert(found[text], item.request_id)
      end
    end
    cursor = type(answer.next_cursor) == "string" and answer.next_cursor ~= "" and answer.has_more
      and "&cursor=" .. answer.next_cursor or nil
  until not cursor
  return found
end


-- A job that was being submitted when a former run ended: its request when the
-- platform has one, or nothing, and it is new | nil, err: nobody knows.
function batchpast.look_for(b, job)
  if b.log.named then return true end   -- its name makes it the same request
  if b.client.queue.status(b.endpoint, { request_id = job.name }) then
    job.request_id = job.name
    return true
  end
  if not b.requests then
    local found, err = requests_by_input(b)
    if not found then
      return nil, core.error {
        code = "network", retryable = true, message = "a former run ended while it submitted this job, and whether "
          .. "the request arrived cannot be told (" .. err.message .. ")",
        hint = "it may have been paid for; retry_errors makes it again",
      }
    end
    b.requests = found
  end
  local list = b.requests[core.json.encode(job.input, { sorted = true })] or {}
  while #list > 0 do
    local id = table.remove(list)
    if not b.log:has_request(id) then
      job.request_id = id
      b.log:note(job, "id", core.json.encode(id))
      return b.log:sync()
    end
  end
  return true
end


return batchpast
