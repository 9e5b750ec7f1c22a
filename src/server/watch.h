/*
** watch.h -- the thread that looks at the store
**
** Looks that callers ask for once, and status streams, which are looked at
** whenever their request was touched; while it waits, also when others were,
** because its position may have changed.
*/
#ifndef falua_watch_h
#define falua_watch_h

#include "feed.h"
#include "store.h"

typedef struct serve_watch serve_watch;
typedef struct serve_look serve_look;

struct serve_look {
  serve_look *next;        /* the watch's */
  /* On the thread of the watch, which does not touch it afterwards. */
  void (*run) (serve_look *l, store *s, double now);
};

/* Takes over 'reader', also when it fails. */
serve_watch *serve_watch_new (store *reader, fal_error *err);

void serve_watch_ask (serve_watch *w, serve_look *l);

/* Writes the status of a request to 'f' whenever it changes, and ends it
** after the last. 'url' is what the URLs in it begin with; with 'logs' each
** event has the lines that are new. 0 when there is no memory: the feed is
** still the caller's. */
int serve_watch_follow (serve_watch *w, serve_feed *f, const char *url,
                        const char *owner, const char *id, int logs);

/* Requests were touched: ids, a NUL after each. Any thread. */
void serve_watch_touched (serve_watch *w, const char *ids, size_t n);

/* Ends all status streams, and those that come. */
void serve_watch_close (serve_watch *w);

/* Does what was asked for, ends the thread, closes the reader. NULL is
** fine. */
void serve_watch_free (serve_watch *w);

#endif
