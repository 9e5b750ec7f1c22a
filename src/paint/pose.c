/*
** pose.c -- a figure drawn along the limbs of a pose
**
** Poses for machines are limbs of fixed colours on black, as OpenPose draws
** them: each colour is a part of the body. Around every limb goes flesh or
** cloth as thick as that part is.
*/
#include <stdlib.h>
#include <string.h>

#include "guide.h"

typedef enum part { PART_TORSO, PART_ARM, PART_LEG, PART_NECK, PART_HEAD, PARTS } part;

/* Thickness, as shares of the figure's height. */
static const float thick[PARTS] = {0.078f, 0.030f, 0.044f, 0.034f, 0.0f};

#define HEADS  8

typedef struct figure {
  int w, h;
  int *near;             /* of each pixel: the nearest pixel of a limb, or -1 */
  float head[HEADS][4];  /* ellipses: middle and radii */
  int heads;
  float height;          /* of the figure, in pixels */
  int left, right, top, bottom;
} figure;


static int lit (const uint8_t *p) {
  return p[0] > 70 || p[1] > 70 || p[2] > 70;
}


/* Mostly black, and what is not is strongly coloured. */
int gd_is_pose (const fal_image *im) {
  size_t i, n = (size_t)im->width * im->height, limbs = 0, strong = 0, black = 0;
  for (i = 0; i < n; i++) {
    const uint8_t *p = im->pixels + 3 * i;
    float hi = pm_max(p[0], pm_max(p[1], p[2])), lo = pm_min(p[0], pm_min(p[1], p[2]));
    black += hi < 40.0f;
    limbs += hi > 70.0f;
    strong += hi > 70.0f && hi - lo > 0.5f * hi;
  }
  return black * 2 > n && limbs > 0 && strong * 3 > limbs * 2;
}


/* Which part a colour is, by its hue in sixths of the circle. */
static part part_of (const uint8_t *p) {
  float r = p[0], g = p[1], b = p[2], hi = pm_max(r, pm_max(g, b));
  float lo = pm_min(r, pm_min(g, b)), c = hi - lo, h;
  if (c < 1.0f)
    return PART_HEAD;
  if (hi == r)
    h = (g - b) / c;
  else
    h = hi == g ? 2.0f + (b - r) / c : 4.0f + (r - g) / c;
  if (h < 0.0f)
    h += 6.0f;
  if (h < 0.45f || (h > 1.88f && h < 2.12f) || (h > 2.9f && h < 3.1f))
    return PART_TORSO;
  if (h < 1.88f)
    return PART_ARM;
  if (h < 3.8f)
    return PART_LEG;
  return h < 4.15f ? PART_NECK : PART_HEAD;
}


static void measure (figure *f, const fal_image *im) {
  int x, y;
  f->left = f->w;
  f->top = f->h;
  f->right = f->bottom = 0;
  for (y = 0; y < f->h; y++)
    for (x = 0; x < f->w; x++) {
      int at = y * f->w + x;
      f->near[at] = -1;
      if (!lit(im->pixels + (size_t)at * 3))
        continue;
      f->near[at] = at;
      f->left = x < f->left ? x : f->left;
      f->right = x > f->right ? x : f->right;
      f->top = y < f->top ? y : f->top;
      f->bottom = y > f->bottom ? y : f->bottom;
    }
  f->height = pm_max((float)(f->bottom - f->top), 0.5f * (float)(f->right - f->left));
}


static float apart (const figure *f, int at, int other) {
  float dx = (float)(at % f->w - other % f->w), dy = (float)(at / f->w - other / f->w);
  return dx * dx + dy * dy;
}


/* The neighbour's nearest limb may be this pixel's too. */
static void pass_on (figure *f, int at, int x, int y) {
  int from;
  if (x < 0 || y < 0 || x >= f->w || y >= f->h)
    return;
  from = f->near[y * f->w + x];
  if (from >= 0 && (f->near[at] < 0 || apart(f, at, from) < apart(f, at, f->near[at])))
    f->near[at] = from;
}


static void find_nearest (figure *f) {
  int x, y;
  for (y = 0; y < f->h; y++)
    for (x = 0; x < f->w; x++) {
      int at = y * f->w + x;
      pass_on(f, at, x - 1, y); pass_on(f, at, x - 1, y - 1);
      pass_on(f, at, x, y - 1); pass_on(f, at, x + 1, y - 1);
    }
  for (y = f->h - 1; y >= 0; y--)
    for (x = f->w - 1; x >= 0; x--) {
      int at = y * f->w + x;
      pass_on(f, at, x + 1, y); pass_on(f, at, x + 1, y + 1);
      pass_on(f, at, x, y + 1); pass_on(f, at, x - 1, y + 1);
    }
}


