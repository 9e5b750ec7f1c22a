/*
** sign.h -- deliveries signed with the server's own Ed25519 key
**
** The key is made of the secret in the data folder, so it stays the same as
** long as that does. Receivers find its public half in the JWKS document of
** the REST role (protocol 11).
*/
#ifndef falua_sign_h
#define falua_sign_h

#include "seal.h"

#define SIGN_PUBLIC  32    /* bytes of a public key */
#define SIGN_HEX     129   /* room for a signature in hex, and its NUL */

/* The public half of the key. 0 when libcrypto cannot. */
int serve_sign_public (const unsigned char secret[SEAL_SECRET],
                       unsigned char to[SIGN_PUBLIC]);

/* Signs request id, user id, timestamp and the SHA-256 of body[0..n), each on
** a line of its own. 0 when libcrypto cannot. */
int serve_sign_delivery (const unsigned char secret[SEAL_SECRET],
                         const char *request_id, const char *user,
                         const char *timestamp, const char *body, size_t n,
                         char hex[SIGN_HEX]);

#endif
