/*
** download.c -- a URL to a file
**
** No credentials, so redirects may be followed anywhere. The file appears
** when all of it is there. What is small need not become one.
*/
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base64.h"
#include "endpoint.h"
#include "engine.h"

#define MAX_TEXT ((size_t)64 << 10)   /* of an error's body */
#define PIECE    32768                /* of a text that is decoded */

enum { MALFORMED = -1, NO_MEMORY = -2 };


typedef struct DownloadOp {
  fal_op op;
  fal_transfer *transfer;
  fal_file file;
  int overwrite;
} DownloadOp;


static void download_clear (fal_op *op) {
  DownloadOp *d = (DownloadOp *)op;
  fal_transfer_release(d->transfer);
  d->transfer = NULL;
  fal_file_abort(&d->file);
}


/* All of it is there: as a file, or what is small enough as the body. Of nothing
** there is always a file. */
static fal_code arrived (DownloadOp *d, uint64_t bytes, fal_error *err) {
  fal_op *op = &d->op;
  if (!fal_file_is_kept(&d->file) || d->file.kept.n == 0)
    return fal_file_commit(&d->file, d->overwrite, err);
  fal_buf_free(&op->body);
  op->body = d->file.kept;
  fal_buf_init(&d->file.kept, 0);
  fal_file_abort(&d->file);  /* of which there is only the name */
  fal_op_show(op, op->answer.status, bytes);
  return FAL_OK;
}


static void download_transferred (fal_op *op, fal_transfer *t) {
  DownloadOp *d = (DownloadOp *)op;
  fal_code code = fal_transfer_failure(t, &op->err);
  fal_op_show(op, code == FAL_OK ? t->status : 0, t->bytes);
  if (code == FAL_OK && (t->status < 200 || t->status > 299)) {
    fal_answer_error(&op->answer, &op->err);
    if (t->status == 410)
      op->err.code = FAL_EEXPIRED;
    if (t->status == 404 || t->status == 410)
      fal_hint(&op->err, "the file is not (or no longer) at the server: "
               "files of a result may be kept for a limited time");
  }
  else if (code == FAL_OK)
    arrived(d, t->bytes, &op->err);
  download_clear(op);
  fal_op_finish(op);
}


static void download_expired (fal_op *op) {
  download_clear(op);
  fal_op_fail(op, FAL_ETIMEOUT, "the file did not arrive within %.3g seconds",
              op->deadline.due - op->started);
}


static const fal_op_class download_class = {
  "download", download_transferred, download_expired, download_clear
};


/* Text to the file in pieces that stay in the cache. A piece that does not fill
** its room (blanks, padding, what is no base64) is decoded with all the rest.
** Returns the number of bytes, MALFORMED or NO_MEMORY. */
static ptrdiff_t put_base64 (fal_file *f, const char *s, size_t n) {
  char piece[PIECE / 4 * 3], *rest;
  ptrdiff_t len, total = 0;
  while (n > PIECE &&
         fal_base64_decode(piece, s, PIECE) == (ptrdiff_t)sizeof(piece)) {
    fal_file_write(f, piece, sizeof(piece));
    total += (ptrdiff_t)sizeof(piece);
    s += PIECE;
    n -= PIECE;
  }
  rest = malloc(fal_base64_decoded(n) + 1);
  len = rest != NULL ? fal_base64_decode(rest, s, n) : NO_MEMORY;
  if (len > 0)
    fal_file_write(f, rest, (size_t)len);
  free(rest);
  return len < 0 ? len : total + len;
}


static ptrdiff_t put_percent (fal_file *f, const char *s, size_t n) {
  char *bytes = malloc(n + 1);
  ptrdiff_t len = bytes != NULL ? fal_percent_decode(bytes, s, n) : NO_MEMORY;
  if (len > 0)
    fal_file_write(f, bytes, (size_t)len);
  free(bytes);
  return len;
}


