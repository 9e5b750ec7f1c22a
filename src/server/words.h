/*
** words.h -- a list of words that prompts should not have
**
** The file has a word or phrase a line, found as whole words, in any case; '#'
** begins a comment. A line that begins with '~' only flags.
*/
#ifndef falua_words_h
#define falua_words_h

#include <stddef.h>

#include "../core/error.h"

#define WORDS_MAX  (1u << 20)   /* bytes of the file */

typedef struct serve_words serve_words;

typedef enum serve_verdict {
  WORDS_PASS, WORDS_FLAGGED, WORDS_REFUSED
} serve_verdict;

/* The list in a file: NULL and '*err' (FAL_EFILE) when it cannot be read or is
** too large. */
serve_words *serve_words_read (const char *path, fal_error *err);

/* The list s[0..n), copied. NULL when memory ends. */
serve_words *serve_words_of (const char *s, size_t n);

void serve_words_free (serve_words *w);   /* accepts NULL */

/* What the list says of a prompt. */
serve_verdict serve_words_look (const serve_words *w, const char *s, size_t n);

#endif
