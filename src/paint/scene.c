/*
** scene.c -- from a request to a finished picture
**
** The canvas may be larger than a small picture (and is averaged down) or
** smaller than a huge one (and is drawn out); the grade is done on the way.
*/
#include <stdlib.h>
#include <string.h>

#include "scene.h"

#define MINPIXELS  300000    /* pictures are painted with at least about this */
#define MAXPIXELS  25000000  /* and at most this many pixels */
#define TONES      4096      /* entries of the table they are developed by */


/* ---- chance ---- */

static uint64_t next64 (uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}


float pt_rand (scene *s) {
  return pm_unit((uint32_t)(next64(&s->rng) >> 32));
}


float pt_between (scene *s, float lo, float hi) {
  return lo + (hi - lo) * pt_rand(s);
}


int pt_pick (scene *s, int n) {
  return (int)(pt_rand(s) * (float)n);
}


int pt_stop (const scene *s) {
  return s->failed || (s->canceled != NULL && s->canceled(s->ud));
}


/* ---- what to paint ---- */

typedef void (*painter) (scene *s);

static const painter painters[SUBJECTS] = {
  pt_abstract, pt_land, pt_aerial, pt_city, pt_street, pt_room, pt_product,
  pt_food, pt_graph, pt_space, pt_abstract, pt_portrait, pt_land
};


/* A prompt with no subject gets one from its hour, its colours or itself. */
static void choose_subject (scene *s) {
  words *w = &s->w;
  if (w->subject != SUBJECT_NONE)
    return;
  if (w->hour != HOUR_ANY)
    w->subject = w->hash % 3 == 0 ? SUBJECT_CITY : SUBJECT_LAND;
  else if (w->colors > 0 || w->hash % 3 != 0)
    w->subject = SUBJECT_ABSTRACT;
  else
    w->subject = SUBJECT_LAND;
}


static void choose_grade (scene *s) {
  const unsigned char *st = s->w.style;
  grade *g = &s->g;
  g->exposure = 1.0f;
  g->contrast = 0.14f;
  g->saturation = 1.06f;
  g->vignette = 0.22f;
  g->grain = 0.010f;
  g->paper = 0.006f;
  g->bloom = 0.10f;
  g->shadows = g->lights = pm_rgb(1, 1, 1);
  if (st[STYLE_CINEMATIC]) {
    g->contrast = 0.26f;
    g->vignette = 0.34f;
    g->shadows = pm_rgb(0.86f, 1.0f, 1.12f);
    g->lights = pm_rgb(1.06f, 1.0f, 0.92f);
  }
  if (st[STYLE_NEON] || st[STYLE_VIVID])
    g->saturation = 1.28f;
  if (st[STYLE_NEON])
    g->bloom = 0.28f;
  if (st[STYLE_PASTEL] || st[STYLE_WATERCOLOR]) {
    g->saturation = 0.84f;
    g->contrast = 0.0f;
    g->exposure = 1.12f;
  }
  if (st[STYLE_WATERCOLOR]) {
    g->paper = 0.035f;
    g->vignette = -0.16f;
  }
  if (st[STYLE_VINTAGE]) {
    g->saturation = 0.66f;
    g->grain = 0.022f;
    g->shadows = pm_rgb(1.12f, 1.0f, 0.84f);
    g->lights = pm_rgb(1.06f, 1.0f, 0.84f);
  }
  if (st[STYLE_NOIR]) {
    g->saturation = 0.0f;
    g->contrast = 0.4f;
    g->grain = 0.024f;
    g->vignette = 0.42f;
  }
  if (st[STYLE_DARK])
    g->exposure *= 0.82f;
  if (st[STYLE_MINIMAL])
    g->vignette *= 0.5f;
}


/* ---- bloom ---- */

#define COARSE  8

/* The bright parts at an eighth of the size. */
static void bright (const canvas *c, canvas *out) {
  int i, j, k, l;
  for (j = 0; j < out->h; j++)
    for (i = 0; i < out->w; i++) {
      rgb sum = {0, 0, 0};
      int n = 0;
      for (l = j * COARSE; l < (j + 1) * COARSE && l < c->h; l += 2)
        for (k = i * COARSE; k < (i + 1) * COARSE && k < c->w; k += 2, n++) {
          rgb p = *pt_at(c, k, l);
          float lum = pm_lum(p);
          float over = pm_min(pm_max(lum - 0.55f, 0.0f), 2.0f);
          sum = pm_add(sum, pm_scale(p, over / (lum + 0.01f)));
        }
      *pt_at(out, i, j) = pm_scale(sum, 1.0f / (float)(n > 0 ? n : 1));
    }
}


