/*
** serve.h -- what the files of the local server share
**
** A request is read whole by libmicrohttpd's thread, given to the first
** family of routes that takes it, and answered at once or by a worker. While
** a worker has it the connection is suspended, and everything in the request
** is the worker's.
*/
#ifndef falua_serve_h
#define falua_serve_h

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <microhttpd.h>
#include <pthread.h>

#include "../core/buf.h"
#include "../core/error.h"
#include "../core/file.h"
#include "../image/image.h"
#include "bind.h"
#include "errand.h"
#include "feed.h"
#include "files.h"
#include "job.h"
#include "seal.h"
#include "server.h"

#define SERVE_BODY_MAX   (32u << 20)    /* bytes in the body of a request */
#define SERVE_HELD_MAX   (512u << 20)   /* bytes of all bodies together */
#define SERVE_HEAD_MAX   (16u << 10)    /* bytes of x-fal-... headers kept */
#define SERVE_PUT_MAX    (1u << 30)     /* bytes of an answer's JSON */


/*
** {======================================================
** Answers
** =======================================================
*/

typedef struct serve_answer {
  unsigned int status;
  struct MHD_Response *response;   /* NULL: none yet, or no memory for it */
} serve_answer;

/* Takes over the bytes of 'body', which is then empty. */
void serve_answer_bytes (serve_answer *a, unsigned int status,
                         const char *type, fal_buf *body);
void serve_answer_json (serve_answer *a, unsigned int status, fal_buf *body);

/* {"detail": text}, and with 'type' (may be NULL) {"error_type": type} and
** X-Fal-Error-Type: fal's shape for what went wrong outside the model. */
void serve_answer_detail (serve_answer *a, unsigned int status,
                          const char *type, const char *fmt, ...)
  __attribute__((format(printf, 4, 5)));

/* Takes over what an endpoint answered; the reply is empty then. */
void serve_answer_reply (serve_answer *a, serve_reply *r);

/* The same with the 'n' bytes of a file, which is closed, for a body. */
void serve_answer_reply_file (serve_answer *a, serve_reply *r, int fd,
                              size_t n);

/* 429, to be tried again in a second; 'why' begins the sentence. */
void serve_answer_too_many (serve_answer *a, const char *why);

/* No body. */
void serve_answer_empty (serve_answer *a, unsigned int status);

/* Adds a header; one that HTTP cannot hold is left out. */
void serve_answer_header (serve_answer *a, const char *name,
                          const char *value);

/* Makes the content type another one, when there is one. */
void serve_answer_retype (serve_answer *a, const char *type);

/* Adds what every answer carries, unless 'request_id' is NULL, and hands it to
** libmicrohttpd. */
enum MHD_Result serve_answer_send (serve_answer *a,
                                   struct MHD_Connection *mc,
                                   const char *request_id);

void serve_answer_free (serve_answer *a);

/* }====================================================== */


/*
** {======================================================
** Files with a URL (files.h)
** =======================================================
*/

/* A tag for what is in a file, with its quotes. */
void serve_etag (const struct stat *st, char *to, size_t n);

/* }====================================================== */


/*
** {======================================================
** Server and requests
** =======================================================
*/

#define SERVE_OWNER  64    /* room for a tenant's name and its NUL */

typedef struct serve_guard serve_guard;
struct serve_loop;
struct serve_hooks;
struct serve_metrics;
typedef struct serve_chaos serve_chaos;
struct serve_words;
struct serve_socket;

