/*
** route.c -- which family of routes a request is for
**
** One address plays every role of fal's hosts: by the Host header, for those
** who put fal's names in front of it, and else by the first part of the path.
** Handlers are tried in order; each takes the request or leaves it. Those of
** 'heads' see it before its body was read, and may refuse it, or send the
** body to a file.
*/
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/fal.h"
#include "chaos.h"
#include "filter.h"
#include "hooks.h"
#include "keys.h"
#include "serve.h"
#include "token.h"

static const struct { const char *label; serve_role role; } hosts[] = {
  {"queue.", ROLE_QUEUE},
  {"rest.", ROLE_REST},
  {"ws.", ROLE_WS},
  {"api.", ROLE_API},
  {"v3.", ROLE_MEDIA},
};

static const struct {
  const char *path; serve_role role;
} paths[] = {
  {"/queue/", ROLE_QUEUE},
  {"/rest/", ROLE_REST},
  {"/ws/", ROLE_WS},
  {"/api/fal/proxy", ROLE_PROXY},
  {"/api/", ROLE_API},
  {"/metrics", ROLE_METRICS},
};

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))


/* Media and health are found at every name. */
static int everywhere (serve_request *r) {
  if (strncmp(r->path, "/files/", 7) == 0) {
    r->role = ROLE_MEDIA;
    r->rest = r->path + 7;
  }
  else if (strcmp(r->path, "/health") == 0)
    r->role = ROLE_HEALTH;
  else
    return 0;
  return 1;
}


/* Nonzero when 'host' (a port may follow) says what role it plays. */
int serve_role_of_host (const char *host, serve_role *role) {
  size_t i, n = strcspn(host, ":");
  for (i = 0; n > 0 && i < COUNT(hosts); i++) {
    const char *label = hosts[i].label;
    if (strncasecmp(host, label, strlen(label)) == 0) {
      *role = hosts[i].role;
      return 1;
    }
  }
  if (n > 10 && strncasecmp(host + n - 10, ".fal.media", 10) == 0) {
    *role = ROLE_MEDIA;
    return 1;
  }
  return 0;
}


/* A path that ends in a slash stands for all below it, others for themselves
** and all below. */
static int by_path (serve_request *r) {
  size_t i;
  for (i = 0; i < COUNT(paths); i++) {
    size_t n = strlen(paths[i].path);
    if (strncmp(r->path, paths[i].path, n) == 0 &&
        (paths[i].path[n - 1] == '/' || r->path[n] == '/' ||
         r->path[n] == '\0')) {
      r->role = paths[i].role;
      r->rest = r->path + n;
      return 1;
    }
  }
  return 0;
}


/* The role by r->path alone or the name of a host (may be NULL), and what of
** the path is below it. Nonzero when it was the host's name that told. */
int serve_find_role (serve_request *r, const char *host) {
  int by_host = 0;
  r->role = ROLE_RUN;
  r->rest = r->path + (r->path[0] == '/');
  if (!everywhere(r)) {
    by_host = host != NULL && serve_role_of_host(host, &r->role);
    if (!by_host)
      by_path(r);
  }
  return by_host;
}


void serve_role_url (const serve_request *r, serve_role role, char *to,
                     size_t n) {
  const char *below = "";
  size_t i;
  for (i = 0; i < COUNT(paths); i++)
    if (paths[i].role == role && !(r->by_host && r->role == role))
      below = paths[i].path;
  snprintf(to, n, "%s%.*s", r->base_url,
           (int)(strlen(below) - (below[0] != '\0' &&
                                  below[strlen(below) - 1] == '/')), below);
}


/* "host:port" or "[::1]:port", and nothing else that could end up in a URL. */
static int good_host (const char *host) {
  size_t n = 0;
  if (host[0] == '[') {
    n = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
    if (host[n++] != ']')
      return 0;
  }
  else
    while (isalnum((unsigned char)host[n]) || host[n] == '.' ||
           host[n] == '-' || host[n] == '_')
      n++;
  if (n == 0 || n > 253)
    return 0;
  if (host[n] == ':')
    n += 1 + strspn(host + n + 1, "0123456789");
  return host[n] == '\0' && n < 260;
}


/* What URLs in answers begin with: the name the caller used. */
static void set_base_url (serve_request *r) {
  const char *host = serve_header(r, MHD_HTTP_HEADER_HOST);
  const char *proto = serve_header(r, "X-Forwarded-Proto");
  int tls = proto != NULL && strcasecmp(proto, "https") == 0;
  if (host != NULL && good_host(host)) {
    const char *scheme = tls ? "https://" : "http://";
    size_t n = strlen(scheme);
    memcpy(r->base_url, scheme, n);
    memcpy(r->base_url + n, host, strlen(host) + 1);  /* less than 260 */
  }
  else
    snprintf(r->base_url, sizeof(r->base_url), "%s", r->s->url);
}


/*
** {======================================================
** Small handlers
** =======================================================
*/

