/*
** parts.c -- large files in parts
**
**   PUT  {address}/{n}         a part -> {"partNumber", "etag"} and an ETag
**   POST {address}/{n}         -> {"upload_url"}, as some SDKs ask first
**   POST {address}/complete    {"parts": [{"partNumber", "etag"}, ...]}
**
** Parts come in any order, some at once, and again when an answer was lost.
** The list in 'complete' need not be sorted; etags may lack their quotes.
** Complete may be repeated too: the file is then there already.
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../core/json.h"
#include "storage.h"

#define ETAG   48
#define BLOCK  (256u << 10)


int serve_parts_folder (const falua_server *s, const char *id,
                        char path[FILES_PATH]) {
  return snprintf(path, FILES_PATH, "%s/uploads%s%s", s->data,
                  id[0] != '\0' ? "/" : "", id) < FILES_PATH;
}


static int part_path (const falua_server *s, const char *id, unsigned n,
                      char path[FILES_PATH]) {
  size_t k;
  if (!serve_parts_folder(s, id, path))
    return 0;
  k = strlen(path);
  return snprintf(path + k, FILES_PATH - k, "/%u", n) < (int)(FILES_PATH - k);
}


/*
** {======================================================
** One part
** =======================================================
*/

/* The number after the slash; 0 when it is none. */
static unsigned part_number (const char *rest) {
  size_t n = strspn(rest + 1, "0123456789");
  unsigned long v = n > 0 && n < 7 && rest[1 + n] == '\0'
                    ? strtoul(rest + 1, NULL, 10) : 0;
  return v <= UPLOAD_PARTS ? (unsigned)v : 0;
}


int serve_parts_head (serve_request *r, const char *rest) {
  serve_upload *u = r->extra;
  char path[FILES_PATH];
  int post = strcmp(r->method, "POST") == 0;
  u->part = part_number(rest);
  if (post && strcmp(rest, "/complete") == 0)
    u->step = UPLOAD_COMPLETE;
  else if (u->part == 0)
    serve_answer_detail(&r->answer, MHD_HTTP_NOT_FOUND, NULL,
                        "Parts have numbers from 1 to %d", UPLOAD_PARTS);
  else if (post)
    u->step = UPLOAD_ANNOUNCE;
  else if (strcmp(r->method, "PUT") == 0) {
    u->step = UPLOAD_PART;
    if (part_path(r->s, u->m.id, u->part, path))
      serve_upload_receive(r, path);
  }
  return 1;
}


static void keep_part (serve_request *r) {
  const serve_upload *u = r->extra;
  char path[FILES_PATH], etag[ETAG];
  struct stat st;
  fal_error err;
  fal_buf b;
  r->file.loose = 1;  /* what 'complete' makes of it is flushed */
  if (fal_file_commit(&r->file, 1, &err) != FAL_OK) {
    serve_upload_failed(r, &err);
    return;
  }
  part_path(r->s, u->m.id, u->part, path);
  if (stat(path, &st) != 0)
    memset(&st, 0, sizeof(st));  /* then 'complete' will not find it */
  serve_etag(&st, etag, sizeof(etag));
  fal_buf_init(&b, 256);
  fal_buf_addf(&b, "{\"partNumber\":%u,\"etag\":", u->part);
  fal_json_put_string(&b, etag, strlen(etag));
  fal_buf_addstr(&b, "}");
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  serve_answer_header(&r->answer, MHD_HTTP_HEADER_ETAG, etag);
}


/* The address of the request itself. */
static void announce (serve_request *r) {
  const serve_upload *u = r->extra;
  fal_buf b;
  fal_buf_init(&b, 16384);
  fal_buf_addf(&b, "{\"upload_url\":\"%s/files/upload/", r->base_url);
  if (serve_upload_sign(r, &u->m, "part", &b) == FAL_OK &&
      fal_buf_addf(&b, "/%u\"}", u->part) == FAL_OK)
    serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  else {
    fal_buf_free(&b);
    serve_answer_empty(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE);
  }
}

/* }====================================================== */


/*
** {======================================================
** The list of parts
** =======================================================
*/

typedef struct Part {
  unsigned n;           /* 0: not said */
  char etag[ETAG];      /* without quotes */
} Part;

typedef struct List {
  Part *parts;
  size_t n, cap;
} List;


