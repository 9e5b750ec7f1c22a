/*
** ridge.c -- mountains and hills: everything below an outline
*/
#include <stdlib.h>
#include <string.h>

#include "scene.h"

#define SUB  4   /* heights taken in a column, for smooth outlines */


typedef struct ridge {
  float base, height;   /* pixels */
  float rough;          /* 0 round hills, 1 rock */
  float freq;
  uint32_t seed;
} ridge;


/* The outline at a place 'u' (in units from the middle): a row in pixels. */
static float outline (const ridge *r, float u, int octaves) {
  float big = 0.5f + 0.5f * pt_noise1(u * r->freq * 0.45f + 3.7f, r->seed + 9U);
  float soft = 0.5f + 0.42f * pt_fbm1(u * r->freq, 3, r->seed);
  float rock = pt_ridged1(u * r->freq, octaves, r->seed);
  float h = pm_lerp(soft, rock * (0.45f + 0.75f * big), r->rough);
  return r->base - r->height * h;
}


/* The colours of a ridge, and what is the same along a row of it. */
typedef struct flank {
  rgb lit, shade, snow_lit, snow_shade, haze;
  float side, facet;        /* where light comes from, how rough slopes are */
  float snow;               /* 0: none, 1: much */
  float alt;                /* height of the row: 0 the foot, 1 the top */
  float hazed;              /* how much of the haze there is */
  int near, close;          /* pixels to where the slope is compared with */
} flank;


/* How much of each pixel of row 'y' is below the outline 'top'. */
FAL_WIDE
static void find_cover (float *restrict cover, int w, float y,
                        const float *restrict top) {
  int x, i;
  for (x = 0; x < w; x++) {
    float c = 0;
    for (i = 0; i < SUB; i++)
      c += pm_sat(y + 1.0f - top[SUB * x + i]);
    cover[x] = c * (1.0f / SUB);
  }
}


/* 'row' is noise, with room behind its end for what the slope is compared
** with. */
FAL_WIDE
static void flank_row (rgb *restrict out, int n, const float *restrict cover,
                       const float *restrict row, const flank *restrict k) {
  const float *near = row + k->near, *close = row + k->close;
  float low = 0.52f - 0.3f * k->snow, high = 0.66f - 0.2f * k->snow;
  float snowy = k->snow > 0.0f ? 0.94f : 0.0f;
  int x;
  for (x = 0; x < n; x++) {
    float d = row[x], l = pm_abs(near[x]) - pm_abs(d), line;
    rgb c;
    l += 1.3f * (close[x] - d);
    l = pm_step(-0.30f, 0.34f, -l * k->side * k->facet + d * 0.25f);
    line = pm_step(low, high, k->alt + d * 0.28f);
    c = pm_mix(pm_mix(k->shade, k->lit, l), pm_mix(k->snow_shade, k->snow_lit, l),
               line * snowy);
    out[x] = pm_mix(out[x], pm_mix(c, k->haze, k->hazed), cover[x]);
  }
}


/* Paints from the first covered pixel of a row to the last. */
static void paint_flank (canvas *c, int y, const float *cover, const float *row,
                         const flank *k) {
  int from = 0, to = c->w;
  while (from < to && cover[from] <= 0.0f)
    from++;
  while (to > from && cover[to - 1] <= 0.0f)
    to--;
  flank_row(pt_at(c, from, y), to - from, cover + from, row + from, k);
}


static flank flank_of (const scene *s, float rough, rgb color) {
  const palette *p = &s->pal;
  flank k;
  k.lit = pm_add(pm_mul(color, pm_scale(p->sun, 0.75f)), pm_mul(color, p->ambient));
  k.shade = pm_mul(color, pm_scale(p->ambient, 0.75f));
  k.snow_lit = pm_add(pm_scale(p->sun, 0.55f), pm_scale(p->ambient, 0.4f));
  k.snow_shade = pm_mix(p->ambient, pm_scale(p->zenith, 1.2f), 0.35f);
  k.side = s->sunx < 0.5f ? 1.0f : -1.0f;
  k.facet = rough > 0.3f ? 2.5f : 0.7f;
  k.snow = rough < 0.5f ? 0.0f : s->w.has[HAS_SNOW] ? 1.0f : 0.55f;
  k.near = (int)(s->c.u * 0.012f) + 1;
  k.close = k.near / 4 + 1;
  return k;
}


/* Paints everything below an outline: lit and shaded slopes, snow above the
** snow line, and haze gathering at the foot. */
void pt_ridge (scene *s, float base, float height, float rough, float dist,
               rgb color, uint32_t seed) {
  ridge r;
  flank k = flank_of(s, rough, color);
  int w = s->c.w, y, i, from = s->c.h, to;
  float inv = 1.0f / s->c.u, f = inv * (rough > 0.3f ? 8.0f : 3.4f);
  float *top = malloc(((size_t)w * (SUB + 2) + (size_t)k.near) * sizeof(float));
  float *cover, *row;
  if (top == NULL) {
    s->failed = 1;
    return;
  }
  cover = top + (size_t)w * SUB;
  row = cover + w;
  r.base = base * (float)s->c.h;
  r.height = height * pt_tall(s);
  r.rough = rough;
  r.freq = pm_lerp(1.5f, 1.9f, rough);
  r.seed = seed;
  for (i = 0; i < w * SUB; i++) {
    float u = (((float)i + 0.5f) / SUB - 0.5f * (float)w) * inv;
    top[i] = outline(&r, u, s->octaves + 1);
    if (top[i] < (float)from)
      from = (int)top[i];
  }
  from = from < 0 ? 0 : from;
  to = (int)(r.base + 0.13f * (float)s->c.h);
  to = to > s->c.end ? s->c.end : to;
  for (y = from; y < to; y++) {
    float fall = (float)y * inv;
    pt_fbm_row(row, w, -0.5f * (float)w * f + fall * k.side * 3.6f, f,
               fall * 5.6f, s->octaves, seed + 21U);
    for (i = 0; i < k.near; i++)
      row[w + i] = row[w - 1];
    k.alt = (r.base - (float)y) / pm_max(r.height, 1.0f);
    k.hazed = pt_haze_at(s, dist * (0.55f + 0.9f * (1.0f - pm_sat(k.alt * 1.3f))),
                         &k.haze);
    find_cover(cover, w, (float)y, top);
    paint_flank(&s->c, y, cover, row, &k);
  }
  for (y = to; y < s->c.end && to > 0; y++)  /* solid ground below */
    memcpy(pt_at(&s->c, 0, y), pt_at(&s->c, 0, to - 1), (size_t)w * sizeof(rgb));
  free(top);
}
