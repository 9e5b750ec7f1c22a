/*
** png_chunks.c -- a PNG as a list of chunks, without decoding its pixels
*/
#include <string.h>

#include <libdeflate.h>

#include "png_private.h"

#define MAX_TEXTS  1000  /* text chunks in one file */

const uint8_t fal_png_signature[FAL_PNG_FIRST] = {137, 'P', 'N', 'G', 13, 10, 26, 10};


uint32_t fal_png_get32 (const uint8_t *s) {
  return (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 |
         s[3];
}


void fal_png_put32 (uint8_t *s, uint32_t u) {
  s[0] = (uint8_t)(u >> 24);
  s[1] = (uint8_t)(u >> 16);
  s[2] = (uint8_t)(u >> 8);
  s[3] = (uint8_t)u;
}


/* {==================================================================
** Reading chunks
** =================================================================== */

int fal_png_is_type (const uint8_t *s) {
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
  length = fal_png_get32(p);
  if (!fal_png_is_type(p + 4) || length > 0x7FFFFFFF)
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
  if (fal_png_get32(c->s + c->n) != libdeflate_crc32(0, c->s - 4, c->n + 4))
    return fal_fail(err, FAL_EPROTOCOL, "PNG: bad CRC in the chunk %s at byte "
                    "%zu: the file is damaged", c->type, c->at);
  return FAL_OK;
}


/* What is there instead of a PNG. */
static fal_code not_png (const void *s, size_t n, fal_error *err) {
  const char *type = fal_image_type(s, n);
  if (n < FAL_PNG_FIRST && memcmp(s, fal_png_signature, n) == 0)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: the file is cut short after "
                    "%zu bytes", n);
  if (type == NULL)
    return fal_fail(err, FAL_EPROTOCOL, "not a PNG: it does not begin like "
                    "one");
  fal_fail(err, FAL_EPROTOCOL, "%s: only PNG is decoded here", type);
  fal_hint(err, "ask the model for PNG (most take output_format = \"png\"), "
                "or convert it");
  return FAL_EPROTOCOL;
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
  if (n < FAL_PNG_FIRST || memcmp(s, fal_png_signature, FAL_PNG_FIRST) != 0)
    return not_png(s, n, err);
  if ((code = fal_png_next(s, n, &at, &c, err)) != FAL_OK)
    return code;
  if (strcmp(c.type, "IHDR") != 0 || c.n != 13)
    return fal_fail(err, FAL_EPROTOCOL, "PNG: it begins with a chunk %s of "
                    "%zu bytes, not with a header (IHDR)", c.type, c.n);
  if ((code = fal_png_crc(&c, err)) != FAL_OK)
    return code;
  h->width = fal_png_get32(c.s);
  h->height = fal_png_get32(c.s + 4);
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
  code = fal_text_read(c->type, c->s, c->n, &value, left);
  if (code == FAL_OK) {
    fal_text_key(c->s, c->n, key);
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
** Writing chunks, and keeping those of others
** =================================================================== */

fal_code fal_png_put (fal_buf *out, const char *type, const void *s,
                      size_t n) {
  uint8_t head[8], tail[4];
  fal_code code;
  fal_png_put32(head, (uint32_t)n);
  memcpy(head + 4, type, 4);
  fal_png_put32(tail, libdeflate_crc32(libdeflate_crc32(0, head + 4, 4), s,
                                       n));
  if ((code = fal_buf_add(out, head, sizeof(head))) == FAL_OK &&
      (code = fal_buf_add(out, s, n)) == FAL_OK)
    code = fal_buf_add(out, tail, sizeof(tail));
  return code;
}


fal_code fal_png_put_texts (fal_buf *out, const fal_text *text) {
  fal_code code = FAL_OK;
  fal_buf data;
  fal_buf_init(&data, 0x7FFFFFFF);
  for (; text != NULL && code == FAL_OK; text = text->next) {
    const char *type;
    data.n = 0;
    code = fal_text_write(text, &data, &type);
    if (code == FAL_OK)
      code = fal_png_put(out, type, data.s, data.n);
  }
  fal_buf_free(&data);
  return code;
}


/* Is the picture to keep it? The fifth bit of a letter says what it is:
** that of the first that the chunk can be done without, that of the fourth
** that it may be copied although the pixels are written anew. Of the others,
** those about the meaning of the pixels' numbers stay true here. */
static int keeps (const char *type) {
  static const char *const color[] = {"gAMA", "cHRM", "sRGB", "iCCP", "cICP"};
  size_t i;
  if (!(type[0] & 0x20) || fal_text_is(type))
    return 0;
  for (i = 0; i < sizeof(color) / sizeof(color[0]); i++)
    if (strcmp(type, color[i]) == 0)
      return 1;
  return (type[3] & 0x20) != 0;
}


fal_code fal_png_kept (const void *s, size_t n, size_t max, fal_chunks *kept,
                       fal_error *err) {
  fal_png_chunk c;
  fal_buf b;
  size_t at = FAL_PNG_FIRST, before = SIZE_MAX;
  fal_code code;
  fal_buf_init(&b, max);
  do {
    code = fal_png_next(s, n, &at, &c, err);
    if (code == FAL_OK && strcmp(c.type, "IDAT") == 0 && before == SIZE_MAX)
      before = b.n;
    if (code == FAL_OK && keeps(c.type)) {
      code = fal_buf_add(&b, c.s - 8, c.n + 12);
      if (code != FAL_OK)
        fal_fail(err, code, "PNG: its other chunks take more than %zu bytes",
                 max);
    }
  } while (code == FAL_OK && strcmp(c.type, "IEND") != 0);
  if (code != FAL_OK) {
    fal_buf_free(&b);
    return code;
  }
  kept->s = b.s;
  kept->n = b.n;
  kept->before = before < b.n ? before : b.n;
  return FAL_OK;
}

/* }================================================================== */
