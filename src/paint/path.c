/*
** path.c -- shapes made of lines and curves, filled by exact area
**
** Every edge adds its signed area to the cells it crosses; a running sum
** along a row is then the coverage. Shadows and halos are the same coverage
** on a coarse grid, blurred.
*/
#include <stdlib.h>
#include <string.h>

#include "scene.h"

#define CURVE  14   /* straight pieces a curve is made of */


void pt_path_init (path *p, float ox, float oy, float scale) {
  memset(p, 0, sizeof(*p));
  p->ox = ox;
  p->oy = oy;
  p->sx = p->sy = scale;
  p->cs = 1.0f;
}


void pt_path_turn (path *p, float turns, float flip) {
  p->cs = pm_cos(turns);
  p->sn = pm_sin(turns);
  p->sx = pm_abs(p->sx) * flip;
}


void pt_path_free (path *p) {
  free(p->pt);
  free(p->end);
  p->pt = NULL;
  p->end = NULL;
}


void pt_path_clear (path *p) {
  p->npt = p->nend = 0;
}


static void add_point (path *p, float x, float y) {
  float rx = (x * p->cs - y * p->sn) * p->sx;
  float ry = (x * p->sn + y * p->cs) * p->sy;
  if (p->npt == p->cpt) {
    int cap = p->cpt ? p->cpt * 2 : 64;
    float *more = realloc(p->pt, (size_t)cap * 2 * sizeof(float));
    if (more == NULL) {
      p->failed = 1;
      return;
    }
    p->pt = more;
    p->cpt = cap;
  }
  p->pt[2 * p->npt] = p->ox + rx;
  p->pt[2 * p->npt + 1] = p->oy + ry;
  p->npt++;
  p->end[p->nend - 1] = p->npt;
}


void pt_move (path *p, float x, float y) {
  if (p->nend == p->cend) {
    int cap = p->cend ? p->cend * 2 : 16;
    int *more = realloc(p->end, (size_t)cap * sizeof(int));
    if (more == NULL) {
      p->failed = 1;
      return;
    }
    p->end = more;
    p->cend = cap;
  }
  p->end[p->nend++] = p->npt;
  p->x = x;
  p->y = y;
  add_point(p, x, y);
}


void pt_to (path *p, float x, float y) {
  if (p->nend == 0)
    return;
  p->x = x;
  p->y = y;
  add_point(p, x, y);
}


void pt_curve (path *p, float x1, float y1, float x2, float y2, float x,
               float y) {
  float x0 = p->x, y0 = p->y;
  int i;
  for (i = 1; i <= CURVE; i++) {
    float t = (float)i / CURVE, s = 1.0f - t;
    float a = s * s * s, b = 3 * s * s * t, c = 3 * s * t * t, d = t * t * t;
    pt_to(p, a * x0 + b * x1 + c * x2 + d * x, a * y0 + b * y1 + c * y2 + d * y);
  }
}


#define ROUND  0.5523f

void pt_ellipse (path *p, float x, float y, float rx, float ry) {
  float kx = rx * ROUND, ky = ry * ROUND;
  pt_move(p, x + rx, y);
  pt_curve(p, x + rx, y + ky, x + kx, y + ry, x, y + ry);
  pt_curve(p, x - kx, y + ry, x - rx, y + ky, x - rx, y);
  pt_curve(p, x - rx, y - ky, x - kx, y - ry, x, y - ry);
  pt_curve(p, x + kx, y - ry, x + rx, y - ky, x + rx, y);
}


void pt_rect (path *p, float x, float y, float w, float h) {
  pt_move(p, x, y);
  pt_to(p, x + w, y);
  pt_to(p, x + w, y + h);
  pt_to(p, x, y + h);
}


void pt_round_rect (path *p, float x, float y, float w, float h, float r) {
  float k;
  r = pm_min(r, pm_min(w, h) * 0.5f);
  k = r * (1.0f - ROUND);
  pt_move(p, x + r, y);
  pt_to(p, x + w - r, y);
  pt_curve(p, x + w - k, y, x + w, y + k, x + w, y + r);
  pt_to(p, x + w, y + h - r);
  pt_curve(p, x + w, y + h - k, x + w - k, y + h, x + w - r, y + h);
  pt_to(p, x + r, y + h);
  pt_curve(p, x + k, y + h, x, y + h - k, x, y + h - r);
  pt_to(p, x, y + r);
  pt_curve(p, x, y + k, x + k, y, x + r, y);
}


