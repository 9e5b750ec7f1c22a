/*
** plane.c -- planes of floats: blur, ranks, lines, distances
*/
#include <stdlib.h>
#include <string.h>

#include "plane.h"
#include "pmath.h"

#define RANKS  1024   /* steps of the histogram for ranks */


static size_t count (const plane *p) {
  return (size_t)p->w * (size_t)p->h;
}


int pl_new (plane *p, int w, int h) {
  p->w = w;
  p->h = h;
  p->v = calloc((size_t)w * (size_t)h, sizeof(float));
  return p->v != NULL;
}


void pl_free (plane *p) {
  free(p->v);
  p->v = NULL;
}


int pl_copy (plane *to, const plane *p) {
  if (!pl_new(to, p->w, p->h))
    return 0;
  memcpy(to->v, p->v, count(p) * sizeof(float));
  return 1;
}


int pl_luma (plane *p, const fal_image *im) {
  const uint8_t *s = im->pixels;
  size_t i;
  if (!pl_new(p, (int)im->width, (int)im->height))
    return 0;
  for (i = 0; i < count(p); i++, s += im->channels) {
    float l = im->channels < 3 ? (float)s[0]
              : (float)s[0] * 0.299f + (float)s[1] * 0.587f + (float)s[2] * 0.114f;
    if (im->channels % 2 == 0)
      l *= (float)s[im->channels - 1] / 255.0f;
    p->v[i] = l / 255.0f;
  }
  return 1;
}


/* ---- blur ---- */

/* The box sum of a line that starts at 'a'. */
static void blur_row (float *a, int n, int r, int edges, float *tmp) {
  float sum, k = 1.0f / (float)(2 * r + 1), first = edges ? a[0] : 0.0f;
  float last = edges ? a[n - 1] : 0.0f;
  int i;
  memcpy(tmp, a, (size_t)n * sizeof(float));
  sum = first * (float)r;
  for (i = 0; i <= r; i++)
    sum += i < n ? tmp[i] : last;
  for (i = 0; i < n; i++) {
    a[i] = sum * k;
    sum += i + r + 1 < n ? tmp[i + r + 1] : last;
    sum -= i - r >= 0 ? tmp[i - r] : first;
  }
}


/* All columns at once, a row at a time: 'sum' has one number a column and
** 'old' the 2r + 1 rows before they were written over. */
static void blur_columns (plane *p, int r, int edges, float *sum, float *old) {
  size_t w = (size_t)p->w, size = w * sizeof(float);
  int h = p->h, ring = r + 1, y;
  float k = 1.0f / (float)(2 * r + 1), e = edges ? 1.0f : 0.0f;
  float *first = old + (size_t)ring * w, *last = first + w;
  size_t x;
  memcpy(first, p->v, size);
  memcpy(last, pl_at(p, 0, h - 1), size);
  for (x = 0; x < w; x++)
    sum[x] = first[x] * e * (float)r;
  for (y = 0; y <= r; y++) {
    const float *a = y < h ? pl_at(p, 0, y) : last;
    float f = y < h ? 1.0f : e;
    for (x = 0; x < w; x++)
      sum[x] += a[x] * f;
  }
  for (y = 0; y < h; y++) {
    float *row = pl_at(p, 0, y);
    const float *in = y + r + 1 < h ? pl_at(p, 0, y + r + 1) : last;
    const float *out = y - r >= 0 ? old + (size_t)((y - r) % ring) * w : first;
    float fi = y + r + 1 < h ? 1.0f : e, fo = y - r >= 0 ? 1.0f : e;
    float *keep = old + (size_t)(y % ring) * w;
    if (r > 0)
      memcpy(keep, row, size);
    for (x = 0; x < w; x++) {
      float v = sum[x];
      float leaves = r > 0 ? out[x] : row[x];
      sum[x] = v + in[x] * fi - leaves * fo;
      row[x] = v * k;
    }
  }
}


int pl_blur (plane *p, int r, int edges) {
  size_t w = (size_t)p->w;
  float *tmp;
  int pass, y;
  if (r < 1)
    return 1;
  tmp = malloc(w * ((size_t)r + 4) * sizeof(float));
  if (tmp == NULL)
    return 0;
  for (pass = 0; pass < 3; pass++) {
    for (y = 0; y < p->h; y++)
      blur_row(pl_at(p, 0, y), p->w, r, edges, tmp);
    blur_columns(p, r, edges, tmp, tmp + w);
  }
  free(tmp);
  return 1;
}


