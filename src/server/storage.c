/*
** storage.c -- uploads by address: initiate, and the PUT of a whole file
**
**   POST {rest}/storage/upload/initiate            {"file_name", "content_type"}
**   POST {rest}/storage/upload/initiate-multipart  -> {"file_url", "upload_url"}
**   PUT  {base}/files/upload/{token}               the bytes
*/
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "../core/json.h"
#include "storage.h"

#define ROOM_LEFT  (64u << 20)    /* bytes of disk that uploads leave free */


/*
** {======================================================
** What an upload is
** =======================================================
*/

serve_upload *serve_upload_of (serve_request *r) {
  if (r->extra == NULL)
    r->extra = calloc(1, sizeof(serve_upload));
  if (r->extra == NULL)
    serve_answer_empty(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE);
  return r->extra;
}


int serve_upload_meta (serve_request *r, const char *name, size_t name_n,
                       const char *type, size_t type_n, files_meta *m) {
  const char *cycle = serve_header(r, "X-Fal-Object-Lifecycle");
  if (cycle == NULL)
    cycle = serve_header(r, "X-Fal-Object-Lifecycle-Preference");
  memset(m, 0, sizeof(*m));
  if (!files_lifecycle(cycle, m)) {
    serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, NULL,
                        "X-Fal-Object-Lifecycle looks like {\"expiration_"
                        "duration_seconds\": 3600, \"initial_acl\": "
                        "{\"default\": \"forbid\"}}");
    return 0;
  }
  if (!files_tag(r->s->files, r->owner, m->tag)) {
    serve_answer_detail(&r->answer, MHD_HTTP_INTERNAL_SERVER_ERROR,
                        "internal_error", "Internal Server Error");
    return 0;
  }
  if (name == NULL)
    files_clean_name("", 0, type != NULL ? type : "", m->name);
  else
    files_clean_name(name, name_n, type != NULL ? type : "", m->name);
  files_clean_type(type != NULL ? type : "", type != NULL ? type_n : 0,
                   m->name, m->type);
  files_random(m->id);
  return 1;
}


fal_code serve_upload_sign (const serve_request *r, const files_meta *m,
                            const char *use, fal_buf *to) {
  fal_buf b;
  fal_code code;
  fal_buf_init(&b, SEAL_MAX);
  fal_buf_addf(&b, "\"g\":\"%s\",\"i\":\"%s\",\"x\":%.0f,\"a\":%d,\"r\":\"%s\","
               "\"n\":", m->tag, m->id, m->lasts, (int)m->access, m->rules);
  fal_json_put_string(&b, m->name, strlen(m->name));
  fal_buf_addstr(&b, ",\"t\":");
  fal_json_put_string(&b, m->type, strlen(m->type));
  code = fal_buf_cstr(&b) == NULL
         ? FAL_ENOMEM : serve_seal_make(r->s->secret, use, r->owner,
                                         UPLOAD_SECONDS, b.s, to);
  fal_buf_free(&b);
  return code;
}


static void read_text (const fal_buf *b, const char *name, char *to,
                       size_t n) {
  fal_buf text;
  fal_buf_init(&text, n - 1);
  if (fal_json_find_string(b->s, b->n, name, &text) &&
      fal_buf_cstr(&text) != NULL)
    snprintf(to, n, "%s", text.s);
  fal_buf_free(&text);
}


static double read_number (const fal_buf *b, const char *name) {
  const char *raw;
  size_t n;
  return fal_json_find(b->s, b->n, name, &raw, &n) == FAL_JSON_INTEGER
         ? strtod(raw, NULL) : 0;
}


int serve_upload_read (serve_request *r, const char *use, const char *token,
                       size_t n) {
  serve_upload *u = serve_upload_of(r);
  fal_buf b;
  int good = u != NULL && serve_seal_open(r->s->secret, use, token, n, &b);
  if (u == NULL)
    return 0;
  if (good) {
    read_text(&b, "g", u->m.tag, sizeof(u->m.tag));
    read_text(&b, "i", u->m.id, sizeof(u->m.id));
    read_text(&b, "n", u->m.name, sizeof(u->m.name));
    read_text(&b, "t", u->m.type, sizeof(u->m.type));
    read_text(&b, "r", u->m.rules, sizeof(u->m.rules));
    u->m.lasts = read_number(&b, "x");
    u->m.access = (files_access)read_number(&b, "a");
  }
  else
    serve_answer_detail(&r->answer, MHD_HTTP_FORBIDDEN, NULL,
                        "This address takes no upload, or not any more: "
                        "ask for a new one");
  fal_buf_free(&b);
  return good;
}


void serve_upload_url (const serve_request *r, const files_meta *m,
                       fal_buf *to) {
  char url[FILES_URL];
  files_url(m, url);
  fal_buf_addf(to, "%s/files/%s", r->base_url, url);
}

/* }====================================================== */


/*
** {======================================================
** Its bytes
** =======================================================
*/

void serve_upload_failed (serve_request *r, const fal_error *err) {
  int full = strstr(err->message, strerror(ENOSPC)) != NULL ||
             strstr(err->message, strerror(EDQUOT)) != NULL;
  serve_log("%s upload: %s", r->id, err->message);
  serve_answer_detail(&r->answer, full ? MHD_HTTP_INSUFFICIENT_STORAGE
                                       : MHD_HTTP_INTERNAL_SERVER_ERROR,
                      "internal_error", full ? "The server's disk is full"
                                             : "Internal Server Error");
}


