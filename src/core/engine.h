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

typedef struct fal_transfer fal_transfer;

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
  double started, due;      /* due 0: no deadline */
  size_t place;             /* in the engine's heap of deadlines, 0: none */
  size_t size;              /* of its memory */
  fal_error err;
  fal_answer answer;
  fal_buf head, body;       /* what 'answer' points to */
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

/* Queues an event of n bytes (copied) and reports the operation. FAL_ETOOBIG
** when more than FAL_MAX_NOTED bytes would wait to be taken. */
#define FAL_MAX_NOTED ((size_t)256 << 20)
fal_code fal_op_post (fal_op *op, int kind, int flags, const char *s,
                      size_t n);

/* Makes 'op->answer' show what is in op->head and op->body. */
void fal_op_show (fal_op *op, int status, uint64_t bytes);

/* Ends it: with op->err as it is (FAL_OK: well). It will be reported. */
void fal_op_finish (fal_op *op);

/* Ends it with an error made of a code and a message. */
void fal_op_fail (fal_op *op, fal_code code, const char *fmt, ...)
  __attribute__((format(printf, 3, 4)));

/* Deadlines: sets, moves (when > 0) or takes away (0). 0, or -1 when memory
** ended. */
int fal_op_set_due (fal_op *op, double when);


/* ---- transfer.c: one HTTP exchange ---- */

typedef struct fal_exchange {
  const char *method;       /* NULL: POST when there is a body, else GET */
  const char *url;
  const char *body;         /* stays where it is until the transfer ends */
  size_t body_n;
  int has_body;
  struct curl_slist *headers;       /* owned by the caller until the end */
  int follow;               /* redirects; only ever without credentials */
  size_t max_head, max_body;
  fal_file *sink;           /* 2xx bodies go here instead of memory */
  uint64_t max_sink;        /* 0: no ceiling */
} fal_exchange;

struct fal_transfer {
  CURL *easy;
  fal_op *op;
  fal_engine *engine;
  fal_transfer *next;       /* in the pool */
  int active;
  int plain;                /* set up for nothing but POST: cheap to reuse */
  fal_client *set_for;      /* whose settings the handle has; held */
  struct curl_slist *headers;       /* the list the handle has */
  CURLcode result;
  fal_code refused;         /* why one of our callbacks stopped it */
  int status;
  uint64_t bytes;
  fal_buf *head, *body;     /* the operation's */
  size_t max_head, max_body;
  fal_file *sink;
  uint64_t max_sink;
  char message[CURL_ERROR_SIZE];
};

/* Starts an exchange for an operation; bytes go to op->head and op->body.
** NULL and '*err' when it cannot even start. */
fal_transfer *fal_transfer_start (fal_op *op, const fal_exchange *x,
                                  fal_error *err);

/* Stops it when it is active and gives the handle back. Accepts NULL. */
void fal_transfer_release (fal_transfer *t);

/* What the end of 't' means when it is libcurl's (or our) refusal, not an
** HTTP answer: fills '*err' and returns its code, FAL_OK when it went well. */
fal_code fal_transfer_failure (const fal_transfer *t, fal_error *err);

/* Used by the engine. */
void fal_transfer_pool_free (fal_engine *e);


/* ---- answer.c ---- */

/* Fills '*err' from an answer that is not a success (protocol 10). */
void fal_answer_error (const fal_answer *a, fal_error *err);

/* Blanks every copy of the key that 'headers' carry out of what the server
** sent back, so that an error can show it. */
void fal_op_redact (fal_op *op, const struct curl_slist *headers);

/* Copies x-fal-request-id to 'to' ("" when there is none). */
void fal_answer_request_id (const fal_answer *a, char *to, size_t size);


/* ---- client.c ---- */

struct fal_client {
  int refs;
  char *hosts[FAL_ROLES];
  char *ca_file, *ca_path;          /* one of them, or neither */
  char *http_proxy, *no_proxy, *user_agent;
  char *credentials;                /* "" when there are none */
  struct curl_slist *extra;         /* the user's headers */
  struct curl_slist *json;          /* what a JSON call sends, with the key
                                       and the user agent */
  size_t max_response;
  double timeout, connect_timeout;
};

fal_client *fal_client_hold (fal_client *c);

/* Appends the headers of a JSON call; 'credentials' NULL: none. NULL when
** memory ends. */
struct curl_slist *fal_client_headers (const fal_client *c,
                                       const char *credentials);

/* Appends one header line; NULL (and the list freed) when memory ends or the
** line has a line break in it ('*err' says which). */
struct curl_slist *fal_add_header (struct curl_slist *list, const char *line,
                                   fal_error *err);

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
  fal_op *ops;              /* all of them */
  size_t pending;
  fal_op *ready_head, *ready_tail;
  fal_op **heap;            /* by deadline, from [1] */
  size_t nheap, capheap;
  fal_transfer *pool;
  size_t npool;
  fal_op *spare;            /* memory of operations, for the next ones */
  size_t nspare;
};

#endif
