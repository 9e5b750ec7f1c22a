/*
** lmsgpack.c -- MessagePack to Lua values, and the library fal.msgpack
**
** msgpack-c's parser is a template: its callbacks here leave each value on
** the Lua stack, so there is no tree in between. Its own stack is an array of
** fixed size, which is the ceiling for nesting.
*/
#include <msgpack/unpack.h>

#include "lfal.h"
#include "ljson.h"
#include "lmsgpack.h"

#define DEPTH     512                  /* containers within containers */
#define TEXT_MAX  ((size_t)1 << 30)    /* what fal.msgpack.encode may return */
#define GUESS     16                   /* entries to make room for, at most */

#define TEXT_T   "fal.msgpack.buffer"


/*
** {======================================================
** Decoding
** =======================================================
*/

typedef struct Decoder {
  lua_State *L;
  size_t n;             /* bytes in all: no container has more entries */
  const char *why;      /* static text */
} Decoder;

typedef int Value;      /* the values themselves are on the Lua stack */

#define refuse(d,text)  ((d)->why = (text), -1)


static int msgpack_decode_root (Decoder *d) {
  (void)d;
  return 0;
}


static int push_integer (Decoder *d, int64_t i) {
#if LFAL_INTEGERS
  lua_pushinteger(d->L, (lua_Integer)i);
#else
  lua_pushnumber(d->L, (lua_Number)i);
#endif
  return 0;
}


#define INTEGER(name,type)                                                  \
  static int msgpack_decode_##name (Decoder *d, type i, Value *v) {        \
    *v = 0;                                                                 \
    return push_integer(d, (int64_t)i);                                     \
  }

INTEGER(uint8, uint8_t)
INTEGER(uint16, uint16_t)
INTEGER(uint32, uint32_t)
INTEGER(int8, int8_t)
INTEGER(int16, int16_t)
INTEGER(int32, int32_t)
INTEGER(int64, int64_t)


/* What a signed integer cannot hold becomes a float. */
static int msgpack_decode_uint64 (Decoder *d, uint64_t i, Value *v) {
  *v = 0;
  if (i <= INT64_MAX)
    return push_integer(d, (int64_t)i);
  lua_pushnumber(d->L, (lua_Number)i);
  return 0;
}


static int msgpack_decode_double (Decoder *d, double x, Value *v) {
  *v = 0;
  lua_pushnumber(d->L, (lua_Number)x);
  return 0;
}


static int msgpack_decode_float (Decoder *d, float x, Value *v) {
  return msgpack_decode_double(d, (double)x, v);
}


static int msgpack_decode_nil (Decoder *d, Value *v) {
  *v = 0;
  lua_pushlightuserdata(d->L, NULL);
  return 0;
}


static int msgpack_decode_true (Decoder *d, Value *v) {
  *v = 0;
  lua_pushboolean(d->L, 1);
  return 0;
}


static int msgpack_decode_false (Decoder *d, Value *v) {
  *v = 0;
  lua_pushboolean(d->L, 0);
  return 0;
}


/* Pushes a new container; its entries will need two slots each. */
static int container (Decoder *d, size_t n, size_t least) {
  int room = n < GUESS ? (int)n : GUESS;
  if (n > d->n / least)
    return refuse(d, "a container has more entries than there are bytes");
  if (!lua_checkstack(d->L, 8))
    return refuse(d, "nested too deeply for what Lua has left of its stack");
  lua_createtable(d->L, least == 1 ? room : 0, least == 1 ? 0 : room);
  return 0;
}


static int msgpack_decode_array (Decoder *d, size_t n, Value *v) {
  if (container(d, n, 1) < 0)
    return -1;
  *v = 0;  /* entries so far */
  lua_rawgetp(d->L, LUA_REGISTRYINDEX, &lfal_array_key);
  lua_setmetatable(d->L, -2);
  return 0;
}


static int msgpack_decode_array_item (Decoder *d, Value *array, Value item) {
  (void)item;
  lua_rawseti(d->L, -2, ++*array);
  return 0;
}


static int msgpack_decode_map (Decoder *d, size_t n, Value *v) {
  *v = 0;
  return container(d, n, 2);
}


static int msgpack_decode_map_item (Decoder *d, Value *map, Value key,
                                    Value value) {
  (void)map;
  (void)key;
  (void)value;
  switch (lua_type(d->L, -2)) {
    case LUA_TNUMBER:
      if (lua_tonumber(d->L, -2) != lua_tonumber(d->L, -2))
        return refuse(d, "a key that is not a number");
      break;
    case LUA_TSTRING: case LUA_TBOOLEAN: break;
    default: return refuse(d, "a key that is no string, number or boolean");
  }
  lua_rawset(d->L, -3);
  return 0;
}


static int msgpack_decode_bin (Decoder *d, const char *base, const char *s,
                               unsigned n, Value *v) {
  (void)base;
  *v = 0;
  lua_pushlstring(d->L, n > 0 ? s : "", n);
  return 0;
}


static int msgpack_decode_str (Decoder *d, const char *base, const char *s,
                               unsigned n, Value *v) {
  return msgpack_decode_bin(d, base, s, n, v);
}


/* A big-endian number. */
static uint64_t big (const unsigned char *s, size_t n) {
  uint64_t i = 0;
  while (n-- > 0)
    i = i << 8 | *s++;
  return i;
}


