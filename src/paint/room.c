/*
** room.c -- interiors: a box with a tall window, its light, and furniture
**
** The bare room is traced: each pixel's ray meets a wall, and from there it
** is asked whether the sun is seen through the panes. Furniture is boxes and
** shapes put in by the same perspective. Metres; x right, y up, z away.
*/
#include "scene.h"

#define WALL   2.7f    /* to the left and right */
#define BACK   5.2f    /* to the wall behind */
#define CEIL   3.0f
#define EYE    1.45f

typedef struct room {
  float f, cx, cy;             /* pixels for a metre at a metre; the middle */
  float flip;                  /* -1: the window is on the right */
  float lx, ly, lz;            /* towards the sun */
  float win_z0, win_z1, win_y0, win_y1;
  rgb wall, floor, sky, sun, lamp;
  float day;                   /* strength of daylight */
} room;


static void project (const room *r, float x, float y, float z, float *px,
                     float *py) {
  *px = r->cx + r->flip * x / z * r->f;
  *py = r->cy - (y - EYE) / z * r->f;
}


/* ---- light ---- */

/* 1 where the window's glass is, 0 on its bars and outside; soft by 'e'. */
static float pane (const room *r, float y, float z, float e) {
  float w = (r->win_z1 - r->win_z0) / 3.0f, h = (r->win_y1 - r->win_y0) / 2.0f;
  float fz = (z - r->win_z0) / w, fy = (y - r->win_y0) / h, a;
  float bz, by;
  if (z < r->win_z0 - e || z > r->win_z1 + e || y < r->win_y0 - e || y > r->win_y1 + e)
    return 0.0f;
  a = pm_step(r->win_z0 - e, r->win_z0 + e, z) * pm_step(r->win_z1 + e,
      r->win_z1 - e, z)
      * pm_step(r->win_y0 - e, r->win_y0 + e, y) * pm_step(r->win_y1 + e, r->win_y1 - e, y);
  bz = pm_abs(fz - (float)pm_floor(fz + 0.5f)) * w;
  by = pm_abs(fy - (float)pm_floor(fy + 0.5f)) * h;
  return a * pm_step(0.03f - e * 0.6f, 0.035f + e, bz) * pm_step(0.03f - e * 0.6f,
      0.035f + e, by);
}


/* Light at a place in the room: sun through the panes, sky from the window,
** the lamp, and what the walls give back. */
static rgb light_at (const room *r, float x, float y, float z, float nx, float ny,
                     float nz) {
  float t = (-WALL - x) / r->lx, d2, k, face;
  float wx = -WALL, wy = (r->win_y0 + r->win_y1) * 0.5f,
      wz = (r->win_z0 + r->win_z1) * 0.5f;
  rgb c = pm_scale(r->wall, 0.26f * r->day + 0.025f);
  if (t > 0.0f && r->lx < 0.0f) {
    float e = 0.012f + 0.035f * t;
    float see = pane(r, y + r->ly * t, z + r->lz * t, e);
    float cosine = nx * r->lx + ny * r->ly + nz * r->lz;
    if (cosine > 0.0f)
      c = pm_add(c, pm_scale(r->sun, see * (0.35f + 0.65f * cosine) * 1.25f));
  }
  wx -= x; wy -= y; wz -= z;
  d2 = wx * wx + wy * wy + wz * wz + 0.6f;
  face = pm_sat((wx * nx + wy * ny + wz * nz) / pm_sqrt(d2) * 0.8f + 0.25f);
  c = pm_add(c, pm_scale(r->sky, 3.3f * face * r->day / d2));
  wx = 1.5f - x; wy = 1.62f - y; wz = 3.9f - z;  /* the standing lamp */
  d2 = wx * wx + wy * wy + wz * wz + 0.16f;
  k = pm_sat((wx * nx + wy * ny + wz * nz) / pm_sqrt(d2) * 0.7f + 0.3f);
  return pm_add(c, pm_scale(r->lamp, 0.75f * k / d2));
}


