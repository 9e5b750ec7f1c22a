/*
** store.h -- where the queue keeps what it has accepted
**
** A store is a table of functions, so that the queue does not know what is
** behind it, and time is an argument of each, so that its conformance test
** (spec/c/test_store.c) runs on every backend with a clock of its own. Times
** are seconds since 1970; they must mean the same after a restart.
**
** A request is waiting, then running, then completed; what completed stays
** completed. To be run it is claimed, which is a lease: a worker's name, an
** attempt and a moment at which it ends. One that is claimed still waits, with
** its position, until its worker begins; it may be claimed a little ahead of
** that. Only the attempt that holds the lease can begin, log, complete or give
** back (fencing), so a worker that was thought lost changes nothing.
**
** One thread writes: begin, any number of changes, then commit, which
** returns when they are on disk; rollback undoes all since begin. Others
** read, each with a reader of its own, and see only what was committed.
*/
#ifndef falua_store_h
#define falua_store_h

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/error.h"

#define STORE_ID        37      /* room for an id and its NUL */
#define STORE_ENDPOINT  256     /* for an endpoint's id */
#define STORE_TENANT    64      /* for a tenant's name */
#define STORE_TRIES     10      /* failed attempts after which it is given up */
#define STORE_LOGS      10000   /* lines of one request; more are dropped */
#define STORE_WAITING   100000  /* requests that may wait; more are refused */
#define STORE_REMEMBER  86400.0 /* seconds an id is known after its result */

typedef enum store_code {
  STORE_OK = 0,
  STORE_NONE,       /* no such request, of this owner; nothing to claim;
                       not the attempt that holds the lease */
  STORE_UNFINISHED, /* its result is not there yet */
  STORE_EXPIRED,    /* its result was there */
  STORE_FINISHED,   /* too late to cancel */
  STORE_ASKED,      /* runs; its worker has to be told */
  STORE_BUSY,       /* too many wait */
  STORE_FULL,       /* the disk is full, or the store's ceiling reached */
  STORE_FAIL        /* anything else: s->err says what */
} store_code;

typedef enum store_state {
  STORE_IN_QUEUE, STORE_IN_PROGRESS, STORE_COMPLETED
} store_state;

typedef struct store_options {
  const char *folder;      /* exists; all files of the store are in it */
  double keep;             /* seconds a result is kept; 0: 3600 */
  double keep_big;         /* one of STORE_BIG bytes and more; 0: 360 */
  size_t max_bytes;        /* ceiling of the database; 0: none */
} store_options;

#define STORE_BIG  10240

/* A request as submitted. Strings are the caller's; "" where there is none. */
typedef struct store_request {
  const char *id, *owner, *endpoint;
  const char *base_url;    /* what URLs in its answers begin with */
  const char *head;        /* its x-fal-* headers, "name: value\r\n"... */
  const char *webhook;
  const char *body;
  size_t body_n;
  int low;                 /* after all that are not */
  int named;               /* the caller has chosen the id: there may be a
                              request with it already, which then is it */
  const char *tenant;      /* whose limits it counts against; "": nobody's */
  int64_t day, images;     /* taken off the tenant's pictures of that day */
  double start_by;         /* it is 504 when it has not begun by then; or 0 */
  long max_waiting;        /* STORE_BUSY when so many wait; negative: any; 0:
                              only one that is there already is found */
} store_request;

/* What is not to be claimed now: JSON arrays of endpoints and of tenants; NULL
** for either, or for all of it: none. */
typedef struct store_except {
  const char *endpoints, *tenants;
} store_except;

/* What would be claimed. */
typedef struct store_first {
  int64_t seq;             /* the store's own */
  char endpoint[STORE_ENDPOINT], tenant[STORE_TENANT];
} store_first;

/* A request in the hands of a worker. */
typedef struct store_claim {
  char id[STORE_ID];
  char *owner, *endpoint, *base_url, *head;   /* "" where there is none */
  char *body;
  size_t body_n;
  int attempt;             /* counts claims: the fence */
  int failures;            /* attempts that failed */
  double start_by;
} store_claim;

/* What completes a request: what the result call answers, and how. */
typedef struct store_reply {
  unsigned int status;     /* HTTP */
  const char *head;        /* "name: value\r\n"..., content type included */
  const char *body;
  size_t body_n;
  const char *error;       /* NULL: it went well */
  const char *error_type;  /* fal's word; NULL: none */
  double seconds;          /* of inference; negative: unknown */
  int64_t images;          /* pictures that it made */
} store_reply;

/* A request with a tenant has completed: what it had taken off his pictures,
** and what it made. */
typedef struct store_settled {
  char tenant[STORE_TENANT];
  int64_t day, taken, made;
} store_settled;

typedef struct store_log {
  double time;
  char *level, *text;
  size_t text_n;
} store_log;

typedef struct store_status {
  store_state state;
  int canceling;           /* runs, but was asked to stop */
  long position;           /* requests before it; while it waits */
  char *endpoint, *base_url;
  char *error, *error_type;   /* NULL: none */
  double seconds;          /* negative: unknown */
  store_log *logs;         /* those from 'from' on */
  size_t logs_n;
} store_status;

