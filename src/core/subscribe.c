/*
** subscribe.c -- submit, follow, fetch: a request from start to result
**
**   SUBMITTING -> POLLING (or STREAMING, which falls back to it) -> FETCHING
**
** From the moment the request has an id, every error carries it. What comes
** then is in subscribe_follow.c; here is how it starts and how it ends.
**
** Given up before its end, a request that was submitted here is canceled at
** the server. One that is only followed, that is to be kept, or that has
** completed (its result may still be fetched), is left alone.
**
** While the submit itself has not been answered, there is no id to cancel by.
** When the deadline passes then, the answer gets a moment more; when it is
** given up, another operation, for which nobody waits, takes the exchange over
** and cancels what it has submitted.
*/
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "single.h"
#include "subscribe_private.h"

#define LEAST_INTERVAL  0.1
#define USUAL_INTERVAL  0.5
#define CANCEL_SECONDS  5
#define GRACE_SECONDS   1     /* for the answer to a submit, past the deadline */
#define LEARN_SECONDS   5     /* the same, once nobody waits for it */
#define SILENT_SECONDS  45    /* a stream's signs of life come every 15 s */


static void learn_later (fal_subscription *s);


/* Ends the request at the server, without anybody waiting for it. */
static void cancel_there (fal_subscription *s) {
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


static void release (fal_subscription *s) {
  if (s->next_poll.place != 0)
    fal_alarm_set(s->op.engine, &s->next_poll, 0);
  fal_call_clear(&s->call);
  fal_sse_free(&s->sse);
  fal_buf_free(&s->final);
  free(s->endpoint);
  free(s->credentials);
  s->endpoint = s->credentials = NULL;
}


/* Does a submit wait for its answer that may have arrived? */
static int is_submitting (const fal_subscription *s) {
  return s->stage == FAL_SUBMITTING && s->call.transfer != NULL &&
         fal_transfer_sent(s->call.transfer);
}


/* Given up before its end. */
static void subscribe_clear (fal_op *op) {
  fal_subscription *s = (fal_subscription *)op;
  fal_copy_text(op->err.request_id, sizeof(op->err.request_id),
                s->request_id, strlen(s->request_id));
  if (!s->keep && is_submitting(s) && !s->unwanted)
    learn_later(s);
  else if (!s->keep)
    cancel_there(s);
  release(s);
}


/* Its time is up, in whatever state. */
static void expire (fal_subscription *s) {
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
  op->answer.attempts = s->stage == FAL_SUBMITTING ? s->call.attempts
                                                   : s->attempts;
  s->keep = 0;  /* the deadline is the request's too */
  subscribe_clear(op);
  memcpy(err.request_id, s->request_id, sizeof(err.request_id));
  op->err = err;
  fal_op_finish(op);
}


static void subscribe_expired (fal_op *op) {
  fal_subscription *s = (fal_subscription *)op;
  if (is_submitting(s) && !s->late && !s->unwanted &&
      fal_alarm_set(op->engine, &op->deadline,
                    op->deadline.due + GRACE_SECONDS) == 0) {
    s->late = 1;
    s->call.no_retry = 1;
  }
  else
    expire(s);
}


void fal_subscription_end (fal_subscription *s) {
  fal_op *op = &s->op;
  if (op->err.code != FAL_OK && op->err.request_id[0] == '\0')
    memcpy(op->err.request_id, s->request_id, sizeof(op->err.request_id));
  if (op->err.code != FAL_OK && s->final.n > 0)
    fal_op_post(op, FAL_EVENT_STATUS, 0, s->final.s, s->final.n);
  if (!s->followed)
    op->answer.attempts = s->attempts;
  release(s);
  fal_op_finish(op);
}


void fal_subscription_fail (fal_subscription *s, const fal_error *err) {
  s->op.err = *err;
  fal_subscription_end(s);
}


static const fal_op_class subscribe_class = {
  "subscribe", fal_call_transferred, subscribe_expired, subscribe_clear
};


/* Nobody waits for the answer to this submit any more. */
static void learn_later (fal_subscription *s) {
  fal_subscription *w = fal_op_new(s->op.engine, s->op.client, sizeof(*w),
                                   &subscribe_class, LEARN_SECONDS, NULL);
  if (w == NULL)
    return;
  w->unwanted = 1;
  w->endpoint = s->endpoint;
  w->credentials = s->credentials;
  s->endpoint = s->credentials = NULL;
  fal_sse_init(&w->sse, FAL_MAX_STATUS);
  fal_buf_init(&w->final, FAL_MAX_STATUS);
  fal_call_move(&w->call, &w->op, &s->call);
  w->call.no_retry = 1;
  w->call.tell = 0;
  fal_op_detach(&w->op);
}


static void submitted (fal_subscription *s, fal_call *c) {
  fal_buf id;
  fal_error err;
  fal_buf_init(&id, sizeof(s->request_id) - 1);
  if (!fal_json_find_string(c->answer.body, c->answer.body_n, "request_id",
                            &id) || id.n == 0) {
    fal_fail(&err, FAL_EPROTOCOL, "the queue's answer names no request_id");
    fal_answer_request_id(&c->answer, err.request_id, sizeof(err.request_id));
    fal_buf_free(&id);
    fal_subscription_fail(s, &err);
    return;
  }
  fal_copy_text(s->request_id, sizeof(s->request_id), id.s, id.n);
  fal_buf_free(&id);
  if (s->unwanted) {
    cancel_there(s);
    fal_subscription_end(s);
    return;
  }
  if (fal_op_post(&s->op, FAL_EVENT_STATUS, 1, c->answer.body,
                  c->answer.body_n) != FAL_OK) {
    fal_fail(&err, FAL_ENOMEM, "out of memory");
    fal_subscription_fail(s, &err);
  }
  else if (s->late)
    expire(s);
  else
    fal_subscription_follow(s);
}


static void submit_ended (fal_op *op, fal_call *c) {
  fal_subscription *s = (fal_subscription *)op;
  s->attempts = c->attempts;
  if (c->err.code == FAL_OK && !s->submit_only)
    submitted(s, c);
  else {
    fal_call_hand_over(c);
    fal_subscription_end(s);
  }
}


static char *copy (const char *s) {
  return s != NULL ? strdup(s) : NULL;
}


static fal_code start (fal_subscription *s, fal_client *c,
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
    fal_subscription_follow(s);
    return FAL_OK;
  }
  s->stage = FAL_SUBMITTING;
  code = fal_put_submit_url(&s->call.url, c, run, err);
  if (code == FAL_OK)
    code = fal_call_fill(&s->call, run, err);
  return code == FAL_OK ? fal_call_start(&s->call, err) : code;
}


