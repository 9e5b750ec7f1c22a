/*
** fuzz_json.c -- any bytes: the reader ends, and what it accepts survives
** being written and read again, and can be found
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/json.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


/* Puts the comma that belongs before a token. */
static void comma (fal_buf *b, fal_json_kind kind) {
  char last = b->n > 0 ? b->s[b->n - 1] : '[';
  if (last != '[' && last != '{' && last != ':' &&
      kind != FAL_JSON_ARRAY_END && kind != FAL_JSON_OBJECT_END)
    fal_buf_add(b, ",", 1);
}


static void put (fal_buf *b, const fal_json_token *t) {
  comma(b, t->kind);
  switch (t->kind) {
    case FAL_JSON_NULL: fal_buf_addstr(b, "null"); break;
    case FAL_JSON_FALSE: fal_buf_addstr(b, "false"); break;
    case FAL_JSON_TRUE: fal_buf_addstr(b, "true"); break;
    case FAL_JSON_INTEGER: need(fal_json_put_int(b, t->i) == FAL_OK); break;
    case FAL_JSON_NUMBER:
      need(fal_json_put_number(b, t->d, 0) == FAL_OK);
      break;
    case FAL_JSON_STRING: case FAL_JSON_KEY:
      need(fal_utf8_check(t->s, t->n) == t->n);
      need(fal_json_put_string(b, t->s, t->n) == FAL_OK);
      if (t->kind == FAL_JSON_KEY)
        fal_buf_add(b, ":", 1);
      break;
    case FAL_JSON_ARRAY: fal_buf_add(b, "[", 1); break;
    case FAL_JSON_ARRAY_END: fal_buf_add(b, "]", 1); break;
    case FAL_JSON_OBJECT: fal_buf_add(b, "{", 1); break;
    case FAL_JSON_OBJECT_END: fal_buf_add(b, "}", 1); break;
    default: need(0);
  }
}


/* Writes the document again into 'b'. Nonzero when it was one. */
static int rewrite (const char *s, size_t n, fal_buf *b) {
  fal_json r;
  fal_json_token t;
  size_t line, column;
  fal_json_open(&r, s, n, 0);
  while (fal_json_next(&r, &t) > FAL_JSON_END)
    put(b, &t);
  fal_json_where(&r, &line, &column);
  need(line >= 1 && column >= 1 && column <= n + 1);
  need((t.kind == FAL_JSON_ERROR) == (r.error != NULL));
  need(r.p >= s && r.p <= s + n);
  fal_json_close(&r);
  return t.kind == FAL_JSON_END;
}


/* Whatever is found is a document of the kind it is said to be. */
static void find (const char *s, size_t n, int sound, const char *path) {
  const char *raw, *again;
  size_t raw_n, again_n;
  fal_json_kind kind = fal_json_find(s, n, path, &raw, &raw_n);
  need(!sound || kind != FAL_JSON_ERROR);
  if (kind != FAL_JSON_ERROR && kind != FAL_JSON_END) {
    need(raw >= s && raw_n <= n && raw + raw_n <= s + n);
    need(fal_json_find(raw, raw_n, "", &again, &again_n) == kind);
    need(again == raw && again_n == raw_n);
  }
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  const char *s = (const char *)data;
  fal_buf once, twice;
  int sound;
  fal_buf_init(&once, size * 32 + 64);
  fal_buf_init(&twice, size * 32 + 64);
  sound = rewrite(s, size, &once);
  if (sound) {
    need(rewrite(once.s, once.n, &twice));
    need(once.n == twice.n && memcmp(once.s, twice.s, once.n) == 0);
  }
  find(s, size, sound, "");
  find(s, size, sound, "a.0.b");
  find(s, size, sound, "0.1");
  fal_buf_free(&once);
  fal_buf_free(&twice);
  return 0;
}
