/*
** things.c -- what people build: walls, towers, boats, bridges, balloons
**
** Shapes are given around their foot at (0,0), one unit high, y downwards.
*/
#include "scene.h"


/* Vertical size that fits any format. */
static float size_of (const scene *s, float size) {
  return size * pm_min(s->c.u, (float)s->c.h * 1.1f);
}


static rgb light_of (const scene *s, float direct) {
  return pm_add(pm_scale(s->pal.sun, direct), pm_scale(s->pal.ambient, 0.6f));
}


/* Fills a shape across which the light falls from the sun's side. */
static void lit_fill (scene *s, path *p, rgb c, float x, float half, float dist,
                      float texture) {
  float l = s->sunx * (float)s->c.w < x ? -1.0f : 1.0f;
  rgb a = pm_mul(c, light_of(s, 0.8f)), d = pm_mul(c, light_of(s, 0.06f));
  brush b = pt_gradient(pt_haze(s, a, dist), x + l * half, 0,
                        pt_haze(s, pm_scale(d, 0.75f), dist), x - l * half, 0);
  b.texture = texture;
  b.scale = s->c.u * 0.009f;
  b.seed = s->seed + 50U;
  pt_fill(s, p, &b);
}


/* A small lit window, by day dark. */
static void window (scene *s, float x, float y, float w, float h) {
  int lit = s->pal.dark > 0.25f;
  rgb c = lit ? pm_scale(pm_hex(0xffc46a), 1.3f)
              : pm_scale(s->pal.ambient, 0.12f);
  brush b = pt_flat(c);
  path p;
  pt_path_init(&p, x, y, 1);
  pt_round_rect(&p, -w * 0.5f, -h * 0.5f, w, h, w * 0.5f);
  pt_fill(s, &p, &b);
  if (lit)
    pt_glow(&s->c, x, y, h * 3.0f, pm_scale(pm_hex(0xff9c3c), 0.16f));
  pt_path_free(&p);
}


/* ---- castle ---- */

/* A round tower with battlements from y = 0 up to -h, about x. */
static void tower (scene *s, float ox, float oy, float k, float x, float w,
                   float h, float dist) {
  path p;
  float c = w * 0.14f, t;
  pt_path_init(&p, ox, oy, k);
  pt_move(&p, x - w * 0.5f, 0.06f);
  pt_to(&p, x - w * 0.47f, -h);
  pt_to(&p, x - w * 0.57f, -h - 0.025f);
  for (t = -0.57f; t < 0.55f; t += 0.285f) {  /* teeth */
    pt_to(&p, x + t * w, -h - 0.10f);
    pt_to(&p, x + t * w + c, -h - 0.10f);
    pt_to(&p, x + t * w + c, -h - 0.062f);
    pt_to(&p, x + (t + 0.285f) * w, -h - 0.062f);
  }
  pt_to(&p, x + 0.57f * w, -h - 0.062f);
  pt_to(&p, x + w * 0.57f, -h - 0.025f);
  pt_to(&p, x + w * 0.47f, -h);
  pt_to(&p, x + w * 0.5f, 0.06f);
  lit_fill(s, &p, pm_hex(0xb59a7a), ox + x * k, w * k * 0.5f, dist, 0.22f);
  pt_path_free(&p);
  window(s, ox + x * k, oy - h * k * 0.72f, w * k * 0.09f, w * k * 0.26f);
}


static void wall (scene *s, float ox, float oy, float k, float x0, float x1,
                  float h, float dist) {
  float step = 0.055f, x;
  path p;
  pt_path_init(&p, ox, oy, k);
  pt_move(&p, x0, 0.06f);
  pt_to(&p, x0, -h);
  for (x = x0; x + step * 0.5f < x1; x += step) {
    pt_to(&p, x, -h - 0.04f);
    pt_to(&p, x + step * 0.5f, -h - 0.04f);
    pt_to(&p, x + step * 0.5f, -h);
    pt_to(&p, x + step, -h);
  }
  pt_to(&p, x1, -h);
  pt_to(&p, x1, 0.06f);
  lit_fill(s, &p, pm_hex(0xa08868), ox + (x0 + x1) * 0.5f * k,
           (x1 - x0) * 0.8f * k, dist, 0.25f);
  pt_path_free(&p);
}


