/*
** turn.c -- the thread that runs libmicrohttpd, and requests that wait on it
**
** To suspend a connection and to resume it costs libmicrohttpd five system
** calls: out of the epoll set, a write to wake it, a read that finds nothing,
** into the set again. So a request whose answer should be there in a moment
** is left among those that are ready: libmicrohttpd then asks for its answer
** in each of its turns. That would be a busy loop if it polled itself; here
** the thread sleeps until something comes from the net or an answer is there.
** Who waits for longer than PATIENCE is suspended after all.
**
** Where there is no epoll libmicrohttpd polls by itself, and who waits is
** suspended at once.
*/
#include <pthread.h>
#include <stdlib.h>

#include "../core/fal.h"
#include "serve.h"
#include "turn.h"

#if defined(__linux__)

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE   0.008   /* seconds that a request waits without being
                              suspended */
#define TICK       2       /* milliseconds between looks at those */
#define AWAKE_MAX  128     /* of them: each costs a call in each turn */

/* serve_request.wait */
enum { NOT, AWAKE, SUSPENDED, LEFT, READY };

struct serve_turn {
  falua_server *s;
  pthread_t thread;
  int started;
  int epoll_fd, event_fd;
  uint32_t asleep;         /* who has news writes to 'event_fd' */
  uint32_t news;           /* a connection was resumed */
  uint32_t ready;          /* requests that are READY */
  uint32_t ending;
  serve_request *left;     /* LEFT ones that came back; under s->lock */
  /* The thread's own. */
  int awake;               /* requests */
  int moved;
  double now;
};


unsigned int serve_turn_flags (void) {
  return MHD_USE_EPOLL;
}


