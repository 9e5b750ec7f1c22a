/*
** png_copy.c -- a PNG from here to there with its texts set
**
** Chunks go by in blocks: no picture is ever in memory as a whole, and its
** pixels are not decoded. Only the checksums are computed.
*/
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <libdeflate.h>

#include "../core/file.h"
#include "png_private.h"

#define BLOCK  65536
#define SMALL  16384   /* of reads and writes: most chunks are a few bytes */

typedef struct copier {
  const uint8_t *s;        /* what is copied, when it is in memory */
  size_t n;
  int fd;                  /* else where it is read from */
  size_t at;               /* bytes taken so far */
  size_t in_at, in_n;      /* of 'in': taken, read from the file */
  fal_buf *buf;            /* where to, when that is memory */
  fal_file *file;          /* else the file */
  size_t out_n;            /* of 'out': not written yet */
  const fal_text *text;    /* to be set */
  fal_error *err;
  uint8_t in[SMALL], out[SMALL];
} copier;


/* {==================================================================
** From and to
** =================================================================== */

/* Reads the next block of the file: 1, or 0 at its end and when '*code' tells
** what is wrong. */
static int refill (copier *c, fal_code *code) {
  ssize_t k;
  do
    k = read(c->fd, c->in, sizeof(c->in));
  while (k < 0 && errno == EINTR);
  if (k < 0)
    *code = fal_fail(c->err, FAL_EFILE, "PNG: cannot read it: %s",
                     strerror(errno));
  c->in_at = 0;
  c->in_n = k > 0 ? (size_t)k : 0;
  return k > 0;
}


/* Up to 'n' bytes; fewer only at the end, or when 'err' is filled and the
** code in '*code'. */
static size_t get (copier *c, void *to, size_t n, fal_code *code) {
  size_t got = 0;
  if (c->s != NULL) {
    got = n < c->n - c->at ? n : c->n - c->at;
    memcpy(to, c->s + c->at, got);
  }
  else {
    while (got < n && (c->in_at < c->in_n || refill(c, code))) {
      size_t k = c->in_n - c->in_at < n - got ? c->in_n - c->in_at : n - got;
      memcpy((uint8_t *)to + got, c->in + c->in_at, k);
      c->in_at += k;
      got += k;
    }
  }
  c->at += got;
  return got;
}


/* All of 'n' bytes. FAL_EPROTOCOL when there are fewer. */
static fal_code need (copier *c, void *to, size_t n, const char *where) {
  fal_code code = FAL_OK;
  if (get(c, to, n, &code) < n && code == FAL_OK)
    code = fal_fail(c->err, FAL_EPROTOCOL, "PNG: the file is cut short after "
                    "%zu bytes, %s", c->at, where);
  return code;
}


/* Committing tells how writing went. */
static void flush (copier *c) {
  fal_file_write(c->file, c->out, c->out_n);
  c->out_n = 0;
}


static fal_code put (copier *c, const void *s, size_t n) {
  fal_code code = FAL_OK;
  if (c->file == NULL)
    code = fal_buf_add(c->buf, s, n);
  else {
    if (n > sizeof(c->out) - c->out_n)
      flush(c);
    if (n > sizeof(c->out))
      fal_file_write(c->file, s, n);
    else {
      memcpy(c->out + c->out_n, s, n);
      c->out_n += n;
    }
  }
  if (code == FAL_OK)
    return FAL_OK;
  return fal_fail(c->err, code, code == FAL_ENOMEM ? "PNG: no memory" :
                  "PNG: larger than %zu bytes with its texts", c->buf->max);
}

/* }================================================================== */

/* {==================================================================
** Chunks
** =================================================================== */

static fal_code put_texts (copier *c) {
  fal_buf b;
  fal_code code;
  fal_buf_init(&b, 0x7FFFFFFF);
  code = fal_png_put_texts(&b, c->text);
  if (code != FAL_OK)
    fal_fail(c->err, code, "PNG: no memory for its texts");
  else if (b.n > 0)
    code = put(c, b.s, b.n);
  fal_buf_free(&b);
  return code;
}


/* Is it a text chunk that begins so, and its keyword one of those to set? */
static int replaced (const copier *c, const char *type, const uint8_t *s,
                     size_t n) {
  char key[FAL_TEXT_KEY];
  const fal_text *t = c->text;
  if (!fal_text_is(type) || fal_text_key(s, n, key) == 0)
    return 0;
  while (t != NULL && strcmp(t->key, key) != 0)
    t = t->next;
  return t != NULL;
}


