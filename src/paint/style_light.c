/*
** style_light.c -- ways of seeing: neon, film, cartoon, glass
*/
#include <stdlib.h>

#include "scene.h"
#include "style.h"


/* ---- neon ---- */

/* Night colours for a light of 0 to 1. */
static rgb night (float t, rgb a, rgb b) {
  rgb deep = pm_rgb(0.035f, 0.02f, 0.09f);
  rgb c = pm_mix(deep, pm_scale(a, 0.62f), pm_step(0.05f, 0.55f, t));
  c = pm_mix(c, b, pm_step(0.40f, 0.85f, t));
  return pm_mix(c, pm_rgb(1.0f, 0.96f, 1.0f), pm_step(0.86f, 1.0f, t));
}


int st_neon (const look *k) {
  static const uint32_t pairs[][2] = {
    {0xd4148e, 0x19e3ff}, {0x7a2bff, 0x2effb5}, {0xff3b5c, 0xffb347}, {0x2b6bff, 0xff5cf0}
  };
  plane line, glow;
  const uint32_t *pair = pairs[(int)(st_trait(k, 1) * 4.0f)];
  rgb a = pm_rgb((float)(pair[0] >> 16) / 255.0f, (float)(pair[0] >> 8 & 255) / 255.0f,
                 (float)(pair[0] & 255) / 255.0f);
  rgb b = pm_rgb((float)(pair[1] >> 16) / 255.0f, (float)(pair[1] >> 8 & 255) / 255.0f,
                 (float)(pair[1] & 255) / 255.0f);
  int x, y, scan = st_size(k, 3.0f, 2), ok;
  if (!st_lines(k, k->in, st_size(k, 2.4f, 1), 9.0f, &line))
    return 0;
  if (!pl_copy(&glow, &line)) {
    pl_free(&line);
    return 0;
  }
  ok = pl_blur(&glow, st_size(k, 6.0f, 2), 0);
  for (y = 0; y < k->h && ok; y++)
    for (x = 0; x < k->w; x++) {
      rgb own = st_get(k->in, k->w, x, y), c, edge;
      float l = st_light(own), t = (float)y / (float)k->h;
      c = night(pm_sat(l * 1.05f - 0.04f), a, b);
      c = pm_mix(c, pm_mul(own, pm_mix(a, b, 0.5f)), 0.25f);
      edge = pm_mix(b, a, pm_sat(t + 0.3f * pt_noise2((float)x / k->u * 3.0f, t * 3.0f, k->seed)));
      c = pm_add(c, pm_scale(edge, 0.55f * *pl_at(&line, x, y) + 0.9f * *pl_at(&glow, x, y)));
      if (y / scan % 2)
        c = pm_scale(c, 0.90f);
      st_put(k->out, k->w, x, y, c);
    }
  pl_free(&line);
  pl_free(&glow);
  return ok;
}


/* ---- film ---- */

int st_film (const look *k) {
  float warm = st_trait(k, 1), leak = st_trait(k, 2), fade = 0.05f + 0.05f * st_trait(k, 3);
  rgb shadow = pm_mix(pm_rgb(0.06f, 0.09f, 0.13f), pm_rgb(0.11f, 0.06f, 0.07f), warm);
  rgb light = pm_mix(pm_rgb(0.97f, 0.96f, 0.86f), pm_rgb(1.0f, 0.90f, 0.74f), warm);
  rgb flame = pm_rgb(1.0f, 0.42f, 0.16f);
  int x, y;
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      float u = ((float)x + 0.5f) / (float)k->w, v = ((float)y + 0.5f) / (float)k->h, l, g, d;
      float edge = leak < 0.5f ? u : 1.0f - u;
      uint32_t h = pm_hash2(x, y, k->seed);
      rgb c = st_get(k->in, k->w, x, y);
      l = st_light(c);
      c = pm_mix(pm_rgb(l, l, l), c, 0.72f);
      c = pm_rgb(pm_lerp(shadow.r + fade, light.r, c.r), pm_lerp(shadow.g + fade, light.g, c.g),
                 pm_lerp(shadow.b + fade, light.b, c.b));
      d = (u - 0.5f) * (u - 0.5f) + (v - 0.5f) * (v - 0.5f);
      c = pm_scale(c, 1.06f - 0.75f * d);
      d = edge + 0.10f * pt_noise2(v * 2.0f, 0.3f, k->seed + 1U);
      c = pm_add(c, pm_scale(flame, 0.55f * pm_exp(-d * 13.0f) * k->force));
      g = (pm_unit(h) + pm_unit(pm_hash(h)) - 1.0f) * (0.085f - 0.05f * l) * k->force;
      st_put(k->out, k->w, x, y, pm_add(c, pm_rgb(g, g, g)));
    }
  return 1;
}


