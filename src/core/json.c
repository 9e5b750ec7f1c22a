/*
** json.c -- JSON without a tree: the reader, and looking things up with it
**
** The reader is a machine with one state, what may come next, and one bit for
** each open container. It copies nothing but strings with escapes in them.
*/
#include <math.h>
#include <string.h>

#include "json.h"
#include "number.h"

enum {
  AT_VALUE,        /* a value must come */
  AT_FIRST_ITEM,   /* a value or ']' */
  AT_FIRST_NAME,   /* a name or '}' */
  AT_MORE,         /* after a value: ',', the container's end, or nothing */
  AT_END,
  AT_ERROR
};


void fal_json_open (fal_json *r, const char *s, size_t n, size_t max_depth) {
  r->start = r->p = r->token = s != NULL ? s : "";
  r->end = r->start + n;
  r->depth = 0;
  r->max_depth = max_depth - 1 < FAL_JSON_DEPTH ? max_depth : FAL_JSON_DEPTH;
  r->state = AT_VALUE;
  r->error = NULL;
  fal_buf_init(&r->scratch, n);  /* escapes only ever shrink */
}


void fal_json_close (fal_json *r) {
  fal_buf_free(&r->scratch);
}


static fal_json_kind fail (fal_json *r, const char *at, const char *why) {
  r->p = at;
  r->error = why;
  r->state = AT_ERROR;
  return FAL_JSON_ERROR;
}


static void skip_space (fal_json *r) {
  const char *p = r->p;
  while (p < r->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    p++;
  r->p = p;
}


/* ---- strings ---- */

/* Four hexadecimal digits, or -1. */
static long hex4 (const char *p, const char *end) {
  long code = 0;
  int i;
  if (end - p < 4)
    return -1;
  for (i = 0; i < 4; i++) {
    unsigned c = (unsigned char)p[i], letter = (c | 32) - 'a';
    if (c - '0' < 10)
      code = code << 4 | (long)(c - '0');
    else if (letter < 6)
      code = code << 4 | (long)(letter + 10);
    else
      return -1;
  }
  return code;
}


static size_t put_utf8 (char *to, unsigned long c) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    to[0] = (char)(0xC0 | c >> 6);
    to[1] = (char)(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = (char)(0xE0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3F));
    to[2] = (char)(0x80 | (c & 0x3F));
    return 3;
  }
  to[0] = (char)(0xF0 | c >> 18);
  to[1] = (char)(0x80 | (c >> 12 & 0x3F));
  to[2] = (char)(0x80 | (c >> 6 & 0x3F));
  to[3] = (char)(0x80 | (c & 0x3F));
  return 4;
}


/* The character of the escape at 'p' (past its "\u"), a pair of surrogates
** included. Returns the escape's end, or NULL. */
static const char *unicode (const char *p, const char *end,
                            unsigned long *code) {
  long hi = hex4(p, end), lo;
  if (hi < 0)
    return NULL;
  p += 4;
  *code = (unsigned long)hi;
  if (hi < 0xD800 || hi > 0xDFFF)
    return p;
  if (hi > 0xDBFF || end - p < 2 || p[0] != '\\' || p[1] != 'u')
    return NULL;
  lo = hex4(p + 2, end);
  if (lo < 0xDC00 || lo > 0xDFFF)
    return NULL;
  *code = 0x10000 + ((unsigned long)(hi - 0xD800) << 10)
                  + (unsigned long)(lo - 0xDC00);
  return p + 6;
}


/* Writes what the escape at 'p' (its backslash) stands for to 'to', '*k'
** bytes. Returns the escape's end, or NULL. */
static const char *unescape (const char *p, const char *end, char *to,
                             size_t *k) {
  static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
  unsigned long code;
  const char *found;
  if (end - p < 2)
    return NULL;
  if (p[1] == 'u') {
    p = unicode(p + 2, end, &code);
    *k = p != NULL ? put_utf8(to, code) : 0;
    return p;
  }
  found = memchr(from, p[1], sizeof(from) - 1);
  if (found == NULL)
    return NULL;
  *to = into[found - from];
  *k = 1;
  return p + 2;
}


/* What stopped a string at 'p', which is not its end. */
static const char *bad_string (fal_json *r, const char *p) {
  const char *why = p == r->end ? "the string has no end"
    : (unsigned char)*p < 0x20 ? "a control character in a string"
    : *p == '\\' ? "a bad escape in a string"
    : "a string that is not UTF-8";
  fail(r, p, why);
  return NULL;
}


/* The string whose first byte is at 'p' and whose first escape is 'k' bytes
** on, into the scratch. Returns its closing quote, or NULL. */
static const char *long_string (fal_json *r, const char *p, size_t k) {
  fal_code code = FAL_OK;
  const char *next;
  char c[4];
  r->scratch.n = 0;
  for (;;) {
    code = fal_buf_add(&r->scratch, p, k);
    p += k;
    if (code == FAL_OK && p < r->end && *p == '"')
      return p;
    if (code == FAL_OK && (p == r->end || *p != '\\' ||
                           (next = unescape(p, r->end, c, &k)) == NULL))
      return bad_string(r, p);
    if (code != FAL_OK || fal_buf_add(&r->scratch, c, k) != FAL_OK) {
      fail(r, p, "out of memory");
      return NULL;
    }
    p = next;
    k = fal_json_plain(p, (size_t)(r->end - p));
  }
}


