/*
** plane.h -- one number for each pixel, for work on finished pictures
**
** Sums of differences, thresholds and softening need more than the 8 bits of
** a picture; a plane has floats, usually 0 to 1.
*/
#ifndef fal_plane_h
#define fal_plane_h

#include "../image/image.h"

typedef struct plane {
  int w, h;
  float *v;      /* w * h, rows from the top */
} plane;

/* Every value 0. Returns 0 when memory ends; then 'v' is NULL. */
int pl_new (plane *p, int w, int h);
void pl_free (plane *p);

/* A copy. */
int pl_copy (plane *to, const plane *p);

/* How light each pixel is, 0 to 1; what is transparent counts as black. */
int pl_luma (plane *p, const fal_image *im);

/* Three box blurs of radius 'r' pixels, nearly a Gaussian of sigma r + 0.5.
** Outside is like the edge when 'edges' is nonzero, else 0. */
int pl_blur (plane *p, int r, int edges);

/* The value that a share of 'q' (0..1) of all values is below. */
float pl_rank (const plane *p, float q);

/* Stretches the values between two ranks to 0..1, cutting what is beyond. A
** plane with next to no range becomes 'flat' everywhere. */
void pl_stretch (plane *p, float low, float high, float flat);

/* Dark lines along edges, 0 (none) to 1: where a pixel is darker than what
** is around it within about 'r' pixels. */
int pl_lines (plane *to, const plane *luma, int r, float gain);

/* Distance in pixels to the nearest place with a value of 0.5 or more, to
** about 4 %; 'far' where there is none. */
int pl_distance (plane *to, const plane *p, float far);

static inline float *pl_at (const plane *p, int x, int y) {
  return p->v + (size_t)y * (size_t)p->w + (size_t)x;
}

/* Bilinear at a place in pixels; outside is like the edge. */
float pl_sample (const plane *p, float x, float y);

#endif
