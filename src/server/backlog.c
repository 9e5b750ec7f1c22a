/*
** backlog.c -- claims requests and gives them to the pool
**
** Three threads meet here: the writer's (claims, and what is committed), the
** runners' (the end of a job, see queued.c) and libmicrohttpd's (callers). The
** lock guards the list of what runs; it is never held in a call of the pool.
*/
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "backlog_private.h"
#include "hooks.h"
#include "keys.h"


int serve_backlog_draining (serve_backlog *b) {
  int yes;
  pthread_mutex_lock(&b->lock);
  yes = b->draining;
  pthread_mutex_unlock(&b->lock);
  return yes;
}


/*
** {======================================================
** Claiming
** =======================================================
*/

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


/* Adds a name to a JSON array. STORE_ASKED: the next one may be claimed. */
static store_code leave_out (fal_buf *list, const char *name) {
  if (list->n > 1)
    list->n--;  /* the bracket */
  fal_buf_addstr(list, list->n == 0 ? "[" : ",");
  fal_json_put_string(list, name, strlen(name));
  return fal_buf_addstr(list, "]") == FAL_OK ? STORE_ASKED : STORE_NONE;
}


/* Claims one: STORE_OK when it is to run; STORE_NONE when there is no more;
** STORE_ASKED when there is nothing to run of it: its endpoint or its tenant
** has no room and is left out from then on, or its input is lost. */
static store_code claim_one (claims *c, store *s, double now, int line_up) {
  store_except e;
  store_first first;
  running *run;
  store_code code;
  e.endpoints = c->endpoints.n > 0 ? fal_buf_cstr(&c->endpoints) : NULL;
  e.tenants = c->tenants.n > 0 ? fal_buf_cstr(&c->tenants) : NULL;
  code = s->cls->next(s, now, &e, &first);
  if (code != STORE_OK)
    return code;
  if (!line_up && !serve_pool_takes(c->b->s->pool, first.endpoint, c->n,
                                    claimed(c, first.endpoint)))
    return leave_out(&c->endpoints, first.endpoint);
  run = serve_queued_new(c->b);
  if (run == NULL)
    return STORE_NONE;
  if (!serve_queued_enter(run, first.tenant))
    code = leave_out(&c->tenants, first.tenant);
  else
    code = s->cls->claim(s, now, c->b->worker, now + WRITER_LEASE, &e,
                         &run->claim);
  if (code != STORE_OK) {
    serve_queued_free(run);
    return code;
  }
  serve_queued_fill(run, now);
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
    serve_queued_free(c->got[--c->n]);
}


/* Workers get what they can run at once, or in a moment. When calls of callers
** who wait keep them all busy, one request at a time stands in line with those,
** so that neither starves the other. */
static store_code apply_claims (serve_change *change, store *s, double now) {
  claims *c = (claims *)change;
  serve_pool *pool = c->b->s->pool;
  store_code code = STORE_OK;
  drop_claims(c);  /* of a group that was undone */
  c->endpoints.n = c->tenants.n = 0;
  set_hungry(c->b, 1);  /* room that comes from now on is told */
  serve_keys_full(c->b->s->keys, &c->tenants);
  if (serve_backlog_draining(c->b))
    return STORE_OK;
  while ((code == STORE_OK || code == STORE_ASKED) && c->n < CLAIM_MAX)
    code = claim_one(c, s, now, 0);
  if (code == STORE_NONE && c->n == 0 && c->endpoints.n > 0 &&
      serve_pool_waiting(pool) > 0 && !stands_in_line(c->b)) {
    c->endpoints.n = 0;
    code = claim_one(c, s, now, 1);
  }
  set_hungry(c->b, code != STORE_NONE || c->endpoints.n > 0 ||
                   c->tenants.n > 0);
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
  if (!serve_pool_post(b->s->pool, &run->job))
    serve_queued_return(run);
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
      serve_queued_free(c->got[i]);
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


/* When nobody ever queued anything, it costs a lock. */
void serve_backlog_room (serve_backlog *b) {
  int hungry;
  if (b == NULL)
    return;
  pthread_mutex_lock(&b->lock);
  hungry = b->hungry;
  pthread_mutex_unlock(&b->lock);
  if (hungry)
    serve_backlog_wake(b);
}


static void on_room (void *ud) {
  serve_backlog_room(ud);
}


static void settle (serve_keys *k, const store_settled *what, size_t n) {
  for (; k != NULL && n > 0; what++, n--)
    serve_keys_settle(k, what->tenant, what->day, what->taken, what->made);
}


/* After each group, on the writer's thread; and when time did something. What
** a caller can see of it has been settled. */
static void on_committed (void *ud, const serve_news *news) {
  serve_backlog *b = ud;
  settle(b->s->keys, news->settled, news->settled_n);
  serve_watch_touched(b->watch, news->ids, news->ids_n);
  pthread_mutex_lock(&b->lock);
  b->waiting = b->store->waiting;
  pthread_mutex_unlock(&b->lock);
  if (b->store->hooks) {
    serve_hooks *hooks = __atomic_load_n(&b->s->hooks, __ATOMIC_ACQUIRE);
    b->store->hooks = 0;
    if (hooks != NULL)
      serve_hooks_wake(hooks);
  }
  if (news->ids_n == 0)
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
  run = b->apart ? NULL : b->first;
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
  serve_queued_unpin(run);
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
  b->store = s;
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
  fal_buf_init(&b->claims.endpoints, 1u << 20);
  fal_buf_init(&b->claims.tenants, 1u << 20);
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


void serve_backlog_counts (serve_backlog *b, long *wait, long *run) {
  pthread_mutex_lock(&b->lock);
  *wait = b->waiting;
  *run = b->n;
  pthread_mutex_unlock(&b->lock);
}


void serve_backlog_drain (serve_backlog *b) {
  pthread_mutex_lock(&b->lock);
  b->draining = 1;
  while (b->claims.posted)
    pthread_cond_wait(&b->idle, &b->lock);
  pthread_mutex_unlock(&b->lock);
  serve_watch_close(b->watch);
}


void serve_backlog_part (serve_backlog *b) {
  pthread_mutex_lock(&b->lock);
  b->apart = 1;
  while (b->canceling > 0)
    pthread_cond_wait(&b->idle, &b->lock);
  pthread_mutex_unlock(&b->lock);
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
  b->draining = b->apart = b->closed = 1;
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
  fal_buf_free(&b->claims.endpoints);
  fal_buf_free(&b->claims.tenants);
  pthread_cond_destroy(&b->idle);
  pthread_mutex_destroy(&b->lock);
  free(b);
}

/* }====================================================== */
