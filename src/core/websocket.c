/*
** websocket.c -- a WebSocket client on a libcurl connection
**
** Each socket has a multi handle of its own: in one that makes other
** connections too, libcurl takes ours for an idle one of its cache and closes
** it when it is old, has bytes to be read, or stands in the way of a limit.
** The easy handle stays in that multi for the socket's life; once it is
** connected, the engine watches the descriptor for us.
*/
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/rand.h>
#include <wslay/wslay.h>

#include "base64.h"
#include "endpoint.h"
#include "frames.h"
#include "handshake.h"

#define MAX_WAITING ((size_t)64 << 20)   /* bytes to be sent */
#define READ        ((size_t)32 << 10)
#define READS       64      /* before others get their turn */
#define REFUSAL     5.0     /* seconds for the rest of a refusal */
#define GOODBYE     3.0     /* seconds for the answer to a close frame */

enum { CLOSED, CONNECTING, SHAKING, REFUSED, OPEN };

#define container(p,member) \
  ((fal_ws *)((char *)(p) - offsetof(fal_ws, member)))


/* Ends it: the operation hears of it when nothing is left of it. */
static void finish (fal_ws *ws) {
  fal_ws_clear(ws);
  ws->ended(ws);
}


/*
** {======================================================
** The handshake
** =======================================================
*/

/* The request, into 'out'. 'u' has the path and the query. */
static fal_code put_request (fal_ws *ws, const char *url, const fal_url *u) {
  const struct curl_slist *x;
  const char *authority = strstr(url, "://") + 3;
  int agent = 0;
  fal_buf_addf(&ws->out, "GET %.*s HTTP/1.1\r\n", u->path.n > 0
               ? (int)u->path.n : 1, u->path.n > 0 ? u->path.s : "/");
  fal_buf_addf(&ws->out, "Host: %.*s\r\n", (int)strcspn(authority, "/?"),
               authority);
  fal_buf_addf(&ws->out, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
               ws->key);
  for (x = ws->op->client->extra; x != NULL; x = x->next) {
    fal_buf_addf(&ws->out, "%s\r\n", x->data);
    agent = agent || strncasecmp(x->data, "user-agent:", 11) == 0;
  }
  if (!agent)
    fal_buf_addf(&ws->out, "User-Agent: %s\r\n", ws->op->client->user_agent);
  return fal_buf_addstr(&ws->out, "\r\n");
}


/* What the handshake's answer is without its status line and the empty line
** that ends it. */
static fal_answer headers (const fal_ws *ws, size_t head_n) {
  const char *first = memchr(ws->head.s, '\n', head_n);
  fal_answer a;
  memset(&a, 0, sizeof(a));
  a.status = ws->status;
  a.head = first + 1;
  a.head_n = head_n - 2 - (size_t)(first + 1 - ws->head.s);
  a.body = ws->head.s + head_n;
  a.body_n = ws->head.n - head_n;
  return a;
}


/* Length of the answer's head with the empty line; 0: not yet complete. */
static size_t head_end (const fal_ws *ws) {
  const char *end = memmem(ws->head.s, ws->head.n, "\r\n\r\n", 4);
  return end != NULL ? (size_t)(end - ws->head.s) + 4 : 0;
}


/* Another answer than 101: an error, as soon as all of it is there ('all':
** there will be no more). */
static void refuse (fal_ws *ws, int all) {
  fal_answer a = headers(ws, head_end(ws));
  if (!all && !fal_handshake_complete(&a))
    return;
  fal_ws_hide(ws, ws->head.s, ws->head.n);
  fal_handshake_dechunk(&a, (char *)a.body);
  fal_answer_error(&a, &ws->err);
}


