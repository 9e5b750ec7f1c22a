/*
** guide.c -- control images and inputs: what they say, and how it is applied
*/
#include <stdlib.h>
#include <string.h>

#include "../image/pixels.h"
#include "guide.h"


static size_t pixels_of (const fal_image *im) {
  return (size_t)im->width * im->height;
}


/* ---- what kind ---- */

int fal_guide_of (const char *word) {
  static const struct { const char *word; fal_guide kind; } kinds[] = {
    {"canny", FAL_GUIDE_EDGES}, {"edge", FAL_GUIDE_EDGES}, {"scribble", FAL_GUIDE_LINES},
    {"sketch", FAL_GUIDE_LINES}, {"lineart", FAL_GUIDE_LINES}, {"softedge", FAL_GUIDE_EDGES},
    {"hed", FAL_GUIDE_EDGES}, {"teed", FAL_GUIDE_EDGES}, {"pidi", FAL_GUIDE_EDGES},
    {"mlsd", FAL_GUIDE_EDGES}, {"depth", FAL_GUIDE_DEPTH}, {"pose", FAL_GUIDE_POSE},
    {"normal", FAL_GUIDE_NORMAL}, {"seg", FAL_GUIDE_AREAS}, {"gray", FAL_GUIDE_LIGHT},
    {"brightness", FAL_GUIDE_LIGHT}, {"recolor", FAL_GUIDE_LIGHT}, {"tile", FAL_GUIDE_COLOR},
    {"blur", FAL_GUIDE_COLOR}, {"low-quality", FAL_GUIDE_COLOR}, {"lowres", FAL_GUIDE_COLOR}
  };
  size_t i;
  for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if (strstr(word, kinds[i].word) != NULL)
      return (int)kinds[i].kind;
  return -1;
}


/* ---- lines ---- */

/* The share of a plane that is below (or above) a value. */
static float share (const plane *p, float value, int above) {
  size_t i, n = (size_t)p->w * (size_t)p->h, k = 0;
  for (i = 0; i < n; i++)
    k += above ? p->v[i] > value : p->v[i] < value;
  return (float)k / (float)n;
}


/* Canny's edges, a little widened, so that they can be drawn along. */
static int photo_edges (const fal_image *control, plane *to) {
  fal_image soft, edges;
  size_t i;
  fal_error err;
  float u = gd_unit(control);
  int ok;
  if (fal_image_blur(control, pm_max(u / 640.0f, 0.8f), NULL, &soft, &err) != FAL_OK)
    return 0;
  ok = fal_image_canny(&soft, 60, 150, NULL, &edges, &err) == FAL_OK;
  fal_image_free(&soft);
  if (!ok)
    return 0;
  ok = pl_luma(to, &edges);
  fal_image_free(&edges);
  if (ok && !pl_blur(to, u < 600.0f ? 0 : 1, 0)) {
    pl_free(to);
    return 0;
  }
  for (i = 0; ok && i < pixels_of(control); i++)
    to->v[i] = pm_sat(to->v[i] * 2.2f);
  return ok;
}


int gd_lines (const fal_image *control, plane *to, int *drawn) {
  size_t i, n = pixels_of(control);
  plane luma;
  int light, dark;
  if (!pl_luma(&luma, control))
    return 0;
  light = share(&luma, 0.86f, 1) > 0.62f;
  dark = share(&luma, 0.14f, 0) > 0.62f;
  if (drawn != NULL)
    *drawn = light || dark;
  if (!light && !dark) {
    pl_free(&luma);
    return photo_edges(control, to);
  }
  *to = luma;
  for (i = 0; i < n; i++) {
    float v = light ? 1.0f - luma.v[i] : luma.v[i];
    to->v[i] = pm_step(0.18f, 0.6f, v);
  }
  return 1;
}


