/*
** test_image.c -- pictures, their texts, and both through PNG and back
*/
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/core/file.h"
#include "pngs.h"
#include "test.h"


static void test_pictures (void) {
  fal_image im;
  fal_error err;
  fal_image_limits lim = fal_image_default_limits;
  CHECK("pictures", fal_image_new(&im, 3, 2, 4, NULL, &err) == FAL_OK);
  CHECK("pictures", im.pixels[0] == 0 && im.pixels[3 * 2 * 4 - 1] == 0);
  fal_image_free(&im);
  CHECK("pictures", im.pixels == NULL && im.width == 0);
  CHECK("pictures", fal_image_new(&im, 0, 2, 4, NULL, &err) ==
        FAL_EVALIDATION);
  CHECK("pictures", fal_image_new(&im, 2, 2, 5, NULL, &err) ==
        FAL_EVALIDATION);
  CHECK("pictures", fal_image_new(&im, 10001, 10000, 1, NULL, &err) ==
        FAL_ETOOBIG);
  CHECK("pictures", fal_image_new(&im, UINT32_MAX, UINT32_MAX, 4, NULL, &err)
        == FAL_ETOOBIG);
  lim.max_bytes = 400;
  CHECK("pictures", fal_image_new(&im, 10, 10, 4, &lim, &err) == FAL_OK);
  fal_image_free(&im);
  CHECK("pictures", fal_image_new(&im, 10, 11, 4, &lim, &err) == FAL_ETOOBIG);
}


static void test_texts (void) {
  static const struct { const char *key, *value; size_t n; int ok; } rows[] = {
    {"prompt", "", 0, 1},
    {"a b", "x", 1, 1},
    {"\xC3\xA9", "\xF0\x9F\x90\x88", 4, 1},
    {"", "x", 1, 0},
    {" a", "x", 1, 0},
    {"a ", "x", 1, 0},
    {"a  b", "x", 1, 0},
    {"a\nb", "x", 1, 0},
    {"\xC4\xB1", "x", 1, 0},           /* a dotless i is not Latin-1 */
    {"\xC3", "x", 1, 0},
    {"k", "a\0b", 3, 0},
    {"k", "\xFF", 1, 0},
    {"k", "\xC0\x80", 2, 0},           /* overlong */
    {"k", "\xED\xA0\x80", 3, 0},       /* a surrogate */
    {"k", "\xF4\x90\x80\x80", 4, 0},   /* past U+10FFFF */
    {"k", "\xE2\x82", 2, 0},           /* cut */
  };
  char key[81];
  size_t i;
  fal_image im;
  memset(&im, 0, sizeof(im));
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK(rows[i].key, (fal_image_set_text(&im, rows[i].key, rows[i].value,
          rows[i].n, NULL) == FAL_OK) == rows[i].ok);
  memset(key, 'k', 80);
  key[80] = '\0';
  CHECK("texts", fal_image_set_text(&im, key, "x", 1, NULL) ==
        FAL_EVALIDATION);
  key[79] = '\0';
  CHECK("texts", fal_image_set_text(&im, key, "x", 1, NULL) == FAL_OK);
  CHECK("texts", fal_image_set_text(&im, "prompt", "new", 3, NULL) == FAL_OK);
  CHECK("still the first", strcmp(im.text->value, "new") == 0);
  CHECK("texts", fal_image_set_text(&im, "a b", NULL, 0, NULL) == FAL_OK);
  CHECK("texts", fal_image_get_text(&im, "a b") == NULL);
  CHECK("texts", fal_image_get_text(&im, key) != NULL);
  fal_image_free(&im);
}


