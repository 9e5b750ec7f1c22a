/*
** queued.c -- a request in the hands of the pool: what it says, how it ends
**
** Its callbacks are on the runner's thread; what they have to write down goes
** to the writer. A job that failed in a way that is no answer is given back
** to wait for another attempt (protocol 4.6, 10.5).
*/
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "backlog_private.h"
#include "keys.h"

#define PAUSE      0.1      /* seconds before the second attempt, doubled */
#define PAUSE_MAX  10.0     /* for each of the next, up to this */


int serve_queued_enter (running *run, const char *tenant) {
  serve_keys *keys = run->b->s->keys;
  if (keys == NULL || tenant[0] == '\0')
    return 1;
  snprintf(run->tenant, sizeof(run->tenant), "%s", tenant);
  run->entered = serve_keys_enter(keys, tenant) == KEYS_FINE;
  return run->entered;
}


static void leave (running *run) {
  if (run->entered)
    serve_keys_leave(run->b->s->keys, run->tenant);
  run->entered = 0;
}


void serve_queued_free (running *run) {
  leave(run);
  store_claim_free(&run->claim);
  serve_reply_free(&run->job.reply);
  free(run);
}


/*
** {======================================================
** The end of a job
** =======================================================
*/

/* A header in lines "name: value", as text; "" when it is not there. */
static void header_text (const char *head, size_t n, const char *name,
                         char *to, size_t size) {
  const char *value = "";
  size_t value_n = 0;
  fal_header(head, n, name, &value, &value_n);
  fal_copy_text(to, size, value, value_n);
}


static int is_yes (const char *s) {
  return strcmp(s, "1") == 0 || strcasecmp(s, "true") == 0 ||
         strcasecmp(s, "yes") == 0;
}


/* How often it may be tried in all, when it fails like that. */
static int tries (const running *run) {
  static const char *const kinds[] = {
    "connection_error.retries", "timeout.retries", "server_error.retries"
  };
  const char *head = run->claim.head, *raw;
  int kind = run->job.lost ? 0 : run->job.reply.status == 504 ? 1 : 2;
  char text[512];
  size_t n;
  header_text(head, strlen(head), "x-fal-no-retry", text, sizeof(text));
  if (is_yes(text))
    return 1;
  header_text(head, strlen(head), "x-fal-retry-config", text, sizeof(text));
  if (fal_json_find(text, strlen(text), kinds[kind], &raw, &n)
      == FAL_JSON_INTEGER && n < 4 && raw[0] != '-')
    return 1 + atoi(raw) < STORE_TRIES ? 1 + atoi(raw) : STORE_TRIES;
  return STORE_TRIES;
}


/* Is this no answer, but a reason to run it again? */
static int runs_again (const running *run) {
  const serve_reply *r = &run->job.reply;
  char text[16];
  if (run->job.canceled)
    return run->job.lost;  /* the store knows of it: it ends as that */
  header_text(r->head.s, r->head.n, "x-fal-request-timeout-type", text,
              sizeof(text));
  if (strcmp(text, "user") == 0)
    return 0;
  header_text(r->head.s, r->head.n, "x-fal-needs-retry", text, sizeof(text));
  if (text[0] != '\0' && (r->status >= 500 || r->status == 429))
    return is_yes(text);
  return run->job.lost || r->status == 503 || r->status == 504;
}


/* What a status says of a failed request: the answer's own words when they
** are a text (protocol 10.2, 10.3). */
static void describe (const serve_reply *r, store_reply *to, char error[512],
                      char type[64]) {
  fal_buf text;
  if (r->status < 400)
    return;
  fal_buf_init(&text, 64u << 20);
  if (r->body.n > 0 &&
      fal_json_find_string(r->body.s, r->body.n, "detail", &text) &&
      text.n > 0)
    fal_copy_text(error, 512, text.s, text.n);
  else
    snprintf(error, 512, "Invalid status code: %u", r->status);
  fal_buf_free(&text);
  header_text(r->head.s, r->head.n, "x-fal-error-type", type, 64);
  to->error = error;
  to->error_type = type[0] != '\0' ? type : NULL;
}


static store_code apply_end (serve_change *c, store *s, double now) {
  running *run = (running *)((char *)c - offsetof(running, change));
  serve_reply *r = &run->job.reply;
  store_claim *claim = &run->claim;
  char error[512], type[64];
  store_reply reply;
  double pause = PAUSE * (double)(1 << claim->failures);
  memset(&reply, 0, sizeof(reply));
  reply.status = r->status;
  reply.head = fal_buf_cstr(&r->head);
  reply.body = r->body.s;
  reply.body_n = r->body.n;
  reply.seconds = run->seconds;
  reply.images = serve_tenant_made(r);
  describe(r, &reply, error, type);
  if (!run->again)
    return s->cls->complete(s, now, claim->id, claim->attempt, &reply);
  if (run->blameless || serve_backlog_draining(run->b))
    return s->cls->release(s, now, claim->id, claim->attempt, now + PAUSE,
                           STORE_TRIES, NULL);
  return s->cls->release(s, now, claim->id, claim->attempt,
                         now + (pause < PAUSE_MAX ? pause : PAUSE_MAX),
                         tries(run), &reply);
}


/* Frees it once nobody needs it: when it is written down and not pinned. */
void serve_queued_unpin (running *run) {
  serve_backlog *b = run->b;
  int left;
  pthread_mutex_lock(&b->lock);
  left = --run->pins;
  pthread_mutex_unlock(&b->lock);
  if (left == 0)
    serve_queued_free(run);
}


