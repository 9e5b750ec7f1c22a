/*
** still.c -- a thing on a surface, in the light of a studio
*/
#include "scene.h"

typedef struct studio {
  float x, y, k;      /* foot of the thing and its size, pixels */
  float side;         /* where the light comes from, -1 left */
  rgb main;           /* colour of the thing */
} studio;


static rgb near_white (const scene *s) {
  return s->w.style[STYLE_DARK] || s->w.style[STYLE_NOIR] ? pm_hex(0x30343a)
      : pm_hex(0xe9e7e3);
}


/* The wall behind, rolling into the table without an edge. */
static void backdrop (scene *s, float edge) {
  rgb back = near_white(s), lit, dim, table;
  int x, y, white = 0, i;
  float inv = 1.0f / s->c.u, row[1024], fine[1024];
  for (i = 0; i < s->w.colors; i++)
    white |= s->w.color[i] == COLOR_WHITE;
  if (!white && !s->w.style[STYLE_DARK])
    back = pm_mix(pm_mix(s->pal.accent[2], pm_hex(0xd8d2c8), 0.55f), back, 0.25f);
  if (!white && s->w.has[HAS_MARBLE])
    back = pm_hex(0x59606a);
  lit = pm_scale(back, 1.12f);
  dim = pm_scale(back, white ? 0.72f : 0.34f);
  table = pm_scale(back, 0.95f);
  if (s->w.has[HAS_WOOD])
    table = pm_hex(0x9a6b42);
  if (s->w.has[HAS_MARBLE])
    table = pm_hex(0xeceae6);
  for (y = 0; y < s->c.h; y++) {
    float t = ((float)y / (float)s->c.h - edge) / (1.0f - edge),
        z = 1.0f / (0.30f + pm_max(t, 0.0f));
    float soft = s->w.has[HAS_MARBLE] || s->w.has[HAS_WOOD] ? pm_step(-0.004f,
        0.006f, t)
                                                            : pm_step(-0.25f, 0.35f, t);
    int x0;
    for (x0 = 0; x0 < s->c.w; x0 += 1024) {
      int n = s->c.w - x0 < 1024 ? s->c.w - x0 : 1024;
      rgb *out = pt_at(&s->c, x0, y);
      float k = inv * z * 2.0f, at = ((float)x0 - 0.5f * (float)s->c.w);
      if (s->w.has[HAS_WOOD])
        pt_fbm_row(row, n, at * k * 0.6f, k * 0.6f, z * 22.0f, s->octaves,
            s->seed + 1U);
      else
        pt_fbm_row(row, n, at * k * 0.9f + z * 2.0f, k * 0.9f, z * 3.0f, s->octaves,
            s->seed + 1U);
      pt_fbm_row(fine, n, at * k * 1.7f - z, k * 1.7f, z * 4.0f, s->octaves,
          s->seed + 2U);
      for (x = 0; x < n; x++) {
        float dx = (at + (float)x) * inv + (s->sunx - 0.5f) * -0.5f,
            dy = ((float)y / (float)s->c.h - 0.42f);
        float g = 1.0f / (1.0f + 2.6f * (dx * dx + dy * dy * 1.5f)), v;
        rgb a = pm_mix(dim, lit, g * g), b = pm_scale(table, 0.40f + 0.62f * g);
        if (s->w.has[HAS_MARBLE]) {
          v = pm_exp(-pm_abs(row[x] + 0.4f * fine[x]) * 16.0f) * pm_sat(0.5f + 1.4f
              * fine[x]);
          b = pm_scale(pm_mix(b, pm_scale(pm_hex(0x767a82), g), 0.65f * v),
              1.0f + 0.07f * fine[x]);
        }
        else if (s->w.has[HAS_WOOD])
          b = pm_scale(b, 1.0f + 0.30f * row[x] + 0.12f * fine[x]);
        out[x] = pm_mix(a, b, soft);
      }
    }
  }
}


/* A shape of the thing: light from the side, and a sheen along the edge. */
static void body (scene *s, const studio *t, path *p, rgb c, float half, float gloss) {
  brush b = pt_gradient(pm_scale(c, 1.12f), p->ox + t->side * half * t->k,
      p->oy - t->k * 0.5f,
                        pm_scale(c, 0.20f), p->ox - t->side * half * t->k, p->oy);
  b.texture = gloss > 0.5f ? 0.0f : 0.06f;
  b.scale = s->c.u * 0.006f;
  b.seed = s->seed + 9U;
  pt_fill(s, p, &b);
}


