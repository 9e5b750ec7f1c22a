/*
** lop.c -- operations as Lua objects: their events, results and metas
*/
#include <string.h>

#include "lengine.h"
#include "ljson.h"

#define OP_T    "fal.Op"
#define META_T  "fal.Meta"

#define toop(L)  lfal_to_op(L, 1)

#define POOL  256   /* boxes kept for the next operations */

static const char head_key = 0;   /* where a meta keeps its header lines */
static const char pool_key = 0;   /* the list of empty boxes, in the registry */


fal_op *lfal_to_op (lua_State *L, int idx) {
  return lfal_open_box(L, idx, OP_T, "the operation");
}


/* A box is made anew only when no used one is left: it has a finalizer, which
** costs more than the rest of it. */
void **lfal_new_op (lua_State *L) {
  size_t n;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
  n = lua_rawlen(L, -1);
  if (n == 0) {
    lua_pop(L, 1);
    return lfal_new_box(L, OP_T);
  }
  lua_rawgeti(L, -1, (int)n);
  lua_pushnil(L);
  lua_rawseti(L, -3, (int)n);
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}


int lfal_push_op (lua_State *L, void **box, fal_op *op,
                  const fal_error *err) {
  if (op == NULL)
    return lfal_fail(L, err);
  *box = op;
  lua_pushinteger(L, (lua_Integer)fal_op_id(op));
  return 2;
}


static int op_done (lua_State *L) {
  lua_pushboolean(L, fal_op_done(toop(L)));
  return 1;
}


static int op_cancel (lua_State *L) {
  fal_op_cancel(toop(L));
  return 0;
}


/* op:event() -> kind, value, flags | nothing. The value of a status, an
** attempt or a stream's data is decoded; data that is not JSON stays text. */
static int op_event (lua_State *L) {
  static const char *const kinds[] = {
    "?", "status", "data", "bytes", "open", "message", "error", "attempt",
    "key", "progress"
  };
  fal_op *op = toop(L);
  fal_event ev;
  fal_error ignored;
  if (!fal_op_event(op, &ev))
    return 0;
  lua_pushstring(L, kinds[ev.kind]);
  if (!((ev.kind == FAL_EVENT_STATUS || ev.kind == FAL_EVENT_DATA ||
         ev.kind == FAL_EVENT_ATTEMPT || ev.kind == FAL_EVENT_PROGRESS) &&
        lfal_json_decode(L, ev.s, ev.n, &ignored)))
    lua_pushlstring(L, ev.s, ev.n);
  lua_pushinteger(L, ev.flags);
  return 3;
}


/* op:give_key(credentials): the answer to a "key" event */
static int op_give_key (lua_State *L) {
  fal_op_give_key(toop(L), luaL_checkstring(L, 2));
  return 0;
}


/* Also __gc and __close. */
static int op_close (lua_State *L) {
  void **box = luaL_checkudata(L, 1, OP_T);
  fal_op *op = *box;
  *box = NULL;
  fal_op_free(op);
  return 0;
}


static int set_header_text (lua_State *L, const fal_answer *a,
                            const char *header, const char *field) {
  const char *v;
  size_t n;
  if (!fal_header(a->head, a->head_n, header, &v, &n))
    return 0;
  lua_pushlstring(L, v, n);
  lua_setfield(L, -2, field);
  return 1;
}


/* Sets field 'billable_units' of the table on top, when the answer has it. */
static void set_units (lua_State *L, const fal_answer *a) {
  const char *v;
  size_t n;
  if (!fal_header(a->head, a->head_n, "x-fal-billable-units", &v, &n))
    return;
  lua_pushlstring(L, v, n);
  if (lua_isnumber(L, -1)) {
    lua_pushnumber(L, lua_tonumber(L, -1));
    lua_setfield(L, -3, "billable_units");
  }
  lua_pop(L, 1);
}


/* nil, err of an operation that failed, with what it was billed even so. */
static int fail_op (lua_State *L, const fal_op *op) {
  int n = lfal_fail_op(L, op);
  set_units(L, fal_op_answer(op));
  return n;
}


/* The meta of an answer. Its 'headers' are made when they are asked for. */
static void push_meta (lua_State *L, const fal_answer *a) {
  lua_createtable(L, 0, 8);
  luaL_setmetatable(L, META_T);
  if (a->status != 0) {
    lua_pushinteger(L, a->status);
    lua_setfield(L, -2, "status");
  }
  lua_pushnumber(L, a->seconds);
  lua_setfield(L, -2, "seconds");
  lua_pushinteger(L, a->attempts);
  lua_setfield(L, -2, "attempts");
  set_header_text(L, a, "x-fal-request-id", "request_id");
  set_units(L, a);
  lua_pushlstring(L, a->head, a->head_n);
  lua_rawsetp(L, -2, &head_key);
}


