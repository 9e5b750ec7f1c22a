/*
** lengine.c -- the engine, clients and operations as Lua objects
**
** A userdata is a box with one pointer; NULL means closed. Boxes are made
** before what they hold. Operations outlive their engine safely and clients
** are counted, so boxes may be collected in any order.
*/
#include <stdlib.h>
#include <string.h>

#include "lengine.h"
#include "ljson.h"

#define ENGINE_T  "fal.Engine"
#define CLIENT_T  "fal.ClientBox"
#define OP_T      "fal.Op"
#define META_T    "fal.Meta"

#define MAX_HEADERS 64                        /* of one call or client */
#define MAX_JSON   ((size_t)256 << 20)       /* JSON text of one input */

static const char *const role_names[FAL_ROLES + 1] = {
  "run", "queue", "rest", "cdn", "realtime", "api", NULL
};

static const char head_key = 0;   /* where a meta keeps its header lines */


/* A new box of class 'class', holding NULL. */
static void **new_box (lua_State *L, const char *class) {
  void **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = NULL;
  luaL_setmetatable(L, class);
  return box;
}


static void *open_box (lua_State *L, int idx, const char *class) {
  void **box = luaL_checkudata(L, idx, class);
  if (*box == NULL)
    luaL_error(L, "%s is closed", strcmp(class, ENGINE_T) == 0
               ? "the engine" : strcmp(class, CLIENT_T) == 0
               ? "the client" : "the operation");
  return *box;
}


#define toengine(L)    ((fal_engine *)open_box(L, 1, ENGINE_T))
#define toclient(L,i)  ((fal_client *)open_box(L, i, CLIENT_T))
#define toop(L)        ((fal_op *)open_box(L, 1, OP_T))


/*
** {======================================================
** Operations
** =======================================================
*/

/* Puts 'op' (NULL: it failed) into the box on top. Returns it and its id. */
static int push_op (lua_State *L, void **box, fal_op *op,
                    const fal_error *err) {
  if (op == NULL)
    return lfal_fail(L, err);
  *box = op;
  lua_pushinteger(L, (lua_Integer)fal_op_id(op));
  return 2;
}


fal_engine *lfal_to_engine (lua_State *L, int idx) {
  return open_box(L, idx, ENGINE_T);
}


fal_client *lfal_to_client (lua_State *L, int idx) {
  return open_box(L, idx, CLIENT_T);
}


fal_op *lfal_to_op (lua_State *L, int idx) {
  return open_box(L, idx, OP_T);
}


void **lfal_new_op (lua_State *L) {
  return new_box(L, OP_T);
}


int lfal_push_op (lua_State *L, void **box, fal_op *op,
                  const fal_error *err) {
  return push_op(L, box, op, err);
}


static int op_done (lua_State *L) {
  lua_pushboolean(L, fal_op_done(toop(L)));
  return 1;
}


static int op_cancel (lua_State *L) {
  fal_op_cancel(toop(L));
  return 0;
}


/* op:event() -> kind, value, flags | nothing. The value of a status, an
** attempt or a stream's data is decoded; data that is not JSON stays text. */
static int op_event (lua_State *L) {
  static const char *const kinds[] = {
    "?", "status", "data", "bytes", "open", "message", "error", "attempt",
    "key", "progress"
  };
  fal_op *op = toop(L);
  fal_event ev;
  fal_error ignored;
  if (!fal_op_event(op, &ev))
    return 0;
  lua_pushstring(L, kinds[ev.kind]);
  if (!((ev.kind == FAL_EVENT_STATUS || ev.kind == FAL_EVENT_DATA ||
         ev.kind == FAL_EVENT_ATTEMPT || ev.kind == FAL_EVENT_PROGRESS) &&
        lfal_json_decode(L, ev.s, ev.n, &ignored)))
    lua_pushlstring(L, ev.s, ev.n);
  lua_pushinteger(L, ev.flags);
  return 3;
}


/* op:give_key(credentials): the answer to a "key" event */
static int op_give_key (lua_State *L) {
  fal_op_give_key(toop(L), luaL_checkstring(L, 2));
  return 0;
}


