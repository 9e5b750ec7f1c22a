/*
** test_engine.c -- operations against a server in a thread of this process
**
** Every row runs with both kinds of poll set. Nothing waits by sleeping: the
** server counts (see httpd.h) and the rows step until a count is there.
*/
#include <sys/stat.h>

#include "../../src/core/fal.h"
#include "httpd.h"

#define LONG  20.0    /* seconds nobody should have to wait */

static const char *what;   /* the kind of poll set and the row being run */


/*
** {======================================================
** Helpers
** =======================================================
*/

static fal_client *new_client (const char *url, const char *key) {
  fal_client_options o;
  fal_error err;
  fal_client *c;
  fal_client_options_init(&o);
  o.base_url = url;
  o.credentials = key;
  c = fal_client_new(&o, &err);
  CHECK(what, c != NULL);
  return c;
}


static fal_op *start (fal_engine *e, fal_client *c, const char *id,
                      double timeout) {
  fal_run_request r;
  fal_error err;
  fal_op *op;
  memset(&r, 0, sizeof(r));
  r.endpoint = id;
  r.input = "{\"n\":1}";
  r.input_n = 7;
  r.timeout = timeout;
  op = fal_run(e, c, &r, &err);
  CHECK(what, op != NULL);
  return op;
}


static fal_op *finish (fal_engine *e, fal_op *op) {
  double limit = fal_now() + LONG;
  while (!fal_op_done(op) && fal_now() < limit)
    fal_engine_step(e, 1);
  CHECK(what, fal_op_done(op));
  return op;
}


/* Steps until a count of the server's is at least n. */
static void step_until (fal_engine *e, const int *n, int at_least) {
  double limit = fal_now() + LONG;
  while (look(n) < at_least && fal_now() < limit)
    fal_engine_step(e, 0.005);
  CHECK(what, look(n) >= at_least);
}


static int says (const fal_op *op, const char *s) {
  const fal_answer *a = fal_op_answer(op);
  fal_buf b;
  int found;
  fal_buf_init(&b, 1 << 20);
  fal_buf_add(&b, a->body, a->body_n);
  found = strstr(fal_buf_cstr(&b), s) != NULL;
  fal_buf_free(&b);
  return found;
}

/* }====================================================== */


static void one_call (fal_engine *e, fal_client *c) {
  fal_op *op = start(e, c, "t/echo", 0);
  const fal_answer *a = fal_op_answer(op);
  const char *v;
  size_t n;
  CHECK(what, !fal_op_done(op) && fal_engine_pending(e) == 1);
  CHECK(what, a->status == 0);
  CHECK(what, fal_engine_next(e) == NULL);
  finish(e, op);
  CHECK(what, fal_op_failed(op, NULL) == FAL_OK);
  CHECK(what, a->status == 200 && a->attempts == 1 && a->seconds >= 0);
  CHECK(what, fal_header(a->head, a->head_n, "X-FAL-REQUEST-ID", &v, &n));
  CHECK_TEXT(what, v, n, "id-1");
  CHECK(what, says(op, "POST /t/echo HTTP/1.1\r\n"));
  CHECK(what, says(op, "Authorization: Key id:secret\r\n"));
  CHECK(what, says(op, "Content-Type: application/json\r\n"));
  CHECK(what, says(op, "\r\n\r\n{\"n\":1}"));
  CHECK(what, !says(op, "Expect:"));
  CHECK(what, fal_engine_next(e) == op);
  CHECK(what, fal_engine_next(e) == NULL);  /* once only */
  CHECK(what, fal_engine_pending(e) == 0);
  fal_op_free(op);
}


