/*
** stream.c -- POST {id}/stream: what an endpoint emits, as an event stream
**
** Until the first event the request is answered like a run, so that a refusal
** has its status (protocol 6). From then on each value is one "data:" line;
** the result is the last event, and the end of the body is the end. There is
** no event for errors: a stream that fails later is cut off.
*/
#include <string.h>

#include "../core/fal.h"
#include "ascii.h"
#include "serve.h"
#include "turn.h"

#define EVENT_MAX  (64u << 20)   /* bytes of one event */


/* The stream's feed, made with its first event, in r->extra from then on.
** NULL when memory ends. */
static serve_feed *open_feed (serve_request *r) {
  if (r->extra == NULL) {
    r->extra = serve_feed_new(r, MHD_HTTP_OK, "text/event-stream");
    r->job.fd = -1;  /* it is the feed that sees who hangs up */
  }
  return r->extra;
}


/* One event; 0 when nobody reads it. */
static int write_event (serve_feed *f, const char *s, size_t n) {
  fal_buf b;
  int ok;
  fal_buf_init(&b, EVENT_MAX);
  fal_buf_addstr(&b, "data: ");
  ok = serve_ascii_put(&b, s, n) == FAL_OK &&
       fal_buf_addstr(&b, "\n\n") == FAL_OK && serve_feed_write(f, b.s, b.n);
  fal_buf_free(&b);
  return ok;
}


static void job_emit (serve_job *job, const char *s, size_t n) {
  serve_request *r = (serve_request *)job;
  serve_feed *f = open_feed(r);
  if (f == NULL || !write_event(f, s, n))
    serve_job_cancel(r->s->pool, job);
}


/* The result is the last event. */
static void finish (serve_job *job, serve_feed *f) {
  serve_request *r = (serve_request *)job;
  if (job->reply.status >= 200 && job->reply.status <= 299) {
    write_event(f, job->reply.body.s, job->reply.body.n);
    serve_reply_free(&job->reply);
    r->extra = NULL;
    serve_feed_end(f);
    return;
  }
  serve_log("%s stream failed after its first event: %.*s", r->id,
            job->reply.body.n < 500 ? (int)job->reply.body.n : 500,
            job->reply.body.s);
  serve_reply_free(&job->reply);
  r->extra = NULL;
  serve_feed_break(f);
}


static void job_done (serve_job *job) {
  serve_request *r = (serve_request *)job;
  serve_feed *f = r->extra;
  if (f == NULL && job->reply.status >= 200 && job->reply.status <= 299)
    f = open_feed(r);
  if (f != NULL) {
    finish(job, f);
    return;
  }
  serve_answer_reply(&r->answer, &job->reply);
  serve_resume(r->s, r->mc);
}


static const serve_job_class stream_class = {
  .emit = job_emit, .done = job_done
};


int serve_stream (serve_request *r) {
  size_t n = strlen(r->rest);
  static const char end[] = "/stream";
  if (r->role != ROLE_RUN || n < sizeof(end) ||
      strcmp(r->rest + n - (sizeof(end) - 1), end) != 0)
    return 0;
  serve_post(r, SERVE_STREAM, &stream_class);
  return 1;
}
