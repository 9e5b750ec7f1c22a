/*
** range.h -- which bytes of a file a Range header asks for
*/
#ifndef falua_range_h
#define falua_range_h

#include <stdint.h>

typedef enum serve_range {
  RANGE_NONE,    /* all of it: no header, several ranges, or no range at all */
  RANGE_ONE,     /* 'n' bytes from 'from' on; n > 0, from + n <= size */
  RANGE_BAD      /* none that the file has: 416 */
} serve_range;

/* Reads "bytes=a-b", "bytes=a-" or "bytes=-n" (RFC 9110, 14.2) of a file of
** 'size' bytes. 's' may be NULL. */
serve_range serve_read_range (const char *s, uint64_t size, uint64_t *from,
                              uint64_t *n);

#endif
