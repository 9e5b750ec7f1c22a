/*
** pool.c -- the queue of jobs, and who gets which
*/
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../core/fal.h"
#include "absent.h"
#include "pool.h"
#include "serve.h"

#define SHORT      0.0005   /* seconds that a worker may have ahead of it */
#define SENT_MAX   (RING_SIZE / 8)   /* bytes of a job that is sent ahead */
#define AHEAD    0.01     /* seconds that a queued request may wait here */
#define AHEAD_MAX  16     /* and how many may */
#define STALE      0.05     /* seconds of waiting after which a caller may
                               have left */


/*
** {======================================================
** The queue
** =======================================================
*/

static void append (serve_pool *p, serve_job *job) {
  job->next = NULL;
  if (p->first == NULL)
    p->first = job;
  else
    p->last->next = job;
  p->last = job;
  p->waiting++;
}


void pool_requeue (serve_pool *p, serve_job *jobs) {
  while (jobs != NULL) {
    serve_job *last = jobs, **at = &jobs;
    while (last->next != NULL) {  /* the last one goes to the front first */
      at = &last->next;
      last = last->next;
    }
    *at = NULL;
    last->next = p->first;
    if (p->first == NULL)
      p->last = last;
    p->first = last;
    p->waiting++;
  }
}


/* Takes the job that '*at' points to out; 'before' is the one in front. */
static serve_job *take_out (serve_pool *p, serve_job **at,
                            serve_job *before) {
  serve_job *job = *at;
  *at = job->next;
  if (p->last == job)
    p->last = before;
  p->waiting--;
  job->next = NULL;
  return job;
}


static void add_done (serve_job **done, serve_job *job) {
  job->next = *done;
  *done = job;
}


void pool_done (serve_pool *p, serve_job *job) {
  if (job->ep != NULL && job->kind != SERVE_DESCRIBE)
    serve_metrics_call(p->opt.metrics, job->ep->id, job->kind,
                       job->reply.status, fal_now() - job->posted);
  if (p->opt.done != NULL)
    p->opt.done(p->opt.ud, job);
  job->cls->done(job);  /* it may be gone after this */
}


void pool_finish (serve_pool *p, serve_job *done) {
  while (done != NULL) {
    serve_job *job = done;
    done = job->next;
    job->next = NULL;
    pool_done(p, job);
  }
}


void serve_pool_load (serve_pool *p, int *waiting, int *running,
                      int *workers) {
  int i;
  pthread_mutex_lock(&p->lock);
  *waiting = p->waiting;
  *workers = p->started;
  *running = 0;
  for (i = 0; i < p->top; i++)
    if (p->runners[i].state == RUNNER_OPEN)
      *running += p->runners[i].n;
  pthread_mutex_unlock(&p->lock);
}

/* }====================================================== */


/*
** {======================================================
** What is not given to a worker
** =======================================================
*/

static void unknown (serve_pool *p, serve_job *job) {
  fal_buf all, text;
  fal_buf_init(&all, 3000);
  fal_buf_init(&text, 4000);
  catalog_list(&p->cat, &all, ", ");
  serve_absent(&text, job->endpoint, fal_buf_cstr(&all));
  serve_reply_detail(&job->reply, 404, NULL, "%s", fal_buf_cstr(&text));
  serve_reply_header(&job->reply, "x-fal-billable-units", "0");
  fal_buf_free(&all);
  fal_buf_free(&text);
}


static const char *last_part (const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}


static int is_late (serve_job *job, double now) {
  if (job->start_by == 0 || now <= job->start_by)
    return 0;
  serve_reply_detail(&job->reply, 504, "request_timeout",
                     "No worker was free within the start timeout");
  serve_reply_header(&job->reply, "x-fal-request-timeout-type", "user");
  return 1;
}


/* What cannot be started gets its answer here: 1. */
static int turn_away (serve_pool *p, serve_job *job, double now) {
  if (is_late(job, now))
    return 1;
  if (job->ep == NULL && p->cat.loading == 0)
    unknown(p, job);
  else if (job->ep != NULL && job->ep->file->state == FILE_BROKEN) {
    serve_reply_detail(&job->reply, 500, "internal_error", "%s does not load: "
                       "the log of the server says why",
                       last_part(job->ep->file->name));
    serve_reply_header(&job->reply, "x-fal-needs-retry", "0");
  }
  else
    return 0;
  return 1;
}


