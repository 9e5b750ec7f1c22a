/*
** png_write.c -- pixels to PNG, on libpng
**
** As in png_read.c, what libpng's longjmp could lose is in a 'writer' that
** belongs to the function outside the wall.
*/
#include <setjmp.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "png_private.h"

typedef struct writer {
  const fal_image *im;
  int level;
  png_structp png;
  png_infop info;
  fal_buf *out;
  fal_buf data;     /* of the text chunk being written */
  fal_code code;    /* what failed of ours, else FAL_OK */
  char what[120];   /* what failed in libpng */
} writer;


/* {==================================================================
** Called by libpng
** =================================================================== */

static void on_error (png_structp png, png_const_charp message) {
  writer *w = png_get_error_ptr(png);
  fal_copy_text(w->what, sizeof(w->what), message, strlen(message));
  png_longjmp(png, 1);
}


static void on_warning (png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}


static void on_write (png_structp png, png_bytep s, size_t n) {
  writer *w = png_get_io_ptr(png);
  w->code = fal_buf_add(w->out, s, n);
  if (w->code != FAL_OK)
    png_error(png, "no room");
}


/* libpng's own would take the writer for a FILE. */
static void on_flush (png_structp png) {
  (void)png;
}

/* }================================================================== */


/* The fast default: two cheap filters to choose from, and only runs of the
** same byte are looked for. Filtered photographs have few other repetitions:
** a tenth of the time of libpng's default for some 2 % more bytes. Drawings
** get twice as large; whoever minds gives a level. */
static void configure (writer *w) {
  static const int colors[] = {
    0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
    PNG_COLOR_TYPE_RGB_ALPHA
  };
  const fal_image *im = w->im;
  png_set_write_fn(w->png, w, on_write, on_flush);
  png_set_user_limits(w->png, im->width, im->height);
  png_set_IHDR(w->png, w->info, im->width, im->height, 8,
               colors[im->channels], PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_buffer_size(w->png, 65536);  /* of an IDAT */
  if (w->level < 0) {
    png_set_compression_level(w->png, 1);
    png_set_compression_strategy(w->png, Z_RLE);
    png_set_filter(w->png, PNG_FILTER_TYPE_BASE,
                   PNG_FILTER_SUB | PNG_FILTER_UP);
  }
  else {
    png_set_compression_level(w->png, w->level);
    png_set_filter(w->png, PNG_FILTER_TYPE_BASE,
                   w->level == 0 ? PNG_FILTER_NONE : PNG_ALL_FILTERS);
  }
}


static void write_texts (writer *w) {
  const fal_text *t;
  for (t = w->im->text; t != NULL; t = t->next) {
    const char *type;
    w->data.n = 0;
    w->code = fal_text_write(t, &w->data, &type);
    if (w->code != FAL_OK)
      png_error(w->png, "no room for a text");
    png_write_chunk(w->png, (png_const_bytep)type,
                    (png_const_bytep)w->data.s, w->data.n);
  }
}


/* The wall. Nonzero when all went well. */
static int guarded_write (writer *w) {
  size_t stride = (size_t)w->im->width * (size_t)w->im->channels;
  uint32_t y;
  if (setjmp(png_jmpbuf(w->png)))
    return 0;
  configure(w);
  png_write_info(w->png, w->info);
  write_texts(w);
  for (y = 0; y < w->im->height; y++)
    png_write_row(w->png, w->im->pixels + stride * y);
  png_write_end(w->png, NULL);
  return 1;
}


static fal_code report (const writer *w, fal_error *err) {
  switch (w->code) {
    case FAL_OK:
      return fal_fail(err, FAL_EVALIDATION, "PNG: %s", w->what);
    case FAL_ETOOBIG:
      return fal_fail(err, FAL_ETOOBIG, "PNG: larger than %zu bytes",
                      w->out->max);
    default:
      return fal_fail(err, w->code, "PNG: no memory to encode it");
  }
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
  writer w;
  size_t before = out->n;
  int done = 0;
  memset(&w, 0, sizeof(w));
  w.im = im;
  w.out = out;
  w.level = opt ? opt->level : -1;
  if (check(im, w.level, err) != FAL_OK)
    return FAL_EVALIDATION;
  fal_buf_init(&w.data, 0x7FFFFFFF);
  w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_error,
                                  on_warning);
  if (w.png != NULL)
    w.info = png_create_info_struct(w.png);
  if (w.info == NULL)
    w.code = FAL_ENOMEM;
  else
    done = guarded_write(&w);
  png_destroy_write_struct(&w.png, &w.info);
  fal_buf_free(&w.data);
  if (done)
    return FAL_OK;
  out->n = before;
  return report(&w, err);
}