/* ---- cartoon ---- */

int st_cartoon (const look *k) {
  plane line;
  int x, y;
  rgb tint = pm_mix(pm_rgb(1, 1, 1), k->ink[4], 0.35f);
  if (!st_smooth(k, st_size(k, 4.5f, 2), k->out)
      || !st_lines(k, k->out, st_size(k, 2.2f, 1), 10.0f, &line))
    return 0;
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      rgb c = st_get(k->out, k->w, x, y), dark;
      float l = st_light(c), want = (st_steps(l, 6, 0.35f) + 0.75f) / 6.0f;
      c = pm_mix(pm_rgb(l, l, l), c, 1.42f);
      c = pm_add(c, pm_scale(pm_rgb(1, 1, 1), (want - l) * 0.75f + 0.04f));
      c = pm_mul(c, tint);
      dark = pm_mix(pm_scale(c, 0.22f), k->ink[0], 0.5f);
      st_put(k->out, k->w, x, y, pm_mix(c, dark, 0.85f * *pl_at(&line, x, y)));
    }
  pl_free(&line);
  return 1;
}


/* ---- glass ---- */

/* The middle of a cell of the jittered grid. */
static void middle (const look *k, int i, int j, float size, float *x, float *y) {
  uint32_t h = pm_hash2(i, j, k->seed);
  *x = ((float)i + 0.12f + 0.76f * pm_unit(h)) * size;
  *y = ((float)j + 0.12f + 0.76f * pm_unit(pm_hash(h))) * size;
}


/* The nearest middle, and how far the border to the second nearest is. */
static float nearest (const look *k, float x, float y, float size, float *cx,
                      float *cy) {
  int i0 = pm_floor(x / size), j0 = pm_floor(y / size), i, j;
  float best = 1e9f, next = 1e9f;
  for (j = j0 - 1; j <= j0 + 1; j++)
    for (i = i0 - 1; i <= i0 + 1; i++) {
      float mx, my, d;
      middle(k, i, j, size, &mx, &my);
      d = pm_sqrt((mx - x) * (mx - x) + (my - y) * (my - y));
      if (d < best) {
        next = best;
        best = d;
        *cx = mx;
        *cy = my;
      }
      else if (d < next)
        next = d;
    }
  return next - best;
}


int st_mosaic (const look *k) {
  float size = (float)st_size(k, 26.0f + 14.0f * st_trait(k, 1), 6);
  float lead = pm_max(size * 0.055f, 0.8f);
  int x, y;
  if (!st_smooth(k, st_size(k, 9.0f, 2), k->out))
    return 0;
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      float cx = 0, cy = 0, d, l, gloss;
      int px, py;
      rgb c;
      d = nearest(k, (float)x, (float)y, size, &cx, &cy);
      px = (int)pm_clamp(cx, 0.0f, (float)(k->w - 1));
      py = (int)pm_clamp(cy, 0.0f, (float)(k->h - 1));
      c = st_get(k->in, k->w, px, py);
      l = st_light(c);
      c = pm_mix(pm_rgb(l, l, l), c, 1.5f);
      c = pm_mix(c, st_ramp(k, l * 4.0f), 0.2f);
      gloss = ((float)x - cx + (float)y - cy) / size;
      c = pm_scale(c, 1.08f - 0.16f * gloss + 0.05f * st_paper(k, x, y));
      c = pm_mix(c, pm_rgb(0.06f, 0.06f, 0.07f), pm_step(lead + 1.0f, lead, d));
      st_put(k->out, k->w, x, y, c);
    }
  return 1;
}
