/*
** style.c -- choosing a way of drawing, and what the ways share
*/
#include <stdlib.h>
#include <string.h>

#include "scene.h"
#include "style.h"

#define MAXNAME  400   /* bytes of a name that are looked at */

typedef struct way {
  const char *kind;
  style_fn draw;
  const char *words;   /* parts of a name that ask for it, in lower case */
} way;

static const way ways[] = {
  {"pixel", st_pixel, "pixel 8bit 8-bit 16bit 16-bit gameboy minecraft voxel"},
  {"papercut", st_papercut, "papercut paper-cut paper_cut papercraft origami layered collage"},
  {"watercolor", st_watercolor, "watercolor watercolour aquarel suluboya gouache wash"},
  {"ink", st_ink, "ink sumi manga lineart line-art line_art engraving linocut woodcut etching"},
  {"comic", st_comic, "comic popart pop-art pop_art halftone cizgi marvel"},
  {"cartoon", st_cartoon, "anime cartoon ghibli cel-shad pixar disney toon storybook childbook illustration"},
  {"oil", st_oil, "oil impasto vangogh van-gogh impression paint monet canvas"},
  {"pencil", st_pencil, "pencil sketch charcoal graphite crayon drawing karakalem"},
  {"neon", st_neon, "cyber neon synthwave vaporwave tron glow"},
  {"film", st_film, "film vintage retro polaroid kodak analog photo cinema realis vhs"},
  {"poster", st_poster, "poster vector flat-design minimalis screenprint silkscreen riso bauhaus"},
  {"mosaic", st_mosaic, "mosaic stained glass-window lowpoly low-poly low_poly tile"},
  {"blueprint", st_blueprint, "blueprint technical schematic cyanotype"}
};
#define WAYS  (sizeof(ways) / sizeof(ways[0]))

/* Five from dark to light, in sRGB. */
static const uint32_t inks[][5] = {
  {0x1b1f3b, 0x3d5a80, 0xee6c4d, 0xf4a259, 0xf7ede2},
  {0x14213d, 0x2a6f77, 0x5fb49c, 0xf2c572, 0xfff4dc},
  {0x2b1a33, 0x7b2d5b, 0xd1495b, 0xf79d65, 0xffe8c7},
  {0x0b132b, 0x1c5d99, 0x639fab, 0xbbcde5, 0xf6f4ec},
  {0x22223b, 0x4a4e69, 0x9a8c98, 0xc9ada7, 0xf2e9e4},
  {0x1d2f24, 0x386641, 0x6a994e, 0xd8b74e, 0xf6f1d8},
  {0x2d1e2f, 0x8c3b2f, 0xd98324, 0xe9c46a, 0xfdf3d8},
  {0x10182b, 0x5b2a86, 0xc850c0, 0xff8e72, 0xffe9d6}
};
#define INKS  (sizeof(inks) / sizeof(inks[0]))


static uint32_t hash_of (const char *s, size_t n) {
  uint32_t h = 2166136261U;
  size_t i;
  for (i = 0; i < n; i++)
    h = (h ^ (unsigned char)s[i]) * 16777619U;
  return pm_hash(h);
}


/* Whether a word of the text begins with 'word': "pink" has no "ink". */
static int begins (const char *text, const char *word) {
  const char *at = text;
  while ((at = strstr(at, word)) != NULL) {
    if (at == text || at[-1] < 'a' || at[-1] > 'z')
      return 1;
    at++;
  }
  return 0;
}


/* Whether one of the words is part of the text. */
static int mentions (const char *text, const char *list) {
  char word[24];
  while (*list != '\0') {
    size_t n = strcspn(list, " ");
    memcpy(word, list, n);
    word[n] = '\0';
    if (begins(text, word))
      return 1;
    list += n + (list[n] == ' ');
  }
  return 0;
}


static const way *choose (const char *name, size_t n) {
  char text[MAXNAME + 1];
  size_t i;
  n = n < MAXNAME ? n : MAXNAME;
  for (i = 0; i < n; i++) {
    char c = name[i];
    text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c == '\0' ? ' ' : c;
  }
  text[n] = '\0';
  for (i = 0; i < WAYS; i++)
    if (mentions(text, ways[i].words))
      return &ways[i];
  return &ways[hash_of(name, n) % WAYS];
}


const char *fal_paint_style_kind (const char *name, size_t n) {
  return choose(name, n)->kind;
}


static rgb plain_hex (uint32_t v) {
  return pm_rgb((float)(v >> 16 & 255) / 255.0f, (float)(v >> 8 & 255) / 255.0f,
                (float)(v & 255) / 255.0f);
}


static void prepare (look *k, fal_image *im, uint32_t seed, double scale) {
  int i;
  float w = (float)im->width, h = (float)im->height;
  memset(k, 0, sizeof(*k));
  k->w = (int)im->width;
  k->h = (int)im->height;
  k->u = pm_min(pm_sqrt(w * h), pm_min(w, h) * 1.7f);
  k->force = scale > 1.0 ? 1.0f + 0.4f * (float)(scale - 1.0) : 1.0f;
  k->seed = seed;
  for (i = 0; i < 5; i++)
    k->ink[i] = plain_hex(inks[(seed >> 8) % INKS][i]);
  k->in = im->pixels;
}


