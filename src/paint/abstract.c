/*
** abstract.c -- sheets of cut paper, ribbons of silk, plain shapes
**
** For prompts that ask for no thing. Always the same studio: one light from
** the upper left, soft shadows, few colours.
*/
#include <stdlib.h>

#include "scene.h"


/* The i-th tone out of n from the accents, deep to light. */
static rgb tone (const scene *s, float t) {
  const rgb *a = s->pal.accent;
  rgb deep = a[0], mid = a[1], light = a[2], c;
  if (pm_lum(deep) > pm_lum(light)) {
    rgb x = deep;
    deep = light;
    light = x;
  }
  c = t < 0.5f ? pm_mix(deep, mid, t * 2.0f) : pm_mix(mid, light, t * 2.0f - 1.0f);
  if (s->w.style[STYLE_PASTEL])
    c = pm_mix(c, pm_hex(0xfaf3e8), 0.28f);
  if (s->w.style[STYLE_DARK] || s->w.style[STYLE_NEON])
    c = pm_scale(c, 0.75f);
  return c;
}


static void backdrop (scene *s, rgb top, rgb bottom) {
  int x, y;
  float inv = 1.0f / s->c.u;
  for (y = 0; y < s->c.h; y++) {
    rgb *out = pt_at(&s->c, 0, y);
    for (x = 0; x < s->c.w; x++) {
      float dx = (float)x * inv - 0.25f * (float)s->c.w * inv;
      float dy = (float)y * inv - 0.15f * (float)s->c.h * inv;
      float d = pm_sat(pm_sqrt(dx * dx + dy * dy) * 0.85f);
      out[x] = pm_mix(top, bottom, d);
    }
  }
}


/* ---- cut paper ---- */

