rockspec_format = "3.0"
package = "fal"
version = "scm-1"
source = {
  url = "git+file://.",   -- `luarocks make` builds the checkout it is in
}
description = {
  summary = "fal.ai for Lua: image, video and audio models behind one call",
  detailed = [[
    A C module on libcurl and libpng that speaks fal's HTTP protocol. It never
    blocks a host that has its own loop: calls block in a script, yield in a
    task, and cost a Neovim or LÖVE frame nothing.
  ]],
  license = "MIT",
}
dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson",
}
external_dependencies = {      -- by library: some systems keep headers where
  CURL = { library = "curl" }, -- a search does not look
  PNG = { library = "png" },
  Z = { library = "z" },
  DEFLATE = { library = "deflate" },
  CRYPTO = { library = "crypto" },
  WSLAY = { library = "wslay" },
  MSGPACK = { header = "msgpack.h" },
}
build = {
  type = "make",
  build_target = "module",
  build_variables = {
    B = "build/rock", LUA = "lua", LUACFLAGS = "-I$(LUA_INCDIR)", CFLAGS = "$(CFLAGS)",
  },
  install_pass = false,
  install = { lib = { fal = "build/rock/lua/fal.so" } },
}
