/*
** retry.c -- when an exchange may be made again, and after how long
*/
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "retry.h"

#define PATIENCE 60.0   /* seconds a server may ask for, or max_delay */


double fal_retry_after (const char *s, size_t n, double now) {
  char text[64];
  size_t i = 0;
  double seconds = 0;
  time_t when;
  if (n == 0 || n >= sizeof(text))
    return -1;
  memcpy(text, s, n);
  text[n] = '\0';
  while (i < n && isdigit((unsigned char)text[i]))
    seconds = seconds * 10 + (text[i++] - '0');
  if (i > 0 && text[i] == '.')  /* not in the RFC, but sent */
    i += 1 + strspn(text + i + 1, "0123456789");
  if (i > 0 && i == n)
    return seconds;
  when = curl_getdate(text, NULL);
  if (when == (time_t)-1)
    return -1;
  return (double)when > now ? (double)when - now : 0;
}


double fal_retry_asked (const fal_answer *a, double now) {
  const char *v;
  size_t n;
  double after = -1;
  if (fal_header(a->head, a->head_n, "retry-after", &v, &n))
    after = fal_retry_after(v, n, now);
  return after <= 0 ? 0 : after < 1e9 ? after : 1e9;
}


/* fal's word: 1 retry, 0 do not, -1 nothing said. */
static int told (const fal_answer *a) {
  const char *v;
  size_t n;
  if (!fal_header(a->head, a->head_n, "x-fal-needs-retry", &v, &n) &&
      !fal_header(a->head, a->head_n, "x-fal-retryable", &v, &n))
    return -1;
  return n > 0 && (v[0] == '1' || v[0] == 't' || v[0] == 'T');
}


static int has (const fal_answer *a, const char *name) {
  const char *v;
  size_t n;
  return fal_header(a->head, a->head_n, name, &v, &n);
}


/* Nonzero when an answer of this status may be followed by another try. */
static int may_status (const fal_attempt *a) {
  int status = a->answer->status, word = told(a->answer);
  int gateway = status >= 502 && status <= 504;
  int from_fal = has(a->answer, "x-fal-request-id");
  if (word == 0 || has(a->answer, "x-fal-request-timeout-type"))
    return 0;
  if (status == 429)
    return 1;
  if (a->final && from_fal)
    return 0;
  if (status >= 500 && word == 1)
    return 1;
  if (gateway && !from_fal)
    return 1;  /* something in front of fal: the call did not get in */
  return a->safe && (gateway || status == 500 || status == 408);
}


double fal_retry_delay (const fal_retry *policy, const fal_attempt *a,
                        double now, double random) {
  double delay = policy->base_delay, asked = fal_retry_asked(a->answer, now);
  int i;
  if (a->made > policy->max)
    return -1;
  if (a->answer->status != 0 ? !may_status(a)
                             : !(a->err->code == FAL_ENETWORK &&
                                 a->err->retryable && (a->safe || !a->sent)))
    return -1;
  for (i = 1; i < a->made && delay < policy->max_delay; i++)
    delay *= 2;
  if (delay > policy->max_delay)
    delay = policy->max_delay;
  delay *= random;  /* full jitter */
  if (asked <= delay)
    return delay;
  if (asked > PATIENCE && asked > policy->max_delay)
    return -1;
  return a->left > 0 && asked > a->left ? -1 : asked;
}
