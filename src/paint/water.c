/*
** water.c -- water that mirrors what has been painted above it
*/
#include <stdlib.h>

#include "scene.h"


static rgb body (const scene *s) {
  const palette *p = &s->pal;
  rgb c = pm_hex(s->w.has[HAS_LAKE] || s->w.has[HAS_RIVER] ? 0x1d4a58 : 0x14506e);
  int i;
  for (i = 0; i < s->w.colors; i++)
    if (s->w.color[i] == COLOR_TEAL || s->w.color[i] == COLOR_BLUE
        || s->w.color[i] == COLOR_GREEN) {
      c = pt_color(s->w.color[i]);
      break;
    }
  return pm_mul(c, pm_add(pm_scale(p->ambient, 0.75f), pm_scale(p->sun, 0.12f)));
}


#define PIECE  256   /* pixels that are worked out together */

/* What is the same along a row of water. */
typedef struct row {
  float calm, fine;    /* strength of the waves, and of the small ones */
  float t;             /* 0 at the far edge to 1 near by */
  float line;          /* the row that a calm surface would mirror */
  float last;          /* the lowest that can be mirrored */
  float u, sun;        /* pixels in a unit; where the sun is */
  float mirror;        /* how much is mirrored, the rest is depth */
} row;

/* What is found for each pixel of a piece. */
typedef struct piece {
  float wave[PIECE];
  float x[PIECE], y[PIECE];         /* what is mirrored */
  float mirror[PIECE], glint[PIECE];
  float r[PIECE], g[PIECE], b[PIECE];
  float y2[PIECE], r2[PIECE], g2[PIECE], b2[PIECE];   /* of a streak */
} piece;


FAL_WIDE
static void find_mirrored (piece *restrict q, int n, int x0, const row *restrict k,
                           const float *restrict swell,
                           const float *restrict ripple) {
  float far = 0.010f + 0.085f * k->t, sag = k->t * k->t * 0.05f * k->u;
  float tilt = 0.3f + 0.7f * k->t;
  int i;
  for (i = 0; i < n; i++) {
    float wave = swell[i] * 0.5f + ripple[i] * 0.6f * k->fine;
    float y = k->line - wave * k->calm * far * k->u - sag;
    q->wave[i] = wave;
    q->x[i] = (float)(x0 + i) + ripple[i] * k->calm * 0.012f * k->u * k->t;
    q->y[i] = pm_clamp(y, 0.0f, k->last);
    q->mirror[i] = pm_sat(k->mirror - wave * 0.35f * k->calm * tilt);
  }
}


/* Sparks where small waves throw the sun back, in a lane below it. */
FAL_WIDE
static void find_glints (piece *restrict q, int n, int x0,
                         const row *restrict k) {
  float lane = 0.035f + 0.16f * k->t;
  int i;
  for (i = 0; i < n; i++) {
    float dx = ((float)(x0 + i) - k->sun) / k->u, wave = q->wave[i];
    float near = pm_exp(-dx * dx / (lane * lane));
    q->glint[i] = near * pm_step(0.10f, 0.62f,
                                 wave * 1.5f + 0.25f * near - 0.05f);
  }
}


/* Adds what is mirrored 'd' pixels lower to what is. */
static void add_mirrored (const canvas *c, piece *q, int n, float d,
                          float last) {
  int i;
  for (i = 0; i < n; i++)
    q->y2[i] = pm_clamp(q->y[i] + d, 0.0f, last);
  pt_sample_row(c, n, q->x, q->y2, q->r2, q->g2, q->b2);
  for (i = 0; i < n; i++) {
    q->r[i] += q->r2[i];
    q->g[i] += q->g2[i];
    q->b[i] += q->b2[i];
  }
}


/* What is mirrored; lights are drawn out into streaks of 'l' pixels. */
static void mirror (const canvas *c, piece *q, int n, float l, float last) {
  int i;
  pt_sample_row(c, n, q->x, q->y, q->r, q->g, q->b);
  if (l == 0.0f)
    return;
  add_mirrored(c, q, n, -l, last);
  add_mirrored(c, q, n, l, last);
  for (i = 0; i < n; i++) {
    q->r[i] *= 0.3333f;
    q->g[i] *= 0.3333f;
    q->b[i] *= 0.3333f;
  }
}


FAL_WIDE
static void compose (rgb *restrict out, int n, const piece *restrict q, rgb deep,
                     rgb sun, float direct) {
  int i;
  for (i = 0; i < n; i++) {
    rgb c = pm_rgb(q->r[i], q->g[i], q->b[i]);
    c = pm_mix(deep, pm_scale(c, 0.92f), q->mirror[i]);
    out[i] = pm_add(c, pm_scale(sun, direct * q->glint[i]));
  }
}


