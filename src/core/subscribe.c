/*
** subscribe.c -- submit, follow, fetch: a request from start to result
**
**   SUBMITTING -> POLLING (or STREAMING, which falls back to it) -> FETCHING
**
** Statuses come by polling or as an event stream. A stream that breaks, is
** refused, falls silent or ends too soon is no error: polling goes on from
** there, and the request is the same. From the moment the request has an id,
** every error carries it.
**
** Given up before its end, a request that was submitted here is canceled at
** the server. One that is only followed, or that has completed (its result
** may still be fetched), is left alone.
**
** While the submit itself has not been answered, there is no id to cancel by.
** When the deadline passes then, the answer gets a moment more; when it is
** given up, another operation, for which nobody waits, takes the exchange over
** and cancels what it has submitted.
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "single.h"
#include "sse.h"

#define LEAST_INTERVAL  0.1
#define USUAL_INTERVAL  0.5
#define MAX_EVENT       ((size_t)16 << 20)   /* bytes of one status */
#define CANCEL_SECONDS  5
#define GRACE_SECONDS   1     /* for the answer to a submit, past the deadline */
#define LEARN_SECONDS   5     /* the same, once nobody waits for it */
#define LAST_SECONDS    0.3   /* for a stream to end after COMPLETED */
#define SILENT_SECONDS  45    /* a stream's signs of life come every 15 s */


typedef enum State { SUBMITTING, STREAMING, POLLING, FETCHING } State;

typedef struct SubscribeOp {
  fal_op op;
  fal_call call;
  State state;
  fal_sse sse;
  fal_alarm next_poll;
  char *endpoint, *credentials;   /* credentials NULL: the client's */
  char request_id[80];
  double interval, silent;
  int streaming, logs, statuses, no_result, ask_key, tell;
  int followed;             /* submitted by somebody else */
  int completed;            /* a status has said so */
  int failed;               /* and that there was an error */
  int attempts;             /* of the submit */
  int submit_only;          /* the answer to it is all that is wanted */
  int late;                 /* the deadline has passed in the submit */
  int unwanted;             /* by anybody: to be canceled when it has an id */
} SubscribeOp;


static void ended (fal_op *op, fal_call *c);
static void fetch (SubscribeOp *s);
static void learn_later (SubscribeOp *s);


/* Ends the request at the server, without anybody waiting for it. */
static void cancel_there (SubscribeOp *s) {
  fal_queue_request r;
  fal_op *op;
  if (s->request_id[0] == '\0' || s->followed || s->completed)
    return;
  memset(&r, 0, sizeof(r));
  r.endpoint = s->endpoint;
  r.request_id = s->request_id;
  r.credentials = s->credentials;
  r.timeout = CANCEL_SECONDS;
  op = fal_cancel(s->op.engine, s->op.client, &r, NULL);
  if (op != NULL)
    fal_op_detach(op);
}


static void release (SubscribeOp *s) {
  if (s->next_poll.place != 0)
    fal_alarm_set(s->op.engine, &s->next_poll, 0);
  fal_call_clear(&s->call);
  fal_sse_free(&s->sse);
  free(s->endpoint);
  free(s->credentials);
  s->endpoint = s->credentials = NULL;
}


/* Does a submit wait for its answer that may have arrived? */
static int is_submitting (const SubscribeOp *s) {
  return s->state == SUBMITTING && s->call.transfer != NULL &&
         fal_transfer_sent(s->call.transfer);
}


/* Given up before its end. */
static void subscribe_clear (fal_op *op) {
  SubscribeOp *s = (SubscribeOp *)op;
  fal_copy_text(op->err.request_id, sizeof(op->err.request_id),
                s->request_id, strlen(s->request_id));
  if (is_submitting(s) && !s->unwanted)
    learn_later(s);
  else
    cancel_there(s);
  release(s);
}


