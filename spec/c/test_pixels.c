/*
** test_pixels.c -- operations on pictures, against cases computed by hand
**
** Larger pictures are compared with ImageMagick in spec/image_pixels_spec.lua.
*/
#include <math.h>
#include <stdlib.h>

#include "../../src/image/pixels.h"
#include "test.h"

static const uint8_t WHITE[4] = {255, 255, 255, 255};
static const uint8_t RED[4] = {255, 0, 0, 255};
static const uint8_t CLEAR[4] = {0, 0, 0, 0};


/* A picture made of the bytes that follow its size. */
static fal_image of (uint32_t width, uint32_t height, int channels,
                     const char *bytes) {
  fal_image im;
  memset(&im, 0, sizeof(im));
  if (fal_image_new(&im, width, height, channels, NULL, NULL) != FAL_OK)
    abort();
  memcpy(im.pixels, bytes, (size_t)width * height * (size_t)channels);
  return im;
}


/* Checks size and bytes, and frees. */
static void check_image (const char *what, fal_code code, fal_image *im,
                         uint32_t width, uint32_t height, int channels,
                         const char *bytes) {
  CHECK(what, code == FAL_OK);
  if (code != FAL_OK)
    return;
  CHECK(what, im->width == width);
  CHECK(what, im->height == height);
  CHECK(what, im->channels == channels);
  CHECK(what, im->text == NULL);
  if (im->width == width && im->height == height && im->channels == channels)
    CHECK(what, memcmp(im->pixels, bytes,
                       (size_t)width * height * (size_t)channels) == 0);
  fal_image_free(im);
}


static fal_image noise (uint32_t width, uint32_t height, int channels) {
  size_t n = (size_t)width * height * (size_t)channels, i;
  uint32_t seed = 1;
  fal_image im;
  if (fal_image_new(&im, width, height, channels, NULL, NULL) != FAL_OK)
    abort();
  for (i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    im.pixels[i] = (uint8_t)(seed >> 24);
  }
  return im;
}


static int same (const fal_image *a, const fal_image *b) {
  return a->width == b->width && a->height == b->height &&
         a->channels == b->channels &&
         memcmp(a->pixels, b->pixels, (size_t)a->width * a->height *
                (size_t)a->channels) == 0;
}


static void test_resize (void) {
  fal_image im = of(2, 2, 1, "\0\x64\xC8\xFF"), out;
  fal_code code = fal_image_resize(&im, 1, 1, FAL_FILTER_BOX, NULL, &out,
                                   NULL);
  check_image("box: the mean", code, &out, 1, 1, 1, "\x8B");  /* 138.75 */
  code = fal_image_resize(&im, 4, 2, FAL_FILTER_NEAREST, NULL, &out, NULL);
  check_image("nearest: doubled", code, &out, 4, 2, 1,
              "\0\0\x64\x64\xC8\xC8\xFF\xFF");
  code = fal_image_resize(&im, 4, 2, FAL_FILTER_TRIANGLE, NULL, &out, NULL);
  check_image("triangle: quarters", code, &out, 4, 2, 1,
              "\0\x19\x4B\x64\xC8\xD6\xF1\xFF");
  fal_image_free(&im);
  im = of(2, 1, 4, "\xFF\0\0\0" "\0\0\xFF\xFF");
  code = fal_image_resize(&im, 1, 1, FAL_FILTER_BOX, NULL, &out, NULL);
  check_image("what is transparent has no color", code, &out, 1, 1, 4,
              "\0\0\xFF\x80");
  fal_image_free(&im);
}


