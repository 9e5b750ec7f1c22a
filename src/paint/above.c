/*
** above.c -- seen from straight above: a laid table, a boat on clear water
*/
#include "scene.h"


/* ---- the table ---- */

typedef struct table { float u, lx, ly; rgb light; } table;


static void wood (scene *s) {
  int x, y, w = s->c.w;
  float inv = 1.0f / s->c.u, row[1024], fine[1024];
  rgb base = pm_hex(s->w.style[STYLE_DARK] ? 0x4a3426 : 0xa87848);
  for (y = 0; y < s->c.h; y++) {
    float v = (float)y * inv / 0.17f;
    int board = pm_floor(v), x0;
    float tone = 0.85f + 0.3f * pm_unit(pm_hash2(board, 1, s->seed));
    float gap = pm_abs(v - (float)pm_floor(v + 0.5f)) * 0.17f;
    for (x0 = 0; x0 < w; x0 += 1024) {
      int n = w - x0 < 1024 ? w - x0 : 1024;
      rgb *out = pt_at(&s->c, x0, y);
      float k = inv * 1.3f, shift = (float)board * 7.7f;
      pt_fbm_row(row, n, (float)x0 * k + shift, k, (float)y * inv * 16.0f,
          s->octaves, s->seed + 1U);
      pt_fbm_row(fine, n, (float)x0 * k * 3.0f + shift, k * 3.0f,
          (float)y * inv * 90.0f, 3, s->seed + 2U);
      for (x = 0; x < n; x++) {
        float m = tone * (1.0f + 0.26f * row[x] + 0.14f * fine[x]) * (0.45f + 0.55f
            * pm_step(0.0f, 0.006f, gap));
        float dx = ((float)(x0 + x) - s->sunx * (float)w) * inv,
            dy = ((float)y - s->suny * (float)s->c.h) * inv;
        out[x] = pm_scale(base, m * (0.5f + 0.95f / (1.0f + 1.1f * (dx * dx + dy
            * dy))));
      }
    }
  }
}


/* A soft round shadow away from the light. */
static void drop (scene *s, const table *t, float x, float y, float r, float high) {
  pt_spot(&s->c, x - t->lx * high, y - t->ly * high, r + high * 1.1f, r + high * 1.1f,
          pm_max(1.0f - 2.2f * high / r, 0.0f), pm_hex(0x120a05), 0.55f);
}


/* A disc with a lit and a shaded rim. */
static void disc (scene *s, const table *t, float x, float y, float r, rgb c) {
  path p;
  brush b;
  pt_path_init(&p, x, y, r);
  pt_ellipse(&p, 0, 0, 1, 1);
  b = pt_gradient(pm_scale(c, 1.12f), x + t->lx * r, y + t->ly * r, pm_scale(c, 0.74f),
                  x - t->lx * r, y - t->ly * r);
  pt_fill(s, &p, &b);
  pt_path_free(&p);
}


static void plate (scene *s, const table *t, float x, float y, float r, rgb c) {
  drop(s, t, x, y, r, r * 0.10f);
  disc(s, t, x, y, r, c);
  disc(s, t, x, y, r * 0.965f, pm_scale(c, 1.06f));
  {  /* the well: light and shade change sides */
    table in = *t;
    in.lx = -t->lx;
    in.ly = -t->ly;
    disc(s, &in, x, y, r * 0.74f, pm_scale(c, 0.92f));
    disc(s, t, x, y, r * 0.71f, pm_scale(c, 0.98f));
  }
}


static void ball (scene *s, const table *t, float x, float y, float r, rgb c,
    float gloss) {
  pt_spot(&s->c, x - t->lx * r * 0.4f, y - t->ly * r * 0.4f, r * 1.15f, r * 1.15f,
      0.3f, pm_hex(0x140b06), 0.5f);
  pt_spot(&s->c, x, y, r, r, 0.9f, pm_scale(c, 0.55f), 1);
  pt_spot(&s->c, x + t->lx * r * 0.18f, y + t->ly * r * 0.18f, r * 0.8f, r * 0.8f,
      -0.1f, pm_scale(c, 1.25f), 0.9f);
  pt_spot(&s->c, x + t->lx * r * 0.38f, y + t->ly * r * 0.38f, r * 0.22f, r * 0.17f,
      0.0f, pm_rgb(1, 1, 1), gloss);
}


