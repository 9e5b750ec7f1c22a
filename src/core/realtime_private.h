/*
** realtime_private.h -- what the parts of a realtime connection share
*/
#ifndef fal_realtime_private_h
#define fal_realtime_private_h

#include "call.h"

#define FAL_MAX_TOKEN ((size_t)64 << 10)

/* ---- realtime_token.c: what lets a connection in ---- */

typedef struct fal_rt_token {
  fal_buf alias;            /* of the app it is for */
  char *credentials;        /* it is asked for with; NULL: the client's */
  char *text;               /* as it is in the URL; NULL: none */
  double expiration;        /* seconds it is asked for */
  double fresh_until;
  int used;                 /* an earlier connection had it */
} fal_rt_token;

/* Frees all of it and overwrites the secrets. */
void fal_rt_token_clear (fal_rt_token *t);

/* Overwrites the token itself. */
void fal_rt_token_drop (fal_rt_token *t);

int fal_rt_token_fresh (const fal_rt_token *t);

/* Replaces the credentials by a copy. FAL_OK or FAL_ENOMEM. */
fal_code fal_rt_token_key (fal_rt_token *t, const char *credentials);

/* Starts a call that asks for one. */
fal_code fal_rt_token_ask (const fal_rt_token *t, fal_call *c,
                           fal_error *err);

/* Takes the one in the answer to such a call. */
fal_code fal_rt_token_read (fal_rt_token *t, const fal_answer *a,
                            fal_error *err);


/* ---- realtime_text.c: what an app's text message is ---- */

typedef enum fal_rt_text {
  FAL_RT_RESULT,            /* the caller's */
  FAL_RT_NEWS,              /* about the connection, of no interest */
  FAL_RT_TIMEOUT,           /* the app ends a connection that was idle */
  FAL_RT_UNAUTHORIZED,      /* the token is no good; fills '*err' */
  FAL_RT_ERROR              /* fills '*err' */
} fal_rt_text;

fal_rt_text fal_rt_read (const char *s, size_t n, fal_error *err);

#endif
