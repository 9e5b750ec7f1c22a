/*
** jpeg.c -- libjpeg behind one wall of setjmp
**
** libjpeg ends by calling 'error_exit', which must not return; the only jump
** leads back into the function that owns what is to be freed.
*/
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "jpeg.h"

#define MAX_SCANS  60             /* a picture in good faith has about ten */
#define MAX_EXIF   65536

typedef struct wall {
  struct jpeg_error_mgr mgr;      /* first: libjpeg sees only this */
  jmp_buf back;
  fal_code code;
  fal_error *err;
} wall;


static fal_code fail (wall *w, fal_code code, const char *what) {
  w->code = fal_fail(w->err, code, "%s", what);
  return code;
}


static void error_exit (j_common_ptr c) {
  wall *w = (wall *)c->err;
  char text[JMSG_LENGTH_MAX];
  c->err->format_message(c, text);
  w->code = fal_fail(w->err, c->err->msg_code == JERR_OUT_OF_MEMORY ? FAL_ENOMEM
                     : FAL_EPROTOCOL, "this JPEG cannot be read: %s", text);
  longjmp(w->back, 1);
}


/* A file that ends too soon is an error; other warnings are lived with. */
static void emit_message (j_common_ptr c, int level) {
  if (level < 0) {
    if (c->err->msg_code == JWRN_JPEG_EOF)
      error_exit(c);
    c->err->num_warnings++;
  }
}


static void make_wall (wall *w, fal_error *err) {
  memset(w, 0, sizeof(*w));
  jpeg_std_error(&w->mgr);
  w->mgr.error_exit = error_exit;
  w->mgr.emit_message = emit_message;
  w->err = err;
}


/*
** {======================================================
** Which way is up
** =======================================================
*/

static unsigned get16 (const uint8_t *p, int big) {
  return big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}


static uint32_t get32 (const uint8_t *p, int big) {
  uint32_t a = get16(p, big), b = get16(p + 2, big);
  return big ? a << 16 | b : b << 16 | a;
}


/* Exif's tag 0x0112 in a block of 'n' bytes: 1 to 8; 1 when it has none. */
static int orientation (const uint8_t *p, size_t n) {
  size_t at, k, count;
  int big;
  if (n < 14 || memcmp(p, "Exif\0", 6) != 0)
    return 1;
  p += 6;
  n -= 6;
  big = p[0] == 'M';
  at = get32(p + 4, big);
  if (at > n || n - at < 2)
    return 1;
  count = get16(p + at, big);
  for (k = 0, at += 2; k < count && n - at >= 12; k++, at += 12)
    if (get16(p + at, big) == 0x0112) {
      unsigned v = get16(p + at + 8, big);
      return v >= 1 && v <= 8 ? (int)v : 1;
    }
  return 1;
}


/* Where pixel (x, y) of the turned picture is in the one that was stored. */
static size_t source (const fal_image *im, int way, uint32_t x, uint32_t y) {
  uint32_t w = im->width, h = im->height, u = x, v = y;
  switch (way) {
    case 2: u = w - 1 - x; break;
    case 3: u = w - 1 - x; v = h - 1 - y; break;
    case 4: v = h - 1 - y; break;
    case 5: u = y; v = x; break;
    case 6: u = y; v = h - 1 - x; break;
    case 7: u = w - 1 - y; v = h - 1 - x; break;
    case 8: u = w - 1 - y; v = x; break;
    default: break;
  }
  return (size_t)v * w + u;
}


static fal_code turn (fal_image *im, int way, const fal_image_limits *lim,
                      fal_error *err) {
  fal_image to;
  uint32_t x, y;
  size_t n = (size_t)im->channels;
  fal_code code;
  if (way == 1)
    return FAL_OK;
  code = fal_image_new(&to, way > 4 ? im->height : im->width,
                       way > 4 ? im->width : im->height, im->channels, lim, err);
  if (code != FAL_OK)
    return code;
  for (y = 0; y < to.height; y++)
    for (x = 0; x < to.width; x++)
      memcpy(to.pixels + ((size_t)y * to.width + x) * n,
             im->pixels + source(im, way, x, y) * n, n);
  fal_image_free(im);
  *im = to;
  return FAL_OK;
}

/* }====================================================== */


