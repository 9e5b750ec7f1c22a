/*
** png_filter.c -- PNG's filters, and which of them a picture gets
**
** Filters turn pixels into differences to their neighbours. Which one makes
** the smallest file depends on the picture: photographs want the average or
** Paeth's, drawings the row above or none. So a few blocks of the picture are
** compressed with each, and the best is taken for all of it; whether it is worth
** looking for repetitions shows, too. The loops are written so that a compiler
** can make vectors of them.
*/
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "png_private.h"
#include "wide.h"

/* What is tried of a large picture: blocks of so many pixels, about 1 % of a
** megapixel. */
#define BLOCKS        12
#define BLOCK_WIDTH   64
#define BLOCK_HEIGHT  16


/* {==================================================================
** Rows
** =================================================================== */

FAL_WIDE
static void sub (uint8_t *restrict to, const uint8_t *restrict s, size_t n,
                 size_t bpp) {
  size_t i;
  memcpy(to, s, bpp);
  for (i = bpp; i < n; i++)
    to[i] = (uint8_t)(s[i] - s[i - bpp]);
}


FAL_WIDE
static void up (uint8_t *restrict to, const uint8_t *restrict s,
                const uint8_t *restrict above, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    to[i] = (uint8_t)(s[i] - above[i]);
}


FAL_WIDE
static void average (uint8_t *restrict to, const uint8_t *restrict s,
                     const uint8_t *restrict above, size_t n, size_t bpp) {
  size_t i;
  for (i = 0; i < bpp; i++)
    to[i] = (uint8_t)(s[i] - (above[i] >> 1));
  for (i = bpp; i < n; i++)
    to[i] = (uint8_t)(s[i] - ((s[i - bpp] + above[i]) >> 1));
}


/* Of left, above and the corner between them, what is nearest to
** left + above - corner. */
FAL_WIDE
static void paeth (uint8_t *restrict to, const uint8_t *restrict s,
                   const uint8_t *restrict above, size_t n, size_t bpp) {
  size_t i;
  for (i = 0; i < bpp; i++)
    to[i] = (uint8_t)(s[i] - above[i]);
  for (i = bpp; i < n; i++) {
    int a = s[i - bpp], b = above[i], c = above[i - bpp];
    int da = abs(b - c), db = abs(a - c), dc = abs(a + b - 2 * c);
    int nearest = da <= db && da <= dc ? a : db <= dc ? b : c;
    to[i] = (uint8_t)(s[i] - nearest);
  }
}


static void filter (int kind, uint8_t *to, const uint8_t *s,
                    const uint8_t *above, size_t n, size_t bpp) {
  switch (kind) {
    case 0: memcpy(to, s, n); break;
    case 1: sub(to, s, n, bpp); break;
    case 2: up(to, s, above, n); break;
    case 3: average(to, s, above, n, bpp); break;
    default: paeth(to, s, above, n, bpp); break;
  }
}


/* How large the differences are: a guess of what they cost. The lower half of
** all bytes is positive, the upper negative: |s| is 128 - |s - 128|, and sums of
** that kind processors can do at once. */
FAL_WIDE
static int64_t weight (const uint8_t *s, size_t n) {
  static const uint8_t middle = 128;
  int sum = 0;  /* a row is below 2^24 bytes, or the guess is poor */
  size_t i;
  for (i = 0; i < n; i++)
    sum += abs(s[i] - middle);
  return (int64_t)n * middle - sum;
}


/* The filter's number and the filtered row to 'to'. 'spare' has room for one
** more row. */
static void filter_row (int how, uint8_t *to, const uint8_t *s,
                        const uint8_t *above, size_t n, size_t bpp,
                        uint8_t *spare) {
  int64_t best;
  int kind;
  to[0] = how == FAL_PNG_EACH ? 0 : (uint8_t)how;
  filter(to[0], to + 1, s, above, n, bpp);
  if (how != FAL_PNG_EACH)
    return;
  best = weight(to + 1, n);
  for (kind = 1; kind <= 4; kind++) {
    int64_t w;
    filter(kind, spare, s, above, n, bpp);
    w = weight(spare, n);
    if (w < best) {
      best = w;
      to[0] = (uint8_t)kind;
      memcpy(to + 1, spare, n);
    }
  }
}

/* }================================================================== */


/* A part of a picture. */
typedef struct block {
  size_t x, y, width, height;
} block;


/* The rows of a block, filtered, to 'to'; returns how many bytes that are.
** 'spare' has room for two rows, the first of them zeros: they stand above
** the picture. */
static size_t filter_block (const fal_image *im, const block *b, int how,
                            uint8_t *to, uint8_t *spare) {
  size_t bpp = (size_t)im->channels, stride = im->width * bpp;
  size_t n = b->width * bpp, y;
  for (y = 0; y < b->height; y++) {
    const uint8_t *s = im->pixels + (b->y + y) * stride + b->x * bpp;
    filter_row(how, to + y * (n + 1), s, b->y + y > 0 ? s - stride : spare, n,
               bpp, spare + n);
  }
  return b->height * (n + 1);
}