static void blur_line (rgb *a, int n, size_t stride, int r, rgb *tmp) {
  rgb sum = {0, 0, 0};
  float k = 1.0f / (float)(2 * r + 1);
  int i;
  for (i = 0; i < n; i++)
    tmp[i] = a[(size_t)i * stride];
  for (i = 0; i <= r && i < n; i++)
    sum = pm_add(sum, tmp[i]);
  for (i = 0; i < n; i++) {
    a[(size_t)i * stride] = pm_scale(sum, k);
    if (i + r + 1 < n)
      sum = pm_add(sum, tmp[i + r + 1]);
    if (i - r >= 0)
      sum = pm_add(sum, pm_scale(tmp[i - r], -1.0f));
  }
}


/* What shines also shines a little around itself. */
static void bloom (scene *s) {
  canvas b;
  rgb *tmp;
  int i, pass, r = (int)(s->c.u * 0.03f / COARSE) + 1;
  b.w = (s->c.w + COARSE - 1) / COARSE;
  b.h = (s->c.h + COARSE - 1) / COARSE;
  b.px = malloc((size_t)b.w * (size_t)b.h * sizeof(rgb));
  tmp = malloc((size_t)(b.w > b.h ? b.w : b.h) * sizeof(rgb));
  if (b.px == NULL || tmp == NULL)
    s->failed = 1;
  else {
    bright(&s->c, &b);
    for (pass = 0; pass < 3; pass++) {
      for (i = 0; i < b.h; i++)
        blur_line(pt_at(&b, 0, i), b.w, 1, r, tmp);
      for (i = 0; i < b.w; i++)
        blur_line(b.px + i, b.h, (size_t)b.w, r, tmp);
    }
    for (i = 0; i < s->c.h; i++) {
      int k;
      for (k = 0; k < s->c.w; k++)
        *pt_at(&s->c, k, i) = pm_add(*pt_at(&s->c, k, i),
          pm_scale(pt_sample(&b, ((float)k + 0.5f) / COARSE - 0.5f,
                             ((float)i + 0.5f) / COARSE - 0.5f),
                   s->g.bloom * 4.0f));
    }
  }
  free(tmp);
  free(b.px);
}


/* ---- developing ---- */

/* Tones are looked up by the upper bits of a float: 256 steps in each of 16
** doublings of the light, from 2^-14 to 4. */
#define LEAST  0x38800000U   /* the bits of 2^-14 */

static float light_of (uint32_t bits) {
  union { uint32_t u; float f; } v;
  v.u = bits;
  return v.f;
}


/* Linear light to sRGB, with a soft shoulder and a little contrast. */
static void make_tones (const grade *g, float *tone) {
  uint32_t i;
  for (i = 0; i < TONES; i++) {
    float x = light_of(LEAST + (i << 15)), v;
    if (x > 0.62f) {
      float t = (x - 0.62f) / 0.38f;
      x = 0.62f + 0.38f * t / (1.0f + t) * 1.12f;
    }
    x = pm_min(x, 1.0f);
    v = pm_sqrt(x);
    v = 0.585122381f * v + 0.783140355f * pm_sqrt(v)
        - 0.368262736f * pm_sqrt(pm_sqrt(v));
    v = pm_max(v, 0.0f);
    v = pm_lerp(v, v * v * (3.0f - 2.0f * v), g->contrast);
    tone[i] = pm_sat(v) * 255.0f;
  }
}


static uint8_t develop (const float *tone, float x, float noise) {
  union { uint32_t u; float f; } v;
  uint32_t i;
  float t;
  v.f = pm_clamp(x, 6.2e-5f, 3.99f);
  i = (v.u - LEAST) >> 15;
  t = pm_lerp(tone[i], tone[i < TONES - 1 ? i + 1 : i],
              (float)(int)(v.u & 0x7FFF) * (1.0f / 32768.0f));
  t += 0.5f + noise;
  return (uint8_t)(t < 0.0f ? 0 : t > 255.0f ? 255 : (int)t);
}


/* One pixel of the picture from the canvas: an average of 'k' by 'k', or
** one between pixels when the picture is the larger. */
static rgb pull (const canvas *c, int x, int y, int k, float fx, float fy) {
  rgb sum = {0, 0, 0};
  int i, j;
  if (k == 1 && fx == 1.0f)
    return *pt_at(c, x, y);
  if (k == 1)
    return pt_sample(c, ((float)x + 0.5f) * fx - 0.5f,
                     ((float)y + 0.5f) * fy - 0.5f);
  for (j = 0; j < k; j++)
    for (i = 0; i < k; i++)
      sum = pm_add(sum, *pt_at(c, x * k + i, y * k + j));
  return pm_scale(sum, 1.0f / (float)(k * k));
}