static void plain (scene *s, path *p, const char *d, rgb a, rgb b, float x0, float y0,
                   float x1, float y1, float alpha) {
  brush br = pt_gradient(a, p->ox + x0 * p->sx, p->oy + y0 * p->sy, b,
      p->ox + x1 * p->sx,
                         p->oy + y1 * p->sy);
  br.alpha = alpha;
  pt_path_clear(p);
  pt_shape(p, d);
  pt_fill(s, p, &br);
}


/* What anything standing there throws: contact, and a long soft shade. */
static void shade (scene *s, const studio *t, float rx) {
  path p;
  pt_path_init(&p, t->x, t->y, t->k);
  pt_ellipse(&p, -t->side * rx * 0.55f, 0.015f, rx * 1.35f, 0.075f);
  pt_shadow(s, &p, 0, 0, t->k * 0.16f, pm_rgb(0.10f, 0.10f, 0.13f), 0.62f);
  pt_path_clear(&p);
  pt_ellipse(&p, -t->side * rx * 0.08f, 0.004f, rx * 0.98f, 0.034f);
  pt_shadow(s, &p, 0, 0, t->k * 0.035f, pm_rgb(0.03f, 0.03f, 0.04f), 0.9f);
  pt_path_free(&p);
}


/* The surface gives back what stands on it, fading. */
static void mirror (scene *s, const studio *t, float strength) {
  int y, x, y0 = (int)(t->y + t->k * 0.012f), y1 = (int)(t->y + t->k * 0.34f);
  for (y = y0 < 1 ? 1 : y0; y < y1 && y < s->c.h; y++) {
    float f = 1.0f - (float)(y - y0) / (float)(y1 - y0);
    for (x = 0; x < s->c.w; x++) {
      float dx = pm_abs((float)x - t->x) / t->k;
      if (dx < 0.9f)
        pt_over(pt_at(&s->c, x, y), pt_sample(&s->c, (float)x,
            2.0f * (float)y0 - (float)y),
                strength * f * f * pm_step(0.9f, 0.5f, dx));
    }
  }
}


/* ---- things; foot at (0,0), about one unit high, y downwards ---- */

static void watch (scene *s, const studio *t, path *p) {
  rgb band = pm_lum(t->main) > 0.6f ? pm_hex(0x1c1d20) : t->main,
      steel = pm_hex(0xc4c8cc);
  int i;
  plain(s, p, "M-.19 -1.0C-.19 -1.06 .19 -1.06 .19 -1.0L.225 -.70L-.225 -.70",
      pm_scale(band, 1.2f),
        pm_scale(band, 0.3f), t->side * 0.25f, -1.0f, -t->side * 0.25f, -0.7f, 1);
  plain(s, p, "M-.225 -.24L.225 -.24L.19 .0C.19 .035 -.19 .035 -.19 0",
      pm_scale(band, 0.9f),
        pm_scale(band, 0.2f), t->side * 0.25f, -0.24f, -t->side * 0.25f, 0, 1);
  pt_path_clear(p);
  pt_round_rect(p, -0.285f, -0.78f, 0.57f, 0.62f, 0.17f);
  body(s, t, p, steel, 0.35f, 1);
  pt_path_clear(p);
  pt_round_rect(p, 0.275f, -0.56f, 0.045f, 0.13f, 0.02f);
  body(s, t, p, steel, 0.35f, 1);
  pt_path_clear(p);
  pt_round_rect(p, -0.262f, -0.757f, 0.524f, 0.574f, 0.15f);
  {
    brush b = pt_gradient(pm_hex(0x16181d), 0, p->oy - 0.8f * t->k, pm_hex(0x040506),
        0, p->oy - 0.2f * t->k);
    pt_fill(s, p, &b);
  }
  for (i = 0; i < 3; i++) {  /* rings on its face */
    float r = (0.19f - 0.045f * (float)i) * t->k, a;
    rgb c = pm_add(s->pal.accent[i], pm_rgb(0.04f, 0.04f, 0.04f));
    float to = 0.5f + 0.14f * (float)(3 - i);
    for (a = 0.0f; a < to; a += 0.012f)
      pt_spot(&s->c, p->ox + pm_sin(a) * r, p->oy - 0.47f * t->k - pm_cos(a) * r,
              t->k * 0.016f, t->k * 0.016f, 0.8f, c, 0.9f);
  }
  plain(s, p, "M-.262 -.66C-.26 -.74 -.2 -.757 -.12 -.757L.10 -.757L-.20 -.22"
      "C-.25 -.23 -.262 -.28 -.262 -.33",
        pm_rgb(1, 1, 1), pm_rgb(1, 1, 1), 0, 0, 0, 1, 0.07f);
}


