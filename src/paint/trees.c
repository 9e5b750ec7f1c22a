/*
** trees.c -- conifers in rows, and a broad tree standing alone
*/
#include "scene.h"


/* A conifer: a trunk and uneven tiers of branches, tip at (0,-1). */
static void conifer (path *p, scene *s, float lean) {
  int tiers = 13, i;
  float wide = pt_between(s, 0.17f, 0.25f);
  pt_move(p, lean, -1.0f);
  for (i = 1; i <= tiers; i++) {
    float t = (float)i / (float)tiers, r = wide * (0.12f + 0.88f * t);
    r *= pt_between(s, 0.72f, 1.1f);
    pt_to(p, r + lean * (1 - t), -1.0f + t * 0.94f + 0.012f);
    pt_to(p, r * 0.55f + lean * (1 - t), -1.0f + t * 0.94f - 0.016f);
  }
  pt_to(p, 0.018f, -0.07f);
  pt_to(p, 0.022f, 0.05f);
  pt_to(p, -0.022f, 0.05f);
  pt_to(p, -0.018f, -0.07f);
  for (i = tiers; i >= 1; i--) {
    float t = (float)i / (float)tiers, r = wide * (0.12f + 0.88f * t);
    r *= pt_between(s, 0.72f, 1.1f);
    pt_to(p, -r * 0.55f + lean * (1 - t), -1.0f + t * 0.94f - 0.016f);
    pt_to(p, -r + lean * (1 - t), -1.0f + t * 0.94f + 0.012f);
  }
}


static void row_of_conifers (scene *s, float base, float size, float density,
                             float dist, rgb color, uint32_t seed) {
  const palette *p = &s->pal;
  float w = (float)s->c.w, u = s->c.u, tall = pm_min(u, (float)s->c.h * 1.1f);
  float gap = size * tall * 0.17f / density, x;
  rgb lit = pm_mul(color, pm_add(pm_scale(p->sun, 0.45f), pm_scale(p->ambient, 0.7f)));
  rgb dark = pm_mul(color, pm_scale(p->ambient, 0.35f));
  for (x = -gap * 2.0f; x < w + gap * 2.0f; x += gap * pt_between(s, 0.5f, 1.5f)) {
    float k = (x - w * 0.5f) / u;
    float stand = 0.62f + 0.45f * pt_noise1(k * 1.7f, seed);
    float h = size * tall * stand * pt_between(s, 0.62f, 1.12f);
    float y = base * (float)s->c.h
              - 0.25f * size * tall * pt_fbm1(k * 1.2f, 3, seed + 3U);
    float side = (s->sunx * w - x) / u, glow = 1.0f / (1.0f + 5.0f * side * side);
    rgb top = pm_mix(dark, lit, 0.25f + 0.75f * glow);
    brush b;
    path q;
      pt_path_init(&q, x, y, h);
    conifer(&q, s, pt_between(s, -0.02f, 0.02f));
    b = pt_gradient(pt_haze(s, top, dist), x, y - h,
                    pt_haze(s, dark, dist * 1.5f + 0.02f), x, y);
    pt_fill(s, &q, &b);
    pt_path_free(&q);
  }
}


/* Trunk and boughs, each a tapering stroke; leaves hang at their ends. */
static void bough (scene *s, float x, float y, float angle, float len, float w,
                   int depth, rgb bark) {
  float ex = x + pm_cos(angle) * len, ey = y - pm_sin(angle) * len;
  int i, n = depth > 3 ? 3 : 2;
  pt_line(&s->c, x, y, ex, ey, w, bark, 1.0f, 0);
  if (depth == 0)
    return;
  for (i = 0; i < n; i++) {
    float turn = ((float)i / (float)(n - 1) - 0.5f) * pt_between(s, 0.11f, 0.20f);
    bough(s, ex, ey, angle + turn + (0.25f - angle) * 0.12f,
          len * pt_between(s, 0.62f, 0.82f), w * 0.66f, depth - 1, bark);
  }
}


