/*
** upload.c -- bytes to fal's storage (protocol 8)
**
** There are three repositories. Of two the REST host gives out an address for
** each file: initiate -> PUT, or for what is large initiate -> PUTs of parts,
** some at once -> complete. The address is a secret in itself; the key stays
** with the REST host. The third, the CDN, takes files with a token of its own:
** POST, or for what is large POST -> PUTs -> complete. The token goes to the
** hosts of this client and to fal's own CDN, nowhere else.
*/
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "endpoint.h"
#include "json.h"
#include "upload.h"

#define THRESHOLD  ((uint64_t)90 << 20)
#define PART       ((uint64_t)10 << 20)
#define MAX_PARTS  10000             /* what such storages take */
#define PARALLEL   4
#define MAX_PARALLEL 64


static void upload_clear (fal_op *op) {
  fal_uploading *u = (fal_uploading *)op;
  fal_call_clear(&u->ask);
  fal_parts_clear(u);
  if (u->fd >= 0)
    close(u->fd);
  u->fd = -1;
  fal_wipe(u->authorization);
  free(u->authorization);
  free(u->path);
  free(u->name);
  free(u->type);
  free(u->lifecycle);
  u->authorization = u->path = u->name = u->type = u->lifecycle = NULL;
  fal_buf_free(&u->bytes);
  fal_buf_free(&u->put_url);
  fal_buf_free(&u->file_url);
}


void fal_upload_give_up (fal_uploading *u) {
  fal_op *op = &u->op;
  fal_buf text;
  fal_buf_init(&text, sizeof(op->err.message));
  fal_buf_addf(&text, "%.120s was not uploaded: %.480s",
               u->name, op->err.message);
  if (fal_buf_cstr(&text) != NULL)
    fal_copy_text(op->err.message, sizeof(op->err.message), text.s, text.n);
  fal_buf_free(&text);
  upload_clear(op);
  op->answer.attempts = u->attempts;
  fal_op_finish(op);
}


/* The same with the outcome of a call. */
static void give_up_call (fal_uploading *u, fal_call *c) {
  fal_call_hand_over(c);
  fal_upload_give_up(u);
}


/* All is there. */
static void succeed (fal_uploading *u) {
  fal_op *op = &u->op;
  fal_parts_all(u);
  op->head.n = op->body.n = 0;
  fal_buf_addstr(&op->body, "{\"file_url\":");
  fal_json_put_string(&op->body, u->file_url.s, u->file_url.n);
  if (u->path != NULL)
    fal_source_put(&op->body, &u->seen);
  else
    fal_buf_addf(&op->body, ",\"bytes\":%llu",
                 (unsigned long long)u->seen.n);
  fal_buf_addstr(&op->body, "}");
  upload_clear(op);
  fal_op_show(op, 200, op->body.n);
  op->answer.attempts = u->attempts;
  fal_op_finish(op);
}


int fal_upload_elsewhere (const fal_error *err) {
  return err->status == 404 || err->status == 405 || err->status >= 500;
}


int fal_upload_url (const fal_answer *a, const char *field,
                    fal_buf *to) {
  fal_url url;
  size_t k;
  fal_buf_init(to, 8192);
  if (!fal_json_find_string(a->body, a->body_n, field, to) ||
      fal_url_split(to->s, to->n, &url) != 0)
    return 0;
  k = url.scheme.n;
  return (k == 4 || k == 5) && strncasecmp(url.scheme.s, "https", k) == 0 &&
         memchr(to->s, '#', to->n) == NULL;
}


void fal_upload_put_below (const fal_uploading *u, const char *below,
                           fal_buf *to) {
  const char *s = u->put_url.s, *end = s + u->put_url.n;
  const char *query = memchr(s, '?', u->put_url.n);
  if (query == NULL)
    query = end;
  fal_buf_add(to, s, (size_t)(query - s));
  fal_buf_addf(to, "/%s", below);
  fal_buf_add(to, query, (size_t)(end - query));
}


/*
** {======================================================
** Complete
** =======================================================
*/

static void completed (fal_op *op, fal_call *c) {
  fal_uploading *u = (fal_uploading *)op;
  u->attempts += c->attempts;
  if (c->err.code != FAL_OK)
    give_up_call(u, c);
  else
    succeed(u);
}


