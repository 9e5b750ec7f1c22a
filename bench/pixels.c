/*
** pixels.c -- operations on pictures against ImageMagick and stb_image_resize
**
**   pixels [rounds]
**
** Prints a line for each case and contestant: the least CPU milliseconds of
** all rounds. Pictures are made once; what is timed is the operation alone,
** from pixels in memory to pixels in memory of its own. ImageMagick, by its
** library, works with 16 bits a channel and chooses its own filter, which is
** also ours. What is not there is left out.
*/
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../src/image/pixels.h"

#ifdef STB
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>
#endif


static void die (const char *what) {
  fprintf(stderr, "pixels: %s\n", what);
  exit(1);
}


static double cpu (void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}


/* A gradient under the noise of a camera; alpha, if any, from edge to edge. */
static fal_image photo (uint32_t size, int channels) {
  uint32_t r = 7, x, y;
  fal_image im;
  uint8_t *p;
  int k;
  memset(&im, 0, sizeof(im));
  if (fal_image_new(&im, size, size, channels, NULL, NULL) != FAL_OK)
    die("no memory");
  for (p = im.pixels, y = 0; y < size; y++)
    for (x = 0; x < size; x++)
      for (k = 0; k < channels; k++) {
        uint32_t base[4];
        base[0] = x * 224 / size;
        base[1] = y * 224 / size;
        base[2] = (x + y) * 112 / size;
        base[3] = x * 256 / size;
        r ^= r << 13;
        r ^= r >> 17;
        r ^= r << 5;
        *p++ = (uint8_t)(base[k] + (k < 3 ? r % 17 : 0));
      }
  return im;
}


/* {==================================================================
** ImageMagick
** =================================================================== */

static struct {
  void (*genesis) (void);
  void *(*make) (void);
  void *(*clone) (const void *);
  void *(*destroy) (void *);
  unsigned (*constitute) (void *, size_t, size_t, const char *, int,
                          const void *);
  unsigned (*resize) (void *, size_t, size_t, int, double);
  unsigned (*blur) (void *, double, double);
  unsigned (*composite) (void *, const void *, int, ssize_t, ssize_t);
} magick;

#define CHAR_PIXEL  1   /* of its StorageType */
#define ANY_FILTER  0   /* of its FilterTypes */
#define OVER        40  /* of its CompositeOperator */


static int magick_load (void) {
  static const struct { const char *name; void *slot; } names[] = {
    {"MagickWandGenesis", &magick.genesis}, {"NewMagickWand", &magick.make},
    {"CloneMagickWand", &magick.clone},
    {"DestroyMagickWand", &magick.destroy},
    {"MagickConstituteImage", &magick.constitute},
    {"MagickResizeImage", &magick.resize},
    {"MagickBlurImage", &magick.blur},
    {"MagickCompositeImage", &magick.composite},
  };
  void *lib = dlopen("libMagickWand-6.Q16.so.6", RTLD_NOW);
  size_t i;
  for (i = 0; lib != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
    void *f = dlsym(lib, names[i].name);
    if (f == NULL)
      return 0;
    memcpy(names[i].slot, &f, sizeof(f));
  }
  if (lib != NULL)
    magick.genesis();
  return lib != NULL;
}

/* }================================================================== */


enum kind { RESIZE, BLUR, PASTE, CANNY };

static const struct {
  enum kind kind;
  uint32_t from, to;     /* RESIZE: sizes; else 'from' alone */
  int channels;
  const char *name;
} cases[] = {
  {RESIZE, 2048, 1024, 3, "resize 2048 to 1024, RGB"},
  {RESIZE, 2048, 1024, 4, "resize 2048 to 1024, RGBA"},
  {RESIZE, 4096, 1024, 3, "resize 4096 to 1024, RGB"},
  {RESIZE, 4096, 256, 3, "resize 4096 to 256, RGB"},
  {RESIZE, 1024, 2048, 3, "resize 1024 to 2048, RGB"},
  {RESIZE, 1024, 4096, 3, "resize 1024 to 4096, RGB"},
  {BLUR, 1024, 3, 3, "blur 1024, sigma 3"},
  {PASTE, 2048, 0, 4, "paste 2048, RGBA"},
  {CANNY, 2048, 0, 3, "edges 2048"},
};


static double fal_once (int c, const fal_image *im) {
  fal_image out;
  fal_code code = FAL_OK;
  double t = cpu();
  switch (cases[c].kind) {
    case RESIZE:
      code = fal_image_resize(im, cases[c].to, cases[c].to, FAL_FILTER_AUTO,
                              NULL, &out, NULL);
      break;
    case BLUR: code = fal_image_blur(im, cases[c].to, NULL, &out, NULL); break;
    case PASTE: code = fal_image_paste(im, im, 0, 0, 1, NULL, &out, NULL); break;
    case CANNY: code = fal_image_canny(im, 100, 200, NULL, &out, NULL); break;
  }
  t = cpu() - t;
  if (code != FAL_OK)
    die(cases[c].name);
  fal_image_free(&out);
  return t;
}


/* 0 when it has no such operation. */
static double magick_once (int c, const fal_image *im) {
  void *from = magick.make(), *wand;
  unsigned ok = 0;
  double t;
  magick.constitute(from, im->width, im->height,
                    im->channels == 4 ? "RGBA" : "RGB", CHAR_PIXEL,
                    im->pixels);
  wand = magick.clone(from);
  t = cpu();
  switch (cases[c].kind) {
    case RESIZE:
      ok = magick.resize(wand, cases[c].to, cases[c].to, ANY_FILTER, 1);
      break;
    case BLUR: ok = magick.blur(wand, 0, cases[c].to); break;
    case PASTE: ok = magick.composite(wand, from, OVER, 0, 0); break;
    case CANNY: break;   /* not in its library's C face */
  }
  t = cpu() - t;
  magick.destroy(wand);
  magick.destroy(from);
  return ok ? t : 0;
}


/* Its default filters are Catmull-Rom up and Mitchell down: narrower. */
static double stb_once (int c, const fal_image *im) {
  double t = 0;
#ifdef STB
  if (cases[c].kind == RESIZE) {
    int from = (int)cases[c].from, to = (int)cases[c].to;
    int channels = im->channels;
    uint8_t *out;
    t = cpu();
    out = malloc((size_t)to * (size_t)to * (size_t)channels);
    stbir_resize_uint8_generic(im->pixels, from, from, 0, out, to, to, 0,
      channels, channels == 4 ? 3 : STBIR_ALPHA_CHANNEL_NONE, 0,
      STBIR_EDGE_CLAMP, STBIR_FILTER_DEFAULT, STBIR_COLORSPACE_LINEAR, NULL);
    t = cpu() - t;
    free(out);
  }
#else
  (void)c;
  (void)im;
#endif
  return t;
}


static void least (double *a, double b) {
  if (*a == 0 || b < *a)
    *a = b;
}


int main (int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 10, c, round;
  int have_magick = magick_load();
  for (c = 0; c < (int)(sizeof(cases) / sizeof(cases[0])); c++) {
    fal_image im = photo(cases[c].from, cases[c].channels);
    double fal = 0, theirs = 0, stb = 0;
    for (round = 0; round < rounds; round++) {
      least(&fal, fal_once(c, &im));
      least(&stb, stb_once(c, &im));
      if (have_magick)
        least(&theirs, magick_once(c, &im));
    }
    printf("%s\t%.3f\t%.3f\t%.3f\n", cases[c].name, theirs, stb, fal);
    fflush(stdout);
    fal_image_free(&im);
  }
  return 0;
}
