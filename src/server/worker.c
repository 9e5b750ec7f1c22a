/*
** worker.c -- threads that run jobs, and the queue they take them from
*/
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "../core/fal.h"
#include "serve.h"

typedef struct worker {
  pthread_t thread;
  serve_pool *pool;
  serve_state *state;
} worker;

struct serve_pool {
  pthread_mutex_t lock;    /* guards what follows, up to 'workers' */
  pthread_cond_t work;     /* a job has come, or the end */
  serve_job *first, *last;
  int waiting;             /* how many jobs are in the queue */
  int ending;              /* read without the lock too */
  int started;             /* threads to be joined */
  int n;
  worker workers[];
};


/* Hang-ups are not seen by libmicrohttpd while a connection is suspended. */
static int hung_up (int fd) {
  struct pollfd p;
  p.fd = fd;
  p.revents = 0;
#if defined(POLLRDHUP)
  p.events = POLLRDHUP;
  return fd >= 0 && poll(&p, 1, 0) > 0 &&
         (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
#else
  p.events = 0;
  return fd >= 0 && poll(&p, 1, 0) > 0 &&
         (p.revents & (POLLHUP | POLLERR)) != 0;
#endif
}


static int is_ending (const serve_pool *p) {
  return __atomic_load_n(&p->ending, __ATOMIC_RELAXED);
}


int serve_pool_canceled (const serve_pool *p, const serve_job *job) {
  return is_ending(p) || hung_up(job->fd);
}


int serve_pool_post (serve_pool *p, serve_job *job) {
  int ok;
  job->next = NULL;
  pthread_mutex_lock(&p->lock);
  ok = !p->ending && p->waiting < SERVE_QUEUE_MAX;
  if (ok) {
    if (p->first == NULL)
      p->first = job;
    else
      p->last->next = job;
    p->last = job;
    p->waiting++;
    pthread_cond_signal(&p->work);
  }
  pthread_mutex_unlock(&p->lock);
  return ok;
}


/* The next job, waiting for one; NULL when the queue is empty and the pool
** is ending. */
static serve_job *take (serve_pool *p) {
  serve_job *job;
  pthread_mutex_lock(&p->lock);
  while (p->first == NULL && !p->ending)
    pthread_cond_wait(&p->work, &p->lock);
  job = p->first;
  if (job != NULL) {
    p->first = job->next;
    p->waiting--;
  }
  pthread_mutex_unlock(&p->lock);
  return job;
}


/* What is not worth starting gets its answer here. */
static int turn_away (const serve_pool *p, serve_job *job) {
  if (is_ending(p)) {
    serve_answer_detail(&job->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "runner_disconnected", "The server is ending");
    return 1;
  }
  if (hung_up(job->fd)) {
    serve_answer_detail(&job->answer, 499, "client_disconnected",
                        "Client disconnected");
    return 1;
  }
  if (job->start_by != 0 && fal_now() > job->start_by) {
    serve_answer_detail(&job->answer, MHD_HTTP_GATEWAY_TIMEOUT,
                        "request_timeout",
                        "No worker was free within the start timeout");
    serve_answer_header(&job->answer, "x-fal-request-timeout-type", "user");
    return 1;
  }
  return 0;
}


static void *work (void *ud) {
  worker *w = ud;
  serve_job *job;
  while ((job = take(w->pool)) != NULL) {
    if (!turn_away(w->pool, job))
      serve_state_run(w->state, job);
    job->done(job);  /* the job may be gone after this */
  }
  return NULL;
}


serve_pool *serve_pool_new (const char *files, int n, fal_error *err) {
  serve_pool *p = calloc(1, sizeof(*p) + (size_t)n * sizeof(worker));
  int i;
  if (p == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->work, NULL);
  p->n = n;
  for (i = 0; i < n; i++) {
    worker *w = &p->workers[i];
    w->pool = p;
    w->state = serve_state_new(p, files, err);
    if (w->state == NULL)
      break;
    if (pthread_create(&w->thread, NULL, work, w) != 0) {
      fal_fail(err, FAL_ENOMEM, "cannot start a thread");
      break;
    }
    p->started++;
  }
  if (p->started < n) {
    serve_pool_free(p);
    return NULL;
  }
  return p;
}


void serve_pool_free (serve_pool *p) {
  int i;
  if (p == NULL)
    return;
  pthread_mutex_lock(&p->lock);
  __atomic_store_n(&p->ending, 1, __ATOMIC_RELAXED);
  pthread_cond_broadcast(&p->work);
  pthread_mutex_unlock(&p->lock);
  for (i = 0; i < p->started; i++)
    pthread_join(p->workers[i].thread, NULL);
  for (i = 0; i < p->n; i++)
    serve_state_free(p->workers[i].state);
  pthread_cond_destroy(&p->work);
  pthread_mutex_destroy(&p->lock);
  free(p);
}
