/*
** store_tend.c -- the SQLite store: what time does, and webhooks
*/
#include <stdio.h>
#include <string.h>

#include "store_sqlite.h"

#define TEND_MAX  1000    /* requests looked after in one go */


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
  return sq_give_up(q, now, seq, priority, id, &store_late);
}


static store_code expire (sqlite_store *q, double now, sqlite3_int64 seq) {
  sqlite3_stmt *st = sq_use(q, Q_EXPIRE);
  store_code code;
  sqlite3_bind_int64(st, 1, seq);
  sqlite3_bind_double(st, 2, now + STORE_REMEMBER);
  code = sq_run(q, st);
  if (code == STORE_OK)
    code = sq_drop(q, Q_DROP_OUTPUT, seq);
  if (code == STORE_OK)
    code = sq_drop(q, Q_DROP_LOGS, seq);
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
