/*
** utf8.c -- is it UTF-8, and may it stand in a JSON string as it is?
**
** Both questions are asked of every string that comes in or goes out, nearly
** all of them ASCII, so eight bytes are looked at together: a byte that needs
** a closer look leaves its highest bit set in a mask.
*/
#include <string.h>

#include "json.h"

#define EACH(c)  (UINT64_C(0x0101010101010101) * (c))
#define HIGH     EACH(0x80)


/* Eight bytes, the first one lowest. */
static uint64_t load (const unsigned char *s) {
  uint64_t x;
  memcpy(&x, s, sizeof(x));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  return x;
}


/* Marks controls, '"', '\\' and bytes from 0x80 up. A borrow may mark more
** bytes above the first that is marked, never below it. */
static uint64_t special (uint64_t x) {
  return ((x - EACH(0x20)) | ((x ^ EACH('"')) - EACH(1)) |
          ((x ^ EACH('\\')) - EACH(1)) | x) & HIGH;
}


#define BLOCK  64

typedef signed char vector __attribute__((vector_size(16)));


/* The same bytes, marked each for itself, of sixteen. */
static inline vector special16 (const unsigned char *s) {
  vector v;
  memcpy(&v, s, sizeof(v));
  return (vector)(v < 0x20) | (vector)(v == '"') | (vector)(v == '\\');
}


/* Nonzero when a block has none of those. */
static int is_plain (const unsigned char *s) {
  vector found = special16(s) | special16(s + 16) | special16(s + 32) |
                 special16(s + 48);
  uint64_t halves[2];
  memcpy(halves, &found, sizeof(found));
  return (halves[0] | halves[1]) == 0;
}


#define tail(c)  (((c) & 0xC0u) == 0x80)

/* Length of the sequence of two bytes or more that begins s[0..n); 0 when it
** is cut short, overlong, a surrogate or past U+10FFFF. */
static size_t sequence (const unsigned char *s, size_t n) {
  unsigned c = s[0];
  if (c < 0xC2 || n < 2 || !tail(s[1]))
    return 0;
  if (c < 0xE0)
    return 2;
  if (n < 3 || !tail(s[2]))
    return 0;
  if (c < 0xF0) {
    unsigned code = (c & 0x0F) << 6 | (s[1] & 0x3Fu);  /* without 6 bits */
    return code >= 0x800 >> 6 && (code < 0xD800 >> 6 || code > 0xDFFF >> 6)
           ? 3 : 0;
  }
  if (c < 0xF5 && n >= 4 && tail(s[3])) {
    unsigned code = (c & 0x07) << 6 | (s[1] & 0x3Fu);  /* without 12 bits */
    return code >= 0x10000 >> 12 && code <= 0x10FFFF >> 12 ? 4 : 0;
  }
  return 0;
}


size_t fal_utf8_check (const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  size_t i = 0, k;
  for (;;) {
    while (n - i >= 32 && ((load(s + i) | load(s + i + 8) |
                            load(s + i + 16) | load(s + i + 24)) & HIGH) == 0)
      i += 32;
    while (n - i >= 8 && (load(s + i) & HIGH) == 0)
      i += 8;
    while (i < n && s[i] < 0x80)
      i++;
    if (i == n)
      return n;
    while (i < n && s[i] >= 0x80) {  /* such bytes come in company */
      if ((k = sequence(s + i, n - i)) == 0)
        return i;
      i += k;
    }
  }
}


size_t fal_json_plain (const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  size_t i = 0, k;
  for (;;) {
    while (n - i >= 8) {
      uint64_t mask = special(load(s + i));
      if (mask != 0) {
        i += (size_t)__builtin_ctzll(mask) / 8;
        break;
      }
      i += 8;
      if (i % BLOCK == 0)  /* a long one */
        while (n - i >= BLOCK && is_plain(s + i))
          i += BLOCK;
    }
    while (i < n && s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' &&
           s[i] != '\\')
      i++;
    if (i == n || s[i] < 0x80)
      return i;
    while (i < n && s[i] >= 0x80) {
      if ((k = sequence(s + i, n - i)) == 0)
        return i;
      i += k;
    }
  }
}
