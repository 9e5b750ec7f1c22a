/*
** test_jpeg.c -- JPEG there and back, and what is no JPEG
*/
#include <stdlib.h>

#include "../../src/paint/jpeg.h"
#include "test.h"


static fal_image gradient (uint32_t w, uint32_t h, int channels) {
  fal_image im;
  fal_error err;
  size_t i, n = (size_t)w * h * (size_t)channels;
  if (fal_image_new(&im, w, h, channels, NULL, &err) != FAL_OK)
    abort();
  for (i = 0; i < n; i++)
    im.pixels[i] = (uint8_t)(i / (size_t)channels % w * 255 / w);
  return im;
}


static void test_round (void) {
  int channels;
  for (channels = 1; channels <= 4; channels++) {
    fal_image im = gradient(61, 43, channels), back;
    int kept = channels < 3 ? 1 : 3;
    fal_error err;
    fal_buf b, again;
    fal_buf_init(&b, 1 << 20);
    fal_buf_init(&again, 1 << 20);
    CHECK("encode", fal_jpeg_encode(&im, 92, "a comment", &b, &err) == FAL_OK);
    CHECK("the same bytes", fal_jpeg_encode(&im, 92, "a comment", &again, &err) == FAL_OK
          && b.n == again.n && memcmp(b.s, again.s, b.n) == 0);
    CHECK("is JPEG", strcmp(fal_image_type(b.s, b.n), "image/jpeg") == 0);
    CHECK("decode", fal_jpeg_decode(b.s, b.n, NULL, &back, &err) == FAL_OK);
    CHECK("size", back.width == 61 && back.height == 43 && back.channels == kept);
    if (channels % 2)
      CHECK("near", abs((int)back.pixels[30 * kept] - (int)im.pixels[30 * channels]) < 12);
    fal_image_free(&im);
    fal_image_free(&back);
    fal_buf_free(&b);
    fal_buf_free(&again);
  }
}


static void test_refused (void) {
  fal_image im = gradient(64, 64, 3), out;
  fal_image_limits few = {1000, 1 << 20, 1 << 10};
  fal_image_limits little = {1 << 20, 1000, 1 << 10};
  fal_error err;
  fal_buf b;
  size_t n;
  fal_buf_init(&b, 1 << 20);
  CHECK("encode", fal_jpeg_encode(&im, 80, NULL, &b, &err) == FAL_OK);
  CHECK("too many pixels", fal_jpeg_decode(b.s, b.n, &few, &out, &err) == FAL_ETOOBIG);
  CHECK("too many bytes", fal_jpeg_decode(b.s, b.n, &little, &out, &err) == FAL_ETOOBIG);
  for (n = 0; n < b.n - 2; n += 7)
    CHECK("cut short", fal_jpeg_decode(b.s, n, NULL, &out, &err) == FAL_EPROTOCOL);
  CHECK("none", fal_jpeg_decode("no JPEG at all", 14, NULL, &out, &err) == FAL_EPROTOCOL);
  n = b.n;
  b.max = b.n + 100;
  CHECK("no room", fal_jpeg_encode(&im, 80, NULL, &b, &err) == FAL_ETOOBIG);
  CHECK("as it was", b.n == n);
  fal_buf_free(&b);
  fal_image_free(&im);
}


/* A file of the corpus, whose Exif says that it lies on its side. */
static void test_files (void) {
  static const struct { const char *name; fal_code code; uint32_t w; int channels; } rows[] = {
    {"baseline", FAL_OK, 24, 3}, {"progressive", FAL_OK, 24, 3}, {"gray", FAL_OK, 9, 1},
    {"cmyk", FAL_OK, 16, 3}, {"turned", FAL_OK, 16, 3}, {"cut", FAL_EPROTOCOL, 0, 0}
  };
  char path[100], s[4096];
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    fal_image im;
    fal_error err;
    size_t n;
    FILE *f;
    snprintf(path, sizeof(path), "spec/fuzz/corpus/jpeg/%s.jpg", rows[i].name);
    f = fopen(path, "rb");
    CHECK(path, f != NULL);
    if (f == NULL)
      continue;
    n = fread(s, 1, sizeof(s), f);
    fclose(f);
    CHECK(path, fal_jpeg_decode(s, n, NULL, &im, &err) == rows[i].code);
    if (rows[i].code != FAL_OK)
      continue;
    CHECK(path, im.width == rows[i].w && im.channels == rows[i].channels);
    fal_image_free(&im);
  }
}


int main (void) {
  test_round();
  test_refused();
  test_files();
  return TEST_END("jpeg");
}
