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
         strstr(r->path, "/.well-known/") == NULL;
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
  r->inner = strncmp(s, WORKER_KEY, n) == 0 && by_seal(r, "worker", s + n);
  return r->inner;
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

static int too_much (serve_request *r, keys_verdict v, double after) {
  static const struct { const char *type, *text, *again; } said[] = {
    {NULL, NULL, NULL},
    {"rate_limited", "Too many requests with this key", "1"},
    {"concurrent_requests_limit",
     "Too many requests with this key are running", "1"},
    {"quota_exceeded", "This key has had its pictures for today", "0"},
  };
  char seconds[32];
  serve_answer *a = &r->answer;
  snprintf(seconds, sizeof(seconds), "%.0f", after > 1 ? ceil(after) : 1.0);
  serve_answer_detail(a, MHD_HTTP_TOO_MANY_REQUESTS, said[v].type,
                      "%s: try again in %s s", said[v].text, seconds);
  serve_answer_header(a, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
  serve_answer_header(a, "x-fal-needs-retry", said[v].again);
  serve_answer_header(a, "x-fal-retryable",
                      said[v].again[0] == '1' ? "true" : "false");
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
  known = is_known(r);
  if (!known && (needs_key(r) || (r->role == ROLE_MEDIA && !r->anonymous)))
    return unauthorized(r);
  if (!known || r->inner || !is_call(r))
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
  if (n > 0 && fal_json_find(s, n, "num_images", &raw, &raw_n)
      == FAL_JSON_INTEGER)
    v = strtod(raw, NULL);
  return v < 1 ? 1 : v > IMAGES_MAX ? IMAGES_MAX : (int64_t)v;
}


int serve_tenant (serve_request *r) {
  int64_t n;
  double after = 0;
  if (r->s->keys == NULL || r->inner || r->images != 0 ||
      strcmp(r->method, "POST") != 0 ||
      (r->role != ROLE_RUN && r->role != ROLE_QUEUE))
    return 0;
  n = asked_for(r->body.s, r->body.n);
  if (serve_keys_take(r->s->keys, r->owner, n, &r->day, &after) != KEYS_FINE)
    return too_much(r, KEYS_IMAGES, after);
  r->images = n;  /* until it is known how many there are */
  return 0;
}


/* What the request has taken, which is the caller's to settle now. It may be
** leaving and its job ending at the same time. */
static int64_t take_images (serve_request *r) {
  return __atomic_exchange_n(&r->images, 0, __ATOMIC_RELAXED);
}


void serve_tenant_leave (serve_request *r) {
  if (r->entered) {
    serve_keys_leave(r->s->keys, r->owner);
    serve_backlog_room(r->s->backlog);
  }
  r->entered = 0;
  if (r->s->keys != NULL)
    serve_keys_settle(r->s->keys, r->owner, r->day, take_images(r), 0);
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
  take_images(r);
}


void serve_tenant_done (void *server, serve_job *job) {
  falua_server *s = server;
  int64_t taken = 0, day = 0;
  if (s->keys == NULL || job->owner == NULL || job->owner[0] == '\0' ||
      job->lost || job->aside || job->kind == SERVE_QUEUED)
    return;
  if (job->kind == SERVE_RUN || job->kind == SERVE_STREAM) {
    serve_request *r = (serve_request *)job;
    if (r->inner)
      return;  /* it counts in the call that it is made for */
    day = r->day;
    taken = take_images(r);
  }
  serve_keys_settle(s->keys, job->owner, day, taken,
                    serve_tenant_made(&job->reply));
}

/* }====================================================== */
