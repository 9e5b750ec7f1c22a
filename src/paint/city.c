/*
** city.c -- a skyline over water, and a street one stands in
*/
#include "scene.h"


/* A rectangle with soft edges of a pixel, blended or added. */
static void block (canvas *c, float x0, float y0, float x1, float y1, rgb color,
                   float alpha, int add) {
  int i, j, ia = (int)pm_max(x0, 0.0f), ja = (int)pm_max(y0, 0.0f);
  for (j = ja; j < c->h && (float)j < y1; j++) {
    float cy = pm_min(y1, (float)(j + 1)) - pm_max(y0, (float)j);
    for (i = ia; i < c->w && (float)i < x1; i++) {
      float cx = pm_min(x1, (float)(i + 1)) - pm_max(x0, (float)i);
      float a = alpha * cx * cy;
      rgb *p = pt_at(c, i, j);
      if (a <= 0.0f)
        continue;
      if (add)
        *p = pm_add(*p, pm_scale(color, a));
      else
        pt_over(p, color, a);
    }
  }
}


static int lights_on (const scene *s) {
  return s->pal.dark > 0.25f || s->w.style[STYLE_NEON];
}


static rgb lamp_color (const scene *s, uint32_t h) {
  static const uint32_t warm[] = {0xffc978, 0xffdca0, 0xffb45c, 0xfff0d0, 0xbfe0ff};
  static const uint32_t neon[] = {0xff4fa8, 0x35e0ff, 0x8a6bff, 0xffc978, 0xff6b5a};
  if (s->w.style[STYLE_NEON] && s->w.colors > 0 && h % 3 != 0)
    return pm_add(s->pal.accent[h % 3], pm_rgb(0.05f, 0.05f, 0.05f));
  return pm_hex(s->w.style[STYLE_NEON] && h % 2 ? neon[h / 2 % 5] : warm[h / 2 % 5]);
}


/* ---- the skyline ---- */

/* Rows of windows; which are lit the hash decides, floor by floor. */
static void windows (scene *s, float x, float top, float w, float bottom,
                     float cell, float dist, uint32_t seed) {
  float gx = cell, gy = cell * 1.35f, fade = pm_exp(-dist * 0.8f);
  int nx = (int)(w / gx), ny = (int)((bottom - top) / gy), i, j;
  int on = lights_on(s);
  float mx = (w - (float)nx * gx) * 0.5f;
  float share = on ? pm_lerp(0.10f, 0.55f, pm_unit(pm_hash(seed))) : 0.0f;
  for (j = 1; j < ny; j++)
    for (i = 0; i < nx; i++) {
      uint32_t h = pm_hash2(i / 2, j, seed), g = pm_hash2(i, j, seed + 1U);
      float px = x + mx + (float)i * gx, py = top + (float)j * gy;
      float x1 = px + gx * 0.72f, y1 = py + gy * 0.58f;
      if (pm_unit(h) < share && pm_unit(g) < 0.9f) {
        rgb c = lamp_color(s, g % 9 == 0 ? h : pm_hash(seed + 5U + (h & 1)));
        block(&s->c, px, py, x1, y1, pm_scale(c, (0.15f + 0.85f * pm_unit(g)) * fade),
              0.92f, 0);
      }
      else if (cell > 3.0f)
        block(&s->c, px, py, x1, y1,
              pm_scale(s->pal.mid, pm_unit(g) < 0.12f ? 1.3f : 0.16f),
              (0.14f + 0.16f * pm_unit(h)) * fade * (1.2f - s->pal.dark), 0);
    }
}


