/*
** words.c -- a list of words that prompts should not have
*/
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../core/file.h"
#include "../core/json.h"
#include "words.h"

struct serve_words {
  size_t n;
  char text[];       /* the file, lower case, lines ended by NULs */
};


/* Lower case, for ASCII and the two-byte letters of Latin-1, Greek and
** Cyrillic; the length stays. */
static void lower (char *s, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    unsigned char d = i + 1 < n ? (unsigned char)s[i + 1] : 0;
    if (c < 0x80)
      s[i] = (char)tolower(c);
    else if (c == 0xC3 && d >= 0x80 && d <= 0x9E && d != 0x97)
      s[++i] = (char)(d + 0x20);
    else if (c == 0xCE && d >= 0x91 && d <= 0x9F)
      s[++i] = (char)(d + 0x20);
    else if (c == 0xCE && d >= 0xA0 && d <= 0xA9) {
      s[i] = (char)0xCF;
      s[++i] = (char)(d - 0x20);
    }
    else if (c == 0xD0 && d >= 0x90 && d <= 0x9F)
      s[++i] = (char)(d + 0x20);
    else if (c == 0xD0 && d >= 0xA0 && d <= 0xAF) {
      s[i] = (char)0xD1;
      s[++i] = (char)(d - 0x20);
    }
  }
}


/* A letter or digit, or part of one that is not ASCII. */
static int in_word (char c) {
  return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '_';
}


/* Is 'word' in s[0..n) with no more letters on either side? */
static int has_word (const char *s, size_t n, const char *word) {
  size_t k = strlen(word);
  const char *p = s, *end = s + n;
  while (k > 0 && (size_t)(end - p) >= k &&
         (p = memmem(p, (size_t)(end - p), word, k)) != NULL) {
    if ((p == s || !in_word(p[-1]) || !in_word(word[0])) &&
        (p + k == end || !in_word(p[k]) || !in_word(word[k - 1])))
      return 1;
    p++;
  }
  return 0;
}


/* Cuts lines at NULs, without comments and white space at their ends. */
static void cut_lines (serve_words *w) {
  char *p = w->text, *end = w->text + w->n;
  w->text[w->n] = '\0';
  while (p < end) {
    char *eol = memchr(p, '\n', (size_t)(end - p));
    char *stop = eol != NULL ? eol : end;
    char *comment = memchr(p, '#', (size_t)(stop - p));
    char *last = comment != NULL ? comment : stop;
    while (last > p && isspace((unsigned char)last[-1]))
      last--;
    memset(last, '\0', (size_t)(stop - last));
    if (eol != NULL)
      *eol = '\0';
    p = stop + 1;
  }
}


serve_words *serve_words_of (const char *s, size_t n) {
  serve_words *w = malloc(sizeof(*w) + n + 1);
  if (w == NULL)
    return NULL;
  w->n = n;
  if (n > 0)
    memcpy(w->text, s, n);
  lower(w->text, n);
  cut_lines(w);
  return w;
}


serve_words *serve_words_read (const char *path, fal_error *err) {
  serve_words *w = NULL;
  fal_buf b;
  fal_buf_init(&b, WORDS_MAX);
  if (fal_file_get(path, &b, NULL) == FAL_OK)
    w = serve_words_of(b.s, b.n);
  if (w == NULL)
    fal_fail(err, FAL_EFILE, "the filter %.200s cannot be read, or is larger "
             "than %u bytes", path, WORDS_MAX);
  fal_buf_free(&b);
  return w;
}


void serve_words_free (serve_words *w) {
  free(w);
}


serve_verdict serve_words_look (const serve_words *w, const char *s, size_t n) {
  serve_verdict verdict = WORDS_PASS;
  const char *line = w->text, *end = w->text + w->n;
  char *prompt = malloc(n + 1);
  size_t i;
  if (prompt == NULL)
    return WORDS_REFUSED;  /* what cannot be looked at does not pass */
  memcpy(prompt, n > 0 ? s : "", n);
  for (i = 0; (i += fal_utf8_check(prompt + i, n - i)) < n; i++)
    prompt[i] = ' ';  /* what stands between texts in MessagePack */
  lower(prompt, n);
  while (line < end && verdict != WORDS_REFUSED) {
    const char *word = line + strspn(line, " \t~");
    int only_flags = memchr(line, '~', (size_t)(word - line)) != NULL;
    if (*word != '\0' && has_word(prompt, n, word))
      verdict = only_flags ? WORDS_FLAGGED : WORDS_REFUSED;
    line += strlen(line) + 1;
  }
  free(prompt);
  return verdict;
}
