/*
** state.c -- the Lua states of a worker: made, kept within memory, run
**
** Lua answers with a status, a value that becomes JSON, and headers. Whatever
** goes wrong in there ends here: the caller gets an error, the log a
** traceback.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "../binding/lfal.h"
#include "../binding/ljson.h"
#include "serve.h"
#include "worker.h"

#define HEAD_MAX  (64u << 10)

struct work_state {
  work *w;             /* first: lserve.c sees only this */
  work_state *next;
  char *file;
  uint32_t version;
  lua_State *L;        /* NULL: to be made again */
  fal_buf json;        /* the answer, while it is made */
  size_t used, most;   /* bytes that Lua has, and may have */
  int starved;         /* it wanted more in this call */
};

/* Their addresses are keys in the registry: functions of the Lua side. */
static const char run_key = 0, load_key = 0, describe_key = 0;


/* Lua's allocator, with a ceiling. */
static void *allocate (void *ud, void *p, size_t old, size_t n) {
  work_state *s = ud;
  void *to;
  if (p == NULL)
    old = 0;  /* then it is a kind of object */
  if (n == 0) {
    s->used -= old;
    free(p);
    return NULL;
  }
  if (n > old && (s->used > s->most || n - old > s->most - s->used)) {
    s->starved = 1;
    return NULL;
  }
  to = realloc(p, n);
  if (to != NULL)
    s->used += n - old;
  return to;
}


work *work_of (lua_State *L) {
  return (*(work_state **)lua_getextraspace(L))->w;
}


/*
** {======================================================
** Making a state
** =======================================================
*/

static void keep (lua_State *L, const char *name, const void *key) {
  lua_getfield(L, -1, name);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}


/* Builds the state's libraries and leaves its functions in the registry. */
static int open_state (lua_State *L) {
  luaL_openlibs(L);
  lfal_preload(L, falua_sources);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_fal);
  lua_setfield(L, -2, "fal");
  lua_pushcfunction(L, luaopen_falua_serve_core);
  lua_setfield(L, -2, "falua.serve.core");
  lua_pushcfunction(L, luaopen_falua_serve_paint);
  lua_setfield(L, -2, "falua.serve.paint");
  lua_getglobal(L, "require");
  lua_pushliteral(L, "falua.serve.worker");
  lua_call(L, 1, 1);
  keep(L, "run", &run_key);
  keep(L, "load", &load_key);
  keep(L, "describe", &describe_key);
  return 0;
}


static fal_code make (work_state *s, fal_error *err) {
  lua_State *L = lua_newstate(allocate, s);
  if (L == NULL)
    return fal_fail(err, FAL_ENOMEM, "no memory for a Lua state");
  *(work_state **)lua_getextraspace(L) = s;
  lua_pushcfunction(L, open_state);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    const char *why = lua_tostring(L, -1);
    fal_fail(err, FAL_EPROTOCOL, "a worker's Lua does not start: %s",
             why != NULL ? why : "(no message)");
    lua_close(L);
    return FAL_EPROTOCOL;
  }
  s->L = L;
  return FAL_OK;
}


/* A state that ran out of memory is not trusted to have any again. */
static void drop (work_state *s) {
  if (s->L == NULL)
    return;
  lua_close(s->L);
  s->L = NULL;
#if defined(__GLIBC__)
  if (s->most > 0 && s->used > s->most / 4)
    malloc_trim(0);  /* it was a lot */
#endif
  s->used = 0;
}


/* The state for the call's file, which may not be made yet. */
static work_state *find (work *w) {
  const link_job *job = &w->call.job;
  work_state *s = w->states;
  while (s != NULL && strcmp(s->file, w->call.file) != 0)
    s = s->next;
  if (s == NULL) {
    s = calloc(1, sizeof(*s));
    if (s == NULL || (s->file = strdup(w->call.file)) == NULL)
      return free(s), NULL;
    s->w = w;
    s->next = w->states;
    w->states = s;
    fal_buf_init(&s->json, SERVE_PUT_MAX);
  }
  if (s->version != job->version)
    drop(s);
  s->version = job->version;
  s->most = (size_t)job->memory;
  s->json.max = s->most < SERVE_PUT_MAX ? s->most : SERVE_PUT_MAX;
  return s;
}

/* }====================================================== */


/*
** {======================================================
** Stopping
** =======================================================
*/

static void on_hook (lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (work_stop(work_of(L)) != STOP_NOT)
    luaL_error(L, "stopped");  /* and again at the next step, until it ends */
  else
    lua_sethook(L, NULL, 0, 0);
}


void state_interrupt (work *w) {
  if (w->state != NULL && w->state->L != NULL && work_stop(w) != STOP_NOT)
    lua_sethook(w->state->L, on_hook,
                LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* }====================================================== */


/*
** {======================================================
** Running a call
** =======================================================
*/

static void add_header (lua_State *L, fal_buf *head, const char *name,
                        const char *value) {
  if (strpbrk(name, "\r\n:") != NULL || strpbrk(value, "\r\n") != NULL)
    luaL_error(L, "a header cannot be '%s: %s'", name, value);
  fal_buf_addf(head, "%s: %s\r\n", name, value);
}


/* The headers in the table at 'idx'; nil when there are none. */
static void add_headers (lua_State *L, int idx, fal_buf *head) {
  if (lua_isnil(L, idx))
    return;
  luaL_checktype(L, idx, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 2)) {
    const char *value = luaL_tolstring(L, -1, NULL);
    luaL_argcheck(L, lua_type(L, -3) == LUA_TSTRING, idx, "not a header");
    add_header(L, head, lua_tostring(L, -3), value);
  }
}


