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


/* Value and slope of the lattice line 'k' where the row crosses it: along
** the row the corner's part is a + g * distance. */
static void crossing (int k, int j, float fy, float v, uint32_t seed, float *a,
                      float *g) {
  float ax, ay, bx, by;
  corner(k, j, seed, &ax, &ay);
  corner(k, j + 1, seed, &bx, &by);
  *a = pm_lerp(ay * fy, by * (fy - 1.0f), v);
  *g = pm_lerp(ax, bx, v);
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


/* One octave added to a row, cell by cell. */
static void octave (float *out, int n, float x, float dx, float y, float amp,
                    uint32_t seed) {
  int j = pm_floor(y), i = 0, cell = 0;
  float fy = y - (float)j, v = fade(fy);
  float la, lg, ra = 0, rg = 0;
  amp *= GAIN;
  while (i < n) {
    int k = pm_floor(x + (float)i * dx), end = cell_end(x, dx, i, n, k);
    float a, b, c, d, from = (float)k;
    if (i > 0 && k == cell + 1) {
      la = ra;
      lg = rg;
    }
    else
      crossing(k, j, fy, v, seed, &la, &lg);
    crossing(k + 1, j, fy, v, seed, &ra, &rg);
    a = amp * la;
    b = amp * lg;
    c = amp * (ra - rg - la);
    d = amp * (rg - lg);
    for (; i < end; i++) {
      float f = (x + (float)i * dx) - from;
      out[i] += a + b * f + (c + d * f) * fade(f);
    }
    cell = k;
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
