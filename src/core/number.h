/*
** number.h -- numbers of JSON to and from text, whatever the locale
*/
#ifndef fal_number_h
#define fal_number_h

#include <stddef.h>
#include <stdint.h>

#define FAL_NUMBER_MAX 32   /* bytes that hold any number written */

typedef struct fal_number {
  int integer;   /* nonzero: no '.', no exponent, and it fits an int64_t */
  int64_t i;     /* set when it is an integer */
  double d;      /* always set; infinite when past the range of a double */
} fal_number;

/* Reads the number that begins s[0..n), as RFC 8259 spells numbers, to the
** nearest double. Returns its length, or 0 when there is none. */
size_t fal_number_read (const char *s, size_t n, fal_number *v);

/* Writes 'i' to 'to'. Returns the length (no NUL). */
size_t fal_number_from_int (char *to, int64_t i);

/* Writes the shortest text that reads back as 'd', which must be finite.
** Whole numbers below 2^53 have no point when 'whole' is nonzero; all others
** have a point or an exponent. Returns the length (no NUL). */
size_t fal_number_from_double (char *to, double d, int whole);

#endif
