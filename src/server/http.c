/*
** http.c -- libmicrohttpd's side: requests come in, answers go out
**
** Everything here runs on the daemon's one thread (turn.c).
*/
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../core/fal.h"
#include "chaos.h"
#include "keys.h"
#include "metrics.h"
#include "serve.h"
#include "socket.h"
#include "turn.h"

#define CONNECTION_MEMORY  16384    /* line and headers of a request; all of it
                                       is zeroed for each, so the less the
                                       faster */
#define HEAD_MAX           10240    /* what of it may be taken: the rest is for
                                       saying so in our own words */
#define IDLE_SECONDS       120u
#define MAX_CONNECTIONS    8192
#define DROP_MAX           ((uint64_t)8 * SERVE_BODY_MAX)


const char *serve_header (const serve_request *r, const char *name) {
  return MHD_lookup_connection_value(r->mc, MHD_HEADER_KIND, name);
}


int serve_hung_up (int fd) {
  struct pollfd p;
  p.fd = fd;
  p.revents = 0;
#if defined(POLLRDHUP)
  p.events = POLLRDHUP;
  return fd >= 0 && poll(&p, 1, 0) > 0 &&
         (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
#else
  p.events = 0;
  return fd >= 0 && poll(&p, 1, 0) > 0 &&
         (p.revents & (POLLHUP | POLLERR)) != 0;
#endif
}


int serve_reads (const serve_request *r) {
  return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}


int64_t serve_body_announced (const serve_request *r) {
  const char *s = serve_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
  unsigned long long n = s != NULL ? strtoull(s, NULL, 10) : 0;
  return s == NULL ? -1 : n > INT64_MAX ? INT64_MAX : (int64_t)n;
}


/* The connection, as guard.c knows it. */
static serve_caller *caller (struct MHD_Connection *mc) {
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info != NULL ? info->socket_context : NULL;
}


/*
** {======================================================
** A request's life
** =======================================================
*/

static int is_stopping (falua_server *s) {
  int yes;
  pthread_mutex_lock(&s->lock);
  yes = s->stopping;
  pthread_mutex_unlock(&s->lock);
  return yes;
}


static serve_request *new_request (falua_server *s, struct MHD_Connection *mc,
                                   const char *url, const char *method) {
  serve_request *r = calloc(1, sizeof(*r));
  if (r == NULL)
    return NULL;
  r->path = strdup(url);
  if (r->path == NULL)
    return free(r), NULL;
  r->s = s;
  r->mc = mc;
  r->owners = 1;
  r->began = fal_now();
  r->file.fd = -1;
  snprintf(r->method, sizeof(r->method), "%s", method);
  fal_buf_init(&r->body, SERVE_BODY_MAX);
  serve_uuid(r->id);
  pthread_mutex_lock(&s->lock);
  s->active++;
  pthread_mutex_unlock(&s->lock);
  return r;
}


void serve_request_keep (serve_request *r) {
  __atomic_add_fetch(&r->owners, 1, __ATOMIC_RELAXED);
}


void serve_request_drop (serve_request *r) {
  if (__atomic_sub_fetch(&r->owners, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  serve_tenant_leave(r);
  serve_answer_free(&r->answer);
  fal_buf_free(&r->body);
  fal_buf_free(&r->head);
  fal_buf_free(&r->asked);
  fal_buf_free(&r->args);
  fal_file_abort(&r->file);
  free(r->extra);
  free(r->path);
  free(r);
}


/* The path without what gives access to a file: of the long random parts of
** its address eight characters are shown. */
static void put_path (const serve_request *r, char *to, size_t n) {
  const char *s = r->path;
  size_t k = 0;
  while (*s != '\0' && k + 1 < n) {
    size_t part = strcspn(s + 1, "/") + 1;
    int cut = r->role == ROLE_MEDIA && part > 25;
    k += (size_t)snprintf(to + k, n - k, "%.*s%s", cut ? 9 : (int)part, s,
                          cut ? "..." : "");
    s += part;
  }
  if (k == 0 && n > 0)
    to[0] = '\0';
}


/* A line with what is known; never the query or a header of the caller's. */
static void log_request (const serve_request *r) {
  char path[200], text[200];
  put_path(r, path, sizeof(path));
  fal_copy_text(text, sizeof(text), path, strlen(path));
  serve_log("%s %s %s%s %u %.1fms%s", r->id, r->method,
            r->proxied ? "(proxied) " : "", text, r->answer.status,
            (fal_now() - r->began) * 1000, r->cut_short ? " cut short" : "");
}


static void on_completed (void *cls, struct MHD_Connection *mc, void **slot,
                          enum MHD_RequestTerminationCode how) {
  serve_request *r = *slot;
  falua_server *s = cls;
  *slot = NULL;
  serve_turn_moved(s->turn);
  if (r == NULL)
    return;
  serve_caller_phase(caller(mc), PHASE_HEAD);
  r->cut_short = how != MHD_REQUEST_TERMINATED_COMPLETED_OK;
  if (!serve_waits_on(r))
    serve_request_end(r);
}


void serve_request_end (serve_request *r) {
  falua_server *s = r->s;
  serve_metrics_http(s->metrics, r->answer.status);
  if (s->verbose)
    log_request(r);
  if (r->socket != NULL)
    serve_socket_abandon(r->socket);
  s->held -= r->body.n;
  serve_answer_free(&r->answer);
  serve_request_drop(r);
  pthread_mutex_lock(&s->lock);
  s->active--;
  pthread_cond_signal(&s->idle);
  pthread_mutex_unlock(&s->lock);
}


static void on_connection (void *cls, struct MHD_Connection *mc, void **slot,
                           enum MHD_ConnectionNotificationCode what) {
  falua_server *s = cls;
  if (s->turn != NULL)
    serve_turn_moved(s->turn);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
    *slot = info != NULL ? serve_caller_new(s->guard, info->connect_fd) : NULL;
  }
  else {
    serve_caller_free(*slot);
    *slot = NULL;
  }
}

/* }====================================================== */


/*
** {======================================================
** Its body
** =======================================================
*/

fal_code serve_body_to_file (serve_request *r, const char *path, uint64_t max,
                             fal_error *err) {
  r->file_max = max;
  return fal_file_open(&r->file, path, err);
}


/* Stops keeping the body; what still comes is read and forgotten, so that
** the caller gets to read the answer. */
static void refuse (serve_request *r, unsigned int status) {
  r->refused = status;
  r->s->held -= r->body.n;
  r->dropped += r->body.n;
  fal_buf_free(&r->body);
  fal_file_abort(&r->file);
}


/* The status for a body that the disk does not take. */
static unsigned int disk_status (int why) {
  switch (why) {
    case ENOSPC: case EDQUOT: case EFBIG:
      return MHD_HTTP_INSUFFICIENT_STORAGE;
    default: return MHD_HTTP_INTERNAL_SERVER_ERROR;
  }
}


static void to_file (serve_request *r, const char *s, size_t n) {
  if (r->file.n + n > r->file_max)
    refuse(r, MHD_HTTP_CONTENT_TOO_LARGE);
  else if (fal_file_write(&r->file, s, n) != 0)
    refuse(r, disk_status(r->file.failed));
}


static void to_memory (serve_request *r, const char *s, size_t n) {
  if (r->s->held + n > SERVE_HELD_MAX)
    refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
  else switch (fal_buf_add(&r->body, s, n)) {
    case FAL_OK: r->s->held += n; break;
    case FAL_ETOOBIG: refuse(r, MHD_HTTP_CONTENT_TOO_LARGE); break;
    default: refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
  }
}


static enum MHD_Result add_body (serve_request *r, const char *s, size_t n) {
  serve_caller_sent(caller(r->mc), n);
  if (r->refused == 0) {
    if (r->file.fd >= 0)
      to_file(r, s, n);
    else
      to_memory(r, s, n);
  }
  if (r->refused != 0)
    r->dropped += n;
  return r->dropped <= DROP_MAX ? MHD_YES : MHD_NO;
}

/* }====================================================== */


/* Is the server ending, for this request? Who waits for what is queued may
** still look at it, or cancel it, by the connection he has. */
static int is_late (const serve_request *r) {
  return is_stopping(r->s) &&
         (r->role != ROLE_QUEUE || strcmp(r->method, "POST") == 0);
}


static enum MHD_Result answer (serve_request *r) {
  serve_caller_phase(caller(r->mc), PHASE_OURS);
  if (is_late(r))
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_CONNECTION, "close");
  if (r->trouble == TROUBLE_TYPE)
    serve_answer_retype(&r->answer, "text/html");
  return serve_answer_send(&r->answer, r->mc, r->nameless ? NULL : r->id);
}


/* Refuses by what the head says, or finds out where the body goes. */
static void check_head (serve_request *r) {
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  if (info != NULL && info->header_size > HEAD_MAX)
    r->refused = strlen(r->path) > HEAD_MAX / 2
                 ? MHD_HTTP_URI_TOO_LONG
                 : MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
  if (serve_head(r) && r->refused == 0)
    r->refused = r->answer.status;
  if (r->refused == 0 && is_late(r))
    r->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
  if (r->refused == 0 && r->file.fd < 0 &&
      serve_body_announced(r) > SERVE_BODY_MAX)
    r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
  if (r->refused != 0)
    refuse(r, r->refused);
}


/* Nonzero when a refusal need not wait for the body: there is none, or it
** was not sent yet ("100 Continue"), or it is too much to listen to. */
static int answers_now (const serve_request *r) {
  int64_t n = serve_body_announced(r);
  return serve_header(r, MHD_HTTP_HEADER_EXPECT) != NULL ||
         n > (int64_t)DROP_MAX ||
         (n <= 0 && serve_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING)
                    == NULL);
}


