/*
** style_hand.c -- ways of drawing by hand: watercolour, oil, ink, pencil
*/
#include <stdlib.h>

#include "scene.h"
#include "style.h"


/* ---- watercolour ---- */

/* How much of the paper's edge is left white at a place, 0 to 1. */
static float margin (const look *k, int x, int y) {
  float f = 9.0f / k->u, d, wild;
  d = pm_min(pm_min((float)x, (float)(k->w - 1 - x)),
             pm_min((float)y, (float)(k->h - 1 - y))) / k->u;
  wild = 0.5f * pt_noise2((float)x * f, (float)y * f, k->seed)
         + 0.25f * pt_noise2((float)x * f * 5.0f, (float)y * f * 5.0f, k->seed + 1U);
  return pm_step(0.040f, 0.026f, d + 0.022f * wild);
}


int st_watercolor (const look *k) {
  plane near, wide;
  float f = 5.0f / k->u;
  int x, y, ok;
  if (!st_smooth(k, st_size(k, 7.0f, 2), k->out) || !st_luma(k, k->out, &near))
    return 0;
  if (!pl_copy(&wide, &near)) {
    pl_free(&near);
    return 0;
  }
  ok = pl_blur(&wide, st_size(k, 5.0f, 2), 1);
  for (y = 0; y < k->h && ok; y++)
    for (x = 0; x < k->w; x++) {
      rgb c = st_get(k->out, k->w, x, y), paper = pm_rgb(0.985f, 0.975f, 0.95f);
      float l = st_light(c), pool, grain, edge;
      pool = 1.0f + 0.28f * pt_noise2((float)x * f, (float)y * f, k->seed + 7U)
             + 0.16f * pt_noise2((float)x * f * 4.0f, (float)y * f * 4.0f, k->seed + 8U);
      edge = pm_abs(*pl_at(&near, x, y) - *pl_at(&wide, x, y));  /* pigment gathers */
      grain = st_paper(k, x, y);
      c = pm_mix(pm_rgb(l, l, l), c, 1.35f);
      c = pm_mix(c, st_ramp(k, l * 4.0f), 0.16f);
      /* thin where the paper shows: light is what is not absorbed */
      pool = 0.72f * pool * (1.0f - 0.25f * l) + 2.4f * pm_min(edge, 0.2f) + 0.10f * grain;
      c = pm_rgb(1.0f - (1.0f - c.r) * pool, 1.0f - (1.0f - c.g) * pool,
                 1.0f - (1.0f - c.b) * pool);
      c = pm_mul(c, paper);
      c = pm_mix(c, pm_scale(paper, 1.0f + 0.03f * grain), margin(k, x, y));
      st_put(k->out, k->w, x, y, c);
    }
  pl_free(&near);
  pl_free(&wide);
  return ok;
}


/* ---- oil ---- */

typedef struct easel {
  const look *k;
  canvas c;         /* sRGB here, as in the picture */
  plane luma;       /* smoothed: strokes run along its contours */
  const uint8_t *guide;
} easel;


/* One stroke of a brush: three hairs of slightly different colour. */
static void stroke (easel *e, float x, float y, float r, uint32_t h) {
  const look *k = e->k;
  float gx = pl_sample(&e->luma, x + 2.0f, y) - pl_sample(&e->luma, x - 2.0f, y);
  float gy = pl_sample(&e->luma, x, y + 2.0f) - pl_sample(&e->luma, x, y - 2.0f);
  float n = pm_sqrt(gx * gx + gy * gy), tx, ty, len = r * (2.0f + 2.0f * pm_unit(h));
  int px = (int)pm_clamp(x, 0.0f, (float)(k->w - 1));
  int py = (int)pm_clamp(y, 0.0f, (float)(k->h - 1)), i;
  rgb c = st_get(e->guide, k->w, px, py);
  float own = (pm_unit(pm_hash(h + 1U)) - 0.5f) * 0.10f;
  if (n > 0.004f) {
    tx = -gy / n;
    ty = gx / n;
  }
  else {
    float a = 0.35f * pt_noise2(x / k->u * 2.0f, y / k->u * 2.0f, k->seed + 3U);
    tx = pm_cos(a);
    ty = pm_sin(a);
  }
  for (i = -1; i <= 1; i++) {
    float o = (float)i * r * 0.62f, v = own + 0.05f * (float)i;
    float ax = x - tx * len - ty * o, ay = y - ty * len + tx * o;
    pt_line(&e->c, ax, ay, ax + 2.0f * tx * len, ay + 2.0f * ty * len, r * 0.8f,
            pm_add(c, pm_rgb(v, v * 0.9f, v * 0.7f)), 0.85f, 0);
  }
}


/* Strokes on a jittered grid; the finer brushes only where there is detail. */
static void layer (easel *e, float r, int all) {
  const look *k = e->k;
  float gap = r * 1.5f;
  int i, j;
  for (j = 0; (float)j * gap < (float)k->h; j++)
    for (i = 0; (float)i * gap < (float)k->w; i++) {
      uint32_t h = pm_hash2(i, j, k->seed + (uint32_t)(int)(r * 8.0f));
      float x = ((float)i + pm_unit(h)) * gap;
      float y = ((float)j + pm_unit(pm_hash(h))) * gap;
      int px = (int)pm_min(x, (float)(k->w - 1)), py = (int)pm_min(y, (float)(k->h - 1));
      rgb want = st_get(e->guide, k->w, px, py), got = *pt_at(&e->c, px, py);
      float d = pm_abs(want.r - got.r) + pm_abs(want.g - got.g) + pm_abs(want.b - got.b);
      if (all || d > 0.10f)
        stroke(e, x, y, r, h);
    }
}


