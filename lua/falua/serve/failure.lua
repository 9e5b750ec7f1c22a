-- What an endpoint may return or raise when it cannot do what was asked, and
-- the answer that becomes of it (protocol 10).

local fal = require "fal"
local iserror = require "fal.core".iserror
local schema = require "falua.serve.schema"

local failure = {}

local Flaw, Failure = {}, {}
Flaw.__index, Failure.__index = Flaw, Failure

local DOCS = "https://docs.fal.ai/errors/#"

-- fal's own kinds: each has a page, and a status where that is not 422.
local statuses = {
  internal_server_error = 500, generation_timeout = 504,
  downstream_service_error = 500, downstream_service_unavailable = 500,
  content_policy_violation = 422, no_media_generated = 422,
  image_too_small = 422, image_too_large = 422, image_load_error = 422,
  file_download_error = 422, face_detection_error = 422,
  feature_not_supported = 422, file_too_large = 422, one_of = 422,
  unsupported_image_format = 422,
}

-- Request errors of the platform, by error_type, for errors of 'fal' that are
-- about this machine.
local here = {
  canceled = {499, "client_cancelled"},
  file = {507, "internal_error"},
  toobig = {413, "bad_request"},
}

-- And model errors, for those that are about what the endpoint has called.
local downstream = {
  timeout = "generation_timeout", network = "downstream_service_unavailable",
}


function Flaw:__tostring()
  return ("%s: %s (%s)"):format(table.concat(self.loc, "."), self.msg,
                                self.type)
end


function Failure:__tostring()
  return ("%s (%d)"):format(self.message, self.status)
end


-- A place in the input: "image_url", or {"loras", 0, "path"}.
local function place(loc)
  if loc == nil then return {"body"} end
  if type(loc) ~= "table" then return {"body", loc} end
  if loc[1] == "body" then return loc end
  return table.move(loc, 1, #loc, 2, {"body"})
end


-- One entry of fal's 'detail', to be returned or raised: a 422.
function failure.flaw(loc, kind, msg, input, ctx)
  local flaw = schema.flaw(place(loc), kind, msg, input, ctx)
  if statuses[kind] then flaw.url = DOCS .. kind end
  return setmetatable(flaw, Flaw)
end


-- fail("content_policy_violation", "...", {loc =, ctx =, retry =}): an error
-- of the model, of one of fal's types. fail(404, "..."): another status, with
-- a text; or with a table, which is the answer as it stands.
function failure.fail(what, message, options)
  options = options or {}
  local self = setmetatable({retry = options.retry}, Failure)
  if math.type(what) == "integer" and what >= 400 and what <= 599 then
    self.status = what
    self.message = type(message) == "table" and "refused" or message
    self.answer = type(message) == "table" and message or {detail = message}
    return self
  elseif type(what) ~= "string" then
    error("fail takes one of fal's error types, or a status from 400 to 599",
          2)
  end
  local flaw = failure.flaw(options.loc, what, message, options.input,
                            options.ctx)
  if options.input == nil then flaw.input = nil end
  self.status, self.message = statuses[what] or 422, message
  if self.status == 422 and self.retry == nil then self.retry = false end
  self.answer = {detail = fal.array {flaw}}
  return self
end


-- Is it something that this file can answer for?
function failure.known(e)
  if iserror(e) then return true end
  local mt = type(e) == "table" and getmetatable(e)
  return mt == Flaw or mt == Failure or
         type(e) == "table" and e[1] ~= nil and getmetatable(e[1]) == Flaw
end


local function answer(status, value, retry)
  local headers = {["x-fal-billable-units"] = "0"}
  if retry ~= nil then
    headers["x-fal-needs-retry"] = retry and "1" or "0"
    headers["x-fal-retryable"] = retry and "true" or "false"
  end
  return status, value, headers
end


-- Trying again will not help.
function failure.refuse_input(flaws)
  return answer(422, {detail = fal.array(flaws)}, false)
end


-- {detail =, error_type =}, as for what goes wrong outside the model.
function failure.refuse(status, detail, error_type)
  local _, value, headers = answer(status, {detail = detail,
                                            error_type = error_type})
  headers["x-fal-error-type"] = error_type
  return status, value, headers
end


-- The error of a call that the endpoint has made.
local function of_error(e)
  local how = here[e.code]
  if how then return failure.refuse(how[1], e.message, how[2]) end
  if e.code == "validation" and type(e.detail) == "table" then
    return answer(422, {detail = e.detail}, false)
  end
  local f = failure.fail(downstream[e.code] or "downstream_service_error",
                         e.message)
  return answer(f.status, f.answer, e.retryable or false)
end


-- Status, answer and headers for what an endpoint returned as its error; and
-- whether the server's log should have it.
function failure.answer(e)
  local mt = type(e) == "table" and getmetatable(e)
  if mt == Flaw then
    return failure.refuse_input {e}
  elseif mt == Failure then
    return answer(e.status, e.answer, e.retry)
  elseif iserror(e) then
    return of_error(e)
  elseif failure.known(e) then
    return failure.refuse_input(e)
  end
  local f = failure.fail("internal_server_error", tostring(e))
  return answer(500, f.answer, false)
end


return failure
