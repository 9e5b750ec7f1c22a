/*
** run.c -- the calls that give an endpoint its input: run (protocol 3) and
** submit (protocol 4.1)
*/
#include "single.h"


static fal_op *post (fal_engine *e, fal_client *c, const fal_run_request *r,
                     fal_role role, fal_error *err) {
  fal_error local;
  fal_single *s;
  fal_code code;
  if (err == NULL)
    err = &local;
  s = fal_single_new(e, c, role, r->credentials, r->timeout, err);
  if (s == NULL)
    return NULL;
  code = role == FAL_ROLE_QUEUE
    ? fal_put_submit_url(&s->call.url, c, r, err)
    : fal_put_call_url(&s->call.url, c->hosts[role], r->endpoint, r->path,
                       r->query, err);
  if (code == FAL_OK)
    code = fal_call_fill(&s->call, r, err);
  return fal_single_start(s, code, err);
}


fal_op *fal_run (fal_engine *e, fal_client *c, const fal_run_request *r,
                 fal_error *err) {
  return post(e, c, r, FAL_ROLE_RUN, err);
}


fal_op *fal_submit (fal_engine *e, fal_client *c, const fal_run_request *r,
                    fal_error *err) {
  return post(e, c, r, FAL_ROLE_QUEUE, err);
}
