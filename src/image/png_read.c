/*
** png_read.c -- PNG to pixels, on libpng
**
** libpng reports errors by longjmp. All it touches is in a 'reader' that
** belongs to the function outside the wall, so nothing is lost by a jump.
*/
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "png_private.h"

typedef struct reader {
  const uint8_t *s;     /* the file */
  size_t n, at;
  fal_png_header head;
  fal_image_limits lim;
  png_structp png;
  png_infop info;
  fal_image im;
  uint32_t rows;        /* read so far, when not interlaced */
  int cut;              /* libpng wanted more than there is */
  fal_code code;        /* what failed of ours, 'err' filled; else FAL_OK */
  fal_error *err;
  char what[120];       /* what failed in libpng */
} reader;


/* {==================================================================
** Called by libpng
** =================================================================== */

static void on_error (png_structp png, png_const_charp message) {
  reader *r = png_get_error_ptr(png);
  fal_copy_text(r->what, sizeof(r->what), message, strlen(message));
  png_longjmp(png, 1);
}


static void on_warning (png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}


static void on_read (png_structp png, png_bytep to, size_t n) {
  reader *r = png_get_io_ptr(png);
  if (n > r->n - r->at) {
    r->cut = 1;
    png_error(png, "cut short");
  }
  memcpy(to, r->s + r->at, n);
  r->at += n;
}

/* }================================================================== */


/* Only what the pixels need is read: no profiles, no texts. A chunk that is
** wrong, be it by its checksum or its contents, is an error. */
static void configure (reader *r) {
  size_t max = r->lim.max_bytes;
  png_set_read_fn(r->png, r, on_read);
  png_set_user_limits(r->png, r->head.width, r->head.height);
  png_set_chunk_malloc_max(r->png, max);
  png_set_chunk_cache_max(r->png, 128);
  png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_benign_errors(r->png, 0);
}


static void read_rows (reader *r, int passes) {
  size_t stride = (size_t)r->im.width * (size_t)r->im.channels;
  while (passes-- > 0) {
    for (r->rows = 0; r->rows < r->im.height; r->rows++)
      png_read_row(r->png, r->im.pixels + stride * r->rows, NULL);
  }
}


/* The wall. Nonzero when all went well. */
static int guarded_read (reader *r) {
  int passes;
  if (setjmp(png_jmpbuf(r->png)))
    return 0;
  configure(r);
  png_read_info(r->png, r->info);
  png_set_expand(r->png);
  png_set_scale_16(r->png);
  passes = png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
  r->code = fal_image_new(&r->im, r->head.width, r->head.height,
                          png_get_channels(r->png, r->info), &r->lim, r->err);
  if (r->code != FAL_OK)
    return 0;
  read_rows(r, passes);
  png_read_end(r->png, r->info);  /* with it, chunks out of place are errors */
  return 1;
}


/* Looks for what is wrong with the chunks, which libpng may have run into
** before it saw the checksum. FAL_OK when that is nothing. */
static fal_code check_chunks (const reader *r) {
  fal_png_chunk c;
  size_t at = FAL_PNG_FIRST;
  int found = 0;
  do {
    if (fal_png_next(r->s, r->n, &at, &c, r->err) != FAL_OK ||
        fal_png_crc(&c, r->err) != FAL_OK)
      return FAL_EPROTOCOL;
    found = found || strcmp(c.type, "IDAT") == 0;
  } while (strcmp(c.type, "IEND") != 0);
  return found ? FAL_OK : fal_fail(r->err, FAL_EPROTOCOL, "PNG: there is no "
                                   "picture (IDAT) in it");
}


/* Says what went wrong, and how many rows there were before it. */
static fal_code report (const reader *r) {
  const fal_png_header *h = &r->head;
  char where[64] = "";
  if (r->im.pixels != NULL && !h->interlaced)
    snprintf(where, sizeof(where), " (%lu of %lu rows read)",
             (unsigned long)r->rows, (unsigned long)h->height);
  if (r->cut)
    return fal_fail(r->err, FAL_EPROTOCOL, "PNG: the file is cut short after "
                    "%zu bytes%s", r->n, where);
  if (check_chunks(r) != FAL_OK)
    return FAL_EPROTOCOL;
  if (strstr(r->what, "image data") || strstr(r->what, "compressed data"))
    return fal_fail(r->err, FAL_EPROTOCOL, "PNG: the header (IHDR) lies: it "
                    "says %lu x %lu pixels, but: %s%s",
                    (unsigned long)h->width, (unsigned long)h->height,
                    r->what, where);
  return fal_fail(r->err, FAL_EPROTOCOL, "PNG: %s%s", r->what, where);
}


static fal_code read_pixels (reader *r) {
  int done = 0;
  r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error,
                                  on_warning);
  if (r->png != NULL)
    r->info = png_create_info_struct(r->png);
  if (r->info == NULL)
    r->code = fal_fail(r->err, FAL_ENOMEM, "PNG: no memory to decode it");
  else
    done = guarded_read(r);
  png_destroy_read_struct(&r->png, &r->info, NULL);
  if (done || r->code != FAL_OK)
    return r->code;
  return report(r);
}


/* Checks what the decoding will take before anything is allocated: libpng
** keeps two rows, as wide as they become on the way. */
static fal_code check_limits (const reader *r) {
  const fal_png_header *h = &r->head;
  fal_code code = fal_image_check_size(h->width, h->height, 1, &r->lim,
                                       r->err);
  if (code == FAL_OK)
    code = fal_image_check_size(h->width, 2, h->depth == 16 ? 8 : 4, &r->lim,
                                r->err);
  return code;
}


fal_code fal_png_decode (const void *s, size_t n, const fal_image_limits *lim,
                         fal_image *im, fal_error *err) {
  reader r;
  fal_code code;
  memset(&r, 0, sizeof(r));
  r.s = s;
  r.n = n;
  r.lim = lim ? *lim : fal_image_default_limits;
  r.err = err;
  if ((code = fal_png_head(s, n, &r.head, err)) != FAL_OK ||
      (code = check_limits(&r)) != FAL_OK)
    return code;
  code = read_pixels(&r);
  if (code == FAL_OK)
    code = fal_png_text(s, n, &r.lim, &r.im.text, err);
  if (code == FAL_OK)
    code = fal_png_kept(s, n, r.lim.max_bytes, &r.im.kept, err);
  if (code == FAL_OK)
    *im = r.im;
  else
    fal_image_free(&r.im);
  return code;
}
