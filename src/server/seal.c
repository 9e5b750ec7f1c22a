/*
** seal.c -- what the server signs for later: tokens, upload addresses
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../core/base64.h"
#include "../core/file.h"
#include "../core/json.h"
#include "seal.h"

#define SIGNATURE  32    /* hex digits of a token's */


/*
** {======================================================
** The secret
** =======================================================
*/

static int from_hex (const char *s, unsigned char *to, size_t n) {
  size_t i;
  if (strspn(s, "0123456789abcdef") != 2 * n)
    return 0;
  for (i = 0; i < n; i++) {
    unsigned v = 0;
    sscanf(s + 2 * i, "%2x", &v);
    to[i] = (unsigned char)v;
  }
  return 1;
}


static void to_hex (const unsigned char *s, char *to, size_t digits) {
  size_t i;
  for (i = 0; i < digits; i++)
    to[i] = "0123456789abcdef"[i % 2 == 0 ? s[i / 2] >> 4 : s[i / 2] & 15];
  to[digits] = '\0';
}


static fal_code make_secret (const char *path, fal_error *err) {
  unsigned char bytes[SEAL_SECRET];
  char text[2 * SEAL_SECRET + 2];
  if (getentropy(bytes, sizeof(bytes)) != 0)
    return fal_fail(err, FAL_ENOMEM, "no randomness");
  to_hex(bytes, text, 2 * SEAL_SECRET);
  strcat(text, "\n");
  return fal_file_append(path, text, strlen(text), err);  /* 0600 */
}


fal_code serve_secret_load (const char *data,
                            unsigned char secret[SEAL_SECRET],
                            fal_error *err) {
  char path[4096];
  struct stat st;
  fal_buf b;
  fal_code code = FAL_OK;
  snprintf(path, sizeof(path), "%s/secret", data);
  if (stat(path, &st) != 0)
    code = make_secret(path, err);
  fal_buf_init(&b, 256);
  if (code == FAL_OK)
    code = fal_file_get(path, &b, err);
  if (code == FAL_OK && (fal_buf_cstr(&b) == NULL ||
                         !from_hex(b.s, secret, SEAL_SECRET))) {
    code = fal_fail(err, FAL_EFILE, "%.300s is not what this server wrote "
                    "there", path);
    fal_hint(err, "remove it: a new one is made, and old upload addresses "
             "and files of tenants are not found any more");
  }
  fal_buf_free(&b);
  return code;
}

/* }====================================================== */


void serve_mac (const unsigned char secret[SEAL_SECRET], const char *s,
                size_t len, unsigned char mac[SEAL_MAC]) {
  unsigned int size = 0;
  memset(mac, 0, SEAL_MAC);
  HMAC(EVP_sha256(), secret, SEAL_SECRET, (const unsigned char *)s, len,
       mac, &size);
}


void serve_sign (const unsigned char secret[SEAL_SECRET], const char *s,
                 size_t len, char *to, size_t n) {
  unsigned char mac[SEAL_MAC];
  serve_mac(secret, s, len, mac);
  to_hex(mac, to, n);
}


int serve_same (const void *a, const void *b, size_t n) {
  return CRYPTO_memcmp(a, b, n) == 0;
}


fal_code serve_put_base64url (fal_buf *to, const void *s, size_t n) {
  char *p = fal_buf_room(to, fal_base64_encoded(n));
  size_t i, k;
  if (p == NULL)
    return FAL_ENOMEM;
  k = fal_base64_encode(p, s, n);
  while (k > 0 && p[k - 1] == '=')
    k--;
  for (i = 0; i < k; i++)
    p[i] = p[i] == '+' ? '-' : p[i] == '/' ? '_' : p[i];
  to->n += k;
  return FAL_OK;
}


fal_code serve_seal_make (const unsigned char secret[SEAL_SECRET],
                           const char *use, const char *owner, double seconds,
                           const char *more, fal_buf *to) {
  char signature[SIGNATURE + 1];
  size_t at = to->n;
  fal_buf b;
  fal_code code;
  fal_buf_init(&b, SEAL_MAX);
  fal_buf_addf(&b, "{\"u\":\"%s\",\"e\":%.0f,\"o\":", use,
               (double)time(NULL) + seconds);
  fal_json_put_string(&b, owner, strlen(owner));
  code = fal_buf_addf(&b, "%s%s}", more != NULL ? "," : "",
                      more != NULL ? more : "");
  if (code == FAL_OK)
    code = serve_put_base64url(to, b.s, b.n);
  fal_buf_free(&b);
  if (code != FAL_OK)
    return code;
  serve_sign(secret, to->s + at, to->n - at, signature, SIGNATURE);
  return fal_buf_addf(to, ".%s", signature);
}


/* Nonzero when the JSON says that it is for 'use' and still good. */
static int is_good (const fal_buf *b, const char *use) {
  const char *raw;
  size_t n;
  fal_buf text;
  int good;
  fal_buf_init(&text, 64);
  good = fal_json_find_string(b->s, b->n, "u", &text) &&
         text.n == strlen(use) && memcmp(text.s, use, text.n) == 0 &&
         fal_json_find(b->s, b->n, "e", &raw, &n) == FAL_JSON_INTEGER &&
         strtod(raw, NULL) > (double)time(NULL);
  fal_buf_free(&text);
  return good;
}


int serve_seal_open (const unsigned char secret[SEAL_SECRET],
                      const char *use, const char *s, size_t n,
                      fal_buf *claims) {
  char signature[SIGNATURE + 1];
  fal_buf own;
  fal_buf *b = claims != NULL ? claims : &own;
  size_t k = n > SIGNATURE ? n - SIGNATURE - 1 : 0;
  ptrdiff_t size = -1;
  int good = 0;
  fal_buf_init(b, SEAL_MAX);
  if (k > 0 && n <= SEAL_MAX && s[k] == '.') {
    serve_sign(secret, s, k, signature, SIGNATURE);
    if (serve_same(signature, s + k + 1, SIGNATURE) &&
        fal_buf_room(b, fal_base64_decoded(k)) != NULL)
      size = fal_base64_decode(b->s, s, k);
  }
  if (size > 0) {
    b->n = (size_t)size;
    good = fal_buf_cstr(b) != NULL && is_good(b, use);
  }
  if (claims == NULL)
    fal_buf_free(b);
  return good;
}
