/*
** blur.c -- Gaussian blur
**
** A wide blur leaves nothing that a smaller picture could not hold: it is done
** on one, so that it takes no longer than a narrow one.
*/
#include <math.h>

#include "pixels.h"
#include "resample.h"

#define MOST   1000.0
#define WIDE   6.0    /* above this sigma, on a smaller picture */
#define SMALL  4.0    /* what it is there */

/* The part of SMALL * SMALL that shrinking by triangles and enlarging by
** Mitchell's cubic bring by themselves: 1/6 and 1/9. */
#define THEIRS  (5.0 / 18)


static double gauss (double x, double sigma) {
  return exp(-x * x / (2 * sigma * sigma));
}


static fal_code blur (const fal_image *im, double sigma,
                      const fal_image_limits *lim, fal_image *out,
                      fal_error *err) {
  fal_filtering f = {gauss, sigma, 0, 1, 0, 0};
  f.support = ceil(4 * sigma);
  return fal_resample(im, im->width, im->height, &f, &f, lim, out, err);
}


/* An axis of the smaller picture: 'n' pixels for all of the larger one and a
** margin on either side for what is outside of it. */
typedef struct shrunk {
  uint32_t n;
  fal_filtering to, back;
} shrunk;


static shrunk shrink (uint32_t n, double sigma) {
  double by = sigma / SMALL;
  uint32_t margin = (uint32_t)ceil(3 * SMALL) + 3;
  shrunk s;
  s.n = (uint32_t)ceil(n / by) + 2 * margin;
  s.to = *fal_filtering_of(FAL_FILTER_TRIANGLE);
  s.to.extend = 1;
  s.to.from = -(by * margin);
  s.to.to = by * (s.n - margin);
  s.back = *fal_filtering_of(FAL_FILTER_MITCHELL);
  s.back.from = margin;
  s.back.to = margin + n / by;
  return s;
}


static fal_code blur_wide (const fal_image *im, double sigma,
                           const fal_image_limits *lim, fal_image *out,
                           fal_error *err) {
  shrunk x = shrink(im->width, sigma), y = shrink(im->height, sigma);
  fal_image small, soft;
  fal_code code = fal_resample(im, x.n, y.n, &x.to, &y.to, lim, &small, err);
  if (code != FAL_OK)
    return code;
  code = blur(&small, sqrt(SMALL * SMALL - THEIRS), lim, &soft, err);
  fal_image_free(&small);
  if (code != FAL_OK)
    return code;
  code = fal_resample(&soft, im->width, im->height, &x.back, &y.back, lim,
                      out, err);
  fal_image_free(&soft);
  return code;
}


fal_code fal_image_blur (const fal_image *im, double sigma,
                         const fal_image_limits *lim, fal_image *out,
                         fal_error *err) {
  if (!(sigma >= 0 && sigma <= MOST))
    return fal_fail(err, FAL_EVALIDATION, "a blur of %g pixels: it must be "
                    "from 0 to %g", sigma, MOST);
  if (sigma < 0.1)  /* the neighbors weigh nothing */
    return fal_image_convert(im, im->channels, lim, out, err);
  return sigma > WIDE ? blur_wide(im, sigma, lim, out, err)
                      : blur(im, sigma, lim, out, err);
}
