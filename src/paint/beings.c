/*
** beings.c -- people and animals, drawn simply; portraits
*/
#include "scene.h"


static void fill (scene *s, path *p, rgb a, float x0, float y0, rgb b, float x1,
                  float y1, float texture) {
  brush br = pt_gradient(a, x0, y0, b, x1, y1);
  br.texture = texture;
  br.scale = s->c.u * 0.012f;
  br.seed = s->seed + 91U;
  pt_fill(s, p, &br);
}


/* ---- a person seen from behind ---- */

void pt_person (scene *s, float x, float y, float size) {
  float k = size * s->c.u, ox = x * (float)s->c.w, oy = y * (float)s->c.h;
  rgb c = pm_scale(s->pal.ambient, 0.10f), rim = pm_scale(s->pal.sun, 0.35f);
  float side = s->sunx * (float)s->c.w < ox ? -1.0f : 1.0f;
  path p;
  if (s->w.no[HAS_PERSON])
    return;
  pt_path_init(&p, ox, oy, k);
  pt_ellipse(&p, 0, 0, 0.17f, 0.025f);
  pt_shadow(s, &p, 0, 0, k * 0.03f, pm_rgb(0, 0, 0), 0.6f);
  pt_path_clear(&p);
  pt_shape(&p, "M-.10 0L-.03 0L-.005 -.42L.03 0L.10 0C.11 -.2 .12 -.38 .10 -.48"
               "C.15 -.55 .15 -.68 .12 -.78C.08 -.84 .04 -.85 .03 -.86L-.03 -.86"
               "C-.04 -.85 -.08 -.84 -.12 -.78C-.15 -.68 -.15 -.55 -.10 -.48"
               "C-.12 -.38 -.11 -.2 -.10 0");
  pt_ellipse(&p, 0, -0.925f, 0.058f, 0.072f);
  fill(s, &p, pm_add(c, rim), ox + side * k * 0.15f, oy, c, ox + side * k * 0.02f,
      oy, 0);
  pt_path_free(&p);
}


/* ---- animals; each faces right, foot at (0,0), about one unit high ---- */

typedef struct coat { rgb light, dark, belly; } coat;


static coat coat_of (const scene *s, uint32_t main_color, uint32_t belly) {
  rgb sun = pm_add(pm_scale(s->pal.sun, 0.75f), pm_scale(s->pal.ambient, 0.55f));
  rgb c = pm_hex(main_color);
  coat k;
  int i;
  for (i = 0; i < s->w.colors; i++)
    if (s->w.color[i] == COLOR_BLACK || s->w.color[i] == COLOR_WHITE
        || s->w.color[i] == COLOR_GRAY || s->w.color[i] == COLOR_BROWN)
      c = pt_color(s->w.color[i]);
  k.light = pm_mul(c, sun);
  k.dark = pm_mul(c, pm_add(pm_scale(s->pal.ambient, 0.42f), pm_scale(s->pal.sun,
      0.08f)));
  k.belly = pm_mul(pm_hex(belly), sun);
  return k;
}


static void part (scene *s, path *p, const char *d, rgb a, rgb b, float side) {
  float r = p->sy * 0.42f;
  pt_path_clear(p);
  pt_shape(p, d);
  fill(s, p, a, p->ox + side * r, p->oy - p->sy, b, p->ox - side * r, p->oy, 0.16f);
}


static void eye (scene *s, path *p, float x, float y, float r, uint32_t iris) {
  float ex = p->ox + x * p->sx, ey = p->oy + y * p->sy, k = r * p->sy;
  pt_spot(&s->c, ex, ey, k, k * 0.86f, 0.8f, pm_scale(pm_hex(iris), 0.9f), 1);
  pt_spot(&s->c, ex, ey, k * 0.58f, k * 0.7f, 0.8f, pm_hex(0x0c0a09), 1);
  pt_spot(&s->c, ex - k * 0.25f, ey - k * 0.3f, k * 0.24f, k * 0.22f, 0.5f,
          pm_rgb(1, 1, 1), 0.95f);
}


