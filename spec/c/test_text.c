/*
** test_text.c -- the face: every letter it promises, and lines that fit
*/
#include "../../src/image/text.h"
#include "test.h"

static const char *const samples[] = {
  "The quick brown fox jumps over the lazy dog 0123456789",
  "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
  "Pijamal\xC4\xB1 hasta ya\xC4\x9F\xC4\xB1z \xC5\x9Fof\xC3\xB6re \xC3\xA7" "abucak g\xC3\xBCvendi \xC4\xB0\xC4\x9E\xC5\x9E",
  "Za\xC5\xBC\xC3\xB3\xC5\x82\xC4\x87 g\xC4\x99\xC5\x9Bl\xC4\x85 ja\xC5\xBA\xC5\x84",
  "P\xC5\x99\xC3\xADli\xC5\xA1 \xC5\xBElu\xC5\xA5ou\xC4\x8Dk\xC3\xBD k\xC5\xAF\xC5\x88 \xC3\xBAp\xC4\x9Bl \xC4\x8F\xC3\xA1" "belsk\xC3\xA9 \xC3\xB3" "dy",
  "\xC3\x81rv\xC3\xADzt\xC5\xB1r\xC5\x91 t\xC3\xBCk\xC3\xB6rf\xC3\xBAr\xC3\xB3g\xC3\xA9p",
  "Bucure\xC8\x99ti, \xC8\x9B\xC4\x83r\xC4\x83, \xC3\xAEn, \xC3\xA2 \xC8\x98\xC8\x9A",
  "Ti\xE1\xBA\xBFng Vi\xE1\xBB\x87t \xC6\xA1 \xC6\xB0 \xE1\xBB\x9D \xE1\xBA\xAF \xE1\xBA\xAD \xE1\xBB\xB9 \xC4\x91",
  "S\xC3\xA6v\xC3\xB6r gr\xC3\xA9t \xC3\xA1\xC3\xB0" "an \xC3\xBEv\xC3\xAD \xC3\x9E\xC3\x90",
  "Gl\xC4\x81\xC5\xBE\xC5\xA1\xC4\xB7\xC5\xAB\xC5\x86" "a r\xC5\xAB\xC4\xB7\xC4\xAB\xC5\xA1i \xC4\x8Diepj \xC4\xA3",
  "D\xC3\xA8s No\xC3\xABl, \xC5\x93uf, na\xC3\xAFve, \xC3\xBB, \xC3\xA7" "a \xE2\x82\xAC 5",
  "Stra\xC3\x9F" "e, \xE1\xBA\x9E, \xC3\x84\xC3\x96\xC3\x9C",
  "\xC2\xBFQu\xC3\xA9? \xC2\xA1S\xC3\xAD! ma\xC3\xB1" "ana \xC2\xAB\xC2\xBB \xC2\xB0\xC3\x97\xC2\xA3",
  "\xE2\x80\x93 \xE2\x80\x94 \xE2\x80\x98x\xE2\x80\x99 \xE2\x80\x9Cy\xE2\x80\x9D \xE2\x80\x9Ez \xE2\x80\xA6 \xE2\x80\xA2 \xE2\x82\xBA",
  "e\xCC\x81 o\xCC\x88 i\xCC\x87 s\xCC\xA7 a\xCC\xA8"   /* combining */
};
#define SAMPLES  (sizeof(samples) / sizeof(samples[0]))

static const fal_text_style plain = {20, 0.13, 0.0, {255, 255, 255, 255}};


/* Bytes of one character, its combining marks not included. */
static size_t char_size (const char *s) {
  unsigned char c = (unsigned char)*s;
  return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}


/* Draws s on a small dark picture and copies its pixels. */
static void draw (const char *s, size_t n, uint8_t *out) {
  fal_image im;
  if (fal_image_new(&im, 64, 64, 1, NULL, NULL) != FAL_OK)
    return;
  fal_text_draw(&im, &plain, 8, 44, s, n);
  memcpy(out, im.pixels, 64 * 64);
  fal_image_free(&im);
}


static void put_utf8 (char *s, unsigned cp, size_t *n) {
  if (cp < 0x800) {
    s[0] = (char)(0xC0 | cp >> 6);
    s[1] = (char)(0x80 | (cp & 63));
    *n = 2;
  }
  else {
    s[0] = (char)(0xE0 | cp >> 12);
    s[1] = (char)(0x80 | (cp >> 6 & 63));
    s[2] = (char)(0x80 | (cp & 63));
    *n = 3;
  }
}