/* A decimal number; moves '*d' past it. */
static float number (const char **d) {
  float v = 0.0f, sign = 1.0f, place = 0.1f;
  while (**d == ' ' || **d == ',')
    ++*d;
  if (**d == '-') {
    sign = -1.0f;
    ++*d;
  }
  for (; **d >= '0' && **d <= '9'; ++*d)
    v = v * 10.0f + (float)(**d - '0');
  if (**d == '.')
    for (++*d; **d >= '0' && **d <= '9'; ++*d, place *= 0.1f)
      v += (float)(**d - '0') * place;
  return sign * v;
}


void pt_shape (path *p, const char *d) {
  char cmd = 'M';
  while (*d != '\0') {
    float v[6];
    int i, n;
    if (*d == ' ') {
      d++;
      continue;
    }
    if (*d >= 'A' && *d <= 'Z') {
      cmd = *d++;
      if (cmd == 'Z')
        continue;
    }
    n = cmd == 'C' ? 6 : 2;
    for (i = 0; i < n; i++)
      v[i] = number(&d);
    if (cmd == 'M') {
      pt_move(p, v[0], v[1]);
      cmd = 'L';
    }
    else if (cmd == 'L')
      pt_to(p, v[0], v[1]);
    else
      pt_curve(p, v[0], v[1], v[2], v[3], v[4], v[5]);
  }
}


brush pt_flat (rgb c) {
  return pt_gradient(c, 0, 0, c, 0, 1);
}


brush pt_gradient (rgb a, float x0, float y0, rgb b, float x1, float y1) {
  brush br;
  memset(&br, 0, sizeof(br));
  br.a = a; br.b = b;
  br.x0 = x0; br.y0 = y0;
  br.x1 = x1; br.y1 = y1;
  br.alpha = 1.0f;
  return br;
}


/* ---- coverage ---- */

typedef struct mask {
  int x, y, w, h;   /* window on the canvas, in cells */
  float *a;         /* (w + 2) * h */
} mask;


/* Adds the part of an edge inside one row; y within the row is 0..1. */
static void edge_in_row (float *row, int w, float x0, float y0, float x1,
                         float y1, float dir) {
  float dy = (y1 - y0) * dir;
  int i0, i1;
  x0 = pm_clamp(x0, 0.0f, (float)w);
  x1 = pm_clamp(x1, 0.0f, (float)w);
  if (x0 > x1) {
    float t = x0;
    x0 = x1;
    x1 = t;
  }
  i0 = (int)x0;
  i1 = (int)x1;
  if (i0 == i1) {
    float mid = (x0 + x1) * 0.5f - (float)i0;
    row[i0] += dy * (1.0f - mid);
    row[i0 + 1] += dy * mid;
  }
  else {
    float inv = dy / (x1 - x0), prev = 0.0f;
    int i;
    for (i = i0; i <= i1; i++) {  /* area right of the edge, cell by cell */
      float a = pm_max(x0, (float)i), b = pm_min(x1, (float)(i + 1));
      float part = (b - a) * inv;
      float mid = (a + b) * 0.5f - (float)i;
      row[i] += part * (1.0f - mid) + prev;
      prev = part * mid;
    }
    row[i1 + 1] += prev;
  }
}


static void edge (mask *m, float x0, float y0, float x1, float y1) {
  float dir = 1.0f, slope;
  int j, j0, j1;
  if (y0 == y1)
    return;
  if (y0 > y1) {
    float t = y0;
    y0 = y1; y1 = t;
    t = x0;
    x0 = x1; x1 = t;
    dir = -1.0f;
  }
  if (y1 <= 0.0f || y0 >= (float)m->h)
    return;
  slope = (x1 - x0) / (y1 - y0);
  j0 = y0 > 0.0f ? (int)y0 : 0;
  j1 = y1 < (float)m->h ? (int)y1 : m->h - 1;
  for (j = j0; j <= j1; j++) {
    float a = pm_max(y0, (float)j), b = pm_min(y1, (float)(j + 1));
    if (b > a)
      edge_in_row(m->a + (size_t)j * (size_t)(m->w + 2), m->w,
                  x0 + slope * (a - y0), a, x0 + slope * (b - y0), b, dir);
  }
}


