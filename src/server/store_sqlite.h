/*
** store_sqlite.h -- what the files of the SQLite store share
**
** store_sqlite.c opens it, groups changes and keeps big bytes in files
** beside the database; store_write.c changes requests, store_claim.c gives
** them to workers, store_tend.c does what time has made due; store_read.c
** looks.
*/
#ifndef falua_store_sqlite_h
#define falua_store_sqlite_h

#include <sqlite3.h>

#include "../core/digest.h"
#include "store.h"

#define SQ_INLINE  65536   /* bytes that stay in a row; more go to a file */

/* The states of a row: those of store_state, then this. */
#define SQ_EXPIRED  3

typedef enum sq_query {
  Q_BEGIN, Q_COMMIT, Q_ROLLBACK, Q_USED, Q_WAITING, Q_NEXT,
  Q_INSERT, Q_INPUT, Q_FIRST, Q_FIRST_EXCEPT, Q_FIRST_TENANTS, Q_CLAIM,
  Q_GET_INPUT, Q_RENEW, Q_HELD, Q_RUN,
  Q_COUNT_LOG, Q_LOG, Q_COMPLETE, Q_OUTPUT, Q_RELEASE, Q_FIND, Q_OWNER, Q_ASK,
  Q_DROP_INPUT, Q_DROP_OUTPUT, Q_DROP_LOGS, Q_LAPSED, Q_LATE, Q_PAST,
  Q_EXPIRE, Q_FORGET,
  Q_STATUS, Q_VERSION, Q_LINE, Q_LOGS, Q_RESULT, Q_COUNTS,
  Q_HOOK, Q_HOOK_NEXT, Q_HOOK_END,
  Q_N
} sq_query;

typedef char sq_name[FAL_DIGEST_HEX];   /* of a file beside the database */

typedef struct sqlite_store {
  store s;                 /* first */
  sqlite3 *db;
  sqlite3_stmt *query[Q_N];
  char *folder;
  store_options opt;
  long waiting[2];         /* by priority; the writer's */
  sq_name *touched;        /* files that this group made or let go */
  size_t touched_n, touched_cap;
  /* A reader's: what waits, by priority, in order; see get_position. */
  sqlite3_int64 *line[2];
  size_t line_n[2], line_cap[2];
  sqlite3_int64 line_version;
  double line_at;
} sqlite_store;

/* The statement, ready to be bound; NULL when it cannot be had. */
sqlite3_stmt *sq_use (sqlite_store *q, sq_query which);

/* Steps a statement that returns no rows (or whose rows nobody wants) to its
** end and resets it. */
store_code sq_run (sqlite_store *q, sqlite3_stmt *st);

/* Steps to the first row: STORE_OK, with the statement to be reset by the
** caller, or STORE_NONE. */
store_code sq_first (sqlite_store *q, sqlite3_stmt *st);

/* What the database's last error means. */
store_code sq_failed (sqlite_store *q);

/* Binding; "" and NULL texts become NULL when 'or_null'. */
void sq_text (sqlite3_stmt *st, int i, const char *s);

/* A column as text, shortened to what fits. */
void sq_column (sqlite3_stmt *st, int column, char *to, size_t size);

/* A column as a string of its own, "" for NULL; NULL when memory ends. */
char *sq_string (sqlite3_stmt *st, int column);

/* Binds s[0..n) at i, or when it is big the name of the file it is put into
** at i + 1. */
store_code sq_put_bytes (sqlite_store *q, sqlite3_stmt *st, int i,
                         const char *s, size_t n);

/* The path of a file beside the database. */
void sq_path (const sqlite_store *q, const char *name, char *to, size_t size);

/* A file that may be needed by nobody now: looked at when the group ends. */
void sq_touch (sqlite_store *q, const char *name);

/* Time will do something then. */
void sq_due (sqlite_store *q, double t);

/* Deletes the row of input or output, and lets go of its file. */
store_code sq_drop (sqlite_store *q, sq_query which, sqlite3_int64 seq);

/* Completes one that waits. */
store_code sq_give_up (sqlite_store *q, double now, sqlite3_int64 seq,
                       int priority, const char *id, const store_reply *why);

/* The functions of the table. */
store_code sq_submit (store *s, double now, const store_request *r,
                      long *position);
store_code sq_next (store *s, double now, const store_except *e,
                    store_first *first);
store_code sq_claim (store *s, double now, const char *worker, double until,
                     const store_except *e, store_claim *c);
store_code sq_begin_run (store *s, double now, const char *id, int attempt);
store_code sq_renew (store *s, double now, const char *worker, double until);
store_code sq_log (store *s, double now, const char *id, int attempt,
                   const char *level, const char *text, size_t n);
store_code sq_complete (store *s, double now, const char *id, int attempt,
                        const store_reply *r);
store_code sq_release (store *s, double now, const char *id, int attempt,
                       double not_before, int tries, const store_reply *why);
store_code sq_cancel (store *s, double now, const char *owner,
                      const char *id);
store_code sq_tend (store *s, double now, int all, double *next);
store_code sq_claim_hook (store *s, double now, double delay,
                          const char *except, store_hook *h, double *next);
store_code sq_end_hook (store *s, const char *id);
store_code sq_status (store *s, double now, const char *owner,
                      const char *id, long from, store_status *st);
store_code sq_result (store *s, double now, const char *owner,
                      const char *id, store_result *r);
store_code sq_counts (store *s, store_counts *n);

#endif
