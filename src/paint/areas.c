/*
** areas.c -- lines become the outlines of things
**
** What the lines enclose is found on a coarse grid with small gaps closed,
** filled with colours of the picture and lit; the lines are drawn last. The
** area outside stays the picture it was.
*/
#include <stdlib.h>
#include <string.h>

#include "guide.h"

#define GRID    384    /* cells along the longer side */
#define AREAS   400    /* more are too small to matter */

typedef struct area {
  int cells, rim;        /* its size; how much of the border it touches */
  int top, bottom;
  rgb color;
  int shown;             /* 0: part of the ground */
} area;

typedef struct parts {
  int w, h, cell;
  int *label;            /* of each cell: an area, -1 for a line */
  int *queue;            /* w * h */
  area area[AREAS];
  int n;
} parts;


static int barrier (const plane *line, int i, int j, int cell) {
  int x, y;
  for (y = j * cell; y < (j + 1) * cell && y < line->h; y++)
    for (x = i * cell; x < (i + 1) * cell && x < line->w; x++)
      if (*pl_at(line, x, y) > 0.35f)
        return 1;
  return 0;
}


/* Cells with a line, and those between two such, are -1; others -2. */
static void mark_lines (parts *p, const plane *line) {
  int i, j, k;
  for (j = 0; j < p->h; j++)
    for (i = 0; i < p->w; i++)
      p->queue[j * p->w + i] = barrier(line, i, j, p->cell);
  for (j = 0; j < p->h; j++)
    for (i = 0; i < p->w; i++) {
      const int *q = p->queue + j * p->w + i;
      int near = q[0] || (i > 0 && q[-1]) || (j > 0 && q[-p->w]);
      k = j * p->w + i;
      p->label[k] = near ? -1 : -2;
    }
}


/* The next four cells around 'k': index or -1. */
static void around (const parts *p, int k, int to[4]) {
  int x = k % p->w, y = k / p->w;
  to[0] = x > 0 ? k - 1 : -1;
  to[1] = x + 1 < p->w ? k + 1 : -1;
  to[2] = y > 0 ? k - p->w : -1;
  to[3] = y + 1 < p->h ? k + p->w : -1;
}


/* Labels everything connected to the cell 'k'. */
static void spread (parts *p, int k, int label) {
  area *a = &p->area[label];
  int head = 0, tail = 0, i, next[4];
  memset(a, 0, sizeof(*a));
  a->top = p->h;
  p->queue[tail++] = k;
  p->label[k] = label;
  while (head < tail) {
    int at = p->queue[head++], y = at / p->w;
    a->cells++;
    a->top = y < a->top ? y : a->top;
    a->bottom = y > a->bottom ? y : a->bottom;
    around(p, at, next);
    for (i = 0; i < 4; i++) {
      if (next[i] < 0)
        a->rim++;
      else if (p->label[next[i]] == -2) {
        p->label[next[i]] = label;
        p->queue[tail++] = next[i];
      }
    }
  }
}


/* Areas grow over the lines, so that nothing stays between them. */
static void grow (parts *p) {
  int head = 0, tail = 0, k, i, next[4], n = p->w * p->h;
  for (k = 0; k < n; k++)
    if (p->label[k] >= 0)
      p->queue[tail++] = k;
  while (head < tail) {
    k = p->queue[head++];
    around(p, k, next);
    for (i = 0; i < 4; i++)
      if (next[i] >= 0 && p->label[next[i]] < 0) {
        p->label[next[i]] = p->label[k];
        p->queue[tail++] = next[i];
      }
  }
}


static void find_areas (parts *p) {
  int k, n = p->w * p->h;
  for (k = 0; k < n; k++)
    if (p->label[k] == -2) {
      if (p->n < AREAS)
        spread(p, k, p->n++);
      else
        p->label[k] = -1;
    }
  grow(p);
}


/* Large areas at the border are ground. Others get the colours of the
** picture in turn, set off from the ground's. */
static void color_areas (parts *p, const rgb tone[5], float ground) {
  int i, turn = 0, least = p->w * p->h / 2500 + 4, rim = 2 * (p->w + p->h);
  for (i = 0; i < p->n; i++) {
    area *a = &p->area[i];
    float l, d;
    rgb c = tone[(turn * 2 + 3) % 5];
    a->shown = a->cells >= least && a->rim * 5 < rim;
    if (!a->shown)
      continue;
    c = pm_saturate(pm_mix(c, tone[(turn + 1) % 5], 0.25f), 1.25f);
    l = pm_lum(c);
    d = l - ground;
    if (pm_abs(d) < 0.16f)
      c = pm_scale(c, (ground < 0.45f ? ground + 0.2f : ground - 0.18f) / pm_max(l, 0.05f));
    a->color = c;
    turn++;
  }
}


/* ---- painting them ---- */

typedef struct fill {
  plane r, g, b, a;     /* colours on the grid, premultiplied */
  plane shade;          /* of lines, softened; the whole picture's size */
} fill;


