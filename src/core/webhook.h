/*
** webhook.h -- is this delivery from fal? (protocol: Webhooks)
**
** No I/O and no clock: the caller brings the headers, the raw body, the time
** and the keys. A signature is Ed25519 over four lines: request id, user id,
** timestamp, SHA-256 of the body in lower-case hex.
*/
#ifndef fal_webhook_h
#define fal_webhook_h

#include <stddef.h>

#include "error.h"

#define FAL_WEBHOOK_KEYS       64     /* the most keys there may be */
#define FAL_WEBHOOK_KEY        32     /* bytes of one */
#define FAL_WEBHOOK_TOLERANCE  300.0  /* seconds, fal's own figure */

/* Public keys. Owns nothing: copying it is copying it. Zero is empty. */
typedef struct fal_webhook_keys {
  size_t n;
  unsigned char key[FAL_WEBHOOK_KEYS][FAL_WEBHOOK_KEY];
} fal_webhook_keys;

/* Adds a key of FAL_WEBHOOK_KEY bytes. FAL_OK, or FAL_ETOOBIG when there are
** as many as there may be. */
fal_code fal_webhook_add_key (fal_webhook_keys *keys, const void *key,
                              fal_error *err);

/* Reads the Ed25519 keys (kty OKP, crv Ed25519, x of 32 bytes) of a JWKS
** document into '*keys'; other keys are passed over, so that there may be
** none in the end. FAL_EPROTOCOL when it is not JSON or has no list "keys",
** FAL_ETOOBIG when there are more than FAL_WEBHOOK_KEYS; then '*keys' is
** empty. */
fal_code fal_webhook_jwks (const char *s, size_t n, fal_webhook_keys *keys,
                           fal_error *err);

/* A text that need not end with a NUL; NULL or no bytes: missing. */
typedef struct fal_webhook_text {
  const char *s;
  size_t n;
} fal_webhook_text;

/* What was delivered. All of it stays the caller's. */
typedef struct fal_webhook {
  fal_webhook_text request_id;  /* X-Fal-Webhook-Request-Id */
  fal_webhook_text user_id;     /* X-Fal-Webhook-User-Id */
  fal_webhook_text timestamp;   /* X-Fal-Webhook-Timestamp */
  fal_webhook_text signature;   /* X-Fal-Webhook-Signature */
  const char *body;             /* exactly as received */
  size_t body_n;
} fal_webhook;

/* In the order in which they are looked for. */
typedef enum fal_webhook_why {
  FAL_WEBHOOK_OK = 0,
  FAL_WEBHOOK_NO_REQUEST_ID,    /* a header is missing or empty */
  FAL_WEBHOOK_NO_USER_ID,
  FAL_WEBHOOK_NO_TIMESTAMP,
  FAL_WEBHOOK_NO_SIGNATURE,
  FAL_WEBHOOK_BAD_ID,           /* an id has control bytes, or is too long */
  FAL_WEBHOOK_BAD_TIMESTAMP,    /* not a number of seconds in digits */
  FAL_WEBHOOK_BAD_SIGNATURE,    /* not 64 bytes in hex */
  FAL_WEBHOOK_TOO_OLD,
  FAL_WEBHOOK_IN_FUTURE,
  FAL_WEBHOOK_NO_KEYS,          /* all well so far, but nothing to try */
  FAL_WEBHOOK_NO_MATCH,         /* signed with none of the keys */
  FAL_WEBHOOK_FAILED            /* libcrypto could not say: FAL_ENOMEM */
} fal_webhook_why;

/* Checks a delivery at 'now' (Unix seconds). The timestamp may be off by
** 'tolerance' seconds, either way and inclusive. Keys are tried until one
** fits. Unless it is FAL_WEBHOOK_OK, '*err' (which may be NULL) says why not
** in words, with code FAL_EAUTH and the reason as its type:
** "webhook_missing_header", "webhook_bad_header", "webhook_bad_timestamp",
** "webhook_bad_signature", "webhook_too_old", "webhook_in_future",
** "webhook_no_keys", "webhook_no_match". */
fal_webhook_why fal_webhook_verify (const fal_webhook *w,
                                    const fal_webhook_keys *keys, double now,
                                    double tolerance, fal_error *err);

#endif
