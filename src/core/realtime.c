/*
** realtime.c -- a realtime connection (protocol 7): token, socket, messages
**
** Nothing is opened before there is something to send, and a connection that
** was closed is opened again by the next message.
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "realtime_private.h"
#include "single.h"
#include "websocket.h"

#define EXPIRATION  120.0   /* seconds a token is asked for */
#define MAX_QUEUE   ((size_t)64 << 20)
#define STALE       0.001   /* after such a pause a socket is looked at before
                               it is written to */
#define LAST_WORDS  30.0    /* seconds to send what waits when it is closed */

enum { IDLE, TOKEN, SOCKET, OPEN };

typedef struct Message {
  struct Message *next;
  int text;
  size_t n;
  char s[];
} Message;

typedef struct Realtime {
  fal_op op;
  fal_call call;            /* for a token */
  fal_ws ws;
  int state;
  int closing;
  fal_buf url;              /* without the query */
  fal_rt_token token;
  int max_buffering;
  double throttle, last_sent;
  fal_alarm turn;           /* the next message may be sent */
  fal_alarm patience;       /* somebody does not wait any longer */
  Message *first, *last;    /* to be sent */
  size_t waiting;
} Realtime;


static void drop_messages (Realtime *rt) {
  Message *m;
  while ((m = rt->first) != NULL) {
    rt->first = m->next;
    free(m);
  }
  rt->last = NULL;
  rt->waiting = 0;
}


static void clear (fal_op *op) {
  Realtime *rt = (Realtime *)op;
  fal_call_clear(&rt->call);
  fal_ws_clear(&rt->ws);
  fal_alarm_set(op->engine, &rt->turn, 0);
  fal_alarm_set(op->engine, &rt->patience, 0);
  drop_messages(rt);
  fal_buf_free(&rt->url);
  fal_rt_token_clear(&rt->token);
}


static void end (Realtime *rt) {
  clear(&rt->op);
  fal_op_finish(&rt->op);
}


static void expired (fal_op *op) {
  end((Realtime *)op);
}


static void post_error (Realtime *rt, const fal_error *err) {
  fal_op_post(&rt->op, FAL_EVENT_ERROR, 0, (const char *)err, sizeof(*err));
}


static void idle (Realtime *rt) {
  rt->state = IDLE;
  fal_alarm_set(rt->op.engine, &rt->turn, 0);
  if (rt->closing)
    end(rt);
  else
    fal_op_rest(&rt->op, 1);
}


/* It could not be opened: what was to be sent is gone. */
static void give_up (Realtime *rt, const fal_error *err) {
  drop_messages(rt);
  post_error(rt, err);
  fal_op_post(&rt->op, FAL_EVENT_CLOSED, 0, "", 0);
  idle(rt);
}


/*
** {======================================================
** Messages out
** =======================================================
*/

/* Sends what waits, when its time has come. */
static void drain (Realtime *rt) {
  fal_error err;
  fal_code code = FAL_OK;
  while (code == FAL_OK && rt->first != NULL && fal_ws_open(&rt->ws)) {
    Message *m = rt->first;
    code = fal_ws_send(&rt->ws, m->s, m->n, m->text);
    rt->first = m->next;
    if (rt->first == NULL)
      rt->last = NULL;
    rt->waiting -= m->n;
    rt->last_sent = fal_now();
    free(m);
  }
  if (code != FAL_OK) {
    fal_fail(&err, code, "a message could not be sent: %s",
             fal_code_name(code));
    post_error(rt, &err);
  }
}


static void on_turn (fal_alarm *a) {
  drain((Realtime *)((char *)a - offsetof(Realtime, turn)));
}


static void on_patience (fal_alarm *a) {
  fal_op_report(&((Realtime *)((char *)a - offsetof(Realtime, patience)))->op);
}


