/*
** error.h -- what went wrong, in one fixed-size struct
**
** Every function that can fail for a reason of the world takes a
** 'fal_error *' and fills it. The struct owns nothing: copying it is copying
** it, and there is nothing to free. Texts are cut (on a UTF-8 boundary) at
** the size of their field.
*/
#ifndef fal_error_h
#define fal_error_h

#include <stddef.h>

/* The stable words of the public API, in this order (see fal_code_name). */
typedef enum fal_code {
  FAL_OK = 0,
  FAL_ENETWORK,     /* "network": no connection, TLS refused, cut short */
  FAL_ETIMEOUT,     /* "timeout": a deadline of ours or of the platform */
  FAL_ECANCELED,    /* "canceled": by the caller */
  FAL_EAUTH,        /* "auth": no key, or the key was refused (401, 403) */
  FAL_EVALIDATION,  /* "validation": the input was refused (422), a bad id */
  FAL_EHTTP,        /* "http": any other status that is not success */
  FAL_EMODEL,       /* "model": the model itself reported a failure */
  FAL_EPROTOCOL,    /* "protocol": the answer is not what fal answers */
  FAL_ETOOBIG,      /* "toobig": a ceiling was passed */
  FAL_EFILE,        /* "file": the local disk said no */
  FAL_EBUDGET,      /* "budget": the call would pass the budget */
  FAL_EEXPIRED,     /* "expired": the result is gone at the server */
  FAL_ENOMEM        /* "memory": allocation failed */
} fal_code;

typedef struct fal_error {
  fal_code code;
  int status;            /* HTTP status, 0 when none was received */
  int retryable;         /* nonzero: trying again may help */
  double retry_after;    /* seconds that the server asks to wait before; 0:
                            it asks for nothing */
  char type[64];         /* fal's error type, "" when none */
  char request_id[80];   /* "" when none */
  char message[640];     /* for people; never has a key or base64 in it */
  char hint[320];        /* the way out, "" when none */
} fal_error;

/* "network", "timeout", ... for a code; "ok" for FAL_OK. Static storage. */
const char *fal_code_name (fal_code code);

/* Fills '*err' (which may be NULL) anew with a code and a printf message.
** Returns 'code', so that a failing function can end in one line. */
fal_code fal_fail (fal_error *err, fal_code code, const char *fmt, ...)
  __attribute__((format(printf, 3, 4)));

/* Sets the hint of an error already filled. 'err' may be NULL. */
void fal_hint (fal_error *err, const char *fmt, ...)
  __attribute__((format(printf, 2, 3)));

/* Copies at most 'size - 1' bytes of s[0..n) into 'to', ending it with a NUL,
** never cutting a UTF-8 sequence; control bytes become spaces. */
void fal_copy_text (char *to, size_t size, const char *s, size_t n);

#endif
