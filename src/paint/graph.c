/*
** graph.c -- technology: a glowing graph of nodes over depth
*/
#include "scene.h"

#define NODES  150

typedef struct node {
  float x, y, z;      /* pixels; z 0 far to 1 near */
  float r;
  int hub, tint;
} node;


static rgb hue (const scene *s, int i) {
  static const uint32_t often[] = {0x2fd8ff, 0x6c7bff, 0xff5fb0, 0x36f0b5};
  if (s->w.colors > 0)
    return pm_add(pm_scale(s->pal.accent[i % s->w.colors], 1.1f),
                  pm_rgb(0.03f, 0.03f, 0.03f));
  return pm_hex(often[(i + (int)(s->w.hash & 3)) & 3]);
}


/* Deep space of a screen: a dark gradient with two tinted clouds of light. */
static void depth (scene *s) {
  float row[2048], inv = 1.0f / s->c.u;
  rgb a = pm_hex(0x03060f), b = pm_hex(0x0a1430);
  rgb h0 = hue(s, 0), h1 = hue(s, 1);
  float ax = s->sunx * (float)s->c.w, ay = s->suny * (float)s->c.h;
  int x, y, x0;
  for (y = 0; y < s->c.h; y++)
    for (x0 = 0; x0 < s->c.w; x0 += 2048) {
      int n = s->c.w - x0 < 2048 ? s->c.w - x0 : 2048;
      rgb *out = pt_at(&s->c, x0, y);
      float dy = ((float)y - ay) * inv;
      pt_fbm_row(row, n, (float)x0 * inv * 1.8f, inv * 1.8f, (float)y * inv * 1.8f,
                 4, s->seed + 1U);
      for (x = 0; x < n; x++) {
        float dx = ((float)(x0 + x) - ax) * inv, d = dx * dx + dy * dy;
        float g = 1.0f / (1.0f + 7.0f * d), f = pm_sat(0.5f + 0.9f * row[x]);
        rgb c = pm_mix(a, b, g + 0.25f * f);
        c = pm_add(c, pm_scale(h0, 0.11f * g * f));
        out[x] = pm_add(c, pm_scale(h1, 0.035f * f * f * (1.0f - g)));
      }
    }
}


/* A floor of fine lines running to the horizon. */
static void floor_grid (scene *s) {
  float h = (float)s->c.h, w = (float)s->c.w, y0 = 0.70f * h, u = s->c.u;
  rgb c = pm_scale(hue(s, 0), 0.34f);
  int i;
  for (i = 0; i < 15; i++) {
    float t = (float)i / 14.0f, y = y0 + (h - y0) * t * t * 1.1f + 1.0f;
    pt_line(&s->c, 0, y, w, y, u * 0.0012f * (0.4f + t), c, 0.10f + 0.5f * t, 1);
  }
  for (i = -22; i <= 22; i++)
    pt_line(&s->c, w * 0.5f + (float)i * u * 0.03f, y0, w * 0.5f + (float)i * u * 0.21f,
            h * 1.06f, u * 0.0012f, c, 0.26f, 1);
  {
    int x, y;
    for (y = (int)y0 - 2; y < (int)(y0 + 0.12f * h) && y < s->c.h; y++)
      for (x = 0; x < s->c.w; x++) {  /* the far end drowns in the dark */
        float k = 1.0f - pm_sat(((float)y - y0) / (0.12f * h));
        rgb *p = pt_at(&s->c, x, y < 0 ? 0 : y);
        *p = pm_mix(*p, pm_hex(0x060d20), 0.75f * k);
      }
  }
}


/* Hubs around the focus on a golden spiral, leaves around hubs. */
static int place (scene *s, node *n) {
  int hubs = 9, i, count = 0;
  float w = (float)s->c.w, h = (float)s->c.h, u = s->c.u;
  float kx = pm_min(w / u, 1.7f), ky = pm_min(h / u, 1.6f), phase = pt_rand(s);
  for (i = 0; i < hubs; i++) {
    float t = ((float)i + 0.25f) / (float)hubs, r = 0.44f * pm_sqrt(t);
    float a = phase + (float)i * 0.381966f;
    node *p = &n[count++];
    p->x = s->sunx * w + (0.5f - s->sunx) * w * t + pm_cos(a) * r * u * kx;
    p->y = s->suny * h + (0.5f - s->suny) * h * t * 0.6f + pm_sin(a) * r * u * ky
        * 0.72f;
    p->z = i == 0 ? 1.0f : pt_between(s, 0.25f, 0.95f);
    p->r = u * (i == 0 ? 0.030f : 0.009f + 0.013f * p->z);
    p->hub = -1;
    p->tint = i % 3;
  }
  while (count < NODES) {
    int hub = pt_pick(s, hubs);
    node *p = &n[count++];
    float a = pt_rand(s), r = u * pt_between(s, 0.05f,
        0.20f) * (hub == 0 ? 1.3f : 1.0f);
    p->x = n[hub].x + pm_cos(a) * r;
    p->y = n[hub].y + pm_sin(a) * r * 0.9f;
    p->z = pm_sat(n[hub].z + pt_between(s, -0.35f, 0.2f));
    p->r = u * (0.0016f + 0.0050f * p->z * pt_rand(s));
    p->hub = hub;
    p->tint = pt_rand(s) < 0.8f ? n[hub].tint : pt_pick(s, 3);
  }
  return hubs;
}