static fal_op *make (fal_engine *e, fal_client *c,
                     const fal_subscribe_request *r, int submit_only,
                     fal_error *err) {
  fal_error local;
  fal_subscription *s;
  if (err == NULL)
    err = &local;
  if (fal_client_check_key(c, FAL_ROLE_QUEUE, r->run.credentials != NULL
        ? r->run.credentials : c->credentials, err) != FAL_OK)
    return NULL;
  s = fal_op_new(e, c, sizeof(*s), &subscribe_class, r->run.timeout != 0
                 ? r->run.timeout : c->timeout, err);
  if (s == NULL)
    return NULL;
  fal_call_init(&s->call, &s->op, submit_ended);
  fal_sse_init(&s->sse, FAL_MAX_STATUS);
  fal_buf_init(&s->final, FAL_MAX_STATUS);
  s->interval = r->poll_interval > 0 ? r->poll_interval : USUAL_INTERVAL;
  if (s->interval < LEAST_INTERVAL)
    s->interval = LEAST_INTERVAL;
  s->silent = r->idle_timeout > 0 ? r->idle_timeout : SILENT_SECONDS;
  s->streaming = r->streaming;
  s->logs = r->logs;
  s->statuses = r->statuses;
  s->no_result = r->no_result;
  s->keep = r->keep;
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
