/*
** token.c -- short-lived tokens for realtime connections
*/
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../core/base64.h"
#include "../core/endpoint.h"
#include "../core/json.h"
#include "token.h"

#define MAX_TOKEN  8192
#define LIFETIME   120.0   /* seconds, when none is asked for */
#define MAC_N      32


/*
** {======================================================
** The text of a token
** =======================================================
*/

/* base64url without padding, as JWTs have it. */
static fal_code put64 (fal_buf *b, const void *s, size_t n) {
  size_t i, k;
  char *to = fal_buf_room(b, fal_base64_encoded(n));
  if (to == NULL)
    return FAL_ENOMEM;
  k = fal_base64_encode(to, s, n);
  while (k > 0 && to[k - 1] == '=')
    k--;
  for (i = 0; i < k; i++)
    to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
  b->n += k;
  return FAL_OK;
}


static void sign (const falua_server *s, const char *text, size_t n,
                  unsigned char mac[MAC_N]) {
  unsigned k = MAC_N;
  HMAC(EVP_sha256(), s->secret, sizeof(s->secret),
       (const unsigned char *)text, n, mac, &k);
}


fal_code serve_token_put (const falua_server *s, const char *apps,
                          size_t apps_n, const char *owner, double seconds,
                          fal_buf *out) {
  static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
  unsigned char mac[MAC_N];
  size_t from = out->n;
  fal_code code;
  fal_buf b;
  fal_buf_init(&b, MAX_TOKEN / 2);
  fal_buf_addf(&b, "{\"exp\":%lld,\"apps\":",
               (long long)time(NULL) + (long long)seconds);
  fal_buf_add(&b, apps, apps_n);
  fal_buf_addstr(&b, ",\"sub\":");
  fal_json_put_string(&b, owner, strlen(owner));
  code = fal_buf_addstr(&b, "}");
  if (code == FAL_OK && put64(out, head, sizeof(head) - 1) == FAL_OK &&
      fal_buf_addstr(out, ".") == FAL_OK &&
      put64(out, b.s, b.n) == FAL_OK) {
    sign(s, out->s + from, out->n - from, mac);
    fal_buf_addstr(out, ".");
    code = put64(out, mac, MAC_N);
  }
  fal_buf_free(&b);
  return code;
}


/* The claims of a token that is ours, to 'b'. */
static int open_token (const falua_server *s, const char *token, fal_buf *b) {
  unsigned char mac[MAC_N], given[MAC_N + 8];
  const char *claims = strchr(token, '.');
  const char *end = claims != NULL ? strchr(claims + 1, '.') : NULL;
  ptrdiff_t n;
  char *to;
  if (end == NULL || strlen(end + 1) > 44 || end - token > MAX_TOKEN)
    return 0;
  sign(s, token, (size_t)(end - token), mac);
  n = fal_base64_decode(given, end + 1, strlen(end + 1));
  if (n != MAC_N || CRYPTO_memcmp(mac, given, MAC_N) != 0)
    return 0;
  claims++;
  to = fal_buf_room(b, fal_base64_decoded((size_t)(end - claims)));
  n = to != NULL ? fal_base64_decode(to, claims, (size_t)(end - claims)) : -1;
  if (n < 0)
    return 0;
  b->n = (size_t)n;
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Which apps it opens
** =======================================================
*/

/* Does "alias", "owner/alias" or anything below that name the app? */
static int names (const char *app, size_t n, const char *id) {
  fal_endpoint ep, asked;
  if (fal_endpoint_parse(id, strlen(id), &ep, NULL) != FAL_OK)
    return 0;
  if (memchr(app, '/', n) == NULL)
    return n == ep.alias.n && memcmp(app, ep.alias.s, n) == 0;
  return fal_endpoint_parse(app, n, &asked, NULL) == FAL_OK &&
         asked.ns.n == ep.ns.n && asked.owner.n == ep.owner.n &&
         asked.alias.n == ep.alias.n &&
         memcmp(asked.owner.s, ep.owner.s, ep.owner.n) == 0 &&
         memcmp(asked.alias.s, ep.alias.s, ep.alias.n) == 0;
}


/* Calls for each app in the array until one names 'id'; with id NULL, counts
** them: how many, or -1 when it is no array of strings. */
static int look (const char *s, size_t n, const char *id) {
  fal_json j;
  fal_json_token t;
  int count = 0, found = 0;
  fal_json_open(&j, s, n, 2);
  if (fal_json_next(&j, &t) != FAL_JSON_ARRAY)
    count = -1;
  while (count >= 0 && fal_json_next(&j, &t) == FAL_JSON_STRING) {
    count++;
    found = found || (id != NULL && names(t.s, t.n, id));
  }
  if (t.kind != FAL_JSON_ARRAY_END)
    count = -1;
  fal_json_close(&j);
  return id != NULL ? found : count;
}


const char *serve_token_check (const falua_server *s, const char *token,
                               const char *id, char *owner, size_t n) {
  const char *why = "the token is not one of this server's";
  const char *raw;
  size_t raw_n;
  fal_buf b, sub;
  fal_buf_init(&b, MAX_TOKEN);
  fal_buf_init(&sub, n - 1);
  if (open_token(s, token, &b)) {
    if (fal_json_find(b.s, b.n, "exp", &raw, &raw_n) != FAL_JSON_INTEGER ||
        strtoll(raw, NULL, 10) < (long long)time(NULL))
      why = "the token has expired";
    else if (fal_json_find(b.s, b.n, "apps", &raw, &raw_n) != FAL_JSON_ARRAY ||
             !look(raw, raw_n, id))
      why = "the token is not for this app";
    else if (fal_json_find_string(b.s, b.n, "sub", &sub)) {
      snprintf(owner, n, "%.*s", (int)sub.n, sub.n > 0 ? sub.s : "");
      why = NULL;
    }
  }
  fal_buf_free(&sub);
  fal_buf_free(&b);
  return why;
}

/* }====================================================== */


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
  if (kind == FAL_JSON_ARRAY && look(raw, n, NULL) > 0)
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
  fal_buf_init(&b, 2 * MAX_TOKEN);
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
  fal_buf_init(&apps, 1024);
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