/* Looks up what it calls, where that was not known yet; then as above. */
static int is_for_nobody (serve_pool *p, serve_job *job, double now) {
  if (job->kind == (serve_kind)LINK_LOAD)
    return 0;
  if (job->ep == NULL)
    job->ep = catalog_resolve(&p->cat, job->endpoint, job->kind);
  return turn_away(p, job, now);
}


void pool_turn_away (serve_pool *p, serve_job **done) {
  serve_job **at = &p->first, *before = NULL;
  double now = fal_now();
  while (*at != NULL)
    if (is_for_nobody(p, *at, now))
      add_done(done, take_out(p, at, before));
    else {
      before = *at;
      at = &before->next;
    }
}

/* }====================================================== */


/*
** {======================================================
** Giving jobs to workers
** =======================================================
*/

static int limit_of (const serve_pool *p, const serve_endpoint *ep) {
  return ep->concurrency > 0 ? ep->concurrency : p->opt.workers;
}


/* May a worker have it, as far as its file goes? */
static int is_loaded (const serve_job *job) {
  return job->kind == (serve_kind)LINK_LOAD ||
         (job->ep != NULL && job->ep->file->state == FILE_GOOD);
}


/* May it start now, as far as its endpoint goes? */
static int may_start (const serve_pool *p, const serve_job *job) {
  return job->ep == NULL || job->ep->running < limit_of(p, job->ep);
}


/* A worker that has something short to do and can take something short after
** it: one that is awake needs no waking. */
static runner *pick_ahead (serve_pool *p, const serve_job *job, double now) {
  int i;
  if (job->ep == NULL || job->kind != SERVE_RUN || job->ep->concurrency != 0 ||
      job->ep->mean > SHORT / 4 || job->body_n > SENT_MAX)
    return NULL;
  for (i = 0; i < p->top; i++) {
    runner *r = &p->runners[i];
    if (r->state == RUNNER_OPEN && r->n > 0 && runner_takes_ahead(r, now) &&
        r->backlog + job->ep->mean <= SHORT)
      return r;
  }
  return NULL;
}


static runner *pick_idle (serve_pool *p) {
  int i;
  for (i = 0; i < p->top; i++)
    if (p->runners[i].state == RUNNER_OPEN && p->runners[i].n == 0)
      return &p->runners[i];
  return NULL;
}


int pool_grow (serve_pool *p) {
  int i;
  for (i = 0; i < POOL_RUNNERS_MAX; i++)
    if (p->runners[i].state == RUNNER_NONE) {
      if (p->top <= i)
        p->top = i + 1;
      return runner_start(&p->runners[i], p);
    }
  return 0;
}


/* As many of the usual workers as there is work for. */
static void grow_to_usual (serve_pool *p) {
  int i, starting = 0;
  if (p->started >= p->opt.workers)
    return;
  for (i = 0; i < p->top; i++)
    starting += p->runners[i].state == RUNNER_STARTING;
  while (starting < p->waiting && p->started < p->opt.workers &&
         pool_grow(p))
    starting++;
}


void pool_dispatch (serve_pool *p, serve_job **done) {
  serve_job **at = &p->first, *before = NULL;
  double now = p->first != NULL ? fal_now() : 0;
  while (*at != NULL) {
    serve_job *job = *at;
    runner *r = NULL;
    if (is_for_nobody(p, job, now)) {
      add_done(done, take_out(p, at, before));
      continue;
    }
    if (is_loaded(job) && (r = pick_ahead(p, job, now)) == NULL) {
      if ((r = pick_idle(p)) == NULL)
        break;
      if (!may_start(p, job))
        r = NULL;
    }
    if (r == NULL) {
      before = job;
      at = &job->next;
      continue;
    }
    take_out(p, at, before);
    if (now - job->posted > STALE && serve_hung_up(job->fd)) {
      serve_reply_detail(&job->reply, 499, "client_disconnected",
                         "Client disconnected");
      add_done(done, job);
    }
    else
      runner_send(r, job);
  }
  if (p->waiting > 0 && !p->ending)
    grow_to_usual(p);
}


int serve_pool_post (serve_pool *p, serve_job *job) {
  serve_job *done = NULL;
  int ok;
  job->ep = NULL;
  job->posted = fal_now();
  pthread_mutex_lock(&p->lock);
  ok = !p->ending && p->waiting < POOL_WAITING_MAX;
  if (ok) {
    pool_refresh(p);
    append(p, job);
    pool_dispatch(p, &done);
    pool_wake_keeper(p);
  }
  pthread_mutex_unlock(&p->lock);
  pool_finish(p, done);
  return ok;
}


void pool_wake_keeper (serve_pool *p) {
  if (p->keeper_sleeps) {
    p->keeper_sleeps = 0;
    pthread_cond_signal(&p->keep);
  }
}

