/*
** sky.c -- gradient, sun or moon, stars, clouds, fog, rain, snow, birds
*/
#include <stdlib.h>

#include "scene.h"


/* ---- the dome ---- */

static rgb dome (const palette *p, float t) {
  rgb c = pm_mix(p->horizon, p->mid, pm_step(0.0f, 0.55f, t));
  return pm_mix(c, p->zenith, pm_step(0.25f, 1.05f, t));
}


/* A row of the gradient 'c', and the light that air scatters around the sun:
** 'dy' units above or below it, at 'sx'. */
FAL_WIDE
static void gradient_row (rgb *restrict out, int w, rgb c, rgb horizon, rgb sun,
                          float sx, float inv, float dy, float power) {
  int x;
  for (x = 0; x < w; x++) {
    float dx = ((float)x - sx) * inv;
    float d2 = dx * dx + dy * dy;
    float g = power / (1.0f + 9.0f * d2) + 0.55f * power / (1.0f + 120.0f * d2);
    out[x] = pm_add(pm_mix(c, horizon, 0.35f / (1.0f + 7.0f * d2)),
                    pm_scale(sun, g * g));
  }
}


static void gradient (scene *s, int horizon) {
  const palette *p = &s->pal;
  float sx = s->sunx * (float)s->c.w, sy = s->suny * (float)s->c.h;
  float inv = 1.0f / s->c.u, power = pm_lerp(0.42f, 0.16f, p->dark);
  int y, bottom = horizon + s->c.h / 8;  /* land may lie lower */
  for (y = 0; y < bottom && y < s->c.end; y++) {
    float t = pm_max(1.0f - (float)y / (float)horizon, 0.0f);
    float dy = ((float)y - sy) * inv * 1.35f;
    gradient_row(pt_at(&s->c, 0, y), s->c.w, dome(p, t), p->horizon, p->sun, sx,
                 inv, dy, power);
  }
}


static void stars (scene *s, int bottom, float density) {
  int n = (int)(density * 620.0f * (float)s->c.w * (float)bottom
                / (s->c.u * s->c.u)), i;
  float size = s->c.u / 1024.0f;
  for (i = 0; i < n; i++) {
    float x = pt_rand(s) * (float)s->c.w, y = pt_rand(s);
    float m = pt_rand(s), hue = pt_rand(s);
    float fade = 1.0f - y * y;
    rgb c = pm_mix(pm_hex(0xffd9b0), pm_hex(0xb9d2ff), hue);
    m = m * m * m * m;
    y *= (float)bottom;
    pt_glow(&s->c, x, y, size * (1.3f + 1.6f * m) + 0.6f,
            pm_scale(c, (0.10f + 1.5f * m) * fade));
    if (m > 0.85f)
      pt_glow(&s->c, x, y, size * 9.0f, pm_scale(c, 0.10f * fade));
  }
}


/* A luminous band with dust in it, across the sky. */
static void milky_way (scene *s, int bottom) {
  float row[4096], cx = pt_between(s, 0.35f, 0.65f) * (float)s->c.w;
  float side = pt_rand(s) < 0.5f ? -1.0f : 1.0f, lean = side * pt_between(s, 0.35f,
      0.8f);
  float inv = 1.0f / s->c.u, norm = 1.0f / pm_sqrt(1.0f + lean * lean);
  int x, y, x0;
  for (y = 0; y < bottom; y++)
    for (x0 = 0; x0 < s->c.w; x0 += 4096) {
      int n = s->c.w - x0 < 4096 ? s->c.w - x0 : 4096;
      rgb *out = pt_at(&s->c, x0, y);
      float axis = cx + ((float)y - (float)bottom * 0.5f) * lean;
      pt_fbm_row(row, n, ((float)x0 - axis) * inv * 5.0f, inv * 5.0f,
                 (float)y * inv * 5.0f, s->octaves, s->seed + 5U);
      for (x = 0; x < n; x++) {
        float d = ((float)(x0 + x) - axis) * inv * norm * 4.2f + row[x] * 0.4f;
        float band = pm_exp(-d * d), core = pm_exp(-d * d * 6.0f);
        float dust = pm_sat(0.5f + row[x] * 1.1f + (core - 0.5f) * 0.35f);
        float lift = 1.0f - 0.55f * (float)y / (float)bottom;
        rgb c = pm_mix(pm_hex(0x41508c), pm_hex(0xe8b694), core * dust);
        if (band > 0.01f)
          out[x] = pm_add(out[x], pm_scale(c, band * lift
                                   * (0.10f + 0.5f * core * dust * dust)));
      }
    }
  stars(s, bottom, 2.2f);
}


