/*
** queue.c -- submit, status, status stream, result, cancel (protocol 4)
**
** A request is found by its id alone: what stands before "/requests/" in a
** URL is not looked at, so the base form (without the endpoint's path), the
** full id and whatever a client makes of them work alike. So do "/response"
** after the id and a slash at the end.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/endpoint.h"
#include "../core/fal.h"
#include "../core/json.h"
#include "absent.h"
#include "backlog.h"
#include "keys.h"
#include "serve.h"
#include "report.h"
#include "turn.h"

#define URL_MAX     2048     /* of a webhook */
#define STATUS_MAX  (64u << 20)

/* A call that is answered on another thread; r->extra. */
typedef struct ask {
  serve_change change;     /* one of these two */
  serve_look look;
  serve_request *r;
  int logs;                /* asked for */
  int stream;
  /* Of a submit. */
  store_request request;
  long position;
} ask;


/*
** {======================================================
** Answers
** =======================================================
*/

static void put_answer (serve_request *r, unsigned int status,
                        const char *text) {
  fal_buf b;
  fal_buf_init(&b, 1024);
  fal_buf_addstr(&b, text);
  serve_answer_json(&r->answer, status, &b);
}


static void answer_unknown (serve_request *r) {
  put_answer(r, MHD_HTTP_NOT_FOUND, "{\"status\":\"NOT_FOUND\","
             "\"detail\":\"There is no request with this id\"}");
}


static void answer_full (serve_request *r) {
  serve_answer_detail(&r->answer, MHD_HTTP_INSUFFICIENT_STORAGE, NULL,
                      "The disk of this server is full: nothing was queued");
  serve_answer_header(&r->answer, "x-fal-needs-retry", "0");
}


static void answer_broken (serve_request *r) {
  serve_answer_detail(&r->answer, MHD_HTTP_INTERNAL_SERVER_ERROR,
                      "internal_error",
                      "The queue could not be read or written: the log of "
                      "the server says why");
}


static void answer_taken (serve_request *r) {
  serve_answer_detail(&r->answer, MHD_HTTP_CONFLICT, "bad_request",
                      "The Idempotency-Key is in use");
}


static void answer_busy (serve_request *r) {
  serve_answer_too_many(&r->answer, "The queue is as long as it may be");
}