static void shoe (scene *s, const studio *t, path *p) {
  rgb c = t->main, dark = pm_scale(c, 0.25f), white = pm_hex(0xf4f2ee);
  int i;
  plain(s, p, "M-.78 -.02C-.84 -.07 -.84 -.14 -.79 -.17L.60 -.15"
      "C.80 -.14 .90 -.10 .88 -.04C.86 .01 .80 .015 .70 .015L-.66 .015"
      "C-.72 .015 -.75 .005 -.78 -.02",
        white, pm_scale(white, 0.45f), 0, -0.17f, 0, 0.02f, 1);
  plain(s, p, "M-.79 -.15C-.80 -.30 -.84 -.44 -.78 -.56C-.74 -.62 -.68 -.60 -.64 -.55"
      "C-.56 -.48 -.44 -.48 -.34 -.55C-.30 -.58 -.24 -.58 -.20 -.54"
      "C-.04 -.42 .10 -.36 .34 -.32C.62 -.29 .84 -.24 .86 -.13"
      "C.60 -.10 -.50 -.10 -.79 -.15",
        pm_scale(c, 1.15f), pm_scale(c, 0.42f), t->side * 0.4f, -0.6f,
            -t->side * 0.3f, 0, 1);
  plain(s, p, "M.46 -.305C.66 -.28 .84 -.24 .86 -.13C.74 -.115 .60 -.11 .48 -.112"
      "C.40 -.17 .40 -.25 .46 -.305", pm_scale(c, 0.85f), dark, 0.4f, -0.3f, 0.9f,
      -0.1f, 0.8f);
  plain(s, p, "M-.79 -.15C-.80 -.26 -.82 -.36 -.81 -.45"
      "C-.68 -.40 -.58 -.30 -.56 -.125", pm_scale(c, 0.7f), dark, -0.8f, -0.4f,
      -0.5f, -0.1f, 0.8f);
  plain(s, p, "M-.50 -.18C-.28 -.16 -.06 -.22 .16 -.345L.24 -.33"
      "C.06 -.16 -.26 -.09 -.52 -.125", white, pm_scale(white, 0.8f), 0, -0.35f, 0,
      -0.1f, 0.95f);
  plain(s, p, "M-.77 -.56C-.74 -.62 -.68 -.60 -.64 -.55C-.56 -.48 -.44 -.48 -.34 -.55"
      "C-.42 -.56 -.60 -.58 -.70 -.57", dark, pm_scale(dark, 0.3f), 0, -0.6f, 0,
      -0.5f, 1);
  plain(s, p, "M-.30 -.60C-.24 -.60 -.16 -.54 -.06 -.47L.18 -.35L.12 -.33"
      "C-.04 -.38 -.18 -.46 -.30 -.56", pm_scale(c, 1.25f), pm_scale(c, 0.7f), -0.3f,
      -0.6f, 0.2f, -0.3f, 1);
  for (i = 0; i < 5; i++) {
    float u = (float)i / 5.0f, x = -0.22f + 0.34f * u, y = -0.535f + 0.165f * u;
    pt_line(&s->c, p->ox + x * p->sx, p->oy + y * p->sy, p->ox + (x - 0.075f) * p->sx,
            p->oy + (y + 0.10f) * p->sy, t->k * 0.024f, white, 1, 0);
  }
  plain(s, p, "M-.78 -.155C-.3 -.12 .4 -.12 .87 -.135L.87 -.12"
      "C.4 -.105 -.3 -.105 -.78 -.14", dark, dark, 0, 0, 0, 1, 0.7f);
}


