/*
** sign.c -- deliveries signed with an Ed25519 key
*/
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "../core/digest.h"
#include "sign.h"

#define PURPOSE  "webhook signing key"


void serve_sign_key (const unsigned char secret[SEAL_SECRET],
                     unsigned char key[SIGN_KEY]) {
  serve_mac(secret, PURPOSE, sizeof(PURPOSE) - 1, key);
}


static EVP_PKEY *load (const unsigned char key[SIGN_KEY]) {
  return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, SIGN_KEY);
}


fal_code serve_sign_jwks (const unsigned char private[SIGN_KEY],
                          fal_buf *to) {
  unsigned char public[SIGN_KEY];
  size_t n = sizeof(public);
  EVP_PKEY *key = load(private);
  int ok = key != NULL && EVP_PKEY_get_raw_public_key(key, public, &n) == 1;
  fal_buf x;
  EVP_PKEY_free(key);
  fal_buf_init(&x, 64);
  if (!ok || serve_put_base64url(&x, public, n) != FAL_OK ||
      fal_buf_cstr(&x) == NULL)
    return fal_buf_free(&x), FAL_ENOMEM;
  fal_buf_addf(to, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
               "\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"falua-%.8s\","
               "\"x\":\"%s\"}]}", x.s, x.s);
  fal_buf_free(&x);
  return to->n > 0 ? FAL_OK : FAL_ENOMEM;
}


static int sign (EVP_PKEY *key, const char *s, size_t n, char hex[SIGN_HEX]) {
  unsigned char raw[64];
  size_t raw_n = sizeof(raw), i;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  int ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1
           && EVP_DigestSign(ctx, raw, &raw_n, (const unsigned char *)s, n)
              == 1;
  EVP_MD_CTX_free(ctx);
  for (i = 0; ok && i < raw_n; i++)
    snprintf(hex + 2 * i, 3, "%02x", raw[i]);
  return ok;
}


int serve_sign_delivery (const unsigned char private[SIGN_KEY],
                         const char *request_id, const char *user,
                         const char *timestamp, const char *body, size_t n,
                         char hex[SIGN_HEX]) {
  char digest[FAL_DIGEST_HEX], text[512];
  EVP_PKEY *key;
  int k, ok;
  if (!fal_digest("sha256", body, n, digest))
    return 0;
  k = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", request_id, user,
               timestamp, digest);
  if (k <= 0 || k >= (int)sizeof(text))
    return 0;
  key = load(private);
  ok = key != NULL && sign(key, text, (size_t)k, hex);
  EVP_PKEY_free(key);
  return ok;
}
