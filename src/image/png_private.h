/*
** png_private.h -- what the PNG files here share
*/
#ifndef fal_png_private_h
#define fal_png_private_h

#include <stddef.h>
#include <stdint.h>

#include "image.h"

/* A size against the limits, at 'bytes' of memory a pixel. FAL_ETOOBIG. */
fal_code fal_image_check_size (uint64_t width, uint64_t height, size_t bytes,
                               const fal_image_limits *lim, fal_error *err);

/* {==================================================================
** Texts and what a chunk has of them (png_text.c, image.c)
** =================================================================== */

/* Sets a text of the list, unchecked. FAL_ENOMEM. */
fal_code fal_text_put (fal_text **list, const char *key, const char *value,
                       size_t n);

/* FAL_EVALIDATION for a key or a value that no PNG can hold. */
fal_code fal_text_check (const char *key, const char *value, size_t n,
                         fal_error *err);

/* Appends the data of a chunk holding 't' to 'out' and sets '*type' to
** "tEXt" or "iTXt". The text must have passed fal_text_check. The code of
** the buffer. */
fal_code fal_text_write (const fal_text *t, fal_buf *out, const char **type);

#define FAL_TEXT_KEY  (79 * 2 + 1)  /* the longest keyword in UTF-8, a NUL */

/* The keyword at the beginning of a text chunk's data, in UTF-8. Returns the
** bytes it takes of the data, its NUL included, or 0 when it has none. */
size_t fal_text_key (const uint8_t *s, size_t n, char key[FAL_TEXT_KEY]);

/* Is it "tEXt", "zTXt" or "iTXt"? */
int fal_text_is (const char *type);

/* Appends the value in a text chunk, inflated and in UTF-8, to 'value', which
** has a ceiling. FAL_ETOOBIG past it or past '*left'; FAL_EPROTOCOL when the
** chunk is not well formed; FAL_ENOMEM. '*left' becomes less by all that was
** inflated, also in vain. */
fal_code fal_text_read (const char *type, const uint8_t *s, size_t n,
                        fal_buf *value, size_t *left);

/* }================================================================== */

/* {==================================================================
** Filters (png_filter.c)
** =================================================================== */

#define FAL_PNG_EACH  5  /* for each row the one that suits it */

/* The rows of the picture as they are compressed: each with a filter 'how',
** 0 to 4 of PNG's or FAL_PNG_EACH, its number before it. The caller frees it;
** NULL when memory ends. */
uint8_t *fal_png_filter (const fal_image *im, int how, size_t *size);

/* What a picture is like once it is filtered. */
typedef enum fal_png_kind {
  FAL_PNG_MIXED,
  FAL_PNG_FLAT,    /* less than a tenth is left, as of drawings */
  FAL_PNG_NOISE    /* nothing in it repeats, as in photographs */
} fal_png_kind;

/* The filter with which the picture becomes smallest, tried on a hundredth
** of it, or on the 'whole'. Sets '*kind'; when that is NULL repetitions will be
** looked for in any case. */
int fal_png_choose (const fal_image *im, int whole, fal_png_kind *kind);

/* }================================================================== */

/* {==================================================================
** Compression without repetitions (huffman.c)
** =================================================================== */

/* Writes s[0..n) as a zlib stream to 'to', which has room for
** fal_huffman_bound(n) bytes, and returns its size. Neither fails. */
size_t fal_huffman_zlib (const uint8_t *s, size_t n, uint8_t *to);
size_t fal_huffman_bound (size_t n);

/* Bytes of a short stream that are no codes of bytes, at least. */
extern const size_t fal_huffman_overhead;

/* }================================================================== */

/* {==================================================================
** The chunks of a file (png_chunks.c)
** =================================================================== */

typedef struct fal_png_header {
  uint32_t width, height;
  int depth;       /* 1, 2, 4, 8, 16 */
  int color;       /* 0 gray, 2 RGB, 3 palette, 4 gray+alpha, 6 RGBA */
  int interlaced;
} fal_png_header;

#define FAL_PNG_HEAD  33  /* bytes of signature and IHDR */

/* Reads and checks the signature and the IHDR. FAL_EPROTOCOL says what is
** wrong with them. 's' may be just the beginning of a file. */
fal_code fal_png_head (const void *s, size_t n, fal_png_header *h,
                       fal_error *err);

typedef struct fal_png_chunk {
  char type[5];
  const uint8_t *s;   /* its data, in the file */
  size_t n;
  size_t at;          /* where in the file the chunk begins */
} fal_png_chunk;

/* Could these four bytes be the type of a chunk? */
int fal_png_is_type (const uint8_t *s);

#define FAL_PNG_FIRST  8   /* the first chunk is behind the signature */

/* Reads the chunk at '*at' and moves '*at' behind it. FAL_EPROTOCOL when it
** is cut short or is no chunk. */
fal_code fal_png_next (const void *s, size_t n, size_t *at, fal_png_chunk *c,
                       fal_error *err);

/* FAL_EPROTOCOL when the checksum in the file is not that of the chunk. */
fal_code fal_png_crc (const fal_png_chunk *c, fal_error *err);

extern const uint8_t fal_png_signature[FAL_PNG_FIRST];

/* Big-endian numbers, as PNG has them. */
uint32_t fal_png_get32 (const uint8_t *s);
void fal_png_put32 (uint8_t *s, uint32_t u);

/* Appends a chunk; 'n' is below 2^31. The code of the buffer. */
fal_code fal_png_put (fal_buf *out, const char *type, const void *s,
                      size_t n);

/* Appends the chunks of the texts, which are to have passed
** fal_text_check. */
fal_code fal_png_put_texts (fal_buf *out, const fal_text *text);

/* Chunks of the file s[0..n), found sound before, that a picture keeps: those
** that say they are safe to copy, and those about color. Texts are kept as
** texts. '*kept' is to be freed by free(kept->s). FAL_ETOOBIG past 'max'. */
fal_code fal_png_kept (const void *s, size_t n, size_t max, fal_chunks *kept,
                       fal_error *err);

/* }================================================================== */

#endif
