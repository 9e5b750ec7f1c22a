/*
** lfal.c -- the module itself: errors, helpers, the Lua parts compiled in
*/
#include <string.h>
#include <unistd.h>

#include "../core/base64.h"
#include "../core/digest.h"
#include "../core/endpoint.h"
#include "../core/file.h"
#include "../image/image.h"
#include "lfal.h"
#include "ljson.h"

#define ERROR_T  "fal.Error"
#define LOCK_T   "fal.Lock"


/*
** {======================================================
** Errors
** =======================================================
*/

static void set_string (lua_State *L, const char *name, const char *s) {
  if (s[0] != '\0') {
    lua_pushstring(L, s);
    lua_setfield(L, -2, name);
  }
}


int lfal_push_error (lua_State *L, const fal_error *err) {
  lua_createtable(L, 0, 8);
  luaL_setmetatable(L, ERROR_T);
  set_string(L, "code", fal_code_name(err->code));
  lua_pushstring(L, err->message);
  lua_setfield(L, -2, "message");
  set_string(L, "type", err->type);
  set_string(L, "request_id", err->request_id);
  set_string(L, "hint", err->hint);
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable");
  if (err->status != 0) {
    lua_pushinteger(L, err->status);
    lua_setfield(L, -2, "status");
  }
  if (err->retry_after > 0) {
    lua_pushnumber(L, err->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  return 1;
}


int lfal_fail (lua_State *L, const fal_error *err) {
  lua_pushnil(L);
  lfal_push_error(L, err);
  return 2;
}


int lfal_fail_op (lua_State *L, const fal_op *op) {
  fal_error err, ignored;
  const fal_answer *a = fal_op_answer(op);
  fal_op_failed(op, &err);
  lua_pushnil(L);
  lfal_push_error(L, &err);
  if (err.status != 0) {
    lua_pushlstring(L, a->body, a->body_n);
    lua_setfield(L, -2, "body");
    if (lfal_json_decode(L, a->body, a->body_n, &ignored)) {
      if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "detail");
        lua_setfield(L, -3, "detail");
      }
      lua_pop(L, 1);
    }
  }
  return 2;
}


/* "fal-ai/x: what happened [request id]\n  hint" */
static int error_tostring (lua_State *L) {
  static const struct { const char *name, *before, *after; } parts[] = {
    { "endpoint_id", "", ": " },
    { "message", "", "" },
    { "request_id", " [request ", "]" },
    { "hint", "\n  ", "" },
  };
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_pushliteral(L, "");  /* the text so far, at 2 */
  for (i = 0; i < 4; i++) {
    lua_getfield(L, 1, parts[i].name);
    if (lua_isstring(L, 3)) {
      lua_pushfstring(L, "%s%s%s%s", lua_tostring(L, 2), parts[i].before,
                      lua_tostring(L, 3), parts[i].after);
      lua_replace(L, 2);
    }
    lua_settop(L, 2);
  }
  return 1;
}


static void open_errors (lua_State *L) {
  luaL_newmetatable(L, ERROR_T);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "fal.Error");
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}

/* }====================================================== */


/*
** {======================================================
** Fields of option tables
** =======================================================
*/

const char *lfal_field_string (lua_State *L, int idx, const char *name,
                               size_t *n) {
  lua_getfield(L, idx, name);
  if (lua_isnil(L, -1)) {
    if (n != NULL)
      *n = 0;
    return NULL;
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "option '%s' must be a string, not a %s", name,
               luaL_typename(L, -1));
  return lua_tolstring(L, -1, n);
}


double lfal_field_number (lua_State *L, int idx, const char *name,
                          double otherwise) {
  double d = otherwise;
  lua_getfield(L, idx, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER)
      luaL_error(L, "option '%s' must be a number, not a %s", name,
                 luaL_typename(L, -1));
    d = lua_tonumber(L, -1);
  }
  lua_pop(L, 1);
  return d;
}


