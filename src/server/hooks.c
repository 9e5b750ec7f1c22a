/*
** hooks.c -- webhooks: who asked to be told of a result is told
**
** Claims and outcomes are changes of the store (on its writer's thread), the
** rest is on the loop's. A round claims what is due as long as there is room
** for deliveries, and sleeps until the next one is due.
*/
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/endpoint.h"
#include "../core/fal.h"
#include "../core/json.h"
#include "backlog.h"
#include "deliver.h"
#include "hooks.h"
#include "loop.h"
#include "metrics.h"
#include "sign.h"

#define AT_ONCE      16            /* deliveries under way */
#define PATIENCE     15.0          /* seconds for the first answer */
#define MORE         120.0         /* and for later ones */
#define PAYLOAD_MAX  (64u << 20)   /* bytes of a result that is delivered */
#define RETRY        5.0           /* seconds after the store failed us */

#define container(p,type,member) \
  ((type *)((char *)(p) - offsetof(type, member)))

/* One attempt: of the round, then under way, until it is freed. */
typedef struct attempt {
  struct attempt *next;
  struct attempt **link, *later;   /* all there are; h's lock */
  serve_hooks *h;
  store_hook hook;
  store_code found;         /* what became of its result */
  store_result result;
  serve_change ended;       /* writes down that it is over */
} attempt;

struct serve_hooks {
  falua_server *s;
  fal_client *client;
  double delay;
  int anywhere;
  serve_task look;          /* begins a round */
  serve_task claimed;       /* a round has ended */
  serve_change claim;
  fal_alarm due;
  int claiming, again;      /* a round is under way; another one is wanted */
  int under_way;            /* deliveries */
  /* Of the round under way: handed from the writer to the loop. */
  attempt *round;
  int room;
  store_code code;
  double next;
  int more;                 /* it took all that there was room for */
  pthread_mutex_t lock;     /* guards what follows */
  attempt *first;           /* all there are */
  int stopping;
};


static int is_stopping (serve_hooks *h) {
  int yes;
  pthread_mutex_lock(&h->lock);
  yes = h->stopping;
  pthread_mutex_unlock(&h->lock);
  return yes;
}


static void add_attempt (serve_hooks *h, attempt *a) {
  pthread_mutex_lock(&h->lock);
  a->h = h;
  a->link = &h->first;
  a->later = h->first;
  if (a->later != NULL)
    a->later->link = &a->later;
  h->first = a;
  pthread_mutex_unlock(&h->lock);
}


static void free_attempt (attempt *a) {
  pthread_mutex_lock(&a->h->lock);
  *a->link = a->later;
  if (a->later != NULL)
    a->later->link = a->link;
  pthread_mutex_unlock(&a->h->lock);
  store_hook_free(&a->hook);
  store_result_free(&a->result);
  free(a);
}


/*
** {======================================================
** What is delivered
** =======================================================
*/

/* The bytes of a result, its own or its file's. 0 when they cannot be had. */
static int read_result (store_result *r) {
  size_t n = 0;
  if (r->fd < 0)
    return 1;
  if (r->body_n > PAYLOAD_MAX || (r->body = malloc(r->body_n + 1)) == NULL)
    return 0;
  while (n < r->body_n) {
    ssize_t k = pread(r->fd, r->body + n, r->body_n - n, (off_t)n);
    if (k <= 0)
      return 0;
    n += (size_t)k;
  }
  r->body[n] = '\0';
  return 1;
}


/* The body of a delivery, to 'b'. */
static fal_code put_body (attempt *a, fal_buf *b) {
  store_result *r = &a->result;
  int ok = r->status >= 200 && r->status <= 299;
  fal_buf_addf(b, "{\"request_id\":\"%s\",\"gateway_request_id\":\"%s\","
               "\"status\":\"%s\",", a->hook.id, a->hook.id,
               ok ? "OK" : "ERROR");
  if (!ok)
    fal_buf_addf(b, "\"error\":\"Invalid status code: %u\",", r->status);
  fal_buf_addstr(b, "\"payload\":");
  if (read_result(r) && fal_json_valid(r->body, r->body_n))
    fal_buf_add(b, r->body, r->body_n);
  else
    fal_buf_addstr(b, "null,\"payload_error\":\"the output is not valid JSON "
                   "or too large to be delivered\"");
  return fal_buf_addstr(b, "}");
}

/* }====================================================== */


/*
** {======================================================
** An attempt, on the loop's thread
** =======================================================
*/

static store_code apply_ended (serve_change *c, store *s, double now) {
  attempt *a = container(c, attempt, ended);
  (void)now;
  return s->cls->end_hook(s, a->hook.id);
}