static void test_round_trips (void) {
  int channels, level;
  for (channels = 1; channels <= 4; channels++)
    for (level = -1; level <= 9; level += 5) {
      fal_image im, back;
      fal_buf png, again;
      make(&im, 37, 19, channels);
      encode(&im, level, &png);
      encode(&im, level, &again);
      CHECK("round trip", png.n == again.n && memcmp(png.s, again.s, png.n) ==
            0);
      CHECK("round trip", fal_png_decode(png.s, png.n, NULL, &back, NULL) ==
            FAL_OK);
      CHECK("round trip", same(&im, &back));
      fal_image_free(&im);
      fal_image_free(&back);
      fal_buf_free(&png);
      fal_buf_free(&again);
    }
}


/* Pictures that want different filters, large enough to be tried in parts, in
** sizes at which the parts overlap. */
static void test_filters (void) {
  static const uint32_t sizes[][2] =
    {{300, 200}, {1, 40000}, {40000, 1}, {63, 900}, {700, 15}};
  size_t i, k;
  int channels, kind;
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    for (channels = 1; channels <= 4; channels++)
      for (kind = 0; kind < 3; kind++) {
        uint32_t u = 1;
        size_t w = sizes[i][0];
        fal_image im, back;
        fal_buf png;
        CHECK("filters", fal_image_new(&im, sizes[i][0], sizes[i][1],
              channels, NULL, NULL) == FAL_OK);
        for (k = 0; k < w * sizes[i][1] * (size_t)channels; k++) {
          size_t x = k / (size_t)channels % w, y = k / (size_t)channels / w;
          u = u * 1664525 + 1013904223;
          im.pixels[k] = (uint8_t)(kind == 0 ? x / 40 * 17 + y / 30 :
                                   kind == 1 ? x * y : x + y + (u >> 28));
        }
        encode(&im, -1, &png);
        CHECK("filters", fal_png_decode(png.s, png.n, NULL, &back, NULL) ==
              FAL_OK && same(&im, &back));
        fal_image_free(&im);
        fal_image_free(&back);
        fal_buf_free(&png);
      }
}


/* The encoder obeys the ceiling of its buffer and leaves no half of a file. */
static void test_encode_limits (void) {
  fal_image im;
  fal_buf png, out;
  fal_error err;
  fal_png_options opt = {10};
  size_t max;
  make(&im, 20, 20, 3);
  encode(&im, -1, &png);
  for (max = 3; max < png.n + 3; max += 13) {
    fal_buf_init(&out, max);
    fal_buf_addstr(&out, "abc");
    CHECK("ceiling", fal_png_encode(&im, NULL, &out, &err) == FAL_ETOOBIG);
    CHECK("ceiling", out.n == 3 && memcmp(out.s, "abc", 3) == 0);
    CHECK("ceiling", err.code == FAL_ETOOBIG);
    fal_buf_free(&out);
  }
  fal_buf_init(&out, png.n);
  CHECK("ceiling", fal_png_encode(&im, NULL, &out, &err) == FAL_OK);
  CHECK("ceiling", fal_png_encode(&im, &opt, &out, &err) == FAL_EVALIDATION);
  CHECK("ceiling", out.n == png.n);
  fal_buf_free(&out);
  fal_buf_free(&png);
  fal_image_free(&im);
}


/* {==================================================================
** Texts in files
** =================================================================== */

/* Where four bytes are first in a file, or NULL. */
static const char *find (const fal_buf *b, const char *what) {
  size_t i;
  for (i = 0; i + 4 <= b->n; i++)
    if (memcmp(b->s + i, what, 4) == 0)
      return b->s + i;
  return NULL;
}


/* A 1 x 1 picture, without its end. */
static void dot (fal_buf *b) {
  begin(b);
  header(b, 1, 1, 8, 0, 0);
  idat(b, "\0\1", 2);
}