/* }====================================================== */


/*
** {======================================================
** Room
** =======================================================
*/

static int room (const serve_pool *p) {
  int n = p->opt.workers - p->busy - p->waiting;
  return p->ending || n < 0 ? 0 : n;
}


int pool_deserves_more (const serve_pool *p, const serve_endpoint *ep) {
  return ep->running < (ep->concurrency > 0 ? ep->concurrency : 1) &&
         p->started < p->opt.workers + POOL_EXTRA;
}


/* With the lock: would it begin in a moment, behind others that are short? */
static int takes_ahead (const serve_pool *p, const serve_endpoint *ep,
                        int posted) {
  int n = p->waiting + posted + 1;
  return ep->concurrency == 0 && n <= AHEAD_MAX &&
         ep->mean * n <= AHEAD * p->opt.workers;
}


int serve_pool_takes (serve_pool *p, const char *endpoint, int posted,
                      int same) {
  const serve_endpoint *ep;
  int free, yes;
  pthread_mutex_lock(&p->lock);
  ep = catalog_resolve(&p->cat, endpoint, SERVE_STREAM);
  free = room(p) - posted;
  if (ep == NULL || p->ending)
    yes = free > 0;  /* it is refused, or waits for its file */
  else
    yes = (free > 0 && ep->running + same < limit_of(p, ep)) ||
          (posted == 0 && p->waiting == 0 && pool_deserves_more(p, ep)) ||
          takes_ahead(p, ep, posted);
  pthread_mutex_unlock(&p->lock);
  return yes;
}


int serve_pool_waiting (serve_pool *p) {
  int n;
  pthread_mutex_lock(&p->lock);
  n = p->waiting;
  pthread_mutex_unlock(&p->lock);
  return n;
}


void serve_pool_on_room (serve_pool *p, void (*f) (void *ud), void *ud) {
  pthread_mutex_lock(&p->lock);
  p->room = f;
  p->room_ud = ud;
  pthread_mutex_unlock(&p->lock);
}


void pool_tell_room (serve_pool *p) {
  void (*f) (void *ud);
  void *ud;
  pthread_mutex_lock(&p->lock);
  f = room(p) > 0 || p->waiting > 0 ? p->room : NULL;
  ud = p->room_ud;
  pthread_mutex_unlock(&p->lock);
  if (f != NULL)
    f(ud);
}

/* }====================================================== */


/*
** {======================================================
** Cancel
** =======================================================
*/

static int cancel_waiting (serve_pool *p, serve_job *job) {
  serve_job **at, *before = NULL;
  for (at = &p->first; *at != NULL; before = *at, at = &(*at)->next)
    if (*at == job) {
      take_out(p, at, before);
      return 1;
    }
  return 0;
}


int serve_job_cancel (serve_pool *p, serve_job *job) {
  int i, waited;
  pthread_mutex_lock(&p->lock);
  job->canceled = 1;
  waited = cancel_waiting(p, job);
  for (i = 0; !waited && i < p->top; i++)
    if (p->runners[i].state == RUNNER_OPEN)
      waited = runner_cancel(&p->runners[i], job);
  pool_wake_keeper(p);
  pthread_mutex_unlock(&p->lock);
  if (waited) {
    serve_reply_detail(&job->reply, 499, "client_cancelled",
                       "The request was cancelled");
    pool_done(p, job);
    pool_tell_room(p);
  }
  return waited;
}

/* }====================================================== */


/*
** {======================================================
** Endpoints
** =======================================================
*/

int serve_endpoints_known (serve_pool *p, const char *id) {
  int yes;
  pthread_mutex_lock(&p->lock);
  pool_refresh(p);
  pool_wake_keeper(p);  /* it gives the questions to workers */
  yes = catalog_resolve(&p->cat, id, SERVE_STREAM) != NULL ||
        catalog_resolve(&p->cat, id, SERVE_REALTIME) != NULL ||
        p->cat.loading > 0;
  pthread_mutex_unlock(&p->lock);
  return yes;
}


int serve_endpoints_had (serve_pool *p, const char *id) {
  int yes;
  pthread_mutex_lock(&p->lock);
  pool_refresh(p);
  pool_wake_keeper(p);
  yes = catalog_had(&p->cat, id);
  pthread_mutex_unlock(&p->lock);
  return yes;
}


void serve_endpoints_list (serve_pool *p, fal_buf *to,
                           const char *separator) {
  pthread_mutex_lock(&p->lock);
  catalog_list(&p->cat, to, separator);
  pthread_mutex_unlock(&p->lock);
}