/* Its time is up, in whatever state. */
static void expire (SubscribeOp *s) {
  fal_op *op = &s->op;
  int kept = s->followed || s->completed;
  const char *then = s->request_id[0] == '\0'
    ? is_submitting(s) ? "; should the submit have arrived, it is canceled"
                       : ""
    : s->completed ? ", but the request has completed"
    : kept ? "; the request goes on" : "; the request was canceled";
  fal_error err;
  fal_call_late(&s->call, s->submit_only ? "no answer" : "no result",
                op->deadline.due - op->started - s->late * GRACE_SECONDS,
                then, &err);
  if (kept)
    fal_hint(&err, "ask a handle of the request for its result later");
  err.retryable = kept;
  op->answer.attempts = s->state == SUBMITTING ? s->call.attempts
                                               : s->attempts;
  subscribe_clear(op);
  memcpy(err.request_id, s->request_id, sizeof(err.request_id));
  op->err = err;
  fal_op_finish(op);
}


static void subscribe_expired (fal_op *op) {
  SubscribeOp *s = (SubscribeOp *)op;
  if (is_submitting(s) && !s->late && !s->unwanted &&
      fal_alarm_set(op->engine, &op->deadline,
                    op->deadline.due + GRACE_SECONDS) == 0) {
    s->late = 1;
    s->call.no_retry = 1;
  }
  else
    expire(s);
}


static void finish (SubscribeOp *s) {
  fal_op *op = &s->op;
  if (op->err.code != FAL_OK && op->err.request_id[0] == '\0')
    memcpy(op->err.request_id, s->request_id, sizeof(op->err.request_id));
  if (!s->followed)
    op->answer.attempts = s->attempts;
  release(s);
  fal_op_finish(op);
}


static void fail (SubscribeOp *s, const fal_error *err) {
  s->op.err = *err;
  finish(s);
}


static const fal_op_class subscribe_class = {
  "subscribe", fal_call_transferred, subscribe_expired, subscribe_clear
};


/* Nobody waits for the answer to this submit any more. */
static void learn_later (SubscribeOp *s) {
  SubscribeOp *w = fal_op_new(s->op.engine, s->op.client, sizeof(*w),
                              &subscribe_class, LEARN_SECONDS, NULL);
  if (w == NULL)
    return;
  w->unwanted = 1;
  w->endpoint = s->endpoint;
  w->credentials = s->credentials;
  s->endpoint = s->credentials = NULL;
  fal_sse_init(&w->sse, MAX_EVENT);
  fal_call_move(&w->call, &w->op, &s->call);
  w->call.no_retry = 1;
  w->call.tell = 0;
  fal_op_detach(&w->op);
}


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


/* The stream has said COMPLETED but does not end: it has had its time. */
static void stream_over (fal_alarm *a) {
  SubscribeOp *s = (SubscribeOp *)((char *)a -
                                   offsetof(SubscribeOp, next_poll));
  fetch(s);
}


static fal_code note (SubscribeOp *s, const char *text, size_t n) {
  if (is_completed(text, n)) {
    s->completed = 1;
    s->failed = has_error(text, n);
    s->next_poll.ring = stream_over;
    if (s->state == STREAMING)
      fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + LAST_SECONDS);
  }
  return s->statuses ? fal_op_post(&s->op, FAL_EVENT_STATUS, 0, text, n)
                     : FAL_OK;
}


/* Bytes of the status stream. Each event is a whole status. */
static fal_code feed (void *owner, const char *bytes, size_t n) {
  SubscribeOp *s = (SubscribeOp *)((fal_call *)owner)->op;
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
  SubscribeOp *s = (SubscribeOp *)op;
  char *copy = strdup(credentials);
  if (copy != NULL) {
    free(s->credentials);
    s->credentials = copy;
  }
}


