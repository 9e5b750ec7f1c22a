/*
** server.c -- a server as one object: bound, started, stopped
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/fal.h"
#include "backlog.h"
#include "bind.h"
#include "chaos.h"
#include "hooks.h"
#include "keys.h"
#include "metrics.h"
#include "serve.h"
#include "socket.h"
#include "turn.h"
#include "words.h"

#define LISTEN       "127.0.0.1:8787"
#define KEEP_ALIVE   15   /* seconds of silence on an event stream */
#define GRACE        5    /* seconds for running requests to finish */
#define LAST_GRACE   1    /* and for the answers of those that did not */
#define MAX_WORKERS  64
#define MAX_UPLOAD   ((uint64_t)16 << 30)
#define HEAD_SECONDS 20
#define BODY_SECONDS 30


void serve_log (const char *fmt, ...) {
  char text[2048];
  struct timespec now;
  struct tm tm;
  size_t n;
  va_list ap;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &tm);
  n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
  n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03ldZ ",
                        now.tv_nsec / 1000000);
  va_start(ap, fmt);
  vsnprintf(text + n, sizeof(text) - n, fmt, ap);
  va_end(ap);
  fprintf(stderr, "%s\n", text);
}


/* Random bytes, which are cheaper by the dozen. */
static void random_bytes (unsigned char *to, size_t n) {
  static __thread unsigned char kept[256];
  static __thread size_t left;
  if (left < n) {
    if (getentropy(kept, sizeof(kept)) != 0)
      memset(kept, 0, sizeof(kept));
    left = sizeof(kept);
  }
  left -= n;
  memcpy(to, kept + left, n);
  memset(kept + left, 0, n);
}


void serve_uuid (char to[37]) {
  static const char hex[] = "0123456789abcdef";
  unsigned char b[16];
  int i;
  random_bytes(b, sizeof(b));
  b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
  for (i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *to++ = '-';
    *to++ = hex[b[i] >> 4];
    *to++ = hex[b[i] & 15];
  }
  *to = '\0';
}


/*
** {======================================================
** Folders
** =======================================================
*/

static fal_code no_folder (fal_error *err, const char *path) {
  return fal_fail(err, FAL_EFILE, "cannot make the folder %.300s: %s", path,
                  strerror(errno));
}