int lfal_field_boolean (lua_State *L, int idx, const char *name,
                        int otherwise) {
  int v = otherwise;
  lua_getfield(L, idx, name);
  if (!lua_isnil(L, -1))
    v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

/* }====================================================== */


/*
** {======================================================
** Small tools for the Lua parts
** =======================================================
*/

/* digest(name, bytes) -> hex */
static int tool_digest (lua_State *L) {
  char hex[FAL_DIGEST_HEX];
  size_t n;
  const char *name = luaL_checkstring(L, 1);
  const char *s = luaL_checklstring(L, 2, &n);
  if (!fal_digest(name, s, n, hex))
    return luaL_argerror(L, 1, "no such digest: md5, sha1, sha256, sha512");
  lua_pushstring(L, hex);
  return 1;
}


static int tool_base64 (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  char *to = lua_newuserdata(L, fal_base64_encoded(n) + 1);
  lua_pushlstring(L, to, fal_base64_encode(to, s, n));
  return 1;
}


/* unbase64(text) -> bytes, or nil */
static int tool_unbase64 (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  char *to = lua_newuserdata(L, fal_base64_decoded(n) + 1);
  ptrdiff_t len = fal_base64_decode(to, s, n);
  if (len < 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, to, (size_t)len);
  return 1;
}


/* write(path, bytes, overwrite) -> true | nil, err */
static int tool_write (lua_State *L) {
  fal_error err;
  size_t n;
  const char *path = luaL_checkstring(L, 1);
  const char *s = luaL_checklstring(L, 2, &n);
  if (fal_file_put(path, s, n, lua_toboolean(L, 3), &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


/* append(path, bytes) -> true | nil, err. On disk when it returns. */
static int tool_append (lua_State *L) {
  fal_error err;
  size_t n;
  const char *path = luaL_checkstring(L, 1);
  const char *s = luaL_checklstring(L, 2, &n);
  if (fal_file_append(path, s, n, &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


/* read(path[, max]) -> bytes | nil, err */
static int tool_read (lua_State *L) {
  fal_error err;
  fal_buf b;
  const char *path = luaL_checkstring(L, 1);
  fal_buf_init(&b, (size_t)luaL_optnumber(L, 2, 1073741824.0));
  if (fal_file_get(path, &b, &err) != FAL_OK) {
    fal_buf_free(&b);
    return lfal_fail(L, &err);
  }
  lua_pushlstring(L, b.s != NULL ? b.s : "", b.n);
  fal_buf_free(&b);
  return 1;
}


/* move(from, to, overwrite) -> true | nil, err */
static int tool_move (lua_State *L) {
  fal_error err;
  const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
  if (fal_file_move(from, to, lua_toboolean(L, 3), &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


/* copy(from, to, overwrite) -> true | nil, err */
static int tool_copy (lua_State *L) {
  fal_error err;
  const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
  if (fal_file_copy(from, to, lua_toboolean(L, 3), &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


/* Also __gc and __close. */
static int lock_close (lua_State *L) {
  int *fd = luaL_checkudata(L, 1, LOCK_T);
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
  return 0;
}


/* lock(path) -> a lock, held until it is closed or collected | nil, err */
static int tool_lock (lua_State *L) {
  fal_error err;
  const char *path = luaL_checkstring(L, 1);
  int *fd = lua_newuserdatauv(L, sizeof(int), 0);
  *fd = -1;  /* closed, so far */
  if (luaL_newmetatable(L, LOCK_T)) {
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, lock_close);
    lua_setfield(L, -2, "close");
    lua_pushcfunction(L, lock_close);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, lock_close);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  *fd = fal_file_lock(path, &err);
  return *fd >= 0 ? 1 : lfal_fail(L, &err);
}


/* probe(head) -> type, width, height of a picture whose file begins so | nil,
** err */
static int tool_probe (lua_State *L) {
  fal_error err;
  fal_image_info info;
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  if (fal_image_probe(s, n, &info, &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushstring(L, info.type);
  lua_pushnumber(L, info.width);
  lua_pushnumber(L, info.height);
  return 3;
}


/* error{code=, message=, ...}: gives a table the class of our errors */
static int tool_error (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, ERROR_T);
  return 1;
}


static int tool_iserror (lua_State *L) {
  int same = 0;
  if (lua_istable(L, 1) && lua_getmetatable(L, 1)) {
    luaL_getmetatable(L, ERROR_T);
    same = lua_rawequal(L, -1, -2);
  }
  lua_pushboolean(L, same);
  return 1;
}


/* endpoint(id) -> true | nil, err */
static int tool_endpoint (lua_State *L) {
  fal_endpoint ep;
  fal_error err;
  size_t n;
  const char *id = luaL_checklstring(L, 1, &n);
  if (fal_endpoint_parse(id, n, &ep, &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


static int tool_now (lua_State *L) {
  lua_pushnumber(L, fal_now());
  return 1;
}


static const luaL_Reg tools[] = {
  {"digest", tool_digest},
  {"base64", tool_base64},
  {"unbase64", tool_unbase64},
  {"write", tool_write},
  {"append", tool_append},
  {"read", tool_read},
  {"move", tool_move},
  {"copy", tool_copy},
  {"lock", tool_lock},
  {"probe", tool_probe},
  {"error", tool_error},
  {"iserror", tool_iserror},
  {"endpoint", tool_endpoint},
  {"now", tool_now},
  {NULL, NULL}
};

/* }====================================================== */


/* The function on top stays interpreted, and all within it. LuaJIT's compiler
** gets loops over pairs() wrong now and then (LuaJIT issues 827 and 1510: one
** ends early, or sees keys that are none; Debian 12 has the first), and what
** takes time here is C. A user's own code is compiled as ever. */
static void interpret (lua_State *L) {
  lua_getglobal(L, "jit");
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "off");
    lua_pushvalue(L, -3);
    lua_pushboolean(L, 1);
    lua_call(L, 2, 0);
  }
  lua_pop(L, 1);
}


/* Loads a compiled-in text: the loader of package.preload. */
static int load_source (lua_State *L) {
  const lfal_source *src = lua_touserdata(L, lua_upvalueindex(1));
  const char *name = lua_pushfstring(L, "=%s", src->name);
  if (luaL_loadbuffer(L, src->text, src->n, name) != 0)
    return lua_error(L);
  interpret(L);
  lua_pushstring(L, src->name);
  lua_call(L, 1, 1);
  return 1;
}


void lfal_preload (lua_State *L, const lfal_source *src) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  for (; src->name != NULL; src++) {
    lua_pushlightuserdata(L, (void *)src);
    lua_pushcclosure(L, load_source, 1);
    lua_setfield(L, -2, src->name);
  }
  lua_pop(L, 2);
}


/* require "fal.core": what the Lua parts are written on. Not for users. */
static int open_core (lua_State *L) {
  open_errors(L);
  luaL_newlib(L, tools);
  lfal_open_json(L);
  lua_setfield(L, -2, "json");
  lfal_open_engine(L);
  lua_setfield(L, -2, "engine");
  lfal_open_image(L);
  lua_setfield(L, -2, "image");
  lfal_open_webhook(L);
  lua_setfield(L, -2, "webhook");
  lfal_open_msgpack(L);
  lua_setfield(L, -2, "msgpack");
  lfal_open_realtime(L);
  lua_setfield(L, -2, "realtime");
  lua_pushliteral(L, FAL_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}


static int require_part (lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
  return 1;
}


#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_fal_luv (lua_State *L);
EXPORT int luaopen_fal_love (lua_State *L);
EXPORT int luaopen_fal_cqueues (lua_State *L);
EXPORT int luaopen_fal_busted (lua_State *L);


EXPORT int luaopen_fal (lua_State *L) {
  lua_settop(L, 0);
  lfal_preload(L, lfal_sources);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open_core);
  lua_setfield(L, -2, "fal.core");
  lua_settop(L, 0);
  return require_part(L, "fal.module");
}


/* require("fal.luv") before require("fal"): the file that is found is the
** same, and it asks for these. */
static int open_part (lua_State *L, const char *name) {
  const lfal_source *src;
  require_part(L, "fal");
  for (src = lfal_sources; src->name != NULL; src++)
    if (strcmp(src->name, name) == 0) {
      lua_pushlightuserdata(L, (void *)src);
      lua_pushcclosure(L, load_source, 1);
      lua_call(L, 0, 1);
      return 1;
    }
  return luaL_error(L, "module '%s' was not compiled in", name);
}


int luaopen_fal_luv (lua_State *L) {
  return open_part(L, "fal.luv");
}


int luaopen_fal_love (lua_State *L) {
  return open_part(L, "fal.love");
}


int luaopen_fal_cqueues (lua_State *L) {
  return open_part(L, "fal.cqueues");
}


int luaopen_fal_busted (lua_State *L) {
  return open_part(L, "fal.busted");
}
