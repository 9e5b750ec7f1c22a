-- falua upload: files to fal's storage; their URLs on standard output.

local command = require "falua.command"
local host = require "falua.host"
local progress = require "falua.progress"

local upload = { summary = "upload files, print their URLs", needs_fal = true }


function upload.parser()
  local p = require "argparse"("falua upload", "Uploads files to fal's storage and prints their URLs.")
  p:argument("file", "Files; large ones go in parts."):args "+":argname "FILE"
  p:option("--type", "Content type (otherwise by the name)."):argname "TYPE"
  p:option("--expires", "How long it is kept: seconds, 1h, 1d, 7d, 30d, 1y, never."):argname "TIME"
  p:flag("--json", "A line of JSON for each.")
  progress.option(p)
  p:epilog "example:\n  falua upload photo.png"
  return p
end


local function size(n)
  if n < 1024 then return ("%d B"):format(n) end
  if n < 1048576 then return ("%.0f KB"):format(n / 1024) end
  return ("%.1f MB"):format(n / 1048576)
end


local function one(path, options, display)
  local job = display:job(path)
  local url, err = fal.storage.upload_file(path, {
    content_type = options.type,
    lifecycle = options.expires and { expires_in = tonumber(options.expires) or options.expires } or nil,
    on_progress = function (done, total)
      job:update {
        status = "uploading", fraction = total > 0 and done / total or 1, log = size(done) .. " of " .. size(total),
      }
    end,
  })
  job:finish { ok = url ~= nil, text = url or err.message }
  if not url then
    display:complain("falua: upload: " .. host.message(err))
    return false
  end
  display:print(options.json and fal.json.encode({ file = path, url = url }, { sorted = true }) or url)
  return true
end


function upload.run(args)
  local options, misuse = command.parse("upload", upload.parser(), args)
  if not options then return misuse end
  local display = progress.new { mode = options.progress, total = #options.file }
  local status = command.OK
  local done = command.interruptible(function ()
    for _, path in ipairs(options.file) do
      if not one(path, options, display) then status = command.FAILED end
    end
    return true
  end)
  display:close()
  if not done then
    command.complain "upload: interrupted"
    return command.INTERRUPTED
  end
  return status
end


return upload
