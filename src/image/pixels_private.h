/*
** pixels_private.h -- what the operations on pixels share
*/
#ifndef fal_image_pixels_private_h
#define fal_image_pixels_private_h

#include "image.h"

/* a * b / 255, rounded; both from 0 to 255. */
static inline int fal_mul (int a, int b) {
  int v = a * b + 128;
  return (v + (v >> 8)) >> 8;
}

/* The gray of an RGB pixel. */
uint8_t fal_gray_of (const uint8_t *p);

/* Pixel p of 'from' channels as pixel q of 'to' channels; see
** fal_image_convert. An RGBA color is a pixel of 4. */
void fal_pixel (const uint8_t *p, int from, uint8_t *q, int to);

/* Sets all pixels. */
void fal_fill (fal_image *im, const uint8_t color[4]);

/* A row as gray on black: a mask's values, or what edges are looked for in. */
void fal_gray_row (const fal_image *im, uint32_t y, uint8_t *to);

/* Puts 'top' over 'im' itself; 'part' of 255 scales its alpha. */
void fal_paste_on (fal_image *im, const fal_image *top, int32_t x, int32_t y,
                   int part);

/* Channels of a picture that gets pixels of an RGBA color. */
int fal_color_channels (const fal_image *im, const uint8_t color[4]);

/* Channels of what two pictures become together. */
int fal_mixed_channels (const fal_image *a, const fal_image *b, int alpha);

#endif
