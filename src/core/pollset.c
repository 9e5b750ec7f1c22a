/*
** pollset.c -- epoll and poll() behind one face
**
** Both kinds keep a table by descriptor: what is wanted, and a generation
** that changes whenever a descriptor is forgotten. A closed descriptor's
** number comes back at once, so an event counts only when its generation is
** still the present one.
*/
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#endif

#include "pollset.h"

#define BATCH 128   /* ready descriptors taken from the kernel at once */

typedef struct Slot {
  uint32_t gen;    /* starts at 1 */
  int want;
  int keep;        /* stays with the kernel when nothing is wanted */
  int armed;       /* epoll: what the kernel watches it for */
  int place;       /* poll(): index in 'fds' */
} Slot;

typedef struct Ready {
  int fd, got;
  uint32_t gen;
} Ready;

struct fal_pollset {
  int ep;                 /* epoll descriptor; -1 for poll() */
  int timer;              /* timerfd */
  int wake[2];            /* [0] is read, [1] is written; one eventfd twice */
  double armed;           /* what the timerfd is set to; 0: nothing */
  Slot *slots;
  int nslots;
  struct pollfd *fds;     /* poll(): [0] is the wake-up */
  uint32_t *gens;         /* poll(): generation of each of 'fds' */
  int nfds, capfds;
  Ready ready[BATCH];
  int nready, at;
};


double fal_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


/* Milliseconds for poll and epoll_wait, rounded up: never early. */
static int milliseconds (double seconds) {
  if (seconds < 0)
    return -1;
  if (seconds > 86400)
    return 86400 * 1000;
  return (int)ceil(seconds * 1000);
}


static Slot *slot (fal_pollset *ps, int fd) {
  if (fd >= ps->nslots) {
    int i, n = ps->nslots == 0 ? 64 : ps->nslots;
    Slot *s;
    while (n <= fd)
      n *= 2;
    s = realloc(ps->slots, (size_t)n * sizeof(Slot));
    if (s == NULL)
      return NULL;
    for (i = ps->nslots; i < n; i++) {
      s[i].gen = 1;
      s[i].want = s[i].keep = s[i].armed = 0;
      s[i].place = -1;
    }
    ps->slots = s;
    ps->nslots = n;
  }
  return &ps->slots[fd];
}


static void add_ready (fal_pollset *ps, int fd, uint32_t gen, int got) {
  Ready *r = &ps->ready[ps->nready++];
  r->fd = fd;
  r->gen = gen;
  r->got = got;
}


static void drain (int fd) {
  char junk[64];
  while (read(fd, junk, sizeof(junk)) > 0)
    ;
}


/*
** {======================================================
** epoll
** =======================================================
*/
#ifdef __linux__

static int epoll_watch (int ep, int op, int fd, int want, uint32_t gen) {
  struct epoll_event ev;
  memset(&ev, 0, sizeof(ev));
  ev.events = (want & FAL_POLL_IN ? (uint32_t)EPOLLIN : 0u) |
              (want & FAL_POLL_OUT ? (uint32_t)EPOLLOUT : 0u);
  ev.data.u64 = (uint64_t)gen << 32 | (uint32_t)fd;
  return epoll_ctl(ep, op, fd, &ev);
}


