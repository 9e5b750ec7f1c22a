/*
** serve.c -- the local server as Lua functions
**
** The server's threads take no signals: those are the main thread's.
*/
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../binding/lfal.h"
#include "../server/server.h"
#include "host.h"

static falua_server *server;   /* the one of this process */


static void stop (void) {
  falua_server *s = server;
  server = NULL;
  falua_server_stop(s);
}


/* Starts the server with the options at 1. */
static int start (lua_State *L, fal_error *err) {
  falua_server_options opt;
  memset(&opt, 0, sizeof(opt));
  opt.listen = lfal_field_string(L, 1, "listen", NULL);
  opt.data = lfal_field_string(L, 1, "data", NULL);
  opt.workers = (int)lfal_field_number(L, 1, "workers", 0);
  opt.verbose = lfal_field_boolean(L, 1, "verbose", 0);
  opt.keys = lfal_field_string(L, 1, "keys", NULL);
  opt.max_upload = (uint64_t)lfal_field_number(L, 1, "max_upload", 0);
  opt.head_timeout = lfal_field_number(L, 1, "head_timeout", 0);
  opt.keep = lfal_field_number(L, 1, "keep", 0);
  opt.keep_big = lfal_field_number(L, 1, "keep_big", 0);
  opt.body_timeout = lfal_field_number(L, 1, "body_timeout", 0);
  opt.keep_alive = lfal_field_number(L, 1, "keep_alive", 0);
  opt.webhook_delay = lfal_field_number(L, 1, "webhook_delay", 0);
  opt.webhooks_anywhere = lfal_field_boolean(L, 1, "webhooks_anywhere", 0);
  opt.filter = lfal_field_string(L, 1, "filter", NULL);
  opt.chaos = lfal_field_string(L, 1, "chaos", NULL);
  opt.apps = lfal_field_string(L, 1, "apps", NULL);
  opt.time_limit = lfal_field_number(L, 1, "time_limit", 0);
  opt.memory_limit = (uint64_t)lfal_field_number(L, 1, "memory_limit", 0);
  server = falua_server_start(&opt, err);
  return server != NULL;
}


static int fail (lua_State *L, const fal_error *err) {
  lua_pushnil(L);
  lua_pushfstring(L, err->hint[0] != '\0' ? "%s\n  %s" : "%s", err->message,
                  err->hint);
  return 2;
}


/* start(options) -> url | nil, text. It runs until the process ends. */
static int server_start (lua_State *L) {
  fal_error err;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argcheck(L, server == NULL, 1, "the server runs already");
  if (!start(L, &err))
    return fail(L, &err);
  atexit(stop);
  lua_pushstring(L, falua_server_url(server));
  return 1;
}


/* serve(options) -> true | nil, text. Runs until SIGTERM or SIGINT; a second
** one does not wait for what still runs. */
static int server_serve (lua_State *L) {
  sigset_t ends, before;
  fal_error err;
  int sig, ok;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argcheck(L, server == NULL, 1, "the server runs already");
  signal(SIGINT, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  /* a file at its limit is a full disk */
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, &before);
  ok = start(L, &err);
  if (ok) {
    printf("listening on %s\n", falua_server_url(server));
    fflush(stdout);
    sigwait(&ends, &sig);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!ok)
    return fail(L, &err);
  stop();
  lua_pushboolean(L, 1);
  return 1;
}


static const luaL_Reg functions[] = {
  {"start", server_start},
  {"serve", server_serve},
  {NULL, NULL}
};


int host_open_server (lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
