/*
** listener.c -- webhooks come in (falua listen)
**
** Letters are made, filled and freed by libmicrohttpd's thread. Between being
** suspended and being resumed one is in the list, where the owner's thread
** finds it; the lock guards the list and what is said to be answered.
*/
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../core/fal.h"
#include "listener.h"
#include "serve.h"

#define CONNECTION_MEMORY  16384
#define CONNECTIONS        256u
#define HEAD_MAX           16384
#define HELD_MAX           ((size_t)256 << 20)  /* bytes of bodies together */
#define HEAD_SECONDS       20
#define BODY_SECONDS       30
#define IDLE_SECONDS       60u
#define DROP_MAX           ((uint64_t)256 << 20)  /* of a body that is refused */
#define GRACE              2      /* seconds for the last answers */

typedef struct letter {
  serve_letter public;           /* first */
  serve_listener *l;
  struct MHD_Connection *mc;
  struct letter *next;           /* in the list */
  int routed, taken;
  uint64_t dropped;              /* bytes of body not kept */
  unsigned int status;           /* 0: not known yet */
  char text[300];
} letter;

struct serve_listener {
  struct MHD_Daemon *daemon;
  serve_guard *guard;
  int listener, wake[2];
  char url[SERVE_BIND_URL];
  char *path;
  size_t max_body, held;         /* 'held' is libmicrohttpd's thread's */
  pthread_mutex_t lock;          /* guards what follows */
  pthread_cond_t idle;
  letter *first;                 /* suspended ones, oldest first */
  uint64_t last_id;
  int active;                    /* requests between first byte and last */
  int closing;
};


/*
** {======================================================
** On libmicrohttpd's thread
** =======================================================
*/

static serve_caller *caller (struct MHD_Connection *mc) {
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info != NULL ? info->socket_context : NULL;
}


static void on_connection (void *cls, struct MHD_Connection *mc, void **slot,
                           enum MHD_ConnectionNotificationCode what) {
  serve_listener *l = cls;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
    *slot = info != NULL ? serve_caller_new(l->guard, info->connect_fd) : NULL;
  }
  else {
    serve_caller_free(*slot);
    *slot = NULL;
  }
}


static void on_completed (void *cls, struct MHD_Connection *mc, void **slot,
                          enum MHD_RequestTerminationCode how) {
  serve_listener *l = cls;
  letter *t = *slot;
  (void)how;
  *slot = NULL;
  if (t == NULL)
    return;
  serve_caller_phase(caller(mc), PHASE_HEAD);
  l->held -= t->public.body.n;
  fal_buf_free(&t->public.head);
  fal_buf_free(&t->public.body);
  free(t);
  pthread_mutex_lock(&l->lock);
  l->active--;
  pthread_cond_signal(&l->idle);
  pthread_mutex_unlock(&l->lock);
}


static void refuse (letter *t, unsigned int status, const char *text) {
  t->status = status;
  snprintf(t->text, sizeof(t->text), "%s", text);
  t->l->held -= t->public.body.n;
  fal_buf_free(&t->public.body);
}


static enum MHD_Result add_header (void *ud, enum MHD_ValueKind kind,
                                   const char *name, const char *value) {
  letter *t = ud;
  (void)kind;
  return fal_buf_addf(&t->public.head, "%s: %s\r\n", name,
                      value != NULL ? value : "") == FAL_OK ? MHD_YES : MHD_NO;
}


/* What the head of a request says already. */
static void check_head (letter *t, const char *url, const char *method) {
  const serve_listener *l = t->l;
  if (l->path != NULL && strcmp(url, l->path) != 0)
    refuse(t, MHD_HTTP_NOT_FOUND, "There is nothing here");
  else if (strcmp(method, "POST") != 0)
    refuse(t, MHD_HTTP_METHOD_NOT_ALLOWED, "A webhook is a POST");
}


