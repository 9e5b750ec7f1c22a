/*
** queue.c -- the queue's calls, one exchange each (protocol 4)
*/
#include <string.h>

#include "single.h"


/* Appends "fal_webhook=..." to a query, form-encoded. */
static void put_webhook (fal_buf *b, const char *url) {
  static const char hex[] = "0123456789ABCDEF";
  fal_buf_addstr(b, "fal_webhook=");
  for (; *url != '\0'; url++) {
    unsigned char c = (unsigned char)*url;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9') || strchr("-_.~", c) != NULL)
      fal_buf_add(b, url, 1);
    else {
      char esc[3];
      esc[0] = '%';
      esc[1] = hex[c >> 4];
      esc[2] = hex[c & 15];
      fal_buf_add(b, esc, 3);
    }
  }
}


fal_code fal_put_submit_url (fal_buf *b, const fal_client *c,
                             const fal_run_request *r, fal_error *err) {
  fal_buf query;
  fal_code code;
  fal_buf_init(&query, 16384);
  if (r->query != NULL)
    fal_buf_addstr(&query, r->query);
  if (r->webhook_url != NULL) {
    if (query.n > 0)
      fal_buf_addstr(&query, "&");
    put_webhook(&query, r->webhook_url);
  }
  code = fal_put_call_url(b, c->hosts[FAL_ROLE_QUEUE], r->endpoint, r->path,
                          query.n > 0 ? fal_buf_cstr(&query) : NULL, err);
  fal_buf_free(&query);
  return code;
}


/* A call about a request that was submitted. */
static fal_op *about (fal_engine *e, fal_client *c,
                      const fal_queue_request *r, const char *method,
                      const char *tail, fal_error *err) {
  fal_error local;
  fal_single *s;
  fal_code code;
  if (err == NULL)
    err = &local;
  s = fal_single_new(e, c, FAL_ROLE_QUEUE, r->credentials, r->timeout, err);
  if (s == NULL)
    return NULL;
  s->call.safe = 1;
  s->call.final = tail[0] == '\0';  /* the result */
  s->call.ask_key = r->ask_key;
  s->call.tell = r->tell;
  s->call.x.method = method;
  s->call.x.has_body = method != NULL;
  code = fal_put_request_url(&s->call.url, c->hosts[FAL_ROLE_QUEUE],
                             r->endpoint, r->request_id, tail, err);
  if (code == FAL_OK && r->credentials != NULL)
    code = fal_call_headers(&s->call, r->credentials, NULL, err);
  return fal_single_start(s, code, err);
}


fal_op *fal_status (fal_engine *e, fal_client *c, const fal_queue_request *r,
                    fal_error *err) {
  return about(e, c, r, NULL, r->logs ? "/status?logs=1" : "/status", err);
}


fal_op *fal_result (fal_engine *e, fal_client *c, const fal_queue_request *r,
                    fal_error *err) {
  return about(e, c, r, NULL, "", err);
}


fal_op *fal_cancel (fal_engine *e, fal_client *c, const fal_queue_request *r,
                    fal_error *err) {
  return about(e, c, r, "PUT", "/cancel", err);
}
