/*
** lcalls.c -- the engine's methods that start a call
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lengine.h"
#include "ljson.h"

#define MAX_JSON  ((size_t)256 << 20)   /* JSON text of one input */


/* Encodes field 'input' of the options at 4. */
static fal_code encode_input (lua_State *L, fal_buf *out, fal_error *err) {
  fal_code code = FAL_OK;
  fal_buf_init(out, MAX_JSON);
  lua_getfield(L, 4, "input");
  if (!lua_isnil(L, -1))
    code = lfal_json_encode(L, lua_gettop(L), out, "input", 0, err);
  else
    code = fal_buf_add(out, "{}", 2);
  lua_pop(L, 1);
  if (code != FAL_OK)
    fal_buf_free(out);
  return code;
}


/* Arguments of the calls that have an input: (engine, client, id, options,
** credentials, tell). The options are those of fal.run, headers and lifecycle
** already as lines. Credentials mean that later attempts ask for them anew.
** Pushes the box for the operation; what 'r' points to stays in the options. */
typedef struct RunArgs {
  fal_engine *e;
  fal_client *c;
  fal_run_request r;
  const char *lines[LFAL_MAX_HEADERS + 1];
  fal_buf input;
  fal_error err;
  void **box;
} RunArgs;


/* Walks the options at 4: most calls have few, and a look for each that there
** may be costs more. */
static void read_options (lua_State *L, RunArgs *a) {
  static const struct { const char *name; size_t at; } strings[] = {
    { "path", offsetof(fal_run_request, path) },
    { "method", offsetof(fal_run_request, method) },
    { "query", offsetof(fal_run_request, query) },
    { "hint", offsetof(fal_run_request, hint) },
    { "priority", offsetof(fal_run_request, priority) },
    { "lifecycle", offsetof(fal_run_request, lifecycle) },
    { "webhook_url", offsetof(fal_run_request, webhook_url) },
  };
  fal_run_request *r = &a->r;
  size_t i;
  for (lua_pushnil(L); lua_next(L, 4); lua_settop(L, 7)) {
    const char *name = lua_type(L, 7) == LUA_TSTRING ? lua_tostring(L, 7) : "";
    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
      if (strcmp(name, strings[i].name) == 0)
        *(const char **)((char *)r + strings[i].at) =
          lfal_field_string(L, 4, name, NULL);
    if (strcmp(name, "timeout") == 0)
      r->timeout = lfal_field_number(L, 4, name, 0);
    else if (strcmp(name, "start_timeout") == 0)
      r->start_timeout = lfal_field_number(L, 4, name, 0);
    else if (strcmp(name, "headers") == 0)
      r->headers = lfal_headers(L, 4, name, a->lines);
  }
}


/* 1, or 0 with 'err' filled. */
static int run_args (lua_State *L, RunArgs *a) {
  fal_run_request *r = &a->r;
  memset(a, 0, sizeof(*a));
  a->e = lfal_to_engine(L, 1);
  a->c = lfal_to_client(L, 2);
  r->endpoint = luaL_checkstring(L, 3);
  luaL_checktype(L, 4, LUA_TTABLE);
  r->credentials = luaL_optstring(L, 5, NULL);
  r->ask_key = r->credentials != NULL;
  r->tell = lua_toboolean(L, 6);
  lua_settop(L, 5);
  a->box = lfal_new_op(L);  /* at 6 */
  read_options(L, a);
  if (encode_input(L, &a->input, &a->err) != FAL_OK)
    return 0;
  r->take_input = &a->input;
  return 1;
}


static int run_started (lua_State *L, RunArgs *a, fal_op *op) {
  fal_buf_free(&a->input);  /* empty when it was taken */
  lua_pushvalue(L, 6);
  return lfal_push_op(L, a->box, op, &a->err);
}


/* engine:run(client, id, options, credentials, tell) -> Op, id | nil, err */
static int engine_run (lua_State *L) {
  RunArgs a;
  if (!run_args(L, &a))
    return lfal_fail(L, &a.err);
  return run_started(L, &a, fal_run(a.e, a.c, &a.r, &a.err));
}


static int engine_submit (lua_State *L) {
  RunArgs a;
  if (!run_args(L, &a))
    return lfal_fail(L, &a.err);
  return run_started(L, &a, fal_submit(a.e, a.c, &a.r, &a.err));
}


/* As engine:run, with more options: mode, poll_interval, logs, statuses,
** no_result, keep, request_id, idle_timeout */
static int engine_subscribe (lua_State *L) {
  RunArgs a;
  fal_subscribe_request s;
  const char *mode;
  if (!run_args(L, &a))
    return lfal_fail(L, &a.err);
  memset(&s, 0, sizeof(s));
  s.run = a.r;
  mode = lfal_field_string(L, 4, "mode", NULL);
  s.streaming = mode != NULL && strcmp(mode, "streaming") == 0;
  s.request_id = lfal_field_string(L, 4, "request_id", NULL);
  s.poll_interval = lfal_field_number(L, 4, "poll_interval", 0);
  s.idle_timeout = lfal_field_number(L, 4, "idle_timeout", 0);
  s.logs = lfal_field_boolean(L, 4, "logs", 0);
  s.statuses = lfal_field_boolean(L, 4, "statuses", 0);
  s.no_result = lfal_field_boolean(L, 4, "no_result", 0);
  s.keep = lfal_field_boolean(L, 4, "keep", 0);
  return run_started(L, &a, fal_subscribe(a.e, a.c, &s, &a.err));
}


