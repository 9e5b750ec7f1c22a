/*
** test_paint.c -- preview pictures: same request, same pixels, on any machine
*/
#include <stdlib.h>

#include "../../src/paint/paint.h"
#include "test.h"

static fal_paint request (const char *prompt, uint32_t w, uint32_t h,
                          uint64_t seed) {
  fal_paint p;
  memset(&p, 0, sizeof(p));
  p.prompt = prompt;
  p.prompt_n = prompt != NULL ? strlen(prompt) : 0;
  p.model = "fal-ai/flux/dev";
  p.seed = seed;
  p.width = w;
  p.height = h;
  return p;
}


static uint64_t fnv (const fal_image *im) {
  uint64_t h = 0xcbf29ce484222325ULL;
  size_t i, n = (size_t)im->width * im->height * (size_t)im->channels;
  for (i = 0; i < n; i++)
    h = (h ^ im->pixels[i]) * 0x100000001b3ULL;
  return h;
}


/* Hash of the picture of a request, 0 when it could not be painted. */
static uint64_t paint (fal_paint p) {
  fal_image im;
  fal_error err;
  uint64_t h = 0;
  if (fal_paint_scene(&p, &im, NULL, NULL, &err) == FAL_OK) {
    if (im.width == p.width && im.height == p.height && im.channels == 3)
      h = fnv(&im);
    fal_image_free(&im);
  }
  else
    fprintf(stderr, "%s\n", err.message);
  return h;
}


/* Means of red, green and blue, and of all three. */
static void means (const char *prompt, uint64_t seed, double *m) {
  fal_paint p = request(prompt, 24, 16, seed);
  fal_image im;
  size_t i, n = 24 * 16;
  m[0] = m[1] = m[2] = m[3] = 0;
  p.model = NULL;
  if (fal_paint_scene(&p, &im, NULL, NULL, NULL) != FAL_OK)
    return;
  for (i = 0; i < 3 * n; i++)
    m[i % 3] += im.pixels[i];
  m[0] /= n; m[1] /= n; m[2] /= n;
  m[3] = (m[0] + m[1] + m[2]) / 3;
  fal_image_free(&im);
}


/* The same on every compiler and processor; when the painter itself is
** changed these change, and the new ones are printed here. */
static void test_golden (void) {
  static const struct { const char *prompt; uint32_t w, h; uint64_t hash; } rows[] = {
    {"A serene mountain lake at sunset, pine forest", 320, 240, 0x33ef33af7c873fc6ULL},
    {"Glowing graph of nodes over a city at night", 200, 300, 0xf5ad80a23d64a53bULL},
    {"Kahvalt\xC4\xB1 sofras\xC4\xB1, ye\xC5\x9Fil ve turuncu", 256, 256, 0x4f606c7860fbc423ULL}
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint64_t h = paint(request(rows[i].prompt, rows[i].w, rows[i].h, 42));
    CHECK(rows[i].prompt, h == rows[i].hash);
    if (h != rows[i].hash)
      fprintf(stderr, "  the picture's hash is 0x%016llxULL\n",
              (unsigned long long)h);
  }
}


static const char *const prompts[] = {
  "Modern minimalist office with natural light", "a red shoe, studio",
  "Yacht in turquoise water, aerial view", "Turkish breakfast",
  "a neon street in the rain at night", "skyline at dusk", "galaxy",
  "portrait of a woman", "a cute robot", "a fox on a snow covered rock",
  "abstract waves", "geometric shapes in teal", "deer in a misty forest",
  "storm at sea, lighthouse", "aurora over a snowy village",
  "milky way over desert dunes", "hot air balloons", "lavender field",
  "a cup of coffee on wood", "bedroom", "bridge over a river", "harbor",
  "library, fireplace", "G\xC3\xBCn bat\xC4\xB1m\xC4\xB1, deniz"
};
#define PROMPTS  (sizeof(prompts) / sizeof(prompts[0]))


static void test_repeatable (void) {
  uint64_t before = 0;
  size_t i;
  for (i = 0; i < PROMPTS; i++) {
    uint64_t a = paint(request(prompts[i], 24, 18, 7));
    CHECK(prompts[i], a != 0 && a == paint(request(prompts[i], 24, 18, 7)));
    CHECK(prompts[i], a != paint(request(prompts[i], 24, 18, 8)));
    CHECK(prompts[i], i == 0 || a != before);
    before = a;
  }
}


static void test_extremes (void) {
  static const uint32_t sizes[][2] = {
    {16, 16}, {2000, 16}, {16, 2000}, {17, 31}, {63, 400}, {700, 300}
  };
  size_t i, j;
  char *big = malloc(100000);
  fal_paint p;
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    for (j = 0; j < PROMPTS; j += i == 0 ? 1 : 5)
      CHECK(prompts[j], paint(request(prompts[j], sizes[i][0], sizes[i][1], 1)) != 0);
  CHECK("no prompt", paint(request(NULL, 64, 64, 1)) != 0);
  CHECK("empty prompt", paint(request("", 40, 30, 1)) != 0);
  CHECK("only blanks", paint(request(" \n\t ", 40, 30, 1)) != 0);
  CHECK("broken UTF-8", paint(request("\xFF\xC3 sea \xE2\x82 \x80\xF0\x9F", 40, 30, 1)) != 0);
  if (big != NULL) {
    for (i = 0; i < 100000; i++)
      big[i] = "sunset over the sea \xC4"[i % 21];
    p = request(NULL, 40, 30, 1);
    p.prompt = big;
    p.prompt_n = 100000;
    CHECK("a prompt of 100 KB", paint(p) != 0);
    free(big);
  }
  p = request("night city", 40, 30, 1);
  for (p.steps = 1; p.steps <= 50; p.steps += 7)
    CHECK("any steps", paint(p) != 0);
}


static void test_words (void) {
  double red[4], blue[4], green[4], noon[4], night[4];
  uint64_t seed;
  for (seed = 1; seed <= 3; seed++) {
    means("red", seed, red);
    means("blue", seed, blue);
    means("ye\xC5\x9Fil", seed, green);
    CHECK("red is red", red[0] > red[2] * 1.2 && red[0] > red[1] * 1.2);
    CHECK("blue is blue", blue[2] > blue[0] * 1.2);
    CHECK("green is green, in Turkish too", green[1] > green[0] && green[1] > green[2]);
    means("the sea at noon", seed, noon);
    means("the sea at night", seed, night);
    CHECK("night is darker than noon", night[3] < noon[3] * 0.5);
    means("DEN\xC4\xB0Z, GECE", seed, night);
    CHECK("in capitals with a dotted I", night[3] < noon[3] * 0.5);
  }
}


static int after (void *ud) {
  return --*(int *)ud < 0;
}


static void test_cancel (void) {
  fal_paint p = request("sunset over the sea", 40, 30, 1);
  fal_image im;
  fal_error err;
  int calls;
  for (calls = 0; calls < 3; calls++) {
    int left = calls;
    memset(&im, 1, sizeof(im));
    CHECK("canceled", fal_paint_scene(&p, &im, after, &left, &err) == FAL_ECANCELED);
    CHECK("canceled", err.code == FAL_ECANCELED && im.pixels == NULL);
  }
}


int main (void) {
  test_golden();
  test_repeatable();
  test_extremes();
  test_words();
  test_cancel();
  return TEST_END("paint");
}
