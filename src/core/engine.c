/*
** engine.c -- one loop for all operations: curl's sockets and deadlines
**
** curl says through two callbacks which sockets and which moment it waits
** for. They only note it. The moment is kept in a variable; the pollset's
** timer is armed once, at the end of a step or of a start, and only when
** somebody else's loop watches our descriptor.
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"


/*
** {======================================================
** Heap of alarms
** =======================================================
*/

static void put (fal_engine *e, size_t i, fal_alarm *a) {
  e->heap[i] = a;
  a->place = i;
}


static void sift (fal_engine *e, size_t i) {
  fal_alarm *a = e->heap[i];
  size_t k;
  for (; i > 1 && a->due < e->heap[i / 2]->due; i /= 2)
    put(e, i, e->heap[i / 2]);
  for (; (k = 2 * i) <= e->nheap; i = k) {
    if (k < e->nheap && e->heap[k + 1]->due < e->heap[k]->due)
      k++;
    if (a->due <= e->heap[k]->due)
      break;
    put(e, i, e->heap[k]);
  }
  put(e, i, a);
}


static void unplace (fal_engine *e, fal_alarm *a) {
  size_t i = a->place;
  if (i != 0) {
    fal_alarm *last = e->heap[e->nheap--];
    a->place = 0;
    if (last != a) {
      put(e, i, last);
      sift(e, i);
    }
  }
}


static int place (fal_engine *e, fal_alarm *a) {
  if (e->nheap + 1 >= e->capheap) {
    size_t cap = e->capheap == 0 ? 64 : e->capheap * 2;
    fal_alarm **h = realloc(e->heap, cap * sizeof(*h));
    if (h == NULL)
      return -1;
    e->heap = h;
    e->capheap = cap;
  }
  put(e, ++e->nheap, a);
  sift(e, e->nheap);
  return 0;
}

/* }====================================================== */


/* The moment the engine has to be stepped at the latest; 0: none. */
static double next_due (const fal_engine *e) {
  double due = e->curl_due;
  if (e->nheap > 0 && (due == 0 || e->heap[1]->due < due))
    due = e->heap[1]->due;
  return e->ready_head != NULL ? 1 : due;
}


void fal_engine_arm (fal_engine *e) {
  if (e->watched && !e->running)
    fal_pollset_timer(e->ps, next_due(e));
}


/*
** {======================================================
** libcurl's wishes
** =======================================================
*/

static int on_socket (CURL *easy, curl_socket_t fd, int what, void *ud,
                      void *known) {
  fal_engine *e = ud;
  int want = what == CURL_POLL_REMOVE ? 0
    : (what & CURL_POLL_IN ? FAL_POLL_IN : 0) |
      (what & CURL_POLL_OUT ? FAL_POLL_OUT : 0);
  (void)easy;
  (void)known;
  return fal_pollset_set(e->ps, (int)fd, want) == FAL_OK ? 0 : -1;
}


static int on_timer (CURLM *multi, long ms, void *ud) {
  fal_engine *e = ud;
  (void)multi;
  e->curl_due = ms < 0 ? 0 : ms == 0 ? 1 : fal_now() + (double)ms / 1000;
  fal_engine_arm(e);   /* a call begun between two steps */
  return 0;
}

/* }====================================================== */


int fal_alarm_set (fal_engine *e, fal_alarm *a, double due) {
  unplace(e, a);
  a->due = due;
  if (due > 0 && place(e, a) != 0)
    return -1;
  fal_engine_arm(e);
  return 0;
}


fal_engine *fal_engine_new (const fal_engine_options *opt, fal_error *err) {
  fal_engine *e;
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    fal_fail(err, FAL_ENOMEM, "libcurl cannot start");
    return NULL;
  }
  e = calloc(1, sizeof(*e));
  if (e == NULL || (e->multi = curl_multi_init()) == NULL) {
    free(e);
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  e->random = (uint64_t)(fal_now() * 1e9) ^ (uint64_t)(uintptr_t)e ^ 0x9E3779B97F4A7C15u;
  if (e->random == 0)
    e->random = 1;
  e->ps = fal_pollset_new(opt != NULL ? opt->pollset : FAL_POLLSET_BEST, err);
  if (e->ps == NULL) {
    curl_multi_cleanup(e->multi);
    free(e);
    return NULL;
  }
  curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
  curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
  curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, 1024L);
  fal_engine_set_max_connections(e, opt != NULL ? opt->max_connections : 0);
  return e;
}


/* Lets what was detached (cancellations) get out, two seconds at most. */
static void say_goodbye (fal_engine *e) {
  double until = fal_now() + 2;
  for (;;) {
    const fal_op *op = e->ops;
    while (op != NULL && (op->done || !op->detached))
      op = op->next;
    if (op == NULL || fal_now() >= until)
      break;
    e->ready_head = e->ready_tail = NULL;  /* nobody takes them any more */
    fal_engine_step(e, until - fal_now());
  }
}