/* What is long is deflated, in either kind of chunk. */
static void test_long_texts (void) {
  fal_image im, back;
  fal_buf png;
  char *ascii = malloc(5001), *utf8 = malloc(5001);
  size_t i;
  for (i = 0; i < 5000; i++)
    ascii[i] = (char)('a' + i % 23);
  memcpy(utf8, ascii, 5000);
  memcpy(utf8 + 7, "\xE2\x82\xAC", 3);
  CHECK("long", fal_image_new(&im, 1, 1, 1, NULL, NULL) == FAL_OK);
  fal_image_set_text(&im, "a", ascii, 5000, NULL);
  fal_image_set_text(&im, "b", utf8, 5000, NULL);
  encode(&im, -1, &png);
  CHECK("long", png.n < 600);
  CHECK("long", find(&png, "zTXt") != NULL && find(&png, "iTXt") != NULL);
  CHECK("long", fal_png_decode(png.s, png.n, NULL, &back, NULL) == FAL_OK);
  CHECK("long", same(&im, &back));
  fal_image_free(&im);
  fal_image_free(&back);
  fal_buf_free(&png);
  free(ascii);
  free(utf8);
}


static void test_read_texts (void) {
  fal_buf b;
  fal_text *t;
  dot(&b);
  chunk(&b, "tEXt", "a\0caf\xE9", 6);
  deflated(&b, "zTXt", "b\0\0", 3, "na\xEFve", 5);
  chunk(&b, "iTXt", "c\0\0\0tr\0\xC3\xA7\0\xC4\xB1", 12);
  deflated(&b, "iTXt", "d\0\1\0\0\0", 6, "\xE2\x82\xAC", 3);
  chunk(&b, "tEXt", "a\0again", 7);             /* the later one counts */
  chunk(&b, "tEXt", "no end", 6);               /* from here: left out */
  chunk(&b, "tEXt", "\0empty", 6);
  chunk(&b, "tEXt", "", 0);
  chunk(&b, "zTXt", "e\0\0garbage", 10);
  chunk(&b, "zTXt", "e\0\1", 3);
  chunk(&b, "zTXt", "e\0", 2);
  chunk(&b, "iTXt", "e\0", 2);
  chunk(&b, "iTXt", "e\0\0\0", 4);
  chunk(&b, "iTXt", "e\0\0\0x\0y", 7);
  chunk(&b, "iTXt", "e\0\0\0\0\0\xFF", 7);
  end(&b);
  CHECK("reading texts", fal_png_text(b.s, b.n, NULL, &t, NULL) == FAL_OK);
  {
    fal_text d = {NULL, "d", "\xE2\x82\xAC", 3};
    fal_text c = {&d, "c", "\xC4\xB1", 2};
    fal_text b2 = {&c, "b", "na\xC3\xAFve", 6};
    fal_text a = {&b2, "a", "again", 5};
    CHECK("reading texts", same_text(t, &a));
  }
  fal_text_free(t);
  fal_buf_free(&b);
}


static void test_text_limits (void) {
  fal_image_limits lim = fal_image_default_limits;
  fal_buf b;
  fal_text *t;
  fal_error err;
  size_t size = (size_t)5 << 20;
  char *zeros = malloc(size);
  int i;
  memset(zeros, 'A', size);
  dot(&b);
  deflated(&b, "zTXt", "bomb\0\0", 6, zeros, size);
  end(&b);
  CHECK("text limits", b.n < 10000);
  CHECK("text limits", fails(b.s, b.n, NULL, FAL_ETOOBIG,
        "larger than allowed"));
  CHECK("text limits", fal_png_text(b.s, b.n, NULL, &t, &err) == FAL_ETOOBIG);
  lim.max_text = size;
  CHECK("text limits", fal_png_text(b.s, b.n, &lim, &t, &err) == FAL_OK);
  fal_text_free(t);
  fal_buf_free(&b);

  dot(&b);
  deflated(&b, "iTXt", "bomb\0\1\0\0\0", 9, zeros, size);
  end(&b);
  CHECK("text limits", fails(b.s, b.n, NULL, FAL_ETOOBIG,
        "larger than allowed"));
  fal_buf_free(&b);

  dot(&b);  /* each small enough, not so together */
  lim.max_text = 1000;
  for (i = 0; i < 3; i++)
    deflated(&b, "zTXt", i == 0 ? "a\0\0" : i == 1 ? "b\0\0" : "c\0\0", 3,
             zeros, 400);
  end(&b);
  CHECK("text limits", fails(b.s, b.n, &lim, FAL_ETOOBIG,
        "larger than allowed"));
  fal_buf_free(&b);

  dot(&b);  /* what is inflated in vain counts too */
  for (i = 0; i < 3; i++) {
    deflated(&b, "iTXt", "k\0\1\0\0\0", 6, zeros, 400);
    deflated(&b, "iTXt", "k\0\1\0\0\0", 6, "\xFF", 1);
    zeros[200] = '\xFF';
  }
  zeros[200] = 'A';
  end(&b);
  CHECK("text limits", fails(b.s, b.n, &lim, FAL_ETOOBIG,
        "larger than allowed"));
  fal_buf_free(&b);

  dot(&b);
  for (i = 0; i < 1001; i++)
    chunk(&b, "tEXt", "k\0v", 3);
  end(&b);
  CHECK("text limits", fails(b.s, b.n, NULL, FAL_ETOOBIG,
        "more than 1000 text chunks"));
  fal_buf_free(&b);
  free(zeros);
}


