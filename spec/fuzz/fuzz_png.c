/*
** fuzz_png.c -- any bytes as a PNG: probed, read for texts, decoded; what
** decodes is encoded again and must come back the same
**
** A file whose checksums are wrong would never get far, so they are put right
** first in half of the runs: an odd first byte asks for that, and is then not
** part of the file.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/image/image.h"
#include "png_repair.h"

int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n);

static const fal_image_limits limits = {1 << 16, 1 << 20, 1 << 14};


static void require (int condition) {
  if (!condition)
    abort();
}


static int same_text (const fal_text *a, const fal_text *b) {
  for (; a != NULL && b != NULL; a = a->next, b = b->next)
    if (strcmp(a->key, b->key) != 0 || a->n != b->n ||
        memcmp(a->value, b->value, a->n) != 0)
      return 0;
  return a == b;
}


static int same (const fal_image *a, const fal_image *b) {
  return a->width == b->width && a->height == b->height &&
         a->channels == b->channels &&
         memcmp(a->pixels, b->pixels, (size_t)a->width * a->height *
                (size_t)a->channels) == 0 && same_text(a->text, b->text) &&
         a->kept.n == b->kept.n && a->kept.before == b->kept.before &&
         (a->kept.n == 0 || memcmp(a->kept.s, b->kept.s, a->kept.n) == 0);
}


/* Texts are set without a change to the picture. */
static void try_retext (const void *s, size_t n, const fal_image *im) {
  fal_text t = {NULL, "fuzz", "\xC4\xB1", 2};
  fal_image back;
  fal_buf out;
  fal_error err;
  fal_buf_init(&out, 1 << 22);
  if (fal_png_retext(s, n, &t, &out, &err) == FAL_OK) {
    if (fal_png_decode(out.s, out.n, &limits, &back, &err) == FAL_OK) {
      require(memcmp(back.pixels, im->pixels, (size_t)im->width *
                     im->height * (size_t)im->channels) == 0);
      require(fal_image_get_text(&back, "fuzz") != NULL);
      fal_image_free(&back);
    }
    else
      require(err.code == FAL_ETOOBIG);  /* one text too many */
  }
  fal_buf_free(&out);
}


static void try_again (const fal_image *im) {
  fal_image back;
  fal_buf out;
  fal_error err;
  fal_buf_init(&out, 1 << 22);
  require(fal_png_encode(im, NULL, &out, &err) == FAL_OK);
  require(fal_png_decode(out.s, out.n, &limits, &back, &err) == FAL_OK);
  require(same(im, &back));
  fal_image_free(&back);
  fal_buf_free(&out);
}


int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n) {
  fal_image_info info;
  fal_image im;
  fal_text *text;
  fal_error err;
  uint8_t *copy;
  int odd = n > 0 && s[0] % 2 == 1 && s[0] != 137;
  s += odd;
  n -= (size_t)odd;
  copy = malloc(n > 0 ? n : 1);
  memcpy(copy, s, n);
  if (odd)
    repair(copy, n);
  fal_image_probe(copy, n, &info, &err);
  if (fal_png_text(copy, n, &limits, &text, &err) == FAL_OK)
    fal_text_free(text);
  if (fal_png_decode(copy, n, &limits, &im, &err) == FAL_OK) {
    require(info.width == im.width && info.height == im.height);
    try_again(&im);
    try_retext(copy, n, &im);
    fal_image_free(&im);
  }
  else
    require(err.message[0] != '\0');
  free(copy);
  return 0;
}
