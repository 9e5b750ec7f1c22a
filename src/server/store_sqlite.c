/*
** store_sqlite.c -- the store in SQLite: opening, groups, files beside it
**
** A write-ahead log with synchronous=FULL: commit returns when the log is on
** the disk, so what a caller was told outlives a loss of power, not just the
** process. That costs one fsync a group, however many requests are in it.
**
** Big inputs and results are files named by their digest. They are written
** (and synced) before the row that names them is committed, and removed
** after the commit that let go of the last such row; what a crash leaves
** between the two is swept when the store is opened.
*/
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/file.h"
#include "store_sqlite.h"

#define PAGE        4096
#define CHECKPOINT  "4000"      /* pages of log before they are moved */
#define WAIT        10000       /* ms for a lock: only ever a checkpoint's */

/* The tables, from one version to the next: step i makes version i + 1. */
static const char *const steps[] = {
  "CREATE TABLE request ("
  "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,"
  "  endpoint TEXT NOT NULL, base_url TEXT NOT NULL, webhook TEXT,"
  "  state INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL,"
  "  created REAL NOT NULL, start_by REAL NOT NULL,"
  "  not_before REAL NOT NULL DEFAULT 0,"
  "  attempt INTEGER NOT NULL DEFAULT 0,"
  "  failures INTEGER NOT NULL DEFAULT 0,"
  "  canceling INTEGER NOT NULL DEFAULT 0,"
  "  worker TEXT, lease REAL NOT NULL DEFAULT 0,"
  "  logs INTEGER NOT NULL DEFAULT 0,"
  "  ended REAL, expires REAL, error TEXT, error_type TEXT, seconds REAL,"
  "  hook_tries INTEGER NOT NULL DEFAULT 0, hook_next REAL);"
  "CREATE INDEX waiting ON request (priority, seq, lease, endpoint,"
  "  not_before, start_by) WHERE state = 0;"
  "CREATE INDEX later ON request (not_before)"
  "  WHERE state = 0 AND not_before > 0;"
  "CREATE INDEX late ON request (start_by)"
  "  WHERE state = 0 AND start_by > 0;"
  "CREATE INDEX leased ON request (lease) WHERE lease > 0;"
  "CREATE INDEX hooks ON request (hook_next) WHERE hook_next IS NOT NULL;"
  "CREATE INDEX past ON request (expires) WHERE state >= 2;"
  "CREATE TABLE input (seq INTEGER PRIMARY KEY, head TEXT, body BLOB,"
  "  file TEXT);"
  "CREATE TABLE output (seq INTEGER PRIMARY KEY, status INTEGER NOT NULL,"
  "  head TEXT, body BLOB, file TEXT);"
  "CREATE INDEX input_file ON input (file) WHERE file IS NOT NULL;"
  "CREATE INDEX output_file ON output (file) WHERE file IS NOT NULL;"
  "CREATE TABLE log (seq INTEGER, n INTEGER, time REAL, level TEXT,"
  "  text TEXT, PRIMARY KEY (seq, n)) WITHOUT ROWID;",
  "ALTER TABLE request ADD COLUMN tenant TEXT NOT NULL DEFAULT '';"
  "ALTER TABLE request ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE request ADD COLUMN images INTEGER NOT NULL DEFAULT 0;"
  "CREATE INDEX tenants ON request (tenant, priority, seq, lease, endpoint,"
  "  not_before, start_by) WHERE state = 0;",
};

#define VERSION  ((long)(sizeof(steps) / sizeof(steps[0])))

#define FIRST(what, from, more)                                              \
  "SELECT " what " FROM request " from " WHERE state = 0 AND lease = 0"      \
  "  AND not_before <= ?1 AND (start_by = 0 OR start_by > ?1) " more         \
  "  ORDER BY priority, seq LIMIT 1"

#define EXCEPT  "AND endpoint NOT IN (SELECT value FROM json_each(?2))"

#define NEXT_TENANT(more)                                                    \
  "SELECT min(tenant) FROM request INDEXED BY tenants WHERE state = 0" more

