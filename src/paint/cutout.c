/*
** cutout.c -- what stands before the background, without knowing what it is
**
** On a small copy: the colours along the border are gathered into a few
** kinds; what is like one of them and connected to the border is background.
** The mask is then brought to full size along the picture's own edges.
*/
#include <stdlib.h>
#include <string.h>

#include "../image/pixels.h"
#include "guide.h"

#define SIDE   224   /* of the small copy */
#define KINDS  6

typedef struct kind {
  float c[3], spread, weight;
} kind;

typedef struct cut {
  int w, h, n;
  float *lab;       /* three for each pixel: light and two of colour */
  float *score;     /* 0 like the border, 1 unlike it */
  int *queue, *label;
  kind kinds[KINDS];
} cut;


/* Light counts less than colour: shadows are background too. */
static void to_lab (const fal_image *im, float *lab) {
  size_t i, n = (size_t)im->width * im->height;
  for (i = 0; i < n; i++, lab += 3) {
    rgb c = gd_get(im->pixels + 3 * i);
    float l = c.r * 0.299f + c.g * 0.587f + c.b * 0.114f;
    lab[0] = l * 0.75f;
    lab[1] = (c.r - l) * 1.1f;
    lab[2] = (c.b - l) * 0.9f;
  }
}


static float between (const float *a, const float *b) {
  float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return pm_sqrt(x * x + y * y + z * z);
}


/* What is in front often reaches the lower border, so that one says little. */
static int on_rim (const cut *p, int i) {
  int x = i % p->w, y = i / p->w, rim = p->w / 50 + 2;
  return y < rim || (y * 5 < p->h * 4 && (x < rim || x >= p->w - rim));
}


static int nearest (const cut *p, const float *lab, float *d) {
  int k, best = 0;
  *d = 1e9f;
  for (k = 0; k < KINDS; k++) {
    float to = between(lab, p->kinds[k].c);
    if (to < *d) {
      *d = to;
      best = k;
    }
  }
  return best;
}


/* The colours of the border in KINDS kinds (k-means, from even places). */
static void gather (cut *p) {
  double sum[KINDS][5];
  float d;
  int i, k, round, rim = 0;
  for (i = 0; i < p->n; i++)
    p->queue[rim] = i, rim += on_rim(p, i);
  for (k = 0; k < KINDS; k++)
    memcpy(p->kinds[k].c, p->lab + 3 * p->queue[(rim - 1) * k / (KINDS - 1)], 3 * sizeof(float));
  for (round = 0; round < 10; round++) {
    memset(sum, 0, sizeof(sum));
    for (i = 0; i < rim; i++) {
      const float *c = p->lab + 3 * p->queue[i];
      double *s;
      k = nearest(p, c, &d);
      s = sum[k];
      s[0] += c[0]; s[1] += c[1]; s[2] += c[2]; s[3] += d; s[4] += 1;
    }
    for (k = 0; k < KINDS; k++) {
      kind *q = &p->kinds[k];
      q->weight = (float)(sum[k][4] / rim);
      if (sum[k][4] == 0)
        continue;
      for (i = 0; i < 3; i++)
        q->c[i] = (float)(sum[k][i] / sum[k][4]);
      q->spread = (float)(sum[k][3] / sum[k][4]);
    }
  }
}


/* Unlike every kind that is more than a speck of the border; what is in the
** middle counts a little more. */
static void rate (cut *p) {
  int i, k;
  for (i = 0; i < p->n; i++) {
    float best = 1e9f, x, y, middle;
    for (k = 0; k < KINDS; k++) {
      const kind *q = &p->kinds[k];
      if (q->weight > 0.04f)
        best = pm_min(best, between(p->lab + 3 * i, q->c) / (q->spread * 1.6f + 0.055f));
    }
    x = (float)(i % p->w) / (float)p->w - 0.5f;
    y = (float)(i / p->w) / (float)p->h - 0.52f;
    middle = 1.0f - 2.4f * (x * x + y * y);
    p->score[i] = pm_sat((best - 0.7f) * 0.7f) * (0.7f + 0.3f * pm_sat(middle));
  }
}