struct falua_server {
  struct MHD_Daemon *daemon;
  struct serve_turn *turn; /* runs it */
  serve_pool *pool;
  serve_feeds *feeds;
  struct serve_backlog *backlog;
  serve_guard *guard;
  serve_errands *errands;
  struct serve_keys *keys; /* NULL: callers are not told apart */
  struct serve_loop *loop;
  struct serve_hooks *hooks;
  struct serve_metrics *metrics;
  double began;            /* seconds since 1970 */
  struct serve_words *words;  /* NULL: no list of words */
  int has_apps;            /* there is a folder of endpoints in Lua */
  serve_chaos *chaos;      /* NULL: none; libmicrohttpd's thread only */
  int listener;            /* -1: none */
  int lock_fd;             /* holds the data folder against other servers */
  char url[SERVE_BIND_URL];
  char *data, *files;      /* folders */
  int temporary;           /* 'data' goes when the server does */
  int verbose;
  unsigned char secret[SEAL_SECRET];   /* signs tokens, see seal.h */
  uint64_t max_upload;     /* bytes of one file */
  double head_timeout, body_timeout;    /* seconds; see guard.c */
  size_t held;             /* bytes of bodies; libmicrohttpd's thread only */
  pthread_mutex_t lock;    /* guards what follows */
  pthread_cond_t idle;     /* 'active' went down, a socket was closed */
  int active;              /* requests between first byte and last */
  struct serve_socket *sockets;         /* open ones; socket.c's */
  int stopping;
};

typedef struct serve_request serve_request;

typedef enum serve_role {
  ROLE_RUN, ROLE_QUEUE, ROLE_REST, ROLE_WS, ROLE_API, ROLE_PROXY,
  ROLE_METRICS, ROLE_HEALTH, ROLE_MEDIA
} serve_role;

/* A request from its head on. 'path', 'role', 'rest' and the arguments are
** those of the URL that is meant: behind /api/fal/proxy that is the one in
** x-fal-target-url. */
struct serve_request {
  serve_job job;              /* first: a job is its request */
  falua_server *s;
  struct MHD_Connection *mc;
  char id[37];
  char method[16];
  char *path;                 /* unescaped, as libmicrohttpd gives it */
  const char *rest;           /* the path within its role, no leading slash */
  serve_role role;
  int by_host;                /* the caller's Host header said which role */
  char base_url[300];         /* how the caller reaches this server */
  char owner[SERVE_OWNER];    /* whose request it is; "" without --keys. A
                                 foreign id, file or token is a 404 */
  int anonymous;              /* came without a key */
  int entered;                /* counts as running, see keys.h */
  double spent;               /* its owner has no pictures left: seconds until
                                 he has; it may be one that was accepted */
  int proxied;
  fal_buf args;               /* arguments of a proxied URL, see serve_arg */
  fal_buf body;               /* in memory, or ... */
  fal_file file;              /* ... written aside, when fd >= 0 */
  uint64_t file_max;          /* the ceiling of 'file' */
  serve_request *next;        /* errand.c's */
  void (*errand) (serve_request *r);
  void *extra;                /* the handler's own, freed with free() */
  struct serve_socket *socket;/* what it is about to become */
  unsigned int refused;       /* status decided before the body was read */
  uint64_t dropped;           /* bytes of body not kept */
  int struck, trouble;        /* see chaos.h */
  int nameless;               /* the answer goes without our headers */
  int routed;                 /* given to its handler */
  int suspended;              /* handed to another thread, which answers */
  int wait, awake;            /* turn.c's */
  double waited;
  int owners;                 /* the connection; and a feed */
  int cut_short;              /* its connection ended before its answer did */
  fal_buf head;               /* see serve_fal_headers */
  fal_buf asked;              /* what filter.c asks its app */
  int filtered;               /* 1: by the list, 2: by the app too */
  double began;
  serve_answer answer;
};

/* http.c: starts the daemon on s->listener. */
fal_code serve_http_start (falua_server *s, fal_error *err);

/* From now on the request's body goes to a file beside 'path' instead of
** memory, 'max' bytes at most. To be called from a head handler. When the
** body was read whole the taker commits r->file or leaves it to be removed;
** one that was cut short is never routed and leaves nothing. */
fal_code serve_body_to_file (serve_request *r, const char *path, uint64_t max,
                             fal_error *err);

/* What Content-Length says; -1 when it says nothing. */
int64_t serve_body_announced (const serve_request *r);

/* route.c: looks at the head of a request, before its body is read. Nonzero
** when r->answer is made already: it is refused. */
int serve_head (serve_request *r);

/* route.c: gives the request to the first handler that takes it. */
void serve_route (serve_request *r);

/* Finds r->role and r->rest by r->path, or by the name of a host (may be
** NULL). Nonzero when it was the name that told. */
int serve_find_role (serve_request *r, const char *host);
int serve_role_of_host (const char *host, serve_role *role);