static void aurora (scene *s, int bottom) {
  int k, x, y;
  for (k = 0; k < 3; k++) {
    rgb low = pm_mix(pm_hex(0x2ef2a0), pm_hex(0x45d7ff), pt_rand(s) * 0.5f);
    rgb high = pm_hex(k == 1 ? 0xa45cff : 0x4a7cff);
    float base = pt_between(s, 0.5f, 0.85f), inv = 1.0f / s->c.u;
    uint32_t seed = s->seed + 900U + (uint32_t)k * 31U;
    for (x = 0; x < s->c.w; x++) {
      float u = ((float)x - 0.5f * (float)s->c.w) * inv;
      float foot = (base + 0.16f * pt_fbm1(u * 1.6f, 3, seed)) * (float)bottom;
      float rays = 0.55f + 0.45f * pt_fbm1(u * 26.0f, 3, seed + 7U);
      float power = pm_sat(0.55f + 0.8f * pt_noise1(u * 1.9f, seed + 3U)) * rays;
      float tall = s->c.u * (0.22f + 0.12f * rays);
      int from = (int)pm_max(foot - tall * 2.0f, 0.0f);
      int to = (int)pm_min(foot + 0.05f * tall, (float)bottom);
      for (y = from; y < to; y++) {
        float t = (foot - (float)y) / tall;
        float a = power * pm_step(-0.05f, 0.06f, t) * pm_exp(-t * 2.1f);
        *pt_at(&s->c, x, y) = pm_add(*pt_at(&s->c, x, y),
          pm_scale(pm_mix(low, high, pm_sat(t * 0.8f)), a * 0.34f));
      }
    }
  }
}


/* ---- clouds ---- */

typedef struct cloud_look {
  float cover, soft, stretch, alpha;
  rgb lit, shade;
} cloud_look;


static cloud_look look_of (scene *s) {
  const palette *p = &s->pal;
  const unsigned char *has = s->w.has;
  cloud_look k;
  k.cover = pt_between(s, 0.40f, 0.56f);
  k.alpha = 0.9f;
  if (has[HAS_CLEAR] || s->w.style[STYLE_MINIMAL])
    k.cover = 0.22f;
  if (has[HAS_CLOUD] || has[HAS_RAIN])
    k.cover = 0.66f;
  if (has[HAS_STORM])
    k.cover = 0.8f;
  if (p->dark > 0.9f) {
    k.cover -= 0.10f;
    k.alpha = 0.6f;
  }
  k.soft = pt_between(s, 0.34f, 0.5f);
  k.stretch = p->dark > 0.15f ? pt_between(s, 0.34f, 0.5f)
                              : pt_between(s, 0.55f, 0.8f);
  k.lit = pm_add(pm_scale(p->sun, 0.62f), pm_scale(p->mid, 0.35f));
  k.shade = pm_mix(pm_mix(p->mid, p->zenith, 0.45f), p->ambient, 0.5f);
  if (p->dark < 0.15f)
    k.shade = pm_mix(k.shade, pm_hex(0xb9c3d0), 0.5f);
  if (has[HAS_STORM]) {
    k.shade = pm_scale(p->mid, 0.16f);
    k.lit = pm_scale(p->horizon, 0.62f);
    k.soft = 0.9f;
  }
  return k;
}


/* A row of clouds at half the size: how dense and how lit they are, to 'dens'
** and 'lit', which hold noise there and nearer to the sun. */
FAL_WIDE
static void form_clouds (int w, float *restrict dens, float *restrict lit,
                         const cloud_look *restrict k, float sx, float dy,
                         float inv, float thin) {
  int x;
  for (x = 0; x < w; x++) {
    float dx = ((float)x - sx) * inv;
    float near = 1.0f / (1.0f + 6.0f * (dx * dx + dy * dy));
    float d = dens[x] * 1.15f + (k->cover - 0.5f) * 2.0f;
    float l = 0.5f + (dens[x] - lit[x]) * 0.9f;
    dens[x] = pm_step(0.0f, k->soft, d) * thin * k->alpha;
    lit[x] = pm_sat(l * 0.8f + near * 0.6f - pm_max(d, 0.0f) * 0.35f);
  }
}