/* data:image/png;base64,... : no network needed. */
static fal_code from_data_uri (DownloadOp *d, const fal_download_request *r,
                               fal_error *err) {
  const char *type, *payload;
  size_t type_n, n;
  int base64;
  ptrdiff_t len;
  fal_code code;
  if (!fal_data_uri_split(r->url, r->url_n, &type, &type_n, &base64, &payload,
                          &n))
    return fal_fail(err, FAL_EPROTOCOL, "a data: URI without a comma");
  len = base64 ? put_base64(&d->file, payload, n)
               : put_percent(&d->file, payload, n);
  if (len == NO_MEMORY)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  if (len < 0)
    return fal_fail(err, FAL_EPROTOCOL, "a data: URI that is not base64");
  if (r->max_bytes != 0 && (uint64_t)len > r->max_bytes)
    return fal_fail(err, FAL_ETOOBIG, "the file is larger than %llu bytes",
                    (unsigned long long)r->max_bytes);
  code = arrived(d, (uint64_t)len, err);
  if (code != FAL_OK)
    return code;
  if (fal_buf_addf(&d->op.head, "content-type: %.*s\r\n", type_n > 0
                   ? (int)type_n : 10, type_n > 0 ? type : "text/plain")
      != FAL_OK)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  fal_op_show(&d->op, 0, (uint64_t)len);
  fal_op_finish(&d->op);
  return FAL_OK;
}


static fal_code from_http (DownloadOp *d, const fal_client *c,
                           const fal_download_request *r, const char *url,
                           fal_error *err) {
  fal_exchange x;
  fal_url u;
  if (fal_url_split(url, strlen(url), &u) != 0 || u.port == 0) {
    fal_fail(err, FAL_EVALIDATION, "'%.80s' is not the address of a file",
             fal_url_shown(url));
    fal_hint(err, "give an http(s) URL, a data: URI, or a file object of a "
             "result");
    return FAL_EVALIDATION;
  }
  memset(&x, 0, sizeof(x));
  x.url = url;
  x.headers = c->plain;
  x.follow = 1;
  x.max_head = FAL_MAX_HEAD;
  x.max_body = c->max_response < MAX_TEXT ? c->max_response : MAX_TEXT;
  x.sink = &d->file;
  x.max_sink = r->max_bytes;
  d->op.answer.attempts = 1;
  d->transfer = fal_transfer_start(&d->op, &x, err);
  return d->transfer != NULL ? FAL_OK : FAL_ENETWORK;
}


fal_op *fal_download (fal_engine *e, fal_client *c,
                      const fal_download_request *r, fal_error *err) {
  fal_error local;
  fal_code code;
  DownloadOp *d;
  char *url = NULL;
  if (err == NULL)
    err = &local;
  d = fal_op_new(e, c, sizeof(*d), &download_class, r->timeout != 0
                 ? r->timeout : c->timeout, err);
  if (d == NULL)
    return NULL;
  d->file.fd = -1;
  d->overwrite = r->overwrite;
  if (!r->overwrite && access(r->path, F_OK) == 0) {
    code = fal_fail(err, FAL_EFILE, "%s is there already", r->path);
    fal_hint(err, "pass overwrite = true to replace it");
  }
  else
    code = r->keep > 0 ? fal_file_open_late(&d->file, r->path, r->keep, err)
                       : fal_file_open(&d->file, r->path, err);
  d->file.loose = r->temporary;
  if (code == FAL_OK && r->url_n >= 5 && strncasecmp(r->url, "data:", 5) == 0)
    code = from_data_uri(d, r, err);
  else if (code == FAL_OK) {
    url = strndup(r->url, r->url_n);
    code = url != NULL ? from_http(d, c, r, url, err)
                       : fal_fail(err, FAL_ENOMEM, "out of memory");
    free(url);
  }
  if (code != FAL_OK) {
    fal_op_free(&d->op);
    return NULL;
  }
  return &d->op;
}
