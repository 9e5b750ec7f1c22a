/*
** resample.h -- each pixel as a weighted sum of others, an axis at a time:
** what resizing and blurring have in common
*/
#ifndef fal_image_resample_h
#define fal_image_resample_h

#include "pixels.h"

/* What a filter weighs at a distance from its middle. */
typedef double fal_kernel (double x, double parameter);

typedef struct fal_filtering {
  fal_kernel *kernel;
  double parameter;
  double support;   /* nothing beyond that distance has a weight */
  int extend;       /* outside is like the edge; else nothing is outside */
  double from, to;  /* what of the picture the result shows, in its pixels;
                       it may begin and end outside. Both 0: all of it */
} fal_filtering;

/* A filter of fal_image_resize. */
const fal_filtering *fal_filtering_of (fal_filter filter);

/* Makes '*out' with a filter for each axis, in pixels of the smaller of the
** two pictures. As the operations of pixels.h. */
fal_code fal_resample (const fal_image *im, uint32_t width, uint32_t height,
                       const fal_filtering *across, const fal_filtering *down,
                       const fal_image_limits *lim, fal_image *out,
                       fal_error *err);

#endif