/* What must hold with any filter and any number of channels. */
static void test_resize_all (void) {
  int filter, channels;
  for (channels = 1; channels <= 4; channels++)
    for (filter = FAL_FILTER_AUTO; filter <= FAL_FILTER_LANCZOS; filter++) {
      static const uint32_t sizes[] = {1, 2, 7, 8, 9, 31, 40, 200};
      fal_image im = noise(31, 17, channels), flat, out, turned;
      size_t i, j, k;
      flat = noise(23, 29, channels);
      memset(flat.pixels, 77, 23 * 29 * (size_t)channels);
      CHECK("same size", fal_image_resize(&im, 31, 17, (fal_filter)filter,
            NULL, &out, NULL) == FAL_OK);
      if (channels % 2 != 0)
        CHECK("same size, same picture", same(&im, &out));
      fal_image_free(&out);
      for (i = 0; i < 8; i++)
        for (j = 0; j < 8; j++) {
          int worst = 0;
          size_t n = (size_t)sizes[i] * sizes[j] * (size_t)channels;
          CHECK("any size", fal_image_resize(&flat, sizes[i], sizes[j],
                (fal_filter)filter, NULL, &out, NULL) == FAL_OK);
          for (k = 0; k < n; k++)
            worst = abs(out.pixels[k] - 77) > worst
                    ? abs(out.pixels[k] - 77) : worst;
          CHECK("one color stays", worst == 0);
          fal_image_free(&out);
        }
      /* the axes are alike: on its side, the same picture on its side */
      turned = noise(17, 31, channels);
      for (j = 0; j < 17; j++)
        for (i = 0; i < 31; i++)
          memcpy(turned.pixels + (i * 17 + j) * (size_t)channels,
                 im.pixels + (j * 31 + i) * (size_t)channels,
                 (size_t)channels);
      CHECK("turned", fal_image_resize(&im, 12, 40, (fal_filter)filter, NULL,
            &out, NULL) == FAL_OK);
      fal_image_free(&im);
      CHECK("turned", fal_image_resize(&turned, 40, 12, (fal_filter)filter,
            NULL, &im, NULL) == FAL_OK);
      for (j = 0; j < 40; j++)
        for (i = 0; i < 12 * (size_t)channels; i++) {
          size_t x = i / (size_t)channels, c = i % (size_t)channels;
          int d = out.pixels[j * 12 * (size_t)channels + i] -
                  im.pixels[(x * 40 + j) * (size_t)channels + c];
          int alpha = out.pixels[(j * 12 + x + 1) * (size_t)channels - 1];
          CHECK("turned", abs(d) <= (channels % 2 == 0 && alpha < 64 ? 8 : 1));
        }
      fal_image_free(&im);
      fal_image_free(&out);
      fal_image_free(&turned);
      fal_image_free(&flat);
    }
}


static void test_fit (void) {
  static const uint32_t rows[][6] = {
    {100, 50, 20, 20, 20, 10}, {50, 100, 20, 20, 10, 20},
    {10, 10, 30, 40, 30, 30},  {1000, 1, 10, 10, 10, 1},
    {3, 2, 3, 2, 3, 2},        {4294967295u, 4294967295u, 7, 9, 7, 7},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint32_t w, h;
    fal_image_fit(rows[i][0], rows[i][1], rows[i][2], rows[i][3], &w, &h);
    CHECK("fit", w == rows[i][4] && h == rows[i][5]);
  }
}