static void test_retext (void) {
  fal_text seed = {NULL, "seed", "42", 2};
  fal_text prompt = {&seed, "prompt", "a cat \xF0\x9F\x90\x88", 10};
  fal_text bad = {NULL, "", "x", 1};
  fal_image im, back;
  fal_buf png, out, again;
  fal_error err;
  make(&im, 30, 20, 3);
  encode(&im, -1, &png);
  fal_buf_init(&out, (size_t)1 << 20);
  CHECK("retext", fal_png_retext(png.s, png.n, &prompt, &out, &err) == FAL_OK);
  {
    const char *before = find(&png, "IDAT"), *after = find(&out, "IDAT");
    size_t n = png.n - (size_t)(before - png.s);
    CHECK("retext", n == out.n - (size_t)(after - out.s));
    CHECK("retext", memcmp(before, after, n) == 0);
  }
  CHECK("retext", fal_png_decode(out.s, out.n, NULL, &back, &err) == FAL_OK);
  CHECK("retext", strcmp(fal_image_get_text(&back, "prompt")->value,
        "a cat \xF0\x9F\x90\x88") == 0);
  CHECK("retext", strcmp(fal_image_get_text(&back, "seed")->value, "42") == 0);
  CHECK("retext", strcmp(fal_image_get_text(&back, "Author")->value,
        "Ren\xC3\xA9") == 0);
  fal_buf_init(&again, (size_t)1 << 20);
  CHECK("retext", fal_png_retext(out.s, out.n, &prompt, &again, &err) ==
        FAL_OK);
  CHECK("retext", again.n == out.n && memcmp(again.s, out.s, out.n) == 0);
  CHECK("retext", fal_png_retext(png.s, png.n, &bad, &again, &err) ==
        FAL_EVALIDATION);
  CHECK("retext", fal_png_retext(png.s, png.n - 1, &seed, &again, &err) ==
        FAL_EPROTOCOL);
  png.s[png.n - 20] ^= 1;
  CHECK("retext", fal_png_retext(png.s, png.n, &seed, &again, &err) ==
        FAL_EPROTOCOL);
  CHECK("retext", strstr(err.message, "bad CRC in the chunk IDAT") != NULL);
  png.s[png.n - 20] ^= 1;
  CHECK("retext", again.n == out.n);
  again.max = out.n + 50;
  CHECK("retext", fal_png_retext(png.s, png.n, &seed, &again, &err) ==
        FAL_ETOOBIG);
  CHECK("retext", again.n == out.n);
  fal_image_free(&im);
  fal_image_free(&back);
  fal_buf_free(&png);
  fal_buf_free(&out);
  fal_buf_free(&again);
}