/* Anything turned on a lathe, glassy or matt. */
static void turned (scene *s, const studio *t, path *p, const char *outline,
                    rgb c, float half, float gloss) {
  pt_path_clear(p);
  pt_shape(p, outline);
  body(s, t, p, c, half, gloss);
  if (gloss > 0.3f) {
    float x = p->ox + t->side * half * 0.62f * t->k;
    pt_line(&s->c, x, p->oy - t->k * 0.20f, x, p->oy - t->k * 0.50f,
        t->k * 0.030f * gloss,
            pm_rgb(1, 1, 1), 0.30f * gloss, 0);
    if (gloss > 0.9f) {
      x = p->ox - t->side * half * 0.84f * t->k;
      pt_line(&s->c, x, p->oy - t->k * 0.10f, x, p->oy - t->k * 0.56f, t->k * 0.010f,
              pm_rgb(1, 1, 1), 0.25f, 0);
    }
  }
}


static void bottle (scene *s, const studio *t, path *p) {
  rgb glass = t->main;
  turned(s, t, p, "M-.20 0C-.22 0 -.23 -.02 -.23 -.05L-.23 -.60"
      "C-.23 -.72 -.09 -.74 -.075 -.82L-.075 -.90L.075 -.90L.075 -.82"
      "C.09 -.74 .23 -.72 .23 -.60L.23 -.05C.23 -.02 .22 0 .20 0C.1 .03 -.1 .03 -.20 0",
         pm_mix(glass, pm_hex(0xfff4e4), 0.12f), 0.24f, 1);
  plain(s, p, "M-.09 -.885L.09 -.885L.09 -1.06C.06 -1.075 -.06 -1.075 -.09 -1.06",
      pm_hex(0xd8b878), pm_hex(0x4a3818), t->side * 0.09f, 0, -t->side * 0.09f, 0, 1);
  plain(s, p, "M-.17 -.46L.17 -.46L.17 -.16L-.17 -.16", pm_hex(0xf6f1e8),
      pm_hex(0xa8a299), t->side * 0.17f, 0, -t->side * 0.2f, 0, 0.96f);
  pt_line(&s->c, p->ox - 0.09f * t->k, p->oy - 0.36f * t->k, p->ox + 0.09f * t->k,
      p->oy - 0.36f * t->k, t->k * 0.010f, pm_hex(0x4a463f), 0.9f, 0);
  pt_line(&s->c, p->ox - 0.06f * t->k, p->oy - 0.30f * t->k, p->ox + 0.06f * t->k,
      p->oy - 0.30f * t->k, t->k * 0.006f, pm_hex(0x4a463f), 0.8f, 0);
}


static void vase (scene *s, const studio *t, path *p) {
  int i;
  for (i = 0; i < 7; i++) {  /* dry stems */
    float a = ((float)i - 3.0f) * 0.13f + pt_between(s, -0.05f, 0.05f),
        l = pt_between(s, 0.5f, 0.75f);
    float ex = p->ox + a * l * t->k * 1.3f, ey = p->oy - (0.62f + l * 0.8f) * t->k;
    int j;
    pt_line(&s->c, p->ox + a * 0.1f * t->k, p->oy - 0.62f * t->k, ex, ey,
        t->k * 0.007f, pm_hex(0x6b5a3a), 1, 0);
    for (j = 0; j < 12; j++) {
      float px = ex + pt_between(s, -0.04f, 0.04f) * t->k, py = ey + pt_between(s,
          -0.06f, 0.10f) * t->k;
      rgb c = pm_mix(s->pal.accent[1], pm_hex(0xe8d8b8), 0.5f);
      c = pm_scale(c, pt_between(s, 0.6f, 1.1f));
      pt_spot(&s->c, px, py, t->k * 0.018f, t->k * 0.026f, 0.2f, c, 0.9f);
    }
  }
  turned(s, t, p, "M-.14 0C-.30 -.10 -.36 -.30 -.28 -.44C-.22 -.54 -.10 -.56 -.09 -.64"
      "L-.12 -.68C-.06 -.70 .06 -.70 .12 -.68L.09 -.64C.10 -.56 .22 -.54 .28 -.44"
      "C.36 -.30 .30 -.10 .14 0C.08 .02 -.08 .02 -.14 0",
         t->main, 0.34f, 0.35f);
  pt_spot(&s->c, p->ox, p->oy - 0.678f * t->k, 0.105f * t->k, 0.018f * t->k, 0.85f,
      pm_scale(t->main, 0.12f), 1);
}


