-- How preview models come to their pictures.
--
-- An input becomes a recipe, a recipe as many pictures as are wanted, and
-- they an answer in the shape of fal's. A recipe has
--
--   model, prompt, negative, seed, n, width, height, steps, adherence,
--   texture, raw     what is painted (paint.h)
--   guides    list of {image =, kind =, scale =}: control images
--   styles    list of {name =, scale =}: LoRAs
--   input, strength  a picture that is redrawn
--   mask      where, if not everywhere
--   format, inline   how the pictures are given back
--
-- The pictures are drawings; nothing here is diffusion.

local fal = require "fal"
local core = require "falua.serve.core"
local paint = require "falua.serve.paint"
local lora = require "falua.serve.models.lora"
local now = require "fal.core".now

local studio = {}

local NOTE = "A procedural preview: drawn by arithmetic from prompt and " ..
             "seed, not made by a diffusion model."
local REWORKED = "A preview of falua serve, made from another picture " ..
                 "without a neural network."
local MIN_SIDE, MAX_PIXELS = 16, 4096 * 4096
local PARTIALS = 4          -- pictures that a stream shows before the last


---- Pictures that come in ------------------------------------------------

-- The picture at 'value' with three channels, what is transparent laid on
-- white (or black), or nil and a flaw.
function studio.open(context, value, loc, back)
  local image, flaw = context.open_image(value, loc)
  if not image then return nil, flaw end
  local function bad(kind, msg, ctx)
    return nil, context.flaw(loc, kind, msg, type(value) == "string" and
                             value or nil, ctx)
  end
  if image.width < MIN_SIDE or image.height < MIN_SIDE then
    return bad("image_too_small", ("The local preview needs at least %d " ..
      "pixels on each side"):format(MIN_SIDE),
      {min_width = MIN_SIDE, min_height = MIN_SIDE})
  elseif image.width * image.height > MAX_PIXELS then
    return bad("image_too_large", ("The local preview takes at most %d " ..
      "pixels, such as 4096 x 4096"):format(MAX_PIXELS),
      {max_width = 4096, max_height = 4096})
  end
  back = back or 255
  return paint.opaque(image, back, back, back)
end


-- The picture in another size; itself when it has that already.
function studio.fitted(image, width, height, filter)
  if image.width == width and image.height == height then return image end
  return image:resize(width, height, {filter = filter or "lanczos"})
end


---- From an input to a recipe --------------------------------------------

-- A number for each word, 0 for none.
local function number_of(word)
  local h = 0
  for i = 1, word and #word or 0 do h = (h * 31 + word:byte(i)) & 0xFFFFFFFF end
  return h
end


-- -1 to 1: how far 'v' is from what is usual. No logarithm: every machine is
-- to come to the same number.
local function adherence(v, usual)
  if not v or not usual or v + usual <= 0 then return 0 end
  return (v - usual) / (v + usual)
end


-- What most models have in common. 'usual' are the model's own settings:
-- guidance, scheduler.
function studio.recipe(id, input, usual)
  local prompt, tags = lora.tags(input.prompt or "")
  local size = input.image_size or {width = 1024, height = 1024}
  local scheduler = input.scheduler
  if scheduler == usual.scheduler then scheduler = nil end
  return {
    model = id, prompt = prompt, negative = input.negative_prompt or "",
    seed = input.seed or core.random(), n = input.num_images or 1,
    width = size.width, height = size.height,
    steps = input.num_inference_steps or 0,
    adherence = adherence(input.guidance_scale, usual.guidance),
    texture = number_of(scheduler), raw = input.raw,
    styles = lora.styles(input, tags), guides = {},
    format = input.output_format or input.format or "png",
    inline = input.sync_mode,
  }
end


---- Painting -------------------------------------------------------------

local function scene(r, seed, width, height, label)
  return paint.scene {
    prompt = r.prompt, negative = r.negative, seed = seed, model = r.model,
    width = width, height = height, steps = r.steps, label = label,
    adherence = r.adherence, texture = r.texture, raw = r.raw,
  }
end


-- The prompt's picture, shaped by control images, in the styles of LoRAs.
local function painted(r, seed, width, height, label)
  local plain = #r.guides == 0 and #r.styles == 0 and not r.input
  local image, err = scene(r, seed, width, height, label and plain)
  for _, g in ipairs(r.guides) do
    if not image then return nil, err end
    image, err = paint.guide(image, studio.fitted(g.image, width, height),
                             g.kind, g.scale)
  end
  for _, s in ipairs(r.styles) do
    if not image then return nil, err end
    image, err = paint.style(image, s.name, s.scale)
  end
  return image, err, plain