/* Unless it hears that SIGPIPE is blocked, libmicrohttpd sends no file by
** sendfile: it copies it, 4 KB in each turn. */
struct MHD_OptionItem *serve_turn_options (void) {
  static struct MHD_OptionItem items[] = {
#if MHD_VERSION >= 0x00097205
    { MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
#endif
    { MHD_OPTION_END, 0, NULL }
  };
  return items;
}


/*
** {======================================================
** Waiting
** =======================================================
*/

void serve_wait (serve_request *r) {
  serve_turn *t = r->s->turn;
  r->suspended = 1;
  r->awake = t->awake < AWAKE_MAX;
  r->waited = t->now;
  if (r->awake)
    t->awake++;
  else
    MHD_suspend_connection(r->mc);
  __atomic_store_n(&r->wait, r->awake ? AWAKE : SUSPENDED, __ATOMIC_SEQ_CST);
}


static void wake (serve_turn *t) {
  static const uint64_t one = 1;
  if (__atomic_load_n(&t->asleep, __ATOMIC_SEQ_CST) != 0 &&
      __atomic_exchange_n(&t->asleep, 0, __ATOMIC_SEQ_CST) != 0)
    while (write(t->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
      ;
}


void serve_turn_news (serve_turn *t) {
  __atomic_store_n(&t->news, 1, __ATOMIC_SEQ_CST);
  wake(t);
}


void serve_resume (falua_server *s, struct MHD_Connection *mc) {
  MHD_resume_connection(mc);
  serve_turn_news(s->turn);
}


void serve_ready (serve_request *r) {
  falua_server *s = r->s;
  struct MHD_Connection *mc = r->mc;
  __atomic_add_fetch(&s->turn->ready, 1, __ATOMIC_SEQ_CST);
  switch (__atomic_exchange_n(&r->wait, READY, __ATOMIC_SEQ_CST)) {
    case SUSPENDED:
      serve_resume(s, mc);
      return;
    case LEFT:
      pthread_mutex_lock(&s->lock);
      r->next = s->turn->left;
      s->turn->left = r;
      pthread_mutex_unlock(&s->lock);
      break;
    default:
      break;
  }
  wake(s->turn);
}


/* Its time among those that are not suspended is over. */
static void stop_being_awake (serve_request *r) {
  r->s->turn->awake -= r->awake;
  r->awake = 0;
}


static int change (serve_request *r, int from, int to) {
  return __atomic_compare_exchange_n(&r->wait, &from, to, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}


static void take_answer (serve_request *r) {
  stop_being_awake(r);
  r->wait = NOT;
  __atomic_sub_fetch(&r->s->turn->ready, 1, __ATOMIC_SEQ_CST);
}


int serve_waits (serve_request *r) {
  switch (__atomic_load_n(&r->wait, __ATOMIC_SEQ_CST)) {
    case NOT:
      return 0;
    case READY:
      take_answer(r);
      return 0;
    default:
      break;
  }
  if (r->awake && r->s->turn->now - r->waited > PATIENCE) {
    stop_being_awake(r);
    MHD_suspend_connection(r->mc);
    if (!change(r, AWAKE, SUSPENDED))
      serve_resume(r->s, r->mc);  /* it just came */
  }
  return 1;
}


int serve_waits_on (serve_request *r) {
  if (__atomic_load_n(&r->wait, __ATOMIC_SEQ_CST) == NOT)
    return 0;
  if (!change(r, AWAKE, LEFT)) {
    take_answer(r);
    return 0;
  }
  stop_being_awake(r);
  serve_job_cancel(r->s->pool, &r->job);
  return 1;
}


static void end_those_who_left (serve_turn *t) {
  serve_request *r;
  pthread_mutex_lock(&t->s->lock);
  r = t->left;
  t->left = NULL;
  pthread_mutex_unlock(&t->s->lock);
  while (r != NULL) {
    serve_request *next = r->next;
    take_answer(r);
    serve_request_end(r);
    r = next;
  }
}

/* }====================================================== */


/*
** {======================================================
** Its thread
** =======================================================
*/

void serve_turn_moved (serve_turn *t) {
  t->moved = 1;
}


/* Milliseconds until libmicrohttpd wants a turn even if nothing comes. It
** says 0 as long as a request is awake: it does not know what it waits for. */
static int time_left (const serve_turn *t) {
  MHD_UNSIGNED_LONG_LONG ms;
  if (t->awake > 0)
    return TICK;
  if (MHD_get_timeout(t->s->daemon, &ms) != MHD_YES)
    return -1;
  return ms < 1000000 ? (int)ms : 1000000;
}


/* Who has news says so first and looks at 'asleep' after; we do it the other
** way round. */
static void sleep_until_news (serve_turn *t) {
  struct pollfd p[2];
  uint64_t count;
  int ms = time_left(t);
  if (ms == 0)
    return;
  p[0].fd = t->epoll_fd;
  p[1].fd = t->event_fd;
  p[0].events = p[1].events = POLLIN;
  p[1].revents = 0;
  __atomic_store_n(&t->asleep, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&t->news, __ATOMIC_SEQ_CST) == 0 &&
      __atomic_load_n(&t->ready, __ATOMIC_SEQ_CST) == 0 &&
      __atomic_load_n(&t->ending, __ATOMIC_SEQ_CST) == 0)
    poll(p, 2, ms);
  __atomic_store_n(&t->asleep, 0, __ATOMIC_SEQ_CST);
  if (p[1].revents != 0 && read(t->event_fd, &count, sizeof(count)) < 0)
    return;
}


static void *turns (void *ud) {
  serve_turn *t = ud;
  sigset_t pipes;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipes, NULL);
  while (__atomic_load_n(&t->ending, __ATOMIC_SEQ_CST) == 0) {
    t->moved = 0;
    t->now = fal_now();
    __atomic_store_n(&t->news, 0, __ATOMIC_SEQ_CST);
    MHD_run(t->s->daemon);
    end_those_who_left(t);
    if (!t->moved)
      sleep_until_news(t);
  }
  return NULL;
}


serve_turn *serve_turn_new (falua_server *s, fal_error *err) {
  serve_turn *t = calloc(1, sizeof(*t));
  const union MHD_DaemonInfo *info =
    MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  if (t == NULL || info == NULL) {
    free(t);
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  t->s = s;
  t->epoll_fd = info->epoll_fd;
  t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  s->turn = t;  /* before its thread looks for it */
  t->started = t->event_fd >= 0 &&
               pthread_create(&t->thread, NULL, turns, t) == 0;
  if (t->started)
    return t;
  s->turn = NULL;
  serve_turn_free(t);
  fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  return NULL;
}


void serve_turn_end (serve_turn *t) {
  if (t == NULL || !t->started)
    return;
  __atomic_store_n(&t->ending, 1, __ATOMIC_SEQ_CST);
  wake(t);
  pthread_join(t->thread, NULL);
  t->started = 0;
}


void serve_turn_free (serve_turn *t) {
  if (t == NULL)
    return;
  serve_turn_end(t);
  end_those_who_left(t);
  if (t->event_fd >= 0)
    close(t->event_fd);
  free(t);
}

/* }====================================================== */

#else

struct serve_turn {
  int unused;
};


unsigned int serve_turn_flags (void) {
  return MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
}


struct MHD_OptionItem *serve_turn_options (void) {
  static struct MHD_OptionItem none = { MHD_OPTION_END, 0, NULL };
  return &none;
}


serve_turn *serve_turn_new (falua_server *s, fal_error *err) {
  serve_turn *t = calloc(1, sizeof(*t));
  (void)s;
  if (t == NULL)
    fal_fail(err, FAL_ENOMEM, "out of memory");
  return t;
}


void serve_turn_end (serve_turn *t) {
  (void)t;
}


void serve_turn_free (serve_turn *t) {
  free(t);
}


void serve_wait (serve_request *r) {
  r->suspended = 1;
  MHD_suspend_connection(r->mc);
}


void serve_ready (serve_request *r) {
  MHD_resume_connection(r->mc);
}


void serve_resume (falua_server *s, struct MHD_Connection *mc) {
  (void)s;
  MHD_resume_connection(mc);
}


void serve_turn_news (serve_turn *t) {
  (void)t;
}


void serve_turn_moved (serve_turn *t) {
  (void)t;
}


int serve_waits (serve_request *r) {
  (void)r;
  return 0;
}


int serve_waits_on (serve_request *r) {
  (void)r;
  return 0;
}

#endif
