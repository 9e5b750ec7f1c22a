/*
** report.c -- what the queue says about a request
*/
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../core/endpoint.h"
#include "../core/json.h"
#include "report.h"

#define LOGS_MAX  (64u << 20)


/* A string of which nobody knows whether it is UTF-8: what is not becomes
** U+FFFD. */
static fal_code put_text (fal_buf *b, const char *s, size_t n) {
  fal_buf clean;
  fal_code code;
  if (fal_utf8_check(s, n) == n)
    return fal_json_put_string(b, s, n);
  fal_buf_init(&clean, LOGS_MAX);
  while (n > 0) {
    size_t good = fal_utf8_check(s, n);
    fal_buf_add(&clean, s, good);
    s += good;
    n -= good;
    if (n > 0) {
      fal_buf_addstr(&clean, "\xEF\xBF\xBD");
      s++;
      n--;
    }
  }
  code = fal_json_put_string(b, clean.s, clean.n);
  fal_buf_free(&clean);
  return code;
}


static fal_code put_member (fal_buf *b, const char *name, const char *value) {
  fal_buf_addf(b, ",\"%s\":", name);
  return put_text(b, value, strlen(value));
}


fal_code serve_report_put_urls (fal_buf *b, const char *url, const char *id,
                                const char *endpoint) {
  fal_endpoint ep;
  fal_buf base;
  fal_code code;
  fal_buf_init(&base, 4096);
  fal_buf_addf(&base, "%s/", url);
  if (fal_endpoint_parse(endpoint, strlen(endpoint), &ep, NULL) == FAL_OK)
    fal_endpoint_put(&ep, 0, &base);
  fal_buf_addf(&base, "/requests/%s", id);
  fal_buf_addf(b, ",\"request_id\":\"%s\"", id);
  put_member(b, "response_url", fal_buf_cstr(&base));
  fal_buf_addstr(&base, "/status");
  put_member(b, "status_url", fal_buf_cstr(&base));
  base.n -= 7;
  fal_buf_addstr(&base, "/cancel");
  code = put_member(b, "cancel_url", fal_buf_cstr(&base));
  fal_buf_free(&base);
  return code;
}


/* "2026-01-05T10:20:30.123456Z" */
static void put_time (fal_buf *b, double t) {
  long us = (long)((t - (double)(time_t)t) * 1e6 + 0.5);
  time_t sec = (time_t)t + us / 1000000;
  struct tm tm;
  char text[32];
  gmtime_r(&sec, &tm);
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
  fal_buf_addf(b, "\"%s.%06ldZ\"", text, us % 1000000);
}


static fal_code put_logs (fal_buf *b, const store_status *st, int logs) {
  size_t i;
  fal_buf_addstr(b, ",\"logs\":");
  if (!logs)
    return fal_buf_addstr(b, "null");
  for (i = 0; i < st->logs_n; i++) {
    const store_log *l = &st->logs[i];
    fal_buf_addstr(b, i == 0 ? "[{\"message\":" : ",{\"message\":");
    put_text(b, l->text, l->text_n);
    put_member(b, "level", l->level);
    fal_buf_addstr(b, ",\"source\":\"USER\",\"timestamp\":");
    put_time(b, l->time);
    fal_buf_addstr(b, "}");
  }
  return fal_buf_addstr(b, st->logs_n == 0 ? "[]" : "]");
}


static void put_end (fal_buf *b, const store_status *st) {
  fal_buf_addstr(b, ",\"metrics\":{");
  if (st->seconds >= 0) {
    fal_buf_addstr(b, "\"inference_time\":");
    fal_json_put_number(b, st->seconds, 0);
  }
  fal_buf_addstr(b, "}");
  if (st->error != NULL)
    put_member(b, "error", st->error);
  if (st->error_type != NULL)
    put_member(b, "error_type", st->error_type);
}


fal_code serve_report_put (fal_buf *b, const char *url, const char *id,
                           const store_status *st, int logs) {
  static const char *const names[] = {"IN_QUEUE", "IN_PROGRESS", "COMPLETED"};
  fal_buf_addf(b, "{\"status\":\"%s\"", names[st->state]);
  serve_report_put_urls(b, url, id, st->endpoint);
  if (st->state == STORE_IN_QUEUE)
    fal_buf_addf(b, ",\"queue_position\":%ld", st->position);
  put_logs(b, st, logs);
  if (st->state == STORE_COMPLETED)
    put_end(b, st);
  return fal_buf_addstr(b, "}");  /* a ceiling passed before is passed here */
}
