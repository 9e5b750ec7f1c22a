/*
** handshake.h -- what a server's answer to a WebSocket handshake says
**
** No I/O: bytes in, verdict out (RFC 6455, 4.1).
*/
#ifndef fal_handshake_h
#define fal_handshake_h

#include "fal.h"

/* The status in "HTTP/1.1 101 Switching Protocols\r\n...", 0 when it is not
** an answer of HTTP/1. */
int fal_handshake_status (const char *s, size_t n);

/* What Sec-WebSocket-Accept must be for a key: 28 characters and a NUL. */
void fal_handshake_accept (const char *key, char to[29]);

/* Checks the header lines of an answer with status 101. FAL_OK, or
** FAL_EPROTOCOL and '*err'. */
fal_code fal_handshake_check (const char *head, size_t n, const char *key,
                              fal_error *err);

/* Nonzero when all of the body is there, as the headers of an answer tell. */
int fal_handshake_complete (const fal_answer *a);

/* Undoes Transfer-Encoding: chunked, as far as chunks are complete. 'body' is
** a->body, where it may be written. */
void fal_handshake_dechunk (fal_answer *a, char *body);

#endif
