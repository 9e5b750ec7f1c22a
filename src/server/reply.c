/*
** reply.c -- what an endpoint answered, as plain bytes
*/
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../core/json.h"
#include "serve.h"

#define HEAD_MAX    (64u << 10)
#define DETAIL_MAX  (64u << 10)


void serve_reply_free (serve_reply *r) {
  fal_buf_free(&r->head);
  fal_buf_free(&r->body);
  r->status = 0;
}


static void renew (serve_reply *r, unsigned int status) {
  serve_reply_free(r);
  fal_buf_init(&r->head, HEAD_MAX);
  fal_buf_init(&r->body, DETAIL_MAX);
  r->status = status;
  serve_reply_header(r, "content-type", "application/json");
}


void serve_reply_header (serve_reply *r, const char *name,
                         const char *value) {
  fal_buf_addf(&r->head, "%s: %s\r\n", name, value);
}


static void add_string (fal_buf *b, const char *s) {
  if (fal_json_put_string(b, s, strlen(s)) != FAL_OK)
    fal_buf_addstr(b, "\"\"");
}


void serve_reply_detail (serve_reply *r, unsigned int status,
                         const char *type, const char *fmt, ...) {
  char text[4096];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof(text), fmt, ap);
  va_end(ap);
  renew(r, status);
  fal_buf_addstr(&r->body, "{\"detail\":");
  add_string(&r->body, text);
  if (type != NULL) {
    fal_buf_addf(&r->body, ",\"error_type\":\"%s\"", type);
    serve_reply_header(r, "x-fal-error-type", type);
  }
  fal_buf_addstr(&r->body, "}");
}


void serve_reply_model (serve_reply *r, unsigned int status,
                        const char *type, const char *msg) {
  renew(r, status);
  fal_buf_addstr(&r->body, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":");
  add_string(&r->body, msg);
  fal_buf_addf(&r->body, ",\"type\":\"%s\","
               "\"url\":\"https://docs.fal.ai/errors/#%s\"}]}", type, type);
  serve_reply_header(r, "x-fal-needs-retry", "0");
  serve_reply_header(r, "x-fal-retryable", "false");
  serve_reply_header(r, "x-fal-billable-units", "0");
}