/* Sheets lie over one another, each with a hole that follows one shape, the
** deepest seen through all: depth from shadows alone. */
static void paper (scene *s) {
  int n = 7, i, k;
  float w = (float)s->c.w, h = (float)s->c.h, u = s->c.u;
  float cx = pt_between(s, 0.34f, 0.66f) * w, cy = pt_between(s, 0.36f, 0.6f) * h;
  float turn = pt_rand(s);
  backdrop(s, pm_scale(tone(s, 1.0f), 1.15f), pm_scale(tone(s, 0.8f), 0.9f));
  pt_glow(&s->c, cx, cy, u * 0.5f, pm_scale(tone(s, 1.0f), 0.35f));
  for (i = 0; i < n && !pt_stop(s); i++) {
    float t = (float)(i + 1) / (float)n, r0 = u * (0.10f + 0.62f * t);
    float sx = pm_max(w / u, 1.0f), sy = pm_max(h / u, 1.0f);
    rgb c = tone(s, 1.0f - t);
    brush b;
    path p;
    pt_path_init(&p, cx, cy, 1);
    for (k = 0; k < 180; k++) {
      float a = (float)k / 180.0f;
      float m = 0.5f + 0.5f * pm_cos(a + turn);
      float wave = pt_noise2(pm_cos(a) * 1.5f + 7.0f, pm_sin(a) * 1.5f + 0.34f * t,
                             s->seed + 3U)
                   + 0.35f * pt_noise2(pm_cos(a) * 3.4f, pm_sin(a) * 3.4f + t,
                                       s->seed + 4U);
      float r = r0 * (0.80f + 0.30f * m + 0.44f * wave);
      float x = pm_cos(a) * r * sx + pm_cos(turn) * u * 0.10f * t;
      float y = pm_sin(a) * r * sy * 0.82f + pm_sin(turn) * u * 0.08f * t;
      if (k == 0)
        pt_move(&p, x, y);
      else
        pt_to(&p, x, y);
    }
    /* the sheet is everything but the hole */
    pt_move(&p, -3.0f * w, -3.0f * h);
    pt_to(&p, -3.0f * w, 3.0f * h);
    pt_to(&p, 3.0f * w, 3.0f * h);
    pt_to(&p, 3.0f * w, -3.0f * h);
    pt_shadow(s, &p, u * 0.012f, u * 0.020f, u * 0.045f, pm_rgb(0.04f, 0.03f, 0.08f),
        0.55f);
    pt_shadow(s, &p, u * 0.003f, u * 0.005f, u * 0.008f, pm_rgb(0.04f, 0.03f, 0.08f),
        0.35f);
    b = pt_gradient(pm_scale(c, 1.16f), 0, 0, pm_scale(c, 0.84f), w * 0.6f, h);
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
  s->g.paper = pm_max(s->g.paper, 0.025f);
}


/* ---- ribbons ---- */

#define RIBBONS  6

typedef struct ribbons {
  float base[RIBBONS], freq[RIBBONS], slant;
  uint32_t seed;
} ribbons;


/* Upper edge of a ribbon, in pixels, at 'u' units from the middle. */
static float edge_of (const scene *s, const ribbons *r, int i, float u) {
  uint32_t seed = r->seed + (uint32_t)i * 13U;
  return (r->base[i] + r->slant * u + 0.20f * pt_fbm1(u * r->freq[i], 2, seed))
         * (float)s->c.h;
}


static void ribbon_shadow (scene *s, const ribbons *r, int i) {
  float w = (float)s->c.w, h = (float)s->c.h;
  path p;
  int x;
  pt_path_init(&p, 0, 0, 1);
  pt_move(&p, -2.0f, h + 20.0f);
  for (x = 0; x <= 96; x++) {
    float t = (float)x / 96.0f;
    pt_to(&p, -2.0f + t * (w + 4.0f), edge_of(s, r, i, (t - 0.5f) * w / s->c.u));
  }
  pt_to(&p, w + 2.0f, h + 20.0f);
  pt_shadow(s, &p, 0, -0.012f * s->c.u, 0.07f * s->c.u, pm_rgb(0.05f, 0.03f, 0.09f),
      0.55f);
  pt_path_free(&p);
}


/* The silk itself: light by the bend of the fold, a bright hem. Only as far
** down as no later ribbon covers it. */
static void ribbon (scene *s, const ribbons *r, int i, rgb c, int dark) {
  float inv = 1.0f / s->c.u;
  rgb hem = pm_scale(pm_mix(c, pm_rgb(1, 1, 1), 0.5f), 0.30f);
  int x, y, k;
  for (x = 0; x < s->c.w; x++) {
    float u = ((float)x - 0.5f * (float)s->c.w) * inv, y0 = edge_of(s, r, i, u);
    float slope = (edge_of(s, r, i, u + 0.02f) - y0) * inv / 0.02f, end = (float)s->c.h;
    float thick = s->c.u * (0.34f + 0.10f * pt_noise1(u * 0.9f,
        r->seed + (uint32_t)i * 13U + 2U));
    float fold = slope * 0.5f + 0.20f * pt_noise1(u * 1.4f,
        r->seed + (uint32_t)i * 13U + 5U);
    for (k = i + 1; k < RIBBONS; k++)
      end = pm_min(end, edge_of(s, r, k, u) + 2.0f);
    for (y = (int)pm_max(y0, 0.0f); (float)y < end; y++) {
      float d = pm_min(((float)y + 0.5f - y0) / thick, 1.6f);
      float sheen = 0.5f + 0.5f * pm_cos((d + fold) * 0.62f - 0.06f);
      rgb q = pm_scale(c, 0.40f + 0.85f * sheen * sheen);
      if (d < 0.2f)
        q = pm_add(q, pm_scale(hem, pm_exp(-d * d * 260.0f)));
      if (dark)
        q = pm_add(pm_scale(q, 0.5f), pm_scale(c, 1.2f * pm_exp(-d * 16.0f)));
      pt_over(pt_at(&s->c, x, y), q, pm_sat((float)y + 1.0f - y0));
    }
  }
}


/* Broad bands of silk flow across, each over the one behind it. */
static void silk (scene *s) {
  int i, dark = s->w.style[STYLE_DARK] || s->w.style[STYLE_NEON]
      || s->w.style[STYLE_FUTURE];
  rgb back = dark ? pm_scale(tone(s, 0.0f), 0.10f)
                  : pm_mix(tone(s, 1.0f), pm_hex(0xfbf4ea), 0.62f);
  ribbons r;
  r.slant = pt_between(s, -0.22f, 0.22f);
  r.seed = s->seed + 40U;
  for (i = 0; i < RIBBONS; i++) {
    r.base[i] = 0.16f + 0.74f * (float)i / (RIBBONS - 1);
    r.freq[i] = pt_between(s, 0.55f, 0.9f);
  }
  backdrop(s, pm_scale(back, 1.1f), pm_scale(back, 0.8f));
  for (i = 0; i < RIBBONS && !pt_stop(s); i++) {
    float t = (float)i / (RIBBONS - 1);
    ribbon_shadow(s, &r, i);
    ribbon(s, &r, i, tone(s, dark ? 0.15f + 0.85f * t : 1.0f - t * 0.95f), dark);
  }
}


/* ---- plain shapes ---- */

static void shape (scene *s, path *p, rgb c, float x, float y, float r) {
  float u = s->c.u;
  brush b;
  pt_shadow(s, p, u * 0.014f, u * 0.022f, u * 0.04f, pm_rgb(0.05f, 0.04f, 0.08f),
      0.42f);
  b = pt_gradient(pm_scale(c, 1.18f), x - r, y - r, pm_scale(c, 0.8f), x + r, y + r);
  b.texture = 0.10f;
  b.scale = u * 0.006f;
  b.seed = s->seed;
  pt_fill(s, p, &b);
  pt_path_free(p);
}


/* Disc, arch, half disc, bar and ring on a grid of thirds. */
static void shapes (scene *s) {
  float w = (float)s->c.w, h = (float)s->c.h, u = s->c.u;
  float m = pt_rand(s) < 0.5f ? 1.0f : -1.0f, cx = 0.5f * w, cy = 0.5f * h;
  float dx = pm_min(w / u, 1.5f) * u * 0.19f * m, dy = pm_min(h / u, 1.3f) * u * 0.17f;
  float r = u * pt_between(s, 0.20f, 0.25f);
  rgb cream = pm_mix(tone(s, 1.0f), pm_hex(0xfaf0df), 0.72f);
  int i;
  path p;
  backdrop(s, cream, pm_scale(cream, 0.82f));
  pt_path_init(&p, cx - dx * 0.9f, h * 1.02f, u);  /* arches at the foot */
  for (i = 0; i < 3; i++) {
    float a = 0.38f - 0.095f * (float)i, top = -0.30f - 0.10f * (float)(2 - i) + 0.1f;
    pt_path_init(&p, cx - dx * 1.5f, h * 1.01f, u);
    pt_move(&p, -a, 0.0f);
    pt_to(&p, -a, top);
    pt_curve(&p, -a, top - a * 0.74f, -a * 0.55f, top - a, 0, top - a);
    pt_curve(&p, a * 0.55f, top - a, a, top - a * 0.74f, a, top);
    pt_to(&p, a, 0.0f);
    shape(s, &p, tone(s, i == 0 ? 0.0f : i == 1 ? 0.5f : 1.0f), cx - dx * 1.5f,
          h * 0.8f, u * a);
  }
  pt_path_init(&p, cx + dx, cy - dy, r);
  pt_ellipse(&p, 0, 0, 1, 1);
  shape(s, &p, tone(s, 0.55f), cx + dx, cy - dy, r);
  pt_path_init(&p, cx + dx * 1.35f, cy + dy * 1.5f, r * 1.05f);
  pt_path_turn(&p, pt_between(s, -0.06f, 0.06f), 1);
  pt_shape(&p, "M-1 0C-1 -.55 -.55 -1 0 -1C.55 -1 1 -.55 1 0");
  shape(s, &p, tone(s, 0.0f), cx + dx * 1.35f, cy + dy * 1.2f, r);
  pt_path_init(&p, cx + dx * 0.15f, cy + dy * 0.55f, u);
  pt_path_turn(&p, pt_between(s, 0.08f, 0.16f) * m, 1);
  pt_round_rect(&p, -0.40f, -0.022f, 0.80f, 0.044f, 0.022f);
  shape(s, &p, tone(s, 1.0f), cx, cy, u * 0.3f);
  pt_path_init(&p, cx - dx * 0.55f, cy - dy * 1.35f, r * 0.42f);
  pt_ellipse(&p, 0, 0, 1, 1);
  pt_ellipse(&p, 0, 0, -0.62f, 0.62f);  /* turning back: a hole */
  shape(s, &p, tone(s, 0.2f), cx - dx * 0.55f, cy - dy * 1.35f, r * 0.42f);
  for (i = 0; i < 25; i++)
    pt_spot(&s->c, cx + dx * 1.9f + (float)(i % 5) * u * 0.026f * m,
            cy - dy * 2.0f + (float)(i / 5) * u * 0.026f, u * 0.0045f, u * 0.0045f,
            0.8f, tone(s, 0.0f), 0.9f);
}


void pt_abstract (scene *s) {
  if (s->w.has[HAS_SHAPES])
    shapes(s);
  else if (s->w.has[HAS_PAPER] || s->w.hash % 2 == 0)
    paper(s);
  else
    silk(s);
}
