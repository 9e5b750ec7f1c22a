/*
** palette.c -- the colours of the hours, and those that have names
*/
#include <string.h>

#include "scene.h"

typedef struct sky_colors {
  uint32_t zenith, mid, horizon, sun, ambient, haze;
  float power;    /* of the direct light */
  float dark;
} sky_colors;

/* Two of each hour, for the seed to choose from. */
static const sky_colors hours[][2] = {
  {{0x2f78c8, 0x7fb6e6, 0xd6e8ee, 0xfff3df, 0x9db9d6, 0xbfd6e6, 1.4f, 0},
   {0x4b86c6, 0xa4c8e4, 0xf0e6d6, 0xffeccb, 0xa5b8cc, 0xcfdbe2, 1.4f, 0}},
  {{0x39466f, 0x9d86ab, 0xf7c9a4, 0xffc891, 0x7f83a6, 0xd9b3b0, 1.1f, 0.25f},
   {0x2d4a73, 0x86a0bd, 0xfbd9a8, 0xffd59a, 0x7d91ac, 0xd6c3b8, 1.1f, 0.25f}},
  {{0x4a8ccc, 0x9ccbe8, 0xf4ecd2, 0xfff0cc, 0xa4bfd4, 0xd4e0e0, 1.4f, 0},
   {0x5f9bd0, 0xb4d4e4, 0xfae6cc, 0xffe9c2, 0xb0bfca, 0xdcdfd8, 1.4f, 0}},
  {{0x1f6fc4, 0x62abe6, 0xcfe7f2, 0xfff8ea, 0x9cbddc, 0xb4d2e8, 1.6f, 0},
   {0x2a7bd0, 0x77b8ea, 0xdcecf0, 0xfff8ea, 0xa0bfd8, 0xbed6e6, 1.6f, 0}},
  {{0x4f75a6, 0xc9b29a, 0xffcf80, 0xffcf82, 0x8c8fa0, 0xeac59a, 1.5f, 0.1f},
   {0x5a6f9c, 0xdcae8c, 0xffc271, 0xffc06a, 0x8f88a0, 0xe8b58a, 1.5f, 0.1f}},
  {{0x27345f, 0xa8527a, 0xffa04e, 0xffb057, 0x5f5578, 0xd47e66, 1.3f, 0.3f},
   {0x2a4a78, 0xc9706a, 0xffb85c, 0xffb45c, 0x646280, 0xdb8f68, 1.3f, 0.3f}},
  {{0x141d45, 0x4b427f, 0xe08f82, 0xf0a08c, 0x3c416c, 0x6f5f8e, 0.6f, 0.55f},
   {0x12264c, 0x3d5a8a, 0xe3a98c, 0xf0b596, 0x3a4a70, 0x647a9c, 0.6f, 0.55f}},
  {{0x050a1c, 0x0e1d40, 0x27406a, 0xc4d4ee, 0x16223c, 0x1d3052, 0.42f, 1},
   {0x07091f, 0x171a44, 0x3a3a6c, 0xccd0f0, 0x1b2040, 0x282c55, 0.42f, 1}}
};

static const uint32_t named[COLORS] = {
  0xd8262c, 0xf2762a, 0xf4c430, 0x3b9b4f, 0x1aa7a0, 0x2367cf, 0x1b2a63,
  0x7a3fb5, 0xec5f9c, 0x7c5034, 0xe2cfae, 0xf3f1ec, 0x17181b, 0x8b9096,
  0xd9a441, 0xa6d42a
};

/* Fives that go together, for pictures whose prompt names no colour. */
static const uint32_t families[][3] = {
  {0x1f7a8c, 0xf4a259, 0xbc4b51}, {0x2a4d8f, 0xf28482, 0xf6bd60},
  {0x355070, 0xe56b6f, 0xeaac8b}, {0x1d6b5f, 0xe9c46a, 0xe76f51},
  {0x4a3f8f, 0xf2a1b0, 0x59c3c3}, {0x264653, 0x2a9d8f, 0xf4a261},
  {0x6d2e46, 0xd5a574, 0x3f7d6e}, {0x22577a, 0x57cc99, 0xffd166}
};


rgb pt_color (int color) {
  return pm_hex(named[color]);
}


