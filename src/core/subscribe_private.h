/*
** subscribe_private.h -- a subscription: what subscribe.c and
** subscribe_follow.c share
*/
#ifndef fal_subscribe_private_h
#define fal_subscribe_private_h

#include "call.h"
#include "sse.h"

#define FAL_MAX_STATUS ((size_t)16 << 20)   /* bytes of one status */

typedef enum fal_stage {
  FAL_SUBMITTING, FAL_STREAMING, FAL_POLLING, FAL_FETCHING
} fal_stage;

typedef struct fal_subscription {
  fal_op op;
  fal_call call;
  fal_stage stage;
  fal_sse sse;
  fal_alarm next_poll;
  char *endpoint, *credentials;   /* credentials NULL: the client's */
  char request_id[80];
  double interval, silent;
  int streaming, logs, statuses, no_result, ask_key, tell;
  int followed;             /* submitted by somebody else */
  int keep;                 /* goes on when it is given up */
  fal_buf final;            /* that status, when nobody wants each of them */
  int completed;            /* a status has said so */
  int failed;               /* and that there was an error */
  int attempts;             /* of the submit */
  int submit_only;          /* the answer to it is all that is wanted */
  int late;                 /* the deadline has passed in the submit */
  int unwanted;             /* by anybody: to be canceled when it has an id */
} fal_subscription;


/* ---- subscribe.c ---- */

/* Ends it: with op.err as it is, or with '*err'. */
void fal_subscription_end (fal_subscription *s);
void fal_subscription_fail (fal_subscription *s, const fal_error *err);


/* ---- subscribe_follow.c ---- */

/* Its request has an id: follows it to its result. */
void fal_subscription_follow (fal_subscription *s);

#endif