static void put_parts (const fal_uploading *u, fal_buf *b) {
  unsigned i;
  fal_buf_addstr(b, "{\"parts\":[");
  for (i = 0; i < u->nparts; i++) {
    fal_buf_addf(b, "%s{\"partNumber\":%u,\"etag\":", i > 0 ? "," : "", i + 1);
    fal_json_put_string(b, u->etags[i], strlen(u->etags[i]));
    fal_buf_addstr(b, "}");
  }
  fal_buf_addstr(b, "]}");
}


/* Appends "Name: value", what cannot be part of one replaced by '_'. */
static struct curl_slist *add (struct curl_slist *list, const char *name,
                               const char *value, fal_error *err) {
  fal_buf line;
  char *p;
  fal_buf_init(&line, 65536);
  fal_buf_addf(&line, "%s: %s", name, value);
  if (fal_buf_cstr(&line) != NULL)
    for (p = line.s; *p != '\0'; p++)
      if ((unsigned char)*p < 32 || *p == 127)
        *p = '_';
  list = fal_add_header(list, line.s != NULL ? line.s : "", err);
  fal_buf_free(&line);
  return list;
}


/* Like the parts: by an address that is a secret, or with the token. */
static void complete (fal_uploading *u) {
  fal_call *c = &u->ask;
  fal_call_init(c, &u->op, completed);
  fal_upload_put_below(u, "complete", &c->url);
  put_parts(u, &c->input);
  c->x.has_body = 1;
  c->x.max_body = FAL_MAX_REPLY;
  c->safe = c->direct = 1;
  c->tell = u->tell;
  c->headers = add(NULL, "Content-Type", "application/json", &u->op.err);
  if (c->headers != NULL && u->authorization != NULL)
    c->headers = add(c->headers, "Authorization", u->authorization,
                     &u->op.err);
  if (c->headers == NULL || fal_call_start(c, &u->op.err) != FAL_OK)
    fal_upload_give_up(u);
}


void fal_upload_arrived (fal_uploading *u) {
  if (u->multipart)
    complete(u);
  else
    succeed(u);
}

/* }====================================================== */


/*
** {======================================================
** Initiate
** =======================================================
*/

static void asked (fal_uploading *u, fal_call *c) {
  u->attempts += c->attempts;
  u->refused = c->err.code != FAL_OK && fal_upload_elsewhere(&c->err);
  if (c->err.code != FAL_OK)
    give_up_call(u, c);
  else {
    fal_call_clear(c);
    fal_parts_send(u);
  }
}


static void initiated (fal_op *op, fal_call *c) {
  fal_uploading *u = (fal_uploading *)op;
  if (c->err.code == FAL_OK &&
      !(fal_upload_url(&c->answer, "upload_url", &u->put_url) &&
        fal_upload_url(&c->answer, "file_url", &u->file_url)))
    fal_fail(&c->err, FAL_EPROTOCOL, "the storage did not say where to put "
             "it: no upload_url and file_url that are http(s) addresses");
  asked(u, c);
}


/* Asks the REST host for an address; u->ask has the headers. */
static fal_code initiate (fal_uploading *u, fal_error *err) {
  fal_call *c = &u->ask;
  fal_code code;
  fal_buf_addf(&c->url, "%s/storage/upload/%s?storage_type=%s",
               fal_client_host(u->op.client, FAL_ROLE_REST),
               u->multipart ? "initiate-multipart" : "initiate",
               u->repository == FAL_REPOSITORY_GCS ? "gcs" : "fal-cdn-v3");
  fal_buf_addstr(&c->input, "{\"content_type\":");
  code = fal_json_put_string(&c->input, u->type, strlen(u->type));
  fal_buf_addstr(&c->input, ",\"file_name\":");
  if (code == FAL_OK)
    code = fal_json_put_string(&c->input, u->name, strlen(u->name));
  fal_buf_addstr(&c->input, "}");
  if (code != FAL_OK)
    return fal_fail(err, code, "the content type is not text");
  return fal_call_start(c, err);
}


/* The headers of 'initiate': the key, and the lifecycle. */
static fal_code initiate_headers (fal_uploading *u, const char *credentials,
                                  fal_error *err) {
  fal_call *c = &u->ask;
  fal_code code = FAL_OK;
  if (u->lifecycle == NULL && credentials == NULL)
    return FAL_OK;
  code = fal_call_headers(c, credentials != NULL ? credentials
                          : u->op.client->credentials, NULL, err);
  if (code == FAL_OK && u->lifecycle != NULL)
    c->headers = add(c->headers, "X-Fal-Object-Lifecycle", u->lifecycle, err);
  return c->headers != NULL ? code : err->code;
}

