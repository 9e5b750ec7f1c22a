/*
** exchange.c -- one HTTP exchange as it is, and what can be said of its way
**
** For commands that look at a connection (doctor) or speak to servers that are
** not fal's (trigger): no key, no retries, no redirects, and any answer is one.
** An operation of libfal's engine, with the settings of a client.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../binding/lengine.h"
#include "../core/engine.h"
#include "host.h"

#define ANSWER_MAX  65536   /* bytes of the answer's body */

typedef struct exchange {
  fal_op op;                /* first */
  fal_transfer *transfer;
  struct curl_slist *headers;
  char *body;
  char ip[64], tls[100], proxy[200];    /* "" when there is none */
  long http;                /* of CURL_HTTP_VERSION_... */
} exchange;


/*
** {======================================================
** The operation
** =======================================================
*/

/* What follows 'before' in a line of libcurl's, up to one of 'end'. */
static void cut (const char *s, size_t n, const char *before,
                 const char *end, char *to, size_t size) {
  const char *p = memmem(s, n, before, strlen(before));
  size_t k;
  if (p == NULL)
    return;
  p += strlen(before);
  n -= (size_t)(p - s);
  for (k = 0; k < n && strchr(end, p[k]) == NULL; k++)
    ;
  fal_copy_text(to, size, p, k);
}


/* libcurl says some things in words only. Runs inside libcurl. */
static int on_words (CURL *easy, curl_infotype kind, char *s, size_t n,
                     void *ud) {
  exchange *x = ud;
  (void)easy;
  if (kind == CURLINFO_TEXT) {
    cut(s, n, "SSL connection using ", "\r\n", x->tls, sizeof(x->tls));
    cut(s, n, "Uses proxy env variable ", "\r\n", x->proxy,
        sizeof(x->proxy));
  }
  return 0;
}


/* The handle goes back to a pool. */
static void let_go (exchange *x) {
  if (x->transfer != NULL) {
    curl_easy_setopt(x->transfer->easy, CURLOPT_VERBOSE, 0L);
    curl_easy_setopt(x->transfer->easy, CURLOPT_DEBUGFUNCTION, NULL);
    curl_easy_setopt(x->transfer->easy, CURLOPT_DEBUGDATA, NULL);
  }
  fal_transfer_release(x->transfer);
  x->transfer = NULL;
}


static void clear (fal_op *op) {
  exchange *x = (exchange *)op;
  let_go(x);
  curl_slist_free_all(x->headers);
  free(x->body);
  x->headers = NULL;
  x->body = NULL;
}


static void transferred (fal_op *op, fal_transfer *t) {
  exchange *x = (exchange *)op;
  char *ip = NULL;
  fal_error err;
  fal_code code = fal_transfer_failure(t, &err);
  curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
  curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &x->http);
  if (ip != NULL)
    snprintf(x->ip, sizeof(x->ip), "%s", ip);
  fal_op_show(op, t->status, t->bytes);
  /* who answers at length has answered all the same */
  if (code != FAL_OK && (code != FAL_ETOOBIG || t->status == 0))
    op->err = err;
  clear(op);
  fal_op_finish(op);
}


static void expired (fal_op *op) {
  clear(op);
  fal_op_fail(op, FAL_ETIMEOUT, "no answer in %.3g s",
              fal_now() - op->started);
}


static const fal_op_class class = {
  "exchange", transferred, expired, clear
};

/* }====================================================== */


static fal_code add_headers (exchange *x, const char *const *lines,
                             fal_error *err) {
  for (; lines != NULL && *lines != NULL; lines++)
    if ((x->headers = fal_add_header(x->headers, *lines, err)) == NULL)
      return err->code;
  return FAL_OK;
}


