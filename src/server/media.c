/*
** media.c -- files with a URL, to who asks for them
*/
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "range.h"
#include "serve.h"

#define ETAG  48


/* A result is named by what is in it; an upload may be sent again. */
static void etag_of (const files_meta *m, int fd, char to[ETAG]) {
  struct stat st;
  if (m->name[0] == '\0')
    snprintf(to, ETAG, "\"%.*s\"", FILES_HEX, m->id);
  else if (fstat(fd, &st) == 0)
    serve_etag(&st, to, ETAG);
  else
    snprintf(to, ETAG, "\"0\"");
}


void serve_etag (const struct stat *st, char *to, size_t n) {
  snprintf(to, n, "\"%llx%08lx-%llx\"", (unsigned long long)st->st_mtime,
           (unsigned long)st->st_mtim.tv_nsec, (unsigned long long)st->st_size);
}


/*
** {======================================================
** Headers
** =======================================================
*/

/* What a browser would run. */
static int is_active (const char *type) {
  return strstr(type, "html") != NULL || strstr(type, "svg") != NULL ||
         strstr(type, "xml") != NULL || strstr(type, "javascript") != NULL;
}


static void set_caching (serve_answer *a, const files_meta *m) {
  char text[64];
  if (!files_acl_is_open(m))
    snprintf(text, sizeof(text), "private, no-store");
  else if (m->expires > 0)
    snprintf(text, sizeof(text), "public, max-age=%.0f",
             m->expires - (double)time(NULL));
  else
    snprintf(text, sizeof(text), "public, max-age=31536000, immutable");
  serve_answer_header(a, MHD_HTTP_HEADER_CACHE_CONTROL, text);
}


/* The name is the last part of its URL, as escaped there. */
static void set_name (serve_answer *a, const files_meta *m) {
  char url[FILES_URL], text[FILES_URL + 64];
  if (m->name[0] == '\0')
    return;
  files_url(m, url);
  snprintf(text, sizeof(text), "inline; filename*=UTF-8''%s",
           strrchr(url, '/') + 1);
  serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_DISPOSITION, text);
}


/* Headers of the file as such, whatever part of it goes out. */
static void describe (serve_answer *a, const files_meta *m, const char *etag) {
  serve_answer_header(a, MHD_HTTP_HEADER_ETAG, etag);
  serve_answer_header(a, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
  serve_answer_header(a, "X-Content-Type-Options", "nosniff");
  if (is_active(m->type))
    serve_answer_header(a, "Content-Security-Policy", "sandbox");
  set_caching(a, m);
  set_name(a, m);
}

/* }====================================================== */


/*
** {======================================================
** GET and HEAD
** =======================================================
*/

static void out_of_range (serve_answer *a, uint64_t size) {
  char text[80];
  serve_answer_detail(a, MHD_HTTP_RANGE_NOT_SATISFIABLE, NULL,
                      "The file has %llu bytes", (unsigned long long)size);
  snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
  serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}


/* The whole file or a part. The descriptor becomes the answer's. */
static void send_file (serve_request *r, int fd, uint64_t size,
                       const files_meta *m, const char *etag) {
  serve_answer *a = &r->answer;
  const char *if_range = serve_header(r, MHD_HTTP_HEADER_IF_RANGE);
  uint64_t from = 0, n = size;
  char text[80];
  serve_range what = RANGE_NONE;
  if (if_range == NULL || strcmp(if_range, etag) == 0)
    what = serve_read_range(serve_header(r, MHD_HTTP_HEADER_RANGE), size,
                            &from, &n);
  if (what == RANGE_BAD) {
    close(fd);
    out_of_range(a, size);
    return;
  }
  a->status = what == RANGE_ONE ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
  a->response = MHD_create_response_from_fd_at_offset64(n, fd, from);
  if (a->response == NULL)
    close(fd);
  serve_answer_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, m->type);
  describe(a, m, etag);
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


/* The status for a caller who must not read it; 0 when he may. Without --keys
** everybody with any key is the one owner; with them, another tenant's key
** opens what he was allowed by name. */
static unsigned int is_barred (const serve_request *r, const files_meta *m) {
  char tag[FILES_TAG];
  files_access access = FILES_HIDE;
  int mine = files_tag(r->s->files, r->owner, tag) &&
             strcmp(tag, m->tag) == 0;
  if (mine && !r->anonymous)
    return 0;
  if (r->owner[0] == '\0')
    access = m->access;
  else
    files_acl_of(m, r->owner, &access);
  return access == FILES_ALLOW ? 0
       : access == FILES_HIDE ? MHD_HTTP_NOT_FOUND : MHD_HTTP_FORBIDDEN;
}


static void send_to (serve_request *r, int fd, uint64_t size,
                     const files_meta *m) {
  char etag[ETAG];
  etag_of(m, fd, etag);
  if (has_it(r, etag)) {
    close(fd);
    serve_answer_empty(&r->answer, MHD_HTTP_NOT_MODIFIED);
    describe(&r->answer, m, etag);
  }
  else
    send_file(r, fd, size, m, etag);
}


int serve_media (serve_request *r) {
  files_meta m;
  uint64_t size;
  unsigned int barred;
  int fd;
  if (r->role != ROLE_MEDIA)
    return 0;
  fd = files_open(r->s->files, r->rest, &m, &size);
  if (!serve_reads(r) && m.id[0] != '\0') {
    serve_answer_detail(&r->answer, MHD_HTTP_METHOD_NOT_ALLOWED, NULL,
                        "Method Not Allowed");
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_ALLOW,
                        "GET, HEAD, OPTIONS");
  }
  else if (fd < 0)
    return 0;
  else if ((barred = is_barred(r, &m)) == 0) {
    send_to(r, fd, size, &m);
    return 1;
  }
  else if (barred == MHD_HTTP_FORBIDDEN)
    serve_answer_detail(&r->answer, barred, NULL,
                        "This file is its owner's: it takes a key to read it");
  if (fd >= 0)
    close(fd);
  return r->answer.response != NULL;
}

/* }====================================================== */
