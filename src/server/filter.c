/*
** filter.c -- prompts that are refused, or whose pictures are blackened
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "filter.h"
#include "metrics.h"
#include "turn.h"
#include "words.h"

#define PROMPT_MAX  (1u << 20)   /* bytes of a prompt that are looked at */

/* fal's own shape for a prompt that is not served (protocol 10.1). */
static void refuse (serve_request *r, const char *reason, size_t n) {
  fal_buf b;
  fal_buf_init(&b, 8192);
  fal_buf_addstr(&b, "{\"detail\":[{\"loc\":[\"body\",\"prompt\"],\"msg\":");
  if (fal_json_put_string(&b, reason, n) != FAL_OK)
    fal_buf_addstr(&b, "\"Refused\"");
  fal_buf_addstr(&b, ",\"type\":\"content_policy_violation\",\"url\":"
                 "\"https://docs.fal.ai/errors/#content_policy_violation\","
                 "\"ctx\":{}}]}");
  serve_answer_json(&r->answer, MHD_HTTP_UNPROCESSABLE_CONTENT, &b);
  serve_answer_header(&r->answer, "x-fal-billable-units", "0");
  serve_answer_header(&r->answer, "x-fal-needs-retry", "0");
  serve_answer_header(&r->answer, "x-fal-retryable", "false");
  serve_metrics_add(r->s->metrics, COUNT_FILTERED, 1);
  serve_log("%s refused by the content filter", r->id);
}


static void flag (serve_request *r) {
  serve_fal_headers(r);  /* what there is comes first */
  fal_buf_addstr(&r->head, FILTER_FLAG);
}


/* The app has answered; on a runner's thread. The request goes on, or has its
** answer. */
static void app_done (serve_job *job) {
  static const char broken[] = "The content filter of this server failed";
  serve_request *r = (serve_request *)job;
  serve_reply reply = job->reply;
  serve_charge charge = job->charge;
  const char *raw = NULL;
  size_t n;
  fal_buf reason;
  memset(job, 0, sizeof(*job));
  job->charge = charge;
  fal_buf_init(&reason, 2048);
  if (reply.status == MHD_HTTP_NOT_FOUND)
    r->filtered = 2;  /* there is no such app after all */
  else if (reply.status != MHD_HTTP_OK)
    serve_answer_detail(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "internal_error", "%s", broken);
  else if (fal_json_find(reply.body.s, reply.body.n, "allowed", &raw, &n)
           == FAL_JSON_FALSE) {
    if (!fal_json_find_string(reply.body.s, reply.body.n, "reason", &reason))
      fal_buf_addstr(&reason, "The prompt is refused by this server");
    refuse(r, reason.s != NULL ? reason.s : "", reason.n);
  }
  else {
    r->filtered = 2;
    if (fal_json_find(reply.body.s, reply.body.n, "flagged", &raw, &n)
        == FAL_JSON_TRUE)
      flag(r);
  }
  fal_buf_free(&reason);
  serve_reply_free(&reply);
  fal_buf_free(&r->asked);
  if (r->filtered == 2)
    r->routed = 0;  /* to the next handler */
  serve_resume(r->s, r->mc);
}


static const serve_job_class app_class = {.done = app_done};


/* Asks the app: 1 when the request has to wait for it. */
static int ask (serve_request *r) {
  fal_buf *b = &r->asked;
  fal_buf_init(b, SERVE_BODY_MAX + 4096);
  fal_buf_addstr(b, "{\"endpoint\":");
  if (fal_json_put_string(b, r->rest, strlen(r->rest)) != FAL_OK)
    fal_buf_addstr(b, "\"\"");
  fal_buf_addstr(b, ",\"input\":");
  fal_buf_add(b, r->body.s, r->body.n);
  if (r->body.n == 0 || fal_buf_addstr(b, "}") != FAL_OK) {
    fal_buf_free(b);
    return 0;  /* no input: the endpoint will say so */
  }
  serve_post_as(r, FILTER_APP, b->s, b->n, &app_class);
  return 1;
}


/* Is it a call that has an input? */
static int is_call (const serve_request *r) {
  return strcmp(r->method, "POST") == 0 &&
         (r->role == ROLE_RUN ||
          (r->role == ROLE_QUEUE && strstr(r->rest, "/requests/") == NULL)) &&
         strcmp(r->rest, FILTER_APP) != 0;
}


static serve_verdict look (const serve_request *r) {
  serve_verdict verdict = WORDS_PASS;
  fal_buf prompt;
  fal_buf_init(&prompt, PROMPT_MAX);
  if (fal_json_find_string(r->body.s != NULL ? r->body.s : "", r->body.n,
                           "prompt", &prompt) && prompt.n > 0)
    verdict = serve_words_look(r->s->words, prompt.s, prompt.n);
  fal_buf_free(&prompt);
  return verdict;
}


int serve_filter_call (serve_request *r) {
  static const char reason[] = "The prompt has words that this server does "
                               "not serve";
  if (r->filtered == 2 || !is_call(r))
    return 0;
  if (r->s->words != NULL && r->filtered == 0)
    switch (look(r)) {
      case WORDS_REFUSED: refuse(r, reason, sizeof(reason) - 1); return 1;
      case WORDS_FLAGGED: flag(r); break;
      default: break;
    }
  r->filtered = 1;
  return r->s->has_apps && serve_endpoints_had(r->s->pool, FILTER_APP) &&
         ask(r);
}