/* Also __gc and __close. */
static int op_close (lua_State *L) {
  void **box = luaL_checkudata(L, 1, OP_T);
  fal_op *op = *box;
  *box = NULL;
  fal_op_free(op);
  return 0;
}


static int set_header_text (lua_State *L, const fal_answer *a,
                            const char *header, const char *field) {
  const char *v;
  size_t n;
  if (!fal_header(a->head, a->head_n, header, &v, &n))
    return 0;
  lua_pushlstring(L, v, n);
  lua_setfield(L, -2, field);
  return 1;
}


/* Sets field 'billable_units' of the table on top, when the answer has it. */
static void set_units (lua_State *L, const fal_answer *a) {
  const char *v;
  size_t n;
  if (!fal_header(a->head, a->head_n, "x-fal-billable-units", &v, &n))
    return;
  lua_pushlstring(L, v, n);
  if (lua_isnumber(L, -1)) {
    lua_pushnumber(L, lua_tonumber(L, -1));
    lua_setfield(L, -3, "billable_units");
  }
  lua_pop(L, 1);
}


/* nil, err of an operation that failed; with what it was billed all the same. */
static int fail_op (lua_State *L, const fal_op *op) {
  int n = lfal_fail_op(L, op);
  set_units(L, fal_op_answer(op));
  return n;
}


/* The meta of an answer. Its 'headers' are made when they are asked for. */
static void push_meta (lua_State *L, const fal_answer *a) {
  lua_createtable(L, 0, 8);
  luaL_setmetatable(L, META_T);
  if (a->status != 0) {
    lua_pushinteger(L, a->status);
    lua_setfield(L, -2, "status");
  }
  lua_pushnumber(L, a->seconds);
  lua_setfield(L, -2, "seconds");
  lua_pushinteger(L, a->attempts);
  lua_setfield(L, -2, "attempts");
  set_header_text(L, a, "x-fal-request-id", "request_id");
  set_units(L, a);
  lua_pushlstring(L, a->head, a->head_n);
  lua_rawsetp(L, -2, &head_key);
}


/* meta.headers: a table by lower-case name, made once. Lines that repeat are
** joined by ", ". */
static int meta_index (lua_State *L) {
  const char *p, *end;
  size_t n;
  if (!lua_istable(L, 1) || lua_type(L, 2) != LUA_TSTRING ||
      strcmp(lua_tostring(L, 2), "headers") != 0)
    return 0;
  lua_newtable(L);
  lua_rawgetp(L, 1, &head_key);
  p = lua_tolstring(L, -1, &n);
  for (end = p + n; p != NULL && p < end; ) {
    const char *eol = memchr(p, '\n', (size_t)(end - p));
    const char *stop = eol != NULL ? eol : end;
    const char *colon = memchr(p, ':', (size_t)(stop - p));
    if (colon != NULL) {
      const char *v = colon + 1;
      size_t i, len = (size_t)(colon - p);
      char name[128];
      while (v < stop && (*v == ' ' || *v == '\t')) v++;
      while (stop > v && (unsigned char)stop[-1] <= ' ') stop--;
      for (i = 0; i < len && i < sizeof(name); i++)
        name[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
      lua_pushlstring(L, name, i);
      lua_pushvalue(L, -1);
      lua_rawget(L, 3);
      if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, v, (size_t)(stop - v));
      }
      else {
        lua_pushliteral(L, ", ");
        lua_pushlstring(L, v, (size_t)(stop - v));
        lua_concat(L, 3);
      }
      lua_rawset(L, 3);
    }
    p = eol != NULL ? eol + 1 : end;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, 1);
  return 1;
}


/* What an answer's content type makes of its body. */
static int is_type (const fal_answer *a, const char *word) {
  const char *v;
  size_t n, k = strlen(word);
  if (!fal_header(a->head, a->head_n, "content-type", &v, &n))
    return 0;
  for (; n >= k; v++, n--)
    if (memcmp(v, word, k) == 0)
      return 1;
  return 0;
}


