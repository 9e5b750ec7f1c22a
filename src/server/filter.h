/*
** filter.h -- prompts that are refused, or whose pictures are blackened
**
** Asked before a call reaches a worker or the queue. Two sources: a list of
** words (--filter FILE, see words.h) for the input's "prompt", and an app of
** the user's called "falua/filter", which gets {"endpoint": id, "input": the
** input} and answers {"allowed": boolean, "reason": text, "flagged": boolean}.
**
** What is only flagged runs, but the preview models answer black pictures and
** has_nsfw_concepts true, as fal does with its safety checker on.
*/
#ifndef falua_filter_h
#define falua_filter_h

#include "serve.h"

#define FILTER_APP   "falua/filter"
#define FILTER_FLAG  "x-falua-flagged: true\r\n"   /* in the head of a job */

/* Handler: takes calls of endpoints that are refused, or have to wait for the
** app's word. */
int serve_filter_call (serve_request *r);

#endif