/* The head of the answer has come. */
static void answered (fal_ws *ws, size_t head_n) {
  fal_engine *e = ws->op->engine;
  fal_answer a;
  const char *rest = ws->head.s + head_n;
  ws->status = fal_handshake_status(ws->head.s, head_n);
  if (ws->status < 100) {
    fal_ws_lost(ws, FAL_EPROTOCOL, "got no HTTP answer to its handshake");
    return;
  }
  if (ws->status != 101) {
    ws->state = REFUSED;
    fal_alarm_set(e, &ws->due, fal_now() + REFUSAL);
    refuse(ws, 0);
    return;
  }
  a = headers(ws, head_n);
  if (fal_handshake_check(a.head, a.head_n, ws->key, &ws->err) != FAL_OK)
    return;
  if (!fal_frames_new(ws)) {
    fal_ws_lost(ws, FAL_ENOMEM, "ran out of memory");
    return;
  }
  ws->state = OPEN;
  ws->in = rest;
  ws->in_n = a.body_n;
  fal_alarm_set(e, &ws->due, fal_now() + ws->ping);
  ws->opened(ws);
}

/* }====================================================== */


/*
** {======================================================
** Bytes in
** =======================================================
*/

static void take (fal_ws *ws, const char *s, size_t n) {
  if (ws->state == OPEN) {
    ws->in = s;
    ws->in_n = n;
    fal_frames_parse(ws);
  }
  else if (fal_buf_add(&ws->head, s, n) != FAL_OK) {
    if (ws->state == REFUSED)
      refuse(ws, 1);  /* what is there is enough to know why */
    else
      fal_ws_lost(ws, FAL_ETOOBIG, "got too long an answer to its handshake");
  }
  else if (ws->state == REFUSED)
    refuse(ws, 0);
  else {
    size_t head_n = head_end(ws);
    if (head_n > FAL_MAX_HEAD || (head_n == 0 && ws->head.n > FAL_MAX_HEAD))
      fal_ws_lost(ws, FAL_ETOOBIG, "got too long an answer to its handshake");
    else
    if (head_n > 0)
      answered(ws, head_n);
    if (ws->state == OPEN && ws->in_n > 0)
      fal_frames_parse(ws);
  }
}


/* What there is to be read. */
static void receive (fal_ws *ws) {
  char buf[READ];
  int i;
  for (i = 0; i < READS && !fal_frames_over(ws); i++) {
    size_t n = 0;
    CURLcode code = curl_easy_recv(ws->wire->easy, buf, sizeof(buf), &n);
    if (code == CURLE_AGAIN)
      break;
    if (code != CURLE_OK || n == 0) {
      ws->eof = 1;
      break;
    }
    ws->heard = fal_now();
    ws->asked = 0;
    take(ws, buf, n);
    if (!ws->tls && n < sizeof(buf))
      break;  /* that was all; if not, the descriptor stays readable */
  }
  ws->in_n = 0;
}


/* Whether it is over, and why; ends it then. Nothing may follow. */
static void settle (fal_ws *ws) {
  fal_frames_flush(ws);
  if (!fal_frames_over(ws))
    return;
  if (ws->state == REFUSED && ws->err.code == FAL_OK)
    refuse(ws, 1);
  else if (!fal_frames_judge(ws)) {
    ws->code = ws->state == OPEN ? 1006 : 0;
    if (!ws->leaving)
      fal_ws_lost(ws, FAL_ENETWORK, ws->state == OPEN
                  ? "was cut" : "was cut in its handshake");
  }
  finish(ws);
}

/* }====================================================== */


/*
** {======================================================
** The connection
** =======================================================
*/

static int on_socket (CURL *easy, curl_socket_t fd, int what, void *ud,
                      void *known) {
  fal_ws *ws = ud;
  int want = what == CURL_POLL_REMOVE ? 0
    : (what & CURL_POLL_IN ? FAL_POLL_IN : 0) |
      (what & CURL_POLL_OUT ? FAL_POLL_OUT : 0);
  (void)easy;
  (void)known;
  return fal_watch_set(ws->op->engine, &ws->watch, (int)fd, want) == FAL_OK
         ? 0 : -1;
}


static int on_timer (CURLM *multi, long ms, void *ud) {
  fal_ws *ws = ud;
  (void)multi;
  return fal_alarm_set(ws->op->engine, &ws->curl_due,
                       ms < 0 ? 0 : fal_now() + (double)ms / 1000);
}


