/*
** models.c -- which endpoints there are, as the platform tells it
**
**   GET /api/v1/models?endpoint_id=...&expand=openapi-3.0   (protocol 13.5)
**   GET /api/openapi/queue/openapi.json?endpoint_id=...     (protocol 4.7)
**
** What is said of an endpoint is for its worker to say: one job after the
** other, while the caller waits.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "serve.h"
#include "turn.h"

#define LIST_MAX    ((size_t)64 << 20)
#define PAGE        50     /* entries of a list, as the platform has it */

/* A list that is being made; the request's 'extra'. */
typedef struct listing {
  fal_buf ids;             /* each with its NUL */
  const char *at, *end;    /* the next one */
  fal_buf json;
  int n;
  const char *next;        /* first of the next page; NULL: there is none */
  int refused;             /* too much waits: no list */
} listing;


static enum MHD_Result add_id (void *ud, enum MHD_ValueKind kind,
                               const char *name, const char *id) {
  listing *l = ud;
  (void)kind;
  if (strcmp(name, "endpoint_id") == 0 && id != NULL && l->n < PAGE &&
      fal_buf_add(&l->ids, id, strlen(id) + 1) == FAL_OK)
    l->n++;
  return MHD_YES;
}


/* A page of all ids that have the word 'q' in them, beginning with 'cursor'.
** The list is sorted. */
static void add_page (listing *l, const fal_buf *all, const char *cursor,
                      const char *q, int limit) {
  const char *p = all->s, *end = all->s + all->n, *nl;
  for (; p < end; p = nl + 1) {
    char id[256];
    nl = memchr(p, '\n', (size_t)(end - p));
    if (nl == NULL)
      nl = end;
    snprintf(id, sizeof(id), "%.*s", (int)(nl - p), p);
    if ((cursor != NULL && strcmp(id, cursor) < 0) ||
        (q != NULL && strcasestr(id, q) == NULL))
      continue;
    fal_buf_add(&l->ids, id, strlen(id) + 1);
    if (l->n++ == limit)
      return;  /* one more than asked for: where the next page begins */
  }
}


static listing *new_listing (serve_request *r) {
  listing *l = calloc(1, sizeof(*l));
  const char *limit = serve_arg(r, "limit");
  int n = limit != NULL ? atoi(limit) : PAGE;
  if (l == NULL)
    return NULL;
  n = n < 1 ? 1 : n > PAGE ? PAGE : n;
  fal_buf_init(&l->ids, 1u << 20);
  fal_buf_init(&l->json, LIST_MAX);
  serve_each_arg(r, add_id, l);
  if (l->n == 0) {
    fal_buf all;
    fal_buf_init(&all, 1u << 20);
    serve_endpoints_list(r->s->pool, &all, "\n");
    add_page(l, &all, serve_arg(r, "cursor"), serve_arg(r, "q"), n);
    fal_buf_free(&all);
  }
  l->at = l->ids.s;
  l->end = l->ids.s + l->ids.n;
  if (l->n > n && serve_arg(r, "endpoint_id") == NULL) {
    const char *p = l->at;
    while (n-- > 0)
      p += strlen(p) + 1;
    l->end = l->next = p;
  }
  fal_buf_addstr(&l->json, "{\"models\":[");
  l->n = 0;
  return l;
}


static void free_listing (listing *l) {
  fal_buf_free(&l->ids);
  fal_buf_free(&l->json);
  free(l);
}


/* Takes it up where the connection was suspended. */
static void finish (serve_request *r) {
  listing *l = r->extra;
  fal_buf_addstr(&l->json, "],\"next_cursor\":");
  if (l->next != NULL)
    fal_buf_addf(&l->json, "\"%s\",\"has_more\":true}", l->next);
  else
    fal_buf_addstr(&l->json, "null,\"has_more\":false}");
  if (l->refused)
    serve_answer_too_many(&r->answer, "Too many requests are waiting");
  else
    serve_answer_json(&r->answer, MHD_HTTP_OK, &l->json);
  free_listing(l);
  r->extra = NULL;
  serve_resume(r->s, r->mc);
}


static int ask (serve_request *r, const serve_job_class *cls,
                const char *endpoint, const char *what) {
  serve_job *job = &r->job;
  memset(job, 0, sizeof(*job));
  job->cls = cls;
  job->kind = SERVE_DESCRIBE;
  job->method = "POST";
  job->endpoint = endpoint;
  job->request_id = r->id;
  job->base_url = r->base_url;
  job->owner = r->owner;
  job->aside = 1;
  job->body = what;
  job->body_n = strlen(what);
  job->fd = -1;
  return serve_pool_post(r->s->pool, job);
}


static void entry_done (serve_job *job);

static const serve_job_class entry_class = {.done = entry_done};


/* Asks for the next entry; 0 when all are there, or too much waits. */
static int ask_next (serve_request *r) {
  listing *l = r->extra;
  const char *id = l->at, *expand = serve_arg(r, "expand");
  if (l->at == l->end)
    return 0;
  l->at += strlen(l->at) + 1;
  if (ask(r, &entry_class, id, expand != NULL &&
          strncmp(expand, "openapi", 7) == 0 ? "full" : "model"))
    return 1;  /* it may have been answered, and all of it be over */
  l->refused = 1;
  return 0;
}


/* Ids that no endpoint has are left out, as the platform does. */
static void entry_done (serve_job *job) {
  serve_request *r = (serve_request *)job;
  listing *l = r->extra;
  if (job->reply.status == 200) {
    if (l->n++ > 0)
      fal_buf_addstr(&l->json, ",");
    fal_buf_add(&l->json, job->reply.body.s, job->reply.body.n);
  }
  serve_reply_free(&job->reply);
  if (!ask_next(r))
    finish(r);
}


static void list_models (serve_request *r) {
  r->extra = new_listing(r);
  if (r->extra == NULL) {
    serve_answer_detail(&r->answer, MHD_HTTP_INTERNAL_SERVER_ERROR,
                        "internal_error", "Internal Server Error");
    return;
  }
  r->suspended = 1;
  MHD_suspend_connection(r->mc);
  if (!ask_next(r))
    finish(r);
}


static void document_done (serve_job *job) {
  serve_request *r = (serve_request *)job;
  serve_answer_reply(&r->answer, &job->reply);
  serve_resume(r->s, r->mc);
}


static void give_document (serve_request *r) {
  static const serve_job_class cls = {.done = document_done};
  const char *id = serve_arg(r, "endpoint_id");
  if (id == NULL || id[0] == '\0') {
    serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, "bad_request",
                        "Which endpoint? Say ?endpoint_id=owner/name");
    return;
  }
  r->suspended = 1;
  MHD_suspend_connection(r->mc);
  if (!ask(r, &cls, id, "document")) {
    serve_answer_too_many(&r->answer, "Too many requests are waiting");
    serve_resume(r->s, r->mc);
  }
}


int serve_models (serve_request *r) {
  if (r->role != ROLE_API || !serve_reads(r))
    return 0;
  if (strcmp(r->rest, "v1/models") == 0)
    list_models(r);
  else if (strcmp(r->rest, "openapi/queue/openapi.json") == 0)
    give_document(r);
  else
    return 0;
  return 1;
}
