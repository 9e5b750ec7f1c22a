/*
** socket.h -- WebSockets that callers have opened (RFC 6455)
**
** An upgraded connection lives on the server's loop. What uses it embeds a
** serve_socket as its first member and has a class; all functions below run
** on the loop's thread, but for serve_socket_upgrade.
*/
#ifndef falua_socket_h
#define falua_socket_h

#include "loop.h"
#include "serve.h"

struct wslay_event_context;
typedef struct serve_socket serve_socket;

typedef struct serve_socket_class {
  void (*message) (serve_socket *k, int text, const char *s, size_t n);
  /* Nothing came for 'idle' seconds; may be NULL. */
  void (*idle) (serve_socket *k);
  /* The connection is gone; last. What embeds it is to be freed by this, now
  ** or when nothing else needs it. Also called when it was never opened. */
  void (*closed) (serve_socket *k);
} serve_socket_class;

struct serve_socket {
  const serve_socket_class *cls;
  falua_server *s;
  double idle;              /* seconds; 0: never */
  /* Private. */
  serve_socket *prev, *next;            /* all open ones */
  serve_task task;
  fal_watch watch;
  fal_alarm due;
  struct MHD_UpgradeResponseHandle *handle;
  struct wslay_event_context *frames;
  int fd, want;
  int leaving;              /* we said that we close */
  int broken;               /* nothing more can be sent or received */
  int asked;                /* a ping was sent since we heard anything */
  double heard, spoken;     /* anything at all; a message */
  double left;              /* when 'leaving' began */
  const char *in;           /* received, not yet given to wslay */
  size_t in_n;
  fal_buf early;            /* received with the handshake */
  fal_buf out;
  size_t sent;              /* of 'out' */
};

/* Answers 'r' with 101 and hands its connection to 'k', zeroed but for what
** stands before its private part; or makes the refusal that is due (not a
** handshake: 400 or 426) and returns 0: then 'k' is still the caller's. On
** libmicrohttpd's thread. */
int serve_socket_upgrade (serve_request *r, serve_socket *k);

/* Nonzero when the request asks for a WebSocket. */
int serve_socket_wanted (const serve_request *r);

/* Sends a message. Copies. Drops the connection of a caller that lets more
** than 64 MiB wait. */
void serve_socket_send (serve_socket *k, int text, const char *s, size_t n);

/* Says goodbye with a code and a reason (may be NULL); 'closed' is called when
** the other side has answered, or has not in some seconds. */
void serve_socket_close (serve_socket *k, int code, const char *reason);

/* For a request that ends although its upgrade was never carried out. */
void serve_socket_abandon (serve_socket *k);

/* Closes all sockets of the server as going away and waits, a second at most,
** until they are gone; then drops them. On the thread that stops it. */
void serve_socket_close_all (falua_server *s);

#endif
