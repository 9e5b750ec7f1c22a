/*
** digest.h -- digests by name, as lower-case hex (libcrypto)
*/
#ifndef fal_digest_h
#define fal_digest_h

#include <stddef.h>

#define FAL_DIGEST_HEX 129   /* room for the longest, and its NUL */

/* "md5", "sha1", "sha256" or "sha512" of s[0..n) to 'hex'. Returns 1, or 0
** when there is no such digest here. */
int fal_digest (const char *name, const void *s, size_t n,
                char hex[FAL_DIGEST_HEX]);

#endif
