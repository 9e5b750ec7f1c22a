/*
** buf.h -- a growing byte buffer that cannot run away
**
** The ceiling is given when the buffer is made; passing it is an ordinary
** error, after which the buffer is unchanged.
*/
#ifndef fal_buf_h
#define fal_buf_h

#include <stddef.h>

#include "error.h"

typedef struct fal_buf {
  char *s;      /* the bytes; NULL while nothing was ever added */
  size_t n;     /* how many are there */
  size_t cap;   /* how many fit before the next growth */
  size_t max;   /* the ceiling for n */
} fal_buf;

/* An empty buffer of at most 'max' bytes. Allocates nothing. */
void fal_buf_init (fal_buf *b, size_t max);

/* Frees the bytes; the buffer is empty again and usable. */
void fal_buf_free (fal_buf *b);

/* Appends. FAL_OK, FAL_ETOOBIG or FAL_ENOMEM. 's' may be NULL when n is 0. */
fal_code fal_buf_add (fal_buf *b, const void *s, size_t n);
fal_code fal_buf_addstr (fal_buf *b, const char *s);
fal_code fal_buf_addf (fal_buf *b, const char *fmt, ...)
  __attribute__((format(printf, 2, 3)));

/* Makes room for 'n' more bytes and returns where they go, or NULL (too big,
** or no memory). The caller writes up to n bytes and adds to b->n itself. */
char *fal_buf_room (fal_buf *b, size_t n);

/* The bytes with a NUL after them (not counted in n, nor against the
** ceiling). NULL only when memory ends. */
const char *fal_buf_cstr (fal_buf *b);

#endif
