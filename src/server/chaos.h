/*
** chaos.h -- trouble on demand: the platform's known failures, by dice
**
** A plan says how likely each trouble is. What befalls a request depends on
** the seed, on what is asked, and on how often the same was asked before, not
** on what others ask meanwhile: the same run has the same trouble.
*/
#ifndef falua_chaos_h
#define falua_chaos_h

#include "serve.h"

typedef enum serve_trouble {
  TROUBLE_NONE = 0,
  TROUBLE_429,       /* too many requests, Retry-After 1 */
  TROUBLE_502,       /* of an ingress: nginx's page, no request id */
  TROUBLE_504,       /* the start timeout ran out, no retry */
  TROUBLE_CUT,       /* an event stream ends after its first event */
  TROUBLE_SLOW,      /* the answer takes some seconds more */
  TROUBLE_EXPIRED,   /* a result is not kept any more */
  TROUBLE_TYPE,      /* JSON that says it is text/html */
  TROUBLES
} serve_trouble;

/* From "429=0.1,slow=0.2,delay=3,seed=7"; a number alone, "0.1", is for each
** of the troubles. FAL_EVALIDATION names what is wrong. Freed by free(). */
serve_chaos *serve_chaos_new (const char *plan, fal_error *err);

/* Handler: throws the dice for a request; takes it when its trouble is the
** answer, or has it come again later. */
int serve_chaos_strike (serve_request *r);

#endif
