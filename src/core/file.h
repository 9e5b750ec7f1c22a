/*
** file.h -- files that appear whole or not at all
**
** Bytes go to a temporary name in the folder of the final one; 'commit'
** renames. Until then nothing is at the final name, and after 'abort' nothing
** is left behind.
*/
#ifndef fal_file_h
#define fal_file_h

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

typedef struct fal_file {
  int fd;            /* -1: closed */
  char *path, *temp;
  uint64_t n;        /* bytes written */
  int failed;        /* errno of the first write that failed */
  int loose;         /* set it before commit: whether it survives a power cut
                        does not matter, so it is not flushed */
  fal_buf kept;      /* see fal_file_open_late */
} fal_file;

/* Opens a temporary file beside 'path', making missing folders. FAL_EFILE
** with the reason on failure; then the file is closed. */
fal_code fal_file_open (fal_file *f, const char *path, fal_error *err);

/* The same for a file that may turn out small: the first 'keep' bytes wait in
** 'kept', and only what is larger gets a file, in the write that passes them.
** Only memory can fail here. */
fal_code fal_file_open_late (fal_file *f, const char *path, size_t keep,
                             fal_error *err);

/* Did all of it stay in 'kept'? Then the caller takes it from there, if he
** wants it, before he aborts; 'commit' would write it to the file. */
int fal_file_is_kept (const fal_file *f);

/* Writes all of it: 0, or -1 with the reason kept in 'failed'. */
int fal_file_write (fal_file *f, const void *s, size_t n);

/* Flushes to disk and renames to the final name. With 'overwrite' 0 an
** existing file is FAL_EFILE and stays as it was. Closes in any case. */
fal_code fal_file_commit (fal_file *f, int overwrite, fal_error *err);

/* Removes the temporary file. Nothing to do when closed. */
void fal_file_abort (fal_file *f);

/* open, write, commit in one. */
fal_code fal_file_put (const char *path, const void *s, size_t n,
                       int overwrite, fal_error *err);

/* Renames a whole file, making missing folders. With 'overwrite' 0 an existing
** 'to' is FAL_EFILE, and both stay as they were. */
fal_code fal_file_move (const char *from, const char *to, int overwrite,
                        fal_error *err);

/* Copies a file, in pieces. As 'commit' otherwise. */
fal_code fal_file_copy (const char *from, const char *to, int overwrite,
                        fal_error *err);

/* Appends to a file for nobody else's eyes (0600), making missing folders,
** and returns when it is on disk. */
fal_code fal_file_append (const char *path, const void *s, size_t n,
                          fal_error *err);

/* Opens a file, made when it is not there, and locks it for this process until
** the descriptor is closed, however that happens. -1 and '*err' on failure;
** err->type is "locked" when another one has it. */
int fal_file_lock (const char *path, fal_error *err);

/* Appends a whole file to 'out', whose ceiling limits it. */
fal_code fal_file_get (const char *path, fal_buf *out, fal_error *err);

#endif
