/*
** lrealtime.c -- realtime connections as Lua objects
**
** A box with one operation, like those of lop.c; NULL means closed.
** Inputs are encoded straight to the message, results from it.
*/
#include <string.h>

#include "lengine.h"
#include "ljson.h"
#include "lmsgpack.h"

#define CONNECTION_T  "fal.Connection.core"
#define MAX_SENT      ((size_t)64 << 20)


#define toop(L)  ((fal_op *)lfal_open_box(L, 1, CONNECTION_T, \
                                          "the connection"))


/* new(engine, client, id, {path, max_buffering, throttle_interval,
** token_expiration, max_message, ping_interval}) -> Connection, id of
** the operation | nil, err */
static int realtime_new (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  fal_realtime_request r;
  fal_error err;
  void **box;
  memset(&r, 0, sizeof(r));
  r.endpoint = luaL_checkstring(L, 3);
  luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4);
  box = lfal_new_box(L, CONNECTION_T);
  r.path = lfal_field_string(L, 4, "path", NULL);
  r.max_buffering = (int)lfal_field_number(L, 4, "max_buffering", 0);
  r.throttle = lfal_field_number(L, 4, "throttle_interval", 0);
  r.token_expiration = lfal_field_number(L, 4, "token_expiration", 0);
  r.max_message = (size_t)lfal_field_number(L, 4, "max_message", 0);
  r.ping = lfal_field_number(L, 4, "ping_interval", 0);
  *box = fal_realtime(e, c, &r, &err);
  if (*box == NULL)
    return lfal_fail(L, &err);
  lua_pushvalue(L, 5);
  lua_pushinteger(L, (lua_Integer)fal_op_id(*box));
  return 2;
}


static int sent (lua_State *L, fal_code code, const fal_error *err) {
  if (code != FAL_OK)
    return lfal_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}


/* conn:send(bytes, text) -> true | nil, err */
static int conn_send (lua_State *L) {
  fal_op *op = toop(L);
  fal_error err;
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  return sent(L, fal_realtime_send(op, s, n, lua_toboolean(L, 3), &err), &err);
}


/* conn:pack(value) -> true | nil, err : the same as MessagePack */
static int conn_pack (lua_State *L) {
  fal_op *op = toop(L);
  fal_error err;
  fal_buf out;
  fal_code code;
  luaL_checkany(L, 2);
  fal_buf_init(&out, MAX_SENT);
  code = lfal_msgpack_encode(L, 2, &out, "input", &err);
  if (code == FAL_OK)
    code = fal_realtime_send(op, out.s, out.n, 0, &err);
  fal_buf_free(&out);
  return sent(L, code, &err);
}


static int push_message (lua_State *L, const fal_event *ev, int raw) {
  fal_error err;
  int text = ev->flags & 1;
  lua_pushliteral(L, "message");
  if (raw)
    lua_pushlstring(L, ev->s, ev->n);
  else if (!(text ? lfal_json_decode(L, ev->s, ev->n, &err)
                  : lfal_msgpack_decode(L, ev->s, ev->n, &err))) {
    lua_pushliteral(L, "error");
    lua_replace(L, -2);
    lfal_push_error(L, &err);
    return 2;
  }
  lua_pushboolean(L, text);
  return 3;
}


/* conn:event(raw) -> "open" | "message", value or bytes, is text | "error",
** err | "closed", code, reason | nothing */
static int conn_event (lua_State *L) {
  fal_op *op = toop(L);
  int raw = lua_toboolean(L, 2);
  fal_event ev;
  fal_error err;
  if (!fal_op_event(op, &ev))
    return 0;
  switch (ev.kind) {
    case FAL_EVENT_MESSAGE: return push_message(L, &ev, raw);
    case FAL_EVENT_ERROR:
      memcpy(&err, ev.s, sizeof(err));
      lua_pushliteral(L, "error");
      lfal_push_error(L, &err);
      return 2;
    case FAL_EVENT_CLOSED:
      lua_pushliteral(L, "closed");
      lua_pushinteger(L, ev.flags);
      lua_pushlstring(L, ev.s, ev.n);
      return 3;
    default:
      lua_pushliteral(L, "open");
      return 1;
  }
}


static int conn_open (lua_State *L) {
  fal_error err;
  return sent(L, fal_realtime_open(toop(L), &err), &err);
}


static int conn_alive (lua_State *L) {
  lua_pushboolean(L, fal_realtime_alive(toop(L)));
  return 1;
}


/* conn:wake_in(seconds) -> true: news comes then at the latest */
static int conn_wake_in (lua_State *L) {
  if (fal_realtime_wake_in(toop(L), luaL_checknumber(L, 2)) != FAL_OK)
    return luaL_error(L, "not enough memory");
  lua_pushboolean(L, 1);
  return 1;
}


static int conn_needs_key (lua_State *L) {
  lua_pushboolean(L, fal_realtime_needs_key(toop(L)));
  return 1;
}


/* conn:give_key(credentials): for the tokens from now on */
static int conn_give_key (lua_State *L) {
  if (fal_realtime_give_key(toop(L), luaL_checkstring(L, 2)) != FAL_OK)
    return luaL_error(L, "not enough memory");
  return 0;
}


/* conn:reset(forget): closes it until the next message */
static int conn_reset (lua_State *L) {
  fal_realtime_reset(toop(L), lua_toboolean(L, 2));
  return 0;
}


/* conn:hangup(): sends what waits and says goodbye; the engine sees to it
** that it ends. Nothing happens when it is closed. */
static int conn_hangup (lua_State *L) {
  void **box = luaL_checkudata(L, 1, CONNECTION_T);
  fal_op *op = *box;
  *box = NULL;
  fal_realtime_close(op);
  return 0;
}


static const luaL_Reg conn_methods[] = {
  {"send", conn_send},
  {"pack", conn_pack},
  {"event", conn_event},
  {"open", conn_open},
  {"alive", conn_alive},
  {"wake_in", conn_wake_in},
  {"needs_key", conn_needs_key},
  {"give_key", conn_give_key},
  {"reset", conn_reset},
  {"hangup", conn_hangup},
  {NULL, NULL}
};

static const luaL_Reg functions[] = {
  {"new", realtime_new},
  {NULL, NULL}
};


int lfal_open_realtime (lua_State *L) {
  luaL_newmetatable(L, CONNECTION_T);
  lua_newtable(L);
  luaL_setfuncs(L, conn_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, conn_hangup);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
