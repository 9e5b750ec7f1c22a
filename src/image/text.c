/*
** text.c -- setting lines of text: composing, measuring, drawing
**
** A character is a list of straight strokes with round ends; a pixel is as
** dark as its distance to the nearest one says.
*/
#include <math.h>
#include <string.h>

#include "glyphs.h"
#include "text.h"

#define MAXSEG   160   /* strokes of one character with its marks */
#define ARC      7     /* strokes of a quarter of an ellipse */
#define MAXMARK  4     /* marks on one letter */

typedef struct seg { double x0, y0, x1, y1; } seg;

typedef struct letter {
  double advance;      /* in cap heights, without tracking and weight */
  double left, width;
  int n;
  seg s[MAXSEG];       /* y upwards, cap height 1 */
} letter;


/* ---- reading UTF-8 ---- */

/* Reads one code point; 0 (the box) for a byte that is not UTF-8. Returns
** how many bytes it took. */
static size_t utf8 (const char *s, size_t n, uint32_t *cp) {
  const unsigned char *p = (const unsigned char *)s;
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t need = p[0] < 0x80 ? 1 : p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3
                : p[0] >= 0xC0 ? 2 : 0, i;
  uint32_t c = p[0];
  *cp = 0;
  if (need == 1)
    *cp = c < 32 || c == 127 ? ' ' : c;
  if (need < 2 || need > n)
    return 1;
  c &= 0x7FU >> need;
  for (i = 1; i < need; i++) {
    if ((p[i] & 0xC0) != 0x80)
      return 1;
    c = c << 6 | (p[i] & 0x3F);
  }
  if (c < least[need] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
    return 1;
  *cp = c;
  return need;
}


/* ---- strokes ---- */

static void add (letter *t, double x0, double y0, double x1, double y1) {
  if (t->n < MAXSEG) {
    seg *s = &t->s[t->n++];
    s->x0 = x0; s->y0 = y0;
    s->x1 = x1; s->y1 = y1;
  }
}


/* A quarter of an ellipse from (x0,y0) to (x1,y1), a little squared. */
static void quarter (letter *t, double x0, double y0, double x1, double y1,
                     int across) {
  const double k = 0.575;
  double ax = across ? x0 + (x1 - x0) * k : x0;
  double ay = across ? y0 : y0 + (y1 - y0) * k;
  double bx = across ? x1 : x1 - (x1 - x0) * k;
  double by = across ? y1 - (y1 - y0) * k : y1;
  double px = x0, py = y0;
  int i;
  for (i = 1; i <= ARC; i++) {
    double u = (double)i / ARC, v = 1.0 - u;
    double a = v * v * v, b = 3 * v * v * u, c = 3 * v * u * u, d = u * u * u;
    double x = a * x0 + b * ax + c * bx + d * x1;
    double y = a * y0 + b * ay + c * by + d * y1;
    add(t, px, py, x, y);
    px = x;
    py = y;
  }
}


static double number (const char **s) {
  double v = 0, place = 0.1, sign = 1;
  while (**s == ' ')
    ++*s;
  if (**s == '-') {
    sign = -1;
    ++*s;
  }
  for (; **s >= '0' && **s <= '9'; ++*s)
    v = v * 10 + (**s - '0');
  if (**s == '.')
    for (++*s; **s >= '0' && **s <= '9'; ++*s, place *= 0.1)
      v += (**s - '0') * place;
  return sign * v * 0.01;
}


/* Adds the strokes of a path (see glyphs.h) moved by (dx, dy). */
static void strokes (letter *t, const char *path, double dx, double dy) {
  double px = 0, py = 0;
  while (*path != '\0') {
    char cmd = *path++;
    double x = number(&path) + dx, y = number(&path) + dy;
    switch (cmd) {
      case 'L': add(t, px, py, x, y); break;
      case 'H': quarter(t, px, py, x, y, 1); break;
      case 'V': quarter(t, px, py, x, y, 0); break;
      case 'I': add(t, x, y, x, y); break;
      case 'O': {
        double r = number(&path);
        quarter(t, x - r, y, x, y + r, 0);
        quarter(t, x, y + r, x + r, y, 1);
        quarter(t, x + r, y, x, y - r, 0);
        quarter(t, x, y - r, x - r, y, 1);
        break;
      }
      default: break;
    }
    px = x;
    py = y;
  }
}


/* ---- letters ---- */

/* Height of the letter a mark sits on. */
static double top_of (uint32_t base) {
  if ((base >= 'A' && base <= 'Z') || base == 0xC6 || base == 0xD8)
    return 1.0;
  if (base == 'b' || base == 'd' || base == 'f' || base == 'h' || base == 'k'
      || base == 'l')
    return 1.06;
  return base == 't' ? 0.88 : 0.7;
}


/* Where a mark is hung, from the middle of the letter. */
static double shift_of (uint32_t base, char mark, double width) {
  if (mark == 'a')
    return width * 0.5 + 0.1;
  if (mark == 'j')
    return width * 0.5 - 0.02;
  if (mark == 'k')
    return base == 'A' || base == 'a' || base == 'E' || base == 'e'
           ? width * 0.32 : width * 0.1;
  if (base == 'd')
    return mark == '_' || mark == ';' ? 0.0 : width * 0.5;
  if (base == 'h' || base == 'k' || base == 'b')
    return mark == '_' || mark == ';' ? 0.0 : -width * 0.5;
  if (base == 'j')
    return width * 0.5;
  return base == 'L' && mark == '\'' ? -width * 0.4 : 0.0;
}


static void hang (letter *t, uint32_t base, char mark, int above) {
  int below = 0;
  const char *path = fal_glyph_mark(mark, &below);
  double x, y = 0;
  if (path == NULL)
    return;
  x = t->left + t->width * 0.5 + shift_of(base, mark, t->width);
  if (mark == 'j')
    y = top_of(base) > 0.9 ? 0.28 : 0.0;
  else if (!below && mark != 'a')
    y = top_of(base) - 0.7 + 0.19 * above;
  else if (mark == ',' && (base == 't' || base == 'T'))
    x += base == 't' ? 0.04 : 0.0;
  if (above > 0 && (mark == '\'' || mark == '`' || mark == '?')) {
    x += mark == '`' ? -0.24 : 0.24;   /* beside the first, not over it */
    y -= 0.10;
  }
  strokes(t, path, x, y);
}


/* Builds the letter at s[0..n) with the marks that follow it. Returns how
** many bytes that was. With 't' NULL, only that. */
static size_t build (letter *t, const char *s, size_t n) {
  composed c;
  char mark[MAXMARK];
  int marks = 0, above = 0, i, below;
  const glyph *g;
  uint32_t cp, next;
  size_t used = utf8(s, n, &cp);
  memset(&c, 0, sizeof(c));
  if (cp == 0xA0 || cp == 0x202F || (cp >= 0x2000 && cp <= 0x200A))
    cp = ' ';
  if (cp == 0 || !fal_glyph_compose(cp, &c))
    c.base = cp;
  if (fal_glyph_combining(cp) != 0) {  /* a mark with nothing to stand on */
    c.base = ' ';
    c.mark[0] = fal_glyph_combining(cp);
  }
  for (i = 0; i < 2 && c.mark[i] != 0; i++)
    mark[marks++] = c.mark[i];
  while (used < n) {
    size_t k = utf8(s + used, n - used, &next);
    char m = fal_glyph_combining(next);
    if (m == 0)
      break;
    if (marks < MAXMARK)
      mark[marks++] = m;
    used += k;
  }
  if (t == NULL)
    return used;
  g = fal_glyph(c.base);
  if (g == NULL)
    g = fal_glyph(0);
  for (i = 0; i < marks; i++)  /* i and j lose their dot to a mark above */
    if (fal_glyph_mark(mark[i], &below) != NULL && !below) {
      if (c.base == 'i')
        g = fal_glyph(0x131);
      else if (c.base == 'j')
        c.base = 0x237;
    }
  t->n = 0;
  t->left = g->left * 0.01;
  t->width = g->width * 0.01;
  t->advance = (g->left + g->width + g->right) * 0.01;
  if (c.base == 0x237) {
    strokes(t, "M15 70L15 -10V2 -28L0 -28", t->left, 0);
    c.base = 'j';
  }
  else
    strokes(t, g->path, t->left, 0);
  for (i = 0; i < marks; i++) {
    fal_glyph_mark(mark[i], &below);
    hang(t, c.base, mark[i], above);
    if (mark[i] == 'a')
      t->advance += 0.08;
    above += !below && mark[i] != 'j' && mark[i] != 'a';
  }
  return used;
}


static double advance (const fal_text_style *st, const letter *t) {
  return st->size * (t->advance + st->weight + st->tracking);
}


double fal_text_width (const fal_text_style *st, const char *s, size_t n) {
  double w = 0;
  letter t;
  while (n > 0) {
    size_t k = build(&t, s, n);
    w += advance(st, &t);
    s += k;
    n -= k;
  }
  return w;
}


size_t fal_text_fit (const fal_text_style *st, const char *s, size_t n,
                     double width) {
  size_t at = 0;
  letter t;
  while (at < n) {
    size_t k = build(&t, s + at, n - at);
    width -= advance(st, &t);
    if (width < 0)
      break;
    at += k;
  }
  return at;
}


/* ---- drawing ---- */

static void blend (uint8_t *p, int channels, const uint8_t *color, double a) {
  int i, solid = channels >= 3 ? 3 : 1;
  a *= color[3] / 255.0;
  for (i = 0; i < solid; i++) {
    double v = solid == 3 ? color[i]
               : 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];
    p[i] = (uint8_t)(p[i] + (v - p[i]) * a + 0.5);
  }
  if (channels == 2 || channels == 4)
    p[solid] = (uint8_t)(p[solid] + (255 - p[solid]) * a + 0.5);
}