/* The rock a castle or lighthouse stands on. */
static void rock_base (scene *s, float ox, float oy, float w, float h,
                       float dist) {
  path p;
  int i;
  pt_path_init(&p, ox, oy, 1);
  pt_move(&p, -w, h * 0.1f);
  for (i = 0; i <= 80; i++) {
    float t = (float)i / 40.0f - 1.0f, e = 1.0f - t * t;
    float r = pt_fbm1((float)i * 0.31f, 4, s->seed + 71U);
    pt_to(&p, t * w * (1.0f + 0.03f * r),
          -h * (pm_min(e * 1.9f, 0.55f + 0.45f * e) * (0.86f + 0.34f * r)));
  }
  pt_to(&p, w, h * 0.1f);
  lit_fill(s, &p, pm_hex(0x5d5a4a), ox, w * 0.9f, dist, 0.9f);
  pt_path_free(&p);
}


void pt_castle (scene *s, float x, float y, float size) {
  float k = size_of(s, size), ox = x * (float)s->c.w, base = y * (float)s->c.h;
  float oy, d = 0.28f;
  int m = pt_rand(s) < 0.5f ? 1 : -1;
  float f = (float)m;
  rock_base(s, ox, base, k * 1.25f, k * 0.32f, d);
  oy = base - k * 0.27f;
  tower(s, ox, oy, k, -0.16f * f, 0.17f, 0.66f, d * 1.2f);
  tower(s, ox, oy, k, 0.14f * f, 0.24f, 0.56f, d);
  wall(s, ox, oy, k, -0.62f, 0.62f, 0.30f, d);
  tower(s, ox, oy, k, 0.62f * f, 0.19f, 0.38f, d);
  tower(s, ox, oy, k, -0.62f * f, 0.20f, 0.44f, d);
  wall(s, ox, oy + 0.07f * k, k, -0.88f, 0.92f, 0.16f, d * 0.8f);
  tower(s, ox, oy + 0.07f * k, k, 0.92f * f, 0.15f, 0.22f, d * 0.8f);
  window(s, ox - 0.3f * k, oy - 0.16f * k, 0.02f * k, 0.05f * k);
  window(s, ox + 0.34f * k, oy - 0.15f * k, 0.02f * k, 0.05f * k);
  {  /* flag on the keep */
    float fx = ox + 0.14f * f * k, fy = oy - 0.66f * k;
    brush b = pt_flat(pm_mul(pm_hex(0xd23a34), light_of(s, 0.7f)));
    path p;
    pt_line(&s->c, fx, fy, fx, fy - k * 0.2f, k * 0.008f,
            pm_scale(s->pal.ambient, 0.2f), 1, 0);
    pt_path_init(&p, fx, fy - k * 0.2f, k);
    pt_shape(&p, "M0 0C.05 -.02 .07 .03 .13 .005L.13 .08C.07 .105 .05 .055 0 .075");
    pt_fill(s, &p, &b);
    pt_path_free(&p);
  }
}


/* ---- mosque ---- */

static void minaret (scene *s, float ox, float oy, float k, float x, float h,
                     rgb c) {
  path p;
  pt_path_init(&p, ox + x * k, oy, k);
  pt_move(&p, -0.018f, 0.05f);
  pt_to(&p, -0.014f, -h);
  pt_to(&p, 0, -h - 0.17f);
  pt_to(&p, 0.014f, -h);
  pt_to(&p, 0.018f, 0.05f);
  pt_rect(&p, -0.026f, -h * 0.62f, 0.052f, 0.018f);
  pt_rect(&p, -0.024f, -h * 0.86f, 0.048f, 0.016f);
  lit_fill(s, &p, c, ox + x * k, k * 0.02f, 0.5f, 0);
  pt_path_free(&p);
}