static const char *const sql[Q_N] = {
  [Q_BEGIN] = "BEGIN IMMEDIATE",
  [Q_COMMIT] = "COMMIT",
  [Q_ROLLBACK] = "ROLLBACK",
  [Q_USED] = "SELECT 1 FROM input WHERE file = ?1 UNION ALL"
    " SELECT 1 FROM output WHERE file = ?1 LIMIT 1",
  [Q_WAITING] = "SELECT priority, count(*) FROM request WHERE state = 0"
    " GROUP BY priority",
  [Q_NEXT] = "SELECT min(t) FROM ("
    "SELECT min(lease) AS t FROM request WHERE lease > 0 UNION ALL "
    "SELECT min(start_by) FROM request WHERE state = 0 AND start_by > 0"
    " UNION ALL "
    "SELECT min(not_before) FROM request WHERE state = 0"
    " AND not_before > 0 AND not_before > ?1 UNION ALL "
    "SELECT min(expires) FROM request WHERE state >= 2)",
  [Q_INSERT] = "INSERT INTO request (id, owner, endpoint, base_url, webhook,"
    " priority, created, start_by, tenant, day, images)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  [Q_INPUT] = "INSERT INTO input (seq, head, body, file)"
    " VALUES (?, ?, ?, ?)",
  [Q_CLAIM] = "UPDATE request SET attempt = attempt + 1, worker = ?2,"
    " lease = ?3 WHERE seq = ?1"
    " RETURNING seq, id, owner, endpoint, base_url, attempt, failures,"
    " start_by, priority",
  [Q_FIRST] = FIRST("seq, endpoint, tenant", "", ""),
  [Q_FIRST_EXCEPT] = FIRST("seq, endpoint, tenant", "", EXCEPT),
  /* The first of each tenant, then the first of those: however many of a
  ** tenant that is excepted wait, none of them is looked at. */
  [Q_FIRST_TENANTS] = "WITH RECURSIVE each_of(name) AS ("
    NEXT_TENANT("") " UNION ALL"
    " SELECT (" NEXT_TENANT(" AND tenant > name") ") FROM each_of"
    " WHERE name IS NOT NULL)"
    " SELECT r.seq, r.endpoint, r.tenant FROM each_of CROSS JOIN request AS r"
    " WHERE name NOT IN (SELECT value FROM json_each(?3)) AND r.seq = ("
    FIRST("seq", "INDEXED BY tenants", "AND tenant = name " EXCEPT) ")"
    " ORDER BY r.priority, r.seq LIMIT 1",
  [Q_GET_INPUT] = "SELECT head, body, file FROM input WHERE seq = ?",
  [Q_RENEW] = "UPDATE request SET lease = ?2 WHERE lease > 0"
    " AND worker = ?1",
  [Q_HELD] = "SELECT seq, priority, failures, canceling, state FROM request"
    " WHERE id = ? AND attempt = ? AND lease > 0",
  [Q_RUN] = "UPDATE request SET state = 1 WHERE seq = ?",
  [Q_COUNT_LOG] = "UPDATE request SET logs = logs + 1 WHERE id = ?1"
    " AND attempt = ?2 AND state = 1 RETURNING seq, logs",
  [Q_LOG] = "INSERT INTO log (seq, n, time, level, text)"
    " VALUES (?, ?, ?, ?, ?)",
  [Q_COMPLETE] = "UPDATE request SET state = 2, worker = NULL, lease = 0,"
    " ended = ?2, expires = ?3, error = ?4, error_type = ?5, seconds = ?6,"
    " hook_next = CASE WHEN webhook IS NULL THEN NULL ELSE ?2 END"
    " WHERE seq = ?1 RETURNING hook_next, tenant, day, images",
  [Q_OUTPUT] = "INSERT INTO output (seq, status, head, body, file)"
    " VALUES (?, ?, ?, ?, ?)",
  [Q_RELEASE] = "UPDATE request SET state = 0, worker = NULL, lease = 0,"
    " not_before = ?2, failures = ?3,"
    " start_by = CASE WHEN ?4 OR state = 0 THEN start_by"
    " ELSE 0 END WHERE seq = ?1",
  [Q_FIND] = "SELECT seq, state, priority FROM request WHERE id = ?"
    " AND owner = ?",
  [Q_OWNER] = "SELECT owner FROM request WHERE id = ?",
  [Q_ASK] = "UPDATE request SET canceling = 1 WHERE seq = ?",
  [Q_DROP_INPUT] = "DELETE FROM input WHERE seq = ? RETURNING file",
  [Q_DROP_OUTPUT] = "DELETE FROM output WHERE seq = ? RETURNING file",
  [Q_DROP_LOGS] = "DELETE FROM log WHERE seq = ?",
  [Q_LAPSED] = "SELECT id, attempt FROM request WHERE lease > 0"
    " AND (?2 OR lease <= ?1) LIMIT 1",
  [Q_LATE] = "SELECT seq, id, priority FROM request WHERE state = 0"
    " AND start_by > 0 AND start_by <= ? ORDER BY start_by LIMIT 1",
  [Q_PAST] = "SELECT seq, state, id FROM request WHERE state >= 2"
    " AND expires <= ? ORDER BY expires LIMIT 1",
  [Q_EXPIRE] = "UPDATE request SET state = 3, expires = ?2 WHERE seq = ?1",
  [Q_FORGET] = "DELETE FROM request WHERE seq = ?",
  [Q_STATUS] = "SELECT seq, state, priority, endpoint, base_url, canceling,"
    " error, error_type, seconds FROM request WHERE id = ? AND owner = ?",
  [Q_VERSION] = "PRAGMA data_version",
  [Q_LINE] = "SELECT priority, seq FROM request WHERE state = 0"
    " ORDER BY priority, seq",
  [Q_LOGS] = "SELECT time, level, text FROM log WHERE seq = ? AND n > ?"
    " ORDER BY n",
  [Q_RESULT] = "SELECT r.state, r.expires, o.status, o.head, o.body, o.file"
    " FROM request AS r LEFT JOIN output AS o ON o.seq = r.seq"
    " WHERE r.id = ? AND r.owner = ?",
  [Q_HOOK] = "UPDATE request SET hook_tries = hook_tries + 1,"
    " hook_next = ?1 + min(?2 * (1 << min(hook_tries, 20)), 1800)"
    " WHERE seq = (SELECT seq FROM request WHERE hook_next <= ?1"
    " AND id NOT IN (SELECT value FROM json_each(?3))"
    " ORDER BY hook_next LIMIT 1) RETURNING id, owner, webhook, hook_tries",
  [Q_HOOK_NEXT] = "SELECT min(hook_next) FROM request"
    " WHERE hook_next IS NOT NULL"
    " AND id NOT IN (SELECT value FROM json_each(?1))",
  [Q_HOOK_END] = "UPDATE request SET hook_next = NULL WHERE id = ?",
  [Q_COUNTS] = "SELECT (SELECT count(*) FROM request WHERE state = 0),"
    " (SELECT count(*) FROM request WHERE state = 1)",
};