static fal_code begin (exchange *x, const char *url, const char *body,
                       size_t n, fal_error *err) {
  fal_exchange e;
  memset(&e, 0, sizeof(e));
  e.url = url;
  if (body != NULL) {
    x->body = malloc(n + 1);
    if (x->body == NULL)
      return fal_fail(err, FAL_ENOMEM, "out of memory");
    memcpy(x->body, body, n);
    e.body = x->body;
    e.body_n = n;
    e.has_body = e.once = 1;
  }
  e.headers = x->headers;
  e.max_head = FAL_MAX_HEAD;
  e.max_body = ANSWER_MAX;
  x->transfer = fal_transfer_start(&x->op, &e, err);
  if (x->transfer == NULL)
    return err->code;
  curl_easy_setopt(x->transfer->easy, CURLOPT_DEBUGFUNCTION, on_words);
  curl_easy_setopt(x->transfer->easy, CURLOPT_DEBUGDATA, x);
  curl_easy_setopt(x->transfer->easy, CURLOPT_VERBOSE, 1L);
  return FAL_OK;
}


/* start(engine, client, {url, headers, body, timeout}) -> Op, id | nil, err.
** A POST when there is a body. */
static int exchange_start (lua_State *L) {
  const char *lines[LFAL_MAX_HEADERS + 1];
  const char *const *headers;
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  fal_error err;
  void **box;
  exchange *x;
  size_t n = 0;
  const char *url, *body;
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  url = lfal_field_string(L, 3, "url", NULL);
  body = lfal_field_string(L, 3, "body", &n);
  headers = lfal_headers(L, 3, "headers", lines);
  luaL_argcheck(L, url != NULL, 3, "no url");
  box = lfal_new_op(L);
  x = fal_op_new(e, c, sizeof(*x), &class,
                 lfal_field_number(L, 3, "timeout", 0), &err);
  if (x != NULL && (add_headers(x, headers, &err) != FAL_OK ||
                    begin(x, url, body, n, &err) != FAL_OK)) {
    fal_op_free(&x->op);
    x = NULL;
  }
  return lfal_push_op(L, box, x != NULL ? &x->op : NULL, &err);
}


static void set_text (lua_State *L, const char *name, const char *s) {
  if (s[0] == '\0')
    return;
  lua_pushstring(L, s);
  lua_setfield(L, -2, name);
}


static void set_header (lua_State *L, const fal_answer *a, const char *name) {
  const char *v;
  size_t n;
  if (fal_header(a->head, a->head_n, name, &v, &n)) {
    lua_pushlstring(L, v, n);
    lua_setfield(L, -2, name);
  }
}


/* result(Op) -> { status, body, seconds, ip, http, tls, proxy, date } | nil,
** err, once it is done */
static int exchange_result (lua_State *L) {
  fal_op *op = lfal_to_op(L, 1);
  exchange *x = (exchange *)op;
  const fal_answer *a = fal_op_answer(op);
  fal_error err;
  luaL_argcheck(L, op->cls == &class, 1, "not an exchange");
  if (fal_op_failed(op, &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_newtable(L);
  lua_pushinteger(L, a->status);
  lua_setfield(L, -2, "status");
  lua_pushlstring(L, a->body != NULL ? a->body : "", a->body_n);
  lua_setfield(L, -2, "body");
  lua_pushnumber(L, a->seconds);
  lua_setfield(L, -2, "seconds");
  set_text(L, "ip", x->ip);
  set_text(L, "tls", x->tls);
  set_text(L, "proxy", x->proxy);
  set_text(L, "http", x->http == CURL_HTTP_VERSION_2_0 ? "HTTP/2" :
                      x->http == CURL_HTTP_VERSION_1_1 ? "HTTP/1.1" :
                      x->http == CURL_HTTP_VERSION_1_0 ? "HTTP/1.0" : "");
  set_header(L, a, "date");
  return 1;
}


static const luaL_Reg functions[] = {
  {"start", exchange_start},
  {"result", exchange_result},
  {NULL, NULL}
};


int host_open_exchange (lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