void pt_mosque (scene *s, float x, float y, float size) {
  float k = size_of(s, size), ox = x * (float)s->c.w, oy = y * (float)s->c.h;
  rgb stone = pm_hex(0x9a9298);
  path p;
  int i;
  rock_base(s, ox, oy, k * 1.5f, k * 0.16f, 0.6f);
  for (i = 0; i < 26; i++) {  /* the houses around it */
    float w = pt_between(s, 0.06f, 0.13f), h = pt_between(s, 0.05f, 0.12f);
    float hx = pt_between(s, -1.15f, 1.1f), e = 1.0f - hx * hx * 0.6f;
    pt_path_init(&p, ox + hx * k, oy - 0.10f * k * e, k);
    pt_rect(&p, 0, -h, w, h + 0.06f);
    pt_move(&p, -0.01f, -h);
    pt_to(&p, w * 0.5f, -h - 0.035f);
    pt_to(&p, w + 0.01f, -h);
    lit_fill(s, &p, pm_mix(stone, pm_hex(0xb07a5c), pt_rand(s)), ox + hx * k,
             w * k, 0.55f, 0);
    pt_path_free(&p);
    if (pt_rand(s) < 0.6f)
      window(s, ox + (hx + w * 0.5f) * k, oy - (0.10f * e + h * 0.5f) * k,
             0.012f * k, 0.018f * k);
  }
  oy -= 0.14f * k;
  for (i = 0; i < 2; i++) {
    minaret(s, ox, oy, k, i == 0 ? -0.47f : 0.47f, 0.86f, stone);
    minaret(s, ox, oy, k, i == 0 ? -0.33f : 0.33f, 0.72f, stone);
  }
  pt_path_init(&p, ox, oy, k);
  pt_rect(&p, -0.40f, -0.20f, 0.80f, 0.26f);
  pt_move(&p, -0.27f, -0.28f);
  pt_curve(&p, -0.27f, -0.46f, -0.12f, -0.53f, 0, -0.545f);
  pt_curve(&p, 0.12f, -0.53f, 0.27f, -0.46f, 0.27f, -0.28f);
  pt_rect(&p, -0.285f, -0.29f, 0.57f, 0.10f);
  pt_rect(&p, -0.004f, -0.62f, 0.008f, 0.09f);
  for (i = -1; i <= 1; i += 2) {
    float c = (float)i * 0.31f;
    pt_move(&p, c - 0.11f, -0.19f);
    pt_curve(&p, c - 0.11f, -0.29f, c - 0.04f, -0.315f, c, -0.32f);
    pt_curve(&p, c + 0.04f, -0.315f, c + 0.11f, -0.29f, c + 0.11f, -0.19f);
  }
  lit_fill(s, &p, stone, ox, k * 0.4f, 0.42f, 0.08f);
  pt_path_free(&p);
  for (i = -3; i <= 3; i++)
    window(s, ox + (float)i * 0.075f * k, oy - 0.235f * k, 0.016f * k, 0.04f * k);
}


/* ---- lighthouse, bridge, house ---- */

