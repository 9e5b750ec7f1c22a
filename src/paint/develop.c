/*
** develop.c -- bloom, grade, tones: linear light becomes a picture
**
** Everything goes row by row, with the three colours apart, so that the
** compiler can do several pixels at once.
*/
#include <stdlib.h>
#include <string.h>

#include "scene.h"

#define COARSE  8      /* bloom is made at an eighth of the size */
#define TONES   4096   /* steps of light that are told apart */
#define SHEET   8      /* rows of paper that are made together */

/* What a light becomes, and the next step of light. */
typedef struct tone {
  float here, next;
} tone;

/* A row with its colours apart, and what is worked out on the way. */
typedef struct strip {
  float *r, *g, *b;
  float *noise, *dither;
  float *light;
  float *paper;     /* SHEET rows */
  uint8_t *bytes;
  tone tones[TONES];
} strip;


/*
** {======================================================
** Bloom
** =======================================================
*/

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
          if (over > 0.0f)
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


/* What shines also shines a little around itself: 'b' is that, coarse. */
static int make_bloom (const scene *s, canvas *b) {
  rgb *tmp;
  int i, pass, r = (int)(s->c.u * 0.03f / COARSE) + 1;
  b->w = (s->c.w + COARSE - 1) / COARSE;
  b->h = (s->c.h + COARSE - 1) / COARSE;
  b->px = malloc(((size_t)b->w * (size_t)b->h + (size_t)b->w + (size_t)b->h) * sizeof(rgb));
  if (b->px == NULL)
    return 0;
  tmp = b->px + (size_t)b->w * (size_t)b->h;
  bright(&s->c, b);
  for (pass = 0; pass < 3; pass++) {
    for (i = 0; i < b->h; i++)
      blur_line(pt_at(b, 0, i), b->w, 1, r, tmp);
    for (i = 0; i < b->w; i++)
      blur_line(b->px + i, b->h, (size_t)b->w, r, tmp);
  }
  return 1;
}


/* Adds one colour of the bloom between two coarse pixels of two rows. */
static void add_between (float *out, int n, float from, float a, float b,
                         float c, float d, float fy, float power) {
  int i;
  for (i = 0; i < n; i++) {
    float fx = from + (float)i * (1.0f / COARSE);
    out[i] += pm_lerp(pm_lerp(a, b, fx), pm_lerp(c, d, fx), fy) * power;
  }
}


/* Adds the bloom to row 'y' of the canvas, 'w' pixels. */
FAL_WIDE
static void add_bloom (const canvas *b, int y, int w, float power, strip *t) {
  float at = pm_clamp(((float)y + 0.5f) / COARSE - 0.5f, 0.0f, (float)(b->h - 1));
  int j = (int)at, j1 = j + 1 < b->h ? j + 1 : j, x = 0, i = 0;
  float fy = at - (float)j;
  while (x < w) {  /* half a cell, then whole ones */
    int first = x == 0, n = first ? COARSE / 2 : COARSE;
    int i1 = !first && i + 1 < b->w ? i + 1 : i;
    float from = first ? 0.0f : 0.5f / COARSE;
    rgb p = *pt_at(b, i, j), q = *pt_at(b, i1, j);
    rgb u = *pt_at(b, i, j1), v = *pt_at(b, i1, j1);
    n = n < w - x ? n : w - x;
    add_between(t->r + x, n, from, p.r, q.r, u.r, v.r, fy, power);
    add_between(t->g + x, n, from, p.g, q.g, u.g, v.g, fy, power);
    add_between(t->b + x, n, from, p.b, q.b, u.b, v.b, fy, power);
    x += n;
    i += !first;
  }
}

/* }====================================================== */


/*
** {======================================================
** Tones
** =======================================================
*/

/* Tones are looked up by the upper bits of a float: 256 steps in each of 16
** doublings of the light, from 2^-14 to 4. */
#define LEAST  0x38800000U   /* the bits of 2^-14 */

static float light_of (uint32_t bits) {
  union { uint32_t u; float f; } v;
  v.u = bits;
  return v.f;
}


/* Linear light to sRGB, with a soft shoulder and a little contrast. */
static void make_tones (const grade *g, tone *tones) {
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
    tones[i].here = tones[i].next = pm_sat(v) * 255.0f;
    if (i > 0)
      tones[i - 1].next = tones[i].here;
  }
}