/* }====================================================== */


/*
** {======================================================
** The CDN
** =======================================================
*/

struct curl_slist *fal_upload_cdn_headers (const fal_uploading *u, int begins,
                                           fal_error *err) {
  const struct { const char *name, *value; } lines[] = {
    { "Authorization", u->authorization },
    { "Content-Type", u->type },
    { "Accept", "application/json" },
    { "X-Fal-File-Name", u->name },
    { "X-Fal-Object-Lifecycle", u->lifecycle },
    { "X-Fal-Object-Lifecycle-Preference", u->lifecycle },
  };
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  size_t i, n = begins ? sizeof(lines) / sizeof(lines[0]) : 1;
  if (list == NULL)
    fal_fail(err, FAL_ENOMEM, "out of memory");
  for (i = 0; list != NULL && i < n; i++)
    if (lines[i].value != NULL)
      list = add(list, lines[i].name, lines[i].value, err);
  return list;
}


/* Appends "/multipart/{id}" to the address: 0 when it is no id. */
static int put_upload_id (fal_buf *url, const fal_answer *a) {
  fal_buf id;
  size_t i;
  int good;
  fal_buf_init(&id, 1024);
  good = fal_json_find_string(a->body, a->body_n, "uploadId", &id) && id.n > 0;
  for (i = 0; good && i < id.n; i++)
    good = isalnum((unsigned char)id.s[i]) || (id.s[i] != '\0' &&
           strchr("-_.~+=:@", id.s[i]) != NULL);
  if (good)
    fal_buf_addf(url, "/multipart/%.*s", (int)id.n, id.s);
  fal_buf_free(&id);
  return good;
}


/* A large file may come: its address is where its parts go too. */
static void cdn_ready (fal_op *op, fal_call *c) {
  fal_uploading *u = (fal_uploading *)op;
  const fal_answer *a = &c->answer;
  if (c->err.code == FAL_OK) {
    if (fal_upload_url(a, "access_url", &u->file_url) &&
        fal_client_trusts(op->client, u->file_url.s, u->file_url.n) &&
        memchr(u->file_url.s, '?', u->file_url.n) == NULL) {
      fal_buf_init(&u->put_url, 8192 + 1100);
      fal_buf_add(&u->put_url, u->file_url.s, u->file_url.n);
      if (!put_upload_id(&u->put_url, a))
        u->put_url.n = 0;
    }
    if (u->put_url.n == 0)
      fal_fail(&c->err, FAL_EPROTOCOL, "the storage did not say where to put "
               "its parts: no access_url at its hosts, or no uploadId");
  }
  asked(u, c);
}


static fal_code start_cdn (fal_uploading *u, const char *base,
                           fal_error *err) {
  fal_call *c = &u->ask;
  if (!fal_client_trusts(u->op.client, base, strlen(base)))
    return fal_fail(err, FAL_EPROTOCOL, "'%.100s' is none of this client's "
                    "hosts: the token is not sent there", fal_url_shown(base));
  if (!u->multipart) {
    fal_buf_init(&u->put_url, 8192);
    fal_buf_addf(&u->put_url, "%s/files/upload", base);
    fal_parts_send(u);
    return FAL_OK;
  }
  fal_buf_addf(&c->url, "%s/files/upload/multipart", base);
  c->direct = 1;
  c->headers = fal_upload_cdn_headers(u, 1, err);
  return c->headers != NULL ? fal_call_start(c, err) : err->code;
}

/* }====================================================== */


static void upload_expired (fal_op *op) {
  fal_uploading *u = (fal_uploading *)op;
  fal_fail(&op->err, FAL_ETIMEOUT, "not done after %.3g seconds",
           op->deadline.due - op->started);
  fal_hint(&op->err, "raise timeout for files of this size");
  fal_upload_give_up(u);
}


static const fal_op_class upload_class = {
  "upload", fal_call_transferred, upload_expired, upload_clear
};