void pt_lighthouse (scene *s, float x, float y, float size) {
  float k = size_of(s, size), ox = x * (float)s->c.w, oy = y * (float)s->c.h;
  path p;
  int i;
  rock_base(s, ox, oy, k * 0.6f, k * 0.2f, 0.25f);
  oy -= 0.16f * k;
  pt_path_init(&p, ox, oy, k);
  pt_shape(&p, "M-.1 .04L-.062 -.78L.062 -.78L.1 .04");
  lit_fill(s, &p, pm_hex(0xf2efe8), ox, k * 0.1f, 0.2f, 0.04f);
  for (i = 0; i < 2; i++) {
    float a = i == 0 ? -0.2f : -0.58f, b = a - 0.17f;
    float wa = 0.1f + a * 0.0463f, wb = 0.1f + b * 0.0463f;
    pt_path_clear(&p);
    pt_move(&p, -wa, a); pt_to(&p, -wb, b);
    pt_to(&p, wb, b); pt_to(&p, wa, a);
    lit_fill(s, &p, pm_hex(0xc23a30), ox, k * 0.1f, 0.2f, 0.04f);
  }
  pt_path_clear(&p);
  pt_shape(&p, "M-.085 -.78L.085 -.78L.085 -.8L-.085 -.8M-.05 -.89L0 -.97L.05 -.89");
  lit_fill(s, &p, pm_hex(0x40322e), ox, k * 0.09f, 0.2f, 0);
  pt_path_free(&p);
  pt_spot(&s->c, ox, oy - 0.845f * k, 0.04f * k, 0.045f * k, 0.8f,
          pm_scale(pm_hex(0xffe2a0), 2.0f), 1);
  pt_glow(&s->c, ox, oy - 0.845f * k, k * (0.2f + 0.5f * s->pal.dark),
          pm_scale(pm_hex(0xffd080), 0.3f + 0.3f * s->pal.dark));
}


void pt_bridge (scene *s, float y, float size) {
  float k = size_of(s, size), w = (float)s->c.w, oy = y * (float)s->c.h;
  float deck = oy - k * 0.28f, span = w * 0.62f, x0 = (w - span) * 0.5f;
  rgb c = pt_haze(s, pm_mul(pm_hex(0x7a3b34), light_of(s, 0.5f)), 0.35f);
  float xs[2];
  int i, j;
  xs[0] = x0;
  xs[1] = x0 + span;
  for (i = 0; i < 2; i++) {
    pt_line(&s->c, xs[i] - k * 0.025f, oy, xs[i] - k * 0.02f, oy - k, k * 0.022f, c,
        1, 0);
    pt_line(&s->c, xs[i] + k * 0.025f, oy, xs[i] + k * 0.02f, oy - k, k * 0.022f, c,
        1, 0);
    for (j = 1; j <= 3; j++)
      pt_line(&s->c, xs[i] - k * 0.02f, oy - k * 0.32f * (float)j,
              xs[i] + k * 0.02f, oy - k * 0.32f * (float)j, k * 0.02f, c, 1, 0);
  }
  pt_line(&s->c, 0, deck, w, deck, k * 0.028f, c, 1, 0);
  for (i = 0; i <= 64; i++) {  /* cable and hangers, between and outside */
    float t = (float)i / 64.0f, u = (float)(i + 1) / 64.0f;
    float a = oy - k + k * 0.68f * 4.0f * t * (1.0f - t);
    float b = oy - k + k * 0.68f * 4.0f * u * (1.0f - u);
    if (i < 64)
      pt_line(&s->c, x0 + span * t, a, x0 + span * u, b, k * 0.010f, c, 1, 0);
    pt_line(&s->c, x0 + span * t, a, x0 + span * t, deck, k * 0.0035f, c, 0.8f, 0);
  }
  pt_line(&s->c, x0, oy - k, -w * 0.05f, deck, k * 0.010f, c, 1, 0);
  pt_line(&s->c, x0 + span, oy - k, w * 1.05f, deck, k * 0.010f, c, 1, 0);
}


