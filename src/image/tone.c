/*
** tone.c -- channels: from color to gray and back, alpha, the complement
*/
#include <string.h>

#include "pixels.h"
#include "pixels_private.h"


uint8_t fal_gray_of (const uint8_t *p) {
  return (uint8_t)((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
}


void fal_pixel (const uint8_t *p, int from, uint8_t *q, int to) {
  uint8_t alpha = from % 2 == 0 ? p[from - 1] : 255;
  if (to < 3)
    q[0] = from < 3 ? p[0] : fal_gray_of(p);
  else if (from < 3)
    q[0] = q[1] = q[2] = p[0];
  else
    memcpy(q, p, 3);
  if (to % 2 == 0)
    q[to - 1] = alpha;
}


fal_code fal_image_convert (const fal_image *im, int channels,
                            const fal_image_limits *lim, fal_image *out,
                            fal_error *err) {
  size_t n = (size_t)im->width * im->height, i;
  fal_image result;
  fal_code code = fal_image_new(&result, im->width, im->height, channels, lim,
                                err);
  if (code != FAL_OK)
    return code;
  if (channels == im->channels)
    memcpy(result.pixels, im->pixels, n * (size_t)channels);
  else
    for (i = 0; i < n; i++)
      fal_pixel(im->pixels + i * (size_t)im->channels, im->channels,
                result.pixels + i * (size_t)channels, channels);
  *out = result;
  return FAL_OK;
}


fal_code fal_image_gray (const fal_image *im, const fal_image_limits *lim,
                         fal_image *out, fal_error *err) {
  return fal_image_convert(im, im->channels % 2 == 0 ? 2 : 1, lim, out, err);
}


fal_code fal_image_invert (const fal_image *im, const fal_image_limits *lim,
                           fal_image *out, fal_error *err) {
  size_t channels = (size_t)im->channels, colors = channels - 1 + channels % 2;
  size_t n = (size_t)im->width * im->height, i, c;
  fal_code code = fal_image_convert(im, im->channels, lim, out, err);
  if (code == FAL_OK)
    for (i = 0; i < n; i++)
      for (c = 0; c < colors; c++)
        out->pixels[i * channels + c] ^= 255;
  return code;
}


void fal_gray_row (const fal_image *im, uint32_t y, uint8_t *to) {
  size_t channels = (size_t)im->channels, x;
  const uint8_t *p = im->pixels + (size_t)y * im->width * channels;
  for (x = 0; x < im->width; x++, p += channels) {
    int v = channels < 3 ? p[0] : fal_gray_of(p);
    if (channels % 2 == 0)
      v = fal_mul(v, p[channels - 1]);
    to[x] = (uint8_t)v;
  }
}


int fal_color_channels (const fal_image *im, const uint8_t color[4]) {
  int colors = im->channels >= 3 || color[0] != color[1] ||
               color[1] != color[2] ? 3 : 1;
  return colors + (im->channels % 2 == 0 || color[3] != 255);
}


int fal_mixed_channels (const fal_image *a, const fal_image *b, int alpha) {
  return (a->channels >= 3 || b->channels >= 3 ? 3 : 1) + (alpha != 0);
}
