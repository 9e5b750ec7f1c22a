/*
** retry.h -- when an exchange may be made again, and after how long
**
** What was paid for is not asked for twice: a call that is not safe to repeat
** is made again only when it provably did not arrive (no connection, 429, or
** a 502-504 of something before fal, which carries no x-fal-request-id), or
** when fal itself says that a retry helps. The platform's headers
** (X-Fal-Needs-Retry, X-Fal-Retryable, Retry-After) are obeyed, up to a limit:
** who is asked to wait for longer than a minute (or max_delay), or for longer
** than there is time, gets the error instead, which says for how long.
*/
#ifndef fal_retry_h
#define fal_retry_h

#include <stdint.h>

#include "fal.h"

/* What is known of an exchange that failed. */
typedef struct fal_attempt {
  const fal_error *err;      /* code, status, request_id filled */
  const fal_answer *answer;  /* its headers; status 0: no answer at all */
  int safe;                  /* may be repeated although it may have arrived */
  int final;                 /* an answer with x-fal-request-id stands: it is
                                how the model, not the exchange, ended */
  int sent;                  /* the request may have reached the server */
  int made;                  /* attempts so far */
  double left;               /* seconds until the deadline; 0: there is none,
                                or it may pass in a pause */
} fal_attempt;

/* Seconds to wait before the next attempt, or a negative number when there
** must be none. 'now' is the wall clock (for a Retry-After that is a date),
** 'random' uniform in [0, 1). */
double fal_retry_delay (const fal_retry *policy, const fal_attempt *a,
                        double now, double random);

/* What the Retry-After of an answer asks for, in seconds; 0: nothing. */
double fal_retry_asked (const fal_answer *a, double now);

/* The value of a Retry-After header, in seconds from 'now' (wall clock): a
** number or an HTTP date. Negative when it is neither. */
double fal_retry_after (const char *s, size_t n, double now);

#endif