/* Corners are darker. */
static float corners (float x, float y, float z) {
  float a = pm_min(WALL - pm_abs(x), BACK - z), b = pm_min(y, CEIL - y);
  float d = pm_min(a, b), e = a + b - d;
  e = pm_min(pm_max(a, b), e);
  return 1.0f - 0.34f * pm_exp(-pm_max(d, e * 0.5f) * 2.8f) - 0.14f * pm_exp(-e * 3.0f);
}


/* ---- the shell ---- */

static rgb planks (const scene *s, const room *r, float x, float z) {
  float w = x / 0.19f;
  int i = pm_floor(w), j = pm_floor(z / 1.3f + 0.37f * (float)(i & 3));
  float tone = 0.86f + 0.24f * pm_unit(pm_hash2(i, j, s->seed));
  float grain = pt_noise2(x * 34.0f, z * 2.4f + (float)i * 3.1f, s->seed + 2U);
  float gap = pm_abs(w - (float)pm_floor(w + 0.5f)) * 0.19f;
  return pm_scale(r->floor, tone * (1.0f + 0.09f * grain) * (0.62f + 0.38f
      * pm_step(0.0f, 0.008f, gap)));
}


/* What is seen out of the window: sky, a soft line of trees. */
static rgb outside (const scene *s, float y, float z) {
  rgb c = pm_mix(s->pal.horizon, s->pal.mid, pm_sat((y - 0.9f) * 0.5f));
  float tree = 1.0f + 0.22f * pt_noise1(z * 2.1f,
      s->seed + 5U) + 0.1f * pt_noise1(z * 6.0f, s->seed + 6U);
  rgb green = pm_mix(pm_mul(pm_hex(0x6f8a5a), s->pal.ambient), s->pal.haze, 0.45f);
  return pm_mix(pm_scale(c, pm_lerp(1.5f, 1.0f, s->pal.dark)), green,
      pm_step(tree + 0.1f, tree - 0.1f, y) * 0.8f);
}


static rgb shell (const scene *s, const room *r, float dx, float dy) {
  float tx = dx > 0.0f ? WALL / pm_max(dx, 1e-5f) : WALL / pm_max(-dx, 1e-5f);
  float ty = dy > 0.0f ? (CEIL - EYE) / pm_max(dy, 1e-5f) : EYE / pm_max(-dy, 1e-5f);
  float t = pm_min(pm_min(tx, ty), BACK), x = dx * t, y = EYE + dy * t, z = t;
  rgb c;
  if (t == BACK)
    c = pm_mul(r->wall, light_at(r, x, y, z, 0, 0, -1));
  else if (t == ty && dy < 0.0f) {
    float gloss = pm_sat(pane(r, r->win_y0 + 0.6f, z, 0.5f));
    c = pm_mul(planks(s, r, x, z), light_at(r, x, 0, z, 0, 1, 0));
    c = pm_add(c, pm_scale(r->sky, 0.10f * gloss * r->day * pm_sat(0.6f - x * 0.25f)));
  }
  else if (t == ty)
    c = pm_scale(pm_mul(r->wall, light_at(r, x, CEIL, z, 0, -1, 0)), 0.92f);
  else if (dx < 0.0f) {
    float g = pane(r, y, z, 0.006f);
    float frame = pane(r, y, z, 0.0f) > 0.0f || (z > r->win_z0 - 0.07f
        && z < r->win_z1 + 0.07f
                  && y > r->win_y0 - 0.07f && y < r->win_y1 + 0.07f) ? 1.0f : 0.0f;
    c = pm_mul(r->wall, pm_scale(light_at(r, x, y, z, 1, 0, 0), 0.8f));
    if (frame > 0.0f)
      c = pm_scale(pm_hex(0x3a3a3c), 0.3f + 0.4f * r->day);
    c = pm_mix(c, outside(s, y, z), g);
  }
  else
    c = pm_mul(r->wall, light_at(r, x, y, z, -1, 0, 0));
  return pm_scale(c, t == tx && dx < 0.0f && pane(r, y, z,
      0.0f) > 0.0f ? 1.0f : corners(x, y, z));
}