static enum MHD_Result begin (falua_server *s, struct MHD_Connection *mc,
                              const char *url, const char *method,
                              void **slot) {
  serve_request *r = new_request(s, mc, url, method);
  *slot = r;
  if (r == NULL)
    return MHD_NO;
  serve_caller_phase(caller(mc), PHASE_BODY);
  check_head(r);
  if (r->refused == 0 || !answers_now(r))
    return MHD_YES;
  r->routed = 1;
  serve_route(r);
  return answer(r);
}


/* Called first with the headers, then for each piece of body, then without
** any; and again when a suspended connection was resumed, or while its request
** waits (turn.c). */
static enum MHD_Result on_request (void *cls, struct MHD_Connection *mc,
                                   const char *url, const char *method,
                                   const char *version, const char *data,
                                   size_t *n, void **slot) {
  serve_request *r = *slot;
  falua_server *s = cls;
  (void)version;
  if (r != NULL && serve_waits(r))
    return MHD_YES;
  serve_turn_moved(s->turn);
  if (r == NULL)
    return begin(s, mc, url, method, slot);
  if (*n > 0) {
    enum MHD_Result ok = add_body(r, data, *n);
    *n = 0;
    return ok;
  }
  if (!r->routed) {
    r->routed = 1;      /* who has the request may take that back, to have it */
    r->suspended = 0;   /* routed again; but this is this thread's alone */
    serve_caller_phase(caller(mc), PHASE_OURS);
    serve_route(r);
    if (r->suspended)
      return MHD_YES;  /* a worker has it; we are called again after that */
  }
  return answer(r);
}


