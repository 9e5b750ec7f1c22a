/*
** test_json.c -- the JSON reader, look-ups, the writer, UTF-8, numbers
*/
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "../../src/core/json.h"
#include "../../src/core/number.h"
#include "test.h"

#define COUNT(rows)  (sizeof(rows) / sizeof(rows[0]))

/* Documents and their tokens: { } [ ] n t f, i for integers and d for other
** numbers with their text, k and s for names and strings with theirs. */
static const struct { const char *what, *text, *tokens; } good[] = {
  {"null", "null", "n"},
  {"true and space", " \t\r\ntrue\n ", "t"},
  {"false", "false", "f"},
  {"a string", "\"a\"", "s'a'"},
  {"an empty string", "\"\"", "s''"},
  {"empty array", "[]", "[]"},
  {"empty array, space", "[ \n]", "[]"},
  {"empty object", "{}", "{}"},
  {"empty object, space", "{ \n}", "{}"},
  {"array", "[1,true,[null]]", "[i1t[n]]"},
  {"object", "{\"a\":1,\"b\":{\"c\":[]}}", "{k'a'i1k'b'{k'c'[]}}"},
  {"space everywhere", " { \"a\" : [ 1 , 2 ] , \"b\" : 3 } ",
   "{k'a'[i1i2]k'b'i3}"},
  {"the same name twice", "{\"a\":1,\"a\":2}", "{k'a'i1k'a'i2}"},
  {"objects in arrays", "[{},{\"a\":[{}]}]", "[{}{k'a'[{}]}]"},

  {"zero", "0", "i0"},
  {"minus zero", "-0", "i0"},
  {"integers", "[1,-1,10,1234567890]", "[i1i-1i10i1234567890]"},
  {"the largest integer", "9223372036854775807", "i9223372036854775807"},
  {"the smallest", "-9223372036854775808", "i-9223372036854775808"},
  {"one more", "9223372036854775808", "d9.2233720368547758e+18"},
  {"one less", "-9223372036854775809", "d-9.2233720368547758e+18"},
  {"twenty digits", "10000000000000000000", "d1e+19"},
  {"past 2^53", "9007199254740993", "i9007199254740993"},
  {"a point", "1.5", "d1.5"},
  {"a whole number with a point", "1024.0", "d1024"},
  {"an exponent", "1e3", "d1000"},
  {"exponents", "[1E+2,1e-2,0e0,-0.0e9]", "[d100d0.01d0d-0]"},
  {"tiny", "5e-324", "d4.9406564584124654e-324"},
  {"too tiny", "1e-400", "d0"},
  {"large", "1.7976931348623157e308", "d1.7976931348623157e+308"},
  {"many digits", "0.1000000000000000055511151231257827021181583404541015625",
   "d0.10000000000000001"},
  {"a tie goes to even", "9007199254740993.0", "d9007199254740992"},
  {"just above the tie", "9007199254740993.000000000000000000000001",
   "d9007199254740994"},
  {"zeros and a large exponent", "0.00000000000000000000000000000001e32",
   "d1"},

  {"simple escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
   "s'\"\\/\b\f\n\r\t'"},
  {"\\u", "\"\\u0041\\u00e7\\u20AC\"", "s'A\xC3\xA7\xE2\x82\xAC'"},
  {"a pair of surrogates", "\"x\\uD83D\\uDC08y\"", "s'x\xF0\x9F\x90\x88y'"},
  {"the last code point", "\"\\uDBFF\\uDFFF\"", "s'\xF4\x8F\xBF\xBF'"},
  {"escapes in names", "{\"\\u0061\":1}", "{k'a'i1}"},
  {"UTF-8", "[\"\xC3\xA7\",\"\xE2\x82\xAC\",\"\xF0\x9F\x90\x88\"]",
   "[s'\xC3\xA7's'\xE2\x82\xAC's'\xF0\x9F\x90\x88']"},
  {"the ends of UTF-8", "\"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE"
   "\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"",
   "s'\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
   "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF'"},
  {"long strings", "[\"0123456789abcdef0123456789abcdef0123456789abcdef\","
   "\"0123456789\\n0123456789\\n0123456789\"]",
   "[s'0123456789abcdef0123456789abcdef0123456789abcdef'"
   "s'0123456789\n0123456789\n0123456789']"},
};

