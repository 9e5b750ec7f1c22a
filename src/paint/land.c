/*
** land.c -- dunes, fields, roads, and landscapes made of what there is
*/
#include <stdlib.h>

#include "scene.h"


/* ---- dunes ---- */

/* Crests are where this is 0; its sign tells the flanks apart. */
static float wave_of (float u, uint32_t seed) {
  return pt_noise1(u * 1.5f + 0.30f * pt_noise1(u * 1.3f, seed), seed + 1U);
}


/* One line of dunes: sharp crests, a lit and a shaded flank, ripples. */
static void dune (scene *s, float base, float height, float dist, rgb color,
                  uint32_t seed) {
  const palette *p = &s->pal;
  int w = s->c.w, x, y, from = (int)((base - 0.02f) * (float)s->c.h
                                     - height * pt_tall(s) * 1.4f);
  float inv = 1.0f / s->c.u, side = s->sunx < 0.5f ? 1.0f : -1.0f;
  float *row = malloc((size_t)w * 2 * sizeof(float)), *crest;
  rgb lit = pm_mul(color, pm_add(pm_scale(p->sun, 0.9f), pm_scale(p->ambient, 0.5f)));
  rgb shade = pm_mul(pm_mix(color, p->ambient, 0.35f), pm_scale(p->ambient, 0.55f));
  rgb haze;
  float far = pt_haze_at(s, dist, &haze);
  if (row == NULL) {
    s->failed = 1;
    return;
  }
  crest = row + w;
  for (x = 0; x < w; x++) {
    float u = ((float)x - 0.5f * (float)w) * inv;
    float h = 1.0f - pm_abs(wave_of(u, seed)) * 1.5f;
    float big = 0.5f + 0.5f * pt_noise1(u * 0.8f + 9.0f, seed + 2U);
    crest[x] = base * (float)s->c.h - height * pt_tall(s) * (0.25f + 0.75f * big)
        * pm_max(h, -0.6f);
  }
  for (y = from < 0 ? 0 : from; y < s->c.h; y++) {
    float near = 1.0f / (0.25f + dist);
    pt_fbm_row(row, w, 0.0f, inv * 7.0f * near, (float)y * inv * 60.0f * near, 3,
               seed + 5U);
    for (x = 0; x < w; x++) {
      float u = ((float)x - 0.5f * (float)w) * inv;
      float depth = ((float)y - crest[x]) * inv, a = pm_sat((float)y + 1.0f - crest[x]);
      float n0, l;
      rgb c;
      if (a <= 0.0f)
        continue;
      n0 = wave_of(u + depth * (0.45f + 0.4f * pt_noise1(depth * 3.0f,
          seed + 4U)) * side, seed);
      l = pm_step(-0.03f - 0.5f * depth, 0.03f + 0.5f * depth, n0 * side);
      l = pm_lerp(l, 0.6f, pm_step(0.10f, 0.55f, depth));
      c = pm_mix(shade, lit, l);
      c = pm_scale(c, 1.0f + 0.10f * row[x] * pm_step(0.0f, 0.1f, depth));
      pt_over(pt_at(&s->c, x, y), pm_mix(c, haze, far), a);
    }
  }
  free(row);
}


static void desert (scene *s) {
  float y = s->horizon;
  rgb sand = pm_hex(0xd9a066);
  if (s->pal.dark > 0.9f)
    sand = pm_scale(pm_hex(0xc0a088), 1.5f);
  pt_ridge(s, y + 0.02f, 0.09f, 0.4f, 1.6f, pm_hex(0x7a6450), s->seed + 300U);
  dune(s, y + 0.06f, 0.08f, 1.0f, sand, s->seed + 310U);
  dune(s, y + 0.16f, 0.13f, 0.5f, sand, s->seed + 320U);
  dune(s, y + 0.36f, 0.20f, 0.12f, sand, s->seed + 330U);
}


/* ---- ground near by ---- */

