/*
** fuzz_url.c -- URLs, endpoint ids, header blocks and error answers
**
** Every input is tried as each of them. libcurl's own URL parser is the
** oracle that matters: where it would connect must be where we think it
** would, or a key could go astray.
*/
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "../../src/core/endpoint.h"
#include "../../src/core/engine.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


static void need_inside (fal_slice part, const char *s, size_t n) {
  need(part.n <= n);
  if (part.n > 0)
    need(part.s >= s && part.s + part.n <= s + n);
}


static int has_any (fal_slice part, const char *bytes) {
  size_t i;
  for (i = 0; i < part.n; i++)
    if (part.s[i] == '\0' || strchr(bytes, part.s[i]) != NULL ||
        iscntrl((unsigned char)part.s[i]))
      return 1;
  return 0;
}


/* What libcurl takes for the host of an absolute URL; NULL when it refuses. */
static char *host_for_curl (const char *s, size_t n) {
  char *copy = malloc(n + 1), *host = NULL, *mine = NULL;
  CURLU *u = curl_url();
  need(copy != NULL && u != NULL);
  memcpy(copy, s, n);
  copy[n] = '\0';
  if (curl_url_set(u, CURLUPART_URL, copy, 0) == CURLUE_OK &&
      curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
    mine = strdup(host);
  curl_free(host);
  curl_url_cleanup(u);
  free(copy);
  return mine;
}


static void as_url (const char *s, size_t n) {
  fal_url u;
  char *host;
  if (fal_url_split(s, n, &u) != 0)
    return;
  need_inside(u.scheme, s, n);
  need_inside(u.host, s, n);
  need_inside(u.path, s, n);
  need(u.scheme.n > 0 && u.host.n > 0);
  need(u.port >= 0 && u.port <= 65535);
  need(!has_any(u.host, "/?#@\\ "));
  need(!has_any(u.path, " "));
  need(u.path.n == 0 || strchr("/?#", u.path.s[0]) != NULL);
  host = host_for_curl(s, n);
  if (host != NULL) {
    fal_slice theirs;
    theirs.s = host;
    theirs.n = strlen(host);
    if (host[0] == '[') {  /* "[v6]"; a zone is left out */
      theirs.s++;
      theirs.n -= 2;
    }
    if (fal_host_within(u.host, "fal.run"))
      need(fal_host_within(theirs, "fal.run"));
    if (u.host.s[-1] != '[' && memchr(u.host.s, '%', u.host.n) == NULL &&
        !isdigit((unsigned char)u.host.s[0]))  /* 0x7f.1 is made 127.0.0.1 */
      need(theirs.n == u.host.n &&
           strncasecmp(theirs.s, u.host.s, theirs.n) == 0);
  }
  if (fal_host_is_loopback(u.host))
    need((u.host.n == 9 && strncasecmp(u.host.s, "localhost", 9) == 0) ||
         (u.host.n == 3 && memcmp(u.host.s, "::1", 3) == 0) ||
         (u.host.n >= 7 && memcmp(u.host.s, "127.", 4) == 0));
  free(host);
}


static int same (fal_slice a, fal_slice b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}


static void as_id (const char *s, size_t n) {
  fal_endpoint ep, again;
  fal_error err;
  fal_slice all;
  fal_buf b;
  fal_code code = fal_endpoint_parse(s, n, &ep, &err);
  if (code != FAL_OK) {
    need(code == FAL_EVALIDATION && err.code == code);
    need(memchr(err.message, '\0', sizeof(err.message)) != NULL);
    return;
  }
  need_inside(ep.ns, s, n);
  need_inside(ep.owner, s, n);
  need_inside(ep.alias, s, n);
  need_inside(ep.path, s, n);
  need(ep.owner.n > 0 && ep.alias.n > 0);
  fal_buf_init(&b, n + 16);
  need(fal_endpoint_put(&ep, 1, &b) == FAL_OK);
  all.s = b.s;
  all.n = b.n;
  need(!has_any(all, "?#%\\ \"<>"));
  need(fal_endpoint_parse(b.s, b.n, &again, NULL) == FAL_OK);
  need(same(ep.owner, again.owner) && same(ep.alias, again.alias));
  need(same(ep.ns, again.ns) && same(ep.path, again.path));
  fal_buf_free(&b);
}


/* The first lines are the headers, what follows an empty line is the body. */
static void as_answer (const char *s, size_t n, int status) {
  static const char *const names[] = { "x-fal-request-id", "content-type",
                                       "a", "" };
  const char *blank = memmem(s, n, "\n\n", 2);
  size_t head_n = blank != NULL ? (size_t)(blank - s) + 1 : 0, i, lines = 0;
  fal_answer a;
  fal_error err;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    fal_slice v;
    if (fal_header(s, head_n, names[i], &v.s, &v.n)) {
      need_inside(v, s, head_n);
      need(v.n == 0 || memchr(v.s, '\n', v.n) == NULL);
      need(v.n == 0 || (!isspace((unsigned char)v.s[0]) &&
                        !isspace((unsigned char)v.s[v.n - 1])));
    }
  }
  memset(&a, 0, sizeof(a));
  a.status = status;
  a.head = s;
  a.head_n = head_n;
  a.body = blank != NULL ? blank + 2 : s;
  a.body_n = (size_t)(s + n - a.body);
  fal_answer_error(&a, &err);
  need(err.code != FAL_OK && err.status == status);
  need(memchr(err.message, '\0', sizeof(err.message)) != NULL);
  need(memchr(err.type, '\0', sizeof(err.type)) != NULL);
  need(memchr(err.request_id, '\0', sizeof(err.request_id)) != NULL);
  for (i = 0; err.message[i] != '\0'; i++) {
    lines += err.message[i] == '\n';
    need(err.message[i] == '\n' || !iscntrl((unsigned char)err.message[i]));
  }
  need(lines <= 8);
  need(strchr(err.type, '\n') == NULL && strchr(err.request_id, '\n') == NULL);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const int statuses[] = { 302, 400, 401, 403, 404, 413, 422, 429, 499,
                                  500, 502, 503, 504, 100, 999, 0 };
  char *s;
  if (size < 1)
    return 0;
  s = malloc(size);  /* on its own, so that overruns are seen */
  need(s != NULL);
  memcpy(s, data + 1, size - 1);
  as_url(s, size - 1);
  as_id(s, size - 1);
  as_answer(s, size - 1, statuses[data[0] % 16]);
  free(s);
  return 0;
}
