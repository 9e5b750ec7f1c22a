/*
** fuzz_jpeg.c -- JPEG decoding of any bytes
*/
#include "../../src/paint/jpeg.c"

int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n);

int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n) {
  static const fal_image_limits lim = {1 << 20, 8 << 20, 1 << 16};
  fal_image im;
  fal_error err;
  if (fal_jpeg_decode(s, n, &lim, &im, &err) == FAL_OK) {
    if (im.width == 0 || im.height == 0 || (im.channels != 1 && im.channels != 3))
      abort();
    fal_image_free(&im);
  }
  return 0;
}
