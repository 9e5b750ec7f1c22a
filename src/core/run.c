/*
** run.c -- the synchronous call: POST {run}/{id}[/{path}]
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "engine.h"
#include "number.h"

#define MAX_HEAD ((size_t)64 << 10)   /* the platform stays below 16 KB */


typedef struct RunOp {
  fal_op op;
  fal_transfer *transfer;
  fal_buf input;
  struct curl_slist *headers;   /* own ones; NULL: the client's */
} RunOp;


static void run_clear (fal_op *op) {
  RunOp *r = (RunOp *)op;
  fal_transfer_release(r->transfer);
  r->transfer = NULL;
  fal_buf_free(&r->input);
  fal_headers_free(r->headers);
  r->headers = NULL;
}


static void run_transferred (fal_op *op, fal_transfer *t) {
  RunOp *r = (RunOp *)op;
  fal_code code = fal_transfer_failure(t, &op->err);
  if (code != FAL_OK || t->status < 200 || t->status > 299)
    fal_op_redact(op, r->headers != NULL ? r->headers : op->client->json);
  fal_op_show(op, code == FAL_OK ? t->status : 0, t->bytes);
  if (code != FAL_OK)
    fal_answer_request_id(&op->answer, op->err.request_id,
                          sizeof(op->err.request_id));
  else if (t->status < 200 || t->status > 299)
    fal_answer_error(&op->answer, &op->err);
  run_clear(op);
  fal_op_finish(op);
}


static void run_expired (fal_op *op) {
  run_clear(op);
  fal_op_fail(op, FAL_ETIMEOUT, "no result after %.3g seconds",
              op->due - op->started);
  fal_hint(&op->err, "raise timeout, or use subscribe, whose result is not "
           "lost when nobody waits for it");
}


static const fal_op_class run_class = {
  "run", run_transferred, run_expired, run_clear
};


/* {host}/{id}[/{path}][?{query}] */
static fal_code put_url (fal_buf *b, const fal_client *c,
                         const fal_run_request *r, fal_error *err) {
  fal_endpoint ep;
  fal_code code = fal_endpoint_parse(r->endpoint, strlen(r->endpoint), &ep,
                                     err);
  const char *path = r->path;
  if (code != FAL_OK)
    return code;
  fal_buf_addstr(b, c->hosts[FAL_ROLE_RUN]);
  fal_buf_addstr(b, "/");
  fal_endpoint_put(&ep, 1, b);
  if (path != NULL) {
    while (*path == '/')
      path++;
    if (*path != '\0')
      fal_buf_addf(b, "/%s", path);
  }
  if (r->query != NULL && r->query[0] != '\0')
    fal_buf_addf(b, "?%s", r->query);
  if (fal_buf_cstr(b) == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  return FAL_OK;
}


/* The headers of this call where it asks for any of its own. */
static fal_code own_headers (RunOp *op, const fal_client *c,
                             const fal_run_request *r, fal_error *err) {
  char seconds[FAL_NUMBER_MAX + 1] = "";
  const struct { const char *name, *value; } optional[] = {
    { "X-Fal-Request-Timeout", r->start_timeout > 0 ? seconds : NULL },
    { "X-Fal-Runner-Hint", r->hint },
    { "X-Fal-Queue-Priority", r->priority },
    { "X-Fal-Object-Lifecycle-Preference", r->lifecycle },
  };
  size_t i;
  int any = r->credentials != NULL || r->headers != NULL;
  for (i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
    any = any || optional[i].value != NULL;
  if (!any)
    return FAL_OK;
  if (r->start_timeout > 0)
    seconds[fal_number_from_double(seconds, r->start_timeout, 1)] = '\0';
  op->headers = fal_client_headers(c, r->credentials != NULL ? r->credentials
                                                             : c->credentials);
  if (op->headers == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  for (i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
    if (optional[i].value != NULL) {
      fal_buf line;
      fal_buf_init(&line, 16384);
      fal_buf_addf(&line, "%s: %s", optional[i].name, optional[i].value);
      op->headers = fal_add_header(op->headers, fal_buf_cstr(&line) != NULL
                                   ? line.s : "", err);
      fal_buf_free(&line);
      if (op->headers == NULL)
        return err != NULL ? err->code : FAL_EVALIDATION;
    }
  }
  for (i = 0; r->headers != NULL && r->headers[i] != NULL; i++)
    if ((op->headers = fal_add_header(op->headers, r->headers[i], err)) == NULL)
      return err != NULL ? err->code : FAL_EVALIDATION;
  return FAL_OK;
}


static fal_code take_input (RunOp *op, const fal_run_request *r,
                            fal_error *err) {
  if (r->take_input != NULL) {
    op->input = *r->take_input;
    fal_buf_init(r->take_input, r->take_input->max);
    return FAL_OK;
  }
  fal_buf_init(&op->input, r->input_n);
  if (r->input != NULL && fal_buf_add(&op->input, r->input, r->input_n) != 0)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  return FAL_OK;
}


static fal_code start (RunOp *op, const fal_client *c,
                       const fal_run_request *r, fal_error *err) {
  fal_buf url;
  fal_exchange x;
  fal_code code;
  memset(&x, 0, sizeof(x));
  fal_buf_init(&url, 65536);
  code = put_url(&url, c, r, err);
  if (code == FAL_OK)
    code = own_headers(op, c, r, err);
  if (code == FAL_OK)
    code = take_input(op, r, err);
  if (code == FAL_OK) {
    int get = r->method != NULL && strcmp(r->method, "GET") == 0;
    x.url = url.s;
    x.method = r->method != NULL && strcmp(r->method, "POST") != 0 && !get
               ? r->method : NULL;
    x.has_body = !get;
    x.body = op->input.s;
    x.body_n = op->input.n;
    x.headers = op->headers != NULL ? op->headers : c->json;
    x.max_head = MAX_HEAD;
    x.max_body = c->max_response;
    op->transfer = fal_transfer_start(&op->op, &x, err);
    if (op->transfer == NULL)
      code = err != NULL ? err->code : FAL_ENETWORK;
  }
  fal_buf_free(&url);
  return code;
}


fal_op *fal_run (fal_engine *e, fal_client *c, const fal_run_request *r,
                 fal_error *err) {
  fal_error local;
  RunOp *op;
  if (err == NULL)
    err = &local;
  if (fal_client_check_key(c, FAL_ROLE_RUN, r->credentials != NULL
                           ? r->credentials : c->credentials, err) != FAL_OK)
    return NULL;
  op = fal_op_new(e, c, sizeof(*op), &run_class, r->timeout != 0 ? r->timeout
                  : c->timeout, err);
  if (op == NULL)
    return NULL;
  if (start(op, c, r, err) != FAL_OK) {
    fal_op_free(&op->op);
    return NULL;
  }
  return &op->op;
}
