/*
** test_base64.c -- base64 both ways, data: URIs, percent decoding
*/
#include <stdlib.h>

#include "../../src/core/base64.h"
#include "test.h"

#define REFUSED  NULL

static const struct { const char *what, *text, *bytes; } rows[] = {
  {"nothing", "", ""},
  {"RFC 4648, 1", "Zg==", "f"},
  {"RFC 4648, 2", "Zm8=", "fo"},
  {"RFC 4648, 3", "Zm9v", "foo"},
  {"RFC 4648, 4", "Zm9vYg==", "foob"},
  {"RFC 4648, 5", "Zm9vYmE=", "fooba"},
  {"RFC 4648, 6", "Zm9vYmFy", "foobar"},
  {"no padding, 1", "Zg", "f"},
  {"no padding, 2", "Zm8", "fo"},
  {"the standard alphabet", "++//", "\xFB\xEF\xFF"},
  {"the URL alphabet", "--__", "\xFB\xEF\xFF"},
  {"line breaks", "Zm9v\r\nYmFy\n", "foobar"},
  {"spaces anywhere", " Z m\t9 v Y\nm F y ", "foobar"},
  {"space around padding", "Zg = = ", "f"},
  {"space, no padding", "Z\ng\n", "f"},
  {"only spaces", " \n", ""},
  {"bits left over", "Zh==", "f"},
  {"one character", "Z", REFUSED},
  {"one character more", "Zm9vY", REFUSED},
  {"half the padding", "Zg=", REFUSED},
  {"too much padding", "Zm8==", REFUSED},
  {"padding alone", "=", REFUSED},
  {"four times padding", "====", REFUSED},
  {"padding after a full quantum", "Zm9v=", REFUSED},
  {"text after padding", "Zg==Zg==", REFUSED},
  {"padding within", "Z=g=", REFUSED},
  {"a character of neither alphabet", "Zm9*", REFUSED},
  {"a comma", "Zm,v", REFUSED},
  {"a high byte", "Zm9\xC3", REFUSED},
  {"a form feed is no space", "Zm9v\f", REFUSED},
};

static const struct {
  const char *what, *uri;
  int ok, base64;
  const char *type, *payload;
} uris[] = {
  {"usual", "data:image/png;base64,Zm9v", 1, 1, "image/png", "Zm9v"},
  {"no base64", "data:text/plain,a%20b", 1, 0, "text/plain", "a%20b"},
  {"parameters", "data:text/plain;charset=utf-8;base64,Zg==", 1, 1,
   "text/plain", "Zg=="},
  {"parameters, no base64", "data:text/html;charset=utf-8,<p>", 1, 0,
   "text/html", "<p>"},
  {"no type", "data:,a", 1, 0, "", "a"},
  {"no type, base64", "data:;base64,Zg", 1, 1, "", "Zg"},
  {"no type, a parameter", "data:;charset=x,a", 1, 0, "", "a"},
  {"capitals", "DATA:image/PNG;BASE64,Zg", 1, 1, "image/PNG", "Zg"},
  {"commas in the payload", "data:,a,b", 1, 0, "", "a,b"},
  {"nothing in it", "data:,", 1, 0, "", ""},
  {"base64 not last", "data:a/b;base64;x=y,Zg", 1, 0, "a/b", "Zg"},
  {"a type called base64", "data:base64,Zg", 1, 0, "base64", "Zg"},
  {"no comma", "data:image/png;base64", 0, 0, "", ""},
  {"http", "http://a/b,c", 0, 0, "", ""},
  {"short", "data", 0, 0, "", ""},
  {"empty", "", 0, 0, "", ""},
};

static const struct { const char *what, *text, *bytes; } percents[] = {
  {"plain", "abc", "abc"},
  {"space", "a%20b", "a b"},
  {"both cases", "%c3%A7", "\xC3\xA7"},
  {"a plus is a plus", "a+b", "a+b"},
  {"an escaped percent", "%2525", "%25"},
  {"cut short", "a%2", REFUSED},
  {"cut shorter", "a%", REFUSED},
  {"not hexadecimal", "%2g", REFUSED},
  {"empty", "", ""},
};


/* A copy of exactly n bytes, so that overruns are seen. */
static char *copy (const char *s, size_t n) {
  char *p = malloc(n > 0 ? n : 1);
  memcpy(p, s, n);
  return p;
}


static void decode_rows (void) {
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    size_t n = strlen(rows[i].text);
    char *s = copy(rows[i].text, n), *to = malloc(fal_base64_decoded(n));
    ptrdiff_t k = fal_base64_decode(to, s, n), in_place;
    if (rows[i].bytes == REFUSED)
      CHECK(rows[i].what, k == -1);
    else {
      CHECK(rows[i].what, k >= 0);
      CHECK_TEXT(rows[i].what, to, (size_t)k, rows[i].bytes);
    }
    in_place = fal_base64_decode(s, s, n);
    CHECK(rows[i].what, in_place == k &&
                        (k < 0 || memcmp(s, to, (size_t)k) == 0));
    free(s);
    free(to);
  }
}


