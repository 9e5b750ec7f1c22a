/*
** keys.c -- tenants: their keys, and what they used
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/crypto.h>
#include <pthread.h>

#include "../core/buf.h"
#include "../core/fal.h"
#include "../core/file.h"
#include "keys.h"
#include "serve.h"

#define FILE_MAX   (1u << 20)    /* bytes of keys, or of what was used */
#define DAY        86400

typedef struct Use {
  keys_tenant t;         /* limits; none for who has left the file */
  double tokens, seen;   /* calls that may come at once; fal_now seconds */
  int running;
  int64_t day, images;   /* made on that day since 1970 */
} Use;

struct serve_keys {
  pthread_mutex_t lock;  /* guards what follows */
  char *path, *usage;
  keys_file file;
  Use **uses;            /* by name; one is never freed while we live */
  int nuses;
  int dirty;             /* 'usage' is behind */
  struct stat seen;      /* the file, when it was read */
};


static int64_t today (void) {
  return (int64_t)time(NULL) / DAY;
}


/*
** {======================================================
** Tenants by name
** =======================================================
*/

/* NULL when there is none. */
static Use *find (const serve_keys *k, const char *name) {
  int i;
  for (i = 0; i < k->nuses; i++)
    if (strcmp(k->uses[i]->t.name, name) == 0)
      return k->uses[i];
  return NULL;
}


/* The same, new where it is not there; NULL when memory ends. */
static Use *use_of (serve_keys *k, const char *name) {
  Use *u = find(k, name), **more;
  if (u != NULL)
    return u;
  more = realloc(k->uses, (size_t)(k->nuses + 1) * sizeof(*more));
  if (more == NULL)
    return NULL;
  k->uses = more;
  u = calloc(1, sizeof(*u));
  if (u == NULL)
    return NULL;
  snprintf(u->t.name, sizeof(u->t.name), "%s", name);
  k->uses[k->nuses++] = u;
  return u;
}