static void develop_row (scene *s, fal_image *im, int y, int k,
                         const float *tone, float *paper) {
  const grade *g = &s->g;
  int w = (int)im->width, h = (int)im->height, x;
  float fx = (float)s->c.w / (float)w, fy = (float)s->c.h / (float)h;
  float v = ((float)y + 0.5f) / (float)h * 2.0f - 1.0f;
  float su = (float)k / s->c.u * (k > 1 ? 1.0f : fx);
  uint8_t *out = im->pixels + (size_t)y * (size_t)w * 3;
  pt_fbm_row(paper, w, 0.0f, su * 160.0f, (float)y * su * 160.0f, 2, 77U);
  for (x = 0; x < w; x++, out += 3) {
    float u = ((float)x + 0.5f) / (float)w * 2.0f - 1.0f;
    uint32_t r = pm_hash2(x, y, s->seed);
    float edge = (u * u + v * v) * 0.5f;
    float noise = ((float)(r & 255) + (float)(r >> 8 & 255)) / 255.0f - 1.0f;
    float dither = (float)(r >> 16 & 255) / 255.0f - 0.5f;
    rgb c = pull(&s->c, x, y, k, fx, fy);
    float l, m;
    m = g->exposure * (1.0f - g->vignette * edge * (0.4f + 0.6f * edge))
        * (1.0f + g->paper * 2.0f * paper[x]);
    c = pm_scale(c, m);
    l = pm_sat(pm_lum(c) * 1.5f);
    c = pm_mul(c, pm_mix(g->shadows, g->lights, pm_sqrt(l)));
    c = pm_saturate(c, g->saturation);
    noise = noise * g->grain * 255.0f * (1.0f - 0.6f * l);
    out[0] = develop(tone, c.r, noise + dither);
    out[1] = develop(tone, c.g, noise + dither);
    out[2] = develop(tone, c.b, noise + dither);
  }
}


static fal_code finish (scene *s, fal_image *im, int k, fal_error *err) {
  float *tone = malloc((TONES + (size_t)im->width) * sizeof(float));
  int y, stop = 0;
  if (tone == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  make_tones(&s->g, tone);
  for (y = 0; y < (int)im->height && !stop; y++) {
    develop_row(s, im, y, k, tone, tone + TONES);
    stop = y % 64 == 63 && pt_stop(s);
  }
  free(tone);
  return stop ? fal_fail(err, FAL_ECANCELED, "painting was canceled") : FAL_OK;
}


/* ---- the whole ---- */

/* Sets the canvas size for a picture; returns pixels averaged into one. */
static int measure (canvas *c, uint32_t width, uint32_t height) {
  float w = (float)width, h = (float)height, side;
  int k = 1;
  while (k < 16 && w * h * (float)((k + 1) * (k + 1)) < MINPIXELS)
    k++;
  c->w = (int)width * k;
  c->h = (int)height * k;
  if (w * h > MAXPIXELS) {
    float f = pm_sqrt(MAXPIXELS / (w * h));
    c->w = (int)(w * f);
    c->h = (int)(h * f);
  }
  side = pm_min((float)c->w, (float)c->h);
  c->u = pm_min(pm_sqrt((float)c->w * (float)c->h), side * 1.7f);
  return k;
}


static void prepare (scene *s, const fal_paint *p) {
  int steps = p->steps > 0 ? p->steps : 28;
  pt_words(&s->w, p->prompt != NULL ? p->prompt : "",
           p->prompt != NULL ? p->prompt_n : 0);
  s->rng = p->seed ^ (s->w.hash * 0x9E3779B97F4A7C15ULL);
  s->seed = (uint32_t)(next64(&s->rng) >> 32);
  s->octaves = steps < 3 ? 4 : steps < 8 ? 5 : steps < 30 ? 6 : 7;
  choose_subject(s);
  choose_grade(s);
  pt_palette(s);
}


fal_code fal_paint_scene (const fal_paint *p, fal_image *out,
                          int (*canceled) (void *ud), void *ud,
                          fal_error *err) {
  scene s;
  fal_code code;
  int k;
  memset(&s, 0, sizeof(s));
  s.canceled = canceled;
  s.ud = ud;
  code = fal_image_new(out, p->width, p->height, 3, NULL, err);
  if (code != FAL_OK)
    return code;
  k = measure(&s.c, p->width, p->height);
  s.c.px = calloc((size_t)s.c.w * (size_t)s.c.h, sizeof(rgb));
  if (s.c.px == NULL)
    s.failed = 1;
  else {
    prepare(&s, p);
    painters[s.w.subject](&s);
    if (!pt_stop(&s))
      bloom(&s);
  }
  if (s.failed)
    code = fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  else if (pt_stop(&s))
    code = fal_fail(err, FAL_ECANCELED, "painting was canceled");
  else
    code = finish(&s, out, k, err);
  free(s.c.px);
  if (code != FAL_OK)
    fal_image_free(out);
  else
    pt_caption(out, p);
  return code;
}