/* Where in the table a light is, and how far on the way to the next step. */
FAL_WIDE
static void find_tones (int n, const float *restrict light, uint16_t *restrict at,
                        float *restrict way) {
  int i;
  for (i = 0; i < n; i++) {
    union { uint32_t u; float f; } v;
    v.f = pm_clamp(light[i], 6.2e-5f, 3.99f);
    at[i] = (uint16_t)((v.u - LEAST) >> 15);
    way[i] = (float)(int)(v.u & 0x7FFF) * (1.0f / 32768.0f);
  }
}


FAL_WIDE
static void round_tones (int n, uint8_t *restrict out, const tone *restrict t,
                         const float *restrict way,
                         const float *restrict noise) {
  int i;
  for (i = 0; i < n; i++) {
    float v = pm_lerp(t[i].here, t[i].next, way[i]) + (0.5f + noise[i]);
    out[i] = (uint8_t)(int)pm_clamp(v, 0.0f, 255.0f);
  }
}


/* One colour of a row to 8 bits. Looking up is done one by one: processors
** are slow at doing it for several at once. */
static void to_bytes (uint8_t *out, const float *light, int n,
                      const float *noise, const tone *tones) {
  enum { PIECE = 256 };
  uint16_t at[PIECE];
  float way[PIECE];
  tone each[PIECE];
  int i, k, m;
  for (i = 0; i < n; i += m) {
    m = n - i < PIECE ? n - i : PIECE;
    find_tones(m, light + i, at, way);
    for (k = 0; k < m; k++)
      each[k] = tones[at[k]];
    round_tones(m, out + i, each, way, noise + i);
  }
}


FAL_WIDE
static void interleave (uint8_t *restrict out, const uint8_t *restrict r,
                        const uint8_t *restrict g, const uint8_t *restrict b,
                        int n) {
  int i;
  for (i = 0; i < n; i++) {
    out[3 * i] = r[i];
    out[3 * i + 1] = g[i];
    out[3 * i + 2] = b[i];
  }
}

/* }====================================================== */


/*
** {======================================================
** Rows
** =======================================================
*/

/* One pixel of the picture from the canvas: an average of 'k' by 'k', or
** one between pixels when the picture is the larger. */
static rgb pull (const canvas *c, int x, int y, int k, float fx, float fy) {
  rgb sum = {0, 0, 0};
  int i, j;
  if (k == 1)
    return pt_sample(c, ((float)x + 0.5f) * fx - 0.5f,
                     ((float)y + 0.5f) * fy - 0.5f);
  for (j = 0; j < k; j++)
    for (i = 0; i < k; i++)
      sum = pm_add(sum, *pt_at(c, x * k + i, y * k + j));
  return pm_scale(sum, 1.0f / (float)(k * k));
}


FAL_WIDE
static void part (const rgb *restrict p, int n, float *restrict r,
                  float *restrict g, float *restrict b) {
  int i;
  for (i = 0; i < n; i++) {
    r[i] = p[i].r;
    g[i] = p[i].g;
    b[i] = p[i].b;
  }
}


/* Exposure, vignette, paper, split toning and saturation of a row; 'noise' is
** the grain, and becomes grain and dither. 'light' is for what is worked out on
** the way. */
FAL_WIDE
static void grade_row (const grade *g, int w, float v, float *restrict r,
                       float *restrict gr, float *restrict b,
                       const float *restrict paper, float *restrict noise,
                       const float *restrict dither, float *restrict light) {
  int x;
  for (x = 0; x < w; x++) {
    float u = ((float)x + 0.5f) / (float)w * 2.0f - 1.0f;
    float edge = (u * u + v * v) * 0.5f;
    float m = g->exposure * (1.0f - g->vignette * edge * (0.4f + 0.6f * edge))
              * (1.0f + g->paper * 2.0f * paper[x]);
    r[x] *= m;
    gr[x] *= m;
    b[x] *= m;
    light[x] = pm_sat(pm_lum(pm_rgb(r[x], gr[x], b[x])) * 1.5f);
  }
  for (x = 0; x < w; x++) {
    rgb c = pm_mul(pm_rgb(r[x], gr[x], b[x]),
                   pm_mix(g->shadows, g->lights, sqrtf(light[x])));
    c = pm_saturate(c, g->saturation);
    r[x] = c.r;
    gr[x] = c.g;
    b[x] = c.b;
    noise[x] = noise[x] * g->grain * 255.0f * (1.0f - 0.6f * light[x]) + dither[x];
  }
}


