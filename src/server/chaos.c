/*
** chaos.c -- trouble on demand: the platform's known failures, by dice
*/
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/digest.h"
#include "../core/fal.h"
#include "chaos.h"
#include "loop.h"
#include "turn.h"

#define SLOTS  4096      /* how often what was asked, by digest */
#define DELAY  2.0       /* seconds, unless the plan says otherwise */

struct serve_chaos {
  double odds[TROUBLES];
  double delay;
  uint64_t seed;
  uint32_t asked[SLOTS];
};

static const char *const names[TROUBLES] = {
  "", "429", "502", "504", "cut", "slow", "expired", "type"
};

#define BIT(t)  (1u << (t))

/* What may befall a kind of call. */
#define ANY     (BIT(TROUBLE_502) | BIT(TROUBLE_SLOW))
#define CALL    (ANY | BIT(TROUBLE_429) | BIT(TROUBLE_504))


/*
** {======================================================
** The plan
** =======================================================
*/

/* One "name=value" of the plan, or a number for all troubles. */
static fal_code read_item (serve_chaos *c, const char *s, size_t n,
                           fal_error *err) {
  char item[64], *value, *end;
  double v;
  int i;
  snprintf(item, sizeof(item), "%.*s", (int)n, s);
  value = strchr(item, '=');
  if (value != NULL)
    *value++ = '\0';
  v = strtod(value != NULL ? value : item, &end);
  if (*end != '\0' || end == value || n == 0 || !(v >= 0))
    return fal_fail(err, FAL_EVALIDATION, "chaos: '%.40s' is not a number in "
                    "'%.*s'", value != NULL ? value : item, (int)n, s);
  if (value != NULL && strcmp(item, "seed") == 0)
    return c->seed = (uint64_t)v, FAL_OK;
  if (value != NULL && strcmp(item, "delay") == 0)
    return c->delay = v < 600 ? v : 600, FAL_OK;
  if (v > 1)
    return fal_fail(err, FAL_EVALIDATION, "chaos: %g is no probability (0 to "
                    "1) in '%.*s'", v, (int)n, s);
  for (i = 1; i < TROUBLES; i++)
    if (value == NULL)
      c->odds[i] = v;
    else if (strcmp(item, names[i]) == 0)
      return c->odds[i] = v, FAL_OK;
  return value == NULL ? FAL_OK
         : fal_fail(err, FAL_EVALIDATION, "chaos: no trouble is called '%s': "
                    "there are 429, 502, 504, cut, slow, expired, type, and "
                    "delay (seconds of slow) and seed", item);
}