void pt_house (scene *s, float x, float y, float size) {
  float k = size_of(s, size), ox = x * (float)s->c.w, oy = y * (float)s->c.h;
  rgb wall_c = pm_hex(s->w.has[HAS_PINE] || s->w.has[HAS_SNOW] ? 0x7a5a40 : 0xe6dccb);
  rgb roof = pm_hex(s->w.has[HAS_SNOW] ? 0xeef2f6 : 0xa4523a);
  path p;
  pt_path_init(&p, ox, oy, k);
  pt_ellipse(&p, 0.0f, 0.02f, 0.8f, 0.05f);
  pt_shadow(s, &p, 0, 0, k * 0.1f, pm_rgb(0.05f, 0.05f, 0.08f), 0.6f);
  pt_path_clear(&p);
  pt_shape(&p, "M-.55 .02L-.55 -.48L.12 -.48L.12 .02");
  lit_fill(s, &p, wall_c, ox - 0.2f * k, k * 0.7f, 0.2f, 0.08f);
  pt_path_clear(&p);
  pt_shape(&p, "M.12 .02L.12 -.48L.34 -.86L.56 -.48L.56 .02");
  lit_fill(s, &p, pm_scale(wall_c, 0.8f), ox + 0.34f * k, k * 0.5f, 0.2f, 0.08f);
  pt_path_clear(&p);
  pt_shape(&p, "M-.62 -.44L-.42 -.9L.34 -.9L.13 -.44");
  lit_fill(s, &p, roof, ox - 0.15f * k, k * 0.6f, 0.2f, 0.15f);
  pt_path_clear(&p);
  pt_shape(&p, "M.34 -.9L.62 -.42L.57 -.4L.34 -.79L.15 -.43L.1 -.46");
  lit_fill(s, &p, pm_scale(roof, 0.7f), ox + 0.34f * k, k * 0.3f, 0.2f, 0.1f);
  pt_path_clear(&p);
  pt_shape(&p, "M-.36 -.86L-.36 -1.06L-.26 -1.06L-.26 -.86");
  lit_fill(s, &p, pm_hex(0x6c5a50), ox - 0.3f * k, k * 0.06f, 0.2f, 0.1f);
  pt_path_free(&p);
  window(s, ox - 0.38f * k, oy - 0.24f * k, 0.11f * k, 0.16f * k);
  window(s, ox - 0.08f * k, oy - 0.24f * k, 0.11f * k, 0.16f * k);
  window(s, ox + 0.34f * k, oy - 0.5f * k, 0.10f * k, 0.14f * k);
}


/* ---- boats ---- */

/* Draws a path again upside down in the water, broken by waves. */
static void mirror (scene *s, const char *d, float ox, float oy, float k,
                    float flip, rgb c, float alpha) {
  brush b = pt_gradient(c, 0, oy, c, 0, oy + k);
  path p;
  int i;
  pt_path_init(&p, ox, oy, k);
  pt_path_turn(&p, 0, flip);
  p.sy = -k * 0.6f;
  pt_shape(&p, d);
  for (i = 0; i < p.npt; i++) {
    float y = p.pt[2 * i + 1];
    p.pt[2 * i] += k * 0.02f * pt_noise1(y / k * 26.0f, s->seed + 81U);
  }
  b.alpha = alpha;
  pt_fill(s, &p, &b);
  pt_path_free(&p);
}


void pt_boat (scene *s, float x, float y, float size) {
  static const char hull[] =
    "M-.62 -.16C-.3 -.1 .2 -.1 .66 -.22C.58 -.1 .5 -.02 .42 .03L-.48 .03"
    "C-.56 -.02 -.6 -.08 -.62 -.16";
  static const char main_sail[] =
    "M.02 -1.22C.1 -.9 .06 -.45 -.5 -.24C-.2 -.3 -.05 -.26 .02 -.24";
  static const char jib[] = "M.06 -1.12C.22 -.9 .42 -.5 .62 -.25"
      "C.4 -.3 .2 -.28 .07 -.25";
  float k = size_of(s, size), ox = x * (float)s->c.w, oy = y * (float)s->c.h;
  float flip = s->sunx < 0.5f ? -1.0f : 1.0f;
  rgb white = pm_hex(0xf5f2ea), wood = pm_hex(0x6e4630);
  path p;
  mirror(s, hull, ox, oy, k, flip, pm_scale(s->pal.ambient, 0.10f), 0.55f);
  mirror(s, main_sail, ox, oy, k, flip, pm_mul(white, light_of(s, 0.4f)), 0.26f);
  mirror(s, jib, ox, oy, k, flip, pm_mul(white, light_of(s, 0.4f)), 0.2f);
  pt_path_init(&p, ox, oy, k);
  pt_path_turn(&p, 0, flip);
  pt_shape(&p, main_sail);
  lit_fill(s, &p, white, ox - flip * 0.2f * k, k * 0.35f, 0.1f, 0.05f);
  pt_path_clear(&p);
  pt_shape(&p, jib);
  lit_fill(s, &p, pm_scale(white, 0.92f), ox + flip * 0.3f * k, k * 0.4f, 0.1f, 0.05f);
  pt_path_clear(&p);
  pt_shape(&p, "M.03 -1.27L.05 -1.27L.06 -.12L.02 -.12M-.5 -.225L.05 -.235L.05 -.215"
      "L-.5 -.2");
  lit_fill(s, &p, wood, ox, k * 0.1f, 0.1f, 0);
  pt_path_clear(&p);
  pt_shape(&p, hull);
  lit_fill(s, &p, s->w.colors > 0 ? s->pal.accent[0] : white, ox, k * 0.8f, 0.1f,
      0.05f);
  pt_path_clear(&p);
  pt_shape(&p, "M-.53 -.06C-.2 0 .2 0 .54 -.085L.42 .03L-.48 .03");
  lit_fill(s, &p, wood, ox, k * 0.8f, 0.1f, 0.1f);
  pt_path_free(&p);
  pt_line(&s->c, ox - k * 0.75f, oy + k * 0.035f, ox + k * 0.7f, oy + k * 0.035f,
          k * 0.012f, pm_scale(light_of(s, 0.5f), 0.8f), 0.5f, 0);
}