static void cup (scene *s, const studio *t, path *p) {
  int i;
  pt_spot(&s->c, p->ox, p->oy - 0.01f * t->k, 0.62f * t->k, 0.11f * t->k, 0.96f,
      pm_scale(t->main, 0.75f), 1);
  pt_spot(&s->c, p->ox, p->oy - 0.025f * t->k, 0.60f * t->k, 0.10f * t->k, 0.93f,
      pm_scale(t->main, 1.02f), 1);
  pt_spot(&s->c, p->ox - t->side * 0.06f * t->k, p->oy - 0.02f * t->k, 0.36f * t->k,
      0.06f * t->k, 0.0f, pm_scale(t->main, 0.3f), 0.8f);
  for (i = 0; i < 40; i++) {  /* the ear */
    float a = (float)i / 40.0f * 0.56f - 0.28f;
    pt_spot(&s->c, p->ox + (0.33f + 0.15f * pm_cos(a)) * p->sx,
        p->oy - (0.34f - 0.16f * pm_sin(a)) * t->k,
            t->k * 0.038f, t->k * 0.038f, 0.8f, pm_scale(t->main,
                t->side > 0.0f ? 0.9f : 0.45f), 1);
  }
  turned(s, t, p, "M-.17 -.04C-.32 -.12 -.38 -.34 -.39 -.58L.39 -.58"
      "C.38 -.34 .32 -.12 .17 -.04C.08 -.01 -.08 -.01 -.17 -.04",
         t->main, 0.40f, 0.5f);
  pt_spot(&s->c, p->ox, p->oy - 0.58f * t->k, 0.39f * t->k, 0.085f * t->k, 0.97f,
      pm_scale(t->main, 1.08f), 1);
  pt_spot(&s->c, p->ox, p->oy - 0.575f * t->k, 0.365f * t->k, 0.074f * t->k, 0.96f,
      pm_hex(0x2a150b), 1);
  pt_spot(&s->c, p->ox + t->side * 0.1f * t->k, p->oy - 0.585f * t->k, 0.2f * t->k,
      0.03f * t->k, -0.5f, pm_hex(0xa06a40), 0.7f);
  for (i = 0; i < 3; i++) {  /* steam */
    path q;
    float x = p->ox + ((float)i - 1.0f) * 0.11f * t->k;
    pt_path_init(&q, x, p->oy - 0.62f * t->k, t->k);
    pt_shape(&q, "M0 0C.12 -.14 -.10 -.26 .04 -.46C-.04 -.28 .18 -.16 .05 0");
    pt_halo(s, &q, t->k * 0.03f, pm_rgb(0.13f, 0.13f, 0.13f));
    pt_path_free(&q);
  }
}