/* Coverage of 'p' on cells of 'cell' pixels, with 'pad' cells around.
** Returns 0 when nothing of it is on the canvas. */
static int mask_make (scene *s, mask *m, const path *p, float cell, int pad,
                      float dx, float dy) {
  float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;
  int i, k, start = 0, cw, ch;
  if (p->failed) {
    s->failed = 1;
    return 0;
  }
  for (i = 0; i < p->npt; i++) {
    x0 = pm_min(x0, p->pt[2 * i]); x1 = pm_max(x1, p->pt[2 * i]);
    y0 = pm_min(y0, p->pt[2 * i + 1]); y1 = pm_max(y1, p->pt[2 * i + 1]);
  }
  cw = (int)((float)s->c.w / cell) + 1 + pad;
  ch = (int)((float)s->c.h / cell) + 1 + pad;
  x0 = pm_max((x0 + dx) / cell - (float)pad, (float)-pad);
  y0 = pm_max((y0 + dy) / cell - (float)pad, (float)-pad);
  x1 = pm_min((x1 + dx) / cell + (float)pad, (float)cw);
  y1 = pm_min((y1 + dy) / cell + (float)pad, (float)ch);
  if (x0 >= x1 || y0 >= y1)
    return 0;
  m->x = pm_floor(x0);
  m->y = pm_floor(y0);
  m->w = pm_floor(x1) + 1 - m->x;
  m->h = pm_floor(y1) + 1 - m->y;
  m->a = calloc((size_t)(m->w + 2) * (size_t)m->h, sizeof(float));
  if (m->a == NULL) {
    s->failed = 1;
    return 0;
  }
  for (k = 0; k < p->nend; start = p->end[k++])
    for (i = start; i < p->end[k]; i++) {
      const float *a = p->pt + 2 * i;
      const float *b = p->pt + 2 * (i + 1 < p->end[k] ? i + 1 : start);
      edge(m, (a[0] + dx) / cell - (float)m->x, (a[1] + dy) / cell - (float)m->y,
           (b[0] + dx) / cell - (float)m->x, (b[1] + dy) / cell - (float)m->y);
    }
  for (k = 0; k < m->h; k++) {
    float *row = m->a + (size_t)k * (size_t)(m->w + 2), sum = 0.0f;
    for (i = 0; i < m->w + 2; i++) {
      sum += row[i];
      row[i] = pm_min(pm_abs(sum), 1.0f);
    }
  }
  return 1;
}


/* One row of a filled shape, from mask cell 'from' to 'to'. */
static void fill_row (scene *s, const brush *b, int y, int x0,
                      const float *cover, int n) {
  float gx = b->x1 - b->x0, gy = b->y1 - b->y0;
  float inv = 1.0f / pm_max(gx * gx + gy * gy, 1e-6f);
  float noise[256];
  int i, k;
  for (i = 0; i < n; i += 256) {
    int count = n - i < 256 ? n - i : 256;
    if (b->texture > 0.0f)
      pt_fbm_row(noise, count, (float)(x0 + i) / b->scale, 1.0f / b->scale,
                 (float)y / b->scale, s->octaves, b->seed);
    for (k = 0; k < count; k++) {
      float a = cover[i + k] * b->alpha, t;
      rgb c;
      if (a < 0.002f)
        continue;
      t = (((float)(x0 + i + k) + 0.5f - b->x0) * gx
           + ((float)y + 0.5f - b->y0) * gy) * inv;
      c = pm_mix(b->a, b->b, pm_sat(t));
      if (b->texture > 0.0f)
        c = pm_scale(c, pm_max(1.0f + noise[k] * b->texture, 0.0f));
      pt_over(pt_at(&s->c, x0 + i + k, y), c, a);
    }
  }
}


void pt_fill (scene *s, const path *p, const brush *b) {
  mask m;
  int j;
  if (!mask_make(s, &m, p, 1.0f, 0, 0, 0))
    return;
  for (j = 0; j < m.h && m.y + j < s->c.end; j++) {
    int skip = m.x < 0 ? -m.x : 0;
    int n = m.w < s->c.w - m.x ? m.w : s->c.w - m.x;
    if (m.y + j >= 0 && n > skip)
      fill_row(s, b, m.y + j, m.x + skip,
               m.a + (size_t)j * (size_t)(m.w + 2) + skip, n - skip);
  }
  free(m.a);
}


/* A box blur of 'n' values 'stride' apart, radius 'r', through 'tmp'. */
static void blur_line (float *a, int n, int stride, int r, float *tmp) {
  float sum = 0.0f, k = 1.0f / (float)(2 * r + 1);
  int i;
  for (i = 0; i < n; i++)
    tmp[i] = a[(size_t)i * (size_t)stride];
  for (i = 0; i <= r && i < n; i++)
    sum += tmp[i];
  for (i = 0; i < n; i++) {
    a[(size_t)i * (size_t)stride] = sum * k;
    if (i + r + 1 < n)
      sum += tmp[i + r + 1];
    if (i - r >= 0)
      sum -= tmp[i - r];
  }
}


static int mask_blur (scene *s, mask *m, int r) {
  int wide = m->w + 2, i, pass;
  float *tmp = malloc((size_t)(wide > m->h ? wide : m->h) * sizeof(float));
  if (tmp == NULL) {
    s->failed = 1;
    return 0;
  }
  for (pass = 0; pass < 3; pass++) {
    for (i = 0; i < m->h; i++)
      blur_line(m->a + (size_t)i * (size_t)wide, wide, 1, r, tmp);
    for (i = 0; i < wide; i++)
      blur_line(m->a + i, m->h, wide, r, tmp);
  }
  free(tmp);
  return 1;
}