/* The same between files; nothing is left of what fails. */
static void test_retext_file (void) {
  fal_text seed = {NULL, "seed", "42", 2};
  fal_image im;
  fal_buf png, out, file;
  fal_error err;
  char dir[] = "/tmp/fal-image-XXXXXX", from[64], to[64];
  CHECK("file", mkdtemp(dir) != NULL);
  snprintf(from, sizeof(from), "%s/from.png", dir);
  snprintf(to, sizeof(to), "%s/to.png", dir);
  make(&im, 300, 200, 4);  /* more than a block */
  encode(&im, 0, &png);
  fal_buf_init(&out, (size_t)1 << 24);
  fal_buf_init(&file, (size_t)1 << 24);
  CHECK("file", fal_png_retext(png.s, png.n, &seed, &out, &err) == FAL_OK);
  CHECK("file", fal_file_put(from, png.s, png.n, 0, &err) == FAL_OK);
  CHECK("file", fal_png_retext_file(from, to, &seed, 0, &err) == FAL_OK);
  CHECK("file", fal_file_get(to, &file, &err) == FAL_OK);
  CHECK("file", file.n == out.n && memcmp(file.s, out.s, out.n) == 0);
  CHECK("file", fal_png_retext_file(from, to, NULL, 0, &err) == FAL_EFILE);
  CHECK("file", fal_png_retext_file(from, to, NULL, 1, &err) == FAL_OK);
  file.n = 0;
  CHECK("file", fal_file_get(to, &file, &err) == FAL_OK);
  CHECK("file", file.n == png.n && memcmp(file.s, png.s, png.n) == 0);
  unlink(to);
  png.s[png.n - 20] ^= 1;
  CHECK("file", fal_file_put(from, png.s, png.n, 1, &err) == FAL_OK);
  CHECK("file", fal_png_retext_file(from, to, &seed, 0, &err) ==
        FAL_EPROTOCOL);
  CHECK("file", strstr(err.message, "bad CRC in the chunk IDAT") != NULL);
  CHECK("file", fal_file_put(from, png.s, png.n - 30, 1, &err) == FAL_OK);
  CHECK("file", fal_png_retext_file(from, to, &seed, 0, &err) ==
        FAL_EPROTOCOL);
  CHECK("file", strstr(err.message, "cut short") != NULL);
  unlink(from);
  CHECK("file", fal_png_retext_file(from, to, &seed, 0, &err) == FAL_EFILE);
  CHECK("nothing is left", rmdir(dir) == 0);
  fal_image_free(&im);
  fal_buf_free(&png);
  fal_buf_free(&out);
  fal_buf_free(&file);
}


/* Chunks that nobody here knows come through, where that is right. */
static void test_kept (void) {
  fal_image im, back;
  fal_buf b, png;
  begin(&b);
  header(&b, 1, 1, 8, 0, 0);
  chunk(&b, "gAMA", "\0\0\xB1\x8F", 4);
  chunk(&b, "prVa", "before", 6);    /* safe to copy */
  chunk(&b, "prVA", "unsafe", 6);    /* not safe to copy */
  chunk(&b, "tIME", "\x07\xE6\1\1\0\0\0", 7);
  idat(&b, "\0\1", 2);
  chunk(&b, "prVb", "after", 5);
  end(&b);
  CHECK("kept", fal_png_decode(b.s, b.n, NULL, &im, NULL) == FAL_OK);
  CHECK("kept", im.kept.n == 16 + 18 + 17 && im.kept.before == 16 + 18);
  im.pixels[0] = 9;
  encode(&im, -1, &png);
  CHECK("kept", find(&png, "gAMA") != NULL);
  CHECK("kept", find(&png, "prVa") < find(&png, "IDAT"));
  CHECK("kept", find(&png, "prVb") > find(&png, "IDAT"));
  CHECK("kept", find(&png, "prVA") == NULL && find(&png, "tIME") == NULL);
  CHECK("kept", fal_png_decode(png.s, png.n, NULL, &back, NULL) == FAL_OK);
  CHECK("kept", same(&im, &back));
  fal_image_free(&im);
  fal_image_free(&back);
  fal_buf_free(&png);

  fal_buf_init(&png, (size_t)1 << 20);  /* all of them, when only texts are
                                           set */
  CHECK("kept", fal_png_retext(b.s, b.n, NULL, &png, NULL) == FAL_OK);
  CHECK("kept", png.n == b.n && memcmp(png.s, b.s, b.n) == 0);
  fal_buf_free(&png);
  fal_buf_free(&b);
}


