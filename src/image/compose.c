/*
** compose.c -- parts of pictures, pictures on pictures, pictures by masks
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "pixels_private.h"


/*
** {======================================================
** Parts and borders
** =======================================================
*/

fal_code fal_image_crop (const fal_image *im, uint32_t x, uint32_t y,
                         uint32_t width, uint32_t height,
                         const fal_image_limits *lim, fal_image *out,
                         fal_error *err) {
  size_t channels = (size_t)im->channels, stride = width * channels, i;
  fal_image result;
  fal_code code;
  if (x >= im->width || y >= im->height || width > im->width - x ||
      height > im->height - y)
    return fal_fail(err, FAL_EVALIDATION, "no part of a picture of %lu x %lu "
                    "is %lu x %lu at %lu, %lu", (unsigned long)im->width,
                    (unsigned long)im->height, (unsigned long)width,
                    (unsigned long)height, (unsigned long)x,
                    (unsigned long)y);
  code = fal_image_new(&result, width, height, im->channels, lim, err);
  if (code != FAL_OK)
    return code;
  for (i = 0; i < height; i++)
    memcpy(result.pixels + i * stride, im->pixels +
           ((y + i) * im->width + x) * channels, stride);
  *out = result;
  return FAL_OK;
}


void fal_fill (fal_image *im, const uint8_t color[4]) {
  size_t channels = (size_t)im->channels;
  size_t n = (size_t)im->width * im->height * channels, done = channels;
  fal_pixel(color, 4, im->pixels, im->channels);
  while (done < n) {  /* what is filled, again and again */
    size_t more = done < n - done ? done : n - done;
    memcpy(im->pixels + done, im->pixels, more);
    done += more;
  }
}


/* Puts 'im' into 'out', where nothing of it counts any more, at (x, y). */
static void place (const fal_image *im, fal_image *out, uint32_t x,
                   uint32_t y) {
  size_t from = (size_t)im->channels, to = (size_t)out->channels, i, j;
  const uint8_t *p = im->pixels;
  for (i = 0; i < im->height; i++) {
    uint8_t *q = out->pixels + ((y + i) * out->width + x) * to;
    for (j = 0; j < im->width; j++, p += from, q += to)
      fal_pixel(p, im->channels, q, out->channels);
  }
}


fal_code fal_image_border (const fal_image *im, const fal_sides *sides,
                           const uint8_t color[4],
                           const fal_image_limits *lim, fal_image *out,
                           fal_error *err) {
  uint64_t width = (uint64_t)im->width + sides->left + sides->right;
  uint64_t height = (uint64_t)im->height + sides->top + sides->bottom;
  fal_image result;
  fal_code code;
  if (width > UINT32_MAX || height > UINT32_MAX)
    return fal_fail(err, FAL_ETOOBIG, "a border that wide");
  code = fal_image_new(&result, (uint32_t)width, (uint32_t)height,
                       fal_color_channels(im, color), lim, err);
  if (code != FAL_OK)
    return code;
  fal_fill(&result, color);
  place(im, &result, sides->left, sides->top);
  *out = result;
  return FAL_OK;
}


fal_code fal_image_room (uint32_t width, uint32_t height, double aspect,
                         fal_sides *sides, fal_error *err) {
  double w = floor(height * aspect + 0.5), h = floor(width / aspect + 0.5);
  uint32_t extra;
  memset(sides, 0, sizeof(*sides));
  if (!(aspect > 0 && aspect <= 1e9))
    return fal_fail(err, FAL_EVALIDATION, "no picture has an aspect of %g",
                    aspect);
  if (fmax(w - width, h - height) > UINT32_MAX)
    return fal_fail(err, FAL_ETOOBIG, "a picture of %lu x %lu with an aspect "
                    "of %g would be too large", (unsigned long)width,
                    (unsigned long)height, aspect);
  if (w > width) {
    extra = (uint32_t)(w - width);
    sides->left = extra / 2;
    sides->right = extra - extra / 2;
  }
  else if (h > height) {
    extra = (uint32_t)(h - height);
    sides->top = extra / 2;
    sides->bottom = extra - extra / 2;
  }
  return FAL_OK;
}

/* }====================================================== */


/*
** {======================================================
** Over and between
** =======================================================
*/

/* The share 'part' of 255 of pixel q into pixel p; colors count by their
** alphas. */
static void mix (uint8_t *p, const uint8_t *q, int channels, int part) {
  int colors = channels - 1 + channels % 2, c, a, b, sum;
  if (channels % 2 != 0 || (p[colors] == 255 && q[colors] == 255)) {
    for (c = 0; c < colors; c++)
      p[c] = (uint8_t)((p[c] * (255 - part) + q[c] * part + 127) / 255);
    return;
  }
  a = p[colors] * (255 - part);
  b = q[colors] * part;
  sum = a + b;
  if (sum > 0)
    for (c = 0; c < colors; c++)
      p[c] = (uint8_t)((p[c] * a + q[c] * b + sum / 2) / sum);
  p[colors] = (uint8_t)((sum + 127) / 255);
}