FAL_WIDE
static void ground_row (rgb *restrict out, int w, float y, const float *restrict edge,
                        const float *restrict row, const float *restrict fine,
                        float near, rgb c, rgb haze, float k) {
  int x;
  for (x = 0; x < w; x++) {
    float a = pm_sat(y - edge[x]);
    float m = 1.0f + 0.34f * row[x] + 0.34f * fine[x] * near;
    rgb p = pm_mix(pm_scale(c, pm_max(m, 0.1f)), haze, k);
    out[x] = pm_mix(out[x], p, a);
  }
}


/* Grass, flowers, sand or snow from 'top' (a fraction) down. */
static void ground (scene *s, float top, rgb near, rgb far, float wave,
                    uint32_t seed) {
  const palette *p = &s->pal;
  int w = s->c.w, x, y, from = (int)((top - 0.08f) * (float)s->c.h);
  float inv = 1.0f / s->c.u;
  float *row = malloc((size_t)w * 3 * sizeof(float)), *fine, *edge;
  rgb light = pm_add(pm_scale(p->sun, 0.7f), pm_scale(p->ambient, 0.6f));
  if (row == NULL) {
    s->failed = 1;
    return;
  }
  fine = row + w;
  edge = row + 2 * w;
  for (x = 0; x < w; x++) {
    float u = ((float)x - 0.5f * (float)w) * inv;
    edge[x] = top * (float)s->c.h
              - wave * pt_tall(s) * pt_fbm1(u * 1.4f, 4, seed) - 0.4f * wave * pt_tall(s);
  }
  for (y = from < 0 ? 0 : from; y < s->c.h; y++) {
    float t = pm_sat(((float)y / (float)s->c.h - top) / (1.02f - top));
    float z = 1.0f / (0.06f + t), k = inv * z;  /* perspective */
    rgb c = pm_mul(pm_mix(far, near, t), light), haze;
    pt_fbm_row(row, w, -0.5f * (float)w * k, k, z * 2.2f, 3, seed + 1U);
    pt_fbm_row(fine, w, -6.0f * (float)w * k, 12.0f * k, z * 9.0f, s->octaves - 1,
               seed + 2U);
    k = pt_haze_at(s, 0.55f * (1.0f - t) * (1.0f - t), &haze);
    ground_row(pt_at(&s->c, 0, y), w, (float)y + 1.0f, edge, row, fine,
               pm_min(t * 4.0f, 1.0f), c, haze, k);
  }
  free(row);
}


/* Blades of grass, the nearer the longer, dark at the foot. */
static void blades (scene *s, float top, rgb c, float from) {
  const palette *p = &s->pal;
  rgb light = pm_add(pm_scale(p->sun, 0.75f), pm_scale(p->ambient, 0.5f));
  int i, n = (int)(1300.0f * pm_min((float)s->c.w / s->c.u, 2.0f));
  for (i = 0; i < n; i++) {
    float t = from + (1.0f - from) * (float)i / (float)n,
        x = pt_rand(s) * (float)s->c.w;
    float y = (top + (1.06f - top) * t * t) * (float)s->c.h;
    float h = s->c.u * (0.006f + 0.042f * t * t) * pt_between(s, 0.4f, 1.4f);
    float lean = pt_between(s, -0.35f, 0.45f) * h, wide = h * 0.035f + 0.3f;
    float near = pm_abs(x / (float)s->c.w - s->sunx);
    rgb tip = pm_mul(c, pm_scale(light, pt_between(s, 0.6f,
        1.3f) * (1.15f - 0.6f * near)));
    brush b = pt_gradient(pt_haze(s, tip, 0.3f * (1.0f - t)), 0, y - h,
                          pt_haze(s, pm_scale(tip, 0.3f), 0.3f * (1.0f - t)), 0, y);
    path q;
    pt_path_init(&q, x, y, 1);
    pt_move(&q, -wide, 0);
    pt_curve(&q, -wide, -h * 0.5f, lean * 0.4f - wide, -h * 0.85f, lean, -h);
    pt_curve(&q, lean * 0.5f + wide, -h * 0.8f, wide, -h * 0.5f, wide, 0);
    pt_fill(s, &q, &b);
    pt_path_free(&q);
  }
}


