/*
** image.h -- pictures in memory, and PNG to and from them
**
** A picture is 8 bits a channel, rows from the top, no padding between them.
** Nothing here knows Lua, the network or the server. All functions may be
** called from any thread, one thread a picture at a time.
*/
#ifndef fal_image_h
#define fal_image_h

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/error.h"

/* One text chunk: a keyword of 1-79 Latin-1 characters, and UTF-8 text. */
typedef struct fal_text {
  struct fal_text *next;
  char *key;        /* NUL-terminated, UTF-8 here, Latin-1 in the file */
  char *value;      /* NUL-terminated after 'n' bytes of UTF-8 */
  size_t n;
} fal_text;

/* Other people's chunks of a PNG, as they are in a file. */
typedef struct fal_chunks {
  char *s;          /* whole chunks; NULL when there are none */
  size_t n;
  size_t before;    /* of them, those that stand before the pixels */
} fal_chunks;

typedef struct fal_image {
  uint32_t width, height;   /* in pixels, both at least 1 */
  int channels;             /* 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA */
  uint8_t *pixels;          /* width * height * channels bytes */
  fal_text *text;           /* in file order; NULL when there is none */
  fal_chunks kept;          /* what else of the file it came from is to be
                               in the one it goes to */
} fal_image;

typedef struct fal_image_limits {
  uint64_t max_pixels;   /* width * height; checked before any allocation */
  size_t max_bytes;      /* of memory for pixels and rows of one decode */
  size_t max_text;       /* of all text chunks together, inflated */
} fal_image_limits;

/* 100 million pixels, 512 MiB, 4 MiB. */
extern const fal_image_limits fal_image_default_limits;

/* Makes a picture with every byte 0. FAL_EVALIDATION for a size that no
** picture has, FAL_ETOOBIG past 'lim' (NULL: default). */
fal_code fal_image_new (fal_image *im, uint32_t width, uint32_t height,
                        int channels, const fal_image_limits *lim,
                        fal_error *err);

/* Frees what the picture holds (not the struct) and zeroes it. */
void fal_image_free (fal_image *im);

/* Appends a text chunk, replacing the value when the key is there already; a
** NULL value removes it. Copies. FAL_EVALIDATION for a key or value that PNG
** cannot hold. */
fal_code fal_image_set_text (fal_image *im, const char *key,
                             const char *value, size_t n, fal_error *err);

/* The value of a text chunk, or NULL. */
const fal_text *fal_image_get_text (const fal_image *im, const char *key);

typedef struct fal_image_info {
  const char *type;          /* "image/png", "image/jpeg", "image/webp",
                                "image/gif" or NULL when unknown */
  uint32_t width, height;    /* 0 when the header does not say */
  int channels, depth;       /* of the file, before any conversion; PNG only */
  int palette;               /* the one channel is an index; PNG only */
  int interlaced;            /* PNG only */
} fal_image_info;

/* The media type that the first bytes of a file speak of, one of those that
** fal_image_info names, or NULL. 12 bytes are enough. */
const char *fal_image_type (const void *s, size_t n);

/* What a file is and how large its picture is, from its first bytes, without
** decoding. 's' may be just the beginning of the file (4 KB are plenty for
** PNG, GIF and WebP; JPEG may need more). FAL_EPROTOCOL when it is none of
** the types above or ends inside the header. */
fal_code fal_image_probe (const void *s, size_t n, fal_image_info *info,
                          fal_error *err);

/* The text chunks of a PNG, without decoding pixels: '*text' is a list to be
** freed by fal_text_free. Of two with the same keyword the later one counts;
** one that is not well formed is left out. FAL_EPROTOCOL when the file is cut
** short or its chunks are damaged, FAL_ETOOBIG past 'max_text' or past 1000
** text chunks. */
fal_code fal_png_text (const void *s, size_t n, const fal_image_limits *lim,
                       fal_text **text, fal_error *err);
void fal_text_free (fal_text *text);

/* Decodes a PNG. Palettes are expanded, 16 bits become 8, 1-4 bits become 8,
** tRNS becomes alpha. Gamma and color profiles are ignored: pixels are the
** numbers in the file, and the chunks about their meaning are kept for
** fal_png_encode. The channels are those of the file.
** Texts are read as by fal_png_text; what follows the end chunk is ignored.
** Errors (FAL_EPROTOCOL) say which it is: not a PNG, truncated, a bad CRC, a
** lying header...; FAL_ETOOBIG past a limit. '*im' is untouched on error. */
fal_code fal_png_decode (const void *s, size_t n, const fal_image_limits *lim,
                         fal_image *im, fal_error *err);

typedef struct fal_png_options {
  int level;   /* 0 (stored) to 9 (smallest); -1: the fast default */
} fal_png_options;

/* Encodes as PNG, text chunks included (tEXt when the value can be Latin-1,
** else iTXt; deflated when it is long), and the chunks that were kept. Appends
** to 'out', which is as it was on error. Takes as much memory as the pixels
** do twice over. The same picture and texts give the same bytes with the same
** libdeflate. 'opt' may be NULL. */
fal_code fal_png_encode (const fal_image *im, const fal_png_options *opt,
                         fal_buf *out, fal_error *err);

/* Copies the PNG s[0..n) to 'out' with the text chunks in 'text' set
** (replacing those with the same keyword), not touching the pixels or any
** other chunk. Checksums are verified on the way, pixels are not decoded.
** Appends to 'out', which is as it was on error. */
fal_code fal_png_retext (const void *s, size_t n, const fal_text *text,
                         fal_buf *out, fal_error *err);

/* The same from one file to another, block by block. 'to' appears whole or
** not at all; with 'overwrite' 0 an existing one is FAL_EFILE. */
fal_code fal_png_retext_file (const char *from, const char *to,
                              const fal_text *text, int overwrite,
                              fal_error *err);

#endif