/*
** {======================================================
** Statements
** =======================================================
*/

store_code sq_failed (sqlite_store *q) {
  int code = sqlite3_errcode(q->db);
  int why = sqlite3_system_errno(q->db);
  if (code == SQLITE_FULL || (code == SQLITE_IOERR &&
      (why == ENOSPC || why == EDQUOT || why == EFBIG))) {
    fal_fail(&q->s.err, FAL_EFILE, "there is no room for the queue in %s",
             q->folder);
    return STORE_FULL;
  }
  fal_fail(&q->s.err, FAL_EFILE, "the queue in %s: %s", q->folder,
           sqlite3_errmsg(q->db));
  return STORE_FAIL;
}


sqlite3_stmt *sq_use (sqlite_store *q, sq_query which) {
  sqlite3_stmt **st = &q->query[which];
  if (*st == NULL)
    sqlite3_prepare_v3(q->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, st,
                       NULL);
  return *st;  /* what is done with a NULL fails as it should */
}


store_code sq_first (sqlite_store *q, sqlite3_stmt *st) {
  int r = st != NULL ? sqlite3_step(st) : SQLITE_ERROR;
  store_code code;
  if (r == SQLITE_ROW)
    return STORE_OK;
  code = r == SQLITE_DONE ? STORE_NONE : sq_failed(q);
  sqlite3_reset(st);
  return code;
}


store_code sq_run (sqlite_store *q, sqlite3_stmt *st) {
  store_code code;
  do
    code = sq_first(q, st);
  while (code == STORE_OK);
  return code == STORE_NONE ? STORE_OK : code;
}


void sq_text (sqlite3_stmt *st, int i, const char *s) {
  sqlite3_bind_text(st, i, s, -1, SQLITE_STATIC);
}


void sq_column (sqlite3_stmt *st, int column, char *to, size_t size) {
  fal_copy_text(to, size, (const char *)sqlite3_column_text(st, column),
                (size_t)sqlite3_column_bytes(st, column));
}


char *sq_string (sqlite3_stmt *st, int column) {
  const char *s = (const char *)sqlite3_column_text(st, column);
  return strdup(s != NULL ? s : "");
}

/* }====================================================== */


