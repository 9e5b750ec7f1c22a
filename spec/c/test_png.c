/*
** test_png.c -- PNGs of every kind, and PNGs that are not right
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <zlib.h>

#include "../../src/image/png_private.h"
#include "../fuzz/png_repair.h"
#include "pngs.h"
#include "test.h"

#define LARGE  ((size_t)9 << 20)  /* past what libpng takes by default */
#define SLACK  ((size_t)64 << 10) /* of malloc's own bookkeeping */


/* Every kind of file, as the pixel it begins with. */
static void test_kinds (void) {
  static const struct {
    const char *what;
    int depth, color, transparent;
    const char *row;   /* with its filter, for a picture of 1 x 1 */
    size_t n;
    int channels;
    const char *pixel;
  } rows[] = {
    {"gray 1", 1, 0, 0, "\0\x80", 2, 1, "\xFF"},
    {"gray 2", 2, 0, 0, "\0\x40", 2, 1, "\x55"},
    {"gray 4", 4, 0, 0, "\0\x30", 2, 1, "\x33"},
    {"gray 8", 8, 0, 0, "\0\x77", 2, 1, "\x77"},
    {"gray 16", 16, 0, 0, "\0\x77\x77", 3, 1, "\x77"},
    {"gray 8, transparent", 8, 0, 2, "\0\x01", 2, 2, "\x01\0"},
    {"gray 8, another one is", 8, 0, 2, "\0\x02", 2, 2, "\x02\xFF"},
    {"RGB 8", 8, 2, 0, "\0\1\2\3", 4, 3, "\1\2\3"},
    {"RGB 16", 16, 2, 0, "\0\1\1\2\2\3\3", 7, 3, "\1\2\3"},
    {"RGB 8, transparent", 8, 2, 6, "\0\0\1\0", 4, 4, "\0\1\0\xFF"},
    {"palette 1", 1, 3, 0, "\0\x80", 2, 3, "\x04\x05\x06"},
    {"palette 2", 2, 3, 0, "\0\x40", 2, 3, "\x04\x05\x06"},
    {"palette 4", 4, 3, 0, "\0\x10", 2, 3, "\x04\x05\x06"},
    {"palette 8", 8, 3, 0, "\0\x01", 2, 3, "\x04\x05\x06"},
    {"palette 8, transparent", 8, 3, 1, "\0\0", 2, 4, "\x01\x02\x03\0"},
    {"gray and alpha 8", 8, 4, 0, "\0\5\6", 3, 2, "\5\6"},
    {"gray and alpha 16", 16, 4, 0, "\0\5\5\6\6", 5, 2, "\5\6"},
    {"RGBA 8", 8, 6, 0, "\0\1\2\3\4", 5, 4, "\1\2\3\4"},
    {"RGBA 16", 16, 6, 0, "\0\1\1\2\2\3\3\4\4", 9, 4, "\1\2\3\4"},
  };
  size_t i;
  int interlaced;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    for (interlaced = 0; interlaced <= 1; interlaced++) {
      fal_buf b;
      fal_image im;
      fal_error err;
      fal_code code;
      begin(&b);
      header(&b, 1, 1, rows[i].depth, rows[i].color, interlaced);
      if (rows[i].color == 3)
        chunk(&b, "PLTE", "\1\2\3\4\5\6", 6);
      if (rows[i].transparent > 0)
        chunk(&b, "tRNS", rows[i].color == 3 ? "\0" : "\0\1\0\1\0\1",
              (size_t)rows[i].transparent);
      idat(&b, rows[i].row, rows[i].n);
      end(&b);
      code = fal_png_decode(b.s, b.n, NULL, &im, &err);
      if (code != FAL_OK)
        printf("  %s: %s\n", rows[i].what, err.message);
      CHECK(rows[i].what, code == FAL_OK);
      if (code == FAL_OK) {
        CHECK(rows[i].what, im.channels == rows[i].channels);
        CHECK(rows[i].what, memcmp(im.pixels, rows[i].pixel,
              (size_t)im.channels) == 0);
        fal_image_free(&im);
      }
      fal_buf_free(&b);
    }
}


