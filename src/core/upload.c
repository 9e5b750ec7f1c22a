/*
** upload.c -- bytes to fal's storage (protocol 8.1)
**
** initiate -> PUT, or for what is large initiate -> PUTs of parts, some at
** once -> complete. Nothing is read before it is sent: libcurl pulls a part
** from the file, and again from where the part begins when it has to be sent
** again. The address the bytes go to is a secret in itself; the key stays
** with the REST host.
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "call.h"
#include "endpoint.h"
#include "json.h"
#include "source.h"

#define THRESHOLD  ((uint64_t)90 << 20)
#define PART       ((uint64_t)10 << 20)
#define MAX_PARTS  10000             /* what such storages take */
#define PARALLEL   4
#define MAX_PARALLEL 64
#define MAX_REPLY  ((size_t)1 << 20)
#define PACE       0.05              /* seconds between two progresses */


/* A PUT in flight. */
typedef struct Lane {
  fal_call call;            /* first: what 'put_ended' gets is the lane */
  fal_source source;
  unsigned part;            /* from 1; 0: idle */
} Lane;

typedef struct UploadOp {
  fal_op op;
  fal_call ask;             /* initiate, then complete */
  int ask_key, tell, progress;
  char *path, *name, *type;
  int fd;                   /* -1: 'bytes' */
  fal_stamp seen;           /* n: also of bytes */
  fal_buf bytes;
  int multipart;
  int no_other;             /* the other storage must not be tried (again) */
  fal_buf put_url, file_url;
  uint64_t part_size;
  unsigned nparts, next, left;
  char **etags;
  int nlanes;
  Lane *lanes;
  uint64_t arrived, told;   /* bytes */
  int attempts;
  fal_alarm pace;
} UploadOp;


static void upload_clear (fal_op *op) {
  UploadOp *u = (UploadOp *)op;
  unsigned i;
  fal_call_clear(&u->ask);
  for (i = 0; u->lanes != NULL && i < (unsigned)u->nlanes; i++)
    if (u->lanes[i].part != 0)
      fal_call_clear(&u->lanes[i].call);
  for (i = 0; u->etags != NULL && i < u->nparts; i++)
    free(u->etags[i]);
  if (u->pace.place != 0)
    fal_alarm_set(op->engine, &u->pace, 0);
  if (u->fd >= 0)
    close(u->fd);
  u->fd = -1;
  free(u->lanes);
  free(u->etags);
  free(u->path);
  free(u->name);
  free(u->type);
  u->lanes = NULL;
  u->etags = NULL;
  u->path = u->name = u->type = NULL;
  fal_buf_free(&u->bytes);
  fal_buf_free(&u->put_url);
  fal_buf_free(&u->file_url);
}