/* What is not JSON, with the line and column where the reader stops. */
static const struct { const char *text; unsigned line, column; } bad[] = {
  {"", 1, 1}, {" \n ", 2, 2}, {"nul", 1, 1}, {"nulL", 1, 1}, {"True", 1, 1},
  {"NaN", 1, 1}, {"Infinity", 1, 1}, {"-Infinity", 1, 1}, {"undefined", 1, 1},
  {"'a'", 1, 1}, {"a", 1, 1}, {"\xEF\xBB\xBF{}", 1, 1},
  {"[", 1, 2}, {"[1", 1, 3}, {"[1,", 1, 4}, {"[1,]", 1, 4}, {"[,1]", 1, 2},
  {"[1 2]", 1, 4}, {"[1,,2]", 1, 4}, {"[1}", 1, 3}, {"]", 1, 1}, {"[]]", 1, 3},
  {"{", 1, 2}, {"{\"a\"", 1, 5}, {"{\"a\":", 1, 6}, {"{\"a\":1", 1, 7},
  {"{\"a\":1,", 1, 8}, {"{\"a\":1,}", 1, 8}, {"{a:1}", 1, 2}, {"{1:1}", 1, 2},
  {"{\"a\" 1}", 1, 6}, {"{\"a\":1 \"b\":2}", 1, 8}, {"{\"a\":1]", 1, 7},
  {"{,}", 1, 2}, {"{\"a\":}", 1, 6}, {"}", 1, 1}, {"{}{}", 1, 3},
  {"1 2", 1, 3}, {"null,", 1, 5}, {"[1] x", 1, 5},
  {"[1] // no", 1, 5}, {"/* no */ 1", 1, 1}, {"#", 1, 1},
  {"01", 1, 2}, {"-01", 1, 3}, {"-", 1, 1}, {"+1", 1, 1}, {".5", 1, 1},
  {"1.", 1, 1}, {"1.e1", 1, 1}, {"1e", 1, 1}, {"1e+", 1, 1}, {"-a", 1, 1},
  {"0x10", 1, 2}, {"1_000", 1, 2}, {"1e999", 1, 1}, {"-1e999", 1, 1},
  {"1.5.5", 1, 4}, {"[1e1e1]", 1, 5}, {"--1", 1, 1},
  {"\"", 1, 2}, {"\"abc", 1, 5}, {"\"a\nb\"", 1, 3}, {"\"\t\"", 1, 2},
  {"\"\x1F\"", 1, 2}, {"\"\\", 1, 2}, {"\"\\\"", 1, 4}, {"\"\\x\"", 1, 2},
  {"\"\\u12\"", 1, 2}, {"\"\\u123", 1, 2}, {"\"\\u12g4\"", 1, 2},
  {"\"\\ud800\"", 1, 2}, {"\"\\ud800\\n\"", 1, 2}, {"\"\\ud800x\"", 1, 2},
  {"\"\\udc00\"", 1, 2}, {"\"\\ud800\\ud800\"", 1, 2},
  {"\"\\ud800\\u0041\"", 1, 2}, {"\"\\U0041\"", 1, 2},
  {"\"\x80\"", 1, 2}, {"\"a\xC3\"", 1, 3}, {"\"\xC0\xAF\"", 1, 2},
  {"\"\xC1\xBF\"", 1, 2}, {"\"\xE0\x9F\xBF\"", 1, 2},
  {"\"\xED\xA0\x80\"", 1, 2}, {"\"\xED\xBF\xBF\"", 1, 2},
  {"\"\xF0\x8F\xBF\xBF\"", 1, 2}, {"\"\xF4\x90\x80\x80\"", 1, 2},
  {"\"\xF5\x80\x80\x80\"", 1, 2}, {"\"\xFF\"", 1, 2},
  {"\"\xE2\x82\"", 1, 2}, {"\"\xE2\x82", 1, 2},
  {"\"0123456789abcdef\x80\"", 1, 18}, {"\"\\n\x80\"", 1, 4},
  {"{\n  \"a\": 1,\n  \"b\": x\n}", 3, 8}, {"[1,\r\n\r\n2", 3, 2},
  {"{\"\xFF\":1}", 1, 3}, {"\xC2\xA0null", 1, 1}, {"\f1", 1, 1},
};

