/*
** partial.c -- a picture as it looks while it is still being made
**
** The finished picture, made coarse and noisy again: what callers of a
** streaming endpoint get to see while the real one would be at work.
*/
#include "../image/pixels.h"
#include "guide.h"


/* Noise in patches of 'size' pixels, of all colours. */
static void add_noise (fal_image *im, int size, float amount, uint32_t seed) {
  uint8_t *p = im->pixels;
  int x, y, i;
  for (y = 0; y < (int)im->height; y++)
    for (x = 0; x < (int)im->width; x++, p += 3) {
      uint32_t h = pm_hash2(x / size, y / size, seed), f = pm_hash2(x, y, seed + 1U);
      for (i = 0; i < 3; i++, h = pm_hash(h), f >>= 8) {
        float n = pm_unit(h) - 0.5f + 0.35f * ((float)(f & 255) / 255.0f - 0.5f);
        p[i] = (uint8_t)(pm_clamp(p[i] + n * amount * 255.0f, 0.0f, 255.0f) + 0.5f);
      }
    }
}


fal_code fal_paint_partial (const fal_image *im, double done, uint32_t seed,
                            fal_image *out, fal_error *err) {
  float left = 1.0f - pm_sat((float)done);
  uint32_t w = im->width / 2 > 8 ? im->width / 2 : 8;
  uint32_t h = im->height / 2 > 8 ? im->height / 2 : 8;
  uint32_t cw = (uint32_t)((float)w * pm_max(1.0f - left, 0.06f)) + 2;
  uint32_t ch = (uint32_t)((float)h * pm_max(1.0f - left, 0.06f)) + 2;
  fal_image small;
  fal_code code = fal_image_resize(im, cw, ch, FAL_FILTER_BOX, NULL, &small, err);
  if (code != FAL_OK)
    return code;
  code = fal_image_resize(&small, w, h, FAL_FILTER_TRIANGLE, NULL, out, err);
  fal_image_free(&small);
  if (code == FAL_OK)
    add_noise(out, (int)(gd_unit(out) / 128.0f) + 1, 0.42f * left, seed);
  return code;
}
