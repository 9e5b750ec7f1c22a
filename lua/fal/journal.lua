-- The journal: ids of submitted requests, on disk before anybody waits for
-- them, so that no result that is paid for gets lost with a process.
--
-- A file of JSON lines, only ever appended to: {"submitted": request_id, "id":
-- endpoint, "at": seconds} and {"ended": request_id}. A line that is cut off
-- (the disk was full, the power went) is skipped.

local core = require "fal.core"

local Journal = {}
Journal.__index = Journal
Journal.__name = "fal.Journal"

local journal = {}


local function lines_of(path)
  local text, err = core.read(path)
  if text then return text end
  local probe = io.open(path, "rb")
  if not probe then return "" end  -- not there yet
  probe:close()
  return nil, err
end


-- Opens (or begins) a journal: journal | nil, err.
function journal.open(path, client)
  local text, err = lines_of(path)
  if not text then return nil, err end
  local self = setmetatable({ path = path, client = client, open = {}, order = {} }, Journal)
  for line in text:gmatch "[^\n]+" do
    local entry = core.json.decode(line)
    if type(entry) == "table" then
      if type(entry.submitted) == "string" and type(entry.id) == "string" then
        self:note(entry.submitted, entry)
      elseif type(entry.ended) == "string" then
        self.open[entry.ended] = nil
      end
    end
  end
  -- ends a line that was cut; and better now than after the first submit:
  -- can it be written?
  local ok
  ok, err = core.append(path, (text == "" or text:sub(-1) == "\n") and "" or "\n")
  if not ok then return nil, err end
  return self
end


function Journal:note(request_id, entry)
  if not self.open[request_id] then self.order[#self.order + 1] = request_id end
  self.open[request_id] = entry
end


-- true once it is on disk | nil, err.
function Journal:submitted(id, request_id)
  local entry = { submitted = request_id, id = id, at = os.time() }
  self:note(request_id, entry)
  return core.append(self.path, core.json.encode(entry, { sorted = true }) .. "\n")
end


-- The result was collected, or there will never be one.
function Journal:ended(request_id)
  if not self.open[request_id] then return true end
  self.open[request_id] = nil
  return core.append(self.path, core.json.encode { ended = request_id } .. "\n")
end


-- Handles of the requests that were submitted and have not ended, in order.
function Journal:pending()
  local list, order = {}, {}
  for _, request_id in ipairs(self.order) do
    local entry = self.open[request_id]
    if entry then
      order[#order + 1] = request_id
      list[#list + 1] = self.client.queue.handle(entry.id, request_id, self)
    end
  end
  self.order = order
  return list
end


return journal