static part part_at (const fal_image *control, int at) {
  return part_of(control->pixels + (size_t)at * 3);
}


/* Whether a pixel is of a head that is in the list already; then the head's
** box takes it in. 'box' has left, right, top, bottom of each. */
static int belongs (float box[4], int x, int y, float reach) {
  if ((float)x < box[0] - reach || (float)x > box[1] + reach
      || (float)y < box[2] - reach || (float)y > box[3] + reach)
    return 0;
  box[0] = pm_min(box[0], (float)x); box[1] = pm_max(box[1], (float)x);
  box[2] = pm_min(box[2], (float)y); box[3] = pm_max(box[3], (float)y);
  return 1;
}


/* Boxes that reach into one another become one. */
static void join (float box[][4], int *n, float reach) {
  int i, k;
  for (i = 0; i < *n; i++)
    for (k = i + 1; k < *n; k++)
      if (belongs(box[i], (int)box[k][0], (int)box[k][2], reach)
          || belongs(box[i], (int)box[k][1], (int)box[k][3], reach)) {
        box[i][0] = pm_min(box[i][0], box[k][0]); box[i][1] = pm_max(box[i][1], box[k][1]);
        box[i][2] = pm_min(box[i][2], box[k][2]); box[i][3] = pm_max(box[i][3], box[k][3]);
        memmove(box[k], box[--*n], sizeof(box[0]));
        i = -1;  /* the larger one may reach others */
        break;
      }
}


/* Where limbs of two colours meet there are specks of a head's colour. */
static void drop_specks (float box[][4], int *n, float least) {
  int i, most = 0;
  for (i = 0; i < *n; i++)
    most |= box[i][1] - box[i][0] >= least;
  for (i = 0; i < *n; i++)
    if (most && box[i][1] - box[i][0] < least)
      memmove(box[i--], box[--*n], sizeof(box[0]));
}


/* Eyes, ears and nose that are close together make one head. */
static void find_heads (figure *f, const fal_image *control) {
  float box[HEADS][4], reach = 0.05f * f->height;
  int x, y, k;
  for (y = f->top; y <= f->bottom; y++)
    for (x = f->left; x <= f->right; x++) {
      int at = y * f->w + x;
      if (f->near[at] != at || part_at(control, at) != PART_HEAD)
        continue;
      for (k = 0; k < f->heads && !belongs(box[k], x, y, reach); k++)
        ;
      if (k == f->heads && k < HEADS) {
        box[k][0] = box[k][1] = (float)x;
        box[k][2] = box[k][3] = (float)y;
        f->heads++;
      }
    }
  join(box, &f->heads, reach);
  drop_specks(box, &f->heads, 0.045f * f->height);
  for (k = 0; k < f->heads; k++) {
    float r = pm_max(0.5f * (box[k][1] - box[k][0]), 0.052f * f->height);
    f->head[k][0] = 0.5f * (box[k][0] + box[k][1]);
    f->head[k][1] = 0.5f * (box[k][2] + box[k][3]) - 0.12f * r;
    f->head[k][2] = r;
    f->head[k][3] = r * 1.32f;
  }
}


/* How far inside a head: 1 in its middle, 0 at its edge. Where in it goes to
** '*u' and '*v', -1 to 1. */
static float in_head (const figure *f, int x, int y, float *u, float *v) {
  float best = -1.0f;
  int k;
  *u = *v = 0.0f;
  for (k = 0; k < f->heads; k++) {
    float dx = ((float)x - f->head[k][0]) / f->head[k][2];
    float dy = ((float)y - f->head[k][1]) / f->head[k][3];
    float in = 1.0f - pm_sqrt(dx * dx + dy * dy);
    if (in > best) {
      best = in;
      *u = dx;
      *v = dy;
    }
  }
  return best;
}


/* ---- drawing ---- */

static rgb dress (part p, const rgb tone[5]) {
  static const rgb skin = {0.80f, 0.58f, 0.44f};
  rgb c;
  switch (p) {
    case PART_TORSO: case PART_ARM:
      c = pm_saturate(tone[3], 1.9f);
      if (pm_abs(pm_lum(c) - pm_lum(tone[2])) < 0.15f)
        c = pm_mix(c, pm_rgb(0.92f, 0.90f, 0.86f), 0.6f);
      return c;
    case PART_LEG:
      return pm_mix(pm_scale(tone[0], 0.8f), pm_rgb(0.16f, 0.18f, 0.26f), 0.5f);
    default:
      return pm_mix(skin, pm_mul(skin, tone[3]), 0.3f);
  }
}


