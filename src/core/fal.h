/*
** fal.h -- libfal: fal's protocol in plain C
**
** An engine owns the connections and one descriptor to wait on; a client is
** a set of settings (hosts, credentials, limits); an operation is one call
** from start to result. Nothing here blocks (unless 'step' is told to wait),
** nothing calls back, nothing knows of Lua:
**
**   op = fal_run(engine, client, &request, &err);
**   while (!fal_op_done(op))
**     fal_engine_step(engine, 0.1);          -- or from your own event loop
**   if (fal_op_failed(op, &err) == FAL_OK) ... fal_op_answer(op) ...
**   fal_op_free(op);
**
** One thread uses an engine and what belongs to it, except for
** fal_engine_wake. Strings given are copied; strings returned belong to the
** object they came from.
*/
#ifndef fal_h
#define fal_h

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "pollset.h"

#define FAL_VERSION "0.1.0"

typedef struct fal_engine fal_engine;
typedef struct fal_client fal_client;
typedef struct fal_op fal_op;


/*
** {======================================================
** Engine
** =======================================================
*/

typedef struct fal_engine_options {
  fal_pollset_kind pollset;
  int max_connections;    /* to one host; 0: as many as calls, with HTTP/2
                             eight (they carry many calls each) */
} fal_engine_options;

/* 'opt' may be NULL. NULL and '*err' on failure. */
fal_engine *fal_engine_new (const fal_engine_options *opt, fal_error *err);

/* Ends every operation still in flight and frees the engine; the operations
** themselves still have to be freed (they are done, FAL_ECANCELED).
** Accepts NULL. */
void fal_engine_free (fal_engine *e);

void fal_engine_set_max_connections (fal_engine *e, int n);

/* Turns readable when 'step' has something to do, timers included. The same
** for the engine's life. -1 where the platform has no such descriptor: then
** call 'step' from a short timer. */
int fal_engine_pollfd (fal_engine *e);

/* Seconds until 'step' is due although no descriptor is ready; negative when
** there is no such moment. */
double fal_engine_timeout (const fal_engine *e);

/* Does what can be done. Waits for work no longer than 'seconds' (0: not at
** all; negative: without limit, or until a signal arrives). Returns at once
** when an operation is already waiting to be taken by 'next'. */
void fal_engine_step (fal_engine *e, double seconds);

/* Takes the next operation that has something new: events to be taken with
** fal_op_event, or its end. NULL when there is none. It stays the caller's
** to free. */
fal_op *fal_engine_next (fal_engine *e);

/* Makes a waiting 'step' return. Any thread. */
void fal_engine_wake (fal_engine *e);

/* Operations started and not done. */
size_t fal_engine_pending (const fal_engine *e);

/* }====================================================== */


/*
** {======================================================
** Client: settings
** =======================================================
*/

typedef enum fal_role {
  FAL_ROLE_RUN, FAL_ROLE_QUEUE, FAL_ROLE_REST, FAL_ROLE_CDN,
  FAL_ROLE_REALTIME, FAL_ROLES
} fal_role;

typedef struct fal_client_options {
  /* One address that plays every role (protocol: FAL_BASE_URL), and one for
  ** each role, which wins. NULL: the environment (FAL_BASE_URL, then
  ** FAL_RUN_HOST, FAL_QUEUE_RUN_HOST), then fal's own hosts. */
  const char *base_url;
  const char *hosts[FAL_ROLES];
  /* "id:secret". NULL: FAL_KEY, else FAL_KEY_ID with FAL_KEY_SECRET; "": no
  ** key at all. */
  const char *credentials;
  const char *ca_file;       /* PEM bundle. NULL: SSL_CERT_FILE, the system's */
  const char *http_proxy;    /* NULL: HTTPS_PROXY and friends, as libcurl */
  const char *user_agent;    /* NULL: "fal-lua/VERSION" */
  const char *const *headers;/* "Name: value", NULL-ended; NULL: none */
  size_t max_response;       /* ceiling for one body; 0: 256 MiB */
  double timeout;            /* for each operation, seconds; 0: none */
  double connect_timeout;    /* 0: 30 s */
} fal_client_options;

void fal_client_options_init (fal_client_options *opt);

/* 'opt' may be NULL. FAL_EVALIDATION for an address that is not http(s) or a
** header that could not be sent. */
fal_client *fal_client_new (const fal_client_options *opt, fal_error *err);

/* Operations hold their client, so it may be freed while they run. */
void fal_client_free (fal_client *c);   /* accepts NULL */

/* The base URL of a role, no slash at its end. */
const char *fal_client_host (const fal_client *c, fal_role role);

/* Nonzero when the client has a key of its own. */
int fal_client_has_key (const fal_client *c);

