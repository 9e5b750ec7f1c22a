/*
** ljson.c -- JSON to Lua values, and the library fal.json
**
** The decoder pulls tokens and makes values of them on the Lua stack; there is
** no tree in between.
*/
#include <string.h>

#include "lfal.h"
#include "ljson.h"

#include "../core/json.h"

#define TEXT_MAX  ((size_t)1 << 30)   /* what fal.json.encode may return */
#define TEXT_KEPT ((size_t)1 << 16)   /* a longer buffer is not kept */

const char lfal_array_key = 0;
const char lfal_empty_key = 0;
static const char desk_key = 0;   /* registry: a Desk to use again */

#if LFAL_INTEGERS
#define pushinteger(L,t)  lua_pushinteger(L, (lua_Integer)(t)->i)
#else
#define pushinteger(L,t)  lua_pushnumber(L, (lua_Number)(t)->d)
#endif


/* What is allocated while Lua may raise out of memory lives in a userdata, so
** that the collector finds it; it is kept for the next time. */
typedef struct Desk {
  fal_json reader;
  fal_buf text;
  int busy;
} Desk;


static int desk_gc (lua_State *L) {
  Desk *desk = lua_touserdata(L, 1);
  fal_json_close(&desk->reader);
  fal_buf_free(&desk->text);
  return 0;
}


static Desk *new_desk (lua_State *L) {
  Desk *desk = lua_newuserdata(L, sizeof(Desk));
  fal_json_open(&desk->reader, "", 0, 0);
  fal_buf_init(&desk->text, TEXT_MAX);
  desk->busy = 0;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, desk_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &desk_key);
  return desk;
}


/* Pushes a desk and takes it. A busy one belongs to a call that was left by
** an error, or that a finalizer interrupted: it is replaced. */
static Desk *take_desk (lua_State *L) {
  Desk *desk;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &desk_key);
  desk = lua_touserdata(L, -1);
  if (desk == NULL || desk->busy) {
    lua_pop(L, 1);
    desk = new_desk(L);
  }
  desk->busy = 1;
  return desk;
}


/* ---- decoding ---- */

/* Entries to make room for in a new table. Growing it one by one from nothing
** took a third of the time of decoding a usual result. */
#define GUESS        4
#define GUESS_FIRST  8   /* a result of fal has five or more members */

typedef struct Decoder {
  lua_State *L;
  fal_json *r;
  int array_mt;      /* its index on the stack */
  fal_json_token t;  /* the last one read */
} Decoder;


static int push_value (Decoder *d);


static int push_array (Decoder *d) {
  lua_State *L = d->L;
  int i = 0;
  lua_createtable(L, GUESS, 0);
  lua_pushvalue(L, d->array_mt);
  lua_setmetatable(L, -2);
  while (fal_json_next(d->r, &d->t) != FAL_JSON_ARRAY_END) {
    if (!push_value(d))
      return 0;
    lua_rawseti(L, -2, ++i);
  }
  return 1;
}


static int push_object (Decoder *d) {
  lua_State *L = d->L;
  lua_createtable(L, 0, d->r->depth <= 1 ? GUESS_FIRST : GUESS);
  while (fal_json_next(d->r, &d->t) == FAL_JSON_KEY) {
    lua_pushlstring(L, d->t.s, d->t.n);
    fal_json_next(d->r, &d->t);
    if (!push_value(d))
      return 0;
    lua_rawset(L, -3);
  }
  return d->t.kind == FAL_JSON_OBJECT_END;
}


/* Pushes the value that the last token begins. */
static int push_value (Decoder *d) {
  lua_State *L = d->L;
  switch (d->t.kind) {
    case FAL_JSON_NULL: lua_pushlightuserdata(L, NULL); return 1;
    case FAL_JSON_FALSE: lua_pushboolean(L, 0); return 1;
    case FAL_JSON_TRUE: lua_pushboolean(L, 1); return 1;
    case FAL_JSON_INTEGER: pushinteger(L, &d->t); return 1;
    case FAL_JSON_NUMBER: lua_pushnumber(L, d->t.d); return 1;
    case FAL_JSON_STRING: lua_pushlstring(L, d->t.s, d->t.n); return 1;
    case FAL_JSON_ARRAY: case FAL_JSON_OBJECT:
      if (!lua_checkstack(L, LUA_MINSTACK)) {
        d->r->error = "nested too deeply for what Lua has left of its stack";
        return 0;
      }
      return d->t.kind == FAL_JSON_ARRAY ? push_array(d) : push_object(d);
    default: return 0;
  }
}


static void push_array_mt (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lfal_array_key);
}