/* ---- balloons ---- */

static void balloon (scene *s, float x, float y, float k, float dist, rgb c) {
  int i;
  path p;
  for (i = 0; i < 5; i++) {  /* gores, from the outside in */
    float w = 1.0f - (float)i * 0.22f;
    rgb g = i % 2 == 0 ? c : pm_mix(c, pm_hex(0xfff2dd), 0.72f);
    pt_path_init(&p, x, y, k);
    pt_move(&p, 0, 0.66f);
    pt_curve(&p, -0.12f * w, 0.66f, -0.5f * w, 0.22f, -0.5f * w, -0.04f);
    pt_curve(&p, -0.5f * w, -0.36f, -0.26f * w, -0.54f, 0, -0.54f);
    pt_curve(&p, 0.26f * w, -0.54f, 0.5f * w, -0.36f, 0.5f * w, -0.04f);
    pt_curve(&p, 0.5f * w, 0.22f, 0.12f * w, 0.66f, 0, 0.66f);
    lit_fill(s, &p, g, x, k * 0.55f, dist, 0.04f);
    pt_path_free(&p);
  }
  pt_line(&s->c, x - 0.06f * k, y + 0.62f * k, x - 0.045f * k, y + 0.76f * k,
          k * 0.008f, pm_scale(s->pal.ambient, 0.2f), 0.9f, 0);
  pt_line(&s->c, x + 0.06f * k, y + 0.62f * k, x + 0.045f * k, y + 0.76f * k,
          k * 0.008f, pm_scale(s->pal.ambient, 0.2f), 0.9f, 0);
  pt_path_init(&p, x, y + 0.76f * k, k);
  pt_round_rect(&p, -0.06f, 0, 0.12f, 0.09f, 0.02f);
  lit_fill(s, &p, pm_hex(0x6b4426), x, k * 0.08f, dist, 0.1f);
  pt_path_free(&p);
}


void pt_balloons (scene *s) {
  int i, n = 6;
  for (i = n; i > 0; i--) {
    float t = 1.0f / (float)i, k = size_of(s, 0.035f + 0.15f * t * t);
    float x = i == 1 ? (s->sunx < 0.5f ? 0.66f : 0.34f) : pt_between(s, 0.08f, 0.92f);
    float y = i == 1 ? s->horizon - 0.25f
              : s->horizon - pt_between(s, 0.12f, 0.4f);
    balloon(s, x * (float)s->c.w, y * (float)s->c.h, k, 0.9f * (1.0f - t),
            i == 1 ? s->pal.accent[0] : s->pal.accent[i % 3]);
  }
}