/* A storm whitens the crests. */
FAL_WIDE
static void whiten (rgb *restrict out, int n, const piece *restrict q, float t,
                    rgb foam) {
  int i;
  for (i = 0; i < n; i++)
    out[i] = pm_mix(out[i], foam,
                    0.7f * pm_step(0.30f, 0.62f, q->wave[i] + 0.2f * t));
}


/* The first row of water. */
static int water_line (const scene *s) {
  int y = (int)(s->horizon * (float)s->c.h);
  return y < 1 ? 1 : y;
}


void pt_water_line (scene *s) {
  s->c.end = water_line(s);
}


void pt_water (scene *s) {
  const palette *p = &s->pal;
  int w = s->c.w, x, y, y0 = water_line(s);
  float inv = 1.0f / s->c.u;
  float *swell = malloc((size_t)w * 2 * sizeof(float) + sizeof(piece)), *ripple;
  float direct = s->w.has[HAS_STORM] || s->w.has[HAS_RAIN] ? 0.0f : 1.0f;
  int lights = s->w.subject == SUBJECT_CITY;
  rgb deep = body(s);
  piece *q;
  row k;
  if (swell == NULL) {
    s->failed = 1;
    return;
  }
  s->c.end = s->c.h;
  ripple = swell + w;
  q = (piece *)(ripple + w);
  k.calm = s->w.has[HAS_STORM] ? 1.7f
           : s->w.has[HAS_LAKE] || s->w.has[HAS_RIVER] ? 0.4f : 1.0f;
  k.u = s->c.u;
  k.sun = s->sunx * (float)w;
  k.last = (float)(y0 - 1);
  for (y = y0; y < s->c.h; y++) {
    float d = ((float)y - (float)y0 + 0.5f) * inv;
    float z = 1.0f / (d + 0.025f), step = inv * z;
    rgb *out = pt_at(&s->c, 0, y);
    int n;
    k.t = pm_sat(d * 1.9f);
    k.fine = 1.0f - pm_sat(z * 0.02f);
    k.line = (float)(2 * y0 - y - 1);
    k.mirror = pm_lerp(0.88f, 0.34f, pm_sqrt(k.t));
    pt_fbm_row(swell, w, -0.5f * (float)w * step * 0.5f, step * 0.5f, z * 2.6f, 4,
               s->seed + 31U);
    pt_fbm_row(ripple, w, -0.5f * (float)w * step * 2.4f, step * 2.4f, z * 21.0f,
               s->octaves - 2, s->seed + 37U);
    for (x = 0; x < w; x += n) {
      n = w - x < PIECE ? w - x : PIECE;
      find_mirrored(q, n, x, &k, swell + x, ripple + x);
      find_glints(q, n, x, &k);
      mirror(&s->c, q, n, lights ? s->c.u * (0.012f + 0.05f * k.t) : 0.0f, k.last);
      compose(out + x, n, q, deep, p->sun, 0.85f * direct);
      if (k.calm > 1.5f)
        whiten(out + x, n, q, k.t, pm_scale(p->horizon, 0.9f));
    }
  }
  /* where air meets water */
  for (y = y0 - 1; y < y0 + 1 + (int)(0.003f * s->c.u) && y < s->c.h; y++)
    for (x = 0; x < w; x++)
      pt_over(pt_at(&s->c, x, y), p->haze, 0.25f);
  free(swell);
}


/* ---- the shore in front ---- */

/* Sand with a wet edge and lines of foam. */
static void beach (scene *s) {
  const palette *p = &s->pal;
  float inv = 1.0f / s->c.u, side = s->sunx < 0.5f ? -1.0f : 1.0f;
  rgb light = pm_add(pm_scale(p->sun, 0.65f), pm_scale(p->ambient, 0.6f));
  rgb sand = pm_mul(pm_hex(0xd8bd92), light), wet = pm_scale(sand, 0.45f);
  rgb foam = pm_mul(pm_hex(0xf6f4ee), light);
  int x, y, from = (int)(0.72f * (float)s->c.h);
  for (y = from; y < s->c.h; y++)
    for (x = 0; x < s->c.w; x++) {
      float u = ((float)x - 0.5f * (float)s->c.w) * inv;
      float edge = 0.865f + 0.10f * side * u * s->c.u / (float)s->c.w
                   + 0.022f * pt_fbm1(u * 2.2f, 3, s->seed + 61U);
      float d = (float)y / (float)s->c.h - edge, g, f;
      rgb *out = pt_at(&s->c, x, y);
      if (d < -0.09f)
        continue;
      g = pt_noise2(u * 26.0f, (float)y * inv * 60.0f, s->seed + 62U);
      f = pm_step(0.012f, 0.0f, pm_abs(d - 0.004f * g)) * 0.9f
          + pm_step(0.007f, 0.0f, pm_abs(d + 0.035f - 0.006f * g)) * 0.55f
          + pm_step(0.006f, 0.0f, pm_abs(d + 0.07f - 0.007f * g)) * 0.3f;
      if (d > 0.0f) {
        float h = pt_noise2(u * 90.0f, (float)y * inv * 130.0f, s->seed + 63U);
        rgb c = pm_mix(pm_mix(wet, *out, 0.35f), sand, pm_step(0.01f, 0.06f, d));
        *out = pm_scale(c, 1.0f + 0.06f * g + 0.05f * h);
      }
      pt_over(out, foam, pm_sat(f * (0.65f + 0.6f * g)));
    }
}


