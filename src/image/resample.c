/*
** resample.c -- each pixel as a weighted sum of others, an axis at a time
**
** Rows go through in batches of eight: a batch is laid out so that the eight
** pixels of a column lie side by side, and the sums across run for all eight
** at once. Their results go to a ring of rows, from which the sums down are
** taken. So memory is that of a few rows, and vectors are full whatever the
** number of channels is. Vectors are the compilers' own, not a processor's.
**
** Weights are multiples of 2^-16 and sums run in one order, so the same
** picture gives the same bytes on any machine.
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resample.h"

typedef float f4 __attribute__((vector_size(16)));

#define LANES  8     /* rows in a batch: two vectors */
#define BLOCK  16    /* samples of a row summed at once: four vectors */
#define HAIR   1e-9  /* of a pixel: what lies on an edge lies behind it */


/*
** {======================================================
** Axes
** =======================================================
*/

static uint32_t clamp (double x, uint32_t most) {
  return x <= 0 ? 0 : x >= most ? most : (uint32_t)x;
}


/* Result i is the sum over k < taps of weight[i * taps + k] times what is at
** first[i] + k. The weights of a result sum to 1. */
typedef struct axis {
  uint32_t n, taps;
  uint32_t *first;
  float *weight;
} axis;


/* Takes 'want' bytes out of what the limit leaves. */
static fal_code take (size_t *bytes, double want, const fal_image_limits *lim,
                      fal_error *err) {
  if (want > (double)lim->max_bytes - (double)*bytes)
    return fal_fail(err, FAL_ETOOBIG, "this size would take more than %zu "
                    "bytes of memory to compute", lim->max_bytes);
  *bytes += (size_t)want;
  return FAL_OK;
}


/* The weights of one result around 'center'. Rounding errors are carried
** from tap to tap, so that the sum is 1. */
static void weigh (axis *a, uint32_t i, uint32_t from, double center,
                   double stretch, const fal_filtering *f, double *w) {
  double reach = f->support * stretch, sum = 0, carry = 0;
  double lo = ceil(center - reach - 0.5), hi = floor(center + reach - 0.5), x;
  uint32_t last = from - 1, start, k;
  if (hi < lo)
    lo = hi = floor(center);  /* narrower than a pixel: the one it is in */
  start = clamp(lo, from - a->taps);
  a->first[i] = start;
  memset(w, 0, a->taps * sizeof(*w));
  for (x = lo; x <= hi; x++) {
    double v = f->kernel((x + 0.5 - center) / stretch, f->parameter);
    if (f->extend || (x >= 0 && x <= last)) {
      w[clamp(x, last) - start] += v;
      sum += v;
    }
  }
  if (sum == 0) {
    w[clamp(center, last) - start] = sum = 1;
  }
  for (k = 0; k < a->taps; k++) {
    double exact = w[k] / sum * 65536 + carry, whole = floor(exact + 0.5);
    carry = exact - whole;
    a->weight[(size_t)i * a->taps + k] = (float)(whole / 65536);
  }
}


/* An axis from 'from' to 'to' results. '*bytes' grows by what it takes of
** memory. */
static fal_code make_axis (axis *a, uint32_t from, uint32_t to,
                           const fal_filtering *f,
                           const fal_image_limits *lim, size_t *bytes,
                           fal_error *err) {
  double span = f->to > f->from ? f->to - f->from : from;
  double scale = span / to, stretch = scale > 1 ? scale : 1;
  double taps = ceil(2 * f->support * stretch) + 1, *w;
  uint32_t i;
  a->n = to;
  a->taps = taps < from ? (uint32_t)taps : from;
  if (take(bytes, (double)to * a->taps * sizeof(float) +
           (double)to * sizeof(uint32_t), lim, err) != FAL_OK)
    return FAL_ETOOBIG;
  a->first = malloc(to * sizeof(*a->first));
  a->weight = malloc((size_t)to * a->taps * sizeof(*a->weight));
  w = malloc(a->taps * sizeof(*w));
  if (a->first == NULL || a->weight == NULL || w == NULL) {
    free(w);
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  }
  for (i = 0; i < to; i++)
    weigh(a, i, from, f->from + (i + 0.5) * scale + HAIR, stretch, f, w);
  free(w);
  return FAL_OK;
}


