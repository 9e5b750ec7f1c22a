/*
** backlog.c -- claims requests, has them run, writes down what came of it
**
** Three threads meet here: the writer's (claims, and what is committed), the
** runners' (a job's callbacks) and libmicrohttpd's (callers). The lock guards
** the list of what runs; it is never held in a call of the pool.
*/
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "backlog.h"
#include "keys.h"
#include "job.h"
#include "serve.h"

#define CLAIM_MAX  32       /* requests claimed in one group */
#define PAUSE      0.1      /* seconds before the second attempt, doubled */
#define PAUSE_MAX  10.0     /* for each of the next, up to this */

/* A request in the hands of the pool. */
typedef struct running {
  serve_job job;           /* first */
  serve_change change;     /* its end */
  serve_backlog *b;
  struct running *next, **link;
  store_claim claim;
  double began;            /* when a worker had it; 0: none yet */
  double logged;           /* time of the last line */
  int percent;             /* that was last logged */
  int pins, ended;         /* see serve_backlog_cancel */
  int again;               /* it is to be released, not completed */
  int blameless;           /* and that is not its fault */
  double seconds;
} running;

/* The one change that claims. */
typedef struct claims {
  serve_change change;     /* first */
  serve_backlog *b;
  int posted, again;       /* under the lock: it is on its way; and once more */
  int n;
  running *got[CLAIM_MAX];
  fal_buf except;          /* endpoints that take no more: a JSON array */
} claims;

struct serve_backlog {
  falua_server *s;
  serve_writer *writer;
  serve_watch *watch;
  char worker[STORE_ID];
  claims claims;
  pthread_mutex_t lock;    /* guards what follows */
  pthread_cond_t idle;     /* something ended */
  running *first;
  int n;                   /* how many run */
  int canceling;           /* calls of the pool that cancel */
  int hungry;              /* something waits, as far as is known */
  int draining, closed;
};


static int is_draining (serve_backlog *b) {
  int yes;
  pthread_mutex_lock(&b->lock);
  yes = b->draining;
  pthread_mutex_unlock(&b->lock);
  return yes;
}


static void free_running (running *run) {
  store_claim_free(&run->claim);
  serve_reply_free(&run->job.reply);
  free(run);
}


/*
** {======================================================
** The end of a job
** =======================================================
*/

/* A header in lines "name: value", as text; "" when it is not there. */
static void header_text (const char *head, size_t n, const char *name,
                         char *to, size_t size) {
  const char *value = "";
  size_t value_n = 0;
  fal_header(head, n, name, &value, &value_n);
  fal_copy_text(to, size, value, value_n);
}


static int is_yes (const char *s) {
  return strcmp(s, "1") == 0 || strcasecmp(s, "true") == 0 ||
         strcasecmp(s, "yes") == 0;
}


/* How often it may be tried in all, when it fails like that. */
static int tries (const running *run) {
  static const char *const kinds[] = {
    "connection_error.retries", "timeout.retries", "server_error.retries"
  };
  const char *head = run->claim.head, *raw;
  int kind = run->job.lost ? 0 : run->job.reply.status == 504 ? 1 : 2;
  char text[512];
  size_t n;
  header_text(head, strlen(head), "x-fal-no-retry", text, sizeof(text));
  if (is_yes(text))
    return 1;
  header_text(head, strlen(head), "x-fal-retry-config", text, sizeof(text));
  if (fal_json_find(text, strlen(text), kinds[kind], &raw, &n)
      == FAL_JSON_INTEGER && n < 4 && raw[0] != '-')
    return 1 + atoi(raw) < STORE_TRIES ? 1 + atoi(raw) : STORE_TRIES;
  return STORE_TRIES;
}


/* Is this no answer, but a reason to run it again? */
static int runs_again (const running *run) {
  const serve_reply *r = &run->job.reply;
  char text[16];
  if (run->job.canceled)
    return 0;
  header_text(r->head.s, r->head.n, "x-fal-request-timeout-type", text,
              sizeof(text));
  if (strcmp(text, "user") == 0)
    return 0;
  header_text(r->head.s, r->head.n, "x-fal-needs-retry", text, sizeof(text));
  if (text[0] != '\0' && (r->status >= 500 || r->status == 429))
    return is_yes(text);
  return run->job.lost || r->status == 503 || r->status == 504;
}


