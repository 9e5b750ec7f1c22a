/*
** filter.h -- prompts that are refused, or whose pictures are blackened
**
** Asked before a call reaches a worker or the queue. Two sources: a list of
** words (--filter FILE), and an app of the user's called "falua/filter", which
** gets {"endpoint": id, "input": the input} and answers {"allowed": boolean,
** "reason": text, "flagged": boolean}.
**
** The file has a word or phrase a line, found in the input's "prompt" as whole
** words, in any case; '#' begins a comment. A line that begins with '~' only
** flags: the preview models then answer black pictures and has_nsfw_concepts
** true, as fal does with its safety checker on.
*/
#ifndef falua_filter_h
#define falua_filter_h

#include "serve.h"

#define FILTER_APP   "falua/filter"
#define FILTER_MAX   (1u << 20)   /* bytes of the file */
#define FILTER_FLAG  "x-falua-flagged: true\r\n"   /* in the head of a job */

/* Reads the list. NULL and '*err' (FAL_EFILE) when it cannot be read or is
** too large. */
serve_filter *serve_filter_new (const char *path, fal_error *err);
void serve_filter_free (serve_filter *f);   /* accepts NULL */

typedef enum serve_verdict {
  FILTER_PASS, FILTER_FLAGGED, FILTER_REFUSED
} serve_verdict;

/* What the list says of a prompt. */
serve_verdict serve_filter_look (const serve_filter *f, const char *s,
                                 size_t n);

/* Handler: takes calls of endpoints that are refused, or have to wait for the
** app's word. */
int serve_filter_call (serve_request *r);

#endif