static void free_axis (axis *a) {
  free(a->first);
  free(a->weight);
}

/* }====================================================== */


/*
** {======================================================
** Sums
** =======================================================
*/

typedef struct resampling {
  const fal_image *im;
  const axis *across, *down;
  f4 *batch;            /* the rows at hand: [x][channel][lane] */
  float *ring;          /* rows done across, row y at y % rows */
  uint32_t rows;
  size_t stride;        /* of the ring, in samples */
  uint32_t done;        /* source rows in the ring */
  const float **line;   /* the rows one result sums */
} resampling;


/* Rows y to y + 7 into the batch, premultiplied; the last one again where
** there are no more. */
static void load (const resampling *s, uint32_t y) {
  const fal_image *im = s->im;
  size_t n = (size_t)im->width * (size_t)im->channels, i;
  const uint8_t *row[LANES];
  float *to = (float *)s->batch;
  int alpha = im->channels % 2 == 0, lane;
  for (lane = 0; lane < LANES; lane++) {
    uint32_t at = y + (uint32_t)lane;
    row[lane] = im->pixels + (at < im->height ? at : im->height - 1) * n;
  }
  if (!alpha)
    for (i = 0; i < n; i++, to += LANES)
      for (lane = 0; lane < LANES; lane++)
        to[lane] = row[lane][i];
  else
    for (i = 0; i < n; i++, to += LANES) {
      size_t a = i | (size_t)(im->channels - 1);  /* the pixel's alpha */
      for (lane = 0; lane < LANES; lane++)
        to[lane] = i == a ? (float)row[lane][i]
          : (float)(row[lane][i] * row[lane][a]) * (1.0f / 255);
    }
}


/* Sums the batch across, into the ring. */
static void sum_across (const resampling *s, uint32_t y) {
  const axis *a = s->across;
  size_t channels = (size_t)s->im->channels, i, c;
  float *to[LANES];
  int lane;
  for (lane = 0; lane < LANES; lane++)
    to[lane] = s->ring + (y + (uint32_t)lane) % s->rows * s->stride;
  for (i = 0; i < a->n; i++)
    for (c = 0; c < channels; c++) {
      const float *w = a->weight + i * a->taps, *end = w + a->taps;
      const f4 *p = s->batch + (a->first[i] * channels + c) * 2;
      f4 lo = {0}, hi = {0};
      for (; w < end; w++, p += channels * 2) {
        lo += *w * p[0];
        hi += *w * p[1];
      }
      for (lane = 0; lane < LANES / 2; lane++) {
        to[lane][i * channels + c] = lo[lane];
        to[lane + LANES / 2][i * channels + c] = hi[lane];
      }
    }
}


/* Sums rows of the ring into 'to', which has a whole number of blocks. */
static void sum_down (const resampling *s, uint32_t y, float *to) {
  const float *w = s->down->weight + (size_t)y * s->down->taps;
  uint32_t taps = s->down->taps, k;
  size_t x;
  for (k = 0; k < taps; k++)
    s->line[k] = s->ring + (s->down->first[y] + k) % s->rows * s->stride;
  for (x = 0; x < s->stride; x += BLOCK) {
    f4 sum[4] = {{0}, {0}, {0}, {0}};
    for (k = 0; k < taps; k++) {
      const f4 *p = (const f4 *)(const void *)(s->line[k] + x);
      sum[0] += w[k] * p[0];
      sum[1] += w[k] * p[1];
      sum[2] += w[k] * p[2];
      sum[3] += w[k] * p[3];
    }
    memcpy(to + x, sum, sizeof(sum));
  }
}


