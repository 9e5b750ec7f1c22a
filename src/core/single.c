/*
** single.c -- operations that are one call
*/
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "single.h"


static void single_clear (fal_op *op) {
  fal_call_clear(&((fal_single *)op)->call);
}


static void single_ended (fal_op *op, fal_call *c) {
  fal_call_hand_over(c);
  fal_call_clear(c);
  fal_op_finish(op);
}


static void single_expired (fal_op *op) {
  fal_single *s = (fal_single *)op;
  fal_error err;
  fal_call_late(&s->call, "no answer", op->deadline.due - op->started, "",
                &err);
  op->answer.attempts = s->call.attempts;
  single_clear(op);
  op->err = err;
  fal_op_finish(op);
}


static const fal_op_class single_class = {
  "call", fal_call_transferred, single_expired, single_clear
};


fal_single *fal_single_new (fal_engine *e, fal_client *c, fal_role role,
                            const char *credentials, double timeout,
                            fal_error *err) {
  fal_single *s;
  if (fal_client_check_key(c, role, credentials != NULL ? credentials
                           : c->credentials, err) != FAL_OK)
    return NULL;
  s = fal_op_new(e, c, sizeof(*s), &single_class,
                 timeout != 0 ? timeout : c->timeout, err);
  if (s != NULL)
    fal_call_init(&s->call, &s->op, single_ended);
  return s;
}


fal_op *fal_single_start (fal_single *s, fal_code code, fal_error *err) {
  if (code == FAL_OK)
    code = fal_call_start(&s->call, err);
  if (code == FAL_OK)
    return &s->op;
  fal_op_free(&s->op);
  return NULL;
}


fal_code fal_put_call_url (fal_buf *b, const char *host, const char *id,
                           const char *path, const char *query,
                           fal_error *err) {
  fal_endpoint ep;
  fal_code code = fal_endpoint_parse(id, strlen(id), &ep, err);
  if (code != FAL_OK)
    return code;
  fal_buf_addstr(b, host);
  fal_buf_addstr(b, "/");
  fal_endpoint_put(&ep, 1, b);
  while (path != NULL && *path == '/')
    path++;
  if (path != NULL && *path != '\0')
    fal_buf_addf(b, "/%s", path);
  if (query != NULL && *query != '\0')
    fal_buf_addf(b, "?%s", query);
  return FAL_OK;
}


fal_code fal_put_request_url (fal_buf *b, const char *host, const char *id,
                              const char *request_id, const char *tail,
                              fal_error *err) {
  fal_endpoint ep;
  const char *p;
  fal_code code = fal_endpoint_parse(id, strlen(id), &ep, err);
  if (code != FAL_OK)
    return code;
  for (p = request_id; isalnum((unsigned char)*p) || (*p != '\0' &&
       strchr("-_.", *p) != NULL); p++)
    ;
  if (*p != '\0' || p == request_id || p - request_id > 128) {
    fal_fail(err, FAL_EVALIDATION, "'%.40s' is not a request id", request_id);
    fal_hint(err, "submit returns it, and errors of paid calls name it");
    return FAL_EVALIDATION;
  }
  fal_buf_addf(b, "%s/", host);
  fal_endpoint_put(&ep, 0, b);
  fal_buf_addf(b, "/requests/%s%s", request_id, tail);
  return FAL_OK;
}


/* Appends "Name: value" to the call's own headers. */
static fal_code add (fal_call *c, const char *name, const char *value,
                     fal_error *err) {
  fal_buf line;
  fal_buf_init(&line, 16384);
  fal_buf_addf(&line, "%s: %s", name, value);
  c->headers = fal_add_header(c->headers, fal_buf_cstr(&line) != NULL
                              ? line.s : "", err);
  fal_buf_free(&line);
  return c->headers != NULL ? FAL_OK : err->code;
}


static fal_code own_headers (fal_call *c, const fal_run_request *r,
                             fal_error *err) {
  char seconds[FAL_NUMBER_MAX + 1] = "";
  const struct { const char *name, *value; } optional[] = {
    { "X-Fal-Request-Timeout", r->start_timeout > 0 ? seconds : NULL },
    { "X-Fal-Runner-Hint", r->hint },
    { "X-Fal-Queue-Priority", r->priority },
    { "X-Fal-Object-Lifecycle-Preference", r->lifecycle },
  };
  size_t i, n = sizeof(optional) / sizeof(optional[0]);
  int any = r->credentials != NULL || r->headers != NULL;
  fal_code code;
  for (i = 0; i < n; i++)
    any = any || optional[i].value != NULL;
  if (!any)
    return FAL_OK;
  if (r->start_timeout > 0)
    seconds[fal_number_from_double(seconds, r->start_timeout, 1)] = '\0';
  code = fal_call_headers(c, r->credentials != NULL ? r->credentials
                          : c->op->client->credentials, r->headers, err);
  for (i = 0; i < n && code == FAL_OK; i++)
    if (optional[i].value != NULL)
      code = add(c, optional[i].name, optional[i].value, err);
  return code;
}


fal_code fal_call_fill (fal_call *c, const fal_run_request *r,
                        fal_error *err) {
  int get = r->method != NULL && strcmp(r->method, "GET") == 0;
  c->x.method = r->method != NULL && strcmp(r->method, "POST") != 0 && !get
                ? r->method : NULL;
  c->x.has_body = !get;
  c->safe = get;
  c->ask_key = r->ask_key;
  c->tell = r->tell;
  if (r->take_input != NULL) {
    c->input = *r->take_input;
    fal_buf_init(r->take_input, r->take_input->max);
  }
  else if (r->input != NULL &&
           fal_buf_add(&c->input, r->input, r->input_n) != FAL_OK)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  return own_headers(c, r, err);
}
