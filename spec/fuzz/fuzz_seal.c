/*
** fuzz_seal.c -- tokens: strangers' are refused, and what stands in ours is
** read whatever it is
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/server/scope.c"
#include "../../src/server/seal.c"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const unsigned char secret[SEAL_SECRET] = "a secret of the specs";


static void need (int condition) {
  if (!condition)
    abort();
}


/* A stranger cannot sign. */
static void open_as_it_is (const char *s, size_t n) {
  fal_buf claims;
  need(!serve_seal_open(secret, "put", s, n, &claims));
  fal_buf_free(&claims);
}


/* The bytes behind a good signature: as they are, and in base64. */
static void open_signed (const char *s, size_t n, int encode) {
  char signature[SIGNATURE + 2] = ".";
  fal_buf token, claims;
  fal_buf_init(&token, 1u << 20);
  need((encode ? serve_put_base64url(&token, s, n)
               : fal_buf_add(&token, s, n)) == FAL_OK);
  serve_sign(secret, token.s != NULL ? token.s : "", token.n, signature + 1,
             SIGNATURE);
  need(fal_buf_addstr(&token, signature) == FAL_OK);
  if (serve_seal_open(secret, "put", token.s, token.n, &claims)) {
    const char *raw;
    size_t raw_n;
    need(claims.n > 0);
    if (fal_json_find(claims.s, claims.n, "apps", &raw, &raw_n)
        == FAL_JSON_ARRAY)
      serve_scope_has(raw, raw_n, "fal-ai/flux/dev");
  }
  fal_buf_free(&claims);
  fal_buf_free(&token);
}


/* What we make opens, for its use alone, unless the owner's name is no UTF-8
** or too long. */
static void make (const char *owner) {
  fal_buf token, text;
  fal_buf_init(&token, SEAL_MAX);
  fal_buf_init(&text, SEAL_MAX);
  if (fal_utf8_check(owner, strlen(owner)) == strlen(owner) &&
      serve_seal_make(secret, "put", owner, 3600, "\"n\":1", &token)
      == FAL_OK) {
    fal_buf claims;
    need(serve_seal_open(secret, "put", token.s, token.n, &claims));
    need(fal_json_find_string(claims.s, claims.n, "o", &text));
    need(text.n == strlen(owner) &&
         (text.n == 0 || memcmp(text.s, owner, text.n) == 0));
    fal_buf_free(&claims);
    need(!serve_seal_open(secret, "part", token.s, token.n, NULL));
  }
  fal_buf_free(&text);
  fal_buf_free(&token);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *s = malloc(size + 1);
  need(s != NULL);
  if (size > 0)
    memcpy(s, data, size);
  s[size] = '\0';
  open_as_it_is(s, size);
  open_signed(s, size, 0);
  open_signed(s, size, 1);
  need(serve_scope_count(s, size) >= -1);
  serve_scope_has(s, size, "fal-ai/flux/dev");
  serve_scope_has("[\"flux\",\"fal-ai/flux\"]", 22, s);
  make(s);
  free(s);
  return 0;
}
