/*
** files.c -- files that have a URL, on disk
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/base64.h"
#include "../core/digest.h"
#include "../core/endpoint.h"
#include "../core/file.h"
#include "../core/json.h"
#include "files.h"
#include "seal.h"

#define HEX       "0123456789abcdef"
#define META_MAX  4096    /* bytes of a .meta */


/*
** {======================================================
** Whose, and where
** =======================================================
*/

/* "{files}/../{name}": the data folder's. */
static int beside (const char *files, const char *name, char to[FILES_PATH]) {
  const char *slash = strrchr(files, '/');
  return snprintf(to, FILES_PATH, "%.*s%s",
                  slash != NULL ? (int)(slash - files) + 1 : 0, files, name)
         < FILES_PATH;
}


int files_data (const char *files, char to[FILES_PATH]) {
  return beside(files, "", to);
}


int files_tag (const char *files, const char *owner, char tag[FILES_TAG]) {
  unsigned char secret[SEAL_SECRET];
  char data[FILES_PATH];
  fal_buf b;
  tag[0] = '\0';
  if (owner == NULL || owner[0] == '\0')
    return 1;
  if (!beside(files, "", data) ||
      serve_secret_load(data, secret, NULL) != FAL_OK)
    return 0;
  fal_buf_init(&b, 4096);
  fal_buf_addf(&b, "tag %s", owner);
  serve_sign(secret, b.s, b.n, tag + 1, FILES_TAG - 2);
  tag[0] = 'k';
  fal_buf_free(&b);
  return 1;
}


int files_path (const char *files, const files_meta *m, const char *more,
                char to[FILES_PATH]) {
  return snprintf(to, FILES_PATH, "%s/%s%s%s%s", files, m->tag,
                  m->tag[0] != '\0' ? "/" : "", m->id, more) < FILES_PATH;
}


static int good_extension (const char *s) {
  size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789");
  return n >= 1 && n <= 5 && s[n] == '\0' &&
         strcmp(s, "meta") != 0;  /* what stands beside a file is no file */
}


/* Takes s[0..n) apart into tag, id and name. 0 when it has not our form. */
static int split (const char *s, files_meta *m) {
  memset(m, 0, sizeof(*m));
  if (s[0] == 'k' && strspn(s + 1, HEX) == FILES_TAG - 2 &&
      s[FILES_TAG - 1] == '/') {
    memcpy(m->tag, s, FILES_TAG - 1);
    s += FILES_TAG;
  }
  if (strspn(s, HEX) != FILES_HEX)
    return 0;
  memcpy(m->id, s, FILES_HEX);
  s += FILES_HEX;
  if (*s == '.' && good_extension(s + 1)) {
    strcpy(m->id + FILES_HEX, s);
    files_clean_type("", 0, m->id, m->type);
    return 1;
  }
  return *s == '/' && s[1] != '\0' &&
         snprintf(m->name, FILES_NAME, "%s", s + 1) < FILES_NAME;
}

/* }====================================================== */


/*
** {======================================================
** Descriptions and ends
** =======================================================
*/

/* An empty file whose name says what ends when: "{time},{tag},{id}". */
static fal_code mark_end (const char *files, const files_meta *m,
                          fal_error *err) {
  char path[FILES_PATH], name[128];
  snprintf(name, sizeof(name), "expires/%.0f,%s,%s", m->expires, m->tag,
           m->id);
  if (!beside(files, name, path))
    return fal_fail(err, FAL_EFILE, "the path of the data folder is too long");
  return fal_file_append(path, "", 0, err);
}


fal_code files_describe (const char *files, files_meta *m, fal_error *err) {
  char path[FILES_PATH];
  fal_buf b;
  fal_code code = FAL_OK;
  m->expires = m->lasts > 0 ? (double)time(NULL) + m->lasts : 0;
  if (m->expires > 0)
    code = mark_end(files, m, err);
  if (code != FAL_OK || m->name[0] == '\0')
    return code;
  if (!files_path(files, m, ".meta", path))
    return fal_fail(err, FAL_EFILE, "the path of the data folder is too long");
  fal_buf_init(&b, META_MAX);
  fal_buf_addstr(&b, "{\"name\":");
  fal_json_put_string(&b, m->name, strlen(m->name));
  fal_buf_addstr(&b, ",\"type\":");
  fal_json_put_string(&b, m->type, strlen(m->type));
  code = fal_buf_addf(&b, ",\"expires\":%.0f,\"access\":%d,\"rules\":"
                      "\"%s\"}\n", m->expires, (int)m->access, m->rules);
  if (code == FAL_OK)
    code = fal_file_put(path, b.s, b.n, 1, err);
  fal_buf_free(&b);
  return code;
}


