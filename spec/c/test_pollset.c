/*
** test_pollset.c -- both kinds of poll set keep the same promises
*/
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../src/core/pollset.h"
#include "test.h"

#define LONG 20.0   /* seconds nobody should have to wait */

static const char *what;   /* the kind and the row being run */


static void pair (int fd[2]) {
  CHECK(what, socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
}


/* 'got' for 'fd' after looking once; 0 when it is not ready. */
static int ready (fal_pollset *ps, int fd) {
  int f, got, found = 0;
  fal_pollset_wait(ps, 0);
  while (fal_pollset_next(ps, &f, &got))
    if (f == fd)
      found = got;
  return found;
}


static void readiness (fal_pollset *ps) {
  int p[2];
  pair(p);
  CHECK(what, fal_pollset_set(ps, p[0], FAL_POLL_IN) == FAL_OK);
  CHECK(what, ready(ps, p[0]) == 0);
  CHECK(what, write(p[1], "x", 1) == 1);
  CHECK(what, ready(ps, p[0]) == FAL_POLL_IN);
  CHECK(what, ready(ps, p[0]) == FAL_POLL_IN);  /* until it is read */
  CHECK(what, fal_pollset_set(ps, p[0], FAL_POLL_IN | FAL_POLL_OUT) == FAL_OK);
  CHECK(what, ready(ps, p[0]) == (FAL_POLL_IN | FAL_POLL_OUT));
  CHECK(what, fal_pollset_set(ps, p[0], FAL_POLL_OUT) == FAL_OK);
  CHECK(what, ready(ps, p[0]) == FAL_POLL_OUT);
  CHECK(what, fal_pollset_set(ps, p[0], 0) == FAL_OK);
  CHECK(what, ready(ps, p[0]) == 0);
  CHECK(what, fal_pollset_set(ps, p[0], 0) == FAL_OK);  /* twice is fine */
  close(p[0]);
  close(p[1]);
}


static void hang_up_is_readable (fal_pollset *ps) {
  int p[2];
  pair(p);
  CHECK(what, fal_pollset_set(ps, p[0], FAL_POLL_IN) == FAL_OK);
  close(p[1]);
  CHECK(what, ready(ps, p[0]) & FAL_POLL_IN);
  fal_pollset_set(ps, p[0], 0);
  close(p[0]);
}


/* Forgotten after the kernel reported it, before it was taken. */
static void forgotten_meanwhile (fal_pollset *ps) {
  int a[2], b[2], fd, got, n = 0;
  pair(a);
  pair(b);
  CHECK(what, write(a[1], "x", 1) == 1 && write(b[1], "x", 1) == 1);
  fal_pollset_set(ps, a[0], FAL_POLL_IN);
  fal_pollset_set(ps, b[0], FAL_POLL_IN);
  fal_pollset_wait(ps, 0);
  fal_pollset_set(ps, b[0], 0);
  while (fal_pollset_next(ps, &fd, &got)) {
    CHECK(what, fd == a[0]);
    n++;
  }
  CHECK(what, n == 1);
  fal_pollset_set(ps, a[0], 0);
  close(a[0]); close(a[1]); close(b[0]); close(b[1]);
}


/* The same, and its number is another connection's already, which has
** nothing to read: the old event must not be taken for the new one's. */
static void number_used_again (fal_pollset *ps) {
  int old[2], new[2], fd, got;
  pair(old);
  pair(new);
  CHECK(what, write(old[1], "x", 1) == 1);
  fal_pollset_set(ps, old[0], FAL_POLL_IN);
  fal_pollset_wait(ps, 0);
  fal_pollset_set(ps, old[0], 0);
  CHECK(what, dup2(new[0], old[0]) == old[0]);
  CHECK(what, fal_pollset_set(ps, old[0], FAL_POLL_IN) == FAL_OK);
  CHECK(what, !fal_pollset_next(ps, &fd, &got));
  CHECK(what, ready(ps, old[0]) == 0);
  CHECK(what, write(new[1], "y", 1) == 1);
  CHECK(what, ready(ps, old[0]) == FAL_POLL_IN);  /* and now it is its own */
  fal_pollset_set(ps, old[0], 0);
  close(old[0]); close(old[1]); close(new[0]); close(new[1]);
}


/* More than fit into one batch: all get their turn. */
static void many (fal_pollset *ps) {
  enum { N = 300 };
  static int p[N][2];
  int i, left = N, fd, got, rounds;
  char c;
  for (i = 0; i < N; i++) {
    pair(p[i]);
    CHECK(what, write(p[i][1], "x", 1) == 1);
    CHECK(what, fal_pollset_set(ps, p[i][0], FAL_POLL_IN) == FAL_OK);
  }
  for (rounds = 0; left > 0 && rounds < N; rounds++) {
    fal_pollset_wait(ps, 0);
    while (fal_pollset_next(ps, &fd, &got)) {
      CHECK(what, read(fd, &c, 1) == 1);
      fal_pollset_set(ps, fd, 0);
      left--;
    }
  }
  CHECK(what, left == 0);
  for (i = 0; i < N; i++) {
    close(p[i][0]);
    close(p[i][1]);
  }
}


static void waits_no_longer_than_told (fal_pollset *ps) {
  double start = fal_now();
  fal_pollset_wait(ps, 0);
  CHECK(what, fal_now() - start < LONG);
  start = fal_now();
  fal_pollset_wait(ps, 0.03);
  CHECK(what, fal_now() - start >= 0.03);  /* never early */
  CHECK(what, fal_now() - start < LONG);
}


static int readable (int fd, double seconds) {
  struct pollfd p;
  p.fd = fd;
  p.events = POLLIN;
  return poll(&p, 1, (int)(seconds * 1000)) == 1;
}


/* What another loop sees of the one descriptor. */
static void nests (fal_pollset *ps) {
  int fd = fal_pollset_fd(ps), p[2];
  if (fd < 0)
    return;  /* the poll() kind has none */
  CHECK(what, !readable(fd, 0));
  pair(p);
  fal_pollset_set(ps, p[0], FAL_POLL_IN);
  CHECK(what, !readable(fd, 0));
  CHECK(what, write(p[1], "x", 1) == 1);
  CHECK(what, readable(fd, 0));
  fal_pollset_set(ps, p[0], 0);
  CHECK(what, !readable(fd, 0));
  fal_pollset_wake(ps);
  CHECK(what, readable(fd, 0));
  fal_pollset_wait(ps, 0);
  CHECK(what, !readable(fd, 0));
  CHECK(what, fal_pollset_fd(ps) == fd);
  close(p[0]);
  close(p[1]);
}


static void timer (fal_pollset *ps) {
  int fd = fal_pollset_fd(ps);
  double due;
  if (fd < 0)
    return;
  due = fal_now() + 0.02;
  fal_pollset_timer(ps, due);
  CHECK(what, readable(fd, LONG));
  CHECK(what, fal_now() >= due);
  fal_pollset_wait(ps, 0);  /* takes it */
  CHECK(what, !readable(fd, 0));
  due = fal_now() + 0.02;
  fal_pollset_timer(ps, due);  /* again, the same way */
  CHECK(what, readable(fd, LONG));
  fal_pollset_wait(ps, 0);
  fal_pollset_timer(ps, fal_now() + 0.02);
  fal_pollset_timer(ps, 0);    /* never */
  CHECK(what, !readable(fd, 0.05));
  fal_pollset_timer(ps, 1);    /* long ago */
  CHECK(what, readable(fd, LONG));
  fal_pollset_timer(ps, fal_now() + LONG);  /* put off, not taken */
  CHECK(what, !readable(fd, 0));
  fal_pollset_timer(ps, 0);
}


static void *waker (void *ps) {
  fal_pollset_wake(ps);
  return NULL;
}


static void wakes (fal_pollset *ps) {
  pthread_t thread;
  double start = fal_now();
  int fd, got;
  CHECK(what, pthread_create(&thread, NULL, waker, ps) == 0);
  fal_pollset_wait(ps, -1);  /* before or after the wake-up: returns */
  CHECK(what, !fal_pollset_next(ps, &fd, &got));  /* nobody's descriptor */
  pthread_join(thread, NULL);
  fal_pollset_wake(ps);
  fal_pollset_wake(ps);
  fal_pollset_wait(ps, LONG);
  CHECK(what, fal_now() - start < LONG);
  start = fal_now();
  fal_pollset_wait(ps, 0.02);  /* both were taken at once */
  CHECK(what, fal_now() - start >= 0.02);
}


static void on_signal (int sig) {
  (void)sig;
}


/* The signal repeats, so that one coming before the wait begins is no harm. */
static void signal_ends_a_wait (fal_pollset *ps) {
  struct sigaction act, before;
  struct itimerval every, never;
  double start = fal_now();
  memset(&act, 0, sizeof(act));
  memset(&never, 0, sizeof(never));
  act.sa_handler = on_signal;
  act.sa_flags = SA_RESTART;
  CHECK(what, sigaction(SIGALRM, &act, &before) == 0);
  every.it_value.tv_sec = every.it_interval.tv_sec = 0;
  every.it_value.tv_usec = every.it_interval.tv_usec = 20000;
  CHECK(what, setitimer(ITIMER_REAL, &every, NULL) == 0);
  fal_pollset_wait(ps, LONG);
  CHECK(what, fal_now() - start < LONG);
  setitimer(ITIMER_REAL, &never, NULL);
  sigaction(SIGALRM, &before, NULL);
}


static const struct {
  const char *name;
  void (*run) (fal_pollset *);
} rows[] = {
  {"readiness",                        readiness},
  {"a hang-up is readable",            hang_up_is_readable},
  {"forgotten meanwhile",              forgotten_meanwhile},
  {"a number used again",              number_used_again},
  {"many at once",                     many},
  {"waits no longer than it was told", waits_no_longer_than_told},
  {"nests in another loop",            nests},
  {"timer",                            timer},
  {"wakes from another thread",        wakes},
  {"a signal ends a wait",             signal_ends_a_wait},
};


int main (void) {
  static const fal_pollset_kind kinds[] = { FAL_POLLSET_POLL
#ifdef __linux__
    , FAL_POLLSET_EPOLL
#endif
  };
  size_t k, i;
  for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
    fal_pollset *all = fal_pollset_new(kinds[k], NULL);
    what = "a set for all rows";
    CHECK(what, all != NULL);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
      fal_pollset *ps = fal_pollset_new(kinds[k], NULL);
      char name[80];
      snprintf(name, sizeof(name), "%s: %s", kinds[k] == FAL_POLLSET_POLL
               ? "poll" : "epoll", rows[i].name);
      what = name;
      rows[i].run(ps);
      fal_pollset_free(ps);
      rows[i].run(all);  /* one set through all of them */
    }
    fal_pollset_free(all);
  }
  fal_pollset_free(NULL);
  return TEST_END("pollset");
}
