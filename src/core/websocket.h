/*
** websocket.h -- a WebSocket client (RFC 6455) on a libcurl connection
**
** libcurl makes the connection (TCP, proxy, TLS); from there on the bytes are
** ours: the handshake is written and read here, the frames are wslay's. An
** operation embeds a fal_ws and is told what happens by three functions.
*/
#ifndef fal_websocket_h
#define fal_websocket_h

#include "engine.h"

struct wslay_event_context;

typedef struct fal_ws {
  /* Filled by the operation after 'init'. */
  fal_op *op;
  void (*opened) (struct fal_ws *ws);
  void (*message) (struct fal_ws *ws, const char *s, size_t n, int text);
  void (*ended) (struct fal_ws *ws);   /* may clear it, and start it again */
  size_t max_message;
  double ping;              /* see fal_realtime_request */
  const char *secret;       /* blanked out of what goes to messages; in the
                               URL; NULL: none. Not copied */
  /* How it ended. */
  fal_error err;            /* FAL_OK: closed with code 1000 or none, or by
                               us */
  int code;                 /* of the close frame; 1005: it had none, 1006:
                               there was none; 0: it never opened */
  char reason[124];
  int status;               /* of a handshake that was refused */
  /* Private. */
  int state;
  CURLM *multi;
  fal_transfer *wire;
  fal_watch watch;
  fal_alarm curl_due, due;
  int fd, want, tls;
  fal_buf head;             /* the answer to the handshake */
  fal_buf out, sending;     /* 'sending' stays put until all of it is sent */
  size_t sent;
  const char *in;           /* received, not yet given to wslay */
  size_t in_n;
  struct wslay_event_context *frames;
  char key[25];             /* Sec-WebSocket-Key */
  unsigned char masks[256]; /* random bytes, the first masks_n not used yet */
  size_t masks_n;
  double heard;             /* when something was last received */
  int asked;                /* a ping was sent since */
  int leaving;              /* we said that we close */
  int eof;
  unsigned char bye[125];   /* payload of the close frame received */
  size_t bye_n;
  int in_bye;
} fal_ws;

/* A socket of 'op', closed. */
void fal_ws_init (fal_ws *ws, fal_op *op);

/* Connects to a ws(s):// URL. On failure nothing was started. */
fal_code fal_ws_start (fal_ws *ws, const char *url, fal_error *err);

/* Nonzero once it is open. */
int fal_ws_open (const fal_ws *ws);

/* Sends a message. Copies. FAL_ETOOBIG when more than 64 MiB would wait. */
fal_code fal_ws_send (fal_ws *ws, const char *s, size_t n, int text);

/* Receives what is there: after a pause, to see that it was closed. May end
** it. */
void fal_ws_poll (fal_ws *ws);

/* Says goodbye with a code; 'ended' is called when it was answered, or after
** some seconds. */
void fal_ws_close (fal_ws *ws, int code);

/* Drops the connection, if any, without another word, and frees what it
** holds. */
void fal_ws_clear (fal_ws *ws);

#endif