/* Spire, steps or a flat roof on top of a house. */
static void roof (scene *s, path *p, float w, float h, int kind) {
  float a = w * 0.5f;
  (void)s;
  pt_move(p, -a, h);
  switch (kind) {
    case 0:  /* setbacks and a mast */
      pt_to(p, -a, h * 0.22f); pt_to(p, -a * 0.72f, h * 0.22f);
      pt_to(p, -a * 0.72f, h * 0.08f); pt_to(p, -a * 0.4f, h * 0.08f);
      pt_to(p, -a * 0.34f, 0); pt_to(p, -a * 0.05f, -h * 0.01f);
      pt_to(p, -a * 0.02f, -h * 0.16f); pt_to(p, a * 0.02f, -h * 0.16f);
      pt_to(p, a * 0.05f, -h * 0.01f); pt_to(p, a * 0.34f, 0);
      pt_to(p, a * 0.4f, h * 0.08f); pt_to(p, a * 0.72f, h * 0.08f);
      pt_to(p, a * 0.72f, h * 0.22f); pt_to(p, a, h * 0.22f);
      break;
    case 1:  /* a slanting top */
      pt_to(p, -a, h * 0.12f); pt_to(p, a, 0);
      break;
    case 2:  /* a tapering tower */
      pt_to(p, -a, h * 0.6f);
      pt_curve(p, -a * 0.9f, h * 0.3f, -a * 0.35f, h * 0.1f, -a * 0.08f, -h * 0.04f);
      pt_to(p, 0, -h * 0.2f); pt_to(p, a * 0.08f, -h * 0.04f);
      pt_curve(p, a * 0.35f, h * 0.1f, a * 0.9f, h * 0.3f, a, h * 0.6f);
      break;
    default:
      pt_to(p, -a, 0); pt_to(p, -a * 0.5f, 0); pt_to(p, -a * 0.5f, -w * 0.12f);
      pt_to(p, a * 0.1f, -w * 0.12f); pt_to(p, a * 0.1f, 0); pt_to(p, a, 0);
      break;
  }
  pt_to(p, a, h);
}


static void building (scene *s, float x, float base, float w, float h, float dist,
                      rgb c, int kind, uint32_t seed) {
  float side = s->sunx * (float)s->c.w < x ? -1.0f : 1.0f, top = base - h;
  rgb lit = pm_mul(c, pm_add(pm_scale(s->pal.sun, 0.5f), pm_scale(s->pal.ambient,
      0.6f)));
  rgb dark = pm_mul(c, pm_scale(s->pal.ambient, 0.5f));
  brush b;
  path p;
  pt_path_init(&p, x, top, 1);
  roof(s, &p, w, h, kind);
  b = pt_gradient(pt_haze(s, lit, dist), x + side * w * 0.5f, 0,
                  pt_haze(s, dark, dist), x - side * w * 0.35f, 0);
  pt_fill(s, &p, &b);
  pt_path_clear(&p);
  pt_rect(&p, -w * 0.5f, h * 0.55f, w, h * 0.45f);  /* haze about the foot */
  b = pt_gradient(pt_haze(s, dark, dist), 0, top + h * 0.55f,
                  pt_haze(s, dark, dist + 0.5f), 0, base);
  b.alpha = 0.5f;
  pt_fill(s, &p, &b);
  pt_path_free(&p);
  windows(s, x - w * 0.45f, top + h * (kind == 2 ? 0.55f : kind == 0 ? 0.22f
          : kind == 1 ? 0.12f : 0.02f), w * 0.9f, base - h * 0.02f,
          pm_max(s->c.u * 0.0062f / (0.6f + dist), 1.6f), dist, seed);
  if (lights_on(s) && (kind == 0 || kind == 2)) {
    float tip = top - h * (kind == 0 ? 0.16f : 0.2f);
    pt_glow(&s->c, x, tip, s->c.u * 0.007f, pm_hex(0xff4030));
    if (s->w.style[STYLE_NEON] || s->w.style[STYLE_FUTURE])
      block(&s->c, x - w * 0.012f, top + h * 0.25f, x + w * 0.012f, base - h * 0.05f,
            lamp_color(s, seed | 1U), 0.8f, 1);
  }
}