/* The named colours, filled up with one another's kin. */
static void accents (scene *s) {
  palette *p = &s->pal;
  const uint32_t *f = families[pt_pick(s, (int)(sizeof(families)
                                               / sizeof(families[0])))];
  int i;
  for (i = 0; i < 3; i++)
    p->accent[i] = pm_hex(f[i]);
  for (i = 0; i < s->w.colors; i++)
    p->accent[i] = pt_color(s->w.color[i]);
  if (s->w.colors == 1) {  /* one name: a lighter and a deeper of the same */
    rgb c = p->accent[0];
    p->accent[1] = pm_mix(c, pm_hex(0xfff1dc), 0.55f);
    p->accent[2] = pm_add(pm_scale(c, 0.35f), pm_rgb(0.004f, 0.005f, 0.012f));
  }
  else if (s->w.colors == 2)
    p->accent[2] = pm_mix(pm_mix(p->accent[0], p->accent[1], 0.5f),
                          pm_hex(0xfff1dc), 0.5f);
}


/* Hours have a time of their own when none is named. */
static day_hour some_hour (scene *s) {
  static const day_hour often[] = {
    HOUR_GOLDEN, HOUR_SUNSET, HOUR_MORNING, HOUR_DUSK, HOUR_DAWN, HOUR_GOLDEN
  };
  int i = pt_pick(s, 6), k;
  day_hour h = often[i];
  for (k = 1; k < 6 && s->w.no_hour[h]; k++)
    h = often[(i + k) % 6];
  if (s->w.has[HAS_RAIN] || s->w.has[HAS_STORM])
    h = HOUR_DUSK;
  if (s->w.style[STYLE_NEON] || s->w.style[STYLE_DARK])
    h = HOUR_NIGHT;
  if (s->w.has[HAS_BEACH] || (s->w.has[HAS_SEA] && s->w.colors > 0
                              && s->w.color[0] == COLOR_TEAL))
    h = HOUR_NOON;
  if (s->w.style[STYLE_BRIGHT] || s->w.style[STYLE_AERIAL]
      || s->w.has[HAS_CLEAR])
    h = HOUR_MORNING;
  return h;
}


/* Gray weather takes colour and light out of an hour. */
static void overcast (palette *p, float k) {
  rgb gray = pm_scale(pm_hex(0x9aa7b4), 1.0f - 0.85f * p->dark);
  p->zenith = pm_mix(p->zenith, pm_scale(gray, 0.55f), k);
  p->mid = pm_mix(p->mid, pm_scale(gray, 0.8f), k);
  p->horizon = pm_mix(p->horizon, pm_mix(gray, p->horizon, 0.35f), k);
  p->haze = pm_mix(p->haze, gray, k * 0.8f);
  p->sun = pm_scale(p->sun, 1.0f - 0.6f * k);
}


/* Named colours seep into the sky, the first one most. */
static void tint (scene *s) {
  palette *p = &s->pal;
  int i;
  for (i = 0; i < s->w.colors; i++) {
    rgb c = p->accent[i];
    float l = pm_lum(c), k = i == 0 ? 0.34f : 0.26f;
    rgb *at = i == 0 ? &p->mid : i == 1 ? &p->horizon : &p->zenith;
    if (l < 0.002f)
      continue;
    *at = pm_mix(*at, pm_scale(c, pm_min(pm_lum(*at) / l, 4.0f)), k);
  }
}


void pt_palette (scene *s) {
  palette *p = &s->pal;
  const sky_colors *h;
  if (s->w.hour == HOUR_ANY)
    s->w.hour = some_hour(s);
  h = &hours[s->w.hour][pt_pick(s, 2)];
  p->zenith = pm_hex(h->zenith);
  p->mid = pm_hex(h->mid);
  p->horizon = pm_hex(h->horizon);
  p->sun = pm_scale(pm_hex(h->sun), h->power);
  p->ambient = pm_hex(h->ambient);
  p->haze = pm_hex(h->haze);
  p->dark = h->dark;
  if (s->w.has[HAS_STORM])
    overcast(p, 0.94f);
  else if (s->w.has[HAS_RAIN] || s->w.has[HAS_FOG])
    overcast(p, 0.5f);
  else if (s->w.colors > 0 && s->w.color[0] == COLOR_GRAY)
    overcast(p, 0.55f);
  accents(s);
  if (s->w.subject != SUBJECT_PRODUCT && s->w.subject != SUBJECT_ANIMAL)
    tint(s);
}


float pt_haze_at (const scene *s, float distance, rgb *color) {
  *color = pm_mix(s->pal.haze, s->pal.mid, 0.45f * pm_sat(1.2f - distance));
  return 1.0f - pm_exp(-distance * (s->w.has[HAS_FOG] ? 1.6f : 1.0f));
}


rgb pt_haze (const scene *s, rgb c, float distance) {
  rgb color;
  float k = pt_haze_at(s, distance, &color);
  return pm_mix(c, color, k);
}