/* Short hairs along the lit side of a shape. */
static void fur (scene *s, const path *p, rgb c, float len, float alpha) {
  int i;
  for (i = 1; i < p->npt; i++) {
    float x = p->pt[2 * i], y = p->pt[2 * i + 1];
    float dx = x - p->pt[2 * i - 2], dy = y - p->pt[2 * i - 1];
    float d = pm_sqrt(dx * dx + dy * dy), t;
    int n = (int)(d / (len * 0.22f)) + 1, j;
    if (d < 0.01f)
      continue;
    for (j = 0; j < n; j++) {
      t = ((float)j + pt_rand(s)) / (float)n;
      pt_line(&s->c, x - dx * t - dy / d * len * 0.3f, y - dy * t + dx / d * len * 0.3f,
              x - dx * t + (dy / d) * len * 0.55f + pt_between(s, -0.3f, 0.3f) * len,
              y - dy * t - (dx / d) * len * 0.55f + len * 0.35f, len * 0.10f, c,
                  alpha, 0);
    }
  }
}


static void fox (scene *s, path *p, float side) {
  coat k = coat_of(s, 0xd0692a, 0xf4ece0);
  rgb black = pm_scale(k.dark, 0.18f), cream = k.belly;
  rgb shade = pm_mix(cream, s->pal.ambient, 0.55f);
  /* tail lies round the feet */
  part(s, p, "M-.16 -.12C-.42 -.22 -.66 -.18 -.70 -.04C-.66 .07 -.36 .07 -.10 .02",
      k.light, k.dark, side);
  fur(s, p, k.light, p->sy * 0.035f, 0.5f);
  part(s, p, "M-.70 -.04C-.72 -.13 -.62 -.17 -.55 -.155C-.57 -.10 -.57 -.01 -.52 .045"
      "C-.62 .055 -.69 .02 -.70 -.04", cream, shade, side);
  part(s, p, "M-.26 .02C-.34 -.20 -.22 -.42 -.06 -.56C.02 -.66 .12 -.68 .20 -.60"
             "C.26 -.44 .24 -.20 .20 .02L.10 .03L.08 -.16L.02 .03", k.light, k.dark,
                 side);
  fur(s, p, k.light, p->sy * 0.030f, 0.45f);
  part(s, p, "M.10 -.62C.22 -.62 .26 -.44 .19 -.20C.15 -.13 .10 -.2 .08 -.32"
      "C.05 -.44 .05 -.56 .10 -.62", cream, shade, side);
  fur(s, p, cream, p->sy * 0.030f, 0.4f);
  part(s, p, "M.06 -.26C.04 -.12 .05 -.03 .06 .03L.13 .03C.14 -.05 .14 -.16 .13 -.24"
      "M.17 -.26C.16 -.12 .165 -.03 .17 .035L.235 .03C.23 -.06 .23 -.16 .22 -.24",
      k.dark, black, side);
  /* head */
  part(s, p, "M-.10 -.80C-.13 -.93 -.11 -1.03 -.06 -1.08C.00 -1.03 .05 -.95 .07 -.88"
      "M.14 -.89C.17 -.97 .22 -1.04 .27 -1.06C.30 -.98 .29 -.90 .25 -.82", k.dark,
      black, side);
  part(s, p, "M-.075 -.86C-.085 -.94 -.075 -1.0 -.055 -1.03"
      "C-.01 -.99 .02 -.93 .04 -.88M.17 -.88C.19 -.95 .22 -.99 .25 -1.01"
      "C.265 -.95 .26 -.90 .235 -.86", pm_mix(k.light, cream, 0.35f), k.dark, side);
  part(s, p, "M-.15 -.74C-.13 -.86 -.03 -.92 .08 -.92C.19 -.92 .27 -.86 .29 -.76"
             "C.26 -.68 .22 -.64 .18 -.60C.15 -.55 .12 -.53 .09 -.53C.06 -.53 .03 -.56 0 -.60C-.06 -.63 -.12 -.67 -.15 -.74", k.light, k.dark, side);
  fur(s, p, k.light, p->sy * 0.022f, 0.4f);
  part(s, p, "M-.15 -.74C-.08 -.75 -.02 -.72 .02 -.66C.04 -.60 .06 -.56 .09 -.53"
      "C.04 -.54 .02 -.58 0 -.60C-.06 -.63 -.12 -.67 -.15 -.74", cream, shade, side);
  part(s, p, "M.29 -.76C.24 -.76 .18 -.72 .15 -.66C.13 -.60 .11 -.56 .09 -.53"
      "C.13 -.54 .15 -.58 .18 -.60C.22 -.64 .26 -.68 .29 -.76", cream, shade, side);
  part(s, p, "M.055 -.575C.07 -.595 .115 -.595 .13 -.575"
      "C.12 -.545 .105 -.535 .092 -.535C.08 -.535 .065 -.545 .055 -.575", black,
      black, side);
  eye(s, p, 0.005f, -0.725f, 0.026f, 0xd9a23a);
  eye(s, p, 0.178f, -0.725f, 0.026f, 0xd9a23a);
}


