/*
** engine.h -- what the operations share (not part of the public face)
**
** An operation embeds a fal_op as its first member and has a class. Its
** exchanges are transfers: an easy handle from the engine's pool with
** buffers. libcurl's callbacks only fill those buffers and note what curl
** wants; everything else happens in fal_engine_step, which calls the class.
*/
#ifndef fal_engine_h
#define fal_engine_h

#include <curl/curl.h>

#include "fal.h"
#include "file.h"
#include "work.h"

#define FAL_MAX_HEAD ((size_t)64 << 10)   /* the platform stays below 16 KB */

typedef struct fal_transfer fal_transfer;

/* Something to happen at a moment: an operation's deadline, the end of a
** pause. It lives in what it is for. */
typedef struct fal_alarm {
  double due;               /* fal_now seconds; meaningful while placed */
  size_t place;             /* in the engine's heap, 0: not set */
  void (*ring) (struct fal_alarm *a);
} fal_alarm;

/* Sets an alarm (anew), or takes it away when 'due' is 0. 0, or -1 when
** memory ended. */
int fal_alarm_set (fal_engine *e, fal_alarm *a, double due);

/* Lets a watching loop know when we want to be stepped. */
void fal_engine_arm (fal_engine *e);

/* Lets curl do what only time tells it to do: also to start new transfers. */
void fal_engine_tick (fal_engine *e);

/* Sockets that an operation attends to itself, beside those of the engine's
** curl handle. It lives in what it is for, and serves any number of them. */
typedef struct fal_watch {
  void (*ready) (struct fal_watch *w, int fd, int got);   /* FAL_POLL_... */
} fal_watch;

/* What to watch 'fd' for; 0 ends it, and must be said before 'fd' is closed
** or 'w' is gone. FAL_OK or FAL_ENOMEM. */
fal_code fal_watch_set (fal_engine *e, fal_watch *w, int fd, int want);

typedef struct fal_op_class {
  const char *name;
  void (*transferred) (fal_op *op, fal_transfer *t);  /* t has ended */
  void (*expired) (fal_op *op);                       /* op's time is up */
  void (*clear) (fal_op *op);      /* frees what the op holds, not itself;
                                      its transfers are stopped here */
} fal_op_class;

struct fal_op {
  const fal_op_class *cls;
  fal_engine *engine;       /* NULL once the engine is gone */
  fal_client *client;       /* held; NULL for a timer */
  uint64_t id;
  fal_op *prev, *next;      /* all operations of the engine */
  fal_op *next_ready;       /* queue of those to be reported */
  int done, queued;
  int resting;              /* see fal_op_rest */
  int detached;             /* nobody waits for it: freed when it is done */
  double started;
  fal_alarm deadline;
  size_t size;              /* of its memory */
  fal_error err;
  fal_answer answer;
  fal_buf head, body;       /* what 'answer' points to */
  struct fal_call *asking;  /* waits for fal_op_give_key */
  struct fal_note *notes, *last_note;   /* events not yet taken */
  struct fal_note *taken;               /* the one the caller looks at */
  size_t noted;             /* bytes of events not yet taken */
};

/* An event in its operation's queue; the bytes follow, ended by a NUL. */
typedef struct fal_note {
  struct fal_note *next;
  int kind, flags;
  size_t n;
  char s[];
} fal_note;

/* Makes an operation of 'size' bytes (embedding fal_op) in flight. 'c' may be
** NULL. 'timeout' seconds from now set its deadline; 0 or less: none. */
void *fal_op_new (fal_engine *e, fal_client *c, size_t size,
                  const fal_op_class *cls, double timeout, fal_error *err);

/* Queues it for fal_engine_next, once. */
void fal_op_report (fal_op *op);

/* Queues an event of n bytes (copied) and reports the operation. FAL_ETOOBIG
** when more than FAL_MAX_NOTED bytes would wait to be taken. */
#define FAL_MAX_NOTED ((size_t)256 << 20)
fal_code fal_op_post (fal_op *op, int kind, int flags, const char *s,
                      size_t n);

/* An operation in flight for which there is nothing to do until its owner
** asks for more does not count as pending: 'on' 1. */
void fal_op_rest (fal_op *op, int on);

