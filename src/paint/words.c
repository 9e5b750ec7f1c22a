/*
** words.c -- finding the words of a prompt that a drawing can follow
*/
#include <string.h>

#include "vocabulary.h"

#define MAXTEXT  4000   /* bytes of folded prompt that are looked at */


/* ---- folding ---- */

/* Plain letters of U+00C0..U+017F; of two letters in one, the first. */
static const char plain[] =
  "aaaaaaaceeeeiiii" "dnooooo ouuuuyts" "aaaaaaaceeeeiiii" "dnooooo ouuuuyty"
  "aaaaaaccccccccdd" "ddeeeeeeeeeegggg" "gggghhhhiiiiiiii" "iiiijjkkklllllll"
  "lllnnnnnnnnnoooo" "oooorrrrrrssssss" "ssttttttuuuuuuuu" "uuuuwwyyyzzzzzzs";


/* Reads one character of UTF-8; a stray byte counts as U+FFFD. */
static uint32_t next_char (const unsigned char **s, const unsigned char *end) {
  uint32_t c = *(*s)++;
  int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
  if (c < 0x80)
    return c;
  if (more == 0)
    return 0xFFFD;
  c &= 0x3FU >> more;
  for (; more > 0; more--) {
    if (*s == end || (**s & 0xC0) != 0x80)
      return 0xFFFD;
    c = c << 6 | (*(*s)++ & 0x3FU);
  }
  return c;
}


/* One folded letter or digit, 0 for what is left out (combining marks), ' '
** for anything else: an apostrophe parts a Turkish name from its suffix. */
static char fold (uint32_t c) {
  if (c >= 'A' && c <= 'Z')
    return (char)(c + 32);
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
    return (char)c;
  if (c >= 0xC0 && c <= 0x17F)
    return plain[c - 0xC0];
  if (c == 0x218 || c == 0x219)
    return 's';
  if (c == 0x21A || c == 0x21B)
    return 't';
  if (c >= 0x300 && c <= 0x36F)
    return 0;
  return ' ';
}


/* " word word " in out; returns its length. */
static size_t fold_text (char *out, const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s, *end = p + n;
  size_t len = 1;
  out[0] = ' ';
  while (p < end && len < MAXTEXT - 2) {
    char c = fold(next_char(&p, end));
    if (c != 0 && !(c == ' ' && out[len - 1] == ' '))
      out[len++] = c;
  }
  if (out[len - 1] != ' ')
    out[len++] = ' ';
  out[len] = '\0';
  return len;
}


/* ---- looking up ---- */

/* Where 'e' begins in the text, or NULL. */
static char *find (char *text, const char *word) {
  char key[32];
  size_t n = strlen(word);
  key[0] = ' ';
  memcpy(key + 1, word, n + 1);
  if (word[n - 1] == '*')
    key[n] = '\0';
  else
    memcpy(key + n + 1, " ", 2);
  return strstr(text, key);
}


typedef struct tally {
  int score[SUBJECTS];
  const char *color_at[3];
} tally;


/* Keeps the three colours named first, in their order. */
static void add_color (words *w, tally *t, int color, const char *at) {
  int i, j;
  for (i = 0; i < w->colors; i++)
    if (w->color[i] == color)
      return;
  for (i = 0; i < w->colors && t->color_at[i] < at; i++)
    ;
  if (i == 3)
    return;
  w->colors += w->colors < 3;
  for (j = w->colors - 1; j > i; j--) {
    w->color[j] = w->color[j - 1];
    t->color_at[j] = t->color_at[j - 1];
  }
  w->color[i] = color;
  t->color_at[i] = at;
}


static void take (words *w, tally *t, const entry *e, const char *at) {
  int what = e->what;
  t->score[e->subject] += e->weight;
  if (what >= STYLE)
    w->style[what - STYLE] = 1;
  else if (what >= HAS)
    w->has[what - HAS] = 1;
  else if (what >= COLOR)
    add_color(w, t, what - COLOR, at);
  else if (what > HOUR && (w->hour == HOUR_ANY || what - HOUR > (int)w->hour))
    w->hour = (day_hour)(what - HOUR);
}


static int has_any (const words *w, const int *list) {
  for (; *list >= 0; list++)
    if (w->has[*list])
      return 1;
  return 0;
}


/* What the words together mean. */
static void settle (words *w, const tally *t) {
  static const int watery[] = {HAS_SEA, HAS_BOAT, HAS_BEACH, HAS_ISLAND, -1};
  int i, best = SUBJECT_NONE;
  for (i = 1; i < SUBJECTS; i++)
    if (t->score[i] > (best ? t->score[best] : 0))
      best = i;
  if (best == SUBJECT_LAND && w->style[STYLE_AERIAL] && has_any(w, watery))
    best = SUBJECT_AERIAL;
  if (best == SUBJECT_PRODUCT && w->has[HAS_LAPTOP] && w->has[HAS_DESK])
    best = SUBJECT_ROOM;
  if (w->hour == HOUR_ANY && (w->has[HAS_STARS] || w->has[HAS_MOON]
                              || w->has[HAS_GALAXY] || w->has[HAS_AURORA]))
    w->hour = HOUR_NIGHT;
  w->subject = (subject)best;
}


/* Which things a text speaks of: said[what] is 1, for all that an entry can
** say. */
static void listen (unsigned char *said, const char *s, size_t n) {
  char text[MAXTEXT];
  size_t i;
  if (s == NULL || n == 0)
    return;
  fold_text(text, s, n);
  for (i = 0; i < pt_vocabulary_size; i++) {
    const entry *e = &pt_vocabulary[i];
    char *at = find(text, e->word);
    if (at == NULL)
      continue;
    said[e->what] = 1;
    if (e->what < COLOR)
      memset(at + 1, '.', strcspn(at + 1, " "));
  }
}


/* Without trees there is no forest, without water no sea. */
static void negate (words *w, unsigned char *said) {
  int i;
  if (said[HAS + HAS_TREE])
    said[HAS + HAS_FOREST] = said[HAS + HAS_PINE] = 1;
  if (said[HAS + HAS_CLOUD])
    said[HAS + HAS_STORM] = 1;
  if (said[HAS + HAS_PERSON])
    said[HAS + HAS_MAN] = 1;
  for (i = 0; i < HAS_COUNT; i++)
    w->no[i] = said[HAS + i];
  for (i = 0; i < HOURS; i++)
    w->no_hour[i] = said[HOUR + i];
}


void pt_words (words *w, const char *s, size_t n, const char *not,
               size_t not_n) {
  char text[MAXTEXT];
  unsigned char negated[STYLE + STYLE_COUNT];
  tally t;
  size_t i, len;
  memset(w, 0, sizeof(*w));
  memset(&t, 0, sizeof(t));
  memset(negated, 0, sizeof(negated));
  listen(negated, not, not_n);
  negated[0] = 0;  /* says nothing but a subject */
  negate(w, negated);
  len = fold_text(text, s, n);
  w->hash = 0xcbf29ce484222325ULL;
  for (i = 0; i < len; i++)
    w->hash = (w->hash ^ (unsigned char)text[i]) * 0x100000001b3ULL;
  for (i = 0; i < pt_vocabulary_size; i++) {
    char *at = find(text, pt_vocabulary[i].word);
    if (at == NULL)
      continue;
    if (!negated[pt_vocabulary[i].what])
      take(w, &t, &pt_vocabulary[i], at);
    if (pt_vocabulary[i].what < COLOR)  /* the gold of "golden hour" is no colour */
      memset(at + 1, '.', strcspn(at + 1, " "));
  }
  settle(w, &t);
}
