/*
** deliver.c -- one attempt to deliver a webhook: a POST that is signed
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deliver.h"
#include "sign.h"

#define ANSWER_MAX  65536   /* bytes of the receiver's answer */

typedef struct delivery {
  fal_op op;                /* first */
  fal_transfer *transfer;
  struct curl_slist *headers;
  char *body;
  void (*done) (void *ud, int status, const char *why);
  void *ud;
} delivery;


static void tell (delivery *d, int status, const char *why) {
  void (*done) (void *ud, int status, const char *why) = d->done;
  d->done = NULL;
  if (done != NULL)
    done(d->ud, status, why);
}


static void clear (fal_op *op) {
  delivery *d = (delivery *)op;
  fal_transfer_release(d->transfer);
  curl_slist_free_all(d->headers);
  free(d->body);
  d->transfer = NULL;
  d->headers = NULL;
  d->body = NULL;
  tell(d, 0, "the server is ending");
}


static void transferred (fal_op *op, fal_transfer *t) {
  delivery *d = (delivery *)op;
  fal_error err;
  fal_code code = fal_transfer_failure(t, &err);
  int status = t->status;
  /* A receiver that answers at length has answered all the same. */
  if (code == FAL_OK || (code == FAL_ETOOBIG && status != 0))
    tell(d, status, "");
  else
    tell(d, 0, err.message);
  clear(op);
  fal_op_finish(op);
}


static void expired (fal_op *op) {
  tell((delivery *)op, 0, "no answer in time");
  clear(op);
  fal_op_fail(op, FAL_ETIMEOUT, "no answer in time");
}


static const fal_op_class class = {
  "webhook", transferred, expired, clear
};


/* Adds a header; 0 when memory ends. */
static int add (delivery *d, const char *name, const char *value) {
  char line[512];
  struct curl_slist *longer;
  snprintf(line, sizeof(line), "%s: %s", name, value);
  longer = curl_slist_append(d->headers, line);
  if (longer != NULL)
    d->headers = longer;
  return longer != NULL;
}


static int add_headers (delivery *d, const serve_delivery *from) {
  char timestamp[24], signature[SIGN_HEX];
  unsigned char key[SIGN_KEY];
  serve_sign_key(from->secret, key);
  snprintf(timestamp, sizeof(timestamp), "%lld", (long long)time(NULL));
  return serve_sign_delivery(key, from->request_id, from->user, timestamp,
                             d->body, from->body_n, signature) &&
         add(d, "Content-Type", "application/json") &&
         add(d, "User-Agent", "falua/" FAL_VERSION) &&
         add(d, "Expect", "") &&
         add(d, "X-Fal-Webhook-Request-Id", from->request_id) &&
         add(d, "X-Fal-Webhook-User-Id", from->user) &&
         add(d, "X-Fal-Webhook-Timestamp", timestamp) &&
         add(d, "X-Fal-Webhook-Signature", signature);
}


static fal_code begin (delivery *d, const serve_delivery *from,
                       fal_error *err) {
  fal_exchange x;
  d->body = malloc(from->body_n + 1);
  if (d->body == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  memcpy(d->body, from->body, from->body_n);
  if (!add_headers(d, from))
    return fal_fail(err, FAL_ENOMEM, "it cannot be signed");
  memset(&x, 0, sizeof(x));
  x.method = "POST";
  x.url = from->url;
  x.body = d->body;
  x.body_n = from->body_n;
  x.has_body = 1;
  x.headers = d->headers;
  x.max_head = FAL_MAX_HEAD;
  x.max_body = ANSWER_MAX;
  d->transfer = fal_transfer_start(&d->op, &x, err);
  return d->transfer != NULL ? FAL_OK : err->code;
}


fal_code serve_deliver (fal_engine *e, fal_client *c,
                        const serve_delivery *from, fal_error *err) {
  delivery *d = fal_op_new(e, c, sizeof(*d), &class, from->timeout, err);
  fal_code code;
  if (d == NULL)
    return err->code;
  code = begin(d, from, err);
  if (code != FAL_OK) {
    fal_op_free(&d->op);
    return code;
  }
  d->done = from->done;
  d->ud = from->ud;
  fal_op_detach(&d->op);
  return FAL_OK;
}