/* What was not written down will be tried once more. */
static void ended_done (serve_change *c, store_code code) {
  (void)code;
  free_attempt(container(c, attempt, ended));
}


/* There will be no more attempts; frees it, sooner or later. */
static void end_hook (attempt *a) {
  a->ended.apply = apply_ended;
  a->ended.done = ended_done;
  if (!serve_backlog_change(a->h->s->backlog, &a->ended))
    free_attempt(a);
}


static void give_up (attempt *a, const char *why) {
  serve_log("%s webhook given up after %d attempt%s: %s", a->hook.id,
            a->hook.tries, a->hook.tries == 1 ? "" : "s", why);
  serve_metrics_add(a->h->s->metrics, COUNT_ABANDONED, 1);
  end_hook(a);
}


static void attempt_done (void *ud, int status, const char *why) {
  attempt *a = ud;
  serve_hooks *h = a->h;
  char text[300];
  h->under_way--;
  if (is_stopping(h)) {  /* the loop may be gone; it is due again later */
    free_attempt(a);
    return;
  }
  if (status >= 200 && status <= 299) {
    serve_log("%s webhook delivered (attempt %d)", a->hook.id, a->hook.tries);
    serve_metrics_add(h->s->metrics, COUNT_DELIVERED, 1);
    end_hook(a);
  }
  else {
    if (status != 0)
      snprintf(text, sizeof(text), "the receiver answered %d", status);
    else
      snprintf(text, sizeof(text), "%s", why);
    if (a->hook.tries >= HOOK_TRIES)
      give_up(a, text);
    else {
      serve_log("%s webhook failed (attempt %d of %d): %s", a->hook.id,
                a->hook.tries, HOOK_TRIES, text);
      serve_metrics_add(h->s->metrics, COUNT_UNDELIVERED, 1);
      free_attempt(a);
    }
  }
  serve_hooks_wake(h);
}


/* May this server send something there? */
static int allowed (const serve_hooks *h, const char *url) {
  fal_url u;
  return fal_url_split(url, strlen(url), &u) == 0 &&
         (h->anywhere || fal_host_is_loopback(u.host));
}


static void start (attempt *a) {
  serve_hooks *h = a->h;
  serve_delivery d;
  fal_error err;
  fal_buf body;
  if (a->found != STORE_OK) {
    give_up(a, "its result is not kept any more");
    return;
  }
  if (!allowed(h, a->hook.url)) {
    give_up(a, "it leads away from this machine, and --webhooks-anywhere "
               "was not given");
    return;
  }
  fal_buf_init(&body, PAYLOAD_MAX + 4096);
  if (put_body(a, &body) != FAL_OK)
    fal_buf_free(&body);
  memset(&d, 0, sizeof(d));
  d.secret = h->s->secret;
  d.url = a->hook.url;
  d.request_id = a->hook.id;
  d.user = a->hook.owner[0] != '\0' ? a->hook.owner : "local";
  d.body = body.s != NULL ? body.s : "";
  d.body_n = body.n;
  d.timeout = a->hook.tries == 1 ? PATIENCE : MORE;
  d.done = attempt_done;
  d.ud = a;
  h->under_way++;
  if (serve_deliver(serve_loop_engine(h->s->loop), h->client, &d, &err)
      != FAL_OK)
    attempt_done(a, 0, err.message);
  fal_buf_free(&body);
}

/* }====================================================== */


/*
** {======================================================
** Rounds
** =======================================================
*/

static void drop_round (serve_hooks *h) {
  while (h->round != NULL) {
    attempt *a = h->round;
    h->round = a->next;
    free_attempt(a);
  }
}


/* The ids of all attempts, as a JSON array: none of them is claimed twice,
** however long its receiver takes. */
static void put_ids (serve_hooks *h, fal_buf *b) {
  const attempt *a;
  fal_buf_addstr(b, "[");
  pthread_mutex_lock(&h->lock);
  for (a = h->first; a != NULL; a = a->later)
    fal_buf_addf(b, "%s\"%s\"", a == h->first ? "" : ",", a->hook.id);
  pthread_mutex_unlock(&h->lock);
  fal_buf_addstr(b, "]");
}


static store_code claim_one (serve_hooks *h, store *s, double now) {
  attempt *a = calloc(1, sizeof(*a));
  store_code code;
  fal_buf ids;
  if (a == NULL)
    return STORE_NONE;
  a->result.fd = -1;
  fal_buf_init(&ids, 65536);
  put_ids(h, &ids);
  code = s->cls->claim_hook(s, now, h->delay, fal_buf_cstr(&ids), &a->hook,
                            &h->next);
  fal_buf_free(&ids);
  if (code != STORE_OK) {
    free(a);
    return code;
  }
  add_attempt(h, a);
  a->found = s->cls->result(s, now, a->hook.owner, a->hook.id, &a->result);
  a->next = h->round;
  h->round = a;
  return STORE_OK;
}