/* Two rows of half the size, made one between them: 'f' of the way. */
FAL_WIDE
static void between (int w, float *restrict out, const float *restrict a,
                     const float *restrict b, float f) {
  int i;
  for (i = 0; i < w; i++) {
    out[2 * i] = pm_lerp(a[i], b[i], f);
    out[2 * i + 1] = pm_lerp(pm_lerp(a[i], a[i + 1], 0.5f),
                             pm_lerp(b[i], b[i + 1], 0.5f), f);
  }
}


FAL_WIDE
static void lay_clouds (rgb *restrict out, int w, const float *restrict dens,
                        const float *restrict lit, rgb shade, rgb light) {
  int x;
  for (x = 0; x < w; x++) {
    float a = dens[x] < 0.004f ? 0.0f : dens[x];
    out[x] = pm_mix(out[x], pm_mix(shade, light, lit[x]), a);
  }
}


/* A plane of clouds overhead, seen in perspective, at half the size. */
static void clouds (scene *s, int bottom) {
  cloud_look k = look_of(s);
  int w = s->c.w / 2 + 2, h = bottom / 2 + 2, y, py;
  float inv = 2.0f / s->c.u, sx = s->sunx * (float)s->c.w * 0.5f;
  float sy = s->suny * (float)s->c.h * 0.5f;
  float *rows = malloc((size_t)w * 8 * sizeof(float));
  float *dens = rows, *lit = rows + w, *pd = rows + 2 * w, *pl = rows + 3 * w;
  float *wide = rows + 4 * w, *wide_lit = rows + 6 * w;
  if (rows == NULL) {
    s->failed = 1;
    return;
  }
  for (y = 0; y < h; y++) {
    float v = pm_max(((float)bottom * 0.5f - (float)y) * inv, 0.0f);
    float far = 0.62f / (v + 0.16f), step = inv * far * 1.25f;
    float x0 = -(float)w * 0.5f * step, depth = far * (2.1f / k.stretch) * 0.55f;
    float thin = pm_step(0.0f, 0.10f, v);
    float *t = pd;
    pd = dens; dens = t;
    t = pl;
    pl = lit; lit = t;
    pt_fbm_row(dens, w, x0, step, depth, s->octaves, s->seed + 11U);
    /* towards the light: below when the sun is low */
    pt_fbm_row(lit, w, x0 + (sx - (float)w * 0.5f) * inv * 0.10f, step,
               depth + 0.13f * far, s->octaves > 5 ? 4 : 3, s->seed + 11U);
    form_clouds(w, dens, lit, &k, sx, ((float)y - sy) * inv, inv, thin);
    for (py = 2 * (y - 1); y > 0 && py < 2 * y && py < bottom; py++) {
      float f = (float)(py & 1) * 0.5f;
      between(w - 1, wide, pd, dens, f);
      between(w - 1, wide_lit, pl, lit, f);
      lay_clouds(pt_at(&s->c, 0, py), s->c.w, wide, wide_lit, k.shade, k.lit);
    }
  }
  free(rows);
}


/* ---- sun and moon ---- */

static void sun (scene *s) {
  float x = s->sunx * (float)s->c.w, y = s->suny * (float)s->c.h, u = s->c.u;
  rgb c = pm_scale(s->pal.sun, s->pal.dark > 0.05f ? 1.0f : 0.7f);
  float r = u * (s->pal.dark > 0.05f ? 0.032f : 0.024f);
  pt_glow(&s->c, x, y, u * 0.55f, pm_scale(c, 0.10f));
  pt_glow(&s->c, x, y, u * 0.26f, pm_scale(c, 0.12f));
  pt_glow(&s->c, x, y, u * 0.10f, pm_scale(c, 0.30f));
  pt_spot(&s->c, x, y, r, r, 0.92f, pm_add(pm_scale(c, 1.6f),
          pm_rgb(0.3f, 0.3f, 0.3f)), 0.96f);
}