/* ---- dishes ---- */

static void olives (scene *s, const table *t, float x, float y, float r) {
  int i;
  plate(s, t, x, y, r, pm_hex(0xd8e4e6));
  for (i = 0; i < 30; i++) {
    float a = pt_rand(s), d = pm_sqrt(pt_rand(s)) * r * 0.55f;
    ball(s, t, x + pm_cos(a) * d, y + pm_sin(a) * d, r * 0.115f,
        pm_hex(i % 3 ? 0x2c2220 : 0x5f6b2a), 0.75f);
  }
}


static void tomatoes (scene *s, const table *t, float x, float y, float r) {
  int i, j;
  plate(s, t, x, y, r, pm_hex(0xefeae2));
  for (i = 0; i < 11; i++) {
    float a = (float)i / 11.0f, d = r * 0.46f, cx = x + pm_cos(a) * d,
        cy = y + pm_sin(a) * d, k = r * 0.19f;
    int green = i & 1;
    pt_spot(&s->c, cx - t->lx * k * 0.25f, cy - t->ly * k * 0.25f, k * 1.1f,
        k * 1.1f, 0.5f, pm_hex(0x1a0e08), 0.45f);
    disc(s, t, cx, cy, k, pm_hex(green ? 0x4f8a3a : 0xc8321f));
    disc(s, t, cx, cy, k * 0.88f, pm_hex(green ? 0xc6dc98 : 0xe2583c));
    for (j = 0; j < 6; j++)
      pt_spot(&s->c, cx + pm_cos((float)j / 6.0f) * k * 0.48f,
          cy + pm_sin((float)j / 6.0f) * k * 0.48f,
              k * 0.16f, k * 0.16f, 0.1f, pm_hex(green ? 0xe6eec4 : 0xf2a35e), 0.8f);
  }
  for (i = 0; i < 26; i++) {
    float px = x + pt_between(s, -0.16f, 0.16f) * r, py = y + pt_between(s, -0.16f,
        0.16f) * r;
    rgb c = pm_scale(pm_hex(0x3f7a2e), pt_between(s, 0.6f, 1.3f));
    pt_spot(&s->c, px, py, r * 0.07f, r * 0.05f, 0.3f, c, 1);
  }
}