/* Makes 'op->answer' show what is in op->head and op->body. */
void fal_op_show (fal_op *op, int status, uint64_t bytes);

/* Gives the operation up without ending it: the engine frees it when it is
** done. For a cancellation that is only to be sent. */
void fal_op_detach (fal_op *op);

/* Ends it: with op->err as it is (FAL_OK: well). It will be reported. */
void fal_op_finish (fal_op *op);

/* Ends it with an error made of a code and a message; its request_id, when
** known, stays. */
void fal_op_fail (fal_op *op, fal_code code, const char *fmt, ...)
  __attribute__((format(printf, 3, 4)));


/* ---- transfer.c: one HTTP exchange ---- */

/* Bytes to send: memory, or a stretch of an open file that is read as it is
** sent, and again when it has to be sent again. */
typedef struct fal_source {
  const char *s;            /* NULL: from 'fd' */
  int fd;
  uint64_t offset, n;
  uint64_t given;           /* to libcurl, in this attempt */
  int failed;               /* errno of a read; -1: the file ended too early */
} fal_source;

typedef struct fal_exchange {
  const char *method;       /* NULL: POST when there is a body, else GET */
  const char *url;
  const char *body;         /* stays where it is until the transfer ends */
  size_t body_n;
  int has_body;
  fal_source *source;       /* instead of a body: PUT, over HTTP/1.1; stays
                               where it is as well */
  int once;                 /* must not be sent twice, not even by libcurl,
                               which repeats what a reused connection lost */
  struct curl_slist *headers;       /* owned by the caller until the end */
  int follow;               /* redirects; only ever without credentials */
  size_t max_head, max_body;
  fal_file *sink;           /* 2xx bodies go here instead of memory */
  uint64_t max_sink;        /* 0: no ceiling */
  /* Takes a 2xx body as it comes, instead of memory. Runs inside libcurl: may
  ** fill buffers, post events and set alarms, nothing else. Not FAL_OK stops
  ** the transfer. */
  fal_code (*feed) (void *owner, const char *s, size_t n);
  fal_buf *head_to, *body_to;       /* NULL: op->head, op->body */
  void *owner;              /* what of the operation it is for; may be NULL */
} fal_exchange;

struct fal_transfer {
  CURL *easy;
  CURLU *address;           /* the URL, parsed; NULL when memory ended */
  fal_op *op;
  void *owner;
  fal_engine *engine;
  fal_transfer *next;       /* in the pool */
  int active;
  int once, issued;         /* requests written; more than one only if not
                               'once' */
  int plain;                /* set up for nothing but POST: cheap to reuse */
  fal_client *set_for;      /* whose settings the handle has; held */
  struct curl_slist *headers;       /* the list the handle has */
  long buffer;              /* the size of its receive buffer, 0: not set */
  CURLcode result;
  fal_code refused;         /* why one of our callbacks stopped it */
  int status;
  char encoding[24];        /* of the body, "" when it has none */
  uint64_t bytes;
  fal_buf *head, *body;     /* the operation's */
  size_t max_head, max_body;
  fal_file *sink;
  uint64_t max_sink;
  fal_code (*feed) (void *owner, const char *s, size_t n);
  fal_source *source;
  char message[CURL_ERROR_SIZE];
};

/* Starts an exchange for an operation. NULL and '*err' when it cannot even
** start. */
fal_transfer *fal_transfer_start (fal_op *op, const fal_exchange *x,
                                  fal_error *err);

/* Stops it when it is active and gives the handle back. Accepts NULL. */
void fal_transfer_release (fal_transfer *t);

/* Nonzero when the request of an exchange that ended may have reached the
** server: something of it was written. */
int fal_transfer_sent (const fal_transfer *t);

/* What the end of 't' means when it is libcurl's (or our) refusal, not an
** HTTP answer: fills '*err' and returns its code, FAL_OK when it went well. */
fal_code fal_transfer_failure (const fal_transfer *t, fal_error *err);