/* ---- furniture ---- */

static void quad (scene *s, const room *r, const float *v, rgb a, rgb b,
    float texture) {
  float px[4], py[4];
  brush br;
  path p;
  int i;
  for (i = 0; i < 4; i++)
    project(r, v[3 * i], v[3 * i + 1], v[3 * i + 2], &px[i], &py[i]);
  pt_path_init(&p, 0, 0, 1);
  pt_move(&p, px[0], py[0]);
  for (i = 1; i < 4; i++)
    pt_to(&p, px[i], py[i]);
  br = pt_gradient(a, px[0], py[0], b, px[2], py[2]);
  br.texture = texture;
  br.scale = s->c.u * 0.03f;
  br.seed = s->seed;
  pt_fill(s, &p, &br);
  pt_path_free(&p);
}


/* A box from (x,y,z) of size (w,h,d): its top, the side to the eye, and the
** front, each in the light that falls there. */
static void box (scene *s, const room *r, float x, float y, float z, float w, float h,
                 float d, rgb c) {
  float x1 = x + w, y1 = y + h, z1 = z + d;
  rgb la = pm_mul(c, light_at(r, x, y1, z, 0, 0, -1)), lb = pm_mul(c, light_at(r, x1,
      y, z, 0, 0, -1));
  if (x > 0.0f) {  /* its left side shows */
    float v[] = {x, y, z, x, y1, z, x, y1, z1, x, y, z1};
    rgb a = pm_mul(c, light_at(r, x, y1, z, -1, 0, 0));
    quad(s, r, v, a, pm_scale(a, 0.85f), 0.05f);
  }
  else if (x1 < 0.0f) {
    float v[] = {x1, y, z, x1, y1, z, x1, y1, z1, x1, y, z1};
    rgb a = pm_mul(c, light_at(r, x1, y1, z, 1, 0, 0));
    quad(s, r, v, a, pm_scale(a, 0.85f), 0.05f);
  }
  if (y1 < EYE) {
    float v[] = {x, y1, z, x, y1, z1, x1, y1, z1, x1, y1, z};
    rgb a = pm_mul(c, light_at(r, x, y1, z, 0, 1, 0)), b = pm_mul(c, light_at(r, x1,
        y1, z1, 0, 1, 0));
    quad(s, r, v, a, b, 0.05f);
  }
  {
    float v[] = {x, y1, z, x1, y1, z, x1, y, z, x, y, z};
    quad(s, r, v, pm_scale(la, 0.9f), pm_scale(lb, 0.72f), 0.05f);
  }
}


/* The dark under things that stand on the floor. */
static void ground_shadow (scene *s, const room *r, float x, float z, float w, float d,
                           float alpha) {
  float v[] = {0, 0, 0, 0, 0, 0, 0, 0}, soft;
  path p;
  project(r, x, 0, z, &v[0], &v[1]);
  project(r, x + w, 0, z, &v[2], &v[3]);
  project(r, x + w, 0, z + d, &v[4], &v[5]);
  project(r, x, 0, z + d, &v[6], &v[7]);
  soft = 0.16f / z * r->f;
  pt_path_init(&p, 0, 0, 1);
  pt_move(&p, v[0], v[1]); pt_to(&p, v[2], v[3]);
  pt_to(&p, v[4], v[5]); pt_to(&p, v[6], v[7]);
  pt_shadow(s, &p, r->flip * soft * 0.5f, soft * 0.1f, soft, pm_rgb(0.10f, 0.09f,
      0.10f), alpha);
  pt_path_free(&p);
}


static void legs (scene *s, const room *r, float x, float z, float w, float d, float h,
                  rgb c) {
  float k = 0.05f;
  box(s, r, x, 0, z + d - k, k, h, k, c);
  box(s, r, x + w - k, 0, z + d - k, k, h, k, c);
  box(s, r, x, 0, z, k, h, k, c);
  box(s, r, x + w - k, 0, z, k, h, k, c);
}