/* The value at 'idx': a string goes out as it is, with a content-type among
** the headers; anything else as JSON. */
static void add_body (lua_State *L, int idx, work_state *s,
                      work_answer *a) {
  fal_error err;
  if (lua_type(L, idx) == LUA_TSTRING) {
    size_t n;
    const char *body = lua_tolstring(L, idx, &n);
    if (fal_buf_add(&s->json, body, n) != FAL_OK)
      luaL_error(L, "the answer is too large");
    return;
  }
  fal_buf_addstr(&a->head, "content-type: application/json\r\n");
  if (lfal_json_encode(L, idx, &s->json, "answer", LFAL_JSON_SORTED, &err)
      != FAL_OK)
    luaL_error(L, "%s", err.message);
}


/* What the Lua side has to say about cost: a number of units, or nothing. */
static void add_units (lua_State *L, int idx, const work_call *c,
                       fal_buf *head) {
  if (lua_isnil(L, idx))
    return;
  fal_buf_addstr(head, "x-fal-billable-units: ");
  if (lua_isinteger(L, idx) && lua_tointeger(L, idx) == 1)
    fal_buf_addstr(head, "1");
  else
    fal_buf_addf(head, "%.14g", luaL_checknumber(L, idx));
  fal_buf_addstr(head, c->file[0] == '\0'
                       ? "\r\nx-fal-served-from: falua-preview\r\n"
                       : "\r\nx-fal-served-from: falua-app\r\n");
}


/* (work_state, work_answer): has the Lua side do it, makes the answer. What
** else it needs to know of the call it asks for, see core_call. */
static int run_call (lua_State *L) {
  work_state *s = lua_touserdata(L, 1);
  work_answer *a = lua_touserdata(L, 2);
  const work_call *c = &s->w->call;
  lua_Integer status;
  lua_settop(L, 0);
  lua_rawgetp(L, LUA_REGISTRYINDEX, c->job.kind == LINK_LOAD ? &load_key :
              c->job.kind == SERVE_DESCRIBE ? &describe_key : &run_key);
  lua_pushstring(L, c->endpoint);
  lua_pushinteger(L, (lua_Integer)c->job.kind);
  lua_call(L, 2, 4);  /* status at 1, value at 2, headers at 3, units at 4 */
  status = luaL_checkinteger(L, 1);
  luaL_argcheck(L, status >= 200 && status <= 599, 1, "not a status");
  a->status = (unsigned int)status;
  add_body(L, 2, s, a);
  add_headers(L, 3, &a->head);
  add_units(L, 4, c, &a->head);
  return 0;
}


static int traceback (lua_State *L) {
  const char *msg = luaL_tolstring(L, 1, NULL);
  if (strstr(msg, "\nstack traceback:") == NULL)  /* Lua's side has added one */
    luaL_traceback(L, L, msg, 1);
  return 1;
}


/* In place of an answer of Lua's. */
static void make_failed (work *w, int no_memory, work_answer *a) {
  serve_reply r;
  link_stop stop = work_stop(w);
  memset(&r, 0, sizeof(r));
  if (stop == STOP_TIME)
    serve_reply_model(&r, 504, "generation_timeout",
                      "The endpoint took longer than its time limit");
  else if (stop == STOP_CANCELED)
    serve_reply_detail(&r, 499, "client_cancelled",
                       "The request was cancelled");
  else if (no_memory)
    serve_reply_detail(&r, 500, "runner_server_error",
                       "Internal Server Error");
  else
    serve_reply_model(&r, 500, "internal_server_error",
                      "Internal server error");
  fal_buf_free(&a->head);
  fal_buf_free(&a->body);
  a->status = r.status;
  a->head = r.head;
  a->body = r.body;
}


static void log_error (work *w, const char *why) {
  char text[100];
  if (why == NULL) {
    snprintf(text, sizeof(text), "(no message)");
    why = text;
  }
  work_log(w, "error", why, strlen(why));
}


void state_run (work *w, work_answer *a) {
  work_state *s = find(w);
  fal_error err;
  int status;
  fal_buf_init(&a->head, HEAD_MAX);
  if (s == NULL || (s->L == NULL && make(s, &err) != FAL_OK)) {
    log_error(w, s != NULL ? err.message : NULL);
    make_failed(w, 1, a);
    return;
  }
  w->state = s;
  s->starved = 0;
  if (work_stop(w) != STOP_NOT)
    state_interrupt(w);  /* the signal came before the state */
  lua_pushcfunction(s->L, traceback);
  lua_pushcfunction(s->L, run_call);
  lua_pushlightuserdata(s->L, s);
  lua_pushlightuserdata(s->L, a);
  status = lua_pcall(s->L, 2, 0, -4);
  lua_sethook(s->L, NULL, 0, 0);
  w->state = NULL;
  a->body = s->json;
  fal_buf_init(&s->json, SERVE_PUT_MAX);
  if (status != LUA_OK) {
    if (work_stop(w) != STOP_CANCELED)
      log_error(w, lua_tostring(s->L, -1));
    make_failed(w, s->starved, a);
  }
  lua_settop(s->L, 0);
  fal_image_free(&w->picture);
  if (status != LUA_OK && s->starved)
    drop(s);
}

/* }====================================================== */