void gd_palette (const fal_image *im, rgb to[5]) {
  double sum[5][4];
  size_t bins[256], i, n = pixels_of(im), step = n / 40000 + 1, seen = 0;
  int fifth[256], l, k = 0;
  const uint8_t *p = im->pixels;
  memset(bins, 0, sizeof(bins));
  memset(sum, 0, sizeof(sum));
  for (i = 0; i < n; i += step)
    bins[(p[3 * i] * 77 + p[3 * i + 1] * 150 + p[3 * i + 2] * 29) >> 8]++;
  for (l = 0; l < 256; l++) {
    fifth[l] = k;
    seen += bins[l];
    while (k < 4 && seen * 5 >= (n + step - 1) / step * (size_t)(k + 1))
      k++;
  }
  for (i = 0; i < n; i += step) {
    double *s = sum[fifth[(p[3 * i] * 77 + p[3 * i + 1] * 150 + p[3 * i + 2] * 29) >> 8]];
    s[0] += p[3 * i]; s[1] += p[3 * i + 1]; s[2] += p[3 * i + 2]; s[3] += 255.0;
  }
  for (k = 0; k < 5; k++)
    to[k] = sum[k][3] > 0 ? pm_rgb((float)(sum[k][0] / sum[k][3]), (float)(sum[k][1] / sum[k][3]),
                                   (float)(sum[k][2] / sum[k][3]))
            : k > 0 ? to[k - 1] : pm_rgb(0.1f, 0.1f, 0.1f);
}


/* ---- light and colours from another picture ---- */

/* The light of 'control' under the colours of 'im'. */
static void take_light (fal_image *im, const plane *light, float k) {
  uint8_t *p = im->pixels;
  size_t i;
  for (i = 0; i < pixels_of(im); i++, p += 3) {
    rgb c = gd_get(p);
    float l = c.r * 0.299f + c.g * 0.587f + c.b * 0.114f, d = light->v[i] - l;
    gd_mix(p, pm_add(c, pm_rgb(d, d, d)), pm_sat(k * 0.8f));
  }
}


/* What is large in 'control' replaces what is large in 'im': the difference
** of both, blurred, is added. */
static int take_colors (fal_image *im, const fal_image *control, int r, float k) {
  size_t i, n = pixels_of(im);
  plane d;
  int c, ok = pl_new(&d, (int)im->width, (int)im->height);
  for (c = 0; c < 3 && ok; c++) {
    for (i = 0; i < n; i++)
      d.v[i] = (float)(control->pixels[3 * i + (size_t)c] - im->pixels[3 * i + (size_t)c]);
    ok = pl_blur(&d, r, 1);
    for (i = 0; i < n && ok; i++) {
      float v = (float)im->pixels[3 * i + (size_t)c] + d.v[i] * k;
      im->pixels[3 * i + (size_t)c] = (uint8_t)(pm_clamp(v, 0.0f, 255.0f) + 0.5f);
    }
  }
  pl_free(&d);
  return ok;
}


/* Surfaces lit from above left. */
static void take_normals (fal_image *im, const fal_image *control, float k) {
  const uint8_t *q = control->pixels;
  uint8_t *p = im->pixels;
  size_t i;
  for (i = 0; i < pixels_of(im); i++, p += 3, q += 3) {
    rgb n = pm_rgb(q[0] / 127.5f - 1.0f, q[1] / 127.5f - 1.0f, q[2] / 127.5f - 1.0f);
    float lit = pm_sat(0.25f + 0.45f * n.b - 0.5f * n.r + 0.5f * n.g);
    gd_mix(p, pm_scale(gd_get(p), 0.35f + 1.1f * lit), pm_sat(k));
  }
}


/* ---- control images ---- */

static int apply_lines (fal_image *im, const fal_image *control, float k) {
  plane line;
  int ok = gd_lines(control, &line, NULL);
  if (ok) {
    ok = gd_areas(im, &line, k);
    pl_free(&line);
  }
  return ok;
}


static int apply (fal_image *im, const fal_image *control, fal_guide kind, float k) {
  plane light;
  switch (kind) {
    case FAL_GUIDE_LINES: case FAL_GUIDE_EDGES:
      return apply_lines(im, control, k);
    case FAL_GUIDE_DEPTH:
      return gd_depth(im, control, k);
    case FAL_GUIDE_POSE:
      return gd_is_pose(control) ? gd_pose(im, control, k)
                                 : apply_lines(im, control, k);
    case FAL_GUIDE_NORMAL:
      take_normals(im, control, k);
      return apply_lines(im, control, k * 0.5f);
    case FAL_GUIDE_AREAS:
      return apply_lines(im, control, k);
    case FAL_GUIDE_LIGHT:
      if (!pl_luma(&light, control))
        return 0;
      take_light(im, &light, k);
      pl_free(&light);
      return 1;
    case FAL_GUIDE_COLOR:
      return take_colors(im, control, (int)(gd_unit(im) / 60.0f) + 1, pm_sat(k * 0.85f));
  }
  return 1;
}


