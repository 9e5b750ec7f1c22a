/*
** loop.h -- the server's thread for what is not a request any more
**
** Upgraded sockets, timers and calls of the server's own live on one thread
** with an engine of libfal. Other threads reach it by tasks.
*/
#ifndef falua_loop_h
#define falua_loop_h

#include "../core/engine.h"

typedef struct serve_loop serve_loop;

/* Something to be done on the loop's thread. It lives in what it is for. */
typedef struct serve_task {
  struct serve_task *next;
  void (*run) (struct serve_task *task);   /* may free what it lives in */
  int posted;
} serve_task;

/* Starts the thread. NULL and '*err' on failure. */
serve_loop *serve_loop_new (fal_error *err);

/* Runs what was posted, ends the thread, frees the loop. What lives on it has
** to be gone or on its way out: tasks may be posted until this returns.
** Accepts NULL. */
void serve_loop_free (serve_loop *l);

/* Runs 'task' soon; once, when it is posted again before that. Any thread. The
** loop does not touch the task after it began to run. */
void serve_loop_post (serve_loop *l, serve_task *task);

/* For alarms, watches and operations; on the loop's thread only. */
fal_engine *serve_loop_engine (serve_loop *l);

#endif
