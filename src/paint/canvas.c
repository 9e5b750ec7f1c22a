/*
** canvas.c -- light, spots and lines on the canvas
*/
#include "scene.h"

#define PIECE  256   /* places that are looked up together */

typedef struct corners {
  int at[PIECE], right[PIECE], below[PIECE];
  float fx[PIECE], fy[PIECE];
} corners;


rgb pt_sample (const canvas *c, float x, float y) {
  int i, j, i1, j1;
  float fx, fy;
  x = pm_clamp(x, 0.0f, (float)(c->w - 1));
  y = pm_clamp(y, 0.0f, (float)(c->h - 1));
  i = (int)x;
  j = (int)y;
  fx = x - (float)i;
  fy = y - (float)j;
  i1 = i + 1 < c->w ? i + 1 : i;
  j1 = j + 1 < c->h ? j + 1 : j;
  return pm_mix(pm_mix(*pt_at(c, i, j), *pt_at(c, i1, j), fx),
                pm_mix(*pt_at(c, i, j1), *pt_at(c, i1, j1), fx), fy);
}


/* For places in a canvas: the index of the pixel above and left of each, how far
** it is to the ones right and below (0 at the edge), and the way to them. */
FAL_WIDE
static void find_corners (const canvas *restrict c, int n, const float *restrict x,
                          const float *restrict y, corners *restrict q) {
  int w = c->w, right = c->w - 1, below = c->h - 1, i;
  for (i = 0; i < n; i++) {
    float px = pm_clamp(x[i], 0.0f, (float)right);
    float py = pm_clamp(y[i], 0.0f, (float)below);
    int a = (int)px, b = (int)py;
    q->at[i] = b * w + a;
    q->right[i] = a < right ? 1 : 0;
    q->below[i] = b < below ? w : 0;
    q->fx[i] = px - (float)a;
    q->fy[i] = py - (float)b;
  }
}


void pt_sample_row (const canvas *c, int n, const float *x, const float *y,
                    float *r, float *g, float *b) {
  corners q;
  int i, k, m;
  for (i = 0; i < n; i += m) {
    m = n - i < PIECE ? n - i : PIECE;
    find_corners(c, m, x + i, y + i, &q);
    for (k = 0; k < m; k++) {
      const rgb *p = c->px + q.at[k], *low = p + q.below[k];
      int next = q.right[k];
      rgb v = pm_mix(pm_mix(p[0], p[next], q.fx[k]),
                     pm_mix(low[0], low[next], q.fx[k]), q.fy[k]);
      r[i + k] = v.r;
      g[i + k] = v.g;
      b[i + k] = v.b;
    }
  }
}


/* Pixels from 'lo' to 'hi' (inside 0..n-1) touched by centre +- r. */
static int range (float center, float r, int n, int *lo, int *hi) {
  float a = center - r - 1.0f, b = center + r + 1.0f;
  if (b < 0.0f || a > (float)n)
    return 0;
  *lo = a > 0.0f ? (int)a : 0;
  *hi = b < (float)(n - 1) ? (int)b : n - 1;
  return *lo <= *hi;
}


/* A row of a glow, 'dx' and 'dy' from its middle; 'k' is 1 / radius^2. */
FAL_WIDE
static void glow_row (rgb *restrict p, int n, float x, float from, float dy,
                      float k, rgb light) {
  int i;
  for (i = 0; i < n; i++) {
    float dx = (from + (float)i) + 0.5f - x;
    float d = pm_max(1.0f - (dx * dx + dy * dy) * k, 0.0f);
    p[i] = pm_add(p[i], pm_scale(light, d * d * d));
  }
}


void pt_glow (canvas *c, float x, float y, float radius, rgb light) {
  int x0, x1, y0, y1, j;
  float k = 1.0f / (radius * radius);
  if (radius < 0.3f || !range(x, radius, c->w, &x0, &x1)
      || !range(y, radius, c->end, &y0, &y1))
    return;
  for (j = y0; j <= y1; j++)
    glow_row(pt_at(c, x0, j), x1 - x0 + 1, x, (float)x0, (float)j + 0.5f - y, k,
             light);
}


void pt_spot (canvas *c, float x, float y, float rx, float ry, float hard,
              rgb color, float alpha) {
  int x0, x1, y0, y1, i, j;
  float edge;
  rx = pm_max(rx, 0.35f);
  ry = pm_max(ry, 0.35f);
  edge = 1.5f / pm_min(rx, ry);  /* never sharper than a pixel and a half */
  hard = pm_max(pm_min(hard, 1.0f - edge * 0.5f), -1.0f);
  edge = 2.0f - hard > 1.0f + edge ? 1.0f : 1.0f + edge * 0.5f;
  if (!range(x, rx * edge, c->w, &x0, &x1)
      || !range(y, ry * edge, c->end, &y0, &y1))
    return;
  for (j = y0; j <= y1; j++) {
    float dy = ((float)j + 0.5f - y) / ry;
    rgb *p = pt_at(c, x0, j);
    for (i = x0; i <= x1; i++, p++) {
      float dx = ((float)i + 0.5f - x) / rx;
      float d = dx * dx + dy * dy;
      if (d < edge * edge)
        pt_over(p, color, alpha * pm_step(edge, hard, pm_sqrt(d)));
    }
  }
}


void pt_line (canvas *c, float ax, float ay, float bx, float by, float width,
              rgb color, float alpha, int additive) {
  float vx = bx - ax, vy = by - ay, r = width * 0.5f;
  float len2 = vx * vx + vy * vy;
  int y0, y1, j;
  if (width < 1.0f) {  /* thinner than a pixel: paler instead */
    alpha *= width;
    r = 0.5f;
  }
  if (!range((ay + by) * 0.5f, pm_abs(vy) * 0.5f + r, c->end, &y0, &y1))
    return;
  for (j = y0; j <= y1; j++) {
    float dy = (float)j + 0.5f - ay;
    float lo = pm_min(ax, bx) - r - 1.0f, hi = pm_max(ax, bx) + r + 1.0f;
    int i, i0, i1;
    if (pm_abs(vy) > 1.0f) {  /* only where the line crosses this row */
      float mid = ax + vx * dy / vy;
      float reach = (r + 1.5f) * pm_sqrt(len2) / pm_abs(vy);
      lo = pm_max(lo, mid - reach);
      hi = pm_min(hi, mid + reach);
    }
    if (hi < 0.0f || lo > (float)c->w)
      continue;
    i0 = lo > 0.0f ? (int)lo : 0;
    i1 = hi < (float)(c->w - 1) ? (int)hi : c->w - 1;
    for (i = i0; i <= i1; i++) {
      float dx = (float)i + 0.5f - ax;
      float t = len2 > 0.0f ? pm_sat((dx * vx + dy * vy) / len2) : 0.0f;
      float ex = dx - vx * t, ey = dy - vy * t;
      float a = pm_sat(r + 0.5f - pm_sqrt(ex * ex + ey * ey)) * alpha;
      if (a > 0.0f) {
        rgb *p = pt_at(c, i, j);
        if (additive)
          *p = pm_add(*p, pm_scale(color, a));
        else
          pt_over(p, color, a);
      }
    }
  }
}
