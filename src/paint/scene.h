/*
** scene.h -- what the files of the painter share
**
** A picture is painted back to front on a canvas of linear light, then
** graded down to 8 bits. Horizontal places are fractions of the width,
** vertical ones of the height, and sizes are in units of 'canvas.u' pixels,
** so that the same seed gives the same picture at any size.
*/
#ifndef fal_scene_h
#define fal_scene_h

#include "paint.h"
#include "pmath.h"
#include "words.h"

typedef struct canvas {
  int w, h;
  int end;        /* rows from here on will be painted over: what stands behind
                     need not be painted there */
  float u;        /* pixels in a unit; about the square root of the area */
  rgb *px;
} canvas;

/* The light and the colours of one hour. */
typedef struct palette {
  rgb zenith, mid, horizon;   /* of the sky */
  rgb sun;                    /* of direct light; above 1 when strong */
  rgb ambient;                /* of light from everywhere */
  rgb haze;                   /* what distance fades into */
  rgb accent[3];              /* named colours first, else in harmony */
  float dark;                 /* 0 at noon, 1 at night */
} palette;

/* How the canvas is developed. */
typedef struct grade {
  float exposure, contrast, saturation;
  float vignette, grain, paper, bloom;
  rgb shadows, lights;        /* split toning, 1 is neutral */
} grade;

typedef struct scene {
  canvas c;
  words w;
  palette pal;
  grade g;
  uint64_t rng;
  uint32_t seed;              /* for noise */
  int octaves;                /* of the finest noise */
  float sunx, suny;           /* of sun or moon, as fractions */
  float horizon;              /* as a fraction of the height */
  int (*canceled) (void *ud);
  void *ud;
  int failed;                 /* memory ended in a helper */
} scene;


/* ---- scene.c ---- */

/* Next number in [0,1); in [lo,hi); a whole number in [0,n). At most one of
** these in an expression: which argument of a call is evaluated first is up
** to the compiler, and the picture must not be. */
float pt_rand (scene *s);
float pt_between (scene *s, float lo, float hi);
int pt_pick (scene *s, int n);

/* Vertical size that fits any format: units, but no more than the height. */
float pt_tall (const scene *s);

/* Nonzero when painting should stop. */
int pt_stop (const scene *s);

/* ---- noise.c: gradient noise, about -1 to 1 ---- */

float pt_noise1 (float x, uint32_t seed);
float pt_noise2 (float x, float y, uint32_t seed);

/* Sums of octaves, each twice as fine and half as strong. */
float pt_fbm1 (float x, int octaves, uint32_t seed);
float pt_fbm2 (float x, float y, int octaves, uint32_t seed);

/* out[i] = fbm at (x + i*dx, y); octaves finer than a sample are left out. */
void pt_fbm_row (float *out, int n, float x, float dx, float y, int octaves,
                 uint32_t seed);

/* The same for rows that lie above one another, which is quicker than one by
** one: row 'r', at y[r], in out[r * n]. Writes over 'y'. */
void pt_fbm_rows (float *out, int n, int rows, float x, float dx, float *y,
                  int octaves, uint32_t seed);

/* Folded octaves: sharp crests, 0 to 1. */
float pt_ridged1 (float x, int octaves, uint32_t seed);

/* ---- canvas.c ---- */

static inline rgb *pt_at (const canvas *c, int x, int y) {
  return c->px + (size_t)y * (size_t)c->w + (size_t)x;
}

static inline void pt_over (rgb *p, rgb c, float a) {
  *p = pm_mix(*p, c, a);
}

/* Bilinear; places outside are those of the edge. */
rgb pt_sample (const canvas *c, float x, float y);

/* The same at n places, its colours apart. */
void pt_sample_row (const canvas *c, int n, const float *x, const float *y,
                    float *r, float *g, float *b);

/* Adds light in a disc fading to nothing at 'radius' pixels. */
void pt_glow (canvas *c, float x, float y, float radius, rgb light);

/* A soft elliptic spot blended over: full inside 'hard' (0..1) of it. */
void pt_spot (canvas *c, float x, float y, float rx, float ry, float hard,
              rgb color, float alpha);

/* A line of light or paint with round ends. */
void pt_line (canvas *c, float x0, float y0, float x1, float y1, float width,
              rgb color, float alpha, int additive);

