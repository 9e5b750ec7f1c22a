/*
** range.c -- which bytes of a file a Range header asks for
*/
#include <stdlib.h>
#include <string.h>

#include "range.h"


/* Digits at '*s', which moves behind them. 0 when there are none or too
** many. */
static int read_number (const char **s, uint64_t *v) {
  size_t n = strspn(*s, "0123456789");
  if (n == 0 || n > 18)
    return 0;
  *v = strtoull(*s, NULL, 10);
  *s += n;
  return 1;
}


/* "-n": the last n bytes. */
static serve_range read_suffix (const char *s, uint64_t size, uint64_t *from,
                                uint64_t *n) {
  uint64_t last;
  if (!read_number(&s, &last) || *s != '\0')
    return RANGE_NONE;
  *n = last < size ? last : size;
  *from = size - *n;
  return *n > 0 ? RANGE_ONE : RANGE_BAD;
}


serve_range serve_read_range (const char *s, uint64_t size, uint64_t *from,
                              uint64_t *n) {
  uint64_t a, b;
  if (s == NULL || strncmp(s, "bytes=", 6) != 0)
    return RANGE_NONE;
  s += 6;
  if (*s == '-')
    return read_suffix(s + 1, size, from, n);
  if (!read_number(&s, &a) || *s++ != '-')
    return RANGE_NONE;
  b = size > 0 ? size - 1 : 0;
  if (*s != '\0' && (!read_number(&s, &b) || *s != '\0' || b < a))
    return RANGE_NONE;
  if (a >= size)
    return RANGE_BAD;
  *from = a;
  *n = (b < size ? b : size - 1) - a + 1;
  return RANGE_ONE;
}