/* Pixel q, with 'alpha' for its own, over pixel p. */
static void over (uint8_t *p, const uint8_t *q, int channels, int alpha) {
  int colors = channels - 1 + channels % 2, c, below, sum;
  if (channels % 2 != 0 || p[colors] == 255) {
    for (c = 0; c < colors; c++)
      p[c] = (uint8_t)((p[c] * (255 - alpha) + q[c] * alpha + 127) / 255);
    return;
  }
  below = p[colors] * (255 - alpha);
  sum = alpha * 255 + below;
  if (sum > 0)
    for (c = 0; c < colors; c++)
      p[c] = (uint8_t)((p[c] * below + q[c] * alpha * 255 + sum / 2) / sum);
  p[colors] = (uint8_t)((sum + 127) / 255);
}


/* The stretch of 0..n) that 'm' pixels from 'at' on cover. */
static void overlap (uint32_t n, uint32_t m, int32_t at, int64_t *from,
                     int64_t *to) {
  *from = at > 0 ? at : 0;
  *to = (int64_t)at + m < n ? (int64_t)at + m : n;
}


void fal_paste_on (fal_image *im, const fal_image *top, int32_t x, int32_t y,
                   int part) {
  size_t n = (size_t)im->channels, m = (size_t)top->channels;
  int64_t x0, x1, y0, y1, i, j;
  overlap(im->width, top->width, x, &x0, &x1);
  overlap(im->height, top->height, y, &y0, &y1);
  for (j = y0; j < y1; j++) {
    uint8_t *p = im->pixels + ((size_t)j * im->width + (size_t)x0) * n;
    const uint8_t *q = top->pixels + ((size_t)(j - y) * top->width +
                                      (size_t)(x0 - x)) * m;
    for (i = x0; i < x1; i++, p += n, q += m) {
      uint8_t pixel[4];
      fal_pixel(q, top->channels, pixel, im->channels);
      over(p, pixel, im->channels, m % 2 != 0 ? part : fal_mul(part, q[m - 1]));
    }
  }
}


fal_code fal_image_paste (const fal_image *im, const fal_image *top,
                          int32_t x, int32_t y, double opacity,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err) {
  int channels = fal_mixed_channels(im, top, im->channels % 2 == 0);
  fal_code code = fal_image_convert(im, channels, lim, out, err);
  if (code == FAL_OK)
    fal_paste_on(out, top, x, y,
                 (int)(fmin(fmax(opacity, 0), 1) * 255 + 0.5));
  return code;
}


static fal_code check_same_size (const fal_image *im, const fal_image *other,
                                 const char *what, fal_error *err) {
  if (im->width == other->width && im->height == other->height)
    return FAL_OK;
  return fal_fail(err, FAL_EVALIDATION, "%s of %lu x %lu for a picture of "
                  "%lu x %lu: resize one of them", what,
                  (unsigned long)other->width, (unsigned long)other->height,
                  (unsigned long)im->width, (unsigned long)im->height);
}


/* Memory for a row of a mask. */
static uint8_t *new_row (const fal_image *mask, fal_error *err) {
  uint8_t *row = malloc(mask->width);
  if (row == NULL)
    fal_fail(err, FAL_ENOMEM, "out of memory");
  return row;
}


static void blend (fal_image *im, const fal_image *top, const fal_image *mask,
                   uint8_t *row) {
  size_t n = (size_t)im->channels, m = (size_t)top->channels;
  uint8_t *p = im->pixels, pixel[4];
  const uint8_t *q = top->pixels;
  uint32_t x, y;
  for (y = 0; y < im->height; y++) {
    fal_gray_row(mask, y, row);
    for (x = 0; x < im->width; x++, p += n, q += m) {
      fal_pixel(q, top->channels, pixel, im->channels);
      mix(p, pixel, im->channels, row[x]);
    }
  }
}


fal_code fal_image_blend (const fal_image *im, const fal_image *top,
                          const fal_image *mask, const fal_image_limits *lim,
                          fal_image *out, fal_error *err) {
  int alpha = im->channels % 2 == 0 || top->channels % 2 == 0;
  int channels = fal_mixed_channels(im, top, alpha);
  fal_code code;
  uint8_t *row;
  if (check_same_size(im, top, "a second picture", err) != FAL_OK ||
      check_same_size(im, mask, "a mask", err) != FAL_OK)
    return FAL_EVALIDATION;
  row = new_row(mask, err);
  if (row == NULL)
    return FAL_ENOMEM;
  code = fal_image_convert(im, channels, lim, out, err);
  if (code == FAL_OK)
    blend(out, top, mask, row);
  free(row);
  return code;
}


fal_code fal_image_cut (const fal_image *im, const fal_image *mask,
                        const fal_image_limits *lim, fal_image *out,
                        fal_error *err) {
  int channels = im->channels + im->channels % 2;
  fal_code code;
  uint8_t *row, *a;
  uint32_t x, y;
  if (check_same_size(im, mask, "a mask", err) != FAL_OK)
    return FAL_EVALIDATION;
  row = new_row(mask, err);
  if (row == NULL)
    return FAL_ENOMEM;
  code = fal_image_convert(im, channels, lim, out, err);
  if (code == FAL_OK)
    for (a = out->pixels + channels - 1, y = 0; y < im->height; y++) {
      fal_gray_row(mask, y, row);
      for (x = 0; x < im->width; x++, a += channels)
        *a = (uint8_t)fal_mul(*a, row[x]);
    }
  free(row);
  return code;
}

/* }====================================================== */