static void skyline (scene *s, float base, float size, float dist, float focus,
                     uint32_t seed) {
  float u = pm_min(s->c.u, (float)s->c.h * 1.1f), w = (float)s->c.w, x;
  static const uint32_t stone[] = {0x6d7480, 0x7d6f68, 0x5b6472, 0x857a70, 0x505a6c};
  int i = 0;
  for (x = -0.05f * w; x < 1.05f * w; i++) {
    float bw = u * pm_max(size, 0.3f) * pt_between(s, 0.12f, 0.26f);
    float d = (x / w - focus) * w / s->c.u, hill = pm_exp(-d * d * 5.0f);
    float low = 0.28f + 0.34f * pt_rand(s), high = hill * pt_between(s, 0.25f, 0.8f);
    float h = u * size * (low + high);
    int kind = pt_pick(s, 7);
    if (kind < 3 && (hill < 0.35f || h < bw * 1.6f))
      kind = 3;
    if (kind == 2 && !s->w.style[STYLE_FUTURE] && pt_rand(s) < 0.6f)
      kind = 3;
    building(s, x + bw * 0.5f, base * (float)s->c.h + 2.0f, bw, h, dist,
             pm_hex(stone[pt_pick(s, 5)]), kind, seed + (uint32_t)i * 7U);
    x += bw * pt_between(s, 0.82f, 1.18f);
  }
}


/* A dark edge of stone with a row of lamps, where town and water meet. */
static void quay (scene *s) {
  float y = s->horizon * (float)s->c.h, x, gap = s->c.u * 0.042f, u = s->c.u;
  rgb c = pm_scale(s->pal.ambient, 0.10f);
  block(&s->c, 0, y - u * 0.012f, (float)s->c.w, y + 2.0f, c, 1, 0);
  if (lights_on(s))
    for (x = gap * 0.5f; x < (float)s->c.w; x += gap) {
      pt_glow(&s->c, x, y - u * 0.016f, u * 0.020f, pm_scale(pm_hex(0xffb860), 0.5f));
      pt_glow(&s->c, x, y - u * 0.016f, u * 0.0045f, pm_scale(pm_hex(0xffe0b0), 1.6f));
    }
}


void pt_city (scene *s) {
  float focus;
  s->horizon = pt_between(s, 0.70f, 0.74f);
  focus = pt_rand(s) < 0.5f ? 0.36f : 0.64f;
  s->sunx = focus < 0.5f ? 0.70f : 0.30f;
  s->suny = s->horizon - (s->w.hour == HOUR_NIGHT ? 0.5f : s->w.hour == HOUR_NOON
                          ? 0.55f : pt_between(s, 0.12f, 0.2f));
  pt_water_line(s);
  pt_sky(s);
  if (pt_stop(s))
    return;
  if (lights_on(s)) {  /* the town lights its own haze */
    rgb g = s->w.style[STYLE_NEON] ? lamp_color(s, 5U) : pm_hex(0xff9a50);
    pt_glow(&s->c, focus * (float)s->c.w, s->horizon * (float)s->c.h, s->c.u * 0.75f,
            pm_scale(g, 0.13f));
  }
  skyline(s, s->horizon, 0.34f, 1.7f, focus + 0.12f, s->seed + 1U);
  skyline(s, s->horizon, 0.46f, 0.85f, focus, s->seed + 1001U);
  pt_fog(s, s->horizon, 0.10f, 0.40f);
  if (!pt_stop(s))
    skyline(s, s->horizon, 0.19f, 0.28f, 1.0f - focus, s->seed + 2001U);
  quay(s);
  s->w.has[HAS_RIVER] = 1;
  pt_water(s);
  if (s->w.has[HAS_BOAT])
    pt_boat(s, 1.0f - focus, s->horizon + 0.12f, 0.12f);
  pt_weather(s);
}


/* ---- the street ---- */

typedef struct lane {
  float vx, vy;      /* vanishing point, pixels */
  float half;        /* from the middle to a wall, at distance 1 */
  float floor;       /* eye above the road, at distance 1 */
} lane;


