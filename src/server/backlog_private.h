/*
** backlog_private.h -- what backlog.c and queued.c share
**
** backlog.c claims requests and gives them to the pool, queued.c hears what
** becomes of them and writes it down.
*/
#ifndef falua_backlog_private_h
#define falua_backlog_private_h

#include <pthread.h>

#include "backlog.h"
#include "job.h"
#include "serve.h"

#define CLAIM_MAX  32       /* requests claimed in one group */

/* A request in the hands of the pool. */
typedef struct running {
  serve_job job;           /* first */
  serve_change begin;      /* it runs */
  serve_change change;     /* its end */
  serve_backlog *b;
  struct running *next, **link;
  store_claim claim;
  char tenant[STORE_TENANT];
  double began;            /* when a worker had it; 0: none yet */
  double logged;           /* time of the last line */
  int percent;             /* that was last logged */
  int pins;                /* see serve_backlog_cancel */
  int entered;             /* counts as running, see keys.h */
  int again;               /* it is to be released, not completed */
  int blameless;           /* and that is not its fault */
  double seconds;
} running;

/* The one change that claims. */
typedef struct claims {
  serve_change change;     /* first */
  serve_backlog *b;
  int posted, again;       /* under the lock: it is on its way; and once more */
  int n;
  running *got[CLAIM_MAX];
  fal_buf endpoints;       /* that take no more, and tenants at their limit: */
  fal_buf tenants;         /* JSON arrays */
} claims;

struct serve_backlog {
  falua_server *s;
  serve_writer *writer;
  store *store;             /* the writer's, for its thread */
  serve_watch *watch;
  char worker[STORE_ID];
  claims claims;
  pthread_mutex_t lock;    /* guards what follows */
  pthread_cond_t idle;     /* something ended */
  running *first;
  int n;                   /* how many run */
  long waiting;            /* how many are to, after the last group */
  int canceling;           /* calls of the pool that cancel */
  int hungry;              /* something waits, as far as is known */
  int draining, apart, closed;   /* claims nothing; has no pool; no writer */
};

/* queued.c: a request for the pool, with nothing claimed yet. NULL when memory
** ends. */
running *serve_queued_new (serve_backlog *b);
void serve_queued_free (running *run);

/* Counts it as one of its tenant's that run, until it ends: 0 when he has as
** many as he may. Nobody's ("") never counts. */
int serve_queued_enter (running *run, const char *tenant);

/* Fills in the job from the claim. */
void serve_queued_fill (running *run, double now);

/* The pool did not take it: it waits again, which is not its fault. */
void serve_queued_return (running *run);

/* One who needed it less; it goes with the last. */
void serve_queued_unpin (running *run);

int serve_backlog_draining (serve_backlog *b);

#endif
