/*
** guide.h -- pictures that shape a preview: control images, inputs, masks
**
** All pictures here have three channels and the size of the one they are
** applied to unless said otherwise. On an error (FAL_ENOMEM) the picture that
** would be changed is as it was. None of this is what a neural network does;
** it is what a drawing can take from another picture.
*/
#ifndef fal_guide_h
#define fal_guide_h

#include "../image/image.h"

typedef enum fal_guide {
  FAL_GUIDE_LINES,     /* a sketch or an edge map; of a photo, its edges */
  FAL_GUIDE_EDGES,     /* the edges of a photo; of an edge map, its lines */
  FAL_GUIDE_DEPTH,     /* light is near; a photo's depth is guessed */
  FAL_GUIDE_POSE,      /* a figure of coloured limbs on black */
  FAL_GUIDE_NORMAL,    /* directions of surfaces as colours */
  FAL_GUIDE_AREAS,     /* flat areas of colour, one for each thing */
  FAL_GUIDE_LIGHT,     /* light and shade */
  FAL_GUIDE_COLOR      /* colours, roughly: a blurred or poor picture */
} fal_guide;

/* "canny", "scribble", "depth", "openpose"...: every word that fal's inputs
** have for a kind of control. -1 for another. */
int fal_guide_of (const char *word);

/* Shapes 'im' after 'control'. 'scale' is 0 (leaves it) to 2. */
fal_code fal_paint_guide (fal_image *im, const fal_image *control,
                          fal_guide kind, double scale, fal_error *err);

/* 'im', the picture of a prompt, becomes 'input' redrawn after it: 'strength'
** 0 is the input, pixel for pixel, 1 leaves 'im'. */
fal_code fal_paint_remake (fal_image *im, const fal_image *input,
                           double strength, fal_error *err);

/* A guess at how near things are, 1 channel, near is light: by place (what is
** low is near), by haze and by detail, held to the picture's borders. */
fal_code fal_paint_depth (const fal_image *im, fal_image *out,
                          fal_error *err);

/* What stands before the background, 1 channel, white is foreground. The
** background is what is like the picture's border and connected to it; with
** a busy border, what stands out in the middle. */
fal_code fal_paint_cutout (const fal_image *im, fal_image *out,
                           fal_error *err);

/* The picture, at half its size, as it may have looked when a share of 'done'
** (0..1) of the work was done: coarse and noisy. */
fal_code fal_paint_partial (const fal_image *im, double done, uint32_t seed,
                            fal_image *out, fal_error *err);

/* How much of the picture has the colours of skin, 0 to 1. It knows nothing
** of what is shown. */
double fal_paint_skin (const fal_image *im);


/*
** {======================================================
** Private part, shared by the files of guides
** =======================================================
*/

#include "plane.h"
#include "pmath.h"

/* Lines of a control image, 0 to 1: those of a drawing, else the edges of
** the light. 'drawn' says which it was (may be NULL). */
int gd_lines (const fal_image *control, plane *to, int *drawn);

/* What a picture is painted with: the mean colours of its darkest fifth to
** its lightest. */
void gd_palette (const fal_image *im, rgb to[5]);

/* im := im + (c - im) * a at one pixel. */
static inline void gd_mix (uint8_t *p, rgb c, float a) {
  p[0] = (uint8_t)(pm_clamp(p[0] + (c.r * 255.0f - p[0]) * a, 0.0f, 255.0f) + 0.5f);
  p[1] = (uint8_t)(pm_clamp(p[1] + (c.g * 255.0f - p[1]) * a, 0.0f, 255.0f) + 0.5f);
  p[2] = (uint8_t)(pm_clamp(p[2] + (c.b * 255.0f - p[2]) * a, 0.0f, 255.0f) + 0.5f);
}

static inline rgb gd_get (const uint8_t *p) {
  return pm_rgb(p[0] / 255.0f, p[1] / 255.0f, p[2] / 255.0f);
}

/* A size of the picture, as in scene.h. */
static inline float gd_unit (const fal_image *im) {
  float w = (float)im->width, h = (float)im->height;
  return pm_min(pm_sqrt(w * h), pm_min(w, h) * 1.7f);
}

/* Each shapes 'im' by one kind of control; 0 when memory ends. */
int gd_areas (fal_image *im, const plane *line, float k);       /* areas.c */
int gd_depth (fal_image *im, const fal_image *control, float k);/* depth.c */
int gd_pose (fal_image *im, const fal_image *control, float k); /* pose.c */

/* Nonzero when the picture looks like a pose drawn for a machine. */
int gd_is_pose (const fal_image *control);

/* }====================================================== */

#endif
