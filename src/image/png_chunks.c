/*
** png_chunks.c -- a PNG as a list of chunks, without decoding its pixels
*/
#include <string.h>

#include <zlib.h>

#include "png_private.h"

#define MAX_TEXTS  1000  /* text chunks in one file */

static const uint8_t signature[8] = {137, 'P', 'N', 'G', 13, 10, 26, 10};


static uint32_t get32 (const uint8_t *s) {
  return (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 |
         s[3];
}


static void put32 (uint8_t *s, uint32_t u) {
  s[0] = (uint8_t)(u >> 24);
  s[1] = (uint8_t)(u >> 16);
  s[2] = (uint8_t)(u >> 8);
  s[3] = (uint8_t)u;
}


/* {==================================================================
** Reading chunks
** =================================================================== */

static int is_type (const uint8_t *s) {
  int i;
  for (i = 0; i < 4; i++)
    if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z')))
      return 0;
  return 1;
}


fal_code fal_png_next (const void *s, size_t n, size_t *at, fal_png_chunk *c,
                       fal_error *err) {
  const uint8_t *p = (const uint8_t *)s + *at;
  size_t left = n - *at;
  uint32_t length;
  if (left < 8)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: the file is cut short after "
                    "%zu bytes, between two chunks", n);
  length = get32(p);
  if (!is_type(p + 4) || length > 0x7FFFFFFF)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: what is at byte %zu is not a "
                    "chunk", *at);
  memcpy(c->type, p + 4, 4);
  c->type[4] = '\0';
  if (left < 12 || left - 12 < length)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: the file is cut short after "
                    "%zu bytes, in a chunk %s of %lu bytes", n, c->type,
                    (unsigned long)length);
  c->s = p + 8;
  c->n = length;
  c->at = *at;
  *at += (size_t)length + 12;
  return FAL_OK;
}


fal_code fal_png_crc (const fal_png_chunk *c, fal_error *err) {
  uLong crc = crc32(0, c->s - 4, (uInt)c->n + 4);
  if (get32(c->s + c->n) != (uint32_t)crc)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: bad CRC in the chunk %s at byte "
                    "%zu: the file is damaged", c->type, c->at);
  return FAL_OK;
}


/* What is there instead of a PNG. */
static fal_code not_png (const void *s, size_t n, fal_error *err) {
  fal_image_info info;
  if (n < sizeof(signature) && memcmp(s, signature, n) == 0)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: the file is cut short after "
                    "%zu bytes", n);
  if (fal_image_probe(s, n, &info, NULL) == FAL_OK)
    return fal_fail(err, FAL_EPROTOCOL, "%s: only PNG is decoded here",
                    info.type);
  return fal_fail(err, FAL_EPROTOCOL, "not a PNG: it does not begin like one");
}


/* The depths that each color type may have, as a mask. */
static int depth_ok (int color, int depth) {
  static const int depths[] = {1|2|4|8|16, 0, 8|16, 1|2|4|8, 8|16, 0, 8|16};
  return color <= 6 && (depth & (depth - 1)) == 0 &&
         (depths[color] & depth) != 0;
}


fal_code fal_png_head (const void *s, size_t n, fal_png_header *h,
                       fal_error *err) {
  fal_png_chunk c;
  size_t at = FAL_PNG_FIRST;
  fal_code code;
  if (n == 0)
    return fal_fail(err, FAL_EPROTOCOL, "not a PNG: it is empty");
  if (n < sizeof(signature) || memcmp(s, signature, sizeof(signature)) != 0)
    return not_png(s, n, err);
  if ((code = fal_png_next(s, n, &at, &c, err)) != FAL_OK)
    return code;
  if (strcmp(c.type, "IHDR") != 0 || c.n != 13)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: it begins with a chunk %s of "
                    "%zu bytes, not with a header (IHDR)", c.type, c.n);
  if ((code = fal_png_crc(&c, err)) != FAL_OK)
    return code;
  h->width = get32(c.s);
  h->height = get32(c.s + 4);
  h->depth = c.s[8];
  h->color = c.s[9];
  h->interlaced = c.s[12];
  if (h->width - 1 >= 0x7FFFFFFF || h->height - 1 >= 0x7FFFFFFF)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: the header (IHDR) lies: no "
                    "picture is %lu x %lu pixels", (unsigned long)h->width,
                    (unsigned long)h->height);
  if (!depth_ok(h->color, h->depth) || c.s[10] != 0 || c.s[11] != 0 ||
      h->interlaced > 1)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: the header (IHDR) lies: color "
                    "type %d, depth %d, compression %d, filter %d, interlace "
                    "%d", h->color, h->depth, c.s[10], c.s[11],
                    h->interlaced);
  return FAL_OK;
}

/* }================================================================== */

/* {==================================================================
** Texts
** =================================================================== */

/* Adds the text in a chunk to the list; '*left' is what may still come. A
** chunk that is not well formed is left out. */
static fal_code add_text (const fal_png_chunk *c, fal_text **list,
                          size_t *left, fal_error *err) {
  char key[FAL_TEXT_KEY];
  fal_buf value;
  fal_code code;
  fal_buf_init(&value, *left);
  code = fal_text_read(c->type, c->s, c->n, &value);
  if (code == FAL_OK) {
    fal_text_key(c->s, c->n, key);
    *left -= value.n;
    code = fal_text_put(list, key, value.s, value.n);
  }
  fal_buf_free(&value);
  switch (code) {
    case FAL_ETOOBIG:
      return fal_fail(err, code, "PNG: the text in the chunk %s at byte %zu "
                      "is larger than allowed", c->type, c->at);
    case FAL_ENOMEM:
      return fal_fail(err, code, "PNG: no memory for its text");
    default:
      return FAL_OK;
  }
}


