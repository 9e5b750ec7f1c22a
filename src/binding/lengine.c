/*
** lengine.c -- the engine as a Lua object
**
** A userdata is a box with one pointer; NULL means closed. Boxes are made
** before what they hold. Operations outlive their engine safely and clients
** are counted, so boxes may be collected in any order.
*/
#include <string.h>

#include "lengine.h"

#define ENGINE_T  "fal.Engine"


void **lfal_new_box (lua_State *L, const char *class) {
  void **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = NULL;
  luaL_setmetatable(L, class);
  return box;
}


void *lfal_open_box (lua_State *L, int idx, const char *class,
                     const char *what) {
  void **box = luaL_checkudata(L, idx, class);
  if (*box == NULL)
    luaL_error(L, "%s is closed", what);
  return *box;
}


void lfal_new_class (lua_State *L, const char *name, const luaL_Reg *methods,
                     const luaL_Reg *more, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  if (more != NULL)
    luaL_setfuncs(L, more, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}


fal_engine *lfal_to_engine (lua_State *L, int idx) {
  return lfal_open_box(L, idx, ENGINE_T, "the engine");
}


/* core.engine{max_connections=, pollset=} -> Engine | nil, err */
static int engine_new (lua_State *L) {
  static const char *const kinds[] = { "best", "epoll", "poll", NULL };
  fal_engine_options opt;
  fal_error err;
  void **box;
  memset(&opt, 0, sizeof(opt));
  if (lua_istable(L, 1)) {
    opt.max_connections = (int)lfal_field_number(L, 1, "max_connections", 0);
    lua_getfield(L, 1, "pollset");
    opt.pollset = (fal_pollset_kind)luaL_checkoption(L, -1, "best", kinds);
  }
  box = lfal_new_box(L, ENGINE_T);
  *box = fal_engine_new(&opt, &err);
  return *box != NULL ? 1 : lfal_fail(L, &err);
}


static int engine_close (lua_State *L) {
  void **box = luaL_checkudata(L, 1, ENGINE_T);
  fal_engine *e = *box;
  *box = NULL;
  fal_engine_free(e);
  return 0;
}


/* engine:step([seconds]): nil waits without limit */
static int engine_step (lua_State *L) {
  fal_engine_step(lfal_to_engine(L, 1), luaL_optnumber(L, 2, -1));
  return 0;
}


/* engine:next() -> id of an operation that is done now, or nil */
static int engine_next (lua_State *L) {
  fal_op *op = fal_engine_next(lfal_to_engine(L, 1));
  if (op == NULL)
    return 0;
  lua_pushinteger(L, (lua_Integer)fal_op_id(op));
  return 1;
}


static int engine_pollfd (lua_State *L) {
  int fd = fal_engine_pollfd(lfal_to_engine(L, 1));
  if (fd < 0)
    return 0;
  lua_pushinteger(L, fd);
  return 1;
}


static int engine_timeout (lua_State *L) {
  double left = fal_engine_timeout(lfal_to_engine(L, 1));
  if (left < 0)
    return 0;
  lua_pushnumber(L, left);
  return 1;
}


static int engine_pending (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fal_engine_pending(lfal_to_engine(L, 1)));
  return 1;
}


static int engine_wake (lua_State *L) {
  fal_engine_wake(lfal_to_engine(L, 1));
  return 0;
}


static int engine_max_connections (lua_State *L) {
  fal_engine_set_max_connections(lfal_to_engine(L, 1),
                                 (int)luaL_checkinteger(L, 2));
  return 0;
}


/* engine:timer(seconds) -> Op, id | nil, err */
static int engine_timer (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  double seconds = luaL_checknumber(L, 2);
  fal_error err;
  void **box = lfal_new_op(L);
  return lfal_push_op(L, box, fal_timer(e, seconds, &err), &err);
}


static const luaL_Reg engine_methods[] = {
  {"timer", engine_timer},
  {"step", engine_step},
  {"next", engine_next},
  {"pollfd", engine_pollfd},
  {"timeout", engine_timeout},
  {"pending", engine_pending},
  {"wake", engine_wake},
  {"max_connections", engine_max_connections},
  {"close", engine_close},
  {NULL, NULL}
};


static const luaL_Reg functions[] = {
  {"new", engine_new},
  {"client", lfal_client_new},
  {"head", lfal_head},
  {NULL, NULL}
};


int lfal_open_engine (lua_State *L) {
  lfal_open_ops(L);
  lfal_open_clients(L);
  lfal_new_class(L, ENGINE_T, engine_methods, lfal_calls, engine_close);
  luaL_newlib(L, functions);
  return 1;
}