/* What is refused is read on, so that the caller gets to read why. */
static enum MHD_Result add_body (letter *t, const char *s, size_t n) {
  serve_listener *l = t->l;
  serve_caller_sent(caller(t->mc), n);
  if (t->status != 0)
    t->dropped += n;
  else if (l->held + n > HELD_MAX)
    refuse(t, MHD_HTTP_SERVICE_UNAVAILABLE, "Too much at once: try again");
  else switch (fal_buf_add(&t->public.body, s, n)) {
    case FAL_OK: l->held += n; break;
    case FAL_ETOOBIG:
      refuse(t, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too large");
      break;
    default: refuse(t, MHD_HTTP_SERVICE_UNAVAILABLE, "Out of memory");
  }
  return t->dropped <= DROP_MAX ? MHD_YES : MHD_NO;
}


static enum MHD_Result send_answer (letter *t) {
  serve_answer a;
  enum MHD_Result ok;
  memset(&a, 0, sizeof(a));
  serve_answer_detail(&a, t->status, NULL, "%s", t->text);
  if (t->status == MHD_HTTP_METHOD_NOT_ALLOWED)
    serve_answer_header(&a, MHD_HTTP_HEADER_ALLOW, "POST");
  ok = serve_answer_send(&a, t->mc, NULL);
  serve_answer_free(&a);
  return ok;
}


static letter *new_letter (serve_listener *l, struct MHD_Connection *mc) {
  letter *t = calloc(1, sizeof(*t));
  if (t == NULL)
    return NULL;
  t->l = l;
  t->mc = mc;
  fal_buf_init(&t->public.head, HEAD_MAX);
  fal_buf_init(&t->public.body, l->max_body);
  pthread_mutex_lock(&l->lock);
  t->public.id = ++l->last_id;
  l->active++;
  pthread_mutex_unlock(&l->lock);
  return t;
}


/* Into the list, with its connection suspended; not when the listener is
** closing. */
static int hand_over (letter *t) {
  serve_listener *l = t->l;
  letter **p;
  ssize_t woken;   /* a pipe that is full wakes all the same */
  int open;
  pthread_mutex_lock(&l->lock);
  open = !l->closing;
  if (open) {
    for (p = &l->first; *p != NULL; p = &(*p)->next)
      ;
    t->next = NULL;
    *p = t;
    MHD_suspend_connection(t->mc);
    woken = write(l->wake[1], "", 1);
    (void)woken;
  }
  pthread_mutex_unlock(&l->lock);
  return open;
}


/* Called first with the head, then for each piece of body, then without any;
** and once more when it was suspended and has an answer. */
static enum MHD_Result on_request (void *cls, struct MHD_Connection *mc,
                                   const char *url, const char *method,
                                   const char *version, const char *data,
                                   size_t *n, void **slot) {
  letter *t = *slot;
  (void)version;
  if (t == NULL) {
    t = *slot = new_letter(cls, mc);
    if (t == NULL)
      return MHD_NO;
    serve_caller_phase(caller(mc), PHASE_BODY);
    check_head(t, url, method);
    return MHD_YES;
  }
  if (*n > 0) {
    size_t got = *n;
    *n = 0;
    return add_body(t, data, got);
  }
  if (!t->routed && t->status == 0) {
    t->routed = 1;
    serve_caller_phase(caller(mc), PHASE_OURS);
    MHD_get_connection_values(mc, MHD_HEADER_KIND, add_header, t);
    if (hand_over(t))
      return MHD_YES;
    refuse(t, MHD_HTTP_SERVICE_UNAVAILABLE, "The listener is ending");
  }
  return send_answer(t);
}

/* }====================================================== */


/*
** {======================================================
** On the owner's thread
** =======================================================
*/

const char *serve_listener_url (const serve_listener *l) {
  return l->url;
}


int serve_listener_fd (const serve_listener *l) {
  return l->wake[0];
}


const serve_letter *serve_listener_take (serve_listener *l) {
  letter *t;
  pthread_mutex_lock(&l->lock);
  for (t = l->first; t != NULL && t->taken; t = t->next)
    ;
  if (t != NULL)
    t->taken = 1;
  else {
    char bytes[64];
    while (read(l->wake[0], bytes, sizeof(bytes)) > 0)
      ;
  }
  pthread_mutex_unlock(&l->lock);
  return t != NULL ? &t->public : NULL;
}


/* Takes it out of the list and lets its connection go on. Under the lock:
** afterwards it is not ours any more. */
static void let_go (letter **p, unsigned int status, const char *text) {
  letter *t = *p;
  *p = t->next;
  t->status = status;
  fal_copy_text(t->text, sizeof(t->text), text, strlen(text));
  MHD_resume_connection(t->mc);
}


void serve_listener_answer (serve_listener *l, uint64_t id,
                            unsigned int status, const char *text) {
  letter **p;
  pthread_mutex_lock(&l->lock);
  for (p = &l->first; *p != NULL && (*p)->public.id != id; p = &(*p)->next)
    ;
  if (*p != NULL)
    let_go(p, status, text);
  pthread_mutex_unlock(&l->lock);
}


static void close_down (serve_listener *l) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += GRACE;
  MHD_quiesce_daemon(l->daemon);
  pthread_mutex_lock(&l->lock);
  l->closing = 1;
  while (l->first != NULL)
    let_go(&l->first, MHD_HTTP_SERVICE_UNAVAILABLE, "The listener is ending");
  while (l->active > 0 &&
         pthread_cond_timedwait(&l->idle, &l->lock, &until) == 0)
    ;
  pthread_mutex_unlock(&l->lock);
  MHD_stop_daemon(l->daemon);
}