static void test_no_boxes (void) {
  static const unsigned ranges[][2] = {
    {0xA1, 0xFF}, {0x100, 0x17F}, {0x1EA0, 0x1EF9}, {0x218, 0x21B}, {0x1CD, 0x1DC}
  };
  uint8_t box[64 * 64], got[64 * 64], last[64 * 64];
  size_t i, j, n;
  memset(last, 0, sizeof(last));
  draw("\xE4\xB8\xAD", 3, box);  /* a letter this face does not have */
  for (i = 0; i < SAMPLES; i++)
    for (j = 0; samples[i][j] != '\0'; j += n) {
      n = char_size(samples[i] + j);
      draw(samples[i] + j, n, got);
      CHECK(samples[i], memcmp(got, box, sizeof(box)) != 0);
    }
  for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
    unsigned cp;
    for (cp = ranges[i][0]; cp <= ranges[i][1]; cp++) {
      char s[4] = "";
      put_utf8(s, cp, &n);
      draw(s, n, got);
      CHECK(s, memcmp(got, box, sizeof(box)) != 0);
      if (cp != 0xAD)  /* the soft hyphen looks like a bar on its own */
        CHECK(s, memcmp(got, last, sizeof(box)) != 0);
      memcpy(last, got, sizeof(last));
    }
  }
}


/* Marks are drawn, each another, and dots are lost under them. */
static void test_marks (void) {
  static const char *const pairs[][2] = {
    {"e", "\xC3\xA9"}, {"\xC3\xA9", "\xC3\xA8"}, {"s", "\xC5\x9F"},
    {"i", "\xC4\xB1"}, {"I", "\xC4\xB0"}, {"g", "\xC4\x9F"}, {"u", "\xC5\xB1"},
    {"\xC3\xBC", "\xC5\xB1"}, {"\xC5\x9F", "\xC8\x99"}, {"l", "\xC5\x82"}
  };
  uint8_t a[64 * 64], b[64 * 64];
  size_t i;
  for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    draw(pairs[i][0], strlen(pairs[i][0]), a);
    draw(pairs[i][1], strlen(pairs[i][1]), b);
    CHECK(pairs[i][1], memcmp(a, b, sizeof(a)) != 0);
  }
  draw("e\xCC\x81", 3, a);
  draw("\xC3\xA9", 2, b);
  CHECK("combining is the same as composed", memcmp(a, b, sizeof(a)) == 0);
}


static void test_widths (void) {
  fal_text_style wide = plain, big = plain;
  size_t i;
  wide.tracking = 0.2;
  big.size = 40;
  for (i = 0; i < SAMPLES; i++) {
    size_t n = strlen(samples[i]);
    double w = fal_text_width(&plain, samples[i], n);
    CHECK(samples[i], w > 10.0);
    CHECK(samples[i], fal_text_width(&wide, samples[i], n) > w);
    CHECK(samples[i], fal_text_width(&big, samples[i], n) == 2 * w);
  }
  CHECK("nothing is 0 wide", fal_text_width(&plain, "", 0) == 0.0);
  CHECK("broken bytes are boxes", fal_text_width(&plain, "\xFF\xC3", 2)
        == 2 * fal_text_width(&plain, "\xE4\xB8\xAD", 3));
  CHECK("a mark adds no width", fal_text_width(&plain, "e\xCC\x81", 3)
        == fal_text_width(&plain, "e", 1));
}


static void test_fit (void) {
  size_t i;
  for (i = 0; i < SAMPLES; i++) {
    size_t n = strlen(samples[i]), k;
    double all = fal_text_width(&plain, samples[i], n), w;
    CHECK(samples[i], fal_text_fit(&plain, samples[i], n, all + 0.01) == n);
    CHECK(samples[i], fal_text_fit(&plain, samples[i], n, 0.5) == 0);
    for (w = 1; w < all; w += 3.7) {
      k = fal_text_fit(&plain, samples[i], n, w);
      CHECK(samples[i], fal_text_width(&plain, samples[i], k) <= w);
      CHECK(samples[i], ((unsigned char)samples[i][k] & 0xC0) != 0x80);
      CHECK("marks stay", (unsigned char)samples[i][k] != 0xCC);
    }
  }
}


/* Any place and any channels; what lies outside is cut off. */
static void test_clipping (void) {
  static const double places[][2] = {
    {-30, 10}, {60, 30}, {10, -5}, {10, 90}, {-1e6, 0}, {1e6, 1e6}, {3, 20}
  };
  fal_image im;
  int channels;
  size_t i;
  for (channels = 1; channels <= 4; channels++)
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
      if (fal_image_new(&im, 40, 30, channels, NULL, NULL) == FAL_OK) {
        fal_text_draw(&im, &plain, places[i][0], places[i][1], samples[0], 9);
        if (i == 6) {
          size_t j, lit = 0;
          for (j = 0; j < 40u * 30u * (size_t)channels; j++)
            lit += im.pixels[j] > 200;
          CHECK("something is drawn", lit > 20);
        }
        fal_image_free(&im);
      }
}


int main (void) {
  test_no_boxes();
  test_marks();
  test_widths();
  test_fit();
  test_clipping();
  return TEST_END("text");
}