static void answer_ending (serve_request *r) {
  serve_answer_detail(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                      "runner_scheduling_failure",
                      "The server is ending: try again");
  serve_answer_header(&r->answer, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}


static ask *new_ask (serve_request *r) {
  ask *a = calloc(1, sizeof(*a));
  if (a != NULL) {
    a->r = r;
    r->extra = a;
  }
  else
    answer_broken(r);
  return a;
}


/* Suspends the request and has it answered by another thread. */
static void post_change (ask *a) {
  serve_request *r = a->r;
  r->suspended = 1;
  MHD_suspend_connection(r->mc);
  if (!serve_backlog_change(r->s->backlog, &a->change)) {
    answer_ending(r);
    serve_resume(r->s, r->mc);
  }
}


static void post_look (ask *a) {
  serve_request *r = a->r;
  r->suspended = 1;
  MHD_suspend_connection(r->mc);
  if (!serve_backlog_look(r->s->backlog, &a->look)) {
    answer_ending(r);
    serve_resume(r->s, r->mc);
  }
}

/* }====================================================== */


/*
** {======================================================
** Submit
** =======================================================
*/

static void answer_submitted (serve_request *r, const ask *a) {
  char url[SERVE_URL_MAX];
  fal_buf b;
  fal_buf_init(&b, 16384);
  serve_role_url(r, ROLE_QUEUE, url, sizeof(url));
  fal_buf_addstr(&b, "{\"status\":\"IN_QUEUE\"");
  serve_report_put_urls(&b, url, r->id, a->request.endpoint);
  fal_buf_addf(&b, ",\"queue_position\":%ld}",
               a->position > 0 ? a->position : 0);
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
}


static store_code apply_submit (serve_change *c, store *s, double now) {
  ask *a = (ask *)c;
  return s->cls->submit(s, now, &a->request, &a->position);
}


static void submitted (serve_change *c, store_code code) {
  ask *a = (ask *)c;
  serve_request *r = a->r;
  switch (code) {
    case STORE_OK:
      if (a->position >= 0)
        serve_tenant_queued(r);
      answer_submitted(r, a);
      break;
    case STORE_NONE: answer_taken(r); break;
    case STORE_BUSY:
      if (r->spent > 0)
        serve_tenant_refuse(r);
      else
        answer_busy(r);
      break;
    case STORE_FULL: answer_full(r); break;
    default: answer_broken(r);
  }
  serve_resume(r->s, r->mc);
}


/* "http://..." or "https://...", or "" when none was given. NULL when it is
** something else. */
static const char *webhook_of (const serve_request *r) {
  const char *url = serve_arg(r, "fal_webhook");
  fal_url u;
  if (url == NULL || url[0] == '\0')
    return "";
  if (strlen(url) > URL_MAX || fal_url_split(url, strlen(url), &u) != 0 ||
      (strncasecmp(url, "http:", 5) != 0 && strncasecmp(url, "https:", 6) != 0))
    return NULL;
  return url;
}


static long max_waiting_of (const serve_request *r) {
  const char *s = serve_arg(r, "fal_max_queue_length");
  if (s == NULL || s[0] == '\0' || strlen(s) > 9 ||
      s[strspn(s, "0123456789")] != '\0')
    return -1;
  return atol(s);
}


static int is_low (const serve_request *r) {
  const char *s = serve_header(r, "X-Fal-Queue-Priority");
  return s != NULL && strcasecmp(s, "low") == 0;
}


/* The id that the caller has chosen by an Idempotency-Key, a UUID: who submits
** with the same one again gets the same request. 0: none, and a random id. */
static int take_name (serve_request *r) {
  const char *key = serve_header(r, "Idempotency-Key");
  size_t i;
  if (key == NULL || strlen(key) != sizeof(r->id) - 1)
    return 0;
  for (i = 0; key[i] != '\0'; i++)
    if (i == 8 || i == 13 || i == 18 || i == 23 ? key[i] != '-'
        : strchr("0123456789abcdef", key[i]) == NULL)
      return 0;
  memcpy(r->id, key, sizeof(r->id));
  return 1;
}


static void refuse_endpoint (serve_request *r) {
  fal_buf all, text;
  fal_buf_init(&all, 3000);
  fal_buf_init(&text, 4000);
  serve_endpoints_list(r->s->pool, &all, ", ");
  serve_absent(&text, r->rest, fal_buf_cstr(&all));
  serve_answer_detail(&r->answer, MHD_HTTP_NOT_FOUND, NULL, "%s",
                      fal_buf_cstr(&text));
  serve_answer_header(&r->answer, "x-fal-billable-units", "0");
  fal_buf_free(&all);
  fal_buf_free(&text);
}


static void submit (serve_request *r) {
  const char *webhook = webhook_of(r);
  double limit = serve_start_timeout(r);
  fal_endpoint ep;
  const char *head;
  ask *a;
  if (strlen(r->rest) >= STORE_ENDPOINT ||
      fal_endpoint_parse(r->rest, strlen(r->rest), &ep, NULL) != FAL_OK ||
      !serve_endpoints_known(r->s->pool, r->rest)) {
    refuse_endpoint(r);
    return;
  }
  if (webhook == NULL) {
    serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, "bad_request",
                        "fal_webhook is no http or https URL of at most %d "
                        "bytes", URL_MAX);
    return;
  }
  head = serve_fal_headers(r);
  a = new_ask(r);
  if (a != NULL) {
    a->request.named = take_name(r);
    a->request.id = r->id;
    a->request.owner = r->owner;
    a->request.endpoint = r->rest;
    a->request.base_url = r->base_url;
    a->request.tenant = r->job.charge.inner ? "" : r->owner;
    a->request.day = r->job.charge.day;
    a->request.images = r->job.charge.taken;
    a->request.head = head != NULL ? head : "";
    a->request.webhook = webhook;
    a->request.body = r->body.s;
    a->request.body_n = r->body.n;
    a->request.low = is_low(r);
    a->request.start_by = limit > 0 ? serve_wall_clock() + limit : 0;
    a->request.max_waiting = r->spent > 0 ? 0 : max_waiting_of(r);
    a->change.apply = apply_submit;
    a->change.done = submitted;
    post_change(a);
    serve_backlog_wake(r->s->backlog);  /* in the same group, as a rule */
  }
}

/* }====================================================== */


/*
** {======================================================
** Status
** =======================================================
*/