static int decode (lua_State *L, const char *s, size_t n, size_t max_depth,
                   fal_error *err) {
  Decoder d;
  Desk *desk;
  int ok, top = lua_gettop(L);
  luaL_checkstack(L, LUA_MINSTACK, "JSON");
  desk = take_desk(L);
  push_array_mt(L);
  d.L = L;
  d.r = &desk->reader;
  d.array_mt = top + 2;
  fal_json_open(d.r, s, n, max_depth);
  fal_json_next(d.r, &d.t);
  ok = push_value(&d) && fal_json_next(d.r, &d.t) == FAL_JSON_END;
  if (ok)
    lua_replace(L, top + 1);
  else {
    size_t line, column;
    fal_json_where(d.r, &line, &column);
    fal_fail(err, FAL_EPROTOCOL, "not JSON: %s (line %lu, column %lu)",
             d.r->error, (unsigned long)line, (unsigned long)column);
  }
  fal_json_close(d.r);
  desk->busy = 0;
  lua_settop(L, top + ok);
  return ok;
}


int lfal_json_decode (lua_State *L, const char *s, size_t n, fal_error *err) {
  return decode(L, s, n, 0, err);
}


/* ---- what Lua sees ---- */

/* Checks the options at 'idx', a table or nil, against the 'known' names,
** which end in NULL and are listed in 'list', and leaves their values on the
** stack, from idx + 2. */
static void get_options (lua_State *L, int idx, const char *const *known,
                         const char *list) {
  int i, n;
  lua_settop(L, idx);
  if (lua_isnil(L, idx))
    lua_newtable(L);
  else {
    luaL_checktype(L, idx, LUA_TTABLE);
    lua_pushvalue(L, idx);
  }
  for (n = 0; known[n] != NULL; n++)
    lua_getfield(L, idx + 1, known[n]);
  for (lua_pushnil(L); lua_next(L, idx + 1); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2)
                                                       : "?";
    for (i = 0; i < n && strcmp(name, known[i]) != 0; i++)
      ;
    if (i == n)
      luaL_argerror(L, idx, lua_pushfstring(L, "unknown option '%s'; known: %s",
                                            name, list));
  }
}


/* json.encode(value [, {pretty=, sorted=}]): text, or nil and an error */
static int json_encode (lua_State *L) {
  static const char *const known[] = { "pretty", "sorted", NULL };
  fal_error err;
  fal_code code;
  Desk *desk;
  int flags = 0;
  luaL_checkany(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    get_options(L, 2, known, "pretty, sorted");
    flags = (lua_toboolean(L, 4) ? LFAL_JSON_PRETTY : 0) |
            (lua_toboolean(L, 5) ? LFAL_JSON_SORTED : 0);
  }
  desk = take_desk(L);
  desk->text.n = 0;
  code = lfal_json_encode(L, 1, &desk->text, "", flags, &err);
  if (code == FAL_OK)
    lua_pushlstring(L, desk->text.s, desk->text.n);
  if (desk->text.cap > TEXT_KEPT)
    fal_buf_free(&desk->text);
  desk->busy = 0;
  return code == FAL_OK ? 1 : lfal_fail(L, &err);
}


/* json.decode(text [, {max_depth=}]): value, or nil and an error */
static int json_decode (lua_State *L) {
  static const char *const known[] = { "max_depth", NULL };
  fal_error err;
  size_t n;
  lua_Number depth = FAL_JSON_DEPTH;
  const char *s = luaL_checklstring(L, 1, &n);
  if (!lua_isnoneornil(L, 2)) {
    get_options(L, 2, known, "max_depth");
    if (!lua_isnil(L, 4))
      depth = lua_tonumber(L, 4);
    luaL_argcheck(L, depth >= 1 && depth <= FAL_JSON_DEPTH, 2,
                  "max_depth must be from 1 to 512");
  }
  return decode(L, s, n, (size_t)depth, &err) ? 1 : lfal_fail(L, &err);
}


/* json.array(t): marks t as an array, and returns it */
static int json_array (lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  push_array_mt(L);
  lua_setmetatable(L, 1);
  return 1;
}


/* __eq of arrays: all empty ones are equal */
static int array_eq (lua_State *L) {
  int i, empty = 1;
  for (i = 1; i <= 2 && empty; i++)
    empty = lua_istable(L, i) && lfal_is_array(L, i) && lfal_is_empty(L, i);
  lua_pushboolean(L, empty || lua_rawequal(L, 1, 2));
  return 1;
}


static int empty_newindex (lua_State *L) {
  return luaL_error(L, "fal.empty_array is shared and stays empty; "
                       "use fal.array{}");
}


/* Makes both metatables, which share their __eq: Lua 5.1 asks for that. */
static void make_metatables (lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushcfunction(L, array_eq);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__eq");
  lua_setfield(L, -3, "__eq");
  lua_pushcfunction(L, empty_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pushliteral(L, "fal.empty_array");
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &lfal_empty_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &lfal_array_key);
}


static const luaL_Reg json_functions[] = {
  {"encode", json_encode},
  {"decode", json_decode},
  {"array", json_array},
  {NULL, NULL}
};


int lfal_open_json (lua_State *L) {
  make_metatables(L);
  luaL_newlib(L, json_functions);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  push_array_mt(L);
  lua_setfield(L, -2, "array_mt");
  lua_newtable(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lfal_empty_key);
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "empty_array");
  return 1;
}
