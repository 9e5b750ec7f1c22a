/*
** args.c -- arguments in the query of a request's URL
**
** libmicrohttpd has them, unless the request came through the proxy: then
** they are those of the target, kept as strings: name NUL value NUL ...
*/
#include <string.h>

#include "../core/base64.h"
#include "serve.h"


/* Appends s[0..n) unescaped, as forms are, and a NUL. */
static int add_text (fal_buf *b, const char *s, size_t n) {
  char *to = fal_buf_room(b, n + 1);
  ptrdiff_t k;
  size_t i;
  if (to == NULL)
    return 0;
  for (i = 0; i < n; i++)
    to[i] = s[i] == '+' ? ' ' : s[i];
  k = fal_percent_decode(to, to, n);
  if (k < 0 || memchr(to, '\0', (size_t)k) != NULL)
    return 0;
  to[k] = '\0';
  b->n += (size_t)k + 1;
  return 1;
}


static void add_pair (fal_buf *b, const char *s, size_t n) {
  size_t before = b->n;
  const char *eq = memchr(s, '=', n);
  size_t name = eq != NULL ? (size_t)(eq - s) : n;
  if (name == 0 || !add_text(b, s, name) ||
      !add_text(b, eq != NULL ? eq + 1 : s + n, eq != NULL ? n - name - 1 : 0))
    b->n = before;
}


void serve_add_args (const char *s, size_t n, fal_buf *to) {
  const char *end = s + n;
  while (s < end) {
    const char *amp = memchr(s, '&', (size_t)(end - s));
    const char *next = amp != NULL ? amp : end;
    add_pair(to, s, (size_t)(next - s));
    s = next + 1;
  }
}


static const char *find (const fal_buf *args, const char *name) {
  size_t i = 0;
  while (i < args->n) {
    const char *key = args->s + i, *value = key + strlen(key) + 1;
    if (strcmp(key, name) == 0)
      return value;
    i += strlen(key) + strlen(value) + 2;
  }
  return NULL;
}


const char *serve_arg (const serve_request *r, const char *name) {
  const char *value = NULL;
  size_t n;
  if (r->proxied)
    return find(&r->args, name);
  if (MHD_lookup_connection_value_n(r->mc, MHD_GET_ARGUMENT_KIND, name,
                                    strlen(name), &value, &n) == MHD_NO)
    return NULL;
  return value != NULL ? value : "";
}


void serve_each_arg (const serve_request *r, MHD_KeyValueIterator f,
                     void *ud) {
  size_t i = 0;
  if (!r->proxied)
    MHD_get_connection_values(r->mc, MHD_GET_ARGUMENT_KIND, f, ud);
  while (r->proxied && i < r->args.n) {
    const char *key = r->args.s + i, *value = key + strlen(key) + 1;
    if (f(ud, MHD_GET_ARGUMENT_KIND, key, value) == MHD_NO)
      return;
    i += strlen(key) + strlen(value) + 2;
  }
}
