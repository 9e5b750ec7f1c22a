/*
** errand.h -- threads for what waits for the disk, and for what ends
*/
#ifndef falua_errand_h
#define falua_errand_h

#include "../core/error.h"

struct falua_server;
struct serve_request;

typedef struct serve_errands serve_errands;

serve_errands *serve_errands_new (struct falua_server *s, fal_error *err);

/* Does what it still has; from then on requests are turned away. NULL is
** fine. */
void serve_errands_end (serve_errands *k);
void serve_errands_free (serve_errands *k);

/* Suspends the request and calls 'errand' on another thread, which makes
** r->answer; then the request goes on. From a handler, which then returns 1. */
void serve_errand_do (struct serve_request *r,
                      void (*errand) (struct serve_request *r));

#endif