/* Interlaced, large enough to have all seven passes: gray, each pass of one
** value, and the pixels must lie where PNG's grid says. */
static void test_interlace (void) {
  static const int grid[8][8] = {
    {1,6,4,6,2,6,4,6}, {7,7,7,7,7,7,7,7}, {5,6,5,6,5,6,5,6},
    {7,7,7,7,7,7,7,7}, {3,6,4,6,3,6,4,6}, {7,7,7,7,7,7,7,7},
    {5,6,5,6,5,6,5,6}, {7,7,7,7,7,7,7,7}
  };
  static const int size[7][2] =  /* rows and columns of each pass */
    {{1,1}, {1,1}, {1,2}, {2,2}, {2,4}, {4,4}, {4,8}};
  fal_buf rows, b;
  fal_image im;
  int pass, y, x;
  fal_buf_init(&rows, 1000);
  for (pass = 0; pass < 7; pass++)
    for (y = 0; y < size[pass][0]; y++) {
      fal_buf_add(&rows, "", 1);
      for (x = 0; x < size[pass][1]; x++)
        fal_buf_addf(&rows, "%c", pass + 1);
    }
  begin(&b);
  header(&b, 8, 8, 8, 0, 1);
  idat(&b, rows.s, rows.n);
  end(&b);
  CHECK("interlaced", fal_png_decode(b.s, b.n, NULL, &im, NULL) == FAL_OK);
  for (y = 0; y < 8; y++)
    for (x = 0; x < 8; x++)
      CHECK("interlaced", im.pixels[y * 8 + x] == grid[y][x]);
  fal_image_free(&im);
  fal_buf_free(&rows);
  fal_buf_free(&b);
}


/* Cut anywhere, a file is an error that says so. */
static void test_cut (void) {
  fal_image im;
  fal_buf png;
  fal_text *text;
  size_t n;
  char say[60];
  make(&im, 9, 12, 3);
  encode(&im, 0, &png);
  CHECK("cut", fails(png.s, 0, NULL, FAL_EPROTOCOL, "it is empty"));
  for (n = 1; n < png.n; n++) {
    fal_error err;
    char *copy = malloc(n);
    memcpy(copy, png.s, n);
    snprintf(say, sizeof(say), "the file is cut short after %zu bytes", n);
    CHECK("cut", fails(png.s, n, NULL, FAL_EPROTOCOL, say));
    CHECK("cut", fal_png_text(copy, n, NULL, &text, &err) == FAL_EPROTOCOL);
    CHECK("cut", strstr(err.message, say) != NULL);
    free(copy);
  }
  fal_buf_free(&png);
  fal_image_free(&im);
}


/* How far a file got is told in rows. Its data come byte by byte here: 7 of
** zlib's, then 3 for each row. */
static void test_cut_rows (void) {
  Bytef z[100];
  uLongf size = sizeof(z), i;
  fal_buf b;
  compress2(z, &size, (const Bytef *)"\0ab\0cd\0ef\0gh", 12, 0);
  begin(&b);
  header(&b, 2, 4, 8, 0, 0);
  for (i = 0; i < size; i++)
    chunk(&b, "IDAT", z + i, 1);
  end(&b);
  CHECK("cut", fails(b.s, 33 + 13 * (7 + 2), NULL, FAL_EPROTOCOL,
        "after 150 bytes (0 of 4 rows read)"));
  CHECK("cut", fails(b.s, 33 + 13 * (7 + 3 * 3 + 1), NULL, FAL_EPROTOCOL,
        "after 254 bytes (3 of 4 rows read)"));
  fal_buf_free(&b);
}


/* No bit may change: a checksum or a check sees each one. */
static void test_damaged (void) {
  fal_image im, back;
  fal_buf png;
  size_t i;
  make(&im, 5, 5, 1);
  encode(&im, -1, &png);
  for (i = 0; i < png.n * 8; i++) {
    fal_error err;
    png.s[i / 8] ^= (char)(1 << i % 8);
    CHECK("damaged", fal_png_decode(png.s, png.n, NULL, &back, &err) ==
          FAL_EPROTOCOL);
    png.s[i / 8] ^= (char)(1 << i % 8);
  }
  for (i = 0; memcmp(png.s + i, "IDAT", 4) != 0; i++)
    continue;
  png.s[i + 6] ^= 1;
  CHECK("damaged", fails(png.s, png.n, NULL, FAL_EPROTOCOL,
        "bad CRC in the chunk IDAT"));
  png.s[i + 6] ^= 1;
  png.s[20] ^= 1;
  CHECK("damaged", fails(png.s, png.n, NULL, FAL_EPROTOCOL,
        "bad CRC in the chunk IHDR"));
  fal_buf_free(&png);
  fal_image_free(&im);
}


