/*
** ring.c -- bytes from one process to another, through shared memory
*/
#include <string.h>

#include "ring.h"


void ring_attach (ring_end *e, ring *r) {
  e->r = r;
  e->at = 0;
}


size_t ring_room (const ring_end *e) {
  uint64_t used = e->at - __atomic_load_n(&e->r->taken, __ATOMIC_SEQ_CST);
  return used <= RING_SIZE ? RING_SIZE - (size_t)used : 0;
}


/* From 'at' to the end of the ring, no more than n. */
static size_t stretch (uint64_t at, size_t n) {
  size_t left = RING_SIZE - (size_t)(at % RING_SIZE);
  return n < left ? n : left;
}


void ring_put (ring_end *e, const void *s, size_t n) {
  size_t first = stretch(e->at, n);
  if (n == 0)
    return;
  memcpy(e->r->bytes + e->at % RING_SIZE, s, first);
  memcpy(e->r->bytes, (const char *)s + first, n - first);
  e->at += n;
}


void ring_publish (ring_end *e) {
  __atomic_store_n(&e->r->written, e->at, __ATOMIC_SEQ_CST);
}


size_t ring_have (const ring_end *e) {
  uint64_t n = __atomic_load_n(&e->r->written, __ATOMIC_SEQ_CST) - e->at;
  return n <= RING_SIZE ? (size_t)n : RING_SIZE + 1;
}


void ring_get (ring_end *e, void *to, size_t n) {
  size_t first = stretch(e->at, n);
  if (n == 0)
    return;
  memcpy(to, e->r->bytes + e->at % RING_SIZE, first);
  memcpy((char *)to + first, e->r->bytes, n - first);
  e->at += n;
  __atomic_store_n(&e->r->taken, e->at, __ATOMIC_SEQ_CST);
}