static void began (serve_job *job) {
  ((load_job *)job)->began = 1;
}


static void loaded (serve_job *job) {
  load_job *l = (load_job *)job;
  serve_pool *p = l->pool;
  serve_job *done = NULL;
  pthread_mutex_lock(&p->lock);
  if (job->lost && !l->began)
    l->file->posted = 0;  /* no worker had it: again with the next call */
  else
    catalog_loaded(&p->cat, l->file, l->version, job->reply.status == 200,
                   job->reply.body.s, job->reply.body.n);
  if (!p->ending) {
    pool_refresh(p);
    pool_dispatch(p, &done);
  }
  pthread_mutex_unlock(&p->lock);
  pool_finish(p, done);
  pool_tell_room(p);
  serve_reply_free(&job->reply);
  free(l);
}


static void post_loads (serve_pool *p) {
  static const serve_job_class cls = {began, NULL, NULL, NULL, loaded};
  serve_file *f;
  for (f = p->cat.files; f != NULL; f = f->next) {
    load_job *l = f->state == FILE_LOADING && !f->posted
                  ? calloc(1, sizeof(*l)) : NULL;
    if (l == NULL)
      continue;
    f->posted = 1;
    l->pool = p;
    l->file = f;
    l->version = f->version;
    l->job.cls = &cls;
    l->job.kind = (serve_kind)LINK_LOAD;
    l->job.method = l->job.request_id = l->job.base_url = "";
    l->job.endpoint = f->name;
    l->job.fd = -1;
    l->job.posted = fal_now();
    pool_requeue(p, &l->job);
  }
}


void pool_refresh (serve_pool *p) {
  apps_scan(&p->cat);
  if (p->cat.loading > 0)
    post_loads(p);
}

/* }====================================================== */


/*
** {======================================================
** Making and ending
** =======================================================
*/

static char *copy (const char *s) {
  return s != NULL ? strdup(s) : NULL;
}


static char *copy_folder (const char *s) {
  char *to = copy(s);
  size_t n = to != NULL ? strlen(to) : 0;
  while (n > 1 && to[n - 1] == '/')
    to[--n] = '\0';
  return to;
}


serve_pool *serve_pool_new (const serve_pool_options *opt, fal_error *err) {
  serve_pool *p = calloc(1, sizeof(*p));
  if (p == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->keep, NULL);
  p->opt = *opt;
  p->opt.files = p->files = copy(opt->files);
  p->opt.apps = p->apps = copy_folder(opt->apps);
  p->opt.url = p->url = copy(opt->url);
  if (catalog_open(&p->cat, &p->opt, err) != FAL_OK) {
    serve_pool_free(p);
    return NULL;
  }
  pthread_mutex_lock(&p->lock);
  pool_refresh(p);
  pool_grow(p);
  p->keeper_started = pthread_create(&p->keeper, NULL, keeper_main, p) == 0;
  pthread_mutex_unlock(&p->lock);
  if (p->keeper_started && p->started > 0)
    return p;
  fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  serve_pool_free(p);
  return NULL;
}


void pool_turn_all_away (serve_pool *p, serve_job **done, const char *type,
                         const char *why) {
  while (p->first != NULL) {
    serve_job *job = take_out(p, &p->first, NULL);
    job->lost = 1;
    serve_reply_detail(&job->reply, 503, type, "%s", why);
    add_done(done, job);
  }
}


void serve_pool_end (serve_pool *p) {
  serve_job *done = NULL;
  int i;
  if (p == NULL)
    return;
  pthread_mutex_lock(&p->lock);
  p->ending = 1;
  pool_turn_all_away(p, &done, "runner_disconnected",
                     "The server is ending");
  for (i = 0; i < p->top; i++)
    runner_close(&p->runners[i]);
  pthread_cond_signal(&p->keep);
  pthread_mutex_unlock(&p->lock);
  pool_finish(p, done);
  for (i = 0; i < p->top; i++)
    if (p->runners[i].joinable) {
      pthread_join(p->runners[i].thread, NULL);
      p->runners[i].joinable = 0;
    }
  if (p->keeper_started)
    pthread_join(p->keeper, NULL);
  p->keeper_started = 0;
}


void serve_pool_free (serve_pool *p) {
  if (p == NULL)
    return;
  serve_pool_end(p);
  catalog_free(&p->cat);
  pthread_cond_destroy(&p->keep);
  pthread_mutex_destroy(&p->lock);
  free(p->files);
  free(p->apps);
  free(p->url);
  free(p);
}

/* }====================================================== */
