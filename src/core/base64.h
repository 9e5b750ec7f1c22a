/*
** base64.h -- RFC 4648 base64 and data: URIs
*/
#ifndef fal_base64_h
#define fal_base64_h

#include <stddef.h>

/* Bytes needed to hold the text of n bytes (no NUL). */
size_t fal_base64_encoded (size_t n);

/* Writes the text of s[0..n), with padding, to 'to'. Returns its length. */
size_t fal_base64_encode (char *to, const void *s, size_t n);

/* Upper bound for the bytes in n characters of text. */
size_t fal_base64_decoded (size_t n);

/* Decodes s[0..n) to 'to'. The standard and the URL alphabet; padding may be
** missing; line breaks and spaces are skipped. Returns the number of bytes,
** or -1 when the text is not base64. 'to' may be the same place as 's'. */
ptrdiff_t fal_base64_decode (void *to, const char *s, size_t n);

/* Splits "data:[type][;params][;base64],payload" (RFC 2397). Returns 1 and
** points into s, or 0 when it is not a data: URI. 'type' has the parameters
** left out; type_n is 0 when none is given. */
int fal_data_uri_split (const char *s, size_t n, const char **type,
                        size_t *type_n, int *is_base64,
                        const char **payload, size_t *payload_n);

/* Decodes %XX in s[0..n) to 'to' (may be the same place). Bytes, or -1. */
ptrdiff_t fal_percent_decode (char *to, const char *s, size_t n);

#endif