static void what_a_call_asks_for (fal_engine *e, fal_client *c) {
  static const char *const lines[] = { "X-One: 1", "X-Two: 2", NULL };
  fal_run_request r;
  fal_op *op;
  memset(&r, 0, sizeof(r));
  r.endpoint = "t/echo";
  r.path = "/sub/path";
  r.method = "GET";
  r.query = "a=1&b=2";
  r.start_timeout = 30;
  r.hint = "h";
  r.priority = "low";
  r.credentials = "other:key";
  r.headers = lines;
  op = finish(e, fal_run(e, c, &r, NULL));
  CHECK(what, says(op, "GET /t/echo/sub/path?a=1&b=2 HTTP/1.1\r\n"));
  CHECK(what, says(op, "X-Fal-Request-Timeout: 30\r\n"));
  CHECK(what, says(op, "X-Fal-Runner-Hint: h\r\n"));
  CHECK(what, says(op, "X-Fal-Queue-Priority: low\r\n"));
  CHECK(what, says(op, "X-One: 1\r\n") && says(op, "X-Two: 2\r\n"));
  CHECK(what, says(op, "Authorization: Key other:key\r\n"));
  CHECK(what, !says(op, "id:secret"));
  CHECK(what, !says(op, "Content-Length:"));
  fal_op_free(op);
  op = finish(e, start(e, c, "t/echo", 0));  /* nothing of it is left */
  CHECK(what, says(op, "POST /t/echo HTTP/1.1\r\n"));
  CHECK(what, says(op, "Key id:secret") && !says(op, "X-One"));
  fal_op_free(op);
}


/* The server answers none before all of them have come. */
static void together (fal_engine *e, fal_client *c) {
  enum { N = 100 };
  fal_op *ops[N], *op;
  int i, n = 0;
  double limit = fal_now() + LONG;
  server.expected = N;
  for (i = 0; i < N; i++)
    ops[i] = start(e, c, "t/together", 0);
  CHECK(what, fal_engine_pending(e) == N);
  while (n < N && fal_now() < limit) {
    fal_engine_step(e, 1);
    while ((op = fal_engine_next(e)) != NULL) {
      CHECK(what, fal_op_done(op) && fal_op_failed(op, NULL) == FAL_OK);
      n++;
    }
  }
  CHECK(what, n == N && fal_engine_pending(e) == 0);
  for (i = 0; i < N; i++)
    fal_op_free(ops[i]);
}


/* Somebody else's loop waits for the one descriptor, and never steps but
** when it is readable. */
static void nested (fal_engine *e, fal_client *c) {
  struct pollfd p;
  fal_op *call, *late, *done = NULL;
  p.fd = fal_engine_pollfd(e);
  p.events = POLLIN;
  if (p.fd < 0) {  /* there is none: a timer instead */
    call = finish(e, start(e, c, "t/echo", 0));
    fal_op_free(call);
    return;
  }
  CHECK(what, poll(&p, 1, 0) == 0);  /* nothing to do */
  call = start(e, c, "t/echo", 0);
  late = fal_timer(e, 0.03, NULL);
  while (!(fal_op_done(call) && fal_op_done(late))) {
    CHECK(what, poll(&p, 1, (int)(LONG * 1000)) == 1);
    if (p.revents == 0)
      break;
    fal_engine_step(e, 0);
    while ((done = fal_engine_next(e)) != NULL)
      CHECK(what, done == call || done == late);
  }
  CHECK(what, fal_op_failed(call, NULL) == FAL_OK);
  CHECK(what, fal_op_answer(late)->seconds >= 0.03);
  fal_op_free(call);
  fal_op_free(late);
  fal_engine_step(e, 0);
  CHECK(what, poll(&p, 1, 0) == 0);  /* and nothing again */
}


static void canceled (fal_engine *e, fal_client *c) {
  int left = look(&server.left);
  fal_op *op = start(e, c, "t/never", 0);
  fal_error err;
  step_until(e, &server.held, 1);
  fal_op_cancel(op);
  CHECK(what, fal_op_done(op));
  CHECK(what, fal_op_failed(op, &err) == FAL_ECANCELED);
  CHECK(what, err.code == FAL_ECANCELED && err.message[0] != '\0');
  step_until(e, &server.left, left + 1);  /* its connection is closed */
  fal_op_cancel(op);                      /* twice is fine */
  CHECK(what, fal_engine_next(e) == op && fal_engine_next(e) == NULL);
  fal_op_free(op);
}