#define PIECE  512

/* Between which cells of a coarse row places of the canvas are (-1: outside),
** and how far on the way. */
FAL_WIDE
static void find_places (int n, int x0, float cell, int mx, int wide,
                         int *restrict at, float *restrict way) {
  int i;
  for (i = 0; i < n; i++) {
    float x = ((float)(x0 + i) + 0.5f) / cell - (float)mx - 0.5f;
    int k = pm_floor(x);
    at[i] = k >= 0 && k + 1 < wide ? k : -1;
    way[i] = x - (float)k;
  }
}


FAL_WIDE
static void mix_places (float *restrict a, int n, float c[4][PIECE],
                        const float *restrict way, float fy, float alpha) {
  int i;
  for (i = 0; i < n; i++)
    a[i] = alpha * pm_lerp(pm_lerp(c[0][i], c[1][i], way[i]),
                           pm_lerp(c[2][i], c[3][i], way[i]), fy);
}


/* A row of the coarse mask at places of the canvas: a[i] for x0 + i. 'top' and
** 'low' are the mask's rows around it. */
static void mask_row (float *a, int n, int x0, float cell, int mx, int wide,
                      const float *top, const float *low, float fy, float alpha) {
  static const float none[2] = {0, 0};
  float c[4][PIECE], way[PIECE];
  int at[PIECE], i;
  find_places(n, x0, cell, mx, wide, at, way);
  for (i = 0; i < n; i++) {
    const float *t = at[i] < 0 ? none : top + at[i];
    const float *l = at[i] < 0 ? none : low + at[i];
    c[0][i] = t[0];
    c[1][i] = t[1];
    c[2][i] = l[0];
    c[3][i] = l[1];
  }
  mix_places(a, n, c, way, fy, alpha);
}


FAL_WIDE
static void shade_row (rgb *restrict q, int n, const float *restrict a, rgb color) {
  int i;
  for (i = 0; i < n; i++) {
    float k = a[i] < 0.002f ? 0.0f : a[i];
    q[i] = pm_mix(q[i], pm_mul(q[i], color), k);
  }
}


FAL_WIDE
static void light_row (rgb *restrict q, int n, const float *restrict a, rgb color) {
  int i;
  for (i = 0; i < n; i++) {
    float k = a[i] < 0.002f ? 0.0f : a[i];
    q[i] = pm_add(q[i], pm_scale(color, k));
  }
}


/* Blurred coverage laid over the canvas; 'add' for light, else a shade. */
static void lay (scene *s, const mask *m, float cell, rgb color, float alpha,
                 int add) {
  float a[PIECE];
  int wide = m->w + 2, i, j, n;
  int x0 = (int)pm_max((float)m->x * cell, 0.0f);
  int y0 = (int)pm_max((float)m->y * cell, 0.0f);
  int x1 = (int)pm_min((float)(m->x + m->w) * cell, (float)s->c.w);
  int y1 = (int)pm_min((float)(m->y + m->h) * cell, (float)s->c.end);
  for (j = y0; j < y1; j++) {
    float y = ((float)j + 0.5f) / cell - (float)m->y - 0.5f;
    int k = pm_floor(y);
    const float *top = m->a + (size_t)(k < 0 ? 0 : k) * (size_t)wide;
    if (k < 0 || k + 1 >= m->h)
      continue;
    for (i = x0; i < x1; i += n) {
      n = x1 - i < PIECE ? x1 - i : PIECE;
      mask_row(a, n, i, cell, m->x, wide, top, top + wide, y - (float)k, alpha);
      if (add)
        light_row(pt_at(&s->c, i, j), n, a, color);
      else
        shade_row(pt_at(&s->c, i, j), n, a, color);
    }
  }
}


static void soft (scene *s, const path *p, float dx, float dy, float radius,
                  rgb color, float alpha, int add) {
  float cell = pm_max(radius * 0.25f, 1.0f);
  int r = (int)(radius / cell * 0.6f + 0.5f);
  mask m;
  r = r < 1 ? 1 : r;
  if (!mask_make(s, &m, p, cell, 3 * r + 2, dx, dy))
    return;
  if (mask_blur(s, &m, r))
    lay(s, &m, cell, color, alpha, add);
  free(m.a);
}


void pt_shadow (scene *s, const path *p, float dx, float dy, float radius,
                rgb color, float alpha) {
  soft(s, p, dx, dy, radius, color, alpha, 0);
}


void pt_halo (scene *s, const path *p, float radius, rgb light) {
  soft(s, p, 0, 0, radius, light, 1.0f, 1);
}