/* The limits of the file become those of the tenants. */
static int set_limits (serve_keys *k) {
  int i;
  for (i = 0; i < k->file.ntenants; i++) {
    const keys_tenant *t = &k->file.tenants[i];
    Use *u = use_of(k, t->name);
    if (u == NULL)
      return 0;
    if (u->t.burst != t->burst)
      u->tokens = t->burst;
    u->t = *t;
  }
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Files
** =======================================================
*/

static fal_code read_keys (serve_keys *k, fal_error *err) {
  keys_file f;
  fal_buf b;
  struct stat st;
  fal_code code;
  memset(&f, 0, sizeof(f));
  memset(&st, 0, sizeof(st));
  stat(k->path, &st);
  k->seen = st;
  fal_buf_init(&b, FILE_MAX);
  code = fal_file_get(k->path, &b, err);
  if (code == FAL_OK)
    code = keys_parse(b.s, b.n, &f, err);
  if (code == FAL_OK && f.nkeys == 0)
    code = fal_fail(err, FAL_EVALIDATION, "%.300s has no keys", k->path);
  if (b.s != NULL)
    OPENSSL_cleanse(b.s, b.n);
  fal_buf_free(&b);
  if (code != FAL_OK) {
    keys_file_free(&f);
    return code;
  }
  keys_file_free(&k->file);
  k->file = f;
  if (f.plain > 0 && (st.st_mode & 077) != 0)
    serve_log("%s has keys as they are and can be read by others: chmod 600, "
              "or keep their SHA-256", k->path);
  return set_limits(k) ? FAL_OK : fal_fail(err, FAL_ENOMEM, "out of memory");
}


/* "name day images" lines. What is no such line is left out. */
static void read_usage (serve_keys *k) {
  char name[KEYS_NAME];
  long long day, images;
  fal_buf b;
  const char *p;
  fal_buf_init(&b, FILE_MAX);
  if (fal_file_get(k->usage, &b, NULL) == FAL_OK && fal_buf_cstr(&b) != NULL)
    for (p = b.s; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
      if (sscanf(p, "%63s %lld %lld", name, &day, &images) == 3 &&
          day == today()) {
        Use *u = use_of(k, name);
        if (u != NULL) {
          u->day = day;
          u->images = images;
        }
      }
  fal_buf_free(&b);
}


/* Called with the lock. */
static void write_usage (serve_keys *k) {
  fal_buf b;
  fal_error err;
  fal_file f;
  int i;
  k->dirty = 0;
  fal_buf_init(&b, FILE_MAX);
  for (i = 0; i < k->nuses; i++)
    if (k->uses[i]->images > 0 && k->uses[i]->day == today())
      fal_buf_addf(&b, "%s %lld %lld\n", k->uses[i]->t.name,
                   (long long)k->uses[i]->day, (long long)k->uses[i]->images);
  if (fal_file_open(&f, k->usage, &err) == FAL_OK) {
    f.loose = 1;
    fal_file_write(&f, b.s, b.n);
    if (fal_file_commit(&f, 1, &err) != FAL_OK)
      serve_log("%s", err.message);
  }
  fal_buf_free(&b);
}


static int has_changed (const serve_keys *k) {
  struct stat st;
  return stat(k->path, &st) == 0 &&
         (st.st_mtim.tv_sec != k->seen.st_mtim.tv_sec ||
          st.st_mtim.tv_nsec != k->seen.st_mtim.tv_nsec ||
          st.st_size != k->seen.st_size || st.st_ino != k->seen.st_ino);
}


int serve_keys_refresh (serve_keys *k) {
  fal_error err;
  int fresh = 0;
  if (k == NULL)
    return 0;
  pthread_mutex_lock(&k->lock);
  if (has_changed(k)) {
    fresh = read_keys(k, &err) == FAL_OK;
    if (fresh)
      serve_log("%s was read again: %d keys of %d tenants", k->path,
                k->file.nkeys, k->file.ntenants);
    else
      serve_log("%s has changed and is not taken: %s (%s)", k->path,
                err.message, err.hint);
  }
  if (k->dirty)
    write_usage(k);
  pthread_mutex_unlock(&k->lock);
  return fresh;
}

/* }====================================================== */


serve_keys *serve_keys_new (const char *path, const char *data,
                            fal_error *err) {
  serve_keys *k = calloc(1, sizeof(*k));
  fal_code code;
  if (k == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&k->lock, NULL);
  k->path = strdup(path);
  k->usage = malloc(strlen(data) + 8);
  if (k->path == NULL || k->usage == NULL)
    code = fal_fail(err, FAL_ENOMEM, "out of memory");
  else {
    sprintf(k->usage, "%s/usage", data);
    code = read_keys(k, err);
  }
  if (code != FAL_OK) {
    serve_keys_free(k);
    return NULL;
  }
  read_usage(k);
  return k;
}


void serve_keys_free (serve_keys *k) {
  int i;
  if (k == NULL)
    return;
  if (k->dirty)
    write_usage(k);
  for (i = 0; i < k->nuses; i++)
    free(k->uses[i]);
  free(k->uses);
  keys_file_free(&k->file);
  free(k->path);
  free(k->usage);
  pthread_mutex_destroy(&k->lock);
  free(k);
}


int serve_keys_find (serve_keys *k, const char *s, size_t n,
                     char name[KEYS_NAME]) {
  unsigned char digest[KEYS_DIGEST];
  int i, at = -1;
  keys_digest(s, n, digest);
  pthread_mutex_lock(&k->lock);
  for (i = 0; i < k->file.nkeys; i++)
    if (serve_same(digest, k->file.keys[i].digest, KEYS_DIGEST))
      at = k->file.keys[i].tenant;
  if (at >= 0)
    snprintf(name, KEYS_NAME, "%s", k->file.tenants[at].name);
  pthread_mutex_unlock(&k->lock);
  return at >= 0;
}


int serve_keys_has (serve_keys *k, const char *name) {
  int i, yes = 0;
  pthread_mutex_lock(&k->lock);
  for (i = 0; i < k->file.ntenants && !yes; i++)
    yes = strcmp(k->file.tenants[i].name, name) == 0;
  pthread_mutex_unlock(&k->lock);
  return yes;
}


/*
** {======================================================
** Limits
** =======================================================
*/

keys_verdict serve_keys_call (serve_keys *k, const char *name,
                              double *after) {
  keys_verdict v = KEYS_FINE;
  double now = fal_now();
  Use *u;
  pthread_mutex_lock(&k->lock);
  u = find(k, name);
  if (u != NULL && u->t.rate > 0) {
    u->tokens += (now - u->seen) * u->t.rate;
    if (u->tokens > u->t.burst)
      u->tokens = u->t.burst;
    u->seen = now;
    if (u->tokens >= 1)
      u->tokens -= 1;
    else {
      v = KEYS_RATE;
      *after = (1 - u->tokens) / u->t.rate;
    }
  }
  pthread_mutex_unlock(&k->lock);
  return v;
}


static int is_full (const Use *u) {
  return u->t.concurrency > 0 && u->running >= u->t.concurrency;
}


keys_verdict serve_keys_enter (serve_keys *k, const char *name) {
  keys_verdict v = KEYS_FINE;
  Use *u;
  pthread_mutex_lock(&k->lock);
  u = find(k, name);
  if (u != NULL && is_full(u))
    v = KEYS_RUNNING;
  else if (u != NULL)
    u->running++;
  pthread_mutex_unlock(&k->lock);
  return v;
}


void serve_keys_leave (serve_keys *k, const char *name) {
  Use *u;
  pthread_mutex_lock(&k->lock);
  u = find(k, name);
  if (u != NULL && u->running > 0)
    u->running--;
  pthread_mutex_unlock(&k->lock);
}


void serve_keys_full (serve_keys *k, fal_buf *to) {
  int i, n = 0;
  if (k == NULL)
    return;
  pthread_mutex_lock(&k->lock);
  for (i = 0; i < k->nuses; i++)
    if (is_full(k->uses[i]))  /* such a name needs no escapes */
      fal_buf_addf(to, "%s\"%s\"", n++ == 0 ? "[" : ",", k->uses[i]->t.name);
  if (n > 0)
    fal_buf_addstr(to, "]");
  pthread_mutex_unlock(&k->lock);
}


/* Called with the lock: what was used today. */
static Use *used (serve_keys *k, const char *name) {
  Use *u = find(k, name);
  if (u != NULL && u->day != today()) {
    u->day = today();
    u->images = 0;
  }
  return u;
}


keys_verdict serve_keys_take (serve_keys *k, const char *name, int64_t images,
                              int64_t *day, double *after) {
  keys_verdict v = KEYS_FINE;
  Use *u;
  pthread_mutex_lock(&k->lock);
  u = used(k, name);
  if (u != NULL && u->t.images > 0 && u->images + images > u->t.images) {
    v = KEYS_IMAGES;
    *after = (double)((u->day + 1) * DAY - (int64_t)time(NULL));
  }
  else if (u != NULL) {
    u->images += images;
    *day = u->day;
    k->dirty = 1;
  }
  pthread_mutex_unlock(&k->lock);
  return v;
}


void serve_keys_settle (serve_keys *k, const char *name, int64_t day,
                        int64_t taken, int64_t made) {
  Use *u;
  if (made == taken)
    return;
  pthread_mutex_lock(&k->lock);
  u = used(k, name);
  if (u != NULL && (made > taken || day == u->day)) {
    u->images += made - taken;
    if (u->images < 0)  /* what was taken was forgotten */
      u->images = 0;
    k->dirty = 1;
  }
  pthread_mutex_unlock(&k->lock);
}

/* }====================================================== */
