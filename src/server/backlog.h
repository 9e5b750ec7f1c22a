/*
** backlog.h -- what this server has accepted and is to run
**
** It claims requests from the store when workers have room, has them run and
** writes down what came of it. A request whose worker is lost, or whose
** endpoint answers 503 or 504, runs again as the protocol says (4.6): up to
** ten times, or as often as the caller's x-fal-no-retry or x-fal-retry-config
** allow.
*/
#ifndef falua_backlog_h
#define falua_backlog_h

#include "watch.h"
#include "writer.h"

struct falua_server;

typedef struct serve_backlog serve_backlog;

/* Opens the store in s->data and begins to run what is in it; s->pool must be
** there. 'keep' and 'keep_big': see store_options. */
serve_backlog *serve_backlog_new (struct falua_server *s, double keep,
                                  double keep_big, fal_error *err);

/* Posts a change or a look of a caller's: 1; or 0 when the server is ending
** and it was not taken. */
int serve_backlog_change (serve_backlog *b, serve_change *c);
int serve_backlog_look (serve_backlog *b, serve_look *l);

/* As serve_watch_follow. */
int serve_backlog_follow (serve_backlog *b, serve_feed *f, const char *url,
                          const char *owner, const char *id, int logs);

/* There may be something to claim. */
void serve_backlog_wake (serve_backlog *b);

/* There may be, if anything waits: for who comes often. NULL is fine. */
void serve_backlog_room (serve_backlog *b);

/* Tells the worker that runs the request, if one does, to stop. */
void serve_backlog_cancel (serve_backlog *b, const char *id);

/* How many requests wait, and how many have a worker or are about to. */
void serve_backlog_counts (serve_backlog *b, long *wait, long *run);

/* Claims nothing any more, ends status streams. What still runs may finish, or
** be canceled; what is lost from now on waits for the next start. */
void serve_backlog_drain (serve_backlog *b);

/* Waits until nothing runs, until 'limit' (fal_now) at most. */
void serve_backlog_wait (serve_backlog *b, double limit);

/* Leaves the pool alone, which ends next. */
void serve_backlog_part (serve_backlog *b);

/* When all jobs of the pool are done: writes the last changes, answers the
** last callers, closes the store. */
void serve_backlog_close (serve_backlog *b);

/* After that, when there are no callers. NULL is fine. */
void serve_backlog_free (serve_backlog *b);

#endif
