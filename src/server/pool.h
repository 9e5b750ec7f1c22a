/*
** pool.h -- what the files of the pool share
**
** pool.c has the queue and decides which worker gets which job; runner.c
** sends jobs to one worker and takes what comes back; keeper.c looks after
** what takes too long; catalog.c knows which endpoints there are.
**
** One lock guards everything here but what is marked as a thread's own. No
** callback of a job runs under it: jobs that are done without a worker are
** collected in a list and told after it is released.
*/
#ifndef falua_pool_h
#define falua_pool_h

#include <pthread.h>

#include "job.h"
#include "metrics.h"
#include "process.h"

#define POOL_WAITING_MAX  1024   /* jobs waiting for a worker */
#define POOL_RUNNERS_MAX  96
#define POOL_EXTRA        24     /* workers beyond the usual number */

typedef struct serve_file serve_file;
typedef struct serve_endpoint serve_endpoint;


/*
** {======================================================
** Catalog: files and the endpoints they have
** =======================================================
*/

typedef enum file_state {
  FILE_LOADING,      /* calls of its endpoints wait */
  FILE_GOOD,
  FILE_BROKEN        /* calls of its endpoints fail */
} file_state;

/* What tells that a file has changed. Compared as bytes: all of it is set. */
typedef struct file_stamp {
  uint64_t there, inode, size;
  int64_t seconds, nanoseconds;
} file_stamp;

typedef struct serve_module {
  struct serve_module *next;
  char *path;
  file_stamp stamp;
} serve_module;

struct serve_file {
  serve_file *next;
  char *name;            /* "": what is built in; else a path */
  file_state state;
  uint32_t version;      /* another one each time that it changes; no two
                            files ever have the same */
  int posted;            /* a worker is, or will be, asked what it has */
  int refused;           /* another file had an id of it */
  file_stamp stamp;
  serve_module *modules; /* that it required */
  int module_count;
};

struct serve_endpoint {
  serve_endpoint *next;  /* in its bucket */
  char *id;
  serve_file *file;
  uint32_t version;      /* of the file that had it; older, 0: it is gone */
  double time;           /* seconds that one call may take */
  uint64_t memory;       /* bytes that its Lua may have */
  int concurrency;       /* calls at once; 0: as many as usual workers */
  int running;           /* of this version: old code holds no new up */
  double mean;           /* seconds that a call takes, lately */
};

#define CATALOG_BUCKETS  256

typedef struct catalog {
  serve_file *files;
  serve_endpoint *buckets[CATALOG_BUCKETS];
  int loading;           /* files in that state */
  int settled;           /* once, there were none */
  uint32_t versions;     /* given out so far */
  const char *apps;      /* the folder, NULL: none */
  double scanned;        /* when it was looked at */
  double time;           /* limits of endpoints that have none of their own */
  uint64_t memory;
} catalog;

fal_code catalog_open (catalog *c, const serve_pool_options *opt,
                       fal_error *err);
void catalog_free (catalog *c);

/* The endpoint of a call; NULL when there is none. */
serve_endpoint *catalog_find (const catalog *c, const char *id);
serve_endpoint *catalog_resolve (const catalog *c, const char *id,
                                 serve_kind kind);

/* A file that is to be loaded; NULL when memory ends. */
serve_file *catalog_add_file (catalog *c, const char *name);

/* It has another version now, which is to be loaded, or (0) has nothing in. */
void catalog_changed (catalog *c, serve_file *f, int there);

/* Is there such an endpoint, or may a file that is being loaded have it: one
** that was there from the start, or any when there once was that endpoint? */
int catalog_had (const catalog *c, const char *id);

/* What a worker said of a file: lines of TAB-separated fields,
**   endpoint  ID  TIME  MEMORY  CONCURRENCY
**   module    PATH
** and whether it could be loaded. */
void catalog_loaded (catalog *c, serve_file *f, uint32_t version, int good,
                     const char *lines, size_t n);

/* Ids of endpoints that can be called, sorted. */
void catalog_list (const catalog *c, fal_buf *to, const char *separator);

/* apps.c: files that are new, have changed or are gone. */
fal_code apps_open (catalog *c, fal_error *err);
void apps_scan (catalog *c);
void apps_add_module (serve_file *f, const char *path);
void apps_forget_modules (serve_file *f);

/* }====================================================== */


/*
** {======================================================
** Runners: one for each worker
** =======================================================
*/

