/*
** facts.c -- what falua doctor asks of this machine and program
*/
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>
#include <microhttpd.h>
#include <png.h>
#include <sqlite3.h>

#include "../binding/lfal.h"
#include "host.h"


static void set (lua_State *L, const char *name, const char *value) {
  if (value == NULL)
    return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}


/* libraries() -> { fal, lua, libcurl, tls, libpng, sqlite, microhttpd: their
** versions; http2: whether libcurl has it } */
static int facts_libraries (lua_State *L) {
  const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
  lua_newtable(L);
  set(L, "fal", FAL_VERSION);
  set(L, "lua", LUA_RELEASE);
  set(L, "libcurl", v->version);
  set(L, "tls", v->ssl_version);
  set(L, "libpng", png_get_libpng_ver(NULL));
  set(L, "sqlite", sqlite3_libversion());
  set(L, "microhttpd", MHD_get_version());
  lua_pushboolean(L, (v->features & CURL_VERSION_HTTP2) != 0);
  lua_setfield(L, -2, "http2");
  return 1;
}


static void push_limit (lua_State *L, rlim_t n) {
  if (n == RLIM_INFINITY)
    lua_pushnumber(L, (lua_Number)HUGE_VAL);
  else
    lua_pushinteger(L, (lua_Integer)n);
}


/* files() -> how many files this process may have open, and how many it may
** ask for */
static int facts_files (lua_State *L) {
  struct rlimit lim;
  if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
    return 0;
  push_limit(L, lim.rlim_cur);
  push_limit(L, lim.rlim_max);
  return 2;
}


/* writable(folder) -> true | false, why. One that is not there is looked for
** from the end of its path upwards: it could be made. */
static int facts_writable (lua_State *L) {
  char *path = strdup(luaL_checkstring(L, 1)), *slash;
  struct stat st;
  int why = path != NULL ? 0 : ENOMEM;
  while (why == 0 && stat(path, &st) != 0) {
    slash = strrchr(path, '/');
    if (errno != ENOENT || slash == NULL)
      why = errno;
    else
      slash[slash == path] = '\0';
  }
  if (why == 0 && !S_ISDIR(st.st_mode))
    why = ENOTDIR;
  if (why == 0 && access(path, W_OK | X_OK) != 0)
    why = errno;
  free(path);
  lua_pushboolean(L, why == 0);
  if (why == 0)
    return 1;
  lua_pushstring(L, strerror(why));
  return 2;
}


static const luaL_Reg functions[] = {
  {"libraries", facts_libraries},
  {"files", facts_files},
  {"writable", facts_writable},
  {NULL, NULL}
};


int host_open_facts (lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