static uint8_t byte (float v) {
  v = v < 0 ? 0 : v > 255 ? 255 : v;
  return (uint8_t)(int)(v + 0.5f);
}


/* A row of sums as pixels. */
static void store (const float *row, uint32_t width, int channels,
                   uint8_t *to) {
  size_t n = (size_t)width * (size_t)channels, i;
  int colors = channels - 1, c;
  if (channels % 2 != 0)
    for (i = 0; i < n; i++)
      to[i] = byte(row[i]);
  else
    for (i = 0; i < n; i += (size_t)channels) {
      float a = row[i + (size_t)colors];
      float by = a < 0.5f ? 0 : a > 254.5f ? 1 : 255 / a;
      for (c = 0; c < colors; c++)
        to[i + (size_t)c] = byte(row[i + (size_t)c] * by);
      to[i + (size_t)colors] = byte(a);
    }
}


static void run (resampling *s, float *sums, fal_image *out) {
  size_t stride = (size_t)out->width * (size_t)out->channels;
  uint32_t y;
  for (y = 0; y < out->height; y++) {
    uint32_t first = s->down->first[y];
    if (first > s->done)
      s->done = first - first % LANES;  /* nobody needs those between */
    for (; s->done < first + s->down->taps; s->done += LANES) {
      load(s, s->done);
      sum_across(s, s->done);
    }
    sum_down(s, y, sums);
    store(sums, out->width, out->channels, out->pixels + y * stride);
  }
}


/* Memory for 'n' vectors, on their boundary; freed by free. */
static void *vectors (size_t n) {
  void *p;
  if (posix_memalign(&p, sizeof(f4), n * sizeof(f4)) != 0)
    return NULL;
  memset(p, 0, n * sizeof(f4));
  return p;
}


/* Makes the rows of 'out' with the axes. */
static fal_code resample (const fal_image *im, const axis *across,
                          const axis *down, size_t bytes,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err) {
  size_t channels = (size_t)im->channels;
  resampling s;
  float *sums;
  fal_code code = FAL_OK;
  memset(&s, 0, sizeof(s));
  s.im = im;
  s.across = across;
  s.down = down;
  s.rows = (down->taps / LANES + 2) * LANES;
  s.stride = (across->n * channels + BLOCK - 1) / BLOCK * BLOCK;
  if (take(&bytes, (double)s.stride * ((double)s.rows + 1) * sizeof(float) +
           (double)im->width * (double)channels * LANES * sizeof(float), lim,
           err) != FAL_OK)
    return FAL_ETOOBIG;
  s.batch = vectors(im->width * channels * LANES / 4);
  s.ring = vectors(s.stride * s.rows / 4);
  s.line = malloc(down->taps * sizeof(*s.line));
  sums = vectors(s.stride / 4);
  if (s.batch == NULL || s.ring == NULL || s.line == NULL || sums == NULL)
    code = fal_fail(err, FAL_ENOMEM, "out of memory");
  else
    run(&s, sums, out);
  free(s.batch);
  free(s.ring);
  free(s.line);
  free(sums);
  return code;
}


fal_code fal_resample (const fal_image *im, uint32_t width, uint32_t height,
                       const fal_filtering *across, const fal_filtering *down,
                       const fal_image_limits *lim, fal_image *out,
                       fal_error *err) {
  axis x = {0}, y = {0};
  size_t bytes = 0;
  fal_image result;
  fal_code code;
  if (lim == NULL)
    lim = &fal_image_default_limits;
  code = fal_image_new(&result, width, height, im->channels, lim, err);
  if (code != FAL_OK)
    return code;
  code = make_axis(&x, im->width, width, across, lim, &bytes, err);
  if (code == FAL_OK)
    code = make_axis(&y, im->height, height, down, lim, &bytes, err);
  if (code == FAL_OK)
    code = resample(im, &x, &y, bytes, lim, &result, err);
  if (code == FAL_OK)
    *out = result;
  else
    fal_image_free(&result);
  free_axis(&x);
  free_axis(&y);
  return code;
}

/* }====================================================== */