/* Works on a copy, so that a failure changes nothing. */
static fal_code copy_of (const fal_image *im, fal_image *to, fal_error *err) {
  fal_code code = fal_image_new(to, im->width, im->height, 3, NULL, err);
  if (code == FAL_OK)
    memcpy(to->pixels, im->pixels, pixels_of(im) * 3);
  return code;
}


static fal_code replaced (fal_image *im, fal_image *by, int ok, fal_error *err) {
  if (!ok) {
    fal_image_free(by);
    return fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  }
  free(im->pixels);
  im->pixels = by->pixels;
  return FAL_OK;
}


fal_code fal_paint_guide (fal_image *im, const fal_image *control,
                          fal_guide kind, double scale, fal_error *err) {
  float k = pm_clamp((float)scale, 0.0f, 2.0f);
  fal_image work;
  fal_code code;
  if (k == 0.0f)
    return FAL_OK;
  code = copy_of(im, &work, err);
  if (code != FAL_OK)
    return code;
  return replaced(im, &work, apply(&work, control, kind, k), err);
}


/* ---- image to image ---- */

/* Dark lines where the input has its edges. */
static int keep_edges (fal_image *im, const fal_image *input, float k) {
  plane luma, line;
  size_t i;
  int ok;
  if (!pl_luma(&luma, input))
    return 0;
  ok = pl_lines(&line, &luma, (int)(gd_unit(im) / 400.0f) + 1, 6.0f);
  pl_free(&luma);
  for (i = 0; ok && i < pixels_of(im); i++)
    gd_mix(im->pixels + 3 * i, pm_scale(gd_get(im->pixels + 3 * i), 0.3f), line.v[i] * k);
  if (ok)
    pl_free(&line);
  return ok;
}


fal_code fal_paint_remake (fal_image *im, const fal_image *input,
                           double strength, fal_error *err) {
  float s = pm_sat((float)strength), keep = 1.0f - s;
  size_t i, n = pixels_of(im) * 3;
  fal_image work, tinted;
  fal_code code;
  int ok, a;
  if (s == 1.0f)
    return FAL_OK;
  code = copy_of(im, &work, err);
  if (code != FAL_OK)
    return code;
  code = copy_of(input, &tinted, err);
  if (code != FAL_OK) {
    fal_image_free(&work);
    return code;
  }
  /* the picture takes what is large in the input; the input takes on the
  ** colours of the picture; one goes over into the other */
  ok = take_colors(&work, input, (int)(gd_unit(im) / 24.0f) + 1, pm_min(keep * 1.3f, 0.9f))
       && keep_edges(&work, input, pm_sat(keep * 1.4f))
       && take_colors(&tinted, im, (int)(gd_unit(im) / 5.0f) + 1, 0.8f * s);
  a = (int)(pm_step(0.12f, 0.92f, s) * 65536.0f + 0.5f);
  for (i = 0; i < n && ok; i++)
    work.pixels[i] = (uint8_t)((tinted.pixels[i] * (65536 - a) + work.pixels[i] * a + 32768) >> 16);
  if (ok && s == 0.0f)
    memcpy(work.pixels, input->pixels, n);
  fal_image_free(&tinted);
  return replaced(im, &work, ok, err);
}


double fal_paint_skin (const fal_image *im) {
  const uint8_t *p = im->pixels;
  size_t i, n = pixels_of(im), k = 0;
  for (i = 0; i < n; i++, p += 3) {
    float cb = 128.0f - 0.169f * p[0] - 0.331f * p[1] + 0.5f * p[2];
    float cr = 128.0f + 0.5f * p[0] - 0.419f * p[1] - 0.081f * p[2];
    k += cb > 77.0f && cb < 127.0f && cr > 133.0f && cr < 173.0f && p[0] > 60;
  }
  return (double)k / (double)n;
}
