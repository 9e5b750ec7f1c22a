/*
** fuzz_range.c -- Range headers, of files of any size
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/server/range.c"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  uint64_t n, from = 7, count = 7;
  uint32_t small;
  serve_range what;
  char *s;
  if (size < 4)
    return 0;
  memcpy(&small, data, 4);
  n = small % 3 == 0 ? (uint64_t)small << 20 : small % 64;
  s = malloc(size - 3);
  if (s == NULL)
    return 0;
  memcpy(s, data + 4, size - 4);
  s[size - 4] = '\0';
  what = serve_read_range(s, n, &from, &count);
  if (what == RANGE_ONE && (count == 0 || from >= n || count > n - from))
    abort();
  if (what == RANGE_BAD && strncmp(s, "bytes=", 6) != 0)
    abort();
  free(s);
  return 0;
}