/* On the writer's thread, perhaps twice: what is due, as far as there is
** room. */
static store_code apply_claim (serve_change *c, store *s, double now) {
  serve_hooks *h = container(c, serve_hooks, claim);
  store_code code = STORE_OK;
  int n;
  drop_round(h);
  h->next = 0;
  for (n = 0; n < h->room && code == STORE_OK; n++)
    code = claim_one(h, s, now);
  h->more = code == STORE_OK;
  return code == STORE_NONE ? STORE_OK : code;
}


static void claim_done (serve_change *c, store_code code) {
  serve_hooks *h = container(c, serve_hooks, claim);
  h->code = code;
  serve_loop_post(h->s->loop, &h->claimed);
}


static void sleep_until (serve_hooks *h, double when) {
  double due = 0;
  if (h->code == STORE_FULL || h->code == STORE_FAIL)
    due = fal_now() + RETRY;
  else if (when > 0)
    due = fal_now() + (when > serve_wall_clock() ? when - serve_wall_clock()
                                                 : 0);
  fal_alarm_set(serve_loop_engine(h->s->loop), &h->due, due);
}


static void on_claimed (serve_task *task) {
  serve_hooks *h = container(task, serve_hooks, claimed);
  attempt *round = h->round;
  h->round = NULL;
  h->claiming = 0;
  if (h->code != STORE_OK) {  /* it was undone */
    h->round = round;
    drop_round(h);
    round = NULL;
    h->more = 0;
  }
  while (round != NULL) {
    attempt *a = round;
    round = a->next;
    if (is_stopping(h))
      free_attempt(a);  /* it is due again after its delay */
    else
      start(a);
  }
  sleep_until(h, h->next);
  if (h->again || (h->more && h->under_way < AT_ONCE))  /* some were given up
                                                           at once */
    serve_hooks_wake(h);
}


static void on_look (serve_task *task) {
  serve_hooks *h = container(task, serve_hooks, look);
  h->again = h->claiming;
  h->room = AT_ONCE - h->under_way;
  if (h->claiming || h->room <= 0 || is_stopping(h))
    return;
  h->claiming = serve_backlog_change(h->s->backlog, &h->claim);
}


static void on_due (fal_alarm *a) {
  serve_hooks_wake(container(a, serve_hooks, due));
}


void serve_hooks_wake (serve_hooks *h) {
  serve_loop_post(h->s->loop, &h->look);
}

/* }====================================================== */


/*
** {======================================================
** Beginning and ending
** =======================================================
*/

serve_hooks *serve_hooks_new (falua_server *s, double delay, int anywhere,
                              fal_error *err) {
  serve_hooks *h = calloc(1, sizeof(*h));
  fal_client_options opt;
  if (h == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&h->lock, NULL);
  h->s = s;
  h->delay = delay > 0 ? delay : HOOK_DELAY;
  h->anywhere = anywhere;
  h->look.run = on_look;
  h->claimed.run = on_claimed;
  h->claim.apply = apply_claim;
  h->claim.done = claim_done;
  h->due.ring = on_due;
  fal_client_options_init(&opt);
  opt.credentials = "";  /* receivers get no key */
  h->client = fal_client_new(&opt, err);
  if (h->client == NULL) {
    serve_hooks_free(h);
    return NULL;
  }
  serve_hooks_wake(h);
  return h;
}


void serve_hooks_stop (serve_hooks *h) {
  if (h == NULL)
    return;
  pthread_mutex_lock(&h->lock);
  h->stopping = 1;
  pthread_mutex_unlock(&h->lock);
}


void serve_hooks_free (serve_hooks *h) {
  if (h == NULL)
    return;
  drop_round(h);
  fal_client_free(h->client);
  pthread_mutex_destroy(&h->lock);
  free(h);
}

/* }====================================================== */


int serve_jwks (serve_request *r) {
  unsigned char key[SIGN_KEY];
  fal_buf b;
  if (r->role != ROLE_REST || !serve_reads(r) ||
      strcmp(r->rest, ".well-known/jwks.json") != 0)
    return 0;
  fal_buf_init(&b, 512);
  serve_sign_key(r->s->secret, key);
  if (serve_sign_jwks(key, &b) == FAL_OK)
    serve_answer_json(&r->answer, MHD_HTTP_OK, &b);
  else
    serve_answer_detail(&r->answer, MHD_HTTP_INTERNAL_SERVER_ERROR,
                        "internal_error", "There is no signing key");
  fal_buf_free(&b);
  return 1;
}