static void plant (scene *s, const room *r, float x, float z, float h) {
  float px, py, k, lx = r->flip;
  rgb c = pm_mul(pm_hex(0x4f7a45), pm_scale(light_at(r, x, h, z, -0.6f, 0.6f, -0.5f),
      1.1f));
  rgb pot = pm_mul(pm_hex(0xd8cfc4), light_at(r, x, 0.2f, z, -0.5f, 0.2f, -0.8f));
  path p;
  brush b;
  int i;
  project(r, x, 0, z, &px, &py);
  k = r->f / z;
  pt_path_init(&p, px, py, k);
  pt_ellipse(&p, 0, 0, 0.3f, 0.06f);
  pt_shadow(s, &p, lx * k * 0.08f, 0, k * 0.08f, pm_rgb(0.1f, 0.1f, 0.1f), 0.7f);
  for (i = 0; i < 19; i++) {
    float a = ((float)i / 18.0f - 0.5f) * 0.42f + 0.25f, l = h * pt_between(s, 0.5f,
        0.85f);
    float ex = pm_cos(a) * l * 0.8f, ey = -0.36f - pm_sin(a) * l, wide = 0.075f * h;
    rgb leaf = pm_scale(c, pt_between(s, 0.35f, 1.2f));
    pt_path_clear(&p);
    pt_move(&p, 0, -0.34f);
    pt_curve(&p, ex * 0.2f - wide, ey * 0.6f, ex * 0.6f - wide * 1.2f, ey * 1.02f,
        ex, ey);
    pt_curve(&p, ex * 0.7f + wide * 1.2f, ey * 0.85f, ex * 0.35f + wide, ey * 0.5f,
        0, -0.34f);
    b = pt_gradient(pm_scale(leaf, 0.4f), px, py - 0.34f * k, leaf, px + ex * k,
        py + ey * k);
    pt_fill(s, &p, &b);
  }
  pt_path_clear(&p);
  pt_shape(&p, "M-.19 -.40L.19 -.40L.15 0C.08 .03 -.08 .03 -.15 0");
  b = pt_gradient(pot, px - lx * k * 0.2f, 0, pm_scale(pot, 0.35f),
      px + lx * k * 0.2f, 0);
  pt_fill(s, &p, &b);
  pt_path_free(&p);
}


static void lamp (scene *s, const room *r, float x, float z) {
  float px, py, k = r->f / z, on = pm_lum(r->lamp) > 0.02f ? 1.0f : 0.0f;
  rgb dark = pm_mul(pm_hex(0x3c3a38), light_at(r, x, 1, z, -1, 0, 0));
  rgb shade = pm_add(pm_mul(pm_hex(0xf0e6d4), light_at(r, x, 1.6f, z, -1, 0, 0)),
                     pm_scale(r->lamp, 1.3f));
  path p;
  brush b;
  project(r, x, 0, z, &px, &py);
  pt_line(&s->c, px, py, px, py - 1.5f * k, k * 0.022f, dark, 1, 0);
  pt_spot(&s->c, px, py, k * 0.16f, k * 0.035f, 0.85f, dark, 1);
  pt_path_init(&p, px, py, k);
  pt_shape(&p, "M-.15 -1.82L.15 -1.82L.25 -1.46C.1 -1.42 -.1 -1.42 -.25 -1.46");
  b = pt_gradient(pm_scale(shade, 0.8f), 0, py - 1.82f * k, shade, 0, py - 1.46f * k);
  pt_fill(s, &p, &b);
  pt_path_free(&p);
  if (on > 0.0f)
    pt_glow(&s->c, px, py - 1.6f * k, k * 0.95f, pm_scale(r->lamp, 0.38f));
}


