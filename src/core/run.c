/*
** run.c -- the call that gives an endpoint its input and waits (protocol 3)
*/
#include "single.h"


fal_op *fal_run (fal_engine *e, fal_client *c, const fal_run_request *r,
                 fal_error *err) {
  fal_error local;
  fal_single *s;
  fal_code code;
  if (err == NULL)
    err = &local;
  s = fal_single_new(e, c, FAL_ROLE_RUN, r->credentials, r->timeout, err);
  if (s == NULL)
    return NULL;
  code = fal_put_call_url(&s->call.url, c->hosts[FAL_ROLE_RUN], r->endpoint,
                          r->path, r->query, err);
  if (code == FAL_OK)
    code = fal_call_fill(&s->call, r, err);
  return fal_single_start(s, code, err);
}