static rgb flower_color (const scene *s) {
  return s->w.colors > 0 ? s->pal.accent[0]
         : pm_hex(s->w.hash & 1 ? 0x8a63c9 : 0xd8443a);
}


/* Flowers in rows that run to the horizon. */
static void flowers (scene *s, float top) {
  const palette *p = &s->pal;
  rgb kind = flower_color(s);
  rgb light = pm_add(pm_scale(p->sun, 0.75f), pm_scale(p->ambient, 0.6f));
  int i, n = (int)(5200.0f * pm_min((float)s->c.w / s->c.u, 2.0f));
  for (i = 0; i < n; i++) {
    float t = (float)i / (float)n, y, r, x, m = pt_rand(s);
    t = t * t;
    y = (top + 0.015f + (1.06f - top) * t) * (float)s->c.h;
    r = s->c.u * (0.0012f + 0.011f * t);
    x = pt_rand(s) * (float)s->c.w;
    pt_spot(&s->c, x, y + r, r * 0.8f, r * 1.2f, -0.4f,
            pm_scale(pm_mul(kind, light), 0.35f), 0.5f);
    pt_spot(&s->c, x, y, r, r * 0.9f, 0.1f,
            pm_scale(pm_mul(kind, light), 0.55f + 0.8f * m), 0.9f);
  }
}


static rgb grass (const scene *s) {
  if (s->w.has[HAS_SNOW])
    return pm_hex(0xe4ebf2);
  if (s->w.has[HAS_FIELD] && !s->w.has[HAS_FLOWER] && s->pal.dark > 0.05f)
    return pm_hex(0xb39a4c);
  if (s->w.has[HAS_FLOWER])
    return pm_mix(pm_hex(0x55703a), pm_scale(flower_color(s), 0.5f), 0.55f);
  return pm_hex(0x66803f);
}


/* A road that narrows to the horizon. */
static void road (scene *s, float top) {
  float w = (float)s->c.w, h = (float)s->c.h;
  float vx = w * (0.5f + (s->sunx - 0.5f) * 0.5f), y = top * h;
  rgb c = pm_mul(pm_hex(0x6e6862), pm_add(pm_scale(s->pal.sun, 0.6f), s->pal.ambient));
  brush b = pt_gradient(pt_haze(s, c, 1.0f), 0, y, c, 0, h);
  float k = pm_min(w, s->c.u) * 0.36f;
  path p;
  pt_path_init(&p, 0, 0, 1);
  pt_move(&p, vx - 2, y);
  pt_curve(&p, vx - k * 0.35f, y + (h - y) * 0.3f, w * 0.5f - k * 0.2f,
           y + (h - y) * 0.5f, w * 0.5f - k, h + 2);
  pt_to(&p, w * 0.5f + k, h + 2);
  pt_curve(&p, w * 0.5f + k * 0.7f, y + (h - y) * 0.5f, vx - k * 0.2f,
           y + (h - y) * 0.3f, vx + 2, y);
  b.texture = 0.2f;
  b.scale = s->c.u * 0.05f;
  pt_fill(s, &p, &b);
  pt_path_free(&p);
}


/* ---- the composition ---- */

static int watery (const words *w) {
  return w->has[HAS_SEA] || w->has[HAS_LAKE] || w->has[HAS_RIVER]
         || w->has[HAS_BEACH] || w->has[HAS_BOAT] || w->has[HAS_HARBOR]
         || w->has[HAS_ISLAND] || w->has[HAS_MOSQUE] || w->has[HAS_LIGHTHOUSE]
         || w->has[HAS_BRIDGE];
}


/* Where the light stands: on a third, as high as the hour wants it. */
static void place_sun (scene *s) {
  static const float above[] = {
    0.3f, 0.09f, 0.3f, 0.46f, 0.17f, 0.075f, 0.03f, 0.36f
  };
  float side = pt_rand(s) < 0.5f ? 0.31f : 0.69f;
  s->sunx = side + pt_between(s, -0.05f, 0.05f);
  s->suny = s->horizon - above[s->w.hour] * pt_between(s, 0.8f, 1.15f);
  s->suny = pm_max(s->suny, 0.09f);
}