static void picture (scene *s, const room *r, float x, float y, float w, float h) {
  float v[] = {x, y + h, BACK - 0.03f, x + w, y + h, BACK - 0.03f, x + w, y,
      BACK - 0.03f, x, y, BACK - 0.03f};
  float m = 0.07f, q[] = {x + m, y + h - m, BACK - 0.03f, x + w - m, y + h - m,
      BACK - 0.03f,
                          x + w - m, y + m, BACK - 0.03f, x + m, y + m, BACK - 0.03f};
  rgb l = light_at(r, x, y, BACK, 0, 0, -1);
  float px, py, k = r->f / BACK;
  quad(s, r, v, pm_mul(pm_hex(0x2c2a28), l), pm_mul(pm_hex(0x2c2a28), l), 0);
  quad(s, r, q, pm_mul(pm_hex(0xf1ece2), l), pm_mul(pm_hex(0xe4ddd0), l), 0.03f);
  project(r, x + w * 0.5f, y + h * 0.56f, BACK, &px, &py);
  pt_spot(&s->c, px, py, k * w * 0.2f, k * w * 0.2f, 0.96f, pm_mul(s->pal.accent[1],
      l), 1);
  {
    path p;
    brush b = pt_flat(pm_mul(s->pal.accent[0], l));
    pt_path_init(&p, px, py + k * h * 0.14f, k);
    pt_rect(&p, -w * 0.36f, 0, w * 0.72f, h * 0.2f);
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


/* Shelves full of books over the whole back wall. */
static void shelves (scene *s, const room *r) {
  static const uint32_t covers[] = {0x7a2f2a, 0x2f4a5c, 0x8a6a3a, 0x3f5a3c, 0x5a4636,
      0xb89a6a, 0x40364a, 0xa8583a};
  rgb wood = pm_hex(0x5a3a24);
  float x, y;
  box(s, r, -2.3f, 0, BACK - 0.4f, 4.6f, 2.7f, 0.05f, pm_scale(wood, 0.4f));
  for (y = 0.12f; y < 2.5f; y += 0.43f) {
    for (x = -2.2f; x < 2.2f;) {
      float w = pt_between(s, 0.035f, 0.085f), h = pt_between(s, 0.24f, 0.37f);
      rgb c = pm_hex(covers[pt_pick(s, 8)]);
      c = pm_scale(c, pt_between(s, 0.7f, 1.2f));
      if (pt_rand(s) < 0.94f)
        box(s, r, x, y, BACK - 0.44f, w * 0.94f, h, 0.02f, c);
      else
        w = pt_between(s, 0.06f, 0.16f);
      x += w;
    }
    box(s, r, -2.3f, y - 0.04f, BACK - 0.47f, 4.6f, 0.04f, 0.08f, wood);
  }
  for (x = -2.3f; x < 2.4f; x += 1.15f)
    box(s, r, x - 0.02f, 0, BACK - 0.48f, 0.05f, 2.7f, 0.08f, wood);
}


static void desk (scene *s, const room *r, float x, float z) {
  rgb top = pm_hex(s->w.has[HAS_LIBRARY] || s->w.style[STYLE_COZY] ? 0x7a4e2e
      : 0xc9a67c);
  rgb metal = pm_hex(0x34363a);
  ground_shadow(s, r, x, z, 1.75f, 0.75f, 0.6f);
  legs(s, r, x, z, 1.75f, 0.75f, 0.72f, metal);
  box(s, r, x, 0.72f, z, 1.75f, 0.045f, 0.75f, top);
  box(s, r, x + 1.25f, 0.765f, z + 0.3f, 0.05f, 0.16f, 0.2f,
      s->pal.accent[1]);  /* books */
  box(s, r, x + 1.31f, 0.765f, z + 0.3f, 0.04f, 0.20f, 0.2f, s->pal.accent[0]);
  box(s, r, x + 1.36f, 0.765f, z + 0.3f, 0.06f, 0.14f, 0.2f, pm_hex(0xe8e2d8));
  {  /* a screen with light in it */
    float v[] = {x + 0.42f, 1.28f, z + 0.42f, x + 1.12f, 1.28f, z + 0.42f,
                 x + 1.12f, 0.86f, z + 0.42f, x + 0.42f, 0.86f, z + 0.42f};
    box(s, r, x + 0.73f, 0.765f, z + 0.45f, 0.08f, 0.2f, 0.04f, metal);
    box(s, r, x + 0.40f, 0.84f, z + 0.42f, 0.74f, 0.46f, 0.03f, metal);
    quad(s, r, v, pm_scale(pm_mix(s->pal.accent[0], pm_hex(0xdfeaf5), 0.4f), 0.9f),
         pm_scale(s->pal.accent[0], 0.5f), 0.02f);
    box(s, r, x + 0.55f, 0.765f, z + 0.12f, 0.42f, 0.015f, 0.14f, pm_hex(0xdcdcdc));
  }
}


static void chair (scene *s, const room *r, float x, float z) {
  rgb c = s->w.colors > 0 ? s->pal.accent[0] : pm_hex(0x8c9aa3), leg = pm_hex(0x6b4a30);
  ground_shadow(s, r, x - 0.05f, z, 0.85f, 0.75f, 0.65f);
  legs(s, r, x + 0.03f, z + 0.05f, 0.69f, 0.6f, 0.25f, leg);
  box(s, r, x, 0.36f, z + 0.55f, 0.75f, 0.55f, 0.14f, c);      /* back */
  box(s, r, x, 0.25f, z, 0.13f, 0.36f, 0.6f, pm_scale(c, 0.95f));
  box(s, r, x + 0.62f, 0.25f, z, 0.13f, 0.36f, 0.6f, pm_scale(c, 0.95f));
  box(s, r, x + 0.12f, 0.22f, z - 0.02f, 0.51f, 0.22f, 0.6f, pm_scale(c, 1.1f));
}


static void bed (scene *s, const room *r) {
  rgb linen = pm_hex(0xeee8df), c = s->w.colors > 0 ? s->pal.accent[0]
      : pm_hex(0x9aa7a6);
  ground_shadow(s, r, -0.9f, 3.0f, 2.0f, 2.0f, 0.6f);
  box(s, r, -0.95f, 0, 5.0f, 2.1f, 1.15f, 0.1f, pm_hex(0x9b7a58));
  box(s, r, -0.9f, 0.12f, 3.0f, 2.0f, 0.24f, 2.0f, pm_hex(0x9b7a58));
  box(s, r, -0.88f, 0.34f, 3.0f, 1.96f, 0.2f, 2.0f, linen);
  box(s, r, -0.92f, 0.30f, 2.97f, 2.04f, 0.27f, 1.1f, c);
  box(s, r, -0.75f, 0.54f, 4.55f, 0.7f, 0.22f, 0.3f, linen);
  box(s, r, 0.2f, 0.54f, 4.55f, 0.7f, 0.22f, 0.3f, linen);
}


static void kitchen (scene *s, const room *r) {
  rgb front = s->w.colors > 0 ? s->pal.accent[0] : pm_hex(0xd9dcd6),
      top = pm_hex(0x8a6a4c);
  int i;
  for (i = 0; i < 4; i++) {
    float x = -2.0f + 1.02f * (float)i;
    box(s, r, x, 0.1f, BACK - 0.65f, 1.0f, 0.78f, 0.6f, front);
    box(s, r, x + 0.42f, 0.74f, BACK - 0.68f, 0.16f, 0.02f, 0.02f, pm_hex(0x3a3a3c));
  }
  box(s, r, -2.05f, 0.88f, BACK - 0.7f, 4.15f, 0.05f, 0.7f, top);
  box(s, r, -1.6f, 1.75f, BACK - 0.3f, 3.3f, 0.04f, 0.26f, top);
  for (i = 0; i < 9; i++) {
    float w = pt_between(s, 0.12f, 0.18f), h = pt_between(s, 0.12f, 0.28f);
    box(s, r, -1.5f + 0.34f * (float)i, 1.79f, BACK - 0.25f, w, h, 0.12f,
        pm_mix(s->pal.accent[i % 3], pm_hex(0xf2ede2), 0.6f));
  }
  ground_shadow(s, r, -0.9f, 2.8f, 1.9f, 0.8f, 0.6f);
  box(s, r, -0.8f, 0, 2.9f, 1.7f, 0.86f, 0.7f, pm_scale(front, 0.9f));
  box(s, r, -0.9f, 0.86f, 2.8f, 1.9f, 0.05f, 0.9f, top);
}


static void fireplace (scene *s, const room *r) {
  float px, py, k = r->f / (BACK - 0.3f);
  int i;
  box(s, r, -0.9f, 0, BACK - 0.35f, 1.7f, 1.2f, 0.3f, pm_hex(0x8d8078));
  box(s, r, -1.0f, 1.2f, BACK - 0.42f, 1.9f, 0.08f, 0.4f, pm_hex(0x5a3c26));
  box(s, r, -0.5f, 0.05f, BACK - 0.37f, 0.9f, 0.75f, 0.01f, pm_hex(0x0c0a09));
  project(r, -0.05f, 0.12f, BACK - 0.37f, &px, &py);
  for (i = 0; i < 26; i++) {
    float x = pt_between(s, -0.28f, 0.28f), h = pt_between(s, 0.1f,
        0.42f) * (1.0f - 2.0f * pm_abs(x));
    pt_spot(&s->c, px + x * k, py - h * 0.5f * k, 0.05f * k, h * 0.6f * k, -0.5f,
            pm_scale(pm_mix(pm_hex(0xff5a14), pm_hex(0xffd060), pt_rand(s)), 1.6f),
                0.5f);
  }
  pt_glow(&s->c, px, py - 0.1f * k, k * 1.6f, pm_scale(pm_hex(0xff8030), 0.35f));
}


static void cafe (scene *s, const room *r) {
  int i;
  for (i = 2; i >= 0; i--) {
    float x = -1.3f + 1.25f * (float)i, z = 3.0f + 0.5f * (float)(i & 1), px, py, k;
    ground_shadow(s, r, x - 0.3f, z - 0.3f, 0.7f, 0.6f, 0.5f);
    box(s, r, x + 0.02f, 0, z, 0.05f, 0.72f, 0.05f, pm_hex(0x2c2c2e));
    project(r, x + 0.04f, 0.74f, z, &px, &py);
    k = r->f / z;
    pt_spot(&s->c, px, py, k * 0.40f, k * 0.085f, 0.97f,
            pm_mul(pm_hex(0x9a6a40), light_at(r, x, 0.74f, z, 0, 1, 0)), 1);
    pt_spot(&s->c, px + k * 0.1f, py - k * 0.05f, k * 0.05f, k * 0.05f, 0.9f,
            pm_mul(pm_hex(0xf2ede4), light_at(r, x, 0.8f, z, 0, 0, -1)), 1);
    project(r, x, 2.1f, z + 0.4f, &px, &py);  /* a lamp hangs over it */
    pt_line(&s->c, px, py, px, 0, k * 0.01f, pm_hex(0x1a1a1a), 0.9f, 0);
    pt_spot(&s->c, px, py, k * 0.11f, k * 0.10f, 0.8f, pm_scale(pm_hex(0xffc880),
        1.3f), 1);
    pt_glow(&s->c, px, py, k * 0.6f, pm_scale(pm_hex(0xffa850), 0.35f));
  }
}


/* ---- the composition ---- */

static void set_up (scene *s, room *r) {
  const unsigned char *has = s->w.has, *st = s->w.style;
  float k;
  r->f = pm_max((float)s->c.w * 0.60f, (float)s->c.h * 0.78f);
  r->f = pm_min(r->f, (float)s->c.h * 1.15f);
  r->flip = pt_rand(s) < 0.5f ? 1.0f : -1.0f;
  r->cx = (0.5f - r->flip * 0.03f) * (float)s->c.w;
  r->cy = 0.47f * (float)s->c.h;
  r->lx = -0.66f; r->ly = pt_between(s, 0.46f, 0.62f); r->lz = pt_between(s, -0.42f,
      -0.22f);
  k = 1.0f / pm_sqrt(r->lx * r->lx + r->ly * r->ly + r->lz * r->lz);
  r->lx *= k; r->ly *= k; r->lz *= k;
  r->win_z0 = 2.0f; r->win_z1 = 4.6f;
  r->win_y0 = has[HAS_OFFICE] ? 0.25f : 0.75f; r->win_y1 = 2.7f;
  r->wall = pm_hex(has[HAS_LIBRARY] || st[STYLE_COZY] ? 0xd6c3a6 : 0xf1eee8);
  if (st[STYLE_DARK])
    r->wall = pm_hex(0x5c5f66);
  if (s->w.colors > 0 && !has[HAS_CHAIR] && !has[HAS_BEDROOM] && !has[HAS_KITCHEN])
    r->wall = pm_mix(r->wall, s->pal.accent[0], 0.35f);
  r->floor = pm_hex(has[HAS_LIBRARY] || st[STYLE_COZY] ? 0x7a4a2a : 0xb98f62);
  r->day = pm_lerp(1.0f, 0.16f, s->pal.dark);
  r->sun = pm_scale(s->pal.sun, s->pal.dark > 0.9f ? 0.25f : 1.0f);
  r->sky = pm_mix(s->pal.mid, pm_rgb(0.8f, 0.85f, 0.9f), 0.4f);
  r->lamp = pm_rgb(0, 0, 0);
  if (s->pal.dark > 0.25f || st[STYLE_COZY] || has[HAS_LIBRARY])
    r->lamp = pm_scale(pm_hex(0xffb060), 0.5f + 0.6f * s->pal.dark);
}


static void furnish (scene *s, const room *r) {
  const unsigned char *has = s->w.has;
  if (has[HAS_LIBRARY])
    shelves(s, r);
  else if (has[HAS_KITCHEN])
    kitchen(s, r);
  else if (has[HAS_FIRE])
    fireplace(s, r);
  else if (!has[HAS_BEDROOM])
    picture(s, r, 0.35f, 1.35f, 0.75f, 0.95f);
  if (has[HAS_KITCHEN])
    return;
  if (has[HAS_BEDROOM])
    bed(s, r);
  else if (has[HAS_CAFE])
    cafe(s, r);
  if (!has[HAS_CAFE] && !has[HAS_BEDROOM])
    plant(s, r, -1.75f, 4.5f, 1.1f);
  lamp(s, r, 1.5f, 4.1f);
  if (has[HAS_OFFICE] || has[HAS_DESK] || has[HAS_LAPTOP]) {
    desk(s, r, -0.55f, 3.5f);
    chair(s, r, 1.3f, 2.7f);
  }
  else if (!has[HAS_CAFE] && !has[HAS_BEDROOM]) {
    chair(s, r, 0.55f, 3.2f);
    ground_shadow(s, r, -0.9f, 3.0f, 0.8f, 0.5f, 0.5f);
    legs(s, r, -0.9f, 3.0f, 0.8f, 0.5f, 0.38f, pm_hex(0x4a3424));
    box(s, r, -0.95f, 0.38f, 2.95f, 0.9f, 0.04f, 0.6f, pm_hex(0x8a5c38));
    box(s, r, -0.7f, 0.42f, 3.1f, 0.3f, 0.05f, 0.22f, s->pal.accent[1]);
  }
}


void pt_room (scene *s) {
  room r;
  int x, y;
  s->g.exposure *= pm_lerp(1.22f, 1.0f, s->pal.dark);
  set_up(s, &r);
  for (y = 0; y < s->c.h; y++) {
    float dy = (r.cy - ((float)y + 0.5f)) / r.f;
    for (x = 0; x < s->c.w; x++)
      *pt_at(&s->c, x, y) = shell(s, &r, r.flip * ((float)x + 0.5f - r.cx) / r.f, dy);
    if (y % 64 == 0 && pt_stop(s))
      return;
  }
  furnish(s, &r);
  s->g.bloom *= 1.5f;
}