static void free_fill (fill *f) {
  pl_free(&f->r); pl_free(&f->g); pl_free(&f->b); pl_free(&f->a);
  pl_free(&f->shade);
}


static int make_fill (fill *f, const parts *p, const plane *line, float u) {
  int k, n = p->w * p->h;
  memset(f, 0, sizeof(*f));
  if (!pl_new(&f->r, p->w, p->h) || !pl_new(&f->g, p->w, p->h)
      || !pl_new(&f->b, p->w, p->h) || !pl_new(&f->a, p->w, p->h)
      || !pl_copy(&f->shade, line) || !pl_blur(&f->shade, (int)(u / 110.0f) + 1, 0))
    return 0;
  for (k = 0; k < n; k++)
    if (p->label[k] >= 0 && p->area[p->label[k]].shown) {
      const area *a = &p->area[p->label[k]];
      float t = (float)(k / p->w - a->top) / (float)(a->bottom - a->top + 1);
      float lit = 1.14f - 0.30f * t;  /* lit from above */
      f->r.v[k] = a->color.r * lit;
      f->g.v[k] = a->color.g * lit;
      f->b.v[k] = a->color.b * lit;
      f->a.v[k] = 1.0f;
    }
  return 1;
}


/* Fills and lines over one pixel. */
static void paint (uint8_t *px, const fill *f, float gx, float gy, float cast,
                   float line, float shade, float rough, rgb ink, float k) {
  float a = pl_sample(&f->a, gx, gy);
  rgb own = gd_get(px), c;
  if (a > 0.004f) {
    float inv = (1.0f - 0.45f * pm_min(shade * 2.0f, 1.0f)) / a;
    c = pm_rgb(pl_sample(&f->r, gx, gy) * inv, pl_sample(&f->g, gx, gy) * inv,
               pl_sample(&f->b, gx, gy) * inv);
    c = pm_add(c, pm_rgb(rough, rough, rough));
    c = pm_mix(c, pm_mul(own, pm_scale(c, 1.6f)), 0.15f);
    gd_mix(px, c, a * pm_sat(k * 1.15f));
  }
  if (a < 0.996f)
    gd_mix(px, pm_scale(gd_get(px), 0.5f), (1.0f - a) * pm_sat(k)
           * pm_sat(0.75f * pm_sat(cast - a) + 0.4f * pm_min(shade * 2.0f, 1.0f)));
  gd_mix(px, ink, line * pm_sat(k * 1.2f));
}


static void paint_all (fal_image *im, const parts *p, const fill *f,
                       const plane *line, const plane *soft, rgb ink, float k) {
  int x, y, w = (int)im->width, h = (int)im->height;
  float inv = 1.0f / (float)p->cell, d = gd_unit(im) * 0.012f * inv;
  for (y = 0; y < h; y++)
    for (x = 0; x < w; x++) {
      uint8_t *px = im->pixels + ((size_t)y * (size_t)w + (size_t)x) * 3;
      float gx = ((float)x + 0.5f) * inv - 0.5f, gy = ((float)y + 0.5f) * inv - 0.5f;
      float l = (px[0] * 0.299f + px[1] * 0.587f + px[2] * 0.114f) / 255.0f;
      float rough = (l - *pl_at(soft, x, y)) * 0.3f;
      float cast = pl_sample(&f->a, gx - d, gy - d);
      paint(px, f, gx, gy, cast, *pl_at(line, x, y), *pl_at(&f->shade, x, y), rough, ink, k);
    }
}


int gd_areas (fal_image *im, const plane *line, float k) {
  parts *p = calloc(1, sizeof(*p));
  rgb tone[5], ink;
  plane soft;
  fill f;
  float u = gd_unit(im), ground;
  int longer = line->w > line->h ? line->w : line->h, ok = 0;
  if (p == NULL)
    return 0;
  p->cell = (longer + GRID - 1) / GRID;
  p->w = (line->w + p->cell - 1) / p->cell;
  p->h = (line->h + p->cell - 1) / p->cell;
  p->label = malloc((size_t)p->w * (size_t)p->h * sizeof(int) * 2);
  if (p->label != NULL && pl_luma(&soft, im)) {
    p->queue = p->label + p->w * p->h;
    gd_palette(im, tone);
    ground = pm_lum(tone[2]);
    ink = ground < 0.22f ? pm_mix(tone[4], pm_rgb(1, 1, 1), 0.5f) : pm_scale(tone[0], 0.45f);
    mark_lines(p, line);
    find_areas(p);
    color_areas(p, tone, ground);
    ok = make_fill(&f, p, line, u) && pl_blur(&soft, (int)(u / 60.0f) + 1, 1);
    if (ok)
      paint_all(im, p, &f, line, &soft, ink, k);
    free_fill(&f);
    pl_free(&soft);
  }
  free(p->label);
  free(p);
  return ok;
}
