/*
** compat.h -- one Lua to write for: 5.4, spelled out for 5.1 and LuaJIT
**
** The only place that asks which Lua this is.
*/
#ifndef lfal_compat_h
#define lfal_compat_h

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#if LUA_VERSION_NUM == 501

#include <stdio.h>
#include <string.h>

#undef luaL_newlib
#undef luaL_setfuncs
#undef luaL_setmetatable
#define luaL_setfuncs(L,f,n)     luaL_register(L, NULL, f)
#define luaL_newlib(L,f)         (lua_newtable(L), luaL_setfuncs(L, f, 0))
#define luaL_setmetatable(L,t)   (luaL_getmetatable(L, t), \
                                  lua_setmetatable(L, -2))
#define lua_rawlen(L,i)          lua_objlen(L, i)
#define lua_pushglobaltable(L)   lua_pushvalue(L, LUA_GLOBALSINDEX)
#define lua_absindex(L,i)        ((i) > 0 || (i) <= LUA_REGISTRYINDEX \
                                  ? (i) : lua_gettop(L) + (i) + 1)
#define lua_isinteger(L,i)       ((void)(L), (void)(i), 0)

/* An environment table where 5.4 has a user value. */
#define lua_newuserdatauv(L,s,n) lua_newuserdata(L, s)
#define lua_getiuservalue(L,i,n) lua_getfenv(L, i)
#define lua_setiuservalue(L,i,n) lua_setfenv(L, i)
#define lua_getuservalue(L,i)    lua_getfenv(L, i)
#define lua_setuservalue(L,i)    lua_setfenv(L, i)

#define LFAL_INTEGERS 0          /* all numbers are doubles */

#define lua_rawgetp  lfal_rawgetp
#define lua_rawsetp  lfal_rawsetp
static inline void lfal_rawgetp (lua_State *L, int i, const void *p) {
  i = lua_absindex(L, i);
  lua_pushlightuserdata(L, (void *)p);
  lua_rawget(L, i);
}
static inline void lfal_rawsetp (lua_State *L, int i, const void *p) {
  i = lua_absindex(L, i);
  lua_pushlightuserdata(L, (void *)p);
  lua_insert(L, -2);
  lua_rawset(L, i);
}

/* Pushes the text of a value, honouring __tostring. */
#define luaL_tolstring  lfal_tolstring
static inline const char *lfal_tolstring (lua_State *L, int i, size_t *n) {
  i = lua_absindex(L, i);
  if (!luaL_callmeta(L, i, "__tostring")) {
    switch (lua_type(L, i)) {
      case LUA_TNUMBER: case LUA_TSTRING: lua_pushvalue(L, i); break;
      case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false");
        break;
      case LUA_TNIL: lua_pushliteral(L, "nil"); break;
      default:
        lua_pushfstring(L, "%s: %p", luaL_typename(L, i), lua_topointer(L, i));
    }
  }
  return lua_tolstring(L, -1, n);
}

#else

#ifndef lua_getuservalue
#define lua_getuservalue(L,i)    lua_getiuservalue(L, i, 1)
#define lua_setuservalue(L,i)    lua_setiuservalue(L, i, 1)
#endif
#define LFAL_INTEGERS 1

#endif

#endif
