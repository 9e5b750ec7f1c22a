/*
** png_text.c -- between UTF-8 and the data of a PNG's text chunks
**
** tEXt is Latin-1, zTXt is Latin-1 deflated, iTXt is UTF-8, deflated or not.
** Keywords are Latin-1 in all three.
*/
#include <string.h>

#include <zlib.h>

#include "png_private.h"

#define LONG_TEXT  4096  /* bytes; from here on it is deflated */


/* The code point at s[0..n), n > 0, and its length in '*len'; -1 when it is
** not UTF-8. */
static long decode (const char *s, size_t n, size_t *len) {
  static const long least[] = {0, 0x80, 0x800, 0x10000};
  const unsigned char *u = (const unsigned char *)s;
  size_t more = u[0] < 0xC0 ? 4 : u[0] < 0xE0 ? 1 : u[0] < 0xF0 ? 2 :
                u[0] < 0xF8 ? 3 : 4;
  long c;
  size_t i;
  *len = 1;
  if (u[0] < 0x80)
    return u[0];
  if (more > 3 || more >= n)
    return -1;
  c = u[0] & (0x3F >> more);
  for (i = 1; i <= more; i++) {
    if ((u[i] & 0xC0) != 0x80)
      return -1;
    c = c << 6 | (u[i] & 0x3F);
  }
  *len = more + 1;
  return (c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
         ? -1 : c;
}


/* Writes one character of Latin-1 as UTF-8: one byte or two. */
static size_t latin1_char (char *to, uint8_t c) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  to[0] = (char)(0xC0 | c >> 6);
  to[1] = (char)(0x80 | (c & 0x3F));
  return 2;
}


/* Appends Latin-1 as UTF-8. */
static fal_code add_latin1 (fal_buf *out, const uint8_t *s, size_t n) {
  fal_code code = FAL_OK;
  size_t i;
  for (i = 0; i < n && code == FAL_OK; i++) {
    char c[2];
    code = fal_buf_add(out, c, latin1_char(c, s[i]));
  }
  return code;
}


/* How many bytes of ASCII s[0..n) begins with. */
static size_t ascii (const char *s, size_t n) {
  size_t i = 0;
  for (; n - i >= 8; i += 8) {
    uint64_t x;
    memcpy(&x, s + i, sizeof(x));
    if ((x & UINT64_C(0x8080808080808080)) != 0)
      break;
  }
  while (i < n && (unsigned char)s[i] < 0x80)
    i++;
  return i;
}


/* Appends UTF-8, all of it below U+0100, as Latin-1. */
static fal_code put_latin1 (fal_buf *out, const char *s, size_t n) {
  fal_code code = FAL_OK;
  while (n > 0 && code == FAL_OK) {
    size_t len = ascii(s, n);
    if (len > 0)
      code = fal_buf_add(out, s, len);
    else {
      char c = (char)decode(s, n, &len);
      code = fal_buf_add(out, &c, 1);
    }
    s += len;
    n -= len;
  }
  return code;
}


/* May a keyword have it: is it printing Latin-1? */
static int key_char (long c) {
  return (c >= 32 && c <= 126) || (c >= 161 && c <= 255);
}


static int key_ok (const char *key) {
  size_t n = strlen(key), len, count = 0;
  int last = ' ';  /* none at the beginning */
  for (; n > 0; key += len, n -= len) {
    long c = decode(key, n, &len);
    if (!key_char(c) || (c == ' ' && last == ' '))
      return 0;
    last = (int)c;
    count++;
  }
  return count >= 1 && count <= 79 && last != ' ';
}


