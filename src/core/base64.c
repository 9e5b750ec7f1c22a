/*
** base64.c -- RFC 4648 base64 and data: URIs
**
** Pictures travel as base64 inside JSON, megabytes at a time, so the decoder
** has gears: clean text goes 32 characters at a time where the processor has
** AVX2, else four at a time; a quantum with white space, padding or an end in
** it goes one character at a time.
*/
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base64.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX2 1
#include <immintrin.h>
#else
#define HAVE_AVX2 0
#endif

static const char alphabet[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define SPACE  0x40   /* skipped */
#define PAD    0x41
#define BAD    0x80

#define S  SPACE
#define P  PAD
#define x  BAD
#define x16  x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x

/* What each character stands for: 0-63, or one of the above. */
static const unsigned char values[256] = {
  x, x, x, x, x, x, x, x, x, S, S, x, x, S, x, x,
  x16,
  S, x, x, x, x, x, x, x, x, x, x, 62, x, 62, x, 63,
  52, 53, 54, 55, 56, 57, 58, 59, 60, 61, x, x, x, P, x, x,
  x, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, x, x, x, x, 63,
  x, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
  41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, x, x, x, x, x,
  x16, x16, x16, x16, x16, x16, x16, x16
};

#undef S
#undef P
#undef x
#undef x16


/* ---- encoding ---- */

size_t fal_base64_encoded (size_t n) {
  return (n + 2) / 3 * 4;
}


size_t fal_base64_encode (char *to, const void *bytes, size_t n) {
  const unsigned char *s = bytes;
  char *q = to;
  for (; n >= 3; s += 3, n -= 3, q += 4) {
    uint32_t v = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
    q[0] = alphabet[v >> 18];
    q[1] = alphabet[v >> 12 & 63];
    q[2] = alphabet[v >> 6 & 63];
    q[3] = alphabet[v & 63];
  }
  if (n > 0) {
    uint32_t v = (uint32_t)s[0] << 16 | (n > 1 ? (uint32_t)s[1] << 8 : 0);
    q[0] = alphabet[v >> 18];
    q[1] = alphabet[v >> 12 & 63];
    q[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
    q[3] = '=';
    q += 4;
  }
  return (size_t)(q - to);
}


/* ---- decoding ---- */

size_t fal_base64_decoded (size_t n) {
  return n / 4 * 3 + 3;
}


#if HAVE_AVX2

#define all(c)  _mm256_set1_epi8((char)(c))

/* 'delta' where lo <= s <= hi, 0 elsewhere; *found gathers where. */
__attribute__((target("avx2")))
static inline __m256i range (__m256i s, int lo, int hi, int delta,
                             __m256i *found) {
  __m256i d = _mm256_sub_epi8(s, all(lo));
  __m256i in = _mm256_cmpeq_epi8(_mm256_min_epu8(d, all(hi - lo)), d);
  *found = _mm256_or_si256(*found, in);
  return _mm256_and_si256(in, all(delta));
}


/* The same where s is c. */
__attribute__((target("avx2")))
static inline __m256i at (__m256i s, int c, int delta, __m256i *found) {
  __m256i in = _mm256_cmpeq_epi8(s, all(c));
  *found = _mm256_or_si256(*found, in);
  return _mm256_and_si256(in, all(delta));
}


/* Decodes blocks of 32 characters for as long as they are clean and of the
** standard alphabet. Returns how many characters that were. Stores 32 bytes
** for the 24 it has, so it stops while there is room for 44 more characters,
** which is 33 bytes. */
__attribute__((target("avx2")))
static size_t decode_avx2 (unsigned char *to, const unsigned char *s,
                           size_t n) {
  /* within each half: three bytes of every four, highest first */
  const __m256i bytes = _mm256_setr_epi8(
    2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
    2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i halves = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
  size_t i;
  for (i = 0; n - i >= 44; i += 32, to += 24) {
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(s + i));
    __m256i found = _mm256_setzero_si256();
    __m256i delta = range(v, 'A', 'Z', -'A', &found);
    delta = _mm256_or_si256(delta, range(v, 'a', 'z', 26 - 'a', &found));
    delta = _mm256_or_si256(delta, range(v, '0', '9', 52 - '0', &found));
    delta = _mm256_or_si256(delta, at(v, '+', 62 - '+', &found));
    delta = _mm256_or_si256(delta, at(v, '/', 63 - '/', &found));
    if (_mm256_movemask_epi8(found) != -1)
      break;
    v = _mm256_add_epi8(v, delta);
    /* four values of 6 bits to two of 12 to one of 24 */
    v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(1 << 8 | 64));
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(1 << 16 | 4096));
    v = _mm256_shuffle_epi8(v, bytes);
    v = _mm256_permutevar8x32_epi32(v, halves);
    _mm256_storeu_si256((__m256i *)(void *)to, v);
  }
  return i;
}

