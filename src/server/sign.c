/*
** sign.c -- deliveries signed with the server's own Ed25519 key
*/
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "../core/digest.h"
#include "sign.h"

#define PURPOSE  "webhook signing key"


static EVP_PKEY *key_of (const unsigned char secret[SEAL_SECRET]) {
  unsigned char seed[SEAL_MAC];
  serve_mac(secret, PURPOSE, sizeof(PURPOSE) - 1, seed);
  return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
                                      sizeof(seed));
}


int serve_sign_public (const unsigned char secret[SEAL_SECRET],
                       unsigned char to[SIGN_PUBLIC]) {
  EVP_PKEY *key = key_of(secret);
  size_t n = SIGN_PUBLIC;
  int ok = key != NULL && EVP_PKEY_get_raw_public_key(key, to, &n) == 1;
  EVP_PKEY_free(key);
  return ok;
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


int serve_sign_delivery (const unsigned char secret[SEAL_SECRET],
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
  key = key_of(secret);
  ok = key != NULL && sign(key, text, (size_t)k, hex);
  EVP_PKEY_free(key);
  return ok;
}
