/*
** store_write.c -- the SQLite store: changes of a request
**
** Each of these is part of a group that the caller began.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/file.h"
#include "store_sqlite.h"

#define TEND_MAX  1000             /* requests looked after in one go */
#define LOG_MAX   16384            /* bytes of a line */
#define READ_MAX  ((size_t)1 << 30)


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


/* Time will do something then. */
static void due (sqlite_store *q, double t) {
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
    due(q, r->start_by);
  }
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Completing
** =======================================================
*/

/* Deletes the row of input or output, and lets go of its file. */
static store_code drop (sqlite_store *q, sq_query which, sqlite3_int64 seq) {
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
    code = drop(q, Q_DROP_INPUT, seq);
  }
  if (code == STORE_OK)
    code = put_output(q, seq, r);
  due(q, now + keep);
  changed(q, id);
  return code;
}


/* Completes one that waits. */
static store_code give_up (sqlite_store *q, double now, sqlite3_int64 seq,
                           int priority, const char *id,
                           const store_reply *why) {
  store_code code = finish(q, now, seq, id, why);
  if (code == STORE_OK)
    q->waiting[priority != 0]--;
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Claiming
** =======================================================
*/

static char *copy (const void *s, size_t n) {
  char *p = malloc(n + 1);
  if (p != NULL) {
    memcpy(p, s != NULL ? s : "", n);
    p[n] = '\0';
  }
  return p;
}


/* The bytes of a file beside the database. */
static char *from_file (sqlite_store *q, const char *name, size_t *n) {
  char path[4096];
  fal_buf b;
  sq_path(q, name, path, sizeof(path));
  fal_buf_init(&b, READ_MAX);
  if (fal_file_get(path, &b, &q->s.err) != FAL_OK) {
    fal_buf_free(&b);
    return NULL;
  }
  *n = b.n;
  return b.s;
}


static store_code get_input (sqlite_store *q, sqlite3_int64 seq,
                             store_claim *c) {
  sqlite3_stmt *st = sq_use(q, Q_GET_INPUT);
  store_code code;
  const char *file;
  sqlite3_bind_int64(st, 1, seq);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code == STORE_NONE ? STORE_FAIL : code;
  c->head = sq_string(st, 0);
  file = (const char *)sqlite3_column_text(st, 2);
  if (file != NULL)
    c->body = from_file(q, file, &c->body_n);
  else {
    c->body_n = (size_t)sqlite3_column_bytes(st, 1);
    c->body = copy(sqlite3_column_blob(st, 1), c->body_n);
  }
  sqlite3_reset(st);
  return c->head != NULL && c->body != NULL ? STORE_OK : STORE_FAIL;
}


/* Of the row that the claim returned. */
static int take_row (sqlite3_stmt *st, store_claim *c) {
  sq_column(st, 1, c->id, sizeof(c->id));
  c->owner = sq_string(st, 2);
  c->endpoint = sq_string(st, 3);
  c->base_url = sq_string(st, 4);
  c->attempt = sqlite3_column_int(st, 5);
  c->failures = sqlite3_column_int(st, 6);
  c->start_by = sqlite3_column_double(st, 7);
  return c->owner != NULL && c->endpoint != NULL && c->base_url != NULL;
}


/* The row, leased; what it says to '*c'. */
static store_code claim_row (sqlite_store *q, sqlite3_stmt *st,
                             store_claim *c, int *priority) {
  store_code code;
  int found = 0, good = 0;
  memset(c, 0, sizeof(*c));
  while ((code = sq_first(q, st)) == STORE_OK) {
    found = 1;
    *priority = sqlite3_column_int(st, 8);
    good = take_row(st, c);
  }
  if (code != STORE_NONE || !found)
    return code;
  return good ? STORE_OK : STORE_FAIL;
}


store_code sq_next (store *s, double now, const store_except *e,
                    store_first *first) {
  sqlite_store *q = (sqlite_store *)s;
  const char *endpoints = e != NULL ? e->endpoints : NULL;
  const char *tenants = e != NULL ? e->tenants : NULL;
  sqlite3_stmt *st = sq_use(q, tenants != NULL ? Q_FIRST_TENANTS :
                               endpoints != NULL ? Q_FIRST_EXCEPT : Q_FIRST);
  store_code code;
  sqlite3_bind_double(st, 1, now);
  if (tenants != NULL || endpoints != NULL)
    sq_text(st, 2, endpoints != NULL ? endpoints : "[]");
  if (tenants != NULL)
    sq_text(st, 3, tenants);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  first->seq = sqlite3_column_int64(st, 0);
  sq_column(st, 1, first->endpoint, sizeof(first->endpoint));
  sq_column(st, 2, first->tenant, sizeof(first->tenant));
  sqlite3_reset(st);
  return STORE_OK;
}


/* One whose input cannot be read completes, and the next one is looked at. */
store_code sq_claim (store *s, double now, const char *worker, double until,
                     const store_except *e, store_claim *c) {
  sqlite_store *q = (sqlite_store *)s;
  store_first first;
  store_code code;
  int priority;
  while ((code = sq_next(s, now, e, &first)) == STORE_OK) {
    sqlite3_stmt *st = sq_use(q, Q_CLAIM);
    sqlite3_bind_int64(st, 1, first.seq);
    sq_text(st, 2, worker);
    sqlite3_bind_double(st, 3, until);
    code = claim_row(q, st, c, &priority);
    if (code == STORE_OK && get_input(q, first.seq, c) == STORE_OK) {
      due(q, until);
      return STORE_OK;
    }
    if (code == STORE_OK)
      code = give_up(q, now, first.seq, priority, c->id, &store_broken);
    store_claim_free(c);
    if (code != STORE_OK)
      break;
  }
  return code;
}


store_code sq_renew (store *s, double now, const char *worker,
                     double until) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_RENEW);
  (void)now;
  sq_text(st, 1, worker);
  sqlite3_bind_double(st, 2, until);
  return sq_run(q, st);
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
         ? give_up(q, now, h->seq, h->priority, id, r)
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
  due(q, not_before);
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
    return give_up(q, now, seq, priority, id, &store_canceled);
  if (state != STORE_IN_PROGRESS)
    return STORE_FINISHED;
  st = sq_use(q, Q_ASK);
  sqlite3_bind_int64(st, 1, seq);
  code = sq_run(q, st);
  return code == STORE_OK ? STORE_ASKED : code;
}