/* The value between two heaps of scores that parts them best (Otsu). */
static float parting (const cut *p) {
  double bins[64], total = 0, sum = 0, below = 0, heap = 0, best = -1;
  int i, at = 24;
  memset(bins, 0, sizeof(bins));
  for (i = 0; i < p->n; i++)
    bins[(int)(p->score[i] * 63.0f)]++;
  for (i = 0; i < 64; i++) {
    total += bins[i];
    sum += i * bins[i];
  }
  for (i = 0; i < 63; i++) {
    double a, b, v;
    below += bins[i];
    heap += i * bins[i];
    if (below == 0 || below == total)
      continue;
    a = heap / below;
    b = (sum - heap) / (total - below);
    v = below * (total - below) * (a - b) * (a - b);
    if (v > best) {
      best = v;
      at = i;
    }
  }
  return pm_clamp(((float)at + 0.5f) / 63.0f, 0.18f, 0.6f);
}


/* Sets the label of all that is connected to 'from' and has the label of
** 'from'; returns how many. */
static int flood (cut *p, int from, int to) {
  int was = p->label[from], head = 0, tail = 0;
  p->queue[tail++] = from;
  p->label[from] = to;
  while (head < tail) {
    int at = p->queue[head++], x = at % p->w, y = at / p->w, k;
    int next[4];
    next[0] = x > 0 ? at - 1 : at;
    next[1] = x + 1 < p->w ? at + 1 : at;
    next[2] = y > 0 ? at - p->w : at;
    next[3] = y + 1 < p->h ? at + p->w : at;
    for (k = 0; k < 4; k++)
      if (p->label[next[k]] == was) {
        p->label[next[k]] = to;
        p->queue[tail++] = next[k];
      }
  }
  return tail;
}


/* Whether any of the cells that 'flood' has just gone over is in the middle of
** the picture. */
static int is_central (const cut *p, int size) {
  int i;
  for (i = 0; i < size; i++) {
    int x = p->queue[i] % p->w, y = p->queue[i] / p->w;
    if (x * 10 > p->w * 3 && x * 10 < p->w * 7 && y * 4 > p->h && y * 10 < p->h * 9)
      return 1;
  }
  return 0;
}


enum { OUT = 0, IN = 1, GROUND = 2, THING = 3, SPECK = 4 };

/* Labels everything; returns the share that is foreground. */
static float part (cut *p, float limit) {
  int i, most = 0, kept = 0;
  for (i = 0; i < p->n; i++)
    p->label[i] = p->score[i] > limit ? IN : OUT;
  for (i = 0; i < p->n; i++)
    if (p->label[i] == OUT && on_rim(p, i))
      flood(p, i, GROUND);
  for (i = 0; i < p->n; i++)  /* a hole is ground too when it is large */
    if (p->label[i] == OUT && flood(p, i, GROUND) < p->n / 60)
      flood(p, i, IN);
  for (i = 0; i < p->n; i++)
    if (p->label[i] == IN) {
      int size = flood(p, i, THING);
      most = size > most ? size : most;
    }
  for (i = 0; i < p->n; i++)
    if (p->label[i] == THING) {
      int size = flood(p, i, IN);
      if (size * 12 < most || !is_central(p, size))
        flood(p, i, SPECK);
      else
        kept += size;
    }
  return (float)kept / (float)p->n;
}


/* The mask on the small copy. When the border says nothing, what differs
** from the mean colour in the middle is taken. */
static int find (const fal_image *small, plane *to) {
  cut p;
  int i;
  float got, limit;
  memset(&p, 0, sizeof(p));
  p.w = (int)small->width;
  p.h = (int)small->height;
  p.n = p.w * p.h;
  p.lab = malloc((size_t)p.n * (4 * sizeof(float) + 2 * sizeof(int)));
  if (p.lab == NULL || !pl_new(to, p.w, p.h)) {
    free(p.lab);
    return 0;
  }
  p.score = p.lab + 3 * (size_t)p.n;
  p.queue = (int *)(p.score + p.n);
  p.label = p.queue + p.n;
  to_lab(small, p.lab);
  gather(&p);
  rate(&p);
  limit = parting(&p);
  got = part(&p, limit);
  for (i = 0; i < 3 && got < 0.015f; i++)
    got = part(&p, limit *= 0.5f);
  for (i = 0; i < p.n; i++) {
    float x = ((float)(i % p.w) + 0.5f) / (float)p.w * 2.0f - 1.0f;
    float y = ((float)(i / p.w) + 0.5f) / (float)p.h * 2.0f - 1.0f;
    to->v[i] = got > 0.015f && got < 0.95f ? (p.label[i] == IN ? 1.0f : 0.0f)
               : pm_step(0.85f, 0.65f, pm_sqrt(x * x + y * y));
  }
  free(p.lab);
  return 1;
}


