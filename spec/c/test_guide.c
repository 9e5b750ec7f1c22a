/*
** test_guide.c -- styles, control images, inputs, masks: what they do to a
** picture, and that they do it the same everywhere
*/
#include <stdlib.h>

#include "../../src/image/pixels.h"
#include "../../src/paint/guide.h"
#include "../../src/paint/paint.h"
#include "../../src/paint/style.h"
#include "test.h"

#define W  96
#define H  72


static fal_image scene (const char *prompt, const char *negative) {
  fal_paint p;
  fal_image im;
  fal_error err;
  memset(&p, 0, sizeof(p));
  p.prompt = prompt;
  p.prompt_n = strlen(prompt);
  p.negative = negative;
  p.negative_n = negative != NULL ? strlen(negative) : 0;
  p.seed = 7;
  p.width = W;
  p.height = H;
  p.unlabeled = 1;
  if (fal_paint_scene(&p, &im, NULL, NULL, &err) != FAL_OK)
    abort();
  return im;
}


/* A picture of one colour with a rectangle of another in it. */
static fal_image box (uint32_t w, uint32_t h, const uint8_t *ground,
                      const uint8_t *thing) {
  fal_image im;
  fal_error err;
  uint32_t x, y;
  if (fal_image_new(&im, w, h, 3, NULL, &err) != FAL_OK)
    abort();
  for (y = 0; y < h; y++)
    for (x = 0; x < w; x++)
      memcpy(im.pixels + ((size_t)y * w + x) * 3,
             x > w / 4 && x < w * 3 / 4 && y > h / 4 && y < h * 3 / 4 ? thing : ground, 3);
  return im;
}


static uint64_t fnv (const fal_image *im) {
  uint64_t h = 0xcbf29ce484222325ULL;
  size_t i, n = (size_t)im->width * im->height * (size_t)im->channels;
  for (i = 0; i < n; i++)
    h = (h ^ im->pixels[i]) * 0x100000001b3ULL;
  return h;
}


static double difference (const fal_image *a, const fal_image *b) {
  size_t i, n = (size_t)a->width * a->height * (size_t)a->channels;
  double sum = 0;
  for (i = 0; i < n; i++)
    sum += a->pixels[i] > b->pixels[i] ? a->pixels[i] - b->pixels[i]
                                       : b->pixels[i] - a->pixels[i];
  return sum / (double)n;
}


static const char *const kinds[] = {
  "pixel", "papercut", "watercolor", "ink", "comic", "cartoon", "oil",
  "pencil", "neon", "film", "poster", "mosaic", "blueprint"
};
#define KINDS  (sizeof(kinds) / sizeof(kinds[0]))


static void test_style_names (void) {
  static const struct { const char *name, *kind; } rows[] = {
    {"ebartan/papercut-lora", "papercut"}, {"me/My-Pixel-Art_v2", "pixel"},
    {"moments-papercut-style", "papercut"}, {"cyberpunk", "neon"},
    {"x/suluboya", "watercolor"}, {"studio-ghibli", "cartoon"},
    {"vangogh", "oil"}, {"low-poly", "mosaic"}
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK(rows[i].name, strcmp(fal_paint_style_kind(rows[i].name, strlen(rows[i].name)),
                               rows[i].kind) == 0);
  for (i = 0; i < KINDS; i++)
    CHECK(kinds[i], strcmp(fal_paint_style_kind(kinds[i], strlen(kinds[i])), kinds[i]) == 0);
  CHECK("a word within a word says nothing",
        strcmp(fal_paint_style_kind("a/pink", 6), "ink") != 0
        || strcmp(fal_paint_style_kind("a/link", 6), "ink") != 0);
  CHECK("no name has a style too", fal_paint_style_kind("", 0) != NULL);
}


static void test_styles (void) {
  fal_image plain = scene("a mountain lake at sunset", NULL);
  size_t i;
  for (i = 0; i < KINDS; i++) {
    fal_image a = scene("a mountain lake at sunset", NULL), b, c;
    fal_error err;
    const char *name = kinds[i];
    CHECK(name, fal_paint_style(&a, name, strlen(name), 0.0, &err) == FAL_OK);
    CHECK(name, difference(&a, &plain) == 0);
    b = scene("a mountain lake at sunset", NULL);
    c = scene("a mountain lake at sunset", NULL);
    CHECK(name, fal_paint_style(&a, name, strlen(name), 1.0, &err) == FAL_OK);
    CHECK(name, fal_paint_style(&b, name, strlen(name), 1.0, &err) == FAL_OK);
    CHECK(name, fal_paint_style(&c, name, strlen(name), 0.4, &err) == FAL_OK);
    CHECK(name, fnv(&a) == fnv(&b));
    CHECK(name, difference(&a, &plain) > difference(&c, &plain));
    CHECK(name, difference(&c, &plain) > 0.5);
    CHECK(name, fal_paint_style(&b, name, strlen(name), 4.0, &err) == FAL_OK);
    fal_image_free(&a);
    fal_image_free(&b);
    fal_image_free(&c);
  }
  fal_image_free(&plain);
}


static void test_guides (void) {
  static const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};
  static const uint8_t blue[3] = {40, 80, 200};
  static const char *const words[] = {
    "scribble", "canny", "depth", "openpose", "normal", "segmentation", "gray",
    "tile", "low-quality", "teed"
  };
  fal_image plain = scene("a hill", NULL), lines = box(W, H, black, white);
  fal_image areas = box(W, H, white, blue);
  fal_error err;
  size_t i;
  for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    int kind = fal_guide_of(words[i]);
    const fal_image *control = i % 2 ? &areas : &lines;
    fal_image a = scene("a hill", NULL), b = scene("a hill", NULL);
    CHECK(words[i], kind >= 0);
    CHECK(words[i], fal_paint_guide(&a, control, (fal_guide)kind, 0.0, &err) == FAL_OK);
    CHECK(words[i], difference(&a, &plain) == 0);
    CHECK(words[i], fal_paint_guide(&a, control, (fal_guide)kind, 0.4, &err) == FAL_OK);
    CHECK(words[i], fal_paint_guide(&b, control, (fal_guide)kind, 2.0, &err) == FAL_OK);
    CHECK(words[i], difference(&a, &plain) > 0.3);
    CHECK(words[i], difference(&b, &plain) > difference(&a, &plain));
    fal_image_free(&a);
    fal_image_free(&b);
  }
  CHECK("another word", fal_guide_of("euler") < 0);
  fal_image_free(&plain);
  fal_image_free(&lines);
  fal_image_free(&areas);
}


