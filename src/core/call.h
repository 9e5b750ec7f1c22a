/*
** call.h -- one exchange with the API, repeated as the policy allows (private)
**
** What operations are made of: an operation embeds one fal_call for each
** exchange it may have in flight, fills it, starts it, and is told when it
** has ended. Between attempts a call pauses.
*/
#ifndef fal_call_h
#define fal_call_h

#include "engine.h"

typedef struct fal_call {
  /* Filled by the operation before 'start'. */
  fal_op *op;
  void (*ended) (fal_op *op, struct fal_call *c);
  void (*keyed) (fal_op *op, const char *credentials);  /* another key was
                               given for it; may be NULL */
  fal_exchange x;           /* url: a C string in 'url' */
  fal_buf url;              /* owned by the call */
  fal_buf input;            /* owned; what x.body points to, when used */
  struct curl_slist *headers;   /* owned; NULL: the client's own list */
  int direct;               /* has its own secret: not by the client's proxy_url */
  int safe;                 /* may be repeated although it may have arrived */
  int ask_key;              /* later attempts ask for the key anew */
  int tell;                 /* each attempt is an event */
  int no_retry;             /* one attempt, whatever the policy says */
  int final;                /* what fal itself answers is the last word */
  int patient;              /* the deadline may pass in a pause, and then ends
                               the operation in its own way */
  /* The outcome. */
  fal_error err;            /* FAL_OK: a 2xx */
  fal_answer answer;        /* points into head and body */
  fal_buf head, body;
  int attempts;
  /* Private. */
  fal_transfer *transfer;
  fal_alarm pause;
} fal_call;

/* A call of 'op', zeroed. */
void fal_call_init (fal_call *c, fal_op *op,
                    void (*ended) (fal_op *op, fal_call *c));

/* Makes the first attempt. On failure nothing was started. */
fal_code fal_call_start (fal_call *c, fal_error *err);

/* The same once a key was given for it: asks for that first. */
fal_code fal_call_ask (fal_call *c, fal_error *err);

/* Stops it if it runs, and frees what it holds; it can be used again after
** another init. */
void fal_call_clear (fal_call *c);

/* To be called by the operation's 'transferred': the transfer is a call's. */
void fal_call_transferred (fal_op *op, fal_transfer *t);

/* Moves the outcome's head, body, status and attempts to the operation. */
void fal_call_hand_over (fal_call *c);

/* Fills '*err' for an operation whose time is up: FAL_ETIMEOUT, "'what' after
** 3 seconds'then'". The hint is the last failure when the call was in a
** pause. */
void fal_call_late (const fal_call *c, const char *what, double seconds,
                    const char *then, fal_error *err);

/* Moves a call whose exchange is in flight to another operation, which is told
** of its end; 'from' is as after init. */
void fal_call_move (fal_call *to, fal_op *op, fal_call *from);

/* The headers of a JSON call with another key than the client's, or with
** 'more' lines (NULL-ended; may be NULL): a new list in c->headers. */
fal_code fal_call_headers (fal_call *c, const char *credentials,
                           const char *const *more, fal_error *err);

#endif