/*
** {======================================================
** Decoding
** =======================================================
*/

typedef struct reader {
  struct jpeg_decompress_struct c;
  struct jpeg_progress_mgr progress;
  wall w;
  fal_image im;
  const fal_image_limits *lim;
  uint8_t *line;      /* of four colours */
  int turn;
} reader;


/* Stops files with no end of scans, which take time for nothing. */
static void count_scans (j_common_ptr c) {
  j_decompress_ptr d = (j_decompress_ptr)c;
  wall *w = (wall *)c->err;
  if (d->input_scan_number > MAX_SCANS) {
    fail(w, FAL_ETOOBIG, "this JPEG has too many scans");
    longjmp(w->back, 1);
  }
}


/* Adobe's four colours are stored inverted. */
static void from_cmyk (const reader *r, uint8_t *to) {
  const uint8_t *p = r->line;
  uint32_t x;
  for (x = 0; x < r->c.output_width; x++, p += 4, to += 3) {
    unsigned k = r->c.saw_Adobe_marker ? p[3] : 255U - p[3];
    int i;
    for (i = 0; i < 3; i++)
      to[i] = (uint8_t)((r->c.saw_Adobe_marker ? p[i] : 255U - p[i]) * k / 255U);
  }
}


static fal_code too_large (reader *r) {
  return fal_fail(r->w.err, FAL_ETOOBIG, "this JPEG of %u x %u pixels is too large",
                  (unsigned)r->c.image_width, (unsigned)r->c.image_height);
}


/* Reads the head; the limits hold for what libjpeg takes too, which for a
** progressive file is two bytes for each of its numbers. */
static fal_code read_head (reader *r, const void *s, size_t n) {
  const fal_image_limits *lim = r->lim;
  jpeg_saved_marker_ptr m;
  uint64_t pixels;
  jpeg_mem_src(&r->c, s, (unsigned long)n);
  jpeg_save_markers(&r->c, JPEG_APP0 + 1, MAX_EXIF - 1);
  jpeg_read_header(&r->c, TRUE);
  pixels = (uint64_t)r->c.image_width * r->c.image_height;
  if (pixels > lim->max_pixels
      || pixels * (uint64_t)r->c.num_components * (r->c.progressive_mode ? 3 : 1)
         > lim->max_bytes)
    return too_large(r);
  r->turn = 1;
  for (m = r->c.marker_list; m != NULL && r->turn == 1; m = m->next)
    r->turn = orientation(m->data, m->data_length);
  return FAL_OK;
}


static fal_code read_pixels (reader *r) {
  int cmyk = r->c.num_components == 4;
  fal_code code;
  r->c.out_color_space = cmyk ? JCS_CMYK
                         : r->c.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  r->c.dct_method = JDCT_ISLOW;   /* the same everywhere */
  jpeg_start_decompress(&r->c);
  code = fal_image_new(&r->im, r->c.output_width, r->c.output_height,
                       r->c.num_components == 1 ? 1 : 3, r->lim, r->w.err);
  if (code != FAL_OK)
    return code;
  if (cmyk && (r->line = malloc((size_t)r->c.output_width * 4)) == NULL)
    return fail(&r->w, FAL_ENOMEM, "out of memory for a JPEG");
  while (r->c.output_scanline < r->c.output_height) {
    uint8_t *to = r->im.pixels + (size_t)r->c.output_scanline * r->im.width
                                 * (size_t)r->im.channels;
    JSAMPROW row = cmyk ? r->line : to;
    jpeg_read_scanlines(&r->c, &row, 1);
    if (cmyk)
      from_cmyk(r, to);
  }
  jpeg_finish_decompress(&r->c);
  return turn(&r->im, r->turn, r->lim, r->w.err);
}


static fal_code read_all (reader *r, const void *s, size_t n) {
  if (n < 4)
    return fail(&r->w, FAL_EPROTOCOL, "this is no JPEG");
  if (setjmp(r->w.back) == 0) {
    jpeg_create_decompress(&r->c);
    r->progress.progress_monitor = count_scans;
    r->c.progress = &r->progress;
    r->w.code = read_head(r, s, n);
    if (r->w.code == FAL_OK)
      r->w.code = read_pixels(r);
  }
  return r->w.code;
}


