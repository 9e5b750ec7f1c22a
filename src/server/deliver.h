/*
** deliver.h -- one attempt to deliver a webhook: a POST that is signed
**
** An operation of libfal's engine, without redirects and without any key.
*/
#ifndef falua_deliver_h
#define falua_deliver_h

#include "../core/engine.h"
#include "seal.h"

typedef struct serve_delivery {
  const unsigned char *secret;   /* SEAL_SECRET bytes; signs it */
  const char *url, *request_id, *user;
  const char *body;              /* JSON; copied, as are the strings */
  size_t body_n;
  double timeout;                /* seconds */
  /* Called once on the engine's thread: the status that the receiver
  ** answered, 0 when it did not, and then why. Only 2xx is a delivery. */
  void (*done) (void *ud, int status, const char *why);
  void *ud;
} serve_delivery;

/* Starts it; the engine frees it when it is done. FAL_OK, or '*err' and
** 'done' is not called. */
fal_code serve_deliver (fal_engine *e, fal_client *c,
                        const serve_delivery *d, fal_error *err);

#endif
