/*
** stream.c -- a model's own events as they come (protocol 6)
*/
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "single.h"
#include "sse.h"

#define MAX_EVENT ((size_t)64 << 20)   /* bytes of one event */


typedef struct StreamOp {
  fal_op op;
  fal_call call;
  fal_sse sse;
  fal_alarm idle;
  double idle_timeout;
  int kind;                 /* FAL_EVENT_DATA, FAL_EVENT_BYTES; 0: unknown */
} StreamOp;


static void stream_clear (fal_op *op) {
  StreamOp *s = (StreamOp *)op;
  if (s->idle.place != 0)
    fal_alarm_set(op->engine, &s->idle, 0);
  fal_call_clear(&s->call);
  fal_sse_free(&s->sse);
}


static void stream_ended (fal_op *op, fal_call *c) {
  fal_call_hand_over(c);
  stream_clear(op);
  fal_op_finish(op);
}


static void stream_expired (fal_op *op) {
  stream_clear(op);
  fal_op_fail(op, FAL_ETIMEOUT, "the stream did not end within %.3g seconds",
              op->deadline.due - op->started);
}


static void went_idle (fal_alarm *a) {
  StreamOp *s = (StreamOp *)((char *)a - offsetof(StreamOp, idle));
  double seconds = s->idle_timeout;
  stream_clear(&s->op);
  fal_op_fail(&s->op, FAL_ETIMEOUT, "nothing came for %.3g seconds", seconds);
  fal_hint(&s->op.err, "raise idle_timeout if such a pause is to be expected");
}


static const fal_op_class stream_class = {
  "stream", fal_call_transferred, stream_expired, stream_clear
};


static void wait_on (StreamOp *s) {
  if (s->idle_timeout > 0)
    fal_alarm_set(s->op.engine, &s->idle, fal_now() + s->idle_timeout);
}


/* Posts each event in s[0..n). */
static fal_code feed_events (StreamOp *op, const char *s, size_t n) {
  while (n > 0) {
    fal_sse_event ev;
    ptrdiff_t used = fal_sse_feed(&op->sse, s, n, &ev);
    fal_code code;
    if (used < 0)
      return FAL_ETOOBIG;
    s += used;
    n -= (size_t)used;
    if (ev.complete && ev.n > 0 &&
        (code = fal_op_post(&op->op, FAL_EVENT_DATA, 0, ev.data, ev.n))
        != FAL_OK)
      return code;
  }
  return FAL_OK;
}


static fal_code feed (void *owner, const char *s, size_t n) {
  StreamOp *op = (StreamOp *)((fal_call *)owner)->op;
  wait_on(op);
  op->call.no_retry = 1;  /* what was handed over is not taken back */
  if (op->kind == 0) {
    const fal_buf *head = &op->call.head;
    const char *type = "";
    size_t len = 0;
    fal_header(head->s != NULL ? head->s : "", head->n, "content-type", &type,
               &len);
    op->kind = len >= 17 && strncasecmp(type, "text/event-stream", 17) == 0
               ? FAL_EVENT_DATA : FAL_EVENT_BYTES;
  }
  return op->kind == FAL_EVENT_DATA
    ? feed_events(op, s, n)
    : fal_op_post(&op->op, FAL_EVENT_BYTES, 0, s, n);
}


/* A header list of its own that accepts events. */
fal_code fal_call_accept_events (fal_call *c, const char *credentials,
                                 fal_error *err) {
  if (c->headers == NULL) {
    fal_code code = fal_call_headers(c, credentials, NULL, err);
    if (code != FAL_OK)
      return code;
  }
  c->headers = fal_set_header(c->headers, "Accept: text/event-stream", err);
  return c->headers != NULL ? FAL_OK : err->code;
}


static fal_code fill (StreamOp *s, fal_client *c, const fal_stream_request *r,
                      fal_error *err) {
  fal_endpoint ep;
  const char *path = r->run.path, *id = r->run.endpoint;
  fal_code code = fal_endpoint_parse(id, strlen(id), &ep, err);
  if (code != FAL_OK)
    return code;
  if (path == NULL && !(ep.path.n >= 6 &&
      memcmp(ep.path.s + ep.path.n - 6, "stream", 6) == 0 &&
      (ep.path.n == 6 || ep.path.s[ep.path.n - 7] == '/')))
    path = "stream";
  code = fal_put_call_url(&s->call.url, c->hosts[FAL_ROLE_RUN], id, path,
                          r->run.query, err);
  if (code == FAL_OK)
    code = fal_call_fill(&s->call, &r->run, err);
  if (code == FAL_OK)
    code = fal_call_accept_events(&s->call, r->run.credentials != NULL
             ? r->run.credentials : c->credentials, err);
  return code;
}


fal_op *fal_stream (fal_engine *e, fal_client *c,
                    const fal_stream_request *r, fal_error *err) {
  fal_error local;
  StreamOp *s;
  if (err == NULL)
    err = &local;
  if (fal_client_check_key(c, FAL_ROLE_RUN, r->run.credentials != NULL
        ? r->run.credentials : c->credentials, err) != FAL_OK)
    return NULL;
  s = fal_op_new(e, c, sizeof(*s), &stream_class, r->run.timeout != 0
                 ? r->run.timeout : c->timeout, err);
  if (s == NULL)
    return NULL;
  fal_call_init(&s->call, &s->op, stream_ended);
  fal_sse_init(&s->sse, MAX_EVENT);
  s->idle.ring = went_idle;
  s->idle_timeout = r->idle_timeout;
  s->call.x.feed = feed;
  if (fill(s, c, r, err) != FAL_OK ||
      fal_call_start(&s->call, err) != FAL_OK) {
    fal_op_free(&s->op);
    return NULL;
  }
  wait_on(s);
  return &s->op;
}
