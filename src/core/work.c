/*
** work.c -- a small pool of threads behind an engine
**
** Two lists under one lock: works to do, works done. A thread that is done
** wakes the engine's pollset; the engine then takes the list of what is done.
** References and operations are the engine's thread's alone.
*/
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"
#include "work.h"

#define MOST  4   /* threads of one engine */

typedef struct WorkOp {
  fal_op op;
  fal_work *work;           /* NULL once it is done */
} WorkOp;

struct fal_workers {
  pthread_mutex_t lock;     /* guards what follows, and 'taken' of works */
  pthread_cond_t some;      /* something to do, or to stop for */
  fal_work *todo, *last;
  fal_work *done;
  int idle, stop;
  int n, most;              /* threads; the engine's alone, as the next two */
  pthread_t thread[MOST];
  fal_pollset *ps;
};


void fal_work_init (fal_work *w, void (*run) (fal_work *w),
                    void (*free_it) (fal_work *w)) {
  w->run = run;
  w->free = free_it;
  w->refs = 1;
  w->taken = 0;
  w->op = NULL;
  w->next = NULL;
}


void fal_work_release (fal_work *w) {
  if (w != NULL && --w->refs == 0)
    w->free(w);
}


/* ---- the threads ---- */

static fal_work *next_work (fal_workers *p) {
  fal_work *w;
  p->idle++;
  while (p->todo == NULL && !p->stop)
    pthread_cond_wait(&p->some, &p->lock);
  p->idle--;
  if (p->stop)
    return NULL;
  w = p->todo;
  p->todo = w->next;
  w->taken = 1;
  return w;
}


static void *work (void *ud) {
  fal_workers *p = ud;
  fal_work *w;
  pthread_mutex_lock(&p->lock);
  while ((w = next_work(p)) != NULL) {
    pthread_mutex_unlock(&p->lock);
    w->run(w);
    pthread_mutex_lock(&p->lock);
    w->next = p->done;
    p->done = w;
    fal_pollset_wake(p->ps);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}


static int add_thread (fal_workers *p) {
  sigset_t all, before;
  int code;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  code = pthread_create(&p->thread[p->n], NULL, work, p);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code == 0)
    p->n++;
  return code;
}


/* ---- the engine's side ---- */

static fal_workers *new_workers (fal_pollset *ps) {
  fal_workers *p = calloc(1, sizeof(*p));
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  if (p == NULL)
    return NULL;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->some, NULL);
  p->most = cpus < 1 ? 1 : cpus > MOST ? MOST : (int)cpus;
  p->ps = ps;
  return p;
}


/* Queues a work; 0 when there is no thread that could ever do it. */
static int add_work (fal_workers *p, fal_work *w) {
  int busy;
  pthread_mutex_lock(&p->lock);
  busy = p->todo != NULL || p->idle == 0;
  pthread_mutex_unlock(&p->lock);
  if (busy && p->n < p->most && add_thread(p) != 0 && p->n == 0)
    return 0;
  pthread_mutex_lock(&p->lock);
  w->next = NULL;
  if (p->todo == NULL)
    p->todo = w;
  else
    p->last->next = w;
  p->last = w;
  pthread_cond_signal(&p->some);
  pthread_mutex_unlock(&p->lock);
  return 1;
}


/* Takes a work that no thread has out of the queue: 1, or 0 when one has. */
static int take_back (fal_workers *p, fal_work *w) {
  fal_work **link = &p->todo, *before = NULL;
  int mine;
  pthread_mutex_lock(&p->lock);
  mine = !w->taken;
  if (mine) {
    while (*link != w) {
      before = *link;
      link = &before->next;
    }
    *link = w->next;
    if (p->last == w)
      p->last = before;
  }
  pthread_mutex_unlock(&p->lock);
  return mine;
}


void fal_workers_collect (fal_workers *p) {
  fal_work *w, *next;
  if (p == NULL)
    return;
  pthread_mutex_lock(&p->lock);
  w = p->done;
  p->done = NULL;
  pthread_mutex_unlock(&p->lock);
  for (; w != NULL; w = next) {
    next = w->next;
    if (w->op != NULL) {
      ((WorkOp *)w->op)->work = NULL;
      fal_op_finish(w->op);
      w->op = NULL;
    }
    fal_work_release(w);
  }
}


void fal_workers_free (fal_workers *p) {
  if (p == NULL)
    return;
  pthread_mutex_lock(&p->lock);
  p->stop = 1;
  pthread_cond_broadcast(&p->some);
  pthread_mutex_unlock(&p->lock);
  while (p->n > 0)
    pthread_join(p->thread[--p->n], NULL);
  fal_workers_collect(p);  /* their operations are canceled: none is left */
  pthread_cond_destroy(&p->some);
  pthread_mutex_destroy(&p->lock);
  free(p);
}


static void work_clear (fal_op *op) {
  fal_work *w = ((WorkOp *)op)->work;
  if (w != NULL) {
    ((WorkOp *)op)->work = NULL;
    w->op = NULL;
    if (take_back(op->engine->workers, w))
      fal_work_release(w);
  }
}


fal_op *fal_work_start (fal_engine *e, fal_work *w, fal_error *err) {
  static const fal_op_class work_class = { "work", NULL, fal_op_finish,
                                           work_clear };
  WorkOp *op;
  if (e->workers == NULL && (e->workers = new_workers(e->ps)) == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  op = fal_op_new(e, NULL, sizeof(*op), &work_class, 0, err);
  if (op == NULL)
    return NULL;
  if (!add_work(e->workers, w)) {
    fal_op_free(&op->op);
    fal_fail(err, FAL_ENOMEM, "no thread can be made");
    return NULL;
  }
  op->work = w;
  w->op = &op->op;
  w->refs++;
  return &op->op;
}
