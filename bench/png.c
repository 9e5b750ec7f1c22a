/*
** png.c -- PNG encoding and decoding against libpng, libspng and ImageMagick
**
**   png [rounds]
**
** Prints a line for each picture and contestant: the least CPU milliseconds
** of all rounds to encode and to decode, the bytes of the file, and the CPU
** milliseconds in which plain libpng decodes that same file. Everybody writes
** 1024 x 1024 RGB to memory; each decodes what it wrote into memory that it
** asks for, and all pixels must come back. ImageMagick's library is loaded if it is there.
*/
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <png.h>
#include <spng.h>

#include "../src/image/image.h"
#include "../src/paint/paint.h"

enum { W = 1024, H = 1024, N = W * H * 3 };

static uint8_t pixels[N];
static uint8_t *got;    /* what was decoded last, in memory made for it */
static char *file;      /* what was encoded last */
static size_t size;


static void die (const char *what) {
  fprintf(stderr, "png: %s\n", what);
  exit(1);
}


static double cpu (void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}


/* {==================================================================
** Pictures
** =================================================================== */

/* A gradient under the noise of a camera. */
static void photo (void) {
  uint32_t r = 7;
  int x, y, k;
  for (y = 0; y < H; y++)
    for (x = 0; x < W; x++) {
      int base[3] = {x / 4, y / 4, (x + y) / 8};
      for (k = 0; k < 3; k++) {
        int v;
        r ^= r << 13;
        r ^= r >> 17;
        r ^= r << 5;
        v = base[k] + (int)(r % 17) - 8;
        pixels[(y * W + x) * 3 + k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
      }
    }
}


/* Discs and bars of one color each. */
static void drawing (void) {
  int x, y, i;
  memset(pixels, 250, N);
  for (y = 0; y < H; y++)
    for (x = 0; x < W; x++)
      for (i = 0; i < 9; i++) {
        int dx = x - (i * 397 + 150) % W, dy = y - (i * 211 + 90) % H;
        int in = i % 2 ? dx * dx + dy * dy < (40 + 11 * i) * (40 + 11 * i)
                       : abs(dx) < 120 && abs(dy) < 9 + i;
        if (in)
          memcpy(pixels + (y * W + x) * 3, &"\x20\x40\x60\xC0\x30\x20\xF0\xC0"
                 "\x10\x30\x90\x50"[i % 4 * 3], 3);
      }
}


/* What falua serve draws. */
static void preview (void) {
  static const char prompt[] = "a lighthouse at dusk, waves";
  fal_paint p = {prompt, sizeof(prompt) - 1, NULL, 3, W, H, 0};
  fal_image im;
  if (fal_paint_scene(&p, &im, NULL, NULL, NULL) != FAL_OK ||
      im.channels != 3)
    die("no preview");
  memcpy(pixels, im.pixels, N);
  fal_image_free(&im);
}

/* }================================================================== */

/* {==================================================================
** libpng, all defaults
** =================================================================== */

static char memory[N + (1 << 20)];   /* what libpng writes to, or reads */
static size_t at;

static void on_write (png_structp png, png_bytep s, size_t n) {
  (void)png;
  memcpy(memory + at, s, n);
  at += n;
}


static void on_flush (png_structp png) {
  (void)png;
}


static void libpng_encode (void) {
  png_structp p = png_create_write_struct(PNG_LIBPNG_VER_STRING, 0, 0, 0);
  png_infop i = png_create_info_struct(p);
  int y;
  at = 0;
  png_set_write_fn(p, NULL, on_write, on_flush);
  png_set_IHDR(p, i, W, H, 8, PNG_COLOR_TYPE_RGB, 0, 0, 0);
  png_write_info(p, i);
  for (y = 0; y < H; y++)
    png_write_row(p, pixels + y * W * 3);
  png_write_end(p, i);
  png_destroy_write_struct(&p, &i);
  file = memory;
  size = at;
}


static void on_read (png_structp png, png_bytep to, size_t n) {
  if (n > size - at)
    png_error(png, "cut short");
  memcpy(to, file + at, n);
  at += n;
}


static void make_room (void) {
  static uint8_t *last;
  free(last);
  got = last = malloc(N);
  if (last == NULL)
    die("no memory");
}


static void libpng_decode (void) {
  png_structp p = png_create_read_struct(PNG_LIBPNG_VER_STRING, 0, 0, 0);
  png_infop i = png_create_info_struct(p);
  int y;
  at = 0;
  make_room();
  png_set_read_fn(p, NULL, on_read);
  png_read_info(p, i);
  for (y = 0; y < H; y++)
    png_read_row(p, got + y * W * 3, NULL);
  png_read_end(p, NULL);
  png_destroy_read_struct(&p, &i, NULL);
}

/* }================================================================== */

/* {==================================================================
** libspng, all defaults
** =================================================================== */

static void spng_encode_ (void) {
  static void *last;
  spng_ctx *c = spng_ctx_new(SPNG_CTX_ENCODER);
  struct spng_ihdr h = {W, H, 8, SPNG_COLOR_TYPE_TRUECOLOR, 0, 0, 0};
  int err;
  free(last);
  spng_set_option(c, SPNG_ENCODE_TO_BUFFER, 1);
  spng_set_ihdr(c, &h);
  spng_encode_image(c, pixels, N, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  file = last = spng_get_png_buffer(c, &size, &err);
  spng_ctx_free(c);
}


static void spng_decode_ (void) {
  spng_ctx *c = spng_ctx_new(0);
  make_room();
  spng_set_png_buffer(c, file, size);
  spng_decode_image(c, got, N, SPNG_FMT_RGB8, 0);
  spng_ctx_free(c);
}

/* }================================================================== */

/* {==================================================================
** ImageMagick, all defaults, by its library
** =================================================================== */

static struct {
  void (*genesis) (void);
  void *(*make) (void);
  void *(*destroy) (void *);
  unsigned (*constitute) (void *, size_t, size_t, const char *, int,
                          const void *);
  unsigned (*format) (void *, const char *);
  unsigned char *(*blob) (void *, size_t *);
  void *(*free) (void *);
  unsigned (*read) (void *, const void *, size_t);
  unsigned (*export) (void *, ssize_t, ssize_t, size_t, size_t, const char *,
                      int, void *);
} magick;

#define CHAR_PIXEL  1

/* Zero when it is not there. */
static int magick_load (void) {
  static const struct { const char *name; void *slot; } names[] = {
    {"MagickWandGenesis", &magick.genesis}, {"NewMagickWand", &magick.make},
    {"DestroyMagickWand", &magick.destroy},
    {"MagickConstituteImage", &magick.constitute},
    {"MagickSetImageFormat", &magick.format},
    {"MagickGetImageBlob", &magick.blob},
    {"MagickRelinquishMemory", &magick.free},
    {"MagickReadImageBlob", &magick.read},
    {"MagickExportImagePixels", &magick.export},
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


static void magick_encode (void) {
  static void *last;
  void *wand = magick.make();
  if (last != NULL)
    magick.free(last);
  magick.constitute(wand, W, H, "RGB", CHAR_PIXEL, pixels);
  magick.format(wand, "PNG24");
  last = magick.blob(wand, &size);
  file = last;
  magick.destroy(wand);
}


static void magick_decode (void) {
  void *wand = magick.make();
  make_room();
  magick.read(wand, file, size);
  magick.export(wand, 0, 0, W, H, "RGB", CHAR_PIXEL, got);
  magick.destroy(wand);
}

/* }================================================================== */

/* {==================================================================
** This library
** =================================================================== */

static fal_buf ours;

static void fal_encode (int level) {
  fal_image im = {W, H, 3, pixels, NULL, {NULL, 0, 0}};
  fal_png_options opt = {level};
  fal_buf_free(&ours);
  fal_buf_init(&ours, SIZE_MAX / 2);
  if (fal_png_encode(&im, &opt, &ours, NULL) != FAL_OK)
    die("fal does not encode");
  file = ours.s;
  size = ours.n;
}


static void fal_encode_default (void) {
  fal_encode(-1);
}


static void fal_encode_6 (void) {
  fal_encode(6);
}


static void fal_encode_9 (void) {
  fal_encode(9);
}


static fal_image decoded;

static void fal_decode (void) {
  fal_image_free(&decoded);
  if (fal_png_decode(file, size, NULL, &decoded, NULL) != FAL_OK)
    die("fal does not decode");
  got = decoded.pixels;
}

/* }================================================================== */


typedef struct contestant {
  const char *name;
  void (*encode) (void);
  void (*decode) (void);
  int every;             /* takes part in each so many rounds */
  double encoding, decoding, libpng;
  size_t size;
} contestant;

static contestant all[] = {
  {"libpng", libpng_encode, libpng_decode, 1, 0, 0, 0, 0},
  {"libspng", spng_encode_, spng_decode_, 1, 0, 0, 0, 0},
  {"ImageMagick", magick_encode, magick_decode, 1, 0, 0, 0, 0},
  {"fal", fal_encode_default, fal_decode, 1, 0, 0, 0, 0},
  {"fal, level 6", fal_encode_6, fal_decode, 1, 0, 0, 0, 0},
  {"fal, level 9", fal_encode_9, fal_decode, 5, 0, 0, 0, 0},
};
#define CONTESTANTS  (sizeof(all) / sizeof(all[0]))


static double timed (void (*f) (void)) {
  double t = cpu();
  f();
  return cpu() - t;
}


static double timed_decoding (const contestant *c, void (*decode) (void)) {
  double t;
  got = NULL;
  t = timed(decode);
  if (memcmp(got, pixels, N) != 0) {
    fprintf(stderr, "png: %s: other pixels came back\n", c->name);
    exit(1);
  }
  return t;
}


static void least (double *a, double b) {
  if (*a == 0 || b < *a)
    *a = b;
}


static void one_round (contestant *c) {
  least(&c->encoding, timed(c->encode));
  c->size = size;
  least(&c->decoding, timed_decoding(c, c->decode));
  least(&c->libpng, timed_decoding(c, libpng_decode));
}


static void compare (const char *name, int rounds) {
  size_t i;
  int round;
  for (i = 0; i < CONTESTANTS; i++)
    all[i].encoding = all[i].decoding = all[i].libpng = 0;
  for (round = 0; round < rounds; round++)
    for (i = 0; i < CONTESTANTS; i++)
      if (all[i].encode != NULL && round % all[i].every == 0)
        one_round(&all[i]);
  for (i = 0; i < CONTESTANTS; i++)
    if (all[i].encode != NULL)
      printf("%s\t%s\t%.3f\t%zu\t%.3f\t%.3f\n", name, all[i].name,
             all[i].encoding, all[i].size, all[i].decoding, all[i].libpng);
  fflush(stdout);
}


int main (int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 10;
  if (!magick_load())
    all[2].encode = NULL;
  photo();
  compare("photo", rounds);
  preview();
  compare("preview", rounds);
  drawing();
  compare("drawing", rounds);
  return 0;
}
