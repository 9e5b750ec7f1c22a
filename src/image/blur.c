/*
** blur.c -- Gaussian blur
**
** A wide blur leaves nothing that a smaller picture could not hold: it is done
** on one, so that it takes no longer than a narrow one.
*/
#include <math.h>

#include "pixels.h"
#include "resample.h"

#define WIDE  12.0   /* above this sigma, on a smaller picture */
#define MOST  1000.0


static double gauss (double x, double sigma) {
  return exp(-x * x / (2 * sigma * sigma));
}


/* 'sigma' may differ along the axes. */
static fal_code blur (const fal_image *im, double across, double down,
                      const fal_image_limits *lim, fal_image *out,
                      fal_error *err) {
  fal_filtering fx = {gauss, across, ceil(4 * across), 1};
  fal_filtering fy = {gauss, down, ceil(4 * down), 1};
  return fal_resample(im, im->width, im->height, &fx, &fy, lim, out, err);
}


static uint32_t smaller (uint32_t n, double by) {
  double m = ceil(n / by);
  return m < 1 ? 1 : (uint32_t)m;
}


static fal_code blur_wide (const fal_image *im, double sigma,
                           const fal_image_limits *lim, fal_image *out,
                           fal_error *err) {
  uint32_t w = smaller(im->width, sigma / WIDE * 2);
  uint32_t h = smaller(im->height, sigma / WIDE * 2);
  fal_image small, soft;
  fal_code code = fal_image_resize(im, w, h, FAL_FILTER_TRIANGLE, lim, &small,
                                   err);
  if (code != FAL_OK)
    return code;
  code = blur(&small, sigma * w / im->width, sigma * h / im->height, lim,
              &soft, err);
  fal_image_free(&small);
  if (code != FAL_OK)
    return code;
  code = fal_image_resize(&soft, im->width, im->height, FAL_FILTER_MITCHELL,
                          lim, out, err);
  fal_image_free(&soft);
  return code;
}


fal_code fal_image_blur (const fal_image *im, double sigma,
                         const fal_image_limits *lim, fal_image *out,
                         fal_error *err) {
  if (!(sigma >= 0 && sigma <= MOST))
    return fal_fail(err, FAL_EVALIDATION, "a blur of %g pixels: it must be "
                    "from 0 to %g", sigma, MOST);
  if (sigma == 0)
    return fal_image_convert(im, im->channels, lim, out, err);
  return sigma > WIDE ? blur_wide(im, sigma, lim, out, err)
                      : blur(im, sigma, sigma, lim, out, err);
}
