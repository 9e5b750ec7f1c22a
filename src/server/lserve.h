/*
** lserve.h -- what endpoints get from the server, as a Lua module
*/
#ifndef falua_lserve_h
#define falua_lserve_h

#include <lua.h>

#include "serve.h"

/* The work of the worker whose state this is. */
serve_work *serve_work_of (lua_State *L);

/* require "falua.serve.core" */
int luaopen_falua_serve_core (lua_State *L);

#endif
