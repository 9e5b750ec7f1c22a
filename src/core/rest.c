/*
** rest.c -- documents of a role's host: what is public, and what is asked for
** with the key
*/
#include <string.h>

#include "single.h"


/* {host}/{path} */
static void put_url (fal_single *s, fal_role role, const char *path) {
  fal_buf_addf(&s->call.url, "%s/%s", s->op.client->hosts[role],
               path[0] == '/' ? path + 1 : path);
}


fal_op *fal_get (fal_engine *e, fal_client *c, fal_role role,
                 const char *path, const char *credentials, double timeout,
                 fal_error *err) {
  fal_error local;
  fal_single *s;
  fal_code code = FAL_OK;
  if (err == NULL)
    err = &local;
  /* asks nobody for a key: what is public needs none */
  s = fal_single_new(e, c, role, "public", timeout, err);
  if (s == NULL)
    return NULL;
  s->call.safe = 1;
  put_url(s, role, path);
  if (credentials != NULL)
    code = fal_call_headers(&s->call, credentials, NULL, err);
  return fal_single_start(s, code, err);
}


fal_op *fal_post (fal_engine *e, fal_client *c, fal_role role,
                  const char *path, const char *json, const char *credentials,
                  int ask_key, double timeout, fal_error *err) {
  fal_error local;
  fal_single *s;
  fal_code code;
  if (err == NULL)
    err = &local;
  s = fal_single_new(e, c, role, credentials, timeout, err);
  if (s == NULL)
    return NULL;
  s->call.safe = 1;
  s->call.ask_key = ask_key;
  s->call.x.has_body = 1;
  put_url(s, role, path);
  code = fal_buf_addstr(&s->call.input, json);
  if (code != FAL_OK)
    fal_fail(err, code, "out of memory");
  else if (credentials != NULL)
    code = fal_call_headers(&s->call, credentials, NULL, err);
  return fal_single_start(s, code, err);
}