/* Ends it with op->err as it is, said of this file. */
static void give_up (UploadOp *u) {
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


static void give_up_memory (UploadOp *u) {
  fal_fail(&u->op.err, FAL_ENOMEM, "out of memory");
  give_up(u);
}


/* The same with the outcome of a call. */
static void give_up_call (UploadOp *u, fal_call *c) {
  fal_call_hand_over(c);
  give_up(u);
}


/*
** {======================================================
** Progress
** =======================================================
*/

static void tell_progress (UploadOp *u, uint64_t n) {
  fal_buf text;
  if (!u->progress || (n <= u->told && n != u->seen.n))
    return;  /* a part that is sent again is no news */
  u->told = n;
  fal_buf_init(&text, 64);
  fal_buf_addf(&text, "[%llu,%llu]", (unsigned long long)n,
               (unsigned long long)u->seen.n);
  if (fal_buf_cstr(&text) != NULL)
    fal_op_post(&u->op, FAL_EVENT_PROGRESS, 0, text.s, text.n);
  fal_buf_free(&text);
}


static void pace_rings (fal_alarm *a) {
  UploadOp *u = (UploadOp *)((char *)a - offsetof(UploadOp, pace));
  uint64_t n = u->arrived;
  int i;
  for (i = 0; i < u->nlanes; i++)
    if (u->lanes[i].part != 0)
      n += u->lanes[i].source.given;
  if (n < u->seen.n)  /* all is only told at the end */
    tell_progress(u, n);
  fal_alarm_set(u->op.engine, a, fal_now() + PACE);
}

/* }====================================================== */


/* All is there. */
static void succeed (UploadOp *u) {
  fal_op *op = &u->op;
  tell_progress(u, u->seen.n);
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


/* {put_url}[/{below}][?query]: 'below' goes before the query. */
static void put_below (const UploadOp *u, const char *below, fal_buf *to) {
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
  UploadOp *u = (UploadOp *)op;
  u->attempts += c->attempts;
  if (c->err.code != FAL_OK)
    give_up_call(u, c);
  else
    succeed(u);
}


static void put_parts (const UploadOp *u, fal_buf *b) {
  unsigned i;
  fal_buf_addstr(b, "{\"parts\":[");
  for (i = 0; i < u->nparts; i++) {
    fal_buf_addf(b, "%s{\"partNumber\":%u,\"etag\":", i > 0 ? "," : "", i + 1);
    fal_json_put_string(b, u->etags[i], strlen(u->etags[i]));
    fal_buf_addstr(b, "}");
  }
  fal_buf_addstr(b, "]}");
}


/* No key: like the parts, it is authorized by its address. */
static void complete (UploadOp *u) {
  fal_call *c = &u->ask;
  fal_call_init(c, &u->op, completed);
  put_below(u, "complete", &c->url);
  put_parts(u, &c->input);
  c->x.has_body = 1;
  c->x.max_body = MAX_REPLY;
  c->safe = 1;
  c->tell = u->tell;
  c->headers = curl_slist_append(NULL, "Content-Type: application/json");
  if (c->headers == NULL)
    give_up_memory(u);
  else if (fal_call_start(c, &u->op.err) != FAL_OK)
    give_up(u);
}

/* }====================================================== */


/*
** {======================================================
** The bytes
** =======================================================
*/

static void pump (UploadOp *u);


/* The part's tag, from the JSON of the answer or its header. */
static char *etag_of (const fal_call *c) {
  const fal_answer *a = &c->answer;
  const char *v;
  size_t n;
  fal_buf text;
  char *tag = NULL;
  fal_buf_init(&text, 1024);
  if (fal_json_find_string(a->body, a->body_n, "etag", &text) && text.n > 0)
    tag = strndup(text.s, text.n);
  else if (fal_header(a->head, a->head_n, "etag", &v, &n) && n > 0 &&
           fal_utf8_check(v, n) == n)
    tag = strndup(v, n);
  fal_buf_free(&text);
  return tag;
}


/* What a refused PUT means; the key has nothing to do with it. */
static void explain (UploadOp *u, const Lane *lane) {
  fal_error *err = &u->op.err;
  fal_buf text;
  if (lane->source.failed == -1) {
    fal_fail(err, FAL_EFILE, "it changed while it was being read");
    fal_hint(err, "try again when nothing writes to it any more");
  }
  if (err->status >= 300 && err->status < 500 && err->status != 413) {
    if (err->code == FAL_EAUTH)
      err->code = FAL_EHTTP;
    fal_hint(err, "the storage refuses these bytes; the address it gave for "
             "them may have expired: start again");
  }
  if (!u->multipart)
    return;
  fal_buf_init(&text, sizeof(err->message));
  fal_buf_addf(&text, "part %u of %u: %.480s", lane->part, u->nparts,
               err->message);
  if (fal_buf_cstr(&text) != NULL)
    fal_copy_text(err->message, sizeof(err->message), text.s, text.n);
  fal_buf_free(&text);
}


static void put_ended (fal_op *op, fal_call *c) {
  UploadOp *u = (UploadOp *)op;
  Lane *lane = (Lane *)c;
  u->attempts += c->attempts;
  if (c->err.code == FAL_OK && u->multipart &&
      (u->etags[lane->part - 1] = etag_of(c)) == NULL)
    fal_fail(&c->err, FAL_EPROTOCOL, "it was accepted without an etag");
  if (c->err.code != FAL_OK) {
    fal_call_hand_over(c);
    explain(u, lane);
    give_up(u);
    return;
  }
  if (u->path != NULL &&
      fal_source_check(u->fd, &u->seen, u->path, &op->err) != FAL_OK) {
    give_up(u);
    return;
  }
  u->arrived += lane->source.n;
  fal_call_clear(c);
  lane->part = 0;
  if (--u->left > 0)
    pump(u);
  else if (u->multipart)
    complete(u);
  else
    succeed(u);
}


static fal_code put_headers (UploadOp *u, fal_call *c, fal_error *err) {
  fal_buf line;
  /* not to wait for a 100 that few servers send */
  c->headers = curl_slist_append(NULL, "Expect:");
  if (c->headers == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  if (u->multipart)
    return FAL_OK;
  fal_buf_init(&line, 1024);
  fal_buf_addf(&line, "Content-Type: %s", u->type);
  c->headers = fal_add_header(c->headers, fal_buf_cstr(&line) != NULL
                              ? line.s : "", err);
  fal_buf_free(&line);
  return c->headers != NULL ? FAL_OK : err->code;
}


static fal_code start_part (UploadOp *u, Lane *lane, unsigned part,
                            fal_error *err) {
  fal_call *c = &lane->call;
  fal_source *src = &lane->source;
  char number[16];
  fal_code code;
  fal_call_init(c, &u->op, put_ended);
  lane->part = part;
  src->s = u->bytes.s;
  src->fd = u->fd;
  src->offset = (part - 1) * u->part_size;
  src->n = u->seen.n - src->offset;
  if (src->n > u->part_size)
    src->n = u->part_size;
  src->given = 0;
  src->failed = 0;
  if (u->multipart) {
    snprintf(number, sizeof(number), "%u", part);
    put_below(u, number, &c->url);
  }
  else
    fal_buf_add(&c->url, u->put_url.s, u->put_url.n);
  c->x.source = src;
  c->x.max_body = MAX_REPLY;
  c->safe = 1;
  c->tell = u->tell;
  code = put_headers(u, c, err);
  return code == FAL_OK ? fal_call_start(c, err) : code;
}


/* Gives every idle lane a part, as long as there are any. */
static void pump (UploadOp *u) {
  int i;
  for (i = 0; i < u->nlanes && u->next <= u->nparts; i++)
    if (u->lanes[i].part == 0 &&
        start_part(u, &u->lanes[i], u->next++, &u->op.err) != FAL_OK) {
      give_up(u);
      return;
    }
}


static void send_bytes (UploadOp *u) {
  unsigned parallel = (unsigned)u->nlanes;
  if (!u->multipart)
    u->part_size = u->seen.n;
  u->nparts = u->multipart
              ? (unsigned)((u->seen.n + u->part_size - 1) / u->part_size) : 1;
  if (parallel > u->nparts)
    parallel = u->nparts;
  u->left = u->nparts;
  u->next = 1;
  u->etags = calloc(u->nparts, sizeof(*u->etags));
  u->lanes = calloc(parallel, sizeof(*u->lanes));
  u->nlanes = (int)parallel;
  u->pace.ring = pace_rings;
  if (u->lanes == NULL || u->etags == NULL ||
      (u->progress && fal_alarm_set(u->op.engine, &u->pace,
                                    fal_now() + PACE) != 0))
    give_up_memory(u);
  else
    pump(u);
}

/* }====================================================== */


/*
** {======================================================
** Initiate
** =======================================================
*/

/* Reads an address of the answer: 1, or 0 when it is none. */
static int read_url (const fal_answer *a, const char *field, fal_buf *to) {
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


/* May the other storage be asked after this refusal? */
static int definite (const fal_error *err) {
  return err->status == 404 || err->status == 405 || err->status >= 500;
}


static fal_code initiate (UploadOp *u, const char *storage, fal_error *err);


static void initiated (fal_op *op, fal_call *c) {
  UploadOp *u = (UploadOp *)op;
  u->attempts += c->attempts;
  if (c->err.code != FAL_OK && !u->no_other && definite(&c->err)) {
    u->no_other = 1;
    u->multipart = 0;  /* which the other one does not have */
    if (initiate(u, "gcs", &op->err) != FAL_OK)
      give_up(u);
    return;
  }
  if (c->err.code == FAL_OK &&
      !(read_url(&c->answer, "upload_url", &u->put_url) &&
        read_url(&c->answer, "file_url", &u->file_url)))
    fal_fail(&c->err, FAL_EPROTOCOL, "the storage did not say where to put "
             "it: no upload_url and file_url that are http(s) addresses");
  if (c->err.code != FAL_OK) {
    give_up_call(u, c);
    return;
  }
  fal_call_clear(c);
  send_bytes(u);
}


/* Asks for an address; what was asked before keeps its headers. */
static fal_code initiate (UploadOp *u, const char *storage, fal_error *err) {
  fal_call *c = &u->ask;
  struct curl_slist *headers = c->headers;
  fal_code code;
  c->headers = NULL;
  fal_call_clear(c);
  fal_call_init(c, &u->op, initiated);
  c->headers = headers;
  c->x.has_body = 1;
  c->x.max_body = MAX_REPLY;
  c->safe = 1;
  c->ask_key = u->ask_key;
  c->tell = u->tell;
  fal_buf_addf(&c->url, "%s/storage/upload/%s?storage_type=%s",
               fal_client_host(u->op.client, FAL_ROLE_REST),
               u->multipart ? "initiate-multipart" : "initiate", storage);
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

/* }====================================================== */


static void upload_expired (fal_op *op) {
  UploadOp *u = (UploadOp *)op;
  fal_fail(&op->err, FAL_ETIMEOUT, "not done after %.3g seconds",
           op->deadline.due - op->started);
  fal_hint(&op->err, "raise timeout for files of this size");
  give_up(u);
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


static fal_code open_source (UploadOp *u, const fal_upload_request *r,
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


/* The headers of 'initiate': the key, and the lifecycle. */
static fal_code ask_headers (UploadOp *u, const fal_upload_request *r,
                             fal_error *err) {
  const char *more[2] = { NULL, NULL };
  fal_code code;
  fal_buf line;
  if (r->lifecycle == NULL && r->credentials == NULL)
    return FAL_OK;
  fal_buf_init(&line, 65536);
  if (r->lifecycle != NULL) {
    fal_buf_addf(&line, "X-Fal-Object-Lifecycle: %s", r->lifecycle);
    more[0] = fal_buf_cstr(&line) != NULL ? line.s : "";
  }
  code = fal_call_headers(&u->ask, r->credentials != NULL ? r->credentials
                          : u->op.client->credentials, more, err);
  fal_buf_free(&line);
  return code;
}


static void fill (UploadOp *u, const fal_upload_request *r) {
  const char *raw;
  size_t n;
  u->ask_key = r->ask_key;
  u->tell = r->tell;
  u->progress = r->progress;
  u->no_other = r->lifecycle != NULL &&
    fal_json_find(r->lifecycle, strlen(r->lifecycle), "initial_acl", &raw,
                  &n) != FAL_JSON_END;
  u->name = name_of(r);
  u->type = strdup(r->content_type != NULL ? r->content_type
                                           : "application/octet-stream");
  u->nlanes = r->parallel <= 0 ? PARALLEL
              : r->parallel < MAX_PARALLEL ? r->parallel : MAX_PARALLEL;
  u->multipart = u->seen.n > (r->multipart_threshold != 0
                              ? r->multipart_threshold : THRESHOLD);
  u->part_size = r->part_size != 0 ? r->part_size : PART;
  if (u->part_size < (u->seen.n + MAX_PARTS - 1) / MAX_PARTS)
    u->part_size = (u->seen.n + MAX_PARTS - 1) / MAX_PARTS;
}


fal_op *fal_upload (fal_engine *e, fal_client *c, const fal_upload_request *r,
                    fal_error *err) {
  fal_error local;
  UploadOp *u;
  fal_code code;
  if (err == NULL)
    err = &local;
  if (fal_client_check_key(c, FAL_ROLE_REST, r->credentials != NULL
                           ? r->credentials : c->credentials, err) != FAL_OK)
    return NULL;
  u = fal_op_new(e, c, sizeof(*u), &upload_class, r->timeout != 0
                 ? r->timeout : c->timeout, err);
  if (u == NULL)
    return NULL;
  u->fd = -1;
  fal_call_init(&u->ask, &u->op, initiated);
  code = open_source(u, r, err);
  if (code == FAL_OK) {
    fill(u, r);
    if (u->name == NULL || u->type == NULL)
      code = fal_fail(err, FAL_ENOMEM, "out of memory");
  }
  if (code == FAL_OK)
    code = ask_headers(u, r, err);
  if (code == FAL_OK)
    code = initiate(u, "fal-cdn-v3", err);
  if (code == FAL_OK)
    return &u->op;
  fal_op_free(&u->op);
  return NULL;
}
