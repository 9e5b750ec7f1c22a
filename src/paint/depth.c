/*
** depth.c -- near and far: guessed from a picture, and given to another
*/
#include <stdlib.h>
#include <string.h>

#include "../image/pixels.h"
#include "guide.h"


static size_t count (const plane *p) {
  return (size_t)p->w * (size_t)p->h;
}


/* ---- a guess ---- */

/* How much the light changes around a place: what is near has detail. */
static int detail (const plane *luma, int r, plane *to) {
  plane mean;
  size_t i;
  int ok;
  if (!pl_copy(to, luma))
    return 0;
  if (!pl_copy(&mean, luma)) {
    pl_free(to);
    return 0;
  }
  ok = pl_blur(&mean, 2, 1);
  for (i = 0; i < count(to); i++)
    to->v[i] = pm_abs(to->v[i] - mean.v[i]);
  ok = ok && pl_blur(to, r, 1);
  pl_free(&mean);
  if (ok)
    pl_stretch(to, 0.05f, 0.95f, 0.5f);
  else
    pl_free(to);
  return ok;
}


/* Smooths 'p' but keeps to the borders of 'guide': in each neighbourhood the
** result is a straight function of the guide. */
static int follow (plane *p, const plane *guide, int r, float eps) {
  plane mi, mp, cii, cip;
  size_t i, n = count(p);
  int ok = 1;
  mi.v = mp.v = cii.v = cip.v = NULL;
  if (!pl_copy(&mi, guide) || !pl_copy(&mp, p) || !pl_copy(&cii, guide)
      || !pl_copy(&cip, p))
    ok = 0;
  if (ok) {
    for (i = 0; i < n; i++) {
      cip.v[i] *= guide->v[i];
      cii.v[i] *= guide->v[i];
    }
    ok = pl_blur(&mi, r, 1) && pl_blur(&mp, r, 1) && pl_blur(&cii, r, 1)
         && pl_blur(&cip, r, 1);
  }
  if (ok) {
    for (i = 0; i < n; i++) {
      float a = (cip.v[i] - mi.v[i] * mp.v[i])
                / (pm_max(cii.v[i] - mi.v[i] * mi.v[i], 0.0f) + eps);
      cip.v[i] = a;
      cii.v[i] = mp.v[i] - a * mi.v[i];
    }
    ok = pl_blur(&cip, r, 1) && pl_blur(&cii, r, 1);
    for (i = 0; i < n && ok; i++)
      p->v[i] = cip.v[i] * guide->v[i] + cii.v[i];
  }
  pl_free(&mi); pl_free(&mp); pl_free(&cii); pl_free(&cip);
  return ok;
}


/* Far things are pale and bluish: 1 for strong colours. */
static float vivid (const uint8_t *p) {
  float hi = pm_max(p[0], pm_max(p[1], p[2])), lo = pm_min(p[0], pm_min(p[1], p[2]));
  float blue = p[2] > p[0] ? 0.35f : 1.0f;
  return hi > 0.0f ? (hi - lo) / hi * blue : 0.0f;
}


/* From what is known of pictures: their lower part is near, so is what
** stands out, what has detail and strong colours. */
static int guess (const fal_image *im, plane *to) {
  fal_image front;
  fal_error err;
  plane luma, fine, cut;
  float u = gd_unit(im);
  size_t i;
  int ok;
  if (fal_paint_cutout(im, &front, &err) != FAL_OK)
    return 0;
  ok = pl_luma(&cut, &front);
  fal_image_free(&front);
  if (!ok)
    return 0;
  luma.v = fine.v = to->v = NULL;
  ok = pl_luma(&luma, im) && detail(&luma, (int)(u / 40.0f) + 1, &fine)
       && pl_new(to, (int)im->width, (int)im->height)
       && pl_blur(&cut, (int)(u / 300.0f) + 1, 1);
  for (i = 0; ok && i < count(to); i++) {
    float y = (float)(i / (size_t)to->w) / (float)to->h;
    to->v[i] = 0.50f * y + 0.18f * fine.v[i] + 0.10f * vivid(im->pixels + 3 * i)
               + 0.34f * cut.v[i] * pm_step(0.15f, 0.6f, y);
  }
  ok = ok && follow(to, &luma, (int)(u / 26.0f) + 1, 0.006f);
  pl_free(&luma); pl_free(&fine); pl_free(&cut);
  if (ok)
    pl_stretch(to, 0.01f, 0.99f, 0.5f);
  else
    pl_free(to);
  return ok;
}


