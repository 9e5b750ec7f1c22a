/*
** state.c -- a worker's Lua state: made, kept within its memory, run
**
** Lua answers with a status, a value that becomes JSON, and headers. Whatever
** goes wrong in there ends here: the caller gets a 500, the log a traceback.
*/
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "../binding/lfal.h"
#include "../binding/ljson.h"
#include "lserve.h"

struct serve_state {
  serve_work work;     /* first: lserve.c sees only this */
  lua_State *L;        /* NULL: to be made again */
  fal_buf json;        /* the answer, while it is made */
  size_t used;         /* bytes that Lua has */
};

static const char handler_key = 0;   /* its address: the function that runs */


/* Lua's allocator, with a ceiling. */
static void *allocate (void *ud, void *p, size_t old, size_t n) {
  serve_state *w = ud;
  void *to;
  if (p == NULL)
    old = 0;  /* then it is a kind of object */
  if (n == 0) {
    w->used -= old;
    free(p);
    return NULL;
  }
  if (n > old && n - old > SERVE_LUA_MAX - w->used)
    return NULL;
  to = realloc(p, n);
  if (to != NULL)
    w->used += n - old;
  return to;
}


serve_work *serve_work_of (lua_State *L) {
  return *(serve_work **)lua_getextraspace(L);
}


/*
** {======================================================
** Making the state
** =======================================================
*/

/* Builds the state's libraries and leaves the handler in the registry. */
static int open_state (lua_State *L) {
  luaL_openlibs(L);
  lfal_preload(L, falua_sources);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_fal);
  lua_setfield(L, -2, "fal");
  lua_pushcfunction(L, luaopen_falua_serve_core);
  lua_setfield(L, -2, "falua.serve.core");
  lua_getglobal(L, "require");
  lua_pushliteral(L, "falua.serve.worker");
  lua_call(L, 1, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &handler_key);
  return 0;
}


static fal_code make (serve_state *w, fal_error *err) {
  lua_State *L = lua_newstate(allocate, w);
  if (L == NULL)
    return fal_fail(err, FAL_ENOMEM, "no memory for a Lua state");
  *(serve_work **)lua_getextraspace(L) = &w->work;
  lua_pushcfunction(L, open_state);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    const char *why = lua_tostring(L, -1);
    fal_fail(err, FAL_EPROTOCOL, "a worker's Lua does not start: %s",
             why != NULL ? why : "(no message)");
    lua_close(L);
    return FAL_EPROTOCOL;
  }
  w->L = L;
  return FAL_OK;
}


serve_state *serve_state_new (const serve_pool *p, const char *files,
                              fal_error *err) {
  serve_state *w = calloc(1, sizeof(*w));
  if (w == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  w->work.pool = p;
  w->work.files = files;
  fal_buf_init(&w->json, SERVE_PUT_MAX);
  if (make(w, err) != FAL_OK) {
    free(w);
    return NULL;
  }
  return w;
}


void serve_state_free (serve_state *w) {
  if (w == NULL)
    return;
  if (w->L != NULL)
    lua_close(w->L);
  fal_buf_free(&w->json);
  free(w);
}

/* }====================================================== */


/*
** {======================================================
** Running a job
** =======================================================
*/

static void set_string (lua_State *L, const char *name, const char *s,
                        size_t n) {
  lua_pushlstring(L, s != NULL ? s : "", n);
  lua_setfield(L, -2, name);
}


static void push_request (lua_State *L, const serve_job *job) {
  lua_createtable(L, 0, 5);
  set_string(L, "method", job->method, strlen(job->method));
  set_string(L, "endpoint", job->endpoint, strlen(job->endpoint));
  set_string(L, "request_id", job->request_id, strlen(job->request_id));
  set_string(L, "base_url", job->base_url, strlen(job->base_url));
  set_string(L, "body", job->body, job->body_n);
}


/* The headers in the table at 'idx'; nil when there are none. */
static void add_headers (lua_State *L, int idx, serve_answer *a) {
  if (lua_isnil(L, idx))
    return;
  luaL_checktype(L, idx, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 2)) {
    const char *value = luaL_tolstring(L, -1, NULL);
    luaL_argcheck(L, lua_type(L, -3) == LUA_TSTRING, idx, "not a header");
    serve_answer_header(a, lua_tostring(L, -3), value);
  }
}


/* (serve_state): calls the handler with its job, makes the answer. */
static int run_job (lua_State *L) {
  serve_state *w = lua_touserdata(L, 1);
  serve_job *job = w->work.job;
  fal_error err;
  lua_Integer status;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &handler_key);
  push_request(L, job);
  lua_call(L, 1, 3);  /* status at 2, value at 3, headers at 4 */
  status = luaL_checkinteger(L, 2);
  luaL_argcheck(L, status >= 200 && status <= 599, 2, "not a status");
  if (lfal_json_encode(L, 3, &w->json, "answer", LFAL_JSON_SORTED, &err)
      != FAL_OK)
    return luaL_error(L, "%s", err.message);
  serve_answer_json(&job->answer, (unsigned int)status, &w->json);
  add_headers(L, 4, &job->answer);
  return 0;
}


static int traceback (lua_State *L) {
  const char *msg = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, msg, 1);
  return 1;
}


static void failed (serve_state *w, serve_job *job, const char *why) {
  serve_log("%s %s: %s", job->request_id, job->endpoint,
            why != NULL ? why : "(no message)");
  serve_answer_detail(&job->answer, MHD_HTTP_INTERNAL_SERVER_ERROR,
                      "runner_server_error", "Internal Server Error");
  fal_buf_free(&w->json);
}


/* A state that ran out of memory is not trusted to have any again. */
static void drop (serve_state *w) {
  lua_close(w->L);
  w->L = NULL;
#if defined(__GLIBC__)
  malloc_trim(0);  /* it was a lot */
#endif
}


void serve_state_run (serve_state *w, serve_job *job) {
  fal_error err;
  int status;
  if (w->L == NULL && make(w, &err) != FAL_OK) {
    failed(w, job, err.message);
    return;
  }
  w->work.job = job;
  lua_pushcfunction(w->L, traceback);
  lua_pushcfunction(w->L, run_job);
  lua_pushlightuserdata(w->L, w);
  status = lua_pcall(w->L, 1, 0, -3);
  if (status != LUA_OK)
    failed(w, job, lua_tostring(w->L, -1));
  w->work.job = NULL;
  lua_settop(w->L, 0);
  fal_image_free(&w->work.picture);
  fal_buf_init(&w->json, SERVE_PUT_MAX);
  if (status == LUA_ERRMEM)
    drop(w);
}

/* }====================================================== */