/* Two numbers for each pixel: a grain of -1 to 1 to 'noise', a dither of half
** a step to 'dither'. */
FAL_WIDE
static void draw_noise (int w, int y, uint32_t seed, float *restrict noise,
                        float *restrict dither) {
  int x;
  for (x = 0; x < w; x++) {
    uint32_t h = pm_hash2(x, y, seed);
    noise[x] = (float)(int)((h & 255) + (h >> 8 & 255)) / 255.0f - 1.0f;
    dither[x] = (float)(int)(h >> 16 & 255) / 255.0f - 0.5f;
  }
}


/* Row 'y' of the picture from a canvas that has its size, or from another. */
static void fetch (const scene *s, const canvas *bloom, int w, int y, int k,
                   float fx, float fy, strip *t) {
  int x;
  if (k == 1 && fx == 1.0f) {
    part(pt_at(&s->c, 0, y), w, t->r, t->g, t->b);
    add_bloom(bloom, y, w, s->g.bloom * 4.0f, t);
    return;
  }
  for (x = 0; x < w; x++) {
    rgb c = pull(&s->c, x, y, k, fx, fy);
    t->r[x] = c.r;
    t->g[x] = c.g;
    t->b[x] = c.b;
  }
}


/* The grain of paper for rows from 'y' on; 'step' is from one to the next. */
static void lay_paper (float *out, int w, int y, float step) {
  float at[SHEET];
  int i;
  for (i = 0; i < SHEET; i++)
    at[i] = (float)(y + i) * step * 160.0f;
  pt_fbm_rows(out, w, SHEET, 0.0f, step * 160.0f, at, 2, 77U);
}


static void develop_row (const scene *s, fal_image *im, const canvas *bloom,
                         int y, int k, strip *t) {
  int w = (int)im->width, h = (int)im->height;
  float fx = (float)s->c.w / (float)w, fy = (float)s->c.h / (float)h;
  float v = ((float)y + 0.5f) / (float)h * 2.0f - 1.0f;
  uint8_t *out = im->pixels + (size_t)y * (size_t)w * 3;
  if (y % SHEET == 0)
    lay_paper(t->paper, w, y, (float)k / s->c.u * (k > 1 ? 1.0f : fx));
  draw_noise(w, y, s->seed, t->noise, t->dither);
  fetch(s, bloom, w, y, k, fx, fy, t);
  grade_row(&s->g, w, v, t->r, t->g, t->b,
            t->paper + (size_t)(y % SHEET) * (size_t)w, t->noise, t->dither,
            t->light);
  to_bytes(t->bytes, t->r, w, t->noise, t->tones);
  to_bytes(t->bytes + w, t->g, w, t->noise, t->tones);
  to_bytes(t->bytes + 2 * w, t->b, w, t->noise, t->tones);
  interleave(out, t->bytes, t->bytes + w, t->bytes + 2 * w, w);
}

/* }====================================================== */


static strip *new_strip (int w) {
  size_t n = (size_t)w;
  strip *t = malloc(sizeof(*t) + n * ((6 + SHEET) * sizeof(float) + 3));
  if (t == NULL)
    return NULL;
  t->r = (float *)(t + 1);
  t->g = t->r + n;
  t->b = t->g + n;
  t->noise = t->b + n;
  t->dither = t->noise + n;
  t->light = t->dither + n;
  t->paper = t->light + n;
  t->bytes = (uint8_t *)(t->paper + SHEET * n);
  return t;
}


/* The bloom as part of the canvas, where that is not of the picture's size. */
static void bloom_canvas (scene *s, const canvas *bloom, strip *t) {
  int x, y;
  for (y = 0; y < s->c.h; y++) {
    rgb *p = pt_at(&s->c, 0, y);
    part(p, s->c.w, t->r, t->g, t->b);
    add_bloom(bloom, y, s->c.w, s->g.bloom * 4.0f, t);
    for (x = 0; x < s->c.w; x++)
      p[x] = pm_rgb(t->r[x], t->g[x], t->b[x]);
  }
}


fal_code pt_develop (scene *s, fal_image *im, int k, fal_error *err) {
  int w = s->c.w > (int)im->width ? s->c.w : (int)im->width, y, stop = 0;
  strip *t = new_strip(w);
  canvas bloom;
  if (t == NULL || !make_bloom(s, &bloom)) {
    free(t);
    return fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  }
  make_tones(&s->g, t->tones);
  if (k > 1 || s->c.w != (int)im->width)
    bloom_canvas(s, &bloom, t);
  for (y = 0; y < (int)im->height && !stop; y++) {
    develop_row(s, im, &bloom, y, k, t);
    stop = y % 64 == 63 && pt_stop(s);
  }
  free(bloom.px);
  free(t);
  return stop ? fal_fail(err, FAL_ECANCELED, "painting was canceled") : FAL_OK;
}
