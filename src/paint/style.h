/*
** style.h -- what a LoRA does to a preview: a way of drawing
**
** A LoRA's weights say nothing to a painter. Its name does: "papercut",
** "pixel-art" or "watercolor" in the path choose that way of drawing, any
** other name chooses one by its hash. Colours, sizes and angles come from the
** hash too, so two LoRAs of one kind look different.
*/
#ifndef fal_style_h
#define fal_style_h

#include "../image/image.h"

/* Redraws a picture of three channels in the style of name[0..n). 'scale' is
** the LoRA's: 0 leaves the picture, 1 is the style, up to 4 it grows coarser.
** FAL_ENOMEM; the picture is then as it was. */
fal_code fal_paint_style (fal_image *im, const char *name, size_t n,
                          double scale, fal_error *err);

/* The way of drawing that a name chooses: "papercut", "ink"... Static. */
const char *fal_paint_style_kind (const char *name, size_t n);


/*
** {======================================================
** Private part, shared by the files of styles
** =======================================================
*/

#include "plane.h"
#include "pmath.h"

/* Colours here are sRGB as in the picture, 0 to 1. */
typedef struct look {
  int w, h;
  float u;              /* a size of the picture, as in scene.h */
  float force;          /* 1; more is coarser */
  uint32_t seed;        /* of the name */
  rgb ink[5];           /* of the name, from dark to light */
  const uint8_t *in;    /* the picture */
  uint8_t *out;         /* what it becomes */
} look;

/* Each fills k->out; returns 0 when memory ends. */
typedef int (*style_fn) (const look *k);

int st_pixel (const look *k);        /* style_print.c */
int st_poster (const look *k);
int st_papercut (const look *k);
int st_comic (const look *k);
int st_blueprint (const look *k);
int st_watercolor (const look *k);   /* style_hand.c */
int st_oil (const look *k);
int st_ink (const look *k);
int st_pencil (const look *k);
int st_neon (const look *k);         /* style_light.c */
int st_film (const look *k);
int st_cartoon (const look *k);
int st_mosaic (const look *k);

/* One number of the name's own, [0,1). */
static inline float st_trait (const look *k, uint32_t which) {
  return pm_unit(pm_hash(k->seed + which * 0x9E3779B9U));
}

static inline rgb st_get (const uint8_t *px, int w, int x, int y) {
  const uint8_t *p = px + ((size_t)y * (size_t)w + (size_t)x) * 3;
  return pm_rgb((float)p[0] / 255.0f, (float)p[1] / 255.0f, (float)p[2] / 255.0f);
}

static inline void st_put (uint8_t *px, int w, int x, int y, rgb c) {
  uint8_t *p = px + ((size_t)y * (size_t)w + (size_t)x) * 3;
  p[0] = (uint8_t)(pm_sat(c.r) * 255.0f + 0.5f);
  p[1] = (uint8_t)(pm_sat(c.g) * 255.0f + 0.5f);
  p[2] = (uint8_t)(pm_sat(c.b) * 255.0f + 0.5f);
}

/* How light, 0 to 1. */
static inline float st_light (rgb c) {
  return c.r * 0.299f + c.g * 0.587f + c.b * 0.114f;
}

/* Pixels from a size in thousandths of the picture's, at least 'least'. */
static inline int st_size (const look *k, float thousandths, int least) {
  int n = (int)(k->u * thousandths * 0.001f * k->force + 0.5f);
  return n < least ? least : n;
}

/* The picture smoothed within areas and not across their borders: of four
** squares of radius 'r' around a pixel, the mean of the evenest. */
int st_smooth (const look *k, int r, uint8_t *out);

/* The picture's light, and dark lines along its edges (see pl_lines). */
int st_luma (const look *k, const uint8_t *px, plane *to);
int st_lines (const look *k, const uint8_t *px, int r, float gain, plane *to);

/* The fibres of paper at a pixel, about -1 to 1. */
float st_paper (const look *k, int x, int y);

/* 'x' in 0..1 set to one of 'n' even steps, with a soft edge of 'soft'. The
** step, 0 to n-1, with a fraction on the way to the next. */
float st_steps (float x, int n, float soft);

/* k->ink at 0 (dark) to 4 (light), mixed between. */
rgb st_ramp (const look *k, float t);

/* }====================================================== */

#endif