/* The data and checksum of a chunk of 'left' bytes; 'head' is its length and
** type. It is left out when one of the texts takes its place. */
static fal_code copy_data (copier *c, const uint8_t head[8], const char *type,
                           size_t left) {
  uint8_t block[BLOCK];
  uint32_t crc = libdeflate_crc32(0, head + 4, 4);
  size_t begin = c->at - 8, n;
  int drop = 0, first = 1;
  fal_code code = FAL_OK;
  for (; code == FAL_OK && (first || left > 0); left -= n, first = 0) {
    n = left < BLOCK ? left : BLOCK;
    code = need(c, block, n, "in a chunk");
    if (code == FAL_OK && first && !(drop = replaced(c, type, block, n)))
      code = put(c, head, 8);
    if (code == FAL_OK && !drop)
      code = put(c, block, n);
    crc = libdeflate_crc32(crc, block, n);
  }
  if (code == FAL_OK)
    code = need(c, block, 4, "in a chunk");
  if (code == FAL_OK && fal_png_get32(block) != crc)
    code = fal_fail(c->err, FAL_EPROTOCOL, "PNG: bad CRC in the chunk %s at "
                    "byte %zu: the file is damaged", type, begin);
  return code == FAL_OK && !drop ? put(c, block, 4) : code;
}


/* Copies the next chunk, before the first IDAT the texts. */
static fal_code copy_chunk (copier *c, char type[5], int *pixels) {
  uint8_t head[8];
  fal_code code = need(c, head, 8, "between two chunks");
  size_t n = fal_png_get32(head);
  if (code == FAL_OK && (n > 0x7FFFFFFF || !fal_png_is_type(head + 4)))
    code = fal_fail(c->err, FAL_EPROTOCOL, "PNG: what is at byte %zu is not "
                    "a chunk", c->at - 8);
  if (code != FAL_OK)
    return code;
  memcpy(type, head + 4, 4);
  type[4] = '\0';
  if (!*pixels && strcmp(type, "IDAT") == 0) {
    *pixels = 1;
    code = put_texts(c);
  }
  return code == FAL_OK ? copy_data(c, head, type, n) : code;
}


static fal_code copy (copier *c) {
  uint8_t head[FAL_PNG_HEAD];
  char type[5];
  int pixels = 0;
  fal_png_header h;
  const fal_text *t;
  fal_code code = FAL_OK;
  size_t n = get(c, head, sizeof(head), &code);
  if (code == FAL_OK)
    code = fal_png_head(head, n, &h, c->err);
  for (t = c->text; t != NULL && code == FAL_OK; t = t->next)
    code = fal_text_check(t->key, t->value, t->n, c->err);
  if (code == FAL_OK)
    code = put(c, head, sizeof(head));
  do {
    if (code == FAL_OK)
      code = copy_chunk(c, type, &pixels);
    if (code != FAL_OK)
      return code;
  } while (strcmp(type, "IEND") != 0);
  return pixels ? FAL_OK : fal_fail(c->err, FAL_EPROTOCOL, "PNG: there is no "
                                    "picture (IDAT) in it");
}

/* }================================================================== */


static void begin (copier *c, const fal_text *text, fal_error *err) {
  memset(c, 0, offsetof(copier, in));
  c->text = text;
  c->err = err;
}


fal_code fal_png_retext (const void *s, size_t n, const fal_text *text,
                         fal_buf *out, fal_error *err) {
  copier c;
  size_t before = out->n;
  fal_code code;
  begin(&c, text, err);
  c.s = s;
  c.n = n;
  c.buf = out;
  code = copy(&c);
  if (code != FAL_OK)
    out->n = before;
  return code;
}


fal_code fal_png_retext_file (const char *from, const char *to,
                              const fal_text *text, int overwrite,
                              fal_error *err) {
  copier c;
  fal_file f;
  fal_code code;
  begin(&c, text, err);
  c.fd = open(from, O_RDONLY | O_CLOEXEC);
  if (c.fd < 0)
    return fal_fail(err, FAL_EFILE, "cannot read %s: %s", from,
                    strerror(errno));
  c.file = &f;
  code = fal_file_open(&f, to, err);
  if (code == FAL_OK && (code = copy(&c)) != FAL_OK)
    fal_file_abort(&f);
  else if (code == FAL_OK) {
    flush(&c);
    code = fal_file_commit(&f, overwrite, err);
  }
  close(c.fd);
  return code;
}