/* The answer's body as a Lua value: JSON decoded, anything else (a model may
** answer with bytes) as it is. Pushes it and returns 1, or fills '*err'. */
static int push_body (lua_State *L, const fal_answer *a, fal_error *err) {
  int json = is_type(a, "json");
  if (!json && is_type(a, "text/html")) {
    fal_fail(err, FAL_EPROTOCOL, "a web page came back instead of JSON");
    fal_hint(err, "is base_url the address of fal, of `falua serve`, or of "
             "something in between?");
    return 0;
  }
  if (!json && is_type(a, "/")) {
    lua_pushlstring(L, a->body, a->body_n);
    return 1;
  }
  if (lfal_json_decode(L, a->body, a->body_n, err))
    return 1;
  if (a->body_n == 0)
    fal_fail(err, FAL_EPROTOCOL, "an empty answer where JSON was due");
  return 0;
}


/* op:result() -> value, meta | nil, err. Only when it is done; the body is
** given up, so it is asked once. */
static int op_result (lua_State *L) {
  fal_op *op = toop(L);
  fal_error err;
  const fal_answer *a = fal_op_answer(op);
  if (!fal_op_done(op))
    return luaL_error(L, "the operation is not done");
  if (fal_op_failed(op, NULL) != FAL_OK)
    return fail_op(L, op);
  lua_settop(L, 1);
  if (!push_body(L, a, &err)) {
    const char *id;
    size_t n;
    if (fal_header(a->head, a->head_n, "x-fal-request-id", &id, &n))
      fal_copy_text(err.request_id, sizeof(err.request_id), id, n);
    return lfal_fail(L, &err);
  }
  push_meta(L, a);
  return 2;
}