static int read_string (fal_json *r, fal_json_token *t) {
  const char *s = r->p + 1, *quote;
  size_t k = fal_json_plain(s, (size_t)(r->end - s));
  quote = s + k;
  t->s = s;
  t->n = k;
  if (quote == r->end || *quote != '"') {
    quote = long_string(r, s, k);
    if (quote == NULL)
      return 0;
    t->s = r->scratch.n > 0 ? r->scratch.s : "";
    t->n = r->scratch.n;
  }
  r->p = quote + 1;
  return 1;
}


/* ---- everything else ---- */

static int in_object (const fal_json *r) {
  size_t i = r->depth - 1;
  return r->stack[i / 8] >> (i % 8) & 1;
}


static fal_json_kind enter (fal_json *r, fal_json_kind kind) {
  size_t i = r->depth;
  unsigned char bit = (unsigned char)(1u << (i % 8));
  if (i >= r->max_depth)
    return fail(r, r->p, "nested too deeply");
  if (kind == FAL_JSON_OBJECT) {
    r->stack[i / 8] |= bit;
    r->state = AT_FIRST_NAME;
  }
  else {
    r->stack[i / 8] &= (unsigned char)~bit;
    r->state = AT_FIRST_ITEM;
  }
  r->depth++;
  r->p++;
  return kind;
}


static fal_json_kind leave (fal_json *r, fal_json_kind kind) {
  r->depth--;
  r->p++;
  r->state = AT_MORE;
  return kind;
}


static fal_json_kind word (fal_json *r, const char *w, size_t n,
                           fal_json_kind kind) {
  if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n) != 0)
    return fail(r, r->p, "not a value");
  r->p += n;
  r->state = AT_MORE;
  return kind;
}


static fal_json_kind number (fal_json *r, fal_json_token *t) {
  fal_number v;
  size_t n = fal_number_read(r->p, (size_t)(r->end - r->p), &v);
  if (n == 0)
    return fail(r, r->p, "a malformed number");
  if (isinf(v.d))
    return fail(r, r->p, "a number past the range of a double");
  r->p += n;
  r->state = AT_MORE;
  t->d = v.d;
  if (!v.integer)
    return FAL_JSON_NUMBER;
  t->i = v.i;
  return FAL_JSON_INTEGER;
}


static fal_json_kind value (fal_json *r, fal_json_token *t) {
  if (r->p == r->end)
    return fail(r, r->p, "the text ends where a value is missing");
  r->token = r->p;
  switch (*r->p) {
    case '"':
      if (!read_string(r, t))
        return FAL_JSON_ERROR;
      r->state = AT_MORE;
      return FAL_JSON_STRING;
    case '{': return enter(r, FAL_JSON_OBJECT);
    case '[': return enter(r, FAL_JSON_ARRAY);
    case 't': return word(r, "true", 4, FAL_JSON_TRUE);
    case 'f': return word(r, "false", 5, FAL_JSON_FALSE);
    case 'n': return word(r, "null", 4, FAL_JSON_NULL);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5':
    case '6': case '7': case '8': case '9':
      return number(r, t);
    default: return fail(r, r->p, "not a value");
  }
}


static fal_json_kind name (fal_json *r, fal_json_token *t) {
  if (r->p == r->end || *r->p != '"')
    return fail(r, r->p, "a member's name in double quotes is missing");
  r->token = r->p;
  if (!read_string(r, t))
    return FAL_JSON_ERROR;
  skip_space(r);
  if (r->p == r->end || *r->p != ':')
    return fail(r, r->p, "a ':' is missing");
  r->p++;
  r->state = AT_VALUE;
  return FAL_JSON_KEY;
}


/* After a value: the next one, or the end of what it is in. */
static fal_json_kind more (fal_json *r, fal_json_token *t) {
  int object;
  if (r->depth == 0) {
    if (r->p < r->end)
      return fail(r, r->p, "something follows the document");
    r->state = AT_END;
    return FAL_JSON_END;
  }
  object = in_object(r);
  if (r->p < r->end && *r->p == ',') {
    r->p++;
    skip_space(r);
    return object ? name(r, t) : value(r, t);
  }
  if (r->p < r->end && *r->p == (object ? '}' : ']'))
    return leave(r, object ? FAL_JSON_OBJECT_END : FAL_JSON_ARRAY_END);
  return fail(r, r->p, object ? "a ',' or '}' is missing"
                              : "a ',' or ']' is missing");
}


