/*
** keysfile.c -- the text of a file of keys
*/
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "keys.h"

#define HASHED      "sha256:"
#define NUMBER_MAX  1000000000    /* in a limit */

typedef struct Word {
  const char *s;
  size_t n;
} Word;

typedef struct Reader {
  keys_file *f;
  int line;
  fal_error *err;
} Reader;


void keys_digest (const char *s, size_t n, unsigned char to[KEYS_DIGEST]) {
  memset(to, 0, KEYS_DIGEST);
  EVP_Digest(s, n, to, NULL, EVP_sha256(), NULL);
}


void keys_file_free (keys_file *f) {
  free(f->tenants);
  free(f->keys);
  memset(f, 0, sizeof(*f));
}


static fal_code wrong (Reader *r, const char *what, const char *hint) {
  fal_fail(r->err, FAL_EVALIDATION, "line %d of the keys: %s", r->line, what);
  fal_hint(r->err, "%s", hint);
  return FAL_EVALIDATION;
}


/* The next word before 'end'; n is 0 when there is none. */
static Word next_word (const char **p, const char *end) {
  Word w;
  while (*p < end && (**p == ' ' || **p == '\t' || **p == '\r'))
    (*p)++;
  w.s = *p;
  while (*p < end && **p != ' ' && **p != '\t' && **p != '\r')
    (*p)++;
  w.n = (size_t)(*p - w.s);
  if (w.n > 0 && w.s[0] == '#') {
    *p = end;
    w.n = 0;
  }
  return w;
}


static int good_name (Word w) {
  size_t i;
  for (i = 0; i < w.n; i++)
    if (!isalnum((unsigned char)w.s[i]) && strchr("-_.", w.s[i]) == NULL)
      return 0;
  return w.n > 0 && w.n < KEYS_NAME && memchr(w.s, '\0', w.n) == NULL;
}


static int from_hex (const char *s, unsigned char to[KEYS_DIGEST]) {
  int i;
  for (i = 0; i < 2 * KEYS_DIGEST; i++) {
    int c = tolower((unsigned char)s[i]);
    int v = isdigit(c) ? c - '0' : c - 'a' + 10;
    if (!isxdigit(c))
      return 0;
    to[i / 2] = (unsigned char)(i % 2 == 0 ? v << 4 : to[i / 2] | v);
  }
  return 1;
}


static int read_key (Word w, keys_file *f, unsigned char to[KEYS_DIGEST]) {
  const size_t head = sizeof(HASHED) - 1;
  const char *colon = w.n > 0 ? memchr(w.s, ':', w.n) : NULL;
  if (w.n > head && memcmp(w.s, HASHED, head) == 0)
    return w.n == head + 2 * KEYS_DIGEST && from_hex(w.s + head, to);
  if (colon == NULL || colon == w.s || colon + 1 == w.s + w.n)
    return 0;
  keys_digest(w.s, w.n, to);
  f->plain++;
  return 1;
}


/* "NUMBER" and perhaps "/UNIT" at s[0..n). 0 when it is not that, or not
** above 0. */
static int read_number (const char *s, size_t n, double *v, Word *unit) {
  size_t i = 0, digits = 0;
  double scale = 1;
  int point = 0;
  for (*v = 0; i < n && (isdigit((unsigned char)s[i]) ||
                         (s[i] == '.' && !point)); i++) {
    point = point || s[i] == '.';
    if (s[i] == '.')
      continue;
    digits++;
    if (point)
      *v += (s[i] - '0') * (scale /= 10);
    else
      *v = *v * 10 + (s[i] - '0');
  }
  unit->s = s + i + 1;
  unit->n = i < n ? n - i - 1 : 0;
  return digits > 0 && digits < 12 && *v > 0 && *v <= NUMBER_MAX &&
         (i == n || (s[i] == '/' && unit->n > 0));
}


static int is (Word w, const char *s) {
  return w.n == strlen(s) && memcmp(w.s, s, w.n) == 0;
}


static int set_rate (keys_tenant *t, double v, Word unit) {
  double seconds = is(unit, "s") ? 1 : is(unit, "min") || is(unit, "m") ? 60
                   : is(unit, "h") ? 3600 : 0;
  if (seconds == 0)
    return 0;
  t->rate = v / seconds;
  t->burst = v > 1 ? v : 1;
  return 1;
}