/* "1" and "true" ask for logs, "0", "false" and nothing do not. */
static int wants_logs (const serve_request *r) {
  const char *s = serve_arg(r, "logs");
  return s != NULL && (strcmp(s, "1") == 0 || strcasecmp(s, "true") == 0);
}


static void answer_status (serve_request *r, const store_status *st,
                           int logs) {
  char url[SERVE_URL_MAX];
  fal_buf b;
  fal_buf_init(&b, STATUS_MAX);
  serve_role_url(r, ROLE_QUEUE, url, sizeof(url));
  if (serve_report_put(&b, url, r->id, st, logs) == FAL_OK)
    serve_answer_json(&r->answer, st->state == STORE_COMPLETED
                      ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, &b);
  else {
    fal_buf_free(&b);
    answer_broken(r);
  }
}


/* The feed answers the request, now that it is known to be there. */
static int begin_stream (serve_request *r, int logs) {
  char url[SERVE_URL_MAX];
  serve_feed *f;
  serve_role_url(r, ROLE_QUEUE, url, sizeof(url));
  f = serve_feed_new(r, MHD_HTTP_OK, "text/event-stream");
  if (f == NULL)
    return 0;
  if (!serve_backlog_follow(r->s->backlog, f, url, r->owner, r->id, logs))
    serve_feed_break(f);
  return 1;
}


static void look_status (serve_look *l, store *s, double now) {
  ask *a = (ask *)((char *)l - offsetof(ask, look));
  serve_request *r = a->r;
  store_status st;
  store_code code = s->cls->status(s, now, r->owner, r->id,
                                   a->logs && !a->stream ? 0 : -1, &st);
  if (code == STORE_OK && !a->stream)
    answer_status(r, &st, a->logs);
  else if (code == STORE_NONE)
    answer_unknown(r);
  else if (code != STORE_OK)
    answer_broken(r);
  if (code == STORE_OK)
    store_status_free(&st);
  if (code == STORE_OK && a->stream) {
    if (begin_stream(r, a->logs))
      return;
    answer_broken(r);
  }
  serve_resume(r->s, r->mc);
}


static void status (serve_request *r, int stream) {
  ask *a = new_ask(r);
  if (a == NULL)
    return;
  a->logs = wants_logs(r);
  a->stream = stream;
  a->look.run = look_status;
  post_look(a);
}

/* }====================================================== */


/*
** {======================================================
** Result
** =======================================================
*/

static void answer_result (serve_request *r, store_result *res) {
  serve_reply reply;
  size_t n = strlen(res->head);
  memset(&reply, 0, sizeof(reply));
  reply.status = res->status;
  reply.head.s = res->head;
  reply.head.n = reply.head.cap = reply.head.max = n;
  res->head = NULL;
  if (res->fd >= 0) {
    serve_answer_reply_file(&r->answer, &reply, res->fd, res->body_n);
    res->fd = -1;
    return;
  }
  reply.body.s = res->body;
  reply.body.n = reply.body.cap = reply.body.max = res->body_n;
  res->body = NULL;
  serve_answer_reply(&r->answer, &reply);
}


static void look_result (serve_look *l, store *s, double now) {
  serve_request *r = ((ask *)((char *)l - offsetof(ask, look)))->r;
  store_result res;
  switch (s->cls->result(s, now, r->owner, r->id, &res)) {
    case STORE_OK:
      answer_result(r, &res);
      store_result_free(&res);
      break;
    case STORE_NONE: answer_unknown(r); break;
    case STORE_UNFINISHED:
      serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, NULL,
                          "Request is still in progress");
      break;
    case STORE_EXPIRED:
      serve_answer_detail(&r->answer, MHD_HTTP_GONE, NULL,
                          "The result of this request has expired: results "
                          "are kept for a limited time");
      break;
    default: answer_broken(r);
  }
  serve_resume(r->s, r->mc);
}


static void result (serve_request *r) {
  ask *a = new_ask(r);
  if (a == NULL)
    return;
  a->look.run = look_result;
  post_look(a);
}

/* }====================================================== */


/*
** {======================================================
** Cancel
** =======================================================
*/

static store_code apply_cancel (serve_change *c, store *s, double now) {
  serve_request *r = ((ask *)c)->r;
  return s->cls->cancel(s, now, r->owner, r->id);
}