static void set_etag (Part *p, const char *s, size_t n) {
  if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
    s++;
    n -= 2;
  }
  snprintf(p->etag, sizeof(p->etag), "%.*s", (int)(n < ETAG ? n : 0), s);
}


/* Reads the members of one part, after its '{'. 0 when it is not as it should
** be. */
static int read_part (fal_json *j, Part *p) {
  fal_json_token t;
  memset(p, 0, sizeof(*p));
  while (fal_json_next(j, &t) == FAL_JSON_KEY) {
    int number = (t.n == 10 && memcmp(t.s, "partNumber", 10) == 0) ||
                 (t.n == 11 && memcmp(t.s, "part_number", 11) == 0);
    int etag = t.n == 4 && memcmp(t.s, "etag", 4) == 0;
    fal_json_kind kind = fal_json_next(j, &t);
    if (number && kind == FAL_JSON_INTEGER && t.i > 0 && t.i <= UPLOAD_PARTS)
      p->n = (unsigned)t.i;
    else if (etag && kind == FAL_JSON_STRING)
      set_etag(p, t.s, t.n);
    else if (fal_json_skip(j, &t) != 0)
      return 0;
  }
  return t.kind == FAL_JSON_OBJECT_END && p->n > 0 && p->etag[0] != '\0';
}


static int add_part (List *l, const Part *p) {
  if (l->n == l->cap) {
    size_t cap = l->cap > 0 ? 2 * l->cap : 64;
    Part *more = cap <= 2 * UPLOAD_PARTS
                 ? realloc(l->parts, cap * sizeof(*more)) : NULL;
    if (more == NULL)
      return 0;
    l->parts = more;
    l->cap = cap;
  }
  l->parts[l->n++] = *p;
  return 1;
}


static int by_number (const void *a, const void *b) {
  unsigned x = ((const Part *)a)->n, y = ((const Part *)b)->n;
  return x < y ? -1 : x > y;
}


/* Reads {"parts": [...]}, sorted then. 0 when it is not that, or has a number
** twice. */
static int read_list (const fal_buf *body, List *l) {
  const char *raw;
  size_t n, i;
  fal_json j;
  fal_json_token t;
  Part p;
  int good = 1;
  if (body->n == 0 || fal_json_find(body->s, body->n, "parts", &raw, &n)
      != FAL_JSON_ARRAY)
    return 0;
  fal_json_open(&j, raw, n, 0);
  fal_json_next(&j, &t);
  while (good && fal_json_next(&j, &t) == FAL_JSON_OBJECT)
    good = read_part(&j, &p) && add_part(l, &p);
  good = good && t.kind == FAL_JSON_ARRAY_END && l->n > 0;
  fal_json_close(&j);
  if (good)
    qsort(l->parts, l->n, sizeof(Part), by_number);
  for (i = 1; good && i < l->n; i++)
    good = l->parts[i].n != l->parts[i - 1].n;
  return good;
}

/* }====================================================== */


/*
** {======================================================
** Complete, on an errand's thread
** =======================================================
*/

/* Opens a part whose etag is the one said; -1. */
static int open_part (const serve_request *r, const Part *p,
                      struct stat *st) {
  const serve_upload *u = r->extra;
  char path[FILES_PATH], etag[ETAG];
  int fd = part_path(r->s, u->m.id, p->n, path)
           ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (fd >= 0 && fstat(fd, st) == 0) {
    serve_etag(st, etag, sizeof(etag));
    etag[strlen(etag) - 1] = '\0';
    if (strcmp(etag + 1, p->etag) == 0)
      return fd;
  }
  if (fd >= 0)
    close(fd);
  return -1;
}


/* Appends all of 'fd'. 0, or errno. */
static int append (fal_file *f, int fd) {
  static const int slow[] = {EXDEV, EINVAL, ENOSYS, EOPNOTSUPP};
  size_t i;
  char *block;
  ssize_t n;
  while ((n = copy_file_range(fd, NULL, f->fd, NULL, 1u << 30, 0)) > 0)
    f->n += (uint64_t)n;
  if (n == 0)
    return 0;
  for (i = 0; i < 4 && errno != slow[i]; i++)
    ;
  if (i == 4)
    return errno;
  block = malloc(BLOCK);
  if (block == NULL)
    return ENOMEM;
  while ((n = read(fd, block, BLOCK)) > 0)
    if (fal_file_write(f, block, (size_t)n) != 0)
      break;
  free(block);
  return n < 0 ? errno : f->failed;
}