static void freed_in_flight (fal_engine *e, fal_client *c) {
  int left = look(&server.left);
  fal_op *op = start(e, c, "t/never", 0);
  step_until(e, &server.held, 1);
  fal_op_free(op);
  CHECK(what, fal_engine_pending(e) == 0 && fal_engine_next(e) == NULL);
  step_until(e, &server.left, left + 1);
}


static void deadline (fal_engine *e, fal_client *c) {
  int left = look(&server.left);
  fal_op *late = start(e, c, "t/never", 0.05), *fine = start(e, c, "t/echo", 5);
  fal_error err;
  CHECK(what, fal_engine_timeout(e) >= 0 && fal_engine_timeout(e) <= 0.05);
  finish(e, late);
  CHECK(what, fal_op_failed(late, &err) == FAL_ETIMEOUT);
  CHECK(what, strstr(err.message, "0.05 seconds") != NULL);
  CHECK(what, fal_op_answer(late)->seconds >= 0.05);
  finish(e, fine);
  CHECK(what, fal_op_failed(fine, NULL) == FAL_OK);
  step_until(e, &server.left, left + 1);
  fal_op_free(late);
  fal_op_free(fine);
}


static void timers_in_order (fal_engine *e, fal_client *c) {
  static const double seconds[] = { 0.03, 0.01, 0, 0.04, 0.02 };
  static const int order[] = { 2, 1, 4, 0, 3 };
  fal_op *ops[5], *op;
  int i;
  (void)c;
  for (i = 0; i < 5; i++)
    ops[i] = fal_timer(e, seconds[i], NULL);
  for (i = 0; i < 5; i++) {
    while ((op = fal_engine_next(e)) == NULL && fal_engine_pending(e) > 0)
      fal_engine_step(e, -1);
    CHECK(what, op == ops[order[i]]);
    CHECK(what, fal_op_failed(op, NULL) == FAL_OK);
    CHECK(what, fal_op_answer(op)->seconds >= seconds[order[i]]);
  }
  for (i = 0; i < 5; i++)
    fal_op_free(ops[i]);
}


static void *wake (void *e) {
  fal_engine_wake(e);
  return NULL;
}


static void woken (fal_engine *e, fal_client *c) {
  pthread_t thread;
  (void)c;
  CHECK(what, pthread_create(&thread, NULL, wake, e) == 0);
  fal_engine_step(e, -1);  /* there is nothing else it could return for */
  pthread_join(thread, NULL);
}


static void failures_of_the_world (fal_engine *e, fal_client *c) {
  static const struct { const char *id; fal_code code; int status;
                        const char *text; } cases[] = {
    { "t/status", FAL_EVALIDATION, 422, "prompt: field required (missing)" },
    { "t/cut", FAL_ENETWORK, 0, "ended the connection too early" },
    { "t/elsewhere", FAL_EHTTP, 307, "HTTP 307" },
  };
  size_t i;
  (void)c;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    fal_client *own = new_client(server.url, "id:secret-key-value");
    fal_error err;
    fal_op *op = start(e, own, cases[i].id, 0);
    fal_client_free(own);  /* the operation holds it */
    finish(e, op);
    CHECK(cases[i].id, fal_op_failed(op, &err) == cases[i].code);
    CHECK(cases[i].id, err.status == cases[i].status);
    CHECK(cases[i].id, strstr(err.message, cases[i].text) != NULL);
    CHECK(cases[i].id, strstr(err.message, "secret-key-value") == NULL);
    CHECK(cases[i].id, strstr(err.hint, "secret-key-value") == NULL);
    fal_op_free(op);
  }
}


