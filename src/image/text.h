/*
** text.h -- lines of text in a picture
**
** One face, drawn as strokes, for Latin with diacritics: ASCII, Latin-1,
** Latin Extended-A and -B where European languages use it, Latin Extended
** Additional (Vietnamese), and common punctuation. A character it does not
** have becomes a small box. Positions and sizes are the same on any machine.
*/
#ifndef fal_image_text_h
#define fal_image_text_h

#include <stddef.h>

#include "image.h"

typedef struct fal_text_style {
  double size;          /* height of a capital letter, in pixels */
  double weight;        /* stroke width / size; 0.13 is regular, 0.2 bold */
  double tracking;      /* extra space between characters / size */
  uint8_t color[4];     /* RGBA */
} fal_text_style;

/* Width in pixels of one line of UTF-8. Broken UTF-8 counts as boxes. */
double fal_text_width (const fal_text_style *st, const char *s, size_t n);

/* How many bytes of s[0..n) fit into 'width' pixels, cut on a character (a
** base with its combining marks stays whole). */
size_t fal_text_fit (const fal_text_style *st, const char *s, size_t n,
                     double width);

/* Draws one line, anti-aliased, blended over what is there; (x, y) is the
** left end of the base line. Clips. Any number of channels. */
void fal_text_draw (fal_image *im, const fal_text_style *st, double x,
                    double y, const char *s, size_t n);

#endif