static void mountains (scene *s, float y, int water) {
  rgb rock = pm_hex(0x6b6a70);
  float up = water ? 0.0f : 0.05f;
  float high = water ? 1.0f : 1.25f, far = s->pal.dark < 0.15f ? 0.75f : 1.0f;
  pt_ridge(s, y, 0.34f * high, 1.0f, 1.15f * far, rock, s->seed + 100U);
  pt_ridge(s, y + up * 0.5f, 0.25f * high, 0.9f, 0.58f * far, rock, s->seed + 110U);
  if (!pt_stop(s))
    pt_ridge(s, y + up, 0.13f, 0.35f, 0.36f, pm_hex(0x4c5a48), s->seed + 120U);
}


static void hills (scene *s, float y, int water) {
  rgb green = s->w.has[HAS_SNOW] ? pm_hex(0xb8c4d0) : pm_hex(0x5d7350);
  pt_ridge(s, y, 0.13f, 0.15f, 1.5f, green, s->seed + 130U);
  pt_ridge(s, y + (water ? 0.0f : 0.03f), 0.10f, 0.0f, 0.9f, green, s->seed + 140U);
  if (!water)
    pt_ridge(s, y + 0.10f, 0.12f, 0.0f, 0.4f, green, s->seed + 150U);
}


/* What stands between sky and water (or meadow). */
static void far_land (scene *s, int water) {
  const unsigned char *has = s->w.has;
  float y = s->horizon;
  if (has[HAS_MOUNTAIN])
    mountains(s, y, water);
  else if (has[HAS_HILL] || has[HAS_LAKE] || has[HAS_RIVER] || has[HAS_FIELD]
           || has[HAS_FLOWER] || has[HAS_TREE] || has[HAS_HOUSE]
           || has[HAS_BALLOON] || has[HAS_CASTLE] || has[HAS_HARBOR]
           || has[HAS_MOSQUE] || !water)
    hills(s, y, water);
  else if (has[HAS_ISLAND] || pt_rand(s) < 0.6f)
    pt_ridge(s, y, 0.06f, 0.25f, 1.3f, pm_hex(0x5a6670), s->seed + 160U);
}


/* Rows of conifers with fog and light between them, and two trunks near by
** that frame the view. */
static void forest (scene *s, float y, rgb soil) {
  int i, foggy = s->w.has[HAS_FOG];
  for (i = 0; i < 4 && !pt_stop(s); i++) {
    float t = (float)i / 3.0f, n2 = t * t;
    pt_trees(s, y + 0.045f + 0.40f * n2, 0.15f + 0.42f * n2, 1.35f - 0.45f * t,
             1.5f * (1.0f - t) * (1.0f - 0.3f * t) + 0.06f, pm_hex(0x2c4034),
             s->seed + 200U + (uint32_t)i * 17U);
    if (i < 3)
      pt_fog(s, y + 0.10f + 0.30f * n2, 0.13f, foggy ? 0.62f : 0.34f);
    if (i == 1)
      pt_rays(s, foggy ? 0.34f : 0.2f);
  }
  ground(s, 0.97f, pm_scale(soil, 0.2f), pm_scale(soil, 0.3f), 0.03f, s->seed + 170U);
  pt_trunks(s, pm_mul(pm_hex(0x4a3a30), pm_scale(s->pal.ambient, 0.22f)));
}


static void near_land (scene *s, int water) {
  const unsigned char *has = s->w.has;
  float y = s->horizon;
  rgb g = grass(s), dark = pm_scale(g, 0.5f);
  if (water || has[HAS_DESERT])
    return;
  if (has[HAS_FOREST] || has[HAS_PINE]) {
    forest(s, y, dark);
    return;
  }
  ground(s, y + 0.10f, g, pm_mix(g, pm_hex(0x9aa06a), 0.3f), 0.03f, s->seed + 170U);
  if (has[HAS_MOUNTAIN] && !has[HAS_TREE])
    pt_trees(s, y + 0.115f, 0.11f, 0.8f, 0.3f, pm_hex(0x2f4436), s->seed + 190U);
  if (has[HAS_ROAD])
    road(s, y + 0.10f);
  if (has[HAS_FLOWER])
    flowers(s, y + 0.10f);
  else if (!has[HAS_SNOW] && !has[HAS_ROAD])
    blades(s, y + 0.10f, pm_mix(g, pm_hex(0x8a9a4a), 0.25f), 0.15f);
}