static void canceled (serve_change *c, store_code code) {
  serve_request *r = ((ask *)c)->r;
  switch (code) {
    case STORE_OK:
      serve_backlog_cancel(r->s->backlog, r->id);  /* claimed already? */
      put_answer(r, MHD_HTTP_OK, "{\"status\":\"OK\"}");
      break;
    case STORE_ASKED:
      serve_backlog_cancel(r->s->backlog, r->id);
      put_answer(r, MHD_HTTP_ACCEPTED,
                 "{\"status\":\"CANCELLATION_REQUESTED\"}");
      break;
    case STORE_FINISHED:
      put_answer(r, MHD_HTTP_BAD_REQUEST,
                 "{\"status\":\"ALREADY_COMPLETED\"}");
      break;
    case STORE_NONE:
      put_answer(r, MHD_HTTP_NOT_FOUND, "{\"status\":\"NOT_FOUND\"}");
      break;
    case STORE_FULL: answer_full(r); break;
    default: answer_broken(r);
  }
  serve_resume(r->s, r->mc);
}


static void cancel (serve_request *r) {
  ask *a = new_ask(r);
  if (a == NULL)
    return;
  a->change.apply = apply_cancel;
  a->change.done = canceled;
  post_change(a);
}

/* }====================================================== */


/*
** {======================================================
** Routes
** =======================================================
*/

typedef enum verb {
  V_RESULT, V_STATUS, V_STREAM, V_CANCEL
} verb;

static const struct { const char *path; verb verb; } verbs[] = {
  {"", V_RESULT}, {"/response", V_RESULT}, {"/status", V_STATUS},
  {"/status/stream", V_STREAM}, {"/cancel", V_CANCEL},
};

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))


/* One slash at the end is none. 'rest' ends where 'path' does. */
static void trim (serve_request *r) {
  size_t n = strlen(r->rest);
  if (n > 0 && r->rest[n - 1] == '/')
    r->path[strlen(r->path) - 1] = '\0';
}


/* ".../requests/ID" and one of the verbs; the id becomes the request's own.
** Nonzero when it is such a path; then '*known' says whether the id could be
** one of ours. */
static int split (serve_request *r, verb *v, int *known) {
  const char *at = NULL, *next = r->rest, *id, *end;
  size_t i, n;
  while ((next = strstr(next, "/requests/")) != NULL)
    at = next++;
  if (at == NULL)
    return 0;
  id = at + 10;
  n = strcspn(id, "/");
  end = id + n;
  for (i = 0; i < COUNT(verbs) && strcmp(verbs[i].path, end) != 0; i++)
    ;
  if (n == 0 || i == COUNT(verbs))
    return 0;
  *v = verbs[i].verb;
  *known = n == sizeof(r->id) - 1 && strspn(id, "0123456789abcdef-") == n;
  if (*known)
    memcpy(r->id, id, n);
  return 1;
}


static void refuse_method (serve_request *r, const char *allow) {
  serve_answer_detail(&r->answer, MHD_HTTP_METHOD_NOT_ALLOWED, NULL,
                      "Method Not Allowed");
  serve_answer_header(&r->answer, MHD_HTTP_HEADER_ALLOW, allow);
}


static void about_request (serve_request *r, verb v, int known) {
  int right = v == V_CANCEL ? strcmp(r->method, "PUT") == 0 : serve_reads(r);
  if (!right)
    refuse_method(r, v == V_CANCEL ? "PUT" : "GET, HEAD");
  else if (!known && v == V_CANCEL)
    put_answer(r, MHD_HTTP_NOT_FOUND, "{\"status\":\"NOT_FOUND\"}");
  else if (!known)
    answer_unknown(r);
  else switch (v) {
    case V_RESULT: result(r); break;
    case V_STATUS: status(r, 0); break;
    case V_STREAM: status(r, 1); break;
    case V_CANCEL: cancel(r); break;
  }
}


int serve_queue (serve_request *r) {
  verb v;
  int known;
  if (r->role != ROLE_QUEUE)
    return 0;
  trim(r);
  if (strcmp(r->method, "POST") != 0 && split(r, &v, &known))
    about_request(r, v, known);
  else if (strcmp(r->method, "POST") == 0 && !split(r, &v, &known))
    submit(r);
  else
    refuse_method(r, "POST");
  return 1;
}

/* }====================================================== */
