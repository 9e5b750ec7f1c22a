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
**   concurrency=N          direct calls that run at the same time; what is
**                          queued waits instead
**   images=N/day           pictures made, until midnight UTC
**
** The file is read again when it changes; one with a mistake in it is not
** taken (the log says why), and what was there before stays. What a tenant
** used today is kept in {data}/usage.
*/
#ifndef falua_keys_h
#define falua_keys_h

#include <stddef.h>
#include <stdint.h>

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

typedef struct serve_keys serve_keys;

/* Reads the file and what was used today. */
serve_keys *serve_keys_new (const char *path, const char *data,
                            fal_error *err);

/* Writes down what was used. NULL is fine. */
void serve_keys_free (serve_keys *k);

/* To be called once a second. NULL is fine. */
void serve_keys_refresh (serve_keys *k);

/* The tenant whose key "id:secret" is, to 'name'. 0 when it is nobody's.
** Takes as long for a key that is almost right as for any other. */
int serve_keys_find (serve_keys *k, const char *s, size_t n,
                     char name[KEYS_NAME]);

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

/* Takes so many pictures off today's: KEYS_FINE or KEYS_IMAGES. What was not
** made is given back with serve_keys_return, which takes what was made beyond
** that when 'images' is negative. */
keys_verdict serve_keys_take (serve_keys *k, const char *name, int64_t images,
                              double *after);
void serve_keys_return (serve_keys *k, const char *name, int64_t images);

/* }====================================================== */


/*
** {======================================================
** Requests of tenants (tenant.c)
** =======================================================
*/

/* Head: finds r->owner; a 401 for who has no key, a 429 for who calls too
** often or too much at once. Without --keys everybody is "". */
int serve_tenant_head (struct serve_request *r);

/* Handler: a 429 for who has had his pictures for today. Takes nothing else. */
int serve_tenant (struct serve_request *r);

/* The request is over. */
void serve_tenant_leave (struct serve_request *r);

/* A queued call has its pictures until it ends: it was accepted; it was taken
** out before it ran (what it asked for is not known any more: one is given
** back); it is done for good. */
void serve_tenant_queued (struct serve_request *r);
void serve_tenant_unqueued (struct serve_request *r);
void serve_tenant_ended (struct falua_server *s, const struct serve_job *job);

/* Any other call of an endpoint is done: counts what it made. For a pool. */
void serve_tenant_done (void *server, struct serve_job *job);

/* }====================================================== */

#endif
