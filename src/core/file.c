/*
** file.c -- files that appear whole or not at all
*/
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "buf.h"
#include "file.h"


static fal_code failed (fal_error *err, const char *doing, const char *path,
                        int why) {
  fal_fail(err, FAL_EFILE, "cannot %s %s: %s", doing, path, strerror(why));
  if (why == ENOSPC)
    fal_hint(err, "the disk is full: make room and run it again");
  else if (why == EACCES || why == EROFS)
    fal_hint(err, "choose a folder you may write to");
  return FAL_EFILE;
}


/* Makes the folders that lead to 'path', which is changed and restored. */
static int make_folders (char *path) {
  char *p;
  for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
    int r, e;
    *p = '\0';
    r = mkdir(path, 0777);
    e = errno;
    *p = '/';
    if (r != 0 && e != EEXIST)
      return errno = e, -1;
  }
  return 0;
}


/* mkstemp, but with the permissions of an ordinary new file. */
static int open_temp (fal_file *f) {
  static unsigned count;  /* a hint only: O_EXCL decides */
  size_t size = strlen(f->path) + 48;
  const char *slash = strrchr(f->path, '/');
  const char *base = slash != NULL ? slash + 1 : f->path;
  int tries;
  f->temp = malloc(size);
  if (f->temp == NULL)
    return errno = ENOMEM, -1;
  for (tries = 0; tries < 100; tries++) {
    snprintf(f->temp, size, "%.*s.%.200s.%lx%x.part",
             (int)(base - f->path), f->path, base,
             (unsigned long)getpid(), __sync_fetch_and_add(&count, 1));
    f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd >= 0 || errno != EEXIST)
      break;
  }
  return f->fd;
}


static void forget (fal_file *f) {
  if (f->fd >= 0)
    close(f->fd);
  f->fd = -1;
  free(f->path);
  free(f->temp);
  f->path = f->temp = NULL;
  fal_buf_free(&f->kept);
  f->kept.max = 0;
}


/* The temporary file and the folders that lead there: 0, or -1 and errno. */
static int begin (fal_file *f) {
  const char *path = f->path;
  if (path[0] == '\0' || path[strlen(path) - 1] == '/')
    errno = EISDIR;
  else if (open_temp(f) < 0 && errno == ENOENT) {
    free(f->temp);
    f->temp = NULL;
    if (make_folders(f->path) == 0)
      open_temp(f);
  }
  if (f->fd >= 0)
    return 0;
  free(f->temp);  /* what has that name, if anything has, is not ours */
  f->temp = NULL;
  return -1;
}


fal_code fal_file_open_late (fal_file *f, const char *path, size_t keep,
                             fal_error *err) {
  memset(f, 0, sizeof(*f));
  f->fd = -1;
  f->path = strdup(path);
  fal_buf_init(&f->kept, keep);
  return f->path != NULL ? FAL_OK
                         : fal_fail(err, FAL_ENOMEM, "out of memory");
}


fal_code fal_file_open (fal_file *f, const char *path, fal_error *err) {
  fal_code code = fal_file_open_late(f, path, 0, err);
  if (code == FAL_OK && begin(f) != 0) {
    int why = errno;
    forget(f);
    return failed(err, "write", path, why);
  }
  return code;
}


int fal_file_is_kept (const fal_file *f) {
  return f->path != NULL && f->fd < 0 && f->failed == 0;
}


/* What was kept goes to a file from now on. */
static int begin_late (fal_file *f) {
  fal_buf kept = f->kept;
  fal_buf_init(&f->kept, 0);
  if (begin(f) != 0)
    f->failed = errno;
  else {
    f->n = 0;
    fal_file_write(f, kept.s, kept.n);
  }
  fal_buf_free(&kept);
  return f->failed;
}


int fal_file_write (fal_file *f, const void *s, size_t n) {
  const char *p = s;
  if (fal_file_is_kept(f)) {
    if (fal_buf_add(&f->kept, s, n) == FAL_OK) {
      f->n += n;
      return 0;
    }
    begin_late(f);  /* it has become too large, or there is no memory */
  }
  while (n > 0 && f->failed == 0) {
    ssize_t k = write(f->fd, p, n);
    if (k >= 0) {
      p += k;
      n -= (size_t)k;
      f->n += (uint64_t)k;
    }
    else if (errno != EINTR)
      f->failed = errno;
  }
  return f->failed == 0 ? 0 : -1;
}


/* Renames, and refuses an existing name in the same step: -1 and EINVAL or
** ENOSYS where kernel or file system do not know how. */
static int rename_new (const char *from, const char *to) {
#ifdef SYS_renameat2
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1u);
#else
  (void)from; (void)to;
  return errno = ENOSYS, -1;
#endif
}


/* Moves the temporary file to its name. Where it cannot be renamed so, a link
** refuses an existing name in one step; where there are no hard links, look
** first. */
static int move (const char *from, const char *to, int overwrite) {
  if (!overwrite) {
    if (rename_new(from, to) == 0)
      return 0;
    if (errno == EEXIST)
      return -1;
    if (link(from, to) == 0) {
      unlink(from);
      return 0;
    }
    if (errno == EEXIST || access(to, F_OK) == 0)
      return errno = EEXIST, -1;
  }
  return rename(from, to);
}