/* Trees, buildings, boats and beings, on the third away from the light. */
static void figures (scene *s, int water) {
  const unsigned char *has = s->w.has;
  float x = s->sunx < 0.5f ? 0.66f : 0.34f, y = s->horizon;
  if (has[HAS_HOUSE])
    pt_house(s, x, y + (water ? 0.0f : 0.15f), water ? 0.06f : 0.11f);
  if (has[HAS_TREE] && !water)  /* at a shore the trees are along it */
    pt_trees(s, y + 0.26f, 0.42f, -1.0f, 0.05f, pm_hex(0x3e5130),
             s->seed + 210U);
  if (has[HAS_BALLOON])
    pt_balloons(s);
  if (has[HAS_BIRD] || (water && pt_rand(s) < 0.5f))
    pt_birds(s, 1.0f - x, y - 0.26f, 5 + pt_pick(s, 4));
}


static void on_water (scene *s) {
  const unsigned char *has = s->w.has;
  float x = s->sunx < 0.5f ? 0.66f : 0.34f, y = s->horizon;
  if (has[HAS_BOAT] || has[HAS_HARBOR])
    pt_boat(s, x, y + 0.115f, 0.16f);
  if (has[HAS_HARBOR]) {
    pt_boat(s, x - 0.22f, y + 0.05f, 0.08f);
    pt_boat(s, x + 0.17f, y + 0.04f, 0.07f);
  }
}


void pt_land (scene *s) {
  const unsigned char *has = s->w.has;
  int water = watery(&s->w) && !has[HAS_DESERT];
  float x;
  s->horizon = water ? pt_between(s, 0.54f, 0.60f) : pt_between(s, 0.50f, 0.58f);
  if (has[HAS_FOREST] || has[HAS_PINE])
    s->horizon = water ? 0.55f : 0.48f;
  if (has[HAS_GALAXY] || has[HAS_AURORA] || has[HAS_STARS])
    s->horizon = 0.66f;
  place_sun(s);
  if (water)
    pt_water_line(s);
  pt_sky(s);
  if (pt_stop(s))
    return;
  x = s->sunx < 0.5f ? 0.66f : 0.34f;
  if (has[HAS_DESERT])
    desert(s);
  else
    far_land(s, water);
  if (has[HAS_MOSQUE])
    pt_mosque(s, x, s->horizon, 0.2f);
  if (has[HAS_CASTLE])
    pt_castle(s, x, s->horizon, water ? 0.25f : 0.30f);
  if (has[HAS_LIGHTHOUSE])
    pt_lighthouse(s, x, s->horizon, 0.24f);
  if (has[HAS_BRIDGE])
    pt_bridge(s, s->horizon, 0.20f);
  if (water && (has[HAS_FOREST] || has[HAS_PINE] || has[HAS_TREE]
                || has[HAS_LAKE] || has[HAS_RIVER]))
    pt_trees(s, s->horizon + 0.004f, 0.075f, 1.2f, 0.28f, pm_hex(0x30443a),
             s->seed + 180U);
  if (has[HAS_FOG] || (!has[HAS_DESERT] && pt_rand(s) < 0.3f))
    pt_fog(s, s->horizon, 0.06f, has[HAS_FOG] ? 0.8f : 0.4f);
  near_land(s, water);
  if (pt_stop(s))
    return;
  if (water) {
    pt_water(s);
    if (has[HAS_FOG])
      pt_fog(s, s->horizon + 0.02f, 0.20f, 0.85f);
    on_water(s);
    pt_shore(s);
  }
  figures(s, water);
  if (s->w.subject == SUBJECT_ANIMAL)
    pt_animal(s, 0.5f, 0.9f, 0.5f);
  else if (has[HAS_PERSON])
    pt_person(s, x, s->horizon + 0.24f, 0.2f);
  pt_weather(s);
}
