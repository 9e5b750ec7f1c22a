/*
** store_write.c -- the SQLite store: changes of a request
**
** Each of these is part of a group that the caller began.
*/
#include <string.h>

#include "store_sqlite.h"

#define LOG_MAX  16384    /* bytes of a line */


static void changed (sqlite_store *q, const char *id) {
  if (q->s.changed != NULL)
    q->s.changed(q->s.ud, id);
}


/* Of the row that completed: it is the last that is heard of its pictures. */
static void settled (sqlite_store *q, sqlite3_stmt *st,
                     const store_reply *r) {
  store_settled s;
  sq_column(st, 1, s.tenant, sizeof(s.tenant));
  s.day = sqlite3_column_int64(st, 2);
  s.taken = sqlite3_column_int64(st, 3);
  s.made = r->images;
  if (s.tenant[0] != '\0' && q->s.settled != NULL)
    q->s.settled(q->s.ud, &s);
}


void sq_due (sqlite_store *q, double t) {
  if (t > 0 && (q->s.due == 0 || t < q->s.due))
    q->s.due = t;
}


/*
** {======================================================
** Submitting
** =======================================================
*/

static store_code insert (sqlite_store *q, double now,
                          const store_request *r) {
  sqlite3_stmt *st = sq_use(q, Q_INSERT);
  sq_text(st, 1, r->id);
  sq_text(st, 2, r->owner);
  sq_text(st, 3, r->endpoint);
  sq_text(st, 4, r->base_url);
  sq_text(st, 5, r->webhook[0] != '\0' ? r->webhook : NULL);
  sqlite3_bind_int(st, 6, r->low != 0);
  sqlite3_bind_double(st, 7, now);
  sqlite3_bind_double(st, 8, r->start_by);
  sq_text(st, 9, r->tenant);
  sqlite3_bind_int64(st, 10, r->day);
  sqlite3_bind_int64(st, 11, r->images);
  return sq_run(q, st);
}


static store_code insert_input (sqlite_store *q, const store_request *r) {
  sqlite3_stmt *st = sq_use(q, Q_INPUT);
  store_code code;
  sqlite3_bind_int64(st, 1, sqlite3_last_insert_rowid(q->db));
  sq_text(st, 2, r->head);
  code = sq_put_bytes(q, st, 3, r->body, r->body_n);
  return code == STORE_OK ? sq_run(q, st) : code;
}


/* Whether a request of that id is there: STORE_OK, of this owner; STORE_NONE,
** of another one; STORE_UNFINISHED: there is none. */
static store_code is_there (sqlite_store *q, const store_request *r) {
  sqlite3_stmt *st = sq_use(q, Q_OWNER);
  store_code code;
  sq_text(st, 1, r->id);
  code = sq_first(q, st);
  if (code == STORE_NONE)
    return STORE_UNFINISHED;
  if (code == STORE_OK) {
    const char *owner = (const char *)sqlite3_column_text(st, 0);
    if (owner == NULL || strcmp(owner, r->owner) != 0)
      code = STORE_NONE;
    sqlite3_reset(st);
  }
  return code;
}


store_code sq_submit (store *s, double now, const store_request *r,
                      long *position) {
  sqlite_store *q = (sqlite_store *)s;
  long all = q->waiting[0] + q->waiting[1];
  store_code code = r->named ? is_there(q, r) : STORE_UNFINISHED;
  *position = -1;
  if (code != STORE_UNFINISHED)
    return code;
  if (all >= STORE_WAITING || (r->max_waiting >= 0 && all >= r->max_waiting))
    return STORE_BUSY;
  code = insert(q, now, r);
  if (code == STORE_OK)
    code = insert_input(q, r);
  if (code == STORE_OK) {
    *position = r->low ? all : q->waiting[0];
    q->waiting[r->low != 0]++;
    sq_due(q, r->start_by);
  }
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Completing
** =======================================================
*/

store_code sq_drop (sqlite_store *q, sq_query which, sqlite3_int64 seq) {
  sqlite3_stmt *st = sq_use(q, which);
  store_code code;
  sqlite3_bind_int64(st, 1, seq);
  while ((code = sq_first(q, st)) == STORE_OK)
    if (sqlite3_column_type(st, 0) == SQLITE_TEXT)
      sq_touch(q, (const char *)sqlite3_column_text(st, 0));
  return code == STORE_NONE ? STORE_OK : code;
}


static store_code put_output (sqlite_store *q, sqlite3_int64 seq,
                              const store_reply *r) {
  sqlite3_stmt *st = sq_use(q, Q_OUTPUT);
  store_code code;
  sqlite3_bind_int64(st, 1, seq);
  sqlite3_bind_int64(st, 2, r->status);
  sq_text(st, 3, r->head);
  code = sq_put_bytes(q, st, 4, r->body, r->body_n);
  return code == STORE_OK ? sq_run(q, st) : code;
}


/* The one way to completion. */
static store_code finish (sqlite_store *q, double now, sqlite3_int64 seq,
                          const char *id, const store_reply *r) {
  sqlite3_stmt *st = sq_use(q, Q_COMPLETE);
  double keep = r->body_n >= STORE_BIG ? q->opt.keep_big : q->opt.keep;
  store_code code;
  sqlite3_bind_int64(st, 1, seq);
  sqlite3_bind_double(st, 2, now);
  sqlite3_bind_double(st, 3, now + keep);
  sq_text(st, 4, r->error);
  sq_text(st, 5, r->error_type);
  if (r->seconds >= 0)
    sqlite3_bind_double(st, 6, r->seconds);
  else
    sqlite3_bind_null(st, 6);
  code = sq_first(q, st);
  if (code == STORE_OK) {
    q->s.hooks = q->s.hooks ||
                 sqlite3_column_type(st, 0) != SQLITE_NULL;
    settled(q, st, r);
    sqlite3_reset(st);
    code = sq_drop(q, Q_DROP_INPUT, seq);
  }
  if (code == STORE_OK)
    code = put_output(q, seq, r);
  sq_due(q, now + keep);
  changed(q, id);
  return code;
}


store_code sq_give_up (sqlite_store *q, double now, sqlite3_int64 seq,
                       int priority, const char *id, const store_reply *why) {
  store_code code = finish(q, now, seq, id, why);
  if (code == STORE_OK)
    q->waiting[priority != 0]--;
  return code;
}

/* }====================================================== */


/*
** {======================================================
** While it runs, and after
** =======================================================
*/

store_code sq_log (store *s, double now, const char *id, int attempt,
                   const char *level, const char *text, size_t n) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_COUNT_LOG);
  sqlite3_int64 seq = 0, number = 0;
  store_code code;
  sq_text(st, 1, id);
  sqlite3_bind_int(st, 2, attempt);
  while ((code = sq_first(q, st)) == STORE_OK) {
    seq = sqlite3_column_int64(st, 0);
    number = sqlite3_column_int64(st, 1);
  }
  if (code != STORE_NONE || number == 0)
    return code;
  if (number > STORE_LOGS)
    return STORE_OK;
  st = sq_use(q, Q_LOG);
  sqlite3_bind_int64(st, 1, seq);
  sqlite3_bind_int64(st, 2, number);
  sqlite3_bind_double(st, 3, now);
  sq_text(st, 4, level);
  sqlite3_bind_text(st, 5, text, (int)(n < LOG_MAX ? n : LOG_MAX),
                    SQLITE_STATIC);
  changed(q, id);
  return sq_run(q, st);
}


