/*
** buf.c -- a growing byte buffer that cannot run away
*/
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"


void fal_buf_init (fal_buf *b, size_t max) {
  memset(b, 0, sizeof(*b));
  b->max = max;
}


void fal_buf_free (fal_buf *b) {
  free(b->s);
  b->s = NULL;
  b->n = b->cap = 0;
}


/* Capacity for 'n' more bytes and a NUL. */
static fal_code grow (fal_buf *b, size_t n) {
  size_t need, cap;
  char *s;
  if (n > b->max - b->n)
    return FAL_ETOOBIG;
  need = b->n + n + 1;
  if (need == 0)  /* max was SIZE_MAX */
    return FAL_ETOOBIG;
  if (need <= b->cap)
    return FAL_OK;
  cap = b->cap < 128 ? 256 : b->cap + b->cap / 2;
  if (cap < need)
    cap = need;
  if (cap - 1 > b->max)
    cap = b->max + 1;
  s = realloc(b->s, cap);
  if (s == NULL)
    return FAL_ENOMEM;
  b->s = s;
  b->cap = cap;
  return FAL_OK;
}


fal_code fal_buf_add (fal_buf *b, const void *s, size_t n) {
  if (n > 0) {
    fal_code code;
    if (b->cap - b->n <= n && (code = grow(b, n)) != FAL_OK)
      return code;
    if (n > b->max - b->n)
      return FAL_ETOOBIG;
    memcpy(b->s + b->n, s, n);
    b->n += n;
  }
  return FAL_OK;
}


fal_code fal_buf_addstr (fal_buf *b, const char *s) {
  return fal_buf_add(b, s, strlen(s));
}


fal_code fal_buf_addf (fal_buf *b, const char *fmt, ...) {
  va_list ap;
  int n;
  fal_code code;
  va_start(ap, fmt);
  n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0)
    return FAL_ENOMEM;
  code = grow(b, (size_t)n);
  if (code == FAL_OK) {
    va_start(ap, fmt);
    vsnprintf(b->s + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
  }
  return code;
}


char *fal_buf_room (fal_buf *b, size_t n) {
  return grow(b, n) == FAL_OK ? b->s + b->n : NULL;
}


const char *fal_buf_cstr (fal_buf *b) {
  if (b->cap == b->n && grow(b, 0) != FAL_OK)
    return NULL;
  b->s[b->n] = '\0';
  return b->s;
}