/* op:saved() -> meta | nil, err : the end of a download or a timer */
static int op_saved (lua_State *L) {
  fal_op *op = toop(L);
  const fal_answer *a = fal_op_answer(op);
  if (!fal_op_done(op))
    return luaL_error(L, "the operation is not done");
  if (fal_op_failed(op, NULL) != FAL_OK)
    return fail_op(L, op);
  push_meta(L, a);
  lua_pushnumber(L, (lua_Number)a->bytes);
  lua_setfield(L, -2, "bytes");
  set_header_text(L, a, "content-type", "content_type");
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Clients
** =======================================================
*/

/* Reads the list of header lines in field 'name' into 'lines'. The strings
** stay reachable in their table. */
static const char *const *headers (lua_State *L, int idx, const char *name,
                                   const char *lines[MAX_HEADERS + 1]) {
  int n = 0;
  lua_getfield(L, idx, name);
  if (lua_isnil(L, -1))
    return NULL;
  luaL_checktype(L, -1, LUA_TTABLE);
  for (;;) {
    lua_rawgeti(L, -1, n + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      break;
    if (n >= MAX_HEADERS)
      luaL_error(L, "more than %d headers", MAX_HEADERS);
    lines[n++] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lines[n] = NULL;
  return lines;
}


/* core.client{...} -> Client | nil, err */
static int client_new (lua_State *L) {
  const char *lines[MAX_HEADERS + 1];
  fal_client_options opt;
  fal_error err;
  void **box;
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_checkstack(L, 24, NULL);
  fal_client_options_init(&opt);
  opt.base_url = lfal_field_string(L, 1, "base_url", NULL);
  opt.credentials = lfal_field_string(L, 1, "credentials", NULL);
  opt.proxy_url = lfal_field_string(L, 1, "proxy_url", NULL);
  opt.ca_file = lfal_field_string(L, 1, "ca_file", NULL);
  opt.http_proxy = lfal_field_string(L, 1, "http_proxy", NULL);
  opt.user_agent = lfal_field_string(L, 1, "user_agent", NULL);
  opt.max_response = (size_t)lfal_field_number(L, 1, "max_response", 0);
  opt.timeout = lfal_field_number(L, 1, "timeout", 0);
  opt.retry.max = (int)lfal_field_number(L, 1, "retry_max", opt.retry.max);
  opt.retry.base_delay = lfal_field_number(L, 1, "retry_base_delay",
                                           opt.retry.base_delay);
  opt.retry.max_delay = lfal_field_number(L, 1, "retry_max_delay",
                                          opt.retry.max_delay);
  opt.headers = headers(L, 1, "headers", lines);
  lua_getfield(L, 1, "hosts");
  if (lua_istable(L, -1)) {
    int hosts = lua_gettop(L);
    for (i = 0; i < FAL_ROLES; i++)
      opt.hosts[i] = lfal_field_string(L, hosts, role_names[i], NULL);
  }
  box = new_box(L, CLIENT_T);
  *box = fal_client_new(&opt, &err);
  return *box != NULL ? 1 : lfal_fail(L, &err);
}


static int client_close (lua_State *L) {
  void **box = luaL_checkudata(L, 1, CLIENT_T);
  fal_client *c = *box;
  *box = NULL;
  fal_client_free(c);
  return 0;
}


/* client:host("run") -> base URL */
static int client_host (lua_State *L) {
  fal_client *c = toclient(L, 1);
  lua_pushstring(L, fal_client_host(c, (fal_role)luaL_checkoption(L, 2, "run",
                                                             role_names)));
  return 1;
}


static int client_has_key (lua_State *L) {
  lua_pushboolean(L, fal_client_has_key(toclient(L, 1)));
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Engine
** =======================================================
*/

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
  box = new_box(L, ENGINE_T);
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
  fal_engine_step(toengine(L), luaL_optnumber(L, 2, -1));
  return 0;
}


/* engine:next() -> id of an operation that is done now, or nil */
static int engine_next (lua_State *L) {
  fal_op *op = fal_engine_next(toengine(L));
  if (op == NULL)
    return 0;
  lua_pushinteger(L, (lua_Integer)fal_op_id(op));
  return 1;
}


static int engine_pollfd (lua_State *L) {
  int fd = fal_engine_pollfd(toengine(L));
  if (fd < 0)
    return 0;
  lua_pushinteger(L, fd);
  return 1;
}


static int engine_timeout (lua_State *L) {
  double left = fal_engine_timeout(toengine(L));
  if (left < 0)
    return 0;
  lua_pushnumber(L, left);
  return 1;
}


static int engine_pending (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fal_engine_pending(toengine(L)));
  return 1;
}


static int engine_wake (lua_State *L) {
  fal_engine_wake(toengine(L));
  return 0;
}


static int engine_max_connections (lua_State *L) {
  fal_engine_set_max_connections(toengine(L), (int)luaL_checkinteger(L, 2));
  return 0;
}


/* engine:timer(seconds) -> Op, id | nil, err */
static int engine_timer (lua_State *L) {
  fal_engine *e = toengine(L);
  double seconds = luaL_checknumber(L, 2);
  fal_error err;
  void **box = new_box(L, OP_T);
  return push_op(L, box, fal_timer(e, seconds, &err), &err);
}


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
** Pushes the box for the operation; what 'r' points to stays on the stack. */
typedef struct RunArgs {
  fal_engine *e;
  fal_client *c;
  fal_run_request r;
  const char *lines[MAX_HEADERS + 1];
  fal_buf input;
  fal_error err;
  void **box;
} RunArgs;


/* 1, or 0 with 'err' filled. */
static int run_args (lua_State *L, RunArgs *a) {
  fal_run_request *r = &a->r;
  memset(a, 0, sizeof(*a));
  a->e = toengine(L);
  a->c = toclient(L, 2);
  r->endpoint = luaL_checkstring(L, 3);
  luaL_checktype(L, 4, LUA_TTABLE);
  r->credentials = luaL_optstring(L, 5, NULL);
  r->ask_key = r->credentials != NULL;
  r->tell = lua_toboolean(L, 6);
  lua_settop(L, 5);
  a->box = new_box(L, OP_T);  /* at 6 */
  r->path = lfal_field_string(L, 4, "path", NULL);
  r->method = lfal_field_string(L, 4, "method", NULL);
  r->query = lfal_field_string(L, 4, "query", NULL);
  r->hint = lfal_field_string(L, 4, "hint", NULL);
  r->priority = lfal_field_string(L, 4, "priority", NULL);
  r->lifecycle = lfal_field_string(L, 4, "lifecycle", NULL);
  r->webhook_url = lfal_field_string(L, 4, "webhook_url", NULL);
  r->timeout = lfal_field_number(L, 4, "timeout", 0);
  r->start_timeout = lfal_field_number(L, 4, "start_timeout", 0);
  r->headers = headers(L, 4, "headers", a->lines);
  if (encode_input(L, &a->input, &a->err) != FAL_OK)
    return 0;
  r->take_input = &a->input;
  return 1;
}


static int run_started (lua_State *L, RunArgs *a, fal_op *op) {
  fal_buf_free(&a->input);  /* empty when it was taken */
  lua_pushvalue(L, 6);
  return push_op(L, a->box, op, &a->err);
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
** no_result, request_id, idle_timeout */
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
  fal_engine *e = toengine(L);
  fal_client *c = toclient(L, 2);
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
  box = new_box(L, OP_T);
  return push_op(L, box, starts[which](e, c, &r, &err), &err);
}


/* engine:get(client, role, path, credentials, timeout) -> Op, id | nil, err */
static int engine_get (lua_State *L) {
  fal_engine *e = toengine(L);
  fal_client *c = toclient(L, 2);
  fal_role role = (fal_role)luaL_checkoption(L, 3, NULL, role_names);
  const char *path = luaL_checkstring(L, 4);
  const char *credentials = luaL_optstring(L, 5, NULL);
  double timeout = luaL_optnumber(L, 6, 0);
  fal_error err;
  void **box = new_box(L, OP_T);
  return push_op(L, box, fal_get(e, c, role, path, credentials, timeout,
                                 &err), &err);
}


/* engine:post(client, role, path, json, credentials, timeout) -> Op, id | nil,
** err. Given credentials, later attempts ask for them anew. */
static int engine_post (lua_State *L) {
  fal_engine *e = toengine(L);
  fal_client *c = toclient(L, 2);
  fal_role role = (fal_role)luaL_checkoption(L, 3, NULL, role_names);
  const char *path = luaL_checkstring(L, 4);
  const char *json = luaL_checkstring(L, 5);
  const char *credentials = luaL_optstring(L, 6, NULL);
  double timeout = luaL_optnumber(L, 7, 0);
  fal_error err;
  void **box = new_box(L, OP_T);
  return push_op(L, box, fal_post(e, c, role, path, json, credentials,
                                  credentials != NULL, timeout, &err), &err);
}


/* engine:download(client, url, path, {overwrite, timeout, max_bytes})
** -> Op, id | nil, err */
static int engine_download (lua_State *L) {
  fal_engine *e = toengine(L);
  fal_client *c = toclient(L, 2);
  fal_download_request r;
  fal_error err;
  void **box;
  memset(&r, 0, sizeof(r));
  r.url = luaL_checklstring(L, 3, &r.url_n);
  r.path = luaL_checkstring(L, 4);
  luaL_checktype(L, 5, LUA_TTABLE);
  r.overwrite = lfal_field_boolean(L, 5, "overwrite", 0);
  r.timeout = lfal_field_number(L, 5, "timeout", 0);
  r.max_bytes = (uint64_t)lfal_field_number(L, 5, "max_bytes", 0);
  box = new_box(L, OP_T);
  return push_op(L, box, fal_download(e, c, &r, &err), &err);
}

/* }====================================================== */


static const luaL_Reg op_methods[] = {
  {"done", op_done},
  {"cancel", op_cancel},
  {"event", op_event},
  {"give_key", op_give_key},
  {"result", op_result},
  {"saved", op_saved},
  {"refused", lfal_upload_refused},
  {"close", op_close},
  {NULL, NULL}
};

static const luaL_Reg client_methods[] = {
  {"host", client_host},
  {"has_key", client_has_key},
  {"close", client_close},
  {NULL, NULL}
};

static const luaL_Reg engine_methods[] = {
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


static void new_class (lua_State *L, const char *name,
                       const luaL_Reg *methods, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}


static const luaL_Reg functions[] = {
  {"new", engine_new},
  {"client", client_new},
  {"head", lfal_head},
  {NULL, NULL}
};


int lfal_open_engine (lua_State *L) {
  new_class(L, OP_T, op_methods, op_close);
  new_class(L, CLIENT_T, client_methods, client_close);
  new_class(L, ENGINE_T, engine_methods, engine_close);
  luaL_newmetatable(L, META_T);
  lua_pushcfunction(L, meta_index);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
