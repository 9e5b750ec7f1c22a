/*
** keeper.c -- looks after jobs and workers that take too long
**
** It sleeps while nothing runs, and else wakes fifty times a second.
*/
#include <signal.h>
#include <string.h>
#include <time.h>

#include "../core/fal.h"
#include "pool.h"
#include "serve.h"

#define TICK        20000000   /* nanoseconds */
#define LEFT_AFTER  0.05       /* before it is looked whether callers left */
#define LOAD_MAX    10.0       /* that loading a file may take */
#define CANCEL_MAX  5.0        /* to end by itself when canceled */
#define STOP_MAX    1.0        /* to end when stopped */
#define STARVED     0.2        /* of waiting before there is one more worker */
#define IDLE_MAX    10.0       /* that a worker too many is kept */


static void look_at (runner *r, double now) {
  runner_slot *s = &r->slots[r->order[0]];
  serve_job *job = s->job;
  double took = now - s->began;
  if (r->n > 1 && took > RUNNER_AHEAD_MAX)
    runner_take_back(r);
  if (s->canceled == 0 && took > LEFT_AFTER && serve_hung_up(job->fd)) {
    job->canceled = 1;
    runner_cancel(r, job);
  }
  if (s->stopped != 0) {
    if (now - s->stopped > STOP_MAX)
      kill(-r->process.pid, SIGKILL);
  }
  else if (took > (job->ep != NULL ? job->ep->time : LOAD_MAX))
    runner_stop(r, STOP_TIME, now);
  else if (s->canceled != 0 && now - s->canceled > CANCEL_MAX)
    runner_stop(r, STOP_CANCELED, now);
}


/* Who waits although its endpoint hardly runs gets a worker more. One at a
** time: while one starts, the others may have found theirs. */
static void help_starved (serve_pool *p, double now) {
  const serve_job *job;
  int i;
  for (i = 0; i < p->top; i++)
    if (p->runners[i].state == RUNNER_STARTING)
      return;
  for (job = p->first; job != NULL; job = job->next)
    if (now - job->posted > STARVED &&
        (job->ep != NULL ? job->ep->file->state == FILE_GOOD &&
                           pool_deserves_more(p, job->ep)
         : job->kind == (serve_kind)LINK_LOAD &&
           p->started < p->opt.workers + POOL_EXTRA)) {
      pool_grow(p);
      return;
    }
}


/* Workers beyond the usual number go when they have nothing to do. */
static void retire (serve_pool *p, double now) {
  int i;
  for (i = p->top - 1; i >= 0; i--) {
    runner *r = &p->runners[i];
    if (p->started > p->opt.workers && r->state == RUNNER_OPEN && r->n == 0 &&
        now - r->idle_since > IDLE_MAX) {
      runner_close(r);
      return;
    }
  }
}


static void look_around (serve_pool *p, serve_job **done) {
  double now = fal_now();
  int i;
  for (i = 0; i < p->top; i++)
    if (p->runners[i].state == RUNNER_OPEN && p->runners[i].n > 0)
      look_at(&p->runners[i], now);
  if (p->waiting > 0) {
    pool_refresh(p);
    pool_turn_away(p, done);
    help_starved(p, now);
    pool_dispatch(p, done);
  }
  if (p->started > p->opt.workers)
    retire(p, now);
}


static void wait_tick (serve_pool *p) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += TICK;
  if (t.tv_nsec >= 1000000000) {
    t.tv_nsec -= 1000000000;
    t.tv_sec++;
  }
  pthread_cond_timedwait(&p->keep, &p->lock, &t);
}


void *keeper_main (void *ud) {
  serve_pool *p = ud;
  pthread_mutex_lock(&p->lock);
  while (!p->ending) {
    serve_job *done = NULL;
    look_around(p, &done);
    if (done != NULL) {
      pthread_mutex_unlock(&p->lock);
      pool_finish(p, done);
      pool_tell_room(p);
      pthread_mutex_lock(&p->lock);
    }
    else if (p->busy > 0 || p->waiting > 0 || p->started > p->opt.workers)
      wait_tick(p);
    else {
      p->keeper_sleeps = 1;
      pthread_cond_wait(&p->keep, &p->lock);
    }
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}
