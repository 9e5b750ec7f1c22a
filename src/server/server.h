/*
** server.h -- the local fal, as one object
**
** Threads of its own: libmicrohttpd's, and one for each worker, which is a
** process of its own: this very program, started once more. So main has to
** begin with falua_worker_main where falua_is_worker says so. Several servers
** may run in one process.
*/
#ifndef falua_server_h
#define falua_server_h

#include <stdint.h>

#include "../core/error.h"

typedef struct falua_server falua_server;

typedef struct falua_server_options {
  const char *listen;    /* "ADDR:PORT"; port 0 picks a free one. NULL:
                            "127.0.0.1:8787" */
  const char *data;      /* folder for files; NULL: a private temporary one,
                            removed by stop */
  const char *apps;      /* folder of endpoints in Lua; NULL: none */
  int workers;           /* processes that run endpoints; 0: one a core */
  int verbose;           /* a line for each request on stderr */
  const char *keys;      /* file of tenants, see keys.h; NULL: any key will do,
                            on loopback only */
  uint64_t max_upload;   /* bytes of one uploaded file; 0: 16 GiB */
  double head_timeout;   /* seconds that the head of a caller's first request
                            may take; 0: 20 */
  double keep, keep_big; /* seconds that results of queued requests are kept,
                            and those of 10 KB and more; 0: 3600, 360 */
  double body_timeout;   /* seconds after which a body must have come with
                            1 KB/s; 0: 30 */
  double keep_alive;     /* seconds of silence after which event streams get a
                            comment; 0: 15 */
  const char *chaos;     /* failures on purpose, see chaos.h; NULL: none */
  double time_limit;     /* seconds that a call of an endpoint may take that
                            sets no limit itself; 0: 60 */
  uint64_t memory_limit; /* and bytes that its Lua may have; 0: 256 MiB */
  double webhook_delay;  /* seconds before the second attempt to deliver a
                            webhook; 0: 15 */
  int webhooks_anywhere; /* deliver them to other machines too */
  const char *filter;    /* file of words, see filter.h; NULL: none */
} falua_server_options;

/* Binds, starts its threads and returns. FAL_ENETWORK when the address
** cannot be had, FAL_EFILE for the folders, FAL_EVALIDATION for an address
** that other machines can reach while callers are not told apart, and for
** keys that cannot be read. 'opt' is copied. The threads take no signals. */
falua_server *falua_server_start (const falua_server_options *opt,
                                  fal_error *err);

/* "http://127.0.0.1:PORT", with the real port. The server's own. */
const char *falua_server_url (const falua_server *s);

/* Takes no more connections, lets running requests finish (five seconds at
** most), ends the threads, frees everything. Accepts NULL. */
void falua_server_stop (falua_server *s);

/* Was this program started to be a worker? Then its main is the next one,
** which does not return as long as there is a server. */
int falua_is_worker (int argc, char **argv);
int falua_worker_main (void);

#endif
