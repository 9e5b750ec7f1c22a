/*
** feed.h -- an answer whose body is written while it is sent
**
** For event streams: any thread writes, libmicrohttpd sends, and while there
** is nothing to send the connection is suspended. One that is idle holds a
** few kilobytes. Event streams get a comment every 15 seconds, so that
** neither side nor what is between them takes the silence for the end; who
** hangs up is noticed within a second or two.
*/
#ifndef falua_feed_h
#define falua_feed_h

#include <stddef.h>

#include "../core/error.h"

#define FEED_MAX  (16u << 20)   /* bytes that may wait for a slow reader */

struct serve_request;

typedef struct serve_feed serve_feed;
typedef struct serve_feeds serve_feeds;   /* those of a server */

/* Answers 'r' with a status and a content type and keeps the connection. In
** a handler, or on another thread when the request is suspended. NULL when
** memory ends: then the request is still the caller's to answer. The request
** lives on until serve_feed_end, its connection perhaps not that long. */
serve_feed *serve_feed_new (struct serve_request *r, unsigned int status,
                            const char *type);

/* Sends s[0..n), for an event stream whole events. 1; or 0 when the caller
** left, or reads so slowly that FEED_MAX bytes wait (it is cut off then). One
** thread at a time. */
int serve_feed_write (serve_feed *f, const char *s, size_t n);

/* Nonzero when nobody reads any more. */
int serve_feed_gone (serve_feed *f);

/* Nothing more will come; what was written is still sent. Once, and nothing
** of the feed or its request may be used after it. */
void serve_feed_end (serve_feed *f);

/* The same, but the reader is to see that the end is missing: what was written
** is sent, then the connection is cut. */
void serve_feed_break (serve_feed *f);

/* A server's feeds, with a thread that keeps them alive: an event stream on
** which nothing came for so many seconds gets a comment. */
serve_feeds *serve_feeds_new (double silence, fal_error *err);

/* Cuts off all that are open, for writers to notice. NULL is fine. */
void serve_feeds_close (serve_feeds *set);

/* After serve_feed_end of each. NULL is fine. */
void serve_feeds_free (serve_feeds *set);

#endif
