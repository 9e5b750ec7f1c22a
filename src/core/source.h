/*
** source.h -- files that are read while others may write them (private)
*/
#ifndef fal_source_h
#define fal_source_h

#include <stdint.h>

#include "buf.h"
#include "error.h"

/* What tells that a file has changed. */
typedef struct fal_stamp {
  uint64_t n;               /* bytes */
  int64_t seconds;          /* when it was written last */
  long nanoseconds;
} fal_stamp;

/* Opens an ordinary file: 'fd' (the caller's to close) and its stamp.
** FAL_EFILE when there is none, or something that is no file. */
fal_code fal_source_open (const char *path, int *fd, fal_stamp *stamp,
                          fal_error *err);

/* FAL_EFILE when the open file is not what it was; 'path' is for the
** message. */
fal_code fal_source_check (int fd, const fal_stamp *was, const char *path,
                           fal_error *err);

/* Appends ,"bytes":123,"mtime":"1700000000.000000001" to a JSON object. */
void fal_source_put (fal_buf *b, const fal_stamp *s);

#endif