static void test_parts (void) {
  fal_image im = of(3, 2, 1, "abcdef"), out = {0};
  static const fal_sides sides = {1, 0, 0, 2};
  fal_sides room;
  fal_error err;
  fal_code code = fal_image_crop(&im, 1, 0, 2, 2, NULL, &out, NULL);
  check_image("crop", code, &out, 2, 2, 1, "bcef");
  CHECK("crop: outside", fal_image_crop(&im, 2, 0, 2, 1, NULL, &out, &err) ==
        FAL_EVALIDATION && out.pixels == NULL);
  CHECK("crop: far outside", fal_image_crop(&im, 4000000000u, 0, 500000000u,
        1, NULL, &out, &err) == FAL_EVALIDATION);
  CHECK("crop: nothing", fal_image_crop(&im, 0, 0, 0, 1, NULL, &out, &err) ==
        FAL_EVALIDATION);
  code = fal_image_border(&im, &sides, WHITE, NULL, &out, NULL);
  check_image("border", code, &out, 4, 4, 1, "\377abc\377def"
              "\377\377\377\377\377\377\377\377");
  fal_image_free(&im);
  im = of(1, 1, 1, "a");
  code = fal_image_border(&im, &sides, CLEAR, NULL, &out, NULL);
  check_image("a clear border", code, &out, 2, 3, 2,
              "\0\0a\377\0\0\0\0\0\0\0\0");
  code = fal_image_border(&im, &sides, RED, NULL, &out, NULL);
  check_image("a red border", code, &out, 2, 3, 3, "\377\0\0aaa"
              "\377\0\0\377\0\0\377\0\0\377\0\0");
  fal_image_free(&im);
  CHECK("room", fal_image_room(100, 50, 1, &room, NULL) == FAL_OK &&
        room.left + room.right == 0 && room.top == 25 && room.bottom == 25);
  CHECK("room", fal_image_room(50, 101, 16.0 / 9, &room, NULL) == FAL_OK &&
        room.left == 65 && room.right == 65 && room.top + room.bottom == 0);
  CHECK("room", fal_image_room(1024, 1024, 1, &room, NULL) == FAL_OK &&
        room.left + room.right + room.top + room.bottom == 0);
  CHECK("no room", fal_image_room(1, 1, 0, &room, &err) == FAL_EVALIDATION);
  CHECK("no room", fal_image_room(1, 1, NAN, &room, &err) == FAL_EVALIDATION);
  CHECK("no room", fal_image_room(1, 1, INFINITY, &room, &err) ==
        FAL_EVALIDATION);
  CHECK("too much room", fal_image_room(100, 1, 1e-9, &room, &err) ==
        FAL_ETOOBIG);
}


static void test_tone (void) {
  fal_image im = of(3, 1, 3, "\377\0\0\0\377\0\0\0\377"), out;
  fal_code code = fal_image_gray(&im, NULL, &out, NULL);
  check_image("gray", code, &out, 3, 1, 1, "\x4C\x96\x1D");
  code = fal_image_invert(&im, NULL, &out, NULL);
  check_image("invert", code, &out, 3, 1, 3,
              "\0\377\377\377\0\377\377\377\0");
  code = fal_image_convert(&im, 4, NULL, &out, NULL);
  check_image("to RGBA", code, &out, 3, 1, 4,
              "\377\0\0\377\0\377\0\377\0\0\377\377");
  fal_image_free(&im);
  im = of(2, 1, 2, "\x10\x80\x20\0");
  code = fal_image_invert(&im, NULL, &out, NULL);
  check_image("invert keeps alpha", code, &out, 2, 1, 2, "\xEF\x80\xDF\0");
  code = fal_image_convert(&im, 4, NULL, &out, NULL);
  check_image("gray to RGBA", code, &out, 2, 1, 4,
              "\x10\x10\x10\x80\x20\x20\x20\0");
  code = fal_image_gray(&im, NULL, &out, NULL);
  check_image("gray stays", code, &out, 2, 1, 2, "\x10\x80\x20\0");
  CHECK("no such channels", fal_image_convert(&im, 5, NULL, &out, NULL) ==
        FAL_EVALIDATION);
  fal_image_free(&im);
}


static void test_blur (void) {
  fal_image im = noise(21, 21, 1), out;
  double sum = 0;
  int i, x, y;
  memset(im.pixels, 0, 21 * 21);
  im.pixels[10 * 21 + 10] = 255;
  CHECK("blur", fal_image_blur(&im, 1.5, NULL, &out, NULL) == FAL_OK);
  for (i = -9; i <= 9; i++)
    sum += exp(-i * i / 4.5);
  for (y = -9; y <= 9; y++)
    for (x = -9; x <= 9; x++)
      CHECK("a point becomes a bell", fabs(out.pixels[(y + 10) * 21 + x + 10] -
            255 * exp(-(x * x + y * y) / 4.5) / (sum * sum)) <= 0.6);
  fal_image_free(&out);
  CHECK("none", fal_image_blur(&im, 0, NULL, &out, NULL) == FAL_OK &&
        same(&im, &out));
  fal_image_free(&out);
  memset(im.pixels, 99, 21 * 21);
  for (i = 1; i <= 1000; i *= 10) {
    CHECK("any width", fal_image_blur(&im, i, NULL, &out, NULL) == FAL_OK &&
          same(&im, &out));
    fal_image_free(&out);
  }
  CHECK("too wide", fal_image_blur(&im, 1001, NULL, &out, NULL) ==
        FAL_EVALIDATION);
  CHECK("not a number", fal_image_blur(&im, NAN, NULL, &out, NULL) ==
        FAL_EVALIDATION);
  fal_image_free(&im);
}