fal_code fal_text_check (const char *key, const char *value, size_t n,
                         fal_error *err) {
  size_t len;
  if (!key_ok(key)) {
    fal_fail(err, FAL_EVALIDATION, "no keyword for a PNG: \"%s\"", key);
    fal_hint(err, "keywords are 1 to 79 Latin-1 characters, with single "
                  "spaces inside only");
    return FAL_EVALIDATION;
  }
  if (n > 0x7FFFFF00)
    return fal_fail(err, FAL_EVALIDATION, "the text \"%s\" is too long for a "
                    "PNG", key);
  if (memchr(value, '\0', n) != NULL)
    return fal_fail(err, FAL_EVALIDATION, "the text \"%s\" has a zero byte "
                    "in it", key);
  for (; n > 0; value += len, n -= len)
    if ((len = ascii(value, n)) == 0 && decode(value, n, &len) < 0)
      return fal_fail(err, FAL_EVALIDATION, "the text \"%s\" is not UTF-8",
                      key);
  return FAL_OK;
}


/* May the value be a tEXt? Not with control characters, whose meaning there
** is not defined. */
static int is_latin1 (const char *s, size_t n) {
  size_t len = 1;
  for (; n > 0; s += len, n -= len) {
    long c = (unsigned char)*s;
    len = 1;
    if (c >= 32 && c <= 126)
      continue;
    c = decode(s, n, &len);
    if (!key_char(c) && c != '\n' && c != '\t' && c != '\r' && c != 160)
      return 0;
  }
  return 1;
}


/* Appends s[0..n) deflated. FAL_ENOMEM. */
static fal_code deflate_to (const char *s, size_t n, fal_buf *out) {
  uLongf size = compressBound((uLong)n);
  char *to = fal_buf_room(out, size);
  if (to == NULL || compress((Bytef *)to, &size, (const Bytef *)s, (uLong)n)
      != Z_OK)
    return FAL_ENOMEM;
  out->n += size;
  return FAL_OK;
}


/* The keyword and its end, and then 'n' zero bytes. */
static fal_code put_key (fal_buf *out, const char *key, size_t n) {
  fal_code code = put_latin1(out, key, strlen(key));
  return code == FAL_OK ? fal_buf_add(out, "\0\0\0\0\0", n + 1) : code;
}


/* tEXt, or zTXt with its method, 0. */
static fal_code write_latin1 (const fal_text *t, int deflated, fal_buf *out) {
  fal_buf latin1;
  fal_code code = put_key(out, t->key, deflated ? 1 : 0);
  if (code != FAL_OK || !deflated)
    return code == FAL_OK ? put_latin1(out, t->value, t->n) : code;
  fal_buf_init(&latin1, t->n);
  code = put_latin1(&latin1, t->value, t->n);
  if (code == FAL_OK)
    code = deflate_to(latin1.s, latin1.n, out);
  fal_buf_free(&latin1);
  return code;
}


/* iTXt: deflated?, method, no language, no translated keyword. */
static fal_code write_utf8 (const fal_text *t, int deflated, fal_buf *out) {
  fal_code code = put_key(out, t->key, 4);
  if (code != FAL_OK)
    return code;
  if (!deflated)
    return fal_buf_add(out, t->value, t->n);
  out->s[out->n - 4] = 1;
  return deflate_to(t->value, t->n, out);
}


fal_code fal_text_write (const fal_text *t, fal_buf *out, const char **type) {
  int deflated = t->n >= LONG_TEXT;
  if (!is_latin1(t->value, t->n)) {
    *type = "iTXt";
    return write_utf8(t, deflated, out);
  }
  *type = deflated ? "zTXt" : "tEXt";
  return write_latin1(t, deflated, out);
}


int fal_text_is (const char *type) {
  return strcmp(type, "tEXt") == 0 || strcmp(type, "zTXt") == 0 ||
         strcmp(type, "iTXt") == 0;
}


size_t fal_text_key (const uint8_t *s, size_t n, char key[FAL_TEXT_KEY]) {
  const uint8_t *end = memchr(s, 0, n < 80 ? n : 80), *p;
  char *to = key;
  if (end == NULL)
    return 0;
  for (p = s; p < end; p++)
    to += latin1_char(to, *p);
  *to = '\0';
  return key_ok(key) ? (size_t)(end - s) + 1 : 0;
}


