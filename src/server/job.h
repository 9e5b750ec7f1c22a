/*
** job.h -- a call of an endpoint, and the pool that has it run
**
** Endpoints run in worker processes (worker.c), so that one that crashes,
** hangs or eats memory takes nothing else along. In the server each worker
** has a thread, its runner, which is where a job's callbacks are called.
**
** A worker is given its next job before it has finished the present one when
** both are known to be short; such a job can be taken back. Whoever waits for
** an endpoint that runs nowhere gets a worker beyond the usual number, so one
** endpoint cannot keep the others from running, nor wait for itself when it
** calls another one of this server.
*/
#ifndef falua_job_h
#define falua_job_h

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/error.h"

typedef struct serve_pool serve_pool;
typedef struct serve_job serve_job;

typedef enum serve_kind {
  SERVE_RUN, SERVE_QUEUED, SERVE_STREAM, SERVE_REALTIME,
  SERVE_DESCRIBE       /* not a call: what the platform says of the endpoint,
                          see worker.describe */
} serve_kind;


/*
** {======================================================
** What an endpoint answered
** =======================================================
*/

/* Plain bytes, so that it can be sent or kept. */
typedef struct serve_reply {
  unsigned int status;      /* HTTP; 0: none */
  fal_buf head;             /* "name: value\r\n"..., content-type included */
  fal_buf body;
} serve_reply;

/* {"detail": text, "error_type": type} and X-Fal-Error-Type, fal's shape for
** what went wrong outside the model ('type' NULL: without). Replaces what the
** reply had. */
void serve_reply_detail (serve_reply *r, unsigned int status,
                         const char *type, const char *fmt, ...)
  __attribute__((format(printf, 4, 5)));

/* fal's shape for what went wrong in the model: a list of one entry that
** blames the body. Trying again does not help. */
void serve_reply_model (serve_reply *r, unsigned int status,
                        const char *type, const char *msg);

/* Adds a line to the head. */
void serve_reply_header (serve_reply *r, const char *name, const char *value);

/* Empty again, and usable. */
void serve_reply_free (serve_reply *r);

/* }====================================================== */


/*
** {======================================================
** Jobs
** =======================================================
*/

/* All called on the runner's thread, in this order; NULL members are left
** out. 'done' is last: the job may be freed in it. Where no worker ever had
** the job, 'done' alone is called, on any thread, perhaps before
** serve_pool_post returns. No lock is held, so all but serve_pool_free may be
** called from here; s[0..n) is good until the callback returns. */
typedef struct serve_job_class {
  void (*started) (serve_job *job);     /* a worker has begun with it */
  void (*log) (serve_job *job, const char *level, const char *s, size_t n);
  void (*progress) (serve_job *job, double fraction);
  void (*emit) (serve_job *job, const char *s, size_t n);   /* a partial
                   result: one JSON value, in realtime a message's bytes */
  void (*done) (serve_job *job);   /* job->reply is made (also when lost) */
} serve_job_class;

/* What the call of a job costs its owner; tenant.c settles it. */
typedef struct serve_charge {
  int inner;                /* an endpoint of this server calls: it counts in
                               the call that it is made for */
  int64_t taken, day;       /* pictures taken off the owner's of that day */
} serve_charge;


