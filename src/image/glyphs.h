/*
** glyphs.h -- the letters of text.c, as strokes
**
** Units are hundredths of a capital's height, y upwards from the base line;
** lower-case letters are 70 high, ascenders 106. A path has the commands
**   M x y   lift the pen and go there
**   L x y   a line
**   H x y   a quarter of an ellipse that sets out horizontally
**   V x y   a quarter of an ellipse that sets out vertically
**   O x y r a small ring
**   I x y   a dot
** with numbers separated by a space. Strokes get their width when drawn.
*/
#ifndef fal_glyphs_h
#define fal_glyphs_h

#include <stdint.h>

typedef struct glyph {
  uint32_t cp;
  short left, width, right;   /* bearing, ink, bearing */
  const char *path;
} glyph;

/* What a composed letter is made of: a base and up to two marks. */
typedef struct composed {
  uint32_t base;
  char mark[2];
} composed;

/* A drawn letter, or NULL. The box of missing letters is fal_glyph(0). */
const glyph *fal_glyph (uint32_t cp);

/* Nonzero when 'cp' is a base letter with marks. */
int fal_glyph_compose (uint32_t cp, composed *c);

/* The letter of a combining mark (U+0300...), or 0. */
char fal_glyph_combining (uint32_t cp);

/* The strokes of a mark, centered on x = 0 for a letter 70 high; NULL when
** there is no such mark. '*below' is set when it hangs from the base line. */
const char *fal_glyph_mark (char mark, int *below);

#endif
