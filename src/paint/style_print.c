/*
** style_print.c -- flat ways of drawing: pixels, posters, paper, comics
*/
#include <stdlib.h>

#include "style.h"


/* ---- pixels ---- */

static rgb cell_mean (const look *k, int x0, int y0, int size) {
  rgb sum = {0, 0, 0};
  int x, y, n = 0;
  for (y = y0; y < y0 + size && y < k->h; y++)
    for (x = x0; x < x0 + size && x < k->w; x++, n++)
      sum = pm_add(sum, st_get(k->in, k->w, x, y));
  return pm_scale(sum, 1.0f / (float)n);
}


/* To one of 'n' steps, by an ordered dither of four by four. */
static float dithered (float v, int i, int j, int n) {
  static const float bayer[16] = {
    0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5
  };
  float t = (bayer[(j & 3) * 4 + (i & 3)] + 0.5f) / 16.0f - 0.5f;
  int step = (int)(pm_sat(v) * (float)(n - 1) + 0.5f + t * 0.34f);
  return (float)step / (float)(n - 1);
}


int st_pixel (const look *k) {
  int size = st_size(k, 7.5f + 4.0f * st_trait(k, 1), 2), i, j, x, y;
  int n = 7 + (int)(st_trait(k, 2) * 4.0f);
  for (j = 0; j * size < k->h; j++)
    for (i = 0; i * size < k->w; i++) {
      rgb c = cell_mean(k, i * size, j * size, size);
      float l = st_light(c);
      c = pm_mix(pm_rgb(l, l, l), c, 1.35f);
      c = pm_mix(pm_rgb(0.5f, 0.5f, 0.5f), c, 1.12f);
      c = pm_mix(c, st_ramp(k, l * 4.0f), 0.22f);
      c = pm_rgb(dithered(c.r, i, j, n), dithered(c.g, i, j, n),
                 dithered(c.b, i, j, n));
      for (y = j * size; y < (j + 1) * size && y < k->h; y++)
        for (x = i * size; x < (i + 1) * size && x < k->w; x++)
          st_put(k->out, k->w, x, y, c);
    }
  return 1;
}


/* ---- tones: what posters and cut paper begin with ---- */

/* The smoothed picture in k->out and its light, stretched, in 'tone'. */
static int tones (const look *k, float smooth, int blur, plane *tone) {
  if (!st_smooth(k, st_size(k, smooth, 2), k->out)
      || !st_luma(k, k->out, tone))
    return 0;
  if (!pl_blur(tone, blur, 1)) {
    pl_free(tone);
    return 0;
  }
  pl_stretch(tone, 0.02f, 0.98f, 0.5f);
  return 1;
}


int st_poster (const look *k) {
  plane tone;
  int x, y;
  if (!tones(k, 7.0f, st_size(k, 1.2f, 1), &tone))
    return 0;
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      float s = st_steps(*pl_at(&tone, x, y), 5, 0.06f);
      float grain = pm_unit(pm_hash2(x, y, k->seed)) - 0.5f;
      rgb c = st_ramp(k, s), own = st_get(k->out, k->w, x, y);
      float l = st_light(own), cl = st_light(c);
      rgb tint = pm_add(pm_scale(own, 1.0f), pm_rgb(cl - l, cl - l, cl - l));
      c = pm_mix(c, tint, 0.22f);
      st_put(k->out, k->w, x, y, pm_add(c, pm_scale(pm_rgb(1, 1, 1), grain * 0.025f)));
    }
  pl_free(&tone);
  return 1;
}


/* ---- paper ---- */

#define SHEETS  6

/* How much of the sheet above a place throws its shadow there. */
static float cast (const plane *sheet, float x, float y, float reach) {
  float here = pl_sample(sheet, x, y), most = 0.0f;
  int i;
  for (i = 1; i <= 4; i++) {
    float d = reach * (float)i * 0.25f;
    float above = pl_sample(sheet, x - d * 0.7f, y - d) - here;
    most = pm_max(most, pm_sat(above) * (1.1f - 0.2f * (float)i));
  }
  return most;
}


