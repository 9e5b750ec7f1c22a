/*
** errand.c -- threads for what waits for the disk, and for what ends
**
** libmicrohttpd's thread writes bodies to files as they come, which is quick;
** flushing one to disk, or putting a large one together from its parts, is
** not. A request is suspended while another thread has it.
*/
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../core/fal.h"
#include "backlog.h"
#include "errand.h"
#include "keys.h"
#include "serve.h"
#include "storage.h"
#include "turn.h"

#define THREADS  2
#define TIDY_SECONDS   1      /* between looks for files that ended */
#define STALE_SECONDS  600    /* and for uploads given up */

struct serve_errands {
  falua_server *s;
  pthread_mutex_t lock;       /* guards what follows */
  pthread_cond_t work;
  serve_request *first, *last;
  int ending, started;
  pthread_t threads[THREADS];
  /* The first thread's. */
  double next_tidy, next_stale;   /* fal_now seconds */
  double next_end;                /* time(); 0: no file ends */
  struct timespec marked;         /* when a marker last came or went */
};


/* Files end at their time to a second; the folder of markers is read only
** when one is due or a new one came, perhaps from a worker. */
static void end_files (serve_errands *k) {
  char path[FILES_PATH];
  struct stat st;
  double now = (double)time(NULL);
  snprintf(path, sizeof(path), "%s/expires", k->s->data);
  if (stat(path, &st) != 0 ||
      ((k->next_end == 0 || now < k->next_end) &&
       st.st_mtim.tv_sec == k->marked.tv_sec &&
       st.st_mtim.tv_nsec == k->marked.tv_nsec))
    return;
  k->marked = st.st_mtim;
  if (now - (double)st.st_mtim.tv_sec < 2)
    k->marked.tv_sec = 0;  /* one that comes now may have the same time */
  k->next_end = files_expire(k->s->files, now);
}


static void tidy (serve_errands *k) {
  double now = fal_now();
  if (now < k->next_tidy)
    return;
  k->next_tidy = now + TIDY_SECONDS;
  end_files(k);
  if (serve_keys_refresh(k->s->keys))
    serve_backlog_room(__atomic_load_n(&k->s->backlog, __ATOMIC_ACQUIRE));
  if (now >= k->next_stale) {
    serve_storage_tidy(k->s);
    k->next_stale = now + STALE_SECONDS;
  }
}


/* Called with the lock: waits for work; a second at most when 'soon'. */
static void wait_for_work (serve_errands *k, int soon) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec++;
  while (k->first == NULL && !k->ending)
    if (!soon)
      pthread_cond_wait(&k->work, &k->lock);
    else if (pthread_cond_timedwait(&k->work, &k->lock, &until) != 0)
      break;
}


static void work (serve_errands *k, int first) {
  int ending = 0;
  while (!ending) {
    serve_request *r;
    pthread_mutex_lock(&k->lock);
    wait_for_work(k, first);
    r = k->first;
    if (r != NULL)
      k->first = r->next;
    ending = r == NULL && k->ending;
    pthread_mutex_unlock(&k->lock);
    if (r != NULL) {
      r->errand(r);
      serve_resume(r->s, r->mc);
    }
    if (first && !ending)
      tidy(k);
  }
}


static void *work_first (void *k) {
  work(k, 1);
  return NULL;
}


static void *work_other (void *k) {
  work(k, 0);
  return NULL;
}


serve_errands *serve_errands_new (falua_server *s, fal_error *err) {
  serve_errands *k = calloc(1, sizeof(*k));
  if (k == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  k->s = s;
  pthread_mutex_init(&k->lock, NULL);
  pthread_cond_init(&k->work, NULL);
  while (k->started < THREADS &&
         pthread_create(&k->threads[k->started], NULL,
                        k->started == 0 ? work_first : work_other, k) == 0)
    k->started++;
  if (k->started < THREADS) {
    fal_fail(err, FAL_ENOMEM, "cannot start a thread");
    serve_errands_free(k);  /* ends those that run */
    return NULL;
  }
  return k;
}


void serve_errands_end (serve_errands *k) {
  int i;
  if (k == NULL)
    return;
  pthread_mutex_lock(&k->lock);
  k->ending = 1;
  pthread_cond_broadcast(&k->work);
  pthread_mutex_unlock(&k->lock);
  for (i = 0; i < k->started; i++)
    pthread_join(k->threads[i], NULL);
  k->started = 0;
}


void serve_errands_free (serve_errands *k) {
  if (k == NULL)
    return;
  serve_errands_end(k);
  pthread_cond_destroy(&k->work);
  pthread_mutex_destroy(&k->lock);
  free(k);
}


void serve_errand_do (serve_request *r, void (*errand) (serve_request *r)) {
  serve_errands *k = r->s->errands;
  int ending;
  r->errand = errand;
  r->next = NULL;
  pthread_mutex_lock(&k->lock);
  ending = k->ending;
  if (!ending) {
    r->suspended = 1;
    MHD_suspend_connection(r->mc);  /* first: it may be done at once */
    if (k->first == NULL)
      k->first = r;
    else
      k->last->next = r;
    k->last = r;
    pthread_cond_signal(&k->work);
  }
  pthread_mutex_unlock(&k->lock);
  if (ending)
    serve_answer_detail(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "runner_scheduling_failure", "The server is ending");
}
