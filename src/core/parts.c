/*
** parts.c -- the bytes of an upload: one exchange, or one for each part, some
** at once
**
** Nothing is read before it is sent: libcurl pulls a part from the file, and
** again from where the part begins when it has to be sent again.
*/
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "upload.h"

#define PACE  0.05   /* seconds between two progresses */


static void pump (fal_uploading *u);


/*
** {======================================================
** Progress
** =======================================================
*/

static void tell_progress (fal_uploading *u, uint64_t n) {
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
  fal_uploading *u = (fal_uploading *)((char *)a -
                                       offsetof(fal_uploading, pace));
  uint64_t n = u->arrived;
  int i;
  for (i = 0; i < u->nlanes; i++)
    if (u->lanes[i].part != 0)
      n += u->lanes[i].source.given;
  if (n < u->seen.n)  /* all is only told at the end */
    tell_progress(u, n);
  fal_alarm_set(u->op.engine, a, fal_now() + PACE);
}


void fal_parts_all (fal_uploading *u) {
  tell_progress(u, u->seen.n);
}

/* }====================================================== */


/*
** {======================================================
** The end of a part
** =======================================================
*/

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


/* What a refused part means. Where its address is the secret, the key has
** nothing to do with it. */
static void explain (fal_uploading *u, const fal_lane *lane) {
  fal_error *err = &u->op.err;
  fal_buf text;
  if (lane->source.failed == -1) {
    fal_fail(err, FAL_EFILE, "it changed while it was being read");
    fal_hint(err, "try again when nothing writes to it any more");
  }
  if (u->authorization == NULL && err->status >= 300 && err->status < 500 &&
      err->status != 413) {
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


/* Keeps what the answer to a part says; FAL_OK when it says enough. */
static fal_code keep (fal_uploading *u, const fal_lane *lane,
                      fal_error *err) {
  const fal_call *c = &lane->call;
  if (u->multipart) {
    u->etags[lane->part - 1] = etag_of(c);
    if (u->etags[lane->part - 1] == NULL)
      return fal_fail(err, FAL_EPROTOCOL, "it was accepted without an etag");
  }
  else if (u->repository == FAL_REPOSITORY_CDN &&
           !fal_upload_url(&c->answer, "access_url", &u->file_url))
    return fal_fail(err, FAL_EPROTOCOL, "the storage did not say where it is: "
                    "no access_url that is an http(s) address");
  return FAL_OK;
}


static void part_ended (fal_op *op, fal_call *c) {
  fal_uploading *u = (fal_uploading *)op;
  fal_lane *lane = (fal_lane *)c;
  u->attempts += c->attempts;
  if (c->err.code == FAL_OK)
    keep(u, lane, &c->err);
  if (c->err.code != FAL_OK) {
    u->refused = !u->multipart && u->repository == FAL_REPOSITORY_CDN &&
                 fal_upload_elsewhere(&c->err);
    fal_call_hand_over(c);
    explain(u, lane);
    fal_upload_give_up(u);
    return;
  }
  if (u->path != NULL &&
      fal_source_check(u->fd, &u->seen, u->path, &op->err) != FAL_OK) {
    fal_upload_give_up(u);
    return;
  }
  u->arrived += lane->source.n;
  fal_call_clear(c);
  lane->part = 0;
  if (--u->left > 0)
    pump(u);
  else
    fal_upload_arrived(u);
}

/* }====================================================== */


/* A part has an address of its own, and the type is known there. */
static fal_code put_headers (fal_uploading *u, fal_call *c, fal_error *err) {
  fal_buf line;
  if (u->repository == FAL_REPOSITORY_CDN) {
    c->headers = fal_upload_cdn_headers(u, !u->multipart, err);
    return c->headers != NULL ? FAL_OK : err->code;
  }
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


static fal_code start_part (fal_uploading *u, fal_lane *lane, unsigned part,
                            fal_error *err) {
  fal_call *c = &lane->call;
  fal_source *src = &lane->source;
  char number[16];
  fal_code code;
  fal_call_init(c, &u->op, part_ended);
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
    fal_upload_put_below(u, number, &c->url);
  }
  else {
    fal_buf_add(&c->url, u->put_url.s, u->put_url.n);
    c->x.method = u->repository == FAL_REPOSITORY_CDN ? "POST" : NULL;
  }
  c->x.source = src;
  c->x.max_body = FAL_MAX_REPLY;
  c->safe = c->direct = 1;
  c->tell = u->tell;
  code = put_headers(u, c, err);
  return code == FAL_OK ? fal_call_start(c, err) : code;
}


/* Gives every idle lane a part, as long as there are any. */
static void pump (fal_uploading *u) {
  int i;
  for (i = 0; i < u->nlanes && u->next <= u->nparts; i++)
    if (u->lanes[i].part == 0 &&
        start_part(u, &u->lanes[i], u->next++, &u->op.err) != FAL_OK) {
      fal_upload_give_up(u);
      return;
    }
}


void fal_parts_send (fal_uploading *u) {
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
                                    fal_now() + PACE) != 0)) {
    fal_fail(&u->op.err, FAL_ENOMEM, "out of memory");
    fal_upload_give_up(u);
  }
  else
    pump(u);
}


void fal_parts_clear (fal_uploading *u) {
  unsigned i;
  for (i = 0; u->lanes != NULL && i < (unsigned)u->nlanes; i++)
    if (u->lanes[i].part != 0)
      fal_call_clear(&u->lanes[i].call);
  for (i = 0; u->etags != NULL && i < u->nparts; i++)
    free(u->etags[i]);
  if (u->pace.place != 0)
    fal_alarm_set(u->op.engine, &u->pace, 0);
  free(u->lanes);
  free(u->etags);
  u->lanes = NULL;
  u->etags = NULL;
}