/* Headers that say what is not so. */
static void test_lies (void) {
  static const struct {
    const char *what;
    unsigned long w, h;
    int depth, color;
    const char *rows;
    size_t n;
    fal_code code;
    const char *say;
  } rows[] = {
    {"no width", 0, 2, 8, 0, "\0\0", 2, FAL_EPROTOCOL, "lies: no picture"},
    {"no height", 2, 0, 8, 0, "\0\0", 2, FAL_EPROTOCOL, "lies: no picture"},
    {"2^31 wide", 0x80000000, 1, 8, 0, "\0\0", 2, FAL_EPROTOCOL,
     "lies: no picture is 2147483648 x 1"},
    {"2^31-1 wide", 0x7FFFFFFF, 1, 8, 0, "\0\0", 2, FAL_ETOOBIG,
     "at most 100000000 pixels"},
    {"large", 20000, 20000, 8, 6, "\0\0", 2, FAL_ETOOBIG,
     "at most 100000000 pixels"},
    {"wide rows", 50000000, 1, 16, 6, "\0\0", 2, FAL_ETOOBIG,
     "more than 536870912 bytes"},
    {"depth", 1, 1, 3, 0, "\0\0", 2, FAL_EPROTOCOL, "lies: color type 0"},
    {"depth of a palette", 1, 1, 16, 3, "\0\0", 2, FAL_EPROTOCOL, "lies"},
    {"color", 1, 1, 8, 5, "\0\0", 2, FAL_EPROTOCOL, "lies: color type 5"},
    {"no palette", 1, 1, 8, 3, "\0\0", 2, FAL_EPROTOCOL, "PLTE"},
    {"more rows than data", 2, 9, 8, 0, "\0\1\1\0\1\1", 6, FAL_EPROTOCOL,
     "lies: it says 2 x 9 pixels"},
    {"half a row", 2, 2, 8, 0, "\0\1\1\0\1", 5, FAL_EPROTOCOL,
     "lies: it says 2 x 2 pixels"},
    {"fewer rows than data", 2, 1, 8, 0, "\0\1\1\0\1\1", 6, FAL_EPROTOCOL,
     "lies: it says 2 x 1 pixels"},
    {"no such filter", 1, 1, 8, 0, "\7\0", 2, FAL_EPROTOCOL, "filter"},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    fal_buf b;
    begin(&b);
    header(&b, rows[i].w, rows[i].h, rows[i].depth, rows[i].color, 0);
    idat(&b, rows[i].rows, rows[i].n);
    end(&b);
    if (!fails(b.s, b.n, NULL, rows[i].code, rows[i].say))
      printf("  %s\n", rows[i].what);
    CHECK(rows[i].what, fails(b.s, b.n, NULL, rows[i].code, rows[i].say));
    fal_buf_free(&b);
  }
}


/* Chunks missing, strange, or in the wrong place. */
static void test_chunks (void) {
  fal_buf b;
  fal_image im;
  char *large = calloc(LARGE, 1);
  begin(&b);
  header(&b, 1, 1, 8, 0, 0);
  end(&b);
  CHECK("chunks", fails(b.s, b.n, NULL, FAL_EPROTOCOL,
        "there is no picture (IDAT) in it"));
  fal_buf_free(&b);

  begin(&b);
  chunk(&b, "IDAT", "", 0);
  CHECK("chunks", fails(b.s, b.n, NULL, FAL_EPROTOCOL,
        "begins with a chunk IDAT"));
  fal_buf_free(&b);

  begin(&b);
  header(&b, 1, 1, 8, 0, 0);
  chunk(&b, "QQQQ", "", 0);  /* critical, by its capital */
  idat(&b, "\0\1", 2);
  end(&b);
  CHECK("chunks", fails(b.s, b.n, NULL, FAL_EPROTOCOL, "QQQQ"));
  fal_buf_free(&b);

  begin(&b);
  header(&b, 1, 1, 8, 0, 0);
  fal_buf_add(&b, "\xFF\xFF\xFF\xFFtEXt", 8);
  CHECK("chunks", fails(b.s, b.n, NULL, FAL_EPROTOCOL, "PNG: "));
  fal_buf_free(&b);

  begin(&b);  /* what a PNG may have and we do not look at */
  header(&b, 1, 1, 8, 0, 0);
  chunk(&b, "gAMA", "\0\0\xB1\x8F", 4);
  chunk(&b, "pHYs", "broken", 6);
  chunk(&b, "quQu", large, LARGE);
  idat(&b, "\0\1", 2);
  chunk(&b, "tEXt", "k\0late", 6);
  end(&b);
  fal_buf_addstr(&b, "trailing bytes");
  CHECK("chunks", fal_png_decode(b.s, b.n, NULL, &im, NULL) == FAL_OK);
  CHECK("chunks", im.text != NULL && strcmp(im.text->value, "late") == 0);
  fal_image_free(&im);
  fal_buf_free(&b);
  free(large);
}