fal_code fal_jpeg_decode (const void *s, size_t n,
                          const fal_image_limits *lim, fal_image *im,
                          fal_error *err) {
  reader *r = calloc(1, sizeof(*r));
  fal_code code;
  if (r == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory for a JPEG");
  r->lim = lim != NULL ? lim : &fal_image_default_limits;
  make_wall(&r->w, err);
  r->c.err = &r->w.mgr;
  code = read_all(r, s, n);
  jpeg_destroy_decompress(&r->c);
  free(r->line);
  if (code == FAL_OK)
    *im = r->im;
  else
    fal_image_free(&r->im);
  free(r);
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Encoding
** =======================================================
*/

#define BLOCK  16384

typedef struct writer {
  struct jpeg_compress_struct c;
  struct jpeg_destination_mgr to;
  wall w;
  fal_buf *out;
  uint8_t *line;
} writer;


static void begin (j_compress_ptr c) {
  writer *w = c->client_data;
  w->to.next_output_byte = (JOCTET *)fal_buf_room(w->out, BLOCK);
  w->to.free_in_buffer = BLOCK;
  if (w->to.next_output_byte == NULL) {
    fail(&w->w, FAL_ETOOBIG, "the JPEG is too large");
    longjmp(w->w.back, 1);
  }
}


static boolean more (j_compress_ptr c) {
  writer *w = c->client_data;
  w->out->n += BLOCK;
  begin(c);
  return TRUE;
}


static void end (j_compress_ptr c) {
  writer *w = c->client_data;
  w->out->n += BLOCK - w->to.free_in_buffer;
}


/* A row without alpha, what is transparent laid on white. */
static const uint8_t *opaque_row (writer *w, const fal_image *im, uint32_t y) {
  int n = im->channels, kept = n < 3 ? 1 : 3, i;
  const uint8_t *p = im->pixels + (size_t)y * im->width * (size_t)n;
  uint8_t *to = w->line;
  uint32_t x;
  if (n == kept)
    return p;
  for (x = 0; x < im->width; x++, p += n)
    for (i = 0; i < kept; i++)
      *to++ = (uint8_t)((p[i] * p[n - 1] + 255 * (255 - p[n - 1]) + 127) / 255);
  return w->line;
}


static void write_all (writer *w, const fal_image *im, int quality,
                       const char *comment) {
  int gray = im->channels < 3;
  uint32_t y;
  w->c.image_width = im->width;
  w->c.image_height = im->height;
  w->c.input_components = gray ? 1 : 3;
  w->c.in_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&w->c);
  jpeg_set_quality(&w->c, quality, TRUE);
  w->c.dct_method = JDCT_ISLOW;
  jpeg_start_compress(&w->c, TRUE);
  if (comment != NULL)
    jpeg_write_marker(&w->c, JPEG_COM, (const JOCTET *)comment,
                      (unsigned)strnlen(comment, 60000));
  for (y = 0; y < im->height; y++) {
    JSAMPROW row = (JSAMPROW)opaque_row(w, im, y);
    jpeg_write_scanlines(&w->c, &row, 1);
  }
  jpeg_finish_compress(&w->c);
}


fal_code fal_jpeg_encode (const fal_image *im, int quality,
                          const char *comment, fal_buf *out, fal_error *err) {
  writer *w = calloc(1, sizeof(*w));
  size_t was = out->n;
  fal_code code;
  if (w != NULL)
    w->line = malloc((size_t)im->width * 3);
  if (w == NULL || w->line == NULL) {
    free(w);
    return fal_fail(err, FAL_ENOMEM, "out of memory for a JPEG");
  }
  make_wall(&w->w, err);
  w->c.err = &w->w.mgr;
  w->out = out;
  if (setjmp(w->w.back) == 0) {
    jpeg_create_compress(&w->c);
    w->c.client_data = w;
    w->c.dest = &w->to;
    w->to.init_destination = begin;
    w->to.empty_output_buffer = more;
    w->to.term_destination = end;
    write_all(w, im, quality, comment);
  }
  code = w->w.code;
  jpeg_destroy_compress(&w->c);
  if (code != FAL_OK)
    out->n = was;
  free(w->line);
  free(w);
  return code;
}

/* }====================================================== */
