/*
** cdn.c -- uploads as fal's CDN takes them (protocol 8.2, the Python client)
**
**   POST {rest}/storage/auth/token       -> {"token", "base_url", ...}
**   POST {cdn}/files/upload              the bytes -> {"access_url"}
**   POST {cdn}/files/upload/multipart    -> {"access_url", "uploadId"}
**   PUT  {access_url}/multipart/{id}/{n}         see parts.c
**   POST {access_url}/multipart/{id}/complete
*/
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../core/json.h"
#include "storage.h"

#define CDN_SECONDS  3600


static int is_post (const serve_request *r) {
  return strcmp(r->method, "POST") == 0;
}


/* The token has the owner's name; any holder may upload for him. */
static void make_token (serve_request *r) {
  time_t end = time(NULL) + CDN_SECONDS;
  char text[40];
  struct tm tm;
  fal_buf b;
  gmtime_r(&end, &tm);
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
  fal_buf_init(&b, 8192);
  fal_buf_addstr(&b, "{\"token\":\"");
  if (serve_seal_make(r->s->secret, "cdn", r->owner, CDN_SECONDS, NULL, &b)
        == FAL_OK &&
      fal_buf_addf(&b, "\",\"token_type\":\"Bearer\",\"base_url\":\"%s\","
                   "\"expires_at\":\"%s\"}", r->base_url, text) == FAL_OK)
    serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  else {
    fal_buf_free(&b);
    serve_answer_empty(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE);
  }
}


/* The file that the headers describe. 0 after refusing it. */
static int from_headers (serve_request *r, files_meta *m) {
  const char *name = serve_header(r, "X-Fal-File-Name");
  const char *type = serve_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
  return serve_upload_meta(r, name, name != NULL ? strlen(name) : 0, type,
                           type != NULL ? strlen(type) : 0, m);
}


/* On an errand's thread. */
static void keep_direct (serve_request *r) {
  const serve_upload *u = r->extra;
  fal_buf b;
  if (!serve_upload_keep(r))
    return;
  fal_buf_init(&b, 8192);
  fal_buf_addstr(&b, "{\"access_url\":\"");
  serve_upload_url(r, &u->m, &b);
  fal_buf_addstr(&b, "\"}");
  serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
}


static void begin_multipart (serve_request *r) {
  files_meta m;
  fal_buf b;
  if (!from_headers(r, &m))
    return;
  fal_buf_init(&b, 16384);
  fal_buf_addstr(&b, "{\"access_url\":\"");
  serve_upload_url(r, &m, &b);
  fal_buf_addstr(&b, "\",\"uploadId\":\"");
  if (serve_upload_sign(r, &m, "part", &b) == FAL_OK &&
      fal_buf_addstr(&b, "\"}") == FAL_OK)
    serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  else {
    fal_buf_free(&b);
    serve_answer_empty(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE);
  }
}


static int direct_head (serve_request *r) {
  char path[FILES_PATH];
  serve_upload *u = serve_upload_of(r);
  if (u == NULL || !from_headers(r, &u->m))
    return 1;
  u->step = UPLOAD_DIRECT;
  if (files_path(r->s->files, &u->m, "", path))
    serve_upload_receive(r, path);
  return 1;
}


/* The last "/multipart/{token}/..." of a path; NULL when there is none. */
static const char *multipart_in (const char *rest) {
  const char *at = NULL, *next = rest;
  while ((next = strstr(next, "/multipart/")) != NULL)
    at = next++;
  return at != NULL ? at + strlen("/multipart/") : NULL;
}


int serve_cdn_head (serve_request *r) {
  const char *token;
  size_t n;
  if (r->role != ROLE_MEDIA || serve_reads(r))
    return 0;
  if (strcmp(r->rest, "upload") == 0 || strcmp(r->rest, "upload/") == 0)
    return is_post(r) && direct_head(r);
  token = multipart_in(r->rest);
  n = token != NULL ? strcspn(token, "/") : 0;
  if (n == 0 || token[n] != '/')
    return 0;
  return serve_upload_read(r, "part", token, n)
         ? serve_parts_head(r, token + n) : 1;
}


int serve_cdn (serve_request *r) {
  const serve_upload *u = r->extra;
  if (u != NULL && u->step == UPLOAD_DIRECT && r->file.fd >= 0)
    serve_errand_do(r, keep_direct);
  else if (is_post(r) && r->role == ROLE_REST &&
           (strcmp(r->rest, "storage/auth/token") == 0 ||
            strcmp(r->rest, "storage/auth/token/") == 0))
    make_token(r);
  else if (is_post(r) && r->role == ROLE_MEDIA &&
           strcmp(r->rest, "upload/multipart") == 0)
    begin_multipart(r);
  else
    return 0;
  return 1;
}