static void screen (scene *s, const studio *t, path *p, int laptop) {
  rgb metal = pm_hex(0xb8bcc2), a = s->pal.accent[0], b = s->pal.accent[1];
  if (laptop) {
    plain(s, p, "M-.86 .0L.86 .0L.74 -.10L-.74 -.10", metal, pm_scale(metal, 0.4f),
        t->side * 0.9f, 0, -t->side * 0.9f, 0, 1);
    plain(s, p, "M-.86 0L.86 0L.84 .035L-.84 .035", pm_scale(metal, 0.7f),
        pm_scale(metal, 0.2f), t->side * 0.9f, 0, -t->side * 0.9f, 0, 1);
    plain(s, p, "M-.62 -.03L.62 -.03L.57 -.085L-.57 -.085", pm_hex(0x2a2c30),
        pm_hex(0x1a1b1e), 0, -0.08f, 0, -0.03f, 1);
    pt_path_clear(p);
    pt_round_rect(p, -0.72f, -1.06f, 1.44f, 0.96f, 0.05f);
    body(s, t, p, pm_hex(0x2c2f34), 0.8f, 1);
    plain(s, p, "M-.68 -1.02L.68 -1.02L.68 -.15L-.68 -.15", a, b, -0.6f, -1.0f, 0.6f,
        -0.1f, 1);
    plain(s, p, "M-.68 -.50C-.3 -.72 0 -.36 .68 -.62L.68 -.15L-.68 -.15", pm_scale(b,
        1.1f), pm_scale(a, 0.5f), 0, -0.6f, 0, -0.1f, 0.85f);
  }
  else {
    pt_path_clear(p);
    pt_round_rect(p, -0.27f, -1.06f, 0.54f, 1.06f, 0.08f);
    body(s, t, p, metal, 0.3f, 1);
    pt_path_clear(p);
    pt_round_rect(p, -0.252f, -1.042f, 0.504f, 1.024f, 0.07f);
    {
      brush br = pt_gradient(a, p->ox, p->oy - t->k, b, p->ox + 0.1f * t->k, p->oy);
      pt_fill(s, p, &br);
    }
    plain(s, p, "M-.252 -.42C-.1 -.62 .1 -.26 .252 -.50L.252 -.08"
        "C.252 -.03 .22 -.018 .18 -.018L-.18 -.018C-.22 -.018 -.252 -.03 -.252 -.08",
        pm_scale(b, 1.1f), pm_scale(a, 0.4f), 0, -0.5f, 0, 0, 0.85f);
    pt_path_clear(p);
    pt_round_rect(p, -0.07f, -1.02f, 0.14f, 0.034f, 0.017f);
    {
      brush br = pt_flat(pm_hex(0x060607));
      pt_fill(s, p, &br);
    }
  }
  plain(s, p, laptop ? "M.10 -1.02L.68 -1.02L.68 -.60" : "M0 -1.04L.18 -1.04"
      "C.23 -1.04 .25 -1.01 .25 -.96L.25 -.40",
        pm_rgb(1, 1, 1), pm_rgb(1, 1, 1), 0, 0, 0, 1, 0.08f);
}


static void headphones (scene *s, const studio *t, path *p) {
  rgb c = t->main;
  pt_path_clear(p);
  pt_shape(p, "M-.46 -.34C-.50 -.86 -.26 -1.06 0 -1.06C.26 -1.06 .50 -.86 .46 -.34"
      "L.40 -.34C.42 -.78 .24 -.97 0 -.97C-.24 -.97 -.42 -.78 -.40 -.34");
  body(s, t, p, c, 0.5f, 0.3f);
  plain(s, p, "M-.56 -.42C-.56 -.56 -.36 -.56 -.34 -.42L-.31 -.06"
      "C-.31 .03 -.50 .03 -.53 -.06", pm_scale(c, 1.2f), pm_scale(c, 0.2f),
      t->side * 0.6f, -0.5f, -t->side * 0.2f, 0, 1);
  plain(s, p, "M.56 -.42C.56 -.56 .36 -.56 .34 -.42L.31 -.06"
      "C.31 .03 .50 .03 .53 -.06", pm_scale(c, 1.0f), pm_scale(c, 0.2f),
      t->side * 0.6f, -0.5f, -t->side * 0.4f, 0, 1);
  plain(s, p, "M-.35 -.44C-.27 -.46 -.24 -.36 -.24 -.24"
      "C-.24 -.10 -.26 -.02 -.32 -.03", pm_hex(0x2a2a2c), pm_hex(0x0c0c0d), -0.35f,
      0, -0.2f, 0, 1);
  plain(s, p, "M.35 -.44C.27 -.46 .24 -.36 .24 -.24C.24 -.10 .26 -.02 .32 -.03",
      pm_hex(0x3a3a3c), pm_hex(0x0c0c0d), 0.2f, 0, 0.35f, 0, 1);
}


