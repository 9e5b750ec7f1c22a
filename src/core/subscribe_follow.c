/*
** subscribe_follow.c -- a request that has an id: its statuses, its result
**
** Statuses come by polling or as an event stream. A stream that breaks, is
** refused, falls silent or ends too soon is no error: polling goes on from
** there, and the request is the same.
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "single.h"
#include "subscribe_private.h"

#define LAST_SECONDS  0.3   /* for a stream to end after COMPLETED */


static void fetch (fal_subscription *s);
static void looked (fal_op *op, fal_call *c);


static int is_completed (const char *s, size_t n) {
  const char *raw;
  size_t len;
  return fal_json_find(s, n, "status", &raw, &len) == FAL_JSON_STRING &&
         len == 11 && memcmp(raw, "\"COMPLETED\"", 11) == 0;
}


static int has_error (const char *s, size_t n) {
  const char *raw;
  size_t len;
  return (fal_json_find(s, n, "error", &raw, &len) == FAL_JSON_STRING &&
          len > 2) ||
         fal_json_find(s, n, "error_type", &raw, &len) == FAL_JSON_STRING;
}


static fal_subscription *of_alarm (fal_alarm *a) {
  return (fal_subscription *)((char *)a - offsetof(fal_subscription,
                                                   next_poll));
}


/* The stream has said COMPLETED but does not end: it has had its time. */
static void stream_over (fal_alarm *a) {
  fetch(of_alarm(a));
}


/* Notes a status. */
static fal_code note (fal_subscription *s, const char *text, size_t n) {
  if (is_completed(text, n)) {
    s->completed = 1;
    s->failed = has_error(text, n);
    s->next_poll.ring = stream_over;
    if (s->stage == FAL_STREAMING)
      fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + LAST_SECONDS);
  }
  if (s->statuses)
    return fal_op_post(&s->op, FAL_EVENT_STATUS, 0, text, n);
  s->final.n = 0;
  return s->completed ? fal_buf_add(&s->final, text, n) : FAL_OK;
}


/* Bytes of the status stream. Each event is a whole status. */
static fal_code feed (void *owner, const char *bytes, size_t n) {
  fal_subscription *s = (fal_subscription *)((fal_call *)owner)->op;
  if (!s->completed)
    fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + s->silent);
  while (n > 0) {
    fal_sse_event ev;
    ptrdiff_t used = fal_sse_feed(&s->sse, bytes, n, &ev);
    fal_code code;
    if (used < 0)
      return FAL_ETOOBIG;
    bytes += used;
    n -= (size_t)used;
    if (ev.complete && ev.n > 0 && (code = note(s, ev.data, ev.n)) != FAL_OK)
      return code;
  }
  return FAL_OK;
}


/* Polls and the result may need a later key than the submit did. */
static void keyed (fal_op *op, const char *credentials) {
  fal_subscription *s = (fal_subscription *)op;
  char *copy = strdup(credentials);
  if (copy != NULL) {
    free(s->credentials);
    s->credentials = copy;
  }
}


/* Starts the next call: GET {queue}/{base}/requests/{rid}{tail}. */
static void look (fal_subscription *s, fal_stage stage, const char *tail) {
  fal_call *c = &s->call;
  fal_error err;
  fal_code code;
  fal_call_clear(c);
  fal_call_init(c, &s->op, looked);
  s->stage = stage;
  c->safe = 1;
  c->final = stage == FAL_FETCHING;
  c->patient = 1;  /* what the deadline ends is canceled there too */
  c->ask_key = s->ask_key;
  c->keyed = keyed;
  c->tell = s->tell;
  if (stage == FAL_STREAMING) {
    c->x.feed = feed;
    c->no_retry = 1;  /* polling is what comes after it */
  }
  code = fal_put_request_url(&c->url, s->op.client->hosts[FAL_ROLE_QUEUE],
                             s->endpoint, s->request_id, tail, &err);
  if (code == FAL_OK && s->credentials != NULL)
    code = fal_call_headers(c, s->credentials, NULL, &err);
  if (code == FAL_OK && stage == FAL_STREAMING)
    code = fal_call_accept_events(c, s->credentials != NULL ? s->credentials
                                  : s->op.client->credentials, &err);
  if (code == FAL_OK)
    code = s->ask_key ? fal_call_ask(c, &err) : fal_call_start(c, &err);
  if (code != FAL_OK)
    fal_subscription_fail(s, &err);
}


static void poll_now (fal_alarm *a) {
  fal_subscription *s = of_alarm(a);
  look(s, FAL_POLLING, s->logs ? "/status?logs=1" : "/status");
}


static void poll_later (fal_subscription *s) {
  fal_error err;
  s->stage = FAL_POLLING;
  s->next_poll.ring = poll_now;
  if (fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + s->interval)
      != 0) {
    fal_fail(&err, FAL_ENOMEM, "out of memory");
    fal_subscription_fail(s, &err);
  }
}


static void fetch (fal_subscription *s) {
  if (s->no_result)
    fal_subscription_end(s);
  else
    look(s, FAL_FETCHING, "");
}


static void polled (fal_subscription *s, fal_call *c) {
  fal_error err;
  const char *raw;
  size_t n;
  if (fal_json_find(c->answer.body, c->answer.body_n, "status", &raw, &n)
      != FAL_JSON_STRING) {
    fal_fail(&err, FAL_EPROTOCOL, "the answer to a status call is no status");
    fal_subscription_fail(s, &err);
  }
  else if (note(s, c->answer.body, c->answer.body_n) != FAL_OK) {
    fal_fail(&err, FAL_ENOMEM, "out of memory");
    fal_subscription_fail(s, &err);
  }
  else if (s->completed)
    fetch(s);
  else
    poll_later(s);
}


/* The last call of all, or the one that did not work. Nothing at the place of
** a request that has not failed means that it, or its result, is gone. */
static void last (fal_subscription *s, fal_call *c) {
  fal_call_hand_over(c);
  if ((c->err.status == 404 || c->err.status == 410) && !s->failed) {
    s->op.err.code = FAL_EEXPIRED;
    fal_hint(&s->op.err, s->completed
             ? "the request completed, but its result is gone at the server: "
               "results are kept for a limited time"
             : "no such request, or it is gone: results are kept for a "
               "limited time");
  }
  fal_subscription_end(s);
}


static void looked (fal_op *op, fal_call *c) {
  fal_subscription *s = (fal_subscription *)op;
  switch (s->stage) {
    case FAL_STREAMING:  /* however it ended: the request is what matters */
      fal_alarm_set(op->engine, &s->next_poll, 0);
      if (s->completed)
        fetch(s);
      else if (c->err.code == FAL_ENOMEM)
        fal_subscription_fail(s, &c->err);
      else
        poll_now(&s->next_poll);
      break;
    case FAL_POLLING:
      if (c->err.code == FAL_OK)
        polled(s, c);
      else
        last(s, c);
      break;
    default:
      last(s, c);
  }
}


void fal_subscription_follow (fal_subscription *s) {
  if (!s->streaming) {
    poll_now(&s->next_poll);
    return;
  }
  fal_sse_free(&s->sse);
  fal_sse_init(&s->sse, FAL_MAX_STATUS);
  s->next_poll.ring = poll_now;  /* when it stays silent */
  fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + s->silent);
  look(s, FAL_STREAMING, s->logs ? "/status/stream?logs=1"
                                 : "/status/stream?logs=0");
}