static void cat (scene *s, path *p, float side, int dog) {
  coat k = dog ? coat_of(s, 0xb98a56, 0xefe2cc) : coat_of(s, 0x8a8078, 0xf0e8dc);
  rgb black = pm_scale(k.dark, 0.2f), shade = pm_mix(k.belly, s->pal.ambient, 0.5f);
  if (!dog)
    part(s, p, "M-.18 -.02C-.40 .04 -.58 -.04 -.54 -.22C-.53 -.30 -.44 -.28 -.46 -.20"
               "C-.48 -.10 -.36 -.08 -.16 -.12", k.light, k.dark, side);
  part(s, p, "M-.27 .02C-.34 -.22 -.24 -.44 -.10 -.58C0 -.68 .14 -.68 .20 -.58"
             "C.26 -.42 .24 -.18 .22 .03L.06 .03L.03 -.1L0 .03", k.light, k.dark, side);
  fur(s, p, k.light, p->sy * 0.022f, 0.4f);
  part(s, p, "M.02 -.58C.10 -.64 .19 -.60 .20 -.44C.20 -.32 .14 -.24 .09 -.26"
      "C.02 -.32 0 -.48 .02 -.58", k.belly, shade, side);
  part(s, p, "M.05 -.28C.04 -.1 .03 -.02 .02 .03L.11 .035C.12 -.06 .12 -.18 .115 -.28"
      "M.15 -.28C.15 -.1 .15 -.02 .15 .035L.24 .03C.23 -.08 .22 -.18 .21 -.28",
      pm_mix(k.light, k.belly, 0.3f), k.dark, side);
  if (dog)
    part(s, p, "M-.10 -.88C-.19 -.86 -.22 -.70 -.17 -.58C-.10 -.58 -.06 -.68 -.04 -.80"
        "M.22 -.88C.31 -.86 .34 -.70 .29 -.58C.22 -.58 .19 -.68 .17 -.80", k.dark,
        black, side);
  else
    part(s, p, "M-.13 -.78C-.14 -.90 -.12 -.98 -.09 -1.02C-.03 -.98 .01 -.93 .03 -.89"
        "M.10 -.89C.12 -.93 .17 -.98 .23 -1.02C.26 -.98 .27 -.90 .25 -.78", k.light,
        k.dark, side);
  part(s, p, "M-.15 -.73C-.15 -.86 -.06 -.92 .06 -.92C.18 -.92 .27 -.86 .27 -.73"
      "C.27 -.62 .18 -.55 .06 -.55C-.06 -.55 -.15 -.62 -.15 -.73", k.light, k.dark,
      side);
  fur(s, p, k.light, p->sy * 0.016f, 0.35f);
  part(s, p, "M-.02 -.65C0 -.72 .04 -.72 .06 -.71C.08 -.72 .12 -.72 .14 -.65"
      "C.13 -.58 .10 -.56 .06 -.56C.02 -.56 -.01 -.58 -.02 -.65", k.belly, shade, side);
  part(s, p, dog ? "M.02 -.69C.03 -.72 .09 -.72 .10 -.69C.10 -.66 .08 -.64 .06 -.64"
      "C.04 -.64 .02 -.66 .02 -.69"
                 : "M.035 -.67C.045 -.685 .075 -.685 .085 -.67L.06 -.65",
                     dog ? black : pm_hex(0xb8705c), black, side);
  eye(s, p, -0.035f, -0.75f, dog ? 0.024f : 0.034f, dog ? 0x5a3518 : 0xb8c24a);
  eye(s, p, 0.155f, -0.75f, dog ? 0.024f : 0.034f, dog ? 0x5a3518 : 0xb8c24a);
}


