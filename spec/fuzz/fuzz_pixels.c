/*
** fuzz_pixels.c -- any bytes as a PNG, and what decodes through one of the
** operations on pictures, with any parameters
**
** The last bytes of the input are the parameters: what follows a PNG's end is
** not read. Checksums are put right first. What an operation makes must be a
** whole picture, which the encoder takes and the decoder gives back.
*/
#include <stdlib.h>
#include <string.h>

#include "../../src/image/pixels.h"
#include "png_repair.h"

#define PARAMETERS  24
#define OPERATIONS  17

int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n);

static const fal_image_limits limits = {1 << 15, 1 << 19, 1 << 12};

/* What is left of the parameters. */
static const uint8_t *next_one, *end;


static uint32_t take (int bytes) {
  uint32_t u = 0;
  while (bytes-- > 0)
    u = u << 8 | (next_one < end ? *next_one++ : 0);
  return u;
}


/* Mostly a size or a place that a small picture has, sometimes any number. */
static uint32_t size (void) {
  uint32_t u = take(1);
  return u < 250 ? u % 70 : u < 253 ? take(2) : u == 253 ? 0 : take(4);
}


/* Any number there is, sometimes none. */
static double number (void) {
  static const double odd[] = {0, 1, -1, 0.5, 1e9, -1e9, 1e300, 1e-300};
  uint32_t u = take(1);
  if (u < 8)
    return odd[u];
  if (u == 8)
    return strtod("nan", NULL);
  if (u == 9)
    return strtod("inf", NULL);
  return (double)(int32_t)take(4) / (u < 128 ? 1e7 : 256);
}


static void color (uint8_t c[4]) {
  int i;
  for (i = 0; i < 4; i++)
    c[i] = (uint8_t)take(1);
}


/* Another picture, of the size of 'im' or any. */
static fal_code another (const fal_image *im, fal_image *out) {
  int same = take(1) % 2;
  uint32_t w = same ? im->width : 1 + size() % 64;
  uint32_t h = same ? im->height : 1 + size() % 64;
  fal_code code = fal_image_new(out, w, h, 1 + (int)take(1) % 4, &limits,
                                NULL);
  size_t i, n = code == FAL_OK ? (size_t)w * h * (size_t)out->channels : 0;
  for (i = 0; i < n; i++)
    out->pixels[i] = (uint8_t)(i * 37 >> 3);
  return code;
}


static fal_code sheet (const fal_image *im, const fal_image *other,
                       fal_image *out, fal_error *err) {
  const fal_image *list[5] = {im, other, im, other, im};
  const char *captions[5] = {NULL, "a \xC4\xB1 long caption of words", "",
                             "x", NULL};
  size_t n = take(1) % 6;
  fal_sheet look;
  fal_sheet_init(&look, n);
  if (im->text != NULL)
    captions[0] = im->text->value;
  if (take(1) % 4 > 0) {
    look.columns = size();
    look.cell_width = size();
    look.cell_height = size();
    look.gap = size();
    look.caption = number();
    color(look.background);
  }
  return fal_image_sheet(list, n, take(1) % 2 ? captions : NULL, &look,
                         &limits, out, err);
}


static fal_code operate (const fal_image *im, const fal_image *other,
                         fal_image *out, fal_error *err) {
  uint32_t op = take(1) % OPERATIONS, a = size(), b = size();
  uint8_t c[4];
  color(c);
  switch (op) {
    case 0: return fal_image_resize(im, a, b, (fal_filter)(take(1) % 7),
                                    &limits, out, err);
    case 1: return fal_image_crop(im, a, b, size(), size(), &limits, out,
                                  err);
    case 2: {
      fal_sides sides = {a, b, 0, 0};
      sides.right = size();
      sides.bottom = size();
      return fal_image_border(im, &sides, c, &limits, out, err);
    }
    case 3: {
      fal_sides sides;
      if (fal_image_room(im->width, im->height, number(), &sides, err) !=
          FAL_OK)
        return FAL_EVALIDATION;
      return fal_image_border(im, &sides, c, &limits, out, err);
    }
    case 4: return fal_image_convert(im, 1 + (int)(a % 4), &limits, out, err);
    case 5: return fal_image_gray(im, &limits, out, err);
    case 6: return fal_image_invert(im, &limits, out, err);
    case 7: return fal_image_blur(im, number(), &limits, out, err);
    case 8: {
      double low = number();
      return fal_image_canny(im, low, number(), &limits, out, err);
    }
    case 9: return fal_image_paste(im, other, (int32_t)take(4),
                                   (int32_t)take(4), number(), &limits, out,
                                   err);
    case 10: return fal_image_paste(im, other, (int32_t)a - 30,
                                    (int32_t)b - 30, number(), &limits, out,
                                    err);
    case 11: return fal_image_blend(im, other, take(1) % 2 ? im : other,
                                    &limits, out, err);
    case 12: return fal_image_cut(im, other, &limits, out, err);
    case 13: {
      double x = number(), y = number(), w = number();
      return fal_image_shape(a, b, (fal_shape)(take(1) % 2), x, y, w,
                             number(), &limits, out, err);
    }
    case 14: return fal_image_region(im, a, b, (int)take(1), &limits, out,
                                     err);
    case 15: return fal_image_flood(im, a, b, (int)take(1), c, &limits, out,
                                    err);
    default: return sheet(im, other, out, err);
  }
}


static void require (int condition) {
  if (!condition)
    abort();
}


/* Reads every pixel: the encoder does. */
static void check (const fal_image *im) {
  fal_image back;
  fal_buf out;
  fal_error err;
  require(im->width > 0 && im->height > 0 && im->text == NULL);
  require(im->channels >= 1 && im->channels <= 4 && im->kept.s == NULL);
  fal_buf_init(&out, 1 << 22);
  require(fal_png_encode(im, NULL, &out, &err) == FAL_OK);
  require(fal_png_decode(out.s, out.n, NULL, &back, &err) == FAL_OK);
  require(memcmp(im->pixels, back.pixels, (size_t)im->width * im->height *
                 (size_t)im->channels) == 0);
  fal_image_free(&back);
  fal_buf_free(&out);
}


int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n) {
  fal_image im, other, out;
  fal_error err;
  uint8_t *copy;
  if (n < PARAMETERS)
    return 0;
  n -= PARAMETERS;
  next_one = s + n;
  end = next_one + PARAMETERS;
  copy = malloc(n > 0 ? n : 1);
  memcpy(copy, s, n);
  repair(copy, n);
  if (fal_png_decode(copy, n, &limits, &im, &err) == FAL_OK) {
    if (another(&im, &other) == FAL_OK) {
      memset(&err, 0, sizeof(err));
      if (operate(&im, &other, &out, &err) == FAL_OK) {
        check(&out);
        fal_image_free(&out);
      }
      else
        require(err.message[0] != '\0');
      fal_image_free(&other);
    }
    fal_image_free(&im);
  }
  free(copy);
  return 0;
}
