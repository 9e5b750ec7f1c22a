/*
** call.c -- one exchange with the API, repeated as the policy allows
*/
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "call.h"
#include "json.h"
#include "retry.h"


void fal_call_init (fal_call *c, fal_op *op,
                    void (*ended) (fal_op *op, fal_call *c)) {
  memset(c, 0, sizeof(*c));
  c->op = op;
  c->ended = ended;
  fal_buf_init(&c->url, 65536);
  fal_buf_init(&c->input, (size_t)-1);
  fal_buf_init(&c->head, (size_t)-1);   /* transfers have the ceilings */
  fal_buf_init(&c->body, (size_t)-1);
}


void fal_call_clear (fal_call *c) {
  fal_transfer_release(c->transfer);
  c->transfer = NULL;
  if (c->pause.place != 0)
    fal_alarm_set(c->op->engine, &c->pause, 0);
  if (c->op != NULL && c->op->asking == c)
    c->op->asking = NULL;
  fal_headers_free(c->headers);
  c->headers = NULL;
  fal_buf_free(&c->url);
  fal_buf_free(&c->input);
  fal_buf_free(&c->head);
  fal_buf_free(&c->body);
}


fal_code fal_call_headers (fal_call *c, const char *credentials,
                           const char *const *more, fal_error *err) {
  size_t i;
  fal_headers_free(c->headers);
  c->headers = fal_client_headers(c->op->client, credentials);
  if (c->headers == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  for (i = 0; more != NULL && more[i] != NULL; i++)
    if ((c->headers = fal_add_header(c->headers, more[i], err)) == NULL)
      return err->code;
  return FAL_OK;
}


/* Sends it to the user's own proxy, which is told where it is meant to go. */
static fal_code by_proxy (fal_call *c, const fal_client *client,
                          fal_error *err) {
  fal_buf line;
  if (c->headers == NULL &&
      fal_call_headers(c, client->credentials, NULL, err) != FAL_OK)
    return err->code;
  fal_buf_init(&line, 65536 + 32);
  fal_buf_addf(&line, "x-fal-target-url: %s", c->url.s);
  c->headers = fal_set_header(c->headers, fal_buf_cstr(&line) != NULL
                              ? line.s : "", err);
  fal_buf_free(&line);
  c->x.url = client->proxy_url;
  return c->headers != NULL ? FAL_OK : err->code;
}


static fal_code attempt (fal_call *c, fal_error *err) {
  fal_client *client = c->op->client;
  if (fal_buf_cstr(&c->url) == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  c->x.url = c->url.s;
  if (client->proxy_url != NULL && !c->direct &&
      by_proxy(c, client, err) != FAL_OK)
    return err->code;
  c->x.headers = c->headers != NULL ? c->headers
               : c->x.has_body ? client->json : client->bare;
  c->x.once = !c->safe;
  c->x.head_to = &c->head;
  c->x.body_to = &c->body;
  c->x.owner = c;
  if (c->x.max_head == 0)
    c->x.max_head = FAL_MAX_HEAD;
  if (c->x.max_body == 0)
    c->x.max_body = client->max_response;
  if (c->input.n > 0) {
    c->x.body = c->input.s;
    c->x.body_n = c->input.n;
  }
  c->attempts++;
  c->transfer = fal_transfer_start(c->op, &c->x, err);
  return c->transfer != NULL ? FAL_OK : err->code;
}


fal_code fal_call_start (fal_call *c, fal_error *err) {
  return attempt(c, err);
}


static void show (fal_call *c, int status, uint64_t bytes) {
  fal_answer *a = &c->answer;
  a->status = status;
  a->bytes = bytes;
  a->attempts = c->attempts;
  a->head = c->head.s != NULL ? c->head.s : "";
  a->head_n = c->head.n;
  a->body = c->body.s != NULL ? c->body.s : "";
  a->body_n = c->body.n;
}


static void again (fal_call *c) {
  c->head.n = c->body.n = 0;
  if (attempt(c, &c->err) != FAL_OK)
    c->ended(c->op, c);
}


fal_code fal_call_ask (fal_call *c, fal_error *err) {
  c->op->asking = c;
  if (fal_op_post(c->op, FAL_EVENT_KEY, 0, "", 0) != FAL_OK)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  return FAL_OK;
}


/* The pause is over. */
static void resume (fal_alarm *a) {
  fal_call *c = (fal_call *)((char *)a - offsetof(fal_call, pause));
  if (!c->ask_key)
    again(c);
  else if (fal_call_ask(c, &c->err) != FAL_OK)
    c->ended(c->op, c);
}


static int is_accept (const char *line) {
  return strncasecmp(line, "accept:", 7) == 0;
}


/* The call's headers with another key; all other lines stay. */
static fal_code rekey (fal_call *c, const char *credentials, fal_error *err) {
  struct curl_slist *x, *l, *old = c->headers;
  struct curl_slist *fresh = fal_client_headers(c->op->client, credentials);
  for (x = old; fresh != NULL && x != NULL; x = x->next) {
    for (l = fresh; l != NULL; l = l->next)
      if (strcasecmp(l->data, x->data) == 0)
        break;
    if (is_accept(x->data))
      fresh = fal_set_header(fresh, x->data, err);
    else if (l == NULL && strncasecmp(x->data, "authorization:", 14) != 0)
      fresh = fal_add_header(fresh, x->data, err);
  }
  if (fresh == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  fal_headers_free(old);
  c->headers = fresh;
  return FAL_OK;
}


void fal_op_give_key (fal_op *op, const char *credentials) {
  fal_call *c = op->asking;
  fal_error err;
  if (c == NULL)
    return;
  op->asking = NULL;
  if (fal_client_check_key(op->client, FAL_ROLE_RUN, credentials, &err)
        == FAL_OK && rekey(c, credentials, &err) == FAL_OK) {
    if (c->keyed != NULL)
      c->keyed(op, credentials);
    again(c);
  }
  else {
    c->err = err;
    c->ended(op, c);
  }
}


/* A number in [0, 1): for delays, nothing secret. */
static double random01 (fal_engine *e) {
  e->random ^= e->random << 13;
  e->random ^= e->random >> 7;
  e->random ^= e->random << 17;
  return (double)(e->random >> 11) / 9007199254740992.0;
}


static void tell (fal_call *c, double delay) {
  fal_buf text;
  fal_buf_init(&text, 4096);
  fal_buf_addf(&text, "{\"attempt\":%d,\"status\":%d,\"delay\":%ld,\"code\":",
               c->attempts, c->answer.status,
               delay < 0 ? -1L : (long)(delay * 1000));
  fal_buf_addf(&text, "\"%s\"}", fal_code_name(c->err.code));
  fal_op_post(c->op, FAL_EVENT_ATTEMPT, 0, text.s, text.n);
  fal_buf_free(&text);
}


/* The official proxy's Express adapter answers 200 whatever fal answered. An
** error is then known by its shape: {"detail": ...} and nothing before it.
** The status it must have had, or 0. */
static int disguised (const fal_call *c) {
  static const char start[] = "{\"detail\"";
  const char *raw;
  size_t n;
  if (c->op->client->proxy_url == NULL || c->body.n < sizeof(start) ||
      memcmp(c->body.s, start, sizeof(start) - 1) != 0)
    return 0;
  switch (fal_json_find(c->body.s, c->body.n, "detail", &raw, &n)) {
    case FAL_JSON_ARRAY: return 422;
    case FAL_JSON_STRING: return 500;
    default: return 0;
  }
}


/* Seconds until the next attempt, or a negative number; with a hint how long
** the server wants to be left alone. */
static double next_attempt (fal_call *c, int sent) {
  const fal_op *op = c->op;
  double now = (double)time(NULL), delay = -1;
  fal_attempt a;
  if (c->err.code == FAL_OK)
    return -1;
  c->err.retry_after = fal_retry_asked(&c->answer, now);
  a.err = &c->err;
  a.answer = &c->answer;
  a.safe = c->safe;
  a.final = c->final;
  a.sent = sent;
  a.made = c->attempts;
  a.left = c->patient || op->deadline.place == 0
           ? 0 : op->deadline.due - fal_now();
  if (!c->no_retry)
    delay = fal_retry_delay(&op->client->retry, &a, now,
                            random01(op->engine));
  if (delay < 0 && c->err.retryable && c->err.retry_after > 0) {
    double s = ceil(c->err.retry_after);
    fal_hint(&c->err, "the server asks to wait %.0f %s before the next "
             "attempt", s < 120 ? s : s < 7200 ? ceil(s / 60)
             : ceil(s / 3600), s < 120 ? "s" : s < 7200 ? "min" : "h");
  }
  return delay;
}


void fal_call_transferred (fal_op *op, fal_transfer *t) {
  fal_call *c = t->owner;
  const struct curl_slist *sent = c->x.headers;
  double delay;
  fal_code code;
  memset(&c->err, 0, sizeof(c->err));
  code = fal_transfer_failure(t, &c->err);
  if (code == FAL_OK && t->status == 200 && disguised(c) != 0)
    t->status = disguised(c);
  if (code != FAL_OK || t->status < 200 || t->status > 299)
    fal_redact(&c->head, &c->body, sent);
  show(c, code == FAL_OK ? t->status : 0, t->bytes);
  if (code != FAL_OK)
    fal_answer_request_id(&c->answer, c->err.request_id,
                          sizeof(c->err.request_id));
  else if (t->status < 200 || t->status > 299)
    fal_answer_error(&c->answer, &c->err);
  delay = next_attempt(c, fal_transfer_sent(t));
  fal_transfer_release(t);
  c->transfer = NULL;
  if (c->tell)
    tell(c, delay);
  if (delay >= 0) {
    c->pause.ring = resume;
    if (fal_alarm_set(op->engine, &c->pause, fal_now() + delay + 1e-9) == 0)
      return;
    fal_fail(&c->err, FAL_ENOMEM, "out of memory");
  }
  c->ended(op, c);
}


void fal_call_hand_over (fal_call *c) {
  fal_op *op = c->op;
  fal_buf head = op->head, body = op->body;
  op->head = c->head;
  op->body = c->body;
  c->head = head;
  c->body = body;
  op->err = c->err;
  op->answer.attempts = c->attempts;
  fal_op_show(op, c->answer.status, c->answer.bytes);
}


void fal_call_late (const fal_call *c, const char *what, double seconds,
                    const char *then, fal_error *err) {
  fal_fail(err, FAL_ETIMEOUT, "%s after %.3g seconds%s", what, seconds, then);
  if (c->transfer == NULL && c->err.code != FAL_OK)
    fal_hint(err, "the last of %d attempts failed with: %s", c->attempts,
             c->err.message);
  else
    fal_hint(err, "raise timeout if such a call may take longer");
}


void fal_call_move (fal_call *to, fal_op *op, fal_call *from) {
  fal_transfer *t = from->transfer;
  *to = *from;
  to->op = t->op = op;
  t->owner = to;
  t->head = &to->head;
  t->body = &to->body;
  fal_call_init(from, from->op, from->ended);
}