/* }====================================================== */


/*
** {======================================================
** What time does
** =======================================================
*/

/* Each of these does one request: STORE_OK, or STORE_NONE when there is none
** to do. */

static store_code tend_lease (sqlite_store *q, double now, int all) {
  sqlite3_stmt *st = sq_use(q, Q_LAPSED);
  char id[STORE_ID];
  int attempt;
  store_code code;
  sqlite3_bind_double(st, 1, now);
  sqlite3_bind_int(st, 2, all);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  sq_column(st, 0, id, sizeof(id));
  attempt = sqlite3_column_int(st, 1);
  sqlite3_reset(st);
  return sq_release(&q->s, now, id, attempt, 0, STORE_TRIES,
                    all ? NULL : &store_lost);
}


static store_code tend_start (sqlite_store *q, double now) {
  sqlite3_stmt *st = sq_use(q, Q_LATE);
  char id[STORE_ID];
  sqlite3_int64 seq;
  int priority;
  store_code code;
  sqlite3_bind_double(st, 1, now);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  seq = sqlite3_column_int64(st, 0);
  sq_column(st, 1, id, sizeof(id));
  priority = sqlite3_column_int(st, 2);
  sqlite3_reset(st);
  return give_up(q, now, seq, priority, id, &store_late);
}


static store_code expire (sqlite_store *q, double now, sqlite3_int64 seq) {
  sqlite3_stmt *st = sq_use(q, Q_EXPIRE);
  store_code code;
  sqlite3_bind_int64(st, 1, seq);
  sqlite3_bind_double(st, 2, now + STORE_REMEMBER);
  code = sq_run(q, st);
  if (code == STORE_OK)
    code = drop(q, Q_DROP_OUTPUT, seq);
  if (code == STORE_OK)
    code = drop(q, Q_DROP_LOGS, seq);
  return code;
}