/* What could not be written down is tried again, until the server ends: then
** it runs again after the next start. */
static void end_done (serve_change *c, store_code code) {
  running *run = (running *)((char *)c - offsetof(running, change));
  serve_backlog *b = run->b;
  int closed;
  pthread_mutex_lock(&b->lock);
  closed = b->closed;
  pthread_mutex_unlock(&b->lock);
  if ((code == STORE_FULL || code == STORE_FAIL) && !closed)
    serve_writer_post_later(b->writer, c);
  else {
    serve_queued_unpin(run);
    serve_backlog_wake(b);
  }
}


static void job_done (serve_job *job) {
  running *run = (running *)job;
  serve_backlog *b = run->b;
  if (job->reply.status == 0)
    serve_reply_detail(&job->reply, 500, "internal_error",
                       "The endpoint gave no answer");
  run->seconds = run->began > 0 ? fal_now() - run->began : -1;
  run->again = runs_again(run);
  leave(run);
  run->change.apply = apply_end;
  run->change.done = end_done;
  pthread_mutex_lock(&b->lock);
  *run->link = run->next;
  if (run->next != NULL)
    run->next->link = run->link;
  b->n--;
  pthread_cond_broadcast(&b->idle);
  pthread_mutex_unlock(&b->lock);
  serve_writer_post(b->writer, &run->change);
}

/* }====================================================== */


/*
** {======================================================
** While it runs
** =======================================================
*/

typedef struct line {
  serve_change change;     /* first */
  char id[STORE_ID];
  int attempt;
  double time;
  char level[16];
  size_t n;
  char text[];
} line;


static store_code apply_line (serve_change *c, store *s, double now) {
  line *l = (line *)c;
  (void)now;
  return s->cls->log(s, l->time, l->id, l->attempt, l->level, l->text, l->n);
}


static void line_done (serve_change *c, store_code code) {
  (void)code;
  free(c);
}


/* "INFO" and the like. */
static void put_level (char *to, size_t size, const char *level) {
  size_t i;
  snprintf(to, size, "%s", level != NULL ? level : "info");
  for (i = 0; to[i] != '\0'; i++)
    to[i] = (char)toupper((unsigned char)to[i]);
}


/* Lines of one request have times of their own, a microsecond apart at least:
** clients tell lines apart by time and text. */
static void job_log (serve_job *job, const char *level, const char *s,
                     size_t n) {
  running *run = (running *)job;
  line *l = malloc(sizeof(*l) + n + 1);
  if (l == NULL)
    return;
  l->change.apply = apply_line;
  l->change.done = line_done;
  memcpy(l->id, run->claim.id, sizeof(l->id));
  l->attempt = run->claim.attempt;
  l->time = serve_wall_clock();
  if (l->time < run->logged + 2e-6)
    l->time = run->logged + 2e-6;
  run->logged = l->time;
  put_level(l->level, sizeof(l->level), level);
  l->n = n;
  memcpy(l->text, s, n);
  serve_writer_post_paced(run->b->writer, &l->change);
}


static store_code apply_begin (serve_change *c, store *s, double now) {
  running *run = (running *)((char *)c - offsetof(running, begin));
  return s->cls->run(s, now, run->claim.id, run->claim.attempt);
}


/* Canceled while it was claimed and had not begun, it need not go on. */
static void begin_done (serve_change *c, store_code code) {
  running *run = (running *)((char *)c - offsetof(running, begin));
  if (code == STORE_NONE)
    serve_backlog_cancel(run->b, run->claim.id);
  serve_queued_unpin(run);
}


static void job_started (serve_job *job) {
  running *run = (running *)job;
  run->begin.apply = apply_begin;
  run->begin.done = begin_done;
  pthread_mutex_lock(&run->b->lock);
  run->began = fal_now();
  run->pins++;
  pthread_mutex_unlock(&run->b->lock);
  serve_writer_post(run->b->writer, &run->begin);
}


/* fal has no word for progress in a status: it is a line, each 5 %. */
static void job_progress (serve_job *job, double fraction) {
  running *run = (running *)job;
  int percent = fraction >= 1 ? 100 : fraction > 0 ? (int)(fraction * 100) : 0;
  char text[32];
  int n;
  if (percent < run->percent + 5 && !(percent == 100 && run->percent < 100))
    return;
  run->percent = percent;
  n = snprintf(text, sizeof(text), "progress %d %%", percent);
  job_log(job, "INFO", text, (size_t)n);
}

/* }====================================================== */


/*
** {======================================================
** Making
** =======================================================
*/

static const serve_job_class queued_class = {
  .started = job_started, .log = job_log, .progress = job_progress,
  .done = job_done
};


running *serve_queued_new (serve_backlog *b) {
  running *run = calloc(1, sizeof(*run));
  if (run != NULL) {
    run->b = b;
    run->pins = 1;
    run->job.cls = &queued_class;
    run->job.kind = SERVE_QUEUED;
    run->job.fd = -1;
  }
  return run;
}


void serve_queued_fill (running *run, double now) {
  serve_job *job = &run->job;
  const store_claim *c = &run->claim;
  job->method = "POST";
  job->endpoint = c->endpoint;
  job->request_id = c->id;
  job->base_url = c->base_url;
  job->owner = c->owner;
  job->head = c->head;
  job->body = c->body;
  job->body_n = c->body_n;
  job->start_by = c->start_by > 0 ? fal_now() + (c->start_by - now) : 0;
}


void serve_queued_return (running *run) {
  run->job.lost = run->blameless = 1;
  serve_reply_detail(&run->job.reply, 503, "runner_scheduling_failure",
                     "No worker could be had");
  job_done(&run->job);
}

/* }====================================================== */