/* One wall pixel: which house, which window; sky above the roofs. */
static int facade (scene *s, const lane *l, float x, float y, rgb *out) {
  float dx = x - l->vx, z = l->half / pm_max(pm_abs(dx), 0.5f);
  float up = (l->vy - y) * z / s->c.u, along = z * 1.7f, row, col;
  int side = dx > 0.0f, house = pm_floor(along / 1.5f), on = lights_on(s);
  uint32_t h = pm_hash2(house, side, s->seed + 3U), g;
  float height = 0.75f + 1.15f * pm_unit(h), fx, fy, far;
  static const uint32_t walls[] = {0x6e5a50, 0x4f5866, 0x7b6a5c, 0x5a4a52, 0x66707a};
  rgb wall, c;
  if (up > height || up < -l->floor / s->c.u * 1.02f)
    return 0;
  far = pm_min(z * 0.11f, 3.0f);
  wall = pm_mul(pm_hex(walls[h % 5]), pm_add(pm_scale(s->pal.ambient, 0.7f),
         pm_scale(s->pal.sun, (side == (s->sunx < 0.5f)) ? 0.45f : 0.08f)));
  wall = pm_scale(wall, 0.75f + 0.25f * pm_sat(up * 1.5f + 0.3f));
  c = wall;
  col = along * 5.0f;
  row = (up + 0.36f) * 7.4f;
  fx = col - (float)pm_floor(col);
  fy = row - (float)pm_floor(row);
  g = pm_hash2(pm_floor(col), pm_floor(row) + house * 31,
      s->seed + 4U + (uint32_t)side);
  if (fx > 0.22f && fx < 0.78f && fy > 0.24f && fy < 0.82f && row > 1.15f) {
    float soft = pm_exp(-z * 0.10f);
    rgb glass = pm_scale(s->pal.mid, 0.22f);
    if (on && pm_unit(g) < 0.42f)
      glass = pm_scale(lamp_color(s, g), 0.35f + 0.65f * pm_unit(g * 7U));
    c = pm_mix(wall, glass, 0.9f * soft);
  }
  else if (row < 1.0f) {  /* shops at the foot, under their lintels */
    int shop = pm_floor(col / 3.0f);
    uint32_t k = pm_hash2(shop, side, s->seed + 9U);
    float at = col / 3.0f - (float)shop, lit = on ? pm_unit(k) : 0.0f;
    if (row > 0.78f)
      c = pm_scale(wall, 0.45f);
    else if (at > 0.08f && at < 0.92f && pm_abs(at - 0.5f) > 0.02f)
      c = pm_mix(pm_scale(wall, 0.3f), pm_scale(lamp_color(s, k), 0.5f),
                 lit * (0.35f + 0.55f * row));
  }
  *out = pt_haze(s, c, far);
  return 1;
}


static void wet_road (scene *s, const lane *l) {
  int x, y, y0 = (int)l->vy + 1, k;
  float inv = 1.0f / s->c.u;
  float wet = s->w.has[HAS_RAIN] || s->w.style[STYLE_NEON] || s->pal.dark > 0.5f
              ? 0.75f : 0.12f;
  rgb asphalt = pm_mul(pm_hex(0x55555c), pm_add(pm_scale(s->pal.ambient, 0.8f),
                       pm_scale(s->pal.sun, 0.4f)));
  for (y = y0 < 0 ? 0 : y0; y < s->c.h; y++) {
    float d = ((float)y - l->vy), z = l->floor / d, reach = l->half / z;
    for (x = 0; x < s->c.w; x++) {
      float dx = (float)x - l->vx, wx = dx * z * inv, n, puddle, lx;
      rgb r = {0, 0, 0}, c;
      if (pm_abs(dx) > reach * 1.02f)
        continue;
      n = pt_noise2(wx * 14.0f, z * 9.0f, s->seed + 31U);
      puddle = pm_sat(0.55f + 0.8f * pt_noise2(wx * 3.0f, z * 2.2f, s->seed + 32U));
      for (k = 0; k < 4; k++)
        r = pm_add(r, pt_sample(&s->c, (float)x + n * d * 0.02f,
                                l->vy - d * (0.72f + 0.28f * (float)k) + n * d
                                    * 0.06f));
      c = pm_scale(asphalt, 0.8f + 0.15f * n);
      lx = pm_abs(dx) / reach;
      if (lx > 0.72f)  /* pavement */
        c = pm_scale(asphalt, 1.35f + 0.1f * n);
      if (lx > 0.70f && lx < 0.725f)
        c = pm_scale(c, 0.5f);
      c = pm_mix(c, pm_scale(r, 0.23f), wet * puddle * (0.45f + 0.4f * pm_exp(-d
          * inv * 3.0f)));
      pt_over(pt_at(&s->c, x, y), pt_haze(s, c, pm_min(z * 0.10f, 2.5f)), 1.0f);
    }
  }
}