/* ---- develop.c: from the canvas to the picture ---- */

/* What is bright blooms, and all is graded down to 8 bits. 'k' by 'k' pixels
** of the canvas make one of the picture. */
fal_code pt_develop (scene *s, fal_image *im, int k, fal_error *err);

/* ---- path.c: shapes ---- */

typedef struct path {
  float *pt;        /* x, y pairs; a NaN-free list of polygons */
  int *end;         /* index past the last point of each polygon */
  int npt, cpt, nend, cend;
  float ox, oy, sx, sy, cs, sn;   /* to pixels: rotate, scale, move */
  float x, y;       /* the pen, before that */
  int failed;
} path;

/* How a shape is filled: 'a' at (x0,y0) to 'b' at (x1,y1), in pixels. */
typedef struct brush {
  rgb a, b;
  float x0, y0, x1, y1;
  float alpha;
  float texture;    /* strength of the noise on it, 0 for none */
  float scale;      /* size of its largest grain, in pixels */
  uint32_t seed;
} brush;

void pt_path_init (path *p, float ox, float oy, float scale);
void pt_path_turn (path *p, float turns, float flip);
void pt_path_free (path *p);
void pt_path_clear (path *p);   /* keeps the transform */
void pt_move (path *p, float x, float y);
void pt_to (path *p, float x, float y);
void pt_curve (path *p, float x1, float y1, float x2, float y2, float x,
               float y);
void pt_ellipse (path *p, float x, float y, float rx, float ry);
void pt_rect (path *p, float x, float y, float w, float h);
void pt_round_rect (path *p, float x, float y, float w, float h, float r);

/* A shape written down: M x y, L x y, C six numbers, Z; y grows downwards. */
void pt_shape (path *p, const char *d);

brush pt_flat (rgb c);
brush pt_gradient (rgb a, float x0, float y0, rgb b, float x1, float y1);

/* Fills, anti-aliased by exact area. */
void pt_fill (scene *s, const path *p, const brush *b);

/* The shape blurred by 'radius' pixels, moved, multiplying what is there
** down to 'color' (strength 'alpha'), or added to it as light. */
void pt_shadow (scene *s, const path *p, float dx, float dy, float radius,
                rgb color, float alpha);
void pt_halo (scene *s, const path *p, float radius, rgb light);

/* ---- palette.c ---- */

void pt_palette (scene *s);
rgb pt_color (int color);        /* one of the words' colours */
rgb pt_haze (const scene *s, rgb c, float distance);

/* The haze of a distance, and how much of it there is. */
float pt_haze_at (const scene *s, float distance, rgb *color);

/* ---- what can be painted; each fills the whole canvas ---- */

void pt_land (scene *s);
void pt_aerial (scene *s);
void pt_city (scene *s);
void pt_street (scene *s);
void pt_room (scene *s);
void pt_product (scene *s);
void pt_food (scene *s);
void pt_graph (scene *s);
void pt_space (scene *s);
void pt_abstract (scene *s);
void pt_portrait (scene *s);

/* ---- parts of them ---- */

void pt_sky (scene *s);                       /* sky.c: down to the horizon */
void pt_fog (scene *s, float y, float thick, float strength);
void pt_rays (scene *s, float strength);      /* shafts of light */
void pt_weather (scene *s);                   /* rain or snow in the air */
void pt_birds (scene *s, float x, float y, int n);
void pt_water_line (scene *s);                /* water.c: what is painted now */
void pt_water (scene *s);                     /* stands behind this water */
void pt_shore (scene *s);
void pt_ridge (scene *s, float base, float height, float rough, float dist,
               rgb color, uint32_t seed);                   /* ridge.c */
void pt_trees (scene *s, float base, float size, float density, float dist,
               rgb color, uint32_t seed);                   /* trees.c */
void pt_trunks (scene *s, rgb color);
void pt_castle (scene *s, float x, float y, float size);    /* things.c */
void pt_boat (scene *s, float x, float y, float size);
void pt_mosque (scene *s, float x, float y, float size);
void pt_lighthouse (scene *s, float x, float y, float size);
void pt_bridge (scene *s, float y, float size);
void pt_balloons (scene *s);
void pt_house (scene *s, float x, float y, float size);
void pt_animal (scene *s, float x, float y, float size);    /* beings.c */
void pt_person (scene *s, float x, float y, float size);
#endif
