/*
** png_write.c -- pixels to PNG, on libdeflate
**
** All of the picture is filtered and compressed in one go, which is several
** times as fast as a stream and takes as much memory again as the picture.
*/
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "png_private.h"

#define FAST       1   /* the level when none is given */
#define FAST_FLAT  6   /* for drawings: long repetitions are faster so */
#define SMALLEST   9   /* filters are tried on all of the picture then */
#define STRONGEST  12  /* libdeflate's for that */
#define MAX_CHUNK  ((size_t)1 << 30)


static fal_code put_header (const fal_image *im, fal_buf *out) {
  static const uint8_t colors[] = {0, 0, 4, 2, 6};  /* by channels */
  uint8_t s[13] = {0};
  fal_code code = fal_buf_add(out, fal_png_signature,
                              sizeof(fal_png_signature));
  fal_png_put32(s, im->width);
  fal_png_put32(s + 4, im->height);
  s[8] = 8;
  s[9] = colors[im->channels];
  return code == FAL_OK ? fal_png_put(out, "IHDR", s, sizeof(s)) : code;
}


/* The filtered rows s[0..n) as zlib has them; the caller frees it. NULL when
** memory ends. */
static uint8_t *compress (const uint8_t *s, size_t n, int level,
                          size_t *size) {
  struct libdeflate_compressor *z = libdeflate_alloc_compressor(level);
  size_t most = z != NULL ? libdeflate_zlib_compress_bound(z, n) : 0;
  uint8_t *to = z != NULL ? malloc(most) : NULL;
  *size = to != NULL ? libdeflate_zlib_compress(z, s, n, to, most) : 0;
  libdeflate_free_compressor(z);
  return to;
}


static uint8_t *compress_noise (const uint8_t *s, size_t n, size_t *size) {
  uint8_t *to = malloc(fal_huffman_bound(n));
  *size = to != NULL ? fal_huffman_zlib(s, n, to) : 0;
  return to;
}


static fal_code put_pixels (const fal_image *im, int level, fal_buf *out) {
  fal_png_kind kind = FAL_PNG_MIXED;
  int how = level == 0 ? 0 : fal_png_choose(im, level == SMALLEST,
                                            level < 0 ? &kind : NULL);
  size_t n, size = 0, at;
  uint8_t *rows = fal_png_filter(im, how, &n), *z = NULL;
  fal_code code;
  if (rows != NULL)
    z = level < 0 && kind == FAL_PNG_NOISE ? compress_noise(rows, n, &size)
      : compress(rows, n, level == SMALLEST ? STRONGEST : level >= 0 ? level
                 : kind == FAL_PNG_FLAT ? FAST_FLAT : FAST, &size);
  code = z != NULL ? FAL_OK : FAL_ENOMEM;
  free(rows);
  for (at = 0; code == FAL_OK && at < size; at += MAX_CHUNK)
    code = fal_png_put(out, "IDAT", z + at,
                       size - at < MAX_CHUNK ? size - at : MAX_CHUNK);
  free(z);
  return code;
}


static fal_code put_all (const fal_image *im, int level, fal_buf *out) {
  const fal_chunks *kept = &im->kept;
  fal_code code = put_header(im, out);
  if (code == FAL_OK)
    code = fal_buf_add(out, kept->s, kept->before);
  if (code == FAL_OK)
    code = fal_png_put_texts(out, im->text);
  if (code == FAL_OK)
    code = put_pixels(im, level, out);
  if (code == FAL_OK && kept->n > kept->before)
    code = fal_buf_add(out, kept->s + kept->before, kept->n - kept->before);
  return code == FAL_OK ? fal_png_put(out, "IEND", "", 0) : code;
}


static fal_code check (const fal_image *im, int level, fal_error *err) {
  const fal_text *t;
  if (level < -1 || level > 9)
    return fal_fail(err, FAL_EVALIDATION, "PNG: no level is %d", level);
  for (t = im->text; t != NULL; t = t->next)
    if (fal_text_check(t->key, t->value, t->n, err) != FAL_OK)
      return FAL_EVALIDATION;
  return FAL_OK;
}


fal_code fal_png_encode (const fal_image *im, const fal_png_options *opt,
                         fal_buf *out, fal_error *err) {
  size_t before = out->n;
  int level = opt ? opt->level : -1;
  fal_code code = check(im, level, err);
  if (code != FAL_OK)
    return code;
  code = put_all(im, level, out);
  if (code == FAL_OK)
    return FAL_OK;
  out->n = before;
  return code == FAL_ETOOBIG
         ? fal_fail(err, code, "PNG: larger than %zu bytes", out->max)
         : fal_fail(err, code, "PNG: no memory to encode it");
}