typedef struct held {
  sqlite3_int64 seq;
  int priority, failures, canceling, state;
} held;


/* STORE_OK when that attempt holds the lease. */
static store_code is_held (sqlite_store *q, const char *id, int attempt,
                           held *h) {
  sqlite3_stmt *st = sq_use(q, Q_HELD);
  store_code code;
  sq_text(st, 1, id);
  sqlite3_bind_int(st, 2, attempt);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  h->seq = sqlite3_column_int64(st, 0);
  h->priority = sqlite3_column_int(st, 1);
  h->failures = sqlite3_column_int(st, 2);
  h->canceling = sqlite3_column_int(st, 3);
  h->state = sqlite3_column_int(st, 4);
  sqlite3_reset(st);
  return STORE_OK;
}


/* Completes what is held, begun or not. */
static store_code end_held (sqlite_store *q, double now, const held *h,
                            const char *id, const store_reply *r) {
  return h->state == STORE_IN_QUEUE
         ? sq_give_up(q, now, h->seq, h->priority, id, r)
         : finish(q, now, h->seq, id, r);
}


store_code sq_begin_run (store *s, double now, const char *id, int attempt) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st;
  held h;
  store_code code = is_held(q, id, attempt, &h);
  (void)now;
  if (code != STORE_OK || h.state != STORE_IN_QUEUE)
    return code;
  st = sq_use(q, Q_RUN);
  sqlite3_bind_int64(st, 1, h.seq);
  code = sq_run(q, st);
  if (code == STORE_OK)
    q->waiting[h.priority != 0]--;
  changed(q, id);
  return code;
}


store_code sq_complete (store *s, double now, const char *id, int attempt,
                        const store_reply *r) {
  sqlite_store *q = (sqlite_store *)s;
  held h;
  store_code code = is_held(q, id, attempt, &h);
  return code == STORE_OK ? end_held(q, now, &h, id, r) : code;
}


store_code sq_release (store *s, double now, const char *id, int attempt,
                       double not_before, int tries,
                       const store_reply *why) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st;
  held h;
  store_code code = is_held(q, id, attempt, &h);
  if (code != STORE_OK)
    return code;
  if (h.canceling)
    return end_held(q, now, &h, id, &store_canceled);
  if (why != NULL && (++h.failures >= tries || h.failures >= STORE_TRIES))
    return end_held(q, now, &h, id, why);
  st = sq_use(q, Q_RELEASE);
  sqlite3_bind_int64(st, 1, h.seq);
  sqlite3_bind_double(st, 2, not_before);
  sqlite3_bind_int(st, 3, h.failures);
  sqlite3_bind_int(st, 4, why != NULL);
  code = sq_run(q, st);
  if (code == STORE_OK && h.state != STORE_IN_QUEUE)
    q->waiting[h.priority != 0]++;
  sq_due(q, not_before);
  changed(q, id);
  return code;
}


store_code sq_cancel (store *s, double now, const char *owner,
                      const char *id) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_FIND);
  sqlite3_int64 seq;
  int state, priority;
  store_code code;
  sq_text(st, 1, id);
  sq_text(st, 2, owner);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  seq = sqlite3_column_int64(st, 0);
  state = sqlite3_column_int(st, 1);
  priority = sqlite3_column_int(st, 2);
  sqlite3_reset(st);
  if (state == STORE_IN_QUEUE)
    return sq_give_up(q, now, seq, priority, id, &store_canceled);
  if (state != STORE_IN_PROGRESS)
    return STORE_FINISHED;
  st = sq_use(q, Q_ASK);
  sqlite3_bind_int64(st, 1, seq);
  code = sq_run(q, st);
  return code == STORE_OK ? STORE_ASKED : code;
}

/* }====================================================== */