static fal_code enqueue (Realtime *rt, const char *s, size_t n, int text,
                         fal_error *err) {
  Message *m;
  if (rt->throttle > 0)  /* the newest one counts */
    drop_messages(rt);
  if (n > MAX_QUEUE - rt->waiting)
    return fal_fail(err, FAL_ETOOBIG, "more than %lu bytes wait to be sent",
                    (unsigned long)MAX_QUEUE);
  m = malloc(sizeof(*m) + n);
  if (m == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  m->next = NULL;
  m->text = text;
  m->n = n;
  memcpy(m->s, s, n);
  if (rt->last != NULL)
    rt->last->next = m;
  else
    rt->first = m;
  rt->last = m;
  rt->waiting += n;
  return FAL_OK;
}

/* }====================================================== */


/*
** {======================================================
** Opening
** =======================================================
*/

static fal_code start_socket (Realtime *rt, fal_error *err) {
  fal_buf url;
  fal_code code;
  fal_buf_init(&url, FAL_MAX_TOKEN * 2);
  fal_buf_addf(&url, "%s?fal_jwt_token=%s", rt->url.s, rt->token.text);
  if (rt->max_buffering > 0)
    fal_buf_addf(&url, "&max_buffering=%d", rt->max_buffering);
  rt->ws.secret = rt->token.text;
  code = fal_buf_cstr(&url) == NULL
         ? fal_fail(err, FAL_ENOMEM, "out of memory")
         : fal_ws_start(&rt->ws, url.s, err);
  fal_wipe(url.s);
  fal_buf_free(&url);
  if (code == FAL_OK)
    rt->state = SOCKET;
  return code;
}


static void token_came (fal_op *op, fal_call *c);


/* Begins to open it. On failure it is idle as before. */
static fal_code begin (Realtime *rt, fal_error *err) {
  fal_code code;
  fal_op_rest(&rt->op, 0);
  if (fal_rt_token_fresh(&rt->token))
    code = start_socket(rt, err);
  else {
    fal_call_init(&rt->call, &rt->op, token_came);
    code = fal_rt_token_ask(&rt->token, &rt->call, err);
    if (code == FAL_OK)
      rt->state = TOKEN;
    else
      fal_call_clear(&rt->call);
  }
  if (code != FAL_OK)
    fal_op_rest(&rt->op, 1);
  return code;
}


static void token_came (fal_op *op, fal_call *c) {
  Realtime *rt = (Realtime *)op;
  fal_error err = c->err;
  fal_redact(&c->head, &c->body, c->x.headers);
  if (err.code == FAL_OK)
    fal_rt_token_read(&rt->token, &c->answer, &err);
  fal_call_clear(c);
  if (err.code == FAL_OK)
    start_socket(rt, &err);
  if (err.code != FAL_OK)
    give_up(rt, &err);
}

/* }====================================================== */


/*
** {======================================================
** What the socket says
** =======================================================
*/

static void say_goodbye (Realtime *rt) {
  drain(rt);
  fal_ws_close(&rt->ws, 1000);
}


static void opened (fal_ws *ws) {
  Realtime *rt = (Realtime *)ws->op;
  rt->state = OPEN;
  rt->token.used = 1;
  fal_op_post(ws->op, FAL_EVENT_OPEN, 0, "", 0);
  drain(rt);
  if (rt->closing)
    say_goodbye(rt);
}


/* Text that is not a result but about the connection: handles it. */
static int control (Realtime *rt, const char *s, size_t n) {
  fal_error err;
  fal_rt_text kind = fal_rt_read(s, n, &err);
  if (kind == FAL_RT_ERROR || kind == FAL_RT_UNAUTHORIZED)
    post_error(rt, &err);
  if (kind == FAL_RT_TIMEOUT || kind == FAL_RT_UNAUTHORIZED)
    fal_realtime_reset(&rt->op, kind == FAL_RT_UNAUTHORIZED);
  return kind != FAL_RT_RESULT;
}


static void message (fal_ws *ws, const char *s, size_t n, int text) {
  Realtime *rt = (Realtime *)ws->op;
  fal_error err;
  fal_code code;
  if (text && control(rt, s, n))
    return;
  code = fal_op_post(ws->op, FAL_EVENT_MESSAGE, text, s, n);
  if (code != FAL_OK) {
    fal_fail(&err, code, "%s", code == FAL_ETOOBIG ? "results come faster than"
             " they are taken" : "out of memory");
    post_error(rt, &err);
    fal_realtime_reset(ws->op, 0);
  }
}


/* The socket is closed, or was refused. A token that was good once may have
** been revoked: then another one is tried. */
static void ended (fal_ws *ws) {
  Realtime *rt = (Realtime *)ws->op;
  fal_error err = ws->err;
  int opened_once = rt->state == OPEN;
  int again = opened_once && rt->first != NULL && !rt->closing;
  if (ws->status == 401 || ws->status == 403) {
    again = rt->token.used;
    fal_rt_token_drop(&rt->token);
  }
  if (opened_once) {
    if (err.code != FAL_OK)
      post_error(rt, &err);
    if (!again)
      fal_op_post(ws->op, FAL_EVENT_CLOSED, ws->code, ws->reason,
                  strlen(ws->reason));
  }
  rt->state = IDLE;
  if (again) {
    if (begin(rt, &err) != FAL_OK)
      give_up(rt, &err);
  }
  else if (opened_once)
    idle(rt);
  else
    give_up(rt, &err);
}

/* }====================================================== */


static const fal_op_class realtime_class = {
  "realtime", fal_call_transferred, expired, clear
};


static fal_code fill (Realtime *rt, const fal_realtime_request *r,
                      fal_error *err) {
  const fal_client *c = rt->op.client;
  fal_endpoint ep;
  size_t n = strlen(r->endpoint);
  const char *path = r->path;
  fal_code code = fal_endpoint_parse(r->endpoint, n, &ep, err);
  if (code != FAL_OK)
    return code;
  if (path == NULL && !(n > 9 && strcmp(r->endpoint + n - 9, "/realtime") == 0))
    path = "realtime";
  code = fal_put_call_url(&rt->url, c->hosts[FAL_ROLE_REALTIME], r->endpoint,
                          path, NULL, err);
  if (code != FAL_OK)
    return code;
  fal_buf_add(&rt->token.alias, ep.alias.s, ep.alias.n);
  if (fal_buf_cstr(&rt->url) == NULL || rt->token.alias.n == 0 ||
      fal_rt_token_key(&rt->token, r->credentials) != FAL_OK)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  return FAL_OK;
}


fal_op *fal_realtime (fal_engine *e, fal_client *c,
                      const fal_realtime_request *r, fal_error *err) {
  fal_error local;
  Realtime *rt;
  if (err == NULL)
    err = &local;
  if (r->max_buffering != 0 && (r->max_buffering < 1 || r->max_buffering > 60)) {
    fal_fail(err, FAL_EVALIDATION, "max_buffering must be from 1 to 60");
    return NULL;
  }
  rt = fal_op_new(e, c, sizeof(*rt), &realtime_class, 0, err);
  if (rt == NULL)
    return NULL;
  fal_call_init(&rt->call, &rt->op, token_came);
  fal_ws_init(&rt->ws, &rt->op);
  rt->ws.opened = opened;
  rt->ws.message = message;
  rt->ws.ended = ended;
  rt->ws.max_message = r->max_message != 0 ? r->max_message : (size_t)16 << 20;
  rt->ws.ping = r->ping > 0 ? r->ping : 25;
  rt->max_buffering = r->max_buffering;
  rt->throttle = r->throttle;
  rt->token.expiration = r->token_expiration > 0 ? r->token_expiration
                                                 : EXPIRATION;
  rt->turn.ring = on_turn;
  rt->patience.ring = on_patience;
  fal_buf_init(&rt->url, 65536);
  fal_buf_init(&rt->token.alias, 65536);
  fal_op_rest(&rt->op, 1);
  if (fill(rt, r, err) != FAL_OK) {
    fal_op_free(&rt->op);
    return NULL;
  }
  return &rt->op;
}


static fal_code check_open (const Realtime *rt, fal_error *err) {
  if (!rt->op.done && !rt->closing)
    return FAL_OK;
  return fal_fail(err, FAL_ECANCELED, "the realtime connection was closed "
                  "here");
}


fal_code fal_realtime_open (fal_op *op, fal_error *err) {
  Realtime *rt = (Realtime *)op;
  fal_error local;
  fal_code code = check_open(rt, err != NULL ? err : &local);
  return code == FAL_OK && rt->state == IDLE
         ? begin(rt, err != NULL ? err : &local) : code;
}


fal_code fal_realtime_send (fal_op *op, const char *s, size_t n, int text,
                            fal_error *err) {
  Realtime *rt = (Realtime *)op;
  fal_error local;
  fal_code code;
  double now = fal_now();
  if (err == NULL)
    err = &local;
  if ((code = check_open(rt, err)) != FAL_OK)
    return code;
  if ((code = enqueue(rt, s, n, text, err)) != FAL_OK)
    return code;
  if (rt->state == OPEN && now - rt->ws.heard > STALE)
    fal_ws_poll(&rt->ws);  /* closed meanwhile? Then it is opened again */
  if (rt->state == IDLE) {
    if ((code = begin(rt, err)) != FAL_OK)
      drop_messages(rt);
  }
  else if (fal_ws_open(&rt->ws)) {
    if (now - rt->last_sent >= rt->throttle)
      drain(rt);
    else if (rt->turn.place == 0)
      fal_alarm_set(op->engine, &rt->turn, rt->last_sent + rt->throttle);
  }
  return code;
}


int fal_realtime_alive (const fal_op *op) {
  return !op->done && ((const Realtime *)op)->state != IDLE;
}


fal_code fal_realtime_wake_in (fal_op *op, double seconds) {
  Realtime *rt = (Realtime *)op;
  double due = fal_now() + seconds;
  if (op->done || (rt->patience.place != 0 && rt->patience.due <= due))
    return FAL_OK;
  return fal_alarm_set(op->engine, &rt->patience, due) == 0 ? FAL_OK
                                                            : FAL_ENOMEM;
}


int fal_realtime_needs_key (const fal_op *op) {
  const Realtime *rt = (const Realtime *)op;
  return !op->done && rt->state == IDLE && !fal_rt_token_fresh(&rt->token);
}


fal_code fal_realtime_give_key (fal_op *op, const char *credentials) {
  return op->done ? FAL_OK : fal_rt_token_key(&((Realtime *)op)->token,
                                              credentials);
}


void fal_realtime_reset (fal_op *op, int forget) {
  Realtime *rt = (Realtime *)op;
  if (op->done)
    return;
  if (forget)
    rt->token.fresh_until = 0;
  if (rt->state == OPEN && fal_ws_open(&rt->ws))
    fal_ws_close(&rt->ws, 1000);
}


void fal_realtime_close (fal_op *op) {
  Realtime *rt = (Realtime *)op;
  if (op == NULL)
    return;
  rt->closing = 1;
  if (!op->done && (rt->state == IDLE ||
                    (rt->state != OPEN && rt->first == NULL)))
    end(rt);
  else if (!op->done) {
    fal_alarm_set(op->engine, &op->deadline, fal_now() + LAST_WORDS);
    if (rt->state == OPEN && fal_ws_open(&rt->ws))
      say_goodbye(rt);
  }
  fal_op_detach(op);
}