/* "name=value". 0 when it is none that is known. */
static int read_limit (Word w, keys_tenant *t) {
  const char *eq = memchr(w.s, '=', w.n);
  Word name, unit;
  double v;
  if (eq == NULL)
    return 0;
  name.s = w.s;
  name.n = (size_t)(eq - w.s);
  if (!read_number(eq + 1, w.n - name.n - 1, &v, &unit))
    return 0;
  if (is(name, "rate"))
    return set_rate(t, v, unit);
  if (v < 1)
    return 0;
  if (is(name, "concurrency") && unit.n == 0)
    t->concurrency = (int)v;
  else if (is(name, "images") && is(unit, "day"))
    t->images = (int64_t)v;
  else
    return 0;
  return 1;
}


static int find_tenant (const keys_file *f, Word name) {
  int i = 0;
  while (i < f->ntenants && !is(name, f->tenants[i].name))
    i++;
  return i;
}


/* Doubles what is full: room for one more in 'list' of n things. */
static void *grown (void *list, int n, size_t size) {
  if (n >= 16 && (n & (n - 1)) != 0)
    return list;
  return n < 16 && list != NULL
         ? list : realloc(list, (size_t)(n < 16 ? 16 : 2 * n) * size);
}


static fal_code add (Reader *r, Word name, const unsigned char *digest) {
  keys_file *f = r->f;
  int at = find_tenant(f, name), i;
  void *p;
  for (i = 0; i < f->nkeys; i++)
    if (memcmp(f->keys[i].digest, digest, KEYS_DIGEST) == 0)
      return wrong(r, "this key is there already", "each key is somebody's");
  p = f->nkeys < KEYS_MAX ? grown(f->keys, f->nkeys, sizeof(*f->keys)) : NULL;
  if (p == NULL)
    return wrong(r, "there are too many keys", "4096 are the most");
  f->keys = p;
  memcpy(f->keys[f->nkeys].digest, digest, KEYS_DIGEST);
  f->keys[f->nkeys++].tenant = at;
  if (at < f->ntenants)
    return FAL_OK;
  p = grown(f->tenants, f->ntenants, sizeof(*f->tenants));
  if (p == NULL)
    return fal_fail(r->err, FAL_ENOMEM, "out of memory");
  f->tenants = p;
  memset(&f->tenants[at], 0, sizeof(keys_tenant));
  memcpy(f->tenants[at].name, name.s, name.n);
  f->ntenants++;
  return FAL_OK;
}


static fal_code read_line (Reader *r, const char *p, const char *end) {
  unsigned char digest[KEYS_DIGEST];
  Word name = next_word(&p, end), w;
  int before = r->f->ntenants;
  fal_code code;
  if (name.n == 0)
    return FAL_OK;
  if (!good_name(name))
    return wrong(r, "that is no name", "names have letters, digits, '-', '_' "
                 "and '.', 63 at most");
  if (!read_key(next_word(&p, end), r->f, digest))
    return wrong(r, "there is no key", "it looks like key_id:key_secret, or "
                 "sha256: and 64 hex digits");
  code = add(r, name, digest);
  if (code != FAL_OK)
    return code;
  for (w = next_word(&p, end); w.n > 0; w = next_word(&p, end)) {
    if (r->f->ntenants == before)
      return wrong(r, "limits are on a name's first line", "this line has one "
                   "more key for it");
    if (!read_limit(w, &r->f->tenants[before]))
      return wrong(r, "that is no limit", "they look like rate=10/s (/min, "
                   "/h), concurrency=4, images=1000/day");
  }
  return FAL_OK;
}


fal_code keys_parse (const char *s, size_t n, keys_file *f, fal_error *err) {
  const char *end = s + n;
  Reader r;
  memset(f, 0, sizeof(*f));
  r.f = f;
  r.err = err;
  for (r.line = 1; s < end; r.line++) {
    const char *eol = memchr(s, '\n', (size_t)(end - s));
    const char *to = eol != NULL ? eol : end;
    fal_code code = read_line(&r, s, to);
    if (code != FAL_OK)
      return code;
    s = eol != NULL ? eol + 1 : end;
  }
  return FAL_OK;
}