static void moon (scene *s) {
  float x = s->sunx * (float)s->c.w, y = s->suny * (float)s->c.h;
  float r = s->c.u * 0.034f;
  int i, j, x0 = (int)(x - r - 2.0f), y0 = (int)(y - r - 2.0f);
  pt_glow(&s->c, x, y, r * 14.0f, pm_scale(s->pal.sun, 0.10f));
  pt_glow(&s->c, x, y, r * 4.0f, pm_scale(s->pal.sun, 0.24f));
  for (j = y0; j < y0 + (int)(2.0f * r) + 5; j++)
    for (i = x0; i < x0 + (int)(2.0f * r) + 5; i++) {
      float dx = ((float)i + 0.5f - x), dy = ((float)j + 0.5f - y);
      float d = pm_sqrt(dx * dx + dy * dy), m;
      if (i < 0 || j < 0 || i >= s->c.w || j >= s->c.h || d > r + 1.0f)
        continue;
      m = 0.82f + 0.3f * pt_fbm2(dx / r * 1.5f, dy / r * 1.5f, 4, s->seed + 3U);
      pt_over(pt_at(&s->c, i, j), pm_scale(pm_hex(0xfff6e2), m * 1.15f),
              pm_sat(r + 0.5f - d));
    }
}


/* A bolt that forks on its way down. */
static void bolt (scene *s, float x, float y, float to, float width, int depth) {
  while (y < to) {
    float step = s->c.u * pt_between(s, 0.006f, 0.020f);
    float nx = x + s->c.u * pt_between(s, -0.014f, 0.014f);
    pt_line(&s->c, x, y, nx, y + step, width, pm_rgb(1.5f, 1.6f, 2.0f), 0.9f, 1);
    pt_glow(&s->c, nx, y + step, s->c.u * 0.045f, pm_scale(pm_rgb(0.5f, 0.55f, 0.8f),
        0.10f));
    x = nx;
    y += step;
    if (depth > 0 && pt_rand(s) < 0.10f)
      bolt(s, x, y, y + (to - y) * pt_between(s, 0.2f, 0.5f), width * 0.55f, depth - 1);
  }
}


void pt_sky (scene *s) {
  int bottom = (int)(s->horizon * (float)s->c.h + 1.0f);
  const unsigned char *has = s->w.has, *no = s->w.no;
  int night = s->pal.dark > 0.9f;
  bottom = bottom < 2 ? 2 : bottom > s->c.h ? s->c.h : bottom;
  gradient(s, bottom);
  if (pt_stop(s))
    return;
  if (has[HAS_GALAXY])
    milky_way(s, bottom);
  else if ((night || has[HAS_STARS]) && !no[HAS_STARS])
    stars(s, bottom, has[HAS_STARS] ? 1.5f : 1.0f);
  if (has[HAS_AURORA])
    aurora(s, bottom);
  if (night && !has[HAS_GALAXY] && !has[HAS_AURORA] && !no[HAS_MOON])
    moon(s);
  else if (!night && !has[HAS_STORM] && !has[HAS_RAIN] && !no[HAS_SUN])
    sun(s);
  if (!pt_stop(s) && !has[HAS_GALAXY] && !has[HAS_AURORA] && !no[HAS_CLOUD])
    clouds(s, bottom);
  if (has[HAS_STORM]) {
    float x = s->sunx * (float)s->c.w;
    pt_glow(&s->c, x, 0.25f * (float)bottom, s->c.u * 0.5f, pm_rgb(0.10f, 0.11f,
        0.17f));
    bolt(s, x, 0.12f * (float)bottom, (float)bottom, s->c.u * 0.003f, 2);
  }
}


/* ---- in the air ---- */

void pt_fog (scene *s, float y, float thick, float strength) {
  float row[1024], inv = 1.0f / s->c.u, mid = y * (float)s->c.h;
  float half = thick * (float)s->c.h;
  int j, x, x0, from = (int)pm_max(mid - half, 0.0f);
  int to = (int)pm_min(mid + half, (float)s->c.end);
  for (j = from; j < to && !s->w.no[HAS_FOG]; j++) {
    float t = ((float)j - mid) / half, a = (1.0f - t * t) * strength;
    for (x0 = 0; x0 < s->c.w; x0 += 1024) {
      int n = s->c.w - x0 < 1024 ? s->c.w - x0 : 1024;
      rgb *out = pt_at(&s->c, x0, j);
      pt_fbm_row(row, n, (float)x0 * inv * 2.2f, inv * 2.2f,
                 (float)j * inv * 9.0f, 4, s->seed + 401U);
      for (x = 0; x < n; x++)
        pt_over(out + x, s->pal.haze, pm_sat(a * (0.75f + 0.8f * row[x])));
    }
  }
}