/* Inflates s[0..n) to 'out', up to its ceiling and '*left'. */
static fal_code inflate_to (const uint8_t *s, size_t n, fal_buf *out,
                            size_t *left) {
  z_stream z;
  int status = Z_OK;
  fal_code code = FAL_OK;
  memset(&z, 0, sizeof(z));
  if (inflateInit(&z) != Z_OK)
    return FAL_ENOMEM;
  z.next_in = (Bytef *)s;
  z.avail_in = (uInt)n;  /* a chunk is below 2^31 */
  while (status == Z_OK && code == FAL_OK) {
    char block[4096];
    size_t got;
    z.next_out = (Bytef *)block;
    z.avail_out = sizeof(block);
    status = inflate(&z, Z_NO_FLUSH);
    got = sizeof(block) - z.avail_out;
    code = got > *left ? FAL_ETOOBIG : fal_buf_add(out, block, got);
    *left -= got > *left ? *left : got;
  }
  inflateEnd(&z);
  if (code != FAL_OK || status == Z_STREAM_END)
    return code;
  return status == Z_MEM_ERROR ? FAL_ENOMEM : FAL_EPROTOCOL;
}


/* tEXt and zTXt: Latin-1, up to a zero byte if there is one. */
static fal_code read_latin1 (const uint8_t *s, size_t n, fal_buf *value) {
  const uint8_t *end = memchr(s, 0, n);
  return add_latin1(value, s, end ? (size_t)(end - s) : n);
}


static fal_code read_deflated (const uint8_t *s, size_t n, fal_buf *value,
                               size_t *left) {
  fal_buf plain;
  fal_code code;
  if (n < 1 || s[0] != 0)
    return FAL_EPROTOCOL;
  fal_buf_init(&plain, value->max - value->n);
  code = inflate_to(s + 1, n - 1, &plain, left);
  if (code == FAL_OK && plain.n > 0)
    code = read_latin1((const uint8_t *)plain.s, plain.n, value);
  fal_buf_free(&plain);
  return code;
}


/* iTXt: deflated?, method, language, zero, translated keyword, zero, text. */
static fal_code read_utf8 (const uint8_t *s, size_t n, fal_buf *value,
                           size_t *left) {
  const uint8_t *end = s + n, *p;
  fal_code code;
  size_t i, len;
  if (n < 4 || s[0] > 1 || s[1] != 0 ||
      (p = memchr(s + 2, 0, n - 2)) == NULL ||
      (p = memchr(p + 1, 0, (size_t)(end - p) - 1)) == NULL)
    return FAL_EPROTOCOL;
  p++;
  i = value->n;
  code = s[0] ? inflate_to(p, (size_t)(end - p), value, left)
              : fal_buf_add(value, p, (size_t)(end - p));
  for (; code == FAL_OK && i < value->n; i += len)
    if (value->s[i] == '\0' || decode(value->s + i, value->n - i, &len) < 0)
      return FAL_EPROTOCOL;
  return code;
}


fal_code fal_text_read (const char *type, const uint8_t *s, size_t n,
                        fal_buf *value, size_t *left) {
  char key[FAL_TEXT_KEY];
  size_t used = fal_text_key(s, n, key), before = value->n, most = *left;
  fal_code code;
  if (used == 0)
    return FAL_EPROTOCOL;
  s += used;
  n -= used;
  switch (type[0]) {
    case 't': code = read_latin1(s, n, value); break;
    case 'z': code = read_deflated(s, n, value, left); break;
    default: code = read_utf8(s, n, value, left); break;
  }
  if (value->n - before > most - *left)  /* it grew beyond what was inflated */
    *left = most - (value->n - before < most ? value->n - before : most);
  return code;
}
