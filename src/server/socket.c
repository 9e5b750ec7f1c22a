/*
** socket.c -- WebSockets that callers have opened
**
** libmicrohttpd reads the handshake and gives the socket away; from there on
** the frames are wslay's and the loop's engine watches the descriptor.
*/
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include <wslay/wslay.h>

#include "../core/fal.h"
#include "../core/handshake.h"
#include "socket.h"
#include "turn.h"

#define READ         ((size_t)64 << 10)
#define READS        16     /* before others get their turn */
#define MAX_WAITING  ((size_t)64 << 20)   /* bytes to be sent */
#define KEPT         ((size_t)64 << 10)   /* a larger buffer is not kept */
#define GOODBYE      3.0    /* seconds for the answer to a close frame */
#define PING         25.0   /* seconds of silence before we ask for a sign */

#define container(p,member) \
  ((serve_socket *)((char *)(p) - offsetof(serve_socket, member)))


static fal_engine *engine (const serve_socket *k) {
  return serve_loop_engine(k->s->loop);
}


/*
** {======================================================
** Frames: wslay's callbacks
** =======================================================
*/

static ssize_t on_recv (wslay_event_context_ptr ctx, uint8_t *to, size_t n,
                        int flags, void *ud) {
  serve_socket *k = ud;
  (void)flags;
  if (n > k->in_n)
    n = k->in_n;
  if (n == 0) {
    wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  memcpy(to, k->in, n);
  k->in += n;
  k->in_n -= n;
  return (ssize_t)n;
}


/* Header and payload meet in a buffer, so that a message is one send. */
static ssize_t on_send (wslay_event_context_ptr ctx, const uint8_t *s,
                        size_t n, int flags, void *ud) {
  serve_socket *k = ud;
  (void)flags;
  if (fal_buf_add(&k->out, s, n) == FAL_OK)
    return (ssize_t)n;
  wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}


/* A close frame without a code gets one with 1000 in answer: the official
** client reports any other end of its own close() as an error. */
static void on_frame (wslay_event_context_ptr ctx,
                      const struct wslay_event_on_frame_recv_start_arg *f,
                      void *ud) {
  (void)ud;
  if (f->opcode == WSLAY_CONNECTION_CLOSE && f->payload_length == 0)
    wslay_event_queue_close(ctx, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
}


static void on_message (wslay_event_context_ptr ctx,
                        const struct wslay_event_on_msg_recv_arg *m,
                        void *ud) {
  serve_socket *k = ud;
  (void)ctx;
  if (wslay_is_ctrl_frame(m->opcode) || k->leaving)
    return;
  k->spoken = fal_now();
  k->cls->message(k, m->opcode == WSLAY_TEXT_FRAME, (const char *)m->msg,
                  m->msg_length);
}


static int new_frames (serve_socket *k) {
  static const struct wslay_event_callbacks callbacks = {
    on_recv, on_send, NULL, on_frame, NULL, NULL, on_message
  };
  if (wslay_event_context_server_init(&k->frames, &callbacks, k) != 0) {
    k->frames = NULL;
    return 0;
  }
  wslay_event_config_set_max_recv_msg_length(k->frames, SERVE_BODY_MAX);
  return 1;
}


static void queue (serve_socket *k, int opcode, const char *s, size_t n) {
  struct wslay_event_msg m;
  m.opcode = (uint8_t)opcode;
  m.msg = (const uint8_t *)s;
  m.msg_length = n;
  if (wslay_event_queue_msg(k->frames, &m) == WSLAY_ERR_NOMEM)
    k->broken = 1;
}

/* }====================================================== */


/*
** {======================================================
** Its end
** =======================================================
*/

static void link_socket (serve_socket *k) {
  falua_server *s = k->s;
  pthread_mutex_lock(&s->lock);
  k->next = s->sockets;
  if (k->next != NULL)
    k->next->prev = k;
  s->sockets = k;
  pthread_mutex_unlock(&s->lock);
}


static void unlink_socket (serve_socket *k) {
  falua_server *s = k->s;
  pthread_mutex_lock(&s->lock);
  if (k->next != NULL)
    k->next->prev = k->prev;
  if (k->prev != NULL)
    k->prev->next = k->next;
  else
    s->sockets = k->next;
  pthread_cond_signal(&s->idle);
  pthread_mutex_unlock(&s->lock);
}


/* Lets go of everything; 'k' may be gone after this. */
static void finish (serve_socket *k) {
  if (k->want != 0)
    fal_watch_set(engine(k), &k->watch, k->fd, 0);
  fal_alarm_set(engine(k), &k->due, 0);
  wslay_event_context_free(k->frames);
  fal_buf_free(&k->early);
  fal_buf_free(&k->out);
  MHD_upgrade_action(k->handle, MHD_UPGRADE_ACTION_CLOSE);
  serve_turn_news(k->s->turn);
  unlink_socket(k);
  k->cls->closed(k);
}


void serve_socket_abandon (serve_socket *k) {
  wslay_event_context_free(k->frames);
  k->cls->closed(k);
}

/* }====================================================== */


/*
** {======================================================
** Bytes in and out
** =======================================================
*/

static void flush (serve_socket *k) {
  if (wslay_event_want_write(k->frames) && wslay_event_send(k->frames) != 0)
    k->broken = 1;
  while (!k->broken && k->sent < k->out.n) {
    ssize_t n = send(k->fd, k->out.s + k->sent, k->out.n - k->sent,
                     MSG_NOSIGNAL);
    if (n > 0)
      k->sent += (size_t)n;
    else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      break;
    else if (n == 0 || errno != EINTR)
      k->broken = 1;
  }
  if (k->sent == k->out.n) {
    k->out.n = k->sent = 0;
    if (k->out.cap > KEPT)
      fal_buf_free(&k->out);
  }
}


/* Gives wslay what was received. */
static void feed (serve_socket *k, const char *s, size_t n) {
  k->in = s;
  k->in_n = n;
  while (k->in_n > 0 && !k->broken && wslay_event_want_read(k->frames))
    if (wslay_event_recv(k->frames) != 0)
      k->broken = 1;
  k->in_n = 0;
  if (!k->leaving && !wslay_event_get_read_enabled(k->frames) &&
      !wslay_event_get_close_received(k->frames)) {
    k->leaving = 1;  /* wslay found an error and says goodbye */
    k->left = fal_now();
  }
}


static void receive (serve_socket *k) {
  static __thread char buffer[READ];
  int i;
  for (i = 0; i < READS && !k->broken; i++) {
    ssize_t n = recv(k->fd, buffer, sizeof(buffer), 0);
    if (n > 0) {
      k->heard = fal_now();
      k->asked = 0;
      feed(k, buffer, (size_t)n);
    }
    else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK &&
                        errno != EINTR))
      k->broken = 1;
    if (n < (ssize_t)sizeof(buffer))
      break;
  }
}

