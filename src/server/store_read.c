/*
** store_read.c -- the SQLite store: looking at requests
*/
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_sqlite.h"

#define LINE_SHORT  1000    /* requests that are counted for everybody */
#define LINE_AGE    5e-6    /* seconds for each, otherwise */


/*
** {======================================================
** Positions
** =======================================================
*/

static int add_to_line (sqlite_store *q, int priority, sqlite3_int64 seq) {
  if (q->line_n[priority] == q->line_cap[priority]) {
    size_t cap = q->line_cap[priority] * 2 + 64;
    sqlite3_int64 *more = realloc(q->line[priority], cap * sizeof(*more));
    if (more == NULL)
      return 0;
    q->line[priority] = more;
    q->line_cap[priority] = cap;
  }
  q->line[priority][q->line_n[priority]++] = seq;
  return 1;
}


static store_code read_line (sqlite_store *q) {
  sqlite3_stmt *st = sq_use(q, Q_LINE);
  store_code code;
  q->line_n[0] = q->line_n[1] = 0;
  while ((code = sq_first(q, st)) == STORE_OK)
    if (!add_to_line(q, sqlite3_column_int(st, 0) != 0,
                     sqlite3_column_int64(st, 1))) {
      sqlite3_reset(st);
      return STORE_FAIL;
    }
  return code == STORE_NONE ? STORE_OK : code;
}


/* Reads anew what waits when somebody has written since; but where very many
** wait, not for every one who asks: it may be some milliseconds old then. */
static store_code refresh_line (sqlite_store *q, double now) {
  sqlite3_stmt *st = sq_use(q, Q_VERSION);
  size_t n = q->line_n[0] + q->line_n[1];
  double age = now - q->line_at;
  sqlite3_int64 version;
  store_code code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  version = sqlite3_column_int64(st, 0);
  sqlite3_reset(st);
  if (version == q->line_version ||
      (n > LINE_SHORT && age >= 0 && age < (double)n * LINE_AGE))
    return STORE_OK;
  code = read_line(q);
  if (code == STORE_OK) {
    q->line_version = version;
    q->line_at = now;
  }
  return code;
}


static long count_before (const sqlite3_int64 *line, size_t n,
                          sqlite3_int64 seq) {
  size_t low = 0;
  while (low < n) {
    size_t mid = low + (n - low) / 2;
    if (line[mid] < seq)
      low = mid + 1;
    else
      n = mid;
  }
  return (long)low;
}


