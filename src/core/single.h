/*
** single.h -- operations that are one call (private)
*/
#ifndef fal_single_h
#define fal_single_h

#include "call.h"
#include "endpoint.h"

typedef struct fal_single {
  fal_op op;
  fal_call call;
} fal_single;

/* An operation whose call is to be filled and given to fal_single_start.
** FAL_EAUTH when the role is fal's own host and there is no key. */
fal_single *fal_single_new (fal_engine *e, fal_client *c, fal_role role,
                            const char *credentials, double timeout,
                            fal_error *err);

/* Starts its call and returns it as an operation; on failure frees it and
** returns NULL. 'code' is what filling it came to: not FAL_OK means '*err'
** says why. */
fal_op *fal_single_start (fal_single *s, fal_code code, fal_error *err);

/* {host}/{id}[/{path}][?{query}], or, with 'request_id', the URL of a request
** of the queue: {host}/{base}/requests/{rid}{tail}. */
fal_code fal_put_call_url (fal_buf *b, const char *host, const char *id,
                           const char *path, const char *query,
                           fal_error *err);
fal_code fal_put_request_url (fal_buf *b, const char *host, const char *id,
                              const char *request_id, const char *tail,
                              fal_error *err);

/* The URL that submits a request: {queue}/{id}[/{path}][?fal_webhook=]. */
fal_code fal_put_submit_url (fal_buf *b, const fal_client *c,
                             const fal_run_request *r, fal_error *err);

/* Gives the call headers of its own that accept text/event-stream. */
fal_code fal_call_accept_events (fal_call *c, const char *credentials,
                                 fal_error *err);

/* The input and the headers that a fal_run_request asks for. */
fal_code fal_call_fill (fal_call *c, const fal_run_request *r,
                        fal_error *err);

#endif