/* What URLs of a role begin with, as this caller reaches it, no slash at the
** end: "http://127.0.0.1:8787/queue", or "https://queue.fal.run" for who
** called by that name. */
#define SERVE_URL_MAX  320   /* room for it */
void serve_role_url (const serve_request *r, serve_role role, char *to,
                     size_t n);

/* proxy.c: makes what x-fal-target-url says the request's path, role and
** arguments. Nonzero when it is refused. */
int serve_proxy (serve_request *r);

/* Heads: nonzero when there is nothing more to say of this head. A refusal is
** in r->answer then. */
int serve_storage_head (serve_request *r);

/* Handlers: nonzero when they took the request: then r->answer is made, or a
** worker makes it. */
int serve_storage (serve_request *r);
int serve_media (serve_request *r);
int serve_media (serve_request *r);
int serve_storage (serve_request *r);
int serve_queue (serve_request *r);
int serve_run (serve_request *r);
int serve_pricing (serve_request *r);
int serve_models (serve_request *r);

/* stream.c, realtime.c: the others that end at an endpoint. */
int serve_stream (serve_request *r);
int serve_realtime (serve_request *r);
int serve_ws (serve_request *r);

/* status.c: GET /metrics. */
int serve_status (serve_request *r);

/* run.c: the caller's limit on the time before its request starts, in seconds
** from now; 0 when it gave none. */
double serve_start_timeout (const serve_request *r);

/* run.c: suspends the request and has its endpoint called. */
void serve_post (serve_request *r, serve_kind kind,
                 const serve_job_class *cls);

/* The same for a call of another endpoint with another body, which stays where
** it is until the job is done. It counts as no call of the request's owner. */
void serve_post_as (serve_request *r, const char *endpoint, const char *body,
                    size_t n, const serve_job_class *cls);

/* run.c: the request's x-fal-... headers as "name: value\r\n" lines, which
** are the request's; NULL when it has none. */
const char *serve_fal_headers (serve_request *r);

/* http.c: its answer was sent, or nobody takes it any more. For turn.c. */
void serve_request_end (serve_request *r);

/* http.c: for who needs a request when its connection may be gone. */
void serve_request_keep (serve_request *r);
void serve_request_drop (serve_request *r);

/* Nonzero when the caller at the other end of 'fd' has hung up, which
** libmicrohttpd does not see while a connection is suspended. */
int serve_hung_up (int fd);

/* The value of a request's header, NULL when it has none. */
const char *serve_header (const serve_request *r, const char *name);

/* The value of an argument in the URL's query, unescaped; NULL when it has
** none, "" when it has no value. */
const char *serve_arg (const serve_request *r, const char *name);

/* Calls 'f' for each of them, until it answers MHD_NO. */
void serve_each_arg (const serve_request *r, MHD_KeyValueIterator f,
                     void *ud);

/* Appends the arguments of a query to r->args, for a proxied request. */
void serve_add_args (const char *s, size_t n, fal_buf *to);

/* Nonzero for GET and HEAD. */
int serve_reads (const serve_request *r);

/* One line on stderr, with the time before it. */
void serve_log (const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A random UUID, version 4. */
void serve_uuid (char to[37]);

/* }====================================================== */


/*
** {======================================================
** Slow callers (guard.c)
** =======================================================
*/

typedef struct serve_caller serve_caller;   /* a connection */

serve_guard *serve_guard_new (double head_timeout, double body_timeout);

/* Ends its thread. The daemon must have ended before. NULL is fine. */
void serve_guard_free (serve_guard *g);

/* A connection came; NULL when there is no memory for it. */
serve_caller *serve_caller_new (serve_guard *g, int fd);
void serve_caller_free (serve_caller *c);

/* What it is expected to do next: to send a head, or the rest of a body; or
** nothing, while we work or send. */
typedef enum serve_phase { PHASE_HEAD, PHASE_BODY, PHASE_OURS } serve_phase;
void serve_caller_phase (serve_caller *c, serve_phase phase);

/* So many bytes of body have come. */
void serve_caller_sent (serve_caller *c, size_t n);

/* }====================================================== */

#endif
