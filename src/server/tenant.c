/*
** tenant.c -- whose a request is, and whether he may make it
**
** With --keys every call needs a key. What needs none: health, the public
** keys for webhooks, files by their address and uploads by theirs, which
** cannot be guessed (files.h, storage.h).
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/json.h"
#include "backlog.h"
#include "keys.h"
#include "serve.h"
#include "token.h"

#define IMAGES_MAX  1024    /* pictures that one call is taken to ask for */


/*
** {======================================================
** Who
** =======================================================
*/

/* An address for an upload, which is a key by itself. */
static int is_sealed (const serve_request *r) {
  return r->role == ROLE_MEDIA && !serve_reads(r) &&
         ((strncmp(r->rest, "upload/", 7) == 0 &&
           strchr(r->rest + 7, '.') != NULL) ||
          strstr(r->rest, "/multipart/") != NULL);
}


static int needs_key (const serve_request *r) {
  return r->role != ROLE_HEALTH && !is_sealed(r) &&
         !(r->role == ROLE_MEDIA && serve_reads(r)) &&
         !(r->role == ROLE_REST && strncmp(r->rest, ".well-known/", 12) == 0);
}


/* The owner that a sealed token names. */
static int by_seal (serve_request *r, const char *use, const char *s) {
  fal_buf claims, owner;
  int good = serve_seal_open(r->s->secret, use, s, strlen(s), &claims);
  fal_buf_init(&owner, SERVE_OWNER - 1);
  good = good && fal_json_find_string(claims.s, claims.n, "o", &owner) &&
         fal_buf_cstr(&owner) != NULL;
  if (good)
    snprintf(r->owner, sizeof(r->owner), "%s", owner.s);
  fal_buf_free(&owner);
  fal_buf_free(&claims);
  return good;
}


/* The owner of the call that an endpoint of this server makes its own for. */
static int by_worker (serve_request *r, const char *s) {
  const size_t n = sizeof(WORKER_KEY) - 1;
  int yes = strncmp(s, WORKER_KEY, n) == 0 && by_seal(r, "worker", s + n);
  r->job.charge.inner = yes;
  return yes;
}


/* "Key id:secret", "Bearer id:secret", or the CDN's token. */
static int by_key (serve_request *r, const char *auth) {
  const char *s = strchr(auth, ' ');
  size_t scheme = s != NULL ? (size_t)(s - auth) : 0;
  int bearer = scheme == 6 && strncasecmp(auth, "Bearer", 6) == 0;
  if (!bearer && !(scheme == 3 && strncasecmp(auth, "Key", 3) == 0))
    return 0;
  s += strspn(s, " ");
  return serve_keys_find(r->s->keys, s, strlen(s), r->owner) ||
         (bearer && r->role == ROLE_MEDIA && by_seal(r, "cdn", s)) ||
         by_worker(r, s);
}


/* Tokens stand for a key in calls of the apps they name. */
static int by_token (serve_request *r, const char *token) {
  return (r->role == ROLE_RUN || r->role == ROLE_WS) &&
         serve_token_check(r->s, token, r->rest, r->owner, SERVE_OWNER)
         == NULL;
}


static int is_known (serve_request *r) {
  const char *auth = serve_header(r, MHD_HTTP_HEADER_AUTHORIZATION);
  const char *token = serve_arg(r, "fal_jwt_token");
  return auth != NULL ? by_key(r, auth)
                      : token != NULL && by_token(r, token);
}


