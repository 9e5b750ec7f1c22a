/*
** guard.c -- hangs up on callers who send too slowly
**
** libmicrohttpd ends connections on which nothing moves. Somebody who sends a
** byte now and then keeps one for ever; so there are limits on the whole of a
** head, on the pause between two requests, and on the rate of a body. Callers
** who wait for us (a long poll, a feed, a model) have no limit here.
**
** libmicrohttpd's thread tells what happens; a thread of our own looks at all
** connections once a second and shuts down the sockets of those who are late,
** which libmicrohttpd then finds closed. Its descriptors are ours to touch
** only under the lock: it closes one after serve_caller_free.
*/
#include <stdlib.h>
#include <time.h>

#include "../core/fal.h"
#include "serve.h"

#define KEEP_SECONDS  75      /* from an answer to the next request's head */
#define BODY_RATE     1024    /* bytes a second that a body must come with */

struct serve_caller {
  serve_guard *guard;
  serve_caller *prev, *next;
  int fd;
  int fresh;             /* has sent no head yet */
  serve_phase phase;
  double since;          /* when the phase began */
  uint64_t sent;         /* bytes of body since then */
};

struct serve_guard {
  pthread_mutex_t lock;  /* guards all of it, callers too */
  pthread_cond_t end;
  pthread_t thread;
  int running, ending;
  double head_timeout, body_timeout;
  serve_caller *first;
};


static int is_late (const serve_guard *g, const serve_caller *c, double now) {
  double limit = 0;
  switch (c->phase) {
    case PHASE_HEAD: limit = c->fresh ? g->head_timeout : KEEP_SECONDS; break;
    case PHASE_BODY:
      limit = g->body_timeout + (double)c->sent / BODY_RATE;
      break;
    case PHASE_OURS: return 0;
  }
  return now - c->since > limit;
}


static void sweep (serve_guard *g) {
  double now = fal_now();
  serve_caller *c;
  for (c = g->first; c != NULL; c = c->next)
    if (is_late(g, c, now))
      shutdown(c->fd, SHUT_RDWR);
}


static void *look (void *ud) {
  serve_guard *g = ud;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  pthread_mutex_lock(&g->lock);
  while (!g->ending) {
    until.tv_sec++;
    if (pthread_cond_timedwait(&g->end, &g->lock, &until) != 0) {
      sweep(g);
      clock_gettime(CLOCK_REALTIME, &until);
    }
  }
  pthread_mutex_unlock(&g->lock);
  return NULL;
}


serve_guard *serve_guard_new (double head_timeout, double body_timeout) {
  serve_guard *g = calloc(1, sizeof(*g));
  if (g == NULL)
    return NULL;
  pthread_mutex_init(&g->lock, NULL);
  pthread_cond_init(&g->end, NULL);
  g->head_timeout = head_timeout;
  g->body_timeout = body_timeout;
  g->running = pthread_create(&g->thread, NULL, look, g) == 0;
  if (!g->running) {
    serve_guard_free(g);
    return NULL;
  }
  return g;
}


void serve_guard_free (serve_guard *g) {
  if (g == NULL)
    return;
  pthread_mutex_lock(&g->lock);
  g->ending = 1;
  pthread_cond_signal(&g->end);
  pthread_mutex_unlock(&g->lock);
  if (g->running)
    pthread_join(g->thread, NULL);
  while (g->first != NULL)
    serve_caller_free(g->first);
  pthread_cond_destroy(&g->end);
  pthread_mutex_destroy(&g->lock);
  free(g);
}


serve_caller *serve_caller_new (serve_guard *g, int fd) {
  serve_caller *c = calloc(1, sizeof(*c));
  if (c == NULL)
    return NULL;
  c->guard = g;
  c->fd = fd;
  c->fresh = 1;
  c->since = fal_now();
  pthread_mutex_lock(&g->lock);
  c->next = g->first;
  if (c->next != NULL)
    c->next->prev = c;
  g->first = c;
  pthread_mutex_unlock(&g->lock);
  return c;
}


void serve_caller_free (serve_caller *c) {
  serve_guard *g;
  if (c == NULL)
    return;
  g = c->guard;
  pthread_mutex_lock(&g->lock);
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    g->first = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  pthread_mutex_unlock(&g->lock);
  free(c);
}


void serve_caller_phase (serve_caller *c, serve_phase phase) {
  if (c == NULL)
    return;
  pthread_mutex_lock(&c->guard->lock);
  c->fresh = c->fresh && phase == PHASE_HEAD;
  c->phase = phase;
  c->since = fal_now();
  c->sent = 0;
  pthread_mutex_unlock(&c->guard->lock);
}


void serve_caller_sent (serve_caller *c, size_t n) {
  if (c == NULL)
    return;
  pthread_mutex_lock(&c->guard->lock);
  c->sent += n;
  pthread_mutex_unlock(&c->guard->lock);
}
