-- Content types: by a file's name, by its first bytes.

local types = {}

local BY_EXTENSION = {
  png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", webp = "image/webp", gif = "image/gif",
  avif = "image/avif", heic = "image/heic", bmp = "image/bmp", tif = "image/tiff", tiff = "image/tiff",
  svg = "image/svg+xml", mp4 = "video/mp4", m4v = "video/mp4", webm = "video/webm", mov = "video/quicktime",
  mkv = "video/x-matroska", avi = "video/x-msvideo", mp3 = "audio/mpeg", wav = "audio/wav", ogg = "audio/ogg",
  oga = "audio/ogg", opus = "audio/ogg", flac = "audio/flac", m4a = "audio/mp4", aac = "audio/aac",
  glb = "model/gltf-binary", gltf = "model/gltf+json", obj = "model/obj", stl = "model/stl",
  json = "application/json", jsonl = "application/jsonl", zip = "application/zip", tar = "application/x-tar",
  gz = "application/gzip", pdf = "application/pdf", txt = "text/plain", md = "text/markdown",
  csv = "text/csv", html = "text/html", srt = "application/x-subrip", vtt = "text/vtt",
}

-- Where several extensions are of one type.
local USUAL = {
  ["image/jpeg"] = "jpg", ["image/tiff"] = "tif", ["video/mp4"] = "mp4", ["audio/ogg"] = "ogg", ["audio/x-wav"] = "wav",
}

local BY_TYPE = {}
for extension, kind in pairs(BY_EXTENSION) do BY_TYPE[kind] = USUAL[kind] or extension end
for kind, extension in pairs(USUAL) do BY_TYPE[kind] = extension end

-- No zero bytes: Lua 5.1 ends a pattern there.
local BY_BYTES = {
  { "^\137PNG\r\n\26\n", "image/png" }, { "^\255\216\255", "image/jpeg" },
  { "^RIFF....WEBP", "image/webp" }, { "^RIFF....WAVE", "audio/wav" }, { "^RIFF....AVI ", "video/x-msvideo" },
  { "^GIF8[79]a", "image/gif" }, { "^....ftypavif", "image/avif" }, { "^....ftyphei", "image/heic" },
  { "^....ftypM4A", "audio/mp4" }, { "^....ftypqt", "video/quicktime" }, { "^....ftyp", "video/mp4" },
  { "^\26\69\223\163", "video/webm" }, { "^ID3[\2-\4]", "audio/mpeg" }, { "^fLaC", "audio/flac" },
  { "^OggS", "audio/ogg" }, { "^glTF", "model/gltf-binary" }, { "^%%PDF%-", "application/pdf" },
  { "^PK\3\4", "application/zip" }, { "^\31\139\8", "application/gzip" },
}


-- What bytes that begin so are, or nil.
function types.of_bytes(head)
  for _, known in ipairs(BY_BYTES) do
    if head:find(known[1]) then return known[2] end
  end
end


-- What a file of this name should be, or nil.
function types.of_name(name)
  local extension = name:match "%.(%w+)$"
  return extension and BY_EXTENSION[extension:lower()]
end


-- The extension for a type, "bin" when none is known.
function types.extension(kind)
  return BY_TYPE[kind] or BY_TYPE[kind:match "^[^;%s]+"] or "bin"
end


return types