/* A slightly bent edge with light running along it. */
static void link_nodes (scene *s, const node *a, const node *b, float power) {
  float mx = (a->x + b->x) * 0.5f, my = (a->y + b->y) * 0.5f;
  float bend = 0.10f, z = (a->z + b->z) * 0.5f, px = a->x, py = a->y;
  float cx = mx - (b->y - a->y) * bend, cy = my + (b->x - a->x) * bend;
  float width = s->c.u * (0.0007f + 0.0018f * z * power);
  int i, n = 12;
  for (i = 1; i <= n; i++) {
    float t = (float)i / (float)n, v = 1.0f - t;
    float x = v * v * a->x + 2 * v * t * cx + t * t * b->x;
    float y = v * v * a->y + 2 * v * t * cy + t * t * b->y;
    rgb c = pm_mix(hue(s, a->tint), hue(s, b->tint), t);
    pt_line(&s->c, px, py, x, y, width, pm_scale(c, power * (0.18f + 0.5f * z)), 1, 1);
    px = x;
    py = y;
  }
  if (power > 0.5f) {
    float t = pt_rand(s), v = 1.0f - t;
    pt_glow(&s->c, v * v * a->x + 2 * v * t * cx + t * t * b->x,
            v * v * a->y + 2 * v * t * cy + t * t * b->y, s->c.u * 0.010f,
            pm_scale(hue(s, b->tint), 0.9f));
  }
}


/* Far nodes are blurred discs, near ones small lit spheres. */
static void draw_node (scene *s, const node *n) {
  rgb c = hue(s, n->tint);
  float soft = 1.0f - n->z;
  pt_glow(&s->c, n->x, n->y, n->r * (n->hub < 0 ? 7.0f : 5.0f),
          pm_scale(c, (n->hub < 0 ? 0.22f : 0.13f) * (0.4f + 0.6f * n->z)));
  pt_spot(&s->c, n->x, n->y, n->r * (1.0f + soft), n->r * (1.0f + soft),
          0.75f - soft, pm_scale(c, 0.55f + 0.5f * n->z), 0.35f + 0.6f * n->z);
  if (n->hub < 0) {
    pt_spot(&s->c, n->x, n->y, n->r * 0.84f, n->r * 0.84f, 0.2f,
            pm_scale(c, 0.28f), 0.75f);
    pt_spot(&s->c, n->x - n->r * 0.22f, n->y - n->r * 0.26f, n->r * 0.5f, n->r * 0.45f,
            -0.6f, pm_add(c, pm_rgb(0.5f, 0.5f, 0.5f)), 0.85f);
  }
  else if (n->z > 0.5f)
    pt_spot(&s->c, n->x, n->y, n->r * 0.5f, n->r * 0.5f, 0.0f,
            pm_add(pm_scale(c, 0.9f), pm_rgb(0.5f, 0.5f, 0.5f)), 0.9f);
}


static void nearest_links (scene *s, const node *n, int hubs) {
  int i, j;
  for (i = 1; i < hubs; i++) {
    int best = 0;
    float least = 1e18f;
    for (j = 0; j < i; j++) {
      float dx = n[i].x - n[j].x, dy = n[i].y - n[j].y;
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy;
        best = j;
      }
    }
    link_nodes(s, &n[best], &n[i], 1.0f);
    if (best != 0)
      link_nodes(s, &n[0], &n[i], 0.7f);
  }
}


void pt_graph (scene *s) {
  node n[NODES];
  int hubs, i, pass;
  s->sunx = pt_rand(s) < 0.5f ? pt_between(s, 0.36f, 0.44f) : pt_between(s, 0.56f,
      0.64f);
  s->suny = pt_between(s, 0.38f, 0.46f);
  s->g.bloom *= 1.6f;
  depth(s);
  floor_grid(s);
  hubs = place(s, n);
  for (i = 0; i < 26; i++) {  /* out of focus, behind everything */
    float r = s->c.u * pt_between(s, 0.006f, 0.028f);
    float x = pt_rand(s) * (float)s->c.w, y = pt_rand(s) * (float)s->c.h * 0.9f;
    pt_spot(&s->c, x, y, r, r, 0.55f, hue(s, i), 0.05f);
  }
  if (pt_stop(s))
    return;
  for (i = hubs; i < NODES; i++)
    link_nodes(s, &n[n[i].hub], &n[i], 0.45f);
  for (i = hubs; i + 9 < NODES; i += 5)
    link_nodes(s, &n[i], &n[i + 9], 0.16f);
  nearest_links(s, n, hubs);
  for (pass = 0; pass < 4; pass++)  /* back to front */
    for (i = NODES - 1; i >= 0; i--)
      if (n[i].z >= (float)pass * 0.25f && (n[i].z < (float)(pass + 1) * 0.25f
          || pass == 3))
        draw_node(s, &n[i]);
}