static void test_kept_limit (void) {
  fal_image_limits lim = fal_image_default_limits;
  fal_buf b;
  char block[1000] = "";
  dot(&b);
  chunk(&b, "prVa", block, sizeof(block));
  end(&b);
  lim.max_bytes = 1000;
  CHECK("kept", fails(b.s, b.n, &lim, FAL_ETOOBIG, "other chunks"));
  fal_buf_free(&b);
}

/* }================================================================== */


static void test_probe (void) {
  static const struct {
    const char *what, *bytes;
    size_t n;
    const char *type;
    uint32_t width, height;
  } rows[] = {
    {"GIF", "GIF89a\x40\1\xF0\0", 10, "image/gif", 320, 240},
    {"JPEG", "\xFF\xD8\xFF\xE0\0\4ab\xFF\xFF\xC2\0\x0B\x08\1\0\2\0\1",
     19, "image/jpeg", 512, 256},
    {"WebP, lossy", "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9D\x01\x2A"
     "\x40\x41\xF0\x80", 30, "image/webp", 320, 240},
    {"WebP, lossless", "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2F\x3F\xC1\x3B\0"
     "\0\0\0\0\0", 30, "image/webp", 320, 240},
    {"WebP, extended", "RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x3F\1\0"
     "\xEF\0\0", 30, "image/webp", 320, 240},
  };
  size_t i, n;
  fal_image_info info;
  fal_buf b;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    fal_code code = fal_image_probe(rows[i].bytes, rows[i].n, &info, NULL);
    if (code != FAL_OK || info.width != rows[i].width)
      printf("  %s: %lu x %lu\n", rows[i].what, (unsigned long)info.width,
             (unsigned long)info.height);
    CHECK("probe", code == FAL_OK && strcmp(info.type, rows[i].type) == 0);
    CHECK("probe", info.width == rows[i].width &&
          info.height == rows[i].height);
    for (n = 0; n < rows[i].n; n++) {
      char *copy = malloc(n > 0 ? n : 1);
      memcpy(copy, rows[i].bytes, n);
      code = fal_image_probe(copy, n, &info, NULL);
      CHECK("probe", code == FAL_EPROTOCOL || n == rows[i].n - 2 ||
            n == rows[i].n - 1);  /* the JPEG's last two are not needed */
      free(copy);
    }
  }
  begin(&b);
  header(&b, 7, 5, 4, 3, 1);
  CHECK("probe", fal_image_probe(b.s, b.n, &info, NULL) == FAL_OK);
  CHECK("probe", strcmp(info.type, "image/png") == 0 && info.palette);
  CHECK("probe", info.width == 7 && info.height == 5 && info.depth == 4);
  CHECK("probe", info.channels == 1 && info.interlaced);
  fal_buf_free(&b);
  CHECK("probe", fal_image_probe("nothing", 7, &info, NULL) == FAL_EPROTOCOL);
  CHECK("probe", info.type == NULL);
}


int main (void) {
  test_pictures();
  test_texts();
  test_round_trips();
  test_filters();
  test_encode_limits();
  test_read_texts();
  test_long_texts();
  test_text_limits();
  test_retext();
  test_retext_file();
  test_kept();
  test_kept_limit();
  test_probe();
  return TEST_END("image");
}