static void ceiling (fal_engine *e, fal_client *c) {
  fal_client_options o;
  fal_client *small;
  fal_error err;
  fal_op *op;
  fal_buf body;
  (void)c;
  fal_client_options_init(&o);
  o.base_url = server.url;
  o.credentials = "";
  o.max_response = 99999;
  small = fal_client_new(&o, NULL);
  op = finish(e, start(e, small, "t/large", 0));
  CHECK(what, fal_op_failed(op, &err) == FAL_ETOOBIG);
  CHECK(what, strstr(err.message, "99999") != NULL);
  fal_op_free(op);
  fal_client_free(small);
  o.max_response = 100000;
  small = fal_client_new(&o, NULL);
  op = finish(e, start(e, small, "t/large", 0));
  CHECK(what, fal_op_failed(op, &err) == FAL_OK);
  fal_op_take_body(op, &body);
  CHECK(what, body.n == 100000 && fal_op_answer(op)->body_n == 0);
  fal_buf_free(&body);
  fal_op_free(op);
  fal_client_free(small);
}


static void refused_connection (fal_engine *e, fal_client *c) {
  char url[64];
  int port, fd = listen_anywhere(&port);
  fal_client *nobody;
  fal_error err;
  fal_op *op;
  (void)c;
  close(fd);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
  nobody = new_client(url, "");
  op = finish(e, start(e, nobody, "t/echo", 0));
  CHECK(what, fal_op_failed(op, &err) == FAL_ENETWORK && err.retryable);
  CHECK(what, strstr(err.message, url + 7) != NULL);
  fal_op_free(op);
  fal_client_free(nobody);
}


/* What can be told without the network is told by NULL. */
static void not_even_started (fal_engine *e, fal_client *c) {
  fal_run_request r;
  fal_client_options o;
  fal_client *keyless;
  fal_error err;
  memset(&r, 0, sizeof(r));
  r.endpoint = "nothing";
  CHECK(what, fal_run(e, c, &r, &err) == NULL);
  CHECK(what, err.code == FAL_EVALIDATION);
  r.endpoint = "t/echo";
  r.credentials = "a\r\nX-Evil: 1";
  CHECK(what, fal_run(e, c, &r, &err) == NULL && err.code == FAL_EAUTH);
  r.credentials = NULL;
  r.hint = "a\r\nX-Evil: 1";
  CHECK(what, fal_run(e, c, &r, &err) == NULL);
  CHECK(what, err.code == FAL_EVALIDATION);
  r.hint = NULL;
  fal_client_options_init(&o);
  keyless = fal_client_new(&o, &err);  /* fal's own hosts */
  CHECK(what, keyless != NULL && !fal_client_has_key(keyless));
  CHECK(what, fal_run(e, keyless, &r, &err) == NULL);
  CHECK(what, err.code == FAL_EAUTH && strstr(err.hint, "FAL_KEY") != NULL);
  fal_client_free(keyless);
  CHECK(what, fal_engine_pending(e) == 0 && fal_engine_next(e) == NULL);
}


static void download (fal_engine *e, fal_client *c) {
  char dir[] = "/tmp/fal-test-XXXXXX", path[64], url[128], text[16] = "";
  fal_download_request r;
  fal_error err;
  fal_op *op;
  FILE *f;
  CHECK(what, mkdtemp(dir) != NULL);
  snprintf(path, sizeof(path), "%s/file", dir);
  memset(&r, 0, sizeof(r));
  r.url = url;
  r.path = path;
  r.url_n = (size_t)snprintf(url, sizeof(url), "%s/t/cut", server.url);
  op = finish(e, fal_download(e, c, &r, &err));
  CHECK(what, fal_op_failed(op, NULL) == FAL_ENETWORK);
  fal_op_free(op);
  CHECK(what, rmdir(dir) == 0 && mkdir(dir, 0700) == 0);  /* it is empty */
  r.url_n = (size_t)snprintf(url, sizeof(url), "%s/t/file", server.url);
  op = finish(e, fal_download(e, c, &r, &err));
  CHECK(what, fal_op_failed(op, NULL) == FAL_OK);
  CHECK(what, fal_op_answer(op)->bytes == 8);
  fal_op_free(op);
  f = fopen(path, "r");
  CHECK(what, f != NULL && fgets(text, sizeof(text), f) != NULL);
  CHECK_TEXT(what, text, strlen(text), "contents");
  if (f != NULL)
    fclose(f);
  CHECK(what, fal_download(e, c, &r, &err) == NULL && err.code == FAL_EFILE);
  CHECK(what, unlink(path) == 0 && rmdir(dir) == 0);
}