/* A chair or a car would be a poor likeness; solids on a plinth are honest. */
static void solids (scene *s, const studio *t, path *p) {
  rgb a = s->pal.accent[0], b = s->pal.accent[1], c = pm_mix(s->pal.accent[2],
      pm_hex(0xf2ece2), 0.5f);
  float r = 0.24f * t->k;
  int i, n = 40;
  turned(s, t, p, "M-.62 -.17L-.62 0C-.4 .10 .4 .10 .62 0L.62 -.17", c, 0.7f, 0);
  pt_spot(&s->c, p->ox, p->oy - 0.17f * t->k, 0.62f * t->k, 0.085f * t->k, 0.985f,
      pm_scale(c, 1.08f), 1);
  pt_spot(&s->c, p->ox - t->side * 0.28f * t->k, p->oy - 0.16f * t->k, 0.36f * t->k,
      0.05f * t->k, -0.4f, pm_scale(c, 0.2f), 0.7f);
  pt_path_clear(p);
  pt_shape(p, "M.10 -.17C.16 -.14 .42 -.14 .48 -.17L.48 -.86L.10 -.86");
  body(s, t, p, b, 0.5f, 0);
  pt_spot(&s->c, p->ox + 0.29f * p->sx, p->oy - 0.86f * t->k, 0.19f * t->k,
      0.028f * t->k, 0.95f, pm_scale(b, 1.15f), 1);
  pt_spot(&s->c, p->ox - 0.18f * p->sx, p->oy - 0.165f * t->k, r * 0.9f, r * 0.14f,
      -0.2f, pm_scale(c, 0.12f), 0.85f);
  for (i = n; i > 0; i--) {  /* a ball, from its shade to its light */
    float u = (float)i / (float)n, v = 1.0f - u;
    rgb q = pm_scale(a, 0.12f + 1.05f * v * (2.0f - v));
    q = pm_add(q, pm_scale(pm_rgb(1, 1, 1), 0.5f * v * v * v * v));
    pt_spot(&s->c, p->ox - 0.18f * p->sx + t->side * r * 0.42f * v,
        p->oy - 0.17f * t->k - r - r * 0.42f * v,
            r * u, r * u, 0.95f, q, i == n ? 1.0f : 0.55f);
  }
}


static rgb color_of (const scene *s) {
  static const uint32_t often[] = {0xd9d4cc, 0x2f4f6a, 0xb8553c, 0x34604f};
  int i;
  for (i = 0; i < s->w.colors; i++)
    if (s->w.color[i] != COLOR_WHITE || s->w.colors == 1)
      return pt_color(s->w.color[i]);
  if (s->w.has[HAS_WATCH])
    return pm_hex(0x1c1d20);
  if (s->w.has[HAS_CUP] || s->w.has[HAS_VASE])
    return pm_hex(0xe8e3da);
  return pm_hex(often[s->w.hash & 3]);
}


void pt_product (scene *s) {
  const unsigned char *has = s->w.has;
  studio t;
  path p;
  int wide = has[HAS_SHOE] || has[HAS_LAPTOP], flat;
  float fit = pm_min((float)s->c.w * (wide ? 0.46f : 0.66f),
      (float)s->c.h * (wide ? 0.68f : 0.58f));
  t.side = pt_rand(s) < 0.5f ? -1.0f : 1.0f;
  s->sunx = t.side < 0.0f ? 0.3f : 0.7f;
  t.x = (0.5f + t.side * 0.025f) * (float)s->c.w;
  t.y = 0.765f * (float)s->c.h;
  t.k = pm_min(fit, s->c.u * 0.62f);
  t.main = color_of(s);
  s->g.grain *= 0.6f;
  backdrop(s, 0.64f);
  flat = has[HAS_MARBLE] || s->w.style[STYLE_DARK];
  shade(s, &t, wide ? 0.78f : has[HAS_CUP] ? 0.55f : has[HAS_WATCH] ? 0.24f
        : has[HAS_BOTTLE] ? 0.26f : has[HAS_VASE] ? 0.2f : has[HAS_PHONE] ? 0.3f
            : 0.5f);
  pt_path_init(&p, t.x, t.y, t.k);
  pt_path_turn(&p, 0, has[HAS_SHOE] ? -t.side : 1.0f);
  if (has[HAS_WATCH])
    watch(s, &t, &p);
  else if (has[HAS_SHOE])
    shoe(s, &t, &p);
  else if (has[HAS_BOTTLE])
    bottle(s, &t, &p);
  else if (has[HAS_CUP])
    cup(s, &t, &p);
  else if (has[HAS_LAPTOP] || has[HAS_PHONE])
    screen(s, &t, &p, has[HAS_LAPTOP]);
  else if (has[HAS_HEADPHONES])
    headphones(s, &t, &p);
  else if (has[HAS_VASE])
    vase(s, &t, &p);
  else
    solids(s, &t, &p);
  pt_path_free(&p);
  mirror(s, &t, flat ? 0.42f : 0.14f);
}