/* Decided before there was a route. */
static int refused (serve_request *r) {
  serve_answer *a = &r->answer;
  if (a->response != NULL || r->refused == 0)
    return r->refused != 0;
  switch (r->refused) {
    case MHD_HTTP_CONTENT_TOO_LARGE:
      serve_answer_detail(a, r->refused, NULL,
                          "The request's body is larger than %llu bytes",
                          r->file_max > 0 ? (unsigned long long)r->file_max
                                          : SERVE_BODY_MAX);
      break;
    case MHD_HTTP_URI_TOO_LONG:
      serve_answer_detail(a, r->refused, NULL, "The address is too long");
      break;
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
      serve_answer_detail(a, r->refused, NULL,
                          "The request's headers are too large");
      break;
    case MHD_HTTP_INSUFFICIENT_STORAGE:
      serve_answer_detail(a, r->refused, "internal_error",
                          "The server's disk is full: try again later, or "
                          "have room made there");
      break;
    case MHD_HTTP_INTERNAL_SERVER_ERROR:
      serve_answer_detail(a, r->refused, "internal_error",
                          "Internal Server Error");
      break;
    default:
      serve_answer_detail(a, r->refused, "runner_scheduling_failure",
                          "The server is busy or ending: try again");
      serve_answer_header(a, MHD_HTTP_HEADER_RETRY_AFTER, "1");
  }
  return 1;
}


/* Only what can stand in a list of header names goes back to the caller. */
static const char *asked_headers (const serve_request *r) {
  const char *asked = serve_header(r, "Access-Control-Request-Headers");
  if (asked != NULL && strlen(asked) < 1024 &&
      asked[strspn(asked, "abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ")] == '\0')
    return asked;
  return "authorization, content-type, accept, x-fal-request-timeout, "
         "x-fal-request-start-timeout, x-fal-runner-hint, x-fal-store-io, "
         "x-fal-queue-priority, x-fal-object-lifecycle-preference, "
         "x-fal-client-proxy, x-fal-target-url, x-fal-no-retry, "
         "x-fal-object-lifecycle, x-fal-file-name, range, if-none-match";
}


static int preflight (serve_request *r) {
  if (strcmp(r->method, "OPTIONS") != 0)
    return 0;
  serve_answer_empty(&r->answer, MHD_HTTP_NO_CONTENT);
  serve_answer_header(&r->answer, "Access-Control-Allow-Methods",
                      "GET, HEAD, POST, PUT, DELETE, OPTIONS");
  serve_answer_header(&r->answer, "Access-Control-Allow-Headers",
                      asked_headers(r));
  serve_answer_header(&r->answer, "Access-Control-Max-Age", "86400");
  serve_answer_header(&r->answer, "Vary", "Access-Control-Request-Headers");
  return 1;
}


static int health (serve_request *r) {
  fal_buf b;
  if (r->role != ROLE_HEALTH || !serve_reads(r))
    return 0;
  fal_buf_init(&b, 256);
  fal_buf_addstr(&b, "{\"status\":\"ok\",\"version\":\"" FAL_VERSION "\"}");
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  return 1;
}


/* What nobody took. */
static int nowhere (serve_request *r) {
  static const char *const names[] = {
    "There is nothing", "There is nothing", "REST is not served",
    "HTTP over WebSocket is not served", "The platform API is not served",
    "The proxy is not served", "Metrics are not served", "There is nothing",
    "There is no such file"
  };
  serve_answer_detail(&r->answer, MHD_HTTP_NOT_FOUND, NULL,
                      "%s here: this is a local preview server. It runs "
                      "models by POST /{endpoint id} and serves their files",
                      names[r->role]);
  return 1;
}

/* }====================================================== */


static int (*const heads[]) (serve_request *r) = {
  serve_tenant_head,
  serve_storage_head,
  NULL
};

static int (*const handlers[]) (serve_request *r) = {
  refused,
  preflight,
  health,
  serve_status,
  serve_tenant,
  serve_chaos_strike,
  serve_storage,
  serve_media,
  serve_filter_call,
  serve_pricing,
  serve_models,
  serve_jwks,
  serve_tokens,
  serve_ws,
  serve_queue,
  serve_realtime,
  serve_stream,
  serve_run,
  nowhere
};


int serve_head (serve_request *r) {
  size_t i = 0;
  r->by_host = serve_find_role(r, serve_header(r, MHD_HTTP_HEADER_HOST));
  set_base_url(r);
  if (r->refused != 0 || strcmp(r->method, "OPTIONS") == 0)
    return 0;
  if (r->role == ROLE_PROXY && serve_proxy(r))
    return 1;
  while (heads[i] != NULL && !heads[i](r))
    i++;
  return r->answer.response != NULL;
}


void serve_route (serve_request *r) {
  size_t i = 0;
  while (i < COUNT(handlers) && !handlers[i](r))
    i++;
}