static void test_not_png (void) {
  CHECK("not a PNG", fails("hello, this is not a picture", 28, NULL,
        FAL_EPROTOCOL, "not a PNG"));
  CHECK("not a PNG", fails("\xFF\xD8\xFF\xC0\0\x11\x08\0\x02\0\x03\x03", 12,
        NULL, FAL_EPROTOCOL, "image/jpeg: only PNG is decoded here"));
  CHECK("not a PNG", fails("GIF89a\1\0\1\0", 10, NULL, FAL_EPROTOCOL,
        "image/gif: only PNG"));
}


/* {==================================================================
** Files by chance
** =================================================================== */

static uint32_t chance (uint32_t below) {
  static uint32_t state = 1;
  state = state * 1664525 + 1013904223;
  return (state >> 8) % below;
}


/* What is allocated; always 0 where that is not known. Memory checkers look
** after it themselves. */
static size_t in_use (void) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  return mallinfo2().uordblks;
#else
  return 0;
#endif
}


/* Changes, removes or doubles some bytes of s[0..n), which has room for twice
** as many; returns the new length. */
static size_t mutate (unsigned char *s, size_t n) {
  int times = 1 + (int)chance(4);
  while (times-- > 0) {
    size_t at = chance((uint32_t)n), len = chance(8);
    len = len < n - at ? len : n - at;
    switch (chance(3)) {
      case 0:
        s[at] = (unsigned char)chance(256);
        break;
      case 1:
        memmove(s + at, s + at + len, n - at - len);
        n -= len;
        break;
      default:
        memmove(s + at + len, s + at, n - at);
        n += len;
    }
    if (n == 0)
      return 0;
  }
  return n;
}


/* Decodes, reads and sets texts, probes. Nonzero when it was a picture. */
static int handle (const unsigned char *s, size_t n) {
  static const fal_image_limits lim = {1 << 16, 1 << 20, 1 << 13};
  fal_image_info info;
  fal_image im;
  fal_text *text, seed = {NULL, "seed", "42", 2};
  fal_error err;
  fal_buf out;
  int good;
  fal_image_probe(s, n, &info, &err);
  if (fal_png_text(s, n, &lim, &text, &err) == FAL_OK)
    fal_text_free(text);
  fal_buf_init(&out, 1 << 20);
  fal_png_retext(s, n, &seed, &out, &err);
  err.message[0] = '\0';
  good = fal_png_decode(s, n, &lim, &im, &err) == FAL_OK;
  CHECK("chance", good || err.message[0] != '\0');
  if (good && out.n == 0)
    CHECK("chance", fal_png_encode(&im, NULL, &out, &err) == FAL_OK);
  if (good)
    fal_image_free(&im);
  fal_buf_free(&out);
  return good;
}


