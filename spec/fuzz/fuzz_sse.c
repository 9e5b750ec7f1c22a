/*
** fuzz_sse.c -- any bytes, cut anywhere: the same events as in one piece
**
** The first byte chooses the ceiling, the next four the sizes of the pieces.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/sse.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


/* Notes the events of s[0..n) in 'b', fed in pieces of sizes[0..3] in turn
** (0 is all that is left). */
static void run (const char *s, size_t n, size_t max, const uint8_t *sizes,
                 fal_buf *b) {
  fal_sse p;
  fal_sse_event ev;
  int i;
  fal_sse_init(&p, max);
  for (i = 0; n > 0; i = (i + 1) % 4) {
    size_t piece = sizes[i] != 0 && sizes[i] < n ? sizes[i] : n;
    while (piece > 0) {
      char *copy = malloc(piece);  /* on its own, so that overruns are seen */
      ptrdiff_t took;
      need(copy != NULL);
      memcpy(copy, s, piece);
      took = fal_sse_feed(&p, copy, piece, &ev);
      free(copy);
      if (took < 0) {
        fal_buf_addstr(b, "!");
        need(fal_sse_feed(&p, s, piece, &ev) == -1);
        fal_sse_free(&p);
        return;
      }
      need(took > 0 && (size_t)took <= piece);
      need(ev.complete || (size_t)took == piece);
      if (ev.complete) {
        need(ev.n <= max && strlen(ev.event) < sizeof(p.event));
        fal_buf_addf(b, "%s|%lu|", ev.event, (unsigned long)ev.n);
        fal_buf_add(b, ev.data, ev.n);
      }
      s += took;
      n -= (size_t)took;
      piece -= (size_t)took;
    }
  }
  fal_sse_free(&p);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const uint8_t whole[4] = { 0, 0, 0, 0 }, bytes[4] = { 1, 1, 1, 1 };
  fal_buf a, b, c;
  size_t max;
  const char *s = (const char *)data + 5;
  if (size < 5)
    return 0;
  max = data[0] < 128 ? 16u + data[0] : 1u << 20;
  fal_buf_init(&a, size * 100 + 100);
  fal_buf_init(&b, size * 100 + 100);
  fal_buf_init(&c, size * 100 + 100);
  run(s, size - 5, max, whole, &a);
  run(s, size - 5, max, bytes, &b);
  run(s, size - 5, max, data + 1, &c);
  need(a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0));
  need(a.n == c.n && (a.n == 0 || memcmp(a.s, c.s, a.n) == 0));
  fal_buf_free(&a);
  fal_buf_free(&b);
  fal_buf_free(&c);
  return 0;
}
