/*
** media.c -- files named by the digest of what is in them, and their URLs
**
** A name is 32 hex digits, a dot and an extension of 1 to 5 letters and
** digits. Nothing else is ever looked up, so no name leads out of the folder.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/digest.h"
#include "../core/file.h"
#include "serve.h"

#define HEX_N  32

static const struct { const char *ext, *type; } types[] = {
  {"png", "image/png"},
  {"jpg", "image/jpeg"},
  {"jpeg", "image/jpeg"},
  {"webp", "image/webp"},
  {"gif", "image/gif"},
  {"svg", "image/svg+xml"},
  {"json", "application/json"},
  {"txt", "text/plain; charset=utf-8"},
  {"mp3", "audio/mpeg"},
  {"wav", "audio/wav"},
  {"mp4", "video/mp4"},
  {"webm", "video/webm"},
  {"zip", "application/zip"},
  {NULL, "application/octet-stream"},
};


static int good_extension (const char *s) {
  size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789");
  return n >= 1 && n <= 5 && s[n] == '\0';
}


static int good_name (const char *s) {
  return strspn(s, "0123456789abcdef") == HEX_N && s[HEX_N] == '.' &&
         good_extension(s + HEX_N + 1);
}


static const char *type_of (const char *name) {
  int i = 0;
  while (types[i].ext != NULL && strcmp(types[i].ext, name + HEX_N + 1) != 0)
    i++;
  return types[i].type;
}


/* Nonzero when the file is there, of the right size. */
static int have (const char *path, size_t n) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
         (uint64_t)st.st_size == n;
}


fal_code serve_media_put (const char *folder, const char *ext, const void *s,
                          size_t n, char name[MEDIA_NAME], fal_error *err) {
  char hex[FAL_DIGEST_HEX], path[4096];
  if (!good_extension(ext))
    return fal_fail(err, FAL_EVALIDATION, "'%.10s' is no file extension", ext);
  if (!fal_digest("sha256", s, n, hex))
    return fal_fail(err, FAL_ENOMEM, "no SHA-256 here");
  snprintf(name, MEDIA_NAME, "%.*s.%s", HEX_N, hex, ext);
  if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
    return fal_fail(err, FAL_EFILE, "the path of the data folder is too long");
  if (have(path, n))
    return FAL_OK;
  return fal_file_put(path, s, n, 1, err);
}


int serve_media_open (const char *folder, const char *name, uint64_t *size,
                      const char **type) {
  char path[4096];
  struct stat st;
  int fd;
  if (!good_name(name) ||
      snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
    return -1;
  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return -1;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    close(fd);
    return -1;
  }
  *size = (uint64_t)st.st_size;
  *type = type_of(name);
  return fd;
}


/*
** {======================================================
** GET and HEAD
** =======================================================
*/

/* Digits at '*s', which moves behind them. 0 when there are none or too
** many. */
static int read_number (const char **s, uint64_t *v) {
  size_t n = strspn(*s, "0123456789");
  if (n == 0 || n > 18)
    return 0;
  *v = strtoull(*s, NULL, 10);
  *s += n;
  return 1;
}


typedef enum range { RANGE_NONE, RANGE_ONE, RANGE_BAD } range;

/* "bytes=a-b", "bytes=a-" or "bytes=-n" of a file of 'size' bytes, as the
** first byte and how many. Several ranges, or what is no range, are ignored,
** as HTTP allows. */
static range read_range (const char *s, uint64_t size, uint64_t *from,
                         uint64_t *n) {
  uint64_t a, b;
  if (s == NULL || strncmp(s, "bytes=", 6) != 0)
    return RANGE_NONE;
  s += 6;
  if (*s == '-') {
    s++;
    if (!read_number(&s, &b) || *s != '\0')
      return RANGE_NONE;
    *n = b < size ? b : size;
    *from = size - *n;
    return *n > 0 ? RANGE_ONE : RANGE_BAD;
  }
  if (!read_number(&s, &a) || *s++ != '-')
    return RANGE_NONE;
  b = size > 0 ? size - 1 : 0;
  if (*s != '\0' && (!read_number(&s, &b) || *s != '\0' || b < a))
    return RANGE_NONE;
  if (a >= size)
    return RANGE_BAD;
  *from = a;
  *n = (b < size ? b : size - 1) - a + 1;
  return RANGE_ONE;
}


/* Headers of the file as such, whatever part of it goes out. */
static void describe (serve_answer *a, const char *etag) {
  serve_answer_header(a, MHD_HTTP_HEADER_ETAG, etag);
  serve_answer_header(a, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
  serve_answer_header(a, MHD_HTTP_HEADER_CACHE_CONTROL,
                      "public, max-age=31536000, immutable");
  serve_answer_header(a, "X-Content-Type-Options", "nosniff");
}


/* The whole file or a part. The descriptor becomes the answer's. */
static void send_file (serve_request *r, int fd, uint64_t size,
                       const char *type, const char *etag) {
  serve_answer *a = &r->answer;
  const char *if_range = serve_header(r, MHD_HTTP_HEADER_IF_RANGE);
  const char *asked = serve_header(r, MHD_HTTP_HEADER_RANGE);
  uint64_t from = 0, n = size;
  char text[80];
  range what = RANGE_NONE;
  if (if_range == NULL || strcmp(if_range, etag) == 0)
    what = read_range(asked, size, &from, &n);
  if (what == RANGE_BAD) {
    close(fd);
    serve_answer_detail(a, MHD_HTTP_RANGE_NOT_SATISFIABLE, NULL,
                        "The file has %llu bytes", (unsigned long long)size);
    snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
    serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    return;
  }
  a->status = what == RANGE_ONE ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
  a->response = MHD_create_response_from_fd_at_offset64(n, fd, from);
  if (a->response == NULL)
    close(fd);
  serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  describe(a, etag);
  if (what == RANGE_ONE) {
    snprintf(text, sizeof(text), "bytes %llu-%llu/%llu",
             (unsigned long long)from, (unsigned long long)(from + n - 1),
             (unsigned long long)size);
    serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_RANGE, text);
  }
}


/* Nonzero when the caller has the file already. */
static int has_it (const serve_request *r, const char *etag) {
  const char *s = serve_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
  return s != NULL && (strcmp(s, "*") == 0 || strstr(s, etag) != NULL);
}


int serve_media (serve_request *r) {
  char etag[HEX_N + 3];
  const char *type;
  uint64_t size;
  int fd;
  if (r->role != ROLE_MEDIA || !good_name(r->rest))
    return 0;
  if (!serve_reads(r)) {
    serve_answer_detail(&r->answer, MHD_HTTP_METHOD_NOT_ALLOWED, NULL,
                        "Method Not Allowed");
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_ALLOW,
                        "GET, HEAD, OPTIONS");
    return 1;
  }
  fd = serve_media_open(r->s->files, r->rest, &size, &type);
  if (fd < 0)
    return 0;
  snprintf(etag, sizeof(etag), "\"%.*s\"", HEX_N, r->rest);
  if (has_it(r, etag)) {
    close(fd);
    serve_answer_empty(&r->answer, MHD_HTTP_NOT_MODIFIED);
    describe(&r->answer, etag);
  }
  else
    send_file(r, fd, size, type, etag);
  return 1;
}

/* }====================================================== */
