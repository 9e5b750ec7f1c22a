/*
** noise.c -- gradient noise from an integer hash
**
** Rows are the fast way: along a row the lattice below changes seldom, so
** the gradients are hashed once a cell and not once a pixel.
*/
#include <string.h>

#include "scene.h"

#define GAIN  1.5f   /* brings plain gradient noise to about -1..1 */


static float fade (float t) {
  return t * t * t * (t * (t * 6.0f - 15.0f) + 10.0f);
}


/* Both components of the gradient at a corner, -1..1. */
static void corner (int x, int y, uint32_t seed, float *gx, float *gy) {
  uint32_t h = pm_hash2(x, y, seed);
  *gx = (float)(int)(h & 0xFFFF) * (1.0f / 32768.0f) - 1.0f;
  *gy = (float)(int)(h >> 16) * (1.0f / 32768.0f) - 1.0f;
}


float pt_noise1 (float x, uint32_t seed) {
  int i = pm_floor(x);
  float f = x - (float)i;
  float a = pm_unit(pm_hash2(i, 0, seed)) * 2.0f - 1.0f;
  float b = pm_unit(pm_hash2(i + 1, 0, seed)) * 2.0f - 1.0f;
  return pm_lerp(a * f, b * (f - 1.0f), fade(f)) * 2.0f;
}


float pt_noise2 (float x, float y, uint32_t seed) {
  int i = pm_floor(x), j = pm_floor(y);
  float fx = x - (float)i, fy = y - (float)j;
  float u = fade(fx), ax, ay, bx, by, top, bottom;
  corner(i, j, seed, &ax, &ay);
  corner(i + 1, j, seed, &bx, &by);
  top = pm_lerp(ax * fx + ay * fy, bx * (fx - 1.0f) + by * fy, u);
  corner(i, j + 1, seed, &ax, &ay);
  corner(i + 1, j + 1, seed, &bx, &by);
  bottom = pm_lerp(ax * fx + ay * (fy - 1.0f),
                   bx * (fx - 1.0f) + by * (fy - 1.0f), u);
  return pm_lerp(top, bottom, fade(fy)) * GAIN;
}


float pt_fbm1 (float x, int octaves, uint32_t seed) {
  float sum = 0.0f, amp = 1.0f;
  int i;
  for (i = 0; i < octaves; i++, amp *= 0.5f) {
    sum += amp * pt_noise1(x, seed + (uint32_t)i * 101U);
    x = x * 2.0f + 17.3f;
  }
  return sum;
}


float pt_fbm2 (float x, float y, int octaves, uint32_t seed) {
  float sum = 0.0f, amp = 0.6f;
  int i;
  for (i = 0; i < octaves; i++, amp *= 0.5f) {
    sum += amp * pt_noise2(x, y, seed + (uint32_t)i * 101U);
    x = x * 2.0f + 17.3f;
    y = y * 2.0f + 9.1f;
  }
  return sum;
}


float pt_ridged1 (float x, int octaves, uint32_t seed) {
  float sum = 0.0f, amp = 0.5f;
  int i;
  for (i = 0; i < octaves; i++, amp *= 0.5f) {
    float n = 1.0f - pm_abs(pt_noise1(x, seed + (uint32_t)i * 101U));
    sum += amp * n * n;
    x = x * 2.0f + 17.3f;
  }
  return sum;
}


/* ---- rows ---- */

#define PIECE  256             /* samples that are made together */
#define CELLS  (PIECE + 4)     /* lattice lines that these can meet */
#define STEP   8               /* places that are filled at once */

/* Along a row the noise in a cell is a + b f + (c + d f) fade(f), with 'f' the
** place in it: how far it is from the lattice line 'from'. */
typedef struct cells {
  float a[CELLS + STEP], b[CELLS + STEP], c[CELLS + STEP], d[CELLS + STEP];
  float from[CELLS + STEP];
} cells;


/* Gradients at the lattice lines that a row meets, above and below it. */
typedef struct corners {
  float ax[CELLS], ay[CELLS], bx[CELLS], by[CELLS];
} corners;


FAL_WIDE
static void find_corners (corners *restrict c, int n, int k0, int j, uint32_t seed) {
  int i;
  for (i = 0; i < n; i++) {
    corner(k0 + i, j, seed, &c->ax[i], &c->ay[i]);
    corner(k0 + i, j + 1, seed, &c->bx[i], &c->by[i]);
  }
}


