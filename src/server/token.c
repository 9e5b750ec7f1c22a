/*
** token.c -- short-lived tokens for realtime connections
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/json.h"
#include "scope.h"
#include "seal.h"
#include "token.h"

#define USE       "realtime"
#define APPS_MAX  1024     /* bytes of the list of apps */
#define LIFETIME  120.0    /* seconds, when none is asked for */


fal_code serve_token_put (const falua_server *s, const char *apps,
                          size_t apps_n, const char *owner, double seconds,
                          fal_buf *out) {
  fal_code code;
  fal_buf more;
  fal_buf_init(&more, APPS_MAX + 16);
  fal_buf_addstr(&more, "\"apps\":");
  code = fal_buf_add(&more, apps, apps_n);
  if (code == FAL_OK && fal_buf_cstr(&more) != NULL)
    code = serve_seal_make(s->secret, USE, owner, seconds, more.s, out);
  fal_buf_free(&more);
  return code;
}


const char *serve_token_check (const falua_server *s, const char *token,
                               const char *id, char *owner, size_t n) {
  const char *why = "the token is not one of this server's, or has expired";
  const char *raw;
  size_t raw_n;
  fal_buf claims, of;
  fal_buf_init(&of, n - 1);
  if (serve_seal_open(s->secret, USE, token, strlen(token), &claims)) {
    why = "the token is not for this app";
    if (fal_json_find(claims.s, claims.n, "apps", &raw, &raw_n)
        == FAL_JSON_ARRAY && serve_scope_has(raw, raw_n, id) &&
        fal_json_find_string(claims.s, claims.n, "o", &of)) {
      snprintf(owner, n, "%.*s", (int)of.n, of.n > 0 ? of.s : "");
      why = NULL;
    }
  }
  fal_buf_free(&of);
  fal_buf_free(&claims);
  return why;
}


/*
** {======================================================
** POST tokens/
** =======================================================
*/

/* 422 with one flaw in fal's shape. */
static void refuse (serve_request *r, const char *field, const char *type,
                    const char *msg) {
  fal_buf b;
  fal_buf_init(&b, 4096);
  fal_buf_addf(&b, "{\"detail\":[{\"loc\":[\"body\",\"%s\"],\"msg\":\"%s\","
               "\"type\":\"%s\"}]}", field, msg, type);
  serve_answer_json(&r->answer, MHD_HTTP_UNPROCESSABLE_CONTENT, &b);
}


/* "allowed_apps": [...] or "app": "..." as the text of an array, to 'b'. */
static int read_apps (const serve_request *r, fal_buf *b) {
  const char *raw;
  size_t n;
  fal_json_kind kind = fal_json_find(r->body.s, r->body.n, "allowed_apps",
                                     &raw, &n);
  if (kind == FAL_JSON_ARRAY && serve_scope_count(raw, n) > 0)
    return fal_buf_add(b, raw, n) == FAL_OK;
  if (fal_json_find(r->body.s, r->body.n, "app", &raw, &n) == FAL_JSON_STRING)
    return fal_buf_addf(b, "[%.*s]", (int)n, raw) == FAL_OK;
  return 0;
}


/* How long it is asked to live: 0 when that is no time at all. */
static double read_seconds (const serve_request *r) {
  static const char *const words[] = {"token_expiration", "duration"};
  const char *raw;
  size_t n, i;
  for (i = 0; i < 2; i++) {
    fal_json_kind kind = fal_json_find(r->body.s, r->body.n, words[i], &raw,
                                       &n);
    if (kind == FAL_JSON_INTEGER || kind == FAL_JSON_NUMBER) {
      double d = strtod(raw, NULL);
      return d >= 1 && d <= TOKEN_MAX_SECONDS ? d : 0;
    }
  }
  return LIFETIME;
}


/* The older address answers a bare string, the newer one an object. */
static void give (serve_request *r, const fal_buf *apps, double seconds,
                  int bare) {
  fal_buf b;
  fal_buf_init(&b, SEAL_MAX + 64);
  fal_buf_addstr(&b, bare ? "\"" : "{\"token\":\"");
  serve_token_put(r->s, apps->s, apps->n, r->owner, seconds, &b);
  fal_buf_addstr(&b, bare ? "\"" : "\"}");
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
}


int serve_tokens (serve_request *r) {
  int bare = strcmp(r->rest, "tokens/") == 0 || strcmp(r->rest, "tokens") == 0;
  double seconds;
  fal_buf apps;
  if (r->role != ROLE_REST ||
      (!bare && strcmp(r->rest, "tokens/realtime") != 0))
    return 0;
  if (strcmp(r->method, "POST") != 0) {
    serve_answer_detail(&r->answer, MHD_HTTP_METHOD_NOT_ALLOWED, NULL,
                        "Method Not Allowed");
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_ALLOW, "POST, OPTIONS");
    return 1;
  }
  fal_buf_init(&apps, APPS_MAX);
  seconds = read_seconds(r);
  if (!read_apps(r, &apps))
    refuse(r, "allowed_apps", "missing", "Field required: a list of at least "
           "one app, such as flux or fal-ai/flux");
  else if (seconds == 0)
    refuse(r, "token_expiration", "less_than_equal",
           "Input should be from 1 to 86400 seconds");
  else
    give(r, &apps, seconds, bare);
  fal_buf_free(&apps);
  return 1;
}

/* }====================================================== */
