/*
** pngs.h -- pictures and PNG files for the tests to work on
**
** Files that our encoder would not write are put together here by hand, from
** chunks; zlib makes their contents.
*/
#ifndef fal_pngs_h
#define fal_pngs_h

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "../../src/image/image.h"
#include "test.h"

#define TURKISH  "bir k\xC4\xB1y\xC4\xB1 kasabas\xC4\xB1"


/* {==================================================================
** Making files
** =================================================================== */

static inline void put32 (unsigned char *s, unsigned long u) {
  s[0] = (unsigned char)(u >> 24);
  s[1] = (unsigned char)(u >> 16);
  s[2] = (unsigned char)(u >> 8);
  s[3] = (unsigned char)u;
}


static inline void begin (fal_buf *b) {
  fal_buf_init(b, (size_t)1 << 26);
  fal_buf_add(b, "\x89PNG\r\n\x1A\n", 8);
}


static inline void chunk (fal_buf *b, const char *type, const void *s,
                          size_t n) {
  unsigned char word[4];
  put32(word, n);
  fal_buf_add(b, word, 4);
  fal_buf_addstr(b, type);
  fal_buf_add(b, s, n);
  put32(word, crc32(crc32(0, (const Bytef *)type, 4), s, (uInt)n));
  fal_buf_add(b, word, 4);
}


static inline void header (fal_buf *b, unsigned long w, unsigned long h,
                           int depth, int color, int interlaced) {
  unsigned char s[13] = {0};
  put32(s, w);
  put32(s + 4, h);
  s[8] = (unsigned char)depth;
  s[9] = (unsigned char)color;
  s[12] = (unsigned char)interlaced;
  chunk(b, "IHDR", s, sizeof(s));
}


/* A chunk with 'before' as it is and then s[0..n) deflated. */
static inline void deflated (fal_buf *b, const char *type, const char *before,
                             size_t before_n, const void *s, size_t n) {
  uLongf size = compressBound((uLong)n);
  char *z = malloc(before_n + size);
  memcpy(z, before, before_n);
  compress2((Bytef *)z + before_n, &size, s, (uLong)n, 9);
  chunk(b, type, z, before_n + size);
  free(z);
}


static inline void idat (fal_buf *b, const void *rows, size_t n) {
  deflated(b, "IDAT", "", 0, rows, n);
}


static inline void end (fal_buf *b) {
  chunk(b, "IEND", "", 0);
}


/* A picture with something in it, and texts of both kinds. */
static inline void make (fal_image *im, uint32_t w, uint32_t h, int channels) {
  uint32_t u = 1;
  size_t i, n = (size_t)w * h * (size_t)channels;
  CHECK("make", fal_image_new(im, w, h, channels, NULL, NULL) == FAL_OK);
  for (i = 0; i < n; i++) {
    u = u * 1664525 + 1013904223;
    im->pixels[i] = (uint8_t)(i / 7 + (u >> 30));
  }
  CHECK("make", fal_image_set_text(im, "prompt", TURKISH, strlen(TURKISH),
        NULL) == FAL_OK);
  CHECK("make", fal_image_set_text(im, "Author", "Ren\xC3\xA9", 5, NULL) ==
        FAL_OK);
}


static inline void encode (const fal_image *im, int level, fal_buf *out) {
  fal_png_options opt;
  fal_error err;
  opt.level = level;
  fal_buf_init(out, (size_t)1 << 26);
  CHECK("encode", fal_png_encode(im, &opt, out, &err) == FAL_OK);
}

/* }================================================================== */

/* {==================================================================
** Asking about files
** =================================================================== */

static inline int same_text (const fal_text *a, const fal_text *b) {
  for (; a != NULL && b != NULL; a = a->next, b = b->next)
    if (strcmp(a->key, b->key) != 0 || a->n != b->n ||
        memcmp(a->value, b->value, a->n) != 0)
      return 0;
  return a == b;
}


static inline int same (const fal_image *a, const fal_image *b) {
  return a->width == b->width && a->height == b->height &&
         a->channels == b->channels &&
         memcmp(a->pixels, b->pixels, (size_t)a->width * a->height *
                (size_t)a->channels) == 0 && same_text(a->text, b->text) &&
         a->kept.n == b->kept.n && a->kept.before == b->kept.before &&
         (a->kept.n == 0 || memcmp(a->kept.s, b->kept.s, a->kept.n) == 0);
}


/* Does decoding fail with this code and a message that has 'say' in it, and
** leave the picture alone? The file is copied to a block of its exact size,
** so that a read past its end is seen. */
static inline int fails (const void *s, size_t n, const fal_image_limits *lim,
                         fal_code code, const char *say) {
  fal_image im;
  fal_error err;
  char *copy = malloc(n > 0 ? n : 1);
  int ok;
  memcpy(copy, s, n);
  memset(&im, 0x5A, sizeof(im));
  memset(&err, 0, sizeof(err));
  ok = fal_png_decode(copy, n, lim, &im, &err) == code && err.code == code &&
       strstr(err.message, say) != NULL && im.width == 0x5A5A5A5A;
  if (!ok)
    printf("  \"%s\" expected, got: \"%s\"\n", say, err.message);
  free(copy);
  return ok;
}

/* }================================================================== */

#endif
