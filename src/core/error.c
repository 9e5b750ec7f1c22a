/*
** error.c -- filling errors
*/
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"


const char *fal_code_name (fal_code code) {
  static const char *const names[] = {
    "ok", "network", "timeout", "canceled", "auth", "validation", "http",
    "model", "protocol", "toobig", "file", "budget", "expired", "memory"
  };
  return (size_t)code < sizeof(names) / sizeof(names[0]) ? names[code] : "?";
}


/* Length of s[0..n) without an UTF-8 sequence cut off at its end. */
static size_t whole (const char *s, size_t n) {
  size_t i = n;
  while (i > 0 && n - i < 3 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
    i--;
  if (i > 0) {
    unsigned char c = (unsigned char)s[i - 1];
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    if (need > 1 && n - i + 1 < need)
      return i - 1;
  }
  return n;
}


void fal_copy_text (char *to, size_t size, const char *s, size_t n) {
  size_t i;
  if (n > size - 1)
    n = whole(s, size - 1);
  for (i = 0; i < n; i++)
    to[i] = (unsigned char)s[i] < 32 || s[i] == 127 ? ' ' : s[i];
  to[n] = '\0';
}


/* vsnprintf into a field of the error, cut like fal_copy_text. */
static void format (char *to, size_t size, const char *fmt, va_list ap) {
  int n = vsnprintf(to, size, fmt, ap);
  if (n < 0)
    to[0] = '\0';
  else if ((size_t)n >= size)
    to[whole(to, size - 1)] = '\0';
}


fal_code fal_fail (fal_error *err, fal_code code, const char *fmt, ...) {
  if (err != NULL) {
    va_list ap;
    char message[sizeof(err->message)];
    va_start(ap, fmt);  /* arguments may point into '*err': format aside */
    format(message, sizeof(message), fmt, ap);
    va_end(ap);
    memset(err, 0, sizeof(*err));
    err->code = code;
    memcpy(err->message, message, sizeof(message));
  }
  return code;
}


void fal_hint (fal_error *err, const char *fmt, ...) {
  if (err != NULL) {
    va_list ap;
    va_start(ap, fmt);
    format(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
  }
}