/* As "mkdir -p"; what is there already must be a folder. */
static int make_folder (char *path) {
  struct stat st;
  char *p;
  for (p = path + 1; *p != '\0'; p++)
    if (*p == '/') {
      *p = '\0';
      mkdir(path, 0777);  /* the last one tells whether it went well */
      *p = '/';
    }
  if (mkdir(path, 0777) == 0)
    return 0;
  if (errno == EEXIST && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
    errno = ENOTDIR;
  return errno == EEXIST ? 0 : -1;
}


/* Two servers in one folder would clean up each other's files. */
static fal_code lock_folder (falua_server *s, fal_error *err) {
  s->lock_fd = open(s->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (s->lock_fd < 0)
    return no_folder(err, s->data);
  if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return fal_fail(err, FAL_EFILE, "another server uses the folder %.300s",
                    s->data);
  return FAL_OK;
}


static fal_code make_folders (falua_server *s, const char *data,
                              fal_error *err) {
  const char *tmp = getenv("TMPDIR");
  size_t n;
  if (tmp == NULL || tmp[0] == '\0')
    tmp = "/tmp";
  n = strlen(data != NULL ? data : tmp) + 32;
  s->data = malloc(n);
  s->files = malloc(n);
  if (s->data == NULL || s->files == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  if (data != NULL)
    snprintf(s->data, n, "%s", data);
  else {
    snprintf(s->data, n, "%s/falua-XXXXXX", tmp);
    if (mkdtemp(s->data) == NULL)
      return no_folder(err, s->data);
    s->temporary = 1;
  }
  snprintf(s->files, n, "%s/files", s->data);
  if (make_folder(s->files) != 0 || access(s->files, W_OK | X_OK) != 0)
    return no_folder(err, s->files);
  return lock_folder(s, err);
}


/* Files of one folder and of those below it; what is no folder is unlinked,
** never followed. */
static void remove_tree (int at, const char *name, int depth) {
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  struct dirent *e;
  if (dir == NULL && fd >= 0)
    close(fd);
  while (dir != NULL && (e = readdir(dir)) != NULL)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
        unlinkat(fd, e->d_name, 0) != 0 && depth > 0)
      remove_tree(fd, e->d_name, depth - 1);
  if (dir != NULL)
    closedir(dir);
  unlinkat(at, name, AT_REMOVEDIR);
}

/* }====================================================== */


static int worker_count (int asked) {
  long n = asked > 0 ? asked : sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > MAX_WORKERS ? MAX_WORKERS : (int)n;
}


static fal_code start_pool (falua_server *s, const falua_server_options *opt,
                            fal_error *err) {
  serve_pool_options pool;
  memset(&pool, 0, sizeof(pool));
  pool.files = s->files;
  pool.apps = opt->apps;
  s->has_apps = opt->apps != NULL;
  pool.url = s->url;
  pool.time_limit = opt->time_limit;
  pool.memory_limit = opt->memory_limit;
  pool.workers = worker_count(opt->workers);
  pool.verbose = opt->verbose;
  pool.metrics = s->metrics;
  pool.done = serve_tenant_done;
  pool.ud = s;
  s->pool = serve_pool_new(&pool, err);
  return s->pool != NULL ? FAL_OK : FAL_ENOMEM;
}


/* What is wrong with being reached by other machines while there are no keys. */
static const serve_bind_fear open_to_all = {
  "nobody is asked for a key here",
  "give --keys FILE; or listen on 127.0.0.1 and let a proxy that checks its "
  "callers stand in front"
};


static fal_code start (falua_server *s, const falua_server_options *opt,
                       fal_error *err) {
  fal_code code;
  if (opt->filter != NULL) {
    s->words = serve_words_read(opt->filter, err);
    if (s->words == NULL)
      return FAL_EFILE;
  }
  if (opt->chaos != NULL) {
    s->chaos = serve_chaos_new(opt->chaos, err);
    if (s->chaos == NULL)
      return FAL_EVALIDATION;
  }
  code = serve_bind(opt->listen != NULL ? opt->listen : LISTEN,
                    opt->keys != NULL ? NULL : &open_to_all, &s->listener,
                    s->url, err);
  if (code == FAL_OK)
    code = make_folders(s, opt->data, err);
  if (code == FAL_OK)
    code = serve_secret_load(s->data, s->secret, err);
  if (code == FAL_OK && opt->keys != NULL) {
    s->keys = serve_keys_new(opt->keys, s->data, err);
    code = s->keys != NULL ? FAL_OK : err->code;
  }
  if (code == FAL_OK) {
    files_clean_up(s->files);
    s->errands = serve_errands_new(s, err);
    code = s->errands != NULL ? FAL_OK : FAL_ENOMEM;
  }
  if (code == FAL_OK) {
    s->feeds = serve_feeds_new(opt->keep_alive > 0 ? opt->keep_alive
                                                   : KEEP_ALIVE, err);
    code = s->feeds != NULL ? start_pool(s, opt, err) : FAL_ENOMEM;
  }
  if (code == FAL_OK) {
    s->loop = serve_loop_new(err);
    code = s->loop != NULL ? FAL_OK : FAL_ENOMEM;
  }
  if (code == FAL_OK) {
    struct serve_backlog *b = serve_backlog_new(s, opt->keep, opt->keep_big,
                                                err);
    __atomic_store_n(&s->backlog, b, __ATOMIC_RELEASE);  /* errands look */
    code = b != NULL ? FAL_OK : FAL_EFILE;
  }
  if (code == FAL_OK) {
    serve_hooks *hooks = serve_hooks_new(s, opt->webhook_delay,
                                         opt->webhooks_anywhere, err);
    __atomic_store_n(&s->hooks, hooks, __ATOMIC_RELEASE);
    code = hooks != NULL ? serve_http_start(s, err) : FAL_ENOMEM;
  }
  return code;
}


/* The threads inherit a mask without any signal: those are the caller's. */
falua_server *falua_server_start (const falua_server_options *opt,
                                  fal_error *err) {
  falua_server *s = calloc(1, sizeof(*s));
  sigset_t all, before;
  fal_code code;
  if (s == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  s->listener = s->lock_fd = -1;
  s->began = (double)time(NULL);
  s->metrics = serve_metrics_new();
  s->verbose = opt->verbose;
  s->max_upload = opt->max_upload > 0 ? opt->max_upload : MAX_UPLOAD;
  s->guard = serve_guard_new(
    opt->head_timeout > 0 ? opt->head_timeout : HEAD_SECONDS,
    opt->body_timeout > 0 ? opt->body_timeout : BODY_SECONDS);
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->idle, NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  code = s->guard != NULL ? start(s, opt, err)
                          : fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code == FAL_OK)
    return s;
  falua_server_stop(s);
  return NULL;
}


const char *falua_server_url (const falua_server *s) {
  return s->url;
}


static void begin_to_stop (falua_server *s) {
  pthread_mutex_lock(&s->lock);
  s->stopping = 1;
  pthread_mutex_unlock(&s->lock);
  MHD_quiesce_daemon(s->daemon);
  shutdown(s->listener, SHUT_RDWR);  /* turns new callers away */
}


/* Waits until no request is active, so many seconds at most. */
static void wait_idle (falua_server *s, int seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += seconds;
  pthread_mutex_lock(&s->lock);
  while (s->active > 0 &&
         pthread_cond_timedwait(&s->idle, &s->lock, &until) == 0)
    ;
  pthread_mutex_unlock(&s->lock);
}


void falua_server_stop (falua_server *s) {
  if (s == NULL)
    return;
  if (s->daemon != NULL) {
    begin_to_stop(s);
    serve_socket_close_all(s);
  }
  serve_hooks_stop(s->hooks);
  if (s->backlog != NULL)
    serve_backlog_drain(s->backlog);
  if (s->daemon != NULL) {
    double limit = fal_now() + GRACE;
    wait_idle(s, GRACE);
    serve_backlog_wait(s->backlog, limit);
  }
  if (s->backlog != NULL)
    serve_backlog_part(s->backlog);
  serve_pool_end(s->pool);  /* answers whatever it still has */
  if (s->backlog != NULL)
    serve_backlog_close(s->backlog);
  serve_feeds_close(s->feeds);
  serve_errands_end(s->errands);
  if (s->daemon != NULL) {
    serve_socket_close_all(s);  /* opened meanwhile */
    wait_idle(s, LAST_GRACE);
    serve_turn_end(s->turn);
    MHD_stop_daemon(s->daemon);
  }
  serve_loop_free(s->loop);  /* upgraded connections end on it, and tell */
  serve_turn_free(s->turn);
  serve_backlog_free(s->backlog);
  serve_pool_free(s->pool);
  serve_hooks_free(s->hooks);
  serve_errands_free(s->errands);
  serve_keys_free(s->keys);
  serve_feeds_free(s->feeds);
  if (s->listener >= 0)
    close(s->listener);
  if (s->lock_fd >= 0)
    close(s->lock_fd);
  if (s->temporary)
    remove_tree(AT_FDCWD, s->data, 4);
  serve_guard_free(s->guard);
  serve_metrics_free(s->metrics);
  free(s->chaos);
  serve_words_free(s->words);
  pthread_cond_destroy(&s->idle);
  pthread_mutex_destroy(&s->lock);
  free(s->files);
  free(s->data);
  free(s);
}