/* Starts the next call: GET {queue}/{base}/requests/{rid}{tail}. */
static void look (SubscribeOp *s, State state, const char *tail) {
  fal_call *c = &s->call;
  fal_error err;
  fal_code code;
  fal_call_clear(c);
  fal_call_init(c, &s->op, ended);
  s->state = state;
  c->safe = 1;
  c->final = state == FETCHING;
  c->patient = 1;  /* what the deadline ends is canceled there too */
  c->ask_key = s->ask_key;
  c->keyed = keyed;
  c->tell = s->tell;
  if (state == STREAMING) {
    c->x.feed = feed;
    c->no_retry = 1;  /* polling is what comes after it */
  }
  code = fal_put_request_url(&c->url, s->op.client->hosts[FAL_ROLE_QUEUE],
                             s->endpoint, s->request_id, tail, &err);
  if (code == FAL_OK && s->credentials != NULL)
    code = fal_call_headers(c, s->credentials, NULL, &err);
  if (code == FAL_OK && state == STREAMING)
    code = fal_call_accept_events(c, s->credentials != NULL ? s->credentials
                                  : s->op.client->credentials, &err);
  if (code == FAL_OK)
    code = s->ask_key ? fal_call_ask(c, &err) : fal_call_start(c, &err);
  if (code != FAL_OK)
    fail(s, &err);
}


static void poll_now (fal_alarm *a) {
  SubscribeOp *s = (SubscribeOp *)((char *)a -
                                   offsetof(SubscribeOp, next_poll));
  look(s, POLLING, s->logs ? "/status?logs=1" : "/status?logs=0");
}


static void poll_later (SubscribeOp *s) {
  fal_error err;
  s->state = POLLING;
  s->next_poll.ring = poll_now;
  if (fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + s->interval)
      != 0) {
    fal_fail(&err, FAL_ENOMEM, "out of memory");
    fail(s, &err);
  }
}


static void fetch (SubscribeOp *s) {
  if (s->no_result)
    finish(s);
  else
    look(s, FETCHING, "");
}


static void follow (SubscribeOp *s) {
  if (!s->streaming) {
    poll_now(&s->next_poll);
    return;
  }
  fal_sse_free(&s->sse);
  fal_sse_init(&s->sse, MAX_EVENT);
  s->next_poll.ring = poll_now;  /* when it stays silent */
  fal_alarm_set(s->op.engine, &s->next_poll, fal_now() + s->silent);
  look(s, STREAMING, s->logs ? "/status/stream?logs=1"
                             : "/status/stream?logs=0");
}


static void submitted (SubscribeOp *s, fal_call *c) {
  fal_buf id;
  fal_error err;
  fal_buf_init(&id, sizeof(s->request_id) - 1);
  if (!fal_json_find_string(c->answer.body, c->answer.body_n, "request_id",
                            &id) || id.n == 0) {
    fal_fail(&err, FAL_EPROTOCOL, "the queue's answer names no request_id");
    fal_answer_request_id(&c->answer, err.request_id, sizeof(err.request_id));
    fal_buf_free(&id);
    fail(s, &err);
    return;
  }
  fal_copy_text(s->request_id, sizeof(s->request_id), id.s, id.n);
  fal_buf_free(&id);
  if (s->unwanted) {
    cancel_there(s);
    finish(s);
    return;
  }
  if (fal_op_post(&s->op, FAL_EVENT_STATUS, 1, c->answer.body,
                  c->answer.body_n) != FAL_OK) {
    fal_fail(&err, FAL_ENOMEM, "out of memory");
    fail(s, &err);
  }
  else if (s->late)
    expire(s);
  else
    follow(s);
}


static void polled (SubscribeOp *s, fal_call *c) {
  fal_error err;
  const char *raw;
  size_t n;
  if (fal_json_find(c->answer.body, c->answer.body_n, "status", &raw, &n)
      != FAL_JSON_STRING) {
    fal_fail(&err, FAL_EPROTOCOL, "the answer to a status call is no status");
    fail(s, &err);
  }
  else if (note(s, c->answer.body, c->answer.body_n) != FAL_OK) {
    fal_fail(&err, FAL_ENOMEM, "out of memory");
    fail(s, &err);
  }
  else if (s->completed)
    fetch(s);
  else
    poll_later(s);
}


/* The last call of all, or the one that did not work. Nothing at the place of
** a request that has not failed means that it, or its result, is gone. */
static void last (SubscribeOp *s, fal_call *c) {
  fal_call_hand_over(c);
  if ((c->err.status == 404 || c->err.status == 410) && !s->failed) {
    s->op.err.code = FAL_EEXPIRED;
    fal_hint(&s->op.err, s->completed
             ? "the request completed, but its result is gone at the server: "
               "results are kept for a limited time"
             : "no such request, or it is gone: results are kept for a "
               "limited time");
  }
  finish(s);
}