static void owl (scene *s, path *p, float side) {
  coat k = coat_of(s, 0x8b6a48, 0xeadcc2);
  rgb shade = pm_mix(k.belly, s->pal.ambient, 0.5f);
  int i, j;
  part(s, p, "M-.26 -.60C-.34 -.30 -.24 -.04 -.04 .03L.10 .03"
      "C.28 -.04 .36 -.32 .30 -.60", k.light, k.dark, side);
  part(s, p, "M-.12 -.56C-.18 -.3 -.10 -.08 .02 -.02C.14 -.08 .22 -.3 .16 -.56",
      k.belly, shade, side);
  for (j = 0; j < 6; j++)
    for (i = -2; i <= 2; i++) {
      float x = 0.02f + 0.055f * ((float)i + (float)(j & 1) * 0.5f),
          y = -0.46f + 0.07f * (float)j;
      pt_spot(&s->c, p->ox + x * p->sx, p->oy + y * p->sy, p->sy * 0.016f,
          p->sy * 0.022f,
              0.2f, k.dark, 0.6f);
    }
  part(s, p, "M-.27 -.74C-.30 -.92 -.28 -.98 -.26 -1.0C-.18 -.95 -.06 -.93 .02 -.93"
      "C.10 -.93 .22 -.95 .30 -1.0C.33 -.94 .34 -.88 .31 -.74"
      "C.28 -.58 .14 -.52 .02 -.52C-.10 -.52 -.24 -.58 -.27 -.74", k.light, k.dark,
      side);
  part(s, p, "M-.24 -.74C-.24 -.86 -.04 -.86 .02 -.72C.08 -.86 .28 -.86 .28 -.74"
      "C.28 -.62 .10 -.58 .02 -.60C-.06 -.58 -.24 -.62 -.24 -.74", k.belly, shade,
      side);
  eye(s, p, -0.10f, -0.74f, 0.062f, 0xf0a820);
  eye(s, p, 0.14f, -0.74f, 0.062f, 0xf0a820);
  part(s, p, "M-.01 -.69L.05 -.69C.05 -.64 .03 -.61 .02 -.59"
      "C.01 -.61 -.01 -.64 -.01 -.69", pm_hex(0x3a3028), pm_hex(0x1a1512), side);
}