/* Calls of fal_png_text past its checks: the list is the caller's to free,
** also when this fails. */
static fal_code read_texts (const void *s, size_t n, size_t max,
                            fal_text **list, fal_error *err) {
  fal_png_chunk c;
  size_t at = FAL_PNG_FIRST;
  int count = 0;
  do {
    fal_code code = fal_png_next(s, n, &at, &c, err);
    if (code == FAL_OK && fal_text_is(c.type)) {
      if (++count > MAX_TEXTS)
        return fal_fail(err, FAL_ETOOBIG, "PNG: more than %d text chunks",
                        MAX_TEXTS);
      code = fal_png_crc(&c, err);
      if (code == FAL_OK)
        code = add_text(&c, list, &max, err);
    }
    if (code != FAL_OK)
      return code;
  } while (strcmp(c.type, "IEND") != 0);
  return FAL_OK;
}


fal_code fal_png_text (const void *s, size_t n, const fal_image_limits *lim,
                       fal_text **text, fal_error *err) {
  fal_png_header h;
  fal_text *list = NULL;
  fal_code code = fal_png_head(s, n, &h, err);
  if (code == FAL_OK)
    code = read_texts(s, n, (lim ? lim : &fal_image_default_limits)->max_text,
                      &list, err);
  if (code != FAL_OK) {
    fal_text_free(list);
    return code;
  }
  *text = list;
  return FAL_OK;
}

/* }================================================================== */

/* {==================================================================
** Setting texts
** =================================================================== */

/* Appends a whole chunk. */
static fal_code put_chunk (fal_buf *out, const char *type, const void *s,
                           size_t n) {
  uint8_t head[8], tail[4];
  fal_code code;
  put32(head, (uint32_t)n);
  memcpy(head + 4, type, 4);
  put32(tail, (uint32_t)crc32(crc32(0, head + 4, 4), s, (uInt)n));
  if ((code = fal_buf_add(out, head, sizeof(head))) == FAL_OK &&
      (code = fal_buf_add(out, s, n)) == FAL_OK)
    code = fal_buf_add(out, tail, sizeof(tail));
  return code;
}


static fal_code put_texts (const fal_text *text, fal_buf *out) {
  fal_code code = FAL_OK;
  for (; text != NULL && code == FAL_OK; text = text->next) {
    fal_buf data;
    const char *type;
    fal_buf_init(&data, 0x7FFFFFFF);
    code = fal_text_write(text, &data, &type);
    if (code == FAL_OK)
      code = put_chunk(out, type, data.s, data.n);
    fal_buf_free(&data);
  }
  return code;
}


/* Is it a text chunk whose keyword is one of those in 'text'? */
static int replaced (const fal_png_chunk *c, const fal_text *text) {
  char key[FAL_TEXT_KEY];
  if (!fal_text_is(c->type) || fal_text_key(c->s, c->n, key) == 0)
    return 0;
  while (text != NULL && strcmp(text->key, key) != 0)
    text = text->next;
  return text != NULL;
}


/* Copies the chunks; the texts go before the first IDAT. */
static fal_code copy_chunks (const void *s, size_t n, const fal_text *text,
                             fal_buf *out, fal_error *err) {
  const char *file = s;
  fal_png_chunk c;
  size_t at = FAL_PNG_FIRST;
  int done = 0;
  fal_code code = fal_buf_add(out, s, FAL_PNG_FIRST);
  do {
    if (fal_png_next(s, n, &at, &c, err) != FAL_OK ||
        fal_png_crc(&c, err) != FAL_OK)
      return FAL_EPROTOCOL;
    if (code == FAL_OK && !done && strcmp(c.type, "IDAT") == 0) {
      code = put_texts(text, out);
      done = 1;
    }
    if (code == FAL_OK && !replaced(&c, text))
      code = fal_buf_add(out, file + c.at, at - c.at);
    if (code != FAL_OK)
      return fal_fail(err, code, code == FAL_ENOMEM ? "PNG: no memory" :
                      "PNG: larger than %zu bytes with its texts", out->max);
  } while (strcmp(c.type, "IEND") != 0);
  return done ? FAL_OK : fal_fail(err, FAL_EPROTOCOL, "PNG: there is no "
                                  "picture (IDAT) in it");
}


fal_code fal_png_retext (const void *s, size_t n, const fal_text *text,
                         fal_buf *out, fal_error *err) {
  fal_png_header h;
  const fal_text *t;
  size_t before = out->n;
  fal_code code = fal_png_head(s, n, &h, err);
  for (t = text; t != NULL && code == FAL_OK; t = t->next)
    code = fal_text_check(t->key, t->value, t->n, err);
  if (code == FAL_OK)
    code = copy_chunks(s, n, text, out, err);
  if (code != FAL_OK)
    out->n = before;
  return code;
}

/* }================================================================== */
