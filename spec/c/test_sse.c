/*
** test_sse.c -- event streams: every row whole, byte by byte, and cut in two
** at every place
*/
#include <stdlib.h>

#include "../../src/core/sse.h"
#include "test.h"

#define MAX  64   /* the ceiling in all rows */

static const struct {
  const char *what, *bytes;
  const char *events;   /* "name|data;" for each; "!" where it fails */
} rows[] = {
  {"one line", "data: a\n\n", "|a;"},
  {"two data lines", "data: a\ndata: b\n\n", "|a\nb;"},
  {"CRLF", "event: x\r\ndata: a\r\n\r\n", "x|a;"},
  {"CR", "event: x\rdata: a\r\r", "x|a;"},
  {"mixed ends", "data: a\r\ndata: b\rdata: c\n\n", "|a\nb\nc;"},
  {"CR ends the event, LF belongs to it", "data: a\n\r\ndata: b\n\n",
   "|a;|b;"},
  {"CR CR LF ends it once", "data: a\r\r\ndata: b\r\r\n", "|a;|b;"},
  {"LF CR is two ends", "data: a\n\rdata: b\n\n", "|a;|b;"},
  {"no space after the colon", "data:a\n\n", "|a;"},
  {"only one space goes", "data:  a\n\n", "| a;"},
  {"a tab stays", "data:\ta\n\n", "|\ta;"},
  {"empty data is data", "data:\n\n", "|;"},
  {"two empty lines of data", "data\ndata\n\n", "|\n;"},
  {"a field without a colon", "data\n\n", "|;"},
  {"colons in the value", "data: a:b: c\n\n", "|a:b: c;"},
  {"a comment", ": ping\n\n", ""},
  {"a comment within", "data: a\n:x\ndata: b\n\n", "|a\nb;"},
  {"an empty comment", ":\n\ndata: a\n\n", "|a;"},
  {"event only is none", "event: x\n\ndata: a\n\n", "|a;"},
  {"the last name counts", "event: x\nevent: y\ndata: a\n\n", "y|a;"},
  {"an empty name", "event: x\nevent:\ndata: a\n\n", "|a;"},
  {"a name is for one event", "event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;"},
  {"id and retry are passed over", "id: 1\nretry: 10\ndata: a\n\n", "|a;"},
  {"unknown fields", "datum: 1\nData: 2\n data: 3\ndata: a\n\n", "|a;"},
  {"blank lines", "\n\n\ndata: a\n\n\n\ndata: b\n\n", "|a;|b;"},
  {"no blank line yet", "data: a\n", ""},
  {"no line end yet", "data: a\n\ndata: b", "|a;"},
  {"nothing", "", ""},
  {"BOM", "\xEF\xBB\xBF" "data: a\n\n", "|a;"},
  {"BOM alone on the first line", "\xEF\xBB\xBF\ndata: a\n\n", "|a;"},
  {"BOM later is part of a name", "\n\xEF\xBB\xBF" "data: a\n\n", ""},
  {"two BOMs", "\xEF\xBB\xBF\xEF\xBB\xBF" "data: a\n\n", ""},
  {"half a BOM", "\xEF\xBB" "data: a\n\n", ""},
  {"UTF-8", "event: ğ\ndata: \xF0\x9F\x90\x88 \xE2\x82\xAC\n\n",
   "ğ|\xF0\x9F\x90\x88 \xE2\x82\xAC;"},
  {"JSON", "data: {\"a\":[1,2]}\n\ndata: {}\n\n", "|{\"a\":[1,2]};|{};"},
  {"a line at the ceiling",
   "data: 0123456789012345678901234567890123456789012345678901234567\n\n",
   "|0123456789012345678901234567890123456789012345678901234567;"},
  {"a line past it",
   "data: 01234567890123456789012345678901234567890123456789012345678\n\n",
   "!"},
  {"a line past it without an end",
   "data: 01234567890123456789012345678901234567890123456789012345678",
   "!"},
  {"data past the ceiling",
   "data: 0123456789012345678901234567890123456789\n"
   "data: 0123456789012345678901234567890123456789\n\n", "!"},
  {"data at the ceiling",
   "data: 0123456789012345678901234567890123456789\n"
   "data: 01234567890123456789012\n\n",
   "|0123456789012345678901234567890123456789\n01234567890123456789012;"},
  {"an event, then one past the ceiling",
   "data: a\n\n:12345678901234567890123456789012345678901234567890123456789"
   "01234\n", "|a;!"},
};


static void add (char *to, size_t *n, const char *s, size_t k) {
  memcpy(to + *n, s, k);
  *n += k;
  to[*n] = '\0';
}


/* Feeds one piece, noting what comes of it. */
static int feed (fal_sse *p, const char *s, size_t n, char *got, size_t *k) {
  while (n > 0) {
    fal_sse_event ev;
    char *copy = malloc(n);  /* on its own, so that overruns are seen */
    ptrdiff_t took;
    memcpy(copy, s, n);
    took = fal_sse_feed(p, copy, n, &ev);
    free(copy);
    if (took < 0) {
      add(got, k, "!", 1);
      return 0;
    }
    if (ev.complete) {
      add(got, k, ev.event, strlen(ev.event));
      add(got, k, "|", 1);
      add(got, k, ev.data, ev.n);
      add(got, k, ";", 1);
    }
    else
      CHECK("all is taken without an event", (size_t)took == n);
    CHECK("it moves on", took > 0);
    s += took;
    n -= (size_t)took;
  }
  return 1;
}


/* Feeds s in pieces: up to 'cut', then pieces of 'step'. */
static void run (const char *what, const char *s, size_t cut, size_t step,
                 const char *expected) {
  fal_sse p;
  char got[1024] = "";
  size_t n = strlen(s), k = 0, i;
  int going;
  fal_sse_init(&p, MAX);
  going = feed(&p, s, cut, got, &k);
  for (i = cut; i < n && going; i += step)
    going = feed(&p, s + i, n - i < step ? n - i : step, got, &k);
  CHECK_TEXT(what, got, k, expected);
  if (!going) {
    fal_sse_event ev;
    CHECK(what, fal_sse_feed(&p, "data: a\n\n", 9, &ev) == -1);
  }
  fal_sse_free(&p);
}


static void long_name (void) {
  static const char s[] = "event: 0123456789012345678901234567890123456789012"
                          "34567890123456789a€€\ndata: x\n\n";
  fal_sse p;
  fal_sse_event ev;
  fal_sse_init(&p, 1000);
  CHECK("a long name", fal_sse_feed(&p, s, strlen(s), &ev) ==
                       (ptrdiff_t)strlen(s) && ev.complete);
  CHECK_TEXT("a long name is cut between characters", ev.event,
             strlen(ev.event), "0123456789012345678901234567890123456789012"
                               "34567890123456789a");
  fal_sse_free(&p);
}


static void nul_bytes (void) {
  fal_sse p;
  fal_sse_event ev;
  fal_sse_init(&p, 1000);
  fal_sse_feed(&p, "data: a\0b\n\n", 11, &ev);
  CHECK("NULs are data", ev.complete && ev.n == 3 &&
                         memcmp(ev.data, "a\0b", 3) == 0);
  fal_sse_free(&p);
}


int main (void) {
  size_t i, cut;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const char *s = rows[i].bytes;
    for (cut = 0; cut <= strlen(s); cut++)
      run(rows[i].what, s, cut, strlen(s) + 1, rows[i].events);
    run(rows[i].what, s, 0, 1, rows[i].events);
    run(rows[i].what, s, 0, 3, rows[i].events);
  }
  long_name();
  nul_bytes();
  return TEST_END("sse");
}
