/*
** httpd.h -- a small HTTP server in a thread of the test
**
** A poll() loop over plain sockets. It answers by path:
**   /t/echo         the request as it came, as text
**   /t/together     once 'expected' of these are here, all of them
**   /t/never        not at all
**   /t/status       422 with a field        /t/large   100,000 bytes
**   /t/cut          half of what it says    /t/file    "contents"
**   /t/elsewhere    a redirect to /t/echo
** It counts what it holds and what was left by the client; 'look' reads the
** counts from the test's thread.
*/
#ifndef fal_httpd_h
#define fal_httpd_h

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#define CONNS 256

typedef struct Conn {
  int fd;
  char in[8192];
  size_t n;
  enum { READING, TOGETHER, NEVER } state;
} Conn;

static struct {
  pthread_t thread;
  int listener, stop[2];
  char url[64];
  Conn conns[CONNS];
  pthread_mutex_t lock;    /* of what follows */
  int expected, held, left;
} server;


static void say (int fd, const char *s, size_t n) {
  while (n > 0) {
    ssize_t k = send(fd, s, n, MSG_NOSIGNAL);
    if (k <= 0)
      break;
    s += k;
    n -= (size_t)k;
  }
}


static void answer (int fd, const char *status, const char *type,
                    const char *body, size_t n, size_t announced) {
  char head[256];
  int k = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s\r\n"
                   "x-fal-request-id: id-1\r\nContent-Length: %lu\r\n\r\n",
                   status, type, (unsigned long)announced);
  say(fd, head, (size_t)k);
  say(fd, body, n);
}


static void json (int fd, const char *status, const char *body) {
  answer(fd, status, "application/json", body, strlen(body), strlen(body));
}


static void drop (Conn *c) {
  close(c->fd);
  c->fd = -1;
  c->n = 0;
  c->state = READING;
}


static void count (int *n, int by) {
  pthread_mutex_lock(&server.lock);
  *n += by;
  pthread_mutex_unlock(&server.lock);
}


static int look (const int *n) {
  int v;
  pthread_mutex_lock(&server.lock);
  v = *n;
  pthread_mutex_unlock(&server.lock);
  return v;
}


static void hold (Conn *c, int state) {
  int i;
  c->state = state;
  count(&server.held, 1);
  if (state != TOGETHER || look(&server.held) < look(&server.expected))
    return;
  for (i = 0; i < CONNS; i++)
    if (server.conns[i].fd >= 0 && server.conns[i].state == TOGETHER) {
      json(server.conns[i].fd, "200 OK", "{\"together\":true}");
      server.conns[i].state = READING;
      count(&server.held, -1);
    }
}


/* One whole request is in c->in. */
static void serve (Conn *c) {
  static char large[100000];
  char path[64] = "";
  c->in[c->n] = '\0';
  sscanf(c->in, "%*s %63[^? ]", path);
  c->n = 0;
  if (strcmp(path, "/t/together") == 0)
    hold(c, TOGETHER);
  else if (strcmp(path, "/t/never") == 0)
    hold(c, NEVER);
  else if (strcmp(path, "/t/status") == 0)
    json(c->fd, "422 Unprocessable Entity", "{\"detail\":[{\"loc\":[\"body\","
         "\"prompt\"],\"msg\":\"field required\",\"type\":\"missing\"}]}");
  else if (strcmp(path, "/t/large") == 0) {
    memset(large, ' ', sizeof(large));
    answer(c->fd, "200 OK", "application/json", large, sizeof(large),
           sizeof(large));
  }
  else if (strcmp(path, "/t/cut") == 0) {
    answer(c->fd, "200 OK", "text/plain", "half", 4, 8);
    drop(c);
  }
  else if (strcmp(path, "/t/file") == 0)
    answer(c->fd, "200 OK", "text/plain", "contents", 8, 8);
  else if (strcmp(path, "/t/elsewhere") == 0) {
    static const char s[] = "HTTP/1.1 307 Moved\r\nLocation: /t/echo\r\n"
                            "Content-Length: 0\r\n\r\n";
    say(c->fd, s, sizeof(s) - 1);
  }
  else
    answer(c->fd, "200 OK", "text/plain", c->in, strlen(c->in),
           strlen(c->in));
}


static int complete (Conn *c) {
  const char *end, *length;
  c->in[c->n] = '\0';
  end = strstr(c->in, "\r\n\r\n");
  if (end == NULL)
    return 0;
  length = strstr(c->in, "Content-Length: ");
  return c->n >= (size_t)(end + 4 - c->in) +
         (length != NULL ? (size_t)atol(length + 16) : 0);
}


static void hear (Conn *c) {
  ssize_t n = recv(c->fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);
  if (n > 0 && c->state == READING) {
    c->n += (size_t)n;
    if (complete(c))
      serve(c);
  }
  else if (n <= 0) {
    if (c->state != READING) {
      count(&server.held, -1);
      count(&server.left, 1);
    }
    drop(c);
  }
}


static void *run_server (void *ud) {
  (void)ud;
  for (;;) {
    struct pollfd p[CONNS + 2];
    Conn *who[CONNS + 2];
    int i, n = 2;
    p[0].fd = server.stop[0];
    p[1].fd = server.listener;
    p[0].events = p[1].events = POLLIN;
    for (i = 0; i < CONNS; i++)
      if (server.conns[i].fd >= 0) {
        who[n] = &server.conns[i];
        p[n].fd = server.conns[i].fd;
        p[n++].events = POLLIN;
      }
    if (poll(p, (nfds_t)n, -1) < 0)
      continue;
    if (p[0].revents != 0)
      return NULL;
    for (i = 2; i < n; i++)
      if (p[i].revents != 0 && who[i]->fd == p[i].fd)
        hear(who[i]);
    if (p[1].revents != 0) {
      int fd = accept(server.listener, NULL, NULL);
      for (i = 0; i < CONNS && server.conns[i].fd >= 0; i++)
        ;
      if (i < CONNS)
        server.conns[i].fd = fd;
      else
        close(fd);
    }
  }
}


static int listen_anywhere (int *port) {
  struct sockaddr_in a;
  socklen_t n = sizeof(a);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&a, 0, sizeof(a));
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK("server", bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
  CHECK("server", listen(fd, 512) == 0);
  getsockname(fd, (struct sockaddr *)&a, &n);
  *port = ntohs(a.sin_port);
  return fd;
}


static void start_server (void) {
  int i, port;
  server.listener = listen_anywhere(&port);
  snprintf(server.url, sizeof(server.url), "http://127.0.0.1:%d", port);
  for (i = 0; i < CONNS; i++)
    server.conns[i].fd = -1;
  pthread_mutex_init(&server.lock, NULL);
  CHECK("server", pipe(server.stop) == 0);
  CHECK("server", pthread_create(&server.thread, NULL, run_server, NULL) == 0);
}


static void stop_server (void) {
  int i;
  CHECK("server", write(server.stop[1], "", 1) == 1);
  pthread_join(server.thread, NULL);
  for (i = 0; i < CONNS; i++)
    if (server.conns[i].fd >= 0)
      close(server.conns[i].fd);
  close(server.listener);
  close(server.stop[0]);
  close(server.stop[1]);
  pthread_mutex_destroy(&server.lock);
}

#endif
