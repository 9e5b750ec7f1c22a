/*
** engine.c -- one loop for all operations: curl's sockets, deadlines, the
** queue of what is done
**
** curl says through two callbacks which sockets and which moment it waits
** for. They only note it. The moment is kept in a variable; the pollset's
** timer is armed once, at the end of a step or of a start, and only when
** somebody else's loop watches our descriptor.
*/
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define SPARE  64   /* memory of so many operations is kept for the next */


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


/* Lets a watching loop know when we want to be stepped. */
static void arm (fal_engine *e) {
  if (e->watched && !e->running)
    fal_pollset_timer(e->ps, next_due(e));
}


int fal_alarm_set (fal_engine *e, fal_alarm *a, double due) {
  unplace(e, a);
  a->due = due;
  if (due > 0 && place(e, a) != 0)
    return -1;
  arm(e);
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
  arm(e);
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


/* Lets curl do what only time tells it to do: also to start new transfers. */
static void tick (fal_engine *e) {
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
  tick(e);
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
  tick(e);
  collect(e);
  ring(e);
  e->running = 0;
  arm(e);
}


/* Out of the queue of what is to be reported. */
static void unqueue (fal_engine *e, fal_op *op) {
  fal_op **p = &e->ready_head, *last = NULL;
  while (*p != NULL && *p != op) {
    last = *p;
    p = &(*p)->next_ready;
  }
  if (*p == op) {
    *p = op->next_ready;
    if (e->ready_tail == op)
      e->ready_tail = last;
    op->next_ready = NULL;
    op->queued = 0;
  }
}


/* Its request is written now where a connection is open, even if nobody
** steps the engine again for a while. */
void fal_op_detach (fal_op *op) {
  op->detached = 1;
  if (op->done)
    fal_op_free(op);
  else
    tick(op->engine);
}


fal_op *fal_engine_next (fal_engine *e) {
  fal_op *op;
  while ((op = e->ready_head) != NULL && op->detached) {
    if (op->done)
      fal_op_free(op);
    else
      unqueue(e, op);
  }
  if (op != NULL) {
    e->ready_head = op->next_ready;
    if (e->ready_head == NULL)
      e->ready_tail = NULL;
    op->next_ready = NULL;
    op->queued = 0;
  }
  return op;
}


void fal_engine_wake (fal_engine *e) {
  fal_pollset_wake(e->ps);
}


size_t fal_engine_pending (const fal_engine *e) {
  return e->pending;
}


/*
** {======================================================
** Operations
** =======================================================
*/

/* Memory for an operation, zeroed. */
static fal_op *take_memory (fal_engine *e, size_t size) {
  fal_op *op = e->spare;
  if (op != NULL && size <= op->size) {
    e->spare = op->next;
    e->nspare--;
    size = op->size;
    memset(op, 0, size);
  }
  else if ((op = calloc(1, size)) == NULL)
    return NULL;
  op->size = size;
  return op;
}


static void give_memory (fal_engine *e, fal_op *op) {
  if (e == NULL || e->nspare >= SPARE)
    free(op);
  else {
    op->next = e->spare;
    e->spare = op;
    e->nspare++;
  }
}


static void deadline (fal_alarm *a) {
  fal_op *op = (fal_op *)((char *)a - offsetof(fal_op, deadline));
  op->cls->expired(op);
}


void *fal_op_new (fal_engine *e, fal_client *c, size_t size,
                  const fal_op_class *cls, double timeout, fal_error *err) {
  fal_op *op = take_memory(e, size);
  if (op == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  op->cls = cls;
  op->engine = e;
  op->id = ++e->last_id;
  op->started = fal_now();
  op->head.max = op->body.max = (size_t)-1;  /* transfers have the ceilings */
  op->deadline.ring = deadline;
  if (timeout > 0 &&
      fal_alarm_set(e, &op->deadline, op->started + timeout) != 0) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    give_memory(e, op);
    return NULL;
  }
  op->client = c != NULL ? fal_client_hold(c) : NULL;
  fal_op_show(op, 0, 0);
  op->next = e->ops;
  if (e->ops != NULL)
    e->ops->prev = op;
  e->ops = op;
  e->pending++;
  return op;
}


void fal_op_show (fal_op *op, int status, uint64_t bytes) {
  fal_answer *a = &op->answer;
  a->status = status;
  a->bytes = bytes;
  a->head = op->head.s != NULL ? op->head.s : "";
  a->head_n = op->head.n;
  a->body = op->body.s != NULL ? op->body.s : "";
  a->body_n = op->body.n;
}


/* Queues it for fal_engine_next, once. */
static void report (fal_op *op) {
  fal_engine *e = op->engine;
  if (!op->queued) {
    op->queued = 1;
    if (e->ready_tail != NULL)
      e->ready_tail->next_ready = op;
    else
      e->ready_head = op;
    e->ready_tail = op;
  }
  arm(e);
}


void fal_op_finish (fal_op *op) {
  fal_engine *e = op->engine;
  if (op->done)
    return;
  op->done = 1;
  op->answer.seconds = fal_now() - op->started;
  unplace(e, &op->deadline);
  fal_op_rest(op, 1);
  report(op);
}


void fal_op_rest (fal_op *op, int on) {
  if (op->resting != on) {
    op->resting = on;
    op->engine->pending += on ? (size_t)-1 : 1;
  }
}


fal_code fal_op_post (fal_op *op, int kind, int flags, const char *s,
                      size_t n) {
  fal_note *note;
  if (n > FAL_MAX_NOTED - op->noted)
    return FAL_ETOOBIG;
  note = malloc(sizeof(*note) + n + 1);
  if (note == NULL)
    return FAL_ENOMEM;
  note->next = NULL;
  note->kind = kind;
  note->flags = flags;
  note->n = n;
  if (n > 0)
    memcpy(note->s, s, n);
  note->s[n] = '\0';
  op->noted += n;
  if (op->last_note != NULL)
    op->last_note->next = note;
  else
    op->notes = note;
  op->last_note = note;
  report(op);
  return FAL_OK;
}


int fal_op_event (fal_op *op, fal_event *ev) {
  fal_note *note = op->notes;
  free(op->taken);
  op->taken = note;
  if (note == NULL)
    return 0;
  op->notes = note->next;
  if (op->notes == NULL)
    op->last_note = NULL;
  op->noted -= note->n;
  ev->kind = (fal_event_kind)note->kind;
  ev->flags = note->flags;
  ev->s = note->s;
  ev->n = note->n;
  return 1;
}


void fal_op_fail (fal_op *op, fal_code code, const char *fmt, ...) {
  char message[sizeof(op->err.message)], id[sizeof(op->err.request_id)];
  va_list ap;
  memcpy(id, op->err.request_id, sizeof(id));
  va_start(ap, fmt);
  vsnprintf(message, sizeof(message), fmt, ap);
  va_end(ap);
  fal_fail(&op->err, code, "%s", message);
  memcpy(op->err.request_id, id, sizeof(id));
  fal_op_finish(op);
}


uint64_t fal_op_id (const fal_op *op) {
  return op->id;
}


int fal_op_done (const fal_op *op) {
  return op->done;
}


fal_code fal_op_failed (const fal_op *op, fal_error *err) {
  if (err != NULL)
    *err = op->err;
  return op->err.code;
}


const fal_answer *fal_op_answer (const fal_op *op) {
  return &op->answer;
}


void fal_op_take_body (fal_op *op, fal_buf *to) {
  *to = op->body;
  fal_buf_init(&op->body, to->max);
  op->answer.body = "";
  op->answer.body_n = 0;
}


void fal_op_cancel (fal_op *op) {
  if (!op->done) {
    op->cls->clear(op);
    fal_op_fail(op, FAL_ECANCELED, "canceled");
  }
}


static void free_notes (fal_op *op) {
  fal_note *note;
  free(op->taken);
  while ((note = op->notes) != NULL) {
    op->notes = note->next;
    free(note);
  }
}


void fal_op_free (fal_op *op) {
  if (op == NULL)
    return;
  if (op->engine != NULL) {
    fal_op_cancel(op);
    if (op->queued)
      unqueue(op->engine, op);
    if (op->prev != NULL)
      op->prev->next = op->next;
    else
      op->engine->ops = op->next;
    if (op->next != NULL)
      op->next->prev = op->prev;
  }
  fal_client_free(op->client);
  fal_buf_free(&op->head);
  fal_buf_free(&op->body);
  free_notes(op);
  give_memory(op->engine, op);
}

/* }====================================================== */


/*
** {======================================================
** Timer
** =======================================================
*/

static void timer_clear (fal_op *op) {
  (void)op;
}


fal_op *fal_timer (fal_engine *e, double seconds, fal_error *err) {
  static const fal_op_class timer = { "timer", NULL, fal_op_finish,
                                      timer_clear };
  return fal_op_new(e, NULL, sizeof(fal_op), &timer,
                    seconds > 0 ? seconds : 1e-9, err);
}

/* }====================================================== */