static double number_in (const fal_buf *b, const char *name) {
  const char *raw;
  size_t n;
  if (fal_json_find(b->s, b->n, name, &raw, &n) != FAL_JSON_INTEGER)
    return 0;
  return strtod(raw, NULL);
}


static int text_in (const fal_buf *b, const char *name, char *to, size_t n) {
  fal_buf text;
  int found;
  fal_buf_init(&text, n - 1);
  found = fal_json_find_string(b->s, b->n, name, &text) &&
          fal_buf_cstr(&text) != NULL;
  if (found)
    snprintf(to, n, "%s", text.s);
  fal_buf_free(&text);
  return found;
}


/* Reads the .meta of a file with a name, which must be the one asked for. */
static int read_meta (const char *files, files_meta *m) {
  char path[FILES_PATH], name[FILES_NAME];
  fal_buf b;
  int good = 0;
  fal_buf_init(&b, META_MAX);
  if (files_path(files, m, ".meta", path) &&
      fal_file_get(path, &b, NULL) == FAL_OK &&
      text_in(&b, "name", name, sizeof(name)) &&
      text_in(&b, "type", m->type, sizeof(m->type))) {
    int access = (int)number_in(&b, "access");
    m->expires = number_in(&b, "expires");
    m->access = access == FILES_FORBID || access == FILES_HIDE
                ? (files_access)access : FILES_ALLOW;
    text_in(&b, "rules", m->rules, sizeof(m->rules));
    good = strcmp(name, m->name) == 0;
  }
  fal_buf_free(&b);
  return good;
}


static int is_over (const files_meta *m) {
  return m->expires > 0 && (double)time(NULL) >= m->expires;
}


/* Removes what a marker names, then the marker. */
static void end_file (const char *files, DIR *dir, const char *marker,
                      const char *at) {
  char rest[128], path[FILES_PATH];
  files_meta m;
  const char *comma = strchr(at, ',');
  if (comma != NULL &&
      snprintf(rest, sizeof(rest), "%.*s%s%s%s", (int)(comma - at), at,
               comma > at ? "/" : "", comma + 1,
               strchr(comma, '.') == NULL ? "/x" : "") < (int)sizeof(rest) &&
      split(rest, &m)) {
    if (files_path(files, &m, "", path))
      unlink(path);
    if (m.name[0] != '\0' && files_path(files, &m, ".meta", path))
      unlink(path);
  }
  unlinkat(dirfd(dir), marker, 0);
}


double files_expire (const char *files, double now) {
  char path[FILES_PATH];
  DIR *dir = beside(files, "expires", path) ? opendir(path) : NULL;
  struct dirent *e;
  double next = 0;
  while (dir != NULL && (e = readdir(dir)) != NULL) {
    char *at;
    double t = strtod(e->d_name, &at);
    if (t <= 0 || *at != ',')
      continue;
    if (t <= now)
      end_file(files, dir, e->d_name, at + 1);
    else if (next == 0 || t < next)
      next = t;
  }
  if (dir != NULL)
    closedir(dir);
  return next;
}

/* }====================================================== */


/*
** {======================================================
** Keeping and finding
** =======================================================
*/

/* Nonzero when the file is there, of the right size. */
static int have (const char *path, size_t n) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
         (uint64_t)st.st_size == n;
}


/* A result's name is its digest; but one that ends must not take others of
** the same bytes with it. */
static fal_code name_result (files_meta *m, const char *ext, const void *s,
                             size_t n, fal_error *err) {
  char hex[FAL_DIGEST_HEX];
  if (!good_extension(ext))
    return fal_fail(err, FAL_EVALIDATION, "'%.10s' is no file extension", ext);
  if (m->lasts > 0)
    files_random(hex);
  else if (!fal_digest("sha256", s, n, hex))
    return fal_fail(err, FAL_ENOMEM, "no SHA-256 here");
  snprintf(m->id, sizeof(m->id), "%.*s.%s", FILES_HEX, hex, ext);
  return FAL_OK;
}


