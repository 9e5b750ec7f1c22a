/*
** answer.c -- what an HTTP answer means when it is not a success
**
** Shapes (protocol 10): {"detail": "text"[, "error_type": "word"]} from the
** platform, {"detail": [{loc, msg, type}, ...]} from a model; anything else
** comes from something in between.
*/
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "endpoint.h"
#include "engine.h"
#include "json.h"

#define MAX_FIELDS 100   /* entries of a detail that are counted */
#define MAX_READ ((size_t)256 << 20)   /* bytes read again to count them */
#define MAX_WORD 80   /* a longer run of letters and digits is no word */


int fal_header (const char *head, size_t head_n, const char *name,
                const char **value, size_t *value_n) {
  const char *p = head, *end = head + head_n;
  size_t n = strlen(name);
  int found = 0;
  while (p < end) {
    const char *eol = memchr(p, '\n', (size_t)(end - p));
    const char *stop = eol != NULL ? eol : end;
    if ((size_t)(stop - p) > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
      const char *v = p + n + 1;
      while (v < stop && isspace((unsigned char)*v))
        v++;
      while (stop > v && isspace((unsigned char)stop[-1]))
        stop--;
      *value = v;
      *value_n = (size_t)(stop - v);
      found = 1;
    }
    p = eol != NULL ? eol + 1 : end;
  }
  return found;
}


/* A header's value as text in 'to', "" when it is missing. */
static int header_text (const fal_answer *a, const char *name, char *to,
                        size_t size) {
  const char *v = "";
  size_t n = 0;
  int found = fal_header(a->head, a->head_n, name, &v, &n);
  fal_copy_text(to, size, v, n);
  return found;
}


void fal_answer_request_id (const fal_answer *a, char *to, size_t size) {
  header_text(a, "x-fal-request-id", to, size);
}


/* Cuts each long run of base64 down to its beginning. */
static void shorten_base64 (fal_buf *b) {
  size_t i = 0, k = 0, run;
  while (i < b->n) {
    for (run = 0; i + run < b->n; run++)
      if (!isalnum((unsigned char)b->s[i + run]) &&
          (b->s[i + run] == '\0' || strchr("+/-_=", b->s[i + run]) == NULL))
        break;
    if (run > MAX_WORD) {
      memcpy(b->s + k, b->s + i, 12);
      memcpy(b->s + k + 12, "...", 3);
      k += 15;
      i += run;
    }
    else
      for (run += run == 0; run > 0; run--)
        b->s[k++] = b->s[i++];
  }
  b->n = k;
}


/* Appends a JSON string value found by path; what is long is shortened, so
** that no picture sent back as base64 gets into a message. */
static int add_text (fal_buf *b, const fal_answer *a, const char *path) {
  fal_buf text;
  int found;
  fal_buf_init(&text, a->body_n + 1);
  found = fal_json_find_string(a->body, a->body_n, path, &text);
  if (found) {
    char shown[200];
    shorten_base64(&text);
    fal_copy_text(shown, sizeof(shown), text.s != NULL ? text.s : "", text.n);
    fal_buf_addf(b, "%s%s", shown, text.n >= sizeof(shown) ? "..." : "");
  }
  fal_buf_free(&text);
  return found;
}


/* Appends where a field is: "body" is dropped, "images.0.url". */
static void add_place (fal_buf *b, const fal_answer *a, int i) {
  int k, first = 1;
  for (k = 0; k < 16; k++) {
    char path[48];
    const char *raw;
    size_t n;
    fal_json_kind kind;
    snprintf(path, sizeof(path), "detail.%d.loc.%d", i, k);
    kind = fal_json_find(a->body, a->body_n, path, &raw, &n);
    if (kind != FAL_JSON_STRING && kind != FAL_JSON_INTEGER)
      break;
    if (k == 0 && n == 6 && memcmp(raw, "\"body\"", 6) == 0)
      continue;
    if (!first)
      fal_buf_addstr(b, ".");
    if (kind == FAL_JSON_STRING)
      add_text(b, a, path);
    else
      fal_buf_add(b, raw, n);
    first = 0;
  }
  if (first)
    fal_buf_addstr(b, "input");
}


/* "prompt: field required (missing)", one line a field. The number of
** entries, 0 when 'detail' is not such a list. */
static int add_fields (fal_buf *b, const fal_answer *a) {
  size_t most = 1 + MAX_READ / (a->body_n + 1);
  int i, last = most < MAX_FIELDS ? (int)most : MAX_FIELDS;
  for (i = 0; i < last; i++) {
    char path[48];
    const char *raw;
    size_t n;
    snprintf(path, sizeof(path), "detail.%d", i);
    if (fal_json_find(a->body, a->body_n, path, &raw, &n) != FAL_JSON_OBJECT)
      break;
    if (i >= 6)
      continue;  /* counted, not shown */
    if (i > 0)
      fal_buf_addstr(b, "\n  ");
    add_place(b, a, i);
    fal_buf_addstr(b, ": ");
    snprintf(path, sizeof(path), "detail.%d.msg", i);
    if (!add_text(b, a, path))
      fal_buf_addstr(b, "refused");
    fal_buf_addstr(b, " (");
    snprintf(path, sizeof(path), "detail.%d.type", i);
    if (!add_text(b, a, path))
      fal_buf_addstr(b, "no type given");
    fal_buf_addstr(b, ")");
  }
  if (i > 6)
    fal_buf_addf(b, "\n  and %d%s more", i - 6, i == last ? " or" : "");
  return i;
}


