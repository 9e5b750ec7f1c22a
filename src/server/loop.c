/*
** loop.c -- the server's thread for what is not a request any more
*/
#include <pthread.h>
#include <stdlib.h>

#include "loop.h"

struct serve_loop {
  fal_engine *engine;
  pthread_t thread;
  int started;
  pthread_mutex_t lock;      /* guards what follows */
  serve_task *first, *last;  /* posted */
  int ending;
};


/* Takes a task to run, or NULL; '*ending' when there will be no more. */
static serve_task *take (serve_loop *l, int *ending) {
  serve_task *task;
  pthread_mutex_lock(&l->lock);
  task = l->first;
  if (task != NULL) {
    l->first = task->next;
    task->posted = 0;
  }
  *ending = l->ending;
  pthread_mutex_unlock(&l->lock);
  return task;
}


static void *loop (void *ud) {
  serve_loop *l = ud;
  for (;;) {
    serve_task *task;
    int ending;
    while ((task = take(l, &ending)) != NULL)
      task->run(task);
    if (ending)
      return NULL;
    fal_engine_step(l->engine, -1);
  }
}


serve_loop *serve_loop_new (fal_error *err) {
  serve_loop *l = calloc(1, sizeof(*l));
  if (l == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&l->lock, NULL);
  l->engine = fal_engine_new(NULL, err);
  if (l->engine != NULL) {
    l->started = pthread_create(&l->thread, NULL, loop, l) == 0;
    if (l->started)
      return l;
    fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  }
  serve_loop_free(l);
  return NULL;
}


void serve_loop_free (serve_loop *l) {
  if (l == NULL)
    return;
  if (l->started) {
    pthread_mutex_lock(&l->lock);
    l->ending = 1;
    pthread_mutex_unlock(&l->lock);
    fal_engine_wake(l->engine);
    pthread_join(l->thread, NULL);
  }
  fal_engine_free(l->engine);
  pthread_mutex_destroy(&l->lock);
  free(l);
}


void serve_loop_post (serve_loop *l, serve_task *task) {
  pthread_mutex_lock(&l->lock);
  if (!task->posted) {
    task->posted = 1;
    task->next = NULL;
    if (l->first == NULL)
      l->first = task;
    else
      l->last->next = task;
    l->last = task;
  }
  fal_engine_wake(l->engine);
  pthread_mutex_unlock(&l->lock);
}


fal_engine *serve_loop_engine (serve_loop *l) {
  return l->engine;
}
