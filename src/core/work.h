/*
** work.h -- work that would keep the engine from its sockets, done by threads
**
** The one place in the module that makes threads: none before the first work,
** then as many as there is work and processors for, four at most, until the
** engine is freed. They block every signal, so that a host's handlers run
** where they did before.
*/
#ifndef fal_work_h
#define fal_work_h

#include "fal.h"

/* Embedded as the first member in what the work needs and makes. 'run' is
** called once, on another thread, and touches nothing but its work; 'free' is
** called once, on the engine's. */
typedef struct fal_work {
  void (*run) (struct fal_work *w);
  void (*free) (struct fal_work *w);
  int refs;                 /* see fal_work_release */
  int taken;                /* by a thread */
  fal_op *op;               /* waits for it; NULL once it is given up */
  struct fal_work *next;
} fal_work;

/* Sets up a work with one reference, the caller's. */
void fal_work_init (fal_work *w, void (*run) (fal_work *w),
                    void (*free) (fal_work *w));

/* Gives a reference back: 'free' is called for the last one. While a thread
** has the work the pool keeps one. Accepts NULL. */
void fal_work_release (fal_work *w);

/* Starts a work. The operation is done when the work is; what came of it is
** the work's to say. Canceled, it is done at once: a work that no thread has
** taken yet is never run, the result of another is dropped. NULL and '*err'
** when memory ends or no thread can be made. Freeing the engine waits for the
** works that are running. */
fal_op *fal_work_start (fal_engine *e, fal_work *w, fal_error *err);

/* Used by the engine, after each wait and at its end; accept NULL. */
typedef struct fal_workers fal_workers;
void fal_workers_collect (fal_workers *p);
void fal_workers_free (fal_workers *p);

#endif