static const struct {
  const char *path;
  fal_json_kind kind;
  const char *raw;
} paths[] = {
  {"", FAL_JSON_OBJECT, NULL},
  {"a", FAL_JSON_INTEGER, "1"},
  {"detail", FAL_JSON_ARRAY, "[ {\"msg\" : \"x\\n\"} , 2.50 ]"},
  {"detail.0", FAL_JSON_OBJECT, "{\"msg\" : \"x\\n\"}"},
  {"detail.0.msg", FAL_JSON_STRING, "\"x\\n\""},
  {"detail.1", FAL_JSON_NUMBER, "2.50"},
  {"detail.2", FAL_JSON_END, ""},
  {"detail.01", FAL_JSON_END, ""},
  {"detail.-1", FAL_JSON_END, ""},
  {"detail.msg", FAL_JSON_END, ""},
  {"detail.0.msg.x", FAL_JSON_END, ""},
  {"detail.99999999999999999999", FAL_JSON_END, ""},
  {"e\xC3\xA7", FAL_JSON_NULL, "null"},
  {"twice", FAL_JSON_TRUE, "true"},
  {"o.p.q", FAL_JSON_FALSE, "false"},
  {"o.p", FAL_JSON_OBJECT, "{\"q\":false}"},
  {"p", FAL_JSON_END, ""},
  {"0", FAL_JSON_END, ""},
  {"none", FAL_JSON_END, ""},
};

static const char document[] =
  "{\"a\": 1, \"detail\": [ {\"msg\" : \"x\\n\"} , 2.50 ], \"e\\u00e7\":null,"
  "\"twice\":true,\"twice\":false, \"o\":{\"p\":{\"q\":false}}}";