end


local function redrawn(r, seed)
  local image, err = painted(r, seed, r.width, r.height, false)
  if not image then return nil, err end
  image, err = paint.remake(image, r.input, r.strength)
  if not image then return nil, err end
  return paint.label(image, r.model, r.prompt)
end


-- Where the mask is white, the prompt's picture, of the size of that place;
-- elsewhere the input, pixel for pixel.
local function repainted(r, seed)
  local x, y, w, h = paint.bounds(r.mask)
  if not x then return r.input end
  local pw, ph = math.max(w, MIN_SIDE), math.max(h, MIN_SIDE)
  x, y = math.min(x, r.width - pw), math.min(y, r.height - ph)
  local image, err = painted(r, seed, pw, ph, false)
  if not image then return nil, err end
  image, err = paint.remake(image, r.input:crop(x, y, pw, ph), r.strength)
  if not image then return nil, err end
  image, err = paint.label(image, r.model, r.prompt)
  if not image then return nil, err end
  image, err = r.input:paste(image, x, y)
  if not image then return nil, err end
  return r.input:blend(image, r.mask)
end


-- One picture of a recipe.
function studio.picture(r, seed)
  if r.mask then return repainted(r, seed) end
  if r.input then return redrawn(r, seed) end
  local image, err, labeled = painted(r, seed, r.width, r.height, true)
  if not image or labeled then return image, err end
  return paint.label(image, r.model, r.prompt)
end


---- Pictures that go out -------------------------------------------------

local function texts(model, note, prompt, seed)
  return {
    Software = "falua " .. fal.version, Comment = note, model = model,
    prompt = prompt, seed = seed and tostring(seed),
  }
end


-- Bytes and their type. A JPEG says in its comment what it is.
local function encoded(image, format, what)
  if format == "jpeg" then
    local bytes, err = paint.jpeg(image, 92, what.Comment .. " " ..
                                  what.Software .. ", model " .. what.model)
    return bytes, bytes and "image/jpeg" or err
  end
  local bytes, err = image:png {text = what}
  return bytes, bytes and "image/png" or err
end


-- In realtime a picture is in the message, as bytes where these can be.
local function in_message(bytes, kind, image)
  return {content = bytes, content_type = kind, width = image.width,
          height = image.height}
end


-- Puts a picture where the caller wants it.
function studio.publish(context, image, format, inline, what)
  local bytes, kind = encoded(image, format, what)
  if not bytes then return nil, kind end
  local live = context.kind == "realtime"
  if live and context.binary and not inline then
    return in_message(bytes, kind, image)
  end
  return context.image(bytes, {
    content_type = kind, width = image.width, height = image.height,
    sync = inline or live,
  })
end


-- What a stream shows while it waits.
local function show_partials(context, image, seed)
  for k = 1, PARTIALS do
    if context.canceled() then return end
    local done = k / (PARTIALS + 1)
    local part = paint.partial(image, done, seed & 0xFFFFFFFF)
    local bytes = part and paint.jpeg(part, 75, "A preview, not yet whole.")
    if not bytes then return end
    context.emit {
      images = fal.array {(context.image(bytes, {
        content_type = "image/jpeg", width = part.width,
        height = part.height, sync = true,
      }))}, progress = done,
    }
    context.progress(done)
  end
end


-- Did the server's content filter flag the prompt, and does the caller want to
-- know?
local function flagged_by(context, input)
  return input.enable_safety_checker ~= false and context.headers["x-falua-flagged"] == "true"
end


-- A black picture of the same size instead.
local function blackened(image)
  local black = fal.image.new(image.width, image.height, "#000")
  image:close()
  return black
end