/* ---- at full size ---- */

/* A place of the mask where it is undecided takes the side whose colour it is
** like: the mean of the sure foreground around it, or of the ground. */
static int sharpen (const fal_image *im, plane *a, int r) {
  plane in, out, fore[3], back[3];
  size_t i, n = (size_t)a->w * (size_t)a->h;
  int c, ok = pl_copy(&in, a) & pl_copy(&out, a);
  memset(fore, 0, sizeof(fore));
  memset(back, 0, sizeof(back));
  for (i = 0; i < n && ok; i++) {
    in.v[i] = a->v[i] > 0.9f ? 1.0f : 0.0f;
    out.v[i] = a->v[i] < 0.1f ? 1.0f : 0.0f;
  }
  for (c = 0; c < 3 && ok; c++) {
    ok = pl_copy(&fore[c], &in) & pl_copy(&back[c], &out);
    for (i = 0; i < n && ok; i++) {
      float v = im->pixels[3 * i + (size_t)c] / 255.0f;
      fore[c].v[i] *= v;
      back[c].v[i] *= v;
    }
    ok = ok && pl_blur(&fore[c], r, 0) && pl_blur(&back[c], r, 0);
  }
  ok = ok && pl_blur(&in, r, 0) && pl_blur(&out, r, 0);
  for (i = 0; i < n && ok; i++) {
    float df = 0, db = 0, m = a->v[i];
    if (m <= 0.1f || m >= 0.9f || in.v[i] < 0.001f || out.v[i] < 0.001f)
      continue;
    for (c = 0; c < 3; c++) {
      float v = im->pixels[3 * i + (size_t)c] / 255.0f;
      float f = v - fore[c].v[i] / in.v[i], b = v - back[c].v[i] / out.v[i];
      df += f * f;
      db += b * b;
    }
    a->v[i] = pm_lerp(m, pm_step(0.30f, 0.70f, db / (df + db + 1e-6f)), pm_sat((df + db) * 30.0f));
  }
  for (c = 0; c < 3; c++) {
    pl_free(&fore[c]);
    pl_free(&back[c]);
  }
  pl_free(&in);
  pl_free(&out);
  return ok;
}


static int enlarge (const fal_image *im, const plane *small, plane *to) {
  float fx = (float)small->w / (float)im->width, fy = (float)small->h / (float)im->height;
  int x, y, r = (int)(1.3f / pm_max(fx, 0.01f));
  if (!pl_new(to, (int)im->width, (int)im->height))
    return 0;
  for (y = 0; y < to->h; y++)
    for (x = 0; x < to->w; x++)
      *pl_at(to, x, y) = pl_sample(small, ((float)x + 0.5f) * fx - 0.5f,
                                   ((float)y + 0.5f) * fy - 0.5f);
  if (pl_blur(to, r, 1) && sharpen(im, to, 3 * r + 2) && pl_blur(to, r > 3 ? 1 : 0, 1))
    return 1;
  pl_free(to);
  return 0;
}


fal_code fal_paint_cutout (const fal_image *im, fal_image *out,
                           fal_error *err) {
  uint32_t w, h;
  size_t i, n = (size_t)im->width * im->height;
  fal_image small;
  plane mask, full;
  fal_code code;
  int ok;
  fal_image_fit(im->width, im->height, SIDE, SIDE, &w, &h);
  w = w < 8 ? 8 : w;
  h = h < 8 ? 8 : h;
  code = fal_image_resize(im, w, h, FAL_FILTER_TRIANGLE, NULL, &small, err);
  if (code != FAL_OK)
    return code;
  ok = find(&small, &mask);
  fal_image_free(&small);
  if (ok) {
    ok = enlarge(im, &mask, &full);
    pl_free(&mask);
  }
  if (!ok)
    return fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  code = fal_image_new(out, im->width, im->height, 1, NULL, err);
  for (i = 0; code == FAL_OK && i < n; i++)
    out->pixels[i] = (uint8_t)(pm_sat((full.v[i] - 0.06f) / 0.88f) * 255.0f + 0.5f);
  pl_free(&full);
  return code;
}