/* libcurl has done its part. */
static void connected (fal_ws *ws) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(ws->wire->easy, CURLINFO_ACTIVESOCKET, &fd);
  ws->state = SHAKING;
  ws->fd = (int)fd;
  ws->heard = fal_now();
  fal_alarm_set(ws->op->engine, &ws->due,
                fal_now() + ws->op->client->connect_timeout);
  if (ws->fd < 0)
    fal_ws_lost(ws, FAL_ENETWORK, "has no socket");
  settle(ws);
}


static void pump (fal_ws *ws, int fd, int bits) {
  CURLMsg *m;
  int running, left;
  curl_multi_socket_action(ws->multi, fd, bits, &running);
  m = curl_multi_info_read(ws->multi, &left);
  if (m == NULL || m->msg != CURLMSG_DONE)
    return;
  ws->wire->result = m->data.result;
  if (fal_transfer_failure(ws->wire, &ws->err) == FAL_OK)
    connected(ws);
  else
    finish(ws);
}


static void on_ready (fal_watch *w, int fd, int got) {
  fal_ws *ws = container(w, watch);
  if (ws->state == CONNECTING) {
    pump(ws, fd, (got & FAL_POLL_IN ? CURL_CSELECT_IN : 0) |
                 (got & FAL_POLL_OUT ? CURL_CSELECT_OUT : 0));
    return;
  }
  if (got & FAL_POLL_IN)
    receive(ws);
  settle(ws);
}


static void on_curl_due (fal_alarm *a) {
  pump(container(a, curl_due), CURL_SOCKET_TIMEOUT, 0);
}


/* The server was not heard for a while. */
static void check_life (fal_ws *ws) {
  double now = fal_now();
  if (ws->asked)
    fal_ws_lost(ws, FAL_ENETWORK,
                "is dead: the server does not answer a ping");
  else if (now - ws->heard < ws->ping)
    now = ws->heard;
  else {
    ws->asked = 1;
    fal_frames_queue(ws, WSLAY_PING, "", 0);
  }
  fal_alarm_set(ws->op->engine, &ws->due, now + ws->ping);
}


static void on_due (fal_alarm *a) {
  fal_ws *ws = container(a, due);
  if (ws->leaving)
    ws->eof = 1;
  else if (ws->state == OPEN && !fal_frames_over(ws))
    check_life(ws);
  else if (ws->state == REFUSED)
    ws->eof = 1;
  else if (ws->state == SHAKING)
    fal_ws_lost(ws, FAL_ETIMEOUT, "got no answer to its handshake in time");
  settle(ws);
}


static fal_code make_key (fal_ws *ws) {
  unsigned char random[16];
  if (RAND_bytes(random, sizeof(random)) != 1)
    return FAL_ENOMEM;
  ws->key[fal_base64_encode(ws->key, random, sizeof(random))] = '\0';
  return FAL_OK;
}


/* "https://host:port/" for a ws(s):// URL. */
static fal_code put_origin (fal_buf *b, const char *url) {
  const char *authority = strstr(url, "://") + 3;
  return fal_buf_addf(b, "http%s://%.*s/", strncasecmp(url, "wss:", 4) == 0
                      ? "s" : "", (int)strcspn(authority, "/?"), authority);
}