static const struct { double d; const char *text, *whole; } numbers[] = {
  {0, "0.0", "0"}, {-0.0, "-0.0", "-0"}, {1, "1.0", "1"}, {-1, "-1.0", "-1"},
  {1024, "1024.0", "1024"}, {0.5, "0.5", "0.5"}, {3.5, "3.5", "3.5"},
  {-0.85, "-0.85", "-0.85"}, {0.1, "0.1", "0.1"}, {0.3, "0.3", "0.3"},
  {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"},
  {1.0 / 3, "0.3333333333333333", "0.3333333333333333"},
  {100.25, "100.25", "100.25"}, {1e15, "1000000000000000.0", NULL},
  {123456789012345680.0, "1.2345678901234568e17", NULL},
  {9007199254740991.0, "9007199254740991.0", "9007199254740991"},
  {9007199254740992.0, "9007199254740992.0", "9007199254740992.0"},
  {1e16, "10000000000000000.0", "10000000000000000.0"},
  {1e17, "1e17", "1e17"}, {1e22, "1e22", NULL}, {1e23, "1e23", NULL},
  {1e300, "1e300", "1e300"}, {-1.5e300, "-1.5e300", NULL},
  {0.0001, "0.0001", NULL}, {0.00001, "0.00001", NULL},
  {0.000001, "1e-6", NULL}, {1.25e-7, "1.25e-7", NULL},
  {5e-324, "5e-324", "5e-324"}, {2.2250738585072014e-308,
   "2.2250738585072014e-308", NULL},
  {2.2250738585072009e-308, "2.225073858507201e-308", NULL},
  {1.7976931348623157e308, "1.7976931348623157e308", NULL},
  {5.684341886080802e-14, "5.684341886080802e-14", NULL},  /* 2^-44 */
  {9.5367431640625e-07, "9.5367431640625e-7", NULL},
};


/* The bytes in memory of their own, so that overruns are seen. */
static char *copy (const char *s, size_t n) {
  char *p = malloc(n > 0 ? n : 1);
  memcpy(p, s, n);
  return p;
}


static void add_double (fal_buf *b, double d) {
  char text[64], *comma;
  snprintf(text, sizeof(text), "d%.17g", d);
  comma = strchr(text, ',');  /* under some locales */
  if (comma != NULL)
    *comma = '.';
  fal_buf_addstr(b, text);
}


/* The tokens of a document, spelled as in the rows. */
static void spell (fal_json *r, fal_buf *b) {
  fal_json_token t;
  for (;;) {
    switch (fal_json_next(r, &t)) {
      case FAL_JSON_ERROR: fal_buf_addstr(b, "!"); return;
      case FAL_JSON_END: return;
      case FAL_JSON_NULL: fal_buf_addstr(b, "n"); break;
      case FAL_JSON_FALSE: fal_buf_addstr(b, "f"); break;
      case FAL_JSON_TRUE: fal_buf_addstr(b, "t"); break;
      case FAL_JSON_INTEGER:
        fal_buf_addf(b, "i%lld", (long long)t.i);
        CHECK("an integer has its double", t.d == (double)t.i);
        break;
      case FAL_JSON_NUMBER: add_double(b, t.d); break;
      case FAL_JSON_KEY: case FAL_JSON_STRING:
        fal_buf_addstr(b, t.kind == FAL_JSON_KEY ? "k'" : "s'");
        fal_buf_add(b, t.s, t.n);
        fal_buf_addstr(b, "'");
        break;
      case FAL_JSON_ARRAY: fal_buf_addstr(b, "["); break;
      case FAL_JSON_ARRAY_END: fal_buf_addstr(b, "]"); break;
      case FAL_JSON_OBJECT: fal_buf_addstr(b, "{"); break;
      case FAL_JSON_OBJECT_END: fal_buf_addstr(b, "}"); break;
    }
  }
}


/* Good documents, and every beginning of them, which must not be read past
** its end (and is an error, but for numbers and trailing space). */
static void good_rows (void) {
  size_t i, n;
  for (i = 0; i < COUNT(good); i++) {
    for (n = strlen(good[i].text); n > 0; n--) {
      char *s = copy(good[i].text, n);
      fal_json r;
      fal_json_token t;
      fal_buf b;
      fal_buf_init(&b, 10000);
      fal_json_open(&r, s, n, 0);
      spell(&r, &b);
      if (n == strlen(good[i].text)) {
        CHECK_TEXT(good[i].what, fal_buf_cstr(&b), b.n, good[i].tokens);
        CHECK(good[i].what, fal_json_next(&r, &t) == FAL_JSON_END);
        CHECK(good[i].what, fal_json_next(&r, &t) == FAL_JSON_END);
      }
      else if (strchr("[{\"ntf", good[i].text[0]) != NULL)
        CHECK(good[i].what, b.s[b.n - 1] == '!' && r.error != NULL);
      fal_buf_free(&b);
      fal_json_close(&r);
      free(s);
    }
  }
}


static void bad_rows (void) {
  size_t i;
  for (i = 0; i < COUNT(bad); i++) {
    size_t n = strlen(bad[i].text), line, column;
    char *s = copy(bad[i].text, n);
    fal_json r;
    fal_json_token t;
    fal_json_open(&r, s, n, 0);
    while (fal_json_next(&r, &t) != FAL_JSON_ERROR && t.kind != FAL_JSON_END)
      ;
    CHECK(bad[i].text, t.kind == FAL_JSON_ERROR && r.error != NULL);
    CHECK(bad[i].text, fal_json_next(&r, &t) == FAL_JSON_ERROR);
    fal_json_where(&r, &line, &column);
    if (line != bad[i].line || column != bad[i].column)
      fprintf(stderr, "%lu:%lu %s\n", (unsigned long)line,
              (unsigned long)column, r.error);
    CHECK(bad[i].text, line == bad[i].line && column == bad[i].column);
    fal_json_close(&r);
    fal_json_close(&r);
    free(s);
  }
}


static void nuls (void) {
  fal_json r;
  fal_json_token t;
  fal_json_open(&r, "\"a\\u0000b\"", 10, 0);
  CHECK("NUL", fal_json_next(&r, &t) == FAL_JSON_STRING && t.n == 3 &&
               memcmp(t.s, "a\0b", 3) == 0);
  fal_json_close(&r);
  fal_json_open(&r, "\"a\0b\"", 5, 0);
  CHECK("a bare NUL", fal_json_next(&r, &t) == FAL_JSON_ERROR);
  fal_json_close(&r);
  fal_json_open(&r, "1\0", 2, 0);
  fal_json_next(&r, &t);
  CHECK("a NUL after", fal_json_next(&r, &t) == FAL_JSON_ERROR);
}


/* 'open' n times, 'close' n times. */
static int deep (size_t n, size_t max, const char *open, char close) {
  size_t i, k = strlen(open);
  char *s = malloc(n * (k + 1));
  fal_json r;
  fal_json_token t;
  for (i = 0; i < n; i++)
    memcpy(s + i * k, open, k);
  memset(s + n * k, close, n);
  fal_json_open(&r, s, n * (k + 1), max);
  while (fal_json_next(&r, &t) != FAL_JSON_END && t.kind != FAL_JSON_ERROR)
    ;
  free(s);
  return t.kind == FAL_JSON_END;
}


static void depths (void) {
  CHECK("arrays at the ceiling", deep(512, 0, "[", ']'));
  CHECK("arrays past it", !deep(513, 0, "[", ']'));
  CHECK("far past it", !deep(100000, 0, "[", ']'));
  CHECK("objects past it", !deep(513, 0, "{\"a\":", '}'));
  CHECK("the ceiling cannot be raised", !deep(513, 1000, "[", ']'));
  CHECK("but lowered", deep(3, 3, "[", ']') && !deep(4, 3, "[", ']'));
  CHECK("to one", deep(1, 1, "[", ']') && !deep(2, 1, "[", ']'));
}


static void find_rows (void) {
  const char *raw = NULL;
  size_t i, n = 0;
  fal_buf b;
  for (i = 0; i < COUNT(paths); i++) {
    fal_json_kind kind = fal_json_find(document, strlen(document),
                                       paths[i].path, &raw, &n);
    CHECK(paths[i].path, kind == paths[i].kind);
    if (kind == paths[i].kind && kind != FAL_JSON_END)
      CHECK_TEXT(paths[i].path, raw, n,
                 paths[i].raw != NULL ? paths[i].raw : document);
  }
  CHECK("an item of the root",
        fal_json_find("[[1,[2]]]", 9, "0.1.0", &raw, &n) == FAL_JSON_INTEGER);
  CHECK_TEXT("an item of the root", raw, n, "2");
  CHECK("broken after", fal_json_find("{\"a\":1,", 7, "a", &raw, &n) ==
                        FAL_JSON_INTEGER);
  CHECK("broken before", fal_json_find("{\"b\":!,\"a\":1}", 13, "a", &raw, &n)
                         == FAL_JSON_ERROR);
  CHECK("broken within", fal_json_find("{\"a\":[1,}", 9, "a", &raw, &n) ==
                         FAL_JSON_ERROR);
  CHECK("broken, not found", fal_json_find("{\"b\":1} x", 9, "a", &raw, &n) ==
                             FAL_JSON_ERROR);
  fal_buf_init(&b, 100);
  CHECK("a string", fal_json_find_string(document, strlen(document),
                                         "detail.0.msg", &b));
  CHECK_TEXT("a string", fal_buf_cstr(&b), b.n, "x\n");
  CHECK("no string", !fal_json_find_string(document, strlen(document), "a",
                                           &b));
  CHECK("nothing", !fal_json_find_string(document, strlen(document), "z",
                                         &b));
  CHECK("nothing is added", b.n == 2);
  fal_buf_free(&b);
  fal_buf_init(&b, 1);
  CHECK("too long", !fal_json_find_string(document, strlen(document),
                                          "detail.0.msg", &b) && b.n == 0);
  fal_buf_free(&b);
}


static void skipping (void) {
  static const char s[] = "[{\"a\":[1,{}],\"b\":2},3]";
  fal_json r;
  fal_json_token t;
  fal_json_open(&r, s, strlen(s), 0);
  fal_json_next(&r, &t);
  fal_json_next(&r, &t);
  fal_json_next(&r, &t);
  CHECK("skips a member", fal_json_skip(&r, &t) == 0 &&
                          fal_json_next(&r, &t) == FAL_JSON_KEY &&
                          *t.s == 'b');
  fal_json_next(&r, &t);
  CHECK("a scalar is past already", fal_json_skip(&r, &t) == 0 &&
                            fal_json_next(&r, &t) == FAL_JSON_OBJECT_END);
  CHECK("the next value", fal_json_next(&r, &t) == FAL_JSON_INTEGER &&
                          t.i == 3 && *r.token == '3');
  fal_json_open(&r, s, strlen(s) - 4, 0);
  fal_json_next(&r, &t);
  CHECK("an error within", fal_json_skip(&r, &t) == -1);
}


static void strings (void) {
  static const struct { const char *bytes, *text; } rows[] = {
    {"", "\"\""}, {"a", "\"a\""}, {"\"\\/", "\"\\\"\\\\/\""},
    {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""}, {"\x01\x1F", "\"\\u0001\\u001f\""},
    {"\x7F\xE2\x80\xA8", "\"\x7F\xE2\x80\xA8\""},
    {"0123456789abcdef\n", "\"0123456789abcdef\\n\""},
    {"\xC3\xA7\n\xF0\x9F\x90\x88", "\"\xC3\xA7\\n\xF0\x9F\x90\x88\""},
  };
  static const char *const refused[] = {
    "\x80", "a\xFF", "\n\xC3", "\xC0\x80", "\xED\xA0\x80", "abc\n\xF8zz",
  };
  size_t i;
  fal_buf b;
  fal_buf_init(&b, 1000);
  for (i = 0; i < COUNT(rows); i++) {
    b.n = 0;
    CHECK(rows[i].text, fal_json_put_string(&b, rows[i].bytes,
                                            strlen(rows[i].bytes)) == FAL_OK);
    CHECK_TEXT("written", b.s, b.n, rows[i].text);
  }
  b.n = 3;
  for (i = 0; i < COUNT(refused); i++) {
    CHECK("not UTF-8", fal_json_put_string(&b, refused[i],
                                           strlen(refused[i])) ==
                       FAL_EVALIDATION && b.n == 3);
  }
  b.n = 0;
  CHECK("a NUL", fal_json_put_string(&b, "\0", 1) == FAL_OK);
  CHECK_TEXT("a NUL", b.s, b.n, "\"\\u0000\"");
  fal_buf_free(&b);
  fal_buf_init(&b, 5);
  CHECK("fits", fal_json_put_string(&b, "abc", 3) == FAL_OK && b.n == 5);
  b.n = 0;
  CHECK("too big", fal_json_put_string(&b, "abcd", 4) == FAL_ETOOBIG);
  CHECK("too big, escaped", fal_json_put_string(&b, "a\n\n", 3) == FAL_ETOOBIG);
  CHECK("nothing is left of it", b.n == 0);
  fal_buf_free(&b);
}


/* Reads 'text' back, with more after it that must not matter. */
static double back (const char *text, size_t n) {
  fal_number v;
  CHECK("its length", fal_number_read(text, n, &v) == n);
  return v.d;
}


static void write_numbers (void) {
  size_t i;
  fal_buf b;
  fal_buf_init(&b, 1000);
  for (i = 0; i < COUNT(numbers); i++) {
    b.n = 0;
    fal_json_put_number(&b, numbers[i].d, 0);
    CHECK_TEXT("a float", b.s, b.n, numbers[i].text);
    CHECK(numbers[i].text, memcmp(&numbers[i].d, &(double){back(b.s, b.n)},
                                  sizeof(double)) == 0);
    b.n = 0;
    fal_json_put_number(&b, numbers[i].d, 1);
    if (numbers[i].whole != NULL)
      CHECK_TEXT("whole", b.s, b.n, numbers[i].whole);
    CHECK(numbers[i].text, back(b.s, b.n) == numbers[i].d);
  }
  b.n = 0;
  CHECK("NaN", fal_json_put_number(&b, NAN, 0) == FAL_EVALIDATION);
  CHECK("inf", fal_json_put_number(&b, INFINITY, 1) == FAL_EVALIDATION);
  CHECK("-inf", fal_json_put_number(&b, -INFINITY, 0) == FAL_EVALIDATION);
  CHECK("nothing is written", b.n == 0);
  fal_json_put_int(&b, INT64_MIN);
  fal_buf_addstr(&b, " ");
  fal_json_put_int(&b, INT64_MAX);
  fal_buf_addstr(&b, " ");
  fal_json_put_int(&b, 0);
  CHECK_TEXT("integers", b.s, b.n,
             "-9223372036854775808 9223372036854775807 0");
  fal_buf_free(&b);
}


static uint64_t random64 (void) {
  static uint64_t x = 88172645463325252u;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x;
}


/* Doubles of all kinds come back as they were, in no more digits than
** printf needs; and their 17 digits are read as strtod reads them. */
static void random_numbers (void) {
  int i;
  for (i = 0; i < 30000; i++) {
    char text[64], digits[64];
    size_t n;
    int need = 1;
    uint64_t bits = random64();
    double d, scale = pow(10, (double)(random64() % 40) - 20);
    memcpy(&d, &bits, sizeof(d));
    if (i % 3 == 1)
      d = (double)(random64() % 1000000) * scale;
    else if (i % 3 == 2)
      d = (double)(random64() >> 11) * scale;
    if (!isfinite(d) || d == 0)
      continue;
    n = fal_number_from_double(text, d, i & 1);
    CHECK("it fits", n < FAL_NUMBER_MAX);
    text[n] = '\0';
    CHECK(text, back(text, n) == d && strtod(text, NULL) == d);
    do
      snprintf(digits, sizeof(digits), "%.*e", need - 1, d);
    while (strtod(digits, NULL) != d && ++need < 17);
    {
      const char *p = text + strspn(text, "-0.");
      size_t used = 0, zeros = 0;
      for (; *p != '\0' && *p != 'e'; p++) {
        if (*p != '.') {
          used++;
          zeros = *p == '0' ? zeros + 1 : 0;
        }
      }
      CHECK(text, used - zeros <= (size_t)need);
    }
    snprintf(digits, sizeof(digits), "%.*e", (int)(random64() % 25), d);
    CHECK(digits, back(digits, strlen(digits)) == strtod(digits, NULL));
  }
}


/* What stands a thousand digits on still breaks a tie. */
static void long_numbers (void) {
  static const char tie[] = "9007199254740993.";
  char text[2000];
  size_t n = strlen(tie) + 1000;
  memset(text, '0', sizeof(text));
  memcpy(text, tie, strlen(tie));
  CHECK("a tie", back(text, n) == 9007199254740992.0);
  text[n++] = '1';
  CHECK("above it", back(text, n) == 9007199254740994.0);
  memset(text, '0', sizeof(text));
  memcpy(text, "0.", 2);
  memcpy(text + 1500, "15e1499", 7);
  CHECK("many zeros", back(text, 1507) == 1.5);
  memset(text, '9', sizeof(text));
  memcpy(text + 1500, "e-1500", 6);
  CHECK("many nines", back(text, 1506) == 1.0);
}


/* Again, where the decimal point is a comma, if there is such a locale. */
static void locales (void) {
  static const char *const names[] = {
    "de_DE.UTF-8", "tr_TR.UTF-8", "fr_FR.UTF-8", "de_DE", "C"
  };
  size_t i;
  for (i = 0; i < COUNT(names) && setlocale(LC_ALL, names[i]) == NULL; i++)
    ;
  write_numbers();
  good_rows();
  setlocale(LC_ALL, "C");
}


/* Every sequence of up to four bytes from the interesting ones, against the
** definition. */
static size_t slow_check (const unsigned char *s, size_t n) {
  size_t i = 0, k, j;
  while (i < n) {
    unsigned long c = s[i], least;
    if (c < 0x80) { i++; continue; }
    k = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c < 0xC0 || c > 0xF7 || n - i <= k)
      return i;
    c &= 0x3F >> k;
    for (j = 1; j <= k; j++) {
      if ((s[i + j] & 0xC0) != 0x80)
        return i;
      c = c << 6 | (s[i + j] & 0x3F);
    }
    least = k == 3 ? 0x10000 : k == 2 ? 0x800 : 0x80;
    if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
      return i;
    i += k + 1;
  }
  return n;
}