/* Edges of a picture with 0 and 100 in it are where 400 is passed. */
static void test_canny (void) {
  fal_image im = of(6, 4, 1, "\0\0\0ddd" "\0\0\0ddd" "\0\0\0ddd" "\0\0\0ddd");
  fal_image out;
  fal_code code = fal_image_canny(&im, 100, 399, NULL, &out, NULL);
  check_image("a step is one line", code, &out, 6, 4, 1,
              "\0\0\377\0\0\0" "\0\0\377\0\0\0" "\0\0\377\0\0\0"
              "\0\0\377\0\0\0");
  code = fal_image_canny(&im, 100, 400, NULL, &out, NULL);
  check_image("nothing passes", code, &out, 6, 4, 1, "\0\0\0\0\0\0\0\0\0\0\0"
              "\0\0\0\0\0\0\0\0\0\0\0\0\0");
  fal_image_free(&im);
  im = of(6, 4, 1, "\0\0\0ddd" "\0\0\0ddd" "\0\0\0\36\36\36"
          "\0\0\0\36\36\36");
  code = fal_image_canny(&im, 50, 300, NULL, &out, NULL);
  CHECK("a weak end follows", code == FAL_OK && out.pixels[3 * 6 + 2] == 255);
  fal_image_free(&out);
  code = fal_image_canny(&im, 200, 300, NULL, &out, NULL);
  CHECK("unless too weak", code == FAL_OK && out.pixels[3 * 6 + 2] == 0 &&
        out.pixels[2] == 255);
  fal_image_free(&out);
  CHECK("low above high", fal_image_canny(&im, 2, 1, NULL, &out, NULL) ==
        FAL_EVALIDATION);
  CHECK("not a number", fal_image_canny(&im, NAN, 1, NULL, &out, NULL) ==
        FAL_EVALIDATION);
  fal_image_free(&im);
  im = of(1, 1, 4, "abcd");
  code = fal_image_canny(&im, 0, 0, NULL, &out, NULL);
  check_image("one pixel", code, &out, 1, 1, 1, "\0");
  fal_image_free(&im);
}


static void test_paste (void) {
  fal_image im = of(3, 1, 1, "\0\x64\xC8"), top, out;
  fal_code code;
  top = of(2, 1, 2, "\377\x80" "\x0A\377");
  code = fal_image_paste(&im, &top, 0, 0, 1, NULL, &out, NULL);
  check_image("over", code, &out, 3, 1, 1, "\x80\x0A\xC8");
  code = fal_image_paste(&im, &top, -1, 0, 1, NULL, &out, NULL);
  check_image("cut at the left", code, &out, 3, 1, 1, "\x0A\x64\xC8");
  code = fal_image_paste(&im, &top, 2, 0, 1, NULL, &out, NULL);
  check_image("cut at the right", code, &out, 3, 1, 1, "\0\x64\xE4");
  code = fal_image_paste(&im, &top, INT32_MIN, INT32_MAX, 1, NULL, &out,
                         NULL);
  check_image("outside", code, &out, 3, 1, 1, "\0\x64\xC8");
  code = fal_image_paste(&im, &top, 1, 0, 0.5, NULL, &out, NULL);
  check_image("opacity", code, &out, 3, 1, 1, "\0\x8B\x69");
  fal_image_free(&im);
  im = of(2, 1, 2, "\0\0" "\0\x80");
  code = fal_image_paste(&im, &top, 0, 0, 1, NULL, &out, NULL);
  check_image("over what is clear", code, &out, 2, 1, 2,
              "\377\x80" "\x0A\377");
  code = fal_image_paste(&im, &top, 1, 0, 1, NULL, &out, NULL);
  check_image("over what is half clear", code, &out, 2, 1, 2,
              "\0\0" "\xAA\xC0");
  fal_image_free(&top);
  top = of(1, 1, 3, "\x01\x02\x03");
  code = fal_image_paste(&im, &top, 0, 0, 1, NULL, &out, NULL);
  check_image("color on gray", code, &out, 2, 1, 4,
              "\x01\x02\x03\377" "\0\0\0\x80");
  fal_image_free(&top);
  fal_image_free(&im);
}