/* Frees its engine with operations in every state, in a world of its own. */
static void engine_goes_first (fal_engine *shared, fal_client *c) {
  fal_engine_options o;
  fal_engine *e;
  fal_op *held, *done, *fresh, *timer;
  int left = look(&server.left);
  o.pollset = fal_engine_pollfd(shared) < 0 ? FAL_POLLSET_POLL
                                            : FAL_POLLSET_EPOLL;
  o.max_connections = 0;
  e = fal_engine_new(&o, NULL);
  done = finish(e, start(e, c, "t/echo", 0));
  held = start(e, c, "t/never", LONG);
  step_until(e, &server.held, 1);
  fresh = start(e, c, "t/never", 0);
  timer = fal_timer(e, LONG, NULL);
  fal_engine_free(e);
  CHECK(what, fal_op_failed(done, NULL) == FAL_OK && says(done, "POST"));
  CHECK(what, fal_op_failed(held, NULL) == FAL_ECANCELED);
  CHECK(what, fal_op_done(fresh) && fal_op_done(timer));
  step_until(shared, &server.left, left + 1);
  fal_op_cancel(held);
  fal_op_free(held);
  fal_op_free(done);
  fal_op_free(timer);
  fal_op_free(fresh);
}


static const struct {
  const char *name;
  void (*run) (fal_engine *e, fal_client *c);
} rows[] = {
  {"one call",                   one_call},
  {"what a call asks for",       what_a_call_asks_for},
  {"many at once",               together},
  {"nested in another loop",     nested},
  {"canceled",                   canceled},
  {"freed in flight",            freed_in_flight},
  {"deadline",                   deadline},
  {"timers in order",            timers_in_order},
  {"woken by another thread",    woken},
  {"failures of the world",      failures_of_the_world},
  {"ceiling",                    ceiling},
  {"refused connection",         refused_connection},
  {"not even started",           not_even_started},
  {"download",                   download},
  {"the engine goes first",      engine_goes_first},
};


static void run_rows (fal_pollset_kind kind, const char *kind_name) {
  fal_engine_options o;
  fal_client *c;
  size_t i;
  what = kind_name;
  c = new_client(server.url, "id:secret");
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char name[80];
    fal_engine *e;
    fal_error err;
    o.pollset = kind;
    o.max_connections = 0;
    e = fal_engine_new(&o, &err);
    snprintf(name, sizeof(name), "%s: %s", kind_name, rows[i].name);
    what = name;
    CHECK(what, e != NULL);
    rows[i].run(e, c);
    fal_engine_free(e);
  }
  fal_client_free(c);
}


int main (void) {
  static const char *const unset[] = { "FAL_KEY", "FAL_KEY_ID",
    "FAL_KEY_SECRET", "FAL_BASE_URL", "FAL_RUN_HOST", "FAL_QUEUE_RUN_HOST",
    "http_proxy", "all_proxy", "ALL_PROXY" };
  size_t i;
  for (i = 0; i < sizeof(unset) / sizeof(unset[0]); i++)
    unsetenv(unset[i]);
  start_server();
  run_rows(FAL_POLLSET_POLL, "poll");
#ifdef __linux__
  run_rows(FAL_POLLSET_EPOLL, "epoll");
#endif
  stop_server();
  fal_engine_free(NULL);
  fal_client_free(NULL);
  fal_op_free(NULL);
  return TEST_END("engine");
}
