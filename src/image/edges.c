/*
** edges.c -- Canny: edges one pixel wide, as controlnets want them
**
** The gradient of each pixel by Sobel, |dx| + |dy|; pixels that are not the
** largest along their gradient are dropped; of the rest, those above 'high'
** are edges, and so is all above 'low' that touches an edge.
*/
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "pixels_private.h"

enum { NONE = 0, WEAK = 1, EDGE = 255 };   /* what 'out' has meanwhile */

typedef struct gradient {
  int16_t dx, dy, size;
} gradient;

typedef struct edges {
  const fal_image *im;
  fal_image *out;
  uint8_t *gray[3];     /* rows y % 3, a pixel more on either side */
  gradient *row[3];     /* rows y % 3, a pixel of none on either side */
  double low, high;
  size_t *todo, n, cap;       /* edges whose neighbours are not looked at */
} edges;


/* Row y (or the nearest there is) as gray, edges doubled. */
static void load (const edges *e, int64_t y) {
  uint32_t h = e->im->height, w = e->im->width;
  uint8_t *to = e->gray[(y + 3) % 3];
  fal_gray_row(e->im, y < 0 ? 0 : y < h ? (uint32_t)y : h - 1, to + 1);
  to[0] = to[1];
  to[w + 1] = to[w];
}


static void differ (const edges *e, uint32_t y) {
  const uint8_t *a = e->gray[(y + 2) % 3], *b = e->gray[y % 3];
  const uint8_t *c = e->gray[(y + 1) % 3];
  gradient *g = e->row[y % 3] + 1;
  uint32_t x;
  for (x = 0; x < e->im->width; x++, a++, b++, c++, g++) {
    int dx = a[2] - a[0] + 2 * (b[2] - b[0]) + c[2] - c[0];
    int dy = c[0] - a[0] + 2 * (c[1] - a[1]) + c[2] - a[2];
    g->dx = (int16_t)dx;
    g->dy = (int16_t)dy;
    g->size = (int16_t)(abs(dx) + abs(dy));
  }
}


/* Is the pixel the largest along its gradient? The directions are four; of
** two that are equal one counts. */
static int largest (const gradient *above, const gradient *g,
                    const gradient *below) {
  const int tan22 = 13573;   /* tan(22.5 degrees) << 15 */
  int dx = abs(g->dx), dy = abs(g->dy) << 15, flat = dx * tan22, d;
  if (dy < flat)
    return g->size > g[-1].size && g->size >= g[1].size;
  if (dy > flat + (dx << 16))
    return g->size > above->size && g->size >= below->size;
  d = (g->dx < 0) != (g->dy < 0) ? -1 : 1;
  return g->size > above[-d].size && g->size > below[d].size;
}


/* FAL_ENOMEM. */
static fal_code mark (edges *e, size_t at) {
  e->out->pixels[at] = EDGE;
  if (e->n == e->cap) {
    size_t cap = e->cap == 0 ? 1024 : e->cap * 2;
    size_t *more = realloc(e->todo, cap * sizeof(*more));
    if (more == NULL)
      return FAL_ENOMEM;
    e->todo = more;
    e->cap = cap;
  }
  e->todo[e->n++] = at;
  return FAL_OK;
}


/* Row y of the result: edges and weak pixels. */
static fal_code judge (edges *e, uint32_t y) {
  const gradient *above = e->row[(y + 2) % 3] + 1, *g = e->row[y % 3] + 1;
  const gradient *below = e->row[(y + 1) % 3] + 1;
  size_t at = (size_t)y * e->im->width;
  uint32_t x;
  for (x = 0; x < e->im->width; x++, above++, g++, below++)
    if (g->size > e->low && largest(above, g, below)) {
      e->out->pixels[at + x] = WEAK;
      if (g->size > e->high && mark(e, at + x) != FAL_OK)
        return FAL_ENOMEM;
    }
  return FAL_OK;
}


/* Makes edges of the weak pixels that touch one, and forgets the others. */
static fal_code follow (edges *e) {
  size_t w = e->out->width, n = w * e->out->height, i;
  while (e->n > 0) {
    size_t at = e->todo[--e->n], x = at % w, y = at / w, i0, j;
    for (j = y > 0 ? y - 1 : 0; j <= y + 1 && j < e->out->height; j++)
      for (i0 = x > 0 ? x - 1 : 0; i0 <= x + 1 && i0 < w; i0++)
        if (e->out->pixels[j * w + i0] == WEAK &&
            mark(e, j * w + i0) != FAL_OK)
          return FAL_ENOMEM;
  }
  for (i = 0; i < n; i++)
    e->out->pixels[i] = e->out->pixels[i] == EDGE ? 255 : 0;
  return FAL_OK;
}


static fal_code find (edges *e) {
  size_t row = ((size_t)e->im->width + 2) * sizeof(gradient);
  uint32_t y, h = e->im->height;
  load(e, -1);
  load(e, 0);
  for (y = 0; y <= h; y++) {
    if (y < h) {
      load(e, (int64_t)y + 1);
      differ(e, y);
    }
    else
      memset(e->row[y % 3], 0, row);
    if (y > 0 && judge(e, y - 1) != FAL_OK)
      return FAL_ENOMEM;
  }
  return follow(e);
}


fal_code fal_image_canny (const fal_image *im, double low, double high,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err) {
  size_t w = (size_t)im->width + 2;
  gradient *rows;
  uint8_t *gray;
  fal_image result;
  fal_code code;
  edges e;
  int i;
  if (!(low >= 0 && low <= high))
    return fal_fail(err, FAL_EVALIDATION, "edges from %g to %g: the low "
                    "threshold must be from 0 to the high one", low, high);
  code = fal_image_new(&result, im->width, im->height, 1, lim, err);
  if (code != FAL_OK)
    return code;
  memset(&e, 0, sizeof(e));
  gray = malloc(3 * w);
  rows = calloc(3 * w, sizeof(*rows));
  e.im = im;
  e.out = &result;
  e.low = low;
  e.high = high;
  code = FAL_ENOMEM;
  if (gray != NULL && rows != NULL) {
    for (i = 0; i < 3; i++) {
      e.gray[i] = gray + (size_t)i * w;
      e.row[i] = rows + (size_t)i * w;
    }
    code = find(&e);
  }
  free(gray);
  free(rows);
  free(e.todo);
  if (code != FAL_OK) {
    fal_image_free(&result);
    return fal_fail(err, code, "out of memory");
  }
  *out = result;
  return FAL_OK;
}
