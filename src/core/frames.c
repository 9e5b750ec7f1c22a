/*
** frames.c -- the frames of a WebSocket, in both directions, on wslay
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <wslay/wslay.h>

#include "frames.h"

#define KEPT  ((size_t)256 << 10)   /* a larger buffer is not kept */


fal_code fal_ws_lost (fal_ws *ws, fal_code code, const char *text) {
  if (ws->err.code == FAL_OK) {
    fal_fail(&ws->err, code, "the realtime connection %s", text);
    ws->err.retryable = code == FAL_ENETWORK || code == FAL_ETIMEOUT;
  }
  return code;
}


void fal_ws_hide (const fal_ws *ws, char *s, size_t n) {
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
  fal_ws *ws = ud;
  (void)ctx;
  if (n > ws->masks_n) {  /* asking for many at once costs as much as for one */
    if (n > sizeof(ws->masks) || RAND_bytes(ws->masks, sizeof(ws->masks)) != 1)
      return -1;
    ws->masks_n = sizeof(ws->masks);
  }
  ws->masks_n -= n;
  memcpy(to, ws->masks + ws->masks_n, n);
  return 0;
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


int fal_frames_new (fal_ws *ws) {
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

void fal_ws_watch (fal_ws *ws, int want) {
  if (ws->fd >= 0 && want != ws->want &&
      fal_watch_set(ws->op->engine, &ws->watch, ws->fd, want) == FAL_OK)
    ws->want = want;
}


size_t fal_frames_waiting (const fal_ws *ws) {
  return ws->out.n + ws->sending.n - ws->sent;
}


/* TLS wants the same bytes at the same place when
** it has to try again, so they are not moved until all of them are gone. */
void fal_frames_flush (fal_ws *ws) {
  if (ws->frames != NULL && wslay_event_want_write(ws->frames) &&
      wslay_event_send(ws->frames) != 0)
    fal_ws_lost(ws, FAL_ENOMEM, "ran out of memory");
  while (!ws->eof && fal_frames_waiting(ws) > 0) {
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
  if (fal_frames_waiting(ws) == 0 && ws->sending.cap > KEPT) {
    fal_buf_free(&ws->sending);
    ws->sent = 0;
  }
  fal_ws_watch(ws, FAL_POLL_IN | (fal_frames_waiting(ws) > 0 && !ws->eof
                                  ? FAL_POLL_OUT : 0));
}


int fal_frames_queue (fal_ws *ws, int opcode, const char *s, size_t n) {
  struct wslay_event_msg m;
  m.opcode = (uint8_t)opcode;
  m.msg = (const uint8_t *)s;
  m.msg_length = n;
  return wslay_event_queue_msg(ws->frames, &m);
}

/* }====================================================== */


/*
** {======================================================
** Bytes in, and the end
** =======================================================
*/

void fal_frames_parse (fal_ws *ws) {
  int code = wslay_event_recv(ws->frames);
  if (code == WSLAY_ERR_NOMEM)
    fal_ws_lost(ws, FAL_ENOMEM, "ran out of memory");
  else if (code != 0)
    fal_ws_lost(ws, FAL_EPROTOCOL, "got a frame that is none");
}


int fal_frames_over (const fal_ws *ws) {
  return ws->err.code != FAL_OK || ws->eof ||
         (ws->frames != NULL && !wslay_event_get_read_enabled(ws->frames));
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
    fal_ws_hide(ws, ws->reason, strlen(ws->reason));
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
    fal_ws_lost(ws, FAL_ETOOBIG, "got a message larger than it takes");
    fal_hint(&ws->err, "%lu bytes is the ceiling",
             (unsigned long)ws->max_message);
  }
  else
    fal_ws_lost(ws, FAL_EPROTOCOL,
                ws->code == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA
                ? "got text that is not UTF-8" : "got a frame that is none");
}


int fal_frames_judge (fal_ws *ws) {
  if (was_closed(ws))
    judge_code(ws);
  else if (ws->frames != NULL && !wslay_event_get_read_enabled(ws->frames))
    judge_refusal(ws);
  else
    return 0;
  return 1;
}

/* }====================================================== */