/* How far inside its limb a pixel is, 0 at its edge, 1 in the middle. */
static float in_limb (const figure *f, const fal_image *control, int at) {
  float r;
  if (f->near[at] < 0)
    return -1.0f;
  r = thick[part_at(control, f->near[at])] * f->height;
  return r < 1.0f ? -1.0f : 1.0f - pm_sqrt(apart(f, at, f->near[at])) / r;
}


/* 0.5 at the edge of the body, more inside; softened, so that parts run into
** one another. */
static int body_of (const figure *f, const fal_image *control, plane *to) {
  int at, n = f->w * f->h;
  if (!pl_new(to, f->w, f->h))
    return 0;
  for (at = 0; at < n; at++) {
    float u, v, head = in_head(f, at % f->w, at / f->w, &u, &v);
    v = pm_max(in_limb(f, control, at), head);
    to->v[at] = pm_clamp(v, -1.0f, 1.0f) * 0.5f + 0.5f;
  }
  if (pl_blur(to, (int)(f->height * 0.006f), 1))
    return 1;
  pl_free(to);
  return 0;
}


/* A soft shadow where the figure stands. */
static void ground (fal_image *im, const figure *f, float k) {
  float cx = 0.5f * (float)(f->left + f->right), cy = (float)f->bottom + 0.04f * f->height;
  float rx = 0.5f * (float)(f->right - f->left) + 0.08f * f->height, ry = 0.05f * f->height;
  int x, y;
  for (y = (int)pm_max(cy - ry, 0.0f); y < f->h && (float)y < cy + ry; y++)
    for (x = 0; x < f->w; x++) {
      float dx = ((float)x - cx) / rx, dy = ((float)y - cy) / ry, d = dx * dx + dy * dy;
      if (d < 1.0f)
        gd_mix(im->pixels + ((size_t)y * (size_t)f->w + (size_t)x) * 3, pm_rgb(0, 0, 0),
               0.5f * (1.0f - d) * (1.0f - d) * pm_sat(k));
    }
}


static void draw (fal_image *im, const fal_image *control, const figure *f,
                  const plane *body, float k) {
  rgb tone[5];
  int x, y, step = (int)(f->height * 0.008f) + 1;
  gd_palette(im, tone);
  ground(im, f, k);
  for (y = 0; y < f->h; y++)
    for (x = 0; x < f->w; x++) {
      int at = y * f->w + x;
      float v = body->v[at], a = pm_sat((v - 0.5f) * f->height * 0.06f + 0.5f), slope, lit_by, hx, hy;
      part p;
      rgb c;
      if (a <= 0.0f || f->near[at] < 0)
        continue;
      p = part_at(control, f->near[at]);
      if (in_head(f, x, y, &hx, &hy) > -0.02f)
        p = PART_HEAD;
      c = dress(p, tone);
      if (p == PART_HEAD && hy + 0.35f * hx * hx < -0.34f)
        c = pm_mix(pm_scale(tone[0], 0.5f), pm_rgb(0.16f, 0.10f, 0.07f), 0.6f);  /* hair */
      slope = pl_sample(body, (float)(x + step), (float)(y + step))
              - pl_sample(body, (float)(x - step), (float)(y - step));
      lit_by = 0.80f + 1.1f * pm_clamp(slope, -0.35f, 0.35f);
      lit_by *= 0.72f + 0.28f * pm_step(0.5f, 0.72f, v);
      gd_mix(im->pixels + (size_t)at * 3, pm_scale(c, lit_by), a * pm_sat(k * 0.97f));
    }
}


int gd_pose (fal_image *im, const fal_image *control, float k) {
  figure f;
  plane body;
  f.w = (int)im->width;
  f.h = (int)im->height;
  f.near = malloc((size_t)f.w * (size_t)f.h * sizeof(int));
  if (f.near == NULL)
    return 0;
  measure(&f, control);
  f.heads = 0;
  find_heads(&f, control);
  find_nearest(&f);
  if (!body_of(&f, control, &body)) {
    free(f.near);
    return 0;
  }
  draw(im, control, &f, &body, k);
  pl_free(&body);
  free(f.near);
  return 1;
}