/* A result: body or file. */
typedef struct store_result {
  unsigned int status;
  char *head;
  char *body;              /* NULL: in the file */
  size_t body_n;
  int fd;                  /* -1: none; the caller's to close */
} store_result;

/* A webhook that is due: one attempt to deliver it has begun. */
typedef struct store_hook {
  char id[STORE_ID];
  char *owner, *url;
  int tries;               /* this one included */
} store_hook;

typedef struct store_counts {
  long waiting, running;
} store_counts;

typedef struct store store;

typedef struct store_class {
  const char *name;
  void (*close) (store *s);

  /* Another handle on the same store, for a thread that only reads. */
  store *(*reader) (store *s, fal_error *err);

  store_code (*begin) (store *s);
  store_code (*commit) (store *s);     /* on failure all is undone */
  void (*rollback) (store *s);

  /* Keeps a request. '*position' is how many wait before it, negative when
  ** the one of that name is there already. STORE_NONE: another owner's is. */
  store_code (*submit) (store *s, double now, const store_request *r,
                        long *position);

  /* What 'claim' would take. */
  store_code (*next) (store *s, double now, const store_except *e,
                      store_first *first);

  /* Leases the first that waits and is not excepted to 'worker' until
  ** 'until'. STORE_ASKED: its input could not be read, so it is completed. */
  store_code (*claim) (store *s, double now, const char *worker,
                       double until, const store_except *e, store_claim *c);

  /* What was claimed runs. STORE_NONE when it was canceled before, or too
  ** late. */
  store_code (*run) (store *s, double now, const char *id, int attempt);

  /* Prolongs all leases of a worker. */
  store_code (*renew) (store *s, double now, const char *worker,
                       double until);

  store_code (*log) (store *s, double now, const char *id, int attempt,
                     const char *level, const char *text, size_t n);

  store_code (*complete) (store *s, double now, const char *id, int attempt,
                          const store_reply *r);

  /* Gives a lease back: it waits again, at its old place, but is not claimed
  ** before 'not_before'. With 'why' the attempt has failed, and when it was
  ** the last one (of 'tries' or STORE_TRIES, whichever is less) the request
  ** completes with that. What was asked to stop completes as canceled.
  ** Without 'why' a start timeout is over when it had begun. */
  store_code (*release) (store *s, double now, const char *id, int attempt,
                         double not_before, int tries,
                         const store_reply *why);

  /* STORE_OK: it waited and is completed, as canceled. STORE_ASKED,
  ** STORE_FINISHED, STORE_NONE. */
  store_code (*cancel) (store *s, double now, const char *owner,
                        const char *id);

  /* Leases that are over without a word from the worker: those that passed
  ** their moment, or with 'all' every one (when nobody else can hold any:
  ** nobody is to blame then). Start timeouts. Results past their time, ids
  ** past theirs. '*next' is when there is more to do, 0 when never. */
  store_code (*tend) (store *s, double now, int all, double *next);

  /* The webhook that is due first, of a request that is not in 'except' (a
  ** JSON array of ids); its next attempt is due after 'delay' seconds, doubled
  ** for each it has had, half an hour at most. '*next' is, when there is none,
  ** when the next one is due, 0: never. */
  store_code (*claim_hook) (store *s, double now, double delay,
                            const char *except, store_hook *h, double *next);

  /* It was delivered, or is given up. */
  store_code (*end_hook) (store *s, const char *id);

  /* Reading. Logs from number 'from' on, none when it is negative. */
  store_code (*status) (store *s, double now, const char *owner,
                        const char *id, long from, store_status *st);
  store_code (*result) (store *s, double now, const char *owner,
                        const char *id, store_result *r);
  store_code (*counts) (store *s, store_counts *n);
} store_class;

struct store {
  const store_class *cls;
  fal_error err;           /* of the last STORE_FULL or STORE_FAIL */
  long waiting;            /* requests, after the last commit */
  int hooks;               /* a request with a webhook has completed; whoever
                              looks after them resets it */
  double due;              /* 'tend' has to be called by then because of a
                              change since it was; 0: no sooner than it said */
  /* Told of each request whose status changes, and of each of a tenant that
  ** completes, while it is written; 'settled' may be NULL, too. */
  void (*changed) (void *ud, const char *id);
  void (*settled) (void *ud, const store_settled *what);
  void *ud;
};

/* SQLite, in the file "queue.db" of the folder. NULL and '*err' on failure,
** also when a newer version has written it. */
store *store_sqlite (const store_options *opt, fal_error *err);

void store_claim_free (store_claim *c);
void store_hook_free (store_hook *h);
void store_status_free (store_status *st);
void store_result_free (store_result *r);

/* store.c: what stores answer by themselves. */
extern const store_reply store_canceled;   /* 499 client_cancelled */
extern const store_reply store_late;       /* 504 request_timeout, user */
extern const store_reply store_lost;       /* 503 runner_disconnected */
extern const store_reply store_broken;     /* 500 internal_error */

#endif
