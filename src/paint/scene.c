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


float pt_tall (const scene *s) {
  return pm_min(s->c.u, (float)s->c.h * 1.1f);
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


/* What the request asks for besides its words. */
static void adjust_grade (scene *s, const fal_paint *p) {
  float a = pm_clamp((float)p->adherence, -1.0f, 1.0f);
  grade *g = &s->g;
  g->contrast += 0.22f * a;
  g->saturation *= 1.0f + 0.28f * a;
  if (p->raw) {
    g->contrast *= 0.4f;
    g->saturation *= 0.88f;
    g->vignette *= 0.4f;
    g->bloom *= 0.4f;
  }
  if (p->texture != 0) {
    uint32_t h = pm_hash(p->texture);
    s->seed ^= h;
    g->grain *= 0.5f + 1.8f * pm_unit(h);
    g->paper += 0.02f * pm_unit(pm_hash(h));
  }
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
  c->end = c->h;
  side = pm_min((float)c->w, (float)c->h);
  c->u = pm_min(pm_sqrt((float)c->w * (float)c->h), side * 1.7f);
  return k;
}


static void prepare (scene *s, const fal_paint *p) {
  int steps = p->steps > 0 ? p->steps : 28;
  pt_words(&s->w, p->prompt != NULL ? p->prompt : "",
           p->prompt != NULL ? p->prompt_n : 0, p->negative, p->negative_n);
  s->rng = p->seed ^ (s->w.hash * 0x9E3779B97F4A7C15ULL);
  s->seed = (uint32_t)(next64(&s->rng) >> 32);
  s->octaves = steps < 3 ? 4 : steps < 8 ? 5 : steps < 30 ? 6 : 7;
  choose_subject(s);
  choose_grade(s);
  adjust_grade(s, p);
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
  }
  if (s.failed)
    code = fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  else if (pt_stop(&s))
    code = fal_fail(err, FAL_ECANCELED, "painting was canceled");
  else
    code = pt_develop(&s, out, k, err);
  free(s.c.px);
  if (code != FAL_OK)
    fal_image_free(out);
  else if (!p->unlabeled)
    fal_paint_label(out, p);
  return code;
}
