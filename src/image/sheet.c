/*
** sheet.c -- contact sheets: pictures in rows of cells, captions below
*/
#include <math.h>
#include <string.h>

#include "pixels.h"
#include "pixels_private.h"
#include "text.h"

#define LINES     2      /* of one caption, at most */
#define LEADING   1.9    /* from base line to base line, in capitals */
#define ELLIPSIS  "\xE2\x80\xA6"

typedef struct caption {
  const char *line[LINES];
  size_t n[LINES];
  int count, cut;          /* lines; the last one lost its end */
} caption;


/* ---- captions ---- */

static void style_of (const fal_sheet *sheet, fal_text_style *st) {
  memset(st, 0, sizeof(*st));
  st->size = sheet->caption;
  st->weight = 0.13;
  memcpy(st->color, sheet->ink, 4);
}


/* Up to where a line of at most n bytes goes that ends with a word. */
static size_t last_word (const char *s, size_t n) {
  size_t i = n;
  while (i > 0 && s[i] != ' ')
    i--;
  return i > 0 ? i : n;
}


/* Breaks a caption into lines that fit. */
static void break_caption (const char *s, const fal_text_style *st,
                           double width, caption *c) {
  double dots = fal_text_width(st, ELLIPSIS, 3);
  memset(c, 0, sizeof(*c));
  while (s != NULL && *s != '\0' && c->count < LINES) {
    size_t left = strlen(s), fits = fal_text_fit(st, s, left, width);
    if (fits < left && c->count + 1 < LINES)
      fits = last_word(s, fits);
    else if (fits < left) {
      fits = fal_text_fit(st, s, left, width - dots);
      c->cut = 1;
    }
    c->line[c->count] = s;
    c->n[c->count++] = fits;
    for (s += fits; *s == ' '; s++)
      ;
    if (fits == 0)
      break;   /* not even a letter fits */
  }
}


/* Draws the lines of a caption in the middle of 'width' pixels from x on; y
** is where the picture ends. */
static void draw_caption (fal_image *im, const caption *c,
                          const fal_text_style *st, double x, double y,
                          double width) {
  int i;
  for (i = 0; i < c->count; i++) {
    int cut = c->cut && i == c->count - 1;
    double w = fal_text_width(st, c->line[i], c->n[i]);
    double dots = cut ? fal_text_width(st, ELLIPSIS, 3) : 0;
    double left = x + (width - w - dots) / 2;
    y += st->size * LEADING;
    fal_text_draw(im, st, left, y, c->line[i], c->n[i]);
    if (cut)
      fal_text_draw(im, st, left + w, y, ELLIPSIS, 3);
  }
}


/* ---- the sheet ---- */

void fal_sheet_init (fal_sheet *sheet, size_t n) {
  static const uint8_t white[4] = {255, 255, 255, 255};
  static const uint8_t dark[4] = {32, 32, 36, 255};
  memset(sheet, 0, sizeof(*sheet));
  sheet->columns = (uint32_t)ceil(sqrt((double)(n > 0 ? n : 1)));
  sheet->cell_width = sheet->cell_height = 256;
  sheet->gap = 16;
  sheet->caption = 9;
  memcpy(sheet->background, white, 4);
  memcpy(sheet->ink, dark, 4);
}


/* The lines of all captions, and how many the longest has. */
static int count_lines (const char *const *captions, size_t n,
                        const fal_text_style *st, double width) {
  int most = 0;
  size_t i;
  for (i = 0; captions != NULL && i < n; i++) {
    caption c;
    break_caption(captions[i], st, width, &c);
    most = c.count > most ? c.count : most;
  }
  return most;
}


/* One picture into the cell at (x, y). */
static fal_code place (const fal_image *im, const fal_sheet *sheet,
                       uint32_t x, uint32_t y, const fal_image_limits *lim,
                       fal_image *out, fal_error *err) {
  uint32_t w, h;
  fal_image fits;
  fal_code code;
  fal_image_fit(im->width, im->height, sheet->cell_width, sheet->cell_height,
                &w, &h);
  code = fal_image_resize(im, w, h, FAL_FILTER_AUTO, lim, &fits, err);
  if (code != FAL_OK)
    return code;
  fal_paste_on(out, &fits, (int32_t)(x + (sheet->cell_width - w) / 2),
               (int32_t)(y + (sheet->cell_height - h) / 2), 255);
  fal_image_free(&fits);
  return code;
}


fal_code fal_image_sheet (const fal_image *const *pictures, size_t n,
                          const char *const *captions,
                          const fal_sheet *sheet, const fal_image_limits *lim,
                          fal_image *out, fal_error *err) {
  fal_text_style st;
  uint64_t columns = sheet->columns < n ? sheet->columns : n, width, height;
  uint64_t pitch, text;
  fal_image result;
  fal_code code;
  size_t i;
  if (n == 0 || columns == 0 || sheet->cell_width == 0 ||
      sheet->cell_height == 0 || !(sheet->caption > 0 && sheet->caption < 1e6))
    return fal_fail(err, FAL_EVALIDATION, "a contact sheet of nothing");
  style_of(sheet, &st);
  text = (uint64_t)(count_lines(captions, n, &st, sheet->cell_width) *
                    LEADING * st.size + 0.5);
  pitch = (uint64_t)sheet->cell_height + text + sheet->gap;
  width = sheet->gap + columns * ((uint64_t)sheet->cell_width + sheet->gap);
  height = sheet->gap + (n + columns - 1) / columns * pitch;
  if (width > INT32_MAX || height > INT32_MAX)
    return fal_fail(err, FAL_ETOOBIG, "a contact sheet that large");
  code = fal_image_new(&result, (uint32_t)width, (uint32_t)height,
                       sheet->background[3] == 255 ? 3 : 4, lim, err);
  if (code != FAL_OK)
    return code;
  fal_fill(&result, sheet->background);
  for (i = 0; i < n && code == FAL_OK; i++) {
    uint32_t x = (uint32_t)(sheet->gap + i % columns *
                            ((uint64_t)sheet->cell_width + sheet->gap));
    uint32_t y = (uint32_t)(sheet->gap + i / columns * pitch);
    caption c;
    code = place(pictures[i], sheet, x, y, lim, &result, err);
    break_caption(captions != NULL ? captions[i] : NULL, &st,
                  sheet->cell_width, &c);
    draw_caption(&result, &c, &st, x, (double)y + sheet->cell_height,
                 sheet->cell_width);
  }
  if (code != FAL_OK)
    fal_image_free(&result);
  else
    *out = result;
  return code;
}