serve_chaos *serve_chaos_new (const char *plan, fal_error *err) {
  serve_chaos *c = calloc(1, sizeof(*c));
  if (c == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  c->delay = DELAY;
  for (;;) {
    size_t n = strcspn(plan, ",");
    if (read_item(c, plan, n, err) != FAL_OK) {
      free(c);
      return NULL;
    }
    if (plan[n] == '\0')
      return c;
    plan += n + 1;
  }
}

/* }====================================================== */


/*
** {======================================================
** The dice
** =======================================================
*/

static int ends_in (const char *s, const char *end) {
  size_t n = strlen(s), k = strlen(end);
  return n >= k && strcmp(s + n - k, end) == 0;
}


/* What may befall this request. Files, and bodies of files, are spared. */
static unsigned int possible (const serve_request *r) {
  int post = strcmp(r->method, "POST") == 0;
  int about = strstr(r->rest, "/requests/") != NULL;
  if (r->role == ROLE_RUN && post)
    return ends_in(r->rest, "/stream") ? CALL | BIT(TROUBLE_CUT)
                                       : CALL | BIT(TROUBLE_TYPE);
  if (r->role == ROLE_QUEUE && post && !about)
    return CALL;
  if (r->role == ROLE_QUEUE && about && serve_reads(r)) {
    if (ends_in(r->rest, "/status/stream"))
      return BIT(TROUBLE_502) | BIT(TROUBLE_CUT);
    return ends_in(r->rest, "/status") || ends_in(r->rest, "/status/")
           ? ANY : ANY | BIT(TROUBLE_EXPIRED) | BIT(TROUBLE_TYPE);
  }
  if (r->role == ROLE_REST && post)
    return ANY | BIT(TROUBLE_429);
  return 0;
}


/* A number from 0 to 1 that depends on the seed, on what is asked, ids of
** requests apart, and on how often that was asked. */
static double throw (serve_chaos *c, const serve_request *r) {
  const char *about = strstr(r->rest, "/requests/");
  const char *tail = about != NULL ? strchr(about + 10, '/') : NULL;
  char text[600], hex[FAL_DIGEST_HEX];
  uint32_t *asked;
  fal_digest("sha256", r->body.s != NULL ? r->body.s : "", r->body.n, hex);
  snprintf(text, sizeof(text), "%s %.*s%s %s", r->method,
           about != NULL ? (int)(about - r->rest) : 250, r->rest,
           tail != NULL ? tail : "", hex);
  fal_digest("sha256", text, strlen(text), hex);
  asked = &c->asked[strtoul(hex + 40, NULL, 16) % SLOTS];
  snprintf(text, sizeof(text), "%llu %u %s", (unsigned long long)c->seed,
           (unsigned)(*asked)++, hex);
  fal_digest("sha256", text, strlen(text), hex);
  hex[13] = '\0';
  return (double)strtoull(hex, NULL, 16) / 4503599627370496.0;  /* 2^52 */
}


static serve_trouble choose (serve_chaos *c, const serve_request *r) {
  unsigned int may = possible(r);
  double x;
  int i;
  if (may == 0)
    return TROUBLE_NONE;
  x = throw(c, r);
  for (i = 1; i < TROUBLES; i++)
    if (may & BIT(i)) {
      if (x < c->odds[i])
        return (serve_trouble)i;
      x -= c->odds[i];
    }
  return TROUBLE_NONE;
}

/* }====================================================== */


/*
** {======================================================
** The troubles
** =======================================================
*/

/* A request that comes again after a while. */
typedef struct rest {
  serve_task task;
  fal_alarm alarm;
  serve_request *r;
  double until;
} rest;


/* A server that ends does not wait for the rest of it. */
static void go_on (fal_alarm *a) {
  rest *p = (rest *)((char *)a - offsetof(rest, alarm));
  serve_request *r = p->r;
  double now = fal_now(), look = now + 0.5;
  int stopping;
  pthread_mutex_lock(&r->s->lock);
  stopping = r->s->stopping;
  pthread_mutex_unlock(&r->s->lock);
  if (now < p->until && !stopping &&
      fal_alarm_set(serve_loop_engine(r->s->loop), a,
                    p->until < look ? p->until : look) == 0)
    return;
  free(p);
  r->routed = 0;
  serve_resume(r->s, r->mc);
}


static void begin_pause (serve_task *task) {
  rest *p = (rest *)task;
  p->alarm.ring = go_on;
  p->until = fal_now() + p->r->s->chaos->delay;
  go_on(&p->alarm);
}


static int wait (serve_request *r) {
  rest *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return 0;
  p->r = r;
  p->task.run = begin_pause;
  r->suspended = 1;
  MHD_suspend_connection(r->mc);
  serve_loop_post(r->s->loop, &p->task);
  return 1;
}


static void ingress (serve_request *r) {
  static const char page[] =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>"
    "\r\n</body>\r\n</html>\r\n";
  fal_buf b;
  fal_buf_init(&b, sizeof(page));
  fal_buf_addstr(&b, page);
  r->nameless = 1;
  serve_answer_bytes(&r->answer, MHD_HTTP_BAD_GATEWAY, "text/html", &b);
}


static void late (serve_request *r) {
  serve_answer_detail(&r->answer, MHD_HTTP_GATEWAY_TIMEOUT, "request_timeout",
                      "No runner was free within the start timeout (chaos)");
  serve_answer_header(&r->answer, "x-fal-request-timeout-type", "user");
}


int serve_chaos_strike (serve_request *r) {
  if (r->s->chaos == NULL || r->struck)
    return 0;
  r->struck = 1;
  r->trouble = choose(r->s->chaos, r);
  if (r->trouble != TROUBLE_NONE)
    serve_log("%s chaos: %s", r->id, names[r->trouble]);
  switch (r->trouble) {
    case TROUBLE_429:
      serve_answer_too_many(&r->answer, "Too many requests (chaos)");
      return 1;
    case TROUBLE_502: ingress(r); return 1;
    case TROUBLE_504: late(r); return 1;
    case TROUBLE_SLOW: return wait(r);
    default: return 0;  /* feed.c, queue.c and http.c see to the others */
  }
}

/* }====================================================== */
