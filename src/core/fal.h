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
  FAL_ROLE_REALTIME, FAL_ROLE_API, FAL_ROLES
} fal_role;

/* How often and after how long a call that failed is made again. What may
** have been paid for is repeated only when it provably did not arrive. */
typedef struct fal_retry {
  int max;              /* attempts after the first one; 0: none */
  double base_delay;    /* before the first of them, then doubled; what is */
  double max_delay;     /* waited is random below that */
} fal_retry;

typedef struct fal_client_options {
  /* One address that plays every role (protocol: FAL_BASE_URL), and one for
  ** each role, which wins. NULL: the environment (FAL_BASE_URL, then
  ** FAL_RUN_HOST, FAL_QUEUE_RUN_HOST), then fal's own hosts. */
  const char *base_url;
  const char *hosts[FAL_ROLES];
  /* "id:secret", or "Bearer token". NULL: FAL_KEY, else FAL_KEY_ID with
  ** FAL_KEY_SECRET, else (for fal's own hosts) the login that fal's tools have
  ** stored here; with FAL_FORCE_AUTH_BY_USER=1 only that. "": no key at all. */
  const char *credentials;
  /* A proxy of your own in front of fal that adds the key (protocol 12):
  ** calls go there, with their true address in x-fal-target-url. The key of
  ** the environment is not sent to it, 'credentials' is. NULL: none. */
  const char *proxy_url;
  const char *ca_file;       /* PEM bundle. NULL: SSL_CERT_FILE, the system's */
  const char *http_proxy;    /* NULL: HTTPS_PROXY and friends, as libcurl */
  const char *user_agent;    /* NULL: "fal-lua/VERSION" */
  const char *const *headers;/* "Name: value", NULL-ended; NULL: none */
  size_t max_response;       /* ceiling for one body; 0: 256 MiB */
  double timeout;            /* for each operation, seconds; 0: none */
  double connect_timeout;    /* 0: 30 s */
  fal_retry retry;           /* 'init' sets 3, 0.5 s, 30 s */
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

/* When the login that its key is expires, in seconds since 1970; 0 when it does
** not say so, negative when the key is no login. */
double fal_client_login (const fal_client *c);

/* The file or folder of the certificates it trusts; NULL: libcurl's own. */
const char *fal_client_certificates (const fal_client *c);

/* Appends s[0..n) to 'out' with KEY in place of the client's key, and of the
** secret that is its second part. */
fal_code fal_client_scrub (const fal_client *c, const char *s, size_t n,
                           fal_buf *out);

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

/* The answer to FAL_EVENT_KEY. Copies. Nothing happens when none was asked. */
void fal_op_give_key (fal_op *op, const char *credentials);

typedef enum fal_event_kind {
  FAL_EVENT_STATUS = 1,   /* a status of the queue: a JSON object */
  FAL_EVENT_DATA,         /* one event of a stream: its data */
  FAL_EVENT_BYTES,        /* a piece of a stream that is not text */
  FAL_EVENT_OPEN,         /* a socket is ready for messages */
  FAL_EVENT_MESSAGE,      /* a message of a socket; flags 1: text */
  FAL_EVENT_ERROR,        /* something the operation goes on after: the
                             bytes of a fal_error */
  FAL_EVENT_ATTEMPT,      /* an exchange was made, and failed or not: JSON */
  FAL_EVENT_KEY,          /* answer with fal_op_give_key: the next attempt
                             waits for it */
  FAL_EVENT_PROGRESS,     /* of an upload: [bytes done, bytes in all], JSON */
  FAL_EVENT_CLOSED        /* a socket was closed; flags: its code (RFC 6455,
                             0 when it never opened), and the reason given */
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
  const char *webhook_url;      /* fal_webhook; submit only */
  const char *lifecycle;        /* X-Fal-Object-Lifecycle-Preference, JSON */
  const char *const *headers;   /* more "Name: value" lines, NULL-ended */
  int ask_key;                  /* attempts after the first ask for the key */
  int tell;                     /* each attempt is an event */
} fal_run_request;

/* POST {run}/{id}[/{path}] (protocol 3). Done well means a 2xx; any other
** status is an error built from the answer, which can still be looked at. */
fal_op *fal_run (fal_engine *e, fal_client *c, const fal_run_request *r,
                 fal_error *err);

/* POST {queue}/{id}[/{path}] (protocol 4.1). The answer names the request. When
** it is given up before that came, the request is canceled once it is known. */
fal_op *fal_submit (fal_engine *e, fal_client *c, const fal_run_request *r,
                    fal_error *err);

typedef struct fal_queue_request {
  const char *endpoint;         /* as it was submitted; its path is dropped */
  const char *request_id;
  int logs;
  const char *credentials;
  double timeout;
  int ask_key, tell;            /* as above */
} fal_queue_request;

/* One look at a request, its result, and the wish to end it (protocol 4.2,
** 4.4, 4.5). All may safely be repeated, and are. */
fal_op *fal_status (fal_engine *e, fal_client *c, const fal_queue_request *r,
                    fal_error *err);
fal_op *fal_result (fal_engine *e, fal_client *c, const fal_queue_request *r,
                    fal_error *err);
fal_op *fal_cancel (fal_engine *e, fal_client *c, const fal_queue_request *r,
                    fal_error *err);

typedef struct fal_subscribe_request {
  fal_run_request run;          /* what to submit; its timeout is the one
                                   deadline for everything */
  const char *request_id;       /* instead of submitting: follow this one */
  int streaming;                /* statuses by event stream, and by polling
                                   when that breaks or is refused */
  double poll_interval;         /* seconds, 0.1 at least; 0: 0.5 */
  double idle_timeout;          /* of the stream, then polling goes on; 0: 45 */
  int logs;
  int statuses;                 /* each status is an event; otherwise only
                                   COMPLETED of a request that failed is */
  int no_result;                /* ends with the last status instead of with
                                   the result */
  int keep;                     /* somebody has written its id down: given up,
                                   it goes on */
} fal_subscribe_request;

/* Submits, follows, fetches the result (protocol 5). Events: FAL_EVENT_STATUS
** first with the answer to the submit (it has the request_id), then with
** statuses. Whoever ends it early, a deadline, cancel or free, has a request
** that was submitted by it and has not completed canceled at the server too; one
** that is followed goes on, and so does one with 'keep' unless it was the
** deadline. Every error after the submit has the request_id. A deadline that
** passes in the submit itself leaves the answer one second more, for the sake of
** the id. */
fal_op *fal_subscribe (fal_engine *e, fal_client *c,
                       const fal_subscribe_request *r, fal_error *err);

typedef struct fal_stream_request {
  fal_run_request run;          /* path: NULL means "stream" */
  double idle_timeout;          /* between two pieces; 0: none */
} fal_stream_request;

/* POST {run}/{id}/stream (protocol 6). Events: FAL_EVENT_DATA for each event
** of a text/event-stream, FAL_EVENT_BYTES for each piece of anything else. */
fal_op *fal_stream (fal_engine *e, fal_client *c,
                    const fal_stream_request *r, fal_error *err);

typedef struct fal_realtime_request {
  const char *endpoint;
  const char *path;             /* NULL: "/realtime", unless the id has it */
  int max_buffering;            /* 1..60 inputs kept by the app; 0: its way */
  double throttle;              /* seconds between messages, the newest of
                                   those between is sent; 0: all are */
  double token_expiration;      /* of what is asked for; 0: 120 s */
  const char *credentials;      /* NULL: the client's */
  size_t max_message;           /* ceiling for one received; 0: 16 MiB */
  double ping;                  /* seconds of silence after which the other
                                   side is asked for a sign; 0: 25 */
} fal_realtime_request;

/* A realtime connection (protocol 7). It is opened by the first message or by
** fal_realtime_open, and when it was closed by the next one. Not done before
** fal_realtime_close or an end by the caller. Events: OPEN, MESSAGE, ERROR (a
** token refused, an error of the app, a connection lost...), CLOSED. */
fal_op *fal_realtime (fal_engine *e, fal_client *c,
                      const fal_realtime_request *r, fal_error *err);

/* Sends a message (copies it), as text or as bytes, once the connection is
** open. FAL_ETOOBIG when more than 64 MiB would wait to be sent. */
fal_code fal_realtime_send (fal_op *op, const char *s, size_t n, int text,
                            fal_error *err);

/* Opens the connection if it is not. */
fal_code fal_realtime_open (fal_op *op, fal_error *err);

/* Nonzero while it is open or on its way to be. */
int fal_realtime_alive (const fal_op *op);

/* The connection is reported once (fal_engine_next) after so many seconds, or
** after fewer that were asked for before, whether anything came or not. */
fal_code fal_realtime_wake_in (fal_op *op, double seconds);

/* Nonzero when the next opening has to ask for a token: a key that changes
** can be given anew before (NULL: the client's). */
int fal_realtime_needs_key (const fal_op *op);
fal_code fal_realtime_give_key (fal_op *op, const char *credentials);

/* Closes the connection; the next message opens it again. 'forget': with
** another token. */
void fal_realtime_reset (fal_op *op, int forget);

/* Sends what waits to be sent, closes the connection, and gives the operation
** up: the engine frees it when the other side has answered (or has not, in
** time). Accepts NULL. */
void fal_realtime_close (fal_op *op);

/* GET {role}/{path}: a document, public unless credentials are given. */
fal_op *fal_get (fal_engine *e, fal_client *c, fal_role role,
                 const char *path, const char *credentials, double timeout,
                 fal_error *err);

/* POST {role}/{path} of JSON text, with the key (NULL: the client's). What may
** safely be repeated. 'ask_key' as above. */
fal_op *fal_post (fal_engine *e, fal_client *c, fal_role role,
                  const char *path, const char *json, const char *credentials,
                  int ask_key, double timeout, fal_error *err);

typedef struct fal_download_request {
  const char *url;              /* http(s) or data: */
  size_t url_n;
  const char *path;             /* where the file goes; folders are made */
  int overwrite;                /* 0: an existing file is an error */
  int temporary;                /* it need not survive a power cut */
  size_t keep;                  /* what has no more bytes becomes no file: it
                                   is the answer's body, unless it is empty */
  double timeout;               /* as above */
  uint64_t max_bytes;           /* 0: no ceiling but the disk */
} fal_download_request;

/* Streams to a temporary file beside 'path' and renames it when all bytes
** are there and, unless 'temporary', on disk; what is small enough to be kept
** is left to the caller. No credentials are sent, redirects are followed. A
** data: URI is decoded at once. */
fal_op *fal_download (fal_engine *e, fal_client *c,
                      const fal_download_request *r, fal_error *err);

/* Where files are kept, and how they get there (protocol 8). */
typedef enum fal_repository {
  FAL_REPOSITORY_ADDRESS,       /* the CDN, by an address from the REST host */
  FAL_REPOSITORY_GCS,           /* the older storage, in the same way; knows
                                   no parts and no ACL */
  FAL_REPOSITORY_CDN            /* the CDN itself, with a token of its own */
} fal_repository;

typedef struct fal_upload_request {
  fal_repository repository;
  const char *cdn_base;         /* for the CDN: base_url and "token_type token" */
  const char *cdn_authorization;/* of POST {rest}/storage/auth/token */
  const char *path;             /* a file, read as it is sent; NULL: 'bytes' */
  const char *bytes;            /* copied */
  size_t bytes_n;
  const char *content_type;     /* NULL: application/octet-stream */
  const char *file_name;        /* NULL: the path's last part, "upload.bin" */
  const char *lifecycle;        /* X-Fal-Object-Lifecycle, JSON; NULL: none */
  const char *credentials;      /* this call's; NULL: the client's */
  double timeout;               /* 0: the client's; negative: none */
  uint64_t multipart_threshold; /* above it in parts; 0: 90 MiB */
  uint64_t part_size;           /* 0: 10 MiB */
  int parallel;                 /* parts at once; 0: 4 */
  int progress;                 /* FAL_EVENT_PROGRESS, 20 a second at most */
  int ask_key, tell;            /* as above */
} fal_upload_request;

/* A file to fal's storage. The body of the answer is a JSON object: "file_url",
** "bytes", and "mtime" when it was a file. Parts that fail are sent again by
** themselves. A file that changes meanwhile is FAL_EFILE. The key goes to the
** REST host alone, not to where the bytes go; the CDN's token only to this
** client's hosts and fal.media (else FAL_EPROTOCOL). */
fal_op *fal_upload (fal_engine *e, fal_client *c, const fal_upload_request *r,
                    fal_error *err);

/* Nonzero when an upload that failed was refused (404, 405, 5xx) before any byte
** was kept: another repository may be tried. */
int fal_upload_refused (const fal_op *op);

/* Digests a file ("sha256"), a megabyte in each step of the engine. The body
** of the answer is a JSON object: "digest", "bytes", "mtime". */
fal_op *fal_digest_file (fal_engine *e, const char *name, const char *path,
                         fal_error *err);

/* }====================================================== */

#endif
