/*
** resize.c -- pictures larger and smaller
*/
#include <math.h>

#include "pixels.h"
#include "resample.h"

#define PI 3.14159265358979323846


/*
** {======================================================
** Filters, by the distance in pixels of the smaller picture
** =======================================================
*/

static double box (double x, double unused) {
  (void)unused;
  return x > -0.5 && x <= 0.5 ? 1 : 0;
}


static double triangle (double x, double unused) {
  (void)unused;
  return 1 - fabs(x);
}


/* The cubics of Mitchell and Netravali with C = (1 - B) / 2. */
static double cubic (double x, double b) {
  double c = (1 - b) / 2;
  x = fabs(x);
  if (x < 1)
    return ((12 - 9 * b - 6 * c) * x * x * x +
            (-18 + 12 * b + 6 * c) * x * x + 6 - 2 * b) / 6;
  return x < 2 ? ((-b - 6 * c) * x * x * x + (6 * b + 30 * c) * x * x +
                  (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6 : 0;
}


static double lanczos (double x, double lobes) {
  double u = PI * x;
  if (fabs(x) < 1e-9)
    return 1;
  return fabs(x) < lobes ? lobes * sin(u) * sin(u / lobes) / (u * u) : 0;
}

/* }====================================================== */


const fal_filtering *fal_filtering_of (fal_filter filter) {
  static const fal_filtering filters[] = {
    {lanczos, 3, 3, 0, 0, 0},       /* auto: see 'choose' */
    {box, 0, 0, 0, 0, 0},           /* the pixel in the middle, no other */
    {box, 0, 0.5, 0, 0, 0},
    {triangle, 0, 1, 0, 0, 0},
    {cubic, 0, 2, 0, 0, 0},
    {cubic, 1.0 / 3, 2, 0, 0, 0},
    {lanczos, 3, 3, 0, 0, 0},
  };
  return &filters[filter];
}


static const fal_filtering *choose (fal_filter filter, uint32_t from,
                                    uint32_t to) {
  if (from == to)
    filter = FAL_FILTER_NEAREST;
  else if (filter == FAL_FILTER_AUTO)
    filter = to < from ? FAL_FILTER_LANCZOS : FAL_FILTER_MITCHELL;
  return fal_filtering_of(filter);
}


fal_code fal_image_resize (const fal_image *im, uint32_t width,
                           uint32_t height, fal_filter filter,
                           const fal_image_limits *lim, fal_image *out,
                           fal_error *err) {
  return fal_resample(im, width, height, choose(filter, im->width, width),
                      choose(filter, im->height, height), lim, out, err);
}


void fal_image_fit (uint32_t width, uint32_t height, uint32_t box_width,
                    uint32_t box_height, uint32_t *w, uint32_t *h) {
  double by = fmin((double)box_width / width, (double)box_height / height);
  *w = (uint32_t)fmin(floor(width * by + 0.5), box_width);
  *h = (uint32_t)fmin(floor(height * by + 0.5), box_height);
  *w = *w > 0 ? *w : 1;
  *h = *h > 0 ? *h : 1;
}