static store_code tend_past (sqlite_store *q, double now) {
  sqlite3_stmt *st = sq_use(q, Q_PAST);
  sqlite3_int64 seq;
  int state;
  store_code code;
  sqlite3_bind_double(st, 1, now);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  seq = sqlite3_column_int64(st, 0);
  state = sqlite3_column_int(st, 1);
  sqlite3_reset(st);
  if (state != SQ_EXPIRED)
    return expire(q, now, seq);
  st = sq_use(q, Q_FORGET);
  sqlite3_bind_int64(st, 1, seq);
  return sq_run(q, st);
}


static store_code when_next (sqlite_store *q, double now, double *next) {
  sqlite3_stmt *st = sq_use(q, Q_NEXT);
  store_code code;
  sqlite3_bind_double(st, 1, now);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  *next = sqlite3_column_double(st, 0);  /* NULL is 0 */
  sqlite3_reset(st);
  return STORE_OK;
}


store_code sq_tend (store *s, double now, int all, double *next) {
  sqlite_store *q = (sqlite_store *)s;
  store_code code = STORE_OK;
  int i;
  s->due = 0;
  while (all && code == STORE_OK)
    code = tend_lease(q, now, 1);
  for (i = 0; i < TEND_MAX && code <= STORE_NONE; i++) {
    code = tend_lease(q, now, 0);
    if (code == STORE_NONE)
      code = tend_start(q, now);
    if (code == STORE_NONE)
      code = tend_past(q, now);
    if (code == STORE_NONE)
      break;
  }
  return code <= STORE_NONE ? when_next(q, now, next) : code;
}

/* }====================================================== */


/*
** {======================================================
** Webhooks
** =======================================================
*/

static store_code next_hook (sqlite_store *q, const char *except,
                             double *next) {
  sqlite3_stmt *st = sq_use(q, Q_HOOK_NEXT);
  store_code code;
  sq_text(st, 1, except);
  code = sq_first(q, st);
  *next = code == STORE_OK ? sqlite3_column_double(st, 0) : 0;
  if (code == STORE_OK)
    sqlite3_reset(st);
  return code == STORE_OK ? STORE_NONE : code;
}


store_code sq_claim_hook (store *s, double now, double delay,
                          const char *except, store_hook *h, double *next) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_HOOK);
  store_code code;
  memset(h, 0, sizeof(*h));
  *next = 0;
  sqlite3_bind_double(st, 1, now);
  sqlite3_bind_double(st, 2, delay);
  sq_text(st, 3, except);
  code = sq_first(q, st);
  if (code == STORE_NONE)
    return next_hook(q, except, next);
  if (code != STORE_OK)
    return code;
  snprintf(h->id, sizeof(h->id), "%s",
           (const char *)sqlite3_column_text(st, 0));
  h->owner = sq_string(st, 1);
  h->url = sq_string(st, 2);
  h->tries = sqlite3_column_int(st, 3);
  sqlite3_reset(st);
  if (h->owner != NULL && h->url != NULL)
    return STORE_OK;
  store_hook_free(h);
  fal_fail(&s->err, FAL_ENOMEM, "out of memory");
  return STORE_FAIL;
}


store_code sq_end_hook (store *s, const char *id) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_HOOK_END);
  sq_text(st, 1, id);
  return sq_run(q, st);
}

/* }====================================================== */
