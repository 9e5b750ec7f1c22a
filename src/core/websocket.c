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
#include "handshake.h"
#include "websocket.h"

#define MAX_WAITING ((size_t)64 << 20)   /* bytes to be sent */
#define KEPT        ((size_t)256 << 10)  /* a larger buffer is not kept */
#define READ        ((size_t)32 << 10)
#define READS       64      /* before others get their turn */
#define REFUSAL     5.0     /* seconds for the rest of a refusal */
#define GOODBYE     3.0     /* seconds for the answer to a close frame */

enum { CLOSED, CONNECTING, SHAKING, REFUSED, OPEN };

#define container(p,member) \
  ((fal_ws *)((char *)(p) - offsetof(fal_ws, member)))


/* Says why it is over; 'finish' does the rest. The first reason counts. */
static fal_code lost (fal_ws *ws, fal_code code, const char *text) {
  if (ws->err.code == FAL_OK) {
    fal_fail(&ws->err, code, "the realtime connection %s", text);
    ws->err.retryable = code == FAL_ENETWORK || code == FAL_ETIMEOUT;
  }
  return code;
}


/* Ends it: the operation hears of it when nothing is left of it. */
static void finish (fal_ws *ws) {
  fal_ws_clear(ws);
  ws->ended(ws);
}


/* Blanks the secret out of s[0..n). */
static void hide (const fal_ws *ws, char *s, size_t n) {
  size_t k = ws->secret != NULL ? strlen(ws->secret) : 0;
  char *p = s;
  if (k < 4)
    return;
  while ((p = memmem(p, n - (size_t)(p - s), ws->secret, k)) != NULL)
    memset(p, '*', k);
}


/*
** {======================================================
** Frames: wslay's callbacks
** =======================================================
*/