/* }====================================================== */


/*
** {======================================================
** Its life
** =======================================================
*/

/* When to look at it although nothing came. */
static void set_alarm (serve_socket *k) {
  double due = k->heard + (k->asked ? 2 * PING : PING);
  if (k->leaving)
    due = k->left + GOODBYE;
  else if (k->idle > 0 && k->cls->idle != NULL && k->spoken + k->idle < due)
    due = k->spoken + k->idle;
  if (fal_alarm_set(engine(k), &k->due, due) != 0)
    k->broken = 1;
}


/* After anything happened: sends what is to be sent, waits for the rest. May
** be the end of it. */
static void settle (serve_socket *k) {
  int want = FAL_POLL_IN;
  flush(k);
  if (k->sent < k->out.n)
    want |= FAL_POLL_OUT;
  else if (wslay_event_get_close_sent(k->frames) &&
           wslay_event_get_close_received(k->frames))
    k->broken = 1;  /* both sides have said goodbye */
  if (!k->broken && want != k->want) {
    if (fal_watch_set(engine(k), &k->watch, k->fd, want) == FAL_OK)
      k->want = want;
    else
      k->broken = 1;
  }
  if (!k->broken)
    set_alarm(k);
  if (k->broken)
    finish(k);
}


static void ready (fal_watch *w, int fd, int got) {
  serve_socket *k = container(w, watch);
  (void)fd;
  if (got & FAL_POLL_IN)
    receive(k);
  settle(k);
}


