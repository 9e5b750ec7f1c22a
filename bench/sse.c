/*
** sse.c -- how many events a second libfal's parser of event streams takes,
** from memory, in the pieces libcurl hands on (16 KiB); prints millions
*/
#include "raw.h"
#include "sse.h"

#define PIECE 16384
#define BYTES (64u << 20)

static const char one[] =
  "data: {\"partial\":false,\"index\":41,\"output\":\"a word or two of the "
  "answer, as a language model sends them\"}\n\n";


int main (void) {
  size_t n = sizeof(one) - 1, i, events = 0, bytes = 0;
  char *text = malloc(BYTES + n);
  fal_sse parser;
  double spent;
  if (text == NULL)
    die("out of memory");
  for (i = 0; i < BYTES; i += n)
    memcpy(text + i, one, n);
  fal_sse_init(&parser, 1 << 20);
  spent = cpu();
  for (i = 0; i < BYTES; i += PIECE) {
    const char *s = text + i;
    size_t left = PIECE;
    while (left > 0) {
      fal_sse_event ev;
      ptrdiff_t took = fal_sse_feed(&parser, s, left, &ev);
      if (took < 0)
        die("a parse error");
      if (ev.complete) {
        events++;
        bytes += ev.n;
      }
      s += took;
      left -= (size_t)took;
    }
  }
  spent = cpu() - spent;
  if (events != BYTES / n || bytes != events * (n - 8))
    die("events are missing");
  printf("%.3f\n", (double)events / spent / 1e6);
  fal_sse_free(&parser);
  free(text);
  return 0;
}
