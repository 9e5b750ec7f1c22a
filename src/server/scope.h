/*
** scope.h -- the apps that a token is for: a JSON array of "alias" and
** "owner/alias"
*/
#ifndef falua_scope_h
#define falua_scope_h

#include <stddef.h>

/* How many apps there are; -1 when s[0..n) is no array of strings. */
int serve_scope_count (const char *s, size_t n);

/* Nonzero when one of them is the app of the endpoint 'id', or of anything
** below it. */
int serve_scope_has (const char *s, size_t n, const char *id);

#endif
