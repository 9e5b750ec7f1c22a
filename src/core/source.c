/*
** source.c -- files that are read while others may write them
*/
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "engine.h"
#include "source.h"

#if defined(__APPLE__)
#define MTIME st_mtimespec
#else
#define MTIME st_mtim
#endif

#define BLOCK  65536
#define BLOCKS 16     /* digested in one step */


static fal_stamp stamp_of (const struct stat *st) {
  fal_stamp s;
  s.n = (uint64_t)st->st_size;
  s.seconds = (int64_t)st->MTIME.tv_sec;
  s.nanoseconds = (long)st->MTIME.tv_nsec;
  return s;
}


fal_code fal_source_open (const char *path, int *fd, fal_stamp *stamp,
                          fal_error *err) {
  struct stat st;
  /* not blocking: opening a pipe would wait for its writer */
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0)
    return fal_fail(err, FAL_EFILE, "cannot read %.300s: %s", path,
                    strerror(errno));
  if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
    *stamp = stamp_of(&st);
    return FAL_OK;
  }
  close(*fd);
  *fd = -1;
  return fal_fail(err, FAL_EFILE, "%.300s is not an ordinary file", path);
}


fal_code fal_source_check (int fd, const fal_stamp *was, const char *path,
                           fal_error *err) {
  struct stat st;
  fal_stamp now;
  if (fstat(fd, &st) != 0)
    return fal_fail(err, FAL_EFILE, "cannot read %.300s: %s", path,
                    strerror(errno));
  now = stamp_of(&st);
  if (now.n == was->n && now.seconds == was->seconds &&
      now.nanoseconds == was->nanoseconds)
    return FAL_OK;
  fal_fail(err, FAL_EFILE, "%.300s changed while it was being read", path);
  fal_hint(err, "try again when nothing writes to it any more");
  return FAL_EFILE;
}


void fal_source_put (fal_buf *b, const fal_stamp *s) {
  fal_buf_addf(b, ",\"bytes\":%llu,\"mtime\":\"%lld.%09ld\"",
               (unsigned long long)s->n, (long long)s->seconds,
               s->nanoseconds);
}


/*
** {======================================================
** Digest of a file, a slice in each step
** =======================================================
*/

typedef struct DigestOp {
  fal_op op;
  fal_alarm next;
  int fd;
  fal_stamp seen;
  char *path;
  EVP_MD_CTX *ctx;
} DigestOp;


static void digest_clear (fal_op *op) {
  DigestOp *d = (DigestOp *)op;
  if (d->next.place != 0)
    fal_alarm_set(op->engine, &d->next, 0);
  if (d->fd >= 0)
    close(d->fd);
  d->fd = -1;
  free(d->path);
  d->path = NULL;
  EVP_MD_CTX_free(d->ctx);
  d->ctx = NULL;
}


/* All was read. */
static void digested (DigestOp *d) {
  fal_op *op = &d->op;
  unsigned char md[EVP_MAX_MD_SIZE];
  unsigned len = 0, i;
  if (fal_source_check(d->fd, &d->seen, d->path, &op->err) == FAL_OK) {
    EVP_DigestFinal_ex(d->ctx, md, &len);
    fal_buf_addstr(&op->body, "{\"digest\":\"");
    for (i = 0; i < len; i++)
      fal_buf_addf(&op->body, "%02x", md[i]);
    fal_buf_addstr(&op->body, "\"");
    fal_source_put(&op->body, &d->seen);
    fal_buf_addstr(&op->body, "}");
    fal_op_show(op, 0, d->seen.n);
  }
}


/* Digests some: 1, 0 at the end of the file, -1 when it cannot be read. */
static int digest_some (DigestOp *d) {
  unsigned char block[BLOCK];
  int i;
  for (i = 0; i < BLOCKS; i++) {
    ssize_t n;
    do n = read(d->fd, block, BLOCK);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
      return (int)n;
    if (EVP_DigestUpdate(d->ctx, block, (size_t)n) != 1)
      return errno = ENOMEM, -1;
  }
  return 1;
}


static void digest_slice (fal_alarm *a) {
  DigestOp *d = (DigestOp *)((char *)a - offsetof(DigestOp, next));
  fal_op *op = &d->op;
  int more = digest_some(d);
  if (more > 0 && fal_alarm_set(op->engine, a, fal_now() + 1e-9) == 0)
    return;
  if (more == 0)
    digested(d);
  else
    fal_fail(&op->err, FAL_EFILE, "cannot read %.300s: %s", d->path,
             strerror(more < 0 ? errno : ENOMEM));
  digest_clear(op);
  fal_op_finish(op);
}


static const fal_op_class digest_class = { "digest", NULL, fal_op_finish,
                                           digest_clear };


fal_op *fal_digest_file (fal_engine *e, const char *name, const char *path,
                         fal_error *err) {
  fal_error local;
  fal_code code;
  const EVP_MD *type = EVP_get_digestbyname(name);
  DigestOp *d;
  if (err == NULL)
    err = &local;
  d = fal_op_new(e, NULL, sizeof(*d), &digest_class, 0, err);
  if (d == NULL)
    return NULL;
  d->fd = -1;
  d->next.ring = digest_slice;
  d->path = strdup(path);
  d->ctx = EVP_MD_CTX_new();
  if (d->path == NULL || d->ctx == NULL || type == NULL ||
      EVP_DigestInit_ex(d->ctx, type, NULL) != 1)
    code = fal_fail(err, FAL_ENOMEM, "no digest '%.20s' here", name);
  else
    code = fal_source_open(path, &d->fd, &d->seen, err);
  if (code == FAL_OK && fal_alarm_set(e, &d->next, fal_now()) != 0)
    code = fal_fail(err, FAL_ENOMEM, "out of memory");
  if (code == FAL_OK)
    return &d->op;
  fal_op_free(&d->op);
  return NULL;
}

/* }====================================================== */