static void utf8 (void) {
  static const unsigned char set[] = {
    0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
    0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF
  };
  size_t i, at, n = COUNT(set);
  for (i = 0; i < n * n * n * n; i++) {
    unsigned char s[4];
    s[0] = set[i % n];
    s[1] = set[i / n % n];
    s[2] = set[i / n / n % n];
    s[3] = set[i / n / n / n];
    CHECK("UTF-8", fal_utf8_check((char *)s, 4) == slow_check(s, 4));
    CHECK("plain", fal_json_plain((char *)s, 4) == slow_check(s, 4));
  }
  for (at = 0; at < 200; at++) {  /* one odd byte at every place */
    static const char odd[] = "\"\\\n\x1F\x80\xC3";
    for (i = 0; i < sizeof(odd); i++) {
      char *s = malloc(200);
      memset(s, i % 2 ? 'a' : ' ', 200);
      s[at] = odd[i];
      CHECK("plain up to it", fal_json_plain(s, 200) == at);
      CHECK("UTF-8 up to it", fal_utf8_check(s, 200) ==
                              ((unsigned char)odd[i] < 0x80 ? 200 : at));
      memcpy(s + at, "\x7E", 1);
      CHECK("all plain", fal_json_plain(s, at + 1) == at + 1);
      free(s);
    }
  }
}


static void valid (void) {
  CHECK("an object", fal_json_valid(" {\"a\":[1,null]} ", 16));
  CHECK("a value", fal_json_valid("7", 1));
  CHECK("nothing", !fal_json_valid("", 0));
  CHECK("cut short", !fal_json_valid("{\"a\":[1,null]", 13));
  CHECK("two values", !fal_json_valid("7 8", 3));
}


int main (void) {
  good_rows();
  bad_rows();
  nuls();
  depths();
  find_rows();
  skipping();
  strings();
  write_numbers();
  long_numbers();
  random_numbers();
  locales();
  utf8();
  valid();
  return TEST_END("json");
}