/*
** {======================================================
** Files
** =======================================================
*/

void sq_path (const sqlite_store *q, const char *name, char *to,
              size_t size) {
  snprintf(to, size, "%s/blobs/%s", q->folder, name);
}


void sq_touch (sqlite_store *q, const char *name) {
  if (q->touched_n == q->touched_cap) {
    size_t cap = q->touched_cap * 2 + 16;
    sq_name *more = realloc(q->touched, cap * sizeof(*more));
    if (more == NULL)
      return;  /* the next sweep finds it */
    q->touched = more;
    q->touched_cap = cap;
  }
  snprintf(q->touched[q->touched_n++], sizeof(sq_name), "%s", name);
}


static int is_used (sqlite_store *q, const char *name) {
  sqlite3_stmt *st = sq_use(q, Q_USED);
  store_code code;
  sq_text(st, 1, name);
  code = sq_first(q, st);
  sqlite3_reset(st);
  return code != STORE_NONE;
}


/* Removes what no row names any more. */
static void settle (sqlite_store *q) {
  char path[4096];
  while (q->touched_n > 0) {
    const char *name = q->touched[--q->touched_n];
    if (!is_used(q, name)) {
      sq_path(q, name, path, sizeof(path));
      unlink(path);
    }
  }
}


store_code sq_put_bytes (sqlite_store *q, sqlite3_stmt *st, int i,
                         const char *s, size_t n) {
  char path[4096];
  sq_name name;
  if (n <= SQ_INLINE) {
    sqlite3_bind_blob64(st, i, n > 0 ? s : "", n, SQLITE_STATIC);
    sqlite3_bind_null(st, i + 1);
    return STORE_OK;
  }
  if (!fal_digest("sha256", s, n, name)) {
    fal_fail(&q->s.err, FAL_ENOMEM, "no SHA-256 here");
    return STORE_FAIL;
  }
  sq_path(q, name, path, sizeof(path));
  sq_touch(q, name);
  if (access(path, F_OK) != 0 &&
      fal_file_put(path, s, n, 1, &q->s.err) != FAL_OK)
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG
           ? STORE_FULL : STORE_FAIL;
  sqlite3_bind_null(st, i);
  sqlite3_bind_text(st, i + 1, name, -1, SQLITE_TRANSIENT);
  return STORE_OK;
}


/* What a crash left: files that were written and not named, or let go and
** not removed. */
static void sweep (sqlite_store *q) {
  char path[4096];
  struct dirent *e;
  DIR *dir;
  sq_path(q, "", path, sizeof(path));
  dir = opendir(path);
  while (dir != NULL && (e = readdir(dir)) != NULL)
    if (e->d_name[0] != '.' || strstr(e->d_name, ".part") != NULL)
      if (!is_used(q, e->d_name))
        unlinkat(dirfd(dir), e->d_name, 0);
  if (dir != NULL)
    closedir(dir);
}

/* }====================================================== */


/*
** {======================================================
** Groups
** =======================================================
*/

/* How many wait, from the rows. */
static store_code count_waiting (sqlite_store *q) {
  sqlite3_stmt *st = sq_use(q, Q_WAITING);
  store_code code;
  q->waiting[0] = q->waiting[1] = 0;
  while ((code = sq_first(q, st)) == STORE_OK)
    q->waiting[sqlite3_column_int(st, 0) != 0] =
      (long)sqlite3_column_int64(st, 1);
  return code == STORE_NONE ? STORE_OK : code;
}


static store_code group_begin (store *s) {
  sqlite_store *q = (sqlite_store *)s;
  return sq_run(q, sq_use(q, Q_BEGIN));
}


/* Where there is no room, moving the log into the database makes some in it,
** and perhaps it is all that is needed. */
static void group_rollback (store *s) {
  sqlite_store *q = (sqlite_store *)s;
  int full = sqlite3_errcode(q->db) == SQLITE_FULL ||
             sqlite3_errcode(q->db) == SQLITE_IOERR;
  if (!sqlite3_get_autocommit(q->db))  /* some failures have done it */
    sq_run(q, sq_use(q, Q_ROLLBACK));
  if (full)
    sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                              NULL);
  count_waiting(q);
  settle(q);
}