/* What a status says of a failed request: the answer's own words when they
** are a text (protocol 10.2, 10.3). */
static void describe (const serve_reply *r, store_reply *to, char error[512],
                      char type[64]) {
  fal_buf text;
  if (r->status < 400)
    return;
  fal_buf_init(&text, 64u << 20);
  if (r->body.n > 0 &&
      fal_json_find_string(r->body.s, r->body.n, "detail", &text) &&
      text.n > 0)
    fal_copy_text(error, 512, text.s, text.n);
  else
    snprintf(error, 512, "Invalid status code: %u", r->status);
  fal_buf_free(&text);
  header_text(r->head.s, r->head.n, "x-fal-error-type", type, 64);
  to->error = error;
  to->error_type = type[0] != '\0' ? type : NULL;
}


static store_code apply_end (serve_change *c, store *s, double now) {
  running *run = (running *)((char *)c - offsetof(running, change));
  serve_reply *r = &run->job.reply;
  store_claim *claim = &run->claim;
  char error[512], type[64];
  store_reply reply;
  double pause = PAUSE * (double)(1 << claim->failures);
  memset(&reply, 0, sizeof(reply));
  reply.status = r->status;
  reply.head = fal_buf_cstr(&r->head);
  reply.body = r->body.s;
  reply.body_n = r->body.n;
  reply.seconds = run->seconds;
  describe(r, &reply, error, type);
  if (!run->again)
    return s->cls->complete(s, now, claim->id, claim->attempt, &reply);
  if (run->blameless || is_draining(run->b))
    return s->cls->release(s, now, claim->id, claim->attempt, now + PAUSE,
                           STORE_TRIES, NULL);
  return s->cls->release(s, now, claim->id, claim->attempt,
                         now + (pause < PAUSE_MAX ? pause : PAUSE_MAX),
                         tries(run), &reply);
}


/* Frees it once nobody needs it: when it is written down and not pinned. */
static void unpin (running *run) {
  serve_backlog *b = run->b;
  int left;
  pthread_mutex_lock(&b->lock);
  left = --run->pins;
  pthread_mutex_unlock(&b->lock);
  if (left == 0)
    free_running(run);
}


/* What could not be written down is tried again, until the server ends: then
** it runs again after the next start. */
static void end_done (serve_change *c, store_code code) {
  running *run = (running *)((char *)c - offsetof(running, change));
  serve_backlog *b = run->b;
  int closed;
  pthread_mutex_lock(&b->lock);
  closed = b->closed;
  pthread_mutex_unlock(&b->lock);
  if ((code == STORE_FULL || code == STORE_FAIL) && !closed)
    serve_writer_post_later(b->writer, c);
  else {
    if (code == STORE_OK && !run->again)
      serve_tenant_ended(b->s, &run->job);
    unpin(run);
    serve_backlog_wake(b);
  }
}


static void job_done (serve_job *job) {
  running *run = (running *)job;
  serve_backlog *b = run->b;
  if (job->reply.status == 0)
    serve_reply_detail(&job->reply, 500, "internal_error",
                       "The endpoint gave no answer");
  run->seconds = run->began > 0 ? fal_now() - run->began : -1;
  run->again = runs_again(run);
  run->change.apply = apply_end;
  run->change.done = end_done;
  pthread_mutex_lock(&b->lock);
  *run->link = run->next;
  if (run->next != NULL)
    run->next->link = run->link;
  b->n--;
  pthread_cond_broadcast(&b->idle);
  pthread_mutex_unlock(&b->lock);
  serve_writer_post(b->writer, &run->change);
}

/* }====================================================== */


/*
** {======================================================
** While it runs
** =======================================================
*/

typedef struct line {
  serve_change change;     /* first */
  char id[STORE_ID];
  int attempt;
  double time;
  char level[16];
  size_t n;
  char text[];
} line;


static store_code apply_line (serve_change *c, store *s, double now) {
  line *l = (line *)c;
  (void)now;
  return s->cls->log(s, l->time, l->id, l->attempt, l->level, l->text, l->n);
}


static void line_done (serve_change *c, store_code code) {
  (void)code;
  free(c);
}


/* "INFO" and the like. */
static void put_level (char *to, size_t size, const char *level) {
  size_t i;
  snprintf(to, size, "%s", level != NULL ? level : "info");
  for (i = 0; to[i] != '\0'; i++)
    to[i] = (char)toupper((unsigned char)to[i]);
}