/* How many connections there may be: as many as there are descriptors for,
** with some left for files and for the rest of the process. */
static int connections (void) {
  struct rlimit lim;
  if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
    return 512;
  if (lim.rlim_cur < lim.rlim_max) {
    lim.rlim_cur = lim.rlim_max < MAX_CONNECTIONS + 256
                   ? lim.rlim_max : MAX_CONNECTIONS + 256;
    setrlimit(RLIMIT_NOFILE, &lim);
    getrlimit(RLIMIT_NOFILE, &lim);
  }
  if (lim.rlim_cur > MAX_CONNECTIONS + 128)
    return MAX_CONNECTIONS;
  return lim.rlim_cur > 192 ? (int)lim.rlim_cur - 128 : 64;
}


fal_code serve_http_start (falua_server *s, fal_error *err) {
  s->daemon = MHD_start_daemon(
    serve_turn_flags() | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE,
    0, NULL, NULL, on_request, s,
    MHD_OPTION_ARRAY, serve_turn_options(),
    MHD_OPTION_LISTEN_SOCKET, s->listener,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
    MHD_OPTION_CONNECTION_LIMIT, (unsigned int)connections(),
    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
    MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
    MHD_OPTION_END);
  if (s->daemon == NULL)
    return fal_fail(err, FAL_ENETWORK, "cannot start the server: %s",
                    strerror(errno));
  s->turn = serve_turn_new(s, err);
  return s->turn != NULL ? FAL_OK : FAL_ENOMEM;
}
