/*
** caption.c -- says in the corner that this is a preview, and of what
*/
#include <string.h>

#include "../image/text.h"
#include "scene.h"

#define MAXLINE  400   /* bytes of the prompt that could ever fit */


/* First line of the prompt, without blanks around it. */
static size_t first_line (const fal_paint *p, const char **line) {
  const char *s = p->prompt != NULL ? p->prompt : "";
  size_t n = p->prompt != NULL ? p->prompt_n : 0, k;
  while (n > 0 && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')) {
    s++;
    n--;
  }
  for (k = 0; k < n && k < MAXLINE && s[k] != '\n' && s[k] != '\r'; k++)
    ;
  while (k > 0 && k < MAXLINE && (s[k - 1] == ' ' || s[k - 1] == '\t'))
    k--;
  *line = s;
  return k;
}


/* A row of the shade, 'v' of the way down it. */
FAL_WIDE
static void shade_row (uint8_t *restrict p, int w, int y, double v) {
  int x;
  for (x = 0; x < w; x++) {
    double u = 1.0 - 0.55 * x / w;
    double dither = (int)(pm_hash2(x, y, 5U) & 255) / 255.0;
    double k = 1.0 - 0.62 * v * u;
    p[3 * x] = (uint8_t)(int)(p[3 * x] * k + dither * (1 - k));
    p[3 * x + 1] = (uint8_t)(int)(p[3 * x + 1] * k + dither * (1 - k));
    p[3 * x + 2] = (uint8_t)(int)(p[3 * x + 2] * k + dither * (1 - k));
  }
}


/* A shade that grows towards the corner, so that white letters stand out. */
static void shade (fal_image *im, double height) {
  uint32_t y = height < im->height ? im->height - (uint32_t)height : 0;
  for (; y < im->height; y++) {
    double v = (y + 0.5 - (im->height - height)) / height;
    v = v < 0 ? 0 : v;
    shade_row(im->pixels + (size_t)y * im->width * 3, (int)im->width, (int)y,
              v * v * (3 - 2 * v));
  }
}


static fal_text_style style (double size, double weight, double tracking,
                             uint8_t alpha) {
  fal_text_style st;
  st.size = size;
  st.weight = weight;
  st.tracking = tracking;
  st.color[0] = st.color[1] = st.color[2] = 255;
  st.color[3] = alpha;
  return st;
}


/* Draws at most 'width' pixels of a line, ending in an ellipsis when cut.
** Returns how far it came. */
static double line (fal_image *im, const fal_text_style *st, double x,
                    double y, const char *s, size_t n, double width) {
  static const char dots[] = "\xE2\x80\xA6";
  size_t k = fal_text_fit(st, s, n, width);
  if (k < n) {
    double tail = fal_text_width(st, dots, 3);
    if (tail > width)
      return 0;
    k = fal_text_fit(st, s, n, width - tail);
    while (k > 0 && (s[k - 1] == ' ' || s[k - 1] == ',' || s[k - 1] == '.'))
      k--;
    width = fal_text_width(st, s, k);
    fal_text_draw(im, st, x + width, y, dots, 3);
    fal_text_draw(im, st, x, y, s, k);
    return width + tail;
  }
  fal_text_draw(im, st, x, y, s, n);
  return fal_text_width(st, s, n);
}


void fal_paint_label (fal_image *im, const fal_paint *p) {
  double w = im->width, h = im->height, side = w < h ? w : h;
  double cap = side * 0.0165, margin, room, x, y, end;
  fal_text_style bold, text, faint;
  const char *s;
  size_t n;
  if (w < 64 || h < 24 || im->channels != 3)
    return;
  cap = cap < 6.0 ? 6.0 : cap;
  if (cap > h * 0.2)
    cap = h * 0.2;
  margin = cap * 2.0 < w * 0.08 ? cap * 2.0 : w * 0.08;
  bold = style(cap * 0.86, 0.2, 0.26, 255);
  text = style(cap, 0.13, 0.05, 235);
  faint = style(cap * 0.86, 0.13, 0.05, 150);
  room = w - 2 * margin;
  while (fal_text_width(&bold, "PREVIEW", 7) > room)
    bold.size *= 0.9;
  n = first_line(p, &s);
  if (w < 160 || h < 8 * cap) {
    shade(im, h < cap * 6 ? h : cap * 6);
    fal_text_draw(im, &bold, margin, h - margin * 0.9, "PREVIEW", 7);
    return;
  }
  shade(im, cap * (n > 0 ? 9.0 : 7.0) < h ? cap * (n > 0 ? 9.0 : 7.0) : h);
  y = h - margin;
  if (n > 0) {
    line(im, &text, margin, y, s, n, room);
    y -= cap * 2.0;
  }
  x = margin;
  fal_text_draw(im, &bold, x, y, "PREVIEW", 7);
  end = x + fal_text_width(&bold, "PREVIEW", 7) + cap;
  if (p->model != NULL && w - margin - end > cap * 6)
    line(im, &faint, end, y, p->model, strlen(p->model), w - margin - end);
}