typedef enum runner_state {
  RUNNER_NONE, RUNNER_STARTING, RUNNER_OPEN, RUNNER_CLOSING
} runner_state;

/* A job that a worker has. */
typedef struct runner_slot {
  serve_job *job;        /* NULL: the slot is free, or was taken back */
  uint32_t version;      /* of its endpoint's file */
  double began;          /* when it came to the front */
  double canceled;       /* when that was; 0: it was not */
  double stopped;        /* when it was told to stop; 0: it was not */
} runner_slot;

typedef struct runner {
  serve_pool *pool;
  pthread_t thread;
  int joinable;
  runner_state state;
  serve_process process;
  runner_slot slots[LINK_DEPTH];
  unsigned char order[LINK_DEPTH];   /* slots with jobs, first sent first */
  int n;                 /* how many */
  double backlog;        /* seconds that they will take */
  serve_job *sending;    /* its bytes did not all fit yet */
  size_t sent;           /* of them */
  fal_buf head;          /* its frame and strings */
  double idle_since;
  /* The thread's own: a frame on its way in. */
  link_frame frame;
  size_t frame_n;        /* bytes of it that are there */
  fal_buf in_head, in_body;
} runner;

/* All of these under the pool's lock. */

/* Starts the worker and its thread: 1; 0 when there is no thread for it. */
int runner_start (runner *r, serve_pool *p);

/* Tells it to end. What it has is lost. */
void runner_close (runner *r);

#define RUNNER_AHEAD_MAX  0.01   /* seconds that jobs wait behind another */

/* Nonzero when one more job can be sent behind those it has: there are some. */
int runner_takes_ahead (const runner *r, double now);

/* Gives the job to a worker that is open. */
void runner_send (runner *r, serve_job *job);

/* Takes the jobs back that wait behind the first one, into the front of the
** queue. */
void runner_take_back (runner *r);

/* 1 when the job was taken back; else it was, perhaps, told to end. */
int runner_cancel (runner *r, const serve_job *job);

/* Makes the job that runs end: it is sent a signal and, when it goes on for
** another second, killed with its worker. */
void runner_stop (runner *r, link_stop why, double now);

/* }====================================================== */


struct serve_pool {
  serve_pool_options opt;
  char *files, *apps, *url;
  pthread_mutex_t lock;
  pthread_cond_t keep;     /* the keeper has work, or the end */
  pthread_t keeper;
  int keeper_started, keeper_sleeps;
  int ending;
  catalog cat;
  serve_job *first, *last; /* waiting */
  int waiting;
  int busy;                /* runners with jobs */
  int started;             /* runners not NONE */
  int failures;            /* workers in a row that ended before their first
                              answer */
  void (*room) (void *ud);
  void *room_ud;
  int top;                 /* runners from here on were never started */
  runner runners[POOL_RUNNERS_MAX];
};

/* Gives waiting jobs to workers, starts workers that are needed. Under the
** lock; jobs that are done are put into '*done'. */
void pool_dispatch (serve_pool *p, serve_job **done);

/* Counts a job and calls its 'done'; and that of each of a list. Without the
** lock. */
void pool_done (serve_pool *p, serve_job *job);
void pool_finish (serve_pool *p, serve_job *done);

/* Puts jobs in front of the queue, in their order. */
void pool_requeue (serve_pool *p, serve_job *jobs);

/* Turns all away that wait. */
void pool_turn_all_away (serve_pool *p, serve_job **done, const char *type,
                         const char *why);

/* Turns those away that need no worker: late, unknown, of a broken file. Looks
** at all, which dispatching does not when no worker is free. */
void pool_turn_away (serve_pool *p, serve_job **done);

/* A question to a worker: what is in a file? Its kind is LINK_LOAD. */
typedef struct load_job {
  serve_job job;
  serve_pool *pool;
  serve_file *file;
  uint32_t version;
  int began;
} load_job;

/* Looks for files that have changed and asks workers about those that are not
** known. */
void pool_refresh (serve_pool *p);

/* One more worker. 0 when there are enough. */
int pool_grow (serve_pool *p);

/* May this endpoint have a worker beyond the usual number? */
int pool_deserves_more (const serve_pool *p, const serve_endpoint *ep);

/* There may be something to look after. */
void pool_wake_keeper (serve_pool *p);

/* Tells whoever waits for room. Without the lock. */
void pool_tell_room (serve_pool *p);

void *keeper_main (void *ud);

#endif
