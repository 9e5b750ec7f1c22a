/*
** fuzz_words.c -- lists of words, and prompts: the list, a 0xFF, the prompt
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/server/words.c"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


static char *copy (const uint8_t *s, size_t n) {
  char *to = malloc(n);  /* on its own, so that overruns are seen */
  need(to != NULL || n == 0);
  if (n > 0)
    memcpy(to, s, n);
  return to;
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  const uint8_t *cut = size > 0 ? memchr(data, 0xFF, size) : NULL;
  size_t list_n = cut != NULL ? (size_t)(cut - data) : size;
  size_t n = cut != NULL ? size - list_n - 1 : 0, i;
  char *list = copy(data, list_n), *prompt = copy(cut != NULL ? cut + 1 : data,
                                                  n);
  serve_words *w = serve_words_of(list, list_n);
  serve_verdict verdict;
  need(w != NULL);
  verdict = serve_words_look(w, prompt, n);
  need(verdict == WORDS_PASS || n > 0);
  need(verdict == WORDS_PASS || verdict == WORDS_FLAGGED ||
       verdict == WORDS_REFUSED);
  for (i = 0; i < n; i++)  /* in capitals it is the same */
    if (prompt[i] >= 'a' && prompt[i] <= 'z')
      prompt[i] = (char)(prompt[i] - 'a' + 'A');
  need(serve_words_look(w, prompt, n) == verdict);
  serve_words_free(w);
  free(prompt);
  free(list);
  return 0;
}