static int has_room (const serve_request *r, uint64_t n) {
  struct statvfs fs;
  return statvfs(r->s->files, &fs) != 0 ||
         (uint64_t)fs.f_bavail * fs.f_frsize >= n + ROOM_LEFT;
}


int serve_upload_receive (serve_request *r, const char *path) {
  int64_t n = serve_body_announced(r);
  fal_error err;
  r->file_max = r->s->max_upload;
  if (n > 0 && (uint64_t)n > r->file_max)
    r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
  else if (!has_room(r, n > 0 ? (uint64_t)n : 0))
    r->refused = MHD_HTTP_INSUFFICIENT_STORAGE;
  else if (serve_body_to_file(r, path, r->file_max, &err) != FAL_OK)
    serve_upload_failed(r, &err);
  return r->file.fd >= 0;
}


int serve_upload_keep (serve_request *r) {
  serve_upload *u = r->extra;
  fal_error err;
  if (files_describe(r->s->files, &u->m, &err) == FAL_OK &&
      fal_file_commit(&r->file, 1, &err) == FAL_OK)
    return 1;
  serve_upload_failed(r, &err);
  return 0;
}


/* On an errand's thread. */
static void keep_whole (serve_request *r) {
  fal_buf b;
  if (!serve_upload_keep(r))
    return;
  fal_buf_init(&b, 8);
  fal_buf_addstr(&b, "{}");
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
}

/* }====================================================== */


/*
** {======================================================
** Initiate
** =======================================================
*/

/* 0 after refusing it. */
static int read_ask (serve_request *r, files_meta *m) {
  fal_buf name, type;
  const char *raw;
  size_t n;
  int named, typed, good = 0;
  fal_buf_init(&name, 4096);
  fal_buf_init(&type, FILES_TYPE);
  if (fal_json_find(r->body.s != NULL ? r->body.s : "", r->body.n, "", &raw,
                    &n) != FAL_JSON_OBJECT)
    serve_answer_detail(&r->answer, MHD_HTTP_UNPROCESSABLE_CONTENT, NULL,
                        "The body must be JSON: {\"file_name\": \"cat.png\", "
                        "\"content_type\": \"image/png\"}");
  else {
    named = fal_json_find_string(r->body.s, r->body.n, "file_name", &name);
    typed = fal_json_find_string(r->body.s, r->body.n, "content_type", &type)
            && fal_buf_cstr(&type) != NULL;
    good = serve_upload_meta(r, named ? name.s : NULL, name.n,
                             typed ? type.s : NULL, type.n, m);
  }
  fal_buf_free(&name);
  fal_buf_free(&type);
  return good;
}


static void initiate (serve_request *r, const char *use) {
  files_meta m;
  fal_buf b;
  if (!read_ask(r, &m))
    return;
  fal_buf_init(&b, 16384);
  fal_buf_addstr(&b, "{\"file_url\":\"");
  serve_upload_url(r, &m, &b);
  fal_buf_addf(&b, "\",\"upload_url\":\"%s/files/upload/", r->base_url);
  if (serve_upload_sign(r, &m, use, &b) == FAL_OK &&
      fal_buf_addstr(&b, "\"}") == FAL_OK)
    serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  else {
    fal_buf_free(&b);
    serve_answer_empty(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE);
  }
}

/* }====================================================== */


/* "upload/{token}" of r->rest, in parts: the token's length; 0 when it is
** none. */
static size_t token_in (const serve_request *r, const char **token) {
  if (r->role != ROLE_MEDIA || strncmp(r->rest, "upload/", 7) != 0)
    return 0;
  *token = r->rest + 7;
  return strcspn(*token, "/");
}


static int whole_head (serve_request *r) {
  char path[FILES_PATH];
  const char *token;
  size_t n = token_in(r, &token);
  serve_upload *u;
  if (n == 0 || strchr(token, '.') == NULL)
    return 0;
  if (token[n] == '/')
    return serve_upload_read(r, "part", token, n)
           ? serve_parts_head(r, token + n) : 1;
  if (strcmp(r->method, "PUT") != 0 || !serve_upload_read(r, "put", token, n))
    return 1;
  u = r->extra;
  u->step = UPLOAD_WHOLE;
  if (files_path(r->s->files, &u->m, "", path))
    serve_upload_receive(r, path);
  return 1;
}


int serve_storage_head (serve_request *r) {
  return whole_head(r) || serve_cdn_head(r);
}


static int is (const serve_request *r, const char *rest) {
  size_t n = strlen(rest);
  return r->role == ROLE_REST && strncmp(r->rest, rest, n) == 0 &&
         (r->rest[n] == '\0' || strcmp(r->rest + n, "/") == 0);
}


int serve_storage (serve_request *r) {
  const serve_upload *u = r->extra;
  const char *token;
  int post = strcmp(r->method, "POST") == 0;
  if (u != NULL && u->step == UPLOAD_WHOLE && r->file.fd >= 0)
    serve_errand_do(r, keep_whole);
  else if (post && is(r, "storage/upload/initiate"))
    initiate(r, "put");
  else if (post && is(r, "storage/upload/initiate-multipart"))
    initiate(r, "part");
  else if (serve_parts(r) || serve_cdn(r))
    ;
  else if (token_in(r, &token) > 0) {
    serve_answer_detail(&r->answer, MHD_HTTP_METHOD_NOT_ALLOWED, NULL,
                        "This address takes an upload by PUT");
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_ALLOW, "PUT, OPTIONS");
  }
  else
    return 0;
  return 1;
}
