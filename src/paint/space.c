/*
** space.c -- nebulae, stars, planets
*/
#include "scene.h"


static void nebula (scene *s) {
  float row[1024], warp[1024], inv = 1.0f / s->c.u;
  rgb deep = pm_hex(0x02030a), a = pm_hex(0x2b4fc0), b = pm_hex(0xd0467c);
  rgb core = pm_hex(0xffd9a6);
  float cx = s->sunx * (float)s->c.w, cy = s->suny * (float)s->c.h;
  float lean = pt_between(s, -0.9f, 0.9f);
  int x, y, x0;
  if (s->w.colors > 0) {
    a = s->pal.accent[0];
    b = s->pal.accent[1];
  }
  for (y = 0; y < s->c.h; y++)
    for (x0 = 0; x0 < s->c.w; x0 += 1024) {
      int n = s->c.w - x0 < 1024 ? s->c.w - x0 : 1024;
      float v = (float)y * inv;
      rgb *out = pt_at(&s->c, x0, y);
      pt_fbm_row(warp, n, (float)x0 * inv * 1.6f, inv * 1.6f, v * 1.6f, 4,
          s->seed + 1U);
      pt_fbm_row(row, n, (float)x0 * inv * 3.2f + v * 0.9f, inv * 3.2f, v * 3.2f,
                 s->octaves, s->seed + 2U);
      for (x = 0; x < n; x++) {
        float dx = ((float)(x0 + x) - cx) * inv, dy = ((float)y - cy) * inv;
        float ax = dy - lean * dx, along = dx + lean * dy;
        float band = pm_exp(-ax * ax * 3.6f + warp[x] * 1.4f - 0.2f * along * along);
        float f = pm_sat(0.42f + row[x] * 0.9f + warp[x] * 0.4f), dust, r2;
        rgb c;
        r2 = dx * dx + dy * dy;
        dust = 0.35f + 0.65f * pm_step(0.05f, 0.75f,
            pm_abs(row[x] * 1.3f - warp[x] * 0.6f) * 2.0f);
        c = pm_mix(a, b, pm_sat(0.5f + 1.1f * warp[x]));
        c = pm_add(deep, pm_scale(c, band * (0.06f + 0.62f * f * f) * dust));
        c = pm_add(c, pm_scale(core, 0.5f * f * dust / (1.0f + 60.0f * r2)));
        out[x] = c;
      }
    }
}


static void stars (scene *s) {
  int n = (int)(1100.0f * (float)s->c.w * (float)s->c.h / (s->c.u * s->c.u)), i;
  float u = s->c.u;
  for (i = 0; i < n; i++) {
    float x = pt_rand(s) * (float)s->c.w, y = pt_rand(s) * (float)s->c.h;
    float m = pt_rand(s);
    rgb c = pm_mix(pm_hex(0xffcfa0), pm_hex(0xaccaff), pt_rand(s));
    m = m * m * m;
    m = m * m * m * m;
    pt_glow(&s->c, x, y, u * (0.0011f + 0.0022f * m) + 0.45f, pm_scale(c,
        0.12f + 1.8f * m));
    if (m > 0.86f) {  /* the brightest flare */
      float l = u * 0.020f * m;
      pt_glow(&s->c, x, y, u * 0.018f, pm_scale(c, 0.22f));
      pt_line(&s->c, x - l, y, x + l, y, u * 0.0008f, c, 0.35f, 1);
      pt_line(&s->c, x, y - l, x, y + l, u * 0.0008f, c, 0.35f, 1);
    }
  }
}