/* Square of the distance of a point from a stroke. */
static double away (const seg *s, double x, double y) {
  double vx = s->x1 - s->x0, vy = s->y1 - s->y0;
  double dx = x - s->x0, dy = y - s->y0, len = vx * vx + vy * vy, t = 0;
  if (len > 0) {
    t = (dx * vx + dy * vy) / len;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
  }
  dx -= t * vx;
  dy -= t * vy;
  return dx * dx + dy * dy;
}


/* One row of a letter, from those strokes that come near it. */
static void draw_row (fal_image *im, const fal_text_style *st, const seg *s,
                      int n, int x0, int x1, int y) {
  double r = st->size * st->weight * 0.5, py = y + 0.5;
  const seg *near[MAXSEG];
  int i, x, count = 0;
  for (i = 0; i < n; i++) {
    double lo = s[i].y0 < s[i].y1 ? s[i].y0 : s[i].y1;
    double hi = s[i].y0 < s[i].y1 ? s[i].y1 : s[i].y0;
    if (py > lo - r - 1 && py < hi + r + 1)
      near[count++] = &s[i];
  }
  if (count == 0)
    return;
  for (x = x0; x <= x1; x++) {
    double best = 1e30, a;
    for (i = 0; i < count; i++) {
      double d = away(near[i], x + 0.5, py);
      best = d < best ? d : best;
    }
    a = r + 0.5 - sqrt(best);
    if (r < 0.5)  /* thinner than a pixel: paler */
      a *= 2 * r;
    if (a > 0)
      blend(im->pixels + ((size_t)y * im->width + (size_t)x)
            * (size_t)im->channels, im->channels, st->color, a < 1 ? a : 1);
  }
}


