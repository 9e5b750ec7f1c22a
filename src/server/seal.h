/*
** seal.h -- what the server signs for later: tokens, upload addresses
**
** A token is base64url(JSON) "." 32 hex digits of an HMAC-SHA256 over the
** first part with the server's secret, which is kept in the data folder: so
** tokens outlive a restart, and nothing has to be remembered of them. The
** JSON has "u" (what it is for), "o" (whose), "e" (when it ends, time()) and
** what else the maker adds. All of it may stand in a URL as it is.
*/
#ifndef falua_seal_h
#define falua_seal_h

#include <stddef.h>

#include "../core/buf.h"
#include "../core/error.h"

#define SEAL_SECRET  32     /* bytes */
#define WORKER_KEY   "falua:" /* then a token for "worker": an endpoint's key */
#define SEAL_MAX     4096   /* characters of a token that is looked at */

/* Reads {data}/secret, made when it is not there. */
fal_code serve_secret_load (const char *data,
                            unsigned char secret[SEAL_SECRET],
                            fal_error *err);

#define SEAL_MAC  32   /* bytes */

/* The HMAC-SHA256 of s[0..len) with the secret. */
void serve_mac (const unsigned char secret[SEAL_SECRET], const char *s,
                size_t len, unsigned char mac[SEAL_MAC]);

/* The first 'n' hex digits (64 at most) of the HMAC of s[0..len), and a
** NUL. */
void serve_sign (const unsigned char secret[SEAL_SECRET], const char *s,
                 size_t len, char *to, size_t n);

/* Appends base64 with the URL's alphabet and no padding. */
fal_code serve_put_base64url (fal_buf *to, const void *s, size_t n);

/* Nonzero when they are equal. Takes as long whatever they are. */
int serve_same (const void *a, const void *b, size_t n);

/* Appends a token for 'use' ("put", "cdn", "realtime"), of an owner, that is
** good for so many seconds. 'more' is NULL or members of the JSON:
** "\"n\":1,\"s\":\"x\"". */
fal_code serve_seal_make (const unsigned char secret[SEAL_SECRET],
                           const char *use, const char *owner, double seconds,
                           const char *more, fal_buf *to);

/* Nonzero when s[0..n) is a token for 'use' that is still good. Its JSON goes
** to 'claims', which is initialised here and to be freed in any case; NULL
** when it is not wanted. */
int serve_seal_open (const unsigned char secret[SEAL_SECRET],
                      const char *use, const char *s, size_t n,
                      fal_buf *claims);

#endif