/* Shades a ball of gas or rock: bands, a lit limb, air, a night side. */
static void planet (scene *s, float x, float y, float r, rgb c, int gas,
                    uint32_t seed) {
  float lx = s->sunx * (float)s->c.w - x, ly = s->suny * (float)s->c.h - y, lz, k;
  int i, j, x0 = (int)(x - r * 1.1f), y0 = (int)(y - r * 1.1f);
  int x1 = (int)(x + r * 1.1f), y1 = (int)(y + r * 1.1f);
  rgb other = pm_mix(c, pm_hex(0xfff0d8), 0.55f), air = pm_mix(c, pm_hex(0x8fc4ff),
      0.6f);
  k = 1.0f / pm_sqrt(lx * lx + ly * ly + 1.0f);
  lx *= k * 0.86f; ly *= k * 0.86f; lz = 0.51f;
  for (j = y0 < 0 ? 0 : y0; j <= y1 && j < s->c.h; j++)
    for (i = x0 < 0 ? 0 : x0; i <= x1 && i < s->c.w; i++) {
      float nx = ((float)i + 0.5f - x) / r, ny = ((float)j + 0.5f - y) / r;
      float d = nx * nx + ny * ny, nz, l, t, edge;
      rgb *p = pt_at(&s->c, i, j), q;
      edge = (1.0f - pm_sqrt(d)) * r;
      if (d > 1.0f) {  /* glow of the air outside the rim */
        float g = pm_exp((1.0f - pm_sqrt(d)) * 38.0f) * pm_sat(nx * lx + ny * ly
            + 0.25f);
        *p = pm_add(*p, pm_scale(air, 0.4f * g));
        if (d > 1.02f || edge < -1.0f)
          continue;
      }
      nz = pm_sqrt(1.0f - d);
      l = pm_sat((nx * lx + ny * ly + nz * lz) * 1.15f + 0.02f);
      if (gas)
        t = 0.5f + 0.5f * pm_sin(ny * 2.3f + nx * 0.3f
              + 0.24f * pt_fbm2(nx * 2.0f + 5.0f, ny * 9.0f, 5, seed));
      else
        t = pm_sat(0.5f + 0.9f * pt_fbm2(nx / (0.5f + nz) * 1.6f,
            ny / (0.5f + nz) * 1.6f,
                                         s->octaves, seed));
      q = pm_scale(pm_mix(pm_scale(c, 0.55f), other, t), l * 1.15f);
      q = pm_add(q, pm_scale(air, 0.55f * l * (1.0f - nz) * (1.0f - nz)));
      pt_over(p, q, pm_sat(edge + 0.5f));
    }
}


/* Half a ring: the far one before the planet, the near one after it. */
static void ring (scene *s, float x, float y, float r, float tilt, int near, rgb c) {
  int i, j, x0 = (int)(x - r * 2.4f), x1 = (int)(x + r * 2.4f);
  int y0 = (int)(y - r * 1.3f), y1 = (int)(y + r * 1.3f);
  float cs = pm_cos(0.05f), sn = pm_sin(0.05f);
  for (j = y0 < 0 ? 0 : y0; j <= y1 && j < s->c.h; j++)
    for (i = x0 < 0 ? 0 : x0; i <= x1 && i < s->c.w; i++) {
      float dx = ((float)i - x) / r, dy = ((float)j - y) / r;
      float ex = dx * cs + dy * sn, ey = (dy * cs - dx * sn) / tilt;
      float d = pm_sqrt(ex * ex + ey * ey), a, g;
      if ((ey > 0.0f) != near || d < 1.25f || d > 2.3f)
        continue;
      g = pt_noise1(d * 24.0f, 99U) + 0.6f * pt_noise1(d * 60.0f, 98U);
      a = pm_step(1.25f, 1.34f, d) * pm_step(2.3f, 2.15f, d) * pm_sat(0.5f + 0.35f * g);
      a *= 1.0f - 0.85f * pm_step(0.05f, 0.0f, pm_abs(d - 1.86f));
      pt_over(pt_at(&s->c, i, j), pm_scale(c, 0.75f + 0.2f * g), a * 0.85f);
    }
}


void pt_space (scene *s) {
  float side = pt_rand(s) < 0.5f ? 0.0f : 1.0f, w = (float)s->c.w, h = (float)s->c.h;
  s->sunx = side > 0.5f ? 0.36f : 0.64f;
  s->suny = pt_between(s, 0.32f, 0.42f);
  s->g.bloom *= 1.4f;
  nebula(s);
  if (pt_stop(s))
    return;
  stars(s);
  if (s->w.has[HAS_PLANET] || !s->w.has[HAS_GALAXY]) {
    float x = (side > 0.5f ? 0.70f : 0.30f) * w, y = 0.60f * h, r = s->c.u * 0.22f;
    rgb c = s->w.colors > 0 ? s->pal.accent[0] : pm_hex(s->w.hash & 1 ? 0xb8744a
        : 0x4a7fb0);
    int gas = (int)(s->w.hash >> 1 & 1);
    if (gas)
      ring(s, x, y, r * 0.8f, 0.24f, 0, pm_mix(c, pm_hex(0xffe9c8), 0.5f));
    planet(s, x, y, gas ? r * 0.8f : r, c, gas, s->seed + 11U);
    if (gas)
      ring(s, x, y, r * 0.8f, 0.24f, 1, pm_mix(c, pm_hex(0xffe9c8), 0.5f));
    planet(s, x + (side > 0.5f ? -1.0f : 1.0f) * s->c.u * 0.37f, y - s->c.u * 0.20f,
           s->c.u * 0.035f, pm_hex(0x9a938c), 0, s->seed + 12U);
  }
}