static void draw (fal_image *im, const fal_text_style *st, letter *t,
                  double x, double y) {
  double r = st->size * st->weight * 0.5 + 1;
  double lo[2] = {1e9, 1e9}, hi[2] = {-1e9, -1e9};
  int i, x0, x1, y0, y1;
  for (i = 0; i < t->n; i++) {
    seg *s = &t->s[i];
    s->x0 = x + s->x0 * st->size; s->x1 = x + s->x1 * st->size;
    s->y0 = y - s->y0 * st->size; s->y1 = y - s->y1 * st->size;
    lo[0] = fmin(lo[0], fmin(s->x0, s->x1)); hi[0] = fmax(hi[0], fmax(s->x0, s->x1));
    lo[1] = fmin(lo[1], fmin(s->y0, s->y1)); hi[1] = fmax(hi[1], fmax(s->y0, s->y1));
  }
  if (t->n == 0 || hi[0] + r < 0 || hi[1] + r < 0
      || lo[0] - r > im->width || lo[1] - r > im->height)
    return;
  x0 = lo[0] - r > 0 ? (int)(lo[0] - r) : 0;
  y0 = lo[1] - r > 0 ? (int)(lo[1] - r) : 0;
  x1 = hi[0] + r < im->width - 1 ? (int)(hi[0] + r) : (int)im->width - 1;
  y1 = hi[1] + r < im->height - 1 ? (int)(hi[1] + r) : (int)im->height - 1;
  for (; y0 <= y1; y0++)
    draw_row(im, st, t->s, t->n, x0, x1, y0);
}


void fal_text_draw (fal_image *im, const fal_text_style *st, double x,
                    double y, const char *s, size_t n) {
  double half = st->size * (st->weight + st->tracking) * 0.5;
  letter t;
  while (n > 0) {
    size_t k = build(&t, s, n);
    double next = x + advance(st, &t);
    draw(im, st, &t, x + half, y);
    x = next;
    s += k;
    n -= k;
  }
}
