/*
** bind.c -- a listening socket from "ADDR:PORT"
*/
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bind.h"

#define BACKLOG  4096


/* "ADDR:PORT" or "[ADDR]:PORT" in two. 0 when it is neither. */
static int split (const char *listen_at, char *addr, size_t n,
                  const char **port) {
  const char *colon = strrchr(listen_at, ':');
  const char *from = listen_at, *to = colon;
  if (colon == NULL || colon[1] == '\0' ||
      colon[1 + strspn(colon + 1, "0123456789")] != '\0' ||
      strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
    return 0;
  if (*from == '[') {
    from++;
    if (to == from || *--to != ']')
      return 0;
  }
  if (to == from || (size_t)(to - from) >= n)
    return 0;
  memcpy(addr, from, (size_t)(to - from));
  addr[to - from] = '\0';
  *port = colon + 1;
  return 1;
}


static int is_loopback (const struct sockaddr *a) {
  if (a->sa_family == AF_INET)
    return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24
           == 127;
  return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(
           &((const struct sockaddr_in6 *)a)->sin6_addr);
}


/* A listening socket, or -1 with errno. */
static int listen_on (const struct addrinfo *a) {
  int one = 1, why;
  int fd = socket(a->ai_family, SOCK_STREAM, 0);
  if (fd < 0)
    return -1;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  why = errno;
  close(fd);
  errno = why;
  return -1;
}


/* What was bound, with the real port, as a URL. */
static void put_url (int fd, char url[SERVE_BIND_URL]) {
  struct sockaddr_storage a;
  socklen_t n = sizeof(a);
  char text[INET6_ADDRSTRLEN] = "";
  memset(&a, 0, sizeof(a));
  getsockname(fd, (struct sockaddr *)&a, &n);
  if (a.ss_family == AF_INET6) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a;
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
    snprintf(url, SERVE_BIND_URL, "http://[%s]:%u", text,
             ntohs(in6->sin6_port));
  }
  else {
    struct sockaddr_in *in = (struct sockaddr_in *)&a;
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    snprintf(url, SERVE_BIND_URL, "http://%s:%u", text,
             ntohs(in->sin_port));
  }
}


fal_code serve_bind (const char *at, const serve_bind_fear *fear, int *fd,
                     char url[SERVE_BIND_URL], fal_error *err) {
  struct addrinfo want, *a = NULL;
  char addr[256];
  const char *port;
  int why;
  if (!split(at, addr, sizeof(addr), &port))
    return fal_fail(err, FAL_EVALIDATION,
                    "'%.100s' is no address to listen on: it looks like "
                    "127.0.0.1:8787", at);
  memset(&want, 0, sizeof(want));
  want.ai_socktype = SOCK_STREAM;
  want.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  why = getaddrinfo(addr, port, &want, &a);
  if (why != 0)
    return fal_fail(err, FAL_ENETWORK, "cannot listen on %.100s: %s", at,
                    gai_strerror(why));
  if (fear != NULL && !is_loopback(a->ai_addr)) {
    freeaddrinfo(a);
    fal_fail(err, FAL_EVALIDATION, "%.100s can be reached from other "
             "machines, and %s", at, fear->why);
    fal_hint(err, "%s", fear->way_out);
    return FAL_EVALIDATION;
  }
  *fd = listen_on(a);
  why = errno;
  freeaddrinfo(a);
  if (*fd < 0)
    return fal_fail(err, FAL_ENETWORK, "cannot listen on %.100s: %s", at,
                    strerror(why));
  put_url(*fd, url);
  return FAL_OK;
}
