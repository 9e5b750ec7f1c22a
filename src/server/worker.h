/*
** worker.h -- what the files of a worker process share
**
** A worker is falua started with LINK_WORD: it takes jobs from its link, one
** after the other, runs them in the Lua state of their file and answers. The
** built-in endpoints share one state. Nothing here runs in the server.
*/
#ifndef falua_worker_h
#define falua_worker_h

#include <lua.h>

#include "../core/buf.h"
#include "../core/error.h"
#include "../image/image.h"
#include "link.h"

/* A call that the worker has; the strings are its own. */
typedef struct work_call {
  link_job job;
  const char *file, *method, *endpoint, *request_id, *base_url, *owner, *head;
  fal_buf text, body;
} work_call;

typedef struct work_state work_state;

/* The worker. There is one in a process. */
typedef struct work {
  link_end link;
  work_call call;
  int busy;             /* with 'call' */
  fal_image picture;    /* on its way to Lua */
  work_state *states;   /* of the files that were used */
  work_state *state;    /* the one that runs */
} work;

/* What an endpoint has answered. */
typedef struct work_answer {
  unsigned int status;
  fal_buf head, body;
} work_answer;

/* Is the caller gone, or the call to be stopped? */
int work_canceled (const work *w);

/* Why the call is to be stopped; STOP_NOT when it is not. */
link_stop work_stop (const work *w);

/* Sends a frame: 'head' and 'body' may be NULL when their sizes are 0. */
void work_send (work *w, link_kind kind, unsigned int status,
                const char *head, size_t head_n, const char *body,
                size_t body_n, double number);

/* A line for the log of the request. */
void work_log (work *w, const char *level, const char *text, size_t n);


/* state.c: runs w->call and makes its answer, whatever happens in it. */
void state_run (work *w, work_answer *a);

/* Called by the handler of SIGUSR1: makes the Lua code that runs see that it
** is to stop. */
void state_interrupt (work *w);


/* lserve.c: the worker whose state this is, and what endpoints get from it,
** require "falua.serve.core". */
work *work_of (lua_State *L);
int luaopen_falua_serve_core (lua_State *L);

/* lfields.c: its functions that check inputs, into the table on the top. */
void serve_open_fields (lua_State *L);

/* lpaint.c: what preview models are made with, require "falua.serve.paint". */
int luaopen_falua_serve_paint (lua_State *L);

#endif
