/*
** ring.h -- bytes from one process to another, through shared memory
**
** One writer, one reader. Each keeps its own place and only publishes it, so
** the other side can break the bytes but not make us read or write outside of
** the ring. Nothing here waits or makes a system call.
*/
#ifndef falua_ring_h
#define falua_ring_h

#include <stddef.h>
#include <stdint.h>

#define RING_SIZE  (256u << 10)   /* a power of two */

/* The part in shared memory, all zero at first. */
typedef struct ring {
  uint64_t written;      /* bytes ever, set by the writer */
  char apart1[56];
  uint64_t taken;        /* bytes ever, set by the reader */
  char apart2[56];
  char bytes[RING_SIZE];
} ring;

/* One side's view. */
typedef struct ring_end {
  ring *r;
  uint64_t at;           /* bytes written or taken, whatever 'r' says */
} ring_end;

void ring_attach (ring_end *e, ring *r);

/* Writer: how many bytes fit. */
size_t ring_room (const ring_end *e);

/* Writer: copies n <= ring_room bytes. The reader sees them when they are
** published. */
void ring_put (ring_end *e, const void *s, size_t n);
void ring_publish (ring_end *e);

/* Reader: how many bytes there are; more than RING_SIZE when the other side
** is not to be trusted. */
size_t ring_have (const ring_end *e);

/* Reader: copies n <= ring_have bytes and gives their room back. */
void ring_get (ring_end *e, void *to, size_t n);

#endif
