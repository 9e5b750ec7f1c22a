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


/* Sparks where small waves throw the sun back, in a lane below it. */
static float glitter (const scene *s, float x, float t, float wave) {
  float dx = (x - s->sunx * (float)s->c.w) / s->c.u;
  float lane = 0.035f + 0.16f * t;
  float k = pm_exp(-dx * dx / (lane * lane));
  return k * pm_step(0.10f, 0.62f, wave + 0.25f * k - 0.05f);
}


void pt_water (scene *s, float top, float bottom) {
  const palette *p = &s->pal;
  int w = s->c.w, x, y, y0 = (int)(top * (float)s->c.h);
  int y1 = (int)(bottom * (float)s->c.h);
  float inv = 1.0f / s->c.u, calm = s->w.has[HAS_LAKE] || s->w.has[HAS_RIVER]
                                    ? 0.4f : 1.0f;
  float *swell = malloc((size_t)w * 2 * sizeof(float)), *ripple;
  float direct = s->w.has[HAS_STORM] || s->w.has[HAS_RAIN] ? 0.0f : 1.0f;
  int lights = s->w.subject == SUBJECT_CITY;
  rgb deep = body(s);
  if (swell == NULL) {
    s->failed = 1;
    return;
  }
  ripple = swell + w;
  if (s->w.has[HAS_STORM])
    calm = 1.7f;
  y0 = y0 < 1 ? 1 : y0;
  for (y = y0; y < y1 && y < s->c.h; y++) {
    float d = ((float)y - (float)y0 + 0.5f) * inv, t = pm_sat(d * 1.9f);
    float z = 1.0f / (d + 0.025f), k = inv * z;
    float fres = pm_lerp(0.88f, 0.34f, pm_sqrt(t));
    float fine = 1.0f - pm_sat(z * 0.02f);
    rgb *out = pt_at(&s->c, 0, y);
    pt_fbm_row(swell, w, -0.5f * (float)w * k * 0.5f, k * 0.5f, z * 2.6f, 4,
               s->seed + 31U);
    pt_fbm_row(ripple, w, -0.5f * (float)w * k * 2.4f, k * 2.4f, z * 21.0f,
               s->octaves - 2, s->seed + 37U);
    for (x = 0; x < w; x++) {
      float n = swell[x] * 0.5f + ripple[x] * 0.6f * fine;
      float push = n * calm * (0.010f + 0.085f * t) * s->c.u;
      float my = (float)(2 * y0 - y - 1) - push - t * t * 0.05f * s->c.u;
      float mx = (float)x + ripple[x] * calm * 0.012f * s->c.u * t;
      float f = pm_sat(fres - n * 0.35f * calm * (0.3f + 0.7f * t));
      rgb c;
      my = pm_clamp(my, 0.0f, (float)(y0 - 1));
      c = pt_sample(&s->c, mx, my);
      if (lights) {  /* drawn out into streaks */
        float l = s->c.u * (0.012f + 0.05f * t);
        c = pm_add(c, pt_sample(&s->c, mx, pm_max(my - l, 0.0f)));
        c = pm_add(c, pt_sample(&s->c, mx, pm_min(my + l, (float)(y0 - 1))));
        c = pm_scale(c, 0.3333f);
      }
      c = pm_mix(deep, pm_scale(c, 0.92f), f);
      c = pm_add(c, pm_scale(p->sun, 0.85f * direct
                             * glitter(s, (float)x, t, n * 1.5f)));
      if (calm > 1.5f)  /* a storm whitens the crests */
        c = pm_mix(c, pm_scale(p->horizon, 0.9f), 0.7f * pm_step(0.30f, 0.62f, n + 0.2f * t));
      out[x] = c;
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
