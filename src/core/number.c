/*
** number.c -- numbers of JSON to and from text, whatever the locale
**
** A decimal m * 10^e with m up to 2^53 and e up to 22 is one exact product or
** quotient of doubles; nearly every number is of that kind. With 64 bits of
** digits and e up to 27, whole numbers of 128 bits do. The rest goes through
** strtod and snprintf, but only as digits and an exponent, so that no locale's
** decimal point is ever read or believed.
*/
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

#define EXACT   (UINT64_C(1) << 53)
#define isdigit_(c)  ((unsigned char)((c) - '0') < 10)

static const double power10[] = {
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
  1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};


/* m * 10^e in one rounding of doubles; 0 when that cannot be promised. */
static int simple (uint64_t m, long e, double *d) {
  if (FLT_EVAL_METHOD != 0 || m > EXACT || e < -22 || e > 22)
    return 0;
  *d = e < 0 ? (double)m / power10[-e] : (double)m * power10[e];
  return 1;
}


#if defined(__SIZEOF_INT128__)

__extension__ typedef unsigned __int128 uint128;

#define MAX5  27   /* the highest power of five in 64 bits */


static uint64_t power5 (long e) {
  uint64_t p = 1, square = 5;
  for (; e > 0; e >>= 1, square *= square)
    p *= e & 1 ? square : 1;
  return p;
}


/* x * 2^-drop to the nearest integer, ties to even; 'rest' is nonzero when x
** stands for a little more than x. */
static uint64_t shift_right (uint128 x, int drop, int rest) {
  uint128 half = (uint128)1 << (drop - 1), low = x & (half | (half - 1));
  uint64_t y = (uint64_t)(x >> drop);
  return y + (low > half || (low == half && (rest || (y & 1))));
}


/* m * 10^e in whole numbers: for some e only, exactly rounded. */
static int wide (uint64_t m, long e, double *d) {
  uint128 x;
  int exponent = (int)e, rest = 0, bits;
  if (e < -MAX5 || e > MAX5 || m == 0)
    return 0;
  if (e >= 0)
    x = (uint128)m * power5(e);
  else {
    int up = __builtin_clzll(m) + 64;
    uint64_t divisor = power5(-e);
    x = ((uint128)m << up) / divisor;
    rest = x * divisor != (uint128)m << up;
    exponent -= up;
  }
  bits = (uint64_t)(x >> 64) != 0 ? 128 - __builtin_clzll((uint64_t)(x >> 64))
                                  : 64 - __builtin_clzll((uint64_t)x);
  if (bits > 53) {
    x = shift_right(x, bits - 53, rest);
    exponent += bits - 53;
  }
  *d = ldexp((double)(uint64_t)x, exponent);
  return 1;
}


/* d * 10^n to the nearest integer, ties to even, for n from 0 to MAX5 and a
** result that fits. */
static uint64_t scaled (double d, int n) {
  int e;
  uint128 x = (uint64_t)ldexp(frexp(d, &e), 53);  /* d = x * 2^(e - 53) */
  x *= power5(n);
  e += n - 53;
  return e >= 0 ? (uint64_t)(x << e) : e > -128 ? shift_right(x, -e, 0) : 0;
}

#else

#define MAX5  (-1)
#define wide(m,e,d)  0
#define scaled(d,n)  0

#endif


/* ---- reading ---- */

/* 767 digits decide any rounding; one more stands for all that follow. */
#define DIGITS 780

/* The number s[0..n), known to be well formed, at any length. */
static double read_long (const char *s, size_t n) {
  char text[DIGITS + 32];
  const char *end = s + n;
  size_t k = 0;
  long e = 0, x = 0;
  int point = 0, rest = 0, minus = (*s == '-');
  for (s += minus; s < end && (*s | 32) != 'e'; s++) {
    if (*s == '.')
      point = 1;
    else {
      int kept = k < DIGITS;
      if (kept && (k > 0 || *s != '0'))
        text[k++] = *s;
      rest |= !kept && *s != '0';
      e += !kept - point;
    }
  }
  if (s < end) {
    int down = s[1] == '-';
    for (s += 1 + (down || s[1] == '+'); s < end; s++)
      x = x < 100000000 ? x * 10 + (*s - '0') : x;
    e += down ? -x : x;
  }
  if (rest) {
    text[k++] = '1';
    e--;
  }
  if (k == 0)
    text[k++] = '0';
  snprintf(text + k, sizeof(text) - k, "e%ld", e);
  return minus ? -strtod(text, NULL) : strtod(text, NULL);
}


/* Adds the digits at 'p' to '*m' while they fit it, and returns their end.
** '*lost' becomes nonzero when some do not fit. */
static const char *digits (const char *p, const char *end, uint64_t *m,
                           int *lost) {
  uint64_t v = *m;
  for (; p < end && isdigit_(*p); p++) {
    if (v < UINT64_C(1000000000000000000))
      v = v * 10 + (unsigned)(*p - '0');
    else
      *lost = 1;
  }
  *m = v;
  return p;
}


/* The exponent after 'p' (which is at its 'e') is added to '*e'. Returns its
** end, or NULL when it has no digits. */
static const char *exponent (const char *p, const char *end, long *e) {
  int down = 0;
  long x = 0;
  if (++p < end && (*p == '+' || *p == '-'))
    down = *p++ == '-';
  if (p == end || !isdigit_(*p))
    return NULL;
  for (; p < end && isdigit_(*p); p++)
    x = x < 100000 ? x * 10 + (*p - '0') : x;
  *e += down ? -x : x;
  return p;
}