static ssize_t on_recv (wslay_event_context_ptr ctx, uint8_t *to, size_t n,
                        int flags, void *ud) {
  fal_ws *ws = ud;
  (void)flags;
  if (n > ws->in_n)
    n = ws->in_n;
  if (n == 0) {
    wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  memcpy(to, ws->in, n);
  ws->in += n;
  ws->in_n -= n;
  return (ssize_t)n;
}


/* Header and payload meet in a buffer, so that a message is one send. */
static ssize_t on_send (wslay_event_context_ptr ctx, const uint8_t *s,
                        size_t n, int flags, void *ud) {
  fal_ws *ws = ud;
  (void)flags;
  if (fal_buf_add(&ws->out, s, n) == FAL_OK)
    return (ssize_t)n;
  wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}


static int on_mask (wslay_event_context_ptr ctx, uint8_t *to, size_t n,
                    void *ud) {
  (void)ctx;
  (void)ud;
  return RAND_bytes(to, (int)n) == 1 ? 0 : -1;
}


static void on_message (wslay_event_context_ptr ctx,
                        const struct wslay_event_on_msg_recv_arg *m,
                        void *ud) {
  fal_ws *ws = ud;
  (void)ctx;
  if (!wslay_is_ctrl_frame(m->opcode) && !ws->leaving)
    ws->message(ws, (const char *)m->msg, m->msg_length,
                m->opcode == WSLAY_TEXT_FRAME);
}


/* Close frames are read here: wslay itself refuses codes from 1012 on. */
static void on_frame (wslay_event_context_ptr ctx,
                      const struct wslay_event_on_frame_recv_start_arg *f,
                      void *ud) {
  (void)ctx;
  ((fal_ws *)ud)->in_bye = f->opcode == WSLAY_CONNECTION_CLOSE;
}


static void on_chunk (wslay_event_context_ptr ctx,
                      const struct wslay_event_on_frame_recv_chunk_arg *c,
                      void *ud) {
  fal_ws *ws = ud;
  (void)ctx;
  if (ws->in_bye && c->data_length <= sizeof(ws->bye) - ws->bye_n) {
    memcpy(ws->bye + ws->bye_n, c->data, c->data_length);
    ws->bye_n += c->data_length;
  }
}


static int new_frames (fal_ws *ws) {
  static const struct wslay_event_callbacks callbacks = {
    on_recv, on_send, on_mask, on_frame, on_chunk, NULL, on_message
  };
  if (wslay_event_context_client_init(&ws->frames, &callbacks, ws) != 0) {
    ws->frames = NULL;
    return 0;
  }
  wslay_event_config_set_max_recv_msg_length(ws->frames, ws->max_message);
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Bytes out
** =======================================================
*/

static void watch (fal_ws *ws, int want) {
  if (ws->fd >= 0 && want != ws->want &&
      fal_watch_set(ws->op->engine, &ws->watch, ws->fd, want) == FAL_OK)
    ws->want = want;
}


static size_t waiting (const fal_ws *ws) {
  return ws->out.n + ws->sending.n - ws->sent;
}


/* Gives curl what there is. TLS wants the same bytes at the same place when
** it has to try again, so they are not moved until all of them are gone. */
static void flush (fal_ws *ws) {
  if (ws->frames != NULL && wslay_event_want_write(ws->frames) &&
      wslay_event_send(ws->frames) != 0)
    lost(ws, FAL_ENOMEM, "ran out of memory");
  while (!ws->eof && waiting(ws) > 0) {
    size_t n = 0;
    CURLcode code;
    if (ws->sent == ws->sending.n) {
      fal_buf full = ws->out;
      ws->out = ws->sending;
      ws->sending = full;
      ws->out.n = ws->sent = 0;
    }
    code = curl_easy_send(ws->wire->easy, ws->sending.s + ws->sent,
                          ws->sending.n - ws->sent, &n);
    if (code == CURLE_OK)
      ws->sent += n;
    else if (code != CURLE_AGAIN)
      ws->eof = 1;
    else
      break;
  }
  if (waiting(ws) == 0 && ws->sending.cap > KEPT) {
    fal_buf_free(&ws->sending);
    ws->sent = 0;
  }
  watch(ws, FAL_POLL_IN | (waiting(ws) > 0 && !ws->eof ? FAL_POLL_OUT : 0));
}


static int queue (fal_ws *ws, int opcode, const char *s, size_t n) {
  struct wslay_event_msg m;
  m.opcode = (uint8_t)opcode;
  m.msg = (const uint8_t *)s;
  m.msg_length = n;
  return wslay_event_queue_msg(ws->frames, &m);
}

/* }====================================================== */


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
  hide(ws, ws->head.s, ws->head.n);
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
    lost(ws, FAL_EPROTOCOL, "got no HTTP answer to its handshake");
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
  if (!new_frames(ws)) {
    lost(ws, FAL_ENOMEM, "ran out of memory");
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

/* Lets wslay work on what was received. */
static void parse (fal_ws *ws) {
  int code = wslay_event_recv(ws->frames);
  if (code == WSLAY_ERR_NOMEM)
    lost(ws, FAL_ENOMEM, "ran out of memory");
  else if (code != 0)
    lost(ws, FAL_EPROTOCOL, "got a frame that is none");
}


static void take (fal_ws *ws, const char *s, size_t n) {
  if (ws->state == OPEN) {
    ws->in = s;
    ws->in_n = n;
    parse(ws);
  }
  else if (fal_buf_add(&ws->head, s, n) != FAL_OK) {
    if (ws->state == REFUSED)
      refuse(ws, 1);  /* what is there is enough to know why */
    else
      lost(ws, FAL_ETOOBIG, "got too long an answer to its handshake");
  }
  else if (ws->state == REFUSED)
    refuse(ws, 0);
  else {
    size_t head_n = head_end(ws);
    if (head_n > FAL_MAX_HEAD || (head_n == 0 && ws->head.n > FAL_MAX_HEAD))
      lost(ws, FAL_ETOOBIG, "got too long an answer to its handshake");
    else
    if (head_n > 0)
      answered(ws, head_n);
    if (ws->state == OPEN && ws->in_n > 0)
      parse(ws);
  }
}


/* Has the connection come to its end? */
static int is_over (const fal_ws *ws) {
  return ws->err.code != FAL_OK || ws->eof ||
         (ws->frames != NULL && !wslay_event_get_read_enabled(ws->frames));
}


/* What there is to be read. */
static void receive (fal_ws *ws) {
  char buf[READ];
  int i;
  for (i = 0; i < READS && !is_over(ws); i++) {
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


/* Was it the other side that closed it? Then its code and reason are read. */
static int was_closed (fal_ws *ws) {
  int known = ws->frames != NULL && wslay_event_get_close_received(ws->frames);
  int code = ws->bye_n >= 2 ? ws->bye[0] << 8 | ws->bye[1] : 1005;
  if (ws->bye_n == 1 || (!known && !(code >= 1012 && code <= 1014)))
    return 0;
  ws->code = code;
  if (ws->bye_n > 2) {
    fal_copy_text(ws->reason, sizeof(ws->reason), (char *)ws->bye + 2,
                  ws->bye_n - 2);
    hide(ws, ws->reason, strlen(ws->reason));
  }
  return 1;
}


/* A close frame that is not the usual one, as an error. */
static void judge_code (fal_ws *ws) {
  static const struct { int from, to; fal_code code; } kinds[] = {
    { 1001, 1001, FAL_ENETWORK }, { 1012, 1014, FAL_ENETWORK },
    { 1002, 1003, FAL_EPROTOCOL }, { 1007, 1007, FAL_EPROTOCOL },
    { 1008, 1008, FAL_EAUTH }, { 1009, 1009, FAL_ETOOBIG },
    { 0, 65535, FAL_EMODEL }
  };
  size_t i = 0;
  if (ws->leaving || ws->code == 1000 || ws->code == 1005)
    return;
  while (ws->code < kinds[i].from || ws->code > kinds[i].to)
    i++;
  fal_fail(&ws->err, kinds[i].code, "the server closed the realtime connection"
           " with code %d%s%s", ws->code, ws->reason[0] != '\0' ? ": " : "",
           ws->reason);
  ws->err.status = ws->code;
  ws->err.retryable = kinds[i].code == FAL_ENETWORK;
}


/* We closed it because of what the other side sent. */
static void judge_refusal (fal_ws *ws) {
  ws->code = wslay_event_get_status_code_sent(ws->frames);
  if (ws->code == WSLAY_CODE_MESSAGE_TOO_BIG) {
    lost(ws, FAL_ETOOBIG, "got a message larger than it takes");
    fal_hint(&ws->err, "%lu bytes is the ceiling",
             (unsigned long)ws->max_message);
  }
  else
    lost(ws, FAL_EPROTOCOL, ws->code == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA
         ? "got text that is not UTF-8" : "got a frame that is none");
}


/* Whether it is over, and why; ends it then. Nothing may follow. */
static void settle (fal_ws *ws) {
  flush(ws);
  if (!is_over(ws))
    return;
  if (ws->state == REFUSED && ws->err.code == FAL_OK)
    refuse(ws, 1);
  else if (was_closed(ws))
    judge_code(ws);
  else if (ws->frames != NULL && !wslay_event_get_read_enabled(ws->frames))
    judge_refusal(ws);
  else {
    ws->code = ws->state == OPEN ? 1006 : 0;
    if (!ws->leaving)
      lost(ws, FAL_ENETWORK, ws->state == OPEN ? "was cut"
                                               : "was cut in its handshake");
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
    lost(ws, FAL_ENETWORK, "has no socket");
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
    lost(ws, FAL_ENETWORK, "is dead: the server does not answer a ping");
  else if (now - ws->heard < ws->ping)
    now = ws->heard;
  else {
    ws->asked = 1;
    queue(ws, WSLAY_PING, "", 0);
  }
  fal_alarm_set(ws->op->engine, &ws->due, now + ws->ping);
}


static void on_due (fal_alarm *a) {
  fal_ws *ws = container(a, due);
  if (ws->leaving)
    ws->eof = 1;
  else if (ws->state == OPEN && !is_over(ws))
    check_life(ws);
  else if (ws->state == REFUSED)
    ws->eof = 1;
  else if (ws->state == SHAKING)
    lost(ws, FAL_ETIMEOUT, "got no answer to its handshake in time");
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
  if (n > MAX_WAITING || waiting(ws) > MAX_WAITING - n)
    return FAL_ETOOBIG;
  if (queue(ws, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, s, n) != 0)
    return FAL_ENOMEM;
  flush(ws);
  if (is_over(ws))  /* the engine's step will tell */
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
    flush(ws);
  }
}


void fal_ws_clear (fal_ws *ws) {
  if (ws->state == CLOSED)
    return;
  ws->state = CLOSED;
  if (ws->fd >= 0)
    watch(ws, 0);
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
