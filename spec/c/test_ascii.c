/*
** test_ascii.c -- JSON without a byte above 127
*/
#include "../../src/server/ascii.h"
#include "test.h"

static const struct { const char *what, *in, *out; } rows[] = {
  {"nothing", "", ""},
  {"ASCII", "{\"a\": [1, \"b\\n\"]}", "{\"a\": [1, \"b\\n\"]}"},
  {"two bytes", "\"\xC3\xA7\"", "\"\\u00e7\""},
  {"three bytes", "\"\xE2\x80\xA8\"", "\"\\u2028\""},
  {"a pair", "\"\xF0\x9F\xAA\x81!\"", "\"\\ud83e\\ude81!\""},
  {"the last code point", "\"\xF4\x8F\xBF\xBF\"", "\"\\udbff\\udfff\""},
  {"line breaks between values", "[1,\r\n 2]\n", "[1, 2]"},
  {"cut short", "\"\xE2\x80", "\"\\u0080"},
};


int main (void) {
  size_t i;
  fal_buf b;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    fal_buf_init(&b, 1000);
    CHECK(rows[i].what,
          serve_ascii_put(&b, rows[i].in, strlen(rows[i].in)) == FAL_OK);
    CHECK_TEXT(rows[i].what, b.n > 0 ? b.s : "", b.n, rows[i].out);
    fal_buf_free(&b);
  }
  fal_buf_init(&b, 5);
  CHECK("a ceiling", serve_ascii_put(&b, "\"\xC3\xA7\"", 4) == FAL_ETOOBIG);
  fal_buf_free(&b);
  return TEST_END("ascii");
}
