/*
** shape.c -- masks: rectangles, ellipses, regions of one color
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "pixels_private.h"

#define SLICES  16   /* an edge is looked at so often in a row of pixels */


/*
** {======================================================
** Shapes
** =======================================================
*/

/* Adds the stretch from a to b of a line to 'cover', of which the sums up to
** each pixel will be the part of it that is covered. */
static void add_stretch (float *cover, double width, double a, double b) {
  a = fmin(fmax(a, 0), width);
  b = fmin(fmax(b, 0), width);
  if (a < b) {
    size_t i = (size_t)a, j = (size_t)b;
    cover[i] += (float)((double)i + 1 - a);
    cover[i + 1] += (float)(a - (double)i);
    cover[j] -= (float)((double)j + 1 - b);
    cover[j + 1] -= (float)(b - (double)j);
  }
}


/* Half of the width of an ellipse in a box of w x h, 'y' from its top. */
static double half_width (double y, double w, double h) {
  double u = 2 * y / h - 1;
  return u * u < 1 ? w / 2 * sqrt(1 - u * u) : 0;
}


fal_code fal_image_shape (uint32_t width, uint32_t height, fal_shape shape,
                          double x, double y, double w, double h,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err) {
  fal_image result;
  fal_code code;
  float *cover, sum;
  uint32_t row, i;
  int k;
  if (!isfinite(x) || !isfinite(y) || !(w >= 0 && w <= 1e9) ||
      !(h >= 0 && h <= 1e9))
    return fal_fail(err, FAL_EVALIDATION, "no shape is %g x %g at %g, %g", w,
                    h, x, y);
  code = fal_image_new(&result, width, height, 1, lim, err);
  if (code != FAL_OK)
    return code;
  cover = malloc(((size_t)width + 2) * sizeof(*cover));
  if (cover == NULL) {
    fal_image_free(&result);
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  }
  for (row = 0; row < height; row++) {
    uint8_t *to = result.pixels + (size_t)row * width;
    memset(cover, 0, ((size_t)width + 2) * sizeof(*cover));
    for (k = 0; k < SLICES; k++) {
      double at = row + (k + 0.5) / SLICES - y;
      double half = shape == FAL_SHAPE_RECTANGLE ? w / 2
                                                 : half_width(at, w, h);
      if (at >= 0 && at < h)
        add_stretch(cover, width, x + w / 2 - half, x + w / 2 + half);
    }
    for (sum = 0, i = 0; i < width; i++) {
      sum += cover[i];
      to[i] = (uint8_t)(fminf(fmaxf(sum, 0), SLICES) * (255.0f / SLICES) +
                        0.5f);
    }
  }
  free(cover);
  *out = result;
  return FAL_OK;
}

/* }====================================================== */


/*
** {======================================================
** Regions
** =======================================================
*/

typedef struct region {
  const fal_image *im;
  uint8_t *mask;
  uint8_t color[4];
  int tolerance;
  struct { uint32_t x, y; } *todo;   /* one pixel of each run to be filled */
  size_t n, cap;
} region;


static int belongs (const region *r, uint32_t x, uint32_t y) {
  size_t at = (size_t)y * r->im->width + x;
  const uint8_t *p = r->im->pixels + at * (size_t)r->im->channels;
  int c;
  if (r->mask[at] != 0)
    return 0;
  for (c = 0; c < r->im->channels; c++)
    if (abs(p[c] - r->color[c]) > r->tolerance)
      return 0;
  return 1;
}


static fal_code push (region *r, uint32_t x, uint32_t y) {
  if (r->n == r->cap) {
    size_t cap = r->cap == 0 ? 256 : r->cap * 2;
    void *more = realloc(r->todo, cap * sizeof(*r->todo));
    if (more == NULL)
      return FAL_ENOMEM;
    r->todo = more;
    r->cap = cap;
  }
  r->todo[r->n].x = x;
  r->todo[r->n++].y = y;
  return FAL_OK;
}


/* Notes each run of pixels in row y, from a to b, that belongs. */
static fal_code look (region *r, uint32_t a, uint32_t b, uint32_t y) {
  int inside = 0;
  for (; a <= b; a++) {
    int in = belongs(r, a, y);
    if (in && !inside && push(r, a, y) != FAL_OK)
      return FAL_ENOMEM;
    inside = in;
  }
  return FAL_OK;
}


/* Fills run after run. */
static fal_code grow (region *r) {
  while (r->n > 0) {
    uint32_t y = r->todo[--r->n].y, a = r->todo[r->n].x, b = a;
    if (!belongs(r, a, y))
      continue;  /* filled meanwhile */
    while (a > 0 && belongs(r, a - 1, y))
      a--;
    while (b + 1 < r->im->width && belongs(r, b + 1, y))
      b++;
    memset(r->mask + (size_t)y * r->im->width + a, 255, b - a + 1);
    if ((y > 0 && look(r, a, b, y - 1) != FAL_OK) ||
        (y + 1 < r->im->height && look(r, a, b, y + 1) != FAL_OK))
      return FAL_ENOMEM;
  }
  return FAL_OK;
}


fal_code fal_image_region (const fal_image *im, uint32_t x, uint32_t y,
                           int tolerance, const fal_image_limits *lim,
                           fal_image *out, fal_error *err) {
  fal_image result;
  region r;
  fal_code code;
  if (x >= im->width || y >= im->height)
    return fal_fail(err, FAL_EVALIDATION, "%lu, %lu is outside of a picture "
                    "of %lu x %lu", (unsigned long)x, (unsigned long)y,
                    (unsigned long)im->width, (unsigned long)im->height);
  code = fal_image_new(&result, im->width, im->height, 1, lim, err);
  if (code != FAL_OK)
    return code;
  memset(&r, 0, sizeof(r));
  r.im = im;
  r.mask = result.pixels;
  r.tolerance = tolerance;
  memcpy(r.color, im->pixels + ((size_t)y * im->width + x) *
         (size_t)im->channels, (size_t)im->channels);
  code = push(&r, x, y);
  if (code == FAL_OK)
    code = grow(&r);
  free(r.todo);
  if (code != FAL_OK) {
    fal_image_free(&result);
    return fal_fail(err, code, "out of memory");
  }
  *out = result;
  return FAL_OK;
}


fal_code fal_image_flood (const fal_image *im, uint32_t x, uint32_t y,
                          int tolerance, const uint8_t color[4],
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err) {
  size_t n = (size_t)im->width * im->height, i, channels;
  fal_image mask;
  fal_code code = fal_image_region(im, x, y, tolerance, lim, &mask, err);
  if (code != FAL_OK)
    return code;
  code = fal_image_convert(im, fal_color_channels(im, color), lim, out, err);
  if (code == FAL_OK) {
    channels = (size_t)out->channels;
    for (i = 0; i < n; i++)
      if (mask.pixels[i] != 0)
        fal_pixel(color, 4, out->pixels + i * channels, out->channels);
  }
  fal_image_free(&mask);
  return code;
}

/* }====================================================== */