static void cheese (scene *s, const table *t, float x, float y, float r) {
  int i;
  plate(s, t, x, y, r, pm_hex(0xb9cbd0));
  for (i = 0; i < 9; i++) {
    float cx = x + (float)(i % 3 - 1) * r * 0.36f + pt_between(s, -0.04f, 0.04f) * r;
    float cy = y + (float)(i / 3 - 1) * r * 0.34f + pt_between(s, -0.04f, 0.04f) * r,
        k = r * 0.15f;
    rgb c = pm_hex(i % 4 == 0 ? 0xf2d27a : 0xf7f3e8);
    brush b;
    path p;
    pt_path_init(&p, cx, cy, k);
    pt_path_turn(&p, pt_between(s, -0.1f, 0.1f), 1);
    pt_round_rect(&p, -1, -1, 2, 2, 0.2f);
    pt_shadow(s, &p, -t->lx * k * 0.5f, -t->ly * k * 0.5f, k * 0.5f, pm_rgb(0.12f,
        0.1f, 0.1f), 0.6f);
    b = pt_gradient(pm_scale(c, 1.1f), cx + t->lx * k, cy + t->ly * k, pm_scale(c,
        0.78f), cx - t->lx * k, cy - t->ly * k);
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


/* A bowl of something smooth: jam, honey, butter, soup. */
static void bowl (scene *s, const table *t, float x, float y, float r, rgb dish,
    rgb c) {
  table in = *t;
  in.lx = -t->lx;
  in.ly = -t->ly;
  drop(s, t, x, y, r, r * 0.2f);
  disc(s, t, x, y, r, dish);
  disc(s, &in, x, y, r * 0.9f, pm_scale(dish, 0.7f));
  disc(s, &in, x, y, r * 0.82f, c);
  pt_spot(&s->c, x + t->lx * r * 0.3f, y + t->ly * r * 0.3f, r * 0.34f, r * 0.2f,
      -0.8f, pm_rgb(1, 0.97f, 0.9f), 0.5f);
}


/* Eggs in tomato, in a copper pan with two ears. */
static void pan (scene *s, const table *t, float x, float y, float r) {
  int i;
  rgb copper = pm_hex(0xb8683c);
  float a = 0.11f;
  drop(s, t, x, y, r, r * 0.12f);
  for (i = 0; i < 2; i++) {
    float sg = i ? 1.0f : -1.0f, ex = x + sg * pm_cos(a) * r * 1.1f,
        ey = y + sg * pm_sin(a) * r * 1.1f;
    disc(s, t, ex, ey, r * 0.15f, pm_scale(copper, 0.8f));
    pt_spot(&s->c, ex, ey, r * 0.075f, r * 0.075f, 0.8f, pm_hex(0x2c1a10), 0.9f);
  }
  disc(s, t, x, y, r, copper);
  disc(s, t, x, y, r * 0.95f, pm_scale(copper, 1.3f));
  disc(s, t, x, y, r * 0.88f, pm_hex(0x8a2a14));
  disc(s, t, x, y, r * 0.83f, pm_hex(0xc2441e));
  for (i = 0; i < 90; i++) {
    float b = pt_rand(s), d = pm_sqrt(pt_rand(s)) * r * 0.76f, k = r * pt_between(s,
        0.03f, 0.09f);
    static const uint32_t bits[] = {0xd85a2a, 0xa83018, 0xe88a3c, 0x5f8a30, 0xf0b050};
    pt_spot(&s->c, x + pm_cos(b) * d, y + pm_sin(b) * d, k, k * 0.75f, 0.1f,
        pm_hex(bits[pt_pick(s, 5)]), 0.75f);
  }
  for (i = 0; i < 3; i++) {
    float b = (float)i / 3.0f + 0.07f, ex = x + pm_cos(b) * r * 0.42f,
        ey = y + pm_sin(b) * r * 0.42f;
    int j;
    for (j = 0; j < 7; j++) {
      float c = pt_rand(s);
      pt_spot(&s->c, ex + pm_cos(c) * r * 0.10f, ey + pm_sin(c) * r * 0.10f,
          r * 0.17f, r * 0.15f, 0.5f, pm_hex(0xfaf4e6), 0.75f);
    }
    ball(s, t, ex, ey, r * 0.125f, pm_hex(0xf6a81c), 0.9f);
  }
}


/* A ring of bread with sesame. */
static void simit (scene *s, const table *t, float x, float y, float r) {
  int i, n = 64;
  drop(s, t, x, y, r, r * 0.10f);
  for (i = 0; i < n; i++) {
    float a = (float)i / (float)n, px = x + pm_cos(a) * r * 0.74f,
        py = y + pm_sin(a) * r * 0.74f;
    float l = 0.5f + 0.5f * (pm_cos(a) * t->lx + pm_sin(a) * t->ly);
    pt_spot(&s->c, px, py, r * 0.27f, r * 0.27f, 0.85f, pm_scale(pm_hex(0xa85a1e),
        0.55f + 0.5f * l), 1);
  }
  for (i = 0; i < n; i++) {
    float a = (float)i / (float)n, px = x + pm_cos(a) * r * 0.74f + t->lx * r * 0.06f;
    float py = y + pm_sin(a) * r * 0.74f + t->ly * r * 0.06f;
    pt_spot(&s->c, px, py, r * 0.16f, r * 0.16f, -0.3f, pm_hex(0xd98a3a), 0.5f);
  }
  for (i = 0; i < 190; i++) {
    float a = pt_rand(s), d = r * (0.74f + pt_between(s, -0.2f, 0.2f));
    pt_spot(&s->c, x + pm_cos(a) * d, y + pm_sin(a) * d, r * 0.026f, r * 0.018f,
        0.4f, pm_hex(0xf4e2b4), 0.9f);
  }
}


static void tea (scene *s, const table *t, float x, float y, float r) {
  plate(s, t, x, y, r, pm_hex(0xf4f0e8));
  drop(s, t, x, y, r * 0.46f, r * 0.12f);
  disc(s, t, x, y, r * 0.46f, pm_hex(0xd8e0e0));
  disc(s, t, x, y, r * 0.42f, pm_hex(0x8a2408));
  pt_spot(&s->c, x - t->lx * r * 0.12f, y - t->ly * r * 0.12f, r * 0.24f, r * 0.24f,
      -0.6f, pm_hex(0xf07a24), 0.85f);
  pt_spot(&s->c, x + t->lx * r * 0.22f, y + t->ly * r * 0.22f, r * 0.10f, r * 0.07f,
      0.0f, pm_rgb(1, 1, 1), 0.8f);
  pt_line(&s->c, x + r * 0.35f, y + r * 0.62f, x + r * 0.78f, y + r * 0.28f,
      r * 0.07f, pm_hex(0xb8bcc0), 1, 0);
  pt_spot(&s->c, x + r * 0.32f, y + r * 0.64f, r * 0.11f, r * 0.08f, 0.6f,
      pm_hex(0xd4d8dc), 1);
}


static void bread (scene *s, const table *t, float x, float y, float r) {
  int i;
  brush b;
  path p;
  pt_path_init(&p, x, y, r);
  pt_path_turn(&p, 0.06f, 1);
  pt_round_rect(&p, -1.1f, -0.66f, 2.2f, 1.32f, 0.2f);
  pt_shadow(s, &p, -t->lx * r * 0.08f, -t->ly * r * 0.08f, r * 0.12f, pm_rgb(0.08f,
      0.06f, 0.05f), 0.7f);
  b = pt_gradient(pm_hex(0x7a4a2a), x - r, y, pm_hex(0x4f2f1a), x + r, y);
  b.texture = 0.3f;
  b.scale = r * 0.15f;
  pt_fill(s, &p, &b);
  pt_path_free(&p);
  for (i = 0; i < 5; i++) {
    float cx = x + ((float)i - 2.0f) * r * 0.38f,
        cy = y + ((float)i - 2.0f) * r * 0.15f;
    pt_path_init(&p, cx, cy, r * 0.44f);
    pt_path_turn(&p, 0.04f, 1);
    pt_ellipse(&p, 0, 0, 0.62f, 1.05f);
    pt_shadow(s, &p, -t->lx * r * 0.05f, -t->ly * r * 0.05f, r * 0.06f, pm_rgb(0.1f,
        0.07f, 0.05f), 0.7f);
    b = pt_flat(pm_hex(0xb06a2c));
    pt_fill(s, &p, &b);
    pt_path_clear(&p);
    pt_ellipse(&p, 0, 0, 0.53f, 0.95f);
    b = pt_gradient(pm_hex(0xf8e8c6), cx - r * 0.2f, cy, pm_hex(0xe6c890),
        cx + r * 0.2f, cy);
    b.texture = 0.22f;
    b.scale = r * 0.07f;
    b.seed = s->seed + (uint32_t)i;
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


/* A main dish for any other meal: greens and colours on a big plate. */
static void main_dish (scene *s, const table *t, float x, float y, float r) {
  static const uint32_t bits[] = {0x5f8f34, 0x86b048, 0xd8442a, 0xf0b83c, 0xe8dcc0,
      0x3f6f2c, 0xc8783a};
  int i;
  plate(s, t, x, y, r, pm_hex(0xf2efe9));
  for (i = 0; i < 120; i++) {
    float a = pt_rand(s), d = pm_sqrt(pt_rand(s)) * r * 0.56f, k = r * pt_between(s,
        0.05f, 0.12f);
    rgb c = pm_hex(bits[pt_pick(s, 7)]);
    if (s->w.colors > 0 && i % 4 == 0)
      c = s->pal.accent[0];
    ball(s, t, x + pm_cos(a) * d, y + pm_sin(a) * d, k, c, 0.3f);
  }
}


static void knife_and_fork (scene *s, const table *t, float x, float y, float r) {
  int i;
  rgb steel = pm_hex(0xc8ccd0);
  for (i = 0; i < 2; i++) {
    float cx = x + (float)i * r * 0.24f;
    brush b;
    path p;
    pt_path_init(&p, cx, y, r);
    pt_shape(&p, i ? "M-.04 .9L-.035 0C-.04 -.4 .0 -.8 .06 -.9L.05 0L.045 .9"
                   : "M-.035 .9L-.025 -.2C-.09 -.3 -.09 -.5 -.085 -.9L-.06 -.9"
                       "L-.05 -.55L-.03 -.55L-.02 -.9L.005 -.9L.01 -.55L.03 -.55"
                       "L.04 -.9L.065 -.9C.07 -.5 .07 -.3 .01 -.2L.02 .9");
    pt_shadow(s, &p, -t->lx * r * 0.05f, -t->ly * r * 0.05f, r * 0.06f, pm_rgb(0.1f,
        0.08f, 0.07f), 0.7f);
    b = pt_gradient(pm_scale(steel, 1.1f), cx - r * 0.06f, y, pm_scale(steel, 0.5f),
        cx + r * 0.07f, y);
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


/* Around the middle dish the others stand on an ellipse that fits the
** format; some leave the picture, as on a real table. */
void pt_food (scene *s) {
  float w = (float)s->c.w, h = (float)s->c.h, u = s->c.u, phase = pt_rand(s), cx, cy, R;
  table t;
  int i, n = 9, breakfast = s->w.has[HAS_BREAKFAST];
  s->sunx = pt_rand(s) < 0.5f ? 0.2f : 0.8f;
  s->suny = 0.12f;
  t.lx = s->sunx < 0.5f ? -0.75f : 0.75f;
  t.ly = -0.66f;
  cx = (0.5f + (s->sunx < 0.5f ? 0.03f : -0.03f)) * w;
  cy = 0.48f * h;
  R = pm_min(u * 0.21f, pm_min(w, h) * 0.27f);
  wood(s);
  for (i = 0; i < n; i++) {
    float a = phase + (float)i / (float)n + pt_between(s, -0.012f, 0.012f);
    float x = cx + pm_cos(a) * pm_max(R * 1.72f, w * 0.39f);
    float y = cy + pm_sin(a) * pm_max(R * 1.72f, h * 0.43f), r = R * pt_between(s,
        0.56f, 0.66f);
    switch (i) {
      case 0: olives(s, &t, x, y, r); break;
      case 1: tea(s, &t, x, y, r * 0.85f); break;
      case 2: tomatoes(s, &t, x, y, r * 1.05f); break;
      case 3: bread(s, &t, x, y, r); break;
      case 4: bowl(s, &t, x, y, r * 0.62f, pm_hex(0xefe7da), pm_hex(0xd08a1c)); break;
      case 5: breakfast ? simit(s, &t, x, y, r * 0.95f) : knife_and_fork(s, &t, x, y,
          r); break;
      case 6: cheese(s, &t, x, y, r); break;
      case 7: tea(s, &t, x, y, r * 0.85f); break;
      default: bowl(s, &t, x, y, r * 0.62f, pm_hex(0x3f6f7c), pm_hex(0xa8183a)); break;
    }
  }
  if (breakfast)
    pan(s, &t, cx, cy, R);
  else
    main_dish(s, &t, cx, cy, R * 1.1f);
}


/* ---- the sea ---- */

/* Sand, shallows and deep water: the coast runs across one corner. */
static void clear_water (scene *s, float side) {
  rgb sand = pm_hex(0xf0deb8), shallow = pm_hex(0x7fe0d2), mid = pm_hex(0x1fb2bd),
      deep = pm_hex(0x0b5f8c);
  float inv = 1.0f / s->c.u, cx = 0.5f * (float)s->c.w, cy = 0.5f * (float)s->c.h,
      net[1024], net2[1024], swell[1024],
        bay[1024], reefs[1024];
  int x, y, x0;
  if (s->w.colors > 0 && s->w.color[0] == COLOR_BLUE)
    mid = pm_mix(mid, pm_hex(0x2a86d8), 0.6f);
  for (y = 0; y < s->c.h; y++)
    for (x0 = 0; x0 < s->c.w; x0 += 1024) {
      int n = s->c.w - x0 < 1024 ? s->c.w - x0 : 1024;
      rgb *out = pt_at(&s->c, x0, y);
      float v = ((float)y - cy) * inv, u0 = ((float)x0 - cx) * inv;
      pt_fbm_row(net, n, u0 * 11.0f + v * 3.0f, inv * 11.0f, v * 13.0f, 3,
          s->seed + 3U);
      pt_fbm_row(net2, n, u0 * 10.0f - v * 4.0f, inv * 10.0f, v * 12.0f, 3,
          s->seed + 4U);
      pt_fbm_row(swell, n, u0 * 5.0f + v * 2.0f, inv * 5.0f, v * 26.0f,
          s->octaves - 2, s->seed + 5U);
      pt_fbm_row(bay, n, u0 * 1.3f, inv * 1.3f, v * 1.3f, 4, s->seed + 1U);
      pt_fbm_row(reefs, n, u0 * 2.6f, inv * 2.6f, v * 2.6f, 1, s->seed + 8U);
      for (x = 0; x < n; x++) {
        float u = u0 + (float)x * inv, reef, k, foam;
        float d = u * 0.80f * side + v * 0.55f + 0.46f + 0.30f * bay[x];
        rgb c = pm_mix(shallow, mid, pm_step(0.05f, 0.45f, d));
        c = pm_mix(c, deep, pm_step(0.35f, 1.05f, d));
        reef = pm_step(0.16f, 0.42f, net2[x] * 0.35f + swell[x] * 0.1f + 0.83f
            * reefs[x]);
        c = pm_mix(c, pm_hex(0x0d5a62), 0.5f * reef * pm_step(0.12f, 0.3f,
            d) * pm_step(0.9f, 0.5f, d));
        k = 1.0f - pm_sat(pm_abs(net[x] + net2[x]) * 3.2f);  /* light on the bottom */
        c = pm_add(c, pm_scale(pm_hex(0xe8fff4), 0.30f * k * k * k * pm_step(0.75f,
            0.02f, d)));
        c = pm_scale(c, 1.0f + 0.13f * swell[x]);
        if (d < 0.04f) {
          rgb dry = pm_scale(sand, 1.02f + 0.05f * swell[x] + 0.06f * net[x]);
          rgb wet = pm_mul(sand, pm_hex(0xd9c6a4));
          c = pm_mix(c, pm_mix(wet, dry, pm_step(0.0f, -0.06f, d)), pm_step(0.04f,
              0.0f, d));
        }
        foam = pm_step(0.016f, 0.0f, pm_abs(d - 0.035f - 0.014f * net[x]))
               + 0.5f * pm_step(0.010f, 0.0f, pm_abs(d - 0.085f - 0.02f * net2[x]));
        out[x] = pm_mix(c, pm_hex(0xfafaf4), pm_sat(foam * (0.55f + 0.6f * net2[x])));
      }
    }
}


/* The wake: two lines of foam that open behind, churned water between. */
static void wake (scene *s, float x, float y, float k, float turn) {
  float cs = pm_cos(turn), sn = pm_sin(turn);
  int i;
  for (i = 0; i < 520; i++) {
    float t = pt_rand(s), side = pt_rand(s) < 0.5f ? -1.0f : 1.0f;
    float e = pt_between(s, -0.12f, 0.12f), px, py, r;
    t = t * t;
    e = (i & 3) ? side * (0.10f + 0.34f * t) + 0.25f * e : e * (1.0f + t);
    px = e; py = 0.30f + 2.3f * t;
    r = k * (0.012f + 0.022f * pt_rand(s));
    pt_spot(&s->c, x + (px * cs - py * sn) * k, y + (px * sn + py * cs) * k,
        r * 1.4f, r, -0.4f, pm_rgb(0.95f, 1, 1), 0.5f * (1.0f - t));
  }
}


static void yacht (scene *s, float x, float y, float k, float turn, float lx) {
  static const char hull[] = "M0 -1C.16 -.74 .25 -.44 .25 -.1L.21 .82"
      "C.2 .9 -.2 .9 -.21 .82L-.25 -.1C-.25 -.44 -.16 -.74 0 -1";
  rgb white = pm_hex(0xfaf8f3), teak = pm_hex(0xb98752), glass = pm_hex(0x22343f);
  static const struct { const char *d; int what; } parts[] = {
    {hull, 0},
    {"M0 -.86C.12 -.64 .195 -.42 .2 -.16L-.2 -.16C-.195 -.42 -.12 -.64 0 -.86", 1},
    {"M-.17 .5L.17 .5L.165 .82L-.165 .82", 1},
    {"M-.16 -.3C-.1 -.44 .1 -.44 .16 -.3L.18 .46L-.18 .46", 0},
    {"M-.135 -.2C-.08 -.32 .08 -.32 .135 -.2L.14 -.07L-.14 -.07", 2},
    {"M-.125 .0L.125 .0L.135 .38L-.135 .38", 0},
    {"M-.09 .06L.09 .06L.09 .14L-.09 .14", 2}
  };
  size_t i;
  for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    rgb c = parts[i].what == 0 ? white : parts[i].what == 1 ? teak : glass;
    brush b;
    path p;
    pt_path_init(&p, x, y, k);
    pt_path_turn(&p, turn, 1);
    pt_shape(&p, parts[i].d);
    if (i == 0) {
      pt_shadow(s, &p, -lx * k * 0.16f, k * 0.14f, k * 0.12f, pm_rgb(0.04f, 0.20f,
          0.26f), 0.75f);
      pt_halo(s, &p, k * 0.05f, pm_rgb(0.16f, 0.18f, 0.18f));
    }
    else if (i == 3 || i == 5)
      pt_shadow(s, &p, -lx * k * 0.03f, k * 0.03f, k * 0.03f, pm_rgb(0.2f, 0.2f,
          0.24f), 0.6f);
    b = pt_gradient(pm_scale(c, 1.05f), x + lx * k * 0.3f, y, pm_scale(c, 0.74f),
        x - lx * k * 0.3f, y);
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


void pt_aerial (scene *s) {
  float side = pt_rand(s) < 0.5f ? 1.0f : -1.0f, w = (float)s->c.w, h = (float)s->c.h;
  float k = pm_min(s->c.u * 0.13f, pm_min(w, h) * 0.2f),
      x = (0.5f + side * 0.13f) * w, y = 0.46f * h;
  float turn = side * pt_between(s, -0.12f, -0.05f);
  s->sunx = side > 0.0f ? 0.2f : 0.8f;
  s->g.saturation *= 1.05f;
  clear_water(s, side);
  if (pt_stop(s))
    return;
  if ((s->w.has[HAS_BOAT] || !s->w.has[HAS_BEACH]) && !s->w.no[HAS_BOAT]) {
    wake(s, x, y, k, turn);
    yacht(s, x, y, k, turn, -side);
  }
}
