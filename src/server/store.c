/*
** store.c -- what all stores have in common
*/
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

#define JSON  "content-type: application/json\r\n"
#define DETAIL(text, type)  \
  "{\"detail\":\"" text "\",\"error_type\":\"" type "\"}"
#define REPLY(status, head, text, type)  {  \
  status, JSON "x-fal-error-type: " type "\r\n" head, DETAIL(text, type),  \
  sizeof(DETAIL(text, type)) - 1, text, type, -1, 0 }

const store_reply store_canceled = REPLY(499, "",
  "The request was canceled", "client_cancelled");

const store_reply store_late = REPLY(504,
  "x-fal-request-timeout-type: user\r\n",
  "No worker was free within the start timeout", "request_timeout");

const store_reply store_lost = REPLY(503, "",
  "The worker was lost each time this request ran", "runner_disconnected");

const store_reply store_broken = REPLY(500, "",
  "The input of this request cannot be read any more", "internal_error");


void store_hook_free (store_hook *h) {
  free(h->owner);
  free(h->url);
  memset(h, 0, sizeof(*h));
}


void store_claim_free (store_claim *c) {
  free(c->owner);
  free(c->endpoint);
  free(c->base_url);
  free(c->head);
  free(c->body);
  memset(c, 0, sizeof(*c));
}


void store_status_free (store_status *st) {
  size_t i;
  for (i = 0; i < st->logs_n; i++) {
    free(st->logs[i].level);
    free(st->logs[i].text);
  }
  free(st->logs);
  free(st->endpoint);
  free(st->base_url);
  free(st->error);
  free(st->error_type);
  memset(st, 0, sizeof(*st));
}


void store_result_free (store_result *r) {
  if (r->fd >= 0)
    close(r->fd);
  free(r->head);
  free(r->body);
  memset(r, 0, sizeof(*r));
  r->fd = -1;
}
