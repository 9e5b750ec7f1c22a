/*
** main.c -- falua: Lua 5.4 with fal inside, in one file
**
** Makes the state, gives it the libraries and the Lua parts that are compiled
** in, and calls falua.main, which is where the command line is understood.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <curl/curl.h>

#include "../binding/lfal.h"
#include "../binding/sources.h"
#include "../server/server.h"
#include "host.h"

int luaopen_fal (lua_State *L);


int host_message (lua_State *L) {
  const char *trace = getenv("FALUA_TRACE");
  if (lua_isstring(L, 1) || luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL)
    luaL_tolstring(L, 1, NULL);
  else
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  if (trace != NULL && strcmp(trace, "1") == 0)
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
  return 1;
}


/*
** {======================================================
** What falua.main asks of us
** =======================================================
*/

/* versions() -> "fal 0.1.0, Lua 5.4.4, libcurl 7.88.1" */
static int host_versions (lua_State *L) {
  lua_pushfstring(L, "fal %s, %s, libcurl %s", FAL_VERSION, LUA_RELEASE,
                  curl_version_info(CURLVERSION_NOW)->version);
  return 1;
}


/* terminal() -> whether somebody types at us */
static int host_isterminal (lua_State *L) {
  lua_pushboolean(L, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
  return 1;
}


/* setenv(name, value | nil) */
static int host_setenv (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  if (lua_isnoneornil(L, 2))
    unsetenv(name);
  else
    setenv(name, luaL_checkstring(L, 2), 1);
  return 0;
}


/* catch(how): whether Ctrl-C is an error that can be caught; with "main" only
** by the main coroutine; with "note" it is none, see 'interrupted' */
static int host_catch (lua_State *L) {
  const char *how = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
  host_interrupt_set(strcmp(how, "main") == 0 ? HOST_RAISE_MAIN
                     : strcmp(how, "note") == 0 ? HOST_NOTE
                     : lua_toboolean(L, 1) ? HOST_RAISE : HOST_QUIT);
  return 0;
}


/* interrupted() -> whether Ctrl-C was pressed while it is noted */
static int host_interrupted_now (lua_State *L) {
  lua_pushboolean(L, host_interrupted());
  return 1;
}


/* columns([fd]) -> columns, lines of the terminal that a descriptor is (2,
** standard error, unless given); nil when it is none */
static int host_columns (lua_State *L) {
  int fd = (int)luaL_optinteger(L, 1, STDERR_FILENO);
  struct winsize size;
  if (!isatty(fd))
    return 0;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}


/* wait(fd | nil, fd | nil, seconds | nil) -> "interrupt" | nil. Returns when
** one of them is readable, time is up, or Ctrl-C came. */
static int host_wait_for (lua_State *L) {
  int got = host_wait((int)luaL_optinteger(L, 1, -1),
                      (int)luaL_optinteger(L, 2, -1),
                      luaL_optnumber(L, 3, -1));
  if (!(got & HOST_CTRLC))
    return 0;
  lua_pushliteral(L, "interrupt");
  return 1;
}


static const luaL_Reg functions[] = {
  {"versions", host_versions},
  {"isterminal", host_isterminal},
  {"setenv", host_setenv},
  {"catch", host_catch},
  {"interrupted", host_interrupted_now},
  {"columns", host_columns},
  {"wait", host_wait_for},
  {"message", host_message},
  {NULL, NULL}
};


static int open_host (lua_State *L) {
  static const struct { const char *name; lua_CFunction open; } parts[] = {
    {"terminal", host_open_terminal},
    {"server", host_open_server},
    {"hook", host_open_hook},
    {"exchange", host_open_exchange},
    {"child", host_open_child},
    {"facts", host_open_facts}
  };
  size_t i;
  luaL_newlib(L, functions);
  for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    parts[i].open(L);
    lua_setfield(L, -2, parts[i].name);
  }
  return 1;
}

/* }====================================================== */


static void preload (lua_State *L, const char *name, lua_CFunction open) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}


/* run(argc, argv) -> exit status. Everything that can raise is in here. */
static int run (lua_State *L) {
  int i, argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  luaL_openlibs(L);
  host_interrupt_open(L);
  preload(L, "fal", luaopen_fal);
  preload(L, "falua.host", open_host);
  lfal_preload(L, falua_sources);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "falua.main");
  lua_call(L, 1, 1);
  lua_createtable(L, argc, 1);
  for (i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  return 1;
}


static void complain (const char *text) {
  fflush(stdout);
  fprintf(stderr, "falua: %s\n", text);
}


int main (int argc, char **argv) {
  int status = EXIT_FAILURE;
  lua_State *L;
  if (falua_is_worker(argc, argv))
    return falua_worker_main();
  L = luaL_newstate();
  if (L == NULL) {
    complain("not enough memory");
    return EXIT_FAILURE;
  }
  lua_pushcfunction(L, host_message);
  lua_pushcfunction(L, run);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  if (lua_pcall(L, 2, 1, 1) == LUA_OK)
    status = (int)lua_tointeger(L, -1);
  else
    complain(lua_isstring(L, -1) ? lua_tostring(L, -1) : "unknown error");
  host_interrupt_close();
  lua_close(L);
  return status;
}