int st_oil (const look *k) {
  easel e;
  float r = (float)st_size(k, 19.0f + 8.0f * st_trait(k, 1), 3);
  size_t i, n = (size_t)k->w * (size_t)k->h;
  int x, y, ok;
  e.k = k;
  e.guide = k->in;
  e.c.w = k->w;
  e.c.h = e.c.end = k->h;
  e.c.u = k->u;
  e.c.px = malloc(n * sizeof(rgb));
  if (e.c.px == NULL || !st_luma(k, k->in, &e.luma)) {
    free(e.c.px);
    return 0;
  }
  ok = pl_blur(&e.luma, st_size(k, 6.0f, 1), 1);
  for (i = 0; i < n; i++)
    e.c.px[i] = k->ink[2];
  layer(&e, r, 1);
  layer(&e, r * 0.55f, 0);
  layer(&e, r * 0.28f, 0);
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      rgb c = *pt_at(&e.c, x, y), b = *pt_at(&e.c, x > 0 ? x - 1 : 0, y > 0 ? y - 1 : 0);
      float relief = (st_light(c) - st_light(b)) * 0.55f;  /* light from above left */
      float weave = 0.02f * st_paper(k, x, y);
      st_put(k->out, k->w, x, y, pm_add(c, pm_rgb(relief + weave, relief + weave, relief + weave)));
    }
  free(e.c.px);
  pl_free(&e.luma);
  return ok;
}


/* ---- ink ---- */

/* Parallel strokes under an angle whose width grows with 'dark'. */
static float hatch (const look *k, float x, float y, float dx, float dy,
                    float pitch, float dark) {
  float wave = 0.18f * pt_noise2(x / k->u * 14.0f, y / k->u * 14.0f, k->seed + 5U);
  float t = (x * dx + y * dy) / pitch + wave, d;
  d = pm_abs(t - (float)pm_floor(t) - 0.5f);
  return pm_step(0.5f - dark * 0.42f, 0.5f - dark * 0.42f + 1.2f / pitch, d)
         * pm_step(0.0f, 0.12f, dark);
}


int st_ink (const look *k) {
  plane line, tone;
  float pitch = (float)st_size(k, 5.0f + 2.5f * st_trait(k, 1), 4);
  float wash = st_trait(k, 2) < 0.5f ? 0.0f : 0.42f;
  rgb paper = pm_mix(pm_rgb(0.97f, 0.95f, 0.90f), k->ink[4], 0.4f);
  int x, y, ok;
  if (!st_smooth(k, st_size(k, 3.5f, 1), k->out)
      || !st_lines(k, k->out, st_size(k, 2.8f, 1), 11.0f, &line))
    return 0;
  ok = st_luma(k, k->out, &tone);
  if (ok)
    pl_stretch(&tone, 0.02f, 0.98f, 0.5f);
  for (y = 0; y < k->h && ok; y++)
    for (x = 0; x < k->w; x++) {
      float t = *pl_at(&tone, x, y), a, fx = (float)x, fy = (float)y;
      rgb c = pm_scale(paper, 1.0f + 0.03f * st_paper(k, x, y));
      c = pm_mix(c, pm_mul(paper, st_get(k->out, k->w, x, y)), wash);
      a = *pl_at(&line, x, y);
      a = pm_max(a, hatch(k, fx, fy, 0.7071f, 0.7071f, pitch, pm_sat((0.62f - t) * 1.5f)));
      a = pm_max(a, hatch(k, fx, fy, 0.7071f, -0.7071f, pitch, pm_sat((0.34f - t) * 2.0f)));
      a = pm_max(a, pm_step(0.10f, 0.03f, t));
      st_put(k->out, k->w, x, y, pm_mix(c, k->ink[0], a * 0.94f));
    }
  pl_free(&line);
  if (ok)
    pl_free(&tone);
  return ok;
}


/* ---- pencil ---- */

int st_pencil (const look *k) {
  plane line, tone;
  float pitch = (float)st_size(k, 3.2f, 3), colored = st_trait(k, 1) < 0.4f ? 0.5f : 0.08f;
  int x, y, ok;
  if (!st_smooth(k, st_size(k, 3.0f, 1), k->out)
      || !st_lines(k, k->out, st_size(k, 2.0f, 1), 18.0f, &line))
    return 0;
  ok = st_luma(k, k->out, &tone);
  if (ok)
    pl_stretch(&tone, 0.02f, 0.98f, 0.5f);
  for (y = 0; y < k->h && ok; y++)
    for (x = 0; x < k->w; x++) {
      float t = *pl_at(&tone, x, y), fx = (float)x, fy = (float)y, a;
      float grain = st_paper(k, x, y);
      float tooth = pm_sat(0.55f + 0.75f * grain
                           + 0.5f * (pm_unit(pm_hash2(x, y, k->seed)) - 0.5f));
      rgb own = st_get(k->out, k->w, x, y), lead;
      a = 0.42f * hatch(k, fx, fy, 0.819f, 0.574f, pitch, pm_sat((0.95f - t) * 1.2f))
          + 0.34f * hatch(k, fx, fy, 0.643f, 0.766f, pitch * 1.3f, pm_sat((0.62f - t) * 1.7f))
          + 0.55f * pm_sat(0.85f - t);
      a = pm_sat(a * (0.55f + 0.9f * tooth) + *pl_at(&line, x, y) * (0.55f + 0.4f * tooth));
      lead = pm_mix(pm_rgb(0.16f, 0.16f, 0.18f), pm_scale(own, 0.75f), colored);
      st_put(k->out, k->w, x, y,
             pm_mix(pm_scale(pm_rgb(0.975f, 0.97f, 0.955f), 1.0f + 0.02f * grain), lead, a));
    }
  pl_free(&line);
  if (ok)
    pl_free(&tone);
  return ok;
}