/* Stones at the lower corner, wet below and rimmed with light. */
static void stones (scene *s) {
  const palette *p = &s->pal;
  float side = s->sunx < 0.5f ? 1.0f : 0.0f, lit = s->sunx < 0.5f ? -1.0f : 1.0f;
  int i, n = 9;
  for (i = 0; i < n; i++) {
    float t = (float)i / (float)n, r = s->c.u * pt_between(s, 0.02f, 0.06f + 0.05f * t);
    float x = (side + (side > 0.5f ? -1.0f : 1.0f) * pt_rand(s) * 0.34f
               * (0.4f + t)) * (float)s->c.w;
    float y = (0.90f + 0.11f * t) * (float)s->c.h;
    rgb c = pm_mul(pm_hex(0x4a4744), pm_add(p->ambient, pm_scale(p->sun, 0.2f)));
    brush b;
    path q;
    int j;
    pt_path_init(&q, x, y, r);
    for (j = 0; j < 14; j++) {
      float a = (float)j / 14.0f;
      float k = 0.86f + 0.22f * pt_rand(s);
      float px = pm_cos(a) * k * 1.3f, py = pm_sin(a) * k * 0.62f;
      if (j == 0)
        pt_move(&q, px, py);
      else
        pt_to(&q, px, py);
    }
    pt_shadow(s, &q, 0, r * 0.22f, r * 0.4f, pm_rgb(0, 0, 0), 0.55f);
    b = pt_gradient(pm_add(pm_scale(c, 1.1f), pm_scale(p->sun, 0.16f)),
                    x + lit * r * 0.5f, y - r * 0.6f, pm_scale(c, 0.16f),
                    x - lit * r * 0.2f, y + r * 0.25f);
    b.texture = 0.5f;
    b.scale = r * 0.5f;
    b.seed = s->seed + (uint32_t)i;
    pt_fill(s, &q, &b);
    pt_path_free(&q);
  }
}


/* Reeds in silhouette. */
static void reeds (scene *s) {
  rgb c = pm_scale(pm_mul(pm_hex(0x3c4a2c), pm_add(s->pal.ambient,
                   pm_scale(s->pal.sun, 0.2f))), 0.6f);
  float side = s->sunx < 0.5f ? 1.0f : 0.0f;
  int i;
  for (i = 0; i < 70; i++) {
    float t = pt_rand(s), x = side + (side > 0.5f ? -1.0f : 1.0f) * t * t * 0.36f;
    float h = s->c.u * pt_between(s, 0.05f, 0.20f) * (1.1f - t);
    float px = x * (float)s->c.w, py = (float)s->c.h + 2.0f;
    float lean = pt_between(s, -0.2f, 0.28f) * h;
    brush b = pt_flat(pm_scale(c, pt_between(s, 0.4f, 1.3f)));
    path q;
    pt_path_init(&q, px, py, 1.0f);
    pt_move(&q, -0.0022f * s->c.u, 0);
    pt_curve(&q, 0, -h * 0.5f, lean * 0.4f, -h * 0.8f, lean, -h);
    pt_curve(&q, lean * 0.5f, -h * 0.75f, 0.003f * s->c.u, -h * 0.4f,
             0.0022f * s->c.u, 0);
    pt_fill(s, &q, &b);
    pt_path_free(&q);
  }
}


void pt_shore (scene *s) {
  if (s->w.has[HAS_BEACH])
    beach(s);
  else if (s->w.style[STYLE_MINIMAL])
    return;
  else if (s->w.has[HAS_LAKE] || s->w.has[HAS_RIVER])
    reeds(s);
  else if (s->w.has[HAS_ROCK] || s->w.has[HAS_ISLAND] || s->w.has[HAS_LIGHTHOUSE]
           || pt_rand(s) < 0.35f)
    stones(s);
}