fal_code fal_paint_style (fal_image *im, const char *name, size_t n,
                          double scale, fal_error *err) {
  size_t size = (size_t)im->width * im->height * 3, i;
  int a = (int)(pm_sat((float)scale) * 256.0f);
  look k;
  if (a == 0)
    return FAL_OK;
  prepare(&k, im, hash_of(name, n), scale < 4.0 ? scale : 4.0);
  k.out = malloc(size);
  if (k.out == NULL || !choose(name, n)->draw(&k)) {
    free(k.out);
    return fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  }
  for (i = 0; i < size; i++)
    im->pixels[i] = (uint8_t)((im->pixels[i] * (256 - a) + k.out[i] * a + 128) >> 8);
  free(k.out);
  return FAL_OK;
}


/* ---- what the ways share ---- */

/* Sums over all that is above and left, to get any square's in four steps. */
typedef struct sums {
  uint32_t c[3];
  uint64_t l2;    /* of the squares of light, which is their sum's tenth */
  uint32_t l;
} sums;


static void add_up (sums *s, const uint8_t *px, int w, int h) {
  int x, y, i;
  memset(s, 0, sizeof(sums) * ((size_t)w + 1));
  for (y = 0; y < h; y++) {
    const sums *up = s + (size_t)y * ((size_t)w + 1);
    sums *row = s + ((size_t)y + 1) * ((size_t)w + 1), line;
    memset(&line, 0, sizeof(line));
    memset(row, 0, sizeof(*row));
    for (x = 0; x < w; x++, px += 3) {
      uint32_t l = (px[0] * 77U + px[1] * 150U + px[2] * 29U) >> 8;
      for (i = 0; i < 3; i++)
        row[x + 1].c[i] = up[x + 1].c[i] + (line.c[i] += px[i]);
      row[x + 1].l = up[x + 1].l + (line.l += l);
      row[x + 1].l2 = up[x + 1].l2 + (line.l2 += (uint64_t)l * l);
    }
  }
}


/* The mean of the square [x0,x1) x [y0,y1), and how uneven it is. */
static float square (const sums *s, int w, int x0, int y0, int x1, int y1,
                     rgb *mean) {
  const sums *a = s + (size_t)y0 * ((size_t)w + 1) + x0;
  const sums *b = s + (size_t)y0 * ((size_t)w + 1) + x1;
  const sums *c = s + (size_t)y1 * ((size_t)w + 1) + x0;
  const sums *d = s + (size_t)y1 * ((size_t)w + 1) + x1;
  float k = 1.0f / (float)((x1 - x0) * (y1 - y0)), l, l2;
  *mean = pm_rgb((float)(d->c[0] - b->c[0] - c->c[0] + a->c[0]) * k / 255.0f,
                 (float)(d->c[1] - b->c[1] - c->c[1] + a->c[1]) * k / 255.0f,
                 (float)(d->c[2] - b->c[2] - c->c[2] + a->c[2]) * k / 255.0f);
  l = (float)(d->l - b->l - c->l + a->l) * k;
  l2 = (float)(d->l2 - b->l2 - c->l2 + a->l2) * k;
  return l2 - l * l;
}


int st_smooth (const look *k, int r, uint8_t *out) {
  sums *s = malloc(sizeof(sums) * ((size_t)k->w + 1) * ((size_t)k->h + 1));
  int x, y, i;
  if (s == NULL)
    return 0;
  add_up(s, k->in, k->w, k->h);
  for (y = 0; y < k->h; y++)
    for (x = 0; x < k->w; x++) {
      int left = x - r < 0 ? 0 : x - r, right = x + r + 1 > k->w ? k->w : x + r + 1;
      int top = y - r < 0 ? 0 : y - r, bottom = y + r + 1 > k->h ? k->h : y + r + 1;
      float var[4], best = 1e30f;
      rgb mean[4], c = {0, 0, 0};
      var[0] = square(s, k->w, left, top, x + 1, y + 1, &mean[0]);
      var[1] = square(s, k->w, x, top, right, y + 1, &mean[1]);
      var[2] = square(s, k->w, left, y, x + 1, bottom, &mean[2]);
      var[3] = square(s, k->w, x, y, right, bottom, &mean[3]);
      for (i = 0; i < 4; i++)
        if (var[i] < best) {
          best = var[i];
          c = mean[i];
        }
      st_put(out, k->w, x, y, c);
    }
  free(s);
  return 1;
}


int st_luma (const look *k, const uint8_t *px, plane *to) {
  fal_image im;
  memset(&im, 0, sizeof(im));
  im.width = (uint32_t)k->w;
  im.height = (uint32_t)k->h;
  im.channels = 3;
  im.pixels = (uint8_t *)px;  /* only read */
  return pl_luma(to, &im);
}


int st_lines (const look *k, const uint8_t *px, int r, float gain, plane *to) {
  plane luma;
  int ok;
  if (!st_luma(k, px, &luma))
    return 0;
  ok = pl_lines(to, &luma, r, gain);
  pl_free(&luma);
  return ok;
}


float st_paper (const look *k, int x, int y) {
  float f = 260.0f / k->u;
  return 0.6f * pt_noise2((float)x * f, (float)y * f, 77U)
         + 0.5f * pt_noise2((float)x * f * 0.31f, (float)y * f * 0.24f, 78U)
         + 0.3f * (pm_unit(pm_hash2(x, y, 79U)) - 0.5f);
}


float st_steps (float x, int n, float soft) {
  float v = pm_clamp(x, 0.0f, 0.9999f) * (float)n;
  int i = (int)v;
  float f = v - (float)i;
  if (i == n - 1)
    return (float)i;
  return (float)i + pm_step(1.0f - soft, 1.0f, f);
}


rgb st_ramp (const look *k, float t) {
  int i;
  t = pm_clamp(t, 0.0f, 4.0f);
  i = t < 3.999f ? (int)t : 3;
  return pm_mix(k->ink[i], k->ink[i + 1], t - (float)i);
}
