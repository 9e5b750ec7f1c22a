/*
** noise.c -- gradient noise from an integer hash
**
** Rows are the fast way: along a row the lattice below changes seldom, so
** the gradients are hashed once a cell and not once a pixel.
*/
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

/* Along a row the noise in a cell is a + b f + (c + d f) fade(f), with 'f' the
** place in it. */
typedef struct cell {
  float a, b, c, d;
} cell;


/* Value and slope at the lattice lines k0, k0 + 1, ... where the row crosses
** them: along the row the corner's part is v + g * distance. */
FAL_WIDE
static void crossings (float *v, float *g, int n, int k0, int j, float fy,
                       float t, uint32_t seed) {
  int i;
  for (i = 0; i < n; i++) {
    float ax, ay, bx, by;
    corner(k0 + i, j, seed, &ax, &ay);
    corner(k0 + i, j + 1, seed, &bx, &by);
    v[i] = pm_lerp(ay * fy, by * (fy - 1.0f), t);
    g[i] = pm_lerp(ax, bx, t);
  }
}


FAL_WIDE
static void join (cell *restrict q, const float *restrict v,
                  const float *restrict g, int n, float amp) {
  int i;
  for (i = 0; i < n; i++) {
    q[i].a = amp * v[i];
    q[i].b = amp * g[i];
    q[i].c = amp * (v[i + 1] - g[i + 1] - v[i]);
    q[i].d = amp * (g[i + 1] - g[i]);
  }
}


/* In which cell samples first, first + 1, ... of a row at x + i * dx are, and
** where in it. */
FAL_WIDE
static void find_cells (int n, float x, float dx, int first, int k0,
                        int16_t *restrict which, float *restrict place) {
  int i;
  for (i = 0; i < n; i++) {
    float at = x + (float)(first + i) * dx;
    int k = pm_floor(at);
    which[i] = (int16_t)(k - k0);
    place[i] = at - (float)k;
  }
}


FAL_WIDE
static void add_found (float *restrict out, int n, const float *restrict place,
                       const cell *restrict q) {
  int i;
  for (i = 0; i < n; i++) {
    float f = place[i];
    out[i] += q[i].a + q[i].b * f + (q[i].c + q[i].d * f) * fade(f);
  }
}


/* Adds samples of many cells. Looking up is done one by one: processors are
** slow at doing it for several at once. */
static void add_cells (float *out, int n, float x, float dx, int first, int k0,
                       const cell *q) {
  int16_t which[PIECE];
  float place[PIECE];
  cell each[PIECE];
  int i;
  find_cells(n, x, dx, first, k0, which, place);
  for (i = 0; i < n; i++)
    each[i] = q[which[i]];
  add_found(out, n, place, each);
}


/* The same where all samples are in the cell 'm'. */
FAL_WIDE
static void add_cell (float *restrict out, int n, float x, float dx,
                      int first, int k, cell q) {
  float from = (float)k;
  int i;
  for (i = 0; i < n; i++) {
    float f = (x + (float)(first + i) * dx) - from;
    out[i] += q.a + q.b * f + (q.c + q.d * f) * fade(f);
  }
}


/* First sample after 'i' that is no longer in cell 'k'. */
static int cell_end (float x, float dx, int i, int n, int k) {
  float left = ((float)(k + 1) - (x + (float)i * dx)) / dx;
  int e = left < (float)(n - i) ? i + (int)left : n;
  while (e > i + 1 && pm_floor(x + (float)(e - 1) * dx) != k)
    e--;
  while (e < n && pm_floor(x + (float)e * dx) == k)
    e++;
  return e > i ? e : i + 1;
}


/* Samples 'first' to 'end' of a row, cell by cell. */
static void add_long (float *out, int first, int end, float x, float dx,
                      int k0, const cell *q) {
  int i = first;
  while (i < end) {
    int k = pm_floor(x + (float)i * dx), e = cell_end(x, dx, i, end, k);
    add_cell(out + i, e - i, x, dx, i, k, q[k - k0]);
    i = e;
  }
}


/* One octave added to a row. Steps of less than nothing do not come. */
static void octave (float *out, int n, float x, float dx, float y, float amp,
                    uint32_t seed) {
  int j = pm_floor(y), i, count;
  int most = dx < 1.0f ? PIECE : (int)pm_max(PIECE / dx, 1.0f);
  float fy = y - (float)j, t = fade(fy), v[CELLS], g[CELLS];
  cell q[CELLS];
  amp *= GAIN;
  for (i = 0; i < n; i += count) {
    int k0 = pm_floor(x + (float)i * dx);
    int k1;
    count = n - i < most ? n - i : most;
    k1 = pm_floor(x + (float)(i + count - 1) * dx);
    crossings(v, g, k1 - k0 + 2, k0, j, fy, t, seed);
    join(q, v, g, k1 - k0 + 1, amp);
    if (dx < 0.04f)
      add_long(out, i, i + count, x, dx, k0, q);
    else
      add_cells(out + i, count, x, dx, i, k0, q);
  }
}


void pt_fbm_row (float *out, int n, float x, float dx, float y, int octaves,
                 uint32_t seed) {
  float amp = 0.6f;
  int i;
  for (i = 0; i < n; i++)
    out[i] = 0.0f;
  for (i = 0; i < octaves && (i == 0 || pm_abs(dx) < 0.7f); i++, amp *= 0.5f) {
    octave(out, n, x, dx, y, amp, seed + (uint32_t)i * 101U);
    x = x * 2.0f + 17.3f;
    y = y * 2.0f + 9.1f;
    dx *= 2.0f;
  }
}