fal_json_kind fal_json_next (fal_json *r, fal_json_token *t) {
  fal_json_kind kind;
  if (r->state < AT_END)
    skip_space(r);
  switch (r->state) {
    case AT_VALUE:
      kind = value(r, t);
      break;
    case AT_FIRST_ITEM:
      kind = r->p < r->end && *r->p == ']' ? leave(r, FAL_JSON_ARRAY_END)
                                           : value(r, t);
      break;
    case AT_FIRST_NAME:
      kind = r->p < r->end && *r->p == '}' ? leave(r, FAL_JSON_OBJECT_END)
                                           : name(r, t);
      break;
    case AT_MORE:
      kind = more(r, t);
      break;
    default:
      kind = r->state == AT_END ? FAL_JSON_END : FAL_JSON_ERROR;
  }
  t->kind = kind;
  return kind;
}


int fal_json_skip (fal_json *r, const fal_json_token *t) {
  fal_json_kind kind = t->kind;
  fal_json_token k;
  size_t depth;
  if (kind == FAL_JSON_KEY)
    kind = fal_json_next(r, &k);
  if (kind == FAL_JSON_ARRAY || kind == FAL_JSON_OBJECT) {
    depth = r->depth;
    do
      kind = fal_json_next(r, &k);
    while (kind != FAL_JSON_ERROR && r->depth >= depth);
  }
  return kind == FAL_JSON_ERROR ? -1 : 0;
}


void fal_json_where (const fal_json *r, size_t *line, size_t *column) {
  const char *p = r->start, *lf;
  *line = 1;
  while ((lf = memchr(p, '\n', (size_t)(r->p - p))) != NULL) {
    ++*line;
    p = lf + 1;
  }
  *column = (size_t)(r->p - p) + 1;
}


int fal_json_valid (const char *s, size_t n) {
  fal_json j;
  fal_json_token t;
  fal_json_kind kind;
  fal_json_open(&j, s, n, 0);
  do
    kind = fal_json_next(&j, &t);
  while (kind != FAL_JSON_ERROR && kind != FAL_JSON_END);
  fal_json_close(&j);
  return kind == FAL_JSON_END;
}


/* ---- looking up ---- */

/* Reads on, in the object just entered, to the value of the member name[0..n).
** OBJECT_END when it has none. */
static fal_json_kind find_member (fal_json *r, const char *key, size_t n,
                                  fal_json_token *t) {
  while (fal_json_next(r, t) == FAL_JSON_KEY) {
    if (t->n == n && memcmp(t->s, key, n) == 0)
      return fal_json_next(r, t);
    if (fal_json_skip(r, t) != 0)
      return FAL_JSON_ERROR;
  }
  return t->kind;
}


/* The same for the item of an array whose index is spelled by key[0..n). */
static fal_json_kind find_item (fal_json *r, const char *key, size_t n,
                                fal_json_token *t) {
  fal_number index;
  if (fal_number_read(key, n, &index) != n || !index.integer || index.i < 0)
    index.i = INT64_MAX;  /* no array is that long */
  while (fal_json_next(r, t) != FAL_JSON_ARRAY_END) {
    if (t->kind == FAL_JSON_ERROR || index.i-- == 0)
      return t->kind;
    if (fal_json_skip(r, t) != 0)
      return FAL_JSON_ERROR;
  }
  return FAL_JSON_ARRAY_END;
}


static fal_json_kind find (fal_json *r, const char *path, fal_json_token *t) {
  fal_json_kind kind = fal_json_next(r, t);
  while (*path != '\0' && kind != FAL_JSON_ERROR) {
    size_t n = strcspn(path, ".");
    kind = kind == FAL_JSON_OBJECT ? find_member(r, path, n, t)
         : kind == FAL_JSON_ARRAY ? find_item(r, path, n, t)
         : FAL_JSON_END;
    if (kind == FAL_JSON_OBJECT_END || kind == FAL_JSON_ARRAY_END ||
        kind == FAL_JSON_END) {
      while (r->state < AT_END)  /* not there: is the rest sound? */
        fal_json_next(r, t);
      return r->state == AT_END ? FAL_JSON_END : FAL_JSON_ERROR;
    }
    path += n + (path[n] == '.');
  }
  return kind;
}


/* 'find', leaving the text of the value and, in '*t', its token. */
static fal_json_kind find_raw (fal_json *r, const char *path,
                               fal_json_token *t, const char **raw,
                               size_t *n) {
  fal_json_kind kind = find(r, path, t);
  if (kind == FAL_JSON_ERROR || kind == FAL_JSON_END)
    return kind;
  *raw = r->token;
  if (fal_json_skip(r, t) != 0)
    return FAL_JSON_ERROR;
  *n = (size_t)(r->p - *raw);
  return kind;
}


fal_json_kind fal_json_find (const char *s, size_t n, const char *path,
                             const char **raw, size_t *raw_n) {
  fal_json r;
  fal_json_token t;
  fal_json_kind kind;
  fal_json_open(&r, s, n, 0);
  kind = find_raw(&r, path, &t, raw, raw_n);
  fal_json_close(&r);
  return kind;
}


int fal_json_find_string (const char *s, size_t n, const char *path,
                          fal_buf *out) {
  fal_json r;
  fal_json_token t;
  int found;
  fal_json_open(&r, s, n, 0);
  found = find(&r, path, &t) == FAL_JSON_STRING &&
          fal_buf_add(out, t.s, t.n) == FAL_OK;
  fal_json_close(&r);
  return found;
}