fal_code fal_paint_depth (const fal_image *im, fal_image *out,
                          fal_error *err) {
  plane d;
  size_t i;
  fal_code code;
  if (!guess(im, &d))
    return fal_fail(err, FAL_ENOMEM, "out of memory while painting");
  code = fal_image_new(out, im->width, im->height, 1, NULL, err);
  for (i = 0; code == FAL_OK && i < count(&d); i++)
    out->pixels[i] = (uint8_t)(d.v[i] * 255.0f + 0.5f);
  pl_free(&d);
  return code;
}


/* ---- a picture shaped by depth ---- */

/* A depth map has no colours; what has is a photo. */
static int is_gray (const fal_image *im) {
  size_t i, n = (size_t)im->width * im->height;
  double sum = 0;
  for (i = 0; i < n; i++) {
    const uint8_t *p = im->pixels + 3 * i;
    int a = p[0] - p[1], b = p[1] - p[2];
    sum += (a < 0 ? -a : a) + (b < 0 ? -b : b);
  }
  return sum / (double)n < 6.0;
}


static int depth_of (const fal_image *control, plane *to) {
  if (!is_gray(control))
    return guess(control, to);
  if (!pl_luma(to, control))
    return 0;
  pl_stretch(to, 0.01f, 0.99f, 0.5f);
  return 1;
}


/* One pixel: haze by distance, light by slope, shade where a near thing
** stands before a far one. */
static void place (uint8_t *px, rgb soft, const rgb tone[5], float d, float gx,
                   float gy, float behind, float k) {
  rgb c = pm_mix(gd_get(px), soft, 0.5f * pm_sat(k));
  float far = 1.0f - d, slope = (gx + gy) / pm_sqrt(1.0f + gx * gx + gy * gy);
  int i = (int)(far * 3.999f);
  float f = far * 3.999f - (float)i;
  rgb by_depth = pm_mix(tone[i], tone[i + 1], f);
  c = pm_mix(c, by_depth, 0.42f * pm_sat(k));
  c = pm_mix(c, tone[4], 0.5f * far * far * pm_sat(k));
  c = pm_scale(c, 1.0f - 0.34f * pm_sat(k) * pm_clamp(slope, -1.0f, 1.0f));
  c = pm_scale(c, 1.0f - 0.75f * pm_sat(k) * pm_sat(behind * 2.4f));
  gd_mix(px, c, pm_sat(k * 1.2f));
}


static void apply (fal_image *im, const fal_image *soft, const plane *d,
                   const plane *wide, float k) {
  int x, y, w = (int)im->width, h = (int)im->height, step;
  float slope = gd_unit(im) * 0.085f;
  rgb tone[5];
  gd_palette(im, tone);
  step = (int)(gd_unit(im) / 500.0f) + 1;
  for (y = 0; y < h; y++)
    for (x = 0; x < w; x++) {
      size_t at = (size_t)y * (size_t)w + (size_t)x;
      float here = d->v[at], gx, gy;
      gx = *pl_at(d, x + step < w ? x + step : w - 1, y) - *pl_at(d, x >= step ? x - step : 0, y);
      gy = *pl_at(d, x, y + step < h ? y + step : h - 1) - *pl_at(d, x, y >= step ? y - step : 0);
      place(im->pixels + 3 * at, gd_get(soft->pixels + 3 * at), tone, here,
            -gx * slope / (float)step * 0.5f, -gy * slope / (float)step * 0.5f,
            wide->v[at] - here, k);
    }
}


int gd_depth (fal_image *im, const fal_image *control, float k) {
  fal_image soft;
  fal_error err;
  plane d, wide;
  float u = gd_unit(im);
  int ok;
  if (!depth_of(control, &d))
    return 0;
  wide.v = NULL;
  ok = pl_blur(&d, (int)(u / 700.0f), 1) && pl_copy(&wide, &d)
       && pl_blur(&wide, (int)(u / 70.0f) + 1, 1);
  if (ok && (ok = fal_image_blur(im, u / 30.0f, NULL, &soft, &err) == FAL_OK) != 0) {
    apply(im, &soft, &d, &wide, k);
    fal_image_free(&soft);
  }
  pl_free(&d);
  pl_free(&wide);
  return ok;
}
