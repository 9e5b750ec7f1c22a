/*
** sse.c -- a parser for event streams
**
** Lines that arrive whole are read where they are; only a line split over
** feeds is put together in a buffer first.
*/
#include <string.h>

#include "sse.h"

#define STARTED    1u   /* the first line, which may have a BOM, is past */
#define AFTER_CR   2u   /* the last line ended in CR: a LF belongs to it */
#define HAS_DATA   4u   /* the event has a data line, maybe an empty one */
#define DELIVERED  8u   /* the event was handed over: forget it */
#define FAILED    16u


void fal_sse_init (fal_sse *p, size_t max) {
  memset(p, 0, sizeof(*p));
  fal_buf_init(&p->line, max);
  fal_buf_init(&p->data, max);
}


void fal_sse_free (fal_sse *p) {
  fal_buf_free(&p->line);
  fal_buf_free(&p->data);
}


static void forget (fal_sse *p) {
  p->data.n = 0;
  p->event[0] = '\0';
  p->flags &= ~(HAS_DATA | DELIVERED);
}


/* The first CR or LF of s[0..n), or NULL. The one expected is looked for
** first: the other is then sought within the line only. */
static const char *line_end (const char *s, size_t n, int expect_cr) {
  const char *a = memchr(s, expect_cr ? '\r' : '\n', n);
  const char *b = memchr(s, expect_cr ? '\n' : '\r',
                         a != NULL ? (size_t)(a - s) : n);
  return b != NULL ? b : a;
}


static int is (const char *s, size_t n, const char *field, size_t field_n) {
  return n == field_n && memcmp(s, field, n) == 0;
}


static fal_code add_data (fal_sse *p, const char *s, size_t n) {
  fal_code code = FAL_OK;
  if (p->flags & HAS_DATA)
    code = fal_buf_add(&p->data, "\n", 1);
  p->flags |= HAS_DATA;
  return code == FAL_OK ? fal_buf_add(&p->data, s, n) : code;
}


/* A line that is not blank: "field: value", where the space may be missing,
** and so may the colon; without a name before the colon it is a comment. */
static fal_code field (fal_sse *p, const char *s, size_t n) {
  const char *colon = memchr(s, ':', n), *v = s + n;
  size_t name = colon != NULL ? (size_t)(colon - s) : n;
  if (colon != NULL)
    v = colon + 1 < s + n && colon[1] == ' ' ? colon + 2 : colon + 1;
  n = (size_t)(s + n - v);
  if (is(s, name, "data", 4))
    return add_data(p, v, n);
  if (is(s, name, "event", 5))
    fal_copy_text(p->event, sizeof(p->event), v, n);
  return FAL_OK;
}


/* One line without its end. */
static fal_code line (fal_sse *p, const char *s, size_t n,
                      fal_sse_event *ev) {
  if (n > p->line.max)
    return FAL_ETOOBIG;
  if (!(p->flags & STARTED)) {
    p->flags |= STARTED;
    if (n >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0) {
      s += 3;
      n -= 3;
    }
  }
  if (n > 0)
    return field(p, s, n);
  if (!(p->flags & HAS_DATA))
    forget(p);
  else {
    ev->event = p->event;
    ev->data = p->data.n > 0 ? p->data.s : "";
    ev->n = p->data.n;
    ev->complete = 1;
    p->flags |= DELIVERED;
  }
  return FAL_OK;
}


/* Takes s[0..n) up to the end of the first line in it. Returns the bytes. */
static size_t take_line (fal_sse *p, const char *s, size_t n, int expect_cr,
                         fal_sse_event *ev, fal_code *code) {
  const char *end = line_end(s, n, expect_cr);
  size_t k = end != NULL ? (size_t)(end - s) : n;
  if (end == NULL || p->line.n > 0) {
    *code = fal_buf_add(&p->line, s, k);
    if (*code != FAL_OK || end == NULL)
      return k;
    *code = line(p, p->line.s, p->line.n, ev);
    p->line.n = 0;
  }
  else
    *code = line(p, s, k, ev);
  if (*end == '\r')
    p->flags |= AFTER_CR;
  return k + 1;
}


ptrdiff_t fal_sse_feed (fal_sse *p, const char *s, size_t n,
                        fal_sse_event *ev) {
  size_t i = 0;
  fal_code code = FAL_OK;
  memset(ev, 0, sizeof(*ev));
  ev->event = ev->data = "";
  if (p->flags & FAILED)
    return -1;
  if (p->flags & DELIVERED)
    forget(p);
  while (i < n && code == FAL_OK && !ev->complete) {
    int after_cr = (p->flags & AFTER_CR) != 0;
    p->flags &= ~AFTER_CR;
    if (after_cr && s[i] == '\n')
      i++;
    else
      i += take_line(p, s + i, n - i, after_cr, ev, &code);
  }
  if (code != FAL_OK) {
    p->flags |= FAILED;
    return -1;
  }
  return (ptrdiff_t)i;
}