static store_code group_commit (store *s) {
  sqlite_store *q = (sqlite_store *)s;
  store_code code = sqlite3_get_autocommit(q->db)
                    ? STORE_FAIL : sq_run(q, sq_use(q, Q_COMMIT));
  if (code != STORE_OK) {
    fal_error why = s->err;
    group_rollback(s);
    s->err = why;
  }
  else {
    settle(q);
    s->waiting = q->waiting[0] + q->waiting[1];
  }
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Opening and closing
** =======================================================
*/

static void sq_close (store *s) {
  sqlite_store *q = (sqlite_store *)s;
  int i;
  for (i = 0; i < Q_N; i++)
    sqlite3_finalize(q->query[i]);
  sqlite3_close(q->db);
  free(q->touched);
  free(q->line[0]);
  free(q->line[1]);
  free(q->folder);
  free(q);
}


static store_code exec (sqlite_store *q, const char *text) {
  return sqlite3_exec(q->db, text, NULL, NULL, NULL) == SQLITE_OK
         ? STORE_OK : sq_failed(q);
}


static long pragma (sqlite_store *q, const char *text) {
  sqlite3_stmt *st = NULL;
  long n = -1;
  if (sqlite3_prepare_v2(q->db, text, -1, &st, NULL) == SQLITE_OK &&
      sqlite3_step(st) == SQLITE_ROW)
    n = (long)sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return n;
}


static store_code connect (sqlite_store *q) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/queue.db", q->folder);
  if (sqlite3_open_v2(path, &q->db, SQLITE_OPEN_READWRITE |
                      SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)
      != SQLITE_OK)
    return sq_failed(q);
  sqlite3_busy_timeout(q->db, WAIT);
  return exec(q, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
              "PRAGMA wal_autocheckpoint = " CHECKPOINT ";"
              "PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY");
}


/* Makes the tables, or brings those of an older version up to date. */
static store_code prepare (sqlite_store *q) {
  long version = pragma(q, "PRAGMA user_version");
  char text[80];
  store_code code = STORE_OK;
  if (q->opt.max_bytes > 0) {
    snprintf(text, sizeof(text), "PRAGMA max_page_count = %zu",
             q->opt.max_bytes / PAGE);
    code = exec(q, text);
  }
  if (code != STORE_OK || version == VERSION)
    return code;
  if (version < 0 || version > VERSION) {
    fal_fail(&q->s.err, FAL_EFILE, "the queue in %s was written by another "
             "version of falua (%ld, this one writes %ld)", q->folder,
             version, VERSION);
    return STORE_FAIL;
  }
  snprintf(text, sizeof(text), "PRAGMA user_version = %ld; COMMIT", VERSION);
  code = exec(q, "BEGIN");
  for (; code == STORE_OK && version < VERSION; version++)
    code = exec(q, steps[version]);
  return code == STORE_OK ? exec(q, text) : code;
}


static store *new_reader (store *s, fal_error *err);

static const store_class sqlite_class = {
  "sqlite", sq_close, new_reader, group_begin, group_commit, group_rollback,
  sq_submit, sq_next, sq_claim, sq_begin_run, sq_renew, sq_log,
  sq_complete, sq_release, sq_cancel, sq_tend, sq_claim_hook, sq_end_hook,
  sq_status, sq_result, sq_counts
};


static sqlite_store *new_store (const store_options *opt, fal_error *err) {
  sqlite_store *q = calloc(1, sizeof(*q));
  if (q != NULL)
    q->folder = strdup(opt->folder);
  if (q == NULL || q->folder == NULL) {
    free(q);
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  q->s.cls = &sqlite_class;
  q->opt = *opt;
  q->opt.folder = q->folder;
  if (q->opt.keep <= 0)
    q->opt.keep = 3600;
  if (q->opt.keep_big <= 0)
    q->opt.keep_big = 360;
  return q;
}


static store *opened (sqlite_store *q, store_code code, fal_error *err) {
  if (code == STORE_OK)
    return &q->s;
  if (err != NULL)
    *err = q->s.err;
  sq_close(&q->s);
  return NULL;
}


static store *new_reader (store *s, fal_error *err) {
  sqlite_store *q = new_store(&((sqlite_store *)s)->opt, err);
  return q != NULL ? opened(q, connect(q), err) : NULL;
}


store *store_sqlite (const store_options *opt, fal_error *err) {
  sqlite_store *q = new_store(opt, err);
  store_code code;
  if (q == NULL)
    return NULL;
  code = connect(q);
  if (code == STORE_OK)
    code = prepare(q);
  if (code == STORE_OK)
    code = count_waiting(q);
  if (code == STORE_OK)
    sweep(q);
  return opened(q, code, err);
}

/* }====================================================== */
