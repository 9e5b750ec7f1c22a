/*
** digest.c -- digests by name, as lower-case hex (libcrypto)
*/
#include <string.h>

#include <openssl/evp.h>

#include "digest.h"


static const EVP_MD *by_name (const char *name) {
  if (strcmp(name, "md5") == 0) return EVP_md5();
  if (strcmp(name, "sha1") == 0) return EVP_sha1();
  if (strcmp(name, "sha256") == 0) return EVP_sha256();
  if (strcmp(name, "sha512") == 0) return EVP_sha512();
  return NULL;
}


int fal_digest (const char *name, const void *s, size_t n,
                char hex[FAL_DIGEST_HEX]) {
  unsigned char md[EVP_MAX_MD_SIZE];
  unsigned len = 0, i;
  const EVP_MD *type = by_name(name);
  if (type == NULL || EVP_Digest(s, n, md, &len, type, NULL) != 1)
    return 0;
  for (i = 0; i < len; i++) {
    hex[2 * i] = "0123456789abcdef"[md[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[md[i] & 15];
  }
  hex[2 * len] = '\0';
  return 1;
}