/* Plainly, by definition, to compare with. */
static size_t slow_encode (char *to, const unsigned char *s, size_t n) {
  static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                            "wxyz0123456789+/";
  size_t bit, k = 0;
  for (bit = 0; bit < n * 8; bit += 6) {
    unsigned v = 0, i;
    for (i = bit; i < bit + 6; i++)
      v = v << 1 | (i < n * 8 ? s[i / 8] >> (7 - i % 8) & 1u : 0);
    to[k++] = set[v];
  }
  while (k % 4 != 0)
    to[k++] = '=';
  return k;
}


/* Every length up to 200, both ways, in place, with line breaks at every
** width, and with one bad character at every place. */
static void round_trips (void) {
  unsigned char bytes[200];
  size_t n, i, k;
  for (n = 0; n <= sizeof(bytes); n++) {
    size_t size = fal_base64_encoded(n), width = n % 77 + 1, m = 0;
    char *text = malloc(size + 1), *expected = malloc(size + 1);
    char *lines = malloc(2 * size + 1), *to = malloc(fal_base64_decoded(size));
    for (i = 0; i < n; i++)
      bytes[i] = (unsigned char)(i * 167 + n * 31 + (i * i >> 3));
    k = fal_base64_encode(text, bytes, n);
    CHECK("its length", k == size);
    CHECK("encoded", slow_encode(expected, bytes, n) == k &&
                     memcmp(text, expected, k) == 0);
    CHECK("decoded", fal_base64_decode(to, text, k) == (ptrdiff_t)n &&
                     memcmp(to, bytes, n) == 0);
    for (i = 0; i < k; i++) {
      lines[m++] = text[i];
      if (i % width == width - 1)
        lines[m++] = '\n';
    }
    CHECK("with line breaks, in place",
          fal_base64_decode(lines, lines, m) == (ptrdiff_t)n &&
          memcmp(lines, bytes, n) == 0);
    for (i = 0; i < k; i++) {
      static const char bad[] = "!@[`{\x7F\x80\xFF,:";
      memcpy(lines, text, k);
      lines[i] = bad[(i + n) % (sizeof(bad) - 1)];
      CHECK("a bad character", fal_base64_decode(to, lines, k) == -1);
    }
    for (i = 0; i < k; i++)
      lines[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    CHECK("the URL alphabet", fal_base64_decode(to, lines, k) == (ptrdiff_t)n
                              && memcmp(to, bytes, n) == 0);
    free(text);
    free(expected);
    free(lines);
    free(to);
  }
}


/* Every byte in every position of a long text is taken or refused alike. */
static void every_character (void) {
  static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                           "wxyz0123456789+/-_ \t\r\n";
  char text[96], to[96];
  int c, i;
  for (c = 0; c < 256; c++) {
    for (i = 0; i < 64; i++) {
      int good = c != 0 && strchr(ok, c) != NULL, space = c != 0 &&
                 strchr(" \t\r\n", c) != NULL;
      memset(text, 'A', sizeof(text));
      text[i] = (char)c;
      CHECK("every character", fal_base64_decode(to, text, sizeof(text)) ==
                               (good ? space ? 71 : 72 : -1));
    }
  }
}


static void data_uris (void) {
  size_t i;
  for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
    const char *type = "", *payload = "";
    size_t type_n = 0, payload_n = 0, n = strlen(uris[i].uri);
    int base64 = 0;
    char *s = copy(uris[i].uri, n);
    CHECK(uris[i].what, fal_data_uri_split(s, n, &type, &type_n, &base64,
                                           &payload, &payload_n) ==
                        uris[i].ok);
    CHECK_TEXT(uris[i].what, type, type_n, uris[i].type);
    CHECK_TEXT(uris[i].what, payload, payload_n, uris[i].payload);
    CHECK(uris[i].what, base64 == uris[i].base64);
    free(s);
  }
}


static void percent_rows (void) {
  size_t i;
  for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
    size_t n = strlen(percents[i].text);
    char *s = copy(percents[i].text, n);
    ptrdiff_t k = fal_percent_decode(s, s, n);
    if (percents[i].bytes == REFUSED)
      CHECK(percents[i].what, k == -1);
    else
      CHECK_TEXT(percents[i].what, s, (size_t)k, percents[i].bytes);
    free(s);
  }
}


int main (void) {
  decode_rows();
  round_trips();
  every_character();
  data_uris();
  percent_rows();
  return TEST_END("base64");
}