/* Lines of one request have times of their own, a microsecond apart at least:
** clients tell lines apart by time and text. */
static void job_log (serve_job *job, const char *level, const char *s,
                     size_t n) {
  running *run = (running *)job;
  line *l = malloc(sizeof(*l) + n + 1);
  if (l == NULL)
    return;
  l->change.apply = apply_line;
  l->change.done = line_done;
  memcpy(l->id, run->claim.id, sizeof(l->id));
  l->attempt = run->claim.attempt;
  l->time = serve_wall_clock();
  if (l->time < run->logged + 2e-6)
    l->time = run->logged + 2e-6;
  run->logged = l->time;
  put_level(l->level, sizeof(l->level), level);
  l->n = n;
  memcpy(l->text, s, n);
  serve_writer_post_paced(run->b->writer, &l->change);
}


static void job_started (serve_job *job) {
  running *run = (running *)job;
  pthread_mutex_lock(&run->b->lock);
  run->began = fal_now();
  pthread_mutex_unlock(&run->b->lock);
}


/* fal has no word for progress in a status: it is a line, each 5 %. */
static void job_progress (serve_job *job, double fraction) {
  running *run = (running *)job;
  int percent = fraction >= 1 ? 100 : fraction > 0 ? (int)(fraction * 100) : 0;
  char text[32];
  int n;
  if (percent < run->percent + 5 && !(percent == 100 && run->percent < 100))
    return;
  run->percent = percent;
  n = snprintf(text, sizeof(text), "progress %d %%", percent);
  job_log(job, "INFO", text, (size_t)n);
}

/* }====================================================== */


/*
** {======================================================
** Claiming
** =======================================================
*/

static const serve_job_class queued_class = {
  .started = job_started, .log = job_log, .progress = job_progress,
  .done = job_done
};


static running *new_running (serve_backlog *b) {
  running *run = calloc(1, sizeof(*run));
  if (run != NULL) {
    run->b = b;
    run->pins = 1;
    run->job.cls = &queued_class;
    run->job.kind = SERVE_QUEUED;
    run->job.fd = -1;
  }
  return run;
}


static void fill_job (running *run, double now) {
  serve_job *job = &run->job;
  const store_claim *c = &run->claim;
  job->method = "POST";
  job->endpoint = c->endpoint;
  job->request_id = c->id;
  job->base_url = c->base_url;
  job->owner = c->owner;
  job->head = c->head;
  job->body = c->body;
  job->body_n = c->body_n;
  job->start_by = c->start_by > 0 ? fal_now() + (c->start_by - now) : 0;
}


/* How many of these the group has claimed for an endpoint. */
static int claimed (const claims *c, const char *endpoint) {
  int i, n = 0;
  for (i = 0; i < c->n; i++)
    n += strcmp(c->got[i]->claim.endpoint, endpoint) == 0;
  return n;
}


/* Does one of ours wait among the pool's jobs? */
static int stands_in_line (serve_backlog *b) {
  const running *run;
  int yes = 0;
  pthread_mutex_lock(&b->lock);
  for (run = b->first; run != NULL && !yes; run = run->next)
    yes = run->began == 0;
  pthread_mutex_unlock(&b->lock);
  return yes;
}


static fal_code leave_out (claims *c, const char *endpoint) {
  if (c->except.n > 1)
    c->except.n--;  /* the bracket */
  fal_buf_addstr(&c->except, c->except.n == 0 ? "[" : ",");
  fal_json_put_string(&c->except, endpoint, strlen(endpoint));
  return fal_buf_addstr(&c->except, "]");
}


/* Claims one: STORE_OK when it is to run; STORE_NONE when there is no more;
** STORE_ASKED when its endpoint has no room, which is left out from then. */
static store_code claim_one (claims *c, store *s, double now, int line_up) {
  const char *except = c->except.n > 0 ? fal_buf_cstr(&c->except) : NULL;
  char endpoint[STORE_ENDPOINT];
  running *run;
  store_code code = s->cls->next(s, now, except, endpoint);
  if (code != STORE_OK)
    return code;
  if (!line_up && claimed(c, endpoint) >=
                  serve_pool_takes(c->b->s->pool, endpoint))
    return leave_out(c, endpoint) == FAL_OK ? STORE_ASKED : STORE_NONE;
  run = new_running(c->b);
  if (run == NULL)
    return STORE_NONE;
  code = s->cls->claim(s, now, c->b->worker, now + WRITER_LEASE, except,
                       &run->claim);
  if (code != STORE_OK) {
    free_running(run);
    return code;
  }
  fill_job(run, now);
  c->got[c->n++] = run;
  return STORE_OK;
}


