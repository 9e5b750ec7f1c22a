/*
** lmsgpackput.c -- Lua values to MessagePack
**
** Tables mean what they mean in JSON: arrays have 1..n or are marked, all
** others are maps with names. What cannot be said is refused with the way to
** it, which is put together while the error returns through the tables.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <msgpack/pack.h>

#include "lfal.h"
#include "ljson.h"
#include "lmsgpack.h"

#include "../core/json.h"

#define DEPTH  512

typedef struct Encoder {
  lua_State *L;
  msgpack_packer to;
  fal_error *err;
  fal_code code;        /* why the buffer refused */
  fal_buf *out;
  char place[200];      /* the end of the way to what was refused */
  int depth;
} Encoder;


static int write_out (void *ud, const char *s, size_t n) {
  Encoder *e = ud;
  e->code = fal_buf_add(e->out, s, n);
  return e->code == FAL_OK ? 0 : -1;
}


/* What comes of a call of msgpack-c's. */
#define done(e,r)  ((r) == 0 ? FAL_OK : (e)->code)


static fal_code refuse (Encoder *e, const char *why) {
  return fal_fail(e->err, FAL_EVALIDATION, "%s", why);
}


/* The value at 'key' on the stack was refused: puts that key before the way. */
static void name_place (Encoder *e, int key) {
  char way[sizeof(e->place) + 80];
  if (lua_type(e->L, key) == LUA_TSTRING)
    snprintf(way, sizeof(way), ".%.60s%s", lua_tostring(e->L, key), e->place);
  else
    snprintf(way, sizeof(way), "[%.14g]%s", lua_tonumber(e->L, key), e->place);
  fal_copy_text(e->place, sizeof(e->place), way, strlen(way));
}


static fal_code put_value (Encoder *e);


static fal_code put_string (Encoder *e, int idx, int bytes) {
  size_t n;
  const char *s = lua_tolstring(e->L, idx, &n);
  if (n > 0xFFFFFFFFu)
    return refuse(e, "a string longer than 4 GB");
  if (bytes || fal_utf8_check(s, n) != n) {
    if (msgpack_pack_bin(&e->to, n) != 0)
      return e->code;
    return done(e, msgpack_pack_bin_body(&e->to, s, n));
  }
  if (msgpack_pack_str(&e->to, n) != 0)
    return e->code;
  return done(e, msgpack_pack_str_body(&e->to, s, n));
}


/* Where all numbers are doubles, whole ones are written as integers. */
static fal_code put_number (Encoder *e) {
  lua_Number d;
  if (lua_isinteger(e->L, -1))
    return done(e, msgpack_pack_int64(&e->to, (int64_t)lua_tointeger(e->L, -1)));
  d = lua_tonumber(e->L, -1);
  if (!LFAL_INTEGERS && d == floor(d) && fabs(d) <= 9007199254740992.0)
    return done(e, msgpack_pack_int64(&e->to, (int64_t)d));
  return done(e, msgpack_pack_double(&e->to, d));
}


static fal_code put_array (Encoder *e, size_t n) {
  lua_State *L = e->L;
  size_t i, count = 0;
  fal_code code;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    lua_Number k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    if (!(k >= 1 && k <= (lua_Number)n && k == floor(k)))
      return refuse(e, "a table cannot have items 1..n and other keys too");
    count++;
  }
  if (count != n)
    return refuse(e, "an array cannot have holes");
  code = done(e, msgpack_pack_array(&e->to, n));
  for (i = 1; i <= n && code == FAL_OK; i++) {
    lua_rawgeti(L, -1, (int)i);
    code = put_value(e);
    lua_pop(L, 1);
    if (code == FAL_EVALIDATION) {
      lua_pushinteger(L, (lua_Integer)i);
      name_place(e, -1);
    }
  }
  return code;
}


static fal_code put_map (Encoder *e) {
  lua_State *L = e->L;
  size_t n = 0;
  fal_code code;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      return refuse(e, "a key must be a string, or one of 1..n");
    n++;
  }
  code = done(e, msgpack_pack_map(&e->to, n));
  lua_pushnil(L);
  while (code == FAL_OK && lua_next(L, -2)) {
    code = put_string(e, -2, 0);
    if (code == FAL_OK)
      code = put_value(e);
    if (code == FAL_EVALIDATION)
      name_place(e, -2);
    lua_pop(L, 1);
  }
  return code;
}


static fal_code put_table (Encoder *e) {
  size_t n = lua_rawlen(e->L, -1);
  int top = lua_gettop(e->L);
  fal_code code;
  if (e->depth == DEPTH)
    return refuse(e, "nested too deeply, or a table within itself");
  if (!lua_checkstack(e->L, LUA_MINSTACK))
    return FAL_ENOMEM;
  e->depth++;
  code = n > 0 || lfal_is_array(e->L, -1) ? put_array(e, n) : put_map(e);
  e->depth--;
  lua_settop(e->L, top);
  return code;
}


static fal_code put_userdata (Encoder *e) {
  lua_State *L = e->L;
  int same = 0;
  fal_code code;
  if (lua_getmetatable(L, -1)) {
    luaL_getmetatable(L, LFAL_BYTES);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
  }
  if (!same)
    return refuse(e, "a userdata cannot be sent");
  lua_getuservalue(L, -1);
  lua_rawgeti(L, -1, 1);
  code = put_string(e, -1, 1);
  lua_pop(L, 2);
  return code;
}


/* Writes the value on the top, and leaves it there. */
static fal_code put_value (Encoder *e) {
  lua_State *L = e->L;
  char why[64];
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: return put_string(e, -1, 0);
    case LUA_TNUMBER: return put_number(e);
    case LUA_TTABLE: return put_table(e);
    case LUA_TUSERDATA: return put_userdata(e);
    case LUA_TBOOLEAN:
      return done(e, lua_toboolean(L, -1) ? msgpack_pack_true(&e->to)
                                          : msgpack_pack_false(&e->to));
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, -1) == NULL)
        return done(e, msgpack_pack_nil(&e->to));
      break;
    default: break;
  }
  snprintf(why, sizeof(why), "a %s cannot be sent", luaL_typename(L, -1));
  return refuse(e, why);
}


fal_code lfal_msgpack_encode (lua_State *L, int idx, fal_buf *out,
                              const char *root, fal_error *err) {
  Encoder e;
  size_t before = out->n;
  fal_code code;
  int top = lua_gettop(L);
  memset(&e, 0, sizeof(e));
  e.L = L;
  e.out = out;
  e.err = err;
  msgpack_packer_init(&e.to, &e, write_out);
  luaL_checkstack(L, LUA_MINSTACK, "MessagePack");
  lua_pushvalue(L, idx);
  code = put_value(&e);
  lua_settop(L, top);
  if (code == FAL_EVALIDATION) {
    fal_error why = *err;
    const char *way = root[0] == '\0' && e.place[0] == '.' ? e.place + 1
                                                           : e.place;
    fal_fail(err, code, "%s%s%s%s", root, way,
             root[0] != '\0' || way[0] != '\0' ? ": " : "", why.message);
  }
  else if (code != FAL_OK)
    fal_fail(err, code, code == FAL_ETOOBIG
             ? "the MessagePack would be too big"
             : "no memory for the MessagePack");
  if (code != FAL_OK)
    out->n = before;
  return code;
}