/* Signs that stick out of the walls. */
static void signs (scene *s, const lane *l) {
  int i;
  for (i = 15; i >= 0; i--) {
    float z = 1.25f + 0.55f * (float)i + pt_rand(s) * 0.4f, side = i % 2 ? 1.0f : -1.0f;
    float x = l->vx + side * l->half / z, k = s->c.u / z;
    float w = k * pt_between(s, 0.05f, 0.10f), h = k * pt_between(s, 0.10f, 0.32f);
    float y = l->vy - k * pt_between(s, 0.1f, 0.6f);
    rgb c = lamp_color(s, (uint32_t)pt_pick(s, 64) | 1U);
    float power = pm_exp(-z * 0.09f);
    int j;
    path p;
    brush b;
    if (side > 0.0f)
      x -= w;
    pt_path_init(&p, 0, 0, 1);
    pt_round_rect(&p, x, y - h, w, h, w * 0.18f);
    pt_halo(s, &p, k * 0.10f, pm_scale(c, 0.55f * power));
    b = pt_flat(pm_scale(c, 0.16f));
    pt_fill(s, &p, &b);
    pt_path_free(&p);
    for (j = 0; j < 4 && h > 6.0f; j++)  /* strokes that could be letters */
      pt_line(&s->c, x + w * 0.25f, y - h * (0.86f - 0.22f * (float)j),
              x + w * pt_between(s, 0.5f, 0.78f), y - h * (0.86f - 0.22f * (float)j),
              pm_max(w * 0.10f, 0.8f), pm_scale(c, 1.5f * power), 1, 1);
  }
}


static void walkers (scene *s, const lane *l) {
  int i;
  for (i = 4; i >= 0; i--) {
    float z = 1.5f + 1.2f * (float)i + pt_rand(s), k = l->floor / z;
    float side = pt_rand(s) < 0.5f ? -1.0f : 1.0f;
    float x = l->vx + side * l->half / z * pt_between(s, 0.25f, 0.8f);
    pt_person(s, x / (float)s->c.w, (l->vy + k) / (float)s->c.h, k * 1.02f / s->c.u);
  }
}


void pt_street (scene *s) {
  lane l;
  int x, y;
  float turn = pt_between(s, -0.06f, 0.06f);
  s->horizon = 0.56f;
  s->sunx = turn > 0.0f ? 0.42f : 0.58f;
  s->suny = 0.40f;
  l.vx = (0.5f + turn) * (float)s->c.w;
  l.vy = 0.56f * (float)s->c.h;
  l.half = pm_min((float)s->c.w, s->c.u * 1.25f) * 0.30f;
  l.floor = s->c.u * 0.30f;
  pt_sky(s);
  for (y = 0; y < s->c.h; y++)
    for (x = 0; x < s->c.w; x++) {
      rgb c;
      if (facade(s, &l, (float)x + 0.5f, (float)y + 0.5f, &c))
        *pt_at(&s->c, x, y) = c;
    }
  if (pt_stop(s))
    return;
  pt_glow(&s->c, l.vx, l.vy - s->c.u * 0.02f, s->c.u * 0.34f,
          pm_scale(s->pal.dark > 0.5f ? pm_hex(0xffa860) : s->pal.sun, 0.30f));
  if (lights_on(s))
    signs(s, &l);
  wet_road(s, &l);
  walkers(s, &l);
  pt_weather(s);
}