static void ring (fal_alarm *a) {
  serve_socket *k = container(a, due);
  double now = fal_now();
  if ((k->leaving && now >= k->left + GOODBYE) ||
      (k->asked && now >= k->heard + 2 * PING))
    k->broken = 1;
  else if (k->leaving)
    ;  /* only to send the rest */
  else if (k->idle > 0 && k->cls->idle != NULL && now >= k->spoken + k->idle) {
    k->spoken = now;
    k->cls->idle(k);
  }
  else if (!k->asked && now >= k->heard + PING) {
    k->asked = 1;
    queue(k, WSLAY_PING, NULL, 0);
  }
  settle(k);
}


/* On the loop's thread, once: the connection is ours. */
static void open_socket (serve_task *task) {
  serve_socket *k = container(task, task);
  k->watch.ready = ready;
  k->due.ring = ring;
  k->heard = k->spoken = fal_now();
  if (k->early.n > 0)
    feed(k, k->early.s, k->early.n);
  fal_buf_free(&k->early);
  settle(k);
}


/* Sends what can be sent; 'settle', which may be the end of it, comes soon. */
static void push (serve_socket *k) {
  flush(k);
  if ((k->sent < k->out.n || k->broken || k->leaving) &&
      fal_alarm_set(engine(k), &k->due, fal_now()) != 0)
    k->broken = 1;
}


void serve_socket_send (serve_socket *k, int text, const char *s, size_t n) {
  if (k->leaving || k->broken)
    return;
  queue(k, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, s, n);
  push(k);
}


void serve_socket_close (serve_socket *k, int code, const char *reason) {
  if (k->leaving || k->broken)
    return;
  wslay_event_queue_close(k->frames, (uint16_t)code, (const uint8_t *)reason,
                          reason != NULL ? strlen(reason) : 0);
  k->leaving = 1;
  k->left = fal_now();
  push(k);
}

/* }====================================================== */


/*
** {======================================================
** The handshake
** =======================================================
*/

/* On libmicrohttpd's thread, after the 101 was sent. */
static void upgraded (void *cls, struct MHD_Connection *mc, void *con_cls,
                      const char *extra, size_t extra_n, MHD_socket fd,
                      struct MHD_UpgradeResponseHandle *handle) {
  serve_request *r = con_cls;
  serve_socket *k = r->socket;
  int one = 1;
  (void)cls;
  (void)mc;
  r->socket = NULL;
  k->fd = fd;
  k->handle = handle;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  if (fal_buf_add(&k->early, extra, extra_n) != FAL_OK)
    k->broken = 1;
  k->task.run = open_socket;
  link_socket(k);
  serve_loop_post(k->s->loop, &k->task);
}


/* Is 'word' one of the words of a header, between commas? */
static int has_word (const serve_request *r, const char *name,
                     const char *word) {
  const char *v = serve_header(r, name);
  size_t n = strlen(word);
  while (v != NULL && *v != '\0') {
    v += strspn(v, ", \t");
    if (strncasecmp(v, word, n) == 0 && strchr(", \t", v[n]) != NULL)
      return 1;
    v += strcspn(v, ",");
  }
  return 0;
}


int serve_socket_wanted (const serve_request *r) {
  return has_word(r, MHD_HTTP_HEADER_UPGRADE, "websocket");
}


