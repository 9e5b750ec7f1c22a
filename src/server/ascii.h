/*
** ascii.h -- JSON without a byte above 127
*/
#ifndef falua_ascii_h
#define falua_ascii_h

#include "../core/buf.h"

/* Appends JSON text with every character outside ASCII as \uXXXX, and without
** line breaks. Clients of event streams decode pieces of text as they come, or
** split lines at U+2028 (protocol 6). 's' is JSON in UTF-8. */
fal_code serve_ascii_put (fal_buf *b, const char *s, size_t n);

#endif
