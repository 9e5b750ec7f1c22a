/*
** turn.h -- the thread that runs libmicrohttpd, and requests that wait on it
*/
#ifndef falua_turn_h
#define falua_turn_h

#include "../core/error.h"

struct falua_server;
struct serve_request;
struct MHD_Connection;
struct MHD_OptionItem;

typedef struct serve_turn serve_turn;

/* For MHD_start_daemon: who polls, and how; MHD_OPTION_ARRAY. */
unsigned int serve_turn_flags (void);
struct MHD_OptionItem *serve_turn_options (void);

/* Runs s->daemon from now on. NULL and '*err' on failure. */
serve_turn *serve_turn_new (struct falua_server *s, fal_error *err);

/* Ends its thread; then the daemon can be stopped, and after that the turn be
** freed. NULL is fine. */
void serve_turn_end (serve_turn *t);
void serve_turn_free (serve_turn *t);


/* Any thread: resumes a connection that libmicrohttpd's own functions have
** suspended. */
void serve_resume (struct falua_server *s, struct MHD_Connection *mc);

/* The same for what resumes one by itself, after it. */
void serve_turn_news (serve_turn *t);


/* From a handler: the request waits for its answer, which another thread makes
** and then calls serve_ready. While it waits its connection may end: so nobody
** else may touch r->mc, and the job that r has is canceled then. */
void serve_wait (struct serve_request *r);

/* Any thread, once: the request goes on, and may be gone. */
void serve_ready (struct serve_request *r);


/* For http.c, on the daemon's thread. */

/* Something came or went: there may be more at once. */
void serve_turn_moved (serve_turn *t);

/* Nonzero when the answer of a request that waits is not there yet. */
int serve_waits (struct serve_request *r);

/* The connection of a request ended. Nonzero when somebody still has the
** request: serve_request_end is called when it came back. */
int serve_waits_on (struct serve_request *r);

#endif