fal_code files_put (const char *files, files_meta *m, const char *ext,
                    const void *s, size_t n, fal_error *err) {
  char path[FILES_PATH];
  fal_code code = FAL_OK;
  if (m->name[0] == '\0' && !files_acl_is_open(m) && good_extension(ext)) {
    snprintf(m->name, sizeof(m->name), "result.%s", ext);
    files_clean_type("", 0, m->name, m->type);
  }
  if (m->name[0] != '\0')
    files_random(m->id);
  else
    code = name_result(m, ext, s, n, err);
  if (code == FAL_OK && !files_path(files, m, "", path))
    code = fal_fail(err, FAL_EFILE, "the path of the data folder is too long");
  if (code == FAL_OK && m->name[0] == '\0' && m->lasts == 0 && have(path, n))
    return FAL_OK;
  if (code == FAL_OK)
    code = files_describe(files, m, err);
  return code == FAL_OK ? fal_file_put(path, s, n, 1, err) : code;
}


int files_open (const char *files, const char *rest, files_meta *m,
                uint64_t *size) {
  char path[FILES_PATH];
  struct stat st;
  int fd;
  if (!split(rest, m) || (m->name[0] != '\0' && !read_meta(files, m)) ||
      is_over(m) || !files_path(files, m, "", path))
    return -1;
  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
    close(fd);
    fd = -1;
  }
  if (fd >= 0)
    *size = (uint64_t)st.st_size;
  return fd;
}


/* What follows "/files/" in the path of a URL, unescaped, without its query.
** 0 when there is none. */
static int rest_of_url (const char *url, size_t n, char to[FILES_URL]) {
  fal_url u;
  ptrdiff_t k;
  const char *end;
  if (fal_url_split(url, n, &u) != 0 || u.path.n <= 7 ||
      (strncasecmp(u.scheme.s, "http", 4) != 0) ||
      memcmp(u.path.s, "/files/", 7) != 0)
    return 0;
  end = memchr(u.path.s, '?', u.path.n);
  n = (size_t)((end != NULL ? end : u.path.s + u.path.n) - u.path.s) - 7;
  if (n >= FILES_URL)
    return 0;
  k = fal_percent_decode(to, u.path.s + 7, n);
  if (k < 0 || memchr(to, '\0', (size_t)k) != NULL)
    return 0;
  to[k] = '\0';
  return 1;
}


int files_path_of_url (const char *files, const char *owner, const char *url,
                       size_t n, char path[FILES_PATH],
                       char type[FILES_TYPE]) {
  char rest[FILES_URL], tag[FILES_TAG];
  files_access access = FILES_FORBID;
  files_meta m;
  uint64_t size;
  int fd;
  if (!rest_of_url(url, n, rest) || !files_tag(files, owner, tag))
    return 0;
  fd = files_open(files, rest, &m, &size);
  if (fd < 0)
    return 0;
  close(fd);
  snprintf(type, FILES_TYPE, "%s", m.type);
  if (strcmp(m.tag, tag) != 0 && (!files_acl_of(&m, owner, &access) ||
                                  access != FILES_ALLOW))
    return 0;
  return files_path(files, &m, "", path);
}


/* Names that fal_file gives what it writes end in ".part". */
static void clean_folder (const char *path, int depth) {
  DIR *dir = opendir(path);
  struct dirent *e;
  while (dir != NULL && (e = readdir(dir)) != NULL) {
    size_t n = strlen(e->d_name);
    char below[FILES_PATH];
    if (n > 5 && strcmp(e->d_name + n - 5, ".part") == 0)
      unlinkat(dirfd(dir), e->d_name, 0);
    else if (depth > 0 && e->d_name[0] != '.' && strchr(e->d_name, '.') == NULL
             && snprintf(below, sizeof(below), "%s/%s", path, e->d_name)
                < (int)sizeof(below))
      clean_folder(below, depth - 1);
  }
  if (dir != NULL)
    closedir(dir);
}


void files_clean_up (const char *files) {
  clean_folder(files, 1);
}

/* }====================================================== */
