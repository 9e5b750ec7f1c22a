/*
** jsonput.c -- JSON without a tree: the writer
*/
#include <math.h>
#include <string.h>

#include "json.h"
#include "number.h"


/* The escape for a byte that cannot stand in a string as it is. */
static fal_code put_escape (fal_buf *b, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
  const char *found = memchr(from, c, sizeof(from) - 1);
  char text[6] = "\\u00";
  if (found != NULL) {
    text[1] = into[found - from];
    return fal_buf_add(b, text, 2);
  }
  text[4] = hex[c >> 4];
  text[5] = hex[c & 15];
  return fal_buf_add(b, text, 6);
}


/* What begins at s[k] is not plain: takes turns with escapes to the end. */
static fal_code put_long (fal_buf *b, const char *s, size_t n, size_t k) {
  fal_code code = fal_buf_add(b, "\"", 1);
  while (code == FAL_OK) {
    code = fal_buf_add(b, s, k);
    s += k;
    n -= k;
    if (code != FAL_OK)
      break;
    if (n == 0)
      return fal_buf_add(b, "\"", 1);
    if ((unsigned char)*s >= 0x80)
      return FAL_EVALIDATION;
    code = put_escape(b, (unsigned char)*s);
    s++;
    n--;
    k = fal_json_plain(s, n);
  }
  return code;
}


fal_code fal_json_put_string (fal_buf *b, const char *s, size_t n) {
  size_t k = fal_json_plain(s, n), before = b->n;
  char *to;
  if (k < n) {
    fal_code code = put_long(b, s, n, k);
    if (code != FAL_OK)
      b->n = before;
    return code;
  }
  to = fal_buf_room(b, n + 2);
  if (to == NULL)
    return n + 2 > b->max - b->n ? FAL_ETOOBIG : FAL_ENOMEM;
  to[0] = '"';
  memcpy(to + 1, s, n);
  to[n + 1] = '"';
  b->n += n + 2;
  return FAL_OK;
}


fal_code fal_json_put_int (fal_buf *b, int64_t i) {
  char text[FAL_NUMBER_MAX];
  return fal_buf_add(b, text, fal_number_from_int(text, i));
}


fal_code fal_json_put_number (fal_buf *b, double d, int whole) {
  char text[FAL_NUMBER_MAX];
  if (!isfinite(d))
    return FAL_EVALIDATION;
  return fal_buf_add(b, text, fal_number_from_double(text, d, whole));
}
