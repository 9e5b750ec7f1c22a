/*
** hooks.h -- webhooks: who asked to be told of a result is told (protocol 11)
**
** What is to be delivered stands in the store, so it outlives the server. An
** attempt is written down before it is made; a receiver that answers no 2xx is
** tried again, ten times in all, after 15 seconds, then twice as long each
** time, as long as the result is kept. Deliveries go to this machine only,
** unless the server was told otherwise.
*/
#ifndef falua_hooks_h
#define falua_hooks_h

#include "serve.h"

typedef struct serve_hooks serve_hooks;

#define HOOK_TRIES  10
#define HOOK_DELAY  15.0   /* seconds before the second attempt */

/* Begins with what is due in the store; s->backlog and s->loop must be there.
** 'delay' 0: HOOK_DELAY. */
serve_hooks *serve_hooks_new (falua_server *s, double delay, int anywhere,
                              fal_error *err);

/* Something may be due. Any thread. */
void serve_hooks_wake (serve_hooks *h);

/* Begins no attempt any more; those under way may end. NULL is fine. */
void serve_hooks_stop (serve_hooks *h);

/* When the loop has ended. NULL is fine. */
void serve_hooks_free (serve_hooks *h);

/* Handler: the JWKS document of the REST role. */
int serve_jwks (serve_request *r);

#endif