/* The key of a handshake that is one; NULL after making the refusal. */
static const char *handshake_key (serve_request *r) {
  const char *key = serve_header(r, "Sec-WebSocket-Key");
  const char *version = serve_header(r, "Sec-WebSocket-Version");
  if (strcmp(r->method, "GET") != 0 || !serve_socket_wanted(r) ||
      !has_word(r, MHD_HTTP_HEADER_CONNECTION, "upgrade")) {
    serve_answer_detail(&r->answer, MHD_HTTP_UPGRADE_REQUIRED, NULL,
                        "This address speaks WebSocket");
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_UPGRADE, "websocket");
    return NULL;
  }
  if (version == NULL || strcmp(version, "13") != 0) {
    serve_answer_detail(&r->answer, MHD_HTTP_UPGRADE_REQUIRED, NULL,
                        "Only version 13 of WebSocket is spoken here");
    serve_answer_header(&r->answer, "Sec-WebSocket-Version", "13");
    return NULL;
  }
  if (key == NULL || strlen(key) != 24) {
    serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, "bad_request",
                        "Sec-WebSocket-Key must be 16 bytes in base64");
    return NULL;
  }
  return key;
}


int serve_socket_upgrade (serve_request *r, serve_socket *k) {
  const char *key = handshake_key(r);
  char accept[29];
  if (key == NULL)
    return 0;
  k->s = r->s;
  k->fd = -1;
  fal_buf_init(&k->early, SERVE_BODY_MAX);
  fal_buf_init(&k->out, MAX_WAITING);
  serve_answer_free(&r->answer);
  r->answer.status = MHD_HTTP_SWITCHING_PROTOCOLS;
  r->answer.response = new_frames(k)
                       ? MHD_create_response_for_upgrade(upgraded, NULL)
                       : NULL;
  if (r->answer.response == NULL) {
    if (k->frames != NULL)
      wslay_event_context_free(k->frames);
    serve_answer_detail(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "runner_scheduling_failure", "Out of memory");
    return 0;
  }
  fal_handshake_accept(key, accept);
  serve_answer_header(&r->answer, MHD_HTTP_HEADER_UPGRADE, "websocket");
  serve_answer_header(&r->answer, "Sec-WebSocket-Accept", accept);
  r->socket = k;
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** The end of all
** =======================================================
*/

typedef struct goodbye {
  serve_task task;
  falua_server *s;
  int drop;                 /* no more words */
  int done;                 /* guarded by the server's lock */
} goodbye;


static void say_goodbye (serve_task *task) {
  goodbye *g = (goodbye *)task;
  falua_server *s = g->s;
  serve_socket *k, *next;
  for (k = s->sockets; k != NULL; k = next) {
    next = k->next;
    if (g->drop)
      finish(k);
    else
      serve_socket_close(k, WSLAY_CODE_GOING_AWAY, "the server is ending");
  }
  pthread_mutex_lock(&s->lock);
  g->done = 1;
  pthread_cond_signal(&s->idle);
  pthread_mutex_unlock(&s->lock);
}


/* Posts the task and waits until it ran and, a second at most, until there
** are no sockets. */
static void tell_all (falua_server *s, int drop) {
  struct timespec until;
  goodbye g;
  int late = 0;
  memset(&g, 0, sizeof(g));
  g.task.run = say_goodbye;
  g.s = s;
  g.drop = drop;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec++;
  serve_loop_post(s->loop, &g.task);
  pthread_mutex_lock(&s->lock);
  while (!g.done)
    pthread_cond_wait(&s->idle, &s->lock);
  while (s->sockets != NULL && !late)
    late = pthread_cond_timedwait(&s->idle, &s->lock, &until) != 0;
  pthread_mutex_unlock(&s->lock);
}


void serve_socket_close_all (falua_server *s) {
  tell_all(s, 0);
  tell_all(s, 1);
}

/* }====================================================== */