uint8_t *fal_png_filter (const fal_image *im, int how, size_t *size) {
  block all = {0, 0, im->width, im->height};
  size_t n = all.width * (size_t)im->channels;
  uint8_t *spare = calloc(2, n), *to = malloc((n + 1) * all.height);
  if (to != NULL && spare != NULL)
    *size = filter_block(im, &all, how, to, spare);
  else {
    free(to);
    to = NULL;
  }
  free(spare);
  return to;
}


/* {==================================================================
** The choice
** =================================================================== */

/* The blocks to try, which lie as evenly as a few can: down the picture in
** steps, across it by the golden ratio. */
static void place (const fal_image *im, block list[BLOCKS]) {
  size_t w = im->width < BLOCK_WIDTH ? im->width : BLOCK_WIDTH;
  size_t h = im->height < BLOCK_HEIGHT ? im->height : BLOCK_HEIGHT;
  size_t i;
  for (i = 0; i < BLOCKS; i++) {
    list[i].x = (im->width - w) * (i * 40503 % 65536) / 65536;
    list[i].y = (im->height - h) * i / (BLOCKS - 1);
    list[i].width = w;
    list[i].height = h;
  }
}


/* Where the filters are tried. */
typedef struct trial {
  const fal_image *im;
  const block *blocks;
  int n;
  struct libdeflate_compressor *z;
  uint8_t *rows, *spare, *out;   /* room for filtered rows and what becomes
                                    of them */
  size_t most;                   /* of 'out' */
} trial;


/* The blocks with this filter, to t->rows; how many bytes that are. */
static size_t filter_blocks (const trial *t, int how) {
  size_t n = 0;
  int i;
  for (i = 0; i < t->n; i++)
    n += filter_block(t->im, &t->blocks[i], how, t->rows + n, t->spare);
  return n;
}


/* How large the blocks become with this filter: compressed fast, and without a
** look for repetitions. */
static size_t size_fast (const trial *t, int how) {
  size_t n = filter_blocks(t, how);
  return libdeflate_zlib_compress(t->z, t->rows, n, t->out, t->most);
}


/* Blocks have codes of their own here, as parts of the picture will have, but
** these have to be told more seldom. */
static size_t size_as_noise (const trial *t, int how) {
  size_t size = 0;
  int i;
  for (i = 0; i < t->n; i++) {
    size_t n = filter_block(t->im, &t->blocks[i], how, t->rows, t->spare);
    size += fal_huffman_zlib(t->rows, n, t->out);
  }
  return t->n > 1 ? size - (size_t)t->n * fal_huffman_overhead : size;
}


/* Choosing anew for each row costs time: it must be worth at least a
** hundredth. */
static int best_of (const trial *t, size_t (*size_of) (const trial *, int),
                    size_t *least) {
  int kind, best = 1;
  *least = SIZE_MAX;
  for (kind = 0; kind <= FAL_PNG_EACH; kind++) {
    size_t size = size_of(t, kind);
    if (size < *least - (kind == FAL_PNG_EACH ? *least / 100 : 0)) {
      *least = size;
      best = kind;
    }
  }
  return best;
}


/* Is it not worth a 32nd to look for repetitions, filtered like noise or not at
** all? Sets '*how' then. */
static int is_noise (const trial *t, int *how) {
  size_t least;
  int best = best_of(t, size_as_noise, &least);
  if (least - least / 32 > size_fast(t, best) ||
      least - least / 32 > size_fast(t, 0))
    return 0;
  *how = best;
  return 1;
}


int fal_png_choose (const fal_image *im, int whole, fal_png_kind *kind) {
  block all = {0, 0, im->width, im->height}, some[BLOCKS];
  size_t n, least, bpp = (size_t)im->channels;
  trial t = {im, some, BLOCKS, NULL, NULL, NULL, NULL, 0};
  int how = 1;
  if (kind != NULL)
    *kind = FAL_PNG_MIXED;
  place(im, some);
  n = BLOCKS * some[0].height * (some[0].width * bpp + 1);
  if (whole || n > (size_t)im->width * im->height * bpp / 2) {
    t.blocks = &all;
    t.n = 1;
    n = all.height * (all.width * bpp + 1);
  }
  t.z = libdeflate_alloc_compressor(1);
  if (t.z != NULL) {
    t.most = libdeflate_zlib_compress_bound(t.z, n);
    if (t.most < fal_huffman_bound(n))
      t.most = fal_huffman_bound(n);
    t.rows = malloc(n);
    t.spare = calloc(2, t.blocks[0].width * bpp);
    t.out = malloc(t.most);
  }
  if (t.rows != NULL && t.spare != NULL && t.out != NULL) {
    if (kind != NULL && is_noise(&t, &how))
      *kind = FAL_PNG_NOISE;
    else {
      how = best_of(&t, size_fast, &least);
      if (kind != NULL && least < n / 10)
        *kind = FAL_PNG_FLAT;
    }
  }
  free(t.rows);
  free(t.spare);
  free(t.out);
  libdeflate_free_compressor(t.z);
  return how;
}

/* }================================================================== */