/* A connection to the host of an http(s) 'url' instead of an exchange: through
** the client's proxy, with its certificates, HTTP/1.1 by ALPN. The handle is
** in no multi and no pool; the caller adds it to one of its own and reads and
** writes with curl_easy_recv and _send. NULL and '*err' on failure. */
fal_transfer *fal_transfer_connect (fal_op *op, const char *url,
                                    fal_error *err);

/* Frees what 'connect' made, once it is in no multi. Accepts NULL. */
void fal_transfer_free (fal_transfer *t);

/* Used by the engine. */
void fal_transfer_pool_free (fal_engine *e);


/* ---- answer.c ---- */

/* Fills '*err' from an answer that is not a success (protocol 10). */
void fal_answer_error (const fal_answer *a, fal_error *err);

/* Blanks every copy of the key that 'headers' carry out of what the server
** sent back, so that an error can show it. */
void fal_redact (fal_buf *head, fal_buf *body,
                 const struct curl_slist *headers);

/* Copies x-fal-request-id to 'to' ("" when there is none). */
void fal_answer_request_id (const fal_answer *a, char *to, size_t size);


/* ---- client.c ---- */

struct fal_client {
  int refs;
  char *hosts[FAL_ROLES];
  char *ca_file, *ca_path;          /* one of them, or neither */
  char *proxy_url;                  /* NULL: calls go where they are meant */
  char *http_proxy, *no_proxy, *user_agent;
  char *credentials;                /* "" when there are none */
  double login_until;               /* they are a login that expires then; 0:
                                       they are not, or it does not say */
  struct curl_slist *extra;         /* the user's headers */
  struct curl_slist *json;          /* what a JSON call sends, with the key
                                       and the user agent */
  struct curl_slist *bare;          /* the end of that list, for calls without
                                       a body */
  struct curl_slist *plain;         /* what a download sends: the user agent */
  size_t max_response;
  double timeout, connect_timeout;
  fal_retry retry;
};

fal_client *fal_client_hold (fal_client *c);

/* The headers of a JSON call; 'credentials' NULL: none. NULL when memory
** ends. */
struct curl_slist *fal_client_headers (const fal_client *c,
                                       const char *credentials);

/* Puts 'line' in place of the header of the same name, or at the end; as
** fal_add_header otherwise. */
struct curl_slist *fal_set_header (struct curl_slist *list, const char *line,
                                   fal_error *err);

/* Appends one header line; NULL (and the list freed) when memory ends or the
** line has a line break in it ('*err' says which). */
struct curl_slist *fal_add_header (struct curl_slist *list, const char *line,
                                   fal_error *err);

/* Nonzero when a secret that the REST host gave out for the CDN may be sent to
** this address: to the REST or the CDN host of this client or a name below, with
** the same scheme and port, or to fal.media when the REST host is fal's. */
int fal_client_trusts (const fal_client *c, const char *url, size_t n);

/* Overwrites a secret before its memory is given back. Accepts NULL. */
void fal_wipe (char *s);

/* Frees a list of headers, overwriting the key in it. Accepts NULL. */
void fal_headers_free (struct curl_slist *list);

/* FAL_EAUTH when this role's host is fal's own and 'credentials' is empty:
** such a call could only be refused. */
fal_code fal_client_check_key (const fal_client *c, fal_role role,
                               const char *credentials, fal_error *err);


struct fal_engine {
  CURLM *multi;
  fal_pollset *ps;
  double curl_due;          /* when curl wants to be called; 0: never */
  int watched;              /* somebody nests our descriptor: keep it armed */
  int running;              /* in step */
  int max_connections;
  int seen_h1;              /* a TLS server that has no HTTP/2 */
  int capped;
  uint64_t last_id;
  fal_watch **watches;      /* by descriptor */
  int nwatches;
  fal_op *ops;              /* all of them */
  size_t pending;
  fal_op *ready_head, *ready_tail;
  fal_alarm **heap;         /* by moment, from [1] */
  size_t nheap, capheap;
  fal_transfer *pool;
  size_t npool;
  uint64_t random;          /* state of a small generator, for delays */
  fal_workers *workers;     /* NULL before the first work */
  fal_op *spare;            /* memory of operations, for the next ones */
  size_t nspare;
};

#endif