/* The name the file will have there: text, no folders. */
static char *name_of (const fal_upload_request *r) {
  const char *s = r->file_name != NULL ? r->file_name
                : r->path != NULL ? r->path : "upload.bin";
  const char *slash = strrchr(s, '/');
  char *name = strdup(slash != NULL ? slash + 1 : s), *p;
  if (name != NULL && fal_utf8_check(name, strlen(name)) != strlen(name))
    for (p = name; *p != '\0'; p++)
      if ((unsigned char)*p >= 0x80)
        *p = '_';
  return name;
}


static fal_code open_source (fal_uploading *u, const fal_upload_request *r,
                             fal_error *err) {
  if (r->path != NULL) {
    u->path = strdup(r->path);
    return u->path != NULL ? fal_source_open(r->path, &u->fd, &u->seen, err)
                           : fal_fail(err, FAL_ENOMEM, "out of memory");
  }
  fal_buf_init(&u->bytes, (size_t)-1);
  u->seen.n = r->bytes_n;
  /* never without memory: it tells bytes from a file */
  if (fal_buf_room(&u->bytes, r->bytes_n + 1) == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  fal_buf_add(&u->bytes, r->bytes, r->bytes_n);
  return FAL_OK;
}


static char *copy (const char *s) {
  return s != NULL ? strdup(s) : NULL;
}


static fal_code fill (fal_uploading *u, const fal_upload_request *r,
                      fal_error *err) {
  u->repository = r->repository;
  u->ask_key = r->ask_key;
  u->tell = r->tell;
  u->progress = r->progress;
  u->name = name_of(r);
  u->type = strdup(r->content_type != NULL ? r->content_type
                                           : "application/octet-stream");
  u->lifecycle = copy(r->lifecycle);
  u->authorization = copy(r->cdn_authorization);
  u->nlanes = r->parallel <= 0 ? PARALLEL
              : r->parallel < MAX_PARALLEL ? r->parallel : MAX_PARALLEL;
  u->multipart = r->repository != FAL_REPOSITORY_GCS &&  /* which has no parts */
    u->seen.n > (r->multipart_threshold != 0 ? r->multipart_threshold
                                             : THRESHOLD);
  u->part_size = r->part_size != 0 ? r->part_size : PART;
  if (u->part_size < (u->seen.n + MAX_PARTS - 1) / MAX_PARTS)
    u->part_size = (u->seen.n + MAX_PARTS - 1) / MAX_PARTS;
  return u->name != NULL && u->type != NULL &&
         (r->lifecycle == NULL || u->lifecycle != NULL) &&
         (r->cdn_authorization == NULL || u->authorization != NULL)
         ? FAL_OK : fal_fail(err, FAL_ENOMEM, "out of memory");
}


static fal_code start (fal_uploading *u, const fal_upload_request *r,
                       fal_error *err) {
  fal_call *c = &u->ask;
  fal_code code;
  fal_call_init(c, &u->op, r->repository == FAL_REPOSITORY_CDN ? cdn_ready
                                                               : initiated);
  if ((code = open_source(u, r, err)) != FAL_OK ||
      (code = fill(u, r, err)) != FAL_OK)
    return code;
  c->x.has_body = 1;
  c->x.max_body = FAL_MAX_REPLY;
  c->safe = 1;
  c->tell = u->tell;
  if (r->repository == FAL_REPOSITORY_CDN)
    return start_cdn(u, r->cdn_base, err);
  c->ask_key = u->ask_key;
  code = initiate_headers(u, r->credentials, err);
  return code == FAL_OK ? initiate(u, err) : code;
}


fal_op *fal_upload (fal_engine *e, fal_client *c, const fal_upload_request *r,
                    fal_error *err) {
  fal_error local;
  fal_uploading *u;
  if (err == NULL)
    err = &local;
  if (r->repository != FAL_REPOSITORY_CDN &&
      fal_client_check_key(c, FAL_ROLE_REST, r->credentials != NULL
                           ? r->credentials : c->credentials, err) != FAL_OK)
    return NULL;
  u = fal_op_new(e, c, sizeof(*u), &upload_class, r->timeout != 0
                 ? r->timeout : c->timeout, err);
  if (u == NULL)
    return NULL;
  u->fd = -1;
  if (start(u, r, err) == FAL_OK)
    return &u->op;
  fal_op_free(&u->op);
  return NULL;
}


int fal_upload_refused (const fal_op *op) {
  return op->cls == &upload_class && ((const fal_uploading *)op)->refused;
}