/* Ten thousand mutated files, half of them with their checksums put right. */
static void test_chance (void) {
  static char words[4097] = "\xC3\xA9";
  fal_buf seeds[3];
  size_t before = 0;
  int i, good = 0;
  memset(words + 2, 'w', sizeof(words) - 2);
  for (i = 0; i < 3; i++) {
    fal_image im;
    make(&im, 20, 9, i + 2);
    fal_image_set_text(&im, "long", words, sizeof(words), NULL);
    encode(&im, i - 1, &seeds[i]);
    fal_image_free(&im);
  }
  for (i = 0; i < 10000; i++) {
    const fal_buf *from = &seeds[i % 3];
    unsigned char *s = malloc(2 * from->n), *exact;
    size_t n;
    memcpy(s, from->s, from->n);
    n = mutate(s, from->n);
    exact = malloc(n + 1);  /* what is read past it is seen */
    memcpy(exact, s, n);
    free(s);
    if (i % 2)
      repair(exact, n);
    good += handle(exact, n);
    free(exact);
    if (i == 100)
      before = in_use();
  }
  CHECK("chance", good > 0 && good < 10000);
  CHECK("no memory is lost", in_use() < before + SLACK);
  for (i = 0; i < 3; i++)
    fal_buf_free(&seeds[i]);
}

/* }================================================================== */


/* {==================================================================
** Streams of Huffman codes
** =================================================================== */

/* Does zlib get back what was compressed, which is as small as it may be? */
static int comes_back (const uint8_t *s, size_t n) {
  size_t bound = fal_huffman_bound(n), size;
  uint8_t *z = malloc(bound), *back = malloc(n + 1);
  uLongf got = (uLongf)(n + 1);
  int good;
  size = fal_huffman_zlib(s, n, z);
  good = size <= bound && size <= n + n / 64 + 200 * (n / 100000 + 1) &&
         uncompress(back, &got, z, (uLong)size) == Z_OK && got == n &&
         memcmp(s, back, n) == 0;
  free(z);
  free(back);
  return good;
}


/* Bytes of every kind of frequency, the codes of some of which would be longer
** than they may be: each is 'skew' times as frequent as the next. */
static void test_huffman (void) {
  static const double skews[] = { 1, 1.01, 1.2, 1.7, 2.5, 40 };
  static const size_t sizes[] = {
    1, 2, 3, 4, 5, 63, 1000, 65535, 65536, 131071, 131072, 131073, 131076, 400001
  };
  size_t most = 400001, i, j, k;
  uint8_t *s = malloc(most);
  for (i = 0; i < sizeof(skews) / sizeof(skews[0]); i++) {
    for (j = 0; j < most; j++) {
      double r = (double)chance(65536) / 65536.0, share = 1 - 1 / skews[i];
      for (k = 0; skews[i] > 1 && k < 255 && r > share; k++)
        r = (r - share) / (1 - share);
      s[j] = (uint8_t)(skews[i] > 1 ? k * 7 : chance(256));
    }
    for (j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
      CHECK("a stream", comes_back(s, sizes[j]));
  }
  memset(s, 9, most);
  CHECK("one byte, again and again", comes_back(s, most));
  for (j = 0; j < most; j++)   /* nothing that is counted is what comes */
    s[j] = (uint8_t)(j % 16 < 4 ? 0 : j * 31 >> 3);
  CHECK("what was not counted", comes_back(s, most));
  free(s);
}


/* A picture of noise is not looked through for repetitions, and comes back. */
static void test_noise (void) {
  fal_image im, back;
  fal_png_kind kind;
  fal_buf b;
  size_t i, n = 300 * 200 * 3;
  fal_image_new(&im, 300, 200, 3, NULL, NULL);
  for (i = 0; i < n; i++)
    im.pixels[i] = (uint8_t)(i / 900 + chance(64));
  fal_png_choose(&im, 0, &kind);
  CHECK("noise", kind == FAL_PNG_NOISE);
  encode(&im, -1, &b);
  CHECK("noise", fal_png_decode(b.s, b.n, NULL, &back, NULL) == FAL_OK &&
        memcmp(im.pixels, back.pixels, n) == 0);
  fal_buf_free(&b);
  fal_image_free(&back);
  for (i = 0; i < n; i++)   /* the same row two hundred times */
    im.pixels[i] = im.pixels[i % 900];
  fal_png_choose(&im, 0, &kind);
  CHECK("what repeats is no noise", kind == FAL_PNG_FLAT);
  fal_image_free(&im);
}

/* }================================================================== */


int main (void) {
  test_kinds();
  test_interlace();
  test_cut();
  test_cut_rows();
  test_damaged();
  test_lies();
  test_chunks();
  test_not_png();
  test_huffman();
  test_noise();
  test_chance();
  return TEST_END("png");
}