static void test_blend (void) {
  fal_image im = of(3, 1, 1, "\0\0\0"), top = of(3, 1, 1, "\xC8\xC8\xC8");
  fal_image mask = of(3, 1, 1, "\0\x80\377"), out = {0}, other;
  fal_error err;
  fal_code code = fal_image_blend(&im, &top, &mask, NULL, &out, NULL);
  check_image("blend", code, &out, 3, 1, 1, "\0\x64\xC8");
  code = fal_image_cut(&top, &mask, NULL, &out, NULL);
  check_image("cut", code, &out, 3, 1, 2, "\xC8\0\xC8\x80\xC8\377");
  other = of(1, 3, 1, "abc");
  memset(&out, 0, sizeof(out));
  CHECK("sizes", fal_image_blend(&im, &other, &mask, NULL, &out, &err) ==
        FAL_EVALIDATION && out.pixels == NULL);
  CHECK("sizes", fal_image_blend(&im, &top, &other, NULL, &out, &err) ==
        FAL_EVALIDATION && strstr(err.message, "a mask of 1 x 3") != NULL);
  CHECK("sizes", fal_image_cut(&im, &other, NULL, &out, &err) ==
        FAL_EVALIDATION);
  fal_image_free(&other);
  other = of(3, 1, 4, "\xC8\0\0\0" "\xC8\0\0\377" "\xC8\0\0\x80");
  code = fal_image_blend(&im, &other, &mask, NULL, &out, NULL);
  check_image("clear pixels have no color", code, &out, 3, 1, 4,
              "\0\0\0\377" "\x64\0\0\377" "\xC8\0\0\x80");
  fal_image_free(&other);
  other = of(3, 1, 2, "\377\377" "\377\x80" "\377\0");
  code = fal_image_blend(&im, &top, &other, NULL, &out, NULL);
  check_image("a mask is on black", code, &out, 3, 1, 1, "\xC8\x64\0");
  fal_image_free(&other);
  fal_image_free(&im);
  fal_image_free(&top);
  fal_image_free(&mask);
}


static void test_shapes (void) {
  fal_image out;
  double sum = 0;
  size_t i;
  fal_code code = fal_image_shape(4, 3, FAL_SHAPE_RECTANGLE, 1, 1, 2, 1, NULL,
                                  &out, NULL);
  check_image("rectangle", code, &out, 4, 3, 1,
              "\0\0\0\0" "\0\377\377\0" "\0\0\0\0");
  code = fal_image_shape(4, 2, FAL_SHAPE_RECTANGLE, 0.5, 0.5, 2.25, 9, NULL,
                         &out, NULL);
  check_image("parts of pixels", code, &out, 4, 2, 1,
              "\x40\x80\x60\0" "\x80\377\xBF\0");
  code = fal_image_shape(2, 2, FAL_SHAPE_ELLIPSE, -50, -50, 102, 102, NULL,
                         &out, NULL);
  CHECK("partly outside", code == FAL_OK && out.pixels[0] == 255);
  fal_image_free(&out);
  code = fal_image_shape(2, 2, FAL_SHAPE_RECTANGLE, 5, -9, 3, 3, NULL, &out,
                         NULL);
  check_image("wholly outside", code, &out, 2, 2, 1, "\0\0\0\0");
  CHECK("ellipse", fal_image_shape(100, 80, FAL_SHAPE_ELLIPSE, 10.5, 10, 80,
        60, NULL, &out, NULL) == FAL_OK);
  for (i = 0; i < 8000; i++)
    sum += out.pixels[i] / 255.0;
  CHECK("its area", fabs(sum - 3.14159265 * 40 * 30) < 4);
  fal_image_free(&out);
  CHECK("no shape", fal_image_shape(1, 1, FAL_SHAPE_ELLIPSE, NAN, 0, 1, 1,
        NULL, &out, NULL) == FAL_EVALIDATION);
  CHECK("no shape", fal_image_shape(1, 1, FAL_SHAPE_ELLIPSE, 0, 0, -1, 1,
        NULL, &out, NULL) == FAL_EVALIDATION);
}