/* The cells of a row that is 'fy' below the upper corners. Along it the part
** of a lattice line is v + g * distance. */
FAL_WIDE
static void join (cells *restrict q, const corners *restrict c, int n, int k0,
                  float fy, float amp) {
  float v[CELLS], g[CELLS], t = fade(fy);
  int i;
  for (i = 0; i <= n; i++) {
    v[i] = pm_lerp(c->ay[i] * fy, c->by[i] * (fy - 1.0f), t);
    g[i] = pm_lerp(c->ax[i], c->bx[i], t);
  }
  for (i = 0; i < n; i++) {
    q->a[i] = amp * v[i];
    q->b[i] = amp * g[i];
    q->c[i] = amp * (v[i + 1] - g[i + 1] - v[i]);
    q->d[i] = amp * (g[i + 1] - g[i]);
    q->from[i] = (float)(k0 + i);
  }
}


/* Samples are at x + i * dx, which never falls as 'i' grows. In start[m] goes
** the first one, counted from 'first', that is not before the lattice line
** k0 + m, for m = 1 to n - 1. Returns 0 when rounding has led a guess too far
** astray. */
FAL_WIDE
static int guess_starts (int *restrict start, int n, float x, float dx, int first,
                         int k0) {
  int m, wrong = 0;
  for (m = 1; m < n; m++) {
    float k = (float)(k0 + m);
    int i = (int)((k - x) / dx) - 1;
    i += x + (float)i * dx < k;
    i += x + (float)i * dx < k;
    i += x + (float)i * dx < k;
    wrong |= x + (float)i * dx < k;
    wrong |= x + (float)(i - 1) * dx >= k;
    start[m] = i - first;
  }
  return !wrong;
}


/* The same, slow and sure. */
static void find_starts (int *start, int n, float x, float dx, int first, int k0) {
  int m, i = first;
  for (m = 1; m < n; m++) {
    while (x + (float)i * dx < (float)(k0 + m))
      i++;
    start[m] = i - first;
  }
}


/* The cell of each sample: cell 'm' from start[m] to before start[m + 1].
** Writes up to STEP - 1 places too many, which the next cell sets right. */
FAL_WIDE
static void spread (cells *restrict each, const cells *restrict q, int n,
                    const int *restrict start) {
  int m, i, k;
  for (m = 0; m < n; m++)
    for (i = start[m]; i < start[m + 1]; i += STEP)
      for (k = 0; k < STEP; k++) {
        each->a[i + k] = q->a[m];
        each->b[i + k] = q->b[m];
        each->c[i + k] = q->c[m];
        each->d[i + k] = q->d[m];
        each->from[i + k] = q->from[m];
      }
}


FAL_WIDE
static void add_samples (float *restrict out, int n, float x, float dx, int first,
                         const cells *restrict q) {
  int i;
  for (i = 0; i < n; i++) {
    float f = (x + (float)(first + i) * dx) - q->from[i];
    out[i] += q->a[i] + q->b[i] * f + (q->c[i] + q->d[i] * f) * fade(f);
  }
}


/* One octave added to rows. Steps of less than nothing do not come. */
static void octave (float *out, int n, int rows, float x, float dx, const float *y,
                    float amp, uint32_t seed) {
  int i, r, count, start[CELLS];
  int most = dx < 1.0f ? PIECE : (int)pm_max(PIECE / dx, 1.0f);
  corners c;
  cells q, each;
  for (i = 0; i < n; i += count) {
    int k0 = pm_floor(x + (float)i * dx), k;
    count = n - i < most ? n - i : most;
    k = pm_floor(x + (float)(i + count - 1) * dx) - k0 + 1;
    if (!guess_starts(start, k, x, dx, i, k0))
      find_starts(start, k, x, dx, i, k0);
    start[0] = 0;
    start[k] = count;
    for (r = 0; r < rows; r++) {
      int j = pm_floor(y[r]);
      if (r == 0 || j != pm_floor(y[r - 1]))
        find_corners(&c, k + 1, k0, j, seed);
      join(&q, &c, k, k0, y[r] - (float)j, amp * GAIN);
      spread(&each, &q, k, start);
      add_samples(out + (size_t)r * (size_t)n + i, count, x, dx, i, &each);
    }
  }
}


void pt_fbm_rows (float *out, int n, int rows, float x, float dx, float *y,
                  int octaves, uint32_t seed) {
  float amp = 0.6f;
  int i, r;
  memset(out, 0, (size_t)n * (size_t)rows * sizeof(float));
  for (i = 0; i < octaves && (i == 0 || pm_abs(dx) < 0.7f); i++, amp *= 0.5f) {
    octave(out, n, rows, x, dx, y, amp, seed + (uint32_t)i * 101U);
    x = x * 2.0f + 17.3f;
    for (r = 0; r < rows; r++)
      y[r] = y[r] * 2.0f + 9.1f;
    dx *= 2.0f;
  }
}


void pt_fbm_row (float *out, int n, float x, float dx, float y, int octaves,
                 uint32_t seed) {
  pt_fbm_rows(out, n, 1, x, dx, &y, octaves, seed);
}