static void ended (fal_op *op, fal_call *c) {
  SubscribeOp *s = (SubscribeOp *)op;
  switch (s->state) {
    case SUBMITTING:
      s->attempts = c->attempts;
      if (c->err.code == FAL_OK && !s->submit_only)
        submitted(s, c);
      else {
        fal_call_hand_over(c);
        finish(s);
      }
      break;
    case STREAMING:  /* however it ended: the request is what matters */
      fal_alarm_set(op->engine, &s->next_poll, 0);
      if (s->completed)
        fetch(s);
      else if (c->err.code == FAL_ENOMEM)
        fail(s, &c->err);
      else
        poll_now(&s->next_poll);
      break;
    case POLLING:
      if (c->err.code == FAL_OK)
        polled(s, c);
      else
        last(s, c);
      break;
    case FETCHING:
      last(s, c);
      break;
  }
}


static char *copy (const char *s) {
  return s != NULL ? strdup(s) : NULL;
}


static fal_code start (SubscribeOp *s, fal_client *c,
                       const fal_subscribe_request *r, fal_error *err) {
  const fal_run_request *run = &r->run;
  fal_code code;
  s->endpoint = copy(run->endpoint);
  s->credentials = copy(run->credentials);
  if (s->endpoint == NULL ||
      (run->credentials != NULL && s->credentials == NULL))
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  if (r->request_id != NULL) {
    code = fal_put_request_url(&s->call.url, "", run->endpoint, r->request_id,
                               "", err);  /* only to check both */
    if (code != FAL_OK)
      return code;
    fal_copy_text(s->request_id, sizeof(s->request_id), r->request_id,
                  strlen(r->request_id));
    s->followed = 1;
    follow(s);
    return FAL_OK;
  }
  s->state = SUBMITTING;
  code = fal_put_submit_url(&s->call.url, c, run, err);
  if (code == FAL_OK)
    code = fal_call_fill(&s->call, run, err);
  return code == FAL_OK ? fal_call_start(&s->call, err) : code;
}


static fal_op *make (fal_engine *e, fal_client *c,
                     const fal_subscribe_request *r, int submit_only,
                     fal_error *err) {
  fal_error local;
  SubscribeOp *s;
  if (err == NULL)
    err = &local;
  if (fal_client_check_key(c, FAL_ROLE_QUEUE, r->run.credentials != NULL
        ? r->run.credentials : c->credentials, err) != FAL_OK)
    return NULL;
  s = fal_op_new(e, c, sizeof(*s), &subscribe_class, r->run.timeout != 0
                 ? r->run.timeout : c->timeout, err);
  if (s == NULL)
    return NULL;
  fal_call_init(&s->call, &s->op, ended);
  fal_sse_init(&s->sse, MAX_EVENT);
  s->interval = r->poll_interval > 0 ? r->poll_interval : USUAL_INTERVAL;
  if (s->interval < LEAST_INTERVAL)
    s->interval = LEAST_INTERVAL;
  s->silent = r->idle_timeout > 0 ? r->idle_timeout : SILENT_SECONDS;
  s->streaming = r->streaming;
  s->logs = r->logs;
  s->statuses = r->statuses;
  s->no_result = r->no_result;
  s->submit_only = submit_only;
  s->ask_key = r->run.ask_key;
  s->tell = r->run.tell;
  if (start(s, c, r, err) != FAL_OK) {
    fal_op_free(&s->op);
    return NULL;
  }
  return &s->op;
}


fal_op *fal_subscribe (fal_engine *e, fal_client *c,
                       const fal_subscribe_request *r, fal_error *err) {
  return make(e, c, r, 0, err);
}


fal_op *fal_submit (fal_engine *e, fal_client *c, const fal_run_request *r,
                    fal_error *err) {
  fal_subscribe_request s;
  memset(&s, 0, sizeof(s));
  s.run = *r;
  return make(e, c, &s, 1, err);
}
