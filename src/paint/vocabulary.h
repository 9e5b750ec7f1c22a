/*
** vocabulary.h -- the words that are known
*/
#ifndef fal_vocabulary_h
#define fal_vocabulary_h

#include "words.h"

/* Added to a number, says of what kind it is. */
enum { SUBJECT = 0, HOUR = 100, COLOR = 200, HAS = 300, STYLE = 400 };

/* A word or phrase, what it says, and how strongly it calls for a subject.
** One ending in '*' is the beginning of a word. */
typedef struct entry {
  const char *word;
  short what;
  short subject, weight;
} entry;

extern const entry pt_vocabulary[];
extern const size_t pt_vocabulary_size;

#endif