size_t fal_number_read (const char *s, size_t n, fal_number *v) {
  const char *p = s, *end = s + n, *first;
  uint64_t m = 0;
  long e = 0;
  int lost = 0, minus = n > 0 && *s == '-';
  first = p += minus;
  if (p < end && *p == '0')
    p++;  /* a zero stands alone */
  else
    p = digits(p, end, &m, &lost);
  if (p == first)
    return 0;
  v->integer = 1;
  if (p < end && *p == '.') {
    first = ++p;
    p = digits(p, end, &m, &lost);
    if (p == first)
      return 0;
    e = (long)(first - p);
    v->integer = 0;
  }
  if (p < end && (*p | 32) == 'e') {
    p = exponent(p, end, &e);
    if (p == NULL)
      return 0;
    v->integer = 0;
  }
  if (v->integer && !lost && m <= (uint64_t)INT64_MAX + (unsigned)minus) {
    v->i = minus ? (int64_t)(0 - m) : (int64_t)m;
    v->d = minus ? -(double)m : (double)m;
  }
  else {
    v->integer = 0;
    if (lost || !(simple(m, e, &v->d) || wide(m, e, &v->d)))
      v->d = read_long(s, (size_t)(p - s));
    else if (minus)
      v->d = -v->d;
  }
  return (size_t)(p - s);
}


/* ---- writing ---- */

static size_t from_uint (char *to, uint64_t u) {
  char text[20];
  size_t n = 0, i;
  do
    text[n++] = (char)('0' + u % 10);
  while ((u /= 10) != 0);
  for (i = 0; i < n; i++)
    to[i] = text[n - 1 - i];
  return n;
}


size_t fal_number_from_int (char *to, int64_t i) {
  if (i >= 0)
    return from_uint(to, (uint64_t)i);
  *to = '-';
  return 1 + from_uint(to + 1, 0 - (uint64_t)i);
}


static double decimal (uint64_t m, int e) {
  double d;
  if (!simple(m, e, &d) && !wide(m, e, &d)) {
    char text[48];
    snprintf(text, sizeof(text), "%llue%d", (unsigned long long)m, e);
    d = strtod(text, NULL);
  }
  return d;
}


static const double tenths[] = {
  1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10
};


/* How many digits d has before the point, if it has any; else how many zeros
** follow the point, negated. Stops at 18 and at -10. */
static int magnitude (double d) {
  int n = 0;
  if (d >= 1)
    while (n < 18 && d >= power10[n])
      n++;
  else
    while (n > -10 && d < tenths[-n])
      n--;
  return n;
}


/* 'd' to 'n' digits, as m * 10^e. */
static uint64_t rounded (double d, int n, int *e) {
  char text[64];
  const char *p;
  uint64_t m = 0;
  int size = magnitude(d);
  if (n - size >= 0 && n - size <= MAX5 && size > -10 && size < 18) {
    *e = size - n;
    return scaled(d, n - size);
  }
  snprintf(text, sizeof(text), "%.*e", n - 1, d);
  for (p = text; *p != 'e'; p++)
    if (isdigit_(*p))  /* and not the point, however the locale writes it */
      m = m * 10 + (unsigned)(*p - '0');
  *e = atoi(p + 1) - (n - 1);
  return m;
}


/* The fewest digits m with m * 10^e == d, d positive; zeros may follow. */
static uint64_t shortest (double d, int *e) {
  uint64_t m;
  int n, half;
  /* 15 digits are never too many, but below DBL_MIN, where there are fewer */
  for (n = d < DBL_MIN ? 1 : DBL_DIG; n < 17; n++) {
    m = rounded(d, n, e);
    if (decimal(m, *e) == d)
      return m;
    /* above a power of two the gap is wider than below */
    if (n == 16 && frexp(d, &half) == 0.5 && decimal(m + 1, *e) == d)
      return m + 1;
  }
  return rounded(d, 17, e);
}


/* Lays out the digits m * 10^e, which has a point or an exponent. */
static size_t layout (char *to, uint64_t m, int e) {
  char text[20];
  size_t n, k = 0;
  int point;  /* m * 10^e is 0.text * 10^point */
  for (; m % 10 == 0 && m != 0; m /= 10)
    e++;
  n = from_uint(text, m);
  point = (int)n + e;
  if (point > 17 || point < -4) {
    to[k++] = text[0];
    if (n > 1) {
      to[k++] = '.';
      memcpy(to + k, text + 1, n - 1);
      k += n - 1;
    }
    to[k++] = 'e';
    return k + fal_number_from_int(to + k, point - 1);
  }
  if (point <= 0) {
    to[k++] = '0';
    to[k++] = '.';
    memset(to + k, '0', (size_t)-point);
    k += (size_t)-point;
    memcpy(to + k, text, n);
    return k + n;
  }
  if ((size_t)point < n) {
    memcpy(to, text, (size_t)point);
    to[point] = '.';
    memcpy(to + point + 1, text + point, n - (size_t)point);
    return n + 1;
  }
  memcpy(to, text, n);
  memset(to + n, '0', (size_t)point - n);
  memcpy(to + point, ".0", 2);
  return (size_t)point + 2;
}


size_t fal_number_from_double (char *to, double d, int whole) {
  double a = fabs(d);
  size_t k = 0;
  int e = 0;
  if (signbit(d))
    to[k++] = '-';
  if (a < (double)EXACT && a == (double)(uint64_t)a) {
    if (whole)
      return k + from_uint(to + k, (uint64_t)a);
    if (a == 0) {
      memcpy(to + k, "0.0", 3);
      return k + 3;
    }
  }
  if (a < 1e15 && a == (double)(uint64_t)a)
    return k + layout(to + k, (uint64_t)a, 0);
  else {
    uint64_t m = shortest(a, &e);
    return k + layout(to + k, m, e);
  }
}
