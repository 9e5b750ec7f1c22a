/*
** runner.c -- one worker: what is sent to it, what comes back
*/
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../core/fal.h"
#include "pool.h"
#include "serve.h"

#define TEXT_MAX      (256u << 10)
#define FAILURES_MAX  3    /* workers in a row that do nothing but end */


/*
** {======================================================
** Slots
** =======================================================
*/

static link_slot *shared (const runner *r, int slot) {
  return &r->process.link.m->slots[slot];
}


static uint32_t state_of (const runner *r, int slot) {
  return __atomic_load_n(&shared(r, slot)->state, __ATOMIC_SEQ_CST);
}


static int free_slot (const runner *r) {
  int i;
  for (i = 0; i < LINK_DEPTH; i++)
    if (r->slots[i].job == NULL && state_of(r, i) == SLOT_FREE)
      return i;
  return -1;
}


/* 1 when the worker had not begun with it: it never will. */
static int call_off (runner *r, int slot) {
  uint32_t sent = SLOT_SENT;
  return __atomic_compare_exchange_n(&shared(r, slot)->state, &sent,
                                     SLOT_REVOKED, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}


static double expected (const serve_job *job) {
  return job->ep != NULL ? job->ep->mean : 1.0;
}


/* The job is the first in line now. */
static void comes_first (runner *r) {
  runner_slot *s = &r->slots[r->order[0]];
  s->began = fal_now();
  if (s->job->ep != NULL && s->version == s->job->ep->version)
    s->job->ep->running++;
}


/* Takes the job at place 'i' of the line out. */
static serve_job *take_out (runner *r, int i) {
  runner_slot *s = &r->slots[r->order[i]];
  serve_job *job = s->job;
  r->backlog -= expected(job);
  if (i == 0 && job->ep != NULL && s->version == job->ep->version)
    job->ep->running--;
  memset(s, 0, sizeof(*s));
  r->n--;
  memmove(r->order + i, r->order + i + 1, (size_t)(r->n - i));
  if (r->n == 0) {
    r->backlog = 0;
    r->idle_since = fal_now();
    r->pool->busy--;
  }
  else if (i == 0)
    comes_first(r);
  return job;
}


/* One that is behind for long already would only be taken back, and what does
** not fit into the ring cannot be. */
int runner_takes_ahead (const runner *r, double now) {
  return r->n < LINK_DEPTH && r->sending == NULL &&
         now - r->slots[r->order[0]].began <= RUNNER_AHEAD_MAX &&
         ring_room(&r->process.link.out) >= RING_SIZE / 4 &&
         free_slot(r) >= 0;
}


void runner_take_back (runner *r) {
  serve_job *back = NULL;
  int i;
  for (i = r->n - 1; i > 0; i--)
    if (r->slots[r->order[i]].job != r->sending &&  /* half of it is there */
        call_off(r, r->order[i])) {
      serve_job *job = take_out(r, i);
      job->next = back;
      back = job;
    }
  pool_requeue(r->pool, back);
}


int runner_cancel (runner *r, const serve_job *job) {
  int i = 0;
  while (i < r->n && r->slots[r->order[i]].job != job)
    i++;
  if (i == r->n)
    return 0;
  if (job != r->sending && call_off(r, r->order[i])) {
    take_out(r, i);
    return 1;
  }
  __atomic_store_n(&shared(r, r->order[i])->canceled, 1, __ATOMIC_SEQ_CST);
  if (r->slots[r->order[i]].canceled == 0)
    r->slots[r->order[i]].canceled = fal_now();
  return 0;
}


void runner_stop (runner *r, link_stop why, double now) {
  int slot = r->order[0];
  if (r->slots[slot].stopped != 0)
    return;
  r->slots[slot].stopped = now;
  __atomic_store_n(&shared(r, slot)->stop, why, __ATOMIC_SEQ_CST);
  kill(r->process.pid, SIGUSR1);
}

/* }====================================================== */


/*
** {======================================================
** Sending
** =======================================================
*/

static void add_string (fal_buf *b, const char *s) {
  fal_buf_add(b, s != NULL ? s : "", s != NULL ? strlen(s) + 1 : 1);
}


/* The frame and strings of a job, into r->head. */
static fal_code pack (runner *r, int slot, const serve_job *job) {
  link_job j;
  fal_buf *b = &r->head;
  const serve_endpoint *ep = job->ep;
  memset(&j, 0, sizeof(j));
  j.slot = (uint32_t)slot;
  j.kind = (uint32_t)job->kind;
  j.body_n = job->body_n;
  j.memory = ep != NULL ? ep->memory : r->pool->cat.memory;
  j.version = ep != NULL ? ep->file->version
                         : ((const load_job *)job)->version;
  j.tell_start = job->cls->started != NULL;
  b->n = 0;
  fal_buf_add(b, &j, sizeof(j));
  add_string(b, ep != NULL ? ep->file->name : job->endpoint);
  add_string(b, job->method);
  add_string(b, ep != NULL ? ep->id : job->endpoint);
  add_string(b, job->request_id);
  add_string(b, job->base_url);
  add_string(b, job->owner);
  add_string(b, job->head);
  if (b->n <= sizeof(j))
    return FAL_ENOMEM;
  j.text_n = (uint32_t)(b->n - sizeof(j));
  memcpy(b->s, &j, sizeof(j));
  return FAL_OK;
}


/* What comes next of the job that is being sent: 0 at its end. */
static size_t rest (const runner *r, const char **s) {
  size_t n;
  if (r->sent < r->head.n) {
    *s = r->head.s + r->sent;
    return r->head.n - r->sent;
  }
  n = r->sending->body_n - (r->sent - r->head.n);
  *s = n > 0 ? r->sending->body + (r->sent - r->head.n) : NULL;
  return n;
}


/* Puts as much as fits. When that is not all, the worker is asked to say when
** there is room again, and then looked at once more: it may have been faster
** than the question. */
static void push (runner *r) {
  link_end *l = &r->process.link;
  const char *s;
  size_t n, fits;
  do {
    while ((n = rest(r, &s)) > 0 && (fits = ring_room(&l->out)) > 0) {
      n = n < fits ? n : fits;
      ring_put(&l->out, s, n);
      r->sent += n;
    }
    ring_publish(&l->out);
    link_wake_reader(l);
    if (n == 0) {
      r->sending = NULL;
      return;
    }
    __atomic_store_n(&l->mine->wants_room, 1, __ATOMIC_SEQ_CST);
  } while (ring_room(&l->out) > 0);
}


void runner_send (runner *r, serve_job *job) {
  int slot = free_slot(r);
  link_slot *m;
  if (slot < 0 || pack(r, slot, job) != FAL_OK) {
    job->next = NULL;
    pool_requeue(r->pool, job);  /* for another worker, or for later */
    return;
  }
  m = shared(r, slot);
  m->canceled = m->stop = 0;
  __atomic_store_n(&m->state, SLOT_SENT, __ATOMIC_SEQ_CST);
  r->slots[slot].job = job;
  r->slots[slot].version = job->ep != NULL ? job->ep->version : 0;
  r->order[r->n++] = (unsigned char)slot;
  r->backlog += expected(job);
  if (r->n == 1) {
    r->pool->busy++;
    comes_first(r);
  }
  r->sending = job;
  r->sent = 0;
  push(r);
}

/* }====================================================== */


/*
** {======================================================
** What comes back
** =======================================================
*/

/* The job that a frame is for: only the first in line can have any. */
static serve_job *first_job (runner *r, uint32_t slot) {
  serve_job *job = NULL;
  pthread_mutex_lock(&r->pool->lock);
  if (r->n > 0 && r->order[0] == slot)
    job = r->slots[slot].job;
  pthread_mutex_unlock(&r->pool->lock);
  return job;
}


static void on_log (const runner *r, serve_job *job, const char *level) {
  const fal_buf *b = &r->in_body;
  if (r->pool->opt.verbose || strcmp(level, "error") == 0)
    serve_log("%s %s: %.*s", job->request_id[0] != '\0' ? job->request_id
              : "loading", job->endpoint, (int)(b->n < 8000 ? b->n : 8000),
              b->s != NULL ? b->s : "");
  if (job->cls->log != NULL)
    job->cls->log(job, level, b->s != NULL ? b->s : "", b->n);
}


static void on_answer (runner *r, serve_job *job) {
  serve_pool *p = r->pool;
  serve_job *done = NULL;
  double seconds = r->frame.number;
  int idle;
  pthread_mutex_lock(&p->lock);
  take_out(r, 0);
  if (job->ep != NULL && job->kind != SERVE_DESCRIBE && seconds >= 0)
    job->ep->mean += (seconds - job->ep->mean) / 4;
  p->failures = 0;
  pool_dispatch(p, &done);
  idle = r->n == 0;
  pthread_mutex_unlock(&p->lock);
  job->reply.status = r->frame.status;
  job->reply.head = r->in_head;
  job->reply.body = r->in_body;
  memset(&r->in_head, 0, sizeof(r->in_head));
  memset(&r->in_body, 0, sizeof(r->in_body));
  pool_done(p, job);
  pool_finish(p, done);
  if (idle)
    pool_tell_room(p);
}


/* A whole frame is there. 0 when it makes no sense. */
static int handle (runner *r) {
  serve_job *job = first_job(r, r->frame.slot);
  const char *level = fal_buf_cstr(&r->in_head);
  const char *s = r->in_body.s != NULL ? r->in_body.s : "";
  if (job == NULL || level == NULL)
    return 0;
  switch (r->frame.kind) {
    case FRAME_STARTED:
      if (job->cls->started != NULL)
        job->cls->started(job);
      return 1;
    case FRAME_LOG:
      on_log(r, job, level);
      return 1;
    case FRAME_PROGRESS:
      if (job->cls->progress != NULL)
        job->cls->progress(job, r->frame.number);
      return 1;
    case FRAME_EMIT:
      if (job->cls->emit != NULL)
        job->cls->emit(job, s, r->in_body.n);
      return 1;
    case FRAME_ANSWER:
      if (r->frame.status < 200 || r->frame.status > 599)
        return 0;
      on_answer(r, job);
      return 1;
    default:
      return 0;
  }
}


/* Moves what there is of n bytes in all into 'b'. 1 when they are all there,
** 0 when not, -1 when there is no memory for them. */
static int fill (runner *r, fal_buf *b, uint64_t n) {
  size_t have = ring_have(&r->process.link.in);
  size_t want = (size_t)(n - b->n);
  char *to;
  want = want < have ? want : have;
  if (want > 0) {
    to = fal_buf_room(b, want);
    if (to == NULL)
      return -1;
    ring_get(&r->process.link.in, to, want);
    b->n += want;
  }
  return b->n == n;
}


/* Takes one frame, or what there is of it: 1, 0 or -1 as above. */
static int take_frame (runner *r) {
  ring_end *in = &r->process.link.in;
  size_t have = ring_have(in);
  int got;
  if (have > RING_SIZE)
    return -1;
  if (r->frame_n == 0) {
    if (have < sizeof(r->frame))
      return 0;
    ring_get(in, &r->frame, sizeof(r->frame));
    r->frame_n = sizeof(r->frame);
    fal_buf_init(&r->in_head, TEXT_MAX);
    fal_buf_init(&r->in_body, SERVE_PUT_MAX);
    if (r->frame.head_n > TEXT_MAX || r->frame.body_n > SERVE_PUT_MAX)
      return -1;
  }
  got = fill(r, &r->in_head, r->frame.head_n);
  if (got == 1)
    got = fill(r, &r->in_body, r->frame.body_n);
  if (got == 1) {
    r->frame_n = 0;
    got = handle(r) ? 1 : -1;
    fal_buf_free(&r->in_head);
    fal_buf_free(&r->in_body);
  }
  return got;
}


/* Takes all frames that are there. 0 when the worker is not to be trusted. */
static int take_frames (runner *r) {
  int got;
  while ((got = take_frame(r)) == 1)
    ;
  link_wake_writer(&r->process.link);
  return got == 0;
}

/* }====================================================== */


/*
** {======================================================
** A worker's end
** =======================================================
*/

/* The answer for the job that its worker died of, or with. */
static void make_lost (runner *r, serve_job *job, link_stop why) {
  if (why == STOP_TIME)
    serve_reply_model(&job->reply, 504, "generation_timeout",
                      "The endpoint took longer than its time limit");
  else if (why == STOP_CANCELED)
    serve_reply_detail(&job->reply, 499, "client_cancelled",
                       "The request was cancelled");
  else {
    job->lost = 1;
    serve_reply_detail(&job->reply, 503, "runner_disconnected",
                       "The worker that ran this %s",
                       r->pool->ending ? "is ending" : "died");
  }
}


/* All jobs it had: those that it had not begun with wait again. */
static void let_go (runner *r, serve_job **done) {
  serve_job *back = NULL, **end = &back;
  while (r->n > 0) {
    int slot = r->order[0];
    link_stop why = r->slots[slot].stopped != 0
                    ? (link_stop)shared(r, slot)->stop : STOP_NOT;
    int untouched = state_of(r, slot) == SLOT_SENT;
    serve_job *job = take_out(r, 0);
    if (untouched && why == STOP_NOT && !r->pool->ending) {
      *end = job;
      job->next = NULL;
      end = &job->next;
    }
    else {
      make_lost(r, job, why);
      job->next = *done;
      *done = job;
    }
  }
  pool_requeue(r->pool, back);
  r->sending = NULL;
}


static void tell_end (int status, const serve_job *lost) {
  char what[64];
  if (WIFSIGNALED(status))
    snprintf(what, sizeof(what), "was ended by signal %d", WTERMSIG(status));
  else
    snprintf(what, sizeof(what), "ended with status %d", WEXITSTATUS(status));
  if (lost != NULL)
    serve_log("%s %s: its worker %s", lost->request_id, lost->endpoint, what);
  else
    serve_log("a worker %s", what);
}


/* Ends the process and deals with what it had. Nonzero when another is to
** take its place. */
static int over (runner *r) {
  serve_pool *p = r->pool;
  serve_job *done = NULL;
  int again, asked, status;
  pthread_mutex_lock(&p->lock);
  asked = p->ending || r->state == RUNNER_CLOSING;
  r->state = RUNNER_CLOSING;
  let_go(r, &done);
  pthread_mutex_unlock(&p->lock);
  status = serve_process_end(&r->process);
  if (!asked)
    tell_end(status, done);
  fal_buf_free(&r->in_head);
  fal_buf_free(&r->in_body);
  r->frame_n = 0;
  pthread_mutex_lock(&p->lock);
  if (!asked && done == NULL)
    p->failures++;
  again = !asked && !p->ending && p->failures < FAILURES_MAX;
  if (again)
    r->state = RUNNER_STARTING;
  pthread_mutex_unlock(&p->lock);
  pool_finish(p, done);
  pool_tell_room(p);
  return again;
}

/* }====================================================== */


/*
** {======================================================
** The thread
** =======================================================
*/

static int open_worker (runner *r) {
  serve_pool *p = r->pool;
  serve_job *done = NULL;
  fal_error err;
  int fd = -1;
  link_shared *m = serve_process_memory(&fd, &err);
  if (m != NULL) {
    snprintf(m->files, sizeof(m->files), "%s", p->files);
    snprintf(m->apps, sizeof(m->apps), "%s", p->apps != NULL ? p->apps : "");
    snprintf(m->url, sizeof(m->url), "%s", p->url != NULL ? p->url : "");
  }
  if (m == NULL || serve_process_start(&r->process, m, fd, &err) != FAL_OK) {
    serve_log("%s", err.message);
    return 0;
  }
  pthread_mutex_lock(&p->lock);
  r->state = RUNNER_OPEN;
  r->idle_since = fal_now();
  if (!p->ending)
    pool_dispatch(p, &done);
  else
    runner_close(r);
  pthread_mutex_unlock(&p->lock);
  pool_finish(p, done);
  return 1;
}


static int is_sending (runner *r) {
  int yes;
  pthread_mutex_lock(&r->pool->lock);
  if (r->sending != NULL)
    push(r);
  yes = r->sending != NULL;
  pthread_mutex_unlock(&r->pool->lock);
  return yes;
}


/* Until the worker ends or is told to. */
static void listen_to (runner *r) {
  while (take_frames(r))
    if (!link_sleep(&r->process.link,
                    LINK_FRAME | (is_sending(r) ? LINK_ROOM : 0))) {
      take_frames(r);  /* its last words */
      return;
    }
}


/* Nobody could run what waits. */
static void give_up (serve_pool *p) {
  serve_job *done = NULL;
  pthread_mutex_lock(&p->lock);
  if (!p->ending && (p->failures >= FAILURES_MAX || p->started <= 1)) {
    p->failures = 0;
    pool_turn_all_away(p, &done, "runner_connection_error",
                       "The server's workers do not start: its log says why");
  }
  pthread_mutex_unlock(&p->lock);
  pool_finish(p, done);
}


/* Waking this thread does not push aside whoever wakes it: a worker that has
** an answer may have more of them soon. */
static void be_patient (void) {
#if defined(SCHED_BATCH)
  struct sched_param param;
  memset(&param, 0, sizeof(param));
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
#endif
}


static void *work (void *ud) {
  runner *r = ud;
  serve_pool *p = r->pool;
  int again = 0, opened;
  be_patient();
  do {
    opened = open_worker(r);
    if (opened) {
      listen_to(r);
      again = over(r);
    }
  } while (opened && again);
  give_up(p);
  pthread_mutex_lock(&p->lock);
  fal_buf_free(&r->head);
  r->state = RUNNER_NONE;  /* the last thing: the place may be taken now */
  p->started--;
  pthread_mutex_unlock(&p->lock);
  return NULL;
}


int runner_start (runner *r, serve_pool *p) {
  if (r->joinable)
    pthread_join(r->thread, NULL);  /* it is on its last line */
  r->pool = p;
  r->state = RUNNER_STARTING;
  fal_buf_init(&r->head, TEXT_MAX);
  r->joinable = pthread_create(&r->thread, NULL, work, r) == 0;
  if (r->joinable)
    p->started++;
  else
    r->state = RUNNER_NONE;
  return r->joinable;
}


void runner_close (runner *r) {
  if (r->state != RUNNER_OPEN)
    return;
  if (!r->pool->ending)
    r->state = RUNNER_CLOSING;
  shutdown(r->process.link.fd, SHUT_RDWR);
}

/* }====================================================== */