/* The strings stay the caller's and must live until 'done'. */
struct serve_job {
  serve_job *next;          /* the pool's */
  const serve_job_class *cls;
  serve_kind kind;
  const char *method;       /* "POST" */
  const char *endpoint;     /* an id. SERVE_STREAM: may end in "/stream",
                               SERVE_REALTIME: in "/realtime", which the
                               endpoint's own id has not */
  const char *request_id;
  const char *base_url;     /* what URLs in the answer begin with */
  const char *owner;        /* tenant's id, "" without --keys; NULL is "" */
  const char *head;         /* the caller's x-fal-... headers and content-type
                               as "name: value\r\n" lines, no credentials;
                               may be NULL */
  const char *body;
  size_t body_n;            /* JSON; in realtime MessagePack when the head
                               says "content-type: application/msgpack",
                               and then answer and emits are too */
  double start_by;          /* fal_now seconds; 0: whenever */
  int fd;                   /* the caller's socket, watched for hang-up, which
                               cancels the job; -1: none */
  int aside;                /* the server's own question, no call of the owner */
  serve_charge charge;
  int canceled;             /* set by serve_job_cancel */
  int lost;                 /* its worker died under it: nothing is known of
                               what it did; the reply is a 503 for callers
                               that do not want it run again */
  serve_reply reply;        /* the job's owner frees it */
  struct serve_endpoint *ep;/* the pool's, as is what follows */
  double posted;
};

/* }====================================================== */


/*
** {======================================================
** Pool
** =======================================================
*/

/* What the pool is made of; copied. */
typedef struct serve_pool_options {
  const char *files;        /* folder for files with a URL */
  const char *apps;         /* folder of endpoints in Lua; NULL: none */
  const char *url;          /* of this server, for endpoints that call it */
  int workers;              /* processes, at least 1 */
  double time_limit;        /* seconds that a call may take and bytes that */
  uint64_t memory_limit;    /* an endpoint's Lua may have, where the endpoint
                               has no say; 0: 60 s, 256 MiB */
  int verbose;              /* endpoints' own log lines on stderr too */
  struct serve_metrics *metrics;        /* counts what is done; or NULL */
  void (*done) (void *ud, serve_job *job);    /* before each job's own 'done',
                               on the same thread; or NULL */
  void *ud;
} serve_pool_options;

/* Returns at once; the first worker starts beside the caller. */
serve_pool *serve_pool_new (const serve_pool_options *opt, fal_error *err);

/* Turns away what waits, stops what runs, ends the workers. All jobs are done
** when it returns, and no more are taken. NULL is fine. */
void serve_pool_end (serve_pool *p);

/* Ends it, where that was not done. NULL is fine. */
void serve_pool_free (serve_pool *p);

/* Queues a job: 1; or 0 when too many wait or the pool is ending. */
int serve_pool_post (serve_pool *p, serve_job *job);

/* Would a job for this endpoint begin at once, or in a moment, when it was
** posted after 'posted' others, 'same' of which are for the same endpoint? An
** endpoint that runs nowhere gets a worker beyond the usual number, one that
** runs as often as its limit allows gets none. */
int serve_pool_takes (serve_pool *p, const char *endpoint, int posted,
                      int same);

/* How many jobs wait. */
int serve_pool_waiting (serve_pool *p);

/* 'f' is called, from any thread, when a job has ended and there may be room,
** or others wait. One function. */
void serve_pool_on_room (serve_pool *p, void (*f) (void *ud), void *ud);

/* Waiting: it is done at once, with 499 client_cancelled. Running: its
** endpoint sees context.canceled(), and is stopped when it goes on for long;
** it is done then. A job must not be canceled once its 'done' was called:
** that is the caller's to know. Returns 1 when it was waiting. */
int serve_job_cancel (serve_pool *p, serve_job *job);

/* Does 'id' name an endpoint, as it is or (stream, realtime) without its last
** part? 1; 0; also 1 as long as the workers have not told which there are. */
int serve_endpoints_known (serve_pool *p, const char *id);

/* The same of an endpoint that few servers have: what a new file may have in
** it counts only when there was such an endpoint before. */
int serve_endpoints_had (serve_pool *p, const char *id);

/* Calls that wait, calls that workers have, and how many workers there are. */
void serve_pool_load (serve_pool *p, int *waiting, int *running,
                      int *workers);

/* Appends the ids of all endpoints, sorted, 'separator' between them. */
void serve_endpoints_list (serve_pool *p, fal_buf *to, const char *separator);

/* }====================================================== */

#endif
