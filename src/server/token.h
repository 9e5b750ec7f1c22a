/*
** token.h -- short-lived tokens for realtime connections (protocol 7.1)
**
** A token says for itself which apps it opens, for whom and until when; it is
** sealed with the server's secret (seal.h), so it outlives a restart.
*/
#ifndef falua_token_h
#define falua_token_h

#include "serve.h"

#define TOKEN_MAX_SECONDS  86400

/* Appends a token to 'out': for 'apps', the text of a JSON array of strings,
** of 'owner' (a tenant's id or ""), good for 'seconds'. */
fal_code serve_token_put (const falua_server *s, const char *apps,
                          size_t apps_n, const char *owner, double seconds,
                          fal_buf *out);

/* Checks that a token is ours, not expired, and opens the endpoint 'id'. Then
** its owner's id goes to 'owner' (at most n bytes with the NUL) and the result
** is NULL, else a text that says what is wrong with it. */
const char *serve_token_check (const falua_server *s, const char *token,
                               const char *id, char *owner, size_t n);

/* Handler: POST tokens/ and tokens/realtime of the REST role. */
int serve_tokens (serve_request *r);

#endif