static void set_hungry (serve_backlog *b, int hungry) {
  pthread_mutex_lock(&b->lock);
  b->hungry = hungry;
  pthread_mutex_unlock(&b->lock);
}


static void drop_claims (claims *c) {
  while (c->n > 0)
    free_running(c->got[--c->n]);
}


/* Workers that are idle get what they can run. When calls of callers who wait
** keep them all busy, one request at a time stands in line with those, so that
** neither starves the other. */
static store_code apply_claims (serve_change *change, store *s, double now) {
  claims *c = (claims *)change;
  serve_pool *pool = c->b->s->pool;
  store_code code = STORE_OK;
  int room;
  drop_claims(c);  /* of a group that was undone */
  c->except.n = 0;
  if (is_draining(c->b))
    return STORE_OK;
  room = serve_pool_room(pool);
  while ((code == STORE_OK || code == STORE_ASKED) && c->n < CLAIM_MAX &&
         (c->n < room || room == 0))
    code = claim_one(c, s, now, 0);
  if (code == STORE_NONE && c->n == 0 && c->except.n > 0 &&
      serve_pool_waiting(pool) > 0 && !stands_in_line(c->b)) {
    c->except.n = 0;
    code = claim_one(c, s, now, 1);
  }
  set_hungry(c->b, code != STORE_NONE || c->except.n > 0);
  return code == STORE_FULL || code == STORE_FAIL ? code : STORE_OK;
}


/* Lists it as running, then gives it to the pool. */
static void start (running *run) {
  serve_backlog *b = run->b;
  pthread_mutex_lock(&b->lock);
  run->next = b->first;
  run->link = &b->first;
  if (run->next != NULL)
    run->next->link = &run->next;
  b->first = run;
  b->n++;
  pthread_mutex_unlock(&b->lock);
  if (!serve_pool_post(b->s->pool, &run->job)) {
    run->job.lost = run->blameless = 1;
    serve_reply_detail(&run->job.reply, 503, "runner_scheduling_failure",
                       "No worker could be had");
    job_done(&run->job);
  }
}


static void claims_done (serve_change *change, store_code code) {
  claims *c = (claims *)change;
  serve_backlog *b = c->b;
  int i, n = c->n, again;
  c->n = 0;
  for (i = 0; i < n; i++)
    if (code == STORE_OK)
      start(c->got[i]);
    else
      free_running(c->got[i]);
  pthread_mutex_lock(&b->lock);
  again = (c->again || n > 0) && code == STORE_OK && !b->draining;
  c->again = 0;
  c->posted = again;
  pthread_cond_broadcast(&b->idle);
  pthread_mutex_unlock(&b->lock);
  if (again)
    serve_writer_post(b->writer, change);
}


void serve_backlog_wake (serve_backlog *b) {
  int post;
  pthread_mutex_lock(&b->lock);
  post = !b->claims.posted && !b->draining;
  b->claims.again = b->claims.posted;
  if (post)
    b->claims.posted = 1;
  if (post)
    serve_writer_post(b->writer, &b->claims.change);
  pthread_mutex_unlock(&b->lock);
}


/* Also called when nobody ever queued anything: then it costs a lock. */
static void on_room (void *ud) {
  serve_backlog *b = ud;
  int hungry;
  pthread_mutex_lock(&b->lock);
  hungry = b->hungry;
  pthread_mutex_unlock(&b->lock);
  if (hungry)
    serve_backlog_wake(b);
}


/* After each group, on the writer's thread; and when time did something. */
static void on_committed (void *ud, const char *ids, size_t n) {
  serve_backlog *b = ud;
  serve_watch_touched(b->watch, ids, n);
  if (n == 0)
    serve_backlog_wake(b);
}

/* }====================================================== */


/*
** {======================================================
** For callers
** =======================================================
*/

int serve_backlog_change (serve_backlog *b, serve_change *c) {
  int ok;
  pthread_mutex_lock(&b->lock);
  ok = !b->closed;
  if (ok)
    serve_writer_post(b->writer, c);
  pthread_mutex_unlock(&b->lock);
  return ok;
}


int serve_backlog_look (serve_backlog *b, serve_look *l) {
  int ok;
  pthread_mutex_lock(&b->lock);
  ok = !b->closed;
  if (ok)
    serve_watch_ask(b->watch, l);
  pthread_mutex_unlock(&b->lock);
  return ok;
}


int serve_backlog_follow (serve_backlog *b, serve_feed *f, const char *url,
                          const char *owner, const char *id, int logs) {
  return serve_watch_follow(b->watch, f, url, owner, id, logs);
}