/* A timestamp (type -1) is seconds; anything else {ext = type, data =
** bytes}. */
static int msgpack_decode_ext (Decoder *d, const char *base, const char *s,
                               unsigned n, Value *v) {
  const unsigned char *p = (const unsigned char *)s + 1;
  int type = n > 0 ? (signed char)s[0] : 0;
  (void)base;
  *v = 0;
  if (n < 2)
    return refuse(d, "an extension without bytes");
  if (!lua_checkstack(d->L, 8))
    return refuse(d, "nested too deeply for what Lua has left of its stack");
  if (type == -1 && n == 5)
    lua_pushnumber(d->L, (lua_Number)big(p, 4));
  else if (type == -1 && n == 9) {
    uint64_t i = big(p, 8);
    lua_pushnumber(d->L, (lua_Number)(i & 0x3FFFFFFFFu) +
                         (lua_Number)(i >> 34) / 1e9);
  }
  else if (type == -1 && n == 13)
    lua_pushnumber(d->L, (lua_Number)(int64_t)big(p + 4, 8) +
                         (lua_Number)big(p, 4) / 1e9);
  else {
    lua_createtable(d->L, 0, 2);
    lua_pushinteger(d->L, type);
    lua_setfield(d->L, -2, "ext");
    lua_pushlstring(d->L, s + 1, n - 1);
    lua_setfield(d->L, -2, "data");
  }
  return 0;
}


/* The parser: msgpack_decode_execute and its context. */
#define MSGPACK_EMBED_STACK_SIZE  DEPTH
#include <msgpack/unpack_define.h>
#define msgpack_unpack_struct(name)      struct msgpack_decode##name
#define msgpack_unpack_func(ret,name)                                       \
  __attribute__((unused)) static ret msgpack_decode##name
#define msgpack_unpack_callback(name)    msgpack_decode##name
#define msgpack_unpack_object            Value
#define msgpack_unpack_user              Decoder
#include <msgpack/unpack_template.h>


int lfal_msgpack_decode (lua_State *L, const char *s, size_t n,
                         fal_error *err) {
  struct msgpack_decode_context ctx;
  size_t at = 0;
  int code, top = lua_gettop(L);
  luaL_checkstack(L, LUA_MINSTACK, "MessagePack");
  ctx.user.L = L;
  ctx.user.n = n;
  ctx.user.why = NULL;
  msgpack_decode_init(&ctx);
  code = n > 0 ? msgpack_decode_execute(&ctx, s, n, &at) : 0;
  if (code == 1 && at == n)
    return 1;
  lua_settop(L, top);
  if (ctx.user.why == NULL)
    ctx.user.why = code == 1 ? "bytes after its end" : code == 0
      ? "it ends too early" : code == MSGPACK_UNPACK_NOMEM_ERROR
      ? "nested too deeply" : "a byte that begins no value";
  fal_fail(err, FAL_EPROTOCOL, "not MessagePack: %s (byte %lu)", ctx.user.why,
           (unsigned long)at + 1);
  return 0;
}

/* }====================================================== */


/*
** {======================================================
** What Lua sees
** =======================================================
*/

static int buffer_gc (lua_State *L) {
  fal_buf_free(lua_touserdata(L, 1));
  return 0;
}


/* msgpack.encode(value): bytes, or nil and an error */
static int msgpack_encode (lua_State *L) {
  fal_error err;
  fal_code code;
  fal_buf *out;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  out = lua_newuserdata(L, sizeof(*out));  /* an error of Lua's frees it */
  fal_buf_init(out, TEXT_MAX);
  luaL_setmetatable(L, TEXT_T);
  code = lfal_msgpack_encode(L, 1, out, "", &err);
  if (code != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushlstring(L, out->s, out->n);
  fal_buf_free(out);
  return 1;
}


/* msgpack.decode(bytes): value, or nil and an error */
static int msgpack_decode (lua_State *L) {
  fal_error err;
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  return lfal_msgpack_decode(L, s, n, &err) ? 1 : lfal_fail(L, &err);
}


/* msgpack.bytes(s): s, to be sent as bytes whatever is in it */
static int msgpack_bytes (lua_State *L) {
  luaL_checkstring(L, 1);
  lua_newuserdata(L, 1);
  luaL_setmetatable(L, LFAL_BYTES);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lua_setuservalue(L, -2);
  return 1;
}


static int bytes_tostring (lua_State *L) {
  luaL_checkudata(L, 1, LFAL_BYTES);
  lua_getuservalue(L, 1);
  lua_rawgeti(L, -1, 1);
  return 1;
}


static int bytes_len (lua_State *L) {
  bytes_tostring(L);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}


static const luaL_Reg msgpack_functions[] = {
  {"encode", msgpack_encode},
  {"decode", msgpack_decode},
  {"bytes", msgpack_bytes},
  {NULL, NULL}
};

static const luaL_Reg bytes_meta[] = {
  {"__tostring", bytes_tostring},
  {"__len", bytes_len},
  {NULL, NULL}
};


int lfal_open_msgpack (lua_State *L) {
  luaL_newmetatable(L, TEXT_T);
  lua_pushcfunction(L, buffer_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newmetatable(L, LFAL_BYTES);
  luaL_setfuncs(L, bytes_meta, 0);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
  luaL_newlib(L, msgpack_functions);
  return 1;
}

/* }====================================================== */