/* meta.headers: a table by lower-case name, made once. Lines that repeat are
** joined by ", ". */
static int meta_index (lua_State *L) {
  const char *p, *end;
  size_t n;
  if (!lua_istable(L, 1) || lua_type(L, 2) != LUA_TSTRING ||
      strcmp(lua_tostring(L, 2), "headers") != 0)
    return 0;
  lua_newtable(L);
  lua_rawgetp(L, 1, &head_key);
  p = lua_tolstring(L, -1, &n);
  for (end = p + n; p != NULL && p < end; ) {
    const char *eol = memchr(p, '\n', (size_t)(end - p));
    const char *stop = eol != NULL ? eol : end;
    const char *colon = memchr(p, ':', (size_t)(stop - p));
    if (colon != NULL) {
      const char *v = colon + 1;
      size_t i, len = (size_t)(colon - p);
      char name[128];
      while (v < stop && (*v == ' ' || *v == '\t')) v++;
      while (stop > v && (unsigned char)stop[-1] <= ' ') stop--;
      for (i = 0; i < len && i < sizeof(name); i++)
        name[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
      lua_pushlstring(L, name, i);
      lua_pushvalue(L, -1);
      lua_rawget(L, 3);
      if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, v, (size_t)(stop - v));
      }
      else {
        lua_pushliteral(L, ", ");
        lua_pushlstring(L, v, (size_t)(stop - v));
        lua_concat(L, 3);
      }
      lua_rawset(L, 3);
    }
    p = eol != NULL ? eol + 1 : end;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, 1);
  return 1;
}


/* What an answer's content type makes of its body. */
static int is_type (const fal_answer *a, const char *word) {
  const char *v;
  size_t n, k = strlen(word);
  if (!fal_header(a->head, a->head_n, "content-type", &v, &n))
    return 0;
  for (; n >= k; v++, n--)
    if (memcmp(v, word, k) == 0)
      return 1;
  return 0;
}


/* The answer's body as a Lua value: JSON decoded, anything else (a model may
** answer with bytes) as it is. Pushes it and returns 1, or fills '*err'. */
static int push_body (lua_State *L, const fal_answer *a, fal_error *err) {
  int json = is_type(a, "json");
  if (!json && is_type(a, "text/html")) {
    fal_fail(err, FAL_EPROTOCOL, "a web page came back instead of JSON");
    fal_hint(err, "is base_url the address of fal, of `falua serve`, or of "
             "something in between?");
    return 0;
  }
  if (!json && is_type(a, "/")) {
    lua_pushlstring(L, a->body, a->body_n);
    return 1;
  }
  if (lfal_json_decode(L, a->body, a->body_n, err))
    return 1;
  if (a->body_n == 0)
    fal_fail(err, FAL_EPROTOCOL, "an empty answer where JSON was due");
  return 0;
}


/* op:result() -> value, meta | nil, err. Only when it is done; the body is
** given up, so it is asked once. */
static int op_result (lua_State *L) {
  fal_op *op = toop(L);
  fal_error err;
  const fal_answer *a = fal_op_answer(op);
  if (!fal_op_done(op))
    return luaL_error(L, "the operation is not done");
  if (fal_op_failed(op, NULL) != FAL_OK)
    return fail_op(L, op);
  lua_settop(L, 1);
  if (!push_body(L, a, &err)) {
    const char *id;
    size_t n;
    if (fal_header(a->head, a->head_n, "x-fal-request-id", &id, &n))
      fal_copy_text(err.request_id, sizeof(err.request_id), id, n);
    return lfal_fail(L, &err);
  }
  push_meta(L, a);
  return 2;
}


/* op:take() -> value, meta | nil, err : result and close in one, by who has the
** only reference to it; the box is used again. */
static int op_take (lua_State *L) {
  int n = op_result(L);
  void **box = lua_touserdata(L, 1);
  size_t kept;
  fal_op_free(*box);
  *box = NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
  kept = lua_rawlen(L, -1);
  if (kept < POOL) {
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (int)kept + 1);
  }
  lua_pop(L, 1);
  return n;
}


/* op:saved() -> meta | nil, err : the end of a download or a timer */
static int op_saved (lua_State *L) {
  fal_op *op = toop(L);
  const fal_answer *a = fal_op_answer(op);
  if (!fal_op_done(op))
    return luaL_error(L, "the operation is not done");
  if (fal_op_failed(op, NULL) != FAL_OK)
    return fail_op(L, op);
  push_meta(L, a);
  lua_pushnumber(L, (lua_Number)a->bytes);
  lua_setfield(L, -2, "bytes");
  set_header_text(L, a, "content-type", "content_type");
  return 1;
}


/* op:kept() -> the bytes of a download that became no file | nil */
static int op_kept (lua_State *L) {
  fal_op *op = toop(L);
  const fal_answer *a = fal_op_answer(op);
  if (!fal_op_done(op) || fal_op_failed(op, NULL) != FAL_OK || a->body_n == 0)
    return 0;
  lua_pushlstring(L, a->body, a->body_n);
  return 1;
}

static const luaL_Reg op_methods[] = {
  {"done", op_done},
  {"cancel", op_cancel},
  {"event", op_event},
  {"give_key", op_give_key},
  {"result", op_result},
  {"take", op_take},
  {"saved", op_saved},
  {"kept", op_kept},
  {"refused", lfal_upload_refused},
  {"close", op_close},
  {NULL, NULL}
};


void lfal_open_ops (lua_State *L) {
  lfal_new_class(L, OP_T, op_methods, NULL, op_close);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &pool_key);
  luaL_newmetatable(L, META_T);
  lua_pushcfunction(L, meta_index);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
