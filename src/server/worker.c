/*
** worker.c -- a process that runs endpoints
*/
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/prctl.h>
#else
#include <poll.h>
#include <pthread.h>
#endif

#include "../core/fal.h"
#include "server.h"
#include "worker.h"

#define BODY_MAX  ((size_t)1 << 30)

static work worker;


/*
** {======================================================
** The link
** =======================================================
*/

static void get (work *w, void *to, size_t n) {
  char *p = to;
  while (n > 0) {
    size_t have = ring_have(&w->link.in);
    if (have > n)
      have = n;
    if (have == 0) {
      if (!link_sleep(&w->link, LINK_FRAME))
        _exit(0);  /* the server is gone */
      continue;
    }
    ring_get(&w->link.in, p, have);
    link_wake_writer(&w->link);
    p += have;
    n -= have;
  }
}


static void put (work *w, const void *s, size_t n) {
  const char *p = s;
  while (n > 0) {
    size_t room = ring_room(&w->link.out);
    if (room > n)
      room = n;
    if (room == 0) {
      ring_publish(&w->link.out);
      link_wake_reader(&w->link);
      if (!link_sleep(&w->link, LINK_ROOM))
        _exit(0);
      continue;
    }
    ring_put(&w->link.out, p, room);
    p += room;
    n -= room;
  }
}


void work_send (work *w, link_kind kind, unsigned int status,
                const char *head, size_t head_n, const char *body,
                size_t body_n, double number) {
  link_frame f;
  memset(&f, 0, sizeof(f));
  f.kind = kind;
  f.slot = w->call.job.slot;
  f.status = status;
  f.head_n = (uint32_t)head_n;
  f.body_n = body_n;
  f.number = number;
  put(w, &f, sizeof(f));
  put(w, head, head_n);
  put(w, body, body_n);
  ring_publish(&w->link.out);
  link_wake_reader(&w->link);
}


void work_log (work *w, const char *level, const char *text, size_t n) {
  work_send(w, FRAME_LOG, 0, level, strlen(level), text, n, 0);
}

/* }====================================================== */


/*
** {======================================================
** Calls
** =======================================================
*/

static link_slot *slot (const work *w) {
  return &w->link.m->slots[w->call.job.slot % LINK_DEPTH];
}


link_stop work_stop (const work *w) {
  return w->busy ? (link_stop)__atomic_load_n(&slot(w)->stop,
                                              __ATOMIC_SEQ_CST) : STOP_NOT;
}


int work_canceled (const work *w) {
  return w->busy && (work_stop(w) != STOP_NOT ||
                     __atomic_load_n(&slot(w)->canceled, __ATOMIC_SEQ_CST));
}


/* Bytes into a buffer that keeps its memory from call to call, unless that
** was a lot. */
static void take (work *w, fal_buf *b, size_t n) {
  char *to;
  if (b->cap > (1u << 20))
    fal_buf_free(b);
  b->n = 0;
  to = fal_buf_room(b, n + 1);
  if (to == NULL)
    _exit(1);  /* no memory even for the question */
  get(w, to, n);
  b->n = n;
  to[n] = '\0';
}


/* The next of the strings at '*p', which end at 'end'. */
static const char *next_string (const char **p, const char *end) {
  const char *s = *p;
  if (s < end)
    *p += strlen(s) + 1;
  return s < end ? s : "";
}


/* Waits for a call. 0: this one was taken back. */
static int next_call (work *w) {
  work_call *c = &w->call;
  uint32_t sent = SLOT_SENT;
  const char *p, *end;
  get(w, &c->job, sizeof(c->job));
  take(w, &c->text, c->job.text_n);
  take(w, &c->body, (size_t)c->job.body_n);
  p = c->text.s;
  end = p + c->text.n;
  c->file = next_string(&p, end);
  c->method = next_string(&p, end);
  c->endpoint = next_string(&p, end);
  c->request_id = next_string(&p, end);
  c->base_url = next_string(&p, end);
  c->owner = next_string(&p, end);
  c->head = next_string(&p, end);
  return __atomic_compare_exchange_n(&slot(w)->state, &sent, SLOT_RUNNING, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}


static void run_call (work *w) {
  work_answer a;
  double began = fal_now();
  memset(&a, 0, sizeof(a));
  w->busy = 1;
  if (w->call.job.tell_start)
    work_send(w, FRAME_STARTED, 0, NULL, 0, NULL, 0, 0);
  state_run(w, &a);
  w->busy = 0;
  work_send(w, FRAME_ANSWER, a.status, a.head.s, a.head.n, a.body.s, a.body.n,
            fal_now() - began);
  fal_buf_free(&a.head);
  fal_buf_free(&a.body);
}

/* }====================================================== */


/*
** {======================================================
** The process
** =======================================================
*/

static void on_stop (int sig) {
  int e = errno;
  (void)sig;
  state_interrupt(&worker);
  errno = e;
}


#if defined(__linux__)

/* A server that is killed takes us along. We never push it aside when it wakes
** us: it may have more for us than the one job. */
static void die_with_server (void) {
  struct sched_param param;
  memset(&param, 0, sizeof(param));
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "falua-worker");
  sched_setscheduler(0, SCHED_BATCH, &param);
}

#else

static void *watch (void *ud) {
  struct pollfd p = {LINK_SOCKET, 0, 0};
  (void)ud;
  while (poll(&p, 1, -1) < 0 || !(p.revents & (POLLHUP | POLLERR)))
    ;
  _exit(0);
}


static void die_with_server (void) {
  pthread_t t;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_create(&t, NULL, watch, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#endif


/* What the server had open and did not mean for us. */
static void close_others (void) {
  int fd, most = (int)sysconf(_SC_OPEN_MAX);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  if (close_range(LINK_MEMORY + 1, ~0u, 0) == 0)
    return;
#endif
  for (fd = LINK_MEMORY + 1; fd < most && fd < 65536; fd++)
    close(fd);
}


static void keep_for_us (int fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
}


int falua_is_worker (int argc, char **argv) {
  return argc == 2 && strcmp(argv[1], LINK_WORD) == 0;
}


int falua_worker_main (void) {
  struct sigaction sa;
  void *m = mmap(NULL, sizeof(link_shared), PROT_READ | PROT_WRITE,
                 MAP_SHARED, LINK_MEMORY, 0);
  if (m == MAP_FAILED)
    return EXIT_FAILURE;  /* started by hand */
  die_with_server();
  close_others();
  close(LINK_MEMORY);
  keep_for_us(LINK_SOCKET);
  memset(&sa, 0, sizeof(sa));
  sa.sa_handler = on_stop;
  sigaction(SIGUSR1, &sa, NULL);
  sa.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &sa, NULL);
  link_attach(&worker.link, m, LINK_SOCKET, 1);
  fal_buf_init(&worker.call.text, BODY_MAX);
  fal_buf_init(&worker.call.body, BODY_MAX);
  for (;;) {
    int ours = next_call(&worker);
    if (ours)
      run_call(&worker);
    __atomic_store_n(&slot(&worker)->state, SLOT_FREE, __ATOMIC_SEQ_CST);
  }
}

/* }====================================================== */