/* Any size, and controls that say nothing. */
static void test_guide_extremes (void) {
  static const uint32_t sizes[][2] = {{16, 16}, {400, 16}, {16, 400}, {33, 57}};
  static const uint8_t any[3] = {90, 90, 90}, red[3] = {255, 0, 0}, black[3] = {0, 0, 0};
  fal_error err;
  size_t i;
  int k;
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    for (k = FAL_GUIDE_LINES; k <= FAL_GUIDE_COLOR; k++) {
      fal_image im = box(sizes[i][0], sizes[i][1], any, red), mask, depth;
      fal_image flat = box(sizes[i][0], sizes[i][1], any, any);
      fal_image pose = box(sizes[i][0], sizes[i][1], black, red);
      CHECK("flat", fal_paint_guide(&im, &flat, (fal_guide)k, 1.0, &err) == FAL_OK);
      CHECK("pose", fal_paint_guide(&im, &pose, (fal_guide)k, 1.0, &err) == FAL_OK);
      CHECK("cutout", fal_paint_cutout(&flat, &mask, &err) == FAL_OK);
      CHECK("depth", fal_paint_depth(&flat, &depth, &err) == FAL_OK);
      fal_image_free(&mask);
      fal_image_free(&depth);
      fal_image_free(&im);
      fal_image_free(&flat);
      fal_image_free(&pose);
    }
}


static void test_remake (void) {
  fal_image a = scene("a hill at noon", NULL), b = scene("a city at night", NULL);
  fal_error err;
  double last = -1;
  int i;
  for (i = 0; i <= 4; i++) {
    fal_image im = scene("a city at night", NULL);
    double d;
    CHECK("remake", fal_paint_remake(&im, &a, i / 4.0, &err) == FAL_OK);
    d = difference(&im, &a);
    CHECK("0 is the input", i > 0 || d == 0);
    CHECK("more strength, farther from the input", d > last);
    CHECK("1 is the prompt's", i < 4 || difference(&im, &b) == 0);
    last = d;
    fal_image_free(&im);
  }
  fal_image_free(&a);
  fal_image_free(&b);
}


static void test_cutout (void) {
  static const uint8_t paper[3] = {230, 232, 228}, red[3] = {200, 40, 30};
  fal_image im = box(W, H, paper, red), mask;
  fal_error err;
  CHECK("cutout", fal_paint_cutout(&im, &mask, &err) == FAL_OK);
  CHECK("one channel", mask.channels == 1 && mask.width == W);
  CHECK("in the thing", mask.pixels[H / 2 * W + W / 2] == 255);
  CHECK("on the ground", mask.pixels[2 * W + 2] == 0);
  CHECK("no skin", fal_paint_skin(&im) < 0.5);
  fal_image_free(&im);
  fal_image_free(&mask);
}


static void test_negative (void) {
  fal_image with = scene("lake with pine trees at noon", NULL);
  fal_image without = scene("lake with pine trees at noon", "trees");
  fal_image never = scene("lake with pine trees at noon", "blurry, ugly, watermark");
  CHECK("what is negated is kept out", difference(&with, &without) > 0.5);
  CHECK("what is not drawn cannot be kept out", difference(&with, &never) == 0);
  fal_image_free(&with);
  fal_image_free(&without);
  fal_image_free(&never);
}


static void test_partial (void) {
  fal_image im = scene("a fox in snow", NULL), half;
  fal_error err;
  double last = 1e9;
  int i;
  CHECK("half", fal_image_resize(&im, W / 2, H / 2, FAL_FILTER_BOX, NULL, &half, &err) == FAL_OK);
  for (i = 1; i <= 4; i++) {
    fal_image part;
    double d;
    CHECK("partial", fal_paint_partial(&im, i / 5.0, 7, &part, &err) == FAL_OK);
    CHECK("of half the size", part.width == W / 2 && part.height == H / 2);
    d = difference(&part, &half);
    CHECK("sharper each time", d < last);
    last = d;
    fal_image_free(&part);
  }
  fal_image_free(&im);
  fal_image_free(&half);
}


int main (void) {
  test_style_names();
  test_styles();
  test_guides();
  test_guide_extremes();
  test_remake();
  test_cutout();
  test_negative();
  test_partial();
  return TEST_END("guide");
}