void serve_listener_free (serve_listener *l) {
  int i;
  if (l == NULL)
    return;
  if (l->daemon != NULL)
    close_down(l);
  if (l->listener >= 0)
    close(l->listener);
  for (i = 0; i < 2; i++)
    if (l->wake[i] >= 0)
      close(l->wake[i]);
  serve_guard_free(l->guard);
  pthread_cond_destroy(&l->idle);
  pthread_mutex_destroy(&l->lock);
  free(l->path);
  free(l);
}


static fal_code open_pipe (serve_listener *l, fal_error *err) {
  int i;
  if (pipe(l->wake) != 0) {
    l->wake[0] = l->wake[1] = -1;
    return fal_fail(err, FAL_ENOMEM, "no descriptors left");
  }
  for (i = 0; i < 2; i++) {
    fcntl(l->wake[i], F_SETFD, FD_CLOEXEC);
    fcntl(l->wake[i], F_SETFL, O_NONBLOCK);
  }
  return FAL_OK;
}


#if defined(__linux__)
#define POLLING  MHD_USE_EPOLL
#else
#define POLLING  MHD_USE_POLL
#endif

static fal_code start (serve_listener *l, const serve_listener_options *opt,
                       fal_error *err) {
  fal_code code = open_pipe(l, err);
  if (code == FAL_OK)
    code = serve_bind(opt->listen, opt->fear, &l->listener, l->url, err);
  if (code != FAL_OK)
    return code;
  l->max_body = opt->max_body;
  l->path = opt->path != NULL ? strdup(opt->path) : NULL;
  l->guard = serve_guard_new(HEAD_SECONDS, BODY_SECONDS);
  if (l->guard == NULL || (opt->path != NULL && l->path == NULL))
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  l->daemon = MHD_start_daemon(
    MHD_USE_INTERNAL_POLLING_THREAD | POLLING | MHD_ALLOW_SUSPEND_RESUME,
    0, NULL, NULL, on_request, l,
    MHD_OPTION_LISTEN_SOCKET, l->listener,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
    MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
    MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
    MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
    MHD_OPTION_END);
  return l->daemon != NULL ? FAL_OK
         : fal_fail(err, FAL_ENETWORK, "cannot start the listener");
}


serve_listener *serve_listener_new (const serve_listener_options *opt,
                                    fal_error *err) {
  serve_listener *l = calloc(1, sizeof(*l));
  sigset_t all, before;
  fal_code code;
  if (l == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  l->listener = l->wake[0] = l->wake[1] = -1;
  pthread_mutex_init(&l->lock, NULL);
  pthread_cond_init(&l->idle, NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  code = start(l, opt, err);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code == FAL_OK)
    return l;
  serve_listener_free(l);
  return NULL;
}

/* }====================================================== */
