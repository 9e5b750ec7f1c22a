/*
** paint.h -- the preview models: procedural pictures from prompt and seed
**
** These are drawings made by arithmetic, not diffusion. They exist so that
** a pipeline can be built and tested with no key and no network, with
** pictures pleasant enough to judge a layout by. Same request, same pixels,
** on any machine: nothing here calls libm beyond sqrt, fabs, floor and
** ceil, and files are compiled with -ffp-contract=off.
*/
#ifndef fal_paint_h
#define fal_paint_h

#include <stddef.h>
#include <stdint.h>

#include "../image/image.h"

typedef struct fal_paint {
  const char *prompt;     /* UTF-8, any language; copied nowhere */
  size_t prompt_n;
  const char *model;      /* endpoint id, named in the corner; may be NULL */
  uint64_t seed;
  uint32_t width, height; /* 16 to 14142 each */
  int steps;              /* more steps, finer texture; 0: the default */
  const char *negative;   /* words of things to keep out; may be NULL */
  size_t negative_n;
  double adherence;       /* -1 to 1: pale to strong light and colours; 0 */
  uint32_t texture;       /* another texture for each; 0: the usual */
  int raw;                /* less developed: flatter, more like a snapshot */
  int unlabeled;          /* without the caption, for fal_paint_label */
} fal_paint;

/* Draws into a new RGB picture (three channels), free it with
** fal_image_free. Keeps no state; may run on many threads at once.
** 'canceled', when not NULL, is called now and then with 'ud'; nonzero stops
** with FAL_ECANCELED. */
fal_code fal_paint_scene (const fal_paint *p, fal_image *out,
                          int (*canceled) (void *ud), void *ud,
                          fal_error *err);

/* What every picture is to say in its corner: that it is a preview, of which
** model and prompt. For a picture of three channels; others are left. */
void fal_paint_label (fal_image *im, const fal_paint *p);

#endif
