/*
** proxy.c -- /api/fal/proxy: the contract of fal's server proxies (12.3)
**
** A client that is told to use a proxy sends each request there and names
** what it meant in x-fal-target-url. This server is what was meant: the
** request goes on as if it had come to that host and path. Addresses in
** answers still begin with how the caller reaches us.
*/
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/base64.h"
#include "../core/endpoint.h"
#include "serve.h"

#define TARGET  "x-fal-target-url"


static int refuse (serve_request *r, unsigned int status, const char *why) {
  serve_answer_detail(&r->answer, status, NULL, "%s", why);
  return 1;
}


/* The path and the query of the target become the request's. */
static int set_path (serve_request *r, fal_slice path) {
  const char *s = path.n > 0 ? path.s : "/";
  size_t n = path.n > 0 ? path.n : 1, whole;
  const char *fragment = memchr(s, '#', n), *query;
  char *to;
  ptrdiff_t k;
  n = fragment != NULL ? (size_t)(fragment - s) : n;
  query = memchr(s, '?', n);
  whole = query != NULL ? (size_t)(query - s) : n;
  to = malloc(whole + 2);
  if (to == NULL)
    return 0;
  k = fal_percent_decode(to, s, whole);
  if (k <= 0 || memchr(to, '\0', (size_t)k) != NULL || to[0] != '/') {
    free(to);
    return 0;
  }
  to[k] = '\0';
  free(r->path);
  r->path = to;
  fal_buf_init(&r->args, 65536);
  if (query != NULL)
    serve_add_args(query + 1, n - whole - 1, &r->args);
  return 1;
}


/* The host as the table of roles wants it: "" for this server under the name
** that the caller uses himself. NULL when it is neither that nor one of
** fal's. */
static const char *known_host (const serve_request *r, const fal_url *u,
                               char to[256]) {
  static const char *const domains[] = {"fal.ai", "fal.run", "fal.media",
                                        "falrun.com"};
  const char *own = serve_header(r, MHD_HTTP_HEADER_HOST);
  size_t i;
  if (u->host.n >= 256 || strncasecmp(u->scheme.s, "http", 4) != 0)
    return NULL;
  memcpy(to, u->host.s, u->host.n);
  to[u->host.n] = '\0';
  for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
    if (fal_host_within(u->host, domains[i]))
      return to;
  if (fal_host_is_loopback(u->host) ||
      (own != NULL && strncasecmp(own, to, u->host.n) == 0 &&
       (own[u->host.n] == '\0' || own[u->host.n] == ':')))
    return "";
  return NULL;
}


static int is_json (const serve_request *r) {
  const char *type = serve_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
  return type != NULL && strncasecmp(type, "application/json", 16) == 0;
}


int serve_proxy (serve_request *r) {
  const char *target = serve_header(r, TARGET), *host = NULL;
  char name[256];
  fal_url u;
  if (target == NULL)
    return refuse(r, MHD_HTTP_BAD_REQUEST, "This is a proxy for fal's "
                  "clients: there is no " TARGET " header");
  if (fal_url_split(target, strlen(target), &u) == 0)
    host = known_host(r, &u, name);
  if (host == NULL || !set_path(r, u.path))
    return refuse(r, MHD_HTTP_PRECONDITION_FAILED, TARGET " is no address on "
                  "one of fal's hosts");
  serve_find_role(r, host[0] != '\0' ? host : NULL);
  r->proxied = 1;
  if (r->role == ROLE_PROXY)
    return refuse(r, MHD_HTTP_PRECONDITION_FAILED, TARGET " is this proxy");
  if (strcmp(r->method, "POST") == 0 && r->role != ROLE_MEDIA && !is_json(r))
    return refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "A POST through the "
                  "proxy is application/json");
  return 0;
}
