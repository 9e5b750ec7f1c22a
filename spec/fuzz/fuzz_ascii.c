/*
** fuzz_ascii.c -- JSON made ASCII: the same values, no byte above 127
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/json.h"
#include "../../src/server/ascii.c"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


/* Both say the same. */
static void compare (const char *a, size_t a_n, const char *b, size_t b_n) {
  fal_json x, y;
  fal_json_token s, t;
  fal_json_kind kind;
  fal_json_open(&x, a, a_n, 0);
  fal_json_open(&y, b, b_n, 0);
  do {
    kind = fal_json_next(&x, &s);
    need(fal_json_next(&y, &t) == kind);
    if (kind == FAL_JSON_STRING || kind == FAL_JSON_KEY)
      need(s.n == t.n && memcmp(s.s, t.s, s.n) == 0);
  } while (kind != FAL_JSON_END);
  fal_json_close(&x);
  fal_json_close(&y);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *s = malloc(size);  /* on its own, so that overruns are seen */
  fal_buf b;
  size_t i;
  need(s != NULL || size == 0);
  if (size > 0)
    memcpy(s, data, size);
  fal_buf_init(&b, 1u << 24);
  need(serve_ascii_put(&b, s, size) == FAL_OK);
  for (i = 0; i < b.n; i++)
    need((unsigned char)b.s[i] < 0x80 && b.s[i] != '\n' && b.s[i] != '\r');
  if (fal_json_valid(s, size))
    compare(s, size, b.s, b.n);
  fal_buf_free(&b);
  free(s);
  return 0;
}
