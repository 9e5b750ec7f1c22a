/*
** run.c -- POST /{endpoint id}: a worker runs it while the caller waits
*/
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "serve.h"
#include "turn.h"


/* On the runner's thread. */
static void job_done (serve_job *job) {
  serve_request *r = (serve_request *)job;
  serve_answer_reply(&r->answer, &job->reply);
  serve_ready(r);
}


static const serve_job_class run_class = {NULL, NULL, NULL, NULL, job_done};


double serve_start_timeout (const serve_request *r) {
  const char *s = serve_header(r, "X-Fal-Request-Start-Timeout");
  fal_json j;
  fal_json_token t;
  double d = 0;
  if (s == NULL)
    s = serve_header(r, "X-Fal-Request-Timeout");
  if (s == NULL)
    return 0;
  fal_json_open(&j, s, strlen(s), 1);  /* "30", "30.0": as JSON has them */
  switch (fal_json_next(&j, &t)) {
    case FAL_JSON_INTEGER: case FAL_JSON_NUMBER: d = t.d; break;
    default: break;
  }
  fal_json_close(&j);
  return d > 0 ? d : 0;
}


/* What names a tenant's rights, or where a proxied call really goes, is not
** for endpoints. */
static int is_kept (const char *name) {
  return strncasecmp(name, "x-fal-", 6) == 0 &&
         strcasecmp(name, "x-fal-cdn-token") != 0 &&
         strcasecmp(name, "x-fal-target-url") != 0;
}


static enum MHD_Result add_header (void *ud, enum MHD_ValueKind kind,
                                   const char *name, const char *value) {
  fal_buf *to = ud;
  (void)kind;
  if (is_kept(name) && value != NULL)
    fal_buf_addf(to, "%s: %s\r\n", name, value);
  return MHD_YES;
}


const char *serve_fal_headers (serve_request *r) {
  if (r->head.max == 0) {
    fal_buf_init(&r->head, SERVE_HEAD_MAX);
    MHD_get_connection_values(r->mc, MHD_HEADER_KIND, add_header, &r->head);
  }
  return r->head.n > 0 ? fal_buf_cstr(&r->head) : NULL;
}


static void fill_job (serve_request *r, serve_kind kind,
                      const serve_job_class *cls) {
  serve_job *job = &r->job;
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_CONNECTION_FD);
  size_t n = strlen(r->rest);
  double limit = serve_start_timeout(r);
  if (n > 0 && r->rest[n - 1] == '/')
    r->path[strlen(r->path) - 1] = '\0';  /* 'rest' ends where 'path' does */
  job->method = r->method;
  job->endpoint = r->rest;
  job->request_id = r->id;
  job->base_url = r->base_url;
  job->owner = r->owner;
  job->head = serve_fal_headers(r);
  job->body = r->body.s;
  job->body_n = r->body.n;
  job->start_by = limit > 0 ? r->began + limit : 0;
  job->fd = info != NULL ? info->connect_fd : -1;
  job->cls = cls;
  job->kind = kind;
}


/* The job is filled: suspends the request and posts it. */
static void post (serve_request *r) {
  r->suspended = 1;
  MHD_suspend_connection(r->mc);  /* first: a worker may be done at once */
  if (!serve_pool_post(r->s->pool, &r->job)) {
    serve_answer_too_many(&r->answer, "Too many requests are waiting");
    serve_resume(r->s, r->mc);
  }
}


void serve_post (serve_request *r, serve_kind kind,
                 const serve_job_class *cls) {
  fill_job(r, kind, cls);
  post(r);
}


void serve_post_as (serve_request *r, const char *endpoint, const char *body,
                    size_t n, const serve_job_class *cls) {
  fill_job(r, SERVE_RUN, cls);
  r->job.method = "POST";
  r->job.endpoint = endpoint;
  r->job.body = body;
  r->job.body_n = n;
  r->job.aside = 1;
  post(r);
}


int serve_run (serve_request *r) {
  if (r->role != ROLE_RUN)
    return 0;
  fill_job(r, SERVE_RUN, &run_class);
  serve_wait(r);  /* first: a worker may be done at once */
  if (!serve_pool_post(r->s->pool, &r->job)) {
    serve_answer_too_many(&r->answer, "Too many requests are waiting");
    serve_ready(r);
  }
  return 1;
}
