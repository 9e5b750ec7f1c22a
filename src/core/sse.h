/*
** sse.h -- a parser for event streams (text/event-stream). No I/O.
**
** WHATWG HTML "server-sent events" grammar: CR, LF and CRLF end lines, a BOM
** at the very start is dropped, lines of data are joined by LF, comments are
** ignored, an event without data is not an event.
*/
#ifndef fal_sse_h
#define fal_sse_h

#include <stddef.h>

#include "buf.h"

typedef struct fal_sse {
  fal_buf line;      /* the line so far, when it was split over feeds */
  fal_buf data;      /* data lines of the event so far */
  char event[64];    /* its name, cut to fit */
  unsigned flags;
} fal_sse;

typedef struct fal_sse_event {
  const char *event;   /* "" when the stream named none */
  const char *data;    /* both are valid until the next feed */
  size_t n;
  int complete;        /* nonzero when this feed completed an event */
} fal_sse_event;

/* 'max' is the ceiling for one line and for one event's data. An event that
** is still open when the stream ends is no event: just free the parser. */
void fal_sse_init (fal_sse *p, size_t max);
void fal_sse_free (fal_sse *p);

/* Feeds the next n bytes. Returns how many it took: all of them, or fewer
** when '*ev' was completed (call again with the rest), or -1 when the ceiling
** was passed or memory ended, and from then on. Where the stream is split,
** within UTF-8 sequences too, makes no difference. */
ptrdiff_t fal_sse_feed (fal_sse *p, const char *s, size_t n,
                        fal_sse_event *ev);

#endif