static void broad_tree (scene *s, float base, float size) {
  const palette *p = &s->pal;
  float tall = pm_min(s->c.u, (float)s->c.h * 1.1f), h = size * tall;
  float x = (s->sunx < 0.5f ? 0.68f : 0.32f) * (float)s->c.w;
  float y = base * (float)s->c.h, lx = s->sunx < 0.5f ? -1.0f : 1.0f;
  rgb leaf = s->w.has[HAS_SNOW] ? pm_hex(0xdfe6ee) : pm_hex(0x4d6631);
  rgb light = pm_add(pm_scale(p->sun, 0.85f), pm_scale(p->ambient, 0.5f));
  rgb lit = pm_mul(leaf, light), dark = pm_mul(leaf, pm_scale(p->ambient, 0.28f));
  rgb bark = pm_mul(pm_hex(0x3a2c22), pm_scale(light, 0.5f));
  int i, n = 1500;
  float hub[16][2];
  if (s->w.has[HAS_FIELD] && p->dark > 0.05f)
    lit = pm_mul(pm_hex(0xa8803a), light);
  pt_spot(&s->c, x - lx * h * 0.28f, y + h * 0.02f, h * 0.62f, h * 0.055f, -0.6f,
          pm_scale(p->ambient, 0.05f), 0.6f);
  bough(s, x, y + h * 0.02f, 0.25f, h * 0.26f, h * 0.055f, 4, bark);
  for (i = 0; i < 16; i++) {  /* the crown is clumps of leaves */
    float a = (float)i * 0.381966f, r = pm_sqrt(((float)i + 0.5f) / 16.0f);
    hub[i][0] = pm_cos(a) * r * 0.40f + pt_between(s, -0.05f, 0.05f);
    hub[i][1] = -0.68f - pm_sin(a) * r * 0.25f + pt_between(s, -0.04f, 0.04f);
  }
  for (i = 0; i < n; i++) {
    float a = pt_rand(s), r = pm_sqrt(pt_rand(s)) * 0.15f, t = (float)i / (float)n, l;
    const float *c = hub[(i * 7 + i / 16) & 15];
    float cx = pm_cos(a) * r, cy = pm_sin(a) * r * 0.8f;
    float k = h * pt_between(s, 0.010f, 0.026f) * (1.4f - 0.6f * t);
    l = 0.40f + (cx * lx - cy) * 2.2f + (c[0] * lx - c[1] - 0.68f) * 0.75f;
    l = pm_sat(l + (t - 0.55f) * 0.5f + pt_between(s, -0.16f, 0.16f));
    pt_spot(&s->c, x + (c[0] + cx) * h, y + (c[1] + cy) * h, k, k * 0.8f, 0.35f,
            pm_mix(dark, lit, l * l), 0.9f);
  }
}


/* Two trunks at the sides, so near that only their feet are seen. */
void pt_trunks (scene *s, rgb color) {
  float h = (float)s->c.h, w = (float)s->c.w, u = s->c.u;
  int i;
  for (i = 0; i < 2 && !s->w.no[HAS_TREE]; i++) {
    float x = (i ? 0.985f : 0.015f) * w + pt_between(s, -0.02f, 0.02f) * u;
    float r = u * (i == (s->sunx < 0.5f) ? 0.042f : 0.026f), lean = pt_between(s,
        -0.02f, 0.02f) * u;
    float lx = s->sunx * w < x ? -1.0f : 1.0f;
    rgb rim = pm_add(color, pm_scale(s->pal.sun, 0.07f));
    brush b = pt_gradient(rim, x + lx * r, 0, color, x + lx * r * 0.3f, 0);
    path p;
    pt_path_init(&p, x, 0, 1);
    pt_move(&p, -r * 0.72f + lean, -2.0f);
    pt_curve(&p, -r * 0.85f, h * 0.4f, -r, h * 0.7f, -r * 1.7f, h + 2.0f);
    pt_to(&p, r * 1.7f, h + 2.0f);
    pt_curve(&p, r, h * 0.7f, r * 0.85f, h * 0.4f, r * 0.72f + lean, -2.0f);
    b.texture = 0.3f;
    b.scale = u * 0.02f;
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


/* Negative density asks for the one broad tree. */
void pt_trees (scene *s, float base, float size, float density, float dist,
               rgb color, uint32_t seed) {
  if (s->w.no[HAS_TREE])
    return;
  if (density < 0.0f)
    broad_tree(s, base, size);
  else
    row_of_conifers(s, base, size, density, dist, color, seed);
}