/* The pool calls 'done' in here when the job was waiting, so the lock is not
** held; the pin keeps the job there when it ends meanwhile. */
void serve_backlog_cancel (serve_backlog *b, const char *id) {
  running *run;
  pthread_mutex_lock(&b->lock);
  run = b->draining ? NULL : b->first;
  while (run != NULL && strcmp(run->claim.id, id) != 0)
    run = run->next;
  if (run != NULL) {
    run->pins++;
    b->canceling++;
  }
  pthread_mutex_unlock(&b->lock);
  if (run == NULL)
    return;
  serve_job_cancel(b->s->pool, &run->job);
  unpin(run);
  pthread_mutex_lock(&b->lock);
  b->canceling--;
  pthread_cond_broadcast(&b->idle);
  pthread_mutex_unlock(&b->lock);
}

/* }====================================================== */


/*
** {======================================================
** Beginning and ending
** =======================================================
*/

static fal_code open_store (serve_backlog *b, const store_options *opt,
                            fal_error *err) {
  store *s = store_sqlite(opt, err), *reader;
  if (s == NULL)
    return FAL_EFILE;
  reader = s->cls->reader(s, err);
  if (reader == NULL) {
    s->cls->close(s);
    return FAL_EFILE;
  }
  b->watch = serve_watch_new(reader, err);
  if (b->watch == NULL) {
    s->cls->close(s);
    return FAL_ENOMEM;
  }
  b->writer = serve_writer_new(s, b->worker, on_committed, b, err);
  return b->writer != NULL ? FAL_OK : FAL_ENOMEM;
}


serve_backlog *serve_backlog_new (falua_server *s, double keep,
                                  double keep_big, fal_error *err) {
  serve_backlog *b = calloc(1, sizeof(*b));
  store_options opt;
  char folder[4096];
  if (b == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  memset(&opt, 0, sizeof(opt));
  snprintf(folder, sizeof(folder), "%s/queue", s->data);
  opt.folder = folder;
  mkdir(folder, 0777);  /* opening the store tells whether it went well */
  opt.keep = keep;
  opt.keep_big = keep_big;
  b->s = s;
  serve_uuid(b->worker);
  pthread_mutex_init(&b->lock, NULL);
  pthread_cond_init(&b->idle, NULL);
  b->claims.b = b;
  b->claims.change.apply = apply_claims;
  b->claims.change.done = claims_done;
  b->claims.posted = 1;  /* not before the writer is known here */
  fal_buf_init(&b->claims.except, 1u << 20);
  if (open_store(b, &opt, err) != FAL_OK) {
    serve_watch_free(b->watch);
    b->watch = NULL;
    serve_backlog_free(b);
    return NULL;
  }
  serve_writer_post(b->writer, &b->claims.change);
  serve_pool_on_room(s->pool, on_room, b);
  return b;
}


void serve_backlog_drain (serve_backlog *b) {
  pthread_mutex_lock(&b->lock);
  b->draining = 1;
  while (b->claims.posted || b->canceling > 0)
    pthread_cond_wait(&b->idle, &b->lock);
  pthread_mutex_unlock(&b->lock);
  serve_watch_close(b->watch);
}


void serve_backlog_wait (serve_backlog *b, double limit) {
  struct timespec until;
  double left = limit - fal_now();
  int late = 0;
  clock_gettime(CLOCK_REALTIME, &until);
  if (left > 0) {
    until.tv_sec += (time_t)left;
    until.tv_nsec += (long)((left - (double)(time_t)left) * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
  }
  pthread_mutex_lock(&b->lock);
  while (b->n > 0 && !late)
    late = pthread_cond_timedwait(&b->idle, &b->lock, &until) == ETIMEDOUT;
  pthread_mutex_unlock(&b->lock);
}


void serve_backlog_close (serve_backlog *b) {
  serve_writer *writer = b->writer;
  serve_watch *watch = b->watch;
  pthread_mutex_lock(&b->lock);
  b->draining = b->closed = 1;
  pthread_mutex_unlock(&b->lock);
  serve_writer_free(writer);
  serve_watch_free(watch);
  b->writer = NULL;
  b->watch = NULL;
}


void serve_backlog_free (serve_backlog *b) {
  if (b == NULL)
    return;
  drop_claims(&b->claims);
  fal_buf_free(&b->claims.except);
  pthread_cond_destroy(&b->idle);
  pthread_mutex_destroy(&b->lock);
  free(b);
}

/* }====================================================== */