-- All pictures of a recipe, in an answer of the usual shape; or nil, err.
function studio.answer(context, r, input)
  local images, flagged, began = {}, {}, now()
  context.log(("seed %d: drawing a preview, not diffusion"):format(r.seed))
  for k = 1, r.n do
    local seed = r.seed + k - 1
    local image, err = studio.picture(r, seed)
    if not image then return nil, err end
    local unfit = flagged_by(context, input)
    if unfit then image = blackened(image) end
    if k == 1 and context.kind == "stream" then
      show_partials(context, image, seed)
    end
    images[k], err = studio.publish(context, image, r.format, r.inline,
      texts(r.model, r.input and REWORKED or NOTE, r.prompt, seed))
    if not images[k] then return nil, err end
    image:close()
    flagged[k] = unfit
    context.progress(k / r.n)
  end
  return {
    images = fal.array(images), seed = r.seed, prompt = input.prompt,
    has_nsfw_concepts = fal.array(flagged),
    timings = {inference = now() - began},
    request_id = input.request_id,
    progress = context.kind == "stream" and 1.0 or nil,
  }
end


-- One picture as 'image', as utilities answer.
function studio.single(context, image, o)
  return studio.publish(context, image, o.format, o.inline,
                        texts(o.model, REWORKED))
end


---- What it costs --------------------------------------------------------

local units = {}


-- Each picture by its megapixels (1024 by 1024 is one), rounded up.
function units.megapixels(_, result)
  local n = 0
  for _, image in ipairs(result.images or {result.image}) do
    n = n + math.ceil(image.width * image.height / 1048576)
  end
  return n
end


function units.images(_, result)
  return result.images and #result.images or 1
end


-- Where fal bills the seconds of a machine, the seconds of this one.
function units.seconds(_, result)
  return result.timings and result.timings.inference or 0
end


---- Endpoints ------------------------------------------------------------

-- Takes the pictures that an input names into a recipe.
local function take_pictures(context, r, input)
  if input.image_url then
    local image, flaw = studio.open(context, input.image_url, "image_url")
    if not image then return nil, flaw end
    local size = input.image_size or image
    r.width, r.height = size.width, size.height
    r.input = studio.fitted(image, r.width, r.height)
    r.strength = input.strength or 1
  end
  if input.mask_url then
    local mask, flaw = studio.open(context, input.mask_url, "mask_url", 0)
    if not mask then return nil, flaw end
    r.mask = studio.fitted(mask, r.width, r.height, "triangle"):gray()
  end
  return r
end


-- An endpoint from a table with id, input, unit ("megapixels"), category
-- ("text-to-image"), description, guidance and scheduler (what is usual), and
-- prepare(context, recipe, input), which may change the recipe, or return
-- false and an error.
function studio.endpoint(t)
  local usual = {guidance = t.guidance, scheduler = t.scheduler}
  local function run(input, context)
    local r, err = take_pictures(context, studio.recipe(t.id, input, usual),
                                 input)
    if not r then return nil, err end
    if t.prepare then
      local ok, why = t.prepare(context, r, input)
      if ok == false then return nil, why end
    end
    local result
    result, err = studio.answer(context, r, input)
    if result and t.finish then t.finish(result, input) end
    return result, err
  end
  return {
    id = t.id, input = t.input, run = run, output = t.output,
    units = units[t.unit or "megapixels"],
    category = t.category or "text-to-image", title = t.title,
    description = t.description,
  }
end


-- An endpoint that makes one picture from another: t.make(context, image,
-- input) -> picture, more members of the answer; or nil, err.
function studio.utility(t)
  local function run(input, context)
    local began = now()
    local image, err = studio.open(context, input.image_url, "image_url",
                                   t.back)
    if not image then return nil, err end
    local made, more = t.make(context, image, input)
    if not made then return nil, more end
    local result = more or {}
    context.log "a preview: made without a neural network"
    if not t.bare then made, err = paint.label(made, t.id) end
    if not made then return nil, err end
    result.image, err = studio.single(context, made, {
      model = t.id, inline = input.sync_mode,
      format = t.bare and "png" or input.output_format or input.format or "png",
    })
    if not result.image then return nil, err end
    if t.seeded then result.seed = input.seed or core.random() end
    if t.timed then result.timings = {inference = now() - began} end
    return result
  end
  return {
    id = t.id, input = t.input, run = run, units = units[t.unit or "images"],
    category = "image-to-image", title = t.title, description = t.description,
  }
end


-- The same endpoints under other ids, which people use.
function studio.aliases(endpoint, ids)
  local all = {endpoint}
  for _, id in ipairs(ids) do
    local copy = {}
    for name, value in pairs(endpoint) do copy[name] = value end
    copy.id = id
    all[#all + 1] = copy
  end
  return table.unpack(all)
end


return studio