static void test_regions (void) {
  static const char maze[] = "0100" "0101" "0001" "1110";
  fal_image im = of(4, 4, 1, maze), out;
  fal_code code = fal_image_region(&im, 0, 0, 0, NULL, &out, NULL);
  check_image("region", code, &out, 4, 4, 1, "\377\0\377\377" "\377\0\377\0"
              "\377\377\377\0" "\0\0\0\0");
  code = fal_image_region(&im, 3, 3, 0, NULL, &out, NULL);
  check_image("not across corners", code, &out, 4, 4, 1,
              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\377");
  code = fal_image_region(&im, 3, 3, 1, NULL, &out, NULL);
  CHECK("tolerance", code == FAL_OK && out.pixels[0] == 255 &&
        out.pixels[1] == 255);
  fal_image_free(&out);
  code = fal_image_flood(&im, 1, 3, 0, RED, NULL, &out, NULL);
  CHECK("flood", code == FAL_OK && out.channels == 3 &&
        memcmp(out.pixels + 12 * 3, "\377\0\0\377\0\0\377\0\0" "000", 12) ==
        0);
  fal_image_free(&out);
  code = fal_image_flood(&im, 3, 3, 255, CLEAR, NULL, &out, NULL);
  CHECK("all", code == FAL_OK && out.channels == 2 && out.pixels[31] == 0);
  fal_image_free(&out);
  CHECK("outside", fal_image_region(&im, 4, 0, 0, NULL, &out, NULL) ==
        FAL_EVALIDATION);
  fal_image_free(&im);
}


static void test_sheet (void) {
  fal_image a = of(2, 1, 3, "\377\0\0\377\0\0"), b = of(1, 1, 1, "\x40"), out;
  const fal_image *pictures[3];
  const char *captions[3] = {"one", NULL, "a caption that is long enough for "
                             "three lines or more of what there is"};
  fal_sheet sheet;
  fal_error err;
  size_t i, ink = 0;
  pictures[0] = &a;
  pictures[1] = &b;
  pictures[2] = &a;
  fal_sheet_init(&sheet, 3);
  CHECK("sheet", sheet.columns == 2);
  sheet.cell_width = 20;
  sheet.cell_height = 10;
  sheet.gap = 2;
  CHECK("sheet", fal_image_sheet(pictures, 3, NULL, &sheet, NULL, &out, NULL)
        == FAL_OK);
  CHECK("sheet", out.width == 46 && out.height == 26 && out.channels == 3);
  CHECK("corner", memcmp(out.pixels, "\377\377\377", 3) == 0);
  CHECK("first", memcmp(out.pixels + (2 * 46 + 2) * 3, "\377\0\0", 3) == 0);
  CHECK("first", memcmp(out.pixels + (11 * 46 + 21) * 3, "\377\0\0", 3) == 0);
  CHECK("second", memcmp(out.pixels + (2 * 46 + 29) * 3, "\x40\x40\x40", 3)
        == 0);
  CHECK("around it", memcmp(out.pixels + (2 * 46 + 28) * 3, "\377\377\377", 3)
        == 0);
  CHECK("third", memcmp(out.pixels + (14 * 46 + 2) * 3, "\377\0\0", 3) == 0);
  CHECK("no fourth", memcmp(out.pixels + (14 * 46 + 24) * 3, "\377\377\377",
        3) == 0);
  fal_image_free(&out);
  sheet.background[3] = 0;
  sheet.cell_width = 60;
  CHECK("captions", fal_image_sheet(pictures, 3, captions, &sheet, NULL, &out,
        NULL) == FAL_OK);
  CHECK("captions", out.channels == 4 && out.height == 2 + 2 * (10 + 34 + 2));
  for (i = 12 * out.width; i < 46 * out.width; i++)
    ink += out.pixels[i * 4 + 3] > 128;
  CHECK("captions", ink > 20);
  fal_image_free(&out);
  CHECK("nothing", fal_image_sheet(pictures, 0, NULL, &sheet, NULL, &out,
        &err) == FAL_EVALIDATION);
  sheet.cell_width = 2000000000u;
  CHECK("too large", fal_image_sheet(pictures, 3, NULL, &sheet, NULL, &out,
        &err) == FAL_ETOOBIG);
  fal_image_free(&a);
  fal_image_free(&b);
}


/* Limits hold, and what failed has left '*out' alone. */
static void test_limits (void) {
  static const fal_image_limits few = {99, 1 << 20, 0}, small = {1000, 100, 0};
  static const fal_sides sides = {1, 1, 1, 1};
  static const fal_sides wide = {4294967295u, 1, 1, 1};
  fal_image im = noise(10, 10, 3), out = {0};
  fal_error err;
  CHECK("resize", fal_image_resize(&im, 100, 100, FAL_FILTER_AUTO, &few, &out,
        &err) == FAL_ETOOBIG);
  CHECK("resize", fal_image_resize(&im, 5, 5, FAL_FILTER_AUTO, &small, &out,
        &err) == FAL_ETOOBIG);
  CHECK("resize", fal_image_resize(&im, 0, 5, FAL_FILTER_AUTO, NULL, &out,
        &err) == FAL_EVALIDATION);
  CHECK("resize", fal_image_resize(&im, 4294967295u, 4294967295u,
        FAL_FILTER_AUTO, NULL, &out, &err) == FAL_ETOOBIG);
  CHECK("resize: to compute", fal_image_resize(&im, 99000000, 1,
        FAL_FILTER_AUTO, NULL, &out, &err) == FAL_ETOOBIG);
  CHECK("border", fal_image_border(&im, &sides, WHITE, &few, &out, &err) ==
        FAL_ETOOBIG);
  CHECK("border", fal_image_border(&im, &wide, WHITE, NULL, &out, &err) ==
        FAL_ETOOBIG);
  CHECK("convert", fal_image_convert(&im, 4, &few, &out, &err) ==
        FAL_ETOOBIG);
  CHECK("canny", fal_image_canny(&im, 1, 2, &few, &out, &err) == FAL_ETOOBIG);
  CHECK("blur", fal_image_blur(&im, 2, &few, &out, &err) == FAL_ETOOBIG);
  CHECK("blur", fal_image_blur(&im, 20, &few, &out, &err) == FAL_ETOOBIG);
  CHECK("paste", fal_image_paste(&im, &im, 0, 0, 1, &few, &out, &err) ==
        FAL_ETOOBIG);
  CHECK("blend", fal_image_blend(&im, &im, &im, &few, &out, &err) ==
        FAL_ETOOBIG);
  CHECK("cut", fal_image_cut(&im, &im, &few, &out, &err) == FAL_ETOOBIG);
  CHECK("shape", fal_image_shape(10, 10, FAL_SHAPE_ELLIPSE, 0, 0, 9, 9, &few,
        &out, &err) == FAL_ETOOBIG);
  CHECK("flood", fal_image_flood(&im, 0, 0, 9, WHITE, &few, &out, &err) ==
        FAL_ETOOBIG);
  CHECK("out is untouched", out.pixels == NULL);
  fal_image_free(&im);
}


int main (void) {
  test_resize();
  test_resize_all();
  test_fit();
  test_parts();
  test_tone();
  test_blur();
  test_canny();
  test_paste();
  test_blend();
  test_shapes();
  test_regions();
  test_sheet();
  test_limits();
  return TEST_END("pixels");
}
