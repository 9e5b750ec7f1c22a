/*
** json.h -- JSON without a tree: a reader that is pulled, a writer
**
** The reader takes a whole document in memory and gives it back token by
** token. It allocates only to unescape strings (and to hold its scratch).
** Strict RFC 8259: UTF-8 is checked (no surrogates, no overlongs), a lone
** \uD800-\uDFFF escape is an error, numbers have the grammar of the RFC,
** nothing but white space may follow the document. Locale-proof.
*/
#ifndef fal_json_h
#define fal_json_h

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

#define FAL_JSON_DEPTH 512   /* the ceiling for nesting */

typedef enum fal_json_kind {
  FAL_JSON_ERROR = 0,   /* not JSON; fal_json.error says why and where */
  FAL_JSON_END,         /* the document is complete */
  FAL_JSON_NULL, FAL_JSON_FALSE, FAL_JSON_TRUE,
  FAL_JSON_INTEGER,     /* no '.', no exponent, fits an int64_t: token.i */
  FAL_JSON_NUMBER,      /* any other number: token.d */
  FAL_JSON_STRING,      /* token.s, token.n */
  FAL_JSON_KEY,         /* a member's name; its value is the next token */
  FAL_JSON_ARRAY, FAL_JSON_ARRAY_END,
  FAL_JSON_OBJECT, FAL_JSON_OBJECT_END
} fal_json_kind;

typedef struct fal_json_token {
  fal_json_kind kind;
  const char *s;   /* strings: unescaped bytes, valid until the next call of */
  size_t n;        /* fal_json_next; they point into the text when nothing
                      was escaped. May hold NULs (from \u0000). */
  int64_t i;
  double d;        /* set for INTEGER too */
} fal_json_token;

typedef struct fal_json {
  const char *start, *p, *end;
  const char *token;       /* where the text of the last token begins */
  size_t depth, max_depth;
  int state;
  fal_buf scratch;         /* unescaped strings */
  const char *error;       /* static text; NULL while all is well */
  unsigned char stack[FAL_JSON_DEPTH / 8];  /* open containers, a bit each */
} fal_json;

/* Begins to read s[0..n), which must stay where it is. At most 'max_depth'
** containers may be open at once; 0, or more than FAL_JSON_DEPTH, means
** FAL_JSON_DEPTH. Allocates nothing. */
void fal_json_open (fal_json *r, const char *s, size_t n, size_t max_depth);

/* Frees the scratch. Closing twice is fine. */
void fal_json_close (fal_json *r);

/* Nonzero when s[0..n) is JSON: one value and nothing after it. */
int fal_json_valid (const char *s, size_t n);

/* The next token. After FAL_JSON_ERROR or FAL_JSON_END it keeps returning
** the same. */
fal_json_kind fal_json_next (fal_json *r, fal_json_token *t);

/* After 't' began a value, reads to its end (nothing to do for scalars;
** after a KEY, skips the member's value). 0, or -1 on an error. */
int fal_json_skip (fal_json *r, const fal_json_token *t);

/* Line and column (from 1, column in bytes) where the reader stands. */
void fal_json_where (const fal_json *r, size_t *line, size_t *column);

/* Looks up one value by a path of member names and array indexes from 0,
** separated by dots: "detail.0.msg"; "" is the document itself. Finds the
** first match in one pass. Returns its kind (ARRAY and OBJECT for those) with
** '*raw' and '*raw_n' set to its exact text within s, FAL_JSON_END when there
** is none, FAL_JSON_ERROR when the text is broken before it was found. */
fal_json_kind fal_json_find (const char *s, size_t n, const char *path,
                             const char **raw, size_t *raw_n);

/* As above for a string value: its unescaped bytes are appended to 'out'.
** 1 when found (and a string), 0 otherwise. */
int fal_json_find_string (const char *s, size_t n, const char *path,
                          fal_buf *out);

/* ---- Writer: values are appended to a buffer ---- */

/* A string with quotes, escaping what must be (", \, controls; also DEL,
** U+2028, U+2029 are left alone). FAL_EVALIDATION when the bytes are not
** UTF-8 (nothing is appended then); FAL_ETOOBIG, FAL_ENOMEM. */
fal_code fal_json_put_string (fal_buf *b, const char *s, size_t n);

fal_code fal_json_put_int (fal_buf *b, int64_t i);

/* The shortest text that reads back as the same double. Whole numbers below
** 2^53 are written without a point when 'whole' is nonzero (for Luas that
** have doubles only), else with ".0". FAL_EVALIDATION for NaN and
** infinities. */
fal_code fal_json_put_number (fal_buf *b, double d, int whole);

/* Position of the first byte that is not part of well-formed UTF-8, or n. */
size_t fal_utf8_check (const char *s, size_t n);

/* How many of the first bytes of s[0..n) may stand in a JSON string as they
** are: up to the first '"', backslash, control or byte that is not UTF-8. */
size_t fal_json_plain (const char *s, size_t n);

#endif