/* The lightest sheet lies lowest, as if lit from behind; or highest. */
int st_papercut (const look *k) {
  plane sheet;
  float reach = (float)st_size(k, 9.0f, 3);
  int x, y, up = st_trait(k, 1) < 0.3f;
  size_t i, n = (size_t)k->w * (size_t)k->h;
  if (!tones(k, 9.0f, st_size(k, 4.0f, 2), &sheet))
    return 0;
  for (i = 0; i < n; i++) {
    float s = st_steps(sheet.v[i], SHEETS, 0.10f);
    sheet.v[i] = up ? s : (float)(SHEETS - 1) - s;
  }
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      float s = *pl_at(&sheet, x, y), t = up ? s : (float)(SHEETS - 1) - s;
      rgb c = st_ramp(k, t * 4.0f / (SHEETS - 1)), own = st_get(k->out, k->w, x, y);
      float l = st_light(own), cl = st_light(c), rim;
      float shadow = cast(&sheet, (float)x, (float)y, reach);
      c = pm_mix(c, pm_add(own, pm_rgb(cl - l, cl - l, cl - l)), 0.38f);
      rim = pm_sat(s - pl_sample(&sheet, (float)x - 1.5f, (float)y - 1.5f));
      c = pm_scale(c, 1.0f - 0.5f * shadow);
      c = pm_add(c, pm_scale(pm_rgb(1, 1, 1), 0.16f * rim + 0.035f * st_paper(k, x, y)));
      st_put(k->out, k->w, x, y, c);
    }
  pl_free(&sheet);
  return 1;
}


/* ---- comics ---- */

/* A dot of a screen at an angle of about 27 degrees, of a size that covers a
** share 'v' of the paper: 1 inside. */
static float dot (float x, float y, float pitch, float v) {
  float a = (x * 0.894427f + y * 0.447214f) / pitch;
  float b = (y * 0.894427f - x * 0.447214f) / pitch;
  float dx = a - (float)pm_floor(a) - 0.5f, dy = b - (float)pm_floor(b) - 0.5f;
  float r = pm_sqrt(v * 0.3183f), soft = 1.0f / pitch;
  return pm_step(r + soft, r - soft, pm_sqrt(dx * dx + dy * dy));
}


int st_comic (const look *k) {
  plane line, tone;
  float pitch = (float)st_size(k, 8.0f + 4.0f * st_trait(k, 1), 4);
  int x, y;
  if (!tones(k, 5.0f, 1, &tone))
    return 0;
  if (!st_lines(k, k->out, st_size(k, 2.6f, 1), 9.0f, &line)) {
    pl_free(&tone);
    return 0;
  }
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      rgb c = st_get(k->out, k->w, x, y);
      float l = st_light(c), t = *pl_at(&tone, x, y), want;
      want = 0.25f + 0.25f * st_steps(t, 4, 0.08f);
      c = pm_mix(pm_rgb(l, l, l), c, 1.55f);
      c = pm_add(c, pm_scale(pm_rgb(1, 1, 1), want - l));
      c = pm_mix(c, pm_scale(c, 0.62f), dot((float)x, (float)y, pitch, pm_sat(0.75f - t)));
      c = pm_mix(c, pm_rgb(1.0f, 0.98f, 0.93f), 0.06f);
      c = pm_mix(c, k->ink[0], *pl_at(&line, x, y));
      st_put(k->out, k->w, x, y, c);
    }
  pl_free(&line);
  pl_free(&tone);
  return 1;
}


/* ---- blueprints ---- */

static float grid (int x, int y, int pitch) {
  int fine = x % pitch == 0 || y % pitch == 0;
  int broad = x % (pitch * 5) == 0 || y % (pitch * 5) == 0;
  return broad ? 0.16f : fine ? 0.07f : 0.0f;
}


int st_blueprint (const look *k) {
  plane line, tone;
  int pitch = st_size(k, 24.0f, 6), x, y;
  rgb paper = pm_mix(pm_rgb(0.06f, 0.20f, 0.44f), k->ink[1], 0.25f * st_trait(k, 1));
  if (!tones(k, 4.0f, 1, &tone))
    return 0;
  if (!st_lines(k, k->out, st_size(k, 2.6f, 1), 22.0f, &line)) {
    pl_free(&tone);
    return 0;
  }
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      float t = *pl_at(&tone, x, y), a;
      int hatch = (x + y) % (pitch / 3 + 2) == 0 && t > 0.62f;
      rgb c = pm_scale(paper, 0.82f + 0.35f * t + 0.06f * st_paper(k, x, y));
      a = pm_max(*pl_at(&line, x, y), grid(x, y, pitch) + (hatch ? 0.12f : 0.0f));
      st_put(k->out, k->w, x, y, pm_mix(c, pm_rgb(0.90f, 0.95f, 1.0f), a));
    }
  pl_free(&line);
  pl_free(&tone);
  return 1;
}
