/*
** store_claim.c -- the SQLite store: what is to run, and leases
*/
#include <stdlib.h>
#include <string.h>

#include "../core/file.h"
#include "store_sqlite.h"

#define READ_MAX  ((size_t)1 << 30)


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


store_code sq_claim (store *s, double now, const char *worker, double until,
                     const store_except *e, store_claim *c) {
  sqlite_store *q = (sqlite_store *)s;
  store_first first;
  store_code code;
  sqlite3_stmt *st;
  int priority = 0;
  code = sq_next(s, now, e, &first);
  if (code != STORE_OK)
    return code;
  st = sq_use(q, Q_CLAIM);
  sqlite3_bind_int64(st, 1, first.seq);
  sq_text(st, 2, worker);
  sqlite3_bind_double(st, 3, until);
  code = claim_row(q, st, c, &priority);
  if (code == STORE_OK && get_input(q, first.seq, c) == STORE_OK) {
    sq_due(q, until);
    return STORE_OK;
  }
  if (code == STORE_OK)
    code = sq_give_up(q, now, first.seq, priority, c->id, &store_broken);
  store_claim_free(c);
  return code == STORE_OK ? STORE_ASKED : code;
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
