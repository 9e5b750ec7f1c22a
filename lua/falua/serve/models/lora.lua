-- LoRAs: which an input asks for, and what of their names counts.

local paint = require "falua.serve.paint"

local lora = {}

-- Parts of paths that say where weights are, not what they are.
local places = {
  resolve = true, main = true, blob = true, files = true, models = true,
  lora = true, loras = true, api = true, download = true, weights = true,
  pytorch_lora_weights = true, adapter_model = true, civitai = true,
  file = true, storage = true, master = true,
}


-- "https://huggingface.co/ebartan/papercut-lora/resolve/main/papercut.
-- safetensors" is "ebartan/papercut-lora/papercut" in short.
function lora.name(path)
  local rest = path:gsub("[?#].*$", ""):gsub("^%w+://[^/]*/?", "")
  local parts = {}
  for part in rest:gmatch "[^/]+" do
    part = part:gsub("%.%w+$", "")
    if part ~= "" and not places[part:lower()] then parts[#parts + 1] = part end
  end
  return #parts > 0 and table.concat(parts, "/") or path
end


-- The prompt without its <lora:name:0.8> tags, and what they ask for.
function lora.tags(prompt)
  local found = {}
  local rest = prompt:gsub("<lora:([^<>:]+):?([%d.]*)>", function(name, scale)
    found[#found + 1] = {name = lora.name(name),
                         scale = math.min(tonumber(scale) or 1, 4)}
    return " "
  end)
  if #found == 0 then return prompt, found end
  return (rest:gsub("[ \t]+", " "):gsub(" ([,.])", "%1")), found
end


-- One of several of a kind is enough: a tag in the prompt often names what
-- 'lora_url' brings.
local function add(styles, seen, name, scale)
  local kind = paint.style_kind(name)
  if seen[kind] then
    seen[kind].scale = math.max(seen[kind].scale, scale)
    return
  end
  seen[kind] = {name = name, scale = scale}
  styles[#styles + 1] = seen[kind]
end


-- All styles that an input asks for: 'loras', 'lora_url', tags in the prompt.
function lora.styles(input, tags)
  local styles, seen = {}, {}
  for _, l in ipairs(input.loras or {}) do
    add(styles, seen, lora.name(l.path), l.scale)
  end
  if input.lora_url then
    add(styles, seen, lora.name(input.lora_url), input.lora_scale)
  end
  for _, tag in ipairs(tags) do add(styles, seen, tag.name, tag.scale) end
  return styles
end


return lora
