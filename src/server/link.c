/*
** link.c -- sleeping and waking between the server and a worker process
**
** Who is about to sleep says so first and looks again after; who has written
** looks after. So at least one of them sees the other.
*/
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL  0
#endif


void link_attach (link_end *l, link_shared *m, int fd, int worker) {
  memset(l, 0, sizeof(*l));
  l->m = m;
  l->fd = fd;
  l->mine = &m->side[worker ? 0 : 1];
  l->other = &m->side[worker ? 1 : 0];
  ring_attach(&l->in, worker ? &m->to_worker : &m->to_server);
  ring_attach(&l->out, worker ? &m->to_server : &m->to_worker);
}


/* One byte for each time that the other side went to sleep. */
static void wake (link_end *l, uint32_t *flag) {
  if (__atomic_load_n(flag, __ATOMIC_SEQ_CST) != 0 &&
      __atomic_exchange_n(flag, 0, __ATOMIC_SEQ_CST) != 0)
    while (send(l->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
           errno == EINTR)
      ;
}


void link_wake_reader (link_end *l) {
  wake(l, &l->other->sleeps);
}


void link_wake_writer (link_end *l) {
  wake(l, &l->other->wants_room);
}


static void set (uint32_t *flag, int v) {
  __atomic_store_n(flag, (uint32_t)v, __ATOMIC_SEQ_CST);
}


static int is_there (const link_end *l, int what) {
  return ((what & LINK_FRAME) && ring_have(&l->in) > 0) ||
         ((what & LINK_ROOM) && ring_room(&l->out) > 0);
}


/* 0 at the end of the socket. */
static int wait_byte (int fd) {
  struct pollfd p;
  char bytes[64];
  ssize_t n;
  p.fd = fd;
  p.events = POLLIN;
  p.revents = 0;
  poll(&p, 1, -1);
  n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}


int link_sleep (link_end *l, int what) {
  int alive = 1;
  set(&l->mine->sleeps, what & LINK_FRAME);
  set(&l->mine->wants_room, what & LINK_ROOM);
  if (!is_there(l, what))
    alive = wait_byte(l->fd);
  set(&l->mine->sleeps, 0);
  set(&l->mine->wants_room, 0);
  return alive;
}