static int unauthorized (serve_request *r) {
  r->owner[0] = '\0';
  serve_answer_detail(&r->answer, MHD_HTTP_UNAUTHORIZED, NULL, r->anonymous
                      ? "Authentication is required: send the header "
                        "Authorization: Key <key_id>:<key_secret>"
                      : "This key is not known here");
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** How much
** =======================================================
*/

static void put_too_much (serve_reply *to, keys_verdict v, double after) {
  static const struct { const char *type, *text, *again; } said[] = {
    {NULL, NULL, NULL},
    {"rate_limited", "Too many requests with this key", "1"},
    {"concurrent_requests_limit",
     "Too many requests with this key are running", "1"},
    {"quota_exceeded", "This key has had its pictures for today", "0"},
  };
  char seconds[32];
  snprintf(seconds, sizeof(seconds), "%.0f", after > 1 ? ceil(after) : 1.0);
  serve_reply_detail(to, 429, said[v].type, "%s: try again in %s s",
                     said[v].text, seconds);
  serve_reply_header(to, "retry-after", seconds);
  serve_reply_header(to, "x-fal-needs-retry", said[v].again);
  serve_reply_header(to, "x-fal-retryable",
                     said[v].again[0] == '1' ? "true" : "false");
}


static int too_much (serve_request *r, keys_verdict v, double after) {
  serve_reply reply;
  memset(&reply, 0, sizeof(reply));
  put_too_much(&reply, v, after);
  serve_answer_reply(&r->answer, &reply);
  return 1;
}


/* Requests that make work. Polls, downloads and the parts of an upload do
** not. */
static int is_call (const serve_request *r) {
  int post = strcmp(r->method, "POST") == 0;
  return r->role == ROLE_RUN || r->role == ROLE_WS ||
         (post && (r->role == ROLE_QUEUE || r->role == ROLE_REST ||
                   r->role == ROLE_MEDIA));
}


static int is_direct (const serve_request *r) {
  return r->role == ROLE_RUN || r->role == ROLE_WS;
}


int serve_tenant_head (serve_request *r) {
  serve_keys *k = r->s->keys;
  double after = 0;
  int known;
  r->anonymous = serve_header(r, MHD_HTTP_HEADER_AUTHORIZATION) == NULL;
  if (k == NULL || is_sealed(r))
    return 0;
  known = is_known(r) && serve_keys_has(k, r->owner);
  if (!known && (needs_key(r) || (r->role == ROLE_MEDIA && !r->anonymous)))
    return unauthorized(r);
  if (!known || r->job.charge.inner || !is_call(r))
    return 0;
  if (serve_keys_call(k, r->owner, &after) != KEYS_FINE)
    return too_much(r, KEYS_RATE, after);
  if (is_direct(r)) {
    if (serve_keys_enter(k, r->owner) != KEYS_FINE)
      return too_much(r, KEYS_RUNNING, 1);
    r->entered = 1;
  }
  return 0;
}


/* How many pictures an input asks for. */
static int64_t asked_for (const char *s, size_t n) {
  const char *raw;
  size_t raw_n;
  double v = 1;
  int type = n > 0 ? fal_json_find(s, n, "num_images", &raw, &raw_n) : 0;
  if (type == FAL_JSON_INTEGER || type == FAL_JSON_NUMBER)  /* 4.0 is 4 too */
    v = strtod(raw, NULL);
  return v < 1 ? 1 : v > IMAGES_MAX ? IMAGES_MAX : (int64_t)v;
}


/* Takes the pictures that a body asks for, until it is known how many there
** are. */
static keys_verdict take (serve_keys *k, serve_job *job, const char *owner,
                          const char *body, size_t n, double *after) {
  int64_t images = asked_for(body, n);
  keys_verdict v = serve_keys_take(k, owner, images, &job->charge.day, after);
  if (v == KEYS_FINE)
    job->charge.taken = images;
  return v;
}


int serve_tenant (serve_request *r) {
  keys_verdict v;
  double after = 0;
  if (r->s->keys == NULL || r->job.charge.inner ||
      r->job.charge.taken != 0 || strcmp(r->method, "POST") != 0 ||
      (r->role != ROLE_RUN && r->role != ROLE_QUEUE))
    return 0;
  v = take(r->s->keys, &r->job, r->owner, r->body.s, r->body.n, &after);
  if (v == KEYS_FINE)
    return 0;
  if (r->role == ROLE_QUEUE && serve_header(r, "Idempotency-Key") != NULL) {
    r->spent = after;  /* the queue may have it already */
    return 0;
  }
  return too_much(r, v, after);
}


void serve_tenant_refuse (serve_request *r) {
  too_much(r, KEYS_IMAGES, r->spent);
}


int serve_tenant_message (falua_server *s, serve_job *job) {
  keys_verdict v = KEYS_FINE;
  double after = 0;
  if (s->keys == NULL || job->charge.inner)
    return 1;
  if (!serve_keys_has(s->keys, job->owner)) {
    serve_reply_detail(&job->reply, 401, NULL,
                       "This key is not known here any more");
    return 0;
  }
  if (job->kind == SERVE_RUN)
    v = serve_keys_call(s->keys, job->owner, &after);
  if (v == KEYS_FINE)
    v = take(s->keys, job, job->owner, job->body, job->body_n, &after);
  if (v != KEYS_FINE)
    put_too_much(&job->reply, v, after);
  return v == KEYS_FINE;
}


/* What a job has taken, which is the caller's to settle now. A request may be
** leaving and its job ending at the same time. */
static int64_t take_over (serve_job *job) {
  return __atomic_exchange_n(&job->charge.taken, 0, __ATOMIC_RELAXED);
}


void serve_tenant_give_back (falua_server *s, serve_job *job,
                             const char *owner) {
  if (s->keys != NULL)
    serve_keys_settle(s->keys, owner, job->charge.day, take_over(job), 0);
}


void serve_tenant_leave (serve_request *r) {
  if (r->entered) {
    serve_keys_leave(r->s->keys, r->owner);
    serve_backlog_room(r->s->backlog);
  }
  r->entered = 0;
  serve_tenant_give_back(r->s, &r->job, r->owner);
}

/* }====================================================== */


/*
** {======================================================
** What came of it
** =======================================================
*/

/* How many things are in the array s[0..n). */
static int64_t count (const char *s, size_t n) {
  fal_json j;
  fal_json_token t;
  int64_t found = 0;
  fal_json_open(&j, s, n, 0);
  fal_json_next(&j, &t);
  while (fal_json_next(&j, &t) > FAL_JSON_END &&
         t.kind != FAL_JSON_ARRAY_END && fal_json_skip(&j, &t) == 0)
    found++;
  fal_json_close(&j);
  return found;
}


int64_t serve_tenant_made (const serve_reply *reply) {
  const char *s = reply->body.s, *raw;
  size_t n = reply->body.n, raw_n;
  if (reply->status < 200 || reply->status > 299)
    return 0;
  if (n > 0 && fal_json_find(s, n, "images", &raw, &raw_n) == FAL_JSON_ARRAY)
    return count(raw, raw_n);
  return 1;
}


void serve_tenant_queued (serve_request *r) {
  take_over(&r->job);
}


void serve_tenant_done (void *server, serve_job *job) {
  falua_server *s = server;
  if (s->keys == NULL || job->owner == NULL || job->owner[0] == '\0' ||
      job->lost || job->aside || job->charge.inner ||
      job->kind == SERVE_QUEUED)
    return;
  serve_keys_settle(s->keys, job->owner, job->charge.day, take_over(job),
                    serve_tenant_made(&job->reply));
}

/* }====================================================== */
