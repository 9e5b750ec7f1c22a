/*
** ascii.c -- JSON without a byte above 127
*/
#include <stdint.h>
#include <string.h>

#include "ascii.h"


/* The code point at s, its length to '*n'. The text is valid UTF-8. */
static uint32_t decode (const unsigned char *s, size_t left, size_t *n) {
  size_t i, len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC0 ? 2 : 1;
  uint32_t c = len == 1 ? s[0] : s[0] & (0x7Fu >> len);
  if (len > left)
    len = left;
  for (i = 1; i < len; i++)
    c = c << 6 | (s[i] & 0x3F);
  *n = len;
  return c;
}


static fal_code put_escape (fal_buf *b, uint32_t c) {
  if (c < 0x10000)
    return fal_buf_addf(b, "\\u%04x", (unsigned)c);
  c -= 0x10000;
  return fal_buf_addf(b, "\\u%04x\\u%04x", 0xD800u + (unsigned)(c >> 10),
                      0xDC00u + (unsigned)(c & 0x3FF));
}


/* Bytes that stay as they are. Outside strings line breaks are white space,
** inside they are escaped. */
static size_t plain (const char *s, size_t n) {
  size_t i = 0;
  while (i < n && (unsigned char)s[i] < 0x80 && s[i] != '\n' && s[i] != '\r')
    i++;
  return i;
}


fal_code serve_ascii_put (fal_buf *b, const char *s, size_t n) {
  size_t i = 0;
  fal_code code = FAL_OK;
  while (i < n && code == FAL_OK) {
    size_t k = plain(s + i, n - i);
    if (k > 0)
      code = fal_buf_add(b, s + i, k);
    else if ((unsigned char)s[i] >= 0x80)
      code = put_escape(b, decode((const unsigned char *)s + i, n - i, &k));
    else
      k = 1;
    i += k;
  }
  return code;
}
