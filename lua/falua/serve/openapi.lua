-- What the platform says of an endpoint: its OpenAPI document (protocol 4.7)
-- and its entry in the list of models (13.5).

local fal = require "fal"
local schema = require "falua.serve.schema"

local openapi = {}


-- "image_size" -> "Image Size", as Pydantic makes titles.
local function title_of(name)
  return (name:gsub("_", " "):gsub("(%S)(%S*)", function(first, rest)
    return first:upper() .. rest
  end))
end


-- "fal-ai/flux/dev" -> "FluxDev"
local function camel(id)
  local name = id:match "/(.*)$" or id
  return (name:gsub("[^%w]*(%w+)[^%w]*", function(word)
    return word:sub(1, 1):upper() .. word:sub(2)
  end))
end


---- Fields ---------------------------------------------------------------

local describe, object


local function range(to, field)
  to.minimum = field.min or field.above
  to.maximum = field.max or field.below
  if field.above then to.exclusiveMinimum = true end
  if field.below then to.exclusiveMaximum = true end
  to.multipleOf = field.multiple_of
  return to
end


local shapes = {}

function shapes.string(field)
  return {type = "string", minLength = field.min, maxLength = field.max}
end

function shapes.integer(field) return range({type = "integer"}, field) end

function shapes.number(field) return range({type = "number"}, field) end

function shapes.boolean() return {type = "boolean"} end

function shapes.any() return {} end

-- A URL as a rule, and the only form that a form of a web page can offer.
function shapes.file() return {type = "string", format = "uri"} end

function shapes.array(field)
  return {type = "array", items = field.items and describe(field.items) or {},
          minItems = field.min, maxItems = field.max}
end

function shapes.object(field)
  return field.fields and object(field.fields) or
         {type = "object", additionalProperties = true}
end


local function list(t)
  return t and fal.array(table.move(t, 1, #t, 1, {}))
end


function describe(field, name)
  local kind = field.type or "string"
  local to = type(kind) == "string" and shapes[kind](field) or {}
  to.enum = list(field.enum)
  to.title = field.title or name and title_of(name)
  to.description = field.description
  to.examples = list(field.examples)
  to.default = field.default
  if field.nullable then to.nullable = true end
  for k, v in pairs(field.openapi or {}) do to[k] = v end
  return to
end


function object(fields)
  local properties, required, order = {}, {}, {}
  for i, entry in ipairs(schema.list(fields)) do
    properties[entry.name] = describe(entry.field, entry.name)
    order[i] = entry.name
    if entry.field.required then required[#required + 1] = entry.name end
  end
  return {
    type = "object", properties = properties,
    required = #required > 0 and fal.array(required) or nil,
    ["x-fal-order-properties"] = fal.array(order),
  }
end


local function of(fields, title)
  local to = fields and object(fields) or
             {type = "object", additionalProperties = true}
  to.title = title
  return to
end


---- The document ---------------------------------------------------------

local STATUS = {
  type = "object", title = "QueueStatus",
  required = fal.array {"status", "request_id"},
  properties = {
    status = {type = "string",
              enum = fal.array {"IN_QUEUE", "IN_PROGRESS", "COMPLETED"}},
    request_id = {type = "string"},
    response_url = {type = "string"}, status_url = {type = "string"},
    cancel_url = {type = "string"}, queue_position = {type = "integer"},
    logs = {type = "object", additionalProperties = true},
    metrics = {type = "object", additionalProperties = true},
  },
}


local function ref(name)
  return {["$ref"] = "#/components/schemas/" .. name}
end


local function answers(what, text)
  return {["200"] = {description = text, content = {["application/json"] =
          {schema = what}}}}
end


local function request(what, text, parameters)
  local path = {
    {name = "request_id", ["in"] = "path", required = true,
     schema = {type = "string"}, description = "Request ID"},
  }
  for _, p in ipairs(parameters or {}) do path[#path + 1] = p end
  return {parameters = fal.array(path), responses = answers(what, text)}
end


local LOGS = {name = "logs", ["in"] = "query", required = false,
              schema = {type = "number"},
              description = "1: with the request's log lines"}


local function paths(e, input, output)
  local one = "/" .. e.id .. "/requests/{request_id}"
  return {
    ["/" .. e.id] = {post = {
      description = e.description,
      requestBody = {required = true, content = {["application/json"] =
                     {schema = ref(input)}}},
      responses = answers(ref "QueueStatus", "The request's status."),
    }},
    [one] = {get = request(ref(output), "The request's result.")},
    [one .. "/status"] = {get = request(ref "QueueStatus",
                                        "The request's status.", {LOGS})},
    [one .. "/cancel"] = {put = request({type = "object", properties =
      {success = {type = "boolean"}}}, "Whether it was cancelled.")},
  }
end


-- The document; 'base' is where this server is, for links.
function openapi.document(e, base)
  local input, output = camel(e.id) .. "Input", camel(e.id) .. "Output"
  return {
    openapi = "3.0.4",
    info = {
      title = "Queue OpenAPI for " .. e.id, version = "1.0.0",
      description = e.description or "The OpenAPI schema for the " .. e.id ..
                    " queue.",
      ["x-fal-metadata"] = {
        endpointId = e.id, category = e.category or "unknown",
        thumbnailUrl = e.thumbnail or "", playgroundUrl = base .. "/" .. e.id,
        documentationUrl = base .. "/" .. e.id,
      },
    },
    components = {
      securitySchemes = {apiKeyAuth = {
        type = "apiKey", ["in"] = "header", name = "Authorization",
        description = "Fal Key",
      }},
      schemas = {
        QueueStatus = STATUS, [input] = of(e.input, input),
        [output] = of(e.output, output),
      },
    },
    paths = paths(e, input, output),
    servers = fal.array {{url = base .. "/queue"}},
    security = fal.array {{apiKeyAuth = fal.empty_array}},
  }
end


-- The entry in the list of models, with the document when 'full'.
function openapi.model(e, base, full)
  return {
    endpoint_id = e.id,
    metadata = {
      display_name = e.title or e.id, category = e.category or "unknown",
      description = e.description or "", status = "active",
      tags = fal.empty_array, updated_at = fal.null,
      thumbnail_url = e.thumbnail or "", model_url = base .. "/" .. e.id,
      date = fal.null,
    },
    openapi = full and openapi.document(e, base) or nil,
  }
end


return openapi
