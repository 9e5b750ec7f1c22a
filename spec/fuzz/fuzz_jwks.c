/*
** fuzz_jwks.c -- any bytes as a JWKS document: what is taken for a key is
** one, written again it is read again, and it can be tried
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/base64.h"
#include "../../src/core/buf.h"
#include "../../src/core/webhook.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


static void write_again (fal_buf *b, const fal_webhook_keys *keys) {
  char x[64];
  size_t i;
  fal_buf_addstr(b, "{\"keys\":[");
  for (i = 0; i < keys->n; i++) {
    int n = (int)fal_base64_encode(x, keys->key[i], FAL_WEBHOOK_KEY);
    fal_buf_addf(b, "%s{\"x\":\"%.*s\",\"crv\":\"Ed25519\",\"kty\":\"OKP\"}",
                 i > 0 ? "," : "", n, x);
  }
  fal_buf_addstr(b, "]}");
}


/* A signature of zeros, on a body that is the document itself. */
static void verify (const char *s, size_t n, const fal_webhook_keys *keys) {
  char zeros[128];
  fal_webhook w;
  fal_webhook_why why;
  memset(zeros, '0', sizeof(zeros));
  w.request_id.s = w.user_id.s = w.timestamp.s = w.signature.s = zeros;
  w.request_id.n = w.user_id.n = w.timestamp.n = 1;
  w.signature.n = sizeof(zeros);
  w.body = s;
  w.body_n = n;
  why = fal_webhook_verify(&w, keys, 0, FAL_WEBHOOK_TOLERANCE, NULL);
  need((why == FAL_WEBHOOK_NO_KEYS) == (keys->n == 0));
  need(why != FAL_WEBHOOK_FAILED);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  const char *s = (const char *)data;
  fal_webhook_keys keys, again;
  fal_error err;
  fal_buf b;
  fal_code code = fal_webhook_jwks(s, size, &keys, &err);
  need(code == FAL_OK || code == FAL_EPROTOCOL || code == FAL_ETOOBIG);
  need(keys.n <= FAL_WEBHOOK_KEYS && (code == FAL_OK || keys.n == 0));
  need(code == FAL_OK || err.message[0] != '\0');
  if (code != FAL_OK)
    return 0;
  fal_buf_init(&b, 16384);
  write_again(&b, &keys);
  need(fal_webhook_jwks(b.s, b.n, &again, &err) == FAL_OK);
  need(again.n == keys.n &&
       memcmp(keys.key, again.key, keys.n * FAL_WEBHOOK_KEY) == 0);
  fal_buf_free(&b);
  verify(s, size, &keys);
  return 0;
}
