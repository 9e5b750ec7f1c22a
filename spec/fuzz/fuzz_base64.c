/*
** fuzz_base64.c -- any bytes as a data: URI, as base64, as what is encoded
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/base64.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


/* By definition, a character at a time, to compare with. -1 as there. */
static ptrdiff_t slow_decode (uint8_t *to, const char *s, size_t n) {
  static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                            "wxyz0123456789+/";
  size_t i, digits = 0, pads = 0, k = 0;
  unsigned v = 0;
  for (i = 0; i < n; i++) {
    const char *found;
    char c = s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
      continue;
    if (c == '=') {
      pads++;
      continue;
    }
    found = c != '\0' ? strchr(set, c) : NULL;
    if (found == NULL || pads > 0)
      return -1;
    v = v << 6 | (unsigned)(found - set);
    digits++;
    if (digits % 4 != 1)
      to[k++] = (uint8_t)(v >> (digits % 4 == 2 ? 4 : digits % 4 == 3 ? 2 : 0));
  }
  if (digits % 4 == 1 || (pads > 0 && (digits + pads) % 4 != 0) || pads > 2)
    return -1;
  return (ptrdiff_t)k;
}


static void decode (const char *s, size_t n) {
  size_t room = fal_base64_decoded(n);
  uint8_t *a = malloc(room), *b = malloc(n + 1);
  char *c = malloc(n + 1);
  ptrdiff_t k;
  need(a != NULL && b != NULL && c != NULL);
  memcpy(c, s, n);
  k = fal_base64_decode(a, s, n);
  need(k == slow_decode(b, s, n));
  need(fal_base64_decode(c, c, n) == k);
  need(k <= 0 || (memcmp(a, b, (size_t)k) == 0 &&
                  memcmp(a, c, (size_t)k) == 0));
  free(a);
  free(b);
  free(c);
}


static void encode (const uint8_t *data, size_t n) {
  size_t size = fal_base64_encoded(n);
  char *text = malloc(size + 1);
  need(text != NULL);
  need(fal_base64_encode(text, data, n) == size);
  need(fal_base64_decode(text, text, size) == (ptrdiff_t)n);
  need(memcmp(text, data, n) == 0);
  free(text);
}


static void uri (const char *s, size_t n) {
  const char *type, *payload;
  size_t type_n, payload_n;
  int is_base64;
  char *to;
  if (!fal_data_uri_split(s, n, &type, &type_n, &is_base64, &payload,
                          &payload_n))
    return;
  need(type == s + 5 && type + type_n < payload);
  need(payload[-1] == ',' && payload + payload_n == s + n);
  decode(payload, payload_n);
  to = malloc(payload_n + 1);
  need(to != NULL);
  need(fal_percent_decode(to, payload, payload_n) <= (ptrdiff_t)payload_n);
  free(to);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  uri((const char *)data, size);
  decode((const char *)data, size);
  encode(data, size);
  return 0;
}