void fal_engine_free (fal_engine *e) {
  fal_op *op;
  if (e == NULL)
    return;
  for (op = e->ops; op != NULL; op = op->next)
    if (!op->detached)
      fal_op_cancel(op);  /* which may detach another one */
  say_goodbye(e);
  for (op = e->ops; op != NULL; op = op->next)
    fal_op_cancel(op);
  fal_workers_free(e->workers);
  while ((op = e->ops) != NULL) {
    e->ops = op->next;
    op->engine = NULL;
    if (op->detached)
      fal_op_free(op);
  }
  while ((op = e->spare) != NULL) {
    e->spare = op->next;
    free(op);
  }
  fal_transfer_pool_free(e);
  curl_multi_cleanup(e->multi);
  fal_pollset_free(e->ps);
  free(e->heap);
  free(e->watches);
  free(e);
}


void fal_engine_set_max_connections (fal_engine *e, int n) {
  e->max_connections = n;
  e->capped = n > 0;
  curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)n);
}


int fal_engine_pollfd (fal_engine *e) {
  e->watched = 1;
  fal_engine_arm(e);
  return fal_pollset_fd(e->ps);
}


double fal_engine_timeout (const fal_engine *e) {
  double due = next_due(e), left;
  if (due == 0)
    return -1;
  left = due - fal_now();
  return left > 0 ? left : 0;
}


/*
** Until a TLS server has shown which HTTP it speaks, a burst of calls may
** open only a few connections: with HTTP/2 they will share them. The first
** answer in HTTP/1.1 lifts the limit.
*/
static void learn_protocol (fal_engine *e, CURL *easy) {
  long version = 0;
  if (!e->capped || e->max_connections != 0)
    return;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  if (version != 0 && version < CURL_HTTP_VERSION_2_0) {
    e->seen_h1 = 1;
    e->capped = 0;
    curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 0L);
  }
}


static void collect (fal_engine *e) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(e->multi, &left)) != NULL) {
    if (m->msg == CURLMSG_DONE) {
      fal_transfer *t = NULL;
      CURLcode result = m->data.result;
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
      learn_protocol(e, m->easy_handle);
      t->result = result;
      curl_multi_remove_handle(e->multi, t->easy);
      t->active = 0;
      t->op->cls->transferred(t->op, t);
    }
  }
}


static void ring (fal_engine *e) {
  double now;
  if (e->nheap == 0)
    return;
  now = fal_now();
  while (e->nheap > 0 && e->heap[1]->due <= now) {
    fal_alarm *a = e->heap[1];
    unplace(e, a);
    a->ring(a);
  }
}


void fal_engine_tick (fal_engine *e) {
  int running;
  if (e->curl_due != 0 && (e->curl_due == 1 || e->curl_due <= fal_now())) {
    e->curl_due = 0;
    curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}


fal_code fal_watch_set (fal_engine *e, fal_watch *w, int fd, int want) {
  fal_code code;
  if (fd >= e->nwatches) {
    int n = fd + 64;
    fal_watch **list = realloc(e->watches, (size_t)n * sizeof(*list));
    if (list == NULL)
      return FAL_ENOMEM;
    memset(list + e->nwatches, 0, (size_t)(n - e->nwatches) * sizeof(*list));
    e->watches = list;
    e->nwatches = n;
  }
  code = fal_pollset_set(e->ps, fd, want);
  e->watches[fd] = want != 0 && code == FAL_OK ? w : NULL;
  return code;
}


/* A socket is ready: a watch's, or curl's. */
static void dispatch (fal_engine *e, int fd, int got) {
  fal_watch *w = fd < e->nwatches ? e->watches[fd] : NULL;
  int running;
  if (w != NULL)
    w->ready(w, fd, got);
  else
    curl_multi_socket_action(e->multi, fd,
      (got & FAL_POLL_IN ? CURL_CSELECT_IN : 0) |
      (got & FAL_POLL_OUT ? CURL_CSELECT_OUT : 0), &running);
}


void fal_engine_step (fal_engine *e, double seconds) {
  int fd, got;
  double due;
  e->running = 1;
  fal_engine_tick(e);
  collect(e);
  due = next_due(e);
  if (due != 0) {
    double left = due == 1 ? 0 : due - fal_now();
    if (left < 0)
      left = 0;
    if (seconds < 0 || left < seconds)
      seconds = left;
  }
  fal_pollset_wait(e->ps, seconds);
  while (fal_pollset_next(e->ps, &fd, &got))
    dispatch(e, fd, got);
  fal_workers_collect(e->workers);
  fal_engine_tick(e);
  collect(e);
  ring(e);
  e->running = 0;
  fal_engine_arm(e);
}


void fal_engine_wake (fal_engine *e) {
  fal_pollset_wake(e->ps);
}


size_t fal_engine_pending (const fal_engine *e) {
  return e->pending;
}
