/*
** realtime_text.c -- what a text message of a realtime app is: a result, or
** something about the connection (protocol 7)
*/
#include <string.h>

#include "json.h"
#include "realtime_private.h"

#define MAX_TEXT ((size_t)64 << 10)   /* of an error's words */


/* Is member 'name' of an object the string 'value'? */
static int is_member (const char *s, size_t n, const char *name,
                      const char *value) {
  const char *raw;
  size_t len, k = strlen(value);
  return fal_json_find(s, n, name, &raw, &len) == FAL_JSON_STRING &&
         len == k + 2 && memcmp(raw + 1, value, k) == 0;
}


/* An error that the app reports. */
static void app_error (const char *s, size_t n, fal_code code,
                       fal_error *err) {
  fal_buf error, reason;
  fal_buf_init(&error, MAX_TEXT);
  fal_buf_init(&reason, MAX_TEXT);
  if (!fal_json_find_string(s, n, "error", &error))
    fal_buf_addstr(&error, "error");
  if (fal_json_find_string(s, n, "reason", &reason))
    fal_fail(err, code, "%.*s: %.*s", (int)error.n, error.s, (int)reason.n,
             reason.s);
  else
    fal_fail(err, code, "%.*s", (int)error.n, error.s);
  fal_copy_text(err->type, sizeof(err->type), error.s, error.n);
  fal_buf_free(&error);
  fal_buf_free(&reason);
}


fal_rt_text fal_rt_read (const char *s, size_t n, fal_error *err) {
  int failed;
  if (memmem(s, n, "x-fal-", 6) == NULL && memmem(s, n, "\"error\"", 7) == NULL)
    return FAL_RT_RESULT;
  if (is_member(s, n, "type", "x-fal-message"))
    return FAL_RT_NEWS;
  failed = is_member(s, n, "type", "x-fal-error");
  if (!failed && !is_member(s, n, "status", "error"))
    return FAL_RT_RESULT;
  if (failed && is_member(s, n, "error", "TIMEOUT"))
    return FAL_RT_TIMEOUT;
  if (!failed && is_member(s, n, "error", "Unauthorized")) {
    app_error(s, n, FAL_EAUTH, err);
    return FAL_RT_UNAUTHORIZED;
  }
  app_error(s, n, FAL_EMODEL, err);
  return FAL_RT_ERROR;
}
