/*
** lserve.c -- require "falua.serve.core": what endpoints get from the server
*/
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../binding/lfal.h"
#include "../binding/ljson.h"
#include "../core/json.h"
#include "files.h"
#include "serve.h"
#include "worker.h"


/* put(bytes, extension, {name =, type =, lifecycle =}) -> what follows
** base_url "/files/" in its URL, its file name | nil, err. It is the owner's
** of the call. */
static int core_put (lua_State *L) {
  work *w = work_of(L);
  const char *files = w->link.m->files, *name, *type, *lifecycle;
  char rest[FILES_URL];
  files_meta m;
  fal_error err;
  size_t n, name_n, type_n;
  const char *s = luaL_checklstring(L, 1, &n);
  const char *ext = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  name = lfal_field_string(L, 3, "name", &name_n);
  type = lfal_field_string(L, 3, "type", &type_n);
  lifecycle = lfal_field_string(L, 3, "lifecycle", NULL);
  memset(&m, 0, sizeof(m));
  if (!files_tag(files, w->call.owner, m.tag))
    return luaL_error(L, "the server's secret cannot be read");
  files_lifecycle(lifecycle, &m);
  if (name != NULL) {
    files_clean_name(name, name_n, type, m.name);
    files_clean_type(type, type != NULL ? type_n : 0, m.name, m.type);
  }
  if (files_put(files, &m, ext, s, n, &err) != FAL_OK)
    return lfal_fail(L, &err);
  files_url(&m, rest);
  lua_pushstring(L, rest);
  lua_pushstring(L, m.name[0] != '\0' ? m.name : m.id);
  return 2;
}


/* log(level, text): "error" is seen in the server's log in any case */
static int core_log (lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  work_log(work_of(L), luaL_checkstring(L, 1), text, n);
  return 0;
}


/* call(name) -> a string that the call came with */
static int core_call (lua_State *L) {
  static const char *const names[] = {
    "file", "method", "request_id", "base_url", "owner", "head", NULL
  };
  const work_call *c = &work_of(L)->call;
  const char *values[6];
  values[0] = c->file;
  values[1] = c->method;
  values[2] = c->request_id;
  values[3] = c->base_url;
  values[4] = c->owner;
  values[5] = c->head;
  lua_pushstring(L, values[luaL_checkoption(L, 1, NULL, names)]);
  return 1;
}


/* body() -> bytes */
static int core_body (lua_State *L) {
  const fal_buf *b = &work_of(L)->call.body;
  lua_pushlstring(L, b->s, b->n);
  return 1;
}


/* input() -> the value of the body's JSON | nil, error */
static int core_input (lua_State *L) {
  const fal_buf *b = &work_of(L)->call.body;
  fal_error err;
  if (!lfal_json_decode(L, b->s, b->n, &err))
    return lfal_fail(L, &err);
  return 1;
}


/* plain() -> whether it is a POST with a body */
static int core_plain (lua_State *L) {
  const work_call *c = &work_of(L)->call;
  lua_pushboolean(L, c->body.n > 0 && strcmp(c->method, "POST") == 0);
  return 1;
}


/* progress(fraction) */
static int core_progress (lua_State *L) {
  work_send(work_of(L), FRAME_PROGRESS, 0, NULL, 0, NULL, 0,
            luaL_checknumber(L, 1));
  return 0;
}


/* emit(bytes): a partial result */
static int core_emit (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  work_send(work_of(L), FRAME_EMIT, 0, NULL, 0, s, n, 0);
  return 0;
}


/* canceled() -> whether nobody waits for the result any more */
static int core_canceled (lua_State *L) {
  lua_pushboolean(L, work_canceled(work_of(L)));
  return 1;
}


/* url() -> the address of this server */
static int core_url (lua_State *L) {
  lua_pushstring(L, work_of(L)->link.m->url);
  return 1;
}


/* key() -> what this server takes for a key from an endpoint, for the owner of
** the call: its own calls are his */
static int core_key (lua_State *L) {
  work *w = work_of(L);
  unsigned char secret[SEAL_SECRET];
  char data[FILES_PATH];
  fal_buf b;
  if (!files_data(w->link.m->files, data) ||
      serve_secret_load(data, secret, NULL) != FAL_OK)
    return luaL_error(L, "the server's secret cannot be read");
  fal_buf_init(&b, SEAL_MAX);
  fal_buf_addstr(&b, WORKER_KEY);
  if (serve_seal_make(secret, "worker", w->call.owner, 3600, NULL, &b)
      != FAL_OK)
    b.n = 0;
  lua_pushlstring(L, b.s != NULL ? b.s : "", b.n);
  fal_buf_free(&b);
  return 1;
}


/* scratch() -> path for a file that is nobody's yet; remove it after use */
static int core_scratch (lua_State *L) {
  char name[37];
  serve_uuid(name);
  lua_pushfstring(L, "%s/.%s", work_of(L)->link.m->files, name);
  return 1;
}


/* path(url) -> where the file with this URL is, its type; nil when it is none
** of ours, or is another owner's */
static int core_path (lua_State *L) {
  work *w = work_of(L);
  char path[FILES_PATH], type[FILES_TYPE];
  size_t n;
  const char *url = luaL_checklstring(L, 1, &n);
  if (!files_path_of_url(w->link.m->files, w->call.owner, url, n, path, type))
    return 0;
  lua_pushstring(L, path);
  lua_pushstring(L, type);
  return 2;
}


/* random() -> an integer below 2^32, for seeds */
static int core_random (lua_State *L) {
  uint32_t v = 0;
  if (getentropy(&v, sizeof(v)) != 0)
    return luaL_error(L, "no randomness");
  lua_pushinteger(L, (lua_Integer)v);
  return 1;
}


/* flaw(text) -> offset, what: where text stops being JSON; nil when it is */
static int core_flaw (lua_State *L) {
  fal_json j;
  fal_json_token t;
  fal_json_kind kind;
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  fal_json_open(&j, s, n, 0);
  do
    kind = fal_json_next(&j, &t);
  while (kind != FAL_JSON_ERROR && kind != FAL_JSON_END);
  if (kind == FAL_JSON_ERROR) {
    lua_pushinteger(L, (lua_Integer)(j.p - j.start));
    lua_pushstring(L, j.error);
  }
  fal_json_close(&j);
  return kind == FAL_JSON_ERROR ? 2 : 0;
}


static const luaL_Reg functions[] = {
  {"body", core_body},
  {"call", core_call},
  {"canceled", core_canceled},
  {"emit", core_emit},
  {"flaw", core_flaw},
  {"input", core_input},
  {"key", core_key},
  {"log", core_log},
  {"path", core_path},
  {"plain", core_plain},
  {"progress", core_progress},
  {"put", core_put},
  {"random", core_random},
  {"scratch", core_scratch},
  {"url", core_url},
  {NULL, NULL}
};


int luaopen_falua_serve_core (lua_State *L) {
  luaL_newlib(L, functions);
  serve_open_fields(L);
  return 1;
}