/* Strength of the shafts at a place: a fan of noise about the sun. */
static float shaft (const scene *s, float x, float y) {
  float dx = (x - s->sunx * (float)s->c.w) / s->c.u;
  float dy = (y - s->suny * (float)s->c.h) / s->c.u;
  float r = pm_sqrt(dx * dx + dy * dy) + 0.001f;
  float n = pt_noise2(dx / r * 7.0f, dy / r * 7.0f, s->seed + 501U)
            + 0.5f * pt_noise2(dx / r * 17.0f, dy / r * 17.0f, s->seed + 502U);
  return pm_sat(0.25f + n) * pm_exp(-r * 1.9f) * pm_step(-0.15f, 0.12f, dy);
}


/* Smooth enough to be computed at every eighth pixel. */
void pt_rays (scene *s, float strength) {
  enum { GRID = 8 };
  int x, y, i, j;
  for (y = 0; y < s->c.h; y += GRID) {
    float a = shaft(s, 0, (float)y), b = shaft(s, 0, (float)(y + GRID));
    for (x = 0; x < s->c.w; x += GRID) {
      float c = shaft(s, (float)(x + GRID), (float)y);
      float d = shaft(s, (float)(x + GRID), (float)(y + GRID));
      for (j = 0; j < GRID && y + j < s->c.h; j++)
        for (i = 0; i < GRID && x + i < s->c.w; i++) {
          float fx = (float)i / GRID, fy = (float)j / GRID;
          float k = pm_lerp(pm_lerp(a, c, fx), pm_lerp(b, d, fx), fy) * strength;
          rgb *p = pt_at(&s->c, x + i, y + j);
          *p = pm_add(*p, pm_scale(s->pal.sun, k));
        }
      a = c;
      b = d;
    }
  }
}


static void rain (scene *s) {
  int n = (int)(900.0f * (float)s->c.w * (float)s->c.h / (s->c.u * s->c.u)), i;
  float u = s->c.u;
  rgb c = pm_mix(s->pal.haze, pm_rgb(1, 1, 1), 0.4f);
  for (i = 0; i < n; i++) {
    float x = pt_between(s, -0.1f, 1.1f) * (float)s->c.w;
    float y = pt_between(s, -0.1f, 1.0f) * (float)s->c.h, z = pt_rand(s);
    float len = u * (0.014f + 0.05f * z * z);
    pt_line(&s->c, x, y, x - len * 0.16f, y + len, u * 0.0011f * (0.5f + z), c,
            0.12f + 0.18f * z * z, 0);
  }
}


static void snow (scene *s) {
  int n = (int)(420.0f * (float)s->c.w * (float)s->c.h / (s->c.u * s->c.u)), i;
  rgb c = pm_mix(pm_rgb(1, 1, 1), s->pal.ambient, 0.25f + 0.3f * s->pal.dark);
  for (i = 0; i < n; i++) {
    float z = pt_rand(s), r;
    float x = pt_rand(s) * (float)s->c.w, y = pt_rand(s) * (float)s->c.h;
    z = z * z * z * z;
    r = s->c.u * (0.0012f + 0.007f * z);
    pt_spot(&s->c, x, y, r, r, z > 0.4f ? 0.1f : 0.5f, c, 0.65f - 0.35f * z);
  }
}


void pt_weather (scene *s) {
  if (s->w.has[HAS_RAIN])
    rain(s);
  else if (s->w.has[HAS_SNOW] && s->w.hour != HOUR_GOLDEN)
    snow(s);
}


void pt_birds (scene *s, float x, float y, int n) {
  rgb c = pm_scale(s->pal.ambient, 0.12f);
  int i;
  for (i = 0; i < n && !s->w.no[HAS_BIRD]; i++) {
    float k = s->c.u * pt_between(s, 0.008f, 0.017f);
    float bx = x * (float)s->c.w + pt_between(s, -0.09f, 0.09f) * s->c.u;
    float by = y * (float)s->c.h + pt_between(s, -0.05f, 0.05f) * s->c.u;
    brush b = pt_flat(c);
    path p;
    pt_path_init(&p, bx, by, k);
    pt_path_turn(&p, pt_between(s, -0.05f, 0.05f), i & 1 ? 1.0f : -1.0f);
    pt_shape(&p, "M-1 -.35C-.7 -.55 -.25 -.35 0 .02C.2 -.4 .65 -.7 1.1 -.45"
                 "C.7 -.45 .3 -.15 .08 .2C.02 .26 -.1 .24 -.14 .16"
                 "C-.3 -.15 -.7 -.38 -1 -.35");
    b.alpha = 0.85f;
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}
