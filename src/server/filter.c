/*
** filter.c -- prompts that are refused, or whose pictures are blackened
*/
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "filter.h"
#include "metrics.h"

#define PROMPT_MAX  (1u << 20)   /* bytes of a prompt that are looked at */

struct serve_filter {
  char *text;        /* the file, lower case, lines ended by NULs */
  size_t n;
};


/*
** {======================================================
** The list
** =======================================================
*/

/* Lower case, for ASCII and the two-byte letters of Latin-1, Greek and
** Cyrillic; the length stays. */
static void lower (char *s, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    unsigned char d = i + 1 < n ? (unsigned char)s[i + 1] : 0;
    if (c < 0x80)
      s[i] = (char)tolower(c);
    else if (c == 0xC3 && d >= 0x80 && d <= 0x9E && d != 0x97)
      s[++i] = (char)(d + 0x20);
    else if (c == 0xCE && d >= 0x91 && d <= 0x9F)
      s[++i] = (char)(d + 0x20);
    else if (c == 0xCE && d >= 0xA0 && d <= 0xA9) {
      s[i] = (char)0xCF;
      s[++i] = (char)(d - 0x20);
    }
    else if (c == 0xD0 && d >= 0x90 && d <= 0x9F)
      s[++i] = (char)(d + 0x20);
    else if (c == 0xD0 && d >= 0xA0 && d <= 0xAF) {
      s[i] = (char)0xD1;
      s[++i] = (char)(d - 0x20);
    }
  }
}


/* A letter or digit, or part of one that is not ASCII. */
static int in_word (char c) {
  return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '_';
}


/* Is 'word' in s[0..n) with no more letters on either side? */
static int has_word (const char *s, size_t n, const char *word) {
  size_t k = strlen(word);
  const char *p = s, *end = s + n;
  while (k > 0 && (size_t)(end - p) >= k &&
         (p = memmem(p, (size_t)(end - p), word, k)) != NULL) {
    if ((p == s || !in_word(p[-1]) || !in_word(word[0])) &&
        (p + k == end || !in_word(p[k]) || !in_word(word[k - 1])))
      return 1;
    p++;
  }
  return 0;
}


static int read_file (serve_filter *f, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return 0;
  f->text = malloc(FILTER_MAX + 1);
  f->n = f->text != NULL ? fread(f->text, 1, FILTER_MAX + 1, file) : 0;
  fclose(file);
  return f->text != NULL && f->n <= FILTER_MAX;
}


/* Cuts lines at NULs, without comments and white space at their ends. */
static void cut_lines (serve_filter *f) {
  char *p = f->text, *end = f->text + f->n;
  f->text[f->n] = '\0';
  while (p < end) {
    char *eol = memchr(p, '\n', (size_t)(end - p));
    char *stop = eol != NULL ? eol : end;
    char *comment = memchr(p, '#', (size_t)(stop - p));
    char *last = comment != NULL ? comment : stop;
    while (last > p && isspace((unsigned char)last[-1]))
      last--;
    memset(last, '\0', (size_t)(stop - last));
    if (eol != NULL)
      *eol = '\0';
    p = stop + 1;
  }
}


serve_filter *serve_filter_new (const char *path, fal_error *err) {
  serve_filter *f = calloc(1, sizeof(*f));
  if (f != NULL && read_file(f, path)) {
    lower(f->text, f->n);
    cut_lines(f);
    return f;
  }
  serve_filter_free(f);
  fal_fail(err, FAL_EFILE, "the filter %.200s cannot be read, or is larger "
           "than %u bytes", path, FILTER_MAX);
  return NULL;
}


void serve_filter_free (serve_filter *f) {
  if (f == NULL)
    return;
  free(f->text);
  free(f);
}


serve_verdict serve_filter_look (const serve_filter *f, const char *s,
                                 size_t n) {
  serve_verdict verdict = FILTER_PASS;
  const char *line = f->text, *end = f->text + f->n;
  char *prompt = malloc(n + 1);
  size_t i;
  if (prompt == NULL)
    return FILTER_REFUSED;  /* what cannot be looked at does not pass */
  memcpy(prompt, s, n);
  for (i = 0; (i += fal_utf8_check(prompt + i, n - i)) < n; i++)
    prompt[i] = ' ';  /* what stands between texts in MessagePack */
  lower(prompt, n);
  while (line < end && verdict != FILTER_REFUSED) {
    const char *word = line + strspn(line, " \t~");
    int only_flags = memchr(line, '~', (size_t)(word - line)) != NULL;
    if (*word != '\0' && has_word(prompt, n, word))
      verdict = only_flags ? FILTER_FLAGGED : FILTER_REFUSED;
    line += strlen(line) + 1;
  }
  free(prompt);
  return verdict;
}

/* }====================================================== */


/*
** {======================================================
** Calls
** =======================================================
*/

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
  const char *raw = NULL;
  size_t n;
  fal_buf reason;
  memset(job, 0, sizeof(*job));
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
  MHD_resume_connection(r->mc);
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
  serve_verdict verdict = FILTER_PASS;
  fal_buf prompt;
  fal_buf_init(&prompt, PROMPT_MAX);
  if (fal_json_find_string(r->body.s != NULL ? r->body.s : "", r->body.n,
                           "prompt", &prompt) && prompt.n > 0)
    verdict = serve_filter_look(r->s->filter, prompt.s, prompt.n);
  fal_buf_free(&prompt);
  return verdict;
}


int serve_filter_call (serve_request *r) {
  static const char reason[] = "The prompt has words that this server does "
                               "not serve";
  if (r->filtered == 2 || !is_call(r))
    return 0;
  if (r->s->filter != NULL && r->filtered == 0)
    switch (look(r)) {
      case FILTER_REFUSED: refuse(r, reason, sizeof(reason) - 1); return 1;
      case FILTER_FLAGGED: flag(r); break;
      default: break;
    }
  r->filtered = 1;
  return r->s->has_apps && serve_endpoints_known(r->s->pool, FILTER_APP) &&
         ask(r);
}

/* }====================================================== */
