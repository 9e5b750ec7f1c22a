/*
** test_feed.c -- answers that are written while they are sent, by a daemon
** with a route of this file
*/
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/core/fal.h"
#include "../../src/server/serve.h"
#include "../../src/server/turn.h"
#include "test.h"

#define LONG  20.0   /* seconds nobody should have to wait */
#define BIG   (3u << 20)

static serve_feed *made;                /* what the route made last */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;


/* What http.o asks of the rest of the server. */

void serve_log (const char *fmt, ...) { (void)fmt; }

void serve_uuid (char to[37]) { strcpy(to, "id"); }

int serve_head (serve_request *r) {
  (void)r;
  return 0;
}

void serve_route (serve_request *r) {
  serve_feed *f = serve_feed_new(r, 200, "text/event-stream");
  if (strcmp(r->path, "/now") == 0) {
    serve_feed_write(f, "data: 1\n\n", 9);
    serve_feed_end(f);
    return;
  }
  pthread_mutex_lock(&lock);
  made = f;
  pthread_mutex_unlock(&lock);
}


static int listen_here (struct sockaddr_in *a) {
  socklen_t n = sizeof(*a);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(a, 0, sizeof(*a));
  a->sin_family = AF_INET;
  a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)a, sizeof(*a)) != 0 || listen(fd, 16) != 0)
    return -1;
  getsockname(fd, (struct sockaddr *)a, &n);
  return fd;
}


/* A connection that has asked for 'path'. */
static int ask (const struct sockaddr_in *a, const char *path) {
  struct timeval limit = {(time_t)LONG, 0};
  char line[200];
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int n = snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\nHost: a\r\n"
                   "Connection: close\r\n\r\n", path);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  CHECK("connect", connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0);
  CHECK("ask", write(fd, line, (size_t)n) == n);
  return fd;
}


/* The feed of the connection just made. */
static serve_feed *fed (void) {
  double limit = fal_now() + LONG;
  serve_feed *f = NULL;
  while (f == NULL && fal_now() < limit) {
    pthread_mutex_lock(&lock);
    f = made;
    made = NULL;
    pthread_mutex_unlock(&lock);
    usleep(1000);
  }
  CHECK("the route made a feed", f != NULL);
  return f;
}


static void drain (int fd, fal_buf *to) {
  char part[65536];
  ssize_t n;
  fal_buf_free(to);
  while ((n = read(fd, part, sizeof(part))) > 0)
    fal_buf_add(to, part, (size_t)n);
  close(fd);
}


/* How many bytes of kind 'c' there are. */
static size_t count (const fal_buf *b, char c) {
  size_t i, n = 0;
  for (i = 0; i < b->n; i++)
    n += b->s[i] == c;
  return n;
}


static void whole (const struct sockaddr_in *a) {
  fal_buf got;
  int fd, i;
  serve_feed *f;
  char *big = malloc(BIG);
  memset(big, '~', BIG);
  fal_buf_init(&got, 64u << 20);
  drain(ask(a, "/now"), &got);
  CHECK("written in the handler", strstr(fal_buf_cstr(&got), "data: 1\n\n"));
  CHECK("its end", strstr(fal_buf_cstr(&got), "\r\n0\r\n\r\n") != NULL);
  fd = ask(a, "/later");
  f = fed();
  CHECK("nobody has left", !serve_feed_gone(f));
  for (i = 0; i < 100; i++)
    CHECK("small", serve_feed_write(f, "data: |\n\n", 9));
  CHECK("big", serve_feed_write(f, big, BIG));
  serve_feed_end(f);
  drain(fd, &got);
  CHECK("all the small ones", count(&got, '|') == 100);
  CHECK("all of the big one", count(&got, '~') == BIG);
  CHECK("its end", memcmp(got.s + got.n - 7, "\r\n0\r\n\r\n", 7) == 0);
  fal_buf_free(&got);
  free(big);
}


static void leaving (const struct sockaddr_in *a) {
  double limit = fal_now() + LONG;
  int fd = ask(a, "/later");
  serve_feed *f = fed();
  close(fd);
  while (!serve_feed_gone(f) && fal_now() < limit)
    usleep(1000);
  CHECK("a hang-up is noticed while nothing is written", serve_feed_gone(f));
  CHECK("and writing says so", !serve_feed_write(f, "a", 1));
  serve_feed_end(f);
}


static void slow (const struct sockaddr_in *a) {
  size_t sent = 0;
  char *big = calloc(1, BIG);
  int fd = ask(a, "/later");
  serve_feed *f = fed();
  while (serve_feed_write(f, big, BIG) && sent < 32 * (size_t)FEED_MAX)
    sent += BIG;
  CHECK("who does not read is cut off", serve_feed_gone(f));
  CHECK("but not at once", sent > FEED_MAX);
  serve_feed_end(f);
  close(fd);
  free(big);
}


static void closing (falua_server *s, const struct sockaddr_in *a) {
  fal_buf got;
  int fd = ask(a, "/later"), late;
  serve_feed *f = fed();
  fal_buf_init(&got, 1u << 20);
  serve_feed_write(f, "data: 1\n\n", 9);
  serve_feeds_close(s->feeds);
  CHECK("closing the set cuts all", !serve_feed_write(f, "a", 1));
  drain(fd, &got);
  CHECK("without an end", strstr(fal_buf_cstr(&got), "\r\n0\r\n\r\n") == NULL);
  serve_feed_end(f);
  late = ask(a, "/later");
  f = fed();
  CHECK("and what comes later", serve_feed_gone(f));
  serve_feed_end(f);
  drain(late, &got);
  fal_buf_free(&got);
}


int main (void) {
  struct sockaddr_in a;
  falua_server s;
  fal_error err;
  memset(&s, 0, sizeof(s));
  pthread_mutex_init(&s.lock, NULL);
  pthread_cond_init(&s.idle, NULL);
  s.listener = listen_here(&a);
  s.feeds = serve_feeds_new(15, &err);
  s.guard = serve_guard_new(60, 60);
  CHECK("feeds", s.feeds != NULL && s.guard != NULL);
  CHECK("daemon", serve_http_start(&s, &err) == FAL_OK);
  whole(&a);
  leaving(&a);
  slow(&a);
  closing(&s, &a);
  serve_turn_end(s.turn);
  MHD_stop_daemon(s.daemon);
  serve_turn_free(s.turn);
  serve_feeds_free(s.feeds);
  serve_guard_free(s.guard);
  CHECK("no request is left", s.active == 0);
  return TEST_END("feed");
}