/* }====================================================== */


/*
** {======================================================
** Operations
** =======================================================
*/

/* An HTTP answer; everything in it belongs to its operation. */
typedef struct fal_answer {
  int status;                   /* 0 while there is none */
  const char *head;             /* header lines, each ended by CRLF, without */
  size_t head_n;                /* the status line */
  const char *body;
  size_t body_n;
  double seconds;               /* from start to done */
  int attempts;                 /* exchanges made, 0 when none was needed */
  uint64_t bytes;               /* bytes of the body, also when not kept */
} fal_answer;

/* Finds a header by name, in any case: 1 and its value without the white
** space around it, or 0. The last one wins. */
int fal_header (const char *head, size_t head_n, const char *name,
                const char **value, size_t *value_n);

/* Unique within the engine, never 0, never used again. */
uint64_t fal_op_id (const fal_op *op);

int fal_op_done (const fal_op *op);

/* FAL_OK when it is done and went well; else its error, copied to '*err'
** (which may be NULL). FAL_ECANCELED... and FAL_OK are final; an operation in
** flight answers FAL_OK too, ask fal_op_done first. */
fal_code fal_op_failed (const fal_op *op, fal_error *err);

typedef enum fal_event_kind {
  FAL_EVENT_STATUS = 1,   /* a status of the queue: a JSON object */
  FAL_EVENT_DATA,         /* one event of a stream: its data */
  FAL_EVENT_BYTES,        /* a piece of a stream that is not text */
  FAL_EVENT_OPEN,         /* a socket is ready for messages */
  FAL_EVENT_MESSAGE,      /* a message of a socket; flags 1: text */
  FAL_EVENT_ERROR         /* something the operation goes on after: text */
} fal_event_kind;

typedef struct fal_event {
  fal_event_kind kind;
  int flags;
  const char *s;          /* valid until the next call; a NUL follows */
  size_t n;
} fal_event;

/* Takes the operation's next event, in order: 1, or 0 when none is waiting.
** Calls like run and download have none, only their end. Events of an
** operation that is done can still be taken. */
int fal_op_event (fal_op *op, fal_event *ev);

/* Never NULL. Also set after an HTTP error (the body is the server's). */
const fal_answer *fal_op_answer (const fal_op *op);

/* Takes the body over: the buffer becomes the caller's to free, the answer
** is left without one. */
void fal_op_take_body (fal_op *op, fal_buf *to);

/* Ends it now, as FAL_ECANCELED; it is reported by 'next' like any other. */
void fal_op_cancel (fal_op *op);

/* Ends it if it is in flight, and frees it. Accepts NULL. */
void fal_op_free (fal_op *op);

/* Nothing but time: done after 'seconds'. */
fal_op *fal_timer (fal_engine *e, double seconds, fal_error *err);

typedef struct fal_run_request {
  const char *endpoint;         /* "fal-ai/flux/dev" */
  const char *path;             /* appended to the id; NULL: none */
  const char *method;           /* NULL: POST */
  const char *query;            /* without '?'; NULL: none */
  const char *input;            /* JSON text; NULL: an empty body */
  size_t input_n;
  fal_buf *take_input;          /* instead of 'input': a buffer whose bytes
                                   are taken over, not copied */
  const char *credentials;      /* this call's; NULL: the client's */
  double timeout;               /* 0: the client's; negative: none */
  double start_timeout;         /* X-Fal-Request-Timeout; 0: none */
  const char *hint;             /* X-Fal-Runner-Hint */
  const char *priority;         /* X-Fal-Queue-Priority */
  const char *lifecycle;        /* X-Fal-Object-Lifecycle-Preference, JSON */
  const char *const *headers;   /* more "Name: value" lines, NULL-ended */
} fal_run_request;

/* POST {run}/{id}[/{path}] (protocol 3). Done well means a 2xx; any other
** status is an error built from the answer, which can still be looked at. */
fal_op *fal_run (fal_engine *e, fal_client *c, const fal_run_request *r,
                 fal_error *err);

typedef struct fal_download_request {
  const char *url;              /* http(s) or data: */
  size_t url_n;
  const char *path;             /* where the file goes; folders are made */
  int overwrite;                /* 0: an existing file is an error */
  double timeout;               /* as above */
  uint64_t max_bytes;           /* 0: no ceiling but the disk */
} fal_download_request;

/* Streams to a temporary file beside 'path' and renames it when all bytes
** are there and on disk. No credentials are sent, redirects are followed.
** A data: URI is decoded at once. */
fal_op *fal_download (fal_engine *e, fal_client *c,
                      const fal_download_request *r, fal_error *err);

/* }====================================================== */

#endif