/* What to tell when a file could not get its name. */
static fal_code not_moved (fal_error *err, const char *path, int why) {
  failed(err, "write", path, why);
  if (why == EEXIST)
    fal_hint(err, "pass overwrite = true to replace it");
  return FAL_EFILE;
}


fal_code fal_file_commit (fal_file *f, int overwrite, fal_error *err) {
  int why = fal_file_is_kept(f) ? begin_late(f) : f->failed;
  fal_code code = FAL_OK;
  if (why == 0 && !f->loose && fsync(f->fd) != 0 && errno != EINVAL &&
      errno != EROFS)
    why = errno;
  if (why == 0 && close(f->fd) != 0)
    why = errno;
  else if (why != 0 && f->fd >= 0)
    close(f->fd);
  f->fd = -1;
  if (why == 0 && move(f->temp, f->path, overwrite) != 0)
    why = errno;
  if (why != 0) {
    if (f->temp != NULL)
      unlink(f->temp);
    code = not_moved(err, f->path, why);
  }
  forget(f);
  return code;
}


void fal_file_abort (fal_file *f) {
  if (f->temp != NULL)
    unlink(f->temp);
  forget(f);
}


fal_code fal_file_put (const char *path, const void *s, size_t n,
                       int overwrite, fal_error *err) {
  fal_file f;
  fal_code code = fal_file_open(&f, path, err);
  if (code != FAL_OK)
    return code;
  fal_file_write(&f, s, n);
  return fal_file_commit(&f, overwrite, err);
}


fal_code fal_file_move (const char *from, const char *to, int overwrite,
                        fal_error *err) {
  if (move(from, to, overwrite) == 0)
    return FAL_OK;
  if (errno == ENOENT && access(from, F_OK) == 0) {
    char *folders = strdup(to);
    int made = folders != NULL ? make_folders(folders) : -1;
    free(folders);
    if (made == 0 && move(from, to, overwrite) == 0)
      return FAL_OK;
  }
  return not_moved(err, to, errno);
}


fal_code fal_file_copy (const char *from, const char *to, int overwrite,
                        fal_error *err) {
  int fd = open(from, O_RDONLY | O_CLOEXEC), why = 0;
  fal_file f;
  fal_code code;
  ssize_t n = -1;
  if (fd < 0)
    return failed(err, "read", from, errno);
  code = fal_file_open(&f, to, err);
  while (code == FAL_OK && n != 0) {
    char block[65536];
    n = read(fd, block, sizeof(block));
    if (n < 0 && errno != EINTR) {
      why = errno;
      break;
    }
    if (n > 0 && fal_file_write(&f, block, (size_t)n) != 0)
      break;  /* 'commit' tells why */
  }
  close(fd);
  if (why != 0) {
    fal_file_abort(&f);
    return failed(err, "read", from, why);
  }
  return code == FAL_OK ? fal_file_commit(&f, overwrite, err) : code;
}


/* open, making missing folders. */
static int open_with_folders (const char *path, int flags) {
  int fd = open(path, flags, 0600);
  if (fd < 0 && errno == ENOENT) {
    char *folders = strdup(path);
    if (folders != NULL && make_folders(folders) == 0)
      fd = open(path, flags, 0600);
    free(folders);
  }
  return fd;
}


int fal_file_lock (const char *path, fal_error *err) {
  int fd = open_with_folders(path, O_RDWR | O_CREAT | O_CLOEXEC);
  if (fd < 0) {
    failed(err, "write", path, errno);
    return -1;
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (errno == EWOULDBLOCK) {
    fal_fail(err, FAL_EFILE, "%s is in use by another process", path);
    fal_copy_text(err->type, sizeof(err->type), "locked", 6);
    fal_hint(err, "wait until that one has ended");
  }
  else
    failed(err, "lock", path, errno);
  close(fd);
  return -1;
}


fal_code fal_file_append (const char *path, const void *s, size_t n,
                          fal_error *err) {
  int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, why = 0;
  fal_file f;
  memset(&f, 0, sizeof(f));
  f.fd = open_with_folders(path, flags);
  if (f.fd < 0)
    return failed(err, "write", path, errno);
  if (fal_file_write(&f, s, n) != 0)
    why = f.failed;
  else if (fsync(f.fd) != 0 && errno != EINVAL && errno != EROFS)
    why = errno;
  close(f.fd);
  return why == 0 ? FAL_OK : failed(err, "write", path, why);
}


fal_code fal_file_get (const char *path, fal_buf *out, fal_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  fal_code code = FAL_OK;
  if (fd < 0)
    return failed(err, "read", path, errno);
  for (;;) {
    char block[65536];
    ssize_t n = read(fd, block, sizeof(block));
    if (n == 0)
      break;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      code = failed(err, "read", path, errno);
    else if ((code = fal_buf_add(out, block, (size_t)n)) != FAL_OK)
      fal_fail(err, code, "%s is larger than %zu bytes", path, out->max);
    if (code != FAL_OK)
      break;
  }
  close(fd);
  return code;
}