/* As engine:run, with the option idle_timeout */
static int engine_stream (lua_State *L) {
  RunArgs a;
  fal_stream_request s;
  if (!run_args(L, &a))
    return lfal_fail(L, &a.err);
  s.run = a.r;
  s.idle_timeout = lfal_field_number(L, 4, "idle_timeout", 0);
  return run_started(L, &a, fal_stream(a.e, a.c, &s, &a.err));
}


/* engine:about(client, what, id, request_id, {logs, timeout}, credentials,
** tell) -> Op, id | nil, err. 'what': "status", "result", "cancel" */
static int engine_about (lua_State *L) {
  static const char *const what[] = { "status", "result", "cancel", NULL };
  static fal_op *(*const starts[]) (fal_engine *, fal_client *,
    const fal_queue_request *, fal_error *) = {
    fal_status, fal_result, fal_cancel
  };
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  int which = luaL_checkoption(L, 3, NULL, what);
  fal_queue_request r;
  fal_error err;
  void **box;
  memset(&r, 0, sizeof(r));
  r.endpoint = luaL_checkstring(L, 4);
  r.request_id = luaL_checkstring(L, 5);
  luaL_checktype(L, 6, LUA_TTABLE);
  r.credentials = luaL_optstring(L, 7, NULL);
  r.ask_key = r.credentials != NULL;
  r.tell = lua_toboolean(L, 8);
  r.logs = lfal_field_boolean(L, 6, "logs", 0);
  r.timeout = lfal_field_number(L, 6, "timeout", 0);
  box = lfal_new_op(L);
  return lfal_push_op(L, box, starts[which](e, c, &r, &err), &err);
}


/* engine:get(client, role, path, credentials, timeout) -> Op, id | nil, err */
static int engine_get (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  fal_role role = (fal_role)luaL_checkoption(L, 3, NULL, lfal_role_names);
  const char *path = luaL_checkstring(L, 4);
  const char *credentials = luaL_optstring(L, 5, NULL);
  double timeout = luaL_optnumber(L, 6, 0);
  fal_error err;
  void **box = lfal_new_op(L);
  return lfal_push_op(L, box, fal_get(e, c, role, path, credentials, timeout,
                                 &err), &err);
}


/* engine:post(client, role, path, json, credentials, timeout) -> Op, id | nil,
** err. Given credentials, later attempts ask for them anew. */
static int engine_post (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  fal_role role = (fal_role)luaL_checkoption(L, 3, NULL, lfal_role_names);
  const char *path = luaL_checkstring(L, 4);
  const char *json = luaL_checkstring(L, 5);
  const char *credentials = luaL_optstring(L, 6, NULL);
  double timeout = luaL_optnumber(L, 7, 0);
  fal_error err;
  void **box = lfal_new_op(L);
  return lfal_push_op(L, box, fal_post(e, c, role, path, json, credentials,
                                  credentials != NULL, timeout, &err), &err);
}


/* engine:download(client, url, path, {overwrite, temporary, timeout, max_bytes,
** keep}) -> Op, id | nil, err. What has no more than 'keep' bytes is for
** op:kept(), and no file. */
static int engine_download (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  fal_download_request r;
  fal_error err;
  void **box;
  memset(&r, 0, sizeof(r));
  r.url = luaL_checklstring(L, 3, &r.url_n);
  r.path = luaL_checkstring(L, 4);
  luaL_checktype(L, 5, LUA_TTABLE);
  r.overwrite = lfal_field_boolean(L, 5, "overwrite", 0);
  r.temporary = lfal_field_boolean(L, 5, "temporary", 0);
  r.keep = (size_t)lfal_field_number(L, 5, "keep", 0);
  r.timeout = lfal_field_number(L, 5, "timeout", 0);
  r.max_bytes = (uint64_t)lfal_field_number(L, 5, "max_bytes", 0);
  box = lfal_new_op(L);
  return lfal_push_op(L, box, fal_download(e, c, &r, &err), &err);
}

const luaL_Reg lfal_calls[] = {
  {"run", engine_run},
  {"submit", engine_submit},
  {"subscribe", engine_subscribe},
  {"stream", engine_stream},
  {"about", engine_about},
  {"get", engine_get},
  {"post", engine_post},
  {"download", engine_download},
  {"upload", lfal_engine_upload},
  {"digest", lfal_engine_digest},
  {NULL, NULL}
};
