/*
** sign.h -- deliveries signed with an Ed25519 key
**
** The server's own is made of the secret in the data folder, so it stays the
** same as long as that does. Receivers find its public half in the JWKS
** document of the REST role (protocol 11).
*/
#ifndef falua_sign_h
#define falua_sign_h

#include "seal.h"

#define SIGN_KEY  32    /* bytes of a key, either half */
#define SIGN_HEX  129   /* room for a signature in hex, and its NUL */

/* The private key that goes with a data folder's secret. */
void serve_sign_key (const unsigned char secret[SEAL_SECRET],
                     unsigned char key[SIGN_KEY]);

/* Appends the JWKS document with the public half of a private key. */
fal_code serve_sign_jwks (const unsigned char private[SIGN_KEY], fal_buf *to);

/* Signs request id, user id, timestamp and the SHA-256 of body[0..n), each on
** a line of its own. 0 when libcrypto cannot, or the ids are too long. */
int serve_sign_delivery (const unsigned char private[SIGN_KEY],
                         const char *request_id, const char *user,
                         const char *timestamp, const char *body, size_t n,
                         char hex[SIGN_HEX]);

#endif
