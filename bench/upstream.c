/*
** upstream.c -- the fixed server every contestant is measured against
**
** One thread, one epoll, HTTP/1.1 with keep-alive, no allocation once a
** connection stands: it must be cheaper than any client. Listens on a free
** port of 127.0.0.1 and prints it. Any POST gets the same small result; one
** whose path holds "/wait" gets it 100 ms later. It ends when the reader of
** its output goes away.
*/
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD   65536
#define BATCH    256
#define DELAY_MS 100

typedef struct Conn {
  size_t n;           /* bytes in 'in' */
  unsigned gen;       /* which connection of this descriptor */
  char in[8192];      /* one request */
} Conn;

typedef struct Later {
  long due;
  int fd;
  unsigned gen;
} Later;

static Conn *conns[MAX_FD];
static unsigned gens[MAX_FD];
static Later later[MAX_FD];        /* a ring: every delay is the same */
static size_t first, waiting;
static int ep;

static const char body[] =
  "{\"images\":[{\"url\":\"https://v3.fal.media/files/b/panda/"
  "Vq8tXn2LrZ0cJmW5aHs7K_9d41e6.jpeg\",\"width\":1024,\"height\":768,"
  "\"content_type\":\"image/jpeg\"}],\"timings\":{\"inference\":0.7421},"
  "\"seed\":7411903,\"has_nsfw_concepts\":[false],\"prompt\":\"a lighthouse on "
  "a cliff above the sea at dawn, long exposure, soft light\"}";
static char answer[1024];
static size_t answer_n;


static long now_ms (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}


static void die (const char *what) {
  perror(what);
  exit(1);
}


static void watch (int fd, unsigned events) {
  struct epoll_event ev;
  memset(&ev, 0, sizeof(ev));
  ev.events = events;
  ev.data.fd = fd;
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}


static void drop (int fd) {
  free(conns[fd]);
  conns[fd] = NULL;
  gens[fd]++;
  close(fd);
}


/* A client that waits for its answer has room for all of it. */
static void reply (int fd) {
  if (send(fd, answer, answer_n, MSG_NOSIGNAL) != (ssize_t)answer_n)
    drop(fd);
}


static void reply_later (int fd) {
  Later *l = &later[(first + waiting++) % MAX_FD];
  l->due = now_ms() + DELAY_MS;
  l->fd = fd;
  l->gen = gens[fd];
}


static void reply_due (void) {
  long now = now_ms();
  while (waiting > 0 && later[first].due <= now) {
    const Later *l = &later[first];
    first = (first + 1) % MAX_FD;
    waiting--;
    if (gens[l->fd] == l->gen)
      reply(l->fd);
  }
}


/* The length of the request at the start of 'c->in'; 0: not all here. */
static size_t whole_request (const Conn *c) {
  const char *end = memmem(c->in, c->n, "\r\n\r\n", 4);
  const char *p;
  size_t n;
  if (end == NULL)
    return 0;
  n = (size_t)(end + 4 - c->in);
  for (p = c->in; p < end; p++) {
    p = memchr(p, '\n', (size_t)(end + 2 - p));
    if (p == NULL || p >= end)
      break;
    if (strncasecmp(p + 1, "content-length:", 15) == 0) {
      n += strtoul(p + 16, NULL, 10);
      break;
    }
  }
  return n <= c->n ? n : 0;
}


static void serve (int fd) {
  Conn *c = conns[fd];
  ssize_t got = recv(fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);
  size_t n;
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN)
      drop(fd);
    return;
  }
  c->n += (size_t)got;
  c->in[c->n] = '\0';
  if ((n = whole_request(c)) == 0) {
    if (c->n == sizeof(c->in) - 1)
      drop(fd);
    return;
  }
  c->n = 0;  /* nobody pipelines */
  if (memmem(c->in, n < 80 ? n : 80, "/wait", 5) != NULL)
    reply_later(fd);
  else
    reply(fd);
}


static void take (int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    Conn *c = fd < MAX_FD ? malloc(sizeof(*c)) : NULL;
    if (c == NULL) {
      close(fd);
      continue;
    }
    c->n = 0;
    conns[fd] = c;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    watch(fd, EPOLLIN);
  }
}


static int listen_somewhere (int *port) {
  struct sockaddr_in at;
  socklen_t n = sizeof(at);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  memset(&at, 0, sizeof(at));
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 ||
      listen(fd, 4096) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &n) != 0)
    die("upstream: listen");
  *port = ntohs(at.sin_port);
  return fd;
}


static void raise_limit (void) {
  struct rlimit r;
  if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
  }
}


int main (void) {
  struct epoll_event ev[BATCH];
  int port, listener = listen_somewhere(&port);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  answer_n = (size_t)snprintf(answer, sizeof(answer),
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    "x-fal-request-id: 00000000-0000-4000-8000-0123456789ab\r\n"
    "Content-Length: %zu\r\n\r\n%s", sizeof(body) - 1, body);
  ep = epoll_create1(0);
  if (ep < 0)
    die("upstream: epoll");
  watch(listener, EPOLLIN);
  watch(STDOUT_FILENO, 0);  /* tells when the other end is closed */
  printf("%d\n", port);
  fflush(stdout);
  for (;;) {
    long left = waiting > 0 ? later[first].due - now_ms() : -1;
    int i, n = epoll_wait(ep, ev, BATCH, waiting > 0 && left < 0 ? 0
                                                                 : (int)left);
    for (i = 0; i < n; i++) {
      int fd = ev[i].data.fd;
      if (fd == STDOUT_FILENO)
        return 0;
      else if (fd == listener)
        take(fd);
      else if (conns[fd] != NULL)
        serve(fd);
    }
    reply_due();
  }
}