static int epoll_open (fal_pollset *ps) {
  ps->ep = epoll_create1(EPOLL_CLOEXEC);
  ps->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  ps->wake[0] = ps->wake[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return ps->ep >= 0 && ps->timer >= 0 && ps->wake[0] >= 0 &&
    epoll_watch(ps->ep, EPOLL_CTL_ADD, ps->timer, FAL_POLL_IN, 0) == 0 &&
    epoll_watch(ps->ep, EPOLL_CTL_ADD, ps->wake[0], FAL_POLL_IN, 0) == 0;
}


static int epoll_set (fal_pollset *ps, int fd, Slot *s, int want) {
  int op = want == 0 ? EPOLL_CTL_DEL
         : s->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (want == s->armed || (want == 0 && s->keep))
    return 1;
  s->armed = want;
  if (epoll_watch(ps->ep, op, fd, want, s->gen) == 0)
    return 1;
  if (op == EPOLL_CTL_DEL)
    return 1;  /* closed already: the kernel has forgotten it */
  return epoll_watch(ps->ep, op == EPOLL_CTL_ADD ? EPOLL_CTL_MOD
                     : EPOLL_CTL_ADD, fd, want, s->gen) == 0;
}


static void epoll_take (fal_pollset *ps, double seconds) {
  struct epoll_event ev[BATCH];
  int i, n = epoll_wait(ps->ep, ev, BATCH, milliseconds(seconds));
  for (i = 0; i < n; i++) {
    uint32_t gen = (uint32_t)(ev[i].data.u64 >> 32);
    int fd = (int)(ev[i].data.u64 & 0xFFFFFFFFu);
    if (gen == 0) {
      drain(fd);
      if (fd == ps->timer)
        ps->armed = 0;
    }
    else
      add_ready(ps, fd, gen,
        (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? FAL_POLL_IN : 0) |
        (ev[i].events & (EPOLLOUT | EPOLLERR) ? FAL_POLL_OUT : 0));
  }
}


static void epoll_timer (fal_pollset *ps, double when) {
  if (when != ps->armed) {
    struct itimerspec t;
    memset(&t, 0, sizeof(t));
    if (when > 0) {
      double whole = floor(when);
      t.it_value.tv_sec = (time_t)whole;
      t.it_value.tv_nsec = (long)((when - whole) * 1e9) + 1;
      if (t.it_value.tv_nsec > 999999999L)
        t.it_value.tv_nsec = 999999999L;
    }
    timerfd_settime(ps->timer, TFD_TIMER_ABSTIME, &t, NULL);
    ps->armed = when;
  }
}

#else

static int epoll_open (fal_pollset *ps) { (void)ps; return 0; }
static int epoll_set (fal_pollset *ps, int fd, Slot *s, int want) {
  (void)ps; (void)fd; (void)s; (void)want; return 0;
}
static void epoll_take (fal_pollset *ps, double t) { (void)ps; (void)t; }
static void epoll_timer (fal_pollset *ps, double when) {
  (void)ps; (void)when;
}

#endif
/* }====================================================== */


/*
** {======================================================
** poll()
** =======================================================
*/

static int poll_add (fal_pollset *ps, int fd, int want, uint32_t gen) {
  if (ps->nfds == ps->capfds) {
    int n = ps->capfds == 0 ? 16 : ps->capfds * 2;
    struct pollfd *f = realloc(ps->fds, (size_t)n * sizeof(*f));
    uint32_t *g;
    if (f == NULL)
      return 0;
    ps->fds = f;
    g = realloc(ps->gens, (size_t)n * sizeof(*g));
    if (g == NULL)
      return 0;
    ps->gens = g;
    ps->capfds = n;
  }
  ps->fds[ps->nfds].fd = fd;
  ps->fds[ps->nfds].revents = 0;
  ps->fds[ps->nfds].events = (short)((want & FAL_POLL_IN ? POLLIN : 0) |
                                     (want & FAL_POLL_OUT ? POLLOUT : 0));
  ps->gens[ps->nfds] = gen;
  ps->nfds++;
  return 1;
}


static int poll_open (fal_pollset *ps) {
  int i;
  if (pipe(ps->wake) != 0) {
    ps->wake[0] = ps->wake[1] = -1;
    return 0;
  }
  for (i = 0; i < 2; i++) {
    fcntl(ps->wake[i], F_SETFL, O_NONBLOCK);
    fcntl(ps->wake[i], F_SETFD, FD_CLOEXEC);
  }
  return poll_add(ps, ps->wake[0], FAL_POLL_IN, 0);
}


static int poll_set (fal_pollset *ps, int fd, Slot *s, int want) {
  if (s->want != 0) {  /* take it out: the last one moves into its place */
    int last = --ps->nfds;
    if (s->place != last) {
      ps->fds[s->place] = ps->fds[last];
      ps->gens[s->place] = ps->gens[last];
      ps->slots[ps->fds[last].fd].place = s->place;
    }
    s->place = -1;
  }
  if (want == 0)
    return 1;
  s->place = ps->nfds;
  return poll_add(ps, fd, want, s->gen);
}


static void poll_take (fal_pollset *ps, double seconds) {
  int i, n = poll(ps->fds, (nfds_t)ps->nfds, milliseconds(seconds));
  if (n <= 0)
    return;
  if (ps->fds[0].revents != 0)
    drain(ps->wake[0]);
  for (i = 1; i < ps->nfds && ps->nready < BATCH; i++) {
    short got = ps->fds[i].revents;
    if (got != 0)
      add_ready(ps, ps->fds[i].fd, ps->gens[i],
        (got & (POLLIN | POLLHUP | POLLERR) ? FAL_POLL_IN : 0) |
        (got & (POLLOUT | POLLERR) ? FAL_POLL_OUT : 0));
  }
}

/* }====================================================== */


fal_pollset *fal_pollset_new (fal_pollset_kind kind, fal_error *err) {
  fal_pollset *ps = calloc(1, sizeof(*ps));
  int ok = 0;
  if (ps == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  ps->ep = ps->timer = ps->wake[0] = ps->wake[1] = -1;
#ifdef __linux__
  if (kind == FAL_POLLSET_BEST)
    kind = FAL_POLLSET_EPOLL;
#endif
  errno = 0;
  ok = kind == FAL_POLLSET_EPOLL ? epoll_open(ps) : poll_open(ps);
  if (!ok) {
    fal_fail(err, FAL_EFILE, "cannot make a poll set: %s",
             errno != 0 ? strerror(errno) : "epoll does not exist here");
    fal_pollset_free(ps);
    return NULL;
  }
  return ps;
}


void fal_pollset_free (fal_pollset *ps) {
  if (ps != NULL) {
    if (ps->ep >= 0) close(ps->ep);
    if (ps->timer >= 0) close(ps->timer);
    if (ps->wake[0] >= 0) close(ps->wake[0]);
    if (ps->wake[1] >= 0 && ps->wake[1] != ps->wake[0]) close(ps->wake[1]);
    free(ps->slots);
    free(ps->fds);
    free(ps->gens);
    free(ps);
  }
}


int fal_pollset_fd (const fal_pollset *ps) {
  return ps->ep;
}


/* Once nobody can report it any more, its events so far are void. */
static void forgotten (Slot *s) {
  if (s->want == 0 && s->armed == 0 && ++s->gen == 0)
    s->gen = 1;
}


fal_code fal_pollset_set (fal_pollset *ps, int fd, int want) {
  Slot *s = fd >= 0 ? slot(ps, fd) : NULL;
  int ok = 1;
  if (s == NULL)
    return FAL_ENOMEM;
  if (s->want != want) {
    ok = ps->ep >= 0 ? epoll_set(ps, fd, s, want) : poll_set(ps, fd, s, want);
    s->want = ok ? want : 0;
    if (!ok)
      s->armed = 0;
    forgotten(s);
  }
  return ok ? FAL_OK : FAL_ENOMEM;
}


/* Tells the kernel about a descriptor that it still watches for nobody. */
static void disarm (fal_pollset *ps, int fd, Slot *s) {
  if (s->want == 0 && s->armed != 0) {
    s->keep = 0;
    epoll_set(ps, fd, s, 0);
    forgotten(s);
  }
}


void fal_pollset_keep (fal_pollset *ps, int fd, int keep) {
  Slot *s = fd >= 0 ? slot(ps, fd) : NULL;
  if (s != NULL) {
    disarm(ps, fd, s);
    s->keep = keep;
  }
}


void fal_pollset_timer (fal_pollset *ps, double when) {
  if (ps->ep >= 0)
    epoll_timer(ps, when);
}


void fal_pollset_wake (fal_pollset *ps) {
  uint64_t one = 1;
  ssize_t n = write(ps->wake[1], &one, sizeof(one));
  (void)n;  /* full: it is awake already */
}


void fal_pollset_wait (fal_pollset *ps, double seconds) {
  ps->nready = ps->at = 0;
  if (ps->ep >= 0)
    epoll_take(ps, seconds);
  else
    poll_take(ps, seconds);
}


int fal_pollset_next (fal_pollset *ps, int *fd, int *got) {
  while (ps->at < ps->nready) {
    const Ready *r = &ps->ready[ps->at++];
    Slot *s = &ps->slots[r->fd];
    if (s->gen == r->gen && s->want != 0) {
      *fd = r->fd;
      *got = r->got;
      return 1;
    }
    else if (s->gen == r->gen) {  /* kept, and the other end closed it */
      disarm(ps, r->fd, s);
      s->keep = 1;
    }
  }
  return 0;
}
