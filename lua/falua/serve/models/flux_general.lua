-- fal-ai/flux-general: dev with everything that can be put on it.

local fal = require "fal"
local control = require "falua.serve.models.control"
local fields = require "falua.serve.models.fields"
local studio = require "falua.serve.models.studio"


local function list(of)
  return {type = "array", max = 20, default = fal.array {}, nullable = true,
          items = {type = "object", fields = of}}
end


local share = fields.number(0, 0, 1)

-- What every control image comes with.
local shape = {
  control_image_url = fields.picture(),
  conditioning_scale = fields.number(1, 0, 2),
  start_percentage = share, end_percentage = fields.number(1, 0, 1),
  mask_image_url = fields.picture(true), mask_threshold = fields.number(0.5, 0.01, 0.99),
}

local weights = {
  path = fields.text(), config_url = fields.optional(),
  variant = fields.optional(),
}

local MODES = {"canny", "tile", "depth", "blur", "pose", "gray",
               "low-quality"}

local input = fields.with(fields.open, {
  prompt = fields.text(), negative_prompt = fields.text "",
  image_size = fields.size "landscape_4_3",
  num_inference_steps = fields.steps(28),
  guidance_scale = fields.guidance(3.5, 0, 20),
  real_cfg_scale = fields.number(3.5, 0, 5),
  use_real_cfg = fields.flag(false), use_cfg_zero = fields.flag(false),
  nag_scale = fields.number(3, 1, 10), nag_tau = fields.number(2.5, 0, 10),
  nag_alpha = fields.number(0.25, 0, 1), nag_end = fields.number(0.25, 0, 1),
  loras = fields.loras,
  controlnets = list(fields.with(weights, shape)),
  controlnet_unions = list(fields.with(weights, {
    controls = {type = "array", required = true, min = 1, max = 10, items = {
      type = "object", fields = fields.with(shape, {
        control_mode = {type = "string", required = true, enum = MODES},
      }),
    }},
  })),
  control_loras = list {
    path = fields.text(), control_image_url = fields.picture(),
    scale = fields.number(1, 0, 4),
    preprocess = fields.one_of("None", {"canny", "depth", "None"}),
  },
  ip_adapters = list {
    path = fields.text(), image_encoder_path = fields.text(),
    image_url = fields.picture(), scale = {type = "number", required = true},
  },
  easycontrols = list {
    control_method_url = fields.text(), image_url = fields.picture(),
    image_control_type = {type = "string", required = true,
                          enum = {"subject", "spatial"}},
    scale = fields.number(1, 0, 4),
  },
  fill_image = {type = "object", nullable = true, fields = {
    fill_image_url = fields.picture(true), in_context_fill = fields.flag(false),
    use_prompt = fields.flag(false),
  }},
  reference_image_url = fields.picture(true),
  reference_strength = fields.number(0.65, -3, 3),
  reference_start = share, reference_end = fields.number(1, 0, 1),
  scheduler = fields.one_of("euler", {"euler", "dpmpp_2m"}),
  base_shift = fields.number(0.5), max_shift = fields.number(1.15),
  sigma_schedule = fields.optional(), use_beta_schedule = fields.flag(false),
  acceleration = fields.one_of("none", {"none", "regular"}),
})

local from_picture = fields.with(input, {
  image_size = fields.size(), image_url = fields.picture(),
  strength = fields.number(0.85, 0, 1),
})


-- Adds what a list of things with control images asks for.
local function add(context, r, name, things, of)
  for i, thing in ipairs(things or {}) do
    local image, kind, scale = of(thing)
    local ok, flaw = control.add(context, r, image, {name, i - 1,
      thing.image_url and "image_url" or "control_image_url"}, kind, scale)
    if not ok then return false, flaw end
  end
  return true
end


local function unions(context, r, list_)
  for i, union in ipairs(list_ or {}) do
    for k, c in ipairs(union.controls) do
      local ok, flaw = control.add(context, r, c.control_image_url,
        {"controlnet_unions", i - 1, "controls", k - 1, "control_image_url"},
        c.control_mode, c.conditioning_scale)
      if not ok then return false, flaw end
    end
  end
  return true
end


local function of_net(net)
  return net.control_image_url,
         control.kind(net.path, net.variant or "", net.config_url or ""),
         net.conditioning_scale
end


local function of_lora(l)
  return l.control_image_url, control.kind(l.preprocess, l.path),
         math.min(l.scale, 2)
end


-- A reference lends its colours.
local function of_adapter(a)
  return a.image_url, "tile", math.max(0, math.min(a.scale, 2)) * 0.6
end


local function of_easy(e)
  return e.image_url, e.image_control_type == "spatial" and
         control.kind(e.control_method_url) or "tile", math.min(e.scale, 2)
end


local function gather(context, r, i)
  local reference = i.reference_image_url and
    {{image_url = i.reference_image_url, scale = i.reference_strength}}
  local lists = {
    {"controlnets", i.controlnets, of_net},
    {"control_loras", i.control_loras, of_lora},
    {"ip_adapters", i.ip_adapters, of_adapter},
    {"easycontrols", i.easycontrols, of_easy},
    {"reference_image_url", reference, of_adapter},
  }
  for _, l in ipairs(lists) do
    local ok, flaw = add(context, r, l[1], l[2], l[3])
    if not ok then return false, flaw end
  end
  return unions(context, r, i.controlnet_unions)
end


-- The change map says how much may change where: more where it is white.
local function differential(context, r, i)
  local ok, flaw = gather(context, r, i)
  if not ok then return false, flaw end
  local map
  map, flaw = studio.open(context, i.change_map_image_url,
                          "change_map_image_url", 0)
  if not map then return false, flaw end
  r.mask = studio.fitted(map, r.width, r.height, "triangle"):gray()
end


local function endpoint(rest, fields_, prepare)
  return studio.endpoint {
    id = "fal-ai/flux-general" .. rest, input = fields_, prepare = prepare,
    guidance = 3.5, scheduler = "euler", title = "FLUX.1 [dev] general",
    category = rest == "" and "text-to-image" or "image-to-image",
  }
end


return {
  endpoint("", input, gather),
  endpoint("/image-to-image", from_picture, gather),
  endpoint("/inpainting", fields.with(from_picture, {
    mask_url = fields.picture()}), gather),
  endpoint("/differential-diffusion", fields.with(from_picture, {
    change_map_image_url = fields.picture()}), differential),
}
