/*
** http.c -- libmicrohttpd's side: requests come in, answers go out
**
** Everything here runs on the daemon's one thread, but for 'resume'.
*/
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../core/fal.h"
#include "serve.h"

#define CONNECTION_MEMORY  16384    /* line and headers of a request */
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
  serve_answer_free(&r->answer);
  fal_buf_free(&r->body);
  free(r->path);
  free(r);
}


/* A line with what is known; never the query or a header of the caller's. */
static void log_request (const serve_request *r, unsigned int status,
                         enum MHD_RequestTerminationCode how) {
  char path[200];
  fal_copy_text(path, sizeof(path), r->path, strlen(r->path));
  serve_log("%s %s %s %u %.1fms%s", r->id, r->method, path, status,
            (fal_now() - r->began) * 1000,
            how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : " cut short");
}


static void on_completed (void *cls, struct MHD_Connection *mc, void **slot,
                          enum MHD_RequestTerminationCode how) {
  serve_request *r = *slot;
  falua_server *s = cls;
  (void)mc;
  *slot = NULL;
  if (r == NULL)
    return;
  if (s->verbose)
    log_request(r, r->answer.status, how);
  s->held -= r->body.n;
  serve_answer_free(&r->answer);
  serve_request_drop(r);
  pthread_mutex_lock(&s->lock);
  s->active--;
  pthread_cond_signal(&s->idle);
  pthread_mutex_unlock(&s->lock);
}

/* }====================================================== */


/*
** {======================================================
** Its body
** =======================================================
*/

/* Stops keeping the body; what still comes is read and forgotten, so that
** the caller gets to read the answer. */
static void refuse (serve_request *r, unsigned int status) {
  r->refused = status;
  r->s->held -= r->body.n;
  r->dropped += r->body.n;
  fal_buf_free(&r->body);
}


static enum MHD_Result add_body (serve_request *r, const char *s, size_t n) {
  if (r->refused == 0) {
    if (r->s->held + n > SERVE_HELD_MAX)
      refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
    else switch (fal_buf_add(&r->body, s, n)) {
      case FAL_OK: r->s->held += n; return MHD_YES;
      case FAL_ETOOBIG: refuse(r, MHD_HTTP_CONTENT_TOO_LARGE); break;
      default: refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
    }
  }
  r->dropped += n;
  return r->dropped <= DROP_MAX ? MHD_YES : MHD_NO;
}


/* Nonzero when the headers alone say that the body is too large. Who waits
** for "100 Continue" is told before sending it. */
static int announces_too_much (const serve_request *r) {
  const char *length = serve_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return length != NULL && strtoull(length, NULL, 10) > SERVE_BODY_MAX &&
         serve_header(r, MHD_HTTP_HEADER_EXPECT) != NULL;
}

/* }====================================================== */


static enum MHD_Result answer (serve_request *r) {
  if (is_stopping(r->s))
    serve_answer_header(&r->answer, MHD_HTTP_HEADER_CONNECTION, "close");
  return serve_answer_send(&r->answer, r->mc, r->id);
}


static enum MHD_Result begin (falua_server *s, struct MHD_Connection *mc,
                              const char *url, const char *method,
                              void **slot) {
  serve_request *r = new_request(s, mc, url, method);
  *slot = r;
  if (r == NULL)
    return MHD_NO;
  if (is_stopping(s))
    r->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
  else if (announces_too_much(r)) {
    r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    r->routed = 1;
    serve_route(r);
    return answer(r);
  }
  return MHD_YES;
}


/* Called first with the headers, then for each piece of body, then without
** any; and once more when a suspended connection was resumed. */
static enum MHD_Result on_request (void *cls, struct MHD_Connection *mc,
                                   const char *url, const char *method,
                                   const char *version, const char *data,
                                   size_t *n, void **slot) {
  serve_request *r = *slot;
  (void)version;
  if (r == NULL)
    return begin(cls, mc, url, method, slot);
  if (*n > 0) {
    enum MHD_Result ok = add_body(r, data, *n);
    *n = 0;
    return ok;
  }
  if (!r->routed) {
    r->routed = 1;
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


#if defined(__linux__)
#define POLLING  MHD_USE_EPOLL
#else
#define POLLING  MHD_USE_POLL
#endif


fal_code serve_http_start (falua_server *s, fal_error *err) {
  s->daemon = MHD_start_daemon(
    MHD_USE_INTERNAL_POLLING_THREAD | POLLING | MHD_ALLOW_SUSPEND_RESUME,
    0, NULL, NULL, on_request, s,
    MHD_OPTION_LISTEN_SOCKET, s->listener,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
    MHD_OPTION_CONNECTION_LIMIT, (unsigned int)connections(),
    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
    MHD_OPTION_END);
  if (s->daemon == NULL)
    return fal_fail(err, FAL_ENETWORK, "cannot start the server: %s",
                    strerror(errno));
  return FAL_OK;
}