#endif


/* Decodes quanta of four for as long as they are clean. Returns how many
** characters that were. */
static size_t decode_clean (unsigned char *to, const unsigned char *s,
                            size_t n) {
  size_t i = 0;
#if HAVE_AVX2
  if (n >= 44 && __builtin_cpu_supports("avx2"))
    i = decode_avx2(to, s, n);
  to += i / 4 * 3;
#endif
  for (; n - i >= 4; i += 4, to += 3) {
    unsigned a = values[s[i]], b = values[s[i + 1]];
    unsigned c = values[s[i + 2]], d = values[s[i + 3]];
    if ((a | b | c | d) >= SPACE)
      break;
    to[0] = (unsigned char)(a << 2 | b >> 4);
    to[1] = (unsigned char)(b << 4 | c >> 2);
    to[2] = (unsigned char)(c << 6 | d);
  }
  return i;
}


/* Only padding and space may be left in s[0..n) after 'k' characters of the
** last quantum. */
static int ends_well (const unsigned char *s, size_t n, int k) {
  size_t i;
  int pads = 0;
  for (i = 0; i < n; i++) {
    if (values[s[i]] == PAD)
      pads++;
    else if (values[s[i]] != SPACE)
      return 0;
  }
  return k == 0 ? pads == 0 : k > 1 && (pads == 0 || pads == 4 - k);
}


ptrdiff_t fal_base64_decode (void *to, const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  unsigned char *q = to;
  size_t i = 0;
  for (;;) {
    uint32_t v = 0;
    size_t done = decode_clean(q, s + i, n - i);
    int k = 0;
    i += done;
    q += done / 4 * 3;
    for (; k < 4 && i < n && values[s[i]] < PAD; i++) {
      if (values[s[i]] != SPACE) {
        v = v << 6 | values[s[i]];
        k++;
      }
    }
    if (k < 4) {
      if (!ends_well(s + i, n - i, k))
        return -1;
      if (k > 1)
        *q++ = (unsigned char)(v >> (6 * k - 8));
      if (k > 2)
        *q++ = (unsigned char)(v >> 2);
      return q - (unsigned char *)to;
    }
    *q++ = (unsigned char)(v >> 16);
    *q++ = (unsigned char)(v >> 8);
    *q++ = (unsigned char)v;
  }
}


/* ---- data: URIs ---- */

int fal_data_uri_split (const char *s, size_t n, const char **type,
                        size_t *type_n, int *is_base64,
                        const char **payload, size_t *payload_n) {
  const char *comma, *semicolon;
  if (n < 5 || strncasecmp(s, "data:", 5) != 0)
    return 0;
  comma = memchr(s, ',', n);
  if (comma == NULL)
    return 0;
  s += 5;
  n -= 5;
  semicolon = memchr(s, ';', (size_t)(comma - s));
  *type = s;
  *type_n = (size_t)((semicolon != NULL ? semicolon : comma) - s);
  *is_base64 = comma - s >= 7 && strncasecmp(comma - 7, ";base64", 7) == 0;
  *payload = comma + 1;
  *payload_n = n - (size_t)(comma + 1 - s);
  return 1;
}


static int hex (char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


ptrdiff_t fal_percent_decode (char *to, const char *s, size_t n) {
  const char *end = s + n;
  char *q = to;
  while (s < end) {
    if (*s != '%')
      *q++ = *s++;
    else {
      if (end - s < 3 || hex(s[1]) < 0 || hex(s[2]) < 0)
        return -1;
      *q++ = (char)(hex(s[1]) << 4 | hex(s[2]));
      s += 3;
    }
  }
  return q - to;
}