/* ---- ranks ---- */

float pl_rank (const plane *p, float q) {
  size_t bins[RANKS], i, below = 0, wanted = (size_t)((double)count(p) * (double)q);
  float lo = p->v[0], hi = p->v[0], step;
  for (i = 1; i < count(p); i++) {
    lo = pm_min(lo, p->v[i]);
    hi = pm_max(hi, p->v[i]);
  }
  step = (hi - lo) / (float)(RANKS - 1);
  if (!(step > 0.0f))
    return lo;
  memset(bins, 0, sizeof(bins));
  for (i = 0; i < count(p); i++)
    bins[(int)((p->v[i] - lo) / step)]++;
  for (i = 0; i < RANKS - 1 && below + bins[i] <= wanted; i++)
    below += bins[i];
  return lo + (float)(int)i * step;
}


void pl_stretch (plane *p, float low, float high, float flat) {
  float a = pl_rank(p, low), b = pl_rank(p, high);
  size_t i;
  for (i = 0; i < count(p); i++)
    p->v[i] = b - a < 0.004f ? flat : pm_sat((p->v[i] - a) / (b - a));
}


/* ---- lines ---- */

int pl_lines (plane *to, const plane *luma, int r, float gain) {
  plane wide;
  size_t i;
  int ok;
  if (!pl_copy(to, luma))
    return 0;
  if (!pl_copy(&wide, luma)) {
    pl_free(to);
    return 0;
  }
  ok = pl_blur(to, r > 1 ? r / 2 : 0, 1) && pl_blur(&wide, r + 1, 1);
  for (i = 0; i < count(to); i++)
    to->v[i] = pm_step(0.10f, 0.85f, (wide.v[i] - to->v[i]) * gain);
  pl_free(&wide);
  if (!ok)
    pl_free(to);
  return ok;
}


/* ---- distances ---- */

#define STRAIGHT  1.0f
#define SLANTED   1.4142f

static void nearer (plane *p, int x, int y, int dx, int dy, float d) {
  if (x + dx >= 0 && x + dx < p->w && y + dy >= 0 && y + dy < p->h)
    *pl_at(p, x, y) = pm_min(*pl_at(p, x, y), *pl_at(p, x + dx, y + dy) + d);
}


/* Two sweeps over the eight neighbours. */
int pl_distance (plane *to, const plane *p, float far) {
  int x, y;
  size_t i;
  if (!pl_new(to, p->w, p->h))
    return 0;
  for (i = 0; i < count(p); i++)
    to->v[i] = p->v[i] >= 0.5f ? 0.0f : far;
  for (y = 0; y < p->h; y++)
    for (x = 0; x < p->w; x++) {
      nearer(to, x, y, -1, 0, STRAIGHT);
      nearer(to, x, y, -1, -1, SLANTED);
      nearer(to, x, y, 0, -1, STRAIGHT);
      nearer(to, x, y, 1, -1, SLANTED);
    }
  for (y = p->h - 1; y >= 0; y--)
    for (x = p->w - 1; x >= 0; x--) {
      nearer(to, x, y, 1, 0, STRAIGHT);
      nearer(to, x, y, 1, 1, SLANTED);
      nearer(to, x, y, 0, 1, STRAIGHT);
      nearer(to, x, y, -1, 1, SLANTED);
    }
  return 1;
}


float pl_sample (const plane *p, float x, float y) {
  int i, j, i1, j1;
  float fx, fy;
  x = pm_clamp(x, 0.0f, (float)(p->w - 1));
  y = pm_clamp(y, 0.0f, (float)(p->h - 1));
  i = (int)x;
  j = (int)y;
  i1 = i + 1 < p->w ? i + 1 : i;
  j1 = j + 1 < p->h ? j + 1 : j;
  fx = x - (float)i;
  fy = y - (float)j;
  return pm_lerp(pm_lerp(*pl_at(p, i, j), *pl_at(p, i1, j), fx),
                 pm_lerp(*pl_at(p, i, j1), *pl_at(p, i1, j1), fx), fy);
}
