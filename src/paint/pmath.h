/*
** pmath.h -- the little mathematics of the painter
**
** Only + - * / sqrt and integer steps, so that every machine gets the same
** bits; no libm function beyond sqrt is called. Angles are in turns.
*/
#ifndef fal_pmath_h
#define fal_pmath_h

#include <math.h>
#include <stdint.h>

#include "../image/wide.h"

/* A colour in linear light; 1 is paper white, light sources go beyond. */
typedef struct rgb { float r, g, b; } rgb;


static inline int pm_floor (float x) {
  int i = (int)x;
  return i - (x < (float)i);
}

static inline float pm_min (float a, float b) { return a < b ? a : b; }
static inline float pm_max (float a, float b) { return a > b ? a : b; }

static inline float pm_clamp (float x, float lo, float hi) {
  return pm_min(pm_max(x, lo), hi);
}

static inline float pm_sat (float x) { return pm_clamp(x, 0.0f, 1.0f); }

static inline float pm_lerp (float a, float b, float t) {
  return a + (b - a) * t;
}

/* 0 below 'a', 1 above 'b' (or the reverse when a > b), smooth between. */
static inline float pm_step (float a, float b, float x) {
  float t = pm_sat((x - a) / (b - a));
  return t * t * (3.0f - 2.0f * t);
}

static inline float pm_sqrt (float x) { return x > 0.0f ? sqrtf(x) : 0.0f; }

static inline float pm_abs (float x) { return x < 0.0f ? -x : x; }

/* 2^x, to about 1e-6, for -126 < x < 127. */
static inline float pm_exp2 (float x) {
  union { uint32_t u; float f; } v;
  int i;
  float f;
  x = pm_clamp(x, -125.0f, 126.0f);
  i = pm_floor(x);
  f = x - (float)i;
  v.u = (uint32_t)(i + 127) << 23;
  return v.f * (1.0f + f * (0.6931472f + f * (0.2402265f + f * (0.0555041f
             + f * (0.0096181f + f * 0.0013333f)))));
}

static inline float pm_exp (float x) { return pm_exp2(x * 1.442695f); }

/* sin(2 pi x) */
static inline float pm_sin (float x) {
  float t, s;
  x -= (float)pm_floor(x);           /* [0,1) */
  t = x < 0.25f ? x : x < 0.75f ? 0.5f - x : x - 1.0f;
  t *= 6.2831853f;
  s = t * t;
  return t * (1.0f - s * (0.16666667f - s * (0.008333331f
              - s * (0.00019840874f - s * 0.0000027526f))));
}

static inline float pm_cos (float x) { return pm_sin(x + 0.25f); }


/* ---- numbers out of numbers ---- */

static inline uint32_t pm_hash (uint32_t x) {
  x ^= x >> 16; x *= 0x7feb352dU;
  x ^= x >> 15; x *= 0x846ca68bU;
  return x ^ (x >> 16);
}

static inline uint32_t pm_hash2 (int x, int y, uint32_t seed) {
  return pm_hash((uint32_t)x * 0x9E3779B1U
                 ^ ((uint32_t)y * 0x85EBCA77U + seed));
}

/* [0,1) from 32 bits */
static inline float pm_unit (uint32_t h) {
  return (float)(h >> 8) * (1.0f / 16777216.0f);
}


/* ---- colours ---- */

static inline rgb pm_rgb (float r, float g, float b) {
  rgb c;
  c.r = r; c.g = g; c.b = b;
  return c;
}

static inline float pm_linear (float s) {  /* sRGB to linear, 0..1 */
  return s * (s * (s * 0.305306011f + 0.682171111f) + 0.012522878f);
}

/* A colour written as 0xRRGGBB in sRGB. */
static inline rgb pm_hex (uint32_t v) {
  return pm_rgb(pm_linear((float)(v >> 16 & 255) / 255.0f),
                pm_linear((float)(v >> 8 & 255) / 255.0f),
                pm_linear((float)(v & 255) / 255.0f));
}

static inline rgb pm_mix (rgb a, rgb b, float t) {
  return pm_rgb(a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t,
                a.b + (b.b - a.b) * t);
}

static inline rgb pm_add (rgb a, rgb b) {
  return pm_rgb(a.r + b.r, a.g + b.g, a.b + b.b);
}

static inline rgb pm_mul (rgb a, rgb b) {
  return pm_rgb(a.r * b.r, a.g * b.g, a.b * b.b);
}

static inline rgb pm_scale (rgb a, float k) {
  return pm_rgb(a.r * k, a.g * k, a.b * k);
}

static inline float pm_lum (rgb a) {
  return a.r * 0.2126f + a.g * 0.7152f + a.b * 0.0722f;
}

/* Away from gray (k > 1) or towards it (k < 1). */
static inline rgb pm_saturate (rgb a, float k) {
  float l = pm_lum(a);
  return pm_rgb(pm_max(l + (a.r - l) * k, 0.0f),
                pm_max(l + (a.g - l) * k, 0.0f),
                pm_max(l + (a.b - l) * k, 0.0f));
}

#endif
