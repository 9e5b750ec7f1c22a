/*
** absent.h -- what to say of an endpoint that is not served here
*/
#ifndef falua_absent_h
#define falua_absent_h

#include "../core/buf.h"

/* Appends a sentence for people. Models of fal that make video or sound are
** known by their names: there is no local preview of those, and the sentence
** says how to go on. For any other id it is the list of what there is, 'all'
** (may be NULL). */
void serve_absent (fal_buf *to, const char *id, const char *all);

#endif