/* Horse, or deer with antlers, standing in the light. */
static void grazer (scene *s, path *p, float side, int deer) {
  coat k = deer ? coat_of(s, 0x94693f, 0xd9c3a0) : coat_of(s, 0x6b4327, 0x6b4327);
  rgb dark = pm_scale(k.dark, 0.55f);
  part(s, p, "M-.34 -.40C-.34 -.2 -.36 -.1 -.345 .01L-.295 .01"
      "C-.29 -.1 -.27 -.2 -.24 -.32M.20 -.36C.21 -.2 .205 -.1 .21 .01L.26 .01"
      "C.27 -.1 .28 -.22 .29 -.36", k.dark, dark, side);
  part(s, p, "M-.42 -.58C-.38 -.66 -.24 -.66 -.10 -.63C.06 -.60 .16 -.62 .24 -.70"
      "C.30 -.78 .33 -.86 .36 -.94C.40 -.99 .45 -.98 .47 -.94"
      "C.52 -.88 .58 -.82 .60 -.78C.60 -.74 .56 -.72 .53 -.73"
      "C.50 -.76 .46 -.78 .43 -.77C.41 -.68 .39 -.58 .35 -.48"
      "C.33 -.40 .28 -.34 .20 -.33C.06 -.30 -.10 -.30 -.20 -.33"
      "C-.24 -.32 -.30 -.3 -.36 -.34C-.42 -.40 -.44 -.50 -.42 -.58", k.light, k.dark,
      side);
  part(s, p, "M-.42 -.50C-.46 -.36 -.43 -.26 -.43 -.18C-.42 -.1 -.43 -.05 -.425 .02"
      "L-.37 .02C-.365 -.06 -.36 -.14 -.35 -.2C-.32 -.28 -.28 -.34 -.26 -.42M.26 -.44"
      "C.27 -.3 .31 -.2 .305 -.1L.30 .02L.355 .02C.36 -.1 .365 -.24 .36 -.40",
      k.light, dark, side);
  if (deer) {
    static const char *const horns[] = {
      "M.385 -.97C.34 -1.04 .31 -1.12 .33 -1.24L.345 -1.24C.335 -1.13 .36 -1.06 .405 -.98M.335 -1.10L.25 -1.2L.262 -1.208L.35 -1.12M.345 -1.03L.27 -1.08L.28 -1.095L.36 -1.05",
      "M.415 -.98C.43 -1.08 .47 -1.12 .50 -1.25L.516 -1.245C.49 -1.12 .46 -1.06 .432 -.97M.47 -1.11L.56 -1.2L.57 -1.188L.475 -1.085M.45 -1.05L.53 -1.1L.535 -1.083L.455 -1.025"};
    part(s, p, horns[0], pm_mix(k.belly, k.dark, 0.5f), dark, side);
    part(s, p, horns[1], k.belly, k.dark, side);
    part(s, p, "M.36 -.95C.32 -.99 .28 -.99 .25 -.97C.28 -.93 .33 -.92 .36 -.92",
        k.dark, dark, side);
  }
  else {
    part(s, p, "M.40 -.985C.40 -1.03 .42 -1.05 .435 -1.06"
        "C.45 -1.02 .45 -.99 .44 -.97", k.light, k.dark, side);
    part(s, p, "M.43 -.98C.34 -.96 .30 -.86 .25 -.74C.22 -.68 .19 -.64 .16 -.62"
        "C.22 -.62 .30 -.68 .34 -.76C.37 -.84 .38 -.9 .43 -.98M-.41 -.60"
        "C-.50 -.58 -.52 -.44 -.50 -.22C-.46 -.28 -.44 -.42 -.40 -.52", dark,
        pm_scale(dark, 0.6f), side);
  }
  pt_spot(&s->c, p->ox + 0.47f * p->sx, p->oy - 0.895f * p->sy, p->sy * 0.011f,
      p->sy * 0.010f,
          0.5f, pm_hex(0x0c0a09), 1);
}


