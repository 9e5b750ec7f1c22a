/*
** answer.c -- what goes back to the caller, in fal's shapes
*/
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "serve.h"

#define EXPOSED \
  "x-fal-request-id, x-fal-request-timeout-type, x-fal-error-type, " \
  "x-fal-billable-units, x-fal-served-from, x-fal-needs-retry, " \
  "x-fal-retryable, retry-after, content-range, etag"


void serve_answer_bytes (serve_answer *a, unsigned int status,
                         const char *type, fal_buf *body) {
  serve_answer_free(a);
  a->status = status;
  a->response = MHD_create_response_from_buffer(body->n, body->s,
                                                MHD_RESPMEM_MUST_FREE);
  if (a->response != NULL)
    memset(body, 0, sizeof(*body));  /* the response's now */
  else
    fal_buf_free(body);
  serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}


void serve_answer_json (serve_answer *a, unsigned int status, fal_buf *body) {
  serve_answer_bytes(a, status, "application/json", body);
}


void serve_answer_detail (serve_answer *a, unsigned int status,
                          const char *type, const char *fmt, ...) {
  char text[512];
  fal_buf b;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof(text), fmt, ap);
  va_end(ap);
  fal_buf_init(&b, 8192);
  fal_buf_addstr(&b, "{\"detail\":");
  if (fal_json_put_string(&b, text, strlen(text)) != FAL_OK)
    fal_buf_addstr(&b, "\"\"");
  if (type != NULL)
    fal_buf_addf(&b, ",\"error_type\":\"%s\"", type);
  fal_buf_addstr(&b, "}");
  serve_answer_json(a, status, &b);
  if (type != NULL)
    serve_answer_header(a, "x-fal-error-type", type);
}


void serve_answer_too_many (serve_answer *a, const char *why) {
  serve_answer_detail(a, MHD_HTTP_TOO_MANY_REQUESTS,
                      "concurrent_requests_limit", "%s: try again in a second",
                      why);
  serve_answer_header(a, MHD_HTTP_HEADER_RETRY_AFTER, "1");
  serve_answer_header(a, "x-fal-needs-retry", "1");
  serve_answer_header(a, "x-fal-retryable", "true");
}


void serve_answer_empty (serve_answer *a, unsigned int status) {
  serve_answer_free(a);
  a->status = status;
  a->response = MHD_create_response_from_buffer(0, NULL,
                                                MHD_RESPMEM_PERSISTENT);
}


/* One "name: value" of a head that ends each with CRLF. */
static void add_line (serve_answer *a, char *line, char *end) {
  char *colon = memchr(line, ':', (size_t)(end - line));
  if (colon == NULL)
    return;
  *end = *colon = '\0';
  do
    colon++;
  while (*colon == ' ');
  serve_answer_header(a, line, colon);
}


static void add_head (serve_answer *a, fal_buf *head) {
  char *p = head->s, *end = head->s + head->n, *nl;
  while (p < end && (nl = memchr(p, '\r', (size_t)(end - p))) != NULL) {
    add_line(a, p, nl);
    p = nl + 2;
  }
}


void serve_answer_reply (serve_answer *a, serve_reply *r) {
  serve_answer_free(a);
  a->status = r->status;
  a->response = MHD_create_response_from_buffer(r->body.n, r->body.s,
                                                MHD_RESPMEM_MUST_FREE);
  if (a->response != NULL)
    memset(&r->body, 0, sizeof(r->body));  /* the response's now */
  add_head(a, &r->head);
  serve_reply_free(r);
}


void serve_answer_reply_file (serve_answer *a, serve_reply *r, int fd,
                              size_t n) {
  serve_answer_free(a);
  a->status = r->status;
  a->response = MHD_create_response_from_fd64(n, fd);
  if (a->response == NULL)
    close(fd);
  add_head(a, &r->head);
  serve_reply_free(r);
}


void serve_answer_header (serve_answer *a, const char *name,
                          const char *value) {
  if (a->response != NULL)
    MHD_add_response_header(a->response, name, value);
}


void serve_answer_retype (serve_answer *a, const char *type) {
  const char *old = a->response == NULL ? NULL : MHD_get_response_header(
                      a->response, MHD_HTTP_HEADER_CONTENT_TYPE);
  if (old == NULL)
    return;
  MHD_del_response_header(a->response, MHD_HTTP_HEADER_CONTENT_TYPE, old);
  serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}


void serve_answer_free (serve_answer *a) {
  if (a->response != NULL)
    MHD_destroy_response(a->response);
  memset(a, 0, sizeof(*a));
}


enum MHD_Result serve_answer_send (serve_answer *a,
                                   struct MHD_Connection *mc,
                                   const char *request_id) {
  if (a->response == NULL)
    return MHD_NO;  /* closes the connection */
  if (request_id != NULL) {
    serve_answer_header(a, MHD_HTTP_HEADER_SERVER, "falua/" FAL_VERSION);
    serve_answer_header(a, "x-fal-request-id", request_id);
    serve_answer_header(a, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    serve_answer_header(a, "Access-Control-Expose-Headers", EXPOSED);
  }
  return MHD_queue_response(mc, a->status, a->response);
}
