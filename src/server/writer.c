/*
** writer.c -- the thread that changes the store, a group at a time
**
** Between groups it renews the leases of this process and does what time has
** made due: leases of others that are over, start timeouts, results past
** their time.
*/
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "serve.h"
#include "writer.h"

#define GROUP_MAX   1000   /* changes in one group */
#define PACE        2000   /* changes waiting, from which producers wait */
#define TEND_EVERY  20.0   /* seconds at most between two looks at the time */
#define TEND_LEAST  0.05

struct serve_writer {
  store *s;
  char worker[STORE_ID];
  void (*committed) (void *ud, const serve_news *news);
  void *ud;
  fal_buf touched;         /* ids, a NUL after each */
  fal_buf settled;         /* store_settled, one after the other */
  double tend_at;
  int recovered;           /* the leases of another life are given back */
  pthread_t thread;
  pthread_mutex_t lock;    /* guards what follows */
  pthread_cond_t work;     /* a change has come, or the end */
  pthread_cond_t pace;     /* there are few again */
  serve_change *first, *last;
  int n;                   /* how many wait */
  serve_change *later;     /* and from 'later_at' on */
  double later_at;
  int ending;
};


double serve_wall_clock (void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


/* With the lock. */
static void append (serve_writer *w, serve_change *c) {
  c->next = NULL;
  if (w->first == NULL)
    w->first = c;
  else
    w->last->next = c;
  w->last = c;
  if (w->n++ == 0)
    pthread_cond_signal(&w->work);
}


static void on_changed (void *ud, const char *id) {
  serve_writer *w = ud;
  fal_buf_add(&w->touched, id, strlen(id) + 1);
}


static void on_settled (void *ud, const store_settled *what) {
  serve_writer *w = ud;
  fal_buf_add(&w->settled, what, sizeof(*what));
}


/* What a group that was undone had changed. */
static void forget (serve_writer *w) {
  w->touched.n = w->settled.n = 0;
}


static int is_bad (store_code code) {
  return code == STORE_FULL || code == STORE_FAIL;
}


/*
** {======================================================
** Groups
** =======================================================
*/

/* With the lock. */
static void add_later (serve_writer *w) {
  while (w->later != NULL) {
    serve_change *c = w->later;
    w->later = c->next;
    append(w, c);
  }
}


/* Waits for work, with the lock: a change, the end, or time to do something. */
static void wait_for_work (serve_writer *w) {
  for (;;) {
    double now = serve_wall_clock(), at = w->tend_at;
    struct timespec until;
    if (w->later != NULL && (w->ending || now >= w->later_at))
      add_later(w);
    if (w->first != NULL || w->ending || now >= at)
      return;
    if (w->later != NULL && w->later_at < at)
      at = w->later_at;
    until.tv_sec = (time_t)at;
    until.tv_nsec = (long)((at - (double)until.tv_sec) * 1e9);
    pthread_cond_timedwait(&w->work, &w->lock, &until);
  }
}


/* The changes that wait, as many as make a group; NULL when none came before
** it was time to tend, or the end. */
static serve_change *take (serve_writer *w, int *end) {
  serve_change *c, *last;
  int n = 1;
  pthread_mutex_lock(&w->lock);
  wait_for_work(w);
  c = last = w->first;
  while (last != NULL && last->next != NULL && n < GROUP_MAX) {
    last = last->next;
    n++;
  }
  if (last != NULL) {
    w->first = last->next;
    last->next = NULL;
    w->n -= n;
    pthread_cond_broadcast(&w->pace);
  }
  *end = c == NULL && w->ending;
  pthread_mutex_unlock(&w->lock);
  return c;
}


static store_code tend (serve_writer *w, double now) {
  double next = 0;
  store_code code = w->s->cls->renew(w->s, now, w->worker,
                                     now + WRITER_LEASE);
  if (!is_bad(code))
    code = w->s->cls->tend(w->s, now, !w->recovered, &next);
  if (is_bad(code))
    return code;
  if (next == 0 || next > now + TEND_EVERY)
    next = now + TEND_EVERY;
  w->tend_at = next > now + TEND_LEAST ? next : now + TEND_LEAST;
  return STORE_OK;
}


/* Tells who watches. */
static void tell (serve_writer *w) {
  serve_news news;
  news.ids = w->touched.s;
  news.ids_n = w->touched.n;
  news.settled = (const store_settled *)(void *)w->settled.s;
  news.settled_n = w->settled.n / sizeof(store_settled);
  if (w->committed != NULL)
    w->committed(w->ud, &news);
  forget(w);
}


static store_code tend_alone (serve_writer *w, double now) {
  store *s = w->s;
  store_code code = s->cls->begin(s);
  if (code == STORE_OK) {
    code = tend(w, now);
    if (!is_bad(code))
      code = s->cls->commit(s);
    else
      s->cls->rollback(s);
  }
  if (code == STORE_OK)
    tell(w);
  else {
    serve_log("queue: %s", s->err.message);
    forget(w);
    w->tend_at = now + 1;
  }
  return code;
}


/* All of them in one transaction, their codes to 'codes'. */
static store_code try_group (serve_writer *w, serve_change *c,
                             store_code *codes) {
  store *s = w->s;
  double now = serve_wall_clock();
  store_code code = s->cls->begin(s);
  if (code != STORE_OK)
    return code;
  for (; c != NULL && !is_bad(code); c = c->next)
    code = *codes++ = c->apply(c, s, now);
  if (!is_bad(code))
    return s->cls->commit(s);
  s->cls->rollback(s);
  return code;
}


static void finish (serve_change *c, const store_code *codes) {
  while (c != NULL) {
    serve_change *next = c->next;
    c->next = NULL;
    c->done(c, *codes++);
    c = next;
  }
}


/* One that failed spoils the group: then each is done alone. */
static void one_by_one (serve_writer *w, serve_change *c) {
  while (c != NULL) {
    serve_change *next = c->next;
    store_code code = STORE_FAIL, failed;
    c->next = NULL;
    forget(w);
    failed = try_group(w, c, &code);
    if (is_bad(failed)) {
      serve_log("queue: %s", w->s->err.message);
      code = failed;
    }
    else if (w->touched.n > 0)
      tell(w);
    c->done(c, code);
    c = next;
  }
  forget(w);
}


/* What changed may matter sooner than was thought. */
static void set_alarm (serve_writer *w) {
  double least = serve_wall_clock() + TEND_LEAST;
  if (w->s->due > 0 && w->s->due < w->tend_at)
    w->tend_at = w->s->due > least ? w->s->due : least;
}


static void do_group (serve_writer *w, serve_change *c) {
  store_code codes[GROUP_MAX];
  if (is_bad(try_group(w, c, codes)))
    one_by_one(w, c);
  else {
    if (w->touched.n > 0)  /* claims that found nothing are no news */
      tell(w);
    finish(c, codes);
  }
  set_alarm(w);
}


static void *writer_main (void *ud) {
  serve_writer *w = ud;
  int end = 0;
  while (!w->recovered && tend_alone(w, serve_wall_clock()) != STORE_OK)
    w->recovered = 1;  /* its leases run out by themselves */
  w->recovered = 1;
  while (!end) {
    serve_change *c = take(w, &end);
    double now = serve_wall_clock();
    if (c != NULL)
      do_group(w, c);
    if (now >= w->tend_at)
      tend_alone(w, now);
  }
  return NULL;
}

/* }====================================================== */


serve_writer *serve_writer_new (store *s, const char *worker,
                                void (*committed) (void *ud,
                                                   const serve_news *news),
                                void *ud, fal_error *err) {
  serve_writer *w = calloc(1, sizeof(*w));
  if (w != NULL) {
    w->s = s;
    snprintf(w->worker, sizeof(w->worker), "%s", worker);
    w->committed = committed;
    w->ud = ud;
    fal_buf_init(&w->touched, 64u << 20);
    fal_buf_init(&w->settled, 64u << 20);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->pace, NULL);
    s->changed = on_changed;
    s->settled = on_settled;
    s->ud = w;
    if (pthread_create(&w->thread, NULL, writer_main, w) == 0)
      return w;
    free(w);
  }
  s->cls->close(s);
  fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  return NULL;
}


void serve_writer_post (serve_writer *w, serve_change *c) {
  pthread_mutex_lock(&w->lock);
  append(w, c);
  pthread_mutex_unlock(&w->lock);
}


void serve_writer_post_paced (serve_writer *w, serve_change *c) {
  pthread_mutex_lock(&w->lock);
  while (w->n >= PACE)
    pthread_cond_wait(&w->pace, &w->lock);
  append(w, c);
  pthread_mutex_unlock(&w->lock);
}


void serve_writer_post_later (serve_writer *w, serve_change *c) {
  pthread_mutex_lock(&w->lock);
  if (w->later == NULL)
    w->later_at = serve_wall_clock() + 1;
  c->next = w->later;
  w->later = c;
  pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
}


void serve_writer_free (serve_writer *w) {
  if (w == NULL)
    return;
  pthread_mutex_lock(&w->lock);
  w->ending = 1;
  pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
  pthread_join(w->thread, NULL);
  w->s->cls->close(w->s);
  fal_buf_free(&w->touched);
  fal_buf_free(&w->settled);
  pthread_cond_destroy(&w->pace);
  pthread_cond_destroy(&w->work);
  pthread_mutex_destroy(&w->lock);
  free(w);
}
