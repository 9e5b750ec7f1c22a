/*
** writer.h -- the thread that changes the store
**
** Changes come from any thread. While one group of them is on its way to the
** disk the next one gathers, so one fsync serves many callers, and nobody
** hears of a change before it is there to stay.
*/
#ifndef falua_writer_h
#define falua_writer_h

#include "store.h"

typedef struct serve_change serve_change;
typedef struct serve_writer serve_writer;

/* All on the writer's thread. */
struct serve_change {
  serve_change *next;      /* the writer's */

  /* Does it. May be called a second time, when the group it was part of
  ** failed and was undone: then alone. STORE_FULL and STORE_FAIL mean that it
  ** has to be undone, all others that the store is as it should be. */
  store_code (*apply) (serve_change *c, store *s, double now);

  /* It is committed, or with STORE_FULL and STORE_FAIL undone. The change may
  ** be freed, or posted again. */
  void (*done) (serve_change *c, store_code code);
};

/* What a group has changed. */
typedef struct serve_news {
  const char *ids;         /* of the requests that were touched, each with a */
  size_t ids_n;            /* NUL after it; bytes */
  const store_settled *settled;
  size_t settled_n;
} serve_news;

#define WRITER_LEASE  60.0   /* seconds; renewed long before they are over */

/* Takes over 's', also when it fails, and renews the leases of 'worker', a
** name that nobody had before. 'committed' (may be NULL) is called after each
** group whose changes were committed and before their 'done', and after time
** changed something. */
serve_writer *serve_writer_new (store *s, const char *worker,
                                void (*committed) (void *ud,
                                                   const serve_news *news),
                                void *ud, fal_error *err);

void serve_writer_post (serve_writer *w, serve_change *c);

/* The same for who can produce changes faster than a disk takes them: waits
** while very many are waiting. Not on the writer's own thread. */
void serve_writer_post_paced (serve_writer *w, serve_change *c);

/* Posts it a second later: for a change that failed and must not be lost. */
void serve_writer_post_later (serve_writer *w, serve_change *c);

/* Does what was posted, ends the thread, closes the store. NULL is fine. */
void serve_writer_free (serve_writer *w);

/* Now, as the store counts time. */
double serve_wall_clock (void);

#endif