static fal_code connect_wire (fal_ws *ws, const char *url, fal_error *err) {
  fal_buf origin;
  fal_buf_init(&origin, 4096);
  if (put_origin(&origin, url) == FAL_OK && fal_buf_cstr(&origin) != NULL)
    ws->wire = fal_transfer_connect(ws->op, origin.s, err);
  else
    fal_fail(err, FAL_ENOMEM, "out of memory");
  fal_buf_free(&origin);
  ws->multi = ws->wire != NULL ? curl_multi_init() : NULL;
  if (ws->wire == NULL)
    return err->code;
  if (ws->multi == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  curl_multi_setopt(ws->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(ws->multi, CURLMOPT_SOCKETDATA, ws);
  curl_multi_setopt(ws->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(ws->multi, CURLMOPT_TIMERDATA, ws);
  if (curl_multi_add_handle(ws->multi, ws->wire->easy) != CURLM_OK)
    return fal_fail(err, FAL_ENOMEM, "libcurl cannot start a connection");
  ws->wire->active = 1;
  return FAL_OK;
}

/* }====================================================== */


void fal_ws_init (fal_ws *ws, fal_op *op) {
  memset(ws, 0, sizeof(*ws));
  ws->op = op;
  ws->fd = -1;
  ws->watch.ready = on_ready;
  ws->curl_due.ring = on_curl_due;
  ws->due.ring = on_due;
  fal_buf_init(&ws->head, 2 * FAL_MAX_HEAD);
  fal_buf_init(&ws->out, (size_t)-1);   /* 'send' has the ceiling */
  fal_buf_init(&ws->sending, (size_t)-1);
}


fal_code fal_ws_start (fal_ws *ws, const char *url, fal_error *err) {
  fal_url u;
  memset(&ws->err, 0, sizeof(ws->err));
  ws->code = ws->status = ws->asked = ws->leaving = ws->eof = 0;
  ws->bye_n = 0;
  ws->tls = strncasecmp(url, "wss:", 4) == 0;
  ws->reason[0] = '\0';
  ws->state = CONNECTING;
  if (fal_url_split(url, strlen(url), &u) != 0 ||
      strncasecmp(url, "ws", 2) != 0)
    fal_fail(err, FAL_EVALIDATION, "not the address of a WebSocket");
  else if (make_key(ws) != FAL_OK || put_request(ws, url, &u) != FAL_OK)
    fal_fail(err, FAL_ENOMEM, "out of memory");
  else if (connect_wire(ws, url, err) == FAL_OK)
    return FAL_OK;
  fal_ws_clear(ws);
  return err->code;
}


int fal_ws_open (const fal_ws *ws) {
  return ws->state == OPEN && !ws->leaving;
}


fal_code fal_ws_send (fal_ws *ws, const char *s, size_t n, int text) {
  if (n > MAX_WAITING || fal_frames_waiting(ws) > MAX_WAITING - n)
    return FAL_ETOOBIG;
  if (fal_frames_queue(ws, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, s,
                       n) != 0)
    return FAL_ENOMEM;
  fal_frames_flush(ws);
  if (fal_frames_over(ws))  /* the engine's step will tell */
    fal_alarm_set(ws->op->engine, &ws->due, fal_now());
  return FAL_OK;
}


void fal_ws_poll (fal_ws *ws) {
  if (ws->state == OPEN) {
    receive(ws);
    settle(ws);
  }
}


void fal_ws_close (fal_ws *ws, int code) {
  ws->leaving = 1;
  fal_alarm_set(ws->op->engine, &ws->due, fal_now() +
                (ws->state == OPEN ? GOODBYE : 0));
  if (ws->state == OPEN) {
    wslay_event_queue_close(ws->frames, (uint16_t)code, NULL, 0);
    fal_frames_flush(ws);
  }
}


void fal_ws_clear (fal_ws *ws) {
  if (ws->state == CLOSED)
    return;
  ws->state = CLOSED;
  if (ws->fd >= 0)
    fal_ws_watch(ws, 0);
  ws->fd = -1;
  if (ws->wire != NULL && ws->wire->active)
    curl_multi_remove_handle(ws->multi, ws->wire->easy);
  fal_transfer_free(ws->wire);
  ws->wire = NULL;
  curl_multi_cleanup(ws->multi);
  ws->multi = NULL;
  if (ws->frames != NULL)
    wslay_event_context_free(ws->frames);
  ws->frames = NULL;
  fal_alarm_set(ws->op->engine, &ws->curl_due, 0);
  fal_alarm_set(ws->op->engine, &ws->due, 0);
  fal_buf_free(&ws->head);
  fal_buf_free(&ws->out);
  fal_buf_free(&ws->sending);
  ws->sent = ws->in_n = 0;
}