/* The rock or bank an animal is on. */
static void perch (scene *s, float ox, float oy, float k) {
  int snow = s->w.has[HAS_SNOW], i;
  rgb c = pm_mul(pm_hex(0x6a6662), pm_add(pm_scale(s->pal.ambient, 0.8f),
      pm_scale(s->pal.sun, 0.3f)));
  rgb white = pm_add(pm_scale(s->pal.sun, 0.6f), pm_scale(s->pal.ambient, 0.45f));
  float side = s->sunx * (float)s->c.w < ox ? -1.0f : 1.0f;
  path p;
  brush b;
  for (i = 0; i < 2; i++) {
    int j, n = 48;
    pt_path_init(&p, ox, oy, k);
    pt_move(&p, -1.35f, 0.9f);
    for (j = 0; j <= n; j++) {
      float t = (float)j / (float)n * 2.0f - 1.0f, e = pm_sqrt(1.0f - t * t * t * t);
      float r = pt_fbm1(t * 5.0f + 3.0f, 4, s->seed + 95U);
      float y = i == 0 || !snow ? 0.34f - 0.36f * e + 0.035f * r
                : 0.36f - 0.38f * e + 0.02f * r - 0.02f;
      pt_to(&p, t * 1.02f, y);
    }
    if (i == 1)  /* the ragged lower edge of the snow */
      for (j = n; j >= 0; j--) {
        float t = (float)j / (float)n * 2.0f - 1.0f, e = pm_sqrt(1.0f - t * t * t * t);
        float r = pt_fbm1(t * 7.0f + 8.0f, 5, s->seed + 96U);
        pt_to(&p, t, 0.40f - 0.36f * e + 0.05f * e + 0.07f * r * e);
      }
    else
      pt_to(&p, 1.35f, 0.9f);
    if (i == 0)
      b = pt_gradient(pm_scale(c, 1.3f), ox + side * k, oy, pm_scale(c, 0.22f),
                      ox - side * k * 0.8f, oy + k * 0.5f);
    else if (snow)
      b = pt_gradient(white, ox + side * k * 0.5f, oy - k * 0.1f,
                      pm_mix(white, pm_scale(s->pal.ambient, 0.8f), 0.8f),
                          ox - side * k * 0.7f,
                      oy + k * 0.2f);
    else {
      pt_path_free(&p);
      break;
    }
    b.texture = i == 0 ? 0.75f : 0.06f;
    b.scale = k * 0.16f;
    b.seed = s->seed + 97U;
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


void pt_animal (scene *s, float x, float y, float size) {
  const unsigned char *has = s->w.has;
  float k = size * pm_min(s->c.u, (float)s->c.h * 1.05f);
  float ox = (s->sunx < 0.5f ? x + 0.10f : x - 0.10f) * (float)s->c.w;
  float oy = (y - 0.02f) * (float)s->c.h, face = s->sunx < 0.5f ? -1.0f : 1.0f;
  int tall = has[HAS_HORSE] || has[HAS_DEER];
  path p;
  if (tall)
    k *= 0.92f;
  else
    perch(s, ox, oy, k * 0.9f);
  pt_path_init(&p, ox, oy, k);
  pt_ellipse(&p, -0.08f * face, 0.01f, tall ? 0.5f : 0.42f, 0.045f);
  pt_shadow(s, &p, 0, 0, k * 0.04f, pm_rgb(0.05f, 0.05f, 0.08f), 0.7f);
  pt_path_turn(&p, 0, face);
  if (tall)
    grazer(s, &p, face, has[HAS_DEER]);
  else if (has[HAS_OWL])
    owl(s, &p, face);
  else if (has[HAS_CAT] || has[HAS_DOG])
    cat(s, &p, face, has[HAS_DOG] && !has[HAS_CAT]);
  else
    fox(s, &p, face);
  pt_path_free(&p);
}


/* ---- portraits ---- */

/* A dim room out of focus. */
static void bokeh (scene *s) {
  rgb deep = pm_scale(s->pal.accent[0], 0.10f), lift = pm_scale(s->pal.accent[1],
      0.28f);
  float inv = 1.0f / s->c.u;
  int x, y, i;
  for (y = 0; y < s->c.h; y++)
    for (x = 0; x < s->c.w; x++) {
      float dx = ((float)x - s->sunx * (float)s->c.w) * inv;
      float dy = ((float)y - 0.35f * (float)s->c.h) * inv;
      *pt_at(&s->c, x, y) = pm_mix(deep, lift, 1.0f / (1.0f + 5.0f * (dx * dx + dy * dy)));
    }
  for (i = 0; i < 34; i++) {
    float r = s->c.u * pt_between(s, 0.015f, 0.06f);
    rgb c = pm_mix(s->pal.accent[i % 3], pm_hex(0xffe0b0), 0.35f);
    float px = pt_rand(s) * (float)s->c.w, py = pt_between(s, 0.0f,
        0.9f) * (float)s->c.h;
    pt_spot(&s->c, px, py, r, r, 0.86f, c, pt_between(s, 0.04f, 0.16f));
  }
}


static void robot (scene *s, path *p, float side) {
  rgb shell = s->w.colors > 0 ? s->pal.accent[0] : pm_hex(0xdfe4e8);
  rgb lit = pm_scale(shell, 1.15f), dark = pm_scale(shell, 0.22f),
      glow = pm_hex(0x4fe0ff);
  float k = p->sy;
  part(s, p, "M-.62 .60C-.62 .30 -.44 .14 -.16 .10L.16 .10C.44 .14 .62 .30 .62 .60",
      lit, dark, side);
  part(s, p, "M-.10 -.05L.10 -.05L.12 .14L-.12 .14", pm_hex(0x50565c),
      pm_hex(0x181a1d), side);
  pt_path_clear(p);
  pt_round_rect(p, -0.36f, -0.66f, 0.72f, 0.62f, 0.22f);
  fill(s, p, lit, p->ox + side * k * 0.4f, p->oy - k * 0.7f, dark,
      p->ox - side * k * 0.4f,
       p->oy, 0.03f);
  pt_path_clear(p);
  pt_round_rect(p, -0.28f, -0.54f, 0.56f, 0.36f, 0.15f);
  fill(s, p, pm_hex(0x1a2026), 0, p->oy - k * 0.5f, pm_hex(0x06080a), 0,
      p->oy - k * 0.2f, 0);
  pt_path_clear(p);
  pt_ellipse(p, -0.13f, -0.37f, 0.05f, 0.065f);
  pt_ellipse(p, 0.13f, -0.37f, 0.05f, 0.065f);
  pt_halo(s, p, k * 0.09f, pm_scale(glow, 0.9f));
  fill(s, p, pm_add(glow, pm_rgb(0.4f, 0.4f, 0.4f)), 0, 0, glow, 0, 1, 0);
  pt_line(&s->c, p->ox, p->oy - k * 0.66f, p->ox, p->oy - k * 0.80f, k * 0.018f,
          pm_scale(shell, 0.5f), 1, 0);
  pt_glow(&s->c, p->ox, p->oy - k * 0.81f, k * 0.09f, pm_hex(0xff7048));
  pt_spot(&s->c, p->ox, p->oy - k * 0.81f, k * 0.025f, k * 0.025f, 0.6f,
      pm_hex(0xff8a60), 1);
}


/* Head and shoulders, lit from one side, the face kept plain. */
static void bust (scene *s, path *p, float side) {
  static const uint32_t skins[] = {0xe9b792, 0xc98d64, 0x9a6642, 0xf0c8a8, 0x6f452c};
  static const uint32_t hairs[] = {0x2a1b14, 0x4a2d1a, 0x15120f, 0x7a4a22, 0xa88450};
  rgb skin = pm_hex(skins[pt_pick(s, 5)]), hair = pm_hex(hairs[pt_pick(s, 5)]);
  rgb lit = pm_scale(skin, 1.12f), dark = pm_mul(skin, pm_rgb(0.26f, 0.20f, 0.24f));
  rgb cloth = s->pal.accent[0];
  float k = p->sy;
  if (s->w.has[HAS_OLD])
    hair = pm_hex(0xb4b0aa);
  if (!s->w.has[HAS_MAN])
    part(s, p, "M-.34 -.44C-.40 -.80 -.18 -.94 .02 -.93C.26 -.93 .40 -.72 .34 -.40"
        "C.34 -.20 .38 -.02 .30 .10L-.28 .10C-.36 -.06 -.32 -.24 -.34 -.44",
        pm_scale(hair, 1.1f), pm_scale(hair, 0.25f), side);
  part(s, p, "M-.70 .62C-.70 .34 -.52 .20 -.20 .12L-.13 .06L.13 .06L.20 .12"
      "C.52 .20 .70 .34 .70 .62", pm_scale(cloth, 1.05f), pm_scale(cloth, 0.18f), side);
  part(s, p, "M-.115 -.20L.115 -.20L.13 .10C.08 .19 -.08 .19 -.13 .10",
      pm_scale(skin, 0.85f), pm_scale(dark, 0.8f), side);
  part(s, p, "M-.24 -.46C-.25 -.68 -.12 -.80 .01 -.80C.14 -.80 .25 -.68 .24 -.46"
      "C.24 -.30 .14 -.12 .01 -.11C-.12 -.12 -.23 -.30 -.24 -.46", lit, dark, side);
  part(s, p, "M-.27 -.42C-.30 -.72 -.16 -.87 .02 -.87C.20 -.87 .32 -.72 .28 -.42"
      "C.25 -.54 .22 -.64 .12 -.69C0 -.66 -.16 -.66 -.22 -.58"
      "C-.25 -.52 -.26 -.48 -.27 -.42", pm_scale(hair, 1.3f), pm_scale(hair, 0.3f),
      side);
  if (s->w.has[HAS_MAN])  /* a beard */
    part(s, p, "M-.235 -.40C-.20 -.30 -.14 -.27 -.07 -.27C-.02 -.29 .04 -.29 .09 -.27"
        "C.16 -.27 .21 -.30 .235 -.40C.25 -.24 .16 -.06 .01 -.05"
        "C-.14 -.06 -.25 -.24 -.235 -.40", pm_scale(hair, 1.2f), pm_scale(hair,
        0.28f), side);
  /* brows, closed eyes, nose and mouth: a few quiet strokes */
  pt_path_clear(p);
  pt_shape(p, "M-.17 -.515C-.13 -.545 -.08 -.54 -.045 -.52"
      "C-.08 -.527 -.13 -.53 -.17 -.515M.065 -.52C.10 -.54 .15 -.545 .19 -.515"
      "C.15 -.53 .10 -.527 .065 -.52");
  fill(s, p, pm_scale(hair, 0.7f), 0, 0, pm_scale(hair, 0.7f), 0, 1, 0);
  pt_path_clear(p);
  pt_shape(p, "M-.165 -.45C-.13 -.42 -.085 -.42 -.05 -.45"
      "C-.085 -.435 -.13 -.435 -.165 -.45M.07 -.45C.105 -.42 .15 -.42 .185 -.45"
      "C.15 -.435 .105 -.435 .07 -.45");
  fill(s, p, pm_scale(hair, 0.4f), 0, 0, pm_scale(hair, 0.4f), 0, 1, 0);
  pt_path_clear(p);
  pt_shape(p, "M.02 -.44C.04 -.37 .055 -.34 .035 -.315C.02 -.305 0 -.305 -.02 -.315"
      "C0 -.32 .02 -.32 .027 -.33C.035 -.35 .025 -.38 .02 -.44");
  fill(s, p, pm_scale(dark, 1.1f), 0, 0, pm_scale(dark, 1.1f), 0, 1, 0);
  pt_path_clear(p);
  pt_shape(p, "M-.075 -.235C-.04 -.25 -.01 -.25 .01 -.243C.03 -.25 .06 -.25 .095 -.235"
      "C.06 -.20 -.04 -.20 -.075 -.235");
  fill(s, p, pm_mul(skin, pm_rgb(0.9f, 0.42f, 0.4f)), 0, 0, pm_mul(skin, pm_rgb(0.5f,
      0.25f, 0.25f)), 0, 1, 0);
  pt_spot(&s->c, p->ox + side * k * 0.13f, p->oy - k * 0.34f, k * 0.08f, k * 0.06f,
      -0.6f,
          pm_mul(skin, pm_rgb(1.25f, 0.8f, 0.75f)), 0.3f);
}


void pt_portrait (scene *s) {
  float side, k = 0.56f * pm_min(s->c.u, (float)s->c.h * 0.98f);
  path p;
  s->sunx = pt_rand(s) < 0.5f ? 0.26f : 0.74f;
  s->suny = 0.3f;
  side = s->sunx < 0.5f ? -1.0f : 1.0f;
  s->pal.ambient = pm_hex(0x6a6f80);
  bokeh(s);
  pt_path_init(&p, (0.5f - side * 0.05f) * (float)s->c.w, 0.72f * (float)s->c.h, k);
  if (s->w.has[HAS_ROBOT])
    robot(s, &p, side);
  else
    bust(s, &p, side);
  pt_path_free(&p);
}
