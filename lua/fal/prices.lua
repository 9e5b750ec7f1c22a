-- What a unit of an endpoint costs.
--
-- A book of prices is filled from a file or a table of the user's, which then
-- is all there is, or from the platform (GET {api}/v1/models/pricing, protocol
-- 13.5). What the platform said is kept on disk for a day, with its date:
-- $XDG_CACHE_HOME/fal/prices.json, by host. What a server on this machine said
-- is not.
--
-- A price: { endpoint_id =, unit_price = decimal, unit = "images", currency =
-- "USD", at = Unix seconds (nil: the user's own), source = "file" | "platform" }

local core = require "fal.core"
local calls = require "fal.calls"
local decimal = require "fal.decimal"

local DAY = 86400
local KEPT = 30 * DAY     -- then an entry of a host that nobody asks any more goes

local Book = {}
Book.__index = Book

local prices = {}


---- Reading ------------------------------------------------------------

local function text(value, otherwise)
  return type(value) == "string" and value or otherwise
end


local function price_of(id, entry, source, at)
  if type(entry) ~= "table" then entry = { unit_price = entry } end
  local amount = decimal.of(entry.unit_price)
  if type(id) ~= "string" or not amount or amount.negative then return nil end
  return {
    endpoint_id = id, unit_price = amount, unit = text(entry.unit, "units"), currency = text(entry.currency, "USD"),
    at = entry.at or at, source = source,
  }
end


-- Puts the prices of a document into 'list': that of the platform, {"prices":
-- [{"endpoint_id":...}]}, or {"id": 0.025, "id": {"unit_price":..., "unit":
-- ...}}. The entry that is no price, or nil.
local function take(list, document, source, at)
  local entries = document.prices
  if type(entries) == "table" and entries[1] ~= nil then
    for i, entry in ipairs(entries) do
      local id = type(entry) == "table" and entry.endpoint_id or nil
      local price = price_of(id, entry, source, at)
      if not price then return "prices[" .. i .. "]" end
      list[id] = price
    end
    return nil
  end
  for id, entry in pairs(document) do
    if id ~= "prices" then
      list[id] = price_of(id, entry, source, at)
      if not list[id] then return tostring(id) end
    end
  end
end


local function bad_file(path, what)
  return core.error {
    code = "file", retryable = false, message = path .. " is no list of prices: " .. what,
    hint = 'write {"fal-ai/flux/dev": {"unit_price": 0.025, "unit": "megapixels"}}, or save what '
      .. "https://api.fal.ai/v1/models/pricing?endpoint_id=... answers",
  }
end


local function read_file(path)
  local bytes, err = core.read(path, 16 * 1048576)
  if not bytes then return nil, err end
  local document
  document, err = core.json.decode(bytes)
  if type(document) ~= "table" then
    return nil, bad_file(path, err and err.message or "it is a " .. type(document))
  end
  return document
end


---- On disk ------------------------------------------------------------

-- Whether a host is this machine.
function prices.is_here(host)
  return (host:find "^https?://127%." or host:find "^https?://localhost[:/]" or host:find("://[::1]", 1, true)) ~= nil
end


-- The folder for what a host said and may be asked again, or nil when there is
-- no home, and for a server on this machine: asking it costs nothing, and the
-- port may be another server's tomorrow ('falua --local'), with other prices. Nor
-- is there one while calls are recorded or played: what is played is no news, and
-- what is recorded must not depend on what was on disk.
function prices.folder(host)
  if calls.recorder or prices.is_here(host) then return nil end
  local base = os.getenv "XDG_CACHE_HOME"
  if not base or base:sub(1, 1) ~= "/" then
    local home = os.getenv "HOME"
    base = home and home ~= "" and home .. "/.cache"
  end
  return base and base .. "/fal" or nil
end


local function kept_file(host)
  local folder = prices.folder(host)
  return folder and folder .. "/prices.json"
end


-- What is on disk, by host: nothing when that is damaged.
local function kept_hosts(path)
  local bytes = path and core.read(path, 16 * 1048576)
  local document = bytes and core.json.decode(bytes)
  local hosts = type(document) == "table" and document.hosts
  return type(hosts) == "table" and hosts or {}
end


local function each_kept(host, f)
  local list = kept_hosts(kept_file(host))[host]
  for id, entry in pairs(type(list) == "table" and list or {}) do
    if type(entry) == "table" and type(entry.at) == "number" then f(id, entry) end
  end
end


-- Adds a price to what is on disk. A disk that says no costs a fetch later.
local function keep(host, price)
  local path = kept_file(host)
  if not path then return end
  local hosts, now = kept_hosts(path), os.time()
  local fresh = {}
  hosts[host] = type(hosts[host]) == "table" and hosts[host] or {}
  hosts[host][price.endpoint_id] = {
    unit_price = tostring(price.unit_price), unit = price.unit, currency = price.currency, at = price.at,
  }
  for name, list in pairs(hosts) do
    for id, entry in pairs(list) do
      local at = type(entry) == "table" and entry.at
      if type(at) == "number" and now - at < KEPT then
        fresh[name] = fresh[name] or {}
        fresh[name][id] = entry
      end
    end
  end
  core.write(path, core.json.encode({ hosts = fresh }, { sorted = true, pretty = true }) .. "\n", true)
end


---- Books --------------------------------------------------------------

local function escape(s)
  return (s:gsub("[^%w%-._~]", function (c) return ("%%%02X"):format(c:byte()) end))
end


-- Loads what the book is made from, once: true | nil, err.
local function load(book)
  if book.list then return true end
  local list = {}
  if book.given then
    local document, err = book.given, nil
    if type(document) == "string" then document, err = read_file(document) end
    if not document then return nil, err end
    local wrong = take(list, document, "file")
    if wrong then return nil, bad_file(tostring(book.path), "see '" .. wrong .. "'") end
  else
    each_kept(book.host, function (id, entry) list[id] = price_of(id, entry, "platform") end)
  end
  book.list = list
  return true
end


local function is_old(price)
  return price.at and os.time() - price.at > DAY or false
end


-- What is known of an endpoint's price without asking anybody: price, is it
-- old | nil, err (nil: it is not known).
function Book:known(id)
  local ok, err = load(self)
  if not ok then return nil, err end
  local price = self.list[id]
  return price, price and is_old(price)
end


local function unknown(id, why)
  return core.error {
    code = "protocol", retryable = false, endpoint_id = id, message = "no price is known: " .. why,
    hint = "give it by the option 'prices' or FAL_PRICES, a file such as "
      .. '{"' .. id .. '": {"unit_price": 0.025, "unit": "images"}}',
  }
end


local function fetch(book, client, id)
  local answer, err = client:get("api", "v1/models/pricing?endpoint_id=" .. escape(id), { timeout = 20 })
  if not answer then return nil, err end
  local list = {}
  local wrong = type(answer) ~= "table" and "" or take(list, { prices = answer.prices }, "platform", os.time())
  if wrong then return nil, unknown(id, "the platform's answer is no list of prices") end
  if not list[id] then return nil, unknown(id, "the platform names none") end
  book.list[id] = list[id]
  keep(book.host, list[id])
  return list[id]
end


-- The price of an endpoint, asked for when it is not known or old: price, is
-- it old | nil, err. What the platform does not know is asked once a minute.
function Book:price(client, id)
  local price, old = self:known(id)
  if price and not old then return price, false end
  if not price and old then return nil, old end
  if self.given then return nil, unknown(id, tostring(self.path) .. " does not have it") end
  local missed = self.missed[id]
  if not missed or core.now() - missed.at > 60 then
    local fresh, err = fetch(self, client, id)
    if fresh then return fresh, false end
    missed = { err = err, at = core.now() }
    if err.code ~= "canceled" then self.missed[id] = missed end
  end
  if price then return price, true end
  return nil, missed.err
end


local books = {}


-- The book of a client: one for each source. client.prices is a table, the
-- path of a file or the URL of the platform.
function prices.book(client)
  local source = client.prices
  local book = books[source]
  if not book then
    local host = type(source) == "string" and source:find "^https?://" and source or nil
    book = setmetatable({
      given = not host and source, path = type(source) == "string" and source or "the table of prices",
      host = host, list = nil, missed = {},
    }, Book)
    books[source] = book
  end
  return book
end


return prices