static void bad_part (serve_request *r, const Part *p) {
  serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, NULL,
                      "InvalidPart: there is no part %u with that etag: "
                      "send it again", p->n);
}


/* 0 after refusing it. */
static int append_parts (serve_request *r, const List *l) {
  uint64_t total = 0;
  struct stat st;
  size_t i;
  for (i = 0; i < l->n; i++) {
    int fd = open_part(r, &l->parts[i], &st), why;
    if (fd < 0)
      return bad_part(r, &l->parts[i]), 0;
    total += (uint64_t)st.st_size;
    if (total > r->s->max_upload) {
      close(fd);
      serve_answer_detail(&r->answer, MHD_HTTP_CONTENT_TOO_LARGE, NULL,
                          "The file is larger than %llu bytes",
                          (unsigned long long)r->s->max_upload);
      return 0;
    }
    why = append(&r->file, fd);
    close(fd);
    if (why != 0 || r->file.n != total) {
      fal_error err;
      fal_fail(&err, FAL_EFILE, "cannot put parts together: %s",
               strerror(why != 0 ? why : EIO));
      return serve_upload_failed(r, &err), 0;
    }
  }
  return 1;
}


static void remove_parts (const falua_server *s, const char *id) {
  char path[FILES_PATH];
  DIR *dir = serve_parts_folder(s, id, path) ? opendir(path) : NULL;
  struct dirent *e;
  if (dir == NULL)
    return;
  while ((e = readdir(dir)) != NULL)
    unlinkat(dirfd(dir), e->d_name, 0);
  closedir(dir);
  rmdir(path);
}


static void is_there (serve_request *r) {
  const serve_upload *u = r->extra;
  fal_buf b;
  fal_buf_init(&b, 8192);
  fal_buf_addstr(&b, "{\"file_url\":\"");
  serve_upload_url(r, &u->m, &b);
  fal_buf_addstr(&b, "\",\"access_url\":\"");
  serve_upload_url(r, &u->m, &b);
  fal_buf_addstr(&b, "\"}");
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
}


static void complete (serve_request *r) {
  serve_upload *u = r->extra;
  char path[FILES_PATH], parts[FILES_PATH];
  fal_error err;
  List l;
  memset(&l, 0, sizeof(l));
  if (!files_path(r->s->files, &u->m, "", path) ||
      !serve_parts_folder(r->s, u->m.id, parts))
    serve_answer_empty(&r->answer, MHD_HTTP_INTERNAL_SERVER_ERROR);
  else if (access(parts, F_OK) != 0 && access(path, F_OK) == 0)
    is_there(r);
  else if (!read_list(&r->body, &l))
    serve_answer_detail(&r->answer, MHD_HTTP_UNPROCESSABLE_CONTENT, NULL,
                        "The body must be JSON: {\"parts\": [{\"partNumber\": "
                        "1, \"etag\": \"...\"}, ...]}");
  else if (fal_file_open(&r->file, path, &err) != FAL_OK)
    serve_upload_failed(r, &err);
  else if (append_parts(r, &l) && serve_upload_keep(r)) {
    remove_parts(r->s, u->m.id);
    is_there(r);
  }
  free(l.parts);
}

/* }====================================================== */


int serve_parts (serve_request *r) {
  const serve_upload *u = r->extra;
  if (u == NULL)
    return 0;
  switch (u->step) {
    case UPLOAD_PART: keep_part(r); return 1;
    case UPLOAD_ANNOUNCE: announce(r); return 1;
    case UPLOAD_COMPLETE: serve_errand_do(r, complete); return 1;
    default: return 0;
  }
}


void serve_storage_tidy (falua_server *s) {
  char path[FILES_PATH];
  DIR *dir = serve_parts_folder(s, "", path) ? opendir(path) : NULL;
  struct dirent *e;
  struct stat st;
  while (dir != NULL && (e = readdir(dir)) != NULL)
    if (e->d_name[0] != '.' &&
        fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(st.st_mode) && time(NULL) - st.st_mtime > UPLOAD_SECONDS)
      remove_parts(s, e->d_name);
  if (dir != NULL)
    closedir(dir);
}
