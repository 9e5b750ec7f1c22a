/*
** keys.h -- tenants: who may call, and how much (--keys FILE)
**
** The file has a line for each key, words with blanks between them:
**
**   # name   key                    limits
**   studio   key_id:key_secret      rate=10/s concurrency=4 images=1000/day
**   alice    sha256:9f86d081...     rate=600/min
**   alice    sha256:2c26b46b...
**
** A key stands there as it is, or as the SHA-256 of "key_id:key_secret" in
** hex. A name that comes again has one more key (to change keys without a
** pause); limits are on its first line. '#' begins a comment. The limits:
**
**   rate=N/s, N/min, N/h   calls; so many at once are fine as in a second (a
**                          minute, an hour), then they come at that rate
**   concurrency=N          calls that run at the same time; what is queued
**                          waits until there is room, direct calls are
**                          refused
**   images=N/day           pictures made, until midnight UTC
**
** The file is read again when it changes; one with a mistake in it is not
** taken (the log says why), and what was there before stays. What a tenant
** used today is kept in {data}/usage, written once a second and at the end: a
** server that is killed may forget the last second of it.
*/
#ifndef falua_keys_h
#define falua_keys_h

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/error.h"

#define KEYS_MAX     4096    /* keys in a file */
#define KEYS_NAME    64      /* room for a tenant's name and its NUL */
#define KEYS_DIGEST  32      /* bytes of a SHA-256 */


/*
** {======================================================
** The file (keysfile.c)
** =======================================================
*/

typedef struct keys_tenant {
  char name[KEYS_NAME];    /* letters, digits and - _ . */
  double rate;             /* calls a second; 0: no limit */
  double burst;            /* so many at once */
  int concurrency;         /* 0: no limit */
  int64_t images;          /* a day; 0: no limit */
} keys_tenant;

typedef struct keys_key {
  unsigned char digest[KEYS_DIGEST];
  int tenant;              /* its index */
} keys_key;

typedef struct keys_file {
  keys_tenant *tenants;
  keys_key *keys;
  int ntenants, nkeys;
  int plain;               /* how many keys stood there as they are */
} keys_file;

/* Reads s[0..n) to 'f', to be freed in any case. FAL_EVALIDATION with the
** line and the way out; no message has a key in it. */
fal_code keys_parse (const char *s, size_t n, keys_file *f, fal_error *err);
void keys_file_free (keys_file *f);

void keys_digest (const char *s, size_t n, unsigned char to[KEYS_DIGEST]);

/* }====================================================== */


/*
** {======================================================
** Tenants (keys.c). From any thread
** =======================================================
*/

struct falua_server;
struct serve_request;
struct serve_job;
struct serve_reply;

typedef struct serve_keys serve_keys;

/* Reads the file and what was used today. */
serve_keys *serve_keys_new (const char *path, const char *data,
                            fal_error *err);

/* Writes down what was used. NULL is fine. */
void serve_keys_free (serve_keys *k);

/* To be called once a second. 1 when there are new limits. NULL is fine. */
int serve_keys_refresh (serve_keys *k);

/* The tenant whose key "id:secret" is, to 'name'. 0 when it is nobody's.
** Takes as long for a key that is almost right as for any other. */
int serve_keys_find (serve_keys *k, const char *s, size_t n,
                     char name[KEYS_NAME]);

/* Nonzero when the file has a key of that tenant: a token may be older. */
int serve_keys_has (serve_keys *k, const char *name);

typedef enum keys_verdict {
  KEYS_FINE, KEYS_RATE, KEYS_RUNNING, KEYS_IMAGES
} keys_verdict;

/* Counts a call against the rate: KEYS_FINE or KEYS_RATE, then with the
** seconds after which there is room again. */
keys_verdict serve_keys_call (serve_keys *k, const char *name, double *after);

/* Begins a call that counts as running until 'leave': KEYS_FINE or
** KEYS_RUNNING. */
keys_verdict serve_keys_enter (serve_keys *k, const char *name);
void serve_keys_leave (serve_keys *k, const char *name);

/* Appends a JSON array of those for whom 'enter' would say KEYS_RUNNING, or
** nothing when there are none. NULL is fine. */
void serve_keys_full (serve_keys *k, fal_buf *to);

/* Takes so many pictures off today's, which is '*day': KEYS_FINE or
** KEYS_IMAGES. */
keys_verdict serve_keys_take (serve_keys *k, const char *name, int64_t images,
                              int64_t *day, double *after);

/* So many of those 'taken' on that day were made. What was not comes back,
** unless that day is over; what was made beyond it is taken now. */
void serve_keys_settle (serve_keys *k, const char *name, int64_t day,
                        int64_t taken, int64_t made);

/* }====================================================== */


/*
** {======================================================
** Requests of tenants (tenant.c)
** =======================================================
*/

/* Head: finds r->owner; a 401 for who has no key, a 429 for who calls too
** often or too much at once. Without --keys everybody is "". */
int serve_tenant_head (struct serve_request *r);

/* Handler: a 429 for who has had his pictures for today. Takes nothing else. A
** submit that may have been accepted before is 'spent' instead: when the queue
** does not know it, 'refuse' makes that 429. */
int serve_tenant (struct serve_request *r);
void serve_tenant_refuse (struct serve_request *r);

/* A message that is a call, before it is given to a worker. 0 after a 429 in
** the job's reply, for who has had his pictures for today, or, by HTTP over
** WebSocket, calls too often; after a 401 for who is in the file no more. */
int serve_tenant_message (struct falua_server *s, struct serve_job *job);

/* Nothing was made: what the job has taken, if that was not settled, comes
** back to its owner. */
void serve_tenant_give_back (struct falua_server *s, struct serve_job *job,
                             const char *owner);

/* The request is over. */
void serve_tenant_leave (struct serve_request *r);

/* A call was accepted by the queue: what it has taken is the queue's, which
** settles it when it completes, however it does. */
void serve_tenant_queued (struct serve_request *r);

/* Any other call of an endpoint is done: counts what it made. For a pool. */
void serve_tenant_done (void *server, struct serve_job *job);

/* How many pictures an endpoint's answer has; one when it says nothing of any
** (in MessagePack, say), for every call makes something. */
int64_t serve_tenant_made (const struct serve_reply *reply);

/* }====================================================== */

#endif