static store_code get_position (sqlite_store *q, double now, int priority,
                                sqlite3_int64 seq, long *position) {
  store_code code = refresh_line(q, now);
  *position = count_before(q->line[priority], q->line_n[priority], seq);
  if (priority == 1)
    *position += (long)q->line_n[0];
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Statuses and results
** =======================================================
*/

/* Room for one more line, NULL when memory ends. */
static store_log *add_log (store_status *status) {
  size_t n = status->logs_n;
  if ((n & (n - 1)) == 0) {  /* 0, 1, 2, 4, ...: full */
    store_log *more = realloc(status->logs,
                              (n > 0 ? 2 * n : 1) * sizeof(*more));
    if (more == NULL)
      return NULL;
    status->logs = more;
  }
  memset(&status->logs[n], 0, sizeof(store_log));
  status->logs_n++;
  return &status->logs[n];
}


static store_code get_logs (sqlite_store *q, sqlite3_int64 seq, long from,
                            store_status *status) {
  sqlite3_stmt *st = sq_use(q, Q_LOGS);
  store_code code;
  sqlite3_bind_int64(st, 1, seq);
  sqlite3_bind_int64(st, 2, from);  /* numbers in rows begin at 1 */
  while ((code = sq_first(q, st)) == STORE_OK) {
    store_log *l = add_log(status);
    if (l == NULL)
      break;
    l->time = sqlite3_column_double(st, 0);
    l->level = sq_string(st, 1);
    l->text = sq_string(st, 2);
    l->text_n = (size_t)sqlite3_column_bytes(st, 2);
    if (l->level == NULL || l->text == NULL)
      break;
  }
  sqlite3_reset(st);
  return code == STORE_NONE ? STORE_OK : code == STORE_OK ? STORE_FAIL : code;
}


static char *maybe_string (sqlite3_stmt *st, int column) {
  return sqlite3_column_type(st, column) == SQLITE_NULL
         ? NULL : sq_string(st, column);
}


static void take_row (sqlite3_stmt *st, store_status *status) {
  int state = sqlite3_column_int(st, 1);
  status->state = state == SQ_EXPIRED ? STORE_COMPLETED : (store_state)state;
  status->endpoint = sq_string(st, 3);
  status->base_url = sq_string(st, 4);
  status->canceling = sqlite3_column_int(st, 5);
  status->error = maybe_string(st, 6);
  status->error_type = maybe_string(st, 7);
  status->seconds = sqlite3_column_type(st, 8) == SQLITE_NULL
                    ? -1 : sqlite3_column_double(st, 8);
}


static store_code get_status (sqlite_store *q, double now,
                              const char *owner, const char *id, long from,
                              store_status *status) {
  sqlite3_stmt *st = sq_use(q, Q_STATUS);
  sqlite3_int64 seq;
  int priority;
  store_code code;
  sq_text(st, 1, id);
  sq_text(st, 2, owner);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  seq = sqlite3_column_int64(st, 0);
  priority = sqlite3_column_int(st, 2);
  take_row(st, status);
  sqlite3_reset(st);
  if (status->endpoint == NULL || status->base_url == NULL)
    return STORE_FAIL;
  if (status->state == STORE_IN_QUEUE)
    code = get_position(q, now, priority != 0, seq, &status->position);
  if (code == STORE_OK && from >= 0)
    code = get_logs(q, seq, from, status);
  return code;
}


/* In a transaction of its own, so that its parts are of one moment. */
store_code sq_status (store *s, double now, const char *owner,
                      const char *id, long from, store_status *status) {
  sqlite_store *q = (sqlite_store *)s;
  int mine = sqlite3_get_autocommit(q->db);
  store_code code = STORE_OK;
  memset(status, 0, sizeof(*status));
  if (mine)
    sqlite3_exec(q->db, "BEGIN", NULL, NULL, NULL);
  code = get_status(q, now, owner, id, from, status);
  if (mine)
    sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL);
  if (code != STORE_OK)
    store_status_free(status);
  return code;
}


/* A descriptor of a file beside the database. */
static store_code open_file (sqlite_store *q, const char *name,
                             store_result *r) {
  char path[4096];
  struct stat st;
  sq_path(q, name, path, sizeof(path));
  r->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (r->fd < 0 || fstat(r->fd, &st) != 0) {
    fal_fail(&q->s.err, FAL_EFILE, "%s is missing", path);
    return STORE_FAIL;
  }
  r->body_n = (size_t)st.st_size;
  return STORE_OK;
}


static store_code take_result (sqlite_store *q, sqlite3_stmt *st, double now,
                               store_result *r) {
  int state = sqlite3_column_int(st, 0);
  if (state < (int)STORE_COMPLETED)
    return STORE_UNFINISHED;
  if (state == SQ_EXPIRED || sqlite3_column_double(st, 1) <= now)
    return STORE_EXPIRED;
  r->status = (unsigned int)sqlite3_column_int(st, 2);
  r->head = sq_string(st, 3);
  if (r->head == NULL)
    return STORE_FAIL;
  if (sqlite3_column_type(st, 5) == SQLITE_TEXT)
    return open_file(q, (const char *)sqlite3_column_text(st, 5), r);
  r->body_n = (size_t)sqlite3_column_bytes(st, 4);
  r->body = malloc(r->body_n + 1);
  if (r->body == NULL)
    return STORE_FAIL;
  if (r->body_n > 0)
    memcpy(r->body, sqlite3_column_blob(st, 4), r->body_n);
  return STORE_OK;
}


store_code sq_result (store *s, double now, const char *owner,
                      const char *id, store_result *r) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_RESULT);
  store_code code;
  memset(r, 0, sizeof(*r));
  r->fd = -1;
  sq_text(st, 1, id);
  sq_text(st, 2, owner);
  code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  code = take_result(q, st, now, r);
  sqlite3_reset(st);
  if (code != STORE_OK)
    store_result_free(r);
  return code;
}


store_code sq_counts (store *s, store_counts *n) {
  sqlite_store *q = (sqlite_store *)s;
  sqlite3_stmt *st = sq_use(q, Q_COUNTS);
  store_code code = sq_first(q, st);
  if (code != STORE_OK)
    return code;
  n->waiting = (long)sqlite3_column_int64(st, 0);
  n->running = (long)sqlite3_column_int64(st, 1);
  sqlite3_reset(st);
  return STORE_OK;
}

/* }====================================================== */