static void error_type (const fal_answer *a, fal_error *err) {
  fal_buf type;
  fal_buf_init(&type, a->body_n + 1);
  if (fal_json_find_string(a->body, a->body_n, "error_type", &type) ||
      fal_json_find_string(a->body, a->body_n, "detail.0.type", &type))
    fal_copy_text(err->type, sizeof(err->type), type.s != NULL ? type.s : "",
                  type.n);
  else
    header_text(a, "x-fal-error-type", err->type, sizeof(err->type));
  fal_buf_free(&type);
}


/* Overwrites each copy of secret[0..k) in the buffer. */
static void blank (fal_buf *b, const char *secret, size_t k) {
  char *p = b->s, *at;
  size_t left = b->n;
  while (left >= k && left > 0 && (at = memmem(p, left, secret, k)) != NULL) {
    memset(at, '*', k);
    left -= (size_t)(at - p) + k;
    p = at + k;
  }
}


void fal_redact (fal_buf *head, fal_buf *body,
                 const struct curl_slist *headers) {
  for (; headers != NULL; headers = headers->next) {
    const char *line = headers->data, *key, *half;
    if (strncasecmp(line, "authorization: ", 15) != 0 ||
        (key = strchr(line + 15, ' ')) == NULL)
      continue;
    key++;
    half = strchr(key, ':');
    if (strlen(key) >= 4) {
      blank(head, key, strlen(key));
      blank(body, key, strlen(key));
    }
    if (half != NULL && strlen(half + 1) >= 8) {  /* the secret alone */
      blank(head, half + 1, strlen(half + 1));
      blank(body, half + 1, strlen(half + 1));
    }
  }
}


/* Which word describes a status; 'fields' says that a model spoke. */
static fal_code code_of (const fal_answer *a, int fields) {
  char kind[16];
  switch (a->status) {
    case 401: case 403: return FAL_EAUTH;
    case 413: return FAL_ETOOBIG;
    case 422: return FAL_EVALIDATION;
    case 499: return FAL_ECANCELED;
    case 504:
      header_text(a, "x-fal-request-timeout-type", kind, sizeof(kind));
      return kind[0] != '\0' ? FAL_ETIMEOUT : fields > 0 ? FAL_EMODEL
                                                         : FAL_EHTTP;
    default: return fields > 0 && a->status >= 400 ? FAL_EMODEL : FAL_EHTTP;
  }
}


/* Whether trying again may help: the platform's word, or the status. */
static int retryable (const fal_answer *a, fal_code code) {
  char word[16];
  if (header_text(a, "x-fal-needs-retry", word, sizeof(word)) ||
      header_text(a, "x-fal-retryable", word, sizeof(word)))
    return word[0] == '1' || tolower((unsigned char)word[0]) == 't';
  if (code == FAL_ETIMEOUT)
    return 0;
  return a->status == 429 || (a->status >= 502 && a->status <= 504);
}


/* Where fal tells more about what is wrong with a field. */
static void hint_fields (const fal_answer *a, fal_error *err) {
  fal_buf url;
  fal_url u;
  fal_buf_init(&url, 300);
  if (fal_json_find_string(a->body, a->body_n, "detail.0.url", &url) &&
      fal_url_split(url.s, url.n, &u) == 0 && u.port == 443)
    fal_hint(err, "see %.*s", (int)url.n, url.s);
  fal_buf_free(&url);
}


static void hint (const fal_answer *a, fal_error *err) {
  switch (a->status) {
    case 401:
      fal_hint(err, "check FAL_KEY: it is one string, \"id:secret\"");
      break;
    case 403:
      fal_hint(err, "the key is known but may not do this: look at its scope "
               "and at the account's balance");
      break;
    case 404:
      fal_hint(err, "is the endpoint id spelled right?");
      break;
    case 429:
      fal_hint(err, "too many calls at once: lower the limit, or wait");
      break;
    case 422:
      hint_fields(a, err);
      break;
    default:
      if (a->status >= 300 && a->status < 400)
        fal_hint(err, "redirects are not followed with a key; check the "
                 "configured address");
  }
}


/* What is said where there is no detail: the first line of a text answer. */
static void add_plain (fal_buf *b, const fal_answer *a) {
  char type[80], shown[160];
  size_t n = 0;
  if (header_text(a, "content-encoding", shown, sizeof(shown)) &&
      strcasecmp(shown, "identity") != 0 && shown[0] != '\0') {
    fal_buf_addf(b, "no reason given (the answer is compressed: %s)", shown);
    return;
  }
  header_text(a, "content-type", type, sizeof(type));
  if (strncasecmp(type, "text/plain", 10) != 0) {
    fal_buf_addstr(b, "no reason given");
    if (type[0] != '\0' && strstr(type, "json") == NULL)
      fal_buf_addf(b, " (the answer is %s, not fal's)", type);
    return;
  }
  while (n < a->body_n && a->body[n] != '\n' && a->body[n] != '\r')
    n++;
  fal_copy_text(shown, sizeof(shown), a->body, n);
  fal_buf_addstr(b, shown);
}


void fal_answer_error (const fal_answer *a, fal_error *err) {
  fal_buf text;
  fal_code code;
  int fields;
  fal_buf_init(&text, 8192);
  fal_buf_addf(&text, "HTTP %d: ", a->status);
  fields = add_fields(&text, a);
  if (fields == 0 && !add_text(&text, a, "detail") &&
      !add_text(&text, a, "message") && !add_text(&text, a, "error.message"))
    add_plain(&text, a);
  code = code_of(a, fields);
  fal_fail(err, code, "%s", fal_buf_cstr(&text) != NULL ? text.s
                                                        : "out of memory");
  fal_buf_free(&text);
  err->status = a->status;
  err->retryable = retryable(a, code);
  error_type(a, err);
  fal_answer_request_id(a, err->request_id, sizeof(err->request_id));
  hint(a, err);
}
