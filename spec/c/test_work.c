/*
** test_work.c -- works on other threads: their ends, and every early end
*/
#include <pthread.h>
#include <dirent.h>
#include <stdlib.h>

#include "../../src/core/work.h"
#include "test.h"

typedef struct Sum {
  fal_work work;
  int a, b, sum;
  pthread_mutex_t *gate;    /* it waits until that is open, or NULL */
  int *started, *freed;     /* counted; 'started' under the gate's lock */
} Sum;

static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t counted = PTHREAD_COND_INITIALIZER;


static void sum_run (fal_work *w) {
  Sum *s = (Sum *)w;
  pthread_mutex_lock(&counting);
  ++*s->started;
  pthread_cond_broadcast(&counted);
  pthread_mutex_unlock(&counting);
  if (s->gate != NULL) {
    pthread_mutex_lock(s->gate);
    pthread_mutex_unlock(s->gate);
  }
  s->sum = s->a + s->b;
}


static void sum_free (fal_work *w) {
  ++*((Sum *)w)->freed;
  free(w);
}


static Sum *new_sum (int a, int b, pthread_mutex_t *gate, int *started,
                     int *freed) {
  Sum *s = calloc(1, sizeof(*s));
  if (s == NULL)
    abort();
  fal_work_init(&s->work, sum_run, sum_free);
  s->a = a;
  s->b = b;
  s->gate = gate;
  s->started = started;
  s->freed = freed;
  return s;
}


/* Waits until so many have begun to run. */
static void wait_started (const int *started, int n) {
  pthread_mutex_lock(&counting);
  while (*started < n)
    pthread_cond_wait(&counted, &counting);
  pthread_mutex_unlock(&counting);
}


static int count_threads (void) {
  DIR *d = opendir("/proc/self/task");
  int n = 0;
  if (d == NULL)
    return -1;
  while (readdir(d) != NULL)
    n++;
  closedir(d);
  return n - 2;
}


static fal_engine *new_engine (fal_pollset_kind kind) {
  fal_engine_options opt;
  memset(&opt, 0, sizeof(opt));
  opt.pollset = kind;
  return fal_engine_new(&opt, NULL);
}


static void test_many (fal_pollset_kind kind) {
  enum { N = 200 };
  fal_engine *e = new_engine(kind);
  Sum *s[N];
  fal_op *op[N];
  int i, started = 0, freed = 0, done = 0;
  static int before = -2;
  if (before == -2)
    before = count_threads();
  CHECK("no thread yet", count_threads() == before);
  for (i = 0; i < N; i++) {
    s[i] = new_sum(i, 2 * i, NULL, &started, &freed);
    op[i] = fal_work_start(e, &s[i]->work, NULL);
    CHECK("start", op[i] != NULL);
  }
  CHECK("pending", fal_engine_pending(e) == N);
  CHECK("a few threads", count_threads() <= before + 4);
  while (done < N) {
    fal_op *next;
    fal_engine_step(e, -1);
    while ((next = fal_engine_next(e)) != NULL) {
      CHECK("done", fal_op_done(next));
      CHECK("well", fal_op_failed(next, NULL) == FAL_OK);
      done++;
    }
  }
  CHECK("none pending", fal_engine_pending(e) == 0);
  for (i = 0; i < N; i++) {
    CHECK("the sum", s[i]->sum == 3 * i);
    fal_op_free(op[i]);
    CHECK("still mine", freed == i);
    fal_work_release(&s[i]->work);
  }
  CHECK("all freed", freed == N);
  fal_engine_free(e);
}


/* Cancels works that run and works that wait for a thread. */
static void test_cancel (void) {
  enum { N = 30 };
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  fal_engine *e = new_engine(FAL_POLLSET_BEST);
  fal_op *op[N];
  int i, started = 0, freed = 0, ran;
  pthread_mutex_lock(&gate);
  for (i = 0; i < N; i++) {
    Sum *s = new_sum(1, 1, &gate, &started, &freed);
    op[i] = fal_work_start(e, &s->work, NULL);
    fal_work_release(&s->work);
  }
  wait_started(&started, 1);
  fal_op_cancel(op[N - 1]);
  CHECK("a waiting one is freed at once", freed == 1);
  fal_op_cancel(op[0]);
  CHECK("a running one is not", freed == 1 && fal_op_done(op[0]));
  CHECK("canceled", fal_op_failed(op[0], NULL) == FAL_ECANCELED);
  for (i = 0; i < N; i++)
    fal_op_free(op[i]);
  CHECK("none pending", fal_engine_pending(e) == 0);
  ran = N - freed;
  CHECK("only those with a thread are left", ran >= 1 && ran <= 4);
  pthread_mutex_unlock(&gate);
  while (freed < N)
    fal_engine_step(e, 10);
  CHECK("those ran", started == ran);
  {  /* and the pool goes on */
    Sum *s = new_sum(20, 22, NULL, &started, &freed);
    fal_op *last = fal_work_start(e, &s->work, NULL);
    while (!fal_op_done(last))
      fal_engine_step(e, -1);
    CHECK("after them", s->sum == 42);
    fal_op_free(last);
    fal_work_release(&s->work);
  }
  fal_engine_free(e);
  CHECK("all freed", freed == N + 1);
}


/* Frees the engine before its works, its operations after it. */
static void test_engine_free (void) {
  enum { N = 20 };
  fal_engine *e = new_engine(FAL_POLLSET_BEST);
  fal_op *op[N];
  int i, started = 0, freed = 0;
  for (i = 0; i < N; i++) {
    Sum *s = new_sum(1, 1, NULL, &started, &freed);
    op[i] = fal_work_start(e, &s->work, NULL);
    fal_work_release(&s->work);
  }
  wait_started(&started, 1);
  fal_engine_free(e);
  CHECK("all freed", freed == N);
  for (i = 0; i < N; i++) {
    CHECK("done", fal_op_done(op[i]));
    fal_op_free(op[i]);
  }
}


int main (void) {
  fal_work_release(NULL);
  test_many(FAL_POLLSET_BEST);
  test_many(FAL_POLLSET_POLL);
  test_cancel();
  test_engine_free();
  return TEST_END("work");
}
